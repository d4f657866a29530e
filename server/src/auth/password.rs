//! Passwords and tokens: as text or as bcrypt, compared in a time that tells nothing.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use nats_jwt::secret::Secret;
use sha2::{Digest as _, Sha256};

use super::{AuthError, Identity};

/// A password or token as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredPassword {
    /// The text itself.
    Plain(Secret),
    /// A bcrypt hash, recognised by its prefix: `$2a$`, `$2b$`, `$2x$` or `$2y$` and a cost.
    Bcrypt(Secret),
}

impl StoredPassword {
    pub fn new(configured: &Secret) -> Self {
        match bcrypt_cost(configured.reveal()) {
            Some(_) => Self::Bcrypt(configured.clone()),
            None => Self::Plain(configured.clone()),
        }
    }

    /// The cost, if it is a hash.
    pub fn cost(&self) -> Option<u32> {
        match self {
            Self::Plain(_) => None,
            Self::Bcrypt(hash) => bcrypt_cost(hash.reveal()),
        }
    }

    /// A digest of this hash and a password offered, under which a comparison can be remembered; `None` for plain text.
    pub fn comparison_digest(&self, offered: &Secret) -> Option<[u8; 32]> {
        let Self::Bcrypt(hash) = self else {
            return None;
        };
        let mut digest = Sha256::new();
        digest.update(hash.reveal().as_bytes());
        digest.update([0]);
        digest.update(offered.reveal().as_bytes());
        Some(digest.finalize().into())
    }

    /// Compares. Takes milliseconds to seconds for a hash. A malformed hash matches nothing.
    pub fn matches(&self, offered: &Secret) -> bool {
        match self {
            Self::Plain(text) => text == offered,
            Self::Bcrypt(hash) => bcrypt::verify(offered.reveal(), hash.reveal()).unwrap_or(false),
        }
    }

    /// Whether it looks like bcrypt but is none, so that nobody can log in with it.
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Bcrypt(hash) => hash.reveal().parse::<bcrypt::HashParts>().is_err(),
        }
    }

    /// A hash of this cost that stands for nobody: comparing with it takes the time that comparing with a real one takes.
    pub fn decoy(cost: u32) -> Self {
        const SALT_AND_HASH: usize = 53;
        let cost = cost.clamp(4, 31);
        Self::Bcrypt(Secret::new(format!(
            "$2a${cost:02}${}",
            ".".repeat(SALT_AND_HASH)
        )))
    }
}

/// The cost in a bcrypt text; `None` if it does not begin like one.
fn bcrypt_cost(text: &str) -> Option<u32> {
    match text.as_bytes() {
        [
            b'$',
            b'2',
            b'a' | b'b' | b'x' | b'y',
            b'$',
            tens @ b'0'..=b'9',
            ones @ b'0'..=b'9',
            b'$',
            ..,
        ] => Some(u32::from(tens - b'0') * 10 + u32::from(ones - b'0')),
        _ => None,
    }
}

/// What stands between a client and its identity and takes its time: a comparison with a hash, or an answer from elsewhere.
pub struct SlowCheck(Work);

/// How the time is spent.
pub enum Work {
    /// Milliseconds to seconds of processor time by design: to be run on a thread that may block, few at once, and within the
    /// authentication timeout.
    Compare(Comparison),
    /// Waiting: for a token that is looked up, for an authorization service.
    Wait(Pin<Box<dyn Future<Output = Result<Identity, AuthError>> + Send>>),
}

/// A bcrypt comparison. Attempts with an unknown user run one too, which ends in a refusal.
pub struct Comparison {
    stored: Arc<StoredPassword>,
    offered: Secret,
    outcome: Result<Identity, AuthError>,
    /// The account that hears of a refusal, because its authorization service has this user.
    service: Option<Arc<str>>,
}

impl SlowCheck {
    pub(super) fn new(
        stored: Arc<StoredPassword>,
        offered: Secret,
        outcome: Result<Identity, AuthError>,
    ) -> Self {
        Self(Work::Compare(Comparison {
            stored,
            offered,
            outcome,
            service: None,
        }))
    }

    /// An answer that comes from elsewhere. It has to end by itself.
    pub fn wait(
        answer: impl Future<Output = Result<Identity, AuthError>> + Send + 'static,
    ) -> Self {
        Self(Work::Wait(Box::pin(answer)))
    }

    pub fn into_work(self) -> Work {
        self.0
    }

