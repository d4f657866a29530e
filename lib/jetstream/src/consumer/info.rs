//! What a consumer says about itself.

use nats_api::jetstream::{ConsumerInfo, SequenceInfo};
use nats_api::time::Nanos;
use nats_store::{Place, Timestamp};

use super::advisory::api_time;
use super::{Consumer, Turn};

impl Consumer {
    /// Everything about it, as of now. Requests whose client is gone are let go of first.
    pub fn info(&mut self, turn: &mut Turn<'_, '_>) -> ConsumerInfo {
        self.review_waiting(turn);
        let now = turn.cx.now;
        let remaining = match self.pause_end() {
            Some(end) => Nanos(i64::try_from(end.since(now)).unwrap_or(i64::MAX)),
            None => Nanos(0),
        };
        // With a single delivery allowed there are no redeliveries, whatever is remembered.
        let redelivered = if self.config.max_deliver == 1 {
            0
        } else {
            self.state.redelivered.len()
        };
        ConsumerInfo {
            stream_name: turn.stream.config.name.clone(),
            name: self.name.to_string(),
            created: api_time(self.created),
            config: Some((*self.config).clone()),
            delivered: place(self.state.delivered, self.last_delivered),
            ack_floor: place(self.state.ack_floor, self.last_acked),
            num_ack_pending: count(self.state.unacked.len()),
            num_redelivered: count(redelivered),
            num_waiting: count(self.waiting.len()),
            num_pending: self.pending,
            cluster: None,
            push_bound: self.push.as_ref().is_some_and(|push| push.is_active()),
            paused: remaining.0 > 0,
            pause_remaining: remaining,
            ts: api_time(now),
            priority_groups: self.group_states(),
        }
    }

    /// Matching messages that were not delivered yet.
    pub fn num_pending(&self) -> u64 {
        self.pending
    }

    pub fn num_waiting(&self) -> usize {
        self.waiting.len()
    }
}

fn place(place: Place, last: Option<Timestamp>) -> SequenceInfo {
    SequenceInfo {
        consumer_seq: place.consumer,
        stream_seq: place.stream,
        last_active: last.map(api_time),
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
