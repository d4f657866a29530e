//! Streams and the messages in them, through the client, against a real server.

mod support;

use nats_client::jetstream::*;
use support::jetstream::JetStreamServer;
use support::soon;

fn stream(name: &str, subjects: &[&str]) -> StreamConfig {
    StreamConfig {
        name: name.into(),
        subjects: subjects.iter().map(|s| (*s).to_owned()).collect(),
        allow_direct: true,
        ..StreamConfig::default()
    }
}

#[tokio::test]
async fn a_stream_is_made_looked_at_changed_emptied_and_deleted() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let made = js
        .create_stream_with(&stream("ORDERS", &["orders.>"]), false)
        .await
        .unwrap();
    assert!(made.did_create);
    assert_eq!(made.info.config.max_msgs, -1);
    js.create_stream(&stream("ORDERS", &["orders.>"]))
        .await
        .expect("an equal stream is no error");
    let other = js.create_stream(&stream("ORDERS", &["else"])).await;
    assert!(other.unwrap_err().is(ApiError::STREAM_NAME_EXIST));

    for i in 0..5 {
        let ack = js.publish(&format!("orders.{}", i % 2), "x").await.unwrap();
        assert_eq!((ack.stream.as_str(), ack.seq), ("ORDERS", i + 1));
    }
    let mut config = js.stream_info("ORDERS").await.unwrap().config;
    config.description = "changed".into();
    assert_eq!(
        js.update_stream(&config).await.unwrap().config.description,
        "changed"
    );
    let subjects = js.stream_subjects("ORDERS", ">").await.unwrap();
    assert_eq!(subjects.get("orders.0"), Some(&3));
    assert_eq!(
        js.stream_of_subject("orders.7").await.unwrap().as_deref(),
        Some("ORDERS")
    );
    assert_eq!(js.stream_of_subject("none").await.unwrap(), None);

    js.delete_message("ORDERS", 2, true).await.unwrap();
    let gone = js.delete_message("ORDERS", 2, false).await.unwrap_err();
    assert_eq!(gone.err_code(), Some(code::SEQUENCE_NOT_FOUND));
    let detail = StreamInfoRequest {
        deleted_details: true,
        ..StreamInfoRequest::default()
    };
    let info = js.stream_info_with("ORDERS", &detail).await.unwrap().info;
    assert_eq!(info.state.deleted, [2]);
    let purge = StreamPurgeRequest {
        filter: "orders.0".into(),
        keep: 1,
        ..StreamPurgeRequest::default()
    };
    assert_eq!(js.purge_stream("ORDERS", &purge).await.unwrap(), 2);
    let all = StreamPurgeRequest::default();
    assert_eq!(js.purge_stream("ORDERS", &all).await.unwrap(), 2);

    js.delete_stream("ORDERS").await.unwrap();
    let gone = js.stream_info("ORDERS").await.unwrap_err();
    assert!(gone.is(ApiError::STREAM_NOT_FOUND) && gone.is_not_found());
}

#[tokio::test]
async fn lists_go_over_page_borders() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    // A page of streams has 256.
    for i in 0..300 {
        let config = StreamConfig {
            storage: Storage::Memory,
            ..stream(&format!("S{i:03}"), &[&format!("s.{i}")])
        };
        js.create_stream(&config).await.unwrap();
    }
    let names = js.stream_names(None).await.unwrap();
    assert_eq!(names.len(), 300);
    let streams = js.streams(None).await.unwrap().streams;
    assert_eq!(streams.len(), 300);
    assert!(
        streams
            .windows(2)
            .all(|w| w[0].config.name < w[1].config.name)
    );
    assert_eq!(js.stream_names(Some("s.7")).await.unwrap(), ["S007"]);
    assert!(js.stream_names(Some("nothing")).await.unwrap().is_empty());
    let account = js.account_info().await.unwrap();
    assert_eq!(account.streams, 300);
}

