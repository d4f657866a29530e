//! What clients say to a consumer: pull requests, acknowledgements, direct gets, whatever their bodies and subjects are.
//!
//! A stream with ten messages and two consumers hears line after line of the input; the first character says what the line is. The consumer
//! never waits for more than it delivered, and never shows more than there is.

use std::sync::Arc;

use nats_api::jetstream::{AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig};
use nats_jetstream::context::AlwaysListens;
use nats_jetstream::publish::Inbound;
use nats_jetstream::stream::{Environment, NewConsumer, Parts, Stream, Unlimited};
use nats_jetstream::{Context, Effects};
use nats_store::{Forgetful, Limits, MemoryStore, Timestamp};

const MESSAGES: u64 = 10;
const SECOND: u64 = 1_000_000_000;

struct World {
    stream: Stream,
    now: Timestamp,
    random: u64,
    out: Effects,
}

impl World {
    fn new() -> Self {
        let config = StreamConfig {
            name: "S".to_owned(),
            subjects: vec!["s.>".to_owned()],
            allow_direct: true,
            max_consumers: -1,
            max_msgs: -1,
            max_bytes: -1,
            max_msg_size: -1,
            max_msgs_per_subject: -1,
            ..StreamConfig::default()
        };
        let parts = Parts {
            config,
            created: Timestamp(1),
            store: Box::new(MemoryStore::new(Limits::default())),
            quota: Box::new(Unlimited),
            environment: Arc::new(Environment::default()),
        };
        let mut world = Self {
            stream: Stream::create(parts).expect("a stream in memory"),
            now: Timestamp(1).plus(SECOND),
            random: 1,
            out: Effects::default(),
        };
        for n in 0..MESSAGES {
            let subject = format!("s.{}", n % 3);
            world.hear(&subject, b"", b"message", |stream, cx, message, out| {
                stream.publish(cx, message, out);
            });
        }
        for (name, policy) in [("pull", AckPolicy::Explicit), ("all", AckPolicy::All)] {
            let config = ConsumerConfig {
                name: name.to_owned(),
                durable_name: name.to_owned(),
                ack_policy: policy,
                deliver_policy: DeliverPolicy::All,
                max_deliver: 3,
                max_waiting: 20,
                max_ack_pending: 5,
                ack_wait: nats_api::time::Nanos(5_000_000_000),
                ..ConsumerConfig::default()
            };
            let new = NewConsumer {
                name: name.into(),
                config: Arc::new(config),
                created: world.now,
                kept: Box::new(Forgetful),
            };
            world
                .with(|stream, cx, out| stream.create_consumer(cx, new, out).map(drop))
                .expect("a consumer");
        }
        world
    }

    fn with<R>(&mut self, act: impl FnOnce(&mut Stream, &mut Context<'_>, &mut Effects) -> R) -> R {
        self.out.clear();
        let mut cx = Context {
            now: self.now,
            random: &mut self.random,
            interest: &AlwaysListens,
        };
        let result = act(&mut self.stream, &mut cx, &mut self.out);
        self.stream.tick(&mut cx, &mut self.out);
        result
    }

    fn hear(
        &mut self,
        subject: &str,
        reply: &[u8],
        payload: &[u8],
        act: impl FnOnce(&mut Stream, &mut Context<'_>, &Inbound<'_>, &mut Effects),
    ) {
        let message = Inbound {
            subject: subject.as_bytes(),
            reply,
            headers: b"",
            payload,
        };
        self.with(|stream, cx, out| act(stream, cx, &message, out));
    }

    fn look(&mut self) {
        for name in ["pull", "all"] {
            let info = self
                .with(|stream, cx, out| stream.consumer_info(cx, name, out))
                .expect("it is there");
            assert!(info.num_ack_pending <= 5, "{info:?}");
            assert!(info.num_waiting <= 20, "{info:?}");
            assert!(info.num_pending <= MESSAGES, "{info:?}");
            assert!(
                info.ack_floor.stream_seq <= info.delivered.stream_seq,
                "{info:?}"
            );
            assert!(info.delivered.stream_seq <= MESSAGES, "{info:?}");
        }
        assert_eq!(self.stream.state().messages, MESSAGES);
    }
}

pub fn check(data: &[u8]) {
    let mut world = World::new();
    for line in data.split(|byte| *byte == b'\n').take(50) {
        let (kind, rest) = line.split_first().unwrap_or((&b' ', &[]));
        match kind {
            b'p' => world.hear(
                "CONSUMER.MSG.NEXT.S.pull",
                b"inbox",
                rest,
                |s, cx, m, out| s.pull(cx, m, out),
            ),
            b'q' => world.hear(
                "CONSUMER.MSG.NEXT.S.all",
                b"inbox",
                rest,
                |s, cx, m, out| s.pull(cx, m, out),
            ),
            b'a' | b'b' => acknowledge(&mut world, *kind, rest),
            b'x' => {
                // Any subject at all.
                let subject = String::from_utf8_lossy(rest).into_owned();
                world.hear(&subject, b"inbox", b"+ACK", |s, cx, m, out| {
                    s.ack(cx, m, out)
                });
            }
            b'g' => world.hear("DIRECT.GET.S", b"inbox", rest, |s, _, m, out| {
                s.direct_get(m, out)
            }),
            _ => {
                world.now = world.now.plus(SECOND);
                world.with(|_, _, _| ());
            }
        }
        world.look();
    }
}

/// The first word of the line is the sequence, the rest the body.
fn acknowledge(world: &mut World, kind: u8, rest: &[u8]) {
    let consumer = if kind == b'a' { "pull" } else { "all" };
    let mut words = rest.splitn(2, |byte| *byte == b' ');
    let sequence = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
    let body = words.next().unwrap_or_default();
    let subject = format!("$JS.ACK.S.{consumer}.1.{sequence}.{sequence}.1.0");
    world.hear(&subject, b"inbox", body, |s, cx, m, out| s.ack(cx, m, out));
}
