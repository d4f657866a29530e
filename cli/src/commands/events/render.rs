//! Events to text.

use nats_api::jetstream::advisory::Event;
use nats_api::system::client::ClientInfo;
use nats_api::system::events::{CONNECT_TYPE, ConnectEvent, DISCONNECT_TYPE, DisconnectEvent};
use nats_api::time::Timestamp;
use serde_json::{Value, json};

use super::advisory;
use crate::error::{CliError, Result};
use crate::output::format;

/// How an event is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Short,
    Json,
    CloudEvent,
}

impl Form {
    /// True for the forms that people read.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Short)
    }
}

/// An event in the wanted form.
pub fn event(payload: &[u8], form: Form) -> Result<String> {
    if form == Form::Json {
        return Ok(String::from_utf8_lossy(payload).into_owned());
    }
    let document: Value = serde_json::from_slice(payload)?;
    let kind = document
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    match (form, kind) {
        (Form::CloudEvent, _) => cloud_event(&document),
        (_, CONNECT_TYPE) => Ok(connect(&serde_json::from_slice(payload)?, form)),
        (_, DISCONNECT_TYPE) => Ok(disconnect(&serde_json::from_slice(payload)?, form)),
        (Form::Short, _) => Ok(Event::parse(payload)
            .ok()
            .and_then(|event| advisory::short(&event))
            .map_or_else(
                || short_of_any(&document),
                |told| format!("{} {told}", at(&document)),
            )),
        _ => Ok(any(&document)),
    }
}

fn connect(event: &ConnectEvent, form: Form) -> String {
    let client = &event.client;
    let at = time_of_day(event.timestamp);
    if form == Form::Short {
        let user = user(&client.user);
        return format!(
            "{at} [Connection] {user}cid: {} in account {}",
            client.id, client.acc
        );
    }
    let mut text = format!("[{at}] [{}] Client Connection\n\n", event.id);
    line(&mut text, 16, "Server", &event.server.name);
    line(&mut text, 16, "Cluster", &event.server.cluster);
    text.push_str("\n   Client:\n\n");
    describe_client(&mut text, client);
    text
}

fn disconnect(event: &DisconnectEvent, form: Form) -> String {
    let client = &event.client;
    let at = time_of_day(event.timestamp);
    if form == Form::Short {
        let (user, reason) = (user(&client.user), &event.reason);
        return format!(
            "{at} [Disconnection] {user}cid: {} in account {}: {reason}",
            client.id, client.acc
        );
    }
    let mut text = format!("[{at}] [{}] Client Disconnection\n\n", event.id);
    line(&mut text, 16, "Reason", &event.reason);
    line(&mut text, 16, "Server", &event.server.name);
    line(&mut text, 16, "Cluster", &event.server.cluster);
    text.push_str("\n   Client:\n\n");
    describe_client(&mut text, client);
    text.push_str("\n   Stats:\n\n");
    let rtt = std::time::Duration::from_nanos(u64::try_from(client.rtt.0).unwrap_or(0));
    line(&mut text, 20, "RTT", &format::duration(rtt));
    line(
        &mut text,
        20,
        "Client Received",
        &volume(event.received.msgs, event.received.bytes),
    );
    line(
        &mut text,
        20,
        "Client Published",
        &volume(event.sent.msgs, event.sent.bytes),
    );
    text
}

fn describe_client(text: &mut String, client: &nats_api::system::client::ClientInfo) {
    line(text, 20, "ID", &client.id.to_string());
    line(text, 20, "User", &client.user);
    line(text, 20, "Name", &client.name);
    line(text, 20, "Account", &client.acc);
    let language = if client.lang.is_empty() {
        "unknown"
    } else {
        &client.lang
    };
    let version = if client.ver.is_empty() {
        "unknown"
    } else {
        &client.ver
    };
    line(
        text,
        20,
        "Library Version",
        &format!("{version}  Language: {language}"),
    );
    line(text, 20, "Host", &client.host);
    line(text, 20, "Issuer Key", &client.issuer_key);
    line(text, 20, "Name Tag", &client.name_tag);
    line(text, 20, "Tags", &client.tags.join(", "));
    line(text, 20, "Client Kind", &client.kind);
    line(text, 20, "Client Type", &client.client_type);
}

/// Writes a `label: value` line with the label aligned right; nothing for an empty value.
fn line(text: &mut String, width: usize, label: &str, value: &str) {
    if !value.is_empty() {
        text.push_str(&format!("{label:>width$}: {value}\n"));
    }
}

