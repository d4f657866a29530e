//! Our JetStream documents come out exactly as a reference server writes them, and follow the published schemas.
//!
//! `jetstream_shapes.json` holds documents by type as a reference server (2.15.1) sent them: answers (errors too),
//! advisories, acknowledgements. Each must come out of our types as it went in: same fields, same order, same omissions.

use nats_api::errors::ApiError;
use nats_api::jetstream::advisory::*;
use nats_api::jetstream::reply::{self, Reply, ReplyError};
use nats_api::jetstream::*;
use nats_api::system::client::ClientInfo;
use nats_api::time::{Nanos, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

struct Observed {
    by_type: Map<String, Value>,
    seen: Vec<String>,
}

impl Observed {
    fn read() -> Self {
        Self {
            by_type: serde_json::from_str(include_str!("jetstream_shapes.json"))
                .expect("jetstream_shapes.json is JSON"),
            seen: Vec::new(),
        }
    }

    fn of(&mut self, kind: &str) -> Vec<String> {
        self.seen.push(kind.to_owned());
        let texts = self.by_type.get(kind).and_then(Value::as_array);
        let texts = texts.unwrap_or_else(|| panic!("nothing observed of {kind}"));
        texts
            .iter()
            .map(|text| text.as_str().expect("a text").to_owned())
            .collect()
    }

    fn answers<T: Reply>(&mut self) {
        for observed in self.of(T::TYPE) {
            let answer = match reply::decode::<T>(observed.as_bytes()) {
                Ok(body) => Ok(body),
                Err(ReplyError::Api(error)) => Err(error),
                Err(error) => panic!("{error}: {observed}"),
            };
            same(&reply::encode(&answer), &observed);
        }
    }

    fn documents<T: DeserializeOwned + Serialize>(&mut self, kind: &str) {
        for observed in self.of(kind) {
            let document: T =
                serde_json::from_str(&observed).unwrap_or_else(|e| panic!("{e}: {observed}"));
            same(&serde_json::to_vec(&document).unwrap(), &observed);
        }
    }
}

/// The same text, but for the ways of JSON to write one character, and for lists of nothing, which theirs sometimes writes
/// as `null` and ours never does.
fn same(ours: &[u8], theirs: &str) {
    let ours: Value = serde_json::from_slice(ours).expect("we write JSON");
    let theirs = theirs.replace("\"streams\":null", "\"streams\":[]");
    let theirs: Value = serde_json::from_str(&theirs).expect("they write JSON");
    assert_eq!(ours.to_string(), theirs.to_string());
}

#[test]
fn documents_come_out_as_the_reference_server_writes_them() {
    let mut observed = Observed::read();
    observed.answers::<AccountInfo>();
    observed.answers::<StreamCreateResponse>();
    observed.answers::<StreamUpdateResponse>();
    observed.answers::<StreamInfoResponse>();
    observed.answers::<StreamNamesResponse>();
    observed.answers::<StreamListResponse>();
    observed.answers::<StreamDeleteResponse>();
    observed.answers::<StreamPurgeResponse>();
    observed.answers::<StreamSnapshotResponse>();
    observed.answers::<StreamRestoreResponse>();
    observed.answers::<MsgGetResponse>();
    observed.answers::<MsgDeleteResponse>();
    observed.answers::<ConsumerCreateResponse>();
    observed.answers::<ConsumerInfoResponse>();
    observed.answers::<ConsumerNamesResponse>();
    observed.answers::<ConsumerListResponse>();
    observed.answers::<ConsumerDeleteResponse>();
    observed.answers::<ConsumerPauseResponse>();
    observed.answers::<ConsumerUnpinResponse>();
    observed.answers::<ConsumerResetResponse>();
    observed.documents::<PubAckResponse>("pub_ack");
    observed.documents::<BatchFlow>("batch_flow");
    observed.documents::<ApiAudit>(ApiAudit::TYPE);
    observed.documents::<StreamAction>(StreamAction::TYPE);
    observed.documents::<ConsumerActionAdvisory>(ConsumerActionAdvisory::TYPE);
    observed.documents::<ConsumerPause>(ConsumerPause::TYPE);
    observed.documents::<ConsumerGroupPinned>(ConsumerGroupPinned::TYPE);
    observed.documents::<ConsumerGroupUnpinned>(ConsumerGroupUnpinned::TYPE);
    observed.documents::<Nak>(Nak::TYPE);
    observed.documents::<Terminated>(Terminated::TYPE);
    observed.documents::<ConsumerAck>(ConsumerAck::TYPE);
    observed.documents::<SnapshotCreate>(SnapshotCreate::TYPE);
    observed.documents::<SnapshotComplete>(SnapshotComplete::TYPE);
    observed.documents::<RestoreCreate>(RestoreCreate::TYPE);
    observed.documents::<RestoreComplete>(RestoreComplete::TYPE);
    observed.documents::<BatchAbandoned>(BatchAbandoned::TYPE);
    for (kind, texts) in &observed.by_type {
        for text in texts.as_array().expect("a list") {
            let text = text.as_str().expect("a text").as_bytes();
            if kind.contains("advisory") || kind.contains("metric") {
                let event = Event::parse(text).expect(kind);
                assert!(!matches!(event, Event::Other(_)), "{kind}");
            }
        }
    }
    let unseen: Vec<_> = observed
        .by_type
        .keys()
        .filter(|kind| !observed.seen.contains(kind))
        .collect();
    assert!(unseen.is_empty(), "observed and not checked: {unseen:?}");
}

/// A configuration in which every field says something.
fn full_stream_config() -> StreamConfig {
    let transform = || SubjectTransform {
        src: "a.*".into(),
        dest: "b.{{wildcard(1)}}".into(),
    };
    let source = || StreamSource {
        name: "UP".into(),
        opt_start_seq: 7,
        opt_start_time: Some(Timestamp::from_unix_nanos(1_700_000_000_120_000_000)),
        filter_subject: "a".into(),
        subject_transforms: vec![transform()],
        external: Some(ExternalStream {
            api: "$JS.hub.API".into(),
            deliver: "deliver".into(),
        }),
        consumer: Some(SourceConsumer {
            name: "C".into(),
            deliver_subject: "d".into(),
        }),
    };
    StreamConfig {
        name: "S".into(),
        description: "text".into(),
        subjects: vec!["a.>".into()],
        retention: Retention::WorkQueue,
        max_consumers: -1,
        max_msgs: 1,
        max_bytes: 2,
        max_age: Nanos(3_000_000_000),
        max_msgs_per_subject: 4,
        max_msg_size: 5,
        discard: Discard::New,
        storage: Storage::Memory,
        num_replicas: 3,
        no_ack: true,
        duplicate_window: Nanos(1_000_000_000),
        placement: Some(Placement {
            cluster: "east".into(),
            tags: vec!["ssd".into()],
            preferred: "n1".into(),
        }),
        mirror: Some(source()),
        sources: vec![source()],
        compression: Compression::S2,
        first_seq: 10,
        subject_transform: Some(transform()),
        republish: Some(Republish {
            src: "a".into(),
            dest: "r".into(),
            headers_only: true,
        }),
        allow_direct: true,
        mirror_direct: true,
        discard_new_per_subject: true,
        sealed: true,
        deny_delete: true,
        deny_purge: true,
        allow_rollup_hdrs: true,
        consumer_limits: ConsumerLimits {
            inactive_threshold: Nanos(1),
            max_ack_pending: 2,
        },
        allow_msg_ttl: true,
        subject_delete_marker_ttl: Nanos(1_000_000_000),
        allow_msg_counter: true,
        allow_atomic: true,
        allow_msg_schedules: true,
        persist_mode: PersistMode::Async,
        allow_batched: true,
        metadata: [("k".to_owned(), "v".to_owned())].into(),
    }
}

fn full_consumer_config() -> ConsumerConfig {
    ConsumerConfig {
        durable_name: "C".into(),
        name: "C".into(),
        description: "text".into(),
        deliver_policy: DeliverPolicy::ByStartTime,
        opt_start_seq: 1,
        opt_start_time: Some(Timestamp::from_unix_nanos(1)),
        ack_policy: AckPolicy::FlowControl,
        ack_wait: Nanos(2),
        max_deliver: 3,
        backoff: vec![Nanos(4)],
        filter_subject: "a".into(),
        filter_subjects: vec!["b".into()],
        replay_policy: ReplayPolicy::Original,
        rate_limit_bps: 5,
        sample_freq: "6%".into(),
        max_waiting: 7,
        max_ack_pending: 8,
        flow_control: true,
        headers_only: true,
        max_batch: 9,
        max_expires: Nanos(10),
        max_bytes: 11,
        deliver_subject: "d".into(),
        deliver_group: "g".into(),
        idle_heartbeat: Nanos(12),
        inactive_threshold: Nanos(13),
        num_replicas: 1,
        mem_storage: true,
        direct: true,
        sourcing: true,
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        pause_until: Some(Timestamp::from_unix_nanos(14)),
        priority_groups: vec!["g".into()],
        priority_policy: PriorityPolicy::PinnedClient,
        priority_timeout: Nanos(15),
    }
}

/// Every field that a document of ours can have is one that strict reading knows, and reads back as written.
#[test]
fn full_documents_read_back_strictly() {
    let config = full_stream_config();
    let json = serde_json::to_vec(&config).unwrap();
    assert_eq!(
        nats_api::decode::strict::<StreamConfig>(&json).unwrap(),
        config
    );
    assert_eq!(
        serde_json::from_slice::<StreamConfig>(&json).unwrap(),
        config
    );
    let fields = serde_json::from_slice::<Map<String, Value>>(&json).unwrap();
    assert_eq!(fields.len(), 38, "{fields:?}");
    let config = full_consumer_config();
    let json = serde_json::to_vec(&config).unwrap();
    assert_eq!(
        nats_api::decode::strict::<ConsumerConfig>(&json).unwrap(),
        config
    );
    let fields = serde_json::from_slice::<Map<String, Value>>(&json).unwrap();
    assert_eq!(fields.len(), 35, "{fields:?}");
}

#[test]
fn an_empty_configuration_writes_the_fields_that_are_always_there() {
    let fields = |json: Value| -> Vec<String> {
        json.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        fields(serde_json::to_value(StreamConfig::default()).unwrap()),
        [
            "name",
            "retention",
            "max_consumers",
            "max_msgs",
            "max_bytes",
            "max_age",
            "max_msgs_per_subject",
            "discard",
            "storage",
            "num_replicas",
            "compression",
            "allow_direct",
            "mirror_direct",
            "sealed",
            "deny_delete",
            "deny_purge",
            "allow_rollup_hdrs",
            "consumer_limits",
            "allow_msg_ttl",
        ]
    );
    assert_eq!(
        fields(serde_json::to_value(ConsumerConfig::default()).unwrap()),
        [
            "deliver_policy",
            "ack_policy",
            "replay_policy",
            "num_replicas"
        ]
    );
}

/// The folder of schemas, or a line that says that this check is left out.
fn schemas() -> Option<&'static str> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/schemas"
    );
    if std::path::Path::new(folder).exists() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("NATS_REQUIRE_ALL").is_none(),
        "schemas are missing"
    );
    eprintln!(
        "SKIPPED: JetStream documents against the published schemas (reference data is not here)"
    );
    None
}

