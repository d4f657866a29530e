//! The chain of trust: operator, account, user, activation. Who may say what a token says.
//!
//! A token that was decoded was signed by the key it names as its issuer. Here it is asked whether that key speaks for whom it
//! claims to speak, whether what it says has been taken back, and whether its time has come and not gone.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::BTreeMap;

use nats_proto::subject;

use crate::claims::{
    AccountClaims, ActivationClaims, AnyClaims, Claims, Export, Import, OperatorClaims, Payload,
    UserClaims, UserPermissionLimits, UserScope,
};
use crate::template::{self, TemplateError, Values};

/// The keys whose accounts are accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whether accounts of this issuer must use signing keys.
    strict: BTreeMap<String, bool>,
}

impl Trust {
    /// Trust in operators: in their own keys, unless they are strict, and in their signing keys.
    pub fn in_operators<'a>(operators: impl IntoIterator<Item = &'a OperatorClaims>) -> Self {
        let mut strict = BTreeMap::new();
        for operator in operators {
            let is_strict = operator.nats.strict_signing_key_usage;
            if !is_strict {
                strict.insert(operator.subject.clone(), false);
            }
            for key in &operator.nats.signing_keys {
                strict.insert(key.clone(), is_strict);
            }
        }
        Self { strict }
    }

    /// Trust in keys as they are.
    pub fn in_keys(keys: impl IntoIterator<Item = String>) -> Self {
        Self {
            strict: keys.into_iter().map(|key| (key, false)).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.strict.is_empty()
    }

    /// Whether an account that `issuer` signed is accepted.
    pub fn accepts(&self, issuer: &str) -> bool {
        self.strict.contains_key(issuer)
    }

    /// Whether the accounts of `issuer` may sign with their signing keys only.
    pub fn is_strict(&self, issuer: &str) -> bool {
        self.strict.get(issuer).copied().unwrap_or(false)
    }
}

/// Why a token's issuer does not speak for whom it claims to, or why its word no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("token has expired")]
    Expired,
    #[error("token is not valid yet")]
    Early,
    #[error("issuer is not a key of the account")]
    UnknownIssuer,
    #[error("user has permissions or limits of its own, but was signed by a scoped key")]
    NotEmpty,
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error("user was revoked")]
    Revoked,
    #[error("the account does not allow bearer tokens")]
    Bearer,
}

impl OperatorClaims {
    /// Whether the operator, by its own key or a signing key, signed these claims, and may do so with that key.
    pub fn did_sign<N: Payload>(&self, claims: &Claims<N>) -> bool {
        if claims.issuer == self.subject {
            return !self.nats.strict_signing_key_usage || claims.subject == self.subject;
        }
        self.nats.signing_keys.contains(&claims.issuer)
    }
}

impl AccountClaims {
    /// Whether the account, by its own key or a signing key, signed these claims of a user or an activation.
    pub fn did_sign(&self, claims: &AnyClaims) -> bool {
        claims.issuer() == self.subject
            || claims.issuer_account() == Some(&self.subject)
                && self.nats.signing_keys.contains(claims.issuer())
    }

    /// The scope under which `issuer` signs for this account: a key of the account, plain (`None`) or scoped. With `strict`
    /// the account's own key does not sign.
    ///
    /// # Errors
    /// [`ChainError::UnknownIssuer`].
    pub fn signer(&self, issuer: &str, strict: bool) -> Result<Option<&UserScope>, ChainError> {
        let own = !strict && issuer == self.subject;
        if !own && !self.nats.signing_keys.contains(issuer) {
            return Err(ChainError::UnknownIssuer);
        }
        Ok(self.nats.signing_keys.scope(issuer))
    }

    /// The permissions and limits of `user`: its own, or those of the scope of the key that signed it.
    ///
    /// # Errors
    /// When the signer is no key of this account, or scope and user do not go together.
    pub fn effective_limits(
        &self,
        user: &UserClaims,
        strict: bool,
    ) -> Result<UserPermissionLimits, ChainError> {
        match self.signer(&user.issuer, strict)? {
            None => Ok(user.nats.limits.clone()),
            Some(_) if !user.nats.limits.is_nothing() => Err(ChainError::NotEmpty),
            Some(scope) => Ok(template::expand(&scope.template, &Values::of(user, self))?),
        }
    }

    /// Whether the account took back what was said about `user`. Without subject or time of issue it counts as taken back.
    pub fn is_revoked(&self, user: &UserClaims) -> bool {
        user.issued_at == 0
            || user.subject.is_empty()
            || self
                .nats
                .revocations
                .is_revoked(&user.subject, user.issued_at)
    }

    /// Everything that decides, from the tokens alone, whether `user` may connect at `now` (seconds since 1970) and with which
    /// permissions and limits. Not decided here: networks, times of the day, connection types, the signed nonce.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        user: &UserClaims,
        strict: bool,
        now: i64,
    ) -> Result<UserPermissionLimits, ChainError> {
        in_time(user, now)?;
        in_time(self, now)?;
        let limits = self.effective_limits(user, strict)?;
        if limits.bearer_token && self.nats.limits.disallow_bearer {
            return Err(ChainError::Bearer);
        }
        let revocations = &self.nats.revocations;
        if revocations.is_revoked(&user.subject, user.issued_at) {
            return Err(ChainError::Revoked);
        }
        Ok(limits)
    }
}

