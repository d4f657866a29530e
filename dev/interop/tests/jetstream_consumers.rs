//! What clients of a JetStream consumer hear: pulls and their statuses, acknowledgements, redelivery, push, flow control, priority groups.
//!
//! The scenarios, and what the reference server said to them, lie beside the consumer machine in `lib/jetstream`; a small client in Python
//! plays them over the wire. The machine's own test plays the same without a server.

use std::path::PathBuf;
use std::process::Command;

use nats_interop::{Launch, binary, skip};
use serde_json::{Map, Value, json};

/// Many scenarios wait for times to pass. On a busy machine one may be late; it gets another chance, with nothing beside it.
const ATTEMPTS: usize = 3;

/// Where ours means to differ: scenario, step, what its info says about the acknowledgement floor. The floor goes past a message that was
/// given up; the reference server moves its own floor as well, and shows another one.
const DIFFERENCES: [(&str, usize, [u64; 2]); 2] = [
    ("delivered as often as allowed", 7, [3, 2]),
    ("delivered as often as allowed", 9, [3, 2]),
];

#[test]
fn clients_hear_what_was_recorded_from_the_reference_server() {
    let Some(python) = std::env::var_os("NATS_PY_PYTHON") else {
        skip::left_out("consumers on the wire", "NATS_PY_PYTHON names no Python");
        return;
    };
    let folder = golden();
    let text = std::fs::read_to_string(folder.join("reference.json")).expect("the recording");
    let mut expected: Map<String, Value> = serde_json::from_str(&text).expect("the recording");
    if !binary::is_reference() {
        for (scenario, step, floor) in DIFFERENCES {
            expected[scenario][step][0]["ack_floor"] = json!(floor);
        }
    }
    let server = Launch::new("jetstream { store_dir: '$DIR/data' }").start();
    let play = |names: &[String]| -> Map<String, Value> {
        let output = Command::new(&python)
            .arg(folder.join("record.py"))
            .arg(server.addr().to_string())
            .args(names)
            .output()
            .expect("Python runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        serde_json::from_slice(&output.stdout).expect("what was heard")
    };
    let mut left: Vec<String> = expected.keys().cloned().collect();
    for attempt in 1..=ATTEMPTS {
        let heard = play(&left);
        left.retain(|name| heard.get(name) != expected.get(name));
        if attempt == ATTEMPTS {
            for name in &left {
                report(name, &heard[name], &expected[name]);
            }
        }
        if left.is_empty() {
            return;
        }
    }
    panic!("something else than the recording: {left:?}");
}

/// Prints the steps that differ.
fn report(name: &str, heard: &Value, expected: &Value) {
    let steps = |value: &Value| value.as_array().cloned().unwrap_or_default();
    for (step, (heard, expected)) in steps(heard).iter().zip(steps(expected)).enumerate() {
        if *heard != expected {
            println!("{name}, step {step}\n  recorded {expected}\n  heard    {heard}");
        }
    }
}

fn golden() -> PathBuf {
    binary::workspace_root().join("lib/jetstream/src/consumer/tests/golden")
}
