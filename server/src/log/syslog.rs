//! Lines for a syslog daemon, here or elsewhere.

use std::io::{self, Write as _};
use std::net::{TcpStream, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;

use super::line::Label;

/// Facility daemon.
const FACILITY: u8 = 3 << 3;

pub enum Syslog {
    #[cfg(unix)]
    Local(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    /// Connects to `udp://host:port` or `tcp://host:port`, or to the daemon of this machine.
    pub fn connect(address: Option<&str>) -> io::Result<Self> {
        match address.map(|a| a.split_once("://").unwrap_or(("udp", a))) {
            None => Self::local(),
            Some(("udp", to)) => {
                let socket = UdpSocket::bind(("0.0.0.0", 0))?;
                socket.connect(to)?;
                Ok(Self::Udp(socket))
            }
            Some(("tcp", to)) => TcpStream::connect(to).map(Self::Tcp),
            Some((scheme, _)) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("invalid network type: {scheme:?}"),
            )),
        }
    }

    #[cfg(unix)]
    fn local() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for path in ["/dev/log", "/var/run/syslog", "/var/run/log"] {
            match socket.connect(path) {
                Ok(()) => return Ok(Self::Local(socket)),
                Err(e) => last = e,
            }
        }
        Err(last)
    }

    #[cfg(not(unix))]
    fn local() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn write(&mut self, label: Label, text: &str) -> io::Result<()> {
        let severity = match label {
            Label::Fatal => 2,
            Label::Error => 3,
            Label::Warning => 4,
            Label::Info => 5,
            Label::Debug | Label::Trace => 7,
        };
        let line = format!(
            "<{}>nats-server[{}]: {text}\n",
            FACILITY | severity,
            std::process::id()
        );
        match self {
            #[cfg(unix)]
            Self::Local(s) => s.send(line.as_bytes()).map(drop),
            Self::Udp(s) => s.send(line.as_bytes()).map(drop),
            Self::Tcp(s) => s.write_all(line.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_daemon_gets_priority_and_text() {
        let daemon = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let address = format!("udp://{}", daemon.local_addr().unwrap());
        let mut syslog = Syslog::connect(Some(&address)).unwrap();
        syslog.write(Label::Warning, "hot").unwrap();
        let mut buf = [0; 200];
        let n = daemon.recv(&mut buf).unwrap();
        let text = String::from_utf8_lossy(&buf[..n]).into_owned();
        assert!(
            text.starts_with("<28>nats-server[") && text.ends_with("]: hot\n"),
            "{text}"
        );
        assert!(Syslog::connect(Some("ftp://x:1")).is_err());
    }
}
