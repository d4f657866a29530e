//! What is known about a consumer, as columns.

use std::time::Duration;

use nats_api::jetstream::{
    AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, PriorityPolicy, ReplayPolicy,
    SequenceInfo,
};
use nats_api::time::{Nanos, Timestamp};

use super::{cluster, show_levels, user_metadata};
use crate::output::color::Scheme;
use crate::output::{Columns, format};

/// How much of a consumer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerView {
    Full,
    /// Without the configuration.
    State,
}

/// Backoffs with more steps are shown by their ends.
const BACKOFF_STEPS_SHOWN: usize = 6;

impl ConsumerView {
    pub fn render(self, info: &ConsumerInfo, scheme: Scheme) -> String {
        let what = match self {
            Self::Full => "Information",
            Self::State => "State",
        };
        let mut columns = Columns::new(
            format!(
                "{what} for Consumer {} > {} created {}",
                info.stream_name,
                info.name,
                format::time(info.created.into())
            ),
            scheme,
        );
        let config = info.config.clone().unwrap_or_default();
        if self == Self::Full {
            configuration(&mut columns, &config, info);
            targets(&mut columns, &config);
            let metadata = user_metadata(&config.metadata);
            if !metadata.is_empty() {
                columns.section("Metadata");
                for (key, value) in &metadata {
                    columns.row(key, value.as_str());
                }
            }
        }
        cluster::show(&mut columns, info.cluster.as_ref(), "Raft Group", info.ts);
        state(&mut columns, &config, info);
        columns.render()
    }
}

/// As the reference names it.
pub fn ack_policy_name(policy: AckPolicy) -> &'static str {
    match policy {
        AckPolicy::None => "None",
        AckPolicy::All => "All",
        AckPolicy::Explicit => "Explicit",
        AckPolicy::FlowControl => "Flow Control",
    }
}

fn configuration(columns: &mut Columns, config: &ConsumerConfig, info: &ConsumerInfo) {
    let duration = |nanos: Nanos| Duration::from(nanos);
    columns.section("Configuration");
    columns.row_unless_empty("Name", &config.name);
    columns.row_if(
        config.is_durable() && config.durable_name != config.name,
        "Durable Name",
        &*config.durable_name,
    );
    columns.row_unless_empty("Description", &config.description);
    if config.is_push() {
        columns.row("Delivery Subject", &*config.deliver_subject);
    } else {
        columns.row("Pull Mode", true);
    }
    match config.filters() {
        [] => {}
        [filter] => columns.row("Filter Subject", filter),
        filters => columns.row("Filter Subjects", filters),
    }
    columns.row("Deliver Policy", deliver_policy(config));
    columns.row_if(
        config.is_push() && !config.deliver_group.is_empty(),
        "Deliver Queue Group",
        &*config.deliver_group,
    );
    columns.row("Ack Policy", ack_policy_name(config.ack_policy));
    columns.row_if(
        config.ack_policy != AckPolicy::None,
        "Ack Wait",
        duration(config.ack_wait),
    );
    effort(columns, config);
    delivery(columns, config, info);
}

/// How hard the consumer tries.
fn effort(columns: &mut Columns, config: &ConsumerConfig) {
    let replay = match config.replay_policy {
        ReplayPolicy::Instant => "Instant",
        ReplayPolicy::Original => "Original",
    };
    columns.row("Replay Policy", replay);
    columns.row_if(
        config.max_deliver != -1,
        "Maximum Deliveries",
        config.max_deliver,
    );
    columns.row_unless_empty("Sampling Rate", &config.sample_freq);
    columns.row_if(
        config.rate_limit_bps > 0,
        "Rate Limit",
        format!("{} / second", format::bytes(config.rate_limit_bps / 8)),
    );
    columns.row_if(
        config.max_ack_pending > 0,
        "Max Ack Pending",
        config.max_ack_pending,
    );
    columns.row_if(
        config.max_waiting > 0,
        "Max Waiting Pulls",
        config.max_waiting,
    );
}

