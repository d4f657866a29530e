//! Opening a stream that was there before: blocks as the state document names them, every checksum verified; then the log's tail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::{Block, ChunkPlace, block_number, block_path};
use super::checkpoint::{BlockRow, STATE_FILE, StateDocument};
use super::chunk::{BLOCK_HEADER, BlockHeader, CHUNK_HEADER, Chunk, ChunkHeader, plain_body};
use super::contents::Known;
use super::marks::{KIND_APPEND, KIND_GROUP, KIND_MARKS, KIND_PURGE, Marks, Sweep, read_grouped};
use super::record::{Record, check_record};
use super::stream::{BLOCK_CONTEXT, FileSettings, FileStream, Surroundings};
use crate::codec::Reader;
use crate::disk::{DiskFile, read_all};
use crate::error::StoreError;
use crate::index::{SequenceSet, Span};
use crate::limits::{SEARCH_WINDOW, STATE_FILE_MAX};
use crate::log::{Entry, GroupId};
use crate::message::{NewMessage, Storage};
use crate::state::{Limits, Removals, RemovedWhy};
use crate::store::Position;

/// Damage that was found in a stream's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamDamage {
    pub file: PathBuf,
    pub what: String,
}

/// A stream on its way back.
#[derive(Debug)]
pub struct Recovering {
    stream: FileStream,
    /// Entries up to here are in the blocks.
    from: u64,
    /// What the document says is missing; everything else between first and last must be there.
    missing: SequenceSet,
    first: u64,
    /// Entries of this stream are missing in the log: a jump of sequences is a loss.
    entries_lost: bool,
    damage: Vec<StreamDamage>,
    /// Damage if a message of these sequences is lost in the end.
    suspects: Vec<(Span, StreamDamage)>,
    /// What could not be read, or not taken in: the first of it. The stream is fenced.
    trouble: Option<StoreError>,
    /// What the log says is not done again any more.
    gave_up: bool,
}

impl Recovering {
    /// Reads document and blocks. What of the blocks cannot be read fences the stream, see [`Recovering::trouble`].
    ///
    /// # Errors
    /// The directory or the document cannot be read: nothing is known of the stream.
    pub fn open(
        around: Surroundings,
        dir: PathBuf,
        group: GroupId,
        settings: FileSettings,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let disk = Arc::clone(&around.disk);
        let known = around.log.last_checkpoint(group).map_or(0, |c| c.position);
        let mut this = Self {
            stream: FileStream::create(around, dir.clone(), group, settings, limits),
            from: 0,
            missing: SequenceSet::new(),
            first: 1,
            entries_lost: false,
            damage: Vec::new(),
            suspects: Vec::new(),
            trouble: None,
            gave_up: false,
        };
        let names = disk
            .list(&dir)
            .map_err(|e| StoreError::io("listing", &dir, &e))?;
        let numbers: Vec<u64> = names.iter().filter_map(|n| block_number(&n.name)).collect();
        let document = this.read_document(&dir)?;
        let trusted = document
            .as_ref()
            .is_some_and(|found| found.position >= known && found.group == group.0);
        if !trusted && known > 0 {
            this.note(
                &dir.join(STATE_FILE),
                "the document with the stream's state is damaged or older than the log knows",
            );
        }
        match document {
            Some(document) if trusted || known == 0 => this.read_blocks(&document, &numbers),
            // Never checkpointed: everything is in the log, and files of blocks are what a crash left of it.
            None if this.is_young() => this.read_blocks(&StateDocument::young(), &numbers),
            other => this.rebuild(other, &numbers),
        }
        Ok(this)
    }

    /// Without any damage so far, and with entries in the log.
    fn is_young(&self) -> bool {
        let log = &self.stream.around.log;
        self.damage.is_empty() && log.count(self.stream.group) > 0
    }

    fn note(&mut self, file: &Path, what: impl Into<String>) {
        self.damage.push(StreamDamage {
            file: file.to_path_buf(),
            what: what.into(),
        });
    }

    /// Something is there and cannot be read now: that is said, and what is on the disk stays as it is.
    fn cannot_read(&mut self, error: &StoreError) {
        let dir = self.stream.dir.clone();
        self.note(&dir, error.to_string());
        self.stream.fence(error);
        self.trouble.get_or_insert_with(|| error.clone());
    }

    /// As [`Recovering::cannot_read`], and the rest of the log is not done again: without what failed it would mean something else.
    pub fn give_up(&mut self, error: &StoreError) {
        self.gave_up = true;
        self.cannot_read(error);
    }

