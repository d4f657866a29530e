//! The files of the log, and the one who writes them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::format::{
    BATCH_HEADER, BatchHeader, FLAG_SEALED, FLAG_TABLE, SEGMENT_HEADER, SegmentHeader, put_entry,
};
use super::groups::KIND_CHECKPOINTS;
use crate::codec::crc;
use crate::crypt::{Key, Sealer, TAG, fresh_salt};
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::limits::{LOG_AHEAD_BATCH_MAX, LOG_AHEAD_BYTES};
use crate::log::GroupId;

/// What segments are sealed for.
pub const SEAL_CONTEXT: &[u8] = b"nats store log segment";

static ZEROS: [u8; LOG_AHEAD_BYTES] = [0; LOG_AHEAD_BYTES];

/// Everything staged between two commits.
#[derive(Debug, Default)]
pub struct Batch {
    /// Room for the header, then the entries.
    pub bytes: Vec<u8>,
    pub position: u64,
    pub entries: u32,
    /// Over the checksums of the entries.
    pub sums: Vec<u8>,
}

impl Batch {
    pub fn begin(position: u64, mut bytes: Vec<u8>, mut sums: Vec<u8>) -> Self {
        bytes.clear();
        bytes.resize(BATCH_HEADER, 0);
        sums.clear();
        Self {
            bytes,
            position,
            entries: 0,
            sums,
        }
    }

    pub fn length(&self) -> usize {
        self.bytes.len().saturating_sub(BATCH_HEADER)
    }

    pub fn end(&self) -> u64 {
        self.position.saturating_add(self.length() as u64)
    }

    pub fn put(&mut self, group: GroupId, count: u64, kind: u8, parts: &[&[u8]]) {
        let position = self.end();
        let sum = put_entry(&mut self.bytes, position, group, count, kind, parts);
        self.sums.extend_from_slice(&sum.to_le_bytes());
        self.entries = self.entries.saturating_add(1);
    }

    /// This batch and the one behind it as one.
    pub fn joined(mut self, next: Self) -> Self {
        self.bytes
            .extend_from_slice(next.bytes.get(BATCH_HEADER..).unwrap_or_default());
        self.sums.extend_from_slice(&next.sums);
        self.entries = self.entries.saturating_add(next.entries);
        self
    }

    /// The bytes to write, with their header; what the next batch must name.
    fn finish(
        &mut self,
        previous: u32,
        flags: u32,
        sealer: Option<&Sealer>,
    ) -> Option<(Cow<'_, [u8]>, u32)> {
        let length = u32::try_from(self.length()).ok()?;
        let (stored, flags) = match sealer {
            Some(_) => (
                length.checked_add(u32::try_from(TAG).ok()?)?,
                flags | FLAG_SEALED,
            ),
            None => (length, flags),
        };
        let header = BatchHeader {
            stored,
            length,
            position: self.position,
            previous,
            entries: self.entries,
            digest: crc(&self.sums),
            flags,
        };
        let encoded = header.encode();
        self.bytes
            .get_mut(..BATCH_HEADER)?
            .copy_from_slice(&encoded);
        let Some(sealer) = sealer else {
            return Some((Cow::Borrowed(&self.bytes), header.mark()));
        };
        // The plain bytes stay: after a failed write they go to another segment, under another key.
        let mut sealed = self.bytes.clone();
        sealer.seal(
            piece_number(self.position, flags),
            &encoded,
            &mut sealed,
            BATCH_HEADER,
        )?;
        Some((Cow::Owned(sealed), header.mark()))
    }
}

/// The number under which a batch is sealed. The table has the position of the batch behind it; one bit keeps the two apart.
pub fn piece_number(position: u64, flags: u32) -> u64 {
    let table = u64::from(flags & FLAG_TABLE != 0);
    position.wrapping_shl(1) | table
}

/// A segment that is closed, or the one that is written.
#[derive(Debug, Clone)]
pub struct Segment {
    pub path: PathBuf,
    /// Nothing at or behind this position is in it. Of the segment that is written: where it ends now.
    pub end: u64,
    pub bytes: u64,
}

#[derive(Debug)]
struct Open {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    /// Position of its first batch.
    base: u64,
    /// Where the next batch goes.
    size: u64,
    /// Where the zeros end that were written ahead, or the file.
    zeroed: u64,
    sealer: Option<Sealer>,
}

/// Writes batches one after the other. One caller at a time.
#[derive(Debug)]
pub struct Writer {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    key: Option<Key>,
    open: Option<Open>,
    /// Oldest first; the last one is the open one, if any is.
    segments: VecDeque<Segment>,
    next_number: u64,
    /// Where the written log ends.
    end: u64,
    previous_batch: u32,
}

