//! A consumer's state in the log, and nowhere else: changes as they come, now and then the whole state, which makes what came before it
//! superfluous. So a hundred thousand consumers cost no file and no sync of their own.

use std::sync::Arc;

use super::codec::{put_delta, put_state, read_delta, read_state};
use super::store::ConsumerStore;
use super::{ConsumerDelta, ConsumerState};
use crate::codec::Reader;
use crate::error::StoreError;
use crate::limits::CONSUMER_CHANGES_MAX;
use crate::log::{Checkpoint, Entry, GroupId, Log};
use crate::store::Position;

/// An entry with changes.
const KIND_DELTAS: u8 = 1;
/// An entry with a whole state.
const KIND_STATE: u8 = 2;

/// Where one consumer's changes go. Owned by its machine.
#[derive(Debug)]
pub struct LoggedConsumer {
    log: Arc<Log>,
    group: GroupId,
    staged: Position,
    /// Bytes of changes since the last whole state.
    changes: usize,
    scratch: Vec<u8>,
}

impl LoggedConsumer {
    /// A consumer without a state; the first change that its machine stages says where it begins.
    pub fn new(log: Arc<Log>, group: GroupId) -> Self {
        Self {
            log,
            group,
            staged: Position(0),
            changes: 0,
            scratch: Vec::new(),
        }
    }

    /// A new consumer that is there when the log has committed `position`.
    pub fn behind(log: Arc<Log>, group: GroupId, position: Position) -> Self {
        Self {
            staged: position,
            ..Self::new(log, group)
        }
    }

    pub fn group(&self) -> GroupId {
        self.group
    }
}

impl ConsumerStore for LoggedConsumer {
    fn stage(&mut self, deltas: &[ConsumerDelta]) -> Result<(), StoreError> {
        if deltas.is_empty() {
            return Ok(());
        }
        self.scratch.clear();
        for delta in deltas {
            put_delta(&mut self.scratch, delta);
        }
        self.staged = self.log.stage(self.group, KIND_DELTAS, &[&self.scratch])?;
        self.changes = self.changes.saturating_add(self.scratch.len());
        Ok(())
    }

    fn staged(&self) -> Option<Position> {
        (self.staged > self.log.durable()).then_some(self.staged)
    }

    fn wants_checkpoint(&self) -> bool {
        self.changes > CONSUMER_CHANGES_MAX || self.log.is_laggard(self.group)
    }

    fn checkpoint(&mut self, state: &ConsumerState) -> Result<(), StoreError> {
        self.scratch.clear();
        put_state(&mut self.scratch, state);
        let before = self.log.count(self.group);
        self.staged = self
            .log
            .stage_to_let_go(self.group, KIND_STATE, &[&self.scratch])?;
        self.changes = 0;
        // The state's own entry is still needed.
        let start = self
            .staged
            .0
            .saturating_sub(self.log.entry_size(self.scratch.len()));
        self.log.checkpoint(
            self.group,
            Checkpoint {
                position: start,
                count: before,
                note: Vec::new(),
            },
        )
    }
}

/// A consumer on its way back.
#[derive(Debug)]
pub struct RecoveringConsumer {
    log: Arc<Log>,
    group: GroupId,
    state: Option<ConsumerState>,
    staged: Position,
    damage: Option<&'static str>,
}

impl RecoveringConsumer {
    pub fn new(log: Arc<Log>, group: GroupId) -> Self {
        Self {
            log,
            group,
            state: None,
            staged: Position(0),
            damage: None,
        }
    }

    /// Entries of this consumer are missing in the log: acknowledgements or deliveries are forgotten.
    pub fn entries_are_missing(&mut self) {
        self.damage = Some("changes of the consumer's state are missing in the log");
    }

    /// Does again what the log says.
    pub fn replay(&mut self, entry: &Entry<'_>) {
        self.staged = Position(entry.end);
        let understood = match entry.kind {
            KIND_STATE => read_state(entry.bytes).map(|state| self.state = Some(state)),
            KIND_DELTAS => self.apply(entry.bytes),
            _ => None,
        };
        if understood.is_none() {
            self.damage = Some("a change of the consumer's state makes no sense");
        }
    }

    fn apply(&mut self, bytes: &[u8]) -> Option<()> {
        let mut reader = Reader::new(bytes);
        let state = self.state.get_or_insert_default();
        while !reader.is_empty() {
            state.apply(&read_delta(&mut reader)?);
        }
        Some(())
    }

    /// Where further changes go; the state as far as it is known (`None`: it never had one); what is wrong with it. A damaged state is
    /// behind the true one: messages may be delivered again, none is passed over.
    pub fn finish(self) -> (LoggedConsumer, Option<ConsumerState>, Option<&'static str>) {
        let mut store = LoggedConsumer::new(self.log, self.group);
        store.staged = self.staged;
        (store, self.state, self.damage)
    }
}
