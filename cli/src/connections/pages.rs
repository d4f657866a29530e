//! Connections of all servers, page by page.

use std::sync::Arc;

use nats_api::monitor::{Connz, ConnzOptions};
use nats_api::system::ServerInfo;
use regex::Regex;

use super::Connection;
use crate::error::Result;

/// Connections asked for at once.
const PAGE: i64 = 1_024;
/// Pages of one server; what comes after is said to be left out.
const PAGES_MAX: i64 = 1_000;

/// All connections that the options choose and whose reason for closing matches. `ask` puts one question to the servers.
pub async fn collect(
    mut options: ConnzOptions,
    reason: Option<&Regex>,
    ask: impl AsyncFn(&ConnzOptions) -> Result<Vec<(ServerInfo, Connz)>>,
) -> Result<Vec<Connection>> {
    let mut found = Vec::new();
    options.auth = true;
    options.limit = PAGE;
    for page in 0..PAGES_MAX {
        options.offset = page * PAGE;
        let mut more = false;
        for (server, connz) in ask(&options).await? {
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
