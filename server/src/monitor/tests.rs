use std::sync::Arc;

use nats_api::monitor::*;
use serde_json::Value;

use super::fake::{FakeServer, at, client};
use super::*;
use crate::system::process::Process;

fn pages(server: FakeServer) -> Pages {
    Pages::new(Arc::new(server), Arc::new(Process::new()))
}

fn json(pages: &Pages, path: &str, query: &str) -> Value {
    let page = pages.answer(path, query);
    assert_eq!(
        page.status,
        200,
        "{path}?{query}: {}",
        String::from_utf8_lossy(&page.body)
    );
    assert!(
        page.shared && page.content_type == "application/json",
        "{path}"
    );
    serde_json::from_slice(&page.body).unwrap()
}

fn refusal(pages: &Pages, path: &str, query: &str) -> (u16, String) {
    let page = pages.answer(path, query);
    assert!(!page.shared);
    (page.status, String::from_utf8(page.body).unwrap())
}

fn ids(connz: &Connz) -> Vec<u64> {
    connz.connections.iter().map(|c| c.cid).collect()
}

fn with_closed() -> FakeServer {
    let mut server = FakeServer::new();
    for (id, stop, reason) in [
        (10, 150, "Write Error"),
        (11, 120, "Client Closed"),
        (12, 130, "Read Error"),
    ] {
        let mut gone = client(id, if id == 12 { "B" } else { "A" }, "dave");
        gone.ended = Some((at(stop), reason));
        server.closed.push(Arc::new(gone));
    }
    server
}

#[test]
fn every_order_of_connections_is_the_documented_one() {
    let server = with_closed();
    let table: [(&str, &[u64]); 12] = [
        ("", &[1, 2, 3]),
        ("cid", &[1, 2, 3]),
        ("start", &[1, 2, 3]),
        ("subs", &[1, 2, 3]),
        ("pending", &[3, 2, 1]),
        ("msgs_from", &[3, 2, 1]),
        ("msgs_to", &[1, 2, 3]),
        ("bytes_to", &[1, 2, 3]),
        ("last", &[1, 2, 3]),
        ("idle", &[3, 2, 1]),
        ("uptime", &[3, 2, 1]),
        ("rtt", &[3, 2, 1]),
    ];
    for (sort, expected) in table {
        let options = ConnzOptions {
            sort: sort.into(),
            ..Default::default()
        };
        assert_eq!(ids(&connz(&server, &options).unwrap()), expected, "{sort}");
    }
    for (sort, expected) in [
        ("stop", [10, 12, 11]),
        ("reason", [11, 12, 10]),
        ("cid", [10, 11, 12]),
    ] {
        let options = ConnzOptions {
            sort: sort.into(),
            state: ConnState::Closed,
            ..Default::default()
        };
        assert_eq!(ids(&connz(&server, &options).unwrap()), expected, "{sort}");
    }
}

#[test]
fn connections_are_filtered_by_state_account_user_subject_and_id() {
    let server = with_closed();
    let base = ConnzOptions::default();
    let table: [(ConnzOptions, i64, &[u64]); 10] = [
        (
            ConnzOptions {
                state: ConnState::All,
                ..base.clone()
            },
            6,
            &[1, 2, 3, 10, 11, 12],
        ),
        (
            ConnzOptions {
                acc: "A".into(),
                ..base.clone()
            },
            2,
            &[1, 2],
        ),
        (
            ConnzOptions {
                acc: "B".into(),
                state: ConnState::All,
                ..base.clone()
            },
            2,
            &[3, 12],
        ),
        (
            ConnzOptions {
                user: "bob".into(),
                ..base.clone()
            },
            3,
            &[2],
        ),
        (
            ConnzOptions {
                acc: "A".into(),
                filter_subject: "*.2".into(),
                ..base.clone()
            },
            2,
            &[2],
        ),
        (
            ConnzOptions {
                cid: 2,
                ..base.clone()
            },
            3,
            &[2],
        ),
        (
            ConnzOptions {
                cid: 11,
                ..base.clone()
            },
            3,
            &[],
        ),
        (
            ConnzOptions {
                cid: 11,
                state: ConnState::All,
                ..base.clone()
            },
            6,
            &[11],
        ),
        (
            ConnzOptions {
                offset: 1,
                limit: 1,
                ..base.clone()
            },
            3,
            &[2],
        ),
        (
            ConnzOptions {
                offset: i64::MAX,
                limit: i64::MAX,
                ..base.clone()
            },
            3,
            &[],
        ),
    ];
    for (options, total, expected) in table {
        let page = connz(&server, &options).unwrap();
        assert_eq!(
            (page.total, ids(&page).as_slice()),
            (total, expected),
            "{options:?}"
        );
        assert_eq!(page.num_connections as usize, expected.len());
    }
    let unknown = connz(
        &server,
        &ConnzOptions {
            acc: "nope".into(),
            ..base
        },
    )
    .unwrap();
    assert_eq!(
        (unknown.total, unknown.connections.len(), unknown.limit),
        (0, 0, 1024)
    );
}

