//! kill -9 while streams and consumers are made, changed and deleted: whoever was told so finds it so afterwards (J4, J16 for one server).
//! `NATS_KILLS` sets how often (default 12).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nats_interop::{Launch, Link, binary};
use serde_json::{Value, json};

const MAKERS: usize = 3;

/// What the clients were told. What was asked and not answered is in none of these.
#[derive(Default)]
struct Told {
    /// Streams, each with the description of its consumer, or `None` when that was deleted.
    there: BTreeMap<String, Option<String>>,
    gone: BTreeSet<String>,
}

/// Makes, changes and deletes until the connection breaks.
fn make(addr: SocketAddr, numbers: &AtomicU64) -> Told {
    let mut told = Told::default();
    let mut run = || -> std::io::Result<()> {
        let mut link = Link::open(addr)?;
        loop {
            let n = numbers.fetch_add(1, Ordering::Relaxed);
            let name = format!("M{n}");
            let first = n * 10;
            let stream = json!({"name": name, "subjects": [format!("m.{n}")], "storage": "file", "first_seq": first});
            done(&mut link, &format!("STREAM.CREATE.{name}"), &stream)?;
            let consumer = |text: &str| json!({"stream_name": name, "config": {"durable_name": "c", "ack_policy": "explicit", "description": text}});
            let made = format!("CONSUMER.DURABLE.CREATE.{name}.c");
            done(&mut link, &made, &consumer("new"))?;
            let ack = link.ask(&format!("m.{n}"), b"x")?.json();
            assert_eq!(ack["seq"], first.max(1), "{ack}");
            told.there.insert(name.clone(), Some("new".to_owned()));
            if n.is_multiple_of(2) {
                told.there.remove(&name);
                done(&mut link, &made, &consumer("changed"))?;
                told.there.insert(name.clone(), Some("changed".to_owned()));
            }
            if n.is_multiple_of(3) {
                told.there.remove(&name);
                done(
                    &mut link,
                    &format!("CONSUMER.DELETE.{name}.c"),
                    &Value::Null,
                )?;
                told.there.insert(name.clone(), None);
            }
            if n.is_multiple_of(5) {
                told.there.remove(&name);
                done(&mut link, &format!("STREAM.DELETE.{name}"), &Value::Null)?;
                told.gone.insert(name);
            }
        }
    };
    let _the_server_was_killed = run();
    told
}

fn done(link: &mut Link, ask: &str, body: &Value) -> std::io::Result<()> {
    let answer = link.api(ask, body)?;
    assert!(answer["error"].is_null(), "{ask}: {answer}");
    Ok(())
}

fn check(link: &mut Link, told: &Told) {
    for (name, consumer) in &told.there {
        let info = link.done(&format!("STREAM.INFO.{name}"), &Value::Null);
        let n: u64 = name[1..].parse().expect("a number");
        let sequence = (n * 10).max(1);
        let state = &info["state"];
        assert_eq!(
            (&state["first_seq"], &state["last_seq"], &state["messages"]),
            (&json!(sequence), &json!(sequence), &json!(1)),
            "{info}"
        );
        let shown = link
            .api(&format!("CONSUMER.INFO.{name}.c"), &Value::Null)
            .expect("an answer");
        match consumer {
            Some(text) => assert_eq!(shown["config"]["description"], **text, "{name}: {shown}"),
            None => assert_eq!(shown["error"]["err_code"], 10014, "{name}: {shown}"),
        }
    }
    for name in &told.gone {
        let shown = link
            .api(&format!("STREAM.INFO.{name}"), &Value::Null)
            .expect("an answer");
        assert_eq!(shown["error"]["err_code"], 10059, "{name}: {shown}");
    }
}

#[test]
fn j4_what_was_made_changed_and_deleted_is_so_after_kill_9() {
    let kills: u64 = std::env::var("NATS_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12);
    let sync = match binary::is_reference() {
        true => "sync_interval: always",
        false => "",
    };
    let config = format!("jetstream {{ store_dir: '$DIR/data', {sync} }}");
    let mut server = Launch::new(&config)
        .allow_log("JetStream|recover|[Cc]onsumer|[Ss]tream")
        .start();
    let numbers = Arc::new(AtomicU64::new(1));
    let mut told = Told::default();
    let mut dice: u64 = 0x5eed;
    let mut facts = 0;
    for round in 0..kills {
        let addr = server.addr();
        let makers: Vec<_> = (0..MAKERS)
            .map(|_| {
                let numbers = numbers.clone();
                std::thread::spawn(move || make(addr, &numbers))
            })
            .collect();
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The moment of the kill is the point of the test.
        std::thread::sleep(Duration::from_millis(50 + (dice >> 33) % 250));
        server.kill();
        for maker in makers {
            let mut more = maker.join().expect("a client does not panic");
            facts += more.there.len() + more.gone.len();
            told.there.append(&mut more.there);
            told.gone.append(&mut more.gone);
        }
        server.restart();
        let mut link = Link::open(server.addr()).expect("a connection");
        check(&mut link, &told);
        // The next rounds are about others; a few of each stay to be looked at again and again.
        if round % 10 == 9 {
            for name in told.there.keys() {
                done(&mut link, &format!("STREAM.DELETE.{name}"), &Value::Null).expect("an answer");
            }
            told = Told::default();
        }
    }
    assert!(facts > 0, "only {facts} facts were told");
    println!("{kills} kills: {facts} facts held");
}
