//! Measuring how long a service takes to answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nats_api::system::ClientInfo;
use nats_api::system::latency::{SERVICE_LATENCY_TYPE, ServiceLatency};
use nats_api::time::{Nanos, Timestamp};
use nats_proto::header::block as header;
use nats_proto::nuid;

use super::{Cycle, Message, publish_from_inside};
use crate::account::Account;
use crate::options::LatencySampling;

/// Which requests of a service are measured, and where the figures go.
#[derive(Debug, Clone)]
pub struct Sampling {
    pub subject: Arc<str>,
    pub which: LatencySampling,
}

/// A request that is being measured.
#[derive(Debug, Clone)]
pub struct Sample {
    subject: Arc<str>,
    /// The headers that asked for it.
    header: BTreeMap<String, Vec<String>>,
}

/// How a measured request ended.
pub enum Measured {
    Answered {
        responder: Option<Box<ClientInfo>>,
        /// From the request's routing to the answer's.
        waited: Duration,
        /// When the answer came.
        at: Instant,
    },
    NoResponders,
    TooSlow,
    RequestorGone,
}

impl Sampling {
    /// Whether to measure a request with this header block.
    pub fn sample(&self, block: &[u8], random: u32) -> Option<Sample> {
        let header = match self.which {
            LatencySampling::Percent(p) if p >= 100 || random % 100 < u32::from(p) => {
                BTreeMap::new()
            }
            LatencySampling::Percent(_) => return None,
            LatencySampling::Headers => asked_by_headers(block)?,
        };
        Some(Sample {
            subject: self.subject.clone(),
            header,
        })
    }
}

impl Sample {
    /// The request had no reply subject: it cannot be answered.
    pub fn bad_request(
        &self,
        cx: &mut Cycle,
        exporter: &Arc<Account>,
        requestor: Option<ClientInfo>,
    ) {
        let mut document = self.document(requestor, SystemTime::now());
        document.status = 400;
        document.description = "Bad Request".to_owned();
        self.send(cx, exporter, &document);
    }

    /// Publishes the figures in the exporter's account.
    pub fn publish(
        &self,
        cx: &mut Cycle,
        exporter: &Arc<Account>,
        requestor: Option<ClientInfo>,
        outcome: Measured,
        started: SystemTime,
    ) {
        let asked_rtt = rtt(requestor.as_ref());
        let mut document = self.document(requestor, started);
        let (status, description) = match outcome {
            Measured::Answered {
                responder,
                waited,
                at,
            } => {
                let answered_rtt = rtt(responder.as_deref());
                // What this server spends on the answer itself counts only beside a known network.
                let ours = match answered_rtt.is_zero() {
                    true => Duration::ZERO,
                    false => at.elapsed(),
                };
                document.service = Nanos::from(waited.saturating_sub(answered_rtt));
                document.system = Nanos::from(ours);
                document.total = Nanos::from(waited + asked_rtt + ours);
                document.responder = responder.map(|r| *r);
                (200, "")
            }
            Measured::NoResponders => (503, "Service Unavailable"),
            Measured::TooSlow => (504, "Service Timeout"),
            Measured::RequestorGone => (408, "Request Timeout"),
        };
        document.status = status;
        description.clone_into(&mut document.description);
        self.send(cx, exporter, &document);
    }

    fn document(&self, requestor: Option<ClientInfo>, started: SystemTime) -> ServiceLatency {
        let sent = started - rtt(requestor.as_ref());
        ServiceLatency {
            event_type: SERVICE_LATENCY_TYPE.to_owned(),
            id: nuid::next().to_string(),
            timestamp: Timestamp::from(SystemTime::now()),
            start: Timestamp::from(sent),
            header: self.header.clone(),
            requestor,
            ..ServiceLatency::default()
        }
    }

