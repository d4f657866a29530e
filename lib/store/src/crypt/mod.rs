//! Encryption at rest: keys, and sealing of pieces that know their place.
//!
//! **What lives here.** [`Key`], a secret with its cipher; [`Sealer`], what is derived from it for one file; [`wrap`], keys under keys.
//!
//! **Who may call.** The rooms of this crate that write bytes.
//!
//! **What never happens here.** No key is printed. No nonce is used twice under one key: whoever asks for a [`Sealer`] brings a salt that was
//! never used before ([`fresh_salt`]), and numbers the pieces.
//!
//! **Where to start reading.** [`Key::sealer`].

pub mod wrap;

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Bytes that sealing adds.
pub const TAG: usize = 16;

/// How bytes are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cipher {
    ChaCha20Poly1305,
    Aes256Gcm,
}

impl Cipher {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::ChaCha20Poly1305 => 1,
            Self::Aes256Gcm => 2,
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::ChaCha20Poly1305 => Self::Aes256Gcm,
            Self::Aes256Gcm => Self::ChaCha20Poly1305,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::ChaCha20Poly1305),
            2 => Some(Self::Aes256Gcm),
            _ => None,
        }
    }
}

/// A secret and the cipher it is used with.
#[derive(Clone)]
pub struct Key {
    cipher: Cipher,
    secret: Arc<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("cipher", &self.cipher)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// A key from the words of an operator; any length.
    pub fn from_secret(cipher: Cipher, secret: &[u8]) -> Self {
        Self {
            cipher,
            secret: Arc::new(Zeroizing::new(secret.to_vec())),
        }
    }

    /// A key that nobody had before.
    pub fn fresh(cipher: Cipher) -> Option<Self> {
        let mut secret = Zeroizing::new(vec![0; 32]);
        rand::fill(&mut secret).ok()?;
        Some(Self {
            cipher,
            secret: Arc::new(secret),
        })
    }

    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The same secret, used with another cipher.
    #[must_use]
    pub fn with_cipher(&self, cipher: Option<Cipher>) -> Self {
        Self {
            cipher: cipher.unwrap_or(self.cipher),
            secret: Arc::clone(&self.secret),
        }
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// What seals the pieces of one file or segment: `context` says what it is for, `salt` was never used before.
    pub fn sealer(&self, context: &[u8], salt: &[u8]) -> Option<Sealer> {
        let extracted = Salt::new(HKDF_SHA256, salt).extract(&self.secret);
        let mut bytes = Zeroizing::new([0; 32]);
        extracted
            .expand(&[context, &[self.cipher.code()]], Bytes32)
            .ok()?
            .fill(&mut *bytes)
            .ok()?;
        let algorithm = match self.cipher {
            Cipher::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Cipher::Aes256Gcm => &AES_256_GCM,
        };
        let key = UnboundKey::new(algorithm, &*bytes).ok()?;
        Some(Sealer(Arc::new(LessSafeKey::new(key))))
    }
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

/// Sixteen bytes that were never used before. `None` when the operating system gives none.
pub fn fresh_salt() -> Option<[u8; 16]> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).ok()?;
    Some(salt)
}

/// Seals and opens numbered pieces.
#[derive(Clone)]
pub struct Sealer(Arc<LessSafeKey>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// Seals everything of `bytes` from `from` on as piece number `number`; `bound` must be the same when it is opened. Grows by [`TAG`].
    pub fn seal(&self, number: u64, bound: &[u8], bytes: &mut Vec<u8>, from: usize) -> Option<()> {
        let body = bytes.get_mut(from..)?;
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce(number), Aad::from(bound), body)
            .ok()?;
        bytes.extend_from_slice(tag.as_ref());
        Some(())
    }

    /// Opens piece number `number`; `None` when it is not what was sealed. `bytes` becomes the plain bytes.
    pub fn open(&self, number: u64, bound: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
        let len = self
            .0
            .open_in_place(nonce(number), Aad::from(bound), bytes)
            .ok()?
            .len();
        bytes.truncate(len);
        Some(())
    }
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    if let Some(place) = bytes.first_chunk_mut::<8>() {
        *place = number.to_le_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_at_its_place_only() {
        for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm] {
            let key = Key::from_secret(cipher, b"some words");
            let sealer = key.sealer(b"blocks", &[1; 16]).unwrap();
            let mut bytes = b"headwords".to_vec();
            sealer.seal(7, b"head", &mut bytes, 4).unwrap();
            assert_eq!(bytes.len(), 9 + TAG);
            let mut sealed = bytes.split_off(4);
            for (number, bound) in [(8, &b"head"[..]), (7, b"tail")] {
                assert!(sealer.open(number, bound, &mut sealed.clone()).is_none());
            }
            let other = key.sealer(b"blocks", &[2; 16]).unwrap();
            assert!(other.open(7, b"head", &mut sealed.clone()).is_none());
            sealer.open(7, b"head", &mut sealed).unwrap();
            assert_eq!(sealed, b"words");
        }
    }
}
