//! After a reload: may a live connection stay what it is?

use std::sync::Arc;

use super::authenticator::Compare;
use super::claim::Claim;
use super::{AuthError, Authenticator, Identity, Permissions};

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
    /// It may no longer be connected: an authorization violation.
    Gone(AuthError),
}

impl Authenticator {
    /// Judges a live connection, admitted by an earlier authenticator, by what it presented then.
    ///
    /// Only where a reload brought another hash for a user does this compare a password again: once for each hash and password,
    /// however many connections there are. That one call takes as long as bcrypt does.
    pub fn still_valid(&self, identity: &Identity) -> Revalidated {
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
        Ok(judgement.into_identity(claim.clone(), identity.connection_type))
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
