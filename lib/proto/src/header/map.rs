//! The parsed form of a header block, for clients.

use std::fmt;

use super::{HeaderError, VERSION, block, check_key, check_value};

/// An ordered list of headers with repeated keys, and the optional status of the first line.
///
/// All text lies in one buffer with one index over it, so reading a block costs two allocations however many headers it
/// has. What is not UTF-8 is replaced when it is read. Never holds a CR or LF, so it can always be encoded.
#[derive(Clone, Default)]
pub struct HeaderMap {
    text: String,
    entries: Vec<Entry>,
    status: Option<u16>,
    description: String,
}

/// Byte ranges in `HeaderMap::text`, always at character boundaries.
#[derive(Clone, Copy)]
struct Entry {
    key_start: u32,
    key_end: u32,
    value_start: u32,
    value_end: u32,
}

impl HeaderMap {
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a block as the reference client does: keys as spelled, blanks before a value dropped, lines without a key
    /// skipped, everything behind the first blank line ignored.
    ///
    /// # Errors
    /// When the first line is no NATS version line with an optional three-digit status, or a line has no colon.
    pub fn parse(block: &[u8]) -> Result<Self, HeaderError> {
        match Self::parse_lenient(block) {
            (map, None) => Ok(map),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads what can be read; tells the first thing that could not. For receivers that deliver the message in any case.
    pub fn parse_lenient(block: &[u8]) -> (Self, Option<HeaderError>) {
        if u32::try_from(block.len()).is_err() {
            return (Self::default(), Some(HeaderError::TooLong));
        }
        let mut map = Self {
            text: String::from_utf8_lossy(block).into_owned(),
            ..Self::default()
        };
        if u32::try_from(map.text.len()).is_err() {
            return (Self::default(), Some(HeaderError::TooLong));
        }
        // A CR inside a line belongs to no line end. It must not come out of the encoder again.
        if has_stray_cr(&map.text) {
            map.text = without_stray_cr(&map.text);
        }
        let error = map.index_lines();
        (map, error)
    }

    /// Fills the index and the status from `text`, which is a whole block.
    fn index_lines(&mut self) -> Option<HeaderError> {
        let mut error = None;
        let mut line_start = 0usize;
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            let at = line_start;
            line_start = line_start.saturating_add(line.len());
            let line = line.trim_end_matches('\n').trim_end_matches('\r');
            if number == 0 {
                match parse_first_line(line) {
                    Ok((status, description)) => {
                        self.status = status;
                        self.description = description.to_owned();
                    }
                    Err(bad) => error = Some(bad),
                }
                continue;
            }
            if line.is_empty() {
                break;
            }
            let Some((key, rest)) = line.split_once(':') else {
                error = error.or(Some(HeaderError::NoColon { at }));
                continue;
            };
            let value = rest.trim_start_matches([' ', '\t']);
            if key.is_empty() {
                continue;
            }
            let end = at.saturating_add(line.len());
            let span = (
                at,
                at.saturating_add(key.len()),
                end.saturating_sub(value.len()),
                end,
            );
            self.entries.extend(Entry::new(span));
        }
        if self.text.is_empty() {
            error = Some(HeaderError::BadVersion);
        }
        error
    }

    /// The status of the first line, for example 503 when nobody listens.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The text behind the status; often empty.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Sets status (100 to 999) and description of the first line.
    ///
    /// # Errors
    /// [`HeaderError::BadStatus`] for another number, [`HeaderError::BadValue`] for a description with CR or LF.
    pub fn set_status(&mut self, status: u16, description: &str) -> Result<(), HeaderError> {
        if !(100..=999).contains(&status) {
            return Err(HeaderError::BadStatus);
        }
        check_value(description.as_bytes())?;
        self.status = Some(status);
        self.description = description.to_owned();
        Ok(())
    }

    /// Number of headers, repeated keys counted each time.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no header. A status may be there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first value of `key`, spelled exactly so.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The last value of `key`, spelled exactly so.
    pub fn last(&self, key: &str) -> Option<&str> {
        self.all(key).last()
    }

    /// The first value of `key` in any case.
    pub fn first_ignore_case(&self, key: &str) -> Option<&str> {
        self.iter()
            .find(|(k, _)| k.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    }

    /// All values of `key` in order.
    pub fn all<'a, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a str> + use<'a, 'k> {
        self.iter().filter(move |(k, _)| *k == key).map(|(_, v)| v)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.first(key).is_some()
    }

    /// All headers in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            map: self,
            entries: self.entries.iter(),
        }
    }

    /// Adds a header at the end.
    ///
    /// # Errors
    /// [`HeaderError::BadKey`], [`HeaderError::BadValue`] or [`HeaderError::TooLong`]; then nothing changed.
    pub fn append(&mut self, key: &str, value: &str) -> Result<(), HeaderError> {
        let entry = self.store(key, value)?;
        self.entries.push(entry);
        Ok(())
    }

    /// Makes `value` the only value of `key`, at the place of the first one if there was any.
    ///
    /// # Errors
    /// As [`HeaderMap::append`].
    pub fn insert(&mut self, key: &str, value: &str) -> Result<(), HeaderError> {
        let entry = self.store(key, value)?;
        let place = self.iter().position(|(k, _)| k == key);
        self.remove(key);
        match place {
            Some(at) if at <= self.entries.len() => self.entries.insert(at, entry),
            _ => self.entries.push(entry),
        }
        Ok(())
    }

    /// Removes all headers spelled exactly `key`; returns how many there were.
    pub fn remove(&mut self, key: &str) -> usize {
        let before = self.entries.len();
        let text = &self.text;
        self.entries.retain(|entry| entry.key(text) != key);
        before.saturating_sub(self.entries.len())
    }

    /// Length in bytes of what [`HeaderMap::encode_into`] appends.
    pub fn encoded_len(&self) -> usize {
        let mut len = VERSION.len().saturating_add(4);
        if self.status.is_some() {
            len = len.saturating_add(4);
            if !self.description.is_empty() {
                len = len.saturating_add(self.description.len()).saturating_add(1);
            }
        }
        self.iter().fold(len, |len, (key, value)| {
            len.saturating_add(key.len())
                .saturating_add(value.len())
                .saturating_add(4)
        })
    }

    /// Appends the whole block, the blank line included.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        out.reserve(self.encoded_len());
        out.extend_from_slice(VERSION);
        if let Some(status) = self.status {
            out.extend_from_slice(format!(" {status:03}").as_bytes());
            if !self.description.is_empty() {
                out.push(b' ');
                out.extend_from_slice(self.description.as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
        for (key, value) in self.iter() {
            block::write_header(out, key.as_bytes(), value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Appends key and value to `text` after checking them.
    fn store(&mut self, key: &str, value: &str) -> Result<Entry, HeaderError> {
        check_key(key.as_bytes())?;
        check_value(value.as_bytes())?;
        let start = self.text.len();
        let key_end = start.saturating_add(key.len());
        let end = key_end.saturating_add(value.len());
        let entry = Entry::new((start, key_end, key_end, end)).ok_or(HeaderError::TooLong)?;
        self.text.push_str(key);
        self.text.push_str(value);
        Ok(entry)
    }
}

impl Entry {
    fn new(span: (usize, usize, usize, usize)) -> Option<Self> {
        Some(Self {
            key_start: u32::try_from(span.0).ok()?,
            key_end: u32::try_from(span.1).ok()?,
            value_start: u32::try_from(span.2).ok()?,
            value_end: u32::try_from(span.3).ok()?,
        })
    }

    fn key(self, text: &str) -> &str {
        text.get(self.key_start as usize..self.key_end as usize)
            .unwrap_or_default()
    }

    fn value(self, text: &str) -> &str {
        text.get(self.value_start as usize..self.value_end as usize)
            .unwrap_or_default()
    }
}

/// Status and description of a version line that has lost its line end.
fn parse_first_line(line: &str) -> Result<(Option<u16>, &str), HeaderError> {
    let inline = line
        .strip_prefix("NATS/1.0")
        .ok_or(HeaderError::BadVersion)?
        .trim();
    if inline.is_empty() {
        return Ok((None, ""));
    }
    let (code, description) = inline.split_at_checked(3).ok_or(HeaderError::BadStatus)?;
    if !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HeaderError::BadStatus);
    }
    let status = code.parse().map_err(|_| HeaderError::BadStatus)?;
    Ok((Some(status), description.trim()))
}

fn has_stray_cr(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\r', bytes)
        .any(|at| bytes.get(at.saturating_add(1)).is_none_or(|&b| b != b'\n'))
}

fn without_stray_cr(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix("\r\n") {
            Some(line) => line.replace('\r', " ") + "\r\n",
            None => line.replace('\r', " "),
        })
        .collect()
}

/// All headers of a [`HeaderMap`] in order.
#[derive(Clone)]
pub struct Iter<'a> {
    map: &'a HeaderMap,
    entries: std::slice::Iter<'a, Entry>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        Some((entry.key(&self.map.text), entry.value(&self.map.text)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a HeaderMap {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for HeaderMap {
    fn eq(&self, other: &Self) -> bool {
        self.status == other.status
            && self.description == other.description
            && self.iter().eq(other.iter())
    }
}

impl Eq for HeaderMap {}

impl fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        if let Some(status) = self.status {
            map.entry(&status, &self.description);
        }
        map.entries(self.iter()).finish()
    }
}
