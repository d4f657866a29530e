//! Publishers to receivers, as fast as the server takes it.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{Outcome, Run, SETTLE, clocked};
use crate::cases::{Stream, Subjects};
use crate::connection::{PATIENCE, Readable, Stall, connect, read_some, send_and_flush};
use crate::metric::{Metric, Sample};
use crate::process::Server;
use crate::wire::{Counter, NUMBERED_MAX, Outgoing, Shape};

/// What one read takes at most. Larger than a loopback socket usually holds.
const READ_BYTES: usize = 256 * 1024;
/// A publisher that is too far ahead looks again after this time.
const AHEAD_PAUSE: Duration = Duration::from_micros(200);
/// Churn comes in ticks.
const CHURN_TICK: Duration = Duration::from_millis(10);
/// A churned subscription lives for this many ticks.
const CHURN_LIFE_TICKS: u64 = 10;
/// Caches, heaps and socket buffers reach their size before the clock starts.
const WARM_UP: Duration = Duration::from_millis(300);

struct Publisher {
    socket: TcpStream,
    outgoing: Outgoing,
}

struct Receiver {
    socket: TcpStream,
    counter: Counter,
}

/// What the threads of one phase tell each other.
struct Progress {
    published: AtomicU64,
    delivered: AtomicU64,
    /// How many deliveries there will be; `u64::MAX` while publishers still run.
    expected: AtomicU64,
    failed: AtomicBool,
}

