//! Streams that are on disk and did not come back: they are not absent, and nobody may take their names.

use nats_api::errors::ApiError;

use super::JetStream;
use super::streams::store_failed;

/// A stream that is there and does not run.
#[derive(Debug, Clone)]
pub struct Lost {
    pub account: String,
    pub stream: String,
    pub why: String,
    /// Its files were put aside: whoever deletes it frees its name.
    pub is_aside: bool,
}

impl JetStream {
    /// Streams that are on disk and did not come back.
    pub fn lost(&self) -> Vec<Lost> {
        self.lost.lock().clone()
    }

    pub(super) fn lose(&self, lost: Lost) {
        tracing::error!(
            "JetStream stream {} > {} cannot be brought back: {}",
            lost.account,
            lost.stream,
            lost.why
        );
        self.lost.lock().push(lost);
    }

    /// Those of one account, by name.
    pub(super) fn lost_of(&self, account: &str) -> Vec<Lost> {
        let lost = self.lost.lock();
        let mut own: Vec<Lost> = lost
            .iter()
            .filter(|lost| lost.account == account)
            .cloned()
            .collect();
        own.sort_by(|a, b| a.stream.cmp(&b.stream));
        own
    }

    /// Deletes a stream that was put aside: its name is free then, its files stay. False when there is none.
    ///
    /// # Errors
    /// The disk (10077).
    pub(super) fn delete_aside(&self, account: &str, stream: &str) -> Result<bool, ApiError> {
        let is_it = |lost: &Lost| lost.is_aside && lost.account == account && lost.stream == stream;
        if !self.lost.lock().iter().any(is_it) {
            return Ok(false);
        }
        self.vault
            .release(account, stream)
            .map_err(|e| store_failed(&e))?;
        self.lost.lock().retain(|lost| !is_it(lost));
        tracing::info!(
            "JetStream stream {account} > {stream}, which was put aside, is deleted; its files stay in quarantine"
        );
        Ok(true)
    }

    /// # Errors
    /// The stream is there and did not come back (10194).
    pub(super) fn check_not_lost(&self, account: &str, stream: &str) -> Result<(), ApiError> {
        let lost = self.lost.lock();
        let found = lost
            .iter()
            .find(|lost| lost.account == account && lost.stream == stream);
        match found {
            Some(lost) => Err(ApiError::STREAM_OFFLINE_REASON.error_with(&[("err", &lost.why)])),
            None => Ok(()),
        }
    }
}
