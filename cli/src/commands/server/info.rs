//! `nats server info`.

use std::time::Duration;

use nats_api::monitor::Varz;
use nats_api::monitor::jsz::JetStreamLimits;

use super::ask;
use crate::commands::size;
use crate::error::Result;
use crate::globals::Globals;
use crate::output::color::Scheme;
use crate::output::{self, Columns, format};

/// Show everything about one server
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "i",
    after_help = "Examples:\n  \
        nats server info\n  \
        nats server info n1 --json"
)]
pub struct Args {
    /// Id or name of the server; the one that answers first when not given
    #[arg(default_value = "", hide_default_value = true)]
    server: String,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    let (_, varz) = ask::one::<Varz>(globals, &client, &args.server, "VARZ").await?;
    if args.json {
        return output::json(&varz);
    }
    show(&varz, globals.scheme())
}

/// Prints the view; `config reload` shows it as well.
pub fn show(varz: &Varz, scheme: Scheme) -> Result {
    out!("{}", view(varz, scheme).render())
}

fn view(varz: &Varz, scheme: Scheme) -> Columns {
    let heading = if varz.server_id == varz.server_name {
        format!("Server information for {}", varz.server_id)
    } else {
        format!(
            "Server information for {} ({})",
            varz.server_name, varz.server_id
        )
    };
    let mut columns = Columns::new(heading, scheme);
    process(&mut columns, varz);
    connection(&mut columns, varz);
    jetstream(&mut columns, varz);
    limits(&mut columns, varz);
    statistics(&mut columns, varz);
    cluster(&mut columns, varz);
    columns
}

fn process(columns: &mut Columns, varz: &Varz) {
    columns.section("Process Details");
    columns.row("Version", varz.version.as_str());
    columns.row_unless_empty("Git Commit", &varz.git_commit);
    columns.row("Built With", varz.go.as_str());
    columns.row("Start Time", jiff::Timestamp::from(varz.start));
    columns.row(
        "Configuration Load Time",
        jiff::Timestamp::from(varz.config_load_time),
    );
    columns.row_unless_empty("Configuration Digest", &varz.config_digest);
    columns.row("Uptime", varz.uptime.as_str());
}

fn connection(columns: &mut Columns, varz: &Varz) {
    columns.section("Connection Details");
    columns.row("Auth Required", varz.auth_required);
    columns.row("TLS Required", varz.tls_required);
    let address = format!("{}:{}", varz.host, varz.port);
    let address = if varz.ip.is_empty() {
        address
    } else {
        format!("{address} ({})", varz.ip)
    };
    columns.row("Host", address);
    columns.rows("Client URLs", &varz.connect_urls);
    columns.rows("WebSocket URLs", &varz.ws_connect_urls);
}

fn jetstream(columns: &mut Columns, varz: &Varz) {
    let Some(config) = &varz.jetstream.config else {
        return;
    };
    if config.store_dir.is_empty() {
        return;
    }
    let used = varz.jetstream.stats.clone().unwrap_or_default();
    let bytes = |limit: i64| size(limit.max(0));
    columns.section("JetStream");
    columns.row("Domain", config.domain.as_str());
    columns.row("API Support Level", used.api.level);
    columns.row("Storage Directory", config.store_dir.as_str());
    columns.row("Active Accounts", used.accounts);
    columns.row("Memory In Use", format::bytes(used.memory));
    columns.row("File In Use", format::bytes(used.storage));
    columns.row("API Requests", used.api.total);
    columns.row("API Errors", used.api.errors);
    let interval = Duration::from(config.sync_interval);
    if !interval.is_zero() {
        columns.row("Always sync writes to disk", config.sync_always);
        columns.row("Write sync Frequency", interval);
    }
    columns.row("Maximum Memory Storage", bytes(config.max_memory));
    columns.row("Maximum File Storage", bytes(config.max_storage));
    columns.row_unless_empty("Unique Tag", &config.unique_tag);
    columns.row("Cluster Message Compression", config.compress_ok);
    if let Some(limits) = &varz.jetstream.limits {
        jetstream_limits(columns, limits);
    }
    columns.row("Strict API Parsing", config.strict);
}

