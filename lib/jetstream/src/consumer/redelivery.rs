//! What is to be delivered again, and when an acknowledgement is overdue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use nats_store::Timestamp;

use super::waiting::earlier;

/// Messages to be delivered again, in the order in which that was decided.
#[derive(Debug, Default)]
pub(super) struct Again {
    order: VecDeque<(u64, u32)>,
    /// The place in `order` that counts; others are left over from a message that was taken out.
    tickets: BTreeMap<u64, u32>,
    next_ticket: u32,
}

impl Again {
    pub(super) fn len(&self) -> usize {
        self.tickets.len()
    }

    pub(super) fn contains(&self, stream: u64) -> bool {
        self.tickets.contains_key(&stream)
    }

    /// Puts a message at the end, unless it is in already.
    pub(super) fn push(&mut self, stream: u64) {
        if self.contains(stream) {
            return;
        }
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.tickets.insert(stream, self.next_ticket);
        self.order.push_back((stream, self.next_ticket));
    }

    /// The message that is next. It stays until it is [removed](Self::remove).
    pub(super) fn first(&mut self) -> Option<u64> {
        while let Some(&(stream, ticket)) = self.order.front() {
            if self.tickets.get(&stream) == Some(&ticket) {
                return Some(stream);
            }
            self.order.pop_front();
        }
        None
    }

    pub(super) fn remove(&mut self, stream: u64) {
        // Nearly always there is nothing to remove; the check keeps that cheap.
        if self.tickets.is_empty() || self.tickets.remove(&stream).is_none() {
            return;
        }
        if self.tickets.is_empty() {
            self.order = VecDeque::new();
        } else if self.order.len() > 2 * self.tickets.len() + 32 {
            let tickets = &self.tickets;
            self.order
                .retain(|(stream, ticket)| tickets.get(stream) == Some(ticket));
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn heap_size(&self) -> usize {
        self.order.capacity() * size_of::<(u64, u32)>() + self.tickets.len() * 24
    }
}

/// When acknowledgements are overdue.
///
/// Time only goes on, so messages with the same patience become overdue in the order in which they were delivered: one queue per patience
/// (`ack_wait`, or a step of `backoff`). Whatever does not fit in there (a NAK with a delay) goes into an ordered set. An entry that no
/// longer counts, because the message was acknowledged or delivered again since, stays until it is in front or until there are more of
/// those than others; so nothing is searched when an acknowledgement comes.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    lanes: Vec<VecDeque<Due>>,
    odd: BTreeSet<(Timestamp, u64)>,
    entries: usize,
}

#[derive(Debug, Clone, Copy)]
struct Due {
    at: Timestamp,
    stream: u64,
}

/// Fewer entries than this are not swept.
const SWEEP_MIN: usize = 64;

impl Overdue {
    /// Notes that `stream` is overdue at `at`; `lane` tells its patience.
    pub(super) fn note(&mut self, lane: usize, at: Timestamp, stream: u64) {
        self.entries += 1;
        if self.lanes.len() <= lane {
            self.lanes.resize_with(lane + 1, VecDeque::new);
        }
        match self.lanes.get_mut(lane) {
            Some(queue) if queue.back().is_none_or(|last| last.at <= at) => {
                queue.push_back(Due { at, stream });
            }
            _ => {
                self.note_odd(at, stream);
                self.entries -= 1;
            }
        }
    }

    /// Notes a time that has nothing to do with any patience.
    pub(super) fn note_odd(&mut self, at: Timestamp, stream: u64) {
        if self.odd.insert((at, stream)) {
            self.entries += 1;
        }
    }

    /// The earliest time at which something may be overdue.
    pub(super) fn first(&self) -> Option<Timestamp> {
        let lanes = self
            .lanes
            .iter()
            .filter_map(|lane| lane.front().map(|due| due.at))
            .min();
        earlier(lanes, self.odd.first().map(|(at, _)| *at))
    }

