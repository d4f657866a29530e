//! `nats account report connections`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use nats_api::monitor::{ConnInfo, ConnState, Connz, ConnzOptions};
use nats_api::system::ServerInfo;
use nats_client::Client;
use regex::{Regex, RegexBuilder};
use serde_json::json;

use super::super::ask;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::{self, Table, format};

/// Connections that are asked for at once, from each server.
const PAGE: i64 = 1_024;

/// More pages than these are not read; a server has a million connections then.
const PAGES_MAX: i64 = 1_024;

/// Show the account's connections
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "conns",
    aliases = ["conn", "connz"],
    after_help = "Examples:\n  \
        nats account report connections --sort in-bytes --top 10\n  \
        nats account report connections --subject orders.new\n  \
        nats account report connections --state closed --closed-reason 'slow consumer'"
)]
pub struct Args {
    /// Order of the connections; the largest stand last
    #[arg(long, value_enum, default_value = "subs")]
    sort: Sort,

    /// Show so many of the largest
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    top: usize,

    /// Show connections that receive messages of this subject
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,

    /// Show connections of this user
    #[arg(long, value_name = "USER")]
    username: Option<String>,

    /// Turn the order around
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Show connections in this state
    #[arg(long, value_enum, default_value = "open")]
    state: State,

    /// Show connections that were closed for a reason that matches this regular expression
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    closed_reason: Option<Regex>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Sort {
    InBytes,
    OutBytes,
    InMsgs,
    OutMsgs,
    Uptime,
    Cid,
    Subs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum State {
    Open,
    Closed,
    All,
}

/// A connection and the server that holds it.
type Row = (ServerInfo, ConnInfo);

fn pattern(text: &str) -> std::result::Result<Regex, regex::Error> {
    RegexBuilder::new(text).case_insensitive(true).build()
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let mut rows = connections(globals, &client, &args).await?;
    if let Some(reason) = &args.closed_reason {
        rows.retain(|(_, connection)| reason.is_match(&connection.reason));
    }
    rows.sort_by(|a, b| order(args.sort, &a.1, &b.1));
    if args.json {
        let rows: Vec<_> = largest(&rows, &args)
            .into_iter()
            .map(|(server, connection)| json!({"server": server, "connection": connection}))
            .collect();
        return output::json(&rows);
    }
    outln!("{}", table(&rows, &args, globals).render())?;
    out!("{}", per_server(&rows, globals).render())
}

/// All pages of all servers.
async fn connections(globals: &Globals, client: &Client, args: &Args) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for page in 0..PAGES_MAX {
        let options = ConnzOptions {
            auth: true,
            subscriptions: true,
            user: args.username.clone().unwrap_or_default(),
            filter_subject: args.subject.clone().unwrap_or_default(),
            state: match args.state {
                State::Open => ConnState::Open,
                State::Closed => ConnState::Closed,
                State::All => ConnState::All,
            },
            limit: PAGE,
            offset: page * PAGE,
            ..ConnzOptions::default()
        };
        let mut more = false;
        for (server, connz) in ask::servers::<Connz>(globals, client, "CONNZ", &options).await? {
            more |=
                !connz.connections.is_empty() && connz.offset.saturating_add(PAGE) < connz.total;
            rows.extend(connz.connections.into_iter().map(|c| (server.clone(), c)));
        }
        if !more {
            break;
        }
    }
    Ok(rows)
}

/// The largest `--top` of the rows, in the order to show them. (The reference tool shows the smallest.)
fn largest<'a>(rows: &'a [Row], args: &Args) -> Vec<&'a Row> {
    let rows = rows.iter().skip(rows.len().saturating_sub(args.top));
    if args.reverse {
        rows.rev().collect()
    } else {
        rows.collect()
    }
}

