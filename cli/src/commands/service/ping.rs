//! `nats service ping`.

use std::time::Instant;

use nats_api::micro::{self, PING_TYPE, Ping};
use nats_client::{RequestError, RequestManyOptions};
use serde_json::json;

use crate::error::{CliError, Exit, Result};
use crate::globals::Globals;
use crate::output::{self, format};

/// Ask all services whether they are there, until --timeout
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats service ping\n  \
        nats service ping demo --timeout 1s --json")]
pub struct Args {
    /// Name of a service
    service: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let subject = micro::subject("PING", args.service.as_deref(), None);
    let start = Instant::now();
    let mut answers = client
        .request_many(
            &subject,
            None,
            "",
            RequestManyOptions::within(globals.timeout()),
        )
        .await?;
    let mut found = Vec::new();
    while let Some(answer) = answers.next().await {
        let answer = match answer {
            Ok(answer) => answer,
            Err(RequestError::NoResponders { .. }) => {
                return Err(CliError::new("no service instances found")
                    .with_exit(Exit::NoResponders)
                    .next_step("run the demo service: nats service serve demo"));
            }
            Err(error) => return Err(error.into()),
        };
        let rtt = start.elapsed();
        let Ok(ping) = serde_json::from_slice::<Ping>(answer.payload()) else {
            continue;
        };
        if ping.response_type != PING_TYPE {
            continue;
        }
        if args.json {
            found.push(json!({"name": ping.name, "id": ping.id, "version": ping.version, "rtt": rtt.as_nanos() as u64}));
        } else {
            outln!(
                "{:<50} rtt={}",
                format!("{} {}", ping.name, ping.id),
                format::duration(rtt)
            )?;
        }
    }
    if args.json {
        output::json(&found)?;
    }
    Ok(())
}
