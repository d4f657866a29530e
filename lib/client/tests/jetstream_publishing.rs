//! Publishing in every way, through the client, against a real server.

mod support;

use std::time::Duration;

use nats_client::jetstream::*;
use support::jetstream::JetStreamServer;
use support::soon;

fn allowing(name: &str) -> StreamConfig {
    StreamConfig {
        name: name.into(),
        subjects: vec![format!("{name}.>")],
        allow_direct: true,
        allow_atomic: true,
        allow_batched: true,
        allow_msg_ttl: true,
        allow_rollup_hdrs: true,
        allow_msg_schedules: true,
        ..StreamConfig::default()
    }
}

#[tokio::test]
async fn a_stream_checks_what_a_publisher_expects() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_stream(&allowing("s")).await.unwrap();
    let once = PublishOptions::new().msg_id("one");
    let first = js.publish_with("s.a", "1", &once).await.unwrap();
    assert!(!first.duplicate);
    let second = js.publish_with("s.a", "1", &once).await.unwrap();
    assert!(second.duplicate && second.seq == first.seq);
    let table = [
        (
            PublishOptions::new().expect_stream("other"),
            code::STREAM_NOT_MATCH,
        ),
        (
            PublishOptions::new().expect_last_sequence(7),
            code::STREAM_WRONG_LAST_SEQUENCE,
        ),
        (
            PublishOptions::new().expect_last_subject_sequence(0),
            code::STREAM_WRONG_LAST_SEQUENCE,
        ),
        (
            PublishOptions::new().expect_last_sequence_of("s.*", 9),
            code::STREAM_WRONG_LAST_SEQUENCE,
        ),
        (
            PublishOptions::new().expect_last_msg_id("two"),
            code::STREAM_WRONG_LAST_MSG_ID,
        ),
        (
            PublishOptions::new().ttl(MessageTtl::For(Duration::from_millis(10))),
            code::MESSAGE_TTL_INVALID,
        ),
    ];
    for (options, code) in table {
        let error = js.publish_with("s.a", "x", &options).await.unwrap_err();
        assert_eq!(error.err_code(), Some(code), "{error}");
    }
    let all = PublishOptions::new()
        .expect_stream("s")
        .expect_last_sequence(1)
        .expect_last_msg_id("one")
        .ttl(MessageTtl::For(Duration::from_secs(100)));
    assert_eq!(js.publish_with("s.a", "2", &all).await.unwrap().seq, 2);
    let rollup = PublishOptions::new().rollup(Rollup::Subject);
    js.publish_with("s.a", "3", &rollup).await.unwrap();
    assert_eq!(js.stream_info("s").await.unwrap().state.messages, 1);
}

#[tokio::test]
async fn a_window_of_messages_is_acknowledged_one_by_one() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_stream(&allowing("s")).await.unwrap();
    let publisher = js
        .publisher(PublisherOptions {
            window: 16,
            ..PublisherOptions::default()
        })
        .await
        .unwrap();
    let mut acks = Vec::new();
    for i in 0..1000 {
        acks.push(publisher.publish("s.a", i.to_string()).await.unwrap());
        assert!(publisher.outstanding() <= 16);
    }
    for (i, ack) in acks.into_iter().enumerate() {
        assert_eq!(soon("an ack", ack).await.unwrap().seq, i as u64 + 1);
    }
    let wrong = PublishOptions::new().expect_last_sequence(1);
    let refused = publisher.publish_with("s.a", "x", &wrong).await.unwrap();
    let error = soon("a refusal", refused).await.unwrap_err();
    assert!(error.is(ApiError::STREAM_WRONG_LAST_SEQUENCE), "{error}");
    drop(publisher.publish_with("s.a", "x", &wrong).await.unwrap());
    let done = soon("the end", publisher.finish()).await.unwrap();
    assert_eq!((done.acknowledged, done.failed), (1000, 2));
    assert!(
        done.first_error
            .unwrap()
            .is(ApiError::STREAM_WRONG_LAST_SEQUENCE)
    );
    drop(publisher.publish("nobody.takes", "x").await.unwrap());
    let again = soon("the end", publisher.finish()).await.unwrap();
    assert_eq!((again.acknowledged, again.failed), (0, 1), "counts anew");
    assert!(matches!(
        again.first_error,
        Some(JetStreamError::NoStream { .. })
    ));
}

#[tokio::test]
async fn a_publisher_that_nobody_answers_gives_up_and_goes_on() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    // Takes messages without ever answering.
    let _silent = started.client.subscribe("silent").await.unwrap();
    started.client.flush().await.unwrap();
    let publisher = js
        .publisher(PublisherOptions {
            window: 2,
            ack_timeout: Duration::from_millis(200),
        })
        .await
        .unwrap();
    drop(publisher.publish("silent", "1").await.unwrap());
    drop(publisher.publish("silent", "2").await.unwrap());
    let error = soon("an error", publisher.publish("silent", "3"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            JetStreamError::NotAcknowledged { outstanding: 2, .. }
        ),
        "{error}"
    );
    drop(publisher.publish("silent", "4").await.unwrap());
    assert_eq!(publisher.outstanding(), 1, "the lost ones made room");
    let lost = publisher.publish("silent", "5").await.unwrap();
    let error = soon("the end of patience", lost).await.unwrap_err();
    assert!(matches!(error, JetStreamError::Request(_)), "{error}");
}

