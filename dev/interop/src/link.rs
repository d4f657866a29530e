//! A client of JetStream that speaks just enough of the protocol: requests, the API, deliveries, and what it was sent unasked.
//!
//! Errors of the connection are values here, because a test may kill the server under it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::PATIENCE;

/// One connection.
pub struct Link {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    /// What its inboxes begin with; no other link's do.
    pub inboxes: String,
    next: u64,
    /// Read while something else was awaited.
    kept: VecDeque<Received>,
}

/// Numbers of links, so that no two have the same inboxes.
static LINKS: AtomicU64 = AtomicU64::new(0);

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub subject: String,
    /// Of the subscription that it came for.
    pub sid: String,
    /// Empty when there is none.
    pub reply: String,
    /// The raw header block, empty when there is none.
    pub headers: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A number of the acknowledgement subject `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.…`, by its token.
    pub fn ack_number(&self, token: usize) -> Option<u64> {
        let reply = self.reply.strip_prefix("$JS.ACK.")?;
        reply.split('.').nth(token.checked_sub(2)?)?.parse().ok()
    }

    /// The sequence in the stream.
    pub fn sequence(&self) -> Option<u64> {
        self.ack_number(5)
    }

    /// The value of a header, `None` when there is no such header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.split("\r\n");
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key == name).then(|| value.trim())
        })
    }
}

impl Link {
    /// A client without credentials.
    ///
    /// # Errors
    /// The connection.
    pub fn open(addr: SocketAddr) -> Result<Self> {
        Self::open_with(addr, &json!({}))
    }

    /// A client whose CONNECT has these fields, too.
    ///
    /// # Errors
    /// The connection, or the server refuses the login.
    pub fn open_with(addr: SocketAddr, fields: &Value) -> Result<Self> {
        Self::open_by(addr, |_| fields.clone())
    }

    /// A client whose CONNECT has fields that depend on the server's INFO.
    ///
    /// # Errors
    /// The connection, or the server refuses the login.
    pub fn open_by(addr: SocketAddr, fields: impl FnOnce(&Value) -> Value) -> Result<Self> {
        let writer = TcpStream::connect(addr)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        writer.set_nodelay(true)?;
        let number = LINKS.fetch_add(1, Ordering::Relaxed);
        let mut link = Self {
            reader: BufReader::new(writer.try_clone()?),
            writer,
            inboxes: format!("inbox{number}"),
            next: 0,
            kept: VecDeque::new(),
        };
        let info = link.line()?;
        let info = info.strip_prefix("INFO ").unwrap_or_default();
        let fields = fields(&serde_json::from_str(info).unwrap_or(Value::Null));
        let mut connect = json!({"verbose": false, "headers": true, "no_responders": true});
        if let (Some(connect), Some(fields)) = (connect.as_object_mut(), fields.as_object()) {
            connect.extend(fields.clone());
        }
        let inboxes = link.inboxes.clone();
        link.send(format!("CONNECT {connect}\r\nSUB {inboxes}.> 1\r\n").as_bytes())?;
        link.settle()?;
        Ok(link)
    }

    /// Waits until the server has done all that was sent before.
    ///
    /// # Errors
    /// The connection, or the server says `-ERR`.
    pub fn settle(&mut self) -> Result<()> {
        self.send(b"PING\r\n")?;
        let mut refused = None;
        loop {
            match self.next_operation() {
                Ok(Operation::Pong) => return refused.map_or(Ok(()), Err),
                Ok(Operation::Message(message)) => self.kept.push_back(message),
                Ok(Operation::Other(line)) if line.starts_with("-ERR") => {
                    refused.get_or_insert(Error::new(ErrorKind::PermissionDenied, line));
                }
                Ok(Operation::Other(_)) => {}
                // What the server said before it hung up tells more.
                Err(e) => return Err(refused.unwrap_or(e)),
            }
        }
    }

