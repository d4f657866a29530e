//! `nats service request`.

use std::io::IsTerminal;
use std::time::Duration;

use nats_api::micro::Info;

use super::discovery;
use crate::commands::request::{AnswerArgs, Args as RequestArgs, Requester};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::messaging::{Blueprint, BodyArgs, BodySource};

/// Send a request to an endpoint of a service
///
/// The endpoint's subject is looked up. Without a payload the request is empty, unless something is piped in.
///
/// Exit codes are those of 'nats request'.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "req",
    after_help = "Examples:\n  \
        nats service request demo echo 'hello'\n  \
        echo hello | nats service request demo echo --raw"
)]
pub struct Args {
    /// Name of the service
    service: String,

    /// Name of the endpoint
    endpoint: String,

    /// Body of the request
    #[arg(allow_hyphen_values = true)]
    payload: Option<String>,

    #[command(flatten)]
    message: BodyArgs,

    #[command(flatten)]
    answers: AnswerArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let infos = discovery::infos(globals, &client, Some(&args.service), None, true).await?;
    let info = infos.into_iter().next().ok_or_else(|| {
        CliError::new(format!("no service instances found for {:?}", args.service))
    })?;
    let subject = subject_of(&info, &args.endpoint)?;
    let piped = !std::io::stdin().is_terminal();
    let payload = match args.payload {
        None if !piped && !args.message.force_stdin => Some(String::new()),
        payload => payload,
    };
    let request = RequestArgs {
        subject: subject.to_owned(),
        body: payload,
        message: args.message,
        answers: args.answers,
        replies: 1,
        reply_timeout: Duration::ZERO,
        wait_for_empty: false,
        wait: true,
    };
    let bodies = BodySource::new(
        request.body.as_deref(),
        request.message.force_stdin,
        request.message.send_on,
    );
    let blueprint = Blueprint::new(&request.subject, &request.message)?;
    Requester::new(globals, client, &request)?
        .run(blueprint, bodies)
        .await
}

fn subject_of<'a>(info: &'a Info, endpoint: &str) -> Result<&'a str> {
    if let Some(found) = info
        .endpoints
        .iter()
        .find(|candidate| candidate.name == endpoint)
    {
        return Ok(&found.subject);
    }
    let names: Vec<_> = info
        .endpoints
        .iter()
        .map(|endpoint| endpoint.name.as_str())
        .collect();
    let error = CliError::new(format!(
        "service {:?} has no endpoint {endpoint:?}",
        info.name
    ));
    Err(match names.as_slice() {
        [] => error.next_step("it has no endpoints at all"),
        names => error.next_step(format!("available: {}", names.join(", "))),
    })
}
