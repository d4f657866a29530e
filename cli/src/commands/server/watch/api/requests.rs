//! `nats server watch api requests`.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use nats_api::system::client::ClientInfo;
use nats_client::Message;
use regex::Regex;

use super::super::{ENTRIES_MAX, Rows, live};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{Table, format};
use crate::parse;

/// Moments that are remembered of one kind of request, for its rate.
const MOMENTS_MAX: usize = 1_000_000;
/// Who sent a request, as the server adds it.
const REQUEST_INFO: &str = "Nats-Request-Info";

/// Watch which requests the JetStream API gets, and how often
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "req",
    after_help = "Examples:\n  \
        nats server watch api requests --top 20\n  \
        nats server watch api requests --account '^APP' --rate 10s"
)]
pub struct Args {
    /// Only requests of accounts that match this regular expression
    #[arg(long, value_name = "REGEX")]
    account: Option<Regex>,

    /// Show so many kinds of requests
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    top: usize,

    /// Count the requests of this time
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse::duration)]
    rate: Duration,

    /// Count the consumers of a stream together
    #[arg(long, overrides_with = "record_consumer")]
    no_record_consumer: bool,

    /// Count each consumer by itself (default)
    #[arg(long, overrides_with = "no_record_consumer", hide = true)]
    record_consumer: bool,

    /// Show names in full
    #[arg(long, overrides_with = "compact")]
    no_compact: bool,

    /// Shorten long names (default)
    #[arg(long, overrides_with = "no_compact", hide = true)]
    compact: bool,

    /// The rarest stand first
    #[arg(short = 'R', long)]
    reverse: bool,
}

/// What makes two requests the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kind {
    account: String,
    /// `STREAM.INFO`, `CONSUMER.MSG.NEXT`, …
    request: String,
    stream: String,
    consumer: String,
}

#[derive(Debug, Default)]
struct Count {
    total: u64,
    recent: VecDeque<Instant>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    Rows { number: args.top }.room()?;
    let client = globals.connect_system().await?;
    let counts = RefCell::new(HashMap::<Kind, Count>::new());
    let take = |message: &Message| args.count(&mut counts.borrow_mut(), message, Instant::now());
    let draw = || {
        let mut counts = counts.borrow_mut();
        if counts.is_empty() {
            return Ok(None);
        }
        Ok(Some(args.table(
            &mut counts,
            Instant::now(),
            globals.scheme(),
        )))
    };
    live(&client, &["$JS.API.>".to_owned()], None, take, draw).await
}

impl Args {
    fn count(&self, counts: &mut HashMap<Kind, Count>, message: &Message, now: Instant) {
        let info = message.header(REQUEST_INFO);
        let info = info.and_then(|text| serde_json::from_str::<ClientInfo>(text).ok());
        let account = info.map(|info| info.acc).unwrap_or_default();
        if self
            .account
            .as_ref()
            .is_some_and(|wanted| !wanted.is_match(&account))
        {
            return;
        }
        let Some(mut kind) = kind(message.subject(), account) else {
            return;
        };
        if self.no_record_consumer {
            kind.consumer.clear();
        }
        if !counts.contains_key(&kind) && counts.len() >= ENTRIES_MAX {
            return;
        }
        let count = counts.entry(kind).or_default();
        count.total += 1;
        if count.recent.len() < MOMENTS_MAX {
            count.recent.push_back(now);
        }
    }

    fn table(&self, counts: &mut HashMap<Kind, Count>, now: Instant, scheme: Scheme) -> Table {
        for count in counts.values_mut() {
            while count
                .recent
                .front()
                .is_some_and(|then| now.saturating_duration_since(*then) > self.rate)
            {
                count.recent.pop_front();
            }
        }
        let mut sorted: Vec<_> = counts.iter().collect();
        sorted.sort_by(|a, b| {
            let order = order(*a, *b);
            if self.reverse { order.reverse() } else { order }
        });
        let mut table = Table::new(
            format!("Top {} JS API activity", format::count(self.top as u64)),
            scheme,
        )
        .header([
            "Request",
            "Account",
            "Count",
            &format!("Events / {}", format::duration(self.rate)),
            "Asset",
        ]);
        for (kind, count) in sorted.into_iter().take(self.top) {
            table.row([
                kind.request.clone(),
                self.short(&kind.account, 20, 10),
                format::count(count.total),
                format::count(count.recent.len() as u64),
                self.asset(kind),
            ]);
        }
        table
    }

