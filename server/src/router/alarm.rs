//! When somebody has to look at requests again whose answers do not come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Nothing is due.
const NEVER: u64 = u64::MAX;

/// The earliest moment at which something is due, and a bell for the one who waits for it.
///
/// Setting it costs a load when an earlier moment is set already, which is the rule: requests of one threshold fall due in the
/// order in which they came.
pub struct Alarm {
    /// Nanoseconds count from here.
    base: Instant,
    at: AtomicU64,
    changed: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            at: AtomicU64::new(NEVER),
            changed: Notify::new(),
        }
    }
}

impl Alarm {
    /// Something is due at `due`. Call it after that something can be found.
    pub fn set(&self, due: Option<Instant>) {
        let Some(due) = due else { return };
        let nanos = due.saturating_duration_since(self.base).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(NEVER);
        if nanos < self.at.load(Ordering::Acquire)
            && nanos < self.at.fetch_min(nanos, Ordering::AcqRel)
        {
            self.changed.notify_one();
        }
    }

    /// Ends when something is due. The alarm is off then: look for what is due after this, and set it again.
    pub async fn wait(&self) {
        loop {
            let at = self.at.load(Ordering::Acquire);
            let due = self.base.checked_add(Duration::from_nanos(at));
            match due.filter(|_| at != NEVER) {
                None => self.changed.notified().await,
                Some(due) if due <= Instant::now() => {
                    self.at.store(NEVER, Ordering::Release);
                    return;
                }
                Some(due) => tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn rings_after(alarm: &Alarm, start: tokio::time::Instant) -> Duration {
        alarm.wait().await;
        start.elapsed()
    }

    #[tokio::test]
    async fn the_earliest_moment_counts_and_is_used_up() {
        let alarm = Alarm::default();
        let (start, now) = (tokio::time::Instant::now(), Instant::now());
        let ms = Duration::from_millis;
        alarm.set(Some(now + ms(60)));
        alarm.set(Some(now + ms(30)));
        alarm.set(Some(now + SECOND));
        alarm.set(None);
        let rang = rings_after(&alarm, start).await;
        assert!(rang >= ms(29) && rang < SECOND, "{rang:?}");
        let again = tokio::time::timeout(ms(100), alarm.wait()).await;
        assert!(again.is_err(), "nothing else is due until it is set again");
    }

    #[tokio::test]
    async fn one_who_waits_already_hears_of_an_earlier_moment() {
        let alarm = Arc::new(Alarm::default());
        let waiting = tokio::spawn({
            let alarm = alarm.clone();
            async move { alarm.wait().await }
        });
        tokio::task::yield_now().await;
        alarm.set(Some(Instant::now() + 600 * SECOND));
        tokio::task::yield_now().await;
        alarm.set(Some(Instant::now()));
        tokio::time::timeout(10 * SECOND, waiting)
            .await
            .expect("it rings")
            .expect("no panic");
    }
}
