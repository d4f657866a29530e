//! Looking at and editing a raw header block.
//!
//! A block that came from a peer may be anything; these functions then do something harmless. The editing functions
//! hand back what they were given when there is nothing to do, so the common case costs one scan.

use std::borrow::Cow;

use super::{EMPTY_BLOCK, HeaderError, VERSION, check_key, check_value};

const CRLF: &[u8] = b"\r\n";

/// The value of the first header spelled exactly `key`, without leading blanks, up to its CRLF.
///
/// Follows the reference server: a header starts behind a CRLF, its colon follows the key at once, only spaces (no tabs)
/// are skipped before the value, and blank lines do not end the search.
#[inline]
pub fn find_value<'a>(block: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    values(block, key).next()
}

/// The values of all headers spelled exactly `key`, in order, each as [`find_value`] returns it.
pub fn values<'a, 'k>(block: &'a [u8], key: &'k [u8]) -> Values<'a, 'k> {
    Values {
        block,
        key,
        scan: 0,
    }
}

/// Iterator returned by [`values`].
#[derive(Debug, Clone)]
pub struct Values<'a, 'k> {
    block: &'a [u8],
    key: &'k [u8],
    scan: usize,
}

impl<'a> Iterator for Values<'a, '_> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            let newline = find_byte(self.block, self.scan, b'\n')?;
            self.scan = newline.saturating_add(1);
            if !self.block.get(..newline)?.ends_with(b"\r") {
                continue;
            }
            let line = self.block.get(self.scan..)?;
            if let Some(rest) = line.strip_prefix(self.key)
                && let Some(value) = rest.strip_prefix(b":")
            {
                let blanks = value.iter().take_while(|&&b| b == b' ').count();
                let value = value.get(blanks..)?;
                let end = find_crlf(value, 0).unwrap_or(value.len());
                return value.get(..end);
            }
        }
    }
}

/// Whether `block` holds a header spelled exactly `key`.
#[inline]
pub fn contains(block: &[u8], key: &[u8]) -> bool {
    find_value(block, key).is_some()
}

/// The status number in the first line, if there is one.
pub fn status(block: &[u8]) -> Option<u16> {
    let line = block.strip_prefix(VERSION)?;
    let digits = line.trim_ascii_start().get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) || line.first() != Some(&b' ') {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The block without the status and description of its first line; the block itself when it has none.
pub fn without_status(block: &[u8]) -> Cow<'_, [u8]> {
    match (block.strip_prefix(VERSION), find_crlf(block, 0)) {
        (Some(line), Some(end)) if !line.starts_with(CRLF) => {
            let rest = block.get(end..).unwrap_or_default();
            Cow::Owned([VERSION, rest].concat())
        }
        _ => Cow::Borrowed(block),
    }
}

/// The block without all headers spelled exactly `key`; empty when nothing but an empty block would be left.
pub fn remove_all<'a>(block: &'a [u8], key: &[u8]) -> Cow<'a, [u8]> {
    remove_where(block, |spelled| spelled == key)
}

/// The block without every header that any forgiving reader could take for `key`: whatever the case, with blanks around
/// the key, duplicated, behind a bare LF or folded over several lines. For headers that only a server may set.
pub fn remove_all_spellings<'a>(block: &'a [u8], key: &[u8]) -> Cow<'a, [u8]> {
    remove_where(block, |spelled| {
        trim_blanks(spelled).eq_ignore_ascii_case(key)
    })
}

/// The block without all headers whose key starts with `prefix`, in any case and with blanks around the key.
pub fn remove_prefix<'a>(block: &'a [u8], prefix: &[u8]) -> Cow<'a, [u8]> {
    remove_where(block, |spelled| {
        trim_blanks(spelled)
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    })
}

/// The block without the headers whose key, all bytes between line start and colon, is `unwanted`.
///
/// A removed header takes its folded continuation lines with it: left behind they would become part of the header
/// before it. A bare LF or a lone CR counts as a line end too, since some readers take it for one; a header found behind
/// such ends at the CRLF that ends the line for everybody.
pub fn remove_where(block: &[u8], unwanted: impl Fn(&[u8]) -> bool) -> Cow<'_, [u8]> {
    let mut kept: Option<Vec<u8>> = None;
    let mut kept_until = 0usize;
    let mut scan = 0usize;
    while let Some(line_end) = find_line_end(block, scan) {
        let start = line_end.at.saturating_add(line_end.len);
        scan = start;
        if !key_at(block, start).is_some_and(&unwanted) {
            continue;
        }
        let end = end_of_folded(block, start);
        let (from, until) = match (line_end.is_crlf(), end) {
            (true, Some(crlf)) => (start, crlf.saturating_add(CRLF.len())),
            // Behind a bare LF or CR: the CRLF stays, it now ends the line before.
            (false, Some(crlf)) => (line_end.at, crlf),
            (true, None) => (start, block.len()),
            (false, None) => (line_end.at, block.len()),
        };
        let out = kept.get_or_insert_with(|| Vec::with_capacity(block.len()));
        out.extend_from_slice(block.get(kept_until..from).unwrap_or_default());
        kept_until = until;
        // The line end in front of the next line is still to be looked at.
        scan = if line_end.is_crlf() {
            until.saturating_sub(CRLF.len()).max(start)
        } else {
            until
        };
    }
    let Some(mut out) = kept else {
        return Cow::Borrowed(block);
    };
    out.extend_from_slice(block.get(kept_until..).unwrap_or_default());
    if out.len() <= EMPTY_BLOCK.len() {
        out.clear();
    }
    Cow::Owned(out)
}

