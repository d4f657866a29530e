//! Requests of the API on their way to the threads that serve them.
//!
//! Two queues, changes before questions. When one is full the WHOLE queue is dropped, as the reference does: its requesters have given
//! up by then, and whoever asks next is answered at once.
//!
//! Few threads are enough as long as requests are short. Some are not: a purge of millions of messages, or a question to the stream that does
//! that. When all threads are held up in such ones and others wait, another thread helps, up to a bound; it ends when it has had nothing to do for a
//! while.
//!
//! Locks: `waiting`, then `threads`; neither is held while a request is served.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nats_api::system::ClientInfo;
use parking_lot::{Condvar, Mutex};

use crate::account::Account;

/// One request, copied out of its connection.
#[derive(Clone)]
pub struct Request {
    pub account: Arc<Account>,
    /// The whole subject as it was asked.
    pub subject: String,
    /// What follows `$JS.API.`.
    pub ask: String,
    pub reply: Vec<u8>,
    pub headers: Vec<u8>,
    pub body: Vec<u8>,
    pub client: Option<ClientInfo>,
}

/// How many requests may wait in each queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    pub changes: usize,
    pub infos: usize,
}

/// Threads at the most, helpers included.
const THREADS_MAX: usize = 8;
/// Nothing was taken for this long although something waits: the threads are held up.
const HELD_UP: Duration = Duration::from_millis(50);
/// A helper without work ends after this long.
const HELPER_IDLE: Duration = Duration::from_secs(5);

struct Waiting {
    changes: VecDeque<Request>,
    infos: VecDeque<Request>,
    stopped: bool,
    /// Threads that run, and those of them that wait for work.
    running: usize,
    idle: usize,
    /// When a request was last taken.
    taken: Instant,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.infos.is_empty()
    }

    /// Whether what waits needs another thread.
    fn wants_help(&self) -> bool {
        !self.stopped
            && !self.is_empty()
            && self.idle == 0
            && self.running < THREADS_MAX
            && self.taken.elapsed() >= HELD_UP
    }
}

/// Counted among the threads that run, also when it ends in a panic or never began.
struct Running(Arc<Queue>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.waiting.lock().running -= 1;
    }
}

type Serve = Box<dyn Fn(Request) + Send + Sync>;

