//! The exact texts that go to clients.

/// `-ERR` with its text.
macro_rules! err {
    ($text:literal) => {
        concat!("-ERR '", $text, "'\r\n")
    };
}

pub const OK: &[u8] = b"+OK\r\n";
pub const PING: &[u8] = b"PING\r\n";
pub const PONG: &[u8] = b"PONG\r\n";

pub const UNKNOWN_OPERATION: &str = err!("Unknown Protocol Operation");
pub const CONTROL_LINE: &str = err!("maximum control line exceeded");
pub const AUTHORIZATION: &str = err!("Authorization Violation");
pub const AUTH_TIMEOUT: &str = err!("Authentication Timeout");
pub const USER_EXPIRED: &str = err!("User Authentication Expired");
pub const USER_REVOKED: &str = err!("User Authentication Revoked");
pub const ACCOUNT_EXPIRED: &str = err!("Account Authentication Expired");
pub const MAX_CONNECTIONS: &str = err!("maximum connections exceeded");
pub const MAX_ACCOUNT_CONNECTIONS: &str = err!("maximum account active connections exceeded");
pub const MAX_SUBSCRIPTIONS: &str = err!("maximum subscriptions exceeded");
pub const MAX_PAYLOAD: &str = err!("Maximum Payload Violation");
pub const INVALID_PUBLISH_SUBJECT: &str = err!("Invalid Publish Subject");
pub const INVALID_SUBJECT: &str = err!("Invalid Subject");
pub const BAD_PROTOCOL: &str = err!("invalid client protocol");
pub const NO_RESPONDERS_NEEDS_HEADERS: &str = err!("no responders requires headers support");
pub const TLS_REQUIRED: &str = err!("Secure Connection - TLS Required");
pub const THROTTLED: &str = err!("Connection throttling is active. Please try again later.");
pub const STALE: &str = err!("Stale Connection");
pub const ACCOUNT_REGISTRATION: &str = err!("Failed Account Registration");

/// A text in which a peer's bytes stand: control bytes and quotes of a hostile subject must not end the line.
fn violation(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = b"-ERR '".to_vec();
    for part in parts {
        out.extend(part.iter().map(|b| match b {
            b'\r' | b'\n' => b' ',
            b => *b,
        }));
    }
    out.extend_from_slice(b"'\r\n");
    out
}

pub fn publish_violation(subject: &[u8]) -> Vec<u8> {
    violation(&[b"Permissions Violation for Publish to \"", subject, b"\""])
}

pub fn reply_violation(reply: &[u8]) -> Vec<u8> {
    violation(&[
        b"Permissions Violation for Publish with Reply of \"",
        reply,
        b"\"",
    ])
}

pub fn subscribe_violation(subject: &[u8], queue: Option<&[u8]>) -> Vec<u8> {
    let head: &[u8] = b"Permissions Violation for Subscription to \"";
    match queue {
        None => violation(&[head, subject, b"\""]),
        Some(q) => violation(&[head, subject, b"\" using queue \"", q, b"\""]),
    }
}

pub fn too_many_tokens(subject: &[u8]) -> Vec<u8> {
    violation(&[
        b"Permissions Violation for Subscription to \"",
        subject,
        b"\", too many tokens",
    ])
}

/// Sent when a reload takes away a subscription that stood.
pub fn subscription_revoked(subject: &[u8], sid: &[u8]) -> Vec<u8> {
    violation(&[
        b"Permissions Violation for Subscription to \"",
        subject,
        b"\" (sid \"",
        sid,
        b"\")",
    ])
}

/// The answer to a request that nobody took.
pub fn no_responders(reply: &[u8], sid: &[u8], subject: &[u8]) -> Vec<u8> {
    let head: &[u8] = b"NATS/1.0 503\r\nNats-Subject: ";
    let header_len = head.len().saturating_add(subject.len()).saturating_add(4);
    let size = header_len.to_string();
    [
        b"HMSG ",
        reply,
        b" ",
        sid,
        b" ",
        size.as_bytes(),
        b" ",
        size.as_bytes(),
        b"\r\n",
        head,
        subject,
        b"\r\n\r\n\r\n",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_responders_counts_its_header() {
        assert_eq!(
            no_responders(b"r", b"1", b"foo"),
            b"HMSG r 1 35 35\r\nNATS/1.0 503\r\nNats-Subject: foo\r\n\r\n\r\n"
        );
    }

    #[test]
    fn a_subject_cannot_end_the_line_of_an_error() {
        assert_eq!(
            publish_violation(b"a\r\n+OK"),
            b"-ERR 'Permissions Violation for Publish to \"a  +OK\"'\r\n"
        );
    }
}
