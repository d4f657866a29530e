//! What a changed configuration means for a running server.

use nats_server::options::{Apply, Effect, Options, diff};

fn options(text: &str) -> Options {
    Options::from_text(&format!("debug: false\n{text}\n"))
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .options
}

fn changes(old: &str, new: &str) -> Vec<(String, Effect)> {
    diff(&options(old), &options(new))
        .into_iter()
        .map(|change| (change.key, change.effect))
        .collect()
}

#[test]
fn equal_configurations_have_no_changes() {
    let text = "port: 5\nauthorization { users: [{user: a, pass: b}] }\ncluster { port: 6 }\ntls { timeout: 3 }\nsystem_account: X\naccounts { X {} }";
    assert_eq!(changes(text, text), []);
    assert_eq!(changes("port: 5\nhost: h", "host: h # moved\nport: 5"), []);
}

#[test]
fn each_change_has_the_effect_that_its_row_says() {
    let applied = Effect::Applied;
    let no = Effect::NeedsRestart;
    for (old, new, key, effect) in [
        ("", "debug: true", "debug", applied(Apply::Logging)),
        (
            "logfile: a",
            "logfile: b",
            "logfile",
            applied(Apply::Logging),
        ),
        ("", "log_size_limit: 5k", "logfile_size_limit", no),
        (
            "",
            "max_connections: 5",
            "max_connections",
            applied(Apply::MaxConnections),
        ),
        (
            "",
            "max_payload: 5",
            "max_payload",
            applied(Apply::ClientLimits),
        ),
        (
            "",
            "ping_interval: 5s",
            "ping_interval",
            applied(Apply::ClientLimits),
        ),
        ("", "max_pending: 128MB", "max_pending", no),
        ("", "max_subscriptions: 5", "max_subscriptions", no),
        ("", "host: localhost", "host", no),
        ("port: 5", "port: 6", "port", no),
        ("port: 5", "port: -1", "port", applied(Apply::WhenRead)),
        ("", "server_name: x", "server_name", no),
        (
            "",
            "server_tags: x",
            "server_tags",
            applied(Apply::Identity),
        ),
        ("", "http: 8222", "http_port", no),
        ("", "pid_file: x", "pidfile", applied(Apply::PidFile)),
        (
            "",
            "client_advertise: \"h:5\"",
            "client_advertise",
            applied(Apply::ClientAdvertise),
        ),
        ("", "tls { timeout: 3 }", "tls", applied(Apply::Tls)),
        (
            "",
            "authorization { token: x }",
            "authorization.token",
            applied(Apply::Access),
        ),
        (
            "",
            "authorization { timeout: 3 }",
            "authorization.timeout",
            applied(Apply::Access),
        ),
        (
            "authorization { users: [{user: a}] }",
            "authorization { users: [{user: b}] }",
            "authorization.users",
            applied(Apply::Access),
        ),
        (
            "",
            "authorization { proxy_required: true }",
            "authorization.proxy_required",
            no,
        ),
        (
            "",
            "accounts { A {} }",
            "accounts",
            applied(Apply::Accounts),
        ),
        (
            "",
            "mappings { a: b }",
            "mappings",
            applied(Apply::Accounts),
        ),
        (
            "",
            "no_fast_producer_stall: true",
            "no_fast_producer_stall",
            applied(Apply::WhenRead),
        ),
        ("system_account: X", "", "system_account", no),
        (
            "system_account: \"$SYS\"",
            "",
            "system_account",
            applied(Apply::WhenRead),
        ),
        ("", "no_system_account: true", "no_system_account", no),
        ("", "cluster { port: 6 }", "cluster.port", no),
        (
            "cluster { port: 6 }",
            "cluster { port: 6, routes: [\"nats://h:1\"] }",
            "cluster.routes",
            applied(Apply::Cluster),
        ),
        ("", "jetstream: on", "jetstream", applied(Apply::JetStream)),
        (
            "jetstream { max_mem: 1G }",
            "jetstream { max_mem: 2G }",
            "jetstream.max_memory_store",
            applied(Apply::JetStream),
        ),
        (
            "jetstream { max_mem: 2G }",
            "jetstream { max_mem: 1G }",
            "jetstream.max_memory_store",
            no,
        ),
        (
            "jetstream { domain: a }",
            "jetstream { domain: b }",
            "jetstream.domain",
            no,
        ),
        ("", "leafnodes { port: 5 }", "leafnodes.port", no),
        (
            "mqtt { ack_wait: 5s }",
            "mqtt { ack_wait: 6s }",
            "mqtt.ack_wait",
            applied(Apply::Mqtt),
        ),
        (
            "mqtt { reject_qos2_publish: false }",
            "mqtt { reject_qos2_publish: true }",
            "mqtt.reject_qos2_publish",
            no,
        ),
    ] {
        assert_eq!(
            changes(old, new),
            [(key.to_owned(), effect)],
            "{old:?} -> {new:?}"
        );
    }
}

#[test]
fn a_user_without_credentials_may_go_only_when_it_is_gone_altogether() {
    let with = "authorization { users: [{user: a}, {user: b}] }\nno_auth_user: a";
    let effect = |new: &str| {
        let all = changes(with, new);
        all.into_iter()
            .find(|(key, _)| key == "no_auth_user")
            .map(|(_, effect)| effect)
    };
    assert_eq!(
        effect("authorization { users: [{user: a}, {user: b}] }"),
        Some(Effect::NeedsRestart)
    );
    assert_eq!(
        effect("authorization { users: [{user: b}] }"),
        Some(Effect::Applied(Apply::Access))
    );
    assert_eq!(
        effect("authorization { users: [{user: a}, {user: b}] }\nno_auth_user: b"),
        Some(Effect::NeedsRestart)
    );
}

#[test]
fn a_change_that_needs_a_restart_is_told_in_the_words_of_the_reference() {
    let all = diff(&options("host: a"), &options("host: b"));
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["config reload not supported for Host: old=a, new=b"]
    );
}

#[test]
fn secrets_do_not_show_in_changes() {
    let old = options("authorization { user: a, pass: hunter1 }\njetstream { key: hunter1 }");
    let new = options("authorization { user: a, pass: hunter2 }\njetstream { key: hunter2 }");
    let all = diff(&old, &new);
    assert_eq!(all.len(), 2);
    let shown = format!(
        "{all:?} {}",
        all.iter().map(ToString::to_string).collect::<String>()
    );
    assert!(!shown.contains("hunter"), "{shown}");
}
