//! Files of one stream cannot be read when the server starts (J17 on the real program): that stream says why and keeps what it has, all others run.
//! Directories stand in the place of files: that keeps root from reading them too. The layout of the files is ours, so the reference is left out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nats_interop::server::wait_until;
use nats_interop::{Launch, Link, Server, Wire, binary, http};
use rustix::process::Signal;
use serde_json::{Value, json};

const CONFIG: &str = "jetstream { store_dir: '$DIR/data' }\nhttp: '127.0.0.1:-1'";
/// The same with a system account.
const WITH_SYSTEM: &str = "jetstream { store_dir: '$DIR/data' }\nhttp: '127.0.0.1:-1'\nno_auth_user: a\nsystem_account: SYS
accounts { A: { jetstream: enabled, users: [{user: a, password: p}] }, SYS: { users: [{user: sys, password: p}] } }";
const MESSAGES: u64 = 20;

/// A file below `dir` whose path ends like this, in the directory of a stream.
fn file_of(dir: &Path, stream: &str, name: &str) -> PathBuf {
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            let of_stream = dir.file_name().is_some_and(|dir| {
                let dir = dir.to_string_lossy();
                dir.starts_with(&format!("{stream}."))
            });
            if of_stream && path.ends_with(name) {
                return path;
            }
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    panic!("no {name} of {stream}");
}

fn connect(server: &Server) -> Link {
    Link::open(server.addr()).expect("a connection")
}

fn stop(server: &Server) {
    server.signal(Signal::TERM);
    server.wait_for_exit();
}

/// What the streams are made of, and a stream that keeps what is said about them.
fn fill(link: &mut Link) {
    link.create_stream(&json!({"name": "SAID", "subjects": ["$JS.EVENT.ADVISORY.STREAM.FAULT.>"]}));
    for name in ["FROZEN", "CLOSED", "WELL"] {
        let subject = name.to_lowercase();
        link.create_stream(&json!({"name": name, "subjects": [subject], "allow_direct": true}));
        for n in 0..MESSAGES {
            link.store(&subject, format!("message {n}").as_bytes());
        }
        let consumer = json!({"stream_name": name, "config": {"name": "c", "durable_name": "c", "ack_policy": "explicit"}});
        link.done(&format!("CONSUMER.CREATE.{name}.c"), &consumer);
    }
}

fn is_offline(answer: &Value) {
    let error = &answer["error"];
    assert_eq!(error["err_code"], 10194, "{answer}");
    let why = error["description"].as_str().expect("a text");
    assert!(why.starts_with("stream is offline: "), "{why}");
}

fn messages(link: &mut Link, stream: &str) -> u64 {
    let info = link.done(&format!("STREAM.INFO.{stream}"), &Value::Null);
    info["state"]["messages"].as_u64().expect("a number")
}

/// The stream of which a block cannot be read: it shows what it knows and takes nothing.
fn check_frozen(link: &mut Link) {
    let info = link.done("STREAM.INFO.FROZEN", &Value::Null);
    assert_eq!(info["state"]["last_seq"], MESSAGES, "{info}");
    assert_eq!(info["state"]["consumer_count"], 1, "{info}");
    assert!(info.to_string().contains("can read it"), "{info}");
    let ack = link.ask("frozen", b"more").expect("an answer").json();
    assert!(ack.to_string().contains("can read it"), "{ack}");
    let lost = link.api("STREAM.MSG.GET.FROZEN", &json!({"seq": 1}));
    let lost = lost.expect("an answer");
    assert_ne!(lost["error"]["err_code"], 10037, "it is not absent: {lost}");
    assert!(lost["error"].is_object(), "{lost}");
    let purged = link.api("STREAM.PURGE.FROZEN", &Value::Null);
    assert!(purged.expect("an answer")["error"].is_object());
}

/// The stream of which the document cannot be read: it is there, and nobody takes its name.
fn check_closed(link: &mut Link) {
    let config = json!({"name": "CLOSED", "subjects": ["closed"]});
    for (ask, body) in [
        ("STREAM.INFO.CLOSED", Value::Null),
        ("STREAM.CREATE.CLOSED", config.clone()),
        ("STREAM.DELETE.CLOSED", Value::Null),
        ("STREAM.PURGE.CLOSED", Value::Null),
        ("CONSUMER.INFO.CLOSED.c", Value::Null),
        (
            "STREAM.RESTORE.CLOSED",
            json!({"config": config, "state": {}}),
        ),
    ] {
        is_offline(&link.api(ask, &body).expect("an answer"));
    }
    let list = link.done("STREAM.LIST", &Value::Null);
    assert_eq!(list["missing"], json!(["CLOSED"]));
    assert!(list["offline"]["CLOSED"].is_string(), "{list}");
    let names = link.done("STREAM.NAMES", &Value::Null);
    let all = json!(["CLOSED", "FROZEN", "SAID", "WELL"]);
    assert_eq!(names["streams"], all);
}

