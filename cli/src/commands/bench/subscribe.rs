//! `nats bench sub`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use nats_client::{PendingLimits, SubscribeOptions};
use tokio::sync::oneshot;

use super::CommonArgs;
use super::run::{Bench, Worker};
use crate::bench::{Kind, Latencies, Sample};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::format;

/// Measure receiving
///
/// Every client expects all messages. The clock runs from the first message to the last.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats bench sub test --msgs 1000000\n  \
        nats bench sub test --clients 4 --multisubject --csv sub.csv")]
pub struct Args {
    /// Subject to subscribe to
    subject: String,

    #[command(flatten)]
    common: CommonArgs,

    /// Subscribe to the subjects that 'nats bench pub --multisubject' uses
    #[arg(long)]
    multisubject: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let subject = if args.multisubject {
        format!("{}.*", args.subject)
    } else {
        args.subject.clone()
    };
    let bench = Bench {
        globals,
        common: &args.common,
        kind: Kind::CoreSubscribe,
        verb: "expecting",
        arguments: vec![
            ("subject", subject.clone()),
            ("multi-subject", args.multisubject.to_string()),
            ("msgs", format::count(args.common.msgs)),
            ("msg-size", format::bytes(args.common.size as u64)),
            ("clients", format::count(args.common.clients.into())),
        ],
        open_loop: false,
    };
    let shares = vec![args.common.msgs; args.common.clients as usize];
    bench
        .run(shares, |worker| receive(worker, subject.clone()))
        .await
}

async fn receive(worker: Worker, subject: String) -> Result<Sample> {
    let (finished, result) = oneshot::channel();
    let mut finished = Some(finished);
    let mut first = None;
    let mut received = 0;
    let mut bytes = 0;
    let (expected, done) = (worker.messages, worker.done.clone());
    let options = SubscribeOptions {
        limits: PendingLimits::UNLIMITED,
        ..SubscribeOptions::default()
    };
    // On the connection's own task: nothing stands between the socket and the counter.
    let handler = move |batch: &[nats_client::Message]| {
        let start = *first.get_or_insert_with(Instant::now);
        received += batch.len() as u64;
        bytes += batch
            .iter()
            .map(|message| message.payload().len() as u64)
            .sum::<u64>();
        done.store(received, Ordering::Relaxed);
        if received >= expected
            && let Some(finished) = finished.take()
        {
            let _ = finished.send((start, Instant::now(), received, bytes));
        }
    };
    let subscription = worker
        .client
        .subscribe_handler(&subject, options, handler)
        .await?;
    worker.client.flush().await?;
    worker.start().await;
    let closed = |_| CliError::new("the connection was closed before all messages came");
    let (start, end, messages, payload_bytes) = result.await.map_err(closed)?;
    drop(subscription);
    Ok(Sample {
        messages,
        wire_messages: messages,
        payload_bytes,
        start,
        end,
        latencies: Latencies::new(),
    })
}
