//! `nats stream view`.

use std::io::Write;
use std::time::Duration;

use nats_api::jetstream::DeliverPolicy;
use nats_client::jetstream::{JetStreamMessage, OrderedOptions};

use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::message::{write_body, write_headers};
use crate::messaging::Translation;
use crate::output::{format, stdout_is_terminal};
use crate::parse;
use crate::signals::interrupted;
use nats_term::prompt::{Prompt, Terminal};

/// Larger pages do not fit on a screen.
const PAGE_MAX: u64 = 25;

/// Look through the messages of a stream, page by page
///
/// Without a terminal all messages are printed, one after the other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats stream view ORDERS\n  \
        nats stream view ORDERS 25 --since 1h --subject 'orders.eu.>'")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Messages on a page, at most 25
    #[arg(default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    size: u64,

    /// Begin with this sequence
    #[arg(long, value_name = "SEQUENCE", conflicts_with = "since")]
    id: Option<u64>,

    /// Only messages of the last so much time
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    since: Option<Duration>,

    /// Print the bodies only
    #[arg(long)]
    raw: bool,

    /// Run the bodies through this command
    #[arg(long, value_name = "COMMAND")]
    translate: Option<String>,

    /// Only messages of this subject
    #[arg(long)]
    subject: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let translation = args
        .translate
        .as_deref()
        .map(Translation::parse)
        .transpose()?;
    if args.size > PAGE_MAX {
        log_line!("Page size is limited to {PAGE_MAX}, setting to {PAGE_MAX}...");
    }
    let page = args.size.min(PAGE_MAX);
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let mut messages = api.ordered_consumer(&name, args.options()).await?;
    let mut pending = messages.first_info().num_pending;
    let mut shown = 0;
    while pending > 0 {
        let message = tokio::select! {
            message = messages.next() => message,
            () = interrupted() => return Ok(messages.stop().await?),
        };
        let Some(message) = message else { break };
        let message = message?;
        pending = message.info()?.pending;
        show(&message, &args, &name, translation.as_ref()).await?;
        shown += 1;
        if pending > 0 && shown % page == 0 && stdout_is_terminal() {
            let next = Terminal.confirm("Next Page?", true, "less")?;
            if !next {
                return Ok(messages.stop().await?);
            }
        }
    }
    messages.stop().await?;
    log_line!("Reached apparent end of data");
    Ok(())
}

impl Args {
    fn options(&self) -> OrderedOptions {
        let mut options = OrderedOptions {
            filter_subjects: self.subject.iter().cloned().collect(),
            ..OrderedOptions::default()
        };
        if let Some(id) = self.id {
            options = options.from_sequence(id);
        }
        if let Some(since) = self.since {
            options.deliver_policy = DeliverPolicy::ByStartTime;
            let now = jiff::Timestamp::now();
            options.opt_start_time = now.checked_sub(since).ok().map(Into::into);
        }
        options
    }
}

async fn show(
    message: &JetStreamMessage,
    args: &Args,
    stream: &str,
    translation: Option<&Translation>,
) -> Result {
    let mut out = std::io::stdout().lock();
    if args.raw {
        out.write_all(message.payload())?;
        writeln!(out)?;
        return Ok(());
    }
    let info = message.info()?;
    writeln!(
        out,
        "[{}] Subject: {} Received: {}",
        info.stream_sequence,
        message.subject(),
        format::time(info.published.into())
    )?;
    if let Some(headers) = message.headers() {
        writeln!(out)?;
        write_headers(&mut out, &headers)?;
    }
    writeln!(out)?;
    write_body(
        &mut out,
        message.payload(),
        translation,
        message.subject(),
        stream,
    )
    .await
}