    fn asset(&self, kind: &Kind) -> String {
        if kind.consumer.is_empty() {
            return kind.stream.clone();
        }
        let consumer = self.short(&kind.consumer, 20, 12);
        format!("{} > {consumer}", kind.stream)
    }

    fn short(&self, text: &str, longest: usize, kept: usize) -> String {
        if self.no_compact || text.chars().count() <= longest {
            return text.to_owned();
        }
        text.chars().take(kept).chain("...".chars()).collect()
    }
}

/// The busiest first.
fn order(a: (&Kind, &Count), b: (&Kind, &Count)) -> Ordering {
    let busy = |count: &Count| (count.recent.len(), count.total);
    busy(b.1).cmp(&busy(a.1)).then_with(|| a.0.cmp(b.0))
}

/// Which request a subject is, and about what. `None` for what is no request of the API.
fn kind(subject: &str, account: String) -> Option<Kind> {
    let rest = subject.strip_prefix("$JS.API.")?;
    let tokens: Vec<&str> = rest.split('.').collect();
    // The words of a request are in capitals and stand before the names; the longest match counts.
    let named = |words: usize, names: usize| {
        let name = |index: usize| tokens.get(words + index).copied().unwrap_or("").to_owned();
        Kind {
            account: account.clone(),
            request: tokens.get(..words).unwrap_or(&[]).join("."),
            stream: if names > 0 { name(0) } else { String::new() },
            consumer: if names > 1 { name(1) } else { String::new() },
        }
    };
    Some(match tokens.as_slice() {
        ["INFO"] | ["STREAM", "NAMES" | "LIST"] => named(tokens.len(), 0),
        ["STREAM", "MSG" | "PEER" | "LEADER", _, _] => named(3, 1),
        ["STREAM", _, _] => named(2, 1),
        ["CONSUMER", "DURABLE", "CREATE", _, _] => named(3, 2),
        ["CONSUMER", "MSG", "NEXT", _, _] | ["CONSUMER", "LEADER", "STEPDOWN", _, _] => named(3, 2),
        ["CONSUMER", _, _] => named(2, 1),
        ["CONSUMER", _, _, _, ..] => named(2, 2),
        ["DIRECT", "GET", _, ..] => named(2, 1),
        _ => named(tokens.len(), 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_the_names_in_their_subjects() {
        for (subject, request, stream, consumer) in [
            ("$JS.API.INFO", "INFO", "", ""),
            ("$JS.API.STREAM.NAMES", "STREAM.NAMES", "", ""),
            ("$JS.API.STREAM.INFO.ORDERS", "STREAM.INFO", "ORDERS", ""),
            (
                "$JS.API.STREAM.MSG.GET.ORDERS",
                "STREAM.MSG.GET",
                "ORDERS",
                "",
            ),
            (
                "$JS.API.CONSUMER.LIST.ORDERS",
                "CONSUMER.LIST",
                "ORDERS",
                "",
            ),
            (
                "$JS.API.CONSUMER.INFO.ORDERS.new",
                "CONSUMER.INFO",
                "ORDERS",
                "new",
            ),
            (
                "$JS.API.CONSUMER.CREATE.ORDERS.new.a.b",
                "CONSUMER.CREATE",
                "ORDERS",
                "new",
            ),
            (
                "$JS.API.CONSUMER.MSG.NEXT.ORDERS.new",
                "CONSUMER.MSG.NEXT",
                "ORDERS",
                "new",
            ),
            ("$JS.API.DIRECT.GET.ORDERS.a.b", "DIRECT.GET", "ORDERS", ""),
        ] {
            let kind = kind(subject, String::new()).unwrap();
            assert_eq!(
                (&*kind.request, &*kind.stream, &*kind.consumer),
                (request, stream, consumer),
                "{subject}"
            );
        }
        assert_eq!(kind("orders.new", String::new()), None);
    }
}
