//! Following a bucket: an ordered consumer, read as entries.

use nats_api::jetstream::DeliverPolicy;

use super::bucket::Bucket;
use super::entry::{Entry, Operation};
use crate::jetstream::error::JetStreamError;
use crate::jetstream::message::JetStreamMessage;
use crate::jetstream::ordered::{OrderedConsumer, OrderedOptions, Step};

/// Where a watch begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WatchWhat {
    /// The last entry of each key.
    #[default]
    Last,
    /// Everything that is kept.
    History,
    /// Only what happens from now on.
    Updates,
    /// What happened from this revision on.
    FromRevision(u64),
}

/// What a watch shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WatchOptions {
    pub what: WatchWhat,
    /// Leave deletions out.
    pub ignore_deletes: bool,
    /// Leave the values out.
    pub headers_only: bool,
}

impl WatchOptions {
    pub fn include_history(mut self) -> Self {
        self.what = WatchWhat::History;
        self
    }

    pub fn updates_only(mut self) -> Self {
        self.what = WatchWhat::Updates;
        self
    }

    pub fn from_revision(mut self, revision: u64) -> Self {
        self.what = WatchWhat::FromRevision(revision);
        self
    }

    pub fn ignore_deletes(mut self) -> Self {
        self.ignore_deletes = true;
        self
    }

    pub fn headers_only(mut self) -> Self {
        self.headers_only = true;
        self
    }
}

/// What a watch saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    Entry(Entry),
    /// Everything that was there when the watch began was seen. Comes once, and never when only updates are watched.
    CaughtUp,
}

/// Follows keys. The same entry may come again when the connection was lost.
///
/// ```no_run
/// # async fn example(bucket: nats_client::jetstream::kv::Bucket) -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::kv::Update;
/// let mut watcher = bucket.watch(&["lights.*"], Default::default()).await?;
/// while let Some(update) = watcher.next().await {
///     match update? {
///         Update::Entry(entry) => println!("{} {}", entry.operation.name(), entry.key),
///         Update::CaughtUp => println!("that is all for now"),
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Watcher {
    consumer: OrderedConsumer,
    bucket: String,
    prefix: String,
    ignore_deletes: bool,
    /// Entries that are still to come before it has caught up; `None` when it has, or never will say so.
    ahead: Option<u64>,
}

impl Watcher {
    pub(super) async fn start(
        bucket: &Bucket,
        patterns: &[&str],
        options: WatchOptions,
    ) -> Result<Self, JetStreamError> {
        let mut ordered = OrderedOptions {
            filter_subjects: patterns
                .iter()
                .map(|pattern| format!("{}{pattern}", bucket.prefix))
                .collect(),
            headers_only: options.headers_only,
            ..OrderedOptions::default()
        };
        match options.what {
            WatchWhat::Last => ordered.deliver_policy = DeliverPolicy::LastPerSubject,
            WatchWhat::History => {}
            WatchWhat::Updates => ordered.deliver_policy = DeliverPolicy::New,
            WatchWhat::FromRevision(revision) => ordered = ordered.from_sequence(revision),
        }
        let consumer = bucket.js.ordered_consumer(&bucket.stream, ordered).await?;
        let info = consumer.first_info();
        let there = info.num_pending + info.delivered.consumer_seq;
        Ok(Self {
            ahead: (options.what != WatchWhat::Updates).then_some(there),
            consumer,
            bucket: bucket.name.clone(),
            prefix: bucket.prefix.clone(),
            ignore_deletes: options.ignore_deletes,
        })
    }

    /// The next update; `None` after an error, and when the client is closed.
    ///
    /// # Errors
    /// As [`OrderedConsumer::next`].
    pub async fn next(&mut self) -> Option<Result<Update, JetStreamError>> {
        loop {
            if self.ahead == Some(0) {
                self.ahead = None;
                return Some(Ok(Update::CaughtUp));
            }
            let message = match self.consumer.step().await? {
                Ok(Step::Message(message)) => message,
                Ok(Step::Idle) => {
                    // What was there was removed before it could be delivered.
                    self.ahead = self.ahead.and(Some(0));
                    continue;
                }
                Err(error) => return Some(Err(error)),
            };
            let entry = match self.entry(&message) {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            if let Some(entry) = entry {
                return Some(Ok(Update::Entry(entry)));
            }
        }
    }

    fn entry(&mut self, message: &JetStreamMessage) -> Result<Option<Entry>, JetStreamError> {
        let info = message.info()?;
        if let Some(ahead) = &mut self.ahead {
            // Whichever knows of less to come: keys may have been written meanwhile.
            *ahead = ahead.saturating_sub(1).min(info.pending);
        }
        let Some(key) = message.subject().strip_prefix(&self.prefix) else {
            return Ok(None);
        };
        let operation = Operation::of(|name| message.header(name).map(str::to_owned));
        if self.ignore_deletes && operation != Operation::Put {
            return Ok(None);
        }
        Ok(Some(Entry {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            value: message.message().payload_bytes(),
            revision: info.stream_sequence,
            created: info.published,
            delta: info.pending,
            operation,
            headers: message.headers().unwrap_or_default(),
        }))
    }

    /// Stops, and lets the server forget the consumer at once.
    ///
    /// # Errors
    /// As [`OrderedConsumer::stop`].
    pub async fn stop(self) -> Result<(), JetStreamError> {
        self.consumer.stop().await
    }
}
