//! Chunks of an archive as they come, and the reader that takes them one after the other.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Interrupt;
use crate::interest::Sub;
use crate::router::{Cycle, Message, Origin, Service};

/// How long a client may leave a restore alone.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that may wait here: clients that do not wait for the answer to each chunk have to have a bound.
const WAITING_MAX: usize = 32 << 20;

/// Chunks that came and were not taken.
#[derive(Default)]
pub struct Intake {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    /// The client has sent everything, and waits here for the answer.
    ended: Option<Vec<u8>>,
    broken: Option<&'static str>,
    stopped: bool,
}

/// A piece of the archive and where its answer goes.
pub struct Chunk {
    pub reply: Vec<u8>,
    pub body: Vec<u8>,
}

/// What comes next.
pub enum Next {
    Chunk(Chunk),
    /// There is no more; the answer to the whole goes there.
    End(Vec<u8>),
}

impl Intake {
    fn put(&self, reply: &[u8], body: &[u8]) {
        let mut state = self.state.lock();
        if state.ended.is_some() || state.broken.is_some() {
            return;
        }
        if reply.is_empty() {
            state.broken = Some("it requires a reply subject for each chunk");
        } else if body.is_empty() {
            state.ended = Some(reply.to_vec());
        } else if state.bytes.saturating_add(body.len()) > WAITING_MAX && state.bytes > 0 {
            state.broken = Some("chunks came without waiting for the answers to those before");
        } else {
            state.bytes += body.len();
            state.chunks.push_back(Chunk {
                reply: reply.to_vec(),
                body: body.to_vec(),
            });
        }
        drop(state);
        self.told.notify_all();
    }

    /// Waits for what comes next. `None`: nothing did for too long, or nothing can.
    pub fn next(&self) -> Result<Next, &'static str> {
        let since = Instant::now();
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return Err("the server stops");
            }
            if let Some(chunk) = state.chunks.pop_front() {
                state.bytes = state.bytes.saturating_sub(chunk.body.len());
                return Ok(Next::Chunk(chunk));
            }
            if let Some(broken) = state.broken {
                return Err(broken);
            }
            if let Some(reply) = &state.ended {
                return Ok(Next::End(reply.clone()));
            }
            let Some(left) = PATIENCE.checked_sub(since.elapsed()) else {
                return Err("it is stalled");
            };
            self.told.wait_for(&mut state, left);
        }
    }
}

impl Interrupt for Intake {
    fn interrupt(&self) {
        self.state.lock().stopped = true;
        self.told.notify_all();
    }
}

/// `$JS.SNAPSHOT.RESTORE.<stream>.<id>`
pub struct Chunks(pub Weak<Intake>);

impl Service for Chunks {
    fn receive(&self, _: &mut Cycle, _: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let Some(intake) = self.0.upgrade() else {
            return false;
        };
        intake.put(msg.reply.unwrap_or_default(), msg.body());
        true
    }
}

/// Reads the archive out of its chunks and thanks for each.
pub struct Archive<'a, F> {
    intake: &'a Intake,
    /// Answers a chunk with nothing, which asks for the next.
    thank: F,
    body: Vec<u8>,
    at: usize,
    /// Where the answer to the whole goes, once everything has come.
    pub end: Option<Vec<u8>>,
    /// Bytes so far.
    pub bytes: u64,
}

impl<'a, F: FnMut(&[u8])> Archive<'a, F> {
    pub fn new(intake: &'a Intake, thank: F) -> Self {
        Self {
            intake,
            thank,
            body: Vec::new(),
            at: 0,
            end: None,
            bytes: 0,
        }
    }
}

impl<F: FnMut(&[u8])> Read for Archive<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.body.len() {
            if self.end.is_some() {
                return Ok(0);
            }
            match self.intake.next() {
                Ok(Next::Chunk(chunk)) => {
                    self.bytes += chunk.body.len() as u64;
                    (self.body, self.at) = (chunk.body, 0);
                    (self.thank)(&chunk.reply);
                }
                Ok(Next::End(reply)) => self.end = Some(reply),
                Err(why) => return Err(io::Error::other(why)),
            }
        }
        let rest = &self.body[self.at..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_read_in_order_and_each_is_answered_once() {
        let intake = Intake::default();
        for body in [&b"ab"[..], b"c", b""] {
            intake.put(b"r", body);
        }
        let mut thanks = 0;
        let mut archive = Archive::new(&intake, |_: &[u8]| thanks += 1);
        let mut all = Vec::new();
        archive.read_to_end(&mut all).expect("an archive");
        assert_eq!((&*all, archive.bytes), (&b"abc"[..], 3));
        assert_eq!(archive.end.as_deref(), Some(&b"r"[..]));
        assert_eq!(thanks, 2);
    }

    #[test]
    fn a_client_that_does_not_wait_or_wants_no_answer_is_refused() {
        let intake = Intake::default();
        intake.put(b"", b"x");
        assert!(intake.next().is_err());
        let intake = Intake::default();
        let chunk = vec![0; WAITING_MAX / 2 + 1];
        intake.put(b"r", &chunk);
        intake.put(b"r", &chunk);
        assert!(intake.next().is_ok(), "what came before is read");
        assert!(intake.next().is_err());
        let intake = Intake::default();
        intake.put(b"r", &vec![0; WAITING_MAX + 1]);
        assert!(intake.next().is_ok(), "one large chunk is no crowd");
    }
}
