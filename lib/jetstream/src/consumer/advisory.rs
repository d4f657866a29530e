//! What a consumer tells whoever listens: advisories and one metric. Nothing is built when nobody listens.

use nats_api::jetstream::advisory::{
    Action, ConsumerAck, ConsumerActionAdvisory, ConsumerGroupPinned, ConsumerGroupUnpinned,
    ConsumerPause, MaxDeliver, Nak, Terminated,
};
use nats_api::time;
use nats_proto::nuid;
use nats_store::Timestamp;
use serde::Serialize;

use super::ack_subject::AckToken;
use super::{Consumer, Turn};
use crate::context::{Random, base62};
use crate::effects::Kind;

const ADVISORY: &str = "$JS.EVENT.ADVISORY.CONSUMER";
const ACK_METRIC: &str = "$JS.EVENT.METRIC.CONSUMER.ACK";

/// Reason of a termination by the server.
pub(super) const REMOVED: &str = "Unacknowledged message was deleted";

/// A unique name of as many characters as a NUID has, from randomness that can be replayed.
pub(super) fn unique(random: &mut dyn Random) -> String {
    base62(random, nuid::LEN)
}

pub(super) fn api_time(at: Timestamp) -> time::Timestamp {
    time::Timestamp::from_unix_nanos(at.0.into())
}

impl Consumer {
    /// Builds and sends an event on `<prefix>.<stream>.<consumer>`, if somebody listens there.
    fn tell<E: Serialize>(
        &self,
        turn: &mut Turn<'_, '_>,
        prefix: &str,
        event: impl FnOnce(String, time::Timestamp) -> E,
    ) {
        let subject = format!("{prefix}.{}.{}", turn.stream.config.name, self.name);
        if !turn.cx.interest.listens(subject.as_bytes()) {
            return;
        }
        let event = event(unique(turn.cx.random), api_time(turn.cx.now));
        // Our documents have text keys and nothing that can fail to be written.
        let Ok(json) = serde_json::to_vec(&event) else {
            debug_assert!(false, "an event that is no document");
            return;
        };
        turn.effects
            .send(Kind::Advisory, subject.as_bytes(), b"", b"", &json);
    }

    /// Stream, consumer and domain, which every event names.
    fn names(&self, turn: &Turn<'_, '_>) -> (String, String, String) {
        (
            turn.stream.config.name.clone(),
            self.name.to_string(),
            turn.stream.domain.to_owned(),
        )
    }

    pub(super) fn announce(&self, turn: &mut Turn<'_, '_>, action: Action) {
        let (stream, consumer, domain) = self.names(turn);
        let word = match action {
            Action::Create => "CREATED",
            Action::Delete => "DELETED",
            Action::Modify => "UPDATED",
        };
        let subject = format!("{ADVISORY}.{word}");
        self.tell(turn, &subject, |id, at| ConsumerActionAdvisory {
            stream,
            consumer,
            action,
            domain,
            ..ConsumerActionAdvisory::new(id, at)
        });
    }

    pub(super) fn announce_pause(&self, turn: &mut Turn<'_, '_>) {
        let (stream, consumer, domain) = self.names(turn);
        let pause_until = self.config.pause_until.unwrap_or_default();
        let paused = api_time(turn.cx.now) < pause_until;
        let subject = format!("{ADVISORY}.PAUSE");
        self.tell(turn, &subject, |id, at| ConsumerPause {
            stream,
            consumer,
            paused,
            pause_until,
            domain,
            ..ConsumerPause::new(id, at)
        });
    }

    pub(super) fn announce_pinned(&self, turn: &mut Turn<'_, '_>, group: &str, pin: &str) {
        let (stream, consumer, domain) = self.names(turn);
        let account = turn.stream.account.to_owned();
        let subject = format!("{ADVISORY}.PINNED");
        self.tell(turn, &subject, |id, at| ConsumerGroupPinned {
            account,
            stream,
            consumer,
            domain,
            group: group.to_owned(),
            pinned_id: pin.to_owned(),
            ..ConsumerGroupPinned::new(id, at)
        });
    }

    pub(super) fn announce_unpinned(&self, turn: &mut Turn<'_, '_>, group: &str, reason: &str) {
        let (stream, consumer, domain) = self.names(turn);
        let account = turn.stream.account.to_owned();
        let subject = format!("{ADVISORY}.UNPINNED");
        self.tell(turn, &subject, |id, at| ConsumerGroupUnpinned {
            account,
            stream,
            consumer,
            domain,
            group: group.to_owned(),
            reason: reason.to_owned(),
            ..ConsumerGroupUnpinned::new(id, at)
        });
    }

    pub(super) fn announce_max_deliver(
        &self,
        turn: &mut Turn<'_, '_>,
        stream_seq: u64,
        deliveries: u64,
    ) {
        let (stream, consumer, domain) = self.names(turn);
        let subject = format!("{ADVISORY}.MAX_DELIVERIES");
        self.tell(turn, &subject, |id, at| MaxDeliver {
            stream,
            consumer,
            stream_seq,
            deliveries,
            domain,
            ..MaxDeliver::new(id, at)
        });
    }

    pub(super) fn announce_nak(&self, turn: &mut Turn<'_, '_>, token: AckToken) {
        let (stream, consumer, domain) = self.names(turn);
        let subject = format!("{ADVISORY}.MSG_NAKED");
        self.tell(turn, &subject, |id, at| Nak {
            stream,
            consumer,
            consumer_seq: token.consumer,
            stream_seq: token.stream,
            deliveries: token.deliveries,
            domain,
            ..Nak::new(id, at)
        });
    }

    pub(super) fn announce_terminated(
        &self,
        turn: &mut Turn<'_, '_>,
        token: AckToken,
        reason: &str,
    ) {
        let (stream, consumer, domain) = self.names(turn);
        let subject = format!("{ADVISORY}.MSG_TERMINATED");
        self.tell(turn, &subject, |id, at| Terminated {
            stream,
            consumer,
            consumer_seq: token.consumer,
            stream_seq: token.stream,
            deliveries: token.deliveries,
            reason: reason.to_owned(),
            domain,
            ..Terminated::new(id, at)
        });
    }

    /// Tells how long an acknowledgement took.
    pub(super) fn measure_ack(
        &self,
        turn: &mut Turn<'_, '_>,
        token: AckToken,
        delivered: Timestamp,
    ) {
        let (stream, consumer, domain) = self.names(turn);
        let ack_time = turn.cx.now.0.saturating_sub(delivered.0);
        self.tell(turn, ACK_METRIC, |id, at| ConsumerAck {
            stream,
            consumer,
            consumer_seq: token.consumer,
            stream_seq: token.stream,
            ack_time,
            deliveries: token.deliveries,
            domain,
            ..ConsumerAck::new(id, at)
        });
    }
}
