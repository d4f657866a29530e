//! The events: documents and subjects.

use std::sync::Arc;

use nats_api::monitor::accstatz::DataStats;
use nats_api::monitor::jsz::JetStreamVarz;
use nats_api::monitor::{AccountStat, PerKind};
use nats_api::system::events::{
    ACCOUNT_CONNECTIONS_TYPE, CONNECT_TYPE, DISCONNECT_TYPE, OCSP_PEER_LINK_INVALID_TYPE,
    OCSP_PEER_REJECT_TYPE, OcspPeerLinkInvalid, OcspPeerReject,
};
use nats_api::system::{
    AccountConnections, ClientInfo, ConnectEvent, DisconnectEvent, ServerStats, ServerStatsEvent,
};
use nats_api::time::Timestamp;

use super::desk::Desk;
use crate::monitor::{AccountView, ClientView, clients_only, count};
use crate::ocsp::{Described, InvalidLink};

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    pub at: Timestamp,
    pub reason: &'static str,
}

/// What the account of an authorization service hears of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub account: Arc<str>,
    pub reason: String,
}

impl Desk {
    pub(super) fn connect_event(&self, client: &dyn ClientView) -> ConnectEvent {
        ConnectEvent {
            event_type: CONNECT_TYPE.into(),
            id: event_id(),
            timestamp: self.view.now(),
            server: self.server_info(),
            client: client_info(client),
        }
    }

    /// The event of a client that left or was refused.
    pub(super) fn disconnect_event(&self, client: &dyn ClientView, gone: Gone) -> DisconnectEvent {
        let figures = client.figures();
        let traffic = |msgs, bytes| DataStats {
            msgs: count(msgs),
            bytes: count(bytes),
            ..DataStats::default()
        };
        DisconnectEvent {
            event_type: DISCONNECT_TYPE.into(),
            id: event_id(),
            timestamp: gone.at,
            server: self.server_info(),
            client: ClientInfo {
                stop: Some(gone.at),
                rtt: figures.rtt.into(),
                ..client_info(client)
            },
            sent: traffic(figures.in_msgs, figures.in_bytes),
            received: traffic(figures.out_msgs, figures.out_bytes),
            reason: gone.reason.into(),
        }
    }

    /// A client was not let in, as the account of the authorization service hears it.
    pub(super) fn refused_event(
        &self,
        client: &dyn ClientView,
        gone: Gone,
        told: &Told,
    ) -> DisconnectEvent {
        let mut event = self.disconnect_event(client, gone);
        event.client.acc = told.account.to_string();
        event.reason.clone_from(&told.reason);
        event
    }

    /// A client with this certificate was sent away.
    pub(super) fn reject_event(&self, peer: &Described, reason: &str) -> OcspPeerReject {
        OcspPeerReject {
            event_type: OCSP_PEER_REJECT_TYPE.into(),
            id: event_id(),
            timestamp: self.view.now(),
            kind: "Client".into(),
            peer: peer.into(),
            server: self.server_info(),
            reason: reason.into(),
        }
    }

    /// A certificate in a client's chain is not good.
    pub(super) fn link_event(&self, link: &InvalidLink) -> OcspPeerLinkInvalid {
        OcspPeerLinkInvalid {
            event_type: OCSP_PEER_LINK_INVALID_TYPE.into(),
            id: event_id(),
            timestamp: self.view.now(),
            link: (&link.link).into(),
            peer: (&link.peer).into(),
            server: self.server_info(),
            reason: link.reason.clone(),
        }
    }

    pub(super) fn account_connections(&self, account: &AccountView) -> AccountConnections {
        let AccountStat {
            acc,
            name,
            conns,
            leafnodes,
            total_conns,
            num_subscriptions,
            sent,
            received,
            slow_consumers,
        } = crate::monitor::account_stat(account);
        AccountConnections {
            event_type: ACCOUNT_CONNECTIONS_TYPE.into(),
            id: event_id(),
            timestamp: self.view.now(),
            server: self.server_info(),
            acc,
            name,
            conns,
            leafnodes,
            total_conns,
            num_subscriptions,
            sent,
            received,
            slow_consumers,
        }
    }

    fn jetstream(&self) -> Option<JetStreamVarz> {
        let view = self.view.as_ref();
        view.jetstream()
            .map(|_| crate::monitor::jetstream_varz(view))
    }

    /// The heartbeat.
    pub(super) fn statsz(&self) -> ServerStatsEvent {
        let (totals, usage) = (self.view.totals(), self.process.usage());
        let accounts = self.view.accounts();
        let subscriptions = accounts.iter().map(|a| a.interest.len()).sum::<usize>();
        let traffic = |msgs, bytes| DataStats {
            msgs: count(msgs),
            bytes: count(bytes),
            ..DataStats::default()
        };
        let sent = traffic(totals.out_msgs, totals.out_bytes);
        let received = traffic(totals.in_msgs, totals.in_bytes);
        let unless_zero = |n: u64| -> Option<PerKind> { (n > 0).then(|| clients_only(n)) };
        ServerStatsEvent {
            server: self.server_info(),
            statsz: ServerStats {
                start: self.view.facts().started,
                mem: count(usage.resident_bytes),
                cores: usage.cores,
                cpu: usage.cpu_percent,
                connections: count(totals.connections),
                total_connections: totals.total_connections,
                active_accounts: count(accounts.iter().filter(|a| a.connections > 0).count()),
                subscriptions: u32::try_from(subscriptions).unwrap_or(u32::MAX),
                // Every connection of this build is a client.
                sent_to_clients: sent.clone(),
                received_from_clients: received.clone(),
                sent,
                received,
                slow_consumers: count(totals.slow_consumers),
                slow_consumer_stats: unless_zero(totals.slow_consumers),
                stale_connections: count(totals.stale_connections),
                stale_connection_stats: unless_zero(totals.stale_connections),
                stalled_clients: count(totals.stalled_clients),
                active_servers: 1,
                jetstream: self.jetstream(),
                gomaxprocs: usage.cores,
                ..ServerStats::default()
            },
        }
    }
}

fn client_info(client: &dyn ClientView) -> ClientInfo {
    let (figures, who) = (client.figures(), client.who());
    let account = who
        .account
        .as_deref()
        .unwrap_or(crate::options::GLOBAL_ACCOUNT);
    ClientInfo {
        start: Some(figures.start),
        host: who
            .remote
            .map(|a| a.ip().to_canonical().to_string())
            .unwrap_or_default(),
        id: figures.id,
        acc: account.to_owned(),
        user: who.user.clone(),
        name: who.name.clone(),
        lang: who.lang.clone(),
        ver: who.version.clone(),
        jwt: who.jwt.clone(),
        issuer_key: who.issuer_key.clone(),
        name_tag: match who.account_tag.is_empty() {
            true => account.to_owned(),
            false => who.account_tag.clone(),
        },
        tags: who.tags.clone(),
        kind: "Client".into(),
        client_type: "nats".into(),
        ..ClientInfo::default()
    }
}

fn event_id() -> String {
    nats_proto::nuid::next().as_str().to_owned()
}
