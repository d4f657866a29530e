//! One test for each kind of damage and loss that one server can meet: J1, J5, J6, J8, J9, J10, J16 of the reliability rules. One server cannot
//! repair what it has only once: here damage is found and said, never passed over, and never the reason to lose anything else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::consumer::{ConsumerDelta, ConsumerState, ConsumerStore, LoggedConsumer, Place};
use crate::disk::sim::{CHUNK, Survives};
use crate::disk::{Disk, SimDisk};
use crate::file::FileStream;
use crate::message::{NewMessage, Timestamp, Ttl};
use crate::state::{Limits, Removals};
use crate::store::StreamStore;

pub(super) const MESSAGES: u64 = 400;
pub(super) const DIR: &str = "/data/assets/A/ORDERS.0101010101010101";

pub(super) fn life(n: u8) -> Incarnation {
    Incarnation([n; 16])
}

pub(super) fn open(disk: &SimDisk) -> (Catalog, Found) {
    let settings = CatalogSettings {
        log_held_bytes: 0,
        ..CatalogSettings::default()
    };
    let shared = Arc::new(disk.clone());
    Catalog::open(
        shared,
        Path::new("/data"),
        life(255),
        "b",
        settings,
        &|_| {},
    )
    .unwrap()
}

pub(super) fn payload(sequence: u64) -> Vec<u8> {
    format!("message {sequence} {}", "=".repeat(200)).into_bytes()
}

pub(super) fn create(catalog: &Catalog) -> FileStream {
    let options = StreamOptions::default();
    catalog
        .create_stream("A", "ORDERS", life(1), b"{}", options, Limits::default())
        .unwrap()
}

pub(super) fn append(stream: &mut FileStream) -> u64 {
    let sequence = stream.state().last_sequence + 1;
    let message = NewMessage {
        subject: b"orders.new",
        headers: b"",
        payload: &payload(sequence),
        time: Timestamp(5),
        ttl: Ttl::Stream,
    };
    stream
        .append(sequence, &message, &mut Removals::default())
        .unwrap();
    sequence
}

pub(super) fn commit(catalog: &Catalog) {
    let log = catalog.log();
    log.commit(log.staged()).unwrap();
}

/// Everything into blocks, nothing left in the log but what has no other place.
pub(super) fn settle(catalog: &Catalog, stream: &mut FileStream) {
    stream.checkpoint().unwrap().unwrap()().unwrap();
    commit(catalog);
    catalog.laggards();
    catalog.tidy().unwrap();
    catalog.log().trim().unwrap();
}

/// A stream whose messages are in blocks.
fn settled() -> SimDisk {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut stream = create(&catalog);
    for _ in 0..MESSAGES {
        append(&mut stream);
    }
    commit(&catalog);
    settle(&catalog, &mut stream);
    // The log that has the messages too is given up when another segment begins.
    drop((catalog, stream));
    let (catalog, mut found) = open(&disk);
    append(&mut found.streams[0].store);
    commit(&catalog);
    settle(&catalog, &mut found.streams[0].store);
    disk.crash(Survives::All)
}

fn blocks(disk: &SimDisk) -> Vec<PathBuf> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "blk"))
        .collect()
}

#[test]
fn j17_a_full_disk_is_no_reason_not_to_open() {
    let killed = settled();
    let closed = settled();
    let (catalog, _) = open(&closed);
    catalog.close().unwrap();
    drop(catalog);
    for (disk, clean) in [(killed, false), (closed.crash(Survives::All), true)] {
        let used: u64 = disk.files().iter().map(|(_, size)| size).sum();
        disk.set_capacity(Some(used));
        for boot in ["b", "c"] {
            let settings = CatalogSettings::default();
            let shared = Arc::new(disk.clone());
            let dir = Path::new("/data");
            let (catalog, mut found) =
                Catalog::open(shared, dir, life(255), boot, settings, &|_| {}).unwrap();
            assert_eq!(catalog.start().identity, life(255));
            assert_eq!(catalog.start().clean, clean && boot == "b");
            assert_eq!(catalog.start().rebooted, boot == "c");
            let stream = &mut found.streams[0];
            assert_eq!(stream.damage, []);
            assert_eq!(stream.store.state().last_sequence, MESSAGES + 1);
        }
    }
}

