//! Measures the memory store and the subject index: time and memory, one JSON line each.
//!
//! ```text
//! cargo run --release -p nats-store --example measure -- append 1000000 1
//! cargo run --release -p nats-store --example measure -- index 40000000 kv
//! cargo run --release -p nats-store --example measure -- sparse 10000000
//! ```
//!
//! `append N S`: N messages of 128 bytes on S subjects into a memory store, then all of them read in order. `index N orders|kv`: N unique
//! subjects with one message each, in random order. `churn N`: N keys, each written five times with a history of three. `sparse N`: N
//! messages on a million subjects, then first fetches and counts by filters that match one subject, ten, one in two.

use std::hint::black_box;
use std::time::Instant;

use nats_store::subjects::SubjectIndex;
use nats_store::{Filter, Limits, MemoryStore, NewMessage, Removals, StreamStore, Timestamp, Ttl};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match args.as_slice() {
        ["append", count, subjects] => append(number(count), number(subjects)),
        ["index", count, shape] => index(number(count), shape),
        ["churn", count] => churn(number(count)),
        ["sparse", count] => sparse(number(count)),
        _ => eprintln!("usage: measure append N SUBJECTS | index N orders|kv | churn N | sparse N"),
    }
}

/// Resident memory of this process, in bytes.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn nanos_each(since: Instant, count: u64) -> f64 {
    since.elapsed().as_nanos() as f64 / count as f64
}

/// A permutation of the numbers below a billion: `i` to a number that looks random.
fn scatter(i: u64) -> u64 {
    (i * 387_420_489 + 12_345) % 1_000_000_007 % 1_000_000_000
}

fn message<'a>(subject: &'a [u8], payload: &'a [u8], i: u64) -> NewMessage<'a> {
    NewMessage {
        subject,
        headers: b"",
        payload,
        time: Timestamp(i as i64 * 1000),
        ttl: Ttl::Stream,
    }
}

fn fill(store: &mut MemoryStore, count: u64, subjects: u64) -> f64 {
    let names: Vec<String> = (0..subjects).map(|i| format!("orders.{i}.eu")).collect();
    let payload = [b'x'; 128];
    let mut removed = Removals::default();
    let start = Instant::now();
    for i in 0..count {
        let subject = &names[(i % subjects) as usize];
        let message = message(subject.as_bytes(), &payload, i);
        store.append(i + 1, &message, &mut removed).expect("append");
        removed.clear();
    }
    nanos_each(start, count)
}

fn append(count: u64, subjects: u64) {
    let before = rss();
    let mut store = MemoryStore::new(Limits::default());
    let append = fill(&mut store, count, subjects);
    let used = rss() - before;
    let start = Instant::now();
    let mut from = 0;
    while let Some(message) = store.next(&Filter::ALL, from).expect("next") {
        from = message.sequence + 1;
        black_box(message.payload().len());
    }
    let next = nanos_each(start, count);
    println!(
        r#"{{"measure":"append","messages":{count},"subjects":{subjects},"append_ns":{append:.0},"next_ns":{next:.0},"rss_mb":{:.1}}}"#,
        used as f64 / 1e6
    );
}

fn subject_name(shape: &str, i: u64) -> String {
    let number = scatter(i);
    match shape {
        "kv" => format!("$KV.bucket.user.{number}.profile"),
        _ => format!("orders.{number:09}"),
    }
}

