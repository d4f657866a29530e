//! Operator mode: logging in by token, and a folder with the tokens of many accounts.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::connections::source;
use super::{Outcome, Run, SETTLE, clocked};
use crate::cases::{OperatorMode, TokenWork};
use crate::connection::{LOOK_UP, PATIENCE, login, login_from, read_some, send_and_flush};
use crate::frames::{Frames, Incoming};
use crate::metric::{Metric, Sample};
use crate::process::{Binary, Server};
use crate::trust::Trusted;

const READ_BYTES: usize = 256 * 1024;
/// Lookups that are not answered yet.
const WINDOW: usize = 100;
/// How often a folder is packed.
const PACKS: usize = 5;
const NEVER: &str = "1h";
/// How often a server that has nothing asks others.
const OFTEN: &str = "1s";

pub fn measure(binary: &Binary, case: &OperatorMode, run: Run) -> Result<Sample> {
    let trusted = Trusted::new(case.accounts)?;
    let merge = matches!(case.work, TokenWork::Merge);
    let interval = if merge { OFTEN } else { NEVER };
    let server = Server::start_in_operator_mode(binary, &trusted, interval, !merge)?;
    let mut sample = Sample::default();
    let result = match case.work {
        TokenWork::Start => {
            sample.set(Metric::StartMs, server.started_in().as_secs_f64() * 1000.0);
            thread::sleep(SETTLE);
            sample.set(Metric::IdleRssBytes, server.rss_bytes()? as f64);
            Ok(())
        }
        TokenWork::Storm { at_once } => storm(&trusted, &server, at_once, run, &mut sample),
        TokenWork::Visit { at_once } => visit(&trusted, &server, at_once, &mut sample),
        TokenWork::Lookup => Desk::open(&trusted, &server)?.lookup(&trusted, &server, &mut sample),
        TokenWork::Pack => Desk::open(&trusted, &server)?.pack(&trusted, &server, &mut sample),
        TokenWork::Merge => Desk::open(&trusted, &server)?.merge(&trusted, &server, &mut sample),
    };
    result.map_err(|failure| failure.context(server.log()))?;
    sample.set(Metric::PeakRssBytes, server.peak_rss_bytes()? as f64);
    Ok(sample)
}

/// Users of one account come and go.
fn storm(
    trusted: &Trusted,
    server: &Server,
    at_once: usize,
    run: Run,
    sample: &mut Sample,
) -> Result<()> {
    let user = &trusted.members.first().context("no account")?.user;
    drop(login(server.address(), user)?);
    clocked(server, sample, || {
        let began = Instant::now();
        let done = by_threads(at_once, |number| {
            let mut done = 0u64;
            while began.elapsed() < run.length {
                drop(login_from(source(number, done), server.address(), user)?);
                done += 1;
            }
            Ok(done)
        })?;
        Ok(Outcome {
            done,
            took: began.elapsed(),
        })
    })
}

/// One connection in each account, which the server has not seen before; all stay open.
fn visit(trusted: &Trusted, server: &Server, at_once: usize, sample: &mut Sample) -> Result<()> {
    let next = AtomicUsize::new(0);
    clocked(server, sample, || {
        let began = Instant::now();
        let done = by_threads(at_once, |_| {
            let mut open: Vec<TcpStream> = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(member) = trusted.members.get(at) else {
                    return Ok(open.len() as u64);
                };
                let connection = login(server.address(), &member.user);
                open.push(connection.with_context(|| format!("account {at}"))?);
            }
        })?;
        ensure!(done == trusted.members.len() as u64, "only {done} came in");
        Ok(Outcome {
            done,
            took: began.elapsed(),
        })
    })?;
    sample.set(Metric::HeldRssBytes, server.rss_bytes()? as f64);
    Ok(())
}

fn by_threads(count: usize, work: impl Fn(usize) -> Result<u64> + Sync) -> Result<u64> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || work(number)))
            .collect();
        let mut total = 0;
        for thread in threads {
            total += thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a thread of the generator panicked")))?;
        }
        Ok(total)
    })
}

/// A connection in the system account.
struct Desk {
    socket: TcpStream,
    frames: Frames,
    buffer: Vec<u8>,
}

