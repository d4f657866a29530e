//! Messages leave: deleted by sequence, purged, expired.

use std::time::Duration;

use nats_api::errors::ApiError;
use nats_api::jetstream::headers::{
    KV_OPERATION, KV_PURGE, MARKER_MAX_AGE, MARKER_REASON, ROLLUP, ROLLUP_SUBJECT, TTL,
};
use nats_api::jetstream::{MsgDeleteRequest, StreamPurgeRequest, StreamPurgeResponse};
use nats_api::time::friendly;
use nats_proto::header::block;
use nats_store::{Erase, Filter, Message, Purge, StoreError};

use super::Stream;
use super::republish::push_header;
use crate::context::Context;
use crate::effects::Effects;
use crate::limits::EXPIRE_STEP;

impl Stream {
    /// STREAM.MSG.DELETE.
    ///
    /// # Errors
    /// The stream is sealed (10109) or denies it (10057), there is no such message (10043), or the store fails (10057).
    pub fn delete_message(
        &mut self,
        cx: &mut Context<'_>,
        request: &MsgDeleteRequest,
        out: &mut Effects,
    ) -> Result<(), ApiError> {
        let failed = |why: &dyn std::fmt::Display| {
            ApiError::STREAM_MSG_DELETE_FAILED.error_with(&[("err", &why)])
        };
        if self.config.sealed {
            return Err(ApiError::STREAM_SEALED.error());
        }
        if self.config.deny_delete {
            return Err(failed(&"message delete not permitted"));
        }
        let erase = if request.no_erase {
            Erase::No
        } else {
            Erase::Secure
        };
        let bytes = self.store.state().bytes;
        let is_removed = self
            .store
            .remove(request.seq, erase, &mut self.removals)
            .map_err(|error| failed(&error))?;
        if !is_removed {
            return Err(ApiError::SEQUENCE_NOT_FOUND.error_with(&[("seq", &request.seq)]));
        }
        self.after_removals(cx, bytes, out);
        Ok(())
    }

    /// STREAM.PURGE.
    ///
    /// # Errors
    /// `seq` together with `keep` (10003), a sealed stream (10109) or one that denies it (10110), or the store fails (10051).
    pub fn purge(
        &mut self,
        cx: &mut Context<'_>,
        request: &StreamPurgeRequest,
        out: &mut Effects,
    ) -> Result<StreamPurgeResponse, ApiError> {
        if request.seq > 0 && request.keep > 0 {
            return Err(ApiError::BAD_REQUEST.error());
        }
        if self.config.sealed {
            return Err(ApiError::STREAM_SEALED.error());
        }
        if self.config.deny_purge {
            let why = "stream purge not permitted";
            return Err(ApiError::STREAM_PURGE_FAILED.error_with(&[("err", &why)]));
        }
        let filter = match &*request.filter {
            "" => Filter::ALL,
            filter => Filter::any([filter]),
        };
        let purge = Purge {
            filter,
            below: Some(request.seq).filter(|seq| *seq > 0),
            keep: Some(request.keep).filter(|keep| *keep > 0),
        };
        let bytes = self.store.state().bytes;
        let purged = self
            .store
            .purge(&purge, &mut self.removals)
            .map_err(|error| ApiError::STREAM_GENERAL.error_with(&[("err", &error)]))?;
        self.forget_removals(bytes);
        self.tell_purged(cx, &purge.filter, out);
        Ok(StreamPurgeResponse {
            success: true,
            purged,
        })
    }

    /// Removes what has expired, some of it at a time: [`Stream::deadline`] is in the past while there is more.
    pub(super) fn expire(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) -> Result<(), StoreError> {
        if self.store.next_expiry().is_none_or(|next| next > cx.now) {
            return Ok(());
        }
        if self.config.subject_delete_marker_ttl.0 > 0 {
            return self.expire_with_markers(cx, out);
        }
        let bytes = self.store.state().bytes;
        self.store.expire(cx.now, EXPIRE_STEP, &mut self.removals)?;
        self.after_removals(cx, bytes, out);
        Ok(())
    }

    /// The last message of a subject leaves a marker behind, which is stored before the message goes: no reader, and no crash, can see
    /// the subject without either.
    fn expire_with_markers(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut Effects,
    ) -> Result<(), StoreError> {
        for sequence in self.store.expired(cx.now, EXPIRE_STEP)? {
            let message = match self.store.load(sequence) {
                Ok(Some(message)) => Some(message),
                Ok(None) => continue,
                Err(StoreError::Damaged { .. }) => None,
                Err(error) => return Err(error),
            };
            if let Some(message) = message
                && self.leaves_marker(&message)
                && self.put_marker(cx, message.subject(), out)?
            {
                continue;
            }
            let bytes = self.store.state().bytes;
            self.store.remove(sequence, Erase::No, &mut self.removals)?;
            self.after_removals(cx, bytes, out);
        }
        Ok(())
    }

    /// Not a marker itself, nor what says the same: a key that was purged has told its watchers already.
    fn leaves_marker(&self, message: &Message) -> bool {
        let state = self.store.subject(message.subject());
        let headers = message.headers();
        let operation = block::find_value(headers, KV_OPERATION.as_bytes());
        state.is_some_and(|state| state.messages == 1)
            && !block::contains(headers, MARKER_REASON.as_bytes())
            && operation != Some(KV_PURGE.as_bytes())
    }

    /// Stores a marker, which rolls its subject up. False when the stream takes none.
    fn put_marker(
        &mut self,
        cx: &mut Context<'_>,
        subject: &[u8],
        out: &mut Effects,
    ) -> Result<bool, StoreError> {
        let ttl = Duration::from(self.config.subject_delete_marker_ttl);
        let ttl = friendly(Duration::from_secs(ttl.as_secs()));
        let mut headers = b"NATS/1.0\r\n".to_vec();
        push_header(&mut headers, MARKER_REASON, MARKER_MAX_AGE.as_bytes());
        push_header(&mut headers, TTL, ttl.as_bytes());
        push_header(&mut headers, ROLLUP, ROLLUP_SUBJECT.as_bytes());
        headers.extend_from_slice(b"\r\n");
        self.keep_own(cx, subject, &headers, b"", out)
    }

    /// Tells everybody about what operations on the store have removed. `bytes` is what the messages counted before.
    pub(super) fn after_removals(&mut self, cx: &mut Context<'_>, bytes: u64, out: &mut Effects) {
        if !self.removals.is_empty() {
            let removals = std::mem::take(&mut self.removals);
            self.tell_removed(cx, &removals, out);
            self.removals = removals;
        }
        self.forget_removals(bytes);
    }

    fn forget_removals(&mut self, bytes: u64) {
        if !self.schedules.is_empty() {
            for removed in self.removals.iter() {
                self.schedules.remove_sequence(removed.sequence);
            }
        }
        self.removals.clear();
        let now = self.store.state().bytes;
        if now != bytes {
            self.quota.resized(bytes, now);
        }
    }
}
