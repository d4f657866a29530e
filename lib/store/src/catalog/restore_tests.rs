//! A restored stream is there whole, or not at all.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::consumer::{ConsumerState, ConsumerStore, Place};
use crate::disk::SimDisk;
use crate::disk::sim::Survives;
use crate::message::{NewMessage, Timestamp, Ttl};
use crate::state::Limits;
use crate::state::Removals;
use crate::store::{Erase, StreamStore};

const MESSAGES: u64 = 200;

fn life(n: u8) -> Incarnation {
    Incarnation([n; 16])
}

fn open(disk: &SimDisk) -> (Catalog, Found) {
    Catalog::open(
        Arc::new(disk.clone()),
        Path::new("/data"),
        life(255),
        "boot 1",
        CatalogSettings::default(),
        &|_| {},
    )
    .unwrap()
}

fn message(payload: &[u8]) -> NewMessage<'_> {
    NewMessage {
        subject: b"orders",
        headers: b"",
        payload,
        time: Timestamp(5),
        ttl: Ttl::Stream,
    }
}

fn state() -> ConsumerState {
    ConsumerState::starting_at(7)
}

fn consumers() -> Vec<RestoredConsumer> {
    let consumer = |name: &str, n| RestoredConsumer {
        name: name.to_owned(),
        incarnation: life(n),
        meta: b"{}".to_vec(),
        state: state(),
    };
    vec![consumer("C1", 11), consumer("C2", 12)]
}

fn fill(restoring: &mut Restoring) -> Result<(), StoreError> {
    let payload = [7; 500];
    let removed = &mut Removals::default();
    restoring.store()?.skip(9)?;
    for sequence in 10..10 + MESSAGES {
        restoring
            .store()?
            .append(sequence, &message(&payload), removed)?;
        if sequence == 60 {
            restoring.keep_up()?;
        }
    }
    restoring.store()?.remove(20, Erase::No, removed)?;
    restoring.store()?.skip(10 + MESSAGES + 5)
}

fn restore(catalog: &Catalog) -> Result<crate::file::FileStream, CatalogError> {
    let mut restoring = catalog.begin_restore("A", "ORDERS", life(1), StreamOptions::default())?;
    fill(&mut restoring)?;
    let (store, _) = catalog.finish_restore(restoring, b"meta", &consumers())?;
    Ok(store)
}

fn check_whole(found: &Found, place: &str) {
    let stream = &found.streams[0];
    assert_eq!((&*stream.name, &*stream.meta), ("ORDERS", &b"meta"[..]));
    assert_eq!(stream.damage, [], "{place}");
    let figures = stream.store.state();
    assert_eq!(
        (figures.messages, figures.first_sequence, figures.deleted),
        (MESSAGES - 1, 10, 7),
        "{place}"
    );
    assert_eq!(figures.last_sequence, 10 + MESSAGES + 5);
    assert_eq!(stream.consumers.len(), 2, "{place}");
    for consumer in &stream.consumers {
        assert_eq!(consumer.state.as_ref(), Some(&state()), "{place}");
        assert_eq!(consumer.damage, None);
    }
}

#[test]
fn a_restored_stream_goes_on_like_any_other() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut store = restore(&catalog).unwrap();
    let before = catalog.log().held_bytes();
    assert!(
        before < 100 * MESSAGES,
        "{before} bytes went through the log"
    );
    let sequence = store.state().last_sequence + 1;
    store
        .append(sequence, &message(b"new"), &mut Removals::default())
        .unwrap();
    catalog.log().commit(catalog.log().staged()).unwrap();
    let (catalog, mut found) = open(&disk.crash(Survives::Synced));
    let store = &mut found.streams[0].store;
    assert_eq!(store.state().last_sequence, sequence);
    assert_eq!(store.load(sequence).unwrap().unwrap().payload(), b"new");
    assert_eq!(store.load(10).unwrap().unwrap().payload(), [7; 500]);
    store.checkpoint().unwrap().unwrap()().unwrap();
    let forgotten = catalog.delete_stream("A", "ORDERS", life(1)).unwrap();
    catalog.log().commit(forgotten).unwrap();
    catalog.tidy().unwrap();
    assert!(catalog.laggards().is_empty());
}

