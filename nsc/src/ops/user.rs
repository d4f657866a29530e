//! Users: add, edit, delete, sign again.

use nats_jwt::claims::{AccountClaims, Signer, UserClaims, UserPermissionLimits};
use nats_jwt::nkey::Kind;

use super::Outcome;
use super::account::Orphans;
use super::request::{
    PermissionChanges, PermissionRemovals, TagChanges, Times, UserLimits, check_claims,
};
use crate::error::{Error, Result};
use crate::limits::USERS_NAMED_MAX;
use crate::name;
use crate::refuse;
use crate::report::{Report, Status};
use crate::signer::Key;
use crate::workspace::{self, Workspace};

/// `add user`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Add {
    /// Name of the user; * makes one up
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name of the user; * makes one up
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// Key of the user: a public key, a seed or a file; a new one when not given
    #[arg(short = 'k', long, value_name = "KEY")]
    pub public_key: Option<String>,
    /// Add tags - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    pub tag: Vec<String>,
    /// Networks from which connections are accepted - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "CIDR")]
    pub source_network: Vec<String>,
    /// The token alone is enough, nothing has to be signed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub bearer: Option<bool>,
    #[command(flatten)]
    pub times: Times,
    #[command(flatten)]
    pub permissions: PermissionChanges,
}

/// Makes a user, its key and its credentials.
///
/// # Errors
/// When there is one of that name, or the account's key is missing.
pub fn add(workspace: &mut Workspace, request: &Add) -> Result<Outcome> {
    let given = request.positional.as_deref().or(request.name.as_deref());
    let name = name::or_random(given.unwrap_or_default());
    name::checked("user", &name)?;
    let account_name = workspace.account_name(request.account.as_deref())?;
    let account = workspace.account(&account_name)?;
    let store = workspace.store()?;
    if store.has_user(&workspace.files, &account_name, &name) {
        return Err(
            Error::exists(format!("the user {name:?} already exists")).hint(format!(
                "change it with: nsc edit user {name} -a {account_name}"
            )),
        );
    }
    let signer = workspace.signer_for_account(&account, None)?;
    let mut report = Report::list();
    let key = match &request.public_key {
        Some(given) => workspace.given_key(given, Kind::User)?.to_string(),
        None => workspace.new_key(Kind::User)?.to_string(),
    };
    let mut claims = UserClaims::new(&key);
    claims.name.clone_from(&name);
    prepare(&mut claims, &account, &signer);
    let limits = UserLimits {
        bearer: request.bearer.filter(|bearer| *bearer),
        source_network: request.source_network.clone(),
        ..UserLimits::default()
    };
    limits.apply(&mut claims.nats.limits, &mut Report::list())?;
    let removals = PermissionRemovals::default();
    request
        .permissions
        .apply(&removals, &mut claims.nats.limits.permissions, &mut report)?;
    let now = workspace.now();
    request.times.set(&mut claims, now)?;
    claims.nats.tags = request.tag.iter().collect();
    finish(workspace, &account_name, &account, &claims, &signer)?;
    if request.public_key.is_none() {
        report.ok(format!("generated and stored user key {key:?}"));
    }
    write_creds(workspace, &account_name, &name, &mut report)?;
    report.ok(format!("added user {name:?} to account {account_name:?}"));
    Ok(report.into())
}

/// A new signer decides whose limits count.
fn prepare(claims: &mut UserClaims, account: &AccountClaims, signer: &Key) {
    let key = signer.public_key().to_string();
    let scoped = account.nats.signing_keys.scope(&key).is_some();
    if scoped || claims.nats.limits.is_nothing() {
        claims.nats.set_scoped(scoped);
    }
    claims.nats.issuer_account = if key == account.subject {
        String::new()
    } else {
        account.subject.clone()
    };
}

