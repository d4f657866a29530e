//! Figures of the file store, printed as JSON lines.
//!
//! ```text
//! cargo run --release -p nats-store --example file_store -- append DIR STREAMS MESSAGES BATCH [BYTES [SUBJECTS]]
//! cargo run --release -p nats-store --example file_store -- recover DIR
//! cargo run --release -p nats-store --example file_store -- read DIR
//! ```
//!
//! `append` writes MESSAGES in turn to STREAMS and commits the log after every BATCH of them: with BATCH 1 every message waits for a sync of
//! its own; they are on as many SUBJECTS in turn (1). It leaves DIR as kill -9 would; `recover` then opens it and says how long that took and how much memory it holds. `read` reads
//! everything once from front to end. Nothing is removed; DIR is the caller's.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use nats_store::catalog::{Catalog, CatalogSettings, Found, Incarnation, StreamOptions};
use nats_store::disk::RealDisk;
use nats_store::{Filter, Limits, NewMessage, Removals, StreamStore, Timestamp, Ttl};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize, default: u64| {
        let text = arguments.get(index);
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["append", dir, ..] => append(
            Path::new(dir),
            number(2, 1),
            number(3, 1_000_000),
            number(4, 1000),
            number(5, 128),
            number(6, 1),
        ),
        ["recover", dir] => recover(Path::new(dir)),
        ["read", dir] => read(Path::new(dir)),
        _ => eprintln!("append DIR STREAMS MESSAGES BATCH [BYTES] | recover DIR | read DIR"),
    }
}

fn open(dir: &Path) -> (Catalog, Found) {
    let new = Incarnation([1; 16]);
    let settings = CatalogSettings::default();
    Catalog::open(Arc::new(RealDisk), dir, new, "boot", settings, &|_| {}).expect("opens")
}

fn incarnation(n: u64) -> Incarnation {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&n.saturating_add(1000).to_be_bytes());
    Incarnation(bytes)
}

fn append(dir: &Path, streams: u64, messages: u64, batch: u64, bytes: u64, subjects: u64) {
    let (catalog, _) = open(dir);
    let options = StreamOptions::default();
    let mut stores: Vec<_> = (0..streams)
        .map(|n| {
            let name = format!("S{n}");
            catalog
                .create_stream(
                    "A",
                    &name,
                    incarnation(n),
                    b"{}",
                    options,
                    Limits::default(),
                )
                .expect("creates")
        })
        .collect();
    let payload = vec![b'x'; usize::try_from(bytes).unwrap_or(128)];
    let mut removed = Removals::default();
    let log = catalog.log();
    let cpu = cpu_seconds();
    let start = Instant::now();
    let mut next = vec![1_u64; stores.len()];
    for n in 0..messages {
        let index = usize::try_from(n % streams).unwrap_or(0);
        let on = n % subjects.max(1);
        let subject = format!("u.{}.{}.{on}", on % 1000, on / 1000 % 1000);
        let message = NewMessage {
            subject: subject.as_bytes(),
            headers: b"",
            payload: &payload,
            time: Timestamp(1_700_000_000_000_000_000_i64.saturating_add_unsigned(n)),
            ttl: Ttl::Stream,
        };
        stores[index]
            .append(next[index], &message, &mut removed)
            .expect("appends");
        next[index] += 1;
        if n % batch == batch - 1 {
            log.commit(log.staged()).expect("commits");
            keep_log_short(&catalog, &mut stores);
        }
    }
    log.commit(log.staged()).expect("commits");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"what\":\"append\",\"streams\":{streams},\"messages\":{messages},\"batch\":{batch},\"bytes\":{bytes},\"seconds\":{seconds:.3},\"per_second\":{:.0},\"cpu_per_million\":{:.3},\"rss_mb\":{:.1}}}",
        messages as f64 / seconds,
        (cpu_seconds() - cpu) / messages as f64 * 1e6,
        rss_mb(),
    );
    // As a kill would: nothing is closed.
    std::process::exit(0);
}

/// What the engine does every few seconds, here in the way of the work.
fn keep_log_short(catalog: &Catalog, stores: &mut [nats_store::file::FileStream]) {
    let laggards = catalog.laggards();
    if laggards.is_empty() {
        return;
    }
    for laggard in laggards {
        let index: usize = laggard.stream.trim_start_matches('S').parse().unwrap_or(0);
        if let Some(upkeep) = stores[index].checkpoint().expect("begins a checkpoint") {
            upkeep().expect("finishes a checkpoint");
        }
    }
    catalog.log().trim().expect("trims");
}

fn recover(dir: &Path) {
    let cpu = cpu_seconds();
    let start = Instant::now();
    let (_catalog, found) = open(dir);
    let seconds = start.elapsed().as_secs_f64();
    let messages: u64 = found.streams.iter().map(|s| s.store.state().messages).sum();
    let damage: usize = found.streams.iter().map(|s| s.damage.len()).sum();
    println!(
        "{{\"what\":\"recover\",\"streams\":{},\"messages\":{messages},\"damage\":{damage},\"seconds\":{seconds:.3},\"cpu_seconds\":{:.3},\"rss_mb\":{:.1},\"peak_mb\":{:.1}}}",
        found.streams.len(),
        cpu_seconds() - cpu,
        rss_mb(),
        status_mb("VmHWM:"),
    );
}

fn read(dir: &Path) {
    let (_catalog, found) = open(dir);
    let start = Instant::now();
    let mut messages = 0_u64;
    let mut bytes = 0_usize;
    for stream in &found.streams {
        let mut from = 0;
        while let Some(message) = stream.store.next(&Filter::ALL, from).expect("reads") {
            messages += 1;
            bytes += message.payload().len();
            from = message.sequence + 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"what\":\"read\",\"messages\":{messages},\"payload_bytes\":{bytes},\"seconds\":{seconds:.3},\"per_second\":{:.0},\"rss_mb\":{:.1}}}",
        messages as f64 / seconds,
        rss_mb(),
    );
}

fn rss_mb() -> f64 {
    status_mb("VmRSS:")
}

/// A line of /proc/self/status; zero where there is none.
fn status_mb(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .map_or(0.0, |kb| kb / 1024.0)
}

/// User and system time of this process; zero where /proc has none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
