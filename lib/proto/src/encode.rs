//! What a client says to a server, appended to a buffer.
//!
//! Nothing here formats or allocates beyond the growth of the caller's buffer. Every text that could break a frame
//! (subject, reply, queue group) is checked for blanks and control bytes in the same pass that the copy needs anyway,
//! so that no caller can smuggle a line into the connection, whatever it did or forgot to check before.
//!
//! Source: reference server behaviour, inventory section 1.1.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::info::ConnectOptions;

/// A ping, whole.
pub const PING: &[u8] = b"PING\r\n";
/// A pong, whole.
pub const PONG: &[u8] = b"PONG\r\n";

/// Why a frame was not written. The buffer is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("{part} is empty")]
    Empty { part: &'static str },
    #[error("{part} has a blank or control byte at byte {at}")]
    ControlByte { part: &'static str, at: usize },
}

/// A message to publish.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub subject: &'a [u8],
    pub reply: Option<&'a [u8]>,
    /// Whole header block, from `NATS/1.0` to the blank line. `None` or empty writes PUB instead of HPUB.
    pub headers: Option<&'a [u8]>,
    pub payload: &'a [u8],
}

impl Outgoing<'_> {
    /// Size that the server compares with its `max_payload`, in bytes: header block and payload.
    #[inline]
    pub fn size(&self) -> usize {
        let headers = self.headers.map_or(0, <[u8]>::len);
        headers.saturating_add(self.payload.len())
    }
}

/// Appends PUB or HPUB.
///
/// # Errors
/// When subject or reply is empty or holds a byte that would break the frame.
#[inline]
pub fn publish(buf: &mut Vec<u8>, message: &Outgoing<'_>) -> Result<(), EncodeError> {
    check("subject", message.subject)?;
    if let Some(reply) = message.reply {
        check("reply subject", reply)?;
    }
    let headers = message.headers.filter(|block| !block.is_empty());
    buf.extend_from_slice(if headers.is_some() { b"HPUB " } else { b"PUB " });
    buf.extend_from_slice(message.subject);
    buf.push(b' ');
    if let Some(reply) = message.reply {
        buf.extend_from_slice(reply);
        buf.push(b' ');
    }
    if let Some(block) = headers {
        decimal(buf, block.len() as u64);
        buf.push(b' ');
    }
    decimal(buf, message.size() as u64);
    buf.extend_from_slice(b"\r\n");
    if let Some(block) = headers {
        buf.extend_from_slice(block);
    }
    buf.extend_from_slice(message.payload);
    buf.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends SUB.
///
/// # Errors
/// When subject or queue group is empty or holds a byte that would break the frame.
pub fn subscribe(
    buf: &mut Vec<u8>,
    subject: &[u8],
    queue: Option<&[u8]>,
    sid: u64,
) -> Result<(), EncodeError> {
    check("subject", subject)?;
    if let Some(queue) = queue {
        check("queue group", queue)?;
    }
    buf.extend_from_slice(b"SUB ");
    buf.extend_from_slice(subject);
    buf.push(b' ');
    if let Some(queue) = queue {
        buf.extend_from_slice(queue);
        buf.push(b' ');
    }
    decimal(buf, sid);
    buf.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends UNSUB; with `max` the subscription ends after that many deliveries since its SUB.
pub fn unsubscribe(buf: &mut Vec<u8>, sid: u64, max: Option<u64>) {
    buf.extend_from_slice(b"UNSUB ");
    decimal(buf, sid);
    if let Some(max) = max {
        buf.push(b' ');
        decimal(buf, max);
    }
    buf.extend_from_slice(b"\r\n");
}

/// Appends CONNECT. The document holds the fields of [`ConnectOptions`] and nothing else.
///
/// # Errors
/// Those of the JSON writer; none are known for this document.
pub fn connect(buf: &mut Vec<u8>, options: &ConnectOptions) -> Result<(), serde_json::Error> {
    let document = serde_json::to_vec(options)?;
    buf.extend_from_slice(b"CONNECT ");
    buf.extend_from_slice(&document);
    buf.extend_from_slice(b"\r\n");
    Ok(())
}

/// What a client wrote, taken apart again: one frame of a buffer that this module filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// First line without its end.
    pub line: &'a [u8],
    /// Whole frame with payload and line ends.
    pub bytes: &'a [u8],
    /// Whether this is PUB or HPUB.
    pub is_publish: bool,
}

/// Takes apart a buffer that this module filled. Ends at the first byte that it did not write.
pub fn frames(buf: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = buf;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)?;
        let line = rest.get(..end.checked_sub(1)?)?;
        let is_publish = line.starts_with(b"PUB ") || line.starts_with(b"HPUB ");
        let mut len = end.checked_add(1)?;
        if is_publish {
            let size = line.rsplit(|b| *b == b' ').next()?;
            let size: usize = std::str::from_utf8(size).ok()?.parse().ok()?;
            len = len.checked_add(size)?.checked_add(2)?;
        }
        let (bytes, after) = rest.split_at_checked(len)?;
        rest = after;
        Some(Frame {
            line,
            bytes,
            is_publish,
        })
    })
}

#[inline]
fn check(part: &'static str, text: &[u8]) -> Result<(), EncodeError> {
    if text.is_empty() {
        return Err(EncodeError::Empty { part });
    }
    match text.iter().position(|&b| b <= b' ' || b == 0x7f) {
        Some(at) => Err(EncodeError::ControlByte { part, at }),
        None => Ok(()),
    }
}

