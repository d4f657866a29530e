//! What a machine wants sent, in the order in which it decided.

use std::borrow::Cow;
use std::ops::Range;

use nats_store::Message;

/// One message to publish in the stream's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect<'a> {
    pub subject: &'a [u8],
    /// What receivers see as its subject: that of the stored message, for a delivery.
    pub shown: &'a [u8],
    /// Empty when there is none.
    pub reply: &'a [u8],
    /// The raw header block, empty when there is none.
    pub headers: &'a [u8],
    pub payload: &'a [u8],
    pub kind: Kind,
    /// Headers and payload in one piece, where they lie so.
    whole: Option<&'a [u8]>,
    message: Option<&'a Message>,
}

/// What says nothing that a crash could undo: how things are, and messages that are durable.
fn is_safe(kind: Kind, message: Option<&Message>, durable_through: u64) -> bool {
    match kind {
        Kind::View | Kind::Status => true,
        Kind::Read => message.is_none_or(|message| message.sequence <= durable_through),
        Kind::Delivery => message.is_some_and(|message| message.sequence <= durable_through),
        _ => false,
    }
}

impl<'a> Effect<'a> {
    /// Whether it may leave although the log cannot be written, when messages up to this sequence are durable.
    pub fn is_safe(&self, durable_through: u64) -> bool {
        is_safe(self.kind, self.message, durable_through)
    }

    /// Headers and payload in a row, copied together only where they come from two places.
    pub fn frame(&self) -> Cow<'a, [u8]> {
        match self.whole {
            Some(whole) => Cow::Borrowed(whole),
            None => Cow::Owned([self.headers, self.payload].concat()),
        }
    }
}

/// What a message is, so that whoever sends it can count and skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The acknowledgement of a publish.
    PubAck,
    /// An answer to a requester or an acknowledger.
    Answer,
    /// An answer of the API. When what it says could not be made durable, the requester hears that instead.
    ApiAnswer,
    /// An answer of the API that only shows how things are. It is right even when the log fails: that is when it is asked for.
    View,
    /// A stored message, or why there is none, read directly by its asker.
    Read,
    /// What a stream asks of the stream that it mirrors or sources from.
    Request,
    /// A stream's message on its way to a consumer's client.
    Delivery,
    /// Status and heartbeats of a consumer.
    Status,
    /// A stored message published again.
    Republish,
    /// An advisory or a metric: left out when nobody listens.
    Advisory,
}

/// Collects effects. Texts share one buffer and message bodies stay where the store has them, so that nothing is allocated or copied per
/// message in the long run.
#[derive(Debug, Default)]
pub struct Effects {
    entries: Vec<Entry>,
    text: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    subject: Range<usize>,
    reply: Range<usize>,
    headers: Part,
    payload: Part,
    message: Option<Message>,
}

/// Where a part's bytes are.
#[derive(Debug, Clone)]
enum Part {
    Text(Range<usize>),
    Message,
}

impl Effects {
    /// A message of the machine's own making.
    pub fn send(
        &mut self,
        kind: Kind,
        subject: &[u8],
        reply: &[u8],
        headers: &[u8],
        payload: &[u8],
    ) {
        let subject = self.push_text(subject);
        let reply = self.push_text(reply);
        let headers = Part::Text(self.push_text(headers));
        let payload = Part::Text(self.push_text(payload));
        self.entries.push(Entry {
            kind,
            subject,
            reply,
            headers,
            payload,
            message: None,
        });
    }

    /// A message without reply and headers whose payload is written in place.
    pub fn send_with(&mut self, kind: Kind, subject: &[u8], payload: impl FnOnce(&mut Vec<u8>)) {
        let subject = self.push_text(subject);
        let payload = self.push_with(payload);
        let none = payload.start..payload.start;
        self.entries.push(Entry {
            kind,
            subject,
            reply: none.clone(),
            headers: Part::Text(none),
            payload: Part::Text(payload),
            message: None,
        });
    }

    /// A stored message as it is. `reply` writes the reply subject into the buffer it is given.
    pub fn deliver(&mut self, subject: &[u8], reply: impl FnOnce(&mut Vec<u8>), message: Message) {
        let subject = self.push_text(subject);
        let reply = self.push_with(reply);
        self.entries.push(Entry {
            kind: Kind::Delivery,
            subject,
            reply,
            headers: Part::Message,
            payload: Part::Message,
            message: Some(message),
        });
    }