/// Where the reference server (2.15.1) itself departs from its published schemas: part of the file's name, part of the problem.
const KNOWN: [(&str, &str); 11] = [
    // A server with a domain says so.
    (
        "advisory/",
        "Additional properties are not allowed ('domain' was",
    ),
    (
        "metric/",
        "Additional properties are not allowed ('domain' was",
    ),
    // Since 2.11.
    ("stream_create_request", "('pedantic' was unexpected)"),
    ("stream_update_request", "('pedantic' was unexpected)"),
    // Written for blocks of a file store; the server sends the stream's state.
    ("snapshot_create", "block"),
    ("snapshot_create", "'state'"),
    // Neither is what the server's own type says.
    ("advisory/v1/consumer_group_", "\"server\" is a required"),
    ("advisory/v1/", "/consumer_seq: "),
    ("_leader_elected", "/replicas: "),
    ("_quorum_lost", "/replicas: "),
    ("consumer_unpin_response", "/error: \"error\" is a required"),
];

fn check(folder: &str, file: &str, document: &Value) {
    let problems = problems(folder, file, document);
    assert!(problems.is_empty(), "{file}: {problems:#?}\n{document:#}");
}

fn problems(folder: &str, file: &str, document: &Value) -> Vec<String> {
    let path = format!("{folder}/jetstream/{file}");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let schema: Value = serde_json::from_str(&text).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    validator
        .iter_errors(document)
        .map(|error| format!("{file}: {}: {error}", error.instance_path()))
        .filter(|problem| {
            let known = |(of, part): &(&str, &str)| file.contains(of) && problem.contains(part);
            // Members of an empty body beside an error make an answer both in the eyes of the schema.
            let both = document["error"].is_object() && problem.contains("more than one of");
            !KNOWN.iter().any(known) && !both
        })
        .collect()
}