impl Desk {
    fn open(trusted: &Trusted, server: &Server) -> Result<Desk> {
        let mut socket = login(server.address(), &trusted.system.user)?;
        send_and_flush(&mut socket, b"SUB desk.answer 1\r\n")?;
        socket.set_read_timeout(Some(LOOK_UP))?;
        Ok(Desk {
            socket,
            frames: Frames::default(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Hands over what comes until `done` says that it was all.
    fn until(&mut self, mut done: impl FnMut(Option<Incoming<'_>>) -> Result<bool>) -> Result<()> {
        let mut came = Instant::now();
        let mut all = done(None)?;
        while !all {
            ensure!(came.elapsed() < PATIENCE, "the server sends nothing more");
            let Some(bytes) = read_some(&mut self.socket, &mut self.buffer)? else {
                continue;
            };
            came = Instant::now();
            self.frames.feed(bytes, |message| {
                all |= done(Some(message))?;
                Ok(())
            })?;
            for _ in 0..self.frames.take_pings() {
                self.socket.write_all(b"PONG\r\n")?;
            }
        }
        Ok(())
    }

    fn lookup(&mut self, trusted: &Trusted, server: &Server, sample: &mut Sample) -> Result<()> {
        clocked(server, sample, || {
            let began = Instant::now();
            for some in trusted.members.chunks(WINDOW) {
                let mut asked = String::new();
                for member in some {
                    let account = &member.account;
                    asked.push_str(&format!(
                        "PUB $SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP desk.answer 0\r\n\r\n"
                    ));
                }
                self.socket.write_all(asked.as_bytes())?;
                let mut answers = some.iter();
                self.until(|message| {
                    if let Some(message) = message {
                        let expected = answers.next().context("one answer too many")?;
                        ensure!(
                            message.payload == expected.token.as_bytes(),
                            "another token than that of {}",
                            expected.account
                        );
                    }
                    Ok(answers.len() == 0)
                })?;
            }
            Ok(Outcome {
                done: trusted.members.len() as u64,
                took: began.elapsed(),
            })
        })
    }

    fn pack(&mut self, trusted: &Trusted, server: &Server, sample: &mut Sample) -> Result<()> {
        clocked(server, sample, || {
            let began = Instant::now();
            let mut done = 0;
            for _ in 0..PACKS {
                // A hash that nobody has.
                let ask = "PUB $SYS.REQ.CLAIMS.PACK desk.answer 32\r\n00000000000000000000000000000000\r\n";
                self.socket.write_all(ask.as_bytes())?;
                let mut lines = 0;
                self.until(|message| {
                    let Some(message) = message else {
                        return Ok(false);
                    };
                    lines += message.payload.iter().filter(|b| **b == b'|').count();
                    Ok(message.payload.is_empty())
                })?;
                ensure!(
                    lines > trusted.members.len(),
                    "only {lines} tokens are in a pack"
                );
                done += lines as u64;
            }
            Ok(Outcome {
                done,
                took: began.elapsed(),
            })
        })
    }

    /// Another server's folder, all of which is new to the server.
    fn merge(&mut self, trusted: &Trusted, server: &Server, sample: &mut Sample) -> Result<()> {
        self.socket.write_all(b"SUB $SYS.REQ.CLAIMS.PACK 2\r\n")?;
        let mut inbox = Vec::new();
        self.until(|message| {
            if let Some(message) = message.filter(|m| m.subject == b"$SYS.REQ.CLAIMS.PACK") {
                inbox = message.reply.to_vec();
            }
            Ok(!inbox.is_empty())
        })?;
        let inbox = String::from_utf8(inbox)?;
        clocked(server, sample, || {
            let began = Instant::now();
            for member in &trusted.members {
                let line = format!("{}|{}", member.account, member.token);
                let publish = format!("PUB {inbox} {}\r\n{line}\r\n", line.len());
                self.socket.write_all(publish.as_bytes())?;
            }
            let all = trusted.members.len() + 1;
            loop {
                self.socket
                    .write_all(b"PUB $SYS.REQ.CLAIMS.LIST desk.answer 0\r\n\r\n")?;
                let mut held = None;
                self.until(|message| {
                    if let Some(message) = message.filter(|m| m.subject == b"desk.answer") {
                        let list: serde_json::Value = serde_json::from_slice(message.payload)?;
                        held = Some(list["data"].as_array().map_or(0, Vec::len));
                    }
                    Ok(held.is_some())
                })?;
                if held >= Some(all) {
                    break;
                }
                ensure!(
                    began.elapsed() < PATIENCE * 3,
                    "only {held:?} of {all} came"
                );
                thread::sleep(Duration::from_millis(20));
            }
            Ok(Outcome {
                done: trusted.members.len() as u64,
                took: began.elapsed(),
            })
        })
    }
}
