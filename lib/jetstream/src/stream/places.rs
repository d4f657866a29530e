//! Where sources go on after a start: behind the last message of each that is stored, which is found by looking back through the messages.
//!
//! A source of which little or nothing is stored makes that long. So it is done a step at a time, and only those sources wait for it whose place is
//! not known yet.

use std::ops::ControlFlow;

use nats_api::jetstream::headers::STREAM_SOURCE;
use nats_proto::header::block;
use nats_store::{Filter, StoreError, Timestamp};

use super::Stream;
use crate::config::stream::upstream_name;
use crate::limits::PLACES_STEP;
use crate::publish::headers::given;
use crate::source::Upstream;
use crate::source::origin::Origin;

/// How long a search waits whose messages cannot be read, nanoseconds.
const RETRY: u64 = 1_000_000_000;

/// How far the messages were looked through.
#[derive(Debug)]
pub(in crate::stream) struct Search {
    /// This one is next, then those before it.
    to: u64,
    at: Timestamp,
}

impl Search {
    pub fn deadline(&self) -> Timestamp {
        self.at
    }
}

impl Stream {
    /// Whether a message of this source can be stored, as far as that is known without reading messages.
    pub(in crate::stream) fn may_have_of(&self, upstream: &Upstream) -> bool {
        let source = upstream.source();
        let keeps_subjects =
            source.subject_transforms.is_empty() && self.config.subject_transform.is_none();
        if source.filter_subject.is_empty() || !keeps_subjects {
            return true;
        }
        let mut has_any = false;
        self.store
            .subjects(&Filter::any([&source.filter_subject]), &mut |_, _| {
                has_any = true;
                ControlFlow::Break(())
            });
        has_any
    }

    /// Begins at the last message: there are sources to be found.
    pub(in crate::stream) fn begin_search(&mut self) {
        self.upstreams.search = Some(Search {
            to: self.store.state().last_sequence,
            at: Timestamp::default(),
        });
    }

    pub(in crate::stream) fn go_on_searching(&mut self, now: Timestamp) {
        let is_due = self.upstreams.search.as_ref().is_some_and(|s| s.at <= now);
        // The store says itself why it cannot be read.
        if is_due
            && self.search_places().is_err()
            && let Some(search) = &mut self.upstreams.search
        {
            search.at = now.plus(RETRY);
        }
    }

    /// One step back. At the end of the messages the sources that were not found begin anew.
    pub(in crate::stream) fn search_places(&mut self) -> Result<(), StoreError> {
        let Some(mut to) = self.upstreams.search.as_ref().map(|search| search.to) else {
            return Ok(());
        };
        let mut outcome = Ok(());
        for _ in 0..PLACES_STEP {
            if to == 0 || !self.upstreams.all.iter().any(Upstream::is_sought) {
                to = 0;
                break;
            }
            match self.store.previous(&Filter::ALL, to) {
                Ok(Some(message)) => {
                    to = message.sequence.saturating_sub(1);
                    self.place(message.headers());
                }
                Ok(None) => to = 0,
                Err(StoreError::Damaged { sequence, .. }) => {
                    to = sequence.min(to).saturating_sub(1);
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        if to > 0 {
            if let Some(search) = &mut self.upstreams.search {
                search.to = to;
            }
            return outcome;
        }
        self.upstreams.search = None;
        for upstream in &mut self.upstreams.all {
            upstream.begin_anew();
        }
        outcome
    }

    /// Takes note of the source that a stored message names.
    fn place(&mut self, headers: &[u8]) {
        let header = block::find_value(headers, STREAM_SOURCE.as_bytes());
        let Some(origin) = given(header).and_then(Origin::parse) else {
            return;
        };
        let sought = self.upstreams.all.iter_mut().filter(|u| u.is_sought());
        for upstream in sought {
            let is_this = if origin.name.is_empty() {
                // Written before 2.10: any source of that stream.
                upstream_name::short(upstream.source()) == origin.stream
            } else {
                upstream.name() == origin.name
            };
            if is_this {
                upstream.go_on_after(origin.sequence, &origin.identity);
            }
        }
    }
}
