//! The file stream: its parts, and how messages get in and out of them.

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::blocks::{Block, Blocks, ChunkPlace, block_path};
use super::cache::Cache;
use super::chunk::{
    BlockHeader, CHUNK_HEADER, Chunk, ChunkHeader, Transform, encode_chunk, new_header, plain_body,
};
use super::contents::{Contents, Known};
use super::home::Home;
use super::marks::Marks;
use super::record::{put_record, record_len};
use super::safe::Safe;
use super::staging::IN_GROUP;
use super::tail::{Tail, Unwritten};
use crate::crypt::{Key, fresh_salt};
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::limits::{BLOCK_BYTES, CHUNK_BYTES, REMOVALS_LISTED_MAX};
use crate::log::{GroupId, Log};
use crate::message::{Message, NewMessage, Storage, Timestamp};
use crate::state::{Limits, Removals, Removed, RemovedWhy};
use crate::store::Position;

/// What all streams of a server share.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub disk: Arc<dyn Disk>,
    pub log: Arc<Log>,
    pub cache: Arc<Cache>,
}

/// How one stream is kept.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// New chunks are compressed.
    pub compress: bool,
    /// New blocks are sealed with this key.
    pub key: Option<Key>,
    pub block_bytes: u64,
    pub chunk_bytes: usize,
    /// A purge of more messages than this does not list them.
    pub purge_listed: u64,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            compress: false,
            key: None,
            block_bytes: BLOCK_BYTES,
            chunk_bytes: CHUNK_BYTES,
            purge_listed: REMOVALS_LISTED_MAX as u64,
        }
    }
}

/// A stream's messages in files. Owned by one stream machine; see the module for its states.
#[derive(Debug)]
pub struct FileStream {
    pub(super) around: Surroundings,
    pub(super) dir: PathBuf,
    /// What has to be durable around the stream before its own files count. `None`: it is.
    pub(super) home: Option<Arc<Home>>,
    pub(super) group: GroupId,
    pub(super) settings: FileSettings,
    pub(super) limits: Limits,
    pub(super) contents: Contents,
    pub(super) blocks: Blocks,
    pub(super) tail: Tail,
    /// Chunks that are complete and not in their file yet, oldest first.
    pub(super) unwritten: VecDeque<Unwritten>,
    pub(super) unwritten_bytes: usize,
    pub(super) next_block: u64,
    /// What must be committed for everything done so far to be durable.
    pub(super) staged: Position,
    /// How far messages are durable.
    pub(super) safe: Safe,
    /// The file of the block that is written.
    pub(super) writing: Option<(u64, Arc<dyn DiskFile>)>,
    /// Files with bytes that no checkpoint made durable.
    pub(super) unsynced: Vec<(PathBuf, Arc<dyn DiskFile>)>,
    /// A file was created since the last checkpoint.
    pub(super) names_changed: bool,
    /// Files of blocks without messages; they go with the next checkpoint.
    pub(super) dead: Vec<u64>,
    /// Of these: files to be overwritten before they are removed.
    pub(super) scrub: Vec<u64>,
    /// Something changed since the last checkpoint.
    pub(super) changed: bool,
    /// Damage that was found when it was opened.
    pub(super) damage: Option<StoreError>,
    /// Why chunks cannot be written at the moment.
    pub(super) fault: Option<StoreError>,
    /// Something of it could not be read when it was opened: what is known is shown, and nothing changes.
    pub(super) is_fenced: bool,
    /// It is being filled out of sight: nothing of it is in the log, and nothing of it counts before [`FileStream::open_up`].
    pub(super) is_filling: bool,
    /// Entries that will be staged as one, and how many groups are open within one another.
    pub(super) grouped: Option<Vec<u8>>,
    pub(super) group_depth: u32,
    /// Shared with a checkpoint that is under way.
    pub(super) upkeep: Arc<Mutex<UpkeepState>>,
    first_time: Cell<(u64, Timestamp)>,
    pub(super) marks: Marks,
    pub(super) scratch: Vec<u8>,
}

