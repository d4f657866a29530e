//! `nats context ls`.

use nats_client::context::{Context, Store};

use super::show;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::{self, Table};

/// List the contexts; a star marks the selected one
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "list",
    alias = "l",
    after_help = "Examples:\n  \
        nats context ls\n  \
        nats context ls --names"
)]
pub struct Args {
    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Print the names only
    #[arg(long)]
    names: bool,

    /// Print name:description lines for shell completion
    #[arg(long, hide = true)]
    completion: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let selected = store.selected();
    let mut contexts = Vec::new();
    for name in store.names()? {
        match store.load(&name) {
            Ok(context) => contexts.push(context),
            Err(_) if args.completion => {}
            Err(error) => log_line!("Could not load context {name}: {error}"),
        }
    }
    let is_selected = |context: &Context| selected.as_deref() == Some(context.name.as_str());
    let starred = |context: &Context| {
        format!(
            "{}{}",
            context.name,
            if is_selected(context) { "*" } else { "" }
        )
    };
    if args.completion {
        for context in &contexts {
            let name = starred(context).replace(':', "\\:");
            outln!("{name}:{}", context.settings.description)?;
        }
        return Ok(());
    }
    if args.json {
        let documents = contexts
            .iter()
            .map(show::document)
            .collect::<Result<Vec<_>>>()?;
        return output::json(&documents);
    }
    if args.names {
        for context in &contexts {
            outln!("{}", context.name)?;
        }
        return Ok(());
    }
    if contexts.is_empty() {
        outln!("No known contexts")?;
        log_line!("Add one with: nats context add NAME --server nats://HOST:4222 --select");
        return Ok(());
    }
    let mut table = Table::new("Known Contexts", globals.scheme()).header(["Name", "Description"]);
    for context in &contexts {
        table.row([starred(context), context.settings.description.clone()]);
    }
    outln!("{}", table.render())
}
