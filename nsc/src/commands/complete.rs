//! Completion of names: which argument stands for what is one table, applied to the whole tree. `nats auth` uses it for its own tree.

use std::ffi::OsStr;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use nats_term::completion::{beginning, typed};

use crate::places::{Directories, Surroundings};
use crate::store;
use crate::workspace::Workspace;

/// The variable with which a shell asks.
pub const VARIABLE: &str = "NSC_COMPLETE";

/// What an argument stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Operators,
    Accounts,
    Users,
    Exports,
    Imports,
    Mappings,
    /// Signing keys of an account: their roles, else their public keys.
    SigningKeys,
    /// Signing keys of the operator.
    OperatorKeys,
    /// What `-K` takes.
    Signers,
    Tags,
}

/// How a program gets at its stores.
pub type Open = fn(&[String]) -> Option<Workspace>;

/// Which argument (its id) of which commands (the last words of their path; none for all of them) stands for what.
const OFFERED: &[(&str, &[&str], Names)] = &[
    (
        "",
        &[
            "account",
            "src_account",
            "target_account",
            "system_account",
            "allowed_account",
        ],
        Names::Accounts,
    ),
    ("", &["user", "system_user", "auth_user"], Names::Users),
    ("", &["private_key"], Names::Signers),
    ("list accounts", &["operator"], Names::Operators),
    ("list users", &["operator"], Names::Operators),
    ("env", &["operator"], Names::Operators),
    ("select operator", &["name"], Names::Operators),
    ("edit operator", &["name"], Names::Operators),
    ("edit operator", &["rm_sk"], Names::OperatorKeys),
    ("export operator", &["name"], Names::Operators),
    ("reissue operator", &["name"], Names::Operators),
    (
        "describe operator",
        &["positional", "name"],
        Names::Operators,
    ),
    ("backup", &["name"], Names::Operators),
    ("select account", &["name"], Names::Accounts),
    ("edit account", &["positional", "name"], Names::Accounts),
    ("edit account", &["rm_sk"], Names::SigningKeys),
    ("edit account", &["rm_tag"], Names::Tags),
    ("delete account", &["positional", "name"], Names::Accounts),
    ("describe account", &["positional", "name"], Names::Accounts),
    ("export account", &["name"], Names::Accounts),
    ("rename account", &["from"], Names::Accounts),
    ("push", &["account_removal"], Names::Accounts),
    ("edit user", &["positional", "name"], Names::Users),
    ("delete user", &["positional", "name"], Names::Users),
    ("describe user", &["positional", "name"], Names::Users),
    ("generate creds", &["name"], Names::Users),
    (
        "revocations add-user",
        &["positional", "name"],
        Names::Users,
    ),
    (
        "revocations delete-user",
        &["positional", "name"],
        Names::Users,
    ),
    ("edit authcallout", &["rm_auth_user"], Names::Users),
    ("edit authcallout", &["rm_allowed_account"], Names::Accounts),
    ("edit export", &["subject"], Names::Exports),
    ("delete export", &["positional", "subject"], Names::Exports),
    ("generate activation", &["subject"], Names::Exports),
    ("revocations add-activation", &["subject"], Names::Exports),
    (
        "revocations delete-activation",
        &["subject"],
        Names::Exports,
    ),
    ("revocations list-activations", &["subject"], Names::Exports),
    ("delete import", &["positional", "subject"], Names::Imports),
    ("add mapping", &["from"], Names::Mappings),
    ("delete mapping", &["from"], Names::Mappings),
    (
        "edit signing-key",
        &["positional", "sk"],
        Names::SigningKeys,
    ),
    ("delete signing-key", &["key"], Names::SigningKeys),
    // `nats auth`
    ("auth simulate", &["operator"], Names::Operators),
    ("operator info", &["name"], Names::Operators),
    ("operator edit", &["name"], Names::Operators),
    ("operator select", &["name"], Names::Operators),
    ("operator backup", &["name"], Names::Operators),
    ("operator keys ls", &["name"], Names::Operators),
    ("operator keys add", &["name"], Names::Operators),
    ("operator keys rm", &["name"], Names::Operators),
    ("operator keys rm", &["key"], Names::OperatorKeys),
    ("account ls", &["operator"], Names::Operators),
    ("account rm", &["name"], Names::Accounts),
    ("imports add", &["source"], Names::Accounts),
    ("imports info", &["subject"], Names::Imports),
    ("imports edit", &["subject"], Names::Imports),
    ("imports rm", &["subject"], Names::Imports),
    ("exports info", &["subject"], Names::Exports),
    ("exports edit", &["subject"], Names::Exports),
    ("exports rm", &["subject"], Names::Exports),
    ("account keys info", &["key"], Names::SigningKeys),
    ("account keys rm", &["key"], Names::SigningKeys),
    ("mappings info", &["source"], Names::Mappings),
    ("mappings rm", &["source"], Names::Mappings),
    ("user info", &["name"], Names::Users),
    ("user edit", &["name"], Names::Users),
    ("user rm", &["name"], Names::Users),
    ("user credential", &["name"], Names::Users),
    ("user add", &["key"], Names::SigningKeys),
];

