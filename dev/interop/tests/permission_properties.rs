//! S10: random permissions, subscriptions and publishes against a naive oracle that looks at each concrete subject.

use nats_interop::dice::{Dice, matches, universe};
use nats_interop::{Server, Wire};

const LETTERS: [&str; 2] = ["a", "b"];

fn open(server: &Server, name: &str) -> Wire {
    Wire::open_with(server, &format!(r#""user":"{name}","pass":"{name}""#))
}

/// A user with random permissions, and what it subscribes.
#[derive(Debug)]
struct Case {
    allow: Vec<String>,
    deny: Vec<String>,
    subscriptions: Vec<(String, bool)>,
}

impl Case {
    fn new(dice: &mut Dice) -> Self {
        let pattern = |dice: &mut Dice| dice.pattern(&LETTERS);
        let (allow, deny) = (dice.several(2, pattern), dice.several(3, pattern));
        let subscriptions = (0..=dice.roll(4)).map(|_| (dice.pattern(&LETTERS), dice.once_in(2)));
        Self {
            subscriptions: subscriptions.collect(),
            // The reference lets a `>` pass where a `*` is allowed; its allow lists are left out.
            allow: if nats_interop::binary::is_reference() {
                Vec::new()
            } else {
                allow
            },
            deny,
        }
    }

    fn permits(&self, subject: &str) -> bool {
        let any = |list: &[String]| list.iter().any(|p| matches(p, subject));
        (self.allow.is_empty() || any(&self.allow)) && !any(&self.deny)
    }

    fn permissions(&self, side: &str) -> String {
        let list = |subjects: &[String]| {
            subjects
                .iter()
                .map(|s| format!("\"{s}\""))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let mut parts = Vec::new();
        if !self.allow.is_empty() {
            parts.push(format!("allow: [ {} ]", list(&self.allow)));
        }
        if !self.deny.is_empty() {
            parts.push(format!("deny: [ {} ]", list(&self.deny)));
        }
        if parts.is_empty() {
            return String::new();
        }
        format!(", permissions: {{ {side}: {{ {} }} }}", parts.join(", "))
    }
}

fn random_cases(count: usize) -> Vec<Case> {
    let mut dice = Dice::new(10);
    (0..count).map(|_| Case::new(&mut dice)).collect()
}

fn server_of(cases: &[Case], side: &str) -> Server {
    let users: String = cases
        .iter()
        .enumerate()
        .map(|(n, case)| {
            format!(
                "{{ user: u{n}, password: u{n}{} }}\n",
                case.permissions(side)
            )
        })
        .collect();
    Server::start(&format!(
        "authorization {{ users: [ {{ user: admin, password: admin }}\n{users} ] }}"
    ))
}

/// S10: whatever is subscribed, in a queue group or not, over wildcards or not: nothing arrives that the oracle denies, and a group
/// loses nothing to a member that may not have it.
#[test]
fn s10_no_delivery_that_the_permissions_deny() {
    let cases = random_cases(80);
    let server = server_of(&cases, "subscribe");
    for (n, case) in cases.iter().enumerate() {
        let (mut admin, mut fallback, mut wire) = (
            open(&server, "admin"),
            open(&server, "admin"),
            open(&server, &format!("u{n}")),
        );
        // A group for each case: members of the one before may still be about to leave, and would take messages along.
        let group_name = format!("q{n}");
        fallback.subscribe_queue(">", &group_name, "f");
        let mut accepted = Vec::new();
        for (sid, (subject, queue)) in case.subscriptions.iter().enumerate() {
            let group = if *queue { &*group_name } else { "" };
            wire.send(format!("SUB {subject} {group} {sid}\r\nPING\r\n"));
            let line = wire.read_line();
            if line == "PONG" {
                accepted.push((sid.to_string(), subject, *queue));
            } else {
                wire.expect("PONG\r\n");
            }
        }
        let subjects = universe(&LETTERS);
        for subject in &subjects {
            admin.publish(subject, "x");
        }
        admin.flush();
        let got = deliveries(&mut wire);
        let fell_back = deliveries(&mut fallback);
        for subject in &subjects {
            for (sid, pattern, queue) in &accepted {
                let arrived = got.iter().filter(|(s, i)| s == subject && i == sid).count();
                let due = case.permits(subject) && matches(pattern, subject);
                assert!(
                    arrived <= usize::from(due),
                    "{subject} arrived although denied: {case:?}"
                );
                assert!(
                    *queue || arrived == usize::from(due),
                    "{subject} did not arrive on {pattern}: {case:?}"
                );
            }
            let of_group = fell_back.iter().filter(|(s, _)| s == subject).count()
                + got
                    .iter()
                    .filter(|(s, i)| {
                        s == subject && accepted.iter().any(|(sid, _, queue)| sid == i && *queue)
                    })
                    .count();
            assert_eq!(of_group, 1, "the group's message on {subject}: {case:?}");
        }
    }
}

/// S10, the other direction: what is published is delivered exactly when the oracle allows it.
#[test]
fn s10_no_publish_that_the_permissions_deny() {
    let cases = random_cases(60);
    let server = server_of(&cases, "publish");
    let mut admin = open(&server, "admin");
    admin.subscribe(">", "1");
    for (n, case) in cases.iter().enumerate() {
        let mut wire = open(&server, &format!("u{n}"));
        for subject in universe(&LETTERS) {
            wire.publish(&subject, "x");
            wire.line("PING");
            let line = wire.read_line();
            if line == "PONG" {
                assert!(case.permits(&subject), "{subject} was accepted: {case:?}");
                admin.expect_msg(&subject, "1", "x");
            } else {
                assert_eq!(
                    line,
                    format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'")
                );
                assert!(!case.permits(&subject), "{subject} was refused: {case:?}");
                wire.expect("PONG\r\n");
            }
        }
    }
    admin.expect_nothing();
}

/// Subject and sid of every message until the PONG.
#[track_caller]
fn deliveries(wire: &mut Wire) -> Vec<(String, String)> {
    wire.line("PING");
    std::iter::from_fn(|| {
        let line = wire.read_line();
        let mut fields = line.split(' ');
        if fields.next() == Some("PONG") {
            return None;
        }
        let subject = fields.next().expect("a subject").to_owned();
        let sid = fields.next().expect("a sid").to_owned();
        wire.read_exact(3);
        Some((subject, sid))
    })
    .collect()
}
