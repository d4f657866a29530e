//! What the system room wants to know of connections.

use std::sync::Arc;

use crate::conn::{AuthFailure, ClosedReason, Shared};

/// Told of every connection's fate, on that connection's task: must be quick and must not block.
pub trait Observer: Send + Sync {
    fn connected(&self, client: &Arc<Shared>);
    fn disconnected(&self, client: &Arc<Shared>, reason: ClosedReason);
    fn auth_failed(&self, client: &Arc<Shared>, failure: &AuthFailure);
}
