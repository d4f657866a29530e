//! Scoped signing keys of accounts: one command makes key and role, or changes them.

use nats_jwt::claims::UserScope;
use nats_jwt::nkey::Kind;

use super::Outcome;
use super::account::Orphans;
use super::request::{UserLimits, check_account};
use super::user;
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::workspace::Workspace;

/// `edit signing-key`, `add signing-key`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Edit {
    /// The key: generate, a public key, a seed, a file, or the role of a key that is there
    #[arg(value_name = "KEY")]
    pub positional: Option<String>,
    /// The key: generate, a public key, a seed, a file, or the role of a key that is there
    #[arg(long, conflicts_with = "positional", value_name = "KEY")]
    pub sk: Option<String>,
    /// Name of the role
    #[arg(long)]
    pub role: Option<String>,
    /// What the role is for
    #[arg(long)]
    pub description: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    #[command(flatten)]
    pub limits: UserLimits,
}

/// Makes a key with a role: what [`edit`] does for `--sk generate --role NAME`, and refuses a role that is there.
///
/// # Errors
/// As [`edit`].
pub fn add(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    let mut request = request.clone();
    let account_name = workspace.account_name(request.account.as_deref())?;
    // A word that is no key names the role.
    if request.role.is_none()
        && let Some(word) = request.positional.take()
    {
        request.role = Some(word);
    }
    let Some(role) = &request.role else {
        return Err(Error::refused("a role is required")
            .hint("nsc add signing-key ROLE --allow-pub 'orders.>'"));
    };
    if workspace
        .account(&account_name)?
        .nats
        .signing_keys
        .role(role)
        .is_some()
    {
        return Err(Error::exists(format!(
            "account {account_name:?} has a signing key with the role {role:?}"
        ))
        .hint("change it with: nsc edit signing-key"));
    }
    if request.sk.is_none() && request.positional.is_none() {
        request.sk = Some("generate".to_owned());
    }
    edit(workspace, &request)
}

/// Makes a signing key scoped, or changes its scope: only what is mentioned.
///
/// # Errors
/// When the key is not found, or the change makes no sense.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let signer = workspace.signer_of_account(&account)?;
    let given = request.positional.as_deref().or(request.sk.as_deref());
    let keys = &account.nats.signing_keys;
    let key = match (given, &request.role) {
        (Some(given), _) => match keys.role(given) {
            Some(scope) => scope.key.clone(),
            None => workspace.given_key(given, Kind::Account)?.to_string(),
        },
        (None, Some(role)) if keys.role(role).is_some() => keys
            .role(role)
            .map(|scope| scope.key.clone())
            .unwrap_or_default(),
        _ => {
            return Err(Error::refused("signing key is required")
                .hint("pass --sk generate, a public key or a role; to make key and role at once: nsc add signing-key ROLE"));
        }
    };
    if key == account.subject {
        refuse!("{key} is the account's own key, which cannot be scoped");
    }
    if let Some(role) = &request.role
        && keys.role(role).is_some_and(|there| there.key != key)
    {
        refuse!("another signing key of the account has the role {role:?}");
    }
    let mut scope = keys
        .scope(&key)
        .cloned()
        .unwrap_or_else(|| UserScope::new(&key));
    let mut report = Report::list();
    if let Some(role) = &request.role {
        scope.role.clone_from(role);
    }
    if let Some(description) = &request.description {
        scope.description.clone_from(description);
    }
    request.limits.apply(&mut scope.template, &mut report)?;
    words(&scope.template)?;
    account.nats.signing_keys.add_scoped(scope);
    check_account(workspace, &account)?;
    workspace.put_account(&account, &signer)?;
    report.ok(format!("edited signing key {key:?}"));
    Ok(report.into())
}

/// `delete signing-key`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Delete {
    /// The key: public key or role
    #[arg(
        value_name = "KEY",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "interactive"
    )]
    pub key: String,
    /// Sign the users again that the key signed
    #[arg(long, conflicts_with = "keep_users")]
    pub resign: bool,
    /// Leave the users as they are, without a warning; servers will refuse them
    #[arg(long)]
    pub keep_users: bool,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Takes a signing key from an account.
///
/// # Errors
/// When there is none such, or its users cannot be signed again.
pub fn delete(workspace: &mut Workspace, request: &Delete) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let signer = workspace.signer_of_account(&account)?;
    let keys = &mut account.nats.signing_keys;
    let key = keys
        .role(&request.key)
        .map_or_else(|| request.key.clone(), |scope| scope.key.clone());
    if !keys.remove(&key) {
        return Err(Error::missing(format!(
            "account {account_name:?} has no signing key {:?}",
            request.key
        ))
        .hint(format!(
            "see which there are: nsc describe account {account_name}"
        )));
    }
    let mut report = Report::list();
    report.ok(format!("removed signing key {key:?}"));
    workspace.put_account(&account, &signer)?;
    let choice = match (request.resign, request.keep_users) {
        (true, _) => Orphans::Resign,
        (_, true) => Orphans::Keep,
        _ => Orphans::Tell,
    };
    user::resign(
        workspace,
        &account_name,
        &account,
        &[key],
        choice,
        &mut report,
    )?;
    report.ok(format!("edited account {account_name:?}"));
    Ok(report.into())
}

/// The users that a signing key signed.
///
/// # Errors
/// When the account cannot be read.
pub fn issued(workspace: &mut Workspace, account: &str, key: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for name in workspace.users(account)? {
        if workspace.user(account, &name)?.issuer == key {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether servers know the words of a role's templates.
///
/// # Errors
/// Names the one that they do not know.
pub fn words(template: &nats_jwt::claims::UserPermissionLimits) -> Result {
    nats_jwt::template::check(template).map_err(|error| {
        Error::refused(error.to_string()).hint(
            "there are {{name()}}, {{subject()}}, {{tag(x)}}, {{account-name()}}, {{account-subject()}}, {{account-tag(x)}}",
        )
    })
}
