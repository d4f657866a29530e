//! The promise that publishing does not allocate per message, counted.

mod support;

use nats_client::{Client, HeaderMap, Options};
use support::fake::FakeServer;
use support::soon;
use tokio::io::AsyncReadExt;

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
