//! Real servers that go and come back, and the way through a proxy.

mod support;

use std::time::Duration;

use nats_client::{Event, Options};
use support::real::RealServer;
use support::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_restarted_server_gets_the_subscriptions_and_what_was_published_meanwhile() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let port = server.port().to_owned();
    let client = Options::new()
        .reconnect_wait(Duration::from_millis(20))
        .reconnect_jitter(Duration::ZERO, Duration::ZERO)
        .max_reconnects(None)
        .connect(server.url())
        .await
        .unwrap();
    let mut events = client.events();
    let mut sub = client.subscribe("a").await.unwrap();
    client.flush().await.unwrap();
    drop(server);
    soon("the loss", async {
        while !matches!(events.next().await, Some(Event::Disconnected { .. })) {}
    })
    .await;
    for i in 0..100 {
        client.publish("a", i.to_string()).await.unwrap();
    }
    let Some(_server) = RealServer::start_on(&port, "") else {
        return;
    };
    for i in 0..100 {
        let message = soon("a message", sub.next()).await.unwrap();
        assert_eq!(message.text(), i.to_string());
    }
    let answer = client
        .request("nobody", None, "", Duration::from_secs(5))
        .await;
    assert!(matches!(
        answer,
        Err(nats_client::RequestError::NoResponders { .. })
    ));
}

#[tokio::test]
async fn requests_go_on_after_a_reconnect_with_the_same_inbox() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = Options::new().connect(server.url()).await.unwrap();
    let mut service = client.subscribe("echo").await.unwrap();
    let responder = client.clone();
    tokio::spawn(async move {
        while let Some(request) = service.next().await {
            let _ = responder.respond(&request, request.payload()).await;
        }
    });
    let timeout = Duration::from_secs(5);
    client.request("echo", None, "1", timeout).await.unwrap();
    let mut events = client.events();
    client.force_reconnect();
    soon("the new connection", async {
        while !matches!(events.next().await, Some(Event::Reconnected { .. })) {}
    })
    .await;
    let answer = client.request("echo", None, "2", timeout).await.unwrap();
    assert_eq!(answer.payload(), b"2");
}

/// A SOCKS5 proxy for one connection; returns what it was asked for.
async fn proxy_once(listener: TcpListener, login: Option<(&str, &str)>) -> String {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut head = [0; 2];
    client.read_exact(&mut head).await.unwrap();
    let mut methods = vec![0; head[1] as usize];
    client.read_exact(&mut methods).await.unwrap();
    match login {
        None => client.write_all(&[5, 0]).await.unwrap(),
        Some((user, password)) => {
            client.write_all(&[5, 2]).await.unwrap();
            let mut said = vec![0; 3 + user.len() + password.len()];
            client.read_exact(&mut said).await.unwrap();
            let mut wanted = vec![1, user.len() as u8];
            wanted.extend_from_slice(user.as_bytes());
            wanted.push(password.len() as u8);
            wanted.extend_from_slice(password.as_bytes());
            assert_eq!(said, wanted);
            client.write_all(&[1, 0]).await.unwrap();
        }
    }
    let mut request = [0; 5];
    client.read_exact(&mut request).await.unwrap();
    assert_eq!(request[..4], [5, 1, 0, 3], "CONNECT by name");
    let mut target = vec![0; request[4] as usize + 2];
    client.read_exact(&mut target).await.unwrap();
    let (name, port) = target.split_at(request[4] as usize);
    let port = u16::from_be_bytes([port[0], port[1]]);
    let name = String::from_utf8(name.to_vec()).unwrap();
    client
        .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
    name
}

#[tokio::test]
async fn a_socks_proxy_carries_the_connection_and_resolves_the_name() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    for login in [None, Some(("joe", "pw"))] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let user = if login.is_some() { "joe:pw@" } else { "" };
        let address = format!("socks5://{user}{}", listener.local_addr().unwrap());
        let proxy = tokio::spawn(proxy_once(listener, login));
        let client = Options::new()
            .socks_proxy(&address)
            .unwrap()
            .no_reconnect()
            .connect(format!("nats://known.to.the.proxy:{}", server.port()))
            .await
            .unwrap();
        client.flush().await.unwrap();
        client.close().await;
        assert_eq!(
            soon("the proxy ends", proxy).await.unwrap(),
            "known.to.the.proxy"
        );
    }
}

#[tokio::test]
async fn many_tasks_share_one_client() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = Options::new()
        .write_buffer(4096)
        .connect(server.url())
        .await
        .unwrap();
    let mut sub = client.subscribe("load.*").await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let client = client.clone();
            tokio::spawn(async move {
                let subject = format!("load.{task}");
                for i in 0..2000u32 {
                    client.publish(&subject, i.to_string()).await.unwrap();
                }
            })
        })
        .collect();
    let mut next = [0u32; 8];
    for _ in 0..8 * 2000 {
        let message = soon("a message", sub.next()).await.unwrap();
        let task: usize = message.subject()["load.".len()..].parse().unwrap();
        assert_eq!(
            message.text(),
            next[task].to_string(),
            "order of one publisher"
        );
        next[task] += 1;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(client.statistics().out_msgs, 16_000);
}
