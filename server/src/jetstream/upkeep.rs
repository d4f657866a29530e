//! What is done now and then: checkpoints, so that old log can go; syncs, where an interval was asked for; a log that failed is tried again.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::JetStream;
use super::account::StreamEntry;
use super::faults::{Faults, Name};

/// How often there is a look.
const EVERY: Duration = Duration::from_secs(1);

/// Messages that nobody reads for this long do not stay in memory.
const CACHE_AGE: Duration = Duration::from_secs(5);

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

    /// Waits for the next look. True at the end.
    fn wait(&self) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.told.wait_for(&mut stopped, EVERY);
        }
        *stopped
    }
}

/// Runs until it is stopped or JetStream is gone.
pub fn run(jetstream: &Weak<JetStream>, stop: &Stop) {
    let mut synced = Instant::now();
    let mut aged = Instant::now();
    let mut faults = Faults::default();
    while !stop.wait() {
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
        let asked = jetstream.checkpoint_laggards();
        jetstream.vault.tidy();
        faults.look(&jetstream, asked);
        if aged.elapsed() >= CACHE_AGE {
            aged = Instant::now();
            jetstream.give_back_memory();
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
    fn checkpoint_laggards(&self) -> BTreeSet<Name> {
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
            match &laggard.consumer {
                None => checkpoint(&entry),
                Some(consumer) => checkpoint_consumer(&entry, consumer),
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

fn checkpoint(entry: &Arc<StreamEntry>) {
    let begun = entry.lane.with(|seat, _, _| seat.stream.checkpoint());
    // The part that waits for the disk runs here, while the stream goes on.
    let done = begun.and_then(|rest| rest.map_or(Ok(()), |rest| rest()));
    if let Err(e) = done {
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
