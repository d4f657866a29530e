//! The one place that decides who may connect.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashbrown::HashMap;
use nats_jwt::nkey::{NkeyError, PublicKey, SIGNATURE_LEN};
use nats_jwt::secret::Secret;
use nats_proto::info::ConnectOptions;
use parking_lot::Mutex;

use super::certificate::CertificateNames;
use super::claim::{Claim, Signature};
use super::password::StoredPassword;
use super::users::{Rights, Users};
use super::{AuthError, Credentials, Identity, Permissions, SlowCheck, Verdict, Who};
use crate::options::{Authorization, ConnectionType, GLOBAL_ACCOUNT, Options};

/// Decides who may connect, by the options it was made from. Immutable: a reload makes another one.
#[derive(Debug)]
pub struct Authenticator {
    required: bool,
    /// Users come with tokens.
    by_token: bool,
    /// An authorization service decides about most.
    service: Option<ServiceUsers>,
    users: Users,
    /// The single user or the token.
    simple: Option<Simple>,
    simple_needs_proxy: bool,
    no_auth_user: Option<Arc<str>>,
    /// Users exist for the system account only: everybody else is nobody in the global account.
    only_system_users: bool,
    /// The user comes from the certificate (`verify_and_map`).
    map_certificates: bool,
    proxies: Vec<(Arc<str>, PublicKey)>,
    global: Arc<str>,
    /// Compared with when there is nothing to compare with, so that a refusal takes its time; only where a hash is configured.
    decoy: Option<Arc<StoredPassword>>,
    /// Outcomes of comparisons that a reload made necessary, by digest of hash and password.
    pub(super) compared_again: Mutex<HashMap<[u8; 32], bool>>,
}

/// The users of an authorization service.
#[derive(Debug)]
struct ServiceUsers {
    account: Arc<str>,
    users: Vec<Arc<str>>,
}

#[derive(Debug)]
enum Simple {
    User {
        name: Arc<str>,
        password: Arc<StoredPassword>,
    },
    Token(Arc<StoredPassword>),
}

/// Why no authenticator can be made. The checks of the options say most of these earlier and with a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthSetupError {
    #[error("user {0:?} is configured twice")]
    DuplicateUser(String),
    #[error("nkey {0:?} of a user: {1}")]
    BadNkey(String, NkeyError),
    #[error("key {0:?} of a trusted proxy: {1}")]
    BadProxyKey(String, NkeyError),
    #[error(
        "no_auth_user {0:?} is neither a user nor an nkey of the authorization block or of an account"
    )]
    NoSuchNoAuthUser(String),
}

/// What a claim amounts to, a password left open.
pub(super) struct Judgement {
    pub who: Who,
    pub account: Arc<str>,
    pub permissions: Option<Arc<Permissions>>,
    /// The password or token still to be compared with the claim's.
    pub compare: Option<Compare>,
}

/// A comparison that decides.
pub(super) struct Compare {
    pub stored: Arc<StoredPassword>,
    pub what: Compared,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Compared {
    Password,
    Token,
}

impl Authenticator {
    /// Compiles the options.
    ///
    /// # Errors
    /// A setting that cannot be honoured; nothing is left out silently.
    pub fn new(options: &Options) -> Result<Self, AuthSetupError> {
        let users = Users::new(options)?;
        let no_auth_user = options.no_auth_user.as_deref().map(Arc::<str>::from);
        if let Some(name) = &no_auth_user
            && users.by_name(name).is_none()
            && users.by_key(name).is_none()
        {
            return Err(AuthSetupError::NoSuchNoAuthUser(name.to_string()));
        }
        let simple = simple(&options.authorization);
        let only_system_users = no_auth_user.is_none() && has_only_the_system_account(options);
        Ok(Self {
            by_token: options.is_operator_mode(),
            service: options
                .authorization
                .auth_callout
                .as_ref()
                .map(|callout| ServiceUsers {
                    account: callout.account.as_str().into(),
                    users: callout
                        .auth_users
                        .iter()
                        .map(|user| user.as_str().into())
                        .collect(),
                }),
            required: options.is_operator_mode()
                || users.has_names()
                || users.has_keys()
                || simple.is_some()
                || only_system_users,
            decoy: decoy(&users, simple.as_ref()),
            users,
            simple,
            simple_needs_proxy: options.authorization.proxy_required,
            no_auth_user,
            only_system_users,
            map_certificates: options.tls.as_ref().is_some_and(|tls| tls.verify_and_map),
            proxies: proxies(&options.trusted_proxies)?,
            global: GLOBAL_ACCOUNT.into(),
            compared_again: Mutex::default(),
        })
    }

