//! The engine with a machine that only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use nats_jetstream::{Context, Effects, Interest, Kind};
use nats_store::{Position, StoreError, Timestamp};
use parking_lot::{Condvar, Mutex};

use super::*;

/// A log whose commits wait until the test lets them.
#[derive(Default)]
struct TestLog {
    staged: AtomicU64,
    durable: AtomicU64,
    commits: AtomicU64,
    fails: AtomicBool,
    gate: Mutex<Gate>,
    moved: Condvar,
}

/// Commits wait before it until it is open.
#[derive(Default)]
struct Gate {
    open: bool,
    waiting: usize,
}

impl TestLog {
    fn open(&self) {
        self.gate.lock().open = true;
        self.moved.notify_all();
    }

    /// Waits until a commit stands before the gate.
    fn wait_for_a_commit(&self) {
        let mut gate = self.gate.lock();
        while gate.waiting == 0 {
            let timeout = self.moved.wait_for(&mut gate, Duration::from_secs(10));
            assert!(!timeout.timed_out(), "nobody commits");
        }
    }
}

impl CommitLog for TestLog {
    fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    fn commit(&self) -> Result<Position, StoreError> {
        let upto = self.staged.load(Ordering::Acquire);
        let mut gate = self.gate.lock();
        gate.waiting += 1;
        self.moved.notify_all();
        while !gate.open {
            self.moved.wait(&mut gate);
        }
        gate.waiting -= 1;
        self.commits.fetch_add(1, Ordering::AcqRel);
        if self.fails.load(Ordering::Acquire) {
            return Err(StoreError::Frozen("broken".into()));
        }
        self.durable.fetch_max(upto, Ordering::AcqRel);
        Ok(self.durable())
    }
}

/// Answers every input with its number; stages each.
struct Counting {
    log: Arc<TestLog>,
    inputs: u64,
    failed: Arc<AtomicBool>,
    deadline: Option<Timestamp>,
}

impl Machine for Counting {
    fn input(
        &mut self,
        _: &mut Context<'_>,
        kind: InputKind,
        input: &Input<'_>,
        out: &mut Effects,
    ) {
        if kind == InputKind::DirectGet {
            return out.send(Kind::Read, input.reply, b"", b"", b"there");
        }
        self.inputs += 1;
        self.log.staged.fetch_add(1, Ordering::AcqRel);
        out.send(
            Kind::PubAck,
            input.reply,
            b"",
            b"",
            self.inputs.to_string().as_bytes(),
        );
    }

    fn tick(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        if self.deadline.is_some_and(|at| cx.now >= at) {
            self.deadline = None;
            out.send(Kind::Answer, b"tick", b"", b"", b"");
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.deadline
    }

    fn staged(&self) -> Option<Position> {
        Some(Position(self.log.staged.load(Ordering::Acquire)))
    }

    fn durable_through(&self) -> u64 {
        self.log.durable().0
    }

    fn commit_failed(&mut self, _: &mut Context<'_>, _: &StoreError, _: &mut Effects) {
        self.failed.store(true, Ordering::Release);
    }
}

/// Keeps what was sent.
#[derive(Default)]
struct Sent {
    seen: Mutex<Vec<String>>,
    more: Condvar,
}

impl Sent {
    fn wait_for(&self, count: usize) -> Vec<String> {
        let mut seen = self.seen.lock();
        while seen.len() < count {
            let timeout = self.more.wait_for(&mut seen, Duration::from_secs(10));
            assert!(!timeout.timed_out(), "only {:?} came", *seen);
        }
        seen.clone()
    }

    fn push(&self, text: String) {
        self.seen.lock().push(text);
        self.more.notify_all();
    }
}

impl Interest for Sent {
    fn listens(&self, _: &[u8]) -> bool {
        true
    }

    fn subscribed(&self, _: &[u8], _: Option<&[u8]>) -> bool {
        true
    }
}

impl Outlet for Sent {
    fn release(&self, effects: &Effects) {
        for effect in effects.iter() {
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            self.push(format!("{} {}", text(effect.subject), text(effect.payload)));
        }
    }

    fn release_safe(&self, effects: &Effects, durable_through: u64) {
        let safe = effects.iter().filter(|e| e.is_safe(durable_through));
        for effect in safe {
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            self.push(format!("{} {}", text(effect.subject), text(effect.payload)));
        }
    }