#[test]
fn what_cannot_be_read_of_one_stream_stops_no_other_and_comes_back_when_it_can_be_read() {
    // The files that are broken here are ours: there is nothing that the reference could answer.
    if binary::is_reference() {
        return;
    }
    let mut server = Launch::new(CONFIG)
        .allow_log("JetStream|Healthcheck failed")
        .start();
    fill(&mut connect(&server));
    stop(&server);
    let data = server.dir().join("data");
    let broken = [
        file_of(&data, "FROZEN", "00000001.blk"),
        file_of(&data, "CLOSED", "asset"),
    ];
    let aside = |path: &Path| path.with_extension("aside");
    for path in &broken {
        std::fs::rename(path, aside(path)).expect("a file");
        std::fs::create_dir(path).expect("a folder");
    }
    for start in 1..=2_u64 {
        server.restart();
        let mut link = connect(&server);
        check_frozen(&mut link);
        check_closed(&mut link);
        assert_eq!(link.store("well", b"more"), MESSAGES + start);
        server.wait_for_log("FROZEN.*can read it");
        server.wait_for_log("CLOSED.*until the server starts again and can read it");
        let health = http::fetch(server.monitor_addr(), "/healthz?details=1");
        assert_eq!(health.status, 503);
        let text = String::from_utf8_lossy(&health.body).into_owned();
        assert!(text.contains("FROZEN") && text.contains("CLOSED"), "{text}");
        assert!(text.contains("FROZEN' is frozen: opening "), "{text}");
        assert!(!text.contains("WELL"), "{text}");
        // One advisory for each of them at each start.
        wait_until("the advisories", || {
            messages(&mut link, "SAID") == 2 * start
        });
        match start {
            1 => server.kill(),
            _ => stop(&server),
        }
    }
    for path in &broken {
        std::fs::remove_dir(path).expect("an empty folder");
        std::fs::rename(aside(path), path).expect("a file");
    }
    server.restart();
    let mut link = connect(&server);
    for (stream, expected) in [
        ("FROZEN", MESSAGES),
        ("CLOSED", MESSAGES),
        ("WELL", MESSAGES + 2),
    ] {
        assert_eq!(messages(&mut link, stream), expected, "{stream}");
        let read = link.done(&format!("STREAM.MSG.GET.{stream}"), &json!({"seq": 7}));
        assert_eq!(read["message"]["data"], "bWVzc2FnZSA2", "{stream}");
        link.store(&stream.to_lowercase(), b"more");
        link.done(&format!("CONSUMER.INFO.{stream}.c"), &Value::Null);
    }
    let health = http::fetch(server.monitor_addr(), "/healthz");
    assert_eq!(health.status, 200);
}

