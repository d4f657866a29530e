//! Asking an authorization service who a client is.
//!
//! The request is a token signed by this server, published on `$SYS.REQ.USER.AUTH` in the service's account, sealed when the
//! service has a curve key. The answer counts only when it is for the user key that was made for this one request and for this
//! server, and only for as long as a client may take to authenticate. Start reading at [`Core::ask`].

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nats_api::system::subjects;
use nats_jwt::claims::{
    AnyClaims, AuthorizationRequestClaims, AuthorizationResponseClaims, CallerInfo, CallerTls,
    ConnectOptions as AskedOptions, ServerId, UserClaims, decode,
};
use nats_jwt::nkey::{KeyPair, Kind, PublicKey};
use nats_proto::info::ConnectOptions;
use parking_lot::Mutex;
use rustls_pki_types::CertificateDer;
use tokio::sync::oneshot;

use super::admission::client_type;
use super::operators::Live;
use super::{Core, VERSION};
use crate::account::Account;
use crate::auth::{Admitted, AuthError, Identity, Who, permissions_of_account, unix_seconds};
use crate::conn::{Shared, TlsFacts};
use crate::front::Admit as _;
use crate::front::tls::TlsPolicy;
use crate::interest::Sub;
use crate::options::{AuthCallout, ConnectionType};
use crate::router::{Cycle, Handler, Message, Origin, Service as Hook};
use crate::system::Outlet as _;

/// Audience of every request.
const AUDIENCE: &str = "nats-authorization-request";
/// Tells the service for whom it may seal its answer.
const XKEY_HEADER: &str = "Nats-Server-Xkey";
/// Largest answer that is read, in bytes: a token, sealed.
const ANSWER_LEN_MAX: usize = nats_jwt::claims::TOKEN_LEN_MAX + 1024;
/// Every token begins with this; what does not is sealed.
const TOKEN_START: &[u8] = b"eyJ";

/// Who has the last word about a user that its token admits.
pub enum Ruling {
    /// Its token.
    Final,
    Ask(Service),
}

/// An authorization service.
pub struct Service {
    /// Where it listens.
    account: Arc<str>,
    /// Whom its answers are for.
    subject: String,
    xkey: Option<String>,
    by: By,
    proxy_required: bool,
}

/// By whose word the service speaks.
enum By {
    /// The configuration names the key that signs.
    Configuration { issuer: String },
    /// The account's claims name the accounts into which it may put users.
    Claims(Arc<nats_jwt::claims::AccountClaims>),
}

impl Service {
    /// `proxy_required` of the user in the configuration, whom nobody but a trusted proxy may bring, whatever the service says.
    pub fn of_configuration(callout: &AuthCallout, proxy_required: bool) -> Self {
        Self {
            account: callout.account.as_str().into(),
            subject: callout.issuer.clone(),
            xkey: callout.xkey.clone(),
            by: By::Configuration {
                issuer: callout.issuer.clone(),
            },
            proxy_required,
        }
    }

    pub fn of_account(live: &Live, proxy_required: bool) -> Self {
        let xkey = &live.claims.nats.authorization.xkey;
        Self {
            account: live.claims.subject.as_str().into(),
            subject: live.claims.subject.clone(),
            xkey: (!xkey.is_empty()).then(|| xkey.clone()),
            by: By::Claims(live.claims.clone()),
            proxy_required,
        }
    }
}

/// A client about whom is asked.
pub struct Caller {
    pub client: Arc<Shared>,
    pub who: Who,
    pub connect: ConnectOptions,
    pub proxy: Option<Arc<str>>,
    pub connection_type: ConnectionType,
}

impl Core {
    /// Asks `service` about `caller`. Ends within the authentication timeout.
    pub async fn ask(
        self: Arc<Self>,
        service: Service,
        caller: Caller,
    ) -> Result<Identity, AuthError> {
        let account = service.account.clone();
        let answer = self.answer(service, caller).await;
        answer.map_err(|refusal| refusal.told_by_service(&account))
    }

