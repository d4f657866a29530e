//! Users who come with a token that their account signed.
//!
//! [`Proof`] is what a connection showed, with everything verified that only the moment of CONNECT can verify. [`Proof::judge`]
//! says what that amounts to under an account's claims: at CONNECT, and again whenever the claims change.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nats_jwt::chain::ChainError;
use nats_jwt::cidr::Cidr;
use nats_jwt::claims::{self, AccountClaims, UserClaims, UserPermissionLimits, UserScope};
use nats_jwt::nkey::PublicKey;
use nats_jwt::secret::Secret;
use nats_jwt::times::{self, Admission};

use super::{AuthError, Credentials, Identity, Permissions, Who};
use crate::options::{self, ConnectionType, ResponsePermission, SubjectGrant, SubjectPermission};

/// A token and what came with it.
pub struct Proof {
    pub claims: UserClaims,
    /// The token itself.
    token: Secret,
    signature: SignedNonce,
    /// Public key of the trusted proxy in between.
    proxy: Option<Arc<str>>,
    connection_type: ConnectionType,
    remote: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignedNonce {
    Missing,
    Wrong,
    Verified,
}

/// What is known of a connection's user from its token, for as long as the connection lives.
#[derive(Debug)]
pub struct TokenUser {
    /// Public key of the user.
    pub subject: Arc<str>,
    /// The name in the token.
    pub name: String,
    pub tags: Vec<String>,
    /// What vouches for the user: the signing key, or the account itself.
    pub issuer_key: String,
    /// In seconds since 1970.
    pub issued_at: i64,
    /// Subscriptions at most.
    pub max_subscriptions: Option<u32>,
    /// Bytes of a message at most.
    pub max_payload: Option<u32>,
    /// When the connection has to end.
    pub expires: Option<SystemTime>,
    /// The token, when it is of no use without the key.
    pub shown_token: Option<String>,
    /// The scope that decided, as it was.
    pub(super) scope: Option<UserScope>,
    pub(super) proof: Origin,
}

/// Where an identity by token comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// The connection showed this.
    Shown(Arc<Proof>),
    /// An authorization service said so.
    Callout,
}

impl Proof {
    /// Reads and verifies what a connection shows. `sentinel` stands in for a token that is none.
    ///
    /// # Errors
    /// When there is no token, or it is not one of a user.
    pub fn of(
        request: &Credentials<'_>,
        proxy: Option<Arc<str>>,
        sentinel: Option<&Secret>,
    ) -> Result<Self, AuthError> {
        // Files with tokens end with a line.
        let shown = request.connect.jwt.trim_end_matches(['\r', '\n']);
        let shown = Secret::from(shown);
        let (token, claims) = match UserClaims::decode(shown.reveal()) {
            Ok(claims) => (shown, claims),
            Err(reason) => match sentinel {
                Some(sentinel) => {
                    let claims = UserClaims::decode(sentinel.reveal());
                    (
                        sentinel.clone(),
                        claims.map_err(|_| AuthError::TokenRequired)?,
                    )
                }
                None if shown.is_empty() => return Err(AuthError::TokenRequired),
                None => return Err(AuthError::BadToken(reason.to_string())),
            },
        };
        let signature = signed_nonce(request, &claims);
        Ok(Self {
            claims,
            token,
            signature,
            proxy,
            connection_type: request.connection_type,
            remote: request.remote,
        })
    }

    /// Public key of the account to which the user belongs.
    pub fn account(&self) -> &str {
        match self.claims.nats.issuer_account.as_str() {
            "" => &self.claims.issuer,
            account => account,
        }
    }

