//! CONNECT: who is it, and what may it do.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use nats_jwt::secret::Secret;
use nats_proto::info::ConnectOptions;

use super::host::AuthFailure;
use super::rights::ClientRights;
use super::session::{Modes, Phase, Session};
use super::shared::Client;
use super::{ClosedReason, wire};
use crate::auth::{
    AuthError, Credentials, Identity, Permissions, Revalidated, TokenUser, Verdict, Who,
};
use crate::interest::DeliveryCheck;
use crate::options::ConnectionType;
use crate::router::{Publisher, Rights};

/// Versions of the client protocol that are spoken.
const PROTOCOLS: std::ops::RangeInclusive<i32> = 0..=1;

impl Session {
    /// Before CONNECT only CONNECT may come, unless a user stands in for those who show nothing.
    pub(super) fn may_begin_with(&mut self, bytes: &[u8], now: Instant) -> bool {
        match bytes.first() {
            None | Some(b'C' | b'c') => return true,
            Some(_) => {}
        }
        if self.host.authenticator().admits_before_connect() {
            // The same pipeline as for a CONNECT that shows nothing.
            self.timers.auth_by = None;
            self.timers.first_ping(now, self.jitter());
            self.authenticate(&ConnectOptions::default(), now);
            // While somebody else has to be asked the bytes wait.
            return matches!(self.phase, Phase::Open);
        }
        self.auth_violation(AuthError::NoCredentials);
        false
    }

    pub(super) fn connect(&mut self, json: &[u8], now: Instant) {
        let options = match self.said_with(json) {
            Ok(options) => options,
            Err(e) => {
                self.host
                    .notice(&self.shared, format_args!("CONNECT is not valid JSON: {e}"));
                return self.close(ClosedReason::ProtocolViolation);
            }
        };
        if self.settings.trace {
            self.trace_connect(&options);
        }
        let first = {
            let mut state = self.shared.state.lock();
            let first = !state.client.connected;
            state.client = Client::from(&options);
            state.claimed = Who::claimed(&options);
            let rtt = self.shared.start.elapsed().unwrap_or_default();
            state.rtt.get_or_insert(rtt);
            first
        };
        if !first {
            self.leave_account();
        }
        self.timers.auth_by = None;
        self.timers.first_ping(now, self.jitter());
        self.modes = Modes {
            verbose: options.verbose,
            pedantic: options.pedantic,
            no_responders: options.no_responders,
            headers: self.settings.headers && options.headers,
        };
        self.shared
            .receiver
            .set_modes(self.modes.headers, options.echo);
        self.authenticate(&options, now);
        self.greeting_checks(&options);
    }

    /// What this CONNECT and those before it say together: a later one changes what it names.
    fn said_with(&mut self, json: &[u8]) -> Result<ConnectOptions, serde_json::Error> {
        let text = String::from_utf8_lossy(json);
        if self.said.is_empty() {
            let options = serde_json::from_str(&text)?;
            self.said = Secret::new(text);
            return Ok(options);
        }
        let mut options = serde_json::from_str::<ConnectOptions>(self.said.reveal())?;
        let mut again = serde_json::Deserializer::from_str(&text);
        options.update(&mut again)?;
        again.end()?;
        self.said = Secret::new(serde_json::to_string(&options)?);
        Ok(options)
    }

    /// Back to where a connection begins, before another CONNECT may lead it elsewhere.
    fn leave_account(&mut self) {
        self.drop_subscriptions();
        if std::mem::take(&mut self.admitted) {
            self.publisher.account().release();
        }
        let mut state = self.shared.state.lock();
        state.account = Some(self.host.global_account());
        state.identity = None;
    }

    /// What the client says of itself, without what would let others say the same.
    #[cold]
    fn trace_connect(&self, options: &ConnectOptions) {
        let mut shown = options.clone();
        let secrets = [
            &mut shown.pass,
            &mut shown.auth_token,
            &mut shown.jwt,
            &mut shown.sig,
            &mut shown.proxy_sig,
        ];
        for secret in secrets.into_iter().filter(|s| !s.is_empty()) {
            "[REDACTED]".clone_into(secret);
        }
        let json = serde_json::to_string(&shown).unwrap_or_default();
        tracing::trace!(target: "protocol", "{} - <<- [CONNECT {json}]", self.shared.label());
    }

