//! Consumers of all kinds, through the client, against a real server.

mod support;

use std::time::Duration;

use nats_client::jetstream::*;
use support::jetstream::JetStreamServer;
use support::soon;

async fn filled(js: &JetStream, messages: u64) {
    let config = StreamConfig {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
    let publisher = js.publisher(PublisherOptions::default()).await.unwrap();
    for i in 1..=messages {
        let _ack = publisher
            .publish(&format!("s.{}", i % 2), i.to_string())
            .await
            .unwrap();
    }
    let done = publisher.finish().await.unwrap();
    assert_eq!((done.acknowledged, done.failed), (messages, 0));
}

fn explicit(name: &str) -> ConsumerConfig {
    ConsumerConfig {
        durable_name: name.into(),
        ack_policy: AckPolicy::Explicit,
        ..ConsumerConfig::default()
    }
}

#[tokio::test]
async fn a_fetch_ends_with_its_batch_or_its_time_or_at_once() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 7).await;
    let consumer = js.create_pull_consumer("S", &explicit("C")).await.unwrap();
    let batch = consumer.fetch(FetchOptions::messages(5)).await.unwrap();
    let batch = soon("a full batch", batch.collect()).await.unwrap();
    assert_eq!(batch.len(), 5);
    let info = batch[4].info().unwrap();
    assert_eq!((info.stream_sequence, info.consumer_sequence), (5, 5));
    assert_eq!((info.pending, info.delivered), (2, 1));
    for message in &batch {
        message.double_ack(support::SOON).await.unwrap();
    }
    let rest = consumer
        .fetch(FetchOptions::messages(5).no_wait())
        .await
        .unwrap();
    let rest = soon("what is there", rest.collect()).await.unwrap();
    assert_eq!(rest.len(), 2);
    let none = consumer
        .fetch(FetchOptions::messages(5).expires(Duration::from_millis(300)))
        .await
        .unwrap();
    assert!(soon("the end", none.collect()).await.unwrap().is_empty());
    let state = consumer.info().await.unwrap();
    assert_eq!(state.ack_floor.stream_seq, 5);
    assert_eq!(state.num_ack_pending, 2);
}

#[tokio::test]
async fn a_fetch_by_bytes_stays_below_them() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 50).await;
    let consumer = js.create_pull_consumer("S", &explicit("C")).await.unwrap();
    let batch = consumer
        .fetch(FetchOptions::bytes(1000).expires(Duration::from_secs(3)))
        .await
        .unwrap();
    let batch = soon("a batch", batch.collect()).await.unwrap();
    let bytes: usize = batch.iter().map(|m| m.message().size()).sum();
    assert!(bytes <= 1000 && bytes > 800, "{bytes} bytes");
}

#[tokio::test]
async fn what_a_reader_says_decides_what_comes_again() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let (js, client) = (&started.js, &started.client);
    filled(js, 4).await;
    let mut terminated = js
        .events_on("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>")
        .await
        .unwrap();
    let consumer = js.create_pull_consumer("S", &explicit("C")).await.unwrap();
    let batch = consumer.fetch(FetchOptions::messages(4)).await.unwrap();
    let batch = soon("the batch", batch.collect()).await.unwrap();
    batch[0].ack().await.unwrap();
    batch[1].nak(None).await.unwrap();
    batch[2].term(Some("not wanted")).await.unwrap();
    batch[3]
        .nak(Some(Duration::from_millis(300)))
        .await
        .unwrap();
    let again = consumer.fetch(FetchOptions::messages(2)).await.unwrap();
    let again = soon("both again", again.collect()).await.unwrap();
    let sequences: Vec<u64> = again
        .iter()
        .map(|m| m.info().unwrap().stream_sequence)
        .collect();
    assert_eq!(sequences, [2, 4]);
    assert!(again.iter().all(|m| m.info().unwrap().delivered == 2));
    again[0].in_progress().await.unwrap();
    let (subject, event) = soon("the advisory", terminated.next()).await.unwrap();
    assert!(subject.ends_with("MSG_TERMINATED.S.C"), "{subject}");
    let advisory::Event::Terminated(told) = event.unwrap() else {
        panic!("not an advisory about a terminated message");
    };
    assert_eq!((told.stream_seq, &*told.reason), (3, "not wanted"));

    let inbox = client.new_inbox();
    let mut more = client.subscribe(&inbox).await.unwrap();
    js.publish("s.0", "more").await.unwrap();
    let request = PullRequest {
        batch: 1,
        expires: nats_api::time::Nanos::from(Duration::from_secs(5)),
        ..PullRequest::default()
    };
    again[0].ack_next(&inbox, &request).await.unwrap();
    let next = soon("the next", more.next()).await.unwrap();
    assert_eq!(next.payload(), b"more");
}

