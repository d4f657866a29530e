//! How a client is let in when its credentials alone do not say everything: users by token, and authorization services.

use std::sync::Arc;
use std::time::SystemTime;

use nats_proto::info::ConnectOptions;

use super::callout::{Caller, Ruling, Service};
use super::operators::{Live, LookupError, Operators};
use super::{Core, jetstream};
use crate::auth::{
    AuthError, Credentials, Identity, Proof, Revalidated, SlowCheck, Verdict, Who, unix_seconds,
};
use crate::conn::{ClosedReason, Host as _, Round, Shared, wire};
use crate::options::{ConnectionType, GLOBAL_ACCOUNT};

impl Core {
    /// The answer to credentials, whatever this server decides by.
    pub(super) fn decide(&self, client: &Arc<Shared>, request: &Credentials<'_>) -> Verdict {
        let authenticator = self.authenticator();
        match &self.operators {
            None => self.decide_with_service(client, request, authenticator.check(request)),
            Some(operators) => self
                .decide_by_token(operators, client, request)
                .unwrap_or_else(Verdict::Refused),
        }
    }

    fn decide_by_token(
        &self,
        operators: &Arc<Operators>,
        client: &Arc<Shared>,
        request: &Credentials<'_>,
    ) -> Result<Verdict, AuthError> {
        if request.connect.new_account || !request.connect.account.is_empty() {
            return Err(AuthError::AccountRequested);
        }
        let rules = operators.rules();
        let proxy = self.authenticator().proxy(request)?;
        let proof = Arc::new(Proof::of(request, proxy.clone(), rules.sentinel.as_ref())?);
        let account = proof.account();
        if !rules.pinned.is_empty() && !rules.pinned.contains(account) {
            return Err(AuthError::NotPinned(account.to_owned()));
        }
        let core = self.me().ok_or(AuthError::NoCredentials)?;
        let token = proof.token().clone();
        let caller = || Caller::new(client, request, proxy.clone(), Some(&token));
        let now = SystemTime::now();
        if let Some(live) = operators.live(account, unix_seconds(now)) {
            let strict = operators.is_strict(&live.claims.issuer);
            let identity = proof.judge(&live.claims, strict, now)?;
            return Ok(match core.ruling(&live, &proof) {
                Ruling::Final => Verdict::Accepted(identity),
                Ruling::Ask(service) => Verdict::Slow(SlowCheck::wait(core.ask(service, caller()))),
            });
        }
        let caller = caller();
        Ok(Verdict::Slow(SlowCheck::wait(async move {
            core.after_lookup(proof, caller).await
        })))
    }

    /// The account has to be fetched first.
    async fn after_lookup(
        self: Arc<Self>,
        proof: Arc<Proof>,
        caller: Caller,
    ) -> Result<Identity, AuthError> {
        let operators = self.operators.as_ref().ok_or(AuthError::NoCredentials)?;
        let turn = operators.lookups().turn(proof.account()).await;
        let now = unix_seconds(SystemTime::now());
        let looked_up = match operators.live(proof.account(), now) {
            // Somebody else's lookup found it.
            Some(live) => Ok(Ok(live)),
            None => {
                let (core, about) = (self.clone(), proof.clone());
                tokio::task::spawn_blocking(move || core.load_account(about.account())).await
            }
        };
        drop(turn);
        let live = match looked_up {
            Ok(Ok(live)) => live,
            Ok(Err(LookupError::Expired)) => return Err(AuthError::AccountExpired),
            Ok(Err(error)) => return Err(AuthError::NoAccount(error.to_string())),
            Err(_) => return Err(AuthError::NoAccount("the lookup was cut off".into())),
        };
        let strict = operators.is_strict(&live.claims.issuer);
        let identity = proof.judge(&live.claims, strict, SystemTime::now())?;
        match self.ruling(&live, &proof) {
            Ruling::Final => Ok(identity),
            Ruling::Ask(service) => self.ask(service, caller).await,
        }
    }

    /// The account of this key, loaded if need be; connections that this concerns are told. Blocks.
    pub(super) fn load_account(&self, account: &str) -> Result<Arc<Live>, LookupError> {
        let operators = self.operators.as_ref().ok_or(LookupError::NotTrusted)?;
        let now = unix_seconds(SystemTime::now());
        let (live, changed) = operators.account(&self.accounts, account, now)?;
        self.claims_changed(&changed, &Round::default());
        Ok(live)
    }

    /// Whether an authorization service of the account has the last word about this user.
    fn ruling(&self, live: &Live, proof: &Proof) -> Ruling {
        let authorization = &live.claims.nats.authorization;
        let is_own = authorization.auth_users.contains(&proof.claims.subject);
        if !authorization.is_enabled() || is_own {
            return Ruling::Final;
        }
        Ruling::Ask(Service::of_account(
            live,
            proof.claims.nats.limits.proxy_required,
        ))
    }

