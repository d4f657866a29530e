//! The server is killed or stays away while the client is in the middle of something: every future ends with an error that
//! says what happened, or goes on when the server is back, and nothing that was acknowledged gets lost.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use nats_client::RequestError;
use nats_client::jetstream::kv::{KvConfig, WatchOptions};
use nats_client::jetstream::object::{ObjectError, ObjectMeta, ObjectStoreConfig};
use nats_client::jetstream::*;
use support::jetstream::{JetStreamServer, entry, fill, number, pull, stream};
use support::soon;

/// A time that none of our bounds is shorter than, for a future that waits for the server.
const BEFORE_THE_RESTART: Duration = Duration::from_millis(300);

/// After a restart: publishing works when the client is back.
async fn store_when_it_is_back(js: &JetStream, subject: &str, text: &str) -> PubAck {
    soon("a publish", async {
        loop {
            match js.publish(subject, text).await {
                Ok(ack) => return ack,
                Err(error) => assert!(is_passing(&error), "{error}"),
            }
        }
    })
    .await
}

fn is_passing(error: &JetStreamError) -> bool {
    matches!(
        error,
        JetStreamError::NoStream { .. }
            | JetStreamError::ConnectionLost
            | JetStreamError::Request(RequestError::TimedOut(_))
    )
}

