//! Our commands and flags beside those of the reference, and the whole command reference as one snapshot.

use std::collections::BTreeMap;

use clap::Command;
use nats_term::examples::each;

/// What the reference has and we do not, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "completion bash",
        "the shell is an argument here: nsc completion bash",
    ),
    ("completion fish", "the same"),
    ("completion powershell", "the same"),
    ("completion zsh", "the same"),
    (
        "load --profile",
        "onboarding at one service; refused by name",
    ),
    ("load --seed", "the same"),
    ("load --url", "the same"),
    ("load --user", "the same"),
    ("update --version", "self-update; refused by name"),
    ("test", "its authors' tools"),
    ("test doc", "the same"),
    ("test flags", "the same"),
    ("test nkey", "the same"),
    ("test whoflag", "the same"),
];

/// Every name of every command with its flags.
fn ours() -> BTreeMap<String, Command> {
    let mut tree = nats_nsc::commands::command();
    tree.build();
    let mut all = BTreeMap::new();
    each(&tree, &mut |path, command| {
        let (parent, _) = path.rsplit_once(' ').unwrap_or(("", ""));
        for name in command.get_all_aliases().chain([command.get_name()]) {
            let path = format!("{parent} {name}");
            let path = path.trim().trim_start_matches("nsc").trim().to_owned();
            all.insert(path, command.clone());
        }
    });
    all
}

fn has(command: &Command, long: &str, short: Option<char>) -> bool {
    command.get_arguments().any(|arg| {
        let names = arg
            .get_long()
            .into_iter()
            .chain(arg.get_all_aliases().into_iter().flatten());
        let named = names.into_iter().any(|name| name == long);
        named && short.is_none_or(|short| arg.get_short() == Some(short))
    })
}

#[test]
fn every_command_and_flag_of_the_reference_is_here_or_left_out_for_a_reason() {
    let ours = ours();
    let mut missing = Vec::new();
    let reference = include_str!("data/reference-commands.txt");
    for line in reference.lines().filter(|line| !line.starts_with('#')) {
        let (path, flags) = line.split_once(':').expect("a colon");
        let Some(command) = ours.get(path) else {
            missing.push(path.to_owned());
            continue;
        };
        for flag in flags.split_whitespace() {
            let (short, long) = match flag.split_once("/--") {
                Some((short, long)) => (short.chars().nth(1), long),
                None => (None, flag.trim_start_matches("--")),
            };
            if !has(command, long, short) {
                missing.push(format!(
                    "{path} {}",
                    flag.rsplit('/').next().unwrap_or(flag)
                ));
            }
        }
    }
    missing.sort();
    let mut known: Vec<&str> = LEFT_OUT.iter().map(|(what, _)| *what).collect();
    known.sort_unstable();
    assert_eq!(missing, known);
}

/// The global options stand at the root only.
fn without_globals(path: &str, help: &str) -> String {
    let help = help.trim_end();
    match help.split_once("Global Options:\n") {
        Some((head, tail)) if path != "nsc" => {
            let rest = tail.split_once("\n\n").map_or("", |(_, rest)| rest);
            format!("{}\n\n{rest}", head.trim_end())
                .trim_end()
                .to_owned()
        }
        _ => help.to_owned(),
    }
}

#[test]
fn the_command_reference_is_reviewed_as_a_whole() {
    let mut tree = nats_nsc::commands::command().term_width(120);
    tree.build();
    let mut text = String::new();
    each(&tree, &mut |path, command| {
        let help = command.clone().render_help().to_string();
        text.push_str(&format!(
            "### {path}\n\n{}\n\n",
            without_globals(path, &help)
        ));
    });
    insta::assert_snapshot!(text);
}
