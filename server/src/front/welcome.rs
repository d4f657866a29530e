//! The first moments of a client: INFO, a PROXY header, TLS, in the order that the listener's settings say.
//!
//! ```text
//! usual              INFO · [PROXY header] · [TLS handshake] · protocol
//! TLS first          [PROXY header] · TLS handshake · INFO · protocol
//! TLS first, auto    as the one or the other: does the client begin within the time given?
//! mixed              as usual; the first byte after INFO says whether it is TLS
//! ```
//! Source: reference behaviour (`server/server.go`).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_proto::proxy::{self, Addresses, ProxyError, Start};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::prefixed::Prefixed;
use super::tls::{TlsFacts, TlsPolicy};
use crate::conn::wire;
use crate::limits::{
    IN_PROCESS_TLS_WAIT, PROXY_HEADER_WAIT, WELCOME_READ_BYTES, WELCOME_WRITE_MAX,
};
use crate::ocsp::InvalidLink;
use crate::options::HandshakeFirst;

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;

/// Why a client goes whose certificate its issuer took back.
pub const NOT_OCSP_VALID: &str = "client not OCSP valid";

/// How a listener receives its clients.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// TLS, if it is configured.
    pub tls: Option<Arc<TlsPolicy>>,
    /// A PROXY header may come first.
    pub proxy_protocol: bool,
    /// The other end is in this process: TLS is offered and never required.
    pub in_process: bool,
}

/// What INFO has to say at the moment it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    pub tls_required: bool,
    pub tls_available: bool,
    /// The client's address; `None` as long as only that of a proxy is known.
    pub client: Option<SocketAddr>,
}

/// A client that got its INFO and may begin.
pub struct Welcomed<S> {
    pub stream: Opened<S>,
    /// Its address: the one in the PROXY header, or that of the connection.
    pub client: SocketAddr,
    /// What the handshake said; `None` without TLS.
    pub tls: Option<TlsFacts>,
    /// Certificates that are not good in the eyes of their issuers, while others made the client welcome.
    pub invalid: Vec<InvalidLink>,
}

/// A stream at the start of the protocol.
pub enum Opened<S> {
    /// Without TLS.
    Plain {
        stream: S,
        /// What the client sent already.
        early: Vec<u8>,
    },
    /// Under TLS.
    Tls(Box<TlsStream<Prefixed<S>>>),
}

