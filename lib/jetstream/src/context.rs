//! What a machine is told about the world with every input.

use nats_proto::name_hash::BASE62;
use nats_store::Timestamp;

/// Time, randomness and interest, as of one input.
pub struct Context<'a> {
    pub now: Timestamp,
    pub random: &'a mut dyn Random,
    pub interest: &'a dyn Interest,
}

/// Randomness that whoever drives the machine can replay.
pub trait Random {
    fn next(&mut self) -> u64;
}

/// Who listens, in the account of the stream. Asked only by the one that delivers (the leader), never for a decision about stored state.
pub trait Interest {
    /// Somebody would get a message on this literal subject.
    fn listens(&self, subject: &[u8]) -> bool;

    /// Somebody subscribed to exactly this subject, in this queue group or in none: the client of a push consumer. Who watches a whole
    /// space (`>`), or a stream that keeps it, is no client, and must not use up what waits for one.
    fn subscribed(&self, subject: &[u8], group: Option<&[u8]>) -> bool;

    /// The subject leads back to a requester in another account.
    fn is_foreign(&self, subject: &[u8]) -> bool {
        let _ = subject;
        false
    }
}

/// Everybody listens; for tests and for replay.
pub struct AlwaysListens;

impl Interest for AlwaysListens {
    fn listens(&self, _: &[u8]) -> bool {
        true
    }

    fn subscribed(&self, _: &[u8], _: Option<&[u8]>) -> bool {
        true
    }
}

impl Random for u64 {
    /// A small generator over its own state (splitmix64), for tests and for seeds.
    fn next(&mut self) -> u64 {
        *self = self.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *self;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A text of random base-62 digits: the characters of NUIDs, and of the names that a server chooses.
pub(crate) fn base62(random: &mut dyn Random, len: usize) -> String {
    let mut text = String::with_capacity(len);
    let mut rest = 0;
    while text.len() < len {
        // Ten digits take 60 bits.
        if text.len().is_multiple_of(10) {
            rest = random.next();
        }
        let digit = BASE62.get(usize::try_from(rest % 62).unwrap_or(0));
        text.push(digit.map_or('0', |digit| char::from(*digit)));
        rest /= 62;
    }
    text
}
