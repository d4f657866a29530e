//! `nats schema request`.

use clap_complete::ArgValueCompleter;
use serde_json::Value;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output;

/// Send a request and check the answer against its schema
///
/// Ends with exit code 1 when the answer is not as its schema wants it.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "req",
    after_help = "Examples:\n  \
        nats schema request '$JS.API.INFO'\n  \
        nats schema request '$JS.API.STREAM.INFO.ORDERS' --show\n  \
        nats schema request '$SRV.PING' '' --schema io.nats.micro.v1.ping_response"
)]
pub struct Args {
    /// Where to send it
    subject: String,

    /// What to send
    #[arg(default_value = "{}")]
    body: String,

    /// Name of the schema that the answer must be of
    #[arg(long, value_name = "SCHEMA", add = ArgValueCompleter::new(super::names))]
    schema: Option<String>,

    /// Show the answer
    #[arg(long)]
    show: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let wanted = args.schema.as_deref().map(super::find).transpose()?;
    let client = globals.connect().await?;
    let body = args.body.as_bytes();
    let answer = client
        .request(&args.subject, None, body, globals.timeout())
        .await?;
    let answer: Value = serde_json::from_slice(answer.payload())?;
    if args.show {
        output::json(&answer)?;
        outln!("")?;
    }
    let Some(kind) = answer.get("type").and_then(Value::as_str) else {
        return Err(CliError::new("could not determine the message type"));
    };
    if wanted.is_some_and(|wanted| wanted.name != kind) {
        return Err(CliError::new(format!("invalid message type {kind}")));
    }
    let problems = super::find(kind)?.check(&answer);
    if problems.is_empty() {
        return outln!("Response is a valid {kind} message");
    }
    outln!("Message did not pass validation against {kind}\n")?;
    for problem in problems {
        outln!("   {problem}")?;
    }
    Err(CliError::exit(1))
}
