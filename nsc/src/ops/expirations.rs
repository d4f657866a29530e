//! `expirations`: what is over, and what soon will be.

use nats_jwt::claims::{Claims, Payload, UserClaims};
use serde::Serialize;

use super::Outcome;
use crate::error::{Error, Result};
use crate::text;
use crate::workspace::Workspace;
use nats_term::Table;

/// `expirations`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Expirations {
    /// What expires until then counts as soon: yyyy-mm-dd, #m, #h, #d, #w, #M, #y
    #[arg(short = 'e', long, default_value = "1M", value_name = "TIME")]
    pub within: String,
    /// Leave out what is neither over nor soon will be
    #[arg(long)]
    pub skip: bool,
}

/// One thing with an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Expiry {
    pub resource: String,
    pub id: String,
    /// In words.
    pub when: String,
    /// In seconds since 1970; 0 for never.
    pub expiry: i64,
    pub expiration_date: String,
    pub expires_soon: bool,
    pub expired: bool,
    /// Why nothing is known of its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    expiration_threshold: String,
    report: &'a [Expiry],
}

/// Everything of the operator in use.
///
/// # Errors
/// When the store cannot be read.
pub fn expirations(workspace: &mut Workspace, request: &Expirations) -> Result<Outcome> {
    let now = workspace.now();
    let threshold = text::moment(&request.within, now)?;
    let mut all = Vec::new();
    let operator = workspace.operator()?;
    let top = workspace.config.operator.clone();
    all.push(expiry(top.clone(), &operator, now, threshold));
    for name in workspace.accounts()? {
        let resource = format!("{top}/{name}");
        all.push(match workspace.account(&name) {
            Ok(account) => expiry(resource, &account, now, threshold),
            Err(error) => unknown(resource, &error),
        });
        for user in workspace.users(&name)? {
            let resource = format!("{top}/{name}/{user}");
            all.push(match workspace.user(&name, &user) {
                Ok(claims) => expiry(resource, &claims, now, threshold),
                Err(error) => unknown(resource, &error),
            });
            let path = workspace.keystore.creds_path(&top, &name, &user)?;
            if let Some(content) = workspace.files.read(&path)?
                && let Ok(token) = nats_jwt::creds::parse_jwt(&content)
                && let Ok(claims) = UserClaims::decode(token.reveal())
            {
                all.push(expiry(path.display().to_string(), &claims, now, threshold));
            }
        }
    }
    if request.skip {
        all.retain(|one| one.expired || one.expires_soon || one.error.is_some());
    }
    Ok(shown(&all, threshold, now))
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

fn expiry<N: Payload>(resource: String, claims: &Claims<N>, now: i64, threshold: i64) -> Expiry {
    let expires = claims.expires;
    let never = expires == 0;
    Expiry {
        resource,
        id: claims.subject.clone(),
        when: if never {
            "Never".to_owned()
        } else {
            text::distance(expires, now)
        },
        expiry: expires,
        expiration_date: if never {
            String::new()
        } else {
            rfc3339(expires)
        },
        expired: !never && expires <= now,
        expires_soon: !never && expires > now && expires <= threshold,
        error: None,
    }
}

/// A token that cannot be read: the others are told all the same.
fn unknown(resource: String, error: &Error) -> Expiry {
    Expiry {
        resource,
        id: String::new(),
        when: error.to_string(),
        expiry: 0,
        expiration_date: String::new(),
        expires_soon: false,
        expired: false,
        error: Some(error.to_string()),
    }
}

fn shown(all: &[Expiry], threshold: i64, now: i64) -> Outcome {
    let title = format!("Expiration Report ({})", text::distance(threshold, now));
    let mut table = Table::ascii(title).header(["Expired", "Resource", "Expiration"]);
    for one in all {
        let expired = match (one.expired, one.expires_soon, &one.error) {
            (_, _, Some(_)) => "?",
            (true, ..) => "Yes",
            (_, true, _) => "Soon",
            _ => "No",
        };
        let date = if one.expiration_date.is_empty() {
            String::new()
        } else {
            format!("{} - ", one.expiration_date)
        };
        table.row([
            expired.to_owned(),
            one.resource.clone(),
            format!("{date}{}", one.when),
        ]);
    }
    let document = Document {
        expiration_threshold: rfc3339(threshold),
        report: all,
    };
    let json = serde_json::to_value(document).unwrap_or_default();
    Outcome::text(format!("{}\n", table.render())).with_json(json)
}
