//! Questions of `edit`. What stands is the default of every question, and left as it is.

use nats_jwt::claims::{AccountClaims, AccountLimits, JetStreamLimits};
use nats_jwt::nkey::Kind;
use nats_jwt::validate::{account_server_url, operator_service_url};

use super::add;
use super::asker::{Asker, is_service, subject};
use crate::error::Result;
use crate::ops::{account, authcallout, export, operator, signing_key, user};

pub fn account(request: &mut account::Edit, ask: &mut Asker<'_>) -> Result {
    let mut name = request.positional.take().or(request.name.take());
    let account = ask.account(&mut name)?;
    request.name = name;
    let claims = ask.workspace.account(&account)?;
    if request.sk.is_empty() && ask.confirm("add a signing key", false, "--sk")? {
        let question = "path to a signing key nkey or nkey, or generate";
        ask.keys(&mut request.sk, question, Kind::Account, "--sk")?;
    }
    limits(&mut request.limits, &claims.nats.limits, ask)?;
    if request.jetstream == account::JetStream::default() {
        jetstream(&mut request.jetstream, &claims, ask)?;
    }
    ask.times(&mut request.times, (claims.not_before, claims.expires))?;
    let tags: Vec<String> = claims.nats.tags.iter().map(ToString::to_string).collect();
    ask.tags(&mut request.tags, &tags)?;
    let there = (
        claims.nats.description.as_str(),
        claims.nats.info_url.as_str(),
    );
    let slots = (&mut request.description, &mut request.info_url);
    ask.about(slots, "Account", there)?;
    if request.trace_context_subject.is_none()
        && ask.confirm("Enable context tracing?", false, "--trace-context-subject")?
    {
        let slot = &mut request.trace_context_subject;
        let (default, flag) = ("trace.messages", "--trace-context-subject");
        ask.valid(slot, "Trace context subject?", default, flag, &subject)?;
        let question = "Trace context sampling rate [1-100]";
        let slot = &mut request.trace_context_sampling;
        let flag = "--trace-context-sampling";
        ask.number_of(slot, question, 100, flag, 1..=100)?;
    }
    ask.signer_for_operator()
}

fn limits(limits: &mut account::Limits, there: &AccountLimits, ask: &mut Asker<'_>) -> Result {
    let questions = [
        (&mut limits.conns, "connections", there.conn, "--conns"),
        (
            &mut limits.leaf_conns,
            "leaf node connections",
            there.leaf,
            "--leaf-conns",
        ),
        (&mut limits.data, "data", there.data, "--data"),
        (&mut limits.exports, "exports", there.exports, "--exports"),
        (&mut limits.imports, "imports", there.imports, "--imports"),
        (&mut limits.payload, "payload", there.payload, "--payload"),
        (
            &mut limits.subscriptions,
            "subscriptions",
            there.subs,
            "--subscriptions",
        ),
    ];
    for (slot, what, there, flag) in questions {
        ask.number(slot, &format!("max {what} (-1 unlimited)"), there, flag)?;
    }
    Ok(())
}

fn jetstream(
    request: &mut account::JetStream,
    claims: &AccountClaims,
    ask: &mut Asker<'_>,
) -> Result {
    if !ask.confirm("set JetStream limits", false, "--js-disk-storage")? {
        return Ok(());
    }
    let mut tier = None;
    let question = "edit tier (0 matches all tiers)";
    ask.number_of(&mut tier, question, 0, "--js-tier", 0..=i64::from(u32::MAX))?;
    let tier = tier.and_then(|tier| u32::try_from(tier).ok()).unwrap_or(0);
    request.js_tier = Some(tier);
    let limits = &claims.nats.limits;
    let there = match tier {
        0 => limits.jetstream,
        tier => {
            let name = format!("R{tier}");
            limits.tiered_limits.get(&name).copied().unwrap_or_default()
        }
    };
    storage(request, &there, ask)
}

