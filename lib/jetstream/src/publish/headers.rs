//! The headers of a publish that mean something to a stream, found in one pass over the block.

use nats_api::jetstream::headers as name;

/// What a publisher said in headers. A header counts when it is spelled exactly so; of several with one name the first counts. Values are
/// as [`nats_proto::header::block::find_value`] returns them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublishHeaders<'a> {
    pub message_id: Option<&'a [u8]>,
    pub expected_stream: Option<&'a [u8]>,
    pub expected_last_sequence: Option<&'a [u8]>,
    pub expected_last_subject_sequence: Option<&'a [u8]>,
    pub expected_last_subject_sequence_subject: Option<&'a [u8]>,
    pub expected_last_message_id: Option<&'a [u8]>,
    pub rollup: Option<&'a [u8]>,
    pub ttl: Option<&'a [u8]>,
    pub increment: Option<&'a [u8]>,
    pub counter_sources: Option<&'a [u8]>,
    pub batch_id: Option<&'a [u8]>,
    pub batch_sequence: Option<&'a [u8]>,
    pub batch_commit: Option<&'a [u8]>,
    pub schedule: Option<&'a [u8]>,
    pub schedule_target: Option<&'a [u8]>,
    pub schedule_ttl: Option<&'a [u8]>,
    pub schedule_rollup: Option<&'a [u8]>,
    pub schedule_source: Option<&'a [u8]>,
    pub schedule_time_zone: Option<&'a [u8]>,
    pub scheduler: Option<&'a [u8]>,
    pub schedule_next: Option<&'a [u8]>,
    pub stream_source: Option<&'a [u8]>,
    pub marker_reason: Option<&'a [u8]>,
    pub required_api_level: Option<&'a [u8]>,
    pub request_info: Option<&'a [u8]>,
}

/// Set by the server on messages that cross accounts; not stored.
pub const REQUEST_INFO: &str = "Nats-Request-Info";

/// All of these begin so; other lines are passed over without a closer look.
const COMMON_PREFIX: &[u8] = b"Nats-";

impl<'a> PublishHeaders<'a> {
    /// Looks through a header block. Whatever the block is, this ends and does not fail.
    pub fn scan(block: &'a [u8]) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        while let Some(line) = next_line(block, &mut at) {
            if !line.starts_with(COMMON_PREFIX) {
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (key, value) = line.split_at(colon);
            let Some(slot) = found.slot(key) else {
                continue;
            };
            if slot.is_none() {
                *slot = Some(trimmed(value));
            }
        }
        found
    }

    fn slot(&mut self, key: &[u8]) -> Option<&mut Option<&'a [u8]>> {
        let key = std::str::from_utf8(key).ok()?;
        Some(match key {
            name::MSG_ID => &mut self.message_id,
            name::EXPECTED_STREAM => &mut self.expected_stream,
            name::EXPECTED_LAST_SEQUENCE => &mut self.expected_last_sequence,
            name::EXPECTED_LAST_SUBJECT_SEQUENCE => &mut self.expected_last_subject_sequence,
            name::EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT => {
                &mut self.expected_last_subject_sequence_subject
            }
            name::EXPECTED_LAST_MSG_ID => &mut self.expected_last_message_id,
            name::ROLLUP => &mut self.rollup,
            name::TTL => &mut self.ttl,
            name::INCR => &mut self.increment,
            name::COUNTER_SOURCES => &mut self.counter_sources,
            name::BATCH_ID => &mut self.batch_id,
            name::BATCH_SEQUENCE => &mut self.batch_sequence,
            name::BATCH_COMMIT => &mut self.batch_commit,
            name::SCHEDULE => &mut self.schedule,
            name::SCHEDULE_TARGET => &mut self.schedule_target,
            name::SCHEDULE_TTL => &mut self.schedule_ttl,
            name::SCHEDULE_ROLLUP => &mut self.schedule_rollup,
            name::SCHEDULE_SOURCE => &mut self.schedule_source,
            name::SCHEDULE_TIME_ZONE => &mut self.schedule_time_zone,
            name::SCHEDULER => &mut self.scheduler,
            name::SCHEDULE_NEXT => &mut self.schedule_next,
            name::STREAM_SOURCE => &mut self.stream_source,
            name::MARKER_REASON => &mut self.marker_reason,
            name::REQUIRED_API_LEVEL => &mut self.required_api_level,
            REQUEST_INFO => &mut self.request_info,
            _ => return None,
        })
    }
}

