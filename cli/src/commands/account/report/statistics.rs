//! `nats account report statistics`.

use nats_api::monitor::{AccountStat, AccountStatz};
use nats_api::system::ServerInfo;
use serde_json::json;

use super::super::ask;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::{self, Table, format};

/// Show the account's traffic on each server
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "stats",
    alias = "statsz",
    after_help = "Examples:\n  \
        nats account report statistics\n  \
        nats account report statistics --json"
)]
pub struct Args {
    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let answers: Vec<(ServerInfo, AccountStatz)> =
        ask::servers(globals, &client, "STATZ", &()).await?;
    // A server without connections of the account knows nothing about it.
    let rows: Vec<_> = answers
        .into_iter()
        .filter_map(|(server, statz)| Some((server, statz.account_statz.into_iter().next()?)))
        .collect();
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(server, stats)| json!({"server": server, "statistics": stats}))
            .collect();
        return output::json(&rows);
    }
    out!("{}", table(&rows, globals).render())
}

fn table(rows: &[(ServerInfo, AccountStat)], globals: &Globals) -> Table {
    let mut table = Table::new("Server Statistics", globals.scheme()).header([
        "Server",
        "Cluster",
        "Version",
        "Tags",
        "Connections",
        "Subscriptions",
        "Leafnodes",
        "Sent Bytes",
        "Sent Messages",
        "Received Bytes",
        "Received Messages",
        "Slow Consumers",
    ]);
    for (server, stats) in rows {
        let texts = [
            server.name.clone(),
            server.cluster.clone(),
            server.ver.clone(),
            server.tags.join(", "),
        ];
        table.row(texts.into_iter().chain(numbers(stats)));
    }
    let total = rows
        .iter()
        .fold(AccountStat::default(), |sum, (_, stats)| added(sum, stats));
    let texts = [rows.len().to_string(), "".into(), "".into(), "".into()];
    table.footer(texts.into_iter().chain(numbers(&total)));
    table
}

fn numbers(stats: &AccountStat) -> [String; 8] {
    let bytes = |value: i64| format::bytes(u64::try_from(value).unwrap_or(0));
    [
        format::signed(stats.conns),
        format::count(stats.num_subscriptions.into()),
        format::signed(stats.leafnodes),
        bytes(stats.sent.bytes),
        format::signed(stats.sent.msgs),
        bytes(stats.received.bytes),
        format::signed(stats.received.msgs),
        format::signed(stats.slow_consumers),
    ]
}

/// The numbers come from servers: sums stop at their bounds.
fn added(mut sum: AccountStat, stats: &AccountStat) -> AccountStat {
    sum.num_subscriptions = sum
        .num_subscriptions
        .saturating_add(stats.num_subscriptions);
    for (total, value) in [
        (&mut sum.conns, stats.conns),
        (&mut sum.leafnodes, stats.leafnodes),
        (&mut sum.sent.bytes, stats.sent.bytes),
        (&mut sum.sent.msgs, stats.sent.msgs),
        (&mut sum.received.bytes, stats.received.bytes),
        (&mut sum.received.msgs, stats.received.msgs),
        (&mut sum.slow_consumers, stats.slow_consumers),
    ] {
        *total = total.saturating_add(value);
    }
    sum
}
