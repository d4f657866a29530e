//! `--report-subjects` and `--report-subscriptions`: a table that is drawn again every second.

use std::io::Write;
use std::time::Duration;

use super::Args;
use super::feed::{Feed, Next, Origin};
use crate::error::Result;
use crate::globals::Globals;
use crate::messaging::SubjectRates;
use crate::output;

pub(super) async fn run(globals: &Globals, args: &Args, mut feed: Feed) -> Result {
    let mut rates = SubjectRates::default();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.tick().await;
    loop {
        match feed.next(Some(&mut second)).await? {
            Next::End => break,
            Next::Tick => draw(globals, args, &rates)?,
            Next::Messages(origin, messages) => {
                for message in &messages {
                    let subject = match origin {
                        Origin::Subject(index) if args.report_subscriptions => {
                            feed.subjects().get(index).map_or("", String::as_str)
                        }
                        _ => message.subject(),
                    };
                    rates.add(subject, message.payload().len());
                }
            }
        }
        if feed.is_complete() {
            break;
        }
    }
    draw(globals, args, &rates)
}

pub(super) fn draw(globals: &Globals, args: &Args, rates: &SubjectRates) -> Result {
    if output::stdout_is_terminal() {
        // Clear, and begin at the top left.
        out!("\u{1b}[2J\u{1b}[H")?;
    }
    out!(
        "{}",
        rates.table(args.report_top, globals.scheme()).render()
    )?;
    std::io::stdout().flush()?;
    Ok(())
}
