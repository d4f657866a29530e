//! The index of subscriptions against a list that is searched from front to end.
//!
//! The input is a program: each byte is an operation or a piece of a subject.

use std::any::Any;
use std::collections::BTreeMap;
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
                let sid = number.to_string();
                let target = Target::Hook(Arc::new(Nobody));
                let queue = queue.map(str::as_bytes);
                let sub = Arc::new(Sub::new(&subject, queue, sid.as_bytes(), target));
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
    assert!(interest.is_empty() && interest.matches(b"a").is_none());
}

fn compare(interest: &Interest, model: &[Arc<Sub>], literal: &[u8]) {
    if !subject::is_valid_literal(literal) {
        // Whatever is said, it must be said without a panic.
        let _ = interest.matches(literal);
        return;
    }
    let mut expected: BTreeMap<Option<Vec<u8>>, Vec<Vec<u8>>> = BTreeMap::new();
    for sub in model {
        if subject::matches(literal, &sub.subject) {
            let queue = sub.queue.as_deref().map(<[u8]>::to_vec);
            expected.entry(queue).or_default().push(sid(sub));
        }
    }
    expected.values_mut().for_each(|list| list.sort());
    let matched = interest.matches(literal);
    let mut found: BTreeMap<Option<Vec<u8>>, Vec<Vec<u8>>> = BTreeMap::new();
    if !matched.plain().is_empty() {
        found.insert(None, matched.plain().iter().map(sid).collect());
    }
    for group in matched.queues() {
        let names = group.subs.iter().map(sid).collect();
        let twice = found.insert(Some(group.name.to_vec()), names);
        assert!(twice.is_none(), "one group in two parts");
    }
    found.values_mut().for_each(|list| list.sort());
    assert_eq!(
        found,
        expected,
        "for {:?}",
        String::from_utf8_lossy(literal)
    );
    assert_eq!(interest.has_interest(literal), !expected.is_empty());
    assert_eq!(matched.is_none(), expected.is_empty());
}

fn sid(sub: &Arc<Sub>) -> Vec<u8> {
    sub.sid.as_bytes().to_vec()
}

fn pick(byte: u8, len: usize) -> Option<usize> {
    usize::from(byte >> 3).checked_rem(len)
}

/// One to four tokens; the upper bits of a byte say whether another follows.
fn read_subject(bytes: &mut impl Iterator<Item = u8>) -> Vec<u8> {
    let mut subject = String::new();
    for number in 0..4 {
        let byte = bytes.next().unwrap_or(0);
        if number > 0 {
            subject.push('.');
        }
        subject.push_str(TOKENS[usize::from(byte & 0x0f) % TOKENS.len()]);
        if byte < 0x60 {
            break;
        }
    }
    subject.into_bytes()
}
