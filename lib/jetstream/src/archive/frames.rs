//! The S2 framing format around an archive: frames of at most four mebibytes, each with a checksum.
//!
//! Own reading, because the library allocates what a frame says before it looks at a limit, and takes half a frame header for the end.

use std::io::{self, Read};

use minlz::crc::crc;
use minlz::s2;

/// The frame that every stream begins with.
const IDENTIFIER: [u8; 10] = *b"\xff\x06\x00\x00S2sTwO";
const IDENTIFIER_SNAPPY: [u8; 10] = *b"\xff\x06\x00\x00sNaPpY";

const COMPRESSED: u8 = 0x00;
const PLAIN: u8 = 0x01;
const IDENTIFIES: u8 = 0xff;
/// From here on frames may be passed over.
const SKIPPABLE: u8 = 0x80;

/// Plain bytes of one frame at most: the format's own bound.
const BLOCK_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a compressed frame's body at most; compression may make it a little larger than what it holds.
const BODY_MAX: usize = BLOCK_MAX + BLOCK_MAX / 6 + 64;
const CHECKSUM: usize = 4;

/// Reads what is inside of the frames.
#[derive(Debug)]
pub struct Frames<R> {
    source: R,
    plain: Vec<u8>,
    at: usize,
    body: Vec<u8>,
    begun: bool,
}

impl<R: Read> Frames<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            plain: Vec::new(),
            at: 0,
            body: Vec::new(),
            begun: false,
        }
    }

    /// Reads frames until there are plain bytes; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        self.plain.clear();
        self.at = 0;
        while self.plain.is_empty() {
            if !self.begun {
                if !self.begin()? {
                    return Ok(false);
                }
                continue;
            }
            let mut head = [0; 4];
            match fill(&mut self.source, &mut head)? {
                0 => return Ok(false),
                4 => {}
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            let [kind, a, b, c] = head;
            let len = usize::try_from(u32::from_le_bytes([a, b, c, 0])).unwrap_or(usize::MAX);
            match kind {
                COMPRESSED | PLAIN => self.block(kind, len)?,
                IDENTIFIES => {
                    let mut rest = [0; 6];
                    if len != rest.len() {
                        return Err(damaged("a frame that names another format"));
                    }
                    exactly(&mut self.source, &mut rest)?;
                    identify(&[&head[..], &rest[..]].concat())?;
                }
                SKIPPABLE.. => self.pass(len)?,
                _ => return Err(damaged("a frame of an unknown kind")),
            }
        }
        Ok(true)
    }

    /// False when there is nothing at all.
    fn begin(&mut self) -> io::Result<bool> {
        let mut head = [0; IDENTIFIER.len()];
        match fill(&mut self.source, &mut head)? {
            0 => return Ok(false),
            got if got == head.len() => identify(&head)?,
            _ => return Err(damaged("it is not compressed with S2")),
        }
        self.begun = true;
        Ok(true)
    }

    fn block(&mut self, kind: u8, len: usize) -> io::Result<()> {
        let too_large = || damaged("a frame larger than frames may be");
        let body = len
            .checked_sub(CHECKSUM)
            .ok_or_else(|| damaged("a frame without its checksum"))?;
        if body > BODY_MAX || (kind == PLAIN && body > BLOCK_MAX) {
            return Err(too_large());
        }
        let mut sum = [0; CHECKSUM];
        exactly(&mut self.source, &mut sum)?;
        if kind == PLAIN {
            self.plain.resize(body, 0);
            exactly(&mut self.source, &mut self.plain)?;
        } else {
            self.body.resize(body, 0);
            exactly(&mut self.source, &mut self.body)?;
            let (size, _) = minlz::decode_len(&self.body).map_err(|_| damaged("a frame"))?;
            if size > BLOCK_MAX {
                return Err(too_large());
            }
            self.plain = s2::decode(&self.body).map_err(|_| damaged("a compressed frame"))?;
        }
        match crc(&self.plain) == u32::from_le_bytes(sum) {
            true => Ok(()),
            false => Err(damaged("the checksum of a frame does not hold")),
        }
    }

    fn pass(&mut self, len: usize) -> io::Result<()> {
        let passed = io::copy(&mut self.source.by_ref().take(len as u64), &mut io::sink())?;
        match passed == len as u64 {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.plain.len() && !self.advance()? {
            return Ok(0);
        }
        let rest = self.plain.get(self.at..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(len);
        Ok(len)
    }
}

fn identify(head: &[u8]) -> io::Result<()> {
    match head == IDENTIFIER || head == IDENTIFIER_SNAPPY {
        true => Ok(()),
        false => Err(damaged("it is not compressed with S2")),
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Fills the buffer as far as there are bytes; how many there were.
pub fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Fills the whole buffer.
pub fn exactly(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<()> {
    match fill(source, buffer)? == buffer.len() {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Appends a frame with these bytes, at most [`BLOCK_MAX`], to `to`; the identifier too when `to` is the beginning of everything.
pub fn put(to: &mut Vec<u8>, plain: &[u8], is_first: bool) {
    if is_first {
        to.extend_from_slice(&IDENTIFIER);
    }
    let compressed = s2::encode(plain);
    // Compression that gains nothing is left out.
    let (kind, body) = match compressed.len() < plain.len() {
        true => (COMPRESSED, &*compressed),
        false => (PLAIN, plain),
    };
    let len = u32::try_from(body.len().saturating_add(CHECKSUM)).unwrap_or(u32::MAX);
    let [a, b, c, _] = len.to_le_bytes();
    to.extend_from_slice(&[kind, a, b, c]);
    to.extend_from_slice(&crc(plain).to_le_bytes());
    to.extend_from_slice(body);
}
