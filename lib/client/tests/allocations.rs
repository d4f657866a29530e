//! The promise that publishing does not allocate per message, counted.

mod support;

use nats_client::jetstream::{Publisher, PublisherOptions};
use nats_client::{Client, HeaderMap, Options};
use support::fake::FakeServer;
use support::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MESSAGES: usize = 10_000;

/// A client on this one thread, whose server reads and forgets.
async fn connected() -> Client {
    let server = FakeServer::start().await;
    let connecting = tokio::spawn(Options::new().connect(server.url()));
    let (peer, _) = server.accept_client().await;
    tokio::spawn(async move {
        let mut stream = peer.into_stream();
        let mut buf = vec![0; 1 << 20];
        while stream.read(&mut buf).await.is_ok_and(|count| count > 0) {}
    });
    soon("connect", connecting).await.unwrap().unwrap()
}

async fn publish_all(client: &Client, headers: &HeaderMap, payload: &[u8]) {
    for i in 0..MESSAGES {
        if i % 2 == 0 {
            client.publish("a.subject", payload).await.unwrap();
        } else {
            client
                .publish_with_headers("a.subject", headers, payload)
                .await
                .unwrap();
        }
    }
}

#[test]
fn publishing_does_not_allocate_per_message() {
    // One thread, so that what the connection task allocates is counted too.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = runtime.block_on(connected());
    let mut headers = HeaderMap::new();
    headers.insert("Key", "value").unwrap();
    let payload = [b'x'; 256];
    let round = || runtime.block_on(publish_all(&client, &headers, &payload));
    // The first rounds grow the two halves of the write buffer to their size.
    round();
    round();
    let counted = allocation_counter::measure(round);
    assert!(
        counted.count_total < (MESSAGES / 100) as u64,
        "{MESSAGES} messages made {} allocations",
        counted.count_total
    );
}

/// Answers every publish that asks for an answer as a stream would. Allocates nothing once its buffers have grown.
async fn acknowledge(mut stream: tokio::net::TcpStream) {
    let mut input: Vec<u8> = Vec::with_capacity(1 << 20);
    let mut output: Vec<u8> = Vec::with_capacity(1 << 20);
    while stream.read_buf(&mut input).await.is_ok_and(|n| n > 0) {
        let mut at = 0;
        while let Some(end) = input[at..].windows(2).position(|pair| pair == b"\r\n") {
            let line = &input[at..at + end];
            let mut words = line.split(|byte| *byte == b' ');
            let mut next = at + end + 2;
            if words.next() == Some(b"PUB") {
                let reply = words.nth(1).expect("a reply subject");
                let size = words.next().expect("a size");
                let size: usize = std::str::from_utf8(size).unwrap().parse().unwrap();
                next += size + 2;
                if next > input.len() {
                    break;
                }
                output.extend_from_slice(b"MSG ");
                output.extend_from_slice(reply);
                output.extend_from_slice(b" 1 22\r\n{\"stream\":\"S\",\"seq\":1}\r\n");
            }
            at = next;
        }
        input.drain(..at);
        stream.write_all(&output).await.unwrap();
        output.clear();
    }
}

async fn publisher() -> Publisher {
    let server = FakeServer::start().await;
    let connecting = tokio::spawn(Options::new().connect(server.url()));
    let (peer, _) = server.accept_client().await;
    tokio::spawn(acknowledge(peer.into_stream()));
    let client = soon("connect", connecting).await.unwrap().unwrap();
    client
        .jetstream()
        .publisher(PublisherOptions::default())
        .await
        .unwrap()
}

#[test]
fn publishing_with_a_window_does_not_allocate_per_message() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let publisher = runtime.block_on(publisher());
    let payload = [b'x'; 256];
    let round = || {
        runtime.block_on(async {
            for _ in 0..MESSAGES {
                drop(publisher.publish("a.subject", payload).await.unwrap());
            }
            let done = publisher.finish().await.unwrap();
            assert_eq!((done.acknowledged, done.failed), (MESSAGES as u64, 0));
        });
    };
    round();
    round();
    let counted = allocation_counter::measure(round);
    assert!(
        counted.count_total < (MESSAGES / 20) as u64,
        "{MESSAGES} messages made {} allocations",
        counted.count_total
    );
}
