//! The application gives up in the middle: futures are dropped half way, the client is drained or closed. No message gets
//! lost or comes twice, no subscription stays on the server, and nothing waits for ever.

mod support;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nats_client::jetstream::kv::{KvConfig, Update, WatchOptions};
use nats_client::jetstream::object::{ObjectError, ObjectMeta, ObjectStoreConfig};
use nats_client::jetstream::*;
use nats_client::{Event, PublishError, RequestError};
use support::jetstream::JetStreamServer;
use support::{SOON, soon};

async fn filled(js: &JetStream, messages: u64) -> PullConsumer {
    let config = StreamConfig {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
    let publisher = js.publisher(PublisherOptions::default()).await.unwrap();
    for i in 1..=messages {
        let _ack = publisher.publish("s.x", i.to_string()).await.unwrap();
    }
    assert_eq!(publisher.finish().await.unwrap().acknowledged, messages);
    let config = ConsumerConfig {
        durable_name: "C".into(),
        ack_policy: AckPolicy::Explicit,
        ..ConsumerConfig::default()
    };
    js.create_pull_consumer("S", &config).await.unwrap()
}

fn sequence(message: &JetStreamMessage) -> u64 {
    message.info().unwrap().stream_sequence
}

/// Looks at a future once and drops it: the shortest patience that a reader can have.
async fn glance<F: Future>(future: F) -> Option<F::Output> {
    let result = {
        let mut future = pin!(future);
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    };
    tokio::task::yield_now().await;
    result
}

/// The same until it is done with something, or [`SOON`] is over.
macro_rules! by_glances {
    ($what:expr, $future:expr) => {
        soon($what, async {
            loop {
                if let Some(output) = glance($future).await {
                    break output;
                }
                // Lets time go on; the future is not alive meanwhile.
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        })
        .await
    };
}

/// Waits until the server knows of as many subscriptions as before.
async fn nothing_stays(started: &JetStreamServer, before: u64) {
    soon("subscriptions go", async {
        loop {
            // What was dropped may have left a request on its way.
            started.client.flush().await.unwrap();
            if started.subscriptions() == before {
                return;
            }
            // The server has them processed soon; nothing tells when.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// The subscriptions that a client has for its requests.
async fn at_rest(started: &JetStreamServer) -> u64 {
    started.js.account_info().await.unwrap();
    started.client.flush().await.unwrap();
    started.subscriptions()
}

#[tokio::test]
async fn readers_that_are_dropped_and_asked_again_lose_and_repeat_nothing() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    let consumer = filled(js, 600).await;
    let before = at_rest(&started).await;
    let expected: Vec<u64> = (1..=200).collect();
    let mut fetch = consumer.fetch(FetchOptions::messages(200)).await.unwrap();
    let mut got = Vec::new();
    for _ in 0..200 {
        let message = by_glances!("a message of a batch", fetch.next());
        got.push(sequence(&message.unwrap().unwrap()));
    }
    assert_eq!(got, expected);
    assert!(soon("the end", fetch.next()).await.is_none());
    drop(fetch);
    let options = MessagesOptions::default().max_messages(30);
    let mut messages = consumer.messages(options).await.unwrap();
    for i in 201..=400 {
        let message = by_glances!("a message", messages.next());
        assert_eq!(sequence(&message.unwrap().unwrap()), i);
    }
    let mut batch = Vec::new();
    while batch.len() < 200 {
        let count = by_glances!("some messages", messages.next_batch(&mut batch));
        assert!(count.unwrap() > 0);
    }
    let rest: Vec<u64> = batch.iter().map(sequence).collect();
    assert_eq!(rest, (401..=600).collect::<Vec<_>>());
    drop(messages);
    let options = OrderedOptions {
        heartbeat: Duration::from_millis(200),
        ..OrderedOptions::default()
    };
    let mut ordered = js.ordered_consumer("S", options).await.unwrap();
    for i in 1..=300 {
        let message = by_glances!("a message in order", ordered.next());
        assert_eq!(sequence(&message.unwrap().unwrap()), i);
    }
    // The server loses it: the next one is found and made although nobody waits for long.
    js.delete_consumer("S", ordered.name()).await.unwrap();
    for i in 301..=600 {
        let message = by_glances!("a message in order", ordered.next());
        assert_eq!(sequence(&message.unwrap().unwrap()), i);
    }
    js.publish("s.x", "601").await.unwrap();
    let message = by_glances!("a message of the next consumer", ordered.next());
    assert_eq!(sequence(&message.unwrap().unwrap()), 601);
    assert_eq!(ordered.resets(), 1);
    drop(ordered);
    nothing_stays(&started, before).await;
    let left = soon("consumers go", async {
        loop {
            let names = js.consumer_names("S").await.unwrap();
            if names.len() == 1 {
                return names;
            }
        }
    })
    .await;
    assert_eq!(left, ["C"], "ordered consumers are deleted, not forgotten");
}

#[tokio::test]
async fn silence_is_noticed_by_a_reader_that_never_waits_for_long() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    filled(js, 1).await;
    let beat = Duration::from_millis(200);
    let push = ConsumerConfig {
        deliver_subject: "to.me".into(),
        idle_heartbeat: beat.into(),
        ..ConsumerConfig::default()
    };
    let push = js.create_push_consumer("S", &push).await.unwrap();
    let mut pushed = push.messages().await.unwrap();
    by_glances!("the message", pushed.next()).unwrap().unwrap();
    js.delete_consumer("S", push.name()).await.unwrap();
    let error = by_glances!("silence", pushed.next()).unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::NoHeartbeat(_)), "{error}");
    // A consumer without a leader, or a stream that is gone: pauses go on while nobody waits.
    let consumer = js.pull_consumer("S", "C").await.unwrap();
    js.delete_stream("S").await.unwrap();
    let mut messages = consumer.messages(MessagesOptions::default()).await.unwrap();
    let error = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            if let Some(output) = glance(messages.next()).await {
                break output;
            }
            // Lets time go on; the future is not alive meanwhile.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("an end");
    let error = error.unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::ConsumerGone(_)), "{error}");
}