    /// `auth_required` of INFO, and nothing but that: false also when `no_auth_user` stands in for those who show nothing, who
    /// then still pass [`Self::check`] and are that user.
    pub fn announced_as_required(&self) -> bool {
        self.required && self.no_auth_user.is_none()
    }

    /// Whether a connection is nobody until [`Self::check`] has accepted it. It has the authentication timeout for that.
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Whether INFO needs a nonce: somebody may have to sign it.
    pub fn nonce_required(&self) -> bool {
        self.by_token || self.users.has_keys() || !self.proxies.is_empty()
    }

    /// The user that a connection without credentials becomes.
    pub fn no_auth_user(&self) -> Option<&str> {
        self.no_auth_user.as_deref()
    }

    /// Whether something other than CONNECT may come first on a plain client connection. The caller then runs
    /// [`Self::check`] with a default [`ConnectOptions`], which checks all that a CONNECT would have to pass.
    pub fn admits_before_connect(&self) -> bool {
        let named = |name: &Arc<str>| self.users.by_name(name).is_some();
        !self.required || self.only_system_users || self.no_auth_user.as_ref().is_some_and(named)
    }

    /// What the operator should hear about at start and reload.
    pub fn warnings(&self) -> Vec<String> {
        let simple = match &self.simple {
            Some(Simple::User { name, password }) => Some((name, password)),
            _ => None,
        };
        let named = self.users.named().map(|u| (&u.name, &u.password));
        let all: Vec<_> = named.chain(simple).collect();
        // A user without a password is one that only a certificate can be.
        let is_plain = |stored: &StoredPassword| match stored {
            StoredPassword::Plain(text) => !(text.is_empty() && self.map_certificates),
            StoredPassword::Bcrypt(_) => false,
        };
        let mut warnings = Vec::new();
        if all.iter().any(|(_, stored)| is_plain(stored)) {
            warnings.push("Plaintext passwords detected, use nkeys or bcrypt".to_owned());
        }
        let mut malformed: Vec<_> = all.iter().filter(|(_, s)| s.is_malformed()).collect();
        malformed.sort_by_key(|(name, _)| name.to_string());
        warnings.extend(malformed.iter().map(|(name, _)| {
            format!("Password of user {name:?} begins like bcrypt but is none: nobody can log in with it")
        }));
        warnings
    }

    /// Says who a client is.
    pub fn check(&self, request: &Credentials<'_>) -> Verdict {
        let connect = request.connect;
        if connect.new_account || !connect.account.is_empty() {
            return Verdict::Refused(AuthError::AccountRequested);
        }
        let claim = match self.claim(request) {
            Ok(claim) => claim,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        match self.judge(&claim, request.connection_type) {
            Ok(judgement) => self.compare(judgement, claim, request.connection_type),
            Err(refusal) => self.refuse(refusal, claim.password),
        }
    }

    /// Judges a claim by these options. The comparison of a password is left to the caller.
    pub(super) fn judge(
        &self,
        claim: &Claim,
        connection_type: ConnectionType,
    ) -> Result<Judgement, AuthError> {
        if !self.required {
            return Ok(self.global(who_claims(claim), None));
        }
        if self.by_token {
            // Who has no token is nobody; those who have one are judged by [`super::Proof`].
            return Err(AuthError::TokenRequired);
        }
        if let Some(judgement) = self.judge_nkey(claim, connection_type)? {
            return Ok(judgement);
        }
        if let Some(judgement) = self.judge_user(claim, connection_type)? {
            return Ok(judgement);
        }
        if self.only_system_users && claim.is_without_secret() {
            return Ok(self.global(Who::Anonymous, None));
        }
        self.judge_simple(claim)
    }

    /// Whether an authorization service stands behind this.
    pub(super) fn calls_out(&self) -> bool {
        self.service.is_some()
    }

    /// A user of the authorization service, about whom that is not asked.
    pub fn is_of_service(&self, user: &str) -> bool {
        let of = |service: &ServiceUsers| service.users.iter().any(|own| **own == *user);
        self.service.as_ref().is_some_and(of)
    }

    /// What a user of the authorization service may do: not all of what anybody else in its place might.
    pub fn as_user_of_service(&self, identity: Identity) -> Identity {
        match &self.service {
            Some(service) if service.account == identity.account => {
                identity.without_service_subject()
            }
            _ => identity,
        }
    }

    /// Whether this is a key of a trusted proxy.
    pub(super) fn trusts_proxy(&self, key: &str) -> bool {
        self.proxies.iter().any(|(text, _)| **text == *key)
    }

    /// Verifies what only now can be verified: signatures over the nonce.
    fn claim(&self, request: &Credentials<'_>) -> Result<Claim, AuthError> {
        let mut claim = Claim::of(request.connect);
        claim.proxy = self.proxy(request)?;
        claim.signature = self.signature(request);
        if self.map_certificates && self.required {
            claim.certificate = match (request.certificates.first(), request.tls) {
                (Some(leaf), _) => Some(Arc::new(CertificateNames::of(leaf)?)),
                (None, true) => return Err(AuthError::NoCertificate),
                (None, false) => None,
            };
        }
        Ok(claim)
    }

    /// The trusted proxy that signed the nonce. A signature that none of them made is a refusal, whoever the client is.
    pub(crate) fn proxy(&self, request: &Credentials<'_>) -> Result<Option<Arc<str>>, AuthError> {
        let signature = &request.connect.proxy_sig;
        if signature.is_empty() || self.proxies.is_empty() {
            return Ok(None);
        }
        if request.nonce.is_empty() || signature.len() > 2 * SIGNATURE_LEN {
            return Err(AuthError::ProxyNotTrusted);
        }
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| AuthError::ProxyNotTrusted)?;
        let signed = |key: &PublicKey| key.verify(request.nonce, &signature).is_ok();
        match self.proxies.iter().find(|(_, key)| signed(key)) {
            Some((text, _)) => Ok(Some(text.clone())),
            None => Err(AuthError::ProxyNotTrusted),
        }
    }

