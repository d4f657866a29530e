//! The store is killed between every pair of disk operations of everything that it does, and comes back as it was before the step that was
//! under way, or after it (J15).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::tests::{all, checkpoint, commit, fresh, open_with, payload};
use super::*;
use crate::crypt::{Cipher, Key};
use crate::disk::sim::Survives;
use crate::disk::{Disk, SimDisk};
use crate::log::{Log, LogSettings};
use crate::message::Ttl;

/// Every purge of more than two messages is a large one.
fn settings() -> FileSettings {
    FileSettings {
        purge_listed: 2,
        ..super::tests::settings()
    }
}

type Step = fn(&mut FileStream) -> Result<(), StoreError>;

fn append(stream: &mut FileStream, subject: &str, ttl: Ttl) -> Result<(), StoreError> {
    let sequence = stream.state().last_sequence + 1;
    let text = payload(sequence);
    let message = NewMessage {
        subject: subject.as_bytes(),
        headers: b"",
        payload: &text,
        time: Timestamp(1_000),
        ttl,
    };
    stream.append(sequence, &message, &mut Removals::default())
}

fn one(stream: &mut FileStream) -> Result<(), StoreError> {
    append(stream, "a", Ttl::Stream)
}

fn two(stream: &mut FileStream) -> Result<(), StoreError> {
    append(stream, "b.c", Ttl::Until(Timestamp(5_000)))
}

fn remove_first(stream: &mut FileStream) -> Result<(), StoreError> {
    let first = stream.state().first_sequence;
    stream
        .remove(first, Erase::No, &mut Removals::default())
        .map(|_| ())
}

fn erase_second(stream: &mut FileStream) -> Result<(), StoreError> {
    let second = stream.state().first_sequence + 1;
    stream
        .remove(second, Erase::Secure, &mut Removals::default())
        .map(|_| ())
}

fn erase_last(stream: &mut FileStream) -> Result<(), StoreError> {
    let last = stream.state().last_sequence;
    stream
        .remove(last, Erase::Secure, &mut Removals::default())
        .map(|_| ())
}

fn purge(stream: &mut FileStream, purge: &Purge) -> Result<(), StoreError> {
    stream.purge(purge, &mut Removals::default()).map(|_| ())
}

fn purge_subject(stream: &mut FileStream) -> Result<(), StoreError> {
    let filter = Filter::any(["b.>"]);
    purge(
        stream,
        &Purge {
            filter,
            ..Purge::default()
        },
    )
}

/// As a rollup does: everything of the subject but the newest.
fn roll_up(stream: &mut FileStream) -> Result<(), StoreError> {
    let filter = Filter::any(["a"]);
    purge(
        stream,
        &Purge {
            filter,
            keep: Some(1),
            ..Purge::default()
        },
    )
}

fn purge_half(stream: &mut FileStream) -> Result<(), StoreError> {
    let state = stream.state();
    let below = Some(state.first_sequence.midpoint(state.last_sequence));
    purge(
        stream,
        &Purge {
            below,
            ..Purge::default()
        },
    )
}

fn purge_all(stream: &mut FileStream) -> Result<(), StoreError> {
    purge(stream, &Purge::default())
}

fn purge_beyond(stream: &mut FileStream) -> Result<(), StoreError> {
    let below = Some(stream.state().last_sequence + 10);
    purge(
        stream,
        &Purge {
            below,
            ..Purge::default()
        },
    )
}

fn narrow(stream: &mut FileStream) -> Result<(), StoreError> {
    let limits = Limits {
        max_messages: Some(6),
        ..Limits::default()
    };
    stream.set_limits(limits, &mut Removals::default())
}

fn wide(stream: &mut FileStream) -> Result<(), StoreError> {
    stream.set_limits(Limits::default(), &mut Removals::default())
}

fn expire(stream: &mut FileStream) -> Result<(), StoreError> {
    stream.expire(Timestamp(6_000), 100, &mut Removals::default())
}

fn skip(stream: &mut FileStream) -> Result<(), StoreError> {
    let last = stream.state().last_sequence + 3;
    stream.skip(last)
}

/// As an atomic batch with a rollup in it: all of it or nothing.
fn batch(stream: &mut FileStream) -> Result<(), StoreError> {
    stream.begin_group()?;
    let done = one(stream)
        .and_then(|()| two(stream))
        .and_then(|()| one(stream))
        .and_then(|()| roll_up(stream))
        .and_then(|()| two(stream));
    stream.end_group().and(done)
}