/// How the last checkpoint stands.
#[derive(Debug, Default)]
pub struct UpkeepState {
    pub running: bool,
    /// A sync of blocks failed: what is in them is not known. The stream must be opened again.
    pub failed: Option<StoreError>,
    /// How often it was opened again since a checkpoint came to its end.
    pub openings: u32,
    /// Calls to pass before it is opened again.
    pub patience: u32,
    /// It did not come to its end; the next one does its work again.
    pub again: bool,
    /// Blocks whose files were not removed yet.
    pub left: Vec<u64>,
    /// Of these: those to be overwritten first.
    pub unscrubbed: Vec<u64>,
}

/// A message that a limit takes.
pub(super) struct Victim {
    pub sequence: u64,
    message: Message,
    ttl: crate::message::Ttl,
}

impl FileStream {
    /// A stream without messages; its directory exists and is empty.
    pub fn create(
        around: Surroundings,
        dir: PathBuf,
        group: GroupId,
        settings: FileSettings,
        limits: Limits,
    ) -> Self {
        Self {
            around,
            dir,
            home: None,
            group,
            settings,
            limits,
            contents: Contents::new(),
            blocks: Blocks::default(),
            tail: Tail::default(),
            unwritten: VecDeque::new(),
            unwritten_bytes: 0,
            next_block: 1,
            staged: Position(0),
            safe: Safe::default(),
            writing: None,
            unsynced: Vec::new(),
            names_changed: false,
            dead: Vec::new(),
            scrub: Vec::new(),
            changed: false,
            damage: None,
            fault: None,
            is_fenced: false,
            is_filling: false,
            grouped: None,
            group_depth: 0,
            upkeep: Arc::default(),
            first_time: Cell::new((0, Timestamp::default())),
            marks: Marks::default(),
            scratch: Vec::new(),
        }
    }

    /// The stream lives in a directory that may have to be made durable first, and is there when the log has committed `position`.
    pub fn at_home(self, home: Arc<Home>, position: Position) -> Self {
        Self {
            home: Some(home),
            staged: self.staged.max(position),
            ..self
        }
    }

    /// A stream that is filled out of sight, past the log: durable as a whole with its checkpoint, or not at all.
    pub fn fill(
        around: Surroundings,
        dir: PathBuf,
        group: GroupId,
        settings: FileSettings,
    ) -> Self {
        let mut stream = Self::create(around, dir, group, settings, Limits::default());
        stream.is_filling = true;
        stream
    }

    /// The end of filling, after a checkpoint that covers everything: the stream is in `dir` now, and what comes goes through the log.
    pub fn open_up(&mut self, dir: PathBuf) {
        self.dir = dir;
        self.writing = None;
        self.is_filling = false;
    }

    /// The group under which the stream writes to the log.
    pub fn group(&self) -> GroupId {
        self.group
    }

    pub(super) fn append_message(
        &mut self,
        sequence: u64,
        message: &NewMessage<'_>,
        removed: &mut Removals,
    ) -> Result<(), StoreError> {
        if sequence <= self.contents.last {
            return Err(StoreError::OutOfOrder {
                given: sequence,
                last: self.contents.last,
            });
        }
        self.refuse()?;
        let len = record_len(message)?;
        let victims = self.victims(sequence, message)?;
        self.begin_record(sequence, len)?;
        let at = self.tail.bytes.len();
        put_record(&mut self.tail.bytes, self.group, sequence, message, len);
        if let Err(error) = self.stage_append(&victims, sequence, at) {
            self.tail.bytes.truncate(at);
            return Err(error);
        }
        self.take_in_tail(sequence, message, at)?;
        for victim in &victims {
            self.drop_message(
                victim.sequence,
                &victim.message,
                victim.ttl,
                RemovedWhy::Limit,
                removed,
            );
        }
        self.after_write();
        Ok(())
    }

    /// The record at `at` in the tail is now part of the stream.
    pub(super) fn take_in_tail(
        &mut self,
        sequence: u64,
        message: &NewMessage<'_>,
        at: usize,
    ) -> Result<(), StoreError> {
        let size = Storage::File.message_size(
            message.subject.len(),
            message.headers.len(),
            message.payload.len(),
        );
        let known = Known {
            sequence,
            subject: message.subject,
            ttl: message.ttl,
            size,
        };
        self.contents.admit(&known, message.time)?;
        if self.tail.is_empty() {
            self.tail.first = sequence;
            self.tail.newest = message.time;
        }
        self.tail.offsets.extend(u32::try_from(at));
        self.tail.last = sequence;
        self.tail.newest = self.tail.newest.max(message.time);
        if let Some(block) = self.blocks.all.back_mut() {
            block.last = sequence;
            block.live = block.live.saturating_add(1);
            block.live_bytes = block.live_bytes.saturating_add(size);
        }
        Ok(())
    }

