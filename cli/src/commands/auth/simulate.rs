//! `nats auth simulate`.

use nats_jwt::claims::UserClaims;
use nats_jwt::creds;
use nats_nsc::ops::simulate::{Action, Circumstances, Verdict, let_servers_count, simulate};
use nats_nsc::remote::pull::Pulled;
use std::net::IpAddr;
use std::path::PathBuf;

use super::Session;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output;

/// Say whether a user may do something, and which rule decides
///
/// Decides from the tokens in the store, or with --live from the accounts as the servers have them. Exits with 2 when it is denied.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats auth simulate --account ORDERS --user till pub orders.new\n  \
        nats auth simulate --user till --account ORDERS sub 'orders.> workers'\n  \
        nats auth simulate --of-creds till.creds pub orders.new\n  \
        nats auth simulate --account ORDERS --user till pub orders.new --live --context system\n  \
        nats auth simulate --account ORDERS --user till pub orders.new --from 10.1.2.3 --at 2030-01-01T12:00:00Z --connection websocket")]
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
    /// JetStream has to answer: the account needs it, and the answer has to arrive
    #[arg(long)]
    js: bool,
    /// The prefix of the inbox on which answers are expected (--js)
    #[arg(long, value_name = "PREFIX", default_value = "_INBOX", requires = "js")]
    answers: String,
    /// The address from which the user connects
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// When it connects
    #[arg(long, value_name = "TIME")]
    at: Option<jiff::Timestamp>,
    /// How it connects
    #[arg(long, value_name = "KIND", ignore_case = true, value_parser = ["standard", "websocket", "leafnode", "leafnode_ws", "mqtt", "mqtt_ws", "in_process"])]
    connection: Option<String>,
    /// Let the accounts as the servers have them decide, not the store
    #[arg(long)]
    live: bool,
    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
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
    if args.live {
        let pulled = as_servers_have_them(globals, &mut session).await?;
        let_servers_count(&mut session.work, &pulled)?;
    }
    let circumstances = Circumstances {
        from: args.from,
        at: args.at.map(jiff::Timestamp::as_second),
        connection_type: args.connection.clone().map(|kind| kind.to_uppercase()),
        jetstream_inbox: args.js.then(|| args.answers.clone()),
    };
    let (work, on) = (&mut session.work, &args.subject);
    let verdict = simulate(work, &account, &claims, action, on, &circumstances)?;
    show(&args, &verdict)
}

/// The accounts of the store, asked for by name through the system account.
async fn as_servers_have_them(globals: &Globals, session: &mut Session) -> Result<Pulled> {
    let client = globals.connect_system().await?;
    let mut pulled = Pulled::new();
    for name in session.work.accounts()? {
        let key = session.key_of(&name)?;
        let subject = format!("$SYS.REQ.ACCOUNT.{key}.CLAIMS.LOOKUP");
        let answer = client
            .request(&subject, None, "", globals.timeout())
            .await?;
        let token = match answer.payload().is_empty() {
            true => Err(format!("they do not have account {name:?}")),
            false => Ok(answer.text().into_owned()),
        };
        pulled.push((name, token));
    }
    Ok(pulled)
}

fn show(args: &Args, verdict: &Verdict) -> Result {
    if args.json {
        output::json(verdict)?;
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
