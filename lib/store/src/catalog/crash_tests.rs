//! The process is killed between every pair of disk operations of making, changing and deleting streams and consumers, and of the housekeeping
//! that moves them from the log into files: what is there afterwards is as before the step under way, or as after it (J15, J16).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::consumer::{ConsumerDelta, ConsumerStore, LoggedConsumer};
use crate::crypt::{Cipher, Key};
use crate::disk::SimDisk;
use crate::disk::sim::Survives;
use crate::file::FileStream;
use crate::message::{NewMessage, Timestamp, Ttl};
use crate::state::{Limits, Removals};
use crate::store::StreamStore;

/// Streams with their configuration and last sequence, and their consumers with configuration and progress.
type View = BTreeMap<String, (Vec<u8>, u64, BTreeMap<String, (Vec<u8>, bool)>)>;

fn life(n: u8) -> Incarnation {
    Incarnation([n; 16])
}

fn settings(key: Option<Key>) -> CatalogSettings {
    CatalogSettings {
        // Whatever the log holds is too much.
        log_held_bytes: 0,
        key,
        ..CatalogSettings::default()
    }
}

fn open(disk: &SimDisk, key: Option<Key>) -> Result<(Catalog, Found), CatalogError> {
    Catalog::open(
        Arc::new(disk.clone()),
        Path::new("/data"),
        life(255),
        "boot",
        settings(key),
        &|_| {},
    )
}

/// What a process has open.
struct World {
    catalog: Catalog,
    streams: BTreeMap<String, FileStream>,
    consumers: BTreeMap<String, LoggedConsumer>,
}

type Step = fn(&mut World) -> Result<(), CatalogError>;

fn commit(world: &World) -> Result<(), CatalogError> {
    let log = world.catalog.log();
    log.commit(log.staged())?;
    Ok(())
}

fn make(world: &mut World, name: &str, n: u8) -> Result<(), CatalogError> {
    let made = world.catalog.create_stream(
        "A",
        name,
        life(n),
        b"new",
        StreamOptions::default(),
        Limits::default(),
    )?;
    world.streams.insert(name.to_owned(), made);
    Ok(())
}

fn consume(world: &mut World, stream: &str, name: &str, n: u8) -> Result<(), CatalogError> {
    let made = world
        .catalog
        .create_consumer("A", stream, name, life(n), b"c")?;
    world.consumers.insert(name.to_owned(), made);
    Ok(())
}

fn make_one(world: &mut World) -> Result<(), CatalogError> {
    make(world, "ONE", 1)
}

fn make_two(world: &mut World) -> Result<(), CatalogError> {
    make(world, "TWO", 2)
}

fn make_two_again(world: &mut World) -> Result<(), CatalogError> {
    make(world, "TWO", 3)
}

fn append(world: &mut World) -> Result<(), CatalogError> {
    let stream = world.streams.get_mut("ONE").expect("it was made");
    let sequence = stream.state().last_sequence + 1;
    let message = NewMessage {
        subject: b"orders",
        headers: b"",
        payload: b"a payload",
        time: Timestamp(5),
        ttl: Ttl::Stream,
    };
    Ok(stream.append(sequence, &message, &mut Removals::default())?)
}

fn change_one(world: &mut World) -> Result<(), CatalogError> {
    let options = StreamOptions { compress: true };
    world
        .catalog
        .update_stream("A", "ONE", life(1), b"changed", options)
        .map(|_| ())
}

fn worker(world: &mut World) -> Result<(), CatalogError> {
    consume(world, "ONE", "worker", 11)
}

fn idler(world: &mut World) -> Result<(), CatalogError> {
    consume(world, "ONE", "idler", 12)
}

fn worker_of_two(world: &mut World) -> Result<(), CatalogError> {
    consume(world, "TWO", "other", 13)
}

fn work(world: &mut World) -> Result<(), CatalogError> {
    let worker = world.consumers.get_mut("worker").expect("it was made");
    Ok(worker.stage(&[ConsumerDelta::Started { next: 1 }])?)
}

fn change_worker(world: &mut World) -> Result<(), CatalogError> {
    world
        .catalog
        .update_consumer("A", "ONE", "worker", life(11), b"changed")
        .map(|_| ())
}

fn end_worker(world: &mut World) -> Result<(), CatalogError> {
    world
        .catalog
        .delete_consumer("A", "ONE", "worker", life(11))
        .map(|_| ())
}

fn end_idler(world: &mut World) -> Result<(), CatalogError> {
    world
        .catalog
        .delete_consumer("A", "ONE", "idler", life(12))
        .map(|_| ())
}

fn worker_again(world: &mut World) -> Result<(), CatalogError> {
    consume(world, "ONE", "worker", 14)
}

fn end_two(world: &mut World) -> Result<(), CatalogError> {
    world.streams.remove("TWO");
    world
        .catalog
        .delete_stream("A", "TWO", world.life_of_two())
        .map(|_| ())
}

/// What the upkeep does.
fn keep_house(world: &mut World) -> Result<(), CatalogError> {
    for laggard in world.catalog.laggards() {
        if laggard.consumer.is_none()
            && let Some(stream) = world.streams.get_mut(&laggard.stream)
            && let Some(rest) = stream.checkpoint()?
        {
            rest()?;
        }
    }
    world.catalog.tidy()?;
    world.catalog.log().trim()?;
    Ok(())
}

fn begin_segment(world: &mut World) -> Result<(), CatalogError> {
    // Erasing makes the log leave its segment behind.
    world.catalog.log().scrub(world.catalog.log().staged());
    keep_house(world)
}

