//! Credentials in, identity out: who a connection is, which account it belongs to and what it may do.
//!
//! What lives here: the [`Authenticator`] (built from the options, immutable; a reload builds the next one), the
//! [`Identity`] it grants, compiled [`Permissions`] and the reply permits of `allow_responses`.
//! Who may call: `front` and `conn` to admit a connection, `router` for permissions, `monitor` and `system` to show them, the
//! reload to ask whether a live connection may stay.
//! What never happens here: no sockets, no files, no clock of its own, nothing asynchronous. Work that takes milliseconds by
//! design (bcrypt) is handed back as a [`SlowCheck`] for a thread that may block. No secret leaves through `Debug` or an error.
//! One lock, inside [`Authenticator::still_valid`]; nothing else is called while it is held.
//!
//! Where to start reading: [`Authenticator::check`].

mod authenticator;
mod certificate;
mod claim;
mod credentials;
mod distinguished_name;
mod identity;
mod password;
mod permissions;
mod reply_permits;
mod revalidation;
mod token;
mod users;

pub use authenticator::{AuthSetupError, Authenticator};
pub use certificate::{AlternativeName, CertificateNames, name_as_text};
pub use credentials::{AuthError, Credentials, Verdict};
pub use identity::{Identity, Who};
pub use password::{SlowCheck, Work};
pub use permissions::{Permissions, RESERVED_QUEUE, has_empty_token, may_subscribe};
pub use reply_permits::ReplyPermits;
pub use revalidation::Revalidated;
pub use token::{Admitted, Origin, Proof, TokenUser, permissions, permissions_of_account};
pub(crate) use token::{limit, unix_seconds};

#[cfg(test)]
mod tests;
