//! Bytes that came in and are not understood yet.
//!
//! A read buffer is taken from a pool of the thread for one read and goes back when nothing is left in it, so an idle connection
//! holds none. A small rest is copied out; only the rest of a large frame keeps its buffer.

use std::cell::RefCell;
use std::io;
use std::task::Poll;

use crate::limits::{READ_BYTES, SMALL_REST_BYTES};

/// What one read brought.
#[derive(Debug)]
pub enum Turn {
    /// Bytes were read and handled; there may be more.
    Read(usize),
    /// Nothing to read now.
    Blocked,
    /// The peer sent its last byte.
    Eof,
    Failed(io::Error),
}

/// Buffers a thread keeps for reuse.
const POOL_MAX: usize = 8;

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn pooled() -> Vec<u8> {
    POOL.with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; READ_BYTES])
}

fn give_back(buf: Vec<u8>) {
    if buf.len() == READ_BYTES {
        POOL.with_borrow_mut(|p| {
            if p.len() < POOL_MAX {
                p.push(buf);
            }
        });
    }
}

/// The incoming side of a connection.
#[derive(Default)]
pub struct Input {
    /// Initialised over its whole length; the first `filled` bytes are input. Empty when no buffer is held.
    buf: Vec<u8>,
    filled: usize,
    /// A small rest, while no buffer is held.
    rest: Vec<u8>,
}

impl Input {
    /// Reads once and hands everything that is there to `handle`, which says how many bytes it used and how long the frame at
    /// the front of the rest is, if it knows.
    pub fn read_once(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
        handle: impl FnOnce(&[u8]) -> (usize, Option<usize>),
    ) -> Turn {
        self.hold_buffer();
        let room = self.buf.get_mut(self.filled..).unwrap_or_default();
        let n = match read(room) {
            Poll::Ready(Ok(0)) => {
                self.settle(0, None);
                return Turn::Eof;
            }
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(e)) => {
                self.settle(0, None);
                return Turn::Failed(e);
            }
            Poll::Pending => {
                self.settle(0, None);
                return Turn::Blocked;
            }
        };
        self.filled = self.filled.saturating_add(n).min(self.buf.len());
        let (used, known_len) = handle(self.buf.get(..self.filled).unwrap_or_default());
        self.settle(used, known_len);
        Turn::Read(n)
    }

    /// Handles what is there already, without reading.
    pub fn again(&mut self, handle: impl FnOnce(&[u8]) -> (usize, Option<usize>)) {
        if self.buf.is_empty() && self.rest.is_empty() {
            return;
        }
        self.hold_buffer();
        let (used, known_len) = handle(self.buf.get(..self.filled).unwrap_or_default());
        self.settle(used, known_len);
    }

    fn hold_buffer(&mut self) {
        if self.buf.is_empty() {
            self.buf = pooled();
            let rest = std::mem::take(&mut self.rest);
            if let Some(front) = self.buf.get_mut(..rest.len()) {
                front.copy_from_slice(&rest);
            }
            self.filled = rest.len();
        }
    }

    /// Drops the used bytes, and keeps the rest in the cheapest way.
    fn settle(&mut self, used: usize, known_len: Option<usize>) {
        let left = self.filled.saturating_sub(used);
        if left == 0 {
            self.filled = 0;
            give_back(std::mem::take(&mut self.buf));
            return;
        }
        let large_frame = known_len.is_some_and(|n| n > SMALL_REST_BYTES);
        if left <= SMALL_REST_BYTES && !large_frame {
            self.rest = self.buf.get(used..self.filled).unwrap_or_default().to_vec();
            self.filled = 0;
            give_back(std::mem::take(&mut self.buf));
            return;
        }
        if used > 0 {
            self.buf.copy_within(used..self.filled, 0);
            self.filled = left;
        }
        self.make_room(known_len);
    }

    /// A full buffer doubles, up to the frame it holds: a peer that only announces much holds little.
    fn make_room(&mut self, known_len: Option<usize>) {
        if self.filled < self.buf.len() {
            return;
        }
        let doubled = self.buf.len().saturating_mul(2);
        let enough = known_len
            .unwrap_or(doubled)
            .max(self.buf.len().saturating_add(READ_BYTES));
        self.buf.resize(doubled.min(enough), 0);
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

    /// Reads `all` in pieces and uses whole frames of `frame` bytes.
    fn run(all: &[u8], piece: usize, frame: usize) -> (Vec<u8>, usize) {
        let (mut input, mut at, mut out, mut most) = (Input::default(), 0, Vec::new(), 0);
        while at < all.len() {
            let turn = input.read_once(
                |room| {
                    let n = piece.min(all.len() - at).min(room.len());
                    room[..n].copy_from_slice(&all[at..at + n]);
                    at += n;
                    Poll::Ready(Ok(n))
                },
                |bytes| {
                    let used = bytes.len() / frame * frame;
                    out.extend_from_slice(&bytes[..used]);
                    (used, Some(frame))
                },
            );
            assert!(matches!(turn, Turn::Read(n) if n > 0));
            most = most.max(input.buf.len());
        }
        assert_eq!(input.filled.max(input.rest.len()), all.len() % frame);
        (out, most)
    }

    #[test]
    fn every_byte_arrives_in_order_whatever_the_pieces() {
        let all: Vec<u8> = (0..400_000u32).map(|n| (n % 251) as u8).collect();
        for (piece, frame) in [
            (1_000_000, 10),
            (7, 100),
            (70_000, 16_400),
            (50_000, 200_000),
            (333, 3_000),
        ] {
            let (out, _) = run(&all, piece, frame);
            assert_eq!(out, all[..all.len() / frame * frame]);
        }
    }

    #[test]
    fn an_announced_size_takes_no_memory_ahead_of_its_bytes() {
        let mut input = Input::default();
        let read = |room: &mut [u8]| {
            room[0] = b'x';
            Poll::Ready(Ok(1))
        };
        input.read_once(read, |_| (0, Some(64 << 20)));
        assert_eq!(input.buf.len(), READ_BYTES);
    }

    #[test]
    fn a_quiet_connection_holds_no_buffer() {
        let mut input = Input::default();
        input.read_once(|_| Poll::Pending, |_| (0, None));
        assert!(input.buf.is_empty());
        let read = |room: &mut [u8]| {
            room[..3].copy_from_slice(b"PIN");
            Poll::Ready(Ok(3))
        };
        input.read_once(read, |_| (0, None));
        assert!(input.buf.is_empty() && input.rest.len() == 3);
    }
}