    /// The token, for an authorization service.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Who this is by the claims of its account, at `now`.
    ///
    /// # Errors
    /// Why it is nobody.
    pub fn judge(
        self: &Arc<Self>,
        account: &AccountClaims,
        strict: bool,
        now: SystemTime,
    ) -> Result<Identity, AuthError> {
        let claims = &self.claims;
        let seconds = unix_seconds(now);
        if claims.validate(seconds).is_blocking(true) {
            return Err(AuthError::TokenNoLongerValid);
        }
        let scope = account.signer(&claims.issuer, strict)?.cloned();
        let limits = account.admit(claims, strict, seconds)?;
        if limits.proxy_required && self.proxy.is_none()
            || claims.nats.limits.proxy_required && self.proxy.is_none()
        {
            return Err(AuthError::ProxyRequired);
        }
        check_connection_type(&limits, self.connection_type)?;
        if !limits.bearer_token {
            match self.signature {
                SignedNonce::Verified => {}
                SignedNonce::Missing => return Err(AuthError::SignatureMissing),
                SignedNonce::Wrong => return Err(AuthError::SignatureNotVerified),
            }
        }
        check_source(&limits, self.remote)?;
        let expires = expires(claims, &limits, now)?;
        let subject: Arc<str> = claims.subject.as_str().into();
        let user = TokenUser {
            subject: subject.clone(),
            name: claims.name.clone(),
            tags: claims.nats.tags.iter().map(str::to_owned).collect(),
            issuer_key: claims.issuer.clone(),
            issued_at: claims.issued_at,
            max_subscriptions: limit(limits.limits.subs),
            max_payload: limit(limits.limits.payload),
            expires,
            shown_token: (!limits.bearer_token).then(|| self.token.reveal().to_owned()),
            scope,
            proof: Origin::Shown(self.clone()),
        };
        let identity = identity(
            account,
            &limits,
            Who::Nkey(subject),
            user,
            self.proxy.clone(),
            self.connection_type,
        );
        Ok(match account.nats.authorization.is_enabled() {
            true => identity.without_service_subject(),
            false => identity,
        })
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("subject", &self.claims.subject)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// Who a user is whom an authorization service let in.
pub struct Admitted<'a> {
    pub claims: &'a UserClaims,
    /// Its own limits, or those of the scope.
    pub limits: &'a UserPermissionLimits,
    pub who: Who,
    pub proxy: Option<Arc<str>>,
    pub connection_type: ConnectionType,
    pub remote: Option<IpAddr>,
    pub account: &'a str,
    /// For users without permissions.
    pub default_permissions: Option<options::Permissions>,
}

impl Admitted<'_> {
    /// # Errors
    /// When connection type, source or time of day do not permit it now.
    pub fn identity(self, now: SystemTime) -> Result<Identity, AuthError> {
        let (claims, limits) = (self.claims, self.limits);
        check_connection_type(limits, self.connection_type)?;
        check_source(limits, self.remote)?;
        let user = TokenUser {
            subject: claims.subject.as_str().into(),
            name: claims.name.clone(),
            tags: claims.nats.tags.iter().map(str::to_owned).collect(),
            issuer_key: if claims.nats.issuer_account.is_empty() {
                self.account.to_owned()
            } else {
                claims.issuer.clone()
            },
            issued_at: claims.issued_at,
            max_subscriptions: limit(limits.limits.subs),
            max_payload: limit(limits.limits.payload),
            expires: expires(claims, limits, now)?,
            shown_token: None,
            scope: None,
            proof: Origin::Callout,
        };
        let own = permissions(&limits.permissions);
        let permissions = own.or(self.default_permissions);
        Ok(Identity {
            account: self.account.into(),
            who: self.who,
            permissions: permissions.map(|p| Arc::new(Permissions::new(&p))),
            proxy: self.proxy,
            user: Some(Arc::new(user)),
            claim: None,
            matched: None,
            connection_type: self.connection_type,
        })
    }
}

fn identity(
    account: &AccountClaims,
    limits: &UserPermissionLimits,
    who: Who,
    user: TokenUser,
    proxy: Option<Arc<str>>,
    connection_type: ConnectionType,
) -> Identity {
    let own = permissions(&limits.permissions);
    let permissions = own.or_else(|| permissions_of_account(account));
    Identity {
        account: account.subject.as_str().into(),
        who,
        permissions: permissions.map(|p| Arc::new(Permissions::new(&p))),
        proxy,
        user: Some(Arc::new(user)),
        claim: None,
        matched: None,
        connection_type,
    }
}

/// What users without permissions may do.
pub fn permissions_of_account(account: &AccountClaims) -> Option<options::Permissions> {
    permissions(&account.nats.default_permissions)
}

fn signed_nonce(request: &Credentials<'_>, claims: &UserClaims) -> SignedNonce {
    if request.connect.sig.is_empty() {
        return SignedNonce::Missing;
    }
    // Without a nonce a signature says nothing about now.
    let verified = !request.nonce.is_empty()
        && PublicKey::parse(&claims.subject)
            .and_then(|key| key.verify_text(request.nonce, &request.connect.sig))
            .is_ok();
    if verified {
        SignedNonce::Verified
    } else {
        SignedNonce::Wrong
    }
}

