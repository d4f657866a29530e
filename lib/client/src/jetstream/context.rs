//! The handle of JetStream: where requests go, and how one is made.

use std::sync::Arc;
use std::time::Duration;

use nats_api::jetstream::reply::{self, Reply};
use nats_api::jetstream::subjects::{self, ApiSubjects};
use nats_api::jetstream::{AccountInfo, Page};
use serde::Serialize;

use super::error::JetStreamError;
use crate::client::Client;
use crate::limits;
use crate::shared::Standing;

/// JetStream of one account, as one connection reaches it. Cloning is cheap.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::{JetStream, StreamConfig};
/// let js = JetStream::new(nats_client::connect("nats://127.0.0.1:4222").await?);
/// js.create_stream(&StreamConfig {
///     name: "ORDERS".into(),
///     subjects: vec!["orders.>".into()],
///     ..StreamConfig::default()
/// })
/// .await?;
/// let ack = js.publish("orders.new", "an order").await?;
/// println!("stored as {} in {}", ack.seq, ack.stream);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct JetStream {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    api: ApiSubjects,
    domain: Option<Box<str>>,
    timeout: Duration,
    trace: Option<ApiTrace>,
}

/// Sees every request to the API and its answer: subject, body, answer. For tools that show their work.
pub type ApiTrace = Arc<dyn Fn(&str, &[u8], Option<&[u8]>) + Send + Sync>;

impl JetStream {
    /// JetStream of the server's own domain.
    pub fn new(client: Client) -> Self {
        Self::build(client, ApiSubjects::default(), None)
    }

    /// JetStream of another domain, reached over leaf nodes.
    pub fn with_domain(client: Client, domain: &str) -> Self {
        let prefix = subjects::domain_prefix(domain);
        Self::build(client, ApiSubjects::new(prefix), Some(domain.into()))
    }

    /// JetStream behind an import of another account: `prefix` stands for `$JS.API`.
    pub fn with_prefix(client: Client, prefix: &str) -> Self {
        Self::build(client, ApiSubjects::new(prefix), None)
    }

    fn build(client: Client, api: ApiSubjects, domain: Option<Box<str>>) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                api,
                domain,
                timeout: limits::JETSTREAM_TIMEOUT,
                trace: None,
            }),
        }
    }

    /// Bound of one request to the API, and of one acknowledgement; 5 s unless changed.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.change(|inner| inner.timeout = timeout)
    }

    /// Shows every request to the API and its answer (absent when none came) to `trace`.
    pub fn trace(self, trace: ApiTrace) -> Self {
        self.change(|inner| inner.trace = Some(trace))
    }

    fn change(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Inner {
            client: self.inner.client.clone(),
            api: self.inner.api.clone(),
            domain: self.inner.domain.clone(),
            timeout: self.inner.timeout,
            trace: self.inner.trace.clone(),
        };
        change(&mut inner);
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The connection underneath.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// The subjects of the API.
    pub fn api(&self) -> &ApiSubjects {
        &self.inner.api
    }

    /// The domain that was asked for.
    pub fn domain(&self) -> Option<&str> {
        self.inner.domain.as_deref()
    }

    /// Bound of one request to the API.
    pub fn request_timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// What the account uses and may use.
    ///
    /// # Errors
    /// [`JetStreamError::NotEnabled`] when nobody answers, [`JetStreamError::Api`] with code 10039 when the account may
    /// not use JetStream.
    pub async fn account_info(&self) -> Result<AccountInfo, JetStreamError> {
        self.request(self.api().info(), b"").await
    }

    /// A request to the API with any body, for what has no method of its own. `subject` is the whole subject, see
    /// [`JetStream::api`].
    ///
    /// # Errors
    /// No answer in time, a refusal, or an answer of another type.
    pub async fn request<T: Reply>(
        &self,
        subject: String,
        body: &[u8],
    ) -> Result<T, JetStreamError> {
        self.request_within(subject, body, self.inner.timeout).await
    }

    /// [`JetStream::request`] with a document as its body.
    ///
    /// # Errors
    /// As [`JetStream::request`].
    pub async fn request_json<T: Reply>(
        &self,
        subject: String,
        body: &impl Serialize,
    ) -> Result<T, JetStreamError> {
        let body = encode(body)?;
        self.request(subject, &body).await
    }

    pub(crate) async fn request_within<T: Reply>(
        &self,
        subject: String,
        body: &[u8],
        timeout: Duration,
    ) -> Result<T, JetStreamError> {
        let answer = self.client().request(&subject, None, body, timeout).await;
        if let Some(trace) = &self.inner.trace {
            trace(&subject, body, answer.as_ref().ok().map(|a| a.payload()));
        }
        Ok(reply::decode(answer?.payload())?)
    }

    /// What `work` brings, unless the connection breaks: for answers that may take so long that one does not wait in vain.
    pub(crate) async fn while_connected<T>(
        &self,
        work: impl Future<Output = Result<T, JetStreamError>>,
    ) -> Result<T, JetStreamError> {
        let mut standing = Standing::begin(self.client().shared());
        tokio::select! {
            biased;
            result = work => result,
            () = standing.lost() => Err(JetStreamError::ConnectionLost),
        }
    }

    /// Asks for page after page until the whole list is there. `fetch` gets an offset and returns the page and the number
    /// of its entries.
    pub(crate) async fn all_pages<T>(
        &self,
        mut all: T,
        mut fetch: impl AsyncFnMut(i64, &mut T) -> Result<(Page, usize), JetStreamError>,
    ) -> Result<T, JetStreamError> {
        let mut offset = 0;
        loop {
            let (page, count) = fetch(offset, &mut all).await?;
            offset += i64::try_from(count).unwrap_or(i64::MAX);
            // A server that always has one more page is not believed for ever.
            if count == 0 || offset >= page.total || offset >= limits::LISTED_MAX {
                return Ok(all);
            }
        }
    }
}

impl std::fmt::Debug for JetStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetStream")
            .field("prefix", &self.inner.api.prefix())
            .finish_non_exhaustive()
    }
}

pub(super) fn encode(document: &impl Serialize) -> Result<Vec<u8>, JetStreamError> {
    serde_json::to_vec(document).map_err(|error| JetStreamError::Argument(error.to_string()))
}

/// Whether `name` can be the name of a stream or consumer, and so stand in a subject as one token.
pub(super) fn check_name(what: &'static str, name: &str) -> Result<(), JetStreamError> {
    let problem = if name.is_empty() {
        "it must not be empty"
    } else if name.len() > limits::NAME_BYTES {
        "it must not be longer than 255 bytes"
    } else if name
        .chars()
        .any(|c| matches!(c, '.' | '*' | '>' | '/' | '\\') || c.is_whitespace() || c.is_control())
    {
        "it must not hold blanks, '.', '*', '>', '/' or '\\'"
    } else {
        return Ok(());
    };
    Err(JetStreamError::Name {
        what,
        name: name.to_owned(),
        problem,
    })
}

impl Client {
    /// JetStream of the server's own domain; see [`JetStream`] for others.
    pub fn jetstream(&self) -> JetStream {
        JetStream::new(self.clone())
    }
}
