//! Subject mappings: where a published message really goes.

use nats_interop::{Server, Wire};

/// Publishes once on each subject to a server with these mappings, and checks where it arrives.
#[track_caller]
fn maps(mappings: &str, cases: &[(&str, &str)]) {
    let server = Server::start(&format!("mappings = {{ {mappings} }}"));
    let (mut publisher, mut all) = (Wire::open(&server), Wire::open(&server));
    all.subscribe(">", "1");
    for (from, to) in cases {
        publisher.publish(from, "x");
        all.expect_msg(to, "1", "x");
    }
    publisher.flush();
    all.expect_nothing();
}

#[test]
fn literals_move() {
    maps(
        "old: new",
        &[("old", "new"), ("new", "new"), ("other", "other")],
    );
}

#[test]
fn wildcards_are_filled_in_by_number_and_may_be_reordered() {
    maps(
        r#""orders.*.*": "shop.$2.order.$1", "a.*": "b.{{wildcard(1)}}", "x.>": "y.>""#,
        &[
            ("orders.7.eu", "shop.eu.order.7"),
            ("a.k", "b.k"),
            ("x.1.2.3", "y.1.2.3"),
            ("orders.7", "orders.7"),
        ],
    );
}

#[test]
fn functions_cut_and_split_tokens() {
    maps(
        r#""left.*": "l.{{left(1,2)}}", "right.*": "r.{{right(1,2)}}",
           "sfl.*": "s.{{SplitFromLeft(1,3)}}", "sfr.*": "s.{{SplitFromRight(1,3)}}",
           "sll.*": "t.{{SliceFromLeft(1,2)}}", "slr.*": "t.{{SliceFromRight(1,2)}}",
           "split.*": "p.{{split(1,-)}}""#,
        &[
            ("left.abcdef", "l.ab"),
            ("right.abcdef", "r.ef"),
            ("sfl.abcdef", "s.abc.def"),
            ("sfr.abcde", "s.ab.cde"),
            ("sll.abcde", "t.ab.cd.e"),
            ("slr.abcde", "t.a.bc.de"),
            ("split.a-b-c", "p.a.b.c"),
            ("split.-a--b-", "p.a.b"),
            ("left.a", "l.a"),
        ],
    );
}

#[test]
fn partition_spreads_deterministically() {
    // FNV-1a of "alice" modulo 10.
    maps(
        r#""user.*": "part.{{partition(10,1)}}.{{wildcard(1)}}""#,
        &[
            ("user.alice", "part.9.alice"),
            ("user.alice", "part.9.alice"),
        ],
    );
}

#[test]
fn weighted_destinations_share_the_traffic() {
    let server = Server::start(
        r#"mappings = { split: [ { destination: a, weight: "75%" }, { destination: b, weight: 25 } ] }"#,
    );
    let (mut publisher, mut all) = (Wire::open(&server), Wire::open(&server));
    all.subscribe(">", "1");
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..2000 {
        publisher.publish("split", "x");
    }
    publisher.flush();
    for _ in 0..2000 {
        let (line, _) = all.read_msg();
        let subject = line.split(' ').nth(1).expect("a subject").to_owned();
        *counts.entry(subject).or_insert(0) += 1;
    }
    assert_eq!(
        counts.keys().map(String::as_str).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert!((1350..1650).contains(&counts["a"]), "{counts:?}");
}

#[test]
fn the_rest_of_the_weights_stays_on_the_subject() {
    let server = Server::start(r#"mappings = { canary: [ { destination: v2, weight: 20 } ] }"#);
    let (mut publisher, mut all) = (Wire::open(&server), Wire::open(&server));
    all.subscribe(">", "1");
    for _ in 0..1000 {
        publisher.publish("canary", "x");
    }
    publisher.flush();
    let mut moved = 0;
    for _ in 0..1000 {
        let (line, _) = all.read_msg();
        match line.split(' ').nth(1) {
            Some("v2") => moved += 1,
            Some("canary") => {}
            other => panic!("{other:?}"),
        }
    }
    assert!((120..280).contains(&moved), "{moved}");
}

#[test]
fn no_responders_names_the_subject_that_the_mapping_chose() {
    let server = Server::start("mappings = { old: new }");
    let mut wire = Wire::open(&server);
    wire.subscribe("inbox", "1");
    wire.publish_request("old", "inbox", "x");
    let (line, body) = wire.read_msg();
    assert!(line.starts_with("HMSG inbox 1 "), "{line}");
    assert_eq!(body, "NATS/1.0 503\r\nNats-Subject: new\r\n\r\n");
}

#[test]
fn permissions_are_checked_on_the_subject_that_the_message_goes_to() {
    let server = Server::start(
        r#"mappings = { "open.*": "closed.$1" }
           authorization { users: [
             { user: a, password: a, permissions: { publish: "open.>" } }
             { user: b, password: b, permissions: { publish: "closed.>" } }
             { user: c, password: c } ] }"#,
    );
    let mut a = Wire::open_with(&server, r#""user":"a","pass":"a""#);
    let mut b = Wire::open_with(&server, r#""user":"b","pass":"b""#);
    let mut c = Wire::open_with(&server, r#""user":"c","pass":"c""#);
    c.subscribe("closed.*", "1");
    a.publish("open.x", "1");
    a.expect_err(r#"Permissions Violation for Publish to "closed.x""#);
    b.publish("open.x", "2");
    c.expect_msg("closed.x", "1", "2");
}

#[test]
fn each_account_has_its_own_mappings() {
    let server = Server::start(
        r#"accounts {
             A { users: [ {user: a, password: a} ], mappings { old: new_a } }
             B { users: [ {user: b, password: b} ], mappings { old: new_b } }
           }"#,
    );
    for (user, destination) in [("a", "new_a"), ("b", "new_b")] {
        let mut wire = Wire::open_with(&server, &format!(r#""user":"{user}","pass":"{user}""#));
        wire.subscribe(">", "1");
        wire.publish("old", "x");
        wire.expect_msg(destination, "1", "x");
    }
}

#[test]
fn the_published_vectors_hold_on_the_wire() {
    let Some(data) = nats_interop::binary::reference_data() else {
        return nats_interop::skip::left_out(
            "subject transform vectors",
            "no reference data beside the repository",
        );
    };
    let text =
        std::fs::read_to_string(data.join("vectors/subject-transforms.json")).expect("the vectors");
    let vectors: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut played = 0;
    for case in vectors["match"].as_array().into_iter().flatten() {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let (src, dest, subject) = (
            text(&case["src"]),
            text(&case["dest"]),
            text(&case["subject"]),
        );
        let expected = case["expect_any_of"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        let [expected] = expected else { continue };
        // In a mapping the reference hands a source without wildcards no tokens to partition by.
        let partition_of_literal = dest.contains("partition") && !src.contains('*');
        if src.is_empty() || dest.is_empty() || src == ">" || partition_of_literal {
            continue;
        }
        played += 1;
        maps(
            &format!("\"{src}\": \"{dest}\""),
            &[(subject.as_str(), text(expected).as_str())],
        );
    }
    assert!(played > 10, "only {played} vectors were usable");
}
