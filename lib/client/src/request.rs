//! Requests: one inbox with a wildcard for all of a client's requests, and a reply per request or several.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nats_proto::encode::Outgoing;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::error::{RequestError, ServerError};
use crate::message::Message;

type Answer = Result<Message, ServerError>;

/// Who waits for an answer, by the last token of the reply subject.
#[derive(Default)]
pub(crate) struct Waiters {
    waiting: Mutex<HashMap<u64, Waiter, foldhash::fast::RandomState>>,
    last: AtomicU64,
}

struct Waiter {
    answer: oneshot::Sender<Answer>,
    /// To find it when the server refuses the publish.
    subject: Box<str>,
}

impl Waiters {
    fn register(self: &Arc<Self>, subject: &str) -> (Ticket, oneshot::Receiver<Answer>) {
        let token = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (answer, receiver) = oneshot::channel();
        let waiter = Waiter {
            answer,
            subject: subject.into(),
        };
        self.waiting.lock().insert(token, waiter);
        let ticket = Ticket {
            waiters: Arc::clone(self),
            token,
        };
        (ticket, receiver)
    }

    /// Hands answers to those who wait. For the connection task.
    pub(crate) fn deliver(&self, prefix_len: usize, messages: &[Message]) {
        let mut waiting = self.waiting.lock();
        for message in messages {
            let token = message
                .subject_bytes()
                .get(prefix_len..)
                .and_then(parse_token);
            if let Some(waiter) = token.and_then(|token| waiting.remove(&token)) {
                // Whoever gave up meanwhile does not want it.
                let _ = waiter.answer.send(Ok(message.clone()));
            }
        }
    }

    /// The server refused a publish: the requests on that subject will have no answer.
    pub(crate) fn denied(&self, error: &ServerError) {
        let ServerError::PublishDenied { subject } = error else {
            return;
        };
        let mut waiting = self.waiting.lock();
        let denied: Vec<u64> = waiting
            .iter()
            .filter(|(_, waiter)| *waiter.subject == **subject)
            .map(|(token, _)| *token)
            .collect();
        for token in denied {
            if let Some(waiter) = waiting.remove(&token) {
                let _ = waiter.answer.send(Err(error.clone()));
            }
        }
    }

    pub(crate) fn clear(&self) {
        self.waiting.lock().clear();
    }
}

/// Forgets the waiter when the request is dropped.
struct Ticket {
    waiters: Arc<Waiters>,
    token: u64,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.waiters.waiting.lock().remove(&self.token);
    }
}

/// Tokens are written in base 36: short, and the same on both sides.
fn push_token(subject: &mut String, token: u64) {
    let mut rest = token;
    let mut digits = Vec::with_capacity(13);
    loop {
        // Below 36, so it is a digit.
        digits.push(char::from_digit((rest % 36) as u32, 36).unwrap_or('0'));
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    subject.extend(digits.iter().rev());
}

fn parse_token(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 36).ok()
}

impl crate::client::Client {
    /// Sends a request and waits for one answer.
    ///
    /// All requests of a client share one subscription. `headers` may be `None`.
    ///
    /// ```no_run
    /// # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_client::RequestError;
    /// use std::time::Duration;
    /// match client.request("time.now", None, "", Duration::from_secs(2)).await {
    ///     Ok(answer) => println!("{}", answer.text()),
    ///     Err(RequestError::NoResponders { .. }) => println!("nobody listens"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RequestError::NoResponders`] when nobody listens on `subject`, [`RequestError::Denied`] when the server does
    /// not let us publish there, [`RequestError::TimedOut`] after `timeout`.
    pub async fn request(
        &self,
        subject: &str,
        headers: Option<&nats_proto::header::HeaderMap>,
        payload: impl AsRef<[u8]>,
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let block = headers.map(crate::client::HeaderBlock::new);
        self.request_block(subject, block.as_deref(), payload.as_ref(), timeout)
            .await
    }

    /// [`Client::request`](crate::Client::request) with a header block that is kept ready.
    pub(crate) async fn request_block(
        &self,
        subject: &str,
        headers: Option<&[u8]>,
        payload: &[u8],
        timeout: Duration,
    ) -> Result<Message, RequestError> {
        let prefix = self.mux_prefix().await?;
        let (ticket, answer) = self.shared().waiters.register(subject);
        let mut reply = String::with_capacity(prefix.len() + 13);
        reply.push_str(&prefix);
        push_token(&mut reply, ticket.token);
        let sent = async {
            self.publish_raw(&Outgoing {
                subject: subject.as_bytes(),
                reply: Some(reply.as_bytes()),
                headers,
                payload,
            })
            .await?;
            match answer.await {
                Ok(Ok(message)) if message.is_no_responders() => Err(RequestError::NoResponders {
                    subject: subject.to_owned(),
                }),
                Ok(Ok(message)) => Ok(message),
                Ok(Err(error)) => Err(RequestError::Denied(error)),
                Err(_) => Err(RequestError::Closed),
            }
        };
        tokio::time::timeout(timeout, sent)
            .await
            .unwrap_or(Err(RequestError::TimedOut(timeout)))
    }
}

