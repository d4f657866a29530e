//! The program: flags, exit codes, signals, pid and ports files, logs.

use rustix::process::Signal;

use nats_interop::server::{run, wait_until};
use nats_interop::{Launch, Server, Wire};

#[test]
fn version_is_printed_and_ends_with_zero() {
    for arguments in [["--version"], ["-v"], ["-version"], ["version"]] {
        let finished = run(&arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        assert!(
            finished.stdout.starts_with("nats-server: v2."),
            "{finished:?}"
        );
        assert!(finished.stderr.is_empty(), "{finished:?}");
    }
}

#[test]
fn help_is_printed_and_ends_with_zero() {
    for arguments in [["--help"], ["-h"], ["help"]] {
        let finished = run(&arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        for flag in [
            "--port",
            "--config",
            "--signal",
            "--help_tls",
            "--ports_file_dir",
            "-DVV",
        ] {
            assert!(
                finished.stdout.contains(flag),
                "{flag} is not in the help: {}",
                finished.stdout
            );
        }
    }
    assert_eq!(run(&["--help_tls"]).code, Some(0));
}

#[test]
fn an_unknown_flag_is_named_and_ends_with_zero_as_the_usage_does() {
    for arguments in [&["--nope"][..], &["-p", "abc"]] {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(0), "{finished:?}");
        assert!(
            finished.output().contains("Usage: nats-server"),
            "{finished:?}"
        );
    }
    assert!(
        run(&["--nope"])
            .stderr
            .starts_with("flag provided but not defined: -nope")
    );
}

#[test]
fn an_unknown_word_ends_with_one() {
    let finished = run(&["frobnicate"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(
        finished.stderr.trim_end(),
        "nats-server: unrecognized command: \"frobnicate\""
    );
}

#[test]
fn a_good_configuration_is_confirmed_on_standard_error() {
    let finished = Launch::new("max_payload: 2KB").arg("-t").run_to_exit();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stdout.is_empty(), "{finished:?}");
    let wanted = regex::Regex::new(
        r"^nats-server: configuration file \S+server.conf is valid \(sha256:[0-9a-f]{64}\)\n",
    )
    .expect("a pattern");
    assert!(wanted.is_match(&finished.stderr), "{finished:?}");
}

#[test]
fn every_mistake_of_a_configuration_is_reported_with_its_place() {
    for arguments in [&["-t"][..], &[]] {
        let mut launch =
            Launch::new("no_such_field: 1\nmax_payload: lots\nauthorization { bogus: 2 }");
        for argument in arguments {
            launch = launch.arg(argument);
        }
        let finished = launch.run_to_exit();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        for place in [
            "server.conf:3:1: unknown field \"no_such_field\"",
            "server.conf:4:1: ",
            "server.conf:5:17: unknown field \"bogus\"",
        ] {
            assert!(
                finished.stderr.contains(place),
                "{place} is not in {}",
                finished.stderr
            );
        }
    }
}

#[test]
fn a_missing_configuration_ends_with_one() {
    let finished = run(&["-c", "/no/such/file.conf"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("/no/such/file.conf"),
        "{finished:?}"
    );
    let finished = run(&["-t"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("must specify [-c, --config] option"),
        "{finished:?}"
    );
}

#[test]
fn a_port_in_use_ends_with_one() {
    let server = Server::start("");
    let port = server.client_port().to_string();
    let finished = run(&["-a", "127.0.0.1", "-p", &port]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("[FTL] Error listening on port: 127.0.0.1"),
        "{finished:?}"
    );
    assert!(
        finished.stderr.contains("address already in use"),
        "{finished:?}"
    );
}

#[test]
fn interrupt_and_term_stop_with_zero() {
    for signal in [Signal::INT, Signal::TERM] {
        let server = Server::start("");
        let mut wire = Wire::open(&server);
        server.signal(signal);
        wire.read_to_close();
        let status = server.wait_for_exit();
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(server.log().contains("Server Exiting"), "{}", server.log());
    }
}

#[test]
fn the_signal_flag_stops_a_server_by_pid_or_pid_file() {
    let server = Server::start("pid_file: '$DIR/server.pid'");
    let pid_file = server.dir().join("server.pid");
    let finished = run(&["--signal", &format!("quit={}", pid_file.display())]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(server.wait_for_exit().code(), Some(0));

    let server = Server::start("");
    let finished = run(&["-sl", &format!("stop={}", server.pid())]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(server.wait_for_exit().code(), None, "killed, not stopped");
}

#[test]
fn signals_that_cannot_be_sent_end_with_one() {
    let finished = run(&["--signal", "bogus=1"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished.stderr.contains("unknown signal \"bogus\""),
        "{finished:?}"
    );
    let finished = run(&["--signal", "reload=1999999999"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(
        finished
            .stderr
            .contains("signal \"reload\" 1999999999: no such process"),
        "{finished:?}"
    );
}

#[test]
fn the_pid_file_holds_the_process_id() {
    let server = Server::start("pid_file: '$DIR/server.pid'");
    let path = server.dir().join("server.pid");
    let text = std::fs::read_to_string(&path).expect("a pid file");
    assert_eq!(text.trim(), server.pid().to_string());
}

#[test]
fn the_ports_file_lists_the_listeners_and_goes_with_a_clean_stop() {
    let server = Server::start("http: \"127.0.0.1:-1\"");
    let ports: Vec<_> = std::fs::read_dir(server.dir())
        .expect("the folder of the server")
        .filter_map(Result::ok)
        .filter(|e| e.path().extension().is_some_and(|x| x == "ports"))
        .collect();
    assert_eq!(ports.len(), 1);
    let name = ports[0].file_name().to_string_lossy().into_owned();
    assert!(
        name.ends_with(&format!("_{}.ports", server.pid())),
        "{name}"
    );
    assert_ne!(
        server.listener_port("nats"),
        server.listener_port("monitoring")
    );
    server.signal(Signal::TERM);
    server.wait_for_exit();
    assert!(!ports[0].path().exists());
}

#[test]
fn flags_beat_the_file() {
    let server = Launch::new("server_name: from_file\nmax_payload: 1KB")
        .arg("--name")
        .arg("from_flag")
        .start();
    let wire = Wire::connect(&server);
    assert_eq!(wire.info()["server_name"], "from_flag");
    assert_eq!(wire.info()["max_payload"], 1024);
}

#[test]
fn credentials_may_be_flags() {
    let server = Launch::new("")
        .arg("--user")
        .arg("a")
        .arg("--pass")
        .arg("b")
        .start();
    Wire::open_with(&server, r#""user":"a","pass":"b""#);
    let server = Launch::new("").arg("--auth").arg("t0ken").start();
    Wire::open_with(&server, r#""auth_token":"t0ken""#);
    let mut wire = Wire::connect(&server);
    wire.send_connect(r#""auth_token":"other""#);
    wire.expect_err_and_close("Authorization Violation");
}

#[test]
fn variables_come_from_the_environment() {
    let server = Launch::new("max_payload: $PAYLOAD_LIMIT")
        .env("PAYLOAD_LIMIT", "3KB")
        .start();
    assert_eq!(Wire::connect(&server).info()["max_payload"], 3072);
}

#[test]
fn included_files_are_read_beside_the_including_one() {
    let launch = Launch::new("include 'limits.conf'").file("limits.conf", "max_payload: 5KB");
    assert_eq!(Wire::connect(&launch.start()).info()["max_payload"], 5120);
}

#[test]
fn log_lines_have_pid_time_and_label() {
    let server = Server::start("");
    let wanted = regex::Regex::new(r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} \[INF\] +\S")
        .expect("a pattern");
    server.wait_for_log("Server is ready");
    for line in server.log().lines() {
        assert!(wanted.is_match(line), "{line:?}");
    }
    assert!(server.log().contains(&format!("[{}] ", server.pid())));
}

#[test]
fn the_log_says_what_an_operator_looks_for() {
    let server = Launch::new("server_name: hub\nhttp: \"127.0.0.1:-1\"").start();
    server.wait_for_log("Server is ready");
    let log = server.log();
    for text in [
        "[INF] Starting nats-server",
        "[INF]   Version:  2.",
        "[INF]   Name:     hub",
        "[INF]   ID:       N",
        "[INF] Starting http monitor on 127.0.0.1:",
        "[INF] Listening for client connections on 127.0.0.1:",
        "[INF] Server is ready",
    ] {
        assert!(log.contains(text), "{text:?} is not in\n{log}");
    }
}

/// Whoever watches a server sees it while its streams come back.
#[test]
fn the_monitoring_pages_come_before_jetstream() {
    let config = "http: \"127.0.0.1:-1\"\njetstream { store_dir: '$DIR/data' }";
    let server = Launch::new(config).start();
    server.wait_for_log("Server is ready");
    let log = server.log();
    let at = |text: &str| {
        log.find(text)
            .unwrap_or_else(|| panic!("{text:?} is not in\n{log}"))
    };
    assert!(
        at("Starting http monitor") < at("Starting JetStream"),
        "{log}"
    );
    assert!(
        at("Starting JetStream") < at("Listening for client connections"),
        "{log}"
    );
}

#[test]
fn a_log_file_is_written_and_opened_again_on_request() {
    let server = Server::start("log_file: '$DIR/nats.log'");
    let (path, moved) = (
        server.dir().join("nats.log"),
        server.dir().join("nats.log.1"),
    );
    let text = |p: &std::path::Path| std::fs::read_to_string(p).unwrap_or_default();
    wait_until("the first lines", || {
        text(&path).contains("Server is ready")
    });
    std::fs::rename(&path, &moved).expect("both names are in the same folder");
    server.signal(Signal::USR1);
    wait_until("a new file", || text(&path).contains("File log re-opened"));
    assert!(!text(&moved).contains("File log re-opened"));
}

#[test]
fn a_full_log_file_is_rotated_and_old_ones_are_removed() {
    let server = Server::start(
        "log_file: '$DIR/nats.log'\nlogfile_size_limit: 2000\nlogfile_max_num: 3\ntrace: true",
    );
    let mut wire = Wire::open(&server);
    let files = || {
        std::fs::read_dir(server.dir())
            .expect("the folder of the server")
            .filter_map(Result::ok)
            .filter(|e| e.file_name().to_string_lossy().starts_with("nats.log"))
            .count()
    };
    wait_until("a rotated file", || {
        wire.publish("some.subject.or.other", "payload");
        wire.flush();
        files() >= 2
    });
    for _ in 0..200 {
        wire.publish("some.subject.or.other", "payload");
    }
    wire.flush();
    wait_until("old files to be removed", || files() <= 3);
    let rotated = std::fs::read_dir(server.dir())
        .expect("the folder of the server")
        .filter_map(Result::ok)
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .find(|n| n.starts_with("nats.log."))
        .expect("a rotated file");
    let wanted = regex::Regex::new(r"^nats\.log\.\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d\.\d{9}$")
        .expect("a pattern");
    assert!(wanted.is_match(&rotated), "{rotated}");
}

#[test]
fn tracing_shows_the_protocol_and_hides_secrets() {
    let server = Launch::new("authorization { user: alice, password: s3cr3t-w0rd }")
        .arg("-DV")
        .start();
    let mut wire = Wire::open_with(&server, r#""user":"alice","pass":"s3cr3t-w0rd""#);
    wire.subscribe("trace.me", "1");
    wire.publish("trace.me", "hello");
    wire.expect_msg("trace.me", "1", "hello");
    server.wait_for_log(r"\[TRC\] .* <<- \[SUB trace.me 1\]");
    server.wait_for_log(r"\[TRC\] .* <<- \[PUB trace.me 5\]");
    server.wait_for_log(r#"\[TRC\] .* <<- MSG_PAYLOAD: \["hello"\]"#);
    server.wait_for_log(r"\[TRC\] .* ->> \[MSG trace.me 1 5\]");
    server.wait_for_log(r"\[DBG\] .* cid:\d+");
    assert!(!server.log().contains("s3cr3t-w0rd"));
}

#[test]
fn a_bad_setting_of_the_command_line_ends_with_one() {
    for arguments in [
        &["--tls", "-p", "-1"][..],
        &["-p", "-1", "-a", "no.such.host.invalid"],
        &["-c", "/dev/null", "-t", "extra"],
    ] {
        assert_eq!(run(arguments).code, Some(1), "{arguments:?}");
    }
}

#[test]
fn contradictions_are_refused() {
    for config in [
        "max_payload: 2MB\nmax_pending: 1MB",
        "authorization { user: a, password: b, token: c }",
        "authorization { user: a, password: b, users: [ {user: x, password: y} ] }",
        "no_auth_user: nobody",
        "server_name: \"two words\"",
        "system_account: MISSING",
        "accounts { A { users: [ {user: a, password: a} ] } }\nauthorization { users: [ {user: a, password: b} ] }",
        "max_sub_tokens: 300",
        "mappings = { \"a.*\": \"b.$2\" }",
        "mappings = { a: [ { destination: b, weight: 60 }, { destination: c, weight: 60 } ] }",
        "write_timeout: sometimes",
    ] {
        let finished = Launch::new(config).run_to_exit();
        assert_eq!(finished.code, Some(1), "{config}: {finished:?}");
        assert!(!finished.stderr.is_empty(), "{config}");
    }
}

#[test]
fn a_start_is_quick_and_small() {
    let server = Server::start("");
    Wire::open(&server);
    assert!(
        server.resident_bytes() < 64 << 20,
        "{} bytes resident",
        server.resident_bytes()
    );
}

#[test]
fn the_limit_of_open_files_is_raised_to_what_the_system_allows() {
    use std::os::unix::fs::PermissionsExt as _;
    let real = nats_interop::binary::under_test().display().to_string();
    let script = format!("#!/bin/sh\nulimit -Sn 100\nexec '{real}' \"$@\"\n");
    let launch = Launch::new("").file("limited.sh", &script);
    let path = launch.dir().join("limited.sh");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("our own file");
    let server = launch.binary(&path).start();
    let clients: Vec<Wire> = (0..200).map(|_| Wire::open(&server)).collect();
    drop(clients);
}
