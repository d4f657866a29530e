//! Completion: the shell runs the program, which knows commands, flags, and the names that stand for something at the moment.
//!
//! A program answers first thing in its `main` ([`answer`]); what a user puts into the start-up file of a shell is [`script`].

use std::ffi::{OsStr, OsString};

use clap_complete::engine::CompletionCandidate;

/// Shells that can ask.
pub const SHELLS: [&str; 5] = ["bash", "zsh", "fish", "powershell", "elvish"];

/// A shell that is none of [`SHELLS`].
#[derive(Debug, thiserror::Error)]
#[error("there are no completions for {0}")]
pub struct UnknownShell(String);

/// Answers when a shell asks, which it does with `variable` in the environment; true when one did.
///
/// # Errors
/// When the shell asks in a way that is not understood, or does not listen.
pub fn answer(
    program: &str,
    variable: &'static str,
    tree: fn() -> clap::Command,
    args: &[OsString],
) -> Result<bool, clap::Error> {
    clap_complete::CompleteEnv::with_factory(tree)
        .var(variable)
        .bin(program)
        .try_complete(
            args.iter().cloned(),
            std::env::current_dir().ok().as_deref(),
        )
}

/// What makes a shell ask.
///
/// # Errors
/// When the shell is not known.
pub fn script(program: &str, variable: &str, shell: &str) -> Result<String, UnknownShell> {
    let shells = clap_complete::env::Shells::builtins();
    let unknown = || UnknownShell(shell.to_owned());
    let completer = shells.completer(shell).ok_or_else(unknown)?;
    let mut script = Vec::new();
    completer
        .write_registration(variable, program, program, program, &mut script)
        .map_err(|_| unknown())?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Those of `names` that begin with what is typed.
pub fn beginning(
    names: impl IntoIterator<Item = String>,
    current: &OsStr,
) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let names = names.into_iter().filter(|name| name.starts_with(&*current));
    names.map(CompletionCandidate::new).collect()
}

/// What is typed, without the shell's own words: it calls the program with its flags, then `--`, then the command line.
pub fn typed() -> Vec<String> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// A flag of a program without a clap tree: its names with their dashes, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub names: Vec<String>,
    pub help: String,
}

/// The flags in a help text whose lines are `-p, --port <port>   what it is for`.
pub fn flags_in(help: &str) -> Vec<Flag> {
    let mut flags = Vec::new();
    for line in help
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('-'))
    {
        let (head, help) = line.split_once("  ").unwrap_or((line, ""));
        let names: Vec<String> = head
            .split([',', ' '])
            .filter(|word| word.starts_with('-') && word.len() > 1)
            .map(|word| word.split('=').next().unwrap_or(word).to_owned())
            .collect();
        if !names.is_empty() {
            flags.push(Flag {
                names,
                help: help.trim().to_owned(),
            });
        }
    }
    flags
}

/// Completions of a program that has flags only, for bash, zsh and fish; what is no flag is a file.
pub fn of_flags(program: &str, flags: &[Flag]) -> [(&'static str, String); 3] {
    let names: Vec<&str> = flags
        .iter()
        .flat_map(|flag| flag.names.iter().map(String::as_str))
        .collect();
    let function = program.replace('-', "_");
    let words = names.join(" ");
    let bash = format!(
        "_{function}() {{\n    local current=\"${{COMP_WORDS[COMP_CWORD]}}\"\n    if [[ $current == -* ]]; then\n        COMPREPLY=($(compgen -W \"{words}\" -- \"$current\"))\n    else\n        COMPREPLY=($(compgen -f -- \"$current\"))\n    fi\n}}\ncomplete -o filenames -F _{function} {program}\n"
    );
    let safe = |text: &str| text.replace(['[', ']', '\'', '\\', ':'], " ");
    let mut zsh = format!("#compdef {program}\n_arguments \\\n");
    let mut fish = String::new();
    for flag in flags {
        for name in &flag.names {
            zsh.push_str(&format!("    '{name}[{}]' \\\n", safe(&flag.help)));
            let kind = match (name.strip_prefix("--"), name.strip_prefix('-')) {
                (Some(long), _) => format!("-l {long}"),
                (None, Some(short)) if short.len() == 1 => format!("-s {short}"),
                (None, old) => format!("-o {}", old.unwrap_or(name)),
            };
            fish.push_str(&format!(
                "complete -c {program} {kind} -d '{}'\n",
                safe(&flag.help)
            ));
        }
    }
    zsh.push_str("    '*:file:_files'\n");
    [("bash", bash), ("zsh", zsh), ("fish", fish)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_gets_a_script_that_names_program_and_variable() {
        for shell in SHELLS {
            let script = script("prog", "PROG_COMPLETE", shell).expect("known");
            assert!(script.contains("prog"), "{shell}: {script}");
            assert!(script.contains("PROG_COMPLETE"), "{shell}: {script}");
        }
        assert!(script("prog", "PROG_COMPLETE", "cmd").is_err());
    }

    #[test]
    fn flags_are_read_from_a_help_text() {
        let help = "Usage\n    -p, --port <port>      Use port\n        --help_tls   TLS help\n    -m <port>\n text - no flag";
        let flags = flags_in(help);
        let names: Vec<_> = flags.iter().map(|flag| flag.names.join(" ")).collect();
        assert_eq!(names, ["-p --port", "--help_tls", "-m"]);
        assert_eq!(
            flags.first().map(|flag| flag.help.as_str()),
            Some("Use port")
        );
        for (shell, script) in of_flags("my-prog", &flags) {
            assert!(script.contains("help_tls"), "{shell}: {script}");
        }
    }
}
