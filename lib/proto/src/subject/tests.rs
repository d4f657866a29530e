use proptest::prelude::*;

use super::*;

/// `reference/vectors/subjects.json`, or `None` with a visible line when the shared folder is not there.
fn vectors() -> Option<serde_json::Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/vectors/subjects.json"
    );
    match std::fs::read(path) {
        Ok(text) => Some(serde_json::from_slice(&text).expect("vectors are JSON")),
        Err(e) if std::env::var_os("NATS_REQUIRE_ALL").is_some() => panic!("{path}: {e}"),
        Err(_) => {
            eprintln!("SKIPPED: reference/vectors/subjects.json is not here");
            None
        }
    }
}

/// Runs `judge(row, string field)` over one table and compares with its boolean column.
fn check_table(table: &str, verdict: &str, judge: impl Fn(&dyn Fn(&str) -> Vec<u8>) -> bool) {
    let Some(vectors) = vectors() else { return };
    let rows = vectors[table].as_array().expect("table is there");
    assert!(!rows.is_empty());
    for row in rows {
        let field = |name: &str| row[name].as_str().expect("text").as_bytes().to_vec();
        let expected = row[verdict].as_bool().expect("verdict");
        assert_eq!(judge(&field), expected, "{table}: {row}");
    }
}

#[test]
fn reference_vectors_of_validity_hold() {
    check_table("valid_subject", "valid", |f| is_valid(&f("subject")));
    check_table("valid_literal_subject", "valid_literal", |f| {
        is_valid_literal(&f("subject"))
    });
    check_table("is_literal", "literal", |f| is_literal(&f("subject")));
}

#[test]
fn reference_vectors_of_relations_hold() {
    check_table("match_literal", "match", |f| {
        matches(&f("literal"), &f("pattern"))
    });
    check_table("collide", "collide", |f| collides(&f("a"), &f("b")));
    check_table("is_subset", "subset", |f| {
        is_subset(&f("subject"), &f("pattern"))
    });
}

#[test]
fn whitespace_is_refused_and_its_place_named() {
    for ws in [b' ', b'\t', b'\r', b'\n', 0x0c] {
        let subject = [b"a.b", &[ws][..], b"c"].concat();
        assert_eq!(check(&subject), Err(InvalidSubject::Whitespace { at: 3 }));
        assert_eq!(check(&[ws]), Err(InvalidSubject::Whitespace { at: 0 }));
        assert!(!is_valid_queue_group(&subject));
    }
}

#[test]
fn errors_name_the_byte() {
    assert_eq!(check(b""), Err(InvalidSubject::Empty));
    assert_eq!(check(b"."), Err(InvalidSubject::EmptyToken { at: 0 }));
    assert_eq!(check(b"a..b"), Err(InvalidSubject::EmptyToken { at: 2 }));
    assert_eq!(check(b"a."), Err(InvalidSubject::EmptyToken { at: 2 }));
    assert_eq!(
        check(b"a.>.b"),
        Err(InvalidSubject::TokenAfterTail { at: 4 })
    );
    assert_eq!(
        check_publish(b"a.*"),
        Err(InvalidSubject::Wildcard { at: 2 })
    );
    assert_eq!(check_publish(b">"), Err(InvalidSubject::Wildcard { at: 0 }));
}

#[test]
fn other_control_bytes_and_invalid_utf8_are_subjects_but_not_text() {
    for subject in [&b"a.\0b"[..], b"a.\xff", b"a.\xef\xbf\xbd"] {
        assert!(is_valid(subject), "{subject:?}");
        assert!(is_valid_publish(subject), "{subject:?}");
        assert!(!is_valid_text(subject), "{subject:?}");
    }
    assert!(is_valid_text("日本.ü".as_bytes()));
    assert_eq!(
        check_text(b"a.\xff"),
        Err(InvalidSubject::NotText { at: 2 })
    );
}

#[test]
fn a_star_inside_a_token_is_no_wildcard_in_any_relation() {
    assert!(!is_subset(b"foo", b"*bar"));
    assert!(!collides(b"foo.>", b"*bar.baz"));
    assert!(!matches(b"foo", b"*bar"));
}

#[test]
fn tokens_can_be_counted_and_picked() {
    assert_eq!(token_count(b""), 0);
    assert_eq!(token_count(b"a"), 1);
    assert_eq!(token_count(b"a.b."), 3);
    assert_eq!(token_at(b"a.b.c", 1), Some(&b"b"[..]));
    assert_eq!(token_at(b"a.b.c", 3), None);
    let mut walk = tokens(b"a.b.c");
    walk.next();
    assert_eq!(walk.rest(), Some(&b"b.c"[..]));
}

#[test]
fn owned_types_carry_their_promise_through_serde_and_maps() {
    assert!(Subject::new("a.*").is_ok_and(|s| s.has_wildcard() && s.matches(b"a.b")));
    assert!(Literal::new("a.*").is_err());
    assert!(serde_json::from_str::<Subject>("\"a..b\"").is_err());
    let subject: Subject = serde_json::from_str("\"a.>\"").expect("valid");
    assert_eq!(serde_json::to_string(&subject).expect("text"), "\"a.>\"");
    assert!(Literal::try_from(subject).is_err());
    let mut map = std::collections::HashMap::new();
    map.insert(Literal::new("a.b").expect("valid"), 1);
    assert_eq!(map.get(&b"a.b"[..]), Some(&1));
}