    /// What could not be read, or not taken in.
    pub fn trouble(&self) -> Option<&StoreError> {
        self.trouble.as_ref()
    }

    /// A message that is to be removed cannot be found.
    fn not_removed(&mut self, error: &StoreError) {
        match error {
            StoreError::Io { .. } => self.cannot_read(error),
            _ => {
                let dir = self.stream.dir.clone();
                self.note(&dir, error.to_string());
            }
        }
    }

    fn read_document(&mut self, dir: &Path) -> Result<Option<StateDocument>, StoreError> {
        let path = dir.join(STATE_FILE);
        let disk = &self.stream.around.disk;
        let fail = |e: &std::io::Error| StoreError::io("reading", &path, e);
        if !disk.exists(&path).map_err(|e| fail(&e))? {
            return Ok(None);
        }
        let file = disk.open(&path).map_err(|e| fail(&e))?;
        let bytes = read_all(&*file, STATE_FILE_MAX).map_err(|e| fail(&e))?;
        let document = StateDocument::decode(&bytes);
        if document.is_none() {
            self.note(&path, "both copies of the document are damaged");
        }
        Ok(document)
    }

    /// The normal way: exactly what the document names.
    fn read_blocks(&mut self, document: &StateDocument, numbers: &[u64]) {
        self.from = document.position;
        self.first = document.first;
        self.missing = document.missing.clone();
        self.begin(document.first);
        for row in &document.blocks {
            self.block(row);
        }
        self.lose_before(document.last.saturating_add(1));
        self.stream.contents.reach(document.last);
        self.stream.contents.last_time = document.last_time;
        self.stream.staged = Position(document.position);
        let highest = numbers.iter().max().map_or(0, |n| n.saturating_add(1));
        self.stream.next_block = document.next_block.max(highest);
        // Files that the document does not name: written after it, so all that is in them comes again from the log; or their messages are
        // all removed. They go with the next checkpoint.
        let named = |number: &u64| document.blocks.iter().any(|row| row.number == *number);
        self.stream.dead = numbers.iter().copied().filter(|n| !named(n)).collect();
    }

    fn begin(&mut self, first: u64) {
        self.stream.contents.first = first;
        self.stream.contents.last = first.saturating_sub(1);
    }

    /// Without a document that can be trusted: everything in all blocks, up to the first chunk that does not hold. Messages that were removed
    /// may come back; that is said, and better than the other mistake.
    fn rebuild(&mut self, document: Option<StateDocument>, numbers: &[u64]) {
        if let Some(document) = document {
            self.missing = document.missing;
            self.first = document.first;
            self.begin(self.first);
        }
        let mut rows = Vec::new();
        for number in numbers {
            match self.first_of(*number) {
                Ok(found) => rows.extend(found),
                Err(error) => self.cannot_read(&error),
            }
        }
        rows.sort_unstable_by_key(|(first, _)| *first);
        for (_, row) in rows {
            self.block(&row);
        }
        let highest = numbers.iter().max().map_or(1, |n| n.saturating_add(1));
        self.stream.next_block = highest;
    }

    /// The first sequence of a block of which nobody says anything, and the block.
    fn first_of(&self, number: u64) -> Result<Option<(u64, BlockRow)>, StoreError> {
        let path = block_path(&self.stream.dir, number);
        let fail = |e: &std::io::Error| StoreError::io("reading", &path, e);
        let file = self.stream.around.disk.open(&path).map_err(|e| fail(&e))?;
        let row = BlockRow {
            number,
            first: 0,
            last: u64::MAX,
            size: file.size().map_err(|e| fail(&e))?,
            mark: 0,
        };
        let mut bytes = [0; CHUNK_HEADER];
        file.read_at(&mut bytes, BLOCK_HEADER as u64)
            .map_err(|e| fail(&e))?;
        let header = ChunkHeader::decode(&bytes).filter(|header| header.block == number);
        Ok(header.map(|header| (header.first, row)))
    }

    /// Reads one block to the size that it must have, as far as it can be read.
    fn block(&mut self, row: &BlockRow) {
        if let Err(error) = self.read_block(row) {
            self.cannot_read(&error);
        }
    }

