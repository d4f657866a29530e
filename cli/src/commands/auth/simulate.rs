//! `nats auth simulate`.

use nats_jwt::claims::UserClaims;
use nats_jwt::creds;
use nats_nsc::ops::simulate::{Action, simulate};
use std::path::PathBuf;

use super::Session;
use crate::error::{CliError, Result};
use crate::output;

/// Say whether a user may do something, and which rule decides
///
/// Decides from the tokens in the store, without a server. Exits with 2 when it is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats auth simulate --user till pub orders.new\n  \
        nats auth simulate --user till --account ORDERS sub 'orders.> workers'\n  \
        nats auth simulate --of-creds till.creds pub orders.new; echo $?")]
pub struct Args {
    /// What is done
    #[arg(value_parser = ["pub", "sub"])]
    action: String,
    /// On which subject; for sub a queue may follow after a blank
    subject: String,
    /// The user, when there is more than one
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user of a credentials file, whose account is in the store
    #[arg(
        long = "of-creds",
        visible_alias = "credential",
        value_name = "FILE",
        conflicts_with = "user"
    )]
    credential: Option<PathBuf>,
    /// The account, when it is not the chosen one
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub fn run(args: Args) -> Result {
    let mut session = Session::with_operator(args.operator.as_deref())?;
    let (account, claims) = match &args.credential {
        Some(path) => {
            let token = creds::read_jwt(path).map_err(|e| CliError::new(e.to_string()))?;
            let claims =
                UserClaims::decode(token.reveal()).map_err(|e| CliError::new(e.to_string()))?;
            let owner = if claims.nats.issuer_account.is_empty() {
                &claims.issuer
            } else {
                &claims.nats.issuer_account
            };
            let name = session.work.account_name(Some(owner))?;
            (name, claims)
        }
        None => {
            let account = session.account(args.account.as_deref())?;
            let name = session.user(&account, args.user.as_deref())?;
            let claims = session.work.user(&account, &name)?;
            (account, claims)
        }
    };
    let action = if args.action == "pub" {
        Action::Publish
    } else {
        Action::Subscribe
    };
    let verdict = simulate(&mut session.work, &account, &claims, action, &args.subject)?;
    if args.json {
        output::json(&verdict)?;
    } else {
        let word = if verdict.allowed { "allowed" } else { "denied" };
        outln!("{word}: {}", verdict.rule)?;
        for note in &verdict.notes {
            outln!("  {note}")?;
        }
    }
    if verdict.allowed {
        Ok(())
    } else {
        Err(CliError::exit(2))
    }
}
