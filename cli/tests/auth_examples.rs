//! Every example in the help of `nats auth`, run as a user would run it; and its commands and flags beside those of the reference.

mod support;

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as STANDARD;
use nats_term::examples::{self, Example};
use support::{Outcome, Server};
use tempfile::TempDir;

/// What most examples speak of.
const EVERYTHING: &[&str] = &[
    "nats auth operator add OPS",
    "nats auth operator select OPS",
    "nats auth account add PRICES --defaults",
    "nats auth account add SHOP --defaults",
    "nats auth account add ORDERS --defaults",
    "nats auth user add till ORDERS --pub-allow 'orders.>'",
    "nats auth account exports add prices 'price.*' PRICES --service",
    "nats auth account imports add prices 'price.*' SHOP --source PRICES --service",
    "nats auth account mappings add ORDERS orders orders.v1",
    "nats auth account keys add ORDERS cashier --pub-allow 'orders.>'",
    "nats auth nkey gen curve --output backup.nk",
];

/// What has to be done, and undone, before an example.
fn before(line: &str) -> &'static [&'static str] {
    let begins = |start: &str| line.starts_with(start);
    match line {
        _ if begins("nats auth account keys add") => {
            &["nats auth account keys rm ORDERS --key cashier --force"]
        }
        _ if begins("nats auth account exports add") => {
            &["nats auth account exports rm 'price.*' PRICES --force"]
        }
        _ if begins("nats auth account imports add") => {
            &["nats auth account imports rm 'price.*' SHOP --force"]
        }
        _ if begins("nats auth account add ORDERS") => &["nats auth account rm ORDERS --force"],
        _ if begins("nats auth user add till") => &["nats auth user rm till ORDERS --force"],
        _ if begins("nats auth account mappings add ORDERS --config") => &["!mappings"],
        _ if begins("nats auth account mappings add ORDERS orders") => {
            &["nats auth account mappings rm ORDERS orders"]
        }
        _ if begins("nats auth operator add") => &["!forget"],
        _ if begins("nats auth operator import") => &["!token", "!forget"],
        _ if begins("nats auth operator restore") => {
            &["nats auth operator backup OPS OPS.sealed --key backup.nk"]
        }
        _ if begins("nats auth simulate --of-creds") => {
            &["nats auth user credential till.creds till ORDERS"]
        }
        _ if begins("nats auth nkey gen") => &[],
        _ if begins("nats auth nkey") => &["!files"],
        _ => &[],
    }
}

fn nats(home: &Path, words: &[String]) -> Outcome {
    let mut command = support::command("", home);
    command.current_dir(home);
    support::finish(command.args(words), "")
}

fn line(home: &Path, line: &str) {
    let words = examples::words(line);
    let outcome = nats(home, words.get(1..).unwrap_or_default());
    assert_eq!(outcome.code, 0, "{line}: {outcome:?}");
}

fn stores(home: &Path) -> std::path::PathBuf {
    let mut found = Vec::new();
    let mut waiting = vec![home.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                if entry.file_name() == "stores" {
                    found.push(entry.path());
                }
                waiting.push(entry.path());
            }
        }
    }
    found.pop().expect("stores")
}

fn step(home: &Path, step: &str) {
    match step {
        "!forget" => std::fs::remove_dir_all(stores(home).join("OPS")).unwrap(),
        "!mappings" => {
            std::fs::write(
                home.join("mappings.yaml"),
                "orders:\n- subject: orders.v3\n  weight: 30\n",
            )
            .unwrap();
        }
        // The operator's token, its key and a signing key.
        "!token" => {
            let token = std::fs::read_to_string(stores(home).join("OPS/OPS.jwt")).unwrap();
            std::fs::write(home.join("operator.jwt"), &token).unwrap();
            let claims = nats_jwt::claims::OperatorClaims::decode(&token).unwrap();
            let keys = stores(home).join("../keys/keys/O");
            let path = |key: &str| keys.join(&key[1..3]).join(format!("{key}.nk"));
            std::fs::copy(path(&claims.subject), home.join("operator.nk")).unwrap();
            let signing = claims.nats.signing_keys.first().unwrap();
            std::fs::copy(path(signing), home.join("signing.nk")).unwrap();
        }
        // Keys, their public halves, and a letter that is signed and sealed.
        "!files" => {
            std::fs::write(home.join("letter.txt"), "dear all").unwrap();
            let pair = nats_jwt::nkey::KeyPair::generate(nats_jwt::nkey::Kind::User).unwrap();
            let mine = nats_jwt::nkey::CurveKey::generate().unwrap();
            let sealed = mine.seal(b"dear all", &mine.public_key()).unwrap();
            for (file, text) in [
                ("user.pub", pair.public_key().to_string()),
                ("letter.sig", pair.sign_text(b"dear all")),
                ("mine.nk", mine.seed().reveal().to_owned()),
                ("mine.pub", mine.public_key().to_string()),
                ("letter.sealed", STANDARD.encode(&sealed)),
            ] {
                std::fs::write(home.join(file), text).unwrap();
            }
            let seed = pair.seed();
            std::fs::write(home.join("user.nk"), seed.reveal()).unwrap();
        }
        other => line(home, other),
    }
}

/// The operator's first signing key, and others that examples name by a variable.
fn with_variables(home: &Path, word: &str) -> String {
    if word == "X…" {
        return std::fs::read_to_string(home.join("mine.pub")).unwrap();
    }
    if word != "$KEY" {
        return word.to_owned();
    }
    let token = std::fs::read_to_string(stores(home).join("OPS/OPS.jwt")).unwrap();
    let claims = nats_jwt::claims::OperatorClaims::decode(&token).unwrap();
    claims.nats.signing_keys.first().cloned().unwrap()
}

