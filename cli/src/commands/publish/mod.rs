//! `nats publish`: to whoever listens, or with [`stored`] into a stream.
//!
//! The messages come from [`crate::messaging`]. What never happens here: a message is told as published before the server
//! has it, or as stored before the stream said so. Start reading in [`run`].

mod stored;

use std::time::Duration;

use nats_client::{Client, Event, Events};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::Api;
use crate::messaging::{Blueprint, BodyArgs, BodySource, Outgoing, SendOn};
use crate::parse;
use crate::progress::Progress;
use crate::signals::interrupted;
use crate::template::Scope;

use stored::{Batch, StoreArgs, batch_line, stored_line};

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
        tail -f app.log | nats pub logs.app --send-on newline\n  \
        nats pub orders.new 'hello' --jetstream"
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
    store: StoreArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let mut blueprint = Blueprint::new(&args.subject, &args.message)?;
    let mut bodies = BodySource::new(
        args.body.as_deref(),
        args.message.force_stdin,
        args.message.send_on,
    );
    args.store
        .check(bodies.is_stdin() && args.message.send_on != SendOn::Newline)?;
    let client = globals.connect().await?;
    if bodies.is_stdin() && !args.quiet {
        log_line!("Reading payload from STDIN");
    }
    let mut publisher = Publisher::new(globals, &args, client)?;
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
    // Also after an error: what was published before it shall arrive. A batch that is not whole shall not.
    publisher.finish(published.is_ok()).await.and(published)
}

/// Where messages go.
enum Way {
    Subscribers,
    Stream(Api),
    Batch(Option<Batch>),
}

struct Publisher<'a> {
    args: &'a Args,
    way: Way,
    client: Client,
    events: Events,
    progress: Option<Progress>,
    /// Wait for the server after every message, as for a person who watches line by line.
    one_by_one: bool,
}

impl<'a> Publisher<'a> {
    fn new(globals: &Globals, args: &'a Args, client: Client) -> Result<Self> {
        let way = if args.store.wanted() {
            let api = Api::over(globals, client.clone())?;
            if args.store.atomic() {
                Way::Batch(Some(Batch::new(&api)))
            } else {
                Way::Stream(api)
            }
        } else {
            Way::Subscribers
        };
        let many = args.count > LINES_MAX;
        let lines = args.message.send_on == SendOn::Newline;
        Ok(Self {
            args,
            way,
            events: client.events(),
            client,
            progress: many.then(|| Progress::of_messages(args.count, !args.quiet)),
            one_by_one: !many && !lines,
        })
    }

    async fn publish_all(&mut self, blueprint: &Blueprint) -> Result {
        let count = self.args.count.max(1);
        for number in 1..=count {
            let message = blueprint.message(&Scope::at_count(number))?;
            self.publish(message).await?;
            if let Some(sleep) = self.args.sleep.filter(|_| count > 1) {
                tokio::time::sleep(sleep).await;
            }
        }
        Ok(())
    }

    async fn publish(&mut self, message: Outgoing) -> Result {
        let size = message.payload.len();
        let said = match &mut self.way {
            Way::Subscribers => {
                let Outgoing {
                    subject, payload, ..
                } = &message;
                let headers = (!message.headers.is_empty()).then_some(&message.headers);
                let reply = self.args.reply.as_deref();
                self.client
                    .publish_message(subject, reply, headers, payload)
                    .await?;
                if self.one_by_one {
                    self.client.flush().await?;
                    self.refusal().await?;
                }
                format!("Published {size} bytes to {subject:?}")
            }
            Way::Stream(api) => {
                let ack = self.args.store.store(api, &message).await?;
                let subject = &message.subject;
                format!(
                    "Published {size} bytes to {subject:?}\n{}",
                    stored_line(&ack)
                )
            }
            Way::Batch(batch) => {
                let said = format!(
                    "Adding {size} bytes to batch on subject {:?}",
                    message.subject
                );
                if let Some(batch) = batch {
                    batch.add(message).await?;
                }
                said
            }
        };
        match &self.progress {
            Some(progress) => progress.add(1),
            None if self.args.quiet => {}
            None => said.lines().for_each(|line| log_line!("{line}")),
        }
        Ok(())
    }

    /// Waits until the server has everything, and asks whether it refused any of it. A batch is stored when it is whole.
    async fn finish(&mut self, whole: bool) -> Result {
        self.client.flush().await?;
        let batch = match &mut self.way {
            Way::Batch(batch) if whole => batch.take(),
            _ => None,
        };
        let stored = match batch {
            Some(batch) => batch.store().await?,
            None => None,
        };
        if let Some(progress) = &self.progress {
            progress.finish();
        }
        if let Some(ack) = stored.filter(|_| !self.args.quiet) {
            log_line!("{}", batch_line(&ack));
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