fn jetstream_limits(columns: &mut Columns, limits: &JetStreamLimits) {
    // 0 stands for no limit.
    let mut count = |label: &str, limit: i64| {
        columns.row_limit(label, if limit == 0 { -1 } else { limit });
    };
    count("Maximum HA Assets", limits.max_ha_assets);
    count("Maximum Ack Pending", limits.max_ack_pending);
    count("Maximum Request Batch", limits.max_request_batch);
    match Duration::from(limits.max_duplicate_window) {
        Duration::ZERO => columns.row("Maximum Duplicate Window", "unlimited"),
        window => columns.row("Maximum Duplicate Window", window),
    }
    columns.row("Maximum Messages Per Batch", limits.max_batch_size);
    let timeout = Duration::from(limits.max_batch_timeout);
    columns.row("Maximum Batch Timeout", timeout);
    columns.row(
        "Maximum Open Batches Per Stream",
        limits.max_batch_inflight_per_stream,
    );
    columns.row(
        "Maximum Open Batches Per Server",
        limits.max_batch_inflight_total,
    );
}

fn limits(columns: &mut Columns, varz: &Varz) {
    columns.section("Limits");
    columns.row("Maximum Connections", varz.max_connections);
    // 0 stands for no limit here.
    let subscriptions = varz.max_subscriptions;
    columns.row_limit(
        "Maximum Subscriptions",
        if subscriptions == 0 {
            -1
        } else {
            subscriptions
        },
    );
    columns.row("Maximum Payload", size(varz.max_payload));
    let seconds = Duration::try_from_secs_f64(varz.tls_timeout).unwrap_or_default();
    columns.row("TLS Timeout", seconds);
    columns.row("Write Deadline", Duration::from(varz.write_deadline));
}

fn statistics(columns: &mut Columns, varz: &Varz) {
    columns.section("Statistics");
    columns.row("CPU Cores", format!("{} {:.2}%", varz.cores, varz.cpu));
    columns.row_if(varz.gomaxprocs > 0, "GOMAXPROCS", varz.gomaxprocs);
    columns.row("Memory", size(varz.mem));
    columns.row_if(varz.gomemlimit > 0, "GOMEMLIMIT", size(varz.gomemlimit));
    columns.row("Connections", varz.connections);
    columns.row("Subscriptions", varz.subscriptions);
    let [in_msgs, out_msgs] = [varz.in_msgs, varz.out_msgs].map(format::signed);
    columns.row("Messages", format!("{in_msgs} in {out_msgs} out"));
    let [in_bytes, out_bytes] = [varz.in_bytes, varz.out_bytes].map(size);
    columns.row("Bytes", format!("{in_bytes} in {out_bytes} out"));
    columns.row("Slow Consumers", varz.slow_consumers);
}

fn cluster(columns: &mut Columns, varz: &Varz) {
    if !varz.cluster.urls.is_empty() {
        columns.section("Cluster");
        columns.row("Name", varz.cluster.name.as_str());
        columns.row_if(!varz.tags.is_empty(), "Tags", &varz.tags);
        let address = format!("{}:{}", varz.cluster.addr, varz.cluster.cluster_port);
        columns.row("Host", address);
        columns.rows("URLs", &varz.cluster.urls);
    }
    if !varz.gateway.gateways.is_empty() {
        columns.section("Super Cluster");
        columns.row("Name", varz.gateway.name.as_str());
        columns.row(
            "Host",
            format!("{}:{}", varz.gateway.host, varz.gateway.port),
        );
        let mut names: Vec<&str> = varz
            .gateway
            .gateways
            .iter()
            .map(|gateway| gateway.name.as_str())
            .collect();
        names.sort_unstable();
        columns.rows("Clusters", names);
    }
}

#[cfg(test)]
mod tests {
    use nats_api::monitor::varz::ClusterVarz;

    use super::*;

    #[test]
    fn a_clustered_server_shows_every_section_that_it_has() {
        let varz = Varz {
            server_id: "NABC".into(),
            server_name: "n1".into(),
            version: "2.14.0".into(),
            go: "rustc 1.90".into(),
            uptime: "3m4s".into(),
            host: "0.0.0.0".into(),
            port: 4222,
            connect_urls: vec!["10.0.0.1:4222".into(), "10.0.0.2:4222".into()],
            max_connections: 65_536,
            max_payload: 1 << 20,
            tls_timeout: 2.0,
            cores: 2,
            cpu: 0.5,
            in_msgs: 1_234,
            out_bytes: 10_240,
            cluster: ClusterVarz {
                name: "east".into(),
                addr: "0.0.0.0".into(),
                cluster_port: 6222,
                urls: vec!["10.0.0.2:6222".into()],
                ..ClusterVarz::default()
            },
            ..Varz::default()
        };
        let text = view(&varz, Scheme::Rounded).render();
        // Times are local: the machine's zone is not part of this test.
        let text: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("Time: 0"))
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
