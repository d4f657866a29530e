//! Servers for tests: a real one (binary named by `NATS_SERVER_BIN`), and one whose every line the test writes.

#![allow(dead_code, reason = "each suite uses a part")]

pub mod fake;
pub mod jetstream;
pub mod real;

use std::time::Duration;

/// Bound of everything that a test waits for.
pub const SOON: Duration = Duration::from_secs(10);

/// Waits for `future`, at most [`SOON`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(SOON, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: did not happen within {SOON:?}"),
    }
}