/// Another key signs a user than before. A role that was not asked for neither takes the place of the user's permissions nor goes away, and
/// permissions of its own are not lost.
fn another_signer(
    claims: &mut UserClaims,
    account: &AccountClaims,
    signer: &Key,
    asked: bool,
    report: &mut Report,
) -> Result {
    let was_scoped = claims.nats.limits.is_nothing();
    let scope = account.nats.signing_keys.scope(&signer.text());
    let issuer = &claims.issuer;
    match (was_scoped, scope) {
        (true, None) if !asked => {
            return Err(Error::no_key(format!(
                "user {:?} has what its role allows, and the role's key {issuer} is not at hand",
                claims.name
            ))
            .hint("import that key: nsc import keys; or name who signs: -K (a key without a role allows everything)"));
        }
        (true, None) => report.warn(format!(
            "user {:?} no longer has the role of {issuer}: it may do what its own permissions say",
            claims.name
        )),
        (false, Some(scope)) => {
            let role = &scope.role;
            if !asked {
                return Err(Error::no_key(format!(
                    "the only key at hand has the role {role:?}, which would take the place of the permissions of user {:?}",
                    claims.name
                ))
                .hint(format!("import the key {issuer}: nsc import keys; or name who signs: -K")));
            }
            if claims.nats.limits != UserPermissionLimits::unlimited() {
                return Err(Error::refused(format!(
                    "user {:?} has permissions or limits of its own, which the role {role:?} would take the place of",
                    claims.name
                ))
                .hint("take them away first, or make another user with the role: nsc add user NAME -K ROLE"));
            }
        }
        _ => {}
    }
    prepare(claims, account, signer);
    Ok(())
}

/// Checks and stores.
fn finish(
    workspace: &mut Workspace,
    account_name: &str,
    account: &AccountClaims,
    claims: &UserClaims,
    signer: &Key,
) -> Result {
    let scope = account.nats.signing_keys.scope(&signer.text());
    if let Some(scope) = scope
        && !claims.nats.limits.is_nothing()
    {
        return Err(Error::refused(format!(
            "the signing key has the role {:?}, which decides what its users may do: a user cannot have permissions or limits of its own",
            scope.role
        ))
        .hint("leave them out, or sign with another key: -K"));
    }
    if account.nats.limits.disallow_bearer && claims.nats.limits.bearer_token {
        refuse!("account {account_name:?} forbids the use of bearer token");
    }
    if scope.is_none() {
        check_claims(claims, workspace.now())?;
    }
    workspace.put_user(account_name, claims, signer)?;
    Ok(())
}

fn write_creds(
    workspace: &mut Workspace,
    account: &str,
    user: &str,
    report: &mut Report,
) -> Result {
    match workspace.put_creds(account, user)? {
        Some(path) => report.ok(format!(
            "generated user creds file `{}`",
            workspace.places.shown(&path)
        )),
        None => report.ok("skipped generating creds file - user private key is not available"),
    }
    Ok(())
}

/// `edit user`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Edit {
    /// Name of the user, when there is more than one
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name of the user, when there is more than one
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    #[command(flatten)]
    pub tags: TagChanges,
    #[command(flatten)]
    pub times: Times,
    #[command(flatten)]
    pub limits: UserLimits,
}

impl Edit {
    /// Whether nothing is mentioned.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.times.is_empty() && self.limits.is_empty()
    }
}

