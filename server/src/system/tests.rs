use std::sync::Arc;
use std::time::Duration;

use nats_api::system::*;
use parking_lot::{Condvar, Mutex};
use serde_json::Value;

use super::*;
use crate::monitor::fake::{FakeServer, at, client};
use crate::monitor::{ClientView, Pages, View};

struct FakeControl;

impl Control for FakeControl {
    fn claims(&self, _: ClaimsAsk, request: &Request, _: ServerInfo) -> Vec<Vec<u8>> {
        vec![request.body.clone(), Vec::new()]
    }

    fn reload(&self) -> Result<(), String> {
        Err("line 3: no".into())
    }

    fn kick(&self, client: u64) -> bool {
        client == 1
    }

    fn send_away(&self, client: u64) -> Result<(), String> {
        if client == 1 {
            Ok(())
        } else {
            Err("no such client id".into())
        }
    }
}

/// Keeps what was published; everything is wanted.
#[derive(Default)]
struct FakeOutlet(Mutex<Vec<Published>>, Condvar);

/// Account, subject, header block and body.
type Published = (String, String, Vec<u8>, Value);

impl Outlet for FakeOutlet {
    fn is_wanted(&self, _: &str, _: &str) -> bool {
        true
    }

    fn publish(&self, account: &str, subject: &str, _: Option<&str>, header: &[u8], body: &[u8]) {
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.0
            .lock()
            .push((account.into(), subject.into(), header.to_vec(), body));
        self.1.notify_all();
    }
}

impl FakeOutlet {
    fn subjects(&self) -> Vec<String> {
        self.0
            .lock()
            .iter()
            .map(|(_, subject, _, _)| subject.clone())
            .collect()
    }

    /// Waits until something was published on `subject`.
    fn wait_for(&self, subject: &str) -> Value {
        let mut published = self.0.lock();
        loop {
            if let Some(found) = published.iter().find(|(_, s, _, _)| s == subject) {
                return found.3.clone();
            }
            let waited = self.1.wait_for(&mut published, Duration::from_secs(10));
            let subjects: Vec<_> = published.iter().map(|(_, s, _, _)| s).collect();
            assert!(!waited.timed_out(), "nothing on {subject}: {subjects:?}");
        }
    }
}

fn desk(server: FakeServer) -> Desk {
    let process = Arc::new(process::Process::new());
    let pages = Arc::new(Pages::new(Arc::new(server), process.clone()));
    Desk::new(pages, process, Arc::new(FakeControl))
}

fn request(subject: &str, body: &str) -> Request {
    Request {
        subject: subject.into(),
        account: "A".into(),
        client: Some(1),
        body: body.into(),
        ..Request::default()
    }
}

fn said(answer: Answer) -> Value {
    match answer {
        Answer::Several(_) => panic!("one answer is expected"),
        Answer::Silence => Value::Null,
        Answer::Body(body) | Answer::Page(body) => serde_json::from_slice(&body).unwrap(),
    }
}

#[test]
fn every_verb_of_a_server_answers_with_its_document() {
    let desk = desk(FakeServer::new());
    for verb in ServerVerb::ALL {
        let answer = said(desk.answer(Ask::Server(verb), &request("$SYS.REQ.SERVER.PING.X", "")));
        match verb {
            ServerVerb::Idz => assert_eq!(answer["id"], "ID"),
            ServerVerb::Statsz => assert_eq!(answer["statsz"]["connections"], 3),
            _ => assert!(
                answer["data"].is_object() && answer["server"]["id"] == "ID",
                "{verb:?}: {answer}"
            ),
        }
    }
}

