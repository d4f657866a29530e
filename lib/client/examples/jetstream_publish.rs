//! How fast this client publishes to JetStream with a window of messages that are not acknowledged yet.
//!
//! ```text
//! cargo run --release --example jetstream_publish                        # against a peer in this process that acknowledges at once
//! cargo run --release --example jetstream_publish -- nats://127.0.0.1    # against a server; makes and deletes the stream BENCH
//! ```
//!
//! Prints one JSON line per round: messages per second. The peer in this process stores nothing and costs little: it shows
//! what the client itself can do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use nats_client::jetstream::{JetStream, PublisherOptions, Storage, StreamConfig};

const MESSAGES: u64 = 2_000_000;
const PAYLOAD: [u8; 128] = [b'x'; 128];
const ROUNDS: u32 = 5;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1);
    let server = match &url {
        Some(url) => url.clone(),
        None => acknowledging_peer()?,
    };
    let js = nats_client::connect(&server).await?.jetstream();
    if url.is_some() {
        make_stream(&js).await?;
    }
    let publisher = js
        .publisher(PublisherOptions {
            window: 16_384,
            ..PublisherOptions::default()
        })
        .await?;
    for round in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..MESSAGES {
            drop(publisher.publish("bench.subject", PAYLOAD).await?);
        }
        let done = publisher.finish().await?;
        let rate = MESSAGES as f64 / start.elapsed().as_secs_f64();
        let (acknowledged, failed) = (done.acknowledged, done.failed);
        println!(
            r#"{{"round":{round},"messages_per_second":{rate:.0},"acknowledged":{acknowledged},"failed":{failed}}}"#
        );
    }
    if url.is_some() {
        js.delete_stream("BENCH").await?;
    }
    Ok(())
}

async fn make_stream(js: &JetStream) -> Result<(), Box<dyn std::error::Error>> {
    js.create_stream(&StreamConfig {
        name: "BENCH".into(),
        subjects: vec!["bench.>".into()],
        storage: Storage::Memory,
        max_msgs: 1_000_000,
        ..StreamConfig::default()
    })
    .await?;
    Ok(())
}

/// A peer that answers every publish with an acknowledgement. Returns its URL.
fn acknowledging_peer() -> std::io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("nats://{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Ends with the connection.
            let _ = acknowledge(stream);
        }
    });
    Ok(url)
}

fn acknowledge(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"INFO {\"server_id\":\"x\",\"max_payload\":1048576,\"headers\":true,\"jetstream\":true}\r\n")?;
    let (mut input, mut output) = (Vec::new(), Vec::new());
    let mut chunk = vec![0; 1 << 18];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        input.extend_from_slice(&chunk[..count]);
        let used = answer(&input, &mut output);
        input.drain(..used);
        stream.write_all(&output)?;
        output.clear();
    }
}

/// Answers the whole operations at the beginning of `input`. Returns how many bytes they had.
fn answer(input: &[u8], output: &mut Vec<u8>) -> usize {
    let mut at = 0;
    while let Some(end) = input[at..].iter().position(|byte| *byte == b'\n') {
        let line = input[at..at + end].trim_ascii_end();
        let mut next = at + end + 1;
        let mut words = line.split(|byte| *byte == b' ');
        match words.next() {
            Some(b"PUB") => {
                let reply = words.nth(1).unwrap_or_default();
                let size = words.next().and_then(|size| std::str::from_utf8(size).ok());
                next += size.and_then(|size| size.parse().ok()).unwrap_or(0) + 2;
                if next > input.len() {
                    return at;
                }
                output.extend_from_slice(b"MSG ");
                output.extend_from_slice(reply);
                output.extend_from_slice(b" 1 27\r\n{\"stream\":\"BENCH\",\"seq\":10}\r\n");
            }
            Some(b"PING") => output.extend_from_slice(b"PONG\r\n"),
            _ => {}
        }
        at = next;
    }
    at
}
