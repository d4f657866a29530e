//! Tests S15 and S33 of the reliability record: what one TLS listener gives is worth nothing at another, and refusals do not tell
//! by their time who exists.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_interop::binary::is_reference;
use nats_interop::tls::{Authority, Versions};
use nats_interop::{Launch, Server, Wire};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};

/// True when the client port lets this client in after a handshake.
fn is_let_in(server: &Server, config: &Arc<ClientConfig>) -> bool {
    let Ok(mut wire) = Wire::connect(server).try_start_tls(config) else {
        return false;
    };
    wire.send_connect("");
    let _ = wire.try_send(b"PING\r\n");
    let mut got = String::new();
    while !wire.is_closed() && !got.contains("PONG") {
        got.push_str(&wire.read_for(Duration::from_millis(20)));
    }
    got.contains("PONG")
}

/// Fetches a page over HTTPS; yields how the handshake went.
fn fetch(address: SocketAddr, config: &Arc<ClientConfig>) -> Option<HandshakeKind> {
    let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
    let session = ClientConnection::new(Arc::clone(config), name).expect("a session");
    let stream = TcpStream::connect(address).expect("the page's port is open");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a positive timeout");
    let mut tls = StreamOwned::new(session, stream);
    tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("written");
    let mut answer = Vec::new();
    let _ = tls.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    tls.conn.handshake_kind()
}

/// S15: the client port wants certificates, the monitoring port does not. A session made there does not lead in here.
#[test]
fn s15_a_session_of_the_monitoring_port_is_no_way_into_the_client_port() {
    let authority = Authority::new("authority");
    let launch = Launch::new(
        "https: \"127.0.0.1:-1\"\ntls { cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem', ca_file: '$DIR/ca.pem', verify: true }",
    )
    .allow_log("(?i)tls|monitor")
    .file("ca.pem", &authority.pem());
    authority.server().write(launch.dir(), "server");
    let server = launch.start();
    for versions in [Versions::Only12, Versions::Only13] {
        let nobody = authority.client_config(None, versions);
        // The second visit shows whether there is a session to carry over.
        fetch(server.monitor_addr(), &nobody);
        let second = fetch(server.monitor_addr(), &nobody);
        println!("second visit of the pages: {second:?}");
        assert!(!is_let_in(&server, &nobody));
    }
}

/// S15: the authority of clients changes by a reload. What the old one vouched for is worth nothing, session or not.
#[test]
fn s15_a_certificate_of_a_former_authority_is_refused_after_a_reload() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let config = |ca: &str| {
        format!(
            "tls {{ cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem', ca_file: '$DIR/{ca}.pem', verify: true }}"
        )
    };
    let launch = Launch::new(&config("old"))
        .allow_log("(?i)tls")
        .file("old.pem", &old.pem())
        .file("new.pem", &new.pem());
    old.server().write(launch.dir(), "server");
    let (known, stranger) = (old.client("known"), new.client("stranger"));
    let server = launch.start();
    for versions in [Versions::Only12, Versions::Only13] {
        // Both trust the server's certificate, which stays that of the old authority.
        let by_old = old.client_config(Some(&known), versions);
        let by_new = old.client_config(Some(&stranger), versions);
        server.reload(&config("old"));
        assert!(is_let_in(&server, &by_old) && is_let_in(&server, &by_old));
        assert!(!is_let_in(&server, &by_new));
        server.reload(&config("new"));
        assert!(!is_let_in(&server, &by_old));
        assert!(is_let_in(&server, &by_new));
    }
}

/// How long the server takes to refuse this login.
fn refusal_time(server: &Server, user: &str) -> Duration {
    let mut wire = Wire::connect(server);
    let begun = Instant::now();
    wire.send_connect(&format!(r#""user":"{user}","pass":"a wrong guess""#));
    wire.read_to_close();
    begun.elapsed()
}

/// S33: refusing somebody who does not exist takes the work of refusing somebody who does.
///
/// A hash costs fifty times what the rest costs. Noise only ever adds time, so the shortest of several looks, taken in turn, is close
/// to what the work takes; an answer without that work would be far below a fifth.
#[test]
fn s33_refusals_take_as_long_for_unknown_users() {
    if is_reference() {
        // It refuses unknown users at once.
        return;
    }
    let hash = bcrypt::hash("right", 10).expect("a hash");
    let server = Launch::new(&format!(
        "authorization {{ timeout: 30, users: [ {{ user: known, password: \"{hash}\" }} ] }}"
    ))
    .allow_log("authentication error")
    .start();
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for _ in 0..10 {
        known = known.min(refusal_time(&server, "known"));
        unknown = unknown.min(refusal_time(&server, "unknown"));
    }
    assert!(
        known > Duration::from_millis(5),
        "a hash takes its time: {known:?}"
    );
    assert!(
        unknown > known / 5,
        "{unknown:?} for nobody, {known:?} for somebody"
    );
}
