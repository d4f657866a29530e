//! What is refused, and by which code.

use nats_interop::server::{PATIENCE, wait_until};
use serde_json::{Value, json};

use crate::table::Table;

impl Table {
    pub fn run(&mut self) {
        self.requests();
        self.stream_configs();
        self.mirror_configs();
        self.source_configs();
        self.updates();
        self.consumer_configs();
        self.consumer_policies();
        self.consumer_requests();
        self.upstreams();
        self.archives();
        self.publishing();
        self.counters();
        self.schedules();
        self.atomic_batches();
        self.fast_batches();
        self.overload();
        self.limits();
    }

    fn requests(&mut self) {
        self.stream(json!({"name": "S", "subjects": ["s.>"], "max_msg_size": 1000}));
        self.store("s.1", &[], "one");
        self.api(10003, "STREAM.MSG.GET.S", json!({}));
        self.api(10010, "STREAM.LEADER.STEPDOWN.S", Value::Null);
        self.api_text(10025, "STREAM.CREATE.X", &[], "{\"name\": \"X\"");
        self.api(10037, "STREAM.MSG.GET.S", json!({"seq": 99}));
        self.api(10038, "STREAM.DELETE.S", json!({"a": 1}));
        self.store("s.2", &[], "two");
        self.store("s.3", &[], "three");
        self.setup("STREAM.MSG.DELETE.S", json!({"seq": 2}));
        self.api(10043, "STREAM.MSG.DELETE.S", json!({"seq": 2}));
        self.api(10056, "STREAM.CREATE.X", json!({"name": "Y"}));
        self.api(10059, "STREAM.INFO.NONE", Value::Null);
        self.api_text(10185, "STREAM.INFO.S", &["Nats-Required-Api-Level: 99"], "");
        self.account = "N";
        self.api(10039, "INFO", Value::Null);
        self.account = "A";
    }

    fn stream_configs(&mut self) {
        self.create(10052, json!({"name": "X", "subjects": ["x"], "max_age": 1}));
        self.create(
            10058,
            json!({"name": "S", "subjects": ["s.>"], "max_msgs": 7}),
        );
        self.create(10065, json!({"name": "X", "subjects": ["s.x"]}));
        self.create(
            10074,
            json!({"name": "X", "subjects": ["x"], "num_replicas": 3}),
        );
        self.api(
            10128,
            "STREAM.CREATE.X/Y",
            json!({"name": "X/Y", "subjects": ["x"]}),
        );
        self.create(
            10133,
            json!({"name": "X", "subjects": ["x"], "num_replicas": -1}),
        );
        self.create(10155, json!({"name": "X", "subjects": ["x"], "subject_transform": {"src": "a..b", "dest": "c"}}));
        self.create(10156, json!({"name": "X", "subjects": ["x"], "subject_transform": {"src": "x", "dest": "{{wildcard(3)}}"}}));
    }

    fn mirror_configs(&mut self) {
        let with = |change: Value| {
            let mut config = json!({"name": "X", "mirror": {"name": "S"}});
            for (key, value) in change.as_object().expect("an object") {
                config[key] = value.clone();
            }
            config
        };
        self.create(10030, with(json!({"max_msg_size": 100})));
        self.create(10031, with(json!({"sources": [{"name": "S"}]})));
        self.create(10034, with(json!({"subjects": ["x"]})));
        self.create(10143, with(json!({"first_seq": 5})));
        self.create(10173, with(json!({"allow_msg_counter": true})));
        self.create(10198, with(json!({"allow_atomic": true})));
        self.create(10209, with(json!({"allow_batched": true})));
        self.create(10186, with(json!({"allow_msg_schedules": true})));
        let of = |mirror: Value| json!({"name": "X", "mirror": mirror});
        self.create(10142, of(json!({"name": "a.b"})));
        self.create(10150, of(json!({"name": "S", "filter_subject": "s.1", "subject_transforms": [{"src": "s.1", "dest": "x"}]})));
        self.create(
            10151,
            of(json!({"name": "S", "subject_transforms": [{"src": "s..1", "dest": "x"}]})),
        );
        self.create(10152, of(json!({"name": "S", "subject_transforms": [{"src": "s.*", "dest": "x.{{wildcard(1)}}"}, {"src": "s.1", "dest": "y"}]})));
        self.create(10154, of(json!({"name": "S", "subject_transforms": [{"src": "s.1", "dest": "x.{{wildcard(3)}}"}]})));
        self.create(
            10213,
            of(json!({"name": "S", "consumer": {"name": "a.b", "deliver_subject": "d"}})),
        );
        self.create(10049, of(json!({"name": "S", "filter_subject": "s..1"})));
    }

