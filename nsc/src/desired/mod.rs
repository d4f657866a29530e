//! Desired state: what there shall be stands in a file; `plan` says what is missing, `apply` makes it so.
//!
//! Both run the same code on the workspace, and `plan` forgets the result instead of committing it. Nothing is written for what is as
//! desired, so applying a file twice changes nothing the second time. What the servers have is compared by what tokens say, not by
//! when they were signed.

mod account;
mod apply;
mod cycles;
pub mod document;
pub mod live;
mod strict;

pub use apply::{Change, Verb, apply, differences};

use crate::error::{Error, Result};
use crate::limits::DESIRED_BYTES_MAX;
use crate::remote::nats;
use crate::workspace::Workspace;

/// `plan`, `apply`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Request {
    /// The file, in YAML
    #[arg(short, long, value_name = "FILE")]
    pub file: String,
    /// Delete accounts, users and signing keys with roles that the file does not mention
    #[arg(long)]
    pub prune: bool,
    /// Compare with what the servers have as well
    #[arg(long)]
    pub live: bool,
    /// Hand to the servers what differs there (apply)
    #[arg(long)]
    pub push: bool,
    /// How long to wait for servers, in seconds
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    pub timeout: u64,
    #[command(flatten)]
    pub system: nats::SystemUser,
    #[command(flatten)]
    pub tls: nats::Tls,
}

/// A document in YAML, of which JSON is a part.
///
/// # Errors
/// Says where it is none.
pub fn from_yaml<T: serde::de::DeserializeOwned>(content: &str) -> Result<T> {
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > DESIRED_BYTES_MAX {
        return Err(Error::refused(format!(
            "it is larger than {DESIRED_BYTES_MAX} bytes"
        )));
    }
    // Its words are meant for who calls it, not for who wrote the file.
    serde_saphyr::from_str(content).map_err(|error| {
        let text = error.to_string();
        let text = text
            .replace(", set DuplicateKeyPolicy in Options if acceptable", "")
            .replace("duplicate mapping key: ", "it is there twice: ")
            .replace("expected mapping start", "expected fields, or {} for none")
            .replace("expected sequence start", "expected a list such as [a, b]");
        Error::refused(text)
    })
}

/// Reads the file of a request.
///
/// # Errors
/// When it is no such document.
pub fn read(workspace: &Workspace, request: &Request) -> Result<document::Document> {
    let path = workspace.places.expanded(&request.file);
    let content = crate::files::read_named_text(&path, DESIRED_BYTES_MAX)?;
    let says =
        |line: &str| !matches!(line.trim(), "" | "---" | "...") && !line.trim().starts_with('#');
    if !content.lines().any(says) {
        return Err(
            Error::refused(format!("{} holds nothing", path.display())).hint(
                "look whether it is the right file; 'accounts: {}' says that there shall be none",
            ),
        );
    }
    document::parse(&content).map_err(|error| {
        Error::refused(format!("{}: {error}", path.display()))
            .hint("nothing was changed; see docs/desired-state.md for the fields")
    })
}

/// An error of [`apply`], with the file and the line of the account or user that it is about, where they are found.
pub fn located(workspace: &Workspace, request: &Request, error: Error) -> Error {
    let path = workspace.places.expanded(&request.file);
    let text = error.to_string();
    let about = text.split(": ").next().unwrap_or_default();
    let keys = match about.split_once(' ') {
        Some(("account", name)) => vec!["accounts", name],
        Some(("user", name)) => match name.split_once('/') {
            Some((account, user)) => vec!["accounts", account, "users", user],
            None => return error,
        },
        _ => return error,
    };
    let content = crate::files::read_named_text(&path, DESIRED_BYTES_MAX).unwrap_or_default();
    let Some(line) = line_of(&content, &keys) else {
        return error;
    };
    let hint = error.next_step().map(str::to_owned);
    let error = Error::refused(format!("{}:{line}: {text}", path.display()));
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The line in which the last of nested keys stands, counted from 1. `None` in a document that is not indented, such as JSON: its
/// errors go without.
fn line_of(content: &str, keys: &[&str]) -> Option<usize> {
    let mut left = keys.iter();
    let mut key = left.next()?;
    let mut outer: Option<usize> = None;
    // How far the keys of this level are indented: as its first one.
    let mut level: Option<usize> = None;
    for (at, line) in content.lines().enumerate() {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let indent = line.len().saturating_sub(text.len());
        if outer.is_some_and(|outer| indent <= outer) {
            return None;
        }
        if *level.get_or_insert(indent) != indent {
            continue;
        }
        let Some((name, _)) = text.split_once(':') else {
            continue;
        };
        if name.trim_end().trim_matches(['"', '\'']) != *key {
            continue;
        }
        match left.next() {
            None => return at.checked_add(1),
            Some(next) => (key, outer, level) = (next, Some(indent), None),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn the_line_of_nested_keys_is_found_or_none_is_told() {
        let text = "# accounts:\noperator:\n  name: A\naccounts:\n  B:\n    users:\n      A: {}\n  'A':\n    users:\n      u: {role: x}\n";
        for (keys, line) in [
            (&["accounts"][..], Some(4)),
            (&["accounts", "A"], Some(8)),
            (&["accounts", "B", "users", "A"], Some(7)),
            (&["accounts", "A", "users", "u"], Some(10)),
            (&["accounts", "B", "users", "u"], None),
            (&["accounts", "C"], None),
            (&[], None),
        ] {
            assert_eq!(line_of(text, keys), line, "{keys:?}");
        }
        assert_eq!(
            line_of("{\"accounts\": {\"A\": {}}}", &["accounts", "A"]),
            None
        );
    }
}
