//! One endpoint of a service: its subscription, its handler, its statistics.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nats_api::micro::{self as api, EndpointInfo, EndpointStats};
use nats_api::time::Nanos;
use nats_proto::encode::Outgoing;
use nats_proto::header::HeaderMap;
use parking_lot::Mutex;

use super::service::{Service, StartError};
use crate::client::{Client, HeaderBlock};
use crate::error::PublishError;
use crate::message::Message;
use crate::subscription::{SubscribeOptions, Subscription};

/// How an endpoint listens. What is `None` comes from the group or the service.
#[derive(Debug, Clone, Default)]
pub struct EndpointConfig {
    /// Subject to listen on, below the group's prefix. The endpoint's name by default.
    pub subject: Option<String>,
    pub queue_group: Option<String>,
    /// Listen without a queue group: every instance answers every request.
    pub no_queue_group: bool,
    pub metadata: BTreeMap<String, String>,
}

/// What a handler answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    payload: Option<Bytes>,
    headers: Option<HeaderMap>,
}

impl Reply {
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: Some(payload.into()),
            headers: None,
        }
    }

    /// No answer by the framework, for handlers that have sent theirs themselves.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }
}

/// A handler's refusal: sent in the headers `Nats-Service-Error` and `Nats-Service-Error-Code`, and counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}:{description}")]
pub struct ServiceError {
    /// By custom the number of an HTTP status.
    pub code: String,
    pub description: String,
    /// Sent with the headers.
    pub payload: Bytes,
}

impl ServiceError {
    pub fn new(code: impl ToString, description: impl Into<String>) -> Self {
        Self {
            code: code.to_string(),
            description: description.into(),
            payload: Bytes::new(),
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Reply, ServiceError>> + Send>>;
type Handler = Box<dyn Fn(Message) -> Answer + Send + Sync>;

/// A running endpoint. Requests are handled one after the other, in the order they came.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    name: String,
    subject: String,
    queue_group: Option<String>,
    metadata: BTreeMap<String, String>,
    counts: Mutex<Counts>,
    stop: tokio::sync::Notify,
}

#[derive(Default)]
struct Counts {
    requests: u64,
    errors: u64,
    last_error: String,
    busy: Duration,
}

/// A common prefix and queue group of several endpoints.
#[derive(Clone)]
pub struct Group<'a> {
    service: &'a Service,
    prefix: String,
    queue_group: Option<String>,
}

impl<'a> Group<'a> {
    pub(super) fn new(service: &'a Service, prefix: impl Into<String>) -> Self {
        Self {
            service,
            prefix: prefix.into(),
            queue_group: None,
        }
    }

    /// A group below this one.
    pub fn group(&self, prefix: &str) -> Self {
        let prefix = match self.prefix.as_str() {
            "" => prefix.to_owned(),
            above => format!("{above}.{prefix}"),
        };
        Self {
            prefix,
            ..self.clone()
        }
    }

    /// Queue group of the endpoints that name none.
    pub fn queue_group(mut self, queue_group: impl Into<String>) -> Self {
        self.queue_group = Some(queue_group.into());
        self
    }

    /// Adds an endpoint that listens on its name.
    ///
    /// # Errors
    /// A bad name or subject, or a client that is closed.
    pub async fn endpoint<F>(
        &self,
        name: &str,
        handler: impl Fn(Message) -> F + Send + Sync + 'static,
    ) -> Result<Endpoint, StartError>
    where
        F: Future<Output = Result<Reply, ServiceError>> + Send + 'static,
    {
        self.endpoint_with(name, EndpointConfig::default(), handler)
            .await
    }

    /// Adds an endpoint with settings of its own.
    ///
    /// # Errors
    /// As [`Group::endpoint`].
    pub async fn endpoint_with<F>(
        &self,
        name: &str,
        config: EndpointConfig,
        handler: impl Fn(Message) -> F + Send + Sync + 'static,
    ) -> Result<Endpoint, StartError>
    where
        F: Future<Output = Result<Reply, ServiceError>> + Send + 'static,
    {
        super::service::check_name("endpoint name", name)?;
        let own = config.subject.as_deref().unwrap_or(name);
        let subject = match self.prefix.as_str() {
            "" => own.to_owned(),
            prefix => format!("{prefix}.{own}"),
        };
        let queue_group = if config.no_queue_group {
            None
        } else {
            config
                .queue_group
                .or_else(|| self.queue_group.clone())
                .or_else(|| self.service.default_queue_group())
        };
        let inner = Arc::new(Inner {
            name: name.to_owned(),
            subject,
            queue_group,
            metadata: config.metadata,
            counts: Mutex::default(),
            stop: tokio::sync::Notify::new(),
        });
        let handler: Handler = Box::new(move |request| Box::pin(handler(request)));
        inner.start(self.service.client(), handler).await?;
        let endpoint = Endpoint { inner };
        self.service.add(endpoint.clone());
        Ok(endpoint)
    }
}

impl Inner {
    async fn start(self: &Arc<Self>, client: &Client, handler: Handler) -> Result<(), StartError> {
        let options = SubscribeOptions {
            queue: self.queue_group.clone(),
            limits: client.options().pending_limits,
            ..SubscribeOptions::default()
        };
        let subscription = client.subscribe_with(&self.subject, options).await?;
        tokio::spawn(Arc::clone(self).serve(client.clone(), subscription, handler));
        Ok(())
    }

