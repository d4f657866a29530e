//! The table of all cases: what each does, and the bar that it must reach. A new row is data; only a
//! new kind of work needs a new [`Workload`] and a function in [`crate::load`].

use crate::metric::Metric;

/// One row of the benchmark.
#[derive(Debug)]
pub struct Case {
    /// What `--case` takes.
    pub name: &'static str,
    /// What it is, for the table.
    pub title: &'static str,
    /// What the rate counts.
    pub counts: &'static str,
    pub workload: Workload,
    pub bars: &'static [Bar],
    /// Cases whose figures are steady, or whose set-up is long, need not be run as often as asked.
    pub pairs_max: usize,
}

/// What a figure must reach, comparing B (ours) with A (the reference).
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    pub metric: Metric,
    pub limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// The median of B/A, pair by pair.
    RatioAtLeast(f64),
    RatioAtMost(f64),
    /// The median of B itself.
    AtMost(f64),
}

/// The kinds of work that the generator knows.
#[derive(Clone, Copy, Debug)]
pub enum Workload {
    Stream(Stream),
    Requests(Requests),
    IdleConnections(IdleConnections),
    ConnectionStorm(ConnectionStorm),
    JetStream(JetStream),
    OperatorMode(OperatorMode),
    Start,
    BinarySize,
}

/// Publishers send as fast as they can for the given time; then everything must have arrived.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    pub publishers: usize,
    pub receivers: usize,
    pub queue_group: bool,
    /// Including the 16 bytes that say who published it and as which message.
    pub payload_bytes: usize,
    pub subjects: Subjects,
    /// The most messages that may be published but not yet delivered. `None` lets the server's own
    /// back-pressure decide. Needed where a server's queues for all receivers would not fit the machine.
    pub in_flight_max: Option<u64>,
    /// Subscriptions of another connection that come, and as many that go, per second.
    pub churn_per_second: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subjects {
    One,
    /// Each receiver subscribes to this many literal subjects (at most 100,000), and each gets one
    /// message in turn.
    Numbered(u32),
}

/// Each client has one request on its way at any time, with a fresh reply subject under its own inbox
/// wildcard, as the client libraries do it. One service answers all.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    pub clients: usize,
    pub payload_bytes: usize,
}

/// Connections with one subscription each and no traffic.
#[derive(Clone, Copy, Debug)]
pub struct IdleConnections {
    pub connections: usize,
    pub tls: bool,
}

/// Connect, CONNECT, PING, wait for PONG, close; again and again.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionStorm {
    pub at_once: usize,
}

/// One stream and one client.
#[derive(Clone, Copy, Debug)]
pub struct JetStream {
    pub in_memory: bool,
    /// `sync_interval` of both servers. `None`: what each does without it, which is syncing before every acknowledgement for ours, and
    /// once in two minutes for the reference.
    pub sync_interval: Option<&'static str>,
    pub payload_bytes: usize,
    pub work: JsWork,
}

#[derive(Clone, Copy, Debug)]
pub enum JsWork {
    /// At most `window` publishes are not acknowledged at any time.
    Publish {
        window: u64,
    },
    Pull(Pulled),
    /// So many messages are published, then memory is read.
    Held {
        messages: u64,
    },
    /// So many messages are published, the server is killed and started again.
    Recover {
        messages: u64,
    },
}

/// A server in operator mode with a folder of accounts (a full resolver).
#[derive(Clone, Copy, Debug)]
pub struct OperatorMode {
    pub accounts: usize,
    pub work: TokenWork,
}

#[derive(Clone, Copy, Debug)]
pub enum TokenWork {
    /// From the start to INFO.
    Start,
    /// Connect with token and signed nonce, PING, close; again and again, in one account.
    Storm { at_once: usize },
    /// One connection in each account, none of which the server has loaded.
    Visit { at_once: usize },
    /// The token of each account is asked for over the system account.
    Lookup,
    /// The whole folder is handed to a server that has nothing.
    Pack,
    /// The whole folder of another server comes to this one, which has nothing.
    Merge,
}