#[tokio::test]
async fn an_atomic_batch_is_stored_as_a_whole_or_not_at_all() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_stream(&allowing("s")).await.unwrap();
    let mut batch = js.atomic_batch();
    for i in 1..10 {
        batch.add("s.a", i.to_string()).await.unwrap();
    }
    let state = js.stream_info("s").await.unwrap().state;
    assert_eq!(state.messages, 0, "nothing before the commit");
    let id = batch.id().to_owned();
    let ack = batch.commit("s.a", "10").await.unwrap();
    assert_eq!((ack.count, ack.seq, ack.batch), (10, 10, id));

    let mut ended = js.atomic_batch();
    ended.add("s.b", "1").await.unwrap();
    let ack = ended.commit_end("s.b").await.unwrap();
    assert_eq!((ack.count, ack.seq), (1, 11));

    let mut refused = js.atomic_batch();
    let wrong = PublishOptions::new().expect_last_sequence(3);
    refused.add_with("s.a", "1", wrong).await.unwrap();
    let error = refused.commit("s.a", "2").await.unwrap_err();
    assert!(error.is(ApiError::STREAM_WRONG_LAST_SEQUENCE), "{error}");
    assert_eq!(js.stream_info("s").await.unwrap().state.messages, 11);

    let plain = StreamConfig {
        allow_atomic: false,
        ..allowing("plain")
    };
    js.create_stream(&plain).await.unwrap();
    let error = js.atomic_batch().add("plain.a", "1").await.unwrap_err();
    assert_eq!(
        error.err_code(),
        Some(code::ATOMIC_PUBLISH_DISABLED),
        "{error}"
    );
}

#[tokio::test]
async fn a_fast_batch_stores_as_it_goes() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_stream(&allowing("s")).await.unwrap();
    let mut batch = js.fast_batch(FastBatchOptions::default()).await.unwrap();
    for i in 1..5000u64 {
        soon("room", batch.add("s.a", i.to_string())).await.unwrap();
    }
    assert!(batch.acknowledged() > 0);
    let ack = soon("the end", batch.commit("s.a", "5000")).await.unwrap();
    assert_eq!(ack.count, 5000);
    assert_eq!(js.stream_info("s").await.unwrap().state.messages, 5000);
    let mut batch = js.fast_batch(FastBatchOptions::default()).await.unwrap();
    batch.add("s.a", "1").await.unwrap();
    let ack = soon("the end", batch.commit_end()).await.unwrap();
    assert_eq!(ack.count, 1);

    let plain = StreamConfig {
        allow_batched: false,
        ..allowing("plain")
    };
    js.create_stream(&plain).await.unwrap();
    let mut batch = js.fast_batch(FastBatchOptions::default()).await.unwrap();
    let error = soon("a refusal", batch.add("plain.a", "1"))
        .await
        .unwrap_err();
    assert_eq!(
        error.err_code(),
        Some(code::BATCH_PUBLISH_DISABLED),
        "{error}"
    );
}

#[tokio::test]
async fn counters_count_beyond_any_integer() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let config = StreamConfig {
        name: "VOTES".into(),
        subjects: vec!["votes.>".into()],
        allow_direct: true,
        allow_msg_counter: true,
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
    let counter = js.counter("VOTES").await.unwrap();
    assert_eq!(counter.add("votes.yes", 5).await.unwrap(), "5");
    assert_eq!(counter.add("votes.yes", -7).await.unwrap(), "-2");
    let large = "+100000000000000000000000000000";
    let value = counter.add_text("votes.no", large).await.unwrap();
    assert_eq!(value, "100000000000000000000000000000");
    let entry = counter.get("votes.no").await.unwrap();
    assert_eq!(entry.value, "100000000000000000000000000000");
    assert_eq!(entry.increment.as_deref(), Some(large));
    let all = counter.get_all(vec!["votes.*".into()]).await.unwrap();
    let all: Vec<_> = all.iter().map(|entry| entry.subject.as_str()).collect();
    assert_eq!(all, ["votes.no", "votes.yes"]);
    assert!(counter.get("votes.none").await.unwrap_err().is_not_found());
    assert!(counter.add_text("votes.yes", "5").await.is_err());
    js.create_stream(&allowing("s")).await.unwrap();
    assert!(js.counter("s").await.is_err(), "not a stream of counters");
}

#[tokio::test]
async fn a_schedule_publishes_later() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_stream(&allowing("s")).await.unwrap();
    let mut reports = js
        .ordered_consumer("s", OrderedOptions::filter("s.report"))
        .await
        .unwrap();
    let at = std::time::SystemTime::now() + Duration::from_secs(1);
    let schedule = Schedule::at(at.into(), "s.report");
    js.publish_with("s.schedule", "body", &schedule.options())
        .await
        .unwrap();
    let report = soon("the report", reports.next()).await.unwrap().unwrap();
    assert_eq!(report.payload(), b"body");
    assert_eq!(report.header("Nats-Scheduler"), Some("s.schedule"));
}
