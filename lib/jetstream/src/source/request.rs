//! What is asked of an upstream: a consumer that pushes to us, or that one which is there begins again.

use nats_api::jetstream::headers::{REQUIRED_API_LEVEL, STREAM_IDENTITY};
use nats_api::jetstream::subjects::{API_PREFIX, ApiSubjects};
use nats_api::jetstream::{
    AckPolicy, ConsumerConfig, ConsumerCreateRequest, DeliverPolicy, StreamConfig, StreamSource,
};
use nats_api::time::Nanos;
use nats_proto::name_hash::name_hash_8;
use nats_store::Timestamp;

use super::{Here, Level, Phase, Role, SILENCE_MAX, Upstream};
use crate::config::stream::upstream_name;
use crate::context::Context;
use crate::stream::{api_time, event_id};

/// The stream that asks.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub config: &'a StreamConfig,
    pub account: &'a str,
    /// Empty when the server has none.
    pub domain: &'a str,
}

/// A request, ready to be sent.
pub(super) struct Written {
    pub subject: String,
    pub headers: Vec<u8>,
    pub body: Vec<u8>,
}

/// Nobody acknowledges one by one; this is never reached.
const ACK_WAIT: i64 = 22 * 3600 * 1_000_000_000;
const HEARTBEAT: i64 = 1_000_000_000;
const SUFFIX_LEN: usize = 8;

impl Owner<'_> {
    /// What makes the name of the consumer over there stable.
    pub(super) fn consumer_hash(&self, role: Role, source: &StreamSource) -> String {
        let mut id = format!("{} {}", self.config.name, self.account);
        if !self.domain.is_empty() {
            id.push(' ');
            id.push_str(self.domain);
        }
        let id = name_hash_8(&id);
        if role == Role::Mirror {
            return id;
        }
        let sources = self.config.sources.iter();
        let is_twice = sources.filter(|s| s.name == source.name).count() > 1;
        if is_twice {
            return name_hash_8(&format!("{id} {}", upstream_name::full(source)));
        }
        name_hash_8(&id)
    }
}

/// The subject on which the upstream's consumer is deleted.
pub(super) fn dismissal(upstream: &Upstream) -> String {
    let name = match &upstream.phase {
        Phase::Flowing { consumer, .. } => String::from_utf8_lossy(consumer).into_owned(),
        Phase::Waiting { .. } | Phase::Asking(_) => lasting_name(upstream),
    };
    let subject = api(upstream).consumer_delete(&upstream.source.name, &name);
    subject.replace("..", ".")
}

/// The subjects of the API over there.
fn api(upstream: &Upstream) -> ApiSubjects {
    ApiSubjects::new(match &upstream.source.external {
        Some(external) => &external.api,
        None => API_PREFIX,
    })
}

fn lasting_name(upstream: &Upstream) -> String {
    let kind = match upstream.role {
        Role::Mirror => "MIRROR",
        Role::Source => "SRC",
    };
    format!("JS_{kind}_{}", upstream.consumer_hash)
}

pub(super) fn write(
    upstream: &Upstream,
    owner: &Owner<'_>,
    here: Here,
    level: Level,
    cx: &mut Context<'_>,
) -> Written {
    let mut headers = Vec::new();
    let number = match level {
        Level::Identity => Some(5),
        Level::Sourcing => Some(4),
        Level::Plain => None,
    };
    if let Some(number) = number {
        headers = format!("NATS/1.0\r\n{REQUIRED_API_LEVEL}: {number}\r\n").into_bytes();
        if level == Level::Identity {
            let identity = format!("{STREAM_IDENTITY}: {}\r\n", upstream.identity);
            headers.extend_from_slice(identity.as_bytes());
        }
        headers.extend_from_slice(b"\r\n");
    }
    let api = api(upstream);
    let stream = &upstream.source.name;
    if let Some(consumer) = &upstream.source.consumer {
        return Written {
            subject: api.consumer_reset(stream, &consumer.name),
            headers,
            body: Vec::new(),
        };
    }
    let config = consumer(upstream, owner, here, level, cx);
    let subject = if config.filter_subject.is_empty() {
        api.consumer_create_unnamed(stream)
    } else {
        api.consumer_create_filtered(stream, &config.name, &config.filter_subject)
    };
    let request = ConsumerCreateRequest {
        stream_name: stream.clone(),
        config,
        ..ConsumerCreateRequest::default()
    };
    Written {
        subject: subject.replace("..", "."),
        headers,
        // Our documents have text keys and nothing that can fail to be written.
        body: serde_json::to_vec(&request).unwrap_or_default(),
    }
}

