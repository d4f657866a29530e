//! A disk runs full under a server (J17 on the real program): it says so, loses nothing, makes room when asked to, and goes on without a restart.
//!
//! The disk is a small file system in memory, in a mount namespace of its own; where the system gives none to this user the test is left out.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use futures_util::StreamExt;
use nats_interop::{Launch, Server, binary, skip};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const DISK: &str = "size=160m";
/// Longer than the upkeep takes to give old log back.
const STAYS_FULL: Duration = Duration::from_secs(5);

/// A small disk, and a way to run programs that see it. Gone when it is dropped.
struct SmallDisk {
    holder: Child,
    dir: TempDir,
}

impl SmallDisk {
    /// `None` where users may not make namespaces.
    fn mount() -> Option<Self> {
        let dir = TempDir::with_prefix("nats-disk-").expect("a temporary folder");
        std::fs::create_dir(dir.path().join("disk")).expect("a folder");
        // It ends when its standard input does.
        let script = "mount -t tmpfs -o \"$1\" none \"$2\" && echo mounted && exec cat";
        let mut holder = Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
                "sh",
                DISK,
            ])
            .arg(dir.path().join("disk"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let output = holder.stdout.take().expect("a pipe");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let disk = Self { holder, dir };
        (line.trim() == "mounted").then_some(disk)
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("disk")
    }

    fn enter(&self) -> String {
        let holder = self.holder.id();
        format!("nsenter --preserve-credentials --user --mount --target {holder}")
    }

    /// A program that runs the server where the disk is.
    fn server(&self) -> PathBuf {
        let path = self.dir.path().join("server");
        let binary = binary::under_test().display();
        let script = format!("#!/bin/sh\nexec {} {binary} \"$@\"\n", self.enter());
        std::fs::write(&path, script).expect("a file");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("a mode");
        path
    }

    fn has(&self, file: &Path) -> bool {
        let command = format!("{} test -e {}", self.enter(), file.display());
        let mut words = command.split(' ');
        let done = Command::new(words.next().expect("a word"))
            .args(words)
            .status();
        done.expect("a program").success()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

async fn connect(server: &Server) -> Client {
    async_nats::connect(server.url())
        .await
        .expect("a connection")
}

async fn ask(client: &Client, subject: &str, body: Vec<u8>) -> Value {
    let request = async_nats::Request::new()
        .payload(body.into())
        .timeout(Some(PATIENCE));
    let answer = client.send_request(subject.to_owned(), request).await;
    serde_json::from_slice(&answer.expect("an answer").payload).expect("JSON")
}

async fn api(client: &Client, subject: &str, body: Value) -> Value {
    ask(
        client,
        &format!("$JS.API.{subject}"),
        body.to_string().into(),
    )
    .await
}

/// Message `number` of a stream.
fn payload(number: u64) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(number % 251).expect("small"); 512 << 10];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

async fn wait_for<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what} in time");
        // Another process makes it hold; nothing tells when.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Publishes until nothing fits any more: how many messages are acknowledged, and the refusal. What the log holds twice is given back first.
