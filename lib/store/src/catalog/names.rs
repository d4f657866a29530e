//! Names of assets as names of files.

use crate::log::GroupId;

/// Identity of one life of an asset: one that is created again under the same name has another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub [u8; 16]);

impl Incarnation {
    /// The group under which the asset writes to the log: the last eight bytes.
    pub fn group(&self) -> GroupId {
        let [.., a, b, c, d, e, f, g, h] = self.0;
        GroupId(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}

impl std::fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// Longest part of a file's name that comes from an asset's name; longer ones are cut, the document inside has the whole name.
const NAME_MAX: usize = 100;

/// A name that every file system takes: letters, digits, `-` and `_` as they are, everything else as `%` and two hex digits.
pub fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for byte in name.bytes() {
        let piece = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        if safe.len().saturating_add(piece.len()) > NAME_MAX {
            break;
        }
        safe.push_str(&piece);
    }
    safe
}

/// The name of an asset's directory or file: its own, and the group, so that two lives never share one.
pub fn asset_name(name: &str, incarnation: &Incarnation) -> String {
    format!("{}.{:016x}", file_name(name), incarnation.group().0)
}

/// What [`file_name`] made of an asset's name, without the group.
pub fn asset_in(asset: &str) -> &str {
    asset.rsplit_once('.').map_or(asset, |(name, _)| name)
}

/// The name of which [`file_name`] made this; of a long one, its beginning.
pub fn name_in(file: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = file;
    while let Some((plain, coded)) = rest.split_once('%') {
        bytes.extend_from_slice(plain.as_bytes());
        let (hex, after) = coded.split_at_checked(2).unwrap_or((coded, ""));
        match u8::from_str_radix(hex, 16) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(format!("%{hex}").as_bytes()),
        }
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The group in such a name.
pub fn group_of(asset: &str) -> Option<GroupId> {
    let (_, hex) = asset.rsplit_once('.')?;
    if hex.len() != 16 {
        return None;
    }
    u64::from_str_radix(hex, 16).ok().map(GroupId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_tell_lives_apart() {
        let one = Incarnation([1; 16]);
        assert_eq!(asset_name("ORDERS", &one), "ORDERS.0101010101010101");
        assert_eq!(file_name("../a b/ä"), "%2E%2E%2Fa%20b%2F%C3%A4");
        assert!(file_name(&"x".repeat(1000)).len() <= NAME_MAX);
        for name in ["ORDERS", "../a b/ä", "50%", "", "$G"] {
            let file = asset_name(name, &one);
            assert_eq!(name_in(asset_in(&file)), name);
        }
        for strange in ["%", "%4", "%zz", "a%C3", "%ä"] {
            assert!(!name_in(strange).is_empty());
        }
        assert_eq!(
            group_of(&asset_name("a.b", &one)),
            Some(GroupId(0x0101_0101_0101_0101))
        );
        assert_eq!(group_of("msgs"), None);
    }
}
