//! An authorization service as a test needs it: asked on `$SYS.REQ.USER.AUTH`, it answers what the test decides.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread::JoinHandle;

use nats_jwt::claims::{AuthorizationRequestClaims, AuthorizationResponseClaims, UserClaims};
use nats_jwt::nkey::{CurveKey, KeyPair, PublicKey};

use crate::Wire;
use crate::trust::{User, now};

/// Fields of CONNECT for the user `auth` of a configured service.
pub const SERVICE: &str = r#""user":"auth","pass":"auth","headers":true,"no_responders":true"#;

/// What a service makes of a request: the body of the answer, or none.
pub type Decide = Box<dyn Fn(&AuthorizationRequestClaims) -> Option<Vec<u8>> + Send>;

/// Answers requests until the connection ends.
pub struct Service {
    socket: TcpStream,
    thread: Option<JoinHandle<()>>,
    pub seen: mpsc::Receiver<AuthorizationRequestClaims>,
}

/// It is gone, and answers nobody any more.
impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Service {
    /// Listens on this connection; with a key, opens requests and seals answers.
    pub fn start(mut wire: Wire, curve: Option<CurveKey>, decide: Decide) -> Self {
        wire.subscribe("$SYS.REQ.USER.AUTH", "1");
        wire.flush();
        let socket = wire.socket().try_clone().expect("a socket");
        let (sender, seen) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            wire.set_patience(std::time::Duration::from_secs(20));
            while let Some((reply, header, body)) = next_request(&mut wire) {
                let server = header
                    .lines()
                    .find_map(|line| line.strip_prefix("Nats-Server-Xkey: "))
                    .map(|key| PublicKey::parse(key.trim()).expect("a curve key"));
                let token = match (&curve, server) {
                    (Some(curve), Some(server)) => {
                        curve.open(&body, &server).expect("sealed for us")
                    }
                    _ => body,
                };
                let token = String::from_utf8(token).expect("a token");
                let request = AuthorizationRequestClaims::decode(&token).expect("genuine");
                let answer = decide(&request);
                let _ = sender.send(request);
                let Some(answer) = answer else { continue };
                let answer = match (&curve, server) {
                    (Some(curve), Some(server)) => curve.seal(&answer, &server).expect("sealed"),
                    _ => answer,
                };
                let head = format!("PUB {reply} {}\r\n", answer.len());
                wire.send([head.as_bytes(), &answer, b"\r\n"].concat());
            }
        });
        Self {
            socket,
            thread: Some(thread),
            seen,
        }
    }

    /// The request that was answered next.
    #[track_caller]
    pub fn last(&self) -> AuthorizationRequestClaims {
        let patience = std::time::Duration::from_secs(10);
        self.seen.recv_timeout(patience).expect("a request")
    }
}

/// Reply subject, headers and body of the next message; none when the connection ends.
pub fn next_request(wire: &mut Wire) -> Option<(String, String, Vec<u8>)> {
    loop {
        let line = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wire.read_line()));
        let line = line.ok().filter(|line| !line.is_empty())?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (header, total) = match words.as_slice() {
            ["HMSG", _, _, _, header, total] => (header.parse().ok()?, total.parse().ok()?),
            ["MSG", _, _, _, total] => (0, total.parse().ok()?),
            ["PING"] => {
                wire.send("PONG\r\n");
                continue;
            }
            _ => continue,
        };
        let mut bytes = wire.read_exact(total + 2);
        bytes.truncate(total);
        let body = bytes.split_off(header);
        return Some((words[3].to_owned(), String::from_utf8(bytes).ok()?, body));
    }
}

/// The answer in which `issuer` lets the user in.
pub fn yes(
    request: &AuthorizationRequestClaims,
    issuer: &KeyPair,
    change: impl FnOnce(&mut UserClaims),
) -> Vec<u8> {
    let mut user = UserClaims::new(request.nats.user_nkey.clone());
    change(&mut user);
    let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
    answer.audience = request.nats.server.id.clone();
    answer.nats.jwt = user.encode(issuer, now()).expect("signed");
    answer.encode(issuer, now()).expect("signed").into_bytes()
}

/// An answer by `issuer` around this user's token.
pub fn answer_with(
    request: &AuthorizationRequestClaims,
    issuer: &KeyPair,
    user: &UserClaims,
    signer: &KeyPair,
) -> Vec<u8> {
    let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
    answer.audience = request.nats.server.id.clone();
    answer.nats.jwt = user.encode(signer, now()).expect("signed");
    answer.encode(issuer, now()).expect("signed").into_bytes()
}

/// An answer that says why not.
pub fn no(request: &AuthorizationRequestClaims, issuer: &KeyPair, reason: &str) -> Vec<u8> {
    let mut answer = AuthorizationResponseClaims::new(request.nats.user_nkey.clone());
    answer.audience = request.nats.server.id.clone();
    answer.nats.error = reason.to_owned();
    answer.encode(issuer, now()).expect("signed").into_bytes()
}

/// A connection of a service that an account's claims name.
#[track_caller]
pub fn open_service(user: &User, server: &crate::Server) -> Wire {
    let mut wire = Wire::connect(server);
    let fields = user.fields(&wire);
    wire.login(&format!("{fields},\"headers\":true,\"no_responders\":true"));
    wire
}

/// The same key once more.
pub fn copy(key: &KeyPair) -> KeyPair {
    KeyPair::from_seed(key.seed().reveal()).expect("a seed")
}
