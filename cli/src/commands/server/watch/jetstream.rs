//! `nats server watch jetstream`.

use std::cmp::Ordering;

use nats_api::monitor::jsz::JetStreamStats;
use nats_api::system::ServerStatsEvent;
use serde_json::Value;

use super::{Heartbeats, Rows, live_heartbeats, shown_of};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{Table, format};

/// Watch what JetStream does on each server
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "js",
    alias = "jsz",
    after_help = "Examples:\n  nats server watch jetstream --sort api"
)]
pub struct Args {
    /// What to sort by; the largest stand first
    #[arg(long, value_enum, default_value_t = Sort::Assets, value_name = "KEY")]
    sort: Sort,

    #[command(flatten)]
    rows: Rows,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sort {
    Mem,
    File,
    Assets,
    Api,
}

/// What a server with JetStream says about it.
struct Row<'a> {
    server: &'a ServerStatsEvent,
    stats: JetStreamStats,
    meta: Option<&'a Value>,
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
            Self::Mem => "Memory Used",
            Self::File => "File Storage",
            Self::Assets => "HA Assets",
            Self::Api => "API Requests",
        }
    }

    fn order(self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        let (x, y) = (&a.stats, &b.stats);
        let order = match self {
            Self::Mem => y.memory.cmp(&x.memory),
            Self::File => y.storage.cmp(&x.storage),
            Self::Assets => y.ha_assets.cmp(&x.ha_assets),
            Self::Api => y.api.total.cmp(&x.api.total),
        };
        order.then_with(|| a.server.server.name.cmp(&b.server.server.name))
    }
}

impl Row<'_> {
    fn meta_number(&self, field: &str) -> u64 {
        let found = self.meta.and_then(|meta| meta.get(field));
        found.and_then(Value::as_u64).unwrap_or(0)
    }

    /// The meta group's leader carries a star.
    fn name(&self) -> String {
        let name = &self.server.server.name;
        let leader = self.meta.and_then(|meta| meta.get("leader"));
        let leads = leader.and_then(Value::as_str) == Some(name);
        format!("{name}{}", if leads { "*" } else { "" })
    }
}

fn table(known: &Heartbeats, sort: Sort, rows: usize, scheme: Scheme) -> Table {
    let mut servers: Vec<Row<'_>> = known
        .servers
        .values()
        .filter_map(|server| {
            let jetstream = server.statsz.jetstream.as_ref()?;
            Some(Row {
                server,
                stats: jetstream.stats.clone()?,
                meta: jetstream.meta.as_ref(),
            })
        })
        .collect();
    servers.sort_by(|a, b| sort.order(a, b));
    let title = format!(
        "Top {} Server activity by {} at {}",
        shown_of(rows, servers.len()),
        sort.title(),
        format::time(known.newest.unwrap_or_else(jiff::Timestamp::now)),
    );
    let mut table = Table::new(title, scheme).header([
        "Server",
        "HA Assets",
        "Memory",
        "File",
        "API",
        "API Errors",
        "Pending",
    ]);
    for row in servers.iter().take(rows) {
        table.row([
            row.name(),
            format::signed(row.stats.ha_assets),
            format::bytes(row.stats.memory),
            format::bytes(row.stats.storage),
            format::count(row.stats.api.total),
            format::count(row.stats.api.errors),
            pending(
                row.meta_number("pending"),
                row.meta_number("pending_infos"),
                row.meta_number("pending_requests"),
            ),
        ]);
    }
    let sum =
        |field: &dyn Fn(&Row<'_>) -> u64| servers.iter().map(field).fold(0, u64::saturating_add);
    table.footer([
        format!("Totals ({} Servers)", servers.len()),
        format::count(sum(&|row| u64::try_from(row.stats.ha_assets).unwrap_or(0))),
        format::bytes(sum(&|row| row.stats.memory)),
        format::bytes(sum(&|row| row.stats.storage)),
        format::count(sum(&|row| row.stats.api.total)),
        format::count(sum(&|row| row.stats.api.errors)),
        pending(
            sum(&|row| row.meta_number("pending")),
            sum(&|row| row.meta_number("pending_infos")),
            sum(&|row| row.meta_number("pending_requests")),
        ),
    ]);
    table
}

/// `3 / 1 info / 2 req`: what the meta group has not done yet.
fn pending(all: u64, infos: u64, requests: u64) -> String {
    let mut text = format::count(all);
    for (count, name) in [(infos, "info"), (requests, "req")] {
        if count > 0 {
            text.push_str(&format!(" / {} {name}", format::count(count)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_without_jetstream_are_left_out_and_the_leader_has_a_star() {
        let mut known = Heartbeats::default();
        for (name, memory) in [("n1", Some(4_096)), ("n2", Some(5)), ("n3", None)] {
            let mut event = ServerStatsEvent::default();
            event.server.name = name.into();
            event.statsz.jetstream = memory.map(|memory| nats_api::monitor::jsz::JetStreamVarz {
                stats: Some(JetStreamStats {
                    memory,
                    ..JetStreamStats::default()
                }),
                meta: Some(serde_json::json!({"leader": "n2", "pending": 1_200})),
                ..Default::default()
            });
            known.servers.insert(name.into(), event);
        }
        let text = table(&known, Sort::Mem, 9, Scheme::Rounded).render();
        // The time of day depends on where the test runs.
        let text: Vec<_> = text.lines().skip(3).collect();
        insta::assert_snapshot!(text.join("\n"));
        assert_eq!(pending(3, 1, 2), "3 / 1 info / 2 req");
    }
}
