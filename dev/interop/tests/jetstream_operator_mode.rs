//! JetStream of accounts by their tokens: it comes with the claims, changes with them, and goes with them without deleting anything.

use std::collections::BTreeMap;

use nats_interop::server::{PATIENCE, wait_until};
use nats_interop::trust::{Account, Operator};
use nats_interop::{Launch, Link, Server};
use nats_jwt::claims::JetStreamLimits;
use serde_json::{Value, json};

const NO_LIMITS: JetStreamLimits = JetStreamLimits {
    mem_storage: -1,
    disk_storage: -1,
    streams: -1,
    consumer: -1,
    max_ack_pending: 0,
    mem_max_stream_bytes: 0,
    disk_max_stream_bytes: 0,
    max_bytes_required: false,
};

/// An operator, its accounts, and a server with a full resolver that knows them.
struct World {
    operator: Operator,
    server: Server,
}

impl World {
    fn start(accounts: &[&Account]) -> Self {
        Self::sized("", accounts)
    }

    fn sized(size: &str, accounts: &[&Account]) -> Self {
        let operator = Operator::new();
        let resolver = "{ type: full, dir: '$DIR/jwt' }";
        let config = operator.preloaded(resolver, accounts);
        let config = format!(
            "{config}\njetstream {{ store_dir: '$DIR/data'{size} }}\nhttp: '127.0.0.1:-1'\n"
        );
        let server = Launch::new(&config)
            .allow_log("JetStream|jwt update|fetch took|Error enabling|limits|insufficient storage resources")
            .start();
        Self { operator, server }
    }

    fn push(&self, account: &Account) {
        let mut system = self.operator.system_wire(&self.server);
        self.operator.push(&mut system, account);
    }
}

fn account(name: &str, limits: JetStreamLimits) -> Account {
    let mut account = Account::new(name);
    account.claims.nats.limits.jetstream = limits;
    account
}

#[track_caller]
fn refused(link: &mut Link, ask: &str, body: &Value) -> u64 {
    let answer = link.api(ask, body).expect("an answer");
    let code = answer["error"]["err_code"].as_u64();
    code.unwrap_or_else(|| panic!("{ask} {body} was not refused: {answer}"))
}

#[test]
fn an_account_has_jetstream_when_its_token_says_so() {
    let with = account("WITH", NO_LIMITS);
    let without = Account::new("WITHOUT");
    let world = World::start(&[&with, &without]);
    let mut link = with.user("u").link(&world.server);
    let info = link.done("INFO", &Value::Null);
    assert_eq!(info["limits"]["max_storage"], -1);
    link.create_stream(&json!({"name": "S", "subjects": ["s.*"]}));
    assert_eq!(link.store("s.1", b"x"), 1);
    let mut other = without.user("u").link(&world.server);
    assert_eq!(refused(&mut other, "INFO", &Value::Null), 10039);
}

#[test]
fn limits_of_the_token_count_and_change_while_clients_stay() {
    let mut limited = account(
        "A",
        JetStreamLimits {
            disk_storage: 10_000,
            mem_storage: 0,
            streams: 2,
            consumer: 1,
            disk_max_stream_bytes: 9_000,
            max_bytes_required: true,
            ..NO_LIMITS
        },
    );
    let world = World::start(&[&limited]);
    let mut link = limited.user("u").link(&world.server);
    let stream = |name: &str, bytes: i64| json!({"name": name, "subjects": [format!("{name}.*")], "max_bytes": bytes});
    let create = |link: &mut Link, name: &str, bytes| {
        refused(link, &format!("STREAM.CREATE.{name}"), &stream(name, bytes))
    };
    assert_eq!(create(&mut link, "S", -1), 10113, "bytes are required");
    assert_eq!(create(&mut link, "S", 9_001), 10122, "bytes of one stream");
    let in_memory = json!({"name": "M", "subjects": ["m"], "storage": "memory", "max_bytes": 100});
    assert_eq!(refused(&mut link, "STREAM.CREATE.M", &in_memory), 10028);
    link.create_stream(&stream("S", 8_000));
    assert_eq!(create(&mut link, "T", 3_000), 10047, "bytes of the account");
    link.create_stream(&stream("T", 1_000));
    assert_eq!(create(&mut link, "U", 100), 10027, "streams");
    let consumer = |name: &str| json!({"stream_name": "S", "config": {"durable_name": name, "ack_policy": "explicit"}});
    link.done("CONSUMER.DURABLE.CREATE.S.one", &consumer("one"));
    assert_eq!(
        refused(&mut link, "CONSUMER.DURABLE.CREATE.S.two", &consumer("two")),
        10026
    );
    limited.claims.nats.limits.jetstream = JetStreamLimits {
        disk_storage: 100_000,
        streams: 3,
        consumer: 2,
        ..NO_LIMITS
    };
    world.push(&limited);
    let info = link.done("INFO", &Value::Null);
    assert_eq!(info["limits"]["max_storage"], 100_000);
    assert_eq!(info["streams"], 2);
    link.create_stream(&stream("U", 20_000));
    link.done("CONSUMER.DURABLE.CREATE.S.two", &consumer("two"));
    assert_eq!(create(&mut link, "V", 100), 10027);
    let info = link.done("INFO", &Value::Null);
    assert_eq!(info["reserved_storage"], 29_000);
}

