//! kill -9 in the middle of a mixed load: what was acknowledged is there afterwards (J4 and J16 for one server).
//!
//! Writers publish numbered messages with a window of outstanding acknowledgements and note what was acknowledged; a remover deletes
//! messages of its own and purges a subject of its own; a worker acknowledges synchronously what it took from a work queue. The server is
//! killed at a random moment, comes back in the same folder, and a checker compares. When the stream has become long, most of it is
//! purged, so that the thousandth start has no more to read than the hundredth. `NATS_KILLS` sets how often (default 12).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nats_interop::link::{Link, Received};
use nats_interop::{Launch, binary};
use serde_json::{Value, json};

const WRITERS: usize = 3;
/// Messages that a writer has under way.
const WINDOW: usize = 64;
/// Acknowledged messages that the big stream keeps at most, roughly.
const KEPT_MAX: usize = 150_000;
/// The remover purges once for so many deletions.
const DELETIONS_FOR_PURGE: u64 = 16;

/// One message of a consumer, or a status: it shows the subject that it was stored under.
fn take(link: &mut Link, next: &str) -> std::io::Result<Received> {
    let inbox = link.inbox("take");
    link.publish(next, &inbox, br#"{"batch":1,"no_wait":true}"#)?;
    loop {
        let received = link.receive()?;
        if received.subject == inbox || received.reply.starts_with("$JS.ACK.") {
            return Ok(received);
        }
    }
}

/// What the clients were told, which has to hold for ever.
#[derive(Default)]
struct Promised {
    /// Sequence of every acknowledged message of the big stream, with its body.
    stored: BTreeMap<u64, String>,
    /// Sequences whose deletion, alone or with their subject, was acknowledged.
    deleted: BTreeSet<u64>,
    /// Purges of a subject that were acknowledged.
    purges: u64,
    /// Everything below was purged.
    purged_below: u64,
    /// Work that was acknowledged with an answer.
    worked: BTreeSet<u64>,
    /// Every acknowledged piece of work that was put in.
    work: BTreeSet<u64>,
}

impl Promised {
    fn merge(&mut self, mut other: Self) {
        for (sequence, body) in &other.stored {
            if let Some(before) = self.stored.get(sequence) {
                assert_eq!(before, body, "sequence {sequence} was promised twice");
            }
        }
        self.stored.append(&mut other.stored);
        self.deleted.append(&mut other.deleted);
        self.purges += other.purges;
        self.worked.append(&mut other.worked);
        self.work.append(&mut other.work);
    }
}

/// Publishes until the connection breaks; notes what was acknowledged.
fn write(addr: SocketAddr, who: usize, numbers: Arc<AtomicU64>) -> Promised {
    let mut promised = Promised::default();
    let mut outstanding: BTreeMap<String, String> = BTreeMap::new();
    let mut run = || -> std::io::Result<()> {
        let mut link = Link::open(addr)?;
        loop {
            while outstanding.len() < WINDOW {
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let inbox = format!("{}.w.{number}", link.inboxes);
                let body = format!("{who}-{number}");
                link.publish(&format!("big.{who}"), &inbox, body.as_bytes())?;
                outstanding.insert(inbox, body);
            }
            let ack = link.receive()?;
            let Some(body) = outstanding.remove(&ack.subject) else {
                continue;
            };
            let ack: Value = serde_json::from_slice(&ack.body).unwrap_or(Value::Null);
            if let Some(sequence) = ack["seq"].as_u64().filter(|_| ack["error"].is_null()) {
                promised.stored.insert(sequence, body);
            }
        }
    };
    let _the_server_was_killed = run();
    promised
}

/// Puts messages into the big stream and deletes every other one of them; now and then purges a subject.
fn delete(addr: SocketAddr, numbers: Arc<AtomicU64>) -> Promised {
    let mut promised = Promised::default();
    let mut run = || -> std::io::Result<()> {
        let mut link = Link::open(addr)?;
        for turn in 1_u64.. {
            if turn % DELETIONS_FOR_PURGE == 3 {
                purge(&mut link, &numbers, &mut promised)?;
            }
            let Some((sequence, body)) = put(&mut link, "big.deletes", &numbers)? else {
                continue;
            };
            if sequence % 2 == 0 {
                promised.stored.insert(sequence, body);
                continue;
            }
            let erase = sequence % 4 == 1;
            let gone = link.api(
                "STREAM.MSG.DELETE.BIG",
                &json!({"seq": sequence, "no_erase": !erase}),
            )?;
            if gone["success"] == true {
                promised.deleted.insert(sequence);
            }
        }
        Ok(())
    };
    let _the_server_was_killed = run();
    promised
}

/// Puts a numbered message into the stream: its sequence and body, when it was stored.
fn put(
    link: &mut Link,
    subject: &str,
    numbers: &AtomicU64,
) -> std::io::Result<Option<(u64, String)>> {
    let body = format!("d-{}", numbers.fetch_add(1, Ordering::Relaxed));
    let ack = link.ask(subject, body.as_bytes())?;
    let ack: Value = serde_json::from_slice(&ack.body).unwrap_or(Value::Null);
    Ok(ack["seq"].as_u64().map(|sequence| (sequence, body)))
}

/// Fills a subject and purges it.
fn purge(link: &mut Link, numbers: &AtomicU64, promised: &mut Promised) -> std::io::Result<()> {
    let mut filled = Vec::new();
    for _ in 0..3 {
        filled.extend(put(link, "big.purges", numbers)?);
    }
    let gone = link.api("STREAM.PURGE.BIG", &json!({"filter": "big.purges"}))?;
    if gone["success"] == true {
        promised.purges += 1;
        let sequences = filled.into_iter().map(|(sequence, _)| sequence);
        promised.deleted.extend(sequences);
    }
    Ok(())
}

/// Purges most of the big stream when it has become long.
fn shorten(link: &mut Link, promised: &mut Promised) {
    let Some(first) = promised.stored.keys().nth_back(KEPT_MAX / 10).copied() else {
        return;
    };
    let gone = link
        .api("STREAM.PURGE.BIG", &json!({"seq": first}))
        .expect("an answer");
    assert_eq!(gone["success"], true, "{gone}");
    promised.purged_below = first;
    promised.stored = promised.stored.split_off(&first);
    promised.deleted = promised.deleted.split_off(&first);
}

/// Puts work in and takes it out again, with acknowledgements that are answered.
fn work(addr: SocketAddr) -> Promised {
    let mut promised = Promised::default();
    let mut run = || -> std::io::Result<()> {
        let mut link = Link::open(addr)?;
        loop {
            let ack = link.ask("work.item", b"do it")?;
            let ack: Value = serde_json::from_slice(&ack.body).unwrap_or(Value::Null);
            if let Some(sequence) = ack["seq"].as_u64() {
                promised.work.insert(sequence);
            }
            let item = take(&mut link, "$JS.API.CONSUMER.MSG.NEXT.WORK.worker")?;
            let Some(sequence) = item.reply.split('.').nth(5).and_then(|s| s.parse().ok()) else {
                continue;
            };
            // Every third is taken and not done.
            if sequence % 3 != 0 {
                link.ask(&item.reply, b"+ACK")?;
                promised.worked.insert(sequence);
            }
        }
    };
    let _the_server_was_killed = run();
    promised
}

fn create(link: &mut Link) {
    let streams = [
        json!({"name": "BIG", "subjects": ["big.*"], "storage": "file"}),
        json!({"name": "WORK", "subjects": ["work.*"], "storage": "file", "retention": "workqueue"}),
    ];
    for stream in streams {
        let name = stream["name"].as_str().expect("a name").to_owned();
        let made = link
            .api(&format!("STREAM.CREATE.{name}"), &stream)
            .expect("an answer");
        assert!(made["error"].is_null(), "{made}");
    }
    let consumer = json!({"stream_name": "WORK", "config": {
        "durable_name": "worker", "ack_policy": "explicit", "ack_wait": 600_000_000_000_u64, "max_ack_pending": 1_000_000,
    }});
    let made = link
        .api("CONSUMER.DURABLE.CREATE.WORK.worker", &consumer)
        .expect("an answer");
    assert!(made["error"].is_null(), "{made}");
}

/// Reads everything back and holds it against what was promised.
fn check(link: &mut Link, promised: &Promised) {
    let info = link
        .api("STREAM.INFO.BIG", &Value::Null)
        .expect("an answer");
    assert!(info["error"].is_null(), "{info}");
    let (last, lost) = (&info["state"]["last_seq"], &info["state"]["lost"]);
    assert!(lost.is_null(), "{info}");
    let highest = promised.stored.keys().next_back().copied().unwrap_or(0);
    assert!(
        last.as_u64() >= Some(highest),
        "last {last}, promised {highest}"
    );
    let mut found: BTreeMap<u64, String> = BTreeMap::new();
    read_all(link, &mut found);
    for (sequence, body) in &promised.stored {
        assert_eq!(
            found.get(sequence),
            Some(body),
            "sequence {sequence} was acknowledged"
        );
    }
    let first = found.keys().next().copied().unwrap_or(u64::MAX);
    assert!(
        first >= promised.purged_below,
        "{first} was purged, everything below {} was",
        promised.purged_below
    );
    for sequence in &promised.deleted {
        assert!(
            !found.contains_key(sequence),
            "sequence {sequence} was deleted"
        );
    }
    let messages = info["state"]["messages"].as_u64();
    assert_eq!(messages, Some(found.len() as u64), "the count in the state");
    check_work(link, promised);
}

/// Everything in the big stream, by direct gets in batches.
fn read_all(link: &mut Link, found: &mut BTreeMap<u64, String>) {
    let consumer = json!({"stream_name": "BIG", "config": {"name": "reader", "ack_policy": "none", "mem_storage": true,
        "inactive_threshold": 60_000_000_000_u64}});
    let made = link
        .api("CONSUMER.CREATE.BIG.reader", &consumer)
        .expect("an answer");
    assert!(made["error"].is_null(), "{made}");
    let mut left = made["num_pending"].as_u64().expect("a number");
    while left > 0 {
        let batch = left.min(500);
        let ask = json!({"batch": batch, "expires": 5_000_000_000_u64}).to_string();
        let inbox = link.inbox("read");
        link.publish(
            "$JS.API.CONSUMER.MSG.NEXT.BIG.reader",
            &inbox,
            ask.as_bytes(),
        )
        .expect("a connection");
        for _ in 0..batch {
            let message = link.receive().expect("a message");
            let sequence = message.reply.split('.').nth(5).and_then(|s| s.parse().ok());
            let sequence = sequence.unwrap_or_else(|| panic!("no message: {:?}", message.body));
            found.insert(
                sequence,
                String::from_utf8_lossy(&message.body).into_owned(),
            );
        }
        left -= batch;
    }
    link.api("CONSUMER.DELETE.BIG.reader", &Value::Null)
        .expect("an answer");
}

/// Work that was acknowledged is gone for ever; all other work is still there.
fn check_work(link: &mut Link, promised: &Promised) {
    let info = link
        .api("CONSUMER.INFO.WORK.worker", &Value::Null)
        .expect("an answer");
    assert!(info["error"].is_null(), "the consumer is gone: {info}");
    for sequence in &promised.worked {
        let got = link
            .api("STREAM.MSG.GET.WORK", &json!({"seq": sequence}))
            .expect("an answer");
        assert_eq!(
            got["error"]["err_code"], 10037,
            "work {sequence} was acknowledged: {got}"
        );
    }
    let open = promised.work.difference(&promised.worked);
    for sequence in open.filter(|s| *s % 3 == 0) {
        let got = link
            .api("STREAM.MSG.GET.WORK", &json!({"seq": sequence}))
            .expect("an answer");
        assert!(got["error"].is_null(), "work {sequence} is not done: {got}");
    }
}

#[test]
fn j4_what_was_acknowledged_survives_kill_9_under_mixed_load() {
    let kills: u32 = std::env::var("NATS_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12);
    let mut sync = "";
    if binary::is_reference() {
        // Its default is to sync every two minutes; kill -9 alone it survives with that, too.
        sync = "sync_interval: always";
    }
    let config = format!("jetstream {{ store_dir: '$DIR/data', {sync} }}");
    let mut server = Launch::new(&config)
        .allow_log("JetStream|recover|[Cc]onsumer|[Ss]tream")
        .start();
    create(&mut Link::open(server.addr()).expect("a connection"));
    let numbers = Arc::new(AtomicU64::new(1));
    let mut promised = Promised::default();
    let mut dice: u64 = 0x5eed;
    for round in 0..kills {
        let addr = server.addr();
        let mut clients: Vec<JoinHandle<Promised>> = (0..WRITERS)
            .map(|who| {
                let numbers = numbers.clone();
                std::thread::spawn(move || write(addr, who, numbers))
            })
            .collect();
        let for_delete = numbers.clone();
        clients.push(std::thread::spawn(move || delete(addr, for_delete)));
        clients.push(std::thread::spawn(move || work(addr)));
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        // The moment of the kill is the point of the test.
        std::thread::sleep(Duration::from_millis(20 + (dice >> 33) % 180));
        server.kill();
        for client in clients {
            promised.merge(client.join().expect("a client does not panic"));
        }
        server.restart();
        // All of it every so often; reading everything after each of a thousand kills takes longer than the kills.
        if round % 10 == 0 || round + 1 == kills {
            let mut link = Link::open(server.addr()).expect("a connection");
            check(&mut link, &promised);
            if promised.stored.len() > KEPT_MAX {
                shorten(&mut link, &mut promised);
            }
        }
    }
    let written = numbers.load(Ordering::Relaxed);
    assert!(promised.stored.len() > 100, "{written} messages");
    // The reference, with a sync for every message, does not get as far as a purge in a fifth of a second.
    assert!(promised.purges > 0 || binary::is_reference());
    println!(
        "{kills} kills, {written} messages; still known: {} stored, {} deleted, {} pieces of work done; {} purges of a subject",
        promised.stored.len(),
        promised.deleted.len(),
        promised.worked.len(),
        promised.purges,
    );
}
