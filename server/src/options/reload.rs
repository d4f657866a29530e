//! What a reload would change, and whether it may.

use std::fmt;

use super::table::{Effect, differences};
use super::{Options, top};

/// One changed setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Path of the key, like `cluster.routes`.
    pub key: String,
    /// The value before; secrets are not shown.
    pub old: String,
    /// The value after; secrets are not shown.
    pub new: String,
    /// What becomes of it.
    pub effect: Effect,
}

impl fmt::Display for Change {
    /// The words of the reference when a change needs a restart, and similar ones when it is applied.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            old,
            new,
            effect,
        } = self;
        match effect {
            Effect::NeedsRestart => write!(
                f,
                "config reload not supported for {}: old={}, new={}",
                field(key),
                plain(old),
                plain(new)
            ),
            Effect::Applied(_) => write!(f, "Reloaded: {key} = {}", plain(new)),
        }
    }
}

/// A key in the spelling that the reference logs and tools look for: `server_name` is `ServerName`.
fn field(key: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    };
    let part = |part: &str| part.split('_').map(capital).collect::<String>();
    key.split('.').map(part).collect::<Vec<_>>().join(".")
}

/// A value without the marks of "perhaps absent" and of text.
fn plain(value: &str) -> &str {
    let inner = value
        .strip_prefix("Some(")
        .and_then(|v| v.strip_suffix(')'));
    match inner.unwrap_or(value) {
        "None" => "",
        v => v
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .unwrap_or(v),
    }
}

/// All changes between two configurations, in the order of the manual.
///
/// A reload is one transaction: when any change [`Effect::NeedsRestart`], nothing must be applied.
pub fn diff(old: &Options, new: &Options) -> Vec<Change> {
    let all = top::TABLES
        .iter()
        .flat_map(|(_, keys)| differences(old, new, keys));
    let change = |difference: super::table::Difference| Change {
        key: difference.path,
        old: difference.old,
        new: difference.new,
        effect: difference.effect.unwrap_or(Effect::NeedsRestart),
    };
    all.map(change).collect()
}
