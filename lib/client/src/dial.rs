//! TCP to a server, directly or through a SOCKS5 proxy.

use std::net::SocketAddr;
use std::time::Duration;

use nats_jwt::secret::Secret;
use tokio::net::TcpStream;
use tokio_socks::tcp::Socks5Stream;

use crate::error::ConnectError;
use crate::options::Options;
use crate::server_url::{ServerUrl, UserInfo};

/// A SOCKS5 proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    address: String,
    login: Option<(String, Secret)>,
}

const SOCKS_PORT: u16 = 1080;

impl Proxy {
    /// Reads `socks5://[user:password@]host[:port]`; `socks5h` and no scheme at all mean the same. The proxy resolves
    /// names.
    pub(crate) fn parse(text: &str) -> Result<Self, ConnectError> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("socks5", text));
        if !matches!(scheme.to_ascii_lowercase().as_str(), "socks5" | "socks5h") {
            return Err(ConnectError::Url {
                url: format!("{scheme}://…"),
                problem: "not a SOCKS5 proxy; use socks5://host:port".to_owned(),
            });
        }
        let mut url = ServerUrl::parse(rest)?;
        if !names_port(rest) {
            url.port = SOCKS_PORT;
        }
        let login = match url.user_info.take() {
            Some(UserInfo::Password { user, password }) => Some((user, password)),
            Some(UserInfo::Token(user)) => Some((user.reveal().to_owned(), Secret::default())),
            None => None,
        };
        Ok(Self {
            address: url.address(),
            login,
        })
    }
}

/// Whether the part behind the last bracket or at sign holds a port.
fn names_port(rest: &str) -> bool {
    let host = rest.rsplit(['@', ']']).next().unwrap_or(rest);
    host.contains(':')
}

/// Opens a connection to `server`. The caller bounds the whole; several addresses of one name share the time.
pub(crate) async fn dial(options: &Options, server: &ServerUrl) -> std::io::Result<TcpStream> {
    match &options.proxy {
        Some(proxy) => through(proxy, server).await,
        None => direct(options, server).await,
    }
}

async fn through(proxy: &Proxy, server: &ServerUrl) -> std::io::Result<TcpStream> {
    let target = (server.host.as_str(), server.port);
    let at = proxy.address.as_str();
    let stream = match &proxy.login {
        Some((user, password)) => {
            Socks5Stream::connect_with_password(at, target, user, password.reveal()).await
        }
        None => Socks5Stream::connect(at, target).await,
    };
    stream
        .map(Socks5Stream::into_inner)
        .map_err(|error| std::io::Error::other(format!("SOCKS5 proxy {at}: {error}")))
}

async fn direct(options: &Options, server: &ServerUrl) -> std::io::Result<TcpStream> {
    let mut addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((server.host.as_str(), server.port))
            .await?
            .collect();
    if options.randomize {
        fastrand::shuffle(&mut addresses);
    }
    // An address that does not answer leaves time for the others.
    let share = u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let each = (options.connect_timeout / share).max(Duration::from_millis(50));
    let mut last = std::io::Error::new(
        std::io::ErrorKind::NotFound,
        format!("no address found for {}", server.host),
    );
    for address in addresses {
        last = match tokio::time::timeout(each, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_) => std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                format!("no answer from {address}"),
            ),
        };
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_addresses_are_read() {
        for (text, address, user) in [
            ("socks5://p.example:1081", "p.example:1081", None),
            ("socks5h://p.example", "p.example:1080", None),
            ("127.0.0.1:9", "127.0.0.1:9", None),
            ("socks5://u:p@[::1]", "[::1]:1080", Some("u")),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.address, address, "{text}");
            assert_eq!(proxy.login.map(|(user, _)| user).as_deref(), user);
        }
        assert!(Proxy::parse("http://p.example").is_err());
        assert!(Proxy::parse("socks5://").is_err());
    }
}
