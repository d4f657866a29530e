//! What one client may do, as the router asks it.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::auth::{Permissions, ReplyPermits};
use crate::interest::DeliveryCheck;
use crate::router::Rights;

/// A client's permissions together with the replies it has been asked for.
pub struct ClientRights {
    pub permissions: Arc<Permissions>,
    permits: Option<Mutex<ReplyPermits>>,
}

impl ClientRights {
    pub fn new(permissions: Arc<Permissions>) -> Self {
        let permits = permissions
            .responses()
            .map(|rule| Mutex::new(ReplyPermits::new(rule, Instant::now())));
        Self {
            permissions,
            permits,
        }
    }

    /// Deliveries have to be checked whatever is subscribed to: replies are tracked.
    pub fn tracks_replies(&self) -> bool {
        self.permits.is_some()
    }
}

impl Rights for ClientRights {
    fn may_publish(&self, subject: &[u8]) -> bool {
        self.permissions.may_publish(subject)
    }

    fn may_answer_replies(&self) -> bool {
        self.permits.is_some()
    }

    fn may_answer(&self, subject: &[u8]) -> bool {
        self.permits
            .as_ref()
            .is_some_and(|p| p.lock().take(subject, Instant::now()))
    }
}

impl DeliveryCheck for ClientRights {
    fn denies(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.permissions.denies_delivery(subject, queue)
    }

    fn delivered_with_reply(&self, reply: &[u8]) {
        if let Some(permits) = &self.permits
            && !self.permissions.may_publish(reply)
        {
            permits.lock().grant(reply, Instant::now());
        }
    }
}
