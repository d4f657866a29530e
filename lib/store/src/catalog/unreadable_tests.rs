//! J17 at the start: what of one stream cannot be read keeps nobody else from starting, and nothing of that stream goes while it cannot be read.

use std::io::ErrorKind;
use std::path::Path;

use super::fault_tests::{DIR, MESSAGES, append, commit, create, life, open, payload, settle};
use super::*;
use crate::consumer::{ConsumerDelta, ConsumerStore, Place};
use crate::disk::sim::{Op, Survives, Trouble};
use crate::disk::{Disk, SimDisk};
use crate::file::FileStream;
use crate::state::{Limits, Removals};
use crate::store::{Erase, Purge, StreamStore};

const OTHER: &str = "OTHER";
/// Messages of ORDERS that only the log has.
const TAIL: u64 = 20;
/// Removed, which only the log knows.
const REMOVED: u64 = 5;

/// Two streams. ORDERS has blocks, messages and a removal in the log, another configuration in the log, and a consumer with a file.
fn two_streams() -> SimDisk {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut orders = create(&catalog);
    let options = StreamOptions::default();
    let limits = Limits::default();
    let mut other = catalog
        .create_stream("A", OTHER, life(2), b"{}", options, limits)
        .unwrap();
    catalog
        .create_consumer("A", "ORDERS", "worker", life(3), b"{}")
        .unwrap();
    for _ in 0..MESSAGES {
        append(&mut orders);
        append(&mut other);
    }
    commit(&catalog);
    settle(&catalog, &mut orders);
    settle(&catalog, &mut other);
    drop((catalog, orders, other));
    let disk = disk.crash(Survives::All);
    let (catalog, mut found) = open(&disk);
    let worker = &mut found.streams[0].consumers[0].store;
    let at = Place {
        consumer: 9,
        stream: 9,
    };
    let moved = ConsumerDelta::Moved {
        delivered: at,
        ack_floor: at,
    };
    worker.stage(&[moved]).unwrap();
    let orders = &mut found.streams[0].store;
    for _ in 0..TAIL {
        append(orders);
    }
    let mut removed = Removals::default();
    orders.remove(REMOVED, Erase::No, &mut removed).unwrap();
    catalog
        .update_stream("A", "ORDERS", life(1), b"newer", options)
        .unwrap();
    commit(&catalog);
    disk.crash(Survives::All)
}

/// Everything that may go, goes.
fn upkeep(catalog: &Catalog, streams: &mut [FoundStream]) {
    for _ in 0..3 {
        commit(catalog);
        catalog.laggards();
        for stream in &mut *streams {
            if let Some(rest) = stream.store.checkpoint().unwrap() {
                rest().unwrap();
            }
        }
        commit(catalog);
        catalog.tidy().unwrap();
        catalog.log().trim().unwrap();
    }
}

fn is_whole(stream: &FoundStream) {
    assert_eq!(stream.damage, []);
    assert!(stream.store.fault().is_none());
    let last = stream.store.state().last_sequence;
    for sequence in (1..=last).filter(|s| stream.name == OTHER || *s != REMOVED) {
        let message = stream.store.load(sequence).unwrap();
        let message = message.unwrap_or_else(|| panic!("{} {sequence} is gone", stream.name));
        assert_eq!(message.payload(), payload(sequence));
    }
}

fn nothing_changes(store: &mut FileStream) {
    let mut removed = Removals::default();
    let message = crate::message::NewMessage {
        subject: b"orders.new",
        headers: b"",
        payload: b"",
        time: crate::message::Timestamp(5),
        ttl: crate::message::Ttl::Stream,
    };
    let next = store.state().last_sequence + 1;
    let few = Limits {
        max_messages: Some(1),
        ..Limits::default()
    };
    let before = store.state();
    let outcomes = [
        store.append(next, &message, &mut removed).err(),
        store.skip(next).err(),
        store.remove(MESSAGES + 1, Erase::No, &mut removed).err(),
        store
            .remove(MESSAGES + 1, Erase::Secure, &mut removed)
            .err(),
        store.purge(&Purge::default(), &mut removed).err(),
        store.begin_group().err(),
    ];
    for error in outcomes {
        let error = error.expect("it takes nothing").to_string();
        assert!(error.contains("can read it"), "{error}");
    }
    store.set_limits(few, &mut removed).unwrap();
    let later = crate::message::Timestamp(i64::MAX);
    store.expire(later, 100, &mut removed).unwrap();
    assert_eq!(store.state(), before);
}

