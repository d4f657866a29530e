//! Messages of any length from a server's byte stream, in whatever pieces it comes: what JetStream sends, where sequences grow.

use anyhow::{Context, Result, ensure};

use crate::wire::{excerpt, is_ping};

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub struct Incoming<'a> {
    pub subject: &'a [u8],
    /// Empty when there is none.
    pub reply: &'a [u8],
    /// With its status line; empty when there is none.
    pub headers: &'a [u8],
    pub payload: &'a [u8],
}

/// Cuts a byte stream into messages; counts the PINGs between them.
#[derive(Debug, Default)]
pub struct Frames {
    partial: Vec<u8>,
    pings: u64,
}

impl Frames {
    /// Gives every complete message to `each`.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Incoming<'_>) -> Result<()>,
    ) -> Result<()> {
        if self.partial.is_empty() {
            let used = consume(bytes, &mut self.pings, &mut each)?;
            self.partial.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        self.partial.extend_from_slice(bytes);
        let used = consume(&self.partial, &mut self.pings, &mut each)?;
        self.partial.drain(..used);
        Ok(())
    }

    /// PINGs since the last call; each wants a PONG.
    pub fn take_pings(&mut self) -> u64 {
        std::mem::take(&mut self.pings)
    }
}

fn consume(
    bytes: &[u8],
    pings: &mut u64,
    each: &mut impl FnMut(Incoming<'_>) -> Result<()>,
) -> Result<usize> {
    let mut at = 0;
    while let Some(end) = memchr::memchr(b'\n', &bytes[at..]) {
        let line = bytes[at..at + end].trim_ascii_end();
        let body = at + end + 1;
        let has_headers = line.starts_with(b"HMSG ");
        if !has_headers && !line.starts_with(b"MSG ") {
            *pings += u64::from(is_ping(line)?);
            at = body;
            continue;
        }
        let (incoming, next) = match parse(line, has_headers, &bytes[body..])? {
            Some((incoming, length)) => (incoming, body + length),
            None => break,
        };
        each(incoming)?;
        at = next;
    }
    Ok(at)
}

/// The message and the length of its body; none while it is incomplete.
fn parse<'a>(
    line: &'a [u8],
    has_headers: bool,
    body: &'a [u8],
) -> Result<Option<(Incoming<'a>, usize)>> {
    let mut words = [&line[..0]; 6];
    let mut count = 0;
    for word in line.split(|byte| *byte == b' ') {
        ensure!(
            count < words.len(),
            "a line of too many words: {}",
            excerpt(line)
        );
        words[count] = word;
        count += 1;
    }
    let sizes = if has_headers { 2 } else { 1 };
    ensure!(
        count == 3 + sizes || count == 4 + sizes,
        "not a message: {}",
        excerpt(line)
    );
    let size = number(words[count - 1]).with_context(|| excerpt(line))?;
    let split = if has_headers {
        number(words[count - 2]).with_context(|| excerpt(line))?
    } else {
        0
    };
    ensure!(
        split <= size,
        "headers longer than the message: {}",
        excerpt(line)
    );
    if body.len() < size + 2 {
        return Ok(None);
    }
    ensure!(
        &body[size..size + 2] == b"\r\n",
        "a message does not end where it should: {}",
        excerpt(line)
    );
    let reply = if count == 4 + sizes { words[3] } else { b"" };
    let incoming = Incoming {
        subject: words[1],
        reply,
        headers: &body[..split],
        payload: &body[split..size],
    };
    Ok(Some((incoming, size + 2)))
}

/// The decimal number that is all of `digits`.
pub fn number(digits: &[u8]) -> Result<usize> {
    Ok(std::str::from_utf8(digits)?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_wherever_the_stream_is_cut() {
        let stream = b"MSG a 1 3\r\nabc\r\nPING\r\nHMSG b 2 r.1 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG c 1 0\r\n\r\n";
        for cut in 0..stream.len() {
            let mut frames = Frames::default();
            let mut seen = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                frames
                    .feed(part, |m| {
                        seen.push((m.subject.to_vec(), m.reply.to_vec(), m.payload.to_vec()));
                        Ok(())
                    })
                    .unwrap();
            }
            let text = |s: &str| s.as_bytes().to_vec();
            let expected = [
                (text("a"), text(""), text("abc")),
                (text("b"), text("r.1"), text("hi")),
                (text("c"), text(""), text("")),
            ];
            assert_eq!(seen, expected, "cut at {cut}");
            assert_eq!(frames.take_pings(), 1);
        }
    }

    #[test]
    fn what_is_no_message_is_an_error() {
        for bytes in [&b"-ERR 'no'\r\n"[..], b"MSG a 1 x\r\n", b"MSG a 1 1\r\nxyz"] {
            assert!(Frames::default().feed(bytes, |_| Ok(())).is_err());
        }
    }
}
