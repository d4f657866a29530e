//! A server made of plain data, for tests of the pages and of the system account.

use std::sync::Arc;
use std::time::Duration;

use nats_api::monitor::SubDetail;
use nats_api::time::Timestamp;

use super::view::*;
use crate::interest::{Interest, Receiver, ReceiverKind, Sub, Target};
use crate::options::Options;

pub(crate) struct FakeServer {
    pub options: Options,
    pub clients: Vec<Arc<FakeClient>>,
    pub closed: Vec<Arc<FakeClient>>,
    pub accounts: Vec<AccountView>,
    pub not_ready: Option<String>,
}

#[derive(Clone, Default)]
pub(crate) struct FakeClient {
    pub figures: Figures,
    pub who: Arc<Who>,
    pub subscriptions: Vec<SubDetail>,
    pub ended: Option<(Timestamp, &'static str)>,
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(i128::from(seconds) * 1_000_000_000)
}

/// Client `id` of account `account`, with numbers that differ from client to client.
pub(crate) fn client(id: u64, account: &str, user: &str) -> FakeClient {
    let n = i64::try_from(id).unwrap();
    FakeClient {
        figures: Figures {
            id,
            start: at(100 + n),
            last_activity: at(200 - n),
            rtt: Duration::from_micros(id),
            pending_bytes: id as usize,
            in_msgs: id,
            in_bytes: 10 * id,
            out_msgs: 100 - id,
            out_bytes: 1000 - id,
            stalls: 0,
            subscriptions: 1,
        },
        who: Arc::new(Who {
            remote: Some("127.0.0.1:4000".parse().unwrap()),
            name: format!("client-{id}"),
            user: user.to_owned(),
            account: Some(account.into()),
            ..Who::default()
        }),
        subscriptions: vec![SubDetail {
            subject: format!("foo.{id}"),
            sid: "1".into(),
            cid: id,
            ..Default::default()
        }],
        ended: None,
    }
}

/// An account in which `subjects` are wanted by connection 1.
pub(crate) fn account(name: &str, connections: usize, subjects: &[&str]) -> AccountView {
    let interest = Arc::new(Interest::default());
    let receiver = Arc::new(Receiver::new(1, ReceiverKind::Client, 1 << 20));
    for (sid, subject) in subjects.iter().enumerate() {
        let target = Target::Receiver(receiver.clone());
        let sid = sid.to_string();
        interest.insert(Arc::new(Sub::new(
            subject.as_bytes(),
            None,
            sid.as_bytes(),
            target,
        )));
    }
    AccountView {
        name: name.into(),
        name_tag: None,
        token: None,
        interest,
        connections,
        in_msgs: 1,
        in_bytes: 2,
        out_msgs: 3,
        out_bytes: 4,
        slow_consumers: 0,
        updated: at(1),
    }
}

impl FakeServer {
    pub fn new() -> Self {
        Self {
            options: Options::default(),
            clients: vec![
                Arc::new(client(1, "A", "alice")),
                Arc::new(client(2, "A", "bob")),
                Arc::new(client(3, "B", "carol")),
            ],
            closed: Vec::new(),
            accounts: vec![
                account("A", 2, &["foo.1", "foo.*", "bar"]),
                account("B", 1, &[]),
                account("$SYS", 0, &[]),
            ],
            not_ready: None,
        }
    }
}

impl ClientView for FakeClient {
    fn figures(&self) -> Figures {
        self.figures
    }

    fn who(&self) -> Arc<Who> {
        self.who.clone()
    }

    fn subscriptions(&self) -> Vec<SubDetail> {
        self.subscriptions.clone()
    }

    fn ended(&self) -> Option<(Timestamp, &'static str)> {
        self.ended
    }
}

impl View for FakeServer {
    fn options(&self) -> Arc<Options> {
        Arc::new(self.options.clone())
    }

    fn facts(&self) -> Arc<ServerFacts> {
        Arc::new(ServerFacts {
            id: "ID".into(),
            name: "fake".into(),
            version: "2.15.1".into(),
            host: "0.0.0.0".into(),
            port: 4222,
            started: at(100),
            ..ServerFacts::default()
        })
    }

    fn totals(&self) -> Totals {
        Totals {
            connections: self.clients.len(),
            total_connections: 7,
            in_msgs: 5,
            ..Totals::default()
        }
    }

    fn clients(&self) -> Vec<Arc<dyn ClientView>> {
        self.clients
            .iter()
            .map(|c| c.clone() as Arc<dyn ClientView>)
            .collect()
    }

    fn client(&self, id: u64) -> Option<Arc<dyn ClientView>> {
        self.clients().into_iter().find(|c| c.figures().id == id)
    }

    fn closed_clients(&self) -> Vec<Arc<dyn ClientView>> {
        self.closed
            .iter()
            .map(|c| c.clone() as Arc<dyn ClientView>)
            .collect()
    }

    fn accounts(&self) -> Vec<AccountView> {
        self.accounts.clone()
    }

    fn account(&self, name: &str) -> Option<AccountView> {
        self.accounts.iter().find(|a| *a.name == *name).cloned()
    }

    fn not_ready(&self) -> Option<String> {
        self.not_ready.clone()
    }

    fn now(&self) -> Timestamp {
        at(200)
    }
}
