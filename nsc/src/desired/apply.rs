//! Making it so, on the workspace.

use nats_jwt::chain;
use nats_jwt::claims::{
    AccountClaims, AnyClaims, Import, OperatorClaims, UserClaims, UserPermissionLimits,
};
use nats_jwt::nkey::Kind;
use serde::Serialize;
use serde_json::Value;

use super::account::{absolute, scope, shape, sorted_tags, template, without_templates};
use super::document::{self, Document};
use super::{cycles, strict};
use crate::error::{Error, Result};
use crate::ops::request::{check_account, check_claims};
use crate::ops::{describe, import, user};
use crate::refuse;
use crate::workspace::Workspace;

/// What happens to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    Add,
    Change,
    Remove,
}

/// Something that is not as desired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub verb: Verb,
    /// `operator OPS`, `account ORDERS`, `user ORDERS/till`.
    pub what: String,
    /// Field, what it is, what it will be.
    pub fields: Vec<(String, String, String)>,
}

impl Change {
    /// For people: `~ account ORDERS` and the fields below it.
    pub fn render(&self) -> String {
        let mark = match self.verb {
            Verb::Add => '+',
            Verb::Change => '~',
            Verb::Remove => '-',
        };
        let mut text = format!("{mark} {}\n", self.what);
        for (field, from, to) in &self.fields {
            text.push_str(&match (from.as_str(), to.as_str()) {
                ("", to) => format!("    + {field}: {to}\n"),
                (from, "") => format!("    - {field}: {from}\n"),
                (from, to) => format!("    ~ {field}: {from} -> {to}\n"),
            });
        }
        text
    }
}

/// Brings the workspace to the state of the document; yields what was changed.
///
/// # Errors
/// When something makes no sense, or keys are missing.
pub fn apply(workspace: &mut Workspace, document: &Document, prune: bool) -> Result<Vec<Change>> {
    if !document.operator.name.is_empty() {
        workspace.use_operator(&document.operator.name)?;
    }
    let mut changes = Vec::new();
    let mut gone = Vec::new();
    // Before accounts are signed: whether signing keys are required says who signs.
    operator(workspace, &document.operator, &mut changes)?;
    // First all accounts with their keys and exports: imports of any may name any.
    for (name, wanted) in &document.accounts {
        with_context(
            &format!("account {name}"),
            first_round(workspace, name, wanted, prune, &mut gone, &mut changes),
        )?;
    }
    for (name, wanted) in &document.accounts {
        let done = imports(workspace, name, wanted, &mut changes);
        with_context(&format!("account {name}"), done)?;
    }
    cycles::refuse(workspace, document)?;
    system_account(workspace, &document.operator, &mut changes)?;
    no_jetstream_in_the_system_account(workspace, document)?;
    for (name, wanted) in &document.accounts {
        if let Some(users) = &wanted.users {
            for (user, wanted) in users {
                with_context(
                    &format!("user {name}/{user}"),
                    one_user(workspace, name, user, wanted, &mut changes),
                )?;
            }
            if prune {
                prune_users(
                    workspace,
                    name,
                    |user| users.contains_key(user),
                    &mut changes,
                )?;
            }
        }
    }
    nobody_left_behind(workspace, &gone)?;
    if prune {
        prune_accounts(workspace, document, &mut changes)?;
    }
    if document.operator.require_signing_keys == Some(true) {
        strict::resign(workspace, &mut changes)?;
    }
    Ok(changes)
}

/// A role that went.
struct Gone {
    account: String,
    role: String,
    key: String,
}

/// Servers would refuse the users of a role that goes, unless they were signed again or went as well.
fn nobody_left_behind(workspace: &mut Workspace, gone: &[Gone]) -> Result {
    for Gone { account, role, key } in gone {
        let mut left = Vec::new();
        for user in workspace.users(account)? {
            if workspace.user(account, &user)?.issuer == *key {
                left.push(user);
            }
        }
        if !left.is_empty() {
            return Err(Error::refused(format!(
                "account {account}: without the role {role:?} servers would refuse its users {}",
                left.join(", ")
            ))
            .hint("say below `users` what becomes of them, or keep the role"));
        }
    }
    Ok(())
}

