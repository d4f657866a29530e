//! The log against crashes, failures and rot.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::disk::SimDisk;
use crate::disk::sim::{Op, Survives, Trouble};

const DIR: &str = "/log";
const A: GroupId = GroupId(11);
const B: GroupId = GroupId(22);

fn fresh() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir(Path::new(DIR)).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

fn settings() -> LogSettings {
    LogSettings {
        segment_bytes: 4096,
        ..LogSettings::default()
    }
}

fn open(disk: &SimDisk) -> (Log, LogFindings) {
    Log::open(Arc::new(disk.clone()), Path::new(DIR), settings()).unwrap()
}

fn entries(log: &Log) -> Vec<(GroupId, u64, Vec<u8>)> {
    let mut found = Vec::new();
    log.replay(&mut |entry| found.push((entry.group, entry.count, entry.bytes.to_vec())))
        .unwrap();
    found
}

fn text(n: u64) -> Vec<u8> {
    // No zero byte, so that a zero sector is always a missing one.
    format!("{n:-<40}").into_bytes()
}

fn put(log: &Log, group: GroupId, n: u64) -> Result<(), StoreError> {
    let position = log.stage(group, 1, &[&text(n)])?;
    log.commit(position).map(|_| ())
}

fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    disk.files().into_iter().map(|(path, _)| path).collect()
}

#[test]
fn what_was_committed_is_there_after_a_power_loss() {
    let disk = fresh();
    let (log, _) = open(&disk);
    for n in 1..=200 {
        put(&log, A, n).unwrap();
    }
    log.stage(A, 1, &[b"never committed"]).unwrap();
    let (log, findings) = open(&disk.crash(Survives::Synced));
    let found = entries(&log);
    assert_eq!(found.len(), 200);
    assert!(
        found
            .iter()
            .enumerate()
            .all(|(i, (group, count, bytes))| *group == A
                && *count == i as u64 + 1
                && *bytes == text(*count))
    );
    assert_eq!((findings.damage.len(), findings.missing.len()), (0, 0));
}

#[test]
fn one_sync_serves_everything_staged_before_it() {
    let disk = fresh();
    let (log, _) = open(&disk);
    // The second one finds a segment and writes zeros ahead.
    put(&log, A, 0).unwrap();
    put(&log, A, 0).unwrap();
    let before = disk.operations();
    let mut last = Position::default();
    for n in 0..50 {
        last = log.stage(GroupId(n + 1), 1, &[b"x"]).unwrap();
    }
    log.commit(last).unwrap();
    assert_eq!(disk.operations() - before, 2, "one write and one sync");
}

#[test]
fn who_waits_for_work_wakes_for_what_is_staged_and_at_the_end() {
    let (log, _) = open(&fresh());
    let log = Arc::new(log);
    let (woke, wakes) = std::sync::mpsc::channel();
    let keeper = log.clone();
    let thread = std::thread::spawn(move || {
        while keeper.wait_for_work() {
            let end = keeper.commit(keeper.staged()).unwrap();
            woke.send(end).unwrap();
        }
    });
    for n in 1..=3 {
        let staged = log.stage(A, 1, &[&text(n)]).unwrap();
        let patience = std::time::Duration::from_secs(20);
        assert!(wakes.recv_timeout(patience).unwrap() >= staged);
    }
    log.end_waits();
    thread.join().unwrap();
    assert!(!log.wait_for_work(), "it stays at its end");
}

#[test]
fn a_crash_at_any_operation_loses_nothing_committed_and_reports_no_damage() {
    for stop in 1.. {
        let disk = fresh();
        let begin = disk.operations();
        disk.stop_torn_at(begin + stop, stop);
        let (log, _) = open(&disk);
        let mut committed = 0;
        for n in 1..=120 {
            if put(&log, A, n).is_err() {
                break;
            }
            committed = n;
        }
        let done = !disk.is_stopped();
        for survives in [
            Survives::Synced,
            Survives::All,
            Survives::Some { seed: stop },
            Survives::Some { seed: stop + 1000 },
        ] {
            let after = disk.crash(survives);
            let (log, findings) = open(&after);
            let found = entries(&log);
            assert!(
                found.len() as u64 >= committed,
                "stop {stop}, {survives:?}: {} of {committed}",
                found.len()
            );
            assert!(found.len() as u64 <= committed + 1);
            assert_eq!(findings.damage, [], "stop {stop}, {survives:?}");
            assert_eq!(findings.missing, []);
            // Life goes on, and the next start finds both halves.
            put(&log, A, 777).unwrap();
            let (log, findings) = open(&after.crash(Survives::Synced));
            assert_eq!(entries(&log).len(), found.len() + 1);
            assert_eq!(
                (findings.damage, findings.missing, findings.cut),
                (vec![], vec![], None)
            );
        }
        if done {
            break;
        }
    }
}

