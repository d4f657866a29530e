//! `nats server config reload`.

use nats_api::monitor::Varz;
use serde_json::Value;

use super::super::{ask, info};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use nats_term::prompt::{Prompt, Terminal};

/// Order a server to read its configuration file again
#[derive(Debug, clap::Args)]
#[command(after_help = "The ids are shown by: nats server ping --id\n\n\
        Examples:\n  \
        nats server config reload NDAZ… --force")]
pub struct Args {
    /// Id or name of the server
    id: String,

    /// Do not ask for confirmation
    #[arg(short, long, overrides_with = "no_force")]
    force: bool,

    #[arg(long, overrides_with = "force", hide = true)]
    no_force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let (server, _) = ask::one::<Varz>(globals, &client, &args.id, "VARZ").await?;
    if !args.force {
        let question = format!(
            "Really reload configuration for {} ({}) on {}",
            server.name, server.id, server.host
        );
        if !Terminal.confirm(&question, false, "--force")? {
            return Ok(());
        }
    }
    let answer = ask::order(globals, &client, &server.id, "RELOAD", &()).await?;
    if let Some(refused) = answer.get("error") {
        let why = refused.get("description").and_then(Value::as_str);
        return Err(CliError::new(format!(
            "server {} refused to reload: {}",
            server.name,
            why.unwrap_or("it does not say why")
        ))
        .next_step("its log says more; check the file: nats server config check FILE"));
    }
    let (_, varz) = ask::one::<Varz>(globals, &client, &server.id, "VARZ").await?;
    info::show(&varz, globals.scheme())
}
