//! The end of a server: at once, or gently.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Core;
use crate::conn::{ClosedReason, Command};
use crate::limits::SHUTDOWN_WAIT_MAX;

/// Longest time between two closings in lame duck mode.
const STEP_MAX: Duration = Duration::from_secs(1);

/// Closes every client and waits, for a bounded time, until they are gone.
pub async fn close_all(core: &Arc<Core>) {
    for client in core.registry.open() {
        client.close(ClosedReason::ServerShutdown, None);
    }
    let gone = async {
        while !core.registry.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    if tokio::time::timeout(SHUTDOWN_WAIT_MAX, gone).await.is_err() {
        tracing::warn!("{} connections did not close in time", core.registry.len());
    }
}

/// Tells clients to leave, gives them the grace period, then closes them spread over the configured duration.
pub async fn lame_duck(core: &Arc<Core>) {
    core.lame_duck.store(true, Ordering::Relaxed);
    core.change_info(|info| info.ldm = true);
    for client in core.registry.open() {
        client.command(Command::SendInfo);
    }
    if core.registry.is_empty() {
        return;
    }
    let options = core.options();
    let settings = &options.lame_duck;
    tokio::time::sleep(settings.grace_period).await;
    let clients = core.registry.open();
    let spread = settings.duration.saturating_sub(settings.grace_period);
    let step = spread
        .checked_div(u32::try_from(clients.len()).unwrap_or(u32::MAX).max(1))
        .unwrap_or_default()
        .min(STEP_MAX);
    for client in clients {
        client.close(ClosedReason::ServerShutdown, None);
        tokio::time::sleep(step).await;
    }
}

/// Least time between two looks for overdue requests: each look goes through all that are open.
const SWEEP_PAUSE: Duration = Duration::from_millis(25);

/// Ends overdue requests between accounts when there are any, until the future is dropped.
pub async fn sweep(core: Arc<Core>) {
    let alarm = core.accounts.alarm();
    loop {
        alarm.wait().await;
        core.accounts.sweep(Instant::now());
        tokio::time::sleep(SWEEP_PAUSE).await;
    }
}

/// How often it is looked whether an account or an activation has expired; their times are whole seconds.
const EXPIRY_PAUSE: Duration = Duration::from_millis(250);
/// How often full directories are compared when nothing is configured.
const COMPARE_PAUSE: Duration = Duration::from_secs(60);

/// In operator mode: ends what has expired, and asks the other servers for tokens, until the future is dropped.
pub async fn expire_accounts(core: Arc<Core>) {
    if core.operators.is_none() {
        return;
    }
    let mut compared = Instant::now();
    loop {
        tokio::time::sleep(EXPIRY_PAUSE).await;
        if core.is_due() {
            let due = core.clone();
            // One that was cut off is due again.
            let _ = tokio::task::spawn_blocking(move || due.tick()).await;
        }
        let pause = core.compare_pause().unwrap_or(COMPARE_PAUSE);
        if compared.elapsed() >= pause {
            compared = Instant::now();
            core.ask_for_tokens();
        }
    }
}
