//! The task of one connection: reads, writes, is woken.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use tokio::time::Sleep;

use super::slow_checks::RunningCheck;
use super::transport::Transport;
use crate::conn::{ClosedReason, Flush, Flushed, Session, Turn};
use crate::limits::{CLOSE_FLUSH_MAX, READS_PER_TURN};

/// The task of a connection: runs it to its end and leaves nothing of it behind.
///
/// The future holds one pointer: what a quiet connection costs is its box.
pub fn run<T: Transport>(session: Session, transport: T) -> impl Future<Output = ()> + Send {
    let shell = Box::new(Shell {
        session,
        transport,
        flush: Flush::default(),
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        timer_at: None,
        check: None,
        close_by: None,
    });
    drive(shell)
}

async fn drive<T: Transport>(mut shell: Box<Shell<T>>) {
    let reason = poll_fn(|cx| shell.poll(cx)).await;
    shell.session.finish(reason, SystemTime::now());
    let goodbye = poll_fn(|cx| shell.transport.poll_shutdown(cx));
    let _ = Box::pin(tokio::time::timeout(CLOSE_FLUSH_MAX, goodbye)).await;
}

struct Shell<T> {
    session: Session,
    transport: T,
    flush: Flush,
    timer: Pin<Box<Sleep>>,
    /// What the timer is set to; `None` when it has fired.
    timer_at: Option<Instant>,
    check: Option<RunningCheck>,
    /// When a closing connection stops waiting for its last bytes to leave.
    close_by: Option<Instant>,
}

impl<T: Transport> Shell<T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ClosedReason> {
        self.session.shared().receiver.outbox.set_owner(cx.waker());
        let now = Instant::now();
        self.session.run_commands(now);
        if self.timer_at.is_none_or(|at| at <= now) {
            self.timer_at = None;
            self.session.on_time(now);
        }
        self.poll_check(cx, now);
        let (ended, resume_at) = self.read(cx, now);
        if let Some(reason) = self.write(cx, now) {
            return Poll::Ready(reason);
        }
        if let Some(reason) = ended {
            return Poll::Ready(reason);
        }
        if let Some(reason) = self.session.closing() {
            let by = *self.close_by.get_or_insert(now + CLOSE_FLUSH_MAX);
            let empty = self.session.shared().receiver.outbox.pending() == 0;
            if empty || now >= by {
                return Poll::Ready(reason);
            }
        }
        self.arm(cx, resume_at)
    }

    /// Reads until nothing is there, the turn is over, or input has to wait. Yields why the connection ended, or until when
    /// reading has to wait.
    fn read(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
    ) -> (Option<ClosedReason>, Option<Instant>) {
        for turn in 0..=READS_PER_TURN {
            if self.session.closing().is_some() {
                return (None, None);
            }
            if let Some(until) = self.session.waits(now, cx.waker()) {
                return (None, until);
            }
            if turn == READS_PER_TURN {
                cx.waker().wake_by_ref();
                break;
            }
            let transport = &mut self.transport;
            match self
                .session
                .read_cycle(now, |buf| transport.poll_read(cx, buf))
            {
                Turn::Read(_) => self.poll_check(cx, now),
                Turn::Blocked => break,
                Turn::Eof => return (Some(ClosedReason::ClientClosed), None),
                Turn::Failed(_) => return (Some(ClosedReason::ReadError), None),
            }
        }
        (None, None)
    }

    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Option<ClosedReason> {
        let receiver = self.session.shared().receiver.clone();
        let transport = &mut self.transport;
        match self
            .flush
            .run(&receiver, now, |bufs| transport.poll_write(cx, bufs))
        {
            // Bytes inside of the transport have no deadline of their own: the next message or PING behind them gets one.
            Flushed::Done => match self.transport.poll_flush(cx) {
                Poll::Ready(Err(_)) => Some(ClosedReason::WriteError),
                Poll::Ready(Ok(())) | Poll::Pending => None,
            },
            Flushed::Failed(_) => Some(ClosedReason::WriteError),
            Flushed::Blocked => {
                let allowed = self.session.write_deadline();
                let late = self.flush.deadline(allowed).is_some_and(|d| d <= now);
                late.then_some(ClosedReason::SlowConsumerWriteDeadline)
            }
        }
    }

    /// Starts and collects password checks, which may block for a tenth of a second.
    fn poll_check(&mut self, cx: &mut Context<'_>, now: Instant) {
        if let Some(check) = self.session.take_slow_check() {
            self.check = Some(RunningCheck::start(check));
        }
        let Some(running) = &mut self.check else {
            return;
        };
        if let Poll::Ready(result) = Pin::new(running).poll(cx) {
            self.check = None;
            self.session.checked(result, now);
        }
    }

    /// Sets the timer to the next thing to do.
    fn arm(&mut self, cx: &mut Context<'_>, resume_at: Option<Instant>) -> Poll<ClosedReason> {
        let write_by = self.flush.deadline(self.session.write_deadline());
        let next = [
            self.session.next_deadline(),
            write_by,
            resume_at,
            self.close_by,
        ]
        .into_iter()
        .flatten()
        .min();
        let Some(next) = next else {
            return Poll::Pending;
        };
        // A timer that fires too early is set again then; only one that would fire too late is moved.
        if self.timer_at.is_none_or(|at| next < at) {
            self.timer.as_mut().reset(next.into());
            self.timer_at = Some(next);
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            self.timer_at = None;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
