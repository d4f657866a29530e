//! What a client may say to a server: an incremental, zero-copy parser of one operation at a time.
//!
//! [`parse`] looks at the front of a buffer and yields a whole operation that borrows from it, or says that bytes are
//! missing. It keeps no state: after [`Step::Incomplete`] the caller appends bytes and asks again from the same place. A
//! wrong byte is reported as soon as it is seen, not when its line ends.
//!
//! Source: reference server behaviour, inventory section 1.1. A carriage return is accepted in front of the line feed
//! only: elsewhere it could smuggle a line into somebody else's connection.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use memchr::memchr;

/// Most digits a size may have; longer ones are refused before they can overflow.
pub const MAX_SIZE_DIGITS: usize = 9;

/// Bounds that the connection sets for its peer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest argument of a verb, in bytes.
    pub max_control_line: usize,
    /// Largest payload (headers included), in bytes; `None` is unlimited.
    pub max_payload: Option<usize>,
    /// The peer may send headers: an HPUB of one that may not is refused when its line is complete.
    pub headers: bool,
}

/// A message as it was published. All slices borrow from the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish<'a> {
    pub subject: &'a [u8],
    pub reply: Option<&'a [u8]>,
    /// Length of the header block at the front of `payload`; `None` for PUB, `Some` for HPUB.
    pub header_len: Option<usize>,
    /// Header block and body, without the closing CRLF.
    pub payload: &'a [u8],
    /// The frame after the subject, closing CRLF included, when it stands in canonical form (single spaces, CRLF
    /// line end), so that a delivery can repeat it verbatim.
    pub verbatim: Option<&'a [u8]>,
    /// The argument text of the verb, for protocol traces.
    pub args: &'a [u8],
}

impl<'a> Publish<'a> {
    /// The header block, empty if there is none.
    pub fn header(&self) -> &'a [u8] {
        self.payload
            .get(..self.header_len.unwrap_or(0))
            .unwrap_or_default()
    }

    /// The payload without its header block.
    pub fn body(&self) -> &'a [u8] {
        self.payload
            .get(self.header_len.unwrap_or(0)..)
            .unwrap_or_default()
    }
}

