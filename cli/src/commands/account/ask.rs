//! Questions about one's own account, which servers answer in every account.

use nats_api::system::{Reply, ServerInfo, subjects};
use nats_client::Client;
use nats_client::system::{self, Answer, Gather, SystemError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{CliError, Exit, Result};
use crate::globals::Globals;

/// What each server says to `$SYS.REQ.ACCOUNT.PING.<verb>`; of connections it is asked by the name that means all of them in the
/// system account.
pub async fn servers<T: DeserializeOwned>(
    globals: &Globals,
    client: &Client,
    verb: &str,
    body: &impl Serialize,
) -> Result<Vec<(ServerInfo, T)>> {
    let subject = match verb {
        "CONNZ" => subjects::server_ping(verb),
        _ => subjects::account_ping(verb),
    };
    if globals.trace() {
        log_line!(">>> {subject}: {}", serde_json::to_string(body)?);
    }
    let gather = Gather {
        timeout: globals.timeout(),
        ..Gather::default()
    };
    let answers: Vec<Answer<Reply<T>>> = system::gather(client, &subject, body, gather)
        .await
        .map_err(explained)?;
    if answers.is_empty() {
        return Err(CliError::new("did not get results from any servers"));
    }
    let mut results = Vec::new();
    for answer in answers {
        if globals.trace() {
            log_line!("<<< {}", answer.message.text());
        }
        let Reply {
            server,
            data,
            error,
        } = answer.document;
        match (data, error) {
            (_, Some(error)) => {
                return Err(CliError::new(format!(
                    "server {} refused: {}",
                    server.name, error.description
                )));
            }
            (Some(data), None) => results.push((server, data)),
            (None, None) => {
                return Err(CliError::new(format!(
                    "server {} answered without data",
                    server.name
                )));
            }
        }
    }
    results.sort_by(|(a, _), (b, _)| (&a.cluster, &a.name).cmp(&(&b.cluster, &b.name)));
    Ok(results)
}

fn explained(error: SystemError) -> CliError {
    match error {
        SystemError::NoResponders { subject } => {
            CliError::new(format!("no server answers on {subject}"))
                .with_exit(Exit::NoResponders)
                .next_step("the server has no system account, or is too old for it")
        }
        other => CliError::new(other.to_string()),
    }
}
