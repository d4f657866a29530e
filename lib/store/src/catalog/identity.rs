//! Who a data directory is, and whether its last process left it in order.

use std::io;
use std::path::Path;

use super::CatalogError;
use super::names::Incarnation;
use crate::codec::{Reader, crc, put_bytes, put_varint};
use crate::disk::{Disk, read_all, replace};
use crate::error::StoreError;

const FILE: &str = "identity";
const MAGIC: [u8; 8] = *b"NATSIDY\x01";
const SIZE_MAX: u64 = 64 * 1024;

/// Identity of a data directory and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Stays the same for the life of the directory, whatever the server is called.
    pub identity: Incarnation,
    /// The directory is new.
    pub fresh: bool,
    /// The last process closed it.
    pub clean: bool,
    /// The machine was started anew since: without a clean end, what was not synced is gone.
    pub rebooted: bool,
    /// Where the log ended when it was closed in order.
    pub log_end: Option<u64>,
    /// Where it ended when it was closed the last time, whatever came after that.
    closed_at: u64,
    boot: String,
}

impl Start {
    /// With acknowledgements before the sync: acknowledged writes may be missing.
    pub fn is_tail_untrusted(&self) -> bool {
        !self.fresh && !self.clean && self.rebooted
    }
}

/// Reads or creates the identity, and marks the directory as in use. `new` is taken for a new one; `boot` names this run of the machine.
pub fn begin(
    disk: &dyn Disk,
    dir: &Path,
    new: Incarnation,
    boot: &str,
) -> Result<Start, CatalogError> {
    let path = dir.join(FILE);
    let io = |e: &std::io::Error| StoreError::io("reading", &path, e);
    let start = if disk.exists(&path).map_err(|e| io(&e))? {
        let file = disk.open(&path).map_err(|e| io(&e))?;
        let bytes = read_all(&*file, SIZE_MAX).map_err(|e| io(&e))?;
        let (identity, clean, before, log_end) =
            decode(&bytes).ok_or_else(|| CatalogError::Damaged(path.clone()))?;
        Start {
            identity,
            fresh: false,
            clean,
            // Without a name for this run nobody knows.
            rebooted: boot.is_empty() || before != boot,
            log_end: log_end.filter(|_| clean),
            closed_at: log_end.unwrap_or_default(),
            boot: boot.to_owned(),
        }
    } else {
        Start {
            identity: new,
            fresh: true,
            clean: true,
            rebooted: false,
            log_end: None,
            closed_at: 0,
            boot: boot.to_owned(),
        }
    };
    write(disk, dir, &start, None)?;
    Ok(start)
}

/// Everything is on the disk, and the log ends at this position.
pub fn mark_clean(
    disk: &dyn Disk,
    dir: &Path,
    start: &Start,
    log_end: u64,
) -> Result<(), CatalogError> {
    write(disk, dir, start, Some(log_end))
}

fn write(
    disk: &dyn Disk,
    dir: &Path,
    start: &Start,
    log_end: Option<u64>,
) -> Result<(), CatalogError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&start.identity.0);
    bytes.push(u8::from(log_end.is_some()));
    put_bytes(&mut bytes, start.boot.as_bytes());
    // The old one stays where there is no new one: the document keeps its length, see `put`.
    put_varint(&mut bytes, log_end.unwrap_or(start.closed_at));
    let sum = crc(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes.extend_from_within(..);
    let path = dir.join(FILE);
    put(disk, &path, &bytes).map_err(|e| StoreError::io("writing", &path, &e))?;
    Ok(())
}

/// Replaces the document. A full disk has no room for another file beside it: then it is overwritten, one copy after the other, so that a server
/// whose disk ran full starts again and can be told what to remove.
fn put(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let full = match replace(disk, path, bytes) {
        Err(e) if e.kind() == io::ErrorKind::StorageFull && disk.exists(path)? => e,
        done => return done,
    };
    let file = disk.open(path)?;
    if file.size()? != bytes.len() as u64 {
        return Err(full);
    }
    let (one, other) = bytes.split_at(bytes.len() / 2);
    for (copy, at) in [(one, 0), (other, one.len() as u64)] {
        file.write_at(copy, at)?;
        file.sync()?;
    }
    Ok(())
}

fn decode(bytes: &[u8]) -> Option<(Incarnation, bool, String, Option<u64>)> {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    [one, other].into_iter().find_map(|copy| {
        let (body, sum) = copy.split_last_chunk::<4>()?;
        if u32::from_le_bytes(*sum) != crc(body) {
            return None;
        }
        let mut reader = Reader::new(body);
        if reader.array::<8>()? != MAGIC {
            return None;
        }
        let identity = Incarnation(reader.array()?);
        let clean = reader.u8()? == 1;
        let boot = String::from_utf8(reader.bytes()?.to_vec()).ok()?;
        // The first version had no end.
        let log_end = reader.varint();
        Some((identity, clean, boot, log_end))
    })
}
