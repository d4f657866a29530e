//! `/healthz`.

use nats_api::monitor::{Healthz, HealthzError, HealthzOptions};

use super::view::View;

/// The state of health, with the HTTP status that goes with it.
pub fn healthz(view: &dyn View, options: &HealthzOptions) -> Healthz {
    let missing =
        |key: &str, of: &str| format!("{key:?} must not be empty when checking {of} health");
    let bad_request = if options.account.is_empty() && !options.stream.is_empty() {
        Some(missing("account", "stream"))
    } else if options.stream.is_empty() && !options.consumer.is_empty() {
        Some(missing("stream", "consumer"))
    } else {
        None
    };
    let (status_code, kind, error) = match (bad_request, view.not_ready()) {
        (Some(error), _) => (400, "BAD_REQUEST", error),
        (None, Some(error)) => (500, "CONNECTION", error),
        (None, None) => {
            return Healthz {
                status: "ok".into(),
                status_code: 200,
                ..Healthz::default()
            };
        }
    };
    let mut health = Healthz {
        status: "error".into(),
        status_code,
        ..Healthz::default()
    };
    if options.details {
        let error_type = kind.to_owned();
        health.errors.push(HealthzError {
            error_type,
            error,
            ..HealthzError::default()
        });
    } else {
        health.error = error;
    }
    health
}
