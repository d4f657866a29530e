//! `generate diagram`: everything that is drawn is declared once, and what a token says is in the picture.

mod support;

use std::collections::BTreeSet;

use support::Home;

/// A store with exports, imports, signing keys, roles, users of a role, limits, descriptions, and a token that is damaged.
fn home() -> Home {
    let home = Home::new();
    home.all(&[
        "nsc add operator OPS --sys --generate-signing-key",
        "nsc add account A --expiry 1y",
        "nsc add account B",
        "nsc add account BROKEN",
        "nsc add export -a A --service --subject 'q.*' --name q.all --private",
        "nsc add export -a A --service --subject 'r.*' --name q_all",
        "nsc add export -a A --subject 't.>' --description 'what is\nsold, and end note what \"was\"'",
        "nsc add import -a B --src-account A --remote-subject 'q.x' --service --local-subject mine",
        "nsc add import -a B --src-account A --remote-subject 't.>'",
        "nsc add import -a B --src-account A --remote-subject nowhere",
        "nsc add signing-key svc -a A --allow-sub 'rpc.>' --deny-pub '$SYS.>' --payload 1KiB",
        "nsc add user u -a A --allow-pub 'orders.>'",
        "nsc add user w -a A -K svc",
        "nsc revocations add-user u -a A",
        "nsc edit account A --js-disk-storage 1GiB --conns 7 --description 'the shop'",
    ]);
    let broken = home.stores().join("OPS/accounts/BROKEN/BROKEN.jwt");
    std::fs::write(broken, "x.y.z").expect("written");
    home
}

/// What a line declares.
fn declared(line: &str) -> Option<&str> {
    let kinds = ["component [", "interface \"", "object \"", "map \""];
    let is = kinds.iter().any(|kind| line.starts_with(kind));
    let (_, rest) = line.rsplit_once(" as ")?;
    is.then(|| rest.split(' ').next().unwrap_or_default())
}

/// Asserts that every arrow is between things that are declared, and nothing is declared twice.
fn is_whole(picture: &str) {
    assert!(picture.starts_with("@startuml\n") && picture.ends_with("@enduml\n"));
    let mut ids = BTreeSet::new();
    for id in picture.lines().filter_map(declared) {
        assert!(ids.insert(id), "{id} is declared twice in {picture}");
    }
    let arrows = [" -- ", " *-- ", " ..> ", " <-- "];
    for line in picture.lines() {
        let Some(arrow) = arrows.iter().find(|arrow| line.contains(**arrow)) else {
            continue;
        };
        let (from, to) = line.split_once(arrow).expect("an arrow");
        let to = to.split(' ').next().unwrap_or_default();
        for end in [from, to] {
            let (owner, key) = end.split_once("::").unwrap_or((end, ""));
            assert!(ids.contains(owner), "{line}: {owner} is not declared");
            let entry = format!("\n{key} => ");
            assert!(
                key.is_empty() || picture.contains(&entry),
                "{line}: no {key}"
            );
        }
    }
    assert_eq!(
        picture
            .lines()
            .filter(|line| line.starts_with("note "))
            .count(),
        picture.lines().filter(|line| *line == "end note").count(),
        "{picture}"
    );
}

#[test]
fn the_picture_of_exports_and_imports_is_whole() {
    let home = home();
    for flags in [&[][..], &["--detail"]] {
        let mut arguments = vec!["generate", "diagram", "component"];
        arguments.extend(flags);
        let picture = home.ok(&arguments);
        is_whole(&picture);
        for words in [
            "component [A] as A",
            "interface \"q.all\" <<private service>>",
            "interface \"q_all\" <<public service>>",
            "\"q.x <&resize-width>mine <&key>\"",
            "<<not-found stream>>",
            "component [BROKEN] as damaged_2 <<damaged>>",
        ] {
            assert!(picture.contains(words), "no {words} in {picture}");
        }
        assert_eq!(picture.contains("the shop"), !flags.is_empty());
    }
    // What it does not draw it does not take.
    home.refused(&["generate", "diagram", "component", "--users"]);
}

#[test]
fn the_picture_of_tokens_shows_who_signed_what_and_what_it_says() {
    let home = home();
    let short = home.ok(&["generate", "diagram", "object"]);
    is_whole(&short);
    assert!(
        !short.contains("unlimited") && !short.contains("<<user>>"),
        "{short}"
    );
    assert!(short.contains("Max Client Connections = 7"), "{short}");
    let all = ["--detail", "--show-keys", "--users"];
    let picture = home.ok(&[&["generate", "diagram", "object"][..], &all].concat());
    is_whole(&picture);
    for words in [
        "<<operator>>",
        "<<operator signing keys>>",
        "<<system account>>",
        "<<account signing keys>>",
        "=> true, role svc",
        "object \"svc\" as",
        "Subscribe = rpc.>",
        "Publish Denied = $SYS.>",
        "Max Payload = 1024",
        "Role = svc",
        "Publish = orders.>",
        "Revoked = true",
        "Max Payload = -1 (unlimited)",
        "Max Disk Storage = 1073741824",
        "Identity Key Present = true",
        "object \"BROKEN\" as account_2 <<damaged>>",
    ] {
        assert!(picture.contains(words), "no {words} in {picture}");
    }
    // The user of the role hangs at the role's key, the account at the operator's signing key.
    let role = picture.lines().find(|line| line.contains("role svc"));
    let key = role.and_then(|line| line.split(' ').next()).expect("a key");
    assert!(picture.contains(&format!("_sk::{key} -- U")), "{picture}");
}
