//! `nats consumer edit`.

use super::flags::ConsumerFlags;
use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{ConsumerView, Document, EditArgs, pick, valid};
use crate::output;
use nats_term::prompt::Terminal;

/// Change the configuration of a durable consumer
///
/// Only what is named changes: by flags, by the fields of the file, or in the editor. A field that is null in the file or in
/// the editor is removed. With --dry-run the exit code is 1 when something would change.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "update",
    after_help = "Examples:\n  \
        nats consumer edit ORDERS NEW --max-deliver 10 --dry-run\n  \
        EDITOR=vim nats consumer edit ORDERS NEW --interactive"
)]
pub struct Args {
    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    edit: EditArgs,

    #[command(flatten)]
    flags: ConsumerFlags,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let (stream, name) = (&info.stream_name, &info.name);
    let before = api.consumer_document(stream, name).await?;
    let before = before.without_reserved_metadata();
    if before.text("durable_name").is_empty() {
        return Err(CliError::new("only durable consumers can be edited"));
    }
    let after = args.changed(&before)?;
    let has_backoff = after
        .get("backoff")
        .and_then(|steps| steps.as_array())
        .is_some_and(|steps| !steps.is_empty());
    if has_backoff && args.flags.wait.is_some() {
        let error =
            CliError::new("consumers with backoff policies do not support editing Ack Wait");
        return Err(error.next_step("remove the policy with --backoff none, or leave out --wait"));
    }
    if args.edit.validate {
        return valid::Kind::Consumer.validate(&after, None);
    }
    if !args.edit.shows(&before, &after)? {
        return Ok(());
    }
    let question = format!("Really edit Consumer {stream} > {name}");
    if !pick::confirmed(&mut Terminal, args.edit.force, &question)? {
        return Ok(());
    }
    let answer = api.put_consumer(stream, name, &after, "update").await;
    let info =
        answer.map_err(|e| e.context(format!("could not edit Consumer {stream} > {name}")))?;
    if args.edit.json {
        return output::json(&info);
    }
    out!("{}", ConsumerView::Full.render(&info, globals.scheme()))
}

impl Args {
    fn changed(&self, before: &Document) -> Result<Document> {
        let mut after = self.edit.changed(before, "the consumer")?;
        // A consumer cannot be renamed.
        for field in ["name", "durable_name"] {
            match before.get(field) {
                Some(name) => after.set(field, name)?,
                None => after.remove(field),
            }
        }
        // The server adds the first step of a backoff as the time to wait.
        let backoff_changes = self.flags.backoff.is_some();
        self.flags.apply(&mut after)?;
        if backoff_changes && self.flags.wait.is_none() {
            let first = after.get("backoff").and_then(|steps| steps.get(0)).cloned();
            if let Some(first) = first {
                after.set("ack_wait", first)?;
            }
        }
        Ok(after)
    }
}
