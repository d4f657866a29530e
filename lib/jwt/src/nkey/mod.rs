//! NKeys: Ed25519 and X25519 keys in a spelling that says what they are for.
//!
//! A public key is 56 characters and starts with the letter of its [`Kind`]; a seed is 58 and starts with `S` and that
//! letter. Both carry a checksum, so a typing error is found before anything is signed. Everything that reads a key goes
//! through [`encoding`], which accepts exactly the spelling that the writers produce: one length, known prefix, checksum,
//! zero padding bits. A key of a wrong length therefore never reaches the curve arithmetic.
//!
//! [`PublicKey`] verifies, [`KeyPair`] signs, [`CurveKey`] seals and opens. Secrets are wiped when dropped and have no
//! `Debug`. Signing is aws-lc's: it wipes its keys, where the `nkeys` crate keeps copies that nobody wipes, and takes a
//! fifth of the time (verifying takes the same). Sealing is the `nkeys` crate's.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod curve;
mod encoding;
mod pair;

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use curve::CurveKey;
pub use pair::KeyPair;

/// Characters of an encoded public key.
pub const PUBLIC_LEN: usize = 56;
/// Characters of an encoded seed.
pub const SEED_LEN: usize = 58;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_LEN: usize = 64;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Operator,
    Account,
    User,
    Server,
    Cluster,
    /// X25519, for sealing; cannot sign.
    Curve,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Operator,
        Self::Account,
        Self::User,
        Self::Server,
        Self::Cluster,
        Self::Curve,
    ];

    /// First character of a public key of this kind.
    pub const fn letter(self) -> char {
        match self {
            Self::Operator => 'O',
            Self::Account => 'A',
            Self::User => 'U',
            Self::Server => 'N',
            Self::Cluster => 'C',
            Self::Curve => 'X',
        }
    }

    const fn prefix(self) -> u8 {
        match self {
            Self::Account => 0,
            Self::Cluster => 2 << 3,
            Self::Server => 13 << 3,
            Self::Operator => 14 << 3,
            Self::User => 20 << 3,
            Self::Curve => 23 << 3,
        }
    }

    fn from_prefix(prefix: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.prefix() == prefix)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "operator",
            Self::Account => "account",
            Self::User => "user",
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Curve => "curve",
        })
    }
}

/// Why a text is no key, or a key cannot do what was asked. No message holds any part of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NkeyError {
    #[error(
        "nkey has {found} characters instead of {PUBLIC_LEN} (public key) or {SEED_LEN} (seed)"
    )]
    BadLength { found: usize },
    #[error("nkey is not upper-case base32")]
    BadEncoding,
    #[error("nkey has a wrong checksum: it was mistyped or cut")]
    BadChecksum,
    #[error("nkey has an unknown prefix")]
    BadPrefix,
    #[error("nkey is a seed, a public key is needed")]
    IsSeed,
    #[error("nkey is no seed")]
    NotSeed,
    #[error("nkey is of kind {found}, {wanted} is needed")]
    WrongKind { found: Kind, wanted: Kind },
    #[error("curve keys cannot sign")]
    CurveCannotSign,
    #[error("signature does not verify")]
    BadSignature,
    #[error("sealed message cannot be opened with this key and this sender")]
    CannotOpen,
    #[error("message cannot be sealed for this key")]
    CannotSeal,
    #[error("the operating system gives no random bytes")]
    NoRandomness,
}

/// A public key and its kind. May be printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    kind: Kind,
    bytes: [u8; 32],
}

impl PublicKey {
    /// Reads a public key of any kind. Whether the 32 bytes are a point of the curve shows when something is verified.
    ///
    /// # Errors
    /// Anything that is not the one spelling of a public key, and seeds.
    pub fn parse(text: &str) -> Result<Self, NkeyError> {
        let (kind, bytes) = encoding::decode_public(text)?;
        Ok(Self { kind, bytes })
    }

    /// Reads a public key that must be of `wanted` kind.
    ///
    /// # Errors
    /// As [`PublicKey::parse`], and [`NkeyError::WrongKind`].
    pub fn parse_kind(text: &str, wanted: Kind) -> Result<Self, NkeyError> {
        let key = Self::parse(text)?;
        if key.kind != wanted {
            let found = key.kind;
            return Err(NkeyError::WrongKind { found, wanted });
        }
        Ok(key)
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The 32 bytes of the key itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Checks that `signature` was made over `message` by the owner of this key.
    ///
    /// # Errors
    /// [`NkeyError::BadSignature`] for any signature, of whatever length, that does not verify, and
    /// [`NkeyError::CurveCannotSign`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), NkeyError> {
        if self.kind == Kind::Curve {
            return Err(NkeyError::CurveCannotSign);
        }
        if signature.len() != SIGNATURE_LEN {
            return Err(NkeyError::BadSignature);
        }
        UnparsedPublicKey::new(&ED25519, &self.bytes)
            .verify(message, signature)
            .map_err(|_| NkeyError::BadSignature)
    }

    /// Checks a signature in the spelling of CONNECT's `sig`: base64url without padding, or standard base64.
    ///
    /// # Errors
    /// As [`PublicKey::verify`]; undecodable text is a [`NkeyError::BadSignature`].
    pub fn verify_text(&self, message: &[u8], signature: &str) -> Result<(), NkeyError> {
        // 64 bytes are 86 or 88 characters: nothing longer is worth decoding.
        if signature.len() > 2 * SIGNATURE_LEN {
            return Err(NkeyError::BadSignature);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(signature)
            .or_else(|_| STANDARD.decode(signature))
            .map_err(|_| NkeyError::BadSignature)?;
        self.verify(message, &bytes)
    }
}

/// Whether `text` is a public key of `kind`.
pub fn is_public_key(text: &str, kind: Kind) -> bool {
    PublicKey::parse_kind(text, kind).is_ok()
}

/// The kind of a seed, checked completely but not turned into a key.
///
/// # Errors
/// Anything that is not the one spelling of a seed.
pub fn seed_kind(seed: &str) -> Result<Kind, NkeyError> {
    encoding::decode_seed(seed).map(|(kind, _)| kind)
}

/// A signature in the spelling of CONNECT's `sig`: base64url without padding.
pub fn signature_text(signature: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(signature)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&encoding::encode_public(self.kind, &self.bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = NkeyError;

    fn from_str(text: &str) -> Result<Self, NkeyError> {
        Self::parse(text)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