#[tokio::test]
async fn messages_without_end_come_one_by_one_and_in_batches() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 2500).await;
    let consumer = js.create_pull_consumer("S", &explicit("C")).await.unwrap();
    let mut messages = consumer
        .messages(MessagesOptions::default().max_messages(100))
        .await
        .unwrap();
    for i in 1..=500u64 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, i);
        message.ack().await.unwrap();
    }
    let mut batch = Vec::new();
    let mut expected = 501;
    while expected <= 2500 {
        batch.clear();
        let count = soon("a batch", messages.next_batch(&mut batch))
            .await
            .unwrap();
        assert!(count > 0);
        for message in &batch {
            assert_eq!(message.info().unwrap().stream_sequence, expected);
            message.ack().await.unwrap();
            expected += 1;
        }
    }
    js.publish("s.late", "late").await.unwrap();
    let late = soon("a late message", messages.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(late.subject(), "s.late");
    js.delete_consumer("S", "C").await.unwrap();
    let error = soon("the end", messages.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::ConsumerGone(_)), "{error}");
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn messages_without_end_survive_a_lost_connection() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let (js, client) = (&started.js, &started.client);
    filled(js, 10).await;
    let consumer = js.create_pull_consumer("S", &explicit("C")).await.unwrap();
    let mut messages = consumer.messages(MessagesOptions::default()).await.unwrap();
    for _ in 0..10 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        message.double_ack(support::SOON).await.unwrap();
    }
    client.force_reconnect();
    let waits = tokio::spawn(async move {
        let message = messages.next().await.unwrap().unwrap();
        message.info().unwrap().stream_sequence
    });
    let mut left = 50;
    while js.publish("s.1", "after").await.is_err() && left > 0 {
        left -= 1;
    }
    let sequence = soon("the message after", waits).await.unwrap();
    assert_eq!(sequence, 11);
}

#[tokio::test]
async fn a_pinned_client_keeps_its_pin_until_it_is_taken() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 20).await;
    let config = ConsumerConfig {
        priority_groups: vec!["g".into()],
        priority_policy: PriorityPolicy::PinnedClient,
        ..explicit("C")
    };
    let one = js.create_pull_consumer("S", &config).await.unwrap();
    let two = js.pull_consumer("S", "C").await.unwrap();
    let fetch = || FetchOptions::messages(2).priority(Priority::group("g"));
    let got = one.fetch(fetch()).await.unwrap();
    let got = soon("the first", got.collect()).await.unwrap();
    assert_eq!(got.len(), 2);
    let pin = got[0].pin_id().expect("a pin").to_owned();
    let waiting = two
        .fetch(fetch().expires(Duration::from_millis(500)))
        .await
        .unwrap();
    assert!(soon("nothing", waiting.collect()).await.unwrap().is_empty());
    let more = one.fetch(fetch()).await.unwrap();
    let more = soon("more of the pinned", more.collect()).await.unwrap();
    assert_eq!(more[0].pin_id(), Some(&*pin));
    js.unpin_consumer("S", "C", "g").await.unwrap();
    let taken = two.fetch(fetch()).await.unwrap();
    let taken = soon("the other's turn", taken.collect()).await.unwrap();
    assert_ne!(taken[0].pin_id().unwrap(), pin);
    let error = js.unpin_consumer("S", "C", "none").await.unwrap_err();
    assert_eq!(
        error.err_code(),
        Some(code::CONSUMER_INVALID_PRIORITY_GROUP)
    );
}