    fn read_block(&mut self, row: &BlockRow) -> Result<(), StoreError> {
        let path = block_path(&self.stream.dir, row.number);
        let file = match self.stream.around.disk.open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                self.note(&path, "the block is missing");
                return Ok(());
            }
            Err(e) => return Err(StoreError::io("opening", &path, &e)),
        };
        let mut bytes = [0; BLOCK_HEADER];
        file.read_at(&mut bytes, 0)
            .map_err(|e| StoreError::io("reading", &path, &e))?;
        let group = self.stream.group;
        let found = BlockHeader::decode(&bytes)
            .filter(|header| header.group == group && header.number == row.number);
        let header = match found {
            Some(header) => header,
            None => {
                self.note(&path, "the header of the block");
                // Plain chunks can still be read; what is sealed is lost with the salt.
                BlockHeader {
                    group,
                    number: row.number,
                    salt: [0; 16],
                    cipher: None,
                }
            }
        };
        let sealer = match header.cipher {
            Some(_) => self.sealer(&header)?,
            None => None,
        };
        let first = if row.first == 0 { 1 } else { row.first };
        let mut block = Block::new(header, sealer, first);
        block.created = true;
        block.closed = true;
        let read = self.chunks(row, &path, &file, &mut block);
        if block.chunks.is_empty() {
            return read;
        }
        if row.last != u64::MAX {
            block.last = row.last;
        } else if let (Some(first), Some(last)) = (block.chunks.first(), block.chunks.last()) {
            (block.first, block.last) = (first.first, last.last);
        }
        self.stream.blocks.all.push_back(block);
        read
    }

    fn sealer(&self, header: &BlockHeader) -> Result<Option<crate::crypt::Sealer>, StoreError> {
        match &self.stream.settings.key {
            Some(key) => Ok(key
                .with_cipher(header.cipher)
                .sealer(BLOCK_CONTEXT, &header.salt)),
            None => Err(StoreError::Frozen(Arc::from(
                "the stream is encrypted and no key is configured",
            ))),
        }
    }

    fn chunks(
        &mut self,
        row: &BlockRow,
        path: &Path,
        file: &Arc<dyn DiskFile>,
        block: &mut Block,
    ) -> Result<(), StoreError> {
        let mut at = BLOCK_HEADER as u64;
        let mut buffer = Vec::new();
        while at < row.size {
            let Some(header) = read_chunk(&**file, at, row, &mut buffer)
                .map_err(|e| StoreError::io("reading", path, &e))?
            else {
                if row.last == u64::MAX {
                    // Rebuilding: behind the last chunk that holds comes what was never finished.
                    break;
                }
                self.note(path, format!("the header of the chunk at {at}"));
                match next_chunk(&**file, at, row)
                    .map_err(|e| StoreError::io("reading", path, &e))?
                {
                    Some(next) => {
                        at = next;
                        continue;
                    }
                    None => break,
                }
            };
            if header.previous != block.mark {
                self.note(
                    path,
                    format!("the chunk at {at} does not follow the one before"),
                );
            }
            let body = std::mem::take(&mut buffer);
            let plain = plain_body(&header, body, block.sealer.as_ref(), at);
            match plain {
                Some(plain) => buffer = self.take_chunk(plain, &header, at, path, block)?,
                None => self.note(path, format!("the chunk at {at}")),
            }
            block.mark = header.mark();
            at = at.saturating_add(header.size());
            block.size = at;
        }
        if row.last != u64::MAX && (block.size != row.size || block.mark != row.mark) {
            self.note(path, "the block does not end as it did");
            block.size = row.size;
        }
        Ok(())
    }

    /// Takes in the messages of a chunk; the buffer back.
    fn take_chunk(
        &mut self,
        plain: Vec<u8>,
        header: &ChunkHeader,
        at: u64,
        path: &Path,
        block: &mut Block,
    ) -> Result<Vec<u8>, StoreError> {
        let (chunk, bad) = Chunk::check(plain, self.stream.group);
        let mut place = ChunkPlace {
            at,
            stored: header.stored,
            first: header.first,
            last: header.last,
            newest: crate::message::Timestamp(i64::MIN),
            plain: header.is_plain(),
        };
        for record in chunk.records() {
            place.newest = place.newest.max(record.time);
            self.take_record(&record, block)?;
        }
        if bad > 0 {
            // Known only when the log has been read: an erased record that a crash tore is no damage.
            self.suspects.push((
                Span {
                    first: header.first,
                    last: header.last,
                },
                StreamDamage {
                    file: path.to_path_buf(),
                    what: format!("{bad} bytes of records in the chunk at {at}"),
                },
            ));
        }
        block.chunks.push(place);
        Ok(chunk
            .into_bytes()
            .try_into_mut()
            .map(Vec::from)
            .unwrap_or_default())
    }

    fn take_record(&mut self, record: &Record<'_>, block: &mut Block) -> Result<(), StoreError> {
        let sequence = record.sequence;
        if sequence < self.first || record.erased {
            return Ok(());
        }
        if sequence <= self.stream.contents.last {
            return Ok(());
        }
        if !self.missing.is_empty() && self.missing.contains(sequence) {
            return Ok(());
        }
        self.lose_before(sequence);
        let size =
            Storage::File.message_size(record.subject.len(), record.headers, record.payload_len());
        block.live = block.live.saturating_add(1);
        block.live_bytes = block.live_bytes.saturating_add(size);
        let known = Known {
            sequence,
            subject: record.subject,
            ttl: record.ttl,
            size,
        };
        self.stream.contents.admit(&known, record.time)
    }

    /// Everything up to `sequence` that is not known to be missing should have come by now.
    fn lose_before(&mut self, sequence: u64) {
        let mut at = self.stream.contents.last.saturating_add(1);
        while at < sequence {
            at = self.missing.next_absent(at);
            if at >= sequence {
                return;
            }
            let end = self
                .missing
                .next(at)
                .unwrap_or(sequence)
                .min(sequence)
                .saturating_sub(1);
            self.stream.contents.lose(Span {
                first: at,
                last: end,
            });
            at = end.saturating_add(1);
        }
    }

    /// The end of the log as far as this stream knows.
    pub fn position(&self) -> u64 {
        self.stream.staged.0
    }

    /// Entries of this stream are known to be missing in the log.
    pub fn entries_are_missing(&mut self) {
        self.entries_lost = true;
        let path = self.stream.dir.clone();
        self.note(&path, "entries of this stream are missing in the log");
    }

    /// Does again what the log says.
    pub fn replay(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        if entry.end <= self.from || self.gave_up {
            return Ok(());
        }
        self.stream.staged = Position(entry.end);
        self.stream.changed = true;
        if entry.kind == KIND_GROUP {
            let mut group = Reader::new(entry.bytes);
            while !group.is_empty() {
                match read_grouped(&mut group) {
                    Some((kind, bytes)) => self.replay_one(kind, bytes)?,
                    None => {
                        self.note_nonsense();
                        break;
                    }
                }
            }
        } else {
            self.replay_one(entry.kind, entry.bytes)?;
        }
        self.stream.after_write();
        Ok(())
    }

    fn note_nonsense(&mut self) {
        let path = self.stream.dir.clone();
        self.note(&path, "an entry of the log that makes no sense");
    }

    fn replay_one(&mut self, kind: u8, bytes: &[u8]) -> Result<(), StoreError> {
        let mut reader = Reader::new(bytes);
        let mut marks = Marks::default();
        match kind {
            KIND_PURGE => {
                match Sweep::decode(&mut reader) {
                    Some(sweep) => self.replay_sweep(&sweep),
                    None => self.note_nonsense(),
                }
                return Ok(());
            }
            KIND_APPEND | KIND_MARKS if marks.decode(&mut reader).is_some() => {}
            _ => {
                self.note_nonsense();
                return Ok(());
            }
        }
        if kind == KIND_APPEND {
            self.replay_append(reader.rest())?;
        }
        let mut removed = Removals::default();
        for span in &marks.removed {
            for sequence in span.first..=span.last.min(self.stream.contents.last) {
                self.replay_removal(sequence, &mut removed);
            }
        }
        self.stream.contents.reach(marks.last);
        Ok(())
    }

    fn replay_sweep(&mut self, sweep: &Sweep) {
        let mut removed = Removals::default();
        let stream = &mut self.stream;
        let done = stream
            .count_swept(sweep)
            .and_then(|count| stream.sweep(sweep, count, &mut removed));
        if sweep.filter.is_all() && sweep.keep == 0 {
            stream.contents.lost.remove_below(sweep.below);
        }
        if let Err(error) = done {
            self.not_removed(&error);
        }
    }

    /// Numbers of blocks before this one were used, whatever the files say.
    pub fn avoid_blocks_before(&mut self, number: u64) {
        self.stream.next_block = self.stream.next_block.max(number);
    }

    fn replay_append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(record) = check_record(bytes, self.stream.group) else {
            let path = self.stream.dir.clone();
            self.note(&path, "a record in the log");
            return Ok(());
        };
        if record.sequence <= self.stream.contents.last {
            return Ok(());
        }
        if self.entries_lost {
            let last = self.stream.contents.last;
            if record.sequence > last.saturating_add(1) {
                self.stream.contents.lose(Span {
                    first: last.saturating_add(1),
                    last: record.sequence.saturating_sub(1),
                });
            }
        }
        let parts = bytes.get(record.subject_at..).unwrap_or_default();
        let (subject, rest) = parts
            .split_at_checked(record.subject.len())
            .unwrap_or_default();
        let (headers, payload) = rest.split_at_checked(record.headers).unwrap_or_default();
        let message = NewMessage {
            subject,
            headers,
            payload,
            time: record.time,
            ttl: record.ttl,
        };
        let stream = &mut self.stream;
        stream.begin_record(record.sequence, record.len)?;
        let at = stream.tail.bytes.len();
        stream
            .tail
            .bytes
            .extend_from_slice(bytes.get(..record.len).unwrap_or_default());
        stream.take_in_tail(record.sequence, &message, at)
    }

    fn replay_removal(&mut self, sequence: u64, removed: &mut Removals) {
        if !self.stream.contents.contains(sequence) {
            self.stream.contents.lost.remove(sequence);
            return;
        }
        removed.clear();
        match self.stream.fetch_with_ttl(sequence) {
            Ok((message, ttl)) => {
                self.stream
                    .drop_message(sequence, &message, ttl, RemovedWhy::Asked, removed);
            }
            Err(error) => self.not_removed(&error),
        }
    }

    /// The stream, and what was found damaged.
    pub fn finish(mut self) -> (FileStream, Vec<StreamDamage>) {
        for (span, damage) in std::mem::take(&mut self.suspects) {
            let lost = self.stream.contents.lost.next(span.first);
            if lost.is_some_and(|lost| lost <= span.last) {
                self.damage.push(damage);
            }
        }
        if self.damage.is_empty() && !self.stream.contents.lost.is_empty() {
            let dir = self.stream.dir.clone();
            self.note(&dir, "messages that an earlier start could not read");
        }
        if let Some(first) = self.damage.first() {
            let lost = self.stream.contents.lost.count();
            let what = format!(
                "{} of {}: {} places, {lost} messages lost",
                first.what,
                first.file.display(),
                self.damage.len()
            );
            self.stream.damage = Some(StoreError::Damaged {
                sequence: self.stream.contents.lost.first().unwrap_or(0),
                what: Arc::from(what),
            });
            // What could not be read stays where it is, for whoever can.
            self.stream.dead.clear();
        }
        if !self.stream.dead.is_empty() {
            let log = &self.stream.around.log;
            log.want_checkpoint(self.stream.group);
        }
        (self.stream, self.damage)
    }
}

