//! The index of subscriptions against a list that is searched from front to end.
//!
//! The input is a program: each byte is an operation or a piece of a subject.

use std::any::Any;
use std::sync::Arc;

use nats_proto::subject;
use nats_server::interest::{Hook, Interest, Sub, Target};

/// Operations in one run, so that the naive side stays quick.
const OPERATIONS_MAX: usize = 32;
const TOKENS: [&str; 12] = [
    "a", "b", "c", "aa", "*", "*", ">", "*a", ">>", "", "\u{fc}", "a",
];
const QUEUES: [Option<&str>; 4] = [None, None, Some("q"), Some("r")];

struct Nobody;

impl Hook for Nobody {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub fn check(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let interest = Interest::default();
    let nobody: Arc<dyn Hook> = Arc::new(Nobody);
    let mut model: Vec<Arc<Sub>> = Vec::new();
    for number in 0..OPERATIONS_MAX {
        let Some(operation) = bytes.next() else { break };
        match operation % 8 {
            0..=3 => {
                let subject = read_subject(&mut bytes);
                if !subject::is_valid(&subject) {
                    continue;
                }
                let queue = QUEUES[usize::from(operation >> 3) % QUEUES.len()];
                let target = Target::Hook(nobody.clone());
                let queue = queue.map(str::as_bytes);
                let sub = Arc::new(Sub::new(&subject, queue, &[b'0' + number as u8], target));
                let before = interest.generation();
                interest.insert(sub.clone());
                assert_ne!(before, interest.generation());
                model.push(sub);
            }
            4 => {
                if let Some(at) = pick(operation, model.len()) {
                    let sub = model.swap_remove(at);
                    assert!(interest.remove(&sub));
                    assert!(!interest.remove(&sub), "removed twice");
                }
            }
            5 => {
                let keep = pick(operation, model.len()).unwrap_or(0);
                let gone = model.split_off(keep);
                interest.remove_all(&gone);
            }
            _ => compare(&interest, &model, &read_subject(&mut bytes)),
        }
        assert_eq!(interest.len(), model.len());
    }
    for subject in ["a", "a.b.c", "a..b"] {
        compare(&interest, &model, subject.as_bytes());
    }
    assert_eq!(interest.all().len(), model.len());
    interest.remove_all(&model);
    assert!(interest.is_empty() && interest.matches(b"a").is_empty());
}

fn compare(interest: &Interest, model: &[Arc<Sub>], literal: &[u8]) {
    if !subject::is_valid_literal(literal) {
        // Whatever is said, it must be said without a panic.
        let _ = interest.matches(literal);
        return;
    }
    let mut expected: Vec<_> = model
        .iter()
        .filter(|sub| naive_matches(literal, &sub.subject))
        .map(|sub| (sub.queue.as_deref(), sub.sid.as_bytes()))
        .collect();
    expected.sort_unstable();
    let matched = interest.matches(literal);
    let mut found: Vec<_> = matched
        .plain()
        .iter()
        .map(|sub| (None, sub.sid.as_bytes()))
        .collect();
    for (number, group) in matched.queues().iter().enumerate() {
        assert!(!group.subs.is_empty(), "a group of nobody");
        let earlier = matched.queues().iter().take(number);
        assert!(
            earlier.into_iter().all(|g| g.name != group.name),
            "one group in two parts"
        );
        let members = group.subs.iter().map(|sub| sub.sid.as_bytes());
        found.extend(members.map(|sid| (Some(&*group.name), sid)));
    }
    found.sort_unstable();
    assert_eq!(
        found,
        expected,
        "for {:?}",
        String::from_utf8_lossy(literal)
    );
    assert_eq!(interest.has_interest(literal), !expected.is_empty());
    assert_eq!(matched.is_empty(), expected.is_empty());
}

/// The definition of matching, token by token.
fn naive_matches(literal: &[u8], pattern: &[u8]) -> bool {
    let mut literal = literal.split(|&b| b == b'.');
    for want in pattern.split(|&b| b == b'.') {
        match (literal.next(), want) {
            (Some(_), b">") => return true,
            (Some(have), want) if want == b"*" || have == want => {}
            _ => return false,
        }
    }
    literal.next().is_none()
}

fn pick(byte: u8, len: usize) -> Option<usize> {
    usize::from(byte >> 3).checked_rem(len)
}

/// One to four tokens; the upper bits of a byte say whether another follows.
fn read_subject(bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let mut subject = Vec::with_capacity(16);
    for number in 0..4 {
        let byte = bytes.next().unwrap_or(0);
        if number > 0 {
            subject.push(b'.');
        }
        subject.extend_from_slice(TOKENS[usize::from(byte & 0x0f) % TOKENS.len()].as_bytes());
        if byte < 0x60 {
            break;
        }
    }
    subject
}
