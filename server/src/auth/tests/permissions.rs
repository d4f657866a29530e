//! What permissions permit: the rules as tables, and S10 against an oracle that looks at every message.

use nats_proto::subject;
use proptest::prelude::*;

use super::*;

fn compiled(permissions: &options::Permissions) -> Permissions {
    Permissions::new(permissions)
}

#[test]
fn publishing_needs_an_allow_and_no_deny() {
    let p = compiled(&publish(
        Some(&["foo.*", "bar.>"]),
        &["foo.secret", "bar.*.x"],
    ));
    for (subject, permitted) in [
        ("foo.a", true),
        ("foo.secret", false),
        ("foo", false),
        ("foo.a.b", false),
        ("bar.a", true),
        ("bar.a.x", false),
        ("bar.a.y", true),
        ("bar", false),
        ("quux", false),
        // Wildcards in a published subject are ordinary tokens.
        ("foo.*", true),
        ("foo.>", true),
    ] {
        assert_eq!(p.may_publish(subject.as_bytes()), permitted, "{subject}");
    }
    let only_deny = compiled(&publish(None, &["foo"]));
    assert!(only_deny.may_publish(b"bar") && !only_deny.may_publish(b"foo"));
    let nothing = compiled(&publish(Some(&[]), &[]));
    assert!(!nothing.may_publish(b"foo"));
    assert!(compiled(&subscribe(Some(&[]), &[])).may_publish(b"foo"));
}

#[test]
fn subscribing_follows_the_rules_for_queues() {
    /// Allow, deny, subject, queue, and whether it is permitted.
    type Case = (
        &'static [&'static str],
        &'static [&'static str],
        &'static str,
        Option<&'static str>,
        bool,
    );
    let cases: &[Case] = &[
        // An entry without a queue permits any queue.
        (&["foo"], &[], "foo", None, true),
        (&["foo"], &[], "foo", Some("q"), true),
        // An entry with a queue permits that queue, and no plain subscription.
        (&["foo v1"], &[], "foo", None, false),
        (&["foo v1"], &[], "foo", Some("v1"), true),
        (&["foo v1"], &[], "foo", Some("v2"), false),
        // Both: plain yes, queues only those named.
        (&["foo", "foo v1"], &[], "foo", None, true),
        (&["foo", "foo v1"], &[], "foo", Some("v1"), true),
        (&["foo", "foo v1"], &[], "foo", Some("v2"), false),
        (&[">", "foo v1"], &[], "foo", Some("v2"), false),
        (&[">", "foo v1"], &[], "bar", Some("v2"), true),
        // Wildcards in queues.
        (&["foo *.dev"], &[], "foo", Some("a.dev"), true),
        (&["foo *.dev"], &[], "foo", Some("a.prod"), false),
        (&["foo v1.>"], &[], "foo", Some("v1.a.b"), true),
        (&["foo v1.>"], &[], "foo", Some("v1"), false),
        (&["foo *"], &[], "foo", Some("*"), true),
        (&["foo v1.*"], &[], "foo", Some("v1.*"), true),
        // Deny wins; a queue in it speaks of that queue only.
        (&[">"], &["foo"], "foo", None, false),
        (&[">"], &["foo"], "foo", Some("q"), false),
        (&[">"], &["foo v1"], "foo", None, true),
        (&[">"], &["foo v1"], "foo", Some("v1"), false),
        (&[">"], &["foo v1"], "foo", Some("v2"), true),
        (&[">"], &["foo *.prod"], "foo", Some("a.prod"), false),
        (&[">"], &["foo *.prod"], "foo", Some("a.dev"), true),
        (&[">"], &["foo", "foo v1"], "foo", Some("v2"), false),
        // Wildcard subscriptions: allowed as a whole or not at all, denied if wholly denied.
        (&["foo.*"], &[], "foo.*", None, true),
        (&["foo.>"], &[], "foo.*", None, true),
        (&["foo.*"], &[], "foo.>", None, false),
        (&["foo.a", "foo.b"], &[], "foo.*", None, false),
        (&[">"], &["foo.>"], "foo.*", None, false),
        (&[">"], &["foo.a"], "foo.*", None, true),
        (&["*"], &[], ">", None, false),
    ];
    for (allow, deny, subject, queue, permitted) in cases {
        let p = compiled(&subscribe(Some(allow), deny));
        let got = p.may_subscribe(subject.as_bytes(), queue.map(str::as_bytes));
        assert_eq!(
            got, *permitted,
            "allow {allow:?} deny {deny:?}: {subject} {queue:?}"
        );
    }
}

