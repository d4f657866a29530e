//! Reads a log back: what is there, what was torn, what is damaged.
//!
//! A batch is durable before the next one is begun. So only the last batch can be torn by a crash, and it was never acknowledged: it is cut at its
//! first bad entry. Bytes that a crash did not write read as zeros or are missing; a last batch that fails its checksum without
//! a missing piece is damage, as is everything that fails before a later batch. Damage is reported and passed over, and each group learns from
//! the numbers of its entries whether it lost any.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::LogSettings;
use super::format::{
    BATCH_HEADER, BATCH_MAGIC, BatchHeader, Entry, FLAG_SEALED, GroupId, Parsed, SEGMENT_HEADER,
    SegmentHeader, parse_entry,
};
use super::groups::{Groups, KIND_CHECKPOINTS, KIND_FORGET, read_rows};
use super::segments::{Continue, FIRST_BATCH_AT, SEAL_CONTEXT, Segment, file_number, piece_number};
use crate::codec::{Reader, crc};
use crate::crypt::Sealer;
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::limits::SEARCH_WINDOW;

/// The un-acknowledged end of a log that a crash left in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub file: PathBuf,
    pub offset: u64,
    pub bytes: u64,
}

/// Bytes of the log that are not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDamage {
    pub file: PathBuf,
    pub offset: u64,
    pub what: &'static str,
}

/// Entries of a group that are known to have been written and are not there: numbers `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    pub group: GroupId,
    pub first: u64,
    pub last: u64,
}

/// What opening a log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFindings {
    pub entries: u64,
    pub cut: Option<Cut>,
    pub damage: Vec<LogDamage>,
    pub missing: Vec<Missing>,
    /// What the catalog put into the log, oldest first.
    pub documents: Vec<Document>,
}

/// An entry of [`GroupId::CATALOG`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub kind: u8,
    pub bytes: Vec<u8>,
    /// The log's position behind it.
    pub end: u64,
}

pub struct Recovered {
    pub from: Continue,
    pub groups: Groups,
    pub findings: LogFindings,
}

struct Found {
    header: SegmentHeader,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    size: u64,
    /// Nothing at or behind this position counts: the next segment goes on from here.
    limit: Option<u64>,
}

/// Bytes of the segments between two words about progress.
const TOLD_EVERY: u64 = 4 * 1024 * 1024;

/// How far reading is: bytes that are read, and all of them.
pub type Tell<'t> = &'t dyn Fn(u64, u64);

/// What is told of a pass.
struct Progress<'t> {
    tell: Tell<'t>,
    /// Of the segments before this one.
    before: u64,
    all: u64,
    told: u64,
}

impl<'t> Progress<'t> {
    fn begin(segments: &[Found], tell: Tell<'t>) -> Self {
        let all = segments
            .iter()
            .fold(0u64, |sum, segment| sum.saturating_add(segment.size));
        tell(0, all);
        Self {
            tell,
            before: 0,
            all,
            told: 0,
        }
    }

    /// Everything before `offset` of the segment is read.
    fn note(&mut self, offset: u64) {
        let done = self.before.saturating_add(offset).min(self.all);
        if done.saturating_sub(self.told) >= TOLD_EVERY {
            self.told = done;
            (self.tell)(done, self.all);
        }
    }
}

/// Reads the log once and learns what groups there are.
pub fn read(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    settings: &LogSettings,
    tell: Tell<'_>,
) -> Result<Recovered, StoreError> {
    let mut findings = LogFindings::default();
    let (segments, next_number) = find_segments(disk, dir, &mut findings)?;
    let mut census = Census::default();
    let mut scan = Scan::new(settings, u64::MAX);
    scan.progress = Some(Progress::begin(&segments, tell));
    for segment in &segments {
        scan.segment(segment, &mut |entry, table| census.take(entry, table))?;
        if let Some(progress) = &mut scan.progress {
            progress.before = progress.before.saturating_add(segment.size);
            progress.note(0);
        }
    }
    findings.entries = census.entries;
    findings.damage.append(&mut scan.damage);
    findings.cut = scan.cut.take();
    findings.missing = census.missing();
    findings.documents = std::mem::take(&mut census.documents);
    let kept = segments
        .iter()
        .map(|segment| Segment {
            path: segment.path.clone(),
            end: segment.limit.unwrap_or(scan.position),
            bytes: segment.size,
        })
        .collect();
    Ok(Recovered {
        from: Continue {
            segments: kept,
            next_number,
            end: scan.position,
            previous_batch: scan.previous,
        },
        groups: census.groups,
        findings,
    })
}

