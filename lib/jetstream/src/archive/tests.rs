//! Archives of ours come back; archives of nobody are refused.

use std::collections::BTreeMap;
use std::io::Read;

use nats_api::errors::ApiError;
use nats_api::jetstream::{ConsumerConfig, StreamConfig, StreamState};
use nats_store::{
    ConsumerState, Erase, Limits, MemoryStore, Message, NewMessage, Place, Removals, StoreError,
    StreamStore, Timestamp, Ttl, Unacked,
};
use proptest::prelude::*;

use super::consumer::StateDocument;
use super::entries::{put_uvarint, put_varint};
use super::*;

struct InMemory(MemoryStore);

impl Shelf for InMemory {
    fn store(&mut self) -> &mut dyn StreamStore {
        &mut self.0
    }

    fn admit(&mut self, _: u64) -> Result<(), ApiError> {
        Ok(())
    }

    fn stored(&mut self, _: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

fn empty() -> InMemory {
    InMemory(MemoryStore::new(Limits::default()))
}

fn config() -> StreamConfig {
    StreamConfig {
        name: "S".into(),
        max_msg_size: -1,
        ..StreamConfig::default()
    }
}

struct Restored {
    store: MemoryStore,
    created: Option<Timestamp>,
    consumers: Vec<ArchivedConsumer>,
    form: Form,
}

fn restore_as(
    config: &StreamConfig,
    archive: &[u8],
    ends: (u64, u64),
) -> Result<Restored, ArchiveError> {
    let mut shelf = empty();
    let mut refill = Refill::new(&mut shelf, config, ends, 1 << 20, Timestamp(1_000));
    let form = read(&config.name, archive, &mut refill)?;
    let (created, consumers) = refill.finish()?;
    Ok(Restored {
        store: shelf.0,
        created,
        consumers,
        form,
    })
}

fn restore(archive: &[u8]) -> Result<Restored, ArchiveError> {
    restore_as(&config(), archive, (0, 0))
}

fn all(store: &dyn StreamStore) -> Vec<Message> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(message) = store.next(&nats_store::Filter::ALL, from).unwrap() {
        from = message.sequence + 1;
        found.push(message);
    }
    found
}

fn api_state(store: &dyn StreamStore, consumers: u64) -> StreamState {
    let state = store.state();
    StreamState {
        messages: state.messages,
        bytes: state.bytes,
        first_seq: state.first_sequence,
        last_seq: state.last_sequence,
        consumer_count: consumers,
        ..StreamState::default()
    }
}

fn take_all(writer: &mut Writer) -> Vec<u8> {
    let mut archive = Vec::new();
    while writer.take(1000, &mut archive) > 0 {}
    archive
}

fn archive_of(store: &dyn StreamStore, consumers: &[(&str, ConsumerState)]) -> Vec<u8> {
    let state = api_state(store, consumers.len() as u64);
    let mut writer = Writer::new(&state, Timestamp(5)).unwrap();
    for (name, state) in consumers {
        let config = ConsumerConfig {
            name: (*name).to_owned(),
            ..ConsumerConfig::default()
        };
        writer.consumer(name, &config, state).unwrap();
    }
    for message in all(store) {
        writer.message(&message);
    }
    writer.end();
    take_all(&mut writer)
}

fn consumer_state() -> ConsumerState {
    let waits = |stream, consumer| Unacked {
        stream,
        consumer,
        time: Timestamp(77),
    };
    ConsumerState {
        delivered: Place {
            consumer: 5,
            stream: 4,
        },
        ack_floor: Place {
            consumer: 1,
            stream: 1,
        },
        unacked: [waits(2, 2), waits(4, 4)].into_iter().collect(),
        redelivered: BTreeMap::from([(2, 1)]),
    }
}

fn put(store: &mut MemoryStore, sequence: u64, subject: &str, headers: &[u8], payload: &[u8]) {
    let message = NewMessage {
        subject: subject.as_bytes(),
        headers,
        payload,
        time: Timestamp(i64::try_from(sequence).unwrap() * 10),
        ttl: Ttl::Stream,
    };
    store
        .append(sequence, &message, &mut Removals::default())
        .unwrap();
}

fn small() -> MemoryStore {
    let mut store = MemoryStore::new(Limits::default());
    store.skip(2).unwrap();
    for sequence in [3, 4, 7] {
        put(
            &mut store,
            sequence,
            "a.b",
            b"NATS/1.0\r\nX: y\r\n\r\n",
            b"body",
        );
    }
    store.skip(9).unwrap();
    store
}

proptest! {
    #[test]
    fn a_stream_comes_back_as_it_went(
        first in 0_u64..5,
        steps in proptest::collection::vec((1_u64..4, 0_usize..3, proptest::collection::vec(any::<u8>(), 0..3000)), 0..60),
        removed in proptest::collection::vec(0_usize..60, 0..10),
        end in 0_u64..3,
    ) {
        let mut store = MemoryStore::new(Limits::default());
        store.skip(first).unwrap();
        let mut sequence = first;
        for (gap, subject, payload) in &steps {
            sequence += gap;
            let headers: &[u8] = if *subject == 0 { b"NATS/1.0\r\nA: b\r\n\r\n" } else { b"" };
            put(&mut store, sequence, &format!("s.{subject}"), headers, payload);
        }
        store.skip(sequence + end).unwrap();
        let there = all(&store);
        for index in removed {
            if let Some(message) = there.get(index) {
                store.remove(message.sequence, Erase::No, &mut Removals::default()).unwrap();
            }
        }
        let back = restore(&archive_of(&store, &[])).unwrap();
        prop_assert_eq!(back.form, Form::Entries);
        prop_assert_eq!(all(&back.store), all(&store));
        let (was, is) = (store.state(), back.store.state());
        prop_assert_eq!(
            (is.messages, is.bytes, is.first_sequence, is.last_sequence, is.deleted),
            (was.messages, was.bytes, was.first_sequence, was.last_sequence, was.deleted)
        );
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = restore(&bytes);
        let mut framed = Vec::new();
        frames::put(&mut framed, &bytes, true);
        let _ = restore(&framed);
        let mut entries = Vec::new();
        frames::put(&mut entries, &[&MAGIC[..], &bytes].concat(), true);
        let _ = restore(&entries);
    }

    #[test]
    fn a_flipped_bit_is_noticed(at in 0_usize..400, bit in 0_u32..8) {
        let mut archive = archive_of(&small(), &[("C", consumer_state())]);
        let at = at % archive.len();
        archive[at] ^= 1_u8 << bit;
        // Frames of an unknown kind that may be passed over leave their bytes out, which is noticed as well.
        prop_assert!(restore(&archive).is_err());
    }
}

#[test]
fn consumers_come_back_with_what_they_remember() {
    let back = restore(&archive_of(
        &small(),
        &[("C", consumer_state()), ("D", ConsumerState::default())],
    ))
    .unwrap();
    let [c, d] = &back.consumers[..] else {
        panic!("{:?}", back.consumers)
    };
    assert_eq!((&*c.name, &*d.name), ("C", "D"));
    assert_eq!(c.state, consumer_state());
    assert_eq!(d.state, ConsumerState::default());
}

#[test]
fn what_a_consumer_did_after_the_snapshot_began_is_left_out() {
    let json =
        |last| serde_json::to_value(StateDocument::bounded(&consumer_state(), last)).unwrap();
    assert_eq!(
        json(3),
        serde_json::json!({
            "delivered": {"consumer_seq": 5, "stream_seq": 3},
            "ack_floor": {"consumer_seq": 1, "stream_seq": 1},
            "pending": {"2": {"Sequence": 2, "Timestamp": 77}},
            "redelivered": {"2": 1},
        })
    );
    assert!(json(1).get("pending").is_none());
}

#[test]
fn every_archive_that_was_cut_off_is_refused() {
    let archive = archive_of(&small(), &[("C", consumer_state())]);
    for len in 0..archive.len() {
        assert!(
            restore(&archive[..len]).is_err(),
            "{len} of {}",
            archive.len()
        );
    }
}

/// An entry of the newer form.
fn entry(
    name: &[u8],
    time: i64,
    sequence: u64,
    headers: u64,
    payload: u64,
    body: &[u8],
) -> Vec<u8> {
    let mut out = Vec::new();
    put_uvarint(&mut out, name.len() as u64);
    put_varint(&mut out, time);
    put_uvarint(&mut out, sequence);
    put_uvarint(&mut out, headers);
    put_uvarint(&mut out, payload);
    out.extend_from_slice(name);
    out.extend_from_slice(body);
    out
}

fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    frames::put(&mut out, &parts.concat(), true);
    out
}