fn storage(
    request: &mut account::JetStream,
    there: &JetStreamLimits,
    ask: &mut Asker<'_>,
) -> Result {
    let question = "max mem storage (-1 unlimited / 0 disabled)";
    let slot = &mut request.js_mem_storage;
    ask.number(slot, question, there.mem_storage, "--js-mem-storage")?;
    let question = "max disk storage (-1 unlimited / 0 disabled)";
    let slot = &mut request.js_disk_storage;
    ask.number(slot, question, there.disk_storage, "--js-disk-storage")?;
    let memory = request.js_mem_storage.unwrap_or(there.mem_storage);
    let disk = request.js_disk_storage.unwrap_or(there.disk_storage);
    if memory == 0 && disk == 0 {
        return Ok(());
    }
    let questions = [
        (
            &mut request.js_streams,
            "max streams (-1 unlimited)",
            there.streams,
            "--js-streams",
        ),
        (
            &mut request.js_consumer,
            "max consumer (-1 unlimited)",
            there.consumer,
            "--js-consumer",
        ),
        (
            &mut request.js_max_mem_stream,
            "max size for a memory stream (-1 unlimited)",
            there.mem_max_stream_bytes,
            "--js-max-mem-stream",
        ),
        (
            &mut request.js_max_disk_stream,
            "max size for a disk stream (-1 unlimited)",
            there.disk_max_stream_bytes,
            "--js-max-disk-stream",
        ),
        (
            &mut request.js_max_ack_pending,
            "max number of pending acks for a consumer",
            there.max_ack_pending,
            "--js-max-ack-pending",
        ),
    ];
    for (slot, question, there, flag) in questions {
        ask.number(slot, question, there, flag)?;
    }
    let question = "require max bytes when creating a stream";
    let slot = &mut request.js_max_bytes_required;
    ask.choice(
        slot,
        question,
        there.max_bytes_required,
        "--js-max-bytes-required",
    )
}

pub fn user(request: &mut user::Edit, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    let mut name = request.positional.take().or(request.name.take());
    let user = ask.user(&account, &mut name, "--name")?;
    request.name = name;
    let claims = ask.workspace.user(&account, &user)?;
    let there = &claims.nats.limits;
    if !there.is_nothing() {
        let limits = &mut request.limits;
        ask.number(
            &mut limits.subs,
            "max subscriptions (-1 unlimited)",
            there.limits.subs,
            "--subs",
        )?;
        ask.number(
            &mut limits.data,
            "max data (-1 unlimited)",
            there.limits.data,
            "--data",
        )?;
        let question = "max payload (-1 unlimited)";
        ask.number(
            &mut limits.payload,
            question,
            there.limits.payload,
            "--payload",
        )?;
        let permissions = &mut limits.permissions;
        let question = "more subjects it may publish on, with commas";
        ask.subjects(&mut permissions.allow_pub, question, "--allow-pub")?;
        let question = "more subjects it may subscribe to, with commas";
        ask.subjects(&mut permissions.allow_sub, question, "--allow-sub")?;
    }
    ask.times(&mut request.times, (claims.not_before, claims.expires))?;
    let tags: Vec<String> = claims.nats.tags.iter().map(ToString::to_string).collect();
    ask.tags(&mut request.tags, &tags)
}

pub fn operator(request: &mut operator::Edit, ask: &mut Asker<'_>) -> Result {
    if let Some(name) = &request.name {
        ask.workspace.use_operator(name)?;
    }
    let claims = ask.workspace.operator()?;
    let there = &claims.nats;
    let slot = &mut request.account_jwt_server_url;
    let (question, flag) = ("account jwt server url", "--account-jwt-server-url");
    let check = |answer: &str| account_server_url(answer.trim());
    ask.changed_to(slot, question, &there.account_server_url, flag, &check)?;
    let question = "service urls to add, with commas";
    let slot = &mut request.service_url;
    ask.list(slot, question, "--service-url", &operator_service_url)?;
    let urls = &there.operator_service_urls;
    if request.rm_service_url.is_empty()
        && !urls.is_empty()
        && ask.confirm("remove any service urls", false, "--rm-service-url")?
    {
        let question = "select service urls to remove";
        request.rm_service_url = ask.several(question, urls, "--rm-service-url")?;
    }
    if request.system_account.is_none()
        && ask.confirm("Set system account", false, "--system-account")?
    {
        ask.account(&mut request.system_account)?;
    }
    if request.sk.is_empty() && ask.confirm("add a signing key", false, "--sk")? {
        let question = "path to a signing key nkey or nkey, or generate";
        ask.keys(&mut request.sk, question, Kind::Operator, "--sk")?;
    }
    ask.times(&mut request.times, (claims.not_before, claims.expires))?;
    let tags: Vec<String> = there.tags.iter().map(ToString::to_string).collect();
    ask.tags(&mut request.tags, &tags)
}