/// Reads the log again and gives every entry up to `end` to `each`.
pub fn replay(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    settings: &LogSettings,
    end: u64,
    each: &mut dyn FnMut(Entry<'_>),
) -> Result<(), StoreError> {
    let (segments, _) = find_segments(disk, dir, &mut LogFindings::default())?;
    let mut scan = Scan::new(settings, end);
    for segment in &segments {
        scan.segment(segment, &mut |entry, table| {
            if !table && entry.group != GroupId::LOG && entry.group != GroupId::CATALOG {
                each(entry);
            }
        })?;
    }
    Ok(())
}

/// The segments in order. An unfinished last one never held anything that counts. A damaged header is made up from the first batch, whose
/// own header says the same; without that one the segment is left out, and what it held is missed by the positions.
fn find_segments(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    findings: &mut LogFindings,
) -> Result<(Vec<Found>, u64), StoreError> {
    let mut next_number = 1;
    let mut segments: Vec<Found> = Vec::new();
    let list = disk
        .list(dir)
        .map_err(|e| StoreError::io("listing", dir, &e))?;
    let mut numbered: Vec<(u64, PathBuf)> = list
        .iter()
        .filter_map(|entry| Some((file_number(&entry.name)?, dir.join(&entry.name))))
        .collect();
    numbered.sort_unstable();
    for (number, path) in numbered {
        next_number = number.saturating_add(1);
        let file = disk
            .open(&path)
            .map_err(|e| StoreError::io("opening", &path, &e))?;
        let size = file
            .size()
            .map_err(|e| StoreError::io("reading", &path, &e))?;
        let mut bytes = [0; SEGMENT_HEADER];
        let read = file
            .read_at(&mut bytes, 0)
            .map_err(|e| StoreError::io("reading", &path, &e))?;
        match SegmentHeader::decode(&bytes) {
            Some(header) if header.number == number => segments.push(Found {
                header,
                path,
                file,
                size,
                limit: None,
            }),
            _ if read < SEGMENT_HEADER || bytes.iter().all(|byte| *byte == 0) => {}
            _ => {
                findings.damage.push(LogDamage {
                    file: path.clone(),
                    offset: 0,
                    what: "the header of the segment",
                });
                let mut first = [0; BATCH_HEADER];
                file.read_at(&mut first, FIRST_BATCH_AT)
                    .map_err(|e| StoreError::io("reading", &path, &e))?;
                if let Some(first) = BatchHeader::decode(&first) {
                    segments.push(Found {
                        header: SegmentHeader::restored(&bytes, number, &first),
                        path,
                        file,
                        size,
                        limit: None,
                    });
                }
            }
        }
    }
    let limits: Vec<u64> = segments
        .iter()
        .skip(1)
        .map(|next| next.header.previous_end)
        .collect();
    for (segment, limit) in segments.iter_mut().zip(limits) {
        segment.limit = Some(limit);
    }
    Ok((segments, next_number))
}

/// What the entries say about groups.
#[derive(Default)]
struct Census {
    groups: Groups,
    entries: u64,
    missing: Vec<Missing>,
    documents: Vec<Document>,
    /// The number that each group's next entry must have, as far as it is known.
    expected: HashMap<GroupId, u64, FixedState>,
}

impl Census {
    fn take(&mut self, entry: Entry<'_>, table: bool) {
        if entry.group == GroupId::LOG {
            self.take_own(entry);
            return;
        }
        if table {
            return;
        }
        self.entries = self.entries.saturating_add(1);
        if entry.group == GroupId::CATALOG {
            self.documents.push(Document {
                kind: entry.kind,
                bytes: entry.bytes.to_vec(),
                end: entry.end,
            });
        }
        // Without a checkpoint all entries of a group are in the log, from the first.
        let expected = self.expected.get(&entry.group).copied().unwrap_or(1);
        if entry.count > expected {
            self.missing.push(Missing {
                group: entry.group,
                first: expected,
                last: entry.count.saturating_sub(1),
            });
        }
        self.expected
            .insert(entry.group, entry.count.saturating_add(1));
        let start = entry
            .end
            .saturating_sub(entry.bytes.len() as u64)
            .saturating_sub(super::ENTRY_HEADER as u64);
        let group = self.groups.entry(entry.group);
        group.count = group.count.max(entry.count);
        group.last = entry.end;
        let covered = group
            .checkpoint
            .as_ref()
            .is_some_and(|checkpoint| checkpoint.position >= entry.end);
        if !covered && group.needed_from.is_none() {
            group.needed_from = Some(start);
        }
    }

    /// What is missing of a group and not in its own files either.
    fn missing(&mut self) -> Vec<Missing> {
        let groups = &self.groups;
        let missing = std::mem::take(&mut self.missing).into_iter();
        missing
            .filter_map(|missing| {
                let group = groups.get(missing.group)?;
                let covered = group.checkpoint.as_ref().map_or(0, |known| known.count);
                let first = missing.first.max(covered.saturating_add(1));
                (!group.forgotten && first <= missing.last).then_some(Missing { first, ..missing })
            })
            .collect()
    }

    fn take_own(&mut self, entry: Entry<'_>) {
        match entry.kind {
            KIND_CHECKPOINTS => {
                let groups = &mut self.groups;
                // Its checksum held, so a row that makes no sense is of a later version; what is before it counts.
                let _ = read_rows(entry.bytes, |group, checkpoint| {
                    groups.note_checkpoint(group, checkpoint);
                });
            }
            KIND_FORGET => {
                let mut ids = Reader::new(entry.bytes);
                while let Some(id) = ids.u64() {
                    let group = self.groups.entry(GroupId(id));
                    group.forgotten = true;
                    group.needed_from = Some(entry.end.saturating_sub(1));
                }
            }
            _ => {}
        }
    }
}

/// One pass over the segments.
struct Scan<'a> {
    settings: &'a LogSettings,
    /// Nothing behind this position is visited.
    end: u64,
    /// Where the next batch must begin.
    position: u64,
    /// Checksum of the header of the batch before.
    previous: u32,
    started: bool,
    damage: Vec<LogDamage>,
    cut: Option<Cut>,
    body: Vec<u8>,
    progress: Option<Progress<'a>>,
}

