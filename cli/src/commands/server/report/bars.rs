//! A bar per server, the longest for the largest value.

use std::collections::BTreeMap;

use nats_api::system::ServerStats;
use serde_json::Value;

use super::super::ask;
use super::super::target::Target;
use crate::error::Result;
use crate::globals::Globals;
use crate::output;

/// Longest bar, in blocks.
const WIDTH: usize = 30;

/// Asks the servers for their heartbeats and shows one figure of each.
pub async fn report(
    globals: &Globals,
    target: &Target,
    expected: usize,
    shape: Shape,
    caption: &str,
    figure: fn(&ServerStats) -> f64,
    text: fn(f64) -> String,
) -> Result {
    let client = globals.connect_system().await?;
    let answers = ask::statistics(globals, &client, &target.whom(expected)).await?;
    let usage: BTreeMap<String, f64> = answers
        .into_iter()
        .map(|answer| {
            let value = figure(&answer.document.statsz);
            (answer.document.server.name, value)
        })
        .collect();
    if shape.json {
        let plain: BTreeMap<&str, Value> = usage
            .iter()
            .map(|(name, value)| (name.as_str(), plain(*value)))
            .collect();
        return output::json(&plain);
    }
    out!("{caption}\n\n{}", bars(&usage, shape.reverse, text))
}

/// Whole numbers without a fraction, as the servers write them.
fn plain(value: f64) -> Value {
    if value.fract() == 0.0 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}

/// How the figures are shown.
#[derive(Debug, Clone, clap::Args)]
pub struct Shape {
    /// The largest stand first
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

/// Smallest value first, or last if `reverse`; lengths in proportion to the largest value.
fn bars(usage: &BTreeMap<String, f64>, reverse: bool, text: fn(f64) -> String) -> String {
    let width = usage.keys().map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0) + 2;
    let largest = usage.values().copied().fold(0.0, f64::max);
    let mut sorted: Vec<_> = usage.iter().collect();
    sorted.sort_by(|a, b| a.1.total_cmp(b.1));
    if reverse {
        sorted.reverse();
    }
    let mut lines = String::new();
    for (name, value) in sorted {
        let blocks = if largest > 0.0 {
            (value / largest * WIDTH as f64).round() as usize
        } else {
            0
        };
        let bar = match blocks.min(WIDTH) {
            0 => "▏".to_owned(),
            blocks => "█".repeat(blocks),
        };
        lines.push_str(&format!("{name:>width$}: {bar} ({})\n", text(*value)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::format;

    #[test]
    fn bars_are_in_proportion_and_sorted() {
        let usage = [("n1", 30.0), ("node-2", 15.0), ("n3", 0.0)];
        let usage = usage.map(|(name, value)| (name.to_owned(), value));
        let reversed = bars(&usage.clone().into(), true, format::decimal);
        assert!(reversed.starts_with("      n1: "), "{reversed}");
        insta::assert_snapshot!(bars(&usage.into(), false, format::decimal));
        let idle = [("n1".to_owned(), 0.0)];
        assert_eq!(bars(&idle.into(), true, format::decimal), "  n1: ▏ (0)\n");
    }
}
