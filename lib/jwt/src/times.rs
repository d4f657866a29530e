//! The times of the day at which a user may be connected.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use crate::claims::TimeRange;

/// Whether connections are accepted at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes, and no range of times ends it.
    Always,
    /// Yes, for this many more milliseconds.
    Until { left_ms: i64 },
    /// No.
    Never,
}

/// Reads `hh:mm:ss`; the hour may have one digit, the second a fraction (which is ignored).
pub fn parse_time(text: &str) -> Option<Time> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (second, fraction) = match second.split_once(['.', ',']) {
        Some((second, fraction)) => (second, Some(fraction)),
        None => (second, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if fraction.is_some_and(|fraction| !digits(fraction)) || !digits(hour) || hour.len() > 2 {
        return None;
    }
    let two = |text: &str| {
        let right = text.len() == 2 && digits(text);
        right.then(|| text.parse::<i8>().ok()).flatten()
    };
    Time::new(hour.parse().ok()?, two(minute)?, two(second)?, 0).ok()
}

/// Whether `name` is a time zone; an empty name is the local one.
pub fn is_time_zone(name: &str) -> bool {
    zone(name).is_some()
}

/// Whether the `ranges`, in the zone named `location`, admit at `now`. The one that lasts longest counts. Ranges that cannot be
/// read admit never.
pub fn admission(ranges: &[TimeRange], location: &str, now: Timestamp) -> Admission {
    if ranges.is_empty() {
        return Admission::Always;
    }
    let Some(zone) = zone(location) else {
        return Admission::Never;
    };
    let now = now.to_zoned(zone);
    let mut longest = None;
    for range in ranges {
        let (Some(start), Some(end)) = (parse_time(&range.start), parse_time(&range.end)) else {
            return Admission::Never;
        };
        longest = longest.max(left_ms(start, end, &now));
    }
    longest.map_or(Admission::Never, |left_ms| Admission::Until { left_ms })
}

/// Milliseconds until the range ends in which `now` lies.
fn left_ms(start: Time, end: Time, now: &Zoned) -> Option<i64> {
    let at = |time: Time| {
        now.date()
            .to_datetime(time)
            .to_zoned(now.time_zone().clone())
    };
    let (start, end) = (at(start).ok()?, at(end).ok()?);
    let left = |end: &Zoned| {
        let left = end.timestamp().as_millisecond();
        Some(left.saturating_sub(now.timestamp().as_millisecond()))
    };
    if start < *now && end > *now {
        return left(&end);
    }
    if start > end {
        // After midnight, then before it.
        if end > *now {
            return left(&end);
        }
        let end = end.checked_add(1.day()).ok()?;
        if start < *now && end > *now {
            return left(&end);
        }
    }
    None
}

fn zone(name: &str) -> Option<TimeZone> {
    match name {
        "" | "Local" => Some(TimeZone::system()),
        "UTC" => Some(TimeZone::UTC),
        name => TimeZone::get(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: &str, end: &str) -> TimeRange {
        TimeRange {
            start: start.into(),
            end: end.into(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("timestamp")
    }

    #[test]
    fn ranges_admit_between_their_ends_also_over_midnight() {
        for (start, end, now, left) in [
            ("11:00:00", "22:00:00", "13:00:00", Some(9 * 3600)),
            ("11:00:00", "22:00:00", "22:00:00", None),
            ("11:00:00", "22:00:00", "10:59:59", None),
            ("22:00:00", "06:00:00", "05:00:00", Some(3600)),
            ("22:00:00", "06:00:00", "23:30:00", Some(6 * 3600 + 1800)),
            ("22:00:00", "06:00:00", "12:00:00", None),
            ("9:00:00", "9:00:00", "09:00:00", None),
        ] {
            let now = at(&format!("2026-03-01T{now}Z"));
            let expected =
                left.map_or(Admission::Never, |s| Admission::Until { left_ms: s * 1000 });
            assert_eq!(
                admission(&[range(start, end)], "UTC", now),
                expected,
                "{start} {end}"
            );
        }
    }

    #[test]
    fn the_longest_of_several_ranges_counts() {
        let ranges = [range("01:00:00", "03:00:00"), range("01:00:00", "05:00:00")];
        let now = at("2026-03-01T02:00:00Z");
        assert_eq!(
            admission(&ranges, "UTC", now),
            Admission::Until {
                left_ms: 3 * 3_600_000
            }
        );
        assert_eq!(admission(&[], "nowhere", now), Admission::Always);
        assert_eq!(admission(&ranges, "No/Where", now), Admission::Never);
        assert_eq!(admission(&[range("x", "y")], "UTC", now), Admission::Never);
    }

    #[test]
    fn times_of_the_day_are_read_as_the_reference_reads_them() {
        for text in ["00:00:00", "9:05:00", "23:59:59", "23:59:59.5"] {
            assert!(parse_time(text).is_some(), "{text}");
        }
        for text in [
            "",
            "24:00:00",
            "1:2:3",
            "12:60:00",
            "12:00",
            "12:00:00:00",
            "+1:00:00",
            "12:00:61",
            "12:00:00.",
        ] {
            assert!(parse_time(text).is_none(), "{text}");
        }
    }
}
