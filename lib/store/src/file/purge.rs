//! Purges. A small one says which sequences go; a large one says what it takes, and is then done step by step, so that nobody holds a list
//! of everything in memory. Either is one entry of the log: a crash finds all of it or nothing.

use super::marks::Sweep;
use super::stream::FileStream;
use crate::error::StoreError;
use crate::limits::SUBJECT_BUDGET;
use crate::state::{Removals, RemovedWhy};
use crate::store::{Filter, Purge};
use crate::subjects::Answer;

/// Subjects among which the next message is looked for by the index; where more match, messages are read one after the other.
const FEW_SUBJECTS: u64 = 64;

/// How the messages of a filter are found.
#[derive(Clone, Copy)]
enum Way {
    ByIndex,
    ByReading,
}

impl FileStream {
    pub(super) fn purge_messages(
        &mut self,
        purge: &Purge,
        removed: &mut Removals,
    ) -> Result<u64, StoreError> {
        self.refuse_all()?;
        let beyond = self.contents.last.saturating_add(1);
        let sweep = Sweep {
            filter: purge.filter.clone(),
            below: purge.below.unwrap_or(u64::MAX).min(beyond),
            keep: purge.keep.unwrap_or(0),
            last: match (purge.filter.is_all(), purge.below, purge.keep) {
                (true, Some(below), None) => below.saturating_sub(1),
                _ => 0,
            },
        };
        let count = self.count_swept(&sweep)?;
        if count <= self.settings.purge_listed {
            let gone = self.list_swept(&sweep, count);
            self.take_out(&gone, sweep.last, RemovedWhy::Purge, removed)?;
            return Ok(gone.len() as u64);
        }
        self.stage_sweep(&sweep)?;
        let swept = self.sweep(&sweep, count, removed);
        if let Err(error) = &swept {
            // The log has the whole of it; the files say what became of it when the stream is opened again.
            self.upkeep.lock().failed = Some(error.clone());
            self.around.log.want_checkpoint(self.group);
        }
        self.after_write();
        swept.map(|()| count)
    }

    /// How many messages a sweep takes.
    pub(super) fn count_swept(&self, sweep: &Sweep) -> Result<u64, StoreError> {
        let from = |sequence| self.count_pending(&sweep.filter, sequence, false);
        let all = from(0)?.messages;
        let stay = match sweep.below > self.contents.last {
            true => 0,
            false => from(sweep.below)?.messages,
        };
        Ok(all.saturating_sub(stay).saturating_sub(sweep.keep))
    }

    /// The sequences that it takes; only when they are few.
    fn list_swept(&self, sweep: &Sweep, count: u64) -> Vec<u64> {
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        if !self.contents.subjects.is_all(&sweep.filter) {
            let mut gone = self
                .contents
                .subjects
                .sequences_below(&sweep.filter, sweep.below);
            gone.truncate(most);
            return gone;
        }
        let mut gone = Vec::with_capacity(most);
        let mut from = 0;
        while gone.len() < most
            && let Some(next) = self.contents.next(from)
        {
            gone.push(next);
            from = next.saturating_add(1);
        }
        gone
    }

    /// Takes out the first `count` messages of the filter, one after the other.
    pub(super) fn sweep(
        &mut self,
        sweep: &Sweep,
        count: u64,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        if self.contents.subjects.is_all(&sweep.filter) && count == self.contents.messages {
            self.sweep_everything(removed);
        } else {
            let way = match self.contents.subjects.next(&sweep.filter, 0, FEW_SUBJECTS) {
                Answer::Exactly(_) => Way::ByIndex,
                Answer::TooMany => Way::ByReading,
            };
            let mut from = 0;
            for _ in 0..count {
                let Some(next) = self.next_swept(&sweep.filter, way, from)? else {
                    break;
                };
                let (message, ttl) = self.fetch_with_ttl(next)?;
                self.drop_message(next, &message, ttl, RemovedWhy::Purge, removed);
                from = next.saturating_add(1);
            }
        }
        self.contents.reach(sweep.last);
        Ok(())
    }

    fn next_swept(&self, filter: &Filter, way: Way, from: u64) -> Result<Option<u64>, StoreError> {
        if self.contents.subjects.is_all(filter) {
            return Ok(self.contents.next(from));
        }
        if let Way::ByIndex = way
            && let Answer::Exactly(next) = self.contents.subjects.next(filter, from, SUBJECT_BUDGET)
        {
            return Ok(next);
        }
        let mut at = from;
        while let Some(next) = self.contents.next(at) {
            if filter.matches(self.fetch(next)?.subject()) {
                return Ok(Some(next));
            }
            at = next.saturating_add(1);
        }
        Ok(None)
    }

    /// Nothing has to be read for that.
    fn sweep_everything(&mut self, removed: &mut Removals) {
        removed.omit(self.contents.messages);
        self.contents.empty();
        self.tail.clear();
        while let Some(block) = self.blocks.all.pop_back() {
            self.forget_block(block.number, block.created);
        }
    }
}