/// What is read is right, what cannot be read is said, and all of that is known when the stream comes back. How many are lost.
fn honest(disk: &SimDisk) -> usize {
    let (_, found) = open(disk);
    let stream = &found.streams[0];
    let mut lost = 0;
    for sequence in 1..=MESSAGES {
        match stream.store.load(sequence) {
            Ok(Some(message)) => assert_eq!(message.payload(), payload(sequence)),
            Ok(None) => panic!("{sequence} is missing in silence"),
            Err(_) => lost += 1,
        }
    }
    if lost > 0 {
        assert!(!stream.damage.is_empty());
        assert!(stream.store.fault().is_some());
    }
    assert_eq!(stream.store.state().last_sequence, MESSAGES + 1);
    lost
}

#[test]
fn j1_a_power_loss_takes_nothing_that_was_acknowledged() {
    for seed in 0..200 {
        let disk = SimDisk::new();
        let (catalog, _) = open(&disk);
        let mut stream = create(&catalog);
        let mut acknowledged = 0;
        for n in 0..40 {
            let sequence = append(&mut stream);
            if n % 3 == 2 {
                commit(&catalog);
                acknowledged = sequence;
            }
            if n == 20 {
                let rest = stream.checkpoint().unwrap();
                acknowledged = stream.state().last_sequence;
                // The power goes before, or after, the part that waits for the disk.
                if seed % 2 == 0 {
                    rest.unwrap()().unwrap();
                }
            }
        }
        let survives = match seed {
            0 => Survives::Synced,
            seed => Survives::Some { seed },
        };
        let (_, found) = open(&disk.crash(survives));
        let back = &found.streams[0];
        assert!(
            found.log.damage.is_empty() && back.damage.is_empty(),
            "{seed}"
        );
        assert!(back.store.state().last_sequence >= acknowledged, "{seed}");
        for sequence in 1..=acknowledged {
            let message = back.store.load(sequence).unwrap().unwrap();
            assert_eq!(message.payload(), payload(sequence), "{seed}");
        }
    }
}

#[test]
fn j5_a_bit_that_flips_in_a_block_is_found_and_costs_no_other_chunk() {
    let sound = settled();
    assert_eq!(honest(&sound.crash(Survives::All)), 0);
    let block = blocks(&sound)[0].clone();
    let size = sound.contents(&block).unwrap().len();
    for n in 0..60 {
        let rotten = sound.crash(Survives::All);
        rotten.flip(&block, size * n / 60, u8::try_from(n % 8).unwrap());
        let lost = honest(&rotten);
        assert!(lost < MESSAGES as usize, "one bit took everything");
    }
}

#[test]
fn j6_a_block_that_is_cut_off_is_found() {
    let sound = settled();
    let block = blocks(&sound)[0].clone();
    let size = sound.contents(&block).unwrap().len();
    for n in 0..20 {
        let rotten = sound.crash(Survives::All);
        rotten.damage(&block, |bytes| bytes.truncate(size * n / 20));
        assert!(honest(&rotten) > 0, "cut at {n} twentieths");
    }
}

#[test]
fn j8_a_chunk_of_a_block_that_is_rolled_back_is_found() {
    let sound = settled();
    let block = blocks(&sound)[0].clone();
    let whole = sound.contents(&block).unwrap();
    for old in [vec![], whole[..whole.len() / 3].to_vec()] {
        for chunk in 0..whole.len() / CHUNK {
            let rotten = sound.crash(Survives::All);
            rotten.roll_back(&block, &old, chunk);
            let changed = rotten.contents(&block).unwrap() != whole;
            assert_eq!(honest(&rotten) > 0, changed, "chunk {chunk}");
        }
    }
}

