//! SUB and UNSUB.

use std::sync::Arc;

use nats_proto::subject;

use super::session::Session;
use super::wire;
use crate::interest::{DeliveryCheck, Sub, Target};

/// The queue group of the server itself.
const SYSTEM_QUEUE: &[u8] = b"_sys_";

impl Session {
    pub(super) fn subscribe(&mut self, subject: &[u8], queue: Option<&[u8]>, sid: &[u8]) {
        if self.settings.trace {
            let words: Vec<_> = [Some(subject), queue, Some(sid)]
                .into_iter()
                .flatten()
                .map(String::from_utf8_lossy)
                .collect();
            tracing::trace!(target: "protocol", "{} - <<- [SUB {}]", self.shared.label(), words.join(" "));
        }
        if !self.may_subscribe(subject, queue) {
            self.say(&wire::subscribe_violation(subject, queue));
            self.host.notice(
                &self.shared,
                format_args!(
                    "Subscription Violation - Subject {:?}, SID {:?}",
                    String::from_utf8_lossy(subject),
                    String::from_utf8_lossy(sid)
                ),
            );
            return;
        }
        if self
            .settings
            .max_sub_tokens
            .is_some_and(|max| subject::token_count(subject) > max)
        {
            self.say(&wire::too_many_tokens(subject));
            return;
        }
        let receiver = self.shared.receiver.clone();
        let held = receiver.subs.lock().len();
        if self.max_subscriptions.is_some_and(|max| held >= max) {
            self.host
                .notice(&self.shared, format_args!("maximum subscriptions exceeded"));
            self.say(wire::MAX_SUBSCRIPTIONS.as_bytes());
            return;
        }
        let known = receiver.subs.lock().find(sid).is_some();
        if !known {
            if !subject::is_valid(subject) {
                self.say(wire::INVALID_SUBJECT.as_bytes());
                return;
            }
            let target = Target::Receiver(receiver.clone());
            let sub = Arc::new(Sub::new(subject, queue, sid, target));
            self.guard_deliveries(subject, queue);
            receiver.subs.lock().insert(sub.clone());
            let account = self.publisher.account();
            account.interest.insert(sub.clone());
            account.add_shadows(&sub);
        }
        self.acknowledge();
    }

    pub(super) fn unsubscribe(&mut self, sid: &[u8], max: Option<u64>) {
        if self.settings.trace {
            let max = max.map(|n| format!(" {n}")).unwrap_or_default();
            tracing::trace!(target: "protocol", "{} - <<- [UNSUB {}{max}]", self.shared.label(), String::from_utf8_lossy(sid));
        }
        let sub = self.shared.receiver.subs.lock().find(sid).cloned();
        if let Some(sub) = sub {
            match max {
                Some(max) if max > sub.delivered() => sub.set_max(max),
                _ => self.shared.receiver.end(&sub),
            }
        }
        self.acknowledge();
    }

    fn acknowledge(&self) {
        if self.modes.verbose {
            self.say(wire::OK);
        }
    }

    pub(super) fn may_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        if queue == Some(SYSTEM_QUEUE) {
            return false;
        }
        self.rights
            .as_ref()
            .is_none_or(|r| r.permissions.may_subscribe(subject, queue))
    }

    /// A wide subscription may bring in subjects that are denied: from now on every delivery is checked.
    pub(super) fn guard_deliveries(&self, subject: &[u8], queue: Option<&[u8]>) {
        if let Some(rights) = &self.rights
            && rights.permissions.needs_delivery_check(subject, queue)
        {
            let check: Arc<dyn DeliveryCheck> = rights.clone();
            self.shared.receiver.set_check(Some(check));
        }
    }

    /// Takes all subscriptions out; yields them.
    pub(super) fn drop_subscriptions(&self) -> Vec<Arc<Sub>> {
        let subs = self.shared.receiver.subs.lock().take();
        if subs.is_empty() {
            return subs;
        }
        for sub in &subs {
            sub.close();
            sub.remove_shadows();
        }
        self.publisher.account().interest.remove_all(&subs);
        subs
    }
}
