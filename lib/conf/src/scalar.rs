//! What one value that is neither map nor array is: string, number, date, boolean or variable.

use crate::cursor::{Cursor, Mark};
use crate::error::{Error, ErrorKind};
use crate::value::Value;

/// A value, or a name that stands for one.
pub(crate) enum Scalar {
    /// The value itself.
    Value(Value),
    /// `$name`.
    Variable(String),
}

/// Reads one value; the cursor stands on its first character, or on what ends an empty one.
pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Scalar, Error> {
    let start = cursor.mark();
    match cursor.peek() {
        Some('\'') => raw_string(cursor).map(Scalar::Value),
        Some('"') => escaped_string(cursor).map(Scalar::Value),
        Some('(') => block_string(cursor).map(Scalar::Value),
        Some('.') => Err(cursor.unexpected("a value (numbers start with a digit)")),
        Some('-') => {
            cursor.next();
            if !cursor
                .peek()
                .is_some_and(|character| character.is_ascii_digit())
            {
                return Err(cursor.unexpected("a digit after '-'"));
            }
            number(cursor, start)
        }
        Some(character) if character.is_ascii_digit() => number(cursor, start),
        _ => bare(cursor, start, Vec::new()),
    }
}

/// Whether `next` ends a value that has no quotes.
pub(crate) fn ends_bare(next: Option<char>) -> bool {
    matches!(
        next,
        None | Some('\n' | '\r' | '\0' | ' ' | '\t' | ';' | ',' | ']' | '}')
    )
}

/// `'…'`: nothing inside has a special meaning, line ends included.
fn raw_string(cursor: &mut Cursor<'_>) -> Result<Value, Error> {
    let open = cursor.mark();
    cursor.next();
    let start = cursor.mark();
    cursor.skip_while(|character| character != '\'' && character != '\0');
    let bytes = cursor.since(start).to_vec();
    match cursor.next() {
        Some('\'') => utf8(cursor, open, bytes),
        _ => Err(cursor.error_at(open, ErrorKind::NotClosed { what: "string" })),
    }
}

/// `"…"`, with escapes.
fn escaped_string(cursor: &mut Cursor<'_>) -> Result<Value, Error> {
    let open = cursor.mark();
    cursor.next();
    let mut bytes = Vec::new();
    loop {
        let start = cursor.mark();
        cursor.skip_while(|character| !matches!(character, '"' | '\\' | '\0'));
        bytes.extend_from_slice(cursor.since(start));
        match cursor.peek() {
            Some('"') => {
                cursor.next();
                return utf8(cursor, open, bytes);
            }
            Some('\\') => escape(cursor, &mut bytes)?,
            _ => return Err(cursor.error_at(open, ErrorKind::NotClosed { what: "string" })),
        }
    }
}

/// `( … )` where the closing parenthesis stands alone at the beginning of a line. The text keeps its line ends.
fn block_string(cursor: &mut Cursor<'_>) -> Result<Value, Error> {
    let open = cursor.mark();
    cursor.next();
    let start = cursor.mark();
    let mut at_line_start = false;
    loop {
        let here = cursor.mark();
        match cursor.next() {
            Some(')') if at_line_start && matches!(cursor.peek(), None | Some('\n')) => {
                // At the end of the file the reference keeps the parenthesis in the text; so do we, for the digest's sake.
                let end = if cursor.peek().is_none() {
                    cursor.mark()
                } else {
                    here
                };
                let length = end.offset.saturating_sub(start.offset);
                let bytes = cursor
                    .since(start)
                    .get(..length)
                    .unwrap_or_default()
                    .to_vec();
                return utf8(cursor, open, bytes);
            }
            None | Some('\0') => {
                return Err(cursor.error_at(open, ErrorKind::NotClosed { what: "block" }));
            }
            Some(character) => at_line_start = character == '\n',
        }
    }
}

/// A value without quotes that is no number. `head` is what was read of it already, from `start` on.
fn bare(cursor: &mut Cursor<'_>, start: Mark, mut head: Vec<u8>) -> Result<Scalar, Error> {
    let mut escaped = false;
    loop {
        let run = cursor.mark();
        cursor.skip_while(|character| {
            !ends_bare(Some(character)) && !matches!(character, '\\' | '\'')
        });
        head.extend_from_slice(cursor.since(run));
        match cursor.peek() {
            Some('\\') => {
                escaped = true;
                escape(cursor, &mut head)?;
            }
            // A quote ends the value and belongs to it no more.
            Some('\'') => {
                cursor.next();
                break;
            }
            _ => break,
        }
    }
    if escaped {
        return utf8(cursor, start, head).map(Scalar::Value);
    }
    if let Some(truth) = boolean(&head) {
        return Ok(Scalar::Value(Value::Bool(truth)));
    }
    match utf8(cursor, start, head)? {
        Value::String(text) => match text.strip_prefix('$') {
            // The hash of a password, which need not be quoted.
            Some(name) if name.starts_with("2a$") => Ok(Scalar::Value(Value::String(text))),
            Some(name) => Ok(Scalar::Variable(name.to_owned())),
            None => Ok(Scalar::Value(Value::String(text))),
        },
        other => Ok(Scalar::Value(other)),
    }
}

fn boolean(word: &[u8]) -> Option<bool> {
    let is = |spellings: [&str; 3]| {
        spellings
            .iter()
            .any(|spelling| word.eq_ignore_ascii_case(spelling.as_bytes()))
    };
    if is(["true", "yes", "on"]) {
        Some(true)
    } else if is(["false", "no", "off"]) {
        Some(false)
    } else {
        None
    }
}