#[test]
fn j9_a_damaged_document_of_the_state_costs_no_message() {
    let sound = settled();
    let state = Path::new(DIR).join("state");
    let size = sound.contents(&state).unwrap().len();
    // One copy of two.
    for at in 0..size {
        let rotten = sound.crash(Survives::All);
        rotten.flip(&state, at, 3);
        assert_eq!(honest(&rotten), 0);
    }
    let rotten = sound.crash(Survives::All);
    rotten.damage(&state, |bytes| bytes.fill(0xa5));
    let (_, found) = open(&rotten);
    let stream = &found.streams[0];
    assert!(!stream.damage.is_empty(), "both copies: it is said");
    for sequence in 1..=MESSAGES {
        let message = stream.store.load(sequence).unwrap().unwrap();
        assert_eq!(message.payload(), payload(sequence));
    }
}

#[test]
fn j10_a_consumer_whose_state_is_damaged_stays_and_that_is_said() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    create(&catalog);
    let mut consumer: LoggedConsumer = catalog
        .create_consumer("A", "ORDERS", "worker", life(3), b"{}")
        .unwrap();
    commit(&catalog);
    let place = |n| Place {
        consumer: n,
        stream: n,
    };
    let mut states = vec![ConsumerState::default()];
    for n in 1..=20 {
        let deltas = [ConsumerDelta::Moved {
            delivered: place(n),
            ack_floor: place(n),
        }];
        consumer.stage(&deltas).unwrap();
        commit(&catalog);
        let mut state = states.last().unwrap().clone();
        state.apply(&deltas[0]);
        states.push(state);
    }
    let sound = disk.crash(Survives::All);
    let log = sound
        .files()
        .into_iter()
        .map(|(path, _)| path)
        .find(|path| path.extension().is_some_and(|ending| ending == "log"))
        .unwrap();
    let whole = sound.contents(&log).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let mut said = 0;
    for at in (end / 2..end).step_by(7) {
        let rotten = sound.crash(Survives::All);
        rotten.flip(&log, at, 2);
        let (_, found) = open(&rotten);
        let consumers = &found.streams[0].consumers;
        assert_eq!(consumers.len(), 1, "it is never deleted for it");
        let back = &consumers[0];
        let state = back.state.clone().unwrap_or_default();
        assert!(states.contains(&state), "a state that it never had");
        let is_behind = Some(&state) != states.last();
        let is_said =
            back.damage.is_some() || !found.log.damage.is_empty() || found.log.cut.is_some();
        assert!(is_said, "the flip at {at} is not said");
        said += usize::from(is_behind);
    }
    assert!(said > 0, "no flip cost a change");
}

#[test]
fn j16_a_stream_that_is_killed_right_after_its_first_writes_keeps_its_first_and_last_sequence() {
    for survives in [Survives::Synced, Survives::All] {
        for messages in 0..3 {
            let disk = SimDisk::new();
            let (catalog, _) = open(&disk);
            let mut stream = create(&catalog);
            stream.skip(99).unwrap();
            for _ in 0..messages {
                append(&mut stream);
            }
            commit(&catalog);
            let (catalog, mut found) = open(&disk.crash(survives));
            let store = &mut found.streams[0].store;
            let state = store.state();
            let expected = (100, 99 + messages);
            assert_eq!((state.first_sequence, state.last_sequence), expected);
            assert_eq!(append(store), 100 + messages);
            commit(&catalog);
        }
    }
}

/// What is in a directory that somebody else has been at.
fn meddled(meddle: impl FnOnce(&SimDisk)) -> Found {
    let disk = settled();
    meddle(&disk);
    let (catalog, found) = open(&disk);
    assert_eq!(found.streams.len(), 1);
    assert_eq!(found.streams[0].store.state().last_sequence, MESSAGES + 1);
    catalog.laggards();
    catalog.tidy().unwrap();
    drop((catalog, found));
    let (_, found) = open(&disk);
    assert_eq!(found.streams.len(), 1, "and again");
    assert!(!found.quarantined.is_empty(), "it is still said");
    found
}