#[tokio::test]
async fn a_push_consumer_with_flow_control_delivers_all_of_a_large_stream() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 5000).await;
    let config = ConsumerConfig {
        flow_control: true,
        idle_heartbeat: nats_api::time::Nanos::from(Duration::from_millis(500)),
        ack_policy: AckPolicy::None,
        ..ConsumerConfig::default()
    };
    let consumer = js.create_push_consumer("S", &config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for i in 1..=5000u64 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, i);
    }
    let info = js.consumer_info("S", consumer.name()).await.unwrap();
    assert!(info.push_bound);
    js.delete_consumer("S", consumer.name()).await.unwrap();
    let error = soon("silence", messages.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::NoHeartbeat(_)), "{error}");
    let error = js.pull_consumer("S", consumer.name()).await.unwrap_err();
    assert!(error.is(ApiError::CONSUMER_NOT_FOUND));
}

#[tokio::test]
async fn an_ordered_consumer_begins_anew_behind_the_last_message_when_it_is_lost() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 1000).await;
    let options = OrderedOptions {
        heartbeat: Duration::from_millis(300),
        ..OrderedOptions::filter("s.1")
    };
    let mut ordered = js.ordered_consumer("S", options).await.unwrap();
    assert_eq!(
        ordered.first_info().num_pending + ordered.first_info().delivered.consumer_seq,
        500
    );
    for i in 0..300u64 {
        let message = soon("a message", ordered.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, 2 * i + 1);
    }
    // The server loses it; what was delivered and not read yet comes first.
    js.delete_consumer("S", ordered.name()).await.unwrap();
    for i in 300..500u64 {
        let message = soon("a message", ordered.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, 2 * i + 1);
    }
    js.publish("s.1", "new").await.unwrap();
    let message = soon("a new message", ordered.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(message.payload(), b"new");
    assert!(ordered.resets() > 0, "it was made anew");
    let name = ordered.name().to_owned();
    ordered.stop().await.unwrap();
    let gone = js.consumer_info("S", &name).await.unwrap_err();
    assert!(gone.is_not_found());
}

#[tokio::test]
async fn consumers_are_listed_paused_resumed_reset_and_deleted() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 10).await;
    for name in ["A", "B"] {
        js.create_consumer("S", &explicit(name)).await.unwrap();
    }
    let mut names = js.consumer_names("S").await.unwrap();
    names.sort();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(js.consumers("S").await.unwrap().consumers.len(), 2);
    let until =
        nats_api::time::Timestamp::from(std::time::SystemTime::now() + Duration::from_secs(3600));
    assert!(js.pause_consumer("S", "A", until).await.unwrap().paused);
    assert!(js.consumer_info("S", "A").await.unwrap().paused);
    assert!(!js.resume_consumer("S", "A").await.unwrap().paused);
    let consumer = js.pull_consumer("S", "A").await.unwrap();
    let batch = consumer.fetch(FetchOptions::messages(5)).await.unwrap();
    for message in soon("a batch", batch.collect()).await.unwrap() {
        message.double_ack(support::SOON).await.unwrap();
    }
    let reset = js.reset_consumer("S", "A", Some(3)).await.unwrap();
    assert_eq!(reset.reset_seq, 3);
    let next = consumer.next(support::SOON).await.unwrap().unwrap();
    assert_eq!(next.info().unwrap().stream_sequence, 3);
    let exists = js
        .create_consumer_with(
            "S",
            &ConsumerConfig {
                max_deliver: 7,
                ..explicit("A")
            },
            ConsumerAction::Create,
            false,
        )
        .await
        .unwrap_err();
    assert!(exists.is(ApiError::CONSUMER_ALREADY_EXISTS), "{exists}");
    js.delete_consumer("S", "A").await.unwrap();
    let error = js.delete_consumer("S", "A").await.unwrap_err();
    assert!(error.is(ApiError::CONSUMER_NOT_FOUND));
}

