//! Who gets what: messages from a publisher to its receivers, without sockets.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nats_proto::client_op::{ClientOp, Limits, Publish, Step, parse};
use proptest::prelude::*;

use super::*;
use crate::account::{Account, Settings};
use crate::interest::{Receiver, ReceiverKind, Sub, Target};
use crate::options::ResponseType;

const LIMITS: Limits = Limits {
    max_control_line: 4096,
    max_payload: None,
    headers: true,
};

fn account(name: &str) -> Arc<Account> {
    Arc::new(Account::new(name, Settings::default()))
}

fn receiver(id: u64) -> Arc<Receiver> {
    let receiver = Receiver::new(id, ReceiverKind::Client, 64 << 20);
    receiver.set_modes(true, true);
    Arc::new(receiver)
}

fn subscribe(
    account: &Account,
    to: &Arc<Receiver>,
    subject: &str,
    queue: Option<&str>,
    sid: &str,
) -> Arc<Sub> {
    let sub = Arc::new(Sub::new(
        subject.as_bytes(),
        queue.map(str::as_bytes),
        sid.as_bytes(),
        Target::Receiver(to.clone()),
    ));
    to.set_home(account.interest.clone());
    to.subs.lock().insert(sub.clone());
    account.interest.insert(sub.clone());
    sub
}

/// What a receiver got since the last look.
fn taken(receiver: &Receiver) -> String {
    let mut chunks = VecDeque::new();
    let mut queue = receiver.outbox.lock();
    queue.take(&mut chunks);
    let bytes: Vec<u8> = chunks.into_iter().flatten().collect();
    queue.written(bytes.len());
    String::from_utf8(bytes).unwrap()
}

fn publisher(receiver: &Arc<Receiver>, account: &Arc<Account>) -> Publisher {
    let mut publisher = Publisher::new(receiver.clone(), account.clone(), None);
    publisher.set_verbose(false);
    publisher
}

fn frames(batch: &[u8]) -> Vec<(Publish<'_>, usize)> {
    let (mut all, mut at) = (Vec::new(), 0);
    while let Ok(Step::Op(ClientOp::Publish(p), used)) = parse(&batch[at..], &LIMITS) {
        at += used;
        all.push((p, at));
    }
    assert_eq!(at, batch.len(), "whole frames");
    all
}

/// Publishes frames, each by itself.
fn publish(from: &mut Publisher, frames_of: &str) -> Vec<Outcome> {
    let mut cx = Cycle::take(false);
    let outcomes = frames(frames_of.as_bytes())
        .iter()
        .map(|(p, _)| from.publish(&mut cx, &Message::published(p)))
        .collect();
    end(cx);
    outcomes
}

/// What a connection does after each batch.
fn end(mut cx: Box<Cycle>) {
    for sub in cx.take_ended() {
        sub.receiver().unwrap().end(&sub);
    }
    cx.wake_all(None);
    drop(cx.take_lagging());
    cx.traffic = Default::default();
    cx.remembered = 0;
    cx.give_back();
}

/// Publishes frames as a connection does that reads them in one go.
fn publish_in_runs(from: &mut Publisher, batch: &str) {
    let mut cx = Cycle::take(false);
    for (p, at) in &frames(batch.as_bytes()) {
        if from.gather(&mut cx, p, *at) {
            continue;
        }
        from.end_run(&mut cx, batch.as_bytes());
        from.publish(&mut cx, &Message::published(p));
    }
    from.end_run(&mut cx, batch.as_bytes());
    end(cx);
}

#[test]
fn everybody_gets_it_and_one_of_each_group() {
    let a = account("A");
    let everyone: Vec<_> = (1..=5).map(receiver).collect();
    subscribe(&a, &everyone[0], "x.*", None, "1");
    subscribe(&a, &everyone[1], "x.y", None, "22");
    for member in &everyone[2..4] {
        subscribe(&a, member, "x.y", Some("workers"), "3");
    }
    subscribe(&a, &everyone[4], "x.>", Some("others"), "4");
    let mut from = publisher(&receiver(9), &a);
    assert_eq!(
        publish(&mut from, "PUB x.y 2\r\nhi\r\n"),
        [Outcome::Delivered]
    );
    assert_eq!(taken(&everyone[0]), "MSG x.y 1 2\r\nhi\r\n");
    assert_eq!(taken(&everyone[1]), "MSG x.y 22 2\r\nhi\r\n");
    let workers = taken(&everyone[2]) + &taken(&everyone[3]);
    assert_eq!(workers, "MSG x.y 3 2\r\nhi\r\n");
    assert_eq!(taken(&everyone[4]), "MSG x.y 4 2\r\nhi\r\n");
    assert_eq!(
        publish(&mut from, "PUB z 0\r\n\r\n"),
        [Outcome::NoInterest(None)]
    );
}

