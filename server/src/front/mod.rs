//! The doors: what happens to a connection before its first protocol byte.

mod prefixed;
pub mod tls;
mod welcome;

pub use prefixed::Prefixed;
pub use welcome::{Door, Hello, NotWelcome, Opened, Welcomed, welcome};
