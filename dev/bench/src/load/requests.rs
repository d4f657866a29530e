//! Request and reply: each client has one request on its way at any time.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use hdrhistogram::Histogram;

use super::{Outcome, Run, clocked};
use crate::cases::Requests;
use crate::connection::{PATIENCE, Readable, Stall, connect, read_some, send_and_flush};
use crate::metric::{Metric, Sample};
use crate::process::Server;
use crate::wire::{Splitter, Unit, excerpt, is_ping};

const SERVICE: &str = "bench.service";
const READ_BYTES: usize = 64 * 1024;
const WARM_UP: Duration = Duration::from_millis(300);
/// Bytes of every reply subject: `_INBOX.cccccc.ssssssssss`.
const REPLY_BYTES: usize = 7 + 6 + 1 + 10;

pub fn run(requests: &Requests, server: &Server, run: Run, sample: &mut Sample) -> Result<()> {
    let payload = vec![b'r'; requests.payload_bytes];
    let mut service = Service::connect(server, &payload)?;
    let mut clients = (0..requests.clients)
        .map(|number| Client::connect(server, number, &payload))
        .collect::<Result<Vec<_>>>()?;
    let stop = AtomicBool::new(false);
    let mut latencies = histogram()?;
    thread::scope(|scope| {
        let stop = &stop;
        let answering = scope.spawn(move || service.answer(stop));
        let asked = (|| {
            drive(&mut clients, WARM_UP.min(run.length), &mut histogram()?)
                .context("in the warm-up")?;
            clocked(server, sample, || {
                drive(&mut clients, run.length, &mut latencies)
            })
        })();
        stop.store(true, Ordering::Relaxed);
        let answered = answering
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the service thread panicked")));
        answered.and(asked)
    })?;
    let us = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    sample.set(Metric::LatencyP50Us, us(0.5));
    sample.set(Metric::LatencyP99Us, us(0.99));
    Ok(())
}

/// In nanoseconds, to three digits.
fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new(3)?)
}

struct Client {
    socket: TcpStream,
    splitter: Splitter,
    /// `PUB bench.service _INBOX.cccccc.ssssssssss 128` and the payload; the number is rewritten.
    request: Vec<u8>,
    /// The delivery that answers it.
    answer: Vec<u8>,
    sequence: u64,
    /// When the request on its way was sent; none while idle.
    asked: Option<Instant>,
}

impl Client {
    fn connect(server: &Server, number: usize, payload: &[u8]) -> Result<Client> {
        let mut socket = connect(server.address())?;
        let inbox = format!("_INBOX.{number:06}");
        send_and_flush(&mut socket, format!("SUB {inbox}.* 1\r\n").as_bytes())?;
        let size = payload.len();
        let request = framed(
            &format!("PUB {SERVICE} {inbox}.0000000000 {size}\r\n"),
            payload,
        );
        let answer = framed(&format!("MSG {inbox}.0000000000 1 {size}\r\n"), payload);
        Ok(Client {
            socket,
            splitter: Splitter::new(answer.len()),
            request,
            answer,
            sequence: 0,
            asked: None,
        })
    }

    fn ask(&mut self) -> Result<()> {
        self.sequence += 1;
        let digits = format!("{:010}", self.sequence);
        let number_at = REPLY_BYTES - 10;
        let (verb, service) = ("PUB ".len(), SERVICE.len() + 1);
        let at = verb + service + number_at;
        self.request[at..at + 10].copy_from_slice(digits.as_bytes());
        let at = verb + number_at;
        self.answer[at..at + 10].copy_from_slice(digits.as_bytes());
        self.asked = Some(Instant::now());
        self.socket.write_all(&self.request).context("asking")
    }

