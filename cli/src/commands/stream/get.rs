//! `nats stream get`.

use nats_api::jetstream::{MsgGetRequest, StoredMessage};

use super::select::Which;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::jetstream::message::{write_body, write_headers};
use crate::messaging::Translation;
use crate::output::{self, format};
use nats_term::prompt::{Prompt, Terminal, number, required};

/// Show one message of a stream
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats stream get ORDERS 1234\n  \
        nats stream get ORDERS --last-for orders.new --json")]
pub struct Args {
    #[command(flatten)]
    which: Which,

    /// Sequence of the message
    id: Option<u64>,

    /// The last message of this subject
    #[arg(short = 'S', long, value_name = "SUBJECT", conflicts_with = "id")]
    last_for: Option<String>,

    /// Print JSON
    #[arg(short, long)]
    json: bool,

    /// Run the body through this command
    #[arg(long, value_name = "COMMAND")]
    translate: Option<String>,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let translation = args
        .translate
        .as_deref()
        .map(Translation::parse)
        .transpose()?;
    let (api, info) = args.which.connect(globals).await?;
    let name = info.config.name;
    let request = wanted(args.id, args.last_for, &mut Terminal)?;
    let what = match request.seq {
        0 => format!("{name} > {}", request.last_by_subj),
        sequence => format!("{name}#{sequence}"),
    };
    let message = api.get_message(&name, &request).await;
    let message =
        message.map_err(|e| CliError::from(e).context(format!("could not retrieve {what}")))?;
    if args.json {
        let mut block = Vec::new();
        if !message.headers.is_empty() {
            message.headers.encode_into(&mut block);
        }
        return output::json(&StoredMessage {
            subject: message.subject,
            seq: message.sequence,
            hdrs: block,
            data: message.payload.to_vec(),
            time: message.time,
        });
    }
    let mut out = std::io::stdout().lock();
    show(&mut out, &name, &message, translation.as_ref()).await
}

async fn show(
    out: &mut impl std::io::Write,
    stream: &str,
    message: &nats_client::jetstream::StreamMessage,
    translation: Option<&Translation>,
) -> Result {
    let now = nats_api::time::Timestamp::from(jiff::Timestamp::now());
    writeln!(
        out,
        "Item: {stream}#{} received {} ({}) on Subject {}\n",
        message.sequence,
        message.time,
        format::duration(now.since(message.time)),
        message.subject
    )?;
    if !message.headers.is_empty() {
        writeln!(out, "Headers:")?;
        write_headers(out, &message.headers)?;
        writeln!(out)?;
    }
    write_body(out, &message.payload, translation, &message.subject, stream).await
}

fn wanted(
    id: Option<u64>,
    last_for: Option<String>,
    prompt: &mut impl Prompt,
) -> Result<MsgGetRequest> {
    let mut request = MsgGetRequest::default();
    match (id, last_for) {
        (Some(id), _) => request.seq = id,
        (None, Some(subject)) => request.last_by_subj = subject,
        (None, None) => {
            let instead = "the sequence, or --last-for SUBJECT";
            let id = number(prompt, "Message Sequence to retrieve", "-1", instead)?;
            match u64::try_from(id) {
                Ok(id) => request.seq = id,
                Err(_) => {
                    let question = "Subject to retrieve last message for";
                    request.last_by_subj = required(prompt, question, instead)?;
                }
            }
        }
    }
    if request.seq == 0 && request.last_by_subj.is_empty() {
        return Err(CliError::new("no ID or subject specified"));
    }
    Ok(request)
}
