//! From a command to its operation.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::tree::{
    Add, App, Command, Delete, Describe, DescribeArgs, Diagram, Edit, Export, Generate, Import,
    ImportOperator, Keys, List, Reissue, Rename, Revocations, Select,
};
use super::{complete, interactive, print, show, tool};
use crate::desired;
use crate::error::{Error, Result};
use crate::files;
use crate::limits::{BACKUP_BYTES_MAX, FILE_BYTES_MAX};
use crate::ops::{
    Outcome, account, authcallout, backup, describe, expirations, export, generate, import, init,
    keys, list, mapping, operator, rename, repair, revocations, select, signing_key, user,
    validate,
};
use crate::places::Surroundings;
use crate::remote::{http, is_http, pull, push};
use crate::report::{Report, Status};
use crate::signer::Program;
use crate::workspace::{self, Signing, Workspace};
use nats_term::prompt::Terminal;

/// Seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Runs a command; yields the exit code.
///
/// # Errors
/// Everything that has exit code 1.
pub async fn run(app: App) -> Result<u8> {
    let around = Surroundings::of_process();
    let seconds = around.get("NSC_SIGNER_TIMEOUT").map(str::to_owned);
    let program = |text: &str| Program::parse(text, seconds.as_deref());
    let signing = Signing {
        key: app.private_key.clone(),
        program: app.signer.as_deref().map(program).transpose()?,
    };
    let mut workspace = Workspace::open(&app.directories, around, now())?;
    workspace.signing = signing;
    let mut command = app.command;
    if app.interactive {
        interactive::ask(&mut command, &mut workspace, &mut Terminal)?;
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        interactive::ask_about_orphans(&mut command, &mut workspace, &mut Terminal)?;
    }
    check_version(&mut workspace, &command)?;
    let w = &mut workspace;
    let json = app.json;
    match command {
        Command::Describe(args) => describe(w, args, json).await,
        Command::Export(Export::Account(request)) => {
            let name = w.account_name(request.name.as_deref())?;
            let token = w.store()?.account_token(&mut w.files, &name)?;
            deliver(w, exported(token), &request.output_file, true, json).await
        }
        Command::Export(Export::Operator(request)) => {
            if let Some(name) = &request.name {
                w.use_operator(name)?;
            }
            let token = w.store()?.operator_token(&mut w.files)?;
            deliver(w, exported(token), &request.output_file, true, json).await
        }
        Command::Generate(what) => generate(w, what, json).await,
        Command::Plan(request) => plan(w, &request, json).await,
        Command::Apply(request) => apply(w, &request, json).await,
        Command::Tool(what) => tool(w, &what, json).await,
        Command::Pub(what) => tool(w, &what.with(tool::Tool::Pub), json).await,
        Command::Sub(what) => tool(w, &what.with(tool::Tool::Sub), json).await,
        Command::Req(what) => tool(w, &what.with(tool::Tool::Req), json).await,
        Command::Reply(what) => tool(w, &what.with(tool::Tool::Reply), json).await,
        Command::Rtt(what) => tool(w, &what.with(tool::Tool::Rtt), json).await,
        Command::Validate(request) => check(w, &request, json),
        Command::Completion(request) => {
            let script = nats_term::completion::script("nsc", complete::VARIABLE, &request.shell)
                .map_err(|error| Error::refused(error.to_string()))?;
            show(&Outcome::text(script), json)
        }
        Command::Load(_) => Err(elsewhere(
            "load",
            "add the operator with: nsc add operator --url URL",
        )),
        Command::Update(_) => Err(elsewhere(
            "update",
            "install a new version in the way you installed this one",
        )),
        command => {
            let outcome = change(w, command).await?;
            finish(w, outcome, json).await
        }
    }
}

fn check(w: &mut Workspace, request: &validate::Validate, json: bool) -> Result<u8> {
    let (outcome, blocking) = validate::validate(w, request)?;
    let code = show(&outcome, json)?;
    match (blocking, json) {
        (false, _) => Ok(code),
        // The document says it all; for people there is a last line.
        (true, true) => Ok(1),
        (true, false) => Err(Error::refused("validation found errors")),
    }
}

