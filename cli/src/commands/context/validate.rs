//! `nats context validate`.

use clap_complete::engine::ArgValueCompleter;
use nats_client::context::Store;

use super::show;
use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Check one or all contexts
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats context validate\n  \
        nats context validate prod --connect")]
pub struct Args {
    /// Name of the context; all of them when left out
    #[arg(add = ArgValueCompleter::new(crate::complete::contexts))]
    name: Option<String>,

    /// Connect with each of them
    #[arg(long)]
    connect: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let store = Store::open_default()?;
    let names = match args.name {
        Some(name) => vec![name],
        None => store.names()?,
    };
    let mut problems = 0;
    for name in names {
        match store.load(&name) {
            Ok(context) => {
                if let Err(error) = context.validate() {
                    problems += 1;
                    outln!("Context {name:?} is not valid: {error}\n")?;
                }
                problems += show::show(globals, &context, args.connect).await?;
            }
            Err(error) => {
                problems += 1;
                outln!("Could not load {name}: {error}\n")?;
            }
        }
    }
    match problems {
        0 => Ok(()),
        1 => Err(CliError::new("validation failed: there is a problem")),
        many => Err(CliError::new(format!(
            "validation failed: there are {many} problems"
        ))),
    }
}