async fn fill(client: &Client) -> (u64, Value) {
    let mut stored = 0;
    let mut since = None;
    loop {
        // One that was refused after it was numbered is stored when there is room again.
        let info = api(client, "STREAM.INFO.BULK", json!({})).await;
        let last = info["state"]["last_seq"].as_u64().expect("a number");
        let answer = ask(client, "BULK", payload(last + 1)).await;
        if answer.get("error").is_none() {
            assert_eq!(answer["seq"], last + 1, "{answer}");
            (stored, since) = (last + 1, None);
            assert!(stored < 400, "the disk is not full yet");
            continue;
        }
        let since = since.get_or_insert_with(Instant::now);
        if since.elapsed() > STAYS_FULL {
            return (stored, answer);
        }
        // The upkeep makes room, or finds that there is none; nothing tells when.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the next advisory says is wrong.
async fn next_fault(heard: &mut Subscriber) -> String {
    let event = tokio::time::timeout(PATIENCE, heard.next()).await;
    let event = event.expect("in time").expect("an advisory");
    let event: Value = serde_json::from_slice(&event.payload).expect("JSON");
    assert_eq!(event["type"], "io.nats.jetstream.advisory.v1.stream_fault");
    event["fault"].as_str().expect("a text").to_owned()
}

/// Every way of reading goes on while nothing can be written.
async fn what_is_durable_is_read(client: &Client, stored: u64) {
    let request = |subject: &str, body: Value| {
        let request = async_nats::Request::new()
            .payload(body.to_string().into())
            .timeout(Some(PATIENCE));
        client.send_request(subject.to_owned(), request)
    };
    for sequence in [1, stored / 2] {
        let got = api(client, "STREAM.MSG.GET.BULK", json!({"seq": sequence})).await;
        assert_eq!(got.get("error"), None, "{got}");
        assert_eq!(got["message"]["seq"], sequence);
        let got = request("$JS.API.DIRECT.GET.BULK", json!({"seq": sequence})).await;
        assert_eq!(got.expect("an answer").payload, payload(sequence));
    }
    // A delivery shows the subject of its message: no request of this client would know its answer by that.
    let inbox = client.new_inbox();
    let mut heard = client.subscribe(inbox.clone()).await.expect("an inbox");
    for sequence in 1..=3 {
        let next = "$JS.API.CONSUMER.MSG.NEXT.BULK.reader";
        let asked = client.publish_with_reply(next, inbox.clone(), "".into());
        asked.await.expect("a connection");
        let got = tokio::time::timeout(PATIENCE, heard.next()).await;
        let got = got.expect("in time").expect("a message");
        assert_eq!(got.payload, payload(sequence), "message {sequence}");
    }
    let info = api(client, "CONSUMER.INFO.BULK.reader", json!({})).await;
    assert_eq!(info["delivered"]["stream_seq"], 3, "{info}");
}

#[tokio::test]
async fn j17_a_full_disk_is_told_and_a_purge_makes_room_without_a_restart() {
    if binary::is_reference() {
        return;
    }
    let Some(disk) = SmallDisk::mount() else {
        skip::left_out("a full disk", "this user may not mount a file system");
        return;
    };
    let store = disk.path().join("data");
    let config = format!(
        "http: 127.0.0.1:-1\njetstream {{ store_dir: '{}', max_file: 10G }}",
        store.display()
    );
    let mut server = Launch::new(&config)
        .binary(&disk.server())
        .allow_log("JetStream")
        .start();
    let client = connect(&server).await;
    for name in ["BULK", "SMALL"] {
        let config = json!({"name": name, "subjects": [name], "allow_direct": true});
        let made = api(&client, &format!("STREAM.CREATE.{name}"), config).await;
        assert_eq!(made.get("error"), None, "{made}");
    }
    let reader = json!({"stream_name": "BULK", "config": {"durable_name": "reader", "ack_policy": "explicit"}});
    let made = api(&client, "CONSUMER.DURABLE.CREATE.BULK.reader", reader).await;
    assert_eq!(made.get("error"), None, "{made}");
    let mut heard = client
        .subscribe("$JS.EVENT.ADVISORY.STREAM.FAULT.BULK")
        .await
        .expect("a subscription");
    let first = ask(&client, "SMALL", b"first".to_vec()).await;
    assert_eq!(first["seq"], 1, "{first}");
    let reserve = store.join("jetstream/log/reserve");
    wait_for("the reserve", || async { disk.has(&reserve) }).await;

    let (stored, refused) = fill(&client).await;
    let said = refused["error"]["description"].as_str().unwrap_or_default();
    assert!(said.contains("no space left"), "{refused}");
    assert!(stored > 40, "{stored} stored");
    let health = server.page("/healthz");
    assert_eq!(health["status"], "unavailable", "{health}");
    let info = api(&client, "STREAM.INFO.BULK", json!({})).await;
    let shown = info["config"]["metadata"]["_nats.fault"].as_str();
    assert!(shown.is_some_and(|f| f.contains("no space left")), "{info}");

    let told = next_fault(&mut heard).await;
    assert!(told.contains("no space left"), "{told}");
    what_is_durable_is_read(&client, stored).await;

    let purged = api(&client, "STREAM.PURGE.BULK", json!({})).await;
    assert_eq!(purged["success"], true, "{purged}");
    wait_for("room", || async {
        ask(&client, "SMALL", b"second".to_vec())
            .await
            .get("error")
            .is_none()
    })
    .await;
    wait_for("health", || async {
        server.page("/healthz")["status"] == "ok"
    })
    .await;
    while !next_fault(&mut heard).await.is_empty() {}

    let info = api(&client, "STREAM.INFO.BULK", json!({})).await;
    let last = info["state"]["last_seq"].as_u64().expect("a number");
    let next = ask(&client, "BULK", payload(last + 1)).await;
    assert_eq!(next["seq"], last + 1, "{next}");
    server.kill();
    server.restart();
    let client = connect(&server).await;
    let info = api(&client, "STREAM.INFO.BULK", json!({})).await;
    let state = &info["state"];
    assert_eq!(
        (&state["messages"], &state["last_seq"]),
        (&json!(1), &json!(last + 1))
    );
    assert_eq!(info["config"]["metadata"].get("_nats.fault"), None);
    let info = api(&client, "STREAM.INFO.SMALL", json!({})).await;
    assert!(info["state"]["messages"].as_u64() >= Some(2), "{info}");
}

/// Takes a message off the queue and acknowledges it until the server says that this is recorded: that may be when there is room again.
async fn work_off(client: &Client) -> u64 {
    let inbox = client.new_inbox();
    let mut heard = client.subscribe(inbox.clone()).await.expect("an inbox");
    let next = "$JS.API.CONSUMER.MSG.NEXT.BULK.worker";
    let asked = client.publish_with_reply(next, inbox, "".into());
    asked.await.expect("a connection");
    let message = tokio::time::timeout(PATIENCE, heard.next()).await;
    let message = message.expect("in time").expect("a message");
    let to = message.reply.clone().expect("where to acknowledge");
    wait_for("an answer", || async {
        let request = async_nats::Request::new()
            .payload("+ACK".into())
            .timeout(Some(Duration::from_secs(1)));
        client.send_request(to.clone(), request).await.is_ok()
    })
    .await;
    let number = message.payload[..8].try_into().expect("a number");
    u64::from_be_bytes(number)
}

#[tokio::test]
async fn j17_a_work_queue_on_a_full_disk_is_worked_off_and_so_makes_room() {
    if binary::is_reference() {
        return;
    }
    let Some(disk) = SmallDisk::mount() else {
        skip::left_out("a full disk", "this user may not mount a file system");
        return;
    };
    let store = disk.path().join("data");
    let config = format!(
        "jetstream {{ store_dir: '{}', max_file: 10G }}",
        store.display()
    );
    let mut server = Launch::new(&config)
        .binary(&disk.server())
        .allow_log("JetStream")
        .start();
    let client = connect(&server).await;
    let config = json!({"name": "BULK", "subjects": ["BULK"], "retention": "workqueue"});
    let made = api(&client, "STREAM.CREATE.BULK", config).await;
    assert_eq!(made.get("error"), None, "{made}");
    let worker = json!({"stream_name": "BULK", "config": {"durable_name": "worker", "ack_policy": "explicit"}});
    let made = api(&client, "CONSUMER.DURABLE.CREATE.BULK.worker", worker).await;
    assert_eq!(made.get("error"), None, "{made}");
    let reserve = store.join("jetstream/log/reserve");
    wait_for("the reserve", || async { disk.has(&reserve) }).await;
    let (stored, _) = fill(&client).await;
    for number in 1..=stored / 2 {
        assert_eq!(work_off(&client).await, number);
    }
    wait_for("room", || async {
        let answer = ask(&client, "BULK", payload(0)).await;
        answer.get("error").is_none()
    })
    .await;
    let before = api(&client, "STREAM.INFO.BULK", json!({})).await;
    server.kill();
    server.restart();
    let client = connect(&server).await;
    let info = api(&client, "STREAM.INFO.BULK", json!({})).await;
    assert_eq!(info["state"], before["state"]);
    assert_eq!(info["state"]["first_seq"], stored / 2 + 1);
    assert_eq!(work_off(&client).await, stored / 2 + 1);
}
