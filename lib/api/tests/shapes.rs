//! Our documents have the keys of the reference server's, in its order, and leave out what it leaves out.
//!
//! `shapes.json` holds what was observed on a running reference server (2.15.1; a plain one, one with accounts and TLS, a
//! cluster with gateways and a leaf node): the keys in order, with the values replaced by stand-ins that keep their type
//! and whether they were empty. Each shape must come out of our types exactly as it went in.

use nats_api::monitor::*;
use nats_api::system::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

fn shapes() -> Map<String, Value> {
    serde_json::from_str(include_str!("shapes.json")).expect("shapes.json is JSON")
}

/// Reads every shape of `kind` as `T` and writes it again.
fn check<T: DeserializeOwned + Serialize>(seen: &mut Vec<String>, kind: &str) {
    let shapes = shapes();
    let cases = shapes
        .get(kind)
        .and_then(Value::as_object)
        .unwrap_or_else(|| panic!("no shapes for {kind}"));
    for (case, shape) in cases {
        let document =
            T::deserialize(shape).unwrap_or_else(|error| panic!("{kind}, {case}: {error}"));
        let written = serde_json::to_string(&document).unwrap();
        assert_eq!(written, shape.to_string(), "{kind}, {case}");
    }
    seen.push(kind.to_owned());
}

#[test]
fn documents_keep_the_keys_order_and_omissions_of_the_reference() {
    let mut seen = Vec::new();
    let all = &mut seen;
    check::<Varz>(all, "varz");
    check::<Connz>(all, "connz");
    check::<Routez>(all, "routez");
    check::<Gatewayz>(all, "gatewayz");
    check::<Leafz>(all, "leafz");
    check::<Subsz>(all, "subsz");
    check::<Accountz>(all, "accountz");
    check::<AccountStatz>(all, "accstatz");
    check::<Jsz>(all, "jsz");
    check::<Healthz>(all, "healthz");
    check::<Ipqueuesz>(all, "ipqueuesz");
    check::<ServerId>(all, "idz");
    check::<ServerStatsEvent>(all, "statsz");
    check::<ServerInfo>(all, "server");
    check::<ConnectEvent>(all, "connect");
    check::<DisconnectEvent>(all, "disconnect");
    check::<AccountConnections>(all, "account connections");
    check::<ServiceLatency>(all, "latency");
    check::<TraceEvent>(all, "trace");
    check::<Reply<Varz>>(all, "reply varz");
    check::<Reply<Connz>>(all, "reply connz");
    check::<Reply<Routez>>(all, "reply routez");
    check::<Reply<Gatewayz>>(all, "reply gatewayz");
    check::<Reply<Leafz>>(all, "reply leafz");
    check::<Reply<Subsz>>(all, "reply subsz");
    check::<Reply<Accountz>>(all, "reply accountz");
    check::<Reply<AccountInfo>>(all, "reply account info");
    check::<Reply<AccountStatz>>(all, "reply accstatz");
    check::<Reply<Jsz>>(all, "reply jsz");
    check::<Reply<Healthz>>(all, "reply healthz");
    check::<Reply<Ipqueuesz>>(all, "reply ipqueuesz");
    check::<Reply<Raftz>>(all, "reply raftz");
    check::<Reply<Profilez>>(all, "reply profilez");
    check::<Reply<Expvarz>>(all, "reply expvarz");
    check::<Reply<UserInfo>>(all, "reply user info");
    check::<Reply<Value>>(all, "reply nothing");
    let unseen: Vec<_> = shapes()
        .keys()
        .filter(|kind| !seen.contains(kind))
        .cloned()
        .collect();
    assert!(unseen.is_empty(), "shapes without a type: {unseen:?}");
}

