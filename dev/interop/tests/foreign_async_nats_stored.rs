//! Streams, key-value buckets and object stores of the async-nats client against the server under test.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{self, DiscardPolicy, RetentionPolicy, Source, StorageType};
use async_nats::jetstream::{self, AckKind, Context, kv, object_store};
use futures_util::{StreamExt, TryStreamExt};
use nats_interop::{Launch, Server};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const JETSTREAM: &str = "jetstream { store_dir: '$DIR/data' }";
const PATIENCE: Duration = Duration::from_secs(15);
const BIG: usize = 700_000;

async fn open(server: &Server) -> Context {
    let client = async_nats::connect(server.url()).await;
    jetstream::new(client.expect("the server accepts"))
}

async fn make(js: &Context, config: stream::Config) -> stream::Stream {
    js.create_stream(config).await.expect("a stream")
}

fn on(name: &str, subject: &str) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        ..stream::Config::default()
    }
}

async fn store(js: &Context, subject: &str, body: impl ToString) -> u64 {
    let sent = js
        .publish(subject.to_owned(), body.to_string().into())
        .await;
    let ack = sent.expect("a publish").await.expect("an acknowledgement");
    ack.sequence
}

/// The next messages of a consumer, with their bodies as numbers.
async fn fetch(consumer: &PullConsumer, most: usize) -> Vec<(u64, jetstream::Message)> {
    let batch = consumer.fetch().max_messages(most).messages().await;
    let messages: Vec<_> = batch
        .expect("a request")
        .try_collect()
        .await
        .expect("messages");
    let number = |message: &jetstream::Message| {
        let text = std::str::from_utf8(&message.payload).expect("text");
        text.parse().expect("a number")
    };
    messages.into_iter().map(|m| (number(&m), m)).collect()
}

#[tokio::test]
async fn publishes_are_stored_once_and_as_expected() {
    let server = Server::start(JETSTREAM);
    let js = open(&server).await;
    for (name, storage) in [("FILE", StorageType::File), ("MEM", StorageType::Memory)] {
        let config = stream::Config {
            storage,
            max_messages_per_subject: 3,
            allow_direct: true,
            ..on(name, &format!("{name}.>"))
        };
        let mut stream = make(&js, config).await;
        for number in 0..10 {
            assert_eq!(store(&js, &format!("{name}.a"), number).await, number + 1);
        }
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", "1");
        let mut acks = Vec::new();
        for body in ["once", "twice"] {
            let subject = format!("{name}.b");
            let sent = js
                .publish_with_headers(subject, headers.clone(), body.into())
                .await;
            acks.push(sent.expect("a publish").await.expect("an acknowledgement"));
        }
        assert_eq!(acks[0].sequence, acks[1].sequence);
        assert!(acks[1].duplicate && !acks[0].duplicate);
        let state = stream.info().await.expect("an info").state.clone();
        assert_eq!(
            (state.messages, state.first_sequence, state.last_sequence),
            (4, 8, 11)
        );
        let ninth = stream.get_raw_message(9).await.expect("a message");
        assert_eq!(ninth.payload.as_ref(), b"8");
        let last = stream
            .direct_get_last_for_subject(format!("{name}.b"))
            .await;
        assert_eq!(last.expect("a message").payload.as_ref(), b"once");
        let mut wrong = HeaderMap::new();
        wrong.insert("Nats-Expected-Last-Sequence", "5");
        let refused = js
            .publish_with_headers(format!("{name}.b"), wrong, "x".into())
            .await
            .expect("a publish")
            .await
            .expect_err("a wrong expectation");
        assert_eq!(refused.kind(), PublishErrorKind::WrongLastSequence);
    }
}

