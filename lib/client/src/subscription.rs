//! A subscription as its reader sees it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use nats_proto::encode;

use crate::client::Client;
use crate::error::{DrainError, FlushError};
use crate::limits;
use crate::message::Message;
use crate::registry::{Entry, PendingLimits};

/// How to subscribe; see [`Client::subscribe_with`].
#[derive(Debug, Clone, Default)]
pub struct SubscribeOptions {
    /// Share the messages with the other members of this queue group.
    pub queue: Option<String>,
    /// What may wait before messages are lost.
    pub limits: PendingLimits,
    /// End after this many messages.
    pub max: Option<u64>,
}

impl SubscribeOptions {
    /// Member of a queue group.
    pub fn queue(queue: impl Into<String>) -> Self {
        Self {
            queue: Some(queue.into()),
            ..Self::default()
        }
    }
}

/// Messages of one subscription, in the order the server sent them. Dropping it unsubscribes.
///
/// Read it one by one with [`next`](Self::next), as a [`Stream`], or in batches with
/// [`next_batch`](Self::next_batch), which is the fastest.
///
/// ```no_run
/// # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let mut orders = client.subscribe("orders.>").await?;
/// while let Some(message) = orders.next().await {
///     println!("{}: {}", message.subject(), message.text());
/// }
/// # Ok(()) }
/// ```
pub struct Subscription {
    entry: Arc<Entry>,
    client: Client,
    /// Taken from the shared queue in one go.
    batch: VecDeque<Message>,
}

impl Subscription {
    pub(crate) fn new(client: Client, entry: Arc<Entry>) -> Self {
        Self {
            entry,
            client,
            batch: VecDeque::new(),
        }
    }