fn with_context<T>(what: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| {
        let hint = error.next_step().map(str::to_owned);
        let error = Error::refused(format!("{what}: {error}"));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}

/// Differences of what two tokens say; signatures and times of issue do not count.
pub fn differences(from: &AnyClaims, to: &AnyClaims) -> Vec<(String, String, String)> {
    let flat = |claims: &AnyClaims| {
        let mut document = describe::document(claims);
        if let Some(members) = document.as_object_mut() {
            for field in ["iat", "jti", "iss"] {
                members.remove(field);
            }
            if let Some(nats) = members.get_mut("nats").and_then(Value::as_object_mut) {
                nats.remove("type");
                nats.remove("version");
            }
        }
        let mut fields = std::collections::BTreeMap::new();
        flatten("", &document, &mut fields);
        fields
    };
    let (from, to) = (flat(from), flat(to));
    let mut fields = Vec::new();
    for field in from
        .keys()
        .chain(to.keys())
        .collect::<std::collections::BTreeSet<_>>()
    {
        let value = |map: &std::collections::BTreeMap<String, String>| {
            map.get(field).cloned().unwrap_or_default()
        };
        if from.get(field) != to.get(field) {
            fields.push((field.clone(), value(&from), value(&to)));
        }
    }
    fields
}

fn flatten(path: &str, value: &Value, fields: &mut std::collections::BTreeMap<String, String>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(&below(key), value, fields);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                // Entries of lists are known by what they are about, not by where they stand.
                let label = item
                    .get("subject")
                    .or_else(|| item.get("role"))
                    .and_then(Value::as_str);
                match label {
                    Some(label) => flatten(&format!("{path}[{label}]"), item, fields),
                    None if item.is_string() => {
                        fields.insert(
                            format!("{path}[{}]", item.as_str().unwrap_or_default()),
                            "yes".to_owned(),
                        );
                    }
                    None => flatten(&format!("{path}[{at}]"), item, fields),
                }
            }
        }
        // A token in a token says more than one wants to see.
        Value::String(text) if path.ends_with(".token") => {
            let claims = nats_jwt::claims::decode(text).map(|claims| claims.subject().to_owned());
            fields.insert(path.to_owned(), claims.unwrap_or_else(|_| text.clone()));
        }
        other => {
            fields.insert(path.to_owned(), other.to_string());
        }
    }
}

/// Signs and stores an account when it differs.
fn put(
    workspace: &mut Workspace,
    name: &str,
    claims: &AccountClaims,
    changes: &mut Vec<Change>,
) -> Result {
    let what = format!("account {name}");
    let store = workspace.store()?;
    let (verb, fields) = if store.has_account(&workspace.files, name) {
        let there = AnyClaims::Account(workspace.account(name)?);
        (
            Verb::Change,
            differences(&there, &AnyClaims::Account(claims.clone())),
        )
    } else {
        let mut nothing = AccountClaims::new(claims.subject.clone());
        nothing.name.clone_from(&claims.name);
        let nothing = AnyClaims::Account(nothing);
        (
            Verb::Add,
            differences(&nothing, &AnyClaims::Account(claims.clone())),
        )
    };
    let operator = workspace.operator()?;
    let signed = operator.did_sign(claims) || store.is_managed();
    if verb == Verb::Change && fields.is_empty() && signed {
        return Ok(());
    }
    check_account(workspace, claims)?;
    let signer = workspace.signer_of_account(claims)?;
    workspace.put_account(claims, &signer)?;
    record(changes, verb, what, fields);
    Ok(())
}

/// One entry for each thing, however often it is touched.
pub(super) fn record(
    changes: &mut Vec<Change>,
    verb: Verb,
    what: String,
    fields: Vec<(String, String, String)>,
) {
    match changes.iter_mut().find(|change| change.what == what) {
        Some(change) => change.fields.extend(fields),
        None => changes.push(Change { verb, what, fields }),
    }
}

