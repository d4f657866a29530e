//! Keys that sign.

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use super::{Kind, NkeyError, PublicKey, SIGNATURE_LEN, encoding, signature_text};
use crate::secret::Secret;

/// A signing key of any kind but [`Kind::Curve`]. Prints as its public key.
pub struct KeyPair {
    public: PublicKey,
    seed: Zeroizing<[u8; 32]>,
    signer: Ed25519KeyPair,
}

impl KeyPair {
    /// Makes a new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`NkeyError::CurveCannotSign`], [`NkeyError::NoRandomness`].
    pub fn generate(kind: Kind) -> Result<Self, NkeyError> {
        Self::from_raw(kind, random_seed()?)
    }

    /// Reads a seed (`SU…`, `SA…`, `SO…`, `SN…`, `SC…`).
    ///
    /// # Errors
    /// Anything that is not the one spelling of a seed, and curve seeds.
    pub fn from_seed(seed: &str) -> Result<Self, NkeyError> {
        let (kind, seed) = encoding::decode_seed(seed)?;
        Self::from_raw(kind, seed)
    }

    /// Makes the key of `kind` that has these 32 bytes as its seed.
    ///
    /// # Errors
    /// [`NkeyError::CurveCannotSign`].
    pub fn from_raw(kind: Kind, seed: Zeroizing<[u8; 32]>) -> Result<Self, NkeyError> {
        if kind == Kind::Curve {
            return Err(NkeyError::CurveCannotSign);
        }
        // Fails only for a wrong length, which the type excludes.
        let signer = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| NkeyError::NotSeed)?;
        let bytes =
            <[u8; 32]>::try_from(signer.public_key().as_ref()).map_err(|_| NkeyError::NotSeed)?;
        Ok(Self {
            public: PublicKey { kind, bytes },
            seed,
            signer,
        })
    }

    pub fn kind(&self) -> Kind {
        self.public.kind
    }

    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// The encoded seed.
    pub fn seed(&self) -> Secret {
        Secret::new(encoding::encode_seed(self.kind(), &self.seed))
    }

    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let mut signature = [0; SIGNATURE_LEN];
        let made = self.signer.sign(message);
        // Ed25519 signatures have this length by definition; zip cannot panic if a library should think otherwise.
        for (to, from) in signature.iter_mut().zip(made.as_ref()) {
            *to = *from;
        }
        signature
    }

    /// The signature over `message` in the spelling of CONNECT's `sig`.
    pub fn sign_text(&self, message: &[u8]) -> String {
        signature_text(&self.sign(message))
    }

    /// See [`PublicKey::verify`].
    ///
    /// # Errors
    /// [`NkeyError::BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), NkeyError> {
        self.public.verify(message, signature)
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPair({})", self.public)
    }
}

pub(super) fn random_seed() -> Result<Zeroizing<[u8; 32]>, NkeyError> {
    let mut seed = Zeroizing::new([0; 32]);
    // From the system: the first use of the crypto library's generator takes 50 ms.
    getrandom::fill(&mut *seed).map_err(|_| NkeyError::NoRandomness)?;
    Ok(seed)
}