#[test]
fn the_servers_own_queue_group_is_nobodys() {
    assert!(!may_subscribe(None, b"foo", Some(RESERVED_QUEUE)));
    assert!(may_subscribe(None, b"foo", Some(b"sys")));
    assert!(may_subscribe(None, b"foo", None));
    let all = compiled(&subscribe(Some(&[">", "> >"]), &[]));
    assert!(!may_subscribe(Some(&all), b"foo", Some(RESERVED_QUEUE)));
}

#[test]
fn a_wide_subscription_is_checked_at_delivery_when_something_inside_is_denied() {
    let p = compiled(&subscribe(None, &["foo.secret", "bar.* q"]));
    for (subject, queue, needed) in [
        ("foo.*", None, true),
        (">", None, true),
        ("foo.bar", None, false),
        ("quux.>", None, false),
        ("bar.>", None, false),
        ("bar.>", Some("q"), true),
        ("bar.>", Some("other"), false),
    ] {
        let queue = queue.map(str::as_bytes);
        assert_eq!(
            p.needs_delivery_check(subject.as_bytes(), queue),
            needed,
            "{subject}"
        );
    }
    assert!(p.denies_delivery(b"foo.secret", None));
    assert!(p.denies_delivery(b"foo.secret", Some(b"any")));
    assert!(!p.denies_delivery(b"foo.open", None));
    assert!(p.denies_delivery(b"bar.x", Some(b"q")));
    assert!(!p.denies_delivery(b"bar.x", None));
}

#[test]
fn the_document_is_that_of_the_reference() {
    let mut permissions = publish(Some(&["a", "b.*"]), &["c"]);
    permissions.subscribe = Some(subjects(Some(&["foo v1"]), &[]));
    permissions.allow_responses = Some(options::ResponsePermission::default());
    let json = serde_json::to_value(compiled(&permissions).to_document()).expect("a document");
    assert_eq!(
        json,
        serde_json::json!({
            "publish": {"allow": ["a", "b.*"], "deny": ["c"]},
            "subscribe": {"allow": ["foo v1"]},
            "responses": {"max": 1, "ttl": 120_000_000_000_i64},
        })
    );
    let unlimited = options::Permissions {
        allow_responses: Some(options::ResponsePermission {
            max_msgs: None,
            expires: None,
        }),
        ..options::Permissions::default()
    };
    let json = serde_json::to_value(compiled(&unlimited).to_document()).expect("a document");
    assert_eq!(
        json,
        serde_json::json!({"publish": {}, "subscribe": {}, "responses": {"max": -1, "ttl": -1}})
    );
}

/// One entry of a list, as the oracle reads it.
#[derive(Debug, Clone)]
struct Line {
    subject: String,
    queue: Option<String>,
}

impl Line {
    fn text(&self) -> String {
        match &self.queue {
            Some(queue) => format!("{} {queue}", self.subject),
            None => self.subject.clone(),
        }
    }

    fn covers(&self, concrete: &str) -> bool {
        subject::matches(concrete.as_bytes(), self.subject.as_bytes())
    }

    fn covers_queue(&self, queue: &str) -> bool {
        self.queue
            .as_deref()
            .is_some_and(|q| q == queue || subject::matches(queue.as_bytes(), q.as_bytes()))
    }
}

/// The oracle: may a message on this CONCRETE subject reach a subscription with this queue? Knows nothing of the subscription's
/// own subject, of tries, or of when what is checked.
fn oracle(allow: Option<&[Line]>, deny: &[Line], concrete: &str, queue: Option<&str>) -> bool {
    let speaking = |line: &&Line| line.covers(concrete);
    let allowed = allow.is_none_or(|allow| {
        let lines: Vec<_> = allow.iter().filter(speaking).collect();
        let of_queues: Vec<_> = lines.iter().filter(|l| l.queue.is_some()).collect();
        match queue {
            Some(queue) if !of_queues.is_empty() => of_queues.iter().any(|l| l.covers_queue(queue)),
            _ => lines.iter().any(|l| l.queue.is_none()),
        }
    });
    let denied = deny
        .iter()
        .filter(speaking)
        .any(|line| line.queue.is_none() || queue.is_some_and(|queue| line.covers_queue(queue)));
    allowed && !denied
}

