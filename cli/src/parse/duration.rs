//! Durations as the reference tool reads them: `1d2h`, `1.5s`, `-10m`; `M` is 30 days, `y` 365 days.

use std::time::Duration;

use super::ParseError;

/// A duration that may be negative, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub nanos: i64,
}

const UNITS: [(&str, f64); 14] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3_600e9),
    ("d", 86_400e9),
    ("D", 86_400e9),
    ("w", 7.0 * 86_400e9),
    ("W", 7.0 * 86_400e9),
    ("M", 30.0 * 86_400e9),
    ("y", 365.0 * 86_400e9),
];

/// Parses a duration that must not be negative.
pub fn duration(text: &str) -> Result<Duration, ParseError> {
    let span = span(text)?;
    match u64::try_from(span.nanos) {
        Ok(nanos) => Ok(Duration::from_nanos(nanos)),
        Err(_) => Err(ParseError::NegativeDuration(text.to_owned())),
    }
}

/// Parses a duration with an optional sign. A bare `0` needs no unit.
pub fn span(text: &str) -> Result<Span, ParseError> {
    let invalid = || ParseError::Duration(text.to_owned());
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Span { nanos: 0 });
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(invalid)?;
        let (number, tail) = rest.split_at(digits);
        let value: f64 = number.parse().map_err(|_| invalid())?;
        let unit_length = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_length);
        let unit = UNITS
            .iter()
            .find(|(name, _)| *name == unit || (*name == "y" && unit == "Y"))
            .ok_or_else(invalid)?;
        total += value * unit.1;
        rest = tail;
    }
    if total > i64::MAX as f64 {
        return Err(ParseError::DurationOverflow(text.to_owned()));
    }
    // Rounded, because 1.1s is 1,100,000,000 ns and not one less.
    let nanos = total.round() as i64;
    Ok(Span {
        nanos: if negative { -nanos } else { nanos },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_and_combination_is_understood() {
        let hour = 3_600;
        for (text, seconds) in [
            ("0", 0.0),
            ("10s", 10.0),
            ("1.5s", 1.5),
            ("1.1s", 1.1),
            ("250ms", 0.25),
            ("5us", 5e-6),
            ("5µs", 5e-6),
            ("7ns", 7e-9),
            ("1h30m", 5_400.0),
            ("1d2h", 26.0 * hour as f64),
            ("2w", 14.0 * 86_400.0),
            ("1M", 30.0 * 86_400.0),
            ("1y", 365.0 * 86_400.0),
            (
                "1y1M1w1d1h1m1s",
                (365 + 30 + 7 + 1) as f64 * 86_400.0 + 3_661.0,
            ),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_nanos((seconds * 1e9f64).round() as u64)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_sign_is_kept_where_it_makes_sense_and_refused_elsewhere() {
        assert_eq!(
            span("-10s"),
            Ok(Span {
                nanos: -10_000_000_000
            })
        );
        assert_eq!(
            duration("-10s"),
            Err(ParseError::NegativeDuration("-10s".into()))
        );
    }

    #[test]
    fn nonsense_is_refused_with_the_text_in_the_message() {
        for text in ["", "-", "10", "s", "1x", "1.2.3s", "1s2", "ten", "1 s", "é"] {
            let error = span(text).unwrap_err();
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
        }
        assert_eq!(
            span("9999y"),
            Err(ParseError::DurationOverflow("9999y".into()))
        );
    }
}