/// Unknown words do not count, unless there are no others: what was meant for others must not become open to all.
fn check_connection_type(
    limits: &UserPermissionLimits,
    connection_type: ConnectionType,
) -> Result<(), AuthError> {
    let words = &limits.allowed_connection_types;
    let allowed = words
        .iter()
        .filter_map(|word| ConnectionType::from_word(&word.to_uppercase()))
        .any(|allowed| allowed == connection_type);
    if words.is_empty() || allowed {
        Ok(())
    } else {
        Err(AuthError::ConnectionTypeNotAllowed)
    }
}

fn check_source(limits: &UserPermissionLimits, remote: Option<IpAddr>) -> Result<(), AuthError> {
    if limits.src.is_empty() {
        return Ok(());
    }
    let remote = remote.ok_or(AuthError::SourceNotAllowed)?;
    for network in &limits.src {
        // A network that cannot be read might have been the only one.
        let network: Cidr = network.parse().map_err(|_| AuthError::SourceNotAllowed)?;
        if network.contains(remote) {
            return Ok(());
        }
    }
    Err(AuthError::SourceNotAllowed)
}

/// When the connection has to end: with the token, or with the time of day.
fn expires(
    claims: &UserClaims,
    limits: &UserPermissionLimits,
    now: SystemTime,
) -> Result<Option<SystemTime>, AuthError> {
    let moment = jiff::Timestamp::try_from(now).map_err(|_| AuthError::OutsideTimes)?;
    let of_day = match times::admission(&limits.times, &limits.times_location, moment) {
        Admission::Never => return Err(AuthError::OutsideTimes),
        Admission::Always => None,
        Admission::Until { left_ms } => {
            now.checked_add(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
        }
    };
    let of_token = u64::try_from(claims.expires)
        .ok()
        .filter(|at| *at > 0)
        .and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at)));
    Ok(match (of_day, of_token) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    })
}

/// -1 is no limit. Another negative number says nothing sensible, and allows nothing, as in the reference.
pub(crate) fn limit(value: i64) -> Option<u32> {
    let bounded = || u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    (value != claims::NO_LIMIT).then(bounded)
}

pub(crate) fn unix_seconds(at: SystemTime) -> i64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .unwrap_or(0)
}

/// Permissions of a token as those of a configuration; `None` when they say nothing.
pub fn permissions(source: &claims::Permissions) -> Option<options::Permissions> {
    if source.is_empty() {
        return None;
    }
    let mut publish = subjects(&source.publish);
    let responses = source.response.map(|response| {
        let default = ResponsePermission::default();
        ResponsePermission {
            max_msgs: match response.max_messages {
                0 => default.max_msgs,
                count => u64::try_from(count).ok(),
            },
            expires: match response.expires_ns {
                0 => default.expires,
                nanos => u64::try_from(nanos).ok().map(Duration::from_nanos),
            },
        }
    });
    if responses.is_some() {
        // Who may answer may otherwise publish only what it was explicitly allowed.
        let publish = publish.get_or_insert_default();
        publish.allow.get_or_insert_default();
    }
    Some(options::Permissions {
        publish,
        subscribe: subjects(&source.subscribe),
        allow_responses: responses,
    })
}

fn subjects(source: &claims::Permission) -> Option<SubjectPermission> {
    if source.is_empty() {
        return None;
    }
    let grants = |list: &[String]| list.iter().map(|text| grant(text)).collect::<Vec<_>>();
    Some(SubjectPermission {
        allow: (!source.allow.is_empty()).then(|| grants(&source.allow)),
        deny: grants(&source.deny),
    })
}

fn grant(text: &str) -> SubjectGrant {
    let mut words = text.split_whitespace();
    SubjectGrant {
        subject: words.next().unwrap_or_default().to_owned(),
        queue: words.next().map(str::to_owned),
    }
}

impl From<ChainError> for AuthError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Revoked => Self::Revoked,
            ChainError::Bearer => Self::BearerNotAllowed,
            ChainError::UnknownIssuer | ChainError::NotEmpty | ChainError::Template(_) => {
                Self::SignerNotAccepted(error.to_string())
            }
            ChainError::Expired | ChainError::Early => Self::TokenNoLongerValid,
        }
    }
}
