//! The async-nats client against the server under test.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, ConnectOptions, Event, HeaderMap};
use futures_util::StreamExt;
use nats_interop::scenario::forms;
use nats_interop::{Launch, Server};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(15);

/// Connection options for one of the scenario's logins.
fn options(login: &str) -> ConnectOptions {
    let login: Value = serde_json::from_str(login).expect("a login in JSON");
    let text = |key: &str| login[key].as_str().map(str::to_owned);
    let mut options = ConnectOptions::new();
    if let (Some(user), Some(pass)) = (text("user"), text("pass")) {
        options = options.user_and_password(user, pass);
    }
    if let Some(token) = text("token") {
        options = options.token(token);
    }
    if let Some(seed) = text("seed") {
        options = options.nkey(seed);
    }
    if let Some(path) = text("creds") {
        let creds = std::fs::read_to_string(path).expect("a credentials file");
        options = options.credentials(&creds).expect("credentials");
    }
    if let Some(authority) = text("ca") {
        options = options
            .add_root_certificates(PathBuf::from(authority))
            .require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (text("cert"), text("key")) {
        options = options.add_client_certificate(PathBuf::from(certificate), PathBuf::from(key));
    }
    options
}

async fn open(server: &Server) -> Client {
    async_nats::connect(server.url())
        .await
        .expect("the server accepts")
}

/// Waits until the server has processed everything that this client sent. The client's own flush ends at the socket.
async fn round_trip(client: &Client) {
    let answer = client.request("nobody.listens", "".into()).await;
    assert!(answer.is_err_and(|e| e.kind() == RequestErrorKind::NoResponders));
}

#[tokio::test]
async fn logs_in_with_every_form_of_credentials() {
    for form in forms() {
        let client = options(&form.right)
            .connect(form.server.url())
            .await
            .unwrap_or_else(|e| panic!("{}: {e}", form.name));
        let mut subscription = client
            .subscribe("login.check")
            .await
            .expect("a subscription");
        client
            .publish("login.check", "in".into())
            .await
            .expect("a publish");
        let message = timeout(PATIENCE, subscription.next())
            .await
            .expect("in time")
            .expect("a message");
        assert_eq!(message.payload.as_ref(), b"in", "{}", form.name);
        if let Some(wrong) = &form.wrong {
            let refused = options(wrong).connect(form.server.url()).await;
            assert!(refused.is_err(), "{} let a stranger in", form.name);
        }
    }
}

#[tokio::test]
async fn publishes_and_subscribes_in_order() {
    let server = Server::start("");
    let (one, two) = (open(&server).await, open(&server).await);
    let mut subscription = two.subscribe("weather.>").await.expect("a subscription");
    round_trip(&two).await;
    for n in 0..1000 {
        one.publish(format!("weather.{n}"), n.to_string().into())
            .await
            .expect("a publish");
    }
    for n in 0..1000 {
        let message = timeout(PATIENCE, subscription.next())
            .await
            .expect("in time")
            .expect("a message");
        assert_eq!(message.subject.as_str(), format!("weather.{n}"));
        assert_eq!(message.payload.as_ref(), n.to_string().as_bytes());
    }
}

#[tokio::test]
async fn queue_groups_share_the_work() {
    let server = Server::start("");
    let publisher = open(&server).await;
    let (counted, mut counts) = mpsc::unbounded_channel();
    for member in 0..3_usize {
        let client = open(&server).await;
        let mut subscription = client
            .queue_subscribe("work", "workers".to_owned())
            .await
            .expect("a subscription");
        round_trip(&client).await;
        let counted = counted.clone();
        tokio::spawn(async move {
            while subscription.next().await.is_some() {
                if counted.send(member).is_err() {
                    break;
                }
            }
        });
    }
    for _ in 0..300 {
        publisher
            .publish("work", "x".into())
            .await
            .expect("a publish");
    }
    let mut shares = [0; 3];
    for _ in 0..300 {
        let member = timeout(PATIENCE, counts.recv())
            .await
            .expect("in time")
            .expect("a member");
        shares[member] += 1;
    }
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[tokio::test]
async fn requests_are_answered_or_refused() {
    let server = Server::start("");
    let (client, service) = (open(&server).await, open(&server).await);
    let mut requests = service.subscribe("service").await.expect("a subscription");
    round_trip(&service).await;
    tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            let reply = request.reply.expect("a request has a reply subject");
            service
                .publish(reply, request.payload)
                .await
                .expect("a publish");
        }
    });
    for n in 0..100 {
        let reply = client
            .request("service", n.to_string().into())
            .await
            .expect("an answer");
        assert_eq!(reply.payload.as_ref(), n.to_string().as_bytes());
    }
    let error = client
        .request("nobody.listens", "?".into())
        .await
        .expect_err("nobody answers");
    assert_eq!(error.kind(), RequestErrorKind::NoResponders);
}

#[tokio::test]
async fn headers_keep_their_values() {
    let server = Server::start("");
    let client = open(&server).await;
    let mut subscription = client
        .subscribe("with.headers")
        .await
        .expect("a subscription");
    let mut headers = HeaderMap::new();
    headers.append("Colour", "green");
    headers.append("Colour", "blue");
    client
        .publish_with_headers("with.headers", headers.clone(), "x".into())
        .await
        .expect("a publish");
    let message = timeout(PATIENCE, subscription.next())
        .await
        .expect("in time")
        .expect("a message");
    assert_eq!(message.headers, Some(headers));
}

#[tokio::test]
async fn drains_what_has_arrived() {
    let server = Server::start("");
    let (one, two) = (open(&server).await, open(&server).await);
    let mut subscription = two.subscribe("drained").await.expect("a subscription");
    round_trip(&two).await;
    for n in 0..100 {
        one.publish("drained", n.to_string().into())
            .await
            .expect("a publish");
    }
    round_trip(&one).await;
    round_trip(&two).await;
    two.drain().await.expect("a drain");
    let mut received = 0;
    while timeout(PATIENCE, subscription.next())
        .await
        .expect("in time")
        .is_some()
    {
        received += 1;
    }
    assert_eq!(received, 100);
}

#[tokio::test]
async fn comes_back_after_a_restart_of_the_server() {
    let first = Server::start("");
    let (told, mut events) = mpsc::unbounded_channel();
    let client = ConnectOptions::new()
        .event_callback(move |event| {
            let told = told.clone();
            async move {
                let _ = told.send(event);
            }
        })
        .reconnect_delay_callback(|_| Duration::from_millis(50))
        .connect(first.url())
        .await
        .expect("the server accepts");
    let mut subscription = client
        .subscribe("after.restart")
        .await
        .expect("a subscription");
    round_trip(&client).await;
    first.kill();
    let _second = Launch::new("").port(first.client_port()).start();
    let mut seen_gone = false;
    loop {
        match timeout(PATIENCE, events.recv())
            .await
            .expect("in time")
            .expect("an event")
        {
            Event::Disconnected => seen_gone = true,
            Event::Connected if seen_gone => break,
            _ => {}
        }
    }
    client
        .publish("after.restart", "back".into())
        .await
        .expect("a publish");
    let message = timeout(PATIENCE, subscription.next())
        .await
        .expect("in time")
        .expect("a message");
    assert_eq!(message.payload.as_ref(), b"back");
}