pub fn export(request: &mut export::Edit, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    let given = request.subject.clone();
    let there = ask.export(&account, "select export to edit", |export| {
        given.as_ref().is_none_or(|given| export.subject == *given)
    })?;
    request.subject = Some(there.subject.clone());
    request.kind = Some(there.kind.to_string());
    if request.service.is_none() {
        let mut kinds = ["stream", "service"];
        kinds.sort_by_key(|kind| *kind != there.kind.as_str());
        let kind = ask.one_of("export type", &kinds, "--service")?;
        request.service = (kind != kinds[0]).then_some(kind == "service");
    }
    let service = request.service.unwrap_or_else(|| is_service(&there));
    let slot = &mut request.new_subject;
    ask.changed_to(slot, "subject", &there.subject, "--new-subject", &subject)?;
    let name = match &request.new_subject {
        // One that is named after its subject goes on with it.
        Some(new) if there.name == there.subject => new.clone(),
        _ => there.name.clone(),
    };
    ask.changed(&mut request.name, "name", &name, "--name")?;
    if request.private.is_none() {
        let question = format!("private {}", if service { "service" } else { "stream" });
        let private = ask.confirm(&question, there.token_required, "--private")?;
        request.private = Some(private).filter(|private| *private != there.token_required);
    }
    if service {
        if !request.rm_latency_sampling {
            let slots = (&mut request.latency, &mut request.sampling);
            let measured = ask.latency(slots, there.latency.as_ref())?;
            request.rm_latency_sampling = !measured && there.latency.is_some();
        }
        if request.response_type.is_none() {
            let now = there.response_type.as_str();
            let mut kinds = vec!["Singleton", "Stream", "Chunked"];
            kinds.sort_by_key(|kind| *kind != now);
            let kind = ask.one_of("service response type", &kinds, "--response-type")?;
            request.response_type = Some(kind).filter(|kind| kind != kinds[0]);
        }
        let question = "response threshold (0 disabled)";
        let slot = &mut request.response_threshold;
        let (there, flag) = (there.response_threshold_ns, "--response-threshold");
        ask.duration(slot, question, there, flag)?;
    }
    let slots = (&mut request.description, &mut request.info_url);
    ask.about(slots, "Export", (&there.description, &there.info_url))?;
    ask.signer_for_operator()
}

pub fn signing_key(request: &mut signing_key::Edit, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.positional.is_none() && request.sk.is_none() {
        let labels = signing_keys(&account, ask)?;
        let none = format!("account {account:?} has no signing keys; add one: nsc add signing-key");
        request.sk = Some(ask.pick("select the signing key", &labels, &none, "--sk")?);
    }
    let question = "what the role is for";
    ask.text(&mut request.description, question, "", "--description")?;
    add::permissions(request, ask)?;
    ask.signer_for_operator()
}

/// The signing keys of an account: roles, else public keys.
pub fn signing_keys(account: &str, ask: &mut Asker<'_>) -> Result<Vec<String>> {
    let claims = ask.workspace.account(account)?;
    let keys = claims.nats.signing_keys.iter();
    Ok(keys
        .map(|(key, scope)| match scope {
            Some(scope) if !scope.role.is_empty() => scope.role.clone(),
            _ => key.to_owned(),
        })
        .collect())
}

pub fn authcallout(request: &mut authcallout::Edit, ask: &mut Asker<'_>) -> Result {
    let account = ask.account(&mut request.account)?;
    if request.disable {
        return Ok(());
    }
    if request.auth_user.is_empty() {
        let users = ask.workspace.users(&account)?;
        let question = "select the users of the authorization service";
        request.auth_user = ask.several(question, &users, "--auth-user")?;
    }
    let question = "accounts in which it may place users, with commas (* for all)";
    let names = ask.workspace.accounts()?;
    let check = |answer: &str| match answer {
        "*" => Ok(()),
        name if names.iter().any(|there| there == name) => Ok(()),
        key if nats_jwt::nkey::is_public_key(key, Kind::Account) => Ok(()),
        other => Err(format!("{other:?} is no account, and no public key of one")),
    };
    let slot = &mut request.allowed_account;
    ask.list(slot, question, "--allowed-account", &check)?;
    if request.curve.is_none() && ask.confirm("encrypt what it is asked", false, "--curve")? {
        let question = "curve key: public key, seed, file, or generate";
        let mut keys = Vec::new();
        ask.keys(&mut keys, question, Kind::Curve, "--curve")?;
        request.curve = Some(keys.pop().unwrap_or_else(|| "generate".to_owned()));
    }
    ask.signer_for_operator()
}
