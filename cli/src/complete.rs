//! What shells offer while a command is typed: names that only the machine or the servers know.
//!
//! The shell runs `nats` with `COMPLETE` set (see [`script`]); `clap_complete` finds out which argument is typed and calls one
//! of the functions here. They never fail: what cannot be found out is not offered.

use std::ffi::{OsStr, OsString};

use clap_complete::engine::CompletionCandidate;
use nats_client::context::Store;

use crate::error::{CliError, Result};

/// The variable with which a shell asks.
pub const VARIABLE: &str = "COMPLETE";

/// Answers when a shell asks; true when it did.
pub fn answer(args: &[OsString]) -> Result<bool> {
    clap_complete::CompleteEnv::with_factory(crate::app::command)
        .var(VARIABLE)
        .bin("nats")
        .try_complete(
            args.iter().cloned(),
            std::env::current_dir().ok().as_deref(),
        )
        .map_err(|error| CliError::new(error.to_string()))
}

/// What a user puts into the start-up file of his shell: it makes the shell ask.
pub fn script(shell: &str) -> Result<String> {
    let shells = clap_complete::env::Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| CliError::new(format!("there are no completions for {shell}")))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "nats", "nats", "nats", &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Contexts, with their descriptions.
pub fn contexts(current: &OsStr) -> Vec<CompletionCandidate> {
    let Ok(store) = Store::open_default() else {
        return Vec::new();
    };
    contexts_of(&store, &current.to_string_lossy())
}

fn contexts_of(store: &Store, current: &str) -> Vec<CompletionCandidate> {
    let names = store.names().unwrap_or_default();
    let names = names.into_iter().filter(|name| name.starts_with(current));
    names
        .map(|name| {
            let description = store
                .load(&name)
                .map(|context| context.settings.description)
                .unwrap_or_default();
            let help = (!description.is_empty()).then(|| description.into());
            CompletionCandidate::new(name).help(help)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use nats_client::context::Context;

    use super::*;

    #[test]
    fn contexts_are_offered_with_their_descriptions() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        for (name, description) in [("prod", "the real one"), ("private", ""), ("test", "")] {
            let mut context = Context::new(name);
            context.settings.description = description.into();
            store.save(&mut context).unwrap();
        }
        let offered = |current: &str| -> Vec<(String, Option<String>)> {
            contexts_of(&store, current)
                .iter()
                .map(|candidate| {
                    let name = candidate.get_value().to_string_lossy().into_owned();
                    (name, candidate.get_help().map(ToString::to_string))
                })
                .collect()
        };
        assert_eq!(
            offered("pr"),
            [
                ("private".to_owned(), None),
                ("prod".to_owned(), Some("the real one".to_owned()))
            ]
        );
        assert_eq!(offered("x"), []);
    }

    #[test]
    fn every_shell_gets_a_script() {
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            let script = script(shell).unwrap();
            assert!(
                script.contains("nats") && script.contains(VARIABLE),
                "{shell}"
            );
        }
        assert!(script("tcsh").is_err());
    }
}
