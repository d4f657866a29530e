//! Requests of the API on their way to the threads that serve them.
//!
//! Two queues, changes before questions. When one is full the WHOLE queue is dropped, as the reference does: its requesters have given
//! up by then, and whoever asks next is answered at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

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

#[derive(Default)]
struct Waiting {
    changes: VecDeque<Request>,
    infos: VecDeque<Request>,
    stopped: bool,
}

/// The queues and their threads.
pub struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
    limits: QueueLimits,
    /// Waiting or being served.
    inflight: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Queue {
    pub fn new(limits: QueueLimits) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::default(),
            work: Condvar::new(),
            limits,
            inflight: AtomicU64::new(0),
            threads: Mutex::default(),
        })
    }

    /// Starts `threads` threads that hand every request to `serve`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(
        self: &Arc<Self>,
        threads: usize,
        serve: impl Fn(Request) + Clone + Send + 'static,
    ) -> std::io::Result<()> {
        for n in 0..threads {
            let (queue, serve) = (self.clone(), serve.clone());
            let named = std::thread::Builder::new().name(format!("jetstream-api-{n}"));
            let thread = named.spawn(move || queue.work(&serve))?;
            self.threads.lock().push(thread);
        }
        Ok(())
    }

    /// Queues a request. The number of requests that were dropped because of it.
    pub fn push(&self, request: Request, is_info: bool) -> u64 {
        let mut waiting = self.waiting.lock();
        let (queue, limit) = match is_info {
            true => (&mut waiting.infos, self.limits.infos),
            false => (&mut waiting.changes, self.limits.changes),
        };
        queue.push_back(request);
        self.inflight.fetch_add(1, Ordering::Relaxed);
        if queue.len() < limit {
            drop(waiting);
            self.work.notify_one();
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

    fn work(&self, serve: &impl Fn(Request)) {
        loop {
            let request = {
                let mut waiting = self.waiting.lock();
                loop {
                    if waiting.stopped {
                        return;
                    }
                    let next = waiting.changes.pop_front();
                    if let Some(request) = next.or_else(|| waiting.infos.pop_front()) {
                        break request;
                    }
                    self.work.wait(&mut waiting);
                }
            };
            serve(request);
            self.inflight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends the threads; what waits is dropped. Blocks until the requests being served are done.
    pub fn stop(&self) {
        self.waiting.lock().stopped = true;
        self.work.notify_all();
        for thread in std::mem::take(&mut *self.threads.lock()) {
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
