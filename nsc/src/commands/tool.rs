//! `tool`: messages as a user of the store, to try out what it may do.

use std::time::Duration;

use clap::Subcommand;
use nats_client::Client;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::remote::nats::{self, Tls, User};
use crate::workspace::Workspace;

/// One of the tools without `tool` before it, as old manuals have it.
#[derive(Debug, clap::Args)]
pub struct Alone<T: clap::Args> {
    /// Where the servers are, when it is not where the operator says
    #[arg(long, value_name = "URL")]
    pub nats: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
    #[command(flatten)]
    pub what: T,
}

impl<T: clap::Args> Alone<T> {
    /// The same behind `tool`.
    pub fn with(self, tool: impl FnOnce(T) -> Tool) -> Args {
        Args {
            nats: self.nats,
            tls: self.tls,
            tool: tool(self.what),
        }
    }
}

/// What is tried out, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the servers are, when it is not where the operator says
    #[arg(long, global = true, value_name = "URL")]
    pub nats: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
    #[command(subcommand)]
    pub tool: Tool,
}

/// Who connects.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Connect {
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// Name of the user, when there is more than one
    #[arg(short, long)]
    pub user: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Publish a message
    #[command(after_help = "Example:\n  nsc tool pub -u till orders.new 'two coffees'")]
    Pub(Send),
    /// Show the messages of a subject
    #[command(after_help = "Example:\n  nsc tool sub -u till 'orders.>'")]
    Sub(Receive),
    /// Send a request and show the answer
    #[command(after_help = "Example:\n  nsc tool req -u till prices.eur ''")]
    Req(Send),
    /// Answer requests with what they hold, or with a text
    #[command(
        after_help = "Examples:\n  nsc tool reply -u service 'prices.*'\n  nsc tool reply -u service 'prices.*' '3.50'"
    )]
    Reply(Answer),
    /// Measure how long it takes to the server and back
    #[command(after_help = "Example:\n  nsc tool rtt -u till")]
    Rtt(Connect),
}

#[derive(Debug, clap::Args)]
pub struct Send {
    /// The subject
    pub subject: String,
    /// What is sent
    #[arg(default_value = "")]
    pub payload: String,
    #[command(flatten)]
    pub connect: Connect,
}

#[derive(Debug, clap::Args)]
pub struct Receive {
    /// The subject
    pub subject: String,
    /// Share the messages with others of this queue
    #[arg(short, long)]
    pub queue: Option<String>,
    /// End after so many messages
    #[arg(long, value_name = "COUNT")]
    pub max_messages: Option<u64>,
    #[command(flatten)]
    pub connect: Connect,
}

#[derive(Debug, clap::Args)]
pub struct Answer {
    #[command(flatten)]
    pub receive: Receive,
    /// What is answered, when it is not what the request holds
    pub answer: Option<String>,
}

impl Tool {
    /// The same, for filling it in.
    pub fn target_mut(&mut self) -> &mut Connect {
        match self {
            Self::Pub(send) | Self::Req(send) => &mut send.connect,
            Self::Sub(receive) => &mut receive.connect,
            Self::Reply(answer) => &mut answer.receive.connect,
            Self::Rtt(connect) => connect,
        }
    }

    /// Who connects.
    fn target(&self) -> &Connect {
        match self {
            Self::Pub(send) | Self::Req(send) => &send.connect,
            Self::Sub(receive) => &receive.connect,
            Self::Reply(answer) => &answer.receive.connect,
            Self::Rtt(connect) => connect,
        }
    }
}

/// Looks up user and server.
///
/// # Errors
/// When the user's key is not here.
pub fn prepare(workspace: &mut Workspace, args: &Args) -> Result<(String, User)> {
    let target = args.tool.target();
    let url = nats::service_url(workspace, args.nats.as_deref())?;
    let account = workspace.account_name(target.account.as_deref())?;
    let user = workspace.user_name(&account, target.user.as_deref())?;
    Ok((url, nats::stored_user(workspace, &account, &user)?))
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::remote(error.to_string())
}

