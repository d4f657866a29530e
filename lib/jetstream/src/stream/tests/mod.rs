//! Streams with consumers, in memory and on a clock of their own.

mod batches;
mod clock;
mod consumers;
mod markers;
mod places;
mod retention;

use std::sync::Arc;

use nats_api::jetstream::{AckPolicy, ConsumerConfig, StreamConfig};
use nats_api::time::Nanos;
use nats_store::memory::MemoryStore;
use nats_store::{ConsumerState, Forgetful, Timestamp};

use super::{Environment, NewConsumer, Outcome, Parts, Stream, Unlimited};
use crate::context::{AlwaysListens, Context, Interest};
use crate::effects::{Effects, Kind};
use crate::publish::Inbound;

pub(crate) struct World {
    pub stream: Stream,
    pub now: Timestamp,
    random: u64,
    pub out: Effects,
    /// Somebody listens wherever a consumer delivers.
    pub is_heard: bool,
}

struct Nobody;

impl Interest for Nobody {
    fn listens(&self, _: &[u8]) -> bool {
        false
    }

    fn subscribed(&self, _: &[u8], _: Option<&[u8]>) -> bool {
        false
    }
}

/// A message as a client got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Got {
    pub subject: String,
    pub reply: Vec<u8>,
    pub payload: Vec<u8>,
}

impl Got {
    /// The sequence in the stream, from the subject for the acknowledgement.
    pub fn sequence(&self) -> u64 {
        crate::consumer::AckToken::parse(&self.reply)
            .unwrap()
            .stream
    }
}

/// A configuration as the check leaves it.
pub(crate) fn config(change: impl FnOnce(&mut StreamConfig)) -> StreamConfig {
    let mut config = StreamConfig {
        name: "S".to_owned(),
        subjects: vec!["s.>".to_owned()],
        max_consumers: -1,
        max_msgs: -1,
        max_bytes: -1,
        max_msgs_per_subject: -1,
        max_msg_size: -1,
        num_replicas: 1,
        duplicate_window: Nanos(120_000_000_000),
        ..StreamConfig::default()
    };
    change(&mut config);
    config
}

/// A pull consumer as the check leaves it.
pub(crate) fn pull_consumer(filters: &[&str]) -> ConsumerConfig {
    ConsumerConfig {
        ack_policy: AckPolicy::Explicit,
        ack_wait: Nanos(30_000_000_000),
        max_deliver: -1,
        max_waiting: 512,
        max_ack_pending: 1000,
        filter_subjects: filters.iter().map(|&f| f.to_owned()).collect(),
        ..ConsumerConfig::default()
    }
}

impl World {
    pub fn new(config: StreamConfig) -> Self {
        let now = Timestamp(1_800_000_000_000_000_000);
        let stream = Stream::create(Parts {
            config,
            created: now,
            store: Box::new(MemoryStore::new(nats_store::Limits::default())),
            quota: Box::new(Unlimited),
            environment: Arc::new(Environment::default()),
        });
        Self {
            stream: stream.unwrap(),
            now,
            random: 1,
            out: Effects::default(),
            is_heard: true,
        }
    }

    /// One input; what comes of it is in `out`.
    pub fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Stream, &mut Context<'_>, &mut Effects) -> T,
    ) -> T {
        self.out.clear();
        let mut cx = Context {
            now: self.now,
            random: &mut self.random,
            interest: if self.is_heard {
                &AlwaysListens
            } else {
                &Nobody
            },
        };
        act(&mut self.stream, &mut cx, &mut self.out)
    }

    /// Ticks until nothing is due any more.
    pub fn rest(&mut self) {
        while self.stream.deadline().is_some_and(|at| at <= self.now) {
            self.with(|stream, cx, out| stream.tick(cx, out));
        }
    }

    pub fn publish(&mut self, subject: &str, payload: &str) -> Outcome {
        let message = Inbound {
            subject: subject.as_bytes(),
            reply: b"R",
            headers: b"",
            payload: payload.as_bytes(),
        };
        self.with(|stream, cx, out| stream.publish(cx, &message, out))
    }

    pub fn add_consumer(&mut self, name: &str, config: ConsumerConfig) {
        let new = NewConsumer {
            name: name.into(),
            config: Arc::new(config),
            created: self.now,
            kept: Box::new(Forgetful),
        };
        self.with(|stream, cx, out| stream.create_consumer(cx, new, out))
            .unwrap();
        self.rest();
    }

    pub fn recover_consumer(&mut self, name: &str, config: ConsumerConfig, state: ConsumerState) {
        let new = NewConsumer {
            name: name.into(),
            config: Arc::new(config),
            created: self.now,
            kept: Box::new(Forgetful),
        };
        self.with(|stream, cx, out| stream.recover_consumer(cx, new, state, out))
            .unwrap();
    }

    /// Asks for messages without waiting for more to come.
    pub fn fetch(&mut self, consumer: &str, batch: usize) -> Vec<Got> {
        let body = format!("{{\"batch\":{batch},\"no_wait\":true}}");
        self.pull(consumer, &body)
    }

    pub fn pull(&mut self, consumer: &str, body: &str) -> Vec<Got> {
        let subject = format!("CONSUMER.MSG.NEXT.S.{consumer}");
        let request = Inbound {
            subject: subject.as_bytes(),
            reply: b"INBOX",
            headers: b"",
            payload: body.as_bytes(),
        };
        self.with(|stream, cx, out| stream.pull(cx, &request, out));
        self.got()
    }

    /// Deliveries among the effects of the last input.
    pub fn got(&self) -> Vec<Got> {
        let deliveries = self.out.iter().filter(|e| e.kind == Kind::Delivery);
        deliveries
            .map(|e| Got {
                subject: String::from_utf8(e.subject.to_vec()).unwrap(),
                reply: e.reply.to_vec(),
                payload: e.payload.to_vec(),
            })
            .collect()
    }

    pub fn ack(&mut self, got: &Got, body: &str) {
        let message = Inbound {
            subject: &got.reply,
            reply: b"",
            headers: b"",
            payload: body.as_bytes(),
        };
        self.with(|stream, cx, out| stream.ack(cx, &message, out));
    }

    pub fn sequences(&self) -> Vec<u64> {
        let state = self.stream.state();
        (state.first_sequence..=state.last_sequence)
            .filter(|seq| self.stream.store().load(*seq).unwrap().is_some())
            .collect()
    }

    pub fn pending(&mut self, consumer: &str) -> u64 {
        self.with(|stream, cx, out| stream.consumer_info(cx, consumer, out))
            .unwrap()
            .num_pending
    }
}
