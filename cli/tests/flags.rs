//! Every flag that `--help` shows is in the manual page and is what shells complete, and the other way round; for all programs.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use clap::Command;
use nats_server::options::{self, parse_args};
use nats_term::completion::{flags_in, of_flags};
use nats_term::examples;

fn trees() -> [(&'static str, Command); 2] {
    [
        ("nats", nats_cli::app::command()),
        ("nsc", nats_nsc::commands::command()),
    ]
}

fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The names of flags in a help text.
fn in_help(text: &str) -> BTreeSet<String> {
    // What follows are examples, whose lines may begin with a dash.
    let options = text.split("\nExample").next().unwrap_or(text);
    flags_in(options)
        .into_iter()
        .flat_map(|flag| flag.names)
        // `--bearer[=<BOOL>]`: the value may be left out.
        .map(|name| name.trim_end_matches('[').to_owned())
        .collect()
}

/// The flags of a page: those of all commands, and those of each command by its path.
fn in_manual(page: &str) -> (BTreeSet<String>, BTreeMap<String, BTreeSet<String>>) {
    let (mut common, mut sections) = (BTreeSet::new(), BTreeMap::new());
    let mut path = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix(".SS \"") {
            // Behind the path stand the arguments.
            let title = title.trim_end_matches('"').replace("\\-", "-");
            let words = title.split(' ');
            let words: Vec<&str> = words
                .take_while(|word| !word.starts_with(['<', '[']))
                .collect();
            path = Some(words.join(" "));
            sections
                .entry(words.join(" "))
                .or_insert_with(BTreeSet::new);
            continue;
        }
        if line != ".TP" {
            continue;
        }
        let head = lines.next().unwrap_or_default();
        let Some(names) = head.strip_prefix("\\fB") else {
            continue;
        };
        let names = names.split("\\fR").next().unwrap_or_default();
        let names = names.replace("\\-", "-");
        let flags = match &path {
            Some(path) => sections.entry(path.clone()).or_default(),
            None => &mut common,
        };
        flags.extend(names.split(", ").map(str::to_owned));
    }
    (common, sections)
}

/// The long flags that a shell is offered behind `path`.
fn completed(tree: &mut Command, path: &str) -> BTreeSet<String> {
    let mut words: Vec<OsString> = path.split(' ').map(OsString::from).collect();
    words.push("--".into());
    let at = words.len() - 1;
    let found = clap_complete::engine::complete(tree, words, at, None).expect("completed");
    let found = found.iter().filter(|candidate| !candidate.is_hide_set());
    found
        .map(|candidate| candidate.get_value().to_string_lossy().into_owned())
        .filter(|name| name.len() > 2)
        .collect()
}

#[test]
fn flags_are_the_same_in_help_manual_and_completions() {
    for (program, mut tree) in trees() {
        let (common, sections) = in_manual(&repository(&format!("man/{program}.1")));
        tree.build();
        let mut wrong = Vec::new();
        let mut commands = 0;
        examples::each(&tree.clone(), &mut |path, command| {
            if command.has_subcommands() || is_hidden(&tree, path) {
                return;
            }
            commands += 1;
            let help = in_help(&command.clone().render_long_help().to_string());
            let mut manual = common.clone();
            manual.extend(sections.get(path).into_iter().flatten().cloned());
            // Those of the program itself are no flags of its commands.
            manual.retain(|name| help.contains(name) || !common.contains(name));
            let missing: Vec<_> = help.difference(&manual).collect();
            let extra: Vec<_> = manual.difference(&help).collect();
            if !missing.is_empty() || !extra.is_empty() || !sections.contains_key(path) {
                wrong.push(format!(
                    "{path}: manual lacks {missing:?}, and invents {extra:?}"
                ));
            }
            let long = |name: &&String| name.starts_with("--");
            let help: BTreeSet<String> = help.iter().filter(long).cloned().collect();
            let completed = completed(&mut tree.clone(), path);
            if help != completed {
                let missing: Vec<_> = help.difference(&completed).collect();
                let extra: Vec<_> = completed.difference(&help).collect();
                wrong.push(format!(
                    "{path}: completions lack {missing:?}, and invent {extra:?}"
                ));
            }
        });
        assert!(commands > 60, "only {commands} commands of {program}");
        for path in sections.keys() {
            if tree_at(&tree, path).is_none() {
                wrong.push(format!("{path}: in the manual only"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn tree_at<'a>(tree: &'a Command, path: &str) -> Option<&'a Command> {
    let words = path.split(' ').skip(1);
    words.into_iter().try_fold(tree, |command, word| {
        command.get_subcommands().find(|it| it.get_name() == word)
    })
}

/// Whether a command, or one that it belongs to, is not shown.
fn is_hidden(tree: &Command, path: &str) -> bool {
    let mut command = tree;
    for word in path.split(' ').skip(1) {
        let Some(child) = command.get_subcommands().find(|it| it.get_name() == word) else {
            return true;
        };
        if child.is_hide_set() {
            return true;
        }
        command = child;
    }
    false
}

#[test]
fn flags_of_the_server_are_the_same_in_help_manual_and_completions() {
    let Ok(options::Command::Print(help)) = parse_args(&["--help".to_owned()], &nats_conf::System)
    else {
        panic!("no help");
    };
    let names = in_help(&help);
    assert!(names.len() > 60, "only {} flags", names.len());
    let manual = repository("man/nats-server.8").replace("\\-", "-");
    assert_eq!(in_help(&manual), names);
    let same = of_flags("nats-server", &flags_in(&help));
    for (shell, script) in same {
        let committed = repository(&format!("completions/nats-server.{shell}"));
        assert_eq!(committed, script, "{shell}");
        let offered: BTreeSet<String> = match shell {
            "bash" => {
                let words = script.split("-W \"").nth(1).expect("words");
                let words = words.split('"').next().expect("words");
                words.split(' ').map(str::to_owned).collect()
            }
            "zsh" => {
                let lines = script
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix('\''));
                let names = lines.filter_map(|line| line.split_once('['));
                names.map(|(name, _)| name.to_owned()).collect()
            }
            _ => {
                let lines = script.lines().filter_map(|line| {
                    let words: Vec<&str> = line.split(' ').collect();
                    let name = words.get(4)?;
                    Some(match words.get(3)? {
                        &"-l" => format!("--{name}"),
                        _ => format!("-{name}"),
                    })
                });
                lines.collect()
            }
        };
        assert_eq!(offered, names, "{shell}");
    }
}

#[test]
fn every_example_is_a_line_that_the_program_takes() {
    for (program, tree) in trees() {
        let examples = examples::of(&tree);
        assert!(examples.len() > 70, "only {} of {program}", examples.len());
        let wrong: Vec<String> = examples
            .iter()
            .filter_map(|example| {
                let words = examples::words(&example.line);
                let error = tree.clone().try_get_matches_from(words).err()?;
                Some(format!("{}: {error}", example.line))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
