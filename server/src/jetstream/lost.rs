//! Streams that are on disk and did not come back: they are not absent, and nobody may take their names.

use nats_api::errors::ApiError;

use super::JetStream;

/// A stream that is there and does not run.
#[derive(Debug, Clone)]
pub struct Lost {
    pub account: String,
    pub stream: String,
    pub why: String,
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
