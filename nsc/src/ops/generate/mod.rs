//! What others need of a store: server configurations, credentials, keys, profiles, contexts, diagrams.
//!
//! Who may call: [`crate::commands`] and other programs. Nothing here changes a token; seeds leave the keystore here and nowhere else.
//! Locks: none. Start reading in [`config`].

pub mod config;
pub mod diagram;
pub mod profile;

use nats_jwt::nkey::{CurveKey, KeyPair, Kind};
use serde_json::json;

use super::Outcome;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// `generate creds`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Creds {
    /// Name of the user, when there is more than one
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name of the user, when there is more than one
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// Where to write; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
    /// When these credentials end, in seconds since 1970; the user itself does not.
    #[arg(skip)]
    pub expires: Option<i64>,
}

/// The credentials of a user.
///
/// # Errors
/// When there is no such user, or its key is not here.
pub fn creds(workspace: &mut Workspace, request: &Creds) -> Result<Outcome> {
    let account = workspace.account_name(request.account.as_deref())?;
    let given = request.positional.as_deref().or(request.name.as_deref());
    let user = workspace.user_name(&account, given)?;
    let creds = match request.expires {
        Some(expires) => workspace.creds_until(&account, &user, expires)?,
        None => workspace.creds(&account, &user)?,
    };
    match creds {
        Some(creds) => Ok(Outcome::text(creds.reveal())),
        None => {
            let key = workspace.user(&account, &user)?.subject;
            Err(Error::no_key(format!(
                "user was generated with a public key only, {key} is not in the keystore"
            ))
            .hint("import the key: nsc import keys"))
        }
    }
}

/// `generate nkey`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Nkey {
    /// A key of an operator
    #[arg(short, long)]
    pub operator: bool,
    /// A key of an account
    #[arg(short, long)]
    pub account: bool,
    /// A key of a user
    #[arg(short, long)]
    pub user: bool,
    /// A curve key
    #[arg(short = 'x', long)]
    pub curve: bool,
    /// Store it, and do not show the seed
    #[arg(short = 'S', long)]
    pub store: bool,
}

/// Keys, stored or shown.
///
/// # Errors
/// When no kind is named.
pub fn nkey(workspace: &mut Workspace, request: &Nkey) -> Result<Outcome> {
    let kinds = [
        (request.operator, Kind::Operator),
        (request.account, Kind::Account),
        (request.user, Kind::User),
        (request.curve, Kind::Curve),
    ];
    let mut text = String::new();
    let mut all = Vec::new();
    for (_, kind) in kinds.into_iter().filter(|(wanted, _)| *wanted) {
        if request.store {
            let key = workspace.new_key(kind)?;
            let path = workspace.keystore.key_path(&key);
            text.push_str(&format!(
                "{key}\n{kind} key stored {}\n\n",
                workspace.places.shown(&path)
            ));
            all.push(json!({"kind": kind.to_string(), "public_key": key, "path": path}));
            continue;
        }
        let (key, seed) = if kind == Kind::Curve {
            let key = CurveKey::generate()?;
            (key.public_key(), key.seed())
        } else {
            let pair = KeyPair::generate(kind)?;
            (pair.public_key(), pair.seed())
        };
        text.push_str(&format!("{}\n{key}\n\n", seed.reveal()));
        all.push(json!({"kind": kind.to_string(), "public_key": key, "seed": seed.reveal()}));
    }
    if all.is_empty() {
        return Err(Error::refused("specify a kind of key")
            .hint("--operator, --account, --user or --curve"));
    }
    Ok(Outcome::text(text).with_json(all.into()))
}
