//! How long one message lives, as a publisher writes it.

use nats_api::jetstream::headers::TTL_NEVER;

use super::headers::decimal;

/// A life that a header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedTtl {
    /// Nothing, or zero seconds.
    None,
    Seconds(u64),
    /// `max_age` does not count.
    Never,
}

/// The text is neither seconds, nor a duration of at least a second, nor `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time to live")]
pub struct BadTtl;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

impl AskedTtl {
    /// Reads a header's value; an absent or empty one asks for nothing.
    ///
    /// # Errors
    /// [`BadTtl`].
    pub fn parse(value: Option<&[u8]>) -> Result<Self, BadTtl> {
        let Some(text) = super::headers::given(value) else {
            return Ok(Self::None);
        };
        if text.eq_ignore_ascii_case(TTL_NEVER.as_bytes()) {
            return Ok(Self::Never);
        }
        if let Some(nanos) = std::str::from_utf8(text).ok().and_then(duration) {
            if nanos < NANOS_PER_SECOND {
                return Err(BadTtl);
            }
            return Ok(Self::Seconds((nanos / NANOS_PER_SECOND).unsigned_abs()));
        }
        match decimal(text) {
            Some(0) => Ok(Self::None),
            Some(seconds) if i64::try_from(seconds).is_ok() => Ok(Self::Seconds(seconds)),
            _ => Err(BadTtl),
        }
    }
}

/// Reads a duration as Go writes it (`1h2m3.5s`, a sign, a bare `0`), in nanoseconds. `None` when it is none or does not fit.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (is_negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if magnitude == "0" {
        return Some(0);
    }
    // Days and years are units of ours.
    if magnitude.contains(['d', 'y']) {
        return None;
    }
    let nanos = nats_api::time::parse(magnitude)?.as_nanos();
    let nanos = i64::try_from(nanos).ok()?;
    Some(if is_negative {
        nanos.wrapping_neg()
    } else {
        nanos
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttls_are_seconds_durations_or_never() {
        use AskedTtl::{Never, None as Nothing, Seconds};
        let table: [(&str, Result<AskedTtl, BadTtl>); 18] = [
            ("", Ok(Nothing)),
            ("never", Ok(Never)),
            ("NeVer", Ok(Never)),
            ("1", Ok(Seconds(1))),
            ("007", Ok(Seconds(7))),
            ("00", Ok(Nothing)),
            ("0", Err(BadTtl)),
            ("1s", Ok(Seconds(1))),
            ("+1s", Ok(Seconds(1))),
            ("1500ms", Ok(Seconds(1))),
            ("1h1m", Ok(Seconds(3660))),
            ("999ms", Err(BadTtl)),
            ("-1", Err(BadTtl)),
            ("-5s", Err(BadTtl)),
            ("1d", Err(BadTtl)),
            ("1.5", Err(BadTtl)),
            ("9223372036854775808", Err(BadTtl)),
            ("abc", Err(BadTtl)),
        ];
        for (text, expected) in table {
            assert_eq!(AskedTtl::parse(Some(text.as_bytes())), expected, "{text:?}");
        }
        assert_eq!(AskedTtl::parse(None), Ok(Nothing));
        assert_eq!(AskedTtl::parse(Some(b"\xff")), Err(BadTtl));
    }
}