#[tokio::test]
async fn messages_are_found_one_by_one_and_many_at_once() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_stream(&stream("S", &["s.>"])).await.unwrap();
    for i in 1..=10u64 {
        let options = PublishOptions::new().header("Number", &i.to_string());
        js.publish_with(&format!("s.{}", i % 3), i.to_string(), &options)
            .await
            .unwrap();
    }
    let by_sequence = MsgGetRequest {
        seq: 4,
        ..MsgGetRequest::default()
    };
    let from_leader = js.get_message("S", &by_sequence).await.unwrap();
    let direct = js.direct_get("S", &by_sequence).await.unwrap();
    assert_eq!(direct, from_leader, "both ways show the same message");
    assert_eq!(direct.sequence, 4);
    assert_eq!(&direct.payload[..], b"4");
    assert_eq!(direct.headers.first("Number"), Some("4"));
    assert!(!direct.time.is_never());
    let last = js.direct_get_last("S", "s.0").await.unwrap();
    assert_eq!(last.sequence, 9);
    let missing = js.direct_get_last("S", "s.none").await.unwrap_err();
    assert!(missing.is_not_found(), "{missing}");

    let batch = MsgGetRequest {
        seq: 3,
        batch: 4,
        ..MsgGetRequest::default()
    };
    let mut messages = js.direct_get_batch("S", &batch).await.unwrap();
    let found = messages.collect().await.unwrap();
    let sequences: Vec<u64> = found.iter().map(|m| m.sequence).collect();
    assert_eq!(sequences, [3, 4, 5, 6]);
    assert_eq!(messages.end().unwrap().num_pending, 4);

    let latest = MsgGetRequest {
        multi_last: vec!["s.*".into()],
        ..MsgGetRequest::default()
    };
    let mut messages = js.direct_get_batch("S", &latest).await.unwrap();
    let found = messages.collect().await.unwrap();
    let sequences: Vec<u64> = found.iter().map(|m| m.sequence).collect();
    assert_eq!(sequences, [8, 9, 10]);
    assert_eq!(messages.end().unwrap().up_to_sequence, Some(10));

    let nothing = MsgGetRequest {
        multi_last: vec!["none".into()],
        ..MsgGetRequest::default()
    };
    let mut messages = js.direct_get_batch("S", &nothing).await.unwrap();
    let error = soon("an answer", messages.next())
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert!(messages.next().await.is_none(), "nothing follows an error");
}

#[tokio::test]
async fn refusals_carry_their_code_and_silence_is_told_from_them() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let (js, client) = (&started.js, &started.client);
    let error = js.create_stream(&stream("bad name", &["x"])).await;
    assert!(matches!(error, Err(JetStreamError::Name { .. })));
    let transform = StreamConfig {
        mirror: Some(StreamSource {
            name: "A".into(),
            ..StreamSource::default()
        }),
        ..stream("M", &["m"])
    };
    let error = js.create_stream(&transform).await.unwrap_err();
    assert!(error.is(ApiError::MIRROR_WITH_SUBJECTS), "{error}");

    let elsewhere = JetStream::with_domain(client.clone(), "nowhere");
    let error = elsewhere.account_info().await.unwrap_err();
    assert!(
        matches!(error, JetStreamError::NotEnabled { .. }),
        "{error}"
    );
    let error = js.publish("nobody.takes.this", "x").await.unwrap_err();
    assert!(matches!(error, JetStreamError::NoStream { .. }), "{error}");
}

#[tokio::test]
async fn requests_are_shown_to_whoever_traces_them() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = std::sync::Arc::clone(&seen);
    let js = js
        .clone()
        .trace(std::sync::Arc::new(move |subject, _, answer| {
            let answered = answer.is_some_and(|answer| answer.starts_with(b"{"));
            log.lock().unwrap().push((subject.to_owned(), answered));
        }));
    js.account_info().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [("$JS.API.INFO".to_owned(), true)]);
}