fn first_round(
    workspace: &mut Workspace,
    name: &str,
    wanted: &document::Account,
    prune: bool,
    gone: &mut Vec<Gone>,
    changes: &mut Vec<Change>,
) -> Result {
    let store = workspace.store()?;
    let mut claims = if store.has_account(&workspace.files, name) {
        workspace.edit_account(name)?
    } else {
        let mut claims = AccountClaims::new(workspace.new_key(Kind::Account)?.to_string());
        claims.name = name.to_owned();
        claims
    };
    let now = workspace.now();
    shape(&mut claims, wanted, now)?;
    if let Some(roles) = &wanted.roles {
        for (role, wanted) in roles {
            let key = match claims.nats.signing_keys.role(role) {
                Some(scope) => scope.key.clone(),
                None => workspace.new_key(Kind::Account)?.to_string(),
            };
            claims
                .nats
                .signing_keys
                .add_scoped(scope(&key, role, wanted)?);
        }
        if prune {
            let of_account = claims.nats.signing_keys.iter();
            let left_out: Vec<Gone> = of_account
                .filter_map(|(key, scope)| {
                    let role = &scope.filter(|scope| !roles.contains_key(&scope.role))?.role;
                    Some(Gone {
                        account: name.to_owned(),
                        role: role.clone(),
                        key: key.to_owned(),
                    })
                })
                .collect();
            for role in &left_out {
                claims.nats.signing_keys.remove(&role.key);
            }
            gone.extend(left_out);
        }
    }
    // Where the operator wants signing keys, an account without one could not have users.
    let has_plain = claims
        .nats
        .signing_keys
        .iter()
        .any(|(_, scope)| scope.is_none());
    let needs_plain = wanted
        .users
        .iter()
        .flat_map(|users| users.values())
        .any(|user| user.role.is_none());
    if workspace.operator()?.nats.strict_signing_key_usage && needs_plain && !has_plain {
        let key = workspace.new_key(Kind::Account)?.to_string();
        claims.nats.signing_keys.add(key);
    }
    put(workspace, name, &claims, changes)
}

fn imports(
    workspace: &mut Workspace,
    name: &str,
    wanted: &document::Account,
    changes: &mut Vec<Change>,
) -> Result {
    let Some(wanted) = &wanted.imports else {
        return Ok(());
    };
    let mut claims = workspace.edit_account(name)?;
    let before = std::mem::take(&mut claims.nats.imports);
    let mut all = Vec::new();
    for wanted in wanted {
        all.push(import::resolved(workspace, &claims, &request(wanted))?);
    }
    for import in &mut all {
        keep_token(workspace, &claims, import, &before)?;
    }
    all.sort_by(|a, b| a.subject.cmp(&b.subject));
    claims.nats.imports = all;
    put(workspace, name, &claims, changes)
}

fn request(wanted: &document::Import) -> import::Add {
    import::Add {
        name: wanted.name.clone(),
        local_subject: wanted.local_subject.clone(),
        remote_subject: Some(wanted.subject.clone()),
        service: wanted.kind == document::Kind::Service,
        share: wanted.share,
        allow_trace: wanted.allow_trace,
        src_account: Some(wanted.account.clone()),
        ..import::Add::default()
    }
}

/// An activation token that is still good stays.
fn keep_token(
    workspace: &mut Workspace,
    importer: &AccountClaims,
    import: &mut Import,
    before: &[Import],
) -> Result {
    let same = |there: &&Import| {
        there.account == import.account
            && there.subject == import.subject
            && there.kind == import.kind
            && !there.token.is_empty()
    };
    let Some(there) = before.iter().find(same) else {
        return Ok(());
    };
    let store = workspace.store()?;
    let Some(source) = store.account_of_key(&mut workspace.files, &import.account)? else {
        import.token.clone_from(&there.token);
        return Ok(());
    };
    let source = workspace.account(&source)?;
    let export = source
        .nats
        .exports
        .iter()
        .find(|export| export.kind == import.kind && export.token_required);
    let good = export.is_some_and(|export| {
        chain::check_activation(there, &importer.subject, &source, export, workspace.now()).is_ok()
    });
    if good {
        import.token.clone_from(&there.token);
    }
    Ok(())
}