#[tokio::test]
async fn a_fetch_whose_server_is_killed_says_so_and_can_be_made_again() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    fill(&js, "s.x", 0, 5).await;
    let consumer = pull(&js, ConsumerConfig::default()).await;
    for expires in [Duration::from_millis(700), Duration::from_secs(30)] {
        let mut fetch = consumer
            .fetch(FetchOptions::messages(100).expires(expires))
            .await
            .unwrap();
        let mut got = 0;
        while got < 5 {
            let message = soon("a message", fetch.next()).await.unwrap().unwrap();
            message.nak(None).await.unwrap();
            got += 1;
        }
        started.client.flush().await.unwrap();
        started.server.kill();
        let error = soon("the loss", async {
            loop {
                match fetch.next().await.expect("not an end in good order") {
                    // What was given back may have come again before.
                    Ok(_) => {}
                    Err(error) => return error,
                }
            }
        })
        .await;
        assert!(matches!(error, JetStreamError::ConnectionLost), "{error}");
        assert!(fetch.next().await.is_none(), "nothing follows an error");
        started.server.start_again();
        store_when_it_is_back(&js, "s.y", "5").await;
        js.purge_stream(
            "S",
            &StreamPurgeRequest {
                filter: "s.y".into(),
                ..Default::default()
            },
        )
        .await
        .unwrap();
        js.reset_consumer("S", "C", None).await.unwrap();
    }
    let fetch = consumer.fetch(FetchOptions::messages(5)).await.unwrap();
    let all = soon("the batch", fetch.collect()).await.unwrap();
    assert_eq!(all.iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_fetch_that_begins_while_the_server_is_away_is_served_when_it_is_back() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    fill(&js, "s.x", 0, 3).await;
    let consumer = pull(&js, ConsumerConfig::default()).await;
    let mut status = started.client.events();
    started.server.kill();
    soon("the loss", async {
        while !matches!(
            status.next().await,
            Some(nats_client::Event::Disconnected { .. })
        ) {}
    })
    .await;
    let fetch = consumer.fetch(FetchOptions::messages(3)).await.unwrap();
    let all = tokio::spawn(fetch.collect());
    // It waits for the server; that it does cannot be seen.
    tokio::time::sleep(BEFORE_THE_RESTART).await;
    started.server.start_again();
    let all = soon("the batch", all).await.unwrap().unwrap();
    assert_eq!(all.iter().map(number).collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test]
async fn a_server_that_does_not_answer_a_fetch_is_not_the_end_of_a_batch() {
    let Some(started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    pull(&js, ConsumerConfig::default()).await;
    // Somebody listens where pulls go, and says nothing.
    let client = started.client.clone();
    let _listener = client
        .subscribe("quiet.API.CONSUMER.MSG.NEXT.>")
        .await
        .unwrap();
    let mut asked = client.subscribe("quiet.API.CONSUMER.INFO.>").await.unwrap();
    let forwarder = tokio::spawn(async move {
        let request = asked.next().await.unwrap();
        let info = "$JS.API.CONSUMER.INFO.S.C";
        let answer = client.request(info, None, "", support::SOON).await.unwrap();
        client.respond(&request, answer.payload()).await.unwrap();
    });
    let quiet = JetStream::with_prefix(started.client.clone(), "quiet.API")
        .timeout(Duration::from_millis(300));
    let consumer = soon("the consumer", quiet.pull_consumer("S", "C"))
        .await
        .unwrap();
    forwarder.await.unwrap();
    let fetch = consumer
        .fetch(FetchOptions::messages(3).no_wait())
        .await
        .unwrap();
    let error = soon("an end", fetch.collect()).await.unwrap_err();
    assert!(
        matches!(error, JetStreamError::Request(RequestError::TimedOut(_))),
        "{error}"
    );
    let error = soon("an end", consumer.next(Duration::from_millis(200)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, JetStreamError::Request(RequestError::TimedOut(_))),
        "{error}"
    );
}

#[tokio::test]
async fn messages_asked_for_ahead_go_on_after_the_server_was_killed() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    fill(&js, "s.x", 0, 300).await;
    let consumer = pull(
        &js,
        ConsumerConfig {
            ack_wait: Duration::from_secs(2).into(),
            ..Default::default()
        },
    )
    .await;
    let mut messages = consumer
        .messages(MessagesOptions::default().max_messages(50))
        .await
        .unwrap();
    let (mut acknowledged, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while acknowledged.len() < 80 {
        let message = soon("a message", messages.next()).await.unwrap().unwrap();
        message.double_ack(support::SOON).await.unwrap();
        acknowledged.insert(number(&message));
    }
    started.server.kill();
    let reader = tokio::spawn(async move {
        while acknowledged.len() + seen.len() < 300 {
            let message = messages.next().await.unwrap().unwrap();
            assert!(messages.owed() <= 50);
            message.ack().await.unwrap();
            if !acknowledged.contains(&number(&message)) {
                seen.insert(number(&message));
            }
        }
        seen
    });
    // It waits for the server; that it does cannot be seen.
    tokio::time::sleep(BEFORE_THE_RESTART).await;
    started.server.start_again();
    let seen = tokio::time::timeout(Duration::from_secs(30), reader)
        .await
        .expect("all messages")
        .unwrap();
    assert_eq!(seen, (80..300).collect());
}

#[tokio::test]
async fn an_ordered_consumer_hands_out_every_message_once_over_a_kill() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    fill(&js, "s.x", 0, 500).await;
    let mut ordered = js
        .ordered_consumer("S", OrderedOptions::default())
        .await
        .unwrap();
    for i in 0..200 {
        let message = soon("a message", ordered.next()).await.unwrap().unwrap();
        assert_eq!(number(&message), i);
    }
    started.server.kill();
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        while all.len() < 301 {
            all.push(number(&ordered.next().await.unwrap().unwrap()));
        }
        (all, ordered.resets())
    });
    // It waits for the server; that it does cannot be seen.
    tokio::time::sleep(BEFORE_THE_RESTART).await;
    started.server.start_again();
    store_when_it_is_back(&js, "s.x", "500").await;
    // Well below the three heartbeats of five seconds that silence takes to be noticed.
    let (all, resets) = soon("all messages", reader).await.unwrap();
    assert_eq!(all, (200..=500).collect::<Vec<_>>());
    assert_eq!(resets, 1);
}

