//! How two subjects relate: match, subset, collision.
//!
//! All three are exact for valid subjects (the property tests compare them with an enumeration of literals). The
//! reference looks at the first byte of a token only in two of them and so takes `*foo` for a wildcard in a filter; we
//! treat it as the literal it is, everywhere.

use super::{ANY_TAIL, ANY_TOKEN, SEPARATOR, tokens};

/// Whether the literal subject `literal` is among those that `pattern` stands for.
///
/// Wildcards in `literal` are taken as ordinary tokens. Both should be valid; empty tokens match nothing but themselves.
#[inline]
pub fn matches(literal: &[u8], pattern: &[u8]) -> bool {
    let mut literal = tokens(literal);
    for want in tokens(pattern) {
        if want == [ANY_TAIL] {
            return literal.next().is_some_and(|token| !token.is_empty());
        }
        let Some(have) = literal.next() else {
            return false;
        };
        if have != want && (want != [ANY_TOKEN] || have.is_empty()) {
            return false;
        }
    }
    literal.next().is_none()
}

/// Whether every literal subject that `inner` matches is also matched by `outer`. Either may hold wildcards.
#[inline]
pub fn is_subset(inner: &[u8], outer: &[u8]) -> bool {
    let mut inner = tokens(inner);
    for want in tokens(outer) {
        let Some(have) = inner.next() else {
            return false;
        };
        if have.is_empty() || want.is_empty() {
            return false;
        }
        if want == [ANY_TAIL] {
            return true;
        }
        if have == [ANY_TAIL] {
            // One or more tokens do not fit into exactly one.
            return false;
        }
        if want != [ANY_TOKEN] && have != want {
            return false;
        }
    }
    inner.next().is_none()
}

/// Whether some literal subject is matched by both `a` and `b`. Symmetric.
#[inline]
pub fn collides(a: &[u8], b: &[u8]) -> bool {
    let (mut a, mut b) = (tokens(a), tokens(b));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (None, Some(_)) | (Some(_), None) => return false,
            (Some(x), Some(y)) => {
                if x.is_empty() || y.is_empty() {
                    return false;
                }
                // One side takes all that is left, and the other has at least this token.
                if x == [ANY_TAIL] || y == [ANY_TAIL] {
                    return true;
                }
                if x != y && x != [ANY_TOKEN] && y != [ANY_TOKEN] {
                    return false;
                }
            }
        }
    }
}

/// The pattern of all subjects that match both patterns; `None` when there are none.
pub fn overlap(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    if !collides(a, b) {
        return None;
    }
    let (mut a, mut b) = (tokens(a), tokens(b));
    let mut out: Vec<&[u8]> = Vec::new();
    loop {
        match (a.next(), b.next()) {
            (Some([ANY_TAIL]), Some(other)) => {
                out.push(other);
                out.extend(b.by_ref());
                break;
            }
            (Some(other), Some([ANY_TAIL])) => {
                out.push(other);
                out.extend(a.by_ref());
                break;
            }
            (Some([ANY_TOKEN]), Some(other)) | (Some(other), Some(_)) => out.push(other),
            _ => break,
        }
    }
    Some(out.join(&SEPARATOR))
}
