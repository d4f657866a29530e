//! What is known about a stream, as columns.

use std::time::Duration;

use nats_api::jetstream::{
    Compression, Discard, PersistMode, Retention, Storage, StreamConfig, StreamInfo, StreamSource,
    StreamSourceInfo,
};
use nats_api::time::{Nanos, Timestamp};

use super::{cluster, show_levels, user_metadata};
use crate::output::color::Scheme;
use crate::output::{Columns, format};

/// How much of a stream is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamView {
    Full,
    /// Without the configuration.
    State,
}

impl StreamView {
    pub fn render(self, info: &StreamInfo, scheme: Scheme) -> String {
        let what = match self {
            Self::Full => "Information",
            Self::State => "State",
        };
        let mut columns = Columns::new(
            format!(
                "{what} for Stream {} created {}",
                info.config.name,
                format::time(info.created.into())
            ),
            scheme,
        );
        if self == Self::Full {
            configuration(&mut columns, &info.config);
        }
        cluster::show(
            &mut columns,
            info.cluster.as_ref(),
            "Cluster Group",
            info.ts,
        );
        if let Some(mirror) = &info.mirror {
            columns.section("Mirror Information");
            upstream(&mut columns, mirror);
        }
        if !info.sources.is_empty() {
            columns.section("Source Information");
            for source in &info.sources {
                upstream(&mut columns, source);
                columns.text("");
            }
        }
        state(&mut columns, info);
        columns.render()
    }
}

/// `file`, `memory`: as the reference names them.
pub fn storage_name(storage: Storage) -> &'static str {
    match storage {
        Storage::File => "File",
        Storage::Memory => "Memory",
    }
}

fn configuration(columns: &mut Columns, config: &StreamConfig) {
    columns.row_unless_empty("Description", &config.description);
    columns.row_if(!config.subjects.is_empty(), "Subjects", &*config.subjects);
    columns.row("Replicas", config.num_replicas);
    columns.row_if(config.sealed, "Sealed", true);
    columns.row("Storage", storage_name(config.storage));
    columns.row_if(
        config.compression == Compression::S2,
        "Compression",
        "S2 Compression",
    );
    columns.row_if(
        config.persist_mode == PersistMode::Async,
        "Persistence Mode",
        "Async",
    );
    columns.row_if(config.first_seq > 0, "First Sequence", config.first_seq);
    if let Some(placement) = &config.placement {
        columns.row_unless_empty("Placement Cluster", &placement.cluster);
        columns.row_if(
            !placement.tags.is_empty(),
            "Placement Tags",
            &*placement.tags,
        );
    }
    options(columns, config);
    limits(columns, config);
    let metadata = user_metadata(&config.metadata);
    if !metadata.is_empty() {
        columns.section("Metadata");
        for (key, value) in &metadata {
            columns.row(key, value.as_str());
        }
    }
    if config.mirror.is_some() || !config.sources.is_empty() {
        columns.section("Replication");
    }
    if let Some(mirror) = &config.mirror {
        columns.row("Mirror", source(mirror));
    }
    let mut sources: Vec<_> = config.sources.iter().collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    columns.rows("Sources", sources.into_iter().map(source));
    columns.text("");
}

fn options(columns: &mut Columns, config: &StreamConfig) {
    columns.section("Options");
    if let Some(transform) = config
        .subject_transform
        .as_ref()
        .filter(|t| !t.dest.is_empty())
    {
        let from = if transform.src.is_empty() {
            ">"
        } else {
            &transform.src
        };
        columns.row("Subject Transform", format!("{from} to {}", transform.dest));
    }
    if let Some(republish) = &config.republish {
        let label = if republish.headers_only {
            "Republishing Headers"
        } else {
            "Republishing"
        };
        columns.row(label, format!("{} to {}", republish.src, republish.dest));
    }
    columns.row("Retention", retention(config.retention));
    columns.row("Acknowledgments", !config.no_ack);
    let discard = match (config.discard, config.discard_new_per_subject) {
        (_, true) => "New Per Subject",
        (Discard::New, false) => "New",
        (Discard::Old, false) => "Old",
    };
    columns.row("Discard Policy", discard);
    columns.row("Duplicate Window", Duration::from(config.duplicate_window));
    columns.row_if(config.allow_direct, "Direct Get", true);
    columns.row_if(config.mirror_direct, "Mirror Direct Get", true);
    columns.row("Allows Atomic Batch Publish", config.allow_atomic);
    columns.row("Allows Fast Batch Publish", config.allow_batched);
    columns.row("Allows Counters", config.allow_msg_counter);
    columns.row("Allows Msg Delete", !config.deny_delete);
    columns.row("Allows Per-Message TTL", config.allow_msg_ttl);
    columns.row("Allows Purge", !config.deny_purge);
    columns.row("Allows Schedules", config.allow_msg_schedules);
    columns.row_if(
        config.allow_msg_ttl && config.subject_delete_marker_ttl.0 > 0,
        "Subject Delete Markers TTL",
        Duration::from(config.subject_delete_marker_ttl),
    );
    columns.row("Allows Rollups", config.allow_rollup_hdrs);
}

