//! Every kind of work, small, against a real server: the binary named by `NATS_SERVER_BIN`.

use std::path::Path;
use std::time::Duration;

use nats_bench::cases::{
    ConnectionStorm, IdleConnections, JetStream, JsWork, OperatorMode, Pulled, Requests, Stream,
    Subjects, TokenWork, Workload,
};
use nats_bench::load::{Run, measure};
use nats_bench::metric::{Metric, Sample};
use nats_bench::process::Binary;

const STREAM: Stream = Stream {
    publishers: 2,
    receivers: 3,
    queue_group: false,
    payload_bytes: 40,
    subjects: Subjects::One,
    in_flight_max: None,
    churn_per_second: 0,
};

/// `None` after a visible line when no server is named.
fn figures(workload: Workload) -> Option<Sample> {
    let Some(path) = std::env::var_os("NATS_SERVER_BIN") else {
        assert!(
            std::env::var_os("NATS_REQUIRE_ALL").is_none_or(|all| all != "1"),
            "NATS_REQUIRE_ALL=1, but NATS_SERVER_BIN names no server"
        );
        eprintln!("SKIPPED: {workload:?}: NATS_SERVER_BIN names no server");
        return None;
    };
    let binary = Binary::new(Path::new(&path)).expect("NATS_SERVER_BIN");
    let run = Run {
        length: Duration::from_millis(200),
        verify: true,
    };
    Some(measure(&binary, &workload, run).expect("a run without loss"))
}

fn assert_positive(sample: &Sample, metrics: &[Metric]) {
    for metric in metrics {
        let value = sample.value(*metric);
        assert!(
            value.is_some_and(|value| value > 0.0),
            "{metric:?}: {value:?}"
        );
    }
}

#[test]
fn every_receiver_gets_every_message_in_order() {
    if let Some(sample) = figures(Workload::Stream(STREAM)) {
        assert_positive(&sample, &[Metric::RatePerSecond, Metric::PeakRssBytes]);
        let done = sample.value(Metric::Done).expect("done");
        assert_eq!(done % 3.0, 0.0, "three receivers get the same number");
    }
}

#[test]
fn a_queue_group_gets_every_message_once() {
    let stream = Stream {
        queue_group: true,
        ..STREAM
    };
    if let Some(sample) = figures(Workload::Stream(stream)) {
        assert_positive(&sample, &[Metric::RatePerSecond]);
    }
}

#[test]
fn numbered_subjects_are_served_in_turn_while_others_come_and_go() {
    let stream = Stream {
        publishers: 1,
        receivers: 1,
        subjects: Subjects::Numbered(500),
        in_flight_max: Some(10_000),
        churn_per_second: 500,
        ..STREAM
    };
    if let Some(sample) = figures(Workload::Stream(stream)) {
        assert_positive(&sample, &[Metric::RatePerSecond, Metric::ChurnPerSecond]);
    }
}

#[test]
fn every_request_is_answered() {
    let requests = Requests {
        clients: 3,
        payload_bytes: 20,
    };
    if let Some(sample) = figures(Workload::Requests(requests)) {
        assert_positive(&sample, &[Metric::LatencyP50Us, Metric::LatencyP99Us]);
    }
}

#[test]
fn idle_connections_stay_alive_with_and_without_tls() {
    for tls in [false, true] {
        let idle = IdleConnections {
            connections: 50,
            tls,
        };
        if let Some(sample) = figures(Workload::IdleConnections(idle)) {
            assert_eq!(sample.value(Metric::Done), Some(50.0));
        }
    }
}

#[test]
fn connections_come_and_go() {
    let storm = ConnectionStorm { at_once: 3 };
    if let Some(sample) = figures(Workload::ConnectionStorm(storm)) {
        assert_positive(&sample, &[Metric::RatePerSecond]);
    }
}

#[test]
fn users_with_tokens_come_and_folders_of_accounts_are_handed_over() {
    for work in [
        TokenWork::Storm { at_once: 3 },
        TokenWork::Visit { at_once: 3 },
        TokenWork::Lookup,
        TokenWork::Pack,
        TokenWork::Merge,
    ] {
        let accounts = 20;
        if let Some(sample) = figures(Workload::OperatorMode(OperatorMode { accounts, work })) {
            assert_positive(&sample, &[Metric::RatePerSecond, Metric::PeakRssBytes]);
        }
    }
}

#[test]
fn start_and_size_are_measured() {
    if let Some(sample) = figures(Workload::Start) {
        assert_positive(&sample, &[Metric::StartMs, Metric::IdleRssBytes]);
    }
    if let Some(sample) = figures(Workload::BinarySize) {
        assert_positive(&sample, &[Metric::BinaryBytes]);
    }
}

const JETSTREAM: JetStream = JetStream {
    in_memory: false,
    sync_interval: None,
    payload_bytes: 40,
    work: JsWork::Publish { window: 20 },
};

#[test]
fn every_publish_to_a_stream_is_acknowledged_in_order() {
    for (in_memory, window) in [(true, 20), (false, 20), (false, 1)] {
        let work = JsWork::Publish { window };
        let case = JetStream {
            in_memory,
            work,
            ..JETSTREAM
        };
        if let Some(sample) = figures(Workload::JetStream(case)) {
            assert_positive(&sample, &[Metric::RatePerSecond, Metric::PeakRssBytes]);
        }
    }
}

#[test]
fn everything_pulled_comes_and_is_acknowledged() {
    for ahead in [50, 100] {
        let pulled = Pulled {
            messages: 500,
            batch: 50,
            ahead,
        };
        let case = JetStream {
            work: JsWork::Pull(pulled),
            ..JETSTREAM
        };
        if let Some(sample) = figures(Workload::JetStream(case)) {
            assert_eq!(sample.value(Metric::Done), Some(500.0));
        }
    }
}

#[test]
fn a_killed_server_comes_back_with_what_it_acknowledged() {
    let case = JetStream {
        sync_interval: Some("always"),
        work: JsWork::Recover { messages: 1000 },
        ..JETSTREAM
    };
    if let Some(sample) = figures(Workload::JetStream(case)) {
        assert_positive(&sample, &[Metric::RecoveryMs, Metric::HeldRssBytes]);
    }
}
