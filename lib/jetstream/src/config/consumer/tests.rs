//! Every rule once, with the code and the text that the reference server answers with.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use nats_api::errors::ApiError;
use nats_api::jetstream::{
    AccountLimits, AckPolicy, ConsumerAction, ConsumerConfig, ConsumerCreateRequest,
    ConsumerLimits, DeliverPolicy, Placement, PriorityPolicy, Retention, StreamConfig,
};
use nats_api::time::{Nanos, Timestamp};

use super::request::{Form, read};
use super::{Admission, Rules, ServerLimits, Siblings, admit};

#[derive(Default)]
struct Others {
    consumers: BTreeMap<String, ConsumerConfig>,
    listened: Vec<&'static str>,
}

impl Siblings for Others {
    fn get(&self, name: &str) -> Option<&ConsumerConfig> {
        self.consumers.get(name)
    }

    fn limitable(&self) -> usize {
        self.consumers.len()
    }

    fn each(&self, visit: &mut dyn FnMut(&str, &ConsumerConfig) -> ControlFlow<()>) {
        for (name, config) in &self.consumers {
            if visit(name, config).is_break() {
                return;
            }
        }
    }

    fn listens(&self, subject: &str) -> bool {
        self.listened.contains(&subject)
    }
}

fn stream() -> StreamConfig {
    StreamConfig {
        name: "S".to_owned(),
        subjects: vec!["a.>".to_owned()],
        num_replicas: 1,
        max_consumers: -1,
        ..StreamConfig::default()
    }
}

fn pull() -> ConsumerConfig {
    ConsumerConfig {
        durable_name: "C".to_owned(),
        name: "C".to_owned(),
        ack_policy: AckPolicy::Explicit,
        ..ConsumerConfig::default()
    }
}

fn push() -> ConsumerConfig {
    ConsumerConfig {
        deliver_subject: "out".to_owned(),
        ..pull()
    }
}

fn nanos(n: i64) -> Nanos {
    Nanos(n)
}

struct Case {
    stream: StreamConfig,
    server: ServerLimits,
    account: AccountLimits,
    others: Others,
    request: ConsumerCreateRequest,
}

impl Case {
    fn new(config: ConsumerConfig) -> Self {
        Self {
            stream: stream(),
            server: ServerLimits::default(),
            account: AccountLimits {
                max_consumers: -1,
                max_ack_pending: -1,
                ..AccountLimits::default()
            },
            others: Others::default(),
            request: ConsumerCreateRequest {
                stream_name: "S".to_owned(),
                config,
                ..ConsumerCreateRequest::default()
            },
        }
    }

    fn admit(&self) -> Result<Admission, ApiError> {
        let rules = Rules {
            stream: &self.stream,
            server: self.server,
            account: Some(&self.account),
        };
        admit(self.request.clone(), &rules, &self.others, &mut 1u64)
    }

    fn created(&self) -> ConsumerConfig {
        match self.admit() {
            Ok(Admission::Create(config)) => *config,
            other => panic!("not a new consumer: {other:?}"),
        }
    }

    /// The consumer as it is made exists now.
    fn existing(mut self) -> Self {
        let config = self.created();
        self.others.consumers.insert(config.name.clone(), config);
        self
    }
}

