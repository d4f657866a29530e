//! The server as a whole: wires the rooms and leads them through start, reload, lame duck and stop.
//!
//! May call: `main` and whoever embeds the server. Never happens here: protocol, routing, anything per message.
//! Locks: the registry's and the account table's, held for single look-ups. Start reading at [`Server::builder`].

mod accounts;
mod admission;
mod callout;
mod claims;
mod crowds;
mod identity;
mod info;
mod jetstream;
mod lifecycle;
mod lookups;
mod observer;
mod ocsp;
mod operators;
mod process;
mod registry;
mod resolvers;
mod services;
mod side;
mod start;
mod state;
mod view;

pub use accounts::Accounts;
pub use identity::{ServerIdentity, VERSION, build_label};
pub use observer::Observer;
pub use process::{ReadOptions, RunError, allow_all_descriptors, run};
pub use registry::Registry;
pub use side::{Reloader, Side, SideError};
pub use start::{Builder, ReloadError, Server, StartError};
pub use state::{Core, Counters, SetupError};
