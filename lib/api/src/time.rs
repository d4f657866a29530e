//! Times and durations as they stand in documents.
//!
//! Times are RFC 3339 in UTC with as many fraction digits as needed. Durations come in three dresses: a whole number of
//! nanoseconds ([`Nanos`]), a friendly text such as `1m3.5s` ([`friendly`]), and whole seconds up to years ([`uptime`]).
//! The texts are those of the reference server, which tools parse.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time. The default is the reference server's "never": `0001-01-01T00:00:00Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// Seconds from the year 1 to 1970.
const NEVER_SECONDS: i64 = -62_135_596_800;

impl Timestamp {
    /// The time that stands for "never happened".
    pub const NEVER: Self = Self(jiff::Timestamp::constant(NEVER_SECONDS, 0));

    /// Nanoseconds since 1970. Times outside of the calendar become [`Timestamp::NEVER`].
    pub fn from_unix_nanos(nanos: i128) -> Self {
        jiff::Timestamp::from_nanosecond(nanos).map_or(Self::NEVER, Self)
    }

    /// Nanoseconds since 1970.
    pub fn unix_nanos(self) -> i128 {
        self.0.as_nanosecond()
    }

    pub fn is_never(self) -> bool {
        self == Self::NEVER
    }

    /// Time from `earlier` to `self`, zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.unix_nanos() - earlier.unix_nanos();
        u64::try_from(nanos.max(0)).map_or(Duration::MAX, Duration::from_nanos)
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::NEVER
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        jiff::Timestamp::try_from(time).map_or(Self::NEVER, Self)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(time: jiff::Timestamp) -> Self {
        Self(time)
    }
}

impl From<Timestamp> for jiff::Timestamp {
    fn from(time: Timestamp) -> Self {
        time.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A duration that a document writes as a whole number of nanoseconds.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub i64);

impl From<Duration> for Nanos {
    /// Saturates at 292 years.
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl From<Nanos> for Duration {
    /// A negative length becomes zero.
    fn from(nanos: Nanos) -> Self {
        Duration::from_nanos(u64::try_from(nanos.0).unwrap_or(0))
    }
}

/// Writes a duration for people: `0s`, `350ns`, `1.5µs`, `12.25ms`, `3.5s`, `1m0s`, `2h0m0.5s`.
pub fn friendly(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    match nanos {
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => with_fraction(nanos, 1_000, 3, "µs"),
        1_000_000..1_000_000_000 => with_fraction(nanos, 1_000_000, 6, "ms"),
        _ => {
            let seconds = with_fraction(nanos % 60_000_000_000, 1_000_000_000, 9, "s");
            let minutes = nanos / 60_000_000_000;
            match minutes {
                0 => seconds,
                1..60 => format!("{minutes}m{seconds}"),
                _ => format!("{}h{}m{seconds}", minutes / 60, minutes % 60),
            }
        }
    }
}

/// A measured round trip, written without the digits that nobody can measure: below a millisecond in whole microseconds.
pub fn round_trip(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if (1_001..1_000_000).contains(&nanos) {
        return friendly(Duration::from_micros((nanos / 1_000) as u64));
    }
    friendly(duration)
}

/// Writes how long something lasts, in whole seconds: `0s`, `2m3s`, `1h0m0s`, `1d2h3m4s`, `1y0d0h0m0s`.
pub fn uptime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, s) = (seconds / 60, seconds % 60);
    let (hours, m) = (minutes / 60, minutes % 60);
    let (days, h) = (hours / 24, hours % 24);
    let (years, d) = (days / 365, days % 365);
    if years > 0 {
        format!("{years}y{d}d{h}h{m}m{s}s")
    } else if days > 0 {
        format!("{d}d{h}h{m}m{s}s")
    } else if hours > 0 {
        format!("{h}h{m}m{s}s")
    } else if minutes > 0 {
        format!("{m}m{s}s")
    } else {
        format!("{s}s")
    }
}

