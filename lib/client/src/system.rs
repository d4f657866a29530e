//! Requests to servers, for users of the system account.
//!
//! What lives here: one question to all servers with their answers collected ([`gather`], [`ping_servers`]), and one to a
//! server or about an account. Who may call: programs. What never happens here: interpretation of the answers; the
//! documents are those of `nats_api::system` and `nats_api::monitor`, or any type that can be read from JSON.
//!
//! ```no_run
//! # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use nats_client::system::{self, Gather};
//! let answers = system::ping_servers::<serde_json::Value>(&client, "VARZ", &(), Gather::default()).await?;
//! for answer in answers {
//!     println!("{} answered after {:?}", answer.document.server.name, answer.rtt);
//! }
//! # Ok(()) }
//! ```

use std::time::{Duration, Instant};

use nats_api::system::{Reply, subjects};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::RequestError;
use crate::message::Message;
use crate::request::RequestManyOptions;

/// When enough servers have answered.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    /// End with this many answers. Without it the silence decides.
    pub expected: Option<usize>,
    /// End when no further server answers for this long after one has; not used when a number is expected.
    pub silence: Duration,
    /// End in any case.
    pub timeout: Duration,
}

impl Default for Gather {
    fn default() -> Self {
        Self {
            expected: None,
            silence: Duration::from_millis(300),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Gather {
    /// A number of answers, or those that come within `timeout`.
    pub fn expecting(answers: usize, timeout: Duration) -> Self {
        Self {
            expected: Some(answers),
            timeout,
            ..Self::default()
        }
    }

    fn options(&self) -> RequestManyOptions {
        RequestManyOptions {
            max: self.expected,
            stall: self.expected.is_none().then_some(self.silence),
            sentinel: false,
            timeout: self.timeout,
        }
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    pub document: T,
    /// From sending the question to receiving this answer.
    pub rtt: Duration,
    /// As it came.
    pub message: Message,
}

/// Why a question to servers failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    #[error("nobody answers on {subject}: this needs a user of the system account")]
    NoResponders { subject: String },
    #[error(transparent)]
    Request(RequestError),
    #[error("cannot write the request: {0}")]
    Encode(serde_json::Error),
    #[error("cannot read the answer on {subject}: {source}")]
    Decode {
        subject: String,
        #[source]
        source: serde_json::Error,
    },
}

impl From<RequestError> for SystemError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::NoResponders { subject } => Self::NoResponders { subject },
            other => Self::Request(other),
        }
    }
}

/// Asks on `subject` and collects what comes back, read as `T`. `()` as the body sends none.
///
/// # Errors
/// No responders, a lost connection, an answer that is not a `T`. No answer at all is an empty list.
pub async fn gather<T: DeserializeOwned>(
    client: &Client,
    subject: &str,
    body: &impl Serialize,
    gather: Gather,
) -> Result<Vec<Answer<T>>, SystemError> {
    let body = encoded(body)?;
    let start = Instant::now();
    let mut responses = client
        .request_many(subject, None, body, gather.options())
        .await?;
    let mut answers = Vec::new();
    while let Some(response) = responses.next().await {
        let message = response?;
        let rtt = start.elapsed();
        answers.push(Answer {
            document: decoded(subject, &message)?,
            rtt,
            message,
        });
    }
    Ok(answers)
}

/// Asks every server with `$SYS.REQ.SERVER.PING.<verb>`; the verbs are `nats_api::system::subjects::SERVER_VERBS`.
///
/// # Errors
/// As [`gather`].
pub async fn ping_servers<T: DeserializeOwned>(
    client: &Client,
    verb: &str,
    body: &impl Serialize,
    options: Gather,
) -> Result<Vec<Answer<Reply<T>>>, SystemError> {
    gather(client, &subjects::server_ping(verb), body, options).await
}

/// Asks one server by its id.
///
/// # Errors
/// As [`gather`], and no answer in time.
pub async fn server_request<T: DeserializeOwned>(
    client: &Client,
    server_id: &str,
    verb: &str,
    body: &impl Serialize,
    timeout: Duration,
) -> Result<Answer<Reply<T>>, SystemError> {
    let subject = subjects::server_request(server_id, verb);
    request(client, &subject, body, timeout).await
}

/// Asks about one account.
///
/// # Errors
/// As [`server_request`].
pub async fn account_request<T: DeserializeOwned>(
    client: &Client,
    account: &str,
    verb: &str,
    body: &impl Serialize,
    timeout: Duration,
) -> Result<Answer<Reply<T>>, SystemError> {
    let subject = subjects::account_request(account, verb);
    request(client, &subject, body, timeout).await
}

/// Asks on any subject and reads the one answer as `T`.
///
/// # Errors
/// As [`server_request`].
pub async fn request<T: DeserializeOwned>(
    client: &Client,
    subject: &str,
    body: &impl Serialize,
    timeout: Duration,
) -> Result<Answer<T>, SystemError> {
    let body = encoded(body)?;
    let start = Instant::now();
    let message = client.request(subject, None, body, timeout).await?;
    Ok(Answer {
        document: decoded(subject, &message)?,
        rtt: start.elapsed(),
        message,
    })
}

fn encoded(body: &impl Serialize) -> Result<Vec<u8>, SystemError> {
    let text = serde_json::to_vec(body).map_err(SystemError::Encode)?;
    // Servers take an empty body for the defaults; `()` is written as null.
    Ok(if text == b"null" { Vec::new() } else { text })
}

fn decoded<T: DeserializeOwned>(subject: &str, message: &Message) -> Result<T, SystemError> {
    serde_json::from_slice(message.payload()).map_err(|source| SystemError::Decode {
        subject: subject.to_owned(),
        source,
    })
}
