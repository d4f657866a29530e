//! Checks that take their time: password comparisons, few at once, elsewhere, and none for clients that have gone; answers of others.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::auth::{AuthError, Identity, SlowCheck, Work};

/// One processor stays with those who are let in already, if there are two. Guesses wait for each other, not messages for guesses.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, usize::from);
    Semaphore::new(processors.saturating_sub(1).max(1))
});

/// A comparison that waits for its place or runs. Dropped while it waits, it never runs.
pub struct RunningCheck {
    task: JoinHandle<Result<Identity, AuthError>>,
}

impl RunningCheck {
    /// Begins, within a tokio runtime.
    pub fn start(check: SlowCheck) -> Self {
        let task = match check.into_work() {
            Work::Compare(comparison) => tokio::spawn(async move {
                let _place = PLACES.acquire().await;
                let run = tokio::task::spawn_blocking(move || comparison.run());
                run.await.unwrap_or(Err(AuthError::WrongPassword))
            }),
            Work::Wait(answer) => tokio::spawn(answer),
        };
        Self { task }
    }
}

impl Future for RunningCheck {
    type Output = Result<Identity, AuthError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A check that panicked or was cancelled admits nobody.
        let ended = std::task::ready!(Pin::new(&mut self.task).poll(cx));
        Poll::Ready(ended.unwrap_or(Err(AuthError::WrongPassword)))
    }
}

impl Drop for RunningCheck {
    fn drop(&mut self) {
        self.task.abort();
    }
}
