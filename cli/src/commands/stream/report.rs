//! `nats stream report`.

use std::path::PathBuf;

use nats_api::jetstream::{StreamInfo, StreamSourceInfo};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::{Api, Leaders, missing, required_level, servers_cell, storage_name};
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Compare the streams: what they hold, where they are, how replication does
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats stream report\n  \
        nats stream report --messages --leaders\n  \
        nats stream report --dot streams.dot")]
pub struct Args {
    /// Only streams that take this subject
    #[arg(long)]
    subject: Option<String>,

    /// Only streams in this cluster
    #[arg(long)]
    cluster: Option<String>,

    /// Sort by the number of consumers
    #[arg(short = 'o', long)]
    consumers: bool,

    /// Sort by the number of messages
    #[arg(short, long)]
    messages: bool,

    /// Sort by name
    #[arg(short, long)]
    name: bool,

    /// Sort by storage
    #[arg(short = 't', long)]
    storage: bool,

    /// Show figures without commas and units
    #[arg(short, long)]
    raw: bool,

    /// Write a graph of the replication to this file, for GraphViz
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,

    /// Show how many streams each server leads
    #[arg(short, long)]
    leaders: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let api = Api::connect(globals).await?;
    let mut listing = api
        .list(args.subject.as_deref().unwrap_or_default())
        .await?;
    if let Some(wanted) = &args.cluster {
        listing.streams.retain(|info| {
            let cluster = info.cluster.as_ref();
            cluster.is_none_or(|cluster| cluster.name == *wanted)
        });
    }
    args.sort(&mut listing.streams);
    if args.json {
        return output::json(&listing.streams);
    }
    outln!("Obtaining Stream stats\n")?;
    if listing.streams.is_empty() && listing.missing.is_empty() && listing.offline.is_empty() {
        return outln!("No Streams defined");
    }
    let scheme = globals.scheme();
    outln!("{}", table(&listing.streams, args.raw, scheme).render())?;
    let replicates = |info: &StreamInfo| info.mirror.is_some() || !info.sources.is_empty();
    if listing.streams.iter().any(replicates) {
        outln!(
            "{}",
            replication(&listing.streams, args.raw, scheme).render()
        )?;
    }
    if let Some(path) = &args.dot {
        std::fs::write(path, dot(&listing.streams))
            .map_err(|e| CliError::from(e).context(path.display()))?;
    }
    let mut leaders = Leaders::default();
    for info in &listing.streams {
        leaders.add(info.cluster.as_ref());
    }
    if args.leaders && !leaders.is_empty() {
        outln!("{}", leaders.table("Streams", scheme).render())?;
    }
    out!(
        "{}",
        missing("Streams", &listing.missing, &listing.offline, scheme)
    )
}

impl Args {
    fn sort(&self, streams: &mut [StreamInfo]) {
        streams.sort_by(|a, b| a.config.name.cmp(&b.config.name));
        if self.consumers {
            streams.sort_by_key(|info| info.state.consumer_count);
        } else if self.messages {
            streams.sort_by_key(|info| info.state.messages);
        } else if self.storage {
            streams.sort_by_key(|info| storage_name(info.config.storage));
        } else if !self.name {
            streams.sort_by_key(|info| info.state.bytes);
        }
    }
}

fn table(streams: &[StreamInfo], raw: bool, scheme: Scheme) -> Table {
    let count = |value: u64| {
        if raw {
            value.to_string()
        } else {
            format::count(value)
        }
    };
    let bytes = |value: u64| {
        if raw {
            value.to_string()
        } else {
            format::bytes(value)
        }
    };
    let mut table = Table::new("Stream Report", scheme).header([
        "Stream",
        "Storage",
        "Placement",
        "Consumers",
        "Messages",
        "Bytes",
        "Lost",
        "Deleted",
        "API Level",
        "Replicas",
    ]);
    for info in streams {
        let state = &info.state;
        let lost = match state.lost.as_ref().filter(|lost| !lost.msgs.is_empty()) {
            Some(lost) => format!("{} ({})", count(lost.msgs.len() as u64), bytes(lost.bytes)),
            None => "0".to_owned(),
        };
        table.row([
            info.config.name.clone(),
            storage_name(info.config.storage).to_owned(),
            placement(info),
            count(state.consumer_count),
            count(state.messages),
            bytes(state.bytes),
            lost,
            count(state.num_deleted),
            required_level(&info.config.metadata).to_owned(),
            servers_cell(info.cluster.as_ref()),
        ]);
    }
    table
}

