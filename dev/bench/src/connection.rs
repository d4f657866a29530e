//! Raw client connections of the generator: connect, handshake, flush, and waiting on many at once.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::{Domain, Socket, Type};

use crate::trust::User;
use crate::wire::{Splitter, Unit, excerpt, is_ping};

/// No server may keep the generator waiting longer than this.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How often a reader looks up from its sockets.
pub const LOOK_UP: Duration = Duration::from_millis(50);

/// What the generator says of itself; headers and no-responders are on, as in all modern clients.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\"name\":\"nats-bench\",\"lang\":\"rust\",\"version\":\"0.1.0\",\"protocol\":1,\"echo\":true,\"headers\":true,\"no_responders\":true}\r\nPING\r\n";

/// Opens a connection and returns when the server has answered the first PING.
pub fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("connecting to {address}"))?;
    greet(socket)
}

/// As [`connect`], from a loopback address of the caller's choice: one address has only some
/// 28,000 ports, and each stays taken for a minute after its connection closed.
pub fn connect_from(source: IpAddr, address: SocketAddr) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket
        .connect(&address.into())
        .with_context(|| format!("connecting from {source} to {address}"))?;
    greet(socket.into())
}

/// As [`connect`], as a user with a token.
pub fn login(address: SocketAddr, user: &User) -> Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)
        .with_context(|| format!("connecting to {address}"))?;
    greet_as(socket, Some(user))
}

/// As [`connect_from`], as a user with a token.
pub fn login_from(source: IpAddr, address: SocketAddr, user: &User) -> Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket
        .connect(&address.into())
        .with_context(|| format!("connecting from {source} to {address}"))?;
    greet_as(socket.into(), Some(user))
}

fn greet(socket: TcpStream) -> Result<TcpStream> {
    greet_as(socket, None)
}

fn greet_as(mut socket: TcpStream, user: Option<&User>) -> Result<TcpStream> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    let info = read_info(&mut socket)?;
    match user {
        None => say_hello(&mut socket)?,
        Some(user) => {
            let fields = user.login(&info)?;
            let hello = String::from_utf8_lossy(CONNECT);
            let hello = hello.replacen("CONNECT {", &format!("CONNECT {{{fields}"), 1);
            socket.write_all(hello.as_bytes())?;
            await_pong(&mut socket)?;
        }
    }
    Ok(socket)
}

/// Reads the INFO line and not a byte more, so that TLS can follow it.
pub fn read_info(socket: &mut TcpStream) -> Result<Vec<u8>> {
    let mut seen = [0u8; 8 * 1024];
    let ready = socket.peek(&mut seen).context("waiting for INFO")?;
    ensure!(
        seen[..ready].starts_with(b"INFO "),
        "instead of INFO the server sent {}",
        excerpt(&seen[..ready])
    );
    loop {
        let ready = socket.peek(&mut seen)?;
        ensure!(ready > 0, "the server closed the connection within INFO");
        if let Some(end) = memchr::memchr(b'\n', &seen[..ready]) {
            socket.read_exact(&mut seen[..=end])?;
            return Ok(seen[..=end].to_vec());
        }
        ensure!(ready < seen.len(), "INFO is longer than {ready} bytes");
    }
}

/// CONNECT and PING, then waits for the PONG.
pub fn say_hello(stream: &mut (impl Read + Write)) -> Result<()> {
    stream.write_all(CONNECT)?;
    await_pong(stream)
}

/// Sends `lines` and a PING, then waits for the PONG: the server has acted on all of it.
pub fn send_and_flush(stream: &mut (impl Read + Write), lines: &[u8]) -> Result<()> {
    stream.write_all(lines)?;
    stream.write_all(b"PING\r\n")?;
    await_pong(stream)
}

/// Nothing but control lines may come before the PONG.
fn await_pong(stream: &mut impl Read) -> Result<()> {
    let mut splitter = Splitter::new(usize::MAX);
    let mut buffer = [0u8; 8 * 1024];
    let mut answered = false;
    while !answered {
        let length = stream.read(&mut buffer).context("waiting for PONG")?;
        ensure!(length > 0, "the server closed the connection before PONG");
        splitter.feed(&buffer[..length], |unit| match unit {
            Unit::Line(line) => {
                is_ping(line)?;
                answered |= line == b"PONG";
                Ok(())
            }
            Unit::Message(_) => bail!("a message came before PONG"),
        })?;
    }
    Ok(())
}

/// Reads whatever is there. `Ok(None)` when nothing came in time.
pub fn read_some<'a>(socket: &mut TcpStream, buffer: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
    match socket.read(buffer) {
        Ok(0) => bail!("the server closed a connection (slow consumer?)"),
        Ok(length) => Ok(Some(&buffer[..length])),
        Err(failure)
            if matches!(
                failure.kind(),
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
            ) =>
        {
            Ok(None)
        }
        Err(failure) => Err(failure).context("reading from the server"),
    }
}

/// Waits until some of several sockets can be read. For a single socket it does not wait at all: the
/// caller's read, which blocks for at most [`LOOK_UP`], is one system call less.
pub struct Readable {
    epoll: Option<rustix::fd::OwnedFd>,
    events: Vec<epoll::Event>,
    ready: Vec<usize>,
}

impl Readable {
    pub fn watch<'a>(sockets: impl ExactSizeIterator<Item = &'a TcpStream>) -> Result<Readable> {
        let count = sockets.len();
        let mut readable = Readable {
            epoll: None,
            events: Vec::with_capacity(count.clamp(1, 1024)),
            ready: Vec::with_capacity(count),
        };
        if count != 1 {
            readable.epoll = Some(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        }
        for (place, socket) in sockets.enumerate() {
            socket.set_read_timeout(Some(LOOK_UP))?;
            if let Some(epoll) = &readable.epoll {
                let data = epoll::EventData::new_u64(place as u64);
                epoll::add(epoll, socket, data, epoll::EventFlags::IN)?;
            }
        }
        Ok(readable)
    }

    /// The places of the sockets that can be read; empty after [`LOOK_UP`].
    pub fn wait(&mut self) -> Result<&[usize]> {
        self.ready.clear();
        let Some(epoll) = &self.epoll else {
            self.ready.push(0);
            return Ok(&self.ready);
        };
        let timeout = Timespec::try_from(LOOK_UP).context("timeout")?;
        match epoll::wait(epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(failure) => return Err(failure).context("epoll"),
        }
        self.ready
            .extend(self.events.drain(..).map(|event| event.data.u64() as usize));
        Ok(&self.ready)
    }
}

/// Fails when nothing has happened for longer than [`PATIENCE`].
#[derive(Debug)]
pub struct Stall(Instant);

impl Stall {
    pub fn new() -> Stall {
        Stall(Instant::now())
    }

    pub fn progress(&mut self, now: Instant) {
        self.0 = now;
    }

    pub fn check(&self) -> bool {
        self.0.elapsed() > PATIENCE
    }
}

impl Default for Stall {
    fn default() -> Stall {
        Stall::new()
    }
}
