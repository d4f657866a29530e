//! `nats rtt`, `latency` and `bench` as users run them. Nothing here asserts on a time.

mod support;

use serde_json::Value;
use support::Server;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn rtt_is_text_or_json_and_fails_when_nobody_answers() {
    let Some(server) = Server::start() else {
        return;
    };
    let text = server.nats(&["rtt", "2"]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(
        text.stdout.starts_with(&format!("{}:\n\n", server.url)),
        "{text:?}"
    );
    let document = json(&server.nats(&["rtt", "--json"]).stdout);
    let result = &document[0]["results"][0];
    assert!(result["rtt"].as_u64().unwrap() > 0, "{document}");
    assert_eq!(document[0]["url"], server.url, "{document}");
    let refused = server.nats(&["rtt", "-s", "127.0.0.1:1"]);
    assert_eq!(refused.code, 1, "{refused:?}");
}

#[test]
fn a_benchmark_counts_every_message_on_both_sides() {
    let Some(server) = Server::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("sub.csv").display().to_string();
    let sub = server.run(
        &[
            "bench",
            "sub",
            "b",
            "--trace",
            "--msgs",
            "3000",
            "--clients",
            "2",
            "--csv",
            &csv,
        ],
        "All clients are ready",
    );
    let publish = server.nats(&[
        "bench",
        "pub",
        "b",
        "--msgs",
        "3000",
        "--clients",
        "2",
        "--size",
        "16",
        "--json",
    ]);
    assert_eq!(publish.code, 0, "{publish:?}");
    let document = json(&publish.stdout);
    assert_eq!(document["aggregate"]["messages"], 3_000, "{document}");
    assert_eq!(document["aggregate"]["payload_bytes"], 48_000, "{document}");
    assert_eq!(
        document["clients"].as_array().unwrap().len(),
        2,
        "{document}"
    );
    let (lines, code) = sub.finish();
    assert_eq!(code, 0, "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("NATS Core NATS subscriber aggregated stats:")),
        "{lines:?}"
    );
    let csv = std::fs::read_to_string(csv).unwrap();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "#RunID,ClientID,MsgCount,MsgBytes,MsgsPerSec,BytesPerSec,DurationSecs"
    );
    assert!(
        lines[1].contains(",S0,3000,48000,") && lines[2].contains(",S1,3000,48000,"),
        "{csv}"
    );
}

#[test]
fn an_open_loop_sends_what_rate_and_duration_say() {
    let Some(server) = Server::start() else {
        return;
    };
    let publish = server.nats(&[
        "bench",
        "pub",
        "b",
        "--throughput",
        "1000",
        "--duration",
        "300ms",
        "--json",
    ]);
    let document = json(&publish.stdout);
    assert_eq!(document["aggregate"]["messages"], 300, "{document}");
    assert_eq!(document["latency_from"], "due", "{document}");
    let wrong = server.nats(&["bench", "pub", "b", "--duration", "1s"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
}

#[test]
fn services_can_be_measured_and_found() {
    let Some(server) = Server::start() else {
        return;
    };
    let absent = server.nats(&["bench", "service", "request", "svc", "--msgs", "10"]);
    assert_eq!(absent.code, 2, "{absent:?}");
    let _serve = server.run(
        &["bench", "service", "serve", "svc", "--clients", "2"],
        "[2] Starting",
    );
    let mut outcome = server.nats(&[
        "bench",
        "service",
        "request",
        "svc",
        "--msgs",
        "200",
        "--clients",
        "2",
        "--json",
    ]);
    for _ in 0..50 {
        if outcome.code == 0 {
            break;
        }
        outcome = server.nats(&[
            "bench",
            "service",
            "request",
            "svc",
            "--msgs",
            "200",
            "--clients",
            "2",
            "--json",
        ]);
    }
    let document = json(&outcome.stdout);
    assert_eq!(
        document["aggregate"]["latency_us"]["count"], 200,
        "{document}"
    );
    let list = json(&server.nats(&["service", "list", "--json"]).stdout);
    assert_eq!(list.as_array().unwrap().len(), 2, "{list}");
    assert_eq!(list[0]["name"], "nats-bench-service", "{list}");
}

#[test]
fn latency_between_two_connections_is_measured_message_by_message() {
    let Some(server) = Server::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l").display().to_string();
    let outcome = server.nats(&[
        "latency",
        "--server-b",
        &server.url,
        "--rate",
        "500",
        "--duration",
        "400ms",
        "--histogram",
        &file,
        "--json",
    ]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(json(&outcome.stdout)["messages"], 200, "{outcome:?}");
    let raw = std::fs::read_to_string(format!("{file}.raw")).unwrap();
    assert_eq!(raw.lines().count(), 200);
    assert!(
        std::fs::read_to_string(format!("{file}.histogram"))
            .unwrap()
            .starts_with("Value\tPercentile")
    );
}