fn save(stream: &mut FileStream) -> Result<(), StoreError> {
    checkpoint(stream)
}

/// From here on new chunks are compressed and new blocks sealed.
fn seal(stream: &mut FileStream) -> Result<(), StoreError> {
    stream.settings.compress = true;
    stream.settings.key = Some(key());
    Ok(())
}

fn key() -> Key {
    Key::from_secret(Cipher::ChaCha20Poly1305, b"secret")
}

fn life() -> Vec<Step> {
    let mut steps: Vec<Step> = vec![one; 9];
    steps.extend([two, two, remove_first, erase_last, save, erase_second]);
    steps.extend([one as Step; 12]);
    steps.extend([two, purge_subject, save, purge_half, save, one, two, expire]);
    steps.extend([one as Step, one, batch, save, one, batch]);
    steps.extend([
        narrow as Step,
        one,
        one,
        wide,
        save,
        skip,
        one,
        erase_second,
    ]);
    steps.extend([seal as Step]);
    steps.extend([one as Step; 14]);
    steps.extend([save, erase_second, remove_first, save, roll_up, save, one]);
    steps.extend([purge_all as Step, one, save, purge_beyond, one, save]);
    steps
}

/// What must be the same: figures and every sequence.
fn look(stream: &FileStream) -> (u64, u64, Vec<u64>) {
    let state = stream.state();
    (state.first_sequence, state.last_sequence, all(stream))
}

/// Runs the steps until one fails; how many were acknowledged, and what was seen after each.
fn run(disk: &SimDisk, steps: &[Step]) -> (usize, Vec<(u64, u64, Vec<u64>)>) {
    let (mut stream, _) = open_with(disk, settings(), Limits::default());
    let mut seen = vec![look(&stream)];
    for (done, step) in steps.iter().enumerate() {
        if step(&mut stream).and_then(|()| commit(&stream)).is_err() {
            return (done, seen);
        }
        if !disk.is_stopped() {
            seen.push(look(&stream));
        }
    }
    (steps.len(), seen)
}

fn reopen(disk: &SimDisk) -> (FileStream, Vec<StreamDamage>) {
    let with = FileSettings {
        key: Some(key()),
        ..settings()
    };
    open_with(disk, with, Limits::default())
}

#[test]
fn j15_killed_between_any_two_operations_it_is_as_before_or_after() {
    let steps = life();
    let calm = fresh();
    let before = calm.operations();
    let (done, seen) = run(&calm, &steps);
    assert_eq!(done, steps.len());
    let operations = calm.operations() - before;
    assert!(operations > 200, "{operations} operations to stop at");
    for stop in 1..=operations {
        let disk = fresh();
        let begin = disk.operations();
        disk.stop_torn_at(begin + stop, stop.wrapping_mul(7919));
        let (done, _) = run(&disk, &steps);
        for survives in [
            Survives::Synced,
            Survives::All,
            Survives::Some { seed: stop },
            Survives::Some {
                seed: stop + 1_000_000,
            },
        ] {
            let after = disk.crash(survives);
            let place = format!("operation {stop}, {survives:?}, after {done} steps");
            let (mut stream, damage) = reopen(&after);
            assert_eq!(damage, [], "{place}");
            let now = look(&stream);
            let possible = [seen.get(done), seen.get(done + 1)];
            assert!(
                possible.contains(&Some(&now)),
                "{place}: {now:?}, not one of {possible:?}"
            );
            // Life goes on, and is as durable as before.
            one(&mut stream).unwrap();
            commit(&stream).unwrap();
            checkpoint(&mut stream).unwrap();
            let then = look(&stream);
            let (stream, damage) = reopen(&after.crash(Survives::Synced));
            assert_eq!(damage, [], "{place}, second life");
            assert_eq!(look(&stream), then, "{place}, second life");
        }
    }
}

#[test]
fn an_erased_message_is_nowhere_once_the_log_is_trimmed() {
    for sealed in [false, true] {
        let disk = fresh();
        let (mut stream, _) = open_with(&disk, settings(), Limits::default());
        stream.settings.compress = sealed;
        for _ in 0..20 {
            one(&mut stream).unwrap();
            commit(&stream).unwrap();
        }
        checkpoint(&mut stream).unwrap();
        let is_there = |disk: &SimDisk| {
            let mut files = disk.files().into_iter();
            files.any(|(path, _)| {
                let bytes = disk.contents(&path).unwrap();
                bytes.windows(6).any(|window| window == b"3=====")
            })
        };
        assert!(sealed || is_there(&disk));
        for sequence in [3, 13] {
            stream
                .remove(sequence, Erase::Secure, &mut Removals::default())
                .unwrap();
        }
        commit(&stream).unwrap();
        // Nobody writes any more.
        checkpoint(&mut stream).unwrap();
        checkpoint(&mut stream).unwrap();
        assert!(!is_there(&disk), "sealed {sealed}");
    }
}