    /// Sees to it that there is a block and room in the tail for a record of this length.
    pub(super) fn begin_record(&mut self, sequence: u64, len: usize) -> Result<(), StoreError> {
        if !self.tail.is_empty()
            && self.tail.bytes.len().saturating_add(len) > self.settings.chunk_bytes
        {
            self.seal_tail()?;
        }
        let full = match self.blocks.all.back() {
            Some(block) => {
                block.closed || (self.tail.is_empty() && block.size >= self.settings.block_bytes)
            }
            None => true,
        };
        if full {
            self.seal_tail()?;
            self.new_block(sequence)?;
        }
        if self.tail.bytes.is_empty() {
            self.tail.bytes.resize(CHUNK_HEADER, 0);
        }
        Ok(())
    }

    fn new_block(&mut self, first: u64) -> Result<(), StoreError> {
        if let Some(block) = self.blocks.all.back_mut() {
            block.closed = true;
        }
        let block = self.fresh_block(first)?;
        self.blocks.all.push_back(block);
        Ok(())
    }

    /// A block that nobody had before.
    pub(super) fn fresh_block(&mut self, first: u64) -> Result<Block, StoreError> {
        let number = self.next_block;
        let (salt, sealer) = match &self.settings.key {
            Some(key) => {
                let salt = fresh_salt().ok_or_else(cipher_refused)?;
                let sealer = key
                    .sealer(BLOCK_CONTEXT, &salt)
                    .ok_or_else(cipher_refused)?;
                (salt, Some(sealer))
            }
            None => ([0; 16], None),
        };
        let header = BlockHeader {
            group: self.group,
            number,
            salt,
            cipher: self.settings.key.as_ref().map(Key::cipher),
        };
        self.next_block = number.saturating_add(1);
        Ok(Block::new(header, sealer, first))
    }

    /// Makes a chunk of the tail.
    pub(super) fn seal_tail(&mut self) -> Result<(), StoreError> {
        if self.tail.is_empty() {
            return Ok(());
        }
        let Some(block) = self.blocks.all.back_mut() else {
            return Ok(());
        };
        let tail = std::mem::take(&mut self.tail);
        let grown = tail.bytes.len();
        let transform = Transform {
            compress: self.settings.compress,
            sealer: block.sealer.clone(),
        };
        let plain = grown.saturating_sub(CHUNK_HEADER);
        let header = new_header(
            block.number,
            block.mark,
            tail.offsets.len(),
            tail.first,
            tail.last,
            plain,
        )
        .ok_or_else(cipher_refused)?;
        let kept = (transform.compress || transform.sealer.is_some())
            .then(|| Bytes::copy_from_slice(&tail.bytes));
        let (header, frame) =
            encode_chunk(tail.bytes, &transform, block.size, header).ok_or_else(cipher_refused)?;
        let chunk = Chunk::new(kept.unwrap_or_else(|| frame.clone()), tail.offsets);
        let place = ChunkPlace {
            at: block.size,
            stored: header.stored,
            first: tail.first,
            last: tail.last,
            newest: tail.newest,
            plain: header.is_plain(),
        };
        block.chunks.push(place);
        block.size = block.size.saturating_add(header.size());
        block.mark = header.mark();
        self.unwritten_bytes = self.unwritten_bytes.saturating_add(frame.len());
        self.unwritten.push_back(Unwritten {
            block: block.number,
            at: place.at,
            frame,
            chunk,
            position: match self.grouped {
                Some(_) => IN_GROUP,
                None => self.staged,
            },
        });
        // The next one will be as large.
        if grown >= self.settings.chunk_bytes / 2 {
            self.tail.bytes.reserve_exact(grown);
        }
        Ok(())
    }

