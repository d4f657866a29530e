//! After a reload: may a live connection stay what it is?

use hashbrown::HashMap;

use super::authenticator::Compare;
use super::claim::Claim;
use super::{AuthError, Authenticator, Identity};

/// What a reload means for one live connection.
#[derive(Debug)]
pub enum Revalidated {
    /// Nothing changed for it.
    Same,
    /// The same user of the same account, with other permissions: check its subscriptions again.
    PermissionsChanged(Identity),
    /// The same credentials now belong to another user or account; the connection is closed, and finds itself there when it
    /// connects again.
    Moved(Identity),
    /// It may no longer be connected.
    Gone(AuthError),
}

/// One reload's judgement of all live connections by the new [`Authenticator`].
///
/// Blocks while it compares passwords with hashes that the reload changed, once for each user and password: run it on a thread
/// that may.
pub struct Revalidation<'a> {
    authenticator: &'a Authenticator,
    compared: HashMap<[u8; 32], bool>,
}

impl Authenticator {
    /// Begins the judgement of live connections. `self` is the new authenticator.
    pub fn revalidation(&self) -> Revalidation<'_> {
        Revalidation {
            authenticator: self,
            compared: HashMap::new(),
        }
    }
}

impl Revalidation<'_> {
    /// Judges one connection by what it presented when it connected.
    pub fn check(&mut self, identity: &Identity) -> Revalidated {
        match self.judge(identity) {
            Err(refusal) => Revalidated::Gone(refusal),
            Ok(new) if new.account != identity.account || new.who != identity.who => {
                Revalidated::Moved(new)
            }
            Ok(new) if new.permissions != identity.permissions => {
                Revalidated::PermissionsChanged(new)
            }
            Ok(_) => Revalidated::Same,
        }
    }

    fn judge(&mut self, identity: &Identity) -> Result<Identity, AuthError> {
        let nothing = Claim::default();
        let claim = identity.claim.as_deref().unwrap_or(&nothing);
        let trusted = |key: &str| self.authenticator.trusts_proxy(key);
        if claim.proxy.as_deref().is_some_and(|key| !trusted(key)) {
            return Err(AuthError::ProxyNotTrusted);
        }
        let judgement = self.authenticator.judge(claim, identity.connection_type)?;
        if let Some(compare) = &judgement.compare
            && identity.matched.as_ref() != Some(&compare.stored)
            && !self.matches(compare, claim)
        {
            return Err(compare.what.refusal());
        }
        Ok(judgement.into_identity(claim.clone(), identity.connection_type))
    }

    fn matches(&mut self, compare: &Compare, claim: &Claim) -> bool {
        let offered = compare.what.offered(claim);
        let Some(digest) = compare.stored.comparison_digest(offered) else {
            return compare.stored.matches(offered);
        };
        let compared = self.compared.entry(digest);
        *compared.or_insert_with(|| compare.stored.matches(offered))
    }
}
