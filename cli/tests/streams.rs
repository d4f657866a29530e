//! `nats stream`, `nats consumer`, `nats kv`, `nats object` and `nats pub --jetstream` as users run them.

mod support;

use serde_json::Value;
use support::{Outcome, Server};

/// A server with JetStream, in a folder that goes with the test; `None` without a server to test.
fn start() -> Option<(Server, tempfile::TempDir)> {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("jetstream {{ store_dir: {:?} }}", folder.path());
    let server = Server::with_config(&config)?;
    if server.nats(&["stream", "ls"]).code == 0 {
        return Some((server, folder));
    }
    let required = std::env::var_os("NATS_REQUIRE_ALL").is_some_and(|v| v == "1");
    assert!(
        !required,
        "NATS_REQUIRE_ALL=1, but this server has no JetStream"
    );
    eprintln!("SKIPPED: this server has no JetStream");
    None
}

/// Runs to the end and expects that it went well.
fn ok(server: &Server, args: &[&str]) -> Outcome {
    let outcome = server.nats(args);
    assert_eq!(outcome.code, 0, "{args:?}: {outcome:?}");
    outcome
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
}

#[test]
fn an_edit_changes_what_was_named_and_nothing_else() {
    let Some((server, _folder)) = start() else {
        return;
    };
    let add = "stream add ORDERS --subjects orders.> --max-age 1h --description d --defaults";
    ok(&server, &add.split(' ').collect::<Vec<_>>());
    let before = json(&ok(&server, &["stream", "info", "ORDERS", "--json"]));
    let edit = "stream edit ORDERS --max-msgs 7 -f";
    let edit: Vec<_> = edit.split(' ').collect();
    // A dry run says by its exit code that there is something to change.
    let dry = server.nats(&[&edit[..], &["--dry-run"]].concat());
    assert_eq!(dry.code, 1, "{dry:?}");
    assert!(dry.stdout.contains("+ max_msgs: 7"), "{dry:?}");
    let same = json(&ok(&server, &["stream", "info", "ORDERS", "--json"]));
    assert_eq!(before["config"], same["config"]);
    ok(&server, &edit);
    let mut after = json(&ok(&server, &["stream", "info", "ORDERS", "--json"]));
    assert_eq!(after["config"]["max_msgs"], 7);
    after["config"]["max_msgs"] = before["config"]["max_msgs"].clone();
    assert_eq!(before["config"], after["config"]);
}

#[test]
fn a_stream_is_read_by_consumers_that_stay_and_without_any() {
    let Some((server, _folder)) = start() else {
        return;
    };
    ok(
        &server,
        &["stream", "add", "S", "--subjects", "s.*", "--defaults"],
    );
    ok(
        &server,
        &[
            "stream",
            "add",
            "W",
            "--subjects",
            "w",
            "--retention",
            "work",
            "--defaults",
        ],
    );
    ok(
        &server,
        &["pub", "s.a", "{{Count}}", "--count", "5", "-J", "-q"],
    );
    ok(&server, &["pub", "w", "job", "-J", "-q"]);
    let read = |args: &str| {
        let args: Vec<_> = args.split(' ').collect();
        ok(&server, &[&["sub", "--raw"], &args[..]].concat()).stdout
    };
    // What was shown is acknowledged: the next reader goes on behind it.
    assert_eq!(read("--stream S --durable D --count 2"), "1\n2\n");
    assert_eq!(read("--stream S --durable D -T"), "3\n4\n5\n");
    assert_eq!(
        read("--stream S --durable E --start-sequence 4 --count 1"),
        "4\n"
    );
    let info = json(&ok(&server, &["consumer", "info", "S", "D", "--json"]));
    assert_eq!(info["num_ack_pending"], 0);
    assert_eq!(info["config"]["durable_name"], "D");
    // Nothing is made and nothing is taken away.
    assert_eq!(
        read("--stream S --direct --start-sequence 3 -T"),
        "3\n4\n5\n"
    );
    assert_eq!(read("s.a --direct --last-per-subject -T"), "5\n");
    ok(&server, &["pub", "s.b", "6", "-J", "-q"]);
    assert_eq!(
        read("--stream S --direct --last-per-subject -T"),
        "5\n6\n",
        "of each subject of the stream"
    );
    assert_eq!(read("w --all -T"), "job\n");
    assert_eq!(read("--stream W -T"), "job\n");
    let both = server.nats(&["sub", "--stream", "S", "--durable", "D", "--direct"]);
    assert_eq!(both.code, 1);
    assert!(
        both.stderr
            .contains("cannot use direct get when a durable name"),
        "{both:?}"
    );
    ok(&server, &["stream", "edit", "W", "--no-allow-direct", "-f"]);
    let denied = server.nats(&["sub", "--stream", "W", "-T"]);
    assert!(
        denied.stderr.contains("allow_direct is not set"),
        "{denied:?}"
    );
}

