//! What happens to streams, held against what the reference server (2.15.1) answered to the same inputs.
//!
//! `golden/stream_scenarios.json` has scenarios of a configuration and steps, one step a line with the recorded answer. Times are blanked
//! where they are those of the recording; `<65500>` stands for so many `x`.

use std::sync::Arc;

use base64::Engine as _;
use nats_api::errors::ApiError;
use nats_api::jetstream::reply::{self, Reply};
use nats_api::jetstream::{MsgDeleteResponse, StreamConfig, StreamUpdateResponse};
use nats_jetstream::config::stream::{Creation, MaxBytes, Surroundings, create, update};
use nats_jetstream::context::AlwaysListens;
use nats_jetstream::publish::Inbound;
use nats_jetstream::stream::{Environment, Parts, Stream, Unlimited};
use nats_jetstream::{Context, Effects, Kind};
use nats_store::Timestamp;
use nats_store::memory::MemoryStore;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Scenario {
    what: String,
    config: Value,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(rename = "do")]
    verb: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    reply: String,
    #[serde(default)]
    payload: String,
    #[serde(default)]
    headers: Option<Vec<(String, String)>>,
    #[serde(default)]
    request: Value,
    raw: Option<String>,
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    answer: Value,
}

/// An account with this one stream.
struct Alone(Option<Arc<StreamConfig>>);

impl Surroundings for Alone {
    fn stream(&self, name: &str) -> Option<Arc<StreamConfig>> {
        self.0.clone().filter(|config| config.name == name)
    }

    fn overlaps(&self, _: &[String], _: Option<&str>) -> bool {
        false
    }

    fn duplicate_window_max(&self) -> i64 {
        0
    }

