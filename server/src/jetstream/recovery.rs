//! How far the way back from disk is: in the log about once a second, and for whoever asks whether the server is well.

use std::time::{Duration, Instant};

use nats_store::catalog::Progress;
use parking_lot::Mutex;

/// Between two lines in the log.
const SAID_EVERY: Duration = Duration::from_secs(1);

/// Shared by the threads that read and those that are asked.
#[derive(Debug, Default)]
pub struct Recovery(Mutex<Option<State>>);

#[derive(Debug)]
struct State {
    began: Instant,
    said: Instant,
    progress: Progress,
}

impl Recovery {
    /// In words; `None` when nothing is being brought back.
    pub fn progress(&self) -> Option<String> {
        let state = self.0.lock();
        let state = state.as_ref()?;
        Some(format!("JetStream is being recovered: {}", state.progress))
    }

    pub(super) fn note(&self, progress: Progress) {
        let now = Instant::now();
        let mut state = self.0.lock();
        let state = state.get_or_insert(State {
            began: now,
            said: now,
            progress,
        });
        // Threads may come here in another order than they have counted.
        if !is_behind(progress, state.progress) {
            state.progress = progress;
        }
        if now.duration_since(state.said) >= SAID_EVERY {
            state.said = now;
            tracing::info!("JetStream: {}", state.progress);
        }
    }

    /// Everything is back.
    pub(super) fn is_over(&self, streams: usize) {
        let Some(state) = self.0.lock().take() else {
            return;
        };
        if streams > 0 {
            let took = state.began.elapsed();
            tracing::info!("JetStream: {streams} streams are back after {took:.1?}");
        }
    }

    /// It failed.
    pub(super) fn is_given_up(&self) {
        *self.0.lock() = None;
    }
}

fn is_behind(progress: Progress, known: Progress) -> bool {
    match (progress, known) {
        (Progress::Streams { done, .. }, Progress::Streams { done: known, .. }) => done < known,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_while_there_is_some_and_never_goes_back() {
        let recovery = Recovery::default();
        assert_eq!(recovery.progress(), None);
        recovery.note(Progress::Log {
            done: 3 << 20,
            all: 8 << 20,
        });
        let told = recovery.progress();
        assert_eq!(
            told.as_deref(),
            Some("JetStream is being recovered: 3 of 8 MiB of the log are read")
        );
        for done in [1, 3, 2] {
            recovery.note(Progress::Streams { done, all: 4 });
        }
        let told = recovery.progress();
        assert_eq!(
            told.as_deref(),
            Some("JetStream is being recovered: 3 of 4 streams are read")
        );
        recovery.note(Progress::Tail {
            done: 5 << 20,
            all: 9 << 20,
        });
        assert!(
            recovery
                .progress()
                .is_some_and(|told| told.ends_with("5 of 9 MiB of the log are done again"))
        );
        recovery.is_over(4);
        assert_eq!(recovery.progress(), None);
    }
}
