//! A raw client: sends bytes, and compares every byte that comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::Regex;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

use crate::server::{PATIENCE, Server};

/// CONNECT of a quiet modern client; protocol 0, so that no asynchronous INFO disturbs byte comparisons.
pub const CONNECT: &str =
    r#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}"#;

const PING: &[u8] = b"PING\r\n";

/// One client connection as bytes.
pub struct Wire {
    stream: Stream,
    /// Received and not yet expected.
    unread: Vec<u8>,
    /// Everything received, for the message of a failing test.
    transcript: Vec<u8>,
    closed: bool,
    info: Value,
    patience: Duration,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// Connects without reading anything.
    #[track_caller]
    pub fn dial(addr: SocketAddr) -> Self {
        let stream =
            TcpStream::connect(addr).unwrap_or_else(|e| panic!("cannot connect to {addr}: {e}"));
        stream.set_nodelay(true).expect("a TCP option");
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a positive timeout");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a positive timeout");
        Self {
            stream: Stream::Plain(stream),
            unread: Vec::new(),
            transcript: Vec::new(),
            closed: false,
            info: Value::Null,
            patience: PATIENCE,
        }
    }

    /// Connects and reads the INFO.
    #[track_caller]
    pub fn connect(server: &Server) -> Self {
        let mut wire = Self::dial(server.addr());
        wire.read_info();
        wire
    }

    /// Connects and logs in as a quiet modern client without credentials.
    #[track_caller]
    pub fn open(server: &Server) -> Self {
        Self::open_with(server, "")
    }

    /// Connects and logs in with more CONNECT fields, for example `"user":"a","pass":"b"`.
    #[track_caller]
    pub fn open_with(server: &Server, fields: &str) -> Self {
        let mut wire = Self::connect(server);
        wire.login(fields);
        wire
    }

    /// Sends CONNECT with more fields and waits for the server to accept it.
    #[track_caller]
    pub fn login(&mut self, fields: &str) {
        self.send_connect(fields);
        self.flush();
    }

    /// Sends CONNECT with more fields and nothing else.
    pub fn send_connect(&mut self, fields: &str) {
        let separator = if fields.is_empty() { "" } else { "," };
        let line = CONNECT.trim_end_matches('}');
        self.send(format!("{line}{separator}{fields}}}\r\n"));
    }

    /// Reads the INFO line that a server sends first, and keeps it.
    #[track_caller]
    pub fn read_info(&mut self) -> Value {
        let line = self.read_line();
        let json = line
            .strip_prefix("INFO ")
            .unwrap_or_else(|| panic!("expected INFO, got {line:?}"));
        self.info =
            serde_json::from_str(json).unwrap_or_else(|e| panic!("INFO is no JSON: {e}: {json}"));
        self.info.clone()
    }

    /// The INFO read last.
    pub fn info(&self) -> &Value {
        &self.info
    }

    /// Sends these bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).unwrap_or_else(|e| {
            panic!(
                "cannot send: {e}; received so far: {}",
                self.shown_transcript()
            )
        });
    }

    /// Sends these bytes; the server may have closed the connection.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Sends a line, adding its end.
    #[track_caller]
    pub fn line(&mut self, line: &str) {
        self.send(format!("{line}\r\n"));
    }

    /// Publishes a text.
    #[track_caller]
    pub fn publish(&mut self, subject: &str, payload: &str) {
        self.send(format!("PUB {subject} {}\r\n{payload}\r\n", payload.len()));
    }

    /// Publishes a text with a reply subject.
    #[track_caller]
    pub fn publish_request(&mut self, subject: &str, reply: &str, payload: &str) {
        self.send(format!(
            "PUB {subject} {reply} {}\r\n{payload}\r\n",
            payload.len()
        ));
    }

    /// Publishes with a header block; `header` holds everything up to and with its empty line.
    #[track_caller]
    pub fn publish_with_header(&mut self, subject: &str, header: &str, payload: &str) {
        let total = header.len() + payload.len();
        self.send(format!(
            "HPUB {subject} {} {total}\r\n{header}{payload}\r\n",
            header.len()
        ));
    }

    /// Subscribes and waits until the server has taken the subscription.
    #[track_caller]
    pub fn subscribe(&mut self, subject: &str, sid: &str) {
        self.send(format!("SUB {subject} {sid}\r\n"));
        self.flush();
    }

    /// Subscribes in a queue group and waits until the server has taken the subscription.
    #[track_caller]
    pub fn subscribe_queue(&mut self, subject: &str, queue: &str, sid: &str) {
        self.send(format!("SUB {subject} {queue} {sid}\r\n"));
        self.flush();
    }

    /// A round trip: everything sent is processed, and nothing came back but the PONG.
    #[track_caller]
    pub fn flush(&mut self) {
        self.send("PING\r\n");
        self.expect("PONG\r\n");
    }

    /// Nothing is waiting for this client: a round trip brings back the PONG alone.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        self.flush();
    }

    /// The next bytes are exactly these. A PING of the server in between is answered and does not count, unless it is expected.
    #[track_caller]
    pub fn expect(&mut self, wanted: impl AsRef<[u8]>) {
        let wanted = wanted.as_ref();
        let deadline = Instant::now() + self.patience;
        loop {
            let common = self.agreement_with(wanted);
            if common == wanted.len() {
                self.unread.drain(..common);
                return;
            }
            if common < self.unread.len() && self.answer_ping_at(common) {
                continue;
            }
            let differs = common < self.unread.len() && !self.may_become_ping(common);
            if differs || self.closed || Instant::now() > deadline {
                panic!(
                    "expected {:?}\n     got {:?}{}\n     all {}",
                    String::from_utf8_lossy(wanted),
                    String::from_utf8_lossy(&self.unread),
                    if self.closed {
                        " and the end of the connection"
                    } else {
                        ""
                    },
                    self.shown_transcript()
                );
            }
            self.read_some();
        }
    }

    /// How many of the next bytes are as wanted.
    fn agreement_with(&self, wanted: &[u8]) -> usize {
        wanted
            .iter()
            .zip(&self.unread)
            .take_while(|(a, b)| a == b)
            .count()
    }

    /// Answers and takes away the PING whose line holds this position, if there is one.
    fn answer_ping_at(&mut self, position: usize) -> bool {
        let start = self.line_start(position);
        if !self.unread[start..].starts_with(PING) {
            return false;
        }
        self.unread.drain(start..start + PING.len());
        let _ = self.try_send(b"PONG\r\n");
        true
    }

    fn may_become_ping(&self, position: usize) -> bool {
        PING.starts_with(&self.unread[self.line_start(position)..])
    }

    fn line_start(&self, position: usize) -> usize {
        let before = &self.unread[..position];
        before
            .windows(2)
            .rposition(|w| w == b"\r\n")
            .map_or(0, |at| at + 2)
    }

    /// The next bytes are a message for this subscription.
    #[track_caller]
    pub fn expect_msg(&mut self, subject: &str, sid: &str, payload: &str) {
        self.expect(format!(
            "MSG {subject} {sid} {}\r\n{payload}\r\n",
            payload.len()
        ));
    }

    /// The next line, without its end, matches; returns the captured groups.
    #[track_caller]
    pub fn expect_match(&mut self, regex: &str) -> Vec<String> {
        let wanted = Regex::new(&format!("^(?:{regex})$")).expect("a test's pattern is valid");
        let line = self.read_line();
        let Some(groups) = wanted.captures(&line) else {
            panic!(
                "expected a line like {regex}\n     got {line:?}\n     all {}",
                self.shown_transcript()
            );
        };
        groups
            .iter()
            .map(|g| g.map_or(String::new(), |g| g.as_str().to_owned()))
            .collect()
    }

    /// The next line is this error.
    #[track_caller]
    pub fn expect_err(&mut self, text: &str) {
        self.expect(format!("-ERR '{text}'\r\n"));
    }

    /// The next line is this error, and then the server closes the connection.
    #[track_caller]
    pub fn expect_err_and_close(&mut self, text: &str) {
        self.expect_err(text);
        self.expect_closed();
    }

    /// The server closes the connection and sends nothing more.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        let deadline = Instant::now() + self.patience;
        while !self.closed {
            assert!(
                Instant::now() < deadline,
                "expected the end of the connection; received so far: {}",
                self.shown_transcript()
            );
            self.read_some();
        }
        assert!(
            self.unread.is_empty(),
            "expected the end of the connection\n     got {:?}",
            String::from_utf8_lossy(&self.unread)
        );
    }

    /// The next line without its end; a PING of the server is answered and passed over.
    #[track_caller]
    pub fn read_line(&mut self) -> String {
        loop {
            let line = self.read_any_line();
            if line != "PING" {
                return line;
            }
            let _ = self.try_send(b"PONG\r\n");
        }
    }

    #[track_caller]
    fn read_any_line(&mut self) -> String {
        let bytes = self.read_until(|unread| {
            unread
                .windows(2)
                .position(|w| w == b"\r\n")
                .map(|at| at + 2)
        });
        String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned()
    }

    /// The next `count` bytes.
    #[track_caller]
    pub fn read_exact(&mut self, count: usize) -> Vec<u8> {
        self.read_until(|unread| (unread.len() >= count).then_some(count))
    }

    /// The next MSG or HMSG: its control line and its body without the final line end.
    #[track_caller]
    pub fn read_msg(&mut self) -> (String, String) {
        let line = self.read_line();
        assert!(
            line.starts_with("MSG ") || line.starts_with("HMSG "),
            "expected a message, got {line:?}; all {}",
            self.shown_transcript()
        );
        let size = line
            .rsplit(' ')
            .next()
            .and_then(|n| n.parse::<usize>().ok());
        let body = self.read_exact(size.unwrap_or_else(|| panic!("no size in {line:?}")) + 2);
        (
            line,
            String::from_utf8_lossy(&body[..body.len() - 2]).into_owned(),
        )
    }

    /// Everything that arrives until the server closes the connection.
    #[track_caller]
    pub fn read_to_close(&mut self) -> String {
        let deadline = Instant::now() + self.patience;
        while !self.closed {
            assert!(
                Instant::now() < deadline,
                "the connection stays open; received so far: {}",
                self.shown_transcript()
            );
            self.read_some();
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Whatever arrives within this time; for answers whose very absence is the subject of the test.
    pub fn read_for(&mut self, time: Duration) -> String {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline && !self.closed {
            self.read_some();
        }
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Takes everything up to and with this text; what comes before it may be anything.
    #[track_caller]
    pub fn read_through(&mut self, end: &str) -> String {
        let deadline = Instant::now() + self.patience;
        loop {
            let found = self
                .unread
                .windows(end.len())
                .position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = self.unread.drain(..at + end.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            assert!(
                !self.closed && Instant::now() < deadline,
                "no {end:?} in {}",
                self.shown_transcript()
            );
            self.read_some();
        }
    }

    /// Waits at most this long for what a test expects, instead of [`PATIENCE`].
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// True once the server has closed the connection and a read has seen it.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Turns the connection into a TLS connection.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn try_start_tls(self, config: &Arc<ClientConfig>) -> std::io::Result<Self> {
        let Stream::Plain(mut stream) = self.stream else {
            return Err(std::io::Error::other("the connection is encrypted already"));
        };
        assert!(
            self.unread.is_empty(),
            "the server sent plain bytes before the handshake"
        );
        let name = rustls_pki_types::ServerName::try_from("localhost").expect("a valid name");
        let mut session = ClientConnection::new(Arc::clone(config), name)
            .map_err(|e| std::io::Error::other(e.to_string()))?;
        stream.set_read_timeout(Some(self.patience))?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        stream.set_read_timeout(Some(Duration::from_millis(20)))?;
        Ok(Self {
            stream: Stream::Tls(Box::new(StreamOwned::new(session, stream))),
            ..self
        })
    }

    /// Turns the connection into a TLS connection.
    #[track_caller]
    pub fn start_tls(self, config: &Arc<ClientConfig>) -> Self {
        self.try_start_tls(config)
            .unwrap_or_else(|e| panic!("the TLS handshake failed: {e}"))
    }

    /// TLS version and cipher suite, once encrypted.
    pub fn tls_parameters(&self) -> Option<(String, String)> {
        let Stream::Tls(stream) = &self.stream else {
            return None;
        };
        let version = stream.conn.protocol_version()?;
        let suite = stream.conn.negotiated_cipher_suite()?;
        Some((format!("{version:?}"), format!("{:?}", suite.suite())))
    }

    /// The leaf certificate of the server, in DER, once encrypted.
    pub fn peer_certificate(&self) -> Option<Vec<u8>> {
        let Stream::Tls(stream) = &self.stream else {
            return None;
        };
        stream.conn.peer_certificates()?.first().map(|c| c.to_vec())
    }

    /// The socket, to set options or to stop writing.
    pub fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        }
    }

    /// Own address as the server sees it.
    pub fn local_addr(&self) -> SocketAddr {
        self.socket()
            .local_addr()
            .expect("a connected socket has an address")
    }

    #[track_caller]
    fn read_until(&mut self, complete: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(end) = complete(&self.unread) {
                return self.unread.drain(..end).collect();
            }
            assert!(
                !self.closed && Instant::now() < deadline,
                "waited in vain for more{}; received so far: {}",
                if self.closed {
                    ", the connection is closed"
                } else {
                    ""
                },
                self.shown_transcript()
            );
            self.read_some();
        }
    }

    fn read_some(&mut self) {
        let mut chunk = [0_u8; 16 * 1024];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut chunk),
            Stream::Tls(stream) => stream.read(&mut chunk),
        };
        match read {
            Ok(0) => self.closed = true,
            Ok(count) => {
                self.unread.extend_from_slice(&chunk[..count]);
                let room = 8192_usize.saturating_sub(self.transcript.len());
                self.transcript.extend_from_slice(&chunk[..count.min(room)]);
            }
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) => self.closed = true,
        }
    }

    fn shown_transcript(&self) -> String {
        format!("{:?}", String::from_utf8_lossy(&self.transcript))
    }
}
