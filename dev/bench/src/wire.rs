//! The bytes of the generator: pre-filled publish batches on one side, a frame counter on the other.
//!
//! Every number on the wire has a fixed width, so all frames of a case have one length. That lets the
//! counter step from frame to frame and compare each header and each end, at a few nanoseconds a message:
//! a lossy or garbling server is caught in every run, not only with `--verify`, and the generator
//! stays far faster than a server.

use anyhow::{Result, bail, ensure};

/// The subject of [`Subjects::One`].
const SUBJECT: &str = "bench.subject";
/// Numbered subjects and their subscription ids count up from here, so that both keep six digits.
const NUMBERED_FIRST: u32 = 100_000;
/// How many numbered subjects there can be.
pub const NUMBERED_MAX: u32 = 100_000;
/// Every payload begins with 4 hex digits that name the publisher and 12 for its message's number.
pub const STAMP_BYTES: usize = 16;
/// What one write of a publisher holds at most, unless one frame is larger.
const WRITE_BYTES: usize = 128 * 1024;

/// What the messages of a stream look like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub payload_bytes: usize,
    /// How many numbered subjects, or one plain subject.
    pub numbered: Option<u32>,
}

impl Shape {
    /// The SUB lines of one receiver.
    pub fn subscriptions(&self, queue: Option<&str>) -> String {
        let queue = queue.map(|name| format!("{name} ")).unwrap_or_default();
        match self.numbered {
            None => format!("SUB {SUBJECT} {queue}1\r\n"),
            Some(count) => (NUMBERED_FIRST..NUMBERED_FIRST + count)
                .map(|number| format!("SUB bench.{number} {queue}{number}\r\n"))
                .collect(),
        }
    }

    fn publish_head(&self, place: u32) -> String {
        match self.numbered {
            None => format!("PUB {SUBJECT} {}\r\n", self.payload_bytes),
            Some(_) => format!(
                "PUB bench.{} {}\r\n",
                NUMBERED_FIRST + place,
                self.payload_bytes
            ),
        }
    }

    fn message_head(&self) -> String {
        match self.numbered {
            None => format!("MSG {SUBJECT} 1 {}\r\n", self.payload_bytes),
            Some(_) => format!(
                "MSG bench.{NUMBERED_FIRST} {NUMBERED_FIRST} {}\r\n",
                self.payload_bytes
            ),
        }
    }

    /// Of one delivery, from `MSG` to the end of the payload's line.
    pub fn delivery_bytes(&self) -> usize {
        self.message_head().len() + self.payload_bytes + 2
    }
}

/// What follows the stamp in every payload of `bytes` bytes.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes.saturating_sub(STAMP_BYTES))
        .map(|place| b'a' + (place % 26) as u8)
        .collect()
}

/// Frames of one publisher, ready to be written over and over.
#[derive(Debug)]
pub struct Outgoing {
    bytes: Vec<u8>,
    frame_bytes: usize,
    head_bytes: usize,
    frames_per_write: usize,
    /// The frame that the next write begins with.
    cursor: usize,
    /// Number of the next message; written into each frame only if `stamped`.
    sequence: u64,
    publisher: u16,
    stamped: bool,
}

impl Outgoing {
    /// `stamped` numbers every message freshly (for `--verify`); else the payloads repeat.
    pub fn new(shape: &Shape, publisher: u16, stamped: bool) -> Outgoing {
        let head_bytes = shape.publish_head(0).len();
        let frame_bytes = head_bytes + shape.payload_bytes + 2;
        let frames_per_write = (WRITE_BYTES / frame_bytes).max(1);
        let frames = shape
            .numbered
            .map_or(frames_per_write, |count| count as usize);
        let rest = pattern(shape.payload_bytes);
        let mut bytes = Vec::with_capacity(frames * frame_bytes);
        for place in 0..frames {
            bytes.extend_from_slice(shape.publish_head(place as u32).as_bytes());
            bytes.extend_from_slice(stamp(publisher, place as u64).as_bytes());
            bytes.extend_from_slice(&rest);
            bytes.extend_from_slice(b"\r\n");
        }
        Outgoing {
            bytes,
            frame_bytes,
            head_bytes,
            frames_per_write,
            cursor: 0,
            sequence: 0,
            publisher,
            stamped,
        }
    }

