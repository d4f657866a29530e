//! How the system room publishes; the server's wiring stands behind it.

/// Publishes messages of the server itself. Must not block.
pub trait Outlet: Send + Sync + 'static {
    /// Whether anybody in `account` wants `subject`.
    fn is_wanted(&self, account: &str, subject: &str) -> bool;
    /// Publishes one message into `account`. `header` is a whole header block, or empty.
    fn publish(
        &self,
        account: &str,
        subject: &str,
        reply: Option<&str>,
        header: &[u8],
        body: &[u8],
    );
}
