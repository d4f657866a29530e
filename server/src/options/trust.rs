//! Operators, account resolver, trusted keys, and OCSP stapling.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::{Secret, Tls};

/// What belongs to authentication by JWT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trust {
    /// Operator JWTs: files or the text itself, as configured.
    pub operators: Vec<String>,
    /// Public operator keys.
    pub trusted_keys: Vec<String>,
    /// Where account JWTs come from.
    pub resolver: Option<Resolver>,
    /// TLS for a resolver by URL.
    pub resolver_tls: Option<Tls>,
    /// Account JWTs by public key.
    pub resolver_preload: BTreeMap<String, String>,
    /// Only these accounts may log in.
    pub resolver_pinned_accounts: BTreeSet<String>,
    /// JWT of a bearer user for connections that bring none.
    pub default_sentinel: Option<Secret>,
}

/// Where account JWTs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Kind.
    pub kind: ResolverKind,
    /// How long a lookup may take; `None` is 1.9 seconds.
    pub timeout: Option<Duration>,
}

/// Kinds of resolvers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolverKind {
    /// Only what is preloaded.
    Memory,
    /// `GET <url><account>`.
    Url(String),
    /// All JWTs in a folder, kept equal between the servers.
    Full {
        /// Folder.
        dir: PathBuf,
        /// Accept deletions.
        allow_delete: bool,
        /// Really delete instead of renaming.
        hard_delete: bool,
        /// JWTs at most; `None` is unlimited.
        limit: Option<u64>,
        /// How often servers compare; `None` is one minute.
        interval: Option<Duration>,
    },
    /// The JWTs used last, in a folder.
    Cache {
        /// Folder.
        dir: PathBuf,
        /// JWTs at most; `None` is 1000.
        limit: Option<u64>,
        /// How long one is kept.
        ttl: Option<Duration>,
    },
}

/// OCSP stapling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ocsp {
    /// When to staple.
    pub mode: OcspMode,
    /// Responders instead of those in the certificate.
    pub urls: Vec<String>,
}

/// When to staple.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OcspMode {
    /// When the certificate asks for it.
    #[default]
    Auto,
    /// Always, and stop when revoked.
    Always,
    /// When the certificate asks for it, and stop when revoked.
    Must,
    /// Never.
    Never,
}

/// Cache of OCSP answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspCache {
    /// Kind.
    pub kind: OcspCacheKind,
    /// Folder.
    pub local_store: PathBuf,
    /// Keep revocations although newer answers come.
    pub preserve_revoked: bool,
    /// How often it is saved.
    pub save_interval: Duration,
}

impl Default for OcspCache {
    fn default() -> Self {
        Self {
            kind: OcspCacheKind::Local,
            local_store: PathBuf::from("_rc_"),
            preserve_revoked: false,
            save_interval: Duration::from_secs(300),
        }
    }
}

/// Kinds of caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OcspCacheKind {
    /// None.
    None,
    /// A folder.
    #[default]
    Local,
}