/// Reads the escape that begins here and appends what it stands for.
fn escape(cursor: &mut Cursor<'_>, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let start = cursor.mark();
    cursor.next();
    let byte = match cursor.next() {
        Some('t') => b'\t',
        Some('n') => b'\n',
        Some('r') => b'\r',
        Some('"') => b'"',
        Some('\\') => b'\\',
        Some('x') => {
            let high = cursor.next().and_then(|digit| digit.to_digit(16));
            let low = cursor.next().and_then(|digit| digit.to_digit(16));
            match (high, low) {
                (Some(high), Some(low)) => u8::try_from(high << 4 | low).unwrap_or(u8::MAX),
                _ => return Err(cursor.error_at(start, ErrorKind::Escape)),
            }
        }
        _ => return Err(cursor.error_at(start, ErrorKind::Escape)),
    };
    bytes.push(byte);
    Ok(())
}

/// A value that begins with a digit, or with a minus that is already taken: integer with or without size suffix, float,
/// date, address, or after all a string.
fn number(cursor: &mut Cursor<'_>, start: Mark) -> Result<Scalar, Error> {
    let digits =
        |cursor: &mut Cursor<'_>| cursor.skip_while(|character| character.is_ascii_digit());
    let negative = !cursor.since(start).is_empty();
    digits(cursor);
    match cursor.peek() {
        Some('-') if !negative => date(cursor, start),
        Some('.') => {
            cursor.next();
            if !cursor
                .peek()
                .is_some_and(|character| character.is_ascii_digit())
            {
                return Err(cursor.unexpected("a digit after '.'"));
            }
            digits(cursor);
            if cursor.peek() != Some('.') {
                return float(cursor, start).map(Scalar::Value);
            }
            // Two points: an address, perhaps with a port.
            cursor.skip_while(|character| {
                character.is_ascii_digit() || matches!(character, '.' | ':' | '-')
            });
            utf8(cursor, start, cursor.since(start).to_vec()).map(Scalar::Value)
        }
        Some(character) if "kmgtpe".contains(character.to_ascii_lowercase()) => {
            cursor.next();
            cursor.skip_while(|character| matches!(character, 'b' | 'B' | 'i' | 'I'));
            if ends_bare(cursor.peek()) {
                integer(cursor, start).map(Scalar::Value)
            } else {
                bare(cursor, start, cursor.since(start).to_vec())
            }
        }
        next if negative || ends_bare(next) => integer(cursor, start).map(Scalar::Value),
        _ => bare(cursor, start, cursor.since(start).to_vec()),
    }
}

fn integer(cursor: &Cursor<'_>, start: Mark) -> Result<Value, Error> {
    let text = text_since(cursor, start);
    let split = text
        .find(|character: char| character.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    let Some(factor) = size_factor(&suffix.to_ascii_lowercase()) else {
        return Err(cursor.error_at(start, ErrorKind::SizeSuffix { text }));
    };
    match digits
        .parse::<i64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
    {
        Some(number) => Ok(Value::Integer(number)),
        None => Err(cursor.error_at(start, ErrorKind::OutOfRange { text })),
    }
}

/// What a size suffix multiplies by: `k` is 1000, `kb`, `ki` and `kib` are 1024.
fn size_factor(suffix: &str) -> Option<i64> {
    let Some(letter) = suffix.chars().next() else {
        return Some(1);
    };
    let power = u32::try_from("kmgtpe".find(letter)?).ok()?.checked_add(1)?;
    match suffix.get(letter.len_utf8()..)? {
        "" => 1000_i64.checked_pow(power),
        "b" | "i" | "ib" => 1024_i64.checked_pow(power),
        _ => None,
    }
}

fn float(cursor: &Cursor<'_>, start: Mark) -> Result<Value, Error> {
    let text = text_since(cursor, start);
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err(cursor.error_at(start, ErrorKind::OutOfRange { text })),
    }
}

/// `2006-01-02T15:04:05Z`; the year is read already.
fn date(cursor: &mut Cursor<'_>, start: Mark) -> Result<Scalar, Error> {
    cursor.skip_while(|character| !ends_bare(Some(character)));
    let text = text_since(cursor, start);
    if is_date(text.as_bytes()) {
        Ok(Scalar::Value(Value::Time(text)))
    } else {
        Err(cursor.error_at(start, ErrorKind::Date { text }))
    }
}

fn is_date(text: &[u8]) -> bool {
    let shape = b"0000-00-00T00:00:00Z";
    let fits = text.len() == shape.len()
        && text.iter().zip(shape).all(|(byte, wanted)| {
            if *wanted == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == wanted
            }
        });
    let field = |range: std::ops::Range<usize>| {
        text.get(range)
            .unwrap_or_default()
            .iter()
            .fold(0_u32, |sum, byte| {
                sum * 10 + u32::from(byte.wrapping_sub(b'0'))
            })
    };
    if !fits {
        return false;
    }
    let (year, month, day) = (field(0..4), field(5..7), field(8..10));
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return false,
    };
    (1..=days).contains(&day) && field(11..13) < 24 && field(14..16) < 60 && field(17..19) < 60
}

/// What stands between `start` and here, for values that consist of ASCII characters or are about to be refused.
fn text_since(cursor: &Cursor<'_>, start: Mark) -> String {
    String::from_utf8_lossy(cursor.since(start)).into_owned()
}

fn utf8(cursor: &Cursor<'_>, start: Mark, bytes: Vec<u8>) -> Result<Value, Error> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Value::String(text)),
        Err(_) => Err(cursor.error_at(start, ErrorKind::NotUtf8)),
    }
}
