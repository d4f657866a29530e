//! Completion: the shell asks the program, which knows commands and flags.

use std::ffi::OsString;

use crate::error::{Error, Result};

/// The variable with which a shell asks.
const VARIABLE: &str = "NSC_COMPLETE";

/// Answers a shell that asks; whether one did.
pub fn answer(args: &[OsString]) -> Result<bool> {
    clap_complete::CompleteEnv::with_factory(super::command)
        .var(VARIABLE)
        .bin("nsc")
        .try_complete(
            args.iter().cloned(),
            std::env::current_dir().ok().as_deref(),
        )
        .map_err(|error| Error::refused(error.to_string()))
}

/// What a user puts into the start-up file of his shell.
pub fn script(shell: &str) -> Result<String> {
    let shells = clap_complete::env::Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| Error::refused(format!("there are no completions for {shell}")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "nsc", "nsc", "nsc", &mut script)
        .map_err(|error| Error::refused(error.to_string()))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}
