//! After a reload: may a live connection stay what it is?

use std::sync::Arc;
use std::time::SystemTime;

use nats_jwt::claims::AccountClaims;

use super::authenticator::Compare;
use super::claim::Claim;
use super::{AuthError, Authenticator, Identity, Origin, Permissions};

/// What a reload means for one live connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Revalidated {
    /// Nothing changed for it.
    Same,
    /// The same user of the same account, with other permissions: its subscriptions are to be checked again.
    PermissionsChanged(Option<Arc<Permissions>>),
    /// The same credentials now mean another user or account. The reference closes such a connection (`Client Closed`); it
    /// finds itself where it belongs when it connects again.
    Moved,
    /// Its account took back what it had said about it.
    Revoked,
    /// The key that signed its token is no longer one of the account, or means something else now: it is closed without a word, as
    /// by the reference.
    SignerChanged,
    /// It may no longer be connected: an authorization violation.
    Gone(AuthError),
}

impl Identity {
    /// Judges a live connection by token under its account's claims as they are now.
    pub fn under(&self, account: &AccountClaims, strict: bool, now: SystemTime) -> Revalidated {
        let Some(user) = &self.user else {
            return Revalidated::Same;
        };
        let new = match &user.proof {
            Origin::Callout => {
                let list = &account.nats.revocations;
                return match list.is_revoked(&user.subject, user.issued_at) {
                    true => Revalidated::Revoked,
                    false => Revalidated::Same,
                };
            }
            Origin::Shown(proof) => proof.judge(account, strict, now),
        };
        match new {
            Err(AuthError::Revoked) => Revalidated::Revoked,
            Err(AuthError::SignerNotAccepted(_)) => Revalidated::SignerChanged,
            // A connection that stands is ended by its own clock.
            Err(AuthError::OutsideTimes | AuthError::TokenNoLongerValid) => Revalidated::Same,
            Err(refusal) => Revalidated::Gone(refusal),
            Ok(new) if new.user.as_ref().is_some_and(|new| new.scope != user.scope) => {
                Revalidated::SignerChanged
            }
            Ok(new) if new.permissions != self.permissions => {
                Revalidated::PermissionsChanged(new.permissions)
            }
            Ok(_) => Revalidated::Same,
        }
    }
}

impl Authenticator {
    /// Judges a live connection, admitted by an earlier authenticator, by what it presented then.
    ///
    /// Only where a reload brought another hash for a user does this compare a password again: once for each hash and password,
    /// however many connections there are. That one call takes as long as bcrypt does.
    pub fn still_valid(&self, identity: &Identity) -> Revalidated {
        if identity.user.is_some() {
            // An authorization service let it in, and is asked again when it connects again.
            return if self.calls_out() {
                Revalidated::Same
            } else {
                Revalidated::Gone(AuthError::NoCredentials)
            };
        }
        match self.judge_again(identity) {
            Err(refusal) => Revalidated::Gone(refusal),
            Ok(new) if new.account != identity.account || new.who != identity.who => {
                Revalidated::Moved
            }
            Ok(new) if new.permissions != identity.permissions => {
                Revalidated::PermissionsChanged(new.permissions)
            }
            Ok(_) => Revalidated::Same,
        }
    }

    fn judge_again(&self, identity: &Identity) -> Result<Identity, AuthError> {
        let nothing = Claim::default();
        let claim = identity.claim.as_deref().unwrap_or(&nothing);
        let trusted = |key: &str| self.trusts_proxy(key);
        if claim.proxy.as_deref().is_some_and(|key| !trusted(key)) {
            return Err(AuthError::ProxyNotTrusted);
        }
        let judgement = self.judge(claim, identity.connection_type)?;
        if let Some(compare) = &judgement.compare
            && identity.matched.as_ref() != Some(&compare.stored)
            && !self.matches_again(compare, claim)
        {
            return Err(compare.what.refusal());
        }
        let new = judgement.into_identity(claim.clone(), identity.connection_type);
        let is_of_service = new.user().is_some_and(|user| self.is_of_service(user));
        Ok(match is_of_service {
            true => self.as_user_of_service(new),
            false => new,
        })
    }

    fn matches_again(&self, compare: &Compare, claim: &Claim) -> bool {
        let offered = compare.what.offered(claim);
        let Some(digest) = compare.stored.comparison_digest(offered) else {
            return compare.stored.matches(offered);
        };
        // The lock is held while comparing, so that many connections of one user wait for one comparison.
        let mut compared = self.compared_again.lock();
        *compared
            .entry(digest)
            .or_insert_with(|| compare.stored.matches(offered))
    }
}
