//! Archives of streams, in both forms: refused, or a stream whose figures are those of its messages, and which goes into an archive and comes
//! back the same.
//!
//! The first byte of the input says what the rest is: an archive as it came over the wire; what is inside of the frames; or a list of files,
//! of which the older form is made: their names may be anything.

use nats_api::errors::ApiError;
use nats_api::jetstream::{ConsumerConfig, StreamConfig, StreamState};
use nats_jetstream::archive::{self, ArchiveError, ArchivedConsumer, Refill, Shelf, Writer};
use nats_store::{Filter, Limits, MemoryStore, Message, StoreError, StreamStore, Timestamp};

/// Largest message that a client of this account may publish, bytes.
const PAYLOAD_MAX: usize = 4096;
/// What one chunk of our own archive holds.
const CHUNK: usize = 1000;

pub fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let archive = match kind % 3 {
        0 => rest.to_vec(),
        1 => framed(rest),
        _ => framed(&tar(rest)),
    };
    let Ok((store, consumers)) = restore(&archive) else {
        return;
    };
    let messages = all(&store);
    agree(&store, &messages);
    // What came out of a foreign archive goes into one of ours and comes back.
    let again = write(&store, &messages, &consumers);
    let (again, kept) = restore(&again).expect("an archive of ours");
    assert_eq!(all(&again), messages);
    assert_eq!(again.state().last_sequence, store.state().last_sequence);
    assert_eq!(kept.len(), consumers.len());
}

struct InMemory(MemoryStore);

impl Shelf for InMemory {
    fn store(&mut self) -> Result<&mut dyn StreamStore, StoreError> {
        Ok(&mut self.0)
    }

    fn admit(&mut self, _: u64) -> Result<(), ApiError> {
        Ok(())
    }

    fn stored(&mut self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

fn restore(archive: &[u8]) -> Result<(MemoryStore, Vec<ArchivedConsumer>), ArchiveError> {
    let config = StreamConfig {
        name: "S".into(),
        max_msg_size: -1,
        ..StreamConfig::default()
    };
    let mut shelf = InMemory(MemoryStore::new(Limits::default()));
    let mut refill = Refill::new(&mut shelf, &config, (0, 0), PAYLOAD_MAX, Timestamp(1_000));
    archive::read(&config.name, archive, &mut refill)?;
    let (_, consumers) = refill.finish()?;
    Ok((shelf.0, consumers))
}

fn all(store: &dyn StreamStore) -> Vec<Message> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(message) = store.next(&Filter::ALL, from).expect("memory holds") {
        let Some(after) = message.sequence.checked_add(1) else {
            found.push(message);
            break;
        };
        from = after;
        found.push(message);
    }
    found
}

/// The figures of a store are those of its messages.
fn agree(store: &dyn StreamStore, messages: &[Message]) {
    let state = store.state();
    assert_eq!(state.messages, messages.len() as u64);
    assert!(
        messages
            .windows(2)
            .all(|pair| pair[0].sequence < pair[1].sequence)
    );
    if let (Some(first), Some(last)) = (messages.first(), messages.last()) {
        assert_eq!(state.first_sequence, first.sequence);
        assert!(state.last_sequence >= last.sequence);
    }
}

fn write(store: &dyn StreamStore, messages: &[Message], consumers: &[ArchivedConsumer]) -> Vec<u8> {
    let state = store.state();
    let state = StreamState {
        messages: state.messages,
        bytes: state.bytes,
        first_seq: state.first_sequence,
        last_seq: state.last_sequence,
        consumer_count: consumers.len() as u64,
        ..StreamState::default()
    };
    let mut writer = Writer::new(&state, Timestamp(5)).expect("a state is JSON");
    for consumer in consumers {
        let config = ConsumerConfig {
            name: consumer.name.clone(),
            ..consumer.config.clone()
        };
        let written = writer.consumer(&consumer.name, &config, &consumer.state);
        written.expect("a configuration is JSON");
    }
    for message in messages {
        writer.message(message);
    }
    writer.end();
    let mut archive = Vec::new();
    while writer.take(CHUNK, &mut archive) > 0 {}
    archive
}

/// Bytes in S2 frames, unpacked.
fn framed(plain: &[u8]) -> Vec<u8> {
    let mut framed = b"\xff\x06\x00\x00S2sTwO".to_vec();
    for chunk in plain.chunks(60_000) {
        let length = (chunk.len() as u32).wrapping_add(4).to_le_bytes();
        framed.push(1);
        framed.extend(&length[..3]);
        framed.extend(masked(crc32c(chunk)).to_le_bytes());
        framed.extend(chunk);
    }
    framed
}

/// As the frames of S2 write a checksum.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// A tar file of what the input names: length of a name, the name, length of a file, the file; and so on.
fn tar(mut rest: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    while let Some((name, after)) = piece(rest) {
        let (file, after) = piece(after).unwrap_or_default();
        rest = after;
        let mut header = [0_u8; 512];
        let named = name.len().min(100);
        header[..named].copy_from_slice(&name[..named]);
        header[100..108].copy_from_slice(b"0000600\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", file.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(header);
        tar.extend(file);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A length of two bytes and so many bytes, or as many as there are.
fn piece(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    Some(rest.split_at(length))
}
