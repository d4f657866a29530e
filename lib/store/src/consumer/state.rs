//! A consumer's durable state and what a delta does to it.

use std::collections::BTreeMap;

use super::delta::ConsumerDelta;
use super::unacked::{Unacked, UnackedSet};

/// A place among a consumer's deliveries and in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    pub consumer: u64,
    pub stream: u64,
}

impl Place {
    /// The place `steps` deliveries on, when every message is delivered.
    fn plus(self, steps: u64) -> Self {
        Self {
            consumer: self.consumer.saturating_add(steps),
            stream: self.stream.saturating_add(steps),
        }
    }
}

/// Everything that a consumer needs to go on where it was, besides its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsumerState {
    /// The last delivery. Its stream sequence is the highest one delivered.
    pub delivered: Place,
    /// Everything up to here is acknowledged or gone.
    pub ack_floor: Place,
    pub unacked: UnackedSet,
    /// How often messages were delivered again, by stream sequence. Those that were given up stay here until they leave the stream.
    pub redelivered: BTreeMap<u64, u64>,
}

impl ConsumerState {
    /// The state of a consumer whose first delivery will be looked for from `next` on.
    pub fn starting_at(next: u64) -> Self {
        let place = Place {
            consumer: 0,
            stream: next.saturating_sub(1),
        };
        Self {
            delivered: place,
            ack_floor: place,
            ..Self::default()
        }
    }

    /// How often a message was delivered so far, if at all.
    pub fn deliveries(&self, stream: u64) -> u64 {
        self.redelivered
            .get(&stream)
            .map_or(1, |again| again.saturating_add(1))
    }

    /// Does what the delta says. One that does not fit (a message that does not wait, say) changes nothing.
    pub fn apply(&mut self, delta: &ConsumerDelta) {
        match *delta {
            ConsumerDelta::Started { next } => *self = Self::starting_at(next),
            ConsumerDelta::Delivered {
                first,
                count,
                time,
                wait,
            } => {
                self.delivered = first.plus(count.saturating_sub(1));
                if !wait {
                    self.ack_floor = self.delivered;
                    return;
                }
                for place in (0..count).map(|step| first.plus(step)) {
                    self.unacked.insert(Unacked {
                        stream: place.stream,
                        consumer: place.consumer,
                        time,
                    });
                }
            }
            ConsumerDelta::Redelivered {
                stream,
                consumer,
                deliveries,
                time,
            } => {
                self.delivered.consumer = self.delivered.consumer.max(consumer);
                self.unacked.set_time(stream, time);
                self.count_redelivery(stream, deliveries.saturating_sub(1));
            }
            ConsumerDelta::Deferred { stream, time } => {
                self.unacked.set_time(stream, time);
            }
            ConsumerDelta::Acked { stream } => {
                self.redelivered.remove(&stream);
                self.settle(stream);
            }
            ConsumerDelta::AckedThrough { place } => self.settle_through(place),
            ConsumerDelta::GivenUp { stream, deliveries } => {
                self.settle(stream);
                self.count_redelivery(stream, deliveries);
            }
            ConsumerDelta::Forgotten { stream } => {
                self.redelivered.remove(&stream);
            }
            ConsumerDelta::Moved {
                delivered,
                ack_floor,
            } => {
                self.settle_through(ack_floor);
                self.delivered = delivered;
            }
        }
    }

    fn count_redelivery(&mut self, stream: u64, times: u64) {
        let known = self.redelivered.entry(stream).or_default();
        *known = (*known).max(times);
    }

    /// Takes one out of those that wait and moves the floor up to the next that does.
    fn settle(&mut self, stream: u64) {
        let Some(taken) = self.unacked.remove(stream) else {
            return;
        };
        if self.unacked.is_empty() {
            self.ack_floor = self.delivered;
        } else if Some(taken.consumer) == self.ack_floor.consumer.checked_add(1) {
            self.ack_floor = match self.unacked.first_after(stream) {
                Some(next) => Place {
                    consumer: next.consumer.saturating_sub(1),
                    stream: next.stream.saturating_sub(1),
                },
                None => Place {
                    consumer: taken.consumer,
                    stream,
                },
            };
        }
    }

    fn settle_through(&mut self, place: Place) {
        let redelivered = &mut self.redelivered;
        self.unacked.remove_through(place.stream, |taken| {
            redelivered.remove(&taken.stream);
        });
        self.ack_floor = place;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Timestamp;

    fn delivered(stream: u64, consumer: u64, count: u64) -> ConsumerDelta {
        ConsumerDelta::Delivered {
            first: Place { consumer, stream },
            count,
            time: Timestamp(7),
            wait: true,
        }
    }

    fn place(consumer: u64, stream: u64) -> Place {
        Place { consumer, stream }
    }

    #[test]
    fn the_floor_follows_the_first_delivery_that_waits() {
        let mut state = ConsumerState::starting_at(10);
        assert_eq!(state.ack_floor, place(0, 9));
        state.apply(&delivered(10, 1, 2));
        state.apply(&delivered(20, 3, 2));
        state.apply(&ConsumerDelta::Acked { stream: 11 });
        assert_eq!(state.ack_floor, place(0, 9), "10 still waits");
        state.apply(&ConsumerDelta::Acked { stream: 10 });
        assert_eq!(state.ack_floor, place(2, 19));
        state.apply(&ConsumerDelta::Acked { stream: 21 });
        state.apply(&ConsumerDelta::Acked { stream: 20 });
        assert_eq!(state.ack_floor, place(4, 21));
        assert_eq!(state.delivered, state.ack_floor);
    }

    #[test]
    fn redeliveries_count_without_a_new_place_for_the_message() {
        let mut state = ConsumerState::starting_at(1);
        state.apply(&delivered(1, 1, 1));
        assert_eq!(state.deliveries(1), 1);
        state.apply(&ConsumerDelta::Redelivered {
            stream: 1,
            consumer: 2,
            deliveries: 2,
            time: Timestamp(9),
        });
        assert_eq!((state.deliveries(1), state.delivered), (2, place(2, 1)));
        let waits = state.unacked.get(1).copied();
        assert_eq!(waits.map(|w| (w.consumer, w.time)), Some((1, Timestamp(9))));
        state.apply(&ConsumerDelta::GivenUp {
            stream: 1,
            deliveries: 2,
        });
        assert_eq!((state.unacked.len(), state.ack_floor), (0, place(2, 1)));
        assert_eq!(state.redelivered.get(&1), Some(&2));
        state.apply(&ConsumerDelta::Forgotten { stream: 1 });
        assert!(state.redelivered.is_empty());
    }

    #[test]
    fn deliveries_join_only_when_nothing_lies_between() {
        let mut run = delivered(1, 1, 1);
        assert!(run.join(&delivered(2, 2, 3)));
        assert_eq!(run, delivered(1, 1, 4));
        assert!(!run.join(&delivered(6, 5, 1)), "a gap in the stream");
        assert!(!run.join(&delivered(5, 6, 1)), "a redelivery between");
        assert!(!run.join(&ConsumerDelta::Acked { stream: 5 }));
    }
}