    /// With users in the configuration: the service is asked about everybody but its own users.
    fn decide_with_service(
        &self,
        client: &Arc<Shared>,
        request: &Credentials<'_>,
        verdict: Verdict,
    ) -> Verdict {
        let options = self.options();
        let Some(callout) = &options.authorization.auth_callout else {
            return verdict;
        };
        let accepted = match &verdict {
            Verdict::Accepted(identity) => identity.user().map(str::to_owned),
            _ => None,
        };
        let user = accepted.unwrap_or_else(|| raw_user(request.connect).to_owned());
        let authenticator = self.authenticator();
        if authenticator.is_of_service(&user) {
            let told: Arc<str> = callout.account.as_str().into();
            let mark = move |identity| authenticator.as_user_of_service(identity);
            return match verdict {
                Verdict::Accepted(identity) => Verdict::Accepted(mark(identity)),
                Verdict::Slow(check) => Verdict::Slow(check.map(mark).of_service(told)),
                Verdict::Refused(refusal) => Verdict::Refused(refusal.told_to_service(&told)),
            };
        }
        let account = match &verdict {
            Verdict::Accepted(identity) => Some(identity.account.clone()),
            Verdict::Slow(check) => check.account(),
            Verdict::Refused(_) => None,
        };
        let allowed = &callout.allowed_accounts;
        let is_delegated = match account.as_deref() {
            None | Some(GLOBAL_ACCOUNT) => true,
            Some(account) => allowed.is_empty() || allowed.iter().any(|name| name == account),
        };
        let (Some(core), true) = (self.me(), is_delegated) else {
            return verdict;
        };
        let proxy = match self.authenticator().proxy(request) {
            Ok(proxy) => proxy,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        let caller = Caller::new(client, request, proxy, None);
        let refusal = match &verdict {
            Verdict::Accepted(_) => None,
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::Slow(check) => check.refusal(),
        };
        let needs_proxy = refusal == Some(&AuthError::ProxyRequired);
        let service = Service::of_configuration(callout, needs_proxy);
        Verdict::Slow(SlowCheck::wait(core.ask(service, caller)))
    }

    /// Tells the connections of these accounts what their new claims mean, and closes those that are too many.
    pub(super) fn claims_changed(&self, changed: &[Arc<str>], round: &Round) {
        let Some(operators) = self.operators.as_ref().filter(|_| !changed.is_empty()) else {
            return;
        };
        jetstream::claims_changed(self, changed);
        let now = SystemTime::now();
        for name in changed {
            let Some(live) = operators.known(name) else {
                continue;
            };
            let open = live.is_open(unix_seconds(now));
            let strict = operators.is_strict(&live.claims.issuer);
            let mut clients = self.clients_of(name);
            clients.sort_unstable_by_key(|client| client.id());
            let max = live.definition.account.limits.max_connections;
            let max = max.map_or(usize::MAX, |max| max as usize);
            for (at, client) in clients.iter().enumerate() {
                if !open {
                    client.close(
                        ClosedReason::AuthenticationExpired,
                        Some(wire::ACCOUNT_EXPIRED),
                    );
                } else if at >= max {
                    client.close(
                        ClosedReason::MaxAccountConnectionsExceeded,
                        Some(wire::MAX_ACCOUNT_CONNECTIONS),
                    );
                } else if let Some(identity) = client.identity() {
                    let verdict = identity.under(&live.claims, strict, now);
                    client.revalidate(Some(verdict), round);
                }
            }
        }
    }

    /// The claims may have changed between the judgement of this client and now, when it is among those who are told of changes.
    pub(super) fn judge_again(&self, client: &Arc<Shared>) {
        let (Some(operators), Some(identity)) = (&self.operators, client.identity()) else {
            return;
        };
        let Some(live) = operators.known(&identity.account) else {
            return;
        };
        let now = SystemTime::now();
        let strict = operators.is_strict(&live.claims.issuer);
        if !live.is_open(unix_seconds(now)) {
            let error = Some(wire::ACCOUNT_EXPIRED);
            return client.close(ClosedReason::AuthenticationExpired, error);
        }
        match identity.under(&live.claims, strict, now) {
            Revalidated::Same => {}
            verdict => client.revalidate(Some(verdict), &Round::default()),
        }
    }

    /// Who comes into the account after this was asked is judged by what is known then ([`Self::judge_again`]).
    fn clients_of(&self, account: &str) -> Vec<Arc<Shared>> {
        let known = self.accounts.find(account);
        if known.is_none_or(|account| account.connections() == 0) {
            return Vec::new();
        }
        let mut clients = self.registry.open();
        clients.retain(|client| client.account().is_some_and(|a| *a.name == *account));
        clients
    }
}

/// The user that a client names, as a list of users would.
fn raw_user(connect: &ConnectOptions) -> &str {
    match (connect.nkey.as_str(), connect.user.as_str()) {
        ("", user) => user,
        (nkey, _) => nkey,
    }
}

impl Caller {
    fn new(
        client: &Arc<Shared>,
        request: &Credentials<'_>,
        proxy: Option<Arc<str>>,
        token: Option<&nats_jwt::secret::Secret>,
    ) -> Self {
        let mut connect = request.connect.clone();
        if let Some(token) = token {
            // The sentinel may stand in for what the client did not send.
            token.reveal().clone_into(&mut connect.jwt);
        }
        Self {
            client: client.clone(),
            who: Who::claimed(request.connect),
            connect,
            proxy,
            connection_type: request.connection_type,
        }
    }
}

/// The word of authorization requests for a kind of connection.
pub(super) fn client_type(connection_type: ConnectionType) -> &'static str {
    match connection_type {
        ConnectionType::WebSocket | ConnectionType::LeafNodeWs => "websocket",
        ConnectionType::Mqtt | ConnectionType::MqttWs => "mqtt",
        _ => "nats",
    }
}
