//! Key-value buckets, through the client, against a real server.

mod support;

use std::time::Duration;

use nats_client::jetstream::kv::*;
use nats_client::jetstream::{ApiError, JetStreamError, MessageTtl, StreamSource};
use support::jetstream::JetStreamServer;
use support::soon;

fn bucket(name: &str) -> KvConfig {
    KvConfig {
        bucket: name.into(),
        ..KvConfig::default()
    }
}

async fn entry(watcher: &mut Watcher) -> Entry {
    match soon("an update", watcher.next()).await.unwrap().unwrap() {
        Update::Entry(entry) => entry,
        Update::CaughtUp => panic!("caught up instead of an entry"),
    }
}

async fn caught_up(watcher: &mut Watcher) {
    let update = soon("an update", watcher.next()).await.unwrap().unwrap();
    assert_eq!(update, Update::CaughtUp);
}

#[tokio::test]
async fn values_are_written_read_and_guarded_by_their_revision() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let config = KvConfig {
        history: 5,
        ..bucket("B")
    };
    let kv = js.create_kv(&config).await.unwrap();
    assert_eq!(kv.get("a").await.unwrap(), None);
    let one = kv.put("a", "1").await.unwrap();
    let got = kv.get("a").await.unwrap().unwrap();
    assert_eq!((&got.value[..], got.revision), (&b"1"[..], one));
    assert_eq!((&*got.key, &*got.bucket), ("a", "B"));
    let two = kv.update("a", "2", one).await.unwrap();
    let late = kv.update("a", "3", one).await.unwrap_err();
    assert!(late.is(ApiError::STREAM_WRONG_LAST_SEQUENCE), "{late}");
    let exists = kv.create("a", "x").await.unwrap_err();
    assert!(exists.is(ApiError::STREAM_WRONG_LAST_SEQUENCE), "{exists}");
    assert!(kv.delete("a", Some(one)).await.is_err());
    kv.delete("a", Some(two)).await.unwrap();
    assert_eq!(kv.get("a").await.unwrap(), None);
    let mark = kv.last("a").await.unwrap().unwrap();
    assert_eq!(mark.operation, Operation::Delete);
    kv.create("a", "again").await.unwrap();
    let old = kv.get_revision("a", one).await.unwrap().unwrap();
    assert_eq!(&old.value[..], b"1");
    assert_eq!(kv.get_revision("b", one).await.unwrap(), None);
    assert_eq!(kv.get_revision("a", 999).await.unwrap(), None);
    let history = kv.history("a").await.unwrap();
    let operations: Vec<_> = history.iter().map(|e| e.operation.name()).collect();
    assert_eq!(operations, ["PUT", "PUT", "DEL", "PUT"]);
    assert_eq!(history[0].delta, 3);
    kv.purge("a", None, None).await.unwrap();
    let history = kv.history("a").await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].operation, Operation::Purge);
    assert!(kv.history("never").await.unwrap().is_empty());
    for bad in ["", "a..b", "a b", "a*"] {
        let error = kv.put(bad, "x").await.unwrap_err();
        assert!(matches!(error, JetStreamError::Name { .. }), "{bad}");
    }
}

#[tokio::test]
async fn buckets_are_found_listed_changed_and_deleted() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    js.create_kv(&bucket("A")).await.unwrap();
    js.create_kv(&bucket("B")).await.unwrap();
    js.create_stream(&nats_client::jetstream::StreamConfig {
        name: "OTHER".into(),
        ..Default::default()
    })
    .await
    .unwrap();
    let mut names = js.kv_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["A", "B"]);
    assert_eq!(js.kv_buckets().await.unwrap().len(), 2);
    let kv = js.kv("A").await.unwrap();
    kv.put("k", "v").await.unwrap();
    let status = kv.status().await.unwrap();
    assert_eq!((status.values, &*status.bucket), (1, "A"));
    let changed = KvConfig {
        history: 3,
        description: "more".into(),
        ..status.config.clone()
    };
    js.update_kv(&changed).await.unwrap();
    let status = kv.status().await.unwrap();
    assert_eq!(status.config.history, 3);
    js.delete_kv("A").await.unwrap();
    let gone = js.kv("A").await.unwrap_err();
    assert!(gone.is(ApiError::STREAM_NOT_FOUND));
    assert!(js.kv("no.name").await.is_err());
}

#[tokio::test]
async fn a_watch_shows_what_there_is_and_then_what_happens() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let config = KvConfig {
        history: 10,
        ..bucket("B")
    };
    let kv = js.create_kv(&config).await.unwrap();
    let mut empty = kv.watch_all(WatchOptions::default()).await.unwrap();
    caught_up(&mut empty).await;
    for (key, value) in [("a.1", "1"), ("a.2", "2"), ("a.1", "3"), ("b", "4")] {
        kv.put(key, value).await.unwrap();
    }
    kv.delete("b", None).await.unwrap();
    let mut last = kv.watch(&["a.*"], WatchOptions::default()).await.unwrap();
    assert_eq!(&*entry(&mut last).await.key, "a.2");
    let newest = entry(&mut last).await;
    assert_eq!((&*newest.key, &newest.value[..]), ("a.1", &b"3"[..]));
    caught_up(&mut last).await;
    kv.put("a.3", "5").await.unwrap();
    assert_eq!(&*entry(&mut last).await.key, "a.3");

    let history = WatchOptions::default().include_history();
    let mut all = kv.watch(&["a.*", "b"], history).await.unwrap();
    for key in ["a.1", "a.2", "a.1", "b", "b", "a.3"] {
        assert_eq!(entry(&mut all).await.key, key);
    }
    caught_up(&mut all).await;

    let updates = WatchOptions::default().updates_only().ignore_deletes();
    let mut new = kv.watch_all(updates).await.unwrap();
    kv.delete("a.1", None).await.unwrap();
    kv.put("c", "6").await.unwrap();
    assert_eq!(entry(&mut new).await.key, "c");

    let from = WatchOptions::default().from_revision(4).headers_only();
    let mut from = kv.watch_all(from).await.unwrap();
    let first = entry(&mut from).await;
    assert_eq!((first.revision, first.value.len()), (4, 0));

    // What the watcher of the empty bucket saw all along.
    for key in ["a.1", "a.2", "a.1", "b", "b", "a.3", "a.1", "c"] {
        assert_eq!(entry(&mut empty).await.key, key);
    }
    let mut keys = kv.keys().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["a.2", "a.3", "c"]);
    assert_eq!(kv.keys_matching(&["a.*"]).await.unwrap(), ["a.2", "a.3"]);
    assert!(kv.watch(&["a>"], WatchOptions::default()).await.is_err());
    new.stop().await.unwrap();
}