/// A durable consumer with explicit acknowledgements gives out so many messages.
#[derive(Clone, Copy, Debug)]
pub struct Pulled {
    pub messages: u64,
    /// Of one request; divides `messages`.
    pub batch: u64,
    /// The most messages that are asked for and have not come. More than `batch`: requests overlap.
    pub ahead: u64,
}

const JS_FILE: JetStream = JetStream {
    in_memory: false,
    sync_interval: None,
    payload_bytes: 128,
    work: JsWork::Publish { window: 1000 },
};

/// 1 publisher, 1 receiver, 128 bytes: what the other streams differ from.
const ONE_TO_ONE: Stream = Stream {
    publishers: 1,
    receivers: 1,
    queue_group: false,
    payload_bytes: 128,
    subjects: Subjects::One,
    in_flight_max: None,
    churn_per_second: 0,
};

const fn rate_at_least(ratio: f64) -> Bar {
    Bar {
        metric: Metric::RatePerSecond,
        limit: Limit::RatioAtLeast(ratio),
    }
}

const fn cpu_at_most(ratio: f64) -> Bar {
    Bar {
        metric: Metric::CpuSecondsPerMillion,
        limit: Limit::RatioAtMost(ratio),
    }
}

const fn at_most(metric: Metric, value: f64) -> Bar {
    Bar {
        metric,
        limit: Limit::AtMost(value),
    }
}

const P99_LOWER: Bar = Bar {
    metric: Metric::LatencyP99Us,
    limit: Limit::RatioAtMost(1.0),
};

const MANY: usize = usize::MAX;
/// In the folder of a resolver.
const ACCOUNTS: usize = 10_000;

