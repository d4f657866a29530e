//! A disk that fails under a running server (J17 on the real program): writes, syncs, reads and renames of one stream's files, and syncs of the log.
//! Whoever is refused hears why, others go on, what was acknowledged is there after a kill, and the stream comes back without a restart.
//! The calls fail in a small library before the C library (`shims/failing_disk.c`), which the test builds. The layout of the files is ours, so the
//! reference is left out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nats_interop::server::{wait_longer, wait_until};
use nats_interop::{Launch, Link, Server, binary, http, skip};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// EIO.
const BROKEN: i32 = 5;
/// Streams that failed are tried again less and less often; a minute at the most.
const COMES_BACK: Duration = Duration::from_secs(90);
/// More of these than the log keeps make the server move them into the streams' own files.
const LARGE: usize = 1 << 20;
const MANY: usize = 140;

/// One at a time: each writes a few hundred megabytes.
static TURN: Mutex<()> = Mutex::new(());

/// A server on a disk that fails when it is told to.
struct Failing {
    dir: TempDir,
    server: Server,
    _turn: MutexGuard<'static, ()>,
}

impl Failing {
    /// `None` with the reference, and where no C compiler is.
    fn start() -> Option<Self> {
        if binary::is_reference() {
            return None;
        }
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = TempDir::with_prefix("nats-shim-").expect("a temporary folder");
        let library = dir.path().join("failing_disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shims/failing_disk.c");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(&library)
            .arg(source)
            .arg("-ldl")
            .status();
        match built {
            Ok(status) => assert!(status.success(), "the shim is C"),
            Err(_) => {
                skip::left_out("a failing disk", "there is no C compiler `cc`");
                return None;
            }
        }
        let file = |name: &str| dir.path().join(name).display().to_string();
        let server = Launch::new("jetstream { store_dir: '$DIR/data' }\nhttp: '127.0.0.1:-1'")
            .patience(COMES_BACK)
            .env("LD_PRELOAD", &library.display().to_string())
            .env("DISK_RULES", &file("rules"))
            .env("DISK_HITS", &file("hits"))
            .allow_log("JetStream|Healthcheck failed")
            .start();
        let failing = Self {
            dir,
            server,
            _turn: turn,
        };
        let mut link = failing.link();
        for (name, subject) in [("BAD", "bad"), ("WELL", "well")] {
            link.create_stream(&json!({"name": name, "subjects": [subject], "allow_direct": true}));
        }
        Some(failing)
    }

    fn link(&self) -> Link {
        Link::open(self.server.addr()).expect("a connection")
    }

    /// These calls on files whose path holds this fail from now on.
    fn fail(&self, call: &str, part: &str) {
        self.rule(&format!("{call} {BROKEN} {part}\n"));
    }

    fn mend(&self) {
        self.rule("");
    }