/// The definition of matching, written as plainly as possible.
fn naive_matches(literal: &[&str], pattern: &[&str]) -> bool {
    match (literal, pattern) {
        ([], []) => true,
        ([_, ..], [">"]) => true,
        ([l, ls @ ..], [p, ps @ ..]) => (l == p || *p == "*") && naive_matches(ls, ps),
        _ => false,
    }
}

/// Every literal of up to five tokens over the alphabet of the patterns below and one foreign token.
fn universe() -> Vec<Vec<&'static str>> {
    let alphabet = ["a", "*b", "c>", "foreign"];
    let mut all = vec![vec![]];
    let mut from = 0;
    for _ in 0..5 {
        let until = all.len();
        for i in from..until {
            for token in alphabet {
                let mut longer: Vec<&str> = all[i].clone();
                longer.push(token);
                all.push(longer);
            }
        }
        from = until;
    }
    all.remove(0);
    all
}

fn pattern() -> impl Strategy<Value = Vec<&'static str>> {
    let token = prop::sample::select(vec!["a", "*b", "c>", "*", "*"]);
    (prop::collection::vec(token, 0..4), any::<bool>()).prop_map(|(mut tokens, tail)| {
        if tail || tokens.is_empty() {
            tokens.push(">");
        }
        tokens
    })
}

#[test]
fn overlaps() {
    for (a, b, want) in [
        ("foo.bar", "foo.*", Some("foo.bar")),
        (">", "a.*.c", Some("a.*.c")),
        ("*.b", "a.*", Some("a.b")),
        ("a.>", "*.b.*", Some("a.b.*")),
        ("a.>", "a.>", Some("a.>")),
        ("a", "b", None),
        ("a.b", "a", None),
    ] {
        let got = overlap(a.as_bytes(), b.as_bytes());
        assert_eq!(got.as_deref(), want.map(str::as_bytes), "{a} and {b}");
    }
}

fn short_pattern() -> impl Strategy<Value = String> {
    (proptest::collection::vec("[ab*]", 1..4), any::<bool>()).prop_map(|(mut tokens, tail)| {
        if tail {
            tokens.push(">".into());
        }
        tokens.join(".")
    })
}

proptest! {
    #[test]
    fn the_overlap_matches_exactly_what_both_match(a in short_pattern(), b in short_pattern(), s in "[ab](\\.[ab]){0,4}") {
        let both = matches(s.as_bytes(), a.as_bytes()) && matches(s.as_bytes(), b.as_bytes());
        let by_overlap = overlap(a.as_bytes(), b.as_bytes()).is_some_and(|o| matches(s.as_bytes(), &o));
        prop_assert_eq!(by_overlap, both);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn relations_agree_with_enumeration(a in pattern(), b in pattern()) {
        let (a_text, b_text) = (a.join("."), b.join("."));
        prop_assert!(is_valid(a_text.as_bytes()));
        let (mut subset, mut collide) = (true, false);
        for literal in universe() {
            let text = literal.join(".");
            let (in_a, in_b) = (naive_matches(&literal, &a), naive_matches(&literal, &b));
            prop_assert_eq!(matches(text.as_bytes(), a_text.as_bytes()), in_a, "{} in {}", text, a_text);
            subset &= !in_a || in_b;
            collide |= in_a && in_b;
        }
        prop_assert_eq!(is_subset(a_text.as_bytes(), b_text.as_bytes()), subset, "{} in {}", a_text, b_text);
        prop_assert_eq!(collides(a_text.as_bytes(), b_text.as_bytes()), collide, "{} and {}", a_text, b_text);
        prop_assert_eq!(collides(b_text.as_bytes(), a_text.as_bytes()), collide, "{} and {}", b_text, a_text);
    }

    #[test]
    fn any_bytes_are_judged_consistently(bytes in prop::collection::vec(
        prop::sample::select(vec![b'a', b'.', b'*', b'>', b' ', b'\r', b'\n', 0x0c, 0, 0xff]), 0..12))
    {
        let split: Vec<&[u8]> = bytes.split(|&b| b == b'.').collect();
        prop_assert_eq!(tokens(&bytes).collect::<Vec<_>>(), split.clone());
        let clean = !bytes.iter().any(|b| b" \t\r\n\x0c".contains(b));
        let full = split.iter().all(|t| !t.is_empty());
        let tail_last = split.iter().rev().skip(1).all(|t| *t != b">");
        let wild = split.iter().any(|t| *t == b"*" || *t == b">");
        prop_assert_eq!(is_valid(&bytes), clean && full && tail_last);
        prop_assert_eq!(has_wildcard(&bytes), wild);
        prop_assert_eq!(is_valid_publish(&bytes), clean && full && !wild);
        prop_assert_eq!(is_valid_literal(&bytes), full && !wild);
        prop_assert_eq!(Subject::new(&bytes).is_ok(), is_valid(&bytes));
        prop_assert_eq!(Literal::new(&bytes).is_ok(), is_valid_publish(&bytes));
        matches(&bytes, &bytes);
        is_subset(&bytes, &bytes);
        collides(&bytes, &bytes);
    }
}