#[test]
fn names_of_users_and_accounts_are_shown_only_when_asked_for() {
    let server = FakeServer::new();
    let plain = connz(&server, &ConnzOptions::default()).unwrap();
    assert!(
        plain
            .connections
            .iter()
            .all(|c| c.authorized_user.is_empty() && c.account.is_empty())
    );
    let auth = connz(
        &server,
        &ConnzOptions {
            auth: true,
            ..Default::default()
        },
    )
    .unwrap();
    let first = &auth.connections[0];
    assert_eq!(
        (&*first.authorized_user, &*first.account, &*first.name_tag),
        ("alice", "A", "A")
    );
}

#[test]
fn every_page_answers_and_counts_its_requests() {
    let pages = pages(FakeServer::new());
    for path in [
        "/varz",
        "/connz",
        "/routez",
        "/gatewayz",
        "/leafz",
        "/subsz",
        "/subscriptionsz",
        "/accountz",
        "/accstatz",
        "/jsz",
        "/healthz",
        "/ipqueuesz",
    ] {
        json(&pages, path, "");
    }
    assert_eq!(
        pages.answer("/", "").content_type,
        "text/html; charset=utf-8"
    );
    let varz: Varz = serde_json::from_value(json(&pages, "/varz", "")).unwrap();
    let counted: Vec<_> = varz
        .http_req_stats
        .iter()
        .map(|(k, v)| (k.as_str(), *v))
        .collect();
    let expected = [
        ("/", 1),
        ("/accountz", 1),
        ("/accstatz", 1),
        ("/connz", 1),
        ("/gatewayz", 1),
        ("/healthz", 1),
        ("/jsz", 1),
        ("/leafz", 1),
        ("/routez", 1),
        ("/subsz", 2),
        ("/varz", 2),
    ];
    assert_eq!(counted, expected);
}

#[test]
fn wrong_parameters_are_refused_with_a_reason() {
    let pages = pages(FakeServer::new());
    let table = [
        ("/connz", "sort=x", 400, "invalid sorting option: x"),
        (
            "/connz",
            "sort=stop",
            400,
            "sort by stop only valid on closed connections",
        ),
        (
            "/connz",
            "sort=reason&state=all",
            400,
            "sort by reason only valid on closed connections",
        ),
        (
            "/subsz",
            "test=foo.*",
            400,
            "invalid test subject, must be valid publish subject: foo.*",
        ),
        ("/accountz", "acc=nope", 400, "Account nope does not exist"),
        (
            "/jsz",
            "leader-only=true",
            400,
            "filtered response: not leader",
        ),
        ("/raftz", "", 404, "No Raft nodes registered"),
        ("/nope", "", 404, "404 page not found\n"),
        ("/varz/", "", 404, "404 page not found\n"),
        ("/debug/pprof/", "", 404, "404 page not found\n"),
    ];
    for (path, query, status, text) in table {
        assert_eq!(
            refusal(&pages, path, query),
            (status, text.to_owned()),
            "{path}?{query}"
        );
    }
}

