//! Samples to lines, CSV and JSON.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Latencies;
use crate::output::format;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    CorePublish,
    CoreSubscribe,
    ServiceRequest,
    ServiceServe,
    JsPublishSync,
    JsPublishAsync,
    JsPublishAtomic,
    JsPublishFast,
    JsOrdered,
    JsConsume,
    JsFetch,
    JsGetSync,
    JsGetBatch,
    KvPut,
    KvGet,
}

/// What one client did.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Messages that count: published, received or answered.
    pub messages: u64,
    /// Messages on the wire in both directions.
    pub wire_messages: u64,
    pub payload_bytes: u64,
    pub start: Instant,
    pub end: Instant,
    pub latencies: Latencies,
}

/// The samples of a run.
#[derive(Debug, Clone)]
pub struct Report {
    pub run_id: String,
    pub kind: Kind,
    /// The arguments of the run, in order of their names.
    pub arguments: Vec<(&'static str, String)>,
    /// True when latencies count from the moment an operation was due.
    pub open_loop: bool,
    pub samples: Vec<Sample>,
}

impl Kind {
    pub fn label(self) -> &'static str {
        match self {
            Self::CorePublish => "Core NATS publisher",
            Self::CoreSubscribe => "Core NATS subscriber",
            Self::ServiceRequest => "Core NATS service requester",
            Self::ServiceServe => "Core NATS service server",
            Self::JsPublishSync => "JetStream synchronous publisher",
            Self::JsPublishAsync => "JetStream asynchronous publisher",
            Self::JsPublishAtomic => "JetStream atomic batch publisher",
            Self::JsPublishFast => "JetStream fast batch publisher",
            Self::JsOrdered => "JetStream ordered ephemeral consumer",
            Self::JsConsume => "JetStream durable consumer (callback)",
            Self::JsFetch => "JetStream durable consumer (fetch)",
            Self::JsGetSync => "JetStream synchronous getter",
            Self::JsGetBatch => "JetStream batched direct getter",
            Self::KvPut => "JetStream KV putter",
            Self::KvGet => "JetStream KV getter",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::CorePublish => "pub",
            Self::CoreSubscribe => "sub",
            Self::ServiceRequest => "service request",
            Self::ServiceServe => "service serve",
            Self::JsPublishSync => "js pub sync",
            Self::JsPublishAsync => "js pub async",
            Self::JsPublishAtomic => "js pub atomic",
            Self::JsPublishFast => "js pub fast",
            Self::JsOrdered => "js ordered",
            Self::JsConsume => "js consume",
            Self::JsFetch => "js fetch",
            Self::JsGetSync => "js get sync",
            Self::JsGetBatch => "js get batch",
            Self::KvPut => "kv put",
            Self::KvGet => "kv get",
        }
    }

    /// The letter before a client's number in the CSV file.
    fn prefix(self) -> &'static str {
        match self {
            Self::CorePublish
            | Self::ServiceRequest
            | Self::JsPublishSync
            | Self::JsPublishAsync
            | Self::JsPublishAtomic
            | Self::JsPublishFast
            | Self::KvPut => "P",
            Self::CoreSubscribe
            | Self::ServiceServe
            | Self::JsOrdered
            | Self::JsConsume
            | Self::JsFetch
            | Self::JsGetSync
            | Self::JsGetBatch
            | Self::KvGet => "S",
        }
    }
}

impl Sample {
    pub fn duration(&self) -> Duration {
        self.end.saturating_duration_since(self.start)
    }

    /// Messages per second; 0 for a run that took no time.
    pub fn rate(&self) -> u64 {
        per_second(self.messages, self.duration()) as u64
    }

    pub fn bytes_per_second(&self) -> f64 {
        per_second(self.payload_bytes, self.duration())
    }

    fn line(&self) -> String {
        let speed = self.speed();
        let l = &self.latencies;
        if l.is_empty() {
            return speed;
        }
        let us = |value| format!("{}us", format::decimal_to(value, 2));
        format!(
            "{speed} ~ min: {} ~ avg: {} ~ max: {} ~ P50: {} ~ P90: {} ~ P99: {} ~ P99.9: {}",
            us(l.min_us()),
            us(l.mean_us()),
            us(l.max_us()),
            us(l.percentile_us(50.0)),
            us(l.percentile_us(90.0)),
            us(l.percentile_us(99.0)),
            us(l.percentile_us(99.9)),
        )
    }

