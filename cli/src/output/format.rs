//! Numbers, sizes, durations and times as people read them; the forms are those of the reference tool.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `-1,234`.
pub fn signed(value: i64) -> String {
    let text = count(value.unsigned_abs());
    if value < 0 { format!("-{text}") } else { text }
}

/// `1,234.567`: at most three decimals, none when they are zero.
pub fn decimal(value: f64) -> String {
    decimal_to(value, 3)
}

/// At most `digits` decimals, cut off and not rounded; none when they are zero.
pub fn decimal_to(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let shortest = format!("{}", value.abs());
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let mut text = whole
        .parse()
        .map(count)
        .unwrap_or_else(|_| whole.to_owned());
    let fraction = fraction.get(..fraction.len().min(digits)).unwrap_or("");
    if !fraction.trim_end_matches('0').is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    if value < 0.0 {
        format!("-{text}")
    } else {
        text
    }
}

/// Powers of 1024: `512 B`, `1.0 KiB`, `23 MiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 10 {
        return format!("{value} B");
    }
    let power = (value.ilog2() / 10) as usize;
    let scaled = value as f64 / 1024f64.powi(power as i32);
    let rounded = (scaled * 10.0).round() / 10.0;
    if rounded < 10.0 {
        format!("{rounded:.1} {}", UNITS[power.min(6)])
    } else {
        format!("{rounded:.0} {}", UNITS[power.min(6)])
    }
}

/// `12µs`, `345ms`, `2.34s`, `3m4s`, `1d2h3m4s`, `1y2d3h4m5s`.
pub fn duration(value: Duration) -> String {
    if value < Duration::from_millis(1) {
        let micros = (value.as_nanos() + 500) / 1_000;
        return match micros {
            0 => "0s".to_owned(),
            1_000 => "1ms".to_owned(),
            _ => format!("{micros}µs"),
        };
    }
    if value < Duration::from_secs(1) {
        let millis = (value.as_micros() + 500) / 1_000;
        return if millis == 1_000 {
            "1s".to_owned()
        } else {
            format!("{millis}ms")
        };
    }
    let seconds = value.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let years = days / 365;
    let (s, m, h) = (seconds % 60, minutes % 60, hours % 24);
    if years > 0 {
        format!("{years}y{}d{h}h{m}m{s}s", days % 365)
    } else if days > 0 {
        format!("{days}d{h}h{m}m{s}s")
    } else if hours > 0 {
        format!("{h}h{m}m{s}s")
    } else if minutes > 0 {
        format!("{m}m{s}s")
    } else {
        format!("{:.2}s", value.as_secs_f64())
    }
}

/// A duration with all its digits, as the reference writes a measured time: `1.234567ms`, `2.5s`, `1m0.5s`.
pub fn duration_exact(value: Duration) -> String {
    fn scaled(nanos: u128, unit: u128, name: &str) -> String {
        let (whole, rest) = (nanos / unit, nanos % unit);
        let width = unit.ilog10() as usize;
        let fraction = format!("{rest:0width$}");
        match fraction.trim_end_matches('0') {
            "" => format!("{whole}{name}"),
            digits => format!("{whole}.{digits}{name}"),
        }
    }
    let nanos = value.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => scaled(nanos, 1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(nanos, 1_000_000, "ms"),
        _ => {
            const SECOND: u128 = 1_000_000_000;
            let seconds = nanos / SECOND;
            let rest = scaled(nanos % (60 * SECOND), SECOND, "s");
            match (seconds / 3_600, seconds / 60 % 60) {
                (0, 0) => rest,
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    }
}

/// Local time: `2006-01-02 15:04:05`.
pub fn time(value: Timestamp) -> String {
    value
        .to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S")
        .to_string()
}

/// Without the domain that all have in common. Addresses have none.
pub fn compacted(texts: &[&str]) -> Vec<String> {
    let full = || texts.iter().map(|text| (*text).to_owned()).collect();
    let Some((first, rest)) = texts.split_first() else {
        return Vec::new();
    };
    if rest.is_empty() || first.parse::<std::net::IpAddr>().is_ok() {
        return full();
    }
    let suffix = first
        .char_indices()
        .filter(|(_, c)| *c == '.')
        .map(|(at, _)| first.get(at..).unwrap_or(""))
        .find(|suffix| rest.iter().all(|text| text.ends_with(suffix)));
    match suffix {
        Some(suffix) => texts
            .iter()
            .map(|text| text.strip_suffix(suffix).unwrap_or(text).to_owned())
            .collect(),
        None => full(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_carry_thousands_commas() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(signed(-1_234), "-1,234");
        assert_eq!(signed(i64::MIN), "-9,223,372,036,854,775,808");
        for (value, text) in [
            (0.5, "0.5"),
            (1_234.567_89, "1,234.567"),
            (2.0, "2"),
            (-1.25, "-1.25"),
            (0.0001, "0"),
        ] {
            assert_eq!(decimal(value), text);
        }
    }

    #[test]
    fn sizes_use_powers_of_1024() {
        for (value, text) in [
            (0, "0 B"),
            (9, "9 B"),
            (512, "512 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (10_240, "10 KiB"),
            (24_117_248, "23 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let nanos = Duration::from_nanos;
        for (value, text) in [
            (nanos(0), "0s"),
            (nanos(12_345), "12µs"),
            (nanos(999_999), "1ms"),
            (nanos(1_500_000), "2ms"),
            (nanos(345_200_000), "345ms"),
            (nanos(999_999_999), "1s"),
            (nanos(2_340_000_000), "2.34s"),
            (Duration::from_secs(184), "3m4s"),
            (Duration::from_secs(3_600), "1h0m0s"),
            (Duration::from_secs(93_784), "1d2h3m4s"),
            (Duration::from_secs(365 * 86_400 + 61), "1y0d0h1m1s"),
        ] {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn measured_times_keep_their_digits() {
        let nanos = Duration::from_nanos;
        for (value, text) in [
            (nanos(0), "0s"),
            (nanos(17), "17ns"),
            (nanos(1_500), "1.5µs"),
            (nanos(1_234_567), "1.234567ms"),
            (nanos(1_000_000_000), "1s"),
            (nanos(60_500_000_000), "1m0.5s"),
            (nanos(3_601_000_000_001), "1h0m1.000000001s"),
        ] {
            assert_eq!(duration_exact(value), text);
        }
    }

    #[test]
    fn only_a_common_domain_is_left_out() {
        assert_eq!(compacted(&["a.x.net", "b.x.net"]), ["a", "b"]);
        assert_eq!(compacted(&["a.y.x.net", "b.z.x.net"]), ["a.y", "b.z"]);
        assert_eq!(compacted(&["a.x.net"]), ["a.x.net"]);
        assert_eq!(compacted(&["a", "b"]), ["a", "b"]);
        assert_eq!(
            compacted(&["10.0.0.1", "10.1.0.1"]),
            ["10.0.0.1", "10.1.0.1"]
        );
        assert_eq!(compacted(&["x", ""]), ["x", ""]);
    }
}