#[test]
fn a_torn_batch_of_many_entries_keeps_its_beginning() {
    let mut cuts = 0;
    for seed in 0..200 {
        let disk = fresh();
        let (log, _) = open(&disk);
        put(&log, A, 1).unwrap();
        disk.stop_at(disk.operations() + 2);
        for n in 2..40 {
            log.stage(A, 1, &[&text(n)]).unwrap();
        }
        assert!(log.commit(log.staged()).is_err());
        let after = disk.crash(Survives::Some { seed });
        let (log, findings) = open(&after);
        let found = entries(&log);
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .enumerate()
                .all(|(i, (_, count, _))| *count == i as u64 + 1)
        );
        assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
        cuts += usize::from(findings.cut.is_some());
        put(&log, A, 99).unwrap();
        let (log, findings) = open(&after.crash(Survives::Synced));
        assert_eq!(entries(&log).len(), found.len() + 1, "seed {seed}");
        assert_eq!(
            (findings.damage, findings.missing, findings.cut),
            (vec![], vec![], None)
        );
    }
    assert!(cuts > 20, "{cuts} torn tails in 200 crashes");
}

#[test]
fn a_failed_sync_gives_up_the_segment_and_writes_again() {
    let disk = fresh();
    let (log, _) = open(&disk);
    put(&log, A, 1).unwrap();
    disk.add_trouble(Trouble {
        op: Op::Sync,
        path: ".log".to_owned(),
        times: 1,
        kind: io::ErrorKind::Other,
    });
    put(&log, A, 2).unwrap();
    put(&log, A, 3).unwrap();
    assert_eq!(segments(&disk).len(), 2);
    for survives in [Survives::Synced, Survives::All, Survives::Some { seed: 5 }] {
        let (log, findings) = open(&disk.crash(survives));
        assert_eq!(entries(&log).len(), 3);
        assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let disk = fresh();
    let (log, _) = open(&disk);
    disk.set_capacity(Some(2000));
    let mut acknowledged = 0;
    let error = loop {
        match put(&log, A, acknowledged + 1) {
            Ok(()) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(log.stage(A, 1, &[b"more"]).is_err());
    // Every attempt is a segment of another number; the trouble stays the same one.
    let fault = log.fault().map(|fault| fault.to_string());
    assert_eq!(fault, Some(error.to_string()));
    for _ in 0..3 {
        assert!(log.commit(log.staged()).is_err());
        assert_eq!(log.fault().map(|fault| fault.to_string()), fault);
    }
    disk.set_capacity(None);
    log.commit(log.staged()).unwrap();
    assert!(log.fault().is_none());
    put(&log, A, acknowledged + 2).unwrap();
    let (log, findings) = open(&disk.crash(Survives::Synced));
    // The one that failed was kept and written when there was room.
    assert_eq!(entries(&log).len() as u64, acknowledged + 2);
    assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
}

#[test]
fn a_small_disk_has_a_small_reserve() {
    const MIB: u64 = 1024 * 1024;
    for (free, reserve) in [
        (16 * MIB, Some(2 * MIB)),
        (u64::MAX, Some(16 * MIB)),
        (MIB, None),
    ] {
        let disk = fresh();
        let (log, _) = open(&disk);
        disk.set_capacity(Some(free));
        log.keep_reserve().unwrap();
        let made = disk
            .files()
            .into_iter()
            .find(|(path, _)| path.ends_with("reserve"));
        assert_eq!(made.map(|(_, size)| size), reserve, "{free} bytes free");
    }
}

#[test]
fn every_flipped_bit_is_noticed_and_costs_only_what_it_hit() {
    let disk = fresh();
    let (log, _) = open(&disk);
    for n in 1..=10 {
        put(&log, A, n).unwrap();
        put(&log, B, n).unwrap();
    }
    let file = segments(&disk).remove(0);
    let size = disk.contents(&file).unwrap().len();
    for byte in (0..size).step_by(3) {
        let rotten = disk.crash(Survives::All);
        rotten.flip(&file, byte, (byte % 8) as u8);
        let (log, findings) = open(&rotten);
        let found = entries(&log);
        assert!(
            !findings.damage.is_empty() || findings.cut.is_some(),
            "byte {byte} unnoticed"
        );
        assert!(
            found.iter().all(|(_, count, bytes)| *bytes == text(*count)),
            "byte {byte}"
        );
        let in_header = byte < 64;
        assert!(
            in_header || found.len() >= 18,
            "byte {byte}: {}",
            found.len()
        );
        // Whoever lost something in the middle knows it.
        let lost = 20
            - found.len() as u64
            - findings
                .missing
                .iter()
                .map(|m| m.last - m.first + 1)
                .sum::<u64>();
        assert!(in_header || lost <= 2, "byte {byte}: {findings:?}");
    }
}

#[test]
fn a_rotten_last_header_is_damage_and_not_the_end() {
    // Behind the last batch are zeros that were written ahead; they must not pass for pieces that a crash left out.
    let disk = fresh();
    let (log, _) = open(&disk);
    for n in 1..=3 {
        put(&log, A, n).unwrap();
    }
    drop(log);
    let path = segments(&disk).pop().unwrap();
    let bytes = disk.contents(&path).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    assert!(bytes.len() > written + 512, "zeros were written ahead");
    let magic = format::BATCH_MAGIC.to_le_bytes();
    let last = bytes.windows(4).rposition(|at| at == magic).unwrap();
    for bit in 0..format::BATCH_HEADER * 8 {
        let rotten = disk.crash(Survives::All);
        rotten.flip(&path, last + bit / 8, (bit % 8) as u8);
        let (log, findings) = open(&rotten);
        assert_eq!(
            (findings.cut, findings.damage.len()),
            (None, 1),
            "bit {bit}"
        );
        assert_eq!(entries(&log).len(), 2);
    }
}

#[test]
fn segments_go_when_everybody_has_a_checkpoint_behind_them() {
    let disk = fresh();
    let (log, _) = open(&disk);
    for n in 1..=200 {
        put(&log, A, n).unwrap();
        if n % 10 == 0 {
            put(&log, B, n).unwrap();
        }
    }
    let all = segments(&disk).len();
    assert!(all > 4);
    assert_eq!(log.trim().unwrap(), 0);
    let upto = log.durable().0;
    let checkpoint = |group| Checkpoint {
        position: upto,
        count: log.count(group),
        note: b"block 7".to_vec(),
    };
    log.checkpoint(A, checkpoint(A)).unwrap();
    assert_eq!(log.trim().unwrap(), 0, "B still needs the first segment");
    log.checkpoint(B, checkpoint(B)).unwrap();
    assert!(log.trim().unwrap() > 0);
    assert!(segments(&disk).len() <= 2);
    put(&log, A, 201).unwrap();
    for n in 0..100 {
        put(&log, B, n).unwrap();
    }
    let (log, findings) = open(&disk.crash(Survives::Synced));
    assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
    assert_eq!(log.last_checkpoint(A).unwrap().note, b"block 7");
    assert_eq!(log.count(A), 201);
    let found = entries(&log);
    assert_eq!(
        found
            .iter()
            .filter(|(group, count, _)| *group == A && *count == 201)
            .count(),
        1
    );
}

#[test]
fn a_missing_segment_is_damage() {
    let disk = fresh();
    let (log, _) = open(&disk);
    for n in 1..=200 {
        put(&log, A, n).unwrap();
    }
    let files = segments(&disk);
    disk.remove(&files[1]).unwrap();
    let (log, findings) = open(&disk.crash(Survives::All));
    assert!(!findings.damage.is_empty());
    let missing: u64 = findings.missing.iter().map(|m| m.last - m.first + 1).sum();
    assert_eq!(entries(&log).len() as u64 + missing, 200);
}

#[test]
fn a_deleted_group_stays_forgotten_until_its_files_are_gone() {
    let disk = fresh();
    let (log, _) = open(&disk);
    put(&log, A, 1).unwrap();
    put(&log, B, 1).unwrap();
    let position = log.forget(A).unwrap();
    log.commit(position).unwrap();
    for n in 2..200 {
        put(&log, B, n).unwrap();
    }
    log.checkpoint(
        B,
        Checkpoint {
            position: log.durable().0,
            count: log.count(B),
            note: Vec::new(),
        },
    )
    .unwrap();
    assert_eq!(log.trim().unwrap(), 0);
    let (log, _) = open(&disk.crash(Survives::Synced));
    assert!(log.is_forgotten(A));
    assert!(entries(&log).iter().all(|(group, ..)| *group == B));
    log.removed(A);
    assert!(log.trim().unwrap() > 0);
}

#[test]
fn sealed_segments_need_their_key_and_say_nothing() {
    use crate::crypt::{Cipher, Key};
    let disk = fresh();
    let key = Key::from_secret(Cipher::Aes256Gcm, b"one");
    let with = |key: Option<Key>, previous_key| LogSettings {
        key,
        previous_key,
        ..settings()
    };
    let (log, _) = Log::open(
        Arc::new(disk.clone()),
        Path::new(DIR),
        with(Some(key.clone()), None),
    )
    .unwrap();
    for n in 1..=100 {
        put(&log, A, n).unwrap();
    }
    for path in segments(&disk) {
        let bytes = disk.contents(&path).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"--------"));
    }
    let after = disk.crash(Survives::Synced);
    let without = Log::open(Arc::new(after.clone()), Path::new(DIR), with(None, None));
    assert!(matches!(without, Err(StoreError::Frozen(_))));
    let other = Key::from_secret(Cipher::ChaCha20Poly1305, b"two");
    let (log, findings) = Log::open(
        Arc::new(after),
        Path::new(DIR),
        with(Some(other), Some(key)),
    )
    .unwrap();
    assert_eq!(findings.damage, []);
    assert_eq!(entries(&log).len(), 100);
}

/// One wrong byte there made everything unreadable that the segment held.
#[test]
fn a_segment_whose_header_is_damaged_gives_back_what_it_holds() {
    use crate::crypt::{Cipher, Key};
    for key in [None, Some(Key::from_secret(Cipher::Aes256Gcm, b"one"))] {
        let with = || LogSettings {
            key: key.clone(),
            ..settings()
        };
        let disk = fresh();
        let (log, _) = Log::open(Arc::new(disk.clone()), Path::new(DIR), with()).unwrap();
        for n in 1..=100 {
            put(&log, A, n).unwrap();
        }
        let all = segments(&disk);
        assert!(all.len() > 2, "{all:?}");
        for path in [&all[0], &all[1], all.last().unwrap()] {
            for at in 0..64 {
                // Bytes 36 to 51 are the salt, without which nothing can be opened.
                let needs_salt = key.is_some() && (36..52).contains(&at);
                let damaged = disk.crash(Survives::All);
                damaged.flip(path, at, 6);
                let opened = Log::open(Arc::new(damaged), Path::new(DIR), with());
                let (log, findings) = opened.unwrap();
                let said: Vec<_> = findings.damage.iter().map(|d| d.what).collect();
                assert!(
                    said.contains(&"the header of the segment"),
                    "{at}: {said:?}"
                );
                if !needs_salt {
                    assert_eq!(said.len(), 1, "{at}: {said:?}");
                    assert_eq!(
                        (findings.missing, entries(&log).len()),
                        (vec![], 100),
                        "{at}"
                    );
                }
            }
        }
    }
}

#[test]
fn many_threads_share_commits() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(crate::disk::RealDisk);
    let (log, _) = Log::open(disk.clone(), dir.path(), LogSettings::default()).unwrap();
    std::thread::scope(|scope| {
        for group in 101..=108 {
            let log = &log;
            scope.spawn(move || {
                for n in 1..=50 {
                    put(log, GroupId(group), n).unwrap();
                }
            });
        }
    });
    drop(log);
    let (log, findings) = Log::open(disk, dir.path(), LogSettings::default()).unwrap();
    assert_eq!(entries(&log).len(), 400);
    assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
}

#[test]
fn reading_tells_how_far_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(crate::disk::RealDisk);
    let (log, _) = Log::open(disk.clone(), dir.path(), LogSettings::default()).unwrap();
    let bytes = vec![7; 1 << 20];
    for _ in 0..40 {
        let position = log.stage(A, 1, &[&bytes]).unwrap();
        log.commit(position).unwrap();
    }
    drop(log);
    let told = std::cell::RefCell::new(Vec::new());
    let tell = |done, all| told.borrow_mut().push((done, all));
    Log::open_telling(disk, dir.path(), LogSettings::default(), &tell).unwrap();
    let told = told.into_inner();
    assert_eq!(told[0].0, 0);
    assert!(told.len() > 5, "{told:?}");
    assert!(
        told.iter()
            .all(|(done, all)| done <= all && *all == told[0].1)
    );
    assert!(told[0].1 >= 40 << 20, "{told:?}");
    assert!(told.is_sorted(), "{told:?}");
}
