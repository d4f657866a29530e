//! Every example in the help of every command, run as a user would run it.

mod support;

use nats_term::examples::{self, Example};
use support::{Home, Server};

/// From nothing to what most examples speak of.
const OPERATOR: &[&str] = &["nsc add operator OPS --sys"];
const ACCOUNT: &[&str] = &["nsc add account BILLING", "nsc add account ORDERS"];
const REST: &[&str] = &[
    "nsc add user till",
    "nsc add user service",
    "nsc add signing-key service --allow-sub 'rpc.>'",
    "nsc add signing-key other-role --allow-sub 'rpc.>'",
    "nsc add export --subject 'stock.>'",
    "nsc add export --service --subject 'prices.*' --private",
    "nsc add mapping --from orders --to orders.v2 --weight 20",
    "nsc generate creds -n till -o till.creds",
    "nsc generate creds -n till -o user.creds",
    "nsc export account -o ORDERS.jwt",
    "nsc export operator -o operator.jwt",
];

/// How much of that is there before an example, and what else.
enum Before {
    Nothing,
    Operator,
    Account,
    All(&'static [&'static str]),
    /// The same, and a server that runs with it.
    Serving(&'static [&'static str]),
}

/// The examples that want something else than everything.
fn before(line: &str) -> Before {
    const AS_IT_IS: &[&str] = &[];
    let begins = |start: &str| line.starts_with(start);
    match line {
        _ if begins("nsc init") || begins("nsc add operator OPS") => Before::Nothing,
        _ if begins("nsc add account ORDERS") => Before::Operator,
        _ if line.contains("--require-signing-keys") => Before::Operator,
        "nsc add user till --allow-pub 'orders.>'" => Before::Account,
        _ if begins("nsc add user till") => Before::Account,
        _ if begins("nsc add user worker") => Before::All(AS_IT_IS),
        _ if begins("nsc add signing-key service") => Before::Account,
        _ if begins("nsc add export --service") => Before::Account,
        _ if begins("nsc add operator --url") || begins("nsc import operator") => {
            Before::All(&["!sign", "!forget OPS"])
        }
        _ if begins("nsc add import --token") => Before::All(&[
            "nsc generate activation -a ORDERS --subject 'prices.eur' --target-account BILLING -o activation.jwt",
            "nsc select account BILLING",
        ]),
        _ if begins("nsc add import --src-account") => Before::All(&["nsc select account BILLING"]),
        _ if begins("nsc delete export") => Before::All(&["nsc add export --subject 'orders.>'"]),
        _ if begins("nsc delete import") => Before::All(&[
            "nsc add export -a BILLING --subject 'orders.>'",
            "nsc add import -a ORDERS --src-account BILLING --remote-subject 'orders.>'",
        ]),
        _ if begins("nsc delete signing-key") => Before::All(&["nsc add user worker -K service"]),
        _ if begins("nsc edit signing-key") => {
            Before::All(&["nsc edit signing-key service --allow-sub 'old.>'"])
        }
        _ if begins("nsc describe jwt") => Before::All(AS_IT_IS),
        _ if begins("nsc fix") => Before::All(&[
            "nsc export keys --all --include-jwts --dir backup",
            "nsc export keys --all --include-jwts --dir old",
        ]),
        _ if begins("nsc import account") => Before::All(&["nsc delete account ORDERS"]),
        _ if begins("nsc import keys") => Before::All(&["nsc export keys --all --dir backup"]),
        _ if begins("nsc import user") => Before::All(&["nsc delete user till"]),
        _ if begins("nsc migrate") => {
            Before::All(&["!store backup/stores/OPS", "nsc add operator NEW"])
        }
        _ if begins("nsc restore OPS.backup") => {
            Before::All(&["nsc backup OPS.backup", "!forget OPS"])
        }
        _ if begins("nsc restore OPS.sealed") => {
            Before::All(&["!curve", "nsc backup OPS.sealed --key backup.nk"])
        }
        _ if begins("nsc backup OPS.sealed") => Before::All(&["!curve"]),
        _ if begins("nsc rename") => Before::All(AS_IT_IS),
        _ if begins("nsc reissue") => Before::All(AS_IT_IS),
        _ if begins("nsc revocations delete-user") => {
            Before::All(&["nsc revocations add-user till"])
        }
        _ if begins("nsc revocations delete-activation") => Before::All(&[
            "nsc revocations add-activation --service --subject 'prices.*' -t BILLING",
        ]),
        _ if begins("nsc plan") && line.contains("--live") => Before::Serving(&["!desired"]),
        _ if begins("nsc apply") => Before::Serving(&["!desired"]),
        _ if begins("nsc push") || begins("nsc pull") => Before::Serving(AS_IT_IS),
        _ if begins("nsc tool") => Before::Serving(&["nsc push --all"]),
        _ => Before::All(AS_IT_IS),
    }
}