#[tokio::test]
async fn watchers_see_every_update_over_a_kill_also_those_that_had_seen_none() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let config = KvConfig {
        bucket: "B".into(),
        ..KvConfig::default()
    };
    let bucket = js.create_kv(&config).await.unwrap();
    bucket.put("a", "0").await.unwrap();
    let mut all = bucket.watch_all(WatchOptions::default()).await.unwrap();
    let mut news = bucket
        .watch_all(WatchOptions::default().updates_only())
        .await
        .unwrap();
    let mut ignorant = bucket
        .watch_all(WatchOptions::default().updates_only())
        .await
        .unwrap();
    assert_eq!(entry(&mut all).await, ("a".into(), "0".into()));
    bucket.put("a", "1").await.unwrap();
    assert_eq!(entry(&mut all).await, ("a".into(), "1".into()));
    assert_eq!(entry(&mut news).await, ("a".into(), "1".into()));
    started.server.kill();
    started.server.start_again();
    // Written by another client, before the watchers are back.
    let other = nats_client::connect(started.server.url()).await.unwrap();
    let written = other.jetstream().kv("B").await.unwrap();
    written.put("a", "2").await.unwrap();
    written.put("b", "3").await.unwrap();
    for watcher in [&mut all, &mut news] {
        assert_eq!(entry(watcher).await, ("a".into(), "2".into()));
        assert_eq!(entry(watcher).await, ("b".into(), "3".into()));
    }
    // The update before the loss lay in its buffer.
    assert_eq!(entry(&mut ignorant).await.1, "1");
    assert_eq!(entry(&mut ignorant).await.1, "2");
}

#[tokio::test]
async fn a_watch_of_updates_only_begins_when_it_was_made_and_not_when_its_connection_was_lost() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let config = KvConfig {
        bucket: "B".into(),
        ..KvConfig::default()
    };
    let bucket = js.create_kv(&config).await.unwrap();
    for filled in [false, true] {
        if filled {
            bucket.put("before", "x").await.unwrap();
        }
        let mut watcher = bucket
            .watch_all(WatchOptions::default().updates_only())
            .await
            .unwrap();
        started.server.kill();
        started.server.start_again();
        let other = nats_client::connect(started.server.url()).await.unwrap();
        let written = other.jetstream().kv("B").await.unwrap();
        written.put("while.away", "y").await.unwrap();
        assert_eq!(entry(&mut watcher).await.0, "while.away");
        bucket.purge("while.away", None, None).await.unwrap();
        bucket.purge_deletes(kv::PurgeDeletes::All).await.unwrap();
    }
}