#[tokio::test]
async fn watchers_that_are_dropped_and_asked_again_see_everything() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    let config = KvConfig {
        bucket: "B".into(),
        ..KvConfig::default()
    };
    let bucket = js.create_kv(&config).await.unwrap();
    for i in 0..100 {
        bucket.put(&format!("k{i}"), "v").await.unwrap();
    }
    let before = at_rest(&started).await;
    let mut watcher = bucket.watch_all(WatchOptions::default()).await.unwrap();
    let mut keys = BTreeSet::new();
    while let Update::Entry(entry) = by_glances!("an update", watcher.next()).unwrap().unwrap() {
        assert!(keys.insert(entry.key));
    }
    assert_eq!(keys.len(), 100);
    // One is dropped while it is being made, one with all it has.
    assert!(
        glance(bucket.watch_all(WatchOptions::default()))
            .await
            .is_none()
    );
    let unread = bucket.watch_all(WatchOptions::default()).await.unwrap();
    drop((watcher, unread));
    nothing_stays(&started, before).await;
    soon("consumers go", async {
        while !js.consumer_names("KV_B").await.unwrap().is_empty() {}
    })
    .await;
}

#[tokio::test]
async fn a_publish_that_is_dropped_while_it_waits_was_not_sent_and_takes_no_place() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    filled(js, 0).await;
    let before = at_rest(&started).await;
    let options = PublisherOptions {
        window: 8,
        ..PublisherOptions::default()
    };
    let publisher = js.publisher(options).await.unwrap();
    let (mut sent, mut dropped) = (0u64, 0);
    // Without a turn for the connection the window fills and the rest waits.
    for i in 0..100u32 {
        let waits = {
            let mut future = pin!(publisher.publish("s.x", i.to_string()));
            let looked = future
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            match looked {
                Poll::Ready(ack) => {
                    drop(ack.unwrap());
                    sent += 1;
                    false
                }
                Poll::Pending => {
                    dropped += 1;
                    true
                }
            }
        };
        if waits && i % 10 == 9 {
            started.client.flush().await.unwrap();
        }
    }
    assert!(sent >= 8 && dropped > 0, "{sent} sent, {dropped} dropped");
    let done = soon("the end", publisher.finish()).await.unwrap();
    assert_eq!((done.acknowledged, done.failed), (sent, 0));
    assert_eq!(js.stream_info("S").await.unwrap().state.messages, sent);
    // The acknowledgement of the last message comes although its publisher is gone.
    let ack = publisher.publish("s.x", "last").await.unwrap();
    drop(publisher);
    assert_eq!(soon("an answer", ack).await.unwrap().seq, sent + 1);
    nothing_stays(&started, before).await;
}

