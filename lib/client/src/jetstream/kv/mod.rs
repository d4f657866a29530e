//! Key-value buckets: a stream whose subjects are keys. Source: ADR-8, ADR-48, ADR-57.
//!
//! What lives here: making and finding buckets ([`KvConfig`]), reading and writing one ([`Bucket`]), watching it
//! ([`Watcher`]). A bucket `B` is the stream `KV_B`; a key `k` is its subject `$KV.B.k`.
//!
//! ```no_run
//! # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
//! use nats_client::jetstream::kv::KvConfig;
//! let settings = js.create_kv(&KvConfig { bucket: "settings".into(), history: 5, ..KvConfig::default() }).await?;
//! let revision = settings.put("colour", "blue").await?;
//! settings.update("colour", "green", revision).await?;
//! if let Some(entry) = settings.get("colour").await? {
//!     println!("{} since revision {}", String::from_utf8_lossy(&entry.value), entry.revision);
//! }
//! # Ok(()) }
//! ```

mod bucket;
mod config;
mod entry;
mod watch;

pub use bucket::{Bucket, KvStatus, PurgeDeletes};
pub use config::KvConfig;
pub use entry::{Entry, Operation};
pub use watch::{Update, WatchOptions, WatchWhat, Watcher};

use super::error::JetStreamError;

/// Most values of one key that a bucket keeps.
pub const HISTORY_MAX: i64 = 64;

/// What buckets' streams are called.
pub const STREAM_PREFIX: &str = "KV_";

/// Whether `name` can be the name of a bucket: letters, digits, `-` and `_`.
pub fn is_bucket_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether `key` can be a key: tokens of letters, digits and `-/_=`, with single dots between them.
pub fn is_key(key: &str) -> bool {
    key.split('.').all(|token| {
        !token.is_empty()
            && token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'/' | b'_' | b'='))
    })
}

/// Whether `pattern` can choose keys: a key in which tokens may be `*`, and the last `>`.
pub fn is_key_pattern(pattern: &str) -> bool {
    match pattern.strip_suffix('>') {
        Some("") => true,
        Some(before) => before.strip_suffix('.').is_some_and(is_key_pattern_tokens),
        None => is_key_pattern_tokens(pattern),
    }
}

fn is_key_pattern_tokens(pattern: &str) -> bool {
    pattern
        .split('.')
        .all(|token| token == "*" || is_key(token))
}

fn check_bucket(name: &str) -> Result<(), JetStreamError> {
    if is_bucket_name(name) {
        return Ok(());
    }
    Err(JetStreamError::Name {
        what: "bucket",
        name: name.to_owned(),
        problem: "letters, digits, '-' and '_' only",
    })
}

fn check_key(key: &str) -> Result<(), JetStreamError> {
    if is_key(key) {
        return Ok(());
    }
    Err(JetStreamError::Name {
        what: "key",
        name: key.to_owned(),
        problem: "letters, digits and '-/_=.' only, without empty tokens",
    })
}

fn check_pattern(pattern: &str) -> Result<(), JetStreamError> {
    if is_key_pattern(pattern) {
        return Ok(());
    }
    Err(JetStreamError::Name {
        what: "key pattern",
        name: pattern.to_owned(),
        problem: "a key, with '*' for one token or '>' for the rest",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_buckets_and_keys_are_checked() {
        for name in ["a", "A-1_b"] {
            assert!(is_bucket_name(name), "{name}");
        }
        for name in ["", "a.b", "a b", "a>", "ä"] {
            assert!(!is_bucket_name(name), "{name}");
        }
        for key in ["a", "a.b", "a/b=c_d-e.1"] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "", ".", "a.", ".a", "a..b", "a*", "a.>", "a b", "a\r\nb", "ä",
        ] {
            assert!(!is_key(key), "{key}");
        }
        for pattern in [">", "*", "a.*", "a.>", "*.b", "a.b"] {
            assert!(is_key_pattern(pattern), "{pattern}");
        }
        for pattern in ["", "a>", "a.>.b", "a*.b", "a..b", "."] {
            assert!(!is_key_pattern(pattern), "{pattern}");
        }
    }
}
