//! What servers have, compared with what the workspace has.

use std::collections::BTreeMap;

use nats_jwt::claims::{AccountClaims, AnyClaims};

use super::apply::{Change, Verb, differences};
use crate::error::Result;
use crate::remote::pull::Pulled;
use crate::workspace::Workspace;

/// What has to change on the servers so that they have what the workspace has. Names of accounts to push, and of keys that only
/// servers have.
///
/// # Errors
/// When the workspace cannot be read.
pub fn drift(workspace: &mut Workspace, pulled: &Pulled) -> Result<(Vec<Change>, Vec<String>)> {
    let mut there = BTreeMap::new();
    for token in pulled.iter().filter_map(|(_, token)| token.as_deref().ok()) {
        if let Ok(claims) = AccountClaims::decode(token) {
            there.insert(claims.subject.clone(), claims);
        }
    }
    let mut changes = Vec::new();
    let mut push = Vec::new();
    for name in workspace.accounts()? {
        let here = workspace.account(&name)?;
        let what = format!("server: account {name}");
        match there.remove(&here.subject) {
            None => {
                changes.push(Change {
                    verb: Verb::Add,
                    what,
                    fields: Vec::new(),
                });
                push.push(name);
            }
            Some(live) => {
                let mut fields = differences(
                    &AnyClaims::Account(live.clone()),
                    &AnyClaims::Account(here.clone()),
                );
                if live.issuer != here.issuer {
                    fields.push(("issuer".to_owned(), live.issuer, here.issuer));
                }
                if !fields.is_empty() {
                    changes.push(Change {
                        verb: Verb::Change,
                        what,
                        fields,
                    });
                    push.push(name);
                }
            }
        }
    }
    for claims in there.into_values() {
        changes.push(Change {
            verb: Verb::Remove,
            what: format!(
                "server: account {} [{}] is not in the store (nsc push --prune)",
                claims.name, claims.subject
            ),
            fields: Vec::new(),
        });
    }
    Ok((changes, push))
}
