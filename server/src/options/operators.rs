//! Operators as configured, read: what their tokens say belongs to the options, too.

use std::collections::BTreeSet;
use std::path::Path;

use nats_jwt::claims::{OperatorClaims, UserClaims};
use nats_jwt::creds;
use nats_jwt::nkey::{Kind, is_public_key};
use nats_jwt::validate;

use super::{Options, Resolver, ResolverKind, ServerUrl};

/// Why the operators of a configuration cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    #[error("error parsing operator JWT: {0}")]
    Token(String),
    #[error("operators require an account resolver to be configured")]
    NoResolver,
    #[error("default sentinel requires operators and accounts")]
    SentinelAlone,
    #[error("default sentinel JWT not valid")]
    BadSentinel,
    #[error("default sentinel must be a bearer token")]
    SentinelNoBearer,
    #[error("system_account in config and operator JWT must be identical")]
    SystemAccount,
    #[error(
        "using nats based account resolver - the system account needs to be specified in configuration or the operator jwt"
    )]
    NoSystemAccount,
    #[error("using nats based account resolver - no operator key found")]
    NoOperator,
    #[error("operator {operator} expects server version {wanted}, this is {ours}")]
    Version {
        operator: String,
        wanted: String,
        ours: String,
    },
    #[error("operator {operator} expects server version {wanted} got error instead: {reason}")]
    BadVersion {
        operator: String,
        wanted: String,
        reason: String,
    },
    #[error("trusted Keys {0:?} are required to be a valid public operator nkey")]
    BadKey(String),
    #[error("pinned account key {0:?} is not a valid public account nkey")]
    BadPinned(String),
}

impl Options {
    /// Whether users come with tokens.
    pub fn is_operator_mode(&self) -> bool {
        !self.trust.operators.is_empty() || !self.trust.trusted_keys.is_empty()
    }

    /// Reads the operators for a server of this `version` (their files, if they are configured as such) and takes over what they decide: the system account, the
    /// resolver by URL. Does nothing where there are none, or where it was done.
    ///
    /// # Errors
    /// What of it cannot be worked with.
    pub fn with_operators(mut self, version: &str) -> Result<Self, OperatorError> {
        if !self.is_operator_mode() {
            return match self.trust.default_sentinel {
                Some(_) => Err(OperatorError::SentinelAlone),
                None => Ok(self),
            };
        }
        if self.trust.claims.is_empty() {
            let read: Result<_, _> = self.trust.operators.iter().map(|o| read(o)).collect();
            self.trust.claims = read?;
        }
        self.take_resolver()?;
        self.check_sentinel()?;
        self.take_system_account()?;
        for operator in &self.trust.claims {
            check_version(operator, version)?;
            let keys = operator.nats.signing_keys.iter();
            if let Some(bad) = keys
                .into_iter()
                .find(|key| !is_public_key(key, Kind::Operator))
            {
                return Err(OperatorError::BadKey(bad.clone()));
            }
        }
        self.complete_pinned()?;
        Ok(self)
    }

    /// Without a resolver, the only operator's own account server is asked.
    fn take_resolver(&mut self) -> Result<(), OperatorError> {
        if self.trust.resolver.is_some() {
            return Ok(());
        }
        let [operator] = self.trust.claims.as_slice() else {
            return Err(OperatorError::NoResolver);
        };
        let url = &operator.nats.account_server_url;
        if url.is_empty() || ServerUrl::parse(url).is_err() {
            return Err(OperatorError::NoResolver);
        }
        self.trust.resolver = Some(Resolver {
            kind: ResolverKind::Url(format!("{url}/accounts")),
            timeout: None,
        });
        Ok(())
    }

    fn check_sentinel(&self) -> Result<(), OperatorError> {
        let Some(sentinel) = &self.trust.default_sentinel else {
            return Ok(());
        };
        let claims =
            UserClaims::decode(sentinel.reveal()).map_err(|_| OperatorError::BadSentinel)?;
        let user = &claims.nats;
        // A scoped user may turn out to be a bearer when its scope is known.
        let scoped = !user.issuer_account.is_empty() && user.limits.is_nothing();
        if !user.limits.bearer_token && !scoped {
            return Err(OperatorError::SentinelNoBearer);
        }
        Ok(())
    }

    fn take_system_account(&mut self) -> Result<(), OperatorError> {
        let named = |claims: &OperatorClaims| claims.nats.system_account.clone();
        let of_operators: Vec<String> = self.trust.claims.iter().map(named).collect();
        let nats_based = matches!(
            self.trust.resolver.as_ref().map(|resolver| &resolver.kind),
            Some(ResolverKind::Full { .. } | ResolverKind::Cache { .. })
        );
        if nats_based && self.trust.claims.is_empty() {
            return Err(OperatorError::NoOperator);
        }
        match &self.system_account {
            Some(account) => {
                let any = of_operators.iter().any(|named| !named.is_empty());
                if any && !of_operators.contains(account) {
                    return Err(OperatorError::SystemAccount);
                }
            }
            None => match of_operators.first().filter(|named| !named.is_empty()) {
                Some(account) => self.system_account = Some(account.clone()),
                None if nats_based => return Err(OperatorError::NoSystemAccount),
                None => {}
            },
        }
        Ok(())
    }

