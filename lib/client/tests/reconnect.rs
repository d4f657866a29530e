//! What a client does when its server goes, lies or falls silent: against a server that the test writes line by line.

mod support;

use std::future::Future as _;
use std::task::Poll;
use std::time::Duration;

use nats_client::{
    Client, ConnectError, Event, Events, FlushError, Options, PendingLimits, PublishError,
    ServerError, Status, SubscribeOptions,
};
use support::fake::{FakeServer, Peer, info};
use support::soon;

/// Fast reconnects, no surprises.
fn options() -> Options {
    Options::new()
        .keep_server_order()
        .reconnect_wait(Duration::from_millis(5))
        .reconnect_jitter(Duration::from_millis(1), Duration::from_millis(1))
}

/// Connects `options` to `server` and plays the server's part.
async fn connected(server: &FakeServer, options: Options) -> (Client, Peer) {
    let url = server.url();
    let connecting = tokio::spawn(async move { options.connect(url).await });
    let (peer, _) = server.accept_client().await;
    (soon("connect", connecting).await.unwrap().unwrap(), peer)
}

async fn event(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> Event {
    soon("the event", async {
        loop {
            let event = events.next().await.expect("more events");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
}

#[tokio::test]
async fn connect_sends_the_allow_listed_fields_and_nothing_else() {
    let server = FakeServer::start().await;
    let options = options()
        .name("golden")
        .user_and_password("joe", "pw")
        .token("tok")
        .no_echo()
        .ca_pem(b"not sent".to_vec());
    let url = server.url();
    // TLS settings are refused by a server without TLS; golden is the CONNECT of plain options.
    let refused = tokio::spawn(options.clone().connect(url.clone()));
    server.accept().await.say(&info("")).await;
    let error = soon("the refusal", refused).await.unwrap().unwrap_err();
    assert!(
        matches!(error, ConnectError::TlsNotOffered { .. }),
        "{error}"
    );

    let plain = Options::new()
        .name("golden")
        .user_and_password("joe", "pw")
        .token("tok")
        .no_echo();
    let connecting = tokio::spawn(plain.connect(url));
    let (_peer, connect) = server.accept_client().await;
    soon("connect", connecting).await.unwrap().unwrap();
    //= reliability.md S1
    assert_eq!(
        connect,
        format!(
            "CONNECT {{\"echo\":false,\"verbose\":false,\"pedantic\":false,\"tls_required\":false,\
             \"auth_token\":\"tok\",\"user\":\"joe\",\"pass\":\"pw\",\"name\":\"golden\",\
             \"lang\":\"rust\",\"version\":\"{}\",\"protocol\":1,\"headers\":true,\
             \"no_responders\":true}}",
            env!("CARGO_PKG_VERSION")
        )
    );
}

#[tokio::test]
async fn traced_lines_hold_no_secret_and_no_payload() {
    let server = FakeServer::start().await;
    let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let options =
        options()
            .user_and_password("joe", "s3cret")
            .trace_protocol(move |direction, line| {
                let _ = sender.send(format!("{direction} {line}"));
            });
    let (client, mut peer) = connected(&server, options).await;
    client.publish("a", "hidden").await.unwrap();
    assert_eq!(peer.line().await, "PUB a 6");
    peer.say("MSG a 9 6\r\nhidden\r\nPING\r\n").await;
    let mut all = Vec::new();
    soon("the trace", async {
        while !all.iter().any(|line| line == "->> PONG") {
            all.push(lines.recv().await.unwrap());
        }
    })
    .await;
    let text = all.join("\n");
    assert!(
        !text.contains("s3cret") && !text.contains("hidden"),
        "{text}"
    );
    for line in [
        "->> PING",
        "<<- PONG",
        "->> PUB a 6",
        "<<- MSG a 9 6",
        "<<- PING",
    ] {
        assert!(all.iter().any(|l| l == line), "{line} in {text}");
    }
}

#[tokio::test]
async fn subscriptions_come_back_with_what_is_left_of_their_limit_and_pending_messages_follow() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let mut events = client.events();
    let mut all = client.subscribe("all").await.unwrap();
    let limited = client.queue_subscribe("some", "q").await.unwrap();
    limited.unsubscribe_after(5);
    let gone = client.subscribe("gone").await.unwrap();
    for line in ["SUB all 1", "SUB some q 2", "UNSUB 2 5", "SUB gone 3"] {
        assert_eq!(peer.line().await, line);
    }
    drop(gone);
    assert_eq!(peer.line().await, "UNSUB 3");
    peer.say("MSG some 2 1\r\na\r\nMSG some 2 1\r\nb\r\nMSG all 1 1\r\nc\r\n")
        .await;
    assert_eq!(soon("c", all.next()).await.unwrap().text(), "c");
    drop(peer);
    event(&mut events, |e| matches!(e, Event::Disconnected { .. })).await;
    assert_eq!(client.status(), Status::Reconnecting);
    client.publish("while.away", "1").await.unwrap();
    let _late = client.subscribe("late").await.unwrap();

    let (mut peer, _) = server.accept_client().await;
    for line in [
        "SUB all 1",
        "SUB some q 2",
        "UNSUB 2 3",
        "SUB late 4",
        "PUB while.away 1",
        "1",
    ] {
        assert_eq!(peer.line().await, line);
    }
    event(&mut events, |e| matches!(e, Event::Reconnected { .. })).await;
    assert_eq!(client.statistics().connects, 2);
    peer.say("MSG all 1 1\r\nd\r\n").await;
    assert_eq!(soon("d", all.next()).await.unwrap().text(), "d");
}

#[tokio::test]
async fn the_pending_buffer_is_bounded() {
    let server = FakeServer::start().await;
    let (client, peer) = connected(&server, options().pending_buffer(100)).await;
    let mut events = client.events();
    drop(peer);
    event(&mut events, |e| matches!(e, Event::Disconnected { .. })).await;
    client.publish("a", [0; 80]).await.unwrap();
    let full = client.publish("a", [0; 80]).await;
    assert_eq!(full, Err(PublishError::PendingBufferFull { limit: 100 }));
}

#[tokio::test]
async fn a_publisher_waits_for_a_server_that_does_not_read() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options().write_buffer(1000)).await;
    // Fill what the kernel takes, then the buffer.
    let blocked = soon("the buffer fills", async {
        loop {
            match client.try_publish("a", [b'x'; 900]) {
                Err(error) => {
                    // The kernel may still take some; it tells nobody when it is full for good.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if client.try_publish("a", [b'x'; 900]).is_err() {
                        return error;
                    }
                }
                Ok(()) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    assert_eq!(blocked, PublishError::WouldBlock);
    let mut publish = std::pin::pin!(client.publish("b", ""));
    let begun = std::future::poll_fn(|cx| Poll::Ready(publish.as_mut().poll(cx))).await;
    assert!(begun.is_pending(), "{begun:?}");
    let sent = client.statistics().out_msgs as usize;
    peer.bytes(sent * 912).await;
    soon("the publisher goes on", publish).await.unwrap();
}

#[tokio::test]
async fn a_silent_server_counts_as_lost() {
    let server = FakeServer::start().await;
    let options = options()
        .ping_interval(Duration::from_millis(20))
        .max_pings_outstanding(2);
    let (client, mut peer) = connected(&server, options).await;
    let mut events = client.events();
    assert_eq!(peer.line().await, "PING");
    assert_eq!(peer.line().await, "PING");
    let lost = event(&mut events, |e| matches!(e, Event::Disconnected { .. })).await;
    assert!(lost.to_string().contains("no answer to 2 pings"), "{lost}");
    server.accept_client().await;
}

#[tokio::test]
async fn a_server_that_answers_pings_stays() {
    let server = FakeServer::start().await;
    let options = options()
        .ping_interval(Duration::from_millis(5))
        .max_pings_outstanding(1);
    let (client, mut peer) = connected(&server, options).await;
    for _ in 0..20 {
        assert_eq!(peer.line().await, "PING");
        peer.say("PONG\r\n").await;
    }
    assert_eq!(client.statistics().connects, 1);
}

#[tokio::test]
async fn a_slow_consumer_loses_the_newest_messages_and_says_so_once() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let mut events = client.events();
    let options = SubscribeOptions {
        limits: PendingLimits {
            messages: 3,
            bytes: usize::MAX,
        },
        ..SubscribeOptions::default()
    };
    let mut sub = client.subscribe_with("s", options).await.unwrap();
    assert_eq!(peer.line().await, "SUB s 1");
    let messages = |from: usize, to: usize| {
        (from..to)
            .map(|i| format!("MSG s 1 1\r\n{i}\r\n"))
            .collect::<String>()
    };
    peer.say(&messages(0, 5)).await;
    peer.say("PING\r\n").await;
    assert_eq!(peer.line().await, "PONG");
    let slow = event(&mut events, |e| matches!(e, Event::SlowConsumer { .. })).await;
    assert!(
        matches!(
            slow,
            Event::SlowConsumer {
                sid: 1,
                dropped: 2,
                ..
            }
        ),
        "{slow}"
    );
    assert_eq!((sub.dropped(), sub.pending().0, sub.delivered()), (2, 3, 5));
    assert_eq!(client.statistics().dropped, 2);
    for expected in ["0", "1", "2"] {
        assert_eq!(sub.next().await.unwrap().text(), expected);
    }
    // It has room again, so the next loss is told again.
    peer.say(&messages(5, 9)).await;
    event(&mut events, |e| matches!(e, Event::SlowConsumer { .. })).await;
    assert_eq!(sub.next().await.unwrap().text(), "5");
}

#[tokio::test]
async fn the_byte_limit_of_a_subscription_holds_too() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let options = SubscribeOptions {
        limits: PendingLimits {
            messages: usize::MAX,
            bytes: 10,
        },
        ..SubscribeOptions::default()
    };
    let mut sub = client.subscribe_with("s", options).await.unwrap();
    assert_eq!(peer.line().await, "SUB s 1");
    // Larger than the limit, but nothing else waits.
    peer.say("MSG s 1 20\r\n01234567890123456789\r\nMSG s 1 1\r\nx\r\nPING\r\n")
        .await;
    assert_eq!(peer.line().await, "PONG");
    assert_eq!(sub.next().await.unwrap().payload().len(), 20);
    assert_eq!(sub.dropped(), 1);
}

#[tokio::test]
async fn the_same_refusal_twice_ends_the_client_and_can_be_told_not_to() {
    for ignore in [false, true] {
        let server = FakeServer::start().await;
        let mut opts = options();
        if ignore {
            opts = opts.ignore_auth_error_abort();
        }
        let (client, peer) = connected(&server, opts).await;
        let mut events = client.events();
        drop(peer);
        for _ in 0..2 {
            let mut peer = server.accept().await;
            peer.say(&info("")).await;
            peer.line().await;
            peer.say("-ERR 'Authorization Violation'\r\n").await;
        }
        if ignore {
            server.accept_client().await;
            event(&mut events, |e| matches!(e, Event::Reconnected { .. })).await;
        } else {
            let closed = event(&mut events, |e| matches!(e, Event::Closed { .. })).await;
            assert!(closed.to_string().contains("refused"), "{closed}");
            assert_eq!(client.publish("a", "").await, Err(PublishError::Closed));
        }
    }
}

#[tokio::test]
async fn a_refusal_at_the_first_connect_is_a_typed_error() {
    let server = FakeServer::start().await;
    let connecting = tokio::spawn(options().connect(server.url()));
    let mut peer = server.accept().await;
    peer.say(&info("")).await;
    peer.line().await;
    peer.say("-ERR 'Authorization Violation'\r\n").await;
    let error = soon("the refusal", connecting).await.unwrap().unwrap_err();
    assert!(error.is_authentication(), "{error}");
}

#[tokio::test]
async fn a_flush_that_loses_its_connection_says_so_and_one_without_an_answer_times_out() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let timeout = Duration::from_millis(20);
    let silent = client.flush_within(timeout).await;
    assert_eq!(silent, Err(FlushError::TimedOut(timeout)));
    assert_eq!(peer.line().await, "PING");
    let flushing = client.clone();
    let flush = tokio::spawn(async move { flushing.flush().await });
    assert_eq!(peer.line().await, "PING");
    drop(peer);
    let lost = soon("the flush", flush).await.unwrap();
    assert_eq!(lost, Err(FlushError::Disconnected));
    // The next connection starts with a clean count of pings.
    let (mut peer, _) = server.accept_client().await;
    let flush = tokio::spawn(async move { client.flush().await });
    assert_eq!(peer.line().await, "PING");
    peer.say("PONG\r\n").await;
    assert_eq!(soon("the flush", flush).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn announced_servers_are_used_when_the_first_one_goes() {
    let first = FakeServer::start().await;
    let second = FakeServer::start().await;
    let (client, mut peer) = connected(&first, options()).await;
    let mut events = client.events();
    let urls = format!(
        ",\"connect_urls\":[\"{}\",\"{}\"],\"ldm\":true",
        first.address(),
        second.address()
    );
    peer.say(&info(&urls)).await;
    let found = event(&mut events, |e| {
        matches!(e, Event::DiscoveredServers { .. })
    })
    .await;
    assert!(found.to_string().contains(&second.address()), "{found}");
    event(&mut events, |e| matches!(e, Event::LameDuck { .. })).await;
    drop(peer);
    let _second_peer = second.accept_client().await;
    let back = event(&mut events, |e| matches!(e, Event::Reconnected { .. })).await;
    assert!(back.to_string().contains(&second.address()), "{back}");
}

#[tokio::test]
async fn announced_servers_can_be_ignored() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options().ignore_discovered_servers()).await;
    let mut events = client.events();
    peer.say(&info(",\"connect_urls\":[\"127.0.0.1:1\"]")).await;
    drop(peer);
    let (_peer, _) = server.accept_client().await;
    let back = event(&mut events, |e| !matches!(e, Event::Disconnected { .. })).await;
    assert!(matches!(back, Event::Reconnected { .. }), "{back}");
}

#[tokio::test]
async fn the_first_connect_tries_every_server_and_can_go_on_in_the_background() {
    let gone = FakeServer::start().await.url();
    let server = FakeServer::start().await;
    let list = format!("{gone},{}", server.url());
    let connecting = tokio::spawn(options().connect(list));
    let (_peer, _) = server.accept_client().await;
    soon("connect", connecting).await.unwrap().unwrap();

    let error = options().connect(gone.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Io { .. }), "{error}");
    let client = options()
        .retry_on_initial_connect()
        .connect(gone)
        .await
        .unwrap();
    assert_eq!(client.status(), Status::Connecting);
    client.publish("a", "waits").await.unwrap();
    soon("the client closes", client.close()).await;
}

