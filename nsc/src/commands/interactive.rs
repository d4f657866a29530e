//! `--interactive`: asks for what was not given. A command that has no questions says so.

use super::tree::{Add, Command, Delete, Edit, Revocations, Select};
use crate::error::{Error, Result};
use crate::ops::request::Times;
use crate::ops::{account, export, import, mapping, operator, user};
use crate::prompt::Prompt;
use crate::workspace::Workspace;

/// Fills in a command.
///
/// # Errors
/// When nobody answers, or there is nothing to ask.
pub fn ask(command: &mut Command, workspace: &mut Workspace, prompt: &mut dyn Prompt) -> Result {
    match command {
        Command::Add(Add::Operator(request)) => operator(request, prompt),
        Command::Add(Add::Account(request)) => add_account(request, prompt),
        Command::Add(Add::User(request)) => add_user(request, workspace, prompt),
        Command::Add(Add::Export(request)) => add_export(request, workspace, prompt),
        Command::Add(Add::Import(request)) => add_import(request, workspace, prompt),
        Command::Add(Add::Mapping(request)) => add_mapping(request, workspace, prompt),
        Command::Edit(Edit::Account(request)) => edit_account(request, workspace, prompt),
        Command::Edit(Edit::User(request)) => edit_user(request, workspace, prompt),
        Command::Delete(Delete::Account(request)) => delete_account(request, workspace, prompt),
        Command::Delete(Delete::User(request)) => delete_user(request, workspace, prompt),
        Command::Revocations(Revocations::AddUser(request)) => {
            let account = pick_account(request.who.account.take(), workspace, prompt)?;
            let users = workspace.users(&account)?;
            if request.who.name.is_none() && request.who.user_public_key.is_none() {
                let at = prompt.select("select the user to revoke", &users)?;
                request.who.name = users.get(at).cloned();
            }
            request.who.account = Some(account);
            Ok(())
        }
        Command::Select(Select::Operator { .. } | Select::Account { .. }) => Ok(()),
        Command::Init(request) => {
            if request.name.is_none() && request.remote_operator.is_none() {
                request.name = text(
                    prompt,
                    "name your operator, account and user (* makes one up)",
                    "*",
                )?;
            }
            Ok(())
        }
        _ => Err(Error::refused("this command asks no questions")
            .hint("leave out --interactive, and pass what is needed as flags; see --help")),
    }
}

/// A text that may be left out.
fn text(prompt: &mut dyn Prompt, question: &str, default: &str) -> Result<Option<String>> {
    let answer = prompt.input(question, default)?;
    Ok(Some(answer).filter(|answer| !answer.trim().is_empty()))
}

fn list(prompt: &mut dyn Prompt, question: &str) -> Result<Vec<String>> {
    let answer = prompt.input(question, "")?;
    Ok(answer
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect())
}

fn number(prompt: &mut dyn Prompt, question: &str, there: i64) -> Result<Option<i64>> {
    let answer = prompt.input(question, &there.to_string())?;
    let value = crate::text::number(&answer).map_err(Error::refused)?;
    Ok((value != there).then_some(value))
}

fn times(request: &mut Times, prompt: &mut dyn Prompt) -> Result {
    let format =
        "0 is always, yyyy-mm-dd, #m(inutes), #h(ours), #d(ays), #w(eeks), #M(onths), #y(ears)";
    let given = |answer: Option<String>| answer.filter(|answer| answer != "0");
    if request.start.is_none() {
        request.start = given(text(prompt, &format!("valid from ({format})"), "0")?);
    }
    if request.expiry.is_none() {
        request.expiry = given(text(prompt, &format!("valid until ({format})"), "0")?);
    }
    Ok(())
}

