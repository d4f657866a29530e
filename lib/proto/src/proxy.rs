//! PROXY protocol, versions 1 and 2: who is really behind a connection that a load balancer made.
//!
//! [`parse`] looks at the first bytes of a connection and says what they are. It never asks for more than
//! [`LOOKAHEAD_MAX`] bytes: the addresses stand at the front of a header, what follows them (TLVs of version 2, up to
//! 64 KiB) is not looked at and need not be held, only dropped.
//!
//! Source: haproxy.org `proxy-protocol.txt`, and the reference server for what is supported (TCP over IPv4 and IPv6) and
//! for the wording of errors.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Most bytes that must be at hand before [`parse`] has its answer: the longest line of version 1.
pub const LOOKAHEAD_MAX: usize = 107;

const V1_PREFIX: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const V2_FIXED_LEN: usize = 16;

/// What the first bytes of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It cannot be told yet; there are at least this many bytes to come. Less than [`LOOKAHEAD_MAX`] in total.
    NeedMore(usize),
    /// No PROXY header: the bytes belong to the client and stay in place.
    NoHeader,
    /// A header of `len` bytes. They must all be dropped from the stream, also those that have not arrived yet.
    Header {
        len: usize,
        /// `None` when the proxy speaks for itself (LOCAL, UNKNOWN; health checks): the address of the connection counts.
        addresses: Option<Addresses>,
    },
}

/// The two ends of the connection that the proxy accepted. IPv4 addresses in IPv6 clothes come as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where the client connected to, on the proxy.
    pub destination: SocketAddr,
}

/// Why a header is refused. The connection is to be closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    #[error("invalid PROXY protocol header: {0}")]
    Invalid(&'static str),
    #[error("unsupported PROXY protocol feature: {0}")]
    Unsupported(&'static str),
    #[error("unknown PROXY protocol command: 0x{0:02x}")]
    UnknownCommand(u8),
    #[error("{family} address data too short: {len} bytes")]
    TooShort { family: &'static str, len: u16 },
}

/// Says what `start`, the first bytes of a connection, is.
///
/// # Errors
/// See [`ProxyError`]: the bytes start like a header and are none, or one that is not supported.
pub fn parse(start: &[u8]) -> Result<Start, ProxyError> {
    if let Some(line) = start.strip_prefix(V1_PREFIX) {
        return parse_v1(line);
    }
    // As in the reference, six bytes decide whether this means to be a header at all.
    let decisive = V2_SIGNATURE.get(..V1_PREFIX.len()).unwrap_or_default();
    if start.starts_with(decisive) {
        return parse_v2(start);
    }
    if V1_PREFIX.starts_with(start) || decisive.starts_with(start) {
        return Ok(need(V1_PREFIX.len(), start));
    }
    Ok(Start::NoHeader)
}

/// `line` is what follows the prefix.
fn parse_v1(line: &[u8]) -> Result<Start, ProxyError> {
    let longest = LOOKAHEAD_MAX.saturating_sub(V1_PREFIX.len());
    let within = line.get(..longest).unwrap_or(line);
    let Some(end) = memchr::memmem::find(within, b"\r\n") else {
        if line.len() >= longest {
            return Err(ProxyError::Invalid("v1 line too long"));
        }
        return Ok(Start::NeedMore(1));
    };
    let len = V1_PREFIX.len().saturating_add(end).saturating_add(2);
    let text = std::str::from_utf8(within.get(..end).unwrap_or_default())
        .map_err(|_| ProxyError::Invalid("invalid v1 format"))?;
    let mut words = text.split_ascii_whitespace();
    let protocol = words
        .next()
        .ok_or(ProxyError::Invalid("invalid v1 format"))?;
    if protocol == "UNKNOWN" {
        let addresses = None;
        return Ok(Start::Header { len, addresses });
    }
    let fields = [words.next(), words.next(), words.next(), words.next()];
    let (
        [
            Some(source),
            Some(destination),
            Some(source_port),
            Some(destination_port),
        ],
        None,
    ) = (fields, words.next())
    else {
        return Err(ProxyError::Invalid("invalid v1 format"));
    };
    let addresses = Addresses {
        source: v1_address(protocol, source, source_port)?,
        destination: v1_address(protocol, destination, destination_port)?,
    };
    Ok(Start::Header {
        len,
        addresses: Some(addresses),
    })
}

fn v1_address(protocol: &str, ip: &str, port: &str) -> Result<SocketAddr, ProxyError> {
    let ip: IpAddr = ip
        .parse()
        .map_err(|_| ProxyError::Invalid("invalid address"))?;
    // `parse` would take a plus sign.
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ProxyError::Invalid("invalid port"));
    }
    let port = port
        .parse()
        .map_err(|_| ProxyError::Invalid("invalid port"))?;
    match (protocol, ip) {
        ("TCP4", IpAddr::V6(_)) => Err(ProxyError::Invalid("TCP4 with IPv6 address")),
        ("TCP6", IpAddr::V4(_)) => Err(ProxyError::Invalid("TCP6 with IPv4 address")),
        ("TCP4" | "TCP6", ip) => Ok(SocketAddr::new(ip.to_canonical(), port)),
        _ => Err(ProxyError::Invalid("invalid protocol")),
    }
}