#[test]
fn a_server_stays_silent_when_the_filter_names_another() {
    let desk = desk(FakeServer::new());
    let table = [
        (r#"{"server_name":"ake"}"#, true),
        (r#"{"server_name":"ake","exact_match":true}"#, false),
        (r#"{"server_name":"fake","exact_match":true}"#, true),
        (r#"{"host":"0.0"}"#, true),
        (r#"{"cluster":"c"}"#, false),
        (r#"{"tags":["x"]}"#, false),
        (r#"{"domain":"d"}"#, false),
    ];
    for (body, answers) in table {
        for verb in [ServerVerb::Varz, ServerVerb::Statsz, ServerVerb::Connz] {
            let answer = desk.answer(Ask::Server(verb), &request("", body));
            assert_eq!(answer != Answer::Silence, answers, "{verb:?} {body}");
        }
        // Asking for the id is asking everybody.
        assert_ne!(
            desk.answer(Ask::Server(ServerVerb::Idz), &request("", body)),
            Answer::Silence
        );
    }
}

#[test]
fn wrong_requests_are_answered_with_a_class_and_a_reason() {
    let desk = desk(FakeServer::new());
    let connz = Ask::Server(ServerVerb::Connz);
    let table = [
        (
            connz,
            "",
            "{",
            400,
            "EOF while parsing an object at line 1 column 1",
        ),
        (
            connz,
            "",
            r#"{"sort":"x"}"#,
            500,
            "invalid sorting option: x",
        ),
        (
            connz,
            "",
            r#"{"filter_subject":"a"}"#,
            500,
            "filter by subject only valid with account filtering",
        ),
        (
            Ask::Server(ServerVerb::Accountz),
            "",
            r#"{"account":"nope"}"#,
            500,
            "Account nope does not exist",
        ),
        (
            Ask::Account(AccountVerb::Info),
            "$SYS.REQ.ACCOUNT.nope.INFO",
            "",
            500,
            "Account nope does not exist",
        ),
        (
            Ask::Account(AccountVerb::Jsz),
            "$SYS.REQ.ACCOUNT.A.JSZ",
            "",
            500,
            "jetstream not enabled",
        ),
        (
            Ask::Kick,
            "",
            r#"{"cid":9}"#,
            500,
            "no such client or leafnode id",
        ),
        (Ask::LameDuck, "", r#"{"cid":9}"#, 500, "no such client id"),
        (Ask::Reload, "", "", 500, "line 3: no"),
    ];
    for (ask, subject, body, code, description) in table {
        let answer = said(desk.answer(ask, &request(subject, body)));
        assert_eq!(answer["error"]["code"], code, "{ask:?} {body}: {answer}");
        assert_eq!(
            answer["error"]["description"], description,
            "{ask:?} {body}"
        );
        assert!(answer.get("data").is_none(), "{answer}");
    }
    assert_eq!(desk.answer(Ask::Kick, &request("", "")), Answer::Silence);
    let kicked = said(desk.answer(Ask::Kick, &request("", r#"{"cid":1}"#)));
    assert_eq!(
        kicked.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["server"],
        "{kicked}"
    );
}

#[test]
fn an_account_asks_only_about_itself() {
    let desk = desk(FakeServer::new());
    let connz = said(desk.answer(
        Ask::OwnConnz,
        &request("$SYS.REQ.ACCOUNT.PING.CONNZ", r#"{"acc":"B","auth":true}"#),
    ));
    let accounts: Vec<_> = connz["data"]["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["account"].clone())
        .collect();
    assert_eq!(accounts, ["A", "A"]);
    let statz = said(desk.answer(
        Ask::OwnStatz,
        &request("$SYS.REQ.ACCOUNT.PING.STATZ", r#"{"accounts":["B"]}"#),
    ));
    assert_eq!(statz["data"]["account_statz"][0]["acc"], "A");
    assert_eq!(statz["data"]["account_statz"].as_array().unwrap().len(), 1);
    let user = said(desk.answer(Ask::UserInfo, &request(subjects::USER_INFO, "")));
    assert_eq!(
        (&user["data"]["user"], &user["data"]["account"]),
        (&"alice".into(), &"A".into())
    );
}

#[test]
fn accounts_without_connections_do_not_answer_about_their_use() {
    let desk = desk(FakeServer::new());
    let ask = |acc: &str, verb, body: &str| {
        said(desk.answer(
            Ask::Account(verb),
            &request(&format!("$SYS.REQ.ACCOUNT.{acc}.X"), body),
        ))
    };
    assert!(ask("$SYS", AccountVerb::Statz, "").is_null());
    assert!(ask("PING", AccountVerb::Statz, r#"{"include_unused":true}"#).is_null());
    assert!(ask("nope", AccountVerb::Statz, "").is_null());
    assert!(ask("$SYS", AccountVerb::Statz, r#"{"include_unused":true}"#).is_object());
    assert!(ask("$SYS", AccountVerb::Conns, "").is_null());
    assert_eq!(ask("A", AccountVerb::Conns, "")["conns"], 2);
    assert!(ask("A", AccountVerb::Conns, r#"{"acc":"B"}"#).is_null());
}

#[test]
fn subscribers_are_counted_for_people_and_for_servers() {
    let desk = desk(FakeServer::new());
    assert_eq!(
        said(desk.answer(Ask::Subscribers, &request("", "foo.1"))),
        2
    );
    assert_eq!(
        said(desk.answer(
            Ask::SubscriberCount,
            &request("", r#"{"acc":"A","subject":">"}"#)
        )),
        3
    );
    assert!(
        said(desk.answer(
            Ask::SubscriberCount,
            &request("", r#"{"acc":"B","subject":">","queue":"!"}"#)
        ))
        .is_null()
    );
    assert!(said(desk.answer(Ask::SubscriberCount, &request("", ""))).is_null());
}

#[test]
fn events_come_in_the_order_of_the_reference_and_requests_are_answered() {
    let server = FakeServer::new();
    let alice: Arc<dyn ClientView> = server.client(1).unwrap();
    let outlet = Arc::new(FakeOutlet::default());
    let system = SystemAccount::start(desk(server), outlet.clone()).unwrap();
    system.connected(alice.clone());
    let gone = Gone {
        at: at(300),
        reason: "Client Closed",
    };
    let nobody: Arc<dyn ClientView> = {
        let mut nobody = client(9, "A", "eve");
        nobody.who = Arc::new(crate::monitor::Who::default());
        Arc::new(nobody)
    };
    system.refused(
        nobody.clone(),
        Gone {
            at: at(1),
            reason: "Authentication Failure",
        },
        None,
    );
    system.disconnected(
        nobody,
        Gone {
            at: at(1),
            reason: "Authentication Failure",
        },
    );
    system.disconnected(alice, gone);
    let asked = Request {
        encoding: ReplyEncoding::Gzip,
        ..request("$SYS.REQ.SERVER.PING.VARZ", "")
    };
    system.ask(
        Ask::Server(ServerVerb::Varz),
        asked,
        Some("_INBOX.x".into()),
    );
    system.lame_duck();
    system.shutdown();
    let subjects: Vec<_> = outlet
        .subjects()
        .into_iter()
        .filter(|s| !s.ends_with(".STATSZ"))
        .collect();
    assert_eq!(
        subjects,
        [
            "$SYS.SERVER.ACCOUNT.A.CONNS",
            "$SYS.ACCOUNT.A.SERVER.CONNS",
            "$SYS.ACCOUNT.A.CONNECT",
            "$SYS.ACCOUNT.CLIENT.AUTH.ERR",
            "$SYS.SERVER.ID.CLIENT.AUTH.ERR",
            "$SYS.ACCOUNT.$G.DISCONNECT",
            "$SYS.SERVER.ACCOUNT.A.CONNS",
            "$SYS.ACCOUNT.A.SERVER.CONNS",
            "$SYS.ACCOUNT.A.DISCONNECT",
            "_INBOX.x",
            "$SYS.SERVER.ID.LAMEDUCK",
            "$SYS.SERVER.ID.SHUTDOWN",
        ]
    );
    let disconnect = outlet.wait_for("$SYS.ACCOUNT.A.DISCONNECT");
    assert_eq!(
        (&disconnect["reason"], &disconnect["sent"]["msgs"]),
        (&"Client Closed".into(), &1.into())
    );
    let published = outlet.0.lock();
    let told = published
        .iter()
        .find(|(_, s, _, _)| s == "$SYS.ACCOUNT.CLIENT.AUTH.ERR");
    assert_eq!(told.unwrap().0, "$G", "where the stranger stood");
    let reply = published
        .iter()
        .find(|(_, s, _, _)| s == "_INBOX.x")
        .unwrap();
    assert_eq!(
        (reply.0.as_str(), reply.2.as_slice()),
        ("A", &b"NATS/1.0\r\nContent-Encoding: gzip\r\n\r\n"[..])
    );
}

#[test]
fn a_heartbeat_comes_soon_after_the_start() {
    let outlet = Arc::new(FakeOutlet::default());
    let system = SystemAccount::start(desk(FakeServer::new()), outlet.clone()).unwrap();
    let statsz = outlet.wait_for("$SYS.SERVER.ID.STATSZ");
    let statsz: ServerStatsEvent = serde_json::from_value(statsz).unwrap();
    assert_eq!(
        (
            statsz.statsz.connections,
            statsz.statsz.active_accounts,
            statsz.statsz.active_servers
        ),
        (3, 2, 1)
    );
    system.shutdown();
}

#[test]
fn a_request_that_is_too_long_is_dropped() {
    let outlet = Arc::new(FakeOutlet::default());
    let system = SystemAccount::start(desk(FakeServer::new()), outlet.clone()).unwrap();
    let long = Request {
        body: vec![b' '; 1 << 20],
        ..Request::default()
    };
    system.ask(
        Ask::Server(ServerVerb::Varz),
        long,
        Some("_INBOX.long".into()),
    );
    system.ask(
        Ask::Server(ServerVerb::Varz),
        Request::default(),
        Some("_INBOX.short".into()),
    );
    system.shutdown();
    let subjects = outlet.subjects();
    assert!(
        subjects.contains(&"_INBOX.short".to_owned())
            && !subjects.contains(&"_INBOX.long".to_owned())
    );
}
