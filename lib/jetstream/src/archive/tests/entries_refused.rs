//! Archives of the newer form that are none.

use super::super::entries::{put_uvarint, put_varint};
use super::*;

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
    ];
    check_rows(&table);
    let mut long = Vec::new();
    put_uvarint(&mut long, u64::MAX);
    long.extend_from_slice(&[0; 8]);
    assert!(of(&[long]).contains("the name of an entry has"));
    assert!(of(&[vec![0xff; 11]]).contains("a number"));
}

#[test]
fn hostile_frames_are_refused_with_a_reason() {
    let table = [
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
    check_rows(&table);
}
