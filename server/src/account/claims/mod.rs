//! From what an account's token says to an account as the options describe one.
//!
//! Pure: claims in, [`Definition`] out. An import is taken over only when the exporting account is known, offers it to this account
//! (activation token, account in the subject) and it forms no cycle; the others are named in [`Definition::missing`], and become
//! whole when the exporter's claims change. Start reading at [`define`].

mod imports;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nats_jwt::claims::{self, AccountClaims, JetStreamLimits};

use crate::auth::{limit, permissions_of_account};
use crate::options::{
    Account, AccountJetStream, AccountLimits, ClusterTraffic, Export, ExportKind, LatencySampling,
    Mapping, MappingDestination, MessageTrace, ResponseType, ServiceLatency,
};

/// An account, made of its claims.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    pub account: Account,
    /// The name in the token.
    pub name_tag: String,
    /// Imports that are not there, and why.
    pub missing: Vec<String>,
    /// When, in seconds since 1970, the first of the imports' activation tokens expires; it has to be defined again then.
    pub until: Option<i64>,
}

/// What is known of other accounts.
pub trait Known {
    fn claims(&self, account: &str) -> Option<Arc<AccountClaims>>;
    fn definition(&self, account: &str) -> Option<Arc<Definition>>;
}

/// The account of these claims at `now`, in seconds since 1970.
pub fn define(claims: &AccountClaims, known: &dyn Known, now: i64) -> Definition {
    let nats = &claims.nats;
    let limits = &nats.limits;
    let mut definition = Definition {
        account: Account {
            name: claims.subject.clone(),
            nkey: Some(claims.subject.clone()),
            default_permissions: permissions_of_account(claims),
            exports: nats.exports.iter().filter_map(export).collect(),
            mappings: nats.mappings.iter().map(mapping).collect(),
            limits: AccountLimits {
                max_connections: limit(limits.conn),
                max_subscriptions: limit(limits.subs),
                max_payload: limit(limits.payload),
                max_leafnodes: limit(limits.leaf),
            },
            msg_trace: nats.trace.as_ref().and_then(trace),
            ..Account::default()
        },
        name_tag: claims.name.clone(),
        missing: Vec::new(),
        until: None,
    };
    if limits.has_jetstream() {
        let traffic = match nats.cluster_traffic {
            claims::ClusterTraffic::Owner => ClusterTraffic::Owner,
            _ => ClusterTraffic::System,
        };
        if limits.tiered_limits.is_empty() {
            definition.account.jetstream = Some(jetstream(&limits.jetstream, traffic));
        }
        definition.account.jetstream_tiers = limits
            .tiered_limits
            .iter()
            .map(|(tier, limits)| (tier.clone(), jetstream(limits, traffic)))
            .collect::<BTreeMap<_, _>>();
    }
    for import in &nats.imports {
        imports::add(&mut definition, import, claims, known, now);
    }
    definition
}

fn export(export: &claims::Export) -> Option<Export> {
    let kind = match export.kind {
        claims::ExportType::Unknown => return None,
        claims::ExportType::Stream => ExportKind::Stream,
        claims::ExportType::Service => ExportKind::Service {
            response: match export.response_type {
                claims::ResponseType::Stream => ResponseType::Stream,
                claims::ResponseType::Chunked => ResponseType::Chunked,
                _ => ResponseType::Single,
            },
            threshold: u64::try_from(export.response_threshold_ns)
                .ok()
                .filter(|nanos| *nanos > 0)
                .map(Duration::from_nanos),
            latency: export.latency.as_ref().map(|latency| ServiceLatency {
                subject: latency.results.clone(),
                sampling: match latency.sampling {
                    claims::Sampling::Headers => LatencySampling::Headers,
                    claims::Sampling::Percent(rate) => {
                        LatencySampling::Percent(u8::try_from(rate.clamp(1, 100)).unwrap_or(100))
                    }
                },
            }),
            allow_trace: export.allow_trace,
        },
    };
    let position = u32::try_from(export.account_token_position).unwrap_or(u32::MAX);
    Some(Export {
        subject: export.subject.clone(),
        accounts: None,
        account_token_position: (position > 0).then_some(position),
        kind,
    })
}

fn mapping((subject, to): (&String, &Vec<claims::WeightedMapping>)) -> Mapping {
    Mapping {
        subject: subject.clone(),
        destinations: to
            .iter()
            .map(|to| MappingDestination {
                subject: to.subject.clone(),
                weight: to.percent(),
                cluster: (!to.cluster.is_empty()).then(|| to.cluster.clone()),
            })
            .collect(),
    }
}

fn trace(trace: &claims::MessageTrace) -> Option<MessageTrace> {
    if !nats_proto::subject::is_valid_literal(trace.destination.as_bytes()) {
        return None;
    }
    let sampling = match trace.sampling {
        rate @ 1..=100 => u8::try_from(rate).unwrap_or(100),
        _ => 100,
    };
    Some(MessageTrace {
        destination: trace.destination.clone(),
        sampling,
    })
}

/// In a token, -1 is no limit everywhere; 0 is nothing for storage and no limit for the sizes.
fn jetstream(limits: &JetStreamLimits, cluster_traffic: ClusterTraffic) -> AccountJetStream {
    let hard = |value: i64| u64::try_from(value).ok();
    let soft = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    AccountJetStream {
        max_memory: hard(limits.mem_storage),
        max_store: hard(limits.disk_storage),
        max_streams: hard(limits.streams),
        max_consumers: hard(limits.consumer),
        memory_max_stream_bytes: soft(limits.mem_max_stream_bytes),
        disk_max_stream_bytes: soft(limits.disk_max_stream_bytes),
        max_ack_pending: soft(limits.max_ack_pending),
        max_bytes_required: limits.max_bytes_required,
        cluster_traffic,
    }
}

#[cfg(test)]
mod tests;
