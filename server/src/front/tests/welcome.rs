//! The first moments, in all their orders: who says what when, and what a client gets that keeps to nothing.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::{Door, Hello, NotWelcome, Opened, Welcomed, turn_away, welcome};
use super::*;
use crate::options::HandshakeFirst;

const PEER: &str = "192.0.2.7:4567";
const PROXIED: &str = "PROXY TCP4 203.0.113.9 198.51.100.1 5555 4222\r\n";

type Outcome = Result<Welcomed<DuplexStream>, NotWelcome>;

/// Opens the door for one client; INFO says what the server knows at that moment.
fn knock(door: Door) -> (DuplexStream, JoinHandle<Outcome>) {
    let (near, far) = duplex(64 * 1024);
    let peer: SocketAddr = PEER.parse().expect("an address");
    let server = tokio::spawn(async move { welcome(far, peer, &door, info_of).await });
    (near, server)
}

fn info_of(hello: &Hello) -> Vec<u8> {
    let Hello {
        tls_required: required,
        tls_available: available,
        client,
    } = hello;
    let client = client.map_or("-".to_owned(), |c| c.to_string());
    format!("INFO required={required} available={available} client={client}\r\n").into_bytes()
}

fn door(tls: &Tls, allow_non_tls: bool) -> Door {
    let policy =
        TlsPolicy::load(tls, allow_non_tls, &Revocation::default()).expect("a sound tls block");
    Door {
        tls: Some(Arc::new(policy)),
        ..Door::default()
    }
}

fn first(tls: &Tls, handshake_first: HandshakeFirst) -> Tls {
    Tls {
        handshake_first,
        ..tls.clone()
    }
}

fn auto() -> HandshakeFirst {
    HandshakeFirst::Auto(Duration::from_millis(50))
}

fn certificate() -> (Authority, Tls) {
    let ca = Authority::new();
    let tls = block(&ca.issue("localhost"));
    (ca, tls)
}