/// Changes one thing about a case and expects an error.
type Broken = (u16, &'static str, fn() -> ConsumerConfig, fn(&mut Case));

#[test]
fn every_rule_has_its_code_and_text() {
    #[rustfmt::skip]
    let table: &[Broken] = &[
        (10052, "consumer name can not contain '.', '*', '>', '\\', '/'", pull, |c| c.request.config.name = "a.b".into()),
        (10052, "consumer durable name can not contain '.', '*', '>', '\\', '/'", pull, |c| { c.request.config.name.clear(); c.request.config.durable_name = "a*".into(); }),
        (10074, "replicas > 1 not supported in non-clustered mode", pull, |c| c.request.config.num_replicas = 3),
        (10126, "consumer config replica count exceeds parent stream", pull, |c| { c.stream.num_replicas = 3; c.request.config.num_replicas = 5; }),
        (10133, "replicas count cannot be negative", pull, |c| c.request.config.num_replicas = -1),
        (10134, "consumer config replicas must match interest retention stream's replicas", pull, |c| { c.stream.num_replicas = 3; c.stream.retention = Retention::Interest; c.request.config.num_replicas = 1; }),
        (10184, "consumer backoff needs to be positive", pull, |c| c.request.config.backoff = vec![nanos(1), nanos(-1)]),
        (10183, "consumer ack wait needs to be positive", pull, |c| c.request.config.ack_wait = nanos(-1)),
        (10218, "flow control ack policy requires a push based consumer", pull, |c| c.request.config.ack_policy = AckPolicy::FlowControl),
        (10219, "flow control ack policy requires flow control", push, |c| { c.request.config.ack_policy = AckPolicy::FlowControl; c.request.pedantic = true; }),
        (10052, "flow control ack policy heartbeat needs to be 1s", push, |c| { c.request.config.ack_policy = AckPolicy::FlowControl; c.request.config.flow_control = true; c.request.config.idle_heartbeat = nanos(2_000_000_000); c.request.pedantic = true; }),
        (10220, "flow control ack policy requires max ack pending", push, |c| { c.request.config.ack_policy = AckPolicy::FlowControl; c.request.config.max_ack_pending = -1; }),
        (10221, "flow control ack policy requires unset ack wait", push, |c| { c.request.config.ack_policy = AckPolicy::FlowControl; c.request.config.ack_wait = nanos(1); }),
        (10222, "flow control ack policy requires unset max deliver", push, |c| { c.request.config.ack_policy = AckPolicy::FlowControl; c.request.config.max_deliver = 2; }),
        (10116, "max deliver is required to be > length of backoff values", pull, |c| { c.request.config.backoff = vec![nanos(1), nanos(2)]; c.request.config.max_deliver = 1; }),
        (10107, "consumer description is too long, maximum allowed is 4096", pull, |c| c.request.config.description = "x".repeat(4097)),
        (10079, "consumer deliver subject has wildcards", push, |c| c.request.config.deliver_subject = "out.*".into()),
        (10112, "invalid push consumer deliver subject", push, |c| c.request.config.deliver_subject = "out..x".into()),
        (10081, "consumer deliver subject forms a cycle", push, |c| c.request.config.deliver_subject = "a.b".into()),
        (10080, "consumer in push mode can not set max waiting", push, |c| c.request.config.max_waiting = 1),
        (10082, "consumer requires ack policy for max ack pending", push, |c| { c.request.config.ack_policy = AckPolicy::None; c.request.config.max_ack_pending = 1; }),
        (10083, "consumer idle heartbeat needs to be >= 100ms", push, |c| c.request.config.idle_heartbeat = nanos(99_999_999)),
        (10084, "consumer in pull mode requires explicit ack policy on workqueue stream", pull, |c| { c.request.config.ack_policy = AckPolicy::None; c.stream.retention = Retention::WorkQueue; }),
        (10086, "consumer in pull mode can not have rate limit set", pull, |c| c.request.config.rate_limit_bps = 1),
        (10088, "consumer idle heartbeat requires a push based consumer", pull, |c| c.request.config.idle_heartbeat = nanos(1)),
        (10089, "consumer flow control requires a push based consumer", pull, |c| c.request.config.flow_control = true),
        (10115, "consumer max request expires needs to be >= 1ms", pull, |c| c.request.config.max_expires = nanos(999_999)),
        (10125, "consumer max request batch exceeds server limit of 5", pull, |c| { c.server.max_request_batch = 5; c.request.config.max_batch = 6; }),
        (10121, "consumer max ack pending exceeds system limit of 5", pull, |c| { c.server.max_ack_pending = 5; c.request.config.max_ack_pending = 6; }),
        (10121, "consumer max ack pending exceeds system limit of 4", pull, |c| { c.account.max_ack_pending = 4; c.request.config.max_ack_pending = 6; }),
        (10121, "consumer max ack pending exceeds system limit of 3", pull, |c| { c.stream.consumer_limits.max_ack_pending = 3; c.request.config.max_ack_pending = 6; }),
        (10153, "consumer inactive threshold exceeds system limit of 1m0s", pull, |c| { c.stream.consumer_limits.inactive_threshold = nanos(60_000_000_000); c.request.config.inactive_threshold = nanos(60_000_000_001); }),
        (10090, "consumer direct requires a push based consumer", pull, |c| c.request.config.direct = true),
        (10091, "consumer direct requires an ephemeral consumer", push, |c| c.request.config.direct = true),
        (10136, "consumer cannot have both FilterSubject and FilterSubjects specified", pull, |c| { c.request.config.filter_subject = "a.b".into(); c.request.config.filter_subjects = vec!["a.c".into()]; }),
        (10052, "invalid subject", pull, |c| c.request.config.filter_subject = "a..b".into()),
        (10139, "consumer filter in FilterSubjects cannot be empty", pull, |c| c.request.config.filter_subjects = vec!["a".into(), String::new()]),
        (10138, "consumer subject filters cannot overlap", pull, |c| c.request.config.filter_subjects = vec!["a.*".into(), "a.b".into()]),
        (10094, "consumer delivery policy is deliver all, but optional start sequence is also set", pull, |c| c.request.config.opt_start_seq = 1),
        (10094, "consumer delivery policy is deliver all, but optional start time is also set", pull, |c| c.request.config.opt_start_time = Some(Timestamp::from_unix_nanos(1))),
        (10094, "consumer delivery policy is deliver last, but optional start sequence is also set", pull, |c| { c.request.config.deliver_policy = DeliverPolicy::Last; c.request.config.opt_start_seq = 1; }),
        (10094, "consumer delivery policy is deliver new, but optional start time is also set", pull, |c| { c.request.config.deliver_policy = DeliverPolicy::New; c.request.config.opt_start_time = Some(Timestamp::from_unix_nanos(1)); }),
        (10094, "consumer delivery policy is deliver last per subject, but optional filter subject is not set", pull, |c| c.request.config.deliver_policy = DeliverPolicy::LastPerSubject),
        (10094, "consumer delivery policy is deliver by start sequence, but optional start sequence is not set", pull, |c| c.request.config.deliver_policy = DeliverPolicy::ByStartSequence),
        (10094, "consumer delivery policy is deliver by start sequence, but optional start time is also set", pull, |c| { c.request.config.deliver_policy = DeliverPolicy::ByStartSequence; c.request.config.opt_start_seq = 1; c.request.config.opt_start_time = Some(Timestamp::from_unix_nanos(1)); }),
        (10094, "consumer delivery policy is deliver by start time, but optional start time is not set", pull, |c| c.request.config.deliver_policy = DeliverPolicy::ByStartTime),
        (10094, "consumer delivery policy is deliver by start time, but optional start start sequence is also set", pull, |c| { c.request.config.deliver_policy = DeliverPolicy::ByStartTime; c.request.config.opt_start_seq = 1; c.request.config.opt_start_time = Some(Timestamp::from_unix_nanos(1)); }),
        (10095, "failed to parse consumer sampling configuration: strconv.Atoi: parsing \"x\": invalid syntax", pull, |c| c.request.config.sample_freq = "x%".into()),
        (10095, "failed to parse consumer sampling configuration: <nil>", pull, |c| c.request.config.sample_freq = "-1".into()),
        (10108, "consumer with flow control also needs heartbeats", push, |c| c.request.config.flow_control = true),
        (10132, "Consumer Durable and Name have to be equal if both are provided", pull, |c| c.request.config.name = "D".into()),
        (10135, "consumer metadata exceeds maximum size of 128KB", pull, |c| { c.request.config.metadata.insert("k".into(), "v".repeat(128 * 1024)); }),
        (10178, "priority groups can not be used with push consumers", push, |c| { c.request.config.priority_policy = PriorityPolicy::Overflow; c.request.config.priority_groups = vec!["g".into()]; }),
        (10159, "Setting PriorityPolicy requires at least one PriorityGroup to be set", pull, |c| c.request.config.priority_policy = PriorityPolicy::Overflow),
        (10161, "Group name cannot be an empty string", pull, |c| { c.request.config.priority_policy = PriorityPolicy::Overflow; c.request.config.priority_groups = vec![String::new()]; }),
        (10162, "Valid priority group name must match A-Z, a-z, 0-9, -_/=)+ and may not exceed 16 characters", pull, |c| { c.request.config.priority_policy = PriorityPolicy::Overflow; c.request.config.priority_groups = vec!["a b".into()]; }),
        (10196, "consumer can not have priority groups when policy is none", pull, |c| c.request.config.priority_groups = vec!["g".into()]),
        (10197, "PinnedTTL cannot be set when PriorityPolicy is none", pull, |c| c.request.config.priority_timeout = nanos(1)),
        (10052, "preferred server not permitted in placement", pull, |c| c.stream.placement = Some(Placement { preferred: "x".into(), ..Placement::default() })),
        (10149, "consumer does not exist", pull, |c| c.request.action = ConsumerAction::Update),
        (10026, "maximum consumers limit reached", pull, |c| { c.stream.max_consumers = 1; c.others.consumers.insert("other".into(), pull()); }),
        (10026, "maximum consumers limit reached", pull, |c| { c.account.max_consumers = 1; c.others.consumers.insert("other".into(), pull()); }),
        (10098, "workqueue stream requires explicit ack", push, |c| { c.stream.retention = Retention::WorkQueue; c.request.config.ack_policy = AckPolicy::All; }),
        (10101, "consumer must be deliver all on workqueue stream", pull, |c| { c.stream.retention = Retention::WorkQueue; c.request.config.deliver_policy = DeliverPolicy::New; }),
        (10099, "multiple non-filtered consumers not allowed on workqueue stream", pull, |c| { c.stream.retention = Retention::WorkQueue; c.others.consumers.insert("other".into(), pull()); }),
        (10100, "filtered consumer not unique on workqueue stream", pull, |c| { c.stream.retention = Retention::WorkQueue; c.request.config.filter_subject = "a.b".into(); c.others.consumers.insert("other".into(), ConsumerConfig { filter_subject: "a.*".into(), ..pull() }); }),
        (10102, "consumer name is too long, maximum allowed is 255", pull, |c| { c.request.config.durable_name = "x".repeat(256); c.request.config.name = "x".repeat(256); }),
    ];
    for (code, text, config, break_it) in table {
        let mut case = Case::new(config());
        break_it(&mut case);
        let error = case.admit().expect_err(text);
        assert_eq!((error.err_code, error.description.as_str()), (*code, *text));
    }
}

#[test]
fn pedantic_clients_correct_themselves() {
    type Change = fn(&mut Case);
    #[rustfmt::skip]
    let table: &[(&str, Change)] = &[
        ("max_deliver must be set to -1", |c| c.request.config.max_deliver = -2),
        ("max_waiting must not be negative", |c| c.request.config.max_waiting = -1),
        ("max_ack_pending must be set to -1", |c| c.request.config.max_ack_pending = -2),
        ("max_batch must not be negative", |c| c.request.config.max_batch = -1),
        ("max_expires must not be negative", |c| c.request.config.max_expires = nanos(-1)),
        ("max_bytes must not be negative", |c| c.request.config.max_bytes = -1),
        ("idle_heartbeat must not be negative", |c| c.request.config.idle_heartbeat = nanos(-1)),
        ("inactive_threshold must not be negative", |c| c.request.config.inactive_threshold = nanos(-1)),
        ("priority_timeout must not be negative", |c| c.request.config.priority_timeout = nanos(-1)),
        ("first backoff value has to equal batch AckWait", |c| c.request.config.backoff = vec![nanos(1)]),
        ("max_ack_pending must be set if it's configured in stream limits", |c| c.stream.consumer_limits.max_ack_pending = 5),
        ("inactive_threshold must be set if it's configured in stream limits", |c| c.stream.consumer_limits.inactive_threshold = nanos(5)),
        ("max_request_batch must be set if it's JetStream limits are set", |c| c.server.max_request_batch = 5),
    ];
    for (text, change) in table {
        let mut case = Case::new(pull());
        change(&mut case);
        case.admit().expect(text);
        case.request.pedantic = true;
        let error = case.admit().expect_err(text);
        assert_eq!(
            (error.err_code, error.description),
            (10157, format!("pedantic mode: {text}"))
        );
    }
}

#[test]
fn what_is_left_out_is_filled_in() {
    let config = Case::new(pull()).created();
    assert_eq!(
        (
            config.max_deliver,
            config.max_waiting,
            config.max_ack_pending
        ),
        (-1, 512, 1000)
    );
    assert_eq!(config.ack_wait, nanos(30_000_000_000));
    assert_eq!(config.inactive_threshold, nanos(0));
    assert_eq!(config.metadata["_nats.req.level"], "0");

    let mut case = Case::new(ConsumerConfig {
        ack_policy: AckPolicy::None,
        ..ConsumerConfig::default()
    });
    let config = case.created();
    assert_eq!((config.max_ack_pending, config.ack_wait), (0, nanos(0)));
    assert_eq!(
        config.inactive_threshold,
        nanos(5_000_000_000),
        "it goes with its client"
    );
    assert_eq!(config.name.len(), 8, "the server chose {:?}", config.name);

    case.stream.consumer_limits = ConsumerLimits {
        inactive_threshold: nanos(7),
        max_ack_pending: 6,
    };
    case.server.max_request_batch = 9;
    let config = case.created();
    assert_eq!((config.max_ack_pending, config.max_batch), (6, 9));
    assert_eq!(config.inactive_threshold, nanos(7));

    let mut case = Case::new(pull());
    case.account.max_ack_pending = 20;
    case.server.max_ack_pending = 10;
    assert_eq!(case.created().max_ack_pending, 10);
    let config = &mut case.request.config;
    config.backoff = vec![nanos(5), nanos(6)];
    config.priority_policy = PriorityPolicy::PinnedClient;
    config.priority_groups = vec!["g".to_owned()];
    let config = case.created();
    assert_eq!(config.ack_wait, nanos(5));
    assert_eq!(config.priority_timeout, nanos(120_000_000_000));
    assert_eq!(config.metadata["_nats.req.level"], "1");

    let mut case = Case::new(push());
    case.request.config.ack_policy = AckPolicy::FlowControl;
    let config = case.created();
    assert!(config.flow_control);
    assert_eq!(
        (config.idle_heartbeat, config.ack_wait),
        (nanos(1_000_000_000), nanos(0))
    );
    assert_eq!(config.metadata["_nats.req.level"], "4");
}

#[test]
fn what_an_update_may_not_change() {
    type Base = fn() -> ConsumerConfig;
    type Change = fn(&mut ConsumerConfig);
    #[rustfmt::skip]
    let table: &[(Base, &str, Change)] = &[
        (pull, "deliver policy can not be updated", |c| c.deliver_policy = DeliverPolicy::New),
        (pull, "storage type can not be updated", |c| c.mem_storage = true),
        (push, "sourcing can not be updated", |c| c.sourcing = true),
        (pull, "ack policy can not be updated", |c| c.ack_policy = AckPolicy::All),
        (pull, "replay policy can not be updated", |c| c.replay_policy = nats_api::jetstream::ReplayPolicy::Original),
        (push, "heart beats can not be updated", |c| c.idle_heartbeat = nanos(1_000_000_000)),
        (push, "heart beats can not be updated", |c| { c.flow_control = true; c.idle_heartbeat = nanos(1_000_000_000); }),
        (pull, "can not update pull consumer to push based", |c| c.deliver_subject = "out".into()),
        (push, "can not update push consumer to pull based", |c| c.deliver_subject.clear()),
        (pull, "max waiting can not be updated", |c| c.max_waiting = 7),
    ];
    for (config, text, change) in table {
        let mut case = Case::new(config()).existing();
        change(&mut case.request.config);
        let error = case.admit().expect_err(text);
        assert_eq!((error.err_code, error.description.as_str()), (10012, *text));
    }
    let by_start = || ConsumerConfig {
        deliver_policy: DeliverPolicy::ByStartSequence,
        opt_start_seq: 5,
        ..pull()
    };
    let mut case = Case::new(by_start()).existing();
    case.request.config.opt_start_seq = 6;
    let error = case.admit().expect_err("another start");
    assert_eq!(error.description, "start sequence can not be updated");
}

#[test]
fn a_bound_deliver_subject_stays() {
    let mut case = Case::new(push()).existing();
    case.request.config.deliver_subject = "out2".to_owned();
    assert!(matches!(case.admit(), Ok(Admission::Update(_))));
    case.others.listened.push("out");
    let error = case.admit().expect_err("somebody listens");
    assert_eq!(error.err_code, 10013);
}

#[test]
fn create_accepts_what_is_there_and_nothing_else() {
    let mut case = Case::new(pull()).existing();
    case.request.action = ConsumerAction::Create;
    assert!(matches!(case.admit(), Ok(Admission::Update(_))));
    case.request.config.description = "other".to_owned();
    let error = case.admit().expect_err("it differs");
    assert_eq!(error.err_code, 10148);
    case.request.action = ConsumerAction::Update;
    let Ok(Admission::Update(config)) = case.admit() else {
        panic!("an update");
    };
    assert_eq!(config.description, "other");
}

#[test]
fn a_request_does_not_end_a_pause() {
    let until = Some(Timestamp::from_unix_nanos(1 << 62));
    let mut case = Case::new(pull()).existing();
    if let Some(there) = case.others.consumers.get_mut("C") {
        there.pause_until = until;
    }
    case.request.config.description = "other".to_owned();
    let Ok(Admission::Update(config)) = case.admit() else {
        panic!("an update");
    };
    assert_eq!(config.pause_until, until);
    assert_eq!(config.metadata["_nats.req.level"], "1");
}

#[test]
fn sources_get_a_durable_consumer_where_messages_wait_for_it() {
    let mut case = Case::new(ConsumerConfig {
        name: "src".to_owned(),
        deliver_subject: "out".to_owned(),
        direct: true,
        sourcing: true,
        ack_policy: AckPolicy::None,
        ..ConsumerConfig::default()
    });
    let config = case.created();
    assert!(config.name.starts_with("src-") && config.name.len() == 12 && config.direct);
    case.stream.retention = Retention::Interest;
    let config = case.created();
    assert_eq!(
        (config.durable_name.as_str(), config.direct),
        ("src", false)
    );
    assert_eq!(config.ack_policy, AckPolicy::FlowControl);
}

#[test]
fn the_subject_of_a_request_says_the_same_as_its_body() {
    let named = |filter| Form::Named {
        stream: "S",
        consumer: "C",
        filter,
    };
    let durable = Form::Durable {
        stream: "S",
        consumer: "C",
    };
    type Change = fn(&mut ConsumerCreateRequest);
    #[rustfmt::skip]
    let table: &[(Form<'_>, Change, u16)] = &[
        (named(None), |_| {}, 0),
        (named(None), |r| r.config.durable_name.clear(), 0),
        (named(Some("a.b")), |r| r.config.filter_subject = "a.b".into(), 0),
        (durable, |_| {}, 0),
        (Form::Unnamed { stream: "S" }, |r| r.config.durable_name.clear(), 0),
        (named(None), |r| r.stream_name = "T".into(), 10056),
        (Form::Named { stream: "S", consumer: "a/b", filter: None }, |_| {}, 10127),
        (durable, |r| r.config.durable_name.clear(), 10018),
        (durable, |r| r.config.durable_name = "D".into(), 10017),
        (named(None), |r| r.config.durable_name = "D".into(), 10017),
        (Form::Unnamed { stream: "S" }, |_| {}, 10020),
        (named(Some("a.b")), |r| r.config.filter_subjects = vec!["a.b".into()], 10137),
        (named(Some("a.b")), |r| r.config.filter_subject = "a.c".into(), 10131),
    ];
    for (form, change, code) in table {
        let mut request = Case::new(pull()).request;
        change(&mut request);
        let result = read(*form, &mut request);
        assert_eq!(result.err().map_or(0, |e| e.err_code), *code, "{form:?}");
    }
    let mut request = Case::new(pull()).request;
    request.config.name.clear();
    read(named(None), &mut request).expect("a request");
    assert_eq!(request.config.name, "C");
}
