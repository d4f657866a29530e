//! Effects on their way into an account's subjects.

use std::sync::Arc;

use nats_api::errors::ApiError;
use nats_api::jetstream::PubAckResponse;
use nats_jetstream::{Effect, Effects, Interest, Kind};
use nats_store::StoreError;

use super::engine::Outlet;
use crate::account::{Account, RESPONSE_PREFIX};
use crate::router::{Cycle, Message, publish_from_inside};

const NO_RESPONDERS: &[u8] = b"NATS/1.0 503\r\n\r\n";

/// Receivers are woken at least once in so many effects, so that the first of many deliveries leaves before the last is written.
const WAKE_EVERY: usize = 256;

/// Publishes what the streams of one account decided.
pub struct AccountOutlet {
    account: Arc<Account>,
}

impl AccountOutlet {
    pub fn new(account: Arc<Account>) -> Self {
        Self { account }
    }

    /// Tells those who listen what happened.
    pub fn advise(&self, subject: &str, event: &impl serde::Serialize) {
        let Ok(json) = serde_json::to_vec(event) else {
            return;
        };
        let mut effects = Effects::default();
        effects.send(Kind::Advisory, subject.as_bytes(), b"", b"", &json);
        self.release(&effects);
    }

    fn send(&self, cx: &mut Cycle, effect: &Effect<'_>) {
        let frame = effect.frame();
        let reply = (!effect.reply.is_empty()).then_some(effect.reply);
        let message = Message::new(effect.subject, reply, effect.headers.len(), &frame)
            .shown_as(effect.shown);
        let is_heard = publish_from_inside(cx, &self.account, &message);
        if effect.kind == Kind::Request && !is_heard {
            nobody_there(cx, &self.account, effect.reply);
        }
    }

    /// Publishes one message at once.
    pub fn publish(&self, subject: &[u8], headers: &[u8], payload: &[u8]) {
        let mut effects = Effects::default();
        effects.send(Kind::Answer, subject, b"", headers, payload);
        self.release(&effects);
    }
}

impl Interest for AccountOutlet {
    fn listens(&self, subject: &[u8]) -> bool {
        self.account.listens(subject)
    }

    fn is_foreign(&self, subject: &[u8]) -> bool {
        subject.starts_with(RESPONSE_PREFIX.as_bytes())
    }

    fn subscribed(&self, subject: &[u8], group: Option<&[u8]>) -> bool {
        self.account.interest.has_subscription(subject, group)
    }
}

impl Outlet for AccountOutlet {
    fn release(&self, effects: &Effects) {
        if effects.is_empty() {
            return;
        }
        let mut cx = Cycle::take(false);
        for (n, effect) in effects.iter().enumerate() {
            if effect.kind == Kind::Advisory && !self.listens(effect.subject) {
                continue;
            }
            self.send(&mut cx, &effect);
            if n % WAKE_EVERY == WAKE_EVERY - 1 {
                cx.wake_all(None);
            }
        }
        finish(cx);
    }

    fn release_safe(&self, effects: &Effects, durable_through: u64) {
        let mut cx = Cycle::take(false);
        let safe = effects.iter().filter(|e| e.is_safe(durable_through));
        for effect in safe {
            self.send(&mut cx, &effect);
        }
        finish(cx);
    }

    fn fail(&self, effects: &Effects, durable_through: u64, error: &StoreError) {
        let text = error.to_string();
        let error = ApiError::STREAM_STORE_FAILED.error_with(&[("err", &text)]);
        let mut cx = Cycle::take(false);
        for effect in effects.iter() {
            let failed;
            let payload = match effect.kind {
                Kind::PubAck => {
                    failed = failed_ack(effect.payload, &error);
                    &failed
                }
                _ if effect.is_safe(durable_through) => {
                    self.send(&mut cx, &effect);
                    continue;
                }
                Kind::ApiAnswer => {
                    failed = failed_answer(effect.payload, &error);
                    &failed
                }
                _ => continue,
            };
            let message = Message::new(effect.subject, None, 0, payload);
            publish_from_inside(&mut cx, &self.account, &message);
        }
        finish(cx);
    }
}

/// The refusal that takes the place of an acknowledgement.
fn failed_ack(ack: &[u8], error: &ApiError) -> Vec<u8> {
    let ack: PubAckResponse = serde_json::from_slice(ack).unwrap_or_default();
    let refused = PubAckResponse::refused(ack.stream, error.clone());
    serde_json::to_vec(&refused).unwrap_or_default()
}

/// An answer of the API of the same type that says why there is none.
fn failed_answer(answer: &[u8], error: &ApiError) -> Vec<u8> {
    let text = std::str::from_utf8(answer).unwrap_or_default();
    let kind = text
        .strip_prefix("{\"type\":\"")
        .and_then(|rest| rest.split_once('"'))
        .map_or("", |(kind, _)| kind);
    serde_json::json!({ "type": kind, "error": error })
        .to_string()
        .into_bytes()
}

/// Tells who asked an upstream that nobody is there.
#[cold]
fn nobody_there(cx: &mut Cycle, account: &Arc<Account>, reply: &[u8]) {
    let status = Message::new(reply, None, NO_RESPONDERS.len(), NO_RESPONDERS);
    publish_from_inside(cx, account, &status);
}

/// Lets those act who were delivered to.
fn finish(mut cx: Box<Cycle>) {
    for sub in cx.take_ended() {
        if let Some(owner) = sub.receiver() {
            owner.end(&sub);
        }
    }
    cx.wake_all(None);
    // A stream has many readers and waits for none of them: one that lags is cut off at its limit, as everywhere.
    drop(cx.take_lagging());
    cx.give_back();
}