/// One operation of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientOp<'a> {
    Connect(&'a [u8]),
    Info(&'a [u8]),
    Publish(Publish<'a>),
    Subscribe {
        subject: &'a [u8],
        queue: Option<&'a [u8]>,
        sid: &'a [u8],
    },
    Unsubscribe {
        sid: &'a [u8],
        /// Deliveries after which the subscription ends; `None` when absent or not a number above zero.
        max: Option<u64>,
    },
    Ping,
    Pong,
    Ok,
    Err(&'a [u8]),
}

/// Why the connection cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("unknown protocol operation")]
    UnknownOperation,
    #[error("maximum control line exceeded")]
    ControlLineTooLong,
    #[error("maximum payload exceeded: {size} of at most {max} bytes")]
    PayloadTooLarge { size: usize, max: usize },
    #[error("{verb}: wrong number of arguments")]
    Arguments { verb: &'static str },
    #[error("{verb}: bad or missing size")]
    Size { verb: &'static str },
    #[error("{verb}: header size larger than total size")]
    HeaderLargerThanTotal { verb: &'static str },
    #[error("message headers not supported")]
    HeadersNotSupported,
    #[error("payload is not followed by CRLF")]
    PayloadEnd,
}

/// What the front of the buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A whole operation and the number of bytes it takes.
    Op(ClientOp<'a>, usize),
    /// More bytes are needed. `known_len` is the whole length of the operation when that is already known.
    Incomplete { known_len: Option<usize> },
}

const INCOMPLETE: Step<'static> = Step::Incomplete { known_len: None };

/// Reads the operation at the front of `buf`.
///
/// # Errors
/// Any [`ParseError`] is final for the connection.
#[inline]
pub fn parse<'a>(buf: &'a [u8], limits: &Limits) -> Result<Step<'a>, ParseError> {
    // The two verbs that carry the traffic come first.
    if let [
        b'P' | b'p',
        b'U' | b'u',
        b'B' | b'b',
        b' ' | b'\t',
        rest @ ..,
    ] = buf
    {
        return publish(rest, 4, Verb::Pub, limits);
    }
    if let [
        b'H' | b'h',
        b'P' | b'p',
        b'U' | b'u',
        b'B' | b'b',
        b' ' | b'\t',
        rest @ ..,
    ] = buf
    {
        return publish(rest, 5, Verb::HPub, limits);
    }
    match buf.first() {
        None => Ok(INCOMPLETE),
        Some(b'P' | b'p') => parse_p(buf, limits),
        Some(b'H' | b'h') => prefix_only(buf, b"HPUB"),
        Some(b'S' | b's') => line_op(buf, b"SUB", limits, subscribe),
        Some(b'U' | b'u') => line_op(buf, b"UNSUB", limits, unsubscribe),
        Some(b'C' | b'c') => line_op(buf, b"CONNECT", limits, |a| Ok(ClientOp::Connect(a))),
        Some(b'I' | b'i') => line_op(buf, b"INFO", limits, |a| Ok(ClientOp::Info(a))),
        Some(b'-') => line_op(buf, b"-ERR", limits, |a| Ok(ClientOp::Err(a))),
        Some(b'+') => bare_op(buf, b"+OK", ClientOp::Ok),
        Some(_) => Err(ParseError::UnknownOperation),
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Pub,
    HPub,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Self::Pub => "PUB",
            Self::HPub => "HPUB",
        }
    }
}

fn parse_p<'a>(buf: &'a [u8], _limits: &Limits) -> Result<Step<'a>, ParseError> {
    match buf.get(1) {
        None => Ok(INCOMPLETE),
        Some(b'I' | b'i') => bare_op(buf, b"PING", ClientOp::Ping),
        Some(b'O' | b'o') => bare_op(buf, b"PONG", ClientOp::Pong),
        Some(_) => prefix_only(buf, b"PUB"),
    }
}

/// The buffer holds at most the verb itself: wait for its separator, or refuse a wrong byte.
fn prefix_only<'a>(buf: &'a [u8], verb: &[u8]) -> Result<Step<'a>, ParseError> {
    match has_verb(buf, verb)? {
        // Only a byte that is no separator can follow here: the callers took the others.
        Some(rest) if !rest.is_empty() => Err(ParseError::UnknownOperation),
        _ => Ok(INCOMPLETE),
    }
}

/// `Some(rest)` behind the verb, `None` when the buffer ends inside it.
fn has_verb<'a>(buf: &'a [u8], verb: &[u8]) -> Result<Option<&'a [u8]>, ParseError> {
    let seen = buf.len().min(verb.len());
    let (Some(head), Some(want)) = (buf.get(..seen), verb.get(..seen)) else {
        return Err(ParseError::UnknownOperation);
    };
    if !head.eq_ignore_ascii_case(want) {
        return Err(ParseError::UnknownOperation);
    }
    Ok(buf.get(verb.len()..))
}

/// A verb whose line has no arguments that matter: everything up to the line feed is ignored.
fn bare_op<'a>(buf: &'a [u8], verb: &[u8], op: ClientOp<'a>) -> Result<Step<'a>, ParseError> {
    let Some(rest) = has_verb(buf, verb)? else {
        return Ok(INCOMPLETE);
    };
    match memchr(b'\n', rest) {
        Some(nl) => {
            let used = verb.len().saturating_add(nl).saturating_add(1);
            Ok(Step::Op(op, used))
        }
        None if rest.len() > MAX_IGNORED_TAIL => Err(ParseError::ControlLineTooLong),
        None => Ok(INCOMPLETE),
    }
}

/// Bytes after PING, PONG and +OK that are skipped while the line feed is awaited.
const MAX_IGNORED_TAIL: usize = 4096;

