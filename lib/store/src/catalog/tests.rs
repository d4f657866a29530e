//! Assets across starts, deletions, keys and rot.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::consumer::{ConsumerDelta, ConsumerState, ConsumerStore, Place};
use crate::crypt::Cipher;
use crate::disk::SimDisk;
use crate::disk::sim::Survives;
use crate::message::{NewMessage, Timestamp, Ttl};
use crate::state::{Limits, Removals};
use crate::store::StreamStore;

fn life(n: u8) -> Incarnation {
    Incarnation([n; 16])
}

fn open_with(
    disk: &SimDisk,
    boot: &str,
    settings: CatalogSettings,
) -> Result<(Catalog, Found), CatalogError> {
    Catalog::open(
        Arc::new(disk.clone()),
        Path::new("/data"),
        life(255),
        boot,
        settings,
        &|_| {},
    )
}

fn open(disk: &SimDisk) -> (Catalog, Found) {
    open_with(disk, "boot 1", CatalogSettings::default()).unwrap()
}

fn create(catalog: &Catalog, name: &str, n: u8) -> crate::file::FileStream {
    let stream = catalog
        .create_stream(
            "A",
            name,
            life(n),
            b"{}",
            StreamOptions::default(),
            Limits::default(),
        )
        .unwrap();
    commit(catalog);
    stream
}

fn commit(catalog: &Catalog) {
    let log = catalog.log();
    log.commit(log.staged()).unwrap();
}

fn append(catalog: &Catalog, stream: &mut dyn StreamStore, sequence: u64) {
    let message = NewMessage {
        subject: b"orders",
        headers: b"",
        payload: b"a payload of some length",
        time: Timestamp(5),
        ttl: Ttl::Stream,
    };
    stream
        .append(sequence, &message, &mut Removals::default())
        .unwrap();
    commit(catalog);
}

fn names(found: &Found) -> Vec<&str> {
    found.streams.iter().map(|s| &*s.name).collect()
}

#[test]
fn streams_and_consumers_come_back_after_a_power_loss() {
    let disk = SimDisk::new();
    let (catalog, found) = open(&disk);
    assert!(catalog.start().fresh && found.streams.is_empty());
    let mut orders = create(&catalog, "ORDERS", 1);
    create(&catalog, "OTHER", 2);
    for sequence in 1..=5 {
        append(&catalog, &mut orders, sequence);
    }
    let mut consumer = catalog
        .create_consumer("A", "ORDERS", "worker.1", life(3), b"{\"c\":1}")
        .unwrap();
    let delivered = ConsumerDelta::Delivered {
        first: Place {
            consumer: 1,
            stream: 1,
        },
        count: 3,
        time: Timestamp(9),
        wait: true,
    };
    let deltas = [
        ConsumerDelta::Started { next: 1 },
        delivered,
        ConsumerDelta::Acked { stream: 1 },
    ];
    let mut state = ConsumerState::default();
    for delta in &deltas {
        state.apply(delta);
    }
    consumer.stage(&deltas).unwrap();
    catalog
        .update_stream(
            "A",
            "OTHER",
            life(2),
            b"{\"x\":2}",
            StreamOptions { compress: true },
        )
        .unwrap();
    catalog.log().commit(catalog.log().staged()).unwrap();
    let (catalog, found) = open(&disk.crash(Survives::Synced));
    assert!(!catalog.start().fresh && !catalog.start().clean && !catalog.start().rebooted);
    assert_eq!(catalog.start().identity, life(255));
    assert_eq!(names(&found), ["ORDERS", "OTHER"]);
    assert_eq!(
        (found.quarantined.len(), found.unknown_groups.len()),
        (0, 0)
    );
    assert_eq!(found.streams[0].store.state().messages, 5);
    assert_eq!(found.streams[1].meta, b"{\"x\":2}");
    assert!(found.streams[1].options.compress);
    let consumer = &found.streams[0].consumers[0];
    assert_eq!(
        (&*consumer.name, &*consumer.meta),
        ("worker.1", &b"{\"c\":1}"[..])
    );
    assert_eq!(consumer.state.as_ref(), Some(&state));
    assert!(consumer.damage.is_none());
}

#[test]
fn a_whole_consumer_state_lets_the_changes_before_it_go() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    create(&catalog, "ORDERS", 1);
    let mut consumer = catalog
        .create_consumer("A", "ORDERS", "c", life(3), b"")
        .unwrap();
    let mut state = ConsumerState::default();
    let mut change = |consumer: &mut LoggedConsumer, delta: ConsumerDelta| {
        state.apply(&delta);
        consumer.stage(&[delta]).unwrap();
        state.clone()
    };
    use crate::consumer::LoggedConsumer;
    change(&mut consumer, ConsumerDelta::Started { next: 10 });
    let now = change(
        &mut consumer,
        ConsumerDelta::Delivered {
            first: Place {
                consumer: 1,
                stream: 10,
            },
            count: 50,
            time: Timestamp(1),
            wait: true,
        },
    );
    consumer.checkpoint(&now).unwrap();
    let now = change(&mut consumer, ConsumerDelta::Acked { stream: 10 });
    catalog.log().commit(catalog.log().staged()).unwrap();
    let (_, found) = open(&disk.crash(Survives::Synced));
    let back = &found.streams[0].consumers[0];
    assert_eq!(back.state.as_ref(), Some(&now));
    assert!(back.damage.is_none());
    assert_eq!(found.log.missing, []);
}

