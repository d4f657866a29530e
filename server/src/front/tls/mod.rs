//! TLS on the doors: what a `tls` block means, and the first moments of a connection up to its first protocol byte.
//!
//! What lives here: [`TlsPolicy`] (a `tls` block with its files read, ready for handshakes; a reload makes another and swaps the
//! `Arc`), and the certificates, verifiers, suites and counters it is made of.
//! Who may call: the listeners of `front`, the reload, and `monitor` for expiry dates and the policy's dump.
//! What never happens here: protocol, authentication of users. Each policy has keys for session tickets of its own, so that
//! no session of one listener is worth anything at another; one that asks for client certificates issues no tickets at all.
//! One lock, in [`rate::RateLimit`], held for a few instructions.
//!
//! Where to start reading: [`TlsPolicy::load`].

mod certificates;
mod clients;
mod facts;
mod policy;
pub mod rate;
mod suites;

pub use certificates::CertificateError;
pub use clients::client_config;
pub use facts::{Fingerprint, TlsFacts, spki_sha256};
pub use policy::{PolicyDump, Revocation, TlsPolicy, TlsSetupError};
