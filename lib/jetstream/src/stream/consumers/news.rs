//! What consumers are told about messages.

use nats_proto::subject;
use nats_store::{Filter, Removals};

use super::index::Id;
use crate::consumer::Pumped;
use crate::context::Context;
use crate::effects::Effects;
use crate::limits::{CONSUMERS_TOLD_MAX, REMOVALS_TOLD_MAX};
use crate::stream::Stream;

impl Stream {
    /// A message was stored.
    pub(in crate::stream) fn tell_stored(
        &mut self,
        cx: &mut Context<'_>,
        sequence: u64,
        subject: &[u8],
        out: &mut Effects,
    ) {
        if self.consumers.is_empty() {
            return;
        }
        let found = self.concerned(subject);
        for id in &found {
            self.pumping_turn(*id, cx, out, |consumer, turn| {
                consumer.stored(turn, sequence, subject)
            });
        }
        self.consumers.found = found;
        self.settle(cx, out);
    }

    /// Who is told about a message. The others look by themselves when they are called.
    fn concerned(&mut self, subject: &[u8]) -> Vec<Id> {
        let consumers = &mut self.consumers;
        let mut found = std::mem::take(&mut consumers.found);
        found.clear();
        if !consumers.all.find(subject, CONSUMERS_TOLD_MAX, &mut found) {
            consumers.epoch = consumers.epoch.wrapping_add(1);
            found.clear();
            consumers.awake.find(subject, usize::MAX, &mut found);
        }
        found
    }

    /// Messages left the stream.
    pub(in crate::stream) fn tell_removed(
        &mut self,
        cx: &mut Context<'_>,
        removals: &Removals,
        out: &mut Effects,
    ) {
        if self.consumers.is_empty() || removals.is_empty() {
            return;
        }
        if removals.len() > REMOVALS_TOLD_MAX {
            return self.tell_to_look(cx, out);
        }
        for removed in removals.iter() {
            let found = self.concerned(removed.subject);
            for id in &found {
                self.turn(*id, cx, out, |consumer, turn| {
                    consumer.removed(turn, removed.sequence, removed.subject);
                });
            }
            self.consumers.found = found;
        }
    }

    /// So much has changed that everybody looks again: those who are awake now, the others when they are called.
    fn tell_to_look(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        let consumers = &mut self.consumers;
        consumers.epoch = consumers.epoch.wrapping_add(1);
        let slots = consumers.slots.iter().zip(0..);
        let awake: Vec<Id> = slots
            .filter(|(slot, _)| slot.as_ref().is_some_and(|slot| slot.is_awake))
            .map(|(_, id)| id)
            .collect();
        for id in awake {
            self.pumping_turn(id, cx, out, |consumer, turn| {
                if let Err(error) = consumer.catch_up(turn) {
                    turn.changes.faults.push(error);
                }
                consumer.pump(turn, crate::limits::CONSUMER_PUMP_MAX)
            });
        }
    }

    /// Somebody purged: consumers of the subjects concerned go on behind what is gone.
    pub(in crate::stream) fn tell_purged(
        &mut self,
        cx: &mut Context<'_>,
        filter: &Filter,
        out: &mut Effects,
    ) {
        let concerned: Vec<Id> = self
            .consumers
            .by_name
            .values()
            .copied()
            .filter(|id| {
                let slot = self.consumers.slot(*id);
                slot.is_some_and(|slot| collide(slot.consumer.filter(), filter))
            })
            .collect();
        for id in concerned {
            self.pumping_turn(id, cx, out, |consumer, turn| {
                consumer.purged(turn).unwrap_or_else(|error| {
                    turn.changes.faults.push(error);
                    Pumped::Skipped
                })
            });
        }
        self.settle(cx, out);
    }
}

/// Some subject is in both filters.
fn collide(a: &Filter, b: &Filter) -> bool {
    a.is_all()
        || b.is_all()
        || a.patterns().iter().any(|a| {
            let mut others = b.patterns().iter();
            others.any(|b| subject::collides(a, b))
        })
}