    /// Answers requests until the endpoint stops; what had come by then is still answered.
    async fn serve(self: Arc<Self>, client: Client, mut requests: Subscription, handler: Handler) {
        let mut stopping = false;
        loop {
            let request = tokio::select! {
                biased;
                () = self.stop.notified(), if !stopping => {
                    stopping = true;
                    // Without an answer the subscription has ended all the same.
                    let _ = requests.drain().await;
                    continue;
                }
                request = requests.next() => request,
            };
            let Some(request) = request else { return };
            let start = Instant::now();
            let answer = handler(request.clone()).await;
            self.count(start.elapsed(), answer.as_ref().err());
            if let Err(error) = respond(&client, &request, answer).await {
                tracing::debug!(target: "nats_client", "reply of endpoint {}: {error}", self.name);
            }
        }
    }

    fn count(&self, busy: Duration, error: Option<&ServiceError>) {
        let mut counts = self.counts.lock();
        counts.requests += 1;
        counts.busy += busy;
        if let Some(error) = error {
            counts.errors += 1;
            counts.last_error = error.to_string();
        }
    }
}

async fn respond(
    client: &Client,
    request: &Message,
    answer: Result<Reply, ServiceError>,
) -> Result<(), PublishError> {
    let Some(reply) = request.reply() else {
        return Ok(());
    };
    let (payload, headers) = match answer {
        Ok(Reply { payload: None, .. }) => return Ok(()),
        Ok(Reply {
            payload: Some(payload),
            headers,
        }) => (payload, headers),
        Err(error) => {
            let mut headers = HeaderMap::new();
            // A text that is no header value is better cut than lost.
            let clean = |text: &str| text.replace(['\r', '\n'], " ");
            let _ = headers.insert(api::ERROR_HEADER, &clean(&error.description));
            let _ = headers.insert(api::ERROR_CODE_HEADER, &clean(&error.code));
            (error.payload, Some(headers))
        }
    };
    let block = headers.as_ref().map(HeaderBlock::new);
    client
        .publish_raw(&Outgoing {
            subject: reply.as_bytes(),
            reply: None,
            headers: block.as_deref(),
            payload: &payload,
        })
        .await
}

impl Endpoint {
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    pub fn subject(&self) -> &str {
        &self.inner.subject
    }

    /// Stops listening; requests that have come are still answered.
    pub fn stop(&self) {
        self.inner.stop.notify_one();
    }

    pub fn info(&self) -> EndpointInfo {
        EndpointInfo {
            name: self.inner.name.clone(),
            subject: self.inner.subject.clone(),
            queue_group: self.inner.queue_group.clone().unwrap_or_default(),
            metadata: self.inner.metadata.clone(),
        }
    }

    pub fn stats(&self) -> EndpointStats {
        let counts = self.inner.counts.lock();
        let nanos = i64::try_from(counts.busy.as_nanos()).unwrap_or(i64::MAX);
        let requests = i64::try_from(counts.requests.max(1)).unwrap_or(i64::MAX);
        EndpointStats {
            name: self.inner.name.clone(),
            subject: self.inner.subject.clone(),
            queue_group: self.inner.queue_group.clone().unwrap_or_default(),
            num_requests: counts.requests,
            num_errors: counts.errors,
            last_error: counts.last_error.clone(),
            processing_time: Nanos(nanos),
            average_processing_time: Nanos(nanos / requests),
            data: None,
        }
    }

    /// Sets the statistics to zero.
    pub fn reset(&self) {
        *self.inner.counts.lock() = Counts::default();
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("name", &self.inner.name)
            .field("subject", &self.inner.subject)
            .finish_non_exhaustive()
    }
}
