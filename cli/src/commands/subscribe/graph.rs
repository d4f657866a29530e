//! `--graph`: the rate of each subject, drawn again every second.

use std::time::Duration;

use super::Args;
use super::feed::{Feed, Next, Origin};
use crate::error::{CliError, Result};
use crate::output::format;
use crate::output::plots::Plots;

/// More graphs than this do not fit on a screen.
const SUBJECTS_MAX: usize = 4;

pub(super) async fn run(args: &Args, mut feed: Feed) -> Result {
    if args.subjects.len() > SUBJECTS_MAX {
        return Err(
            CliError::new(format!("at most {SUBJECTS_MAX} subjects can be drawn"))
                .next_step("use wildcards to bring them together, or --report-subjects"),
        );
    }
    let mut plots = Plots::new("");
    for subject in &args.subjects {
        plots = plots.graph(format!("{subject} / second"), |v| format::decimal_to(v, 0));
    }
    plots.check()?;
    let mut this_second = vec![0.0; args.subjects.len()];
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        match feed.next(Some(&mut second)).await? {
            Next::End => return Ok(()),
            Next::Messages(Origin::Replies, _) => {}
            Next::Messages(Origin::Subject(index), messages) => {
                if let Some(count) = this_second.get_mut(index) {
                    *count += messages.len() as f64;
                }
            }
            Next::Tick => {
                plots.draw(&this_second)?;
                this_second.fill(0.0);
            }
        }
        if feed.is_complete() {
            return plots.draw(&this_second);
        }
    }
}
