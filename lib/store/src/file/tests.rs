//! The file stream against the model, crashes, rot and full disks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::crypt::{Cipher, Key};
use crate::disk::sim::{Op, Survives, Trouble};
use crate::disk::{Disk, SimDisk};
use crate::log::{GroupId, Log, LogSettings};
use crate::message::Ttl;
use crate::model;

pub const GROUP: GroupId = GroupId(0x1234_5678_9abc);

pub fn fresh() -> SimDisk {
    let disk = SimDisk::new();
    for dir in ["/log", "/s"] {
        disk.create_dir(Path::new(dir)).unwrap();
    }
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

/// Small chunks and blocks, so that few messages make many.
pub fn settings() -> FileSettings {
    FileSettings {
        chunk_bytes: 512,
        block_bytes: 2048,
        ..FileSettings::default()
    }
}

fn surroundings(disk: &SimDisk) -> Surroundings {
    let log = LogSettings {
        segment_bytes: 8192,
        ..LogSettings::default()
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let (log, findings) = Log::open(Arc::clone(&disk), Path::new("/log"), log).unwrap();
    assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
    Surroundings {
        disk,
        log: Arc::new(log),
        cache: Arc::new(Cache::new(4096, 4)),
    }
}

pub fn open_with(
    disk: &SimDisk,
    settings: FileSettings,
    limits: Limits,
) -> (FileStream, Vec<StreamDamage>) {
    let around = surroundings(disk);
    let log = Arc::clone(&around.log);
    let mut recovering =
        Recovering::open(around, PathBuf::from("/s"), GROUP, settings, limits).unwrap();
    log.replay(&mut |entry| recovering.replay(&entry).unwrap())
        .unwrap();
    recovering.finish()
}

fn open(disk: &SimDisk, limits: Limits) -> FileStream {
    let (stream, damage) = open_with(disk, settings(), limits);
    assert_eq!(damage, []);
    stream
}

pub fn commit(stream: &FileStream) -> Result<(), StoreError> {
    let log = &stream.around.log;
    log.commit(log.staged()).map(|_| ())
}

pub fn checkpoint(stream: &mut FileStream) -> Result<(), StoreError> {
    if let Some(upkeep) = stream.checkpoint()? {
        upkeep()?;
    }
    stream.around.log.trim().map(|_| ())
}

fn message<'a>(subject: &'a str, payload: &'a [u8]) -> NewMessage<'a> {
    NewMessage {
        subject: subject.as_bytes(),
        headers: b"",
        payload,
        time: Timestamp(1_000),
        ttl: Ttl::Stream,
    }
}

pub fn payload(sequence: u64) -> Vec<u8> {
    format!("{sequence:=<100}").into_bytes()
}

/// Appends one after the other; as the engine does, each is committed before the next.
fn fill(stream: &mut FileStream, sequences: std::ops::RangeInclusive<u64>) {
    let mut removed = Removals::default();
    for sequence in sequences {
        let subject = format!("s.{}", sequence % 7);
        stream
            .append(
                sequence,
                &message(&subject, &payload(sequence)),
                &mut removed,
            )
            .unwrap();
        commit(stream).unwrap();
    }
}

pub fn all(stream: &FileStream) -> Vec<u64> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(message) = stream.next(&Filter::ALL, from).unwrap() {
        assert_eq!(message.payload(), payload(message.sequence));
        found.push(message.sequence);
        from = message.sequence + 1;
    }
    found
}

/// What a restart does in the test against the model, by its number.
fn restarts(disk: &mut SimDisk, count: u64, stream: FileStream, with: &FileSettings) -> FileStream {
    let mut stream = stream;
    commit(&stream).unwrap();
    if count.is_multiple_of(3) {
        checkpoint(&mut stream).unwrap();
    }
    let limits = stream.limits();
    let survives = match count % 4 {
        0 => Survives::All,
        1 => Survives::Synced,
        _ => Survives::Some { seed: count },
    };
    drop(stream);
    *disk = disk.crash(survives);
    let (stream, damage) = open_with(disk, with.clone(), limits);
    assert_eq!(damage, []);
    stream
}

fn compare(operations: &[model::Operation], with: FileSettings) -> Result<(), TestCaseError> {
    let mut disk = fresh();
    let (stream, _) = open_with(&disk, with.clone(), Limits::default());
    let mut count = operations.len() as u64;
    let restart = |stream: FileStream| {
        count += 1;
        restarts(&mut disk, count, stream, &with)
    };
    model::compare(stream, restart, operations)
        .map_err(|difference| TestCaseError::fail(difference.to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn does_whatever_the_model_does(operations in model::operations(1..60)) {
        compare(&operations, settings())?;
    }

    #[test]
    fn compressed_and_sealed_it_does_the_same(operations in model::operations(1..30)) {
        let key = Some(Key::from_secret(Cipher::ChaCha20Poly1305, b"secret"));
        compare(&operations, FileSettings { compress: true, key, ..settings() })?;
    }
}

#[test]
fn messages_come_back_from_the_log_from_blocks_and_from_both() {
    for checkpoint_at in [0, 40, 100] {
        let disk = fresh();
        let mut stream = open(&disk, Limits::default());
        for sequence in 1..=100 {
            fill(&mut stream, sequence..=sequence);
            if sequence == checkpoint_at {
                checkpoint(&mut stream).unwrap();
            }
        }
        assert_eq!(all(&stream).len(), 100);
        let state = stream.state();
        let stream = open(&disk.crash(Survives::Synced), Limits::default());
        assert_eq!(stream.state(), state);
        assert_eq!(all(&stream).len(), 100);
    }
}

#[test]
fn evictions_survive_with_the_append_that_caused_them_and_wider_limits_bring_nothing_back() {
    let disk = fresh();
    let narrow = Limits {
        max_messages: Some(10),
        ..Limits::default()
    };
    let mut stream = open(&disk, narrow);
    fill(&mut stream, 1..=50);
    let stream = open(&disk.crash(Survives::Synced), Limits::default());
    assert_eq!(all(&stream), (41..=50).collect::<Vec<_>>());
}

#[test]
fn blocks_without_messages_leave_the_disk() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=200);
    checkpoint(&mut stream).unwrap();
    let blocks = |disk: &SimDisk| {
        let files = disk.files().into_iter();
        files.filter(|(path, _)| path.starts_with("/s")).count()
    };
    assert!(blocks(&disk) > 5);
    let mut removed = Removals::default();
    stream.purge(&Purge::default(), &mut removed).unwrap();
    checkpoint(&mut stream).unwrap();
    assert_eq!(blocks(&disk), 1, "the state document");
    let stream = open(&disk.crash(Survives::Synced), Limits::default());
    assert_eq!(stream.state().last_sequence, 200);
    assert_eq!(stream.state().messages, 0);
}

#[test]
fn a_flipped_bit_costs_the_message_it_hit_and_is_reported() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=60);
    checkpoint(&mut stream).unwrap();
    let block = PathBuf::from("/s/00000001.blk");
    let size = disk.contents(&block).unwrap().len();
    for byte in (0..size).step_by(11) {
        let rotten = disk.crash(Survives::All);
        rotten.flip(&block, byte, (byte % 8) as u8);
        let (stream, damage) = open_with(&rotten, settings(), Limits::default());
        assert!(!damage.is_empty(), "byte {byte}");
        assert!(stream.fault().is_some());
        let mut errors = 0;
        let mut good = 0;
        for sequence in 1..=60 {
            match stream.load(sequence) {
                Ok(Some(message)) => {
                    assert_eq!(message.payload(), payload(sequence));
                    good += 1;
                }
                Ok(None) => panic!("byte {byte}: {sequence} is not there and nobody says why"),
                Err(StoreError::Damaged { .. }) => errors += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(good + errors, 60);
        assert!(errors <= 4, "byte {byte} cost {errors} messages");
        assert_eq!(stream.state().lost, errors);
        // A search does not pass over what is lost.
        if errors > 0 {
            let stopped = (1..=60).any(|from| stream.next(&Filter::ALL, from).is_err());
            assert!(stopped);
        }
    }
}

#[test]
fn a_block_that_is_cut_missing_or_rolled_back_is_reported() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=10);
    checkpoint(&mut stream).unwrap();
    let block = PathBuf::from("/s/00000001.blk");
    let old = disk.contents(&block).unwrap();
    fill(&mut stream, 11..=60);
    checkpoint(&mut stream).unwrap();
    let damages: [&dyn Fn(&SimDisk); 4] = [
        &|disk| disk.damage(&block, |bytes| bytes.truncate(bytes.len() - 1)),
        &|disk| disk.damage(&block, |bytes| bytes.truncate(600)),
        &|disk| disk.roll_back(&block, &old, 0),
        &|disk| disk.remove(&block).unwrap(),
    ];
    for (index, damage) in damages.iter().enumerate() {
        let rotten = disk.crash(Survives::All);
        damage(&rotten);
        let (stream, found) = open_with(&rotten, settings(), Limits::default());
        assert!(!found.is_empty(), "{index}");
        let state = stream.state();
        assert!(
            state.lost > 0 && state.last_sequence == 60,
            "{index}: {state:?}"
        );
        assert_eq!(state.messages + state.lost, 60, "{index}");
    }
}

