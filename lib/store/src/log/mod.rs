//! The one log of a server: whatever must be durable now is written here, once, for all streams and consumers, and one sync serves everybody
//! who came meanwhile.
//!
//! **What lives here.** [`Log`]: [`Log::stage`] puts an entry of a group behind all others, [`Log::commit`] makes everything staged so far
//! durable. Groups write their own files lazily; a [`Log::checkpoint`] says how far those are durable, and segments that nobody needs any more
//! go ([`Log::trim`]). `format` has the bytes, `segments` the writer, `recover` the reader, `groups` who needs what.
//!
//! **Who may call.** `file`, `consumer`, `catalog` of this crate; the server's engine commits.
//!
//! **What never happens here.** No thread, no clock. A failed sync is never tried again on the same file: the segment is given up and
//! what it may have lost is written to a new one from memory. Nothing is written in place.
//!
//! **Locks.** `staging` (while an entry is copied) and `writer` (during a write; only by the one who commits, or trims). Order: writer
//! before staging. `wanted` (a look) is under neither. None is held by a caller.
//!
//! **States of an entry.** staged -> written -> durable. **States of the log.** well -> failing (a commit failed; nothing more is staged, the
//! next commit tries a new segment) -> well.
//!
//! **Where to start reading.** [`Log::commit`].

mod format;
mod groups;
mod recover;
mod room;
mod segments;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

pub use format::{Entry, GroupId};
pub use groups::Checkpoint;
pub use recover::{Cut, Document, LogDamage, LogFindings, Missing};

use crate::crypt::Key;
use crate::disk::{Disk, overwrite};
use crate::error::StoreError;
use crate::limits::{ENTRY_MAX, LOG_HELD_BYTES, SEGMENT_BYTES, SPARE_BUFFER_MAX, STAGED_MAX};
use crate::store::Position;
use format::ENTRY_HEADER;
use groups::{Groups, KIND_CHECKPOINTS, KIND_FORGET, put_row};
use room::Need;
use segments::{Batch, Segment, Writer};

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Promise {
    /// On the disk: it survives a power loss.
    #[default]
    Synced,
    /// Handed to the operating system: it survives the end of the process. Whoever opens the log calls [`Log::sync`] from time to time.
    Written,
}

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct LogSettings {
    pub promise: Promise,
    /// Bytes after which a segment is closed.
    pub segment_bytes: u64,
    /// Bytes of log after which [`Log::laggards`] names groups.
    pub held_bytes: u64,
    /// Entries are sealed under this key.
    pub key: Option<Key>,
    /// A key under which older segments may be sealed.
    pub previous_key: Option<Key>,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            promise: Promise::Synced,
            segment_bytes: SEGMENT_BYTES,
            held_bytes: LOG_HELD_BYTES,
            key: None,
            previous_key: None,
        }
    }
}

/// The log. Shared by reference; every method may be called by anybody at any time.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    settings: LogSettings,
    staging: Mutex<Staging>,
    writer: Mutex<Writer>,
    /// A commit ended.
    ended: Condvar,
    /// Something was staged.
    staged_more: Condvar,
    /// End of what the promise holds for.
    durable: AtomicU64,
    staged: AtomicU64,
    /// Segments that begin before this position hold something that was erased.
    scrub: AtomicU64,
    /// Groups that asked for a checkpoint of their own.
    wanted: Mutex<BTreeSet<GroupId>>,
    /// Groups that need the log before this were named as laggards.
    lag_border: AtomicU64,
}

#[derive(Debug)]
struct Staging {
    batch: Batch,
    /// What a failed commit could not write; goes first.
    unwritten: Option<Batch>,
    spare: (Vec<u8>, Vec<u8>),
    groups: Groups,
    committing: bool,
    waits_are_over: bool,
    /// What was staged makes room: so much of the reserve may be used for it.
    need: Need,
    /// The reserve was given up, and what is left of its room is for what makes room: until there is a reserve again, everything else is refused.
    reserve_is_lent: bool,
    /// Why the last commit failed; nothing is staged until one succeeds.
    fault: Option<StoreError>,
}

