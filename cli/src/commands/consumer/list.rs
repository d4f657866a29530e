//! `nats consumer ls`.

use nats_api::jetstream::ConsumerInfo;

use super::select::WhichStream;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::missing;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// List the consumers of a stream
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "list",
    after_help = "Examples:\n  \
        nats consumer ls ORDERS\n  \
        nats consumer ls ORDERS --names"
)]
pub struct Args {
    #[command(flatten)]
    which: WhichStream,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Print the names only
    #[arg(short, long)]
    names: bool,

    /// Choose nothing from a list
    #[arg(long)]
    no_select: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, stream) = args.which.connect(globals, args.no_select).await?;
    let stream = stream.config.name;
    if args.json || args.names {
        let names = api.consumer_names_of(&stream).await?;
        if args.json {
            return output::json(&names);
        }
        for name in names {
            outln!("{name}")?;
        }
        return Ok(());
    }
    let list = api.consumers_of(&stream).await?;
    if list.consumers.is_empty() && list.missing.is_empty() && list.offline.is_empty() {
        return outln!("No Consumers defined");
    }
    outln!("{}", table(&list.consumers, globals.scheme()).render())?;
    out!(
        "{}",
        missing("Consumers", &list.missing, &list.offline, globals.scheme())
    )
}

pub fn table(consumers: &[ConsumerInfo], scheme: Scheme) -> Table {
    let mut table = Table::new("Consumers", scheme).header([
        "Name",
        "Description",
        "Created",
        "Ack Pending",
        "Unprocessed",
        "Last Delivery",
    ]);
    for info in consumers {
        let description = info.config.as_ref().map(|c| c.description.clone());
        let last = match info.delivered.last_active {
            Some(last) => format::duration(info.ts.since(last)),
            None => "never".to_owned(),
        };
        table.row([
            info.name.clone(),
            description.unwrap_or_default(),
            format::time(info.created.into()),
            format::signed(info.num_ack_pending),
            format::count(info.num_pending),
            last,
        ]);
    }
    table
}