    /// The bytes of the next write and how many messages they are.
    pub fn advance(&mut self) -> (&[u8], u64) {
        let frames = self.bytes.len() / self.frame_bytes;
        let first = self.cursor;
        let last = (first + self.frames_per_write).min(frames);
        self.cursor = if last == frames { 0 } else { last };
        let range = first * self.frame_bytes..last * self.frame_bytes;
        if self.stamped {
            for frame in self.bytes[range.clone()].chunks_exact_mut(self.frame_bytes) {
                let text = stamp(self.publisher, self.sequence);
                frame[self.head_bytes..self.head_bytes + STAMP_BYTES]
                    .copy_from_slice(text.as_bytes());
                self.sequence += 1;
            }
        }
        (&self.bytes[range], (last - first) as u64)
    }
}

fn stamp(publisher: u16, sequence: u64) -> String {
    format!("{publisher:04x}{:012x}", sequence & ((1 << (4 * 12)) - 1))
}

/// One thing that a server sent: a message of the expected length, or a line of another kind.
#[derive(Debug, PartialEq, Eq)]
pub enum Unit<'a> {
    Message(&'a [u8]),
    /// Without its line end.
    Line(&'a [u8]),
}

/// Cuts a byte stream, in whatever pieces it comes, into units. All messages have one length.
#[derive(Debug)]
pub struct Splitter {
    message_bytes: usize,
    partial: Vec<u8>,
}

/// The longest line that is not a message: an INFO.
const LINE_BYTES_MAX: usize = 64 * 1024;

impl Splitter {
    pub fn new(message_bytes: usize) -> Splitter {
        Splitter {
            message_bytes,
            partial: Vec::new(),
        }
    }

    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Unit<'_>) -> Result<()>,
    ) -> Result<()> {
        if !self.partial.is_empty() {
            let more = self.missing(bytes);
            self.partial.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
            match next_unit(&self.partial, self.message_bytes)? {
                Some((unit, _)) => each(unit)?,
                None => return Ok(()),
            }
            self.partial.clear();
        }
        while let Some((unit, length)) = next_unit(bytes, self.message_bytes)? {
            each(unit)?;
            bytes = &bytes[length..];
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }

    /// How many of `bytes` may belong to the unit that `partial` begins.
    fn missing(&self, bytes: &[u8]) -> usize {
        if self.partial[0] == b'M' {
            (self.message_bytes - self.partial.len()).min(bytes.len())
        } else {
            memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1)
        }
    }
}

/// The unit at the front of `bytes` and its length, if it is complete.
fn next_unit(bytes: &[u8], message_bytes: usize) -> Result<Option<(Unit<'_>, usize)>> {
    match bytes.first() {
        None => Ok(None),
        Some(b'M') => Ok(bytes
            .get(..message_bytes)
            .map(|message| (Unit::Message(message), message_bytes))),
        Some(_) => match memchr::memchr(b'\n', bytes) {
            Some(end) => Ok(Some((Unit::Line(bytes[..end].trim_ascii_end()), end + 1))),
            None if bytes.len() > LINE_BYTES_MAX => {
                bail!(
                    "the server sent a line of more than {LINE_BYTES_MAX} bytes; it begins {}",
                    excerpt(bytes)
                )
            }
            None => Ok(None),
        },
    }
}

/// Counts the deliveries of one receiver and checks each.
#[derive(Debug)]
pub struct Counter {
    splitter: Splitter,
    check: Check,
    pings: u64,
}

/// What the next message must be.
#[derive(Debug)]
struct Check {
    head: Vec<u8>,
    /// For numbered subjects: how many there are and which is due.
    numbered: Option<(u32, u32)>,
    verified: Option<Verified>,
    messages: u64,
}

/// The contents that `--verify` compares.
#[derive(Debug)]
struct Verified {
    pattern: Vec<u8>,
    /// The number that is due from each publisher.
    due: Vec<u64>,
    /// A member of a queue group sees some of the messages, in order.
    gaps: bool,
}

impl Counter {
    pub fn new(shape: &Shape) -> Counter {
        Counter {
            splitter: Splitter::new(shape.delivery_bytes()),
            check: Check {
                head: shape.message_head().into_bytes(),
                numbered: shape.numbered.map(|count| (count, 0)),
                verified: None,
                messages: 0,
            },
            pings: 0,
        }
    }

    /// Compare also payloads and, for each publisher, their order; `gaps` for queue groups.
    pub fn verify(mut self, shape: &Shape, publishers: usize, gaps: bool) -> Counter {
        self.check.verified = Some(Verified {
            pattern: pattern(shape.payload_bytes),
            due: vec![0; publishers],
            gaps,
        });
        self
    }