fn schema_of(kind: &str) -> Option<String> {
    let rest = kind.strip_prefix("io.nats.jetstream.")?;
    Some(format!("{}.json", rest.replace('.', "/")))
}

#[test]
fn what_the_reference_server_sends_follows_the_schemas_out_of_our_types() {
    let Some(folder) = schemas() else { return };
    let observed = Observed::read();
    let mut all = std::collections::BTreeSet::new();
    for (kind, texts) in &observed.by_type {
        let Some(file) = schema_of(kind) else {
            continue;
        };
        for text in texts.as_array().expect("a list") {
            let document = serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
            all.extend(problems(folder, &file, &document));
        }
    }
    assert!(all.is_empty(), "{all:#?}");
    for text in observed.by_type["pub_ack"].as_array().expect("a list") {
        let document = serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
        check(folder, "api/v1/pub_ack_response.json", &document);
    }
}

#[test]
fn requests_follow_the_schemas() {
    let Some(folder) = schemas() else { return };
    let check = |file: &str, document: Value| check(folder, file, &document);
    let value = |document: &dyn erased::Document| document.value();
    check(
        "api/v1/stream_configuration.json",
        value(&without_preferred(full_stream_config())),
    );
    let request = StreamConfigRequest {
        config: without_preferred(full_stream_config()),
        pedantic: true,
    };
    let request: Value = serde_json::from_slice(&request.encode()).unwrap();
    check("api/v1/stream_create_request.json", request.clone());
    check("api/v1/stream_update_request.json", request);
    check(
        "api/v1/stream_info_request.json",
        value(&StreamInfoRequest {
            offset: 1,
            deleted_details: true,
            subjects_filter: ">".into(),
        }),
    );
    let list = StreamListRequest {
        offset: 1,
        subject: "a".into(),
    };
    check("api/v1/stream_list_request.json", value(&list));
    check("api/v1/stream_names_request.json", value(&list));
    check(
        "api/v1/stream_purge_request.json",
        value(&StreamPurgeRequest {
            seq: 1,
            filter: "a".into(),
            keep: 0,
        }),
    );
    check(
        "api/v1/stream_msg_delete_request.json",
        value(&MsgDeleteRequest {
            seq: 1,
            no_erase: true,
        }),
    );
    check(
        "api/v1/stream_snapshot_request.json",
        value(&StreamSnapshotRequest {
            deliver_subject: "d".into(),
            no_consumers: true,
            chunk_size: 1024,
            window_size: 8 << 20,
            jsck: true,
        }),
    );
    check(
        "api/v1/stream_remove_peer_request.json",
        value(&StreamRemovePeerRequest { peer: "p".into() }),
    );
    let stepdown = LeaderStepdownRequest {
        placement: full_stream_config().placement,
    };
    check(
        "api/v1/stream_leader_stepdown_request.json",
        value(&stepdown),
    );
    check(
        "api/v1/consumer_leader_stepdown_request.json",
        value(&stepdown),
    );
    check("api/v1/meta_leader_stepdown_request.json", value(&stepdown));
    check(
        "api/v1/meta_server_remove_request.json",
        value(&MetaServerRemoveRequest {
            peer: "p".into(),
            peer_id: "x".into(),
        }),
    );
    check(
        "api/v1/consumer_create_request.json",
        value(&ConsumerCreateRequest {
            stream_name: "S".into(),
            config: ConsumerConfig {
                filter_subjects: Vec::new(),
                ..full_consumer_config()
            },
            action: ConsumerAction::Create,
            pedantic: true,
        }),
    );
    check(
        "api/v1/consumer_names_request.json",
        value(&ConsumerListRequest { offset: 1 }),
    );
    check(
        "api/v1/consumer_list_request.json",
        value(&ConsumerListRequest { offset: 1 }),
    );
    check(
        "api/v1/consumer_pause_request.json",
        value(&ConsumerPauseRequest {
            pause_until: Timestamp::from_unix_nanos(1),
        }),
    );
    check(
        "api/v1/consumer_unpin_request.json",
        value(&ConsumerUnpinRequest { group: "g".into() }),
    );
    check(
        "api/v1/consumer_reset_request.json",
        value(&ConsumerResetRequest { seq: 1 }),
    );
    check(
        "api/v1/consumer_getnext_request.json",
        value(&PullRequest {
            expires: Nanos(1),
            batch: 2,
            max_bytes: 3,
            no_wait: true,
            idle_heartbeat: Nanos(4),
            group: "g".into(),
            min_pending: 5,
            min_ack_pending: 6,
            id: "i".into(),
            priority: 7,
        }),
    );
    check(
        "api/v1/stream_restore_request.json",
        value(&StreamRestoreRequest {
            config: without_preferred(full_stream_config()),
            state: StreamState::default(),
        }),
    );
    for request in [
        MsgGetRequest {
            seq: 1,
            next_by_subj: "a".into(),
            batch: 2,
            max_bytes: 3,
            ..MsgGetRequest::default()
        },
        MsgGetRequest {
            last_by_subj: "a".into(),
            ..MsgGetRequest::default()
        },
    ] {
        check("api/v1/stream_msg_get_request.json", value(&request));
    }
}