#[tokio::test]
async fn every_message_of_a_window_knows_what_became_of_it_when_the_server_is_killed() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    stream(&js, "S").await;
    let options = PublisherOptions {
        window: 400,
        ack_timeout: Duration::from_secs(2),
    };
    let publisher = js.publisher(options).await.unwrap();
    let mut acks = Vec::new();
    for i in 0..3000u32 {
        if i == 1500 {
            started.server.kill();
        }
        if i == 1600 {
            started.server.start_again();
        }
        match soon(
            "a place in the window",
            publisher.publish("s.x", i.to_string()),
        )
        .await
        {
            Ok(ack) => acks.push((i, ack)),
            // It was not sent.
            Err(JetStreamError::NotAcknowledged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let (mut stored, mut lost) = (BTreeSet::new(), 0);
    for (i, ack) in acks {
        match soon("an answer or none", ack).await {
            Ok(_) => {
                stored.insert(u64::from(i));
            }
            Err(
                JetStreamError::Request(RequestError::TimedOut(_))
                | JetStreamError::NoStream { .. },
            ) => lost += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(
        stored.len() > 1500,
        "{} stored, {lost} without an answer",
        stored.len()
    );
    let mut there = BTreeSet::new();
    let mut ordered = js
        .ordered_consumer("S", OrderedOptions::default())
        .await
        .unwrap();
    while there.len() < js.stream_info("S").await.unwrap().state.messages as usize {
        there.insert(number(
            &soon("a message", ordered.next()).await.unwrap().unwrap(),
        ));
    }
    let missing: Vec<_> = stored.difference(&there).collect();
    assert!(missing.is_empty(), "acknowledged and gone: {missing:?}");
    let done = soon("the end", publisher.finish()).await.unwrap();
    assert_eq!(done.acknowledged + done.failed, stored.len() as u64 + lost);
}

#[tokio::test]
async fn an_object_is_the_old_or_the_new_one_when_the_server_is_killed_in_the_middle() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone().timeout(Duration::from_secs(1));
    let config = ObjectStoreConfig {
        bucket: "O".into(),
        ..Default::default()
    };
    let store = js.create_object_store(&config).await.unwrap();
    store.put_bytes("x", b"the old one").await.unwrap();
    let (mut feed, mut source) = tokio::io::duplex(64 * 1024);
    let writer = {
        let store = store.clone();
        tokio::spawn(async move { store.put(&ObjectMeta::named("x"), &mut source).await })
    };
    let part = vec![7u8; 512 * 1024];
    tokio::io::AsyncWriteExt::write_all(&mut feed, &part)
        .await
        .unwrap();
    started.server.kill();
    tokio::io::AsyncWriteExt::write_all(&mut feed, &part)
        .await
        .unwrap();
    // It waits for the server; that it does cannot be seen.
    tokio::time::sleep(BEFORE_THE_RESTART).await;
    started.server.start_again();
    tokio::io::AsyncWriteExt::write_all(&mut feed, &part)
        .await
        .unwrap();
    drop(feed);
    let put = soon("the end of the put", writer).await.unwrap();
    let bytes = soon("the object", store.get_bytes("x")).await.unwrap();
    match put {
        Ok(info) => assert_eq!((info.size, bytes.len()), (3 * 512 * 1024, 3 * 512 * 1024)),
        Err(ObjectError::JetStream(error)) => {
            assert!(
                is_passing(&error) || matches!(error, JetStreamError::NotAcknowledged { .. }),
                "{error}"
            );
            assert_eq!(bytes, b"the old one");
        }
        Err(error) => panic!("{error}"),
    }
    // One message of what is known and the chunks of one object: nothing of the other one stays.
    let info = store.info("x").await.unwrap().unwrap();
    let state = js.stream_info("OBJ_O").await.unwrap().state;
    assert_eq!(state.messages, u64::from(info.chunks) + 1);
}

#[tokio::test]
async fn an_object_is_read_to_its_end_over_a_kill_and_says_when_its_store_is_gone() {
    let Some(mut started) = JetStreamServer::start_for_interruptions().await else {
        return;
    };
    let js = started.js.clone();
    let config = ObjectStoreConfig {
        bucket: "O".into(),
        ..Default::default()
    };
    let store = js.create_object_store(&config).await.unwrap();
    // More than flow control lets the server send ahead.
    let bytes: Vec<u8> = (0..48 * 1024 * 1024u32).map(|i| (i / 1000) as u8).collect();
    store.put_bytes("x", &bytes).await.unwrap();
    let mut object = store.get("x").await.unwrap();
    let mut read = soon("a chunk", object.next())
        .await
        .unwrap()
        .unwrap()
        .to_vec();
    started.server.kill();
    started.server.start_again();
    while let Some(chunk) = soon("a chunk", object.next()).await {
        read.extend_from_slice(&chunk.unwrap());
    }
    assert!(read == bytes, "{} bytes of {}", read.len(), bytes.len());
    // Its chunks are removed while it is read.
    let mut object = store.get("x").await.unwrap();
    let request = StreamPurgeRequest {
        filter: "$O.O.C.>".into(),
        ..Default::default()
    };
    js.purge_stream("OBJ_O", &request).await.unwrap();
    let error = soon("the damage", async {
        loop {
            match object.next().await.expect("not a good end") {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    })
    .await;
    assert!(matches!(error, ObjectError::Damaged { .. }), "{error}");
}
