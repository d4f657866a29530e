//! Subjects against a naive model; transforms whose results are subjects and whose reverses undo them.
//!
//! The input is lines: source pattern, destination, subject, a second pattern. The first byte drives chance.

use nats_proto::subject::{self, Literal, Subject};
use nats_proto::transform::{self, Destination, Mappings, Selection, Transform};

pub fn check(data: &[u8]) {
    let Some((&chance, rest)) = data.split_first() else {
        return;
    };
    let mut lines = rest.splitn(4, |&b| b == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (a, destination, subject, b) = (line(), line(), line(), line());
    for bytes in [a, b, destination, subject] {
        check_one(bytes);
    }
    check_relations(a, b, subject);
    let random = u32::from_le_bytes([chance; 4]);
    if let (Ok(a), Ok(destination)) = (std::str::from_utf8(a), std::str::from_utf8(destination)) {
        check_transform(a, destination, subject, random);
        check_mapping(a, destination, subject, random);
    }
}

fn check_one(bytes: &[u8]) {
    let tokens: Vec<&[u8]> = bytes.split(|&b| b == b'.').collect();
    assert_eq!(subject::tokens(bytes).collect::<Vec<_>>(), tokens);
    let clean = !bytes.iter().any(|b| b" \t\r\n\x0c".contains(b));
    let full = tokens.iter().all(|t| !t.is_empty());
    let tail_is_last = tokens.iter().rev().skip(1).all(|t| *t != b">");
    let wild = tokens.iter().any(|t| *t == b"*" || *t == b">");
    assert_eq!(subject::is_valid(bytes), clean && full && tail_is_last);
    assert_eq!(subject::is_valid_publish(bytes), clean && full && !wild);
    assert_eq!(subject::is_valid_literal(bytes), full && !wild);
    assert_eq!(subject::has_wildcard(bytes), wild);
    assert_eq!(Subject::new(bytes).is_ok(), subject::is_valid(bytes));
    assert_eq!(
        Literal::new(bytes).is_ok(),
        subject::is_valid_publish(bytes)
    );
    if subject::is_valid_text(bytes) {
        assert!(subject::is_valid(bytes) && std::str::from_utf8(bytes).is_ok());
    }
}

fn naive_matches(literal: &[&[u8]], pattern: &[&[u8]]) -> bool {
    match (literal, pattern) {
        ([], []) => true,
        ([_, ..], [b">"]) => true,
        ([l, ls @ ..], [p, ps @ ..]) => (l == p || *p == b"*") && naive_matches(ls, ps),
        _ => false,
    }
}

fn check_relations(a: &[u8], b: &[u8], literal: &[u8]) {
    let subset = subject::is_subset(a, b);
    let collide = subject::collides(a, b);
    assert_eq!(collide, subject::collides(b, a));
    if !(subject::is_valid(a) && subject::is_valid(b) && subject::is_valid_publish(literal)) {
        return;
    }
    let split = |bytes| subject::tokens(bytes).collect::<Vec<_>>();
    let (in_a, in_b) = (subject::matches(literal, a), subject::matches(literal, b));
    assert_eq!(in_a, naive_matches(&split(literal), &split(a)));
    assert_eq!(in_b, naive_matches(&split(literal), &split(b)));
    assert!(!(subset && in_a) || in_b);
    assert!(!(in_a && in_b) || collide);
    assert!(!subset || collide, "a valid pattern matches something");
    assert!(subject::is_subset(a, a) && subject::collides(a, a));
    assert!(subject::is_subset(a, b">"));
    if subset && subject::is_subset(b, a) {
        assert_eq!(a, b);
    }
    assert_eq!(subject::is_subset(literal, a), in_a);
    assert_eq!(subject::collides(literal, a), in_a);
}

fn check_transform(source: &str, destination: &str, literal: &[u8], random: u32) {
    let strict = Transform::new_strict(source, destination);
    let Ok(made) = Transform::new(source, destination) else {
        assert!(strict.is_err());
        return;
    };
    let result = made.apply(literal, random);
    if made.is_deterministic() {
        assert_eq!(result, made.apply(literal, !random));
    }
    let matching =
        subject::is_valid_literal(literal) && subject::matches(literal, made.source().as_bytes());
    assert_eq!(result.is_some(), matching);
    let _ = made.apply_matched(literal, random);
    let _ = transform::placeholders(destination);
    let Some(result) = result else { return };
    // Cut pieces may be empty, or a wildcard when the subject's tokens hold its character.
    let cuts = ["plit", "lice", "eft", "ight"]
        .iter()
        .any(|f| destination.contains(f));
    let clean = subject::is_valid_publish(literal);
    if clean && !cuts {
        assert!(subject::is_valid_publish(&result), "{made:?} {result:?}");
    }
    if clean {
        assert!(!result.iter().any(|b| b" \t\r\n\x0c".contains(b)));
    }
    if let Some(back) = made.reverse() {
        assert_eq!(
            back.apply(&result, random).as_deref(),
            Some(literal),
            "{made:?} {back:?}"
        );
    }
}

fn check_mapping(source: &str, destination: &str, literal: &[u8], random: u32) {
    let weight = (random % 101) as u8;
    let mut mappings = Mappings::new();
    let list = [Destination::new(destination, weight)];
    if mappings.add(source, &list).is_err() {
        assert!(mappings.is_empty());
        return;
    }
    let selected = mappings.select(literal, "", random);
    let matching = subject::matches(literal, source.as_bytes());
    assert_eq!(matches!(selected, Selection::Unmapped), !matching);
    if let Selection::Through { transform, random } = selected {
        let _ = transform.apply_matched(literal, random);
    }
    assert!(mappings.remove(source) && mappings.is_empty());
}
