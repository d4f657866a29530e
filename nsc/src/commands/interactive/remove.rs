//! Questions of `delete`: what, what goes with it, and whether that is really meant.

use super::asker::Asker;
use super::edit::signing_keys;
use crate::error::{Error, Result};
use crate::ops::{account, export, import, mapping, signing_key, user};

pub fn account(request: &mut account::Delete, ask: &mut Asker<'_>) -> Result {
    let mut name = request.positional.take().or(request.name.take());
    let account = ask.account(&mut name)?;
    request.name = name;
    let managed = ask.workspace.store()?.is_managed();
    if managed {
        let question = "revoke all account users before deleting";
        ask.choice(&mut request.revoke, question, true, "--revoke")?;
    }
    let question = "delete associated account and user nkeys";
    ask.switch(&mut request.rm_nkey, question, false, "--rm-nkey")?;
    let question = "delete associated user creds files";
    ask.switch(&mut request.rm_creds, question, false, "--rm-creds")?;
    if managed && !request.force {
        ask.sure(
            "managed accounts may require the account JWT or nkeys to cancel a service - continue",
        )?;
        request.force = true;
    }
    ask.sure(&format!(
        "deleting account {account} with its users, nkeys or creds files cannot be undone - continue"
    ))
}

pub fn user(request: &mut user::Delete, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.positional.is_empty() && request.name.is_empty() {
        let users = ask.workspace.users(&account)?;
        request.name = ask.several("select users", &users, "--name")?;
        if request.name.is_empty() {
            return Err(Error::refused("no user was selected"));
        }
    }
    let question = "revoke users before deleting";
    ask.choice(&mut request.revoke, question, true, "--revoke")?;
    ask.switch(
        &mut request.rm_nkey,
        "delete user nkeys",
        false,
        "--rm-nkey",
    )?;
    ask.switch(
        &mut request.rm_creds,
        "delete user creds files",
        false,
        "--rm-creds",
    )?;
    ask.sure("deleting users, nkeys or creds files cannot be undone - continue")?;
    // Revoking is what the account says, which its operator signs.
    match request.revoke {
        Some(false) => Ok(()),
        _ => ask.signer_for_operator(),
    }
}

pub fn export(request: &mut export::Delete, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.positional.is_none() && request.subject.is_none() {
        let export = ask.export(&account, "select export to delete", |_| true)?;
        request.kind = Some(export.kind.to_string());
        request.subject = Some(export.subject);
    }
    ask.signer_for_operator()
}

pub fn import(request: &mut import::Delete, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.positional.is_none() && request.subject.is_none() {
        let import = ask.import(&account, "select import to delete")?;
        request.subject = Some(import.subject);
        request.src_account = Some(import.account);
    }
    ask.signer_for_operator()
}

pub fn mapping(request: &mut mapping::Delete, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.from.is_empty() {
        let mappings = ask.workspace.account(&account)?.nats.mappings;
        let subjects: Vec<String> = mappings.into_keys().collect();
        let none = format!("account {account:?} doesn't have mappings");
        request.from = ask.pick("select mapping to delete", &subjects, &none, "--from")?;
    }
    ask.signer_for_operator()
}

pub fn signing_key(request: &mut signing_key::Delete, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.key.is_empty() {
        let keys = signing_keys(&account, ask)?;
        let none = format!("account {account:?} has no signing keys");
        request.key = ask.pick("select the signing key", &keys, &none, "KEY")?;
    }
    ask.signer_for_operator()
}
