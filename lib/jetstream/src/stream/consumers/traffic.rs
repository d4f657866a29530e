//! What clients send to consumers.

use nats_proto::header::block;
use nats_proto::subject;

use super::index::Id;
use crate::config::stream::metadata;
use crate::consumer::AckToken;
use crate::context::Context;
use crate::effects::Effects;
use crate::publish::Inbound;
use crate::stream::Stream;

/// Tokens of an acknowledgement in its first form; more is the second form, with domain and account in front of the names.
const ACK_TOKENS_V1: usize = 9;
/// Tokens of a flow control subject in its first form.
const FLOW_TOKENS_V1: usize = 5;

impl Stream {
    /// An acknowledgement: the subject of the message is the reply subject of the delivery.
    pub fn ack(&mut self, cx: &mut Context<'_>, message: &Inbound<'_>, out: &mut Effects) {
        let Some(token) = AckToken::parse(message.subject) else {
            return;
        };
        let is_v1 = subject::token_count(message.subject) == ACK_TOKENS_V1;
        let Some(id) = self.named(message.subject, if is_v1 { 3 } else { 5 }) else {
            return;
        };
        self.pumping_turn(id, cx, out, |consumer, turn| {
            consumer.ack(turn, token, message.payload, message.reply)
        });
        self.settle(cx, out);
    }

    /// A request for messages: `CONSUMER.MSG.NEXT.<stream>.<consumer>`, what follows the prefix of the API.
    pub fn pull(&mut self, cx: &mut Context<'_>, request: &Inbound<'_>, out: &mut Effects) {
        let Some(id) = self.named(request.subject, 4) else {
            return;
        };
        let level = block::find_value(request.headers, b"Nats-Required-Api-Level");
        let level_fails = !level.is_none_or(metadata::is_level_served);
        self.pumping_turn(id, cx, out, |consumer, turn| {
            consumer.pull(turn, request.reply, request.payload, level_fails)
        });
        self.settle(cx, out);
    }

    /// The answer to a flow control request, which `$JS.FC.<stream>.<consumer>.<id>` names, or the longer form with domain and account.
    pub fn flow_answer(&mut self, cx: &mut Context<'_>, answer: &Inbound<'_>, out: &mut Effects) {
        let is_v1 = subject::token_count(answer.subject) == FLOW_TOKENS_V1;
        let Some(id) = self.named(answer.subject, if is_v1 { 3 } else { 5 }) else {
            return;
        };
        self.pumping_turn(id, cx, out, |consumer, turn| {
            consumer.flow_answer(turn, answer.subject, answer.headers)
        });
        self.settle(cx, out);
    }

    /// Somebody began or ceased to listen on `pattern`: push consumers that deliver there look who is left.
    pub fn interest_changed(&mut self, cx: &mut Context<'_>, pattern: &[u8], out: &mut Effects) {
        let concerned: Vec<Id> = self
            .consumers
            .by_name
            .values()
            .copied()
            .filter(|id| {
                let slot = self.consumers.slot(*id);
                slot.is_some_and(|slot| {
                    let to = slot.consumer.config().deliver_subject.as_bytes();
                    !to.is_empty() && subject::matches(to, pattern)
                })
            })
            .collect();
        for id in concerned {
            self.pumping_turn(id, cx, out, |consumer, turn| {
                consumer.interest_changed(turn)
            });
        }
        self.settle(cx, out);
    }

    /// The consumer whose name is the token at `index`.
    fn named(&self, subject: &[u8], index: usize) -> Option<Id> {
        let name = std::str::from_utf8(subject::token_at(subject, index)?).ok()?;
        self.consumers.id(name)
    }
}
