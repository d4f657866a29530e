//! NUIDs: unique names of 22 base-62 characters, made fast.
//!
//! Twelve characters are random from the operating system and stay the same for a while, ten count upwards from a random
//! start in random steps. Unique, and not to be guessed by somebody who has seen none of the same generator; no secret
//! towards somebody who has.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::name_hash::BASE62;

/// Characters of a NUID.
pub const LEN: usize = 22;
const PREFIX_LEN: usize = 12;
const COUNTER_LEN: usize = LEN - PREFIX_LEN;
/// The counter moves by at least this much and less than [`STEP_END`], so that neighbours are not to be guessed by adding one.
const STEP_MIN: u64 = 33;
const STEP_END: u64 = 333;
const STEPS: u128 = (STEP_END - STEP_MIN) as u128;

/// A unique name. Prints as its 22 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nuid([u8; LEN]);

/// The next name of this thread's generator.
pub fn next() -> Nuid {
    thread_local! {
        static GENERATOR: RefCell<Generator> = RefCell::new(Generator::new());
    }
    GENERATOR.with_borrow_mut(Generator::next)
}

impl Nuid {
    pub fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    pub fn as_str(&self) -> &str {
        // All characters come from BASE62.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Nuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Nuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nuid({})", self.as_str())
    }
}

impl AsRef<str> for Nuid {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl From<Nuid> for String {
    fn from(nuid: Nuid) -> Self {
        nuid.as_str().to_owned()
    }
}

/// Makes names. One per thread or owner; two generators give different names.
#[derive(Clone)]
pub struct Generator {
    text: [u8; LEN],
    /// Values of the last [`COUNTER_LEN`] characters.
    counter: [u8; COUNTER_LEN],
    step: u64,
}

impl Generator {
    /// A generator with a prefix, a start and a step from the operating system's randomness.
    pub fn new() -> Self {
        let mut generator = Self {
            text: [b'0'; LEN],
            counter: [0; COUNTER_LEN],
            step: STEP_MIN,
        };
        generator.reseed();
        generator
    }

    /// The next name. A new prefix is drawn when the counter is at its end, after 62^10 names.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, and NUID libraries call it so"
    )]
    pub fn next(&mut self) -> Nuid {
        // Adding digit by digit costs two or three steps instead of ten divisions.
        let mut carry = self.step;
        for (digit, shown) in self
            .counter
            .iter_mut()
            .zip(self.text.iter_mut().skip(PREFIX_LEN))
            .rev()
        {
            if carry == 0 {
                break;
            }
            let sum = u64::from(*digit).saturating_add(carry);
            *digit = (sum % 62) as u8;
            *shown = digit_of(*digit);
            carry = sum / 62;
        }
        if carry > 0 {
            self.reseed();
        }
        Nuid(self.text)
    }

    fn reseed(&mut self) {
        let (prefix, start) = (random(), random());
        self.step = STEP_MIN.saturating_add((start % STEPS) as u64);
        write_base62(prefix, |place, digit| {
            if let Some(shown) = self.text.iter_mut().take(PREFIX_LEN).nth(place) {
                *shown = digit_of(digit);
            }
        });
        write_base62(start >> 16, |place, digit| {
            if let Some(value) = self.counter.get_mut(place) {
                *value = digit;
            }
        });
        for (shown, digit) in self.text.iter_mut().skip(PREFIX_LEN).zip(self.counter) {
            *shown = digit_of(digit);
        }
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator").finish_non_exhaustive()
    }
}

/// Hands the lowest base-62 digits of `number` to `write` with their place.
fn write_base62(number: u128, mut write: impl FnMut(usize, u8)) {
    let mut rest = number;
    for place in 0..PREFIX_LEN {
        write(place, (rest % 62) as u8);
        rest /= 62;
    }
}

fn digit_of(value: u8) -> u8 {
    BASE62.get(usize::from(value)).copied().unwrap_or(b'0')
}

/// 128 random bits. Should the cryptographic source fail, the standard library's hasher keys, which come from the
/// operating system as well, keep names unique.
fn random() -> u128 {
    let mut bytes = [0u8; 16];
    if getrandom::fill(&mut bytes).is_ok() {
        return u128::from_le_bytes(bytes);
    }
    let half = || u128::from(RandomState::new().build_hasher().finish());
    half() << 64 | half()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_22_base62_characters_and_unique_across_threads() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..50_000).map(|_| next()).collect::<Vec<_>>()))
            .collect();
        let mut seen = HashSet::new();
        for thread in threads {
            for nuid in thread.join().expect("thread") {
                assert!(nuid.as_bytes().iter().all(|b| BASE62.contains(b)));
                assert_eq!(nuid.to_string().len(), LEN);
                assert!(seen.insert(nuid), "{nuid} twice");
            }
        }
    }

    #[test]
    fn the_counter_steps_upwards_behind_one_prefix() {
        let mut generator = Generator::new();
        let value = |nuid: Nuid| {
            nuid.as_bytes()[PREFIX_LEN..]
                .iter()
                .fold(0u64, |sum, digit| {
                    sum * 62 + BASE62.iter().position(|b| b == digit).expect("digit") as u64
                })
        };
        let first = generator.next();
        let second = generator.next();
        if first.as_str()[..PREFIX_LEN] == second.as_str()[..PREFIX_LEN] {
            let step = value(second) - value(first);
            assert!((STEP_MIN..STEP_END).contains(&step), "{step}");
        }
    }

    #[test]
    fn a_full_counter_draws_a_new_prefix() {
        let mut generator = Generator::new();
        let before = generator.next();
        generator.counter = [61; COUNTER_LEN];
        let after = generator.next();
        assert_ne!(before.as_str()[..PREFIX_LEN], after.as_str()[..PREFIX_LEN]);
        assert_ne!(generator.next(), after);
    }
}