    fn speed(&self) -> String {
        let bytes = format::bytes(self.bytes_per_second() as u64);
        format!("{} msgs/sec ~ {bytes}/sec", format::count(self.rate()))
    }

    fn json(&self) -> Value {
        let mut document = json!({
            "messages": self.messages,
            "wire_messages": self.wire_messages,
            "payload_bytes": self.payload_bytes,
            "duration_seconds": self.duration().as_secs_f64(),
            "messages_per_second": self.rate(),
            "bytes_per_second": self.bytes_per_second(),
        });
        if !self.latencies.is_empty()
            && let Some(fields) = document.as_object_mut()
        {
            fields.insert("latency_us".into(), latency_json(&self.latencies));
        }
        document
    }
}

impl Report {
    /// `Starting … benchmark [a=b, …]`.
    pub fn banner(&self) -> String {
        let arguments: Vec<_> = self
            .arguments
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!(
            "Starting {} benchmark [{}]",
            self.kind.label(),
            arguments.join(", ")
        )
    }

    /// The lines that a person reads.
    pub fn text(&self) -> String {
        let label = self.kind.label();
        if let [sample] = self.samples.as_slice() {
            return format!("NATS {label} stats: {}\n", sample.line());
        }
        let Some(total) = self.total() else {
            return "No publisher or subscribers. Nothing to report.\n".to_owned();
        };
        let mut text = String::new();
        for (index, sample) in self.samples.iter().enumerate() {
            let messages = format::count(sample.messages);
            text.push_str(&format!(
                "  [{}] {} ({messages} msgs)\n",
                index + 1,
                sample.line()
            ));
        }
        text.push_str(&format!(
            "\n NATS {label} aggregated stats: {}\n",
            total.speed()
        ));
        let (min, mean, max, deviation) = self.rates();
        let number = |value: f64| format::count(value as u64);
        text.push_str(&format!(
            " message rates min {} | avg {} | max {} | stddev {} msgs\n",
            number(min),
            number(mean),
            number(max),
            number(deviation)
        ));
        if !total.latencies.is_empty() {
            let l = &total.latencies;
            let us = |value| format!("{}us", format::decimal_to(value, 2));
            text.push_str(&format!(
                " latencies per operation min {} | avg {} | max {} | stddev {} | P50 {} | P90 {} | P99 {} | P99.9: {}\n",
                us(l.min_us()),
                us(l.mean_us()),
                us(l.max_us()),
                us(l.deviation_us()),
                us(l.percentile_us(50.0)),
                us(l.percentile_us(90.0)),
                us(l.percentile_us(99.0)),
                us(l.percentile_us(99.9)),
            ));
        }
        text
    }

    /// A line per client. The columns are those of the reference tool.
    pub fn csv(&self) -> String {
        let latencies = self
            .samples
            .iter()
            .any(|sample| !sample.latencies.is_empty());
        let mut text =
            String::from("#RunID,ClientID,MsgCount,MsgBytes,MsgsPerSec,BytesPerSec,DurationSecs");
        if latencies {
            text.push_str(
                ",MinLatencyMicroSecs,AvgLatencyMicroSecs,MaxLatencyMicroSecs,P50LatencyMicroSecs,P90LatencyMicroSecs,\
                 P99LatencyMicroSecs,P99.9LatencyMicroSecs,StdDevLatencyMicroSecs",
            );
        }
        text.push('\n');
        for (index, sample) in self.samples.iter().enumerate() {
            text.push_str(&format!(
                "{},{}{index},{},{},{},{:.6},{:.6}",
                self.run_id,
                self.kind.prefix(),
                sample.wire_messages,
                sample.payload_bytes,
                sample.rate(),
                sample.bytes_per_second(),
                sample.duration().as_secs_f64(),
            ));
            if latencies {
                let l = &sample.latencies;
                let percentiles = [50.0, 90.0, 99.0, 99.9].map(|percent| l.percentile_us(percent));
                let figures = [l.min_us(), l.mean_us(), l.max_us()]
                    .into_iter()
                    .chain(percentiles);
                for figure in figures.chain([l.deviation_us()]) {
                    text.push_str(&format!(",{figure:.6}"));
                }
            }
            text.push('\n');
        }
        text
    }

