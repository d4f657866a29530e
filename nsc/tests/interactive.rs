//! `--interactive` in a terminal of its own: what is asked, what may be typed, and that Ctrl-C leaves nothing behind.

#![cfg(unix)]

mod support;

use support::terminal::typed;
use support::{Home, all_files};

#[test]
fn an_operator_is_made_by_answering() {
    let home = Home::new();
    let answers = [
        "import operator from a JWT=>n",
        "operator name=>OPS\\r",
        "generate an operator nkey=>y",
        "valid from=>\\r",
        "valid until=>\\r",
        "Generate system account?=>y",
        "Generate signing key?=>n",
    ];
    let Some((code, said)) = typed(&home, &["add", "operator", "-i"], &answers) else {
        return;
    };
    assert_eq!(code, Some(0), "{said}");
    assert!(home.stores().join("OPS/accounts/SYS/SYS.jwt").is_file());
}

#[test]
fn what_is_there_is_picked_from_a_list() {
    let home = Home::prepared();
    home.ok(&["add", "account", "B"]);
    home.ok(&["add", "user", "two", "-a", "A"]);
    let answers = [
        "select account=>\\d\\r",
        "select users=> \\r",
        "revoke users before deleting=>y",
        "delete user nkeys=>y",
        "delete user creds files=>y",
        "cannot be undone=>y",
    ];
    let Some((code, said)) = typed(&home, &["delete", "user", "-i"], &answers) else {
        return;
    };
    assert_eq!(code, Some(0), "{said}");
    // The chosen account (B) comes first, then A; of its users the first was marked.
    assert_eq!(
        home.json(&["list", "users", "-a", "A"])
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn whoever_says_no_changes_nothing() {
    let home = Home::prepared();
    let before = all_files(home.path());
    let no = [
        "delete associated=>n",
        "user creds files=>n",
        "cannot be undone=>n",
    ];
    let Some((code, said)) = typed(&home, &["delete", "account", "A", "-i"], &no) else {
        return;
    };
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("delete cancelled"), "{said}");
    assert_eq!(all_files(home.path()), before);
}

#[test]
fn at_a_terminal_one_is_asked_what_becomes_of_the_users_of_a_signing_key() {
    let home = Home::prepared();
    home.line("nsc add signing-key one --allow-pub a");
    home.line("nsc add user w -K one");
    let before = all_files(home.path());
    let remove = ["delete", "signing-key", "one"];
    let question = "what it signed: 1 user (w)";
    let Some((code, said)) = typed(&home, &remove, &[&format!("{question}=>\\c")]) else {
        return;
    };
    assert_ne!(code, Some(0), "{said}");
    assert_eq!(all_files(home.path()), before);
    let (code, said) = typed(&home, &remove, &[&format!("{question}=>n")]).expect("python");
    assert_eq!(code, Some(0), "{said}");
    // It was said: no warning.
    assert!(!said.contains("WARN"), "{said}");
}

/// Everything that asks, with answers that go through; wrong ones come first where a question knows them.
const CONVERSATIONS: &[(&str, &[&str])] = &[
    (
        "add operator -i",
        &[
            "import operator from a JWT=>n",
            "operator name=>O\\r",
            "exists already=>\\uP\\r",
            "generate an operator nkey=>n",
            "path to an operator nkey=>nothing\\r",
            "it is no operator key=>\\ugenerate\\r",
            "valid from=>\\r",
            "valid until=>yesterday\\r",
            "yesterday=>\\u1d\\r",
            "Generate system account=>y",
            "Generate signing key=>y",
        ],
    ),
    (
        "add account -i",
        &[
            "account name=>A\\r",
            "exists already=>\\uN\\r",
            "generate an account nkey=>y",
            "valid from=>\\r",
            "valid until=>\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "add user -i",
        &[
            "select account=>\\r",
            "user name=>a/b\\r",
            "cannot=>\\un\\r",
            "generate an user nkey=>y",
            "key to sign with=>\\r",
            "may publish on=>a..b\\r",
            "is no subject=>\\uorders.>\\r",
            "may subscribe to=>\\r",
            "allow response=>y",
            "Max number of responses=>2\\r",
            "Response TTL=>x\\r",
            "no duration=>\\u5s\\r",
            "valid from=>\\r",
            "valid until=>\\r",
        ],
    ),
    (
        "add export -i -a A",
        &[
            "export type=>\\d\\r",
            "subject=>..\\r",
            "is no subject=>\\uq.*\\r",
            "name=>\\r",
            "private service=>n",
            "track service latency=>y",
            "sampling percentage=>0\\r",
            "1 to 100=>\\u10\\r",
            "latency metrics subject=>lat\\r",
            "response type=>\\r",
            "response threshold=>x\\r",
            "no duration=>\\u1s\\r",
            "allow tracing=>n",
            "key to sign with=>\\r",
        ],
    ),
    (
        "add import -i -a B",
        &[
            "select the export=>\\r",
            "export subject=>s.x\\r",
            "name=>\\r",
            "local subject=>\\r",
            "share information=>n",
            "key to sign with=>\\r",
        ],
    ),
    (
        "add mapping -i -a A",
        &[
            "mapping from subject=>f.*\\r",
            "to subject=>t.{{wildcard(3)}}\\r",
            "to subject=>\\ut.{{wildcard(1)}}\\r",
            "weight=>101\\r",
            "1 to 100=>\\u20\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "add signing-key -i -a A",
        &[
            "name of the role=>role\\r",
            "there is a role=>\\uother\\r",
            "may publish on=>\\r",
            "may subscribe to=>\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "edit operator -i",
        &[
            "account jwt server url=>nowhere\\r",
            "requires a protocol=>\\unats://x:4222\\r",
            "service urls to add=>http://x\\r",
            "not supported=>\\unats://y:4222\\r",
            "Set system account=>n",
            "add a signing key=>y",
            "path to a signing key=>generate\\r",
            "valid from=>\\r",
            "valid until=>\\r",
            "tags to add=>t\\r",
        ],
    ),
    (
        "edit account A -i",
        &[
            "add a signing key=>n",
            "max connections=>many\\r",
            "max connections=>\\u7\\r",
            "max leaf=>\\r",
            "max data=>\\r",
            "max exports=>\\r",
            "max imports=>\\r",
            "max payload=>\\r",
            "max subscriptions=>\\r",
            "set JetStream limits=>y",
            "edit tier=>x\\r",
            "edit tier=>\\u0\\r",
            "max mem storage=>1G\\r",
            "max disk storage=>-2\\r",
            "at least -1=>\\u1G\\r",
            "max streams=>\\r",
            "max consumer=>\\r",
            "memory stream=>\\r",
            "disk stream=>\\r",
            "pending acks=>\\r",
            "require max bytes=>n",
            "valid from=>\\r",
            "valid until=>\\r",
            "tags to add=>\\r",
            "Account Description=>words\\r",
            "Info url=>nowhere\\r",
            "no hostname=>\\uhttps://x.y\\r",
            "Enable context tracing=>y",
            "Trace context subject=>\\r",
            "sampling rate=>101\\r",
            "1 to 100=>\\u50\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "edit user -i -a A -n u",
        &[
            "max subscriptions=>\\r",
            "max data=>\\r",
            "max payload=>x\\r",
            "max payload=>\\u1K\\r",
            "more subjects it may publish on=>\\r",
            "more subjects it may subscribe=>\\r",
            "valid from=>\\r",
            "valid until=>\\r",
            "tags to add=>t\\r",
        ],
    ),
    (
        "edit export -i -a A",
        &[
            "select export to edit=>\\d\\r",
            "export type=>\\r",
            "subject=>\\uq..\\r",
            "is no subject=>\\up.>\\r",
            "name=>\\r",
            "private stream=>n",
            "Export Description=>\\r",
            "Info url=>\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "edit signing-key -i -a A",
        &[
            "what the role is for=>words\\r",
            "may publish on=>\\r",
            "may subscribe to=>\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "edit authcallout -i -a A",
        &[
            "select the users=> \\r",
            "accounts in which=>nobody\\r",
            "no account=>\\u*\\r",
            "encrypt what=>y",
            "curve key=>x\\r",
            "no curve key=>\\ugenerate\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "delete export -i -a A",
        &["select export to delete=>\\d\\r", "key to sign with=>\\r"],
    ),
    ("delete import -i -a B", &["key to sign with=>\\r"]),
    ("delete mapping -i -a A", &["key to sign with=>\\r"]),
    ("delete signing-key -i -a A", &["key to sign with=>\\d\\r"]),
    (
        "delete user -i -a A -n u",
        &[
            "revoke users before=>y",
            "delete user nkeys=>n",
            "delete user creds=>n",
            "cannot be undone=>y",
            "key to sign with=>\\r",
        ],
    ),
    (
        "delete account B -i",
        &["user nkeys=>n", "creds files=>n", "cannot be undone=>y"],
    ),
    (
        "revocations add-user -i -a A",
        &[
            "by the name of a user=>n",
            "public key of the user=>u\\r",
            "no public key=>\\u*\\r",
            "created before=>soon\\r",
            "created before=>\\u0\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "revocations delete-user -i -a B",
        &["key to sign with=>\\r"],
    ),
    (
        "revocations add-activation -i -a A",
        &[
            "is service=>y",
            "account: name=>nobody\\r",
            "no public key=>\\uB\\r",
            "created before=>\\r",
            "key to sign with=>\\r",
        ],
    ),
    (
        "generate activation -i -a A -o act.jwt",
        &[
            "subject=>\\r",
            "may import=>x\\r",
            "no public key=>\\uB\\r",
            "valid from=>\\r",
            "valid until=>\\r",
            "key to sign with=>\\r",
        ],
    ),
    ("generate creds -i -o u.creds", &["select account=>\\d\\r"]),
    (
        "describe jwt -i -o words",
        &[
            "token file or url=>nowhere\\r",
            "there is no file=>\\uOP.jwt\\r",
        ],
    ),
    (
        "import user -i --overwrite",
        &[
            "file with the user's token=>u\\r",
            "there is no file=>\\uU.jwt\\r",
        ],
    ),
    (
        "migrate -i",
        &[
            "all accounts under=>y",
            "directory for the operator=>nowhere\\r",
            "holds no store=>\\uelse/OTHER\\r",
            "replace accounts=>n",
        ],
    ),
    (
        "init -i",
        &[
            "configuration directory=>\\r",
            "select an operator=>\\r",
            "name your operator=>demo\\r",
        ],
    ),
    ("validate -i", &["select account=>\\r"]),
];

/// A store with several of each thing, so that nothing is picked without a question; and files to name.
fn rich() -> Home {
    let home = Home::prepared();
    home.all(&[
        "nsc edit operator --sk generate",
        "nsc add account B",
        "nsc add user w -a B",
        "nsc add export -a A --service --subject 's.*' --private",
        "nsc add export -a A --subject 't.>'",
        "nsc add import -a B --src-account A --remote-subject s.y --service",
        "nsc add mapping -a A --from from --to to",
        "nsc add signing-key role -a A --allow-sub 'r.>'",
        "nsc revocations add-user -a B --user-public-key '*'",
        "nsc select account A",
        "nsc describe user -a A -n u --raw -o U.jwt",
        "nsc describe operator --raw -o OP.jwt",
        "nsc backup B.backup",
        "nsc restore B.backup --name OTHER",
        "nsc select operator OTHER",
        "nsc rename account A C --OK",
        "nsc rename account B D --OK",
        "nsc select operator O",
        "nsc select account A",
    ]);
    std::fs::create_dir(home.path().join("else")).expect("made");
    let elsewhere = home.path().join("else/OTHER");
    std::fs::rename(home.stores().join("OTHER"), elsewhere).expect("moved");
    home
}

#[test]
fn every_question_says_what_is_wrong_and_ctrl_c_at_any_of_them_leaves_all_as_it_was() {
    let rich = rich();
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let parts = CONVERSATIONS.chunks(CONVERSATIONS.len().div_ceil(4));
        let threads: Vec<_> = parts
            .map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .flat_map(|it| conversation(&rich, *it))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let told = threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"));
        told.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What went wrong when a conversation was left at each of its questions, and when it was led to its end.
fn conversation(rich: &Home, (line, answers): (&str, &[&str])) -> Vec<String> {
    let mut wrong = Vec::new();
    let words = nats_term::examples::words(line);
    let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
    let home = rich.copy();
    let before = all_files(home.path());
    for at in 0..answers.len() {
        let mut given = answers[..at].to_vec();
        let question = answers[at].split("=>").next().expect("a question");
        let leave = format!("{question}=>\\c");
        given.push(&leave);
        let Some((code, said)) = typed(&home, &arguments, &given) else {
            return wrong;
        };
        if !code.is_some_and(|code| !matches!(code, 0 | 98 | 99 | 101)) {
            wrong.push(format!("{line}, left at {question:?}: {code:?} {said}"));
            break;
        }
        // Questions hide the cursor.
        let hidden = said.rfind("\u{1b}[?25l");
        if hidden.is_some_and(|at| !said[at..].contains("\u{1b}[?25h")) {
            wrong.push(format!("{line}, left at {question:?}: no cursor: {said}"));
        }
        if all_files(home.path()) != before {
            wrong.push(format!("{line}, left at {question:?}: files changed"));
        }
    }
    let (code, said) = typed(&home, &arguments, answers).expect("python");
    if code != Some(0) {
        wrong.push(format!("{line}: {code:?} {said}"));
    }
    wrong
}
