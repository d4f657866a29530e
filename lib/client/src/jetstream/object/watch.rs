//! Following a store: what is known about its objects, as it changes.

use nats_api::jetstream::DeliverPolicy;

use super::ObjectError;
use super::info::ObjectInfo;
use super::store::{ObjectStore, read_info};
use crate::jetstream::ordered::{OrderedConsumer, OrderedOptions, Step};

/// What a watch shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectWatchOptions {
    /// Leave deleted objects out.
    pub ignore_deletes: bool,
    /// Only what happens from now on.
    pub updates_only: bool,
}

impl ObjectWatchOptions {
    pub fn ignore_deletes(mut self) -> Self {
        self.ignore_deletes = true;
        self
    }

    pub fn updates_only(mut self) -> Self {
        self.updates_only = true;
        self
    }
}

/// What a watch saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectUpdate {
    Object(Box<ObjectInfo>),
    /// Everything that was there when the watch began was seen. Comes once, and never when only updates are watched.
    CaughtUp,
}

/// Follows a store.
#[derive(Debug)]
pub struct ObjectWatcher {
    consumer: OrderedConsumer,
    ignore_deletes: bool,
    ahead: Option<u64>,
}

impl ObjectStore {
    /// Follows the store: first what there is, then what happens.
    ///
    /// # Errors
    /// The store is gone.
    pub async fn watch(&self, options: ObjectWatchOptions) -> Result<ObjectWatcher, ObjectError> {
        let policy = if options.updates_only {
            DeliverPolicy::New
        } else {
            DeliverPolicy::LastPerSubject
        };
        let ordered =
            OrderedOptions::filter(format!("$O.{}.M.>", self.bucket)).deliver_policy(policy);
        let consumer = self.js.ordered_consumer(&self.stream, ordered).await?;
        let info = consumer.first_info();
        let there = info.num_pending + info.delivered.consumer_seq;
        Ok(ObjectWatcher {
            consumer,
            ignore_deletes: options.ignore_deletes,
            ahead: (!options.updates_only).then_some(there),
        })
    }
}

impl ObjectWatcher {
    /// The next update; `None` after an error, and when the client is closed.
    ///
    /// # Errors
    /// As [`OrderedConsumer::next`]; a document that is none.
    pub async fn next(&mut self) -> Option<Result<ObjectUpdate, ObjectError>> {
        loop {
            if self.ahead == Some(0) {
                self.ahead = None;
                return Some(Ok(ObjectUpdate::CaughtUp));
            }
            let message = match self.consumer.step().await? {
                Ok(Step::Message(message)) => message,
                Ok(Step::Idle) => {
                    // What was there was removed before it could be delivered.
                    self.ahead = self.ahead.and(Some(0));
                    continue;
                }
                Err(error) => return Some(Err(error.into())),
            };
            let info = match message.info() {
                Ok(info) => info,
                Err(error) => return Some(Err(error.into())),
            };
            if let Some(ahead) = &mut self.ahead {
                *ahead = ahead.saturating_sub(1).min(info.pending);
            }
            match read_info(&message.message().payload_bytes(), info.published) {
                Ok(object) if object.deleted && self.ignore_deletes => {}
                Ok(object) => return Some(Ok(ObjectUpdate::Object(Box::new(object)))),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Stops, and lets the server forget the consumer at once.
    ///
    /// # Errors
    /// As [`OrderedConsumer::stop`].
    pub async fn stop(self) -> Result<(), ObjectError> {
        Ok(self.consumer.stop().await?)
    }
}
