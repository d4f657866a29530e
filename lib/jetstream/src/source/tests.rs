//! A stream and its upstream, with a wire between them that the test can cut.

use std::sync::Arc;

use nats_api::jetstream::reply::encode;
use nats_api::jetstream::{
    ConsumerConfig, ConsumerCreateRequest, ConsumerCreateResponse, ExternalStream, StreamConfig,
    StreamSource, SubjectTransform,
};
use nats_store::Forgetful;
use proptest::prelude::*;

use super::origin::{Delivered, Origin};
use super::*;
use crate::stream::NewConsumer;
use crate::stream::tests::{World, config};

const S: u64 = SECOND;

/// What was sent and has not arrived.
#[derive(Debug, Clone)]
struct Sent {
    to: Vec<u8>,
    subject: Vec<u8>,
    reply: Vec<u8>,
    headers: Vec<u8>,
    payload: Vec<u8>,
}

struct Pair {
    origin: World,
    copy: World,
    to_origin: Vec<Sent>,
    to_copy: Vec<Sent>,
    /// Requests as they were sent, for a look.
    requests: Vec<(String, String, ConsumerConfig)>,
}

impl Pair {
    fn new(copy: StreamConfig) -> Self {
        let origin = World::new(config(|config| {
            config.name = "O".to_owned();
            config.subjects = vec!["o.>".to_owned()];
        }));
        let mut copy = World::new(copy);
        copy.with(|stream, cx, out| stream.start_upstreams(cx, out))
            .unwrap();
        Self {
            origin,
            copy,
            to_origin: Vec::new(),
            to_copy: Vec::new(),
            requests: Vec::new(),
        }
    }

    fn publish(&mut self, subject: &str, payload: &str) {
        self.origin.publish(subject, payload);
        self.collect_origin();
    }

    /// Lets time pass on both sides, without anything arriving.
    fn wait(&mut self, nanos: u64) {
        for world in [&mut self.origin, &mut self.copy] {
            world.now = world.now.plus(nanos);
        }
        self.tick();
    }

    fn tick(&mut self) {
        while self
            .origin
            .stream
            .deadline()
            .is_some_and(|at| at <= self.origin.now)
        {
            self.origin.with(|stream, cx, out| stream.tick(cx, out));
            self.collect_origin();
        }
        while self
            .copy
            .stream
            .deadline()
            .is_some_and(|at| at <= self.copy.now)
        {
            self.copy.with(|stream, cx, out| stream.tick(cx, out));
            self.collect_copy();
        }
    }

