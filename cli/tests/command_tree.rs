//! Every command, alias and flag of the reference tool is here, or is missing for a reason that stands in a table.

use std::collections::BTreeSet;

use clap::Command;
use nats_cli::absent;

/// Commands and flags of the reference tool that are not here: the command (with everything below it), a flag or nothing,
/// and why.
/// Commands that are refused by name stand in [`nats_cli::absent`].
const MISSING: [(&str, &str, &str); 7] = [
    ("request", "--no-wait", "there it does nothing"),
    (
        "server account",
        "--json",
        "stands behind the command that it changes",
    ),
    (
        "server account",
        "-j",
        "stands behind the command that it changes",
    ),
    (
        "server report",
        "--reverse",
        "stands behind the command that it changes",
    ),
    (
        "server report",
        "-R",
        "stands behind the command that it changes",
    ),
    (
        "server request",
        "--limit",
        "stands behind the command that it changes",
    ),
    (
        "server request",
        "--offset",
        "stands behind the command that it changes",
    ),
];

/// One line of `command_tree.txt`.
struct Line<'a> {
    path: Vec<&'a str>,
    aliases: Vec<&'a str>,
    flags: Vec<Flag<'a>>,
}

struct Flag<'a> {
    long: &'a str,
    short: Option<char>,
    both_ways: bool,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Self {
        let (mut path, mut aliases, mut flags) = (Vec::new(), Vec::new(), Vec::new());
        for word in line.split(' ') {
            if let Some(names) = word.strip_prefix('(') {
                aliases.extend(names.trim_end_matches(')').split(','));
            } else if word.starts_with('-') {
                let (short, long) = word.split_once('/').unwrap_or(("", word));
                let long = long.trim_start_matches("--");
                flags.push(Flag {
                    long: long.trim_start_matches("[no-]"),
                    short: short.chars().nth(1),
                    both_ways: long.starts_with("[no-]"),
                });
            } else {
                path.push(word);
            }
        }
        Self {
            path,
            aliases,
            flags,
        }
    }
}

fn child<'a>(command: &'a Command, name: &str) -> Option<&'a Command> {
    command.get_subcommands().find(|child| {
        child.get_name() == name || child.get_all_aliases().any(|alias| alias == name)
    })
}

fn has_long(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|arg| {
        arg.get_long() == Some(long)
            || arg
                .get_all_aliases()
                .into_iter()
                .flatten()
                .any(|alias| alias == long)
    })
}

fn has_short(command: &Command, short: char) -> bool {
    command.get_arguments().any(|arg| {
        arg.get_short() == Some(short)
            || arg
                .get_all_short_aliases()
                .into_iter()
                .flatten()
                .any(|alias| alias == short)
    })
}

/// What the reference tool has at this place and ours has not.
fn differences(root: &Command, line: &Line) -> Vec<(String, String)> {
    let place = line.path.join(" ");
    let mut found = root;
    for name in &line.path {
        match child(found, name) {
            Some(command) => found = command,
            None => return vec![(place, String::new())],
        }
    }
    let parent = line.path[..line.path.len() - 1].iter();
    let parent = parent.fold(root, |command, name| {
        child(command, name).expect("a parent")
    });
    let mut missing = Vec::new();
    for alias in &line.aliases {
        match child(parent, alias) {
            Some(command) if command.get_name() == found.get_name() => {}
            _ => missing.push((place.clone(), format!("alias {alias}"))),
        }
    }
    for flag in &line.flags {
        let mut lack = |name: String| missing.push((place.clone(), name));
        if !has_long(found, flag.long) {
            lack(format!("--{}", flag.long));
        }
        let opposite = format!("no-{}", flag.long);
        if flag.both_ways && !has_long(found, &opposite) {
            lack(format!("--{opposite}"));
        }
        if let Some(short) = flag.short.filter(|short| !has_short(found, *short)) {
            lack(format!("-{short}"));
        }
    }
    missing
}

#[test]
fn every_command_and_flag_of_the_reference_tool_is_here_or_excused() {
    let mut root = nats_cli::app::command();
    // So that global flags are known to every command.
    root.build();
    let lines = include_str!("command_tree.txt").lines();
    // `nats auth` has a suite of its own, against the library that it shares with `nsc`.
    let lines = lines.filter(|line| !line.starts_with('#') && !line.starts_with("auth"));
    let (mut unexcused, mut used) = (Vec::new(), BTreeSet::new());
    for line in lines.map(Line::parse) {
        for (place, lack) in differences(&root, &line) {
            let refused = |name: &str| place == name || place.starts_with(&format!("{name} "));
            if lack.is_empty() && absent::COMMANDS.iter().any(|(name, _)| refused(name)) {
                continue;
            }
            let excuse = MISSING.iter().position(|(command, flag, _)| {
                let below = place == *command || place.starts_with(&format!("{command} "));
                below && (flag.is_empty() && lack.is_empty() || *flag == lack)
            });
            match excuse {
                Some(excuse) => _ = used.insert(excuse),
                None => unexcused.push(format!("{place}: {lack}")),
            }
        }
    }
    assert!(unexcused.is_empty(), "{unexcused:#?}");
    for (name, _) in absent::COMMANDS {
        let mut path = name.split(' ');
        let found = path.try_fold(&root, |command, name| child(command, name));
        assert!(found.is_none(), "{name} is here and refused all the same");
    }
    for (index, excuse) in MISSING.iter().enumerate() {
        assert!(used.contains(&index), "{excuse:?} excuses nothing");
    }
}
