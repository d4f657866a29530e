//! `nats trace`: which way a message takes.
//!
//! [`collect`] asks the servers, [`render`] draws the tree. Called by the root registry only. What comes back was written by
//! servers, or by anybody who may publish to the inbox: what is no trace is left out, and the number of traces is bounded.

mod collect;
mod render;

use nats_proto::header::HeaderMap;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Columns};
use crate::parse;

/// Show the way that a message takes through servers, accounts and streams
///
/// Nobody receives the message, unless --deliver is given.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats trace orders.new\n  \
        nats trace orders.new '{\"id\": 1}' --deliver --timestamp\n  \
        nats trace orders.new -H 'Region: eu' --json")]
pub struct Args {
    /// Subject to publish to
    subject: String,

    /// Body of the message
    #[arg(default_value = "", hide_default_value = true)]
    payload: String,

    /// Deliver the message to its receivers
    #[arg(long)]
    deliver: bool,

    /// Show the time between the steps
    #[arg(short = 'T', long)]
    timestamp: bool,

    /// Add a header, as Name:Value
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    headers: Vec<String>,

    /// Print JSON: what each server told, the first one first
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut headers = HeaderMap::new();
    for text in &args.headers {
        let (name, value) = parse::header(text)?;
        headers
            .append(name, value)
            .map_err(|e| CliError::new(e.to_string()).context(format!("header {name}")))?;
    }
    let client = globals.connect().await?;
    if !args.json {
        let delivery = if args.deliver {
            " with delivery to the final destination"
        } else {
            ""
        };
        outln!(
            "Tracing message route to subject {}{delivery}\n",
            args.subject
        )?;
    }
    let question = collect::Question {
        subject: &args.subject,
        payload: args.payload.as_bytes(),
        headers,
        deliver: args.deliver,
    };
    let traces = collect::traces(globals, &client, question).await?;
    if args.json {
        return output::json(&traces.events);
    }
    let tree = render::tree(&traces.events, args.timestamp);
    outln!("{}\n\n{}\n", tree.lines.join("\n"), render::LEGEND)?;
    if !tree.egress.is_empty() {
        let mut columns = Columns::new("Egress Count:", globals.scheme());
        for (kind, count) in &tree.egress {
            columns.row(kind, *count);
        }
        out!("{}", columns.render())?;
    }
    if tree.streams > 1 {
        outln!(
            "WARNING: The message was received by {} streams",
            tree.streams
        )?;
    }
    if traces.missing > 0 {
        log_line!(
            "{} servers told nothing within {:?}: the tree is incomplete",
            traces.missing,
            globals.timeout()
        );
    }
    Ok(())
}