/// Placement of a stream has no preferred server.
fn without_preferred(mut config: StreamConfig) -> StreamConfig {
    if let Some(placement) = &mut config.placement {
        placement.preferred.clear();
    }
    config
}

/// Documents of several types in one list.
mod erased {
    pub trait Document {
        fn value(&self) -> serde_json::Value;
    }

    impl<T: serde::Serialize> Document for T {
        fn value(&self) -> serde_json::Value {
            serde_json::to_value(self).expect("our documents can be written")
        }
    }
}

#[test]
fn answers_and_advisories_that_one_server_seldom_gives_follow_the_schemas_too() {
    let Some(folder) = schemas() else { return };
    fn answer<T: Reply>(folder: &str, body: T) {
        let file = schema_of(T::TYPE).expect("a type");
        for answer in [Ok(body), Err(ApiError::CLUSTER_REQUIRED.error())] {
            let document = serde_json::from_slice(&reply::encode(&answer)).expect("JSON");
            check(folder, &file, &document);
        }
    }
    answer(folder, StreamRemovePeerResponse { success: true });
    answer(folder, StreamLeaderStepdownResponse { success: true });
    answer(folder, ConsumerLeaderStepdownResponse { success: true });
    answer(folder, MetaLeaderStepdownResponse { success: true });
    answer(folder, MetaServerRemoveResponse { success: true });
    answer(folder, AccountPurgeResponse { initiated: true });

    let time = Timestamp::from_unix_nanos(1_700_000_000_000_000_000);
    let client = Some(ClientInfo {
        acc: "A".into(),
        ..ClientInfo::default()
    });
    let replicas = vec![PeerInfo {
        name: "n2".into(),
        current: true,
        active: Nanos(5),
        peer: "x".into(),
        ..PeerInfo::default()
    }];
    let event = |document: &dyn erased::Document| {
        let document = document.value();
        let kind = document["type"].as_str().expect("a type").to_owned();
        check(folder, &schema_of(&kind).expect("a type"), &document);
    };
    event(&ApiLimitReached {
        server: "n1".into(),
        dropped: 5,
        ..ApiLimitReached::new("id", time)
    });
    event(&MaxDeliver {
        stream: "S".into(),
        consumer: "C".into(),
        stream_seq: 1,
        deliveries: 2,
        ..MaxDeliver::new("id", time)
    });
    event(&SnapshotCreate {
        stream: "S".into(),
        client: client.clone(),
        ..SnapshotCreate::new("id", time)
    });
    event(&DomainLeaderElected {
        leader: "n1".into(),
        replicas: replicas.clone(),
        cluster: "c".into(),
        ..DomainLeaderElected::new("id", time)
    });
    event(&StreamLeaderElected {
        stream: "S".into(),
        leader: "n1".into(),
        replicas: replicas.clone(),
        ..StreamLeaderElected::new("id", time)
    });
    event(&StreamQuorumLost {
        stream: "S".into(),
        replicas: replicas.clone(),
        ..StreamQuorumLost::new("id", time)
    });
    event(&ConsumerLeaderElected {
        stream: "S".into(),
        consumer: "C".into(),
        leader: "n1".into(),
        replicas: replicas.clone(),
        ..ConsumerLeaderElected::new("id", time)
    });
    event(&ConsumerQuorumLost {
        stream: "S".into(),
        consumer: "C".into(),
        replicas,
        ..ConsumerQuorumLost::new("id", time)
    });
    event(&ServerOutOfSpace {
        server: "n1".into(),
        server_id: "x".into(),
        stream: "S".into(),
        cluster: "c".into(),
        ..ServerOutOfSpace::new("id", time)
    });
    event(&ServerRemoved {
        server: "n1".into(),
        server_id: "x".into(),
        cluster: "c".into(),
        ..ServerRemoved::new("id", time)
    });
}

