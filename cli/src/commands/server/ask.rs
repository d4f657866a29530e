//! Questions to servers over the system account, and advice when nobody answers.

use nats_api::system::events::ServerStatsEvent;
use nats_api::system::{EventFilter, Reply, ServerInfo, subjects};
use nats_client::Client;
use nats_client::system::{self, Answer, Gather, SystemError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{CliError, Result};
use crate::globals::Globals;

/// Which servers are asked, and how many answers are awaited.
#[derive(Debug, Clone, Default)]
pub struct Whom {
    pub filter: EventFilter,
    /// Ends the question; without it the servers that are known to each other, or the silence.
    pub expected: Option<usize>,
}

impl Whom {
    /// All servers. 0 stands for "as many as there are".
    pub fn everybody(expected: usize) -> Self {
        Self {
            filter: EventFilter::default(),
            expected: (expected > 0).then_some(expected),
        }
    }
}

/// The page `verb` of the servers, with their names; a server that answers with an error ends the command.
pub async fn pages<T: DeserializeOwned>(
    globals: &Globals,
    client: &Client,
    verb: &str,
    options: &impl Serialize,
    whom: &Whom,
) -> Result<Vec<(ServerInfo, T)>> {
    let subject = subjects::server_ping(verb);
    let answers = answers::<Reply<T>>(globals, client, &subject, options, whom).await?;
    answers
        .into_iter()
        .map(|answer| data(answer.document))
        .collect()
}

/// What came back on `subject`, each read as `T`; at least one.
pub async fn answers<T: DeserializeOwned>(
    globals: &Globals,
    client: &Client,
    subject: &str,
    options: &impl Serialize,
    whom: &Whom,
) -> Result<Vec<Answer<T>>> {
    let gather = gather(globals, client, whom).await?;
    let body = body(options, &whom.filter)?;
    trace(globals, ">>>", subject, &body.to_string());
    let answers = system::gather(client, subject, &body, gather)
        .await
        .map_err(|error| advice(error, globals))?;
    for answer in &answers {
        trace(globals, "<<<", subject, &answer.message.text());
    }
    if answers.is_empty() {
        return Err(nobody(subject, &whom.filter));
    }
    Ok(answers)
}

/// The heartbeats of the servers.
pub async fn statistics(
    globals: &Globals,
    client: &Client,
    whom: &Whom,
) -> Result<Vec<Answer<ServerStatsEvent>>> {
    answers(globals, client, &subjects::server_ping("STATSZ"), &(), whom).await
}

/// One server, by its id or by its name; any when the name is empty.
pub async fn one<T: DeserializeOwned>(
    globals: &Globals,
    client: &Client,
    server: &str,
    verb: &str,
) -> Result<(ServerInfo, T)> {
    let (subject, filter) = if is_server_id(server) {
        (
            subjects::server_request(server, verb),
            EventFilter::default(),
        )
    } else {
        let filter = EventFilter {
            server_name: server.to_owned(),
            exact_match: true,
            ..EventFilter::default()
        };
        (subjects::server_ping(verb), filter)
    };
    let whom = Whom {
        filter,
        expected: Some(1),
    };
    let mut found = answers::<Reply<T>>(globals, client, &subject, &(), &whom).await?;
    found.truncate(1);
    match found.pop() {
        Some(answer) => data(answer.document),
        None => Err(nobody(&subject, &whom.filter)),
    }
}

/// Asks the server with this id and hands back its whole answer.
pub async fn order(
    globals: &Globals,
    client: &Client,
    server_id: &str,
    verb: &str,
    body: &impl Serialize,
) -> Result<Value> {
    let subject = subjects::server_request(server_id, verb);
    let answer = system::request::<Value>(client, &subject, body, globals.timeout())
        .await
        .map_err(|error| advice(error, globals))?;
    trace(globals, "<<<", &subject, &answer.message.text());
    Ok(answer.document)
}

/// Server ids are public keys: 56 upper-case letters and digits.
fn is_server_id(text: &str) -> bool {
    text.len() == 56
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// A known number of answers ends the question at once; with a filter nobody knows it, and the silence decides.
async fn gather(globals: &Globals, client: &Client, whom: &Whom) -> Result<Gather> {
    let timeout = globals.timeout();
    let silence = Gather {
        timeout,
        ..Gather::default()
    };
    if let Some(expected) = whom.expected {
        return Ok(Gather::expecting(expected, timeout));
    }
    if whom.filter != EventFilter::default() {
        return Ok(silence);
    }
    let first = system::request::<ServerStatsEvent>(client, subjects::SERVER_PING, &(), timeout)
        .await
        .map_err(|error| advice(error, globals))?;
    let servers = usize::try_from(first.document.statsz.active_servers).unwrap_or(0);
    Ok(if servers == 0 {
        silence
    } else {
        Gather::expecting(servers, timeout)
    })
}

/// The options of a page and the filter share one document.
fn body(options: &impl Serialize, filter: &EventFilter) -> Result<Value> {
    let mut fields = serde_json::Map::new();
    for part in [
        serde_json::to_value(options)?,
        serde_json::to_value(filter)?,
    ] {
        if let Value::Object(part) = part {
            fields.extend(part);
        }
    }
    Ok(Value::Object(fields))
}

fn data<T>(reply: Reply<T>) -> Result<(ServerInfo, T)> {
    if let Some(error) = reply.error {
        return Err(CliError::new(format!(
            "server {} refused: {} (code {})",
            reply.server.name, error.description, error.code
        )));
    }
    let name = reply.server.name.clone();
    let data = reply.data.map(|data| (reply.server, data));
    data.ok_or_else(|| CliError::new(format!("server {name} answered without data")))
}

fn trace(globals: &Globals, direction: &str, subject: &str, text: &str) {
    if globals.trace() {
        log_line!("{direction} {subject}: {text}");
    }
}

fn nobody(subject: &str, filter: &EventFilter) -> CliError {
    let error = CliError::new(format!("no server answered on {subject}"));
    if *filter == EventFilter::default() {
        error.next_step(CREDENTIALS)
    } else {
        error.next_step("see which servers there are: nats server list")
    }
}

const CREDENTIALS: &str = "use a user of the system account: --user and --password, --creds, or --context of such a user \
     (in the server's configuration: system_account, and a user in that account)";

/// What to do when servers do not answer.
pub fn advice(error: SystemError, globals: &Globals) -> CliError {
    use nats_client::RequestError;
    match error {
        SystemError::NoResponders { subject } => {
            CliError::new(format!("no server answers on {subject}")).next_step(CREDENTIALS)
        }
        SystemError::Request(RequestError::TimedOut(_)) => CliError::new(format!(
            "no server answered within {}",
            crate::output::format::duration(globals.timeout())
        ))
        .next_step(CREDENTIALS),
        other => CliError::new(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use nats_api::errors::ApiError;

    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        assert!(is_server_id(&format!("N{}", "A7".repeat(27) + "B")));
        assert!(!is_server_id("n1"));
        assert!(!is_server_id(&"n".repeat(56)));
    }

    #[test]
    fn options_and_filter_are_one_document_and_nothing_is_an_empty_one() {
        let filter = EventFilter {
            cluster: "east".into(),
            ..EventFilter::default()
        };
        let options = serde_json::json!({"limit": 5});
        assert_eq!(
            body(&options, &filter).unwrap().to_string(),
            r#"{"limit":5,"cluster":"east"}"#
        );
        assert_eq!(
            body(&(), &EventFilter::default()).unwrap().to_string(),
            "{}"
        );
    }

    #[test]
    fn an_error_of_a_server_is_an_error_that_names_the_server() {
        let server = ServerInfo {
            name: "n1".into(),
            ..ServerInfo::default()
        };
        let refused = Reply::<Value>::error(
            server.clone(),
            ApiError {
                code: 400,
                description: "bad request".into(),
                ..ApiError::default()
            },
        );
        let error = data(refused).unwrap_err();
        assert_eq!(
            error.to_string(),
            "server n1 refused: bad request (code 400)"
        );
        let empty = Reply::<Value> {
            server,
            data: None,
            error: None,
        };
        assert_eq!(
            data(empty).unwrap_err().to_string(),
            "server n1 answered without data"
        );
    }
}