/// What the argument `id` of the command at `path` stands for.
pub fn meaning(path: &str, id: &str) -> Option<Names> {
    OFFERED
        .iter()
        .filter(|(command, ids, _)| {
            ids.contains(&id) && (command.is_empty() || path.ends_with(&format!(" {command}")))
        })
        .max_by_key(|(command, ..)| command.len())
        .map(|(.., names)| *names)
}

/// The tree, whose arguments offer names.
pub fn names_in(tree: clap::Command, open: Open) -> clap::Command {
    let path = tree.get_name().to_owned();
    names_below(tree, &path, open)
}

/// The same for a part of a tree, of which `path` are the words.
pub fn names_below(command: clap::Command, path: &str, open: Open) -> clap::Command {
    let ids: Vec<String> = command
        .get_arguments()
        .map(|arg| arg.get_id().to_string())
        .collect();
    // All of them, in their order: an argument that is changed goes behind the others, and positions would no longer be right.
    let command = ids.into_iter().fold(command, |command, id| {
        let names = meaning(path, &id);
        command.mut_arg(id, |arg| match names {
            Some(names) if arg.get_action().takes_values() => {
                arg.add(ArgValueCompleter::new(move |current: &OsStr| {
                    offered(names, open, current)
                }))
            }
            _ => arg,
        })
    });
    let path = path.to_owned();
    command.mut_subcommands(move |child| {
        let path = format!("{path} {}", child.get_name());
        names_below(child, &path, open)
    })
}

/// What a shell may offer; nothing when it cannot be found out.
fn offered(names: Names, open: Open, current: &OsStr) -> Vec<CompletionCandidate> {
    let mut words = typed();
    // What is being typed names nothing yet.
    if words.last().is_some_and(|last| OsStr::new(last) == current) {
        words.pop();
    }
    let found = open(&words).and_then(|mut workspace| find(names, &mut workspace, &words));
    beginning(found.unwrap_or_default(), current)
}

/// The names there are.
pub fn find(names: Names, workspace: &mut Workspace, words: &[String]) -> Option<Vec<String>> {
    match names {
        Names::Operators => {
            let root = workspace.config.store_root();
            store::operators(&mut workspace.files, &root).ok()
        }
        Names::Accounts => workspace.accounts().ok(),
        Names::OperatorKeys => Some(workspace.operator().ok()?.nats.signing_keys),
        Names::Users => {
            let mut users: Vec<String> = accounts_meant(workspace, words)
                .iter()
                .filter_map(|account| workspace.users(account).ok())
                .flatten()
                .collect();
            users.sort();
            users.dedup();
            Some(users)
        }
        Names::Signers => {
            let mut keys = of_accounts(Names::SigningKeys, workspace, words);
            keys.extend(workspace.operator().ok()?.nats.signing_keys);
            Some(keys)
        }
        _ => Some(of_accounts(names, workspace, words)),
    }
}

