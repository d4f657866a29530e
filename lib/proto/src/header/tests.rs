use std::borrow::Cow;

use proptest::prelude::*;

use super::block::*;
use super::*;

const TWO: &[u8] = b"NATS/1.0\r\nFoo: 1\r\nBar:  two words \r\nFoo: 3\r\n\r\n";

#[test]
fn values_are_found_by_exact_key() {
    assert_eq!(find_value(TWO, b"Foo"), Some(&b"1"[..]));
    assert_eq!(find_value(TWO, b"Bar"), Some(&b"two words "[..]));
    assert_eq!(find_value(TWO, b"foo"), None);
    assert_eq!(find_value(TWO, b"Fo"), None);
    assert_eq!(find_value(TWO, b"NATS/1.0"), None);
    assert_eq!(find_value(b"", b"Foo"), None);
    assert_eq!(values(TWO, b"Foo").collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!(find_value(b"NATS/1.0\r\nFoo:", b"Foo"), Some(&b""[..]));
}

#[test]
fn a_key_inside_a_value_or_behind_a_bare_lf_is_not_found() {
    let block = b"NATS/1.0\r\nA: Foo: no\r\nXFoo: no\r\nB: x\nFoo: no\r\nFoo: yes\r\n\r\n";
    assert_eq!(find_value(block, b"Foo"), Some(&b"yes"[..]));
}

#[test]
fn status_is_read_and_removed_from_the_first_line() {
    assert_eq!(status(b"NATS/1.0 503\r\n\r\n"), Some(503));
    assert_eq!(status(b"NATS/1.0 408 Request Timeout\r\n\r\n"), Some(408));
    for none in [
        &b"NATS/1.0\r\n\r\n"[..],
        b"NATS/1.0 5x3\r\n",
        b"HTTP/1.0 503",
        b"",
    ] {
        assert_eq!(status(none), None);
    }
    let plain = without_status(b"NATS/1.0 503 No\r\nA: b\r\n\r\n");
    assert_eq!(&*plain, b"NATS/1.0\r\nA: b\r\n\r\n");
    assert!(matches!(without_status(TWO), Cow::Borrowed(_)));
}

#[test]
fn removing_takes_every_duplicate_and_leaves_a_valid_block() {
    assert_eq!(
        &*remove_all(TWO, b"Foo"),
        b"NATS/1.0\r\nBar:  two words \r\n\r\n"
    );
    assert!(matches!(remove_all(TWO, b"Nope"), Cow::Borrowed(_)));
    assert_eq!(&*remove_all(b"NATS/1.0\r\nA: b\r\nA: c\r\n\r\n", b"A"), b"");
    let status = remove_all(b"NATS/1.0 100 Hb\r\nA: b\r\n\r\n", b"A").into_owned();
    assert_eq!(status, b"NATS/1.0 100 Hb\r\n\r\n");
}

/// S22: server-owned headers are stripped however they are spelled.
#[test]
fn odd_spellings_of_a_server_owned_header_do_not_survive() {
    let key = b"Nats-Request-Info";
    for odd in [
        "Nats-Request-Info: x\r\n",
        "nats-request-info: x\r\n",
        "NATS-REQUEST-INFO:x\r\n",
        "Nats-Request-Info : x\r\n",
        "Nats-Request-Info\t: x\r\n",
        " Nats-Request-Info: x\r\n",
        "\tnats-Request-Info: x\r\n",
        "\rNats-Request-Info: x\r\n",
        "\u{b}Nats-Request-Info\u{2003}: x\r\n",
        "Nats-Request-Info: x\r\n folded\r\n\tmore\r\n",
        "Nats-Request-Info: x\r\nNats-Request-Info: y\r\nnats-request-info: z\r\n",
        "\r\nNats-Request-Info: x\r\n",
    ] {
        let block = format!("NATS/1.0\r\nA: 1\r\n{odd}B: 2\r\n\r\n");
        let clean = remove_all_spellings(block.as_bytes(), key).into_owned();
        let clean = String::from_utf8(clean).expect("text");
        assert!(
            !clean.to_lowercase().contains("request-info"),
            "{odd:?} -> {clean:?}"
        );
        assert!(!clean.contains("folded"), "{clean:?}");
        assert!(clean.starts_with("NATS/1.0\r\nA: 1\r\n") && clean.ends_with("B: 2\r\n\r\n"));
    }
    let bare_lf = b"NATS/1.0\r\nA: 1\nnats-request-info: x\r\nB: 2\r\n\r\n";
    assert_eq!(
        &*remove_all_spellings(bare_lf, key),
        b"NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n"
    );
    let lone_cr = b"NATS/1.0\r\nA: 1\rnats-request-info: x\r\nB: 2\r\n\r\n";
    assert_eq!(
        &*remove_all_spellings(lone_cr, key),
        b"NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n"
    );
    let only_lf = b"NATS/1.0\nnats-request-info: x\n\n";
    assert!(
        !remove_all_spellings(only_lf, key)
            .windows(4)
            .any(|w| w == b"info")
    );
}

#[test]
fn a_prefix_removes_the_whole_family() {
    let block =
        b"NATS/1.0\r\nNats-Expected-Stream: S\r\nA: 1\r\nnats-expected-last-sequence: 3\r\n\r\n";
    assert_eq!(
        &*remove_prefix(block, b"Nats-Expected-"),
        b"NATS/1.0\r\nA: 1\r\n\r\n"
    );
}

#[test]
fn setting_leaves_exactly_one_and_every_reader_sees_it() {
    let new = set(b"", b"A", b"1").expect("valid");
    assert_eq!(new, b"NATS/1.0\r\nA: 1\r\n\r\n");
    let replaced = set(TWO, b"Foo", b"9").expect("valid");
    assert_eq!(replaced, b"NATS/1.0\r\nBar:  two words \r\nFoo: 9\r\n\r\n");
    // Headers behind a blank line are hidden from clients; what we set must not be.
    let early_end = append(b"NATS/1.0\r\n\r\nX: hidden\r\n\r\n", b"A", b"1").expect("valid");
    let map = HeaderMap::parse(&early_end).expect("valid");
    assert_eq!(map.first("A"), Some("1"));
    let unfinished = append(b"NATS/1.0\r\nX: y", b"A", b"1").expect("valid");
    assert_eq!(unfinished, b"NATS/1.0\r\nX: y\r\nA: 1\r\n\r\n");
}

/// S27: nothing that breaks a line gets into a block.
#[test]
fn cr_and_lf_are_refused_in_keys_and_values() {
    let mut map = HeaderMap::new();
    for bad in ["a\r\nb", "a\nb", "a\rb", "\n"] {
        assert_eq!(set(b"", b"K", bad.as_bytes()), Err(HeaderError::BadValue));
        assert_eq!(set(b"", bad.as_bytes(), b"v"), Err(HeaderError::BadKey));
        assert_eq!(map.append("K", bad), Err(HeaderError::BadValue));
        assert_eq!(map.insert(bad, "v"), Err(HeaderError::BadKey));
        assert_eq!(map.set_status(503, bad), Err(HeaderError::BadValue));
    }
    for bad in ["", "a b", "a:", "ü", "\u{7f}"] {
        assert_eq!(map.append(bad, "v"), Err(HeaderError::BadKey), "{bad:?}");
    }
    assert!(map.is_empty());
}

#[test]
fn maps_keep_order_case_and_repetition() {
    let mut map = HeaderMap::new();
    map.append("A", "1").expect("valid");
    map.append("b", "2").expect("valid");
    map.append("A", "3").expect("valid");
    assert_eq!(
        (map.first("A"), map.last("A"), map.first("B")),
        (Some("1"), Some("3"), None)
    );
    assert_eq!(map.first_ignore_case("B"), Some("2"));
    assert_eq!(map.all("A").collect::<Vec<_>>(), ["1", "3"]);
    map.insert("A", "new").expect("valid");
    assert_eq!(map.iter().collect::<Vec<_>>(), [("A", "new"), ("b", "2")]);
    assert_eq!((map.remove("A"), map.remove("A"), map.len()), (1, 0, 1));
    map.set_status(100, "Idle Heartbeat").expect("valid");
    let mut out = Vec::new();
    map.encode_into(&mut out);
    assert_eq!(out, b"NATS/1.0 100 Idle Heartbeat\r\nb: 2\r\n\r\n");
    assert_eq!(out.len(), map.encoded_len());
    assert_eq!(HeaderMap::parse(&out), Ok(map));
}

#[test]
fn reading_is_as_lenient_as_the_reference_client() {
    let map = HeaderMap::parse(b"NATS/1.0 503\r\n\r\n").expect("valid");
    assert_eq!(
        (map.status(), map.description(), map.len()),
        (Some(503), "", 0)
    );
    let map = HeaderMap::parse(b"NATS/1.0\r\nK : \t v \r\n: skipped\r\nE:\r\n").expect("valid");
    assert_eq!(map.iter().collect::<Vec<_>>(), [("K ", "v "), ("E", "")]);
    assert_eq!(
        HeaderMap::parse(b"HTTP/1.1\r\n\r\n"),
        Err(HeaderError::BadVersion)
    );
    assert_eq!(HeaderMap::parse(b""), Err(HeaderError::BadVersion));
    assert_eq!(
        HeaderMap::parse(b"NATS/1.0 x\r\n\r\n"),
        Err(HeaderError::BadStatus)
    );
    let (map, error) = HeaderMap::parse_lenient(b"NATS/1.0\r\nbad line\r\nA: 1\r\n\r\n");
    assert_eq!(error, Some(HeaderError::NoColon { at: 10 }));
    assert_eq!(map.first("A"), Some("1"));
    let map = HeaderMap::parse(b"NATS/1.0\r\nA: x\ry\r\nB: \xff\r\n\r\n").expect("valid");
    assert_eq!(
        (map.first("A"), map.first("B")),
        (Some("x y"), Some("\u{fffd}"))
    );
}

fn odd_block() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"NATS/1.0"[..],
        b" 503",
        b"\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b":",
        b" ",
        b"\t",
        b"Key",
        b"key",
        b"K",
        b"\r\nKey: v\r\n",
        b"\r\nA: b\r\n",
        b"\x0b",
        b"\xff",
        b"\r\n\r\n",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_block_can_be_edited(block in odd_block(), started in any::<bool>()) {
        let block = if started { [b"NATS/1.0\r\n", &block[..]].concat() } else { block };
        let clean = remove_all_spellings(&block, b"Key");
        prop_assert!(find_value(&clean, b"Key").is_none() && find_value(&clean, b"key").is_none());
        let again = remove_all_spellings(&clean, b"Key");
        prop_assert_eq!(&*again, &*clean);
        let exact = remove_all(&block, b"Key");
        prop_assert!(find_value(&exact, b"Key").is_none());
        let set_once = set(&block, b"Key", b"val").expect("valid");
        prop_assert_eq!(values(&set_once, b"Key").collect::<Vec<_>>(), vec![b"val"]);
        without_status(&block);
        status(&block);
        let (map, _) = HeaderMap::parse_lenient(&block);
        let mut out = Vec::new();
        map.encode_into(&mut out);
        prop_assert_eq!(out.len(), map.encoded_len());
        let back = HeaderMap::parse(&out);
        prop_assert_eq!(back.as_ref(), Ok(&map));
    }

    #[test]
    fn clients_see_what_is_set(block in odd_block()) {
        // Whatever the peer sent behind a well-formed first line, the header set by the server is the only one.
        let block = [b"NATS/1.0\r\n", &block[..]].concat();
        let block = set(&block, b"Key", b"val").expect("valid");
        let (map, _) = HeaderMap::parse_lenient(&block);
        let seen: Vec<_> = map.iter()
            .filter(|(k, _)| k.trim().eq_ignore_ascii_case("Key"))
            .map(|(_, v)| v.to_owned())
            .collect();
        prop_assert_eq!(seen, vec!["val".to_owned()]);
    }
}
