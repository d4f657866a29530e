//! Whatever bytes come from a client, nothing panics and the consumer goes on.

use nats_api::jetstream::AckPolicy;
use proptest::prelude::*;

use super::world::{World, pull, stream};
use crate::consumer::AckToken;

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let numbers = prop::sample::select(vec!["-1", "0", "1", "9223372036854775807", "1e9", "\"x\""]);
    let keys = prop::sample::select(vec![
        "batch",
        "expires",
        "max_bytes",
        "idle_heartbeat",
        "min_pending",
        "priority",
        "no_wait",
    ]);
    let object = prop::collection::vec((keys, numbers), 0..4).prop_map(|fields| {
        let fields: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    prop_oneof![prop::collection::vec(any::<u8>(), 0..40), object]
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(vec!["", "+ACK", "-NAK", "+TERM", "+WPI", "+NXT"]);
    (word, prop::collection::vec(any::<u8>(), 0..20))
        .prop_map(|(word, rest)| [word.as_bytes(), &rest].concat())
}

proptest! {
    #[test]
    fn no_bytes_disturb_the_consumer(
        bodies in prop::collection::vec(bodies(), 0..6),
        acks in prop::collection::vec((any::<[u64; 3]>(), words()), 0..6),
        policy in prop::sample::select(vec![AckPolicy::Explicit, AckPolicy::All, AckPolicy::None]),
    ) {
        let mut config = pull();
        config.ack_policy = policy;
        let mut world = World::with(stream(), config, &[("a", "1"), ("a", "2"), ("a", "3")]);
        for body in &bodies {
            world.act(|consumer, turn| consumer.pull(turn, b"in", body, false));
        }
        for ([stream, consumer, deliveries], word) in &acks {
            let token = AckToken { stream: *stream, consumer: *consumer, deliveries: *deliveries };
            world.act(|consumer, turn| consumer.ack(turn, token, word, b"r"));
            let near = AckToken { stream: stream % 5, ..token };
            world.act(|consumer, turn| consumer.ack(turn, near, word, b"r"));
        }
        world.sent();
        world.publish("a", "last");
        world.pull("ask", "9");
        let info = world.info();
        prop_assert!(info.ack_floor.stream_seq <= info.delivered.stream_seq);
        prop_assert!(info.ack_floor.consumer_seq <= info.delivered.consumer_seq);
        let delivered = world.sent().iter().any(|s| s.payload == "last");
        prop_assert!(delivered || info.num_waiting > 0);
    }

    #[test]
    fn no_subject_disturbs_the_reader(text in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = AckToken::parse(&text);
        let _ = AckToken::parse(&[b"$JS.ACK.S.C.", &text[..]].concat());
    }
}
