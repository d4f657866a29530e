//! What happens to streams and consumers, told by their servers as it happens.

use nats_api::jetstream::advisory::Event;

use super::context::JetStream;
use super::error::JetStreamError;
use crate::subscription::Subscription;

/// Advisories and metrics of an account, as they happen.
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::advisory::Event;
/// let mut events = js.events().await?;
/// while let Some((subject, event)) = events.next().await {
///     match event? {
///         Event::MaxDeliver(told) => println!("{} of {} goes nowhere", told.stream_seq, told.stream),
///         _ => println!("{subject}"),
///     }
/// }
/// # Ok(()) }
/// ```
pub struct JetStreamEvents {
    subscription: Subscription,
}

impl JetStream {
    /// Listens to all advisories and metrics of the account.
    ///
    /// # Errors
    /// As [`crate::Client::subscribe`].
    pub async fn events(&self) -> Result<JetStreamEvents, JetStreamError> {
        self.events_on("$JS.EVENT.>").await
    }

    /// Listens to those on a subject below `$JS.EVENT`, such as `$JS.EVENT.ADVISORY.STREAM.>`.
    ///
    /// # Errors
    /// As [`crate::Client::subscribe`].
    pub async fn events_on(&self, subject: &str) -> Result<JetStreamEvents, JetStreamError> {
        let subscription = self.client().subscribe(subject).await?;
        Ok(JetStreamEvents { subscription })
    }
}

impl JetStreamEvents {
    /// The next event and its subject; `None` when the client is closed.
    ///
    /// # Errors
    /// One that cannot be read; reading may go on.
    pub async fn next(&mut self) -> Option<(String, Result<Event, JetStreamError>)> {
        let message = self.subscription.next().await?;
        let event = Event::parse(message.payload())
            .map_err(|error| JetStreamError::Answer(error.to_string()));
        Some((message.subject().to_owned(), event))
    }
}
