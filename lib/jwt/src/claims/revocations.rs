use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// As a key: all keys.
pub const EVERYBODY: &str = "*";

/// Public keys, or [`EVERYBODY`], whose tokens no longer count when they were issued at or before a time (seconds since
/// 1970).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revocations(BTreeMap<String, i64>);

impl Revocations {
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(key, &at)| (key.as_str(), at))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that stands beside exactly this key.
    pub fn get(&self, key: &str) -> Option<i64> {
        self.0.get(key).copied()
    }

    /// Revokes what was issued for `key` up to and including `at`. A later time that stands there already is kept.
    pub fn revoke(&mut self, key: &str, at: i64) {
        let time = self.0.entry(key.to_owned()).or_insert(at);
        *time = at.max(*time);
    }

    /// Whether it was there.
    pub fn clear(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }

    /// Whether a token for `key` that was issued at `issued_at` is revoked, by its own entry or by that for everybody.
    pub fn is_revoked(&self, key: &str, issued_at: i64) -> bool {
        [key, EVERYBODY]
            .iter()
            .any(|key| self.get(key).is_some_and(|at| at >= issued_at))
    }

    /// Removes the entries that the one for everybody covers, and returns them.
    pub fn compact(&mut self) -> Vec<(String, i64)> {
        let Some(all) = self.get(EVERYBODY) else {
            return Vec::new();
        };
        let mut removed = Vec::new();
        self.0.retain(|key, at| {
            let keep = key == EVERYBODY || *at > all;
            if !keep {
                removed.push((key.clone(), *at));
            }
            keep
        });
        removed
    }
}
