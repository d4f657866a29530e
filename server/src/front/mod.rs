//! The doors: listeners, the first bytes of a connection, and the task that owns its socket.
//!
//! May call: `conn`, and `server` through [`Admit`]. Never happens here: protocol, routing, decisions about clients.
//! One task per connection reads, writes and is woken; nobody else touches its socket. Start reading at [`Listening::serve`].

mod listener;
mod prefixed;
mod shell;
mod slow_checks;
pub mod tls;
mod transport;
mod welcome;

pub use listener::{Admit, Admitted, Bound, ListenError, Listening, listen};
pub use prefixed::Prefixed;
pub use welcome::{Door, Hello, NOT_OCSP_VALID, NotWelcome, Opened, Welcomed, turn_away, welcome};

#[cfg(test)]
mod tests;