/// The block with exactly one header `key`, holding `value`: every other spelling is removed, see
/// [`remove_all_spellings`]. An empty `block` gives a new one.
///
/// # Errors
/// [`HeaderError::BadKey`] or [`HeaderError::BadValue`].
pub fn set(block: &[u8], key: &[u8], value: &[u8]) -> Result<Vec<u8>, HeaderError> {
    append(&remove_all_spellings(block, key), key, value)
}

/// The block with one more header at its end, which is in front of the first blank line. An empty `block` gives a new one.
///
/// # Errors
/// [`HeaderError::BadKey`] or [`HeaderError::BadValue`].
pub fn append(block: &[u8], key: &[u8], value: &[u8]) -> Result<Vec<u8>, HeaderError> {
    check_key(key)?;
    check_value(value)?;
    let block = if block.is_empty() { EMPTY_BLOCK } else { block };
    let room = block
        .len()
        .saturating_add(key.len())
        .saturating_add(value.len())
        .saturating_add(8);
    let mut out = Vec::with_capacity(room);
    let (head, tail) = match blank_line(block) {
        Some(at) => block.split_at(at.min(block.len())),
        None => (block, CRLF),
    };
    // The line in front must end in CRLF, or the server itself would not see the new header.
    let line_end = if head.ends_with(CRLF) { CRLF } else { b"\n" };
    out.extend_from_slice(head.strip_suffix(line_end).unwrap_or(head));
    out.extend_from_slice(CRLF);
    write_header(&mut out, key, value);
    out.extend_from_slice(tail);
    Ok(out)
}

/// Appends `Key: Value\r\n`, unchecked.
pub(super) fn write_header(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.extend_from_slice(key);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(CRLF);
}

/// Where the first blank line starts.
fn blank_line(block: &[u8]) -> Option<usize> {
    let mut scan = 0;
    loop {
        let start = find_byte(block, scan, b'\n')?.saturating_add(1);
        let rest = block.get(start..)?;
        if rest.starts_with(CRLF) || rest.starts_with(b"\n") {
            return Some(start);
        }
        scan = start;
    }
}

/// What ends a line for at least one reader in the field: CRLF, a bare LF, or a lone CR.
struct LineEnd {
    at: usize,
    len: usize,
}

impl LineEnd {
    fn is_crlf(&self) -> bool {
        self.len == CRLF.len()
    }
}

fn find_line_end(block: &[u8], from: usize) -> Option<LineEnd> {
    let found = memchr::memchr2(b'\r', b'\n', block.get(from..)?)?;
    let at = from.checked_add(found)?;
    let is_crlf = block.get(at..)?.starts_with(CRLF);
    Some(LineEnd {
        at,
        len: if is_crlf { CRLF.len() } else { 1 },
    })
}

/// The bytes between `start`, where a line starts, and the colon in that line.
fn key_at(block: &[u8], start: usize) -> Option<&[u8]> {
    let line = block.get(start..)?;
    let end = memchr::memchr2(b':', b'\n', line)?;
    line.get(..end).filter(|_| line.get(end) == Some(&b':'))
}

/// The CRLF that ends the header starting at `start`, continuation lines included.
fn end_of_folded(block: &[u8], start: usize) -> Option<usize> {
    let mut end = find_crlf(block, start)?;
    loop {
        let next = end.saturating_add(CRLF.len());
        match block.get(next) {
            Some(b' ' | b'\t') => match find_crlf(block, next) {
                Some(further) => end = further,
                None => return None,
            },
            _ => return Some(end),
        }
    }
}

fn find_byte(block: &[u8], from: usize, byte: u8) -> Option<usize> {
    let found = memchr::memchr(byte, block.get(from..)?)?;
    from.checked_add(found)
}

fn find_crlf(block: &[u8], from: usize) -> Option<usize> {
    let mut scan = from;
    loop {
        let cr = find_byte(block, scan, b'\r')?;
        scan = cr.saturating_add(1);
        if block.get(scan) == Some(&b'\n') {
            return Some(cr);
        }
    }
}

/// Takes off whatever some reader might take for blank: white space of any script and control characters.
fn trim_blanks(key: &[u8]) -> &[u8] {
    // Nearly every key starts and ends with a letter.
    if let [first, .., last] = key
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
    {
        return key;
    }
    match std::str::from_utf8(key) {
        Ok(text) => text
            .trim_matches(|c: char| c.is_whitespace() || c.is_control())
            .as_bytes(),
        Err(_) => key.trim_ascii(),
    }
}
