//! Both programs on one store in turn. `NATS_NSC_BIN` and `NATS_CLI_BIN` name the reference's programs; `.ci/run` builds them.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use nats_interop::skip::left_out;
use support::Home;

/// The other program on the same directories.
struct Reference<'a> {
    program: PathBuf,
    home: &'a Path,
}

impl<'a> Reference<'a> {
    /// Where there is one; without one the test is left out, with a visible line.
    fn of(home: &'a Home) -> Option<Self> {
        let Some(program) = std::env::var_os("NATS_NSC_BIN") else {
            left_out(
                "comparison with nsc",
                "NATS_NSC_BIN does not name the reference's nsc",
            );
            return None;
        };
        Some(Self {
            program: program.into(),
            home: home.path(),
        })
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home)
            .current_dir(self.home)
            .output()
            .expect("it runs");
        let said = support::text(&output.stdout) + &support::text(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }
}

/// (Limits of a role that are not said are 0 in the reference and -1, no limit, here.)
///
/// The operator, an account, a user with a role and one without, exports, imports, mappings, revocations.
const SCRIPT: &[&str] = &[
    "nsc add operator O --sys --generate-signing-key",
    "nsc edit operator --service-url nats://localhost:4222 --account-jwt-server-url nats://localhost:4222 --tag t",
    "nsc add account A",
    "nsc edit account A --conns 5 --leaf-conns 2 --js-mem-storage 1G --js-disk-storage 2G --js-streams 3 --tag x,y --description words",
    "nsc edit account A --sk generate",
    "nsc add user -a A u --allow-pub 'a.>' --allow-sub 'b.>,c' --deny-pub d --allow-pub-response=3 --response-ttl 5s --tag z",
    "nsc edit user -a A -n u --payload 1024 --subs 7 --source-network 10.0.0.0/8 --conn-type MQTT,WEBSOCKET --time 08:00:00-17:00:00 --locale Europe/Berlin",
    "nsc add export -a A --subject 's.>'",
    "nsc add export -a A --service --subject q.* --private --response-type Stream --latency lat --sampling 20",
    "nsc edit export -a A --subject 's.>' --description about --info-url https://example.com",
    "nsc add account B",
    "nsc add import -a B --src-account A --remote-subject 's.>' --local-subject 'here.s.>'",
    "nsc add mapping -a A --from m --to n --weight 40",
    "nsc edit account B --js-tier 1 --js-disk-storage 1G",
    "nsc edit account B --js-tier 3 --js-disk-storage 1G --js-streams 4",
    "nsc edit account B --trace-context-subject traces --trace-context-sampling 50",
    "nsc revocations add-user -a A -n u --at 1700000000",
    "nsc edit signing-key -a B --sk generate --role r --allow-pub p.{{name()}} --subs 5 --data 7 --payload 100",
    "nsc add user -a B w -K r",
];

/// What differs between two runs of the same script: keys, times, ids.
fn without_keys(document: &str) -> String {
    let mut plain = String::new();
    for word in document.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let text = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let rest = &word[text.len()..];
        let key = text.len() >= 52
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let time =
            text.len() == 10 && text != "1700000000" && text.bytes().all(|b| b.is_ascii_digit());
        plain.push_str(if key {
            "KEY"
        } else if time {
            "TIME"
        } else {
            text
        });
        plain.push_str(rest);
    }
    plain
}

#[test]
fn the_same_commands_make_the_same_claims() {
    let (mine, theirs) = (Home::new(), Home::new());
    let Some(reference) = Reference::of(&theirs) else {
        return;
    };
    for line in SCRIPT {
        let words = nats_term::examples::words(line);
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        mine.ok(&words);
        reference.ok(&words);
    }
    for what in [
        &["describe", "operator", "--json"][..],
        &["describe", "account", "A", "--json"],
        &["describe", "account", "B", "--json"],
        &["describe", "account", "SYS", "--json"],
        &["describe", "user", "-a", "A", "-n", "u", "--json"],
        &["describe", "user", "-a", "B", "-n", "w", "--json"],
        &["describe", "user", "-a", "SYS", "-n", "sys", "--json"],
    ] {
        assert_eq!(
            without_keys(mine.ok(what).trim()),
            without_keys(reference.ok(what).trim()),
            "{what:?}"
        );
    }
}

#[test]
fn the_same_claims_are_described_in_the_same_words() {
    let home = Home::new();
    let Some(reference) = Reference::of(&home) else {
        return;
    };
    for line in SCRIPT {
        home.line(line);
    }
    for what in [
        &["describe", "operator"][..],
        &["describe", "account", "A"],
        &["describe", "account", "B"],
        &["describe", "account", "A", "-W"],
        &["describe", "user", "-a", "A", "-n", "u"],
        &["describe", "user", "-a", "B", "-n", "w"],
        &["describe", "account", "A", "--field", "nats.limits"],
        &["list", "accounts"],
        &["list", "operators"],
        &["list", "users", "-a", "A"],
        &["revocations", "list-users", "-a", "A"],
    ] {
        let (ours, theirs) = (home.ok(what), reference.ok(what));
        let (mut ours, mut theirs) = (plain(&ours), plain(&theirs));
        // Tiers of limits come in any order in the reference.
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs, "{what:?}");
    }
}