/// A verb with arguments on one line.
fn line_op<'a>(
    buf: &'a [u8],
    verb: &[u8],
    limits: &Limits,
    read: impl FnOnce(&'a [u8]) -> Result<ClientOp<'a>, ParseError>,
) -> Result<Step<'a>, ParseError> {
    let Some(rest) = has_verb(buf, verb)? else {
        return Ok(INCOMPLETE);
    };
    // The JSON of CONNECT and INFO may follow at once.
    let bare = matches!(verb, b"CONNECT" | b"INFO");
    match rest.first() {
        None => return Ok(INCOMPLETE),
        Some(b' ' | b'\t') => {}
        Some(_) if bare => {}
        Some(_) => return Err(ParseError::UnknownOperation),
    }
    let Some(line) = line(rest, limits)? else {
        return Ok(INCOMPLETE);
    };
    let used = verb.len().saturating_add(line.used);
    Ok(Step::Op(read(line.args)?, used))
}

struct Line<'a> {
    args: &'a [u8],
    /// Bytes up to and with the line feed.
    used: usize,
    /// The line ended in CRLF.
    crlf: bool,
}

/// The rest of the current line, leading blanks and line end taken off; `None` when its end is not there yet.
#[inline]
fn line<'a>(rest: &'a [u8], limits: &Limits) -> Result<Option<Line<'a>>, ParseError> {
    let blanks = rest
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    let text = rest.get(blanks..).unwrap_or_default();
    let Some(nl) = memchr(b'\n', text) else {
        // One more byte than the limit may be the carriage return.
        if text.len() > limits.max_control_line.saturating_add(1)
            || blanks > limits.max_control_line
        {
            return Err(ParseError::ControlLineTooLong);
        }
        return Ok(None);
    };
    let raw = text.get(..nl).unwrap_or_default();
    let (args, crlf) = match raw {
        [args @ .., b'\r'] => (args, true),
        args => (args, false),
    };
    if args.len() > limits.max_control_line || blanks > limits.max_control_line {
        return Err(ParseError::ControlLineTooLong);
    }
    Ok(Some(Line {
        args,
        used: blanks.saturating_add(nl).saturating_add(1),
        crlf,
    }))
}

/// The next argument, starting at `at`, and where it ends.
#[inline]
fn word(args: &[u8], at: usize) -> Option<(&[u8], usize, usize)> {
    let rest = args.get(at..)?;
    let start = rest.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    let tail = rest.get(start..)?;
    let len = tail
        .iter()
        .position(|b| matches!(b, b' ' | b'\t'))
        .unwrap_or(tail.len());
    let from = at.saturating_add(start);
    Some((tail.get(..len)?, from, from.saturating_add(len)))
}

#[inline]
fn size(digits: &[u8], verb: &'static str) -> Result<usize, ParseError> {
    let bad = ParseError::Size { verb };
    if digits.is_empty() || digits.len() > MAX_SIZE_DIGITS {
        return Err(bad);
    }
    let mut n = 0usize;
    for d in digits {
        if !d.is_ascii_digit() {
            return Err(bad);
        }
        // Nine digits fit in a usize of 32 bits.
        n = n
            .wrapping_mul(10)
            .wrapping_add(usize::from(d.wrapping_sub(b'0')));
    }
    Ok(n)
}

