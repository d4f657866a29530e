//! `nats context rm`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::context::Store;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use nats_term::prompt::{Prompt, Terminal};

/// Remove a context
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "remove",
    after_help = "Example:\n  nats context rm dev --force"
)]
pub struct Args {
    /// Name of the context
    #[arg(add = ArgValueCompleter::new(crate::complete::contexts))]
    name: String,

    /// Do not ask, and remove even the selected context
    #[arg(short, long)]
    force: bool,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    remove(&Store::open_default()?, &args, &mut Terminal)
}

fn remove(store: &Store, args: &Args, prompt: &mut impl Prompt) -> Result {
    let name = args.name.as_str();
    // A name that does not exist is told before anything is asked.
    store.load(name).map(|_| ()).or_else(|error| {
        if store.exists(name) {
            Ok(())
        } else {
            Err(error)
        }
    })?;
    let selected = store.selected().as_deref() == Some(name);
    if selected && !args.force {
        return Err(CliError::new(format!("context {name:?} is the selected one"))
            .next_step("select another one (nats context select), unselect it (nats context unselect), or pass --force"));
    }
    if !args.force
        && !prompt.confirm(
            &format!("Really delete context {name:?}?"),
            false,
            "--force",
        )?
    {
        return Ok(());
    }
    if selected {
        store.unselect()?;
    }
    store.remove(name)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use nats_client::context::Context;

    use super::*;
    use nats_term::prompt::Scripted;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        store.save(&mut Context::new("dev")).unwrap();
        (folder, store)
    }

    fn args(force: bool) -> Args {
        Args {
            name: "dev".into(),
            force,
        }
    }

    #[test]
    fn it_asks_before_it_removes() {
        let (_folder, store) = store();
        remove(&store, &args(false), &mut Scripted::new(["no"])).unwrap();
        assert!(store.exists("dev"));
        remove(&store, &args(false), &mut Scripted::new(["yes"])).unwrap();
        assert!(!store.exists("dev"));
    }

    #[test]
    fn the_selected_context_is_only_removed_by_force() {
        let (_folder, store) = store();
        store.select("dev").unwrap();
        assert!(remove(&store, &args(false), &mut Scripted::new(["yes"])).is_err());
        remove(&store, &args(true), &mut Scripted::default()).unwrap();
        assert!(!store.exists("dev"));
        assert_eq!(store.selected(), None);
    }

    #[test]
    fn an_unknown_name_is_told_before_anything_is_asked() {
        let (_folder, store) = store();
        let mut prompt = Scripted::new(["yes"]);
        let args = Args {
            name: "nope".into(),
            force: false,
        };
        assert!(remove(&store, &args, &mut prompt).is_err());
        assert!(prompt.asked.is_empty());
    }
}