fn pick_account(
    given: Option<String>,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result<String> {
    if given.is_some() {
        return workspace.account_name(given.as_deref());
    }
    let mut names = workspace.accounts()?;
    // The chosen one is the default.
    names.sort_by_key(|name| *name != workspace.config.account);
    match names.as_slice() {
        [] => Err(Error::missing("there is no account yet").hint("make one: nsc add account NAME")),
        [only] => Ok(only.clone()),
        _ => {
            let at = prompt.select("select account", &names)?;
            Ok(names.get(at).cloned().unwrap_or_default())
        }
    }
}

fn operator(request: &mut operator::Add, prompt: &mut dyn Prompt) -> Result {
    if request.url.is_none() && request.positional.is_none() && request.name.is_none() {
        if prompt.confirm("import operator from a JWT", false)? {
            request.url = text(prompt, "path or url for operator jwt", "")?;
            return Ok(());
        }
        request.name = text(prompt, "operator name", "")?;
    }
    times(&mut request.times, prompt)?;
    request.sys = request.sys || prompt.confirm("Generate system account?", true)?;
    request.generate_signing_key =
        request.generate_signing_key || prompt.confirm("Generate signing key?", true)?;
    Ok(())
}

fn add_account(request: &mut account::Add, prompt: &mut dyn Prompt) -> Result {
    if request.positional.is_none() && request.name.is_none() {
        request.name = text(prompt, "account name", "")?;
    }
    if request.public_key.is_none() && !prompt.confirm("generate an account nkey", true)? {
        request.public_key = text(prompt, "path to an account nkey or nkey", "")?;
    }
    times(&mut request.times, prompt)
}

fn add_user(request: &mut user::Add, workspace: &mut Workspace, prompt: &mut dyn Prompt) -> Result {
    let account = pick_account(request.account.take(), workspace, prompt)?;
    if request.positional.is_none() && request.name.is_none() {
        request.name = text(prompt, "user name", "")?;
    }
    if request.public_key.is_none() && !prompt.confirm("generate an user nkey", true)? {
        request.public_key = text(prompt, "path to an user nkey or nkey", "")?;
    }
    let claims = workspace.account(&account)?;
    let roles: Vec<String> = claims
        .nats
        .signing_keys
        .iter()
        .filter_map(|(_, scope)| scope)
        .map(|scope| scope.role.clone())
        .collect();
    if !roles.is_empty() && workspace.signing.key.is_none() {
        let mut options = vec!["no role".to_owned()];
        options.extend(roles);
        let at = prompt.select("what may the user do", &options)?;
        if at > 0 {
            workspace.signing.key = options.get(at).cloned();
        }
    }
    if workspace.signing.key.is_none() && request.permissions.is_empty() {
        request.permissions.allow_pub = list(
            prompt,
            "subjects it may publish on, with commas (all when empty)",
        )?;
        request.permissions.allow_sub = list(
            prompt,
            "subjects it may subscribe to, with commas (all when empty)",
        )?;
    }
    request.account = Some(account);
    times(&mut request.times, prompt)
}

fn add_export(
    request: &mut export::Add,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    request.account = Some(pick_account(request.account.take(), workspace, prompt)?);
    if request.subject.is_none() {
        let kinds = ["stream".to_owned(), "service".to_owned()];
        request.service = request.service || prompt.select("export type", &kinds)? == 1;
        request.subject = text(prompt, "subject", "")?;
    }
    let subject = request.subject.clone().unwrap_or_default();
    if request.name.is_none() {
        request.name = text(prompt, "name", &subject)?;
    }
    if request.private.is_none() {
        request.private = Some(prompt.confirm("private", false)?);
    }
    if !request.service {
        return Ok(());
    }
    if request.latency.is_none() && prompt.confirm("track service latency", false)? {
        request.sampling = text(prompt, "sampling percentage [1-100] or header", "header")?;
        request.latency = text(prompt, "latency metrics subject", "")?;
    }
    if request.response_type.is_none() {
        let kinds = [
            "Singleton".to_owned(),
            "Stream".to_owned(),
            "Chunked".to_owned(),
        ];
        let at = prompt.select("service response type", &kinds)?;
        request.response_type = kinds.get(at).cloned();
    }
    request.allow_trace = request.allow_trace || prompt.confirm("allow tracing", false)?;
    Ok(())
}

fn add_import(
    request: &mut import::Add,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    let account = pick_account(request.account.take(), workspace, prompt)?;
    if request.token.is_none() && request.src_account.is_none() {
        let mut options = Vec::new();
        let mut exports = Vec::new();
        for name in workspace.accounts()? {
            if name == account {
                continue;
            }
            for export in workspace.account(&name)?.nats.exports {
                options.push(format!("{name}: {} {}", export.kind, export.subject));
                exports.push((name.clone(), export));
            }
        }
        options.push("another: with an activation token".to_owned());
        let at = prompt.select("select what to import", &options)?;
        match exports.into_iter().nth(at) {
            Some((name, export)) => {
                request.src_account = Some(name);
                request.service = export.kind == nats_jwt::claims::ExportType::Service;
                request.remote_subject = text(prompt, "remote subject", &export.subject)?;
            }
            None => request.token = text(prompt, "token path or url", "")?,
        }
    }
    if request.local_subject.is_none() {
        request.local_subject = text(prompt, "local subject (the remote one when empty)", "")?;
    }
    request.account = Some(account);
    Ok(())
}

fn add_mapping(
    request: &mut mapping::Add,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    request.account = Some(pick_account(request.account.take(), workspace, prompt)?);
    if request.from.is_empty() {
        request.from = text(prompt, "mapping from subject", "")?.unwrap_or_default();
    }
    if request.to.is_empty() {
        request.to = text(prompt, "to subject", "")?.unwrap_or_default();
    }
    Ok(())
}

fn edit_account(
    request: &mut account::Edit,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    let name = pick_account(
        request.positional.take().or(request.name.take()),
        workspace,
        prompt,
    )?;
    let claims = workspace.account(&name)?;
    let there = &claims.nats.limits;
    account_limits(&mut request.limits, there, prompt)?;
    if prompt.confirm("set JetStream limits", false)? {
        let tier = prompt.input("edit tier (0 matches all tiers)", "0")?;
        request.jetstream.js_tier = Some(
            tier.trim()
                .parse()
                .map_err(|_| Error::refused(format!("{tier:?} is no tier")))?,
        );
        request.jetstream.js_mem_storage = number(
            prompt,
            "max mem storage (-1 unlimited / 0 disabled)",
            there.jetstream.mem_storage,
        )?;
        request.jetstream.js_disk_storage = number(
            prompt,
            "max disk storage (-1 unlimited / 0 disabled)",
            there.jetstream.disk_storage,
        )?;
    }
    if request.description.is_none() {
        request.description = Some(prompt.input("Account Description", &claims.nats.description)?)
            .filter(|d| *d != claims.nats.description);
    }
    request.positional = Some(name);
    times(&mut request.times, prompt)
}

fn account_limits(
    limits: &mut account::Limits,
    there: &nats_jwt::claims::AccountLimits,
    prompt: &mut dyn Prompt,
) -> Result {
    for (slot, question, there) in [
        (
            &mut limits.conns,
            "max connections (-1 unlimited)",
            there.conn,
        ),
        (
            &mut limits.leaf_conns,
            "max leaf node connections (-1 unlimited)",
            there.leaf,
        ),
        (&mut limits.data, "max data (-1 unlimited)", there.data),
        (
            &mut limits.exports,
            "max exports (-1 unlimited)",
            there.exports,
        ),
        (
            &mut limits.imports,
            "max imports (-1 unlimited)",
            there.imports,
        ),
        (
            &mut limits.payload,
            "max payload (-1 unlimited)",
            there.payload,
        ),
        (
            &mut limits.subscriptions,
            "max subscriptions (-1 unlimited)",
            there.subs,
        ),
    ] {
        if slot.is_none() {
            *slot = number(prompt, question, there)?;
        }
    }
    Ok(())
}

fn edit_user(
    request: &mut user::Edit,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    let account = pick_account(request.account.take(), workspace, prompt)?;
    if request.positional.is_none() && request.name.is_none() {
        let users = workspace.users(&account)?;
        let at = prompt.select("select user", &users)?;
        request.name = users.get(at).cloned();
    }
    let name = request
        .positional
        .as_deref()
        .or(request.name.as_deref())
        .unwrap_or_default()
        .to_owned();
    let there = workspace.user(&account, &name)?.nats.limits;
    if !there.is_nothing() && request.limits.payload.is_none() {
        request.limits.payload =
            number(prompt, "max payload (-1 unlimited)", there.limits.payload)?;
        request.limits.permissions.allow_pub =
            list(prompt, "more subjects it may publish on, with commas")?;
        request.limits.permissions.allow_sub =
            list(prompt, "more subjects it may subscribe to, with commas")?;
    }
    request.account = Some(account);
    times(&mut request.times, prompt)
}

fn delete_account(
    request: &mut account::Delete,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    let name = pick_account(
        request.positional.take().or(request.name.take()),
        workspace,
        prompt,
    )?;
    request.rm_nkey =
        request.rm_nkey || prompt.confirm("delete associated account/user nkeys", false)?;
    request.rm_creds = request.rm_creds || prompt.confirm("delete user creds", false)?;
    if !prompt.confirm(
        &format!("deleting account {name} and its users cannot be undone - continue"),
        false,
    )? {
        return Err(Error::refused("delete cancelled"));
    }
    request.positional = Some(name);
    Ok(())
}

fn delete_user(
    request: &mut user::Delete,
    workspace: &mut Workspace,
    prompt: &mut dyn Prompt,
) -> Result {
    let account = pick_account(request.account.take(), workspace, prompt)?;
    if request.positional.is_empty() && request.name.is_empty() {
        let users = workspace.users(&account)?;
        let at = prompt.select("select user", &users)?;
        request.name.extend(users.get(at).cloned());
    }
    if request.revoke.is_none() {
        request.revoke = Some(prompt.confirm("revoke users before deleting", true)?);
    }
    request.rm_nkey = request.rm_nkey || prompt.confirm("delete user nkeys", false)?;
    request.rm_creds = request.rm_creds || prompt.confirm("delete user creds", false)?;
    if !prompt.confirm("deleting a user cannot be undone - continue", false)? {
        return Err(Error::refused("delete cancelled"));
    }
    request.account = Some(account);
    Ok(())
}
