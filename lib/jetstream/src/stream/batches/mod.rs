//! Batches that are open in a stream.
//!
//! **What lives here.** [`atomic`]: messages that are kept aside until the last one comes, and then stored all or none. [`fast`]: messages
//! that are stored as they come, with one acknowledgement at the end and words about the flow in between. Both end by themselves when
//! nothing is added for too long.
//!
//! **What never happens here.** No message of an atomic batch is stored before all of them have passed the check.
//!
//! Source: ADR-50 and the reference server's behaviour.

pub(super) mod atomic;
pub(super) mod fast;

use std::collections::BTreeMap;

use nats_api::errors::ApiError;
use nats_store::Timestamp;

use super::{BatchKind, Quota, Stream};
use crate::context::Context;
use crate::effects::Effects;
use crate::publish::{Inbound, PublishHeaders};
use atomic::AtomicBatch;
use fast::FastBatch;

/// The batches of one stream, by id.
#[derive(Debug, Default)]
pub(super) struct Batches {
    atomic: BTreeMap<Box<[u8]>, AtomicBatch>,
    fast: BTreeMap<Box<[u8]>, FastBatch>,
    /// Bytes of what atomic batches keep aside.
    bytes: usize,
    /// No batch ends by itself before this time.
    review: Option<Timestamp>,
}

impl Batches {
    /// How many are open: atomic and fast ones.
    pub fn open(&self) -> (usize, usize) {
        (self.atomic.len(), self.fast.len())
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.review
    }

    /// Looks at the batches again at `at`, or earlier.
    fn review_at(&mut self, at: Timestamp) {
        self.review = Some(self.review.map_or(at, |review| review.min(at)));
    }

    fn take_atomic(&mut self, id: &[u8], quota: &dyn Quota) -> Option<AtomicBatch> {
        let batch = self.atomic.remove(id)?;
        self.bytes = self.bytes.saturating_sub(batch.bytes);
        quota.close_batch(BatchKind::Atomic);
        Some(batch)
    }

    fn take_fast(&mut self, id: &[u8], quota: &dyn Quota) -> Option<FastBatch> {
        let batch = self.fast.remove(id)?;
        quota.close_batch(BatchKind::Fast);
        Some(batch)
    }
}

impl Stream {
    /// What every message of a batch has to pass before anything else.
    fn check_batched(
        &self,
        subject: &[u8],
        headers: &[u8],
        payload: &[u8],
    ) -> Result<(), ApiError> {
        if self.config.sealed {
            return Err(ApiError::STREAM_SEALED.error());
        }
        let storage = self.store.storage();
        let size = storage.message_size(subject.len(), headers.len(), payload.len());
        self.quota.admit_any()?;
        self.quota.admit(size)?;
        let whole = headers.len().saturating_add(payload.len());
        if usize::try_from(self.config.max_msg_size).is_ok_and(|most| whole > most) {
            return Err(ApiError::STREAM_MESSAGE_EXCEEDS_MAXIMUM.error());
        }
        Ok(())
    }

    /// Gives up batches to which nothing was added for too long.
    pub(super) fn time_out_batches(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        if self.batches.review.is_none_or(|at| at > cx.now) {
            return;
        }
        let now = cx.now;
        let is_over = |deadline: Timestamp| deadline <= now;
        let atomic = self.batches.atomic.iter();
        let ids: Vec<Box<[u8]>> = atomic
            .filter(|(_, batch)| is_over(batch.deadline))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.batches.take_atomic(&id, &*self.quota);
            self.announce_abandoned(&id, atomic::TIMED_OUT, cx, out);
        }
        let fast = self.batches.fast.iter();
        let ids: Vec<Box<[u8]>> = fast
            .filter(|(_, batch)| is_over(batch.deadline))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.batches.take_fast(&id, &*self.quota);
        }
        let atomic = self.batches.atomic.values().map(|batch| batch.deadline);
        let fast = self.batches.fast.values().map(|batch| batch.deadline);
        self.batches.review = atomic.chain(fast).min();
    }

    /// Ends the batches that the configuration does not allow any more.
    pub(super) fn end_forbidden_batches(&mut self) {
        if !self.config.allow_atomic {
            for _ in std::mem::take(&mut self.batches.atomic) {
                self.quota.close_batch(BatchKind::Atomic);
            }
            self.batches.bytes = 0;
        }
        if !self.config.allow_batched {
            for _ in std::mem::take(&mut self.batches.fast) {
                self.quota.close_batch(BatchKind::Fast);
            }
        }
    }
}

/// A message of a batch as it came, and what is in its headers.
#[derive(Clone, Copy)]
pub(super) struct Batched<'a> {
    pub message: &'a Inbound<'a>,
    pub headers: &'a [u8],
    pub found: &'a PublishHeaders<'a>,
}