impl Log {
    /// Opens the log in `dir` (which exists), reads everything that is there once, and says what was found. Groups get their entries
    /// from [`Log::replay`], before anything is staged.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: LogSettings,
    ) -> Result<(Self, LogFindings), StoreError> {
        Self::open_telling(disk, dir, settings, &|_, _| ())
    }

    /// [`Log::open`] that says every few megabytes how far it is: bytes of the log's files that are read, and all of them.
    pub fn open_telling(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: LogSettings,
        tell: recover::Tell<'_>,
    ) -> Result<(Self, LogFindings), StoreError> {
        discard_erased(&*disk, dir)?;
        let recovered = recover::read(&disk, dir, &settings, tell)?;
        let end = recovered.from.end;
        let writer = Writer::new(
            Arc::clone(&disk),
            dir,
            settings.segment_bytes,
            settings.key.clone(),
            recovered.from,
        );
        let log = Self {
            disk,
            settings,
            staging: Mutex::new(Staging {
                batch: Batch::begin(end, Vec::new(), Vec::new()),
                unwritten: None,
                spare: Default::default(),
                groups: recovered.groups,
                committing: false,
                waits_are_over: false,
                need: Need::default(),
                reserve_is_lent: false,
                fault: None,
            }),
            writer: Mutex::new(writer),
            ended: Condvar::new(),
            staged_more: Condvar::new(),
            durable: AtomicU64::new(end),
            staged: AtomicU64::new(end),
            scrub: AtomicU64::new(0),
            wanted: Mutex::default(),
            lag_border: AtomicU64::new(0),
        };
        Ok((log, recovered.findings))
    }

    /// Gives every entry that was found at the opening to `each`, oldest first. Entries of deleted groups are left out.
    pub fn replay(&self, each: &mut dyn FnMut(Entry<'_>)) -> Result<(), StoreError> {
        let segments = {
            let writer = self.writer.lock();
            (writer.dir().to_path_buf(), self.durable().0)
        };
        recover::replay(
            &self.disk,
            &segments.0,
            &self.settings,
            segments.1,
            &mut |entry| {
                if !self.is_forgotten(entry.group) {
                    each(entry);
                }
            },
        )
    }

    /// Puts an entry behind all others; the position whose commit makes it durable. `parts` follow one another.
    pub fn stage(&self, group: GroupId, kind: u8, parts: &[&[u8]]) -> Result<Position, StoreError> {
        let length = parts
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        if length > ENTRY_MAX {
            return Err(StoreError::TooLarge {
                size: length as u64,
                max: ENTRY_MAX as u64,
            });
        }
        let mut staging = self.staging.lock();
        if staging.fault.is_none()
            && staging.batch.entries > 0
            && staging.batch.length().saturating_add(length) > STAGED_MAX
        {
            // Nobody commits, or not fast enough: who wants more waits for the disk.
            let end = Position(staging.batch.end());
            drop(staging);
            self.commit(end)?;
            staging = self.staging.lock();
        }
        if let Some(fault) = &staging.fault {
            return Err(fault.clone());
        }
        let end = staging.put(group, kind, parts);
        self.staged.store(end, Ordering::Release);
        drop(staging);
        self.staged_more.notify_one();
        Ok(Position(end))
    }

    /// As [`Log::stage`], even while the disk is full: for what makes room, and for what is done already. It waits in memory for its turn; the
    /// reserve is there for it.
    pub fn stage_anyway(
        &self,
        group: GroupId,
        kind: u8,
        parts: &[&[u8]],
    ) -> Result<Position, StoreError> {
        self.stage_for(Need::Removal, group, kind, parts)
    }

    fn stage_for(
        &self,
        need: Need,
        group: GroupId,
        kind: u8,
        parts: &[&[u8]],
    ) -> Result<Position, StoreError> {
        let length = parts
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        if length > ENTRY_MAX {
            return Err(StoreError::TooLarge {
                size: length as u64,
                max: ENTRY_MAX as u64,
            });
        }
        let mut staging = self.staging.lock();
        let end = staging.put(group, kind, parts);
        staging.need = staging.need.max(need);
        self.staged.store(end, Ordering::Release);
        drop(staging);
        self.staged_more.notify_one();
        Ok(Position(end))
    }

    /// As [`Log::stage`], also while the disk is full and the log can be written all the same: for what lets go of older entries.
    pub fn stage_to_let_go(
        &self,
        group: GroupId,
        kind: u8,
        parts: &[&[u8]],
    ) -> Result<Position, StoreError> {
        if self.fault().is_none() {
            return self.stage(group, kind, parts);
        }
        self.staging.lock().check_room_making()?;
        self.stage_for(Need::LetGo, group, kind, parts)
    }

    /// Everything staged so far ends here.
    pub fn staged(&self) -> Position {
        Position(self.staged.load(Ordering::Acquire))
    }

    /// Everything up to here keeps the promise.
    pub fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    /// Why nothing can be staged, if so.
    pub fn fault(&self) -> Option<StoreError> {
        self.staging.lock().fault.clone()
    }

    /// Returns when everything up to `upto` keeps the promise. Whoever finds no commit under way writes and syncs for all; the others wait for
    /// it, and the first of them for whom it was too early does the next one. After a failure each call is a new attempt.
    pub fn commit(&self, upto: Position) -> Result<Position, StoreError> {
        let mut staging = self.staging.lock();
        loop {
            let durable = self.durable();
            if durable >= upto.min(self.staged()) {
                return Ok(durable);
            }
            if !staging.committing {
                break;
            }
            self.ended.wait(&mut staging);
            if let Some(fault) = &staging.fault
                && self.durable() < upto
            {
                return Err(fault.clone());
            }
        }
        staging.committing = true;
        let mut batches = staging.take();
        let need = staging.need;
        drop(staging);
        let mut written = self.write(&mut batches);
        let mut full = None;
        for reserve in need.reserves() {
            if let Err(error) = &written
                && error.may_pass()
                && self.give_up(reserve)
            {
                full.get_or_insert(error.clone());
                written = self.write(&mut batches);
            }
        }
        let mut staging = self.staging.lock();
        staging.committing = false;
        if let Some(full) = full {
            staging.reserve_is_lent = true;
            staging.fault.get_or_insert(full);
        }
        let outcome = match written {
            Ok(()) => {
                if staging.batch.entries == 0 {
                    staging.need = Need::None;
                }
                if !staging.reserve_is_lent {
                    staging.fault = None;
                }
                staging.keep_spare(batches);
                Ok(self.durable())
            }
            Err(error) => {
                staging.put_back(batches, self.durable().0);
                // Each attempt names another segment. It is one trouble all the same, and whoever is told of changes hears of it once.
                let known = staging.fault.take().filter(|known| known.is_as(&error));
                let fault = known.unwrap_or(error);
                staging.fault = Some(fault.clone());
                Err(fault)
            }
        };
        drop(staging);
        self.ended.notify_all();
        outcome
    }

    /// Writes what was taken; on the first failure everything goes to a new segment.
    fn write(&self, batches: &mut [Batch]) -> Result<(), StoreError> {
        let sync = self.settings.promise == Promise::Synced;
        let mut writer = self.writer.lock();
        for batch in batches {
            if batch.entries == 0 || batch.end() <= self.durable().0 {
                continue;
            }
            let outcome = if writer.wants_new_segment(batch) {
                self.write_to_new(&mut writer, batch, sync)
            } else {
                writer.write(batch, sync).or_else(|_| {
                    writer.give_up_segment();
                    self.write_to_new(&mut writer, batch, sync)
                })
            };
            if let Err(error) = outcome {
                writer.give_up_segment();
                return Err(error);
            }
            self.durable.store(batch.end(), Ordering::Release);
        }
        Ok(())
    }

    fn write_to_new(
        &self,
        writer: &mut Writer,
        batch: &mut Batch,
        sync: bool,
    ) -> Result<(), StoreError> {
        let table = self.staging.lock().groups.table();
        writer.write_to_new(batch, &table, sync)
    }

    /// With [`Promise::Written`]: syncs what was written. A failure freezes the log, because what was lost is not in memory any more.
    pub fn sync(&self) -> Result<(), StoreError> {
        let Some((file, path)) = self.writer.lock().open_file() else {
            return Ok(());
        };
        file.sync().map_err(|cause| {
            let error = StoreError::io("syncing", &path, &cause);
            self.staging.lock().fault = Some(error.clone());
            self.writer.lock().give_up_segment();
            error
        })
    }

    /// Waits until something is staged that is not committed. False once [`Log::end_waits`] was called, at once.
    pub fn wait_for_work(&self) -> bool {
        let mut staging = self.staging.lock();
        while self.staged() == self.durable() && !staging.waits_are_over {
            self.staged_more.wait(&mut staging);
        }
        !staging.waits_are_over
    }

    /// Nobody waits for work any more, and nobody will.
    pub fn end_waits(&self) {
        self.staging.lock().waits_are_over = true;
        self.staged_more.notify_all();
    }

    /// The number of entries that a group staged so far, for its next checkpoint.
    pub fn count(&self, group: GroupId) -> u64 {
        self.staging
            .lock()
            .groups
            .get(group)
            .map_or(0, |group| group.count)
    }

    /// The checkpoint last made by a group.
    pub fn last_checkpoint(&self, group: GroupId) -> Option<Checkpoint> {
        self.staging.lock().groups.get(group)?.checkpoint.clone()
    }

    /// All groups that have a checkpoint or entries, and were not deleted.
    pub fn groups(&self) -> Vec<GroupId> {
        let staging = self.staging.lock();
        let mut groups: Vec<GroupId> = staging
            .groups
            .iter()
            .filter(|(id, group)| *id != GroupId::LOG && !group.forgotten)
            .map(|(id, _)| id)
            .collect();
        groups.sort_unstable();
        groups
    }

    /// Everything of this group that ends at or before the checkpoint's position is durable in the group's own files.
    pub fn checkpoint(&self, group: GroupId, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let mut row = Vec::new();
        put_row(&mut row, group, &checkpoint);
        let mut staging = self.staging.lock();
        staging.check_room_making()?;
        if staging.groups.note_checkpoint(group, checkpoint) {
            let end = staging.put(GroupId::LOG, KIND_CHECKPOINTS, &[&row]);
            if staging.fault.is_some() {
                staging.need = staging.need.max(Need::LetGo);
            }
            self.staged.store(end, Ordering::Release);
        }
        Ok(())
    }

    /// The group is deleted: durable when the position is committed. Until [`Log::removed`] the log remembers it.
    pub fn forget(&self, group: GroupId) -> Result<Position, StoreError> {
        self.forget_all(&[group])
    }

    /// As [`Log::forget`], for several at once: all of them are deleted, or none.
    pub fn forget_all(&self, groups: &[GroupId]) -> Result<Position, StoreError> {
        let ids: Vec<u8> = groups.iter().flat_map(|g| g.0.to_le_bytes()).collect();
        let mut staging = self.staging.lock();
        // A deletion makes room.
        if let Some(fault) = staging.fault.as_ref().filter(|fault| !fault.may_pass()) {
            return Err(fault.clone());
        }
        staging.need = Need::Removal;
        let start = staging.batch.end();
        let end = staging.put(GroupId::LOG, KIND_FORGET, &[&ids]);
        for group in groups {
            let known = staging.groups.entry(*group);
            known.forgotten = true;
            known.needed_from = Some(start);
        }
        self.staged.store(end, Ordering::Release);
        Ok(Position(end))
    }

    /// Whether the group was deleted, as far as the log remembers.
    pub fn is_forgotten(&self, group: GroupId) -> bool {
        let staging = self.staging.lock();
        staging
            .groups
            .get(group)
            .is_some_and(|group| group.forgotten)
    }

    /// The files of a deleted group are gone; its deletion need not be remembered.
    pub fn removed(&self, group: GroupId) {
        let mut staging = self.staging.lock();
        // Its older entries are still there: it stays known as forgotten until they are trimmed.
        staging.groups.entry(group).needed_from = None;
    }

    /// After the opening: of the deleted groups only these have files that are still there. The deletion of the others need not be remembered.
    pub fn only_left(&self, left: &BTreeSet<GroupId>) {
        self.staging.lock().groups.only_left(left);
    }

    /// Whether [`Log::laggards`] would name this group.
    pub fn is_laggard(&self, group: GroupId) -> bool {
        let needed = match self.staging.lock().groups.get(group) {
            Some(known) => known.needed_from,
            None => None,
        };
        needed.is_some_and(|from| from < self.lag_border.load(Ordering::Relaxed))
    }

    /// Bytes that an entry of this length takes in positions.
    pub fn entry_size(&self, length: usize) -> u64 {
        (length as u64).saturating_add(ENTRY_HEADER as u64)
    }

    /// Positions up to `end` are left out, because somebody has used them: after a crash that lost the log's tail and not the files that
    /// were behind it. Before anything is staged.
    pub fn leave_out_to(&self, end: u64) {
        let mut staging = self.staging.lock();
        if end > staging.batch.end() && staging.batch.entries == 0 {
            staging.batch = Batch::begin(end, Vec::new(), Vec::new());
            self.staged.store(end, Ordering::Release);
            self.durable.store(end, Ordering::Release);
        }
    }

    /// Bytes of log on disk.
    pub fn held_bytes(&self) -> u64 {
        self.writer.lock().bytes()
    }

    /// Something staged before this was erased: its segments shall go soon, overwritten.
    pub fn scrub(&self, upto: Position) {
        self.scrub.fetch_max(upto.0, Ordering::AcqRel);
    }

    /// When more log is held than the settings want, or something in it was erased: the groups that hold the older half of it, which should make a checkpoint.
    pub fn laggards(&self) -> Vec<GroupId> {
        let border = self.border();
        self.lag_border.store(border, Ordering::Relaxed);
        let mut groups = if border == 0 {
            Vec::new()
        } else {
            self.staging.lock().groups.needing_before(border)
        };
        for group in std::mem::take(&mut *self.wanted.lock()) {
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// The next [`Log::laggards`] names this group too: it has files that a checkpoint lets go.
    pub fn want_checkpoint(&self, group: GroupId) {
        self.wanted.lock().insert(group);
    }

    /// The log before this position should be given up. Zero: nothing.
    fn border(&self) -> u64 {
        let scrub = self.scrub.load(Ordering::Acquire);
        let writer = self.writer.lock();
        // A segment goes as a whole, with what others put behind the erased message.
        let scrub = match scrub {
            0 => 0,
            scrub => writer.end_of_segment(scrub).unwrap_or(scrub),
        };
        if writer.bytes() <= self.settings.held_bytes {
            drop(writer);
            return match self.wants_room() || self.is_tight() {
                true => self.staged().0,
                false => scrub,
            };
        }
        let segments = writer.segments();
        let middle = segments.len() / 2;
        let older = segments.get(middle.saturating_sub(1)).map_or(0, |s| s.end);
        older.max(scrub)
    }

    /// Removes the segments that nobody needs; how many. Blocks for a commit and the removals.
    pub fn trim(&self) -> Result<usize, StoreError> {
        // Checkpoints must be durable before what they replace goes.
        self.commit(self.staged())?;
        let scrub = self.scrub.load(Ordering::Acquire);
        self.leave_erased(scrub)?;
        self.leave_for_room()?;
        let mut writer = self.writer.lock();
        let needed = {
            let staging = self.staging.lock();
            staging
                .groups
                .needed_from()
                .unwrap_or(u64::MAX)
                .min(self.durable().0)
        };
        let taken = writer.take_before(needed);
        let dir = writer.dir().to_path_buf();
        drop(writer);
        for (index, segment) in taken.iter().enumerate() {
            // The oldest first, and one after the other, so that a crash in between leaves a log without a hole.
            if let Err(error) = self.remove_segment(segment, &dir, scrub > 0) {
                // It is the oldest one that is left, so it goes first the next time: a younger one before it would leave a hole.
                let left = taken.get(index..).unwrap_or_default();
                self.writer.lock().give_back(left);
                return Err(error);
            }
        }
        if let Some(last) = taken.last() {
            if last.end >= scrub {
                let _ = self
                    .scrub
                    .compare_exchange(scrub, 0, Ordering::AcqRel, Ordering::Relaxed);
            }
            self.staging.lock().groups.drop_forgotten(last.end);
        }
        Ok(taken.len())
    }
}

impl Log {
    /// Begins another segment when the one that is written holds something that was erased: an open segment never goes, and on a server where
    /// nobody writes any more it would keep that for ever.
    fn leave_erased(&self, scrub: u64) -> Result<(), StoreError> {
        if !self.writer.lock().give_up_segment_before(scrub) {
            return Ok(());
        }
        self.begin_segment()
    }

    fn remove_segment(&self, segment: &Segment, dir: &Path, erase: bool) -> Result<(), StoreError> {
        // What is being overwritten is no segment any more, or a crash in the middle would look like damage.
        let aside = segment.path.with_extension(ERASED);
        let renamed = |e: &std::io::Error| StoreError::io("renaming", &segment.path, e);
        let path = match erase {
            true => {
                if self.disk.exists(&segment.path).map_err(|e| renamed(&e))? {
                    self.disk
                        .rename(&segment.path, &aside)
                        .map_err(|e| renamed(&e))?;
                }
                self.disk.sync_dir(dir).map_err(|e| renamed(&e))?;
                &aside
            }
            false => &segment.path,
        };
        // An attempt before may have got as far as this.
        if self.disk.exists(path).map_err(|e| renamed(&e))? {
            discard(&*self.disk, path, erase)?;
        }
        self.disk
            .sync_dir(dir)
            .map_err(|e| StoreError::io("syncing", dir, &e))
    }
}

/// Ending of the name of a segment that is to be overwritten and removed.
const ERASED: &str = "erased";

/// Removes a segment that nobody needs.
fn discard(disk: &dyn Disk, path: &Path, erase: bool) -> Result<(), StoreError> {
    if erase {
        overwrite(disk, path).map_err(|e| StoreError::io("overwriting", path, &e))?;
    }
    disk.remove(path)
        .map_err(|e| StoreError::io("removing", path, &e))
}

/// Finishes what a crash interrupted.
fn discard_erased(disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
    let entries = disk
        .list(dir)
        .map_err(|e| StoreError::io("listing", dir, &e))?;
    for entry in entries {
        let path = dir.join(&entry.name);
        if path.extension().is_some_and(|ending| ending == ERASED) {
            discard(disk, &path, true)?;
        }
    }
    Ok(())
}

impl Staging {
    fn put(&mut self, group: GroupId, kind: u8, parts: &[&[u8]]) -> u64 {
        let start = self.batch.end();
        let count = if group == GroupId::LOG {
            0
        } else {
            let length: usize = parts.iter().map(|part| part.len()).sum();
            let size = length.saturating_add(ENTRY_HEADER) as u64;
            self.groups
                .count_entry(group, start, start.saturating_add(size))
        };
        self.batch.put(group, count, kind, parts);
        self.batch.end()
    }

    /// Whether what lets go of log may be staged: always but when the log cannot be written, for then it would only gather in memory.
    fn check_room_making(&self) -> Result<(), StoreError> {
        match &self.fault {
            Some(fault) if !fault.may_pass() || self.unwritten.is_some() => Err(fault.clone()),
            _ => Ok(()),
        }
    }

    /// Everything staged, oldest first.
    fn take(&mut self) -> Vec<Batch> {
        let end = self.batch.end();
        let (bytes, sums) = std::mem::take(&mut self.spare);
        let batch = std::mem::replace(&mut self.batch, Batch::begin(end, bytes, sums));
        self.unwritten.take().into_iter().chain([batch]).collect()
    }

    /// After a failure: all of it waits as one batch for the next attempt. Nothing was staged meanwhile that is not behind it.
    fn put_back(&mut self, batches: Vec<Batch>, durable: u64) {
        self.unwritten = batches
            .into_iter()
            .filter(|batch| batch.end() > durable)
            .reduce(Batch::joined);
    }

    fn keep_spare(&mut self, batches: Vec<Batch>) {
        if let Some(batch) = batches.into_iter().next_back()
            && batch.bytes.capacity() <= SPARE_BUFFER_MAX
        {
            self.spare = (batch.bytes, batch.sums);
        }
    }
}
