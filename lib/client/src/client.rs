//! The handle that applications hold.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nats_proto::encode::{self, Outgoing};
use nats_proto::header::HeaderMap;
use nats_proto::info::ServerInfo;
use nats_proto::subject;

use crate::error::{ConnectError, DrainError, FlushError, PublishError, SubscribeError};
use crate::events::Events;
use crate::limits;
use crate::message::Message;
use crate::options::Options;
use crate::outbox::Phase;
use crate::pool::Pool;
use crate::reconnect;
use crate::registry::{Entry, Handler};
use crate::server_url::ServerUrl;
use crate::shared::{Shared, Status};
use crate::stats::Statistics;
use crate::subscription::{HandlerSubscription, SubscribeOptions, Subscription};
use crate::tls_session::TlsSession;

/// A connection to a NATS system. Cloning is cheap; all clones share one connection.
///
/// The connection closes when [`Client::close`] is called or the last clone and the last subscription are gone; what was
/// published by then is still written, as long as the runtime lives. Call [`Client::flush`] to be sure.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    /// First tokens of this client's reply subjects, with the last dot.
    inbox: Box<str>,
    mux: tokio::sync::OnceCell<Arc<str>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// A header block as it stands on the wire, in memory that is used again: publishing with headers does not allocate
/// either.
pub(crate) struct HeaderBlock(Vec<u8>);