async fn tool(w: &mut Workspace, what: &tool::Args, json: bool) -> Result<u8> {
    let (url, user) = tool::prepare(w, what)?;
    tool::run(what, &url, &user, json).await?;
    Ok(0)
}

/// Commands whose outcome is committed and printed.
async fn change(w: &mut Workspace, command: Command) -> Result<Outcome> {
    match command {
        Command::Add(what) => add(w, what).await,
        Command::Backup(request) => backup::backup(w, &request),
        Command::Delete(what) => delete(w, what).await,
        Command::Edit(what) => edit(w, what),
        Command::Env(request) => select::env(w, &request),
        Command::Expirations(request) => expirations::expirations(w, &request),
        Command::Export(Export::Keys(request)) => keys::export(w, &request),
        Command::Fix(request) => repair::fix(w, &request),
        Command::Import(Import::Account(request)) => repair::import_account(w, &request),
        Command::Import(Import::Keys(request)) => keys::import(w, &request),
        Command::Import(Import::Operator(request)) => import_operator(w, request).await,
        Command::Import(Import::User(request)) => repair::import_user(w, &request),
        Command::Init(request) => {
            let mut request = request;
            if let Some(url) = request.url.take_if(|url| is_http(url)) {
                request.remote_operator = Some(url);
            }
            let token = match &request.remote_operator {
                Some(source) => Some(load_operator(w, source).await?),
                None => None,
            };
            init::init(w, &request, token.as_deref())
        }
        Command::Keys(Keys::Migrate) => keys::migrate(w),
        Command::List(what) => list(w, what),
        Command::Migrate(request) => {
            let token = match &request.url {
                Some(source) => Some(load(w, source).await?),
                None => None,
            };
            repair::migrate(w, &request, token.as_deref())
        }
        Command::Pull(request) => {
            let prepared = pull::prepare(w, &request)?;
            let pulled = pull::pull(&prepared).await?;
            let report = pull::store(w, &request, pulled)?;
            // What has just come from the operator's server need not go back there.
            w.take_written();
            Ok(report.into())
        }
        Command::Push(request) => Ok(push::push(push::prepare(w, &request)?).await?.into()),
        Command::Reissue(Reissue::Operator(request)) => operator::reissue(w, &request),
        Command::Rename(Rename::Account(request)) => rename::rename(w, &request),
        Command::Restore(request) => {
            let path = w.places.expanded(&request.file);
            let content = files::read_named(&path, BACKUP_BYTES_MAX)?;
            backup::restore(w, &request, &content)
        }
        Command::Revocations(what) => revoke(w, what),
        Command::Select(Select::Account { name }) => select::account(w, &name),
        Command::Select(Select::Operator { name }) => select::operator(w, &name),
        Command::UpgradeJwt => repair::upgrade(w),
        other => Err(Error::refused(format!("{other:?} changes nothing"))),
    }
}

/// A token as a result.
fn exported(token: String) -> Outcome {
    Outcome::text(format!("{token}\n")).with_json(json!({"token": token}))
}

/// An operator from elsewhere, with keys of it.
async fn import_operator(w: &mut Workspace, request: ImportOperator) -> Result<Outcome> {
    let file = request.file.unwrap_or_default();
    let token = load_operator(w, &file).await?;
    let add = operator::Add {
        name: request.name,
        url: Some(file),
        force: request.force,
        ..operator::Add::default()
    };
    let mut outcome = operator::add(w, &add, Some(&token))?;
    let claims = w.operator()?;
    let known = Workspace::operator_signers(&claims, Some(&claims.subject));
    for given in &request.key {
        let key = w
            .given_key(given, nats_jwt::nkey::Kind::Operator)?
            .to_string();
        if key != claims.subject && !known.contains(&key) {
            return Err(Error::refused(format!(
                "{key} is no key of operator {:?}",
                claims.name
            )));
        }
        outcome.report.ok(format!("stored key {key}"));
    }
    Ok(outcome)
}

fn elsewhere(command: &str, hint: &str) -> Error {
    Error::refused(format!("nsc {command} is not part of this build")).hint(hint)
}

/// Commits, hands managed accounts to their operator, and prints.
async fn finish(workspace: &mut Workspace, mut outcome: Outcome, json: bool) -> Result<u8> {
    workspace.commit()?;
    hand_over(workspace, &mut outcome.report).await?;
    show(&outcome, json)
}

