//! `list operators|accounts|users`.

use serde::Serialize;

use super::Outcome;
use crate::error::Result;
use crate::store::{self, Store};
use crate::workspace::Workspace;
use nats_term::Table;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub name: String,
    pub public_key: String,
    /// Chosen at present.
    #[serde(skip)]
    pub current: bool,
    /// Why the token cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The operators.
///
/// # Errors
/// When the stores cannot be read.
pub fn operators(workspace: &mut Workspace) -> Result<Vec<Entry>> {
    let root = workspace.config.store_root();
    let mut entries = Vec::new();
    for name in store::operators(&mut workspace.files, &root)? {
        let store = Store::open(&mut workspace.files, &root.join(&name));
        let claims = store.and_then(|store| store.operator(&mut workspace.files));
        let current = name == workspace.config.operator;
        entries.push(entry(name, claims.map(|claims| claims.subject), current));
    }
    Ok(entries)
}

fn entry(name: String, key: Result<String>, current: bool) -> Entry {
    let (public_key, error) = match key {
        Ok(key) => (key, None),
        Err(error) => (String::new(), Some(error.to_string())),
    };
    Entry {
        name,
        public_key,
        current,
        error,
    }
}

/// The accounts of the operator in use.
///
/// # Errors
/// When the store cannot be read.
pub fn accounts(workspace: &mut Workspace) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in workspace.accounts()? {
        let key = workspace.account(&name).map(|claims| claims.subject);
        let current = name == workspace.config.account;
        entries.push(entry(name, key, current));
    }
    Ok(entries)
}

/// The users of an account.
///
/// # Errors
/// When the store cannot be read.
pub fn users(workspace: &mut Workspace, account: Option<&str>) -> Result<Vec<Entry>> {
    let account = workspace.account_name(account)?;
    let mut entries = Vec::new();
    for name in workspace.users(&account)? {
        let key = workspace.user(&account, &name).map(|claims| claims.subject);
        entries.push(entry(name, key, false));
    }
    Ok(entries)
}

/// As a table and as a document. With `bold` the chosen one stands out.
pub fn shown(title: &str, entries: &[Entry], bold: bool) -> Outcome {
    let json = serde_json::to_value(entries).unwrap_or_default();
    if entries.is_empty() {
        let mut table = Table::ascii("");
        table.row([format!("No {}", title.to_lowercase())]);
        return Outcome::text(format!("{}\n", table.render())).with_json(json);
    }
    let mut table = Table::ascii(title).header(["Name", "Public Key"]);
    for entry in entries {
        let key = entry.error.as_ref().map_or_else(
            || entry.public_key.clone(),
            |error| format!("error loading jwt - {error}"),
        );
        table.row([entry.name.clone(), key]);
    }
    let mut text = table.render();
    for entry in entries.iter().filter(|entry| entry.current && bold) {
        text = text.replace(
            &format!("| {} ", entry.name),
            &format!("| \u{1b}[1m{}\u{1b}[0m ", entry.name),
        );
    }
    Outcome::text(format!("{text}\n")).with_json(json)
}
