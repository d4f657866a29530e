//! A server whose every line the test writes.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::soon;

pub struct FakeServer {
    listener: TcpListener,
}

/// One accepted connection.
pub struct Peer {
    stream: BufReader<TcpStream>,
}

impl FakeServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener }
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.listener.local_addr().expect("an address"))
    }

    pub fn address(&self) -> String {
        self.listener.local_addr().expect("an address").to_string()
    }

    /// The next connection, before anything is said.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = soon("a connection", self.listener.accept())
            .await
            .expect("accept");
        Peer {
            stream: BufReader::new(stream),
        }
    }

    /// The next connection, let in. Returns the CONNECT line as well.
    pub async fn accept_client(&self) -> (Peer, String) {
        self.accept_with("").await
    }

    /// The same with more INFO fields (`,"key":value`).
    pub async fn accept_with(&self, fields: &str) -> (Peer, String) {
        let mut peer = self.accept().await;
        peer.say(&info(fields)).await;
        let connect = peer.line().await;
        assert_eq!(peer.line().await, "PING");
        peer.say("PONG\r\n").await;
        (peer, connect)
    }
}

/// An INFO line with more fields (`,"key":value`).
pub fn info(fields: &str) -> String {
    format!(
        "INFO {{\"server_id\":\"F\",\"version\":\"2.15.0\",\"proto\":1,\"headers\":true,\"max_payload\":1048576{fields}}}\r\n"
    )
}

impl Peer {
    pub async fn say(&mut self, text: &str) {
        self.stream
            .get_mut()
            .write_all(text.as_bytes())
            .await
            .expect("write to the client");
    }

    /// The socket itself, for servers that do not talk. What was read ahead is lost.
    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }

    /// The next line of the client, without its end. Keep-alive pings are answered by the test.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        soon("a line of the client", self.stream.read_line(&mut line))
            .await
            .expect("read from the client");
        line.trim_end_matches("\r\n").to_owned()
    }

    /// The next `count` bytes.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        soon("bytes of the client", self.stream.read_exact(&mut bytes))
            .await
            .expect("read from the client");
        bytes
    }

    /// Everything until the client closes.
    pub async fn rest(&mut self) -> String {
        let mut text = String::new();
        let _ = soon("the client closes", self.stream.read_to_string(&mut text)).await;
        text
    }

    /// Answers pings until another line comes.
    pub async fn line_after_pings(&mut self) -> String {
        loop {
            let line = self.line().await;
            if line != "PING" {
                return line;
            }
            self.say("PONG\r\n").await;
        }
    }
}
