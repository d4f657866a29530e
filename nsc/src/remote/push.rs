//! `push`: accounts to servers, what servers have besides, and taking accounts from servers.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_client::{Client, RequestManyOptions};
use nats_jwt::claims::{GenericClaims, OperatorClaims};
use serde_json::Value;

use super::{http, is_http, is_nats, nats};
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::{Report, Status};
use crate::signer::Key;
use crate::workspace::Workspace;

const UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";
const LIST: &str = "$SYS.REQ.CLAIMS.LIST";
const DELETE: &str = "$SYS.REQ.CLAIMS.DELETE";
/// Requests that are under way at once.
const AT_ONCE: usize = 256;

/// `push`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Push {
    /// All accounts of the operator
    #[arg(short = 'A', long, conflicts_with = "account")]
    pub all: bool,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// Push also what does not validate
    #[arg(short = 'F', long)]
    pub force: bool,
    /// Where to, when it is not where the operator says
    #[arg(short = 'u', long, value_name = "URL")]
    pub account_jwt_server_url: Option<String>,
    /// Show what servers have that is not in the store, and the other way round
    #[arg(short = 'D', long, conflicts_with_all = ["prune", "account_removal", "all"])]
    pub diff: bool,
    /// Delete from servers what is not in the store (accounts that are pushed stay)
    #[arg(short = 'P', long, conflicts_with = "account_removal")]
    pub prune: bool,
    /// Delete this account from servers: name or public key
    #[arg(short = 'R', long, value_name = "ACCOUNT")]
    pub account_removal: Option<String>,
    /// How long to wait for servers, in seconds
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=60), value_name = "SECONDS")]
    pub timeout: u64,
    #[command(flatten)]
    pub system: nats::SystemUser,
    #[command(flatten)]
    pub tls: nats::Tls,
}

/// An account to push.
#[derive(Debug, Clone)]
struct Target {
    name: String,
    key: String,
    token: String,
}

/// Everything a push needs of the workspace.
pub struct Prepared {
    url: String,
    targets: Vec<Target>,
    /// Names of all accounts by their keys.
    known: BTreeMap<String, String>,
    user: Option<nats::User>,
    /// Whoever signs deletions.
    signer: Option<Key>,
    operator: String,
    now: i64,
    removal: Option<String>,
    request: Push,
}

/// Reads what is to be pushed, and checks it.
///
/// # Errors
/// When something does not validate, or keys are missing.
pub fn prepare(workspace: &mut Workspace, request: &Push) -> Result<Prepared> {
    let other = request.prune || request.diff || request.account_removal.is_some();
    let names = if request.all {
        workspace.accounts()?
    } else if other {
        Vec::new()
    } else {
        vec![workspace.account_name(request.account.as_deref())?]
    };
    prepare_for(workspace, request, &names)
}

/// The same for accounts of these names, all by one connection; what the request says about accounts does not count.
///
/// # Errors
/// When something does not validate, or keys are missing.
pub fn prepare_for(
    workspace: &mut Workspace,
    request: &Push,
    names: &[String],
) -> Result<Prepared> {
    let operator = workspace.operator()?;
    let other = request.prune || request.diff || request.account_removal.is_some();
    let url = destination(&operator, request, other)?;
    let mut known = BTreeMap::new();
    for name in workspace.accounts()? {
        // Without every account one would be deleted that should not be.
        known.insert(workspace.account(&name)?.subject, name);
    }
    let mut targets = Vec::new();
    for name in names {
        targets.push(target(workspace, name, request.force)?);
    }
    let removal = match &request.account_removal {
        Some(given) if nats_jwt::nkey::is_public_key(given, nats_jwt::nkey::Kind::Account) => {
            Some(given.clone())
        }
        Some(given) => {
            let name = workspace.account_name(Some(given))?;
            Some(workspace.account(&name)?.subject)
        }
        None => None,
    };
    if removal.is_some() && removal.as_deref() == Some(operator.nats.system_account.as_str()) {
        refuse!("that is the system account: servers need it");
    }
    let user = if is_nats(&url) {
        Some(nats::system_user(
            workspace,
            &request.system,
            &[UPDATE, LIST, DELETE],
        )?)
    } else {
        None
    };
    let signer = if request.prune || removal.is_some() {
        Some(workspace.signer(&Workspace::operator_signers(&operator, None))?)
    } else {
        None
    };
    Ok(Prepared {
        url,
        targets,
        known,
        user,
        signer,
        operator: operator.subject,
        now: workspace.now(),
        removal,
        request: request.clone(),
    })
}