/// Accounts of a managed store go to the operator's account server, which signs them.
async fn hand_over(workspace: &mut Workspace, report: &mut Report) -> Result {
    let written = workspace.take_written();
    if written.is_empty() || !workspace.store().is_ok_and(|store| store.is_managed()) {
        return Ok(());
    }
    let operator = workspace.operator()?;
    let base = operator.nats.account_server_url.clone();
    for name in written {
        let claims = workspace.account(&name)?;
        if !claims.is_self_signed() && operator.did_sign(&claims) {
            continue;
        }
        if !is_http(&base) {
            report.warn(format!(
                "stored self signed account {name:?}: unable to push to {:?} - operator doesn't set an account server url or manual exchange necessary",
                operator.name
            ));
            continue;
        }
        let token = workspace
            .store()?
            .account_token(&mut workspace.files, &name)?;
        let mut line = Report::quiet(format!("synchronized account {name:?} with account server"));
        push::post_account(&base, &claims.subject, &token, &mut line).await?;
        if line.status() == Status::Ok {
            let answer = http::get(&http::below(&base, &["accounts", &claims.subject])?).await?;
            let signed = workspace::decode::<nats_jwt::claims::Account>(
                &answer.body,
                "the account server's answer",
            );
            match signed {
                Ok((token, signed)) if signed.subject == claims.subject && signed.name == name => {
                    workspace.store_account(&name, &signed.subject, &token)?;
                    line.ok("pulled account jwt from the account server");
                }
                Ok(_) => line.error("the account server answered with another account"),
                Err(error) => line.warn(format!(
                    "{error}; perform push/pull again or exchange self-signed JWT manually"
                )),
            }
        }
        report.add(line);
    }
    workspace.take_written();
    workspace.commit()
}

/// Stores of version 1 have to be upgraded before they are changed.
fn check_version(workspace: &mut Workspace, command: &Command) -> Result {
    let exempt = matches!(
        command,
        Command::UpgradeJwt
            | Command::Env(_)
            | Command::Completion(_)
            | Command::Add(Add::Operator(_))
            | Command::Init(_)
            | Command::Describe(_)
            | Command::List(_)
            | Command::Select(_)
    );
    if exempt || workspace.config.operator.is_empty() {
        return Ok(());
    }
    if workspace
        .operator()
        .is_ok_and(|operator| operator.nats.version == 1)
    {
        return Err(Error::refused(format!(
            "the store {:?} holds tokens of version 1",
            workspace.config.operator
        ))
        .hint(
            "with the operator's key: nsc upgrade-jwt; else: nsc add operator --force --url URL",
        ));
    }
    Ok(())
}

async fn load(workspace: &Workspace, source: &str) -> Result<Vec<u8>> {
    if is_http(source) {
        return http::fetch(source).await;
    }
    let path = workspace.places.expanded(source);
    Ok(files::read_named(&path, FILE_BYTES_MAX)?.to_vec())
}

/// An operator's token from a file, a URL, or the name of a known operator.
async fn load_operator(workspace: &Workspace, source: &str) -> Result<Vec<u8>> {
    if is_http(source) || workspace.places.expanded(source).is_file() {
        return load(workspace, source).await;
    }
    let known = workspace
        .around()
        .known_operators()
        .find(|(name, _)| name.eq_ignore_ascii_case(source));
    let url = match known {
        Some((_, url)) => url.to_owned(),
        None if source.eq_ignore_ascii_case("synadia") => {
            "https://api.synadia.io/jwt/v1/operator".to_owned()
        }
        None => {
            return Err(Error::missing(format!("operator {source:?} was not found"))
                .hint("name a file, a URL, or an operator that NSC_<NAME>_OPERATOR makes known"));
        }
    };
    http::fetch(&url).await
}

