//! `nats server watch accounts`.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::time::Duration;

use nats_api::system::events::AccountConnections;
use nats_api::system::subjects::account_connections_event;

use super::{ENTRIES_MAX, Rows, live, shown_of, traffic};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{Table, format};

/// What is older is left out: only servers with connections of an account say something about it.
const AGE_MAX: Duration = Duration::from_secs(35);

/// Watch what accounts do
///
/// Only servers with connections of an account say something about it, every thirty seconds; the column Servers shows how
/// many did.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "account",
    alias = "acct",
    after_help = "Examples:\n  nats server watch accounts --sort recvb"
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
    Conns,
    Subs,
    Slow,
    Sentb,
    Sentm,
    Recvb,
    Recvm,
}

/// The newest count of each account and server.
#[derive(Default)]
struct Counts {
    counts: HashMap<(String, String), (jiff::Timestamp, AccountConnections)>,
}

/// An account over all servers.
#[derive(Debug, Default)]
struct Total {
    servers: usize,
    account: AccountConnections,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.rows.room()?;
    let client = globals.connect_system().await?;
    let counts = RefCell::new(Counts::default());
    let draw = || {
        let totals = counts.borrow().totals(jiff::Timestamp::now());
        if totals.is_empty() {
            return Ok(None);
        }
        let rows = args.rows.room()?;
        Ok(Some(table(totals, args.sort, rows, globals.scheme())))
    };
    let subjects = [account_connections_event("*")];
    let take = |message: &nats_client::Message| {
        if let Ok(event) = serde_json::from_slice(message.payload()) {
            counts.borrow_mut().take(jiff::Timestamp::now(), event);
        }
    };
    live(&client, &subjects, None, take, draw).await
}

impl Counts {
    fn take(&mut self, now: jiff::Timestamp, event: AccountConnections) {
        let key = (event.acc.clone(), event.server.id.clone());
        if self.counts.contains_key(&key) || self.counts.len() < ENTRIES_MAX {
            self.counts.insert(key, (now, event));
        }
    }

    fn totals(&self, now: jiff::Timestamp) -> Vec<Total> {
        let mut totals = HashMap::<&str, Total>::new();
        for ((name, _), (then, event)) in &self.counts {
            let age = now.duration_since(*then).unsigned_abs();
            if age > AGE_MAX {
                continue;
            }
            let Total { servers, account } = totals.entry(name).or_default();
            *servers += 1;
            account.acc.clone_from(&event.acc);
            account.name.clone_from(&event.name);
            account.num_subscriptions = account
                .num_subscriptions
                .saturating_add(event.num_subscriptions);
            for (sum, value) in [
                (&mut account.conns, event.conns),
                (&mut account.leafnodes, event.leafnodes),
                (&mut account.slow_consumers, event.slow_consumers),
                (&mut account.sent.msgs, event.sent.msgs),
                (&mut account.sent.bytes, event.sent.bytes),
                (&mut account.received.msgs, event.received.msgs),
                (&mut account.received.bytes, event.received.bytes),
            ] {
                *sum = sum.saturating_add(value);
            }
        }
        totals.into_values().collect()
    }
}

impl Sort {
    fn title(self) -> &'static str {
        match self {
            Self::Conns => "Connections",
            Self::Subs => "Subscriptions",
            Self::Slow => "Slow Consumers",
            Self::Sentb => "Sent Bytes",
            Self::Sentm => "Sent Messages",
            Self::Recvb => "Received Bytes",
            Self::Recvm => "Received Messages",
        }
    }

    fn order(self, a: &AccountConnections, b: &AccountConnections) -> Ordering {
        let key = |account: &AccountConnections| match self {
            Self::Conns => account.conns,
            Self::Subs => account.num_subscriptions.into(),
            Self::Slow => account.slow_consumers,
            Self::Sentb => account.sent.bytes,
            Self::Sentm => account.sent.msgs,
            Self::Recvb => account.received.bytes,
            Self::Recvm => account.received.msgs,
        };
        key(b).cmp(&key(a)).then_with(|| a.acc.cmp(&b.acc))
    }
}

fn table(mut totals: Vec<Total>, sort: Sort, rows: usize, scheme: Scheme) -> Table {
    totals.sort_by(|a, b| sort.order(&a.account, &b.account));
    let title = format!(
        "Top {} Account activity by {} at {}",
        shown_of(rows, totals.len()),
        sort.title(),
        format::time(jiff::Timestamp::now()),
    );
    let mut table = Table::new(title, scheme).header([
        "Account",
        "Servers",
        "Connections",
        "Leafnodes",
        "Subscriptions",
        "Slow",
        "Sent",
        "Received",
    ]);
    for Total { servers, account } in totals.iter().take(rows) {
        let name = if account.name.is_empty() {
            &account.acc
        } else {
            &account.name
        };
        table.row([
            name.clone(),
            servers.to_string(),
            format::signed(account.conns),
            format::signed(account.leafnodes),
            format::count(account.num_subscriptions.into()),
            format::signed(account.slow_consumers),
            traffic(account.sent.msgs, account.sent.bytes),
            traffic(account.received.msgs, account.received.bytes),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_summed_up_over_its_servers_and_old_counts_do_not_count() {
        let now: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let event = |acc: &str, server: &str, conns| {
            let mut event = AccountConnections {
                acc: acc.into(),
                conns,
                ..AccountConnections::default()
            };
            event.server.id = server.into();
            event
        };
        let mut counts = Counts::default();
        counts.take(now, event("APP", "A", 1));
        counts.take(now, event("APP", "A", 3));
        counts.take(now, event("APP", "B", 4));
        counts.take(now - Duration::from_secs(60), event("APP", "C", 100));
        counts.take(now - Duration::from_secs(60), event("OLD", "C", 100));
        let totals = counts.totals(now);
        assert_eq!(totals.len(), 1);
        assert_eq!((totals[0].servers, totals[0].account.conns), (2, 7));
    }
}