#[tokio::test]
async fn batches_have_no_gap_where_a_message_was_not_sent() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    let config = StreamConfig {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        allow_atomic: true,
        allow_batched: true,
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
    let large = vec![0; started.client.max_payload() + 1];
    let mut batch = js.atomic_batch();
    batch.add("s.x", "1").await.unwrap();
    let error = batch.add("s.x", &large).await.unwrap_err();
    assert!(
        matches!(
            error,
            JetStreamError::Publish(PublishError::PayloadTooLarge { .. })
        ),
        "{error}"
    );
    batch.add("s.x", "2").await.unwrap();
    assert_eq!(
        soon("a commit", batch.commit("s.x", "3"))
            .await
            .unwrap()
            .count,
        3
    );
    let mut batch = js.fast_batch(FastBatchOptions::default()).await.unwrap();
    let error = batch.add("s.x", &large).await.unwrap_err();
    assert!(
        matches!(
            error,
            JetStreamError::Publish(PublishError::PayloadTooLarge { .. })
        ),
        "{error}"
    );
    batch.add("s.x", "1").await.unwrap();
    let error = batch.add("s.x", &large).await.unwrap_err();
    assert!(matches!(error, JetStreamError::Publish(_)), "{error}");
    batch.add("s.x", "2").await.unwrap();
    assert_eq!(
        soon("a commit", batch.commit("s.x", "3"))
            .await
            .unwrap()
            .count,
        3
    );
    assert_eq!(js.stream_info("S").await.unwrap().state.messages, 6);
}

#[tokio::test]
async fn an_object_whose_put_is_dropped_leaves_the_old_one_and_nothing_else() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    let config = ObjectStoreConfig {
        bucket: "O".into(),
        ..Default::default()
    };
    let store = js.create_object_store(&config).await.unwrap();
    store.put_bytes("x", b"the old one").await.unwrap();
    let before = at_rest(&started).await;
    for patience in [0, 1, 5, 20, 60] {
        let (mut feed, mut source) = tokio::io::duplex(1024 * 1024);
        tokio::io::AsyncWriteExt::write_all(&mut feed, &[1; 600_000])
            .await
            .unwrap();
        let meta = ObjectMeta::named("x");
        let put = store.put(&meta, &mut source);
        let given_up = tokio::time::timeout(Duration::from_millis(patience), put).await;
        assert!(given_up.is_err(), "the source does not end");
    }
    assert_eq!(
        soon("the object", store.get_bytes("x")).await.unwrap(),
        b"the old one"
    );
    soon("the chunks go", async {
        while js.stream_info("OBJ_O").await.unwrap().state.messages != 2 {}
    })
    .await;
    // One that is not read to its end, and one that is read by glances.
    drop(store.get("x").await.unwrap());
    let mut object = store.get("x").await.unwrap();
    let chunk = by_glances!("a chunk", object.next()).unwrap().unwrap();
    assert_eq!(&chunk[..], b"the old one");
    assert!(object.next().await.is_none());
    drop(object);
    nothing_stays(&started, before).await;
}

