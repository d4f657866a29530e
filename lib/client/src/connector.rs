//! From an address to a connection that the server has let in.
//!
//! Steps: TCP, (TLS first), INFO, (TLS), CONNECT and PING, PONG. One deadline covers them all.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use nats_proto::encode;
use nats_proto::info::{ConnectOptions, ServerInfo};
use nats_proto::server_op::{self, ServerOp, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::dial;
use crate::error::{ConnectError, ServerError};
use crate::limits;
use crate::options::Options;
use crate::pool::Server;
use crate::stream::Stream;
use crate::tls_session::TlsSession;
use crate::trace;

/// A connection that stands.
pub(crate) struct Established {
    pub stream: Stream,
    /// Bytes that came behind the PONG.
    pub read: BytesMut,
    pub info: ServerInfo,
    /// Where the server is; that of the proxy when there is one.
    pub address: Option<SocketAddr>,
    /// What the handshake agreed on; `None` in clear text.
    pub tls: Option<Arc<TlsSession>>,
}

/// Connects to `server` once.
pub(crate) async fn connect(
    options: &Options,
    server: &Server,
) -> Result<Established, ConnectError> {
    let mut attempt = Attempt {
        options,
        server,
        url: server.url.to_string(),
        step: "connecting",
        tls: None,
    };
    let after = options.connect_timeout;
    let url = attempt.url.clone();
    match tokio::time::timeout(after, attempt.run()).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut {
            url,
            after,
            step: attempt.step,
        }),
    }
}

struct Attempt<'a> {
    options: &'a Options,
    server: &'a Server,
    url: String,
    /// For the error of a deadline.
    step: &'static str,
    tls: Option<Arc<TlsSession>>,
}