    fn source_configs(&mut self) {
        let of = |sources: Value| json!({"name": "X", "subjects": ["x"], "sources": sources});
        self.create(
            10021,
            of(json!([{"name": "S", "external": {"api": "$JS.API", "deliver": "d"}}])),
        );
        self.create(
            10022,
            of(json!([{"name": "S"}, {"name": "T", "external": {"api": "t.api", "deliver": "s"}}])),
        );
        self.create(
            10024,
            of(json!([{"name": "S", "external": {"api": "t.api", "deliver": "d.*"}}])),
        );
        self.create(
            10046,
            json!({"name": "X", "max_msg_size": 100, "sources": [{"name": "S"}]}),
        );
        self.create(10140, of(json!([{"name": "S"}, {"name": "S"}])));
        self.create(10141, of(json!([{"name": "a.b"}])));
        self.create(10144, of(json!([{"name": "S", "filter_subject": "s.1", "subject_transforms": [{"src": "s.1", "dest": "x"}]}])));
        self.create(
            10145,
            of(json!([{"name": "S", "subject_transforms": [{"src": "s..1", "dest": "x"}]}])),
        );
        self.create(10146, of(json!([{"name": "S", "subject_transforms": [{"src": "s.1", "dest": "x.{{wildcard(3)}}"}]}])));
        self.create(10147, of(json!([{"name": "S", "subject_transforms": [{"src": "s.*", "dest": "x.{{wildcard(1)}}"}, {"src": "s.1", "dest": "y"}]}])));
        self.create(10187, json!({"name": "X", "subjects": ["x"], "allow_msg_schedules": true, "sources": [{"name": "S"}]}));
        self.create(
            10215,
            of(json!([{"name": "S", "consumer": {"name": "a.b", "deliver_subject": "d"}}])),
        );
        let twice = json!({"name": "c", "deliver_subject": "d"});
        self.create(10216, of(json!([
            {"name": "S", "consumer": twice, "subject_transforms": [{"src": "s.1", "dest": "x"}]},
            {"name": "S", "consumer": twice, "subject_transforms": [{"src": "s.2", "dest": "y"}]},
        ])));
    }

    fn updates(&mut self) {
        self.stream(json!({"name": "M", "mirror": {"name": "S"}}));
        self.api(
            10055,
            "STREAM.UPDATE.M",
            json!({"name": "M", "mirror": {"name": "T"}}),
        );
        self.stream(json!({"name": "DENY", "subjects": ["deny.>"], "deny_delete": true, "deny_purge": true}));
        self.store("deny.1", &[], "x");
        self.api(10057, "STREAM.MSG.DELETE.DENY", json!({"seq": 1}));
        self.api(10110, "STREAM.PURGE.DENY", Value::Null);
        self.stream(json!({"name": "LIM", "subjects": ["lim"]}));
        self.setup("CONSUMER.CREATE.LIM.c", json!({"stream_name": "LIM", "config": {"name": "c", "durable_name": "c", "ack_policy": "explicit", "max_ack_pending": 500}}));
        self.api(10069, "STREAM.UPDATE.LIM", json!({"name": "LIM", "subjects": ["lim"], "consumer_limits": {"max_ack_pending": 100}}));
        self.stream(json!({"name": "SEAL", "subjects": ["seal"]}));
        self.setup(
            "STREAM.UPDATE.SEAL",
            json!({"name": "SEAL", "subjects": ["seal"], "sealed": true}),
        );
        self.publish(10109, "seal", &[], "x");
    }