/// `start` begins like the signature.
fn parse_v2(start: &[u8]) -> Result<Start, ProxyError> {
    let signature = start.get(..V2_SIGNATURE.len()).unwrap_or(start);
    if !V2_SIGNATURE.starts_with(signature) {
        return Err(ProxyError::Invalid("invalid signature"));
    }
    let Some((fixed, rest)) = start.split_at_checked(V2_FIXED_LEN) else {
        return Ok(need(V2_FIXED_LEN, start));
    };
    let [.., version_command, family_protocol, high, low] = *fixed else {
        return Ok(need(V2_FIXED_LEN, start));
    };
    let length = u16::from_be_bytes([high, low]);
    let len = V2_FIXED_LEN.saturating_add(usize::from(length));
    let own = Ok(Start::Header {
        len,
        addresses: None,
    });
    if version_command & 0xf0 != 0x20 {
        return Err(ProxyError::Invalid("invalid version"));
    }
    match version_command & 0x0f {
        0 => return own,
        1 => {}
        other => return Err(ProxyError::UnknownCommand(other)),
    }
    if family_protocol & 0x0f != 1 {
        return Err(ProxyError::Unsupported("only STREAM protocol supported"));
    }
    let addresses = match family_protocol & 0xf0 {
        0x00 => return own,
        0x10 => v2_addresses::<4>(rest, length, "IPv4")?,
        0x20 => v2_addresses::<16>(rest, length, "IPv6")?,
        _ => return Err(ProxyError::Unsupported("unsupported address family")),
    };
    match addresses {
        Ok(addresses) => Ok(Start::Header {
            len,
            addresses: Some(addresses),
        }),
        Err(missing) => Ok(Start::NeedMore(missing)),
    }
}

/// Two addresses of `IP` bytes and two ports from the front of `data`, or how many bytes are missing.
fn v2_addresses<const IP: usize>(
    data: &[u8],
    length: u16,
    family: &'static str,
) -> Result<Result<Addresses, usize>, ProxyError>
where
    [u8; IP]: IntoIp,
{
    let needed = 2usize.saturating_mul(IP).saturating_add(4);
    if usize::from(length) < needed {
        return Err(ProxyError::TooShort {
            family,
            len: length,
        });
    }
    let missing = needed.saturating_sub(data.len());
    let parsed = (|| {
        let (source, data) = data.split_first_chunk::<IP>()?;
        let (destination, data) = data.split_first_chunk::<IP>()?;
        let (source_port, data) = data.split_first_chunk::<2>()?;
        let destination_port = data.first_chunk::<2>()?;
        Some(Addresses {
            source: socket_addr(*source, *source_port),
            destination: socket_addr(*destination, *destination_port),
        })
    })();
    Ok(parsed.ok_or(missing))
}

