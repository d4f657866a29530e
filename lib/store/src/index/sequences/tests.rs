use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Insert(u64),
    Push(u64, u64),
    Remove(u64),
    RemoveFirst,
    RemoveBelow(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let near = 0u64..600;
    prop_oneof![
        6 => near.clone().prop_map(Step::Insert),
        2 => (0u64..60, 0u64..9).prop_map(|(gap, more)| Step::Push(gap, more)),
        1 => (1u64 << 39..1 << 45).prop_map(|gap| Step::Push(gap, 0)),
        5 => near.clone().prop_map(Step::Remove),
        2 => Just(Step::RemoveFirst),
        1 => near.prop_map(Step::RemoveBelow),
    ]
}

fn apply(set: &mut SequenceSet, model: &mut BTreeSet<u64>, step: &Step) {
    match *step {
        Step::Insert(sequence) => assert_eq!(set.insert(sequence), model.insert(sequence)),
        Step::Push(gap, more) => {
            let first = model.last().map_or(gap, |last| last + 1 + gap);
            let last = first + more;
            set.push(Span { first, last });
            model.extend(first..=last);
        }
        Step::Remove(sequence) => assert_eq!(set.remove(sequence), model.remove(&sequence)),
        Step::RemoveFirst => {
            if let Some(first) = model.pop_first() {
                assert!(set.remove(first));
            }
        }
        Step::RemoveBelow(bound) => {
            set.remove_below(bound);
            *model = model.split_off(&bound);
        }
    }
}

fn check(set: &SequenceSet, model: &BTreeSet<u64>, probe: u64) {
    assert_eq!(set.count(), model.len() as u64);
    assert!(set.iter().eq(model.iter().copied()));
    assert_eq!(set.first(), model.first().copied());
    assert_eq!(set.last(), model.last().copied());
    assert_eq!(set.contains(probe), model.contains(&probe));
    assert_eq!(set.next(probe), model.range(probe..).next().copied());
    assert_eq!(
        set.previous(probe),
        model.range(..=probe).next_back().copied()
    );
    assert_eq!(set.count_from(probe), model.range(probe..).count() as u64);
    let absent = (probe..).find(|s| !model.contains(s)).unwrap();
    assert_eq!(set.next_absent(probe), absent);
    let spans: u64 = set.spans(probe).map(Span::count).sum();
    assert!(spans >= model.range(probe..).count() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn is_a_set(steps in prop::collection::vec(step(), 1..400), probe in 0u64..700) {
        let (mut set, mut model) = (SequenceSet::new(), BTreeSet::new());
        for step in &steps {
            apply(&mut set, &mut model, step);
            check(&set, &model, probe);
        }
    }
}

/// Large enough for many chunks, which the random steps above seldom make.
#[test]
fn works_across_many_chunks() {
    let (mut set, mut model) = (SequenceSet::new(), BTreeSet::new());
    for i in 0..20_000u64 {
        let sequence = i * 3 + i % 2;
        assert!(set.insert(sequence));
        model.insert(sequence);
    }
    for i in (0..60_000u64).step_by(7) {
        assert_eq!(set.remove(i), model.remove(&i));
    }
    for i in (0..60_000u64).step_by(11) {
        assert_eq!(set.insert(i), model.insert(i));
    }
    for probe in (0..60_100).step_by(501) {
        check(&set, &model, probe);
    }
    set.remove_below(30_000);
    model = model.split_off(&30_000);
    check(&set, &model, 40_000);
    while let Some(first) = model.pop_first() {
        assert_eq!(set.first(), Some(first));
        assert!(set.remove(first));
    }
    assert!(set.is_empty());
}

#[test]
fn the_largest_sequences_are_no_trouble() {
    let mut set = SequenceSet::new();
    for sequence in [u64::MAX, 0, u64::MAX - 1, 1 << 41, u64::MAX - 3] {
        assert!(set.insert(sequence));
    }
    assert_eq!(
        set.iter().collect::<Vec<_>>(),
        [0, 1 << 41, u64::MAX - 3, u64::MAX - 1, u64::MAX]
    );
    assert_eq!(set.count_from(u64::MAX), 1);
    assert!(set.remove(u64::MAX));
    assert_eq!(set.last(), Some(u64::MAX - 1));
}

#[test]
fn a_sequence_out_of_a_hundred_takes_about_two_bytes_and_a_run_takes_none() {
    let mut set = SequenceSet::new();
    for i in 0..100_000u64 {
        set.insert(i * 100);
    }
    let each = set.heap_bytes() as f64 / 100_000.0;
    assert!(each < 3.0, "{each} bytes for each sequence");
    let mut run = SequenceSet::new();
    for i in 0..100_000u64 {
        run.insert(i);
    }
    assert!(run.heap_bytes() < 200, "{}", run.heap_bytes());
}