async fn add(w: &mut Workspace, what: Add) -> Result<Outcome> {
    match what {
        Add::Account(request) => account::add(w, &request),
        Add::Export(request) => export::add(w, &request),
        Add::Import(request) => {
            let token = match &request.token {
                Some(source) => Some(load(w, source).await?),
                None => None,
            };
            import::add(w, &request, token.as_deref())
        }
        Add::Mapping(request) => mapping::add(w, &request),
        Add::Operator(request) => {
            let token = match &request.url {
                Some(source) => Some(load_operator(w, source).await?),
                None => None,
            };
            operator::add(w, &request, token.as_deref())
        }
        Add::SigningKey(request) => signing_key::add(w, &request),
        Add::User(request) => user::add(w, &request),
    }
}

async fn delete(w: &mut Workspace, what: Delete) -> Result<Outcome> {
    match what {
        Delete::Account(request) => {
            let mut report = account::retire(w, &request)?;
            if !report.is_empty() {
                w.commit()?;
                hand_over(w, &mut report).await?;
            }
            if report.has_errors() {
                return Err(Error::refused(
                    "the operator was not told that the account ends, and it was not deleted",
                )
                .hint("delete it without a word: --revoke=false")
                .with_report(report));
            }
            let mut outcome = account::delete(w, &request)?;
            report.add(std::mem::take(&mut outcome.report));
            Ok(outcome.with_report(report))
        }
        Delete::Export(request) => export::delete(w, &request),
        Delete::Import(request) => import::delete(w, &request),
        Delete::Mapping(request) => mapping::delete(w, &request),
        Delete::SigningKey(request) => signing_key::delete(w, &request),
        Delete::User(request) => user::delete(w, &request),
    }
}

fn edit(w: &mut Workspace, what: Edit) -> Result<Outcome> {
    match what {
        Edit::Account(request) => account::edit(w, &request),
        Edit::Authcallout(request) => authcallout::edit(w, &request),
        Edit::Export(request) => export::edit(w, &request),
        Edit::Operator(request) => operator::edit(w, &request),
        Edit::SigningKey(request) => signing_key::edit(w, &request),
        Edit::User(request) => user::edit(w, &request),
    }
}

fn revoke(w: &mut Workspace, what: Revocations) -> Result<Outcome> {
    match what {
        Revocations::AddUser(request) => revocations::add_user(w, &request),
        Revocations::DeleteUser(request) => revocations::delete_user(w, &request),
        Revocations::ListUsers(request) => revocations::list_users(w, &request),
        Revocations::AddActivation(request) => revocations::add_activation(w, &request),
        Revocations::DeleteActivation(request) => revocations::delete_activation(w, &request),
        Revocations::ListActivations(request) => revocations::list_activations(w, &request),
    }
}

fn list(w: &mut Workspace, what: List) -> Result<Outcome> {
    let bold = std::io::stdout().is_terminal();
    match what {
        List::Accounts(of) => {
            if let Some(operator) = &of.operator {
                w.use_operator(operator)?;
            }
            Ok(list::shown("Accounts", &list::accounts(w)?, bold))
        }
        List::Operators => Ok(list::shown("Operators", &list::operators(w)?, bold)),
        List::Users(request) => {
            if let Some(operator) = &request.of.operator {
                w.use_operator(operator)?;
            }
            let users = list::users(w, request.account.as_deref())?;
            Ok(list::shown("Users", &users, false))
        }
        List::Keys(request) => keys::list(w, &request),
    }
}

async fn describe(w: &mut Workspace, args: DescribeArgs, json: bool) -> Result<u8> {
    let form = args.form;
    let (token, scope) = match args.what {
        Describe::Operator(named) => {
            if let Some(name) = named.name() {
                w.use_operator(name)?;
            }
            (w.store()?.operator_token(&mut w.files)?, None)
        }
        Describe::Account(named) => {
            let name = w.account_name(named.name())?;
            (w.store()?.account_token(&mut w.files, &name)?, None)
        }
        Describe::User(request) => {
            let account = w.account_name(request.account.as_deref())?;
            let user = w.user_name(&account, request.named.name())?;
            let claims = w.user(&account, &user)?;
            let scope = w
                .account(&account)?
                .nats
                .signing_keys
                .scope(&claims.issuer)
                .cloned();
            (w.store()?.user_token(&mut w.files, &account, &user)?, scope)
        }
        Describe::Jwt(request) => {
            let file = request.file.unwrap_or_default();
            let content = zeroize::Zeroizing::new(load(w, &file).await?);
            let token = nats_jwt::creds::parse_jwt(&content)
                .map_err(|e| Error::refused(format!("{file}: {e}")))?;
            (token.reveal().to_owned(), None)
        }
    };
    let claims = nats_jwt::claims::decode(&token).map_err(|e| Error::refused(e.to_string()))?;
    let names = describe::names(w);
    let mut outcome = describe::describe(&token, &claims, &form, &names, scope.as_ref());
    let file = form.output_file.as_deref().unwrap_or("--");
    let json = json && !form.raw;
    if json
        && file != "--"
        && let Some(document) = outcome.json.take()
    {
        outcome.text = Some(format!("{}\n", describe::pretty(&document)));
    }
    deliver(w, outcome, file, false, json).await
}

