//! Server addresses as users write them.

use std::fmt;

use nats_jwt::secret::Secret;
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::error::ConnectError;

/// Port of servers that name none.
pub const DEFAULT_PORT: u16 = 4222;
/// Where a client connects when nothing is said.
pub const DEFAULT_URL: &str = "nats://127.0.0.1:4222";

/// Where a server listens and what the address says about connecting to it.
///
/// Understood are `nats://host:port`, `tls://host:port`, `host:port` and `host` (port 4222), each with `user:password@`
/// or `token@` in front of the host. Printing it leaves the credentials out.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUrl {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) user_info: Option<UserInfo>,
}

/// Credentials in an address.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum UserInfo {
    Token(Secret),
    Password { user: String, password: Secret },
}

impl ServerUrl {
    /// Reads one address.
    ///
    /// # Errors
    /// When it is none, or of a transport that this client does not speak (WebSocket).
    pub fn parse(text: &str) -> Result<Self, ConnectError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
        let fail = |problem: &str| ConnectError::Url {
            url: without_user_info(text),
            problem: problem.to_owned(),
        };
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "nats" | "tcp" => false,
            "tls" | "nats+tls" => true,
            "ws" | "wss" => {
                return Err(fail(
                    "WebSocket connections are not supported yet; use a nats:// or tls:// address",
                ));
            }
            _ => return Err(fail("unknown scheme; use nats:// or tls://")),
        };
        if rest.is_empty() {
            return Err(fail("no host"));
        }
        let url = Url::parse(&format!("nats://{rest}"))
            .map_err(|error| fail(&format!("not an address: {error}")))?;
        let host = match url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(Host::Ipv4(ip)) => ip.to_string(),
            // The scheme is not one that the URL standard knows, so the name comes as it was written, percent
            // signs included.
            Some(Host::Domain(name)) if !name.is_empty() => decoded(name),
            _ => return Err(fail("no host")),
        };
        if host.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(fail("blank or control byte in the host name"));
        }
        Ok(Self {
            host,
            port: url.port().unwrap_or(DEFAULT_PORT),
            tls,
            user_info: user_info(&url),
        })
    }

    /// Reads a list separated by commas.
    ///
    /// # Errors
    /// As [`ServerUrl::parse`] for the first bad one, and when the list is empty.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ConnectError> {
        let urls: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Self::parse)
            .collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(ConnectError::NoServers);
        }
        Ok(urls)
    }

    /// The same server under another name or address (without brackets), with the same port and credentials.
    pub fn with_host(&self, host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            ..self.clone()
        }
    }

    /// Host name or IP address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the address asks for TLS.
    pub fn wants_tls(&self) -> bool {
        self.tls
    }

    /// `host:port` as a dialler takes it.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn user_info(url: &Url) -> Option<UserInfo> {
    let user = decoded(url.username());
    match url.password() {
        Some(password) => Some(UserInfo::Password {
            user,
            password: Secret::from(decoded(password)),
        }),
        None if user.is_empty() => None,
        None => Some(UserInfo::Token(Secret::from(user))),
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// For error texts about an address that could not be read.
fn without_user_info(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}[REDACTED]@{host}"),
        None => text.to_owned(),
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "nats" };
        write!(f, "{scheme}://{}", self.address())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ServerUrl {
    type Err = ConnectError;

    fn from_str(text: &str) -> Result<Self, ConnectError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_address_is_read() {
        let table = [
            ("nats://a.example:4333", "nats://a.example:4333"),
            ("a.example:4333", "nats://a.example:4333"),
            ("a.example", "nats://a.example:4222"),
            ("localhost", "nats://localhost:4222"),
            ("tls://a.example", "tls://a.example:4222"),
            ("127.0.0.1", "nats://127.0.0.1:4222"),
            ("[::1]:4223", "nats://[::1]:4223"),
            ("nats://[::1]", "nats://[::1]:4222"),
            (" nats://a:1 ", "nats://a:1"),
            ("NATS://a/", "nats://a:4222"),
            ("user:pass@host:1", "nats://host:1"),
            ("token@host", "nats://host:4222"),
        ];
        for (text, shown) in table {
            assert_eq!(ServerUrl::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_printed() {
        let url = ServerUrl::parse("nats://de%40rek:p%3Aw@h:1").unwrap();
        assert!(
            url.user_info
                == Some(UserInfo::Password {
                    user: "de@rek".into(),
                    password: Secret::from("p:w".to_owned())
                })
        );
        let token = ServerUrl::parse("s3cret@h").unwrap();
        assert!(token.user_info == Some(UserInfo::Token(Secret::from("s3cret".to_owned()))));
        for shown in [format!("{url} {url:?}"), format!("{token} {token:?}")] {
            assert!(
                !shown.contains("p:w") && !shown.contains("s3cret"),
                "{shown}"
            );
        }
    }

    #[test]
    fn addresses_that_cannot_be_used_are_refused_without_their_credentials() {
        for text in [
            "",
            "nats://",
            "ws://h:1",
            "wss://u:s3cret@h",
            "http://h",
            "nats://h:99999",
            "nats://u:s3cret@h:x",
            "h ost",
        ] {
            let error = ServerUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(matches!(
            ServerUrl::parse_list(" , "),
            Err(ConnectError::NoServers)
        ));
        assert_eq!(ServerUrl::parse_list("a, b:1,tls://c").unwrap().len(), 3);
    }
}