    /// After every write: what is complete and durable in the log goes to its file.
    pub(super) fn after_write(&mut self) {
        if self.grouped.is_none() {
            let durable = self.around.log.durable();
            self.safe.note(self.staged, self.contents.last, durable);
        }
        if self.tail.bytes.len() >= self.settings.chunk_bytes
            && let Err(error) = self.seal_tail()
        {
            self.fault = Some(error);
        }
        if self.grouped.is_none()
            && self
                .unwritten
                .front()
                .is_some_and(|chunk| chunk.position <= self.around.log.durable())
        {
            // A failure stays in `fault`; the chunks stay in memory and are tried again.
            let _ = self.write_chunks();
        }
    }

    /// Writes complete chunks whose entries are durable; not synced.
    pub(super) fn write_chunks(&mut self) -> Result<(), StoreError> {
        self.refuse_fenced()?;
        let durable = self.around.log.durable();
        while let Some(next) = self.unwritten.front() {
            if next.position > durable {
                break;
            }
            match self.write_chunk(next.block, next.at, next.frame.clone()) {
                Ok(()) => {}
                Err(error) => {
                    self.fail_write(&error);
                    return Err(error);
                }
            }
            if let Some(written) = self.unwritten.pop_front() {
                self.unwritten_bytes = self.unwritten_bytes.saturating_sub(written.frame.len());
                self.around
                    .cache
                    .keep((self.group, written.block, written.at), written.chunk);
            }
            if self.fault.as_ref().is_some_and(StoreError::may_pass) {
                self.fault = None;
            }
        }
        // What found no room may have been removed.
        if self.unwritten.is_empty() && self.fault.as_ref().is_some_and(StoreError::may_pass) {
            self.fault = None;
        }
        Ok(())
    }

    /// A write failed: for want of room it is tried again; else nobody knows what the block holds.
    fn fail_write(&mut self, error: &StoreError) {
        self.fault = Some(error.clone());
        if !error.may_pass() && !self.is_filling {
            self.upkeep.lock().failed = Some(error.clone());
        }
        if !self.is_filling {
            self.around.log.want_checkpoint(self.group);
        }
    }

    fn write_chunk(&mut self, number: u64, at: u64, frame: Bytes) -> Result<(), StoreError> {
        let path = block_path(&self.dir, number);
        let file = match &self.writing {
            Some((open, file)) if *open == number => Arc::clone(file),
            _ => self.open_for_writing(number, &path)?,
        };
        file.write_at(&frame, at)
            .map_err(|e| StoreError::io("writing", &path, &e))
    }

    fn open_for_writing(
        &mut self,
        number: u64,
        path: &std::path::Path,
    ) -> Result<Arc<dyn DiskFile>, StoreError> {
        let io = |doing, e: &std::io::Error| StoreError::io(doing, path, e);
        let disk = Arc::clone(&self.around.disk);
        let block = self
            .blocks
            .all
            .iter_mut()
            .find(|block| block.number == number);
        let file = match block {
            Some(block) if !block.created => {
                // An attempt before may have got as far as the name.
                let file = match disk.create(path) {
                    Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => disk.open(path),
                    other => other,
                }
                .map_err(|e| io("creating", &e))?;
                file.write_at(&block.header.encode(), 0)
                    .map_err(|e| io("writing", &e))?;
                block.created = true;
                self.names_changed = true;
                file
            }
            _ => disk.open(path).map_err(|e| io("opening", &e))?,
        };
        self.unsynced.push((path.to_path_buf(), Arc::clone(&file)));
        self.writing = Some((number, Arc::clone(&file)));
        Ok(file)
    }

    /// The message with this sequence, which is there.
    pub(super) fn fetch(&self, sequence: u64) -> Result<Message, StoreError> {
        if !self.tail.is_empty() && sequence >= self.tail.first {
            return self
                .tail
                .message(sequence)
                .ok_or_else(|| damaged(sequence, "it is not where it was put"));
        }
        self.chunk_of(sequence)?
            .message(sequence)
            .ok_or_else(|| damaged(sequence, "its chunk does not hold it"))
    }

    /// The chunk that holds a sequence: unwritten, cached, or read.
    pub(super) fn chunk_of(&self, sequence: u64) -> Result<Chunk, StoreError> {
        let block = self
            .blocks
            .find(sequence)
            .ok_or_else(|| damaged(sequence, "no block has it"))?;
        let place = block
            .chunk(sequence)
            .ok_or_else(|| damaged(sequence, "no chunk has it"))?;
        self.chunk_at(block, place)
    }

