//! Keys under keys: each asset has a key of its own, and its file holds it sealed under the operator's. A new operator's key re-wraps, it
//! does not rewrite data.

use super::{Cipher, Key, fresh_salt};
use crate::codec::{Reader, crc};

/// First bytes of a key file; the last one is the version.
const MAGIC: [u8; 8] = *b"NATSKEY\x01";

/// What opening a key file says.
#[derive(Debug)]
pub enum Unwrapped {
    Key(Key),
    /// The file is whole, the operator's key is another one.
    WrongKey,
    Damaged,
}

/// The content of a key file: `inner` sealed under `outer`, twice, so that one damaged copy does not lose everything.
pub fn wrap(outer: &Key, inner: &Key, context: &[u8]) -> Option<Vec<u8>> {
    let mut copy = MAGIC.to_vec();
    let salt = fresh_salt()?;
    copy.push(outer.cipher().code());
    copy.push(inner.cipher().code());
    copy.extend_from_slice(&salt);
    let from = copy.len();
    copy.extend_from_slice(inner.secret());
    let bound = copy.get(..from)?.to_vec();
    outer
        .sealer(context, &salt)?
        .seal(0, &bound, &mut copy, from)?;
    let sum = crc(&copy);
    copy.extend_from_slice(&sum.to_le_bytes());
    copy.extend_from_within(..);
    Some(copy)
}

/// Reads a key file's content.
pub fn unwrap(outer: &Key, bytes: &[u8], context: &[u8]) -> Unwrapped {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut outcome = Unwrapped::Damaged;
    for copy in [first, second] {
        match unwrap_copy(outer, copy, context) {
            Some(Unwrapped::Key(key)) => return Unwrapped::Key(key),
            Some(wrong) => outcome = wrong,
            None => {}
        }
    }
    outcome
}

fn unwrap_copy(outer: &Key, copy: &[u8], context: &[u8]) -> Option<Unwrapped> {
    let (body, sum) = copy.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc(body) {
        return None;
    }
    let mut reader = Reader::new(body);
    if reader.array::<8>()? != MAGIC {
        return None;
    }
    let outer_cipher = Cipher::from_code(reader.u8()?)?;
    let inner_cipher = Cipher::from_code(reader.u8()?)?;
    let salt = reader.array::<16>()?;
    let bound = body.get(..26)?;
    let outer = Key {
        cipher: outer_cipher,
        secret: outer.secret.clone(),
    };
    let mut secret = zeroize::Zeroizing::new(reader.rest().to_vec());
    match outer.sealer(context, &salt)?.open(0, bound, &mut secret) {
        Some(()) => Some(Unwrapped::Key(Key::from_secret(inner_cipher, &secret))),
        None => Some(Unwrapped::WrongKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_opens_with_its_own_key_and_survives_one_damaged_copy() {
        let outer = Key::from_secret(Cipher::ChaCha20Poly1305, b"one");
        let other = Key::from_secret(Cipher::ChaCha20Poly1305, b"two");
        let inner = Key::fresh(Cipher::Aes256Gcm).unwrap();
        let file = wrap(&outer, &inner, b"stream").unwrap();
        let opened = |key: &Key, bytes: &[u8]| match unwrap(key, bytes, b"stream") {
            Unwrapped::Key(key) => Some(key.secret().to_vec()),
            Unwrapped::WrongKey => Some(b"wrong".to_vec()),
            Unwrapped::Damaged => None,
        };
        assert_eq!(opened(&outer, &file).unwrap(), inner.secret());
        assert_eq!(opened(&other, &file).unwrap(), b"wrong");
        let mut damaged = file.clone();
        damaged[30] ^= 4;
        assert_eq!(opened(&outer, &damaged).unwrap(), inner.secret());
        damaged[file.len() / 2 + 30] ^= 4;
        assert!(opened(&outer, &damaged).is_none());
    }
}
