//! Backups of streams: what a server sends, what it takes, and whether it is the same stream afterwards; between ours and the reference
//! server in every direction.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Subscriber};
use futures_util::StreamExt;
use nats_interop::{Launch, Server, binary, skip};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server with JetStream and a client of it.
struct Peer {
    client: Client,
    server: Server,
}

/// What STREAM.SNAPSHOT brought.
struct Backup {
    about: Value,
    archive: Vec<u8>,
    /// Sizes and reply subjects of the chunks.
    chunks: Vec<(usize, Option<String>)>,
    /// Status of the last message, 0 when it has none.
    status: u16,
}

impl Peer {
    async fn start(binary: Option<PathBuf>, jetstream: &str) -> Self {
        Self::launch(
            binary,
            &format!("jetstream {{ store_dir: '$DIR/data', {jetstream} }}"),
        )
        .await
    }

    async fn launch(binary: Option<PathBuf>, config: &str) -> Self {
        let mut launch = Launch::new(config)
            .allow_log("Restore failed")
            .allow_log("Invalid JetStream request")
            .allow_log("Stream restore failed")
            .allow_log("restore for stream")
            .allow_log("Snapshot for stream")
            .allow_log("Filestore")
            .allow_log("resource limits exceeded");
        if let Some(binary) = binary {
            launch = launch.binary(&binary);
        }
        let server = launch.start();
        let client = connect(&server).await;
        Self { client, server }
    }

    async fn ask(&self, subject: &str, body: &Value) -> Value {
        self.ask_bytes(&format!("$JS.API.{subject}"), body.to_string().into())
            .await
    }

    async fn ask_bytes(&self, subject: &str, body: Vec<u8>) -> Value {
        let answer = self.request(subject, body).await;
        serde_json::from_slice(&answer.payload).expect("JSON")
    }

    async fn request(&self, subject: &str, body: Vec<u8>) -> Message {
        let request = async_nats::Request::new()
            .payload(body.into())
            .timeout(Some(PATIENCE));
        let sent = self.client.send_request(subject.to_owned(), request);
        sent.await.expect("an answer")
    }

    async fn fine(&self, subject: &str, body: &Value) -> Value {
        let answer = self.ask(subject, body).await;
        assert_eq!(answer.get("error"), None, "{subject}: {answer}");
        answer
    }

    async fn listen(&self, subject: &str) -> Subscriber {
        let subscriber = self.client.subscribe(subject.to_owned()).await;
        let subscriber = subscriber.expect("a subscription");
        self.client.flush().await.expect("a flush");
        subscriber
    }

    /// Takes a backup and acknowledges every chunk.
    async fn backup(&self, stream: &str, options: Value) -> Backup {
        let inbox = self.client.new_inbox();
        let mut chunks = self.listen(&inbox).await;
        let mut ask = options;
        ask["deliver_subject"] = json!(inbox);
        let about = self.fine(&format!("STREAM.SNAPSHOT.{stream}"), &ask).await;
        let mut backup = Backup {
            about,
            archive: Vec::new(),
            chunks: Vec::new(),
            status: 0,
        };
        loop {
            let chunk = next(&mut chunks).await;
            if chunk.payload.is_empty() {
                backup.status = chunk.status.map_or(0, |status| status.as_u16());
                return backup;
            }
            backup.archive.extend_from_slice(&chunk.payload);
            let reply = chunk.reply.map(|reply| reply.to_string());
            if let Some(reply) = reply.clone() {
                self.client
                    .publish(reply, "".into())
                    .await
                    .expect("a publish");
            }
            backup.chunks.push((chunk.payload.len(), reply));
        }
    }

