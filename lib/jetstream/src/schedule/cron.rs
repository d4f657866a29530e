//! Cron patterns: second, minute, hour, day of month, month, day of week.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp as Instant, ToSpan, Zoned};
use nats_store::Timestamp;

/// A pattern that matches nothing for so long never will.
const YEARS_MAX: i16 = 5;

/// A checked pattern in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    second: Field,
    minute: Field,
    hour: Field,
    day_of_month: Field,
    month: Field,
    day_of_week: Field,
    zone: TimeZone,
}

/// The values that match, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Field {
    bits: u64,
    /// A `*` or `?` without step was among them.
    is_star: bool,
}

/// What a field may hold, and words for it from `named_from` on.
struct Bounds {
    least: u64,
    most: u64,
    names: &'static [&'static str],
    named_from: u64,
}

const fn plain(least: u64, most: u64) -> Bounds {
    Bounds {
        least,
        most,
        names: &[],
        named_from: 0,
    }
}

const MONTHS: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
    named_from: 1,
};
const WEEKDAYS: Bounds = Bounds {
    least: 0,
    most: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    named_from: 0,
};

impl Cron {
    /// Reads six fields; `None` when they are no pattern.
    pub(super) fn parse(pattern: &str, zone: TimeZone) -> Option<Self> {
        let mut fields = pattern.split_whitespace();
        let mut next = |bounds: &Bounds| Field::parse(fields.next()?, bounds);
        let cron = Self {
            second: next(&plain(0, 59))?,
            minute: next(&plain(0, 59))?,
            hour: next(&plain(0, 23))?,
            day_of_month: next(&plain(1, 31))?,
            month: next(&MONTHS)?,
            day_of_week: next(&WEEKDAYS)?,
            zone,
        };
        fields.next().is_none().then_some(cron)
    }

    /// The first whole second after `after` that matches, `None` when there is none for years.
    ///
    /// Walks forward in real time, from the next day, hour, minute or second that can match to the next; so an hour that a clock skips
    /// never matches and one that it repeats matches twice.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let seconds = after.0.div_euclid(1_000_000_000).checked_add(1)?;
        let start = Instant::from_second(seconds).ok()?;
        let mut at = start.to_zoned(self.zone.clone());
        let last_year = at.year().checked_add(YEARS_MAX)?;
        loop {
            if !self.matches_date(at.date()) {
                let date = self.next_date(at.date(), last_year)?;
                at = date.to_zoned(self.zone.clone()).ok()?;
            } else if !self.hour.has(at.hour()) {
                let into_hour = i64::from(at.minute())
                    .checked_mul(60)?
                    .checked_add(i64::from(at.second()))?;
                at = later(&at, 3600_i64.checked_sub(into_hour)?)?;
            } else if !self.minute.has(at.minute()) {
                at = later(&at, 60_i64.checked_sub(i64::from(at.second()))?)?;
            } else if !self.second.has(at.second()) {
                at = later(&at, 1)?;
            } else {
                let nanos = at.timestamp().as_nanosecond();
                return i64::try_from(nanos).ok().map(Timestamp);
            }
        }
    }

    /// The first date after `date` that matches.
    fn next_date(&self, mut date: Date, last_year: i16) -> Option<Date> {
        loop {
            date = if self.month.has(date.month()) {
                date.tomorrow().ok()?
            } else {
                date.first_of_month().checked_add(1.month()).ok()?
            };
            if date.year() > last_year {
                return None;
            }
            if self.matches_date(date) {
                return Some(date);
            }
        }
    }

    /// With a star in either field both days must match, else one of them.
    fn matches_date(&self, date: Date) -> bool {
        if !self.month.has(date.month()) {
            return false;
        }
        let by_month = self.day_of_month.has(date.day());
        let by_week = self.day_of_week.has(date.weekday().to_sunday_zero_offset());
        if self.day_of_month.is_star || self.day_of_week.is_star {
            by_month && by_week
        } else {
            by_month || by_week
        }
    }
}

fn later(at: &Zoned, seconds: i64) -> Option<Zoned> {
    at.checked_add(SignedDuration::from_secs(seconds)).ok()
}

impl Field {
    fn has(self, value: i8) -> bool {
        u32::try_from(value)
            .ok()
            .and_then(|value| self.bits.checked_shr(value))
            .is_some_and(|bits| bits & 1 == 1)
    }

    /// Ranges between commas. `None` when one of them is wrong, or when nothing matches.
    fn parse(text: &str, bounds: &Bounds) -> Option<Self> {
        let mut field = Self::default();
        for range in text.split(',').filter(|range| !range.is_empty()) {
            field.add_range(range, bounds)?;
        }
        (field.bits != 0).then_some(field)
    }

    /// `*`, `a`, `a-b`, each perhaps with `/step`; `a/step` goes on to the end.
    fn add_range(&mut self, text: &str, bounds: &Bounds) -> Option<()> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        let (low, high) = match range.split_once('-') {
            Some((low, high)) => (low, Some(high)),
            None => (range, None),
        };
        let is_star = low == "*" || low == "?";
        let (start, end) = if is_star {
            (bounds.least, bounds.most)
        } else {
            let start = bounds.value(low)?;
            match (high, step) {
                (Some(high), _) => (start, bounds.value(high)?),
                (None, Some(_)) => (start, bounds.most),
                (None, None) => (start, start),
            }
        };
        let step = step.unwrap_or(1);
        if start < bounds.least || end > bounds.most || start > end || step == 0 {
            return None;
        }
        let mut value = start;
        while value <= end {
            self.bits |= 1u64.checked_shl(u32::try_from(value).ok()?)?;
            value = value.checked_add(step)?;
        }
        self.is_star |= is_star && step == 1;
        Some(())
    }
}

impl Bounds {
    fn value(&self, text: &str) -> Option<u64> {
        let named = self
            .names
            .iter()
            .position(|name| text.eq_ignore_ascii_case(name));
        match named {
            Some(index) => self.named_from.checked_add(u64::try_from(index).ok()?),
            None => number(text),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}
