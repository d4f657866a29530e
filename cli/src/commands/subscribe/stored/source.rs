//! Where the messages of a stream come from.

use nats_api::jetstream::{AckPolicy, ConsumerInfo, Retention, StreamInfo};
use nats_client::jetstream::{
    ConsumerConfig, Fetch, FetchOptions, JetStreamError, JetStreamMessage, Messages,
    MessagesOptions, OrderedConsumer, PullConsumer, PushMessages,
};

use super::direct::Direct;
use crate::commands::subscribe::Args;
use crate::error::{CliError, Result};
use crate::jetstream::Api;
use crate::messaging::Incoming;
use crate::output::format;

/// Messages that one request for a number of them asks for.
const BATCH: u64 = 256;

/// A message of a stream.
pub struct Arrival {
    pub incoming: Incoming,
    /// Its number in the stream.
    pub sequence: u64,
    /// Whom to tell that it was shown.
    pub acknowledge: Option<JetStreamMessage>,
}

/// Messages, and how many there are still.
pub struct Source {
    way: Way,
    /// Messages that were stored already and did not come yet.
    pending: u64,
    acknowledges: bool,
}

enum Way {
    Ordered(Box<OrderedConsumer>),
    Pull(Messages),
    Counted(Counted),
    Push(PushMessages),
    Direct(Direct),
}

impl Source {
    /// Chooses the way that the flags and the stream want, and says so.
    pub async fn open(api: &Api, args: &Args, stream: &StreamInfo) -> Result<Self> {
        if let Some(name) = &args.stored.durable {
            return Self::durable(api, args, &stream.config.name, name).await;
        }
        // A consumer of ours would take messages away, or be refused.
        let taken = stream.config.retention != Retention::Limits;
        if args.stored.direct || taken {
            let direct = Direct::open(api, args, stream).await?;
            return Ok(Self {
                pending: direct.pending(),
                way: Way::Direct(direct),
                acknowledges: false,
            });
        }
        let subject = args.subjects.first();
        let mut options = args.stored.from.options(subject);
        options.headers_only = args.headers_only || args.subjects_only;
        // On standard error, also when only bodies or dumps are wanted, as by the reference tool.
        let name = &stream.config.name;
        let what = subject.map_or_else(|| format!("stream {name}"), |s| format!("subject {s}"));
        log_line!("Subscribing to {what} {}", args.stored.from.text());
        let ordered = api.ordered_consumer(name, options).await?;
        Ok(Self {
            pending: ordered.first_info().num_pending,
            way: Way::Ordered(Box::new(ordered)),
            acknowledges: false,
        })
    }

    /// A consumer that stays when this program ends.
    async fn durable(api: &Api, args: &Args, stream: &str, name: &str) -> Result<Self> {
        let (info, age) = match api.find_consumer(stream, name).await? {
            Some(info) => {
                if args.stored.from.is_given() {
                    log_line!("Consumer {name:?} exists already; it says where to begin");
                }
                (info, "existing")
            }
            None => (create(api, args, stream, name).await?, "new"),
        };
        let config = info.config.clone().unwrap_or_default();
        let kind = if config.is_push() { "push" } else { "pull" };
        log_line!(
            "Subscribing to JetStream Stream {stream:?} using {age} {kind} consumer {name:?}"
        );
        let way = if config.is_push() {
            Way::Push(api.push_consumer(stream, name).await?.messages().await?)
        } else {
            let consumer = api.pull_consumer(stream, name).await?;
            match args.count.filter(|count| *count > 0) {
                Some(wanted) => Way::Counted(Counted {
                    consumer,
                    wanted,
                    batch: None,
                }),
                None => Way::Pull(consumer.messages(MessagesOptions::default()).await?),
            }
        };
        let unacknowledged = u64::try_from(info.num_ack_pending).unwrap_or_default();
        Ok(Self {
            way,
            pending: info.num_pending.saturating_add(unacknowledged),
            acknowledges: config.ack_policy != AckPolicy::None,
        })
    }

    /// True when everything that was stored so far has come.
    pub fn is_at_end(&self) -> bool {
        self.pending == 0
    }

    /// The next message; `None` when the connection is closed.
    pub async fn next(&mut self) -> Option<Result<Arrival>> {
        let message = match &mut self.way {
            Way::Ordered(messages) => messages.next().await?,
            Way::Pull(messages) => messages.next().await?,
            Way::Counted(messages) => messages.next().await,
            Way::Push(messages) => messages.next().await?,
            Way::Direct(messages) => {
                let arrival = messages.next().await;
                self.pending = messages.pending();
                return Some(arrival);
            }
        };
        let message = match message {
            Ok(message) => message,
            Err(error) => return Some(Err(error.into())),
        };
        Some(self.arrival(message))
    }

    fn arrival(&mut self, message: JetStreamMessage) -> Result<Arrival> {
        let info = message.info()?;
        self.pending = info.pending;
        let place = format!(
            "JetStream message: stream: {} seq: {} / pending: {} / subject: {} / time: {}",
            info.stream,
            format::count(info.stream_sequence),
            format::count(info.pending),
            message.subject(),
            format::time(info.published.into())
        );
        Ok(Arrival {
            sequence: info.stream_sequence,
            incoming: Incoming {
                subject: message.subject().to_owned(),
                reply: message.message().reply().map(str::to_owned),
                headers: message.headers().unwrap_or_default(),
                payload: message.payload().to_vec(),
                stored: Some(place),
            },
            acknowledge: self.acknowledges.then_some(message),
        })
    }

    /// Leaves nothing behind that was made for this command alone.
    pub async fn stop(self) -> Result {
        match self.way {
            Way::Ordered(messages) => Ok(messages.stop().await?),
            Way::Push(messages) => {
                messages.unsubscribe();
                Ok(())
            }
            Way::Pull(_) | Way::Counted(_) | Way::Direct(_) => Ok(()),
        }
    }
}

async fn create(api: &Api, args: &Args, stream: &str, name: &str) -> Result<ConsumerInfo> {
    let mut config = ConsumerConfig {
        name: name.to_owned(),
        durable_name: name.to_owned(),
        ack_policy: AckPolicy::Explicit,
        headers_only: args.headers_only || args.subjects_only,
        ..ConsumerConfig::default()
    };
    args.stored.from.configure(&mut config);
    let created = api.create_consumer(stream, &config).await;
    created.map_err(|error| CliError::from(error).context(format!("creating consumer {name:?}")))
}

/// So many messages of a pull consumer and no more: the others would be delivered to nobody, and again after a while only.
struct Counted {
    consumer: PullConsumer,
    wanted: u64,
    batch: Option<Fetch>,
}

impl Counted {
    async fn next(&mut self) -> std::result::Result<JetStreamMessage, JetStreamError> {
        loop {
            if let Some(batch) = &mut self.batch
                && let Some(message) = batch.next().await
            {
                match message {
                    // The next request waits for the next connection.
                    Err(JetStreamError::ConnectionLost) => {}
                    Err(error) => return Err(error),
                    Ok(message) => {
                        self.wanted = self.wanted.saturating_sub(1);
                        return Ok(message);
                    }
                }
            }
            // At least one, for those that were left out and do not count.
            let wanted = usize::try_from(self.wanted.clamp(1, BATCH)).unwrap_or(1);
            let options = FetchOptions::messages(wanted);
            self.batch = Some(self.consumer.fetch(options).await?);
        }
    }
}
