//! Connections that ended, kept for a while.

use std::collections::VecDeque;
use std::sync::Arc;

use nats_api::monitor::SubDetail;
use nats_api::time::Timestamp;
use parking_lot::Mutex;

use super::view::{ClientView, Figures, Who};

/// Subscriptions of one closed connection that are kept.
const SUBSCRIPTIONS_KEPT_MAX: usize = 1024;

/// A connection that ended, as it was at its end.
#[derive(Debug)]
pub struct ClosedClient {
    figures: Figures,
    who: Arc<Who>,
    subscriptions: Vec<SubDetail>,
    stop: Timestamp,
    reason: &'static str,
}

impl ClosedClient {
    /// Takes the last picture of a connection.
    pub fn of(client: &dyn ClientView, stop: Timestamp, reason: &'static str) -> Self {
        let mut subscriptions = client.subscriptions();
        subscriptions.truncate(SUBSCRIPTIONS_KEPT_MAX);
        Self {
            figures: client.figures(),
            who: client.who(),
            subscriptions,
            stop,
            reason,
        }
    }

    /// With the subscriptions that it had before they were taken away.
    pub fn with_subscriptions(mut self, mut subscriptions: Vec<SubDetail>) -> Self {
        subscriptions.truncate(SUBSCRIPTIONS_KEPT_MAX);
        self.figures.subscriptions = subscriptions.len();
        self.subscriptions = subscriptions;
        self
    }
}

impl ClientView for ClosedClient {
    fn figures(&self) -> Figures {
        self.figures
    }

    fn who(&self) -> Arc<Who> {
        self.who.clone()
    }

    fn subscriptions(&self) -> Vec<SubDetail> {
        self.subscriptions.clone()
    }

    fn ended(&self) -> Option<(Timestamp, &str)> {
        Some((self.stop, self.reason))
    }
}

/// The last connections that ended; the oldest makes room for the newest.
#[derive(Debug, Default)]
pub struct ClosedClients {
    kept: Mutex<VecDeque<Arc<ClosedClient>>>,
}

impl ClosedClients {
    pub fn push(&self, closed: ClosedClient, max: usize) {
        let mut kept = self.kept.lock();
        kept.push_back(Arc::new(closed));
        while kept.len() > max {
            kept.pop_front();
        }
    }

    /// Oldest first.
    pub fn list(&self) -> Vec<Arc<ClosedClient>> {
        self.kept.lock().iter().cloned().collect()
    }
}