fn retention(retention: Retention) -> &'static str {
    match retention {
        Retention::Limits => "Limits",
        Retention::Interest => "Interest",
        Retention::WorkQueue => "WorkQueue",
    }
}

fn limits(columns: &mut Columns, config: &StreamConfig) {
    let bytes = |limit: i64| match u64::try_from(limit) {
        Ok(limit) => format::bytes(limit),
        Err(_) => "unlimited".to_owned(),
    };
    columns.section("Limits");
    columns.row_limit("Maximum Messages", config.max_msgs);
    // Zero stands for no limit here.
    let per_subject = config.max_msgs_per_subject;
    columns.row_limit(
        "Maximum Per Subject",
        if per_subject == 0 { -1 } else { per_subject },
    );
    columns.row("Maximum Bytes", bytes(config.max_bytes));
    if config.max_age.0 > 0 {
        columns.row("Maximum Age", Duration::from(config.max_age));
    } else {
        columns.row("Maximum Age", "unlimited");
    }
    columns.row("Maximum Message Size", bytes(config.max_msg_size.into()));
    columns.row_limit("Maximum Consumers", config.max_consumers);
    let limits = &config.consumer_limits;
    columns.row_if(
        limits.inactive_threshold.0 > 0,
        "Consumer Inactive Threshold",
        Duration::from(limits.inactive_threshold),
    );
    columns.row_if(
        limits.max_ack_pending > 0,
        "Consumer Max Ack Pending",
        limits.max_ack_pending,
    );
}

fn source(source: &StreamSource) -> String {
    let mut parts = vec![source.name.clone()];
    if source.opt_start_seq > 0 {
        parts.push(format!(
            "Start Seq: {}",
            format::count(source.opt_start_seq)
        ));
    }
    if let Some(time) = source.opt_start_time {
        parts.push(format!("Start Time: {time}"));
    }
    if let Some(external) = &source.external {
        for (label, prefix) in [
            ("API Prefix", &external.api),
            ("Delivery Prefix", &external.deliver),
        ] {
            if !prefix.is_empty() {
                parts.push(format!("{label}: {prefix}"));
            }
        }
    }
    if let Some(consumer) = &source.consumer {
        parts.push(match consumer.deliver_subject.as_str() {
            "" => format!("Consumer Name: {}", consumer.name),
            subject => format!("Consumer Name: {} ({subject})", consumer.name),
        });
    }
    parts.join(", ")
}

/// How long ago something came; `never` when nothing ever did.
pub fn last_seen(active: Nanos) -> String {
    if active.0 > 0 && active.0 < i64::MAX {
        format::duration(active.into())
    } else {
        "never".to_owned()
    }
}

fn upstream(columns: &mut Columns, source: &StreamSourceInfo) {
    columns.row("Stream Name", &*source.name);
    if !source.filter_subject.is_empty() {
        columns.row("Subject Filter", &*source.filter_subject);
    } else {
        let label = if source.subject_transforms.len() > 1 {
            "Subject Filters and Transforms"
        } else {
            "Subject Filter and Transform"
        };
        let transforms = source.subject_transforms.iter().map(|transform| {
            if transform.dest.is_empty() {
                format!("{} untransformed", transform.src)
            } else {
                format!("{} to {}", transform.src, transform.dest)
            }
        });
        columns.rows(label, transforms);
    }
    columns.row("Lag", source.lag);
    columns.row("Last Seen", last_seen(source.active));
    if let Some(external) = &source.external {
        columns.row("Ext. API Prefix", &*external.api);
        columns.row_unless_empty("Ext. Delivery Prefix", &external.deliver);
    }
    if let Some(error) = &source.error {
        columns.row("Error", &*error.description);
    }
}

