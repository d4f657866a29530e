use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Insert(Vec<u8>, u64),
    Remove(Vec<u8>, u64),
    /// Removes the message with this rank among all of them.
    RemoveAny(u16),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let long = "(a{250,270}|a{500,530})\\.[bc]";
    prop_oneof![
        6 => "[ab]{1,3}(\\.[ab]{1,2}){0,3}".prop_map(String::into_bytes),
        3 => "(orders|orderly)\\.[0-9]{1,3}".prop_map(String::into_bytes),
        1 => long.prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..5),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let sequence = prop_oneof![9 => 0u64..300, 1 => (1u64 << 40) - 2..(1 << 40) + 20];
    prop_oneof![
        6 => (name(), sequence.clone()).prop_map(|(n, s)| Step::Insert(n, s)),
        1 => (name(), sequence).prop_map(|(n, s)| Step::Remove(n, s)),
        4 => any::<u16>().prop_map(Step::RemoveAny),
    ]
}

type Model = BTreeMap<Vec<u8>, BTreeSet<u64>>;

fn forget(index: &mut SubjectIndex, model: &mut Model, name: &[u8], sequence: u64) {
    let left = model
        .get_mut(name)
        .and_then(|list| list.remove(&sequence).then_some(list.len() as u64));
    if left == Some(0) {
        model.remove(name);
    }
    assert_eq!(index.remove(name, sequence), left);
}

fn apply(index: &mut SubjectIndex, model: &mut Model, step: &Step) {
    match step {
        Step::Insert(name, sequence) => {
            let list = model.entry(name.clone()).or_default();
            list.insert(*sequence);
            assert_eq!(index.insert(name, *sequence).unwrap(), list.len() as u64);
        }
        Step::Remove(name, sequence) => forget(index, model, name, *sequence),
        Step::RemoveAny(rank) => {
            let all: Vec<(Vec<u8>, u64)> = model
                .iter()
                .flat_map(|(name, list)| list.iter().map(|&s| (name.clone(), s)))
                .collect();
            if let Some((name, sequence)) = all.get(usize::from(*rank) % all.len().max(1)) {
                forget(index, model, name, *sequence);
            }
        }
    }
}

fn filters() -> Vec<Filter> {
    let lists: [&[&str]; 9] = [
        &[],
        &["a"],
        &["a.*"],
        &["*.b.>"],
        &["a.>", "b.b", "orders.*"],
        &["orders.1*", "*"],
        &["*.*", "*.*.a.*"],
        &["orderly.12", "orders.12"],
        &["nothing"],
    ];
    lists.into_iter().map(Filter::any).collect()
}