    async fn answer(
        self: Arc<Self>,
        service: Service,
        caller: Caller,
    ) -> Result<Identity, AuthError> {
        let account = self.accounts.find(&service.account);
        let account = account.ok_or_else(|| {
            refused(format!(
                "No valid account {:?} for auth callout request",
                service.account
            ))
        })?;
        let user = KeyPair::generate(Kind::User).map_err(|e| refused(e.to_string()))?;
        let user = user.public_key().to_string();
        let (header, body) = self.request(&service, &caller, &user)?;
        let answer = self.exchange(&account, &header, &body).await?;
        let core = self.clone();
        // Opening, verifying and perhaps fetching the account into which the user is put.
        let judged = tokio::task::spawn_blocking(move || {
            core.judge_answer(&service, &caller, &user, &answer)
        });
        let judged = judged.await.map_err(|_| refused("cut off".into()))?;
        judged.inspect_err(|error| tracing::warn!("{error}"))
    }

    fn request(
        &self,
        service: &Service,
        caller: &Caller,
        user: &str,
    ) -> Result<(Vec<u8>, Vec<u8>), AuthError> {
        let options = self.options();
        let now = unix_seconds(SystemTime::now());
        let mut claims = AuthorizationRequestClaims::new(service.subject.clone());
        claims.audience = AUDIENCE.into();
        let timeout = i64::try_from(options.auth_timeout().as_secs()).unwrap_or(i64::MAX);
        claims.expires = now.saturating_add(timeout.max(1));
        let nats = &mut claims.nats;
        nats.user_nkey = user.to_owned();
        nats.server = ServerId {
            name: self.identity.name.clone(),
            host: options.listen.host.clone(),
            id: self.identity.id.clone(),
            version: VERSION.to_owned(),
            cluster: String::new(),
            tags: options.server_tags.iter().collect(),
            xkey: match &service.xkey {
                Some(_) => self.identity.xkey.clone(),
                None => String::new(),
            },
        };
        nats.client = caller.info();
        nats.connect = asked_options(&caller.connect);
        if self.operators.is_none() {
            // A token says nothing where nobody is trusted to make one.
            nats.connect.jwt.clear();
        }
        nats.tls = caller.tls(self.door().tls.as_deref());
        let token = claims.encode(&self.identity.keys, now);
        let token = token.map_err(|e| {
            refused(format!(
                "Error encoding auth request claim on account {:?}: {e}",
                service.account
            ))
        })?;
        let Some(xkey) = &service.xkey else {
            return Ok((Vec::new(), token.into_bytes()));
        };
        let sealed = PublicKey::parse_kind(xkey, Kind::Curve)
            .and_then(|key| self.identity.curve.seal(token.as_bytes(), &key));
        let sealed = sealed.map_err(|e| {
            refused(format!(
                "Error encrypting auth request claim on account {:?}: {e}",
                service.account
            ))
        })?;
        let header = format!("NATS/1.0\r\n{XKEY_HEADER}: {}\r\n\r\n", self.identity.xkey);
        Ok((header.into_bytes(), sealed))
    }

    /// Publishes the request and waits for the answer.
    async fn exchange(
        &self,
        account: &Arc<Account>,
        header: &[u8],
        body: &[u8],
    ) -> Result<Vec<u8>, AuthError> {
        let reply = format!("$SYS._INBOX.{}", nats_proto::nuid::next().as_str());
        let (sender, receiver) = oneshot::channel();
        let target = Handler::target(Arc::new(Answers(Mutex::new(Some(sender)))));
        let sub = Arc::new(Sub::new(reply.as_bytes(), None, b"", target));
        account.interest.insert(sub.clone());
        let _removed_at_the_end = Placed {
            account: account.clone(),
            sub,
        };
        if !self.is_wanted(&account.name, subjects::USER_AUTH) {
            return Err(refused(format!(
                "No authorization service listens in account {:?}",
                account.name
            )));
        }
        self.publish(
            &account.name,
            subjects::USER_AUTH,
            Some(&reply),
            header,
            body,
        );
        let limit = self.options().auth_timeout();
        match tokio::time::timeout(limit, receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(refused(format!(
                "Authorization callout response not received in time on account {:?}",
                account.name
            ))),
        }
    }

