//! `nats server report jetstream`.

use std::cmp::Ordering;
use std::time::Duration;

use nats_api::jetstream::ClusterInfo;
use nats_api::monitor::{Jsz, JszOptions};
use nats_api::system::ServerInfo;
use serde_json::Value;

use super::super::ask;
use super::super::target::Target;
use super::leafnodes::documents;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::Leaders;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Streams that one server is asked about with `--account`.
const STREAMS_MAX: i64 = 10_000;

/// Show what JetStream does on each server, and the group that decides where streams live
#[derive(Debug, Clone, clap::Args)]
#[command(
    visible_alias = "js",
    alias = "jsz",
    after_help = "Examples:\n  \
        nats server report jetstream --sort bytes\n  \
        nats server report jetstream --account APP --leaders"
)]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// Only what this account uses
    #[arg(long)]
    account: Option<String>,

    /// What to sort by; the largest stand first
    #[arg(long, value_enum, default_value_t = Sort::Cluster, value_name = "KEY")]
    sort: Sort,

    /// Reverse the order
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Show names in full
    #[arg(long, overrides_with = "compact")]
    no_compact: bool,

    #[arg(long, overrides_with = "no_compact", hide = true)]
    compact: bool,

    /// Show how many streams and consumers each server leads
    #[arg(short, long)]
    leaders: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Name,
    Cluster,
    Streams,
    Consumers,
    Msgs,
    #[value(alias = "mbytes")]
    Bytes,
    Mem,
    #[value(alias = "store")]
    File,
    Api,
    Err,
}

/// What one server does, or what it does for one account.
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    server: String,
    cluster: String,
    domain: String,
    streams: u64,
    consumers: u64,
    messages: u64,
    bytes: u64,
    memory: u64,
    storage: u64,
    requests: u64,
    errors: u64,
    pending: u64,
    leads: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let options = JszOptions {
        account: args.account.clone().unwrap_or_default(),
        raft: true,
        streams: args.account.is_some(),
        consumer: args.account.is_some(),
        limit: if args.account.is_some() {
            STREAMS_MAX
        } else {
            0
        },
        ..JszOptions::default()
    };
    let whom = args.target.whom(args.limit);
    let pages = ask::pages::<Jsz>(globals, &client, "JSZ", &options, &whom).await?;
    if args.json {
        return output::json(&documents(&pages));
    }
    let scheme = globals.scheme();
    let mut rows: Vec<Row> = pages
        .iter()
        .map(|(server, page)| row(server, page, args.account.is_some()))
        .collect();
    rows.sort_by(|a, b| {
        let order = args.sort.order(a, b);
        if args.reverse { order.reverse() } else { order }
    });
    outln!("{}", args.table(&rows, scheme).render())?;
    let groups: Vec<&Value> = pages
        .iter()
        .filter_map(|(server, page)| {
            let meta = page.meta_cluster.as_ref()?;
            (text(meta, "leader") == server.name).then_some(meta)
        })
        .collect();
    let expected = pages
        .iter()
        .filter_map(|(_, page)| page.meta_cluster.as_ref());
    let expected = expected
        .map(|meta| number(meta, "cluster_size"))
        .max()
        .unwrap_or(0);
    if groups.is_empty() && expected > 0 && !args.target.is_narrow() {
        outln!(
            "WARNING: No cluster meta leader found. The cluster expects {expected} nodes but only {} responded. \
             JetStream operation requires at least {} up nodes.",
            pages.len(),
            expected / 2 + 1
        )?;
    }
    for meta in groups {
        outln!("{}", args.meta_table(meta, scheme).render())?;
    }
    if args.leaders {
        print_leaders(&pages, args.account.is_some(), scheme)?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or(0)
}

