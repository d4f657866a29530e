//! What people type and read: numbers with units, times, durations. In the reference's forms.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::error::{Error, Result};

/// A number, possibly with a unit of bytes: `-1`, `1000`, `10K` (thousand), `4KiB`, `1.5G`.
///
/// # Errors
/// Anything else.
pub fn number(text: &str) -> std::result::Result<i64, String> {
    let wrong = || format!("{text:?} is no number such as -1, 1000, 10K or 4MiB");
    let plain = text.trim().replace(',', "");
    let (sign, rest) = match plain.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, plain.as_str()),
    };
    let digits = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (value, unit) = rest.split_at(digits);
    let factor: i64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "p" | "pb" => 1_000_000_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        "ti" | "tib" => 1 << 40,
        "pi" | "pib" => 1 << 50,
        _ => return Err(wrong()),
    };
    if let Ok(whole) = value.parse::<i64>() {
        return whole
            .checked_mul(factor)
            .map(|n| n * sign)
            .ok_or_else(wrong);
    }
    let value: f64 = value.parse().map_err(|_| wrong())?;
    let all = value * factor as f64;
    if !all.is_finite() || all >= i64::MAX as f64 {
        return Err(wrong());
    }
    Ok(all as i64 * sign)
}

/// Bytes for people, in the reference's thousands: `1.0 GB`.
pub fn bytes(count: i64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 10 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let value = (value * 10.0 + 0.5).floor() / 10.0;
    let unit = UNITS[unit];
    if value < 10.0 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// A moment: `0` or nothing (never), `2026-12-31`, `2026-12-31 10:00:00 UTC`, or from now on `10m`, `4h`, `3d`, `2w`, `1M`, `1y`.
/// In seconds since 1970.
///
/// # Errors
/// Anything else.
pub fn moment(text: &str, now: i64) -> Result<i64> {
    let wrong = || {
        Error::refused(format!(
            "{text:?} is no time: use yyyy-mm-dd, #m(inutes), #h(ours), #d(ays), #w(eeks), #M(onths), #y(ears) or 0"
        ))
    };
    let text = text.trim();
    if text.is_empty() || text == "0" {
        return Ok(0);
    }
    let utc = |when: DateTime| {
        when.to_zoned(TimeZone::UTC)
            .map(|z| z.timestamp().as_second())
    };
    if let Some(when) = text.strip_suffix(" UTC") {
        let when: DateTime = when.parse().map_err(|_| wrong())?;
        return utc(when).map_err(|_| wrong());
    }
    if let Ok(date) = text.parse::<Date>() {
        return utc(date.at(0, 0, 0, 0)).map_err(|_| wrong());
    }
    let mut chars = text.chars();
    let unit = chars.next_back().ok_or_else(wrong)?;
    let count: i32 = chars.as_str().parse().map_err(|_| wrong())?;
    if count == 0 {
        return Ok(0);
    }
    let span = match unit {
        'm' => Span::new().try_minutes(count),
        'h' => Span::new().try_hours(count),
        'd' => Span::new().try_days(count),
        'w' => Span::new().try_weeks(count),
        'M' => Span::new().try_months(count),
        'y' => Span::new().try_years(count),
        _ => return Err(wrong()),
    };
    let start = Timestamp::from_second(now)
        .map_err(|_| wrong())?
        .to_zoned(TimeZone::system());
    let end = span
        .and_then(|span| start.checked_add(span))
        .map_err(|_| wrong())?;
    Ok(end.timestamp().as_second())
}

/// A moment as `revocations --at` takes it: RFC 3339, or seconds since 1970; 0 is now.
///
/// # Errors
/// Anything else.
pub fn revoked_at(text: &str, now: i64) -> Result<i64> {
    if let Ok(seconds) = text.trim().parse::<i64>() {
        return Ok(if seconds == 0 { now } else { seconds });
    }
    let when: Timestamp = text.trim().parse().map_err(|_| {
        Error::refused(format!(
            "{text:?} is no time: use RFC 3339, such as 2026-01-31T10:00:00Z, or seconds since 1970"
        ))
    })?;
    Ok(when.as_second())
}

/// `2006-01-02 15:04:05 UTC`; nothing for 0.
pub fn date(seconds: i64) -> String {
    match Timestamp::from_second(seconds) {
        Ok(when) if seconds != 0 => when.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        _ => String::new(),
    }
}

/// A duration of Go: `5s`, `1m30s`, `250ms`, `1.5h`. In nanoseconds.
///
/// # Errors
/// Anything else, negative ones included.
pub fn duration_ns(text: &str) -> std::result::Result<i64, String> {
    let wrong = || format!("{text:?} is no duration such as 5s, 250ms or 1m30s");
    let mut rest = text.trim();
    if rest == "0" || rest.is_empty() {
        return Ok(0);
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (value, tail) = rest.split_at(digits);
        let value: f64 = value.parse().map_err(|_| wrong())?;
        let units = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 6e10),
            ("h", 3.6e12),
        ];
        let (unit, factor) = units
            .iter()
            .find(|(unit, _)| tail.starts_with(unit))
            .ok_or_else(wrong)?;
        total += value * factor;
        rest = &tail[unit.len()..];
    }
    if total >= i64::MAX as f64 {
        return Err(wrong());
    }
    Ok(total as i64)
}

