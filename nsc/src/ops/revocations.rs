//! Revocations of users and of activation tokens.

use nats_jwt::claims::{AccountClaims, EVERYBODY, Export, ExportType, Revocations};
use nats_jwt::nkey::Kind;
use serde_json::json;

use super::Outcome;
use super::import::is_within;
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::text;
use crate::workspace::Workspace;
use nats_term::Table;

/// Which user.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Who {
    /// Name of the user; the only one when not given
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name of the user; the only one when not given
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// Public key of a user, which need not be in the store, or * for all
    #[arg(short = 'u', long, conflicts_with_all = ["positional", "name"], value_name = "KEY")]
    pub user_public_key: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

impl Who {
    fn resolve(&self, workspace: &mut Workspace) -> Result<(String, String)> {
        let account = workspace.account_name(self.account.as_deref())?;
        if let Some(key) = &self.user_public_key {
            if key != EVERYBODY && !nats_jwt::nkey::is_public_key(key, Kind::User) {
                refuse!("{key:?} is not a valid user key");
            }
            return Ok((account, key.clone()));
        }
        let given = self.positional.as_deref().or(self.name.as_deref());
        let name = workspace.user_name(&account, given)?;
        let names = workspace.users(&account)?;
        let Some(name) = names.iter().find(|there| there.eq_ignore_ascii_case(&name)) else {
            return Err(Error::missing(format!("user {name:?} not found"))
                .hint("revoke one that is not in the store by its key: --user-public-key"));
        };
        let key = workspace.user(&account, name)?.subject;
        Ok((account, key))
    }
}

/// `revocations add-user`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AddUser {
    #[command(flatten)]
    pub who: Who,
    /// Revoke what was issued until then: RFC 3339, or seconds since 1970; now when not given
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

/// Revokes a user, or all.
///
/// # Errors
/// When there is no such user.
pub fn add_user(workspace: &mut Workspace, request: &AddUser) -> Result<Outcome> {
    let (name, key) = request.who.resolve(workspace)?;
    let mut account = workspace.edit_account(&name)?;
    let at = text::revoked_at(request.at.as_deref().unwrap_or("0"), workspace.now())?;
    account.nats.revocations.revoke(&key, at);
    // Entries that one for everybody covers stay: they count again once it is taken back.
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(if key == EVERYBODY {
        format!("revoked all users issued before {}", text::date(at))
    } else {
        format!("revoked user {key:?}")
    });
    Ok(report.into())
}

fn store(workspace: &mut Workspace, account: &AccountClaims) -> Result {
    let signer = workspace.signer_of_account(account)?;
    workspace.put_account(account, &signer)?;
    Ok(())
}

/// `revocations delete-user`.
///
/// # Errors
/// When it is not revoked.
pub fn delete_user(workspace: &mut Workspace, request: &Who) -> Result<Outcome> {
    let (name, key) = request.resolve(workspace)?;
    let mut account = workspace.edit_account(&name)?;
    if !account.nats.revocations.clear(&key) {
        return Err(
            Error::missing(format!("user with public key {key:?} is not revoked"))
                .hint("see who is: nsc revocations list-users"),
        );
    }
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(if key == EVERYBODY {
        "deleted all user revocation".to_owned()
    } else {
        format!("deleted user revocation for {key:?}")
    });
    Ok(report.into())
}

/// `revocations list-users`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListUsers {
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// The revoked users.
///
/// # Errors
/// When there is no such account.
pub fn list_users(workspace: &mut Workspace, request: &ListUsers) -> Result<Outcome> {
    let name = workspace.account_name(request.account.as_deref())?;
    let account = workspace.account(&name)?;
    let none = format!("account {name:?} doesn't have revoked users");
    Ok(listed(
        &account.nats.revocations,
        format!("Revoked Users for {name}"),
        "* [All Users]",
        none,
    ))
}

fn listed(revocations: &Revocations, title: String, all_of_them: &str, none: String) -> Outcome {
    let mut table = Table::ascii(title).header(["Public Key", "Revoke Credentials Before"]);
    let mut all = Vec::new();
    for (key, at) in revocations.iter() {
        let when = jiff::Timestamp::from_second(at)
            .map(|t| t.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string());
        let label = if key == EVERYBODY { all_of_them } else { key };
        table.row([label.to_owned(), when.unwrap_or_default()]);
        all.push(json!({"public_key": key, "before": at}));
    }
    let text = if table.is_empty() {
        format!("{none}\n")
    } else {
        format!("{}\n", table.render())
    };
    Outcome::text(text).with_json(all.into())
}

