//! Connections themselves: idle ones by the thousand, and as many new ones per second as can be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Outcome, Run, SETTLE, clocked};
use crate::cases::{ConnectionStorm, IdleConnections};
use crate::connection::{PATIENCE, connect, connect_from, read_info, say_hello, send_and_flush};
use crate::metric::{Metric, Sample};
use crate::process::Server;

/// How many threads open the idle connections.
const OPENERS: usize = 4;

/// One idle connection of the generator.
enum Idle {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

pub fn idle(idle: &IdleConnections, server: &Server, sample: &mut Sample) -> Result<()> {
    let tls = match server.certificate() {
        Some(certificate) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate.clone())?;
            let config = ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            Some(Arc::new(config))
        }
        None => None,
    };
    thread::sleep(SETTLE);
    let rss_before = server.rss_bytes()?;
    let mut connections = Vec::new();
    clocked(server, sample, || {
        let began = Instant::now();
        connections = open(idle.connections, server.address(), tls.as_ref())?;
        Ok(Outcome {
            done: connections.len() as u64,
            took: began.elapsed(),
        })
    })?;
    thread::sleep(SETTLE);
    let grown = server.rss_bytes()?.saturating_sub(rss_before);
    sample.set(
        Metric::RssBytesPerConnection,
        grown as f64 / connections.len() as f64,
    );
    // A server that dropped some of them would look small.
    for connection in &mut connections {
        connection.flush(b"").context("an idle connection")?;
    }
    Ok(())
}

fn open(count: usize, address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Vec<Idle>> {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        let openers: Vec<_> = (0..OPENERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut opened = Vec::new();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count as u64 {
                            return anyhow::Ok(opened);
                        }
                        let mut connection = Idle::open(address, tls)
                            .with_context(|| format!("connection {number}"))?;
                        connection.flush(format!("SUB idle.{number} 1\r\n").as_bytes())?;
                        opened.push(connection);
                    }
                })
            })
            .collect();
        let mut all = Vec::with_capacity(count);
        for opener in openers {
            let opened = opener
                .join()
                .unwrap_or_else(|_| Err(anyhow!("a thread of the generator panicked")))?;
            all.extend(opened);
        }
        ensure!(all.len() == count, "only {} connections opened", all.len());
        Ok(all)
    })
}

impl Idle {
    fn open(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Idle> {
        let Some(config) = tls else {
            return Ok(Idle::Plain(connect(address)?));
        };
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        read_info(&mut socket)?;
        let name = ServerName::IpAddress(address.ip().into());
        let session = ClientConnection::new(Arc::clone(config), name)?;
        let mut stream = StreamOwned::new(session, socket);
        say_hello(&mut stream).context("TLS")?;
        Ok(Idle::Tls(Box::new(stream)))
    }

    fn flush(&mut self, lines: &[u8]) -> Result<()> {
        match self {
            Idle::Plain(socket) => send_and_flush(socket, lines),
            Idle::Tls(stream) => send_and_flush(stream.as_mut(), lines),
        }
    }
}

pub fn storm(
    storm: &ConnectionStorm,
    server: &Server,
    run: Run,
    sample: &mut Sample,
) -> Result<()> {
    let address = server.address();
    clocked(server, sample, || {
        let began = Instant::now();
        let done = thread::scope(|scope| {
            let threads: Vec<_> = (0..storm.at_once)
                .map(|number| {
                    scope.spawn(move || {
                        let mut done = 0u64;
                        while began.elapsed() < run.length {
                            drop(connect_from(source(number, done), address)?);
                            done += 1;
                        }
                        anyhow::Ok(done)
                    })
                })
                .collect();
            let mut total = 0;
            for thread in threads {
                total += thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread of the generator panicked")))?;
            }
            anyhow::Ok(total)
        })?;
        Ok(Outcome {
            done,
            took: began.elapsed(),
        })
    })
}

/// A loopback address for the `turn`th connection of a thread. Each has ports for thousands.
pub(super) fn source(thread: usize, turn: u64) -> IpAddr {
    let thread = 1 + (thread % 250) as u8;
    let turn = 1 + (turn % 250) as u8;
    IpAddr::V4(Ipv4Addr::new(127, 1, thread, turn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_loopback_addresses_that_threads_do_not_share() {
        for turn in [0, 249, 250, 1_000_000] {
            assert!(source(0, turn).is_loopback());
            assert_ne!(source(0, turn), source(1, turn));
        }
        assert_ne!(source(3, 0), source(3, 1));
    }
}
