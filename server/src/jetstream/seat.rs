//! A stream and its consumers as the engine drives them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use nats_api::errors::ApiError;
use nats_jetstream::publish::Inbound;
use nats_jetstream::stream::Stream;
use nats_jetstream::{Context, Effects};
use nats_store::{Position, StoreError, Timestamp};

use super::JetStream;
use super::engine::{Input, InputKind, Machine};
use super::listening::{Listening, heard};

/// The machine of one stream.
pub struct StreamSeat {
    pub stream: Stream,
    /// It was deleted, or put away; nothing is asked of it any more.
    pub is_over: bool,
    /// The account that it is in.
    pub account: Arc<str>,
    pub jetstream: Weak<JetStream>,
    /// Where it listens because of its upstreams.
    pub listening: Listening,
    /// Told whether it can answer in the place of the stream that it mirrors.
    pub is_mirror_current: Arc<AtomicBool>,
}

impl StreamSeat {
    /// For requests that found the stream just before it ended.
    ///
    /// # Errors
    /// It is over (10059).
    pub fn check_there(&self) -> Result<(), ApiError> {
        match self.is_over {
            true => Err(ApiError::STREAM_NOT_FOUND.error()),
            false => Ok(()),
        }
    }
}

impl Machine for StreamSeat {
    fn input(
        &mut self,
        cx: &mut Context<'_>,
        kind: InputKind,
        input: &Input<'_>,
        out: &mut Effects,
    ) {
        let message = Inbound {
            subject: input.subject,
            reply: input.reply,
            headers: input.headers,
            payload: input.payload,
        };
        match kind {
            InputKind::Publish => {
                self.stream.publish(cx, &message, out);
            }
            InputKind::Ack => self.stream.ack(cx, &message, out),
            InputKind::Pull => self.stream.pull(cx, &message, out),
            InputKind::FlowAnswer => self.stream.flow_answer(cx, &message, out),
            InputKind::DirectGet => self.stream.direct_get(&message, out),
            InputKind::Interest => self.stream.interest_changed(cx, message.subject, out),
            InputKind::Upstream => {
                let (listened, subject) = heard(message.subject);
                let message = Inbound { subject, ..message };
                self.stream.upstream(cx, listened, &message, out);
            }
        }
    }

    fn tick(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        self.stream.tick(cx, out);
        for gone in self.stream.take_gone_consumers() {
            if let Some(jetstream) = self.jetstream.upgrade() {
                jetstream.forget_consumer(&self.account, self.stream.name(), &gone);
            }
        }
        // What is asked now leaves later: nobody can answer before it is listened.
        self.listening.follow(&self.stream);
        if self.stream.config().mirror_direct {
            let is_current = self.stream.is_mirror_current();
            self.is_mirror_current.store(is_current, Ordering::Relaxed);
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.stream.deadline()
    }

    fn staged(&self) -> Option<Position> {
        self.stream.staged()
    }

    fn durable_through(&self) -> u64 {
        self.stream.durable_through()
    }

    fn commit_failed(&mut self, _: &mut Context<'_>, error: &StoreError, _: &mut Effects) {
        // The log says it once, and the upkeep for each stream: not at every attempt.
        tracing::debug!("JetStream stream {}: {error}", self.stream.name());
    }
}