/// Where to push to.
fn destination(operator: &OperatorClaims, request: &Push, other: bool) -> Result<String> {
    let url = request
        .account_jwt_server_url
        .clone()
        .unwrap_or_else(|| operator.nats.account_server_url.clone());
    if url.is_empty() {
        return Err(Error::refused("no account server url or nats-server url was provided by the operator jwt")
            .hint("pass -u nats://HOST:4222, or: nsc edit operator --account-jwt-server-url nats://HOST:4222"));
    }
    if !is_nats(&url) && !is_http(&url) {
        refuse!(
            "{url:?} is no account server: nats://, tls://, ws://, wss://, http:// or https://"
        );
    }
    if other && is_http(&url) {
        refuse!("--diff, --prune and --account-removal only work for nats based account resolver");
    }
    Ok(url)
}

fn target(workspace: &mut Workspace, name: &str, force: bool) -> Result<Target> {
    let store = workspace.store()?;
    let token = store.account_token(&mut workspace.files, name)?;
    let claims = workspace.account(name)?;
    if !force {
        let findings = claims.validate(workspace.now());
        if findings.is_blocking(true) {
            let first = findings
                .iter()
                .find(|finding| finding.severity != nats_jwt::validate::Severity::Warning);
            let first = first.map(ToString::to_string).unwrap_or_default();
            return Err(Error::refused(format!(
                "unable to push account {name:?} as it has validation issues: {first}"
            ))
            .hint("see all of them: nsc validate; --force pushes nevertheless"));
        }
        let operator = workspace.operator()?;
        if !store.is_managed() && !operator.did_sign(&claims) {
            return Err(Error::refused(format!(
                "unable to push account {name:?} as it is not signed by the operator {:?}",
                operator.name
            ))
            .hint("--force pushes nevertheless"));
        }
    }
    Ok(Target {
        name: name.to_owned(),
        key: claims.subject,
        token,
    })
}

/// Pushes.
///
/// # Errors
/// When the server is not to be had. What servers said is in the report.
pub async fn push(prepared: Prepared) -> Result<Report> {
    let Some(user) = &prepared.user else {
        return by_http(&prepared).await;
    };
    let client = nats::connect(
        &prepared.url,
        "nsc_push",
        user,
        &prepared.request.tls,
        nats::SYSTEM_USER_REFUSED,
    )
    .await?;
    let result = by_nats(&prepared, &client, &user.account).await;
    client.close().await;
    result
}

async fn by_http(prepared: &Prepared) -> Result<Report> {
    let mut report = Report::counted();
    for target in &prepared.targets {
        let mut line = Report::quiet(format!("push {} to account server", target.name));
        post_account(&prepared.url, &target.key, &target.token, &mut line).await?;
        if line.status() == Status::Ok {
            line.relabel(format!("pushed {:?} to account server", target.name));
        }
        report.add(line);
    }
    Ok(report)
}

/// Hands an account to an account server.
///
/// # Errors
/// When the address cannot be made.
pub async fn post_account(base: &str, key: &str, token: &str, line: &mut Report) -> Result {
    let url = http::below(base, &["accounts", key])?;
    match http::post(&url, token).await {
        Ok(answer) => {
            match answer.code {
                200 => line.ok("pushed account jwt to the account server"),
                201 | 202 => line.warn("pushed account jwt was accepted by the account server"),
                code => line.error(format!("failed to push account to remote server: {code}")),
            }
            line.quote(&answer.text());
        }
        Err(error) => line.error(error.to_string()),
    }
    Ok(())
}

