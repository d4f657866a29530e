//! Writing an outbox to a socket, without knowing sockets.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::interest::Receiver;
use crate::limits::WRITE_BUFFERS_MAX;
use crate::outbox;

/// How a flush ended.
#[derive(Debug)]
pub enum Flushed {
    /// Everything is written.
    Done,
    /// The socket takes no more now.
    Blocked,
    Failed(io::Error),
}

/// What the owner took from its outbox and is writing.
#[derive(Default)]
pub struct Flush {
    taken: VecDeque<Vec<u8>>,
    /// Bytes of the first chunk that are written.
    offset: usize,
    /// Since when the socket takes nothing.
    blocked_since: Option<Instant>,
}

impl Flush {
    /// Writes what is queued until it is all gone or the socket is full.
    pub fn run(
        &mut self,
        receiver: &Arc<Receiver>,
        now: Instant,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Flushed {
        loop {
            if self.taken.is_empty() {
                receiver.outbox.lock().take(&mut self.taken);
                if self.taken.is_empty() {
                    self.blocked_since = None;
                    return Flushed::Done;
                }
            }
            match self.write_once(&mut write) {
                Poll::Ready(Ok(0)) => return Flushed::Failed(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.advance(n);
                    // A peer that takes something is slow, not stuck.
                    self.blocked_since = None;
                    let mut q = receiver.outbox.lock();
                    q.written(n);
                    if self.taken.is_empty() {
                        q.take(&mut self.taken);
                    }
                }
                Poll::Ready(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Err(e)) => return Flushed::Failed(e),
                Poll::Pending => {
                    self.blocked_since.get_or_insert(now);
                    return Flushed::Blocked;
                }
            }
        }
    }

    /// When the write deadline will have passed, while the socket takes nothing.
    pub fn deadline(&self, allowed: Duration) -> Option<Instant> {
        self.blocked_since
            .and_then(|since| since.checked_add(allowed))
    }

    fn write_once(
        &self,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); WRITE_BUFFERS_MAX];
        let mut count = 0usize;
        for (slice, chunk) in slices.iter_mut().zip(&self.taken) {
            let from = if count == 0 { self.offset } else { 0 };
            *slice = IoSlice::new(chunk.get(from..).unwrap_or_default());
            count = count.saturating_add(1);
        }
        write(slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, mut n: usize) {
        while let Some(first) = self.taken.front() {
            let left = first.len().saturating_sub(self.offset);
            if n < left {
                self.offset = self.offset.saturating_add(n);
                return;
            }
            n = n.saturating_sub(left);
            self.offset = 0;
            if let Some(done) = self.taken.pop_front() {
                outbox::recycle(done);
            }
        }
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
    use crate::interest::ReceiverKind;

    #[test]
    fn everything_is_written_once_and_in_order_however_little_the_socket_takes() {
        let r = Arc::new(Receiver::new(1, ReceiverKind::Client, 1 << 20));
        let all: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        for part in all.chunks(999) {
            let _ = r.outbox.send(part);
        }
        let (mut flush, mut got, mut turn) = (Flush::default(), Vec::new(), 0usize);
        let now = Instant::now();
        loop {
            let done = flush.run(&r, now, |slices| {
                turn += 1;
                if turn % 3 == 0 {
                    return Poll::Pending;
                }
                let whole: Vec<u8> = slices.iter().flat_map(|s| s.to_vec()).collect();
                let n = whole.len().min(7_001);
                got.extend_from_slice(&whole[..n]);
                Poll::Ready(Ok(n))
            });
            match done {
                Flushed::Done => break,
                Flushed::Blocked => assert!(flush.deadline(Duration::from_secs(1)).is_some()),
                Flushed::Failed(e) => panic!("{e}"),
            }
        }
        assert_eq!(got, all);
        assert_eq!(r.outbox.pending(), 0);
        assert!(flush.deadline(Duration::from_secs(1)).is_none());
    }
}
