//! A little account server over HTTP, which can also misbehave.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How it answers.
#[derive(Debug, Clone, Default)]
pub enum Manner {
    /// Takes what it gets, and gives what it has.
    #[default]
    Good,
    /// Signs what it gets before it stores it: as the operator of a managed store.
    Signing(String),
    /// These bytes to everything, and hangs up.
    Raw(Vec<u8>),
    /// Longer than anybody may send.
    Endless,
}

#[derive(Debug, Default)]
struct State {
    manner: Manner,
    /// Path to body.
    documents: BTreeMap<String, String>,
    requests: Vec<String>,
}

/// Serves until the test is over: its thread ends with the process.
pub struct AccountServer {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl AccountServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!(
            "http://{}/jwt/v1",
            listener.local_addr().expect("an address")
        );
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away is nothing to fail for.
                let _ = serve(stream, &shared);
            }
        });
        Self { url, state }
    }

    pub fn behave(&self, manner: Manner) {
        self.state.lock().expect("no panic").manner = manner;
    }

    /// What it has at `/operator` or `/accounts/KEY`.
    pub fn put(&self, path: &str, body: &str) {
        let path = format!("/jwt/v1{path}");
        let mut state = self.state.lock().expect("no panic");
        state.documents.insert(path, body.to_owned());
    }

    pub fn get(&self, path: &str) -> Option<String> {
        let state = self.state.lock().expect("no panic");
        state.documents.get(&format!("/jwt/v1{path}")).cloned()
    }

    /// `METHOD path` of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().expect("no panic").requests.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let mut stream = reader.into_inner();
    let mut state = state.lock().expect("no panic");
    state.requests.push(format!("{method} {path}"));
    let answer = match (state.manner.clone(), method.as_str()) {
        (Manner::Raw(bytes), _) => return stream.write_all(&bytes),
        (Manner::Endless, _) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            drop(state);
            let chunk = [b'A'; 64 << 10];
            while stream.write_all(&chunk).is_ok() {}
            return Ok(());
        }
        (manner, "POST") => {
            let stored = match manner {
                Manner::Signing(seed) => signed(&seed, &body),
                _ => body,
            };
            state.documents.insert(path, stored);
            Some("jwt was stored".to_owned())
        }
        _ => state.documents.get(&path).cloned(),
    };
    let (status, body) = match answer {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", "not here".to_owned()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The account of `token`, signed by the operator whose seed this is.
fn signed(seed: &str, token: &str) -> String {
    let pair = nats_jwt::nkey::KeyPair::from_seed(seed).expect("a seed");
    let claims = nats_jwt::claims::AccountClaims::decode(token).expect("an account");
    claims.encode(&pair, 1_800_000_000).expect("signed")
}