#[test]
fn a_deleted_stream_stays_deleted_and_its_name_can_live_again() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut first = create(&catalog, "ORDERS", 1);
    append(&catalog, &mut first, 1);
    catalog
        .create_consumer("A", "ORDERS", "c", life(4), b"")
        .unwrap();
    assert!(matches!(
        catalog.delete_stream("A", "ORDERS", life(2)).err(),
        Some(CatalogError::OtherLife { .. })
    ));
    catalog.delete_stream("A", "ORDERS", life(1)).unwrap();
    commit(&catalog);
    // The files were not removed yet when the power went.
    let after = disk.crash(Survives::Synced);
    let (catalog, found) = open(&after);
    assert!(found.streams.is_empty() && found.quarantined.is_empty());
    let again = create(&catalog, "ORDERS", 9);
    assert_eq!(again.state().last_sequence, 0);
    catalog.tidy().unwrap();
    let (_, found) = open(&after.crash(Survives::Synced));
    assert_eq!(found.streams[0].incarnation, life(9));
    assert!(
        !after
            .files()
            .iter()
            .any(|(path, _)| path.to_string_lossy().contains("0101010101010101"))
    );
}

#[test]
fn a_deleted_consumer_stays_deleted() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    create(&catalog, "ORDERS", 1);
    let mut consumer = catalog
        .create_consumer("A", "ORDERS", "c", life(4), b"")
        .unwrap();
    consumer
        .stage(&[ConsumerDelta::Started { next: 1 }])
        .unwrap();
    catalog
        .delete_consumer("A", "ORDERS", "c", life(4))
        .unwrap();
    commit(&catalog);
    let (_, found) = open(&disk.crash(Survives::Synced));
    assert!(found.streams[0].consumers.is_empty());
    assert_eq!(
        (found.unknown_groups.len(), found.quarantined.len()),
        (0, 0)
    );
}

#[test]
fn what_is_damaged_goes_to_quarantine_and_the_others_go_on() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut orders = create(&catalog, "ORDERS", 1);
    append(&catalog, &mut orders, 1);
    let mut other = create(&catalog, "OTHER", 2);
    append(&catalog, &mut other, 1);
    let asset = Path::new("/data/assets/A/ORDERS.0101010101010101/asset");
    orders.checkpoint().unwrap().unwrap()().unwrap();
    other.checkpoint().unwrap().unwrap()().unwrap();
    commit(&catalog);
    let after = disk.crash(Survives::All);
    after.damage(asset, |bytes| bytes.fill(1));
    let (catalog, mut found) = open(&after);
    assert_eq!(names(&found), ["ORDERS", "OTHER"], "the log has it too");
    assert!(found.quarantined.is_empty());
    // Now only the file has it.
    append(&catalog, &mut found.streams[0].store, 2);
    catalog.log().scrub(catalog.log().staged());
    catalog.laggards();
    catalog.tidy().unwrap();
    catalog.log().trim().unwrap();
    let after = after.crash(Survives::All);
    after.damage(
        Path::new("/data/assets/A/ORDERS.0101010101010101/asset"),
        |bytes| bytes.fill(1),
    );
    let (catalog, found) = open(&after);
    assert_eq!(names(&found), ["OTHER"]);
    assert_eq!(found.quarantined.len(), 2, "the stream and its entries");
    assert_eq!(found.unknown_groups, [life(1).group()]);
    catalog.log().commit(catalog.log().staged()).unwrap();
    let (_, found) = open(&after.crash(Survives::Synced));
    assert_eq!(names(&found), ["OTHER"]);
    assert!(found.quarantined.len() >= 2, "still listed");
}

#[test]
fn one_process_at_a_time() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    assert!(matches!(
        open_with(&disk, "boot 1", CatalogSettings::default()),
        Err(CatalogError::InUse(_))
    ));
    drop(catalog);
    open(&disk);
}

#[test]
fn a_clean_end_is_known_and_so_is_a_reboot_without_one() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    catalog.close().unwrap();
    drop(catalog);
    let (catalog, _) = open(&disk);
    assert!(catalog.start().clean);
    drop(catalog);
    let (catalog, _) = open_with(&disk, "boot 2", CatalogSettings::default()).unwrap();
    assert!(!catalog.start().clean && catalog.start().rebooted);
    assert!(catalog.start().is_tail_untrusted());
}