    fn rule(&self, rules: &str) {
        let (new, file) = (self.path("rules.new"), self.path("rules"));
        std::fs::write(&new, rules).expect("the rules");
        std::fs::rename(new, file).expect("the rules");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How many calls failed whose line holds this.
    fn hits(&self, part: &str) -> usize {
        let hits = std::fs::read_to_string(self.path("hits")).unwrap_or_default();
        hits.lines().filter(|line| line.contains(part)).count()
    }

    /// `kill -9`, and a start on a disk that works.
    fn crash(&mut self) {
        self.server.kill();
        self.mend();
        self.server.restart();
    }
}

fn say(number: u64) -> Vec<u8> {
    format!("message {number}.").into_bytes()
}

/// The same, and so much behind it that it does not lie in one chunk with the next.
fn say_much(number: u64) -> Vec<u8> {
    let mut bytes = say(number);
    bytes.resize(100_000, b'.');
    bytes
}

/// Publishes `message N` as message N until one is refused. What was acknowledged, and the refusal.
fn publish_until_refused(link: &mut Link, subject: &str, acknowledged: &mut u64) -> String {
    let mut refusal = String::new();
    wait_longer(COMES_BACK, "a refusal", || {
        let answer = link.ask(subject, &say(*acknowledged + 1));
        let ack = answer.expect("an answer").json();
        match ack["error"]["description"].as_str() {
            Some(why) => why.clone_into(&mut refusal),
            None => *acknowledged = ack["seq"].as_u64().expect("a sequence"),
        }
        !refusal.is_empty()
    });
    refusal
}

/// All these messages are there, and are what was published. More may be: what was refused after it was decided.
fn are_there(link: &mut Link, stream: &str, acknowledged: u64) {
    let info = link.done(&format!("STREAM.INFO.{stream}"), &Value::Null);
    assert!(
        info["state"]["last_seq"].as_u64() >= Some(acknowledged),
        "{info}"
    );
    assert_eq!(
        info["config"]["metadata"].get("_nats.fault"),
        None,
        "{info}"
    );
    are_readable(link, stream, acknowledged);
}

fn are_readable(link: &mut Link, stream: &str, acknowledged: u64) {
    for number in 1..=acknowledged {
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let request = json!({"seq": number}).to_string();
        let got = link.ask(&subject, request.as_bytes()).expect("an answer");
        assert!(
            got.body.starts_with(&say(number)),
            "message {number}: {:?}",
            got.headers
        );
    }
}

/// Files of one stream fail when the log wants to be let go: that stream freezes and says why, the other goes on, and the log has everything.
fn a_checkpoint_fails(call: &str) {
    let Some(mut failing) = Failing::start() else {
        return;
    };
    let mut link = failing.link();
    for number in 1..=20 {
        assert_eq!(link.store("bad", &say(number)), number);
    }
    let mut acknowledged = 20;
    failing.fail(call, "/BAD.");
    let large = vec![7; LARGE];
    let refusal = {
        let mut refusal = String::new();
        wait_longer(COMES_BACK, "a stream that is frozen", || {
            link.store_many((0..MANY).map(|_| ("well".to_owned(), &large[..])));
            let answer = link.ask("bad", &say(acknowledged + 1)).expect("an answer");
            let ack = answer.json();
            match ack["error"]["description"].as_str() {
                Some(why) => why.clone_into(&mut refusal),
                None => acknowledged = ack["seq"].as_u64().expect("a sequence"),
            }
            !refusal.is_empty()
        });
        refusal
    };
    assert!(failing.hits("/BAD.") > 0, "the disk failed");
    assert!(refusal.contains("Input/output error"), "{refusal}");
    let mut info = Value::Null;
    wait_until("the fault is shown", || {
        info = link.done("STREAM.INFO.BAD", &Value::Null);
        info["config"]["metadata"].get("_nats.fault").is_some()
    });
    let health = http::fetch(failing.server.monitor_addr(), "/healthz");
    assert_eq!(health.status, 503);
    // What it has is read, and the other stream knows nothing of it.
    let got = link.ask("$JS.API.DIRECT.GET.BAD", br#"{"seq":7}"#);
    assert_eq!(got.expect("an answer").body, say(7));
    let other = link.store("well", b"more");
    failing.mend();
    wait_longer(COMES_BACK, "a stream that takes messages again", || {
        let answer = link.ask("bad", &say(acknowledged + 1)).expect("an answer");
        match answer.json()["seq"].as_u64() {
            Some(sequence) if sequence > 0 => {
                acknowledged = sequence;
                true
            }
            _ => false,
        }
    });
    are_there(&mut link, "BAD", acknowledged);
    failing.crash();
    let mut link = failing.link();
    are_there(&mut link, "BAD", acknowledged);
    let info = link.done("STREAM.INFO.WELL", &Value::Null);
    assert_eq!(info["state"]["last_seq"], other, "{info}");
}

#[test]
fn j17_writes_of_a_stream_s_files_fail() {
    a_checkpoint_fails("write");
}

#[test]
fn j17_syncs_of_a_stream_s_files_fail() {
    a_checkpoint_fails("sync");
}

#[test]
fn j17_syncs_of_the_log_fail_for_everybody_and_lose_nothing() {
    let Some(mut failing) = Failing::start() else {
        return;
    };
    let mut link = failing.link();
    let mut acknowledged = [0, 0];
    let subjects = ["bad", "well"];
    for (subject, acknowledged) in subjects.iter().zip(&mut acknowledged) {
        for number in 1..=20 {
            *acknowledged = link.store(subject, &say(number));
        }
    }
    failing.fail("sync", "/log/");
    for (subject, acknowledged) in subjects.iter().zip(&mut acknowledged) {
        let refusal = publish_until_refused(&mut link, subject, acknowledged);
        assert!(refusal.contains("Input/output error"), "{refusal}");
    }
    assert!(failing.hits("/log/") > 0, "the disk failed");
    let got = link.ask("$JS.API.DIRECT.GET.BAD", br#"{"seq":7}"#);
    assert_eq!(got.expect("an answer").body, say(7));
    failing.mend();
    for (subject, acknowledged) in subjects.iter().zip(&mut acknowledged) {
        let before = *acknowledged;
        wait_longer(COMES_BACK, "a log that is written again", || {
            let stream = subject.to_uppercase();
            let info = link.done(&format!("STREAM.INFO.{stream}"), &Value::Null);
            // One that was refused after it was numbered is stored by now.
            let last = info["state"]["last_seq"].as_u64().expect("a number");
            let ack = link.ask(subject, &say(last + 1)).expect("an answer").json();
            *acknowledged = ack["seq"].as_u64().unwrap_or_default().max(before);
            ack["error"].is_null()
        });
    }
    failing.crash();
    let mut link = failing.link();
    for (stream, acknowledged) in ["BAD", "WELL"].iter().zip(acknowledged) {
        are_there(&mut link, stream, acknowledged);
    }
}

#[test]
fn j17_blocks_that_cannot_be_read_are_told_from_messages_that_are_not_there() {
    let Some(mut failing) = Failing::start() else {
        return;
    };
    let mut link = failing.link();
    for number in 1..=20 {
        for subject in ["bad", "well"] {
            assert_eq!(link.store(subject, &say_much(number)), number);
        }
    }
    // After a good end and a start everything is in the streams' own files, and none of it in memory.
    failing.server.signal(Signal::TERM);
    failing.server.wait_for_exit();
    failing.server.restart();
    let mut link = failing.link();
    failing.fail("read", "/BAD.");
    let got = link.api("STREAM.MSG.GET.BAD", &json!({"seq": 3}));
    let got = got.expect("an answer");
    assert_eq!(got["error"]["err_code"], 10077, "{got}");
    let text = got["error"]["description"].as_str().expect("a text");
    assert!(text.contains("Input/output error"), "{text}");
    let got = link.ask("$JS.API.DIRECT.GET.BAD", br#"{"seq":3}"#);
    let got = got.expect("an answer");
    assert!(got.headers.starts_with("NATS/1.0 500 "), "{}", got.headers);
    assert!(failing.hits("/BAD.") > 0, "the disk failed");
    let consumer = json!({"stream_name": "BAD", "config": {"name": "c", "durable_name": "c", "ack_policy": "explicit",
        "deliver_policy": "by_start_sequence", "opt_start_seq": 3}});
    link.done("CONSUMER.CREATE.BAD.c", &consumer);
    let inbox = link.inbox("pull");
    let pull = br#"{"batch":1,"expires":1000000000}"#;
    link.publish("$JS.API.CONSUMER.MSG.NEXT.BAD.c", &inbox, pull)
        .expect("a connection");
    let ended = link.receive().expect("a connection");
    assert!(
        ended.headers.starts_with("NATS/1.0 408 "),
        "{}",
        ended.headers
    );
    // It is told as the stream's fault, and the stream takes messages all the same.
    wait_longer(COMES_BACK, "the fault is told", || {
        failing.server.log().contains("[ERR] JetStream stream")
    });
    assert_eq!(link.store("bad", &say(21)), 21);
    are_there(&mut link, "WELL", 20);
    failing.mend();
    // The fault is shown for a while after it is over.
    are_readable(&mut link, "BAD", 21);
    failing.crash();
    let mut link = failing.link();
    are_there(&mut link, "BAD", 21);
    are_there(&mut link, "WELL", 20);
}

#[test]
fn j17_documents_that_cannot_be_renamed_are_in_the_log_until_they_can() {
    let Some(mut failing) = Failing::start() else {
        return;
    };
    let mut link = failing.link();
    for number in 1..=20 {
        assert_eq!(link.store("bad", &say(number)), number);
    }
    failing.fail("rename", "/assets/");
    let config =
        json!({"name": "BAD", "subjects": ["bad"], "allow_direct": true, "description": "changed"});
    link.done("STREAM.UPDATE.BAD", &config);
    link.create_stream(&json!({"name": "NEW", "subjects": ["new"], "allow_direct": true}));
    assert_eq!(link.store("new", &say(1)), 1);
    assert_eq!(link.store("bad", &say(21)), 21);
    // The documents are in the log, which wants to be let go.
    let large = vec![7; LARGE];
    wait_longer(COMES_BACK, "a document to be renamed", || {
        link.store_many((0..MANY).map(|_| ("well".to_owned(), &large[..])));
        failing.hits("rename") > 0
    });
    for _ in 0..2 {
        // The second start is one on a disk that still fails: what is there is read.
        failing.server.kill();
        failing.server.restart();
        let mut link = failing.link();
        let info = link.done("STREAM.INFO.BAD", &Value::Null);
        assert_eq!(info["config"]["description"], "changed", "{info}");
        are_there(&mut link, "BAD", 21);
        are_there(&mut link, "NEW", 1);
    }
    failing.crash();
    let mut link = failing.link();
    let info = link.done("STREAM.INFO.BAD", &Value::Null);
    assert_eq!(info["config"]["description"], "changed", "{info}");
    are_there(&mut link, "BAD", 21);
    are_there(&mut link, "NEW", 1);
    let health = http::fetch(failing.server.monitor_addr(), "/healthz");
    assert_eq!(health.status, 200);
}