    fn max_bytes(&self, _: &StreamConfig) -> MaxBytes {
        MaxBytes::default()
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

struct World {
    stream: Stream,
    now: Timestamp,
    random: u64,
    out: Effects,
}

impl World {
    fn new(config: &Value) -> Self {
        let name = config["name"].as_str().unwrap();
        let Ok(Creation::New(config)) = create(name, decoded(config), &Alone(None)) else {
            panic!("the configuration is refused");
        };
        let now = Timestamp(1_800_000_000_000_000_000);
        let stream = Stream::create(Parts {
            config: *config,
            created: now,
            store: Box::new(MemoryStore::new(nats_store::Limits::default())),
            quota: Box::new(Unlimited),
            environment: Arc::new(Environment::default()),
        })
        .unwrap();
        Self {
            stream,
            now,
            random: 7,
            out: Effects::default(),
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Stream, &mut Context<'_>, &mut Effects) -> T) -> T {
        // Time passes between any two inputs.
        self.now = self.now.plus(1_000);
        self.out.clear();
        let mut cx = Context {
            now: self.now,
            random: &mut self.random,
            interest: &AlwaysListens,
        };
        let done = act(&mut self.stream, &mut cx, &mut self.out);
        if self.stream.deadline().is_some_and(|at| at <= self.now) {
            self.stream.tick(&mut cx, &mut self.out);
        }
        done
    }

    fn answer(&mut self, step: &Step) -> Value {
        match &*step.verb {
            "publish" => self.publish(step),
            "direct" => self.direct(step, "DIRECT.GET.S".to_owned()),
            "last" => self.direct(step, format!("DIRECT.GET.S.{}", step.subject)),
            "wait" => self.wait(step.ms),
            "purge" => {
                let request = parsed(&step.request);
                encoded(&self.with(|stream, cx, out| stream.purge(cx, &request, out)))
            }
            "delete" => {
                let request = parsed(&step.request);
                let done = self.with(|stream, cx, out| stream.delete_message(cx, &request, out));
                encoded(&done.map(|()| MsgDeleteResponse { success: true }))
            }
            "get" => {
                let request = parsed(&step.request);
                encoded(&self.stream.get_message(&request))
            }
            "info" => {
                let request = parsed(&step.request);
                figures(&self.stream.info_page(self.now, &request))
            }
            "update" => self.update(&step.request),
            other => panic!("no such step: {other}"),
        }
    }

    fn publish(&mut self, step: &Step) -> Value {
        let headers = step.headers.as_ref().map_or_else(Vec::new, |h| block(h));
        let reply = if step.reply.is_empty() {
            "R"
        } else {
            &step.reply
        };
        let message = Inbound {
            subject: step.subject.as_bytes(),
            reply: reply.as_bytes(),
            headers: &headers,
            payload: step.payload.as_bytes(),
        };
        self.with(|stream, cx, out| stream.publish(cx, &message, out));
        let answers = self.out.iter().filter(|e| e.kind == Kind::PubAck);
        let texts: Vec<Value> = answers.map(|e| text(e.payload).into()).collect();
        match &*texts {
            [] => Value::Null,
            [one] => one.clone(),
            _ => texts.into(),
        }
    }

    fn direct(&mut self, step: &Step, subject: String) -> Value {
        let body = step.raw.clone().unwrap_or_else(|| step.request.to_string());
        let headers = match step.headers.as_deref() {
            None | Some([]) => Vec::new(),
            Some(headers) => block(headers),
        };
        let request = Inbound {
            subject: subject.as_bytes(),
            reply: b"R",
            headers: &headers,
            payload: body.as_bytes(),
        };
        self.with(|stream, _, out| stream.direct_get(&request, out));
        let answers = self
            .out
            .iter()
            .filter(|e| matches!(e.kind, Kind::Answer | Kind::Read));
        answers
            .map(|e| json!([timeless(&text(e.headers)), text(e.payload)]))
            .collect()
    }

    /// Ticks whenever the stream asks for it.
    fn wait(&mut self, ms: u64) -> Value {
        let until = self.now.plus(ms * 1_000_000);
        while let Some(at) = self.stream.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.with(|_, _, _| ());
        }
        self.now = until;
        Value::Null
    }

    fn update(&mut self, request: &Value) -> Value {
        let around = Alone(Some(self.stream.config().clone()));
        let done = update("S", decoded(request), &around).and_then(|config| {
            self.with(|stream, cx, out| stream.update(cx, Arc::new(config), out))
        });
        let now = self.now;
        figures(&done.map(|()| StreamUpdateResponse {
            info: self.stream.info(now),
        }))
    }
}

fn decoded(request: &Value) -> nats_api::jetstream::StreamConfigRequest {
    let mode = nats_api::decode::Mode::Strict;
    nats_api::jetstream::StreamConfigRequest::decode(request.to_string().as_bytes(), mode).unwrap()
}

fn parsed<T: DeserializeOwned + Default>(request: &Value) -> T {
    nats_api::decode::strict(request.to_string().as_bytes()).unwrap()
}

fn block(headers: &[(String, String)]) -> Vec<u8> {
    let mut block = "NATS/1.0\r\n".to_owned();
    for (key, value) in headers {
        let long = |text: &str| text.strip_prefix('<')?.strip_suffix('>')?.parse().ok();
        let value = long(value).map_or(value.clone(), |count: usize| "x".repeat(count));
        block.push_str(&format!("{key}: {value}\r\n"));
    }
    block.push_str("\r\n");
    block.into_bytes()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Blanks the times in a header block.
fn timeless(block: &str) -> String {
    let lines = block.split("\r\n").map(|line| match line.split_once(": ") {
        Some((key @ ("Nats-Time-Stamp" | "Nats-Schedule-Next"), value))
            if value.starts_with('2') =>
        {
            format!("{key}: T")
        }
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

fn encoded<T: Reply>(answer: &Result<T, ApiError>) -> Value {
    let mut answer: Value = serde_json::from_slice(&reply::encode(answer)).unwrap();
    clean(&mut answer);
    answer
}

/// State and page of an info; or the error.
fn figures<T: Reply>(answer: &Result<T, ApiError>) -> Value {
    let mut answer = encoded(answer);
    if answer.get("error").is_none() {
        let kept = ["state", "total", "offset", "limit"];
        answer
            .as_object_mut()
            .unwrap()
            .retain(|key, _| kept.contains(&&**key));
    }
    answer
}

fn clean(value: &mut Value) {
    let Some(members) = value.as_object_mut() else {
        return;
    };
    for (key, value) in members {
        match (&**key, value.as_str()) {
            ("time" | "ts" | "created" | "first_ts" | "last_ts", Some(time)) => {
                if !time.starts_with("0001") {
                    *value = "T".into();
                }
            }
            ("hdrs", Some(headers)) => {
                let base64 = base64::engine::general_purpose::STANDARD;
                let headers = text(&base64.decode(headers).unwrap());
                *value = base64.encode(timeless(&headers)).into();
            }
            _ => clean(value),
        }
    }
}

#[test]
fn every_scenario_is_answered_as_by_the_reference() {
    let scenarios: Vec<Scenario> =
        serde_json::from_str(include_str!("golden/stream_scenarios.json")).unwrap();
    let mut wrong = Vec::new();
    for scenario in &scenarios {
        let mut world = World::new(&scenario.config);
        for (index, step) in scenario.steps.iter().enumerate() {
            let ours = world.answer(step);
            if ours != step.answer {
                wrong.push(format!(
                    "{}, step {index}: {} {} {:?} {}\n  ours      {ours}\n  reference {}",
                    scenario.what, step.verb, step.subject, step.headers, step.request, step.answer
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
