//! The threads that run lanes, and the one that keeps their timers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nats_store::Timestamp;
use parking_lot::{Condvar, Mutex};

use super::clock::Clock;
use super::timers::Timers;
use super::{CommitLog, Commits, Lane, LaneId, Machine};
use crate::router::Blocking;

/// Longest sleep of the timer thread, so that a jump of the wall clock shows within this time.
const TIMER_SLEEP_MAX: Duration = Duration::from_millis(500);

/// Runs lanes on threads of its own. File reads and syncs block these threads and nobody else.
pub struct Engine<M> {
    queue: Mutex<VecDeque<Work<M>>>,
    work: Condvar,
    timers: Mutex<Timers<M>>,
    timer: Condvar,
    commits: Commits<M>,
    ids: AtomicU64,
    clock: Clock,
    stopped: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What a thread of the engine does next.
enum Work<M> {
    Lane(Arc<Lane<M>>),
    /// Somebody committed once and left lanes behind.
    Commit,
}

impl<M: Machine> Engine<M> {
    /// Starts `workers` threads (at least two: one may wait for the disk while another decides) and the timer's.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(log: Arc<dyn CommitLog>, workers: usize) -> io::Result<Arc<Self>> {
        let engine = Arc::new(Self {
            queue: Mutex::default(),
            work: Condvar::new(),
            timers: Mutex::default(),
            timer: Condvar::new(),
            commits: Commits::new(log),
            ids: AtomicU64::new(1),
            clock: Clock::start(),
            stopped: AtomicBool::new(false),
            threads: Mutex::default(),
        });
        let mut threads = Vec::new();
        for n in 0..workers.max(2) {
            let worker = engine.clone();
            let named = std::thread::Builder::new().name(format!("jetstream-{n}"));
            threads.push(named.spawn(move || worker.work())?);
        }
        let keeper = engine.clone();
        let named = std::thread::Builder::new().name("jetstream-timer".to_owned());
        threads.push(named.spawn(move || keeper.keep_time())?);
        *engine.threads.lock() = threads;
        Ok(engine)
    }

    pub(super) fn next_id(&self) -> LaneId {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn commits(&self) -> &Commits<M> {
        &self.commits
    }

    /// The time for everything that streams decide, see [`Clock`].
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn enqueue(&self, lane: Arc<Lane<M>>) {
        self.queue.lock().push_back(Work::Lane(lane));
        self.work.notify_one();
    }

    /// Has the lane's effects leave when they are durable; commits on this thread, if nobody does at the moment.
    pub(super) fn settle_here(&self, lane: &Arc<Lane<M>>, blocking: Blocking<'_>) {
        if self.commits.settle_once(lane.clone(), blocking) {
            self.queue.lock().push_back(Work::Commit);
            self.work.notify_one();
        }
    }

    /// Sees to it that no lane waits for a commit that nobody causes.
    pub fn settle_waiting(&self) {
        self.commits.settle_waiting();
    }

    pub(super) fn set_timer(&self, lane: &Arc<Lane<M>>, before: u64, at: u64) {
        let sooner = self
            .timers
            .lock()
            .set(lane.id, Arc::downgrade(lane), before, at);
        if sooner {
            self.timer.notify_one();
        }
    }

    fn work(&self) {
        loop {
            let work = {
                let mut queue = self.queue.lock();
                loop {
                    if let Some(work) = queue.pop_front() {
                        break work;
                    }
                    if self.stopped.load(Ordering::Acquire) {
                        return;
                    }
                    self.work.wait(&mut queue);
                }
            };
            match work {
                Work::Lane(lane) => lane.guarded(|| lane.run()),
                Work::Commit => self.commits.settle_waiting(),
            }
        }
    }

    fn keep_time(&self) {
        let mut timers = self.timers.lock();
        while !self.stopped.load(Ordering::Acquire) {
            let now = u64::try_from(self.now().0).unwrap_or(0);
            let due = timers.take(now);
            if !due.is_empty() {
                drop(timers);
                for (at, lane) in due {
                    if let Some(lane) = lane.upgrade() {
                        lane.timer_fired(at);
                    }
                }
                timers = self.timers.lock();
                continue;
            }
            match timers.next() {
                Some(at) => {
                    let sleep = Duration::from_nanos(at.saturating_sub(now)).min(TIMER_SLEEP_MAX);
                    self.timer.wait_for(&mut timers, sleep);
                }
                None => self.timer.wait(&mut timers),
            }
        }
    }

    /// Ends the threads after they have emptied the queue. Blocks.
    pub fn stop(&self) {
        {
            let _queue = self.queue.lock();
            let _timers = self.timers.lock();
            self.stopped.store(true, Ordering::Release);
        }
        self.work.notify_all();
        self.timer.notify_all();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a JetStream thread ended in a panic");
            }
        }
    }
}