    pub fn messages(&self) -> u64 {
        self.check.messages
    }

    /// PINGs since the last call; each wants a PONG.
    pub fn take_pings(&mut self) -> u64 {
        std::mem::take(&mut self.pings)
    }

    /// Fails at the first byte that should not be there.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        let (check, pings) = (&mut self.check, &mut self.pings);
        self.splitter.feed(bytes, |unit| match unit {
            Unit::Message(message) => check.message(message),
            Unit::Line(line) => {
                *pings += u64::from(is_ping(line)?);
                Ok(())
            }
        })
    }
}

impl Check {
    fn message(&mut self, message: &[u8]) -> Result<()> {
        let (head, payload) = message.split_at(self.head.len());
        if head != self.head || !payload.ends_with(b"\r\n") {
            bail!(
                "message {} should begin with {}, but the server sent {}",
                self.messages,
                excerpt(&self.head),
                excerpt(message)
            );
        }
        if let Some(verified) = &mut self.verified {
            verified.payload(&payload[..payload.len() - 2])?;
        }
        self.messages += 1;
        if let Some((count, due)) = &mut self.numbered {
            *due = if *due + 1 == *count { 0 } else { *due + 1 };
            let digits = six_digits(NUMBERED_FIRST + *due);
            self.head[10..16].copy_from_slice(&digits);
            self.head[17..23].copy_from_slice(&digits);
        }
        Ok(())
    }
}

impl Verified {
    fn payload(&mut self, payload: &[u8]) -> Result<()> {
        let (stamp, rest) = payload.split_at(STAMP_BYTES);
        ensure!(
            rest == self.pattern,
            "a payload was altered after its first {STAMP_BYTES} bytes"
        );
        let text = std::str::from_utf8(stamp)?;
        let publisher = usize::from(u16::from_str_radix(&text[..4], 16)?);
        let sequence = u64::from_str_radix(&text[4..], 16)?;
        let Some(due) = self.due.get_mut(publisher) else {
            bail!("there is no publisher {publisher}, but a payload says so");
        };
        let in_order = if self.gaps {
            sequence >= *due
        } else {
            sequence == *due
        };
        ensure!(
            in_order,
            "message {sequence} of publisher {publisher} came when {due} was due"
        );
        *due = sequence + 1;
        Ok(())
    }
}

/// Judges a line that is not a message. `-ERR` is always a failure of the run.
pub fn is_ping(line: &[u8]) -> Result<bool> {
    match line {
        b"PING" => Ok(true),
        b"PONG" | b"+OK" => Ok(false),
        line if line.starts_with(b"INFO ") => Ok(false),
        line => bail!("the server sent {}", excerpt(line)),
    }
}

/// The first bytes of `bytes` for an error message.
pub fn excerpt(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(120)];
    format!("{:?}", String::from_utf8_lossy(shown))
}

