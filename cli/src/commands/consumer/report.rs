//! `nats consumer report`.

use std::time::Duration;

use nats_api::jetstream::ConsumerInfo;

use super::select::WhichStream;
use crate::error::Result;
use crate::globals::Globals;
use crate::jetstream::{Leaders, ack_policy_name, missing, required_level, servers_cell};
use crate::output::color::Scheme;
use crate::output::{self, Table, format};

/// Compare the consumers of a stream
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nats consumer report ORDERS --leaders")]
pub struct Args {
    #[command(flatten)]
    which: WhichStream,

    /// Show figures without commas and units
    #[arg(short, long)]
    raw: bool,

    /// Show how many consumers each server leads
    #[arg(short, long)]
    leaders: bool,

    /// Print JSON
    #[arg(short, long)]
    json: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let (api, stream) = args.which.connect(globals, false).await?;
    let name = stream.config.name;
    let list = api.consumers_of(&name).await?;
    if args.json {
        return output::json(&list.consumers);
    }
    let scheme = globals.scheme();
    let messages = stream.state.messages;
    outln!(
        "{}",
        table(&list.consumers, &name, messages, args.raw, scheme).render()
    )?;
    let mut leaders = Leaders::default();
    for info in &list.consumers {
        leaders.add(info.cluster.as_ref());
    }
    if args.leaders && !leaders.is_empty() {
        outln!("{}", leaders.table("Consumers", scheme).render())?;
    }
    out!(
        "{}",
        missing("Consumers", &list.missing, &list.offline, scheme)
    )
}

fn table(
    consumers: &[ConsumerInfo],
    stream: &str,
    messages: u64,
    raw: bool,
    scheme: Scheme,
) -> Table {
    let count = |value: i64| {
        if raw {
            value.to_string()
        } else {
            format::signed(value)
        }
    };
    let title = format!(
        "Consumer report for {stream} with {} consumers",
        format::count(consumers.len() as u64)
    );
    let mut table = Table::new(title, scheme).header([
        "Consumer",
        "Mode",
        "Ack Policy",
        "Ack Wait",
        "Ack Pending",
        "Redelivered",
        "Unprocessed",
        "Ack Floor",
        "API Level",
        "Cluster",
    ]);
    for info in consumers {
        let config = info.config.clone().unwrap_or_default();
        let floor = info.ack_floor.stream_seq;
        table.row([
            info.name.clone(),
            if config.is_push() { "Push" } else { "Pull" }.to_owned(),
            ack_policy_name(config.ack_policy).to_owned(),
            format::duration(Duration::from(config.ack_wait)),
            count(info.num_ack_pending),
            count(info.num_redelivered),
            unprocessed(info.num_pending, messages, raw),
            if raw {
                floor.to_string()
            } else {
                format::count(floor)
            },
            required_level(&config.metadata).to_owned(),
            servers_cell(info.cluster.as_ref()),
        ]);
    }
    table
}

/// `1,200 / 12%`: how many messages of the stream are still to be delivered.
fn unprocessed(pending: u64, messages: u64, raw: bool) -> String {
    if raw || pending == 0 {
        return pending.to_string();
    }
    let percent = (pending as f64 / messages.max(1) as f64 * 100.0)
        .floor()
        .min(100.0);
    format!("{} / {percent:.0}%", format::count(pending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumers_are_compared() {
        let consumers: Vec<ConsumerInfo> = serde_json::from_str(
            r#"[{"name":"NEW","config":{"ack_policy":"explicit","ack_wait":30000000000},"num_ack_pending":5,
            "num_redelivered":1,"num_pending":1200,"ack_floor":{"stream_seq":8800}},
            {"name":"PUSH","config":{"ack_policy":"none","deliver_subject":"out"},"num_pending":0}]"#,
        )
        .unwrap();
        insta::assert_snapshot!(
            table(&consumers, "ORDERS", 10_000, false, Scheme::Rounded).render()
        );
        assert_eq!(unprocessed(5, 0, false), "5 / 100%");
    }
}
