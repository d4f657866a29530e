//! Publish, subscribe, request and their relatives against any real server.

mod support;

use std::time::Duration;

use nats_client::{
    Client, DrainError, HeaderMap, Options, PublishError, RequestError, RequestManyOptions, Status,
    SubscribeOptions,
};
use support::real::RealServer;
use support::soon;

async fn connected(server: &RealServer) -> Client {
    Options::new()
        .name("test")
        .connect(server.url())
        .await
        .expect("connect")
}

#[tokio::test]
async fn a_message_arrives_with_all_its_parts() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let mut sub = client.subscribe("a.*").await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Key", "one").unwrap();
    headers.append("Key", "two").unwrap();
    client
        .publish_message("a.b", Some("answer.here"), Some(&headers), "payload")
        .await
        .unwrap();
    let message = soon("the message", sub.next()).await.unwrap();
    assert_eq!(message.subject(), "a.b");
    assert_eq!(message.reply(), Some("answer.here"));
    assert_eq!(message.payload(), b"payload");
    assert_eq!(message.header("Key"), Some("one"));
    let headers = message.headers().unwrap();
    assert_eq!(headers.all("Key").collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(message.status(), None);
    assert_eq!(client.statistics().in_msgs, 1);
    assert_eq!(client.statistics().out_msgs, 1);
}

#[tokio::test]
async fn large_and_small_messages_keep_their_bytes_and_order() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let mut sub = client.subscribe("size").await.unwrap();
    let sizes = [
        0usize,
        1,
        4000,
        64 * 1024,
        1024 * 1024,
        3,
        200_000,
        1024 * 1024,
        5,
    ];
    let payload =
        |i: usize, size: usize| -> Vec<u8> { (0..size).map(|at| (at * 31 + i) as u8).collect() };
    for (i, size) in sizes.iter().enumerate() {
        client.publish("size", payload(i, *size)).await.unwrap();
    }
    for (i, size) in sizes.iter().enumerate() {
        let message = soon("the message", sub.next()).await.unwrap();
        assert!(message.payload() == payload(i, *size), "message {i}");
    }
    let too_large = client.publish("size", vec![0; 1024 * 1024 + 1]).await;
    assert!(matches!(
        too_large,
        Err(PublishError::PayloadTooLarge { .. })
    ));
}

#[tokio::test]
async fn a_queue_group_shares_its_messages() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let mut one = client.queue_subscribe("work", "q").await.unwrap();
    let mut two = client.queue_subscribe("work", "q").await.unwrap();
    for _ in 0..100 {
        client.publish("work", "").await.unwrap();
    }
    client.flush().await.unwrap();
    // The answer to the flush came behind all deliveries.
    let mut counts = [0, 0];
    while one.try_next().is_some() {
        counts[0] += 1;
    }
    while two.try_next().is_some() {
        counts[1] += 1;
    }
    assert_eq!(counts[0] + counts[1], 100, "{counts:?}");
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
}

#[tokio::test]
async fn unsubscribe_after_counts_all_deliveries_and_ends_the_stream() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let mut sub = client.subscribe("n").await.unwrap();
    sub.unsubscribe_after(3);
    let options = SubscribeOptions {
        max: Some(2),
        ..SubscribeOptions::default()
    };
    let mut other = client.subscribe_with("n", options).await.unwrap();
    for i in 0..10 {
        client.publish("n", i.to_string()).await.unwrap();
    }
    client.flush().await.unwrap();
    let mut seen = Vec::new();
    while let Some(message) = soon("the end", sub.next()).await {
        seen.push(message.text().into_owned());
    }
    assert_eq!(seen, ["0", "1", "2"]);
    let mut batch = Vec::new();
    assert_eq!(soon("a batch", other.next_batch(&mut batch)).await, 2);
    assert_eq!(soon("the end", other.next_batch(&mut batch)).await, 0);
}

#[tokio::test]
async fn a_request_has_its_answer_or_a_reason() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let timeout = Duration::from_secs(5);
    let nobody = client.request("nobody", None, "", timeout).await;
    assert!(matches!(nobody, Err(RequestError::NoResponders { subject }) if subject == "nobody"));

    let mut service = client.subscribe("echo").await.unwrap();
    let responder = client.clone();
    let task = tokio::spawn(async move {
        while let Some(request) = service.next().await {
            if request.payload() != b"silence" {
                responder
                    .respond(&request, request.payload())
                    .await
                    .unwrap();
            }
        }
    });
    let answer = client
        .request("echo", None, "hello", timeout)
        .await
        .unwrap();
    assert_eq!(answer.payload(), b"hello");
    let many = (0..200).map(|i| {
        let client = client.clone();
        tokio::spawn(async move {
            let answer = client.request("echo", None, format!("{i}"), timeout).await;
            assert_eq!(answer.unwrap().text(), i.to_string());
        })
    });
    for request in many {
        request.await.unwrap();
    }
    let silence = client
        .request("echo", None, "silence", Duration::from_millis(50))
        .await;
    assert_eq!(
        silence.unwrap_err(),
        RequestError::TimedOut(Duration::from_millis(50))
    );
    task.abort();
}