#[test]
fn a_lost_state_document_loses_no_message() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=60);
    checkpoint(&mut stream).unwrap();
    fill(&mut stream, 61..=70);
    let rotten = disk.crash(Survives::All);
    rotten.damage(Path::new("/s/state"), |bytes| bytes.fill(7));
    let (stream, damage) = open_with(&rotten, settings(), Limits::default());
    assert!(!damage.is_empty());
    assert_eq!(all(&stream), (1..=70).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_refuses_appends_and_loses_nothing_that_was_acknowledged() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=20);
    disk.set_capacity(Some(9_000));
    let mut removed = Removals::default();
    let mut acknowledged = 20;
    loop {
        let next = acknowledged + 1;
        let subject = message("a", b"x");
        let text = payload(next);
        let new = NewMessage {
            payload: &text,
            ..subject
        };
        let done = stream
            .append(next, &new, &mut removed)
            .and_then(|()| commit(&stream));
        match done {
            Ok(()) => acknowledged = next,
            Err(error) => {
                assert!(matches!(error, StoreError::Full { .. }), "{error}");
                break;
            }
        }
    }
    assert!(stream.fault().is_some());
    disk.set_capacity(None);
    commit(&stream).unwrap();
    checkpoint(&mut stream).unwrap();
    assert!(stream.fault().is_none(), "{:?}", stream.fault());
    let last = stream.state().last_sequence;
    fill(&mut stream, last + 1..=last + 5);
    let stream = open(&disk.crash(Survives::Synced), Limits::default());
    assert_eq!(all(&stream), (1..=last + 5).collect::<Vec<_>>());
}