/// One thing that rots.
#[derive(Debug, Clone, Copy)]
enum Rot {
    Flip { file: usize, at: usize, bit: u8 },
    Cut { file: usize, at: usize },
    Zero { file: usize, sector: usize },
    Gone { file: usize },
}

fn rot() -> impl Strategy<Value = Rot> {
    prop_oneof![
        4 => (any::<usize>(), any::<usize>(), 0_u8..8).prop_map(|(file, at, bit)| Rot::Flip { file, at, bit }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(file, at)| Rot::Cut { file, at }),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(file, sector)| Rot::Zero { file, sector }),
        1 => any::<usize>().prop_map(|file| Rot::Gone { file }),
    ]
}

fn apply(disk: &SimDisk, rot: Rot) {
    let files = disk.files();
    let pick = |file: usize| files.get(file % files.len().max(1));
    // An end of the log that is simply not there looks like one that was never written; only replicas can tell.
    let newest = files
        .iter()
        .map(|(path, _)| path)
        .filter(|path| path.starts_with("/log"))
        .max();
    let ends = |file: usize| pick(file).is_some_and(|(path, _)| Some(path) == newest);
    if let Rot::Cut { file, .. } | Rot::Zero { file, .. } | Rot::Gone { file } = rot
        && ends(file)
    {
        return;
    }
    match rot {
        Rot::Flip { file, at, bit } => {
            if let Some((path, size)) = pick(file) {
                disk.flip(path, at % (*size as usize).max(1), bit);
            }
        }
        Rot::Cut { file, at } => {
            if let Some((path, size)) = pick(file) {
                disk.damage(path, |bytes| bytes.truncate(at % (*size as usize).max(1)));
            }
        }
        Rot::Zero { file, sector } => {
            if let Some((path, size)) = pick(file) {
                let from = sector % (*size as usize).max(1) / 512 * 512;
                disk.damage(path, |bytes| {
                    let rest = bytes.iter_mut().skip(from).take(512);
                    rest.for_each(|byte| *byte = 0);
                });
            }
        }
        Rot::Gone { file } => {
            if let Some((path, _)) = pick(file) {
                disk.remove(path).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// J5, J6, J8, J9 for one node: whatever rots, what is served is right, and what is missing is said.
    #[test]
    fn j5_j6_j8_j9_whatever_rots_no_message_is_wrong_and_none_is_missing_in_silence(
        rots in proptest::collection::vec(rot(), 1..4),
        saved in any::<bool>(),
    ) {
        let disk = fresh();
        let (mut stream, _) = open_with(&disk, settings(), Limits::default());
        for n in 0..40 {
            one(&mut stream).unwrap();
            commit(&stream).unwrap();
            if n == 20 && saved {
                checkpoint(&mut stream).unwrap();
            }
        }
        let rotten = disk.crash(Survives::All);
        for rot in rots {
            apply(&rotten, rot);
        }
        let shared: Arc<dyn Disk> = Arc::new(rotten.clone());
        let with = LogSettings { segment_bytes: 8192, ..LogSettings::default() };
        let (log, findings) = Log::open(Arc::clone(&shared), Path::new("/log"), with).unwrap();
        let around = Surroundings {
            disk: shared,
            log: Arc::new(log),
            cache: Arc::new(Cache::new(4096, 4)),
        };
        let log = Arc::clone(&around.log);
        let group = super::tests::GROUP;
        let mut back =
            Recovering::open(around, PathBuf::from("/s"), group, settings(), Limits::default()).unwrap();
        if !findings.missing.is_empty() {
            back.entries_are_missing();
        }
        log.replay(&mut |entry| back.replay(&entry).unwrap()).unwrap();
        let (stream, damage) = back.finish();
        let said = !damage.is_empty() || !findings.damage.is_empty() || findings.cut.is_some();
        for sequence in 1..=40 {
            match stream.load(sequence) {
                Ok(Some(message)) => prop_assert_eq!(message.payload(), payload(sequence)),
                Ok(None) => prop_assert!(said, "{} in silence", sequence),
                Err(_) => prop_assert!(said),
            }
        }
    }
}
