//! `nats stream rmm`.

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::pick;
use nats_term::prompt::{Terminal, number};

/// Delete one message of a stream and overwrite its bytes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats stream rmm ORDERS 1234 --force")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Sequence of the message
    id: Option<u64>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let id = match args.id {
        Some(id) => id,
        None => {
            let question = "Message Sequence to remove";
            let id = number(&mut Terminal, question, "", "the sequence of the message")?;
            u64::try_from(id).unwrap_or(0)
        }
    };
    if id == 0 {
        return Err(CliError::new("positive message ID required"));
    }
    pick::warned(&mut Terminal, &name)?;
    let question = format!("Really remove message {id} from Stream {name}");
    if !pick::confirmed(&mut Terminal, args.force, &question)? {
        return Ok(());
    }
    Ok(api.delete_message(&name, id, true).await?)
}
