//! The tools of the table: who asks, what was answered, what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use nats_interop::server::PATIENCE;
use nats_interop::{Link, Server};
use serde_json::{Value, json};

use crate::schemas::Schemas;

/// Clients in all accounts, and what they were told.
pub struct Table {
    pub links: BTreeMap<&'static str, Link>,
    pub listener: Link,
    /// Whose client speaks.
    pub account: &'static str,
    pub schemas: Schemas,
    problems: Vec<String>,
    /// Descriptions by code.
    pub produced: BTreeMap<u64, BTreeSet<String>>,
}

impl Table {
    pub fn open(server: &Server) -> Self {
        let link = |user: &str| {
            let linked = Link::open_with(server.addr(), &json!({"user": user, "pass": "p"}));
            linked.expect("a connection")
        };
        let mut listener = link("A");
        listener
            .subscribe("$JS.EVENT.>", "events")
            .expect("a connection");
        Self {
            links: ["A", "L", "R", "N"]
                .into_iter()
                .map(|user| (user, link(user)))
                .collect(),
            listener,
            account: "A",
            schemas: Schemas::open(),
            problems: Vec::new(),
            produced: BTreeMap::new(),
        }
    }

    pub fn link(&mut self) -> &mut Link {
        self.links.get_mut(self.account).expect("a known account")
    }

    /// Does what has to be there for what follows.
    pub fn setup(&mut self, ask: &str, body: Value) -> Value {
        let answer = self.link().api(ask, &body).expect("an answer");
        self.schemas.check(&answer);
        if !answer["error"].is_null() {
            self.problems.push(format!("{ask} {body}: {answer}"));
        }
        answer
    }

    pub fn stream(&mut self, config: Value) {
        let name = config["name"].as_str().expect("a name").to_owned();
        self.setup(&format!("STREAM.CREATE.{name}"), config);
    }

    pub fn note(&mut self, code: u64, what: &str, error: &Value) {
        if error["err_code"] != code {
            self.problems
                .push(format!("{code} wanted by {what}: {error}"));
            return;
        }
        let text = error["description"].as_str().unwrap_or_default();
        self.produced
            .entry(code)
            .or_default()
            .insert(text.to_owned());
    }

    /// A request that is refused.
    pub fn api(&mut self, code: u64, ask: &str, body: Value) {
        self.api_text(
            code,
            ask,
            &[],
            &if body.is_null() {
                String::new()
            } else {
                body.to_string()
            },
        );
    }

    pub fn api_text(&mut self, code: u64, ask: &str, headers: &[&str], body: &str) {
        let subject = format!("$JS.API.{ask}");
        let answer = self.link().ask_with(&subject, headers, body.as_bytes());
        match answer {
            Ok(answer) => {
                let answer = answer.json();
                self.schemas.check(&answer);
                let shown: String = body.chars().take(300).collect();
                self.note(code, &format!("{ask} {shown}"), &answer["error"]);
            }
            Err(e) => self.problems.push(format!("{code} wanted by {ask}: {e}")),
        }
    }

    /// A stream configuration that is refused.
    pub fn create(&mut self, code: u64, config: Value) {
        let name = config["name"].as_str().expect("a name").to_owned();
        self.api(code, &format!("STREAM.CREATE.{name}"), config);
    }

    /// A consumer configuration that is refused.
    pub fn consumer(&mut self, code: u64, stream: &str, config: Value) {
        let name = config["name"].as_str().unwrap_or("c").to_owned();
        let mut config = config;
        config["name"] = json!(name);
        let body = json!({"stream_name": stream, "config": config});
        self.api(code, &format!("CONSUMER.CREATE.{stream}.{name}"), body);
    }

    pub fn publish_on(&mut self, subject: &str, headers: &[&str], body: &[u8]) -> Value {
        let answer = self
            .link()
            .ask_with(subject, headers, body)
            .expect("an answer");
        let ack = answer.json();
        self.schemas.check_as("api/v1/pub_ack_response", &ack);
        ack
    }

    /// A message that is stored.
    pub fn store(&mut self, subject: &str, headers: &[&str], body: &str) {
        let ack = self.publish_on(subject, headers, body.as_bytes());
        if !ack["error"].is_null() {
            self.problems.push(format!("{subject} {headers:?}: {ack}"));
        }
    }

    /// A message that is refused.
    pub fn publish(&mut self, code: u64, subject: &str, headers: &[&str], body: &str) {
        let ack = self.publish_on(subject, headers, body.as_bytes());
        self.note(code, &format!("{subject} {headers:?}"), &ack["error"]);
    }

    /// A message of a batch that is not answered, because it does not end it.
    pub fn publish_silently(&mut self, subject: &str, headers: &[&str]) {
        let link = self.link();
        link.publish_with(subject, "", headers, b"x")
            .expect("a connection");
    }

    /// What is wrong so far; the advisories were held against the schemas, too.
    pub fn finish(&mut self) -> Vec<String> {
        // A batch that was left open is given up after a while.
        let abandoned = self
            .listener
            .receive_where(PATIENCE, |m| m.subject.contains("BATCH_ABANDONED"));
        let abandoned = abandoned.expect("a connection").expect("an advisory");
        self.schemas.check(&abandoned.json());
        self.listener.settle().expect("a connection");
        let mut kinds = BTreeSet::new();
        while let Ok(Some(event)) = self
            .listener
            .receive_where(std::time::Duration::from_millis(1), |m| m.sid == "events")
        {
            let event = event.json();
            kinds.insert(event["type"].as_str().unwrap_or_default().to_owned());
            self.schemas.check(&event);
        }
        for kind in ["api_audit", "stream_action", "consumer_action"] {
            if !kinds.iter().any(|k| k.ends_with(kind)) {
                self.problems.push(format!("no advisory {kind}: {kinds:?}"));
            }
        }
        println!(
            "{} documents were held against the schemas",
            self.schemas.checked
        );
        let mut problems = std::mem::take(&mut self.problems);
        problems.extend(self.schemas.problems.iter().cloned());
        problems
    }
}