fn six_digits(mut number: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: Shape = Shape {
        payload_bytes: 20,
        numbered: None,
    };
    const NUMBERED: Shape = Shape {
        payload_bytes: 16,
        numbered: Some(3),
    };

    /// What a correct server makes of a publisher's bytes.
    fn delivered(shape: &Shape, published: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(published).expect("text");
        let mut out = String::new();
        for line in text.split_inclusive("\r\n") {
            match line.strip_prefix("PUB ") {
                None => out.push_str(line),
                Some(rest) => {
                    let (subject, size) = rest.split_once(' ').expect("PUB line");
                    let sid = match shape.numbered {
                        None => "1",
                        Some(_) => subject.strip_prefix("bench.").expect("subject"),
                    };
                    out.push_str(&format!("MSG {subject} {sid} {size}"));
                }
            }
        }
        out.into_bytes()
    }

    fn published(shape: &Shape, publisher: u16, writes: usize) -> (Vec<u8>, u64) {
        let mut outgoing = Outgoing::new(shape, publisher, true);
        outgoing.frames_per_write = 2;
        let (mut bytes, mut count) = (Vec::new(), 0);
        for _ in 0..writes {
            let (batch, frames) = outgoing.advance();
            bytes.extend_from_slice(batch);
            count += frames;
        }
        (bytes, count)
    }

    #[test]
    fn a_receiver_of_numbered_subjects_subscribes_to_each_under_its_own_number() {
        let text = NUMBERED.subscriptions(None);
        assert_eq!(
            text,
            "SUB bench.100000 100000\r\nSUB bench.100001 100001\r\nSUB bench.100002 100002\r\n"
        );
        assert_eq!(SMALL.subscriptions(Some("q")), "SUB bench.subject q 1\r\n");
    }

    #[test]
    fn numbered_subjects_come_in_turn_across_the_wrap() {
        let (bytes, count) = published(&NUMBERED, 0, 4);
        assert_eq!(count, 2 + 1 + 2 + 1);
        let mut counter = Counter::new(&NUMBERED).verify(&NUMBERED, 1, false);
        counter
            .feed(&delivered(&NUMBERED, &bytes))
            .expect("in order");
        assert_eq!(counter.messages(), count);
    }

    #[test]
    fn a_lost_numbered_message_is_noticed_without_verify() {
        let (bytes, _) = published(&NUMBERED, 0, 2);
        let stream = delivered(&NUMBERED, &bytes);
        let mut counter = Counter::new(&NUMBERED);
        let lost = [
            &stream[..NUMBERED.delivery_bytes()],
            &stream[2 * NUMBERED.delivery_bytes()..],
        ]
        .concat();
        assert!(counter.feed(&lost).is_err());
        assert_eq!(counter.messages(), 1);
    }

    #[test]
    fn verify_notices_loss_repetition_alteration_and_strangers() {
        let frame = SMALL.delivery_bytes();
        let (bytes, _) = published(&SMALL, 0, 2);
        let stream = delivered(&SMALL, &bytes);
        let feed = |bytes: &[u8], gaps: bool| {
            let mut counter = Counter::new(&SMALL).verify(&SMALL, 1, gaps);
            counter.feed(bytes).map(|()| counter.messages())
        };
        assert_eq!(feed(&stream, false).expect("whole"), 4);
        let lost = [&stream[..frame], &stream[2 * frame..]].concat();
        assert!(feed(&lost, false).is_err());
        assert_eq!(feed(&lost, true).expect("gaps are allowed"), 3);
        let repeated = [&stream[..frame], &stream[..frame]].concat();
        assert!(feed(&repeated, true).is_err());
        let mut altered = stream.clone();
        altered[frame - 3] ^= 1;
        assert!(feed(&altered, true).is_err());
        let (foreign, _) = published(&SMALL, 1, 1);
        assert!(feed(&delivered(&SMALL, &foreign), true).is_err());
    }

    #[test]
    fn a_truncated_payload_is_noticed_without_verify() {
        let (bytes, _) = published(&SMALL, 0, 2);
        let mut stream = delivered(&SMALL, &bytes);
        stream.remove(40);
        assert!(Counter::new(&SMALL).feed(&stream).is_err());
    }

    #[test]
    fn errors_from_the_server_fail_and_pings_are_counted() {
        let mut counter = Counter::new(&SMALL);
        counter
            .feed(b"PING\r\nINFO {}\r\nPI")
            .expect("control lines");
        assert_eq!(counter.take_pings(), 1);
        counter.feed(b"NG\r\n").expect("second half");
        assert_eq!(counter.take_pings(), 1);
        let failure = counter.feed(b"-ERR 'Slow Consumer'\r\n").unwrap_err();
        assert!(failure.to_string().contains("Slow Consumer"), "{failure}");
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut counter = Counter::new(&SMALL);
        assert!(counter.feed(&vec![b'x'; LINE_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn without_stamps_the_bytes_repeat_and_the_count_goes_on() {
        let mut outgoing = Outgoing::new(&SMALL, 0, false);
        let first = outgoing.advance().0.to_vec();
        let (second, frames) = outgoing.advance();
        assert_eq!(first, second);
        assert!(frames > 1000, "a write should hold many small messages");
    }

    proptest! {
        #[test]
        fn however_the_stream_is_cut_the_count_is_the_same(cuts in proptest::collection::vec(1usize..100, 1..80), writes in 1usize..12) {
            let (bytes, count) = published(&SMALL, 0, writes);
            let mut stream = b"PING\r\n".to_vec();
            stream.extend_from_slice(&delivered(&SMALL, &bytes));
            stream.extend_from_slice(b"PING\r\n");
            let mut counter = Counter::new(&SMALL).verify(&SMALL, 1, false);
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                counter.feed(piece).expect("a correct stream");
                rest = tail;
            }
            prop_assert_eq!(counter.messages(), count);
            prop_assert_eq!(counter.take_pings(), 2);
        }
    }
}
