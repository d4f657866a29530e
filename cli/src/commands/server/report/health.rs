//! `nats server report health`.

use std::collections::BTreeSet;

use nats_api::monitor::{Healthz, HealthzOptions};
use nats_api::system::ServerInfo;

use super::super::ask;
use super::super::target::Target;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Errors of one server that are shown; the rest is counted.
const ERRORS_MAX: usize = 10;

/// Show whether the servers are fit for work
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server report health\n  \
        nats server report health --js-enabled")]
pub struct Args {
    /// Wait for so many servers
    #[arg(default_value_t = 0, hide_default_value = true)]
    limit: usize,

    /// JetStream must be enabled everywhere
    #[arg(short = 'J', long, overrides_with = "no_js_enabled")]
    js_enabled: bool,

    #[arg(long, overrides_with = "js_enabled", hide = true)]
    no_js_enabled: bool,

    /// Check the server only, no streams and consumers
    #[arg(short = 'S', long, overrides_with = "no_server_only")]
    server_only: bool,

    #[arg(long, overrides_with = "server_only", hide = true)]
    no_server_only: bool,

    /// Check only this account
    #[arg(long)]
    account: Option<String>,

    /// Check only this stream
    #[arg(long)]
    stream: Option<String>,

    /// Check only this consumer
    #[arg(long)]
    consumer: Option<String>,

    /// Reverse the order
    #[arg(short = 'R', long)]
    reverse: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let whom = args.target.whom(args.limit);
    let options = HealthzOptions {
        js_enabled_only: args.js_enabled,
        js_server_only: args.server_only,
        account: args.account.unwrap_or_default(),
        stream: args.stream.unwrap_or_default(),
        consumer: args.consumer.unwrap_or_default(),
        details: true,
        ..HealthzOptions::default()
    };
    let mut servers = ask::pages::<Healthz>(globals, &client, "HEALTHZ", &options, &whom).await?;
    servers.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    if args.reverse {
        servers.reverse();
    }
    if args.json {
        let documents: Vec<_> = servers
            .iter()
            .map(|(server, health)| serde_json::json!({"server": server, "data": health}))
            .collect();
        return output::json(&documents);
    }
    out!("{}", table(&servers, globals.scheme()).render())
}

fn table(servers: &[(ServerInfo, Healthz)], scheme: Scheme) -> Table {
    let mut table = Table::new("Health Report", scheme)
        .header(["Server", "Cluster", "Domain", "Status", "Type", "Error"]);
    let mut clusters = BTreeSet::new();
    let (mut healthy, mut errors) = (0, 0);
    for (server, health) in servers {
        if !server.cluster.is_empty() {
            clusters.insert(server.cluster.as_str());
        }
        healthy += usize::from(health.status_code == 200);
        errors += health.errors.len();
        let status = format!("{} ({})", health.status, health.status_code);
        table.row([
            &server.name,
            &server.cluster,
            &server.domain,
            &status,
            "",
            "",
        ]);
        for error in health.errors.iter().take(ERRORS_MAX) {
            table.row(["", "", "", "", &error.error_type, &error.error]);
        }
        let more = health.errors.len().saturating_sub(ERRORS_MAX);
        if more > 0 {
            table.row(["", "", "", "", "", &format!("{more} more errors")]);
        }
    }
    table.footer([
        servers.len().to_string(),
        clusters.len().to_string(),
        String::new(),
        format!("ok: {healthy} / err: {}", servers.len() - healthy),
        String::new(),
        format::count(errors as u64),
    ]);
    table
}

#[cfg(test)]
mod tests {
    use nats_api::monitor::HealthzError;

    use super::*;

    #[test]
    fn errors_stand_below_their_server_and_are_counted() {
        let server = |name: &str| ServerInfo {
            name: name.into(),
            cluster: "east".into(),
            ..ServerInfo::default()
        };
        let healthy = Healthz {
            status: "ok".into(),
            status_code: 200,
            ..Healthz::default()
        };
        let error = HealthzError {
            error_type: "JETSTREAM".into(),
            error: "JetStream is not current with the meta leader".into(),
            ..HealthzError::default()
        };
        let ill = Healthz {
            status: "error".into(),
            status_code: 503,
            errors: vec![error; 12],
            ..Healthz::default()
        };
        let servers = [(server("n1"), healthy), (server("n2"), ill)];
        insta::assert_snapshot!(table(&servers, Scheme::Rounded).render());
    }
}