fn entries(parts: &[Vec<u8>]) -> Vec<u8> {
    framed(&[MAGIC, &parts.concat()])
}

fn state_entry(json: &str) -> Vec<u8> {
    entry(b"state.json", 1, 0, 0, json.len() as u64, json.as_bytes())
}

fn message_entry(subject: &[u8], sequence: u64) -> Vec<u8> {
    entry(subject, 1, sequence, 0, 1, b"x")
}

fn end_entry() -> Vec<u8> {
    entry(b"", 0, 0, 0, 0, b"")
}

/// What a hostile archive is told.
fn refusal(archive: &[u8]) -> String {
    match restore(archive) {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn hostile_entries_are_refused_with_a_reason() {
    let state = || state_entry("{}");
    let of = |parts: &[Vec<u8>]| refusal(&entries(parts));
    let table = [
        (of(&[]), "the archive ends too early"),
        (of(&[end_entry()]), "its first entry is not state.json"),
        (of(&[state_entry("[")]), "state.json: "),
        (
            of(&[state_entry(r#"{"last_seq":18446744073709551615}"#)]),
            "sequences 0 to 18446744073709551615",
        ),
        (
            of(&[entry(b"state.json", 1, 0, 0, u64::MAX, b"")]),
            "state.json has 18446744073709551615 bytes",
        ),
        (
            of(&[entry(b"state.json", 1, 0, u64::MAX, u64::MAX, b"")]),
            "state.json has",
        ),
        (of(&[state()]), "the archive ends too early"),
        (
            of(&[state(), message_entry(b"a", 1)]),
            "the archive ends too early",
        ),
        (
            of(&[state(), end_entry(), end_entry()]),
            "bytes behind its end",
        ),
        (
            of(&[
                state_entry(r#"{"consumer_count":18446744073709551615}"#),
                end_entry(),
            ]),
            "where a consumer should be",
        ),
        (
            of(&[
                state_entry(r#"{"consumer_count":1}"#),
                message_entry(b"a", 1),
                end_entry(),
            ]),
            "\"a\" where a consumer should be",
        ),
        (
            of(&[
                state(),
                entry(b"consumers/C", 1, 0, 0, 2, b"{}"),
                end_entry(),
            ]),
            "where a message should be",
        ),
        (
            of(&[
                state(),
                entry(b"../../etc/passwd", 1, 0, 0, 2, b"{}"),
                end_entry(),
            ]),
            "where a message should be",
        ),
        (
            of(&[
                state_entry(r#"{"consumer_count":1}"#),
                entry(b"consumers/C", 1, 0, 0, 2, b"{}"),
                end_entry(),
            ]),
            "without configuration",
        ),
        (
            of(&[
                state(),
                message_entry(b"a", 2),
                message_entry(b"a", 2),
                end_entry(),
            ]),
            "message 2 behind 2",
        ),
        (
            of(&[
                state(),
                message_entry(b"a", 2),
                message_entry(b"a", 1),
                end_entry(),
            ]),
            "message 1 behind 2",
        ),
        (
            of(&[state(), message_entry(b"a", u64::MAX), end_entry()]),
            "sequence 18446744073709551615",
        ),
        (
            of(&[state(), message_entry(b"a.>", 1), end_entry()]),
            "its subject",
        ),
        (
            of(&[state(), message_entry(b"a b\r\nPUB x 1", 1), end_entry()]),
            "its subject",
        ),
        (
            of(&[state(), message_entry(b"", 1), end_entry()]),
            "its subject",
        ),
        (
            of(&[state(), entry(b"a", 1, 1, 0, 1 << 21, b""), end_entry()]),
            "a message has 2097152 bytes",
        ),
        (
            of(&[
                state(),
                entry(b"a", 1, 1, 1 << 62, 1 << 62, b""),
                end_entry(),
            ]),
            "a message has",
        ),
        (
            of(&[state(), entry(b"a", 1, 1, 0, 1 << 19, b"short")]),
            "the archive ends too early",
        ),
        (refusal(b""), "it is empty"),
        (
            refusal(b"garbage garbage garbage"),
            "it is not compressed with S2",
        ),
        (
            refusal(&framed(&[b"neither this nor that"])),
            "the archive ends too early",
        ),
        (
            refusal(&framed(&[&[7; 1024]])),
            "neither entries nor a tar file",
        ),
        (
            refusal(b"\xff\x06\x00\x00S2sTwO\x02\x00\x00\x00"),
            "a frame of an unknown kind",
        ),
        (
            refusal(b"\xff\x06\x00\x00S2sTwO\x01\xff\xff\xff"),
            "a frame larger than frames may be",
        ),
        (
            refusal(b"\xff\x06\x00\x00S2sTwO\x00\x0a\x00\x00aaaa\xff\xff\xff\xff\x0f\x00"),
            "a frame larger than frames may be",
        ),
        (
            refusal(b"\xff\x06\x00\x00S2sTwO\x01\x05\x00\x00aaaab"),
            "the checksum of a frame does not hold",
        ),
        (
            refusal(b"\xff\x06\x00\x00S2sTwO\x00\x03\x00\x00aaa"),
            "a frame without its checksum",
        ),
    ];
    for (index, (said, expected)) in table.iter().enumerate() {
        assert!(
            said.contains(expected),
            "row {index}: {said:?} has no {expected:?}"
        );
    }
    let mut long = Vec::new();
    put_uvarint(&mut long, u64::MAX);
    long.extend_from_slice(&[0; 8]);
    assert!(of(&[long]).contains("the name of an entry has"));
    assert!(of(&[vec![0xff; 11]]).contains("a number"));
}

/// A file of a tar archive.
fn tar_file(name: &str, kind: u8, content: &[u8], size: u64) -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = block.to_vec();
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn regular(name: &str, content: &[u8]) -> Vec<u8> {
    tar_file(name, b'0', content, content.len() as u64)
}

fn tar_of(files: &[Vec<u8>]) -> Vec<u8> {
    framed(&[&files.concat(), &[0; 1024]])
}

fn hex(sum: u64) -> Vec<u8> {
    let bytes = sum.to_le_bytes();
    bytes
        .iter()
        .flat_map(|b| format!("{b:02x}").into_bytes())
        .collect()
}

fn meta(name: &str) -> [Vec<u8>; 2] {
    let json = format!(r#"{{"Created":"2024-01-01T00:00:00Z","name":"{name}"}}"#);
    let sum = records::checksum(name, &[json.as_bytes()]);
    [
        regular("meta.inf", json.as_bytes()),
        regular("meta.sum", &hex(sum)),
    ]
}

/// A record of the reference server's store.
fn record(block: u64, sequence: u64, subject: &[u8], payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(22 + subject.len() + payload.len() + 8).unwrap();
    let mut out = len.to_le_bytes().to_vec();
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&5_i64.to_le_bytes());
    let sum = records::checksum(&format!("S-{block}"), &[&out[4..20], subject, b"", payload]);
    out.extend_from_slice(&u16::try_from(subject.len()).unwrap().to_le_bytes());
    out.extend_from_slice(subject);
    out.extend_from_slice(payload);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

#[test]
fn files_come_back_without_what_was_removed() {
    let [inf, sum] = meta("S");
    let removed = |sequence: u64| record(2, sequence | 1 << 62, b"", b"");
    let blocks = [
        regular(
            "msgs/1.blk",
            &[
                record(1, 1, b"a", b"1"),
                record(1, 3, b"a", b"3"),
                record(1, 4 | 1 << 63, b"a", b"?"),
            ]
            .concat(),
        ),
        regular(
            "msgs/2.blk",
            &[
                record(2, 5, b"b", b"5"),
                removed(3),
                record(2, 6, b"b", b"6"),
                removed(8),
            ]
            .concat(),
        ),
        regular("msgs/index.db", b"anything"),
    ];
    let archive = tar_of(&[vec![inf, sum], blocks.to_vec()].concat());
    let back = restore(&archive).unwrap();
    assert_eq!(back.form, Form::Files);
    assert_eq!(back.created, Some(Timestamp(1_704_067_200_000_000_000)));
    let found: Vec<(u64, Vec<u8>)> = all(&back.store)
        .iter()
        .map(|m| (m.sequence, m.payload().to_vec()))
        .collect();
    let message = |sequence: u64, text: &[u8]| (sequence, text.to_vec());
    assert_eq!(
        found,
        [message(1, b"1"), message(5, b"5"), message(6, b"6")]
    );
    assert_eq!(back.store.state().last_sequence, 8);
    let later = restore_as(&config(), &archive, (5, 9)).unwrap();
    let state = later.store.state();
    assert_eq!(
        (state.messages, state.first_sequence, state.last_sequence),
        (2, 5, 9)
    );
}

#[test]
fn hostile_files_are_refused_with_a_reason() {
    let [inf, sum] = meta("S");
    let with = |files: &[Vec<u8>]| {
        let all = [vec![inf.clone(), sum.clone()], files.to_vec()].concat();
        refusal(&tar_of(&all))
    };
    let mut wrong = record(1, 1, b"a", b"x");
    wrong[25] ^= 1;
    let mut rotten = inf.clone();
    rotten[3] ^= 1;
    let escape = "19 path=../../evil\n";
    let pax = |text: &str| tar_file("x", b'x', text.as_bytes(), text.len() as u64);
    let table = [
        (with(&[regular("../evil", b"x")]), "\"../evil\""),
        (with(&[regular("/etc/passwd", b"x")]), "\"/etc/passwd\""),
        (
            with(&[regular("msgs/../../x.blk", b"")]),
            "unexpected content",
        ),
        (
            with(&[regular("msgs/1.blk\u{1}", b"")]),
            "unexpected content",
        ),
        (with(&[regular("msgs/+1.blk", b"")]), "unexpected content"),
        (
            with(&[regular("msgs/99999999999999999999.blk", b"")]),
            "unexpected content",
        ),
        (
            with(&[regular("obs/../meta.inf", b"{}")]),
            "unexpected content",
        ),
        (
            with(&[regular("obs/a/b/meta.inf", b"{}")]),
            "unexpected content",
        ),
        (with(&[regular("obs/C/key", b"{}")]), "unexpected content"),
        (
            with(&[tar_file("msgs/1.blk", b'2', b"", 0)]),
            "an entry of kind '2'",
        ),
        (
            with(&[tar_file("msgs/1.blk", b'1', b"", 0)]),
            "an entry of kind '1'",
        ),
        (
            with(&[tar_file("dev", b'3', b"", 0)]),
            "an entry of kind '3'",
        ),
        (
            with(&[tar_file("msgs", b'5', b"", 0)]),
            "an entry of kind '5'",
        ),
        (
            with(&[pax(escape), regular("msgs/1.blk", b"")]),
            "\"../../evil\"",
        ),
        (
            with(&[pax("99 path=x\n"), regular("msgs/1.blk", b"")]),
            "a PAX header",
        ),
        (
            with(&[tar_file("x", b'x', b"", 1 << 30)]),
            "a PAX header has",
        ),
        (
            with(&[regular("msgs/1.blk", b""), regular("msgs/1.blk", b"")]),
            "\"msgs/1.blk\"",
        ),
        (
            with(&[regular("msgs/2.blk", b""), regular("msgs/1.blk", b"")]),
            "\"msgs/1.blk\"",
        ),
        (with(&[regular("meta.inf", b"{}")]), "\"meta.inf\""),
        (
            with(&[tar_file("msgs/1.blk", b'0', b"", 1 << 32)]),
            "the length of a record",
        ),
        (
            with(&[tar_file("msgs/index.db", b'0', b"", 1 << 32)]),
            "ends too early",
        ),
        (
            with(&[regular("msgs/1.blk", &wrong)]),
            "the checksum of a record does not hold",
        ),
        (
            with(&[regular("msgs/1.blk", &record(2, 1, b"a", b"x"))]),
            "the checksum of a record does not hold",
        ),
        (
            with(&[regular("msgs/1.blk", b"short")]),
            "it ends within a record",
        ),
        (
            with(&[regular("msgs/1.blk", &[0xff; 64])]),
            "the length of a record",
        ),
        (
            with(&[regular(
                "msgs/1.blk",
                b"cmp\x01\x10aaaaaaaaaaaaaaaaaaaaaaaaa",
            )]),
            "is compressed",
        ),
        (
            with(&[regular("msgs/1.blk", &record(1, 1, b"a.*", b"x"))]),
            "its subject",
        ),
        (
            with(&[regular("msgs/1.blk", &record(1, 1 << 61 | 1, b"a", b"x"))]),
            "a sequence",
        ),
        (
            with(&[regular("errors.txt", b"disk on fire")]),
            "its server said: disk on fire",
        ),
        (
            with(&[regular("obs/C/meta.inf", b"{}"), regular("msgs/1.blk", b"")]),
            "unexpected content",
        ),
        (
            with(&[
                regular("obs/C/meta.inf", b"{}"),
                regular("obs/C/o.dat", b"\x16\x02\0\0\0\0\0\0"),
            ]),
            "without checksum",
        ),
        (with(&[regular("obs/C/meta.inf", b"{}")]), "has no state"),
        (
            refusal(&tar_of(&[
                inf.clone(),
                regular("meta.sum", b"0011223344556677"),
            ])),
            "the checksum of a meta.inf",
        ),
        (
            refusal(&tar_of(std::slice::from_ref(&inf))),
            "no meta.inf with a checksum",
        ),
        (
            refusal(&tar_of(&[regular("msgs/1.blk", b"")])),
            "meta.inf does not come first",
        ),
        (
            refusal(&tar_of(&meta("OTHER"))),
            "it is of stream \"OTHER\"",
        ),
        (
            refusal(&tar_of(&[rotten])),
            "neither entries nor a tar file",
        ),
        (refusal(&tar_of(&[])), "no meta.inf"),
        (
            refusal(&framed(&[&inf, &sum])),
            "the archive ends too early",
        ),
        (
            refusal(&framed(&[&inf, &sum, &[0; 512]])),
            "the archive ends too early",
        ),
        (
            refusal(&framed(&[&inf, &sum, &[0; 1024], b"x"])),
            "bytes behind its end",
        ),
    ];
    for (index, (said, expected)) in table.iter().enumerate() {
        assert!(
            said.contains(expected),
            "row {index}: {said:?} has no {expected:?}"
        );
    }
}

#[test]
fn a_message_whose_time_has_passed_leaves_its_sequence_only() {
    let headers = b"NATS/1.0\r\nNats-TTL: 1s\r\n\r\n";
    let mut store = MemoryStore::new(Limits::default());
    put(&mut store, 1, "a", headers, b"x");
    put(&mut store, 2, "a", b"", b"y");
    let archive = archive_of(&store, &[]);
    let config = StreamConfig {
        allow_msg_ttl: true,
        ..config()
    };
    let lives = restore_as(&config, &archive, (0, 0)).unwrap();
    assert_eq!(lives.store.state().messages, 2);
    assert_eq!(lives.store.next_expiry(), Some(Timestamp(1_000_000_010)));
    let mut shelf = empty();
    let late = Timestamp(2_000_000_000);
    let mut refill = Refill::new(&mut shelf, &config, (0, 0), 1 << 20, late);
    read("S", &archive[..], &mut refill).unwrap();
    refill.finish().unwrap();
    let state = shelf.0.state();
    assert_eq!(
        (state.messages, state.first_sequence, state.last_sequence),
        (1, 2, 2)
    );
}

/// Gives its bytes one at a time, as a slow client does.
struct Dribble<'a>(&'a [u8]);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(1);
        self.0.read(&mut buffer[..len])
    }
}

#[test]
fn it_does_not_matter_how_the_bytes_arrive() {
    let archive = archive_of(&small(), &[("C", consumer_state())]);
    let mut shelf = empty();
    let config = config();
    let mut refill = Refill::new(&mut shelf, &config, (0, 0), 1 << 20, Timestamp(0));
    read("S", Dribble(&archive), &mut refill).unwrap();
    assert_eq!(refill.finish().unwrap().1.len(), 1);
    assert_eq!(all(&shelf.0), all(&small()));
}