#[tokio::test]
async fn what_the_server_need_not_keep_is_deleted() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 10).await;
    let mut ordered = js
        .ordered_consumer("S", OrderedOptions::default())
        .await
        .unwrap();
    assert!(ordered.next().await.unwrap().is_ok());
    assert_eq!(js.consumer_names("S").await.unwrap(), [ordered.name()]);
    let mut deleted = js
        .events_on("$JS.EVENT.ADVISORY.CONSUMER.DELETED.>")
        .await
        .unwrap();
    started.client.flush().await.unwrap();
    drop(ordered);
    soon("the deletion", deleted.next())
        .await
        .unwrap()
        .1
        .unwrap();
    assert!(js.consumer_names("S").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_consumer_that_is_not_there_shows_when_it_is_read() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 1).await;
    assert!(js.bind_pull_consumer("S", "bad.name").is_err());
    let bound = js.bind_pull_consumer("S", "C").unwrap();
    let mut nothing = bound.fetch(FetchOptions::messages(1)).await.unwrap();
    let error = soon("an error", nothing.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::ConsumerGone(_)), "{error}");
    js.create_consumer("S", &explicit("C")).await.unwrap();
    assert!(bound.next(support::SOON).await.unwrap().is_some());
}

#[tokio::test]
async fn overflow_and_prioritized_clients_are_served_in_their_order() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 10).await;
    let with = |name: &str, policy| ConsumerConfig {
        priority_groups: vec!["g".into()],
        priority_policy: policy,
        ..explicit(name)
    };
    let overflow = js
        .create_pull_consumer("S", &with("O", PriorityPolicy::Overflow))
        .await
        .unwrap();
    let short = Duration::from_millis(300);
    let needs = |min_pending| {
        FetchOptions::messages(2).expires(short).priority(Priority {
            min_pending,
            ..Priority::group("g")
        })
    };
    let none = overflow.fetch(needs(100)).await.unwrap();
    assert!(soon("nothing", none.collect()).await.unwrap().is_empty());
    let some = overflow.fetch(needs(5)).await.unwrap();
    assert_eq!(soon("two", some.collect()).await.unwrap().len(), 2);
    let none = overflow
        .fetch(FetchOptions::messages(1).expires(short))
        .await
        .unwrap();
    let error = soon("a refusal", none.collect()).await.unwrap_err();
    assert!(
        matches!(error, JetStreamError::Status { status: 400, .. }),
        "a group is missing: {error}"
    );

    let prioritized = js
        .create_pull_consumer("S", &with("P", PriorityPolicy::Prioritized))
        .await
        .unwrap();
    // All that is there is taken, so that both wait for what comes next.
    let all = FetchOptions::messages(10).priority(Priority::group("g"));
    let all = prioritized.fetch(all).await.unwrap();
    assert_eq!(soon("all", all.collect()).await.unwrap().len(), 10);
    let at = |priority| {
        FetchOptions::messages(1).priority(Priority {
            priority,
            ..Priority::group("g")
        })
    };
    let mut late = prioritized.fetch(at(5)).await.unwrap();
    let mut early = prioritized.fetch(at(1)).await.unwrap();
    started.client.flush().await.unwrap();
    js.publish("s.1", "first").await.unwrap();
    js.publish("s.1", "second").await.unwrap();
    let first = soon("the first", early.next()).await.unwrap().unwrap();
    assert_eq!(first.payload(), b"first");
    let second = soon("the second", late.next()).await.unwrap().unwrap();
    assert_eq!(second.payload(), b"second");
}

#[tokio::test]
async fn a_message_larger_than_all_bytes_is_an_error_and_not_asked_for_again_and_again() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    filled(js, 3).await;
    js.publish("s.1", vec![b'x'; 5000]).await.unwrap();
    let consumer = js.create_pull_consumer("S", &explicit("C")).await.unwrap();
    let options = MessagesOptions::default().max_bytes(1000);
    let mut messages = consumer.messages(options).await.unwrap();
    for _ in 0..3 {
        assert!(soon("a message", messages.next()).await.unwrap().is_ok());
    }
    let error = soon("an error", messages.next())
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(error, JetStreamError::Status { status: 409, .. }),
        "{error}"
    );
}
