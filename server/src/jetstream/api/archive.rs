//! Requests for archives: STREAM.SNAPSHOT and STREAM.RESTORE.

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    StreamRestoreRequest, StreamRestoreResponse, StreamSnapshotRequest, StreamSnapshotResponse,
};
use nats_jetstream::config::stream as config;
use nats_proto::subject;

use super::Serving;
use crate::jetstream::snapshot::{Receiving, Sending};

impl Serving<'_> {
    pub(super) fn stream_snapshot(&self, name: &str) {
        if let Err(error) = self.begin_snapshot(name) {
            self.answer::<StreamSnapshotResponse>(Err(error));
        }
    }

    fn begin_snapshot(&self, name: &str) -> Result<(), ApiError> {
        let account = self.account()?.clone();
        self.some_body()?;
        let entry = self.find(name)?;
        let ask = self.body::<StreamSnapshotRequest>()?;
        if !subject::is_valid_publish(ask.deliver_subject.as_bytes()) {
            return Err(ApiError::SNAPSHOT_DELIVER_SUBJECT_INVALID.error());
        }
        Sending::begin(
            self.jetstream.me()?,
            self.request.clone(),
            account,
            entry,
            ask,
        )
    }

    pub(super) fn stream_restore(&self, name: &str) {
        if let Err(error) = self.begin_restore(name) {
            self.answer::<StreamRestoreResponse>(Err(error));
        }
    }

    fn begin_restore(&self, name: &str) -> Result<(), ApiError> {
        let account = self.account()?.clone();
        self.some_body()?;
        let mut asked = self.body::<StreamRestoreRequest>()?;
        let config = {
            let _changes = account.changes.lock();
            self.jetstream.check_not_lost(&account.account.name, name)?;
            config::restore(name, std::mem::take(&mut asked.config), &*account)?
        };
        let jetstream = self.jetstream.me()?;
        Receiving::begin(jetstream, self.request.clone(), account, &asked, config)
    }

    /// The body must not be empty.
    fn some_body(&self) -> Result<(), ApiError> {
        match self.no_body() {
            Ok(()) => Err(ApiError::BAD_REQUEST.error()),
            Err(_) => Ok(()),
        }
    }
}