    pub fn json(&self) -> Value {
        let arguments: serde_json::Map<_, _> = self
            .arguments
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.clone())))
            .collect();
        let (min, mean, max, deviation) = self.rates();
        json!({
            "run_id": self.run_id,
            "benchmark": self.kind.name(),
            "arguments": arguments,
            "latency_from": if self.open_loop { "due" } else { "begin" },
            "clients": self.samples.iter().map(Sample::json).collect::<Vec<_>>(),
            "aggregate": self.total().map(|total| total.json()),
            "client_rates": {"min": min, "mean": mean, "max": max, "stddev": deviation},
        })
    }

    /// All clients as one: from the first start to the last end.
    fn total(&self) -> Option<Sample> {
        let (first, rest) = self.samples.split_first()?;
        let mut total = first.clone();
        for sample in rest {
            total.messages += sample.messages;
            total.wire_messages += sample.wire_messages;
            total.payload_bytes += sample.payload_bytes;
            total.start = total.start.min(sample.start);
            total.end = total.end.max(sample.end);
            total.latencies.merge(&sample.latencies);
        }
        Some(total)
    }

    /// Least, mean, greatest and standard deviation of the clients' rates.
    fn rates(&self) -> (f64, f64, f64, f64) {
        let rates: Vec<f64> = self
            .samples
            .iter()
            .map(|sample| sample.rate() as f64)
            .collect();
        if rates.is_empty() {
            return (0.0, 0.0, 0.0, 0.0);
        }
        let count = rates.len() as f64;
        let mean = rates.iter().sum::<f64>() / count;
        let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
        let min = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let max = rates.iter().copied().fold(0.0, f64::max);
        (min, mean, max, variance.sqrt())
    }
}

fn latency_json(latencies: &Latencies) -> Value {
    json!({
        "count": latencies.count(),
        "min": latencies.min_us(),
        "mean": latencies.mean_us(),
        "max": latencies.max_us(),
        "stddev": latencies.deviation_us(),
        "p50": latencies.percentile_us(50.0),
        "p90": latencies.percentile_us(90.0),
        "p99": latencies.percentile_us(99.0),
        "p99_9": latencies.percentile_us(99.9),
        "p99_99": latencies.percentile_us(99.99),
    })
}

fn per_second(count: u64, duration: Duration) -> f64 {
    if duration.is_zero() {
        return 0.0;
    }
    count as f64 / duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(start: Instant, messages: u64, ms: u64, latencies_us: &[u64]) -> Sample {
        let mut latencies = Latencies::new();
        for us in latencies_us {
            latencies.record(Duration::from_micros(*us));
        }
        Sample {
            messages,
            wire_messages: messages,
            payload_bytes: messages * 128,
            start,
            end: start + Duration::from_millis(ms),
            latencies,
        }
    }

    fn report(samples: Vec<Sample>) -> Report {
        Report {
            run_id: "RUN".into(),
            kind: Kind::CorePublish,
            arguments: vec![("clients", "2".into()), ("subject", "test".into())],
            open_loop: false,
            samples,
        }
    }

    #[test]
    fn one_client_has_one_line() {
        let start = Instant::now();
        insta::assert_snapshot!(report(vec![sample(start, 100_000, 100, &[])]).text());
        insta::assert_snapshot!(
            "with_latencies",
            report(vec![sample(start, 1_000, 100, &[1, 2, 3, 1_000])]).text()
        );
    }

    #[test]
    fn several_clients_are_listed_and_summed_up() {
        let start = Instant::now();
        let later = start + Duration::from_millis(50);
        let report = report(vec![
            sample(start, 1_000, 100, &[1, 2]),
            sample(later, 3_000, 150, &[100, 200]),
        ]);
        insta::assert_snapshot!(format!(
            "{}\n\n{}\n{}",
            report.banner(),
            report.text(),
            report.csv()
        ));
        insta::assert_snapshot!(
            "report_json",
            serde_json::to_string_pretty(&report.json()).unwrap()
        );
    }

    #[test]
    fn a_run_without_duration_does_not_divide_by_zero() {
        let report = report(vec![sample(Instant::now(), 1, 0, &[])]);
        assert_eq!(
            report.text(),
            "NATS Core NATS publisher stats: 0 msgs/sec ~ 0 B/sec\n"
        );
    }
}
