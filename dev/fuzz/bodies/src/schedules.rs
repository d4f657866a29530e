//! Schedule expressions: refused, or with times that go forward.
//!
//! The first line of the input is the pattern, the second the time zone (none when the line is empty), the third a moment in seconds.

use nats_jetstream::schedule::Schedule;
use nats_store::Timestamp;

/// Seconds from which and to which moments are asked: the years 1970 to 2200.
const MOMENT_MAX: i64 = 7_258_118_400;

pub fn check(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let pattern = lines.next();
    let zone = lines.next().filter(|zone| !zone.is_empty());
    let moment = lines.next().and_then(|m| std::str::from_utf8(m).ok());
    let seconds: i64 = moment.and_then(|m| m.trim().parse().ok()).unwrap_or(0);
    let after = Timestamp(seconds.rem_euclid(MOMENT_MAX).saturating_mul(1_000_000_000));
    let Ok(read) = Schedule::parse(pattern, zone) else {
        return;
    };
    let Some(schedule) = read else {
        assert_eq!(
            pattern.unwrap_or_default(),
            b"",
            "only nothing is no schedule"
        );
        return;
    };
    let first = schedule.next(after, after);
    if !schedule.repeats() {
        assert_eq!(first, schedule.next(Timestamp(0), Timestamp(0)));
        return;
    }
    let Some(first) = first else { return };
    assert!(first > after, "{first:?} is not after {after:?}");
    if let Some(second) = schedule.next(first, first) {
        assert!(second > first, "{second:?} is not after {first:?}");
        // Whoever was away for long is not told of every time that was missed.
        if let Some(late) = schedule.next(after, second) {
            assert!(late >= second, "{late:?} was before {second:?}");
        }
    }
}