    /// The system account can always log in.
    fn complete_pinned(&mut self) -> Result<(), OperatorError> {
        let pinned: &mut BTreeSet<String> = &mut self.trust.resolver_pinned_accounts;
        if pinned.is_empty() {
            return Ok(());
        }
        if let Some(bad) = pinned.iter().find(|key| !is_public_key(key, Kind::Account)) {
            return Err(OperatorError::BadPinned(bad.clone()));
        }
        pinned.extend(self.system_account.clone());
        Ok(())
    }
}

/// An operator stands there as a file or as the token itself.
fn read(operator: &str) -> Result<OperatorClaims, OperatorError> {
    let refused = |reason: String| OperatorError::Token(reason);
    let path = Path::new(operator);
    let token = if operator.starts_with("eyJ") && !path.exists() {
        nats_jwt::secret::Secret::from(operator.trim())
    } else {
        creds::read_jwt(path).map_err(|e| refused(e.to_string()))?
    };
    OperatorClaims::decode(token.reveal()).map_err(|e| refused(e.to_string()))
}

fn check_version(operator: &OperatorClaims, version: &str) -> Result<(), OperatorError> {
    let wanted = &operator.nats.assert_server_version;
    let bad = |reason: String| OperatorError::BadVersion {
        operator: operator.subject.clone(),
        wanted: wanted.clone(),
        reason,
    };
    let least = validate::parse_server_version(wanted).map_err(bad)?;
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let ours = validate::parse_server_version(release).map_err(bad)?;
    if ours < least {
        return Err(OperatorError::Version {
            operator: operator.subject.clone(),
            wanted: wanted.clone(),
            ours: version.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nats_jwt::nkey::KeyPair;

    use super::*;

    fn options(operators: &[&OperatorClaims], key: &KeyPair, more: &str) -> Options {
        let tokens: Vec<_> = operators
            .iter()
            .map(|claims| claims.encode(key, 1).expect("signed"))
            .collect();
        let text = format!("operators: [{}]\n{more}", tokens.join(", "));
        Options::from_text(&text).expect("sound").options
    }

    fn operator(change: impl FnOnce(&mut OperatorClaims)) -> (OperatorClaims, KeyPair) {
        let key = KeyPair::generate(Kind::Operator).expect("randomness");
        let mut claims = OperatorClaims::new(key.public_key().to_string());
        change(&mut claims);
        (claims, key)
    }

    #[test]
    fn the_system_account_and_the_resolver_are_taken_from_the_operator() {
        let system = KeyPair::generate(Kind::Account)
            .expect("randomness")
            .public_key()
            .to_string();
        let (claims, key) = operator(|claims| {
            claims.nats.system_account = system.clone();
            claims.nats.account_server_url = "http://127.0.0.1:9/jwt/v1".into();
        });
        let options = options(&[&claims], &key, "")
            .with_operators("2.15.1")
            .expect("sound");
        assert_eq!(options.system_account_name(), Some(system.as_str()));
        let kind = options.trust.resolver.as_ref().map(|r| r.kind.clone());
        assert_eq!(
            kind,
            Some(ResolverKind::Url(
                "http://127.0.0.1:9/jwt/v1/accounts".into()
            ))
        );
        assert_eq!(options.clone().with_operators("2.15.1"), Ok(options));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let (plain, key) = operator(|_| {});
        let refused = |more: &str| {
            options(&[&plain], &key, more)
                .with_operators("2.15.1")
                .err()
        };
        assert_eq!(refused(""), Some(OperatorError::NoResolver));
        assert_eq!(refused("resolver: MEMORY"), None);
        let full = "resolver: {type: full, dir: x}";
        assert_eq!(refused(full), Some(OperatorError::NoSystemAccount));
        assert_eq!(
            refused("resolver: MEMORY, default_sentinel: eyJ"),
            Some(OperatorError::BadSentinel)
        );
        let (newer, key) = operator(|claims| claims.nats.assert_server_version = "99.0.0".into());
        let newer = options(&[&newer], &key, "resolver: MEMORY").with_operators("2.15.1");
        assert!(matches!(newer, Err(OperatorError::Version { .. })));
        let missing = Options::from_text("operator: /nowhere/op.jwt, resolver: MEMORY");
        let missing = missing.expect("sound").options.with_operators("2.15.1");
        assert!(matches!(missing, Err(OperatorError::Token(_))));
    }
}
