//! Entries of the log on their way to those whose they are.

use std::collections::HashMap;
use std::sync::Arc;

use super::document::AssetDocument;
use super::gather::Opening;
use super::open::{Found, FoundConsumer, FoundStream};
use super::orphans::Orphans;
use super::{Assets, Laggard, Stream, StreamOptions};
use crate::consumer::RecoveringConsumer;
use crate::error::StoreError;
use crate::file::Recovering;
use crate::log::{Entry, GroupId, Log, Missing};
use crate::store::Position;

/// Everything that takes entries.
pub(super) struct Back {
    streams: Vec<(Stream, Option<Recovering>)>,
    consumers: Vec<(AssetDocument, RecoveringConsumer)>,
    groups: HashMap<GroupId, Slot>,
    /// `None`: entries that are nobody's stay in the log, because somebody is there who cannot be read.
    orphans: Option<Orphans>,
}

#[derive(Clone, Copy)]
enum Slot {
    Stream(usize),
    Consumer(usize),
}

impl Back {
    pub fn new(log: &Arc<Log>, openings: Vec<Opening>, orphans: Option<Orphans>) -> Self {
        let mut this = Self {
            streams: Vec::new(),
            consumers: Vec::new(),
            groups: HashMap::new(),
            orphans,
        };
        for opening in openings {
            let group = opening.stream.document.incarnation.group();
            this.groups.insert(group, Slot::Stream(this.streams.len()));
            for document in opening.consumers.into_values() {
                let group = document.incarnation.group();
                this.groups
                    .insert(group, Slot::Consumer(this.consumers.len()));
                let recovering = RecoveringConsumer::new(Arc::clone(log), group);
                this.consumers.push((document, recovering));
            }
            this.streams.push((opening.stream, opening.recovering));
        }
        this
    }

    pub fn tell_missing(&mut self, missing: &[Missing]) {
        for missing in missing {
            match self.groups.get(&missing.group) {
                Some(Slot::Stream(index)) => {
                    if let Some((_, Some(stream))) = self.streams.get_mut(*index) {
                        stream.entries_are_missing();
                    }
                }
                Some(Slot::Consumer(index)) => {
                    if let Some((_, consumer)) = self.consumers.get_mut(*index) {
                        consumer.entries_are_missing();
                    }
                }
                None => {}
            }
        }
    }

    pub fn replay(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        match self.groups.get(&entry.group) {
            Some(Slot::Stream(index)) => {
                if let Some((_, Some(stream))) = self.streams.get_mut(*index)
                    && let Err(error) = stream.replay(entry)
                {
                    stream.give_up(&error);
                }
            }
            Some(Slot::Consumer(index)) => {
                if let Some((_, consumer)) = self.consumers.get_mut(*index) {
                    consumer.replay(entry);
                }
            }
            None => {
                if let Some(orphans) = &mut self.orphans {
                    orphans.take(entry)?;
                }
            }
        }
        Ok(())
    }

    /// Fills the table and what was found; the highest position that any stream knows, and what belongs to nobody.
    pub fn finish(self, assets: &mut Assets, found: &mut Found) -> (u64, Option<Orphans>) {
        let mut highest = 0;
        let mut consumers: HashMap<GroupId, (AssetDocument, RecoveringConsumer)> = self
            .consumers
            .into_iter()
            .map(|both| (both.0.incarnation.group(), both))
            .collect();
        for (stream, recovering) in self.streams {
            let Some(recovering) = recovering else {
                continue;
            };
            highest = highest.max(recovering.position());
            let (store, damage) = recovering.finish();
            let store = store.at_home(Arc::clone(&stream.home), Position(0));
            let document = &stream.document;
            let mut back = Vec::new();
            for (name, consumer) in &stream.consumers {
                let group = consumer.incarnation.group();
                assets.groups.insert(
                    group,
                    Laggard {
                        account: document.account.clone(),
                        stream: document.stream.clone(),
                        consumer: Some(name.clone()),
                    },
                );
                if let Some((document, recovering)) = consumers.remove(&group) {
                    let (store, state, damage) = recovering.finish();
                    back.push(FoundConsumer {
                        name: name.clone(),
                        incarnation: consumer.incarnation,
                        meta: document.meta,
                        store,
                        state,
                        damage,
                    });
                }
            }
            assets.groups.insert(
                document.incarnation.group(),
                Laggard {
                    account: document.account.clone(),
                    stream: document.stream.clone(),
                    consumer: None,
                },
            );
            found.streams.push(FoundStream {
                account: document.account.clone(),
                name: document.stream.clone(),
                incarnation: document.incarnation,
                meta: document.meta.clone(),
                options: StreamOptions::from_code(document.options),
                store,
                damage,
                consumers: back,
            });
            let id = (document.account.clone(), document.stream.clone());
            assets.streams.insert(id, stream);
        }
        (highest, self.orphans)
    }
}