fn order(sort: Sort, a: &ConnInfo, b: &ConnInfo) -> Ordering {
    let order = match sort {
        Sort::InBytes => a.in_bytes.cmp(&b.in_bytes),
        Sort::OutBytes => a.out_bytes.cmp(&b.out_bytes),
        Sort::InMsgs => a.in_msgs.cmp(&b.in_msgs),
        Sort::OutMsgs => a.out_msgs.cmp(&b.out_msgs),
        Sort::Uptime => b.start.cmp(&a.start),
        Sort::Cid => Ordering::Equal,
        Sort::Subs => a.subscriptions.cmp(&b.subscriptions),
    };
    order.then(a.cid.cmp(&b.cid))
}

fn table(rows: &[Row], args: &Args, globals: &Globals) -> Table {
    let shown = largest(rows, args);
    let sort = clap::ValueEnum::to_possible_value(&args.sort);
    let title = format!(
        "Top {} Connections out of {} by {}",
        shown.len(),
        format::count(rows.len() as u64),
        sort.as_ref().map_or("", |value| value.get_name())
    );
    let with_reason = args.state != State::Open;
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
    header.extend(with_reason.then_some("Reason"));
    let mut table = Table::new(title, globals.scheme()).header(header);
    let mut total = ConnInfo::default();
    for (_, connection) in rows {
        add(&mut total, connection);
    }
    for (server, connection) in shown {
        let mut cells = describe(server, connection);
        cells.extend(numbers(connection));
        cells.extend(with_reason.then(|| connection.reason.clone()));
        table.row(cells);
    }
    if rows.len() > 1 {
        let mut cells = vec![String::new(); 7];
        if let Some(name) = cells.get_mut(1) {
            *name = format!(
                "Totals for {} connections",
                format::count(rows.len() as u64)
            );
        }
        cells.extend(numbers(&total));
        cells.extend(with_reason.then(String::new));
        table.footer(cells);
    }
    table
}

fn describe(server: &ServerInfo, connection: &ConnInfo) -> Vec<String> {
    let name = if connection.name.is_empty() {
        &connection.mqtt_client
    } else {
        &connection.name
    };
    // Other kinds than clients carry their first letter.
    let kind = match connection.kind.as_str() {
        "" | "Client" => String::new(),
        kind => kind.chars().take(1).collect(),
    };
    vec![
        format!("{kind}{}", connection.cid),
        shortened(name, 40, 40),
        server.name.clone(),
        server.cluster.clone(),
        format!("{}:{}", connection.ip, connection.port),
        shortened(&connection.account, 46, 12),
        connection.uptime.clone(),
    ]
}

fn numbers(connection: &ConnInfo) -> [String; 5] {
    let bytes = |value: i64| format::bytes(u64::try_from(value).unwrap_or(0));
    [
        format::signed(connection.in_msgs),
        format::signed(connection.out_msgs),
        bytes(connection.in_bytes),
        bytes(connection.out_bytes),
        format::count(connection.subscriptions.into()),
    ]
}

/// The numbers come from servers: sums stop at their bounds.
fn add(total: &mut ConnInfo, connection: &ConnInfo) {
    total.in_msgs = total.in_msgs.saturating_add(connection.in_msgs);
    total.out_msgs = total.out_msgs.saturating_add(connection.out_msgs);
    total.in_bytes = total.in_bytes.saturating_add(connection.in_bytes);
    total.out_bytes = total.out_bytes.saturating_add(connection.out_bytes);
    total.subscriptions = total.subscriptions.saturating_add(connection.subscriptions);
}

fn shortened(text: &str, longest: usize, kept: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(kept).chain(" ..".chars()).collect()
}

fn per_server(rows: &[Row], globals: &Globals) -> Table {
    let mut servers: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (server, _) in rows {
        *servers.entry((&server.name, &server.cluster)).or_default() += 1;
    }
    let mut servers: Vec<_> = servers.into_iter().collect();
    servers.sort_by_key(|(_, count)| *count);
    let mut table = Table::new("Connections per server", globals.scheme()).header([
        "Server",
        "Cluster",
        "Connections",
    ]);
    for ((name, cluster), count) in servers {
        table.row([name.to_owned(), cluster.to_owned(), format::count(count)]);
    }
    table
}
