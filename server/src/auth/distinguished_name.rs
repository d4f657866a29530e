//! Distinguished names as text (RFC 4514) and how two of them compare: exactly, or in another order.

use std::collections::BTreeMap;

/// A distinguished name: relative names from the most specific to the least, as RFC 4514 writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<RelativeName>);

/// One level of a name: attributes without an order. Types are in upper case, values are exact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelativeName(Vec<Attribute>);

type Attribute = (String, String);

impl DistinguishedName {
    /// From relative names, the most specific first. A name without any level is none.
    pub fn new(levels: impl IntoIterator<Item = RelativeName>) -> Option<Self> {
        let levels: Vec<_> = levels.into_iter().collect();
        (!levels.is_empty()).then_some(Self(levels))
    }

    /// Reads `CN=a+UID=b,O=c`. `None` for everything that is not a complete name; hexadecimal BER values (`#04…`) are not read.
    ///
    /// Source: RFC 4514 section 3, and the reference for blanks, which are ignored around types and values unless escaped.
    pub fn parse(text: &str) -> Option<Self> {
        let levels = split_unescaped(text, ',')?
            .into_iter()
            .map(|level| {
                let attributes: Option<Vec<_>> = split_unescaped(level, '+')?
                    .into_iter()
                    .map(parse_attribute)
                    .collect();
                Some(RelativeName::new(attributes?))
            })
            .collect::<Option<Vec<_>>>()?;
        Self::new(levels)
    }

    /// Whether `other` has the same levels in any order.
    pub fn is_reordered(&self, other: &Self) -> bool {
        let count = |name: &Self| {
            let mut levels = BTreeMap::new();
            for level in &name.0 {
                *levels.entry(level.clone()).or_insert(0_usize) += 1;
            }
            levels
        };
        self.0.len() == other.0.len() && count(self) == count(other)
    }
}

impl RelativeName {
    /// From attributes in any order.
    pub fn new(attributes: impl IntoIterator<Item = Attribute>) -> Self {
        let mut attributes: Vec<_> = attributes
            .into_iter()
            .map(|(kind, value)| (kind.to_ascii_uppercase(), value))
            .collect();
        attributes.sort_unstable();
        Self(attributes)
    }
}

/// Parts between separators that no backslash precedes; `None` when a backslash is the last character.
fn split_unescaped(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(text.get(start..at)?);
            start = at + c.len_utf8();
        }
    }
    parts.push(text.get(start..)?);
    (!escaped).then_some(parts)
}

fn parse_attribute(text: &str) -> Option<Attribute> {
    let (kind, value) = text.split_once('=')?;
    let (kind, value) = (unescape(kind)?, value.trim_start_matches(' '));
    if kind.is_empty() || value.starts_with('#') {
        return None;
    }
    Some((kind, unescape(value)?))
}

/// Takes blanks off both ends, then the escapes out: `\,` and `\2C` are both a comma.
fn unescape(text: &str) -> Option<String> {
    let (mut bytes, mut kept) = (Vec::with_capacity(text.len()), 0);
    let mut rest = text.trim_start_matches(' ').bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            // A blank at the end counts only if it was escaped.
            kept = if byte == b' ' { kept } else { bytes.len() };
            continue;
        }
        match rest.next()? {
            special @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\') => {
                bytes.push(special);
            }
            high => bytes.push(hex(high)? << 4 | hex(rest.next()?)?),
        }
        kept = bytes.len();
    }
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dn(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap_or_else(|| panic!("{text} is a name"))
    }

    #[test]
    fn names_that_are_equal() {
        for (a, b) in [
            ("CN=bob,O=acme", "cn=bob,o=acme"),
            ("CN=bob, O=acme ", " CN = bob,O=acme"),
            ("CN=bob+UID=7,O=acme", "UID=7+CN=bob,O=acme"),
            (r"CN=Smith\, Bob,O=x", r"CN=Smith\2C Bob,O=x"),
            (r"CN=bob\ ,O=x", r"CN=bob\20,O=x"),
            ("CN=a=b,O=x", r"CN=a\=b,O=x"),
            (r"CN=\e4\bd\a0", "CN=你"),
        ] {
            assert_eq!(dn(a), dn(b), "{a} and {b}");
        }
    }

    #[test]
    fn names_that_differ() {
        for (a, b) in [
            ("CN=bob,O=acme", "CN=Bob,O=acme"),
            ("CN=bob,O=acme", "CN=bob,O=acme,O=acme"),
            ("CN=bob,O=acme", "CN=bob"),
            ("CN=bob,O=acme", "CN=bob+O=acme"),
            ("CN=bob,O=acme", "CN=*,O=acme"),
            ("CN=bob,OU=a,OU=b", "CN=bob,OU=a+OU=b"),
            ("OU=a+OU=a+OU=b", "OU=a+OU=b+OU=b"),
            (r"CN=bob\ ,O=x", "CN=bob,O=x"),
            ("CN=bob", "CN="),
        ] {
            assert_ne!(dn(a), dn(b), "{a} and {b}");
            assert!(!dn(a).is_reordered(&dn(b)), "{a} and {b}");
        }
    }

    #[test]
    fn another_order_of_the_levels_is_recognised_and_nothing_else() {
        let name = dn("CN=bob,OU=a,OU=b,DC=com,DC=acme");
        assert!(name.is_reordered(&dn("DC=acme,DC=com,OU=b,OU=a,CN=bob")));
        assert!(name.is_reordered(&name));
        assert!(!name.is_reordered(&dn("CN=bob,OU=a,OU=a,DC=com,DC=acme")));
        assert!(!name.is_reordered(&dn("CN=bob,OU=a,OU=b,DC=com")));
        assert_ne!(name, dn("DC=acme,DC=com,OU=b,OU=a,CN=bob"));
    }

    #[test]
    fn what_is_no_complete_name_is_none() {
        for text in [
            "",
            "bob",
            "=",
            "=bob",
            "CN=bob,",
            ",CN=bob",
            "CN=bob,O",
            "CN=bob++O=x",
            "CN=bob\\",
            r"CN=\z1",
            r"CN=\4",
            "CN=#0401ff",
            r"CN=\ff",
            "bob@acme.com",
            "*",
        ] {
            assert_eq!(DistinguishedName::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,40}|[CNO=,+\\\\ #0-9a-f]{0,40}") {
            let _ = DistinguishedName::parse(&text);
        }
    }
}
