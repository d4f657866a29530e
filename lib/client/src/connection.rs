//! The task that owns the socket of a client: it reads, parses, hands messages over, writes what publishers left, keeps
//! the connection alive, and looks for another server when it is lost.
//!
//! One task does both directions (a reader and a writer task would wake each other). It holds no lock while it reads or
//! writes. States: *serving* (here), *looking for a server* ([`crate::reconnect`]), *closed*.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use nats_proto::info::ServerInfo;
use nats_proto::server_op::{self, Delivery, ServerOp, Step};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep};

use crate::connector::Established;
use crate::error::{Lost, ServerError};
use crate::events::Event;
use crate::limits;
use crate::message::Message;
use crate::outbox::Taken;
use crate::pool::Pool;
use crate::registry::Entry;
use crate::shared::Shared;
use crate::stats::Counters;
use crate::stream::Stream;
use crate::trace;

/// How serving ended.
pub(crate) enum Ending {
    /// Everything is written; the client is to be closed.
    Closed,
    Lost(Lost),
}

/// How far writing came.
enum Wrote {
    /// The client is closing and everything is written, or its time is over.
    All,
    /// There may be more, but others shall have their turn.
    Enough,
}

/// One connection while it serves.
pub(crate) struct Connection<'a> {
    shared: &'a Arc<Shared>,
    pool: &'a mut Pool,
    url: String,
    stream: Stream,
    read: BytesMut,
    /// Parsing makes sense when `read` holds this many bytes.
    need: usize,
    read_room: usize,
    limits: server_op::Limits,
    chunk: Vec<u8>,
    written: usize,
    needs_flush: bool,
    run: Run,
    ping: Interval,
    pings_outstanding: u32,
    last_error: Option<ServerError>,
    lame_duck_seen: bool,
    /// Set when the client closes while the socket is full.
    close_deadline: Option<Pin<Box<Sleep>>>,
}

/// Messages of one subscription that are handed over together.
#[derive(Default)]
struct Run {
    entry: Option<Arc<Entry>>,
    /// The subscription id of `entry`, also when there is none.
    sid: u64,
    messages: Vec<Message>,
    in_msgs: u64,
    in_bytes: u64,
}

impl<'a> Connection<'a> {
    pub(crate) fn new(
        shared: &'a Arc<Shared>,
        pool: &'a mut Pool,
        established: Established,
    ) -> Self {
        let interval = shared.options.ping_interval;
        let mut ping = tokio::time::interval_at(Instant::now() + interval, interval);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let url = pool
            .current()
            .map(|server| server.url.to_string())
            .unwrap_or_default();
        shared.set_tls(established.tls);
        shared.set_address(established.address);
        Self {
            shared,
            pool,
            url,
            stream: established.stream,
            read: established.read,
            need: 0,
            read_room: limits::READ_BYTES_MIN,
            limits: server_op::Limits::default(),
            chunk: Vec::new(),
            written: 0,
            needs_flush: false,
            run: Run::default(),
            ping,
            pings_outstanding: 0,
            last_error: None,
            lame_duck_seen: false,
            close_deadline: None,
        }
    }

