//! The document of an asset: who it is, and its configuration as bytes that only the rooms above understand.

use super::names::Incarnation;
use crate::codec::{Reader, crc, put_bytes};
use crate::crypt::{Key, fresh_salt};

const MAGIC: [u8; 8] = *b"NATSMET\x01";
const SEAL_CONTEXT: &[u8] = b"nats store asset document";

/// What is on record about a stream or a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetDocument {
    pub account: String,
    pub stream: String,
    /// Empty for the stream itself.
    pub consumer: String,
    pub incarnation: Incarnation,
    /// Options of the store, see [`super::StreamOptions`].
    pub options: u8,
    /// The configuration, as the rooms above write it.
    pub meta: Vec<u8>,
}

/// What reading a document says.
#[derive(Debug)]
pub enum Read {
    Document {
        document: AssetDocument,
        /// Sealed under another key than the one that is used now, or not sealed although there is one.
        stale: bool,
    },
    /// Sealed, and none of the keys opens it.
    WrongKey,
    Damaged,
}

impl AssetDocument {
    /// The file's content: twice, so that one damaged copy does not matter. `None`: no random numbers.
    pub fn encode(&self, key: Option<&Key>) -> Option<Vec<u8>> {
        let mut bytes = self.copy(key)?;
        bytes.extend_from_within(..);
        Some(bytes)
    }

    /// One copy. The configuration is sealed when there is a key.
    pub fn copy(&self, key: Option<&Key>) -> Option<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(u8::from(key.is_some()));
        bytes.push(self.options);
        bytes.extend_from_slice(&self.incarnation.0);
        for name in [&self.account, &self.stream, &self.consumer] {
            put_bytes(&mut bytes, name.as_bytes());
        }
        let mut meta = self.meta.clone();
        if let Some(key) = key {
            let salt = fresh_salt()?;
            bytes.push(key.cipher().code());
            bytes.extend_from_slice(&salt);
            key.sealer(SEAL_CONTEXT, &salt)?
                .seal(0, &self.incarnation.0, &mut meta, 0)?;
        }
        put_bytes(&mut bytes, &meta);
        let sum = crc(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        Some(bytes)
    }

    /// Reads one copy that is not sealed.
    pub fn from_copy(bytes: &[u8]) -> Option<Self> {
        match decode_copy(bytes, &[])? {
            Read::Document { document, .. } => Some(document),
            Read::WrongKey | Read::Damaged => None,
        }
    }

    /// Reads a file's content; `keys` are tried in turn, the first is the one that is used now.
    pub fn decode(bytes: &[u8], keys: &[Key]) -> Read {
        let (one, other) = bytes.split_at(bytes.len() / 2);
        [one, other]
            .into_iter()
            .find_map(|copy| decode_copy(copy, keys))
            .unwrap_or(Read::Damaged)
    }
}

fn decode_copy(bytes: &[u8], keys: &[Key]) -> Option<Read> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc(body) {
        return None;
    }
    let mut reader = Reader::new(body);
    if reader.array::<8>()? != MAGIC {
        return None;
    }
    let sealed = reader.u8()? == 1;
    let options = reader.u8()?;
    let incarnation = Incarnation(reader.array()?);
    let mut name = || String::from_utf8(reader.bytes()?.to_vec()).ok();
    let mut document = AssetDocument {
        account: name()?,
        stream: name()?,
        consumer: name()?,
        incarnation,
        options,
        meta: Vec::new(),
    };
    if !sealed {
        document.meta = reader.bytes()?.to_vec();
        let stale = !keys.is_empty();
        return Some(Read::Document { document, stale });
    }
    let cipher = crate::crypt::Cipher::from_code(reader.u8()?)?;
    let salt = reader.array::<16>()?;
    let meta = reader.bytes()?;
    for (index, key) in keys.iter().enumerate() {
        let mut plain = meta.to_vec();
        let sealer = key.with_cipher(Some(cipher)).sealer(SEAL_CONTEXT, &salt)?;
        if sealer.open(0, &incarnation.0, &mut plain).is_some() {
            document.meta = plain;
            let stale = index > 0 || key.cipher() != cipher;
            return Some(Read::Document { document, stale });
        }
    }
    Some(Read::WrongKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypt::Cipher;

    #[test]
    fn a_document_comes_back_with_its_key_and_survives_one_damaged_copy() {
        let document = AssetDocument {
            account: "A".to_owned(),
            stream: "ORDERS".to_owned(),
            consumer: String::new(),
            incarnation: Incarnation([3; 16]),
            options: 1,
            meta: b"{\"name\":\"ORDERS\"}".to_vec(),
        };
        let plain = document.encode(None).unwrap();
        for at in 0..plain.len() {
            let mut rotten = plain.clone();
            rotten[at] ^= 16;
            assert!(
                matches!(AssetDocument::decode(&rotten, &[]), Read::Document { document: d, .. } if d == document)
            );
        }
        let key = Key::from_secret(Cipher::ChaCha20Poly1305, b"one");
        let other = Key::from_secret(Cipher::Aes256Gcm, b"two");
        let sealed = document.encode(Some(&key)).unwrap();
        assert!(!sealed.windows(4).any(|w| w == b"name"));
        assert!(matches!(
            AssetDocument::decode(&sealed, std::slice::from_ref(&other)),
            Read::WrongKey
        ));
        assert!(
            matches!(AssetDocument::decode(&sealed, &[other, key]), Read::Document { document: d, stale: true } if d == document)
        );
    }
}
