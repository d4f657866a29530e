//! Advisories about the API itself.

use nats_api::jetstream::advisory::{ApiAudit, ApiLimitReached};
use nats_api::jetstream::subjects::ADVISORY_PREFIX;
use nats_api::time::Timestamp;
use nats_jetstream::{Effects, Interest as _, Kind};
use nats_proto::nuid;

use super::super::JetStream;
use super::Serving;
use crate::account::Account;
use crate::router::{Cycle, Message, publish_from_inside};

impl Serving<'_> {
    /// Tells those who listen what was asked and answered.
    pub(super) fn audit(&self, response: &[u8], out: &mut Effects) {
        let Some(account) = &self.account else { return };
        let subject = format!("{ADVISORY_PREFIX}.API");
        if !account.outlet.listens(subject.as_bytes()) {
            return;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let settings = &self.jetstream.settings;
        let event = ApiAudit {
            server: settings.server_name.clone(),
            client: self.request.client.clone(),
            subject: self.request.subject.clone(),
            request: text(&self.request.body),
            response: text(response),
            domain: settings.domain.clone().unwrap_or_default(),
            ..ApiAudit::new(nuid::next().as_str(), now())
        };
        if let Ok(json) = serde_json::to_vec(&event) {
            out.send(Kind::Advisory, subject.as_bytes(), b"", b"", &json);
        }
    }
}

/// Tells the account that a whole queue of requests was dropped.
pub fn limit_reached(
    jetstream: &JetStream,
    cx: &mut Cycle,
    account: &std::sync::Arc<Account>,
    dropped: u64,
) {
    let event = ApiLimitReached {
        server: jetstream.settings.server_name.clone(),
        domain: jetstream.settings.domain.clone().unwrap_or_default(),
        dropped: i64::try_from(dropped).unwrap_or(i64::MAX),
        ..ApiLimitReached::new(nuid::next().as_str(), now())
    };
    let Ok(json) = serde_json::to_vec(&event) else {
        return;
    };
    let subject = format!("{ADVISORY_PREFIX}.API.LIMIT_REACHED");
    let message = Message::new(subject.as_bytes(), None, 0, &json);
    publish_from_inside(cx, account, &message);
}

fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
