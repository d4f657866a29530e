//! What a server says to a client: an incremental, zero-copy parser of one operation at a time.
//!
//! [`parse`] looks at the front of a buffer and yields a whole operation, or says how many bytes must be there before
//! asking again makes sense. A delivered message comes as [`Delivery`]: the numbers of its frame and the places of its
//! parts, so that the owner of the buffer can cut the frame off without copying it. The parser keeps no state and never
//! allocates; the bounds in [`Limits`] are those of the reader's memory.
//!
//! Source: reference server behaviour, inventory section 1.1. The receiver is lenient where servers of other versions
//! may differ (verbs in any case, several blanks, a line feed without carriage return) and strict where a wrong byte
//! would put it out of step with the stream (sizes, the CRLF after a payload).

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::ops::Range;

use memchr::memchr;

/// Bounds that a client sets for its server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest line, in bytes. INFO of a large supercluster is the longest.
    pub line_bytes_max: usize,
    /// Largest message, header block included, in bytes.
    pub message_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_bytes_max: 1 << 20,
            message_bytes_max: 1 << 28,
        }
    }
}

/// Most digits a size or subscription id may have; longer ones are refused before they can overflow.
const SIZE_DIGITS_MAX: usize = 10;
const SID_DIGITS_MAX: usize = 19;

/// A delivered message: where its parts stand in the frame. Offsets are bytes from the start of the frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Subscription id that the client chose.
    pub sid: u64,
    pub subject: Range<usize>,
    pub reply: Option<Range<usize>>,
    /// Header block with its closing blank line; `None` for MSG.
    pub headers: Option<Range<usize>>,
    /// The payload without its header block and without the closing CRLF.
    pub payload: Range<usize>,
}

/// One operation of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerOp {
    /// Place of the JSON document.
    Info(Range<usize>),
    Message(Delivery),
    Ping,
    Pong,
    Ok,
    /// Place of the text, without quotes.
    Err(Range<usize>),
}

/// Why the stream cannot be followed any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("unknown protocol operation {verb:?}")]
    UnknownOperation { verb: String },
    #[error("line of more than {max} bytes")]
    LineTooLong { max: usize },
    #[error("message of {size} bytes, more than the {max} accepted here")]
    MessageTooLarge { size: usize, max: usize },
    #[error("{verb}: wrong number of arguments")]
    Arguments { verb: &'static str },
    #[error("{verb}: bad number")]
    Number { verb: &'static str },
    #[error("HMSG: header block larger than the message")]
    HeadersLargerThanTotal,
    #[error("payload is not followed by CRLF")]
    PayloadEnd,
}

/// What the front of the buffer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A whole operation and the number of bytes it takes.
    Op(ServerOp, usize),
    /// The operation is not complete. Ask again when the buffer holds at least `need` bytes.
    Incomplete { need: usize },
}

/// Reads the operation at the front of `buf`.
///
/// # Errors
/// Any [`ParseError`] is final for the connection.
#[inline]
pub fn parse(buf: &[u8], limits: &Limits) -> Result<Step, ParseError> {
    // Messages carry the traffic, so they are looked for first.
    match buf {
        [
            b'M' | b'm',
            b'S' | b's',
            b'G' | b'g',
            b' ' | b'\t',
            rest @ ..,
        ] => message(buf, rest, 4, false, limits),
        [
            b'H' | b'h',
            b'M' | b'm',
            b'S' | b's',
            b'G' | b'g',
            b' ' | b'\t',
            rest @ ..,
        ] => message(buf, rest, 5, true, limits),
        _ => line_op(buf, limits),
    }
}

/// Where the line ends: length of the line without its end, and with it. `None` while the end is missing.
#[inline]
fn line(buf: &[u8], limits: &Limits) -> Result<Option<(usize, usize)>, ParseError> {
    let max = limits.line_bytes_max;
    match memchr(b'\n', buf) {
        Some(at) if at <= max => {
            let with_end = at.saturating_add(1);
            let text = match at.checked_sub(1).and_then(|before| buf.get(before)) {
                Some(b'\r') => at.saturating_sub(1),
                _ => at,
            };
            Ok(Some((text, with_end)))
        }
        None if buf.len() <= max => Ok(None),
        _ => Err(ParseError::LineTooLong { max }),
    }
}

