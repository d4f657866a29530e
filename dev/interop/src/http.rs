//! The smallest HTTP client that reads a monitoring page.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::server::PATIENCE;

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Status line and header lines.
    pub head: String,
    pub body: Vec<u8>,
}

/// Sends a GET request and reads the whole answer.
///
/// # Panics
/// When the server does not answer with a complete HTTP message.
#[track_caller]
pub fn fetch(addr: SocketAddr, path: &str) -> Answer {
    request(
        addr,
        &format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\n\r\n"),
    )
}

/// Sends these bytes and reads until the server closes the connection.
#[track_caller]
pub fn request(addr: SocketAddr, text: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).expect("the monitoring port accepts");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a positive timeout");
    stream
        .write_all(text.as_bytes())
        .expect("the monitoring port reads");
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .expect("the monitoring port answers");
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no HTTP header in {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("no HTTP status in {head:?}"));
    Answer {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
    }
}
