//! Weighted sets of transforms: the subject mappings of an account.

use std::collections::HashMap;

use super::apply::mix;
use super::{Transform, TransformError};
use crate::subject::{Subject, matches};

/// One destination of a mapping, as configured.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Destination {
    pub subject: String,
    /// Share of the messages, in percent.
    pub weight: u8,
    /// Only on servers of this cluster; empty for all clusters without destinations of their own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}

impl Destination {
    /// A destination for this share of the messages, on every cluster.
    pub fn new(subject: impl Into<String>, weight: u8) -> Self {
        Self {
            subject: subject.into(),
            weight,
            cluster: String::new(),
        }
    }
}

/// Why a mapping is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    #[error("duplicate entry for {0:?}")]
    Duplicate(String),
    #[error("individual weights need to be <= 100")]
    WeightTooLarge,
    #[error("total weight needs to be <= 100")]
    TotalTooLarge,
    #[error(transparent)]
    Transform(#[from] TransformError),
}

/// What the mappings say about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'m> {
    /// No mapping is for this subject.
    Unmapped,
    /// Weights below 100 in total with the source itself among the destinations: the rest is meant to be lost.
    Lost,
    /// A mapping is for this subject, and this message is of the share that keeps it.
    Unchanged,
    /// The message goes where `transform` sends it: call [`Transform::apply_matched_into`] with this `random`.
    Through {
        transform: &'m Transform,
        random: u32,
    },
}

/// The mappings of an account, in the order in which their sources were first added. The first that matches counts.
#[derive(Debug, Clone, Default)]
pub struct Mappings {
    entries: Vec<Mapping>,
    /// Places of the entries whose source is literal.
    literal: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// Places of the others, ascending.
    wild: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Mapping {
    source: Subject,
    configured: Vec<Destination>,
    everywhere: Choice,
    by_cluster: HashMap<String, Choice, foldhash::fast::RandomState>,
}

/// Destinations with the share of the messages up to which each counts, in percent of all.
#[derive(Debug, Clone, Default)]
struct Choice {
    transforms: Vec<(u8, Transform)>,
    /// Whether what is above the last share keeps its subject; otherwise it is lost.
    rest_is_unchanged: bool,
}

impl Mappings {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sources and their destinations as configured.
    pub fn iter(&self) -> impl Iterator<Item = (&Subject, &[Destination])> {
        self.entries
            .iter()
            .map(|entry| (&entry.source, &*entry.configured))
    }

    /// Adds a mapping, or replaces the one with the same source at its place.
    ///
    /// When the weights of a cluster (or of "everywhere") are below 100 in total, the rest of the messages keeps its
    /// subject, unless the source is itself one of those destinations: then the rest is lost on purpose.
    ///
    /// # Errors
    /// See [`MappingError`]; then nothing changed.
    pub fn add(&mut self, source: &str, destinations: &[Destination]) -> Result<(), MappingError> {
        let mapping = Mapping::new(source, destinations)?;
        match self.entries.iter().position(|e| e.source == source) {
            Some(place) => {
                if let Some(entry) = self.entries.get_mut(place) {
                    *entry = mapping;
                }
            }
            None => self.entries.push(mapping),
        }
        self.index();
        Ok(())
    }

