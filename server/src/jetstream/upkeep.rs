//! What is done now and then: checkpoints, so that old log can go; syncs, where an interval was asked for; a log that failed is tried again.
//! Beside it a second thread makes durable, soon, what of the log nobody waits for ([`keep_tail_short`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nats_jetstream::stream::Stream;
use nats_store::{StoreError, Upkeep};
use parking_lot::{Condvar, Mutex};

use super::JetStream;
use super::account::StreamEntry;
use super::faults::{Faults, Name};
use super::vault::Tail;

/// How often there is a look.
const EVERY: Duration = Duration::from_secs(1);

/// How long something waits in memory for which nobody waits: acknowledgements without an answer, positions of deliveries. Long enough that the
/// syncs cost nothing beside the work that they belong to.
const TAIL_AGE: Duration = Duration::from_millis(100);

/// Messages that nobody reads for this long do not stay in memory.
const CACHE_AGE: Duration = Duration::from_secs(5);

/// How long the upkeep waits for a stream that is busy. It has others to look after, and comes again.
pub const PATIENCE: Duration = Duration::from_millis(50);

/// Streams that are opened again at the same time.
const REOPENED_AT_ONCE: usize = 4;

/// Stops the upkeep.
#[derive(Default)]
pub struct Stop {
    stopped: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    pub fn stop(&self) {
        *self.stopped.lock() = true;
        self.told.notify_all();
    }

    /// Waits this long. True at the end.
    fn wait(&self, pause: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.told.wait_for(&mut stopped, pause);
        }
        *stopped
    }
}

/// Runs until it is stopped or JetStream is gone.
pub fn run(jetstream: &Weak<JetStream>, stop: &Stop) {
    let mut synced = Instant::now();
    let mut aged = Instant::now();
    let mut faults = Faults::default();
    let mut reopening = Reopening::default();
    while !stop.wait(EVERY) {
        let Some(jetstream) = jetstream.upgrade() else {
            return;
        };
        let every = jetstream.vault.sync_every;
        let sync = every.is_some_and(|every| synced.elapsed() >= every);
        if sync {
            synced = Instant::now();
        }
        jetstream.vault.maintain(sync);
        jetstream.engine.settle_waiting();
        jetstream.queue.help();
        let asked = jetstream.checkpoint_laggards(&mut reopening);
        jetstream.vault.tidy();
        faults.look(&jetstream, asked);
        if aged.elapsed() >= CACHE_AGE {
            aged = Instant::now();
            jetstream.give_back_memory();
        }
    }
}

/// Makes durable what nobody waits for, soon after it came. Runs until it is stopped and the tail has its end.
pub fn keep_tail_short(tail: &Tail, stop: &Stop) {
    while tail.wait() {
        // A log that failed is tried again by the other thread.
        let pause = if tail.has_failed() { EVERY } else { TAIL_AGE };
        if stop.wait(pause) {
            return;
        }
        tail.commit();
    }
}

/// Streams whose store failed are opened again, which reads all that they have: each on a thread of its own, which the end waits for.
#[derive(Default)]
struct Reopening(BTreeMap<Name, JoinHandle<()>>);

impl Reopening {
    /// False when it has to wait for others.
    fn begin(&mut self, name: Name, entry: Arc<StreamEntry>) -> bool {
        self.0.retain(|_, thread| !thread.is_finished());
        if self.0.len() >= REOPENED_AT_ONCE || self.0.contains_key(&name) {
            return false;
        }
        let named = std::thread::Builder::new().name("jetstream-open".to_owned());
        match named.spawn(move || checkpoint(&entry)) {
            Ok(thread) => {
                self.0.insert(name, thread);
                true
            }
            Err(e) => {
                tracing::warn!("JetStream: no thread to open a stream again: {e}");
                false
            }
        }
    }
}

impl Drop for Reopening {
    fn drop(&mut self) {
        for (_, thread) in std::mem::take(&mut self.0) {
            if thread.join().is_err() {
                tracing::error!("a JetStream stream could not be opened again: panic");
            }
        }
    }
}

impl JetStream {
    fn give_back_memory(&self) {
        if self.vault.age_cache() > 0 {
            crate::memory::give_back_heap();
            crate::memory::give_back_code();
        }
    }

    /// Lets go of old log: those who keep it write what it holds for them.
    /// The streams that were asked.
    fn checkpoint_laggards(&self, reopening: &mut Reopening) -> BTreeSet<Name> {
        let laggards = self.vault.laggards();
        let asked = laggards
            .iter()
            .map(|laggard| (laggard.account.clone(), laggard.stream.clone()))
            .collect();
        for laggard in laggards {
            let entry = self
                .account(&laggard.account)
                .and_then(|account| account.find(&laggard.stream));
            let Some(entry) = entry else { continue };
            let begun = entry
                .lane
                .with_soon(PATIENCE, |seat, _, _| match &laggard.consumer {
                    Some(consumer) => {
                        let done = seat.stream.checkpoint_consumer(consumer);
                        Begun::Rest(done.map(|()| None))
                    }
                    None if has_failed(&seat.stream) => Begun::Failed,
                    None => Begun::Rest(seat.stream.checkpoint()),
                });
            let is_begun = match begun {
                Some(Begun::Rest(begun)) => {
                    finish(&entry, begun);
                    true
                }
                Some(Begun::Failed) => {
                    let name = (laggard.account.clone(), laggard.stream.clone());
                    reopening.begin(name, entry)
                }
                None => false,
            };
            if !is_begun {
                self.vault.ask_again(&laggard);
            }
        }
        asked
    }

    /// Before the end: everything is in its own files, so that the next start has little to read.
    pub(super) fn checkpoint_all(&self) {
        for entry in self.accounts().iter().flat_map(|account| account.all()) {
            let names: Vec<String> = entry
                .lane
                .with(|seat, _, _| seat.stream.consumer_names().map(str::to_owned).collect());
            for name in names {
                checkpoint_consumer(&entry, &name);
            }
            checkpoint(&entry);
        }
    }
}

/// What became of a wish for a checkpoint.
enum Begun {
    Rest(Result<Option<Upkeep>, StoreError>),
    /// The store has to be opened again first.
    Failed,
}

fn has_failed(stream: &Stream) -> bool {
    let fault = stream.store().fault();
    matches!(fault, Some(StoreError::Io { .. } | StoreError::Frozen(_)))
}

fn checkpoint(entry: &Arc<StreamEntry>) {
    let begun = entry.lane.with(|seat, _, _| seat.stream.checkpoint());
    finish(entry, begun);
}

fn finish(entry: &StreamEntry, begun: Result<Option<Upkeep>, StoreError>) {
    // The part that waits for the disk runs here, while the stream goes on.
    let done = begun.and_then(|rest| rest.map_or(Ok(()), |rest| rest()));
    // That there is no room is told when it begins, and not at every attempt.
    if let Err(e) = done
        && !e.may_pass()
    {
        tracing::warn!("JetStream stream {}: {e}", entry.name);
    }
}

fn checkpoint_consumer(entry: &Arc<StreamEntry>, name: &str) {
    let done = entry
        .lane
        .with(|seat, _, _| seat.stream.checkpoint_consumer(name));
    if let Err(e) = done {
        tracing::warn!("JetStream consumer {} > {name}: {e}", entry.name);
    }
}