#[tokio::test]
async fn consumers_pull_acknowledge_and_get_again_what_they_did_not() {
    let server = Server::start(JETSTREAM);
    let js = open(&server).await;
    let stream = make(&js, on("PULL", "pull.*")).await;
    for number in 0..200 {
        store(&js, &format!("pull.{}", number % 2), number).await;
    }
    let config = consumer::pull::Config {
        durable_name: Some("odd".to_owned()),
        filter_subject: "pull.1".to_owned(),
        ..consumer::pull::Config::default()
    };
    let mut odd = stream.create_consumer(config).await.expect("a consumer");
    let mut seen = Vec::new();
    while seen.len() < 60 {
        for (number, message) in fetch(&odd, 30).await {
            message.double_ack().await.expect("an acknowledgement");
            seen.push(number);
        }
    }
    let mut messages = odd.messages().await.expect("messages");
    while seen.len() < 100 {
        let next = timeout(PATIENCE, messages.next()).await.expect("in time");
        let message = next.expect("a message").expect("a message");
        message.double_ack().await.expect("an acknowledgement");
        seen.push(
            String::from_utf8_lossy(&message.payload)
                .parse()
                .expect("a number"),
        );
    }
    drop(messages);
    assert_eq!(seen, (0..100).map(|n| 2 * n + 1).collect::<Vec<u64>>());
    let info = odd.info().await.expect("an info");
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));

    let stream = make(&js, on("AGAIN", "again")).await;
    for number in 0..3 {
        store(&js, "again", number).await;
    }
    let config = consumer::pull::Config {
        durable_name: Some("again".to_owned()),
        ack_wait: Duration::from_secs(1),
        max_deliver: 3,
        ..consumer::pull::Config::default()
    };
    let mut again = stream.create_consumer(config).await.expect("a consumer");
    let first = fetch(&again, 3).await;
    let kinds = [AckKind::Nak(None), AckKind::Term, AckKind::Progress];
    for ((_, message), kind) in first.iter().zip(kinds) {
        message.ack_with(kind).await.expect("a publish");
    }
    let mut seen = Vec::new();
    while seen.len() < 2 {
        for (number, message) in fetch(&again, 1).await {
            assert_eq!(message.info().expect("a delivery").delivered, 2);
            message.double_ack().await.expect("an acknowledgement");
            seen.push(number);
        }
    }
    assert_eq!(seen, [0, 2]);
    assert_eq!(again.info().await.expect("an info").num_ack_pending, 0);
}

#[tokio::test]
async fn push_and_ordered_consumers_deliver_everything_in_order() {
    let server = Server::start(JETSTREAM);
    let js = open(&server).await;
    let stream = make(&js, on("PUSH", "push")).await;
    for number in 0..500 {
        store(&js, "push", number).await;
    }
    let push = stream
        .create_consumer(consumer::push::Config {
            durable_name: Some("pushed".to_owned()),
            deliver_subject: "pushed.here".to_owned(),
            ack_policy: AckPolicy::Explicit,
            flow_control: true,
            idle_heartbeat: Duration::from_millis(500),
            ..consumer::push::Config::default()
        })
        .await
        .expect("a consumer");
    let mut messages = push.messages().await.expect("messages");
    for number in 0..500 {
        let next = timeout(PATIENCE, messages.next()).await.expect("in time");
        let message = next.expect("a message").expect("a message");
        assert_eq!(message.payload, number.to_string());
        message.ack().await.expect("a publish");
    }
    let ordered = stream
        .create_consumer(consumer::pull::OrderedConfig::default())
        .await
        .expect("a consumer");
    let mut messages = ordered.messages().await.expect("messages");
    for number in 0..500 {
        let next = timeout(PATIENCE, messages.next()).await.expect("in time");
        assert_eq!(
            next.expect("a message").expect("a message").payload,
            number.to_string()
        );
    }
}