    /// Passes on everything that was sent, until nothing is.
    fn exchange(&mut self) {
        loop {
            self.tick();
            if !self.to_origin.is_empty() {
                let sent = self.to_origin.remove(0);
                self.arrive_at_origin(&sent);
            } else if !self.to_copy.is_empty() {
                let sent = self.to_copy.remove(0);
                self.arrive_at_copy(&sent);
            } else {
                return;
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.wait(S / 4);
            self.exchange();
        }
    }

    fn collect_origin(&mut self) {
        let origin = &self.origin;
        let effects = origin.out.iter();
        let sent = effects.filter(|e| matches!(e.kind, Kind::Delivery | Kind::Status));
        self.to_copy.extend(sent.map(|e| Sent {
            to: e.subject.to_vec(),
            subject: match Delivered::parse(e.reply) {
                Some(delivered) => {
                    let message = origin.stream.store().load(delivered.sequence);
                    message.unwrap().unwrap().subject().to_vec()
                }
                None => e.subject.to_vec(),
            },
            reply: e.reply.to_vec(),
            headers: e.headers.to_vec(),
            payload: e.payload.to_vec(),
        }));
    }

    fn collect_copy(&mut self) {
        let effects = self.copy.out.iter();
        let sent = effects.filter(|e| matches!(e.kind, Kind::Request | Kind::Answer));
        self.to_origin.extend(sent.map(|e| Sent {
            to: e.subject.to_vec(),
            subject: e.subject.to_vec(),
            reply: e.reply.to_vec(),
            headers: e.headers.to_vec(),
            payload: e.payload.to_vec(),
        }));
    }

    fn arrive_at_origin(&mut self, sent: &Sent) {
        let subject = String::from_utf8(sent.to.clone()).unwrap();
        if subject.starts_with("$JS.FC.") {
            let answer = Inbound {
                subject: &sent.to,
                reply: b"",
                headers: &sent.headers,
                payload: b"",
            };
            self.origin
                .with(|stream, cx, out| stream.flow_answer(cx, &answer, out));
            return self.collect_origin();
        }
        let request: ConsumerCreateRequest = serde_json::from_slice(&sent.payload).unwrap();
        let headers = String::from_utf8(sent.headers.clone()).unwrap();
        self.requests
            .push((subject, headers, request.config.clone()));
        let name: Box<str> = format!("{}-{}", request.config.name, self.requests.len()).into();
        let mut consumer = request.config;
        consumer.name = name.to_string();
        // As the check of configurations leaves it.
        consumer.max_ack_pending = -1;
        let new = NewConsumer {
            name,
            config: Arc::new(consumer),
            created: self.origin.now,
            kept: Box::new(Forgetful),
        };
        // The copy begins to listen when it has the answer.
        self.origin.is_heard = false;
        let info = self
            .origin
            .with(|stream, cx, out| stream.create_consumer(cx, new, out));
        let answer = Sent {
            to: sent.reply.clone(),
            subject: sent.reply.clone(),
            reply: Vec::new(),
            headers: b"NATS/1.0\r\nNats-Stream-Identity: first\r\n\r\n".to_vec(),
            payload: encode(&info.map(|info| ConsumerCreateResponse { info })),
        };
        self.origin.is_heard = true;
        self.to_copy.push(answer);
        self.collect_origin();
    }

    fn arrive_at_copy(&mut self, sent: &Sent) {
        let message = Inbound {
            subject: &sent.subject,
            reply: &sent.reply,
            headers: &sent.headers,
            payload: &sent.payload,
        };
        self.copy
            .with(|stream, cx, out| stream.upstream(cx, &sent.to, &message, out));
        self.collect_copy();
        let listened: Vec<Vec<u8>> = self
            .copy
            .stream
            .upstream_subjects()
            .map(<[u8]>::to_vec)
            .collect();
        for subject in listened {
            self.origin
                .with(|stream, cx, out| stream.interest_changed(cx, &subject, out));
            self.collect_origin();
        }
    }

    /// Sequence, subject and payload of all that the copy has.
    fn copied(&self) -> Vec<(u64, String, String)> {
        contents(&self.copy)
    }
}

fn contents(world: &World) -> Vec<(u64, String, String)> {
    let sequences = world.sequences().into_iter();
    sequences
        .map(|sequence| {
            let message = world.stream.store().load(sequence).unwrap().unwrap();
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            (sequence, text(message.subject()), text(message.payload()))
        })
        .collect()
}

fn upstream(name: &str) -> StreamSource {
    StreamSource {
        name: name.to_owned(),
        ..StreamSource::default()
    }
}

fn mirror() -> StreamConfig {
    config(|config| {
        config.subjects.clear();
        config.mirror = Some(upstream("O"));
        config.duplicate_window.0 = 0;
    })
}

fn gathering(change: impl FnOnce(&mut StreamSource)) -> StreamConfig {
    config(|config| {
        config.subjects.clear();
        let mut source = upstream("O");
        change(&mut source);
        config.sources = vec![source];
        config.duplicate_window.0 = 0;
    })
}

#[test]
fn a_mirror_has_the_sequences_times_and_holes_of_its_origin() {
    let mut pair = Pair::new(mirror());
    for index in 0..10 {
        pair.publish("o.a", &index.to_string());
    }
    for seq in [1, 2, 5] {
        let request = nats_api::jetstream::MsgDeleteRequest {
            seq,
            no_erase: true,
        };
        pair.origin
            .with(|s, cx, out| s.delete_message(cx, &request, out))
            .unwrap();
    }
    pair.run(2);
    assert_eq!(pair.copied(), contents(&pair.origin));
    let time = |world: &World| world.stream.store().load(7).unwrap().unwrap().time;
    assert_eq!(time(&pair.copy), time(&pair.origin));
    pair.publish("o.b", "more");
    pair.exchange();
    assert_eq!(pair.copied().last().unwrap().0, 11);
    let (subject, headers, asked) = &pair.requests[0];
    assert_eq!(subject, "$JS.API.CONSUMER.CREATE.O");
    assert_eq!(headers, "NATS/1.0\r\nNats-Required-Api-Level: 4\r\n\r\n");
    assert!(asked.name.starts_with("JS_MIRROR_") && asked.deliver_subject.starts_with("$JS.M."));
    assert!(asked.flow_control && asked.direct && asked.sourcing);
    assert_eq!(asked.metadata["_nats.mirror.stream"], "S");
    assert!(pair.copy.stream.is_mirror_current());
    let info = pair.copy.stream.info(pair.copy.now).mirror.unwrap();
    assert_eq!((info.lag, info.error), (0, None));
}

#[test]
fn sourced_messages_say_where_they_come_from() {
    let mut pair = Pair::new(gathering(|source| {
        source.subject_transforms = vec![SubjectTransform {
            src: "o.*".to_owned(),
            dest: "got.{{wildcard(1)}}".to_owned(),
        }];
    }));
    pair.publish("o.a", "1");
    pair.publish("o.b.c", "filtered out");
    pair.publish("o.d", "2");
    pair.run(2);
    let subjects: Vec<String> = pair
        .copied()
        .into_iter()
        .map(|(_, subject, _)| subject)
        .collect();
    assert_eq!(subjects, ["got.a", "got.d"]);
    let message = pair.copy.stream.store().load(2).unwrap().unwrap();
    assert_eq!(
        String::from_utf8(message.headers().to_vec()).unwrap(),
        "NATS/1.0\r\nNats-Stream-Source: O 3 o.* got.{{wildcard(1)}} o.d first\r\n\r\n"
    );
    let (subject, headers, _) = &pair.requests[0];
    assert!(subject.ends_with(".o.*"), "{subject}");
    assert_eq!(
        headers,
        "NATS/1.0\r\nNats-Required-Api-Level: 5\r\nNats-Stream-Identity: \r\n\r\n"
    );
}

#[test]
fn an_upstream_elsewhere_is_asked_under_its_prefixes() {
    let mut pair = Pair::new(gathering(|source| {
        source.external = Some(ExternalStream {
            api: "$JS.hub.API".to_owned(),
            deliver: "from.hub".to_owned(),
        });
    }));
    pair.publish("o.a", "1");
    pair.run(2);
    assert_eq!(pair.requests[0].0, "$JS.hub.API.CONSUMER.CREATE.O");
    assert!(
        pair.requests[0]
            .2
            .deliver_subject
            .starts_with("from.hub.S.")
    );
    assert_eq!(pair.copied().len(), 1);
}

#[test]
fn a_lost_delivery_shows_and_is_asked_for_again() {
    for config in [mirror(), gathering(|_| {})] {
        let mut pair = Pair::new(config);
        pair.publish("o.a", "1");
        pair.run(2);
        pair.publish("o.a", "lost");
        pair.to_copy.clear();
        pair.publish("o.a", "3");
        pair.run(6);
        let payloads: Vec<String> = pair.copied().into_iter().map(|(_, _, p)| p).collect();
        assert_eq!(payloads, ["1", "lost", "3"]);
        assert!(pair.requests.len() >= 2);
    }
}

#[test]
fn a_silent_upstream_is_asked_again_and_less_and_less_often() {
    let mut pair = Pair::new(mirror());
    pair.wait(S);
    let mut times = Vec::new();
    for _ in 0..200 {
        if !pair.to_origin.is_empty() {
            times.push(pair.copy.now);
            pair.to_origin.clear();
        }
        pair.wait(S);
    }
    let gaps: Vec<u64> = times.windows(2).map(|w| w[1].since(w[0]) / S).collect();
    assert!(
        gaps.len() >= 3 && gaps.windows(2).all(|w| w[0] < w[1]),
        "{gaps:?}"
    );
    assert_eq!(
        pair.copy.stream.info(pair.copy.now).mirror.unwrap().active,
        Nanos(-1)
    );
}

#[test]
fn after_a_restart_the_last_stored_message_says_where_to_go_on() {
    let mut pair = Pair::new(gathering(|_| {}));
    for index in 0..5 {
        pair.publish("o.a", &index.to_string());
    }
    pair.run(2);
    pair.copy.with(|stream, cx, out| {
        stream.stop_upstreams();
        stream.start_upstreams(cx, out).unwrap();
    });
    pair.publish("o.a", "5");
    pair.run(3);
    assert_eq!(pair.copied().len(), 6);
    let again = &pair.requests.last().unwrap().2;
    assert_eq!(again.opt_start_seq, 6);
}

#[test]
fn an_old_server_is_asked_for_less() {
    let owner = gathering(|_| {});
    let owner = Owner {
        config: &owner,
        account: "A",
        domain: "",
    };
    let mut random = 1u64;
    let mut cx = Context {
        now: Timestamp(0),
        random: &mut random,
        interest: &crate::context::AlwaysListens,
    };
    let here = Here {
        messages: 0,
        first_sequence: 1,
        last_sequence: 0,
        last_time: Timestamp(0),
    };
    let mut source = Upstream::new(Role::Source, upstream("O"), &owner, &mut cx);
    cx.now = Timestamp(0).plus(S);
    let mut out = Effects::default();
    assert!(source.tick(&mut cx, &owner, here, &mut out));
    let refusal = encode::<ConsumerCreateResponse>(&Err(ApiError::REQUIRED_API_LEVEL.error()));
    let answer = Inbound {
        subject: b"",
        reply: b"",
        headers: b"",
        payload: &refusal,
    };
    for _ in 0..2 {
        assert!(!source.answered(&mut cx, &owner, here, &answer, &mut out));
    }
    let asked: Vec<(bool, bool, bool)> = out
        .iter()
        .map(|e| {
            let request: ConsumerCreateRequest = serde_json::from_slice(e.payload).unwrap();
            let has = |text: &str| e.headers.windows(text.len()).any(|w| w == text.as_bytes());
            (has("Level: 5"), has("Level: 4"), request.config.sourcing)
        })
        .collect();
    assert_eq!(
        asked,
        [
            (true, false, true),
            (false, true, true),
            (false, false, false)
        ]
    );
    // What it refuses in this form it does not understand at all.
    assert!(!source.answered(&mut cx, &owner, here, &answer, &mut out));
    assert_eq!(source.info(cx.now).error.unwrap().err_code, 10_185);
    assert_eq!(out.len(), 3);
}

#[test]
fn all_forms_of_the_source_header_are_read() {
    let origin = |name: &str, stream: &str, sequence, identity: &str| {
        Some(Origin {
            name: name.to_owned(),
            stream: stream.to_owned(),
            sequence,
            identity: identity.to_owned(),
        })
    };
    let table = [
        ("$JS.ACK.O.C.1.7.3.99.0", origin("", "O", 7, "")),
        ("$JS.ACK._.HASH.O.C.1.7.3.99.0", origin("", "O", 7, "")),
        ("O 7", origin("", "O", 7, "")),
        ("O 7 > >", origin("O > >", "O", 7, "")),
        ("O:x 7 o.* > o.a", origin("O:x o.* >", "O:x", 7, "")),
        ("O 7 > > o.a id", origin("O > >", "O", 7, "id")),
        ("O", None),
        ("O 7 >", None),
        ("O x", None),
        ("$JS.ACK.O.C.1.7", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(Origin::parse(text.as_bytes()), expected, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is lost on the wire, in the end all is there, once and in order.
    #[test]
    fn nothing_is_lost_or_doubled(
        steps in proptest::collection::vec((0u8..6, 0u8..6), 1..40),
        is_mirror in any::<bool>(),
    ) {
        let mut pair = Pair::new(if is_mirror { mirror() } else { gathering(|_| {}) });
        let mut count = 0;
        for (step, amount) in steps {
            match step {
                0 | 1 => {
                    for _ in 0..=amount {
                        pair.publish("o.a", &count.to_string());
                        count += 1;
                    }
                }
                2 => {
                    // Some of what is on its way gets lost.
                    let keep = usize::from(amount).min(pair.to_copy.len());
                    pair.to_copy.truncate(keep);
                }
                3 => pair.to_origin.clear(),
                4 => pair.wait(u64::from(amount) * S),
                _ => pair.exchange(),
            }
        }
        pair.run(150);
        let expected: Vec<String> = (0..count).map(|n: u32| n.to_string()).collect();
        let payloads: Vec<String> = pair.copied().into_iter().map(|(_, _, p)| p).collect();
        prop_assert_eq!(payloads, expected);
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = Origin::parse(&bytes);
        let _ = Delivered::parse(&bytes);
        let mut reply = b"$JS.ACK.".to_vec();
        reply.extend_from_slice(&bytes);
        let _ = Delivered::parse(&reply);
    }
}
