//! Archives of the older form, good and bad.

use super::*;

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
fn an_index_file_of_an_old_server_says_what_is_gone() {
    let [inf, sum] = meta("S");
    // Magic and version, two messages of twenty bytes, first 3 at time 5, last 6 at time 5, two removed; a checksum; 4 and 5.
    let index = b"\x16\x01\x02\x14\x03\x0a\x06\x0a\x02aaaaaaaa\x01\x02";
    let records: Vec<Vec<u8>> = (1..=7).map(|n| record(1, n, b"a", b"x")).collect();
    let files = [
        inf.clone(),
        sum.clone(),
        regular("msgs/1.idx", index),
        regular("msgs/1.fss", b"?"),
        regular("msgs/1.blk", &records.concat()),
    ];
    let back = restore(&tar_of(&files)).unwrap();
    let left: Vec<u64> = all(&back.store).iter().map(|m| m.sequence).collect();
    assert_eq!(left, [3, 6, 7]);
    for len in 0..index.len() {
        let files = [
            inf.clone(),
            sum.clone(),
            regular("msgs/1.idx", &index[..len]),
        ];
        assert!(refusal(&tar_of(&files)).contains("\"msgs/1.idx\""), "{len}");
    }
}

#[test]
fn files_that_no_stream_has_are_refused() {
    let [inf, sum] = meta("S");
    let with = |files: &[Vec<u8>]| {
        let all = [vec![inf.clone(), sum.clone()], files.to_vec()].concat();
        refusal(&tar_of(&all))
    };
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
    ];
    check_rows(&table);
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
    check_rows(&table);
}