fn copy(disk: &SimDisk, from: &Path, to: &Path) {
    let _ = disk.create_dir(to.parent().unwrap());
    let file = disk.create(to).unwrap();
    file.write_at(&disk.contents(from).unwrap(), 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(to.parent().unwrap()).unwrap();
    disk.sync_dir(to.parent().unwrap().parent().unwrap())
        .unwrap();
}

#[test]
fn copies_and_strangers_among_the_assets_are_put_aside_and_stop_nothing() {
    let asset = Path::new(DIR).join("asset");
    // A copied directory, a copied document of a consumer, files where directories are and the other way round.
    meddled(|disk| {
        copy(
            disk,
            &asset,
            Path::new("/data/assets/A/COPY.0101010101010102/asset"),
        )
    });
    meddled(|disk| copy(disk, &asset, Path::new("/data/assets/B/asset")));
    meddled(|disk| copy(disk, &asset, Path::new("/data/assets/README")));
    meddled(|disk| {
        let consumers = Path::new(DIR).join("consumers");
        copy(disk, &asset, &consumers.join("c.0303030303030303"));
    });
    meddled(|disk| {
        let strange = Path::new(DIR).join("consumers").join("c.0303030303030303");
        disk.create_dir(&strange).unwrap();
        disk.sync_dir(strange.parent().unwrap()).unwrap();
    });
}

#[test]
fn a_stream_whose_document_is_damaged_keeps_its_name_until_somebody_deletes_it() {
    let disk = settled();
    let asset = Path::new(DIR).join("asset");
    disk.damage(&asset, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1));
    let owner = Some(("A".to_owned(), "ORDERS".to_owned()));
    let aside = PathBuf::from("/data/quarantine/A~ORDERS.0101010101010101");
    let again = |catalog: &Catalog| {
        let options = StreamOptions::default();
        catalog.create_stream("A", "ORDERS", life(9), b"{}", options, Limits::default())
    };
    for start in 0..2 {
        let (catalog, found) = open(&disk);
        assert_eq!(found.streams.len(), 0);
        // Beside it what the log had of it.
        let mut gone = found.quarantined.iter();
        let gone = gone.find(|gone| gone.place == aside).unwrap();
        assert_eq!((&gone.owner, gone.is_known), (&owner, start > 0));
        assert!(matches!(again(&catalog), Err(CatalogError::Aside(_))));
        assert!(!catalog.release("A", "OTHER").unwrap());
    }
    let (catalog, _) = open(&disk);
    assert!(catalog.release("A", "ORDERS").unwrap());
    assert!(!catalog.release("A", "ORDERS").unwrap());
    drop(again(&catalog).unwrap());
    commit(&catalog);
    drop(catalog);
    let (_, found) = open(&disk);
    assert_eq!(found.streams.len(), 1);
    let freed = Path::new("/data/quarantine/ORDERS.0101010101010101");
    assert!(found.quarantined.iter().all(|gone| gone.owner.is_none()));
    assert!(found.quarantined.iter().any(|gone| gone.place == freed));
    let blocks = disk.files().into_iter();
    let kept = blocks.filter(|(path, _)| path.starts_with(freed)).count();
    assert!(kept > 1, "its files are there");
}

#[test]
fn a_stream_whose_key_is_lost_is_put_aside_and_the_others_come_back() {
    let settings = CatalogSettings {
        key: Some(crate::crypt::Key::from_secret(
            crate::crypt::Cipher::Aes256Gcm,
            b"one",
        )),
        ..CatalogSettings::default()
    };
    let open = |disk: &SimDisk| {
        let shared = Arc::new(disk.clone());
        let dir = Path::new("/data");
        Catalog::open(shared, dir, life(255), "b", settings.clone(), &|_| {}).unwrap()
    };
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut orders = create(&catalog);
    append(&mut orders);
    let options = StreamOptions::default();
    catalog
        .create_stream("A", "OTHER", life(2), b"{}", options, Limits::default())
        .unwrap();
    commit(&catalog);
    orders.checkpoint().unwrap().unwrap()().unwrap();
    commit(&catalog);
    let rotten = disk.crash(Survives::All);
    rotten.damage(&Path::new(DIR).join("key"), |bytes| bytes.fill(7));
    let (_, found) = open(&rotten);
    let names: Vec<_> = found.streams.iter().map(|s| &*s.name).collect();
    assert_eq!(names, ["OTHER"]);
    let why = &found.quarantined[0].why;
    assert!(why.contains("key is damaged"), "{why}");
}
