//! Talking to servers: to `nats-server` through the client library as a user of the system account, to account servers by HTTP.
//!
//! Nothing here reads or writes the store: what is needed is taken from the workspace before, what came is put there after.

pub mod http;
pub mod nats;
pub mod pull;
pub mod push;

/// Whether a URL is that of a `nats-server`.
pub fn is_nats(url: &str) -> bool {
    let url = url.trim().to_lowercase();
    ["nats://", "tls://", "ws://", "wss://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}

/// Whether a URL is that of an account server.
pub fn is_http(url: &str) -> bool {
    let url = url.trim().to_lowercase();
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
}
