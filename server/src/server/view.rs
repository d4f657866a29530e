//! The server and its connections, as the monitoring pages and the system account look at them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use nats_api::monitor::SubDetail;
use nats_api::monitor::connz::PeerCert;
use nats_api::monitor::varz::OcspCacheVarz;
use nats_api::time::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Core;
use crate::account::Account;
use crate::auth::{CertificateNames, unix_seconds};
use crate::conn::{LastSub, Shared, TlsFacts};
use crate::front::Admit as _;
use crate::front::tls::{Fingerprint, spki_sha256};
use crate::jetstream::JetStream;
use crate::monitor::{
    AccountToken, AccountView, ClientView, Figures, ServerFacts, TlsView, Totals, View, Who,
    sub_detail,
};
use crate::options::Options;

impl View for Core {
    fn options(&self) -> Arc<Options> {
        self.options()
    }

    fn facts(&self) -> Arc<ServerFacts> {
        let info = self.server_info();
        let door = self.door();
        let not_after = door.tls.as_ref().and_then(|tls| tls.not_after());
        Arc::new(ServerFacts {
            id: info.server_id.clone(),
            name: info.server_name.clone(),
            version: info.version.clone(),
            git_commit: info.git_commit.clone(),
            built_with: info.go.clone(),
            proto: info.proto,
            host: info.host.clone(),
            port: info.port,
            ip: info.ip.clone(),
            connect_urls: info.connect_urls.clone(),
            auth_required: info.auth_required,
            tls_required: info.tls_required,
            tls_verify: info.tls_verify,
            tls_ocsp_peer_verify: door.tls.as_ref().is_some_and(|tls| tls.peers().is_some()),
            tls_cert_not_after: not_after.map(Timestamp::from).unwrap_or_default(),
            cluster: info.cluster.clone(),
            started: self.identity.started.into(),
            config_loaded: self.config_loaded().into(),
        })
    }

    fn totals(&self) -> Totals {
        let traffic = self.accounts.traffic();
        let counters = &self.counters;
        Totals {
            connections: self.registry.len(),
            total_connections: self.registry.total(),
            in_msgs: traffic.in_msgs,
            in_bytes: traffic.in_bytes,
            out_msgs: traffic.out_msgs,
            out_bytes: traffic.out_bytes,
            slow_consumers: counters.slow_consumers.load(Ordering::Relaxed),
            stale_connections: counters.stale_connections.load(Ordering::Relaxed),
            stalled_clients: counters.stalled_clients.load(Ordering::Relaxed),
        }
    }

    fn clients(&self) -> Vec<Arc<dyn ClientView>> {
        self.registry
            .open()
            .into_iter()
            .map(|c| c as Arc<dyn ClientView>)
            .collect()
    }

    fn client(&self, id: u64) -> Option<Arc<dyn ClientView>> {
        self.registry.find(id).map(|c| c as Arc<dyn ClientView>)
    }

    fn closed_clients(&self) -> Vec<Arc<dyn ClientView>> {
        self.registry
            .closed()
            .into_iter()
            .map(|c| c as Arc<dyn ClientView>)
            .collect()
    }

    fn accounts(&self) -> Vec<AccountView> {
        self.accounts
            .all()
            .iter()
            .map(|a| account_view(self, a))
            .collect()
    }

    fn account(&self, name: &str) -> Option<AccountView> {
        let account = self.accounts.find(name)?;
        Some(AccountView {
            token: self.account_token(name).map(Arc::new),
            ..account_view(self, &account)
        })
    }

    fn not_ready(&self) -> Option<String> {
        // The words of the reference, which looks for a millisecond whether its listener is there.
        let words = "failed to be ready for connections after 1ms: server";
        if self.is_accepting() {
            return None;
        }
        // And what it is about meanwhile.
        match self.recovery.progress() {
            Some(progress) => Some(format!("{words} ({progress})")),
            None => Some(words.to_owned()),
        }
    }

    fn jetstream(&self) -> Option<Arc<JetStream>> {
        self.jetstream()
    }

    fn ocsp_cache(&self) -> Option<OcspCacheVarz> {
        self.ocsp_cache()
    }

    fn now(&self) -> Timestamp {
        SystemTime::now().into()
    }
}

impl Core {
    fn account_token(&self, name: &str) -> Option<AccountToken> {
        let live = self.operators.as_ref()?.known(name)?;
        let claims = &live.claims;
        let moment = |at: i64| {
            let since = Duration::from_secs(u64::try_from(at).unwrap_or(0));
            let at = SystemTime::UNIX_EPOCH.checked_add(since);
            at.map(Timestamp::from).unwrap_or_default()
        };
        Some(AccountToken {
            account: live.definition.account.clone(),
            token: live.token.to_string(),
            // What counts here may be more than the token says.
            decoded: nats_jwt::claims::AccountClaims::decode(&live.token)
                .ok()
                .and_then(|claims| serde_json::to_value(claims).ok())
                .unwrap_or_default(),
            issuer: claims.issuer.clone(),
            tags: claims.nats.tags.iter().map(str::to_owned).collect(),
            expired: !live.is_open(unix_seconds(SystemTime::now())),
            complete: live.definition.missing.is_empty(),
            revoked: claims
                .nats
                .revocations
                .iter()
                .map(|(key, at)| (key.to_owned(), moment(at)))
                .collect(),
        })
    }
}