/// Does it.
///
/// # Errors
/// When the server is not to be had, or does not allow it.
pub async fn run(args: &Args, url: &str, user: &User, json: bool) -> Result {
    let client = nats::connect(url, "nsc_tool", user, &args.tls, nats::USER_REFUSED).await?;
    let mut events = client.events();
    nats_term::interrupt::handled_elsewhere();
    let work = async {
        match &args.tool {
            Tool::Pub(send) => publish(&client, send, json).await,
            Tool::Req(send) => request(&client, send, json).await,
            Tool::Sub(receive) => listen(&client, receive, None, json).await,
            Tool::Reply(answer) => listen(&client, &answer.receive, Some(answer), json).await,
            Tool::Rtt(_) => {
                let rtt = client.rtt().await.map_err(failed)?;
                let nanoseconds = u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX);
                say(
                    json,
                    &format!("round trip time to [{url}] = {rtt:?}"),
                    || json!({"url": url, "rtt": nanoseconds}),
                )
            }
        }
    };
    let refused = async {
        while let Some(event) = events.next().await {
            if let nats_client::Event::ServerError(error) = event {
                return failed(error);
            }
        }
        std::future::pending().await
    };
    let result = tokio::select! {
        result = work => result,
        error = refused => Err(error),
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    client.close().await;
    result
}

/// A line for people, or a document a line.
fn say(json: bool, words: &str, document: impl FnOnce() -> Value) -> Result {
    if json {
        super::print(&format!("{}\n", document()))
    } else {
        super::print(&format!("{words}\n"))
    }
}

async fn publish(client: &Client, send: &Send, json: bool) -> Result {
    client
        .publish(&send.subject, send.payload.as_bytes())
        .await
        .map_err(failed)?;
    client.flush().await.map_err(failed)?;
    // A refusal comes before the answer to the flush, and ends the program first.
    tokio::task::yield_now().await;
    say(
        json,
        &format!("Published [{}] : {:?}", send.subject, send.payload),
        || json!({"subject": send.subject, "payload": send.payload}),
    )
}

async fn request(client: &Client, send: &Send, json: bool) -> Result {
    if !json {
        super::print(&format!(
            "published request: [{}] : '{}'\n",
            send.subject, send.payload
        ))?;
    }
    let wait = Duration::from_secs(5);
    let answer = client
        .request(&send.subject, None, send.payload.as_bytes(), wait)
        .await
        .map_err(failed)?;
    say(
        json,
        &format!(
            "received reply: [{}] : '{}'",
            answer.subject(),
            answer.text()
        ),
        || json!({"subject": answer.subject().to_string(), "payload": answer.text()}),
    )
}

async fn listen(client: &Client, receive: &Receive, answer: Option<&Answer>, json: bool) -> Result {
    let subject = &receive.subject;
    let subscription = match &receive.queue {
        Some(queue) => client.queue_subscribe(subject, queue).await,
        None => client.subscribe(subject).await,
    };
    let mut subscription = subscription.map_err(failed)?;
    client.flush().await.map_err(failed)?;
    let most = receive.max_messages.unwrap_or(u64::MAX);
    if !json {
        super::print(&match receive.max_messages {
            Some(most) => format!("listening on [{subject}] for {most} messages\n"),
            None => format!("listening on [{subject}]\n"),
        })?;
    }
    let mut count: u64 = 0;
    while count < most {
        let Some(message) = subscription.next().await else {
            break;
        };
        count = count.saturating_add(1);
        say(
            json,
            &format!(
                "[#{count}] received on [{}]: '{}'",
                message.subject(),
                message.text()
            ),
            || json!({"subject": message.subject().to_string(), "payload": message.text(), "count": count}),
        )?;
        if let Some(answer) = answer {
            let text = answer.answer.as_deref().map(str::as_bytes);
            if message.reply().is_none() && json {
                continue;
            }
            if message.reply().is_none() {
                super::print(&format!(
                    "[#{count}] ignoring request on [{}]: no reply subject\n",
                    message.subject()
                ))?;
                continue;
            }
            client
                .respond(&message, text.unwrap_or(message.payload()))
                .await
                .map_err(failed)?;
        }
    }
    client.flush().await.map_err(failed)
}