/// All cases, in the order of the table.
pub const CASES: &[Case] = &[
    Case {
        name: "publish-16",
        title: "publish, nobody listens, 16 B",
        counts: "messages",
        workload: Workload::Stream(Stream {
            receivers: 0,
            payload_bytes: 16,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(2.0), cpu_at_most(0.4)],
        pairs_max: MANY,
    },
    Case {
        name: "1to1-128",
        title: "1 publisher -> 1 subscriber, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(ONE_TO_ONE),
        bars: &[rate_at_least(2.5), cpu_at_most(0.35)],
        pairs_max: MANY,
    },
    Case {
        name: "1to1-1k",
        title: "1 publisher -> 1 subscriber, 1 KiB",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            payload_bytes: 1024,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(1.4), cpu_at_most(0.6)],
        pairs_max: MANY,
    },
    Case {
        name: "1to1-16k",
        title: "1 publisher -> 1 subscriber, 16 KiB",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            payload_bytes: 16 * 1024,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(1.0), cpu_at_most(0.9)],
        pairs_max: MANY,
    },
    Case {
        name: "fanout-4",
        title: "fan-out 1 -> 4, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            receivers: 4,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(2.5), cpu_at_most(0.35)],
        pairs_max: MANY,
    },
    Case {
        name: "fanout-100",
        title: "fan-out 1 -> 100, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            receivers: 100,
            in_flight_max: Some(2_000_000),
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(2.5), cpu_at_most(0.35)],
        pairs_max: MANY,
    },
    Case {
        name: "fanout-1000",
        title: "fan-out 1 -> 1,000, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            receivers: 1000,
            in_flight_max: Some(2_000_000),
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(2.5), cpu_at_most(0.35)],
        pairs_max: MANY,
    },
    Case {
        name: "queue-4",
        title: "queue group of 4, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            receivers: 4,
            queue_group: true,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(2.5), cpu_at_most(0.35)],
        pairs_max: MANY,
    },
    Case {
        name: "4to4-128",
        title: "4 publishers -> 4 subscribers of all, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            publishers: 4,
            receivers: 4,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(2.5), cpu_at_most(0.35)],
        pairs_max: MANY,
    },
    Case {
        name: "subjects-100k",
        title: "100,000 literal subscriptions, one message each in turn, 128 B",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            subjects: Subjects::Numbered(100_000),
            ..ONE_TO_ONE
        }),
        bars: &[
            rate_at_least(3.0),
            cpu_at_most(0.35),
            at_most(Metric::RssBytesPerSubscription, 400.0),
        ],
        pairs_max: MANY,
    },
    Case {
        name: "subjects-100k-churn",
        title: "the same while 1,000 subscriptions come and go per second",
        counts: "deliveries",
        workload: Workload::Stream(Stream {
            subjects: Subjects::Numbered(100_000),
            churn_per_second: 1000,
            ..ONE_TO_ONE
        }),
        bars: &[rate_at_least(3.0)],
        pairs_max: MANY,
    },
    Case {
        name: "request-1",
        title: "request/reply, 1 client, 128 B",
        counts: "requests",
        workload: Workload::Requests(Requests {
            clients: 1,
            payload_bytes: 128,
        }),
        bars: &[rate_at_least(1.3), cpu_at_most(0.5), P99_LOWER],
        pairs_max: MANY,
    },
    Case {
        name: "request-32",
        title: "request/reply, 32 clients, 128 B",
        counts: "requests",
        workload: Workload::Requests(Requests {
            clients: 32,
            payload_bytes: 128,
        }),
        bars: &[rate_at_least(1.4), cpu_at_most(0.65), P99_LOWER],
        pairs_max: MANY,
    },
    Case {
        name: "idle-9000",
        title: "9,000 idle connections",
        counts: "connections",
        workload: Workload::IdleConnections(IdleConnections {
            connections: 9000,
            tls: false,
        }),
        bars: &[at_most(Metric::RssBytesPerConnection, 4000.0)],
        pairs_max: 3,
    },
    Case {
        name: "idle-9000-tls",
        title: "9,000 idle connections with TLS",
        counts: "connections",
        workload: Workload::IdleConnections(IdleConnections {
            connections: 9000,
            tls: true,
        }),
        bars: &[at_most(Metric::RssBytesPerConnection, 12_000.0)],
        pairs_max: 3,
    },
    Case {
        name: "connect",
        title: "connections per second",
        counts: "connections",
        workload: Workload::ConnectionStorm(ConnectionStorm { at_once: 16 }),
        bars: &[rate_at_least(1.8), cpu_at_most(0.4)],
        pairs_max: MANY,
    },
    Case {
        name: "connect-jwt",
        title: "connections per second with JWT and signed nonce",
        counts: "connections",
        workload: Workload::OperatorMode(OperatorMode {
            accounts: 1,
            work: TokenWork::Storm { at_once: 16 },
        }),
        bars: &[rate_at_least(1.0), cpu_at_most(1.0)],
        pairs_max: MANY,
    },
    Case {
        name: "accounts-start",
        title: "start with 10,000 accounts in a full resolver",
        counts: "accounts",
        workload: Workload::OperatorMode(OperatorMode {
            accounts: ACCOUNTS,
            work: TokenWork::Start,
        }),
        bars: &[
            Bar {
                metric: Metric::StartMs,
                limit: Limit::RatioAtMost(1.0),
            },
            Bar {
                metric: Metric::IdleRssBytes,
                limit: Limit::RatioAtMost(1.0),
            },
        ],
        pairs_max: 5,
    },
    Case {
        name: "accounts-visit",
        title: "first connection in each of 10,000 accounts",
        counts: "connections",
        workload: Workload::OperatorMode(OperatorMode {
            accounts: ACCOUNTS,
            work: TokenWork::Visit { at_once: 8 },
        }),
        bars: &[
            rate_at_least(1.0),
            cpu_at_most(1.0),
            Bar {
                metric: Metric::HeldRssBytes,
                limit: Limit::RatioAtMost(1.0),
            },
        ],
        pairs_max: 5,
    },
    Case {
        name: "accounts-lookup",
        title: "lookup of 10,000 tokens over the system account",
        counts: "lookups",
        workload: Workload::OperatorMode(OperatorMode {
            accounts: ACCOUNTS,
            work: TokenWork::Lookup,
        }),
        bars: &[rate_at_least(1.0), cpu_at_most(1.0)],
        pairs_max: 5,
    },
    Case {
        name: "accounts-pack",
        title: "pack of 10,000 tokens",
        counts: "tokens",
        workload: Workload::OperatorMode(OperatorMode {
            accounts: ACCOUNTS,
            work: TokenWork::Pack,
        }),
        bars: &[rate_at_least(1.0), cpu_at_most(1.0)],
        pairs_max: 5,
    },
    Case {
        name: "accounts-merge",
        title: "a pack of 10,000 tokens comes to an empty folder (ours synced to disk, the reference's not)",
        counts: "tokens",
        workload: Workload::OperatorMode(OperatorMode {
            accounts: ACCOUNTS,
            work: TokenWork::Merge,
        }),
        bars: &[cpu_at_most(1.0)],
        pairs_max: 3,
    },
    Case {
        name: "js-publish-memory",
        title: "JetStream publish, memory, window of 1,000",
        counts: "acknowledgements",
        workload: Workload::JetStream(JetStream {
            in_memory: true,
            ..JS_FILE
        }),
        bars: &[rate_at_least(2.0), cpu_at_most(0.5)],
        pairs_max: MANY,
    },
    Case {
        name: "js-publish-file",
        title: "JetStream publish, file, window of 1,000: ours durable, the reference not",
        counts: "acknowledgements",
        workload: Workload::JetStream(JS_FILE),
        bars: &[rate_at_least(1.0)],
        pairs_max: MANY,
    },
    Case {
        name: "js-publish-file-unsynced",
        title: "JetStream publish, file, window of 1,000, both with syncing every 2 minutes",
        counts: "acknowledgements",
        workload: Workload::JetStream(JetStream {
            sync_interval: Some("2m"),
            ..JS_FILE
        }),
        bars: &[rate_at_least(1.5)],
        pairs_max: MANY,
    },
    Case {
        name: "js-publish-file-synced",
        title: "JetStream publish, file, window of 1,000, both durable",
        counts: "acknowledgements",
        workload: Workload::JetStream(JetStream {
            sync_interval: Some("always"),
            ..JS_FILE
        }),
        bars: &[rate_at_least(50.0)],
        pairs_max: 5,
    },
    Case {
        name: "js-publish-one",
        title: "JetStream publish, file, one at a time, both durable",
        counts: "acknowledgements",
        workload: Workload::JetStream(JetStream {
            sync_interval: Some("always"),
            work: JsWork::Publish { window: 1 },
            ..JS_FILE
        }),
        bars: &[
            rate_at_least(3.0),
            at_most(Metric::LatencyP99Us, 1000.0),
            Bar {
                metric: Metric::LatencyP50Us,
                limit: Limit::RatioAtMost(1.0),
            },
        ],
        pairs_max: MANY,
    },
    Case {
        name: "js-fetch",
        title: "JetStream fetch, file, batches of 500, acknowledged",
        counts: "messages",
        workload: Workload::JetStream(JetStream {
            work: JsWork::Pull(Pulled {
                messages: 500_000,
                batch: 500,
                ahead: 500,
            }),
            ..JS_FILE
        }),
        bars: &[rate_at_least(1.5), cpu_at_most(0.5)],
        pairs_max: MANY,
    },
    Case {
        name: "js-consume",
        title: "JetStream consume, file, requests overlap, acknowledged",
        counts: "messages",
        workload: Workload::JetStream(JetStream {
            work: JsWork::Pull(Pulled {
                messages: 500_000,
                batch: 500,
                ahead: 1000,
            }),
            ..JS_FILE
        }),
        bars: &[rate_at_least(1.5), cpu_at_most(0.5)],
        pairs_max: MANY,
    },
    Case {
        name: "js-held-memory",
        title: "1 M messages of 128 B in a memory stream",
        counts: "messages",
        workload: Workload::JetStream(JetStream {
            in_memory: true,
            work: JsWork::Held {
                messages: 1_000_000,
            },
            ..JS_FILE
        }),
        bars: &[at_most(Metric::HeldRssBytes, 220_000_000.0)],
        pairs_max: 3,
    },
    Case {
        name: "js-held-file",
        title: "1 M messages of 128 B in a file stream",
        counts: "messages",
        workload: Workload::JetStream(JetStream {
            work: JsWork::Held {
                messages: 1_000_000,
            },
            ..JS_FILE
        }),
        bars: &[at_most(Metric::HeldRssBytes, 30_000_000.0)],
        pairs_max: 3,
    },
    Case {
        name: "js-recover",
        title: "5 M messages of 128 B after kill -9",
        counts: "messages",
        workload: Workload::JetStream(JetStream {
            work: JsWork::Recover {
                messages: 5_000_000,
            },
            ..JS_FILE
        }),
        bars: &[
            Bar {
                metric: Metric::RecoveryMs,
                limit: Limit::RatioAtMost(1.0),
            },
            at_most(Metric::HeldRssBytes, 41_000_000.0),
        ],
        pairs_max: 3,
    },
    Case {
        name: "start",
        title: "start to first PONG; idle RSS",
        counts: "starts",
        workload: Workload::Start,
        bars: &[
            at_most(Metric::StartMs, 5.0),
            at_most(Metric::IdleRssBytes, 6_000_000.0),
        ],
        pairs_max: MANY,
    },
    Case {
        name: "binary",
        title: "size of the binary",
        counts: "binaries",
        workload: Workload::BinarySize,
        bars: &[at_most(Metric::BinaryBytes, 12_000_000.0)],
        pairs_max: 1,
    },
];