    /// Gives an archive to the server; its last word.
    async fn restore(&self, about: &Value, archive: &[u8]) -> Value {
        let name = about["config"]["name"].as_str().expect("a name");
        let ask = json!({"config": about["config"], "state": about["state"]});
        let begun = self.ask(&format!("STREAM.RESTORE.{name}"), &ask).await;
        let Some(to) = begun["deliver_subject"]
            .as_str()
            .filter(|to| !to.is_empty())
        else {
            return begun;
        };
        for chunk in archive.chunks(64 * 1024) {
            let answer = self.request(to, chunk.to_vec()).await;
            if !answer.payload.is_empty() {
                return serde_json::from_slice(&answer.payload).expect("JSON");
            }
        }
        self.ask_bytes(to, Vec::new()).await
    }

    async fn publish(&self, subject: &str, headers: &[(&str, &str)], payload: Vec<u8>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let request = async_nats::Request::new()
            .headers(map)
            .payload(payload.into());
        let answer = self.client.send_request(subject.to_owned(), request).await;
        let answer: Value =
            serde_json::from_slice(&answer.expect("an answer").payload).expect("JSON");
        assert_eq!(answer.get("error"), None, "{answer}");
    }

    /// Pulls messages for a consumer; their reply subjects.
    async fn pull(&self, stream: &str, consumer: &str, count: usize) -> Vec<String> {
        let inbox = self.client.new_inbox();
        let mut messages = self.listen(&inbox).await;
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}");
        let body = json!({"batch": count}).to_string();
        self.client
            .publish_with_reply(subject, inbox, body.into())
            .await
            .expect("a publish");
        let mut replies = Vec::new();
        while replies.len() < count {
            let message = next(&mut messages).await;
            replies.push(message.reply.expect("a reply").to_string());
        }
        replies
    }

    /// Everything that has to be the same afterwards.
    async fn contents(&self, stream: &str) -> Value {
        let ask = json!({"deleted_details": true, "subjects_filter": ">"});
        let info = self.fine(&format!("STREAM.INFO.{stream}"), &ask).await;
        let state = &info["state"];
        let mut messages = Vec::new();
        let (first, last) = (number(&state["first_seq"]), number(&state["last_seq"]));
        for sequence in first..=last {
            let ask = json!({"seq": sequence});
            let got = self.ask(&format!("STREAM.MSG.GET.{stream}"), &ask).await;
            messages.push(got.get("message").cloned().unwrap_or_default());
        }
        let listed = self
            .fine(&format!("CONSUMER.LIST.{stream}"), &json!({}))
            .await;
        let mut consumers = Vec::new();
        for info in listed["consumers"].as_array().expect("consumers") {
            let mut config = info["config"].clone();
            // The reference shows its version there in some answers and not in others.
            for key in ["_nats.ver", "_nats.level"] {
                if let Some(metadata) = config["metadata"].as_object_mut() {
                    metadata.remove(key);
                }
            }
            let place = |name: &str| json!([info[name]["consumer_seq"], info[name]["stream_seq"]]);
            consumers.push(json!({
                "name": info["name"],
                "config": config,
                "delivered": place("delivered"),
                "ack_floor": place("ack_floor"),
                "num_ack_pending": info["num_ack_pending"],
                "num_pending": info["num_pending"],
            }));
        }
        let figures = [
            "messages",
            "bytes",
            "first_seq",
            "first_ts",
            "last_seq",
            "num_subjects",
            "subjects",
            "num_deleted",
            "deleted",
            "consumer_count",
        ];
        let state: Value = figures.iter().map(|f| (*f, state[*f].clone())).collect();
        json!({"state": state, "messages": messages, "consumers": consumers})
    }
}

async fn connect(server: &Server) -> Client {
    async_nats::connect(server.url())
        .await
        .expect("a connection")
}

