//! The consumer against a model that is too simple to be wrong: it looks at every message every time.

use std::collections::{BTreeMap, VecDeque};

use nats_api::jetstream::{ConsumerConfig, Retention};
use nats_api::time::Nanos;
use nats_proto::subject;
use nats_store::Timestamp;
use proptest::prelude::*;

use super::world::{SECOND, Sent, World, pull, stream};
use crate::effects::Kind;

const SUBJECTS: [&str; 4] = ["a", "b", "c.1", "c.2"];
const ACK_WAIT: u64 = 10 * SECOND;

#[derive(Debug, Clone)]
enum Op {
    Publish(usize),
    Pull(u64),
    /// Which of the deliveries so far, and what is said about it.
    Ack(usize, &'static str),
    Remove(u64),
    Wait(u64),
    Restart,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Undelivered,
    Waits { time: Timestamp, queued: bool },
    Acked,
    GivenUp,
}

struct Message {
    subject: &'static str,
    status: Status,
    deliveries: u64,
}

struct Model {
    config: ConsumerConfig,
    messages: BTreeMap<u64, Message>,
    again: Vec<u64>,
    requests: VecDeque<(String, u64)>,
    /// Receiver, sequence, how often.
    delivered: Vec<(String, u64, u64)>,
    now: Timestamp,
}

impl Model {
    fn wants(&self, subject: &str) -> bool {
        let filters = self.config.filters();
        filters.is_empty()
            || filters
                .iter()
                .any(|f| subject::matches(subject.as_bytes(), f.as_bytes()))
    }

    fn count(&self, wanted: impl Fn(&Message) -> bool) -> usize {
        self.messages.values().filter(|m| wanted(m)).count()
    }

    fn waiting(&self) -> usize {
        self.count(|m| matches!(m.status, Status::Waits { .. }))
    }

    fn pending(&self) -> usize {
        self.count(|m| m.status == Status::Undelivered && self.wants(m.subject))
    }

    fn max_deliver(&self) -> u64 {
        u64::try_from(self.config.max_deliver).unwrap_or(u64::MAX)
    }

    fn pump(&mut self) {
        while !self.requests.is_empty() {
            let sequence = if let Some(&sequence) = self.again.first() {
                let message = self.messages.get_mut(&sequence).expect("queued");
                if message.deliveries >= u64::try_from(self.config.max_deliver).unwrap_or(u64::MAX)
                {
                    message.status = Status::GivenUp;
                    self.again.remove(0);
                    continue;
                }
                self.again.remove(0);
                sequence
            } else {
                let most = self.config.max_ack_pending;
                if most > 0 && self.waiting() >= usize::try_from(most).expect("small") {
                    return;
                }
                let next = self
                    .messages
                    .iter()
                    .find(|(_, m)| m.status == Status::Undelivered && self.wants(m.subject));
                match next {
                    Some((sequence, _)) => *sequence,
                    None => return,
                }
            };
            let (to, left) = self.requests.pop_front().expect("not empty");
            let message = self.messages.get_mut(&sequence).expect("there");
            message.deliveries += 1;
            message.status = Status::Waits {
                time: self.now,
                queued: false,
            };
            self.delivered
                .push((to.clone(), sequence, message.deliveries));
            if left > 1 {
                self.requests.push_back((to, left - 1));
            }
        }
    }

    fn ack(&mut self, sequence: u64, body: &str) {
        let now = self.now;
        let Some(message) = self.messages.get_mut(&sequence) else {
            return;
        };
        match (body, message.status) {
            ("+ACK" | "+TERM", Status::Waits { .. }) => {
                message.status = Status::Acked;
                self.again.retain(|s| *s != sequence);
            }
            // An acknowledgement that comes too late still counts.
            ("+ACK" | "+TERM", Status::GivenUp) => message.status = Status::Acked,
            (
                "-NAK",
                Status::Waits {
                    time,
                    queued: false,
                },
            ) => {
                self.again.push(sequence);
                message.status = Status::Waits { time, queued: true };
            }
            ("-NAK 3s", Status::Waits { .. }) => {
                self.again.retain(|s| *s != sequence);
                message.status = Status::Waits {
                    time: now.plus(3 * SECOND).minus(ACK_WAIT),
                    queued: false,
                };
            }
            ("+WPI", Status::Waits { queued, .. }) => {
                message.status = Status::Waits { time: now, queued };
            }
            _ => {}
        }
        self.pump();
    }

    fn wait(&mut self, nanos: u64) {
        let end = self.now.plus(nanos);
        loop {
            let due = |m: &Message| match m.status {
                Status::Waits {
                    time,
                    queued: false,
                } => Some(time.plus(ACK_WAIT)),
                _ => None,
            };
            let Some(at) = self
                .messages
                .values()
                .filter_map(due)
                .min()
                .filter(|at| *at <= end)
            else {
                break;
            };
            self.now = self.now.max(at);
            let now = self.now;
            let overdue: Vec<u64> = self
                .messages
                .iter()
                .filter(|(_, m)| due(m).is_some_and(|at| at <= now))
                .map(|(sequence, _)| *sequence)
                .collect();
            let most = self.max_deliver();
            for sequence in overdue {
                let message = self.messages.get_mut(&sequence).expect("there");
                if message.deliveries >= most {
                    message.status = Status::GivenUp;
                } else if let Status::Waits { queued, .. } = &mut message.status {
                    *queued = true;
                    self.again.push(sequence);
                }
            }
            self.pump();
        }
        self.now = end;
    }