#[test]
fn a_list_that_was_never_made_reads_as_empty() {
    let connz: Connz = serde_json::from_str(r#"{"connections":null}"#).unwrap();
    assert!(connz.connections.is_empty());
    let gatewayz: Gatewayz =
        serde_json::from_str(r#"{"outbound_gateways":null,"inbound_gateways":null}"#).unwrap();
    assert_eq!(gatewayz, Gatewayz::default());
}

/// Drops what the reference server sends although its own schema does not know it.
fn without_known_extras(mut event: Value) -> Value {
    let fields = event.as_object_mut().expect("an object");
    if fields.get("type").and_then(Value::as_str) == Some(events::ACCOUNT_CONNECTIONS_TYPE) {
        fields.shift_remove("name");
        fields.shift_remove("num_subscriptions");
    }
    if let Some(server) = fields.get_mut("server").and_then(Value::as_object_mut) {
        server.shift_remove("feature_flags");
    }
    event
}

#[test]
fn documents_follow_the_published_schemas() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/schemas"
    );
    if !std::path::Path::new(folder).exists() {
        assert!(
            std::env::var_os("NATS_REQUIRE_ALL").is_none(),
            "schemas are missing"
        );
        eprintln!("SKIPPED: documents against the published schemas (reference data is not here)");
        return;
    }
    let shapes = shapes();
    for (kind, file) in [
        ("varz", "server/monitor/v1/varz.json"),
        ("connect", "server/advisory/v1/client_connect.json"),
        ("disconnect", "server/advisory/v1/client_disconnect.json"),
        (
            "account connections",
            "server/advisory/v1/account_connections.json",
        ),
        ("latency", "server/metric/v1/service_latency.json"),
    ] {
        let schema: Value =
            serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{file}")).unwrap())
                .unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (case, shape) in shapes[kind].as_object().unwrap() {
            let document = match kind {
                "varz" => rewritten::<Varz>(shape),
                "connect" => rewritten::<ConnectEvent>(shape),
                "disconnect" => rewritten::<DisconnectEvent>(shape),
                "account connections" => rewritten::<AccountConnections>(shape),
                _ => rewritten::<ServiceLatency>(shape),
            };
            let document = without_known_extras(document);
            let errors: Vec<_> = validator
                .iter_errors(&document)
                .map(|e| format!("{}: {e}", e.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{kind}, {case}: {errors:?}");
        }
    }
}

#[test]
fn micro_documents_follow_the_published_schemas() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/schemas/micro/v1"
    );
    if !std::path::Path::new(folder).exists() {
        assert!(
            std::env::var_os("NATS_REQUIRE_ALL").is_none(),
            "schemas are missing"
        );
        eprintln!(
            "SKIPPED: micro documents against the published schemas (reference data is not here)"
        );
        return;
    }
    use nats_api::micro::*;
    let (name, id, version) = ("svc".to_owned(), "id".to_owned(), "1.2.3".to_owned());
    let metadata = [("a".to_owned(), "b".to_owned())]
        .into_iter()
        .collect::<std::collections::BTreeMap<_, _>>();
    let ping = Ping {
        name: name.clone(),
        id: id.clone(),
        version: version.clone(),
        metadata: metadata.clone(),
        response_type: PING_TYPE.to_owned(),
    };
    let info = Info {
        name: name.clone(),
        id: id.clone(),
        version: version.clone(),
        metadata: metadata.clone(),
        response_type: INFO_TYPE.to_owned(),
        description: "what it does".to_owned(),
        endpoints: vec![EndpointInfo {
            name: "e".into(),
            subject: "e.x".into(),
            queue_group: "q".into(),
            metadata: metadata.clone(),
        }],
    };
    let stats = Stats {
        name,
        id,
        version,
        metadata,
        response_type: STATS_TYPE.to_owned(),
        started: nats_api::time::Timestamp::from_unix_nanos(1),
        endpoints: vec![EndpointStats {
            name: "e".into(),
            subject: "e.x".into(),
            num_requests: 3,
            ..Default::default()
        }],
    };
    for (file, document) in [
        ("ping_response.json", serde_json::to_value(&ping).unwrap()),
        ("info_response.json", serde_json::to_value(&info).unwrap()),
        ("stats_response.json", serde_json::to_value(&stats).unwrap()),
    ] {
        let schema: Value =
            serde_json::from_str(&std::fs::read_to_string(format!("{folder}/{file}")).unwrap())
                .unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<_> = validator
            .iter_errors(&document)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
    }
}

fn rewritten<T: DeserializeOwned + Serialize>(shape: &Value) -> Value {
    serde_json::to_value(T::deserialize(shape).expect("a document of this type")).expect("JSON")
}
