//! Latencies in a histogram of three significant digits.

use std::time::Duration;

use hdrhistogram::Histogram;

/// The longest latency that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Significant digits kept of every latency.
const DIGITS: u8 = 3;

/// The latencies of one client, or of all.
#[derive(Debug, Clone)]
pub struct Latencies {
    histogram: Option<Histogram<u64>>,
    /// Exact, unlike the buckets of the histogram.
    min_ns: u64,
    max_ns: u64,
}

impl Latencies {
    pub fn new() -> Self {
        // The bounds are constants that the library accepts; without a histogram the run would only lose its latencies.
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        Self {
            histogram: Histogram::new_with_max(longest, DIGITS).ok(),
            min_ns: u64::MAX,
            max_ns: 0,
        }
    }

    #[inline]
    pub fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.min_ns = self.min_ns.min(nanos);
        self.max_ns = self.max_ns.max(nanos);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(nanos);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        if let (Some(into), Some(from)) = (&mut self.histogram, &other.histogram) {
            // Both have the same bounds.
            let _ = into.add(from);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    pub fn min_us(&self) -> f64 {
        self.figure(|_| self.min_ns as f64)
    }

    pub fn max_us(&self) -> f64 {
        self.figure(|_| self.max_ns as f64)
    }

    pub fn mean_us(&self) -> f64 {
        self.figure(Histogram::mean)
    }

    /// Standard deviation. (The reference tool mixes nanoseconds and microseconds here.)
    pub fn deviation_us(&self) -> f64 {
        self.figure(Histogram::stdev)
    }

    /// The latency that so many percent of the operations did not exceed.
    pub fn percentile_us(&self, percent: f64) -> f64 {
        // A bucket's upper end may lie beyond the greatest latency that there was.
        self.figure(|h| h.value_at_percentile(percent).min(self.max_ns) as f64)
    }

    fn figure(&self, of: impl Fn(&Histogram<u64>) -> f64) -> f64 {
        match &self.histogram {
            Some(histogram) if !histogram.is_empty() => of(histogram) / 1_000.0,
            _ => 0.0,
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_microseconds_and_right_to_three_digits() {
        let mut latencies = Latencies::new();
        for micros in 1..=1_000 {
            latencies.record(Duration::from_micros(micros));
        }
        let close = |a: f64, b: f64| assert!((a - b).abs() / b < 0.002, "{a} is not close to {b}");
        close(latencies.min_us(), 1.0);
        close(latencies.max_us(), 1_000.0);
        close(latencies.mean_us(), 500.5);
        close(latencies.percentile_us(50.0), 500.0);
        close(latencies.percentile_us(99.9), 999.0);
        close(latencies.deviation_us(), 288.67);
        assert_eq!(latencies.count(), 1_000);
    }

    #[test]
    fn nothing_recorded_is_zero_and_an_absurd_latency_is_kept_at_the_bound() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.percentile_us(99.0), 0.0);
        latencies.record(Duration::from_secs(1_000_000));
        assert_eq!(latencies.max_us(), 1e12);
        assert!(latencies.percentile_us(50.0) >= 3_600.0 * 1e6);
    }
}