/// Why a client was sent away before its first protocol byte. It has been told what there is to tell.
#[derive(Debug, thiserror::Error)]
pub enum NotWelcome {
    #[error("maximum connections exceeded")]
    Full,
    #[error("TLS connection rate limit exceeded")]
    Throttled,
    #[error("TLS handshake timeout")]
    HandshakeTimeout,
    #[error("TLS handshake error: first record does not look like a TLS handshake")]
    NotTls,
    #[error("TLS handshake error: {0}")]
    Handshake(#[source] io::Error),
    #[error("TLS handshake error: certificate not pinned")]
    NotPinned,
    #[error("TLS handshake error: {NOT_OCSP_VALID}")]
    NotOcspValid(Vec<InvalidLink>, Vec<CertificateDer<'static>>),
    #[error("Error reading PROXY protocol header: {0}")]
    Proxy(#[from] ProxyError),
    #[error("Error reading PROXY protocol header: timeout")]
    ProxyTimeout,
    #[error("Error reading PROXY protocol header: {0}")]
    ProxyRead(#[source] io::Error),
    #[error("INFO could not be sent: {0}")]
    Write(#[source] io::Error),
}

impl NotWelcome {
    /// The closed reason that `/connz` and the disconnect event show.
    pub const fn closed_reason(&self) -> &'static str {
        match self {
            Self::Full | Self::Throttled => "Maximum Connections Exceeded",
            Self::HandshakeTimeout
            | Self::NotTls
            | Self::Handshake(_)
            | Self::NotPinned
            | Self::NotOcspValid(..) => "TLS Handshake Failure",
            Self::Proxy(_) | Self::ProxyTimeout | Self::ProxyRead(_) => "Protocol Violation",
            Self::Write(_) => "Write Error",
        }
    }

    /// Whether this is what load balancers and port scanners do all day, worth a debug line and no more.
    pub const fn is_probe(&self) -> bool {
        matches!(
            self,
            Self::HandshakeTimeout | Self::NotTls | Self::Throttled
        )
    }
}

/// Receives a client. `info` writes the INFO line for it.
///
/// # Errors
/// The client did not get as far as the protocol. The stream is gone then.
pub async fn welcome<S>(
    stream: S,
    peer: SocketAddr,
    door: &Door,
    info: impl Fn(&Hello) -> Vec<u8>,
) -> Result<Welcomed<S>, NotWelcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let guest = Guest {
        stream,
        early: Vec::new(),
        client: peer,
        client_known: !door.proxy_protocol,
    };
    guest.receive(door, info).await
}

/// Tells a client that there is no place for it: INFO, where that comes before TLS, and the reason, in the clear. No header is read
/// and no handshake is spent on it, as in the reference.
pub async fn turn_away<S>(
    stream: S,
    peer: SocketAddr,
    door: &Door,
    info: impl Fn(&Hello) -> Vec<u8>,
) -> NotWelcome
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut guest = Guest {
        stream,
        early: Vec::new(),
        client: peer,
        client_known: !door.proxy_protocol,
    };
    let mut words = match &door.tls {
        None => info(&guest.hello(false, false)),
        Some(policy) if policy.handshake_first == HandshakeFirst::Off => {
            let optional = policy.allow_non_tls || door.in_process;
            info(&guest.hello(!optional, optional))
        }
        Some(_) => Vec::new(),
    };
    words.extend_from_slice(wire::MAX_CONNECTIONS.as_bytes());
    match guest.send_off(&words).await {
        Ok(()) => NotWelcome::Full,
        Err(why) => why,
    }
}

/// A client on its way in.
struct Guest<S> {
    stream: S,
    /// Read and not yet used.
    early: Vec<u8>,
    client: SocketAddr,
    client_known: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guest<S> {
    async fn receive(
        mut self,
        door: &Door,
        info: impl Fn(&Hello) -> Vec<u8>,
    ) -> Result<Welcomed<S>, NotWelcome> {
        let Some(policy) = &door.tls else {
            let hello = self.hello(false, false);
            self.say(&info(&hello)).await?;
            self.pass_proxy(door).await?;
            return Ok(self.plain());
        };
        let optional = policy.allow_non_tls || door.in_process;
        let first = self.begins_with_tls(policy, door).await;
        if !first {
            let hello = self.hello(!optional, optional);
            self.say(&info(&hello)).await?;
        }
        let sniff = optional && !first;
        let mut tls = !sniff || self.sniffs_tls(policy).await;
        if self.pass_proxy(door).await? && sniff {
            // What was looked at was the header. The client's own first byte comes after it.
            tls = self.sniffs_tls(policy).await;
        }
        if !tls {
            return Ok(self.plain());
        }
        let hello = self.hello(true, false);
        let client = self.client;
        let (mut stream, facts) = self.shake_hands(policy, first).await?;
        let invalid = still_good(policy, &mut stream, &facts).await?;
        if first {
            let line = info(&hello);
            write(&mut stream, &line).await?;
        }
        Ok(Welcomed {
            stream: Opened::Tls(Box::new(stream)),
            client,
            tls: Some(facts),
            invalid,
        })
    }

    /// Whether TLS comes before INFO. In the automatic mode whoever says anything before INFO means TLS.
    async fn begins_with_tls(&mut self, policy: &TlsPolicy, door: &Door) -> bool {
        let wait = match policy.handshake_first {
            HandshakeFirst::Off => return false,
            HandshakeFirst::On if !door.in_process => return true,
            HandshakeFirst::On => IN_PROCESS_TLS_WAIT,
            HandshakeFirst::Auto(wait) => wait,
        };
        self.look(wait).await;
        !self.early.is_empty()
    }

    /// Whether the client's next byte begins a TLS handshake. A client that says nothing in the time for one does not mean TLS.
    async fn sniffs_tls(&mut self, policy: &TlsPolicy) -> bool {
        self.look(policy.timeout).await;
        self.early.first() == Some(&TLS_HANDSHAKE)
    }

    /// Takes a PROXY header off the front; whether there was one.
    async fn pass_proxy(&mut self, door: &Door) -> Result<bool, NotWelcome> {
        if !door.proxy_protocol {
            return Ok(false);
        }
        let header = timeout(PROXY_HEADER_WAIT, self.read_proxy());
        let (passed, addresses) = header.await.map_err(|_| NotWelcome::ProxyTimeout)??;
        if let Some(Addresses { source, .. }) = addresses {
            self.client = source;
        }
        self.client_known = true;
        Ok(passed)
    }

    async fn read_proxy(&mut self) -> Result<(bool, Option<Addresses>), NotWelcome> {
        loop {
            match proxy::parse(&self.early)? {
                Start::NoHeader => return Ok((false, None)),
                Start::NeedMore(_) => {
                    if self.read_more().await.map_err(NotWelcome::ProxyRead)? == 0 {
                        let eof = io::ErrorKind::UnexpectedEof.into();
                        return Err(NotWelcome::ProxyRead(eof));
                    }
                }
                Start::Header { len, addresses } => {
                    self.drop_front(len).await.map_err(NotWelcome::ProxyRead)?;
                    return Ok((true, addresses));
                }
            }
        }
    }

    /// Drops `len` bytes, also those that have not arrived yet.
    async fn drop_front(&mut self, len: usize) -> io::Result<()> {
        let here = len.min(self.early.len());
        self.early.drain(..here);
        let mut to_come = len - here;
        let mut void = [0; WELCOME_READ_BYTES];
        while to_come > 0 {
            let room = to_come.min(void.len());
            let n = self
                .stream
                .read(void.get_mut(..room).unwrap_or_default())
                .await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            to_come -= n.min(to_come);
        }
        Ok(())
    }

    async fn shake_hands(
        mut self,
        policy: &TlsPolicy,
        first: bool,
    ) -> Result<(TlsStream<Prefixed<S>>, TlsFacts), NotWelcome> {
        let throttled = |limit: &super::tls::rate::RateLimit| !limit.admit(Instant::now());
        if policy.rate_limit().is_some_and(throttled) {
            self.send_off(wire::THROTTLED.as_bytes()).await?;
            return Err(NotWelcome::Throttled);
        }
        let handshake = async {
            while self.early.is_empty() {
                if self.read_more().await.map_err(NotWelcome::Handshake)? == 0 {
                    let eof = io::ErrorKind::UnexpectedEof.into();
                    return Err(NotWelcome::Handshake(eof));
                }
            }
            // The library would answer with an alert that a client of another protocol takes for garbage.
            if self.early.first() != Some(&TLS_HANDSHAKE) {
                return Err(NotWelcome::NotTls);
            }
            TlsAcceptor::from(policy.config())
                .accept(Prefixed::new(self.early, self.stream))
                .await
                .map_err(NotWelcome::Handshake)
        };
        let stream = timeout(policy.timeout, handshake)
            .await
            .map_err(|_| NotWelcome::HandshakeTimeout)??;
        let facts = TlsFacts::of(stream.get_ref().1, first);
        if !policy.accepts_pinned(&facts) {
            return Err(NotWelcome::NotPinned);
        }
        Ok((stream, facts))
    }

    /// Waits until something is there, for `wait` at most. Neither silence nor an end of the stream is an error here.
    async fn look(&mut self, wait: Duration) {
        if self.early.is_empty() {
            let _ = timeout(wait, self.read_more()).await;
        }
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        self.early.reserve(WELCOME_READ_BYTES);
        let mut limited = (&mut self.stream).take(WELCOME_READ_BYTES as u64);
        limited.read_buf(&mut self.early).await
    }

    async fn say(&mut self, line: &[u8]) -> Result<(), NotWelcome> {
        write(&mut self.stream, line).await
    }

    /// The last words to a client. It may have spoken by now: reading that lets the words arrive before the reset.
    async fn send_off(&mut self, words: &[u8]) -> Result<(), NotWelcome> {
        self.say(words).await?;
        self.look(Duration::from_millis(1)).await;
        Ok(())
    }

    fn hello(&self, tls_required: bool, tls_available: bool) -> Hello {
        Hello {
            tls_required,
            tls_available,
            client: self.client_known.then_some(self.client),
        }
    }

    fn plain(self) -> Welcomed<S> {
        Welcomed {
            client: self.client,
            tls: None,
            invalid: Vec::new(),
            stream: Opened::Plain {
                stream: self.stream,
                early: self.early,
            },
        }
    }
}

/// Asks whether the client's certificates are still good, if the policy says so. The answer comes after the handshake, for the TLS
/// library cannot wait for it: the client hears why it has to go as a line of the protocol, where the reference sends it an alert.
async fn still_good<S: AsyncRead + AsyncWrite + Unpin>(
    policy: &TlsPolicy,
    stream: &mut S,
    facts: &TlsFacts,
) -> Result<Vec<InvalidLink>, NotWelcome> {
    let Some(peers) = policy.peers() else {
        return Ok(Vec::new());
    };
    let outcome = peers.check(&facts.certificates).await;
    if outcome.good {
        return Ok(outcome.invalid);
    }
    write(stream, format!("-ERR '{NOT_OCSP_VALID}'\r\n").as_bytes()).await?;
    let _ = timeout(WELCOME_WRITE_MAX, stream.shutdown()).await;
    Err(NotWelcome::NotOcspValid(
        outcome.invalid,
        facts.certificates.clone(),
    ))
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), line: &[u8]) -> Result<(), NotWelcome> {
    let sent = async {
        stream.write_all(line).await?;
        stream.flush().await
    };
    timeout(WELCOME_WRITE_MAX, sent)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(NotWelcome::Write)
}
