//! What the functions of a destination write.

use super::Part;
use crate::name_hash::{FNV1A_32_EMPTY, fnv1a_32, fnv1a_32_continue};
use crate::subject::{SEPARATOR, token_at, tokens};

impl Part {
    /// Appends this token's text for `subject`. `tail` is the index of the source's `>`.
    pub(super) fn apply_into(
        &self,
        subject: &[u8],
        tail: Option<usize>,
        random: u32,
        out: &mut Vec<u8>,
    ) {
        let source = |index: usize| token_at(subject, index).unwrap_or_default();
        match self {
            Self::Literal(token) => out.extend_from_slice(token),
            Self::Wildcard { token } => out.extend_from_slice(source(*token)),
            Self::PartitionTokens { buckets, tokens } => {
                let hash = tokens.iter().fold(FNV1A_32_EMPTY, |hash, &token| {
                    fnv1a_32_continue(hash, source(token))
                });
                write_number(hash.checked_rem(*buckets).unwrap_or(0), out);
            }
            Self::PartitionSubject { buckets } => {
                let bucket = fnv1a_32(subject).checked_rem(*buckets);
                write_number(bucket.unwrap_or(0), out);
            }
            Self::Random { below } => {
                let scaled = u64::from(random).wrapping_mul(u64::from(*below)) >> 32;
                write_number(u32::try_from(scaled).unwrap_or(0), out);
            }
            Self::SplitFromLeft { token, at } => {
                let token = source(*token);
                write_two(token, *at, inside(token, *at), out);
            }
            Self::SplitFromRight { token, at } => {
                let token = source(*token);
                let from_left = token.len().saturating_sub(*at);
                write_two(token, from_left, inside(token, *at), out);
            }
            Self::SliceFromLeft { token, size } => {
                let token = source(*token);
                write_slices(&[], token, inside(token, *size).then_some(*size), out);
            }
            Self::SliceFromRight { token, size } => {
                let token = source(*token);
                let first = token.len().checked_rem(*size).unwrap_or(0);
                let (first, rest) = token.split_at(first.min(token.len()));
                write_slices(first, rest, inside(token, *size).then_some(*size), out);
            }
            Self::Split { token, delimiter } => write_split(source(*token), delimiter, out),
            Self::Left { token, len } => {
                let token = source(*token);
                let whole = !inside(token, *len);
                let end = if whole { token.len() } else { *len };
                out.extend_from_slice(token.get(..end).unwrap_or_default());
            }
            Self::Right { token, len } => {
                let token = source(*token);
                let whole = !inside(token, *len);
                let start = if whole {
                    0
                } else {
                    token.len().saturating_sub(*len)
                };
                out.extend_from_slice(token.get(start..).unwrap_or_default());
            }
            Self::Tail => out.extend_from_slice(rest_from(subject, tail)),
        }
    }
}

/// Another number for each token of a destination, out of one (the mixing step of MurmurHash3).
pub(super) fn mix(random: u32, number: usize) -> u32 {
    let salt = u32::try_from(number).unwrap_or(u32::MAX);
    let mut x = random ^ salt.wrapping_mul(0x9e37_79b9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// Whether `at` is a position really inside `token`; otherwise the functions leave the token as it is.
fn inside(token: &[u8], at: usize) -> bool {
    at > 0 && at < token.len()
}

fn write_two(token: &[u8], at: usize, split: bool, out: &mut Vec<u8>) {
    match token.split_at_checked(at).filter(|_| split) {
        Some((left, right)) => {
            out.extend_from_slice(left);
            out.push(SEPARATOR);
            out.extend_from_slice(right);
        }
        None => out.extend_from_slice(token),
    }
}

/// Writes `first` and pieces of `size` bytes of `rest`, the last perhaps shorter; all in one when there is no size.
fn write_slices(first: &[u8], rest: &[u8], size: Option<usize>, out: &mut Vec<u8>) {
    out.extend_from_slice(first);
    let Some(size) = size else {
        out.extend_from_slice(rest);
        return;
    };
    for (number, piece) in rest.chunks(size.max(1)).enumerate() {
        if number > 0 || !first.is_empty() {
            out.push(SEPARATOR);
        }
        out.extend_from_slice(piece);
    }
}

/// Writes what stands between delimiters, leaving out empty pieces.
fn write_split(token: &[u8], delimiter: &[u8], out: &mut Vec<u8>) {
    let mut rest = token;
    let mut written = false;
    while !rest.is_empty() {
        let (piece, after) = if delimiter.is_empty() {
            rest.split_at(first_char_len(rest))
        } else {
            match memchr::memmem::find(rest, delimiter) {
                Some(at) => {
                    let after = at.saturating_add(delimiter.len());
                    (
                        rest.get(..at).unwrap_or_default(),
                        rest.get(after..).unwrap_or_default(),
                    )
                }
                None => (rest, &[][..]),
            }
        };
        rest = after;
        if piece.is_empty() {
            continue;
        }
        if written {
            out.push(SEPARATOR);
        }
        written = true;
        out.extend_from_slice(piece);
    }
}

/// Bytes of the first character; 1 for a byte that is not UTF-8. An empty delimiter splits into these.
fn first_char_len(text: &[u8]) -> usize {
    let longest = text.get(..4).unwrap_or(text);
    let valid = match std::str::from_utf8(longest) {
        Ok(valid) => valid,
        Err(e) => longest
            .get(..e.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    valid.chars().next().map_or(1, char::len_utf8)
}

fn rest_from(subject: &[u8], tail: Option<usize>) -> &[u8] {
    let Some(tail) = tail else { return &[] };
    let mut walk = tokens(subject);
    for _ in 0..tail {
        walk.next();
    }
    walk.rest().unwrap_or_default()
}

fn write_number(number: u32, out: &mut Vec<u8>) {
    // Ten digits at most; the buffer is on the stack.
    let mut digits = [0u8; 10];
    let mut rest = number;
    let mut len = 0usize;
    for slot in digits.iter_mut().rev() {
        *slot = b'0'.wrapping_add((rest % 10) as u8);
        rest /= 10;
        len = len.saturating_add(1);
        if rest == 0 {
            break;
        }
    }
    let start = digits.len().saturating_sub(len);
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}