    fn consumer_configs(&mut self) {
        self.consumer(10079, "S", json!({"deliver_subject": "d.*"}));
        self.consumer(
            10080,
            "S",
            json!({"deliver_subject": "d", "max_waiting": 5}),
        );
        self.consumer(10081, "S", json!({"deliver_subject": "s.x"}));
        self.consumer(
            10082,
            "S",
            json!({"deliver_subject": "d", "ack_policy": "none", "max_ack_pending": 5}),
        );
        self.consumer(
            10083,
            "S",
            json!({"deliver_subject": "d", "idle_heartbeat": 1000}),
        );
        self.consumer(
            10086,
            "S",
            json!({"rate_limit_bps": 5, "ack_policy": "explicit"}),
        );
        self.consumer(
            10088,
            "S",
            json!({"idle_heartbeat": 1_000_000_000, "ack_policy": "explicit"}),
        );
        self.consumer(
            10089,
            "S",
            json!({"flow_control": true, "ack_policy": "explicit"}),
        );
        self.consumer(
            10090,
            "S",
            json!({"direct": true, "ack_policy": "explicit"}),
        );
        let body = json!({"stream_name": "S", "config": {"durable_name": "c", "direct": true, "deliver_subject": "d", "ack_policy": "none"}});
        self.api(10091, "CONSUMER.CREATE.S.c", body);
        self.consumer(
            10094,
            "S",
            json!({"deliver_policy": "by_start_sequence", "ack_policy": "explicit"}),
        );
        self.consumer(
            10095,
            "S",
            json!({"sample_freq": "x%", "ack_policy": "explicit"}),
        );
        let long = "n".repeat(256);
        let body =
            json!({"stream_name": "S", "config": {"durable_name": long, "ack_policy": "explicit"}});
        self.api(10102, &format!("CONSUMER.DURABLE.CREATE.S.{long}"), body);
        self.consumer(
            10107,
            "S",
            json!({"description": "d".repeat(5000), "ack_policy": "explicit"}),
        );
        self.consumer(
            10108,
            "S",
            json!({"deliver_subject": "d", "flow_control": true}),
        );
        self.consumer(10112, "S", json!({"deliver_subject": "d..d"}));
        self.consumer(
            10115,
            "S",
            json!({"max_expires": 1000, "ack_policy": "explicit"}),
        );
        self.consumer(10116, "S", json!({"backoff": [1_000_000_000, 2_000_000_000], "max_deliver": 1, "ack_policy": "explicit"}));
        self.consumer(
            10121,
            "S",
            json!({"max_ack_pending": 20_000, "ack_policy": "explicit"}),
        );
        self.consumer(
            10125,
            "S",
            json!({"max_batch": 1000, "ack_policy": "explicit"}),
        );
        self.consumer(10127, "S", json!({"name": "a/b", "ack_policy": "explicit"}));
        self.consumer(
            10135,
            "S",
            json!({"metadata": {"k": "v".repeat(140_000)}, "ack_policy": "explicit"}),
        );
        self.consumer(
            10136,
            "S",
            json!({"filter_subject": "s.1", "filter_subjects": ["s.2"], "ack_policy": "explicit"}),
        );
        self.consumer(
            10138,
            "S",
            json!({"filter_subjects": ["s.*", "s.2"], "ack_policy": "explicit"}),
        );
        self.consumer(
            10139,
            "S",
            json!({"filter_subjects": ["s.1", ""], "ack_policy": "explicit"}),
        );
        self.stream(json!({"name": "INACT", "subjects": ["inact"], "consumer_limits": {"inactive_threshold": 1_000_000_000}}));
        self.consumer(
            10153,
            "INACT",
            json!({"inactive_threshold": 5_000_000_000_i64, "ack_policy": "explicit"}),
        );
        let pedantic = json!({"stream_name": "INACT", "config": {"name": "c", "ack_policy": "explicit"}, "pedantic": true});
        self.api(10157, "CONSUMER.CREATE.INACT.c", pedantic);
        self.stream(json!({"name": "WQ", "subjects": ["wq.>"], "retention": "workqueue"}));
        self.consumer(10084, "WQ", json!({"ack_policy": "none"}));
        self.consumer(
            10098,
            "WQ",
            json!({"ack_policy": "none", "deliver_subject": "d"}),
        );
        self.consumer(
            10101,
            "WQ",
            json!({"ack_policy": "explicit", "deliver_policy": "new"}),
        );
        self.setup("CONSUMER.CREATE.WQ.one", json!({"stream_name": "WQ", "config": {"name": "one", "durable_name": "one", "ack_policy": "explicit", "filter_subject": "wq.1"}}));
        self.consumer(10099, "WQ", json!({"ack_policy": "explicit"}));
        self.consumer(
            10100,
            "WQ",
            json!({"ack_policy": "explicit", "filter_subject": "wq.1"}),
        );
    }

