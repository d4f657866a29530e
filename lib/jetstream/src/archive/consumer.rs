//! The state of a consumer as archives have it: JSON in the newer form, the reference server's own file in the older one.

use std::collections::BTreeMap;

use nats_api::jetstream::ConsumerConfig;
use nats_store::{ConsumerState, Place, Timestamp, Unacked};
use serde::{Deserialize, Serialize};

use crate::limits::ARCHIVE_SEQUENCE_MAX;

/// `{"config", "state"}`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Document {
    pub config: Option<Box<ConsumerConfig>>,
    pub state: Option<StateDocument>,
}

/// The reference server's document about a consumer's state.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StateDocument {
    delivered: Pair,
    ack_floor: Pair,
    /// By sequence in the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<BTreeMap<u64, Pending>>,
    /// How often a message was delivered again.
    #[serde(skip_serializing_if = "Option::is_none")]
    redelivered: Option<BTreeMap<u64, u64>>,
}

#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[serde(default)]
struct Pair {
    consumer_seq: u64,
    stream_seq: u64,
}

#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Pending {
    /// Number of the delivery.
    sequence: u64,
    /// Nanoseconds since 1970.
    timestamp: i64,
}

impl StateDocument {
    /// The state as far as it concerns messages up to `last`.
    pub fn bounded(state: &ConsumerState, last: u64) -> Self {
        let pair = |place: Place| Pair {
            consumer_seq: place.consumer,
            stream_seq: place.stream.min(last),
        };
        let pending: BTreeMap<u64, Pending> = state
            .unacked
            .iter()
            .filter(|waits| waits.stream <= last)
            .map(|waits| {
                let pending = Pending {
                    sequence: waits.consumer,
                    timestamp: waits.time.0,
                };
                (waits.stream, pending)
            })
            .collect();
        let redelivered: BTreeMap<u64, u64> = state
            .redelivered
            .range(..=last)
            .map(|(s, n)| (*s, *n))
            .collect();
        Self {
            delivered: pair(state.delivered),
            ack_floor: pair(state.ack_floor),
            pending: (!pending.is_empty()).then_some(pending),
            redelivered: (!redelivered.is_empty()).then_some(redelivered),
        }
    }

    /// The state, when its parts fit together.
    pub fn into_state(self) -> Result<ConsumerState, &'static str> {
        let pending = self.pending.unwrap_or_default();
        if pending.values().any(|waits| waits.sequence == 0) {
            return Err("a message waits that was never delivered");
        }
        checked(ConsumerState {
            delivered: place(self.delivered.consumer_seq, self.delivered.stream_seq),
            ack_floor: place(self.ack_floor.consumer_seq, self.ack_floor.stream_seq),
            unacked: pending
                .into_iter()
                .map(|(stream, waits)| Unacked {
                    stream,
                    consumer: waits.sequence,
                    time: Timestamp(waits.timestamp),
                })
                .collect(),
            redelivered: self.redelivered.unwrap_or_default(),
        })
    }
}

fn place(consumer: u64, stream: u64) -> Place {
    Place { consumer, stream }
}

/// What a consumer may rely on: the floor is not above what was delivered, and what waits lies between.
fn checked(state: ConsumerState) -> Result<ConsumerState, &'static str> {
    let (delivered, floor) = (state.delivered, state.ack_floor);
    if delivered.stream > ARCHIVE_SEQUENCE_MAX || delivered.consumer > ARCHIVE_SEQUENCE_MAX {
        return Err("it was delivered more than there can be");
    }
    if floor.consumer > delivered.consumer || floor.stream > delivered.stream {
        return Err("more is acknowledged than was delivered");
    }
    let fits = |waits: &Unacked| {
        waits.stream > floor.stream
            && waits.stream <= delivered.stream
            && waits.consumer > 0
            && waits.consumer <= delivered.consumer
    };
    if !state.unacked.iter().all(fits) {
        return Err("messages wait for an acknowledgement that were not delivered");
    }
    if state
        .redelivered
        .keys()
        .next_back()
        .is_some_and(|last| *last > delivered.stream)
    {
        return Err("messages were delivered again that were not delivered");
    }
    Ok(state)
}

/// First byte of files of the reference server's store.
pub const MAGIC: u8 = 22;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Reads `o.dat`: magic, version (1 or 2), then uvarints of floor and delivered (consumer, stream each), what waits behind its number
/// (distance to the floor, in version 2 also that of the delivery, seconds before a common time), what was delivered again likewise.
pub fn read_file(bytes: &[u8]) -> Result<ConsumerState, &'static str> {
    let mut numbers = Numbers(bytes);
    let version = match numbers.byte().zip(numbers.byte()) {
        Some((MAGIC, version @ (1 | 2))) => version,
        _ => return Err("its state has an unknown form"),
    };
    let state = read_numbers(&mut numbers, version).ok_or("its state is damaged")?;
    checked(state)
}

