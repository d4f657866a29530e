//! Micro services and requests to servers against any real server.

mod support;

use std::time::Duration;

use nats_client::micro::{
    self, EndpointConfig, Reply, Service, ServiceConfig, ServiceError, StartError, Target,
};
use nats_client::system::{self, Gather, SystemError};
use nats_client::{Client, HeaderMap, Options, RequestError};
use support::real::RealServer;
use support::soon;

const TIMEOUT: Duration = Duration::from_secs(5);

async fn connected(server: &RealServer) -> Client {
    Options::new().connect(server.url()).await.expect("connect")
}

async fn echo(client: &Client) -> Service {
    let config = ServiceConfig::new("echo", "1.2.3")
        .description("says it again")
        .metadata("team", "core");
    let service = Service::start(client, config).await.unwrap();
    service
        .endpoint("say", |request| async move {
            if request.payload() == b"bad" {
                return Err(ServiceError::new(400, "bad\r\nrequest"));
            }
            let mut headers = HeaderMap::new();
            headers.insert("Echo", "yes").unwrap();
            Ok(Reply::new(request.payload_bytes()).with_headers(headers))
        })
        .await
        .unwrap();
    service
}

#[tokio::test]
async fn an_endpoint_answers_and_its_errors_travel_in_headers() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let service = echo(&client).await;
    let answer = client.request("say", None, "hello", TIMEOUT).await.unwrap();
    assert_eq!(
        (answer.text().as_ref(), answer.header("Echo")),
        ("hello", Some("yes"))
    );
    let error = client.request("say", None, "bad", TIMEOUT).await.unwrap();
    assert_eq!(error.header("Nats-Service-Error-Code"), Some("400"));
    assert_eq!(error.header("Nats-Service-Error"), Some("bad  request"));

    let stats = service.stats();
    let endpoint = &stats.endpoints[0];
    assert_eq!((endpoint.num_requests, endpoint.num_errors), (2, 1));
    assert_eq!(endpoint.last_error, "400:bad\r\nrequest");
    assert_eq!(endpoint.queue_group, "q");
    service.reset();
    assert_eq!(service.stats().endpoints[0].num_requests, 0);
    service.stop().await.unwrap();
    let stopped = client.request("say", None, "", TIMEOUT).await;
    assert!(
        matches!(stopped, Err(RequestError::NoResponders { .. })),
        "{stopped:?}"
    );
}

#[tokio::test]
async fn services_are_found_by_all_by_name_and_by_id() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let (one, two) = (connected(&server).await, connected(&server).await);
    let gather = Gather {
        silence: Duration::from_millis(150),
        ..Gather::default()
    };
    assert!(
        micro::ping(&one, Target::default(), gather)
            .await
            .unwrap()
            .is_empty()
    );
    let (first, second) = (echo(&one).await, echo(&two).await);
    let other = Service::start(&two, ServiceConfig::new("other", "0.1.0"))
        .await
        .unwrap();
    // Subscriptions of another connection: the server has them with its answer.
    two.flush().await.unwrap();
    assert_eq!(
        micro::ping(&one, Target::default(), gather)
            .await
            .unwrap()
            .len(),
        3
    );
    let named = micro::ping(&one, Target::named("echo"), gather)
        .await
        .unwrap();
    let mut ids: Vec<_> = named.iter().map(|a| a.document.id.as_str()).collect();
    ids.sort_unstable();
    let mut expected = [first.id(), second.id()];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(
        named[0].document.response_type,
        "io.nats.micro.v1.ping_response"
    );
    let target = Target {
        name: Some("echo"),
        id: Some(second.id()),
    };
    let info = micro::info(&one, target, Gather::expecting(1, TIMEOUT))
        .await
        .unwrap();
    assert_eq!(info[0].document, second.info());
    assert_eq!(info[0].document.endpoints[0].subject, "say");
    assert_eq!(info[0].document.metadata["team"], "core");
    let stats = micro::stats(&one, target, Gather::expecting(1, TIMEOUT))
        .await
        .unwrap();
    assert_eq!(stats[0].document, second.stats());
    drop(other);
    one.flush().await.unwrap();
}

#[tokio::test]
async fn groups_prefix_subjects_and_pass_on_their_queue_group() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let client = connected(&server).await;
    let service = Service::start(&client, ServiceConfig::new("g", "1.0.0"))
        .await
        .unwrap();
    let group = service.group("v1").queue_group("workers").group("math");
    let reply = |_| async { Ok(Reply::new("ok")) };
    let add = group.endpoint("add", reply).await.unwrap();
    assert_eq!(
        (add.subject(), add.info().queue_group.as_str()),
        ("v1.math.add", "workers")
    );
    let config = EndpointConfig {
        subject: Some("any.*".into()),
        no_queue_group: true,
        ..EndpointConfig::default()
    };
    let any = group.endpoint_with("any", config, reply).await.unwrap();
    assert_eq!(
        (any.subject(), any.info().queue_group.as_str()),
        ("v1.math.any.*", "")
    );
    for subject in ["v1.math.add", "v1.math.any.x"] {
        let answer = client.request(subject, None, "", TIMEOUT).await.unwrap();
        assert_eq!(answer.payload(), b"ok");
    }
    let bad = service.endpoint("a.b", reply).await.unwrap_err();
    assert!(matches!(bad, StartError::Name { .. }), "{bad}");
    let bad = Service::start(&client, ServiceConfig::new("g", "one"))
        .await
        .unwrap_err();
    assert!(matches!(bad, StartError::Version(_)), "{bad}");
}

const SYSTEM: &str = "accounts { SYS { users: [ { user: sys, password: pw } ] }, \
     APP { users: [ { user: app, password: pw } ] } }\nsystem_account: SYS";

#[tokio::test]
async fn servers_answer_the_system_account() {
    let Some(server) = RealServer::start(SYSTEM) else {
        return;
    };
    let user = Options::new().user_and_password("sys", "pw");
    let client = user.connect(server.url()).await.unwrap();
    type Json = serde_json::Value;
    let id = client.server_info().server_id.clone();
    let answers = system::ping_servers::<Json>(&client, "VARZ", &(), Gather::default())
        .await
        .unwrap();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].document.server.id, id);
    assert_eq!(
        answers[0].document.data.as_ref().unwrap()["server_id"],
        id.as_str()
    );
    let filter = serde_json::json!({"server_name": "no such server"});
    let gather = Gather {
        timeout: Duration::from_millis(200),
        ..Gather::default()
    };
    let none = system::ping_servers::<Json>(&client, "VARZ", &filter, gather)
        .await
        .unwrap();
    assert!(none.is_empty());
    let one = system::server_request::<Json>(&client, &id, "CONNZ", &(), TIMEOUT)
        .await
        .unwrap();
    assert!(one.document.data.unwrap()["connections"].is_array());
    let account = system::account_request::<Json>(&client, "APP", "INFO", &(), TIMEOUT)
        .await
        .unwrap();
    assert_eq!(account.document.data.unwrap()["account_name"], "APP");
}

#[tokio::test]
async fn other_accounts_are_told_what_they_lack() {
    let Some(server) = RealServer::start(SYSTEM) else {
        return;
    };
    let user = Options::new().user_and_password("app", "pw");
    let client = user.connect(server.url()).await.unwrap();
    let error = soon(
        "the refusal",
        system::ping_servers::<serde_json::Value>(&client, "VARZ", &(), Gather::default()),
    )
    .await
    .unwrap_err();
    assert!(matches!(error, SystemError::NoResponders { .. }), "{error}");
}