    /// A stored message under other headers, which `headers` writes whole; without its payload when `payload` is false.
    pub fn deliver_with_headers(
        &mut self,
        kind: Kind,
        subject: &[u8],
        reply: impl FnOnce(&mut Vec<u8>),
        headers: impl FnOnce(&mut Vec<u8>),
        message: Message,
        payload: bool,
    ) {
        let subject = self.push_text(subject);
        let reply = self.push_with(reply);
        let headers = Part::Text(self.push_with(headers));
        self.entries.push(Entry {
            kind,
            subject,
            reply,
            headers,
            payload: if payload {
                Part::Message
            } else {
                Part::Text(0..0)
            },
            message: Some(message),
        });
    }

    /// What was collected, in order.
    pub fn iter(&self) -> impl Iterator<Item = Effect<'_>> {
        self.entries.iter().map(|entry| {
            let message = entry.message.as_ref();
            let headers = match &entry.headers {
                Part::Text(range) => self.text(range),
                Part::Message => message.map_or(&[][..], Message::headers),
            };
            let payload = match &entry.payload {
                Part::Text(range) => self.text(range),
                Part::Message => message.map_or(&[][..], Message::payload),
            };
            let whole = match (&entry.headers, &entry.payload) {
                (Part::Text(headers), Part::Text(payload)) => {
                    // Pushed one after the other.
                    self.text.get(headers.start..payload.end)
                }
                (Part::Message, Part::Message) => message.map(Message::body),
                (Part::Text(headers), Part::Message) if headers.is_empty() => Some(payload),
                _ => None,
            };
            let subject = self.text(&entry.subject);
            Effect {
                kind: entry.kind,
                subject,
                shown: match (entry.kind, message) {
                    (Kind::Delivery, Some(message)) => message.subject(),
                    _ => subject,
                },
                reply: self.text(&entry.reply),
                headers,
                payload,
                whole,
                message,
            }
        })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Takes out the answers among what was collected behind the first `from`: what they say is not kept.
    pub fn void_answers(&mut self, from: usize) {
        let mut index = 0;
        self.entries.retain(|entry| {
            let stays = index < from || entry.kind != Kind::Answer;
            index += 1;
            stays
        });
    }

    /// Forgets what [`Effect::is_safe`] says of: it has left.
    pub fn keep_unsafe(&mut self, durable_through: u64) {
        self.entries
            .retain(|entry| !is_safe(entry.kind, entry.message.as_ref(), durable_through));
        if self.entries.is_empty() {
            self.text.clear();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything, keeps the room.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.text.clear();
    }

    fn push_text(&mut self, text: &[u8]) -> Range<usize> {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        start..self.text.len()
    }

    fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.text.len();
        write(&mut self.text);
        start..self.text.len().max(start)
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use nats_store::Timestamp;

    use super::*;

    #[test]
    fn effects_come_back_in_order_with_their_parts() {
        let mut effects = Effects::default();
        effects.send(Kind::PubAck, b"r", b"", b"", b"{}");
        let message = Message::new(
            7,
            Timestamp(1),
            Bytes::from_static(b"sNATS/1.0\r\n\r\nbody"),
            1,
            13,
        );
        effects.deliver(
            b"inbox",
            |out| out.extend_from_slice(b"$JS.ACK.x"),
            message.clone(),
        );
        effects.deliver_with_headers(
            Kind::Delivery,
            b"inbox",
            |_| {},
            |out| out.extend_from_slice(b"H"),
            message,
            false,
        );
        let all: Vec<Effect<'_>> = effects.iter().collect();
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].subject, all[0].payload), (&b"r"[..], &b"{}"[..]));
        assert_eq!(
            (all[1].reply, all[1].headers, all[1].payload),
            (&b"$JS.ACK.x"[..], &b"NATS/1.0\r\n\r\n"[..], &b"body"[..])
        );
        assert_eq!((all[0].shown, all[1].shown), (&b"r"[..], &b"s"[..]));
        assert_eq!(&*all[1].frame(), b"NATS/1.0\r\n\r\nbody");
        assert_eq!(&*all[2].frame(), b"H");
        assert_eq!(&*all[0].frame(), b"{}");
        assert_eq!((all[2].headers, all[2].payload), (&b"H"[..], &b""[..]));
        effects.send_with(Kind::PubAck, b"r", |out| out.extend_from_slice(b"{1}"));
        let last = effects.iter().last().unwrap();
        assert_eq!((last.subject, last.payload), (&b"r"[..], &b"{1}"[..]));
        assert_eq!(&*last.frame(), b"{1}");
        effects.clear();
        assert!(effects.is_empty());
    }
}