/// How messages are asked for and delivered.
fn delivery(columns: &mut Columns, config: &ConsumerConfig, info: &ConsumerInfo) {
    let duration = |nanos: Nanos| Duration::from(nanos);
    columns.row_if(
        config.idle_heartbeat.0 > 0,
        "Idle Heartbeat",
        duration(config.idle_heartbeat),
    );
    columns.row_if(config.is_push(), "Flow Control", config.flow_control);
    columns.row_if(config.headers_only, "Headers Only", true);
    columns.row_if(
        config.inactive_threshold.0 > 0 && !config.is_push(),
        "Inactive Threshold",
        duration(config.inactive_threshold),
    );
    columns.row_if(
        config.max_expires.0 > 0,
        "Max Pull Expire",
        duration(config.max_expires),
    );
    columns.row_if(config.max_batch > 0, "Max Pull Batch", config.max_batch);
    columns.row_if(config.max_bytes > 0, "Max Pull MaxBytes", config.max_bytes);
    columns.row_if(
        !config.backoff.is_empty(),
        "Backoff",
        backoff(&config.backoff),
    );
    columns.row_if(config.num_replicas > 0, "Replicas", config.num_replicas);
    columns.row_if(config.mem_storage, "Memory Storage", true);
    pause(columns, config, info);
    priority(columns, config);
}

fn priority(columns: &mut Columns, config: &ConsumerConfig) {
    if config.priority_policy != PriorityPolicy::None {
        let policy = match config.priority_policy {
            PriorityPolicy::None => "None",
            PriorityPolicy::Overflow => "Overflow",
            PriorityPolicy::PinnedClient => "Pinned Client",
            PriorityPolicy::Prioritized => "Prioritized",
        };
        columns.row("Priority Policy", policy);
        columns.row("Priority Groups", &*config.priority_groups);
        columns.row_if(
            config.priority_policy == PriorityPolicy::PinnedClient,
            "Pinned TTL",
            Duration::from(config.priority_timeout),
        );
    }
}

fn pause(columns: &mut Columns, config: &ConsumerConfig, info: &ConsumerInfo) {
    let Some(until) = config.pause_until.filter(|until| !until.is_never()) else {
        return;
    };
    let until = format::time(until.into());
    if info.paused {
        let left = whole_seconds(info.pause_remaining);
        columns.row(
            "Paused Until Deadline",
            format!("{until} ({left} remaining)"),
        );
    } else {
        columns.row("Paused Until Deadline", format!("{until} (passed)"));
    }
}

fn whole_seconds(nanos: Nanos) -> String {
    let seconds = Duration::from(nanos).as_secs_f64().round();
    nats_api::time::friendly(Duration::from_secs(seconds as u64))
}

fn deliver_policy(config: &ConsumerConfig) -> String {
    match config.deliver_policy {
        DeliverPolicy::All => "All".to_owned(),
        DeliverPolicy::Last => "Last".to_owned(),
        DeliverPolicy::New => "New".to_owned(),
        DeliverPolicy::LastPerSubject => "Last Per Subject".to_owned(),
        DeliverPolicy::ByStartSequence => format!("From Sequence {}", config.opt_start_seq),
        DeliverPolicy::ByStartTime => {
            let time = config.opt_start_time.unwrap_or_default();
            format!("Since {}", format::time(time.into()))
        }
    }
}

/// `1m0s, 2m0s ... 20m0s [10 total]`.
fn backoff(steps: &[Nanos]) -> String {
    let text = |nanos: &Nanos| format::duration(Duration::from(*nanos));
    if steps.len() <= BACKOFF_STEPS_SHOWN {
        return steps.iter().map(text).collect::<Vec<_>>().join(", ");
    }
    let ends = |part: Option<&[Nanos]>| {
        let part = part.unwrap_or(&[]);
        part.iter().map(text).collect::<Vec<_>>().join(", ")
    };
    format!(
        "{} ... {} [{} total]",
        ends(steps.get(..3)),
        ends(steps.get(steps.len() - 2..)),
        steps.len()
    )
}

/// Mirrors and sources leave their names in the metadata of the consumers that they use.
fn targets(columns: &mut Columns, config: &ConsumerConfig) {
    for (title, kind) in [("Mirror Target", "mirror"), ("Source Target", "source")] {
        let value = |name: &str| {
            let key = format!("_nats.{kind}.{name}");
            config.metadata.get(&key).map_or("", String::as_str)
        };
        let stream = value("stream");
        if !stream.is_empty() {
            columns.section(title);
            columns.row("Stream", stream);
            columns.row_unless_empty("Account", value("account"));
            columns.row_unless_empty("Domain", value("domain"));
        }
    }
}

