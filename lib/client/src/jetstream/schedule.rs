//! Messages that a stream publishes later, or again and again. Source: ADR-51.

use std::time::Duration;

use nats_api::jetstream::headers;
use nats_api::time::{Timestamp, friendly};

use super::publish::{MessageTtl, PublishOptions, ttl_text};

/// When a stream publishes a message. The stream must allow it (`allow_msg_schedules`).
///
/// ```no_run
/// # async fn example(js: nats_client::jetstream::JetStream) -> Result<(), Box<dyn std::error::Error>> {
/// use nats_client::jetstream::Schedule;
/// use std::time::Duration;
/// let schedule = Schedule::every(Duration::from_secs(60), "reports.minute");
/// js.publish_with("schedules.minute", "a minute is over", &schedule.options()).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pattern: String,
    target: String,
    ttl: Option<MessageTtl>,
    source: Option<String>,
    time_zone: Option<String>,
    rollup: bool,
}

impl Schedule {
    /// Once.
    pub fn at(time: Timestamp, target: impl Into<String>) -> Self {
        Self::pattern(format!("@at {time}"), target)
    }

    /// Every so often; at least a second.
    pub fn every(interval: Duration, target: impl Into<String>) -> Self {
        Self::pattern(format!("@every {}", friendly(interval)), target)
    }

    /// By a pattern of six fields (second, minute, hour, day of month, month, day of week), or a word such as `@hourly`.
    pub fn cron(pattern: impl Into<String>, target: impl Into<String>) -> Self {
        Self::pattern(pattern.into(), target)
    }

    fn pattern(pattern: String, target: impl Into<String>) -> Self {
        Self {
            pattern,
            target: target.into(),
            ttl: None,
            source: None,
            time_zone: None,
            rollup: false,
        }
    }

    /// How long a published message lives.
    pub fn ttl(mut self, ttl: MessageTtl) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Publish the last message of this subject in the place of the schedule's own payload.
    pub fn source(mut self, subject: impl Into<String>) -> Self {
        self.source = Some(subject.into());
        self
    }

    /// The zone in which a cron pattern counts, such as `Europe/Vienna`.
    pub fn time_zone(mut self, zone: impl Into<String>) -> Self {
        self.time_zone = Some(zone.into());
        self
    }

    /// A published message replaces what was on its subject.
    pub fn rollup(mut self) -> Self {
        self.rollup = true;
        self
    }

    /// What to publish the schedule with; more may be added.
    pub fn options(&self) -> PublishOptions {
        let mut options = PublishOptions::new()
            .header(headers::SCHEDULE, &self.pattern)
            .header(headers::SCHEDULE_TARGET, &self.target);
        if let Some(ttl) = self.ttl {
            options = options.header(headers::SCHEDULE_TTL, &ttl_text(ttl));
        }
        if let Some(source) = &self.source {
            options = options.header(headers::SCHEDULE_SOURCE, source);
        }
        if let Some(zone) = &self.time_zone {
            options = options.header(headers::SCHEDULE_TIME_ZONE, zone);
        }
        if self.rollup {
            options = options.header(headers::SCHEDULE_ROLLUP, headers::ROLLUP_SUBJECT);
        }
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_written_as_servers_read_them() {
        let at = Schedule::at(Timestamp::from_unix_nanos(1_700_000_000_000_000_000), "t");
        let options = at.ttl(MessageTtl::For(Duration::from_secs(60))).options();
        let all = options.headers().unwrap();
        assert_eq!(all.first("Nats-Schedule"), Some("@at 2023-11-14T22:13:20Z"));
        assert_eq!(all.first("Nats-Schedule-Target"), Some("t"));
        assert_eq!(all.first("Nats-Schedule-TTL"), Some("60"));
        let every = Schedule::every(Duration::from_secs(90), "t").source("s");
        let options = every.options();
        let all = options.headers().unwrap();
        assert_eq!(all.first("Nats-Schedule"), Some("@every 1m30s"));
        assert_eq!(all.first("Nats-Schedule-Source"), Some("s"));
        assert_eq!(all.first("Nats-Schedule-TTL"), None);
    }
}
