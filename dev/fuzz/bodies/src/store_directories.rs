//! Data directories with changed files: opened or refused, and no message ever comes back different from what was written.
//!
//! The input is a list of changes of five bytes each: which file, what is done to it, where (two bytes), and a value. Twice in a row must give the
//! same: what was found to be damaged the first time is not well the second time.

use std::path::Path;
use std::sync::Arc;

use nats_store::catalog::{Catalog, Found, Incarnation};
use nats_store::disk::SimDisk;
use nats_store::{
    CatalogSettings, Filter, Limits, NewMessage, Removals, StreamOptions, StreamStore, Timestamp,
    Ttl,
};

/// Messages of each stream; a part of them is in blocks, the rest in the log.
const MESSAGES: u64 = 40;
/// So many are in blocks.
const CHECKPOINTED: u64 = 25;
/// More changes than these tell nothing new.
const CHANGES_MAX: usize = 8;

pub fn check(data: &[u8]) {
    let disk = written();
    for change in data.chunks_exact(5).take(CHANGES_MAX) {
        apply(&disk, change);
    }
    let first = open(&disk).map(|found| served(&found));
    let second = open(&disk).map(|found| served(&found));
    if let (Some(first), Some(second)) = (&first, &second) {
        assert_eq!(first, second, "another opening finds something else");
    }
}

fn open(disk: &SimDisk) -> Option<Found> {
    let opened = Catalog::open(
        Arc::new(disk.clone()),
        Path::new("/data"),
        Incarnation([9; 16]),
        "boot",
        CatalogSettings::default(),
        &|_| {},
    );
    opened.ok().map(|(_, found)| found)
}

/// Two streams, one of them packed, with some messages in blocks and the rest in the log.
fn written() -> SimDisk {
    let disk = SimDisk::new();
    let opened = Catalog::open(
        Arc::new(disk.clone()),
        Path::new("/data"),
        Incarnation([9; 16]),
        "boot",
        CatalogSettings::default(),
        &|_| {},
    );
    let (catalog, _) = opened.expect("an empty disk");
    for (number, name) in [(1, "PLAIN"), (2, "PACKED")] {
        let options = StreamOptions {
            compress: number == 2,
        };
        let life = Incarnation([number; 16]);
        let stream = catalog.create_stream("A", name, life, b"{}", options, Limits::default());
        let mut stream = stream.expect("a stream");
        for sequence in 1..=MESSAGES {
            let subject = format!("s.{}", sequence % 5);
            let payload = payload(sequence);
            let message = NewMessage {
                subject: subject.as_bytes(),
                headers: b"",
                payload: &payload,
                time: Timestamp(sequence as i64),
                ttl: Ttl::Stream,
            };
            let stored = stream.append(sequence, &message, &mut Removals::default());
            stored.expect("room");
            catalog
                .log()
                .commit(catalog.log().staged())
                .expect("a disk");
            if sequence == CHECKPOINTED
                && let Some(upkeep) = stream.checkpoint().expect("a disk")
            {
                upkeep().expect("a disk");
            }
        }
    }
    disk
}

fn payload(sequence: u64) -> Vec<u8> {
    format!("{sequence:=<60}").into_bytes()
}

/// One change of one file.
fn apply(disk: &SimDisk, change: &[u8]) {
    let &[file, what, high, low, value] = change else {
        return;
    };
    let files = disk.files();
    let Some((path, size)) = files.get(usize::from(file) % files.len().max(1)) else {
        return;
    };
    let place = usize::from(u16::from_be_bytes([high, low])) % (*size as usize).max(1);
    disk.damage(path, |bytes| match what % 5 {
        0 => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte ^= value.max(1);
            }
        }
        1 => bytes.truncate(place),
        2 => bytes.extend(std::iter::repeat_n(value, place)),
        3 => {
            // A part of the file stands somewhere else as well.
            let piece: Vec<u8> = bytes
                .iter()
                .skip(place)
                .take(usize::from(value))
                .copied()
                .collect();
            bytes.splice(..piece.len().min(bytes.len()), piece);
        }
        _ => bytes[place..].fill(value),
    });
}

/// What is served of each stream: sequences. Each message is what was written under its sequence.
fn served(found: &Found) -> Vec<(String, Vec<u64>)> {
    let mut all = Vec::new();
    for stream in &found.streams {
        let mut sequences = Vec::new();
        let mut from = 0;
        // An error is a message that was found to be damaged.
        while let Ok(Some(message)) = stream.store.next(&Filter::ALL, from) {
            let sequence = message.sequence;
            assert_eq!(
                message.payload(),
                payload(sequence),
                "{} {sequence}",
                stream.name
            );
            assert_eq!(message.subject(), format!("s.{}", sequence % 5).as_bytes());
            sequences.push(sequence);
            from = sequence.saturating_add(1);
        }
        all.push((stream.name.clone(), sequences));
    }
    all
}