/// The next line that starts behind a CRLF, without the CRLF that ends it; `at` is where the search goes on.
fn next_line<'a>(block: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    loop {
        let newline = at.checked_add(memchr::memchr(b'\n', block.get(*at..)?)?)?;
        *at = newline.checked_add(1)?;
        if !block.get(..newline)?.ends_with(b"\r") {
            continue;
        }
        return block.get(*at..);
    }
}

/// The value behind the colon that `rest` begins with: without leading spaces, up to its CRLF.
fn trimmed(rest: &[u8]) -> &[u8] {
    let value = rest.get(1..).unwrap_or_default();
    let blanks = value.iter().take_while(|&&byte| byte == b' ').count();
    let value = value.get(blanks..).unwrap_or_default();
    let mut from = 0;
    while let Some(found) = value.get(from..).and_then(|v| memchr::memchr(b'\r', v)) {
        let cr = from.saturating_add(found);
        if value.get(cr.saturating_add(1)) == Some(&b'\n') {
            return value.get(..cr).unwrap_or_default();
        }
        from = cr.saturating_add(1);
    }
    value
}

/// The value when it is there and says something.
pub(crate) fn given(value: Option<&[u8]>) -> Option<&[u8]> {
    value.filter(|value| !value.is_empty())
}

/// A sequence in a header: decimal digits. Anything else is a sequence that no message has, so that a check against it fails.
pub(crate) fn sequence(value: Option<&[u8]>) -> Option<u64> {
    given(value).map(|digits| decimal(digits).unwrap_or(u64::MAX))
}

/// Decimal digits and nothing else.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use nats_proto::header::block::find_value;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_header_of_a_name_counts_and_spelling_is_exact() {
        let block = b"NATS/1.0\r\nNats-Msg-Id:  one \r\nNats-Msg-Id: two\r\nnats-ttl: 5\r\nNats-Rollup:\r\nOther: Nats-TTL: 3\r\n\r\n";
        let found = PublishHeaders::scan(block);
        assert_eq!(found.message_id, Some(&b"one "[..]));
        assert_eq!(found.ttl, None);
        assert_eq!(found.rollup, Some(&b""[..]));
        assert_eq!(given(found.rollup), None);
    }

    #[test]
    fn sequences_are_digits_and_everything_else_matches_nothing() {
        let table: [(&[u8], Option<u64>); 6] = [
            (b"", None),
            (b"0", Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", Some(u64::MAX)),
            (b"-1", Some(u64::MAX)),
            (b"1 ", Some(u64::MAX)),
        ];
        for (text, number) in table {
            assert_eq!(sequence(Some(text)), number);
        }
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"NATS/1.0".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"Nats-Msg-Id".to_vec()),
            Just(b"Nats-TTL:".to_vec()),
            Just(b"Nats-Expected-Last-Subject-Sequence".to_vec()),
            Just(b"-Subject".to_vec()),
            Just(b":".to_vec()),
            Just(b" ".to_vec()),
            Just(b"x".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_a_search_for_each_name_finds(block in lines()) {
            let found = PublishHeaders::scan(&block);
            let table = [
                (name::MSG_ID, found.message_id),
                (name::TTL, found.ttl),
                (name::EXPECTED_LAST_SUBJECT_SEQUENCE, found.expected_last_subject_sequence),
                (
                    name::EXPECTED_LAST_SUBJECT_SEQUENCE_SUBJECT,
                    found.expected_last_subject_sequence_subject,
                ),
            ];
            for (name, value) in table {
                prop_assert_eq!(value, find_value(&block, name.as_bytes()), "{}", name);
            }
        }
    }
}
