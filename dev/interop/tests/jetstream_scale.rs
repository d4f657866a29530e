//! Many streams, many consumers, many subjects on one server: everything is there, counted exactly, also after a kill.
//!
//! `NATS_SCALE=full` runs with 10,000 streams, 100,000 consumers and 1,000,000 subjects, and prints how long things took; the usual sizes
//! are a twentieth of that and less. No time is asserted.

use std::time::Instant;

use nats_interop::{Launch, Link, Server};
use serde_json::{Value, json};

/// Requests that are under way at once.
const WINDOW: usize = 200;

fn size(usual: u64, full: u64) -> u64 {
    match std::env::var("NATS_SCALE").as_deref() {
        Ok("full") => full,
        _ => usual,
    }
}

fn start() -> Server {
    Launch::new("jetstream { store_dir: '$DIR/data', max_mem: 4G, max_file: 20G }")
        .allow_log("JetStream|[Ss]tream|[Cc]onsumer")
        .start()
}

fn link(server: &Server) -> Link {
    Link::open(server.addr()).expect("a connection")
}

/// Says how long something took.
fn timed<R>(what: &str, act: impl FnOnce() -> R) -> R {
    let begun = Instant::now();
    let result = act();
    println!("{what}: {:?}", begun.elapsed());
    result
}

/// Many requests, a window of them at a time; none may fail.
#[track_caller]
fn ask_all(link: &mut Link, requests: impl Iterator<Item = (String, Value)>) {
    let inbox = link.inbox("all");
    let mut open = 0;
    let done = |link: &mut Link| {
        let answer = link.receive_where(nats_interop::server::PATIENCE, |m| m.subject == inbox);
        let answer = answer.expect("a connection").expect("an answer").json();
        assert!(answer["error"].is_null(), "{answer}");
    };
    for (ask, body) in requests {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        link.publish(&format!("$JS.API.{ask}"), &inbox, body.as_bytes())
            .expect("a connection");
        open += 1;
        if open >= WINDOW {
            done(link);
            open -= 1;
        }
    }
    for _ in 0..open {
        done(link);
    }
}

/// All entries of a list, page by page.
fn listed(link: &mut Link, ask: &str, member: &str) -> usize {
    let mut found = 0;
    loop {
        let page = link.done(ask, &json!({ "offset": found }));
        let entries = page[member].as_array().map_or(0, Vec::len);
        found += entries;
        if entries == 0 || found as u64 >= page["total"].as_u64().unwrap_or(0) {
            return found;
        }
    }
}

#[test]
fn thousands_of_streams_are_made_listed_found_after_a_kill_and_deleted() {
    let count = size(500, 10_000);
    let mut server = start();
    let mut first = link(&server);
    timed(&format!("{count} streams made"), || {
        let streams = (0..count).map(|n| {
            let name = format!("S{n}");
            let config = json!({"name": name, "subjects": [format!("orders.{n}.*")]});
            (format!("STREAM.CREATE.{name}"), config)
        });
        ask_all(&mut first, streams);
    });
    // What another stream has is refused, among any number of them.
    let taken = json!({"name": "X", "subjects": ["orders.77.new"]});
    let refused = first.api("STREAM.CREATE.X", &taken).expect("an answer");
    assert_eq!(refused["error"]["err_code"], 10065);
    timed("a message in each", || {
        first.store_many((0..count).map(|n| (format!("orders.{n}.new"), &b"x"[..])));
    });
    timed("listed", || {
        assert_eq!(listed(&mut first, "STREAM.NAMES", "streams") as u64, count);
        assert_eq!(listed(&mut first, "STREAM.LIST", "streams") as u64, count);
    });
    let found = first.done("STREAM.NAMES", &json!({"subject": "orders.77.*"}));
    assert_eq!(found["streams"], json!(["S77"]));
    timed("restarted", || server.restart());
    let mut again = link(&server);
    timed("listed again", || {
        assert_eq!(listed(&mut again, "STREAM.LIST", "streams") as u64, count);
    });
    let info = again.done("INFO", &Value::Null);
    assert_eq!(info["streams"], count);
    let last = again.done("STREAM.INFO.S77", &Value::Null);
    assert_eq!(last["state"]["messages"], 1);
    timed("deleted", || {
        let names = (0..count).map(|n| (format!("STREAM.DELETE.S{n}"), Value::Null));
        ask_all(&mut again, names);
    });
    assert_eq!(again.done("INFO", &Value::Null)["streams"], 0);
}