/// Wrong bytes in the log while the server was down: what still holds comes back, and the page says what does not.
#[test]
fn damage_in_the_log_shows_in_health_and_costs_only_what_it_hits() {
    if binary::is_reference() {
        return;
    }
    let mut server = Launch::new(WITH_SYSTEM)
        .allow_log("JetStream|Healthcheck|Plaintext")
        .start();
    fill(&mut connect(&server));
    server.kill();
    let segment = server.dir().join("data/jetstream/log/0000000001.log");
    let whole = std::fs::read(&segment).expect("the log");
    let health = |server: &Server| {
        let page = http::fetch(server.monitor_addr(), "/healthz?details=1");
        (
            page.status,
            String::from_utf8_lossy(&page.body).into_owned(),
        )
    };
    // The header of the segment: everything behind it is whole.
    let mut damaged = whole.clone();
    damaged[9] ^= 0x10;
    std::fs::write(&segment, &damaged).expect("the log");
    server.restart();
    let mut link = connect(&server);
    for stream in ["FROZEN", "CLOSED", "WELL"] {
        assert_eq!(messages(&mut link, stream), MESSAGES, "{stream}");
        link.done(&format!("CONSUMER.INFO.{stream}.c"), &Value::Null);
    }
    let (status, text) = health(&server);
    assert!(
        status == 503 && text.contains("the header of the segment"),
        "{text}"
    );
    // The system account hears of it, again and again, for who listens may come late.
    let mut system = Wire::open_with(&server, r#""user":"sys","pass":"p""#);
    system.set_patience(Duration::from_secs(100));
    system.subscribe("$JS.EVENT.ADVISORY.SERVER.FAULT", "1");
    let (_, event) = system.read_msg();
    let event: Value = serde_json::from_str(&event).expect("JSON");
    let fault = event["fault"].as_str().expect("a text");
    assert!(fault.contains("the header of the segment"), "{event}");
    server.kill();
    // One message of one stream.
    let mut damaged = whole.clone();
    let lost = b"message 7";
    let at = damaged.windows(lost.len()).position(|bytes| bytes == lost);
    damaged[at.expect("the message") + 2] ^= 0x10;
    std::fs::write(&segment, &damaged).expect("the log");
    for other in std::fs::read_dir(segment.parent().expect("a folder")).expect("a folder") {
        let path = other.expect("an entry").path();
        if path != segment {
            std::fs::remove_file(path).expect("a file");
        }
    }
    server.restart();
    let mut link = connect(&server);
    assert_eq!(messages(&mut link, "WELL"), MESSAGES);
    let all = ["FROZEN", "CLOSED"].map(|stream| messages(&mut link, stream));
    assert_eq!(all.iter().sum::<u64>(), 2 * MESSAGES - 1, "{all:?}");
    let (status, text) = health(&server);
    assert!(
        status == 503 && text.contains("entries of a batch"),
        "{text}"
    );
}

/// Nobody can read what a stream is: it is not absent, and whoever wants its name has to delete it.
#[test]
fn a_stream_whose_document_is_damaged_keeps_its_name_until_it_is_deleted() {
    if binary::is_reference() {
        return;
    }
    let mut server = Launch::new(CONFIG)
        .allow_log("JetStream|Healthcheck failed")
        .start();
    let mut link = connect(&server);
    link.create_stream(&json!({"name": "SAID", "subjects": ["$JS.EVENT.ADVISORY.STREAM.FAULT.>"]}));
    let config = json!({"name": "CLOSED", "subjects": ["closed"]});
    link.create_stream(&config);
    for _ in 0..MESSAGES {
        link.store("closed", b"message");
    }
    let data = server.dir().join("data");
    // What was erased does not stay in the log, and with it goes the log's copy of the document.
    link.done("STREAM.MSG.DELETE.CLOSED", &json!({"seq": 3}));
    let segment = data.join("jetstream/log/0000000001.log");
    wait_until("the log lets go", || !segment.exists());
    server.kill();
    let asset = file_of(&data, "CLOSED", "asset");
    let bytes: Vec<u8> = std::fs::read(&asset).expect("a document");
    let damaged: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
    std::fs::write(&asset, damaged).expect("a document");
    for start in 1..=2_u64 {
        server.restart();
        let mut link = connect(&server);
        for (ask, body) in [
            ("STREAM.INFO.CLOSED", &Value::Null),
            ("STREAM.CREATE.CLOSED", &config),
        ] {
            is_offline(&link.api(ask, body).expect("an answer"));
        }
        let list = link.done("STREAM.LIST", &Value::Null);
        assert_eq!(list["missing"], json!(["CLOSED"]), "{list}");
        let health = http::fetch(server.monitor_addr(), "/healthz?details=1");
        let text = String::from_utf8_lossy(&health.body).into_owned();
        assert!(
            health.status == 503 && text.contains("quarantine"),
            "{text}"
        );
        wait_until("the advisories", || messages(&mut link, "SAID") == start);
        server.kill();
    }
    server.restart();
    let mut link = connect(&server);
    link.done("STREAM.DELETE.CLOSED", &Value::Null);
    let health = http::fetch(server.monitor_addr(), "/healthz");
    assert_eq!(health.status, 200);
    link.done("STREAM.CREATE.CLOSED", &config);
    assert_eq!(link.store("closed", b"more"), 1);
    server.kill();
    server.restart();
    assert_eq!(messages(&mut connect(&server), "CLOSED"), 1);
    let health = http::fetch(server.monitor_addr(), "/healthz");
    assert_eq!(health.status, 200);
}
