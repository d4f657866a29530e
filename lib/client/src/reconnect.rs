//! The life of a client's task: serve, look for another server, serve again, end.

use std::sync::Arc;
use std::time::Duration;

use crate::connection::{Connection, Ending};
use crate::connector::{self, Established};
use crate::error::{ConnectError, Lost, ServerError};
use crate::events::Event;
use crate::pool::Pool;
use crate::shared::Shared;

/// Runs until the client is closed. `first` is the connection that `connect` made.
pub(crate) async fn run(shared: Arc<Shared>, mut pool: Pool, first: Option<Established>) {
    let mut end = EndOfTask {
        shared: Arc::clone(&shared),
        reason: "the task was stopped with its runtime, or a message handler panicked".to_owned(),
    };
    end.reason = serve_and_reconnect(&shared, &mut pool, first).await;
}

/// Tells everybody that waits, however the task ends.
struct EndOfTask {
    shared: Arc<Shared>,
    reason: String,
}

impl Drop for EndOfTask {
    fn drop(&mut self) {
        self.shared.closed(std::mem::take(&mut self.reason));
    }
}

/// Tries every server of the pool once, for the first connection.
pub(crate) async fn connect_once(
    shared: &Shared,
    pool: &mut Pool,
) -> Result<Established, ConnectError> {
    let mut worst: Option<ConnectError> = None;
    for _ in 0..pool.len() {
        let Some(server) = pool.current() else { break };
        match connector::connect(&shared.options, server).await {
            Ok(established) => return Ok(established),
            Err(error) => {
                // A refusal says more than a server that is not there.
                if !worst.as_ref().is_some_and(ConnectError::is_authentication) {
                    worst = Some(error);
                }
            }
        }
        pool.advance(None);
    }
    Err(worst.unwrap_or(ConnectError::NoServers))
}

/// Returns why the client is closed.
async fn serve_and_reconnect(
    shared: &Arc<Shared>,
    pool: &mut Pool,
    first: Option<Established>,
) -> String {
    let mut standing = first;
    loop {
        let established = match standing.take() {
            Some(established) => established,
            None => match look_for_server(shared, pool).await {
                Ok(established) => established,
                Err(reason) => return reason,
            },
        };
        let info = established.info.clone();
        match Connection::new(shared, pool, established).serve(info).await {
            Ending::Closed => return "closed by the application".to_owned(),
            Ending::Lost(lost) => {
                if shared.is_closing() {
                    return "closed by the application".to_owned();
                }
                shared.down(lost.to_string());
                if let Some(reason) = after_loss(shared, pool, &lost) {
                    return reason;
                }
            }
        }
    }
}

/// Decides whether to go on, and moves the lost server to the end of the line.
fn after_loss(shared: &Shared, pool: &mut Pool, lost: &Lost) -> Option<String> {
    if !shared.options.reconnect {
        return Some(lost.to_string());
    }
    if let Lost::Server(error) = lost
        && error.is_authentication()
        && refused_again(shared, pool, error)
    {
        return Some(lost.to_string());
    }
    pool.advance(shared.options.max_reconnects);
    None
}

/// Notes a refusal by the current server. True when it is the same as last time and that ends the client.
fn refused_again(shared: &Shared, pool: &mut Pool, error: &ServerError) -> bool {
    let Some(server) = pool.current_mut() else {
        return false;
    };
    let again = server.last_refusal.as_ref() == Some(error);
    server.last_refusal = Some(error.clone());
    again && !shared.options.ignore_auth_error_abort
}

/// Goes through the pool until a server lets us in.
async fn look_for_server(shared: &Shared, pool: &mut Pool) -> Result<Established, String> {
    let closed = || "closed by the application".to_owned();
    let mut round = 0;
    let mut tried = 0;
    let mut wait = jitter(shared, pool);
    loop {
        if pool.is_empty() {
            return Err("no server left to try: each failed too often".to_owned());
        }
        if tried >= pool.len() {
            tried = 0;
            round += 1;
            wait = match &shared.options.backoff {
                Some(backoff) => backoff(round),
                None => shared.options.reconnect_wait + jitter(shared, pool),
            };
        }
        tokio::select! {
            biased;
            () = shared.closing.notified() => return Err(closed()),
            () = tokio::time::sleep(wait) => {}
        }
        wait = Duration::ZERO;
        tried += 1;
        let Some(server) = pool.current() else {
            continue;
        };
        let attempt = tokio::select! {
            biased;
            () = shared.closing.notified() => return Err(closed()),
            attempt = connector::connect(&shared.options, server) => attempt,
        };
        match attempt {
            Ok(established) => {
                if let Some(server) = pool.current_mut() {
                    server.failures = 0;
                    server.last_refusal = None;
                }
                return Ok(established);
            }
            Err(error) => failed(shared, pool, &error)?,
        }
    }
}

/// Notes a failed attempt at the current server and moves on to the next.
fn failed(shared: &Shared, pool: &mut Pool, error: &ConnectError) -> Result<(), String> {
    let Some(server) = pool.current_mut() else {
        return Ok(());
    };
    server.failures += 1;
    shared.events.emit(Event::ConnectFailed {
        url: server.url.to_string(),
        error: error.to_string(),
    });
    if let ConnectError::Server { source, .. } = error
        && source.is_authentication()
        && refused_again(shared, pool, source)
    {
        return Err(error.to_string());
    }
    pool.advance(shared.options.max_reconnects);
    Ok(())
}

/// Clients that lost the same server must not come back in step.
fn jitter(shared: &Shared, pool: &Pool) -> Duration {
    let tls = shared.options.tls.is_wanted() || pool.current().is_some_and(|s| s.url.tls);
    let max = if tls {
        shared.options.jitter_tls
    } else {
        shared.options.jitter
    };
    max.mul_f64(fastrand::f64())
}
