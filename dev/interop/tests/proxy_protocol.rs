//! PROXY protocol v1 and v2 in front of a client connection.

use nats_interop::{Launch, Server, Wire};

const ON: &str = "proxy_protocol: true\nhttp: \"127.0.0.1:-1\"";

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A version 2 header: command and family as given, then the addresses.
fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([0x20 | command, family]);
    header.extend(u16::try_from(addresses.len()).expect("short").to_be_bytes());
    header.extend(addresses);
    header
}

fn v4_addresses() -> Vec<u8> {
    let mut bytes = vec![203, 0, 113, 7, 127, 0, 0, 1];
    bytes.extend(40_000_u16.to_be_bytes());
    bytes.extend(4222_u16.to_be_bytes());
    bytes
}

/// Connects through a proxy that sends this header; returns the client address that the server tells after the first PING.
///
/// The first INFO comes before the header and therefore names no address.
#[track_caller]
fn address_seen(server: &Server, header: &[u8]) -> String {
    let mut wire = Wire::connect(server);
    assert!(wire.info().get("client_ip").is_none(), "{}", wire.info());
    wire.send(header);
    address_told(&mut wire)
}

#[track_caller]
fn address_told(wire: &mut Wire) -> String {
    wire.send_connect(r#""protocol":1"#);
    wire.line("PING");
    wire.expect("PONG\r\n");
    let info = wire.read_info();
    info["client_ip"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn version_1_tells_the_address_of_the_client() {
    let server = Server::start(ON);
    assert_eq!(
        address_seen(&server, b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 4222\r\n"),
        "203.0.113.7"
    );
    assert_eq!(
        address_seen(&server, b"PROXY TCP6 2001:db8::7 ::1 40000 4222\r\n"),
        "2001:db8::7"
    );
}

#[test]
fn version_2_tells_the_address_of_the_client() {
    let server = Server::start(ON);
    assert_eq!(
        address_seen(&server, &v2(1, 0x11, &v4_addresses())),
        "203.0.113.7"
    );
    let mut six = vec![0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    six.extend([0; 15]);
    six.push(1);
    six.extend(40_000_u16.to_be_bytes());
    six.extend(4222_u16.to_be_bytes());
    assert_eq!(address_seen(&server, &v2(1, 0x21, &six)), "2001:db8::7");
}

#[test]
fn extra_fields_of_version_2_are_skipped() {
    let server = Server::start(ON);
    let mut addresses = v4_addresses();
    addresses.extend([0x04, 0, 3, 1, 2, 3]);
    assert_eq!(
        address_seen(&server, &v2(1, 0x11, &addresses)),
        "203.0.113.7"
    );
}

#[test]
fn local_and_unknown_keep_the_real_address() {
    let server = Server::start(ON);
    assert_eq!(address_seen(&server, b"PROXY UNKNOWN\r\n"), "127.0.0.1");
    assert_eq!(address_seen(&server, &v2(0, 0x00, &[])), "127.0.0.1");
}

#[test]
fn a_header_in_pieces_is_understood() {
    let server = Server::start(ON);
    let headers = [
        b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 4222\r\n".to_vec(),
        v2(1, 0x11, &v4_addresses()),
    ];
    for header in headers {
        let mut wire = Wire::connect(&server);
        for byte in header {
            wire.send([byte]);
        }
        assert_eq!(address_told(&mut wire), "203.0.113.7");
    }
}

#[test]
fn a_client_that_comes_without_a_proxy_is_served() {
    let server = Server::start(ON);
    let mut wire = Wire::connect(&server);
    assert_eq!(address_told(&mut wire), "127.0.0.1");
}

#[test]
fn header_and_connect_may_come_in_one_write() {
    let server = Server::start(ON);
    let mut wire = Wire::dial(server.addr());
    wire.send(
        "PROXY TCP4 203.0.113.7 127.0.0.1 40000 4222\r\nCONNECT {\"verbose\":false}\r\nPING\r\n",
    );
    wire.read_info();
    wire.expect("PONG\r\n");
}

#[test]
fn connections_are_listed_with_the_address_of_the_client() {
    let server = Server::start(ON);
    let mut wire = Wire::dial(server.addr());
    wire.send("PROXY TCP4 203.0.113.7 127.0.0.1 40000 4222\r\n");
    wire.read_info();
    wire.login("");
    let page = server.page("/connz");
    assert_eq!(page["connections"][0]["ip"], "203.0.113.7", "{page}");
    assert_eq!(page["connections"][0]["port"], 40_000, "{page}");
}

#[test]
fn broken_headers_close_the_connection() {
    let server = Launch::new(ON)
        .allow_log("PROXY protocol|proxy protocol")
        .start();
    let cases: Vec<Vec<u8>> = vec![
        b"PROXY TCP4 nonsense 127.0.0.1 40000 4222\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.7 127.0.0.1 99999 4222\r\n".to_vec(),
        b"PROXY TCP5 203.0.113.7 127.0.0.1 40000 4222\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.7\r\n".to_vec(),
        [b"PROXY TCP4 ".to_vec(), vec![b'1'; 300]].concat(),
        [SIGNATURE, &[0x31, 0x11, 0, 12]].concat(),
        v2(1, 0x11, &[1, 2, 3]),
        v2(7, 0x11, &v4_addresses()),
    ];
    for bytes in cases {
        let mut wire = Wire::dial(server.addr());
        wire.send(&bytes);
        let answer = wire.read_to_close();
        assert!(!answer.contains("PONG"), "{answer:?} after {bytes:?}");
    }
    address_seen(&server, b"PROXY TCP4 203.0.113.7 127.0.0.1 40000 4222\r\n");
}

#[test]
fn without_the_setting_a_proxy_header_is_garbage() {
    let server = Server::start("");
    let mut wire = Wire::connect(&server);
    wire.send("PROXY TCP4 203.0.113.7 127.0.0.1 40000 4222\r\n");
    wire.expect_err_and_close("Unknown Protocol Operation");
}
