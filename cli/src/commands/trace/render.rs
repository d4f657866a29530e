//! The tree of a traced message: a block of lines for each server, indented below the link that led to it.

use std::collections::BTreeMap;

use nats_api::system::{TraceEvent, TraceStep};
use nats_api::time::{Timestamp, friendly};

use super::collect::hop_of;

/// What the arrows mean.
pub const LEGEND: &str =
    "Legend: Client: --C Router: --> Gateway: ==> Leafnode: ~~> JetStream: --J Error: --X";

/// The lines and what was counted while they were drawn.
#[derive(Debug, Default)]
pub struct Tree {
    pub lines: Vec<String>,
    /// How often the message left, by the kind of connection.
    pub egress: BTreeMap<&'static str, u64>,
    /// How many streams the message reached.
    pub streams: u64,
}

/// Draws the traces, the first of which is the root. With `deltas` each line says how long after the step before it came:
/// the arrival at the server, and for the arrival itself the departure from the server before.
pub fn tree(events: &[TraceEvent], deltas: bool) -> Tree {
    let mut drawing = Drawing {
        tree: Tree::default(),
        deltas,
        below: BTreeMap::new(),
    };
    let Some((root, others)) = events.split_first() else {
        return drawing.tree;
    };
    for event in others {
        if let Some(hop) = hop_of(event) {
            drawing.below.insert(hop, event);
        }
    }
    drawing.server(root, ingress_time(root).unwrap_or(root.server.time), 0);
    drawing.tree
}

struct Drawing<'a> {
    tree: Tree,
    deltas: bool,
    /// Traces that are not drawn yet, by the hop that led to them. Each is taken out when drawn, so that no document can make
    /// a circle.
    below: BTreeMap<&'a str, &'a TraceEvent>,
}

impl<'a> Drawing<'a> {
    fn server(&mut self, event: &'a TraceEvent, since: Timestamp, depth: usize) {
        for step in &event.events {
            if matches!(step, TraceStep::Ingress { .. }) {
                self.ingress(event, step, since, depth);
            }
        }
        for step in &event.events {
            self.inside(step, since, depth);
        }
        let mut quiet = true;
        for step in &event.events {
            match step {
                TraceStep::Egress { .. } => {
                    quiet = false;
                    self.egress(step, since, depth);
                }
                TraceStep::JetStream { .. } => quiet = false,
                _ => {}
            }
        }
        if quiet && came_from_client(event) {
            self.line(depth, None, &nobody(event));
        }
    }

    fn ingress(&mut self, event: &TraceEvent, step: &TraceStep, since: Timestamp, depth: usize) {
        let TraceStep::Ingress {
            ts,
            kind,
            cid,
            name,
            error,
            ..
        } = step
        else {
            return;
        };
        let server = &event.server;
        let mut text = connection(*kind, *cid, name);
        if !server.cluster.is_empty() && matches!(*kind, CLIENT | GATEWAY) {
            text.push_str(&format!(" cluster:{:?}", server.cluster));
        }
        text.push_str(&format!(
            " server:{:?} version:{:?}",
            server.name, server.ver
        ));
        self.line(depth, Some((since, *ts)), &text);
        if !error.is_empty() {
            self.line(depth, Some((since, *ts)), &format!("--X Error: {error}"));
        }
    }

    /// What happened between arrival and departure.
    fn inside(&mut self, step: &TraceStep, since: Timestamp, depth: usize) {
        let (ts, text) = match step {
            TraceStep::Ingress { .. } | TraceStep::Egress { .. } => return,
            TraceStep::SubjectMapping { ts, to } => (ts, format!("    Mapping subject:{to:?}")),
            TraceStep::ServiceImport { ts, acc, from, to } => (
                ts,
                format!("    Service Import from:{from:?} to:{to:?} account:{acc:?}"),
            ),
            TraceStep::StreamExport { ts, acc, to } => (
                ts,
                format!("    Stream Export subject:{to:?} account:{acc:?}"),
            ),
            TraceStep::JetStream {
                ts,
                stream,
                subject,
                nointerest,
                error,
            } => {
                let action = if *nointerest { "no interest" } else { "stored" };
                self.tree.streams += 1;
                self.count(JETSTREAM);
                let arrow = arrow(JETSTREAM);
                let text = format!(
                    "{arrow} JetStream action:{action:?} stream:{stream:?} subject:{subject:?}"
                );
                self.line(depth, Some((since, *ts)), &text);
                if error.is_empty() {
                    return;
                }
                (ts, format!("--X Error: {error}"))
            }
        };
        self.line(depth, Some((since, *ts)), &text);
    }