async fn next(messages: &mut Subscriber) -> Message {
    let waited = tokio::time::timeout(PATIENCE, messages.next()).await;
    waited.expect("in time").expect("a message")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn code(answer: &Value) -> u64 {
    number(&answer["error"]["err_code"])
}

/// A stream with everything: headers, gaps of all kinds, its first ones gone, its last one too, and consumers in the middle of their work.
async fn make(peer: &Peer, storage: &str) {
    let config = json!({"name": "S", "subjects": ["s.>"], "storage": storage,
        "allow_direct": true, "metadata": {"k": "v"}, "description": "a \"stream\""});
    peer.fine("STREAM.CREATE.S", &config).await;
    for number in 1..=60_u64 {
        let payload = vec![u8::try_from(number).expect("small"); (number * 97 % 4000) as usize];
        let headers: &[(&str, &str)] = match number % 4 {
            0 => &[("X", "y"), ("Z", "äöü")],
            _ => &[],
        };
        peer.publish(&format!("s.{}", number % 5), headers, payload)
            .await;
    }
    for (sequence, no_erase) in [(20, true), (21, false), (22, true), (60, false)] {
        let ask = json!({"seq": sequence, "no_erase": no_erase});
        peer.fine("STREAM.MSG.DELETE.S", &ask).await;
    }
    peer.fine("STREAM.PURGE.S", &json!({"filter": "s.3"})).await;
    peer.fine("STREAM.PURGE.S", &json!({"seq": 5})).await;
    for (name, filter) in [("WORK", ""), ("SOME", "s.1")] {
        let config = json!({"stream_name": "S", "config": {"durable_name": name, "filter_subject": filter,
            "ack_policy": "explicit", "ack_wait": 3_600_000_000_000_i64, "metadata": {"a": "b"}}});
        peer.fine(&format!("CONSUMER.CREATE.S.{name}"), &config)
            .await;
    }
    let ephemeral = json!({"stream_name": "S", "config": {"name": "E", "ack_policy": "none",
        "inactive_threshold": 3_600_000_000_000_i64}});
    peer.fine("CONSUMER.CREATE.S.E", &ephemeral).await;
    let replies = peer.pull("S", "WORK", 12).await;
    for index in [0, 1, 2, 5, 7] {
        peer.request(&replies[index], Vec::new()).await;
    }
    peer.request(&replies[3], b"-NAK".to_vec()).await;
    peer.pull("S", "WORK", 1).await;
    let replies = peer.pull("S", "SOME", 3).await;
    peer.request(&replies[2], Vec::new()).await;
}

/// A server with encryption, where that is asked for.
const SEALED: &str = "cipher: chachapoly, key: 'a key of thirty-two bytes or more'";

#[tokio::test]
async fn a_backup_becomes_the_same_stream_again_in_every_direction() {
    let mut ways = vec![(None, None)];
    match binary::reference() {
        Some(reference) if !binary::is_reference() => {
            ways.push((None, Some(reference.clone())));
            ways.push((Some(reference), None));
        }
        Some(_) => {}
        None => skip::left_out(
            "backups between two servers",
            "NATS_REFERENCE_BIN is not set",
        ),
    }
    for (from, to) in ways {
        for (storage, settings) in [("file", ""), ("file", SEALED), ("memory", "")] {
            let way = format!("{from:?} to {to:?}, {storage} {settings:?}");
            let source = Peer::start(from.clone(), settings).await;
            make(&source, storage).await;
            let before = source.contents("S").await;
            let options = json!({"chunk_size": 4096, "jsck": true});
            let backup = source.backup("S", options).await;
            let target = Peer::start(to.clone(), settings).await;
            let restored = target.restore(&backup.about, &backup.archive).await;
            assert_eq!(restored.get("error"), None, "{way}: {restored}");
            let after = target.contents("S").await;
            for part in ["state", "messages", "consumers"] {
                assert_eq!(after[part], before[part], "{way}: {part}");
            }
            // It goes on: the next message has the next sequence, and what waits is delivered.
            target.publish("s.1", &[], b"new".to_vec()).await;
            let info = target.fine("STREAM.INFO.S", &json!({})).await;
            assert_eq!(info["state"]["last_seq"], 61, "{way}");
            target.pull("S", "SOME", 1).await;
        }
    }
}

#[tokio::test]
async fn a_restored_stream_is_there_after_a_kill() {
    let mut peer = Peer::start(None, "").await;
    make(&peer, "file").await;
    let before = peer.contents("S").await;
    let backup = peer.backup("S", json!({})).await;
    peer.fine("STREAM.DELETE.S", &json!({})).await;
    let restored = peer.restore(&backup.about, &backup.archive).await;
    assert_eq!(restored.get("error"), None, "{restored}");
    peer.server.kill();
    peer.server.restart();
    peer.client = connect(&peer.server).await;
    let after = peer.contents("S").await;
    // The reference writes the state of consumers a moment later; what it had restored of them may be gone.
    let parts = ["state", "messages", "consumers"];
    let kept = if binary::is_reference() { 2 } else { 3 };
    for part in parts.into_iter().take(kept) {
        assert!(after[part] == before[part], "{part} differ");
    }
}

#[tokio::test]
async fn a_restore_that_a_kill_ends_never_was() {
    if binary::is_reference() {
        return;
    }
    let mut peer = Peer::start(None, "").await;
    make(&peer, "file").await;
    let backup = peer.backup("S", json!({})).await;
    peer.fine("STREAM.DELETE.S", &json!({})).await;
    let ask = json!({"config": backup.about["config"], "state": backup.about["state"]});
    let begun = peer.fine("STREAM.RESTORE.S", &ask).await;
    let to = begun["deliver_subject"].as_str().expect("a subject");
    peer.request(to, backup.archive.clone()).await;
    assert_eq!(folders(&peer, "restoring"), 1);
    peer.server.kill();
    peer.server.restart();
    peer.client = connect(&peer.server).await;
    let names = peer.fine("STREAM.NAMES", &json!({})).await;
    assert_eq!(names["total"], 0, "{names}");
    for folder in ["restoring", "quarantine", "trash"] {
        assert_eq!(folders(&peer, folder), 0, "{folder}");
    }
    let restored = peer.restore(&backup.about, &backup.archive).await;
    assert_eq!(restored["state"]["last_seq"], 60, "{restored}");
}

/// What is in a folder of our store.
fn folders(peer: &Peer, name: &str) -> usize {
    let path = peer.server.dir().join("data/jetstream").join(name);
    std::fs::read_dir(path).map_or(0, Iterator::count)
}

#[tokio::test]
async fn chunks_have_the_size_that_was_asked_for_and_wait_for_their_acknowledgements() {
    let peer = Peer::start(None, "").await;
    make(&peer, "file").await;
    // Bytes that no compression makes smaller.
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    let payload: Vec<u8> = (0..5_000).map(|_| noise()).collect();
    peer.publish("s.1", &[], payload).await;
    let whole = peer.backup("S", json!({})).await;
    assert_eq!(whole.chunks.len(), 1, "less than 128 KiB");
    assert_eq!(whole.status, 0, "nothing was to be acknowledged");
    let small = peer.backup("S", json!({"chunk_size": 1})).await;
    let (last, full) = small.chunks.split_last().expect("chunks");
    assert!(full.len() >= 2 && last.0 <= 1024, "{:?}", small.chunks);
    for (index, (size, reply)) in full.iter().enumerate() {
        assert_eq!(*size, 1024);
        let reply = reply.as_deref().expect("a reply subject");
        let tokens: Vec<&str> = reply.split('.').collect();
        let number = (index + 1).to_string();
        assert_eq!(tokens[..4], ["$JS", "SNAPSHOT", "ACK", "S"], "{reply}");
        assert_eq!(tokens[5..], ["1024", &number], "{reply}");
    }
    assert_eq!(small.status, 204);
    assert_eq!(small.about["state"]["consumer_count"], 3);
    let lean = peer.backup("S", json!({"no_consumers": true})).await;
    peer.fine("STREAM.DELETE.S", &json!({})).await;
    let restored = peer.restore(&lean.about, &lean.archive).await;
    assert_eq!(restored["state"]["consumer_count"], 0, "{restored}");
    // A window of two chunks, and nobody answers.
    let mut silent = peer.listen("silent").await;
    let ask = json!({"deliver_subject": "silent", "chunk_size": 1024, "window_size": 2048});
    peer.fine("STREAM.SNAPSHOT.S", &ask).await;
    for _ in 0..2 {
        assert_eq!(next(&mut silent).await.payload.len(), 1024);
    }
    let end = next(&mut silent).await;
    let status = end.status.map(|status| status.as_u16());
    assert_eq!(
        (status, end.description.as_deref()),
        (Some(408), Some("No Flow Response"))
    );
}

/// natscli takes one of its connection's answer subjects, which its one subscription for all answers matches, and subscribes to it only when it
/// knows that the backup begins. What comes before would be thrown away.
#[tokio::test]
async fn a_backup_begins_when_its_very_subject_is_subscribed_to() {
    let peer = Peer::start(None, "").await;
    make(&peer, "file").await;
    let _all = peer.listen("answers.*").await;
    let ask = json!({"deliver_subject": "answers.1"});
    peer.fine("STREAM.SNAPSHOT.S", &ask).await;
    let mut backup = peer.listen("answers.1").await;
    assert!(!next(&mut backup).await.payload.is_empty(), "the archive");
    assert!(next(&mut backup).await.payload.is_empty(), "its end");
    // Who never subscribes to it gets the backup by the pattern, later.
    let mut all = peer.listen("more.*").await;
    let ask = json!({"deliver_subject": "more.1"});
    peer.fine("STREAM.SNAPSHOT.S", &ask).await;
    assert!(!next(&mut all).await.payload.is_empty(), "the archive");
    assert!(next(&mut all).await.payload.is_empty(), "its end");
}

#[tokio::test]
async fn requests_that_cannot_be_served_are_refused() {
    let peer = Peer::start(None, "").await;
    let config = json!({"name": "S", "subjects": ["s"]});
    peer.fine("STREAM.CREATE.S", &config).await;
    let other = |extra: Value| {
        let mut config = json!({"name": "T", "subjects": ["t"]});
        for (key, value) in extra.as_object().expect("an object") {
            config[key] = value.clone();
        }
        json!({"config": config, "state": {}})
    };
    let table = [
        ("STREAM.SNAPSHOT.S", json!({}), 10003),
        (
            "STREAM.SNAPSHOT.NONE",
            json!({"deliver_subject": "x"}),
            10059,
        ),
        (
            "STREAM.SNAPSHOT.S",
            json!({"deliver_subject": "x.*"}),
            10015,
        ),
        ("STREAM.SNAPSHOT.S", json!({"deliver_subject": ""}), 10015),
        (
            "STREAM.SNAPSHOT.S",
            json!({"deliver_subject": "x", "unknown": 1}),
            10025,
        ),
        (
            "STREAM.SNAPSHOT.S",
            json!({"deliver_subject": "x", "chunk_size": "1"}),
            10025,
        ),
        ("STREAM.RESTORE.T", json!({}), 10003),
        (
            "STREAM.RESTORE.T",
            json!({"config": {"name": "U"}, "state": {}}),
            10056,
        ),
        (
            "STREAM.RESTORE.T",
            json!({"config": [], "state": {}}),
            10025,
        ),
        ("STREAM.RESTORE.T", other(json!({"max_age": -1})), 10052),
        (
            "STREAM.RESTORE.T",
            other(json!({"subjects": ["$JS.API.>"]})),
            10052,
        ),
        (
            "STREAM.RESTORE.S",
            json!({"config": config, "state": {}}),
            10130,
        ),
    ];
    for (subject, body, expected) in table {
        let answer = peer.ask(subject, &body).await;
        assert_eq!(code(&answer), expected, "{subject} {body}: {answer}");
    }
    // What the reference finds out when it has the archive, and then says within another error, ours says before it comes.
    let archive = peer.backup("S", json!({})).await.archive;
    let late = [
        (other(json!({"num_replicas": 3})), 10074),
        (other(json!({"subjects": ["s"]})), 10065),
    ];
    for (about, expected) in late {
        let answer = peer.restore(&about, &archive).await;
        if binary::is_reference() {
            let said = answer["error"]["description"].as_str().unwrap_or_default();
            assert!(said.contains(&format!("({expected})")), "{about}: {answer}");
        } else {
            assert_eq!(code(&answer), expected, "{about}: {answer}");
        }
    }
}

#[tokio::test]
async fn archives_that_are_none_leave_nothing_behind() {
    let peer = Peer::start(None, "").await;
    make(&peer, "file").await;
    let backup = peer.backup("S", json!({})).await;
    peer.fine("STREAM.DELETE.S", &json!({})).await;
    let mut rotten = backup.archive.clone();
    let middle = rotten.len() / 2;
    rotten[middle] ^= 1;
    let half = &backup.archive[..middle];
    let garbage = b"garbage".repeat(100);
    let empty: &[u8] = b"";
    for archive in [half, &rotten, &garbage, empty] {
        let answer = peer.restore(&backup.about, archive).await;
        if binary::is_reference() && answer.get("error").is_none() {
            // It notices most of them, not all: once in some thirty runs it takes one for an archive.
            peer.fine("STREAM.DELETE.S", &json!({})).await;
            continue;
        }
        assert_eq!(code(&answer), 10062, "{answer}");
        let info = peer.ask("STREAM.INFO.S", &json!({})).await;
        assert_eq!(code(&info), 10059, "{info}");
    }
    if !binary::is_reference() {
        for folder in ["restoring", "quarantine", "trash"] {
            assert_eq!(folders(&peer, folder), 0, "{folder}");
        }
    }
    let restored = peer.restore(&backup.about, &backup.archive).await;
    assert_eq!(restored.get("error"), None, "{restored}");
}

#[tokio::test]
async fn archives_of_old_servers_behave_as_the_page_beside_them_says() {
    let Some(data) = binary::reference_data() else {
        skip::left_out("archives of old servers", "../shared/reference is missing");
        return;
    };
    let folder = data.join("snapshots-v1");
    let read = |name: &str| {
        let folder = folder.join(name);
        let about = std::fs::read(folder.join("backup.json")).expect("backup.json");
        let about: Value = serde_json::from_slice(&about).expect("JSON");
        (
            about,
            std::fs::read(folder.join("stream.tar.s2")).expect("an archive"),
        )
    };
    let peer = Peer::start(None, "").await;
    let (about, archive) = read("restore_bad_stream");
    let answer = peer.restore(&about, &archive).await;
    assert_eq!(code(&answer), 10062, "{answer}");
    let said = answer["error"]["description"].as_str().unwrap_or_default();
    assert!(said.contains("unexpected content"), "{said}");
    let outside = peer.server.dir().parent().expect("a parent");
    for name in ["fail1.txt", "fail2.txt"] {
        assert!(!find(peer.server.dir(), name), "{name}");
        assert!(!outside.join(name).exists(), "{name}");
    }
    let (about, archive) = read("restore_empty_R3F_stream");
    assert_eq!(code(&peer.restore(&about, &archive).await), 10074);
    let (about, archive) = read("restore_empty_R1F_stream");
    let answer = peer.restore(&about, &archive).await;
    assert_eq!(answer["config"]["name"], "STREAM", "{answer}");
    assert_eq!(answer["created"], "2024-08-29T14:46:32.637391556Z");
}

/// A file of this name anywhere below a folder.
fn find(folder: &std::path::Path, name: &str) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        entry.file_name() == name || (path.is_dir() && find(&path, name))
    })
}