    /// Removes the mapping with this source; whether there was one.
    pub fn remove(&mut self, source: &str) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.source != source);
        self.index();
        self.entries.len() < before
    }

    /// Looks up what becomes of a message for `subject` on a server of `cluster`. `random` decides by weight. Does not
    /// allocate.
    pub fn select(&self, subject: &[u8], cluster: &str, random: u32) -> Selection<'_> {
        let Some(mapping) = self.find(subject) else {
            return Selection::Unmapped;
        };
        let choice = mapping.by_cluster.get(cluster);
        choice.unwrap_or(&mapping.everywhere).select(random)
    }

    /// All that may become of a message for `subject` on a server of `cluster`, with the percentages of the messages, and the source of
    /// the mapping that says so. `None` when no mapping is for this subject.
    pub fn possibilities(
        &self,
        subject: &[u8],
        cluster: &str,
    ) -> Option<(&Subject, Vec<(u8, Selection<'_>)>)> {
        let mapping = self.find(subject)?;
        let choice = mapping.by_cluster.get(cluster);
        let choice = choice.unwrap_or(&mapping.everywhere);
        Some((&mapping.source, choice.all()))
    }

    fn find(&self, subject: &[u8]) -> Option<&Mapping> {
        let literal = self.literal.get(subject).copied();
        let before = literal.unwrap_or(self.entries.len());
        let wild = self.wild.iter().take_while(|&&place| place < before);
        let matching = wild
            .filter_map(|&place| self.entries.get(place))
            .find(|entry| matches(subject, entry.source.as_bytes()));
        matching.or_else(|| self.entries.get(literal?))
    }

    fn index(&mut self) {
        self.literal.clear();
        self.wild.clear();
        for (place, entry) in self.entries.iter().enumerate() {
            if entry.source.has_wildcard() {
                self.wild.push(place);
            } else {
                self.literal.insert(entry.source.as_bytes().into(), place);
            }
        }
    }
}

impl Mapping {
    fn new(source: &str, destinations: &[Destination]) -> Result<Self, MappingError> {
        let valid = Subject::new(source).map_err(|_| TransformError::BadSubject)?;
        for (at, destination) in destinations.iter().enumerate() {
            let earlier = destinations.iter().take(at);
            if earlier.clone().any(|d| d.subject == destination.subject) {
                return Err(MappingError::Duplicate(destination.subject.clone()));
            }
            if destination.weight > 100 {
                return Err(MappingError::WeightTooLarge);
            }
        }
        let mut by_cluster = HashMap::default();
        for destination in destinations.iter().filter(|d| !d.cluster.is_empty()) {
            if !by_cluster.contains_key(&destination.cluster) {
                let choice = Choice::new(source, destinations, &destination.cluster)?;
                by_cluster.insert(destination.cluster.clone(), choice);
            }
        }
        Ok(Self {
            source: valid,
            configured: destinations.to_vec(),
            everywhere: Choice::new(source, destinations, "")?,
            by_cluster,
        })
    }
}

impl Choice {
    /// The choice on servers of `cluster`; empty for the one of all others.
    fn new(source: &str, all: &[Destination], cluster: &str) -> Result<Self, MappingError> {
        let mut transforms = Vec::new();
        let mut total = 0u8;
        let mut source_is_listed = false;
        for destination in all.iter().filter(|d| d.cluster == cluster) {
            total = total.saturating_add(destination.weight);
            if total > 100 {
                return Err(MappingError::TotalTooLarge);
            }
            source_is_listed |= destination.subject == source;
            transforms.push((total, Transform::new(source, &destination.subject)?));
        }
        Ok(Self {
            transforms,
            rest_is_unchanged: !source_is_listed,
        })
    }

    fn all(&self) -> Vec<(u8, Selection<'_>)> {
        let mut below = 0u8;
        let mut all = Vec::new();
        for (up_to, transform) in &self.transforms {
            let through = Selection::Through {
                transform,
                random: 0,
            };
            all.push((up_to.saturating_sub(below), through));
            below = *up_to;
        }
        let rest = match self.rest_is_unchanged {
            true => Selection::Unchanged,
            false => Selection::Lost,
        };
        all.push((100u8.saturating_sub(below), rest));
        all.retain(|(share, _)| *share > 0);
        all
    }

    fn select(&self, random: u32) -> Selection<'_> {
        let share = u64::from(random).wrapping_mul(100) >> 32;
        match self.transforms.iter().find(|(u, _)| share < u64::from(*u)) {
            None if self.rest_is_unchanged => Selection::Unchanged,
            None => Selection::Lost,
            Some((_, transform)) => Selection::Through {
                transform,
                // What is left of the random number must not depend on which destination it picked.
                random: mix(random, usize::MAX),
            },
        }
    }
}
