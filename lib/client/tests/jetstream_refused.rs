//! Streams and consumers that are deleted or made anew while the client reads them, readers that are at a limit or behind, and
//! what of a window or a list comes to a bad end: everybody learns what happened, and to which message.

mod support;

use std::time::Duration;

use nats_client::jetstream::kv::{KvConfig, Update, WatchOptions};
use nats_client::jetstream::object::{ObjectError, ObjectStoreConfig};
use nats_client::jetstream::*;
use support::jetstream::{JetStreamServer, entry, fill, number, pull, stream};
use support::soon;

#[tokio::test]
async fn a_stream_that_is_deleted_ends_whatever_reads_it() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    fill(&js, "s.x", 0, 3).await;
    let consumer = pull(&js, ConsumerConfig::default()).await;
    let other = js
        .create_pull_consumer(
            "S",
            &ConsumerConfig {
                durable_name: "D".into(),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    let mut fetch = consumer.fetch(FetchOptions::messages(10)).await.unwrap();
    let mut messages = other.messages(MessagesOptions::default()).await.unwrap();
    let beat = Duration::from_millis(300);
    let mut ordered = js
        .ordered_consumer(
            "S",
            OrderedOptions {
                heartbeat: beat,
                ..Default::default()
            },
        )
        .await
        .unwrap();
    let push = ConsumerConfig {
        deliver_subject: "to.me".into(),
        idle_heartbeat: beat.into(),
        ..Default::default()
    };
    let push = js.create_push_consumer("S", &push).await.unwrap();
    let mut pushed = push.messages().await.unwrap();
    for _ in 0..3 {
        soon("fetch", fetch.next()).await.unwrap().unwrap();
        soon("messages", messages.next()).await.unwrap().unwrap();
        soon("ordered", ordered.next()).await.unwrap().unwrap();
        soon("push", pushed.next()).await.unwrap().unwrap();
    }
    let publisher = js.publisher(PublisherOptions::default()).await.unwrap();
    js.delete_stream("S").await.unwrap();
    let ack = publisher.publish("s.x", "late").await.unwrap();
    let error = soon("fetch", fetch.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::ConsumerGone(_)), "{error}");
    let error = soon("messages", messages.next())
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, JetStreamError::ConsumerGone(_)), "{error}");
    let error = soon("ordered", ordered.next()).await.unwrap().unwrap_err();
    assert!(error.is(ApiError::STREAM_NOT_FOUND), "{error}");
    assert!(ordered.next().await.is_none());
    let error = soon("push", pushed.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::NoHeartbeat(_)), "{error}");
    let error = soon("the publish", ack).await.unwrap_err();
    assert!(matches!(error, JetStreamError::NoStream { .. }), "{error}");
}

#[tokio::test]
async fn an_ordered_consumer_reads_a_stream_that_was_made_anew_from_its_beginning() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    for policy in [DeliverPolicy::All, DeliverPolicy::New] {
        stream(&js, "S").await;
        fill(&js, "s.x", 0, 100).await;
        let options = OrderedOptions {
            heartbeat: Duration::from_millis(300),
            ..OrderedOptions::default().deliver_policy(policy)
        };
        let mut ordered = js.ordered_consumer("S", options).await.unwrap();
        js.publish("s.x", "100").await.unwrap();
        let first = if policy == DeliverPolicy::New { 100 } else { 0 };
        for i in first..=100 {
            let message = soon("a message", ordered.next()).await.unwrap().unwrap();
            assert_eq!(number(&message), i);
        }
        js.delete_stream("S").await.unwrap();
        stream(&js, "S").await;
        fill(&js, "s.x", 1000, 1010).await;
        for i in 1000..1010 {
            let message = soon("a message of the new stream", ordered.next())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(number(&message), i);
        }
        js.delete_stream("S").await.unwrap();
    }
}

#[tokio::test]
async fn a_consumer_without_places_for_unacknowledged_messages_goes_on_when_some_are_acknowledged()
{
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    fill(&js, "s.x", 0, 30).await;
    let consumer = pull(
        &js,
        ConsumerConfig {
            max_ack_pending: 10,
            ..Default::default()
        },
    )
    .await;
    let mut messages = consumer.messages(MessagesOptions::default()).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(soon("a message", messages.next()).await.unwrap().unwrap());
    }
    let none = tokio::time::timeout(Duration::from_millis(300), messages.next()).await;
    assert!(none.is_err(), "all places are taken");
    // A fetch says how it ends, too.
    let fetch = consumer
        .fetch(FetchOptions::messages(5).expires(Duration::from_secs(1)))
        .await
        .unwrap();
    assert!(soon("the end", fetch.collect()).await.unwrap().is_empty());
    let mut got = held.len();
    while got < 30 {
        for message in held.drain(..) {
            message.ack().await.unwrap();
        }
        held.push(soon("a message", messages.next()).await.unwrap().unwrap());
        got += 1;
    }
    assert_eq!(number(&held[0]), 29);
}