#[test]
fn the_base_path_stands_before_every_page() {
    let mut server = FakeServer::new();
    server.options.monitoring.base_path = "/mon".into();
    let pages = pages(server);
    assert_eq!(json(&pages, "/mon/varz", "")["http_base_path"], "/mon");
    assert_eq!(pages.answer("/mon", "").status, 200);
    assert_eq!(pages.answer("/varz", "").status, 404);
    assert_eq!(pages.answer("/monvarz", "").status, 404);
}

#[test]
fn subscriptions_are_paged_and_tested_over_all_accounts() {
    let server = FakeServer::new();
    let all = subsz(
        &server,
        &SubszOptions {
            subscriptions: true,
            ..Default::default()
        },
    )
    .unwrap();
    assert_eq!(
        (
            all.num_subscriptions,
            all.total,
            all.subscriptions_list.len()
        ),
        (3, 3, 3)
    );
    let reached = SubszOptions {
        subscriptions: true,
        test: "foo.1".into(),
        limit: 1,
        offset: 1,
        ..Default::default()
    };
    let page = subsz(&server, &reached).unwrap();
    assert_eq!((page.total, page.subscriptions_list.len()), (2, 1));
    assert_eq!(page.subscriptions_list[0].subject, "foo.*");
    let other = SubszOptions {
        subscriptions: true,
        account: "B".into(),
        ..Default::default()
    };
    assert_eq!(subsz(&server, &other).unwrap().num_subscriptions, 0);
    let counts = subsz(&server, &SubszOptions::default()).unwrap();
    assert_eq!((counts.total, counts.subscriptions_list.len()), (0, 0));
}

#[test]
fn health_follows_readiness_and_the_sense_of_the_question() {
    let mut server = FakeServer::new();
    assert_eq!(
        healthz(&server, &HealthzOptions::default()).status_code,
        200
    );
    let stream = HealthzOptions {
        stream: "s".into(),
        ..Default::default()
    };
    let health = healthz(&server, &stream);
    assert_eq!((health.status_code, &*health.status), (400, "error"));
    assert_eq!(
        health.error,
        r#""account" must not be empty when checking stream health"#
    );
    let details = healthz(
        &server,
        &HealthzOptions {
            details: true,
            ..stream
        },
    );
    assert_eq!((details.error.as_str(), details.errors.len()), ("", 1));
    server.not_ready = Some("not listening".into());
    assert_eq!(
        healthz(&server, &HealthzOptions::default()).status_code,
        500
    );
}

#[test]
fn account_details_list_what_every_account_imports() {
    let server = FakeServer::new();
    let detail = account_detail(&server, "A").unwrap();
    let imports: Vec<_> = detail
        .imports
        .iter()
        .map(|i| (i.local_subject.as_str(), i.subject.as_str()))
        .collect();
    assert_eq!(
        imports,
        [
            ("$SYS.REQ.USER.INFO", "$SYS.REQ.USER.A.INFO"),
            ("$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.ACCOUNT.A.CONNZ"),
            ("$SYS.REQ.SERVER.PING.CONNZ", "$SYS.REQ.ACCOUNT.A.CONNZ"),
            ("$SYS.REQ.ACCOUNT.PING.STATZ", "$SYS.REQ.ACCOUNT.A.STATZ"),
        ]
    );
    assert!(account_detail(&server, "$SYS").unwrap().is_system);
}

#[test]
fn unused_accounts_are_left_out_unless_asked_for() {
    let server = FakeServer::new();
    let names = |page: AccountStatz| {
        page.account_statz
            .into_iter()
            .map(|a| a.acc)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(accstatz(&server, &AccountStatzOptions::default())),
        ["A", "B"]
    );
    let all = AccountStatzOptions {
        include_unused: true,
        ..Default::default()
    };
    assert_eq!(names(accstatz(&server, &all)), ["$SYS", "A", "B"]);
}

#[test]
fn no_offset_and_limit_overflow_a_page() {
    let list = [1, 2, 3];
    assert_eq!(page_of(&list, 0, 2), [1, 2]);
    assert_eq!(page_of(&list, 2, 2), [3]);
    assert_eq!(page_of(&list, i64::MAX, i64::MAX), [0; 0]);
    assert_eq!(page_of(&list, i64::MIN, i64::MAX), [1, 2, 3]);
    assert_eq!(page_of(&list, 1, i64::MIN), [0; 0]);
}
