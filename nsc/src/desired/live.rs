//! What servers have, compared with what the workspace has.

use std::collections::BTreeMap;

use nats_jwt::claims::{AccountClaims, AnyClaims};

use super::apply::{Change, Verb, differences};
use crate::error::Result;
use crate::remote::pull::Pulled;
use crate::workspace::Workspace;

/// How the servers differ from the workspace.
#[derive(Debug, Default)]
pub struct Drift {
    /// What has to change on the servers so that they have what the workspace has.
    pub changes: Vec<Change>,
    /// Names of the accounts to push for that.
    pub push: Vec<String>,
    /// Accounts that only servers have: name and key. They stay, unless somebody says `--prune`.
    pub surplus: Vec<String>,
}

impl Drift {
    /// What is surplus is to go.
    pub fn prune(&mut self) {
        self.changes
            .extend(self.surplus.drain(..).map(|account| Change {
                verb: Verb::Remove,
                what: format!("server: account {account}"),
                fields: Vec::new(),
            }));
    }
}

/// Compares what was pulled from servers with the workspace.
///
/// # Errors
/// When the workspace cannot be read.
pub fn drift(workspace: &mut Workspace, pulled: &Pulled) -> Result<Drift> {
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
    let surplus = there.into_values();
    Ok(Drift {
        changes,
        push,
        surplus: surplus
            .map(|claims| format!("{} [{}]", claims.name, claims.subject))
            .collect(),
    })
}
