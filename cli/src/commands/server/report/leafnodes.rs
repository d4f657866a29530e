//! `nats server report leafnodes`.

use std::cmp::Ordering;

use nats_api::monitor::{LeafInfo, Leafz, LeafzOptions};
use nats_api::system::ServerInfo;

use super::super::ask;
use super::super::target::Target;
use super::account_cell;
use crate::commands::size;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Show the leaf node connections of all servers
#[derive(Debug, Clone, clap::Args)]
#[command(
    visible_alias = "leaf",
    alias = "leafz",
    after_help = "Examples:\n  \
        nats server report leafnodes\n  \
        nats server report leafnodes --account APP --sort in-bytes"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// Only those of this account
    #[arg(long)]
    account: Option<String>,

    /// What to sort by; the largest stand first
    #[arg(long, value_enum, default_value_t = Sort::Server, value_name = "KEY", hide_default_value = true)]
    sort: Sort,

    /// Reverse the order
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Server,
    Name,
    Account,
    Subs,
    InBytes,
    OutBytes,
    InMsgs,
    OutMsgs,
}

/// A leaf node connection and the server that has it.
type Row = (ServerInfo, LeafInfo);

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let options = LeafzOptions {
        account: args.account.unwrap_or_default(),
        ..LeafzOptions::default()
    };
    let whom = args.target.whom(args.limit);
    let pages = ask::pages::<Leafz>(globals, &client, "LEAFZ", &options, &whom).await?;
    if args.json {
        return output::json(&documents(&pages));
    }
    let mut rows: Vec<Row> = pages
        .into_iter()
        .flat_map(|(server, page)| {
            page.leafs
                .into_iter()
                .map(move |leaf| (server.clone(), leaf))
        })
        .collect();
    rows.sort_by(|a, b| {
        let order = order(args.sort, a, b);
        if args.reverse { order.reverse() } else { order }
    });
    out!("{}", table(&rows, globals.scheme()).render())
}

/// The pages as their servers sent them.
pub fn documents<T: serde::Serialize>(pages: &[(ServerInfo, T)]) -> Vec<serde_json::Value> {
    let document =
        |(server, page): &(ServerInfo, T)| serde_json::json!({"server": server, "data": page});
    pages.iter().map(document).collect()
}

fn order(sort: Sort, (a_server, a): &Row, (b_server, b): &Row) -> Ordering {
    let by_server = a_server.name.cmp(&b_server.name).then(a.id.cmp(&b.id));
    let order = match sort {
        Sort::Server => Ordering::Equal,
        Sort::Name => a.name.cmp(&b.name),
        Sort::Account => a.account.cmp(&b.account),
        Sort::Subs => b.subscriptions.cmp(&a.subscriptions),
        Sort::InBytes => b.in_bytes.cmp(&a.in_bytes),
        Sort::OutBytes => b.out_bytes.cmp(&a.out_bytes),
        Sort::InMsgs => b.in_msgs.cmp(&a.in_msgs),
        Sort::OutMsgs => b.out_msgs.cmp(&a.out_msgs),
    };
    order.then(by_server)
}

fn table(rows: &[Row], scheme: Scheme) -> Table {
    let mut table = Table::new("Leafnode Report", scheme).header([
        "Server",
        "Name",
        "Account",
        "Address",
        "RTT",
        "Msgs In",
        "Msgs Out",
        "Bytes In",
        "Bytes Out",
        "Subs",
        "Compressed",
        "Spoke",
    ]);
    for (server, leaf) in rows {
        table.row([
            server.name.clone(),
            leaf.name.clone(),
            account_cell(&leaf.account),
            format!("{}:{}", leaf.ip, leaf.port),
            leaf.rtt.clone(),
            format::signed(leaf.in_msgs),
            format::signed(leaf.out_msgs),
            size(leaf.in_bytes),
            size(leaf.out_bytes),
            format::count(leaf.subscriptions.into()),
            leaf.compression.clone(),
            leaf.is_spoke.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(id: u64, server: &str, in_bytes: i64) -> Row {
        let server = ServerInfo {
            name: server.into(),
            ..ServerInfo::default()
        };
        let leaf = LeafInfo {
            id,
            name: format!("leaf-{id}"),
            account: format!("A{}", "X".repeat(55)),
            ip: "10.0.0.1".into(),
            port: 7_422,
            rtt: "1.5ms".into(),
            in_bytes,
            in_msgs: 12_345,
            compression: "s2_auto".into(),
            is_spoke: id == 1,
            ..LeafInfo::default()
        };
        (server, leaf)
    }

    #[test]
    fn leaf_nodes_are_listed_with_the_ends_of_long_accounts() {
        let rows = [leaf(1, "n1", 2_048), leaf(2, "n2", 5)];
        insta::assert_snapshot!(table(&rows, Scheme::Rounded).render());
    }

    #[test]
    fn names_go_up_and_numbers_down() {
        let (a, b) = (leaf(1, "n1", 1), leaf(2, "n2", 9));
        assert_eq!(order(Sort::Server, &a, &b), Ordering::Less);
        assert_eq!(order(Sort::InBytes, &a, &b), Ordering::Greater);
        assert_eq!(order(Sort::Subs, &a, &b), Ordering::Less);
    }
}