    fn signature(&self, request: &Credentials<'_>) -> Signature {
        let ConnectOptions { nkey, sig, .. } = request.connect;
        if sig.is_empty() {
            return Signature::Missing;
        }
        // Without a nonce a signature says nothing about now.
        let user = self
            .users
            .by_key(nkey)
            .filter(|_| !request.nonce.is_empty());
        match user {
            Some(user) if user.key.verify_text(request.nonce, sig).is_ok() => Signature::Verified,
            _ => Signature::Wrong,
        }
    }

    fn judge_nkey(
        &self,
        claim: &Claim,
        connection_type: ConnectionType,
    ) -> Result<Option<Judgement>, AuthError> {
        if !self.users.has_keys() {
            return Ok(None);
        }
        let claimed = (!claim.nkey.is_empty()).then_some(&*claim.nkey);
        let user = match claimed {
            Some(key) => self.users.by_key(key).ok_or(AuthError::UnknownNkey)?,
            None if claim.is_without_secret() => {
                let Some(user) = self.no_auth_user().and_then(|key| self.users.by_key(key)) else {
                    return Ok(None);
                };
                user
            }
            None => return Ok(None),
        };
        user.rights.check(connection_type, claim.proxy.is_some())?;
        // Who could have come without any credentials may also name the user that this makes.
        if self.no_auth_user() != Some(&*user.text) {
            match claim.signature {
                Signature::Verified => {}
                Signature::Missing => return Err(AuthError::SignatureMissing),
                Signature::Wrong => return Err(AuthError::SignatureNotVerified),
            }
        }
        Ok(Some(user_of(
            Who::Nkey(user.text.clone()),
            &user.rights,
            None,
        )))
    }

    fn judge_user(
        &self,
        claim: &Claim,
        connection_type: ConnectionType,
    ) -> Result<Option<Judgement>, AuthError> {
        if !self.users.has_names() {
            return Ok(None);
        }
        let (user, needs_password) = if self.map_certificates {
            let names = claim.certificate.as_ref().ok_or(AuthError::NoTls)?;
            (self.users.by_certificate(names, connection_type)?, true)
        } else if !claim.user.is_empty() {
            let user = self.users.by_name(&claim.user);
            (user.ok_or(AuthError::UnknownUser)?, true)
        } else if claim.is_without_secret() {
            let Some(user) = self
                .no_auth_user()
                .and_then(|name| self.users.by_name(name))
            else {
                return Ok(None);
            };
            (user, false)
        } else {
            return Ok(None);
        };
        user.rights.check(connection_type, claim.proxy.is_some())?;
        let compare = needs_password.then(|| Compare {
            stored: user.password.clone(),
            what: Compared::Password,
        });
        Ok(Some(user_of(
            Who::User(user.name.clone()),
            &user.rights,
            compare,
        )))
    }

    fn judge_simple(&self, claim: &Claim) -> Result<Judgement, AuthError> {
        if self.simple_needs_proxy && claim.proxy.is_none() {
            return Err(AuthError::ProxyRequired);
        }
        let (who, stored, what) = match &self.simple {
            Some(Simple::Token(stored)) => (Who::Token, stored, Compared::Token),
            Some(Simple::User { name, password }) if **name == *claim.user => {
                (Who::User(name.clone()), password, Compared::Password)
            }
            Some(Simple::User { .. }) if !claim.user.is_empty() => {
                return Err(AuthError::UnknownUser);
            }
            _ => return Err(AuthError::NoCredentials),
        };
        let stored = stored.clone();
        Ok(self.global(who, Some(Compare { stored, what })))
    }

