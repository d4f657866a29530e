//! `nats request`.

use std::time::{Duration, Instant};

use nats_client::{Client, Message};

use crate::error::{CliError, Exit, Result};
use crate::globals::Globals;
use crate::messaging::{Blueprint, BodyArgs, BodySource, Outgoing, Translation, write_body};
use crate::output::format;
use crate::parse;
use crate::progress::Progress;
use crate::template::Scope;

/// More requests than this show a progress bar instead of the answers.
const SHOWN_MAX: u64 = 20;

/// Send requests and show the answers
///
/// Subject, body and header values may use templates; see 'nats publish --help'.
///
/// Exit codes: 0 when an answer came, 2 when nobody listens on the subject, 3 when no answer came in time, 1 for every
/// other failure. (The reference tool exits 0 when nobody listens.)
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "req",
    after_help = "Examples:\n  \
        nats request time.now ''\n  \
        nats request weather.london '' --timeout 2s --raw\n  \
        nats request who.is.there '' --replies 0        everybody who answers until --timeout\n  \
        nats request 'jobs.{{Count}}' 'job {{ID}}' --count 10"
)]
pub struct Args {
    /// Subject to send the request to
    pub subject: String,

    /// Body of the request
    #[arg(allow_hyphen_values = true)]
    pub body: Option<String>,

    #[command(flatten)]
    pub message: BodyArgs,

    #[command(flatten)]
    pub answers: AnswerArgs,

    /// Wait for so many answers; 0 takes all that come within --timeout
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub replies: u32,

    /// With several answers: give up when none comes for so long
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = parse::duration)]
    pub reply_timeout: Duration,

    /// Wait for answers until an empty one comes
    #[arg(long)]
    pub wait_for_empty: bool,

    /// Wait for an answer (always)
    #[arg(short, long, hide = true)]
    pub wait: bool,
}

/// The flags of commands that show answers.
#[derive(Debug, clap::Args)]
pub struct AnswerArgs {
    /// Show the bodies of the answers and nothing else
    #[arg(short, long)]
    pub raw: bool,

    /// Send so many requests
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub count: u64,

    /// Run bodies through this command before showing them; {{Subject}} is filled in
    #[arg(long, value_name = "COMMAND")]
    pub translate: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let client = globals.connect().await?;
    let requester = Requester::new(globals, client, &args)?;
    let bodies = BodySource::new(
        args.body.as_deref(),
        args.message.force_stdin,
        args.message.send_on,
    );
    let blueprint = Blueprint::new(&args.subject, &args.message)?;
    requester.run(blueprint, bodies).await
}

/// Sends requests and shows what comes; also used by `nats service request`.
pub struct Requester<'a> {
    client: Client,
    args: &'a Args,
    translation: Option<Translation>,
    timeout: Duration,
    progress: Option<Progress>,
}

impl<'a> Requester<'a> {
    pub fn new(globals: &Globals, client: Client, args: &'a Args) -> Result<Self> {
        let count = args.answers.count;
        let translation = args
            .answers
            .translate
            .as_deref()
            .map(Translation::parse)
            .transpose()?;
        Ok(Self {
            client,
            args,
            translation,
            timeout: globals.timeout(),
            progress: (count > SHOWN_MAX && !args.answers.raw)
                .then(|| Progress::of_messages(count, true)),
        })
    }

    pub async fn run(&self, mut blueprint: Blueprint, mut bodies: BodySource) -> Result {
        if bodies.is_stdin() && !self.args.answers.raw {
            log_line!("Reading payload from STDIN");
        }
        let mut answers = 0;
        let mut requests = 0;
        while let Some(body) = bodies.next().await? {
            blueprint.set_body(&body);
            for number in 1..=self.args.answers.count.max(1) {
                let message = blueprint.message(&Scope::at_count(number))?;
                let received = self.request(&message).await?;
                if received == 0 && self.args.answers.count <= 1 {
                    return Err(self.silence(&message.subject));
                }
                answers += received;
                requests += 1;
                if let Some(progress) = &self.progress {
                    progress.add(1);
                }
            }
        }
        if let Some(progress) = &self.progress {
            progress.finish();
            let (sent, received) = (format::count(requests), format::count(answers));
            log_line!("Sent {sent} requests and received {received} answers");
        }
        if requests > 0 && answers == 0 {
            return Err(self.silence(&self.args.subject));
        }
        Ok(())
    }

