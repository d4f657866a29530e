//! `nats pub`, `sub`, `request` and `reply` as users run them.

mod support;

use support::Server;

#[test]
fn what_is_published_is_shown_by_a_subscriber() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(
        &["sub", "orders.>", "--count", "2"],
        "Subscribing on orders.>",
    );
    let publish = server.nats(&[
        "pub",
        "orders.{{Count}}",
        "body {{Count}}",
        "-H",
        "No:{{Count}}",
        "--count",
        "2",
    ]);
    assert_eq!(publish.code, 0, "{publish:?}");
    assert!(
        publish.stderr.contains("Published 6 bytes to \"orders.2\""),
        "{publish:?}"
    );
    let (lines, code) = sub.finish();
    assert_eq!(code, 0);
    assert_eq!(
        lines,
        [
            "[#1] Received on \"orders.1\"",
            "No: 1",
            "",
            "body 1",
            "",
            "",
            "[#2] Received on \"orders.2\"",
            "No: 2",
            "",
            "body 2",
            "",
            "",
        ]
    );
}

#[test]
fn raw_shows_bodies_only_and_lines_of_standard_input_are_messages() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(
        &["sub", "s", "--raw", "--count", "3", "--trace"],
        "The server knows the subscriptions",
    );
    let publish = server.nats_with_input(
        &["pub", "s", "--send-on", "newline", "--quiet"],
        "a\nb\r\nno newline",
    );
    assert_eq!(
        (publish.code, publish.stderr.as_str()),
        (0, ""),
        "{publish:?}"
    );
    let (lines, code) = sub.finish();
    assert_eq!(
        (lines, code),
        (vec!["a".into(), "b".into(), "no newline".to_owned()], 0)
    );
}

#[test]
fn a_body_from_standard_input_keeps_its_line_breaks() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(&["sub", "s", "--count", "1"], "Subscribing");
    let publish = server.nats_with_input(&["pub", "s"], "two\nlines\n");
    assert_eq!(publish.code, 0, "{publish:?}");
    let (lines, _) = sub.finish();
    assert_eq!(lines, ["[#1] Received on \"s\"", "two", "lines", ""]);
}

#[test]
fn many_messages_all_arrive() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(
        &["sub", "m", "--count", "5000", "--subjects-only"],
        "Subscribing",
    );
    let publish = server.nats(&["pub", "m", "{{Random 1 100}}", "--count", "5000"]);
    assert_eq!(publish.code, 0, "{publish:?}");
    let (lines, code) = sub.finish();
    assert_eq!((lines.len(), code), (5_000, 0));
}

#[test]
fn requests_tell_answers_silence_and_absence_apart_by_their_exit_codes() {
    let Some(server) = Server::start() else {
        return;
    };
    let nobody = server.nats(&["request", "nobody", ""]);
    assert_eq!(nobody.code, 2, "{nobody:?}");
    assert!(
        nobody
            .stderr
            .contains("nats: error: no responders are available on \"nobody\""),
        "{nobody:?}"
    );

    let _silent = server.run(&["sub", "silent"], "Subscribing");
    let silence = server.nats(&["request", "silent", "", "--timeout", "200ms"]);
    assert_eq!(silence.code, 3, "{silence:?}");

    let reply = server.run(
        &["reply", "echo", "--echo", "--count", "2"],
        "Listening on \"echo\"",
    );
    let answer = server.nats(&["request", "echo", "hello {{Count}}", "-H", "A:b"]);
    assert_eq!(
        (answer.code, answer.stdout.as_str()),
        (0, "hello 1\n\n\n"),
        "{answer:?}"
    );
    assert!(
        answer.stderr.contains("A: b") && answer.stderr.contains("NATS-Reply-Counter: 0"),
        "{answer:?}"
    );
    let raw = server.nats(&["request", "echo", "again", "--raw"]);
    assert_eq!(
        (raw.stdout.as_str(), raw.stderr.as_str()),
        ("again\n", ""),
        "{raw:?}"
    );
    assert_eq!(reply.finish().1, 0);
}

#[test]
fn several_answers_are_gathered_until_silence_or_an_empty_one() {
    let Some(server) = Server::start() else {
        return;
    };
    let _a = server.run(&["reply", "who", "a", "--queue", "one"], "Listening");
    let _b = server.run(&["reply", "who", "b", "--queue", "two"], "Listening");
    let two = server.nats(&["request", "who", "", "--replies", "2", "--raw"]);
    let mut names: Vec<_> = two.stdout.lines().collect();
    names.sort_unstable();
    assert_eq!((names, two.code), (vec!["a", "b"], 0), "{two:?}");
    let all = server.nats(&[
        "request",
        "who",
        "",
        "--replies",
        "0",
        "--raw",
        "--timeout",
        "500ms",
    ]);
    assert_eq!((all.stdout.lines().count(), all.code), (2, 0), "{all:?}");
    let until_empty = server.nats(&[
        "request",
        "who",
        "",
        "--wait-for-empty",
        "--raw",
        "--reply-timeout",
        "200ms",
    ]);
    assert_eq!(
        (until_empty.stdout.lines().count(), until_empty.code),
        (2, 0),
        "{until_empty:?}"
    );
}

