//! Several graphs under each other that move with time, a column per reading.

use super::{graph, screen};
use crate::error::Result;

/// Columns at the left for the scale.
const SCALE_WIDTH: usize = 14;
/// Lines of a graph beside the plot itself: caption, gap, zero line.
const EXTRA_LINES: usize = 3;
/// Fewer columns leave no room for a graph.
const COLUMNS_MIN: u16 = 20;

/// One graph.
struct Series {
    caption: String,
    /// How a value is written at the scale and in the caption.
    scale: fn(f64) -> String,
    /// Oldest first.
    values: Vec<f64>,
}

/// Graphs on one screen.
pub struct Plots {
    heading: String,
    series: Vec<Series>,
}

impl Plots {
    pub fn new(heading: impl Into<String>) -> Self {
        Self {
            heading: heading.into(),
            series: Vec::new(),
        }
    }

    /// Adds a graph below the others.
    pub fn graph(mut self, caption: impl Into<String>, scale: fn(f64) -> String) -> Self {
        self.series.push(Series {
            caption: caption.into(),
            scale,
            values: Vec::new(),
        });
        self
    }

    /// An error when the terminal has no room.
    pub fn check(&self) -> Result {
        self.size().map(drop)
    }

    fn size(&self) -> Result<(usize, usize)> {
        let lines = self.series.len() * (EXTRA_LINES + 2) + 2;
        screen::size(
            "a graph",
            COLUMNS_MIN,
            u16::try_from(lines).unwrap_or(u16::MAX),
        )
    }

    /// Takes a value for each graph, in their order, and draws all of them.
    pub fn draw(&mut self, readings: &[f64]) -> Result {
        let (columns, lines) = self.size()?;
        let text = self.text(readings, columns, lines);
        screen::draw(&text)
    }

    fn text(&mut self, readings: &[f64], columns: usize, lines: usize) -> String {
        let width = columns.saturating_sub(SCALE_WIDTH);
        let height = (lines.saturating_sub(2) / self.series.len().max(1))
            .saturating_sub(EXTRA_LINES)
            .max(1);
        let mut text = String::new();
        if !self.heading.is_empty() {
            text.push_str(&format!("{}\n\n", self.heading));
        }
        for (series, reading) in self.series.iter_mut().zip(readings) {
            series.values.push(*reading);
            let surplus = series.values.len().saturating_sub(width);
            series.values.drain(..surplus);
            // From the right edge, as time goes on.
            let mut values = vec![0.0; width.saturating_sub(series.values.len())];
            values.extend_from_slice(&series.values);
            let caption = format!("{}: {}", series.caption, (series.scale)(*reading));
            text.push_str(&graph::plot(&values, height, &caption, series.scale));
            text.push('\n');
        }
        text
    }
}

/// How fast a counter grows. The first reading has no rate, and a counter that starts again none either.
#[derive(Debug, Default)]
pub struct Rate {
    last: Option<(std::time::Instant, f64)>,
}

impl Rate {
    /// Per second since the last reading.
    pub fn of(&mut self, now: std::time::Instant, total: f64) -> f64 {
        let before = self.last.replace((now, total));
        let Some((then, before)) = before else {
            return 0.0;
        };
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        if seconds > 0.0 && total >= before {
            (total - before) / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::output::format;

    #[test]
    fn graphs_share_the_screen_and_move_to_the_left() {
        let whole = |v: f64| format::decimal_to(v, 0);
        let mut plots = Plots::new("Statistics")
            .graph("CPU", whole)
            .graph("Memory", whole);
        plots.text(&[1.0, 100.0], 40, 16);
        plots.text(&[4.0, 200.0], 40, 16);
        insta::assert_snapshot!(plots.text(&[2.0, 0.0], 40, 16));
    }

    #[test]
    fn a_rate_needs_two_readings_and_a_counter_that_grows() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rate = Rate::default();
        assert_eq!(rate.of(at(0), 1_000.0), 0.0);
        assert_eq!(rate.of(at(2), 1_100.0), 50.0);
        assert_eq!(rate.of(at(3), 5.0), 0.0);
        assert_eq!(rate.of(at(3), 9.0), 0.0);
    }
}