#[tokio::test]
async fn advisories_tell_when_backups_begin_and_end() {
    let peer = Peer::start(None, "").await;
    make(&peer, "file").await;
    let mut heard = peer.listen("$JS.EVENT.ADVISORY.STREAM.>").await;
    let backup = peer.backup("S", json!({})).await;
    // The end of a backup is told by the task that sent it, which may be later than its last piece is here.
    let mut messages = vec![next(&mut heard).await, next(&mut heard).await];
    peer.fine("STREAM.DELETE.S", &json!({})).await;
    peer.restore(&backup.about, &backup.archive).await;
    let expected = [
        ("SNAPSHOT_CREATE.S", "snapshot_create"),
        ("SNAPSHOT_COMPLETE.S", "snapshot_complete"),
        ("DELETED.S", "stream_action"),
        ("RESTORE_CREATE.S", "restore_create"),
        ("CREATED.S", "stream_action"),
        ("RESTORE_COMPLETE.S", "restore_complete"),
    ];
    while messages.len() < expected.len() {
        messages.push(next(&mut heard).await);
    }
    if binary::is_reference() {
        // It says them from several tasks, in any order.
        messages.sort_by_key(|message| {
            let is_it = |(subject, _): &(&str, &str)| message.subject.as_str().ends_with(subject);
            expected.iter().position(is_it)
        });
    }
    for ((subject, kind), message) in expected.into_iter().zip(messages) {
        assert_eq!(
            message.subject.as_str(),
            format!("$JS.EVENT.ADVISORY.STREAM.{subject}")
        );
        let event: Value = serde_json::from_slice(&message.payload).expect("JSON");
        assert_eq!(
            event["type"],
            format!("io.nats.jetstream.advisory.v1.{kind}")
        );
        assert_eq!(event["stream"], "S");
        match kind {
            "snapshot_create" => assert_eq!(event["state"], backup.about["state"]),
            "restore_complete" => assert_eq!(number(&event["bytes"]), backup.archive.len() as u64),
            "stream_action" => continue,
            _ => {}
        }
        assert_eq!(event["client"]["acc"], "$G", "{event}");
    }
}

