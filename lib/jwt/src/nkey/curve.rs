//! Keys that seal and open: xkeys.

use std::fmt;

use aws_lc_rs::agreement;
use nkeys::XKey;
use zeroize::Zeroizing;

use super::pair::random_seed;
use super::{Kind, NkeyError, PublicKey, encoding};
use crate::secret::Secret;

/// An X25519 key for sealed messages: `xkv1`, 24 bytes nonce, NaCl box (XSalsa20-Poly1305). Prints as its public key.
pub struct CurveKey {
    public: PublicKey,
    seed: Zeroizing<[u8; 32]>,
    key: XKey,
}

impl CurveKey {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`NkeyError::NoRandomness`].
    pub fn generate() -> Result<Self, NkeyError> {
        Self::from_raw(random_seed()?)
    }

    /// Reads a curve seed (`SX…`).
    ///
    /// # Errors
    /// Anything that is not the one spelling of a seed; [`NkeyError::WrongKind`] for signing keys.
    pub fn from_seed(seed: &str) -> Result<Self, NkeyError> {
        match encoding::decode_seed(seed)? {
            (Kind::Curve, seed) => Self::from_raw(seed),
            (found, _) => Err(NkeyError::WrongKind {
                found,
                wanted: Kind::Curve,
            }),
        }
    }

    fn from_raw(seed: Zeroizing<[u8; 32]>) -> Result<Self, NkeyError> {
        let key = XKey::new_from_raw(*seed);
        let public = PublicKey::parse_kind(&key.public_key(), Kind::Curve)?;
        Ok(Self { public, seed, key })
    }

    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// The encoded seed.
    pub fn seed(&self) -> Secret {
        Secret::new(encoding::encode_seed(Kind::Curve, &self.seed))
    }

    /// Seals `message` so that only the owner of `recipient` can open it, and knows that it came from us.
    ///
    /// # Errors
    /// [`NkeyError::WrongKind`], and [`NkeyError::CannotSeal`] for a public key with which there is no secret.
    pub fn seal(&self, message: &[u8], recipient: &PublicKey) -> Result<Vec<u8>, NkeyError> {
        let peer = self.peer(recipient, NkeyError::CannotSeal)?;
        self.key
            .seal(message, &peer)
            .map_err(|_| NkeyError::CannotSeal)
    }

    /// Opens what the owner of `sender` sealed for us.
    ///
    /// # Errors
    /// [`NkeyError::WrongKind`], and [`NkeyError::CannotOpen`] for anything cut, changed or sealed by or for others.
    pub fn open(&self, sealed: &[u8], sender: &PublicKey) -> Result<Vec<u8>, NkeyError> {
        let peer = self.peer(sender, NkeyError::CannotOpen)?;
        self.key
            .open(sealed, &peer)
            .map_err(|_| NkeyError::CannotOpen)
    }

    /// The other side's key, after making sure that the two of us have a secret: with one of the few points of small
    /// order the "shared secret" is all zero for everybody (the root of CVE-2023-46129), which aws-lc refuses.
    fn peer(&self, public: &PublicKey, refused: NkeyError) -> Result<XKey, NkeyError> {
        if public.kind() != Kind::Curve {
            return Err(NkeyError::WrongKind {
                found: public.kind(),
                wanted: Kind::Curve,
            });
        }
        let own = agreement::PrivateKey::from_private_key(&agreement::X25519, &*self.seed)
            .map_err(|_| refused)?;
        let other = agreement::UnparsedPublicKey::new(&agreement::X25519, public.as_bytes());
        agreement::agree(&own, other, refused, |_secret| Ok(()))?;
        XKey::from_public_key(&public.to_string()).map_err(|_| refused)
    }
}

impl fmt::Debug for CurveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CurveKey({})", self.public)
    }
}