#[tokio::test]
async fn marks_of_deleted_keys_are_removed_when_asked_for() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let kv = js.create_kv(&bucket("B")).await.unwrap();
    for key in ["a", "b", "c"] {
        kv.put(key, "x").await.unwrap();
    }
    kv.delete("a", None).await.unwrap();
    kv.purge("b", None, None).await.unwrap();
    let young = PurgeDeletes::OlderThan(Duration::from_secs(600));
    assert_eq!(kv.purge_deletes(young).await.unwrap(), 2);
    assert_eq!(kv.status().await.unwrap().values, 3, "young marks stay");
    assert_eq!(kv.purge_deletes(PurgeDeletes::All).await.unwrap(), 2);
    assert_eq!(kv.status().await.unwrap().values, 1);
}

#[tokio::test]
async fn keys_that_time_out_leave_a_mark_for_watchers() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let config = KvConfig {
        limit_marker_ttl: Some(Duration::from_secs(60)),
        ..bucket("B")
    };
    let kv = js.create_kv(&config).await.unwrap();
    let mut watcher = kv.watch_all(WatchOptions::default()).await.unwrap();
    caught_up(&mut watcher).await;
    let second = Some(MessageTtl::For(Duration::from_secs(1)));
    kv.create_with_ttl("a", "x", second).await.unwrap();
    assert_eq!(entry(&mut watcher).await.operation, Operation::Put);
    let mark = entry(&mut watcher).await;
    assert_eq!((mark.operation, &*mark.key), (Operation::Purge, "a"));
    assert_eq!(kv.get("a").await.unwrap(), None);
    kv.create("a", "again").await.unwrap();
    let status = kv.status().await.unwrap();
    assert_eq!(
        status.config.limit_marker_ttl,
        Some(Duration::from_secs(60))
    );
    kv.purge("a", None, second).await.unwrap();
}

#[tokio::test]
async fn mirrors_and_gathering_buckets_show_the_keys_of_their_origins() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let origin = js.create_kv(&bucket("ORIGIN")).await.unwrap();
    let upstream = StreamSource {
        name: "ORIGIN".into(),
        ..StreamSource::default()
    };
    let copy = KvConfig {
        mirror: Some(upstream.clone()),
        ..bucket("COPY")
    };
    let copy = js.create_kv(&copy).await.unwrap();
    let all = KvConfig {
        sources: vec![upstream],
        ..bucket("ALL")
    };
    let all = js.create_kv(&all).await.unwrap();
    let mut names = js.kv_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["ALL", "COPY", "ORIGIN"]);
    let mut in_copy = copy.watch_all(WatchOptions::default()).await.unwrap();
    let mut in_all = all.watch_all(WatchOptions::default()).await.unwrap();
    caught_up(&mut in_copy).await;
    caught_up(&mut in_all).await;
    origin.put("a", "1").await.unwrap();
    assert_eq!(entry(&mut in_copy).await.key, "a");
    assert_eq!(entry(&mut in_all).await.key, "a");
    // Written to a copy, a value goes to its origin.
    copy.put("b", "2").await.unwrap();
    assert_eq!(entry(&mut in_copy).await.key, "b");
    assert!(origin.get("b").await.unwrap().is_some());
    assert_eq!(&copy.get("b").await.unwrap().unwrap().value[..], b"2");
    assert_eq!(&all.get("a").await.unwrap().unwrap().value[..], b"1");
}

#[tokio::test]
async fn a_bucket_of_another_domain_is_written_and_read_through_its_prefix() {
    let Some(started) = JetStreamServer::start_with("jetstream { domain: hub }").await else {
        return;
    };
    let near = &started.js;
    let far = nats_client::jetstream::JetStream::with_domain(started.client.clone(), "hub");
    assert_eq!(far.account_info().await.unwrap().domain, "hub");
    let kv = far.create_kv(&bucket("B")).await.unwrap();
    let revision = kv.put("a", "1").await.unwrap();
    assert_eq!(kv.get("a").await.unwrap().unwrap().revision, revision);
    let same = near.kv("B").await.unwrap();
    assert_eq!(same.get("a").await.unwrap().unwrap().revision, revision);
    assert_eq!(kv.keys().await.unwrap(), ["a"]);
}

#[tokio::test]
async fn a_missing_bucket_is_told_from_a_missing_key() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let kv = js.create_kv(&bucket("B")).await.unwrap();
    js.delete_kv("B").await.unwrap();
    let error = kv.get("a").await.unwrap_err();
    assert!(
        matches!(error, JetStreamError::NoDirectGet { .. }),
        "{error}"
    );
    let error = kv.put("a", "1").await.unwrap_err();
    assert!(matches!(error, JetStreamError::NoStream { .. }), "{error}");
}