    fn consumer_policies(&mut self) {
        self.consumer(
            10159,
            "S",
            json!({"ack_policy": "explicit", "priority_policy": "overflow"}),
        );
        self.consumer(10161, "S", json!({"ack_policy": "explicit", "priority_policy": "overflow", "priority_groups": [""]}));
        self.consumer(10162, "S", json!({"ack_policy": "explicit", "priority_policy": "overflow", "priority_groups": ["g g"]}));
        self.consumer(10178, "S", json!({"deliver_subject": "d", "priority_policy": "overflow", "priority_groups": ["g"]}));
        self.consumer(
            10183,
            "S",
            json!({"ack_policy": "explicit", "ack_wait": -1}),
        );
        self.consumer(
            10184,
            "S",
            json!({"ack_policy": "explicit", "backoff": [-1]}),
        );
        self.consumer(
            10196,
            "S",
            json!({"ack_policy": "explicit", "priority_groups": ["g"]}),
        );
        self.consumer(
            10197,
            "S",
            json!({"ack_policy": "explicit", "priority_timeout": 1_000_000_000}),
        );
        let with = |change: Value| {
            let mut config = json!({"ack_policy": "flow_control", "deliver_subject": "d", "flow_control": true,
                "idle_heartbeat": 1_000_000_000, "max_ack_pending": 10});
            for (key, value) in change.as_object().expect("an object") {
                config[key] = value.clone();
            }
            config
        };
        self.consumer(10218, "S", json!({"ack_policy": "flow_control"}));
        self.consumer(10220, "S", with(json!({"max_ack_pending": -1})));
        self.consumer(10221, "S", with(json!({"ack_wait": 1_000_000_000})));
        self.consumer(10222, "S", with(json!({"max_deliver": 5})));
    }

    fn consumer_requests(&mut self) {
        let named = |config: Value| json!({"stream_name": "S", "config": config});
        self.api(10014, "CONSUMER.INFO.S.none", Value::Null);
        self.api(
            10017,
            "CONSUMER.DURABLE.CREATE.S.c",
            named(json!({"durable_name": "d"})),
        );
        self.api(10018, "CONSUMER.DURABLE.CREATE.S.c", named(json!({})));
        self.api(
            10020,
            "CONSUMER.CREATE.S",
            named(json!({"durable_name": "d", "deliver_subject": "d"})),
        );
        self.api(
            10131,
            "CONSUMER.CREATE.S.c.s.1",
            named(json!({"name": "c", "filter_subject": "s.2"})),
        );
        self.api(
            10137,
            "CONSUMER.CREATE.S.c.s.1",
            named(json!({"name": "c", "filter_subjects": ["s.1", "s.2"]})),
        );
        self.setup(
            "CONSUMER.CREATE.S.have",
            named(json!({"name": "have", "durable_name": "have", "ack_policy": "explicit"})),
        );
        self.api(10012, "CONSUMER.CREATE.S.have", named(json!({"name": "have", "durable_name": "have", "ack_policy": "explicit", "deliver_policy": "new"})));
        let action = |action: &str, config: Value| json!({"stream_name": "S", "config": config, "action": action});
        self.api(10148, "CONSUMER.CREATE.S.have", action("create", json!({"name": "have", "durable_name": "have", "ack_policy": "explicit", "max_deliver": 5})));
        self.api(
            10149,
            "CONSUMER.CREATE.S.other",
            action("update", json!({"name": "other", "ack_policy": "explicit"})),
        );
        self.api(10160, "CONSUMER.UNPIN.S.have", json!({"group": "g"}));
        self.setup(
            "CONSUMER.CREATE.S.late",
            named(
                json!({"name": "late", "durable_name": "late", "ack_policy": "explicit",
            "deliver_policy": "by_start_sequence", "opt_start_seq": 50}),
            ),
        );
        self.api(10204, "CONSUMER.RESET.S.late", json!({"seq": 1}));
        let identity = ["Nats-Stream-Identity: nothing"];
        let body = named(json!({"direct": true, "deliver_subject": "d", "ack_policy": "none"}))
            .to_string();
        self.api_text(10225, "CONSUMER.CREATE.S", &identity, &body);
        self.link()
            .subscribe("push.here", "9")
            .expect("a connection");
        self.setup("CONSUMER.CREATE.S.push", named(json!({"name": "push", "durable_name": "push", "deliver_subject": "push.here", "ack_policy": "explicit"})));
        self.api(10013, "CONSUMER.CREATE.S.push", named(json!({"name": "push", "durable_name": "push", "deliver_subject": "push.there", "ack_policy": "explicit"})));
    }

