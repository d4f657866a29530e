//! `nats server account purge`.

use nats_api::jetstream::AccountPurgeResponse;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use nats_term::prompt::{Prompt, Terminal};

/// Delete all streams and consumers of an account
///
/// This cannot be taken back. Messages between clients are not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nats server account purge APP --force")]
pub struct Args {
    /// Name of the account
    account: String,

    /// Do not ask for confirmation
    #[arg(short, long)]
    force: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::over(globals, globals.connect_system().await?)?;
    let account = &args.account;
    if !args.force {
        outln!(
            "This operation deletes all data from the {account} account and cannot be reversed.\n"
        )?;
        let question = format!("Really purge account {account}");
        if !Terminal.confirm(&question, false, "--force")? {
            return Ok(());
        }
    }
    let subject = api.api().account_purge(account);
    let answer: AccountPurgeResponse = api.request(subject, b"").await?;
    if !answer.initiated {
        return Err(CliError::new(format!(
            "the server did not begin to purge account {account}"
        )));
    }
    outln!("Purge operation on account {account} initiated")
}
