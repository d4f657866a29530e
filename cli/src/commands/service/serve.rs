//! `nats service serve`.

use std::time::Instant;

use nats_client::{Client, HeaderMap, Message};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::micro::{Endpoint, Service};
use crate::output::{Columns, format};
use crate::parse;
use crate::signals::interrupted;

/// Run a demo service that answers with what it is asked
///
/// Its endpoint NAME.echo answers with the request, its headers, and headers that say who answered.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats service serve demo\n  \
        nats service serve demo -H Region:eu")]
pub struct Args {
    /// Name of the service
    name: String,

    /// Add a header to the answers, as Name:Value
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    headers: Vec<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut extra = Vec::new();
    for text in &args.headers {
        // `Name=Value` is the form of the reference tool here.
        let text = if text.contains(':') {
            text.clone()
        } else {
            text.replacen('=', ":", 1)
        };
        let (name, value) = parse::header(&text)?;
        extra.push((name.to_owned(), value.to_owned()));
    }
    let client = globals.connect().await?;
    let description = format!("NATS CLI Demo Service ({})", args.name);
    let endpoint = Endpoint::new("echo", &format!("{}.echo", args.name)).showing_bytes();
    let service =
        Service::start(&client, &args.name, "1.0.0", &description, vec![endpoint]).await?;
    let mut requests = service.subscribe(&client, 0).await?;
    client.flush().await?;
    out!(
        "{}",
        greeting(globals, &client, &args.name, &extra).render()
    )?;
    loop {
        tokio::select! {
            request = requests.next() => {
                let Some(request) = request else { break };
                let start = Instant::now();
                log_line!("Handling request on subject {}", request.subject());
                if let Err(error) = answer(&client, &request, &extra).await {
                    log_line!("Could not answer: {error}");
                }
                service.record_bytes(0, request.payload().len());
                service.record(0, start.elapsed());
            }
            () = interrupted() => break,
        }
    }
    client
        .drain()
        .await
        .map_err(|e| CliError::new(e.to_string()))
}

fn greeting(
    globals: &Globals,
    client: &Client,
    name: &str,
    headers: &[(String, String)],
) -> Columns {
    let server = client
        .connected_url()
        .map(|url| url.to_string())
        .unwrap_or_default();
    let pid = std::process::id();
    let heading = format!("NATS CLI Service {name} handler {pid} waiting for requests on {server}");
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Listening Subjects");
    columns.row(&format!("{name}.echo"), "Echo Service");
    if !headers.is_empty() {
        columns.section("Custom Response Headers");
        for (name, value) in headers {
            columns.row(name, value);
        }
    }
    columns.section("Requests Log");
    columns
}

async fn answer(client: &Client, request: &Message, extra: &[(String, String)]) -> Result {
    let Some(reply) = request.reply() else {
        return Ok(());
    };
    let server = client
        .connected_url()
        .map(|url| url.to_string())
        .unwrap_or_default();
    let cluster = client.server_info().cluster.clone();
    let mut headers = HeaderMap::new();
    let mut add = |name: &str, value: &str| {
        headers
            .append(name, value)
            .map_err(|e| CliError::new(e.to_string()).context(format!("header {name}")))
    };
    add("ConnectedUrl", &server)?;
    add("Handler", &std::process::id().to_string())?;
    add("Subject", request.subject())?;
    add("Timestamp", &format::time(jiff::Timestamp::now()))?;
    if !cluster.is_empty() {
        add("ConnectedCluster", &cluster)?;
    }
    for (name, value) in extra {
        add(name, value)?;
    }
    let received = request.headers().unwrap_or_default();
    for (name, value) in received.iter() {
        add(name, value)?;
    }
    client
        .publish_with_headers(reply, &headers, request.payload())
        .await?;
    Ok(())
}