    fn send(&self, cx: &mut Cycle, exporter: &Arc<Account>, document: &ServiceLatency) {
        // A document of strings and numbers always serialises.
        let Ok(body) = serde_json::to_vec(document) else {
            return;
        };
        let msg = Message::new(self.subject.as_bytes(), None, 0, &body);
        publish_from_inside(cx, exporter, &msg);
    }
}

fn rtt(client: Option<&ClientInfo>) -> Duration {
    client.map(|c| Duration::from(c.rtt)).unwrap_or_default()
}

/// The tracing headers, if they ask for this request to be sampled.
///
/// Understood: `Uber-Trace-Id` (Jaeger), `X-B3-*` and `b3` (Zipkin), `traceparent` (W3C), the first of them that is there.
fn asked_by_headers(block: &[u8]) -> Option<BTreeMap<String, Vec<String>>> {
    let value = |key: &str| {
        header::find_value(block, key.as_bytes()).map(|v| String::from_utf8_lossy(v).into_owned())
    };
    let only = |keys: &[&str]| -> BTreeMap<String, Vec<String>> {
        keys.iter()
            .filter_map(|k| value(k).map(|v| ((*k).to_owned(), vec![v])))
            .collect()
    };
    if let Some(id) = value("Uber-Trace-Id") {
        let flags = id
            .split(':')
            .nth(3)
            .filter(|f| (1..=2).contains(&f.len()))?;
        let sampled = u8::from_str_radix(flags, 16).is_ok_and(|f| f & 1 == 1);
        return (sampled && id.split(':').count() == 4).then(|| only(&["Uber-Trace-Id"]));
    }
    const B3: [&str; 5] = [
        "X-B3-TraceId",
        "X-B3-ParentSpanId",
        "X-B3-SpanId",
        "X-B3-Sampled",
        "X-B3-Flags",
    ];
    match value("X-B3-Sampled").as_deref() {
        Some("1") => return Some(only(&B3)),
        Some("0") => return None,
        _ => {}
    }
    if value("X-B3-TraceId").is_some() {
        return Some(only(&B3));
    }
    if let Some(b3) = value("B3") {
        let parts: Vec<&str> = b3.split('-').collect();
        let denied = matches!(parts.as_slice(), [_, _, "0", ..] | ["0"]);
        return (!denied).then(|| only(&["B3"]));
    }
    let context = value("traceparent")?;
    let parts: Vec<&str> = context.split('-').collect();
    let [_, _, _, flags] = parts.as_slice() else {
        return None;
    };
    let sampled = flags.len() == 2 && u8::from_str_radix(flags, 16).is_ok_and(|f| f & 1 == 1);
    sampled.then(|| only(&["traceparent", "tracestate"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(header: &str) -> bool {
        let block = format!("NATS/1.0\r\n{header}\r\n\r\n");
        let sampling = Sampling {
            subject: "x".into(),
            which: LatencySampling::Headers,
        };
        sampling.sample(block.as_bytes(), 0).is_some()
    }

    #[test]
    fn tracing_headers_decide() {
        for (header, want) in [
            (
                "Uber-Trace-Id: 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:1",
                true,
            ),
            (
                "Uber-Trace-Id: 479fefe9525eddb:5adb976bfc1f95c1:479fefe9525eddb:0",
                false,
            ),
            ("Uber-Trace-Id: nonsense", false),
            ("X-B3-Sampled: 1", true),
            ("X-B3-Sampled: 0", false),
            ("X-B3-TraceId: 80f198ee56343ba864fe8b2a57d3eff7", true),
            (
                "B3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1",
                true,
            ),
            (
                "B3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-0",
                false,
            ),
            ("B3: 0", false),
            (
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
                false,
            ),
            ("Other: 1", false),
        ] {
            assert_eq!(sampled(header), want, "{header}");
        }
    }

    #[test]
    fn percentages() {
        let half = Sampling {
            subject: "x".into(),
            which: LatencySampling::Percent(50),
        };
        let hits = (0..100).filter(|n| half.sample(b"", *n).is_some()).count();
        assert_eq!(hits, 50);
    }
}
