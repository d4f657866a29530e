//! `nats server watch`: the registry, and the live table that its commands share.
//!
//! Servers send heartbeats and counts by themselves; the commands collect the newest of each and draw a table every second.
//! What is kept is bounded ([`ENTRIES_MAX`]): a system with more servers or accounts than that is not what a terminal shows.
//! Called by the registry of `nats server` only.

mod accounts;
mod api;
mod jetstream;
mod servers;

use std::cell::RefCell;
use std::time::Duration;

use nats_api::system::ServerStatsEvent;
use nats_api::system::subjects::{SERVER_PING, statsz_event};
use nats_client::{Client, Message};

use crate::error::Result;
use crate::globals::Globals;
use crate::output::{Table, screen};
use crate::signals::interrupted;

/// Servers, or accounts and servers, that are remembered.
const ENTRIES_MAX: usize = 100_000;

/// Lines of a table beside its rows: title, header, footer, and the lines between them.
const TABLE_LINES: usize = 9;

/// Rows when the output is no terminal.
const ROWS_WITHOUT_TERMINAL: usize = 1_000;

/// Watch servers, accounts and JetStream live
///
/// The figures come from what servers send by themselves every ten to thirty seconds: they are totals, not rates.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats server watch servers --sort mem\n  \
        nats server watch accounts")]
pub struct Args {
    #[command(subcommand)]
    command: Watches,
}

registry! {
    /// What can be watched.
    Watches {
        Accounts(accounts),
        Api(api),
        Jetstream(jetstream),
        Servers(servers),
    }
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.command.run(globals).await
}

/// Collects what comes on `subjects` and draws the table once a second, until Ctrl-C.
///
/// `ask` is published once, so that a first answer comes at once.
async fn live(
    client: &Client,
    subjects: &[String],
    ask: Option<&str>,
    mut take: impl FnMut(&Message),
    mut table: impl FnMut() -> Result<Option<Table>>,
) -> Result {
    let inbox = client.new_inbox();
    let mut all = client.subscribe(&inbox).await?;
    let (sender, mut messages) = tokio::sync::mpsc::channel::<Message>(1_024);
    for subject in subjects {
        let mut subscription = client.subscribe(subject.as_str()).await?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(message) = subscription.next().await {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
    if let Some(subject) = ask {
        client
            .publish_with_reply(subject, &inbox, Vec::new())
            .await?;
    }
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = interrupted() => return Ok(()),
            Some(message) = messages.recv() => take(&message),
            Some(message) = all.next() => take(&message),
            _ = tick.tick() => match table()? {
                Some(table) => screen::draw(&table.render())?,
                None => screen::draw("Waiting for the first data ...\n")?,
            },
        }
    }
}

/// The rows of a live table.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Rows {
    /// Show so many; as many as the screen has room for when not given
    #[arg(
        short,
        long,
        value_name = "COUNT",
        default_value_t = 0,
        hide_default_value = true
    )]
    number: usize,
}

impl Rows {
    /// How many to show: those that were asked for, or what the screen has room for.
    fn room(self) -> Result<usize> {
        let wanted = self.number;
        if !crate::output::stdout_is_terminal() {
            return Ok(if wanted == 0 {
                ROWS_WITHOUT_TERMINAL
            } else {
                wanted
            });
        }
        let (_, lines) = screen::size("a live table", 40, TABLE_LINES as u16 + 1)?;
        let room = lines.saturating_sub(TABLE_LINES);
        Ok(if wanted == 0 { room } else { wanted.min(room) })
    }
}

/// `7`, or `5 / 7` when not all are shown.
fn shown_of(shown: usize, all: usize) -> String {
    if shown < all {
        format!("{shown} / {all}")
    } else {
        all.to_string()
    }
}

/// Draws the table that `table` makes of the newest heartbeats of all servers, until Ctrl-C.
async fn live_heartbeats(
    globals: &Globals,
    rows: &Rows,
    table: impl Fn(&Heartbeats, usize) -> Table,
) -> Result {
    // A terminal that is too small is told before anything is asked.
    rows.room()?;
    let client = globals.connect_system().await?;
    let known = RefCell::new(Heartbeats::default());
    let take = |message: &Message| known.borrow_mut().take(message);
    let draw = || Ok(Some(table(&known.borrow(), rows.room()?)));
    // The ping makes the servers answer at once.
    let subjects = [statsz_event("*")];
    live(&client, &subjects, Some(SERVER_PING), take, draw).await
}

/// The newest heartbeat of each server, by id.
#[derive(Default)]
struct Heartbeats {
    servers: std::collections::HashMap<String, ServerStatsEvent>,
    newest: Option<jiff::Timestamp>,
}

impl Heartbeats {
    /// What is no heartbeat is left out.
    fn take(&mut self, message: &Message) {
        let Ok(event) = serde_json::from_slice::<ServerStatsEvent>(message.payload()) else {
            return;
        };
        let known = self.servers.contains_key(&event.server.id);
        if known || self.servers.len() < ENTRIES_MAX {
            self.newest = Some(jiff::Timestamp::now());
            self.servers.insert(event.server.id.clone(), event);
        }
    }
}

/// `12 / 1.5 KiB`: messages and bytes.
fn traffic(messages: i64, bytes: i64) -> String {
    use crate::output::format;
    format!(
        "{} / {}",
        format::signed(messages),
        crate::commands::size(bytes)
    )
}