/// What stands in the tokens of the accounts that are meant.
fn of_accounts(names: Names, workspace: &mut Workspace, words: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for account in accounts_meant(workspace, words) {
        let Ok(claims) = workspace.account(&account) else {
            continue;
        };
        let nats = claims.nats;
        match names {
            Names::Exports => found.extend(nats.exports.into_iter().map(|export| export.subject)),
            Names::Imports => found.extend(nats.imports.into_iter().map(|import| import.subject)),
            Names::Mappings => found.extend(nats.mappings.into_keys()),
            Names::Tags => found.extend(nats.tags.iter().map(ToString::to_string)),
            _ => found.extend(nats.signing_keys.iter().map(|(key, scope)| {
                scope
                    .map(|scope| scope.role.clone())
                    .filter(|role| !role.is_empty())
                    .unwrap_or_else(|| key.to_owned())
            })),
        }
    }
    found
}

/// The account that is typed, else the chosen one, else all.
fn accounts_meant(workspace: &mut Workspace, words: &[String]) -> Vec<String> {
    let all = workspace.accounts().unwrap_or_default();
    let value = |word: &String| {
        word.split_once('=')
            .map_or(word.clone(), |(_, v)| v.to_owned())
    };
    if let Some(typed) = words
        .iter()
        .rev()
        .map(value)
        .find(|word| all.contains(word))
    {
        return vec![typed];
    }
    let chosen = workspace.config.account.clone();
    if all.contains(&chosen) {
        return vec![chosen];
    }
    all
}

/// The stores of `nsc`, with what is typed of its global flags and of the operator.
pub fn open(words: &[String]) -> Option<Workspace> {
    let value_of = |names: &[&str]| {
        words.iter().enumerate().find_map(|(at, word)| {
            if names.contains(&word.as_str()) {
                return words.get(at + 1).cloned();
            }
            let (name, value) = word.split_once('=')?;
            names.contains(&name).then(|| value.to_owned())
        })
    };
    let directories = Directories {
        config_dir: value_of(&["--config-dir"]),
        data_dir: value_of(&["--data-dir"]),
        keystore_dir: value_of(&["--keystore-dir"]),
        all_dirs: value_of(&["-H", "--all-dirs"]),
    };
    let mut workspace = Workspace::open(&directories, Surroundings::of_process(), 0).ok()?;
    if let Some(operator) = value_of(&["-o", "--operator"]) {
        workspace.use_operator(&operator).ok()?;
    }
    Some(workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_means_an_argument_that_exists() {
        let mut used = vec![false; OFFERED.len()];
        nats_term::examples::each(&super::super::command(), &mut |path, command| {
            for arg in command.get_arguments() {
                for (at, (suffix, ids, _)) in OFFERED.iter().enumerate() {
                    let here = suffix.is_empty() || path.ends_with(&format!(" {suffix}"));
                    used[at] |= here && ids.contains(&arg.get_id().as_str());
                }
            }
        });
        let unused: Vec<_> = OFFERED
            .iter()
            .zip(used)
            .take_while(|((command, ..), _)| *command != "auth simulate")
            .filter(|(_, used)| !used)
            .map(|((command, ids, _), _)| (command, ids))
            .collect();
        assert_eq!(unused, []);
    }

    #[test]
    fn the_most_telling_line_counts() {
        assert_eq!(meaning("nsc add user", "account"), Some(Names::Accounts));
        assert_eq!(
            meaning("nsc describe account", "positional"),
            Some(Names::Accounts)
        );
        assert_eq!(meaning("nsc add account", "positional"), None);
        assert_eq!(
            meaning("nats auth account rm", "name"),
            Some(Names::Accounts)
        );
    }
}
