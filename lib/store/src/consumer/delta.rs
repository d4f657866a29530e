//! One change of a consumer's durable state.

use super::state::Place;
use crate::message::Timestamp;

/// A change, small enough to be logged for every delivery. Applied by [`super::ConsumerState::apply`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerDelta {
    /// A new beginning: nothing delivered, the next message is looked for from `next` on. Creation and reset.
    Started { next: u64 },
    /// Messages that follow one another without a gap, in the stream and in the consumer, were delivered for the first time.
    Delivered {
        first: Place,
        /// How many, at least one. Whoever reads this back bounds it: each that waits costs an entry.
        count: u64,
        time: Timestamp,
        /// They wait for an acknowledgement. Otherwise the floor follows at once.
        wait: bool,
    },
    /// A message that waits was delivered again, as number `consumer` of the consumer's deliveries.
    Redelivered {
        stream: u64,
        consumer: u64,
        /// How often it was delivered by now, at least two.
        deliveries: u64,
        time: Timestamp,
    },
    /// The time from which a message's acknowledgement is waited for is another one.
    Deferred { stream: u64, time: Timestamp },
    /// One message waits no longer: acknowledged, terminated, or gone from the stream.
    Acked { stream: u64 },
    /// A message and all before it wait no longer.
    AckedThrough { place: Place },
    /// A message was delivered as often as allowed; it waits no longer and is remembered as undelivered.
    GivenUp { stream: u64, deliveries: u64 },
    /// How often a message that does not wait was delivered is of no interest any more.
    Forgotten { stream: u64 },
    /// Both places are somewhere else, because messages before them went away. What waits at or below the floor does so no longer.
    Moved { delivered: Place, ack_floor: Place },
}

impl ConsumerDelta {
    /// Takes `next` into this delta if both together are one run of deliveries.
    #[must_use]
    pub fn join(&mut self, next: &Self) -> bool {
        let (
            Self::Delivered {
                first,
                count,
                time,
                wait,
            },
            Self::Delivered {
                first: next_first,
                count: next_count,
                time: next_time,
                wait: next_wait,
            },
        ) = (self, next)
        else {
            return false;
        };
        let follows = first.stream.checked_add(*count) == Some(next_first.stream)
            && first.consumer.checked_add(*count) == Some(next_first.consumer);
        if !follows || *time != *next_time || *wait != *next_wait {
            return false;
        }
        *count = count.saturating_add(*next_count);
        true
    }
}