fn state(columns: &mut Columns, config: &ConsumerConfig, info: &ConsumerInfo) {
    columns.section("State");
    show_levels(columns, &config.metadata);
    columns.row(
        "Last Delivered Message",
        place(&info.delivered, "Last delivery", info.ts),
    );
    if config.ack_policy != AckPolicy::None {
        columns.row(
            "Acknowledgment Floor",
            place(&info.ack_floor, "Last Ack", info.ts),
        );
        if config.max_ack_pending > 0 {
            columns.row(
                "Outstanding Acks",
                format!(
                    "{} out of maximum {}",
                    format::signed(info.num_ack_pending),
                    format::signed(config.max_ack_pending)
                ),
            );
        } else {
            columns.row("Outstanding Acks", info.num_ack_pending);
        }
        columns.row("Redelivered Messages", info.num_redelivered);
    }
    columns.row("Unprocessed Messages", info.num_pending);
    if config.is_push() {
        let interest = match (info.push_bound, config.deliver_group.as_str()) {
            (false, _) => "No interest".to_owned(),
            (true, "") => "Active".to_owned(),
            (true, group) => format!("Active using Queue Group {group}"),
        };
        columns.row("Active Interest", interest);
    } else {
        let most = match config.max_waiting {
            0 => "unlimited".to_owned(),
            most => format!("maximum {}", format::signed(most)),
        };
        columns.row(
            "Waiting Pulls",
            format!("{} of {most}", format::signed(info.num_waiting)),
        );
    }
    if info.paused {
        let until = info.ts.unix_nanos() + i128::from(info.pause_remaining.0);
        let until = format::time(Timestamp::from_unix_nanos(until).into());
        let left = whole_seconds(info.pause_remaining);
        columns.row("Paused Until", format!("{until} ({left} remaining)"));
    }
    if config.priority_policy == PriorityPolicy::PinnedClient {
        let groups = info.priority_groups.iter().map(|group| {
            let pinned = match group.pinned_client_id.as_str() {
                "" => "No client".to_owned(),
                id => format!("pinned {id} at {}", format::time(group.pinned_ts.into())),
            };
            format!("{}: {pinned}", group.group)
        });
        columns.rows("Priority Groups", groups);
    }
}

fn place(place: &SequenceInfo, when: &str, now: Timestamp) -> String {
    let text = format!(
        "Consumer sequence: {} Stream sequence: {}",
        format::count(place.consumer_seq),
        format::count(place.stream_seq)
    );
    match place.last_active {
        Some(last) => format!("{text} {when}: {} ago", format::duration(now.since(last))),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_and_push_consumers_are_shown() {
        let pull = r#"{"stream_name":"ORDERS","name":"NEW","created":"2026-01-02T03:04:05Z",
            "config":{"durable_name":"NEW","name":"NEW","deliver_policy":"by_start_sequence","opt_start_seq":7,
            "ack_policy":"explicit","ack_wait":30000000000,"max_deliver":5,"replay_policy":"instant","max_waiting":512,
            "max_ack_pending":1000,"num_replicas":0,"filter_subjects":["a","b"],
            "backoff":[60000000000,120000000000,180000000000,240000000000,300000000000,360000000000,420000000000],
            "metadata":{"owner":"joe"}},
            "delivered":{"consumer_seq":5,"stream_seq":12,"last_active":"2026-01-02T03:04:06Z"},
            "ack_floor":{"consumer_seq":4,"stream_seq":11},"num_ack_pending":1,"num_redelivered":0,"num_waiting":2,
            "num_pending":1234,"ts":"2026-01-02T03:04:08Z"}"#;
        let push = r#"{"stream_name":"ORDERS","name":"P","created":"2026-01-02T03:04:05Z",
            "config":{"name":"P","deliver_policy":"all","ack_policy":"none","replay_policy":"original",
            "deliver_subject":"out","deliver_group":"g","flow_control":true,"idle_heartbeat":5000000000,"max_deliver":-1},
            "delivered":{"consumer_seq":0,"stream_seq":0},"ack_floor":{"consumer_seq":0,"stream_seq":0},
            "push_bound":true,"ts":"2026-01-02T03:04:08Z"}"#;
        let text = [pull, push].map(|json| {
            let info: ConsumerInfo = serde_json::from_str(json).unwrap();
            let text = ConsumerView::Full.render(&info, Scheme::Rounded);
            // The time zone depends on where the test runs.
            text.lines().skip(1).collect::<Vec<_>>().join("\n")
        });
        insta::assert_snapshot!(text.join("\n---"));
    }
}
