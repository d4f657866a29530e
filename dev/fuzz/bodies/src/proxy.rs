//! PROXY headers: one answer however the bytes arrive, within the bounds.

use nats_proto::proxy::{LOOKAHEAD_MAX, Start, parse};

pub fn check(data: &[u8]) {
    let whole = parse(data);
    let mut decided = None;
    for len in 0..=data.len().min(2 * LOOKAHEAD_MAX) {
        let now = parse(&data[..len]);
        match (&now, &decided) {
            (Ok(Start::NeedMore(more)), None) => {
                assert!(*more > 0 && len + more <= LOOKAHEAD_MAX);
            }
            (_, None) => decided = Some(now),
            (_, Some(decided)) => assert_eq!(decided, &now, "after {len} bytes"),
        }
    }
    assert_eq!(decided.unwrap_or_else(|| whole.clone()), whole);
    if let Ok(Start::Header { len, addresses }) = whole {
        assert!(len <= 16 + 65_535);
        assert!(data.starts_with(b"PROXY ") || data.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
        if let Some(addresses) = addresses {
            assert_eq!(addresses.source.ip(), addresses.source.ip().to_canonical());
        }
    }
}
