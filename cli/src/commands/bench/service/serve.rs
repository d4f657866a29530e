//! `nats bench service serve`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_client::Client;
use tokio::task::JoinSet;

use crate::bench::{Kind, Report};
use crate::commands::bench::{CommonArgs, SleepArgs};
use crate::error::Result;
use crate::globals::Globals;
use crate::micro::{Endpoint, Service};
use crate::output::{self, format};
use crate::signals::interrupted;
use crate::template::random_text;

/// The service as `nats service list` shows it.
const NAME: &str = "nats-bench-service";
const VERSION: &str = "1.0.0";

/// What a request is answered with.
const ANSWER: &[u8] = b"ok";

/// Answer the requests of 'nats bench service request'
///
/// Runs until Ctrl-C. The clients share the requests as members of one queue group.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nats bench service serve test.service --clients 4")]
pub struct Args {
    /// Subject to listen on
    subject: String,

    /// Of these only --clients and --json mean something here.
    #[command(flatten)]
    common: CommonArgs,

    #[command(flatten)]
    sleep: SleepArgs,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let report = Report {
        run_id: random_text(22),
        kind: Kind::ServiceServe,
        arguments: vec![
            ("clients", format::count(args.common.clients.into())),
            ("sleep", format::duration(args.sleep.sleep)),
            ("subject", args.subject.clone()),
        ],
        open_loop: false,
        samples: Vec::new(),
    };
    for flag in args.common.without_effect() {
        log_line!(
            "{flag} has no effect here: the service answers until Ctrl-C and takes no figures"
        );
    }
    log_line!("{}", report.banner());
    let mut services = Vec::new();
    let mut workers = JoinSet::new();
    for index in 1..=args.common.clients {
        let client = globals
            .connect()
            .await
            .map_err(|e| e.context(format!("client {index}")))?;
        let endpoint = Endpoint::new("default", &args.subject);
        let service = Service::start(&client, NAME, VERSION, "", vec![endpoint]).await?;
        log_line!(
            "[{index}] Starting {}, hit control-c to stop",
            Kind::ServiceServe.label()
        );
        services.push(Arc::clone(&service));
        workers.spawn(serve(client, service, args.sleep.sleep));
    }
    tokio::select! {
        () = interrupted() => {}
        Some(ended) = workers.join_next() => {
            if let Ok(result) = ended {
                result?;
            }
        }
    }
    let served: u64 = services.iter().map(|service| service.requests()).sum();
    if args.common.json {
        return output::json(&serde_json::json!({"requests": served}));
    }
    log_line!("Answered {} requests", format::count(served));
    Ok(())
}

async fn serve(client: Client, service: Arc<Service>, sleep: Duration) -> Result {
    let mut requests = service.subscribe(&client, 0).await?;
    client.flush().await?;
    let mut batch = Vec::new();
    while requests.next_batch(&mut batch).await > 0 {
        for request in batch.drain(..) {
            let start = Instant::now();
            if !sleep.is_zero() {
                tokio::time::sleep(sleep).await;
            }
            if let Some(reply) = request.reply() {
                client.publish(reply, ANSWER).await?;
            }
            service.record(0, start.elapsed());
        }
    }
    Ok(())
}