    fn jitter(&self) -> u32 {
        u32::try_from(self.shared.id() % 100).unwrap_or(0)
    }

    fn authenticate(&mut self, options: &ConnectOptions, now: Instant) {
        let tls = self.shared.state.lock().tls.clone();
        let request = Credentials {
            connect: options,
            nonce: self.shared.nonce.as_bytes(),
            certificates: tls.as_deref().map_or(&[][..], |t| &t.certificates),
            tls: tls.is_some(),
            connection_type: ConnectionType::Standard,
            remote: Some(self.shared.remote().ip()),
        };
        match self.host.authenticate(&self.shared, &request) {
            Verdict::Refused(e) => self.auth_violation(e),
            Verdict::Slow(check) => self.phase = Phase::Checking(check),
            Verdict::Accepted(identity) => self.bind(identity, now),
        }
    }

    /// Protocol demands are checked after the credentials, as strangers are told nothing.
    fn greeting_checks(&mut self, options: &ConnectOptions) {
        if self.closing().is_some() {
            return;
        }
        if !PROTOCOLS.contains(&options.protocol) {
            return self.refuse(wire::BAD_PROTOCOL, ClosedReason::BadClientProtocolVersion);
        }
        if options.no_responders && !self.modes.headers {
            let reason = ClosedReason::NoRespondersRequiresHeaders;
            return self.refuse(wire::NO_RESPONDERS_NEEDS_HEADERS, reason);
        }
        if self.modes.verbose && matches!(self.phase, Phase::Open) {
            self.say(wire::OK);
        }
    }

    /// The result of a password check that ran elsewhere.
    pub fn checked(&mut self, result: Result<Identity, AuthError>, now: Instant) {
        if self.closing().is_some() {
            return;
        }
        match result {
            Err(e) => self.auth_violation(e),
            Ok(identity) => {
                self.bind(identity, now);
                // Who began without CONNECT is not told that it is fine.
                let came_with_connect = self.shared.state.lock().client.connected;
                let open = matches!(self.phase, Phase::Open);
                if self.modes.verbose && open && came_with_connect {
                    self.say(wire::OK);
                }
            }
        }
        self.resume(now);
    }

    fn auth_violation(&mut self, error: AuthError) {
        let reason = match error.cause() {
            AuthError::ProxyNotTrusted => ClosedReason::ProxyNotTrusted,
            AuthError::ProxyRequired => ClosedReason::ProxyRequired,
            _ => ClosedReason::AuthenticationViolation,
        };
        self.host
            .auth_failed(&self.shared, &AuthFailure { reason, error });
        self.refuse(wire::AUTHORIZATION, reason);
    }

    /// The client is who it says: binds it to its account.
    fn bind(&mut self, identity: Identity, now: Instant) {
        let Some(account) = self.host.account(&identity.account) else {
            self.say(wire::ACCOUNT_REGISTRATION.as_bytes());
            return self.auth_violation(AuthError::NoCredentials);
        };
        if std::mem::take(&mut self.admitted) {
            self.publisher.account().release();
        }
        if !account.admit() {
            let reason = ClosedReason::MaxAccountConnectionsExceeded;
            return self.refuse(wire::MAX_ACCOUNT_CONNECTIONS, reason);
        }
        self.admitted = true;
        self.apply_limits(&account.settings().limits, identity.user.as_deref());
        if self.max_subscriptions == Some(0) {
            return self.refuse(
                wire::MAX_SUBSCRIPTIONS,
                ClosedReason::MaxSubscriptionsExceeded,
            );
        }
        self.shared.receiver.set_home(account.interest.clone());
        self.publisher = Publisher::new(self.shared.receiver.clone(), account.clone(), None);
        self.publisher.set_verbose(self.modes.verbose);
        self.set_permissions(&identity);
        let expires = identity.user.as_ref().and_then(|user| user.expires);
        let expires = expires.map(|at| at.duration_since(SystemTime::now()).unwrap_or_default());
        {
            let mut state = self.shared.state.lock();
            state.account = Some(account);
            state.claimed = Who::Anonymous;
            state.identity = Some(Arc::new(identity));
        }
        self.phase = Phase::Open;
        self.timers.auth_by = None;
        self.timers.expires_at = expires.and_then(|left| now.checked_add(left));
        self.timers.last_in = now;
        self.host.connected(&self.shared);
    }

