//! Questions of `init`, `add` and `migrate`.

use super::asker::{Asker, is_service, maybe_duration, maybe_subject, sampling, subject};
use crate::error::Result;
use crate::ops::{account, export, import, init, mapping, operator, repair, signing_key, user};

/// Nothing stands yet.
const NEW: (i64, i64) = (0, 0);

pub fn init(request: &mut init::Init, ask: &mut Asker<'_>) -> Result {
    if request.name.is_some() || request.remote_operator.is_some() {
        return Ok(());
    }
    let root = ask.workspace.config.store_root().display().to_string();
    ask.changed(
        &mut request.dir,
        "enter a configuration directory",
        &root,
        "--dir",
    )?;
    let own = "create a new operator";
    let elsewhere = "use an operator that is elsewhere";
    if ask.one_of("select an operator", &[own, elsewhere], "--remote-operator")? == elsewhere {
        let question = "operator: a url, a file, or the name of a known one";
        ask.text(
            &mut request.remote_operator,
            question,
            "",
            "--remote-operator",
        )?;
    }
    let question = "name your operator, account and user (* makes one up)";
    ask.text(&mut request.name, question, "*", "--name")
}

pub fn migrate(request: &mut repair::Migrate, ask: &mut Asker<'_>) -> Result {
    if request.url.is_some() || request.operator_dir.is_some() {
        return Ok(());
    }
    let question = "migrate all accounts under a particular operator";
    if ask.confirm(question, true, "--operator-dir")? {
        let question = "specify the directory for the operator";
        return ask.text(&mut request.operator_dir, question, "", "--operator-dir");
    }
    ask.text(&mut request.url, "account jwt url/or path", "", "--url")
}

pub fn operator(request: &mut operator::Add, ask: &mut Asker<'_>) -> Result {
    if request.url.is_none() && request.positional.is_none() && request.name.is_none() {
        if ask.confirm("import operator from a JWT", false, "--url")? {
            return ask.text(
                &mut request.url,
                "path or url for operator jwt",
                "",
                "--url",
            );
        }
        let root = ask.workspace.config.store_root().to_owned();
        let there = crate::store::operators(&mut ask.workspace.files, &root)?;
        ask.new_name(
            &mut request.name,
            "operator",
            if request.force { &[] } else { &there },
        )?;
    }
    if ask.workspace.signing.key.is_none()
        && !ask.confirm("generate an operator nkey", true, "--private-key")?
    {
        let question = "path to an operator nkey or nkey";
        let mut key = None;
        ask.text(&mut key, question, "", "--private-key")?;
        ask.workspace.signing.key = key;
    }
    ask.times(&mut request.times, NEW)?;
    ask.switch(&mut request.sys, "Generate system account?", true, "--sys")?;
    let slot = &mut request.generate_signing_key;
    ask.switch(
        slot,
        "Generate signing key?",
        true,
        "--generate-signing-key",
    )
}

pub fn account(request: &mut account::Add, ask: &mut Asker<'_>) -> Result {
    if request.positional.is_none() {
        let there = ask.workspace.accounts()?;
        ask.new_name(&mut request.name, "account", &there)?;
    }
    ask.key(&mut request.public_key, "account")?;
    ask.times(&mut request.times, NEW)?;
    ask.signer_for_operator()
}

pub fn user(request: &mut user::Add, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.positional.is_none() {
        let there = ask.workspace.users(&account)?;
        ask.new_name(&mut request.name, "user", &there)?;
    }
    ask.key(&mut request.public_key, "user")?;
    ask.signer_for_account(&account)?;
    let claims = ask.workspace.account(&account)?;
    let scoped = ask.workspace.signing.key.as_ref().is_some_and(|key| {
        let keys = &claims.nats.signing_keys;
        keys.scope(key).is_some() || keys.role(key).is_some()
    });
    if !scoped && request.permissions.is_empty() {
        let permissions = &mut request.permissions;
        let question = "subjects it may publish on, with commas (all when empty)";
        ask.subjects(&mut permissions.allow_pub, question, "--allow-pub")?;
        let question = "subjects it may subscribe to, with commas (all when empty)";
        ask.subjects(&mut permissions.allow_sub, question, "--allow-sub")?;
        if ask.confirm("allow response permissions?", false, "--allow-pub-response")? {
            let slot = &mut permissions.allow_pub_response;
            ask.number(slot, "Max number of responses", 0, "--allow-pub-response=N")?;
            slot.get_or_insert(1);
            let slot = &mut permissions.response_ttl;
            ask.valid(slot, "Response TTL", "", "--response-ttl", &maybe_duration)?;
        }
    }
    ask.times(&mut request.times, NEW)
}