fn operator(
    workspace: &mut Workspace,
    wanted: &document::Operator,
    changes: &mut Vec<Change>,
) -> Result {
    let mut claims: OperatorClaims = workspace.edit_operator()?;
    let before = AnyClaims::Operator(claims.clone());
    let nats = &mut claims.nats;
    if let Some(url) = &wanted.account_server_url {
        nats_jwt::validate::account_server_url(url).map_err(Error::refused)?;
        nats.account_server_url.clone_from(url);
    }
    if let Some(urls) = &wanted.service_urls {
        for url in urls {
            nats_jwt::validate::operator_service_url(url).map_err(Error::refused)?;
        }
        nats.operator_service_urls.clone_from(urls);
    }
    if let Some(strict) = wanted.require_signing_keys {
        nats.strict_signing_key_usage = strict;
        if strict && nats.signing_keys.is_empty() {
            refuse!("the operator has no signing key: nsc edit operator --sk generate");
        }
    }
    if let Some(tags) = &wanted.tags {
        nats.tags = sorted_tags(tags);
    }
    put_operator(workspace, &before, &claims, changes)
}

/// It may be an account of the document, so accounts come first.
fn system_account(
    workspace: &mut Workspace,
    wanted: &document::Operator,
    changes: &mut Vec<Change>,
) -> Result {
    let Some(system) = &wanted.system_account else {
        return Ok(());
    };
    let mut claims: OperatorClaims = workspace.edit_operator()?;
    let before = AnyClaims::Operator(claims.clone());
    let name = workspace.account_name(Some(system))?;
    claims.nats.system_account = workspace.account(&name)?.subject;
    put_operator(workspace, &before, &claims, changes)
}

/// Servers give their system account no storage; a token that says so is not valid.
fn no_jetstream_in_the_system_account(workspace: &mut Workspace, document: &Document) -> Result {
    let system = workspace.operator()?.nats.system_account;
    for name in document.accounts.keys() {
        let account = workspace.account(name)?;
        if account.subject == system && account.nats.limits.has_jetstream() {
            return Err(Error::refused(format!(
                "account {name}: it is the system account, which cannot have JetStream"
            ))
            .hint("leave its `jetstream` out, or say `jetstream: {}` to take it away"));
        }
    }
    Ok(())
}

fn put_operator(
    workspace: &mut Workspace,
    before: &AnyClaims,
    claims: &OperatorClaims,
    changes: &mut Vec<Change>,
) -> Result {
    let fields = differences(before, &AnyClaims::Operator(claims.clone()));
    if fields.is_empty() {
        return Ok(());
    }
    check_claims(claims, workspace.now())?;
    let signer = workspace.signer(std::slice::from_ref(&claims.subject))?;
    workspace.put_operator(claims, &signer)?;
    record(
        changes,
        Verb::Change,
        format!("operator {}", claims.name),
        fields,
    );
    Ok(())
}

