//! How fast this client is: `throughput [URL]`. Prints one line per case, medians of five rounds with their range.
//!
//! Not a benchmark of servers (that is `dev/bench`): it shows what the client library itself costs.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nats_client::{Client, Options, PendingLimits, SubscribeOptions};

const ROUNDS: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| nats_client::DEFAULT_URL.to_owned());
    for (size, count) in [(16, 4_000_000u64), (128, 3_000_000), (1024, 1_000_000)] {
        rounds(&format!("publish {size} B"), count, || {
            publish(&url, size, count)
        })
        .await?;
    }
    for (size, count) in [(16, 2_000_000u64), (128, 2_000_000), (1024, 500_000)] {
        for way in [Way::Handler, Way::Batch, Way::Next] {
            let name = format!("receive {size} B, {way:?}");
            rounds(&name, count, || receive(&url, size, count, way)).await?;
        }
    }
    rounds("request/reply, one after the other", 20_000, || {
        requests(&url, 20_000)
    })
    .await?;
    Ok(())
}

type Outcome = Result<Duration, Box<dyn std::error::Error>>;

async fn rounds<F: Future<Output = Outcome>>(
    name: &str,
    count: u64,
    mut round: impl FnMut() -> F,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut rates = Vec::new();
    for _ in 0..ROUNDS {
        rates.push(count as f64 / round().await?.as_secs_f64() / 1e6);
    }
    rates.sort_by(f64::total_cmp);
    let (low, median, high) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
    println!("{name:40} {median:7.3} M/s  ({low:.3} - {high:.3})");
    Ok(())
}

async fn connect(url: &str) -> Result<Client, Box<dyn std::error::Error>> {
    Ok(Options::new().name("throughput").connect(url).await?)
}

async fn publish(url: &str, size: usize, count: u64) -> Outcome {
    let client = connect(url).await?;
    let payload = vec![b'x'; size];
    let start = Instant::now();
    tokio::spawn(async move {
        for _ in 0..count {
            client.publish("throughput.nobody", &payload).await?;
        }
        client.flush().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
    })
    .await?
    .map_err(|error| error.to_string())?;
    Ok(start.elapsed())
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Handler,
    Batch,
    Next,
}

async fn receive(url: &str, size: usize, count: u64, way: Way) -> Outcome {
    let receiver = connect(url).await?;
    let options = || SubscribeOptions {
        limits: PendingLimits::UNLIMITED,
        ..SubscribeOptions::default()
    };
    let task = match way {
        Way::Handler => {
            let seen = Arc::new(AtomicU64::new(0));
            let (done, wait) = tokio::sync::oneshot::channel();
            let mut done = Some(done);
            let subscription = receiver
                .subscribe_handler("throughput.data", options(), move |batch| {
                    let now = seen.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    if now + batch.len() as u64 >= count
                        && let Some(done) = done.take()
                    {
                        let _ = done.send(());
                    }
                })
                .await?;
            tokio::spawn(async move {
                let _ = wait.await;
                drop(subscription);
            })
        }
        Way::Batch => {
            let mut subscription = receiver
                .subscribe_with("throughput.data", options())
                .await?;
            tokio::spawn(async move {
                let mut seen = 0;
                subscription
                    .for_each_batch(|batch| {
                        seen += batch.len() as u64;
                        if seen >= count {
                            return ControlFlow::Break(());
                        }
                        ControlFlow::Continue(())
                    })
                    .await;
            })
        }
        Way::Next => {
            let mut subscription = receiver
                .subscribe_with("throughput.data", options())
                .await?;
            tokio::spawn(async move {
                for _ in 0..count {
                    subscription.next().await;
                }
            })
        }
    };
    receiver.flush().await?;
    let sender = connect(url).await?;
    let payload = vec![b'x'; size];
    let start = Instant::now();
    let publisher = tokio::spawn(async move {
        for _ in 0..count {
            if sender.publish("throughput.data", &payload).await.is_err() {
                return;
            }
        }
        let _ = sender.flush_within(Duration::from_secs(60)).await;
    });
    task.await?;
    let elapsed = start.elapsed();
    publisher.await?;
    Ok(elapsed)
}

async fn requests(url: &str, count: u64) -> Outcome {
    let service = connect(url).await?;
    let client = connect(url).await?;
    let mut requests = service.subscribe("throughput.echo").await?;
    service.flush().await?;
    let responder = tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if service.respond(&request, request.payload()).await.is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    for _ in 0..count {
        client
            .request("throughput.echo", None, "x", Duration::from_secs(5))
            .await?;
    }
    let elapsed = start.elapsed();
    responder.abort();
    Ok(elapsed)
}
