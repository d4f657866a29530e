//! J17 for one node: whatever operation of the disk fails, for want of room or for good, nothing that was acknowledged is lost, and when the
//! disk is well again so is everything else, without a restart.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tests::{all, fresh, payload, settings};
use super::*;
use crate::disk::sim::{Op, Survives, Trouble};
use crate::disk::{Disk, SimDisk};
use crate::log::{GroupId, Log, LogSettings};
use crate::message::Ttl;

const GROUPS: [GroupId; 2] = [GroupId(0x11), GroupId(0x22)];
const DIRS: [&str; 2] = ["/a", "/b"];

fn open(disk: &SimDisk) -> [FileStream; 2] {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let with = LogSettings {
        segment_bytes: 8192,
        held_bytes: 8192,
        ..LogSettings::default()
    };
    let (log, findings) = Log::open(Arc::clone(&shared), Path::new("/log"), with).unwrap();
    assert_eq!((findings.damage, findings.missing), (vec![], vec![]));
    let around = Surroundings {
        disk: shared,
        log: Arc::new(log),
        cache: Arc::new(Cache::new(4096, 4)),
    };
    [0, 1].map(|index| {
        let mut back = Recovering::open(
            around.clone(),
            PathBuf::from(DIRS[index]),
            GROUPS[index],
            settings(),
            Limits::default(),
        )
        .unwrap();
        let each = &mut |entry: crate::log::Entry<'_>| {
            if entry.group == GROUPS[index] {
                back.replay(&entry).unwrap();
            }
        };
        around.log.replay(each).unwrap();
        let (stream, damage) = back.finish();
        assert_eq!(damage, []);
        stream
    })
}

/// What is acknowledged of each stream.
#[derive(Default)]
struct Acknowledged {
    messages: [Vec<u64>; 2],
    refused: u64,
}

/// One round: a message for each stream, committed together.
fn publish(streams: &mut [FileStream; 2], known: &mut Acknowledged) {
    let mut given = [None, None];
    for (stream, given) in streams.iter_mut().zip(&mut given) {
        let sequence = stream.state().last_sequence + 1;
        let text = payload(sequence);
        let new = NewMessage {
            subject: b"a",
            headers: b"",
            payload: &text,
            time: Timestamp(1),
            ttl: Ttl::Stream,
        };
        match stream.append(sequence, &new, &mut Removals::default()) {
            Ok(()) => *given = Some(sequence),
            Err(_) => known.refused += 1,
        }
    }
    let log = &streams[0].around.log;
    match log.commit(log.staged()) {
        Ok(_) => {
            for (messages, given) in known.messages.iter_mut().zip(given) {
                messages.extend(given);
            }
        }
        Err(_) => known.refused += 2,
    }
}

/// What the upkeep does once a second.
fn upkeep(streams: &mut [FileStream; 2], all: bool) {
    let log = Arc::clone(&streams[0].around.log);
    let _ = log.commit(log.staged());
    let laggards = log.laggards();
    for (stream, group) in streams.iter_mut().zip(GROUPS) {
        if (all || laggards.contains(&group))
            && let Ok(Some(rest)) = stream.checkpoint()
        {
            let _ = rest();
        }
    }
    let _ = log.trim();
}

fn run(op: Op, path: &str, kind: ErrorKind, times: u64, at: u64) {
    let place = format!("{op:?} of {path:?}, {kind:?}, {times} times, after {at}");
    let disk = SimDisk::clone(&fresh());
    for dir in DIRS {
        disk.create_dir(Path::new(dir)).unwrap();
    }
    disk.sync_dir(Path::new("/")).unwrap();
    let mut streams = open(&disk);
    let mut known = Acknowledged::default();
    for round in 0..80 {
        if round == at {
            disk.add_trouble(Trouble {
                op,
                path: path.to_owned(),
                times,
                kind,
            });
        }
        publish(&mut streams, &mut known);
        if round % 4 == 0 {
            upkeep(&mut streams, round % 16 == 0);
        }
    }
    disk.clear_troubles();
    let well = |streams: &[FileStream; 2]| streams.iter().all(|s| s.fault().is_none());
    // The attempts may have become rare by now.
    for _ in 0..200 {
        if well(&streams) {
            break;
        }
        upkeep(&mut streams, false);
    }
    let faults: Vec<_> = streams.iter().map(StreamStore::fault).collect();
    assert!(well(&streams), "{place}: {faults:?}");
    let refused = known.refused;
    for _ in 0..5 {
        publish(&mut streams, &mut known);
    }
    assert_eq!(known.refused, refused, "{place}: it goes on");
    upkeep(&mut streams, true);
    let before = streams.each_ref().map(all);
    let after = open(&disk.crash(Survives::Synced));
    for index in [0, 1] {
        let there = all(&after[index]);
        assert_eq!(there, before[index], "{place}");
        for sequence in &known.messages[index] {
            let message = after[index].load(*sequence).unwrap();
            let message = message.unwrap_or_else(|| panic!("{place}: {sequence} is gone"));
            assert_eq!(message.payload(), payload(*sequence), "{place}");
        }
    }
}

#[test]
fn j17_whatever_operation_fails_nothing_acknowledged_is_lost_and_all_is_well_afterwards() {
    let operations = [
        (Op::Create, ".blk"),
        (Op::Write, ".blk"),
        (Op::Sync, ".blk"),
        (Op::SyncDir, "/a"),
        (Op::Create, "state"),
        (Op::Write, "state"),
        (Op::Sync, "state"),
        (Op::Rename, "state"),
        (Op::Remove, ".blk"),
        (Op::Create, "/log"),
        (Op::Write, "/log"),
        (Op::Sync, "/log"),
        (Op::SyncDir, "/log"),
        (Op::Remove, "/log"),
    ];
    for (op, path) in operations {
        for kind in [ErrorKind::Other, ErrorKind::StorageFull] {
            for times in [1, 2, 25, u64::MAX] {
                for at in [5, 20, 37] {
                    run(op, path, kind, times, at);
                }
            }
        }
    }
}

#[test]
fn what_is_durable_is_known_and_read_while_the_log_cannot_be_written() {
    let disk = fresh();
    for dir in ["/a", "/b"] {
        disk.create_dir(Path::new(dir)).unwrap();
    }
    let mut streams = open(&disk);
    let mut known = Acknowledged::default();
    for _ in 0..3 {
        publish(&mut streams, &mut known);
    }
    assert_eq!(streams[0].durable_through(), 3);
    disk.add_trouble(Trouble {
        op: Op::Write,
        path: "/log".to_owned(),
        times: u64::MAX,
        kind: ErrorKind::StorageFull,
    });
    publish(&mut streams, &mut known);
    publish(&mut streams, &mut known);
    let stream = &streams[0];
    assert!(stream.fault().is_some());
    assert_eq!(
        (stream.state().last_sequence, stream.durable_through()),
        (4, 3)
    );
    for sequence in 1..=3 {
        let read = stream.load(sequence).unwrap().unwrap();
        assert_eq!(read.payload(), payload(sequence));
    }
    disk.clear_troubles();
    publish(&mut streams, &mut known);
    let last = streams[0].state().last_sequence;
    assert_eq!(streams[0].durable_through(), last);
}
