//! Ten thousand strangers at once, each with a bad habit of its own: memory stays within its budget, those who are in notice
//! nothing, and the log can still be read.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use nats_interop::binary::is_reference;
use nats_interop::server::wait_until;
use nats_interop::skip::left_out;
use nats_interop::{Launch, Server, Wire};
use rustix::process::{Resource, Signal, getrlimit, setrlimit};

const CROWD: usize = 10_000;
/// Descriptors of this process: the crowd, and some for everything else.
const DESCRIPTORS: u64 = CROWD as u64 + 500;

/// Resident bytes that a connection may cost before it has logged in. The reference keeps two stacks and a buffer for each.
fn budget_bytes() -> u64 {
    if is_reference() { 64 << 10 } else { 8 << 10 }
}

/// Lets this process hold the crowd; false where the system does not.
fn has_room_for_the_crowd(what: &str) -> bool {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|n| n < DESCRIPTORS) {
        limit.current = Some(
            limit
                .maximum
                .map_or(DESCRIPTORS, |max| max.min(DESCRIPTORS)),
        );
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let there = getrlimit(Resource::Nofile)
        .current
        .is_none_or(|n| n >= DESCRIPTORS);
    if !there {
        left_out(what, "this process may not hold ten thousand sockets");
    }
    there
}

/// What a stranger does, and whether the server is right to hang up on it at once.
struct Habit {
    says: fn(usize) -> Vec<u8>,
    is_sent_away: bool,
}

const HABITS: [Habit; 8] = [
    // Says nothing.
    Habit {
        says: |_| Vec::new(),
        is_sent_away: false,
    },
    // Begins a CONNECT and never ends it.
    Habit {
        says: |n| format!("CONNECT {{\"name\":\"{}", "x".repeat(n % 3000)).into_bytes(),
        is_sent_away: false,
    },
    // One byte of a verb.
    Habit {
        says: |_| b"C".to_vec(),
        is_sent_away: false,
    },
    // Guesses a password.
    Habit {
        says: |n| format!("CONNECT {{\"user\":\"a\",\"pass\":\"{n}\"}}\r\nPING\r\n").into_bytes(),
        is_sent_away: true,
    },
    // Announces a large message without having said who it is.
    Habit {
        says: |_| b"PUB a 1000000\r\nonly this much".to_vec(),
        is_sent_away: true,
    },
    // Means another protocol.
    Habit {
        says: |n| format!("GET /{n} HTTP/1.1\r\nHost: here\r\n\r\n").into_bytes(),
        is_sent_away: true,
    },
    // A TLS hello where there is no TLS.
    Habit {
        says: |_| b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        is_sent_away: true,
    },
    // Noise, with colours for the operator's terminal.
    Habit {
        says: |n| {
            let noise = (0..200).map(|b| (b * 7 + n) as u8);
            b"\x1b[31m".iter().copied().chain(noise).collect()
        },
        is_sent_away: true,
    },
];

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

fn stranger(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server accepts");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a positive timeout");
    stream
}

/// Everything until the server hangs up.
fn heard(stream: &mut TcpStream) -> String {
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn ten_thousand_strangers_cost_little_and_disturb_nobody() {
    if !has_room_for_the_crowd("ten thousand strangers") {
        return;
    }
    let mut server = Launch::new(
        "authorization { user: a, password: b, timeout: 60 }\nmax_connections: 20000\nhttp: \"127.0.0.1:-1\"",
    )
    .start();
    // The subject of the log is checked below, line by line.
    server.ignore_log();
    let mut bystander = Bystander::new(&server, r#""user":"a","pass":"b""#);
    bystander.is_well();
    let before = server.resident_bytes();
    let mut crowd = Vec::with_capacity(CROWD);
    for n in 0..CROWD {
        let mut stream = stranger(server.addr());
        // One who is sent away may not get everything said.
        let _ = stream.write_all(&(HABITS[n % HABITS.len()].says)(n));
        crowd.push(stream);
        if n % 100 == 0 {
            bystander.is_well();
        }
    }
    let waiting = HABITS.iter().filter(|habit| !habit.is_sent_away).count() * CROWD / HABITS.len();
    wait_until("those who broke the rules to be sent away", || {
        bystander.is_well();
        server.page("/varz")["connections"] == waiting + 1
    });
    let each = server.resident_bytes().saturating_sub(before) / CROWD as u64;
    assert!(each <= budget_bytes(), "{each} bytes for a stranger");

    let guesser = HABITS.iter().position(|h| h.is_sent_away).expect("one");
    let answer = heard(&mut crowd[guesser]);
    assert!(
        answer.ends_with("-ERR 'Authorization Violation'\r\n"),
        "{answer}"
    );
    drop(crowd);
    wait_until("the crowd to be gone", || {
        bystander.is_well();
        server.page("/varz")["connections"] == 1
    });
    let log = server.log();
    let lines = log.lines().count();
    assert!(
        lines <= CROWD + 100,
        "{lines} lines: no stranger is worth more than one"
    );
    let odd = log.chars().filter(|c| c.is_control() && *c != '\n').count();
    assert_eq!(odd, 0, "control characters of a stranger in the log");
    let longest = log.lines().map(str::len).max();
    assert!(longest < Some(500), "a stranger's line in full length");
}

#[test]
fn a_crowd_before_a_full_server_leaves_few_lines_in_the_log() {
    let mut server = Launch::new("max_connections: 2\nhttp: \"127.0.0.1:-1\"").start();
    server.ignore_log();
    let mut bystander = Bystander::new(&server, "");
    let _other = Wire::open(&server);
    let begun = std::time::Instant::now();
    for n in 0..2000 {
        let answer = heard(&mut stranger(server.addr()));
        let words = "-ERR 'maximum connections exceeded'\r\n";
        assert!(
            answer.starts_with("INFO ") && answer.ends_with(words),
            "{answer}"
        );
        if n % 100 == 0 {
            bystander.is_well();
        }
    }
    let seconds = begun.elapsed().as_secs() as usize + 1;
    let lines = server.count_log("maximum connections exceeded");
    assert!(
        (1..=2 * seconds + 1).contains(&lines),
        "{lines} lines in {seconds} s"
    );
    assert_eq!(server.page("/varz")["connections"], 2);
    assert!(server.page("/varz")["total_connections"].as_u64() >= Some(2002));
}

#[test]
fn a_thousand_connections_wait_in_line_while_the_server_is_busy() {
    const LINE: usize = 1000;
    let what = "a thousand connections in line";
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    if allowed.trim().parse().is_ok_and(|n: usize| n <= LINE) {
        return left_out(what, "this system keeps shorter lines");
    }
    if !has_room_for_the_crowd(what) {
        return;
    }
    let server = Server::start("");
    server.signal(Signal::STOP);
    let line: Vec<_> = (0..LINE)
        .map(|_| TcpStream::connect_timeout(&server.addr(), Duration::from_millis(900)))
        .collect();
    server.signal(Signal::CONT);
    // A connection that finds no room tries again after a second.
    let turned_down = line.iter().filter(|stream| stream.is_err()).count();
    assert_eq!(turned_down, 0);
    Wire::open(&server);
}
