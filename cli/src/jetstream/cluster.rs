//! Where assets live: the cell that names their servers, how leaders are spread, what is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use nats_api::jetstream::{ClusterInfo, PeerInfo};

use crate::output::color::Scheme;
use crate::output::format::{self, compacted};
use crate::output::{Columns, Table};

/// `n1*, n2, n3!`: the leader has a star, who is away or behind an exclamation mark.
pub fn servers_cell(cluster: Option<&ClusterInfo>) -> String {
    let Some(cluster) = cluster else {
        return String::new();
    };
    let mut names = Vec::new();
    let mut marks = Vec::new();
    if !cluster.leader.is_empty() {
        names.push(cluster.leader.as_str());
        marks.push("*");
    }
    for peer in &cluster.replicas {
        names.push(peer.name.as_str());
        marks.push(if peer.offline || !peer.current {
            "!"
        } else {
            ""
        });
    }
    let mut cells: Vec<String> = compacted(&names)
        .into_iter()
        .zip(marks)
        .map(|(name, mark)| format!("{name}{mark}"))
        .collect();
    cells.sort();
    cells.join(", ")
}

/// How many assets each server leads.
#[derive(Debug, Default)]
pub struct Leaders {
    /// By cluster and server.
    groups: BTreeMap<(String, String), u64>,
}

impl Leaders {
    pub fn add(&mut self, cluster: Option<&ClusterInfo>) {
        if let Some(cluster) = cluster
            && !cluster.leader.is_empty()
        {
            let key = (cluster.name.clone(), cluster.leader.clone());
            *self.groups.entry(key).or_default() += 1;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// `what` are the assets: Streams, Consumers.
    pub fn table(&self, what: &str, scheme: Scheme) -> Table {
        let mut table = Table::new("RAFT Leader Report", scheme).header([
            "Server",
            "Cluster",
            what,
            "Distribution",
        ]);
        let mut totals = BTreeMap::<&str, u64>::new();
        for ((cluster, _), groups) in &self.groups {
            *totals.entry(cluster).or_default() += groups;
        }
        let mut sorted: Vec<_> = self.groups.iter().collect();
        sorted.sort_by_key(|((cluster, _), groups)| (cluster.as_str(), **groups));
        let mut above: Option<&str> = None;
        for ((cluster, server), groups) in sorted {
            if above.is_some_and(|above| above != cluster) {
                table.separator();
            }
            above = Some(cluster);
            let total = totals.get(cluster.as_str()).copied().unwrap_or(1).max(1);
            let tenths = (*groups as f64 / total as f64 * 10.0).round().max(1.0) as usize;
            table.row([
                server.clone(),
                cluster.clone(),
                format::count(*groups),
                "*".repeat(tenths),
            ]);
        }
        table
    }
}

/// Tables of what could not be asked about; empty when there is nothing. `what` is Streams or Consumers.
pub fn missing(
    what: &str,
    missing: &[String],
    offline: &BTreeMap<String, String>,
    scheme: Scheme,
) -> String {
    let mut text = String::new();
    if !missing.is_empty() {
        let mut table = Table::new(format!("Inaccessible {what}"), scheme);
        for names in missing.chunks(4) {
            table.row(names.iter().cloned());
        }
        text.push_str(&format!("\n{}", table.render()));
    }
    if !offline.is_empty() {
        let mut table = Table::new(format!("Offline {what}"), scheme);
        for (name, reason) in offline {
            table.row([name, reason]);
        }
        text.push_str(&format!("\n{}", table.render()));
    }
    text
}

/// The section about an asset's servers; nothing on a server without a cluster.
pub fn show(
    columns: &mut Columns,
    cluster: Option<&ClusterInfo>,
    group_label: &str,
    now: nats_api::time::Timestamp,
) {
    let Some(cluster) = cluster.filter(|cluster| !cluster.name.is_empty()) else {
        return;
    };
    columns.section("Cluster Information");
    columns.row("Name", &*cluster.name);
    columns.row_unless_empty(group_label, &cluster.raft_group);
    let leader = match cluster.leader_since {
        Some(since) => format!(
            "{} ({})",
            cluster.leader,
            format::duration(now.since(since))
        ),
        None => cluster.leader.clone(),
    };
    columns.row("Leader", leader);
    for peer in &cluster.replicas {
        columns.row("Replica", replica(peer));
    }
}

fn replica(peer: &PeerInfo) -> String {
    let mut parts = vec![peer.name.clone()];
    parts.push(if peer.current { "current" } else { "outdated" }.to_owned());
    if peer.offline {
        parts.push("OFFLINE".to_owned());
    }
    parts.push(match peer.active.0 {
        nanos if nanos > 0 && nanos < i64::MAX => {
            format!("seen {} ago", format::duration(Duration::from(peer.active)))
        }
        _ => "not seen".to_owned(),
    });
    match peer.lag {
        0 => {}
        1 => parts.push("1 operation behind".to_owned()),
        lag => parts.push(format!("{} operations behind", format::count(lag))),
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_carry_marks_and_no_common_domain() {
        let peer = |name: &str, current| PeerInfo {
            name: name.into(),
            current,
            ..PeerInfo::default()
        };
        let cluster = ClusterInfo {
            leader: "n2.example.net".into(),
            replicas: vec![peer("n3.example.net", false), peer("n1.example.net", true)],
            ..ClusterInfo::default()
        };
        assert_eq!(servers_cell(Some(&cluster)), "n1, n2*, n3!");
        assert_eq!(servers_cell(None), "");
    }

    #[test]
    fn leaders_are_grouped_by_cluster() {
        let mut leaders = Leaders::default();
        for (cluster, leader) in [
            ("east", "n1"),
            ("east", "n1"),
            ("east", "n2"),
            ("west", "w1"),
        ] {
            leaders.add(Some(&ClusterInfo {
                name: cluster.into(),
                leader: leader.into(),
                ..ClusterInfo::default()
            }));
        }
        insta::assert_snapshot!(leaders.table("Streams", Scheme::Rounded).render());
    }
}
