//! States and deltas of consumers as bytes.

use super::{ConsumerDelta, ConsumerState, Place, Unacked};
use crate::codec::{Reader, put_signed, put_varint};
use crate::message::Timestamp;

/// First byte of a state; a later form gets another.
const STATE_VERSION: u8 = 1;

/// Deliveries in one delta at most: each that waits costs an entry in memory.
const DELIVERED_MAX: u64 = 1 << 24;

pub fn put_state(to: &mut Vec<u8>, state: &ConsumerState) {
    to.push(STATE_VERSION);
    put_place(to, state.delivered);
    put_place(to, state.ack_floor);
    put_varint(to, state.unacked.len() as u64);
    let mut before = Unacked {
        stream: 0,
        consumer: 0,
        time: Timestamp(0),
    };
    for entry in state.unacked.iter() {
        put_varint(to, entry.stream.wrapping_sub(before.stream));
        put_signed(to, distance(before.consumer, entry.consumer));
        put_signed(to, entry.time.0.wrapping_sub(before.time.0));
        before = *entry;
    }
    put_varint(to, state.redelivered.len() as u64);
    let mut before = 0_u64;
    for (stream, times) in &state.redelivered {
        put_varint(to, stream.wrapping_sub(before));
        put_varint(to, *times);
        before = *stream;
    }
}

pub fn read_state(bytes: &[u8]) -> Option<ConsumerState> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != STATE_VERSION {
        return None;
    }
    let mut state = ConsumerState {
        delivered: read_place(&mut reader)?,
        ack_floor: read_place(&mut reader)?,
        ..ConsumerState::default()
    };
    let mut before = Unacked {
        stream: 0,
        consumer: 0,
        time: Timestamp(0),
    };
    for _ in 0..reader.varint()? {
        before = Unacked {
            stream: before.stream.checked_add(reader.varint()?)?,
            consumer: step(before.consumer, reader.signed()?),
            time: Timestamp(before.time.0.wrapping_add(reader.signed()?)),
        };
        state.unacked.insert(before);
    }
    let mut stream = 0_u64;
    for _ in 0..reader.varint()? {
        stream = stream.checked_add(reader.varint()?)?;
        state.redelivered.insert(stream, reader.varint()?);
    }
    reader.is_empty().then_some(state)
}

fn distance(from: u64, to: u64) -> i64 {
    i64::from_ne_bytes(to.wrapping_sub(from).to_ne_bytes())
}

fn step(from: u64, distance: i64) -> u64 {
    from.wrapping_add(u64::from_ne_bytes(distance.to_ne_bytes()))
}

fn put_place(to: &mut Vec<u8>, place: Place) {
    put_varint(to, place.consumer);
    put_varint(to, place.stream);
}

fn read_place(reader: &mut Reader<'_>) -> Option<Place> {
    Some(Place {
        consumer: reader.varint()?,
        stream: reader.varint()?,
    })
}

pub fn put_delta(to: &mut Vec<u8>, delta: &ConsumerDelta) {
    match *delta {
        ConsumerDelta::Started { next } => {
            to.push(1);
            put_varint(to, next);
        }
        ConsumerDelta::Delivered {
            first,
            count,
            time,
            wait,
        } => {
            to.push(if wait { 2 } else { 3 });
            put_place(to, first);
            put_varint(to, count);
            put_signed(to, time.0);
        }
        ConsumerDelta::Redelivered {
            stream,
            consumer,
            deliveries,
            time,
        } => {
            to.push(4);
            put_varint(to, stream);
            put_varint(to, consumer);
            put_varint(to, deliveries);
            put_signed(to, time.0);
        }
        ConsumerDelta::Deferred { stream, time } => {
            to.push(5);
            put_varint(to, stream);
            put_signed(to, time.0);
        }
        ConsumerDelta::Acked { stream } => {
            to.push(6);
            put_varint(to, stream);
        }
        ConsumerDelta::AckedThrough { place } => {
            to.push(7);
            put_place(to, place);
        }
        ConsumerDelta::GivenUp { stream, deliveries } => {
            to.push(8);
            put_varint(to, stream);
            put_varint(to, deliveries);
        }
        ConsumerDelta::Forgotten { stream } => {
            to.push(9);
            put_varint(to, stream);
        }
        ConsumerDelta::Moved {
            delivered,
            ack_floor,
        } => {
            to.push(10);
            put_place(to, delivered);
            put_place(to, ack_floor);
        }
    }
}