/// Two starts while this cannot be read, with traffic and upkeep, then one when it can.
fn run(path: &str, is_offline: bool) {
    let mut disk = two_streams();
    for start in 1..=2_u64 {
        disk.add_trouble(Trouble {
            op: Op::Read,
            path: path.to_owned(),
            times: u64::MAX,
            kind: ErrorKind::Other,
        });
        let (catalog, mut found) = open(&disk);
        assert_eq!(found.quarantined, [], "{path}");
        assert_eq!(found.offline.len(), usize::from(is_offline), "{path}");
        if is_offline {
            let offline = &found.offline[0];
            let name = (&*offline.account, &*offline.stream);
            assert_eq!(name, ("A", "ORDERS"));
            let options = StreamOptions::default();
            let again =
                catalog.create_stream("A", "ORDERS", life(9), b"{}", options, Limits::default());
            assert!(matches!(again, Err(CatalogError::Offline(_))), "{path}");
            let again = catalog.begin_restore("A", "ORDERS", life(9), options);
            assert!(matches!(again, Err(CatalogError::Offline(_))), "{path}");
        } else {
            let orders = &mut found.streams[0];
            assert_eq!((&*orders.name, &*orders.meta), ("ORDERS", &b"newer"[..]));
            assert_ne!(orders.damage, [], "{path}");
            let state = orders.store.state();
            assert_eq!(state.last_sequence, MESSAGES + TAIL, "{path}");
            assert!(state.lost > 0, "{path}");
            assert!(orders.store.load(1).is_err(), "it is not absent");
            nothing_changes(&mut orders.store);
        }
        let other = found.streams.last_mut().unwrap();
        assert_eq!(other.name, OTHER);
        is_whole(other);
        assert_eq!(append(&mut other.store), MESSAGES + start);
        upkeep(&catalog, &mut found.streams);
        if start == 2 {
            catalog.close().unwrap();
        }
        disk = disk.crash(Survives::Synced);
    }
    let (catalog, mut found) = open(&disk);
    assert_eq!(found.log.damage, [], "{path}");
    assert_eq!((found.offline.len(), &found.quarantined), (0, &vec![]));
    assert_eq!(found.unknown_groups, []);
    let names: Vec<_> = found.streams.iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["ORDERS", OTHER], "{path}");
    found.streams.iter().for_each(is_whole);
    let orders = &found.streams[0];
    assert_eq!(orders.meta, b"newer", "{path}");
    assert_eq!(orders.store.state().last_sequence, MESSAGES + TAIL);
    assert_eq!(orders.store.load(REMOVED).unwrap(), None, "{path}");
    let worker = &orders.consumers[0];
    assert_eq!(worker.state.as_ref().unwrap().delivered.stream, 9, "{path}");
    append(&mut found.streams[0].store);
    upkeep(&catalog, &mut found.streams);
}

#[test]
fn j17_a_block_that_cannot_be_read_freezes_its_stream_and_stops_nobody_else() {
    run(&format!("{DIR}/00000001.blk"), false);
}

#[test]
fn j17_documents_that_cannot_be_read_close_their_stream_and_stop_nobody_else() {
    for file in ["/asset", "/state", "/consumers", "/consumers/worker", ""] {
        run(&format!("{DIR}{file}"), true);
    }
}

#[test]
fn j17_a_directory_in_the_place_of_a_file_is_no_reason_to_stop_or_to_delete() {
    for (file, is_offline) in [("00000001.blk", false), ("state", true), ("asset", true)] {
        let disk = two_streams();
        let path = Path::new(DIR).join(file);
        let aside = Path::new("/aside");
        disk.rename(&path, aside).unwrap();
        disk.create_dir(&path).unwrap();
        let (catalog, mut found) = open(&disk);
        assert_eq!(found.offline.len(), usize::from(is_offline), "{file}");
        is_whole(found.streams.last().unwrap());
        upkeep(&catalog, &mut found.streams);
        drop((catalog, found));
        disk.remove(&path).unwrap();
        disk.rename(aside, &path).unwrap();
        let (_, found) = open(&disk);
        assert_eq!((found.offline.len(), &found.quarantined), (0, &vec![]));
        found.streams.iter().for_each(is_whole);
    }
}

#[test]
fn messages_that_are_lost_are_said_at_every_start_and_their_file_stays() {
    let disk = two_streams();
    let block = Path::new(DIR).join("00000001.blk");
    disk.damage(&block, |bytes| bytes.fill(0xa5));
    for start in 1..=3 {
        let (catalog, mut found) = open(&disk);
        let orders = &mut found.streams[0];
        assert!(orders.store.state().lost > 0, "start {start}");
        assert_ne!(orders.damage, [], "start {start}");
        append(&mut orders.store);
        upkeep(&catalog, &mut found.streams);
        assert!(disk.exists(&block).unwrap(), "start {start}");
    }
}