/// An event that has no form of its own: its fields.
fn any(document: &Value) -> String {
    let text = |field: &str| {
        document
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let at = at(document);
    let kind = match text("type") {
        kind if kind.is_empty() => "event without type".to_owned(),
        kind => kind,
    };
    let mut output = format!("[{at}] [{}] {kind}\n\n", text("id"));
    let mut clients = Vec::new();
    let fields = document.as_object().into_iter().flatten();
    for (name, value) in
        fields.filter(|(name, _)| !matches!(name.as_str(), "type" | "id" | "timestamp"))
    {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if name == "client"
            && let Ok(client) = serde_json::from_str::<ClientInfo>(&value)
        {
            clients.push(client);
            continue;
        }
        output.push_str(&format!("{name:>20}: {value}\n"));
    }
    for client in &clients {
        output.push_str("\n   Client:\n\n");
        describe_client(&mut output, client);
    }
    output
}

fn short_of_any(document: &Value) -> String {
    let kind = document
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("event without type");
    let name = kind.rsplit('.').next().unwrap_or(kind);
    format!("{} [{name}] {document}", at(document))
}

/// Type, source and subject come from the type's parts: `io.nats.<source>.<subject>.<version>.<name>`.
fn cloud_event(document: &Value) -> Result<String> {
    let field = |name: &str| document.get(name).and_then(Value::as_str);
    let (Some(kind), Some(id), Some(time)) = (field("type"), field("id"), field("timestamp"))
    else {
        return Err(CliError::new(
            "this event has no type, id and timestamp and cannot be a CloudEvent",
        ));
    };
    let mut parts = kind.split('.').skip(2);
    let (source, subject) = (
        parts.next().unwrap_or("unknown"),
        parts.next().unwrap_or("unknown"),
    );
    let event = json!({
        "type": kind,
        "time": time,
        "id": id,
        "source": format!("urn:nats:{source}"),
        "specversion": "1.0",
        "subject": subject,
        "datacontenttype": "application/json",
        "data": document,
    });
    Ok(serde_json::to_string_pretty(&event)?)
}

fn at(document: &Value) -> String {
    let timestamp = document
        .get("timestamp")
        .and_then(Value::as_str)
        .and_then(|t| t.parse::<jiff::Timestamp>().ok());
    clock(timestamp.unwrap_or_else(jiff::Timestamp::now))
}

fn time_of_day(timestamp: Timestamp) -> String {
    clock(jiff::Timestamp::from_nanosecond(timestamp.unix_nanos()).unwrap_or_default())
}

fn clock(timestamp: jiff::Timestamp) -> String {
    timestamp
        .to_zoned(jiff::tz::TimeZone::system())
        .strftime("%H:%M:%S")
        .to_string()
}

fn user(name: &str) -> String {
    if name.is_empty() {
        String::new()
    } else {
        format!("user: {name} ")
    }
}

fn volume(messages: i64, bytes: i64) -> String {
    let bytes = format::bytes(u64::try_from(bytes).unwrap_or(0));
    format!("{} messages ({bytes})", format::signed(messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISCONNECT: &str = r#"{"type":"io.nats.server.advisory.v1.client_disconnect","id":"ID1","timestamp":"2026-11-20T12:00:00Z",
        "server":{"name":"n1","host":"0.0.0.0","id":"NX","ver":"2.15.1","jetstream":false,"flags":0,"seq":7,"time":"2026-11-20T12:00:00Z"},
        "client":{"start":"2026-11-20T11:00:00Z","host":"10.0.0.7","id":42,"acc":"APP","user":"joe","name":"billing","lang":"rust","ver":"1.0","rtt":250000,"kind":"Client","client_type":"nats"},
        "sent":{"msgs":1200,"bytes":2048},"received":{"msgs":3,"bytes":12},"reason":"Client Closed"}"#;

    /// The clock of whoever runs the tests is not ours.
    fn rendered(payload: &str, form: Form) -> String {
        let text = event(payload.as_bytes(), form).unwrap();
        let local = clock("2026-11-20T12:00:00Z".parse().unwrap());
        text.replace(&local, "12:00:00")
    }

    #[test]
    fn a_disconnection_is_told_in_full_and_in_short() {
        insta::assert_snapshot!(rendered(DISCONNECT, Form::Text));
        insta::assert_snapshot!("short", rendered(DISCONNECT, Form::Short));
        insta::assert_snapshot!("cloud_event", rendered(DISCONNECT, Form::CloudEvent));
        assert_eq!(rendered(DISCONNECT, Form::Json), DISCONNECT);
    }

    #[test]
    fn a_connection_is_told_without_statistics() {
        let connect = DISCONNECT.replace("client_disconnect", "client_connect");
        insta::assert_snapshot!(rendered(&connect, Form::Text));
    }

    #[test]
    fn an_advisory_of_jetstream_is_told_in_a_line() {
        let head = r#""id":"X","timestamp":"2026-11-20T12:00:00Z""#;
        for (kind, fields, told) in [
            (
                "advisory.v1.api_audit",
                r#""server":"n1","client":{"acc":"A","user":"joe","id":1},"subject":"$JS.API.INFO","response":"{}""#,
                "[JS API] $JS.API.INFO joe @ A",
            ),
            (
                "advisory.v1.stream_action",
                r#""stream":"S","action":"create""#,
                "[Stream Create] S",
            ),
            (
                "advisory.v1.consumer_action",
                r#""stream":"S","consumer":"C","action":"delete""#,
                "[Consumer Delete] S > C",
            ),
            (
                "advisory.v1.terminated",
                r#""stream":"S","consumer":"C","consumer_seq":2,"stream_seq":7,"deliveries":3,"reason":"bad""#,
                "[JS Delivery Terminated] S (7) > C: 3 deliveries: bad",
            ),
        ] {
            let event = format!(r#"{{"type":"io.nats.jetstream.{kind}",{head},{fields}}}"#);
            assert_eq!(rendered(&event, Form::Short), format!("12:00:00 {told}"));
        }
    }

    #[test]
    fn an_unknown_event_shows_its_fields_and_nonsense_is_an_error() {
        let unknown = r#"{"type":"io.nats.server.metric.v1.service_latency","id":"X","timestamp":"2026-11-20T12:00:00Z","status":200,"responder":{"name":"r"}}"#;
        insta::assert_snapshot!(rendered(unknown, Form::Text));
        assert!(event(b"not json", Form::Text).is_err());
        assert!(event(b"{}", Form::CloudEvent).is_err());
    }
}