fn consumer(
    upstream: &Upstream,
    owner: &Owner<'_>,
    here: Here,
    level: Level,
    cx: &mut Context<'_>,
) -> ConsumerConfig {
    let (letter, key) = match upstream.role {
        Role::Mirror => ("M", "mirror"),
        Role::Source => ("S", "src"),
    };
    let is_sourcing = level != Level::Plain;
    let mut name = lasting_name(upstream);
    if !is_sourcing {
        // The other side does not know to make it unique.
        name.push('_');
        name.push_str(&suffix(cx));
    }
    let prefix = match &upstream.source.external {
        Some(external) if !external.deliver.is_empty() => &external.deliver,
        _ => "$JS",
    };
    let deliver = format!("{prefix}.{letter}.{}", suffix(cx)).replace("..", ".");
    let mut metadata = std::collections::BTreeMap::new();
    let mut remember = |what: &str, value: &str| {
        metadata.insert(format!("_nats.{key}.{what}"), value.to_owned());
    };
    remember("stream", &owner.config.name);
    remember("acc", owner.account);
    if !owner.domain.is_empty() {
        remember("domain", owner.domain);
    }
    let mut config = ConsumerConfig {
        name,
        deliver_subject: deliver,
        ack_policy: AckPolicy::None,
        ack_wait: Nanos(ACK_WAIT),
        max_deliver: 1,
        idle_heartbeat: Nanos(HEARTBEAT),
        flow_control: true,
        direct: true,
        sourcing: is_sourcing,
        inactive_threshold: Nanos(i64::try_from(SILENCE_MAX).unwrap_or(i64::MAX)),
        metadata,
        ..ConsumerConfig::default()
    };
    filter(&upstream.source, &mut config);
    match upstream.role {
        Role::Mirror => begin_mirror(&upstream.source, here, &mut config),
        Role::Source => begin_source(upstream, here, &mut config),
    }
    config
}

fn filter(source: &StreamSource, config: &mut ConsumerConfig) {
    config.filter_subject.clone_from(&source.filter_subject);
    let filters = source.subject_transforms.iter().map(|t| t.src.clone());
    let mut filters: Vec<String> = filters.collect();
    // A single one stands in the subject of the request, where permissions can see it.
    if config.filter_subject.is_empty() && filters.len() == 1 {
        config.filter_subject = filters.pop().unwrap_or_default();
    } else {
        config.filter_subjects = filters;
    }
}

fn begin_mirror(source: &StreamSource, here: Here, config: &mut ConsumerConfig) {
    if here.messages > 0 || here.last_sequence > 0 {
        start_at(config, here.last_sequence.saturating_add(1));
    } else if source.opt_start_seq > 0 {
        start_at(config, source.opt_start_seq);
    } else if let Some(time) = source.opt_start_time {
        config.opt_start_time = Some(time);
        config.deliver_policy = DeliverPolicy::ByStartTime;
    }
}

fn begin_source(upstream: &Upstream, here: Here, config: &mut ConsumerConfig) {
    let source = &upstream.source;
    let knows_time = here.last_time != Timestamp::default();
    let last_time = api_time(here.last_time);
    if upstream.sequence > 0 {
        start_at(config, upstream.sequence.saturating_add(1));
    } else if source.opt_start_seq > 0 {
        start_at(config, source.opt_start_seq);
    } else if let Some(time) = source.opt_start_time {
        // What came before our last message has been here already.
        let time = if knows_time {
            time.max(last_time)
        } else {
            time
        };
        config.opt_start_time = Some(time);
        config.deliver_policy = DeliverPolicy::ByStartTime;
    } else if here.first_sequence > 1 && knows_time && !upstream.is_recreated {
        config.opt_start_time = Some(last_time);
        config.deliver_policy = DeliverPolicy::ByStartTime;
    }
}

fn start_at(config: &mut ConsumerConfig, sequence: u64) {
    config.opt_start_seq = sequence;
    config.deliver_policy = DeliverPolicy::ByStartSequence;
}

fn suffix(cx: &mut Context<'_>) -> String {
    let mut id = event_id(cx.random);
    id.truncate(SUFFIX_LEN);
    id
}
