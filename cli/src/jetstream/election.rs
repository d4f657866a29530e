//! Waiting for a new leader.

use std::time::{Duration, Instant};

use crate::error::{CliError, Result};
use crate::output::format;

/// How often and how many times is looked.
const INTERVAL: Duration = Duration::from_millis(500);
const LOOKS_MAX: usize = 10;

/// An election that was asked for.
#[derive(Debug)]
pub struct Election {
    before: String,
    start: Instant,
}

impl Election {
    /// `before` is the leader that was asked to step down.
    pub fn after(before: &str) -> Self {
        Self {
            before: before.to_owned(),
            start: Instant::now(),
        }
    }

    /// Looks until there is another leader, and returns what was found last. `look` returns the leader, empty for none, and
    /// what belongs to it.
    pub async fn wait<T>(
        self,
        what: &str,
        look: impl AsyncFn() -> Result<(String, T)>,
    ) -> Result<T> {
        let mut last = None;
        for _ in 0..LOOKS_MAX {
            tokio::time::sleep(INTERVAL).await;
            let (leader, found) = match look().await {
                Ok(found) => found,
                Err(error) => {
                    log_line!("Failed to look at {what}: {error}");
                    continue;
                }
            };
            if leader.is_empty() {
                log_line!("No leader elected");
            } else if leader != self.before {
                log_line!("New leader elected {leader:?}");
                return Ok(found);
            } else {
                last = Some(found);
            }
        }
        log_line!(
            "Leader did not change after {}",
            format::duration(self.start.elapsed())
        );
        last.ok_or_else(|| CliError::new(format!("{what} did not elect a new leader in time")))
    }
}
