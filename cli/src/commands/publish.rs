//! `nats publish`.

use std::time::Duration;

use nats_client::{Client, Event, Events};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::messaging::{Blueprint, BodyArgs, BodySource, Outgoing, SendOn};
use crate::parse;
use crate::progress::Progress;
use crate::signals::interrupted;
use crate::template::Scope;

/// More messages than this show a progress bar instead of a line each.
const LINES_MAX: u64 = 20;

/// Publish messages
///
/// Subject, body and header values may use templates, filled in for every message:
///
///   Count, Cnt        number of the message, from 1
///   TimeStamp         now, as RFC 3339
///   Unix, UnixNano    now, in seconds or nanoseconds since 1970
///   Time              now, as 3:04PM
///   ID                a unique id
///   Random MIN MAX    a random text of MIN to MAX letters and digits
///
/// Without a body it is read from standard input.
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "pub",
    verbatim_doc_comment,
    after_help = "Examples:\n  \
        nats pub orders.new 'hello'\n  \
        nats pub 'orders.{{Count}}' 'order {{ID}} at {{TimeStamp}}' --count 100 --sleep 10ms\n  \
        nats pub orders.new 'hello' -H 'Trace-Id:{{ID}}' --reply orders.replies\n  \
        tail -f app.log | nats pub logs.app --send-on newline"
)]
pub struct Args {
    /// Subject to publish to
    subject: String,

    /// Body of the message
    #[arg(allow_hyphen_values = true)]
    body: Option<String>,

    #[command(flatten)]
    message: BodyArgs,

    /// Subject on which answers are wanted
    #[arg(long, value_name = "SUBJECT")]
    reply: Option<String>,

    /// Publish so many messages
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    count: u64,

    /// Wait between messages
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    sleep: Option<Duration>,

    /// Do not say what is published
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    jetstream: JetStreamArgs,
}

/// Known, so that they are refused by name: their feature comes with JetStream.
#[derive(Debug, clap::Args)]
struct JetStreamArgs {
    #[arg(short = 'J', long, hide = true)]
    jetstream: bool,
    #[arg(long, hide = true)]
    atomic: bool,
    #[arg(long, hide = true)]
    schedule_after: Option<String>,
    #[arg(long, hide = true)]
    schedule_at: Option<String>,
    #[arg(long, hide = true)]
    schedule_cron: Option<String>,
    #[arg(long, hide = true)]
    schedule_dest: Option<String>,
    #[arg(long, hide = true)]
    schedule_every: Option<String>,
    #[arg(long, hide = true)]
    schedule_source: Option<String>,
    #[arg(long, hide = true)]
    schedule_ttl: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    args.jetstream.refuse()?;
    let mut blueprint = Blueprint::new(&args.subject, &args.message)?;
    let mut bodies = BodySource::new(
        args.body.as_deref(),
        args.message.force_stdin,
        args.message.send_on,
    );
    let client = globals.connect().await?;
    if bodies.is_stdin() && !args.quiet {
        log_line!("Reading payload from STDIN");
    }
    let mut publisher = Publisher::new(&args, client);
    let published = tokio::select! {
        () = interrupted() => Err(CliError::new("interrupted").context("publishing")),
        result = async {
            while let Some(body) = bodies.next().await? {
                blueprint.set_body(&body);
                publisher.publish_all(&blueprint).await?;
            }
            Ok(())
        } => result,
    };
    // Also after an error: what was published before it shall arrive.
    publisher.finish().await.and(published)
}

struct Publisher<'a> {
    args: &'a Args,
    client: Client,
    events: Events,
    progress: Option<Progress>,
    /// Wait for the server after every message, as for a person who watches line by line.
    one_by_one: bool,
}

impl<'a> Publisher<'a> {
    fn new(args: &'a Args, client: Client) -> Self {
        let many = args.count > LINES_MAX;
        let lines = args.message.send_on == SendOn::Newline;
        Self {
            args,
            events: client.events(),
            client,
            progress: many.then(|| Progress::of_messages(args.count, !args.quiet)),
            one_by_one: !many && !lines,
        }
    }

    async fn publish_all(&mut self, blueprint: &Blueprint) -> Result {
        let count = self.args.count.max(1);
        for number in 1..=count {
            let message = blueprint.message(&Scope::at_count(number))?;
            self.publish(&message).await?;
            if let Some(sleep) = self.args.sleep.filter(|_| count > 1) {
                tokio::time::sleep(sleep).await;
            }
        }
        Ok(())
    }

    async fn publish(&mut self, message: &Outgoing) -> Result {
        let headers = (!message.headers.is_empty()).then_some(&message.headers);
        let reply = self.args.reply.as_deref();
        let Outgoing {
            subject, payload, ..
        } = message;
        self.client
            .publish_message(subject, reply, headers, payload)
            .await?;
        if self.one_by_one {
            self.client.flush().await?;
            self.refusal().await?;
        }
        match &self.progress {
            Some(progress) => progress.add(1),
            None if self.args.quiet => {}
            None => log_line!("Published {} bytes to {subject:?}", payload.len()),
        }
        Ok(())
    }

    /// Waits until the server has everything, and asks whether it refused any of it.
    async fn finish(&mut self) -> Result {
        self.client.flush().await?;
        if let Some(progress) = &self.progress {
            progress.finish();
        }
        self.refusal().await
    }

    /// The server's refusal, when one has come. It comes before the answer to a flush.
    async fn refusal(&mut self) -> Result {
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, self.events.next()).await {
            if let Event::ServerError(error) = event {
                return Err(CliError::new(error.to_string()).next_step(
                    "the user of this connection may not do this: see nats account info",
                ));
            }
        }
        Ok(())
    }
}

impl JetStreamArgs {
    fn refuse(&self) -> Result {
        let given = [
            ("--jetstream", self.jetstream),
            ("--atomic", self.atomic),
            ("--schedule-after", self.schedule_after.is_some()),
            ("--schedule-at", self.schedule_at.is_some()),
            ("--schedule-cron", self.schedule_cron.is_some()),
            ("--schedule-dest", self.schedule_dest.is_some()),
            ("--schedule-every", self.schedule_every.is_some()),
            ("--schedule-source", self.schedule_source.is_some()),
            ("--schedule-ttl", self.schedule_ttl.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(CliError::not_available(flag, "JetStream")),
            None => Ok(()),
        }
    }
}
