//! What is measured: the names, units and directions of all figures, and one run's set of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One kind of figure. The unit is part of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Deliveries, publishes, requests or connections per second; the case says which.
    RatePerSecond,
    /// CPU time of the server process, user and system, per million of the things that the rate counts.
    CpuSecondsPerMillion,
    LatencyP50Us,
    LatencyP99Us,
    RssBytesPerConnection,
    RssBytesPerSubscription,
    /// From the start of the process to the first PONG.
    StartMs,
    IdleRssBytes,
    /// Memory while a stream holds its messages.
    HeldRssBytes,
    /// From the start of a killed server to the first PONG.
    RecoveryMs,
    BinaryBytes,
    /// How many things the rate counts were done.
    Done,
    Seconds,
    UserCpuSeconds,
    SystemCpuSeconds,
    /// User and system time of the generator itself. Near one core per thread it is the bottleneck.
    GeneratorCpuSeconds,
    /// The most memory that the server held at any time.
    PeakRssBytes,
    /// Subscriptions that came and went per second while the case ran.
    ChurnPerSecond,
    /// Share of the machine (0 to 1) that neither the server nor the generator used, but somebody else.
    OtherLoad,
}

/// How a figure is written for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    PerSecond,
    CpuSeconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Bytes,
    Plain,
    Share,
}

impl Metric {
    pub fn title(self) -> &'static str {
        match self {
            Metric::RatePerSecond => "rate",
            Metric::CpuSecondsPerMillion => "server CPU s per million",
            Metric::LatencyP50Us => "p50",
            Metric::LatencyP99Us => "p99",
            Metric::RssBytesPerConnection => "RSS per connection",
            Metric::RssBytesPerSubscription => "RSS per subscription",
            Metric::StartMs => "start to first PONG",
            Metric::IdleRssBytes => "idle RSS",
            Metric::HeldRssBytes => "RSS with the messages",
            Metric::RecoveryMs => "kill -9 to first PONG",
            Metric::BinaryBytes => "binary, stripped",
            Metric::Done => "done",
            Metric::Seconds => "seconds",
            Metric::UserCpuSeconds => "user CPU",
            Metric::SystemCpuSeconds => "system CPU",
            Metric::GeneratorCpuSeconds => "generator CPU",
            Metric::PeakRssBytes => "peak RSS",
            Metric::ChurnPerSecond => "churn",
            Metric::OtherLoad => "other load",
        }
    }

    pub fn unit(self) -> Unit {
        match self {
            Metric::RatePerSecond | Metric::ChurnPerSecond => Unit::PerSecond,
            Metric::CpuSecondsPerMillion
            | Metric::UserCpuSeconds
            | Metric::SystemCpuSeconds
            | Metric::GeneratorCpuSeconds => Unit::CpuSeconds,
            Metric::LatencyP50Us | Metric::LatencyP99Us => Unit::Microseconds,
            Metric::StartMs | Metric::RecoveryMs => Unit::Milliseconds,
            Metric::Seconds => Unit::Seconds,
            Metric::RssBytesPerConnection
            | Metric::RssBytesPerSubscription
            | Metric::IdleRssBytes
            | Metric::HeldRssBytes
            | Metric::BinaryBytes
            | Metric::PeakRssBytes => Unit::Bytes,
            Metric::Done => Unit::Plain,
            Metric::OtherLoad => Unit::Share,
        }
    }
}

impl Unit {
    /// `value` for a table: three significant digits and the unit.
    pub fn write(self, value: f64) -> String {
        match self {
            Unit::PerSecond => scaled(value, 1000.0, &["/s", "k/s", "M/s", "G/s"]),
            Unit::Bytes => scaled(value, 1000.0, &[" B", " KB", " MB", " GB"]),
            Unit::Plain => scaled(value, 1000.0, &["", "k", "M", "G"]),
            Unit::CpuSeconds => significant(value),
            Unit::Microseconds => format!("{} us", significant(value)),
            Unit::Milliseconds => format!("{} ms", significant(value)),
            Unit::Seconds => format!("{} s", significant(value)),
            Unit::Share => format!("{:.0} %", value * 100.0),
        }
    }
}

/// The figures of one run against one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sample(BTreeMap<Metric, f64>);

impl Sample {
    pub fn set(&mut self, metric: Metric, value: f64) {
        self.0.insert(metric, value);
    }

    pub fn value(&self, metric: Metric) -> Option<f64> {
        self.0.get(&metric).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + '_ {
        self.0.iter().map(|(metric, value)| (*metric, *value))
    }
}

fn scaled(value: f64, step: f64, suffixes: &[&str]) -> String {
    let (mut value, mut place) = (value, 0);
    // 999.5 would be written as 1000 with three digits.
    while value.abs() >= step - 0.5 && place + 1 < suffixes.len() {
        value /= step;
        place += 1;
    }
    format!("{}{}", significant(value), suffixes[place])
}

fn significant(value: f64) -> String {
    // The bounds are where rounding reaches the next power of ten.
    let digits = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_with_three_digits_and_their_unit() {
        let cases = [
            (Unit::PerSecond, 1_734_000.0, "1.73M/s"),
            (Unit::PerSecond, 852.0, "852/s"),
            (Unit::PerSecond, 999_900.0, "1.00M/s"),
            (Unit::Bytes, 53_000.0, "53.0 KB"),
            (Unit::CpuSeconds, 0.1512, "0.151"),
            (Unit::Microseconds, 127.4, "127 us"),
            (Unit::Share, 0.25, "25 %"),
        ];
        for (unit, value, expected) in cases {
            assert_eq!(unit.write(value), expected);
        }
    }

    #[test]
    fn a_sample_is_a_json_object_with_the_metrics_as_keys() {
        let mut sample = Sample::default();
        sample.set(Metric::RatePerSecond, 2.0);
        sample.set(Metric::LatencyP99Us, 5.5);
        let text = serde_json::to_string(&sample).expect("serialize");
        assert_eq!(text, r#"{"rate_per_second":2.0,"latency_p99_us":5.5}"#);
        let back: Sample = serde_json::from_str(&text).expect("parse");
        assert_eq!(back, sample);
    }
}
