//! Entries of the log whose owner is not there: put aside into quarantine, so that the log need not be kept for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::codec::{crc, put_bytes, put_varint};
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::log::{Checkpoint, Entry, GroupId, Log};

/// Files of entries, one for each group. Each entry: `varint` number, `u8` kind, `bytes`, `u32` crc of these.
#[derive(Debug)]
pub struct Orphans {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    files: BTreeMap<GroupId, Orphan>,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Orphan {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    size: u64,
    position: u64,
    count: u64,
}

impl Orphans {
    pub fn new(disk: Arc<dyn Disk>, quarantine: &Path) -> Self {
        Self {
            disk,
            dir: quarantine.to_path_buf(),
            files: BTreeMap::new(),
            scratch: Vec::new(),
        }
    }

    pub fn take(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        if !self.files.contains_key(&entry.group) {
            let orphan = self.create(entry.group)?;
            self.files.insert(entry.group, orphan);
        }
        let Some(orphan) = self.files.get_mut(&entry.group) else {
            return Ok(());
        };
        self.scratch.clear();
        put_varint(&mut self.scratch, entry.count);
        self.scratch.push(entry.kind);
        put_bytes(&mut self.scratch, entry.bytes);
        let sum = crc(&self.scratch);
        self.scratch.extend_from_slice(&sum.to_le_bytes());
        orphan
            .file
            .write_at(&self.scratch, orphan.size)
            .map_err(|e| StoreError::io("writing", &orphan.path, &e))?;
        orphan.size = orphan.size.saturating_add(self.scratch.len() as u64);
        orphan.position = entry.end;
        orphan.count = entry.count;
        Ok(())
    }

    fn create(&self, group: GroupId) -> Result<Orphan, StoreError> {
        let mut number = 0_u32;
        loop {
            let path = self.dir.join(format!("{:016x}.{number}.entries", group.0));
            match self.disk.create(&path) {
                Ok(file) => {
                    return Ok(Orphan {
                        file,
                        path,
                        size: 0,
                        position: 0,
                        count: 0,
                    });
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                    number = number.saturating_add(1);
                }
                Err(e) => return Err(StoreError::io("creating", &path, &e)),
            }
        }
    }

    /// Makes what was put aside durable and tells the log; the groups and where their entries are.
    pub fn settle(self, log: &Log) -> Result<Vec<(GroupId, PathBuf)>, StoreError> {
        for orphan in self.files.values() {
            orphan
                .file
                .sync()
                .map_err(|e| StoreError::io("syncing", &orphan.path, &e))?;
        }
        if !self.files.is_empty() {
            self.disk
                .sync_dir(&self.dir)
                .map_err(|e| StoreError::io("syncing", &self.dir, &e))?;
        }
        let mut settled = Vec::new();
        for (group, orphan) in self.files {
            log.checkpoint(
                group,
                Checkpoint {
                    position: orphan.position,
                    count: orphan.count,
                    note: Vec::new(),
                },
            )?;
            settled.push((group, orphan.path));
        }
        Ok(settled)
    }
}