    /// The smallest of the server's, the account's and the user's limit counts.
    fn apply_limits(&mut self, limits: &crate::options::AccountLimits, user: Option<&TokenUser>) {
        let smaller = |a: Option<usize>, b: Option<u32>| match (a, b.map(|b| b as usize)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.max_payload = smaller(self.settings.max_payload, limits.max_payload);
        self.max_subscriptions = smaller(self.settings.max_subscriptions, limits.max_subscriptions);
        if let Some(user) = user {
            self.max_payload = smaller(self.max_payload, user.max_payload);
            self.max_subscriptions = smaller(self.max_subscriptions, user.max_subscriptions);
        }
    }

    fn set_permissions(&mut self, identity: &Identity) {
        self.rights = identity
            .permissions
            .clone()
            .map(|p| Arc::new(ClientRights::new(p)));
        let rights = self.rights.clone().map(|r| r as Arc<dyn Rights>);
        self.publisher.set_rights(rights);
        // Subscriptions that need a check for every delivery ask for it themselves.
        let always = self.rights.clone().filter(|r| r.tracks_replies());
        let check = always.map(|r| r as Arc<dyn DeliveryCheck>);
        self.shared.receiver.set_check(check);
    }

    /// Settings or credentials changed under a live connection: it keeps what it still may, and loses the rest.
    pub(super) fn revalidate(&mut self, verdict: Option<Box<Revalidated>>, now: Instant) {
        self.settings = self.host.settings();
        let trace = &self.shared.receiver.trace;
        trace.store(self.settings.trace, std::sync::atomic::Ordering::Relaxed);
        self.timers
            .set_ping(self.settings.ping_interval, self.settings.ping_max);
        match verdict.map(|v| *v) {
            None => {
                // It came in before anybody had to show anything.
                if self.host.authenticator().is_required() && matches!(self.phase, Phase::Open) {
                    return self.auth_violation(AuthError::NoCredentials);
                }
            }
            Some(Revalidated::Same) => {}
            Some(Revalidated::PermissionsChanged(permissions)) => {
                self.change_permissions(permissions);
            }
            // It finds itself where it belongs when it connects again.
            Some(Revalidated::Moved) => return self.close(ClosedReason::ClientClosed),
            Some(Revalidated::Revoked) => {
                return self.refuse(wire::USER_REVOKED, ClosedReason::Revocation);
            }
            Some(Revalidated::SignerChanged) => {
                return self.close(ClosedReason::AuthenticationViolation);
            }
            Some(Revalidated::Gone(e)) => return self.auth_violation(e),
        }
        let account = self.publisher.account().clone();
        let identity = self.shared.identity();
        let user = identity.as_ref().and_then(|i| i.user.as_deref());
        self.apply_limits(&account.settings().limits, user);
        self.drop_forbidden_subscriptions();
        let held = self.shared.receiver.subs.lock().len();
        if self
            .max_subscriptions
            .is_some_and(|max| held > max || max == 0)
        {
            let reason = ClosedReason::MaxSubscriptionsExceeded;
            return self.refuse(wire::MAX_SUBSCRIPTIONS, reason);
        }
        self.timers.last_in = now;
    }

    fn change_permissions(&mut self, permissions: Option<Arc<Permissions>>) {
        let Some(identity) = self.shared.identity() else {
            return;
        };
        let mut changed = Identity::clone(&identity);
        changed.permissions = permissions;
        self.set_permissions(&changed);
        self.shared.state.lock().identity = Some(Arc::new(changed));
    }

    fn drop_forbidden_subscriptions(&mut self) {
        let subs: Vec<_> = self.shared.receiver.subs.lock().iter().cloned().collect();
        for sub in subs {
            if self.may_subscribe(&sub.subject, sub.queue.as_deref()) {
                // The imports may be others now.
                sub.remove_shadows();
                self.publisher.account().add_shadows(&sub);
                self.guard_deliveries(&sub.subject, sub.queue.as_deref());
                continue;
            }
            self.shared.receiver.end(&sub);
            self.say(&wire::subscription_revoked(
                &sub.subject,
                sub.sid.as_bytes(),
            ));
        }
    }
}
