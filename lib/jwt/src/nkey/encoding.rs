//! The spelling of keys: base32 without padding over prefix, 32 bytes and a CRC-16 (XMODEM, little endian).

use data_encoding::BASE32_NOPAD;
use zeroize::{Zeroize, Zeroizing};

use super::{Kind, NkeyError, PUBLIC_LEN, SEED_LEN};

/// Prefix of a seed: the upper five bits of the first byte; the kind's prefix follows in the next eight.
const SEED_PREFIX: u8 = 18 << 3;
/// Bytes behind the base32 of a public key: prefix, key, checksum.
const PUBLIC_RAW_LEN: usize = 1 + 32 + 2;
/// Bytes behind the base32 of a seed: two for both prefixes, seed, checksum.
const SEED_RAW_LEN: usize = 2 + 32 + 2;

pub(super) fn decode_public(text: &str) -> Result<(Kind, [u8; 32]), NkeyError> {
    if text.len() == SEED_LEN && decode_seed(text).is_ok() {
        return Err(NkeyError::IsSeed);
    }
    let raw: Zeroizing<[u8; PUBLIC_RAW_LEN]> = decode(text, PUBLIC_LEN)?;
    let [prefix, key @ .., _, _] = &*raw;
    let kind = Kind::from_prefix(*prefix).ok_or(NkeyError::BadPrefix)?;
    Ok((kind, *key))
}

pub(super) fn decode_seed(text: &str) -> Result<(Kind, Zeroizing<[u8; 32]>), NkeyError> {
    if text.len() == PUBLIC_LEN && decode_public(text).is_ok() {
        return Err(NkeyError::NotSeed);
    }
    let raw: Zeroizing<[u8; SEED_RAW_LEN]> = decode(text, SEED_LEN)?;
    let [first, second, seed @ .., _, _] = &*raw;
    if first & 0b1111_1000 != SEED_PREFIX {
        return Err(NkeyError::NotSeed);
    }
    let prefix = ((first & 0b111) << 5) | (second >> 3);
    // The three bits below the kind are not part of anything.
    if second & 0b111 != 0 {
        return Err(NkeyError::BadPrefix);
    }
    let kind = Kind::from_prefix(prefix).ok_or(NkeyError::BadPrefix)?;
    Ok((kind, Zeroizing::new(*seed)))
}

pub(super) fn encode_public(kind: Kind, key: &[u8; 32]) -> String {
    let mut raw = Vec::with_capacity(PUBLIC_RAW_LEN);
    raw.push(kind.prefix());
    raw.extend_from_slice(key);
    encode(raw)
}

pub(super) fn encode_seed(kind: Kind, seed: &[u8; 32]) -> String {
    let mut raw = Vec::with_capacity(SEED_RAW_LEN);
    raw.push(SEED_PREFIX | (kind.prefix() >> 5));
    raw.push((kind.prefix() & 0b1_1111) << 3);
    raw.extend_from_slice(seed);
    encode(raw)
}

/// Decodes exactly `len` characters to `RAW` bytes and checks the checksum in the last two. Wipes what it decoded.
fn decode<const RAW: usize>(text: &str, len: usize) -> Result<Zeroizing<[u8; RAW]>, NkeyError> {
    let found = text.len();
    if found != len {
        return Err(NkeyError::BadLength { found });
    }
    let mut raw = Zeroizing::new([0u8; RAW]);
    if BASE32_NOPAD.decode_len(len) != Ok(RAW) {
        return Err(NkeyError::BadEncoding);
    }
    BASE32_NOPAD
        .decode_mut(text.as_bytes(), &mut *raw)
        .map_err(|_| NkeyError::BadEncoding)?;
    match &raw[..] {
        [body @ .., low, high] if crc16(body).to_le_bytes() == [*low, *high] => Ok(raw),
        _ => Err(NkeyError::BadChecksum),
    }
}

fn encode(mut raw: Vec<u8>) -> String {
    raw.extend_from_slice(&crc16(&raw).to_le_bytes());
    let text = BASE32_NOPAD.encode(&raw);
    raw.zeroize();
    text
}

/// CRC-16/XMODEM: polynomial 0x1021, initial value 0. Keys are 34 bytes and rare, so bit by bit will do.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}
