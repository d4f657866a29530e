//! A connection's memory of what its subjects matched.

use std::hash::BuildHasher as _;

use crate::interest::{Holding, Matched};
use crate::limits::{CACHED_SUBJECT_MAX, MATCH_CACHE_FIRST, MATCH_CACHE_MAX};

/// What is known about publishing to one subject.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub matched: Matched,
    pub verdict: Verdict,
    /// A mapping may change the subject, so that the choice has to be made per message.
    pub mapped: bool,
    /// Several messages in a row may be delivered receiver by receiver: plain subscriptions only, no receiver twice.
    pub in_runs: bool,
}

impl Known {
    fn fanout(&self) -> u64 {
        self.matched.len() as u64
    }
}

/// May this connection publish to the subject?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    #[default]
    Allowed,
    Denied,
    /// Denied unless it answers a message received (`allow_responses`): asked for every message.
    OnlyReplies,
}

/// A place in the cache; good until the next change of it.
#[derive(Debug, Clone, Copy)]
pub struct Place(usize);

static NOTHING: Known = Known {
    matched: Matched::None,
    verdict: Verdict::Denied,
    mapped: false,
    in_runs: false,
};

struct Slot {
    generation: u64,
    subject: Box<[u8]>,
    known: Known,
}

/// Direct-mapped: a subject has one place, the newer one takes it. Starts small and grows while subjects push each other out.
#[derive(Default)]
pub struct MatchCache {
    slots: Vec<Option<Slot>>,
    hasher: foldhash::fast::RandomState,
    evictions: usize,
    holding: Holding,
}

impl MatchCache {
    /// How much is in it, whether still valid or not.
    pub fn holding(&self) -> Holding {
        self.holding
    }

    /// Where `subject` is remembered, if the memory is as new as `generation`.
    #[inline]
    pub fn find(&self, subject: &[u8], generation: u64) -> Option<Place> {
        let at = self.place(subject)?;
        match self.slots.get(at) {
            Some(Some(slot)) if slot.generation == generation && *slot.subject == *subject => {
                Some(Place(at))
            }
            _ => None,
        }
    }

    /// What is remembered at a place just found or stored.
    #[inline]
    pub fn at(&self, place: Place) -> &Known {
        match self.slots.get(place.0) {
            Some(Some(slot)) => &slot.known,
            _ => &NOTHING,
        }
    }

    /// Does a place found before still hold this subject, as new as `generation`?
    #[inline]
    pub fn holds(&self, place: Place, subject: &[u8], generation: u64) -> bool {
        match self.slots.get(place.0) {
            Some(Some(slot)) => slot.generation == generation && *slot.subject == *subject,
            _ => false,
        }
    }

    /// The subject and what is remembered of it.
    pub fn entry(&self, place: Place) -> (&[u8], &Known) {
        match self.slots.get(place.0) {
            Some(Some(slot)) => (&slot.subject, &slot.known),
            _ => (b"", &NOTHING),
        }
    }

    /// Remembers `known`; reuses the memory of the slot where it can.
    pub fn store(&mut self, subject: &[u8], generation: u64, known: Known) -> Place {
        if self.slots.is_empty() {
            self.slots.resize_with(MATCH_CACHE_FIRST, || None);
        }
        let mut at = self.place(subject).unwrap_or(0);
        let crowded = self.slots[at]
            .as_ref()
            .is_some_and(|s| s.generation == generation && *s.subject != *subject);
        if crowded {
            self.evictions += 1;
            if self.evictions > self.slots.len() && self.slots.len() < MATCH_CACHE_MAX {
                self.grow();
                at = self.place(subject).unwrap_or(0);
            }
        }
        self.holding.fanout += known.fanout();
        match &self.slots[at] {
            Some(old) => self.holding.fanout -= old.known.fanout(),
            None => self.holding.subjects += 1,
        }
        match &mut self.slots[at] {
            Some(s) if *s.subject == *subject => {
                s.generation = generation;
                s.known = known;
            }
            slot => {
                *slot = Some(Slot {
                    generation,
                    subject: subject.into(),
                    known,
                });
            }
        }
        Place(at)
    }

    pub fn clear(&mut self) {
        self.slots = Vec::new();
        self.evictions = 0;
        self.holding = Holding::default();
    }

    #[inline]
    fn place(&self, subject: &[u8]) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        // Long subjects share one place: a hostile client must not fill thousands of places with kilobytes each.
        if subject.len() > CACHED_SUBJECT_MAX {
            return Some(0);
        }
        Some(self.hasher.hash_one(subject) as usize & mask)
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 4).min(MATCH_CACHE_MAX);
        let old = std::mem::take(&mut self.slots);
        self.slots.resize_with(size, || None);
        self.evictions = 0;
        self.holding = Holding::default();
        for slot in old.into_iter().flatten() {
            // More places than before: none of them is taken twice, but for those that long subjects share.
            if let Some(at) = self.place(&slot.subject)
                && self.slots[at].is_none()
            {
                self.holding.subjects += 1;
                self.holding.fanout += slot.known.fanout();
                self.slots[at] = Some(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_another_generation_is_not_found() {
        let mut c = MatchCache::default();
        assert!(c.find(b"a", 1).is_none());
        c.store(
            b"a",
            1,
            Known {
                mapped: true,
                ..Known::default()
            },
        );
        assert!(c.find(b"a", 1).is_some_and(|p| c.at(p).mapped));
        assert!(c.find(b"a", 2).is_none());
        c.store(b"a", 2, Known::default());
        assert!(c.find(b"a", 2).is_some_and(|p| !c.at(p).mapped));
    }

    #[test]
    fn long_subjects_take_one_place_together() {
        let mut c = MatchCache::default();
        for n in 0..20_000u32 {
            let long = format!("{n}{}", "x".repeat(CACHED_SUBJECT_MAX));
            let place = c.store(long.as_bytes(), 1, Known::default());
            assert!(c.holds(place, long.as_bytes(), 1));
        }
        assert_eq!(c.slots.iter().flatten().count(), 1);
    }

    #[test]
    fn what_it_holds_is_counted_however_it_came_and_went() {
        let mut c = MatchCache::default();
        let mut number = 1u32;
        for round in 0..30_000u32 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let subject = (number >> 8) % 6_000;
            c.store(
                subject.to_string().as_bytes(),
                u64::from(round / 7_000),
                Known::default(),
            );
        }
        let there = c.slots.iter().flatten().count() as u64;
        assert_eq!(c.holding().subjects, there);
        c.clear();
        assert_eq!(c.holding(), Holding::default());
    }

    #[test]
    fn crowding_makes_it_grow_up_to_its_limit() {
        let mut c = MatchCache::default();
        for round in 0..4 {
            for n in 0..20_000u32 {
                c.store(n.to_string().as_bytes(), 1, Known::default());
            }
            assert!(c.slots.len() <= MATCH_CACHE_MAX, "round {round}");
        }
        assert_eq!(c.slots.len(), MATCH_CACHE_MAX);
    }
}
