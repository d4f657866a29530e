//! The whole command reference in several forms, generated from the clap tree: the hidden `--help-…` and
//! `--completion-script-…` flags that the reference tool has on its root.

use clap::Command;

use crate::complete;
use crate::error::{CliError, Result};

/// What a hidden flag prints; `None` when `flag` is none of them.
pub fn of_flag(flag: &str, tree: impl FnOnce() -> Command) -> Option<Result<String>> {
    if let Some(shell) = flag.strip_prefix("--completion-script-") {
        return Some(complete::script(shell));
    }
    let text = match flag {
        "--help-long" => long(tree()),
        "--help-compact" => compact(tree()),
        "--help-llm" => markdown(tree()),
        "--help-man" => manual(tree()),
        "--fisk-introspect" | "--completion-bash" | "--completion-zsh-menu" => {
            let error = CliError::new(format!("{flag} is not available in this build of nats"));
            return Some(Err(error.next_step(
                "--help-long, --help-man, --help-llm and --completion-script-bash|zsh|fish|powershell|elvish are",
            )));
        }
        _ => return None,
    };
    Some(Ok(text))
}

/// The manual page, for `man -l -`.
fn manual(tree: Command) -> String {
    let page = nats_term::manual::Page {
        section: "1",
        source: concat!("nats ", env!("CARGO_PKG_VERSION")),
        see_also: &["nsc(1)", "nats-server(8)"],
    };
    page.of(tree)
}

/// The help of every command, one after the other.
pub fn long(tree: Command) -> String {
    let mut text = String::new();
    walk(tree, &mut |path, command| {
        let help = if path.is_empty() {
            command.render_long_help()
        } else {
            command.render_help()
        };
        text.push_str(&format!(
            "### nats{path}\n\n{}\n",
            help.to_string().trim_end()
        ));
        text.push('\n');
    });
    text
}

/// A line per command that does something.
pub fn compact(tree: Command) -> String {
    let mut text = String::new();
    walk(tree, &mut |path, command| {
        if !command.has_subcommands() {
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            text.push_str(&format!("{:<40} {about}\n", format!("nats{path}")));
        }
    });
    text
}

/// The reference as markdown.
pub fn markdown(tree: Command) -> String {
    let mut text = String::from("# nats command reference\n");
    walk(tree, &mut |path, command| {
        let help = command.render_help().to_string();
        text.push_str(&format!(
            "\n## nats{path}\n\n```\n{}\n```\n",
            help.trim_end()
        ));
    });
    text
}

/// Visits the visible commands, parents first; `path` is empty for the root and begins with a blank otherwise.
pub fn walk(mut tree: Command, visit: &mut impl FnMut(&str, &mut Command)) {
    tree.build();
    descend(&mut tree, "", visit);
}

fn descend(command: &mut Command, path: &str, visit: &mut impl FnMut(&str, &mut Command)) {
    visit(path, command);
    for child in command.get_subcommands_mut() {
        if child.is_hide_set() || child.get_name() == "help" {
            continue;
        }
        let path = format!("{path} {}", child.get_name());
        descend(child, &path, visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::command;

    #[test]
    fn the_command_reference_is_reviewed_as_a_whole() {
        // Not the width of the terminal that runs the tests.
        insta::assert_snapshot!(long(command().term_width(110)));
    }

    #[test]
    fn every_command_shows_an_example() {
        let mut missing = Vec::new();
        walk(command(), &mut |path, command| {
            let after = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            if !command.has_subcommands() && !after.contains("Example") {
                missing.push(path.to_owned());
            }
        });
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn the_command_tree_is_free_of_contradictions() {
        command().debug_assert();
    }
}
