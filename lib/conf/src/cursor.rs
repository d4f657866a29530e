//! Reading a text character by character, with line and column.

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::value::Position;

/// A place in a text. Copying it marks the place.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) offset: usize,
    line: u32,
    line_start: usize,
}

/// Reads a text. Bytes that are not UTF-8 appear as U+FFFD; what is cut out of the text keeps them.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    file: Arc<str>,
    here: Mark,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8], file: Arc<str>) -> Self {
        // Some editors put a byte order mark in front; it belongs to no key.
        let offset = if text.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Self {
            text,
            file,
            here: Mark {
                offset,
                line: 1,
                line_start: offset,
            },
        }
    }

    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn mark(&self) -> Mark {
        self.here
    }

    pub(crate) fn position(&self, mark: Mark) -> Position {
        let column = mark
            .offset
            .saturating_sub(mark.line_start)
            .saturating_add(1);
        Position {
            file: self.file.clone(),
            line: mark.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }

    /// The next character, which stays.
    pub(crate) fn peek(&self) -> Option<char> {
        self.decode().map(|(character, _)| character)
    }

    /// The character after the next.
    pub(crate) fn peek_second(&self) -> Option<char> {
        let (_, width) = self.decode()?;
        decode_at(self.text, self.here.offset.saturating_add(width)).map(|(character, _)| character)
    }

    /// Takes the next character.
    pub(crate) fn next(&mut self) -> Option<char> {
        let (character, width) = self.decode()?;
        self.here.offset = self.here.offset.saturating_add(width);
        if character == '\n' {
            self.here.line = self.here.line.saturating_add(1);
            self.here.line_start = self.here.offset;
        }
        Some(character)
    }

    /// Takes characters while `wanted` says so.
    pub(crate) fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
    }

    /// The bytes from `mark` up to here.
    pub(crate) fn since(&self, mark: Mark) -> &'a [u8] {
        self.text
            .get(mark.offset..self.here.offset)
            .unwrap_or_default()
    }

    /// An error at the next character, which is not what the grammar wants.
    pub(crate) fn unexpected(&self, expected: &'static str) -> Error {
        let found = match self.peek() {
            None => "end of file".to_owned(),
            Some('\n' | '\r') => "end of line".to_owned(),
            Some(character) => format!("{character:?}"),
        };
        self.error_at(self.here, ErrorKind::Unexpected { expected, found })
    }

    pub(crate) fn error_at(&self, mark: Mark, kind: ErrorKind) -> Error {
        Error {
            at: self.position(mark),
            kind,
        }
    }

    fn decode(&self) -> Option<(char, usize)> {
        decode_at(self.text, self.here.offset)
    }
}

/// The character at `offset` and its width in bytes.
fn decode_at(text: &[u8], offset: usize) -> Option<(char, usize)> {
    let rest = text.get(offset..)?;
    let first = *rest.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    for width in 2..=4 {
        let Some(bytes) = rest.get(..width) else {
            break;
        };
        if let Some(character) = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.chars().next())
        {
            return Some((character, width));
        }
    }
    Some((char::REPLACEMENT_CHARACTER, 1))
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn lines_and_columns_count_from_one() {
        let mut cursor = Cursor::new("a\n€b".as_bytes(), "x".into());
        let mut seen = Vec::new();
        loop {
            let mark = cursor.mark();
            let Some(character) = cursor.next() else {
                break;
            };
            seen.push((character, cursor.position(mark).to_string()));
        }
        let expected = [
            ('a', "x:1:1"),
            ('\n', "x:1:2"),
            ('€', "x:2:1"),
            ('b', "x:2:4"),
        ];
        assert_eq!(
            seen,
            expected.map(|(character, at)| (character, at.to_owned()))
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_take_one_step_each() {
        let mut cursor = Cursor::new(b"\xe2\x82x", "x".into());
        assert_eq!(cursor.peek_second(), Some('\u{fffd}'));
        assert_eq!(
            std::iter::from_fn(|| cursor.next()).collect::<String>(),
            "\u{fffd}\u{fffd}x"
        );
    }
}