    fn restart(&mut self) {
        self.requests.clear();
        self.again.clear();
        for message in self.messages.values_mut() {
            if let Status::Waits { queued, .. } = &mut message.status {
                *queued = false;
            }
        }
    }
}

/// Does the same to both and compares.
struct Pair {
    world: World,
    model: Model,
    /// Everything that was delivered, to choose from when something is acknowledged.
    seen: Vec<Sent>,
}

impl Pair {
    fn new(config: ConsumerConfig) -> Self {
        let mut stream = stream();
        stream.retention = Retention::Interest;
        let world = World::with(stream, config.clone(), &[]);
        let model = Model {
            config,
            messages: BTreeMap::new(),
            again: Vec::new(),
            requests: VecDeque::new(),
            delivered: Vec::new(),
            now: world.now,
        };
        Self {
            world,
            model,
            seen: Vec::new(),
        }
    }

    fn run(&mut self, number: usize, op: &Op) {
        match *op {
            Op::Publish(subject) => {
                let subject = SUBJECTS[subject];
                let sequence = self.world.publish(subject, "x");
                let message = Message {
                    subject,
                    status: Status::Undelivered,
                    deliveries: 0,
                };
                self.model.messages.insert(sequence, message);
                self.model.pump();
            }
            Op::Pull(batch) => {
                let reply = format!("in{number}");
                self.world.pull(&reply, &batch.to_string());
                self.model.requests.push_back((reply, batch));
                self.model.pump();
            }
            Op::Ack(which, body) => {
                if !self.seen.is_empty() {
                    let delivery = self.seen[which % self.seen.len()].clone();
                    self.world.ack(&delivery, body, "");
                    self.model.ack(delivery.token().stream, body);
                }
            }
            Op::Remove(sequence) => {
                if self.model.messages.remove(&sequence).is_some() {
                    self.model.again.retain(|s| *s != sequence);
                    self.world.remove(sequence);
                    // The stream lets the consumer go on when all removals are told.
                    self.world
                        .act(|consumer, turn| consumer.pump(turn, usize::MAX));
                    self.model.pump();
                }
            }
            Op::Wait(nanos) => {
                self.world.wait(nanos);
                self.model.wait(nanos);
            }
            Op::Restart => {
                self.world.restart();
                self.model.restart();
            }
        }
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let mut sent = self.world.sent();
        sent.retain(|s| s.kind == Kind::Delivery);
        let got: Vec<(String, u64, u64)> = sent
            .iter()
            .map(|s| (s.to.clone(), s.token().stream, s.token().deliveries))
            .collect();
        prop_assert_eq!(&got, &std::mem::take(&mut self.model.delivered));
        self.seen.extend(sent);
        let info = self.world.info();
        let model = &self.model;
        prop_assert_eq!(info.num_pending as usize, model.pending(), "pending");
        prop_assert_eq!(
            info.num_ack_pending as usize,
            model.waiting(),
            "ack pending"
        );
        prop_assert_eq!(info.num_waiting as usize, model.requests.len(), "requests");
        let again = model.count(|m| {
            let live = matches!(m.status, Status::Waits { .. } | Status::GivenUp);
            live && (m.deliveries > 1 || m.status == Status::GivenUp)
        });
        // Where nothing is delivered twice, what was given up is not shown.
        let again = if model.max_deliver() == 1 { 0 } else { again };
        prop_assert_eq!(info.num_redelivered as usize, again, "redelivered");
        for (sequence, message) in &model.messages {
            let needed = self
                .world
                .consumer
                .needs(*sequence, message.subject.as_bytes());
            let expected = model.wants(message.subject) && message.status != Status::Acked;
            prop_assert_eq!(needed, expected, "{} {:?}", sequence, message.status);
        }
        Ok(())
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let words = prop::sample::select(vec!["+ACK", "+TERM", "-NAK", "-NAK 3s", "+WPI", "what"]);
    let op = prop_oneof![
        6 => (0..SUBJECTS.len()).prop_map(Op::Publish),
        4 => (1u64..5).prop_map(Op::Pull),
        8 => (any::<usize>(), words).prop_map(|(which, word)| Op::Ack(which, word)),
        2 => (1u64..40).prop_map(Op::Remove),
        4 => (0u64..8).prop_map(|s| Op::Wait(s * SECOND + s)),
        1 => Just(Op::Restart),
    ];
    prop::collection::vec(op, 0..80)
}

fn configs() -> impl Strategy<Value = ConsumerConfig> {
    let filters = prop::sample::select(vec![vec![], vec!["a"], vec!["c.*"], vec!["a", "c.1"]]);
    let bounds = (
        prop::sample::select(vec![-1, 1, 3]),
        prop::sample::select(vec![-1, 1, 2, 3]),
    );
    (filters, bounds).prop_map(|(filters, (max_ack_pending, max_deliver))| ConsumerConfig {
        filter_subjects: filters.into_iter().map(str::to_owned).collect(),
        max_ack_pending,
        max_deliver,
        ack_wait: Nanos(ACK_WAIT as i64),
        ..pull()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn it_delivers_what_the_model_delivers(config in configs(), ops in ops()) {
        let mut pair = Pair::new(config);
        for (number, op) in ops.iter().enumerate() {
            pair.run(number, op);
            pair.compare().map_err(|e| TestCaseError::fail(format!("after {number} {op:?}: {e}")))?;
        }
    }
}
