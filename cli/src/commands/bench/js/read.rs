//! What the benchmarks that read a stream share: the durable consumer, and counting what comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nats_api::jetstream::{AckPolicy, ConsumerConfig};
use nats_api::time::Nanos;
use nats_client::jetstream::JetStreamMessage;
use tokio::sync::Notify;

use crate::bench::{Latencies, Sample};
use crate::commands::bench::run::Worker;
use crate::error::{CliError, Result};
use crate::jetstream::Api;

/// A consumer that nobody uses any longer is removed by the server.
const INACTIVE: Duration = Duration::from_secs(10);

/// The durable consumer that the clients share.
#[derive(Debug, Clone, clap::Args)]
pub struct ConsumerArgs {
    /// Name of the consumer
    #[arg(long, value_name = "NAME", default_value = "nats-bench")]
    pub consumer: String,

    /// Ask for so many messages at a time
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..))]
    pub batch: u16,

    /// What is acknowledged
    #[arg(long, default_value = "explicit", value_parser = ["explicit", "none", "all"])]
    pub acks: String,

    /// Wait until each acknowledgement is safe
    #[arg(long, overrides_with = "no_doubleack")]
    pub doubleack: bool,

    #[arg(long, overrides_with = "doubleack", hide = true)]
    no_doubleack: bool,

    /// Only messages of these subjects
    #[arg(long, value_name = "SUBJECT")]
    pub filter: Vec<String>,

    /// Purge the stream first
    #[arg(long)]
    pub purge: bool,
}

/// How messages are acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Acks {
    policy: AckPolicy,
    double: Option<Duration>,
}

impl ConsumerArgs {
    fn policy(&self) -> AckPolicy {
        match self.acks.as_str() {
            "none" => AckPolicy::None,
            "all" => AckPolicy::All,
            _ => AckPolicy::Explicit,
        }
    }

    pub fn acks(&self, timeout: Duration) -> Acks {
        Acks {
            policy: self.policy(),
            double: self.doubleack.then_some(timeout),
        }
    }

    /// Creates the consumer for so many clients.
    pub async fn prepare(&self, api: &Api, stream: &str, clients: u32) -> Result {
        let config = ConsumerConfig {
            durable_name: self.consumer.clone(),
            ack_policy: self.policy(),
            max_ack_pending: i64::from(self.batch) * i64::from(clients),
            inactive_threshold: Nanos::from(INACTIVE),
            filter_subjects: crate::parse::listed(&self.filter),
            ..ConsumerConfig::default()
        };
        let made = api.create_consumer(stream, &config).await;
        made.map_err(|e| {
            let step = format!(
                "delete it first: nats consumer rm {stream} {}",
                self.consumer
            );
            let error = CliError::from(e).context("could not create the durable consumer");
            error.next_step(step)
        })?;
        Ok(())
    }

    /// For the banner.
    pub fn arguments(&self) -> Vec<(&'static str, String)> {
        let mut arguments = vec![
            ("consumer", self.consumer.clone()),
            ("acks", self.acks.clone()),
            ("double-acked", self.doubleack.to_string()),
            ("batch", self.batch.to_string()),
            ("purge", self.purge.to_string()),
        ];
        if !self.filter.is_empty() {
            arguments.push(("filter", self.filter.join(",")));
        }
        arguments
    }
}

impl Acks {
    pub async fn acknowledge(self, message: &JetStreamMessage) -> Result {
        match (self.policy, self.double) {
            (AckPolicy::None, _) => {}
            (_, Some(timeout)) => message.double_ack(timeout).await?,
            (_, None) => message.ack().await?,
        }
        Ok(())
    }

    /// With `all` the last message of a batch speaks for those before it.
    pub async fn acknowledge_batch(self, messages: &[JetStreamMessage]) -> Result {
        if self.policy == AckPolicy::All {
            if let Some(last) = messages.last() {
                self.acknowledge(last).await?;
            }
            return Ok(());
        }
        for message in messages {
            self.acknowledge(message).await?;
        }
        Ok(())
    }
}

/// What all clients together have to receive: who is faster takes more, and nobody waits for what others took.
pub struct Goal {
    missing: AtomicU64,
    reached: Notify,
}

impl Goal {
    pub fn of(messages: u64) -> Arc<Self> {
        Arc::new(Self {
            missing: AtomicU64::new(messages),
            reached: Notify::new(),
        })
    }

    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }

    /// Counts what one client took.
    pub fn took(&self, messages: u64) {
        let left = |missing: u64| Some(missing.saturating_sub(messages));
        let _ = self
            .missing
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left);
        if self.missing() == 0 {
            self.reached.notify_waiters();
        }
    }

    /// Completes when nothing is missing any longer.
    pub async fn reached(&self) {
        loop {
            let reached = self.reached.notified();
            if self.missing() == 0 {
                return;
            }
            reached.await;
        }
    }
}

/// What one client has received.
pub struct Received {
    start: Instant,
    messages: u64,
    bytes: u64,
}

impl Received {
    /// The clock starts now, not with the first message: waiting for it is part of the work.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            messages: 0,
            bytes: 0,
        }
    }

    pub fn add(&mut self, worker: &Worker, messages: u64, bytes: u64) {
        self.messages += messages;
        self.bytes += bytes;
        worker.done.store(self.messages, Ordering::Relaxed);
    }

    pub fn is_complete(&self, worker: &Worker) -> bool {
        self.messages >= worker.messages
    }

    /// Messages that are still to come to this client.
    pub fn missing(&self, worker: &Worker) -> u64 {
        worker.messages.saturating_sub(self.messages)
    }

    pub fn sample(self, latencies: Latencies) -> Sample {
        Sample {
            messages: self.messages,
            wire_messages: self.messages,
            payload_bytes: self.bytes,
            start: self.start,
            end: Instant::now(),
            latencies,
        }
    }
}

/// Payload bytes of messages.
pub fn payload_bytes(messages: &[JetStreamMessage]) -> u64 {
    messages
        .iter()
        .map(|message| message.payload().len() as u64)
        .sum()
}
