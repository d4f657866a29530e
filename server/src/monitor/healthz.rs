//! `/healthz`.

use nats_api::monitor::{Healthz, HealthzError, HealthzOptions};

use super::jetstream;
use super::view::View;

/// What is wrong, with the HTTP status that goes with it.
pub(super) struct Illness {
    pub status_code: u16,
    /// `error`, or `unavailable` when it may pass.
    pub status: &'static str,
    pub errors: Vec<HealthzError>,
}

/// The state of health, with the HTTP status that goes with it.
pub fn healthz(view: &dyn View, options: &HealthzOptions) -> Healthz {
    let illness = bad_request(options)
        .or_else(|| not_ready(view))
        .or_else(|| jetstream::health(view, options));
    let Some(illness) = illness else {
        return Healthz {
            status: "ok".into(),
            status_code: 200,
            ..Healthz::default()
        };
    };
    let mut health = Healthz {
        status: illness.status.into(),
        status_code: illness.status_code,
        ..Healthz::default()
    };
    if options.details {
        health.status = "error".into();
        health.errors = illness.errors;
    } else {
        let first = illness.errors.into_iter().next();
        health.error = first.map(|e| e.error).unwrap_or_default();
    }
    health
}

fn bad_request(options: &HealthzOptions) -> Option<Illness> {
    let missing =
        |key: &str, of: &str| format!("{key:?} must not be empty when checking {of} health");
    let error = if options.account.is_empty() && !options.stream.is_empty() {
        missing("account", "stream")
    } else if options.stream.is_empty() && !options.consumer.is_empty() {
        missing("stream", "consumer")
    } else {
        return None;
    };
    Some(illness(400, "BAD_REQUEST", error))
}

fn not_ready(view: &dyn View) -> Option<Illness> {
    view.not_ready()
        .map(|error| illness(500, "CONNECTION", error))
}

fn illness(status_code: u16, kind: &str, error: String) -> Illness {
    Illness {
        status_code,
        status: "error",
        errors: vec![HealthzError {
            error_type: kind.to_owned(),
            error,
            ..HealthzError::default()
        }],
    }
}
