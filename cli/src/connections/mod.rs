//! Connections of servers as a report: gathered page by page, chosen, sorted, shown as a table or as JSON.
//!
//! `nats server report connections|accounts` and `nats account report connections` call in here: the same report, asked over
//! different accounts. What never happens here: a question to a server; the caller asks (see [`collect`]).
//! Start reading in [`show`].

mod pages;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use nats_api::monitor::{ConnInfo, ConnState, ConnzOptions};
use nats_api::system::ServerInfo;
use regex::{Regex, RegexBuilder};
use serde::Serialize;

use crate::commands::size;
use crate::error::Result;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

pub use pages::collect;

/// Rows of a table unless told otherwise.
const TOP: usize = 1_000;
/// Longer names are cut.
const NAME_MAX: usize = 40;
/// Longer accounts are cut to their beginning: they are keys.
const ACCOUNT_MAX: usize = 46;
const ACCOUNT_CUT: usize = 12;

/// A connection and the server that has it.
#[derive(Debug, Clone)]
pub struct Connection {
    pub info: ConnInfo,
    pub server: Arc<ServerInfo>,
}

/// As the reference writes it: the connection's fields with the server beside them.
impl Serialize for Connection {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut document = serde_json::to_value(&self.info).map_err(S::Error::custom)?;
        let server = serde_json::to_value(&*self.server).map_err(S::Error::custom)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("server".to_owned(), server);
        }
        document.serialize(serializer)
    }
}

/// Which connections are meant.
#[derive(Debug, Clone, clap::Args)]
pub struct Choice {
    /// Only those of this user
    #[arg(long, value_name = "USER")]
    pub username: Option<String>,

    /// Which connections to show
    #[arg(long, default_value = "open", value_name = "STATE", value_parser = ["open", "closed", "all"])]
    pub state: String,

    /// Only those closed for a reason that matches this regular expression
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    pub closed_reason: Option<Regex>,
}

fn pattern(text: &str) -> std::result::Result<Regex, regex::Error> {
    RegexBuilder::new(text).case_insensitive(true).build()
}

impl Choice {
    /// As a question to servers; `detail` asks for the names of the subscriptions, not just their number.
    pub fn options(&self, detail: bool) -> ConnzOptions {
        ConnzOptions {
            subscriptions: detail,
            user: self.username.clone().unwrap_or_default(),
            state: ConnState::from_query(&self.state).unwrap_or_default(),
            ..ConnzOptions::default()
        }
    }

    /// True when the reasons of closed connections belong into the table.
    pub fn has_closed(&self) -> bool {
        self.state != "open"
    }
}

/// How connections are shown.
#[derive(Debug, Clone, clap::Args)]
pub struct View {
    /// What to sort by; the largest stand last
    #[arg(long, value_enum, default_value_t = Sort::Subs, value_name = "KEY")]
    pub sort: Sort,

    /// Show so many of the largest; 1000 in a table when not given, all in JSON
    #[arg(long, value_name = "COUNT")]
    pub top: Option<usize>,

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

/// Prints connections as the view says; with the reasons of closed ones if `reasons`.
pub fn show(connections: Vec<Connection>, view: &View, reasons: bool, scheme: Scheme) -> Result {
    let all = sorted(connections, view);
    if view.json {
        let shown = if view.top.is_some() {
            largest(&all, view)
        } else {
            &all
        };
        return output::json(shown);
    }
    out!("{}", table(&all, view, reasons, scheme).render())?;
    if all.is_empty() {
        return Ok(());
    }
    out!("\n{}", per_server(&all, scheme).render())
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
    let top = match view.top.unwrap_or(TOP) {
        0 => sorted.len(),
        top => top.min(sorted.len()),
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
            top: Some(top),
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
