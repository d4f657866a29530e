//! JetStream: publishing with a window and one by one, pulling, memory, and coming back after kill -9.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;

use super::{Outcome, Run, clocked};
use crate::cases::{JetStream, JsWork, Pulled};
use crate::connection::{LOOK_UP, PATIENCE, Stall, connect, read_some, send_and_flush};
use crate::frames::{Frames, Incoming, number};
use crate::metric::{Metric, Sample};
use crate::process::Server;
use crate::wire::excerpt;

const STREAM: &str = "BENCH";
const SUBJECT: &str = "bench.js";
const CONSUMER: &str = "PULL";
const READ_BYTES: usize = 256 * 1024;
const WARM_UP: Duration = Duration::from_millis(300);
/// Messages that the generator prepares as one write at most.
const BURST_MAX: u64 = 500;
/// What was written stays in memory for a while in both servers, in case somebody reads it; that is not what holding it costs.
const CACHES_EMPTY: Duration = Duration::from_secs(15);
/// Window while a stream is filled before the measured part.
const FILL_WINDOW: u64 = 10_000;

pub fn run(case: &JetStream, server: &mut Server, run: Run, sample: &mut Sample) -> Result<()> {
    let mut client = Client::connect(server)?;
    client.create_stream(case)?;
    match case.work {
        JsWork::Publish { window: 1 } => one_by_one(&mut client, case, server, run, sample),
        JsWork::Publish { window } => {
            let mut publisher = Publisher::new(case.payload_bytes);
            publisher.publish_for(&mut client, WARM_UP.min(run.length), window)?;
            clocked(server, sample, || {
                publisher.publish_for(&mut client, run.length, window)
            })?;
            client.expect_messages(publisher.published)
        }
        JsWork::Pull(pulled) => pull(&mut client, case, pulled, server, sample),
        JsWork::Held { messages } => {
            Publisher::new(case.payload_bytes).publish(&mut client, messages, FILL_WINDOW)?;
            client.expect_messages(messages)?;
            std::thread::sleep(CACHES_EMPTY);
            sample.set(Metric::HeldRssBytes, server.rss_bytes()? as f64);
            Ok(())
        }
        JsWork::Recover { messages } => {
            Publisher::new(case.payload_bytes).publish(&mut client, messages, FILL_WINDOW)?;
            client.expect_messages(messages)?;
            let took = server.kill_and_start()?;
            Client::connect(server)?.expect_messages(messages)?;
            sample.set(Metric::RecoveryMs, took.as_secs_f64() * 1000.0);
            sample.set(Metric::HeldRssBytes, server.rss_bytes()? as f64);
            Ok(())
        }
    }
}

