//! `nats server report connections`.

use nats_api::monitor::{Connz, ConnzOptions};

use super::super::ask;
use super::super::target::Target;
use crate::connections::{self, Choice, Connection, View};
use crate::error::Result;
use crate::expression::{Expression, Scope};
use crate::globals::Globals;

/// Show the connections of all servers
#[derive(Debug, Clone, clap::Args)]
#[command(
    visible_aliases = ["conn", "connz", "conns"],
    after_help = "Examples:\n  \
        nats server report connections --sort in-bytes --top 10\n  \
        nats server report connections --account APP --subject orders.new\n  \
        nats server report connections --state closed --closed-reason slow\n  \
        nats server report connections --filter 'conn.pending_bytes > 1000000 and conn.lang == \"go\"'"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// Only those of this account
    #[arg(long)]
    account: Option<String>,

    #[command(flatten)]
    view: View,

    /// Only those with a subscription on this subject; needs --account
    #[arg(long, requires = "account")]
    subject: Option<String>,

    #[command(flatten)]
    choice: Choice,

    /// Only those for which this expression over `conn` and `server` is true
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "closed_reason")]
    filter: Option<Expression>,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let options = ConnzOptions {
        acc: args.account.unwrap_or_default(),
        filter_subject: args.subject.unwrap_or_default(),
        // The table needs their number only.
        ..args.choice.options(args.view.json)
    };
    let whom = args.target.whom(args.limit);
    let reason = args.choice.closed_reason.as_ref();
    let found = connections::collect(options, reason, async |options| {
        ask::pages::<Connz>(globals, &client, "CONNZ", options, &whom).await
    });
    let mut found = found.await?;
    if let Some(filter) = &args.filter {
        found = chosen(found, filter)?;
    }
    let scheme = globals.scheme();
    connections::show(found, &args.view, args.choice.has_closed(), scheme)
}

fn chosen(found: Vec<Connection>, filter: &Expression) -> Result<Vec<Connection>> {
    let mut chosen = Vec::new();
    for connection in found {
        let scope = Scope::default()
            .with(&["conn", "Conn", "conns", "Conns"], &connection.info)?
            .with(&["server", "Server"], &*connection.server)?;
        if filter.holds(&scope)? {
            chosen.push(connection);
        }
    }
    Ok(chosen)
}
