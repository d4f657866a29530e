//! Where a document wants signing keys, servers refuse what an identity key signed: also accounts and users that the document does
//! not name are signed again, and what cannot be is listed.

use super::apply::{Change, Verb, record};
use crate::error::{Error, Result};
use crate::ops::user;
use crate::workspace::Workspace;

/// Signs again what the operator's or an account's own key signed.
///
/// # Errors
/// When users would be refused whose account has no key to sign them with; all of them are named.
pub fn resign(workspace: &mut Workspace, changes: &mut Vec<Change>) -> Result {
    // There the accounts' signatures are the operator's own affair.
    let managed = workspace.store()?.is_managed();
    let operator = workspace.operator()?;
    let mut left = Vec::new();
    for name in workspace.accounts()? {
        let there = workspace.account(&name)?;
        if !managed && !operator.did_sign(&there) {
            let claims = workspace.edit_account(&name)?;
            let signer = workspace.signer_of_account(&claims)?;
            workspace.put_account(&claims, &signer)?;
            let field = ("issuer".to_owned(), there.issuer.clone(), signer.text());
            record(
                changes,
                Verb::Change,
                format!("account {name}"),
                vec![field],
            );
        }
        for user in workspace.users(&name)? {
            if workspace.user(&name, &user)?.issuer != there.subject {
                continue;
            }
            let Some(signer) = user::issue_again(workspace, &name, &user, &there)? else {
                left.push(format!("{name}/{user}"));
                continue;
            };
            let field = ("issuer".to_owned(), there.subject.clone(), signer.text());
            let what = format!("user {name}/{user}");
            record(changes, Verb::Change, what, vec![field]);
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "with require_signing_keys servers would refuse these users, which their accounts' own keys signed: {}",
        left.join(", ")
    ))
    .hint("give their accounts a signing key and run this again: nsc edit account NAME --sk generate"))
}
