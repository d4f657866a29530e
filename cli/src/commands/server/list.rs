//! `nats server list`.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

use nats_api::monitor::PerKind;
use nats_api::system::events::ServerStatsEvent;

use super::ask::{self, Whom};
use crate::commands::size;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// List the servers
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:\n  \
        nats server list\n  \
        nats server list 9 --sort conns\n  \
        nats server list --json | jq '.[].server.name'"
)]
pub struct Args {
    /// How many servers to expect; as many as the servers know when not given
    #[arg(default_value_t = 0, hide_default_value = true)]
    expect: usize,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// What to sort by
    #[arg(long, value_enum, default_value_t = Sort::Rtt, value_name = "KEY")]
    sort: Sort,

    /// Reverse the order
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Show names and hosts in full
    #[arg(long, overrides_with = "compact")]
    no_compact: bool,

    /// Leave out what all names end with (default)
    #[arg(long, overrides_with = "no_compact", hide = true)]
    compact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Name,
    Cluster,
    #[value(alias = "conn")]
    Conns,
    #[value(alias = "sub")]
    Subs,
    #[value(alias = "route")]
    Routes,
    #[value(alias = "gws")]
    Gw,
    Mem,
    Cpu,
    Slow,
    Uptime,
    Rtt,
}

struct Server {
    stats: ServerStatsEvent,
    rtt: Duration,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let answers = ask::statistics(globals, &client, &Whom::everybody(args.expect)).await?;
    let mut servers: Vec<Server> = answers
        .into_iter()
        .map(|answer| Server {
            stats: answer.document,
            rtt: answer.rtt,
        })
        .collect();
    servers.sort_by(|a, b| args.order(a, b));
    if args.json {
        let documents: Vec<_> = servers.iter().map(|server| &server.stats).collect();
        return output::json(&documents);
    }
    let clusters = clusters(&servers);
    let compact = !args.no_compact;
    let overview = overview(&servers, &clusters, compact, globals.scheme());
    out!("{}", overview.render())?;
    if !clusters.is_empty() {
        out!(
            "\n{}",
            cluster_overview(&clusters, globals.scheme()).render()
        )?;
    }
    Ok(())
}

impl Args {
    /// Texts go up, numbers down; the name decides between equals.
    fn order(&self, a: &Server, b: &Server) -> Ordering {
        let (x, y) = (&a.stats.statsz, &b.stats.statsz);
        let by_name = a.stats.server.name.cmp(&b.stats.server.name);
        let order = match self.sort {
            Sort::Name => by_name,
            Sort::Cluster => a.stats.server.cluster.cmp(&b.stats.server.cluster),
            Sort::Conns => y.connections.cmp(&x.connections),
            Sort::Subs => y.subscriptions.cmp(&x.subscriptions),
            Sort::Routes => y.routes.len().cmp(&x.routes.len()),
            Sort::Gw => y.gateways.len().cmp(&x.gateways.len()),
            Sort::Mem => y.mem.cmp(&x.mem),
            Sort::Cpu => y.cpu.total_cmp(&x.cpu),
            Sort::Slow => y.slow_consumers.cmp(&x.slow_consumers),
            Sort::Uptime => x.start.cmp(&y.start),
            Sort::Rtt => a.rtt.cmp(&b.rtt),
        };
        let order = if self.reverse { order.reverse() } else { order };
        order.then(by_name)
    }
}

/// What the members of a cluster have together.
#[derive(Debug, Default)]
struct Cluster {
    nodes: usize,
    gateways_out: usize,
    gateways_in: i64,
    connections: i64,
    /// Of each node.
    routes: Vec<usize>,
}

fn clusters(servers: &[Server]) -> BTreeMap<&str, Cluster> {
    let mut clusters = BTreeMap::<&str, Cluster>::new();
    for server in servers {
        let stats = &server.stats.statsz;
        let name = server.stats.server.cluster.as_str();
        if name.is_empty() {
            continue;
        }
        let cluster = clusters.entry(name).or_default();
        cluster.nodes += 1;
        cluster.gateways_out += stats.gateways.len();
        let inbound = stats.gateways.iter().map(|g| g.inbound_connections);
        cluster.gateways_in = inbound.fold(cluster.gateways_in, i64::saturating_add);
        cluster.connections = cluster.connections.saturating_add(stats.connections);
        cluster.routes.push(stats.routes.len());
    }
    clusters
}

fn overview(
    servers: &[Server],
    clusters: &BTreeMap<&str, Cluster>,
    compact: bool,
    scheme: Scheme,
) -> Table {
    let mut table = Table::new("Server Overview", scheme).header([
        "Name", "Cluster", "Host", "Version", "JS", "Conns", "Subs", "Routes", "GWs", "Mem",
        "CPU %", "Cores", "Slow", "Uptime", "RTT",
    ]);
    let column = |field: fn(&ServerStatsEvent) -> &str| {
        let texts: Vec<&str> = servers.iter().map(|s| field(&s.stats)).collect();
        if compact {
            format::compacted(&texts)
        } else {
            texts.into_iter().map(str::to_owned).collect()
        }
    };
    let names = column(|stats| &stats.server.name);
    let hosts = column(|stats| &stats.server.host);
    for ((server, name), host) in servers.iter().zip(names).zip(hosts) {
        table.row(cells(server, name, host));
    }
    table.footer(totals(servers, clusters));
    table
}