#[inline]
fn message(
    buf: &[u8],
    args: &[u8],
    verb_len: usize,
    with_headers: bool,
    limits: &Limits,
) -> Result<Step, ParseError> {
    let verb = if with_headers { "HMSG" } else { "MSG" };
    let Some((text, line_end)) = line(args, limits)? else {
        let need = buf.len().saturating_add(1);
        return Ok(Step::Incomplete { need });
    };
    let mut fields = Fields::new(args.get(..text).unwrap_or_default(), verb_len);
    let mut parts: [Range<usize>; 5] = [0..0, 0..0, 0..0, 0..0, 0..0];
    let mut count = 0usize;
    for field in &mut fields {
        let Some(slot) = parts.get_mut(count) else {
            return Err(ParseError::Arguments { verb });
        };
        *slot = field;
        count = count.saturating_add(1);
    }
    let [a, b, c, d, e] = parts;
    let (subject, sid, reply, header_len, total) = match (with_headers, count) {
        (false, 3) => (a, b, None, None, c),
        (false, 4) => (a, b, Some(c), None, d),
        (true, 4) => (a, b, None, Some(c), d),
        (true, 5) => (a, b, Some(c), Some(d), e),
        _ => return Err(ParseError::Arguments { verb }),
    };
    let bad = ParseError::Number { verb };
    let number_at = |range: &Range<usize>, digits_max| {
        decimal(buf.get(range.clone()).unwrap_or_default(), digits_max).ok_or(bad.clone())
    };
    let sid = number_at(&sid, SID_DIGITS_MAX)?;
    let size = number_at(&total, SIZE_DIGITS_MAX)?;
    let size = usize::try_from(size).map_err(|_| bad.clone())?;
    if size > limits.message_bytes_max {
        let max = limits.message_bytes_max;
        return Err(ParseError::MessageTooLarge { size, max });
    }
    let start = verb_len.saturating_add(line_end);
    let end = start.saturating_add(size);
    let headers = match header_len {
        None => None,
        Some(range) => {
            let len = usize::try_from(number_at(&range, SIZE_DIGITS_MAX)?)
                .map_err(|_| ParseError::Number { verb })?;
            if len > size {
                return Err(ParseError::HeadersLargerThanTotal);
            }
            Some(start..start.saturating_add(len))
        }
    };
    let frame_len = end.saturating_add(2);
    match buf.get(end..frame_len) {
        Some(b"\r\n") => {}
        Some(_) => return Err(ParseError::PayloadEnd),
        None => return Ok(Step::Incomplete { need: frame_len }),
    }
    let payload = headers.as_ref().map_or(start, |h| h.end)..end;
    let delivery = Delivery {
        sid,
        subject,
        reply,
        headers,
        payload,
    };
    Ok(Step::Op(ServerOp::Message(delivery), frame_len))
}

/// Every operation that is one line.
fn line_op(buf: &[u8], limits: &Limits) -> Result<Step, ParseError> {
    let Some((text_len, len)) = line(buf, limits)? else {
        // Tell a wrong verb before its line ends: a peer of another protocol may never send a line feed.
        let verb_seen = buf.get(..4).unwrap_or(buf);
        if !VERBS.iter().any(|verb| prefix_matches(verb, verb_seen)) {
            return Err(unknown(buf));
        }
        let need = buf.len().saturating_add(1);
        return Ok(Step::Incomplete { need });
    };
    let text = buf.get(..text_len).unwrap_or_default();
    let verb_len = text
        .iter()
        .position(|b| matches!(b, b' ' | b'\t'))
        .unwrap_or(text_len);
    let verb = text.get(..verb_len).unwrap_or_default();
    let rest = || {
        let all = text.get(verb_len..).unwrap_or_default();
        let lead = all.len().saturating_sub(all.trim_ascii_start().len());
        let tail = all.len().saturating_sub(all.trim_ascii_end().len());
        let from = verb_len.saturating_add(lead).min(text_len);
        from..text_len.saturating_sub(tail).max(from)
    };
    let op = if verb.eq_ignore_ascii_case(b"PING") {
        ServerOp::Ping
    } else if verb.eq_ignore_ascii_case(b"PONG") {
        ServerOp::Pong
    } else if verb.eq_ignore_ascii_case(b"+OK") {
        ServerOp::Ok
    } else if verb.eq_ignore_ascii_case(b"-ERR") {
        ServerOp::Err(unquoted(buf, rest()))
    } else if verb.eq_ignore_ascii_case(b"INFO") {
        ServerOp::Info(rest())
    } else if verb.eq_ignore_ascii_case(b"MSG") || verb.eq_ignore_ascii_case(b"HMSG") {
        return Err(ParseError::Arguments { verb: "MSG" });
    } else {
        return Err(unknown(buf));
    };
    Ok(Step::Op(op, len))
}