    fn judge_answer(
        &self,
        service: &Service,
        caller: &Caller,
        user: &str,
        answer: &[u8],
    ) -> Result<Identity, AuthError> {
        let token = self.answered_token(service, user, answer)?;
        let claims = UserClaims::decode(&token).map_err(|e| refused(e.to_string()))?;
        let needs_proxy = service.proxy_required || claims.nats.limits.proxy_required;
        if needs_proxy && caller.proxy.is_none() {
            return Err(AuthError::ProxyRequired);
        }
        let now = SystemTime::now();
        let findings = claims.validate(unix_seconds(now));
        if let Some(first) = findings.iter().next() {
            return Err(refused(format!("Error validating user JWT: {first}")));
        }
        if claims.subject != user {
            return Err(refused(format!(
                "Expected authorized user of {user:?} but got {:?} on account {:?}",
                claims.subject, service.account
            )));
        }
        let who = match claims.name.as_str() {
            "" => caller.who.clone(),
            name => Who::User(name.into()),
        };
        let placed = self.place(service, &claims)?;
        let identity = Admitted {
            claims: &claims,
            limits: &placed.limits,
            who,
            proxy: caller.proxy.clone(),
            connection_type: caller.connection_type,
            remote: Some(caller.client.remote().ip().to_canonical()),
            account: &placed.account,
            default_permissions: placed.default_permissions,
        }
        .identity(now)?;
        Ok(match identity.account == service.account {
            true => identity.without_service_subject(),
            false => identity,
        })
    }

    /// The user's token in the answer, if that counts.
    fn answered_token(
        &self,
        service: &Service,
        user: &str,
        answer: &[u8],
    ) -> Result<String, AuthError> {
        let account = &service.account;
        if answer.is_empty() {
            return Err(refused(format!(
                "Auth callout violation: \"no reason supplied\" on account {account:?}"
            )));
        }
        let xkey = service
            .xkey
            .as_deref()
            .filter(|_| !answer.starts_with(TOKEN_START));
        let (text, sealed) = match xkey {
            None => (answer.to_vec(), false),
            Some(xkey) => {
                let opened = PublicKey::parse_kind(xkey, Kind::Curve)
                    .and_then(|key| self.identity.curve.open(answer, &key));
                let opened = opened.map_err(|e| {
                    refused(format!(
                        "Error decrypting auth callout response on account {account:?}: {e}"
                    ))
                })?;
                (opened, true)
            }
        };
        let text = String::from_utf8(text).map_err(|_| refused("the answer is not text".into()))?;
        let claims =
            AuthorizationResponseClaims::decode(&text).map_err(|e| refused(e.to_string()))?;
        let findings = claims.validate(unix_seconds(SystemTime::now()));
        if let Some(first) = findings.iter().next() {
            return Err(refused(format!(
                "Authorization response had validation errors: {first}"
            )));
        }
        if claims.subject != user {
            return Err(violation("auth callout response is not for expected user"));
        }
        if claims.audience != self.identity.id {
            return Err(violation("auth callout response is not for server"));
        }
        if !claims.nats.error.is_empty() {
            return Err(refused(format!(
                "Auth callout service returned an error: {}",
                claims.nats.error
            )));
        }
        let speaks_for = match &service.by {
            By::Configuration { issuer } => claims.issuer == *issuer,
            By::Claims(by) => {
                let known = |key: &str| key == by.subject || by.nats.signing_keys.contains(key);
                let account = claims.nats.issuer_account.as_str();
                (account.is_empty() || account == by.subject) && known(&claims.issuer)
            }
        };
        // What was sealed for us alone comes from the service, whatever key it signs with.
        if !sealed && !speaks_for {
            return Err(refused("Auth callout signing key is unknown".into()));
        }
        Ok(claims.nats.jwt)
    }

