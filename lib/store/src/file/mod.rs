//! A stream's messages in files.
//!
//! **What lives here.** [`FileStream`] keeps the promise of [`StreamStore`] with two kinds of files: the server's one log, which makes a write
//! durable, and the stream's own blocks, which are written later, in large pieces, and take over at a checkpoint. `record`, `chunk`
//! and `marks` have the bytes; `contents` is what is derived (figures, indexes); `blocks` and `cache` find bytes; `stream`, `writes`, `reads`,
//! `erase` are the operations; `checkpoint` and `recover` the way to the files and back.
//!
//! **Who may call.** The catalog opens streams; stream machines use them through the trait.
//!
//! **What never happens here.** A block is never changed, but for the overwriting that secure erase demands. Nothing is removed from the
//! disk before a durable document says that it is not needed. Damage is never passed over as absence.
//!
//! **Locks.** None of its own but the one around the state of a checkpoint that another thread finishes. The cache has its own.
//!
//! **States of a message.** staged in the log and in the tail -> in a chunk, unwritten -> in a block, unsynced -> checkpointed. Reads see it from
//! the first on. **States of a stream.** well; full (writes wait in memory, then are refused, until there is room); frozen (a write or a sync failed: until it
//! is opened again, see `again`); damaged (what is left is served); fenced (something could not be read when it was opened: what is
//! known is shown, and nothing changes until the next process opens it).
//!
//! **Where to start reading.** `FileStream::append_message` in `stream`, then `checkpoint`.

mod again;
mod blocks;
mod cache;
mod checkpoint;
mod chunk;
mod compact;
mod contents;
#[cfg(test)]
mod crash_tests;
mod erase;
mod home;
mod marks;
mod purge;
mod reads;
mod record;
mod recover;
mod refuse;
mod safe;
mod staging;
mod stream;
mod tail;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trouble_tests;
mod writes;

use std::ops::ControlFlow;

pub use cache::Cache;
pub use home::Home;
pub use recover::{Recovering, StreamDamage};
pub use stream::{FileSettings, FileStream, Surroundings};

use crate::error::StoreError;
use crate::message::{Message, NewMessage, Storage, Timestamp};
use crate::state::{Limits, Pending, Removals, StreamState, SubjectState};
use crate::store::{Erase, Filter, Position, Purge, StreamStore, Upkeep};

impl StreamStore for FileStream {
    fn storage(&self) -> Storage {
        Storage::File
    }

    fn state(&self) -> StreamState {
        self.figures()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn set_limits(&mut self, limits: Limits, removed: &mut Removals) -> Result<(), StoreError> {
        self.apply_limits(limits, removed)
    }

    fn append(
        &mut self,
        sequence: u64,
        message: &NewMessage<'_>,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        self.append_message(sequence, message, removed)
    }

    fn skip(&mut self, last: u64) -> Result<(), StoreError> {
        self.skip_to(last)
    }

    fn remove(
        &mut self,
        sequence: u64,
        erase: Erase,
        removed: &mut Removals,
    ) -> Result<bool, StoreError> {
        self.remove_one(sequence, erase, removed)
    }

    fn purge(&mut self, purge: &Purge, removed: &mut Removals) -> Result<u64, StoreError> {
        self.purge_messages(purge, removed)
    }

    fn begin_group(&mut self) -> Result<(), StoreError> {
        self.open_group()
    }

    fn end_group(&mut self) -> Result<(), StoreError> {
        self.close_group()
    }

    fn expire(
        &mut self,
        now: Timestamp,
        most: usize,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        self.expire_messages(now, most, removed)
    }

    fn expired(&self, now: Timestamp, most: usize) -> Result<Vec<u64>, StoreError> {
        self.expired_messages(now, most)
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        self.next_to_expire()
    }

    fn load(&self, sequence: u64) -> Result<Option<Message>, StoreError> {
        self.load_message(sequence)
    }

    fn next(&self, filter: &Filter, from: u64) -> Result<Option<Message>, StoreError> {
        self.next_message(filter, from)
    }

    fn previous(&self, filter: &Filter, to: u64) -> Result<Option<Message>, StoreError> {
        self.previous_message(filter, to)
    }

    fn subject(&self, literal: &[u8]) -> Option<SubjectState> {
        Some(self.contents.subjects.get(literal)?.state())
    }

    fn subjects(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(&[u8], SubjectState) -> ControlFlow<()>,
    ) {
        self.contents.subjects.visit(filter, |subject, sequences| {
            visit(subject, sequences.state())
        });
    }

    fn last_sequences(
        &self,
        filter: &Filter,
        up_to: u64,
        most: usize,
    ) -> Result<Option<Vec<u64>>, StoreError> {
        Ok(self.contents.subjects.last_sequences(filter, up_to, most))
    }

    fn pending(
        &self,
        filter: &Filter,
        from: u64,
        last_per_subject: bool,
    ) -> Result<Pending, StoreError> {
        self.count_pending(filter, from, last_per_subject)
    }

    fn sequence_at(&self, time: Timestamp) -> Result<u64, StoreError> {
        self.first_not_older(time)
    }

    fn gaps(&self, visit: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) {
        let mut gap: Option<(u64, u64)> = None;
        for span in self.contents.missing.spans(0) {
            // Spans may touch; a gap is reported whole.
            match gap {
                Some((first, last)) if last.saturating_add(1) == span.first => {
                    gap = Some((first, span.last));
                }
                Some((first, last)) => {
                    let count = last.saturating_sub(first).saturating_add(1);
                    if visit(first, count).is_break() {
                        return;
                    }
                    gap = Some((span.first, span.last));
                }
                None => gap = Some((span.first, span.last)),
            }
        }
        if let Some((first, last)) = gap {
            let _ = visit(first, last.saturating_sub(first).saturating_add(1));
        }
    }

    fn staged(&self) -> Option<Position> {
        (self.staged > self.around.log.durable()).then_some(self.staged)
    }

    fn durable_through(&self) -> u64 {
        match self.staged() {
            Some(_) => self.safe.through(self.around.log.durable()),
            None => self.contents.last,
        }
    }

    fn fault(&self) -> Option<StoreError> {
        let failed = self.upkeep.lock().failed.clone();
        failed
            .or_else(|| self.around.log.fault())
            .or_else(|| self.fault.clone())
            .or_else(|| self.damage.clone())
    }

    fn checkpoint(&mut self) -> Result<Option<Upkeep>, StoreError> {
        self.begin_checkpoint()
    }
}
