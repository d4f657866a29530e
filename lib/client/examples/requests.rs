//! Requests and their answers: `cargo run -p nats-client --example requests [URL]`.
//!
//! One answer, nobody there, many answers that end by count, by an empty one and by silence, and a micro service. What it prints is
//! held by `tests/examples.rs`.

use std::io::Write;
use std::time::Duration;

use nats_client::{Client, DEFAULT_URL, Options, RequestError, RequestManyOptions};

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
    // Answers come to one inbox of this connection; permissions can name its prefix.
    let client = Options::new()
        .name("requests")
        .inbox_prefix("_INBOX.example")
        .connect(url)
        .await?;
    let patience = Duration::from_secs(5);

    let mut questions = client.subscribe("greet").await?;
    let answering = client.clone();
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let answer = format!("hello, {}", question.text());
            if let Err(error) = answering.respond(&question, answer).await {
                eprintln!("no answer was sent: {error}");
            }
        }
    });
    let answer = client.request("greet", None, "joe", patience).await?;
    writeln!(out, "{}", answer.text())?;

    // The server knows when nobody listens; nobody waits for the timeout.
    match client.request("nobody", None, "", patience).await {
        Err(RequestError::NoResponders { subject }) => writeln!(out, "nobody answers {subject}")?,
        other => return Err(format!("expected nobody, got {other:?}").into()),
    }

    crowd(&client).await?;
    let ends = [
        ("the first two", RequestManyOptions::within(patience).max(2)),
        (
            "until an empty one",
            RequestManyOptions::within(patience).sentinel(),
        ),
        (
            "until it is silent",
            RequestManyOptions::within(patience).stall(Duration::from_secs(2)),
        ),
    ];
    for (end, options) in ends {
        let answers = client.request_many("who", None, "", options).await?;
        let names: Vec<_> = answers
            .collect()
            .await?
            .iter()
            .map(|answer| answer.text().into_owned())
            .collect();
        writeln!(out, "{end}: {}", names.join(" "))?;
    }
    client.drain().await?;
    Ok(())
}

/// Answers every question four times; the last answer is empty.
async fn crowd(client: &Client) -> Outcome {
    let mut questions = client.subscribe("who").await?;
    let client = client.clone();
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            for name in ["ann", "bob", "cid", ""] {
                if let Err(error) = client.respond(&question, name).await {
                    eprintln!("no answer was sent: {error}");
                }
            }
        }
    });
    Ok(())
}
