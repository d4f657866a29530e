//! The two small hashes of the NATS world: short names for names, and FNV-1a for partitions.

use aws_lc_rs::digest::{SHA256, digest};

/// The digits of all base-62 texts in NATS, in the order of their values.
pub const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// FNV-1a of no bytes, to start [`fnv1a_32_continue`] with.
pub const FNV1A_32_EMPTY: u32 = 0x811c_9dc5;

/// The 8-character hash that stands for a server, account or stream in subjects and ids.
///
/// Character i is the base-62 digit for byte i of the SHA-256, modulo 62.
pub fn name_hash_8(name: &str) -> String {
    name_hash(name, 8)
}

/// The 6-character form, used in gateway replies (`_GR_.<cluster>.<server>.…`).
pub fn name_hash_6(name: &str) -> String {
    name_hash(name, 6)
}

/// FNV-1a, 32 bits.
pub fn fnv1a_32(bytes: &[u8]) -> u32 {
    fnv1a_32_continue(FNV1A_32_EMPTY, bytes)
}

/// The hash of what was hashed before with `bytes` behind it.
pub fn fnv1a_32_continue(hash: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(hash, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

fn name_hash(name: &str, len: usize) -> String {
    digest(&SHA256, name.as_bytes())
        .as_ref()
        .iter()
        .take(len)
        .filter_map(|&byte| BASE62.get(usize::from(byte) % BASE62.len()))
        .map(|&digit| char::from(digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_vectors_hold() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/reference/vectors/name-hash.json"
        );
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if std::env::var_os("NATS_REQUIRE_ALL").is_some() => panic!("{path}: {e}"),
            Err(_) => {
                eprintln!("SKIPPED: reference/vectors/name-hash.json is not here");
                return;
            }
        };
        let table: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(
            table["digits"].as_str().map(str::as_bytes),
            Some(&BASE62[..])
        );
        let rows = table["vectors"].as_array().expect("vectors");
        assert!(!rows.is_empty());
        for row in rows {
            let name = row["name"].as_str().expect("name");
            assert_eq!(row["hash8"].as_str(), Some(&*name_hash_8(name)));
            assert_eq!(row["hash6"].as_str(), Some(&*name_hash_6(name)));
        }
    }

    /// Values published with the algorithm.
    #[test]
    fn fnv_is_that_of_its_authors() {
        assert_eq!(fnv1a_32(b""), 0x811c_9dc5);
        assert_eq!(fnv1a_32(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a_32(b"foobar"), 0xbf9c_f968);
        assert_eq!(
            fnv1a_32_continue(fnv1a_32(b"foo"), b"bar"),
            fnv1a_32(b"foobar")
        );
    }
}
