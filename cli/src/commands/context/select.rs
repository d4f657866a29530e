//! `nats context select`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::context::Store;

use super::show;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use nats_term::prompt::{Prompt, Terminal};

/// Select the context that all commands use
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "switch",
    alias = "set",
    after_help = "Examples:\n  \
        nats context select prod\n  \
        nats context select            asks which one"
)]
pub struct Args {
    /// Name of the context
    #[arg(add = ArgValueCompleter::new(crate::complete::contexts))]
    name: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let name = chosen(&store, args.name, &mut Terminal)?;
    store.select(&name)?;
    show::show(globals, &store.load(&name)?, false)
        .await
        .map(|_| ())
}

fn chosen(store: &Store, name: Option<String>, prompt: &mut impl Prompt) -> Result<String> {
    let names = store.names()?;
    if names.is_empty() {
        return Err(CliError::new("no context is defined")
            .next_step("add one: nats context add NAME --server URL"));
    }
    match name {
        Some(name) => Ok(name),
        None => {
            let index = prompt.select("Select a Context", &names, "the name of a context")?;
            names
                .into_iter()
                .nth(index)
                .ok_or_else(|| CliError::new("nothing was selected"))
        }
    }
}

#[cfg(test)]
mod tests {
    use nats_client::context::Context;

    use super::*;
    use nats_term::prompt::Scripted;

    #[test]
    fn without_a_name_it_asks_and_without_contexts_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        assert!(
            chosen(&store, None, &mut Scripted::new(["a"]))
                .unwrap_err()
                .hint()
                .is_some()
        );
        for name in ["a", "b"] {
            store.save(&mut Context::new(name)).unwrap();
        }
        assert_eq!(
            chosen(&store, None, &mut Scripted::new(["b"])).unwrap(),
            "b"
        );
        assert_eq!(
            chosen(&store, Some("a".into()), &mut Scripted::default()).unwrap(),
            "a"
        );
    }
}
