//! The same inputs to the reference server and to the machine; what clients hear has to be the same.
//!
//! `golden/scenarios.json` is what happens, `golden/reference.json` what `golden/record.py` heard on the reference server.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_api::jetstream::{AccountLimits, ConsumerConfig, ConsumerCreateRequest, StreamConfig};
use nats_api::time as api;
use nats_store::{Limits, MemoryStore, Timestamp};
use serde_json::{Value, json};

use super::world::{Listeners, MILLISECOND, SECOND, Sent, World, append};
use crate::config::consumer::{Admission, Rules, ServerLimits, Siblings, admit, replace};
use crate::consumer::Closing;

/// How long the recorder listens after each step.
const SETTLE: u64 = 120 * MILLISECOND;

/// Where we mean to differ: scenario, step, field of the info, what we say.
const DIFFERENCES: [(&str, usize, &str, [u64; 2]); 2] = [
    // The floor goes past a message that was given up. The reference server says so in its design and moves its own floor, but what it
    // shows is the stored one, which it forgets to move.
    ("delivered as often as allowed", 7, "ack_floor", [3, 2]),
    ("delivered as often as allowed", 9, "ack_floor", [3, 2]),
];

struct NobodyElse;

impl Siblings for NobodyElse {
    fn get(&self, _: &str) -> Option<&ConsumerConfig> {
        None
    }

    fn limitable(&self) -> usize {
        0
    }

    fn each(&self, _: &mut dyn FnMut(&str, &ConsumerConfig) -> std::ops::ControlFlow<()>) {}

    fn listens(&self, _: &str) -> bool {
        false
    }
}

/// Plays one scenario.
#[derive(Default)]
struct Player {
    before: MemoryStore,
    listened: Vec<String>,
    world: Option<World>,
    deliveries: Vec<Sent>,
    pin: String,
    flow: String,
}

const BEGIN: Timestamp = Timestamp(1_000_000_000 * SECOND as i64);

impl Player {
    fn new() -> Self {
        Self {
            before: MemoryStore::new(Limits::default()),
            ..Self::default()
        }
    }

    fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("the consumer was made")
    }

    fn listen(&mut self, subject: &str) {
        match &mut self.world {
            Some(world) => world.come(subject),
            None => self.listened.push(subject.to_owned()),
        }
    }

    fn create(&mut self, config: &Value) {
        let mut document = json!({"name": "C", "durable_name": "C"});
        for (key, value) in config.as_object().expect("a configuration") {
            document[key] = value.clone();
        }
        let stream = StreamConfig {
            name: "S".to_owned(),
            subjects: vec!["x.>".to_owned()],
            num_replicas: 1,
            max_msgs_per_subject: -1,
            ..StreamConfig::default()
        };
        let request = ConsumerCreateRequest {
            config: serde_json::from_value(document).expect("a configuration"),
            ..ConsumerCreateRequest::default()
        };
        let account = AccountLimits::default();
        let rules = Rules {
            stream: &stream,
            server: ServerLimits::default(),
            account: Some(&account),
        };
        let Ok(Admission::Create(config)) = admit(request, &rules, &NobodyElse, &mut 1u64) else {
            panic!("a good configuration");
        };
        let listeners = Listeners::only(std::mem::take(&mut self.listened));
        let store = std::mem::take(&mut self.before);
        self.world = Some(World::on(stream, store, *config, BEGIN, listeners));
    }

    fn update(&mut self, change: impl FnOnce(ConsumerConfig) -> ConsumerConfig) {
        let world = self.world();
        let old = (**world.consumer.config()).clone();
        let mut new = change(old.clone());
        replace(&old, &mut new, &NobodyElse).expect("a good change");
        world
            .act(|consumer, turn| consumer.update(turn, Arc::new(new)))
            .expect("a memory store");
    }

    fn step(&mut self, word: &str, value: &Value) -> Vec<Value> {
        let text = |at: usize| value[at].as_str().unwrap_or_default().to_owned();
        let mut pause = SETTLE;
        let mut shown = None;
        match word {
            "publish" => {
                let (subject, payload) = (text(0), text(1));
                if let Some(world) = &mut self.world {
                    world.publish(&subject, &payload);
                } else {
                    append(&mut self.before, BEGIN, &subject, &payload);
                }
            }
            "publish_bytes" => {
                let size = value[1].as_u64().expect("a size") as usize;
                self.world().publish(&text(0), &"x".repeat(size));
            }
            "create" => self.create(value),
            "pull" => {
                let body = text(1).replace("PIN", &self.pin);
                self.listen(&text(0));
                self.world().pull(&text(0), &body);
            }
            "ack" => {
                let which = value[0].as_u64().expect("a delivery") as usize;
                let delivery = self.deliveries[which].clone();
                self.listen("r");
                self.world().ack(&delivery, &text(1), &text(2));
            }
            "listen" => self.listen(value.as_str().expect("a subject")),
            "leave" => self.world().leave(value.as_str().expect("a subject")),
            "wait" => pause = value.as_u64().expect("milliseconds") * MILLISECOND,
            "remove" => self.world().remove(value.as_u64().expect("a sequence")),
            "answer_flow" => {
                let question = self.flow.clone();
                let world = self.world();
                world.act(|consumer, turn| consumer.flow_answer(turn, question.as_bytes(), b""));
            }
            "info" => shown = Some(self.info()),
            _ => self.administer(word, value),
        }
        let mut heard = self.heard(pause);
        heard.extend(shown);
        heard
    }

    /// What an administrator does.
    fn administer(&mut self, word: &str, value: &Value) {
        match word {
            "update" => self.update(|config| {
                let mut document = json!(config);
                for (key, value) in value.as_object().expect("a configuration") {
                    document[key] = value.clone();
                }
                serde_json::from_value(document).expect("a configuration")
            }),
            "pause" => {
                let length = value.as_u64().expect("milliseconds") * MILLISECOND;
                let until = self.world().now.plus(length);
                self.update(|config| ConsumerConfig {
                    pause_until: Some(api::Timestamp::from_unix_nanos(until.0.into())),
                    ..config
                });
            }
            "delete" => {
                let world = self.world();
                world.act(|consumer, turn| consumer.close(turn, Closing::Deleted));
            }
            "unpin" => {
                let group = value.as_str().expect("a group").to_owned();
                self.world()
                    .act(|consumer, turn| consumer.unpin(turn, &group).map(drop))
                    .expect("a group of the consumer");
            }
            "reset" => {
                let sequence = value.as_u64().expect("a sequence");
                self.world()
                    .act(|consumer, turn| consumer.reset(turn, sequence))
                    .expect("a place to begin");
            }
            other => panic!("no such step: {other}"),
        }
    }

    fn info(&mut self) -> Value {
        let info = self.world().info();
        let place = |p: nats_api::jetstream::SequenceInfo| json!([p.consumer_seq, p.stream_seq]);
        json!({
            "num_ack_pending": info.num_ack_pending,
            "num_redelivered": info.num_redelivered,
            "num_waiting": info.num_waiting,
            "num_pending": info.num_pending,
            "push_bound": info.push_bound,
            "delivered": place(info.delivered),
            "ack_floor": place(info.ack_floor),
        })
    }

    fn heard(&mut self, pause: u64) -> Vec<Value> {
        let Some(world) = &mut self.world else {
            return Vec::new();
        };
        world.wait(pause);
        let mut heard = Vec::new();
        for sent in world.sent() {
            if sent.reply.starts_with("$JS.ACK.") {
                self.deliveries.push(sent.clone());
            }
            if sent.reply.starts_with("$JS.FC.") {
                self.flow.clone_from(&sent.reply);
            }
            let mut headers = sent.headers.clone();
            if let Some((_, rest)) = headers.split_once("Nats-Pin-Id: ") {
                self.pin = rest.lines().next().unwrap_or_default().to_owned();
                headers = headers.replace(&self.pin, "PIN");
            }
            let payload = match sent.payload.len() {
                long @ 41.. => format!("{long} bytes"),
                _ => sent.payload.clone(),
            };
            heard.push(json!([sent.to, normal(&sent.reply), headers, payload]));
        }
        heard
    }
}

/// The reply without what differs from run to run: the time of a message, the end of a flow control request.
fn normal(reply: &str) -> String {
    let mut tokens: Vec<&str> = reply.split('.').collect();
    match (tokens.get(1).copied(), tokens.len()) {
        (Some("ACK"), 9) => tokens[7] = "T",
        (Some("FC"), 5) => tokens[4] = "FLOW",
        _ => {}
    }
    tokens.join(".")
}

#[test]
fn clients_hear_what_they_hear_from_the_reference_server() {
    let scenarios: Vec<Value> =
        serde_json::from_str(include_str!("golden/scenarios.json")).expect("scenarios");
    let mut recorded: BTreeMap<String, Vec<Vec<Value>>> =
        serde_json::from_str(include_str!("golden/reference.json")).expect("a recording");
    assert_eq!(scenarios.len(), recorded.len());
    for (scenario, step, field, ours) in DIFFERENCES {
        let info = &mut recorded.get_mut(scenario).expect("a scenario")[step][0];
        assert_ne!(info[field], json!(ours), "a difference that is none");
        info[field] = json!(ours);
    }
    for scenario in &scenarios {
        let name = scenario["name"].as_str().expect("a name");
        let mut player = Player::new();
        for (number, step) in scenario["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .enumerate()
        {
            let (word, value) = step
                .as_object()
                .and_then(|s| s.iter().next())
                .expect("a step");
            let heard = player.step(word, value);
            assert_eq!(
                json!(heard),
                json!(recorded[name][number]),
                "{name}, step {number}: {word} {value}"
            );
        }
    }
}