/// A step of [`Before`] that is no command of `nsc`.
fn prepare(home: &Home, step: &str) {
    let (what, rest) = step.split_once(' ').unwrap_or((step, ""));
    match what {
        "!curve" => {
            let key = nats_jwt::nkey::CurveKey::generate().expect("a key");
            let seed = key.seed();
            std::fs::write(home.path().join("backup.nk"), seed.reveal()).expect("written");
        }
        // A signing key of the operator, with its token in the file.
        "!sign" => {
            home.line("nsc edit operator --sk generate");
            home.line("nsc export operator --output-file operator.jwt");
            let claims = home.json(&["describe", "operator"]);
            let key = claims["nats"]["signing_keys"][0].as_str().expect("a key");
            let path = home.keys().join(format!("keys/O/{}/{key}.nk", &key[1..3]));
            std::fs::copy(path, home.path().join("signing.nk")).expect("copied");
        }
        "!forget" => std::fs::remove_dir_all(home.stores().join(rest)).expect("removed"),
        "!store" => {
            let target = home.path().join(rest);
            std::fs::create_dir_all(target.parent().expect("a parent")).expect("made");
            std::fs::rename(home.stores().join("OPS"), target).expect("moved");
        }
        "!desired" => {
            let text = "operator:\n  name: OPS\naccounts:\n  STOCK:\n    users:\n      clerk: {}\n";
            std::fs::write(home.path().join("desired.yaml"), text).expect("written");
        }
        other => panic!("{other} is no step"),
    }
}

/// Homes in which more and more is done: nothing, the operator, the accounts, everything.
struct Bases(Vec<Home>);

impl Bases {
    fn new() -> Self {
        let mut homes = vec![Home::new()];
        for base in [OPERATOR, ACCOUNT, REST] {
            let home = homes.last().expect("the first").copy();
            home.all(base);
            homes.push(home);
        }
        Self(homes)
    }

    /// A home with what comes before an example.
    fn home(&self, before: &Before) -> Home {
        let at = match before {
            Before::Nothing => 0,
            Before::Operator => 1,
            Before::Account => 2,
            Before::All(_) | Before::Serving(_) => 3,
        };
        let home = self.0[at].copy();
        if let Before::All(more) = before {
            steps(&home, more);
        }
        home
    }
}

fn steps(home: &Home, more: &[&str]) {
    for step in more {
        if step.starts_with('!') {
            prepare(home, step);
        } else {
            home.line(step);
        }
    }
}

/// Runs an example; what went wrong, if anything. With `json`, standard output has to be one document as well.
fn run(bases: &Bases, example: &Example, json: bool) -> Option<String> {
    let before = before(&example.line);
    let home = bases.home(&before);
    let mut words = examples::words(&example.line);
    if json {
        words.push("--json".to_owned());
    }
    let mut server = None;
    if let Before::Serving(more) = &before {
        let started = Server::start(&home)?;
        home.all(&[
            &format!("nsc edit operator --account-jwt-server-url {}", started.url),
            &format!("nsc edit operator --service-url {}", started.url),
        ]);
        steps(&home, more);
        for word in &mut words {
            *word = word.replace("nats://localhost:4222", &started.url);
        }
        server = Some(started);
    }
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let (code, said) = match arguments.as_slice() {
        // They wait for others, who come here.
        ["tool", kind @ ("sub" | "reply"), rest @ ..] => talk(&home, kind, rest),
        ["tool", "req", ..] => answered(&home, &arguments),
        _ => {
            let output = home.run(&arguments);
            let said = support::text(&output.stdout);
            if json && let Some(wrong) = no_document(&said) {
                return Some(format!("{}: {wrong}: {said}", example.line));
            }
            (output.status.code(), said + &support::text(&output.stderr))
        }
    };
    drop(server);
    // `plan` ends with 2 when there is something to do, which there is.
    let expected = if example.line.starts_with("nsc plan") {
        2
    } else {
        0
    };
    (code != Some(expected)).then(|| format!("{} ended with {code:?}: {said}", example.line))
}