fn cells(server: &Server, name: String, host: String) -> [String; 15] {
    let (info, stats) = (&server.stats.server, &server.stats.statsz);
    let jetstream = match (info.jetstream, info.domain.as_str()) {
        (false, _) => "no",
        (true, "") => "yes",
        (true, domain) => domain,
    };
    [
        name,
        info.cluster.clone(),
        host,
        info.ver.clone(),
        jetstream.to_owned(),
        format::signed(stats.connections),
        format::count(stats.subscriptions.into()),
        stats.routes.len().to_string(),
        stats.gateways.len().to_string(),
        size(stats.mem),
        format!("{:.0}", stats.cpu),
        stats.cores.to_string(),
        slow(stats.slow_consumers, stats.slow_consumer_stats.as_ref()),
        format::duration(info.time.since(stats.start)),
        format::duration(server.rtt),
    ]
}

/// An X marks what should be the same everywhere and is not.
fn totals(servers: &[Server], clusters: &BTreeMap<&str, Cluster>) -> [String; 15] {
    let first = servers.first().map(|server| &server.stats);
    let differs = |same: fn(&ServerStatsEvent, &ServerStatsEvent) -> bool| {
        servers
            .iter()
            .any(|server| first.is_some_and(|first| !same(first, &server.stats)))
    };
    let mark = |odd: bool| if odd { "X".to_owned() } else { String::new() };
    let sum = |field: fn(&ServerStatsEvent) -> i64| {
        servers
            .iter()
            .map(|server| field(&server.stats))
            .fold(0, i64::saturating_add)
    };
    let odd_routes = clusters
        .values()
        .any(|cluster| cluster.routes.windows(2).any(|pair| pair[0] != pair[1]));
    let jetstream = servers.iter().filter(|s| s.stats.server.jetstream).count();
    [
        String::new(),
        clusters.len().to_string(),
        servers.len().to_string(),
        mark(differs(|a, b| a.server.ver == b.server.ver)),
        jetstream.to_string(),
        format::signed(sum(|s| s.statsz.connections)),
        format::signed(sum(|s| s.statsz.subscriptions.into())),
        mark(odd_routes),
        mark(differs(|a, b| {
            a.statsz.gateways.len() == b.statsz.gateways.len()
        })),
        size(sum(|s| s.statsz.mem)),
        String::new(),
        String::new(),
        format::signed(sum(|s| s.statsz.slow_consumers)),
        String::new(),
        String::new(),
    ]
}

fn cluster_overview(clusters: &BTreeMap<&str, Cluster>, scheme: Scheme) -> Table {
    let mut table = Table::new("Cluster Overview", scheme).header([
        "Cluster",
        "Node Count",
        "Outgoing Gateways",
        "Incoming Gateways",
        "Connections",
    ]);
    let cells = |name: &str, c: &Cluster| {
        [
            name.to_owned(),
            c.nodes.to_string(),
            c.gateways_out.to_string(),
            c.gateways_in.to_string(),
            format::signed(c.connections),
        ]
    };
    let mut total = Cluster::default();
    let mut sorted: Vec<_> = clusters.iter().collect();
    sorted.sort_by_key(|(_, cluster)| cluster.connections);
    for (name, cluster) in sorted {
        total.nodes += cluster.nodes;
        total.gateways_out += cluster.gateways_out;
        total.gateways_in = total.gateways_in.saturating_add(cluster.gateways_in);
        total.connections = total.connections.saturating_add(cluster.connections);
        table.row(cells(name, cluster));
    }
    table.footer(cells("", &total));
    table
}

/// The number, and by kind of connection when others than clients were slow.
fn slow(total: i64, kinds: Option<&PerKind>) -> String {
    let total = format::signed(total);
    let Some(kinds) = kinds else { return total };
    if kinds.routes == 0 && kinds.gateways == 0 && kinds.leafs == 0 {
        return total;
    }
    let parts: Vec<String> = [
        ("c", kinds.clients),
        ("r", kinds.routes),
        ("g", kinds.gateways),
        ("l", kinds.leafs),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
    .map(|(kind, count)| format!("{kind}: {}", format::count(count)))
    .collect();
    format!("{total} ({})", parts.join(" "))
}

#[cfg(test)]
mod tests {
    use nats_api::system::ServerInfo;
    use nats_api::system::events::ServerStats;

    use super::*;

    fn server(name: &str, cluster: &str, connections: i64, version: &str) -> Server {
        Server {
            stats: ServerStatsEvent {
                server: ServerInfo {
                    name: format!("{name}.example.net"),
                    host: "127.0.0.1".into(),
                    cluster: cluster.into(),
                    ver: version.into(),
                    ..ServerInfo::default()
                },
                statsz: ServerStats {
                    connections,
                    mem: 12_582_912,
                    cores: 2,
                    cpu: 1.6,
                    subscriptions: 1_234,
                    ..ServerStats::default()
                },
            },
            rtt: Duration::from_micros(connections.unsigned_abs()),
        }
    }

    #[test]
    fn servers_and_clusters_are_listed_with_their_totals() {
        let servers = [
            server("n1", "east", 1_000, "2.14.0"),
            server("n2", "east", 2, "2.14.0"),
            server("n3", "west", 7, "2.12.0"),
        ];
        let clusters = clusters(&servers);
        insta::assert_snapshot!(overview(&servers, &clusters, true, Scheme::Rounded).render());
        insta::assert_snapshot!(
            "clusters",
            cluster_overview(&clusters, Scheme::Rounded).render()
        );
    }

    #[test]
    fn slow_consumers_are_split_when_not_only_clients_are_slow() {
        let kinds = |clients, routes| PerKind {
            clients,
            routes,
            ..PerKind::default()
        };
        assert_eq!(slow(3, None), "3");
        assert_eq!(slow(3, Some(&kinds(3, 0))), "3");
        assert_eq!(slow(3, Some(&kinds(1, 2))), "3 (c: 1 r: 2)");
    }
}