#[inline]
fn publish<'a>(
    rest: &'a [u8],
    verb_len: usize,
    verb: Verb,
    limits: &Limits,
) -> Result<Step<'a>, ParseError> {
    let Some(line) = line(rest, limits)? else {
        return Ok(INCOMPLETE);
    };
    if memchr(b'\r', line.args).is_some() {
        return Err(ParseError::UnknownOperation);
    }
    if matches!(verb, Verb::HPub) && !limits.headers {
        return Err(ParseError::HeadersNotSupported);
    }
    let head = publish_args(line.args, verb)?;
    if let Some(max) = limits.max_payload
        && head.size > max
    {
        return Err(ParseError::PayloadTooLarge {
            size: head.size,
            max,
        });
    }
    let payload_end = line.used.saturating_add(head.size);
    let frame_end = payload_end.saturating_add(2);
    match rest.get(payload_end..) {
        Some([b'\r', b'\n', ..]) => {}
        None | Some([] | [b'\r']) => {
            return Ok(Step::Incomplete {
                known_len: Some(verb_len.saturating_add(frame_end)),
            });
        }
        Some(_) => return Err(ParseError::PayloadEnd),
    }
    let subject_end = line
        .used
        .saturating_sub(if line.crlf { 2 } else { 1 })
        .saturating_sub(line.args.len())
        .saturating_add(head.subject.len());
    let verbatim = if head.canonical && line.crlf {
        rest.get(subject_end..frame_end)
    } else {
        None
    };
    let op = ClientOp::Publish(Publish {
        subject: head.subject,
        reply: head.reply,
        header_len: head.header_len,
        payload: rest.get(line.used..payload_end).unwrap_or_default(),
        verbatim,
        args: line.args,
    });
    Ok(Step::Op(op, verb_len.saturating_add(frame_end)))
}

struct PublishHead<'a> {
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    header_len: Option<usize>,
    size: usize,
    /// Single spaces, nothing behind the last size.
    canonical: bool,
}

#[inline]
fn publish_args(args: &[u8], verb: Verb) -> Result<PublishHead<'_>, ParseError> {
    let name = verb.name();
    let wrong = ParseError::Arguments { verb: name };
    let mut words: [&[u8]; 4] = [b""; 4];
    let mut count = 0usize;
    let mut at = 0usize;
    let mut canonical = true;
    while let Some((w, start, end)) = word(args, at) {
        canonical &= start == if count == 0 { 0 } else { at.saturating_add(1) };
        if count > 0 {
            canonical &= args.get(at) == Some(&b' ');
        }
        let Some(slot) = words.get_mut(count) else {
            return Err(wrong);
        };
        *slot = w;
        count = count.saturating_add(1);
        at = end;
    }
    canonical &= at == args.len();
    let [a, b, c, d] = words;
    let (reply, header, total) = match (verb, count) {
        (Verb::Pub, 2) => (None, None, b),
        (Verb::Pub, 3) => (Some(b), None, c),
        (Verb::HPub, 3) => (None, Some(b), c),
        (Verb::HPub, 4) => (Some(b), Some(c), d),
        _ => return Err(wrong),
    };
    let header_len = header.map(|h| size(h, name)).transpose()?;
    let total = size(total, name)?;
    if header_len.is_some_and(|h| h > total) {
        return Err(ParseError::HeaderLargerThanTotal { verb: name });
    }
    Ok(PublishHead {
        subject: a,
        reply,
        header_len,
        size: total,
        canonical,
    })
}