#[test]
fn after_a_failed_sync_of_a_block_everything_is_written_anew_from_the_log() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=10);
    checkpoint(&mut stream).unwrap();
    fill(&mut stream, 11..=20);
    disk.add_trouble(Trouble {
        op: Op::Sync,
        path: ".blk".to_owned(),
        times: 1,
        kind: std::io::ErrorKind::Other,
    });
    disk.start_trace();
    assert!(checkpoint(&mut stream).is_err());
    assert!(stream.fault().is_some());
    let mut removed = Removals::default();
    let refused = stream.append(21, &message("a", b"x"), &mut removed);
    assert!(refused.is_err(), "nobody knows what the block holds");
    checkpoint(&mut stream).unwrap();
    assert!(stream.fault().is_none(), "{:?}", stream.fault());
    let synced: Vec<_> = disk
        .take_trace()
        .into_iter()
        .filter(|(op, path)| *op == Op::Sync && path.to_string_lossy().contains(".blk"))
        .map(|(_, path)| path)
        .collect();
    assert!(synced.len() >= 2, "{synced:?}");
    for (index, path) in synced.iter().enumerate() {
        assert!(!synced[..index].contains(path), "{path:?} a second time");
    }
    fill(&mut stream, 21..=30);
    checkpoint(&mut stream).unwrap();
    let after = open(&disk.crash(Survives::Synced), Limits::default());
    assert_eq!(all(&after), (1..=30).collect::<Vec<_>>());
}