impl World {
    fn life_of_two(&self) -> Incarnation {
        let assets = self.catalog.assets.lock();
        let id = ("A".to_owned(), "TWO".to_owned());
        assets.streams[&id].document.incarnation
    }
}

fn steps() -> Vec<Step> {
    vec![
        make_one,
        worker,
        append,
        work,
        make_two,
        worker_of_two,
        keep_house,
        change_worker,
        change_one,
        idler,
        append,
        keep_house,
        end_idler,
        keep_house,
        end_worker,
        worker_again,
        append,
        end_two,
        make_two_again,
        worker_of_two_again,
        begin_segment,
        keep_house,
        end_two,
        append,
        keep_house,
    ]
}

fn worker_of_two_again(world: &mut World) -> Result<(), CatalogError> {
    consume(world, "TWO", "other", 15)
}

fn view(found: &Found) -> View {
    let consumers = |stream: &FoundStream| {
        let all = stream.consumers.iter();
        all.map(|c| (c.name.clone(), (c.meta.clone(), c.state.is_some())))
            .collect()
    };
    found
        .streams
        .iter()
        .map(|stream| {
            let last = stream.store.state().last_sequence;
            let shown = (stream.meta.clone(), last, consumers(stream));
            (stream.name.clone(), shown)
        })
        .collect()
}

/// Runs steps until one fails; how many were acknowledged.
fn run(disk: &SimDisk, steps: &[Step], key: Option<Key>) -> usize {
    let Ok((catalog, _)) = open(disk, key) else {
        return 0;
    };
    let mut world = World {
        catalog,
        streams: BTreeMap::new(),
        consumers: BTreeMap::new(),
    };
    for (done, step) in steps.iter().enumerate() {
        if step(&mut world).and_then(|()| commit(&world)).is_err() {
            return done;
        }
    }
    steps.len()
}

fn reopened(disk: &SimDisk, key: Option<Key>, place: &str) -> (Catalog, Found) {
    let (catalog, found) = open(disk, key).expect(place);
    assert_eq!(found.log.damage, [], "{place}");
    assert_eq!(found.log.missing, [], "{place}");
    assert_eq!(found.quarantined, [], "{place}");
    assert_eq!(found.unknown_groups, [], "{place}");
    assert!(!found.documents_missing, "{place}");
    for stream in &found.streams {
        assert_eq!(stream.damage, [], "{place}");
    }
    (catalog, found)
}

fn killed_everywhere(key: Option<Key>) {
    let steps = steps();
    let seen: Vec<View> = (0..=steps.len())
        .map(|count| {
            let disk = SimDisk::new();
            assert_eq!(run(&disk, &steps[..count], key.clone()), count);
            let place = format!("after {count} steps");
            view(&reopened(&disk.crash(Survives::Synced), key.clone(), &place).1)
        })
        .collect();
    let calm = SimDisk::new();
    run(&calm, &steps, key.clone());
    let operations = calm.operations();
    assert!(operations > 100, "{operations} operations to stop at");
    for stop in 1..=operations {
        let disk = SimDisk::new();
        disk.stop_torn_at(stop, stop.wrapping_mul(7919));
        let done = run(&disk, &steps, key.clone());
        for survives in [
            Survives::Synced,
            Survives::All,
            Survives::Some { seed: stop },
            Survives::Some { seed: !stop },
        ] {
            let place = format!("operation {stop}, {survives:?}, after {done} steps");
            let after = disk.crash(survives);
            let (catalog, mut found) = reopened(&after, key.clone(), &place);
            let now = view(&found);
            let possible = [seen.get(done), seen.get(done + 1)];
            assert!(
                possible.contains(&Some(&now)),
                "{place}: {now:?}, not one of {possible:?}"
            );
            // Housekeeping goes on where it was, and changes nothing.
            for stream in &mut found.streams {
                if let Some(rest) = stream.store.checkpoint().expect(&place) {
                    rest().expect(&place);
                }
            }
            catalog.laggards();
            catalog.tidy().expect(&place);
            catalog.log().trim().expect(&place);
            let (_, found) = reopened(&after.crash(Survives::Synced), key.clone(), &place);
            assert_eq!(view(&found), now, "{place}, second life");
        }
    }
}

#[test]
fn j15_killed_between_any_two_operations_the_assets_are_as_before_or_after() {
    killed_everywhere(None);
}

#[test]
fn j15_the_same_under_a_key() {
    killed_everywhere(Some(Key::from_secret(Cipher::Aes256Gcm, b"one")));
}

#[test]
fn housekeeping_lets_the_whole_log_go() {
    let disk = SimDisk::new();
    let steps = steps();
    let (catalog, _) = open(&disk, None).expect("a catalog");
    let mut world = World {
        catalog,
        streams: BTreeMap::new(),
        consumers: BTreeMap::new(),
    };
    for step in &steps {
        step(&mut world).expect("a step");
        commit(&world).expect("a commit");
    }
    // Consumers keep their state in the log; they are asked for it as the upkeep does.
    drop(world);
    let (catalog, mut found) = open(&disk, None).expect("a catalog");
    for _ in 0..3 {
        for stream in &mut found.streams {
            for consumer in &mut stream.consumers {
                let state = consumer.state.clone().unwrap_or_default();
                consumer.store.checkpoint(&state).expect("a checkpoint");
            }
            if let Some(rest) = stream.store.checkpoint().expect("a checkpoint") {
                rest().expect("a checkpoint");
            }
        }
        catalog.log().scrub(catalog.log().staged());
        catalog.laggards();
        catalog.tidy().expect("housekeeping");
        catalog.log().trim().expect("a trim");
    }
    let segments = || {
        let files = disk.files();
        files
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|e| e == "log"))
            .count()
    };
    assert!(segments() <= 2, "{} segments are left", segments());
}
