//! Lame duck: the server announces its end, lets clients go one by one, and exits cleanly.

use rustix::process::Signal;

use nats_interop::server::{run, wait_until};
use nats_interop::{Server, Wire};

const SHORT: &str = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"300ms\"";

#[test]
fn clients_are_told_and_then_closed_and_the_server_exits_with_zero() {
    let server = Server::start(SHORT);
    let mut modern = Wire::connect(&server);
    modern.send_connect(r#""protocol":1"#);
    modern.line("PING");
    modern.expect("PONG\r\n");
    modern.read_info();
    let mut old = Wire::open(&server);

    server.signal(Signal::USR2);
    let info = modern.read_info();
    assert_eq!(info["ldm"], true);
    old.expect_closed();
    modern.expect_closed();
    assert_eq!(server.wait_for_exit().code(), Some(0));
    assert!(
        server
            .log()
            .contains("Entering lame duck mode, stop accepting new clients")
    );
}

#[test]
fn traffic_flows_during_the_grace_period_and_nobody_new_comes_in() {
    let server = Server::start("lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"5s\"");
    let (mut first, mut second) = (Wire::open(&server), Wire::open(&server));
    first.subscribe("a", "1");
    server.signal(Signal::USR2);
    server.wait_for_log("Entering lame duck mode");
    wait_until("new connections to be refused", || {
        std::net::TcpStream::connect(server.addr()).is_err()
    });
    second.publish("a", "still here");
    first.expect_msg("a", "1", "still here");
}

#[test]
fn term_is_ignored_while_the_duck_is_lame() {
    let server = Server::start("lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"700ms\"");
    let mut wire = Wire::open(&server);
    server.signal(Signal::USR2);
    server.wait_for_log("Entering lame duck mode");
    server.signal(Signal::TERM);
    wire.flush();
    wire.expect_closed();
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn a_server_without_clients_leaves_after_the_grace_period_at_the_latest() {
    let server = Server::start(SHORT);
    server.signal(Signal::USR2);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn the_signal_flag_starts_it_too() {
    let server = Server::start(SHORT);
    let finished = run(&["--signal", &format!("ldm={}", server.pid())]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn a_duration_below_thirty_seconds_is_refused() {
    let finished = nats_interop::Launch::new("lame_duck_duration: \"5s\"").run_to_exit();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.output().contains("lame_duck_duration"),
        "{finished:?}"
    );
}