async fn generate(w: &mut Workspace, what: Generate, json: bool) -> Result<u8> {
    match what {
        Generate::Activation(request) => {
            let (token, mut report) = import::activate(w, &request)?;
            if request.push {
                let base = w.operator()?.nats.account_server_url;
                if !is_http(&base) {
                    return Err(Error::refused(
                        "activation push is only supported for http base account server",
                    ));
                }
                let answer = http::post(&http::below(&base, &["activations"])?, &token).await?;
                match answer.code {
                    200 => report.ok("pushed the activation token"),
                    code => report.error(format!(
                        "the account server says {code}: {}",
                        answer.text().trim()
                    )),
                }
            }
            let text =
                nats_jwt::creds::decorate_jwt(nats_jwt::claims::ClaimType::Activation, &token);
            let json_form = json!({"token": token, "report": &report});
            let outcome = Outcome::text(format!("{}\n", text.reveal()))
                .with_json(json_form)
                .with_report(report);
            deliver(w, outcome, &request.output_file, true, json).await
        }
        Generate::Config(request) => {
            let text = generate::config::config(w, &request)?;
            let path = w.places.expanded(&request.config_file);
            if request.config_file != "--" && !request.force && path.exists() {
                return Err(Error::exists(format!("{} already exists", path.display()))
                    .hint("--force replaces it"));
            }
            deliver(w, Outcome::text(text), &request.config_file, true, json).await
        }
        Generate::Context(request) => {
            let outcome = generate::profile::context(w, &request)?;
            finish(w, outcome, json).await
        }
        Generate::Creds(request) => {
            let outcome = generate::creds(w, &request)?;
            deliver(w, outcome, &request.output_file, true, json).await
        }
        Generate::Diagram(Diagram::Component(request)) => {
            let text = generate::diagram::component(w, &request)?;
            deliver(w, Outcome::text(text), &request.output_file, false, json).await
        }
        Generate::Diagram(Diagram::Object(request)) => {
            let text = generate::diagram::object(w, &request)?;
            deliver(w, Outcome::text(text), &request.output_file, false, json).await
        }
        Generate::Nkey(request) => {
            let outcome = generate::nkey(w, &request)?;
            finish(w, outcome, json).await
        }
        Generate::Profile(request) => {
            let profile = generate::profile::profile(w, &request.url)?;
            let text = serde_json::to_string_pretty(&profile).unwrap_or_default();
            let document = serde_json::to_value(&profile).unwrap_or_default();
            let outcome = Outcome::text(format!("{text}\n")).with_json(document);
            deliver(w, outcome, &request.output_file, true, json).await
        }
    }
}

/// Writes the text of an outcome to a file, or prints it for `--`.
async fn deliver(
    workspace: &mut Workspace,
    mut outcome: Outcome,
    file: &str,
    told: bool,
    json: bool,
) -> Result<u8> {
    if file != "--"
        && let Some(text) = outcome.text.take()
    {
        let path = workspace.places.expanded(file);
        // Not below the workspace's own commit: the user says where, and what is there is replaced.
        workspace.files.read(&path)?;
        workspace.files.write(&path, text.as_bytes());
        if told {
            outcome.report.ok(format!("wrote {}", what_is(&path)));
        } else {
            outcome.report.ok(format!("wrote `{}`", path.display()));
        }
    }
    finish(workspace, outcome, json).await
}

fn what_is(path: &Path) -> String {
    format!("`{}`", path.display())
}

