//! Advisories: what happened to the stream.

use nats_api::jetstream::advisory::{Action, StreamAction};
use serde::Serialize;

use super::Stream;
use super::republish::api_time;
use crate::consumer::Closing;
use crate::context::{Context, Random};
use crate::effects::{Effects, Kind};

const ID_LEN: usize = 22;
const ID_DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An id for an event, of the shape of a nuid, from the machine's own randomness.
pub(crate) fn event_id(random: &mut dyn Random) -> String {
    let mut id = String::with_capacity(ID_LEN);
    let mut bits = 0;
    for index in 0..ID_LEN {
        // Ten digits of base 62 fit into 64 bits.
        if index % 10 == 0 {
            bits = random.next();
        }
        let digit = ID_DIGITS.get((bits % 62) as usize).unwrap_or(&b'0');
        id.push(char::from(*digit));
        bits /= 62;
    }
    id
}

pub(super) fn send_event(subject: &str, event: &impl Serialize, out: &mut Effects) {
    // Our documents have text keys and nothing that can fail to be written.
    let json = serde_json::to_vec(event).unwrap_or_default();
    out.send(Kind::Advisory, subject.as_bytes(), b"", b"", &json);
}

impl Stream {
    /// Says that the stream was made. It does not say so by itself: a stream that a snapshot or a log brings back was not.
    pub fn announce_created(&self, cx: &mut Context<'_>, out: &mut Effects) {
        self.announce(Action::Create, cx, out);
    }

    /// The stream is deleted: its consumers end, and both say so to whoever listens. Nothing may be asked of it afterwards.
    pub fn close_deleted(&mut self, cx: &mut Context<'_>, out: &mut Effects) {
        self.dismiss_upstreams(cx, out);
        self.give_up_batches();
        self.close_consumers(cx, Closing::Deleted, out);
        self.announce(Action::Delete, cx, out);
        let bytes = self.store.state().bytes;
        self.quota.resized(bytes, 0);
    }

    pub(super) fn announce(&self, action: Action, cx: &mut Context<'_>, out: &mut Effects) {
        let event = StreamAction {
            stream: self.config.name.clone(),
            action,
            domain: self.environment.domain.to_string(),
            ..StreamAction::new(event_id(cx.random), api_time(cx.now))
        };
        send_event(&event.subject(), &event, out);
    }
}