fn one_user(
    workspace: &mut Workspace,
    account_name: &str,
    name: &str,
    wanted: &document::User,
    changes: &mut Vec<Change>,
) -> Result {
    let account = workspace.account(account_name)?;
    let store = workspace.store()?;
    let is_there = store.has_user(&workspace.files, account_name, name);
    let mut claims = if is_there {
        workspace.edit_user(account_name, name)?
    } else {
        let mut claims = UserClaims::new(workspace.new_key(Kind::User)?.to_string());
        claims.name = name.to_owned();
        claims
    };
    if !is_there && wanted.role.is_some() {
        // What the role decides is no difference of a new user.
        claims.nats.set_scoped(true);
    }
    let before = AnyClaims::User(claims.clone());
    let signers = user_signers(workspace, &account, &claims, wanted)?;
    if wanted.role.is_some() {
        if wanted.as_role() != document::Role::default() {
            refuse!("a user with a role has no permissions or limits of its own");
        }
        claims.nats.set_scoped(true);
    } else {
        claims.nats.limits = own_limits(wanted)?;
    }
    claims.nats.tags = sorted_tags(&wanted.tags);
    claims.expires = absolute(
        wanted.expires.as_deref().unwrap_or_default(),
        workspace.now(),
    )?;
    let signed = signers.contains(&claims.issuer);
    let mut fields = differences(&before, &AnyClaims::User(claims.clone()));
    let revoked = account.is_revoked(&claims) && is_there;
    if revoked {
        fields.push((
            "revoked".to_owned(),
            "yes".to_owned(),
            "issued again".to_owned(),
        ));
    }
    if is_there && fields.is_empty() && signed {
        return Ok(());
    }
    let signer = workspace.signer(&signers)?;
    if claims.issuer != signer.text() && is_there {
        fields.push(("issuer".to_owned(), claims.issuer.clone(), signer.text()));
    }
    claims.nats.issuer_account = if signer.text() == account.subject {
        String::new()
    } else {
        account.subject.clone()
    };
    if wanted.role.is_none() {
        check_claims(&claims, workspace.now())?;
        if claims.nats.limits.bearer_token && account.nats.limits.disallow_bearer {
            refuse!("the account forbids the use of bearer tokens");
        }
    }
    workspace.put_user(account_name, &claims, &signer)?;
    workspace.put_creds(account_name, name)?;
    let verb = if is_there { Verb::Change } else { Verb::Add };
    record(changes, verb, format!("user {account_name}/{name}"), fields);
    Ok(())
}

/// What a user without a role may do.
fn own_limits(wanted: &document::User) -> Result<UserPermissionLimits> {
    let limits = template(&wanted.as_role())?;
    without_templates(&limits.permissions)?;
    Ok(limits)
}

/// The keys that may sign a user as it is wanted.
fn user_signers(
    workspace: &mut Workspace,
    account: &AccountClaims,
    claims: &UserClaims,
    wanted: &document::User,
) -> Result<Vec<String>> {
    Ok(match &wanted.role {
        Some(role) => match account.nats.signing_keys.role(role) {
            Some(scope) => vec![scope.key.clone()],
            None => {
                return Err(Error::refused(format!("the account has no role {role:?}"))
                    .hint("name it below `roles` of the account"));
            }
        },
        None => {
            let strict = workspace.operator()?.nats.strict_signing_key_usage;
            let mut keys = Workspace::account_signers(account, strict, Some(&claims.issuer));
            keys.retain(|key| account.nats.signing_keys.scope(key).is_none());
            keys
        }
    })
}

fn prune_users(
    workspace: &mut Workspace,
    account_name: &str,
    keep: impl Fn(&str) -> bool,
    changes: &mut Vec<Change>,
) -> Result {
    let gone: Vec<String> = workspace
        .users(account_name)?
        .into_iter()
        .filter(|user| !keep(user))
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let request = user::Delete {
        name: gone.clone(),
        account: Some(account_name.to_owned()),
        revoke: Some(true),
        ..user::Delete::default()
    };
    user::delete(workspace, &request)?;
    for name in gone {
        record(
            changes,
            Verb::Remove,
            format!("user {account_name}/{name}"),
            Vec::new(),
        );
    }
    Ok(())
}

fn prune_accounts(
    workspace: &mut Workspace,
    document: &Document,
    changes: &mut Vec<Change>,
) -> Result {
    let system = workspace.operator()?.nats.system_account;
    let store = workspace.store()?;
    for name in workspace.accounts()? {
        // Without its system account nobody could talk to the servers any more.
        if document.accounts.contains_key(&name) || workspace.account(&name)?.subject == system {
            continue;
        }
        for user in workspace.users(&name)? {
            workspace.files.remove(&store.user_path(&name, &user)?);
            record(
                changes,
                Verb::Remove,
                format!("user {name}/{user}"),
                Vec::new(),
            );
        }
        workspace.files.remove(&store.account_path(&name)?);
        record(changes, Verb::Remove, format!("account {name}"), Vec::new());
    }
    Ok(())
}