    /// Sends one request and shows its answers; their number.
    async fn request(&self, message: &Outgoing) -> Result<u64> {
        let Outgoing {
            subject,
            headers,
            payload,
        } = message;
        if self.shows() {
            log_line!("Sending request on {subject:?}");
        }
        let inbox = self.client.new_inbox();
        let mut answers = self.client.subscribe(&inbox).await?;
        let headers = (!headers.is_empty()).then_some(headers);
        self.client
            .publish_message(subject, Some(&inbox), headers, payload)
            .await?;
        let start = Instant::now();
        let mut wait = self.timeout;
        let mut received = 0;
        let mut rtt_sum = Duration::ZERO;
        while let Ok(answer) = tokio::time::timeout(wait, answers.next()).await {
            let answer = answer.ok_or_else(|| CliError::new("the connection was closed"))?;
            let rtt = start.elapsed();
            if answer.is_no_responders() {
                return Err(no_responders(subject));
            }
            self.show(&answer, rtt).await?;
            received += 1;
            rtt_sum += rtt;
            match self.wait_for_more(&answer, received, rtt_sum, start) {
                Some(more) => wait = more,
                None => break,
            }
        }
        Ok(received)
    }

    /// How long to wait for another answer; `None` when there are enough.
    fn wait_for_more(
        &self,
        last: &Message,
        received: u64,
        rtt_sum: Duration,
        start: Instant,
    ) -> Option<Duration> {
        if self.args.wait_for_empty {
            if last.payload().is_empty() {
                return None;
            }
        } else if self.args.replies == 0 {
            return Some(self.timeout.saturating_sub(start.elapsed()));
        } else if received >= u64::from(self.args.replies) {
            return None;
        }
        // Those who answer more slowly than the others get as long as the others needed, and then some.
        let mean = rtt_sum / u32::try_from(received).unwrap_or(u32::MAX).max(1);
        Some(mean + self.args.reply_timeout)
    }

    fn shows(&self) -> bool {
        !self.args.answers.raw && self.progress.is_none()
    }

    async fn show(&self, answer: &Message, rtt: Duration) -> Result {
        if self.progress.is_some() {
            return Ok(());
        }
        if self.shows() {
            log_line!("Received with rtt {}", format::duration_exact(rtt));
            if let Some(headers) = answer.headers().filter(|headers| !headers.is_empty()) {
                for (name, value) in headers.iter() {
                    log_line!("{name}: {value}");
                }
                log_line!("");
            }
        }
        let translated = match &self.translation {
            Some(translation) => Some(
                translation
                    .apply(answer.payload(), answer.subject())
                    .await?,
            ),
            None => None,
        };
        let mut out = std::io::stdout().lock();
        let own_break = write_body(&mut out, translated.as_deref().unwrap_or(answer.payload()))?;
        if self.shows() {
            outln!()?;
            if !own_break {
                outln!()?;
            }
        }
        Ok(())
    }

    fn silence(&self, subject: &str) -> CliError {
        let waited = format::duration(self.timeout);
        CliError::new(format!("no answer on {subject:?} within {waited}"))
            .with_exit(Exit::Timeout)
            .next_step("somebody listens, but does not answer: wait longer with --timeout")
    }
}

fn no_responders(subject: &str) -> CliError {
    CliError::new(format!("no responders are available on {subject:?}"))
        .with_exit(Exit::NoResponders)
        .next_step(format!(
            "nobody listens there; try it with: nats reply {subject:?} --echo"
        ))
}
