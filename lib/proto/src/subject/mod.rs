//! Subjects: tokens, validity, wildcards, and how two subjects relate.
//!
//! Every subject that enters the system, whatever the door (wire, configuration, JWT, API document, mapping, header,
//! MQTT topic), becomes a [`Subject`] or a [`Literal`] here or is checked by a function of this module. Nothing here
//! allocates except the owned types; nothing here fails on any input.
//!
//! Start with the two predicates [`is_valid`] and [`is_valid_publish`], then [`matches`], [`is_subset`] and
//! [`collides`].
//!
//! # What a subject is
//!
//! Non-empty tokens joined by `.`. A token that is exactly `*` stands for any one token, a last token that is exactly
//! `>` for one or more. In any other place the two characters are ordinary: `foo*bar`, `>>` and `a>.b` hold no wildcard.
//! Whitespace (space, tab, CR, LF, FF) may not occur.
//!
//! # Bytes, not text
//!
//! On the wire a subject is a byte string. The reference server routes subjects that are not UTF-8, and subjects with
//! control bytes other than the five above, NUL included, without a complaint; publishers in the field rely on it
//! (binary ids as tokens). So [`Subject`] holds bytes and [`is_valid`] says yes to them. CR and LF, the bytes that
//! could break a frame, are never valid. Whoever stores subjects or writes them into JSON, where the bytes would be
//! replaced and two subjects could become one, asks [`is_valid_text`] in addition, as the reference does for stored
//! messages.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod owned;
mod relation;

pub use owned::{Literal, Subject};
pub use relation::{collides, is_subset, matches, overlap};

/// The byte between two tokens.
pub const SEPARATOR: u8 = b'.';
/// As a whole token: any one token.
pub const ANY_TOKEN: u8 = b'*';
/// As the whole last token: one or more tokens.
pub const ANY_TAIL: u8 = b'>';

/// The largest value of the option `max_subject_tokens` (tokens in one subscription); without the option there is no limit.
pub const TOKENS_LIMIT_MAX: usize = u8::MAX as usize;

/// Why some bytes are no subject, or not one of the wanted kind. Positions are byte offsets from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSubject {
    #[error("subject is empty")]
    Empty,
    #[error("subject has an empty token at byte {at}: tokens are separated by single dots")]
    EmptyToken { at: usize },
    #[error("subject has whitespace at byte {at}")]
    Whitespace { at: usize },
    #[error("subject has a token after '>' at byte {at}: '>' may only be the last token")]
    TokenAfterTail { at: usize },
    #[error("subject has a wildcard token at byte {at}, a literal subject is needed")]
    Wildcard { at: usize },
    #[error("subject is not text: NUL, U+FFFD or a byte that is not UTF-8 at byte {at}")]
    NotText { at: usize },
}

/// The tokens of `subject`, separated by dots; an empty subject has one empty token, as `a.` has two tokens.
#[inline]
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens {
        rest: Some(subject),
    }
}