/// Which export, and whose activations.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Activations {
    /// The export's subject, or one that it covers, when there is more than one export
    #[arg(short, long)]
    pub subject: Option<String>,
    /// A service rather than a stream
    #[arg(long)]
    pub service: bool,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

impl Activations {
    fn find(&self, account: &AccountClaims) -> Result<usize> {
        let kind = if self.service {
            ExportType::Service
        } else {
            ExportType::Stream
        };
        let fits = |export: &Export| {
            export.kind == kind
                && self
                    .subject
                    .as_ref()
                    .is_none_or(|subject| is_within(subject, &export.subject))
        };
        let exports = &account.nats.exports;
        let mut found: Vec<usize> = (0..exports.len())
            .filter(|at| fits(&exports[*at]))
            .collect();
        if let Some(exact) = found
            .iter()
            .find(|at| Some(&exports[**at].subject) == self.subject.as_ref())
        {
            found = vec![*exact];
        }
        match found.as_slice() {
            [only] => Ok(*only),
            [] => Err(Error::missing(format!(
                "account {:?} doesn't have such {kind} exports",
                account.name
            ))
            .hint("exports of services need --service")),
            _ => Err(Error::refused("a subject is required").hint("pass --subject")),
        }
    }
}

/// `revocations add-activation`, `delete-activation`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Activation {
    #[command(flatten)]
    pub export: Activations,
    /// Whose: public key of an account, name of one of this operator, or * for all
    #[arg(
        short,
        long,
        value_name = "ACCOUNT",
        default_value = "",
        hide_default_value = true,
        required_unless_present = "interactive"
    )]
    pub target_account: String,
    /// Revoke what was issued until then: RFC 3339, or seconds since 1970; now when not given
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

impl Activation {
    fn target(&self, workspace: &mut Workspace) -> Result<String> {
        let target = &self.target_account;
        if target == EVERYBODY || nats_jwt::nkey::is_public_key(target, Kind::Account) {
            return Ok(target.clone());
        }
        let name = workspace.account_name(Some(target))?;
        Ok(workspace.account(&name)?.subject)
    }
}

/// Revokes the activation tokens of an account, or of all.
///
/// # Errors
/// When there is no such export.
pub fn add_activation(workspace: &mut Workspace, request: &Activation) -> Result<Outcome> {
    let name = workspace.account_name(request.export.account.as_deref())?;
    let mut account = workspace.edit_account(&name)?;
    let target = request.target(workspace)?;
    let at = text::revoked_at(request.at.as_deref().unwrap_or("0"), workspace.now())?;
    let export_at = request.export.find(&account)?;
    let export = &mut account.nats.exports[export_at];
    export.revocations.revoke(&target, at);
    let words = if target == EVERYBODY {
        format!(
            "revoked all activations for {:?} issued before {}",
            export.name,
            text::date(at)
        )
    } else {
        format!("revoked activation {:?} for account {target}", export.name)
    };
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(words);
    Ok(report.into())
}

/// Takes that back.
///
/// # Errors
/// When it is not revoked.
pub fn delete_activation(workspace: &mut Workspace, request: &Activation) -> Result<Outcome> {
    let name = workspace.account_name(request.export.account.as_deref())?;
    let mut account = workspace.edit_account(&name)?;
    let target = request.target(workspace)?;
    let export_at = request.export.find(&account)?;
    let export = &mut account.nats.exports[export_at];
    if !export.revocations.clear(&target) {
        return Err(Error::missing(format!(
            "no revocation for {target} in export {:?}",
            export.name
        ))
        .hint("see which there are: nsc revocations list-activations"));
    }
    let words = format!(
        "deleted activation revocation {:?} for account {target}",
        export.name
    );
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(words);
    Ok(report.into())
}

/// The revoked activations of an export.
///
/// # Errors
/// When there is no such export.
pub fn list_activations(workspace: &mut Workspace, request: &Activations) -> Result<Outcome> {
    let name = workspace.account_name(request.account.as_deref())?;
    let account = workspace.account(&name)?;
    let export = &account.nats.exports[request.find(&account)?];
    let none = format!(
        "{} {:?} doesn't have revoked activations",
        export.kind, export.name
    );
    Ok(listed(
        &export.revocations,
        format!("Revoked Accounts for {} {}", export.kind, export.name),
        "* [All Accounts]",
        none,
    ))
}
