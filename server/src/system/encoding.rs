//! Replies made smaller, for those who ask.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use nats_api::system::ReplyEncoding;

/// The header block and the body of a reply under `encoding`. A body that cannot be compressed goes out as it is.
pub(super) fn encoded(encoding: ReplyEncoding, body: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let (encoding, body) = match encoding {
        ReplyEncoding::Gzip => match gzip(&body) {
            Ok(small) => (encoding, small),
            Err(_) => (ReplyEncoding::Identity, body),
        },
        ReplyEncoding::Snappy => (encoding, snappy(&body)),
        ReplyEncoding::Plain | ReplyEncoding::Identity => (encoding, body),
    };
    let header = encoding.header_value().map_or_else(Vec::new, |value| {
        format!(
            "NATS/1.0\r\n{}: {value}\r\n\r\n",
            ReplyEncoding::REPLY_HEADER
        )
        .into_bytes()
    });
    (header, body)
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

/// The framed format of snappy: a stream identifier, then chunks of at most 64 KiB, each with a masked CRC-32C. The chunks
/// are stored, not compressed, which every reader accepts: it keeps the promise of the format without its compressor.
fn snappy(body: &[u8]) -> Vec<u8> {
    const IDENTIFIER: &[u8] = b"\xff\x06\x00\x00sNaPpY";
    const CHUNK_BYTES: usize = 65_536;
    const STORED: u8 = 1;
    let mut out = Vec::with_capacity(body.len().saturating_add(64));
    out.extend_from_slice(IDENTIFIER);
    for chunk in body.chunks(CHUNK_BYTES) {
        let len = u32::try_from(chunk.len().saturating_add(4))
            .unwrap_or(0)
            .to_le_bytes();
        out.push(STORED);
        out.extend(len.iter().take(3));
        out.extend_from_slice(&masked(crc32c(chunk)).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), a bit at a time: replies are small and rarely compressed.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |mut crc, byte| {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & 0u32.wrapping_sub(crc & 1));
        }
        crc
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn gzip_reads_back_and_names_itself() {
        let (header, body) = encoded(ReplyEncoding::Gzip, b"hello hello hello".to_vec());
        assert_eq!(header, b"NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n");
        let mut text = String::new();
        flate2::read::GzDecoder::new(&body[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hello hello hello");
    }

    #[test]
    fn crc32c_has_its_published_check_value() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn snappy_frames_carry_the_body_in_chunks() {
        let (header, body) = encoded(ReplyEncoding::Snappy, vec![7; 70_000]);
        assert_eq!(header, b"NATS/1.0\r\nContent-Encoding: snappy\r\n\r\n");
        assert!(body.starts_with(b"\xff\x06\x00\x00sNaPpY\x01\x04\x00\x01"));
        assert_eq!(body.len(), 10 + 8 + 65_536 + 8 + 4_464);
    }

    #[test]
    fn what_was_not_asked_for_is_left_alone() {
        assert_eq!(
            encoded(ReplyEncoding::Plain, b"x".to_vec()),
            (Vec::new(), b"x".to_vec())
        );
        let (header, body) = encoded(ReplyEncoding::Identity, b"x".to_vec());
        assert_eq!(
            (header.as_slice(), body.as_slice()),
            (
                &b"NATS/1.0\r\nContent-Encoding: identity\r\n\r\n"[..],
                &b"x"[..]
            )
        );
    }
}