/// Whether the claims' time has come and not gone at `now` (seconds since 1970).
///
/// # Errors
/// [`ChainError::Expired`], [`ChainError::Early`].
pub fn in_time<N: Payload>(claims: &Claims<N>, now: i64) -> Result<(), ChainError> {
    if claims.is_expired(now) {
        return Err(ChainError::Expired);
    }
    if claims.is_early(now) {
        return Err(ChainError::Early);
    }
    Ok(())
}

/// Why an import does not carry a valid permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivationError {
    #[error("the export needs an activation token and the import has none")]
    Missing,
    #[error("activation token: {0}")]
    Token(#[from] crate::claims::DecodeError),
    #[error("activation token is for another account")]
    OtherImporter,
    #[error("activation token was not issued by the exporting account")]
    OtherExporter,
    #[error("activation token was issued by a key that the exporting account does not know")]
    UnknownIssuer,
    #[error("activation token is for another kind of import")]
    OtherType,
    #[error("activation token is for another subject")]
    OtherSubject,
    #[error("activation token has expired")]
    Expired,
    #[error("activation token is not valid yet")]
    Early,
    #[error("activation token was revoked")]
    Revoked,
}

/// Checks the activation token of `import` in the account `importer` (public key) against the `export` of `exporter`, at `now`
/// (seconds since 1970).
///
/// # Errors
/// Why the import is not permitted.
pub fn check_activation(
    import: &Import,
    importer: &str,
    exporter: &AccountClaims,
    export: &Export,
    now: i64,
) -> Result<ActivationClaims, ActivationError> {
    if import.token.is_empty() {
        return Err(ActivationError::Missing);
    }
    let token = ActivationClaims::decode(&import.token)?;
    if token.subject != importer {
        return Err(ActivationError::OtherImporter);
    }
    if token.nats.issuer_account.is_empty() {
        if token.issuer != exporter.subject {
            return Err(ActivationError::OtherExporter);
        }
    } else {
        if token.nats.issuer_account != exporter.subject {
            return Err(ActivationError::OtherExporter);
        }
        let known =
            token.issuer == exporter.subject || exporter.nats.signing_keys.contains(&token.issuer);
        if !known {
            return Err(ActivationError::UnknownIssuer);
        }
    }
    if token.nats.import_type != import.kind {
        return Err(ActivationError::OtherType);
    }
    if !is_contained_in(import.exporter_subject(), &token.nats.import_subject) {
        return Err(ActivationError::OtherSubject);
    }
    // In the second of its expiry it is over, unlike tokens of users: the reference does it so.
    if token.expires != 0 && token.expires <= now {
        return Err(ActivationError::Expired);
    }
    if token.is_early(now) {
        return Err(ActivationError::Early);
    }
    if export
        .revocations
        .is_revoked(&token.subject, token.issued_at)
    {
        return Err(ActivationError::Revoked);
    }
    Ok(token)
}

/// Why an account may not have what it imports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("the subject is not valid")]
    BadSubject,
    #[error("it is not exported")]
    NotExported,
    #[error("the subject does not name this account")]
    OtherAccount,
    #[error(transparent)]
    Activation(#[from] ActivationError),
}

/// Whether `exporter` offers `import` to the account `importer` (public key), at `now` (seconds since 1970); until when, if an activation
/// token says so.
///
/// # Errors
/// Why not.
pub fn check_import(
    import: &Import,
    importer: &str,
    exporter: &AccountClaims,
    now: i64,
) -> Result<Option<i64>, ImportError> {
    let wanted = import.exporter_subject();
    if !subject::is_valid(wanted.as_bytes()) {
        return Err(ImportError::BadSubject);
    }
    let offers = || {
        let same_kind = |export: &&Export| export.kind == import.kind;
        exporter.nats.exports.iter().filter(same_kind)
    };
    let covers =
        |export: &&Export| subject::is_subset(wanted.as_bytes(), export.subject.as_bytes());
    // The export of exactly this subject decides before wider ones.
    let export = offers()
        .find(|export| export.subject == wanted)
        .or_else(|| offers().find(covers))
        .ok_or(ImportError::NotExported)?;
    if export.account_token_position > 0 {
        let index = export.account_token_position.saturating_sub(1);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        return match subject::token_at(wanted.as_bytes(), index) == Some(importer.as_bytes()) {
            true => Ok(None),
            false => Err(ImportError::OtherAccount),
        };
    }
    if !export.token_required {
        return Ok(None);
    }
    let token = check_activation(import, importer, exporter, export, now)?;
    Ok((token.expires > 0).then_some(token.expires))
}

impl Import {
    /// The subject as the exporter has it.
    pub fn exporter_subject(&self) -> &str {
        if self.kind == crate::claims::ExportType::Service && !self.to.is_empty() {
            &self.to
        } else {
            &self.subject
        }
    }
}

/// Whether every subject that `subject` matches is one that `other` matches.
pub(crate) fn is_contained_in(subject: &str, other: &str) -> bool {
    nats_proto::subject::is_valid(subject.as_bytes())
        && nats_proto::subject::is_subset(subject.as_bytes(), other.as_bytes())
}

#[cfg(test)]
mod tests;