async fn line(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match stream.read_u8().await {
            Ok(byte) => line.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(line).expect("text").trim_end().to_owned()
}

fn info(required: bool, available: bool, client: &str) -> String {
    format!("INFO required={required} available={available} client={client}")
}

async fn rest(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

async fn welcome_of(server: JoinHandle<Outcome>) -> Welcomed<DuplexStream> {
    match server.await.expect("no panic") {
        Ok(welcomed) => welcomed,
        Err(why) => panic!("not welcome: {why}"),
    }
}

/// The outcome as one without TLS, and what the client had sent by then.
async fn plain(server: JoinHandle<Outcome>) -> (String, SocketAddr) {
    let welcomed = welcome_of(server).await;
    assert!(welcomed.tls.is_none());
    match welcomed.stream {
        Opened::Plain { early, .. } => (String::from_utf8(early).expect("text"), welcomed.client),
        Opened::Tls(_) => panic!("not asked for"),
    }
}

async fn refusal(server: JoinHandle<Outcome>) -> NotWelcome {
    server.await.expect("no panic").err().expect("not welcome")
}

/// Both ends talk after the welcome, and the server knows how it came about.
async fn talks_tls(
    server: JoinHandle<Outcome>,
    mut client: TlsStream<DuplexStream>,
    is_first: bool,
) {
    let welcomed = welcome_of(server).await;
    let facts = welcomed.tls.expect("facts");
    assert_eq!(facts.first, is_first);
    let Opened::Tls(mut stream) = welcomed.stream else {
        panic!("TLS was negotiated");
    };
    stream.write_all(b"PING\r\n").await.expect("written");
    stream.flush().await.expect("flushed");
    assert_eq!(line(&mut client).await, "PING");
    client.write_all(b"PONG\r\n").await.expect("written");
    assert_eq!(line(&mut stream).await, "PONG");
}

#[tokio::test]
async fn without_tls_info_comes_at_once() {
    let (mut client, server) = knock(Door::default());
    assert_eq!(line(&mut client).await, info(false, false, PEER));
    assert_eq!(
        plain(server).await,
        (String::new(), PEER.parse().expect("an address"))
    );
}

#[tokio::test]
async fn usually_info_comes_first_and_then_tls() {
    let (ca, tls) = certificate();
    let (mut client, server) = knock(door(&tls, false));
    assert_eq!(line(&mut client).await, info(true, false, PEER));
    let client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    talks_tls(server, client, false).await;
}

#[tokio::test]
async fn tls_first_means_that_nothing_is_said_before() {
    let (ca, tls) = certificate();
    let (client, server) = knock(door(&first(&tls, HandshakeFirst::On), false));
    let mut client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    assert_eq!(line(&mut client).await, info(true, false, PEER));
    talks_tls(server, client, true).await;
}

#[tokio::test(start_paused = true)]
async fn in_the_automatic_mode_silence_brings_info() {
    let (ca, tls) = certificate();
    let (mut client, server) = knock(door(&first(&tls, auto()), false));
    let before = Instant::now();
    assert_eq!(line(&mut client).await, info(true, false, PEER));
    assert_eq!(
        before.elapsed().as_millis() / 10,
        5,
        "{:?}",
        before.elapsed()
    );
    let client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    talks_tls(server, client, false).await;

    let (client, server) = knock(door(&first(&tls, auto()), false));
    let mut client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    assert_eq!(line(&mut client).await, info(true, false, PEER));
    talks_tls(server, client, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_mixed_port_takes_both() {
    let (ca, tls) = certificate();
    for tls in [tls.clone(), first(&tls, auto())] {
        let (mut client, server) = knock(door(&tls, true));
        assert_eq!(line(&mut client).await, info(false, true, PEER));
        client.write_all(b"P").await.expect("written");
        assert_eq!(plain(server).await.0, "P");

        let (mut client, server) = knock(door(&tls, true));
        assert_eq!(line(&mut client).await, info(false, true, PEER));
        let client = TlsClient::new(&ca)
            .connect("localhost", client)
            .await
            .expect("shaken");
        talks_tls(server, client, false).await;

        // Who says nothing for as long as a handshake may take is one without TLS.
        let (mut client, server) = knock(door(&tls, true));
        let before = Instant::now();
        assert_eq!(line(&mut client).await, info(false, true, PEER));
        assert_eq!(plain(server).await.0, "");
        assert!(before.elapsed() >= tls.timeout);
    }
    // TLS first without a way back is for everybody.
    let (client, server) = knock(door(&first(&tls, HandshakeFirst::On), true));
    let mut client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    assert_eq!(line(&mut client).await, info(true, false, PEER));
    talks_tls(server, client, true).await;
}

#[tokio::test(start_paused = true)]
async fn in_this_process_tls_is_offered_and_never_required() {
    let (ca, tls) = certificate();
    for tls in [
        tls.clone(),
        first(&tls, HandshakeFirst::On),
        first(&tls, auto()),
    ] {
        let in_process = || Door {
            in_process: true,
            ..door(&tls, false)
        };
        let (mut client, server) = knock(in_process());
        assert_eq!(line(&mut client).await, info(false, true, PEER));
        client.write_all(b"CONNECT {}\r\n").await.expect("written");
        assert_eq!(plain(server).await.0, "CONNECT {}\r\n");
        let (mut client, server) = knock(in_process());
        assert_eq!(line(&mut client).await, info(false, true, PEER));
        let client = TlsClient::new(&ca)
            .connect("localhost", client)
            .await
            .expect("shaken");
        talks_tls(server, client, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_speak_tls_is_closed_without_a_byte() {
    let (_ca, tls) = certificate();
    for tls in [
        tls.clone(),
        first(&tls, HandshakeFirst::On),
        first(&tls, auto()),
    ] {
        let (mut client, server) = knock(door(&tls, false));
        if tls.handshake_first == HandshakeFirst::Off {
            line(&mut client).await;
        }
        client
            .write_all(b"CONNECT {}\r\nPING\r\n")
            .await
            .expect("written");
        assert!(rest(client).await.is_empty());
        let why = refusal(server).await;
        assert!(matches!(why, NotWelcome::NotTls), "{why}");
        assert!(why.is_probe());
        assert_eq!(why.closed_reason(), "TLS Handshake Failure");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_its_time() {
    let (_ca, tls) = certificate();
    let hello_begins: &[&[u8]] = &[b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"];
    for begun in hello_begins {
        let (mut client, server) = knock(door(&tls, false));
        let before = Instant::now();
        line(&mut client).await;
        client.write_all(begun).await.expect("written");
        assert!(rest(client).await.is_empty());
        assert_eq!(before.elapsed().as_secs(), tls.timeout.as_secs());
        assert!(matches!(
            refusal(server).await,
            NotWelcome::HandshakeTimeout
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_drip_gains_no_time() {
    let (_ca, tls) = certificate();
    let (mut client, server) = knock(door(&tls, false));
    line(&mut client).await;
    let before = Instant::now();
    let drip = async {
        let mut byte = 0x16;
        while client.write_all(&[byte]).await.is_ok() {
            byte = 0x03;
            // A slow drip is what is tested.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let (why, ()) = tokio::join!(refusal(server), drip);
    assert!(matches!(why, NotWelcome::HandshakeTimeout), "{why}");
    assert!(before.elapsed() <= tls.timeout + Duration::from_secs(1));
}

#[tokio::test]
async fn too_many_handshakes_in_a_second_are_told_so() {
    let (ca, tls) = certificate();
    let tls = Tls {
        connection_rate_limit: Some(1),
        ..tls
    };
    let door = door(&tls, false);
    let (mut client, server) = knock(door.clone());
    line(&mut client).await;
    let client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    talks_tls(server, client, false).await;

    let (mut client, server) = knock(door.clone());
    line(&mut client).await;
    assert_eq!(
        line(&mut client).await,
        "-ERR 'Connection throttling is active. Please try again later.'"
    );
    let why = refusal(server).await;
    assert_eq!(why.closed_reason(), "Maximum Connections Exceeded");
}

/// All that a client gets to read that is sent away because the server is full.
async fn send_away(door: &Door) -> String {
    let (client, far) = duplex(64 * 1024);
    let peer: SocketAddr = PEER.parse().expect("an address");
    let why = turn_away(far, peer, door, info_of).await;
    assert!(matches!(why, NotWelcome::Full), "{why}");
    String::from_utf8(rest(client).await).expect("text")
}

#[tokio::test]
async fn a_full_server_says_so_in_the_clear_and_spends_no_handshake() {
    let (_ca, tls) = certificate();
    let full = "-ERR 'maximum connections exceeded'";
    let proxied = Door {
        proxy_protocol: true,
        ..Door::default()
    };
    let cases = [
        (Door::default(), Some(info(false, false, PEER))),
        (proxied, Some(info(false, false, "-"))),
        (door(&tls, false), Some(info(true, false, PEER))),
        (door(&tls, true), Some(info(false, true, PEER))),
        (door(&first(&tls, HandshakeFirst::On), false), None),
        (door(&first(&tls, auto()), false), None),
    ];
    for (door, info) in cases {
        let said = send_away(&door).await;
        let lines: Vec<_> = info.iter().map(String::as_str).chain([full]).collect();
        assert_eq!(said.lines().collect::<Vec<_>>(), lines, "{door:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_pinned_is_not_enough() {
    let ca = Authority::new();
    let tls = Tls {
        pinned_certs: [[7; 32]].into(),
        ..block_for_clients_of(&ca, &ca.issue("localhost"))
    };
    let (mut client, server) = knock(door(&tls, false));
    line(&mut client).await;
    let client = TlsClient::with_certificate(&ca, &ca.issue("client"))
        .connect("localhost", client)
        .await
        .expect("the handshake itself is fine");
    assert!(rest(client).await.is_empty());
    assert!(matches!(refusal(server).await, NotWelcome::NotPinned));
}

#[tokio::test]
async fn a_proxy_header_says_who_the_client_is() {
    let proxied = |door: Door| Door {
        proxy_protocol: true,
        ..door
    };
    let source: SocketAddr = "203.0.113.9:5555".parse().expect("an address");
    let (mut client, server) = knock(proxied(Door::default()));
    assert_eq!(line(&mut client).await, info(false, false, "-"));
    client.write_all(PROXIED.as_bytes()).await.expect("written");
    client.write_all(b"CONNECT").await.expect("written");
    let (early, seen) = plain(server).await;
    assert!("CONNECT".starts_with(&early));
    assert_eq!(seen, source);

    // Under TLS it stands before the handshake, in whatever order INFO comes.
    let (ca, tls) = certificate();
    for mode in [HandshakeFirst::Off, HandshakeFirst::On, auto()] {
        let (mut client, server) = knock(proxied(door(&first(&tls, mode), false)));
        let is_first = mode != HandshakeFirst::Off;
        if !is_first {
            assert_eq!(line(&mut client).await, info(true, false, "-"));
        }
        client.write_all(PROXIED.as_bytes()).await.expect("written");
        let mut client = TlsClient::new(&ca)
            .connect("localhost", client)
            .await
            .expect("shaken");
        if is_first {
            assert_eq!(
                line(&mut client).await,
                info(true, false, "203.0.113.9:5555")
            );
        }
        talks_tls(server, client, is_first).await;
    }

    // On a mixed port, what comes after the header decides.
    let (mut client, server) = knock(proxied(door(&tls, true)));
    line(&mut client).await;
    client.write_all(PROXIED.as_bytes()).await.expect("written");
    let client = TlsClient::new(&ca)
        .connect("localhost", client)
        .await
        .expect("shaken");
    talks_tls(server, client, false).await;
    let (mut client, server) = knock(proxied(door(&tls, true)));
    line(&mut client).await;
    client.write_all(PROXIED.as_bytes()).await.expect("written");
    client.write_all(b"P").await.expect("written");
    assert_eq!(plain(server).await, ("P".to_owned(), source));
}

#[tokio::test]
async fn a_header_of_version_2_may_come_in_pieces_and_with_much_behind_it() {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
    let tlvs = vec![0xee; 3000];
    header.extend(u16::try_from(12 + tlvs.len()).expect("fits").to_be_bytes());
    header.extend([203, 0, 113, 9, 198, 51, 100, 1, 0x15, 0xb3, 0x10, 0x7e]);
    header.extend(tlvs);
    header.extend(b"PING\r\n");
    for piece in [1, 7, 16, 28, 511, 5000] {
        let (mut client, server) = knock(Door {
            proxy_protocol: true,
            ..Door::default()
        });
        line(&mut client).await;
        for bytes in header.chunks(piece) {
            client.write_all(bytes).await.expect("written");
            tokio::task::yield_now().await;
        }
        let welcomed = welcome_of(server).await;
        assert_eq!(
            welcomed.client,
            "203.0.113.9:5555".parse().expect("an address")
        );
        let Opened::Plain { stream, early } = welcomed.stream else {
            panic!("no TLS here");
        };
        drop(client);
        let all = [early, rest(stream).await].concat();
        assert_eq!(all, b"PING\r\n", "pieces of {piece}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_header_a_client_is_itself_and_a_silent_one_is_sent_away() {
    let proxied = || Door {
        proxy_protocol: true,
        ..Door::default()
    };
    // The first letter is that of a header; the second tells.
    let (mut client, server) = knock(proxied());
    line(&mut client).await;
    client.write_all(b"P").await.expect("written");
    // The gap between the two letters is what is tested.
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.write_all(b"ING\r\n").await.expect("written");
    assert_eq!(
        plain(server).await,
        ("PING\r\n".to_owned(), PEER.parse().expect("an address"))
    );
    for begun in ["", "PROXY TCP4 203.0.113.9"] {
        let (mut client, server) = knock(proxied());
        let before = Instant::now();
        line(&mut client).await;
        client.write_all(begun.as_bytes()).await.expect("written");
        assert!(rest(client).await.is_empty());
        assert_eq!(before.elapsed().as_secs(), 5);
        let why = refusal(server).await;
        assert!(matches!(why, NotWelcome::ProxyTimeout), "{why}");
        assert_eq!(why.closed_reason(), "Protocol Violation");
    }
    let (mut client, server) = knock(proxied());
    line(&mut client).await;
    client
        .write_all(b"PROXY TCP9 a b c d\r\n")
        .await
        .expect("written");
    assert!(rest(client).await.is_empty());
    assert!(matches!(refusal(server).await, NotWelcome::Proxy(_)));
}

#[tokio::test]
async fn a_client_that_leaves_early_is_no_trouble() {
    let (_ca, tls) = certificate();
    for door in [
        door(&tls, false),
        door(&first(&tls, HandshakeFirst::On), false),
        Door {
            proxy_protocol: true,
            ..Door::default()
        },
    ] {
        let (client, server) = knock(door);
        drop(client);
        let why = refusal(server).await;
        assert!(
            matches!(
                why,
                NotWelcome::Handshake(_) | NotWelcome::ProxyRead(_) | NotWelcome::Write(_)
            ),
            "{why}"
        );
    }
}