/// Splits at blanks and stray carriage returns into at most three words.
fn three_words<'a>(
    args: &'a [u8],
    verb: &'static str,
) -> Result<(usize, [&'a [u8]; 3]), ParseError> {
    let mut words: [&[u8]; 3] = [b""; 3];
    let mut count = 0usize;
    for w in args
        .split(|b| matches!(b, b' ' | b'\t' | b'\r'))
        .filter(|w| !w.is_empty())
    {
        let Some(slot) = words.get_mut(count) else {
            return Err(ParseError::Arguments { verb });
        };
        *slot = w;
        count = count.saturating_add(1);
    }
    Ok((count, words))
}

fn subscribe(args: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    match three_words(args, "SUB")? {
        (2, [subject, sid, _]) => Ok(ClientOp::Subscribe {
            subject,
            queue: None,
            sid,
        }),
        (3, [subject, queue, sid]) => Ok(ClientOp::Subscribe {
            subject,
            queue: Some(queue),
            sid,
        }),
        _ => Err(ParseError::Arguments { verb: "SUB" }),
    }
}

fn unsubscribe(args: &[u8]) -> Result<ClientOp<'_>, ParseError> {
    match three_words(args, "UNSUB")? {
        (1, [sid, ..]) => Ok(ClientOp::Unsubscribe { sid, max: None }),
        (2, [sid, max, _]) => Ok(ClientOp::Unsubscribe {
            sid,
            max: size(max, "UNSUB").ok().filter(|n| *n > 0).map(|n| n as u64),
        }),
        _ => Err(ParseError::Arguments { verb: "UNSUB" }),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        max_control_line: 64,
        max_payload: Some(1024),
        headers: true,
    };

    fn op(bytes: &[u8]) -> (ClientOp<'_>, usize) {
        match parse(bytes, &LIMITS).unwrap() {
            Step::Op(op, used) => (op, used),
            Step::Incomplete { .. } => panic!("incomplete: {bytes:?}"),
        }
    }

    fn publish_of(bytes: &[u8]) -> Publish<'_> {
        match op(bytes) {
            (ClientOp::Publish(p), used) => {
                assert_eq!(used, bytes.len());
                p
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn publish_forms_and_their_verbatim_rest() {
        let p = publish_of(b"PUB foo 5\r\nhello\r\n");
        assert_eq!(
            (p.subject, p.reply, p.payload),
            (&b"foo"[..], None, &b"hello"[..])
        );
        assert_eq!(p.verbatim, Some(&b" 5\r\nhello\r\n"[..]));
        let p = publish_of(b"pub foo bar 0\r\n\r\n");
        assert_eq!(p.reply, Some(&b"bar"[..]));
        assert_eq!(p.verbatim, Some(&b" bar 0\r\n\r\n"[..]));
        let p = publish_of(b"HPUB foo INBOX.1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n");
        assert_eq!(p.header_len, Some(12));
        assert_eq!(p.header(), b"NATS/1.0\r\n\r\n");
        assert_eq!(p.body(), b"hello");
        assert_eq!(
            p.verbatim.map(|v| v.len()),
            Some(" INBOX.1 12 17\r\n".len() + 19)
        );
        let p = publish_of(b"PUB   foo 5\r\nhello\r\n");
        assert_eq!(
            p.verbatim,
            Some(&b" 5\r\nhello\r\n"[..]),
            "blanks before the subject do not matter"
        );
    }

    #[test]
    fn frames_that_are_not_canonical_have_no_verbatim_rest() {
        for frame in [
            &b"PUB foo  5\r\nhello\r\n"[..],
            b"PUB foo\t5\r\nhello\r\n",
            b"PUB foo 5 \r\nhello\r\n",
            b"PUB foo 5\nhello\r\n",
        ] {
            let p = publish_of(frame);
            assert_eq!(p.verbatim, None, "{frame:?}");
            assert_eq!(p.payload, b"hello");
        }
    }

    #[test]
    fn wrong_frames_are_refused() {
        for (frame, want) in [
            (&b"FOO"[..], ParseError::UnknownOperation),
            (b"PX", ParseError::UnknownOperation),
            (b"PUBX", ParseError::UnknownOperation),
            (b"R", ParseError::UnknownOperation),
            (b"PUB foo\r\n", ParseError::Arguments { verb: "PUB" }),
            (b"PUB a b c 1\r\n", ParseError::Arguments { verb: "PUB" }),
            (b"PUB foo x\r\n", ParseError::Size { verb: "PUB" }),
            (b"PUB foo -1\r\n", ParseError::Size { verb: "PUB" }),
            (b"PUB foo 1234567890\r\n", ParseError::Size { verb: "PUB" }),
            (
                b"HPUB foo 6 5\r\n",
                ParseError::HeaderLargerThanTotal { verb: "HPUB" },
            ),
            (b"PUB foo 2\r\nabc\r\n", ParseError::PayloadEnd),
            (b"PUB fo\ro 2\r\nab\r\n", ParseError::UnknownOperation),
            (
                b"PUB foo 1025\r\n",
                ParseError::PayloadTooLarge {
                    size: 1025,
                    max: 1024,
                },
            ),
            (b"SUB foo\r\n", ParseError::Arguments { verb: "SUB" }),
            (b"UNSUB\r\n", ParseError::UnknownOperation),
        ] {
            assert_eq!(
                parse(frame, &LIMITS),
                Err(want),
                "{:?}",
                String::from_utf8_lossy(frame)
            );
        }
        let long = [b"SUB ".to_vec(), vec![b'a'; 66]].concat();
        assert_eq!(parse(&long, &LIMITS), Err(ParseError::ControlLineTooLong));
    }

    #[test]
    fn lines_without_payload() {
        assert_eq!(op(b"PING\r\n"), (ClientOp::Ping, 6));
        assert_eq!(op(b"ping whatever\n"), (ClientOp::Ping, 14));
        assert_eq!(op(b"PONG\r\n"), (ClientOp::Pong, 6));
        assert_eq!(op(b"+OK\r\n"), (ClientOp::Ok, 5));
        assert_eq!(op(b"-ERR 'x'\r\n"), (ClientOp::Err(b"'x'"), 10));
        assert_eq!(op(b"CONNECT {}\r\n"), (ClientOp::Connect(b"{}"), 12));
        assert_eq!(op(b"CONNECT{}\r\n"), (ClientOp::Connect(b"{}"), 11));
        assert_eq!(op(b"CONNECT\r\n"), (ClientOp::Connect(b""), 9));
        let sub = ClientOp::Subscribe {
            subject: b"a.b",
            queue: Some(b"q"),
            sid: b"7",
        };
        assert_eq!(op(b"SUB a.b q  7\r\n"), (sub, 14));
        let unsub = ClientOp::Unsubscribe {
            sid: b"7",
            max: Some(3),
        };
        assert_eq!(op(b"UNSUB 7 3\r\n"), (unsub, 11));
        assert_eq!(
            op(b"UNSUB 7 0\r\n").0,
            ClientOp::Unsubscribe {
                sid: b"7",
                max: None
            }
        );
    }

    /// Every operation of a stream, with the buffer handed over in pieces.
    fn ops_in_pieces(stream: &[u8], pieces: &[usize]) -> Result<Vec<String>, ParseError> {
        let (mut held, mut fed, mut out) = (Vec::new(), 0usize, Vec::new());
        let mut cuts = pieces.iter().copied().cycle();
        while fed < stream.len() {
            let n = cuts.next().unwrap_or(1).clamp(1, stream.len() - fed);
            held.extend_from_slice(&stream[fed..fed + n]);
            fed += n;
            let mut at = 0;
            while let Step::Op(op, used) = parse(&held[at..], &LIMITS)? {
                out.push(format!("{op:?}"));
                at += used;
            }
            held.drain(..at);
        }
        Ok(out)
    }

    fn any_frame() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[a-z.]{1,8}".prop_map(|s| format!("SUB {s} 1\r\n").into_bytes()),
            ("[a-z.]{1,8}", proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(s, body)| {
                let mut f = format!("PUB {s} {}\r\n", body.len()).into_bytes();
                f.extend(body);
                f.extend(b"\r\n");
                f
            }),
            Just(b"PING\r\n".to_vec()),
            Just(b"CONNECT {\"a\":1}\r\n".to_vec()),
            Just(b"HPUB a r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n".to_vec()),
        ]
    }

    /// Found by fuzzing: a line of blanks was refused in small pieces and taken as a whole.
    #[test]
    fn leading_blanks_count_like_a_long_line_however_they_arrive() {
        let stream = [b"INFO ".as_slice(), &[b' '; 5000], b"x\r\n"].concat();
        for pieces in [&[stream.len()][..], &[1], &[4097]] {
            assert!(ops_in_pieces(&stream, pieces).is_err(), "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn splitting_the_stream_anywhere_changes_nothing(
            frames in proptest::collection::vec(any_frame(), 1..12),
            pieces in proptest::collection::vec(1usize..20, 1..6),
        ) {
            let stream = frames.concat();
            let whole = ops_in_pieces(&stream, &[stream.len()]).unwrap();
            prop_assert_eq!(whole.len(), frames.len());
            prop_assert_eq!(ops_in_pieces(&stream, &pieces).unwrap(), whole);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ops_in_pieces(&bytes, &[7, 1, 50]);
        }
    }
}
