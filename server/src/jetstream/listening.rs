//! Where a stream listens because of its mirror's origin or its sources.
//!
//! The machine names the subjects, this puts subscriptions there, in the stream's account and through that account's stream imports.

use std::sync::{Arc, Weak};

use nats_jetstream::stream::Stream;

use super::account::JsAccount;
use super::door::FromUpstream;
use crate::interest::Sub;
use crate::router::Handler;

/// The subscriptions of one stream for its upstreams.
pub struct Listening {
    account: Weak<JsAccount>,
    stream: Box<str>,
    /// What the machine wanted when it was asked last.
    version: u64,
    subs: Vec<Arc<Sub>>,
}

impl Listening {
    pub fn new(account: &Arc<JsAccount>, stream: &str) -> Self {
        Self {
            account: Arc::downgrade(account),
            stream: stream.into(),
            version: 0,
            subs: Vec::new(),
        }
    }

    /// Listens where the stream wants it now, and nowhere else.
    pub fn follow(&mut self, stream: &Stream) {
        if self.version == stream.upstream_version() {
            return;
        }
        self.version = stream.upstream_version();
        let Some(account) = self.account.upgrade() else {
            return;
        };
        let mut old = std::mem::take(&mut self.subs);
        for wanted in stream.upstream_subjects() {
            let known = old.iter().position(|sub| *sub.subject == *wanted);
            self.subs.push(match known {
                Some(at) => old.swap_remove(at),
                None => listen(&account, &self.stream, wanted),
            });
        }
        for sub in old {
            end(&account, &sub);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(account) = self.account.upgrade() {
            for sub in self.subs.drain(..) {
                end(&account, &sub);
            }
        }
    }
}

fn listen(account: &Arc<JsAccount>, stream: &str, subject: &[u8]) -> Arc<Sub> {
    let hears = FromUpstream {
        account: Arc::downgrade(account),
        stream: stream.into(),
    };
    let sub = Arc::new(Sub::new(
        subject,
        None,
        b"",
        Handler::target(Arc::new(hears)),
    ));
    account.account.interest.insert(sub.clone());
    account.account.add_shadows(&sub);
    sub
}

fn end(account: &JsAccount, sub: &Arc<Sub>) {
    sub.close();
    sub.remove_shadows();
    account.account.interest.remove(sub);
}

/// Where a message from an upstream was listened, and the subject that it has over there: two subjects in one text, because neither
/// can hold a blank.
pub fn both(listened: &[u8], shown: &[u8]) -> Vec<u8> {
    [listened, b" ", shown].concat()
}

/// Reads what [`both`] wrote.
pub fn heard(both: &[u8]) -> (&[u8], &[u8]) {
    let at = memchr::memchr(b' ', both).unwrap_or(both.len());
    let (listened, shown) = both.split_at_checked(at).unwrap_or_default();
    (listened, shown.get(1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_subjects_travel_as_one() {
        assert_eq!(
            heard(&both(b"$JS.S.x", b"orders.1")),
            (&b"$JS.S.x"[..], &b"orders.1"[..])
        );
        assert_eq!(heard(b"alone"), (&b"alone"[..], &b""[..]));
    }
}