/// When [`request_many`](crate::Client::request_many) has enough.
#[derive(Debug, Clone, Default)]
pub struct RequestManyOptions {
    /// End after this many answers.
    pub max: Option<usize>,
    /// End when no further answer comes for this long after one has come.
    pub stall: Option<Duration>,
    /// End with an answer that has neither headers nor payload; it is not handed out.
    pub sentinel: bool,
    /// End after this long in any case.
    pub timeout: Duration,
}

impl RequestManyOptions {
    /// All answers that come within `timeout`.
    pub fn within(timeout: Duration) -> Self {
        Self {
            timeout,
            ..Self::default()
        }
    }

    pub fn max(mut self, answers: usize) -> Self {
        self.max = Some(answers);
        self
    }

    pub fn stall(mut self, silence: Duration) -> Self {
        self.stall = Some(silence);
        self
    }

    pub fn sentinel(mut self) -> Self {
        self.sentinel = true;
        self
    }
}

fn after(wait: Duration) -> tokio::time::Instant {
    tokio::time::Instant::now() + wait.min(crate::limits::WAIT_MAX)
}

/// The answers to one request, as they come.
///
/// The end (`None`) is one of those in [`RequestManyOptions`]: a deadline is not an error here.
pub struct Responses {
    subscription: crate::subscription::Subscription,
    options: RequestManyOptions,
    deadline: tokio::time::Instant,
    received: usize,
    subject: String,
    ended: bool,
}

impl Responses {
    /// The next answer.
    ///
    /// # Errors
    /// [`RequestError::NoResponders`] instead of the first answer when nobody listens, [`RequestError::Closed`] when
    /// the client is closed meanwhile.
    pub async fn next(&mut self) -> Option<Result<Message, RequestError>> {
        if self.ended {
            return None;
        }
        let deadline = match self.options.stall {
            Some(stall) if self.received > 0 => self.deadline.min(after(stall)),
            _ => self.deadline,
        };
        let message = match tokio::time::timeout_at(deadline, self.subscription.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => {
                self.ended = true;
                return Some(Err(RequestError::Closed));
            }
            Err(_) => return self.end(),
        };
        if self.received == 0 && message.is_no_responders() {
            self.end();
            return Some(Err(RequestError::NoResponders {
                subject: std::mem::take(&mut self.subject),
            }));
        }
        if self.options.sentinel && message.payload().is_empty() && message.header_block().is_none()
        {
            return self.end();
        }
        self.received += 1;
        if self.options.max.is_some_and(|max| self.received >= max) {
            self.end();
        }
        Some(Ok(message))
    }

    /// All answers, for callers that want them at once.
    ///
    /// # Errors
    /// As [`Responses::next`].
    pub async fn collect(mut self) -> Result<Vec<Message>, RequestError> {
        let mut all = Vec::new();
        while let Some(answer) = self.next().await {
            all.push(answer?);
        }
        Ok(all)
    }

    fn end(&mut self) -> Option<Result<Message, RequestError>> {
        self.ended = true;
        self.subscription.unsubscribe();
        None
    }
}

impl crate::client::Client {
    /// Sends a request that several may answer.
    ///
    /// ```no_run
    /// # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_client::RequestManyOptions;
    /// use std::time::Duration;
    /// let options = RequestManyOptions::within(Duration::from_secs(2)).stall(Duration::from_millis(200));
    /// let mut answers = client.request_many("who.is.there", None, "", options).await?;
    /// while let Some(answer) = answers.next().await {
    ///     println!("{}", answer?.text());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the request could not be sent. Everything later comes from [`Responses::next`].
    pub async fn request_many(
        &self,
        subject: &str,
        headers: Option<&nats_proto::header::HeaderMap>,
        payload: impl AsRef<[u8]>,
        options: RequestManyOptions,
    ) -> Result<Responses, RequestError> {
        let deadline = after(options.timeout);
        let inbox = self.new_inbox();
        let subscription = self.subscribe(&inbox).await?;
        let block = headers.map(crate::client::HeaderBlock::new);
        self.publish_raw(&Outgoing {
            subject: subject.as_bytes(),
            reply: Some(inbox.as_bytes()),
            headers: block.as_deref(),
            payload: payload.as_ref(),
        })
        .await?;
        Ok(Responses {
            subscription,
            options,
            deadline,
            received: 0,
            subject: subject.to_owned(),
            ended: false,
        })
    }
}
