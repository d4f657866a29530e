//! Header blocks: editing keeps its promises for any bytes, and what the map holds can be written and read.
//!
//! The first line of the input is the key, the second the value, the rest the block.

use nats_proto::header::{HeaderMap, block, check_key, check_value};

pub fn check(data: &[u8]) {
    let mut parts = data.splitn(3, |&b| b == b'\n');
    let key = parts.next().unwrap_or_default();
    let value = parts.next().unwrap_or_default();
    let raw = parts.next().unwrap_or_default();
    // A first line that nobody objects to lets the fuzzer get further.
    let started = [b"NATS/1.0\r\n", raw].concat();
    for block in [raw, &started] {
        check_reading(block, key);
        check_removing(block, key);
        check_setting(block, key, value);
    }
}

fn check_reading(raw: &[u8], key: &[u8]) {
    let found: Vec<_> = block::values(raw, key).collect();
    assert_eq!(block::find_value(raw, key), found.first().copied());
    assert_eq!(block::contains(raw, key), !found.is_empty());
    for value in found {
        assert!(!value.windows(2).any(|w| w == b"\r\n"));
    }
    let status = block::status(raw);
    let plain = block::without_status(raw);
    if status.is_some() && plain.len() < raw.len() {
        assert_eq!(block::status(&plain), None);
    }
    let (map, error) = HeaderMap::parse_lenient(raw);
    assert_eq!(HeaderMap::parse(raw).is_ok(), error.is_none());
    let mut written = Vec::new();
    map.encode_into(&mut written);
    assert_eq!(written.len(), map.encoded_len());
    assert_eq!(HeaderMap::parse(&written).as_ref(), Ok(&map));
}

fn check_removing(raw: &[u8], key: &[u8]) {
    let exact = block::remove_all(raw, key);
    let loose = block::remove_all_spellings(raw, key);
    if !key.is_empty() && !key.contains(&b':') {
        assert!(!block::contains(&exact, key));
    }
    assert_eq!(block::remove_all(&exact, key), exact);
    if check_key(key).is_err() {
        return;
    }
    assert!(loose.len() <= raw.len());
    assert_eq!(block::remove_all_spellings(&loose, key), loose);
    // Nobody, however forgiving, sees the key any more.
    let (map, _) = HeaderMap::parse_lenient(&loose);
    for (left, _) in map.iter() {
        assert!(
            !left.trim().as_bytes().eq_ignore_ascii_case(key),
            "{left:?}"
        );
    }
    let prefix = key.get(..key.len().min(2)).unwrap_or_default();
    let family = block::remove_prefix(raw, prefix);
    assert!(!block::contains(&family, key));
}

fn check_setting(raw: &[u8], key: &[u8], value: &[u8]) {
    let valid = check_key(key).is_ok() && check_value(value).is_ok();
    let set = block::set(raw, key, value);
    assert_eq!(set.is_ok(), valid);
    let Ok(set) = set else { return };
    let expected = value
        .iter()
        .position(|&b| b != b' ')
        .map_or(&[][..], |at| &value[at..]);
    let seen: Vec<_> = block::values(&set, key).collect();
    assert_eq!(seen, [expected]);
    let appended = block::append(raw, key, value).expect("valid");
    assert!(block::values(&appended, key).any(|v| v == expected));
    if !raw.starts_with(b"NATS/1.0\r\n") {
        return;
    }
    // A client sees it too, exactly once.
    let (map, _) = HeaderMap::parse_lenient(&set);
    let count = map
        .iter()
        .filter(|(k, _)| k.trim().as_bytes().eq_ignore_ascii_case(key))
        .count();
    assert_eq!(count, 1);
}
