//! Connections of all servers, page by page.

use nats_api::monitor::{ConnInfo, Connz, ConnzOptions};
use nats_api::system::ServerInfo;
use nats_client::Client;
use regex::Regex;
use serde::Serialize;
use std::sync::Arc;

use super::super::ask::{self, Whom};
use crate::error::Result;
use crate::globals::Globals;

/// Connections asked for at once.
const PAGE: i64 = 1_024;
/// Pages of one server; what comes after is said to be left out.
const PAGES_MAX: i64 = 1_000;

/// A connection and the server that has it.
#[derive(Debug, Clone)]
pub struct Connection {
    pub info: ConnInfo,
    pub server: Arc<ServerInfo>,
}

/// As the reference writes it: the connection's fields with the server beside them.
impl Serialize for Connection {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        use serde::ser::Error;
        let mut document = serde_json::to_value(&self.info).map_err(S::Error::custom)?;
        let server = serde_json::to_value(&*self.server).map_err(S::Error::custom)?;
        if let Some(fields) = document.as_object_mut() {
            fields.insert("server".to_owned(), server);
        }
        document.serialize(serializer)
    }
}

/// All connections that the options choose and whose reason for closing matches.
pub async fn connections(
    globals: &Globals,
    client: &Client,
    mut options: ConnzOptions,
    whom: &Whom,
    reason: Option<&Regex>,
) -> Result<Vec<Connection>> {
    let mut found = Vec::new();
    options.auth = true;
    options.limit = PAGE;
    for page in 0..PAGES_MAX {
        options.offset = page * PAGE;
        let mut more = false;
        for (server, connz) in ask::pages::<Connz>(globals, client, "CONNZ", &options, whom).await?
        {
            let here = connz.connections.len();
            // `total` counts before filtering by user: only a full page promises another.
            more |= here > 0 && connz.offset.saturating_add(connz.limit) < connz.total;
            let server = Arc::new(server);
            let wanted = connz
                .connections
                .into_iter()
                .filter(|info| reason.is_none_or(|reason| reason.is_match(&info.reason)));
            found.extend(wanted.map(|info| Connection {
                info,
                server: server.clone(),
            }));
        }
        if !more {
            return Ok(found);
        }
    }
    log_line!(
        "There are more than {} connections on a server; the rest is left out",
        PAGE * PAGES_MAX
    );
    Ok(found)
}