#[test]
fn advisories_know_their_subjects() {
    let time = Timestamp::NEVER;
    let stream = |action| StreamAction {
        stream: "S".into(),
        action,
        ..StreamAction::new("id", time)
    };
    assert_eq!(
        stream(Action::Modify).subject(),
        "$JS.EVENT.ADVISORY.STREAM.UPDATED.S"
    );
    let consumer = ConsumerActionAdvisory {
        stream: "S".into(),
        consumer: "C".into(),
        action: Action::Delete,
        ..ConsumerActionAdvisory::new("id", time)
    };
    assert_eq!(
        consumer.subject(),
        "$JS.EVENT.ADVISORY.CONSUMER.DELETED.S.C"
    );
    let ack = ConsumerAck {
        stream: "S".into(),
        consumer: "C".into(),
        ..ConsumerAck::new("id", time)
    };
    assert_eq!(ack.subject(), "$JS.EVENT.METRIC.CONSUMER.ACK.S.C");
    assert_eq!(
        ApiAudit::new("id", time).subject(),
        "$JS.EVENT.ADVISORY.API"
    );
    let api = subjects::ApiSubjects::new(subjects::domain_prefix("hub"));
    assert_eq!(api.stream_info("S"), "$JS.hub.API.STREAM.INFO.S");
    assert_eq!(
        api.consumer_create_filtered("S", "C", "a.>"),
        "$JS.hub.API.CONSUMER.CREATE.S.C.a.>"
    );
}