#[test]
fn a_log_that_lost_its_end_after_a_clean_end_is_damaged() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut orders = create(&catalog, "ORDERS", 1);
    for sequence in 1..=5 {
        append(&catalog, &mut orders, sequence);
    }
    catalog.close().unwrap();
    let after = disk.crash(Survives::All);
    let segment = Path::new("/data/log/0000000001.log");
    let whole = after.contents(segment).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    // A crash leaves such an end, and it would be a torn tail then.
    after.damage(segment, |bytes| bytes.truncate(end - 40));
    let (_, found) = open(&after);
    let said: Vec<_> = found.log.damage.iter().map(|damage| damage.what).collect();
    assert_eq!(
        said,
        ["the log ends before the position at which it was closed"]
    );
}

#[test]
fn everything_is_sealed_and_a_new_key_takes_over() {
    let key = |words: &[u8]| Key::from_secret(Cipher::ChaCha20Poly1305, words);
    let with = |now: Option<Key>, before: Option<Key>| CatalogSettings {
        key: now,
        previous_key: before,
        ..CatalogSettings::default()
    };
    let disk = SimDisk::new();
    let (catalog, _) = open_with(&disk, "b", with(Some(key(b"one")), None)).unwrap();
    let mut orders = create(&catalog, "ORDERS", 1);
    for sequence in 1..=3 {
        append(&catalog, &mut orders, sequence);
    }
    orders.checkpoint().unwrap().unwrap()().unwrap();
    append(&catalog, &mut orders, 4);
    for (path, _) in disk.files() {
        let bytes = disk.contents(&path).unwrap();
        let leaks = bytes.windows(9).any(|w| w == b"a payload");
        assert!(!leaks, "{}", path.display());
    }
    let after = disk.crash(Survives::Synced);
    for wrong in [None, Some(key(b"two"))] {
        let refused = open_with(&after.crash(Survives::All), "b", with(wrong, None));
        assert!(matches!(refused, Err(CatalogError::WrongKey(_))));
    }
    let after = after.crash(Survives::All);
    let rotated = with(Some(key(b"two")), Some(key(b"one")));
    let (catalog, found) = open_with(&after, "b", rotated).unwrap();
    assert_eq!(found.streams[0].store.state().messages, 4);
    drop((catalog, found));
    let (_, found) = open_with(&after, "b", with(Some(key(b"two")), None)).unwrap();
    let store = &found.streams[0].store;
    let payload = store.load(2).unwrap().unwrap();
    assert_eq!(payload.payload(), b"a payload of some length");
}

#[test]
fn a_server_that_gets_a_key_seals_what_comes_and_reads_what_was() {
    let disk = SimDisk::new();
    let (catalog, _) = open(&disk);
    let mut orders = create(&catalog, "ORDERS", 1);
    append(&catalog, &mut orders, 1);
    orders.checkpoint().unwrap().unwrap()().unwrap();
    let after = disk.crash(Survives::Synced);
    let settings = CatalogSettings {
        key: Some(Key::from_secret(Cipher::Aes256Gcm, b"one")),
        ..CatalogSettings::default()
    };
    let (catalog, mut found) = open_with(&after, "b", settings.clone()).unwrap();
    let store = &mut found.streams[0].store;
    append(&catalog, store, 2);
    store.checkpoint().unwrap().unwrap()().unwrap();
    let (_, found) = open_with(&after.crash(Survives::Synced), "b", settings).unwrap();
    assert_eq!(found.streams[0].store.state().messages, 2);
    assert!(found.streams[0].store.load(1).unwrap().is_some());
    assert!(found.streams[0].store.load(2).unwrap().is_some());
}

/// Another cipher with the same key made everything unreadable that was in the log only: the latest messages, consumers, acknowledgements.
#[test]
fn keys_and_ciphers_change_between_starts_and_nothing_is_lost() {
    let key = |cipher, words: &[u8]| Some(Key::from_secret(cipher, words));
    let (chacha, aes) = (Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm);
    let starts = [
        (None, None),
        (key(chacha, b"one"), None),
        (key(aes, b"one"), None),
        (key(chacha, b"one"), None),
        (key(aes, b"two"), key(chacha, b"one")),
        (key(aes, b"two"), key(aes, b"one")),
        (key(chacha, b"three"), key(aes, b"two")),
        (key(chacha, b"three"), None),
    ];
    let mut disk = SimDisk::new();
    for (n, (now, before)) in (0..).zip(starts) {
        let settings = CatalogSettings {
            key: now,
            previous_key: before,
            ..CatalogSettings::default()
        };
        let (catalog, mut found) = open_with(&disk, "b", settings).unwrap();
        assert_eq!(found.log.damage, [], "start {n}");
        let mut made;
        let store: &mut dyn StreamStore = match found.streams.first_mut() {
            Some(stream) => &mut stream.store,
            None => {
                made = create(&catalog, "ORDERS", 1);
                &mut made
            }
        };
        assert_eq!(store.state().messages, n, "start {n}");
        append(&catalog, store, n + 1);
        // Every other time it stays in the log.
        if n % 2 == 1 {
            store.checkpoint().unwrap().unwrap()().unwrap();
        }
        disk = disk.crash(Survives::Synced);
    }
}
