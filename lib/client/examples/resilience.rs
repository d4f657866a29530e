//! A client that lives through everything: `cargo run -p nats-client --example resilience [URLS]`.
//!
//! It publishes numbers to itself and prints what happens to its connection until 20 of them came back: stop its server meanwhile and
//! start it again. What was published in between waits in the pending buffer. `TRACE=1` shows the protocol lines.

use std::io::Write;
use std::time::Duration;

use nats_client::{Client, DEFAULT_URL, Event, Options};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let urls = std::env::args().nth(1).unwrap_or(DEFAULT_URL.to_owned());
    let client = options().connect(&urls).await?;
    run(&client, &mut std::io::stdout()).await
}

/// Several servers may be named, and more are learnt from them; the client moves on to the next one that is there.
#[must_use]
pub fn options() -> Options {
    let options = Options::new()
        .name("resilience")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_wait(Duration::from_millis(100))
        .reconnect_jitter(Duration::from_millis(20), Duration::from_millis(100))
        .ping_interval(Duration::from_secs(20))
        .pending_buffer(1024 * 1024);
    if std::env::var_os("TRACE").is_some() {
        options.trace_protocol(|direction, line| eprintln!("{direction} {line}"))
    } else {
        options
    }
}

/// Publishes until 20 numbers came back, and tells what happened.
///
/// # Errors
/// When the client is closed.
pub async fn run(client: &Client, out: &mut dyn Write) -> Outcome {
    let mut events = client.events();
    let mut numbers = client.subscribe("numbers").await?;
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    let mut next = 0_u32;
    let mut seen = 0_u32;
    while seen < 20 {
        tokio::select! {
            _ = tick.tick() => {
                client.publish("numbers", next.to_string()).await?;
                next += 1;
            }
            number = numbers.next() => {
                let Some(_number) = number else {
                    return Err("the client is closed".into());
                };
                seen += 1;
            }
            event = events.next() => match event {
                Some(Event::Closed { reason }) => return Err(reason.into()),
                // Which server, and why, is for a log.
                Some(Event::Disconnected { .. }) => writeln!(out, "disconnected")?,
                Some(Event::Reconnected { .. }) => writeln!(out, "reconnected")?,
                Some(Event::LameDuck { .. }) => writeln!(out, "the server is about to leave")?,
                Some(_) | None => {}
            },
        }
    }
    let count = client.statistics();
    writeln!(out, "{seen} numbers, {} connections", count.connects)?;
    client.close().await;
    Ok(())
}
