//! Configurations of streams, held against what the reference server (2.15.1) answered to the same requests.
//!
//! `golden/stream_config.json` has one case a line: streams that exist (`setup`), a create request and perhaps an update, the name in the
//! subject when it is not that of the request, and the recorded answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_api::decode::Mode;
use nats_api::errors::ApiError;
use nats_api::jetstream::{StreamConfig, StreamConfigRequest};
use nats_jetstream::config::stream::{Creation, MaxBytes, Surroundings, check, create, update};
use nats_proto::subject;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Case {
    what: String,
    #[serde(default)]
    setup: Vec<Value>,
    request: Option<Value>,
    update: Option<Value>,
    subject: Option<String>,
    answer: Value,
}

/// An account of a single server without limits.
#[derive(Default)]
struct Account {
    streams: BTreeMap<String, Arc<StreamConfig>>,
    window_max: i64,
    max_bytes: MaxBytes,
}

impl Surroundings for Account {
    fn stream(&self, name: &str) -> Option<Arc<StreamConfig>> {
        self.streams.get(name).cloned()
    }

    fn overlaps(&self, subjects: &[String], except: Option<&str>) -> bool {
        let others = self.streams.values().filter(|s| Some(&*s.name) != except);
        let mut taken = others.flat_map(|stream| &stream.subjects);
        taken.any(|a| {
            subjects
                .iter()
                .any(|b| subject::collides(a.as_bytes(), b.as_bytes()))
        })
    }

    fn duplicate_window_max(&self) -> i64 {
        self.window_max
    }

    fn max_bytes(&self, _: &StreamConfig) -> MaxBytes {
        self.max_bytes
    }

    fn is_standalone(&self) -> bool {
        true
    }

    fn admits(&self, _: &StreamConfig) -> Result<(), ApiError> {
        Ok(())
    }

    fn fits(&self, _: &StreamConfig, _: Option<&StreamConfig>) -> Result<(), ApiError> {
        Ok(())
    }
}

impl Account {
    fn create(&mut self, name: &str, request: &Value) -> Result<StreamConfig, ApiError> {
        match create(name, decoded(request), self)? {
            Creation::New(config) => {
                self.streams
                    .insert(config.name.clone(), Arc::new((*config).clone()));
                Ok(*config)
            }
            Creation::Exists => Ok((*self.streams[name]).clone()),
        }
    }

    fn update(&self, name: &str, request: &Value) -> Result<StreamConfig, ApiError> {
        update(name, decoded(request), self)
    }
}

fn decoded(request: &Value) -> StreamConfigRequest {
    StreamConfigRequest::decode(request.to_string().as_bytes(), Mode::Strict).unwrap()
}

fn name_of(request: &Value) -> &str {
    request["name"].as_str().unwrap_or_default()
}

fn answer(case: &Case) -> Value {
    let mut account = Account::default();
    for request in &case.setup {
        account.create(name_of(request), request).unwrap();
    }
    let mut result = Err(ApiError::default());
    if let Some(request) = &case.request {
        let name = case.subject.as_deref().unwrap_or(name_of(request));
        result = account.create(name, request);
    }
    if let Some(request) = &case.update {
        let name = case.request.as_ref().map_or(name_of(request), name_of);
        result = account.update(name, request);
    }
    match result {
        Ok(config) => serde_json::json!({ "config": config }),
        Err(error) => serde_json::json!({ "error": error }),
    }
}

#[test]
fn every_configuration_is_answered_as_by_the_reference() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("golden/stream_config.json")).unwrap();
    assert!(cases.len() > 140);
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let ours = answer(case);
            (ours != case.answer).then(|| {
                format!(
                    "{}\n  ours      {ours}\n  reference {}",
                    case.what, case.answer
                )
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn refused(config: StreamConfig, account: &Account, pedantic: bool) -> (u16, String) {
    let error = check(config, account, pedantic).unwrap_err();
    (error.err_code, error.description)
}

fn named(name: &str) -> StreamConfig {
    StreamConfig {
        name: name.to_owned(),
        ..StreamConfig::default()
    }
}

#[test]
fn texts_have_their_longest_length() {
    let account = Account::default();
    let mut config = named("S");
    config.description = "d".repeat(4096);
    assert!(check(config.clone(), &account, false).is_ok());
    config.description.push('d');
    assert_eq!(
        refused(config, &account, false),
        (
            10_052,
            "stream description is too long, maximum allowed is 4096".to_owned()
        )
    );
    let mut config = named("S");
    config
        .metadata
        .insert("k".to_owned(), "x".repeat(128 * 1024 - 1));
    assert!(check(config.clone(), &account, false).is_ok());
    config.metadata.insert("l".to_owned(), String::new());
    assert_eq!(
        refused(config, &account, false),
        (
            10_052,
            "stream metadata exceeds maximum size of 131072 bytes".to_owned()
        )
    );
}

#[test]
fn the_account_limits_windows_and_bytes() {
    let account = Account {
        window_max: 60_000_000_000,
        ..Account::default()
    };
    let config = check(named("S"), &account, false).unwrap();
    assert_eq!(config.duplicate_window.0, 60_000_000_000);
    assert_eq!(refused(named("S"), &account, true).0, 10_157);
    let mut long = named("S");
    long.duplicate_window.0 = 61_000_000_000;
    assert_eq!(
        refused(long, &account, false).1,
        "duplicates window can not be larger then server limit of 1m0s"
    );
    let account = Account {
        max_bytes: MaxBytes {
            required: true,
            most: 100,
        },
        ..Account::default()
    };
    assert_eq!(refused(named("S"), &account, false).0, 10_113);
    let mut large = named("S");
    large.max_bytes = 101;
    assert_eq!(refused(large, &account, false).0, 10_122);
}
