//! Messages leave.

use super::Stream;

impl Stream {
    /// Tells everybody about what operations on the store have removed. `bytes` is what the messages counted before.
    pub(super) fn after_removals(&mut self, bytes: u64) {
        self.removals.clear();
        let now = self.store.state().bytes;
        if now != bytes {
            self.quota.resized(bytes, now);
        }
    }
}