    fn egress(&mut self, step: &TraceStep, since: Timestamp, depth: usize) {
        let TraceStep::Egress {
            ts,
            kind,
            cid,
            name,
            hop,
            acc,
            sub,
            queue,
            error,
        } = step
        else {
            return;
        };
        let mut text = format!("{} {}", arrow(*kind), connection(*kind, *cid, name));
        for (label, value) in [("account", acc), ("subject", sub), ("queue", queue)] {
            if !value.is_empty() {
                text.push_str(&format!(" {label}:{value:?}"));
            }
        }
        self.line(depth, Some((since, *ts)), &text);
        self.count(*kind);
        if !error.is_empty() {
            self.line(depth, Some((since, *ts)), &format!("  --X Error: {error}"));
        }
        if hop.is_empty() {
            return;
        }
        match self.below.remove(hop.as_str()) {
            Some(event) => self.server(event, *ts, depth + 1),
            None => self.line(depth + 1, None, "!!! this server told nothing in time"),
        }
    }

    fn count(&mut self, kind: i32) {
        *self.tree.egress.entry(kind_name(kind)).or_default() += 1;
    }

    fn line(&mut self, depth: usize, times: Option<(Timestamp, Timestamp)>, text: &str) {
        let indent = " ".repeat(depth * 4);
        let delta = match times {
            Some(times) if self.deltas => format!("[{}] ", delta(times)),
            _ => String::new(),
        };
        self.tree.lines.push(format!("{indent}{delta}{text}"));
    }
}

const CLIENT: i32 = nats_api::system::trace::TraceKind::Client as i32;
const ROUTER: i32 = nats_api::system::trace::TraceKind::Router as i32;
const GATEWAY: i32 = nats_api::system::trace::TraceKind::Gateway as i32;
const SYSTEM: i32 = nats_api::system::trace::TraceKind::System as i32;
const LEAF: i32 = nats_api::system::trace::TraceKind::Leaf as i32;
const JETSTREAM: i32 = nats_api::system::trace::TraceKind::JetStream as i32;
const ACCOUNT: i32 = nats_api::system::trace::TraceKind::Account as i32;

fn kind_name(kind: i32) -> &'static str {
    match kind {
        CLIENT => "Client",
        ROUTER => "Router",
        GATEWAY => "Gateway",
        SYSTEM => "System",
        LEAF => "Leafnode",
        JETSTREAM => "JetStream",
        ACCOUNT => "Account",
        _ => "Unknown Kind",
    }
}

fn arrow(kind: i32) -> &'static str {
    match kind {
        CLIENT => "--C",
        ROUTER => "-->",
        GATEWAY => "==>",
        LEAF => "~~>",
        JETSTREAM => "--J",
        // Connections inside of a server.
        _ => "---",
    }
}

/// `Client "name" cid:7`.
fn connection(kind: i32, id: u64, name: &str) -> String {
    let label = match kind {
        CLIENT => "cid",
        ROUTER => "rid",
        GATEWAY => "gid",
        LEAF => "lid",
        _ => "id",
    };
    let kind = kind_name(kind);
    if name.is_empty() {
        format!("{kind} {label}:{id}")
    } else {
        format!("{kind} {name:?} {label}:{id}")
    }
}

/// Clocks of two servers may differ: what would be a negative time is said to be skewed.
fn delta((since, at): (Timestamp, Timestamp)) -> String {
    if at < since {
        return "Skew".to_owned();
    }
    let micros = at.since(since).as_nanos().saturating_add(500) / 1_000;
    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
    friendly(std::time::Duration::from_micros(micros))
}

fn ingress_time(event: &TraceEvent) -> Option<Timestamp> {
    event.events.iter().find_map(|step| match step {
        TraceStep::Ingress { ts, .. } => Some(*ts),
        _ => None,
    })
}

/// Beyond an export that does not say `allow_trace` nothing is told: then nobody knows whether somebody listens.
fn nobody(event: &TraceEvent) -> String {
    let crossed = event.events.iter().rev().find_map(|step| match step {
        TraceStep::ServiceImport { acc, .. } | TraceStep::StreamExport { acc, .. } => Some(acc),
        _ => None,
    });
    match crossed {
        Some(account) => {
            format!("--X No active interest, or account {account:?} does not allow tracing")
        }
        None => "--X No active interest".to_owned(),
    }
}