/// Changes a user: only what is mentioned.
///
/// # Errors
/// When the change makes no sense, or the account's key is missing.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    if request.is_empty() && workspace.signing.key.is_none() {
        return Err(Error::refused("specify an edit option").hint("see: nsc edit user --help"));
    }
    let account_name = workspace.account_name(request.account.as_deref())?;
    let given = request.positional.as_deref().or(request.name.as_deref());
    let name = workspace.user_name(&account_name, given)?;
    let account = workspace.account(&account_name)?;
    let store = workspace.store()?;
    if !store.has_user(&workspace.files, &account_name, &name) {
        return Err(
            Error::missing(format!("user {name:?} not found")).hint(format!(
                "see which there are: nsc list users -a {account_name}"
            )),
        );
    }
    let mut claims = workspace.edit_user(&account_name, &name)?;
    let signer = workspace.signer_for_account(&account, Some(&claims.issuer))?;
    let mut report = Report::list();
    if signer.text() != claims.issuer {
        let asked = workspace.signing.key.is_some();
        another_signer(&mut claims, &account, &signer, asked, &mut report)?;
    }
    request.tags.apply(&mut claims.nats.tags, &mut report);
    let now = workspace.now();
    request.times.apply(&mut claims, now, &mut report)?;
    request.limits.apply(&mut claims.nats.limits, &mut report)?;
    finish(workspace, &account_name, &account, &claims, &signer)?;
    write_creds(workspace, &account_name, &name, &mut report)?;
    report.ok(format!("edited user {name:?}"));
    Ok(report.into())
}