fn check(index: &SubjectIndex, model: &Model, probe: u64) {
    assert_eq!(index.len(), model.len() as u64);
    for filter in filters() {
        let chosen = || model.iter().filter(|(name, _)| filter.matches(name));
        if index.is_all(&filter) {
            assert_eq!(chosen().count(), model.len(), "{filter:?}");
        }
        let mut seen = Vec::new();
        index.visit(&filter, |name, sequences| {
            seen.push((name.to_vec(), sequences.state()));
            ControlFlow::Continue(())
        });
        let want: Vec<_> = chosen()
            .map(|(name, list)| {
                let state = SubjectState {
                    messages: list.len() as u64,
                    first_sequence: *list.first().unwrap(),
                    last_sequence: *list.last().unwrap(),
                };
                (name.clone(), state)
            })
            .collect();
        assert_eq!(seen, want, "{filter:?}");
        let next = chosen()
            .filter_map(|(_, list)| list.range(probe..).next())
            .min();
        assert_eq!(
            index.next(&filter, probe, u64::MAX),
            Answer::Exactly(next.copied()),
            "{filter:?}"
        );
        let last = chosen().filter_map(|(_, list)| list.range(..=probe).next_back());
        assert_eq!(
            index.previous(&filter, probe, u64::MAX),
            Answer::Exactly(last.max().copied())
        );
        let waiting: usize = chosen().map(|(_, list)| list.range(probe..).count()).sum();
        assert_eq!(
            index.pending(&filter, probe, false, u64::MAX),
            Answer::Exactly(waiting as u64)
        );
        let mut below: Vec<u64> = chosen()
            .flat_map(|(_, list)| list.range(..probe).copied())
            .collect();
        below.sort_unstable();
        assert_eq!(index.sequences_below(&filter, probe), below);
    }
    for (name, list) in model {
        assert_eq!(index.get(name).map(|s| s.count()), Some(list.len() as u64));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn knows_what_an_ordered_map_knows(
        steps in prop::collection::vec(step(), 1..200),
        probe in 0u64..320,
    ) {
        let (mut index, mut model) = (SubjectIndex::new(), Model::new());
        for (i, step) in steps.iter().enumerate() {
            apply(&mut index, &mut model, step);
            if i % 8 == 0 {
                check(&index, &model, probe);
            }
        }
        check(&index, &model, probe);
        // Everything goes, and nothing is left behind.
        for (name, list) in &model {
            for &sequence in list {
                prop_assert!(index.remove(name, sequence).is_some());
            }
        }
        let memory = index.memory();
        prop_assert_eq!((index.len(), memory.nodes, memory.leaves), (0, 0, 0));
    }
}

#[test]
fn a_search_gives_up_when_it_has_to_look_at_too_much() {
    let mut index = SubjectIndex::new();
    for i in 0..1000u64 {
        index.insert(format!("a.{i}.x").as_bytes(), i).unwrap();
        index.insert(format!("b.{i}").as_bytes(), 1000 + i).unwrap();
    }
    let wide = Filter::any(["*.*.x"]);
    assert_eq!(index.next(&wide, 500, 100), Answer::TooMany);
    assert_eq!(index.next(&wide, 500, 100_000), Answer::Exactly(Some(500)));
    // What lies outside of the filter costs nothing.
    let narrow = Filter::any(["a.7.*", "b.9"]);
    assert_eq!(index.next(&narrow, 8, 20), Answer::Exactly(Some(1009)));
}

#[test]
fn a_filter_that_takes_every_subject_is_known_to() {
    let mut index = SubjectIndex::new();
    for i in 0..100 {
        index.insert(format!("orders.{i}").as_bytes(), i).unwrap();
    }
    for (patterns, all) in [
        (vec![">"], true),
        (vec!["orders.>"], true),
        (vec!["x.y", "*.>"], true),
        (vec!["orders.1"], false),
        (vec!["orders.1.>"], false),
    ] {
        assert_eq!(index.is_all(&Filter::any(&patterns)), all, "{patterns:?}");
    }
}

#[test]
fn a_very_deep_tree_needs_no_stack() {
    let mut index = SubjectIndex::new();
    let deep = "a".repeat(4000);
    for len in 1..=deep.len() {
        index.insert(&deep.as_bytes()[..len], len as u64).unwrap();
    }
    assert_eq!(
        index.pending(&Filter::ALL, 0, false, u64::MAX),
        Answer::Exactly(4000)
    );
    for len in 1..=deep.len() {
        assert_eq!(index.remove(&deep.as_bytes()[..len], len as u64), Some(0));
    }
    assert!(index.is_empty());
}

#[test]
fn orders_by_number_take_little_memory() {
    let mut index = SubjectIndex::new();
    let count = 200_000u64;
    for i in 0..count {
        // A permutation of the numbers, so that they come in no order.
        let number = (i * 7919) % count;
        index
            .insert(format!("orders.{number:08}").as_bytes(), i + 1)
            .unwrap();
    }
    let memory = index.memory();
    let each = (memory.nodes + memory.leaves + memory.unused) as f64 / count as f64;
    assert!(each < 24.0, "{each} bytes each, {memory:?}");
}