    pub(super) fn chunk_at(&self, block: &Block, place: &ChunkPlace) -> Result<Chunk, StoreError> {
        if let Some(found) = self
            .unwritten
            .iter()
            .rev()
            .find(|chunk| chunk.block == block.number && chunk.at == place.at)
        {
            return Ok(found.chunk.clone());
        }
        let key = (self.group, block.number, place.at);
        if let Some(chunk) = self.around.cache.chunk(key) {
            return Ok(chunk);
        }
        let chunk = self.read_chunk(block, place)?;
        self.around.cache.keep(key, chunk.clone());
        Ok(chunk)
    }

    pub(super) fn read_chunk(
        &self,
        block: &Block,
        place: &ChunkPlace,
    ) -> Result<Chunk, StoreError> {
        let path = block_path(&self.dir, block.number);
        let file = self
            .around
            .cache
            .file(&*self.around.disk, self.group, block.number, &path)?;
        let stored = usize::try_from(place.stored).unwrap_or(usize::MAX);
        let mut bytes = vec![0; stored.saturating_add(CHUNK_HEADER)];
        let read = file
            .read_at(&mut bytes, place.at)
            .map_err(|e| StoreError::io("reading", &path, &e))?;
        let body = bytes.split_off(CHUNK_HEADER.min(bytes.len()));
        let header = ChunkHeader::decode(&bytes)
            .filter(|header| {
                read == stored.saturating_add(CHUNK_HEADER)
                    && header.block == block.number
                    && (header.first, header.last) == (place.first, place.last)
            })
            .ok_or_else(|| damaged(place.first, "the header of its chunk"))?;
        let plain = plain_body(&header, body, block.sealer.as_ref(), place.at)
            .ok_or_else(|| damaged(place.first, "its chunk"))?;
        let (chunk, _) = Chunk::check(plain, self.group);
        Ok(chunk)
    }

    /// What the limits will take when this message is in, in the order in which it goes.
    fn victims(&self, sequence: u64, message: &NewMessage<'_>) -> Result<Vec<Victim>, StoreError> {
        let mut victims = Vec::new();
        let limits = &self.limits;
        let own = Storage::File.message_size(
            message.subject.len(),
            message.headers.len(),
            message.payload.len(),
        );
        let mut messages = self.contents.messages.saturating_add(1);
        let mut bytes = self.contents.bytes.saturating_add(own);
        if let Some(most) = limits.max_per_subject {
            let of_subject = self.contents.subjects.get(message.subject);
            let count = of_subject.as_ref().map_or(0, |s| s.count());
            let mut over = count.saturating_add(1).saturating_sub(most);
            let mut from = 0;
            while over > 0
                && let Some(next) = of_subject.as_ref().and_then(|s| s.next(from))
            {
                let victim = self.victim(next)?;
                bytes = bytes.saturating_sub(size_of(&victim.message));
                messages = messages.saturating_sub(1);
                victims.push(victim);
                from = next.saturating_add(1);
                over = over.saturating_sub(1);
            }
            if over > 0 {
                victims.push(self_victim(sequence, message));
                return Ok(victims);
            }
        }
        let taken = victims.len();
        let mut from = 0;
        while messages > limits.max_messages.unwrap_or(u64::MAX)
            || bytes > limits.max_bytes.unwrap_or(u64::MAX)
        {
            let Some(next) = self.contents.next(from) else {
                victims.push(self_victim(sequence, message));
                break;
            };
            from = next.saturating_add(1);
            let already = victims.get(..taken).unwrap_or_default();
            if already.iter().any(|victim| victim.sequence == next) {
                continue;
            }
            let victim = self.victim(next)?;
            bytes = bytes.saturating_sub(size_of(&victim.message));
            messages = messages.saturating_sub(1);
            victims.push(victim);
        }
        Ok(victims)
    }

    fn victim(&self, sequence: u64) -> Result<Victim, StoreError> {
        let (message, ttl) = self.fetch_with_ttl(sequence)?;
        Ok(Victim {
            sequence,
            message,
            ttl,
        })
    }