#[test]
fn a_group_shares_and_passes_over_those_who_left() {
    let a = account("A");
    let members: Vec<_> = (1..=3).map(receiver).collect();
    for member in &members {
        subscribe(&a, member, "job", Some("workers"), "1");
    }
    let mut from = publisher(&receiver(9), &a);
    publish(&mut from, &"PUB job 0\r\n\r\n".repeat(600));
    let shares: Vec<_> = members
        .iter()
        .map(|m| taken(m).matches("MSG").count())
        .collect();
    assert_eq!(shares.iter().sum::<usize>(), 600);
    assert!(shares.iter().all(|n| *n > 100), "{shares:?}");
    // One socket is gone, and its subscriptions still stand for a moment.
    members[0].outbox.discard();
    publish(&mut from, &"PUB job 0\r\n\r\n".repeat(100));
    let shares: Vec<_> = members
        .iter()
        .map(|m| taken(m).matches("MSG").count())
        .collect();
    assert_eq!((shares[0], shares[1] + shares[2]), (0, 100));
}

#[test]
fn own_messages_come_back_only_to_those_who_want_them() {
    let a = account("A");
    let own = receiver(1);
    subscribe(&a, &own, "x", None, "1");
    let mut from = publisher(&own, &a);
    assert_eq!(publish(&mut from, "PUB x 0\r\n\r\n"), [Outcome::Delivered]);
    own.set_modes(true, false);
    assert_eq!(
        publish(&mut from, "PUB x 0\r\n\r\n"),
        [Outcome::NoInterest(None)]
    );
    publish_in_runs(&mut from, &"PUB x 0\r\n\r\n".repeat(3));
    assert_eq!(taken(&own), "MSG x 1 0\r\n\r\n");
}

#[test]
fn a_subscription_with_a_bound_ends_at_it() {
    let a = account("A");
    for in_runs in [false, true] {
        let to = receiver(1);
        let sub = subscribe(&a, &to, "x", None, "1");
        sub.set_max(2);
        let mut from = publisher(&receiver(9), &a);
        let batch = "PUB x 1\r\n.\r\n".repeat(5);
        match in_runs {
            true => publish_in_runs(&mut from, &batch),
            false => drop(publish(&mut from, &batch)),
        }
        assert_eq!(taken(&to), "MSG x 1 1\r\n.\r\n".repeat(2), "{in_runs}");
        assert!(sub.is_closed() && to.subs.lock().is_empty());
        assert!(a.interest.is_empty());
    }
}