type Visit<'v> = &'v mut dyn FnMut(Entry<'_>, bool);

/// What lies at an offset of a segment.
enum Step {
    /// A batch; `self.body` holds its plain bytes.
    Batch(BatchHeader),
    /// The file ends here, or was never written from here on.
    Nothing,
    /// Something, but no batch that belongs here. The header when that one holds.
    Bad(Option<BatchHeader>, &'static str),
}

impl<'a> Scan<'a> {
    fn new(settings: &'a LogSettings, end: u64) -> Self {
        Self {
            settings,
            end,
            position: 0,
            previous: 0,
            started: false,
            damage: Vec::new(),
            cut: None,
            body: Vec::new(),
            progress: None,
        }
    }

    fn segment(&mut self, segment: &Found, visit: Visit<'_>) -> Result<(), StoreError> {
        let header = &segment.header;
        if self.started && header.previous_end > self.position {
            self.note(segment, 0, "batches before this segment are missing");
        }
        self.started = true;
        self.position = self.position.max(header.base);
        self.previous = header.previous_batch;
        let sealers = self.sealers(header);
        let mut offset = FIRST_BATCH_AT;
        while segment.limit.is_none_or(|limit| self.position < limit) {
            if let Some(progress) = &mut self.progress {
                progress.note(offset);
            }
            offset = match self.step(segment, offset, &sealers)? {
                Step::Batch(header) => {
                    self.previous = header.mark();
                    self.visit_good(&header, segment.limit, visit);
                    behind(offset, &header)
                }
                Step::Nothing => {
                    if segment.limit.is_some() {
                        self.note(segment, offset, "the segment is shorter than it was");
                    }
                    return Ok(());
                }
                Step::Bad(header, what) => {
                    match self.pass(segment, offset, header, what, visit)? {
                        Some(next) => next,
                        None => return Ok(()),
                    }
                }
            };
        }
        Ok(())
    }

    /// What may have sealed the segment. It does not say with which cipher: what is sealed opens with the right one only.
    fn sealers(&self, header: &SegmentHeader) -> Vec<Sealer> {
        let keys = [&self.settings.key, &self.settings.previous_key];
        let keys = keys.into_iter().flatten();
        let ways = keys.flat_map(|key| [key.clone(), key.with_cipher(Some(key.cipher().other()))]);
        ways.filter_map(|key| key.sealer(SEAL_CONTEXT, &header.salt))
            .collect()
    }

    fn note(&mut self, segment: &Found, offset: u64, what: &'static str) {
        self.damage.push(LogDamage {
            file: segment.path.clone(),
            offset,
            what,
        });
    }

    fn step(
        &mut self,
        segment: &Found,
        offset: u64,
        sealers: &[Sealer],
    ) -> Result<Step, StoreError> {
        let fail = |e: &std::io::Error| StoreError::io("reading", &segment.path, e);
        let mut bytes = [0; BATCH_HEADER];
        let read = segment
            .file
            .read_at(&mut bytes, offset)
            .map_err(|e| fail(&e))?;
        if bytes.iter().all(|byte| *byte == 0) {
            let rest = segment.size.saturating_sub(offset);
            let nothing = rest <= BATCH_HEADER as u64
                || only_zeros(segment, offset, rest).map_err(|e| fail(&e))?;
            return Ok(if nothing {
                Step::Nothing
            } else {
                Step::Bad(None, "the header of a batch")
            });
        }
        let header = match BatchHeader::decode(&bytes) {
            Some(header) if read == BATCH_HEADER => header,
            _ => return Ok(Step::Bad(None, "the header of a batch")),
        };
        if header.position != self.position || header.previous != self.previous {
            return Ok(Step::Bad(None, "a batch that belongs elsewhere"));
        }
        let stored = usize::try_from(header.stored).unwrap_or(usize::MAX);
        let at = offset.saturating_add(BATCH_HEADER as u64);
        if at.saturating_add(stored as u64) > segment.size {
            return Ok(Step::Bad(Some(header), "a batch that is cut off"));
        }
        self.body.clear();
        self.body.resize(stored, 0);
        segment
            .file
            .read_at(&mut self.body, at)
            .map_err(|e| fail(&e))?;
        if header.flags & FLAG_SEALED != 0 && !self.unseal(&header, &bytes, sealers)? {
            self.body.clear();
            return Ok(Step::Bad(Some(header), "a sealed batch that does not open"));
        }
        if self.holds(&header) {
            Ok(Step::Batch(header))
        } else {
            Ok(Step::Bad(Some(header), "entries of a batch"))
        }
    }

    fn unseal(
        &mut self,
        header: &BatchHeader,
        bound: &[u8],
        sealers: &[Sealer],
    ) -> Result<bool, StoreError> {
        if sealers.is_empty() {
            return Err(StoreError::Frozen(Arc::from(
                "the log is encrypted and no key is configured",
            )));
        }
        let number = piece_number(header.position, header.flags);
        let sealed = self.body.clone();
        for sealer in sealers {
            if sealer.open(number, bound, &mut self.body).is_some() {
                return Ok(true);
            }
            self.body.clone_from(&sealed);
        }
        Ok(false)
    }

    /// Whether every entry of the batch in `self.body` is what was written.
    fn holds(&self, header: &BatchHeader) -> bool {
        let mut sums = Vec::new();
        let mut rest = &*self.body;
        let mut position = header.position;
        while !rest.is_empty() {
            let Parsed::Good { sum, size, .. } = parse_entry(rest, position) else {
                return false;
            };
            sums.extend_from_slice(&sum.to_le_bytes());
            rest = rest.get(size..).unwrap_or_default();
            position = position.saturating_add(size as u64);
        }
        crc(&sums) == header.digest && self.body.len() as u64 == u64::from(header.length)
    }

    fn visit_good(&mut self, header: &BatchHeader, limit: Option<u64>, visit: Visit<'_>) {
        let body = std::mem::take(&mut self.body);
        self.visit_entries(header, &body, limit, true, visit);
        self.body = body;
        let end = header.end().unwrap_or(self.position);
        self.position = end.min(limit.unwrap_or(u64::MAX)).max(self.position);
    }

    /// Visits good entries; with `to_first_bad` none behind a bad one. Where the first bad one begins, or the body ends.
    fn visit_entries(
        &self,
        header: &BatchHeader,
        body: &[u8],
        limit: Option<u64>,
        to_first_bad: bool,
        visit: Visit<'_>,
    ) -> u64 {
        let mut rest = body;
        let mut position = header.position;
        let mut first_bad = None;
        while !rest.is_empty() {
            let size = match parse_entry(rest, position) {
                Parsed::Good { entry, size, .. } => {
                    if entry.end > limit.unwrap_or(u64::MAX).min(self.end) && !header.is_table() {
                        break;
                    }
                    visit(entry, header.is_table());
                    size
                }
                Parsed::Bad { size } => {
                    first_bad = first_bad.or(Some(position));
                    match size {
                        Some(size) if !to_first_bad => size,
                        _ => break,
                    }
                }
            };
            rest = rest.get(size..).unwrap_or_default();
            position = position.saturating_add(size as u64);
        }
        first_bad.unwrap_or(position)
    }

    /// Something at `offset` is not a batch that holds. The offset where reading goes on; `None` when the log ends here.
    fn pass(
        &mut self,
        segment: &Found,
        offset: u64,
        header: Option<BatchHeader>,
        what: &'static str,
        visit: Visit<'_>,
    ) -> Result<Option<u64>, StoreError> {
        let body = std::mem::take(&mut self.body);
        // The segment ends within this batch: a torn one of an earlier life, of which the log went on with a part.
        if let (Some(header), Some(limit)) = (header, segment.limit)
            && header.end().is_some_and(|end| end >= limit)
        {
            let end = self.visit_entries(&header, &body, Some(limit), true, visit);
            if end < limit {
                self.note(segment, offset, what);
            }
            self.position = limit;
            self.body = body;
            return Ok(None);
        }
        let from = offset.saturating_add(1);
        let next = self
            .find_next(segment, from)
            .map_err(|e| StoreError::io("reading", &segment.path, &e))?;
        let last = next.is_none() && segment.limit.is_none();
        if last && self.is_torn(segment, offset, header)? {
            if let Some(header) = header {
                self.position = self.visit_entries(&header, &body, None, true, visit);
                self.previous = header.mark();
            }
            let end = written_end(segment, offset)
                .map_err(|e| StoreError::io("reading", &segment.path, &e))?;
            self.cut = Some(Cut {
                file: segment.path.clone(),
                offset,
                bytes: end.saturating_sub(offset),
            });
            self.body = body;
            return Ok(None);
        }
        self.note(segment, offset, what);
        if let Some(header) = header {
            self.visit_entries(&header, &body, segment.limit, false, visit);
            self.position = header.end().unwrap_or(self.position);
            self.previous = header.mark();
        }
        self.body = body;
        let Some((at, next)) = next else {
            return Ok(None);
        };
        self.position = next.position;
        self.previous = next.previous;
        Ok(Some(at))
    }

    /// The next batch of this log behind `from`.
    fn find_next(&self, segment: &Found, from: u64) -> std::io::Result<Option<(u64, BatchHeader)>> {
        let magic = BATCH_MAGIC.to_le_bytes();
        let mut window = vec![0; SEARCH_WINDOW];
        let mut at = from;
        while at < segment.size {
            let read = segment.file.read_at(&mut window, at)?;
            let bytes = window.get(..read).unwrap_or_default();
            for (index, _) in bytes
                .windows(magic.len())
                .enumerate()
                .filter(|(_, window)| *window == magic)
            {
                let place = at.saturating_add(index as u64);
                let mut candidate = [0; BATCH_HEADER];
                if segment.file.read_at(&mut candidate, place)? < BATCH_HEADER {
                    continue;
                }
                if let Some(header) = BatchHeader::decode(&candidate)
                    && header.position > self.position
                    && segment.limit.is_none_or(|limit| header.position < limit)
                {
                    return Ok(Some((place, header)));
                }
            }
            // The magic may lie across two windows.
            let step = read.saturating_sub(magic.len().saturating_sub(1));
            if step == 0 {
                break;
            }
            at = at.saturating_add(step as u64);
        }
        Ok(None)
    }

    /// Whether pieces of the last batch are missing (zeros along sectors, or the end of the file), as a crash leaves them. Of a batch whose
    /// header does not hold, only the header's own pieces say so: behind it are zeros that were written ahead.
    fn is_torn(
        &self,
        segment: &Found,
        offset: u64,
        header: Option<BatchHeader>,
    ) -> Result<bool, StoreError> {
        let end = match header {
            Some(header) => {
                let end = behind(offset, &header);
                if end > segment.size {
                    return Ok(true);
                }
                end
            }
            None => offset.saturating_add(BATCH_HEADER as u64).min(segment.size),
        };
        let mut at = offset;
        let mut piece = [0; 512];
        while at < end {
            // To the next border of a sector.
            let len = 512_u64.saturating_sub(at % 512).min(end.saturating_sub(at));
            let len = usize::try_from(len).unwrap_or(piece.len());
            let part = piece.get_mut(..len).unwrap_or_default();
            let read = segment
                .file
                .read_at(part, at)
                .map_err(|e| StoreError::io("reading", &segment.path, &e))?;
            if read < len || part.iter().all(|byte| *byte == 0) {
                return Ok(true);
            }
            at = at.saturating_add(len as u64);
        }
        // A process that died in the middle of its write leaves a file that ends within the batch's header.
        Ok(header.is_none() && end.saturating_sub(offset) < BATCH_HEADER as u64)
    }
}

fn behind(offset: u64, header: &BatchHeader) -> u64 {
    offset
        .saturating_add(BATCH_HEADER as u64)
        .saturating_add(u64::from(header.stored))
}

/// Where the last byte behind `from` ends that is not zero; `from` when there is none.
fn written_end(segment: &Found, from: u64) -> std::io::Result<u64> {
    let mut end = from;
    let mut at = from;
    let mut piece = vec![0; SEARCH_WINDOW];
    loop {
        let read = segment.file.read_at(&mut piece, at)?;
        let bytes = piece.get(..read).unwrap_or_default();
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            end = at.saturating_add(last as u64).saturating_add(1);
        }
        if read == 0 {
            return Ok(end);
        }
        at = at.saturating_add(read as u64);
    }
}

fn only_zeros(segment: &Found, from: u64, len: u64) -> std::io::Result<bool> {
    let mut at = from;
    let end = from.saturating_add(len);
    let mut piece = vec![0; 64 * 1024];
    while at < end {
        let read = segment.file.read_at(&mut piece, at)?;
        if read == 0 {
            break;
        }
        if piece
            .get(..read)
            .unwrap_or_default()
            .iter()
            .any(|b| *b != 0)
        {
            return Ok(false);
        }
        at = at.saturating_add(read as u64);
    }
    Ok(true)
}
