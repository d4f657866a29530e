//! The consumers of a stream, and the way between them and the messages.
//!
//! **What lives here.** The one owner of every [`Consumer`]. [`index`](self) finds the consumers that a message concerns, `requests` is
//! what the API asks of consumers, `traffic` what clients send (acknowledgements, pulls, answers to flow control), `turns` how a consumer
//! is called and what is done with what it changed, `news` what it is told about messages.
//!
//! **Scale.** A message finds its consumers by subject. When only a few want it, all of them are told, so that what waits for them is
//! always counted. When many do, only those are told that are awake (somebody waits there for messages); for the others it is noted that
//! something was left unsaid (`epoch`), and they look at the stream when they are called the next time.
//!
//! **What never happens here.** No loop over all consumers on the way of a message.

mod index;
mod news;
mod requests;
mod traffic;
mod turns;

use std::collections::{BTreeMap, BTreeSet};

use nats_store::{ConsumerStore, Position, StoreError, Timestamp};

use crate::consumer::{Changes, Consumer};
use index::{Id, Index};

pub use requests::NewConsumer;

/// Consumers, by id and by name.
#[derive(Default)]
pub(super) struct Consumers {
    slots: Vec<Option<Slot>>,
    free: Vec<Id>,
    by_name: BTreeMap<Box<str>, Id>,
    /// By what they want.
    all: Index,
    /// Those among them where somebody waits for messages.
    awake: Index,
    timers: BTreeSet<(Timestamp, Id)>,
    /// Those that could deliver more right now.
    more: BTreeSet<Id>,
    /// How many count against limits.
    limitable: usize,
    /// How many are not shown in lists.
    hidden: usize,
    /// Where the next round of deliveries begins, so that everybody gets a turn.
    cursor: Id,
    /// Counts what was left unsaid.
    epoch: u64,
    /// Sequences that some consumer needs no more; looked at before the input is done.
    settled: Vec<u64>,
    /// Names of consumers that ended by themselves and are still to be forgotten on disk.
    gone: Vec<Box<str>>,
    /// The log position up to which consumers have staged changes.
    staged: Option<Position>,
    /// Those whose last changes are in memory only: their whole state is to be kept as soon as that is possible.
    unkept: BTreeSet<Id>,
    /// Why.
    keep_fault: Option<StoreError>,
    /// The last failure to read for a consumer, and when.
    read_fault: Option<(StoreError, Timestamp)>,
    changes: Changes,
    /// Room for a list of consumers.
    found: Vec<Id>,
}

struct Slot {
    consumer: Consumer,
    kept: Box<dyn ConsumerStore>,
    /// It is in the index of those that are awake.
    is_awake: bool,
    /// What had been left unsaid when it fell asleep.
    epoch: u64,
    /// When it is in `timers`.
    timer: Option<Timestamp>,
}

impl Consumers {
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many count against limits.
    pub fn limitable(&self) -> usize {
        self.limitable
    }

    /// Somebody wants messages on this subject.
    pub fn want(&self, subject: &[u8]) -> bool {
        self.all.wants(subject)
    }

    pub fn staged(&self) -> Option<Position> {
        self.staged
    }

    pub fn wait_for(&mut self, position: Option<Position>) {
        self.staged = self.staged.max(position);
    }

    /// Why a consumer's progress is not kept, or a message for it could not be read a short time ago.
    pub fn fault(&self) -> Option<StoreError> {
        let read = || self.read_fault.as_ref().map(|(error, _)| error.clone());
        self.keep_fault.clone().or_else(read)
    }

    /// When there is something to do for some consumer. Long ago when it is now.
    pub fn deadline(&self) -> Option<Timestamp> {
        if !self.more.is_empty() {
            return Some(Timestamp::default());
        }
        self.timers.first().map(|(at, _)| *at)
    }

    /// What was settled and not looked at yet.
    pub fn take_settled(&mut self) -> Option<Vec<u64>> {
        (!self.settled.is_empty()).then(|| std::mem::take(&mut self.settled))
    }

    /// The list of [`Consumers::take_settled`], for its room.
    pub fn give_back(&mut self, mut room: Vec<u64>) {
        room.clear();
        if self.settled.capacity() == 0 {
            self.settled = room;
        }
    }

    /// All of them by name.
    pub fn each(&self) -> impl Iterator<Item = &Consumer> {
        let slots = self.by_name.values().filter_map(|id| self.slot(*id));
        slots.map(|slot| &slot.consumer)
    }

    /// Names of those that are shown in lists, in their order, from the `offset`th on.
    fn shown(&self, offset: usize, most: usize) -> Vec<(&str, Id)> {
        let all = self.by_name.iter().map(|(name, id)| (&**name, *id));
        if self.hidden == 0 {
            return all.skip(offset).take(most).collect();
        }
        let is_shown = |(_, id): &(&str, Id)| {
            let slot = self.slot(*id);
            slot.is_some_and(|slot| !slot.consumer.config().direct)
        };
        all.filter(is_shown).skip(offset).take(most).collect()
    }

    fn id(&self, name: &str) -> Option<Id> {
        self.by_name.get(name).copied()
    }

    fn slot(&self, id: Id) -> Option<&Slot> {
        self.slots.get(id as usize)?.as_ref()
    }

    /// Whether a message is still needed by anybody.
    pub fn need(&mut self, sequence: u64, subject: &[u8]) -> bool {
        let mut found = std::mem::take(&mut self.found);
        found.clear();
        self.all.find(subject, usize::MAX, &mut found);
        let is_needed = found
            .iter()
            .filter_map(|id| self.slot(*id))
            .any(|slot| slot.consumer.needs(sequence, subject));
        self.found = found;
        is_needed
    }

    /// The last message that any consumer was given. `None` without consumers.
    pub fn last_delivered(&self) -> Option<u64> {
        let all = self.slots.iter().flatten();
        all.map(|slot| slot.consumer.state().delivered.stream).max()
    }

    fn insert(&mut self, consumer: Consumer, kept: Box<dyn ConsumerStore>) -> Id {
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            Id::try_from(self.slots.len() - 1).unwrap_or(Id::MAX)
        });
        self.by_name.insert(consumer.name().into(), id);
        self.limitable += usize::from(counts(consumer.config()));
        self.hidden += usize::from(consumer.config().direct);
        self.all.insert(consumer.filter(), id);
        if let Some(slot) = self.slots.get_mut(id as usize) {
            *slot = Some(Slot {
                consumer,
                kept,
                is_awake: false,
                epoch: self.epoch,
                timer: None,
            });
        }
        id
    }

    pub(in crate::stream) fn remove(&mut self, id: Id) -> Option<Consumer> {
        self.take(id).map(|slot| slot.consumer)
    }

    fn take(&mut self, id: Id) -> Option<Slot> {
        let slot = self.slots.get_mut(id as usize)?.take()?;
        let filter = slot.consumer.filter();
        self.all.remove(filter, id);
        if slot.is_awake {
            self.awake.remove(filter, id);
        }
        if let Some(at) = slot.timer {
            self.timers.remove(&(at, id));
        }
        self.more.remove(&id);
        self.unkept.remove(&id);
        self.by_name.remove(slot.consumer.name());
        self.limitable -= usize::from(counts(slot.consumer.config()));
        self.hidden -= usize::from(slot.consumer.config().direct);
        self.free.push(id);
        Some(slot)
    }
}

/// Those that feed other streams do not count against limits. Nothing of this changes in a consumer's life.
fn counts(config: &nats_api::jetstream::ConsumerConfig) -> bool {
    !config.direct && !config.sourcing
}
