//! `nats server report connections`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use nats_api::monitor::{ConnInfo, ConnState, ConnzOptions};
use regex::{Regex, RegexBuilder};

use super::super::ask::Whom;
use super::super::list::size;
use super::super::target::Target;
use super::gather::{self, Connection};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Longer names are cut.
const NAME_MAX: usize = 40;
/// Longer accounts are cut to their beginning: they are keys.
const ACCOUNT_MAX: usize = 46;
const ACCOUNT_CUT: usize = 12;

/// Show the connections of all servers
#[derive(Debug, clap::Args)]
#[command(
    visible_aliases = ["conn", "connz", "conns"],
    after_help = "Examples:\n  \
        nats server report connections --sort in-bytes --top 10\n  \
        nats server report connections --account APP --subject orders.new\n  \
        nats server report connections --state closed --closed-reason slow"
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

    /// Only those of this user
    #[arg(long, value_name = "USER")]
    username: Option<String>,

    /// Which connections to show
    #[arg(long, default_value = "open", value_name = "STATE", value_parser = ["open", "closed", "all"])]
    state: String,

    /// Only those closed for a reason that matches this regular expression
    #[arg(long, value_name = "REGEX")]
    closed_reason: Option<String>,

    #[command(flatten)]
    target: Target,
}

/// How connections are shown.
#[derive(Debug, Clone, clap::Args)]
pub struct View {
    /// What to sort by; the largest stand last
    #[arg(long, value_enum, default_value_t = Sort::Subs, value_name = "KEY")]
    pub sort: Sort,

    /// Show so many of the largest
    #[arg(long, default_value_t = 1_000)]
    pub top: usize,

    /// The largest stand first
    #[arg(short = 'R', long)]
    pub reverse: bool,

    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    InBytes,
    OutBytes,
    InMsgs,
    OutMsgs,
    Uptime,
    Cid,
    Subs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let reason = args.closed_reason.as_deref().map(reason).transpose()?;
    let client = globals.connect().await?;
    let options = ConnzOptions {
        // The table needs their number only.
        subscriptions: args.view.json,
        user: args.username.unwrap_or_default(),
        acc: args.account.unwrap_or_default(),
        state: ConnState::from_query(&args.state).unwrap_or_default(),
        filter_subject: args.subject.unwrap_or_default(),
        ..ConnzOptions::default()
    };
    let whom: Whom = args.target.whom(args.limit);
    let found = gather::connections(globals, &client, options, &whom, reason.as_ref()).await?;
    show(found, &args.view, args.state != "open", globals.scheme())
}

/// Prints connections as the view says; with the reasons of closed ones if `reasons`.
pub fn show(connections: Vec<Connection>, view: &View, reasons: bool, scheme: Scheme) -> Result {
    let all = sorted(connections, view);
    if view.json {
        return output::json(&all);
    }
    out!("{}", table(&all, view, reasons, scheme).render())?;
    if all.is_empty() {
        return Ok(());
    }
    out!("\n{}", per_server(&all, scheme).render())
}

fn reason(text: &str) -> Result<Regex> {
    let built = RegexBuilder::new(text).case_insensitive(true).build();
    built.map_err(|e| CliError::new(format!("--closed-reason: {e}")))
}

fn sorted(mut connections: Vec<Connection>, view: &View) -> Vec<Connection> {
    connections.sort_by(|a, b| {
        let order = order(view.sort, &a.info, &b.info).then(a.info.cid.cmp(&b.info.cid));
        if view.reverse { order.reverse() } else { order }
    });
    connections
}

fn order(sort: Sort, a: &ConnInfo, b: &ConnInfo) -> Ordering {
    match sort {
        Sort::InBytes => a.in_bytes.cmp(&b.in_bytes),
        Sort::OutBytes => a.out_bytes.cmp(&b.out_bytes),
        Sort::InMsgs => a.in_msgs.cmp(&b.in_msgs),
        Sort::OutMsgs => a.out_msgs.cmp(&b.out_msgs),
        // Who came later has been up for less time.
        Sort::Uptime => b.start.cmp(&a.start),
        Sort::Cid => a.cid.cmp(&b.cid),
        Sort::Subs => a.subscriptions.cmp(&b.subscriptions),
    }
}

/// The `top` largest of a sorted list, wherever the order puts them.
pub fn largest<'a, T>(sorted: &'a [T], view: &View) -> &'a [T] {
    let top = if view.top == 0 {
        sorted.len()
    } else {
        view.top.min(sorted.len())
    };
    let (low, high) = (sorted.get(..top), sorted.get(sorted.len() - top..));
    if view.reverse { low } else { high }.unwrap_or(sorted)
}