/// A duration as Go prints it: `5s`, `1m30s`, `1.5s`, `250ms`.
pub fn duration(ns: i64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    let (sign, ns) = (if ns < 0 { "-" } else { "" }, ns.unsigned_abs());
    let fraction = |value: u64, unit: u64| {
        let text = format!(
            "{}.{:09}",
            value / unit,
            value % unit * (1_000_000_000 / unit)
        );
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if ns < 1_000 {
        return format!("{sign}{ns}ns");
    }
    if ns < 1_000_000 {
        return format!("{sign}{}µs", fraction(ns, 1_000));
    }
    if ns < 1_000_000_000 {
        return format!("{sign}{}ms", fraction(ns, 1_000_000));
    }
    let (hours, minutes) = (ns / 3_600_000_000_000, ns / 60_000_000_000 % 60);
    let seconds = fraction(ns % 60_000_000_000, 1_000_000_000);
    if hours > 0 {
        format!("{sign}{hours}h{minutes}m{seconds}s")
    } else if minutes > 0 {
        format!("{sign}{minutes}m{seconds}s")
    } else {
        format!("{sign}{seconds}s")
    }
}

/// How far away a moment is, as the reference says it: `In 4 Weeks`, `3 Days Ago`.
pub fn distance(when: i64, now: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const WEEK: i64 = 7 * DAY;
    const MONTH: i64 = 30 * DAY;
    const YEAR: i64 = 12 * MONTH;
    let away = (when - now).abs();
    let words = match away {
        0 => return "Now".to_owned(),
        1 => "1 Second".to_owned(),
        _ if away < MINUTE => format!("{away} Seconds"),
        _ if away < 2 * MINUTE => "1 Minute".to_owned(),
        _ if away < HOUR => format!("{} Minutes", away / MINUTE),
        _ if away < 2 * HOUR => "1 Hour".to_owned(),
        _ if away < DAY => format!("{} Hours", away / HOUR),
        _ if away < 2 * DAY => "1 Day".to_owned(),
        _ if away < WEEK => format!("{} Days", away / DAY),
        _ if away < 2 * WEEK => "1 Week".to_owned(),
        _ if away < MONTH => format!("{} Weeks", away / WEEK),
        _ if away < 2 * MONTH => "1 Month".to_owned(),
        _ if away < YEAR => format!("{} Months", away / MONTH),
        _ if away < 18 * MONTH => "1 Year".to_owned(),
        _ if away < 2 * YEAR => "2 Years".to_owned(),
        _ => format!("{} Years", away / YEAR),
    };
    if when < now {
        format!("{words} Ago")
    } else {
        format!("In {words}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_units_of_the_reference() {
        for (text, value) in [
            ("-1", -1),
            ("0", 0),
            ("1000", 1000),
            ("1,000", 1000),
            ("1K", 1000),
            ("1KiB", 1024),
            ("1.5G", 1_500_000_000),
            ("10mb", 10_000_000),
            ("2 Gi", 2 << 30),
        ] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in [
            "",
            "x",
            "1X",
            "--1",
            "1.2.3",
            "99999999999999999999",
            "9999999P",
        ] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_read_as_the_reference_writes_them() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_000_000_000, "1.0 GB"),
            (12_345_678, "12 MB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn moments_are_dates_or_relative_to_now() {
        let now = 1_795_800_501;
        for (text, when) in [
            ("", 0),
            ("0", 0),
            ("0d", 0),
            ("1970-01-02", 86_400),
            ("1970-01-02 00:00:01 UTC", 86_401),
            ("10m", now + 600),
            ("-2h", now - 7200),
        ] {
            assert_eq!(moment(text, now).expect(text), when, "{text}");
        }
        let month = moment("1M", now).expect("a month");
        assert!((28 * 86_400..=31 * 86_400 + 3600).contains(&(month - now)));
        for text in [
            "x",
            "3",
            "3q",
            "1.5d",
            "2026-13-01",
            "99999999999y",
            "2147483647y",
        ] {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_go_both_ways() {
        for text in ["5s", "1m30s", "250ms", "1.5s", "1h0m0s", "2h3m4s", "7ns"] {
            assert_eq!(duration(duration_ns(text).expect(text)), text);
        }
        assert_eq!(duration(0), "0s");
        for text in ["5", "s", "-1s", "1x", "1..2s"] {
            assert!(duration_ns(text).is_err(), "{text}");
        }
    }

    #[test]
    fn distances_are_in_words() {
        assert_eq!(distance(29 * 86_400, 0), "In 4 Weeks");
        assert_eq!(distance(0, 3 * 86_400), "3 Days Ago");
        assert_eq!(distance(90 * 60, 0), "In 1 Hour");
    }
}