/// A signing key without a role of an account, if one is at hand.
///
/// # Errors
/// When the keystore cannot be read.
pub fn plain_signer(workspace: &mut Workspace, account: &AccountClaims) -> Result<Option<Key>> {
    for (key, scope) in account.nats.signing_keys.iter() {
        if scope.is_none()
            && let Some(key) = workspace.signing_key(key)?
        {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Signs a user again with a signing key without a role; `None` when there is none at hand.
///
/// # Errors
/// When the user cannot be read, or its token holds what would be lost.
pub fn issue_again(
    workspace: &mut Workspace,
    account_name: &str,
    name: &str,
    account: &AccountClaims,
) -> Result<Option<Key>> {
    let Some(signer) = plain_signer(workspace, account)? else {
        return Ok(None);
    };
    let mut claims = workspace.edit_user(account_name, name)?;
    claims.nats.issuer_account.clone_from(&account.subject);
    workspace.put_user(account_name, &claims, &signer)?;
    workspace.put_creds(account_name, name)?;
    Ok(Some(signer))
}

/// What becomes of the users that `removed` keys signed. `account` is as it will be.
pub fn resign(
    workspace: &mut Workspace,
    account_name: &str,
    account: &AccountClaims,
    removed: &[String],
    choice: Orphans,
    report: &mut Report,
) -> Result {
    if removed.is_empty() || choice == Orphans::Keep {
        return Ok(());
    }
    let mut left = Vec::new();
    for name in workspace.users(account_name)? {
        let issuer = workspace.user(account_name, &name)?.issuer;
        if !removed.contains(&issuer) {
            continue;
        }
        if choice == Orphans::Tell {
            left.push(name);
            continue;
        }
        let mut claims = workspace.edit_user(account_name, &name)?;
        let was_scoped = claims.nats.limits.is_nothing();
        let mut signer = workspace.signer_for_account(account, None)?;
        let is_scoped = |key: &Key| account.nats.signing_keys.scope(&key.text()).is_some();
        // A role that nobody asked for would take the place of the user's own permissions.
        if !was_scoped && is_scoped(&signer) && workspace.signing.key.is_none() {
            signer = plain_signer(workspace, account)?.ok_or_else(|| {
                Error::no_key(format!(
                    "user {name:?} has permissions of its own, and the only keys at hand have roles"
                ))
                .hint(format!("add a key without one: nsc edit account {account_name} --sk generate; or name a role: -K ROLE"))
            })?;
        }
        if was_scoped && !is_scoped(&signer) {
            return Err(Error::refused(format!(
                "user {name:?} has what its role allowed; the key {} has no role and would allow it everything",
                signer.text()
            ))
            .hint("name a key with a role that fits: -K ROLE; or delete the user first"));
        }
        prepare(&mut claims, account, &signer);
        finish(workspace, account_name, account, &claims, &signer)?;
        write_creds(workspace, account_name, &name, report)?;
        report.ok(format!("user {name:?} re-signed by {}", signer.text()));
    }
    if !left.is_empty() {
        let words = format!(
            "servers will refuse {}, issued by what was removed; sign again: nsc edit user NAME -a {account_name} -K KEY (with the removal: --resign)",
            some_of(&left)
        );
        report.add(Report::line(Status::Warning, words).with_names(left));
    }
    Ok(())
}

/// The first few of some users, in words.
pub fn some_of(users: &[String]) -> String {
    let count = users.len();
    let noun = if count == 1 { "user" } else { "users" };
    let first: Vec<&str> = users
        .iter()
        .take(USERS_NAMED_MAX)
        .map(String::as_str)
        .collect();
    let more = match count.saturating_sub(first.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{count} {noun} ({}{more})", first.join(", "))
}

/// `delete user`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Delete {
    /// Names of the users
    #[arg(value_name = "NAME")]
    pub positional: Vec<String>,
    /// Names of the users - comma separated, or several times
    #[arg(short, long, value_delimiter = ',')]
    pub name: Vec<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// Revoke them in the account's token, so that servers refuse their credentials
    #[arg(short = 'R', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub revoke: Option<bool>,
    /// Delete the keys as well
    #[arg(short = 'D', long)]
    pub rm_nkey: bool,
    /// Delete the credentials as well
    #[arg(short = 'C', long)]
    pub rm_creds: bool,
}

/// Deletes users, and revokes them where that is asked for.
///
/// # Errors
/// When one of them is not there.
pub fn delete(workspace: &mut Workspace, request: &Delete) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut names: Vec<String> = request
        .positional
        .iter()
        .chain(&request.name)
        .cloned()
        .collect();
    if names.is_empty() {
        return Err(Error::refused("please specify an user to delete").hint("nsc delete user NAME"));
    }
    names.dedup();
    let mut account = workspace.edit_account(&account_name)?;
    let mut report = Report::line(Status::Ok, "delete users");
    let revoke = request.revoke.unwrap_or(false);
    let mut changed = false;
    for name in &names {
        let key = workspace.user(&account_name, name)?.subject;
        let mut line = Report::line(Status::Ok, format!("user {name} [{key}]"));
        if revoke {
            if account.nats.revocations.get(&key).is_some() {
                line.ok("user is already revoked");
            } else {
                account.nats.revocations.revoke(&key, workspace.now());
                line.ok("revoked user");
                changed = true;
            }
        } else if account.nats.revocations.get(&key).is_none() {
            line.ok("not revoked: its credentials stay good until they expire (--revoke takes them back)");
        }
        line.extend(remove(
            workspace,
            &account_name,
            name,
            request.rm_nkey,
            request.rm_creds,
        )?);
        report.add(line);
    }
    if changed {
        let signer = workspace.signer_of_account(&account)?;
        workspace.put_account(&account, &signer)?;
        report.ok(format!("edited account {account_name:?}"));
    }
    Ok(report.into())
}

/// Removes the files of a user.
pub fn remove(
    workspace: &mut Workspace,
    account: &str,
    name: &str,
    key_too: bool,
    creds_too: bool,
) -> Result<Report> {
    let store = workspace.store()?;
    let key = workspace.user(account, name)?.subject;
    let mut report = Report::line(Status::Ok, format!("user {name} [{key}]"));
    workspace.files.remove(&store.user_path(account, name)?);
    report.ok("user deleted");
    if key_too {
        let path = workspace.keystore.key_path(&workspace::public(&key)?);
        if workspace.files.exists(&path) {
            workspace.files.remove(&path);
            report.ok("deleted private key");
        } else {
            report.ok("private key is not stored");
        }
    }
    if creds_too {
        let path = workspace.keystore.creds_path(store.name(), account, name)?;
        if workspace.files.exists(&path) {
            workspace.files.remove(&path);
            report.ok("removed creds file");
        } else {
            report.ok("creds file is not stored");
        }
    }
    Ok(report)
}