    /// Errors that are told in the info of a stream with upstreams.
    fn upstreams(&mut self) {
        let mut fake = self.links.remove("N").expect("a link");
        self.setup("CONSUMER.CREATE.S.plain", json!({"stream_name": "S", "config": {"name": "plain", "durable_name": "plain", "deliver_subject": "up.d", "ack_policy": "none"}}));
        let made = json!({"name": "plain", "deliver_subject": "up.d"});
        self.stream(json!({"name": "U1", "mirror": {"name": "S", "consumer": made}}));
        self.stream(json!({"name": "U2", "sources": [{"name": "S", "consumer": made}]}));
        // An upstream that answers nonsense.
        self.listener
            .subscribe("fake.api.>", "fake")
            .expect("a connection");
        let external = json!({"api": "fake.api", "deliver": "fake.d"});
        self.stream(json!({"name": "U3", "mirror": {"name": "F", "external": external}}));
        self.stream(json!({"name": "U4", "sources": [{"name": "F", "external": external}]}));
        for _ in 0..2 {
            let asked = self.listener.receive_where(PATIENCE, |m| m.sid == "fake");
            let asked = asked
                .expect("a connection")
                .expect("a request for a consumer");
            self.listener
                .publish(&asked.reply, "", b"{}")
                .expect("a connection");
        }
        for (code, stream, whose) in [
            (10214, "U1", "mirror"),
            (10217, "U2", "sources"),
            (10029, "U3", "mirror"),
            (10045, "U4", "sources"),
        ] {
            let mut error = Value::Null;
            wait_until(&format!("an error of {stream}"), || {
                let info = self.setup(&format!("STREAM.INFO.{stream}"), Value::Null);
                let upstream = match whose {
                    "mirror" => &info["mirror"],
                    _ => &info["sources"][0],
                };
                error = upstream["error"].clone();
                !error.is_null()
            });
            self.note(code, stream, &error);
        }
        fake.settle().expect("a connection");
        self.links.insert("N", fake);
    }

    /// What else is wrong with archives: `jetstream_archives`.
    fn archives(&mut self) {
        let ask = json!({"deliver_subject": "x.*"});
        self.api(10015, "STREAM.SNAPSHOT.S", ask);
        let about = |name: &str| json!({"config": {"name": name, "subjects": [name]}, "state": {}});
        self.api(10130, "STREAM.RESTORE.S", about("S"));
        let begun = self.setup("STREAM.RESTORE.BROKEN", about("BROKEN"));
        let to = begun["deliver_subject"].as_str().unwrap_or_default();
        // Whoever looks at once says it after the first chunk, whoever looks at the end after the last.
        let chunks = [b"this is no archive".as_slice(), b""];
        let link = self.link();
        let answers = chunks
            .iter()
            .map(|chunk| link.ask(to, chunk).expect("an answer"));
        let told: Vec<_> = answers.filter(|answer| !answer.body.is_empty()).collect();
        let error = told.last().map_or(Value::Null, |answer| answer.json());
        self.schemas.check(&error);
        self.note(10062, "a restore of nonsense", &error["error"]);
    }

    fn publishing(&mut self) {
        self.publish(10054, "s.1", &[], &"x".repeat(1001));
        self.publish(10060, "s.1", &["Nats-Expected-Stream: T"], "x");
        self.publish(10070, "s.1", &["Nats-Expected-Last-Msg-Id: 7"], "x");
        self.publish(10071, "s.1", &["Nats-Expected-Last-Sequence: 77"], "x");
        self.publish(10111, "s.1", &["Nats-Rollup: sub"], "x");
        self.publish(10166, "s.1", &["Nats-TTL: 5"], "x");
        self.publish(
            10193,
            "s.1",
            &["Nats-Expected-Last-Subject-Sequence-Subject: s.2"],
            "x",
        );
        self.publish(10227, "s.1", &["Nats-Stream-Source: S 1 > > s.1"], "x");
        self.publish(10168, "s.1", &["Nats-Incr: 1"], "");
        self.publish(
            10174,
            "s.1",
            &["Nats-Batch-Id: b", "Nats-Batch-Sequence: 1"],
            "x",
        );
        self.publish(
            10188,
            "s.1",
            &["Nats-Schedule: @hourly", "Nats-Schedule-Target: s.2"],
            "x",
        );
        self.stream(json!({"name": "TTL", "subjects": ["ttl"], "allow_msg_ttl": true}));
        self.publish(10165, "ttl", &["Nats-TTL: soon"], "x");
        self.stream(json!({"name": "NEW", "subjects": ["new"], "discard": "new", "max_msgs": 1}));
        self.store("new", &[], "x");
        self.publish(10077, "new", &[], "x");
        self.stream(json!({"name": "BIG", "subjects": ["big"]}));
        let header = format!("Long: {}", "x".repeat(66_000));
        self.publish(10097, "big", &[&header], "x");
    }

