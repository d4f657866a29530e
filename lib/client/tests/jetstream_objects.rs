//! Object stores and backups, through the client, against a real server.

mod support;

use nats_client::jetstream::object::*;
use nats_client::jetstream::snapshot::{Progress, SnapshotOptions};
use nats_client::jetstream::*;
use support::jetstream::JetStreamServer;
use support::soon;

fn store(name: &str) -> ObjectStoreConfig {
    ObjectStoreConfig {
        bucket: name.into(),
        ..ObjectStoreConfig::default()
    }
}

/// Bytes that do not repeat within a chunk.
fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 7 + i / 251) as u8).collect()
}

#[tokio::test]
async fn objects_of_all_sizes_come_back_as_they_were_put() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let objects = js.create_object_store(&store("O")).await.unwrap();
    for size in [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        3_000_000,
    ] {
        let name = format!("an object / of {size} bytes");
        let put = objects.put_bytes(&name, &bytes(size)).await.unwrap();
        assert_eq!(put.size, size as u64);
        assert_eq!(put.chunks as usize, size.div_ceil(CHUNK_BYTES));
        let got = soon("the object", objects.get_bytes(&name)).await.unwrap();
        assert!(got == bytes(size), "{size} bytes");
        let info = objects.info(&name).await.unwrap().unwrap();
        assert_eq!((info.nuid, info.digest), (put.nuid, put.digest));
        assert!(!info.modified.is_never());
    }
    let empty = objects
        .info("an object / of 0 bytes")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        empty.digest,
        "SHA-256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="
    );
    let meta = ObjectMeta {
        description: "small chunks".into(),
        headers: [("Kind".to_owned(), vec!["test".to_owned()])].into(),
        chunk_size: 10,
        ..ObjectMeta::named("small")
    };
    let data = bytes(101);
    let put = objects.put(&meta, &mut &data[..]).await.unwrap();
    assert_eq!(put.chunks, 11);
    assert_eq!(objects.info("small").await.unwrap().unwrap().meta(), meta);
    let mut copy = Vec::new();
    let mut object = objects.get("small").await.unwrap();
    assert_eq!(object.copy_to(&mut copy).await.unwrap(), 101);
    assert_eq!(copy, data);
}

#[tokio::test]
async fn an_object_is_replaced_renamed_deleted_and_its_chunks_go_with_it() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let objects = js.create_object_store(&store("O")).await.unwrap();
    objects.put_bytes("a", &bytes(500_000)).await.unwrap();
    let second = objects.put_bytes("a", b"second").await.unwrap();
    assert_eq!(objects.get_bytes("a").await.unwrap(), b"second");
    let state = objects.status().await.unwrap().stream.state;
    assert_eq!(state.messages, 2, "one chunk and what is known about it");
    objects.put_bytes("taken", b"x").await.unwrap();
    let renamed = ObjectMeta {
        description: "new".into(),
        ..second.meta()
    };
    let taken = ObjectMeta {
        name: "taken".into(),
        ..renamed.clone()
    };
    let error = objects.update_meta("a", &taken).await.unwrap_err();
    assert!(matches!(error, ObjectError::Exists(_)), "{error}");
    let renamed = ObjectMeta {
        name: "b".into(),
        ..renamed
    };
    objects.update_meta("a", &renamed).await.unwrap();
    assert!(objects.info("a").await.unwrap().is_none());
    assert_eq!(objects.get_bytes("b").await.unwrap(), b"second");
    objects.delete("b").await.unwrap();
    let error = objects.get("b").await.err().unwrap();
    assert!(error.is_not_found());
    let mark = objects.info_with_deleted("b").await.unwrap().unwrap();
    assert!(mark.deleted && mark.size == 0);
    objects.delete("b").await.unwrap();
    let error = objects.delete("never").await.unwrap_err();
    assert!(error.is_not_found());
    let names: Vec<_> = objects.list().await.unwrap();
    let names: Vec<_> = names.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["taken"]);
}

#[tokio::test]
async fn links_lead_to_objects_of_this_store_and_of_others() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let one = js.create_object_store(&store("ONE")).await.unwrap();
    let two = js.create_object_store(&store("TWO")).await.unwrap();
    let original = two.put_bytes("original", b"bytes").await.unwrap();
    let link = one.add_link("link", &original).await.unwrap();
    assert_eq!(one.get_bytes("link").await.unwrap(), b"bytes");
    let error = one.add_link("link to a link", &link).await.unwrap_err();
    assert!(matches!(error, ObjectError::Argument(_)), "{error}");
    let error = two.add_link("original", &original).await.unwrap_err();
    assert!(matches!(error, ObjectError::Exists(_)), "{error}");
    one.add_bucket_link("all of two", &two).await.unwrap();
    assert!(one.get("all of two").await.is_err());
    two.delete("original").await.unwrap();
    assert!(one.get("link").await.err().unwrap().is_not_found());
    let mut names = js.object_store_names().await.unwrap();
    names.sort();
    assert_eq!(names, ["ONE", "TWO"]);
}

