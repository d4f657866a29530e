//! Who decides about users in place of the account's own tokens: `edit authcallout`.

use nats_jwt::claims::{AccountClaims, ExternalAuthorization};
use nats_jwt::nkey::Kind;

use super::Outcome;
use super::request::check_account;
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::workspace::Workspace;

/// `edit authcallout`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Edit {
    /// Take the authorization service away
    #[arg(long)]
    pub disable: bool,
    /// Users of the service itself: names or public keys - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "USER")]
    pub auth_user: Vec<String>,
    /// Remove users of the service
    #[arg(long, value_delimiter = ',', value_name = "USER")]
    pub rm_auth_user: Vec<String>,
    /// Accounts into which it may put users: names, public keys or *
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT")]
    pub allowed_account: Vec<String>,
    /// Remove accounts
    #[arg(long, value_delimiter = ',', value_name = "ACCOUNT")]
    pub rm_allowed_account: Vec<String>,
    /// Curve key for which requests are sealed: generate, a public key, a seed or a file
    #[arg(short = 'x', long, value_name = "KEY")]
    pub curve: Option<String>,
    /// Seal requests no longer
    #[arg(long, conflicts_with = "curve")]
    pub rm_curve: bool,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

impl Edit {
    fn lists(&self) -> [&Vec<String>; 4] {
        [
            &self.auth_user,
            &self.rm_auth_user,
            &self.allowed_account,
            &self.rm_allowed_account,
        ]
    }
}

/// Changes an account's authorization service.
///
/// # Errors
/// When the change makes no sense.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    let sets = request.lists().iter().any(|list| !list.is_empty())
        || request.curve.is_some()
        || request.rm_curve;
    if !sets && !request.disable {
        return Err(
            Error::refused("please specify some options").hint("see: nsc edit authcallout --help")
        );
    }
    if request.disable && sets {
        refuse!("--disable is exclusive of all other options");
    }
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let signer = workspace.signer_of_account(&account)?;
    let mut report = Report::list();
    if request.disable {
        account.nats.authorization = ExternalAuthorization::default();
        report.ok("removed external authorization configuration");
    }
    members(workspace, request, &mut account, &account_name, &mut report)?;
    let there = &mut account.nats.authorization;
    if request.rm_curve {
        let old = std::mem::take(&mut there.xkey);
        report.ok(if old.is_empty() {
            "remove curve key didn't do anything as the curve key was not set".to_owned()
        } else {
            format!("removed {old} curve key")
        });
    }
    if let Some(given) = &request.curve {
        let key = workspace.given_key(given, Kind::Curve)?.to_string();
        report.ok(format!("set curve key {key}"));
        account.nats.authorization.xkey = key;
    }
    check_account(workspace, &account)?;
    workspace.put_account(&account, &signer)?;
    Ok(report.into())
}

/// Users of the service, and accounts into which it may put users.
fn members(
    workspace: &mut Workspace,
    request: &Edit,
    account: &mut AccountClaims,
    account_name: &str,
    report: &mut Report,
) -> Result {
    let mut resolved = Vec::new();
    for (at, list) in request.lists().into_iter().enumerate() {
        let mut keys = Vec::new();
        for word in list {
            keys.push(if at < 2 {
                user_key(workspace, account_name, word)?
            } else {
                account_key(workspace, word)?
            });
        }
        resolved.push(keys);
    }
    let there = &mut account.nats.authorization;
    let (users, accounts) = (&mut there.auth_users, &mut there.allowed_accounts);
    for (list, add, remove, noun) in [(users, 0, 1, "user"), (accounts, 2, 3, "account")] {
        for key in &resolved[add] {
            if list.contains(key) {
                report.ok(format!(
                    "skipped adding {noun} {key:?} - as it's already set"
                ));
            } else {
                list.push(key.clone());
                report.ok(format!("added {noun} {key:?}"));
            }
        }
        for key in &resolved[remove] {
            if list.contains(key) {
                list.retain(|other| other != key);
                report.ok(format!("deleted {noun} {key:?}"));
            } else {
                report.ok(format!(
                    "skipping {noun} {key:?} - as it's not currently set"
                ));
            }
        }
    }
    Ok(())
}

fn user_key(workspace: &mut Workspace, account: &str, word: &str) -> Result<String> {
    let store = workspace.store()?;
    if store.has_user(&workspace.files, account, word) {
        return Ok(workspace.user(account, word)?.subject);
    }
    Ok(workspace.given_key(word, Kind::User)?.to_string())
}

fn account_key(workspace: &mut Workspace, word: &str) -> Result<String> {
    if word == "*" {
        return Ok(word.to_owned());
    }
    let store = workspace.store()?;
    if store.has_account(&workspace.files, word) {
        return Ok(workspace.account(word)?.subject);
    }
    Ok(workspace.given_key(word, Kind::Account)?.to_string())
}
