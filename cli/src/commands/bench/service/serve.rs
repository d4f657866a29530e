//! `nats bench service serve`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_client::Client;
use tokio::task::JoinSet;

use crate::bench::{Kind, Report};
use crate::error::Result;
use crate::globals::Globals;
use crate::micro::{Endpoint, Service};
use crate::output::{self, format};
use crate::parse;
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

    /// Number of concurrent clients, each with its own connection
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,

    /// Print the number of answers as JSON
    #[arg(short, long)]
    json: bool,

    /// Wait before each answer
    #[arg(long, value_name = "DURATION", default_value = "0s", hide_default_value = true, value_parser = parse::duration)]
    sleep: Duration,

    /// Known because all benchmarks have them, but without a meaning here.
    #[command(flatten)]
    others: OtherArgs,
}

/// Flags that the reference tool takes and ignores here: the log says so.
#[derive(Debug, clap::Args)]
struct OtherArgs {
    #[arg(long, hide = true)]
    msgs: Option<u64>,
    #[arg(long, hide = true)]
    size: Option<String>,
    #[arg(long, hide = true)]
    csv: Option<String>,
    /// There are no bars to leave out.
    #[arg(long, hide = true)]
    no_progress: bool,
    #[arg(long, hide = true)]
    progress: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    let report = Report {
        run_id: random_text(22),
        kind: Kind::ServiceServe,
        arguments: vec![
            ("clients", format::count(args.clients.into())),
            ("sleep", format::duration(args.sleep)),
            ("subject", args.subject.clone()),
        ],
        open_loop: false,
        samples: Vec::new(),
    };
    for (flag, given) in [
        ("--msgs", args.others.msgs.is_some()),
        ("--size", args.others.size.is_some()),
        ("--csv", args.others.csv.is_some()),
    ] {
        if given {
            log_line!(
                "{flag} has no effect here: the service answers until Ctrl-C and takes no figures"
            );
        }
    }
    log_line!("{}", report.banner());
    let mut services = Vec::new();
    let mut workers = JoinSet::new();
    for index in 1..=args.clients {
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
        workers.spawn(serve(client, service, args.sleep));
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
    if args.json {
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
