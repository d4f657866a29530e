//! Who a connection turned out to be.

use std::fmt;
use std::sync::Arc;

use nats_api::system::subjects;
use nats_proto::info::ConnectOptions;

use super::claim::Claim;
use super::password::StoredPassword;
use super::{Permissions, TokenUser};
use crate::options::ConnectionType;

/// Who a connection is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Name of the account.
    pub account: Arc<str>,
    /// The user.
    pub who: Who,
    /// What it may do; `None` is everything. Shared by all connections of the user.
    pub permissions: Option<Arc<Permissions>>,
    /// Public key of the trusted proxy through which it came.
    pub proxy: Option<Arc<str>>,
    /// What its token says, if it came with one or an authorization service gave it one.
    pub user: Option<Arc<TokenUser>>,
    /// What it presented, for the next reload; `None` when that was nothing.
    pub(super) claim: Option<Arc<Claim>>,
    /// The password or token with which that was compared.
    pub(super) matched: Option<Arc<StoredPassword>>,
    pub(super) connection_type: ConnectionType,
}

/// A user as logs and monitoring show it. Nothing in here is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Who {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// By name; with `verify_and_map` the name found in the certificate.
    User(Arc<str>),
    /// By public key.
    Nkey(Arc<str>),
    /// Somebody with the token.
    Token,
}

impl Identity {
    /// The user as `/connz` (`authorized_user`) and events show it; a token is not shown.
    pub fn user(&self) -> Option<&str> {
        self.who.shown()
    }

    /// The public key, if the user has one.
    pub fn nkey(&self) -> Option<&str> {
        match &self.who {
            Who::Nkey(key) => Some(key),
            _ => None,
        }
    }

    /// The same without the subject of authorization requests: nobody in a service's own account may forge requests to it.
    #[must_use]
    pub fn without_service_subject(mut self) -> Self {
        let old = self.permissions.take();
        let new = Permissions::denying_publish(old.as_deref(), subjects::USER_AUTH);
        self.permissions = Some(Arc::new(new));
        self
    }

    /// Whether a publish or subscribe can be refused at all.
    pub fn is_restricted(&self) -> bool {
        self.permissions.is_some()
    }
}

impl Who {
    /// What a client says it is, checked by nobody: for the log of a refusal, and for a server without authentication.
    pub fn claimed(connect: &ConnectOptions) -> Self {
        if !connect.nkey.is_empty() {
            Self::Nkey(connect.nkey.as_str().into())
        } else if !connect.user.is_empty() {
            Self::User(connect.user.as_str().into())
        } else if !connect.auth_token.is_empty() {
            Self::Token
        } else {
            Self::Anonymous
        }
    }

    /// Name, key or `[REDACTED]`.
    pub fn shown(&self) -> Option<&str> {
        match self {
            Self::Anonymous => None,
            Self::User(name) => Some(name),
            Self::Nkey(key) => Some(key),
            Self::Token => Some("[REDACTED]"),
        }
    }

    /// `user:<name>`, `nkey:<key>`, `token`, or nothing: the form behind the account in the name of a connection in the log.
    pub fn label(&self) -> String {
        match self {
            Self::Anonymous => String::new(),
            Self::User(name) => format!("user:{name}"),
            Self::Nkey(key) => format!("nkey:{key}"),
            Self::Token => "token".to_owned(),
        }
    }
}

/// The form of the log line `authentication error - <who>`.
impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("User \"N/A\""),
            Self::User(name) => write!(f, "User {name:?}"),
            Self::Nkey(key) => write!(f, "Nkey {key:?}"),
            Self::Token => f.write_str("Token \"[REDACTED]\""),
        }
    }
}
