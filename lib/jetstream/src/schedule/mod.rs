//! When a scheduled message is due: `@at`, `@every`, and cron patterns of six fields.
//!
//! **What lives here.** [`Schedule`] reads what a publisher writes into `Nats-Schedule` and `Nats-Schedule-Time-Zone` and says when it is
//! due next. Which schedules a stream has is the stream's business.
//!
//! **What never happens here.** No clock: "now" is an argument. No file: zones come from a database that is part of the program, so that
//! every server and every replay computes the same times.
//!
//! Source: ADR-51.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod cron;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use nats_api::errors::ApiError;
use nats_store::Timestamp;

use crate::publish::ttl::duration;
use cron::Cron;

const SECOND: i64 = 1_000_000_000;

/// A schedule that was checked.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Once.
    At(Timestamp),
    /// Again and again, so many nanoseconds apart; at least a second.
    Every(i64),
    Cron(Box<Cron>),
}

/// Why something is no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    #[error("the pattern is not valid")]
    Pattern,
    #[error("the time zone is not known")]
    TimeZone,
}

impl BadSchedule {
    pub fn api_error(self) -> ApiError {
        match self {
            Self::Pattern => ApiError::MESSAGE_SCHEDULES_PATTERN_INVALID.error(),
            Self::TimeZone => ApiError::MESSAGE_SCHEDULES_TIME_ZONE_INVALID.error(),
        }
    }
}

impl Schedule {
    /// Reads the two headers. `None` when there is no pattern. A zone that is there must be known, even when nothing needs it.
    ///
    /// # Errors
    /// [`BadSchedule`].
    pub fn parse(pattern: Option<&[u8]>, zone: Option<&[u8]>) -> Result<Option<Self>, BadSchedule> {
        let zone = zone.map(time_zone).transpose()?;
        let pattern = pattern.unwrap_or_default();
        if pattern.is_empty() {
            return Ok(None);
        }
        let pattern = std::str::from_utf8(pattern).map_err(|_| BadSchedule::Pattern)?;
        if let Some(time) = pattern.strip_prefix("@at ") {
            let at = rfc3339(time).filter(|_| zone.is_none());
            return at.map(|at| Some(Self::At(at))).ok_or(BadSchedule::Pattern);
        }
        if let Some(interval) = pattern.strip_prefix("@every ") {
            let interval = duration(interval).filter(|nanos| *nanos >= SECOND && zone.is_none());
            return interval
                .map(|nanos| Some(Self::Every(nanos)))
                .ok_or(BadSchedule::Pattern);
        }
        let fields = match pattern {
            "@yearly" | "@annually" => "0 0 0 1 1 *",
            "@monthly" => "0 0 0 1 * *",
            "@weekly" => "0 0 0 * * 0",
            "@daily" | "@midnight" => "0 0 0 * * *",
            "@hourly" => "0 0 * * * *",
            other => other,
        };
        let cron = Cron::parse(fields, zone.unwrap_or(TimeZone::UTC));
        cron.map(|cron| Some(Self::Cron(Box::new(cron))))
            .ok_or(BadSchedule::Pattern)
    }

    /// Whether it is due more than once.
    pub fn repeats(&self) -> bool {
        !matches!(self, Self::At(_))
    }

    /// When it is due next after `after`. Times that were missed before `now` are made up for once, not one by one. `None` when a cron
    /// pattern matches nothing within five years.
    pub fn next(&self, after: Timestamp, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(*at),
            Self::Every(interval) => {
                let step = |from: Timestamp| Timestamp(rounded(from).0.saturating_add(*interval));
                let next = step(after);
                Some(if next < now { step(now) } else { next })
            }
            Self::Cron(cron) => {
                let next = cron.next(after)?;
                if next < now {
                    cron.next(rounded(now))
                } else {
                    Some(next)
                }
            }
        }
    }
}