/// What has to change, in the store and (with `--live`) on the servers.
struct Pending {
    changes: Vec<desired::Change>,
    /// Accounts to push.
    names: Vec<String>,
    /// Accounts that only servers have, and that stay there.
    surplus: Vec<String>,
    /// Such accounts that go.
    prunes: bool,
}

async fn pending(w: &mut Workspace, request: &desired::Request) -> Result<Pending> {
    let document = desired::read(w, request)?;
    let changes = desired::apply(w, &document, request.prune);
    let changes = changes.map_err(|error| desired::located(w, request, error))?;
    let mut drift = desired::live::Drift::default();
    if request.live || request.push {
        let pull_all = pull::Pull {
            all: true,
            system: request.system.clone(),
            tls: request.tls.clone(),
            ..pull::Pull::default()
        };
        let prepared = pull::prepare(w, &pull_all)?;
        let pulled = pull::pull(&prepared).await?;
        drift = desired::live::drift(w, &pulled)?;
    }
    let prunes = request.prune && !drift.surplus.is_empty();
    if prunes {
        drift.prune();
    }
    Ok(Pending {
        changes: changes.into_iter().chain(drift.changes).collect(),
        names: drift.push,
        surplus: drift.surplus,
        prunes,
    })
}

async fn plan(w: &mut Workspace, request: &desired::Request, json: bool) -> Result<u8> {
    if request.push {
        return Err(Error::refused("plan changes nothing")
            .hint("compare with the servers: --live; change them: nsc apply --push"));
    }
    let pending = pending(w, request).await?;
    w.files.discard();
    say(&pending, "pending", json)?;
    Ok(if pending.changes.is_empty() { 0 } else { 2 })
}

async fn apply(w: &mut Workspace, request: &desired::Request, json: bool) -> Result<u8> {
    let pending = pending(w, request).await?;
    w.commit()?;
    if !json {
        say(&pending, "applied", json)?;
    }
    let mut report = Report::list();
    hand_over(w, &mut report).await?;
    if request.push && (pending.prunes || !pending.names.is_empty()) {
        match hand_out(w, request, &pending).await {
            Ok(pushed) => report.extend(pushed),
            // The store is changed already, which the document says.
            Err(error) => {
                report.error(format!("pushing: {error}"));
                if let Some(hint) = error.next_step() {
                    report.error(format!("hint: {hint}; then run this again"));
                }
            }
        }
    }
    // With JSON one document says all.
    let document = json.then(|| document_of(&pending, "applied", Some(&report)));
    if report.is_empty() && !json {
        return Ok(0);
    }
    let outcome = Outcome {
        json: document,
        ..report.into()
    };
    show(&outcome, json)
}

/// What differs on the servers, by one connection.
async fn hand_out(
    w: &mut Workspace,
    request: &desired::Request,
    pending: &Pending,
) -> Result<Report> {
    let push = push::Push {
        prune: pending.prunes,
        timeout: request.timeout,
        system: request.system.clone(),
        tls: request.tls.clone(),
        ..push::Push::default()
    };
    push::push(push::prepare_for(w, &push, &pending.names)?).await
}

fn document_of(pending: &Pending, state: &str, report: Option<&Report>) -> serde_json::Value {
    let mut document = json!({"state": state, "changes": pending.changes});
    if !pending.surplus.is_empty() {
        document["surplus"] = json!(pending.surplus);
    }
    if let Some(report) = report {
        document["report"] = json!(report);
    }
    document
}

fn say(pending: &Pending, state: &str, json: bool) -> Result {
    let changes = &pending.changes;
    if json {
        let document = document_of(pending, state, None);
        return print(&format!("{}\n", describe::pretty(&document)));
    }
    let count = |verb| changes.iter().filter(|change| change.verb == verb).count();
    let mut text: String = changes.iter().map(desired::Change::render).collect();
    text.push_str(&if changes.is_empty() {
        "Everything is as desired\n".to_owned()
    } else {
        format!(
            "{} to add, {} to change, {} to remove: {state}\n",
            count(desired::Verb::Add),
            count(desired::Verb::Change),
            count(desired::Verb::Remove)
        )
    });
    for account in &pending.surplus {
        text.push_str(&format!(
            "only on servers: account {account}; --prune removes it\n"
        ));
    }
    print(&text)
}
