//! Documents that only this server sends follow the schemas in `docs/schemas`.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use nats_api::jetstream::advisory::{ServerFault, StreamFault};
use serde_json::Value;

fn validator(name: &str) -> jsonschema::Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas")
        .join(name);
    let text = std::fs::read_to_string(path).expect("a file");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn fault(fault: &str, domain: &str) -> Value {
    let at = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
    let event = StreamFault {
        stream: "ORDERS".to_owned(),
        fault: fault.to_owned(),
        domain: domain.to_owned(),
        ..StreamFault::new("id", at.into())
    };
    serde_json::to_value(&event).expect("JSON")
}

#[test]
fn a_stream_fault_follows_its_schema_when_it_begins_and_when_it_is_over() {
    let schema = validator("stream_fault.json");
    for event in [
        fault("writing x: no space left on device", ""),
        fault("", "hub"),
    ] {
        let wrong: Vec<String> = schema.iter_errors(&event).map(|e| e.to_string()).collect();
        assert_eq!(wrong, [""; 0], "{event}");
    }
}

#[test]
fn the_schema_of_a_stream_fault_refuses_what_is_none() {
    let schema = validator("stream_fault.json");
    for (member, value) in [
        ("stream", Value::from("")),
        ("stream", Value::from("a.b")),
        ("fault", Value::Null),
        (
            "type",
            Value::from("io.nats.jetstream.advisory.v1.stream_action"),
        ),
        ("more", Value::from(1)),
        ("timestamp", Value::from("now")),
    ] {
        let mut event = fault("x", "");
        event[member] = value;
        assert!(!schema.is_valid(&event), "{event}");
    }
}

#[test]
fn a_server_fault_follows_its_schema() {
    let schema = validator("server_fault.json");
    let at = UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
    let mut event = ServerFault {
        server: "s1".to_owned(),
        server_id: "NABC".to_owned(),
        fault: "damage in x at 7".to_owned(),
        ..ServerFault::new("id", at.into())
    };
    for domain in ["", "hub"] {
        event.domain = domain.to_owned();
        let event = serde_json::to_value(&event).expect("JSON");
        let wrong: Vec<String> = schema.iter_errors(&event).map(|e| e.to_string()).collect();
        assert_eq!(wrong, [""; 0], "{event}");
    }
    event.fault.clear();
    assert!(!schema.is_valid(&serde_json::to_value(&event).expect("JSON")));
}