/// Iterator returned by [`tokens`].
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Tokens<'a> {
    /// What has not been handed out yet, dots included; `None` after the last token.
    #[inline]
    pub fn rest(&self) -> Option<&'a [u8]> {
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        // Tokens are a few bytes long: a plain loop beats a vectorised search that has to be set up.
        match rest.iter().position(|&b| b == SEPARATOR) {
            Some(dot) => {
                self.rest = rest.get(dot.saturating_add(1)..);
                rest.get(..dot)
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

impl std::iter::FusedIterator for Tokens<'_> {}

/// How many tokens `subject` has; 0 for an empty one.
#[inline]
pub fn token_count(subject: &[u8]) -> usize {
    if subject.is_empty() {
        return 0;
    }
    let dots = subject.iter().filter(|&&b| b == SEPARATOR).count();
    dots.saturating_add(1)
}

/// The token with this index, counted from 0.
pub fn token_at(subject: &[u8], index: usize) -> Option<&[u8]> {
    tokens(subject).nth(index)
}

/// Whether `token` is `*` or `>`.
#[inline]
pub fn is_wildcard_token(token: &[u8]) -> bool {
    matches!(token, [ANY_TOKEN] | [ANY_TAIL])
}

/// Whether any token of `subject` is `*` or `>`. Does not ask whether the subject is valid.
#[inline]
pub fn has_wildcard(subject: &[u8]) -> bool {
    // Most subjects hold neither character: look for them first, and at their neighbours only then.
    let mut from = 0;
    while let Some(found) = subject
        .get(from..)
        .and_then(|rest| memchr::memchr2(ANY_TOKEN, ANY_TAIL, rest))
    {
        let at = from.saturating_add(found);
        let starts = at == 0 || subject.get(at.wrapping_sub(1)) == Some(&SEPARATOR);
        let next = at.saturating_add(1);
        let ends = subject.get(next).is_none_or(|&b| b == SEPARATOR);
        if starts && ends {
            return true;
        }
        from = next;
    }
    false
}

/// Whether `subject` holds no wildcard. Does not ask whether it is valid.
#[inline]
pub fn is_literal(subject: &[u8]) -> bool {
    !has_wildcard(subject)
}

/// Whether `subject` may be subscribed to: [`check`] without the reason.
#[inline]
pub fn is_valid(subject: &[u8]) -> bool {
    check(subject).is_ok()
}

/// Whether `subject` is valid and without wildcards, so that a message can be addressed to it.
#[inline]
pub fn is_valid_publish(subject: &[u8]) -> bool {
    check_publish(subject).is_ok()
}

/// The weaker question of the pedantic publish check: no empty token and no wildcard. Whitespace is not looked at,
/// since the protocol parser has split at it already; a form feed therefore passes, as in the reference.
#[inline]
pub fn is_valid_literal(subject: &[u8]) -> bool {
    tokens(subject).all(|token| !token.is_empty() && !is_wildcard_token(token))
}

/// Whether `subject` is valid and survives being written as text and read again: UTF-8 without NUL and without the
/// replacement character. Wanted of subjects that are stored or appear as a JSON key.
pub fn is_valid_text(subject: &[u8]) -> bool {
    check_text(subject).is_ok()
}

/// Whether `name` can name a queue group: not empty, no whitespace.
#[inline]
pub fn is_valid_queue_group(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().copied().any(is_whitespace)
}

/// Checks that `subject` may be subscribed to.
///
/// # Errors
/// The first rule that is broken and where.
pub fn check(subject: &[u8]) -> Result<(), InvalidSubject> {
    if subject.is_empty() {
        return Err(InvalidSubject::Empty);
    }
    let mut token_start = 0usize;
    let mut after_tail = false;
    for token in tokens(subject) {
        if token.is_empty() {
            return Err(InvalidSubject::EmptyToken { at: token_start });
        }
        if after_tail {
            return Err(InvalidSubject::TokenAfterTail { at: token_start });
        }
        if let Some(found) = token.iter().position(|&b| is_whitespace(b)) {
            let at = token_start.saturating_add(found);
            return Err(InvalidSubject::Whitespace { at });
        }
        after_tail = token == [ANY_TAIL];
        token_start = token_start.saturating_add(token.len()).saturating_add(1);
    }
    Ok(())
}

/// Checks that a message can be addressed to `subject`.
///
/// # Errors
/// As [`check`], and [`InvalidSubject::Wildcard`].
pub fn check_publish(subject: &[u8]) -> Result<(), InvalidSubject> {
    check(subject)?;
    let mut at = 0usize;
    for token in tokens(subject) {
        if is_wildcard_token(token) {
            return Err(InvalidSubject::Wildcard { at });
        }
        at = at.saturating_add(token.len()).saturating_add(1);
    }
    Ok(())
}

/// Checks that `subject` is valid and text, see [`is_valid_text`].
///
/// # Errors
/// As [`check`], and [`InvalidSubject::NotText`].
pub fn check_text(subject: &[u8]) -> Result<(), InvalidSubject> {
    check(subject)?;
    let text = std::str::from_utf8(subject).map_err(|e| InvalidSubject::NotText {
        at: e.valid_up_to(),
    })?;
    match text.find(['\0', char::REPLACEMENT_CHARACTER]) {
        Some(at) => Err(InvalidSubject::NotText { at }),
        None => Ok(()),
    }
}

#[inline]
const fn is_whitespace(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

#[cfg(test)]
mod tests;
