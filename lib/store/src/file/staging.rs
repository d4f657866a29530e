//! What a stream writes to the log: one entry for what it does, or one for many things that survive a crash together.

use super::marks::{KIND_APPEND, KIND_GROUP, KIND_MARKS, KIND_PURGE, Sweep, put_grouped};
use super::stream::{FileStream, Victim};
use crate::error::StoreError;
use crate::limits::GROUP_MAX;
use crate::store::Position;

/// The position of a chunk with messages that are not in the log yet.
pub const IN_GROUP: Position = Position(u64::MAX);

impl FileStream {
    /// One entry: what goes because of the limits, and the record.
    pub(super) fn stage_append(
        &mut self,
        victims: &[Victim],
        sequence: u64,
        at: usize,
    ) -> Result<(), StoreError> {
        self.refuse_fenced()?;
        self.marks.clear();
        if !victims.is_empty() {
            let mut gone: Vec<u64> = victims.iter().map(|victim| victim.sequence).collect();
            self.marks.set_removed(&mut gone);
        }
        self.marks.last = sequence;
        self.scratch.clear();
        self.marks.encode(&mut self.scratch);
        let record = self.tail.bytes.get(at..).unwrap_or_default();
        if let Some(group) = &mut self.grouped {
            if group.len().saturating_add(record.len()) > GROUP_MAX {
                return Err(StoreError::TooLarge {
                    size: group.len().saturating_add(record.len()) as u64,
                    max: GROUP_MAX as u64,
                });
            }
            put_grouped(group, KIND_APPEND, &[&self.scratch, record]);
        } else if !self.is_filling {
            let log = &self.around.log;
            self.staged = log.stage(self.group, KIND_APPEND, &[&self.scratch, record])?;
        }
        self.changed = true;
        Ok(())
    }

    /// Stages that these sequences are gone and the last one is at least `last`.
    pub(super) fn stage_marks(&mut self, gone: &mut [u64], last: u64) -> Result<(), StoreError> {
        self.marks.clear();
        self.marks.set_removed(gone);
        self.marks.last = last;
        self.scratch.clear();
        self.marks.encode(&mut self.scratch);
        self.stage_scratch(KIND_MARKS)
    }

    pub(super) fn stage_sweep(&mut self, sweep: &Sweep) -> Result<(), StoreError> {
        self.scratch.clear();
        sweep.encode(&mut self.scratch);
        self.stage_scratch(KIND_PURGE)
    }

    /// What removes messages makes room, so it is staged even when the disk is full.
    fn stage_scratch(&mut self, kind: u8) -> Result<(), StoreError> {
        self.refuse_fenced()?;
        if let Some(group) = &mut self.grouped {
            put_grouped(group, kind, &[&self.scratch]);
        } else if !self.is_filling {
            let log = &self.around.log;
            self.staged = log.stage_anyway(self.group, kind, &[&self.scratch])?;
        }
        self.changed = true;
        Ok(())
    }

    /// From here on entries are gathered, to be staged as one.
    pub(super) fn open_group(&mut self) -> Result<(), StoreError> {
        self.refuse_fenced()?;
        // Within a group it goes on to its end, come what may.
        if self.group_depth == 0
            && let Some(fault) = self.around.log.fault()
        {
            return Err(fault);
        }
        self.group_depth = self.group_depth.saturating_add(1);
        self.grouped.get_or_insert_default();
        Ok(())
    }

    /// Stages what was gathered. It is in the stream already, so it goes to the log even if that fails at the moment.
    pub(super) fn close_group(&mut self) -> Result<(), StoreError> {
        self.group_depth = self.group_depth.saturating_sub(1);
        let Some(group) = self.grouped.take_if(|_| self.group_depth == 0) else {
            return Ok(());
        };
        if !group.is_empty() && !self.is_filling {
            let log = &self.around.log;
            self.staged = log.stage_anyway(self.group, KIND_GROUP, &[&group])?;
        }
        for chunk in &mut self.unwritten {
            if chunk.position == IN_GROUP {
                chunk.position = self.staged;
            }
        }
        self.after_write();
        Ok(())
    }
}
