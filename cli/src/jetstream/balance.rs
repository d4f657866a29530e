//! Which leaders have to move, so that the servers of each cluster lead equally many assets.

use std::collections::{BTreeMap, BTreeSet};

use nats_api::jetstream::{ClusterInfo, Placement};

use crate::error::{CliError, Result};

/// Something that a group of servers keeps.
#[derive(Debug, Clone)]
pub struct Asset {
    pub name: String,
    pub cluster: ClusterInfo,
}

impl Asset {
    /// An error when it belongs to no cluster, as everything on a server by itself.
    pub fn of(kind: &str, name: String, cluster: Option<ClusterInfo>) -> Result<Self> {
        match cluster {
            Some(cluster) if !cluster.name.is_empty() => Ok(Self { name, cluster }),
            _ => Err(CliError::new(format!(
                "failed to balance {kind}s: {kind} {name:?} has no cluster information"
            ))
            .next_step("this server has no cluster; there is nothing to balance")),
        }
    }
}

/// A leader that gives way to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub name: String,
    pub cluster: String,
    pub from: String,
    pub to: String,
}

/// How many assets each server leads, by cluster and server.
type Leads = BTreeMap<(String, String), u64>;

/// What to do. Assets without a leader or without copies stay as they are; nothing is given to a server that is away or
/// behind.
pub fn plan(assets: &[Asset]) -> Vec<Move> {
    let mut leads = Leads::new();
    for asset in assets {
        let cluster = &asset.cluster;
        let peers = cluster.replicas.iter().map(|peer| &peer.name);
        for server in peers {
            leads
                .entry((cluster.name.clone(), server.clone()))
                .or_default();
        }
        if !cluster.leader.is_empty() {
            let leader = (cluster.name.clone(), cluster.leader.clone());
            *leads.entry(leader).or_default() += 1;
        }
    }
    let mut left: Vec<&Asset> = assets.iter().collect();
    let mut moves = Vec::new();
    // Every asset moves once at most.
    while let Some((index, to)) = next(&left, &leads) {
        let asset = left.swap_remove(index);
        let cluster = &asset.cluster;
        let mut change = |server: &str, by: i64| {
            let lead = leads
                .entry((cluster.name.clone(), server.to_owned()))
                .or_default();
            *lead = lead.saturating_add_signed(by);
        };
        change(&cluster.leader, -1);
        change(&to, 1);
        moves.push(Move {
            name: asset.name.clone(),
            cluster: cluster.name.clone(),
            from: cluster.leader.clone(),
            to,
        });
    }
    moves
}

/// How many assets a server leads at most when all is even, by cluster.
fn even_shares(assets: &[Asset]) -> BTreeMap<&str, usize> {
    let mut clusters = BTreeMap::<&str, (usize, BTreeSet<&str>)>::new();
    for asset in assets {
        let cluster = &asset.cluster;
        let (count, servers) = clusters.entry(&cluster.name).or_default();
        *count += 1;
        servers.insert(&cluster.leader);
        servers.extend(cluster.replicas.iter().map(|peer| peer.name.as_str()));
    }
    let share = |(name, (count, servers)): (_, (usize, BTreeSet<&str>))| {
        (name, count.div_ceil(servers.len().max(1)))
    };
    clusters.into_iter().map(share).collect()
}

/// Makes a plan and asks the leaders to step down; returns how many did. `kind` is what the assets are: stream, consumer.
pub async fn carry_out(
    kind: &str,
    assets: &[Asset],
    step_down: impl AsyncFn(&str, Placement) -> Result,
) -> Result<usize> {
    for (cluster, even) in even_shares(assets) {
        log_line!("Found cluster {cluster} with a balanced distribution of {even}");
    }
    let moves = plan(assets);
    for step in &moves {
        log_line!(
            "Requesting leader {:?} step down for {kind} {:?}. New preferred leader is {}.",
            step.from,
            step.name,
            step.to
        );
        let placement = Placement {
            preferred: step.to.clone(),
            cluster: step.cluster.clone(),
            ..Placement::default()
        };
        step_down(&step.name, placement).await?;
    }
    Ok(moves.len())
}