/// To the nearest second.
fn rounded(time: Timestamp) -> Timestamp {
    let up = time.0.saturating_add(SECOND / 2);
    Timestamp(up.saturating_sub(up.rem_euclid(SECOND)))
}

fn time_zone(name: &[u8]) -> Result<TimeZone, BadSchedule> {
    std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty())
        .and_then(|name| TimeZoneDatabase::bundled().get(name).ok())
        .ok_or(BadSchedule::TimeZone)
}

/// A time such as `2006-01-02T15:04:05.5+02:00`, and nothing looser.
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let fits = |shape: &[u8], text: &[u8]| {
        shape.len() == text.len()
            && shape.iter().zip(text).all(|(shape, byte)| match shape {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    if !fits(SHAPE, bytes.get(..SHAPE.len())?) {
        return None;
    }
    let mut zone = bytes.get(SHAPE.len()..)?;
    if let Some(fraction) = zone.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        zone = fraction.get(digits..)?;
    }
    let is_zone = zone == b"Z" || fits(b"+00:00", zone) || fits(b"-00:00", zone);
    if !is_zone {
        return None;
    }
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Timestamp {
        rfc3339(text).unwrap()
    }

    fn next(pattern: &str, zone: Option<&str>, after: &str) -> Option<String> {
        let schedule = Schedule::parse(Some(pattern.as_bytes()), zone.map(str::as_bytes))
            .unwrap()
            .unwrap();
        let after = time(after);
        let next = schedule.next(after, after)?;
        let next = nats_api::time::Timestamp::from_unix_nanos(i128::from(next.0));
        Some(next.to_string())
    }

    #[test]
    fn patterns_are_due_when_they_say() {
        let table = [
            (
                "@at 2030-01-01T00:00:00Z",
                "2024-01-01T00:00:00Z",
                "2030-01-01T00:00:00Z",
            ),
            (
                "@at 2020-01-01T02:00:00.5+02:00",
                "2024-01-01T00:00:00Z",
                "2020-01-01T00:00:00.5Z",
            ),
            (
                "@every 90s",
                "2024-01-01T00:00:00.4Z",
                "2024-01-01T00:01:30Z",
            ),
            (
                "@every 90s",
                "2024-01-01T00:00:00.5Z",
                "2024-01-01T00:01:31Z",
            ),
            ("@hourly", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
            ("@daily", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
            ("@weekly", "2024-01-01T00:00:00Z", "2024-01-07T00:00:00Z"),
            ("@monthly", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
            ("@yearly", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
            (
                "* * * * * *",
                "2024-01-01T00:00:00.9Z",
                "2024-01-01T00:00:01Z",
            ),
            (
                "*/15 30-45/5 8,20 * * *",
                "2024-01-01T08:30:00Z",
                "2024-01-01T08:30:15Z",
            ),
            (
                "5/20 0 0 * * ?",
                "2024-01-01T00:00:05Z",
                "2024-01-01T00:00:25Z",
            ),
            (
                "0 0 0 29 FEB *",
                "2024-03-01T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
            // Day of month OR day of week, when neither is a star.
            (
                "0 0 0 13 * FRI",
                "2024-01-01T00:00:00Z",
                "2024-01-05T00:00:00Z",
            ),
            (
                "0 0 0 13 * *",
                "2024-01-01T00:00:00Z",
                "2024-01-13T00:00:00Z",
            ),
            (
                "0 0 0 * * mon",
                "2024-01-01T00:00:00Z",
                "2024-01-08T00:00:00Z",
            ),
        ];
        for (pattern, after, due) in table {
            assert_eq!(
                next(pattern, None, after).as_deref(),
                Some(due),
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        for (pattern, due) in [("@every 10s", 1_010), ("*/10 * * * * *", 1_010)] {
            let schedule = Schedule::parse(Some(pattern.as_bytes()), None)
                .unwrap()
                .unwrap();
            let at = |seconds: i64| Timestamp(seconds * SECOND);
            assert_eq!(
                schedule.next(at(100), at(1_000)),
                Some(at(due)),
                "{pattern}"
            );
            assert_eq!(schedule.next(at(1_000), at(1_000)), Some(at(1_010)));
        }
    }

    #[test]
    fn zones_shift_days_and_clocks_that_change_skip_or_repeat_hours() {
        let berlin = Some("Europe/Berlin");
        let table = [
            (
                "0 0 0 * * *",
                "2024-06-01T00:00:00Z",
                "2024-06-01T22:00:00Z",
            ),
            // 02:30 does not exist on 31 March, so the day after is next.
            (
                "0 30 2 * * *",
                "2024-03-30T23:00:00Z",
                "2024-04-01T00:30:00Z",
            ),
            // 02:30 comes twice on 27 October.
            (
                "0 30 2 * * *",
                "2024-10-26T23:00:00Z",
                "2024-10-27T00:30:00Z",
            ),
            (
                "0 30 2 * * *",
                "2024-10-27T00:30:00Z",
                "2024-10-27T01:30:00Z",
            ),
            (
                "0 */30 * * * *",
                "2024-10-27T00:30:00Z",
                "2024-10-27T01:00:00Z",
            ),
        ];
        for (pattern, after, due) in table {
            assert_eq!(
                next(pattern, berlin, after).as_deref(),
                Some(due),
                "{pattern} {after}"
            );
        }
    }

    #[test]
    fn a_pattern_that_never_matches_has_no_next_time() {
        assert_eq!(next("0 0 0 30 2 *", None, "2024-01-01T00:00:00Z"), None);
        assert_eq!(
            next("0 0 0 31 4,6,9,11 *", None, "2024-01-01T00:00:00Z"),
            None
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let patterns = [
            "@at",
            "@at ",
            "@at 2030-01-01",
            "@at 2030-01-01 00:00:00Z",
            "@at 2030-01-01T00:00:00",
            "@at 2030-13-01T00:00:00Z",
            "@every 999ms",
            "@every -5s",
            "@every x",
            "@fortnightly",
            "* * * * *",
            "* * * * * * *",
            "60 * * * * *",
            "* * 24 * * *",
            "* * * 0 * *",
            "* * * * 13 *",
            "* * * * * 7",
            "5-1 * * * * *",
            "*/0 * * * * *",
            "1-2-3 * * * * *",
            "1/2/3 * * * * *",
            ", * * * * *",
            "-1 * * * * *",
            "x * * * * *",
            "\u{00e9}",
        ];
        for pattern in patterns {
            let found = Schedule::parse(Some(pattern.as_bytes()), None);
            assert_eq!(found.err(), Some(BadSchedule::Pattern), "{pattern:?}");
        }
        for zone in ["", "Mars/Olympus"] {
            let found = Schedule::parse(None, Some(zone.as_bytes()));
            assert_eq!(found.err(), Some(BadSchedule::TimeZone), "{zone:?}");
        }
        for pattern in ["@at 2030-01-01T00:00:00Z", "@every 5s"] {
            let found = Schedule::parse(Some(pattern.as_bytes()), Some(b"UTC"));
            assert_eq!(
                found.err(),
                Some(BadSchedule::Pattern),
                "{pattern:?} takes no zone"
            );
        }
        assert!(Schedule::parse(None, Some(b"UTC")).unwrap().is_none());
        assert!(Schedule::parse(Some(b""), None).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn the_next_time_is_later_and_no_text_panics(
            pattern in "(@at |@every )?[0-9*/,?a-zA-Z:. -]{0,24}",
            seconds in 0i64..4_000_000_000,
        ) {
            let after = Timestamp(seconds * SECOND + 1);
            if let Ok(Some(schedule)) = Schedule::parse(Some(pattern.as_bytes()), None)
                && schedule.repeats()
                && let Some(next) = schedule.next(after, after)
            {
                prop_assert!(next > after);
            }
        }
    }
}
