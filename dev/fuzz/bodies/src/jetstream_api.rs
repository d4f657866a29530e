//! Requests of the JetStream API: subjects are read or not, bodies are documents or not, and a configuration that is accepted is complete:
//! checked again it stays as it is.
//!
//! The first line of the input is what follows `$JS.API.`, the rest is the body.

use std::sync::Arc;

use nats_api::decode::{self, Mode};
use nats_api::errors::ApiError;
use nats_api::jetstream::{
    ConsumerCreateRequest, ConsumerPauseRequest, ConsumerResetRequest, ConsumerUnpinRequest,
    MsgGetRequest, StreamConfig, StreamConfigRequest, StreamInfoRequest, StreamPurgeRequest,
};
use nats_jetstream::config::stream::{Creation, MaxBytes, Surroundings, check as checked, create};
use nats_server::jetstream::api::Ask;

/// An account without streams and limits.
struct Empty;

impl Surroundings for Empty {
    fn stream(&self, _: &str) -> Option<Arc<StreamConfig>> {
        None
    }

    fn overlaps(&self, _: &[String], _: Option<&str>) -> bool {
        false
    }

    fn duplicate_window_max(&self) -> i64 {
        0
    }

    fn max_bytes(&self, _: &StreamConfig) -> MaxBytes {
        MaxBytes::default()
    }

    fn is_standalone(&self) -> bool {
        true
    }

    fn admits(&self, _: &StreamConfig) -> Result<(), ApiError> {
        Ok(())
    }

    fn fits(&self, _: &StreamConfig, _: Option<&StreamConfig>) -> Result<(), ApiError> {
        Ok(())
    }
}

pub fn check(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let ask = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    if let Some(ask) = std::str::from_utf8(ask).ok().and_then(Ask::parse) {
        let _ = ask.way();
    }
    for mode in [Mode::Strict, Mode::Lenient] {
        let _ = decode::document::<StreamInfoRequest>(body, mode);
        let _ = decode::document::<StreamPurgeRequest>(body, mode);
        let _ = decode::document::<MsgGetRequest>(body, mode);
        let _ = decode::document::<ConsumerPauseRequest>(body, mode);
        let _ = decode::document::<ConsumerResetRequest>(body, mode);
        let _ = decode::document::<ConsumerUnpinRequest>(body, mode);
        let _ = decode::document::<ConsumerCreateRequest>(body, mode);
        if let Ok(request) = StreamConfigRequest::decode(body, mode) {
            check_stream(request);
        }
    }
}

fn check_stream(request: StreamConfigRequest) {
    let name = request.config.name.clone();
    let Ok(Creation::New(config)) = create(&name, request, &Empty) else {
        return;
    };
    let again = checked((*config).clone(), &Empty, false);
    assert_eq!(
        again.as_ref(),
        Ok(&*config),
        "an accepted configuration is complete"
    );
    // It is kept as JSON and read again at the next start.
    let kept = serde_json::to_vec(&*config).expect("a document");
    let read: StreamConfig = serde_json::from_slice(&kept).expect("what was written");
    assert_eq!(read, *config);
}