/// Reads the delta at the front.
pub fn read_delta(reader: &mut Reader<'_>) -> Option<ConsumerDelta> {
    let delta = match reader.u8()? {
        1 => ConsumerDelta::Started {
            next: reader.varint()?,
        },
        code @ (2 | 3) => ConsumerDelta::Delivered {
            first: read_place(reader)?,
            count: reader.varint().filter(|count| *count <= DELIVERED_MAX)?,
            time: Timestamp(reader.signed()?),
            wait: code == 2,
        },
        4 => ConsumerDelta::Redelivered {
            stream: reader.varint()?,
            consumer: reader.varint()?,
            deliveries: reader.varint()?,
            time: Timestamp(reader.signed()?),
        },
        5 => ConsumerDelta::Deferred {
            stream: reader.varint()?,
            time: Timestamp(reader.signed()?),
        },
        6 => ConsumerDelta::Acked {
            stream: reader.varint()?,
        },
        7 => ConsumerDelta::AckedThrough {
            place: read_place(reader)?,
        },
        8 => ConsumerDelta::GivenUp {
            stream: reader.varint()?,
            deliveries: reader.varint()?,
        },
        9 => ConsumerDelta::Forgotten {
            stream: reader.varint()?,
        },
        10 => ConsumerDelta::Moved {
            delivered: read_place(reader)?,
            ack_floor: read_place(reader)?,
        },
        _ => return None,
    };
    Some(delta)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        (any::<u64>(), any::<u64>()).prop_map(|(consumer, stream)| Place { consumer, stream })
    }

    fn delta() -> impl Strategy<Value = ConsumerDelta> {
        let time = any::<i64>().prop_map(Timestamp);
        prop_oneof![
            any::<u64>().prop_map(|next| ConsumerDelta::Started { next }),
            (place(), 0..DELIVERED_MAX, time.clone(), any::<bool>()).prop_map(
                |(first, count, time, wait)| ConsumerDelta::Delivered {
                    first,
                    count,
                    time,
                    wait
                }
            ),
            (any::<u64>(), any::<u64>(), any::<u64>(), time.clone()).prop_map(
                |(stream, consumer, deliveries, time)| ConsumerDelta::Redelivered {
                    stream,
                    consumer,
                    deliveries,
                    time
                }
            ),
            (any::<u64>(), time)
                .prop_map(|(stream, time)| ConsumerDelta::Deferred { stream, time }),
            any::<u64>().prop_map(|stream| ConsumerDelta::Acked { stream }),
            place().prop_map(|place| ConsumerDelta::AckedThrough { place }),
            (any::<u64>(), any::<u64>())
                .prop_map(|(stream, deliveries)| ConsumerDelta::GivenUp { stream, deliveries }),
            any::<u64>().prop_map(|stream| ConsumerDelta::Forgotten { stream }),
            (place(), place()).prop_map(|(delivered, ack_floor)| ConsumerDelta::Moved {
                delivered,
                ack_floor
            }),
        ]
    }

    proptest! {
        #[test]
        fn deltas_come_back_as_they_went(deltas in proptest::collection::vec(delta(), 0..20)) {
            let mut bytes = Vec::new();
            for delta in &deltas {
                put_delta(&mut bytes, delta);
            }
            let mut reader = Reader::new(&bytes);
            let mut back = Vec::new();
            while !reader.is_empty() {
                back.push(read_delta(&mut reader).unwrap());
            }
            prop_assert_eq!(back, deltas);
        }

        #[test]
        fn states_come_back_as_they_went(
            delivered in place(),
            ack_floor in place(),
            waiting in proptest::collection::btree_map(1_u64..10_000, (1_u64..10_000, any::<i64>()), 0..50),
            redelivered in proptest::collection::btree_map(any::<u64>(), any::<u64>(), 0..20),
        ) {
            let mut state = ConsumerState { delivered, ack_floor, redelivered, ..ConsumerState::default() };
            for (stream, (consumer, time)) in waiting {
                state.unacked.insert(Unacked { stream, consumer, time: Timestamp(time) });
            }
            let mut bytes = Vec::new();
            put_state(&mut bytes, &state);
            prop_assert_eq!(read_state(&bytes), Some(state));
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            let _ = read_state(&bytes);
            let mut reader = Reader::new(&bytes);
            while read_delta(&mut reader).is_some() {}
        }
    }
}
