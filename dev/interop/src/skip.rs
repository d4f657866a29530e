//! A suite whose peer is not installed says so in one visible line; on the CI machine it fails instead.

use std::io::Write;

/// Reports a suite that is left out, or panics when `NATS_REQUIRE_ALL=1` forbids leaving anything out.
///
/// The line goes to the process's real standard error, past the capture of the test harness, so that it is seen when tests pass.
pub fn left_out(what: &str, why: &str) {
    if std::env::var_os("NATS_REQUIRE_ALL").is_some_and(|v| v == "1") {
        panic!("{what} was left out although NATS_REQUIRE_ALL=1: {why}");
    }
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "SKIPPED: {what}: {why}");
}
