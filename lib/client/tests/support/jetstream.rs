//! A server with JetStream for tests: the one choice of which binary that is.
//!
//! It is the server that `NATS_SERVER_BIN` names, if that one has JetStream (its INFO says so). Until ours has, suites run
//! against the reference server that `NATS_REFERENCE_BIN` names; one line says so.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nats_client::jetstream::kv::{Update, Watcher};
use nats_client::jetstream::{
    AckPolicy, ConsumerConfig, JetStream, JetStreamError, JetStreamMessage, PublisherOptions,
    PullConsumer, StreamConfig,
};
use nats_client::{Client, Options};

use super::real::{RealServer, binary, say};

/// A server with an empty store, and a client of it.
pub struct JetStreamServer {
    pub server: RealServer,
    pub client: Client,
    pub js: JetStream,
}

impl JetStreamServer {
    /// `None`, with a line that says so, when there is no server with JetStream.
    pub async fn start() -> Option<Self> {
        Self::start_with("").await
    }

    /// With this configuration text besides the store.
    pub async fn start_with(config: &str) -> Option<Self> {
        let server = RealServer::start_binary(&jetstream_binary().await?, config, true)?;
        let client = Options::new().connect(server.url()).await.expect("connect");
        let js = client.jetstream().trace(Arc::new(fits_its_schema));
        Some(Self { server, client, js })
    }
}

impl JetStreamServer {
    /// With a monitoring port, and a client that is back soon after the server is.
    pub async fn start_for_interruptions() -> Option<Self> {
        let config = "http: '127.0.0.1:-1'";
        let server = RealServer::start_binary(&jetstream_binary().await?, config, true)?;
        let client = Options::new()
            .reconnect_wait(Duration::from_millis(20))
            .reconnect_jitter(Duration::ZERO, Duration::ZERO)
            .max_reconnects(None)
            .drain_timeout(Duration::from_secs(5))
            .connect(server.url())
            .await
            .expect("connect");
        let js = client.jetstream().trace(Arc::new(fits_its_schema));
        Some(Self { server, client, js })
    }

    /// How many subscriptions the server knows of this client.
    pub fn subscriptions(&self) -> u64 {
        let id = self.client.server_info().client_id;
        let page = self.server.page(&format!("/connz?subs=1&cid={id}"));
        page["connections"][0]["subscriptions"]
            .as_u64()
            .expect("a number")
    }
}

/// Every request that a suite sends through `js` is what the published schemas say (`nats-api` holds the tables against them).
fn fits_its_schema(subject: &str, body: &[u8], _: Option<&[u8]>) {
    let Some(schema) = nats_api::schema::of_request(subject).filter(|_| !body.is_empty()) else {
        return;
    };
    let document = serde_json::from_slice(body).expect("a body is JSON");
    let problems = schema.check(&document);
    assert!(problems.is_empty(), "{subject} {document}: {problems:?}");
}

async fn jetstream_binary() -> Option<PathBuf> {
    static CHOSEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(chosen) = CHOSEN.get() {
        return chosen.clone();
    }
    let chosen = choose().await;
    CHOSEN.get_or_init(|| chosen).clone()
}

async fn choose() -> Option<PathBuf> {
    let named = binary()?;
    if has_jetstream(&named).await {
        return Some(named);
    }
    match std::env::var_os("NATS_REFERENCE_BIN") {
        Some(reference) => {
            say(
                "NOT FOR THIS SERVER: it has no JetStream yet; the suite runs against NATS_REFERENCE_BIN",
            );
            Some(reference.into())
        }
        None => {
            assert!(
                std::env::var_os("NATS_REQUIRE_ALL").is_none_or(|v| v != "1"),
                "NATS_REQUIRE_ALL=1 and no server with JetStream"
            );
            say(
                "SKIPPED: tests with JetStream (NATS_SERVER_BIN has none, NATS_REFERENCE_BIN is not set)",
            );
            None
        }
    }
}

async fn has_jetstream(binary: &std::path::Path) -> bool {
    let Some(server) = RealServer::start_binary(binary, "", true) else {
        return false;
    };
    let client = Options::new().connect(server.url()).await.expect("connect");
    client.server_info().jetstream
}

/// Whether the server refuses because it does not have a feature yet, and says so. One line tells that the rest of the test
/// is not for this server.
pub fn is_not_built_yet(error: &JetStreamError) -> bool {
    let text = error.to_string();
    let missing = text.contains("this build does not have");
    if missing {
        say(&format!("NOT FOR THIS SERVER: {text}"));
    }
    missing
}

/// A stream in files, of the subjects below its name in small letters.
pub async fn stream(js: &JetStream, name: &str) {
    let config = StreamConfig {
        name: name.into(),
        subjects: vec![format!("{}.>", name.to_lowercase())],
        ..StreamConfig::default()
    };
    js.create_stream(&config).await.unwrap();
}

/// Stores the numbers `from..to` on `subject`.
pub async fn fill(js: &JetStream, subject: &str, from: u64, to: u64) {
    let publisher = js.publisher(PublisherOptions::default()).await.unwrap();
    for i in from..to {
        let _ack = publisher.publish(subject, i.to_string()).await.unwrap();
    }
    let done = publisher.finish().await.unwrap();
    assert_eq!((done.acknowledged, done.failed), (to - from, 0));
}

/// A durable pull consumer `C` of the stream `S`.
pub async fn pull(js: &JetStream, config: ConsumerConfig) -> PullConsumer {
    let config = ConsumerConfig {
        durable_name: "C".into(),
        ack_policy: AckPolicy::Explicit,
        ..config
    };
    js.create_pull_consumer("S", &config).await.unwrap()
}

/// What [`fill`] stored in the message.
pub fn number(message: &JetStreamMessage) -> u64 {
    message.text().parse().unwrap()
}

/// The next entry that a watcher sees: its key and its value.
pub async fn entry(watcher: &mut Watcher) -> (String, String) {
    loop {
        match super::soon("an entry", watcher.next())
            .await
            .unwrap()
            .unwrap()
        {
            Update::Entry(entry) => {
                let text = String::from_utf8(entry.value.to_vec()).unwrap();
                return (entry.key, text);
            }
            Update::CaughtUp => {}
        }
    }
}
