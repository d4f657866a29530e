//! `--graph`: the rate of each subject, drawn again every second.

use std::io::Write;
use std::time::Duration;

use super::Args;
use super::feed::{Feed, Next, Origin};
use crate::error::{CliError, Result};
use crate::output::{self, format};

/// More graphs than this do not fit on a screen.
const SUBJECTS_MAX: usize = 4;

/// Fewer columns or lines leave no room for a graph.
const SIDE_MIN: u16 = 20;

struct Series {
    caption: String,
    /// Messages per second, oldest first.
    rates: Vec<f64>,
    this_second: u64,
}

pub(super) async fn run(args: &Args, mut feed: Feed) -> Result {
    if args.subjects.len() > SUBJECTS_MAX {
        return Err(
            CliError::new(format!("at most {SUBJECTS_MAX} subjects can be drawn"))
                .next_step("use wildcards to bring them together, or --report-subjects"),
        );
    }
    if !output::stdout_is_terminal() {
        return Err(CliError::new("--graph needs a terminal on standard output"));
    }
    size()?;
    let caption = |subject: &String| Series {
        caption: format!("{subject} / second"),
        rates: Vec::new(),
        this_second: 0,
    };
    let mut series: Vec<_> = args.subjects.iter().map(caption).collect();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        match feed.next(Some(&mut second)).await? {
            Next::End => return Ok(()),
            Next::Messages(Origin::Replies, _) => {}
            Next::Messages(Origin::Subject(index), messages) => {
                if let Some(series) = series.get_mut(index) {
                    series.this_second += messages.len() as u64;
                }
            }
            Next::Tick => draw(&mut series)?,
        }
        if feed.is_complete() {
            return draw(&mut series);
        }
    }
}

fn draw(series: &mut [Series]) -> Result {
    let (columns, lines) = size()?;
    // Room for the scale at the left, and for caption and gap below each graph.
    let width = usize::from(columns).saturating_sub(14);
    let height = (usize::from(lines) / series.len().max(1))
        .saturating_sub(4)
        .max(1);
    let mut screen = String::from("\u{1b}[2J\u{1b}[H");
    for series in series {
        series.rates.push(series.this_second as f64);
        series.this_second = 0;
        let surplus = series.rates.len().saturating_sub(width);
        series.rates.drain(..surplus);
        // From the right edge, as time goes on.
        let mut values = vec![0.0; width.saturating_sub(series.rates.len())];
        values.extend_from_slice(&series.rates);
        let now = series.rates.last().copied().unwrap_or_default();
        let caption = format!("{}: {}", series.caption, format::decimal_to(now, 0));
        screen.push_str(&output::graph::plot(&values, height, &caption, |v| {
            format::decimal_to(v, 0)
        }));
        screen.push('\n');
    }
    out!("{screen}")?;
    std::io::stdout().flush()?;
    Ok(())
}

fn size() -> Result<(u16, u16)> {
    let (columns, lines) = crossterm::terminal::size()?;
    if columns < SIDE_MIN || lines < SIDE_MIN {
        return Err(CliError::new(format!(
            "the terminal has {columns} columns and {lines} lines, a graph needs {SIDE_MIN} of each"
        ))
        .next_step("make the window larger"));
    }
    Ok((columns, lines))
}