#[tokio::test]
async fn damage_is_found_and_a_sealed_store_refuses() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let objects = js.create_object_store(&store("O")).await.unwrap();
    let put = objects.put_bytes("a", &bytes(300_000)).await.unwrap();
    let mut watcher = objects.watch(ObjectWatchOptions::default()).await.unwrap();
    let seen = soon("the object", watcher.next()).await.unwrap().unwrap();
    assert!(matches!(seen, ObjectUpdate::Object(info) if info.name == "a"));
    let end = soon("the end", watcher.next()).await.unwrap().unwrap();
    assert_eq!(end, ObjectUpdate::CaughtUp);
    // A chunk of the same size with other bytes.
    js.delete_message(objects.stream_name(), 3, false)
        .await
        .unwrap();
    js.publish(
        &format!("$O.O.C.{}", put.nuid),
        vec![0; 300_000 - 2 * CHUNK_BYTES],
    )
    .await
    .unwrap();
    let error = soon("an error", objects.get_bytes("a")).await.unwrap_err();
    assert!(matches!(error, ObjectError::Damaged { .. }), "{error}");
    js.delete_message(objects.stream_name(), 2, false)
        .await
        .unwrap();
    let error = soon("an error", objects.get_bytes("a")).await.unwrap_err();
    assert!(matches!(error, ObjectError::Damaged { .. }), "{error}");

    objects.seal().await.unwrap();
    assert!(objects.status().await.unwrap().sealed);
    let error = objects.put_bytes("b", b"x").await.unwrap_err();
    assert!(
        matches!(&error, ObjectError::JetStream(e) if e.is(ApiError::STREAM_SEALED)),
        "{error}"
    );
}

#[tokio::test]
async fn a_failed_put_leaves_nothing() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let config = ObjectStoreConfig {
        max_bytes: 400_000,
        ..store("O")
    };
    let objects = js.create_object_store(&config).await.unwrap();
    let error = objects.put_bytes("large", &bytes(1_000_000)).await;
    assert!(error.is_err());
    assert!(objects.info("large").await.unwrap().is_none());
    let state = objects.status().await.unwrap().stream.state;
    assert_eq!(state.messages, 0);
    objects.put_bytes("small", &bytes(1000)).await.unwrap();
}

#[tokio::test]
async fn a_backup_becomes_the_same_stream_again() {
    let Some(started) = JetStreamServer::start().await else {
        return;
    };
    let js = &started.js;
    let config = StreamConfig {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
    let publisher = js.publisher(PublisherOptions::default()).await.unwrap();
    for i in 0..3000usize {
        let data: Vec<u8> = (0..500).map(|_| fastrand::u8(..)).collect();
        drop(
            publisher
                .publish(&format!("s.{}", i % 10), data)
                .await
                .unwrap(),
        );
    }
    publisher.finish().await.unwrap();
    let durable = ConsumerConfig {
        durable_name: "C".into(),
        ack_policy: AckPolicy::Explicit,
        ..ConsumerConfig::default()
    };
    js.create_consumer("S", &durable).await.unwrap();
    let before = js.stream_info("S").await.unwrap();
    let (mut archive, mut seen) = (Vec::new(), Progress::default());
    let about = js
        .snapshot("S", SnapshotOptions::default(), &mut archive, |p| seen = p)
        .await
        .unwrap();
    assert_eq!(seen.bytes, archive.len() as u64);
    assert!(seen.chunks > 5, "{seen:?}");
    let exists = js
        .restore(&about, &mut &archive[..], |_| {})
        .await
        .unwrap_err();
    assert!(
        exists.is(ApiError::STREAM_NAME_EXIST_RESTORE_FAILED),
        "{exists}"
    );
    js.delete_stream("S").await.unwrap();
    let restored = js
        .restore(&about, &mut &archive[..], |p| seen = p)
        .await
        .unwrap();
    assert_eq!(seen.bytes, archive.len() as u64);
    assert_eq!(restored.state.messages, before.state.messages);
    assert_eq!(restored.state.bytes, before.state.bytes);
    assert_eq!(restored.state.last_ts, before.state.last_ts);
    assert!(js.consumer_info("S", "C").await.is_ok());
    js.delete_stream("S").await.unwrap();

    archive.truncate(archive.len() / 2);
    let torn = js.restore(&about, &mut &archive[..], |_| {}).await;
    assert!(torn.is_err(), "half an archive is none");
    assert!(js.stream_info("S").await.unwrap_err().is_not_found());
    let missing = js
        .snapshot("S", SnapshotOptions::default(), &mut Vec::new(), |_| {})
        .await
        .unwrap_err();
    assert!(missing.is(ApiError::STREAM_NOT_FOUND), "{missing}");
}
