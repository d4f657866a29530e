//! Accepting clients.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::transport::{Stream, Tcp};
use super::{Door, Hello, NotWelcome, Opened, shell, turn_away, welcome};
use crate::conn::{ClosedReason, Host, Session, Shared, TlsFacts};
use crate::limits::{ACCEPT_RETRY_MAX, LISTEN_BACKLOG};
use crate::ocsp::InvalidLink;

/// What a listener asks of the server for every connection.
pub trait Admit: Host {
    /// A name for a new connection, and a place if there is one.
    fn admit(self: Arc<Self>, remote: SocketAddr) -> Admitted;
    /// How clients are received now.
    fn door(&self) -> Arc<Door>;
    /// The INFO line that opens the connection.
    fn first_info(&self, to: &Shared, hello: &Hello) -> Vec<u8>;
    /// A client did not get as far as the protocol.
    fn not_welcome(self: Arc<Self>, client: &Arc<Shared>, why: &NotWelcome);
    /// Certificates of a client that got in all the same are not good in the eyes of their issuers.
    fn certificates_invalid(&self, links: &[InvalidLink]);
    fn accept_failed(&self, error: &io::Error, retry: Duration);
}

/// A new connection as the server takes it.
pub enum Admitted {
    /// It has a place among the connections.
    Placed(Arc<Shared>),
    /// There are as many as allowed: this one is to be sent away.
    Surplus(Arc<Shared>),
}

/// A port that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "Error listening on port: {address}, \"listen tcp {address}: bind: {}\"",
    reason(source)
)]
pub struct ListenError {
    pub address: String,
    #[source]
    pub source: io::Error,
}

/// The system's words without its number.
fn reason(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => source.to_string(),
    }
}

/// An open port.
pub struct Listening {
    listener: TcpListener,
}

/// A port that is taken and on which nobody is listened to yet: who connects is refused, and tries another server instead of waiting.
pub struct Bound {
    socket: TcpSocket,
    pub address: SocketAddr,
}

impl Bound {
    /// Takes `host:port`; port 0 is any free one.
    ///
    /// # Errors
    /// When the name does not resolve or the port is taken.
    pub async fn open(host: &str, port: u16) -> Result<Self, ListenError> {
        let address = match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        };
        let failed = |source| ListenError {
            address: address.clone(),
            source,
        };
        let socket = bind(host, port).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// From now on clients are heard.
    ///
    /// # Errors
    /// When the system says no; another one may have been faster.
    pub fn listen(self) -> Result<Listening, ListenError> {
        let address = self.address;
        let listener = self.socket.listen(LISTEN_BACKLOG);
        let listener = listener.map_err(|source| ListenError {
            address: address.to_string(),
            source,
        })?;
        Ok(Listening { listener })
    }
}

impl Listening {
    /// Accepts clients until the future is dropped.
    pub async fn serve<A: Admit>(self, server: Arc<A>) {
        let mut retry = Duration::from_millis(10);
        loop {
            match self.listener.accept().await {
                Ok((stream, remote)) => {
                    retry = Duration::from_millis(10);
                    tokio::spawn(client(server.clone(), stream, remote));
                }
                Err(e) => {
                    server.accept_failed(&e, retry);
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(ACCEPT_RETRY_MAX);
                }
            }
        }
    }
}

/// Listens on the first address of `host` that can be had. As many connections as the system lets may wait to be accepted: with the
/// usual 128 some clients of a crowd see their first packet lost, and wait a second.
///
/// # Errors
/// When the name does not resolve or no address is free.
pub async fn listen(host: &str, port: u16) -> io::Result<TcpListener> {
    bind(host, port).await?.listen(LISTEN_BACKLOG)
}

/// Takes the first address of `host` that can be had.
async fn bind(host: &str, port: u16) -> io::Result<TcpSocket> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in tokio::net::lookup_host((host, port)).await? {
        match bind_to(address) {
            Ok(socket) => return Ok(socket),
            Err(e) => failed = e,
        }
    }
    Err(failed)
}

fn bind_to(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A server that starts again finds its port, though connections of the one before linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// One client from its first byte to its last. Both parts are on the heap: the first is gone when the connection is quiet.
async fn client<A: Admit>(server: Arc<A>, stream: TcpStream, peer: SocketAddr) {
    if let Some(life) = Box::pin(receive(server, stream, peer)).await {
        life.await;
    }
}

type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Receives a client; `None` if it does not get as far as the protocol.
async fn receive<A: Admit>(server: Arc<A>, stream: TcpStream, peer: SocketAddr) -> Option<Life> {
    let _ = stream.set_nodelay(true);
    let (shared, placed) = match server.clone().admit(peer) {
        Admitted::Placed(shared) => (shared, true),
        Admitted::Surplus(shared) => (shared, false),
    };
    let info = |hello: &Hello| server.first_info(&shared, hello);
    let door = server.door();
    let received = match placed {
        true => welcome(stream, peer, &door, info).await,
        false => Err(turn_away(stream, peer, &door, info).await),
    };
    let welcomed = match received {
        Ok(welcomed) => welcomed,
        Err(why) => {
            server.clone().not_welcome(&shared, &why);
            if shared.set_closed(reason_of(&why), SystemTime::now()) {
                server.disconnected(&shared, reason_of(&why));
            }
            return None;
        }
    };
    if !welcomed.invalid.is_empty() {
        server.certificates_invalid(&welcomed.invalid);
    }
    if welcomed.client != peer {
        shared.set_proxied(welcomed.client);
    }
    shared.state.lock().tls = welcomed.tls.map(|t| {
        Arc::new(TlsFacts {
            version: t.version,
            cipher: t.cipher_suite,
            first: t.first,
            certificates: t.certificates,
        })
    });
    let host: Arc<dyn Host> = server;
    let mut session = Session::new(host, shared, Instant::now());
    match welcomed.stream {
        Opened::Plain { stream, early } => {
            session.early(early, Instant::now());
            Some(Box::pin(shell::run(session, Tcp(stream))))
        }
        Opened::Tls(stream) => Some(Box::pin(shell::run(session, Stream::new(stream)))),
    }
}

fn reason_of(why: &NotWelcome) -> ClosedReason {
    match why {
        NotWelcome::Full | NotWelcome::Throttled => ClosedReason::MaxConnectionsExceeded,
        NotWelcome::HandshakeTimeout
        | NotWelcome::NotTls
        | NotWelcome::Handshake(_)
        | NotWelcome::NotPinned
        | NotWelcome::NotOcspValid(..) => ClosedReason::TlsHandshakeError,
        NotWelcome::Proxy(_) | NotWelcome::ProxyTimeout | NotWelcome::ProxyRead(_) => {
            ClosedReason::ProtocolViolation
        }
        NotWelcome::Write(_) => ClosedReason::WriteError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_before_the_server_listens_is_refused_and_does_not_wait() {
        let bound = Bound::open("127.0.0.1", 0).await.unwrap();
        let address = bound.address;
        let early = tokio::net::TcpStream::connect(address).await;
        assert_eq!(early.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let listening = bound.listen().unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_ok());
        assert!(Bound::open("127.0.0.1", address.port()).await.is_err());
        drop(listening);
    }
}
