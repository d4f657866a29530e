//! The messages of all subscriptions in one stream, with the conditions under which it ends.

use std::time::Duration;

use nats_client::{Client, Message, PendingLimits, SubscribeOptions, Subscription};
use nats_proto::subject;
use tokio::sync::mpsc;

use super::Args;
use crate::error::{CliError, Result};
use crate::signals::interrupted;

/// Batches that wait between the subscriptions and the display. When the display is slower than that, messages wait in the
/// client's subscription, whose limits say when they are lost.
const BATCHES_WAITING: usize = 16;

/// How the reply subjects of messages from JetStream consumers begin.
const ACK_PREFIX: &str = "$JS.ACK.";

/// Messages of all subscriptions.
pub struct Feed {
    client: Client,
    /// Gone once all subscriptions are made, so that the end of the last one is seen.
    sender: Option<mpsc::Sender<Arrival>>,
    receiver: mpsc::Receiver<Arrival>,
    subjects: Vec<String>,
    ignore: Vec<String>,
    wait: Option<Duration>,
    count: Option<u64>,
    ack: bool,
    received: u64,
}

/// Where a batch came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Index of the subject as the user gave them.
    Subject(usize),
    Replies,
}

struct Arrival {
    origin: Origin,
    messages: Vec<Message>,
}

/// What happens next.
pub enum Next {
    Messages(Origin, Vec<Message>),
    /// `tick` has passed, for displays that redraw.
    Tick,
    End,
}

impl Feed {
    pub fn new(client: Client, args: &Args) -> Self {
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
        Self {
            client,
            sender: Some(sender),
            receiver,
            subjects: Vec::new(),
            ignore: args.ignore.clone(),
            wait: args.wait,
            count: args.count.filter(|count| *count > 0),
            ack: args.ack,
            received: 0,
        }
    }

    pub async fn subscribe(&mut self, subject: &str, queue: Option<&str>) -> Result {
        let origin = Origin::Subject(self.subjects.len());
        let options = SubscribeOptions {
            queue: queue.map(str::to_owned),
            limits: PendingLimits::default(),
            max: None,
        };
        let subscription = self.client.subscribe_with(subject, options).await;
        let subscription =
            subscription.map_err(|e| CliError::from(e).context(format!("{subject:?}")))?;
        self.subjects.push(subject.to_owned());
        self.forward(origin, subscription);
        Ok(())
    }

    pub async fn watch_replies(&mut self, subject: &str) -> Result {
        let subscription = self.client.subscribe(subject).await?;
        self.forward(Origin::Replies, subscription);
        Ok(())
    }

    /// Waits until the server knows the subscriptions. There can be no further ones afterwards.
    pub async fn ready(&mut self) -> Result {
        self.client.flush().await?;
        self.sender = None;
        Ok(())
    }

    pub fn subjects(&self) -> &[String] {
        &self.subjects
    }

    /// True when as many have come as were asked for.
    pub fn is_complete(&self) -> bool {
        self.count.is_some_and(|count| self.received >= count)
    }

    /// The next batch, or that there is none: at `tick`, or at the end.
    pub async fn next(&mut self, tick: Option<&mut tokio::time::Interval>) -> Result<Next> {
        if let Ok(arrival) = self.receiver.try_recv() {
            return Ok(self.accept(arrival));
        }
        let wait = self.wait.unwrap_or(Duration::MAX);
        let ticking = async {
            match tick {
                Some(tick) => {
                    tick.tick().await;
                }
                None => std::future::pending().await,
            }
        };
        let next = tokio::select! {
            arrival = self.receiver.recv() => match arrival {
                Some(arrival) => self.accept(arrival),
                None => return Err(CliError::new("the connection was closed")),
            },
            () = ticking => Next::Tick,
            () = tokio::time::sleep(wait), if self.wait.is_some() => Next::End,
            () = interrupted() => Next::End,
        };
        Ok(next)
    }

    /// True when nothing waits to be shown.
    pub fn is_idle(&self) -> bool {
        self.receiver.is_empty()
    }

    fn accept(&mut self, arrival: Arrival) -> Next {
        let Arrival {
            origin,
            mut messages,
        } = arrival;
        if !self.ignore.is_empty() {
            messages.retain(|message| !self.is_ignored(message.subject_bytes()));
        }
        if matches!(origin, Origin::Subject(_)) {
            if let Some(count) = self.count {
                let left =
                    usize::try_from(count.saturating_sub(self.received)).unwrap_or(usize::MAX);
                messages.truncate(left);
            }
            self.received += messages.len() as u64;
        }
        Next::Messages(origin, messages)
    }

    fn is_ignored(&self, subject: &[u8]) -> bool {
        self.ignore
            .iter()
            .any(|ignored| subject::collides(subject, ignored.as_bytes()))
    }

    fn forward(&self, origin: Origin, mut subscription: Subscription) {
        let Some(sender) = self.sender.clone() else {
            return;
        };
        let acknowledging = self.ack.then(|| self.client.clone());
        tokio::spawn(async move {
            loop {
                let mut messages = Vec::new();
                if subscription.next_batch(&mut messages).await == 0 {
                    return;
                }
                if let Some(client) = &acknowledging {
                    acknowledge(client, &messages).await;
                }
                if sender.send(Arrival { origin, messages }).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Answers those messages whose reply subject is that of an acknowledgement.
async fn acknowledge(client: &Client, messages: &[Message]) {
    for reply in messages
        .iter()
        .filter_map(Message::reply)
        .filter(|reply| reply.starts_with(ACK_PREFIX))
    {
        if let Err(error) = client.publish(reply, "").await {
            log_line!("Acknowledging message via subject {reply} failed: {error}");
        }
    }
}