/// Reads header and body of the chunk at `at`; the body into `buffer`. `None` when there is no such chunk.
fn read_chunk(
    file: &dyn DiskFile,
    at: u64,
    row: &BlockRow,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<ChunkHeader>> {
    let mut bytes = [0; CHUNK_HEADER];
    file.read_at(&mut bytes, at)?;
    let fits = |header: &ChunkHeader| {
        header.block == row.number && at.saturating_add(header.size()) <= row.size
    };
    let Some(header) = ChunkHeader::decode(&bytes).filter(fits) else {
        return Ok(None);
    };
    let stored = usize::try_from(header.stored).unwrap_or(usize::MAX);
    buffer.clear();
    buffer.resize(stored, 0);
    let read = file.read_at(buffer, at.saturating_add(CHUNK_HEADER as u64))?;
    Ok((read == stored).then_some(header))
}

/// The next chunk of this block behind a place where there is none.
fn next_chunk(file: &dyn DiskFile, from: u64, row: &BlockRow) -> std::io::Result<Option<u64>> {
    let mut window = vec![0; SEARCH_WINDOW];
    let mut at = from.saturating_add(1);
    while at < row.size {
        let read = file.read_at(&mut window, at)?;
        let bytes = window.get(..read).unwrap_or_default();
        let found = (0..read).find(|index| {
            bytes
                .get(*index..)
                .and_then(ChunkHeader::decode)
                .is_some_and(|header| header.block == row.number)
        });
        if let Some(index) = found {
            return Ok(Some(at.saturating_add(index as u64)));
        }
        // A header may lie across two windows.
        let step = read.saturating_sub(CHUNK_HEADER.saturating_sub(1));
        if step == 0 {
            break;
        }
        at = at.saturating_add(step as u64);
    }
    Ok(None)
}