/// The same files in another home; the configuration names that one.
fn copy(from: &Path) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let (old, new) = (
        from.display().to_string(),
        home.path().display().to_string(),
    );
    let mut waiting = vec![from.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let target = home.path().join(path.strip_prefix(from).unwrap());
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(target, text.replace(&old, &new)).unwrap();
        }
    }
    home
}

fn run(base: &Path, example: &Example) -> Option<String> {
    let home = copy(base);
    let home = home.path();
    for one in before(&example.line) {
        step(home, one);
    }
    let words: Vec<String> = examples::words(&example.line)
        .iter()
        .skip(1)
        .map(|word| with_variables(home, word))
        .collect();
    let outcome = nats(home, &words);
    (outcome.code != 0).then(|| format!("{}: {outcome:?}", example.line))
}

/// Examples that want a server.
fn elsewhere(line: &str) -> bool {
    ONLINE.iter().any(|part| line.contains(part))
}

/// What marks them, in the order in which they are run: an account has to be there before it is looked at.
const ONLINE: [&str; 3] = [
    "nats auth account push",
    "nats auth account query",
    " --live",
];

#[test]
fn every_example_of_auth_does_what_it_says() {
    let tree = nats_cli::app::command();
    let auth: Vec<Example> = examples::of(&tree)
        .into_iter()
        .filter(|example| example.command.starts_with("nats auth"))
        .collect();
    assert!(auth.len() > 40, "only {} examples", auth.len());
    let base = tempfile::tempdir().unwrap();
    for line in EVERYTHING {
        self::line(base.path(), line);
    }
    let wrong: Vec<String> = auth
        .iter()
        .filter(|example| !elsewhere(&example.line))
        .filter_map(|example| run(base.path(), example))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_examples_with_a_server_work_with_one() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    for line in EVERYTHING {
        self::line(home, line);
    }
    line(
        home,
        "nats auth user add admin SYSTEM --defaults --credential admin.creds",
    );
    let token = |path: &str| std::fs::read_to_string(stores(home).join(path)).unwrap();
    let (operator, system) = (
        token("OPS/OPS.jwt"),
        token("OPS/accounts/SYSTEM/SYSTEM.jwt"),
    );
    let key = nats_jwt::claims::AccountClaims::decode(&system)
        .unwrap()
        .subject;
    let folder = home.join("jwt");
    let config = format!(
        "operator: {operator}\nsystem_account: {key}\nresolver: {{ type: full, dir: \"{}\" }}\nresolver_preload: {{ {key}: {system} }}\n",
        folder.display()
    );
    let Some(server) = Server::with_config(&config) else {
        return;
    };
    let context = format!(
        "nats context save system --server {} --creds admin.creds",
        server.url
    );
    line(home, &context);
    let examples = examples::of(&nats_cli::app::command());
    let mut ran = 0;
    // As they stand in the help: what is asked for was pushed before.
    for part in ONLINE {
        for example in examples.iter().filter(|example| {
            example.command.starts_with("nats auth") && example.line.contains(part)
        }) {
            line(home, &example.line);
            ran += 1;
        }
    }
    assert_eq!(ran, 3);
    // The servers' account counts, not the store's.
    line(
        home,
        "nats auth account edit ORDERS --jetstream --js-disk 10MB --js-memory 1MB",
    );
    let ask = "nats auth simulate --account ORDERS --user till pub orders.new --js";
    let simulated = |line: &str| nats(home, &examples::words(line)[1..]);
    let offline = simulated(ask);
    let online = simulated(&format!("{ask} --live --context system"));
    assert!(
        !offline.stdout.contains("has no JetStream") && online.stdout.contains("has no JetStream"),
        "{offline:?} {online:?}"
    );
    assert_eq!(
        (offline.code, online.code),
        (0, 2),
        "{offline:?} {online:?}"
    );
}

#[test]
fn every_command_and_flag_of_the_reference_is_there() {
    let mut tree = nats_cli::app::command();
    tree.build();
    let mut missing = Vec::new();
    for line in include_str!("data/reference-auth.txt")
        .lines()
        .filter(|l| !l.starts_with('#'))
    {
        let (path, rest) = line.split_once(':').unwrap();
        let mut command = &tree;
        for word in path.split_whitespace() {
            match command.find_subcommand(word) {
                Some(found) => command = found,
                None => {
                    missing.push(path.to_owned());
                    break;
                }
            }
        }
        for flag in rest.split_whitespace() {
            let known = command.get_arguments().any(|arg| {
                let aliases = arg.get_all_aliases().into_iter().flatten();
                aliases.chain(arg.get_long()).any(|name| name == flag)
            });
            if !known {
                missing.push(format!("{path} --{flag}"));
            }
        }
    }
    // Hidden helpers for one kind of bucket.
    assert_eq!(
        missing,
        ["auth account imports kv", "auth account exports kv"]
    );
}

#[test]
fn no_command_takes_the_name_of_a_global_flag_for_something_else() {
    let tree = nats_cli::app::command();
    let globals: Vec<_> = tree
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .cloned()
        .collect();
    let mut same = Vec::new();
    examples::each(&tree, &mut |path, command| {
        for arg in command.get_arguments().filter(|arg| !arg.is_global_set()) {
            // clap keeps the values of both in one place: another type there ends the program.
            let clash = globals.iter().any(|global| {
                global.get_id() == arg.get_id()
                    && global.get_value_parser().type_id() != arg.get_value_parser().type_id()
            });
            if clash {
                same.push(format!("{path} {}", arg.get_id()));
            }
        }
    });
    assert_eq!(same, Vec::<String>::new());
}
