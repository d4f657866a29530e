//! `nats server request kick`.

use nats_api::system::requests::ConnectionRequest;

use super::super::ask;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output;

/// Disconnect a client at once
///
/// Clients reconnect by themselves, often to another server.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The ids are shown by: nats server report connections, nats server ping --id\n\n\
        Examples:\n  \
        nats server request kick 17 NDAZ…"
)]
pub struct Args {
    /// Id of the client
    #[arg(value_name = "ID")]
    client: u64,

    /// Id of its server
    #[arg(value_name = "SERVER_ID")]
    server: String,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let order = ConnectionRequest { cid: args.client };
    let answer = ask::order(globals, &client, &args.server, "KICK", &order).await?;
    output::json(&answer)?;
    if answer.get("error").is_some() {
        return Err(CliError::new(format!(
            "the server did not disconnect client {}",
            args.client
        ))
        .next_step("see which clients it has: nats server report connections"));
    }
    Ok(())
}
