//! What strangers send: garbage, huge numbers, half frames, slow drips, crowds. The server stays small and its other clients
//! notice nothing.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use nats_interop::server::wait_until;
use nats_interop::{Launch, Server, Wire};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const LOGIN: &str = "authorization { user: a, password: b, timeout: 20 }\nmax_connections: 20000\nhttp: \"127.0.0.1:-1\"";

/// A client that was there before and must keep working.
struct Bystander(Wire);

impl Bystander {
    fn new(server: &Server, fields: &str) -> Self {
        let mut wire = Wire::open_with(server, fields);
        wire.subscribe("bystander", "1");
        Self(wire)
    }

    #[track_caller]
    fn is_well(&mut self) {
        self.0.publish("bystander", "still here");
        self.0.expect_msg("bystander", "1", "still here");
    }
}

#[test]
fn random_bytes_never_stop_the_server() {
    let server = Server::start("");
    let mut bystander = Bystander::new(&server, "");
    let mut runner = TestRunner::new(Config {
        cases: 150,
        failure_persistence: None,
        ..Config::default()
    });
    let verb = prop::sample::select(vec![
        "PUB", "HPUB", "SUB", "UNSUB", "CONNECT", "PING", "PONG", "INFO", "-ERR", "MSG", "A+",
        "RS+", "LS+",
    ]);
    let word = prop_oneof![
        "[a-z.*>]{0,12}",
        "[0-9]{1,12}",
        "[{}\":,\\[\\]a-z0-9]{0,30}",
        "\\PC{0,20}",
        Just("\r\n".to_owned()),
        Just("\0".to_owned()),
        Just("-1".to_owned()),
    ];
    let line = (verb, prop::collection::vec(word, 0..6), prop::bool::ANY).prop_map(
        |(verb, words, end)| {
            format!(
                "{verb} {}{}",
                words.join(" "),
                if end { "\r\n" } else { "" }
            )
            .into_bytes()
        },
    );
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let input = (
        any::<bool>(),
        prop::collection::vec(prop_oneof![line, noise], 1..8),
    );
    runner
        .run(&input, |(login, pieces)| {
            let mut wire = if login {
                Wire::open(&server)
            } else {
                Wire::connect(&server)
            };
            for piece in pieces {
                if wire.try_send(&piece).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .expect("sending never fails for a reason of ours");
    bystander.is_well();
    assert!(server.exit_status().is_none());
}

#[test]
fn a_huge_announced_payload_costs_nothing() {
    let server = Server::start("max_payload: 8MB");
    let mut bystander = Bystander::new(&server, "");
    let before = server.resident_bytes();
    let half: Vec<Wire> = (0..200)
        .map(|_| {
            let mut wire = Wire::open(&server);
            wire.send("PUB a 8000000\r\nonly a few bytes");
            wire
        })
        .collect();
    bystander.is_well();
    let grown = server.resident_bytes().saturating_sub(before);
    // The reference sets aside more than a megabyte for each.
    let budget = if nats_interop::binary::is_reference() {
        1 << 30
    } else {
        64 << 20
    };
    assert!(
        grown < budget,
        "{grown} bytes for 200 announced payloads of 8 MB"
    );
    drop(half);
}

#[test]
fn half_frames_of_clients_that_leave_are_forgotten() {
    let server = Server::start("http: \"127.0.0.1:-1\"");
    let mut bystander = Bystander::new(&server, "");
    for frame in [
        "PUB a 100\r\nhalf",
        "HPUB a 12",
        "SUB ",
        "CONNECT {\"verbose\":",
        "PUB a 5\r\nhello",
        "P",
    ] {
        drop({
            let mut wire = Wire::open(&server);
            wire.send(frame);
            wire
        });
    }
    wait_until("the leavers to be gone", || {
        server.page("/varz")["connections"] == 1
    });
    bystander.is_well();
}

#[test]
fn a_crowd_with_wrong_passwords_is_turned_away() {
    let server = Launch::new(LOGIN).start();
    let mut bystander = Bystander::new(&server, r#""user":"a","pass":"b""#);
    let address = server.addr();
    let crowd: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                for _ in 0..150 {
                    let mut wire = Wire::dial(address);
                    wire.read_info();
                    wire.send_connect(r#""user":"a","pass":"wrong""#);
                    wire.expect_err_and_close("Authorization Violation");
                }
            })
        })
        .collect();
    while crowd.iter().any(|t| !t.is_finished()) {
        bystander.is_well();
    }
    for thread in crowd {
        thread
            .join()
            .expect("every stranger was turned away in order");
    }
    wait_until("only the bystander to stay", || {
        server.page("/varz")["connections"] == 1
    });
}

#[test]
fn a_slow_drip_is_cut_off_by_the_login_timeout() {
    let server = Server::start("authorization { user: a, password: b, timeout: 0.5 }");
    let mut bystander = Bystander::new(&server, r#""user":"a","pass":"b""#);
    let mut drips: Vec<Wire> = (0..50).map(|_| Wire::connect(&server)).collect();
    wait_until("every drip to be closed", || {
        for wire in &mut drips {
            let _ = wire.try_send(b"C");
            wire.read_for(Duration::from_millis(1));
        }
        bystander.is_well();
        drips.iter().all(Wire::is_closed)
    });
}

#[test]
fn a_deeply_nested_connect_is_refused_or_ignored() {
    let server = Server::start("max_control_line: 1MB");
    let mut bystander = Bystander::new(&server, "");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let mut wire = Wire::connect(&server);
        let depth = 100_000;
        let json = format!("{{\"x\":{}1{}}}", open.repeat(depth), close.repeat(depth));
        let _ = wire.try_send(format!("CONNECT {json}\r\nPING\r\n").as_bytes());
        wire.read_for(Duration::from_millis(300));
    }
    bystander.is_well();
}

#[test]
fn very_many_subscriptions_of_one_client_go_away_with_it() {
    let server = Server::start("http: \"127.0.0.1:-1\"");
    let mut bystander = Bystander::new(&server, "");
    let count = || {
        server.page("/subsz")["num_subscriptions"]
            .as_u64()
            .unwrap_or(0)
    };
    let before = count();
    {
        let mut wire = Wire::open(&server);
        let mut batch = String::new();
        for n in 0..50_000 {
            batch.push_str(&format!("SUB flood.{n}.*.{n} {n}\r\n"));
        }
        wire.send(&batch);
        wire.flush();
        assert!(count() >= before + 50_000);
    }
    wait_until("the subscriptions to be gone", || count() == before);
    bystander.is_well();
}

#[test]
fn a_reader_that_stops_reading_its_pongs_is_bounded() {
    let server =
        Launch::new("max_pending: 1MB\nmax_payload: 256KB\nwrite_deadline: \"500ms\"").start();
    let mut bystander = Bystander::new(&server, "");
    let mut deaf = TcpStream::connect(server.addr()).expect("the server accepts");
    deaf.set_write_timeout(Some(Duration::from_millis(500)))
        .expect("a positive timeout");
    let pings = "PING\r\n".repeat(10_000);
    let begun = std::time::Instant::now();
    while deaf.write_all(pings.as_bytes()).is_ok() && begun.elapsed() < Duration::from_secs(3) {}
    bystander.is_well();
    assert!(
        server.resident_bytes() < 300 << 20,
        "{} bytes resident",
        server.resident_bytes()
    );
}

#[test]
fn the_log_stays_readable_under_binary_garbage() {
    let server = Server::start("");
    for n in 0..20_u8 {
        let mut wire = Wire::open(&server);
        let bytes: Vec<u8> = (0..100)
            .map(|b: u8| b.wrapping_mul(7).wrapping_add(n))
            .collect();
        let _ = wire.try_send(&bytes);
        let _ = wire.try_send(b"\x1b[31mcolour\x1b[0m\r\nFOO\r\n");
        wire.read_to_close();
    }
    let log = server.log();
    let odd = log.chars().filter(|c| c.is_control() && *c != '\n').count();
    assert_eq!(odd, 0, "control characters of a stranger in the log");
    assert!(
        log.lines().all(|l| l.len() < 500),
        "a stranger's line in full length"
    );
}
