//! Byte sizes: units are powers of 1024, with or without `i` and `B`.

use super::ParseError;

/// Parses `1024`, `64K`, `64KB`, `64KiB`, … into bytes. An empty text or a negative number is -1, which the JetStream limits
/// read as "unlimited".
pub fn byte_size(text: &str) -> Result<i64, ParseError> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('-') {
        return negative_or_empty(text, trimmed);
    }
    let invalid = || ParseError::Size(text.to_owned());
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    if number.is_empty() {
        return Err(invalid());
    }
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(invalid()),
    };
    let number: i64 = number
        .parse()
        .map_err(|_| ParseError::SizeOverflow(text.to_owned()))?;
    number
        .checked_mul(1i64 << shift)
        .ok_or_else(|| ParseError::SizeOverflow(text.to_owned()))
}

fn negative_or_empty(text: &str, trimmed: &str) -> Result<i64, ParseError> {
    let digits = trimmed.strip_prefix('-').unwrap_or(trimmed);
    if trimmed.is_empty() || (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) {
        return Ok(-1);
    }
    Err(ParseError::Size(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024_in_any_spelling() {
        for (text, bytes) in [
            ("0", 0),
            ("128B", 128),
            ("1024", 1024),
            ("1k", 1024),
            ("1KB", 1024),
            ("1KiB", 1024),
            ("16 MB", 16 << 20),
            ("2GiB", 2 << 30),
            ("1T", 1 << 40),
            ("", -1),
            ("-1", -1),
            ("-200", -1),
        ] {
            assert_eq!(byte_size(text), Ok(bytes), "{text:?}");
        }
    }

    #[test]
    fn nonsense_and_overflow_are_refused() {
        for text in ["x", "1.5GB", "1Q", "KB", "-", "-x", "1 2"] {
            assert_eq!(byte_size(text), Err(ParseError::Size(text.into())));
        }
        assert_eq!(
            byte_size("9999999999G"),
            Err(ParseError::SizeOverflow("9999999999G".into()))
        );
        assert_eq!(
            byte_size("99999999999999999999"),
            Err(ParseError::SizeOverflow("99999999999999999999".into()))
        );
    }
}