fn read_numbers(numbers: &mut Numbers<'_>, version: u8) -> Option<ConsumerState> {
    let floor = place(numbers.unsigned()?, numbers.unsigned()?);
    let mut delivered = place(numbers.unsigned()?, numbers.unsigned()?);
    if version == 1 {
        // There it is the distance to the floor, and one more.
        if floor.consumer > 1 {
            delivered.consumer = delivered
                .consumer
                .checked_add(floor.consumer)?
                .checked_sub(1)?;
        }
        if floor.stream > 1 {
            delivered.stream = delivered.stream.checked_add(floor.stream)?.checked_sub(1)?;
        }
    }
    let mut state = ConsumerState {
        delivered,
        ack_floor: floor,
        ..ConsumerState::default()
    };
    let waiting = numbers.unsigned()?;
    let base = match waiting {
        0 => 0,
        _ => numbers.signed()?,
    };
    let mut unacked = Vec::new();
    for _ in 0..waiting {
        let stream = numbers.unsigned()?.checked_add(floor.stream)?;
        let consumer = match version {
            2 => numbers.unsigned()?.checked_add(floor.consumer)?,
            // The first form does not know which delivery it was.
            _ => delivered.consumer,
        };
        let apart = numbers.signed()?;
        let seconds = match version {
            2 => base.checked_sub(apart)?,
            _ => base.checked_add(apart)?,
        };
        unacked.push(Unacked {
            stream,
            consumer,
            time: Timestamp(seconds.saturating_mul(NANOS_PER_SECOND)),
        });
    }
    // The file has them in no order; one by one in the wrong order would be slow.
    unacked.sort_unstable_by_key(|waits| waits.stream);
    state.unacked = unacked.into_iter().collect();
    for _ in 0..numbers.unsigned()? {
        let stream = numbers.unsigned()?.checked_add(floor.stream)?;
        state.redelivered.insert(stream, numbers.unsigned()?);
    }
    Some(state)
}

/// Numbers off the front of a file.
pub struct Numbers<'a>(pub &'a [u8]);

impl Numbers<'_> {
    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..70_u32).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let placed = bits.checked_shl(shift)?;
            if placed.checked_shr(shift) != Some(bits) {
                return None;
            }
            value |= placed;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub fn signed(&mut self) -> Option<i64> {
        let raw = self.unsigned()?;
        let magnitude = i64::try_from(raw >> 1).ok()?;
        Some(if raw & 1 == 0 { magnitude } else { !magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_does_not_fit_together_is_refused() {
        let table = [
            (
                r#"{"delivered":{"consumer_seq":1,"stream_seq":1},"ack_floor":{"consumer_seq":2,"stream_seq":1}}"#,
                false,
            ),
            (
                r#"{"delivered":{"consumer_seq":1,"stream_seq":1},"ack_floor":{"consumer_seq":1,"stream_seq":2}}"#,
                false,
            ),
            (
                r#"{"delivered":{"consumer_seq":2,"stream_seq":9},"pending":{"9":{"Sequence":2,"Timestamp":5}}}"#,
                true,
            ),
            (
                r#"{"delivered":{"consumer_seq":2,"stream_seq":9},"pending":{"10":{"Sequence":2,"Timestamp":5}}}"#,
                false,
            ),
            (
                r#"{"delivered":{"consumer_seq":2,"stream_seq":9},"pending":{"9":{"Sequence":3,"Timestamp":5}}}"#,
                false,
            ),
            (
                r#"{"delivered":{"consumer_seq":2,"stream_seq":9},"pending":{"9":{"Sequence":0,"Timestamp":5}}}"#,
                false,
            ),
            (
                r#"{"delivered":{"consumer_seq":2,"stream_seq":9},"redelivered":{"10":1}}"#,
                false,
            ),
            (
                r#"{"delivered":{"consumer_seq":2,"stream_seq":18446744073709551615}}"#,
                false,
            ),
            (r#"{}"#, true),
        ];
        for (text, fits) in table {
            let document: StateDocument = serde_json::from_str(text).unwrap();
            assert_eq!(document.into_state().is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn the_first_form_of_the_file_counts_from_the_floor() {
        // Floor (3, 5); delivered 2 and 4 behind it, and one more; one that waits: 2 behind the floor, 7 seconds after 100.
        let bytes = [22, 1, 3, 5, 3, 5, 1, 200, 1, 2, 14, 0];
        let state = read_file(&bytes).unwrap();
        assert_eq!(state.delivered, place(5, 9));
        let waits = state.unacked.get(7).copied().unwrap();
        assert_eq!(
            (waits.consumer, waits.time),
            (5, Timestamp(107 * NANOS_PER_SECOND))
        );
        for len in 0..bytes.len() {
            assert!(read_file(&bytes[..len]).is_err(), "{len}");
        }
    }
}