    pub(super) fn fetch_with_ttl(
        &self,
        sequence: u64,
    ) -> Result<(Message, crate::message::Ttl), StoreError> {
        if !self.tail.is_empty() && sequence >= self.tail.first {
            let found = self.tail.record_at(sequence).map(|(_, record)| record.ttl);
            let ttl = found.ok_or_else(|| damaged(sequence, "it is not where it was put"))?;
            return Ok((self.fetch(sequence)?, ttl));
        }
        let chunk = self.chunk_of(sequence)?;
        let missing = || damaged(sequence, "its chunk does not hold it");
        let ttl = chunk.record(sequence).ok_or_else(missing)?.ttl;
        Ok((chunk.message(sequence).ok_or_else(missing)?, ttl))
    }

    /// Takes a message out of everything that is derived, and says so.
    pub(super) fn drop_message(
        &mut self,
        sequence: u64,
        message: &Message,
        ttl: crate::message::Ttl,
        why: RemovedWhy,
        removed: &mut Removals,
    ) {
        let size = size_of(message);
        let last_of_subject = self.contents.forget(&Known {
            sequence,
            subject: message.subject(),
            ttl,
            size,
        });
        removed.push(Removed {
            sequence,
            subject: message.subject(),
            size,
            why,
            last_of_subject,
        });
        self.leave_block(sequence, size);
    }

    /// A block whose last message went goes too.
    fn leave_block(&mut self, sequence: u64, size: u64) {
        let Some(index) = self.blocks.index(sequence) else {
            return;
        };
        let last = index.saturating_add(1) == self.blocks.all.len();
        let Some(block) = self.blocks.all.get_mut(index) else {
            return;
        };
        block.live = block.live.saturating_sub(1);
        block.live_bytes = block.live_bytes.saturating_sub(size);
        if block.live > 0 {
            return;
        }
        let number = block.number;
        let created = block.created;
        if last {
            self.tail.clear();
        }
        self.blocks.all.remove(index);
        self.forget_block(number, created);
    }

    /// Its file goes with the next checkpoint, when nothing durable names it any more.
    pub(super) fn forget_block(&mut self, number: u64, created: bool) {
        self.unwritten.retain(|chunk| chunk.block != number);
        self.unwritten_bytes = self.unwritten.iter().map(|chunk| chunk.frame.len()).sum();
        let path = block_path(&self.dir, number);
        self.unsynced.retain(|(unsynced, _)| *unsynced != path);
        if self
            .writing
            .as_ref()
            .is_some_and(|(open, _)| *open == number)
        {
            self.writing = None;
        }
        if created {
            self.around.cache.drop_file(self.group, number);
            self.dead.push(number);
            if !self.is_filling {
                self.around.log.want_checkpoint(self.group);
            }
        }
    }

    /// Time of the first message.
    pub(super) fn first_time(&self) -> Timestamp {
        let first = self.contents.first;
        if self.contents.messages == 0 {
            return Timestamp::default();
        }
        let (known, time) = self.first_time.get();
        if known == first {
            return time;
        }
        let time = self
            .fetch(first)
            .map_or_else(|_| Timestamp::default(), |message| message.time);
        self.first_time.set((first, time));
        time
    }
}

/// What blocks are sealed for.
pub const BLOCK_CONTEXT: &[u8] = b"nats store stream block";

fn self_victim(sequence: u64, message: &NewMessage<'_>) -> Victim {
    let bytes = [message.subject, message.headers, message.payload].concat();
    let headers_at = u32::try_from(message.subject.len()).unwrap_or(u32::MAX);
    let headers = u32::try_from(message.headers.len()).unwrap_or(u32::MAX);
    Victim {
        sequence,
        message: Message::new(
            sequence,
            message.time,
            Bytes::from(bytes),
            headers_at,
            headers_at.saturating_add(headers),
        ),
        ttl: message.ttl,
    }
}

/// What a message counts.
pub fn size_of(message: &Message) -> u64 {
    Storage::File.message_size(
        message.subject().len(),
        message.headers().len(),
        message.payload().len(),
    )
}

pub fn damaged(sequence: u64, what: &'static str) -> StoreError {
    StoreError::Damaged {
        sequence,
        what: Arc::from(what),
    }
}

pub fn cipher_refused() -> StoreError {
    StoreError::Frozen(Arc::from("the cipher refused"))
}
