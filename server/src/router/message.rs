//! A message on its way to its receivers.

use std::cell::OnceCell;

use nats_api::jetstream::subjects::ACK_PREFIX;
use nats_proto::client_op::Publish;

/// One published message, with the bytes that every delivery repeats.
pub struct Message<'a> {
    pub subject: &'a [u8],
    /// What receivers see as its subject; a consumer's delivery goes to an inbox and shows the subject that it was stored under.
    shown: Option<&'a [u8]>,
    pub reply: Option<&'a [u8]>,
    /// Length of the header block at the front of `payload`; 0 is none.
    pub header_len: usize,
    /// Header block and body.
    pub payload: &'a [u8],
    /// The frame after the subject id, from the space in front of the reply or size to the closing CRLF.
    tail: Tail<'a>,
    /// The same without headers, for receivers that cannot read them. Made when the first such receiver is met.
    bare_tail: OnceCell<Vec<u8>>,
}

/// The reply subject acknowledges a message of a stream. It means the same in every account that may use it.
fn is_acknowledgement(reply: &[u8]) -> bool {
    let rest = reply.strip_prefix(ACK_PREFIX.as_bytes());
    rest.is_some_and(|rest| rest.starts_with(b"."))
}

enum Tail<'a> {
    Verbatim(&'a [u8]),
    Built(OnceCell<Vec<u8>>),
}

impl<'a> Message<'a> {
    /// The message as its publisher framed it.
    #[inline]
    pub fn published(p: &Publish<'a>) -> Self {
        // A header block of no bytes is no header: such a message goes out as MSG.
        let header_len = p.header_len.unwrap_or(0);
        let as_is = p.header_len.is_none() || header_len > 0;
        Self {
            subject: p.subject,
            shown: None,
            reply: p.reply,
            header_len,
            payload: p.payload,
            tail: match p.verbatim {
                Some(v) if as_is => Tail::Verbatim(v),
                _ => Tail::Built(OnceCell::new()),
            },
            bare_tail: OnceCell::new(),
        }
    }

    /// A message from its parts. `payload` starts with the header block, if there is one.
    pub fn new(
        subject: &'a [u8],
        reply: Option<&'a [u8]>,
        header_len: usize,
        payload: &'a [u8],
    ) -> Self {
        Self {
            subject,
            shown: None,
            reply,
            header_len: header_len.min(payload.len()),
            payload,
            tail: Tail::Built(OnceCell::new()),
            bare_tail: OnceCell::new(),
        }
    }

    /// The same message under another subject.
    pub fn on<'b>(&'b self, subject: &'b [u8]) -> Message<'b> {
        Message {
            subject,
            shown: None,
            reply: self.reply,
            header_len: self.header_len,
            payload: self.payload,
            tail: Tail::Verbatim(self.tail()),
            bare_tail: OnceCell::new(),
        }
    }

    /// The same message as an answer on another subject. It has no reply, unless that acknowledges a message of a stream; and it is shown as
    /// that message was stored, if it is one.
    pub fn answer_on<'b>(&'b self, subject: &'b [u8]) -> Message<'b>
    where
        'a: 'b,
    {
        let reply = self.reply.filter(|reply| is_acknowledgement(reply));
        Message {
            shown: self.shown.filter(|shown| *shown != self.subject),
            ..Message::new(subject, reply, self.header_len, self.payload)
        }
    }

    /// The same message, routed by its subject and shown under another one.
    pub fn shown_as(mut self, subject: &'a [u8]) -> Self {
        self.shown = Some(subject);
        self
    }

    #[inline]
    pub fn shown(&self) -> &[u8] {
        self.shown.unwrap_or(self.subject)
    }

    /// Nothing in it, not even a header.
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    pub fn header(&self) -> &'a [u8] {
        self.payload.get(..self.header_len).unwrap_or_default()
    }

    pub fn body(&self) -> &'a [u8] {
        self.payload.get(self.header_len..).unwrap_or_default()
    }

    #[inline]
    pub fn tail(&self) -> &[u8] {
        match &self.tail {
            Tail::Verbatim(v) => v,
            Tail::Built(cell) => {
                cell.get_or_init(|| build_tail(self.reply, self.header_len, self.payload))
            }
        }
    }

    pub fn bare_tail(&self) -> &[u8] {
        self.bare_tail
            .get_or_init(|| build_tail(self.reply, 0, self.body()))
    }
}

fn build_tail(reply: Option<&[u8]>, header_len: usize, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + reply.map_or(0, |r| r.len() + 1) + 30);
    if let Some(reply) = reply {
        out.push(b' ');
        out.extend_from_slice(reply);
    }
    if header_len > 0 {
        out.push(b' ');
        push_number(&mut out, header_len);
    }
    out.push(b' ');
    push_number(&mut out, payload.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
    out
}

fn push_number(out: &mut Vec<u8>, mut n: usize) {
    let at = out.len();
    loop {
        out.push(b'0' + (n % 10) as u8);
        n /= 10;
        if n == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(at..) {
        digits.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nats_proto::client_op::{ClientOp, Limits, Step, parse};

    fn published(frame: &[u8]) -> Message<'_> {
        let limits = Limits {
            max_control_line: 1024,
            max_payload: None,
            headers: true,
        };
        match parse(frame, &limits) {
            Ok(Step::Op(ClientOp::Publish(p), _)) => Message::published(&p),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tails_repeat_or_rebuild_the_frame() {
        assert_eq!(published(b"PUB a 2\r\nhi\r\n").tail(), b" 2\r\nhi\r\n");
        assert_eq!(
            published(b"PUB a  r   2\r\nhi\r\n").tail(),
            b" r 2\r\nhi\r\n"
        );
        let m = published(b"HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
        assert_eq!(m.tail(), b" r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
        assert_eq!(m.bare_tail(), b" r 2\r\nhi\r\n");
        assert_eq!(m.on(b"b").tail(), m.tail());
        assert_eq!(published(b"HPUB a 0 2\r\nhi\r\n").tail(), b" 2\r\nhi\r\n");
    }
}