fn row(server: &ServerInfo, page: &Jsz, one_account: bool) -> Row {
    let meta = page.meta_cluster.as_ref();
    let base = Row {
        server: server.name.clone(),
        cluster: server.cluster.clone(),
        domain: page.config.domain.clone(),
        requests: page.api.total,
        errors: page.api.errors,
        pending: meta.map_or(0, |meta| number(meta, "pending")),
        leads: meta.is_some_and(|meta| text(meta, "leader") == server.name),
        ..Row::default()
    };
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    match (one_account, page.account_details.first()) {
        (true, Some(account)) => {
            let all = &account.stream_detail;
            let consumers = all.iter().map(|stream| stream.state.consumer_count);
            Row {
                streams: all.len() as u64,
                consumers: consumers.sum(),
                messages: all.iter().map(|stream| stream.state.messages).sum(),
                bytes: account.memory.saturating_add(account.storage),
                memory: account.memory,
                storage: account.storage,
                requests: account.api.total,
                errors: account.api.errors,
                ..base
            }
        }
        _ => Row {
            streams: count(page.streams),
            consumers: count(page.consumers),
            messages: page.messages,
            bytes: page.bytes,
            memory: page.memory,
            storage: page.storage,
            ..base
        },
    }
}

impl Sort {
    /// Texts go up, numbers down.
    fn order(self, a: &Row, b: &Row) -> Ordering {
        let order = match self {
            Self::Name => Ordering::Equal,
            Self::Cluster => a.cluster.cmp(&b.cluster),
            Self::Streams => b.streams.cmp(&a.streams),
            Self::Consumers => b.consumers.cmp(&a.consumers),
            Self::Msgs => b.messages.cmp(&a.messages),
            Self::Bytes => b.bytes.cmp(&a.bytes),
            Self::Mem => b.memory.cmp(&a.memory),
            Self::File => b.storage.cmp(&a.storage),
            Self::Api => b.requests.cmp(&a.requests),
            Self::Err => b.errors.cmp(&a.errors),
        };
        order.then_with(|| a.server.cmp(&b.server))
    }
}

impl Args {
    fn names(&self, names: &[&str]) -> Vec<String> {
        if self.no_compact {
            names.iter().map(|name| (*name).to_owned()).collect()
        } else {
            format::compacted(names)
        }
    }

    fn table(&self, rows: &[Row], scheme: Scheme) -> Table {
        let title = match &self.account {
            Some(account) => format!("JetStream Summary for Account {account}"),
            None => "JetStream Summary".to_owned(),
        };
        let with_domain = rows.iter().any(|row| !row.domain.is_empty());
        let mut header = vec!["Server", "Cluster"];
        header.extend(with_domain.then_some("Domain"));
        header.extend([
            "Streams",
            "Consumers",
            "Messages",
            "Bytes",
            "Memory",
            "File",
            "API Req",
            "Pending",
        ]);
        let mut table = Table::new(title, scheme).header(header);
        let names: Vec<&str> = rows.iter().map(|row| row.server.as_str()).collect();
        for (row, name) in rows.iter().zip(self.names(&names)) {
            let star = if row.leads { "*" } else { "" };
            table.row(cells(format!("{name}{star}"), row, with_domain));
        }
        let mut total = Row::default();
        for row in rows {
            for (sum, value) in [
                (&mut total.streams, row.streams),
                (&mut total.consumers, row.consumers),
                (&mut total.messages, row.messages),
                (&mut total.bytes, row.bytes),
                (&mut total.memory, row.memory),
                (&mut total.storage, row.storage),
                (&mut total.requests, row.requests),
                (&mut total.pending, row.pending),
            ] {
                *sum = sum.saturating_add(value);
            }
        }
        table.footer(cells(String::new(), &total, with_domain));
        table
    }

    /// The group that decides where streams live, as its leader sees it.
    fn meta_table(&self, meta: &Value, scheme: Scheme) -> Table {
        let title = format!(
            "RAFT Meta Group Information - Lead cluster: {}",
            text(meta, "name")
        );
        let mut table = Table::new(title, scheme).header([
            "Connection Name",
            "ID",
            "Leader",
            "Current",
            "Online",
            "Active",
            "Lag",
        ]);
        let leader = serde_json::json!({
            "name": text(meta, "leader"),
            "peer": text(meta, "peer"),
            "current": true,
        });
        let replicas = meta.get("replicas").and_then(Value::as_array);
        let replicas = replicas.map(Vec::as_slice).unwrap_or_default();
        let mut peers: Vec<&Value> = replicas.iter().chain([&leader]).collect();
        peers.sort_by_key(|peer| text(peer, "name").to_owned());
        let names: Vec<&str> = peers.iter().map(|peer| text(peer, "name")).collect();
        for (peer, name) in peers.iter().zip(self.names(&names)) {
            let is = |field: &str| peer.get(field).and_then(Value::as_bool).unwrap_or(false);
            let leads = text(peer, "name") == text(meta, "leader");
            table.row([
                name,
                text(peer, "peer").to_owned(),
                if leads { "yes" } else { "" }.to_owned(),
                is("current").to_string(),
                (!is("offline")).to_string(),
                format::duration(Duration::from_nanos(number(peer, "active"))),
                format::count(number(peer, "lag")),
            ]);
        }
        table
    }
}

