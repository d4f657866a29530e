//! Questions of `revocations` and of `generate activation`.

use super::asker::{Asker, is_service};
use crate::error::Result;
use crate::ops::{import, revocations};

const UNTIL: &str =
    "revoke all credentials created before (0 is now, formats are RFC3339 or #seconds since epoch)";

pub fn add_user(request: &mut revocations::AddUser, ask: &mut Asker<'_>) -> Result {
    user(&mut request.who, ask)?;
    ask.text(&mut request.at, UNTIL, "0", "--at")
}

/// Whose credentials are meant: those of a user in the store, or of any key.
pub fn user(request: &mut revocations::Who, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    let given = request.positional.is_some() || request.name.is_some();
    if given || request.user_public_key.is_some() {
        return Ok(());
    }
    if ask.confirm("by the name of a user", true, "--name")? {
        return ask.user(&account, &mut request.name).map(drop);
    }
    let question = "public key of the user (* for all)";
    ask.text(
        &mut request.user_public_key,
        question,
        "",
        "--user-public-key",
    )
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
    let question = "account: name, public key, or * for all";
    ask.required(&mut request.target_account, question, "--target-account")?;
    if adds {
        ask.text(&mut request.at, UNTIL, "0", "--at")?;
    }
    Ok(())
}

pub fn activate(request: &mut import::Activate, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.subject.is_none() {
        let export = ask.export(&account, "select the export", |export| {
            export.token_required
        })?;
        ask.text(
            &mut request.subject,
            "subject",
            &export.subject,
            "--subject",
        )?;
    }
    let question = "account that may import: name or public key";
    ask.text(
        &mut request.target_account,
        question,
        "",
        "--target-account",
    )?;
    ask.times(&mut request.times, (0, 0))?;
    ask.signer_for_account(&account)
}
