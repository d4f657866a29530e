//! `nats stream edit`.

use nats_api::jetstream::StreamUpdateResponse;

use super::flags::StreamFlags;
use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Document, EditArgs, StreamView, pick, valid};
use crate::output;
use nats_term::prompt::Terminal;

/// Change the configuration of a stream
///
/// Only what is named changes: by flags, by the fields of the file, or in the editor. A field that is null in the file or in
/// the editor is removed. With --dry-run the exit code is 1 when something would change.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "update",
    after_help = "Examples:\n  \
        nats stream edit ORDERS --max-age 30d --dry-run\n  \
        nats stream edit ORDERS --config ./ORDERS.json --force\n  \
        EDITOR=vim nats stream edit ORDERS --interactive"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    edit: EditArgs,

    /// Be no mirror any longer
    #[arg(long, conflicts_with = "mirror")]
    no_mirror: bool,

    /// Rename no subjects any longer
    #[arg(long, conflicts_with = "transform_source")]
    no_transform: bool,

    /// Publish nothing again any longer
    #[arg(long, conflicts_with = "republish_source")]
    no_republish: bool,

    #[command(flatten)]
    flags: StreamFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name.as_str();
    let before = api.stream_document(name).await?.without_reserved_metadata();
    let after = args.changed(&before)?;
    if args.edit.validate {
        return valid::Kind::Stream.validate(&after, None);
    }
    if !args.edit.shows(&before, &after)? {
        return Ok(());
    }
    pick::warned(&mut Terminal, name)?;
    if !pick::confirmed(
        &mut Terminal,
        args.edit.force,
        &format!("Really edit Stream {name}"),
    )? {
        return Ok(());
    }
    let answer: StreamUpdateResponse = api
        .request_json(api.api().stream_update(name), &after)
        .await
        .map_err(|e| CliError::from(e).context(format!("could not edit Stream {name}")))?;
    if args.edit.json {
        return output::json(&answer.info);
    }
    outln!("Stream {name} was updated\n")?;
    out!(
        "{}",
        StreamView::Full.render(&answer.info, globals.scheme())
    )
}

impl Args {
    fn changed(&self, before: &Document) -> Result<Document> {
        let mut after = self.edit.changed(before, "the stream")?;
        // A stream cannot be renamed.
        after.set("name", before.text("name"))?;
        self.flags.apply(&mut after)?;
        for (gone, field) in [
            (self.no_mirror, "mirror"),
            (self.no_transform, "subject_transform"),
            (self.no_republish, "republish"),
        ] {
            if gone {
                after.remove(field);
            }
        }
        Ok(after)
    }
}
