//! `nats reply`.

use std::time::Duration;

use nats_client::{Client, HeaderMap, Message};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::messaging::{Command, headers_from};
use crate::parse;
use crate::signals::interrupted;
use crate::template::{Scope, Template};

/// Answer requests
///
/// Answers with what came (--echo), with a body that may use templates, or with the output of a command.
///
/// In a command {{0}}, {{1}}, … are the tokens of the subject and {{.Request}} is the request; the environment holds
/// NATS_REQUEST_SUBJECT and NATS_REQUEST_BODY. The command is split into words before they are filled in and is not run by a
/// shell, so that a request cannot inject anything into it.
///
/// Ends with exit code 0 on Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats reply time.now '{{TimeStamp}}'\n  \
        nats reply test.echo --echo\n  \
        nats reply 'weather.*' --command 'curl -s wttr.in/{{1}}?format=3'\n  \
        nats reply jobs --command 'printenv NATS_REQUEST_BODY' --count 10")]
pub struct Args {
    /// Subject to listen on
    subject: String,

    /// Body of the answers
    #[arg(allow_hyphen_values = true)]
    body: Option<String>,

    /// Answer with the request itself and its headers
    #[arg(long, conflicts_with_all = ["body", "command"])]
    echo: bool,

    /// Answer with the output of this command
    #[arg(long, value_name = "COMMAND", conflicts_with = "body")]
    command: Option<String>,

    /// Queue group
    #[arg(short, long, value_name = "NAME", default_value = "NATS-RPLY-22")]
    queue: String,

    /// Wait a random time of at most so long before answering
    #[arg(long, value_name = "MAX", value_parser = parse::duration)]
    sleep: Option<Duration>,

    /// Add a header, as Name:Value; the value may use templates
    #[arg(short = 'H', long = "header", value_name = "K:V")]
    headers: Vec<String>,

    /// End after so many requests
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
}

/// What the answers are made of.
enum Answer {
    Echo,
    Body(Template),
    Command(Command),
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let answer = Answer::of(&args)?;
    // A mistake shows now and not at the first request.
    headers_from(&args.headers, &Scope::at_count(0).with_request(b""))?;
    let client = globals.connect().await?;
    let mut requests = client.queue_subscribe(&args.subject, &args.queue).await?;
    if let Some(count) = args.count.filter(|count| *count > 0) {
        requests.unsubscribe_after(count);
    }
    client.flush().await?;
    log_line!("Listening on {:?} in group {:?}", args.subject, args.queue);
    let mut number = 0;
    loop {
        tokio::select! {
            request = requests.next() => {
                let Some(request) = request else { break };
                handle(&client, &args, &answer, &request, number, globals.trace()).await?;
                number += 1;
            }
            () = interrupted() => {
                log_line!("Draining...");
                break;
            }
        }
    }
    client
        .drain()
        .await
        .map_err(|e| CliError::new(e.to_string()))
}

impl Answer {
    fn of(args: &Args) -> Result<Self> {
        if let Some(command) = &args.command {
            return Ok(Self::Command(Command::parse(command)?));
        }
        match args.body.as_deref().filter(|body| !body.is_empty()) {
            Some(body) => Ok(Self::Body(Template::parse(body).unwrap_or_else(|error| {
                log_line!("Could not parse body template, sending it as it stands: {error}");
                Template::literal(body)
            }))),
            None => {
                if !args.echo {
                    log_line!("No body or command supplied, enabling echo mode");
                }
                Ok(Self::Echo)
            }
        }
    }
}

async fn handle(
    client: &Client,
    args: &Args,
    answer: &Answer,
    request: &Message,
    number: u64,
    trace: bool,
) -> Result {
    log_line!("[#{number}] Received on subject {:?}:", request.subject());
    let received = request.headers().unwrap_or_default();
    for (name, value) in received.iter() {
        log_line!("{name}: {value}");
    }
    outln!("\n{}", request.text())?;
    if let Some(longest) = args.sleep.filter(|longest| !longest.is_zero()) {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        tokio::time::sleep(Duration::from_nanos(fastrand::u64(..nanos))).await;
    }
    let scope = Scope::at_count(number).with_request(request.payload());
    let mut headers = headers_from(&args.headers, &scope)?;
    let body = match answer {
        Answer::Echo => {
            copy_headers(&received, number, &mut headers)?;
            request.payload().to_vec()
        }
        Answer::Body(template) => template.render(&scope).unwrap_or_else(|error| {
            log_line!("Could not fill in the body template: {error}");
            args.body.clone().unwrap_or_default().into_bytes()
        }),
        Answer::Command(command) => output_of(command, request, &scope, trace).await,
    };
    let Some(reply) = request.reply() else {
        log_line!("Could not publish reply: the message asks for none");
        return Ok(());
    };
    let headers = (!headers.is_empty()).then_some(&headers);
    if let Err(error) = client.publish_message(reply, None, headers, body).await {
        log_line!("Could not publish reply: {error}");
    }
    Ok(())
}

fn copy_headers(from: &HeaderMap, number: u64, to: &mut HeaderMap) -> Result {
    let counter = number.to_string();
    for (name, value) in from
        .iter()
        .chain([("NATS-Reply-Counter", counter.as_str())])
    {
        to.append(name, value)
            .map_err(|e| CliError::new(e.to_string()))?;
    }
    Ok(())
}

/// A command that fails answers with what it wrote; the log says why.
async fn output_of(
    command: &Command,
    request: &Message,
    scope: &Scope<'_>,
    trace: bool,
) -> Vec<u8> {
    let words = match command.words(request.subject(), scope) {
        Ok(words) => words,
        Err(error) => {
            log_line!("Could not fill in the command: {error}");
            return Vec::new();
        }
    };
    if trace {
        log_line!("Executing: {}", words.join(" "));
    }
    let body = request.text();
    let environment = [
        ("NATS_REQUEST_SUBJECT", request.subject()),
        ("NATS_REQUEST_BODY", body.as_ref()),
    ];
    match Command::run(&words, &environment, None).await {
        Ok((output, true)) => output,
        Ok((output, false)) => {
            log_line!(
                "Command {:?} failed: {}",
                words.join(" "),
                String::from_utf8_lossy(&output).trim()
            );
            output
        }
        Err(error) => {
            log_line!("{error}");
            Vec::new()
        }
    }
}