#[tokio::test]
async fn a_server_that_fails_too_often_is_given_up() {
    let server = FakeServer::start().await;
    let (client, peer) = connected(&server, options().max_reconnects(2)).await;
    let mut events = client.events();
    drop(server);
    drop(peer);
    let closed = event(&mut events, |e| matches!(e, Event::Closed { .. })).await;
    assert!(closed.to_string().contains("no server left"), "{closed}");
    assert_eq!(client.status(), Status::Closed);
}

#[tokio::test]
async fn without_reconnect_a_lost_connection_closes_the_client() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options().no_reconnect()).await;
    let mut sub = client.subscribe("a").await.unwrap();
    assert_eq!(peer.line().await, "SUB a 1");
    drop(peer);
    assert!(soon("the end", sub.next()).await.is_none());
}

#[tokio::test]
async fn errors_that_do_not_close_are_events() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let mut events = client.events();
    peer.say("-ERR 'Permissions Violation for Subscription to \"x\" using queue \"q\"'\r\n")
        .await;
    let error = event(&mut events, |e| matches!(e, Event::ServerError(_))).await;
    assert_eq!(
        error,
        Event::ServerError(ServerError::SubscribeDenied {
            subject: "x".into(),
            queue: Some("q".into())
        })
    );
    let flush = tokio::spawn(async move { client.flush().await });
    assert_eq!(peer.line().await, "PING");
    peer.say("PONG\r\n").await;
    soon("the flush", flush).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_denied_request_fails_at_once() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let request =
        tokio::spawn(async move { client.request("x", None, "", Duration::from_secs(60)).await });
    assert!(peer.line().await.starts_with("SUB _INBOX."));
    assert!(peer.line().await.starts_with("PUB x _INBOX."));
    peer.say("-ERR 'Permissions Violation for Publish to \"x\"'\r\n")
        .await;
    let error = soon("the refusal", request).await.unwrap().unwrap_err();
    assert!(
        matches!(error, nats_client::RequestError::Denied(_)),
        "{error}"
    );
}

