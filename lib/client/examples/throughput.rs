//! How fast this client is: `throughput [URL|alone] [FILTER]`. One line per case whose name holds FILTER: median of five
//! rounds, their range, and the CPU time of this process per message (all threads; receiving cases hold the publisher
//! too).
//!
//! Not a benchmark of servers (that is `dev/bench`): it shows what the client library itself costs. With `alone` it talks
//! to a thread of its own that only reads, or only sends, instead of a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nats_client::{Client, Options, PendingLimits, SubscribeOptions};

const ROUNDS: usize = 5;
const SIZES: [(usize, u64); 3] = [(16, 4_000_000), (128, 3_000_000), (1024, 1_000_000)];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args
        .next()
        .unwrap_or_else(|| nats_client::DEFAULT_URL.to_owned());
    let filter = args.next().unwrap_or_default();
    let alone = url == "alone";
    let cases = Cases { filter };
    for (size, count) in SIZES {
        let name = format!("publish {size} B");
        let round = || async {
            let url = if alone { sink() } else { url.clone() };
            publish(&url, size, count).await
        };
        cases.run(&name, count, round).await?;
    }
    for (size, count) in SIZES {
        for way in [Way::Handler, Way::Batch, Way::Next] {
            let name = format!("receive {size} B, {way:?}");
            let round = || async {
                if alone {
                    receive(&source(size, count), None, count, way).await
                } else {
                    receive(&url, Some(size), count, way).await
                }
            };
            cases.run(&name, count, round).await?;
        }
    }
    if !alone {
        let name = "request/reply, one after the other";
        cases.run(name, 20_000, || requests(&url, 20_000)).await?;
    }
    Ok(())
}

/// A server that accepts everything and answers pings.
fn sink() -> String {
    serve(|mut stream| {
        let mut buf = vec![0; 256 * 1024];
        // Publishing cases ping at the very end only, so the last bytes of a read are enough to look at.
        loop {
            match stream.read(&mut buf) {
                Ok(0) | Err(_) => return,
                Ok(count) if buf[..count].ends_with(b"PING\r\n") => {
                    if stream.write_all(b"PONG\r\n").is_err() {
                        return;
                    }
                }
                Ok(_) => {}
            }
        }
    })
}

/// A server that sends `count` messages as soon as somebody subscribes and pings.
fn source(size: usize, count: u64) -> String {
    serve(move |stream| {
        let mut lines = BufReader::new(&stream);
        let mut line = String::new();
        while lines.read_line(&mut line).is_ok_and(|n| n > 0) {
            let asked = line.starts_with("PING");
            line.clear();
            if !asked {
                continue;
            }
            let frame = format!("MSG throughput.data 1 {size}\r\n{}\r\n", "x".repeat(size));
            let burst = frame.repeat(1000);
            let _ = (&stream).write_all(b"PONG\r\n");
            for _ in 0..count / 1000 {
                if (&stream).write_all(burst.as_bytes()).is_err() {
                    return;
                }
            }
        }
    })
}

fn serve(talk: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let info = "INFO {\"server_id\":\"S\",\"headers\":true,\"max_payload\":1048576}\r\n";
        stream.write_all(info.as_bytes()).expect("INFO");
        let mut greeting = [0; 4096];
        let _ = stream.read(&mut greeting).expect("CONNECT");
        stream.write_all(b"PONG\r\n").expect("PONG");
        talk(stream);
    });
    format!("nats://{address}")
}

struct Cases {
    filter: String,
}

impl Cases {
    async fn run<F: Future<Output = Outcome>>(
        &self,
        name: &str,
        count: u64,
        mut round: impl FnMut() -> F,
    ) -> Result<(), Box<dyn std::error::Error>> {
        if !name.contains(&self.filter) {
            return Ok(());
        }
        let mut rates = Vec::new();
        let cpu_before = cpu();
        for _ in 0..ROUNDS {
            rates.push(count as f64 / round().await?.as_secs_f64() / 1e6);
        }
        let per_message = (cpu() - cpu_before) * 1e9 / (count as f64 * ROUNDS as f64);
        rates.sort_by(f64::total_cmp);
        let (low, median, high) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
        println!(
            "{name:40} {median:7.3} M/s  ({low:.3} - {high:.3})  {per_message:6.0} ns CPU a message"
        );
        Ok(())
    }
}

/// Seconds of CPU time of this process, user and system. 0 where the system has no `/proc`.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold blanks; the times are the 12th and 13th field behind it, in ticks of 10 ms.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |at| {
        fields
            .split_whitespace()
            .nth(at)
            .and_then(|f| f.parse().ok())
    };
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}

type Outcome = Result<Duration, Box<dyn std::error::Error>>;

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

/// Receives `count` messages; publishes them from a second connection when there is a size.
async fn receive(url: &str, size: Option<usize>, count: u64, way: Way) -> Outcome {
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
    let start = Instant::now();
    let publisher = match size {
        Some(size) => Some(tokio::spawn(flood(connect(url).await?, size, count))),
        None => None,
    };
    task.await?;
    let elapsed = start.elapsed();
    if let Some(publisher) = publisher {
        publisher.await?;
    }
    Ok(elapsed)
}

async fn flood(client: Client, size: usize, count: u64) {
    let payload = vec![b'x'; size];
    for _ in 0..count {
        if client.publish("throughput.data", &payload).await.is_err() {
            return;
        }
    }
    let _ = client.flush_within(Duration::from_secs(60)).await;
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
