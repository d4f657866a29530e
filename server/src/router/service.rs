//! Subscriptions of the server itself: system services, imports, tracked replies.

use std::any::Any;
use std::sync::Arc;

use super::{Cycle, Message, Origin};
use crate::interest::{Hook, Sub, Target};

/// Takes messages inside the server, on the publisher's thread: it must be quick and must not block.
pub trait Service: Send + Sync {
    /// True when the message reached somebody (a request that reaches nobody is answered with "no responders").
    fn receive(&self, cx: &mut Cycle, from: &Origin<'_>, sub: &Arc<Sub>, msg: &Message<'_>)
    -> bool;
}

/// The only [`Hook`] there is: it carries a [`Service`] through the interest room, which knows nothing of messages.
pub struct Handler(pub Arc<dyn Service>);

impl Handler {
    /// A target for a subscription.
    pub fn target(service: Arc<dyn Service>) -> Target {
        Target::Hook(Arc::new(Self(service)))
    }
}

impl Hook for Handler {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
