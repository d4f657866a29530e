//! `nats stream ls`.

use nats_api::jetstream::StreamInfo;

use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Api, Scope, ago, is_internal_stream, missing};
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// List the streams
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "list",
    alias = "l",
    after_help = "Examples:\n  \
        nats stream ls\n  \
        nats stream ls --subject orders.new --names"
)]
pub struct Args {
    /// Only streams that take this subject
    #[arg(long)]
    subject: Option<String>,

    /// Print the names only
    #[arg(short, long)]
    names: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    scope: Scope,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let subject = args.subject.as_deref().unwrap_or_default();
    let shown = |name: &str| args.scope.all || !is_internal_stream(name);
    if args.names || args.json {
        let mut names = api.names(subject).await?;
        // A list of names is for scripts: the streams of buckets as well.
        names.retain(|name| args.names || shown(name));
        if args.json {
            return output::json(&names);
        }
        for name in names {
            outln!("{name}")?;
        }
        return Ok(());
    }
    let mut streams = api.list(subject).await?;
    let before = streams.streams.len();
    streams.streams.retain(|info| shown(&info.config.name));
    if streams.streams.is_empty() && streams.missing.is_empty() && streams.offline.is_empty() {
        return if before > 0 {
            outln!("No Streams defined, pass -a to include system streams")
        } else {
            outln!("No Streams defined")
        };
    }
    outln!(
        "{}",
        table(&mut streams.streams, subject, globals.scheme()).render()
    )?;
    let rest = missing(
        "Streams",
        &streams.missing,
        &streams.offline,
        globals.scheme(),
    );
    out!("{rest}")
}

/// Smallest first; shared with `nats stream find`.
pub fn table(streams: &mut [StreamInfo], subject: &str, scheme: Scheme) -> Table {
    streams.sort_by(|a, b| (a.state.bytes, &a.config.name).cmp(&(b.state.bytes, &b.config.name)));
    let title = match subject {
        "" => "Streams".to_owned(),
        subject => format!("Streams matching {subject}"),
    };
    let mut table = Table::new(title, scheme).header([
        "Name",
        "Description",
        "Created",
        "Messages",
        "Size",
        "Last Message",
    ]);
    for info in streams.iter() {
        table.row([
            info.config.name.clone(),
            info.config.description.clone(),
            format::time(info.created.into()),
            format::count(info.state.messages),
            format::bytes(info.state.bytes),
            ago(info.ts, info.state.last_ts),
        ]);
    }
    table
}
