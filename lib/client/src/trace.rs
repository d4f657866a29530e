//! Protocol lines for people who look for a fault, without payloads and without secrets.

use std::sync::Arc;

use nats_proto::encode;

/// Which way a line went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From us to the server.
    Out,
    /// From the server to us.
    In,
}

impl std::fmt::Display for Direction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Out => "->>",
            Self::In => "<<-",
        })
    }
}

pub(crate) type TraceCallback = Arc<dyn Fn(Direction, &str) + Send + Sync>;

/// Fields of CONNECT that are never shown.
const SECRET_FIELDS: [&str; 5] = ["auth_token", "pass", "jwt", "sig", "proxy_sig"];
const REDACTED: &str = "[REDACTED]";

/// Every line of a buffer that goes to the server.
pub(crate) fn outgoing(trace: &TraceCallback, buf: &[u8]) {
    for frame in encode::frames(buf) {
        trace(Direction::Out, &shown(frame.line));
    }
}

/// The first line of a frame that came from the server.
pub(crate) fn incoming(trace: &TraceCallback, frame: &[u8]) {
    let end = memchr::memchr(b'\n', frame).unwrap_or(frame.len());
    let line = frame.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    trace(Direction::In, &String::from_utf8_lossy(line));
}

fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let Some(document) = text.strip_prefix("CONNECT ") else {
        return text.into_owned();
    };
    // A document that cannot be read could hold anything.
    let Ok(mut fields) =
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(document)
    else {
        return format!("CONNECT {REDACTED}");
    };
    for name in SECRET_FIELDS {
        if let Some(value) = fields.get_mut(name) {
            *value = REDACTED.into();
        }
    }
    format!("CONNECT {}", serde_json::Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nats_proto::info::ConnectOptions;

    #[test]
    fn connect_is_shown_without_its_secrets() {
        let connect = ConnectOptions {
            nkey: "PUBLIC".into(),
            jwt: "s3cret".into(),
            sig: "s3cret".into(),
            auth_token: "s3cret".into(),
            user: "joe".into(),
            pass: "s3cret".into(),
            proxy_sig: "s3cret".into(),
            ..ConnectOptions::default()
        };
        let mut buf = Vec::new();
        encode::connect(&mut buf, &connect).unwrap();
        buf.extend_from_slice(b"PUB a 6\r\nhidden\r\nPING\r\n");
        let lines = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let trace: TraceCallback =
            Arc::new(move |direction, line| sink.lock().push(format!("{direction} {line}")));
        outgoing(&trace, &buf);
        incoming(&trace, b"MSG a 1 6\r\nhidden\r\n");
        let lines = lines.lock();
        assert!(lines[0].contains("\"user\":\"joe\"") && lines[0].contains("PUBLIC"));
        assert_eq!(lines[1..], ["->> PUB a 6", "->> PING", "<<- MSG a 1 6"]);
        let all = lines.join("\n");
        assert!(!all.contains("s3cret") && !all.contains("hidden"), "{all}");
    }
}