#[tokio::test]
async fn streams_are_queues_copies_and_are_managed() {
    let server = Server::start(JETSTREAM);
    let js = open(&server).await;
    let config = stream::Config {
        retention: RetentionPolicy::WorkQueue,
        max_messages: 10,
        discard: DiscardPolicy::New,
        ..on("WORK", "work")
    };
    let mut work = make(&js, config).await;
    for number in 0..10 {
        store(&js, "work", number).await;
    }
    let sent = js.publish("work", "one too many".into()).await;
    sent.expect("a publish").await.expect_err("a full queue");
    for (name, mirror) in [("MIRROR", true), ("SOURCED", false)] {
        make(&js, on(&format!("OF{name}"), &format!("of{name}"))).await;
        let source = Source {
            name: format!("OF{name}"),
            ..Source::default()
        };
        let config = stream::Config {
            name: name.to_owned(),
            mirror: mirror.then(|| source.clone()),
            sources: (!mirror).then(|| vec![source]),
            ..stream::Config::default()
        };
        let mut copy = make(&js, config).await;
        store(&js, &format!("of{name}"), "copied").await;
        timeout(PATIENCE, async {
            while copy.info().await.expect("an info").state.messages == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("a copied message");
    }
    let worker = consumer::pull::Config {
        durable_name: Some("worker".to_owned()),
        ..consumer::pull::Config::default()
    };
    let worker = work.create_consumer(worker).await.expect("a consumer");
    for (_, message) in fetch(&worker, 10).await {
        message.double_ack().await.expect("an acknowledgement");
    }
    assert_eq!(work.info().await.expect("an info").state.messages, 0);
    let mut names: Vec<String> = js.stream_names().try_collect().await.expect("names");
    names.sort();
    assert_eq!(
        names,
        ["MIRROR", "OFMIRROR", "OFSOURCED", "SOURCED", "WORK"]
    );
    let found = js.stream_by_subject("work").await.expect("a name");
    assert_eq!(found, "WORK");
    let new = consumer::pull::Config {
        durable_name: Some("new".to_owned()),
        deliver_policy: DeliverPolicy::New,
        ..consumer::pull::Config::default()
    };
    let other = js.get_stream("OFMIRROR").await.expect("a stream");
    let new = other.create_consumer(new).await.expect("a consumer");
    assert_eq!(new.cached_info().num_pending, 0);
    other.delete_consumer("new").await.expect("a deletion");
    assert!(other.delete_message(1).await.expect("a deletion"));
    assert_eq!(other.purge().await.expect("a purge").purged, 0);
    let account = js.query_account().await.expect("an account");
    assert_eq!(account.streams, 5);
    js.delete_stream("WORK").await.expect("a deletion");
    js.get_stream("WORK").await.expect_err("it was deleted");
}

#[tokio::test]
async fn buckets_keep_keys_with_their_history() {
    let server = Server::start(JETSTREAM);
    let js = open(&server).await;
    js.get_key_value("NONE").await.expect_err("no such bucket");
    let config = kv::Config {
        bucket: "KV".to_owned(),
        history: 5,
        ..kv::Config::default()
    };
    let kv = js.create_key_value(config).await.expect("a bucket");
    assert_eq!(kv.put("a.b", "1".into()).await.expect("a put"), 1);
    assert_eq!(kv.update("a.b", "2".into(), 1).await.expect("an update"), 2);
    kv.update("a.b", "3".into(), 1)
        .await
        .expect_err("an old revision");
    assert_eq!(kv.create("c", "new".into()).await.expect("a key"), 3);
    kv.create("c", "again".into())
        .await
        .expect_err("it is there");
    let entry = kv.entry("a.b").await.expect("an answer").expect("an entry");
    assert_eq!((entry.value.as_ref(), entry.revision), (&b"2"[..], 2));
    let first = kv.entry_for_revision("a.b", 1).await.expect("an answer");
    assert_eq!(first.expect("an entry").value.as_ref(), b"1");
    kv.delete("c").await.expect("a deletion");
    assert!(kv.get("c").await.expect("an answer").is_none());
    assert_eq!(kv.create("c", "reborn".into()).await.expect("a key"), 5);
    let history: Vec<_> = kv
        .history("c")
        .await
        .expect("a history")
        .try_collect()
        .await
        .expect("entries");
    let operations: Vec<_> = history.iter().map(|entry| entry.operation).collect();
    assert_eq!(
        operations,
        [
            kv::Operation::Put,
            kv::Operation::Delete,
            kv::Operation::Put
        ]
    );
    let mut watch = kv.watch_with_history("a.>").await.expect("a watch");
    kv.put("a.c", "watched".into()).await.expect("a put");
    for (key, value) in [("a.b", "2"), ("a.c", "watched")] {
        let next = timeout(PATIENCE, watch.next()).await.expect("in time");
        let entry = next.expect("an entry").expect("an entry");
        assert_eq!(
            (entry.key.as_str(), entry.value.as_ref()),
            (key, value.as_bytes())
        );
    }
    kv.purge("a.b").await.expect("a purge");
    let keys = kv.keys().await.expect("keys");
    let mut keys: Vec<String> = keys.try_collect().await.expect("keys");
    keys.sort();
    assert_eq!(keys, ["a.c", "c"]);
    assert!(kv.get("missing").await.expect("an answer").is_none());
    assert_eq!(kv.status().await.expect("a status").history(), 5);
    js.delete_key_value("KV").await.expect("a deletion");
}

#[tokio::test]
async fn object_stores_keep_large_objects_in_chunks() {
    let server = Server::start(JETSTREAM);
    let js = open(&server).await;
    let config = object_store::Config {
        bucket: "OBJ".to_owned(),
        ..object_store::Config::default()
    };
    let mut store = js.create_object_store(config).await.expect("a store");
    let data: Vec<u8> = (0..BIG).map(|index| (index % 251) as u8).collect();
    let info = store.put("big", &mut data.as_slice()).await.expect("a put");
    assert_eq!((info.size, info.chunks), (BIG, BIG.div_ceil(128 * 1024)));
    assert_eq!(read(&store, "big").await, data);
    store
        .put("big", &mut &b"small now"[..])
        .await
        .expect("a put");
    assert_eq!(read(&store, "big").await, b"small now");
    store.put("other", &mut &b"x"[..]).await.expect("a put");
    let big = store.get("big").await.expect("an object");
    store.add_link("linked", &big).await.expect("a link");
    assert_eq!(read(&store, "linked").await, b"small now");
    let list: Vec<_> = store
        .list()
        .await
        .expect("a list")
        .try_collect()
        .await
        .expect("infos");
    let mut names: Vec<_> = list.iter().map(|info| info.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["big", "linked", "other"]);
    store.delete("other").await.expect("a deletion");
    assert!(store.get("other").await.is_err());
    store.seal().await.expect("a seal");
}

async fn read(store: &object_store::ObjectStore, name: &str) -> Vec<u8> {
    let mut object = store.get(name).await.expect("an object");
    let mut data = Vec::new();
    object.read_to_end(&mut data).await.expect("its bytes");
    data
}

#[tokio::test]
async fn what_was_stored_is_there_after_a_kill() {
    let port = Server::start("").client_port();
    let mut server = Launch::new(JETSTREAM)
        .port(port)
        .allow_log("JetStream|[Cc]onsumer|[Ss]tream")
        .start();
    let js = open(&server).await;
    let stream = make(&js, on("KEPT", "kept")).await;
    for number in 0..100 {
        store(&js, "kept", number).await;
    }
    let config = consumer::pull::Config {
        durable_name: Some("kept".to_owned()),
        ..consumer::pull::Config::default()
    };
    let kept = stream.create_consumer(config).await.expect("a consumer");
    for (_, message) in fetch(&kept, 40).await {
        message.double_ack().await.expect("an acknowledgement");
    }
    drop((js, kept, stream));
    server.restart();
    let js = open(&server).await;
    assert_eq!(store(&js, "kept", 100).await, 101);
    let kept: PullConsumer = js
        .get_consumer_from_stream("kept", "KEPT")
        .await
        .expect("the consumer");
    let seen: Vec<u64> = fetch(&kept, 61).await.into_iter().map(|(n, _)| n).collect();
    // The reference does not keep an acknowledgement at once, though it has confirmed it.
    let first = match nats_interop::binary::is_reference() {
        true => seen[0].min(40),
        false => 40,
    };
    assert_eq!(seen, (first..first + 61).collect::<Vec<u64>>());
}