#[tokio::test]
async fn garbage_from_the_server_ends_the_connection_and_not_the_client() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let mut events = client.events();
    for garbage in [
        "HTTP/1.1 400 Bad Request\r\n",
        "MSG a 1 99999999999\r\n",
        "MSG a 1 1\r\nxyz\r\n",
        "INFO not json\r\n",
        "HMSG a 1 5 2\r\n",
    ] {
        peer.say(garbage).await;
        event(&mut events, |e| matches!(e, Event::Disconnected { .. })).await;
        (peer, _) = server.accept_client().await;
    }
    event(&mut events, |e| matches!(e, Event::Reconnected { .. })).await;
    drop(client);
}

#[tokio::test]
async fn messages_split_at_every_byte_arrive_whole() {
    let server = FakeServer::start().await;
    let (client, mut peer) = connected(&server, options()).await;
    let mut sub = client.subscribe("s").await.unwrap();
    assert_eq!(peer.line().await, "SUB s 1");
    let frame = "HMSG s.t 1 r 17 22\r\nNATS/1.0\r\nA:b\r\n\r\nhello\r\n";
    for cut in 1..frame.len() {
        let (head, tail) = frame.split_at(cut);
        peer.say(head).await;
        tokio::task::yield_now().await;
        peer.say(tail).await;
        let message = soon("the message", sub.next()).await.unwrap();
        assert_eq!(
            (message.subject(), message.reply(), message.header("A")),
            ("s.t", Some("r"), Some("b"))
        );
        assert_eq!(message.payload(), b"hello");
    }
}

