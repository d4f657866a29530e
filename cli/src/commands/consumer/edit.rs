//! `nats consumer edit`.

use std::path::PathBuf;

use super::flags::ConsumerFlags;
use super::select::Which;
use crate::editor;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{ConsumerView, Document, pick};
use crate::output;
use crate::prompt::Terminal;

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

    /// Take the fields of this file: a configuration, or what 'consumer info --json' prints
    #[arg(long, value_name = "FILE", conflicts_with = "interactive")]
    config: Option<PathBuf>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Edit the configuration in $EDITOR
    #[arg(short, long)]
    interactive: bool,

    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

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
    let differences = before.differences(&after);
    if differences.is_empty() {
        if !args.dry_run && !args.json {
            outln!("No difference in configuration")?;
        }
        return Ok(());
    }
    if !args.json || args.dry_run {
        out!("Differences (-old +new):\n{differences}")?;
    }
    if args.dry_run {
        return Err(CliError::exit(1));
    }
    let question = format!("Really edit Consumer {stream} > {name}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    let answer = api.put_consumer(stream, name, &after, "update").await;
    let info =
        answer.map_err(|e| e.context(format!("could not edit Consumer {stream} > {name}")))?;
    if args.json {
        return output::json(&info);
    }
    out!("{}", ConsumerView::Full.render(&info, globals.scheme()))
}

impl Args {
    fn changed(&self, before: &Document) -> Result<Document> {
        let mut after = before.clone();
        if self.interactive {
            let text = editor::edit(&before.to_json()?, ".json", "the consumer")?;
            after = Document::default();
            after.merge(Document::from_json(&text)?);
        }
        if let Some(path) = &self.config {
            after.merge(Document::from_file(path)?.without_reserved_metadata());
        }
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
