//! The example programs do what they say, against any real server.

mod support;

#[path = "../examples/authentication.rs"]
#[allow(dead_code, reason = "its main is for the program")]
mod authentication;
#[path = "../examples/publish_subscribe.rs"]
#[allow(dead_code, reason = "its main is for the program")]
mod publish_subscribe;
#[path = "../examples/requests.rs"]
#[allow(dead_code, reason = "its main is for the program")]
mod requests;
#[path = "../examples/resilience.rs"]
#[allow(dead_code, reason = "its main is for the program")]
mod resilience;

use support::real::RealServer;
use support::soon;

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("text")
}

#[tokio::test]
async fn publish_subscribe_shows_every_kind_of_subscription() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let mut out = Vec::new();
    soon("the end", publish_subscribe::run(server.url(), &mut out))
        .await
        .expect("it works");
    assert_eq!(
        text(out),
        "orders.new: two coffees (table none)\n\
         orders.done: one tea (table 7)\n\
         both workers together: 100 jobs\n\
         tick 0\ntick 1\ntick 2\n\
         round trip below a second: true\n\
         sent 107, received 105\n\
         read while draining: the last one\n"
    );
}

#[tokio::test]
async fn requests_have_one_answer_or_none_or_many() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let mut out = Vec::new();
    soon("the end", requests::run(server.url(), &mut out))
        .await
        .expect("it works");
    assert_eq!(
        text(out),
        "hello, joe\n\
         nobody answers nobody\n\
         the first two: ann bob\n\
         until an empty one: ann bob cid\n\
         until it is silent: ann bob cid \n"
    );
}

#[tokio::test]
async fn resilience_goes_on_with_the_next_server() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let port = server.port().to_owned();
    let client = soon("connect", resilience::options().connect(server.url()))
        .await
        .expect("let in");
    let mut events = client.events();
    let another = std::thread::spawn(move || {
        drop(server);
        RealServer::start_on(&port, "")
    });
    let mut out = Vec::new();
    soon("the end", resilience::run(&client, &mut out))
        .await
        .expect("it lives through it");
    let _server = another.join().expect("started again");
    assert_eq!(
        text(out),
        "disconnected\nreconnected\n20 numbers, 2 connections\n"
    );
    assert!(events.next().await.is_some());
}

#[tokio::test]
async fn authentication_says_who_is_let_in() {
    let Some(server) = RealServer::start("authorization { user: joe, password: secret }") else {
        return;
    };
    let login = async |form: &[&str]| {
        let mut out = Vec::new();
        let words: Vec<&str> = std::iter::once(server.url())
            .chain(form.iter().copied())
            .collect();
        let outcome = soon("the end", authentication::run(&words, &mut out)).await;
        outcome.map(|()| text(out)).map_err(|e| e.to_string())
    };
    let said = login(&["user", "joe", "secret"]).await.expect("let in");
    assert!(said.starts_with("let in by a server 2."), "{said}");
    for form in [&["user", "joe", "guess"][..], &["none"], &["token", "x"]] {
        let error = login(form).await.expect_err("refused");
        assert!(error.contains("Authorization Violation"), "{error}");
    }
    let error = login(&["fingerprint"]).await.expect_err("unknown");
    assert!(error.contains("fingerprint"), "{error}");
}
