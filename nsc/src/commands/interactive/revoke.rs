//! Questions of `revocations` and of `generate activation`.

use nats_jwt::claims::EVERYBODY;
use nats_jwt::nkey::Kind;

use super::asker::{Asker, is_service, subject};
use crate::error::{Error, Result};
use crate::ops::{import, revocations};
use crate::remote::is_http;

const UNTIL: &str =
    "revoke all credentials created before (0 is now, formats are RFC3339 or #seconds since epoch)";

pub fn add_user(request: &mut revocations::AddUser, ask: &mut Asker<'_>) -> Result {
    user(&mut request.who, ask)?;
    until(&mut request.at, ask)?;
    ask.signer_for_operator()
}

fn until(slot: &mut Option<String>, ask: &mut Asker<'_>) -> Result {
    let now = ask.workspace.now();
    let check = |answer: &str| match crate::text::revoked_at(answer.trim(), now) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    ask.valid(slot, UNTIL, "0", "--at", &check)
}

/// Whose revocation is taken back: one of those that stand.
pub fn delete_user(request: &mut revocations::Who, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    let given = request.positional.is_some() || request.name.is_some();
    if !given && request.user_public_key.is_none() {
        let claims = ask.workspace.account(&account)?;
        let mut names = vec![(EVERYBODY.to_owned(), "[All Users]".to_owned())];
        for user in ask.workspace.users(&account)? {
            // What is damaged has no name here.
            if let Ok(claims) = ask.workspace.user(&account, &user) {
                names.push((claims.subject, user));
            }
        }
        let keys = claims.nats.revocations.iter().map(|(key, _)| key);
        let none = format!("account {account:?} doesn't have revoked users");
        let question = "select the revocation to delete";
        let key = named(keys, &names, question, &none, "--user-public-key", ask)?;
        request.user_public_key = Some(key);
    }
    ask.signer_for_operator()
}

/// One of some keys, shown with the names that are known.
fn named<'a>(
    keys: impl Iterator<Item = &'a str>,
    names: &[(String, String)],
    question: &str,
    none: &str,
    instead: &str,
    ask: &mut Asker<'_>,
) -> Result<String> {
    let known = |key: &str| names.iter().find(|(other, _)| other == key);
    let labels: Vec<String> = keys
        .map(|key| match known(key) {
            Some((_, name)) => format!("{key} {name}"),
            None => key.to_owned(),
        })
        .collect();
    let label = ask.pick(question, &labels, none, instead)?;
    Ok(label.split(' ').next().unwrap_or_default().to_owned())
}

/// Whose credentials are meant: those of a user in the store, or of any key.
pub fn user(request: &mut revocations::Who, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    let given = request.positional.is_some() || request.name.is_some();
    if given || request.user_public_key.is_some() {
        return Ok(());
    }
    if ask.confirm("by the name of a user", true, "--name")? {
        return ask.user(&account, &mut request.name, "--name").map(drop);
    }
    let question = "public key of the user (* for all)";
    let slot = &mut request.user_public_key;
    ask.named_key(slot, question, Kind::User, "--user-public-key")
}

/// The export whose activations are meant.
pub fn export(request: &mut revocations::Activations, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.subject.is_some() {
        return Ok(());
    }
    ask.switch(&mut request.service, "is service", false, "--service")?;
    let service = request.service;
    let question = if service {
        "select service export"
    } else {
        "select stream export"
    };
    let export = ask.export(&account, question, |export| is_service(export) == service)?;
    request.subject = Some(export.subject);
    Ok(())
}

pub fn activation(
    request: &mut revocations::Activation,
    adds: bool,
    ask: &mut Asker<'_>,
) -> Result {
    export(&mut request.export, ask)?;
    if request.target_account.is_empty() && adds {
        let question = "account: name, public key, or * for all";
        let mut target = None;
        ask.named_key(&mut target, question, Kind::Account, "--target-account")?;
        request.target_account = target.unwrap_or_default();
    } else if request.target_account.is_empty() {
        request.target_account = revoked(&request.export, ask)?;
    }
    if adds {
        until(&mut request.at, ask)?;
    }
    ask.signer_for_operator()
}

/// One of the accounts whose activations of an export are revoked.
fn revoked(export: &revocations::Activations, ask: &mut Asker<'_>) -> Result<String> {
    let account = ask.workspace.account_name(export.account.as_deref())?;
    let exports = ask.workspace.account(&account)?.nats.exports;
    let there = exports
        .into_iter()
        .find(|there| {
            is_service(there) == export.service && Some(&there.subject) == export.subject.as_ref()
        })
        .ok_or_else(|| Error::missing(format!("account {account:?} has no such export")))?;
    let mut names = vec![(EVERYBODY.to_owned(), "[All Accounts]".to_owned())];
    for name in ask.workspace.accounts()? {
        if let Ok(claims) = ask.workspace.account(&name) {
            names.push((claims.subject, name));
        }
    }
    let none = format!("export {} doesn't have revocations", there.name);
    let question = "select account revocation to delete";
    let keys = there.revocations.iter().map(|(key, _)| key);
    named(keys, &names, question, &none, "--target-account", ask)
}

pub fn activate(request: &mut import::Activate, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.subject.is_none() {
        let export = ask.export(&account, "select the export", |export| {
            export.token_required
        })?;
        let slot = &mut request.subject;
        ask.valid(slot, "subject", &export.subject, "--subject", &subject)?;
    }
    let question = "account that may import: name or public key";
    let slot = &mut request.target_account;
    ask.named_key(slot, question, Kind::Account, "--target-account")?;
    ask.times(&mut request.times, (0, 0))?;
    ask.signer_for_account(&account)?;
    let url = ask.workspace.operator()?.nats.account_server_url;
    if is_http(&url) {
        let question = format!("push the activation to {url:?}");
        ask.switch(&mut request.push, &question, false, "--push")?;
    }
    Ok(())
}