    /// Takes out what is overdue by `now`. `counts(stream, at)` says whether an entry still counts.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        counts: impl Fn(u64, Timestamp) -> bool,
        overdue: &mut Vec<u64>,
    ) {
        let from = overdue.len();
        for lane in &mut self.lanes {
            while let Some(due) = lane.front().copied() {
                let valid = counts(due.stream, due.at);
                if valid && due.at > now {
                    break;
                }
                lane.pop_front();
                self.entries -= 1;
                if valid {
                    overdue.push(due.stream);
                }
            }
            give_back(lane);
        }
        while let Some(&(at, stream)) = self.odd.first() {
            let valid = counts(stream, at);
            if valid && at > now {
                break;
            }
            self.odd.pop_first();
            self.entries -= 1;
            if valid {
                overdue.push(stream);
            }
        }
        if let Some(taken) = overdue.get_mut(from..) {
            taken.sort_unstable();
        }
        overdue.dedup();
    }

    /// Most of it does not count, when `live` messages wait.
    pub(super) fn is_crowded(&self, live: usize) -> bool {
        self.entries > SWEEP_MIN.max(2 * live)
    }

    /// Sweeps out what does not count.
    pub(super) fn tidy(&mut self, counts: impl Fn(u64, Timestamp) -> bool) {
        for lane in &mut self.lanes {
            lane.retain(|due| counts(due.stream, due.at));
            give_back(lane);
        }
        self.odd.retain(|(at, stream)| counts(*stream, *at));
        self.entries = self.odd.len() + self.lanes.iter().map(VecDeque::len).sum::<usize>();
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn heap_size(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(VecDeque::capacity).sum();
        lanes * size_of::<Due>()
            + self.lanes.capacity() * size_of::<VecDeque<Due>>()
            + self.odd.len() * 24
    }
}

/// Room for so many entries is not worth giving back.
const KEEP_CAPACITY: usize = 16;

/// A queue that was long once does not hold on to its room.
fn give_back(lane: &mut VecDeque<Due>) {
    let keep = lane.len().max(KEEP_CAPACITY);
    if lane.is_empty() && lane.capacity() > KEEP_CAPACITY {
        *lane = VecDeque::new();
    } else if lane.capacity() > 8 * keep {
        lane.shrink_to(2 * keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_was_taken_out_comes_back_at_the_end() {
        let mut again = Again::default();
        for stream in [5, 6, 7] {
            again.push(stream);
        }
        again.remove(5);
        again.push(5);
        again.push(6);
        let mut order = Vec::new();
        while let Some(stream) = again.first() {
            order.push(stream);
            again.remove(stream);
        }
        assert_eq!(order, [6, 7, 5]);
        assert_eq!(again.len(), 0);
    }

    #[test]
    fn what_is_overdue_comes_in_stream_order_and_once() {
        let mut overdue = Overdue::default();
        overdue.note(0, Timestamp(10), 9);
        overdue.note(0, Timestamp(20), 3);
        overdue.note(1, Timestamp(15), 4);
        overdue.note_odd(Timestamp(12), 1);
        overdue.note_odd(Timestamp(12), 2);
        assert_eq!(overdue.first(), Some(Timestamp(10)));
        let mut taken = Vec::new();
        overdue.take(Timestamp(15), |stream, _| stream != 2, &mut taken);
        assert_eq!(taken, [1, 4, 9]);
        assert_eq!(overdue.first(), Some(Timestamp(20)));
        assert_eq!(overdue.entries, 1);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_disturb_the_order() {
        let mut overdue = Overdue::default();
        overdue.note(0, Timestamp(30), 1);
        overdue.note(0, Timestamp(20), 2);
        assert_eq!(overdue.first(), Some(Timestamp(20)));
        let mut taken = Vec::new();
        overdue.take(Timestamp(25), |_, _| true, &mut taken);
        assert_eq!(taken, [2]);
        overdue.take(Timestamp(30), |_, _| true, &mut taken);
        assert_eq!((taken, overdue.entries), (vec![2, 1], 0));
    }

    #[test]
    fn leftovers_are_swept_when_they_are_the_most() {
        let mut overdue = Overdue::default();
        for stream in 0..1000 {
            overdue.note(0, Timestamp(1_000), stream);
        }
        assert!(overdue.is_crowded(10));
        overdue.tidy(|stream, _| stream < 10);
        assert_eq!(overdue.entries, 10);
    }
}
