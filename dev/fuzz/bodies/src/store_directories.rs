//! Data directories with changed files: opened or refused, and no message ever comes back different from what was written.
//!
//! The input is a list of changes of five bytes each: which file, what is done to it, where (two bytes), and a value. Twice in a row must give the
//! same: what was found to be damaged the first time is not well the second time.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use nats_store::catalog::{Catalog, Found, Incarnation};
use nats_store::disk::SimDisk;
use nats_store::disk::sim::Survives;
use nats_store::{
    CatalogSettings, Filter, Limits, NewMessage, Removals, StreamOptions, StreamStore, Timestamp,
    Ttl,
};

/// Messages of each stream; a part of them is in blocks, the rest in the log.
const MESSAGES: u64 = 24;
/// So many are in blocks.
const CHECKPOINTED: u64 = 15;
const SUBJECTS: [&[u8]; 5] = [b"s.0", b"s.1", b"s.2", b"s.3", b"s.4"];
/// Bytes of zeros behind the log.
const ZEROS_LEFT: usize = 100;
/// More changes than these tell nothing new.
const CHANGES_MAX: usize = 8;

/// Written once; every input changes a copy.
static WRITTEN: LazyLock<SimDisk> = LazyLock::new(written);

pub fn check(data: &[u8]) {
    let disk = WRITTEN.crash(Survives::All);
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
        settings(),
        &|_| {},
    );
    opened.ok().map(|(_, found)| found)
}

/// No threads: they cost more than what they would do here.
fn settings() -> CatalogSettings {
    CatalogSettings {
        threads: 1,
        ..CatalogSettings::default()
    }
}

/// Two streams, one of them packed, with some messages in blocks and the rest in the log.
fn written() -> SimDisk {
    let disk = SimDisk::new();
    let opened = Catalog::open(
        Arc::new(disk.clone()),
        Path::new("/data"),
        Incarnation([9; 16]),
        "boot",
        settings(),
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
            let message = NewMessage {
                subject: subject(sequence),
                headers: b"",
                payload: payload(sequence),
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
    // The log is written with zeros ahead; without them there is more to be changed in fewer bytes.
    for (path, _) in disk.files() {
        if path.extension().is_some_and(|ending| ending == "log") {
            disk.damage(&path, |bytes| {
                let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0);
                bytes.truncate(end.saturating_add(ZEROS_LEFT));
            });
        }
    }
    disk
}

fn subject(sequence: u64) -> &'static [u8] {
    SUBJECTS[sequence as usize % SUBJECTS.len()]
}

fn payload(sequence: u64) -> &'static [u8] {
    static ALL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let all = (0..=MESSAGES).map(|sequence| format!("{sequence:=<60}").into_bytes());
        all.collect()
    });
    ALL.get(sequence as usize).map_or(b"none", Vec::as_slice)
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
            let is_whole =
                message.payload() == payload(sequence) && message.subject() == subject(sequence);
            assert!(is_whole, "{} {sequence}: {message:?}", stream.name);
            sequences.push(sequence);
            from = sequence.saturating_add(1);
        }
        all.push((stream.name.clone(), sequences));
    }
    all
}