fn placement(info: &StreamInfo) -> String {
    let Some(placement) = &info.config.placement else {
        return String::new();
    };
    let mut parts = Vec::new();
    if !placement.cluster.is_empty() {
        parts.push(format!("cluster: {}", placement.cluster));
    }
    if !placement.tags.is_empty() {
        parts.push(format!("tags: {}", placement.tags.join(", ")));
    }
    parts.join(" ")
}

fn replication(streams: &[StreamInfo], raw: bool, scheme: Scheme) -> Table {
    let mut table = Table::new("Replication Report", scheme).header([
        "Stream",
        "Kind",
        "API Prefix",
        "Source Stream",
        "Filters and Transforms",
        "Active",
        "Lag",
        "Error",
    ]);
    for info in streams {
        let name = &info.config.name;
        if let Some(mirror) = &info.mirror {
            table.row(upstream(name, "Mirror", mirror, raw));
        }
        for source in &info.sources {
            table.row(upstream(name, "Source", source, raw));
        }
    }
    table
}

fn upstream(stream: &str, kind: &str, source: &StreamSourceInfo, raw: bool) -> [String; 8] {
    let mut filters: Vec<String> = source
        .subject_transforms
        .iter()
        .map(|transform| format!("{} to {}", transform.src, transform.dest))
        .collect();
    if filters.is_empty() && !source.filter_subject.is_empty() {
        filters.push(format!("{} untransformed", source.filter_subject));
    }
    [
        stream.to_owned(),
        kind.to_owned(),
        source
            .external
            .as_ref()
            .map(|e| e.api.clone())
            .unwrap_or_default(),
        source.name.clone(),
        filters.join(", "),
        crate::jetstream::last_seen(source.active),
        if raw {
            source.lag.to_string()
        } else {
            format::count(source.lag)
        },
        source
            .error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    ]
}

/// Who gets messages from whom, for GraphViz.
fn dot(streams: &[StreamInfo]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut text = String::from("digraph {\n  label=\"Stream Replication Structure\";\n");
    for info in streams {
        let name = quoted(&info.config.name);
        if let Some(mirror) = &info.config.mirror {
            let from = quoted(&mirror.name);
            text.push_str(&format!(
                "  {from} -> {name} [color=\"blue\", label=\"Mirror\"];\n"
            ));
        }
        for source in &info.config.sources {
            let from = quoted(&source.name);
            let label = match source.subject_transforms.as_slice() {
                [] => source.filter_subject.clone(),
                [one] => format!("{} to {}", one.src, one.dest),
                many => format!("{} filters", many.len()),
            };
            let label = match label.as_str() {
                "" => String::new(),
                label => format!(", label={}", quoted(label)),
            };
            text.push_str(&format!("  {from} -> {name} [color=\"green\"{label}];\n"));
        }
    }
    text.push_str("}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> Vec<StreamInfo> {
        serde_json::from_str(
            r#"[{"config":{"name":"ORDERS","storage":"file","placement":{"cluster":"east","tags":["ssd"]}},
            "state":{"messages":1234,"bytes":4096,"consumer_count":2,"num_deleted":5,"lost":{"msgs":[1,2],"bytes":2048}},
            "cluster":{"name":"east","leader":"n1","replicas":[{"name":"n2","current":true}]}},
            {"config":{"name":"COPY","storage":"memory","mirror":{"name":"ORDERS"},
            "sources":[{"name":"A","filter_subject":"x.>"},{"name":"B"}]},
            "mirror":{"name":"ORDERS","lag":1200,"active":1500000000},
            "sources":[{"name":"A","lag":0,"active":-1,"filter_subject":"x.>",
            "error":{"code":500,"err_code":10065,"description":"gone"}}]}]"#,
        )
        .unwrap()
    }

    #[test]
    fn streams_and_their_replication_are_reported() {
        insta::assert_snapshot!(table(&streams(), false, Scheme::Rounded).render());
        insta::assert_snapshot!(
            "replication",
            replication(&streams(), false, Scheme::Rounded).render()
        );
        insta::assert_snapshot!("dot", dot(&streams()));
    }
}
