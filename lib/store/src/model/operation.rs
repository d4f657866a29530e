//! Random operations on a store, small enough to shrink and to read.

use proptest::collection::{SizeRange, vec};
use proptest::option;
use proptest::prelude::*;

use crate::state::Limits;
use crate::store::Filter;

/// A sequence relative to what the store holds when the operation runs: 0 is two before the first, [`u16::MAX`] two behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick(pub u16);

impl Pick {
    /// The sequence meant, in a store from `first` to `last`.
    pub fn sequence(self, first: u64, last: u64) -> u64 {
        let low = first.saturating_sub(2);
        let span = last.saturating_add(2).saturating_sub(low);
        low.saturating_add(span.saturating_mul(u64::from(self.0)) / u64::from(u16::MAX))
    }
}

/// A TTL relative to the message's time, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlChoice {
    Stream,
    After(u64),
    Never,
}

/// One step. Subjects and filters are indexes into [`subject`] and [`filter`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Append {
        subject: u8,
        headers: u16,
        payload: u16,
        /// Sequences left out before this message.
        gap: u64,
        /// Time passed since the step before; clocks step back now and then.
        elapsed: i64,
        ttl: TtlChoice,
    },
    Skip {
        by: u64,
    },
    Remove {
        at: Pick,
        secure: bool,
    },
    Purge {
        filter: u8,
        below: Option<Pick>,
        keep: Option<u64>,
    },
    SetLimits(Limits),
    Expire {
        elapsed: i64,
        most: usize,
    },
    Query {
        filter: u8,
        at: Pick,
        most: usize,
        /// Nanoseconds before now.
        ago: u64,
    },
    /// Close the store and open it again, where it has something to open.
    Restart,
}

const SUBJECTS: [&str; 16] = [
    "a",
    "a.b",
    "a.b.c",
    "a.b.d",
    "a.c",
    "ab",
    "b",
    "b.a",
    "b.x.y",
    "b.x.z",
    "orders.1",
    "orders.10",
    "orders.11",
    "orders.2",
    "orders.200000001",
    "ä.b",
];

/// The literal subject with this number.
pub fn subject(index: u8) -> &'static [u8] {
    SUBJECTS[usize::from(index) % SUBJECTS.len()].as_bytes()
}

const FILTERS: [&[&str]; 15] = [
    &[],
    &["a"],
    &["a.>"],
    &["a.*"],
    &["*"],
    &["*.b"],
    &["*.*.*"],
    &["orders.*"],
    &["orders.1", "orders.2", "b.>"],
    &["a.b", "*.x.*"],
    &["nothing.here"],
    &["b.*.y", "a.*.c", "ab"],
    &["*.>"],
    &["orders.1*"],
    &["a.b.c"],
];

/// The filter with this number: all, literals, wildcards, several patterns, nothing.
pub fn filter(index: u8) -> Filter {
    Filter::any(FILTERS[usize::from(index) % FILTERS.len()])
}

/// Sequences of operations, `length` of them.
pub fn operations(length: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), length)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        12 => append(),
        1 => (0u64..40).prop_map(|by| Operation::Skip { by }),
        4 => (pick(), any::<bool>()).prop_map(|(at, secure)| Operation::Remove { at, secure }),
        2 => purge(),
        1 => limits().prop_map(Operation::SetLimits),
        2 => (elapsed(), 0usize..6).prop_map(|(elapsed, most)| Operation::Expire { elapsed, most }),
        6 => (any::<u8>(), pick(), 0usize..9, 0u64..3000)
            .prop_map(|(filter, at, most, ago)| Operation::Query { filter, at, most, ago }),
        1 => Just(Operation::Restart),
    ]
}

fn append() -> impl Strategy<Value = Operation> {
    let gap = prop_oneof![8 => Just(0u64), 1 => 1u64..5, 1 => 5u64..100];
    let ttl = prop_oneof![
        6 => Just(TtlChoice::Stream),
        2 => (1u64..2000).prop_map(TtlChoice::After),
        1 => Just(TtlChoice::Never),
    ];
    let headers = prop_oneof![3 => Just(0u16), 1 => 1u16..60];
    let payload = prop_oneof![8 => 0u16..200, 1 => 200u16..9000];
    // Few subjects get most messages, so that lists of sequences grow beyond their small form.
    let subject = prop_oneof![1 => 0u8..2, 1 => any::<u8>()];
    (subject, headers, payload, gap, elapsed(), ttl).prop_map(
        |(subject, headers, payload, gap, elapsed, ttl)| Operation::Append {
            subject,
            headers,
            payload,
            gap,
            elapsed,
            ttl,
        },
    )
}

fn purge() -> impl Strategy<Value = Operation> {
    (any::<u8>(), option::of(pick()), option::of(0u64..6)).prop_map(|(filter, below, keep)| {
        Operation::Purge {
            filter,
            // The two exclude each other.
            keep: if below.is_some() { None } else { keep },
            below,
        }
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    (
        option::of(1u64..40),
        option::of(1u64..4000),
        option::of(1u64..4),
        option::of(1u64..3000),
    )
        .prop_map(
            |(max_messages, max_bytes, max_per_subject, max_age)| Limits {
                max_messages,
                max_bytes,
                max_per_subject,
                max_age,
            },
        )
}

fn pick() -> impl Strategy<Value = Pick> {
    any::<u16>().prop_map(Pick)
}

fn elapsed() -> impl Strategy<Value = i64> {
    prop_oneof![12 => 0i64..100, 1 => 100i64..2000, 1 => -50i64..0]
}