#[tokio::test]
async fn a_restore_that_nobody_goes_on_with_is_given_up() {
    if binary::is_reference() {
        return;
    }
    let peer = Peer::start(None, "").await;
    let about = json!({"config": {"name": "T", "subjects": ["t"]}, "state": {}});
    let begun = peer.fine("STREAM.RESTORE.T", &about).await;
    let again = peer.ask("STREAM.RESTORE.T", &about).await;
    assert_eq!(code(&again), 10130, "one at a time: {again}");
    peer.server
        .wait_for_log("Restore failed after 0 bytes .* it is stalled");
    let to = begun["deliver_subject"].as_str().expect("a subject");
    let nobody = peer.client.request(to.to_owned(), "".into()).await;
    let nobody = nobody.expect_err("nobody listens there any more");
    assert_eq!(nobody.kind(), async_nats::RequestErrorKind::NoResponders);
    assert_eq!(folders(&peer, "restoring"), 0);
    peer.fine("STREAM.CREATE.T", &json!({"name": "T", "subjects": ["t"]}))
        .await;
}

/// What does not fit is refused by the name of the storage that is full, whether account or server has no room.
#[tokio::test]
async fn a_restore_above_a_limit_names_the_storage() {
    let from = Peer::start(None, "").await;
    let on_server =
        "jetstream { store_dir: '$DIR/data', max_memory_store: 64KB, max_file_store: 64KB }";
    let of_account = "jetstream { store_dir: '$DIR/data', max_memory_store: 1GB, max_file_store: 1GB }
        accounts { A { jetstream { max_memory: 64KB, max_store: 64KB }, users [ { user: a, password: a } ] } }
        no_auth_user: a";
    for (storage, wanted) in [("file", 10047), ("memory", 10028)] {
        let config = json!({"name": "S", "subjects": ["s"], "storage": storage});
        from.fine("STREAM.CREATE.S", &config).await;
        for _ in 0..40 {
            from.publish("s", &[], vec![b'x'; 4096]).await;
        }
        let backup = from.backup("S", json!({})).await;
        from.fine("STREAM.DELETE.S", &json!({})).await;
        for config in [on_server, of_account] {
            let to = Peer::launch(None, config).await;
            let answer = to.restore(&backup.about, &backup.archive).await;
            assert_eq!(code(&answer), wanted, "{storage} {config}: {answer}");
            let gone = to.ask("STREAM.INFO.S", &json!({})).await;
            assert_eq!(code(&gone), 10059, "{gone}");
        }
    }
}
