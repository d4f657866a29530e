//! Whole numbers of any size, for counters.
//!
//! Counters are added to and written in decimal, nothing else; limbs of nine decimal digits make all of that linear in the length of the
//! text, which a library of binary big integers is not. Length is bounded by the header and payload that carry the number.

use std::cmp::Ordering;
use std::fmt;

const LIMB_DIGITS: usize = 9;
const LIMB: u32 = 1_000_000_000;

/// A signed whole number. Zero is never negative.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Number {
    is_negative: bool,
    /// Least significant first, each below [`LIMB`], no zeros on top.
    limbs: Vec<u32>,
}

impl Number {
    /// Reads decimal digits with an optional sign. `None` when it is anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (is_negative, digits) = match text.split_first()? {
            (b'-', digits) => (true, digits),
            (b'+', digits) => (false, digits),
            _ => (false, text),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let limbs = digits.rchunks(LIMB_DIGITS).map(|chunk| {
            chunk
                .iter()
                .fold(0u32, |limb, digit| limb * 10 + u32::from(digit & 0x0f))
        });
        Some(Self::normal(is_negative, limbs.collect()))
    }

    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        if self.is_negative == other.is_negative {
            return Self::normal(self.is_negative, sum(&self.limbs, &other.limbs));
        }
        match compare(&self.limbs, &other.limbs) {
            Ordering::Equal => Self::default(),
            Ordering::Greater => {
                Self::normal(self.is_negative, difference(&self.limbs, &other.limbs))
            }
            Ordering::Less => {
                Self::normal(other.is_negative, difference(&other.limbs, &self.limbs))
            }
        }
    }

    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&Self::normal(!other.is_negative, other.limbs.clone()))
    }

    fn normal(is_negative: bool, mut limbs: Vec<u32>) -> Self {
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Self {
            is_negative: is_negative && !limbs.is_empty(),
            limbs,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = self.limbs.iter().rev();
        let Some(top) = limbs.next() else {
            return f.write_str("0");
        };
        if self.is_negative {
            f.write_str("-")?;
        }
        write!(f, "{top}")?;
        limbs.try_for_each(|limb| write!(f, "{limb:09}"))
    }
}

fn compare(a: &[u32], b: &[u32]) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

fn sum(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (long, short) = if a.len() >= b.len() { (a, b) } else { (b, a) };
    let mut carry = 0;
    let mut out = Vec::with_capacity(long.len() + 1);
    for (index, limb) in long.iter().enumerate() {
        let total = limb + short.get(index).unwrap_or(&0) + carry;
        carry = u32::from(total >= LIMB);
        out.push(total - carry * LIMB);
    }
    out.push(carry);
    out
}

/// `large - small`, for magnitudes of which the first is not the smaller one.
fn difference(large: &[u32], small: &[u32]) -> Vec<u32> {
    let mut borrow = 0;
    let mut out = Vec::with_capacity(large.len());
    for (index, limb) in large.iter().enumerate() {
        let less = small.get(index).unwrap_or(&0) + borrow;
        borrow = u32::from(*limb < less);
        out.push(limb + borrow * LIMB - less);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_decimal_digits_with_a_sign_are_numbers() {
        for text in ["", "-", "+", "1.0", "0x1", "1_0", " 1", "--1", "1e3"] {
            assert_eq!(Number::parse(text.as_bytes()), None, "{text:?}");
        }
        let table = [
            ("0", "0"),
            ("-0", "0"),
            ("+12", "12"),
            ("000000000000000012", "12"),
            ("-1000000000", "-1000000000"),
        ];
        for (text, written) in table {
            assert_eq!(Number::parse(text.as_bytes()).unwrap().to_string(), written);
        }
    }

    #[test]
    fn a_number_of_a_thousand_digits_carries_to_the_end() {
        let nines = "9".repeat(1000);
        let one = Number::parse(b"1").unwrap();
        let number = Number::parse(nines.as_bytes()).unwrap();
        let next = number.plus(&one);
        assert_eq!(next.to_string(), format!("1{}", "0".repeat(1000)));
        assert_eq!(next.minus(&one), number);
    }

    proptest! {
        #[test]
        fn sums_and_differences_are_those_of_machine_integers(a in any::<i64>(), b in any::<i64>()) {
            let (a, b) = (i128::from(a), i128::from(b));
            let parse = |n: i128| Number::parse(n.to_string().as_bytes()).unwrap();
            prop_assert_eq!(parse(a).plus(&parse(b)), parse(a + b));
            prop_assert_eq!(parse(a).minus(&parse(b)), parse(a - b));
            prop_assert_eq!(parse(a).to_string(), a.to_string());
        }

        #[test]
        fn adding_and_taking_away_again_changes_nothing(a in "-?[0-9]{1,60}", b in "-?[0-9]{1,60}") {
            let (a, b) = (Number::parse(a.as_bytes()).unwrap(), Number::parse(b.as_bytes()).unwrap());
            prop_assert_eq!(a.plus(&b).minus(&b), a);
        }
    }
}
