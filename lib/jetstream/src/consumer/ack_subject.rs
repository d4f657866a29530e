//! The subject that travels with a delivery as its reply: everything that an acknowledgement has to say.
//!
//! First form: `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`. The second form has
//! `<domain>.<account hash>` behind `ACK` and may have more tokens at its end. Both are understood; the server's feature flag says which
//! one is written.

use nats_proto::encode::decimal;
use nats_proto::name_hash::name_hash_8;
use nats_proto::subject;

use super::turn::StreamView;

/// Tokens of the first form, and the fewest of the second.
const TOKENS_V1: usize = 9;
const TOKENS_V2: usize = 11;

/// What an acknowledgement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AckToken {
    /// Sequence in the stream.
    pub stream: u64,
    /// Number of the delivery.
    pub consumer: u64,
    /// How often the message was delivered by then.
    pub deliveries: u64,
}

impl AckToken {
    /// Reads either form. `None` when it is neither.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let rest = text.strip_prefix(b"$JS.ACK.")?;
        let names = match subject::token_count(text) {
            TOKENS_V1 => 2,
            TOKENS_V2.. => 4,
            _ => return None,
        };
        let mut numbers = subject::tokens(rest).skip(names).map(number);
        Some(Self {
            deliveries: numbers.next()??,
            stream: numbers.next()??,
            consumer: numbers.next()??,
        })
    }
}

/// Digits only. Whatever does not fit is larger than every sequence.
fn number(token: &[u8]) -> Option<u64> {
    if token.is_empty() || !token.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(token.iter().fold(0u64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(u64::from(digit.wrapping_sub(b'0')))
    }))
}

/// Everything before the numbers, with the dot.
pub(super) fn prefix(kind: &str, stream: &StreamView<'_>, consumer: &str) -> Box<[u8]> {
    let name = &stream.config.name;
    if !stream.ack_v2 {
        return format!("$JS.{kind}.{name}.{consumer}.").into_bytes().into();
    }
    let domain = if stream.domain.is_empty() {
        "_"
    } else {
        stream.domain
    };
    let account = name_hash_8(stream.account);
    format!("$JS.{kind}.{domain}.{account}.{name}.{consumer}.")
        .into_bytes()
        .into()
}

/// Writes the reply subject of a delivery.
pub(super) fn write(
    out: &mut Vec<u8>,
    prefix: &[u8],
    token: AckToken,
    time: nats_store::Timestamp,
    pending: u64,
) {
    out.clear();
    out.extend_from_slice(prefix);
    for value in [token.deliveries, token.stream, token.consumer] {
        decimal(out, value);
        out.push(b'.');
    }
    if time.0 < 0 {
        out.push(b'-');
    }
    decimal(out, time.0.unsigned_abs());
    out.push(b'.');
    decimal(out, pending);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read_and_nothing_else() {
        let token = Some(AckToken {
            deliveries: 2,
            stream: 7,
            consumer: 3,
        });
        for (text, expected) in [
            (&b"$JS.ACK.S.C.2.7.3.1700000000000000000.9"[..], token),
            (b"$JS.ACK._.ABCDEFGH.S.C.2.7.3.1700000000000000000.9", token),
            (b"$JS.ACK.hub.ABCDEFGH.S.C.2.7.3.1.9.rnd.more", token),
            (b"$JS.ACK.S.C.2.7.3.1", None),
            (b"$JS.ACK.S.C.2.7.3.1.9.tenth", None),
            (b"$JS.ACK.S.C.x.7.3.1.9", None),
            (b"$JS.ACK.S.C.2..3.1.9", None),
            (b"$JS.FC.S.C.2.7.3.1.9", None),
            (b"", None),
        ] {
            assert_eq!(AckToken::parse(text), expected, "{}", text.escape_ascii());
        }
        let huge = AckToken::parse(b"$JS.ACK.S.C.1.99999999999999999999999.3.1.9");
        assert_eq!(huge.map(|t| t.stream), Some(u64::MAX));
    }

    #[test]
    fn what_is_written_is_read() {
        let config = nats_api::jetstream::StreamConfig {
            name: "S".to_owned(),
            ..Default::default()
        };
        let mut view = StreamView {
            config: &config,
            account: "$G",
            domain: "",
            max_payload: 1,
            ack_v2: false,
        };
        let token = AckToken {
            deliveries: 1,
            stream: 22,
            consumer: 333,
        };
        let mut out = Vec::new();
        write(
            &mut out,
            &prefix("ACK", &view, "C"),
            token,
            nats_store::Timestamp(5),
            6,
        );
        assert_eq!(out, b"$JS.ACK.S.C.1.22.333.5.6");
        assert_eq!(AckToken::parse(&out), Some(token));
        view.ack_v2 = true;
        write(
            &mut out,
            &prefix("ACK", &view, "C"),
            token,
            nats_store::Timestamp(5),
            6,
        );
        assert!(out.starts_with(b"$JS.ACK._."), "{}", out.escape_ascii());
        assert_eq!(AckToken::parse(&out), Some(token));
    }
}