    fn fail(&self, effects: &Effects, durable_through: u64, error: &StoreError) {
        self.release_safe(effects, durable_through);
        for effect in effects.iter().filter(|e| !e.is_safe(durable_through)) {
            self.push(format!(
                "{} {error}",
                String::from_utf8_lossy(effect.subject)
            ));
        }
    }
}

struct World {
    log: Arc<TestLog>,
    engine: Arc<Engine<Counting>>,
    sent: Arc<Sent>,
    lane: Arc<Lane<Counting>>,
    failed: Arc<AtomicBool>,
}

impl World {
    fn new(deadline: Option<Timestamp>) -> Self {
        let log = Arc::new(TestLog::default());
        let engine = Engine::start(log.clone(), 2).expect("threads");
        let (sent, failed) = (Arc::new(Sent::default()), Arc::new(AtomicBool::new(false)));
        let machine = Counting {
            log: log.clone(),
            inputs: 0,
            failed: failed.clone(),
            deadline,
        };
        let limits = MailboxLimits {
            messages: 100_000,
            bytes: 1 << 20,
        };
        let lane = Lane::new(&engine, machine, sent.clone(), limits, 1);
        Self {
            log,
            engine,
            sent,
            lane,
            failed,
        }
    }

    fn post(&self) {
        self.post_as(InputKind::Publish);
    }

    fn post_as(&self, kind: InputKind) {
        let input = Input {
            subject: b"s",
            reply: b"r",
            headers: b"",
            payload: b"",
        };
        assert_ne!(self.lane.post(kind, &input), Posted::Full);
    }
}

#[test]
fn answers_wait_for_the_log_and_leave_in_order() {
    let world = World::new(None);
    for _ in 0..1000 {
        world.post();
    }
    world.log.wait_for_a_commit();
    assert!(world.sent.seen.lock().is_empty(), "nothing is durable yet");
    world.log.open();
    let expected: Vec<String> = (1..=1000).map(|n| format!("r {n}")).collect();
    assert_eq!(world.sent.wait_for(1000), expected);
    let commits = world.log.commits.load(Ordering::Acquire);
    assert!(commits < 1000, "{commits} commits for 1000 messages");
    world.engine.stop();
}

#[test]
fn a_failed_commit_voids_what_waits_and_tells_the_machine() {
    let world = World::new(None);
    world.log.fails.store(true, Ordering::Release);
    world.log.open();
    world.post();
    assert_eq!(world.sent.wait_for(1), ["r frozen: broken"]);
    world.log.fails.store(false, Ordering::Release);
    world.post();
    assert_eq!(world.sent.wait_for(2)[1], "r 2");
    assert!(world.failed.load(Ordering::Acquire));
    world.engine.stop();
}

#[test]
fn readers_of_what_is_durable_do_not_wait_for_a_log_that_fails() {
    let world = World::new(None);
    world.log.fails.store(true, Ordering::Release);
    world.log.open();
    world.post();
    world.sent.wait_for(1);
    let attempts = world.log.commits.load(Ordering::Acquire);
    for _ in 0..10 {
        world.post_as(InputKind::DirectGet);
    }
    let seen = world.sent.wait_for(11);
    assert!(seen[1..].iter().all(|s| s == "r there"), "{seen:?}");
    let later = world.log.commits.load(Ordering::Acquire);
    assert_eq!(later, attempts, "no reader tried to write");
    world.engine.stop();
}

#[test]
fn timers_call_a_lane_that_nobody_writes_to() {
    let world = World::new(Some(Timestamp(1)));
    world.log.open();
    world.lane.nudge();
    assert_eq!(world.sent.wait_for(1), ["tick "]);
    let soon = world.engine.now().plus(20_000_000);
    world
        .lane
        .with(|machine, _, _| machine.deadline = Some(soon));
    assert_eq!(world.sent.wait_for(2).len(), 2);
    assert!(world.engine.now() >= soon);
    world.engine.stop();
}

#[test]
fn what_is_asked_comes_after_what_was_posted() {
    let world = World::new(None);
    world.log.open();
    for _ in 0..100 {
        world.post();
    }
    assert_eq!(world.lane.with(|machine, _, _| machine.inputs), 100);
    world.engine.stop();
}