    /// Into which account the client comes if the comparison says yes.
    pub fn account(&self) -> Option<Arc<str>> {
        match &self.0 {
            Work::Compare(comparison) => {
                let identity = comparison.outcome.as_ref().ok()?;
                Some(identity.account.clone())
            }
            Work::Wait(_) => None,
        }
    }

    /// The refusal that is certain already and only takes its time.
    pub fn refusal(&self) -> Option<&AuthError> {
        match &self.0 {
            Work::Compare(comparison) => comparison.outcome.as_ref().err(),
            Work::Wait(_) => None,
        }
    }

    /// The same check of a user of this account's authorization service.
    pub fn of_service(self, account: Arc<str>) -> Self {
        Self(match self.0 {
            Work::Compare(comparison) => Work::Compare(Comparison {
                service: Some(account),
                ..comparison
            }),
            wait @ Work::Wait(_) => wait,
        })
    }

    /// The same check with a change to who the client is if it says yes.
    pub fn map(self, change: impl FnOnce(Identity) -> Identity + Send + 'static) -> Self {
        Self(match self.0 {
            Work::Compare(comparison) => Work::Compare(Comparison {
                outcome: comparison.outcome.map(change),
                ..comparison
            }),
            Work::Wait(answer) => Work::Wait(Box::pin(async move { answer.await.map(change) })),
        })
    }
}

impl Comparison {
    /// Compares, and says who the client is.
    ///
    /// # Errors
    /// The password is wrong, or the refusal was certain before and only took its time.
    pub fn run(self) -> Result<Identity, AuthError> {
        let matches = self.stored.matches(&self.offered);
        let refusal = match self.outcome {
            Ok(identity) if matches => return Ok(identity),
            Ok(_) => AuthError::WrongPassword,
            Err(refusal) => refusal,
        };
        Err(match &self.service {
            Some(account) => refusal.told_to_service(account),
            None => refusal,
        })
    }
}

impl fmt::Debug for SlowCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowCheck").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> StoredPassword {
        StoredPassword::new(&Secret::from(text))
    }

    #[test]
    fn a_hash_is_recognised_by_its_prefix_alone() {
        for (text, cost) in [
            ("$2a$10$abc", Some(10)),
            ("$2b$04$", Some(4)),
            ("$2x$31$x", Some(31)),
            ("$2y$12$x", Some(12)),
            ("$2c$12$x", None),
            ("$2a$1$x", None),
            ("$2a$1x$x", None),
            ("$2a$12", None),
            ("2a$12$x", None),
            ("", None),
            ("$", None),
            ("$2a$\u{661}\u{662}$x", None),
        ] {
            assert_eq!(bcrypt_cost(text), cost, "{text}");
        }
    }

    #[test]
    fn every_spelling_of_the_prefix_verifies() {
        let hash = bcrypt::hash("s3cret", 4).expect("cost 4 is allowed");
        for version in ["2a", "2b", "2x", "2y"] {
            let spelled = format!("${version}{}", &hash[3..]);
            assert!(stored(&spelled).matches(&"s3cret".into()), "{version}");
            assert!(!stored(&spelled).matches(&"s3creT".into()), "{version}");
            assert!(
                !stored(&spelled).matches(&spelled.as_str().into()),
                "the hash is not the password"
            );
        }
    }

    #[test]
    fn a_malformed_hash_matches_nothing_and_says_so() {
        for text in ["$2a$11$short", "$2a$99$aaaaaaaaaaaaaaaaaaaaaa", "$2y$10$"] {
            assert!(stored(text).is_malformed(), "{text}");
            assert!(!stored(text).matches(&text.into()));
            assert!(!stored(text).matches(&"".into()));
        }
        assert!(!stored("plain").is_malformed());
    }

    #[test]
    fn a_decoy_is_a_real_hash_of_its_cost() {
        let decoy = StoredPassword::decoy(5);
        assert_eq!(decoy.cost(), Some(5));
        assert!(!decoy.is_malformed());
        assert!(!decoy.matches(&"".into()));
    }

    #[test]
    fn a_password_counts_with_its_first_72_bytes_as_in_the_reference() {
        let long = "x".repeat(100);
        let matches = |hashed: &str| {
            let hash = bcrypt::hash(hashed, 4).expect("cost 4 is allowed");
            stored(&hash).matches(&Secret::from(long.as_str()))
        };
        assert!(matches(&long[..72]));
        assert!(!matches(&long[..71]));
    }
}