    fn counters(&mut self) {
        self.stream(json!({"name": "COUNT", "subjects": ["count.>"], "allow_msg_counter": true}));
        self.publish(10169, "count.a", &[], "");
        self.publish(10170, "count.a", &["Nats-Incr: 1"], "x");
        self.publish(10171, "count.a", &["Nats-Incr: one"], "");
    }

    fn schedules(&mut self) {
        self.stream(json!({"name": "SCHED", "subjects": ["sched.>", "due.>"], "allow_msg_schedules": true, "allow_msg_ttl": true}));
        let with = |more: &[&'static str]| {
            let mut all = vec!["Nats-Schedule: @hourly", "Nats-Schedule-Target: due.1"];
            all.extend_from_slice(more);
            all
        };
        self.publish(
            10189,
            "sched.1",
            &["Nats-Schedule: now and then", "Nats-Schedule-Target: due.1"],
            "x",
        );
        self.publish(
            10190,
            "sched.1",
            &["Nats-Schedule: @hourly", "Nats-Schedule-Target: sched.1"],
            "x",
        );
        self.publish(10191, "sched.1", &with(&["Nats-Schedule-TTL: soon"]), "x");
        self.publish(10192, "sched.1", &with(&["Nats-Schedule-Rollup: all"]), "x");
        self.publish(
            10203,
            "sched.1",
            &with(&["Nats-Schedule-Source: due.*"]),
            "x",
        );
        self.publish(10212, "sched.1", &["Nats-Scheduler: sched.1"], "x");
        self.publish(
            10223,
            "sched.1",
            &[
                "Nats-Schedule: 0 0 * * * *",
                "Nats-Schedule-Target: due.1",
                "Nats-Schedule-Time-Zone: Nowhere/Land",
            ],
            "x",
        );
    }

    fn atomic_batches(&mut self) {
        self.stream(json!({"name": "AT", "subjects": ["at.>"], "allow_atomic": true}));
        let long = format!("Nats-Batch-Id: {}", "b".repeat(65));
        self.publish(10179, "at.1", &[&long, "Nats-Batch-Sequence: 1"], "x");
        self.publish(10175, "at.1", &["Nats-Batch-Id: b1"], "x");
        self.publish(
            10176,
            "at.1",
            &["Nats-Batch-Id: b2", "Nats-Batch-Sequence: 2"],
            "x",
        );
        self.publish(
            10199,
            "at.1",
            &["Nats-Batch-Id: b3", "Nats-Batch-Sequence: 9"],
            "x",
        );
        self.publish(
            10200,
            "at.1",
            &[
                "Nats-Batch-Id: b4",
                "Nats-Batch-Sequence: 1",
                "Nats-Batch-Commit: maybe",
            ],
            "x",
        );
        self.publish_silently(
            "at.1",
            &[
                "Nats-Batch-Id: b5",
                "Nats-Batch-Sequence: 1",
                "Nats-Msg-Id: 1",
            ],
        );
        self.publish(
            10201,
            "at.1",
            &[
                "Nats-Batch-Id: b5",
                "Nats-Batch-Sequence: 2",
                "Nats-Msg-Id: 1",
                "Nats-Batch-Commit: 1",
            ],
            "x",
        );
        self.publish_silently("at.1", &["Nats-Batch-Id: b6", "Nats-Batch-Sequence: 1"]);
        self.publish(
            10177,
            "at.1",
            &[
                "Nats-Batch-Id: b6",
                "Nats-Batch-Sequence: 2",
                "Nats-Expected-Last-Msg-Id: 1",
                "Nats-Batch-Commit: 1",
            ],
            "x",
        );
        self.publish_silently("at.1", &["Nats-Batch-Id: b7", "Nats-Batch-Sequence: 1"]);
        self.publish(
            10164,
            "at.1",
            &[
                "Nats-Batch-Id: b7",
                "Nats-Batch-Sequence: 2",
                "Nats-Expected-Last-Subject-Sequence: 1",
                "Nats-Batch-Commit: 1",
            ],
            "x",
        );
        self.publish_silently("at.1", &["Nats-Batch-Id: b8", "Nats-Batch-Sequence: 1"]);
        self.publish(
            10210,
            "at.1",
            &["Nats-Batch-Id: b9", "Nats-Batch-Sequence: 1"],
            "x",
        );
    }

