//! `nats server report downgrade`.

use nats_api::jetstream::ConsumerInfo;
use nats_api::monitor::jsz::{AccountDetail, StreamDetail};
use nats_api::monitor::{Jsz, JszOptions};
use serde::Serialize;

use super::super::ask;
use super::super::target::Target;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::required_level;
use crate::output::{self, Table};

/// Accounts that a server is asked about at a time.
const ACCOUNTS_MAX: usize = 1_000;

/// List streams and consumers that servers of an older API level cannot run
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server report downgrade 1\n  \
        nats server report downgrade 0 --all --json")]
pub struct Args {
    /// The API level of the servers to go back to
    level: u32,

    /// Also the consumers of streams that are listed
    #[arg(long)]
    all: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    target: Target,
}

/// What cannot go back.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Found {
    streams: Vec<FoundStream>,
    consumers: Vec<FoundConsumer>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct FoundStream {
    account: String,
    name: String,
    api_level: u32,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct FoundConsumer {
    account: String,
    /// With a star when the stream cannot go back either.
    stream: String,
    name: String,
    api_level: u32,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect_system().await?;
    if !args.json {
        outln!("Obtaining JetStream Asset information")?;
    }
    let mut found = Found::default();
    let mut options = JszOptions {
        accounts: true,
        streams: true,
        consumer: true,
        config: true,
        // Each asset once, told by whoever leads it.
        stream_leader_only: true,
        limit: ACCOUNTS_MAX as i64,
        ..JszOptions::default()
    };
    loop {
        let whom = args.target.whom(0);
        let pages = ask::pages::<Jsz>(globals, &client, "JSZ", &options, &whom).await?;
        if pages.is_empty() {
            return Err(CliError::new("no server answered"));
        }
        for account in pages.iter().flat_map(|(_, page)| &page.account_details) {
            found.add(account, &args);
        }
        let full = |page: &Jsz| page.account_details.len() >= ACCOUNTS_MAX;
        if !pages.iter().any(|(_, page)| full(page)) {
            break;
        }
        options.offset = options.offset.saturating_add(ACCOUNTS_MAX as i64);
    }
    found.streams.sort();
    found.consumers.sort();
    if args.json {
        return output::json(&found);
    }
    show(globals, &found)
}

impl Found {
    fn add(&mut self, account: &AccountDetail, args: &Args) {
        for stream in &account.stream_detail {
            let level = level_of_stream(stream);
            let lost = level > args.level;
            if lost {
                self.streams.push(FoundStream {
                    account: account.name.clone(),
                    name: stream.name.clone(),
                    api_level: level,
                });
            }
            let with_stream = lost && args.all;
            for consumer in &stream.consumer_detail {
                let level = level_of_consumer(consumer);
                if level > args.level || with_stream {
                    self.consumers.push(FoundConsumer {
                        account: account.name.clone(),
                        stream: format!("{}{}", stream.name, if with_stream { "*" } else { "" }),
                        name: consumer.name.clone(),
                        api_level: level,
                    });
                }
            }
        }
    }
}

fn level_of_stream(stream: &StreamDetail) -> u32 {
    let config = stream.config.as_ref();
    config.map_or(0, |config| level(required_level(&config.metadata)))
}

fn level_of_consumer(consumer: &ConsumerInfo) -> u32 {
    let config = consumer.config.as_ref();
    config.map_or(0, |config| level(required_level(&config.metadata)))
}

/// A level that nobody can read is newer than everything.
fn level(text: &str) -> u32 {
    text.parse().unwrap_or(u32::MAX)
}

fn show(globals: &Globals, found: &Found) -> Result {
    if found.streams.is_empty() && found.consumers.is_empty() {
        return outln!("All assets are compatible with the specified API level.");
    }
    if !found.streams.is_empty() {
        let header = ["Account", "Stream", "Required API level"];
        let mut table = Table::new("Assets: Streams", globals.scheme()).header(header);
        for stream in &found.streams {
            table.row([&stream.account, &stream.name, &stream.api_level.to_string()]);
        }
        outln!("{}", table.render())?;
    }
    if !found.consumers.is_empty() {
        let header = ["Account", "Stream", "Consumer", "Required API level"];
        let mut table = Table::new("Assets: Consumers", globals.scheme()).header(header);
        for consumer in &found.consumers {
            let level = consumer.api_level.to_string();
            table.row([&consumer.account, &consumer.stream, &consumer.name, &level]);
        }
        outln!("{}", table.render())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_newer_level_is_listed_with_its_consumers_when_wanted() {
        let account: AccountDetail = serde_json::from_str(
            r#"{"name":"A","stream_detail":[
            {"name":"NEW","config":{"metadata":{"_nats.req.level":"2"}},"consumer_detail":[{"name":"plain","config":{}}]},
            {"name":"OLD","config":{},"consumer_detail":[{"name":"pinned","config":{"metadata":{"_nats.req.level":"1"}}}]}]}"#,
        )
        .unwrap();
        let list = |level: u32, all: bool| {
            let args = Args {
                level,
                all,
                json: false,
                target: Target::default(),
            };
            let mut found = Found::default();
            found.add(&account, &args);
            let streams: Vec<_> = found.streams.iter().map(|s| s.name.clone()).collect();
            let consumers: Vec<_> = found
                .consumers
                .iter()
                .map(|c| format!("{}>{}", c.stream, c.name))
                .collect();
            (streams.join(","), consumers.join(","))
        };
        let pair = |streams: &str, consumers: &str| (streams.to_owned(), consumers.to_owned());
        assert_eq!(list(2, true), pair("", ""));
        assert_eq!(list(1, false), pair("NEW", ""));
        assert_eq!(list(0, true), pair("NEW", "NEW*>plain,OLD>pinned"));
    }
}