#[test]
fn the_same_credentials_are_generated() {
    let home = Home::new();
    let Some(reference) = Reference::of(&home) else {
        return;
    };
    home.all(SCRIPT);
    let what = ["generate", "creds", "-a", "A", "-n", "u"];
    // The notice between token and seed is in other words.
    let parts = |creds: &str| -> Vec<String> {
        let lines = creds.lines().map(str::trim);
        let lines = lines.filter(|line| !line.contains(' ') || line.starts_with('-'));
        lines.filter(|l| !l.is_empty()).map(str::to_owned).collect()
    };
    let (ours, theirs) = (home.ok(&what), reference.ok(&what));
    assert_eq!(parts(&ours), parts(&theirs));
    // Two frames, the token, the seed, and the rule that ends the notice.
    assert_eq!(parts(&ours).len(), 7);
}

#[test]
fn the_same_configuration_is_generated() {
    let home = Home::new();
    let Some(reference) = Reference::of(&home) else {
        return;
    };
    home.all(SCRIPT);
    for kind in ["--mem-resolver", "--nats-resolver", "--nats-resolver-cache"] {
        let what = ["generate", "config", kind, "--sys-account", "SYS"];
        let (ours, theirs) = (home.ok(&what), reference.ok(&what));
        assert_eq!(settings(&ours), settings(&theirs), "{kind}");
    }
}

/// The settings of a configuration: accounts come in another order, and comments are in other words.
fn settings(config: &str) -> Vec<&str> {
    let lines = config.lines().map(|line| line.trim().trim_end_matches(','));
    let mut lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//"))
        .collect();
    lines.sort_unstable();
    lines
}