    /// # Errors
    /// The connection.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes)
    }

    /// Publishes; an empty reply is none.
    ///
    /// # Errors
    /// The connection.
    pub fn publish(&mut self, subject: &str, reply: &str, body: &[u8]) -> Result<()> {
        let mut frame = format!("PUB {subject} {reply} {}\r\n", body.len()).into_bytes();
        frame.extend_from_slice(body);
        frame.extend_from_slice(b"\r\n");
        self.send(&frame)
    }

    /// Publishes with headers, `Name: value` each.
    ///
    /// # Errors
    /// The connection.
    pub fn publish_with(
        &mut self,
        subject: &str,
        reply: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Result<()> {
        let mut block = "NATS/1.0\r\n".to_owned();
        for header in headers {
            block.push_str(header);
            block.push_str("\r\n");
        }
        block.push_str("\r\n");
        let (head, all) = (block.len(), block.len() + body.len());
        let mut frame = format!("HPUB {subject} {reply} {head} {all}\r\n{block}").into_bytes();
        frame.extend_from_slice(body);
        frame.extend_from_slice(b"\r\n");
        self.send(&frame)
    }

    /// Listens, and waits until the server knows.
    ///
    /// # Errors
    /// The connection.
    pub fn subscribe(&mut self, subject: &str, sid: &str) -> Result<()> {
        self.send(format!("SUB {subject} {sid}\r\n").as_bytes())?;
        self.settle()
    }

    /// An inbox of its own that was not used before.
    pub fn inbox(&mut self, what: &str) -> String {
        self.next += 1;
        format!("{}.{what}.{}", self.inboxes, self.next)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// The next message.
    ///
    /// # Errors
    /// The connection; also when nothing comes for long.
    pub fn receive(&mut self) -> Result<Received> {
        match self.kept.pop_front() {
            Some(message) => Ok(message),
            None => self.read_message(),
        }
    }

    fn read_message(&mut self) -> Result<Received> {
        loop {
            if let Operation::Message(message) = self.next_operation()? {
                return Ok(message);
            }
        }
    }

    fn next_operation(&mut self) -> Result<Operation> {
        let line = self.line()?;
        let words: Vec<&str> = line.split(' ').collect();
        let sizes = match words[0] {
            "MSG" => 1,
            "HMSG" => 2,
            "PONG" => return Ok(Operation::Pong),
            "PING" => {
                self.send(b"PONG\r\n")?;
                return Ok(Operation::Other(line));
            }
            _ => return Ok(Operation::Other(line)),
        };
        let total: usize = words[words.len() - 1].parse().expect("a size");
        let head: usize = match sizes {
            2 => words[words.len() - 2].parse().expect("a size"),
            _ => 0,
        };
        let reply = match words.len() - sizes {
            4 => words[3],
            _ => "",
        };
        let mut body = vec![0; total + 2];
        self.reader.read_exact(&mut body)?;
        body.truncate(total);
        let rest = body.split_off(head);
        Ok(Operation::Message(Received {
            subject: words[1].to_owned(),
            sid: words[2].to_owned(),
            reply: reply.to_owned(),
            headers: String::from_utf8_lossy(&body).into_owned(),
            body: rest,
        }))
    }

    /// The first message that `wanted` accepts; others are kept for later. `None` when none comes in that time.
    ///
    /// # Errors
    /// The connection.
    pub fn receive_where(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Received) -> bool,
    ) -> Result<Option<Received>> {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return Ok(self.kept.remove(at));
        }
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            if self.reader.buffer().is_empty() {
                self.writer.set_read_timeout(Some(left))?;
                let filled = self.reader.fill_buf().map(<[u8]>::len);
                self.writer.set_read_timeout(Some(PATIENCE))?;
                match filled {
                    Ok(_) => {}
                    Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                        return Ok(None);
                    }
                    Err(e) => return Err(e),
                }
            }
            match self.next_operation()? {
                Operation::Message(message) if wanted(&message) => return Ok(Some(message)),
                Operation::Message(message) => self.kept.push_back(message),
                Operation::Pong | Operation::Other(_) => {}
            }
        }
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// The connection; also when nothing comes for long.
    pub fn ask(&mut self, subject: &str, body: &[u8]) -> Result<Received> {
        self.ask_with(subject, &[], body)
    }

    /// One request with headers, one answer.
    ///
    /// # Errors
    /// The connection; also when nothing comes for long.
    pub fn ask_with(&mut self, subject: &str, headers: &[&str], body: &[u8]) -> Result<Received> {
        let inbox = self.inbox("ask");
        match headers {
            [] => self.publish(subject, &inbox, body)?,
            headers => self.publish_with(subject, &inbox, headers, body)?,
        }
        let answer = self.receive_where(PATIENCE, |message| message.subject == inbox)?;
        answer.ok_or_else(|| Error::new(ErrorKind::TimedOut, format!("no answer on {subject}")))
    }

    /// One request of the JetStream API; a null body is none.
    ///
    /// # Errors
    /// The connection; also when nothing comes for long.
    pub fn api(&mut self, ask: &str, body: &Value) -> Result<Value> {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self.ask(&format!("$JS.API.{ask}"), body.as_bytes())?;
        Ok(answer.json())
    }

    /// The same, where an error is a failure of the test.
    ///
    /// # Panics
    /// The connection fails, or the answer is an error.
    #[track_caller]
    pub fn done(&mut self, ask: &str, body: &Value) -> Value {
        let answer = self.api(ask, body).expect("an answer");
        assert!(answer["error"].is_null(), "{ask} {body}: {answer}");
        assert!(!answer.is_null(), "{ask} {body}: no JSON");
        answer
    }

    /// Makes a stream.
    ///
    /// # Panics
    /// The server refuses it.
    #[track_caller]
    pub fn create_stream(&mut self, config: &Value) -> Value {
        let name = config["name"].as_str().expect("a name");
        self.done(&format!("STREAM.CREATE.{name}"), config)
    }

    /// Publishes to a stream and yields the sequence.
    ///
    /// # Panics
    /// It is not stored.
    #[track_caller]
    pub fn store(&mut self, subject: &str, body: &[u8]) -> u64 {
        let ack = self.ask(subject, body).expect("an answer").json();
        ack["seq"]
            .as_u64()
            .filter(|_| ack["error"].is_null())
            .unwrap_or_else(|| panic!("{subject} was not stored: {ack}"))
    }

    /// Publishes many messages and waits until all of them are stored.
    ///
    /// # Panics
    /// One is not stored.
    #[track_caller]
    pub fn store_many<'a>(&mut self, messages: impl IntoIterator<Item = (String, &'a [u8])>) {
        let inbox = self.inbox("many");
        let mut open = 0usize;
        let acked = |link: &mut Self| {
            let ack = link.receive_where(PATIENCE, |m| m.subject == inbox);
            let ack = ack
                .expect("a connection")
                .expect("an acknowledgement")
                .json();
            assert!(ack["error"].is_null(), "not stored: {ack}");
        };
        for (subject, body) in messages {
            self.publish(&subject, &inbox, body).expect("a connection");
            open += 1;
            if open >= 1_000 {
                acked(self);
                open -= 1;
            }
        }
        for _ in 0..open {
            acked(self);
        }
    }
}

enum Operation {
    Message(Received),
    Pong,
    Other(String),
}