#[tokio::test]
async fn closing_while_a_server_does_not_answer_ends_soon() {
    let server = FakeServer::start().await;
    let (client, _peer) = connected(&server, options()).await;
    for _ in 0..100 {
        let _ = client.try_publish("a", vec![0; 100_000]);
        tokio::task::yield_now().await;
    }
    soon("close", client.close()).await;
}

#[tokio::test]
async fn bytes_between_info_and_the_tls_handshake_are_refused() {
    let server = FakeServer::start().await;
    let connecting = tokio::spawn(
        options()
            .danger_accept_any_certificate()
            .connect(server.url()),
    );
    let mut peer = server.accept().await;
    let text = format!("{}PONG\r\n", info(",\"tls_required\":true"));
    peer.say(&text).await;
    let error = soon("the refusal", connecting).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("unexpected bytes"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_speaks_is_given_up_in_time() {
    let server = FakeServer::start().await;
    let connecting = tokio::spawn(
        options()
            .connect_timeout(Duration::from_millis(50))
            .connect(server.url()),
    );
    let _silent = server.accept().await;
    let error = soon("the deadline", connecting).await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::TimedOut {
                step: "waiting for INFO",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn forced_reconnects_move_to_the_next_server() {
    let first = FakeServer::start().await;
    let second = FakeServer::start().await;
    let list = format!("{},{}", first.url(), second.url());
    let connecting = tokio::spawn(options().connect(list));
    let (_peer, _) = first.accept_client().await;
    let client = soon("connect", connecting).await.unwrap().unwrap();
    client.force_reconnect();
    let (_peer, _) = second.accept_client().await;
}
