//! The store is killed between every pair of disk operations of everything that it does, and comes back as it was before the step that was
//! under way, or after it (J15).

use super::tests::{all, checkpoint, commit, fresh, open_with, payload, settings};
use super::*;
use crate::crypt::{Cipher, Key};
use crate::disk::SimDisk;
use crate::disk::sim::Survives;
use crate::message::Ttl;

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
fn killed_between_any_two_operations_it_is_as_before_or_after() {
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
        checkpoint(&mut stream).unwrap();
        one(&mut stream).unwrap();
        commit(&stream).unwrap();
        checkpoint(&mut stream).unwrap();
        assert!(!is_there(&disk), "sealed {sealed}");
    }
}
