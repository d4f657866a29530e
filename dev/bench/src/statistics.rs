//! Medians, ranges and pairwise ratios. Nothing here knows what is measured.

use serde::{Deserialize, Serialize};

/// Median and range of some figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` when there is no figure, or when one is not a number.
    pub fn of(figures: &[f64]) -> Option<Spread> {
        if figures.is_empty() || figures.iter().any(|figure| figure.is_nan()) {
            return None;
        }
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        Some(Spread {
            median,
            min: sorted[0],
            max: sorted[sorted.len() - 1],
        })
    }

    /// Of `b / a` pair by pair. The ratio is taken within each pair, before the median, because a
    /// noisy machine slows both runs of a pair much alike, but not two runs that are minutes apart.
    pub fn of_ratios(pairs: &[(f64, f64)]) -> Option<Spread> {
        let ratios: Vec<f64> = pairs
            .iter()
            .filter(|(a, _)| *a != 0.0)
            .map(|(a, b)| b / a)
            .collect();
        Spread::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).expect("figures");
        assert_eq!(
            spread,
            Spread {
                median: 2.5,
                min: 1.0,
                max: 4.0
            }
        );
    }

    #[test]
    fn one_wild_pair_does_not_move_the_median_ratio() {
        let pairs = [(10.0, 20.0), (5.0, 10.0), (10.0, 200.0)];
        let spread = Spread::of_ratios(&pairs).expect("pairs");
        assert_eq!(spread.median, 2.0);
        assert_eq!(spread.max, 20.0);
    }

    #[test]
    fn nothing_measured_has_no_spread() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[1.0, f64::NAN]), None);
        assert_eq!(Spread::of_ratios(&[(0.0, 3.0)]), None);
    }

    proptest! {
        #[test]
        fn at_least_half_of_the_figures_lie_on_each_side_of_the_median(figures in proptest::collection::vec(-1e9f64..1e9, 1..50)) {
            let spread = Spread::of(&figures).expect("figures");
            let below = figures.iter().filter(|f| **f <= spread.median).count();
            let above = figures.iter().filter(|f| **f >= spread.median).count();
            prop_assert!(below * 2 >= figures.len());
            prop_assert!(above * 2 >= figures.len());
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
        }
    }
}