/// Where a writer takes up an existing log.
#[derive(Debug, Default)]
pub struct Continue {
    pub segments: VecDeque<Segment>,
    pub next_number: u64,
    pub end: u64,
    pub previous_batch: u32,
}

impl Writer {
    pub fn new(
        disk: Arc<dyn Disk>,
        dir: &Path,
        segment_bytes: u64,
        key: Option<Key>,
        from: Continue,
    ) -> Self {
        Self {
            disk,
            dir: dir.to_path_buf(),
            segment_bytes,
            key,
            open: None,
            segments: from.segments,
            next_number: from.next_number,
            end: from.end,
            previous_batch: from.previous_batch,
        }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn segments(&self) -> &VecDeque<Segment> {
        &self.segments
    }

    /// The file that is written, for syncing it without its writer.
    pub fn open_file(&self) -> Option<(Arc<dyn DiskFile>, PathBuf)> {
        let open = self.open.as_ref()?;
        Some((Arc::clone(&open.file), open.path.clone()))
    }

    /// Whether the next batch begins a new segment.
    pub fn wants_new_segment(&self, batch: &Batch) -> bool {
        self.open.as_ref().is_none_or(|open| {
            open.size.saturating_add(batch.bytes.len() as u64) > self.segment_bytes
        })
    }

    /// Nothing more goes to the open segment: after a failure, or when a new one is wanted.
    pub fn give_up_segment(&mut self) {
        self.open = None;
    }

    /// Gives the open segment up when it may hold something before this position. Whether it did.
    pub fn give_up_segment_before(&mut self, position: u64) -> bool {
        self.open.take_if(|open| open.base < position).is_some()
    }

    /// Gives the open segment up when it is larger than this. Whether it did.
    pub fn give_up_large_segment(&mut self, bytes: u64) -> bool {
        self.open.take_if(|open| open.size > bytes).is_some()
    }

    /// Where the segment ends that holds the byte before this position. Only for one that is not written any more.
    pub fn end_of_segment(&self, position: u64) -> Option<u64> {
        let closed = self.segments.len().checked_sub(1)?;
        self.segments
            .iter()
            .take(closed)
            .map(|segment| segment.end)
            .find(|end| *end >= position)
    }

    /// Writes a batch to the open segment.
    pub fn write(&mut self, batch: &mut Batch, sync: bool) -> Result<(), StoreError> {
        let Some(open) = &self.open else {
            return Err(StoreError::Frozen(Arc::from("the log has no open segment")));
        };
        let (bytes, mark) = batch
            .finish(self.previous_batch, 0, open.sealer.as_ref())
            .ok_or_else(|| cannot_seal(&open.path))?;
        let (file, path, at) = (Arc::clone(&open.file), open.path.clone(), open.size);
        file.write_at(&bytes, at)
            .map_err(|e| StoreError::io("writing", &path, &e))?;
        let mut zeroed = open.zeroed.max(at.saturating_add(bytes.len() as u64));
        if sync {
            zeroed = self.write_ahead(&*file, at, bytes.len(), open.zeroed);
            file.sync()
                .map_err(|e| StoreError::io("syncing", &path, &e))?;
        }
        let written = bytes.len() as u64;
        self.wrote(batch.end(), written, zeroed, mark);
        Ok(())
    }

    /// Makes the file longer than `len` bytes at `at` demand, if they are few and pass its end. Where the file ends then.
    fn write_ahead(&self, file: &dyn DiskFile, at: u64, len: usize, zeroed: u64) -> u64 {
        let end = at.saturating_add(len as u64);
        if end <= zeroed || len > LOG_AHEAD_BATCH_MAX {
            return zeroed.max(end);
        }
        let left = usize::try_from(self.segment_bytes.saturating_sub(end)).unwrap_or(usize::MAX);
        let zeros = ZEROS.get(..left).unwrap_or(&ZEROS);
        // Only for speed: where it fails (a full disk), the batch stands as well without.
        match file.write_at(zeros, end) {
            Ok(()) => end.saturating_add(zeros.len() as u64),
            Err(_) => end,
        }
    }

    /// Begins a segment with the table of groups and this batch.
    pub fn write_to_new(
        &mut self,
        batch: &mut Batch,
        table: &[Vec<u8>],
        sync: bool,
    ) -> Result<(), StoreError> {
        self.close(sync)?;
        let number = self.next_number;
        // A failed attempt leaves a file; the next attempt takes another name.
        self.next_number = number.saturating_add(1);
        let path = self.dir.join(file_name(number));
        let (salt, sealer) = self.new_sealer().ok_or_else(|| cannot_seal(&path))?;
        let header = SegmentHeader {
            number,
            base: batch.position,
            previous_end: self.end,
            previous_batch: self.previous_batch,
            salt,
        };
        let mut bytes = header.encode().to_vec();
        let mut rows = Batch::begin(batch.position, Vec::new(), Vec::new());
        for body in table {
            rows.put(GroupId::LOG, 0, KIND_CHECKPOINTS, &[body]);
        }
        let (table, mark) = rows
            .finish(self.previous_batch, FLAG_TABLE, sealer.as_ref())
            .ok_or_else(|| cannot_seal(&path))?;
        bytes.extend_from_slice(&table);
        let (body, mark) = batch
            .finish(mark, 0, sealer.as_ref())
            .ok_or_else(|| cannot_seal(&path))?;
        bytes.extend_from_slice(&body);
        let file = self.put_down(&path, &bytes, sync)?;
        self.segments.push_back(Segment {
            path: path.clone(),
            end: batch.position,
            bytes: 0,
        });
        self.open = Some(Open {
            file,
            path,
            base: batch.position,
            size: 0,
            zeroed: bytes.len() as u64,
            sealer,
        });
        let written = bytes.len() as u64;
        self.wrote(batch.end(), written, written, mark);
        Ok(())
    }

    /// A salt for a new segment, and what seals it when there is a key.
    fn new_sealer(&self) -> Option<([u8; 16], Option<Sealer>)> {
        let Some(key) = &self.key else {
            return Some(([0; 16], None));
        };
        let salt = fresh_salt()?;
        Some((salt, Some(key.sealer(SEAL_CONTEXT, &salt)?)))
    }

    /// Creates a segment's file with its first bytes.
    fn put_down(
        &self,
        path: &Path,
        bytes: &[u8],
        sync: bool,
    ) -> Result<Arc<dyn DiskFile>, StoreError> {
        let file = self
            .disk
            .create(path)
            .map_err(|e| StoreError::io("creating", path, &e))?;
        let mut written = file
            .write_at(bytes, 0)
            .map_err(|e| StoreError::io("writing", path, &e));
        if sync {
            written =
                written.and_then(|()| file.sync().map_err(|e| StoreError::io("syncing", path, &e)));
        }
        let written = written.and_then(|()| {
            self.disk
                .sync_dir(&self.dir)
                .map_err(|e| StoreError::io("syncing", &self.dir, &e))
        });
        if let Err(error) = written {
            // Best effort: without this an attempt every second would fill the directory. If it stays, recovery passes over it.
            let _ = self.disk.remove(path);
            return Err(error);
        }
        Ok(file)
    }

    /// Before a segment is left behind, everything in it is durable. (With syncing before every acknowledgement it is already.)
    fn close(&mut self, synced: bool) -> Result<(), StoreError> {
        if let Some(open) = self.open.take()
            && !synced
        {
            open.file
                .sync()
                .map_err(|e| StoreError::io("syncing", &open.path, &e))?;
        }
        Ok(())
    }

    fn wrote(&mut self, end: u64, bytes: u64, zeroed: u64, mark: u32) {
        self.end = end;
        self.previous_batch = mark;
        if let Some(open) = &mut self.open {
            open.size = open.size.saturating_add(bytes);
            open.zeroed = zeroed;
            if let Some(segment) = self.segments.back_mut() {
                segment.end = end;
                segment.bytes = open.size;
            }
        }
    }

    /// Takes the segments out that nobody needs when the log is needed from `position` on; their files are the caller's to remove.
    pub fn take_before(&mut self, position: u64) -> Vec<Segment> {
        let mut taken = Vec::new();
        // The last one always stays: it has the table and the chain.
        while self.segments.len() > 1 {
            match self.segments.front() {
                Some(first) if first.end <= position => taken.extend(self.segments.pop_front()),
                _ => break,
            }
        }
        taken
    }

    /// Segments that were taken out and whose files are still there.
    pub fn give_back(&mut self, segments: &[Segment]) {
        for segment in segments.iter().rev() {
            self.segments.push_front(segment.clone());
        }
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

fn cannot_seal(path: &Path) -> StoreError {
    StoreError::Io {
        doing: "sealing",
        place: Arc::from(path.to_string_lossy()),
        cause: Arc::from("the cipher refused"),
    }
}

pub fn file_name(number: u64) -> String {
    format!("{number:010}.log")
}

/// The number of a segment from its file's name; `None` for files that are not the log's.
pub fn file_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    if digits.len() < 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Bytes of the header that a segment begins with.
pub const FIRST_BATCH_AT: u64 = SEGMENT_HEADER as u64;