fn table(all: &[Connection], view: &View, reasons: bool, scheme: Scheme) -> Table {
    let shown = largest(all, view);
    let sort = clap::ValueEnum::to_possible_value(&view.sort);
    let sort = sort.as_ref().map_or("", |value| value.get_name());
    let title = format!(
        "Top {} Connections out of {} by {sort}",
        shown.len(),
        format::count(all.len() as u64)
    );
    let mut header = vec![
        "CID",
        "Name",
        "Server",
        "Cluster",
        "IP",
        "Account",
        "Uptime",
        "In Msgs",
        "Out Msgs",
        "In Bytes",
        "Out Bytes",
        "Subs",
    ];
    if reasons {
        header.push("Reason");
    }
    let mut table = Table::new(title, scheme).header(header);
    for connection in shown {
        let mut cells = cells(connection).to_vec();
        if reasons {
            cells.push(connection.info.reason.clone());
        }
        table.row(cells);
    }
    if all.len() > 1 {
        let mut cells = totals(all).to_vec();
        if reasons {
            cells.push(String::new());
        }
        table.footer(cells);
    }
    table
}

fn cells(connection: &Connection) -> [String; 12] {
    let (info, server) = (&connection.info, &connection.server);
    let cid = match info.kind.chars().next() {
        Some(kind) if info.kind != "Client" => format!("{kind}{}", info.cid),
        _ => info.cid.to_string(),
    };
    let name = if info.name.is_empty() {
        &info.mqtt_client
    } else {
        &info.name
    };
    [
        cid,
        cut(name, NAME_MAX, NAME_MAX),
        server.name.clone(),
        server.cluster.clone(),
        format!("{}:{}", info.ip, info.port),
        cut(account(info), ACCOUNT_MAX, ACCOUNT_CUT),
        info.uptime.clone(),
        format::signed(info.in_msgs),
        format::signed(info.out_msgs),
        size(info.in_bytes),
        size(info.out_bytes),
        format::count(info.subscriptions.into()),
    ]
}

fn totals(all: &[Connection]) -> [String; 12] {
    let sum = |field: fn(&ConnInfo) -> i64| {
        all.iter()
            .map(|connection| field(&connection.info))
            .fold(0, i64::saturating_add)
    };
    let empty = String::new;
    [
        empty(),
        format!("Totals for {} connections", format::count(all.len() as u64)),
        empty(),
        empty(),
        empty(),
        empty(),
        empty(),
        format::signed(sum(|info| info.in_msgs)),
        format::signed(sum(|info| info.out_msgs)),
        size(sum(|info| info.in_bytes)),
        size(sum(|info| info.out_bytes)),
        format::signed(sum(|info| info.subscriptions.into())),
    ]
}

fn per_server(all: &[Connection], scheme: Scheme) -> Table {
    let mut servers = BTreeMap::<(&str, &str), u64>::new();
    for connection in all {
        let server = &connection.server;
        *servers.entry((&server.name, &server.cluster)).or_default() += 1;
    }
    let mut servers: Vec<_> = servers.into_iter().collect();
    servers.sort_by_key(|(_, connections)| *connections);
    let mut table =
        Table::new("Connections per server", scheme).header(["Server", "Cluster", "Connections"]);
    for ((name, cluster), connections) in servers {
        table.row([name, cluster, &format::count(connections)]);
    }
    table
}

/// Servers do not name the global account.
pub fn account(info: &ConnInfo) -> &str {
    if info.account.is_empty() {
        "$G"
    } else {
        &info.account
    }
}

fn cut(text: &str, longest: usize, to: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    format!("{} ..", text.chars().take(to).collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nats_api::system::ServerInfo;

    use super::*;

    fn connection(cid: u64, server: &str, subscriptions: u32) -> Connection {
        Connection {
            info: ConnInfo {
                cid,
                kind: if cid == 3 { "Leafnode" } else { "Client" }.into(),
                name: "n".repeat(cid as usize * 20),
                ip: "127.0.0.1".into(),
                port: 50_000,
                uptime: "3s".into(),
                in_msgs: 1_000,
                out_bytes: 2_048,
                subscriptions,
                ..ConnInfo::default()
            },
            server: Arc::new(ServerInfo {
                name: server.into(),
                cluster: "east".into(),
                ..ServerInfo::default()
            }),
        }
    }

    fn view(top: usize, reverse: bool) -> View {
        View {
            sort: Sort::Subs,
            top,
            reverse,
            json: false,
        }
    }

    #[test]
    fn connections_are_listed_summed_up_and_counted_per_server() {
        let all = [(1, "n1", 5), (2, "n1", 2_000), (3, "n2", 1)];
        let all = all.map(|(cid, server, subs)| connection(cid, server, subs));
        let all = sorted(all.to_vec(), &view(1_000, false));
        insta::assert_snapshot!(table(&all, &view(1_000, false), false, Scheme::Rounded).render());
        insta::assert_snapshot!("per_server", per_server(&all, Scheme::Rounded).render());
    }

    #[test]
    fn the_top_are_the_largest_in_either_order() {
        assert_eq!(largest(&[1, 2, 3], &view(2, false)), [2, 3]);
        assert_eq!(largest(&[3, 2, 1], &view(2, true)), [3, 2]);
        assert_eq!(largest(&[1, 2, 3], &view(0, false)), [1, 2, 3]);
        assert!(largest::<u8>(&[], &view(2, false)).is_empty());
    }

    #[test]
    fn json_has_the_server_beside_the_fields_of_the_connection() {
        let document = serde_json::to_value(connection(1, "n1", 5)).unwrap();
        assert_eq!(document["cid"], 1);
        assert_eq!(document["server"]["name"], "n1");
    }
}
