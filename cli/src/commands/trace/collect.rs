//! Sending a message that is traced, and waiting for what the servers tell.

use std::time::Duration;

use nats_api::system::TraceEvent;
use nats_client::{Client, Subscription};
use nats_proto::header::HeaderMap;

use crate::error::{CliError, Exit, Result};
use crate::globals::Globals;

/// No network of servers is larger; more traces than these are not kept.
const EVENTS_MAX: usize = 4_096;

/// The interest in the inbox travels to the other servers of clusters and to leaf nodes, and nothing tells when it has
/// arrived everywhere. The reference tool waits as long.
const PROPAGATION: Duration = Duration::from_millis(250);

/// The message to trace.
pub struct Question<'a> {
    pub subject: &'a str,
    pub payload: &'a [u8],
    pub headers: HeaderMap,
    pub deliver: bool,
}

/// What the servers told.
pub struct Traces {
    /// The server that we are connected to comes first.
    pub events: Vec<TraceEvent>,
    /// Servers that the message went to and that did not tell about it.
    pub missing: usize,
}

/// Publishes the message and collects the traces, waiting `--timeout` for each.
pub async fn traces(globals: &Globals, client: &Client, question: Question<'_>) -> Result<Traces> {
    require_tracing(&client.server_info().version)?;
    let inbox = client.new_inbox();
    let mut subscription = client.subscribe(&inbox).await?;
    client.flush().await?;
    tokio::time::sleep(PROPAGATION).await;
    let mut headers = question.headers;
    let mut set = |name: &str, value: &str| {
        headers
            .insert(name, value)
            .map_err(|e| CliError::new(e.to_string()).context(name))
    };
    set("Nats-Trace-Dest", &inbox)?;
    if !question.deliver {
        set("Nats-Trace-Only", "true")?;
    }
    client
        .publish_with_headers(question.subject, &headers, question.payload)
        .await?;
    let mut events = Vec::new();
    while missing(&events) > 0 && events.len() < EVENTS_MAX {
        match next(globals, &mut subscription).await {
            Some(event) => events.push(event),
            None => break,
        }
    }
    let first = events.iter().position(|event| hop_of(event).is_none());
    let Some(first) = first else {
        return Err(CliError::new(format!(
            "no trace came within {:?}",
            globals.timeout()
        ))
        .with_exit(Exit::Timeout)
        .next_step("check that this user may publish to the subject, and that the server supports tracing"));
    };
    events.swap(0, first);
    let missing = missing(&events);
    Ok(Traces { events, missing })
}

/// The next document that is a trace; what is none is left out. `None` when nothing comes in time.
async fn next(globals: &Globals, subscription: &mut Subscription) -> Option<TraceEvent> {
    let patience = tokio::time::timeout(globals.timeout(), async {
        loop {
            let message = subscription.next().await?;
            if globals.trace() {
                log_line!("<<< {}", message.text());
            }
            if let Ok(event) = serde_json::from_slice(message.payload()) {
                return Some(event);
            }
        }
    });
    patience.await.ok().flatten()
}

/// Each server says to how many others it passed the message, and each of those tells in turn.
fn missing(events: &[TraceEvent]) -> usize {
    let mut expected = 1usize;
    for event in events {
        expected = expected.saturating_add(event.hops as usize);
    }
    expected.saturating_sub(events.len())
}

/// Which link brought the message to the server that tells this; `None` at the first server.
pub fn hop_of(event: &TraceEvent) -> Option<&str> {
    let values = event.request.header.get("Nats-Trace-Hop")?;
    values.first().map(String::as_str)
}

/// An older server would deliver the message without telling anything.
fn require_tracing(version: &str) -> Result {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next())
        && (major, minor) < (2, 11)
    {
        return Err(CliError::new(format!(
            "tracing messages requires NATS Server 2.11, this one is {version}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_trace_is_refused_before_anything_is_sent() {
        assert!(require_tracing("2.10.29").is_err());
        for version in ["2.11.0", "2.15.1-dev", "3.0.0", "unknown"] {
            assert!(require_tracing(version).is_ok(), "{version}");
        }
    }

    #[test]
    fn every_hop_is_waited_for() {
        let event = |hops| TraceEvent {
            hops,
            ..TraceEvent::default()
        };
        assert_eq!(missing(&[]), 1);
        assert_eq!(missing(&[event(0)]), 0);
        assert_eq!(missing(&[event(2)]), 2);
        assert_eq!(missing(&[event(2), event(1), event(0)]), 1);
        assert_eq!(
            missing(&[event(u32::MAX), event(u32::MAX)]),
            2 * (u32::MAX as usize) - 1
        );
    }
}