#[test]
fn while_syncs_go_on_failing_the_attempts_become_rarer() {
    let disk = fresh();
    let mut stream = open(&disk, Limits::default());
    fill(&mut stream, 1..=20);
    disk.add_trouble(Trouble {
        op: Op::Sync,
        path: ".blk".to_owned(),
        times: u64::MAX,
        kind: std::io::ErrorKind::Other,
    });
    let blocks = |disk: &SimDisk| {
        let files = disk.files().into_iter();
        files
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "blk"))
            .count()
    };
    for _ in 0..100 {
        assert!(checkpoint(&mut stream).is_err());
    }
    let files = blocks(&disk);
    assert!(files < 20, "{files} files of attempts");
    disk.clear_troubles();
    let recovered = (0..100).any(|_| checkpoint(&mut stream).is_ok());
    assert!(recovered && stream.fault().is_none());
    assert_eq!(blocks(&disk), stream.blocks.all.len(), "nothing is left");
    let after = open(&disk.crash(Survives::Synced), Limits::default());
    assert_eq!(all(&after), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_purge_makes_room_on_a_full_disk() {
    for listed in [u64::MAX, 0] {
        let disk = fresh();
        let with = FileSettings {
            purge_listed: listed,
            ..settings()
        };
        let (mut stream, _) = open_with(&disk, with, Limits::default());
        stream.around.log.keep_reserve().unwrap();
        fill(&mut stream, 1..=200);
        checkpoint(&mut stream).unwrap();
        let used: u64 = disk.files().iter().map(|(_, size)| size).sum();
        disk.set_capacity(Some(used));
        let mut removed = Removals::default();
        let mut last = 200;
        loop {
            let text = payload(last + 1);
            let new = message("a", &text);
            let done = stream.append(last + 1, &new, &mut removed);
            if done.is_ok() {
                last += 1;
            }
            if done.and_then(|()| commit(&stream)).is_err() {
                break;
            }
        }
        assert!(stream.fault().is_some_and(|fault| fault.may_pass()));
        let purge = Purge {
            filter: Filter::any(["s.1", "s.2", "s.3", "s.4"]),
            ..Purge::default()
        };
        let purged = stream.purge(&purge, &mut removed).unwrap();
        assert!(purged > 100, "{purged}");
        commit(&stream).expect("the reserve is there for that");
        while let Some(upkeep) = stream.checkpoint().unwrap() {
            upkeep().unwrap();
        }
        stream.around.log.trim().unwrap();
        // The room is for removals until there is a reserve for the next ones.
        let text = payload(last + 1);
        let more = stream.append(last + 1, &message("a", &text), &mut removed);
        assert!(more.is_err_and(|error| error.may_pass()));
        disk.set_capacity(Some(used.saturating_mul(2)));
        stream.around.log.keep_reserve().unwrap();
        assert!(stream.fault().is_none(), "{:?}", stream.fault());
        fill(&mut stream, last + 1..=last + 1);
        let left = all(&stream);
        let (after, damage) =
            open_with(&disk.crash(Survives::Synced), settings(), Limits::default());
        assert_eq!(damage, []);
        assert_eq!(all(&after), left);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A large purge takes exactly what a small one lists, and so it does when the log is replayed.
    #[test]
    fn a_purge_that_lists_nothing_takes_the_same(
        subjects in proptest::collection::vec(0_u8..90, 1..200),
        purges in proptest::collection::vec((0_usize..6, proptest::option::of(0_u64..220), proptest::option::of(0_u64..40)), 1..4),
        saves in any::<bool>(),
    ) {
        let filters: [&[&str]; 6] = [&[], &["s.>"], &["s.1"], &["s.*.x", "t"], &["s.4.x", "s.5.x"], &["none"]];
        let streams: Vec<(SimDisk, FileStream)> = [u64::MAX, 0]
            .into_iter()
            .map(|listed| {
                let disk = fresh();
                let with = FileSettings { purge_listed: listed, ..settings() };
                let (mut stream, _) = open_with(&disk, with, Limits::default());
                let mut removed = Removals::default();
                for (sequence, subject) in (1..).zip(&subjects) {
                    let name = match subject % 3 {
                        0 => format!("s.{subject}"),
                        1 => format!("s.{subject}.x"),
                        _ => "t".to_owned(),
                    };
                    let text = payload(sequence);
                    stream.append(sequence, &message(&name, &text), &mut removed).unwrap();
                }
                commit(&stream).unwrap();
                for (filter, below, keep) in &purges {
                    if saves {
                        checkpoint(&mut stream).unwrap();
                    }
                    let purge = Purge {
                        filter: Filter::any(filters[*filter]),
                        below: *below,
                        keep: keep.filter(|_| below.is_none()),
                    };
                    stream.purge(&purge, &mut removed).unwrap();
                    commit(&stream).unwrap();
                }
                (disk, stream)
            })
            .collect();
        let look = |stream: &FileStream| {
            let mut subjects = Vec::new();
            stream.subjects(&Filter::ALL, &mut |subject, state| {
                subjects.push((subject.to_vec(), state));
                ControlFlow::Continue(())
            });
            let state = stream.state();
            (state.messages, state.bytes, state.first_sequence, state.last_sequence, all(stream), subjects)
        };
        let expected = look(&streams[0].1);
        prop_assert_eq!(&look(&streams[1].1), &expected);
        for (disk, _) in &streams {
            let (back, damage) = open_with(&disk.crash(Survives::Synced), settings(), Limits::default());
            prop_assert_eq!(damage, []);
            prop_assert_eq!(&look(&back), &expected);
        }
    }
}

#[test]
fn files_of_a_large_purge_go_some_at_a_time_and_all_in_the_end() {
    use crate::limits::FILES_REMOVED_AT_ONCE;
    let blocks = |disk: &SimDisk| {
        let files = disk.files().into_iter();
        let blocks = files.filter(|(path, _)| path.extension().is_some_and(|e| e == "blk"));
        blocks.count()
    };
    let disk = fresh();
    let small = FileSettings {
        block_bytes: 1,
        chunk_bytes: 1,
        ..settings()
    };
    let (mut stream, _) = open_with(&disk, small.clone(), Limits::default());
    let many = FILES_REMOVED_AT_ONCE * 2 + 10;
    fill(&mut stream, 1..=many as u64);
    checkpoint(&mut stream).unwrap();
    let before = blocks(&disk);
    assert!(before > FILES_REMOVED_AT_ONCE * 2, "{before}");
    let mut removed = Removals::default();
    stream.purge(&Purge::default(), &mut removed).unwrap();
    checkpoint(&mut stream).unwrap();
    assert_eq!(blocks(&disk), before - FILES_REMOVED_AT_ONCE);
    assert_eq!(stream.around.log.laggards(), [GROUP], "it asks for more");
    // A crash in between forgets nothing.
    let disk = disk.crash(Survives::Synced);
    let (mut stream, _) = open_with(&disk, small, Limits::default());
    while stream.around.log.laggards().contains(&GROUP) {
        checkpoint(&mut stream).unwrap();
    }
    assert_eq!(blocks(&disk), 0);
}
