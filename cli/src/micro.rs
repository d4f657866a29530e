//! A small service in the sense of ADR-32: what `service serve` and `bench service serve` need to be found and measured.
//!
//! [`Service::start`] answers PING, INFO and STATS; the endpoints' requests are read by the command that owns them, which
//! notes each one with [`Service::record`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nats_api::micro::{self, EndpointInfo, EndpointStats, Info, Ping, Stats};
use nats_api::time::{Nanos, Timestamp};
use nats_client::{Client, Message, Subscription};
use serde_json::Value;

use crate::error::Result;
use crate::template::random_text;

/// Something that a service answers on.
#[derive(Debug)]
pub struct Endpoint {
    name: String,
    subject: String,
    requests: AtomicU64,
    processing_ns: AtomicU64,
    payload_bytes: AtomicU64,
    /// Whether the statistics show the bytes, as the reference's demo service does.
    shows_bytes: bool,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    name: String,
    id: String,
    version: String,
    description: String,
    started: Timestamp,
    endpoints: Vec<Endpoint>,
}

impl Endpoint {
    pub fn new(name: &str, subject: &str) -> Self {
        Self {
            name: name.to_owned(),
            subject: subject.to_owned(),
            requests: AtomicU64::new(0),
            processing_ns: AtomicU64::new(0),
            payload_bytes: AtomicU64::new(0),
            shows_bytes: false,
        }
    }

    /// Adds the sum of the requests' payloads to the statistics.
    pub fn showing_bytes(mut self) -> Self {
        self.shows_bytes = true;
        self
    }

    fn stats(&self) -> EndpointStats {
        let requests = self.requests.load(Ordering::Relaxed);
        let processing = self.processing_ns.load(Ordering::Relaxed);
        let nanos = |value| Nanos(i64::try_from(value).unwrap_or(i64::MAX));
        EndpointStats {
            name: self.name.clone(),
            subject: self.subject.clone(),
            queue_group: micro::DEFAULT_QUEUE_GROUP.to_owned(),
            num_requests: requests,
            num_errors: 0,
            last_error: String::new(),
            processing_time: nanos(processing),
            average_processing_time: nanos(processing.checked_div(requests).unwrap_or(0)),
            data: self.shows_bytes.then(|| {
                let bytes = self.payload_bytes.load(Ordering::Relaxed);
                serde_json::json!({"total_payload": bytes})
            }),
        }
    }
}

impl Service {
    /// Makes the service known. It answers discovery as long as `client` lives.
    pub async fn start(
        client: &Client,
        name: &str,
        version: &str,
        description: &str,
        endpoints: Vec<Endpoint>,
    ) -> Result<Arc<Self>> {
        let service = Arc::new(Self {
            name: name.to_owned(),
            id: random_text(22),
            version: version.to_owned(),
            description: description.to_owned(),
            started: Timestamp::from_unix_nanos(jiff::Timestamp::now().as_nanosecond()),
            endpoints,
        });
        for verb in [Verb::Ping, Verb::Info, Verb::Stats] {
            let (name, id) = (Some(service.name.as_str()), Some(service.id.as_str()));
            for (name, id) in [(None, None), (name, None), (name, id)] {
                let requests = client
                    .subscribe(&micro::subject(verb.text(), name, id))
                    .await?;
                tokio::spawn(discovery(
                    client.clone(),
                    Arc::clone(&service),
                    verb,
                    requests,
                ));
            }
        }
        Ok(service)
    }

    /// Subscribes to the requests of an endpoint.
    pub async fn subscribe(&self, client: &Client, endpoint: usize) -> Result<Subscription> {
        let subject = self
            .endpoints
            .get(endpoint)
            .map_or("", |endpoint| &endpoint.subject);
        Ok(client
            .queue_subscribe(subject, micro::DEFAULT_QUEUE_GROUP)
            .await?)
    }

    /// Notes that a request was answered.
    pub fn record(&self, endpoint: usize, took: Duration) {
        if let Some(endpoint) = self.endpoints.get(endpoint) {
            let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            endpoint.requests.fetch_add(1, Ordering::Relaxed);
            endpoint.processing_ns.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// Notes the size of a request.
    pub fn record_bytes(&self, endpoint: usize, bytes: usize) {
        if let Some(endpoint) = self.endpoints.get(endpoint) {
            endpoint
                .payload_bytes
                .fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Requests answered so far.
    pub fn requests(&self) -> u64 {
        self.endpoints
            .iter()
            .map(|endpoint| endpoint.requests.load(Ordering::Relaxed))
            .sum()
    }

    fn metadata() -> BTreeMap<String, String> {
        let library = (
            "_nats.client.created.library".to_owned(),
            "nats-cli-rs".to_owned(),
        );
        let version = (
            "_nats.client.created.version".to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        );
        BTreeMap::from([library, version])
    }

    fn answer(&self, verb: Verb) -> serde_json::Result<Vec<u8>> {
        let (name, id, version) = (self.name.clone(), self.id.clone(), self.version.clone());
        let metadata = Self::metadata();
        let document: Value = match verb {
            Verb::Ping => serde_json::to_value(Ping {
                name,
                id,
                version,
                metadata,
                response_type: micro::PING_TYPE.to_owned(),
            })?,
            Verb::Info => serde_json::to_value(Info {
                name,
                id,
                version,
                metadata,
                response_type: micro::INFO_TYPE.to_owned(),
                description: self.description.clone(),
                endpoints: self.endpoints.iter().map(info_of).collect(),
            })?,
            Verb::Stats => serde_json::to_value(Stats {
                name,
                id,
                version,
                metadata,
                response_type: micro::STATS_TYPE.to_owned(),
                started: self.started,
                endpoints: self.endpoints.iter().map(Endpoint::stats).collect(),
            })?,
        };
        serde_json::to_vec(&document)
    }
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Ping,
    Info,
    Stats,
}

impl Verb {
    fn text(self) -> &'static str {
        match self {
            Self::Ping => "PING",
            Self::Info => "INFO",
            Self::Stats => "STATS",
        }
    }
}

fn info_of(endpoint: &Endpoint) -> EndpointInfo {
    EndpointInfo {
        name: endpoint.name.clone(),
        subject: endpoint.subject.clone(),
        queue_group: micro::DEFAULT_QUEUE_GROUP.to_owned(),
        metadata: BTreeMap::new(),
    }
}

async fn discovery(client: Client, service: Arc<Service>, verb: Verb, mut requests: Subscription) {
    while let Some(request) = requests.next().await {
        if let Err(error) = answer(&client, &service, verb, &request).await {
            log_line!("Could not answer {}: {error}", request.subject());
        }
    }
}

async fn answer(client: &Client, service: &Service, verb: Verb, request: &Message) -> Result {
    if let Some(reply) = request.reply() {
        client.publish(reply, service.answer(verb)?).await?;
    }
    Ok(())
}