    /// Takes what came; returns the latency if it was the answer.
    fn take(&mut self, bytes: &[u8], now: Instant) -> Result<Option<Duration>> {
        let (answer, asked) = (&self.answer, &mut self.asked);
        let mut pings = 0;
        let mut latency = None;
        self.splitter.feed(bytes, |unit| {
            match unit {
                Unit::Line(line) => pings += u64::from(is_ping(line)?),
                Unit::Message(message) => {
                    ensure!(
                        message == answer,
                        "the answer should be {}, but the server sent {}",
                        excerpt(answer),
                        excerpt(message)
                    );
                    let since = asked.take().context("an answer came twice")?;
                    latency = Some(now - since);
                }
            }
            Ok(())
        })?;
        for _ in 0..pings {
            self.socket.write_all(b"PONG\r\n")?;
        }
        Ok(latency)
    }
}

/// Keeps every client busy for `length`, then lets the last answers come in.
fn drive(
    clients: &mut [Client],
    length: Duration,
    latencies: &mut Histogram<u64>,
) -> Result<Outcome> {
    let mut readable = Readable::watch(clients.iter().map(|client| &client.socket))?;
    let mut buffer = vec![0u8; READ_BYTES];
    let mut stall = Stall::new();
    let began = Instant::now();
    let mut done = 0;
    for client in clients.iter_mut() {
        client.ask()?;
    }
    let mut busy = clients.len();
    let mut now = began;
    while busy > 0 {
        for place in readable.wait()? {
            let client = &mut clients[*place];
            let Some(bytes) = read_some(&mut client.socket, &mut buffer)? else {
                continue;
            };
            now = Instant::now();
            stall.progress(now);
            if let Some(latency) = client.take(bytes, now)? {
                latencies.record(latency.as_nanos() as u64)?;
                done += 1;
                if now - began < length {
                    client.ask()?;
                } else {
                    busy -= 1;
                }
            }
        }
        if stall.check() {
            bail!("after {done} answers none came for {PATIENCE:?}");
        }
    }
    Ok(Outcome {
        done,
        took: now - began,
    })
}

/// The one that answers, with the payload of the request.
struct Service {
    socket: TcpStream,
    splitter: Splitter,
    head: Vec<u8>,
    message_bytes: usize,
    payload_bytes: usize,
}

impl Service {
    fn connect(server: &Server, payload: &[u8]) -> Result<Service> {
        let mut socket = connect(server.address())?;
        send_and_flush(&mut socket, format!("SUB {SERVICE} 1\r\n").as_bytes())?;
        let head = format!("MSG {SERVICE} 1 ").into_bytes();
        let size = payload.len();
        let message_bytes = head.len() + REPLY_BYTES + format!(" {size}\r\n").len() + size + 2;
        Ok(Service {
            socket,
            splitter: Splitter::new(message_bytes),
            head,
            message_bytes,
            payload_bytes: size,
        })
    }

    fn answer(&mut self, stop: &AtomicBool) -> Result<()> {
        Readable::watch([&self.socket].into_iter())?;
        let mut buffer = vec![0u8; READ_BYTES];
        let mut replies = Vec::with_capacity(READ_BYTES);
        while !stop.load(Ordering::Relaxed) {
            let Some(bytes) = read_some(&mut self.socket, &mut buffer)? else {
                continue;
            };
            replies.clear();
            let (head, total, payload) = (&self.head, self.message_bytes, self.payload_bytes);
            self.splitter.feed(bytes, |unit| {
                match unit {
                    Unit::Line(line) => {
                        if is_ping(line)? {
                            replies.extend_from_slice(b"PONG\r\n");
                        }
                    }
                    Unit::Message(message) => {
                        ensure!(
                            message.starts_with(head) && message.ends_with(b"\r\n"),
                            "not a request: {}",
                            excerpt(message)
                        );
                        // What follows the reply subject is the same in the answer.
                        let tail = &message[head.len()..];
                        debug_assert_eq!(tail.len(), total - head.len());
                        debug_assert!(tail.len() > REPLY_BYTES + payload);
                        replies.extend_from_slice(b"PUB ");
                        replies.extend_from_slice(tail);
                    }
                }
                Ok(())
            })?;
            self.socket.write_all(&replies).context("answering")?;
        }
        Ok(())
    }
}

fn framed(head: &str, payload: &[u8]) -> Vec<u8> {
    [head.as_bytes(), payload, b"\r\n"].concat()
}