impl Attempt<'_> {
    async fn run(&mut self) -> Result<Established, ConnectError> {
        let tcp = dial::dial(self.options, &self.server.url)
            .await
            .map_err(|e| self.io(e))?;
        // Messages are batched here; the kernel must not wait for more.
        tcp.set_nodelay(true).map_err(|e| self.io(e))?;
        let address = tcp.peer_addr().ok();
        let mut stream = Stream::Plain(tcp);
        let mut read = BytesMut::with_capacity(limits::READ_BYTES_MIN);
        if self.options.tls.first {
            stream = self.secured(stream).await?;
        }

        self.step = "waiting for INFO";
        let info = self.read_info(&mut stream, &mut read).await?;
        if !stream.is_tls() && self.wants_tls(&info)? {
            if !read.is_empty() {
                // Whatever came in clear text behind INFO must not be taken for the server's secured words.
                return Err(self.protocol("unexpected bytes between INFO and the TLS handshake"));
            }
            stream = self.secured(stream).await?;
        }

        self.step = "waiting for the answer to CONNECT";
        let greeting = self.greeting(&stream, &info).await?;
        if let Some(trace) = &self.options.trace {
            trace::outgoing(trace, &greeting);
        }
        stream.write_all(&greeting).await.map_err(|e| self.io(e))?;
        stream.flush().await.map_err(|e| self.io(e))?;
        let info = self.read_welcome(&mut stream, &mut read, info).await?;
        let tls = self.tls.take();
        Ok(Established {
            stream,
            read,
            info,
            address,
            tls,
        })
    }

    fn wants_tls(&self, info: &ServerInfo) -> Result<bool, ConnectError> {
        let wanted = self.server.url.tls || self.options.tls.is_wanted();
        if info.tls_required || (wanted && info.tls_available) {
            return Ok(true);
        }
        if wanted {
            let url = self.url.clone();
            return Err(ConnectError::TlsNotOffered { url });
        }
        Ok(false)
    }

    async fn secured(&mut self, stream: Stream) -> Result<Stream, ConnectError> {
        self.step = "TLS handshake";
        let Stream::Plain(tcp) = stream else {
            return Ok(stream);
        };
        let name = self
            .server
            .tls_name
            .as_deref()
            .unwrap_or(&self.server.url.host);
        match self.options.tls.handshake(tcp, name).await {
            Ok(stream) => {
                let session = TlsSession::of(&self.options.tls, name, stream.get_ref().1);
                self.tls = Some(Arc::new(session));
                Ok(Stream::Tls(Box::new(stream)))
            }
            Err(problem) => Err(ConnectError::Tls {
                url: self.url.clone(),
                problem,
            }),
        }
    }

    async fn read_info(
        &self,
        stream: &mut Stream,
        read: &mut BytesMut,
    ) -> Result<ServerInfo, ConnectError> {
        match self.next_op(stream, read).await? {
            Said::Info(info) => Ok(*info),
            Said::Err(error) => Err(self.refused(error)),
            _ => Err(self.protocol("the server did not start with INFO; is this a NATS server?")),
        }
    }

    /// CONNECT and PING.
    async fn greeting(&self, stream: &Stream, info: &ServerInfo) -> Result<Vec<u8>, ConnectError> {
        let options = self.options;
        let mut connect = ConnectOptions {
            echo: options.echo,
            verbose: options.verbose,
            pedantic: options.pedantic,
            tls_required: stream.is_tls(),
            name: options.name.clone(),
            lang: "rust".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: 1,
            headers: info.headers,
            no_responders: info.headers,
            ..ConnectOptions::default()
        };
        options
            .auth
            .fill(&mut connect, &self.server.url, info)
            .await?;
        let mut greeting = Vec::new();
        encode::connect(&mut greeting, &connect)
            .map_err(|error| self.protocol(&error.to_string()))?;
        greeting.extend_from_slice(encode::PING);
        Ok(greeting)
    }

    /// Waits for the PONG. An INFO that comes first replaces what we know.
    async fn read_welcome(
        &self,
        stream: &mut Stream,
        read: &mut BytesMut,
        mut info: ServerInfo,
    ) -> Result<ServerInfo, ConnectError> {
        loop {
            match self.next_op(stream, read).await? {
                Said::Pong => return Ok(info),
                Said::Ok => {}
                Said::Info(newer) => info = *newer,
                Said::Ping => stream
                    .write_all(encode::PONG)
                    .await
                    .map_err(|e| self.io(e))?,
                Said::Err(error) => return Err(self.refused(error)),
                Said::Message => {
                    return Err(self.protocol("a message before the connection was accepted"));
                }
            }
        }
    }

    async fn next_op(
        &self,
        stream: &mut Stream,
        read: &mut BytesMut,
    ) -> Result<Said, ConnectError> {
        let limits = server_op::Limits::default();
        loop {
            let step = server_op::parse(read, &limits)
                .map_err(|error| self.protocol(&error.to_string()))?;
            let Step::Op(op, len) = step else {
                let count = stream.read_buf(read).await.map_err(|e| self.io(e))?;
                if count == 0 {
                    return Err(self.protocol("the server closed the connection"));
                }
                continue;
            };
            if let Some(trace) = &self.options.trace {
                trace::incoming(trace, read);
            }
            let said = match op {
                ServerOp::Info(range) => {
                    let document = read.get(range).unwrap_or_default();
                    let info = serde_json::from_slice(document)
                        .map_err(|error| self.protocol(&format!("bad INFO: {error}")))?;
                    Said::Info(Box::new(info))
                }
                ServerOp::Err(range) => {
                    let text = String::from_utf8_lossy(read.get(range).unwrap_or_default());
                    Said::Err(ServerError::from_text(&text))
                }
                ServerOp::Pong => Said::Pong,
                ServerOp::Ping => Said::Ping,
                ServerOp::Ok => Said::Ok,
                ServerOp::Message(_) => Said::Message,
            };
            read.advance(len);
            return Ok(said);
        }
    }

    fn io(&self, source: std::io::Error) -> ConnectError {
        ConnectError::Io {
            url: self.url.clone(),
            source,
        }
    }

    fn protocol(&self, problem: &str) -> ConnectError {
        ConnectError::Protocol {
            url: self.url.clone(),
            problem: problem.to_owned(),
        }
    }

    fn refused(&self, source: ServerError) -> ConnectError {
        ConnectError::Server {
            url: self.url.clone(),
            source,
        }
    }
}

/// An operation without its place in the buffer.
enum Said {
    Info(Box<ServerInfo>),
    Pong,
    Ping,
    Ok,
    Err(ServerError),
    Message,
}