/// A listener, to whom a message comes.
fn talk(home: &Home, kind: &str, rest: &[&str]) -> (Option<i32>, String) {
    let mut arguments = vec!["tool", kind, "--max-messages", "1"];
    arguments.extend(rest);
    let listening = home.begin(&arguments, "listening");
    // Behind the subject there may be an answer.
    let pattern = rest.iter().rfind(|word| word.contains(['*', '>']));
    let subject = pattern.or(rest.last()).expect("a subject");
    let subject = subject.replace(['*', '>'], "x");
    let user = "till";
    let verb = if kind == "sub" { "pub" } else { "req" };
    home.ok(&["tool", verb, "-u", user, &subject, "hello"]);
    listening.end()
}

/// A request, with somebody who answers.
fn answered(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    let service = [
        "tool",
        "reply",
        "-u",
        "service",
        "prices.*",
        "--max-messages",
        "1",
    ];
    let service = home.begin(&service, "listening");
    let output = home.run(arguments);
    let said = support::text(&output.stdout) + &support::text(&output.stderr);
    service.end();
    (output.status.code(), said)
}

fn all_examples() -> Vec<Example> {
    let mut all = examples::of(&nats_nsc::commands::command());
    assert!(all.len() > 70, "only {} examples", all.len());
    if support::server_binary().is_none() {
        all.retain(|example| !matches!(before(&example.line), Before::Serving(_)));
    }
    all
}

#[test]
fn every_example_does_what_it_says() {
    let bases = Bases::new();
    let all = all_examples();
    let wrong = all.iter().filter_map(|it| run(&bases, it, false));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Why a text is not one JSON document, if it is not.
fn no_document(text: &str) -> Option<String> {
    serde_json::from_str::<serde_json::Value>(text)
        .err()
        .map(|error| format!("no JSON document ({error})"))
}

/// The reference's `--raw` prints the token whatever else is said. Those who listen print a document for each message.
fn has_its_own_form(line: &str) -> bool {
    line.contains("--raw") || line.starts_with("nsc tool sub") || line.starts_with("nsc tool reply")
}

#[test]
fn every_command_prints_one_document_with_json() {
    let bases = Bases::new();
    let mut all = all_examples();
    all.retain(|example| !has_its_own_form(&example.line));
    let wrong = all.iter().filter_map(|it| run(&bases, it, true));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Runs `nsc` where it has to fail, with `--json`; what is wrong with how it tells that.
fn told(home: &Home, arguments: &[&str]) -> Option<String> {
    let output = home.run(arguments);
    let said = support::text(&output.stdout);
    let document: serde_json::Value = match serde_json::from_str(&said) {
        Ok(document) => document,
        Err(error) => return Some(format!("{arguments:?}: no document ({error}): {said}")),
    };
    let code = output.status.code();
    let error = document["error"].as_str().unwrap_or_default();
    if code == Some(0) && document.get("error").is_none() {
        return None;
    }
    (code != Some(1) || error.is_empty()).then(|| format!("{arguments:?}: {code:?}: {said}"))
}

#[test]
fn every_command_that_fails_prints_one_document_with_json() {
    let mut wrong = Vec::new();
    // Mistakes in the command line, of every command of the tree.
    let empty = Home::new();
    let mut commands = 0;
    examples::each(&nats_nsc::commands::command(), &mut |path, command| {
        if command.has_subcommands() || matches!(command.get_name(), "load" | "update") {
            return;
        }
        commands += 1;
        let mut arguments: Vec<&str> = path.split(' ').skip(1).collect();
        arguments.extend(["--no-such-flag", "--json"]);
        wrong.extend(told(&empty, &arguments));
    });
    assert!(commands > 70, "only {commands} commands");
    // There is no operator; a few commands need none.
    for example in examples::of(&nats_nsc::commands::command()) {
        let mut words = examples::words(&example.line);
        words.push("--json".to_owned());
        let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        if !has_its_own_form(&example.line) {
            wrong.extend(told(&Home::new(), &arguments));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