thread_local! {
    static SPARE_BLOCK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl HeaderBlock {
    pub(crate) fn new(headers: &HeaderMap) -> Self {
        let mut block = SPARE_BLOCK.take();
        headers.encode_into(&mut block);
        Self(block)
    }
}

impl std::ops::Deref for HeaderBlock {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for HeaderBlock {
    fn drop(&mut self) {
        let mut block = std::mem::take(&mut self.0);
        if block.capacity() <= limits::SPARE_BLOCK_BYTES {
            block.clear();
            // At the end of a thread there is no place for it any more.
            let _ = SPARE_BLOCK.try_with(|spare| spare.set(block));
        }
    }
}

impl Client {
    pub(crate) async fn connect(
        options: Options,
        servers: Vec<ServerUrl>,
    ) -> Result<Self, ConnectError> {
        subject::check_publish(options.inbox_prefix.as_bytes()).map_err(|problem| {
            ConnectError::InboxPrefix {
                prefix: options.inbox_prefix.clone(),
                problem,
            }
        })?;
        options.auth.check()?;
        let mut pool = Pool::new(servers, options.randomize)?;
        let shared = Arc::new(Shared::new(options));
        let first = match reconnect::connect_once(&shared, &mut pool).await {
            Ok(first) => Some(first),
            Err(error) if shared.options.retry_on_initial_connect => {
                tracing::debug!(target: "nats_client", "{error}; trying again in the background");
                None
            }
            Err(error) => return Err(error),
        };
        let connected = first.is_some();
        let inbox = format!("{}.", shared.options.inbox_prefix).into();
        let client = Self {
            handle: Arc::new(Handle {
                shared: Arc::clone(&shared),
                inbox,
                mux: tokio::sync::OnceCell::new(),
            }),
        };
        let mut status = shared.status.subscribe();
        tokio::spawn(reconnect::run(shared, pool, first));
        if connected {
            // Callers may ask for the server at once.
            let _ = status.wait_for(|now| *now != Status::Connecting).await;
        }
        Ok(client)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// Publishes a message.
    ///
    /// Returns when the message stands in the write buffer; the connection task writes it soon, together with others.
    /// Waits while that buffer is over its bound. While disconnected messages wait in the pending buffer.
    ///
    /// # Errors
    /// An invalid subject, a payload larger than the server accepts, a full pending buffer, or a closed client.
    #[inline]
    pub async fn publish(
        &self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.publish_raw(&Outgoing {
            subject: subject.as_bytes(),
            reply: None,
            headers: None,
            payload: payload.as_ref(),
        })
        .await
    }

    /// Publishes a message that asks for answers on `reply`.
    ///
    /// # Errors
    /// As [`Client::publish`].
    pub async fn publish_with_reply(
        &self,
        subject: &str,
        reply: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.publish_raw(&Outgoing {
            subject: subject.as_bytes(),
            reply: Some(reply.as_bytes()),
            headers: None,
            payload: payload.as_ref(),
        })
        .await
    }

    /// Publishes a message with headers.
    ///
    /// # Errors
    /// As [`Client::publish`], and when the server does not know headers.
    pub async fn publish_with_headers(
        &self,
        subject: &str,
        headers: &HeaderMap,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.publish_message(subject, None, Some(headers), payload)
            .await
    }

    /// Publishes a message with all its parts.
    ///
    /// # Errors
    /// As [`Client::publish_with_headers`].
    pub async fn publish_message(
        &self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let block = headers.map(HeaderBlock::new);
        self.publish_raw(&Outgoing {
            subject: subject.as_bytes(),
            reply: reply.map(str::as_bytes),
            headers: block.as_deref(),
            payload: payload.as_ref(),
        })
        .await
    }

    /// Publishes without waiting, for callers outside of async code.
    ///
    /// # Errors
    /// As [`Client::publish`], and [`PublishError::WouldBlock`] when the write buffer is over its bound.
    pub fn try_publish(
        &self,
        subject: &str,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.shared().outbox.try_publish(&Outgoing {
            subject: subject.as_bytes(),
            reply: None,
            headers: None,
            payload: payload.as_ref(),
        })
    }

    /// Publishes parts that are already bytes: the fastest way, and the one for subjects that are not UTF-8 or header
    /// blocks that are kept ready.
    ///
    /// # Errors
    /// As [`Client::publish_with_headers`].
    #[inline]
    pub async fn publish_raw(&self, message: &Outgoing<'_>) -> Result<(), PublishError> {
        self.handle.shared.outbox.publish(message).await
    }

    /// Answers a request.
    ///
    /// # Errors
    /// As [`Client::publish`]; [`PublishError::NoReplySubject`] when `request` asks for no answer.
    pub async fn respond(
        &self,
        request: &Message,
        payload: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        let reply = request.reply().ok_or(PublishError::NoReplySubject)?;
        self.publish(reply, payload).await
    }

    /// Subscribes to a subject, which may hold wildcards.
    ///
    /// # Errors
    /// An invalid subject, or a client that is draining or closed. What the server refuses comes as
    /// [`Event::ServerError`](crate::Event::ServerError).
    pub async fn subscribe(&self, subject: &str) -> Result<Subscription, SubscribeError> {
        self.subscribe_with(subject, self.default_subscribe_options())
            .await
    }

    /// Subscribes as a member of a queue group: each message goes to one of its members.
    ///
    /// # Errors
    /// As [`Client::subscribe`], and an invalid group name.
    pub async fn queue_subscribe(
        &self,
        subject: &str,
        queue: &str,
    ) -> Result<Subscription, SubscribeError> {
        let options = SubscribeOptions {
            queue: Some(queue.to_owned()),
            ..self.default_subscribe_options()
        };
        self.subscribe_with(subject, options).await
    }

    /// Subscribes with all settings.
    ///
    /// # Errors
    /// As [`Client::queue_subscribe`].
    pub async fn subscribe_with(
        &self,
        subject: &str,
        options: SubscribeOptions,
    ) -> Result<Subscription, SubscribeError> {
        let entry = self.register(subject, options, None).await?;
        Ok(Subscription::new(self.clone(), entry))
    }

    /// Subscribes with a function that runs on the connection task, once per batch of messages.
    ///
    /// No queue stands between the socket and `handler`, so nothing is lost to a slow reader and nothing is faster; the
    /// connection stands still while `handler` runs, so it must be short and must not wait for this client. A panic in it
    /// closes the client. A clone of the client inside of it keeps the connection alive until the subscription ends.
    ///
    /// ```no_run
    /// # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// let count = Arc::new(AtomicUsize::new(0));
    /// let counter = Arc::clone(&count);
    /// let subscription = client
    ///     .subscribe_handler("ticks", Default::default(), move |batch| {
    ///         counter.fetch_add(batch.len(), Ordering::Relaxed);
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Client::queue_subscribe`].
    pub async fn subscribe_handler(
        &self,
        subject: &str,
        options: SubscribeOptions,
        handler: impl FnMut(&[Message]) + Send + 'static,
    ) -> Result<HandlerSubscription, SubscribeError> {
        let entry = self
            .register(subject, options, Some(Box::new(handler)))
            .await?;
        Ok(HandlerSubscription::new(self.clone(), entry))
    }

    async fn register(
        &self,
        subject: &str,
        options: SubscribeOptions,
        handler: Option<Handler>,
    ) -> Result<Arc<Entry>, SubscribeError> {
        subject::check(subject.as_bytes())?;
        let queue = options.queue.as_deref();
        if let Some(name) = queue.filter(|name| !subject::is_valid_queue_group(name.as_bytes())) {
            return Err(SubscribeError::QueueGroup(name.to_owned()));
        }
        let shared = self.shared();
        shared.outbox.has_space().await;
        let sid = shared.registry.next_sid();
        let entry = Arc::new(Entry::new(sid, subject, queue, options.limits, handler));
        if let Some(max) = options.max {
            entry.set_max(max);
        }
        shared.outbox.with(|state| {
            match state.phase {
                Phase::Connected => {
                    let queue = queue.map(str::as_bytes);
                    encode::subscribe(&mut state.buf, subject.as_bytes(), queue, sid)?;
                    if let Some(max) = options.max {
                        encode::unsubscribe(&mut state.buf, sid, Some(max));
                    }
                }
                // The next connection begins with everything that is registered.
                Phase::Disconnected => encode::subscribe(
                    &mut Vec::new(),
                    subject.as_bytes(),
                    queue.map(str::as_bytes),
                    sid,
                )?,
                Phase::Draining => return Err(SubscribeError::Draining),
                Phase::Closing | Phase::Closed => return Err(SubscribeError::Closed),
            }
            shared.registry.insert(Arc::clone(&entry));
            Ok(())
        })?;
        Ok(entry)
    }

    fn default_subscribe_options(&self) -> SubscribeOptions {
        SubscribeOptions {
            limits: self.shared().options.pending_limits,
            ..SubscribeOptions::default()
        }
    }

    /// Prefix of the reply subjects of this client's requests; subscribes to them at the first call.
    pub(crate) async fn mux_prefix(&self) -> Result<Arc<str>, SubscribeError> {
        let prefix = self
            .handle
            .mux
            .get_or_try_init(|| async {
                let prefix: Arc<str> = format!("{}.", self.new_inbox()).into();
                let waiters = Arc::clone(&self.shared().waiters);
                let len = prefix.len();
                let handler: Handler = Box::new(move |batch| waiters.deliver(len, batch));
                // Not a `HandlerSubscription`: that would hold a handle of this client for ever.
                self.register(
                    &format!("{prefix}*"),
                    SubscribeOptions::default(),
                    Some(handler),
                )
                .await?;
                Ok::<_, SubscribeError>(prefix)
            })
            .await?;
        Ok(Arc::clone(prefix))
    }

    /// A subject that nobody else uses, to receive answers on. One more token may be appended.
    pub fn new_inbox(&self) -> String {
        let mut inbox = self.handle.inbox.to_string();
        inbox.push_str(nats_proto::nuid::next().as_str());
        inbox
    }

    /// Waits until the server has processed everything published so far: a round trip, at most 10 s.
    ///
    /// # Errors
    /// No answer in time, the connection lost meanwhile, or closed. While disconnected it waits for the next
    /// connection.
    pub async fn flush(&self) -> Result<(), FlushError> {
        self.flush_within(limits::FLUSH_TIMEOUT).await
    }

    /// [`Client::flush`] with a bound of its own.
    ///
    /// # Errors
    /// As [`Client::flush`].
    pub async fn flush_within(&self, timeout: Duration) -> Result<(), FlushError> {
        let pong = self.shared().outbox.ping();
        match tokio::time::timeout(timeout, pong).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(FlushError::Closed),
            Err(_) => Err(FlushError::TimedOut(timeout)),
        }
    }

    /// Duration of a round trip to the server, behind everything that was published before.
    ///
    /// # Errors
    /// As [`Client::flush`].
    pub async fn rtt(&self) -> Result<Duration, FlushError> {
        let start = std::time::Instant::now();
        self.flush().await?;
        Ok(start.elapsed())
    }

    /// What the server last said about itself. Empty before the first connection.
    pub fn server_info(&self) -> Arc<ServerInfo> {
        self.shared().info()
    }

    /// Largest payload that the server accepts, headers included, in bytes.
    pub fn max_payload(&self) -> usize {
        self.shared().outbox.with(|state| state.max_payload)
    }

    /// Address of the server that we are connected to, without credentials; `None` while disconnected.
    pub fn connected_url(&self) -> Option<Arc<str>> {
        self.shared().url()
    }

    /// The address of the server, or of the proxy before it. While disconnected it is that of the last connection.
    pub fn connected_address(&self) -> Option<SocketAddr> {
        self.shared().address()
    }

    /// What the TLS handshake with the server agreed on, and the certificates that the server sent; `None` when the
    /// connection is in clear text. While disconnected it is that of the last connection.
    pub fn tls_session(&self) -> Option<Arc<TlsSession>> {
        self.shared().tls()
    }

    pub fn status(&self) -> Status {
        *self.shared().status.borrow()
    }

    pub fn is_connected(&self) -> bool {
        matches!(self.status(), Status::Connected | Status::Draining)
            && self.connected_url().is_some()
    }

    pub fn statistics(&self) -> Statistics {
        let shared = self.shared();
        let (out_msgs, out_bytes) = shared
            .outbox
            .with(|state| (state.out_msgs, state.out_bytes));
        shared.counters.snapshot(out_msgs, out_bytes)
    }

    /// The events that happen from now on.
    pub fn events(&self) -> Events {
        self.shared().events.subscribe()
    }

    /// Settings that this client was made with.
    pub fn options(&self) -> &Options {
        &self.shared().options
    }

    /// Leaves the current server and connects to another of the pool, or the same if it is the only one.
    pub fn force_reconnect(&self) {
        self.shared().force_reconnect();
    }

    /// Closes in good order: ends all subscriptions, waits until the application has read what they received, refuses
    /// new publishes, writes the last ones and closes. The client is closed afterwards in any case.
    ///
    /// # Errors
    /// When the bound of [`Options::drain_timeout`] passed first.
    pub async fn drain(&self) -> Result<(), DrainError> {
        let shared = self.shared();
        if shared.is_closing() {
            return Err(DrainError::Closed);
        }
        let timeout = shared.options.drain_timeout;
        shared.status.send_replace(Status::Draining);
        let result = tokio::time::timeout(timeout, self.drain_steps())
            .await
            .unwrap_or(Err(DrainError::TimedOut(timeout)));
        self.close().await;
        result
    }

    async fn drain_steps(&self) -> Result<(), DrainError> {
        let shared = self.shared();
        let entries = shared.registry.all();
        for entry in &entries {
            shared.write_control(|buf| encode::unsubscribe(buf, entry.sid, None));
        }
        // The answer comes behind the last message of every subscription.
        self.flush_within(shared.options.drain_timeout).await?;
        for entry in &entries {
            shared.registry.remove(entry.sid);
            entry.end();
        }
        // Readers are application code that we cannot be woken by; the bound of the caller ends this.
        while entries.iter().any(|entry| entry.pending().0 > 0) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        shared.outbox.with(|state| state.phase = Phase::Draining);
        self.flush_within(shared.options.drain_timeout).await?;
        Ok(())
    }

    /// Closes the connection: what was published is written (for at most 2 s), subscriptions end.
    pub async fn close(&self) {
        let mut status = self.shared().status.subscribe();
        self.shared().close();
        // The sender lives in `shared`, so this ends with the task.
        let _ = status.wait_for(|now| *now == Status::Closed).await;
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("status", &self.status())
            .field("url", &self.connected_url())
            .finish_non_exhaustive()
    }
}