    fn compare(
        &self,
        judgement: Judgement,
        claim: Claim,
        connection_type: ConnectionType,
    ) -> Verdict {
        let Some(Compare { stored, what }) = &judgement.compare else {
            return Verdict::Accepted(judgement.into_identity(claim, connection_type));
        };
        let (stored, what) = (stored.clone(), *what);
        let offered = what.offered(&claim).clone();
        if stored.cost().is_some() {
            let identity = judgement.into_identity(claim, connection_type);
            return Verdict::Slow(SlowCheck::new(stored, offered, Ok(identity)));
        }
        if stored.matches(&offered) {
            Verdict::Accepted(judgement.into_identity(claim, connection_type))
        } else {
            self.refuse(what.refusal(), offered)
        }
    }

    /// Where hashes are configured, a refusal that depends on names and passwords takes as long as a comparison.
    fn refuse(&self, refusal: AuthError, offered: Secret) -> Verdict {
        let tells_of_users = matches!(
            refusal,
            AuthError::UnknownUser
                | AuthError::WrongPassword
                | AuthError::WrongToken
                | AuthError::ConnectionTypeNotAllowed
                | AuthError::ProxyRequired
        );
        match &self.decoy {
            Some(decoy) if tells_of_users => {
                Verdict::Slow(SlowCheck::new(decoy.clone(), offered, Err(refusal)))
            }
            _ => Verdict::Refused(refusal),
        }
    }

    fn global(&self, who: Who, compare: Option<Compare>) -> Judgement {
        Judgement {
            who,
            account: self.global.clone(),
            permissions: None,
            compare,
        }
    }
}

impl Judgement {
    pub(super) fn into_identity(self, claim: Claim, connection_type: ConnectionType) -> Identity {
        Identity {
            account: self.account,
            who: self.who,
            permissions: self.permissions,
            proxy: claim.proxy.clone(),
            user: None,
            matched: self.compare.map(|compare| compare.stored),
            claim: (!claim.is_empty()).then(|| Arc::new(claim)),
            connection_type,
        }
    }
}

impl Compared {
    pub(super) fn offered(self, claim: &Claim) -> &Secret {
        match self {
            Self::Password => &claim.password,
            Self::Token => &claim.token,
        }
    }

    pub(super) fn refusal(self) -> AuthError {
        match self {
            Self::Password => AuthError::WrongPassword,
            Self::Token => AuthError::WrongToken,
        }
    }
}

fn user_of(who: Who, rights: &Rights, compare: Option<Compare>) -> Judgement {
    Judgement {
        who,
        account: rights.account.clone(),
        permissions: rights.permissions.clone(),
        compare,
    }
}

/// Without authentication nobody checks who a client says it is; monitoring shows it all the same, as the reference does.
fn who_claims(claim: &Claim) -> Who {
    if !claim.nkey.is_empty() {
        Who::Nkey((&*claim.nkey).into())
    } else if !claim.user.is_empty() {
        Who::User((&*claim.user).into())
    } else if !claim.token.is_empty() {
        Who::Token
    } else {
        Who::Anonymous
    }
}

fn simple(authorization: &Authorization) -> Option<Simple> {
    if !authorization.token.is_empty() {
        let stored = StoredPassword::new(&authorization.token);
        return Some(Simple::Token(Arc::new(stored)));
    }
    let name = authorization.user.as_deref().filter(|n| !n.is_empty())?;
    Some(Simple::User {
        name: name.into(),
        password: Arc::new(StoredPassword::new(&authorization.password)),
    })
}

/// The one case in which a configuration with users stays open to those without: the system account is the only account
/// configured, and there is no `authorization` block (which, even when empty, says that access was thought about).
fn has_only_the_system_account(options: &Options) -> bool {
    let mut others = options.accounts.iter().filter(|a| a.name != GLOBAL_ACCOUNT);
    let first = others.next().map(|a| a.name.as_str());
    !options.authorization.defined
        && first.is_some()
        && first == options.system_account_name()
        && others.next().is_none()
}

fn proxies(keys: &[String]) -> Result<Vec<(Arc<str>, PublicKey)>, AuthSetupError> {
    let parse = |text: &String| {
        let key =
            PublicKey::parse(text).map_err(|why| AuthSetupError::BadProxyKey(text.clone(), why))?;
        Ok((text.as_str().into(), key))
    };
    keys.iter().map(parse).collect()
}

fn decoy(users: &Users, simple: Option<&Simple>) -> Option<Arc<StoredPassword>> {
    let simple = simple.map(|simple| match simple {
        Simple::User { password, .. } | Simple::Token(password) => password,
    });
    let stored = users.named().map(|user| &user.password).chain(simple);
    let cost = stored.filter_map(|stored| stored.cost()).max()?;
    Some(Arc::new(StoredPassword::decoy(cost)))
}