/// The case of this name.
pub fn named(name: &str) -> Option<&'static Case> {
    CASES.iter().find(|case| case.name == name)
}

impl Limit {
    pub fn is_met(self, ratio: Option<f64>, value: Option<f64>) -> Option<bool> {
        match self {
            Limit::RatioAtLeast(bar) => ratio.map(|ratio| ratio >= bar),
            Limit::RatioAtMost(bar) => ratio.map(|ratio| ratio <= bar),
            Limit::AtMost(bar) => value.map(|value| value <= bar),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_row_has_a_bar() {
        for (place, case) in CASES.iter().enumerate() {
            assert!(
                CASES[place + 1..]
                    .iter()
                    .all(|other| other.name != case.name)
            );
            assert!(!case.bars.is_empty(), "{}", case.name);
            assert!(case.pairs_max > 0);
            assert_eq!(named(case.name).map(|found| found.name), Some(case.name));
        }
    }

    #[test]
    fn every_stream_fits_the_fixed_width_frames() {
        for case in CASES {
            if let Workload::Stream(stream) = case.workload {
                assert!(
                    stream.payload_bytes >= crate::wire::STAMP_BYTES,
                    "{}",
                    case.name
                );
                assert!(stream.publishers > 0, "{}", case.name);
                if let Subjects::Numbered(count) = stream.subjects {
                    assert!(count <= crate::wire::NUMBERED_MAX, "{}", case.name);
                    // The counter checks one order; several publishers or receivers have none.
                    assert!(
                        stream.publishers == 1 && stream.receivers == 1,
                        "{}",
                        case.name
                    );
                }
            }
        }
    }

    #[test]
    fn a_bar_is_neither_met_nor_missed_without_a_figure() {
        assert_eq!(Limit::RatioAtLeast(2.0).is_met(None, Some(9.0)), None);
        assert_eq!(Limit::RatioAtLeast(2.0).is_met(Some(2.0), None), Some(true));
        assert_eq!(
            Limit::RatioAtMost(0.4).is_met(Some(0.41), None),
            Some(false)
        );
        assert_eq!(Limit::AtMost(5.0).is_met(Some(0.1), Some(5.1)), Some(false));
    }
}