#[tokio::test]
async fn what_a_consumer_does_not_allow_to_ask_for_is_a_refusal_with_its_reason() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    let config = ConsumerConfig {
        max_batch: 5,
        max_bytes: 1000,
        max_expires: Duration::from_secs(2).into(),
        ..Default::default()
    };
    let consumer = pull(&js, config).await;
    let second = Duration::from_secs(1);
    let cases = [
        (FetchOptions::messages(6).expires(second), "MaxRequestBatch"),
        (
            FetchOptions::messages(5).expires(second * 5),
            "MaxRequestExpires",
        ),
        (
            FetchOptions {
                max_bytes: 2000,
                ..FetchOptions::messages(5).expires(second)
            },
            "MaxRequestMaxBytes",
        ),
    ];
    for (options, reason) in cases {
        let fetch = consumer.fetch(options).await.unwrap();
        let error = soon("a refusal", fetch.collect()).await.unwrap_err();
        let JetStreamError::Status {
            status: 409,
            description,
        } = &error
        else {
            panic!("{error}");
        };
        assert!(description.contains(reason), "{description}");
    }
    let mut messages = consumer.messages(MessagesOptions::default()).await.unwrap();
    let error = soon("a refusal", messages.next())
        .await
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(error, JetStreamError::Status { status: 409, .. }),
        "{error}"
    );
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn two_watchers_see_the_same_and_one_that_falls_behind_loses_nothing() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let config = KvConfig {
        bucket: "B".into(),
        history: 64,
        ..KvConfig::default()
    };
    let bucket = js.create_kv(&config).await.unwrap();
    let mut slow = bucket.watch_all(WatchOptions::default()).await.unwrap();
    let mut quick = bucket.watch_all(WatchOptions::default()).await.unwrap();
    // More than flow control lets the server send ahead.
    let value = vec![b'v'; 512 * 1024];
    for i in 0..120u32 {
        bucket.put(&format!("k.{}", i % 3), &value).await.unwrap();
        let (key, _) = entry(&mut quick).await;
        assert_eq!(key, format!("k.{}", i % 3));
    }
    let mut revisions = Vec::new();
    while revisions.len() < 120 {
        if let Update::Entry(entry) = soon("an entry", slow.next()).await.unwrap().unwrap() {
            assert_eq!(entry.value.len(), value.len());
            revisions.push(entry.revision);
        }
    }
    assert_eq!(revisions, (1..=120).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_caller_of_a_window_learns_which_message_was_refused() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let config = StreamConfig {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        max_msg_size: 100,
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
    let publisher = js
        .publisher(PublisherOptions {
            window: 16,
            ..Default::default()
        })
        .await
        .unwrap();
    let mut acks = Vec::new();
    for i in 0..200usize {
        let size = if i % 7 == 3 { 500 } else { 10 };
        acks.push((i, publisher.publish("s.x", vec![b'x'; size]).await.unwrap()));
    }
    for (i, ack) in acks {
        let result = soon("an answer", ack).await;
        if i % 7 == 3 {
            let error = result.unwrap_err();
            assert!(
                error.is(ApiError::STREAM_MESSAGE_EXCEEDS_MAXIMUM),
                "{i}: {error}"
            );
        } else {
            result.unwrap();
        }
    }
    // A message that cannot be sent at all takes no place in the window.
    let large = vec![0; started.client.max_payload() + 1];
    for _ in 0..20 {
        let error = publisher.publish("s.x", &large).await.unwrap_err();
        assert!(matches!(error, JetStreamError::Publish(_)), "{error}");
    }
    assert_eq!(publisher.outstanding(), 0);
    let done = soon("the end", publisher.finish()).await.unwrap();
    assert_eq!((done.acknowledged, done.failed), (171, 29));
    assert!(
        done.first_error.is_none(),
        "all failures were handed to their futures"
    );
}

#[tokio::test]
async fn a_listing_that_is_cut_short_is_not_taken_for_all() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let config = KvConfig {
        bucket: "B".into(),
        ..KvConfig::default()
    };
    let bucket = js.create_kv(&config).await.unwrap();
    let config = ObjectStoreConfig {
        bucket: "O".into(),
        ..Default::default()
    };
    let store = js.create_object_store(&config).await.unwrap();
    let publisher = js.publisher(PublisherOptions::default()).await.unwrap();
    for i in 0..2000u32 {
        let _ack = publisher
            .publish(&format!("$KV.B.k{i}"), "v")
            .await
            .unwrap();
    }
    assert_eq!(publisher.finish().await.unwrap().acknowledged, 2000);
    for i in 0..20 {
        store.put_bytes(&format!("o{i}"), b"o").await.unwrap();
    }
    let keys = tokio::spawn(async move { bucket.keys().await });
    let objects = tokio::spawn(async move { store.list().await });
    tokio::task::yield_now().await;
    started.client.close().await;
    match soon("an end", keys).await.unwrap() {
        Ok(keys) => assert_eq!(keys.len(), 2000),
        Err(error) => assert!(matches!(error, JetStreamError::Closed), "{error}"),
    }
    match soon("an end", objects).await.unwrap() {
        Ok(objects) => assert_eq!(objects.len(), 20),
        Err(error) => assert!(
            matches!(error, ObjectError::JetStream(JetStreamError::Closed)),
            "{error}"
        ),
    }
}