fn socket_addr<T: IntoIp>(ip: T, port: [u8; 2]) -> SocketAddr {
    SocketAddr::new(ip.into_ip().to_canonical(), u16::from_be_bytes(port))
}

trait IntoIp {
    fn into_ip(self) -> IpAddr;
}

impl IntoIp for [u8; 4] {
    fn into_ip(self) -> IpAddr {
        Ipv4Addr::from(self).into()
    }
}

impl IntoIp for [u8; 16] {
    fn into_ip(self) -> IpAddr {
        Ipv6Addr::from(self).into()
    }
}

fn need(total: usize, have: &[u8]) -> Start {
    Start::NeedMore(total.saturating_sub(have.len()).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(len: usize, source: &str, destination: &str) -> Result<Start, ProxyError> {
        let addresses = Some(Addresses {
            source: source.parse().expect("address"),
            destination: destination.parse().expect("address"),
        });
        Ok(Start::Header { len, addresses })
    }

    fn v2(version_command: u8, family_protocol: u8, body: &[u8]) -> Vec<u8> {
        let len = u16::try_from(body.len()).expect("short").to_be_bytes();
        let fixed = [version_command, family_protocol, len[0], len[1]];
        [&V2_SIGNATURE[..], &fixed, body].concat()
    }

    const V2_IPV4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x10, 0x7e];

    #[test]
    fn version_1_gives_both_addresses() {
        let text = b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 4222\r\nCONNECT {}";
        assert_eq!(
            parse(text),
            header(46, "192.0.2.1:12345", "198.51.100.2:4222")
        );
        let text = b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n";
        assert_eq!(parse(text), header(36, "[2001:db8::1]:1", "[::1]:65535"));
        let text = b"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:10.0.0.1 1 2\r\n";
        assert_eq!(parse(text), header(49, "192.0.2.1:1", "10.0.0.1:2"));
    }

    #[test]
    fn version_2_gives_both_addresses_and_skips_what_follows() {
        let short = v2(0x21, 0x11, &V2_IPV4);
        assert_eq!(
            parse(&short),
            header(28, "192.0.2.1:12345", "198.51.100.2:4222")
        );
        let with_tlv = v2(0x21, 0x11, &[&V2_IPV4[..], &[7; 60_000]].concat());
        // The addresses are enough; the rest is dropped as it arrives.
        let expected = header(60_028, "192.0.2.1:12345", "198.51.100.2:4222");
        assert_eq!(parse(&with_tlv[..28]), expected);
        let mut v6 = [0u8; 36];
        (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
        assert_eq!(
            parse(&v2(0x21, 0x21, &v6)),
            header(52, "[::1]:3", "[::2]:4")
        );
    }

    #[test]
    fn local_and_unknown_keep_the_real_address() {
        let own = |len| {
            Ok(Start::Header {
                len,
                addresses: None,
            })
        };
        assert_eq!(parse(b"PROXY UNKNOWN\r\n"), own(15));
        assert_eq!(parse(b"PROXY UNKNOWN ffff::1 x y\r\n"), own(27));
        assert_eq!(parse(&v2(0x20, 0x00, &[])), own(16));
        assert_eq!(parse(&v2(0x20, 0x11, &V2_IPV4)), own(28));
        assert_eq!(parse(&v2(0x21, 0x01, &[1, 2, 3])), own(19));
    }

    #[test]
    fn other_protocols_are_left_alone() {
        for text in [
            &b"CONNECT {}\r\n"[..],
            b"PING\r\n",
            b"PUB a 1\r\n",
            b"\x16\x03\x01",
            b"GET / HTTP/1.1",
            b"\r\nX",
            b"PROXYx",
        ] {
            assert_eq!(parse(text), Ok(Start::NoHeader), "{text:?}");
        }
        assert_eq!(parse(b""), Ok(Start::NeedMore(6)));
        assert_eq!(parse(b"P"), Ok(Start::NeedMore(5)));
        assert_eq!(parse(b"\r\n\r\n"), Ok(Start::NeedMore(2)));
    }

    #[test]
    fn bad_headers_are_refused() {
        for (text, error) in [
            (
                &b"PROXY \r\n"[..],
                "invalid PROXY protocol header: invalid v1 format",
            ),
            (
                b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
                "invalid PROXY protocol header: invalid v1 format",
            ),
            (
                b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                "invalid PROXY protocol header: invalid v1 format",
            ),
            (
                b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
                "invalid PROXY protocol header: invalid address",
            ),
            (
                b"PROXY TCP4 ::1 5.6.7.8 1 2\r\n",
                "invalid PROXY protocol header: TCP4 with IPv6 address",
            ),
            (
                b"PROXY TCP6 ::1 5.6.7.8 1 2\r\n",
                "invalid PROXY protocol header: TCP6 with IPv4 address",
            ),
            (
                b"PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
                "invalid PROXY protocol header: invalid protocol",
            ),
            (
                b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
                "invalid PROXY protocol header: invalid port",
            ),
            (
                b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
                "invalid PROXY protocol header: invalid port",
            ),
            (
                b"PROXY \xff\r\n",
                "invalid PROXY protocol header: invalid v1 format",
            ),
            (
                b"\r\n\r\n\0\rX",
                "invalid PROXY protocol header: invalid signature",
            ),
        ] {
            assert_eq!(
                parse(text).map_err(|e| e.to_string()),
                Err(error.to_owned())
            );
        }
        let refused = |bytes: Vec<u8>| parse(&bytes).expect_err("refused").to_string();
        assert_eq!(
            refused(v2(0x11, 0x11, &V2_IPV4)),
            "invalid PROXY protocol header: invalid version"
        );
        assert_eq!(
            refused(v2(0x22, 0x11, &V2_IPV4)),
            "unknown PROXY protocol command: 0x02"
        );
        assert_eq!(
            refused(v2(0x21, 0x12, &V2_IPV4)),
            "unsupported PROXY protocol feature: only STREAM protocol supported"
        );
        assert_eq!(
            refused(v2(0x21, 0x31, &V2_IPV4)),
            "unsupported PROXY protocol feature: unsupported address family"
        );
        assert_eq!(
            refused(v2(0x21, 0x11, &V2_IPV4[..11])),
            "IPv4 address data too short: 11 bytes"
        );
        assert_eq!(
            refused(v2(0x21, 0x21, &V2_IPV4)),
            "IPv6 address data too short: 12 bytes"
        );
    }

    #[test]
    fn a_line_without_end_is_cut_off_at_its_limit() {
        let mut line = b"PROXY UNKNOWN ".to_vec();
        line.resize(LOOKAHEAD_MAX - 2, b'x');
        assert_eq!(parse(&line), Ok(Start::NeedMore(1)));
        let fits = [&line[..], b"\r\n"].concat();
        assert!(matches!(
            parse(&fits),
            Ok(Start::Header {
                len: LOOKAHEAD_MAX,
                ..
            })
        ));
        line.extend_from_slice(b"xx\r\n");
        assert!(parse(&line).is_err());
    }

    proptest! {
        #[test]
        fn the_answer_does_not_depend_on_how_bytes_arrive(
            seed in prop::sample::select(vec![
                b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 4222\r\nPING\r\n".to_vec(),
                b"PROXY UNKNOWN\r\n".to_vec(), b"PING\r\n".to_vec(),
                v2(0x21, 0x11, &V2_IPV4), v2(0x21, 0x21, &[9; 40]), v2(0x20, 0, &[]), vec![b'P'; 120]]),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ) {
            let mut bytes = seed;
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let whole = parse(&bytes);
            let mut decided = None;
            for len in 0..=bytes.len() {
                let now = parse(&bytes[..len]);
                if let Ok(Start::NeedMore(more)) = now {
                    prop_assert!(more > 0 && len + more <= LOOKAHEAD_MAX);
                    prop_assert!(decided.is_none());
                } else if let Some(decided) = &decided {
                    prop_assert_eq!(decided, &now);
                } else {
                    decided = Some(now);
                }
            }
            prop_assert_eq!(decided.unwrap_or(whole.clone()), whole);
        }
    }
}
