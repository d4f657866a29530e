//! A stream in memory with one consumer, a clock that is set by hand, and everything that was sent.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use nats_api::jetstream::{AckPolicy, ConsumerConfig, ConsumerInfo, Retention, StreamConfig};
use nats_api::time::Nanos;
use nats_store::{
    ConsumerState, Erase, Limits, MemoryStore, NewMessage, Removals, StreamStore, Timestamp, Ttl,
};

use crate::consumer::pull::PUMP_MOST;
use crate::consumer::{AckToken, Changes, Consumer, Fate, Parts, StreamView, Turn};
use crate::context::{Context, Interest};
use crate::effects::{Effects, Kind};

pub(super) const MILLISECOND: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1_000 * MILLISECOND;

/// One thing that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) kind: Kind,
    pub(super) to: String,
    pub(super) reply: String,
    pub(super) headers: String,
    pub(super) payload: String,
}

impl Sent {
    /// The first line of a status without the version, or the payload of a delivery.
    pub(super) fn short(&self) -> String {
        match self.kind {
            Kind::Status => {
                let line = self.headers.lines().next().unwrap_or_default();
                line.trim_start_matches("NATS/1.0 ").to_owned()
            }
            _ => self.payload.clone(),
        }
    }

    pub(super) fn token(&self) -> AckToken {
        AckToken::parse(self.reply.as_bytes()).expect("an acknowledgement subject")
    }
}

/// Who listens: everybody, but for those who left.
#[derive(Default)]
pub(super) struct Listeners {
    gone: RefCell<BTreeSet<Vec<u8>>>,
    /// Nobody but these, when it is not everybody.
    only: Option<RefCell<BTreeSet<Vec<u8>>>>,
}

impl Listeners {
    /// Nobody but who listens on these subjects.
    pub(super) fn only(subjects: Vec<String>) -> Self {
        let only = subjects.into_iter().map(String::into_bytes).collect();
        Self {
            only: Some(RefCell::new(only)),
            ..Self::default()
        }
    }
}

impl Interest for Listeners {
    fn listens(&self, subject: &[u8]) -> bool {
        let is_one = |only: &RefCell<BTreeSet<Vec<u8>>>| only.borrow().contains(subject);
        self.only.as_ref().is_none_or(is_one) && !self.gone.borrow().contains(subject)
    }

    fn subscribed(&self, subject: &[u8], _: Option<&[u8]>) -> bool {
        self.listens(subject)
    }
}

pub(super) struct World {
    pub(super) stream: StreamConfig,
    pub(super) store: MemoryStore,
    pub(super) consumer: Consumer,
    pub(super) now: Timestamp,
    pub(super) listeners: Listeners,
    random: u64,
    /// What a server would have kept: made of the deltas only.
    pub(super) kept: ConsumerState,
    pub(super) settled: Vec<u64>,
    sent: Vec<Sent>,
}

/// A pull consumer with explicit acknowledgement, as after the defaults were filled in.
pub(super) fn pull() -> ConsumerConfig {
    ConsumerConfig {
        durable_name: "C".to_owned(),
        name: "C".to_owned(),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Nanos(30 * SECOND as i64),
        max_deliver: -1,
        max_waiting: 512,
        max_ack_pending: 1000,
        ..ConsumerConfig::default()
    }
}

pub(super) fn stream() -> StreamConfig {
    StreamConfig {
        name: "S".to_owned(),
        subjects: vec![">".to_owned()],
        max_msgs_per_subject: -1,
        ..StreamConfig::default()
    }
}

impl World {
    /// A consumer on an empty stream.
    pub(super) fn new(config: ConsumerConfig) -> Self {
        Self::with(stream(), config, &[])
    }

    /// A consumer on a stream that has `messages` as subject and payload.
    pub(super) fn with(
        stream: StreamConfig,
        config: ConsumerConfig,
        messages: &[(&str, &str)],
    ) -> Self {
        let mut store = MemoryStore::new(Limits::default());
        for (subject, payload) in messages {
            append(&mut store, Timestamp(0), subject, payload);
        }
        Self::on(
            stream,
            store,
            config,
            Timestamp(1_000_000_000 * SECOND as i64),
            Listeners::default(),
        )
    }

    /// A consumer on a store.
    pub(super) fn on(
        stream: StreamConfig,
        store: MemoryStore,
        config: ConsumerConfig,
        now: Timestamp,
        listeners: Listeners,
    ) -> Self {
        let (consumer, effects, changes) = make(&stream, &store, now, &listeners, config, None);
        let mut world = Self {
            stream,
            store,
            consumer,
            now,
            listeners,
            random: 1,
            kept: ConsumerState::default(),
            settled: Vec::new(),
            sent: Vec::new(),
        };
        world.collect(&effects, &changes);
        world
    }

    /// Hands the consumer one input and collects what it decides.
    pub(super) fn act<R>(&mut self, act: impl FnOnce(&mut Consumer, &mut Turn<'_, '_>) -> R) -> R {
        let view = StreamView {
            config: &self.stream,
            account: "$G",
            domain: "",
            max_payload: 1024 * 1024,
            ack_v2: false,
        };
        let mut effects = Effects::default();
        let mut changes = Changes::default();
        let mut cx = Context {
            now: self.now,
            random: &mut self.random,
            interest: &self.listeners,
        };
        let turn = &mut Turn {
            cx: &mut cx,
            stream: &view,
            store: &self.store,
            effects: &mut effects,
            changes: &mut changes,
        };
        let result = act(&mut self.consumer, turn);
        self.collect(&effects, &changes);
        result
    }

