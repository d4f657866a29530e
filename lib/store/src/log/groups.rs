//! What the log knows about each group: how far it wrote, how far its own files are durable, and so which segments can go.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::format::GroupId;
use crate::codec::{Reader, put_bytes, put_varint};
use crate::limits::{CHECKPOINT_NOTE_MAX, TABLE_ENTRY_BYTES};

/// Kind of the log's own entry with rows of checkpoints.
pub const KIND_CHECKPOINTS: u8 = 1;
/// Kind of the log's own entry that names a group that is no more.
pub const KIND_FORGET: u8 = 2;

/// Up to where a group's own files are durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// Entries that end at or before this position are in the group's files.
    pub position: u64,
    /// The number of entries that the group had written by then.
    pub count: u64,
    /// What the group wants to find again: where its files ended, and their last checksum.
    pub note: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Entries written so far.
    pub count: u64,
    /// Where its last entry ends.
    pub last: u64,
    /// The log must be kept from here on for this group. `None`: it needs nothing.
    pub needed_from: Option<u64>,
    pub checkpoint: Option<Checkpoint>,
    /// Deleted; its entries mean nothing, but the deletion itself must not be forgotten yet.
    pub forgotten: bool,
}

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    groups: HashMap<GroupId, Group, FixedState>,
}

impl Groups {
    pub fn get(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(&group)
    }

    pub fn entry(&mut self, group: GroupId) -> &mut Group {
        self.groups.entry(group).or_default()
    }

    /// Deleted groups whose last entry was before `position`, and whose files are gone, are no more.
    pub fn drop_forgotten(&mut self, position: u64) {
        self.groups.retain(|_, group| {
            !group.forgotten || group.needed_from.is_some() || group.last > position
        });
    }

    /// Nothing is left of deleted groups that are not among these.
    pub fn only_left(&mut self, left: &BTreeSet<GroupId>) {
        for (id, group) in &mut self.groups {
            if group.forgotten && !left.contains(id) {
                group.needed_from = None;
            }
        }
    }

    /// The number of the next entry, which begins at `start` and ends at `end`.
    pub fn count_entry(&mut self, group: GroupId, start: u64, end: u64) -> u64 {
        let known = self.entry(group);
        known.count = known.count.saturating_add(1);
        known.last = end;
        if known.needed_from.is_none() {
            known.needed_from = Some(start);
        }
        known.count
    }

    /// Notes a checkpoint; false when it is older than the one known.
    pub fn note_checkpoint(&mut self, group: GroupId, checkpoint: Checkpoint) -> bool {
        let known = self.entry(group);
        // A checkpoint that was under way when its stream was deleted.
        if known.forgotten {
            return false;
        }
        if known
            .checkpoint
            .as_ref()
            .is_some_and(|old| old.position > checkpoint.position)
        {
            return false;
        }
        known.needed_from = match known.needed_from {
            Some(from) if known.last > checkpoint.position => Some(from.max(checkpoint.position)),
            _ => None,
        };
        known.count = known.count.max(checkpoint.count);
        known.checkpoint = Some(checkpoint);
        true
    }

    /// The position from which on somebody needs the log.
    pub fn needed_from(&self) -> Option<u64> {
        self.groups
            .values()
            .filter_map(|group| group.needed_from)
            .min()
    }

    /// Groups that need something before `position`, the most backward first.
    pub fn needing_before(&self, position: u64) -> Vec<GroupId> {
        let mut groups: Vec<(u64, GroupId)> = self
            .groups
            .iter()
            .filter(|(_, group)| !group.forgotten)
            .filter_map(|(id, group)| Some((group.needed_from?, *id)))
            .filter(|(from, _)| *from < position)
            .collect();
        groups.sort_unstable();
        groups.into_iter().map(|(_, id)| id).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.groups.iter().map(|(id, group)| (*id, group))
    }

    /// All checkpoints as the bodies of entries, by group.
    pub fn table(&self) -> Vec<Vec<u8>> {
        let mut rows: Vec<_> = self
            .groups
            .iter()
            .filter(|(_, group)| !group.forgotten)
            .filter_map(|(id, group)| Some((*id, group.checkpoint.as_ref()?)))
            .collect();
        rows.sort_unstable_by_key(|(id, _)| *id);
        let mut bodies = vec![Vec::new()];
        for (id, checkpoint) in rows {
            if bodies
                .last()
                .is_some_and(|body| body.len() > TABLE_ENTRY_BYTES)
            {
                bodies.push(Vec::new());
            }
            if let Some(body) = bodies.last_mut() {
                put_row(body, id, checkpoint);
            }
        }
        bodies
    }
}

pub fn put_row(to: &mut Vec<u8>, group: GroupId, checkpoint: &Checkpoint) {
    to.extend_from_slice(&group.0.to_le_bytes());
    put_varint(to, checkpoint.position);
    put_varint(to, checkpoint.count);
    put_bytes(to, &checkpoint.note);
}

/// Reads the rows of an entry; `None` as soon as one makes no sense.
pub fn read_rows(bytes: &[u8], mut each: impl FnMut(GroupId, Checkpoint)) -> Option<()> {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let group = GroupId(reader.u64()?);
        let position = reader.varint()?;
        let count = reader.varint()?;
        let note = reader.bytes()?;
        if note.len() > CHECKPOINT_NOTE_MAX {
            return None;
        }
        each(
            group,
            Checkpoint {
                position,
                count,
                note: note.to_vec(),
            },
        );
    }
    Some(())
}