#[test]
fn counters_count_and_schemas_are_checked() {
    let Some((server, folder)) = start() else {
        return;
    };
    let add = "stream add C --subjects c.> --allow-counter --allow-direct --defaults";
    ok(&server, &add.split(' ').collect::<Vec<_>>());
    assert_eq!(
        ok(&server, &["counter", "increment", "c.a", "5"]).stdout,
        "5\n"
    );
    assert_eq!(ok(&server, &["counter", "decr", "c.a", "7"]).stdout, "-2\n");
    assert_eq!(ok(&server, &["counter", "get", "c.a"]).stdout, "-2\n");
    let listed = ok(&server, &["counter", "ls", "c.>", "--json"]);
    assert_eq!(json(&listed), serde_json::json!(["c.a"]));
    assert_eq!(server.nats(&["counter", "get", "nowhere"]).code, 1);

    let asked = ok(&server, &["schema", "request", "$JS.API.STREAM.INFO.C"]);
    assert!(
        asked
            .stdout
            .contains("is a valid io.nats.jetstream.api.v1.stream_info_response")
    );
    let info = json(&ok(&server, &["stream", "info", "C", "--json"]));
    let file = folder.path().join("config.json");
    std::fs::write(&file, info["config"].to_string()).unwrap();
    let file = file.to_str().unwrap();
    ok(
        &server,
        &["schema", "validate", "stream_configuration", file],
    );
    std::fs::write(file, r#"{"retention": "sometimes"}"#).unwrap();
    let wrong = server.nats(&["schema", "validate", "stream_configuration", file]);
    assert_eq!(wrong.code, 1);
    assert!(
        wrong.stdout.contains("retention: must be one of limits"),
        "{wrong:?}"
    );
    // A server by itself has no leaders to spread.
    let balance = server.nats(&["stream", "cluster", "balance"]);
    assert!(
        balance.stderr.contains("has no cluster information"),
        "{balance:?}"
    );
}

/// What `--trace` shows: requests and answers, each against its schema. Returns how many there were.
fn traced(outcome: &Outcome) -> (usize, usize) {
    let (mut requests, mut answers) = (0, 0);
    for line in outcome.stderr.lines() {
        // HH:MM:SS >>> subject: body
        let Some((way, rest)) = line.get(9..).and_then(|line| line.split_once(' ')) else {
            continue;
        };
        let Some((subject, body)) = rest
            .split_once(": ")
            .filter(|(_, body)| body.starts_with('{'))
        else {
            continue;
        };
        let document: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {body}"));
        let schema = match way {
            ">>>" => nats_api::schema::of_request(subject),
            _ => document["type"].as_str().and_then(nats_api::schema::find),
        };
        let Some(schema) = schema else { continue };
        match way {
            ">>>" => requests += 1,
            _ => answers += 1,
        }
        let problems = schema.check(&document);
        assert!(problems.is_empty(), "{line}: {problems:?}");
    }
    (requests, answers)
}

#[test]
fn every_request_and_every_answer_fits_its_schema() {
    let Some((server, folder)) = start() else {
        return;
    };
    let saved = folder.path().join("saved");
    let backup = format!("stream backup S {} --no-progress", saved.display());
    let restore = format!("stream restore {} --no-progress", saved.display());
    let commands = [
        "stream add S --subjects s.> --max-age 1h --metadata a:b --republish-source s.> --republish-destination r.> --allow-batch --defaults",
        "stream add M --mirror S --defaults",
        "stream add T --source S --allow-counter --no-deny-delete --defaults",
        "stream edit S --max-msgs 100 --description d -f",
        "stream ls",
        "stream report",
        "stream info S",
        "stream subjects S",
        "pub s.1 x -J",
        "pub s.2 x -J",
        "stream get S 1",
        "stream get S -S s.2",
        "stream rmm S 1 -f",
        "stream purge S --keep 1 -f",
        "consumer add S C --pull --defaults",
        "consumer add S B --pull --backoff linear --backoff-steps 3 --max-deliver 5 --defaults",
        "consumer add S P --target push.here --deliver-group g --heartbeat 5s --flow-control --defaults",
        "consumer add S W --pull --filter s.1 --filter s.2 --deliver last --ack none --max-pending 7 --sample 50 --defaults",
        "consumer add S G --pull --pinned-groups g --pinned-ttl 1m --defaults",
        "consumer edit S C --description d -f",
        "consumer ls S",
        "consumer report S",
        "consumer info S C",
        "consumer pause S C 1h -f",
        "consumer resume S C -f",
        "consumer reset S C -f",
        "consumer rm S C -f",
        "sub --stream S -T",
        "sub --stream S --durable D -T",
        "sub --stream S --direct -T",
        &backup,
        "stream rm S -f",
        &restore,
        "kv add B --history 3 --ttl 1h --marker-ttl 1m",
        "kv put B k v",
        "kv get B k",
        "kv history B k",
        "kv ls B",
        "kv del B k -f",
        "kv compact B -f",
        "object add O",
        "object info O",
        "object seal O -f",
        "account info",
    ];
    let (mut requests, mut answers) = (0, 0);
    for command in commands {
        let args: Vec<_> = command.split(' ').collect();
        let outcome = server.nats(&[&["--trace"], &args[..]].concat());
        assert_eq!(outcome.code, 0, "{command}: {outcome:?}");
        let (asked, answered) = traced(&outcome);
        (requests, answers) = (requests + asked, answers + answered);
    }
    assert!(requests > 25 && answers > 60, "{requests} {answers}");
}

#[test]
fn a_command_that_is_not_here_is_refused_by_name() {
    let Some((server, _folder)) = start() else {
        return;
    };
    let refused = server.nats(&["traffic", "x"]);
    assert_eq!(refused.code, 1);
    let named = "this build of nats has no command 'nats traffic' yet";
    assert!(refused.stderr.contains(named), "{refused:?}");
}

#[test]
fn messages_are_stored_read_removed_and_restored() {
    let Some((server, folder)) = start() else {
        return;
    };
    ok(
        &server,
        &["stream", "add", "S", "--subjects", "s.*", "--defaults"],
    );
    let stored = ok(&server, &["pub", "s.a", "one", "--jetstream"]);
    let said = "Stored in Stream: S Sequence: 1";
    assert!(stored.stderr.contains(said), "{stored:?}");
    let nowhere = server.nats(&["pub", "elsewhere", "x", "-J"]);
    assert_ne!(nowhere.code, 0, "{nowhere:?}");
    ok(
        &server,
        &["pub", "s.b", "{{Count}}", "--count", "3", "-J", "-q"],
    );
    let view = ok(&server, &["stream", "view", "S", "--raw"]);
    assert_eq!(view.stdout, "one\n1\n2\n3\n");
    ok(&server, &["stream", "rmm", "S", "2", "-f"]);
    let state = json(&ok(&server, &["stream", "state", "S", "--json"]));
    assert_eq!(state["state"]["messages"], 3, "{state}");
    let copy = folder.path().join("copy");
    let copy = copy.to_str().unwrap();
    ok(&server, &["stream", "backup", "S", copy, "--no-progress"]);
    ok(&server, &["stream", "rm", "S", "-f"]);
    ok(&server, &["stream", "restore", copy, "--no-progress"]);
    let view = ok(&server, &["stream", "view", "S", "--raw"]);
    assert_eq!(view.stdout, "one\n2\n3\n");
    ok(&server, &["stream", "purge", "S", "-f"]);
    let state = json(&ok(&server, &["stream", "state", "S", "--json"]));
    assert_eq!(state["state"]["messages"], 0, "{state}");
}

#[test]
fn a_consumer_is_made_asked_paused_and_removed() {
    let Some((server, _folder)) = start() else {
        return;
    };
    ok(
        &server,
        &["stream", "add", "S", "--subjects", "s", "--defaults"],
    );
    ok(
        &server,
        &["pub", "s", "m{{Count}}", "--count", "3", "-J", "-q"],
    );
    let add = ["consumer", "add", "S", "C", "--pull", "--defaults"];
    ok(&server, &add);
    let next = ok(
        &server,
        &["consumer", "next", "S", "C", "--raw", "--count", "2"],
    );
    assert_eq!(next.stdout, "m1\nm2\n");
    let info = json(&ok(&server, &["consumer", "info", "S", "C", "--json"]));
    assert_eq!(info["num_pending"], 1, "{info}");
    let paused = ok(&server, &["consumer", "pause", "S", "C", "1h", "-f"]);
    assert!(paused.stdout.contains("(1h0m0s)"), "{paused:?}");
    let over = server.nats(&["consumer", "pause", "S", "C", "2020-01-01 00:00:00", "-f"]);
    assert_ne!(over.code, 0, "{over:?}");
    let info = json(&ok(&server, &["consumer", "info", "S", "C", "--json"]));
    assert_eq!(info["paused"], true, "the pause before is kept: {info}");
    ok(&server, &["consumer", "resume", "S", "C", "-f"]);
    let names = ok(&server, &["consumer", "ls", "S", "--names"]);
    assert_eq!(names.stdout, "C\n");
    ok(&server, &["consumer", "rm", "S", "C", "-f"]);
    let gone = server.nats(&["consumer", "info", "S", "C"]);
    assert_eq!(gone.code, 1, "{gone:?}");
}

#[test]
fn a_batch_is_stored_as_a_whole() {
    let Some((server, _folder)) = start() else {
        return;
    };
    let add = "stream add B --subjects b.* --allow-batch --defaults";
    ok(&server, &add.split(' ').collect::<Vec<_>>());
    let batch = ["pub", "b.{{Count}}", "x", "--count", "3", "--atomic"];
    let stored = ok(&server, &batch);
    assert!(
        stored.stderr.contains("Messages: 3 Sequence: 3"),
        "{stored:?}"
    );
    ok(
        &server,
        &["stream", "add", "S", "--subjects", "s", "--defaults"],
    );
    let refused = server.nats(&["pub", "s", "x", "--count", "3", "--atomic"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    let state = json(&ok(&server, &["stream", "state", "S", "--json"]));
    assert_eq!(state["state"]["messages"], 0, "{state}");
}

#[test]
fn values_and_files_come_back_as_they_went_in() {
    let Some((server, folder)) = start() else {
        return;
    };
    ok(&server, &["kv", "add", "CFG", "--history", "3"]);
    ok(&server, &["kv", "put", "CFG", "a", "1"]);
    ok(&server, &["kv", "put", "CFG", "a", "2"]);
    let stale = server.nats(&["kv", "update", "CFG", "a", "3", "1"]);
    assert_eq!(stale.code, 1, "{stale:?}");
    let get = ok(&server, &["kv", "get", "CFG", "a", "--raw"]);
    assert_eq!(get.stdout, "2");
    ok(&server, &["kv", "del", "CFG", "a", "-f"]);
    let none = server.nats(&["kv", "history", "CFG", "never"]);
    assert_eq!(none.code, 1, "{none:?}");
    let history = ok(&server, &["kv", "history", "CFG", "a"]);
    assert!(history.stdout.contains("DELETE"), "{history:?}");

    ok(&server, &["object", "add", "FILES"]);
    let [here, there] = ["here.bin", "there.bin"].map(|name| folder.path().join(name));
    let bytes: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&here, &bytes).unwrap();
    let name = [
        "object",
        "put",
        "FILES",
        here.to_str().unwrap(),
        "--name",
        "f",
    ];
    ok(&server, &[&name[..], &["--no-progress", "-f"]].concat());
    let to = ["--output", there.to_str().unwrap(), "--no-progress", "-f"];
    ok(
        &server,
        &[&["object", "get", "FILES", "f"][..], &to].concat(),
    );
    assert_eq!(std::fs::read(&there).unwrap(), bytes);
}

#[test]
fn lists_of_names_are_whole_and_values_are_shown_when_asked_for() {
    let Some((server, _folder)) = start() else {
        return;
    };
    ok(&server, &["kv", "add", "CFG"]);
    ok(&server, &["kv", "put", "CFG", "a", "the value"]);
    let add = "stream add ORDERS --subjects orders.> --defaults";
    ok(&server, &add.split(' ').collect::<Vec<_>>());
    let names = |args: &[&str]| json(&ok(&server, &[&["stream", "ls", "--json"], args].concat()));
    assert_eq!(names(&[]), serde_json::json!(["ORDERS"]));
    let both = serde_json::json!(["KV_CFG", "ORDERS"]);
    assert_eq!(names(&["--names"]), both);
    assert_eq!(names(&["--all"]), both);
    let none = json(&ok(&server, &["consumer", "ls", "ORDERS", "--json"]));
    assert_eq!(none, serde_json::json!([]));
    let keys = ok(&server, &["kv", "ls", "CFG"]);
    assert_eq!(keys.stdout, "a\n");
    for args in [&["--display-value"][..], &["--display-value", "--verbose"]] {
        let shown = ok(&server, &[&["kv", "ls", "CFG"], args].concat());
        assert!(shown.stdout.contains("the value"), "{shown:?}");
    }
    let refused = server.nats(&["kv", "ls", "CFG", "--display-value", "--json"]);
    assert_ne!(refused.code, 0, "{refused:?}");
}