async fn by_nats(prepared: &Prepared, client: &Client, account: &str) -> Result<Report> {
    let mut report = Report::counted();
    let wait = Duration::from_secs(prepared.request.timeout);
    if !prepared.targets.is_empty() {
        let label = format!(
            "push to nats-server {:?} using system account {account:?}",
            prepared.url
        );
        let mut all = Report::line(Status::Ok, label);
        for chunk in prepared.targets.chunks(AT_ONCE) {
            let mut under_way = Vec::new();
            for target in chunk {
                let options = RequestManyOptions::within(wait);
                let sent = client
                    .request_many(UPDATE, None, target.token.as_bytes(), options)
                    .await;
                under_way.push((target, sent));
            }
            for (target, sent) in under_way {
                let name = &target.name;
                let mut line = Report::line(
                    Status::Ok,
                    format!("push {name} to nats-server with nats account resolver"),
                );
                match sent {
                    Ok(answers) => {
                        let said = nats::read_answers(answers, "push account", &mut line).await?;
                        for (server, data) in &said {
                            line.ok(format!(
                                "pushed {name:?} to nats-server {server}: {}",
                                words(data)
                            ));
                        }
                        line.ok(format!("pushed to a total of {} nats-server", said.len()));
                    }
                    Err(error) => line.error(format!("failed to push account: {error}")),
                }
                all.add(line);
            }
        }
        report.add(all);
    }
    if prepared.request.prune {
        let mut line = Report::line(Status::Ok, "prune nats-server with nats account resolver");
        let (servers, _, surplus) = listed(prepared, client, wait, &mut line).await?;
        delete(prepared, client, wait, surplus, Some(servers), &mut line).await?;
        report.add(line);
    }
    if let Some(key) = &prepared.removal {
        let mut line = Report::line(
            Status::Ok,
            "remove account from nats-server with nats account resolver",
        );
        delete(prepared, client, wait, vec![key.clone()], None, &mut line).await?;
        report.add(line);
    }
    if prepared.request.diff {
        let mut line = Report::line(Status::Ok, "diff nats-server with nats account resolver");
        let (_, there, _) = listed(prepared, client, wait, &mut line).await?;
        for (key, name) in &prepared.known {
            if !there.contains(key) {
                line.ok(format!(
                    "account {key} named {name} only exists in the store"
                ));
            }
        }
        report.add(line);
    }
    Ok(report)
}

fn words(data: &Value) -> String {
    match data.get("message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => data.to_string(),
    }
}

/// How many servers answered, all accounts they have, and those that the store does not have.
async fn listed(
    prepared: &Prepared,
    client: &Client,
    wait: Duration,
    line: &mut Report,
) -> Result<(usize, Vec<String>, Vec<String>)> {
    let said = nats::ask(client, LIST, &[], wait, line).await?;
    let (mut all, mut surplus) = (Vec::new(), Vec::new());
    for (server, data) in &said {
        let accounts: Vec<&str> = data
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let label = format!("list {} accounts from nats-server {server}", accounts.len());
        let mut sub = Report::line(Status::Ok, label);
        for key in accounts {
            if !all.iter().any(|there| there == key) {
                all.push(key.to_owned());
            }
            match prepared.known.get(key) {
                Some(name) => sub.ok(format!("account {key} named {name} exists")),
                None => {
                    sub.ok(format!("account {key} only exists in server"));
                    if !surplus.iter().any(|there| there == key) {
                        surplus.push(key.to_owned());
                    }
                }
            }
        }
        line.add(sub);
    }
    line.ok(format!(
        "listed accounts from a total of {} nats-server",
        said.len()
    ));
    Ok((said.len(), all, surplus))
}

async fn delete(
    prepared: &Prepared,
    client: &Client,
    wait: Duration,
    keys: Vec<String>,
    expected: Option<usize>,
    line: &mut Report,
) -> Result {
    if keys.is_empty() {
        line.ok("nothing to prune");
        return Ok(());
    }
    let Some(signer) = &prepared.signer else {
        return Err(Error::no_key(
            "the operator's key signs deletions, and is not at hand",
        ));
    };
    let mut claims = GenericClaims::new(&prepared.operator);
    claims.nats.data.insert("accounts".to_owned(), keys.into());
    let token = claims.encode(signer, prepared.now)?;
    let said = nats::ask(client, DELETE, token.as_bytes(), wait, line).await?;
    for (server, data) in &said {
        line.ok(format!("pruned nats-server {server}: {}", words(data)));
    }
    if let Some(expected) = expected
        && said.len() != expected
    {
        line.error(format!(
            "{} servers responded to 'prune' and {expected} to 'list': accounts may not be completely pruned",
            said.len()
        ));
    }
    Ok(())
}