fn pattern() -> impl Strategy<Value = String> {
    let tokens = proptest::collection::vec("[ab*]", 1..4);
    (tokens, any::<bool>()).prop_map(|(mut tokens, tail)| {
        if tail {
            let last = tokens.len() - 1;
            tokens[last] = ">".into();
        }
        tokens.join(".")
    })
}

fn line() -> impl Strategy<Value = Line> {
    let queue = proptest::option::weighted(
        0.4,
        prop_oneof![Just("q"), Just("r"), Just("q.*"), Just("*"), Just(">")],
    );
    (pattern(), queue).prop_map(|(subject, queue)| Line {
        subject,
        queue: queue.map(str::to_owned),
    })
}

fn literals() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut level: Vec<String> = vec!["a".into(), "b".into()];
    for _ in 0..4 {
        all.extend(level.iter().cloned());
        let longer = level
            .iter()
            .flat_map(|s| [format!("{s}.a"), format!("{s}.b")]);
        level = longer.collect();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// S10: whatever is allowed, denied and subscribed to, nothing arrives that a look at the single message forbids; and a
    /// message kept back was forbidden by its own subject.
    #[test]
    fn s10_no_denied_delivery_reaches_any_subscription(
        allow in proptest::option::of(proptest::collection::vec(line(), 1..5)),
        deny in proptest::collection::vec(line(), 0..5),
        subscription in pattern(),
        queue in proptest::option::of(prop_oneof![Just("q"), Just("r"), Just("q.x"), Just("s")]),
    ) {
        let texts = |lines: &[Line]| lines.iter().map(Line::text).collect::<Vec<_>>();
        let allow_texts = allow.as_deref().map(texts);
        let deny_texts = texts(&deny);
        let allow_refs = allow_texts.as_ref().map(|a| a.iter().map(String::as_str).collect::<Vec<_>>());
        let deny_refs: Vec<&str> = deny_texts.iter().map(String::as_str).collect();
        let p = compiled(&subscribe(allow_refs.as_deref(), &deny_refs));
        let q = queue.map(str::as_bytes);

        let permitted = p.may_subscribe(subscription.as_bytes(), q);
        let checked = p.needs_delivery_check(subscription.as_bytes(), q);
        let mut any_permitted = false;
        for concrete in literals() {
            if !subject::matches(concrete.as_bytes(), subscription.as_bytes()) {
                continue;
            }
            let legal = oracle(allow.as_deref(), &deny, &concrete, queue);
            any_permitted |= legal;
            let denied = p.denies_delivery(concrete.as_bytes(), q);
            let arrives = permitted && !(checked && denied);
            if arrives {
                prop_assert!(legal, "{concrete} is forbidden and arrives at {subscription} {queue:?}");
            }
            if permitted && denied {
                prop_assert!(checked, "{concrete} is forbidden inside {subscription}, and nobody would check");
                prop_assert!(!legal);
            }
        }
        // A literal subscription is permitted exactly when its only message is.
        if !subject::has_wildcard(subscription.as_bytes()) {
            prop_assert_eq!(permitted, any_permitted);
        }
    }

    /// Publishing: the same oracle, without queues.
    #[test]
    fn publishing_is_what_the_oracle_says(
        allow in proptest::option::of(proptest::collection::vec(pattern(), 0..5)),
        deny in proptest::collection::vec(pattern(), 0..5),
    ) {
        let allow_refs = allow.as_ref().map(|a| a.iter().map(String::as_str).collect::<Vec<_>>());
        let deny_refs: Vec<&str> = deny.iter().map(String::as_str).collect();
        let p = compiled(&publish(allow_refs.as_deref(), &deny_refs));
        let covered = |patterns: &[String], s: &str| {
            patterns.iter().any(|p| subject::matches(s.as_bytes(), p.as_bytes()))
        };
        for concrete in literals() {
            let legal = allow.as_ref().is_none_or(|a| covered(a, &concrete)) && !covered(&deny, &concrete);
            prop_assert_eq!(p.may_publish(concrete.as_bytes()), legal, "{}", concrete);
        }
    }
}
