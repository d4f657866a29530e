//! Every error of JetStream that one server can produce is produced here, on ours and on the reference server. What is sent on the way,
//! answers, acknowledgements and advisories, is held against the published schemas.
//!
//! `cases` does what is refused with the tools of `table`; `excused` names the errors that nobody can get from one server, with the reason.

mod cases;
mod excused;
mod schemas;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use nats_interop::{Launch, binary, skip};
use serde_json::Value;

use table::Table;

/// Accounts with and without JetStream, and one (`L`) that may have little of it.
const CONFIG: &str = r#"
jetstream {
  store_dir: '$DIR/data', max_mem: 300K, max_file: 1G, max_buffered_msgs: 100
  limits { max_ack_pending: 10000, max_request_batch: 100, duplicate_window: '1h'
    batch { max_inflight_per_stream: 1, max_msgs: 3, timeout: '2s' } }
}
accounts {
  A { jetstream: enabled, users: [ { user: A, password: p } ] }
  L {
    jetstream { max_mem: 1000, max_file: 2900, max_streams: 3, max_consumers: 1, disk_max_stream_bytes: 1500 }
    users: [ { user: L, password: p } ]
  }
  R { jetstream { max_mem: 1000, max_file: 3000, max_bytes_required: true }, users: [ { user: R, password: p } ] }
  N { users: [ { user: N, password: p } ] }
}
"#;

/// The published table: code to description, in which `{…}` stands for what the case adds.
fn published() -> Option<BTreeMap<u64, String>> {
    let path = binary::reference_data()?.join("jetstream-errors.json");
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let row = |row: &Value| {
        let text = row["description"].as_str()?.to_owned();
        Some((row["error_code"].as_u64()?, text))
    };
    rows.iter().map(row).collect()
}

#[test]
fn every_error_that_one_server_can_produce_is_produced() {
    let server = Launch::new(CONFIG)
        .allow_log("JetStream|limits|[Ss]tream")
        .start();
    let mut table = Table::open(&server);
    table.run();
    let mut problems = table.finish();
    match published() {
        Some(published) => problems.extend(against(&published, &table.produced)),
        None => skip::left_out(
            "the table of JetStream errors",
            "reference data is not here",
        ),
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

/// Codes that are neither produced nor excused, or both, and descriptions that differ from the published ones.
fn against(
    published: &BTreeMap<u64, String>,
    produced: &BTreeMap<u64, BTreeSet<String>>,
) -> Vec<String> {
    let excused: BTreeMap<u64, &str> = excused::all();
    let mut problems = Vec::new();
    for (code, description) in published {
        match (produced.get(code), excused.get(code)) {
            (None, None) => problems.push(format!("{code} ({description}) is not produced")),
            (Some(_), Some(_)) => problems.push(format!("{code} is produced and excused")),
            _ => {}
        }
        for text in produced.get(code).into_iter().flatten() {
            if !fits(text, description) {
                problems.push(format!("{code} says {text:?} instead of {description:?}"));
            }
        }
    }
    problems
}

/// Whether a description is the published one with something in the place of each `{…}`.
fn fits(text: &str, published: &str) -> bool {
    let mut rest = text;
    let mut parts = published.split('{').map(|part| match part.split_once('}') {
        Some((_, fixed)) => fixed,
        None => part,
    });
    let begins = parts.next().unwrap_or_default();
    match rest.strip_prefix(begins) {
        Some(after) => rest = after,
        None => return false,
    }
    let mut is_open = false;
    for fixed in parts {
        is_open = fixed.is_empty();
        match rest.find(fixed) {
            Some(at) => rest = rest.get(at + fixed.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.is_empty() || is_open
}