/// True when a client's message was accepted here: then somebody should have received it.
fn came_from_client(event: &TraceEvent) -> bool {
    event.events.iter().any(|step| {
        matches!(step, TraceStep::Ingress { kind, error, .. } if *kind == CLIENT && error.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(events: Value) -> Vec<TraceEvent> {
        serde_json::from_value(events).unwrap()
    }

    fn time(micros: u32) -> String {
        format!("2026-01-01T00:00:00.{micros:06}Z")
    }

    fn ingress(kind: i32, cid: u64, name: &str, micros: u32) -> Value {
        json!({"type": "in", "ts": time(micros), "kind": kind, "cid": cid, "name": name, "acc": "A", "subj": "a"})
    }

    /// A client of n1, a queue group there, a stream there, a client behind the route to n2, and a gateway that is silent.
    fn network() -> Vec<TraceEvent> {
        read(json!([
            {"server": {"name": "n1", "cluster": "c1", "ver": "2.15.0"}, "hops": 2, "events": [
                ingress(CLIENT, 7, "pub", 0),
                {"type": "sm", "ts": time(5), "to": "b"},
                {"type": "si", "ts": time(6), "acc": "S", "from": "b", "to": "c"},
                {"type": "se", "ts": time(7), "acc": "T", "to": "d"},
                {"type": "js", "ts": time(8), "stream": "ORDERS", "subject": "b"},
                {"type": "eg", "ts": time(9), "kind": CLIENT, "cid": 8, "name": "sub", "sub": "b", "queue": "q"},
                {"type": "eg", "ts": time(10), "kind": ROUTER, "cid": 9, "name": "n2", "hop": "1"},
                {"type": "eg", "ts": time(11), "kind": GATEWAY, "cid": 10, "name": "c2", "hop": "2", "acc": "T"},
            ]},
            {"server": {"name": "n2", "cluster": "c1", "ver": "2.15.0"},
             "request": {"header": {"Nats-Trace-Hop": ["1"]}}, "events": [
                ingress(ROUTER, 3, "n1", 110),
                {"type": "eg", "ts": time(120), "kind": CLIENT, "cid": 4, "sub": "b", "error": "max pending"},
            ]},
        ]))
    }

    #[test]
    fn servers_stand_below_the_links_that_led_to_them() {
        let tree = tree(&network(), false);
        assert_eq!(
            tree.lines,
            [
                r#"Client "pub" cid:7 cluster:"c1" server:"n1" version:"2.15.0""#,
                r#"    Mapping subject:"b""#,
                r#"    Service Import from:"b" to:"c" account:"S""#,
                r#"    Stream Export subject:"d" account:"T""#,
                r#"--J JetStream action:"stored" stream:"ORDERS" subject:"b""#,
                r#"--C Client "sub" cid:8 subject:"b" queue:"q""#,
                r#"--> Router "n2" rid:9"#,
                r#"    Router "n1" rid:3 server:"n2" version:"2.15.0""#,
                r#"    --C Client cid:4 subject:"b""#,
                r#"      --X Error: max pending"#,
                r#"==> Gateway "c2" gid:10 account:"T""#,
                r#"    !!! this server told nothing in time"#,
            ]
        );
        let counts = [
            ("Client", 2),
            ("Gateway", 1),
            ("JetStream", 1),
            ("Router", 1),
        ];
        assert_eq!(tree.egress, BTreeMap::from(counts));
        assert_eq!(tree.streams, 1);
    }

    #[test]
    fn deltas_count_from_the_arrival_and_from_the_link() {
        let mut events = network();
        if let Some(TraceStep::Egress { ts, .. }) = events[1].events.get_mut(1) {
            *ts = time(1).parse().unwrap();
        }
        let lines = tree(&events, true).lines;
        assert!(lines[0].starts_with("[0s] Client"), "{lines:#?}");
        assert!(lines[1].starts_with("[5µs]     Mapping"), "{lines:#?}");
        assert!(lines[7].starts_with("    [100µs] Router"), "{lines:#?}");
        assert!(lines[8].starts_with("    [Skew] --C"), "{lines:#?}");
    }

    #[test]
    fn nobody_listening_is_an_error_unless_there_is_another_one() {
        let server = json!({"name": "n1", "ver": "2.15.0"});
        let alone = read(json!([{"server": server, "events": [ingress(CLIENT, 7, "", 0)]}]));
        assert_eq!(
            tree(&alone, false).lines,
            [
                r#"Client cid:7 server:"n1" version:"2.15.0""#,
                "--X No active interest"
            ]
        );
        let import = json!({"type": "si", "ts": time(1), "acc": "A", "from": "a", "to": "b"});
        let crossed = read(json!([{"events": [ingress(CLIENT, 7, "", 0), import]}]));
        assert_eq!(
            tree(&crossed, false).lines[2],
            "--X No active interest, or account \"A\" does not allow tracing"
        );
        let mut refused = ingress(CLIENT, 7, "", 0);
        refused["error"] = json!("not allowed");
        let refused = read(json!([{"server": server, "events": [refused]}]));
        assert_eq!(tree(&refused, false).lines[1..], ["--X Error: not allowed"]);
        assert!(tree(&[], false).lines.is_empty());
    }

    #[test]
    fn traces_that_point_at_themselves_end() {
        let events = read(json!([
            {"events": [{"type": "eg", "ts": time(0), "kind": ROUTER, "cid": 1, "hop": "1"}]},
            {"request": {"header": {"Nats-Trace-Hop": ["1"]}},
             "events": [{"type": "eg", "ts": time(0), "kind": ROUTER, "cid": 1, "hop": "1"}]},
        ]));
        assert_eq!(tree(&events, false).lines.len(), 3);
    }
}