    /// Serves until the connection ends. Returns how, and what of the write buffer did not reach the socket stays in
    /// the outbox.
    pub(crate) async fn serve(mut self, info: ServerInfo) -> Ending {
        self.learn(info);
        self.shared.up(&self.url);
        let ending = match self.process() {
            Ok(()) => std::future::poll_fn(|cx| self.poll(cx)).await,
            Err(lost) => Ending::Lost(lost),
        };
        if matches!(ending, Ending::Closed) {
            let closing = tokio::io::AsyncWriteExt::shutdown(&mut self.stream);
            let _ = tokio::time::timeout(limits::CLOSE_TIMEOUT, closing).await;
            return ending;
        }
        let lost = self.shared.outbox.disconnected(&self.chunk, self.written);
        Counters::add(&self.shared.counters.lost_in_flight, lost);
        match (ending, self.last_error) {
            // The text that the server sent before it closed says more than the end of the stream.
            (Ending::Lost(Lost::Eof | Lost::Io(_)), Some(error)) => {
                Ending::Lost(Lost::Server(error))
            }
            (ending, _) => ending,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        if self.shared.take_forced_reconnect() {
            return Poll::Ready(Ending::Lost(Lost::Forced));
        }
        if let Err(lost) = self.poll_keep_alive(cx) {
            return Poll::Ready(Ending::Lost(lost));
        }
        let more_to_read = match self.poll_read(cx) {
            Poll::Ready(Err(lost)) => return Poll::Ready(Ending::Lost(lost)),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        match self.poll_write(cx) {
            Poll::Ready(Ok(Wrote::All)) => return Poll::Ready(Ending::Closed),
            Poll::Ready(Err(lost)) => return Poll::Ready(Ending::Lost(lost)),
            Poll::Ready(Ok(Wrote::Enough)) => cx.waker().wake_by_ref(),
            Poll::Pending if more_to_read => cx.waker().wake_by_ref(),
            Poll::Pending => {}
        }
        Poll::Pending
    }

    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Result<(), Lost> {
        while self.ping.poll_tick(cx).is_ready() {
            self.pings_outstanding += 1;
            if self.pings_outstanding > self.shared.options.pings_outstanding_max {
                return Err(Lost::Stale(self.shared.options.pings_outstanding_max));
            }
            self.shared.outbox.keep_alive();
        }
        Ok(())
    }

    /// Reads and processes until the socket has no more. Ready when it may have more but the other direction, and other
    /// tasks, shall have their turn.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        for _ in 0..limits::IO_PER_TURN {
            let count = ready!(self.poll_fill(cx)).map_err(|e| Lost::Io(e.to_string()))?;
            if count == 0 {
                return Poll::Ready(Err(Lost::Eof));
            }
            // Any byte is a sign of life, not only the PONG.
            self.pings_outstanding = 0;
            if self.read.len() >= self.need {
                self.process()?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let missing = self.need.saturating_sub(self.read.len());
        if self.read.capacity() - self.read.len() < self.read_room / 4 {
            // A large message doubles the buffer as its bytes arrive: a size in a frame alone reserves little.
            let room = missing.min(self.read.len().max(self.read_room));
            self.read.reserve(room.max(self.read_room));
        }
        let room = limits::READ_BYTES_MAX.max(missing);
        let mut target = (&mut self.read).limit(room);
        let filling = self.stream.read_buf(&mut target);
        let count = ready!(pin!(filling).poll(cx))?;
        if count >= self.read_room && self.read_room < limits::READ_BYTES_MAX {
            self.read_room *= 2;
        } else if count < self.read_room / 8 && self.read_room > limits::READ_BYTES_MIN {
            self.read_room /= 2;
        }
        Poll::Ready(Ok(count))
    }

    /// Parses all whole operations in the read buffer and hands messages over.
    fn process(&mut self) -> Result<(), Lost> {
        let result = self.process_ops();
        self.hand_over();
        Counters::add(&self.shared.counters.in_msgs, self.run.in_msgs);
        Counters::add(&self.shared.counters.in_bytes, self.run.in_bytes);
        self.run.in_msgs = 0;
        self.run.in_bytes = 0;
        self.run.entry = None;
        self.run.sid = 0;
        result
    }

    fn process_ops(&mut self) -> Result<(), Lost> {
        loop {
            if self.read.is_empty() {
                self.need = 1;
                return Ok(());
            }
            let step = server_op::parse(&self.read, &self.limits)?;
            if let (Some(trace), Step::Op(..)) = (&self.shared.options.trace, &step) {
                trace::incoming(trace, &self.read);
            }
            match step {
                Step::Incomplete { need } => {
                    self.need = need;
                    return Ok(());
                }
                Step::Op(ServerOp::Message(delivery), len) => self.message(&delivery, len),
                Step::Op(op, len) => {
                    // Order matters: a PONG answers after the messages in front of it.
                    self.hand_over();
                    self.other(op)?;
                    self.read.advance(len);
                }
            }
        }
    }

    #[inline]
    fn message(&mut self, delivery: &Delivery, len: usize) {
        if self.run.sid != delivery.sid || self.run.messages.len() >= limits::RUN_MESSAGES {
            self.hand_over();
            self.run.sid = delivery.sid;
            self.run.entry = self.shared.registry.find(delivery.sid);
        }
        self.run.in_msgs += 1;
        if self.run.entry.is_none() {
            // Unsubscribed while it was under way.
            self.run.in_bytes += len as u64;
            self.read.advance(len);
            return;
        }
        let frame = self.read.split_to(len).freeze();
        let message = Message::from_frame(frame, delivery);
        self.run.in_bytes += message.size() as u64;
        self.run.messages.push(message);
    }

    /// Gives the collected run to its subscription.
    fn hand_over(&mut self) {
        if self.run.messages.is_empty() {
            return;
        }
        let Some(entry) = &self.run.entry else {
            self.run.messages.clear();
            return;
        };
        let handed = entry.deliver(&mut self.run.messages);
        Counters::add(&self.shared.counters.dropped, handed.dropped);
        if handed.became_slow {
            self.shared.events.emit(Event::SlowConsumer {
                sid: entry.sid,
                subject: entry.subject.clone(),
                dropped: entry.dropped(),
            });
        }
        if handed.finished {
            // The server has forgotten it already.
            self.shared.registry.remove(entry.sid);
            entry.end();
            self.run.entry = None;
        }
    }

    fn other(&mut self, op: ServerOp) -> Result<(), Lost> {
        match op {
            ServerOp::Ping => self.shared.outbox.answer_ping(),
            ServerOp::Pong => self.shared.outbox.pong_arrived(),
            ServerOp::Ok | ServerOp::Message(_) => {}
            ServerOp::Info(range) => {
                let document = self.read.get(range).unwrap_or_default();
                match serde_json::from_slice(document) {
                    Ok(info) => self.learn(info),
                    Err(error) => return Err(Lost::Io(format!("bad INFO: {error}"))),
                }
            }
            ServerOp::Err(range) => {
                let text = String::from_utf8_lossy(self.read.get(range).unwrap_or_default());
                let error = ServerError::from_text(&text);
                self.shared.server_error(&error);
                self.last_error = Some(error);
            }
        }
        Ok(())
    }

    /// Takes over what an INFO says.
    fn learn(&mut self, info: ServerInfo) {
        self.shared.outbox.with(|state| {
            state.max_payload = usize::try_from(info.max_payload)
                .ok()
                .filter(|max| *max > 0)
                .unwrap_or(usize::MAX);
            state.headers_supported = info.headers;
        });
        if !self.shared.options.ignore_discovered {
            let urls = self
                .pool
                .merge_discovered(&info.connect_urls, self.stream.is_tls());
            if !urls.is_empty() {
                self.shared.events.emit(Event::DiscoveredServers { urls });
            }
        }
        if info.ldm && !self.lame_duck_seen {
            self.lame_duck_seen = true;
            let url = self.url.clone();
            self.shared.events.emit(Event::LameDuck { url });
        }
        self.shared.set_info(info);
    }

    /// Writes until nothing is left, the socket is full, or the other direction shall have its turn.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<Wrote, Lost>> {
        let broken = |error: std::io::Error| Lost::Io(error.to_string());
        for _ in 0..limits::IO_PER_TURN {
            if self.written == self.chunk.len() {
                self.chunk.clear();
                self.written = 0;
                let taken = self.shared.outbox.take(&mut self.chunk, cx);
                if taken != Taken::Bytes {
                    if self.needs_flush {
                        ready!(Pin::new(&mut self.stream).poll_flush(cx)).map_err(broken)?;
                        self.needs_flush = false;
                    }
                    return match taken {
                        Taken::End => Poll::Ready(Ok(Wrote::All)),
                        _ => Poll::Pending,
                    };
                }
                if let Some(trace) = &self.shared.options.trace {
                    trace::outgoing(trace, &self.chunk);
                }
            }
            let rest = self.chunk.get(self.written..).unwrap_or_default();
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Lost::Eof)),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.needs_flush = self.stream.is_tls();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(broken(error))),
                Poll::Pending if self.shared.outbox.note_owner(cx) => {
                    return self.poll_close_deadline(cx);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(Wrote::Enough))
    }

    /// A closing client does not wait for ever for a server that stopped reading.
    fn poll_close_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<Wrote, Lost>> {
        let deadline = self
            .close_deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limits::CLOSE_TIMEOUT)));
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Ok(Wrote::All))
    }
}
