//! Addresses: what to listen on, and URLs of other servers.

use super::Secret;

/// An address to bind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Host name or address; `0.0.0.0` for all.
    pub host: String,
    /// Port; 0 means any free port.
    pub port: u16,
}

/// Where a subsystem listens, if it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Host name or address; `0.0.0.0` for all.
    pub host: String,
    /// Port; `None` does not listen, `Some(0)` is any free port.
    pub port: Option<u16>,
}

impl Listener {
    /// Takes over what a `listen` key says.
    pub(super) fn set(&mut self, host: String, port: Option<u16>) {
        self.host = host_or_any(host);
        self.port = port;
    }
}

/// `host`, or every address of the machine.
pub(super) fn host_or_any(host: String) -> String {
    if host.is_empty() {
        ANY_HOST.to_owned()
    } else {
        host
    }
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            host: ANY_HOST.to_owned(),
            port: None,
        }
    }
}

/// Every address of the machine.
pub(super) const ANY_HOST: &str = "0.0.0.0";

/// The URL of another server. Its password shows in no output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// `nats`, `tls`, `nats-route`, `ws`, `wss`, `http`, …; empty when the text has none.
    pub scheme: String,
    /// User name, percent-decoded.
    pub user: Option<String>,
    /// Password, percent-decoded.
    pub password: Option<Secret>,
    /// Host without brackets.
    pub host: String,
    /// Port, if the text names one.
    pub port: Option<u16>,
    /// Everything from the first `/` after the host, `?query` included.
    pub path: String,
}

impl ServerUrl {
    /// Reads a URL as leniently as the reference does.
    ///
    /// # Errors
    /// In words, when the text is no URL: a control character, a port that is no number, a bad escape, an open bracket.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().any(|character| character.is_ascii_control()) {
            return Err("it holds a control character".to_owned());
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => return Self::without_authority(text),
        };
        let valid = scheme
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character));
        if !valid || !scheme.starts_with(|character: char| character.is_ascii_alphabetic()) {
            return Err(format!("{scheme:?} is no scheme"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| (login, login.split_once(':'))) {
            None => (None, None),
            Some((user, None)) => (Some(unescaped(user)?), None),
            Some((_, Some((user, password)))) => (
                Some(unescaped(user)?),
                Some(Secret::new(unescaped(password)?)),
            ),
        };
        let (host, port) = split_address(address)?;
        Ok(Self {
            scheme: scheme.to_ascii_lowercase(),
            user,
            password,
            host,
            port,
            path: path.to_owned(),
        })
    }

    /// Text without `//`: the reference takes it for a path, or for a scheme with something opaque behind it.
    fn without_authority(text: &str) -> Result<Self, String> {
        if text.starts_with(':') {
            return Err("it has no scheme".to_owned());
        }
        let digit_first = text.starts_with(|character: char| character.is_ascii_digit());
        if digit_first
            && text
                .split('/')
                .next()
                .is_some_and(|segment| segment.contains(':'))
        {
            return Err("its first part holds a colon".to_owned());
        }
        let empty = String::new;
        Ok(Self {
            scheme: empty(),
            user: None,
            password: None,
            host: empty(),
            port: None,
            path: text.to_owned(),
        })
    }
}

impl std::fmt::Display for ServerUrl {
    /// The URL without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.scheme.is_empty() {
            write!(f, "{}://", self.scheme)?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(&self.path)
    }
}

fn split_address(address: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = if let Some(inside) = address.strip_prefix('[') {
        inside.split_once(']').ok_or("a bracket is not closed")?
    } else {
        match address.rfind(':') {
            Some(colon) => address.split_at(colon),
            None => (address, ""),
        }
    };
    if host.contains(' ') {
        return Err("its host holds a space".to_owned());
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(
            digits
                .parse()
                .map_err(|_| format!("port {digits} is too big"))?,
        ),
        _ => return Err(format!("{port:?} is no port")),
    };
    Ok((unescaped(host)?, port))
}

/// Resolves `%HH`.
fn unescaped(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter();
    while let Some(byte) = rest.next() {
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let mut digit = || {
            rest.next()
                .and_then(|digit| char::from(*digit).to_digit(16))
        };
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high << 4 | low).unwrap_or(u8::MAX)),
            _ => return Err("it holds a bad % escape".to_owned()),
        }
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}