/// The queues and their threads.
pub struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
    limits: QueueLimits,
    /// Waiting or being served.
    inflight: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// What the threads do with a request.
    serve: OnceLock<Serve>,
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::new(Waiting {
                changes: VecDeque::new(),
                infos: VecDeque::new(),
                stopped: false,
                running: 0,
                idle: 0,
                taken: Instant::now(),
            }),
            work: Condvar::new(),
            limits,
            inflight: AtomicU64::new(0),
            threads: Mutex::default(),
            serve: OnceLock::new(),
        })
    }

    /// Starts `threads` threads that hand every request to `serve`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(
        self: &Arc<Self>,
        threads: usize,
        serve: impl Fn(Request) + Send + Sync + 'static,
    ) -> std::io::Result<()> {
        self.serve.get_or_init(|| Box::new(serve));
        for _ in 0..threads {
            self.start_thread(None)?;
        }
        Ok(())
    }

    /// Starts a thread; one that helps ends when it has had nothing to do for so long.
    fn start_thread(self: &Arc<Self>, patience: Option<Duration>) -> std::io::Result<()> {
        let n = {
            let mut waiting = self.waiting.lock();
            if waiting.stopped {
                return Ok(());
            }
            waiting.running += 1;
            waiting.running
        };
        let running = Running(self.clone());
        let named = std::thread::Builder::new().name(format!("jetstream-api-{n}"));
        let thread = named.spawn(move || running.0.work(patience))?;
        let mut threads = self.threads.lock();
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
        Ok(())
    }

    /// Has somebody take what waits behind requests that take long. To be called now and then.
    pub fn help(self: &Arc<Self>) {
        if !self.waiting.lock().wants_help() {
            return;
        }
        if let Err(e) = self.start_thread(Some(HELPER_IDLE)) {
            tracing::warn!("JetStream: no further thread for the API: {e}");
        }
    }

    /// Queues a request. The number of requests that were dropped because of it.
    pub fn push(self: &Arc<Self>, request: Request, is_info: bool) -> u64 {
        let mut waiting = self.waiting.lock();
        let (queue, limit) = match is_info {
            true => (&mut waiting.infos, self.limits.infos),
            false => (&mut waiting.changes, self.limits.changes),
        };
        queue.push_back(request);
        self.inflight.fetch_add(1, Ordering::Relaxed);
        if queue.len() < limit {
            let wants_help = waiting.wants_help();
            drop(waiting);
            match wants_help {
                true => self.help(),
                false => {
                    self.work.notify_one();
                }
            }
            return 0;
        }
        let dropped = queue.len() as u64;
        queue.clear();
        self.inflight.fetch_sub(dropped, Ordering::Relaxed);
        dropped
    }

    /// Requests waiting or being served.
    pub fn inflight(&self) -> u64 {
        self.inflight.load(Ordering::Relaxed)
    }

    fn work(&self, patience: Option<Duration>) {
        let Some(serve) = self.serve.get() else {
            return;
        };
        while let Some(request) = self.take(patience) {
            serve(request);
            self.inflight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The next request. `None` at the end, or when there was none for so long.
    fn take(&self, patience: Option<Duration>) -> Option<Request> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.stopped {
                return None;
            }
            let next = waiting.changes.pop_front();
            if let Some(request) = next.or_else(|| waiting.infos.pop_front()) {
                waiting.taken = Instant::now();
                return Some(request);
            }
            waiting.idle += 1;
            let is_over = match patience {
                None => {
                    self.work.wait(&mut waiting);
                    false
                }
                Some(patience) => self.work.wait_for(&mut waiting, patience).timed_out(),
            };
            waiting.idle -= 1;
            if is_over && waiting.is_empty() {
                return None;
            }
        }
    }

    /// Ends the threads; what waits is dropped. Blocks until the requests being served are done.
    pub fn stop(&self) {
        self.waiting.lock().stopped = true;
        self.work.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the JetStream API ended in a panic");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Settings;

    fn request(ask: &str) -> Request {
        Request {
            account: Arc::new(Account::new("A", Settings::default())),
            subject: format!("$JS.API.{ask}"),
            ask: ask.to_owned(),
            reply: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            client: None,
        }
    }

    #[test]
    fn changes_are_served_before_questions() {
        let queue = Queue::new(QueueLimits {
            changes: 10,
            infos: 10,
        });
        queue.push(request("INFO"), true);
        queue.push(request("STREAM.DELETE.S"), false);
        let (sender, seen) = std::sync::mpsc::channel();
        queue
            .start(1, move |r| sender.send(r.ask).expect("the test listens"))
            .expect("a thread");
        assert_eq!(seen.recv().as_deref(), Ok("STREAM.DELETE.S"));
        assert_eq!(seen.recv().as_deref(), Ok("INFO"));
        queue.stop();
        assert_eq!(queue.inflight(), 0);
    }

    #[test]
    fn what_waits_behind_requests_that_take_long_is_served_by_others() {
        let queue = Queue::new(QueueLimits {
            changes: 100,
            infos: 100,
        });
        let (sender, seen) = std::sync::mpsc::channel();
        let (done, gate) = std::sync::mpsc::channel::<()>();
        let gate = Mutex::new(gate);
        queue
            .start(2, move |r| {
                sender.send(r.ask.clone()).expect("the test listens");
                if r.ask.starts_with("STREAM.PURGE") {
                    let _ = gate.lock().recv();
                }
            })
            .expect("threads");
        let patience = Duration::from_secs(10);
        for _ in 0..2 {
            queue.push(request("STREAM.PURGE.S"), false);
            assert_eq!(seen.recv_timeout(patience).as_deref(), Ok("STREAM.PURGE.S"));
        }
        queue.push(request("INFO"), true);
        let begun = Instant::now();
        while seen.try_recv().is_err() {
            assert!(begun.elapsed() < patience, "nobody helps");
            queue.help();
            std::thread::yield_now();
        }
        // Not more than the bound, however much waits.
        for _ in 0..50 {
            queue.push(request("STREAM.PURGE.S"), false);
            queue.help();
        }
        assert!(queue.waiting.lock().running <= THREADS_MAX);
        drop(done);
        queue.stop();
        assert_eq!(queue.waiting.lock().running, 0);
    }

    #[test]
    fn a_full_queue_is_dropped_as_a_whole_and_the_other_stays() {
        let queue = Queue::new(QueueLimits {
            changes: 2,
            infos: 10,
        });
        queue.push(request("INFO"), true);
        assert_eq!(queue.push(request("STREAM.DELETE.S"), false), 0);
        assert_eq!(queue.push(request("STREAM.DELETE.S"), false), 2);
        assert_eq!(queue.inflight(), 1);
    }
}