/// What a token promises, the server has: limits for which there is no room beside those of the others are not taken on.
#[test]
fn the_server_promises_accounts_no_more_than_it_has() {
    let bytes = |disk_storage| JetStreamLimits {
        disk_storage,
        mem_storage: 0,
        ..NO_LIMITS
    };
    let (mut one, mut two) = (account("ONE", bytes(600)), account("TWO", bytes(300)));
    let mut three = account("THREE", bytes(200));
    let world = World::sized(", max_file: 1000", &[&one, &two, &three]);
    let most = |link: &mut Link| link.done("INFO", &Value::Null)["limits"]["max_storage"].clone();
    let mut in_one = one.user("u").link(&world.server);
    let mut in_two = two.user("u").link(&world.server);
    assert_eq!(
        (most(&mut in_one), most(&mut in_two)),
        (json!(600), json!(300))
    );
    let mut in_three = three.user("u").link(&world.server);
    let has_jetstream = |link: &mut Link| {
        let answer = link.ask("$JS.API.INFO", b"").expect("an answer");
        answer.text().contains("\"limits\"")
    };
    assert!(!has_jetstream(&mut in_three), "200 beside 900 of 1000");
    two.claims.nats.limits.jetstream = bytes(500);
    world.push(&two);
    assert_eq!(most(&mut in_two), 300, "500 beside 600 of 1000");
    one.claims.nats.limits.jetstream = bytes(400);
    world.push(&one);
    assert_eq!(most(&mut in_one), 400, "less is always possible");
    two.claims.nats.limits.jetstream = bytes(450);
    world.push(&two);
    assert_eq!(most(&mut in_two), 450);
    three.claims.nats.limits.jetstream = bytes(100);
    world.push(&three);
    wait_until("JetStream where there is room", || {
        has_jetstream(&mut in_three)
    });
    let page = world.server.page("/jsz?accounts=true");
    let names = page["account_details"].as_array().expect("accounts");
    let mut names: Vec<_> = names.iter().filter_map(|a| a["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ONE", "THREE", "TWO"], "{page}");
}

