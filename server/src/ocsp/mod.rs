//! OCSP: is a certificate still good in the eyes of whoever issued it?
//!
//! What lives here: the question and its answer ([`Answer`], DER in and out), how a responder is asked, the staple of a certificate
//! of ours and its upkeep ([`Staple`]), the check of a client's certificates ([`PeerCheck`]) and the cache of its answers ([`Cache`]).
//! Who may call: `front::tls`, which staples and checks; `server`, which keeps staples fresh and the cache on disk.
//! What never happens here: TLS, decisions about connections other than "good or not", events. An answer counts only when the issuer
//! or somebody authorized by the issuer signed it and when it is about the very certificate that was asked about.
//! One lock, in [`Cache`], never held across I/O.
//!
//! Where to start reading: [`read`], then [`PeerCheck::check`] and [`Staple::obtain`].
//! Source: RFC 6960; the reference's `server/ocsp.go`, `server/ocsp_peer.go`, `server/certidp`.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod cache;
mod certificate;
mod message;
mod peer;
mod signature;
mod staple;

pub use cache::{Cache, CacheFigures};
pub use certificate::{CertificateError, Described, Link, chains, must_staple};
pub use message::{Answer, AnswerError, Status, read, request};
pub use peer::{InvalidLink, Outcome, PeerCheck};
pub use staple::{Next, ObtainError, Staple, StapleError, Stapling};

#[cfg(test)]
pub(crate) mod tests;
