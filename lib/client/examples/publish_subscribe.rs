//! Publishing and subscribing: `cargo run -p nats-client --example publish_subscribe [URL]`.
//!
//! Plain and queue subscriptions, headers, an end after N messages, a flush with its round trip, counters, and a drain. What it
//! prints is held by `tests/examples.rs`.

use std::io::Write;

use nats_client::{Client, DEFAULT_URL, HeaderMap, Options, PendingLimits, SubscribeOptions};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let url = std::env::args().nth(1).unwrap_or(DEFAULT_URL.to_owned());
    run(&url, &mut std::io::stdout()).await
}

/// Everything that the example shows, against the server at `url`.
///
/// # Errors
/// When something does not work.
pub async fn run(url: &str, out: &mut dyn Write) -> Outcome {
    let client = Options::new()
        .name("publish_subscribe")
        .connect(url)
        .await?;

    // Whoever subscribes first hears everything: the server sees the operations of one connection in their order.
    let mut orders = client.subscribe("orders.*").await?;
    client.publish("orders.new", "two coffees").await?;
    let mut headers = HeaderMap::new();
    headers.insert("Table", "7")?;
    client
        .publish_with_headers("orders.done", &headers, "one tea")
        .await?;
    for _ in 0..2 {
        let Some(order) = orders.next().await else {
            break;
        };
        let table = order.header("Table").unwrap_or("none");
        writeln!(out, "{}: {} (table {table})", order.subject(), order.text())?;
    }

    let done = shared_work(&client).await?;
    writeln!(out, "both workers together: {done} jobs")?;

    // A subscription with settings of its own, which the server ends after three messages.
    let options = SubscribeOptions {
        max: Some(3),
        limits: PendingLimits {
            messages: 1_000,
            bytes: 1024 * 1024,
        },
        ..SubscribeOptions::default()
    };
    let mut three = client.subscribe_with("ticks", options).await?;
    for tick in 0..5 {
        client.publish("ticks", tick.to_string()).await?;
    }
    while let Some(tick) = three.next().await {
        writeln!(out, "tick {}", tick.text())?;
    }

    // A flush ends when the server has handled all of the above; it tells how long the way there and back took.
    client.flush().await?;
    let rtt = client.rtt().await?;
    writeln!(out, "round trip below a second: {}", rtt.as_secs() == 0)?;
    let count = client.statistics();
    writeln!(out, "sent {}, received {}", count.out_msgs, count.in_msgs)?;

    // The end without a loss: no new messages, what has arrived can be read, what was published is written.
    client.publish("orders.late", "the last one").await?;
    client.flush().await?;
    let reader = async {
        let mut rest = Vec::new();
        while let Some(order) = orders.next().await {
            rest.push(order.text().into_owned());
        }
        rest
    };
    let (drained, rest) = tokio::join!(client.drain(), reader);
    drained?;
    writeln!(out, "read while draining: {}", rest.join(", "))?;
    Ok(())
}

/// Two members of one queue group: each message goes to one of them. Yields what both received.
async fn shared_work(client: &Client) -> Result<u64, Box<dyn std::error::Error>> {
    let left = client.queue_subscribe("work", "workers").await?;
    let right = client.queue_subscribe("work", "workers").await?;
    for job in 0..100 {
        client.publish("work", job.to_string()).await?;
    }
    client.flush().await?;
    // Both unsubscribe when they are dropped here. Unread messages would keep a drain waiting.
    Ok(left.pending().0 + right.pending().0)
}
