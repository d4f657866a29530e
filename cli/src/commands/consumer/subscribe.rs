//! `nats consumer sub`: hidden, as in the reference tool; `nats consumer next` and `nats sub` are what people want.

use super::next::show;
use super::select::Which;
use crate::error::Result;
use crate::globals::Globals;
use crate::signals::interrupted;
use nats_api::jetstream::AckPolicy;
use nats_client::jetstream::{JetStreamMessage, MessagesOptions};

/// Show the messages of a push consumer as they come, and the next one of a pull consumer
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer sub ORDERS MONITOR")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Do not acknowledge
    #[arg(long, overrides_with = "ack")]
    no_ack: bool,

    #[arg(long, overrides_with = "no_ack", hide = true)]
    ack: bool,

    /// Show the bodies only
    #[arg(short, long)]
    raw: bool,

    /// Be a member of this queue group; what the consumer says when not given
    #[arg(long, value_name = "GROUP", hide = true)]
    deliver_group: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    let config = info.config.clone().unwrap_or_default();
    let group = args
        .deliver_group
        .as_deref()
        .unwrap_or(&config.deliver_group);
    if group != config.deliver_group {
        return Err(crate::error::CliError::new(format!(
            "the consumer delivers to the queue group {:?}, not to {group:?}",
            config.deliver_group
        )));
    }
    let acknowledge = !args.no_ack && config.ack_policy != AckPolicy::None;
    let handle = async |message: JetStreamMessage| {
        show(&message, args.raw)?;
        if acknowledge {
            message.ack().await?;
        }
        Result::Ok(())
    };
    if config.is_push() {
        let mut messages = api.push_consumer(stream, name).await?.messages().await?;
        loop {
            tokio::select! {
                () = interrupted() => return Ok(()),
                message = messages.next() => match message {
                    Some(message) => handle(message?).await?,
                    None => return Ok(()),
                },
            }
        }
    }
    // As in the reference tool: of a pull consumer one message, as by 'consumer next'.
    let consumer = api.pull_consumer(stream, name).await?;
    let mut messages = consumer.messages(MessagesOptions::default()).await?;
    tokio::select! {
        () = interrupted() => {}
        message = messages.next() => if let Some(message) = message {
            handle(message?).await?;
        },
    }
    api.client().flush().await?;
    Ok(())
}
