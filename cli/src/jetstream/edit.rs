//! Changing the configuration of what exists: where the changes come from, and whether they are wanted once they are seen.

use std::path::PathBuf;

use super::Document;
use crate::editor;
use crate::error::{CliError, Result};

/// The flags of `stream edit` and `consumer edit` that say where changes come from and what is done with them.
#[derive(Debug, Clone, clap::Args)]
pub struct EditArgs {
    /// Take the fields of this file: a configuration, or what 'info --json' prints
    #[arg(long, value_name = "FILE", conflicts_with = "interactive")]
    config: Option<PathBuf>,

    /// Do not ask
    #[arg(short, long)]
    pub force: bool,

    /// Edit the configuration in $EDITOR
    #[arg(short, long, overrides_with = "no_interactive")]
    interactive: bool,

    #[arg(long, overrides_with = "interactive", hide = true)]
    no_interactive: bool,

    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Check the configuration as it would be, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub validate: bool,

    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
}

impl EditArgs {
    /// `before` with the fields of the file or as it comes out of the editor; `what` names it there.
    pub fn changed(&self, before: &Document, what: &str) -> Result<Document> {
        let mut after = before.clone();
        if self.interactive {
            let text = editor::edit(&before.to_json()?, ".json", what)?;
            after = Document::default();
            after.merge(Document::from_json(&text)?);
        }
        if let Some(path) = &self.config {
            after.merge(Document::from_file(path)?.without_reserved_metadata());
        }
        Ok(after)
    }

    /// Shows the differences; whether there is something to do. With `--dry-run` differences end the command with exit code 1.
    pub fn shows(&self, before: &Document, after: &Document) -> Result<bool> {
        let differences = before.differences(after);
        if differences.is_empty() {
            if !self.dry_run && !self.json {
                outln!("No difference in configuration")?;
            }
            return Ok(false);
        }
        if !self.json || self.dry_run {
            out!("Differences (-old +new):\n{differences}")?;
        }
        match self.dry_run {
            true => Err(CliError::exit(1)),
            false => Ok(true),
        }
    }
}