/// A connection that asks the JetStream API and reads messages.
struct Client {
    socket: TcpStream,
    frames: Frames,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(server: &Server) -> Result<Client> {
        let mut socket = connect(server.address())?;
        send_and_flush(&mut socket, b"SUB _INBOX.api 1\r\nSUB _INBOX.js.* 2\r\n")?;
        socket.set_read_timeout(Some(LOOK_UP))?;
        Ok(Client {
            socket,
            frames: Frames::default(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Reads what is there, for at most [`LOOK_UP`]; whether anything came.
    fn take(&mut self, each: impl FnMut(Incoming<'_>) -> Result<()>) -> Result<bool> {
        let Some(bytes) = read_some(&mut self.socket, &mut self.buffer)? else {
            return Ok(false);
        };
        self.frames.feed(bytes, each)?;
        for _ in 0..self.frames.take_pings() {
            self.socket.write_all(b"PONG\r\n")?;
        }
        Ok(true)
    }

    fn ask(&mut self, subject: &str, body: &str) -> Result<String> {
        let request = format!(
            "PUB $JS.API.{subject} _INBOX.api {}\r\n{body}\r\n",
            body.len()
        );
        self.socket.write_all(request.as_bytes())?;
        let began = Instant::now();
        let mut answer = None;
        while answer.is_none() {
            ensure!(began.elapsed() < PATIENCE, "no answer to {subject}");
            self.take(|message| {
                if message.subject == b"_INBOX.api" {
                    answer = Some(String::from_utf8_lossy(message.payload).into_owned());
                }
                Ok(())
            })?;
        }
        let answer = answer.unwrap_or_default();
        ensure!(!answer.contains("\"error\""), "{subject}: {answer}");
        Ok(answer)
    }

    fn create_stream(&mut self, case: &JetStream) -> Result<()> {
        let storage = if case.in_memory { "memory" } else { "file" };
        let body = format!(
            r#"{{"name":"{STREAM}","subjects":["{SUBJECT}"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"storage":"{storage}","discard":"old","num_replicas":1,"duplicate_window":120000000000}}"#
        );
        self.ask(&format!("STREAM.CREATE.{STREAM}"), &body)?;
        Ok(())
    }

    /// Fails unless the stream says that it holds so many.
    fn expect_messages(&mut self, messages: u64) -> Result<()> {
        let info = self.ask(&format!("STREAM.INFO.{STREAM}"), "")?;
        let wanted = format!("\"messages\":{messages},");
        ensure!(
            info.contains(&wanted),
            "{messages} messages were acknowledged, but the stream says {info}"
        );
        Ok(())
    }
}

/// Ready-made publishes, each with a reply subject for its acknowledgement.
struct Publisher {
    burst: Vec<u8>,
    frame: usize,
    published: u64,
}

impl Publisher {
    fn new(payload_bytes: usize) -> Publisher {
        let payload = "j".repeat(payload_bytes);
        let one =
            |n: u64| format!("PUB {SUBJECT} _INBOX.js.{n:06} {payload_bytes}\r\n{payload}\r\n");
        let frame = one(0).len();
        let burst: String = (0..BURST_MAX).map(one).collect();
        Publisher {
            burst: burst.into_bytes(),
            frame,
            published: 0,
        }
    }

    fn publish_for(
        &mut self,
        client: &mut Client,
        length: Duration,
        window: u64,
    ) -> Result<Outcome> {
        let began = Instant::now();
        self.go_on(client, window, |_, now| now - began < length)
    }

    fn publish(&mut self, client: &mut Client, messages: u64, window: u64) -> Result<Outcome> {
        self.go_on(client, window, |sent, _| sent < messages)
    }

    /// Publishes while `wanted`, with at most `window` messages not acknowledged, until all are.
    fn go_on(
        &mut self,
        client: &mut Client,
        window: u64,
        wanted: impl Fn(u64, Instant) -> bool,
    ) -> Result<Outcome> {
        let began = Instant::now();
        let burst = (window / 2).clamp(1, BURST_MAX);
        let (mut sent, mut acked) = (0_u64, 0_u64);
        let mut stall = Stall::new();
        loop {
            while sent - acked + burst <= window && wanted(sent, Instant::now()) {
                let bytes = &self.burst[..self.frame * burst as usize];
                client.socket.write_all(bytes).context("publishing")?;
                sent += burst;
            }
            if sent == acked {
                break;
            }
            let due = self.published + acked;
            let mut n = 0;
            let came = client.take(|message| {
                n += 1;
                check_ack(message.payload, due + n)
            })?;
            acked += n;
            if came {
                stall.progress(Instant::now());
            } else if stall.check() {
                bail!("{acked} of {sent} publishes were acknowledged, then none for {PATIENCE:?}");
            }
        }
        self.published += sent;
        Ok(Outcome {
            done: sent,
            took: began.elapsed(),
        })
    }
}

/// `{"stream":"BENCH","seq":7}`, perhaps with blanks; the acknowledgements come in order.
fn check_ack(payload: &[u8], sequence: u64) -> Result<()> {
    let found = memchr::memmem::find(payload, b"\"seq\":").map(|at| &payload[at + 6..]);
    let digits = found.and_then(|rest| {
        let rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| !byte.is_ascii_digit())?;
        number(&rest[..end]).ok()
    });
    ensure!(
        digits == Some(sequence as usize),
        "the acknowledgement of message {sequence} is {}",
        excerpt(payload)
    );
    Ok(())
}

/// Each message is published when the one before it is acknowledged.
fn one_by_one(
    client: &mut Client,
    case: &JetStream,
    server: &Server,
    run: Run,
    sample: &mut Sample,
) -> Result<()> {
    let mut publisher = Publisher::new(case.payload_bytes);
    publisher.publish_for(client, WARM_UP.min(run.length), 1)?;
    let mut latencies = Histogram::<u64>::new(3)?;
    clocked(server, sample, || {
        let began = Instant::now();
        let mut done = 0;
        while began.elapsed() < run.length {
            let sent = Instant::now();
            done += publisher.publish(client, 1, 1)?.done;
            latencies.record(sent.elapsed().as_nanos() as u64)?;
        }
        Ok(Outcome {
            done,
            took: began.elapsed(),
        })
    })?;
    let us = |quantile| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    sample.set(Metric::LatencyP50Us, us(0.5));
    sample.set(Metric::LatencyP99Us, us(0.99));
    client.expect_messages(publisher.published)
}

/// Pulls everything that was published before, and acknowledges each message.
fn pull(
    client: &mut Client,
    case: &JetStream,
    pulled: Pulled,
    server: &Server,
    sample: &mut Sample,
) -> Result<()> {
    Publisher::new(case.payload_bytes).publish(client, pulled.messages, FILL_WINDOW)?;
    let config = format!(
        r#"{{"stream_name":"{STREAM}","config":{{"durable_name":"{CONSUMER}","ack_policy":"explicit","deliver_policy":"all","replay_policy":"instant","max_ack_pending":100000}}}}"#
    );
    client.ask(&format!("CONSUMER.CREATE.{STREAM}.{CONSUMER}"), &config)?;
    let body = format!(r#"{{"batch":{},"expires":30000000000}}"#, pulled.batch);
    let request = format!(
        "PUB $JS.API.CONSUMER.MSG.NEXT.{STREAM}.{CONSUMER} _INBOX.js.next {}\r\n{body}\r\n",
        body.len()
    );
    clocked(server, sample, || {
        let began = Instant::now();
        let (mut got, mut asked) = (0_u64, 0_u64);
        let mut acks = Vec::with_capacity(READ_BYTES);
        let mut stall = Stall::new();
        while got < pulled.messages {
            acks.clear();
            while asked < pulled.messages && asked - got + pulled.batch <= pulled.ahead {
                acks.extend_from_slice(request.as_bytes());
                asked += pulled.batch;
            }
            client.socket.write_all(&acks).context("pulling")?;
            acks.clear();
            let came = client.take(|message| {
                ensure!(
                    message.headers.is_empty() && message.payload.len() == case.payload_bytes,
                    "not a message of the stream: {} {}",
                    excerpt(message.subject),
                    excerpt(message.headers)
                );
                got += 1;
                acks.extend_from_slice(b"PUB ");
                acks.extend_from_slice(message.reply);
                acks.extend_from_slice(b" 4\r\n+ACK\r\n");
                Ok(())
            })?;
            client.socket.write_all(&acks).context("acknowledging")?;
            if came {
                stall.progress(Instant::now());
            } else if stall.check() {
                bail!(
                    "{got} of {} messages came, then none for {PATIENCE:?}",
                    pulled.messages
                );
            }
        }
        Ok(Outcome {
            done: got,
            took: began.elapsed(),
        })
    })?;
    await_all_acknowledged(client)
}

/// The acknowledgements were sent without waiting; in the end the server must know all of them.
fn await_all_acknowledged(client: &mut Client) -> Result<()> {
    let began = Instant::now();
    loop {
        let info = client.ask(&format!("CONSUMER.INFO.{STREAM}.{CONSUMER}"), "")?;
        if info.contains("\"num_ack_pending\":0,") {
            return Ok(());
        }
        ensure!(
            began.elapsed() < PATIENCE,
            "some acknowledgements were lost: {info}"
        );
    }
}