/// Reads what [`friendly`] and [`uptime`] write, and every mixture of their units. `None` when it is not a duration.
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit_len = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, tail) = after.split_at(unit_len);
        let unit_nanos: u128 = match unit {
            "ns" => 1,
            "µs" | "μs" | "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "y" => 365 * 86_400_000_000_000,
            _ => return None,
        };
        total = total.checked_add(scaled(number, unit_nanos)?)?;
        rest = tail;
    }
    u64::try_from(total).ok().map(Duration::from_nanos)
}

/// `number` (digits with at most one point) times `unit`, cut to whole nanoseconds.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.chars() {
        place /= 10;
        nanos = nanos.checked_add(u128::from(digit.to_digit(10)?).checked_mul(place)?)?;
    }
    Some(nanos)
}

/// `value / unit` with up to `digits` fraction digits, no trailing zeros.
fn with_fraction(value: u128, unit: u128, digits: usize, suffix: &str) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return format!("{whole}{suffix}");
    }
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}{suffix}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn friendly_durations_read_like_those_of_the_reference() {
        let table = [
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (1_000, "1µs"),
            (1_500, "1.5µs"),
            (999_999, "999.999µs"),
            (1_000_000, "1ms"),
            (1_200_000, "1.2ms"),
            (12_250_000, "12.25ms"),
            (999_999_999, "999.999999ms"),
            (1_000_000_000, "1s"),
            (1_000_000_001, "1.000000001s"),
            (59_900_000_000, "59.9s"),
            (60_000_000_000, "1m0s"),
            (63_500_000_000, "1m3.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (7_200_500_000_000, "2h0m0.5s"),
            (360_000_000_000_000, "100h0m0s"),
        ];
        for (nanos, text) in table {
            assert_eq!(friendly(Duration::from_nanos(nanos)), text);
            assert_eq!(parse(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn uptimes_count_in_whole_seconds_up_to_years() {
        let table = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m0s"),
            (3_599, "59m59s"),
            (3_600, "1h0m0s"),
            (86_399, "23h59m59s"),
            (86_400, "1d0h0m0s"),
            (93_784, "1d2h3m4s"),
            (365 * 86_400, "1y0d0h0m0s"),
            (2 * 365 * 86_400 + 86_400 + 1, "2y1d0h0m1s"),
        ];
        for (seconds, text) in table {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn round_trips_drop_nanoseconds_between_a_microsecond_and_a_millisecond() {
        assert_eq!(round_trip(Duration::ZERO), "0s");
        assert_eq!(round_trip(Duration::from_nanos(998)), "998ns");
        assert_eq!(round_trip(Duration::from_nanos(123_456)), "123µs");
        assert_eq!(round_trip(Duration::from_nanos(1_234_567)), "1.234567ms");
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "1x",
            "1.2.3s",
            "-1s",
            ".s",
            "1s2",
            "99999999999999999999y",
            "1 s",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn times_are_written_in_utc_without_trailing_zeros() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ];
        for (nanos, text) in table {
            let time = Timestamp::from_unix_nanos(nanos);
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap(), time);
        }
        assert_eq!(Timestamp::NEVER.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(
            serde_json::to_string(&Timestamp::default()).unwrap(),
            r#""0001-01-01T00:00:00Z""#
        );
        let offset: Timestamp = "2023-11-15T00:13:20+02:00".parse().unwrap();
        assert_eq!(offset.to_string(), "2023-11-14T22:13:20Z");
    }

    proptest! {
        #[test]
        fn every_friendly_duration_reads_back(nanos in any::<u64>()) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(parse(&friendly(duration)), Some(duration));
        }

        #[test]
        fn no_text_makes_the_duration_reader_panic(text in "\\PC{0,20}") {
            let _ = parse(&text);
        }

        #[test]
        fn every_time_reads_back(nanos in -62_135_596_800_000_000_000i128..253_370_764_800_000_000_000i128) {
            let time = Timestamp::from_unix_nanos(nanos);
            prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }
}