#[tokio::test]
async fn a_put_that_is_dropped_at_any_step_leaves_one_whole_object() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = &started.js;
    let config = ObjectStoreConfig {
        bucket: "O".into(),
        ..Default::default()
    };
    let store = js.create_object_store(&config).await.unwrap();
    store.put_bytes("x", &[0; 1000]).await.unwrap();
    let mut finished = false;
    for (round, steps) in (1u8..).zip(1usize..) {
        let bytes = vec![round; 1000];
        let meta = ObjectMeta {
            chunk_size: 400,
            ..ObjectMeta::named("x")
        };
        let mut source = &bytes[..];
        let mut put = Box::pin(store.put(&meta, &mut source));
        for _ in 0..steps {
            // A step is a turn of the future, with what has come by then.
            let looked = put.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if looked.is_ready() {
                finished = true;
                break;
            }
            started.client.flush().await.unwrap();
        }
        drop(put);
        soon("one object and its chunks", async {
            loop {
                let info = store.info("x").await.unwrap().unwrap();
                let state = js.stream_info("OBJ_O").await.unwrap().state;
                if state.messages == u64::from(info.chunks) + 1 {
                    return;
                }
            }
        })
        .await;
        let there = soon("the object", store.get_bytes("x")).await.unwrap();
        assert!(
            there.iter().all(|byte| *byte == there[0]),
            "two objects in one"
        );
        if finished {
            assert_eq!(there[0], round);
            break;
        }
    }
    assert!(finished);
}

#[tokio::test]
async fn everything_ends_when_the_client_is_closed() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let consumer = filled(&js, 0).await;
    let config = KvConfig {
        bucket: "B".into(),
        ..KvConfig::default()
    };
    let bucket = js.create_kv(&config).await.unwrap();
    let publisher = js
        .publisher(PublisherOptions {
            ack_timeout: SOON * 3,
            ..Default::default()
        })
        .await
        .unwrap();
    // Nobody answers there.
    let _listener = started.client.subscribe("silent").await.unwrap();
    let mut fetch = consumer.fetch(FetchOptions::messages(10)).await.unwrap();
    let mut messages = consumer.messages(MessagesOptions::default()).await.unwrap();
    let mut batches = consumer.messages(MessagesOptions::default()).await.unwrap();
    let mut ordered = js
        .ordered_consumer("S", OrderedOptions::default())
        .await
        .unwrap();
    let mut watcher = bucket
        .watch_all(WatchOptions::default().updates_only())
        .await
        .unwrap();
    let ack = publisher.publish("silent", "").await.unwrap();
    let slow = js.clone().timeout(SOON * 3);
    let request = tokio::spawn(async move { slow.publish("silent", "").await });
    let fetch = tokio::spawn(async move { fetch.next().await.map(|r| r.map(|_| ())) });
    let messages = tokio::spawn(async move { messages.next().await.map(|r| r.map(|_| ())) });
    let batches = tokio::spawn(async move { batches.next_batch(&mut Vec::new()).await });
    let ordered = tokio::spawn(async move { ordered.next().await.map(|r| r.map(|_| ())) });
    let watcher = tokio::spawn(async move { watcher.next().await.map(|r| r.map(|_| ())) });
    let ack = tokio::spawn(ack);
    let unanswered = js
        .publisher(PublisherOptions {
            ack_timeout: SOON * 3,
            ..Default::default()
        })
        .await
        .unwrap();
    drop(unanswered.publish("silent", "").await.unwrap());
    let finish = tokio::spawn(async move { unanswered.finish().await });
    tokio::task::yield_now().await;
    started.client.flush().await.unwrap();
    started.client.close().await;
    let error = soon("fetch", fetch).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::Closed), "{error}");
    assert!(soon("messages", messages).await.unwrap().is_none());
    assert_eq!(soon("batches", batches).await.unwrap().unwrap(), 0);
    assert!(soon("ordered", ordered).await.unwrap().is_none());
    assert!(soon("watcher", watcher).await.unwrap().is_none());
    for error in [
        soon("an acknowledgement", ack).await.unwrap().unwrap_err(),
        soon("a publish", request).await.unwrap().unwrap_err(),
        soon("the end of a window", finish)
            .await
            .unwrap()
            .unwrap_err(),
        publisher.publish("s.x", "").await.unwrap_err(),
        js.publish("s.x", "").await.unwrap_err(),
        js.account_info().await.unwrap_err(),
        consumer
            .fetch(FetchOptions::messages(1))
            .await
            .map(|_| ())
            .unwrap_err(),
        bucket.keys().await.unwrap_err(),
        js.ordered_consumer("S", OrderedOptions::default())
            .await
            .map(|_| ())
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, JetStreamError::Closed),
            "{error}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_drain_hands_out_what_came_and_takes_acknowledgements_meanwhile() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let consumer = filled(&js, 200).await;
    let mut messages = consumer
        .messages(MessagesOptions::default().max_messages(100))
        .await
        .unwrap();
    let first = soon("a message", messages.next()).await.unwrap().unwrap();
    first.ack().await.unwrap();
    let reader = tokio::spawn(async move {
        let (mut got, mut refused) = (1, 0);
        while let Some(message) = messages.next().await {
            match message.unwrap().ack().await {
                Ok(()) => got += 1,
                // The last of all may come when nothing is taken any more.
                Err(JetStreamError::Publish(PublishError::Draining) | JetStreamError::Closed) => {
                    refused += 1
                }
                Err(error) => panic!("{error}"),
            }
        }
        (got, refused)
    });
    let ack = js
        .publisher(PublisherOptions::default())
        .await
        .unwrap()
        .publish("s.x", "last")
        .await
        .unwrap();
    soon("the drain", started.client.drain()).await.unwrap();
    let (got, refused) = soon("the reader's end", reader).await.unwrap();
    assert!(refused <= 1, "{refused} acknowledgements were refused");
    assert!(got >= 1);
    // The answer to the publish may have come behind the end of its subscription: then that is what its future says.
    match soon("an answer or none", ack).await {
        Ok(ack) => assert_eq!(ack.seq, 201),
        Err(error) => assert!(matches!(error, JetStreamError::Closed), "{error}"),
    }
    let other = nats_client::connect(started.server.url())
        .await
        .unwrap()
        .jetstream();
    let info = other.consumer_info("S", "C").await.unwrap();
    assert_eq!(
        info.ack_floor.stream_seq, got,
        "acknowledged while it drained"
    );
    assert_eq!(other.stream_info("S").await.unwrap().state.messages, 201);
}

