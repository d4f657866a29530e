//! Black-box suites: what a NATS server does on the wire, written once and run against any server binary.
//!
//! **What lives here.** The tools of the suites in `tests/`: [`binary`] finds the server under test, [`server`] starts it with a
//! configuration and watches its log, [`wire`] is a raw client that compares bytes, [`link`] one that talks to JetStream,
//! [`trust`] makes operators and their accounts, [`callout`] answers for an authorization service, [`dice`] makes random subjects, [`tls`] makes certificates, [`ocsp`] says whether they are still good, [`http`] reads the
//! monitoring pages, [`differential`] plays transcripts to two binaries and compares the answers, [`peer`] and [`scenario`] run clients in other languages.
//!
//! **Who may call.** The tests of this package and nobody else. Nothing here is part of a program.
//!
//! **What never happens here.** No code of the server under test is linked in (tokens are made with our `nats-jwt`, which the reference then has to accept), no fixed port is used, nothing outlives the test:
//! a server is killed by its own process id when its handle is dropped. The reference server must pass every suite as well;
//! a suite that it fails is wrong, except where a test says why ours is deliberately better ([`binary::is_reference`]).
//!
//! **Locks.** None. A [`server::Server`] and a [`wire::Wire`] belong to one test.
//!
//! **Where to start reading.** `tests/protocol_verbs.rs`, then [`wire::Wire`].
//!
//! Environment: `NATS_SERVER_BIN` (the server under test; default is the workspace's own), `NATS_REFERENCE_BIN` (the other side
//! of the differential suite), `NATS_PY_PYTHON` and `NATS_JS_DIR` (foreign clients), `NATS_REQUIRE_ALL=1` (a suite that would be
//! left out fails instead).

#![forbid(unsafe_code)]

pub mod binary;
pub mod callout;
pub mod dice;
pub mod differential;
pub mod http;
pub mod link;
pub mod ocsp;
pub mod peer;
pub mod scenario;
pub mod server;
pub mod skip;
pub mod tls;
pub mod trust;
pub mod wire;

pub use link::Link;
pub use server::{Launch, Server};
pub use wire::Wire;