pub fn run(stream: &Stream, server: &Server, run: Run, sample: &mut Sample) -> Result<()> {
    let shape = Shape {
        payload_bytes: stream.payload_bytes,
        numbered: match stream.subjects {
            Subjects::One => None,
            Subjects::Numbered(count) => Some(count.min(NUMBERED_MAX)),
        },
    };
    let mut receivers = subscribe(stream, &shape, server, run, sample)?;
    let mut publishers = (0..stream.publishers)
        .map(|number| {
            Ok(Publisher {
                socket: connect(server.address())?,
                outgoing: Outgoing::new(&shape, number as u16, run.verify),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let mut churner = match stream.churn_per_second {
        0 => None,
        per_second => Some(Churner::new(server, per_second)?),
    };
    phase(
        stream,
        &mut publishers,
        &mut receivers,
        churner.as_mut(),
        WARM_UP.min(run.length),
    )
    .context("in the warm-up")?;
    let churned_before = churner.as_ref().map_or(0, |churner| churner.gone);
    clocked(server, sample, || {
        phase(
            stream,
            &mut publishers,
            &mut receivers,
            churner.as_mut(),
            run.length,
        )
    })?;
    if let (Some(churner), Some(seconds)) = (&churner, sample.value(Metric::Seconds)) {
        let gone = churner.gone - churned_before;
        sample.set(Metric::ChurnPerSecond, gone as f64 / seconds);
    }
    Ok(())
}

fn subscribe(
    stream: &Stream,
    shape: &Shape,
    server: &Server,
    run: Run,
    sample: &mut Sample,
) -> Result<Vec<Receiver>> {
    let queue = stream.queue_group.then_some("workers");
    let lines = shape.subscriptions(queue);
    let mut sockets = (0..stream.receivers)
        .map(|_| connect(server.address()))
        .collect::<Result<Vec<_>>>()?;
    let per_subscription = shape.numbered.is_some();
    let mut rss_before = 0;
    if per_subscription {
        thread::sleep(SETTLE);
        rss_before = server.rss_bytes()?;
    }
    for socket in &mut sockets {
        send_and_flush(socket, lines.as_bytes())?;
    }
    if let Some(count) = shape.numbered {
        thread::sleep(SETTLE);
        let grown = server.rss_bytes()?.saturating_sub(rss_before);
        let subscriptions = f64::from(count) * sockets.len() as f64;
        sample.set(
            Metric::RssBytesPerSubscription,
            grown as f64 / subscriptions,
        );
    }
    Ok(sockets
        .into_iter()
        .map(|socket| {
            let mut counter = Counter::new(shape);
            if run.verify {
                counter = counter.verify(shape, stream.publishers, stream.queue_group);
            }
            Receiver { socket, counter }
        })
        .collect())
}

/// Publishes for `length`, then waits until all is delivered. The time runs to the last delivery and
/// to the last publisher's PONG, so nothing that is still queued counts as done.
fn phase(
    stream: &Stream,
    publishers: &mut [Publisher],
    receivers: &mut [Receiver],
    churner: Option<&mut Churner>,
    length: Duration,
) -> Result<Outcome> {
    let copies = match (stream.queue_group, stream.receivers) {
        (_, 0) => 0,
        (true, _) => 1,
        (false, receivers) => receivers as u64,
    };
    let progress = Progress {
        published: AtomicU64::new(0),
        delivered: AtomicU64::new(0),
        expected: AtomicU64::new(u64::MAX),
        failed: AtomicBool::new(false),
    };
    let began = Instant::now();
    let deadline = began + length;
    let (flushed, last) = thread::scope(|scope| {
        let progress = &progress;
        let reader = scope.spawn(move || progress.guard(|| receive(receivers, progress)));
        let writers: Vec<_> = publishers
            .iter_mut()
            .map(|publisher| {
                scope.spawn(move || {
                    progress.guard(|| publish(publisher, stream, copies, progress, deadline))
                })
            })
            .collect();
        let churning = churner.map(|churner| scope.spawn(|| churner.churn(deadline)));
        let mut written = Vec::new();
        for writer in writers {
            written.push(joined(writer));
        }
        let flushed = Instant::now();
        let expected = progress.published.load(Ordering::Relaxed) * copies;
        progress.expected.store(expected, Ordering::Relaxed);
        let read = joined(reader);
        let churned = churning.map_or(Ok(()), joined);
        // A reader's failure is mostly the cause of a writer's.
        let last = read?;
        written.into_iter().collect::<Result<Vec<()>>>()?;
        churned?;
        anyhow::Ok((flushed, last))
    })?;
    let published = progress.published.load(Ordering::Relaxed);
    let end = last.map_or(flushed, |last| last.max(flushed));
    Ok(Outcome {
        done: published * copies.max(1),
        took: end - began,
    })
}

impl Progress {
    /// Lets the other threads know when `work` fails, so that none waits for it.
    fn guard<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let result = work();
        if result.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(anyhow!("a thread of the generator panicked")))
}

fn publish(
    publisher: &mut Publisher,
    stream: &Stream,
    copies: u64,
    progress: &Progress,
    deadline: Instant,
) -> Result<()> {
    while Instant::now() < deadline && !progress.failed.load(Ordering::Relaxed) {
        if let Some(in_flight_max) = stream.in_flight_max {
            let published = progress.published.load(Ordering::Relaxed) * copies;
            if published > progress.delivered.load(Ordering::Relaxed) + in_flight_max {
                thread::sleep(AHEAD_PAUSE);
                continue;
            }
        }
        let (batch, messages) = publisher.outgoing.advance();
        publisher
            .socket
            .write_all(batch)
            .context("publishing: the server takes no more")?;
        progress.published.fetch_add(messages, Ordering::Relaxed);
    }
    send_and_flush(&mut publisher.socket, b"").context("after the last publish")
}

/// Returns when everything has arrived, with the time of the last delivery.
fn receive(receivers: &mut [Receiver], progress: &Progress) -> Result<Option<Instant>> {
    if receivers.is_empty() {
        return Ok(None);
    }
    let before = total(receivers);
    let mut readable = Readable::watch(receivers.iter().map(|receiver| &receiver.socket))?;
    let mut buffer = vec![0u8; READ_BYTES];
    let mut delivered = 0;
    let mut last = Instant::now();
    let mut stall = Stall::new();
    loop {
        for place in readable.wait()? {
            let receiver = &mut receivers[*place];
            let Some(bytes) = read_some(&mut receiver.socket, &mut buffer)? else {
                continue;
            };
            let messages = receiver.counter.messages();
            receiver.counter.feed(bytes)?;
            delivered += receiver.counter.messages() - messages;
            for _ in 0..receiver.counter.take_pings() {
                receiver.socket.write_all(b"PONG\r\n")?;
            }
            last = Instant::now();
            stall.progress(last);
        }
        progress.delivered.store(delivered, Ordering::Relaxed);
        let expected = progress.expected.load(Ordering::Relaxed);
        if delivered == expected {
            ensure!(delivered == total(receivers) - before, "miscounted");
            return Ok(Some(last));
        }
        ensure!(
            delivered < expected,
            "the server delivered {delivered} messages, but only {expected} were due"
        );
        if stall.check() {
            bail!(
                "{delivered} of {} messages arrived, then nothing more for {PATIENCE:?}",
                if expected == u64::MAX {
                    "?".to_owned()
                } else {
                    expected.to_string()
                }
            );
        }
        if progress.failed.load(Ordering::Relaxed) {
            return Ok(Some(last));
        }
    }
}

fn total(receivers: &[Receiver]) -> u64 {
    receivers.iter().map(|r| r.counter.messages()).sum()
}

/// A connection whose subscriptions come and go.
struct Churner {
    socket: TcpStream,
    per_tick: u64,
    tick: u64,
    /// How many have come and gone.
    gone: u64,
}

impl Churner {
    fn new(server: &Server, per_second: u32) -> Result<Churner> {
        let per_tick = u64::from(per_second) * CHURN_TICK.as_millis() as u64 / 1000;
        ensure!(per_tick > 0, "churn below one per tick");
        Ok(Churner {
            socket: connect(server.address())?,
            per_tick,
            tick: 0,
            gone: 0,
        })
    }

    /// Until `deadline`, at an even pace; late ticks are caught up.
    fn churn(&mut self, deadline: Instant) -> Result<()> {
        let mut due = Instant::now();
        while due < deadline {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.tick_once()?;
            due += CHURN_TICK;
        }
        Ok(())
    }

    fn tick_once(&mut self) -> Result<()> {
        let mut lines = String::new();
        let first = self.tick * self.per_tick;
        for number in first..first + self.per_tick {
            lines.push_str(&format!("SUB churn.{number} {number}\r\n"));
        }
        if let Some(old) = self.tick.checked_sub(CHURN_LIFE_TICKS) {
            let first = old * self.per_tick;
            for number in first..first + self.per_tick {
                lines.push_str(&format!("UNSUB {number}\r\n"));
            }
            self.gone += self.per_tick;
        }
        self.tick += 1;
        // The flush makes sure that the server keeps up with the churn and does not just queue it.
        send_and_flush(&mut self.socket, lines.as_bytes()).context("churning subscriptions")
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SHAPE: Shape = Shape {
        payload_bytes: 16,
        numbered: None,
    };

    /// What `receive` says to a server that sends `bytes` and closes, when `expected` messages are due.
    fn received(bytes: &[u8], expected: u64) -> Result<Option<Instant>> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let socket = TcpStream::connect(address).expect("connect");
        let (mut server, _) = listener.accept().expect("accept");
        server.write_all(bytes).expect("send");
        drop(server);
        let mut receivers = [Receiver {
            socket,
            counter: Counter::new(&SHAPE),
        }];
        let progress = Progress {
            published: AtomicU64::new(expected),
            delivered: AtomicU64::new(0),
            expected: AtomicU64::new(expected),
            failed: AtomicBool::new(false),
        };
        receive(&mut receivers, &progress)
    }

    const TWO: &[u8] =
        b"MSG bench.subject 1 16\r\n0123456789abcdef\r\nMSG bench.subject 1 16\r\n0123456789abcdef\r\n";

    #[test]
    fn all_that_is_due_ends_the_run() {
        assert!(received(TWO, 2).expect("complete").is_some());
    }

    #[test]
    fn a_connection_that_is_cut_off_early_fails_the_run() {
        let failure = received(TWO, 3).unwrap_err();
        assert!(failure.to_string().contains("slow consumer?"), "{failure}");
    }

    #[test]
    fn more_than_was_published_fails_the_run() {
        let failure = received(TWO, 1).unwrap_err();
        assert!(failure.to_string().contains("only 1 were due"), "{failure}");
    }

    #[test]
    fn an_error_from_the_server_fails_the_run() {
        let failure = received(b"-ERR 'Slow Consumer'\r\n", 1).unwrap_err();
        assert!(failure.to_string().contains("Slow Consumer"), "{failure}");
    }
}
