//! Discovery requests: everybody answers, and nobody knows how many that are.

use std::time::Duration;

use nats_api::micro::{self, INFO_TYPE, Info, STATS_TYPE, Stats};
use nats_client::{Client, RequestError, RequestManyOptions};
use serde::de::DeserializeOwned;

use crate::error::{CliError, Exit, Result};
use crate::globals::Globals;

/// Answers that come further apart than this are not waited for.
const SILENCE: Duration = Duration::from_millis(300);

/// Infos of the services, in order of name and id. With `one` the first answer is enough.
pub async fn infos(
    globals: &Globals,
    client: &Client,
    name: Option<&str>,
    id: Option<&str>,
    one: bool,
) -> Result<Vec<Info>> {
    let mut infos: Vec<Info> = ask(globals, client, "INFO", name, id, one).await?;
    infos.retain(|info| info.response_type == INFO_TYPE);
    infos.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(infos)
}

/// Statistics of the instances of a service, in order of name and id.
pub async fn stats(
    globals: &Globals,
    client: &Client,
    name: &str,
    id: Option<&str>,
) -> Result<Vec<Stats>> {
    let mut stats: Vec<Stats> = ask(globals, client, "STATS", Some(name), id, id.is_some()).await?;
    stats.retain(|stats| stats.response_type == STATS_TYPE);
    stats.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    Ok(stats)
}

/// Answers that are no such document are left out: anybody can answer.
async fn ask<T: DeserializeOwned>(
    globals: &Globals,
    client: &Client,
    verb: &str,
    name: Option<&str>,
    id: Option<&str>,
    one: bool,
) -> Result<Vec<T>> {
    let subject = micro::subject(verb, name, id);
    let mut options = RequestManyOptions::within(globals.timeout()).stall(SILENCE);
    if one {
        options = options.max(1);
    }
    if globals.trace() {
        log_line!(">>> {subject}");
    }
    let mut answers = client.request_many(&subject, None, "", options).await?;
    let mut documents = Vec::new();
    while let Some(answer) = answers.next().await {
        let answer = match answer {
            Ok(answer) => answer,
            Err(RequestError::NoResponders { .. }) => return Err(nobody(name)),
            Err(error) => return Err(error.into()),
        };
        if globals.trace() {
            log_line!("<<< {}", answer.text());
        }
        documents.extend(serde_json::from_slice::<T>(answer.payload()));
    }
    Ok(documents)
}

fn nobody(name: Option<&str>) -> CliError {
    let (message, hint) = match name {
        Some(name) => (
            format!("no service instances found for {name:?}"),
            "see which there are: nats service list",
        ),
        None => (
            "no service instances found".to_owned(),
            "run the demo service: nats service serve demo",
        ),
    };
    CliError::new(message)
        .with_exit(Exit::NoResponders)
        .next_step(hint)
}