/// Appends `value` in decimal digits.
#[inline]
pub fn decimal(buf: &mut Vec<u8>, value: u64) {
    // One digit is the most frequent size of a subscription id, two or three that of a message.
    let mut digits = [0u8; 20];
    let mut rest = value;
    let mut used = 0usize;
    for slot in digits.iter_mut().rev() {
        // The remainder of a division by ten fits a byte.
        *slot = b'0'.wrapping_add((rest % 10) as u8);
        used = used.saturating_add(1);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let from = digits.len().saturating_sub(used);
    buf.extend_from_slice(digits.get(from..).unwrap_or_default());
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(message: &Outgoing<'_>) -> String {
        let mut buf = Vec::new();
        publish(&mut buf, message).unwrap();
        String::from_utf8(buf).unwrap()
    }

    fn plain<'a>(subject: &'a str, payload: &'a str) -> Outgoing<'a> {
        Outgoing {
            subject: subject.as_bytes(),
            reply: None,
            headers: None,
            payload: payload.as_bytes(),
        }
    }

    #[test]
    fn publish_writes_the_frames_of_the_protocol() {
        assert_eq!(encoded(&plain("a.b", "hello")), "PUB a.b 5\r\nhello\r\n");
        assert_eq!(encoded(&plain("a.b", "")), "PUB a.b 0\r\n\r\n");
        let with_reply = Outgoing {
            reply: Some(b"r"),
            ..plain("a", "x")
        };
        assert_eq!(encoded(&with_reply), "PUB a r 1\r\nx\r\n");
        let with_headers = Outgoing {
            headers: Some(b"NATS/1.0\r\nA: b\r\n\r\n"),
            ..with_reply
        };
        assert_eq!(
            encoded(&with_headers),
            "HPUB a r 18 19\r\nNATS/1.0\r\nA: b\r\n\r\nx\r\n"
        );
    }

    #[test]
    fn subscribe_and_unsubscribe_write_the_frames_of_the_protocol() {
        let mut buf = Vec::new();
        subscribe(&mut buf, b"a.*", None, 1).unwrap();
        subscribe(&mut buf, b"a.>", Some(b"q"), u64::MAX).unwrap();
        unsubscribe(&mut buf, 10, None);
        unsubscribe(&mut buf, 100, Some(5));
        assert_eq!(
            String::from_utf8(buf).unwrap(),
            "SUB a.* 1\r\nSUB a.> q 18446744073709551615\r\nUNSUB 10\r\nUNSUB 100 5\r\n"
        );
    }

    #[test]
    fn nothing_that_breaks_a_frame_is_written() {
        let mut buf = Vec::new();
        for subject in ["a b", "a\r\nPUB x 0", "a\tb", "a\0b", "a\u{7f}", ""] {
            assert!(
                publish(&mut buf, &plain(subject, "x")).is_err(),
                "{subject:?}"
            );
            assert!(subscribe(&mut buf, subject.as_bytes(), None, 1).is_err());
            assert!(subscribe(&mut buf, b"ok", Some(subject.as_bytes()), 1).is_err());
            let reply = Outgoing {
                reply: Some(subject.as_bytes()),
                ..plain("ok", "x")
            };
            assert!(publish(&mut buf, &reply).is_err());
        }
        assert!(buf.is_empty());
    }

    #[test]
    fn connect_holds_allow_listed_fields_only() {
        let all = ConnectOptions {
            nkey: "U".into(),
            jwt: "j".into(),
            sig: "s".into(),
            auth_token: "t".into(),
            user: "u".into(),
            pass: "p".into(),
            account: "a".into(),
            new_account: true,
            proxy_sig: "x".into(),
            ..ConnectOptions::default()
        };
        let mut buf = Vec::new();
        connect(&mut buf, &all).unwrap();
        let text = String::from_utf8(buf).unwrap();
        let document: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text.strip_prefix("CONNECT ").unwrap()).unwrap();
        let mut keys: Vec<_> = document.keys().map(String::as_str).collect();
        keys.sort_unstable();
        //= reliability.md S1: a client once sent its whole options, TLS key included.
        assert_eq!(
            keys,
            [
                "account",
                "auth_token",
                "echo",
                "headers",
                "jwt",
                "lang",
                "name",
                "new_account",
                "nkey",
                "no_responders",
                "pass",
                "pedantic",
                "protocol",
                "proxy_sig",
                "sig",
                "tls_required",
                "user",
                "verbose",
                "version"
            ]
        );
    }

    proptest! {
        #[test]
        fn decimal_writes_what_display_writes(value in any::<u64>(), shift in 0u32..64) {
            let value = value >> shift;
            let mut buf = Vec::new();
            decimal(&mut buf, value);
            prop_assert_eq!(String::from_utf8(buf).unwrap(), value.to_string());
        }

        #[test]
        fn frames_come_apart_as_they_were_written(
            messages in proptest::collection::vec(
                ("[a-z.]{1,10}", proptest::option::of("[a-z]{1,5}"), proptest::collection::vec(any::<u8>(), 0..30)),
                0..10,
            ),
        ) {
            let mut buf = Vec::new();
            let mut ends = Vec::new();
            for (i, (subject, reply, payload)) in messages.iter().enumerate() {
                publish(&mut buf, &Outgoing {
                    subject: subject.as_bytes(),
                    reply: reply.as_ref().map(String::as_bytes),
                    headers: (i % 2 == 0).then_some(b"NATS/1.0\r\n\r\n"),
                    payload,
                }).unwrap();
                ends.push((buf.len(), true));
                unsubscribe(&mut buf, 1, None);
                ends.push((buf.len(), false));
            }
            let mut at = 0;
            let seen: Vec<_> = frames(&buf).map(|f| { at += f.bytes.len(); (at, f.is_publish) }).collect();
            prop_assert_eq!(seen, ends);
        }
    }
}
