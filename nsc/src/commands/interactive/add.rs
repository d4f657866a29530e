//! Questions of `init`, `add` and `migrate`.

use nats_jwt::claims::AnyClaims;
use nats_jwt::nkey::Kind;

use super::asker::{Asker, is_service, maybe_duration, maybe_subject, subject};
use crate::error::Result;
use crate::files;
use crate::limits::FILE_BYTES_MAX;
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
        let places = &ask.workspace.places;
        let check = |answer: &str| {
            let directory = places.expanded(answer.trim());
            match crate::store::Info::read(&directory) {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(format!("{} holds no store", directory.display())),
                Err(error) => Err(error.to_string()),
            }
        };
        let answer = ask.prompt.checked(question, "", "--operator-dir", &check)?;
        request.operator_dir = Some(answer.trim().to_owned());
    } else {
        ask.source(&mut request.url, "account jwt url/or path", "--url")?;
    }
    let question = "replace accounts that are here already";
    ask.switch(&mut request.force, question, false, "--force")
}

pub fn operator(request: &mut operator::Add, ask: &mut Asker<'_>) -> Result {
    if request.url.is_none() && request.positional.is_none() && request.name.is_none() {
        if ask.confirm("import operator from a JWT", false, "--url")? {
            return ask.source(&mut request.url, "path or url for operator jwt", "--url");
        }
        let root = ask.workspace.config.store_root().to_owned();
        let there = crate::store::operators(&mut ask.workspace.files, &root)?;
        ask.new_name(
            &mut request.name,
            "operator",
            if request.force { &[] } else { &there },
        )?;
    }
    let mut key = ask.workspace.signing.key.take();
    ask.key(&mut key, Kind::Operator, "--private-key")?;
    ask.workspace.signing.key = key;
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
    ask.key(&mut request.public_key, Kind::Account, "--public-key")?;
    ask.times(&mut request.times, NEW)?;
    ask.signer_for_operator()
}

pub fn user(request: &mut user::Add, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.positional.is_none() {
        let there = ask.workspace.users(&account)?;
        ask.new_name(&mut request.name, "user", &there)?;
    }
    ask.key(&mut request.public_key, Kind::User, "--public-key")?;
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
        ask.latency((&mut request.latency, &mut request.sampling), None)?;
        if request.response_type.is_none() {
            let kinds = ["Singleton", "Stream", "Chunked"];
            let kind = ask.one_of("service response type", &kinds, "--response-type")?;
            request.response_type = Some(kind);
        }
        let question = "response threshold (0 disabled)";
        let slot = &mut request.response_threshold;
        ask.duration(slot, question, 0, "--response-threshold")?;
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
    let (name, service) = match &request.token {
        Some(source) => activation(source, ask),
        None => (request.remote_subject.clone(), Some(request.service)),
    };
    let name = name.unwrap_or_default();
    ask.text(&mut request.name, "name", &name, "--name")?;
    let question = "local subject (the remote one when empty)";
    let slot = &mut request.local_subject;
    ask.valid(slot, question, "", "--local-subject", &maybe_subject)?;
    // What a token behind a URL is about is not known yet: then neither is asked.
    if service == Some(true) {
        let question = "share information when tracking latency?";
        ask.switch(&mut request.share, question, false, "--share")?;
    } else if service == Some(false) {
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
        // A damaged account exports nothing.
        if name != account
            && let Ok(exporter) = ask.workspace.account(&name)
        {
            for export in exporter.nats.exports {
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
        return ask.source(&mut request.token, "token path or url", "--token");
    }
    let question = "public key of the exporting account";
    let slot = &mut request.src_account;
    ask.named_key(slot, question, Kind::Account, "--src-account")?;
    let slot = &mut request.remote_subject;
    ask.valid(slot, "remote subject", "", "--remote-subject", &subject)?;
    ask.switch(
        &mut request.service,
        "is import a service",
        true,
        "--service",
    )
}

/// Name and kind of the export that an activation token is about, when it lies in a file.
fn activation(source: &str, ask: &Asker<'_>) -> (Option<String>, Option<bool>) {
    let path = ask.workspace.places.expanded(source);
    let claims = files::read_named(&path, FILE_BYTES_MAX)
        .ok()
        .and_then(|content| nats_jwt::creds::parse_jwt(&content).ok())
        .and_then(|token| nats_jwt::claims::decode(token.reveal()).ok());
    match claims {
        Some(AnyClaims::Activation(claims)) => {
            let service = claims.nats.import_type == nats_jwt::claims::ExportType::Service;
            (Some(claims.name), Some(service))
        }
        _ => (None, None),
    }
}

pub fn mapping(request: &mut mapping::Add, ask: &mut Asker<'_>) -> Result {
    ask.account(&mut request.account)?;
    let question = "mapping from subject";
    ask.required_subject(&mut request.from, question, "--from")?;
    let (from, weight) = (request.from.clone(), request.weight);
    let check = |answer: &str| {
        let to = answer.trim().to_owned();
        let to = nats_jwt::claims::WeightedMapping {
            subject: to,
            weight,
            cluster: String::new(),
        };
        mapping::check(&from, &[to]).map_err(|error| error.to_string())
    };
    if request.to.is_empty() {
        let answer = ask.prompt.checked("to subject", "", "--to", &check)?;
        answer.trim().clone_into(&mut request.to);
    }
    let mut given = None;
    let there = i64::from(request.weight);
    let question = "weight, in percent";
    ask.number_of(&mut given, question, there, "--weight", 1..=100)?;
    if let Some(weight) = given.and_then(|weight| u8::try_from(weight).ok()) {
        request.weight = weight;
    }
    ask.signer_for_operator()
}

pub fn signing_key(request: &mut signing_key::Edit, ask: &mut Asker<'_>) -> Result {
    ask.account(&mut request.account)?;
    if request.positional.is_none() {
        let account = ask.workspace.account_name(request.account.as_deref())?;
        let there = ask.workspace.account(&account)?.nats.signing_keys;
        let check = |answer: &str| match answer.trim() {
            "" => Err("a role has a name".to_owned()),
            role if there.role(role).is_some() => Err(format!("there is a role {role:?} already")),
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