#[test]
fn a_reply_command_gets_the_request_as_data_and_never_as_code() {
    let Some(server) = Server::start() else {
        return;
    };
    let _reply = server.run(
        &["reply", "run.*", "--command", "echo {{1}} <{{.Request}}>"],
        "Listening",
    );
    let evil = "$(id); rm -rf / 'x' \"y\"";
    let answer = server.nats(&["request", "run.token", evil, "--raw"]);
    assert_eq!(answer.stdout, format!("token <{evil}>\n"), "{answer:?}");
}

#[test]
#[cfg(unix)]
fn a_replier_ends_successfully_on_ctrl_c() {
    let Some(server) = Server::start() else {
        return;
    };
    let reply = server.run(&["reply", "x", "body"], "Listening");
    reply.interrupt();
    assert_eq!(reply.finish().1, 0);
}

#[test]
fn replies_are_matched_with_their_requests() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(
        &["sub", "svc", "--match-replies", "--count", "1"],
        "Subscribing",
    );
    let _reply = server.run(&["reply", "svc", "the answer"], "Listening");
    server.nats(&["request", "svc", "the question"]);
    let (lines, code) = sub.finish();
    let text = lines.join("\n");
    assert_eq!(code, 0);
    assert!(
        text.contains("the question") && text.contains("[#1] Matched reply on \"_INBOX."),
        "{text}"
    );
    assert!(
        text.find("the question") < text.find("the answer"),
        "{text}"
    );
}

#[test]
fn a_dump_to_standard_output_is_json_divided_by_nul() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = std::thread::spawn({
        let url = server.url.clone();
        let home = tempfile::tempdir().unwrap();
        move || {
            let mut command = support::command(&url, home.path());
            support::finish(
                command.args(["sub", "d", "--dump", "-", "--count", "1", "--wait", "10s"]),
                "",
            )
        }
    });
    while !sub.is_finished() {
        server.nats(&["pub", "d", "hi", "-H", "A:b", "--reply", "r"]);
    }
    let outcome = sub.join().unwrap();
    assert_eq!(
        outcome.stdout,
        "{\"Subject\":\"d\",\"Reply\":\"r\",\"Header\":{\"A\":[\"b\"]},\"Data\":\"aGk=\",\"Sub\":null}\0",
        "{outcome:?}"
    );
}

#[test]
fn ignored_subjects_do_not_count_and_a_wait_without_messages_ends() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(
        &[
            "sub",
            "a.*",
            "-I",
            "a.secret",
            "--wait",
            "500ms",
            "--subjects-only",
        ],
        "Ignored subjects: a.secret",
    );
    for subject in ["a.secret", "a.b"] {
        server.nats(&["pub", subject, "x"]);
    }
    let (lines, code) = sub.finish();
    assert_eq!(
        (lines, code),
        (vec!["[#1] Received on \"a.b\"".to_owned()], 0)
    );
}

#[test]
fn a_report_counts_messages_per_subject() {
    let Some(server) = Server::start() else {
        return;
    };
    let sub = server.run(
        &["sub", "r.>", "--report-subjects", "--count", "3"],
        "Subscribing",
    );
    for subject in ["r.a", "r.b", "r.a"] {
        server.nats(&["pub", subject, "12345"]);
    }
    let (lines, code) = sub.finish();
    let text = lines.join("\n");
    assert_eq!(code, 0);
    let last = text
        .rsplit("Top 10 Active Subjects Report")
        .next()
        .unwrap_or_default();
    assert!(
        last.contains("│ r.a     │             2 │  10 B │"),
        "{last}"
    );
    assert!(
        last.contains("│ Totals  │             3 │  15 B │"),
        "{last}"
    );
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let Some(server) = Server::start() else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    let mut command = support::command(&server.url, home.path());
    let mut sub = command
        .args(["sub", "p", "--subjects-only"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(sub.stdout.take());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while sub.try_wait().unwrap().is_none() {
        assert!(std::time::Instant::now() < deadline, "sub did not end");
        server.nats(&["pub", "p", "x", "-q"]);
    }
    let output = sub.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        !stderr.contains("error") && !stderr.contains("panic"),
        "{stderr}"
    );
}

#[test]
fn what_needs_jetstream_says_so_where_there_is_none() {
    let Some(server) = Server::start() else {
        return;
    };
    for args in [
        &["sub", "s", "--direct"][..],
        &["sub", "--stream", "S", "--durable", "C"],
        &["events", "--stream", "S"],
    ] {
        let outcome = server.nats(args);
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
        let expected = "nats: error: JetStream is not enabled on this server";
        assert!(outcome.stderr.contains(expected), "{args:?}: {outcome:?}");
    }
}

#[test]
fn what_the_server_refuses_is_an_error() {
    let config = "authorization { users: [{user: u, password: p, permissions: {publish: {deny: 'no.>'}, subscribe: '>'}}] }";
    let Some(server) = Server::with_config(config) else {
        return;
    };
    let credentials = ["--user", "u", "--password", "p"];
    let denied = server.nats(&[&["pub", "no.go", "x"][..], &credentials].concat());
    assert_eq!(denied.code, 1, "{denied:?}");
    assert!(
        denied
            .stderr
            .contains("nats: error: Permissions Violation for Publish to \"no.go\""),
        "{denied:?}"
    );
    let wrong = server.nats(&["pub", "a", "x", "--user", "u", "--password", "wrong"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(
        wrong.stderr.contains("Authorization Violation") && wrong.stderr.contains("hint:"),
        "{wrong:?}"
    );
    let right = server.nats(&[&["pub", "a", "x"][..], &credentials].concat());
    assert_eq!(right.code, 0, "{right:?}");
}
