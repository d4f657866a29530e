//! `nats server generate`: what it writes is a configuration that servers take, and that serves.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Outcome, Server};

fn nats(home: &Path, args: &[&str]) -> Outcome {
    support::finish(support::command("", home).current_dir(home).args(args), "")
}

#[track_caller]
fn ok(home: &Path, args: &[&str]) -> String {
    let outcome = nats(home, args);
    assert_eq!(outcome.code, 0, "{args:?} {outcome:?}");
    outcome.stdout
}

/// Makes `target` in `home` with everything below `home`, on no fixed port for monitors.
#[track_caller]
fn generated(home: &Path, target: &str, bundle: &str, more: &[&str]) -> String {
    let streams = format!("jetstream.store_dir={}", home.join("streams").display());
    let mut args = vec!["server", "generate", target, "--source", bundle];
    args.extend(["--defaults", "--set", "monitor_port=0", "--set", &streams]);
    args.extend(more);
    ok(home, &args)
}

/// `nats-server -t`, of the server under test and of the reference where it is.
fn accepted_by_servers(config: &Path, environment: &[(&str, &str)]) {
    let binaries = [
        support::server_binary(),
        std::env::var_os("NATS_REFERENCE_BIN").map(Into::into),
    ];
    for binary in binaries.into_iter().flatten() {
        let mut command = Command::new(&binary);
        command.arg("-t").arg("-c").arg(config);
        command.envs(environment.iter().copied());
        let outcome = support::finish(&mut command, "");
        assert_eq!(outcome.code, 0, "{}: {outcome:?}", binary.display());
    }
}

#[test]
fn a_single_server_has_an_application_and_a_system_user() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let said = generated(home, "n1", "single", &["--set", "server_name=n1"]);
    assert!(said.contains("Created n1/server.conf\n"), "{said}");
    let config = home.join("n1/server.conf");
    accepted_by_servers(&config, &[]);
    let Some(server) = Server::with_config(&std::fs::read_to_string(&config).unwrap()) else {
        return;
    };
    for (context, command) in [
        (
            "app.json",
            &["stream", "add", "A", "--subjects", "a", "--defaults"] as &[_],
        ),
        ("app.json", &["pub", "a", "b", "--jetstream"]),
        ("system.json", &["server", "info", "n1"]),
    ] {
        let path = home.join("n1").join(context).display().to_string();
        let mut args = vec!["--server", &server.url, "--context", &path];
        args.extend(command);
        ok(home, &args);
    }
    let nobody = nats(home, &["--server", &server.url, "pub", "a", "b"]);
    assert_eq!(nobody.code, 1, "{nobody:?}");
}

#[test]
fn a_server_of_an_operator_takes_accounts_and_their_users() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let none = nats(
        home,
        &[
            "server",
            "generate",
            "n1",
            "--source",
            "operator",
            "--defaults",
        ],
    );
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.stderr.contains("no operator found"), "{none:?}");
    ok(home, &["auth", "operator", "add", "OPS"]);
    ok(
        home,
        &[
            "auth",
            "account",
            "add",
            "SHOP",
            "--defaults",
            "--operator",
            "OPS",
        ],
    );
    for (user, account) in [("till", "SHOP"), ("admin", "SYSTEM")] {
        let creds = format!("{user}.creds");
        let add = ["auth", "user", "add", user, account, "--credential", &creds];
        ok(
            home,
            &[&add as &[_], &["--defaults", "--operator", "OPS"]].concat(),
        );
    }
    let accounts = format!("resolver.dir={}", home.join("accounts").display());
    generated(home, "n1", "operator", &["--set", &accounts]);
    let config = home.join("n1/server.conf");
    accepted_by_servers(&config, &[]);
    let Some(server) = Server::with_config(&std::fs::read_to_string(&config).unwrap()) else {
        return;
    };
    let at = |creds| ["--server", server.url.as_str(), "--creds", creds];
    let push = ["auth", "account", "push", "SHOP", "--operator", "OPS"];
    ok(home, &[&push as &[_], &at("admin.creds")].concat());
    ok(
        home,
        &[&["pub", "a", "b"] as &[_], &at("till.creds")].concat(),
    );
}

#[test]
fn servers_take_the_configuration_of_a_network_of_clusters() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    ok(
        home,
        &[
            "server",
            "generate",
            "dev",
            "--source",
            "natsbuilder",
            "--defaults",
        ],
    );
    // Ours has no clusters yet, and says so.
    let Some(reference) = std::env::var_os("NATS_REFERENCE_BIN") else {
        eprintln!("SKIPPED: set NATS_REFERENCE_BIN to a nats-server with clusters");
        return;
    };
    let mut command = Command::new(reference);
    command
        .arg("-t")
        .arg("-c")
        .arg(home.join("dev/cluster.conf"));
    command.envs([
        ("NAME", "n1.c1"),
        ("GATEWAY", "c1"),
        ("ADVERTISE", "n1.c1.nats.internal:10000"),
    ]);
    let outcome = support::finish(&mut command, "");
    assert_eq!(outcome.code, 0, "{outcome:?}");
    // The contexts are in the form of a folder of contexts.
    let mut command = support::command("", home);
    std::fs::create_dir(home.join("config")).unwrap();
    std::fs::rename(home.join("dev/cli"), home.join("config/nats")).unwrap();
    let listed = support::finish(command.args(["context", "ls", "--names"]), "");
    assert_eq!(listed.stdout.lines().count(), 8, "{listed:?}");
}

#[test]
fn nothing_is_overwritten_and_no_answer_is_ignored() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    std::fs::write(home.join("answers.yaml"), "port: 4333\nstreams: false\n").unwrap();
    let args = [
        "server",
        "generate",
        "n1",
        "--source",
        "single",
        "--defaults",
    ];
    let with = |more: &[&str]| nats(home, &[&args as &[_], more].concat());
    let wrong = with(&["--answers", "answers.yaml", "--set", "ports=1"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(
        wrong.stderr.contains("nobody asked for the answer ports"),
        "{wrong:?}"
    );
    assert!(!home.join("n1").exists());
    let made = with(&["--answers", "answers.yaml"]);
    assert_eq!(made.code, 0, "{made:?}");
    let config = std::fs::read_to_string(home.join("n1/server.conf")).unwrap();
    assert!(config.contains("listen: \"0.0.0.0:4333\""), "{config}");
    assert!(!config.contains("jetstream"), "{config}");
    assert!(!config.contains("password: \"$2b"), "{config}");
    let again = with(&[]);
    assert!(
        again.stderr.contains("target directory n1 already exists"),
        "{again:?}"
    );
    let asked = nats(home, &["server", "generate", "n2", "--source", "single"]);
    assert!(
        asked.stderr.contains("--set server_name=VALUE"),
        "{asked:?}"
    );
    assert_eq!(std::fs::read_dir(home).unwrap().count(), 2);
}