    /// The account into which the user comes, and under which limits.
    fn place(&self, service: &Service, claims: &UserClaims) -> Result<Placement, AuthError> {
        let missing = |account: &str| {
            refused(format!(
                "No valid account {account:?} for auth callout response on account {:?}",
                service.account
            ))
        };
        match &service.by {
            By::Configuration { issuer } => {
                if !claims.nats.issuer_account.is_empty() {
                    return Err(refused(format!(
                        "Error non operator mode account {:?}: attempted to use issuer_account",
                        service.account
                    )));
                }
                if claims.issuer != *issuer {
                    return Err(refused(format!(
                        "Wrong issuer for auth callout response on account {:?}, expected {issuer:?} got {:?}",
                        service.account, claims.issuer
                    )));
                }
                let account = self.accounts.find(&claims.audience);
                let account = account.ok_or_else(|| missing(&claims.audience))?;
                Ok(Placement {
                    account: claims.audience.clone(),
                    limits: claims.nats.limits.clone(),
                    default_permissions: account.settings().default_permissions.clone(),
                })
            }
            By::Claims(by) => {
                let account = match claims.nats.issuer_account.as_str() {
                    "" => &claims.issuer,
                    account => account,
                };
                let allowed = &by.nats.authorization.allowed_accounts;
                let any = allowed.as_slice() == ["*"];
                if *account != by.subject && !any && !allowed.iter().any(|a| a == account) {
                    return Err(refused(format!(
                        "Account {account:?} not permitted as valid account option for auth callout for account {:?}",
                        service.account
                    )));
                }
                let live = self.load_account(account).map_err(|_| missing(account))?;
                let operators = self.operators.as_ref().ok_or_else(|| missing(account))?;
                let strict = operators.is_strict(&live.claims.issuer);
                let limits = live
                    .claims
                    .effective_limits(claims, strict)
                    .map_err(|e| refused(format!("User JWT is not valid: {e}")))?;
                if live.claims.is_revoked(claims) {
                    return Err(AuthError::Revoked);
                }
                Ok(Placement {
                    account: account.to_owned(),
                    limits,
                    default_permissions: permissions_of_account(&live.claims),
                })
            }
        }
    }
}

struct Placement {
    account: String,
    limits: nats_jwt::claims::UserPermissionLimits,
    default_permissions: Option<crate::options::Permissions>,
}

impl Caller {
    fn info(&self) -> CallerInfo {
        let (user, tags, name_tag) = match decode(&self.connect.jwt) {
            Ok(AnyClaims::User(user)) => (user.subject, user.nats.tags, user.name),
            _ => (String::new(), Default::default(), String::new()),
        };
        let named = self.who.shown().unwrap_or_default();
        CallerInfo {
            host: self.client.remote().ip().to_canonical().to_string(),
            id: self.client.id(),
            user: if named.is_empty() {
                user
            } else {
                named.to_owned()
            },
            name: self.connect.name.clone(),
            tags,
            name_tag,
            kind: "Client".into(),
            client_type: client_type(self.connection_type).into(),
            mqtt_id: String::new(),
            nonce: match self.connect.sig.is_empty() {
                true => String::new(),
                false => self.client.nonce.clone(),
            },
        }
    }

    fn tls(&self, policy: Option<&TlsPolicy>) -> Option<CallerTls> {
        let facts = self.client.state.lock().tls.clone()?;
        let TlsFacts {
            version,
            cipher,
            certificates,
            ..
        } = &*facts;
        let pems = |chain: &[CertificateDer<'_>]| chain.iter().map(|der| pem(der)).collect();
        let chains = policy.map(|policy| policy.verified_chains(certificates));
        let verified_chains: Vec<Vec<String>> = chains.iter().flatten().map(|c| pems(c)).collect();
        Some(CallerTls {
            version: (*version).to_owned(),
            cipher: cipher.clone(),
            certs: match verified_chains.is_empty() {
                true => pems(certificates),
                false => Vec::new(),
            },
            verified_chains,
        })
    }
}

fn asked_options(connect: &ConnectOptions) -> AskedOptions {
    AskedOptions {
        jwt: connect.jwt.clone(),
        nkey: connect.nkey.clone(),
        sig: connect.sig.clone(),
        auth_token: connect.auth_token.clone(),
        user: connect.user.clone(),
        pass: connect.pass.clone(),
        name: connect.name.clone(),
        lang: connect.lang.clone(),
        version: connect.version.clone(),
        protocol: connect.protocol.into(),
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = tail;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

fn refused(reason: String) -> AuthError {
    AuthError::Callout(reason)
}

fn violation(reason: &str) -> AuthError {
    refused(format!("Auth callout violation: {reason}"))
}

/// Takes the first answer.
struct Answers(Mutex<Option<oneshot::Sender<Vec<u8>>>>);

impl Hook for Answers {
    fn receive(&self, _: &mut Cycle, _: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        let body = msg.body();
        if let Some(sender) = self.0.lock().take() {
            let answer = match body.len() > ANSWER_LEN_MAX {
                true => Vec::new(),
                false => body.to_vec(),
            };
            // The one who asked may have gone.
            let _ = sender.send(answer);
        }
        true
    }
}

/// A subscription that is taken out when this is dropped.
struct Placed {
    account: Arc<Account>,
    sub: Arc<Sub>,
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.account.interest.remove(&self.sub);
    }
}