const VERBS: [&[u8]; 7] = [
    b"INFO", b"MSG ", b"HMSG", b"PING", b"PONG", b"+OK\r", b"-ERR",
];

fn prefix_matches(verb: &[u8], seen: &[u8]) -> bool {
    verb.iter().zip(seen).all(|(want, got)| {
        want.eq_ignore_ascii_case(got) || (want.is_ascii_whitespace() && got.is_ascii_whitespace())
    })
}

fn unknown(buf: &[u8]) -> ParseError {
    let end = buf
        .iter()
        .take(16)
        .position(u8::is_ascii_whitespace)
        .unwrap_or(buf.len().min(16));
    let verb = String::from_utf8_lossy(buf.get(..end).unwrap_or_default()).into_owned();
    ParseError::UnknownOperation { verb }
}

/// Servers quote the text of -ERR with apostrophes.
fn unquoted(buf: &[u8], range: Range<usize>) -> Range<usize> {
    match buf.get(range.clone()) {
        Some([b'\'', .., b'\'']) => range.start.saturating_add(1)..range.end.saturating_sub(1),
        _ => range,
    }
}

/// Fields separated by blanks, as places counted from the start of the frame.
struct Fields<'a> {
    text: &'a [u8],
    at: usize,
    base: usize,
}

impl<'a> Fields<'a> {
    #[inline]
    fn new(text: &'a [u8], base: usize) -> Self {
        Self { text, at: 0, base }
    }
}

impl Iterator for Fields<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        let rest = self.text.get(self.at..)?;
        let start = self.at.saturating_add(rest.iter().position(|b| !blank(b))?);
        let field = self.text.get(start..)?;
        let len = field.iter().position(blank).unwrap_or(field.len());
        self.at = start.saturating_add(len);
        Some(start.saturating_add(self.base)..self.at.saturating_add(self.base))
    }
}

