//! Archives on their way out of a stream (STREAM.SNAPSHOT) and into a new one (STREAM.RESTORE).
//!
//! **What lives here.** [`Transfers`]: the threads, one for each archive under way; `send` and `receive` are what they do, [`window`] and
//! [`intake`] how they wait for the other side, `fill` where a restored stream is until it is one. The archive's bytes are
//! `nats_jetstream::archive`.
//!
//! May call: the JetStream room. Never happens here: a stream is held up for longer than one step of reading; more than a window of an
//! archive is in memory. Locks: a window's and an intake's, each for a look.
//!
//! States of a restore: waiting for chunks -> reading -> at its end (the client said so, and the archive too) -> adopted; or failed, which is
//! the answer to the next chunk, and leaves nothing.
//!
//! Start reading at `send::Sending::run` and `receive::Receiving::run`.

mod fill;
mod intake;
mod receive;
mod send;
mod window;

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::Mutex;

pub use fill::{Filling, Place};
pub use receive::Receiving;
pub use send::Sending;

/// Archives under way at a time, in either direction.
const TRANSFERS_MAX: usize = 64;

/// Somebody who waits for the other side.
trait Interrupt: Send + Sync {
    /// The server stops: nobody waits any longer.
    fn interrupt(&self);
}

/// Archives that are under way.
#[derive(Default)]
pub struct Transfers {
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    stopped: bool,
    count: usize,
    /// Account and name of streams that are being restored.
    restoring: BTreeSet<(String, String)>,
    waiting: Vec<Weak<dyn Interrupt>>,
    threads: Vec<JoinHandle<()>>,
}

/// Why an archive is not begun.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    #[error("{TRANSFERS_MAX} snapshots and restores are under way")]
    TooMany,
    #[error("the server stops")]
    Stopped,
    #[error("no thread: {0}")]
    NoThread(#[from] std::io::Error),
    #[error("a restore of this stream is under way")]
    Restoring,
}

/// The place of an archive among those under way.
pub struct Turn {
    transfers: Arc<Transfers>,
    restoring: Option<(String, String)>,
}

impl Transfers {
    /// Takes a place; `restoring` is the stream that will come.
    pub fn turn(self: &Arc<Self>, restoring: Option<(String, String)>) -> Result<Turn, Busy> {
        let mut running = self.running.lock();
        if running.stopped {
            return Err(Busy::Stopped);
        }
        if running.count >= TRANSFERS_MAX {
            return Err(Busy::TooMany);
        }
        if let Some(stream) = &restoring
            && !running.restoring.insert(stream.clone())
        {
            return Err(Busy::Restoring);
        }
        running.count += 1;
        Ok(Turn {
            transfers: self.clone(),
            restoring,
        })
    }

    /// Runs the transfer on a thread of its own.
    fn start(
        &self,
        waiting: Weak<dyn Interrupt>,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), Busy> {
        let mut running = self.running.lock();
        if running.stopped {
            return Err(Busy::Stopped);
        }
        running.threads.retain(|thread| !thread.is_finished());
        running.waiting.retain(|one| one.strong_count() > 0);
        let named = std::thread::Builder::new().name("jetstream-archive".to_owned());
        running.threads.push(named.spawn(work)?);
        running.waiting.push(waiting);
        Ok(())
    }

    /// Ends all transfers; what is half restored is gone. Blocks.
    pub fn stop(&self) {
        let (waiting, threads) = {
            let mut running = self.running.lock();
            running.stopped = true;
            let waiting = std::mem::take(&mut running.waiting);
            (waiting, std::mem::take(&mut running.threads))
        };
        for one in waiting.iter().filter_map(Weak::upgrade) {
            one.interrupt();
        }
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread with a JetStream archive ended in a panic");
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut running = self.transfers.running.lock();
        running.count = running.count.saturating_sub(1);
        if let Some(stream) = &self.restoring {
            running.restoring.remove(stream);
        }
    }
}
