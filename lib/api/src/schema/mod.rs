//! What the documents of the NATS APIs may look like, as data: `nats schema` shows it as JSON schemas, and checks documents
//! against it.
//!
//! What lives here: [`shape`], the language of the tables; [`documents`], the tables, one per family of documents;
//! [`render`], a table as a JSON schema (draft 7); [`check`], a document against a table; [`requests`], which
//! request has which body. Who may call: everyone. What
//! never happens here: I/O; reading of requests by the server, which has its own rules ([`crate::decode`]).
//!
//! The tables describe what servers really send and take. `tests/schemas.rs` holds them against the published schemas
//! (names, members, types, bounds, what is required), against documents observed on a running server, and against our own
//! types; where the published schemas are wrong, that test says so.
//!
//! Start reading in [`shape`].

mod check;
mod documents;
mod render;
mod requests;
mod shape;

pub use check::Problem;
pub use requests::of_request;
pub use shape::{Body, Form, Kind, Member, Schema, Shape};

/// All schemas, by name.
pub fn all() -> Vec<&'static Schema> {
    let mut all: Vec<_> = documents::FAMILIES.iter().copied().flatten().collect();
    all.sort_by_key(|schema| schema.name);
    all
}

/// The schema of this name, `io.nats.jetstream.api.v1.stream_create_request`.
pub fn find(name: &str) -> Option<&'static Schema> {
    let mut all = documents::FAMILIES.iter().copied().flatten();
    all.find(|schema| schema.name == name)
}
