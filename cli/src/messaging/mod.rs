//! Messages as commands send and show them; what `pub`, `request`, `reply`, `sub` and `service` share.
//!
//! [`Blueprint`] makes messages from templates, [`BodySource`] reads bodies from the argument or standard input,
//! [`Translation`] runs a command over a body, [`Display`] prints what came.
//!
//! Who may call: commands. What never happens here: connecting, subscribing, publishing; and no byte of a message ever reaches a shell
//! ([`Command`] splits the command line before it fills in what came over the network).

mod blueprint;
mod body;
mod command;
mod display;
mod rates;

pub use blueprint::{Blueprint, BodyArgs, Outgoing, SendOn, headers_from};
pub use body::{Body, BodySource};
pub use command::{Command, Translation};
pub use display::{Clock, Display, Form, Incoming, write_body, write_headers};
pub use rates::SubjectRates;