/// Lines without blanks at their ends, and without the empty ones around. The reference writes networks as its language prints lists, and
/// leaves out the time zone.
fn plain(text: &str) -> Vec<String> {
    // It prints the chosen one in bold type also where nobody sees it.
    let text = text.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
    text.trim()
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.starts_with("| Network Src") && !line.starts_with("| Locale"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn both_programs_edit_one_store_in_turn() {
    let home = Home::new();
    let Some(reference) = Reference::of(&home) else {
        return;
    };
    let ours = |arguments: &[&str]| home.ok(arguments);
    ours(&["add", "operator", "O", "--sys"]);
    reference.ok(&["add", "account", "A"]);
    ours(&["add", "user", "u", "-a", "A"]);
    reference.ok(&["edit", "user", "-a", "A", "-n", "u", "--tag", "x"]);
    ours(&[
        "add",
        "signing-key",
        "-a",
        "A",
        "role",
        "--allow-pub",
        "p.{{name()}}",
    ]);
    reference.ok(&["add", "user", "-a", "A", "w", "-K", "role"]);
    ours(&[
        "edit",
        "account",
        "A",
        "--js-disk-storage",
        "1G",
        "--sk",
        "generate",
    ]);
    reference.ok(&[
        "add",
        "export",
        "-a",
        "A",
        "--service",
        "--subject",
        "q.*",
        "--private",
    ]);
    ours(&["add", "account", "B"]);
    ours(&[
        "add",
        "import",
        "-a",
        "B",
        "--service",
        "--src-account",
        "A",
        "--remote-subject",
        "q.x",
    ]);
    reference.ok(&["edit", "account", "B", "--conns", "3"]);
    ours(&["add", "user", "service", "-a", "B"]);
    ours(&[
        "edit",
        "authcallout",
        "-a",
        "B",
        "--auth-user",
        "service",
        "--curve",
        "generate",
        "--allowed-account",
        "*",
    ]);
    for _ in 0..2 {
        reference.ok(&["validate", "-A"]);
        ours(&["validate", "-A"]);
    }
    reference.ok(&["describe", "account", "A"]);
    reference.ok(&["generate", "creds", "-a", "A", "-n", "w"]);
    assert_eq!(
        ours(&["describe", "account", "B", "--json"]).trim(),
        reference.ok(&["describe", "account", "B", "--json"]).trim()
    );
}

/// The reference writes limits without storage beside tiers, and ours must be able to edit such an account after it.
#[test]
fn an_account_with_tiers_is_edited_by_both_in_turn() {
    let home = Home::new();
    let Some(reference) = Reference::of(&home) else {
        return;
    };
    home.ok(&["add", "operator", "O", "--sys"]);
    reference.ok(&["add", "account", "A"]);
    for round in 1..3 {
        let count = round.to_string();
        reference.ok(&[
            "edit",
            "account",
            "-n",
            "A",
            "--js-tier",
            "3",
            "--js-disk-storage",
            "1G",
        ]);
        reference.ok(&["edit", "account", "-n", "A", "--conns", &count]);
        home.ok(&["edit", "account", "A", "--leaf-conns", &count]);
        home.ok(&[
            "edit",
            "account",
            "A",
            "--js-tier",
            "1",
            "--js-disk-storage",
            "2G",
        ]);
        let limits = home.json(&["describe", "account", "A"])["nats"]["limits"].clone();
        assert_eq!(limits["tiered_limits"]["R3"]["disk_storage"], 1_000_000_000);
        assert_eq!(limits["tiered_limits"]["R1"]["disk_storage"], 2_000_000_000);
        assert_eq!(
            (&limits["conn"], &limits["leaf"]),
            (&round.into(), &round.into())
        );
    }
    reference.ok(&["validate", "-A"]);
}

/// The reference's `nats` reads what ours backs up, and the reverse: the stores are the same then.
#[test]
fn backups_of_both_programs_restore_in_the_other() {
    let Some(program) = std::env::var_os("NATS_CLI_BIN") else {
        left_out(
            "exchange of backups",
            "NATS_CLI_BIN does not name the reference's nats",
        );
        return;
    };
    let nats = |home: &Home, arguments: &[&str]| {
        let output = Command::new(&program)
            .args(arguments)
            .env_clear()
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path().join(".config"))
            .env("XDG_DATA_HOME", home.path().join(".local/share"))
            .current_dir(home.path())
            .output()
            .expect("it runs");
        let said = support::text(&output.stdout) + &support::text(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    let key = nats_jwt::nkey::CurveKey::generate().expect("a key");
    let seed = key.seed();
    let mine = Home::prepared();
    std::fs::write(mine.path().join("key.nk"), seed.reveal()).expect("written");
    for sealed in [&[][..], &["--key", "key.nk"]] {
        let theirs = Home::new();
        std::fs::write(theirs.path().join("key.nk"), seed.reveal()).expect("written");
        let name = format!("COPY{}", sealed.len());
        let file = |home: &Home, name: &str| home.path().join(name).display().to_string();
        let with = |words: &[&str]| -> Vec<String> {
            words
                .iter()
                .chain(sealed)
                .map(ToString::to_string)
                .collect()
        };
        let run = |words: Vec<String>| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            mine.ok(&words);
        };
        run(with(&["backup", &name]));
        // The reference takes the name of the document, whatever is said.
        let words = with(&["auth", "operator", "restore", "O", &file(&mine, &name)]);
        nats(
            &theirs,
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        let words = with(&["auth", "operator", "backup", "O", "again"]);
        nats(
            &theirs,
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        run(with(&["restore", &file(&theirs, "again"), "--name", &name]));
        mine.ok(&["validate", "-A"]);
        let token =
            |path: &str| std::fs::read_to_string(mine.stores().join(path)).expect("a token");
        for below in [
            "accounts/A/A.jwt",
            "accounts/A/users/u.jwt",
            "accounts/SYS/SYS.jwt",
        ] {
            assert_eq!(
                token(&format!("{name}/{below}")),
                token(&format!("O/{below}"))
            );
        }
        mine.ok(&["select", "operator", "O"]);
    }
}

#[test]
fn the_store_of_the_reference_is_described_in_its_words() {
    let home = Home::new();
    let Some(reference) = Reference::of(&home) else {
        return;
    };
    home.take_reference_store();
    for what in [
        &["describe", "operator"][..],
        &["describe", "operator", "--json"],
        &["describe", "operator", "--raw"],
        &["describe", "account", "ORDERS"],
        &["describe", "account", "ORDERS", "--json"],
        &["describe", "account", "SHOP", "--long-ids"],
        &["describe", "account", "SYS"],
        &["describe", "user", "-a", "ORDERS", "-n", "plain"],
        &["describe", "user", "-a", "ORDERS", "-n", "plain", "--json"],
        &["describe", "user", "-a", "ORDERS", "-n", "scoped"],
        &["list", "accounts"],
        &["list", "operators"],
        &["list", "users", "-a", "ORDERS"],
        &["list", "users", "-a", "ORDERS", "--json"],
        &["list", "accounts", "--json"],
    ] {
        let words = |text: String| -> Vec<String> {
            let lines = plain(&text);
            let words = lines.iter().flat_map(|line| line.split_whitespace());
            // Signing keys come in any order in the reference, and the first of them stands in the line with the label.
            let mut words: Vec<_> = words.map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        assert_eq!(words(home.ok(what)), words(reference.ok(what)), "{what:?}");
    }
    // Ours also says the role of a key.
    let ours = home.ok(&["list", "keys", "--all", "--json"]);
    let mut ours: Vec<&str> = ours
        .trim()
        .lines()
        .filter(|line| !line.contains("\"role\""))
        .collect();
    let theirs = reference.ok(&["list", "keys", "--all", "--json"]);
    let mut theirs: Vec<&str> = theirs.trim().lines().collect();
    // Signing keys of an account come in any order in the reference.
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
}
