//! JetStream's advisories and metrics in one line each.

use std::time::Duration;

use nats_api::jetstream::advisory::{Action, BatchAbandonReason, Event};

use crate::output::format;

/// What happened, without the time; `None` for events that are not JetStream's.
pub fn short(event: &Event) -> Option<String> {
    stream_event(event)
        .or_else(|| message_event(event))
        .or_else(|| group_event(event))
}

/// What was done to streams and consumers.
fn stream_event(event: &Event) -> Option<String> {
    Some(match event {
        Event::ApiAudit(audit) => {
            let mut text = format!("[JS API] {}", audit.subject);
            if let Some(client) = &audit.client {
                if !client.user.is_empty() {
                    text.push_str(&format!(" {} @", client.user));
                }
                text.push_str(&format!(" {}", client.acc));
            }
            text
        }
        Event::ApiLimitReached(limit) => format!(
            "[JS API Limit] {} discarded {} messages",
            limit.server,
            format::signed(limit.dropped)
        ),
        Event::StreamAction(action) => {
            format!("[Stream {}] {}", name(&action.action), action.stream)
        }
        Event::StreamFault(fault) if fault.fault.is_empty() => {
            format!("[Stream Fault] {} is well again", fault.stream)
        }
        Event::StreamFault(fault) => format!("[Stream Fault] {}: {}", fault.stream, fault.fault),
        Event::ConsumerActionAdvisory(action) => format!(
            "[Consumer {}] {} > {}",
            name(&action.action),
            action.stream,
            action.consumer
        ),
        Event::ConsumerPause(pause) => {
            let until = match pause.paused {
                true => format!(" until {}", format::time(pause.pause_until.into())),
                false => String::new(),
            };
            format!(
                "[Consumer Pause] Consumer: {} > {} Paused: {}{until}",
                pause.stream, pause.consumer, pause.paused
            )
        }
        Event::SnapshotCreate(snapshot) => format!("[Snapshot Create] {}", snapshot.stream),
        Event::SnapshotComplete(snapshot) => format!("[Snapshot Complete] {}", snapshot.stream),
        Event::RestoreCreate(restore) => format!("[Restore Create] {}", restore.stream),
        Event::RestoreComplete(restore) => format!("[Restore Complete] {}", restore.stream),
        Event::BatchAbandoned(batch) => {
            let reason = match batch.reason {
                BatchAbandonReason::Timeout => "timeout",
                BatchAbandonReason::Large => "large",
                BatchAbandonReason::Incomplete => "incomplete",
                BatchAbandonReason::Unsupported => "unsupported",
            };
            format!(
                "[Batch Abandoned] {} abandoned batch {}: {reason}",
                batch.stream, batch.batch
            )
        }
        _ => return None,
    })
}

/// What became of one message.
fn message_event(event: &Event) -> Option<String> {
    let told = |what: &str, stream: &str, sequence: u64, consumer: &str, deliveries: u64| {
        format!("[{what}] {stream} ({sequence}) > {consumer}: {deliveries} deliveries")
    };
    Some(match event {
        Event::MaxDeliver(max) => told(
            "JS Max Deliveries",
            &max.stream,
            max.stream_seq,
            &max.consumer,
            max.deliveries,
        ),
        Event::Nak(nak) => told(
            "JS Delivery NAKed",
            &nak.stream,
            nak.stream_seq,
            &nak.consumer,
            nak.deliveries,
        ),
        Event::Terminated(end) => {
            let what = "JS Delivery Terminated";
            let text = told(
                what,
                &end.stream,
                end.stream_seq,
                &end.consumer,
                end.deliveries,
            );
            match end.reason.as_str() {
                "" => text,
                reason => format!("{text}: {reason}"),
            }
        }
        Event::ConsumerAck(ack) => {
            let took = Duration::from_nanos(u64::try_from(ack.ack_time).unwrap_or_default());
            let consumer = format!("{} ({})", ack.consumer, ack.consumer_seq);
            let text = told(
                "JS Ack",
                &ack.stream,
                ack.stream_seq,
                &consumer,
                ack.deliveries,
            );
            format!("{text} in {}", format::duration_exact(took))
        }
        _ => return None,
    })
}

/// Who leads, who is pinned, who is gone.
fn group_event(event: &Event) -> Option<String> {
    Some(match event {
        Event::ConsumerGroupPinned(pin) => format!(
            "[PINNED] Consumer {} > {} pinned client {} for group {}",
            pin.stream, pin.consumer, pin.pinned_id, pin.group
        ),
        Event::ConsumerGroupUnpinned(pin) => format!(
            "[UNPINNED] Consumer {} > {} unpinned client for group {}: {}",
            pin.stream, pin.consumer, pin.group, pin.reason
        ),
        Event::StreamLeaderElected(elected) => format!(
            "[RAFT] Stream {} elected {} of {} peers",
            elected.stream,
            elected.leader,
            elected.replicas.len()
        ),
        Event::ConsumerLeaderElected(elected) => format!(
            "[RAFT] Consumer {} > {} elected {} of {} peers",
            elected.stream,
            elected.consumer,
            elected.leader,
            elected.replicas.len()
        ),
        Event::StreamQuorumLost(lost) => format!(
            "[RAFT] Stream {} lost quorum of {} peers",
            lost.stream,
            lost.replicas.len()
        ),
        Event::ConsumerQuorumLost(lost) => format!(
            "[RAFT] Consumer {} > {} lost quorum of {} peers",
            lost.stream,
            lost.consumer,
            lost.replicas.len()
        ),
        Event::DomainLeaderElected(elected) => format!(
            "[RAFT] Domain leader elected {} in cluster {} leader of {} peers",
            elected.leader,
            elected.cluster,
            elected.replicas.len()
        ),
        Event::ServerFault(fault) => format!("[Server Fault] {}: {}", fault.server, fault.fault),
        Event::ServerOutOfSpace(server) => format!(
            "[Out of Space] {} ({}) ran out of disk space",
            server.server, server.server_id
        ),
        Event::ServerRemoved(server) => format!(
            "[Server Removed] {} ({}) was removed",
            server.server, server.server_id
        ),
        _ => return None,
    })
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::Create => "Create",
        Action::Delete => "Delete",
        Action::Modify => "Modify",
    }
}