    fn collect(&mut self, effects: &Effects, changes: &Changes) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for effect in effects.iter() {
            self.sent.push(Sent {
                kind: effect.kind,
                to: text(effect.subject),
                reply: text(effect.reply),
                headers: text(effect.headers),
                payload: text(effect.payload),
            });
        }
        for delta in &changes.deltas {
            self.kept.apply(delta);
        }
        self.settled.extend(&changes.settled);
        assert_eq!(
            &self.kept,
            self.consumer.state(),
            "what is logged is what is there"
        );
    }

    /// What was sent since the last call, advisories aside.
    pub(super) fn sent(&mut self) -> Vec<Sent> {
        let mut sent = std::mem::take(&mut self.sent);
        sent.retain(|s| s.kind != Kind::Advisory);
        sent
    }

    pub(super) fn advisories(&mut self) -> Vec<Sent> {
        let mut sent = std::mem::take(&mut self.sent);
        sent.retain(|s| s.kind == Kind::Advisory);
        sent
    }

    /// `receiver:what` for everything that was sent.
    pub(super) fn heard(&mut self) -> Vec<String> {
        let sent = self.sent();
        sent.iter()
            .map(|s| format!("{}:{}", s.to, s.short()))
            .collect()
    }

    pub(super) fn publish(&mut self, subject: &str, payload: &str) -> u64 {
        let sequence = append(&mut self.store, self.now, subject, payload);
        self.act(|consumer, turn| consumer.stored(turn, sequence, subject.as_bytes()));
        sequence
    }

    pub(super) fn pull(&mut self, reply: &str, body: &str) {
        self.act(|consumer, turn| consumer.pull(turn, reply.as_bytes(), body.as_bytes(), false));
    }

    pub(super) fn ack(&mut self, delivery: &Sent, body: &str, reply: &str) {
        self.ack_token(delivery.token(), body, reply);
    }

    pub(super) fn ack_token(&mut self, token: AckToken, body: &str, reply: &str) {
        self.act(|consumer, turn| consumer.ack(turn, token, body.as_bytes(), reply.as_bytes()));
    }

    /// Lets time go on, and calls the consumer whenever it asked for it.
    pub(super) fn wait(&mut self, nanos: u64) -> Fate {
        let end = self.now.plus(nanos);
        let mut fate = Fate::Lives(crate::consumer::Pumped::Done);
        while let Some(at) = self.consumer.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            fate = self.act(|consumer, turn| consumer.tick(turn));
            if fate == Fate::Inactive {
                return fate;
            }
            if self.consumer.deadline() == Some(at) && at < end {
                self.now = self.now.plus(1);
            } else if self.consumer.deadline().is_some_and(|next| next <= at) {
                break;
            }
        }
        self.now = end;
        fate
    }

    pub(super) fn remove(&mut self, sequence: u64) {
        let mut removed = Removals::default();
        let there = self.store.remove(sequence, Erase::No, &mut removed);
        assert!(there.expect("a memory store"), "{sequence} is not there");
        for gone in removed.iter() {
            self.act(|consumer, turn| consumer.removed(turn, gone.sequence, gone.subject));
        }
    }

    pub(super) fn info(&mut self) -> ConsumerInfo {
        self.act(|consumer, turn| consumer.info(turn))
    }

    pub(super) fn leave(&mut self, subject: &str) {
        self.listeners.gone.borrow_mut().insert(subject.into());
        self.act(|consumer, turn| consumer.interest_changed(turn));
    }

    pub(super) fn come(&mut self, subject: &str) {
        self.listeners.gone.borrow_mut().remove(subject.as_bytes());
        if let Some(only) = &self.listeners.only {
            only.borrow_mut().insert(subject.into());
        }
        self.act(|consumer, turn| consumer.interest_changed(turn));
    }

    /// The server crashes and comes back with what was kept.
    pub(super) fn restart(&mut self) {
        let config = (**self.consumer.config()).clone();
        let kept = self.kept.clone();
        let (consumer, effects, changes) = make(
            &self.stream,
            &self.store,
            self.now,
            &self.listeners,
            config,
            Some(kept),
        );
        self.consumer = consumer;
        self.collect(&effects, &changes);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.stream.retention != Retention::Limits
    }
}

pub(super) fn append(
    store: &mut MemoryStore,
    time: Timestamp,
    subject: &str,
    payload: &str,
) -> u64 {
    let sequence = store.state().last_sequence + 1;
    let message = NewMessage {
        subject: subject.as_bytes(),
        headers: b"",
        payload: payload.as_bytes(),
        time,
        ttl: Ttl::Stream,
    };
    let mut removed = Removals::default();
    store
        .append(sequence, &message, &mut removed)
        .expect("a memory store");
    sequence
}

fn make(
    stream: &StreamConfig,
    store: &MemoryStore,
    now: Timestamp,
    listeners: &Listeners,
    config: ConsumerConfig,
    kept: Option<ConsumerState>,
) -> (Consumer, Effects, Changes) {
    let view = StreamView {
        config: stream,
        account: "$G",
        domain: "",
        max_payload: 1024 * 1024,
        ack_v2: false,
    };
    let mut random = 7u64;
    let mut effects = Effects::default();
    let mut changes = Changes::default();
    let mut cx = Context {
        now,
        random: &mut random,
        interest: listeners,
    };
    let turn = &mut Turn {
        cx: &mut cx,
        stream: &view,
        store,
        effects: &mut effects,
        changes: &mut changes,
    };
    let parts = Parts {
        name: config.name.as_str().into(),
        config: Arc::new(config),
        created: now,
    };
    let consumer = match kept {
        None => Consumer::create(turn, parts),
        Some(kept) => Consumer::recover(turn, parts, kept),
    };
    let mut consumer = consumer.expect("a memory store");
    // As the stream does once whoever asked for it has been told.
    consumer.pump(turn, PUMP_MOST);
    (consumer, effects, changes)
}