fn state(columns: &mut Columns, info: &StreamInfo) {
    let state = &info.state;
    columns.section("State");
    show_levels(columns, &info.config.metadata);
    columns.row_if(!info.durability.is_empty(), "Durability", &info.durability);
    columns.row("Messages", state.messages);
    columns.row("Bytes", format::bytes(state.bytes));
    if let Some(lost) = state.lost.as_ref().filter(|lost| !lost.msgs.is_empty()) {
        let count = format::count(lost.msgs.len() as u64);
        columns.row(
            "Lost Messages",
            format!("{count} ({})", format::bytes(lost.bytes)),
        );
    }
    columns.row("First Sequence", sequence(state.first_seq, state.first_ts));
    columns.row("Last Sequence", sequence(state.last_seq, state.last_ts));
    columns.row_if(state.num_deleted > 0, "Deleted Messages", state.num_deleted);
    columns.row("Active Consumers", state.consumer_count);
    columns.row_if(
        state.num_subjects > 0,
        "Number of Subjects",
        state.num_subjects,
    );
    let width = |field: fn(&nats_api::jetstream::StreamAlternate) -> &str| {
        let widths = info.alternates.iter().map(|a| field(a).chars().count());
        widths.max().unwrap_or(0)
    };
    let (name_width, cluster_width) = (width(|a| &a.name), width(|a| &a.cluster));
    let alternates = info.alternates.iter().map(|alternate| {
        let domain = match alternate.domain.as_str() {
            "" => String::new(),
            domain => format!(" Domain: {domain}"),
        };
        format!(
            "{:>name_width$}: Cluster: {:>cluster_width$}{domain}",
            alternate.name, alternate.cluster
        )
    });
    columns.rows("Alternates", alternates);
}

/// `12 @ time`; without the time when nothing was ever there.
fn sequence(sequence: u64, time: Timestamp) -> String {
    if time.is_never() || time.unix_nanos() == 0 {
        return format::count(sequence);
    }
    format!(
        "{} @ {}",
        format::count(sequence),
        format::time(time.into())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_with_everything_is_shown() {
        let info: StreamInfo = serde_json::from_str(
            r#"{"config":{"name":"ORDERS","description":"all orders","subjects":["orders.>","new"],
            "retention":"workqueue","max_consumers":-1,"max_msgs":1000000,"max_bytes":-1,"max_age":3600000000000,
            "max_msgs_per_subject":5,"max_msg_size":1048576,"discard":"new","storage":"file","num_replicas":3,
            "duplicate_window":120000000000,"compression":"s2","allow_direct":true,"mirror_direct":false,
            "sealed":false,"deny_delete":true,"deny_purge":false,"allow_rollup_hdrs":true,
            "republish":{"src":">","dest":"copy.>","headers_only":true},"placement":{"cluster":"east","tags":["ssd"]},
            "sources":[{"name":"B"},{"name":"A","opt_start_seq":7,"external":{"api":"$JS.hub.API","deliver":""}}],
            "metadata":{"owner":"joe","_nats.req.level":"1","_nats.level":"2","_nats.ver":"2.14.0"}},
            "created":"2026-01-02T03:04:05Z",
            "state":{"messages":1234567,"bytes":4096,"first_seq":1,"first_ts":"0001-01-01T00:00:00Z","last_seq":0,
            "last_ts":"0001-01-01T00:00:00Z","num_deleted":3,"consumer_count":2,"num_subjects":9,
            "lost":{"msgs":[4,5],"bytes":100}},
            "cluster":{"name":"east","leader":"n1","replicas":[{"name":"n2","current":true,"active":1500000000},
            {"name":"n3","current":false,"offline":true,"active":0,"lag":12}]},
            "sources":[{"name":"A","lag":3,"active":-1,"filter_subject":"x.>","error":{"code":500,"description":"gone"}}],
            "alternates":[{"name":"ORDERS","cluster":"east"},{"name":"M","cluster":"w","domain":"hub"}],
            "ts":"2026-01-02T03:04:06Z"}"#,
        )
        .unwrap();
        let text = StreamView::Full.render(&info, Scheme::Rounded);
        // The time zone depends on where the test runs.
        let text: Vec<_> = text.lines().skip(1).collect();
        insta::assert_snapshot!(text.join("\n"));
        let state = StreamView::State.render(&info, Scheme::Rounded);
        assert!(
            state.starts_with("State for Stream ORDERS created") && !state.contains("Retention")
        );
    }
}