    /// The next message; `None` when the subscription has ended (unsubscribed, its limit reached, drained or the client
    /// closed) and all that it had received was read.
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| self.poll_message(cx)).await
    }

    /// A message that has already arrived, without waiting.
    pub fn try_next(&mut self) -> Option<Message> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match self.poll_message(&mut cx) {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    /// Waits for messages and moves what is there, at most 1,024, to the end of `batch`. Returns how many; 0 when the
    /// subscription has ended.
    pub async fn next_batch(&mut self, batch: &mut Vec<Message>) -> usize {
        std::future::poll_fn(|cx| {
            if self.batch.is_empty() {
                match self.entry.poll_take(&mut self.batch, cx) {
                    Poll::Ready(true) => {}
                    Poll::Ready(false) => return Poll::Ready(0),
                    Poll::Pending => return Poll::Pending,
                }
            }
            // A bounded number: messages that are handed on while they are in the cache are cheaper.
            let count = self.batch.len().min(limits::BATCH_MESSAGES);
            let mut bytes = 0;
            batch.reserve(count);
            for message in self.batch.drain(..count) {
                bytes += message.size() as u64;
                batch.push(message);
            }
            self.entry.consumed(count as u64, bytes);
            Poll::Ready(count)
        })
        .await
    }

    /// Calls `handle` with every batch until the subscription ends or `handle` says break.
    ///
    /// ```no_run
    /// # async fn example(client: nats_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::ops::ControlFlow;
    /// let mut count = 0;
    /// let mut ticks = client.subscribe("ticks").await?;
    /// ticks.for_each_batch(|batch| {
    ///     count += batch.len();
    ///     if count < 1_000_000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    /// }).await;
    /// # Ok(()) }
    /// ```
    pub async fn for_each_batch(
        &mut self,
        mut handle: impl FnMut(&[Message]) -> std::ops::ControlFlow<()>,
    ) {
        let mut batch = Vec::new();
        while self.next_batch(&mut batch).await > 0 {
            let flow = handle(&batch);
            batch.clear();
            if flow.is_break() {
                return;
            }
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            if let Some(message) = self.batch.pop_front() {
                self.entry.consumed(1, message.size() as u64);
                return Poll::Ready(Some(message));
            }
            match self.entry.poll_take(&mut self.batch, cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Ends the subscription at once. What was received before can still be read.
    pub fn unsubscribe(&self) {
        unsubscribe(&self.client, &self.entry);
    }

    /// Ends the subscription when it has received `max` messages since it was made, reconnects included; at once when
    /// it already has.
    pub fn unsubscribe_after(&self, max: u64) {
        unsubscribe_after(&self.client, &self.entry, max);
    }

    /// Ends the subscription without losing what is under way: no new messages are sent here, those that the server
    /// sent before are received, and reading goes on until `None`.
    ///
    /// # Errors
    /// When the server does not confirm within 30 s, or the connection is lost meanwhile.
    pub async fn drain(&self) -> Result<(), DrainError> {
        drain(&self.client, &self.entry).await
    }

    pub fn subject(&self) -> &str {
        &self.entry.subject
    }

    pub fn queue(&self) -> Option<&str> {
        self.entry.queue.as_deref()
    }

    /// Id of the subscription on the wire, unique in its client.
    pub fn sid(&self) -> u64 {
        self.entry.sid
    }

    /// Messages and bytes received and not read yet.
    pub fn pending(&self) -> (u64, u64) {
        self.entry.pending()
    }

    /// Messages that the server has delivered, lost ones included.
    pub fn delivered(&self) -> u64 {
        self.entry.delivered()
    }

    /// Messages lost because more waited than the limits allow.
    pub fn dropped(&self) -> u64 {
        self.entry.dropped()
    }

    /// Changes what may wait.
    pub fn set_pending_limits(&self, limits: PendingLimits) {
        self.entry.set_limits(limits);
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_message(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug(&self.entry, "Subscription", f)
    }
}

/// A subscription whose messages go to a function on the connection task; see [`Client::subscribe_handler`]. Dropping it
/// unsubscribes.
pub struct HandlerSubscription {
    entry: Arc<Entry>,
    client: Client,
}

impl HandlerSubscription {
    pub(crate) fn new(client: Client, entry: Arc<Entry>) -> Self {
        Self { entry, client }
    }

    /// See [`Subscription::unsubscribe`].
    pub fn unsubscribe(&self) {
        unsubscribe(&self.client, &self.entry);
    }

    /// See [`Subscription::unsubscribe_after`].
    pub fn unsubscribe_after(&self, max: u64) {
        unsubscribe_after(&self.client, &self.entry, max);
    }

    /// See [`Subscription::drain`]; when it returns the function has seen all messages.
    ///
    /// # Errors
    /// As [`Subscription::drain`].
    pub async fn drain(&self) -> Result<(), DrainError> {
        drain(&self.client, &self.entry).await
    }

    pub fn subject(&self) -> &str {
        &self.entry.subject
    }

    /// Messages that the server has delivered.
    pub fn delivered(&self) -> u64 {
        self.entry.delivered()
    }
}

impl Drop for HandlerSubscription {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

impl std::fmt::Debug for HandlerSubscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        debug(&self.entry, "HandlerSubscription", f)
    }
}

fn debug(entry: &Entry, name: &str, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    f.debug_struct(name)
        .field("sid", &entry.sid)
        .field("subject", &entry.subject)
        .field("queue", &entry.queue)
        .finish_non_exhaustive()
}

fn unsubscribe(client: &Client, entry: &Entry) {
    let shared = client.shared();
    if shared.registry.remove(entry.sid).is_none() {
        return;
    }
    entry.end();
    shared.write_control(|buf| encode::unsubscribe(buf, entry.sid, None));
}

fn unsubscribe_after(client: &Client, entry: &Entry, max: u64) {
    if max == 0 || entry.delivered() >= max {
        unsubscribe(client, entry);
        return;
    }
    entry.set_max(max);
    client
        .shared()
        .write_control(|buf| encode::unsubscribe(buf, entry.sid, Some(max)));
}

async fn drain(client: &Client, entry: &Entry) -> Result<(), DrainError> {
    let shared = client.shared();
    shared.write_control(|buf| encode::unsubscribe(buf, entry.sid, None));
    // The answer comes behind everything that the server sent for this subscription.
    let answer = client.flush_within(limits::DRAIN_TIMEOUT).await;
    shared.registry.remove(entry.sid);
    entry.end();
    if answer.is_err() {
        // A new connection may have begun with this subscription before it was removed.
        shared.write_control(|buf| encode::unsubscribe(buf, entry.sid, None));
    }
    match answer {
        Ok(()) => Ok(()),
        Err(FlushError::Closed) => Err(DrainError::Closed),
        Err(error) => Err(error.into()),
    }
}