/// The asset whose move evens out most, and where it goes.
fn next(assets: &[&Asset], leads: &Leads) -> Option<(usize, String)> {
    let lead = |cluster: &str, server: &str| {
        let key = (cluster.to_owned(), server.to_owned());
        leads.get(&key).copied().unwrap_or_default()
    };
    let mut best: Option<(u64, usize, &str)> = None;
    for (index, asset) in assets.iter().enumerate() {
        let cluster = &asset.cluster;
        if cluster.leader.is_empty() {
            continue;
        }
        let have = lead(&cluster.name, &cluster.leader);
        for peer in cluster
            .replicas
            .iter()
            .filter(|peer| peer.current && !peer.offline)
        {
            let gain = have.saturating_sub(lead(&cluster.name, &peer.name));
            // A difference of one only changes sides.
            if gain > 1 && best.is_none_or(|(most, ..)| gain > most) {
                best = Some((gain, index, &peer.name));
            }
        }
    }
    best.map(|(_, index, to)| (index, to.to_owned()))
}

#[cfg(test)]
mod tests {
    use nats_api::jetstream::PeerInfo;
    use proptest::prelude::*;

    use super::*;

    fn asset(name: usize, leader: &str, replicas: &[&str]) -> Asset {
        let peer = |name: &&str| PeerInfo {
            name: (*name).to_owned(),
            current: true,
            ..PeerInfo::default()
        };
        Asset {
            name: format!("S{name}"),
            cluster: ClusterInfo {
                name: "C".into(),
                leader: leader.into(),
                replicas: replicas.iter().map(peer).collect(),
                ..ClusterInfo::default()
            },
        }
    }

    #[test]
    fn leaders_move_from_who_has_many_to_who_has_few() {
        let all: Vec<_> = (0..6).map(|n| asset(n, "n1", &["n2", "n3"])).collect();
        let moves = plan(&all);
        assert_eq!(moves.len(), 4);
        assert_eq!(moves.iter().filter(|m| m.to == "n2").count(), 2);
        assert_eq!(even_shares(&all), BTreeMap::from([("C", 2)]));
    }

    #[test]
    fn what_is_even_alone_or_without_a_leader_stays() {
        assert!(plan(&[asset(1, "n1", &["n2"]), asset(2, "n2", &["n1"])]).is_empty());
        assert!(plan(&[asset(1, "n1", &[]), asset(2, "n1", &[])]).is_empty());
        assert!(plan(&[asset(1, "", &["n2"]), asset(2, "", &["n2"])]).is_empty());
        let mut away: Vec<_> = (0..4).map(|n| asset(n, "n1", &["n2"])).collect();
        for asset in &mut away {
            asset.cluster.replicas[0].offline = true;
        }
        assert!(plan(&away).is_empty());
    }

    proptest! {
        /// Whoever leads first, with copies everywhere nobody leads more than one more than anybody else.
        #[test]
        fn full_copies_end_up_even(leaders in proptest::collection::vec(0..3usize, 0..40)) {
            const SERVERS: [&str; 3] = ["n1", "n2", "n3"];
            let all: Vec<_> = leaders.iter().enumerate().map(|(name, leader)| {
                let others: Vec<_> = SERVERS.iter().copied().filter(|s| s != &SERVERS[*leader]).collect();
                asset(name, SERVERS[*leader], &others)
            }).collect();
            let mut leads = BTreeMap::from(SERVERS.map(|server| (server.to_owned(), 0i64)));
            for asset in &all {
                *leads.get_mut(&asset.cluster.leader).unwrap() += 1;
            }
            for step in plan(&all) {
                *leads.get_mut(&step.from).unwrap() -= 1;
                *leads.get_mut(&step.to).unwrap() += 1;
            }
            let (least, most) = (leads.values().min().unwrap(), leads.values().max().unwrap());
            if !all.is_empty() {
                prop_assert!(most - least <= 1, "{:?}", leads);
            }
        }
    }
}