#[test]
fn headers_are_left_out_for_those_who_cannot_read_them() {
    let a = account("A");
    let (new, old) = (receiver(1), receiver(2));
    old.set_modes(false, true);
    for to in [&new, &old] {
        subscribe(&a, to, "x", None, "1");
    }
    let mut from = publisher(&receiver(9), &a);
    publish(&mut from, "HPUB x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    assert_eq!(taken(&new), "HMSG x 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
    assert_eq!(taken(&old), "MSG x 1 r 2\r\nhi\r\n");
}

#[test]
fn subjects_and_replies_of_the_server_are_not_for_clients() {
    let a = account("A");
    let to = receiver(1);
    subscribe(&a, &to, ">", None, "1");
    let mut from = publisher(&receiver(9), &a);
    let denied = [Outcome::SubjectDenied(None)];
    for subject in ["_GR_.x", "$GR.x", "$NRG.x"] {
        assert_eq!(
            publish(&mut from, &format!("PUB {subject} 0\r\n\r\n")),
            denied,
            "{subject}"
        );
    }
    for reply in ["_R_.x", "$JS.ACK.x", "_GR_.x"] {
        let outcome = publish(&mut from, &format!("PUB x {reply} 0\r\n\r\n"));
        assert_eq!(outcome, [Outcome::ReplyDenied], "{reply}");
    }
    assert_eq!(
        publish(&mut from, "PUB a..b 0\r\n\r\n"),
        [Outcome::NoInterest(None)]
    );
    assert_eq!(taken(&to), "");
}

#[test]
fn what_was_learned_is_forgotten_when_interest_changes() {
    let a = account("A");
    let to = receiver(1);
    let mut from = publisher(&receiver(9), &a);
    assert_eq!(
        publish(&mut from, "PUB x 0\r\n\r\n"),
        [Outcome::NoInterest(None)]
    );
    let sub = subscribe(&a, &to, "x", None, "1");
    assert_eq!(publish(&mut from, "PUB x 0\r\n\r\n"), [Outcome::Delivered]);
    to.end(&sub);
    assert_eq!(
        publish(&mut from, "PUB x 0\r\n\r\n"),
        [Outcome::NoInterest(None)]
    );
    assert_eq!(a.interest.stats().cached, 1);
    drop(from);
    assert_eq!(a.interest.stats().cached, 0);
}

/// A service of account A, imported by B under another name, and its way back.
struct Between {
    a: Arc<Account>,
    b: Arc<Account>,
    responder: Arc<Receiver>,
    asker: Arc<Receiver>,
    responses: Arc<Responses>,
}

fn between(response: ResponseType, threshold: Duration) -> Between {
    let (a, b) = (account("A"), account("B"));
    let responses = Responses::new(&a, Arc::default());
    a.interest.insert(responses.subscription());
    let export = ServiceExport {
        response,
        threshold,
        latency: None,
        allow_trace: false,
    };
    let import = ServiceImport::new(
        &b,
        &a,
        "ask.*",
        "svc.*",
        false,
        Arc::new(export),
        responses.clone(),
    );
    b.interest.insert(Arc::new(import.unwrap()).subscription());
    let (responder, asker) = (receiver(1), receiver(2));
    subscribe(&a, &responder, "svc.*", None, "1");
    subscribe(&b, &asker, "inbox.>", None, "9");
    Between {
        a,
        b,
        responder,
        asker,
        responses,
    }
}

impl Between {
    /// Asks, and yields the reply subject that the responder saw.
    fn ask(&self) -> String {
        let mut from = publisher(&self.asker, &self.b);
        let outcome = publish(&mut from, "PUB ask.it inbox.1 1\r\n?\r\n");
        assert_eq!(outcome, [Outcome::Delivered]);
        let request = taken(&self.responder);
        let words: Vec<_> = request.lines().next().unwrap().split(' ').collect();
        assert_eq!(words[..3], ["MSG", "svc.it", "1"], "{request}");
        assert!(words[3].starts_with("_R_."), "{request}");
        words[3].to_owned()
    }

    fn answer(&self, reply: &str, body: &str) -> Outcome {
        let mut from = publisher(&self.responder, &self.a);
        let frame = format!("PUB {reply} {}\r\n{body}\r\n", body.len());
        publish(&mut from, &frame).remove(0)
    }
}

#[test]
fn a_request_crosses_to_a_service_and_its_one_answer_comes_back() {
    let between = between(ResponseType::Single, Duration::from_secs(60));
    let reply = between.ask();
    assert_ne!(reply, between.ask(), "each request has a reply of its own");
    assert_eq!(between.responses.len(), 2);
    assert_eq!(between.answer(&reply, "!"), Outcome::Delivered);
    assert_eq!(taken(&between.asker), "MSG inbox.1 9 1\r\n!\r\n");
    assert_eq!(between.answer(&reply, "again"), Outcome::NoInterest(None));
    assert_eq!(between.responses.len(), 1);
}

#[test]
fn many_answers_come_back_until_an_empty_one() {
    let between = between(ResponseType::Stream, Duration::from_secs(60));
    let reply = between.ask();
    for part in ["1", "2", ""] {
        assert_eq!(between.answer(&reply, part), Outcome::Delivered, "{part}");
    }
    assert_eq!(between.answer(&reply, "3"), Outcome::NoInterest(None));
    assert_eq!(taken(&between.asker).matches("MSG inbox.1 9").count(), 3);
}

#[test]
fn an_answer_of_headers_only_is_not_the_end_and_one_that_can_be_acknowledged_keeps_its_reply() {
    let between = between(ResponseType::Stream, Duration::from_secs(60));
    let reply = between.ask();
    let headers = b"NATS/1.0\r\n\r\n";
    let stored = b"NATS/1.0\r\n\r\n!";
    for (to, payload, shown, heard) in [
        (None, &headers[..], reply.as_str(), "HMSG inbox.1 9 12 12"),
        (
            Some("$JS.ACK.S.c.1"),
            stored,
            "orders",
            "HMSG orders 9 $JS.ACK.S.c.1 12 13",
        ),
        (Some("elsewhere"), stored, "orders", "HMSG orders 9 12 13"),
    ] {
        let mut cx = Cycle::take(false);
        let to = to.map(str::as_bytes);
        let answer = Message::new(reply.as_bytes(), to, headers.len(), payload);
        let answer = answer.shown_as(shown.as_bytes());
        assert!(publish_from_inside(&mut cx, &between.a, &answer), "{heard}");
        end(cx);
        assert_eq!(taken(&between.asker).lines().next(), Some(heard));
    }
}

#[test]
fn an_answer_that_comes_too_late_finds_nobody() {
    let between = between(ResponseType::Single, Duration::from_secs(60));
    let reply = between.ask();
    let sweep = |later: u64| {
        let mut cx = Cycle::take(false);
        between
            .responses
            .sweep(&mut cx, Instant::now() + Duration::from_secs(later));
        end(cx);
    };
    sweep(59);
    assert_eq!(between.responses.len(), 1);
    sweep(61);
    assert!(between.responses.is_empty());
    assert_eq!(between.answer(&reply, "!"), Outcome::NoInterest(None));
}

#[test]
fn a_request_that_no_service_takes_leaves_nothing_behind() {
    let between = between(ResponseType::Single, Duration::from_secs(60));
    let sub = between.responder.subs.lock().find(b"1").cloned().unwrap();
    between.responder.end(&sub);
    let mut from = publisher(&between.asker, &between.b);
    let outcome = publish(&mut from, "PUB ask.it inbox.1 1\r\n?\r\n");
    assert_eq!(outcome, [Outcome::NoInterest(None)]);
    assert!(between.responses.is_empty());
}

proptest! {
    /// Messages in a row are delivered receiver by receiver; each receiver must see what it sees without that.
    #[test]
    fn runs_change_nothing_that_a_receiver_can_see(
        subs in proptest::collection::vec((1u64..5, 0usize..4, any::<bool>(), 0u64..4), 0..8),
        messages in proptest::collection::vec((0usize..3, 1usize..6, any::<bool>()), 1..12),
    ) {
        let patterns = ["s.0", "s.1", "s.*", ">"];
        let mut seen: Vec<HashMap<u64, String>> = Vec::new();
        let mut batch = String::new();
        for (subject, times, reply) in &messages {
            for n in 0..*times {
                let reply = if *reply { " r" } else { "" };
                batch.push_str(&format!("PUB s.{subject}{reply} 1\r\n{n}\r\n"));
            }
        }
        for in_runs in [false, true] {
            let a = account("A");
            let everyone: HashMap<u64, _> = (1..5).map(|id| (id, receiver(id))).collect();
            everyone[&1].set_modes(true, false);
            for (sid, (to, pattern, queue, max)) in subs.iter().enumerate() {
                // A group of one: chance must not come into it.
                let group = format!("g{sid}");
                let queue = queue.then_some(group.as_str());
                let sub = subscribe(&a, &everyone[to], patterns[*pattern], queue, &sid.to_string());
                sub.set_max(*max);
            }
            let mut from = publisher(&everyone[&1], &a);
            match in_runs {
                true => publish_in_runs(&mut from, &batch),
                false => drop(publish(&mut from, &batch)),
            }
            seen.push(everyone.iter().map(|(id, r)| (*id, taken(r))).collect());
        }
        // Which of several subscriptions of one receiver comes first for a message is nobody's promise.
        let sorted = |text: &String| {
            let mut frames: Vec<_> = text.split_inclusive("\r\n").collect::<Vec<_>>().chunks(2).map(|f| f.concat()).collect();
            frames.sort();
            frames
        };
        for id in 1..5 {
            prop_assert_eq!(sorted(&seen[0][&id]), sorted(&seen[1][&id]));
        }
    }
}