#[test]
fn tiers_are_limits_by_number_of_replicas() {
    let mut tiered = Account::new("A");
    let tier = JetStreamLimits {
        disk_storage: 10_000,
        streams: 1,
        ..NO_LIMITS
    };
    tiered.claims.nats.limits.tiered_limits =
        BTreeMap::from([("R1".to_owned(), tier), ("R3".to_owned(), NO_LIMITS)]);
    let world = World::start(&[&tiered]);
    let mut link = tiered.user("u").link(&world.server);
    link.create_stream(&json!({"name": "S", "subjects": ["s.*"], "max_bytes": 4_000}));
    link.store("s.1", b"x");
    link.done(
        "CONSUMER.DURABLE.CREATE.S.one",
        &json!({"stream_name": "S", "config": {"durable_name": "one", "ack_policy": "explicit"}}),
    );
    let second = json!({"name": "T", "subjects": ["t.*"]});
    assert_eq!(refused(&mut link, "STREAM.CREATE.T", &second), 10027);
    let two = json!({"name": "T", "subjects": ["t.*"], "num_replicas": 2});
    assert_eq!(refused(&mut link, "STREAM.CREATE.T", &two), 10120);
    let three = json!({"name": "T", "subjects": ["t.*"], "num_replicas": 3});
    assert_eq!(refused(&mut link, "STREAM.CREATE.T", &three), 10074);
    let mut info = link.done("INFO", &Value::Null);
    assert_eq!(info["limits"]["max_storage"], 0);
    assert_eq!(
        (&info["streams"], &info["consumers"]),
        (&json!(1), &json!(1))
    );
    assert!(info["storage"].as_u64() > Some(0), "{info}");
    assert_eq!(info["tiers"]["R1"]["storage"], info["storage"]);
    info["tiers"]["R1"]["storage"] = json!(0);
    let limits = |storage: i64, streams: i64| {
        json!({"max_memory": -1, "max_storage": storage, "max_streams": streams, "max_consumers": -1, "max_ack_pending": -1,
            "memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1, "max_bytes_required": false})
    };
    let used = |reserved: u64, count: u64, limits: Value| {
        json!({"memory": 0, "storage": 0, "reserved_memory": 0, "reserved_storage": reserved, "streams": count, "consumers": count,
            "limits": limits})
    };
    let expected =
        json!({"R1": used(4_000, 1, limits(10_000, 1)), "R3": used(0, 0, limits(-1, -1))});
    assert_eq!(info["tiers"], expected);
}

#[test]
fn an_account_that_loses_jetstream_loses_nothing_else() {
    let mut account = account("A", NO_LIMITS);
    let mut world = World::start(&[&account]);
    let mut link = account.user("u").link(&world.server);
    link.create_stream(&json!({"name": "S", "subjects": ["s.*"]}));
    for n in 0..10 {
        link.store("s.x", format!("{n}").as_bytes());
    }
    let consumer =
        json!({"stream_name": "S", "config": {"durable_name": "c", "ack_policy": "explicit"}});
    link.done("CONSUMER.DURABLE.CREATE.S.c", &consumer);
    let first = next(&mut link);
    assert_eq!(first.text(), "0");
    link.ask(&first.reply, b"+ACK").expect("an answer");
    let limits = std::mem::take(&mut account.claims.nats.limits.jetstream);
    world.push(&account);
    wait_until("JetStream to be refused", || {
        refused_or_null(&mut link, "INFO") == 10039
    });
    let nobody = link.ask("s.x", b"10").expect("a status");
    assert!(nobody.headers.starts_with("NATS/1.0 503"), "{nobody:?}");
    // Back again, with all that was there.
    account.claims.nats.limits.jetstream = limits;
    world.push(&account);
    wait_until("JetStream to be back", || {
        refused_or_null(&mut link, "INFO") == 0
    });
    let info = link.done("STREAM.INFO.S", &Value::Null);
    assert_eq!(info["state"]["messages"], 10);
    assert_eq!(info["state"]["consumer_count"], 1);
    assert_eq!(link.store("s.x", b"10"), 11);
    let second = next(&mut link);
    assert_eq!(second.text(), "1");
    link.ask(&second.reply, b"+ACK").expect("an answer");
    // The same over a restart in between, in which the account has no JetStream.
    account.claims.nats.limits.jetstream = JetStreamLimits::default();
    world.push(&account);
    world.server.restart();
    let mut link = account.user("u").link(&world.server);
    assert_eq!(refused_or_null(&mut link, "INFO"), 10039);
    account.claims.nats.limits.jetstream = NO_LIMITS;
    world.push(&account);
    wait_until("JetStream to be back", || {
        refused_or_null(&mut link, "INFO") == 0
    });
    assert_eq!(next(&mut link).text(), "2");
    assert_eq!(link.store("s.x", b"11"), 12);
}

#[test]
fn streams_are_back_after_a_restart_before_anybody_comes() {
    let account = account("A", NO_LIMITS);
    let mut world = World::start(&[&account]);
    let mut link = account.user("u").link(&world.server);
    link.create_stream(&json!({"name": "S", "subjects": ["s.*"]}));
    link.store("s.x", b"x");
    world.server.restart();
    let page = world.server.page("/jsz?accounts=true&streams=true");
    assert_eq!(page["streams"], 1, "{page}");
    assert_eq!(page["messages"], 1, "{page}");
    assert_eq!(page["account_details"][0]["stream_detail"][0]["name"], "S");
}

/// The next message of the consumer.
#[track_caller]
fn next(link: &mut Link) -> nats_interop::link::Received {
    let inbox = link.inbox("next");
    link.publish("$JS.API.CONSUMER.MSG.NEXT.S.c", &inbox, b"")
        .expect("a connection");
    let found = link.receive_where(PATIENCE, |m| m.reply.starts_with("$JS.ACK."));
    found.expect("a connection").expect("a message")
}

/// The code of the error, 0 when it is none.
fn refused_or_null(link: &mut Link, ask: &str) -> u64 {
    let answer = link.api(ask, &Value::Null).expect("an answer");
    answer["error"]["err_code"].as_u64().unwrap_or(0)
}