#[test]
fn one_stream_has_thousands_of_consumers_and_each_gets_what_is_its_own() {
    let count = size(2_000, 100_000);
    let mut server = start();
    let mut first = link(&server);
    first.create_stream(&json!({"name": "S", "subjects": ["s.*"], "max_consumers": count}));
    let consumer = |n: u64| {
        let name = format!("c{n}");
        let config = json!({"name": name, "durable_name": name, "ack_policy": "explicit", "filter_subject": format!("s.{n}")});
        let body = json!({"stream_name": "S", "config": config});
        (format!("CONSUMER.CREATE.S.{name}.s.{n}"), body)
    };
    timed(&format!("{count} consumers made"), || {
        ask_all(&mut first, (0..count).map(consumer));
    });
    timed("a message for each", || {
        first.store_many((0..count).map(|n| (format!("s.{n}"), &b"x"[..])));
    });
    let own = |link: &mut Link, n: u64, messages: u64| {
        let info = link.done(&format!("CONSUMER.INFO.S.c{n}"), &Value::Null);
        assert_eq!(info["num_pending"], messages, "{info}");
    };
    own(&mut first, count - 1, 1);
    timed("one of them fetched", || {
        let got = fetch(&mut first, "S", &format!("c{}", count / 2));
        assert_eq!(got.subject, format!("s.{}", count / 2));
        first.ask(&got.reply, b"+ACK").expect("an answer");
    });
    timed("listed", || {
        assert_eq!(
            listed(&mut first, "CONSUMER.NAMES.S", "consumers") as u64,
            count
        );
    });
    timed("restarted", || server.restart());
    let mut again = link(&server);
    let info = again.done("STREAM.INFO.S", &Value::Null);
    assert_eq!(info["state"]["consumer_count"], count);
    own(&mut again, count / 2, 0);
    own(&mut again, 7, 1);
}

#[test]
fn a_filter_that_matches_one_subject_of_many_is_answered_at_once_and_exactly() {
    let subjects = size(20_000, 1_000_000);
    let server = start();
    let mut link = link(&server);
    link.create_stream(&json!({"name": "S", "subjects": ["s.>"]}));
    timed(&format!("{subjects} subjects"), || {
        link.store_many((0..subjects).map(|n| (format!("s.{}.{n}", n % 100), &b"x"[..])));
    });
    let wanted = subjects - 3;
    let subject = format!("s.{}.{wanted}", wanted % 100);
    for (name, filter) in [
        ("literal", subject.clone()),
        ("wild", format!("s.*.{wanted}")),
    ] {
        let config = json!({"name": name, "durable_name": name, "ack_policy": "explicit", "filter_subject": filter});
        let body = json!({"stream_name": "S", "config": config});
        let made = timed(&format!("the consumer of a {name} filter made"), || {
            link.done(&format!("CONSUMER.CREATE.S.{name}.{filter}"), &body)
        });
        assert_eq!(made["num_pending"], 1, "{made}");
        let got = timed(&format!("its first message ({name})"), || {
            fetch(&mut link, "S", name)
        });
        assert_eq!(got.subject, subject);
        assert_eq!(got.sequence(), Some(wanted + 1));
    }
    // A hundredth of everything, counted while messages come and go.
    let body = json!({"stream_name": "S", "config": {"name": "part", "durable_name": "part", "ack_policy": "explicit", "filter_subject": "s.7.>"}});
    let made = link.done("CONSUMER.CREATE.S.part.s.7.>", &body);
    assert_eq!(made["num_pending"], subjects / 100);
    link.store("s.7.more", b"x");
    link.done("STREAM.MSG.DELETE.S", &json!({"seq": 8}));
    let info = link.done("CONSUMER.INFO.S.part", &Value::Null);
    assert_eq!(info["num_pending"], subjects / 100);
}

/// The next message of a consumer.
#[track_caller]
fn fetch(link: &mut Link, stream: &str, consumer: &str) -> nats_interop::link::Received {
    let inbox = link.inbox("fetch");
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
    link.publish(&next, &inbox, b"").expect("a connection");
    let got = link.receive_where(nats_interop::server::PATIENCE, |m| {
        m.subject == inbox || m.reply.starts_with("$JS.ACK.")
    });
    got.expect("a connection").expect("a message")
}

/// Who wants no acknowledgement is slowed down to what the stream can take, as by a slow reader.
#[test]
fn publishers_that_ask_for_no_answer_lose_nothing_to_a_full_stream() {
    if nats_interop::binary::is_reference() {
        // The reference drops what its queue cannot hold, about half of this.
        return;
    }
    let config =
        "jetstream { store_dir: '$DIR/data', max_mem: 4G, max_file: 20G, max_buffered_msgs: 50K }";
    let server = Launch::new(config).allow_log("JetStream").start();
    let mut links = [link(&server), link(&server)];
    links[0].create_stream(&json!({"name": "S", "subjects": ["s"], "storage": "memory"}));
    let each = size(200_000, 2_000_000);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for link in &mut links {
            scope.spawn(move || {
                let burst = "PUB s 8\r\n12345678\r\n".repeat(1000);
                for _ in 0..each / 1000 {
                    link.send(burst.as_bytes()).expect("a connection");
                }
                link.settle().expect("a connection");
            });
        }
    });
    let info = links[0].done("STREAM.INFO.S", &Value::Null);
    println!("{} messages: {:?}", 2 * each, begun.elapsed());
    assert_eq!(info["state"]["messages"], 2 * each);
}