fn index(count: u64, shape: &str) {
    let before = rss();
    let mut index = SubjectIndex::new();
    let start = Instant::now();
    for i in 0..count {
        let name = subject_name(shape, i);
        index.insert(name.as_bytes(), i + 1).expect("insert");
    }
    let insert = nanos_each(start, count);
    let used = rss() - before;
    let memory = index.memory();
    let start = Instant::now();
    let lookups = count.min(1_000_000);
    for i in 0..lookups {
        let name = subject_name(shape, (i * 7919) % count);
        assert!(index.get(name.as_bytes()).is_some());
    }
    let lookup = nanos_each(start, lookups);
    let filter = match shape {
        "kv" => Filter::any(["$KV.*.user.123456.profile"]),
        _ => Filter::any(["*.000012345"]),
    };
    let start = Instant::now();
    for _ in 0..1000 {
        black_box(index.next(&filter, 1, u64::MAX));
    }
    let narrow = nanos_each(start, 1000);
    let start = Instant::now();
    let all = Filter::any(["*.>"]);
    black_box(index.pending(&all, count / 2, false, u64::MAX));
    let wide = nanos_each(start, count);
    println!(
        r#"{{"measure":"index","shape":"{shape}","subjects":{},"insert_ns":{insert:.0},"lookup_ns":{lookup:.0},"narrow_wildcard_ns":{narrow:.0},"count_all_ns_each":{wide:.1},"bytes_each":{:.1},"rss_bytes_each":{:.1},"memory":"{memory:?}"}}"#,
        index.len(),
        (memory.nodes + memory.leaves + memory.lists + memory.unused) as f64 / count as f64,
        used as f64 / count as f64,
    );
}

fn churn(keys: u64) {
    let before = rss();
    let mut store = MemoryStore::new(Limits {
        max_per_subject: Some(3),
        ..Limits::default()
    });
    let mut removed = Removals::default();
    let start = Instant::now();
    for i in 0..keys * 5 {
        let name = format!("$KV.bucket.{}", scatter(i) % keys);
        let message = message(name.as_bytes(), &[b'x'; 64], i);
        store.append(i + 1, &message, &mut removed).expect("append");
        removed.clear();
    }
    let put = nanos_each(start, keys * 5);
    let state = store.state();
    println!(
        r#"{{"measure":"churn","keys":{keys},"put_ns":{put:.0},"messages":{},"bytes":{},"rss_mb":{:.1}}}"#,
        state.messages,
        state.bytes,
        (rss() - before) as f64 / 1e6
    );
}

fn sparse(count: u64) {
    let subjects = 1_000_000.min(count);
    let mut store = MemoryStore::new(Limits::default());
    fill(&mut store, count, subjects);
    // Two more subjects that share every message that comes after.
    let mut removed = Removals::default();
    for i in count..count + count / 10 {
        let name: &[u8] = if i % 2 == 0 { b"hot.a" } else { b"hot.b" };
        let message = message(name, &[b'x'; 128], i);
        store.append(i + 1, &message, &mut removed).expect("append");
    }
    let last = store.state().last_sequence;
    let filters = [
        ("one subject", vec!["orders.777777.eu"]),
        ("one subject by a wildcard", vec!["orders.777777.*"]),
        (
            "ten subjects",
            vec![
                "orders.77777.*",
                "orders.1.*",
                "orders.2.*",
                "orders.3.*",
                "orders.4.*",
                "orders.5.*",
                "orders.6.*",
                "orders.7.*",
                "orders.8.*",
                "orders.9.*",
            ],
        ),
        ("none of them", vec!["orders.*.us"]),
        ("one message in two, two subjects", vec!["hot.a"]),
        ("all but the last tenth", vec!["orders.>"]),
        ("all", vec![">"]),
    ];
    for (what, patterns) in filters {
        let filter = Filter::any(patterns);
        for (place, from) in [("first", 1), ("middle", count / 2), ("end", last - 10)] {
            let times = 20;
            let start = Instant::now();
            let mut pending = 0;
            for _ in 0..times {
                pending = store
                    .pending(&filter, from, false)
                    .expect("pending")
                    .messages;
            }
            let pending_us = nanos_each(start, times) / 1000.0;
            let start = Instant::now();
            let mut found = None;
            for _ in 0..times {
                found = store.next(&filter, from).expect("next").map(|m| m.sequence);
            }
            let next_us = nanos_each(start, times) / 1000.0;
            println!(
                r#"{{"measure":"sparse","messages":{last},"filter":"{what}","from":"{place}","pending":{pending},"pending_us":{pending_us:.1},"next":{},"next_us":{next_us:.1}}}"#,
                found.unwrap_or(0)
            );
        }
    }
}
