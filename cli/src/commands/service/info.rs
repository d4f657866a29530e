//! `nats service info`.

use std::time::Duration;

use nats_api::micro::{EndpointInfo, EndpointStats, Info, Stats};
use nats_api::time::{Nanos, Timestamp};
use regex::Regex;
use serde_json::json;

use super::discovery;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Columns, format};

/// Show a service: what it is, its endpoints and their statistics
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "i",
    after_help = "Examples:\n  \
        nats service info demo\n  \
        nats service info demo --endpoint '^echo$' --json"
)]
pub struct Args {
    /// Name of the service
    service: String,

    /// Id of an instance; any one when left out
    id: Option<String>,

    /// Show the endpoints whose name matches this regular expression
    #[arg(short, long, value_name = "REGEX", value_parser = Regex::new)]
    endpoint: Option<Regex>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let infos = discovery::infos(
        globals,
        &client,
        Some(&args.service),
        args.id.as_deref(),
        true,
    )
    .await?;
    let none = || {
        CliError::new(format!(
            "no instance of service {:?} answered",
            args.service
        ))
    };
    let mut info = infos.into_iter().next().ok_or_else(none)?;
    let stats = discovery::stats(globals, &client, &info.name, Some(&info.id)).await?;
    let mut stats = stats.into_iter().next().ok_or_else(none)?;
    if let Some(wanted) = &args.endpoint {
        info.endpoints
            .retain(|endpoint| wanted.is_match(&endpoint.name));
        stats
            .endpoints
            .retain(|endpoint| wanted.is_match(&endpoint.name));
    }
    if args.json {
        return output::json(&json!({"info": info, "stats": stats}));
    }
    out!("{}", describe(&info, &stats, globals).render())
}

fn describe(info: &Info, stats: &Stats, globals: &Globals) -> Columns {
    let mut columns = Columns::new("Service Information", globals.scheme());
    columns.row("Service", format!("{} ({})", info.name, info.id));
    columns.row("Description", &info.description);
    columns.row("Version", &info.version);
    columns.rows(
        "Metadata",
        info.metadata
            .iter()
            .map(|(key, value)| format!("{key}: {value}")),
    );
    columns.section("Endpoints");
    columns.indent(2);
    for (index, endpoint) in info.endpoints.iter().enumerate() {
        if index > 0 {
            columns.text("");
        }
        describe_endpoint(&mut columns, endpoint);
    }
    columns.indent(0);
    columns.section(format!(
        "Statistics for {} Endpoint(s)",
        stats.endpoints.len()
    ));
    columns.indent(2);
    for endpoint in &stats.endpoints {
        describe_statistics(&mut columns, endpoint, stats.started);
    }
    columns
}

fn describe_endpoint(columns: &mut Columns, endpoint: &EndpointInfo) {
    columns.row("Name", &endpoint.name);
    columns.row("Subject", &endpoint.subject);
    columns.row_unless_empty("Queue Group", &endpoint.queue_group);
    columns.rows(
        "Metadata",
        endpoint
            .metadata
            .iter()
            .map(|(key, value)| format!("{key}: {value}")),
    );
}

fn describe_statistics(columns: &mut Columns, endpoint: &EndpointStats, started: Timestamp) {
    let name = if endpoint.name.is_empty() {
        "default"
    } else {
        &endpoint.name
    };
    columns.section(format!("{name} Endpoint Statistics"));
    let requests = format::count(endpoint.num_requests);
    columns.row(
        "Requests",
        format!("{requests} in group {:?}", endpoint.queue_group),
    );
    let (sum, mean) = (
        duration(endpoint.processing_time),
        duration(endpoint.average_processing_time),
    );
    columns.row(
        "Processing Time",
        format!(
            "{} (average {})",
            format::duration(sum),
            format::duration(mean)
        ),
    );
    let now = Timestamp::from_unix_nanos(jiff::Timestamp::now().as_nanosecond());
    let ago = format::duration(now.since(started));
    if let Ok(started) = jiff::Timestamp::from_nanosecond(started.unix_nanos()) {
        columns.row("Started", format!("{} ({ago} ago)", format::time(started)));
    }
    columns.row("Errors", endpoint.num_errors);
    columns.row_unless_empty("Last Error", &endpoint.last_error);
    if let Some(data) = &endpoint.data {
        columns.section("Endpoint Specific Statistics");
        let data = serde_json::to_string_pretty(data).unwrap_or_default();
        for line in data.lines() {
            columns.text(format!("  {line}"));
        }
    }
}

pub fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(u64::try_from(nanos.0).unwrap_or(0))
}