fn account_view(core: &Core, account: &Account) -> AccountView {
    let traffic = account.traffic.snapshot();
    AccountView {
        name: account.name.clone(),
        name_tag: account.settings().name_tag.clone(),
        token: None,
        interest: account.interest.clone(),
        connections: account.connections(),
        in_msgs: traffic.in_msgs,
        in_bytes: traffic.in_bytes,
        out_msgs: traffic.out_msgs,
        out_bytes: traffic.out_bytes,
        slow_consumers: account.slow_consumers.load(Ordering::Relaxed),
        updated: core.config_loaded().into(),
    }
}

impl ClientView for Shared {
    fn figures(&self) -> Figures {
        let rtt = self.state.lock().rtt;
        let (out_msgs, out_bytes, stalls) = {
            let queue = self.receiver.outbox.lock();
            (queue.msgs, queue.bytes, queue.stalls)
        };
        Figures {
            id: self.id(),
            start: self.start.into(),
            last_activity: self.last_activity().into(),
            rtt: rtt.unwrap_or_default(),
            pending_bytes: self.receiver.outbox.pending(),
            in_msgs: self.receiver.in_msgs.load(Ordering::Relaxed),
            in_bytes: self.receiver.in_bytes.load(Ordering::Relaxed),
            out_msgs,
            out_bytes,
            stalls,
            subscriptions: match self.closed() {
                None => self.receiver.subs.lock().len(),
                Some(_) => self.state.lock().last_subs.count,
            },
        }
    }

    fn who(&self) -> Arc<Who> {
        let state = self.state.lock();
        let identity = state.identity.as_deref();
        let user = identity.and_then(|i| i.user.as_deref());
        let permissions = identity.and_then(|i| i.permissions.as_deref());
        Arc::new(Who {
            remote: Some(self.remote()),
            name: state.client.name.clone(),
            lang: state.client.lang.clone(),
            version: state.client.version.clone(),
            user: identity
                .and_then(|i| i.user())
                .or_else(|| state.claimed.shown())
                .unwrap_or_default()
                .to_owned(),
            account: state.account.as_ref().map(|a| a.name.clone()),
            tls: state.tls.as_deref().map(tls_view),
            proxy_key: identity
                .and_then(|i| i.proxy.as_deref())
                .unwrap_or_default()
                .to_owned(),
            permissions: permissions.map(|p| p.to_document()),
            jwt: user.and_then(|u| u.shown_token.clone()).unwrap_or_default(),
            issuer_key: user.map(|u| u.issuer_key.clone()).unwrap_or_default(),
            name_tag: user.map(|u| u.name.clone()).unwrap_or_default(),
            account_tag: state
                .account
                .as_ref()
                .and_then(|a| a.settings().name_tag.clone())
                .map(|name| name.to_string())
                .unwrap_or_default(),
            tags: user.map(|u| u.tags.clone()).unwrap_or_default(),
            expires: user.and_then(|u| u.expires).map(Timestamp::from),
        })
    }

    fn subscriptions(&self) -> Vec<SubDetail> {
        let mut subs: Vec<SubDetail> = match self.closed() {
            None => {
                let subs = self.receiver.subs.lock();
                subs.iter().map(|sub| sub_detail(sub)).collect()
            }
            Some(_) => {
                let state = self.state.lock();
                let last = state.last_subs.list.iter();
                let account = state.account.as_ref();
                let name = account.map(|a| a.name.to_string()).unwrap_or_default();
                let tag = account.and_then(|a| a.settings().name_tag.clone());
                let tag = tag.map_or_else(|| name.clone(), |tag| tag.to_string());
                last.map(|sub| SubDetail {
                    account: name.clone(),
                    account_tag: tag.clone(),
                    ..last_sub_detail(sub, self.id())
                })
                .collect()
            }
        };
        // The table has no order. Ids are mostly rising numbers, so that shorter ones are older.
        subs.sort_by(|a, b| (a.sid.len(), &a.sid).cmp(&(b.sid.len(), &b.sid)));
        subs
    }

    fn ended(&self) -> Option<(Timestamp, &'static str)> {
        self.closed()
            .map(|(reason, at)| (at.into(), reason.as_str()))
    }
}

/// A subscription of a closed connection, shown like those of an open one.
fn last_sub_detail(sub: &LastSub, client: u64) -> SubDetail {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    SubDetail {
        subject: text(&sub.subject),
        qgroup: sub.queue.as_deref().map(text).unwrap_or_default(),
        sid: text(&sub.sid),
        msgs: i64::try_from(sub.delivered).unwrap_or(i64::MAX),
        max: i64::try_from(sub.max).unwrap_or(i64::MAX),
        cid: client,
        ..SubDetail::default()
    }
}

fn tls_view(facts: &TlsFacts) -> TlsView {
    let certificate = |der: &rustls_pki_types::CertificateDer<'static>| PeerCert {
        subject: CertificateNames::of(der)
            .map(|c| c.subject().to_owned())
            .unwrap_or_default(),
        spki_sha256: spki_sha256(der).map(|f| f.to_string()).unwrap_or_default(),
        cert_sha256: Fingerprint(Sha256::digest(der).into()).to_string(),
    };
    TlsView {
        version: facts.version.to_owned(),
        cipher: facts.cipher.clone(),
        first: facts.first,
        peer_certs: facts.certificates.iter().map(certificate).collect(),
    }
}