fn cells(name: String, row: &Row, with_domain: bool) -> Vec<String> {
    let mut cells = vec![name, row.cluster.clone()];
    cells.extend(with_domain.then(|| row.domain.clone()));
    cells.extend([
        format::count(row.streams),
        format::count(row.consumers),
        format::count(row.messages),
        format::bytes(row.bytes),
        format::bytes(row.memory),
        format::bytes(row.storage),
        format::count(row.requests),
        format::count(row.pending),
    ]);
    cells
}

/// How many streams and consumers each server leads.
fn print_leaders(pages: &[(ServerInfo, Jsz)], one_account: bool, scheme: Scheme) -> Result {
    let (mut streams, mut consumers) = (Leaders::default(), Leaders::default());
    for (server, page) in pages {
        let here = |count: i64, leaders: &mut Leaders| {
            let cluster = ClusterInfo {
                name: server.cluster.clone(),
                leader: server.name.clone(),
                ..ClusterInfo::default()
            };
            for _ in 0..count.clamp(0, STREAMS_MAX * 100) {
                leaders.add(Some(&cluster));
            }
        };
        if !one_account {
            here(page.streams_leader, &mut streams);
            here(page.consumers_leader, &mut consumers);
            continue;
        }
        let leads = |cluster: Option<&ClusterInfo>| {
            cluster.is_some_and(|cluster| cluster.leader == server.name)
        };
        let all = page.account_details.iter();
        for stream in all.flat_map(|account| &account.stream_detail) {
            here(i64::from(leads(stream.cluster.as_ref())), &mut streams);
            let details = stream.consumer_detail.iter();
            let led = details.filter(|one| leads(one.cluster.as_ref())).count();
            here(led as i64, &mut consumers);
        }
    }
    if streams.is_empty() && consumers.is_empty() {
        return outln!("No JetStream asset leader data reported");
    }
    outln!("{}", streams.table("Stream Leaders", scheme).render())?;
    out!("{}", consumers.table("Consumer Leaders", scheme).render())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn servers_are_summed_up_and_the_leader_has_a_star() {
        let page = |text: &str| -> Jsz { serde_json::from_str(text).unwrap() };
        let server = |name: &str| ServerInfo {
            name: format!("{name}.example.net"),
            cluster: "east".into(),
            ..ServerInfo::default()
        };
        let leader = page(
            r#"{"streams":5,"consumers":7,"messages":1234567,"bytes":4096,"memory":1024,"storage":3072,
            "api":{"total":99},"meta_cluster":{"name":"east","leader":"n1.example.net","peer":"AAA","cluster_size":2,
            "pending":3,"replicas":[{"name":"n2.example.net","peer":"BBB","current":true,"active":1500000000,"lag":2}]}}"#,
        );
        let pages = [
            (server("n1"), leader),
            (server("n2"), page(r#"{"streams":1}"#)),
        ];
        let rows: Vec<Row> = pages.iter().map(|(s, p)| row(s, p, false)).collect();
        let args = Line::try_parse_from(["x"]).unwrap().args;
        insta::assert_snapshot!(args.table(&rows, Scheme::Rounded).render());
        let meta = pages[0].1.meta_cluster.as_ref().unwrap();
        insta::assert_snapshot!("meta", args.meta_table(meta, Scheme::Rounded).render());
    }

    #[test]
    fn one_account_is_added_up_from_its_streams() {
        let page: Jsz = serde_json::from_str(
            r#"{"streams":50,"account_details":[{"name":"APP","memory":10,"storage":20,"api":{"total":7},
            "stream_detail":[{"state":{"messages":5,"consumer_count":1}},{"state":{"messages":6,"consumer_count":2}}]}]}"#,
        )
        .unwrap();
        let row = row(&ServerInfo::default(), &page, true);
        assert_eq!(
            (row.streams, row.consumers, row.messages, row.bytes),
            (2, 3, 11, 30)
        );
        assert_eq!(row.requests, 7);
    }
}
