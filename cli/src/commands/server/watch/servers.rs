//! `nats server watch servers`.

use std::cmp::Ordering;

use nats_api::system::ServerStatsEvent;

use super::{Heartbeats, Rows, live_heartbeats, shown_of, traffic};
use crate::commands::size;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{Table, format};

/// Watch what servers do
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "server",
    alias = "srv",
    after_help = "Examples:\n  nats server watch servers --sort mem -n 10"
)]
pub struct Args {
    /// What to sort by; the largest stand first
    #[arg(long, value_enum, default_value_t = Sort::Conns, value_name = "KEY")]
    sort: Sort,

    #[command(flatten)]
    rows: Rows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Name,
    Conns,
    Subs,
    Slow,
    Sentb,
    Sentm,
    Recvb,
    Recvm,
    Route,
    Gway,
    Mem,
    Cpu,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let scheme = globals.scheme();
    live_heartbeats(globals, &args.rows, |known, rows| {
        table(known, args.sort, rows, scheme)
    })
    .await
}

impl Sort {
    fn title(self) -> &'static str {
        match self {
            Self::Name => "Server Name",
            Self::Conns => "Connections",
            Self::Subs => "Subscriptions",
            Self::Slow => "Slow Consumers",
            Self::Sentb => "Sent Bytes",
            Self::Sentm => "Sent Messages",
            Self::Recvb => "Received Bytes",
            Self::Recvm => "Received Messages",
            Self::Route => "Routes",
            Self::Gway => "Gateways",
            Self::Mem => "Memory",
            Self::Cpu => "CPU",
        }
    }

    /// Largest first; names go up.
    fn order(self, a: &ServerStatsEvent, b: &ServerStatsEvent) -> Ordering {
        let (x, y) = (&a.statsz, &b.statsz);
        let order = match self {
            Self::Name => Ordering::Equal,
            Self::Conns => y.connections.cmp(&x.connections),
            Self::Subs => y.subscriptions.cmp(&x.subscriptions),
            Self::Slow => y.slow_consumers.cmp(&x.slow_consumers),
            Self::Sentb => y.sent.bytes.cmp(&x.sent.bytes),
            Self::Sentm => y.sent.msgs.cmp(&x.sent.msgs),
            Self::Recvb => y.received.bytes.cmp(&x.received.bytes),
            Self::Recvm => y.received.msgs.cmp(&x.received.msgs),
            Self::Route => y.routes.len().cmp(&x.routes.len()),
            Self::Gway => y.gateways.len().cmp(&x.gateways.len()),
            Self::Mem => y.mem.cmp(&x.mem),
            Self::Cpu => y.cpu.total_cmp(&x.cpu),
        };
        order.then_with(|| a.server.name.cmp(&b.server.name))
    }
}

fn table(known: &Heartbeats, sort: Sort, rows: usize, scheme: Scheme) -> Table {
    let mut servers: Vec<_> = known.servers.values().collect();
    servers.sort_by(|a, b| sort.order(a, b));
    let title = format!(
        "Top {} Server activity by {} at {}",
        shown_of(rows, servers.len()),
        sort.title(),
        format::time(known.newest.unwrap_or_else(jiff::Timestamp::now)),
    );
    let mut table = Table::new(title, scheme).header([
        "Server",
        "Connections",
        "Subscription",
        "Slow",
        "Memory",
        "CPU",
        "Cores",
        "Routes",
        "Gateways",
        "Sent",
        "Received",
    ]);
    for event in servers.iter().take(rows) {
        let stats = &event.statsz;
        table.row([
            event.server.name.clone(),
            format::signed(stats.connections),
            format::count(stats.subscriptions.into()),
            format::signed(stats.slow_consumers),
            size(stats.mem),
            format::decimal(stats.cpu),
            stats.cores.to_string(),
            stats.routes.len().to_string(),
            stats.gateways.len().to_string(),
            traffic(stats.sent.msgs, stats.sent.bytes),
            traffic(stats.received.msgs, stats.received.bytes),
        ]);
    }
    let sum = |field: fn(&ServerStatsEvent) -> i64| {
        servers
            .iter()
            .map(|event| field(event))
            .fold(0, i64::saturating_add)
    };
    let empty = String::new;
    table.footer([
        "Totals (All Servers)".to_owned(),
        format::signed(sum(|e| e.statsz.connections)),
        format::signed(sum(|e| e.statsz.subscriptions.into())),
        format::signed(sum(|e| e.statsz.slow_consumers)),
        size(sum(|e| e.statsz.mem)),
        empty(),
        empty(),
        empty(),
        empty(),
        traffic(sum(|e| e.statsz.sent.msgs), sum(|e| e.statsz.sent.bytes)),
        traffic(
            sum(|e| e.statsz.received.msgs),
            sum(|e| e.statsz.received.bytes),
        ),
    ]);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_totals_count_those_that_are_not_shown() {
        let mut known = Heartbeats {
            newest: Some("2026-01-02T03:04:05Z".parse().unwrap()),
            ..Heartbeats::default()
        };
        for (name, connections) in [("n1", 5), ("n2", 1_000), ("n3", 7)] {
            let mut event = ServerStatsEvent::default();
            event.server.name = name.into();
            event.server.id = name.into();
            event.statsz.connections = connections;
            event.statsz.mem = 1 << 20;
            known.servers.insert(name.into(), event);
        }
        let text = table(&known, Sort::Conns, 2, Scheme::Rounded).render();
        // The time of day depends on where the test runs.
        let text: Vec<_> = text.lines().skip(3).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
