//! `validate`: does what the tokens say make sense, and did the right keys say it.

use nats_jwt::claims::{AnyClaims, OperatorClaims};
use nats_jwt::validate::{Findings, Severity};
use serde::Serialize;

use super::Outcome;
use crate::error::Result;
use crate::limits::TOKENS_BYTES_MAX;
use crate::refuse;
use crate::workspace::Workspace;
use nats_term::Table;

/// `validate`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Validate {
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// All accounts of the operator
    #[arg(short = 'A', long, conflicts_with_all = ["account", "file"])]
    pub all_accounts: bool,
    /// All tokens in a file, one a line
    #[arg(short, long, conflicts_with = "account", value_name = "FILE")]
    pub file: Option<String>,
}

/// One thing that is not right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The token is of no use, or will not be in time.
    pub blocking: bool,
    pub description: String,
}

/// What is not right with something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    pub name: String,
    pub issues: Vec<Issue>,
}

impl Checked {
    fn new(name: String) -> Self {
        Self {
            name,
            issues: Vec::new(),
        }
    }

    fn error(&mut self, description: impl Into<String>) {
        self.issues.push(Issue {
            blocking: true,
            description: description.into(),
        });
    }

    fn findings(&mut self, prefix: &str, findings: &Findings) {
        self.issues.extend(findings.iter().map(|finding| Issue {
            blocking: finding.severity != Severity::Warning,
            description: format!("{prefix}{}", finding.text),
        }));
    }

    fn table(&self) -> String {
        let mut table = Table::ascii(&self.name);
        if self.issues.is_empty() {
            table.row(["No issues found"]);
            return table.render();
        }
        table = table.header(["#", " ", "Description"]);
        for (at, issue) in self.issues.iter().enumerate() {
            let mark = if issue.blocking { "!" } else { "" };
            table.row([
                (at + 1).to_string(),
                mark.to_owned(),
                issue.description.clone(),
            ]);
        }
        table.render()
    }
}

/// Checks what is asked for. The outcome says it; whether something blocking was found says the second value.
///
/// # Errors
/// When nothing can be checked.
pub fn validate(workspace: &mut Workspace, request: &Validate) -> Result<(Outcome, bool)> {
    let checked = match &request.file {
        Some(file) => of_file(workspace, file)?,
        None => of_store(workspace, request)?,
    };
    let blocking = checked
        .iter()
        .flat_map(|checked| &checked.issues)
        .any(|issue| issue.blocking);
    let text: String = checked
        .iter()
        .map(|checked| format!("{}\n", checked.table()))
        .collect();
    let json = serde_json::to_value(&checked).unwrap_or_default();
    Ok((Outcome::text(text).with_json(json), blocking))
}

fn of_file(workspace: &Workspace, file: &str) -> Result<Vec<Checked>> {
    let path = workspace.places.expanded(file);
    let content = crate::files::read_named_text(&path, TOKENS_BYTES_MAX)?;
    let mut all = Vec::new();
    for line in content
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
    {
        let claims = match nats_jwt::claims::decode(line) {
            Ok(claims) => claims,
            Err(error) => refuse!("claim decoding error: {error}"),
        };
        let kind = claims.claim_type().to_string();
        let mut checked = Checked::new(format!("{kind} {:?}", claims.name()));
        checked.findings("", &claims.validate(workspace.now()));
        all.push(checked);
    }
    Ok(all)
}

fn of_store(workspace: &mut Workspace, request: &Validate) -> Result<Vec<Checked>> {
    let operator = workspace.operator()?;
    let mut first = Checked::new(format!("Operator {:?}", workspace.config.operator));
    first.findings("", &operator.validate(workspace.now()));
    // The operator's own token may always be its own.
    if operator.issuer != operator.subject && !operator.nats.signing_keys.contains(&operator.issuer)
    {
        first.error("operator is not issued by operator or operator signing key");
    }
    let names = if request.all_accounts {
        workspace.accounts()?
    } else if request.account.is_some() || !workspace.config.account.is_empty() {
        vec![workspace.account_name(request.account.as_deref())?]
    } else {
        Vec::new()
    };
    let mut all = vec![first];
    for name in names {
        all.push(account(workspace, &operator, &name));
    }
    Ok(all)
}

/// What is not right with an account and its users; a token that cannot be read is a finding.
pub fn account(workspace: &mut Workspace, operator: &OperatorClaims, name: &str) -> Checked {
    let mut checked = Checked::new(format!("Account {name:?}"));
    let account = match workspace.account(name) {
        Ok(account) => account,
        Err(error) => {
            checked.error(error.to_string());
            return checked;
        }
    };
    checked.findings("", &account.validate(workspace.now()));
    if account.name != name {
        checked.error(format!("the token is that of account {:?}", account.name));
    }
    if operator.nats.system_account == account.subject && account.nats.limits.has_jetstream() {
        checked.error("JetStream should not be enabled for system account");
    }
    // An account of a managed store that its operator has not signed yet is of no use to a server either.
    if !operator.did_sign(&account) {
        checked.error("Account is not issued by operator or operator signing keys");
    }
    for user in workspace.users(name).unwrap_or_default() {
        let claims = match workspace.user(name, &user) {
            Ok(claims) => claims,
            Err(error) => {
                checked.error(format!("user {user:?}: {error}"));
                continue;
            }
        };
        checked.findings(
            &format!("user {user:?}: "),
            &claims.validate(workspace.now()),
        );
        let issuer = claims.issuer.clone();
        if !account.did_sign(&AnyClaims::User(claims.clone())) {
            checked.error(format!(
                "user {user:?} is not issued by account or account signing keys"
            ));
        } else if operator.nats.strict_signing_key_usage && issuer == account.subject {
            checked.error(format!(
                "user {user:?} is issued by account key but operator is in strict mode"
            ));
        } else if account.nats.signing_keys.scope(&issuer).is_some()
            && !claims.nats.limits.is_nothing()
        {
            checked.error(format!(
                "user {user:?} has permissions or limits of its own, but is issued by a scoped key"
            ));
        }
        if account.is_revoked(&claims) {
            checked.issues.push(Issue {
                blocking: false,
                description: format!("user {user:?} is revoked"),
            });
        }
    }
    checked
}