#[tokio::test]
async fn request_many_ends_by_count_by_sentinel_and_by_silence() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let long = Duration::from_secs(30);
    let mut service = client.subscribe("many").await.unwrap();
    let responder = client.clone();
    let task = tokio::spawn(async move {
        while let Some(request) = service.next().await {
            for i in 0..5 {
                responder.respond(&request, i.to_string()).await.unwrap();
            }
            if request.payload() == b"sentinel" {
                responder.respond(&request, "").await.unwrap();
            }
        }
    });
    for (payload, options, answers) in [
        ("", RequestManyOptions::within(long).max(3), 3),
        ("sentinel", RequestManyOptions::within(long).sentinel(), 5),
        (
            "",
            RequestManyOptions::within(long).stall(Duration::from_millis(100)),
            5,
        ),
        (
            "",
            RequestManyOptions::within(Duration::from_millis(200)),
            5,
        ),
    ] {
        let responses = client.request_many("many", None, payload, options).await;
        let all = soon("the end", responses.unwrap().collect()).await.unwrap();
        assert_eq!(all.len(), answers);
    }
    let nobody = client
        .request_many("nobody", None, "", RequestManyOptions::within(long))
        .await
        .unwrap();
    let error = soon("the refusal", nobody.collect()).await.unwrap_err();
    assert!(matches!(error, RequestError::NoResponders { .. }));
    task.abort();
}

#[tokio::test]
async fn drain_reads_what_was_sent_and_closes() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let publisher = connected(&server).await;
    let mut sub = client.subscribe("d").await.unwrap();
    client.flush().await.unwrap();
    for _ in 0..1000 {
        publisher.publish("d", "x").await.unwrap();
    }
    publisher.flush().await.unwrap();
    let draining = client.clone();
    let drain = tokio::spawn(async move { draining.drain().await });
    let mut count = 0;
    while soon("the end", sub.next()).await.is_some() {
        count += 1;
    }
    assert_eq!(count, 1000);
    soon("the drain", drain).await.unwrap().unwrap();
    assert_eq!(client.status(), Status::Closed);
    assert_eq!(client.publish("d", "").await, Err(PublishError::Closed));
    assert_eq!(client.drain().await, Err(DrainError::Closed));
}

#[tokio::test]
async fn one_subscription_drains_while_the_others_go_on() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let mut drained = client.subscribe("d").await.unwrap();
    let mut other = client.subscribe("d").await.unwrap();
    client.publish("d", "1").await.unwrap();
    drained.drain().await.unwrap();
    client.publish("d", "2").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(drained.next().await.unwrap().text(), "1");
    assert!(drained.next().await.is_none());
    assert_eq!(other.next().await.unwrap().text(), "1");
    assert_eq!(other.next().await.unwrap().text(), "2");
}

#[tokio::test]
async fn a_handler_sees_every_message_on_the_connection_task() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let sub = client
        .subscribe_handler("h", SubscribeOptions::default(), move |batch| {
            for message in batch {
                let _ = sender.send(message.text().into_owned());
            }
        })
        .await
        .unwrap();
    for i in 0..100 {
        client.publish("h", i.to_string()).await.unwrap();
    }
    for i in 0..100 {
        assert_eq!(
            soon("a message", receiver.recv()).await,
            Some(i.to_string())
        );
    }
    sub.unsubscribe();
    client.publish("h", "late").await.unwrap();
    client.flush().await.unwrap();
    assert!(receiver.try_recv().is_err());
}

#[tokio::test]
async fn without_echo_own_messages_do_not_come_back() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = Options::new()
        .no_echo()
        .connect(server.url())
        .await
        .unwrap();
    let mut sub = client.subscribe("e").await.unwrap();
    client.publish("e", "own").await.unwrap();
    client.flush().await.unwrap();
    assert!(sub.try_next().is_none());
}

#[tokio::test]
async fn the_last_handle_closes_the_connection_and_what_was_published_arrives() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let mut sub = client.subscribe("last").await.unwrap();
    client.flush().await.unwrap();
    let leaving = connected(&server).await;
    leaving.publish("last", "word").await.unwrap();
    let mut events = leaving.events();
    drop(leaving);
    assert_eq!(
        soon("the message", sub.next()).await.unwrap().text(),
        "word"
    );
    soon("the end of the events", async {
        while events.next().await.is_some() {}
    })
    .await;
}

#[tokio::test]
async fn facts_about_the_server_are_known() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    assert_eq!(client.connected_url().as_deref(), Some(server.url()));
    assert!(client.server_info().version.starts_with("2."));
    assert_eq!(client.max_payload(), 1024 * 1024);
    assert!(client.rtt().await.unwrap() < Duration::from_secs(5));
    assert!(client.is_connected());
    client.close().await;
    assert!(!client.is_connected());
    assert_eq!(client.connected_url(), None);
    let closed = client.subscribe("x").await.unwrap_err().to_string();
    assert_eq!(closed, "the connection is closed");
}