    /// A message of a fast batch: batch, sequence, operation.
    fn fast(&mut self, code: u64, subject: &str, tail: &str) {
        let inbox = self.link().inbox("fast");
        let reply = format!("{inbox}.{tail}");
        let link = self.link();
        link.publish(subject, &reply, b"x").expect("a connection");
        let heard = link.receive_where(PATIENCE, |m| m.subject.starts_with(&inbox));
        let heard = heard.expect("a connection").expect("an answer").json();
        if code != 0 {
            self.note(code, &format!("{subject} with {tail}"), &heard["error"]);
        }
    }

    fn fast_batches(&mut self) {
        self.fast(10205, "s.1", "u1.10.fail.1.0.$FI");
        self.stream(json!({"name": "FAST", "subjects": ["fast.>"], "allow_batched": true}));
        self.fast(10206, "fast.1", "u2.10.never.1.0.$FI");
        self.fast(
            10207,
            "fast.1",
            &format!("{}.10.fail.1.0.$FI", "u".repeat(65)),
        );
        self.fast(10208, "fast.1", "u3.10.fail.5.1.$FI");
        self.fast(0, "fast.1", "u4.10.fail.1.0.$FI");
        self.fast(10211, "fast.1", "u5.10.fail.1.0.$FI");
    }

    fn limits(&mut self) {
        self.account = "R";
        self.create(10113, json!({"name": "X", "subjects": ["x"]}));
        self.account = "L";
        self.create(
            10122,
            json!({"name": "X", "subjects": ["x"], "max_bytes": 2000}),
        );
        self.create(
            10028,
            json!({"name": "X", "subjects": ["x"], "storage": "memory", "max_bytes": 5000}),
        );
        self.stream(json!({"name": "ONE", "subjects": ["one"]}));
        self.setup("CONSUMER.CREATE.ONE.a", json!({"stream_name": "ONE", "config": {"name": "a", "durable_name": "a", "ack_policy": "explicit"}}));
        self.consumer(10026, "ONE", json!({"name": "b", "ack_policy": "explicit"}));
        self.store("one", &[], &"x".repeat(1400));
        self.store("one", &[], &"x".repeat(1400));
        self.publish(10002, "one", &[], &"x".repeat(1400));
        self.stream(json!({"name": "TWO", "subjects": ["two"], "max_bytes": 1500}));
        self.stream(json!({"name": "THREE", "subjects": ["three"], "max_bytes": 1000}));
        let more = json!({"name": "THREE", "subjects": ["three"], "max_bytes": 1500});
        self.api(10047, "STREAM.UPDATE.THREE", more);
        self.create(
            10027,
            json!({"name": "FOUR", "subjects": ["four"], "max_bytes": 10}),
        );
        self.account = "A";
        self.stream(json!({"name": "MEM", "subjects": ["mem"], "storage": "memory"}));
        for _ in 0..4 {
            // The server's memory is full after some of these.
            let ack = self.publish_on("mem", &[], "x".repeat(100_000).as_bytes());
            if !ack["error"].is_null() {
                self.note(10023, "mem", &ack["error"]);
                break;
            }
        }
    }

    /// More at once than may wait for a stream.
    fn overload(&mut self) {
        const BURST: usize = 20_000;
        self.stream(json!({"name": "BUSY", "subjects": ["busy"]}));
        let link = self.link();
        let inbox = link.inbox("busy");
        let frame = format!("PUB busy {inbox} 1\r\nx\r\n");
        link.send(frame.repeat(BURST).as_bytes())
            .expect("a connection");
        let mut refused = None;
        for _ in 0..BURST {
            let heard = link.receive_where(PATIENCE, |m| m.subject == inbox);
            let heard = heard.expect("a connection").expect("an answer");
            let ack = heard.json();
            if !ack["error"].is_null() {
                assert!(heard.headers.starts_with("NATS/1.0 429"), "{heard:?}");
                refused = Some(ack);
            }
        }
        self.note(10167, "a burst", &refused.unwrap_or_default()["error"]);
    }
}
