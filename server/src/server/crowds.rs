//! Refusals that anybody can cause by the thousand: the log gets their number once in a second, not a line for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Core;

/// Between two lines about the same.
const EVERY: Duration = Duration::from_secs(1);

/// Clients that were sent away at the door and not told of yet.
#[derive(Default)]
pub struct Crowds {
    /// The server was full.
    pub surplus: Tally,
    /// More TLS handshakes than allowed in a second.
    pub throttled: Tally,
}

/// A count that is taken once in a while.
#[derive(Default)]
pub struct Tally(AtomicU64);

impl Tally {
    /// Counts one. True for the first since the last [`Self::take`]: somebody has to take what gathers from now on.
    pub fn note(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) == 0
    }

    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// After a second: how many more than the first, which had a line of its own.
pub async fn tell_of_surplus(core: Arc<Core>) {
    tokio::time::sleep(EVERY).await;
    let more = core.crowds.surplus.take().saturating_sub(1);
    if more > 0 {
        tracing::error!("maximum connections exceeded: {more} more refused");
    }
}

/// After a second, in the words of the reference.
pub async fn tell_of_throttled(core: Arc<Core>) {
    tokio::time::sleep(EVERY).await;
    let blocked = core.crowds.throttled.take();
    tracing::warn!("Rejected {blocked} connections due to TLS rate limiting");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_crowd_is_told_from_the_rest() {
        let tally = Tally::default();
        assert_eq!(
            [tally.note(), tally.note(), tally.note()],
            [true, false, false]
        );
        assert_eq!(tally.take(), 3);
        assert_eq!(tally.take(), 0);
        assert!(tally.note());
    }
}