/// A decimal number of at most `digits_max` digits and nothing else.
#[inline]
fn decimal(text: &[u8], digits_max: usize) -> Option<u64> {
    if text.is_empty() || text.len() > digits_max {
        return None;
    }
    text.iter().try_fold(0u64, |value, b| match b {
        b'0'..=b'9' => value
            .checked_mul(10)?
            .checked_add(u64::from(b.wrapping_sub(b'0'))),
        _ => None,
    })
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

    fn whole(input: &[u8]) -> (ServerOp, usize) {
        match parse(input, &Limits::default()) {
            Ok(Step::Op(op, len)) => (op, len),
            other => panic!("{:?} gave {other:?}", String::from_utf8_lossy(input)),
        }
    }

    fn text(input: &[u8], range: &Range<usize>) -> String {
        String::from_utf8_lossy(&input[range.clone()]).into_owned()
    }

    #[test]
    fn a_message_names_the_places_of_its_parts() {
        let input = b"MSG orders.new 7 _INBOX.x 5\r\nhello\r\nPING\r\n";
        let (op, len) = whole(input);
        let ServerOp::Message(m) = op else { panic!() };
        assert_eq!(len, input.len() - 6);
        assert_eq!(m.sid, 7);
        assert_eq!(text(input, &m.subject), "orders.new");
        assert_eq!(text(input, &m.reply.unwrap()), "_INBOX.x");
        assert_eq!(m.headers, None);
        assert_eq!(text(input, &m.payload), "hello");
    }

    #[test]
    fn a_message_with_headers_splits_headers_from_payload() {
        let (op, _) = whole(b"HMSG a 1 17 19\r\nNATS/1.0\r\nA:b\r\n\r\nok\r\n");
        let ServerOp::Message(m) = op else { panic!() };
        assert_eq!(m.headers.as_ref().map(|h| h.len()), Some(17));
        assert_eq!(m.payload.len(), 2);
    }

    #[test]
    fn lines_of_every_kind_are_read() {
        let table: &[(&[u8], ServerOp)] = &[
            (b"PING\r\n", ServerOp::Ping),
            (b"pong\r\n", ServerOp::Pong),
            (b"+OK\r\n", ServerOp::Ok),
            (b"-ERR 'Stale Connection'\r\n", ServerOp::Err(6..22)),
            (b"-ERR bare\r\n", ServerOp::Err(5..9)),
            (b"-ERR\r\n", ServerOp::Err(4..4)),
            (b"-ERR '\r\n", ServerOp::Err(5..6)),
            (b"INFO {} \r\n", ServerOp::Info(5..7)),
            (b"INFO  {}\n", ServerOp::Info(6..8)),
        ];
        for (input, op) in table {
            assert_eq!(
                whole(input),
                (op.clone(), input.len()),
                "{:?}",
                String::from_utf8_lossy(input)
            );
        }
    }

    #[test]
    fn broken_frames_are_refused() {
        let small = Limits {
            line_bytes_max: 32,
            message_bytes_max: 10,
        };
        let table: &[(&[u8], ParseError)] = &[
            (b"MSG a 1\r\n", ParseError::Arguments { verb: "MSG" }),
            (b"MSG a 1 2 3 4\r\n", ParseError::Arguments { verb: "MSG" }),
            (b"MSG\r\n", ParseError::Arguments { verb: "MSG" }),
            (b"MSG a x 1\r\n", ParseError::Number { verb: "MSG" }),
            (b"MSG a 1 -1\r\n", ParseError::Number { verb: "MSG" }),
            (
                b"MSG a 1 99999999999\r\n",
                ParseError::Number { verb: "MSG" },
            ),
            (b"HMSG a 1 3 2\r\n", ParseError::HeadersLargerThanTotal),
            (
                b"MSG a 1 11\r\n",
                ParseError::MessageTooLarge { size: 11, max: 10 },
            ),
            (b"MSG a 1 1\r\nabc\r\n", ParseError::PayloadEnd),
            (
                b"HTTP/1.1 400 Bad",
                ParseError::UnknownOperation {
                    verb: "HTTP/1.1".into(),
                },
            ),
            (
                b"PI NG\r\n",
                ParseError::UnknownOperation { verb: "PI".into() },
            ),
            (&[b'I'; 40], ParseError::LineTooLong { max: 32 }),
        ];
        for (input, error) in table {
            assert_eq!(
                parse(input, &small),
                Err(error.clone()),
                "{:?}",
                String::from_utf8_lossy(input)
            );
        }
    }

    #[test]
    fn an_incomplete_payload_says_how_many_bytes_are_needed() {
        let step = parse(b"MSG a 1 100\r\nabc", &Limits::default());
        assert_eq!(step, Ok(Step::Incomplete { need: 13 + 100 + 2 }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&input, &Limits { line_bytes_max: 64, message_bytes_max: 64 });
        }

        #[test]
        fn mangled_frames_never_panic(
            cut in 0usize..60,
            at in 0usize..60,
            byte in any::<u8>(),
        ) {
            let mut input = b"HMSG subject.x 123 reply.y 14 20\r\nNATS/1.0\r\n\r\n\r\npayload\r\n".to_vec();
            if let Some(slot) = input.get_mut(at) {
                *slot = byte;
            }
            input.truncate(cut);
            let _ = parse(&input, &Limits::default());
        }

        #[test]
        fn a_frame_is_found_whole_wherever_it_is_cut(
            subject in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}",
            sid in 0u64..u64::from(u32::MAX),
            reply in proptest::option::of("[a-z]{1,12}"),
            payload in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut frame = format!("MSG {subject} {sid} ").into_bytes();
            if let Some(reply) = &reply {
                frame.extend_from_slice(format!("{reply} ").as_bytes());
            }
            frame.extend_from_slice(format!("{}\r\n", payload.len()).as_bytes());
            frame.extend_from_slice(&payload);
            frame.extend_from_slice(b"\r\n");
            for cut in 0..frame.len() {
                match parse(&frame[..cut], &Limits::default()) {
                    Ok(Step::Incomplete { need }) => prop_assert!(need > cut && need <= frame.len()),
                    other => prop_assert!(false, "cut at {cut}: {other:?}"),
                }
            }
            let (op, len) = whole(&frame);
            prop_assert_eq!(len, frame.len());
            let ServerOp::Message(m) = op else { panic!() };
            prop_assert_eq!(m.sid, sid);
            prop_assert_eq!(&frame[m.payload], &payload[..]);
            prop_assert_eq!(m.reply.map(|r| text(&frame, &r)), reply);
        }
    }
}