#[tokio::test]
async fn everything_ends_when_the_client_is_drained() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let consumer = filled(&js, 0).await;
    let config = ObjectStoreConfig {
        bucket: "O".into(),
        ..Default::default()
    };
    let store = js.create_object_store(&config).await.unwrap();
    let mut ordered = js
        .ordered_consumer("S", OrderedOptions::default())
        .await
        .unwrap();
    let mut fetch = consumer.fetch(FetchOptions::messages(10)).await.unwrap();
    let (mut feed, mut source) = tokio::io::duplex(1024);
    let put = tokio::spawn(async move { store.put(&ObjectMeta::named("x"), &mut source).await });
    tokio::io::AsyncWriteExt::write_all(&mut feed, &[1; 400_000])
        .await
        .unwrap();
    let fetch = tokio::spawn(async move { fetch.next().await.map(|r| r.map(|_| ())) });
    let ordered = tokio::spawn(async move { ordered.next().await.map(|r| r.map(|_| ())) });
    let mut events = started.client.events();
    soon("the drain", started.client.drain()).await.unwrap();
    drop(feed);
    let error = soon("fetch", fetch).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, JetStreamError::Closed), "{error}");
    assert!(soon("ordered", ordered).await.unwrap().is_none());
    let error = soon("put", put).await.unwrap().unwrap_err();
    assert!(
        matches!(&error, ObjectError::JetStream(JetStreamError::Closed)),
        "{error:?}"
    );
    soon("the end", async {
        while !matches!(events.next().await, Some(Event::Closed { .. })) {}
    })
    .await;
    let error = js.publish("s.x", "").await.unwrap_err();
    assert!(
        matches!(
            error,
            JetStreamError::Closed | JetStreamError::Request(RequestError::Closed)
        ),
        "{error}"
    );
}