pub fn export(request: &mut export::Add, ask: &mut Asker<'_>) -> Result {
    ask.account(&mut request.account)?;
    if request.subject.is_none() {
        request.service = request.service
            || ask.one_of("export type", &["stream", "service"], "--service")? == "service";
        ask.valid(&mut request.subject, "subject", "", "--subject", &subject)?;
    }
    let default = request.subject.clone().unwrap_or_default();
    ask.text(&mut request.name, "name", &default, "--name")?;
    let kind = if request.service { "service" } else { "stream" };
    ask.choice(
        &mut request.private,
        &format!("private {kind}"),
        false,
        "--private",
    )?;
    if request.service {
        if request.latency.is_none() && ask.confirm("track service latency", false, "--latency")? {
            let question = "sampling percentage [1-100] or header";
            let slot = &mut request.sampling;
            ask.valid(slot, question, "header", "--sampling", &sampling)?;
            let question = "latency metrics subject";
            ask.valid(&mut request.latency, question, "", "--latency", &subject)?;
        }
        if request.response_type.is_none() {
            let kinds = ["Singleton", "Stream", "Chunked"];
            let kind = ask.one_of("service response type", &kinds, "--response-type")?;
            request.response_type = Some(kind);
        }
        ask.switch(
            &mut request.allow_trace,
            "allow tracing",
            false,
            "--allow-trace",
        )?;
    }
    ask.signer_for_operator()
}

pub fn import(request: &mut import::Add, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.token.is_none() && request.src_account.is_none() {
        what_to_import(request, &account, ask)?;
    }
    let remote = request.remote_subject.clone().unwrap_or_default();
    if request.token.is_none() {
        ask.text(&mut request.name, "name", &remote, "--name")?;
    }
    let question = "local subject (the remote one when empty)";
    let slot = &mut request.local_subject;
    ask.valid(slot, question, "", "--local-subject", &maybe_subject)?;
    if request.service {
        let question = "share information when tracking latency?";
        ask.switch(&mut request.share, question, false, "--share")?;
    } else {
        ask.switch(
            &mut request.allow_trace,
            "allow tracing",
            false,
            "--allow-trace",
        )?;
    }
    ask.signer_for_operator()
}

/// From the exports of the operator's other accounts, of an account elsewhere, or what a token says.
fn what_to_import(request: &mut import::Add, account: &str, ask: &mut Asker<'_>) -> Result {
    let mut labels = Vec::new();
    let mut exports = Vec::new();
    for name in ask.workspace.accounts()? {
        if name != account {
            for export in ask.workspace.account(&name)?.nats.exports {
                labels.push(format!("{name}: {} {}", export.kind, export.subject));
                exports.push((name.clone(), export));
            }
        }
    }
    labels.push("another: public, of an account elsewhere".to_owned());
    labels.push("another: with an activation token".to_owned());
    let at = ask
        .prompt
        .select("select the export", &labels, "--src-account or --token")?;
    if let Some((name, export)) = exports.get(at) {
        request.src_account = Some(name.clone());
        request.service = is_service(export);
        let slot = &mut request.remote_subject;
        let question = "export subject";
        return ask.valid(
            slot,
            question,
            &export.subject,
            "--remote-subject",
            &subject,
        );
    }
    if at > exports.len() {
        return ask.text(&mut request.token, "token path or url", "", "--token");
    }
    let question = "public key of the exporting account";
    ask.text(&mut request.src_account, question, "", "--src-account")?;
    let slot = &mut request.remote_subject;
    ask.valid(slot, "remote subject", "", "--remote-subject", &subject)?;
    ask.switch(
        &mut request.service,
        "is import a service",
        true,
        "--service",
    )
}

pub fn mapping(request: &mut mapping::Add, ask: &mut Asker<'_>) -> Result {
    ask.account(&mut request.account)?;
    ask.required(&mut request.from, "mapping from subject", "--from")?;
    ask.required(&mut request.to, "to subject", "--to")?;
    let mut weight = None;
    let there = i64::from(request.weight);
    ask.number(&mut weight, "weight, in percent", there, "--weight")?;
    if let Some(weight) = weight {
        request.weight = u8::try_from(weight)
            .ok()
            .filter(|weight| (1..=100).contains(weight))
            .ok_or_else(|| crate::error::Error::refused("a weight is from 1 to 100"))?;
    }
    ask.signer_for_operator()
}

pub fn signing_key(request: &mut signing_key::Edit, ask: &mut Asker<'_>) -> Result {
    ask.account(&mut request.account)?;
    if request.positional.is_none() {
        let check = |answer: &str| match answer.trim() {
            "" => Err("a role has a name".to_owned()),
            _ => Ok(()),
        };
        ask.valid(&mut request.role, "name of the role", "", "--role", &check)?;
    }
    permissions(request, ask)?;
    ask.signer_for_operator()
}

/// What the users of a role may do.
pub fn permissions(request: &mut signing_key::Edit, ask: &mut Asker<'_>) -> Result {
    let permissions = &mut request.limits.permissions;
    let question = "subjects its users may publish on, with commas";
    ask.subjects(&mut permissions.allow_pub, question, "--allow-pub")?;
    let question = "subjects its users may subscribe to, with commas";
    ask.subjects(&mut permissions.allow_sub, question, "--allow-sub")
}