#[test]
fn killed_between_any_two_operations_it_is_there_whole_or_not_at_all() {
    let calm = SimDisk::new();
    let (catalog, _) = open(&calm);
    let begin = calm.operations();
    restore(&catalog).unwrap();
    let operations = calm.operations() - begin;
    assert!(operations > 20, "{operations} operations to stop at");
    let mut came = 0;
    for stop in 1..=operations {
        let disk = SimDisk::new();
        let (catalog, _) = open(&disk);
        disk.stop_torn_at(disk.operations() + stop, stop);
        let done = restore(&catalog);
        for survives in [
            Survives::Synced,
            Survives::All,
            Survives::Some { seed: stop },
        ] {
            let after = disk.crash(survives);
            let place = format!("operation {stop} of {operations}, {survives:?}");
            let (catalog, found) = open(&after);
            assert_eq!(found.quarantined, [], "{place}");
            assert_eq!(found.unknown_groups, [], "{place}");
            match found.streams.len() {
                0 => assert!(done.is_err(), "{place}: it was there"),
                _ => check_whole(&found, &place),
            }
            came += found.streams.len();
            drop((catalog, found));
            let left: Vec<_> = after
                .files()
                .into_iter()
                .filter(|(path, _)| {
                    path.starts_with("/data/restoring") || path.starts_with("/data/trash")
                })
                .collect();
            assert_eq!(left, [], "{place}");
        }
    }
    assert!(came > 0, "it never came back");
}

#[test]
fn one_that_is_given_up_leaves_nothing() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let before = disk.files().len();
    let mut restoring = catalog
        .begin_restore("A", "ORDERS", life(1), StreamOptions::default())
        .unwrap();
    fill(&mut restoring).unwrap();
    restoring.keep_up().unwrap();
    drop(restoring);
    assert_eq!(disk.files().len(), before, "{:?}", disk.files());
    let (_, found) = open(&disk.crash(Survives::Synced));
    assert!(found.streams.is_empty() && found.quarantined.is_empty());
}

#[test]
fn a_name_that_was_taken_meanwhile_is_not_taken_over() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut restoring = catalog
        .begin_restore("A", "ORDERS", life(1), StreamOptions::default())
        .unwrap();
    fill(&mut restoring).unwrap();
    let options = StreamOptions::default();
    let other = catalog
        .create_stream("A", "ORDERS", life(2), b"{}", options, Limits::default())
        .unwrap();
    let refused = catalog.finish_restore(restoring, b"meta", &consumers());
    assert!(matches!(refused, Err(CatalogError::Exists(_))));
    assert_eq!(other.state().messages, 0);
    drop(other);
    catalog.log().commit(catalog.log().staged()).unwrap();
    let (_, found) = open(&disk.crash(Survives::Synced));
    assert_eq!(found.streams[0].incarnation, life(2));
    assert!(found.quarantined.is_empty() && found.unknown_groups.is_empty());
}

#[test]
fn a_consumer_that_came_with_the_stream_is_kept_like_any_other() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut restoring = catalog
        .begin_restore("A", "ORDERS", life(1), StreamOptions::default())
        .unwrap();
    fill(&mut restoring).unwrap();
    let (_store, mut kept) = catalog
        .finish_restore(restoring, b"meta", &consumers())
        .unwrap();
    let place = Place {
        consumer: 3,
        stream: 30,
    };
    let moved = crate::consumer::ConsumerDelta::Moved {
        delivered: place,
        ack_floor: place,
    };
    kept[1].stage(&[moved]).unwrap();
    catalog.log().commit(catalog.log().staged()).unwrap();
    let (catalog, found) = open(&disk.crash(Survives::Synced));
    let back = &found.streams[0].consumers[1];
    assert_eq!(back.name, "C2");
    assert_eq!(back.state.as_ref().unwrap().delivered, place);
    catalog
        .delete_consumer("A", "ORDERS", "C2", life(12))
        .unwrap();
}
