use super::*;
use crate::message::Ttl;
use crate::model;

fn store(limits: Limits) -> MemoryStore {
    MemoryStore::new(limits)
}

fn message<'a>(subject: &'a str, payload: &'a str, time: i64) -> NewMessage<'a> {
    NewMessage {
        subject: subject.as_bytes(),
        headers: b"",
        payload: payload.as_bytes(),
        time: Timestamp(time),
        ttl: Ttl::Stream,
    }
}

/// Appends one message of two bytes to each subject in turn, at times 10, 20, 30...
fn with_messages(limits: Limits, subjects: &[&str]) -> MemoryStore {
    let mut store = store(limits);
    let mut removed = Removals::default();
    for subject in subjects {
        let sequence = store.state().last_sequence + 1;
        let time = i64::try_from(sequence).unwrap() * 10;
        store
            .append(sequence, &message(subject, "xx", time), &mut removed)
            .unwrap();
    }
    store
}

fn sequences(store: &MemoryStore) -> Vec<u64> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(message) = store.next(&Filter::ALL, from).unwrap() {
        found.push(message.sequence);
        from = message.sequence + 1;
    }
    found
}

#[test]
fn a_fresh_store_begins_at_one() {
    let state = store(Limits::default()).state();
    assert_eq!(
        state,
        StreamState {
            first_sequence: 1,
            ..StreamState::default()
        }
    );
}

#[test]
fn a_purge_of_an_empty_store_sets_the_next_sequence() {
    let mut store = store(Limits::default());
    let purge = Purge {
        below: Some(100),
        ..Purge::default()
    };
    assert_eq!(store.purge(&purge, &mut Removals::default()).unwrap(), 0);
    let state = store.state();
    assert_eq!((state.first_sequence, state.last_sequence), (100, 99));
}

/// The answers of the reference server to the same requests, memory and file alike.
#[test]
fn purges_leave_what_the_reference_leaves() {
    let mut removed = Removals::default();
    let mut store = with_messages(Limits::default(), &["a", "b", "a", "b", "a", "b"]);
    let cases = [
        ("a", None, Some(2), 1, vec![2, 3, 4, 5, 6]),
        ("b", Some(4), None, 1, vec![3, 4, 5, 6]),
        (">", None, Some(1), 3, vec![6]),
        (">", Some(1), None, 0, vec![6]),
    ];
    for (filter, below, keep, count, left) in cases {
        let purge = Purge {
            filter: Filter::any([filter]),
            below,
            keep,
        };
        assert_eq!(
            store.purge(&purge, &mut removed).unwrap(),
            count,
            "{purge:?}"
        );
        assert_eq!(sequences(&store), left, "{purge:?}");
    }
    let beyond = Purge {
        below: Some(20),
        ..Purge::default()
    };
    assert_eq!(store.purge(&beyond, &mut removed).unwrap(), 1);
    let state = store.state();
    assert_eq!((state.first_sequence, state.last_sequence), (20, 19));
    assert_eq!(state.last_time, Timestamp(60));
    assert_eq!(state.first_time, Timestamp(0));
}

#[test]
fn a_filtered_purge_beyond_the_end_moves_no_sequence() {
    let mut store = with_messages(Limits::default(), &["a", "b"]);
    let purge = Purge {
        filter: Filter::any(["a"]),
        below: Some(50),
        keep: None,
    };
    store.purge(&purge, &mut Removals::default()).unwrap();
    assert_eq!(store.state().last_sequence, 2);
}

#[test]
fn removing_the_last_message_leaves_a_gap_at_the_end() {
    let mut store = with_messages(Limits::default(), &["a", "a", "b"]);
    let mut removed = Removals::default();
    assert!(store.remove(3, Erase::No, &mut removed).unwrap());
    let state = store.state();
    assert_eq!(
        (state.first_sequence, state.last_sequence, state.deleted),
        (1, 3, 1)
    );
    let mut gaps = Vec::new();
    store.gaps(&mut |first, count| {
        gaps.push((first, count));
        ControlFlow::Continue(())
    });
    assert_eq!(gaps, [(3, 1)]);
    assert!(removed.iter().next().unwrap().last_of_subject);
}

#[test]
fn a_message_larger_than_max_bytes_takes_everything_and_itself() {
    let limits = Limits {
        max_bytes: Some(40),
        ..Limits::default()
    };
    let mut store = with_messages(limits, &["a", "a"]);
    assert_eq!(store.state().messages, 2);
    let mut removed = Removals::default();
    let big = "x".repeat(100);
    store
        .append(3, &message("a", &big, 40), &mut removed)
        .unwrap();
    let state = store.state();
    assert_eq!(
        (state.messages, state.first_sequence, state.last_sequence),
        (0, 4, 3)
    );
    assert_eq!(removed.len(), 3);
}

#[test]
fn max_age_passes_over_messages_that_never_expire() {
    let mut store = store(Limits {
        max_age: Some(100),
        ..Limits::default()
    });
    let mut removed = Removals::default();
    for (sequence, ttl) in [
        (1, Ttl::Never),
        (2, Ttl::Stream),
        (3, Ttl::Until(Timestamp(50))),
        (4, Ttl::Stream),
    ] {
        let mut message = message("a", "x", i64::try_from(sequence).unwrap() * 10);
        message.ttl = ttl;
        store.append(sequence, &message, &mut removed).unwrap();
    }
    assert_eq!(store.next_expiry(), Some(Timestamp(50)));
    store.expire(Timestamp(119), 10, &mut removed).unwrap();
    assert_eq!(sequences(&store), [1, 2, 4]);
    assert_eq!(store.next_expiry(), Some(Timestamp(120)));
    store.expire(Timestamp(1000), 10, &mut removed).unwrap();
    assert_eq!(sequences(&store), [1]);
    assert_eq!(store.next_expiry(), None);
    assert!(removed.iter().all(|r| r.why == RemovedWhy::Age));
}

/// Clocks step back: the third message is older than the second one, which goes by its TTL and then holds it back no longer.
#[test]
fn what_has_expired_includes_what_a_ttl_lays_open() {
    let mut store = store(Limits {
        max_age: Some(100),
        ..Limits::default()
    });
    let mut removed = Removals::default();
    for (sequence, time, ttl) in [
        (1, 10, Ttl::Stream),
        (2, 50, Ttl::Until(Timestamp(115))),
        (3, 20, Ttl::Stream),
    ] {
        let mut message = message("a", "x", time);
        message.ttl = ttl;
        store.append(sequence, &message, &mut removed).unwrap();
    }
    assert_eq!(store.expired(Timestamp(110), 9).unwrap(), [1]);
    assert_eq!(store.expired(Timestamp(120), 9).unwrap(), [1, 2, 3]);
    assert_eq!(store.expired(Timestamp(120), 2).unwrap(), [1, 2]);
    store.expire(Timestamp(120), 9, &mut removed).unwrap();
    assert_eq!(store.state().messages, 0);
}

#[test]
fn a_sequence_is_never_given_twice() {
    let mut store = with_messages(Limits::default(), &["a"]);
    let again = store.append(1, &message("a", "x", 20), &mut Removals::default());
    assert!(matches!(
        again,
        Err(StoreError::OutOfOrder { given: 1, last: 1 })
    ));
    assert!(store.skip(0).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: proptest::test_runner::Config::default().cases.max(300), ..Default::default() })]

    #[test]
    fn does_whatever_the_model_does(operations in model::operations(1..60)) {
        let same = model::compare(store(Limits::default()), |store| store, &operations);
        proptest::prop_assert!(same.is_ok(), "{}", same.unwrap_err());
    }
}
