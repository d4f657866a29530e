//! Operators, account resolver, trusted keys, and OCSP stapling.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use nats_conf::Value;
use nats_jwt::claims::OperatorClaims;
use nats_jwt::nkey::{Kind, is_public_key};

use super::setting::{self, Reading, Setting};
use super::table::{Apply, Key, Reload, change_unseen, key, read_map, rows, with_rows};
use super::{Options, Secret, ServerUrl, Tls, tls_keys};

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
    /// What the operators' tokens say, once [`Options::with_operators`] has read them.
    pub claims: Vec<OperatorClaims>,
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

/// Shortest time between two savings of the OCSP cache.
const SAVE_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Top-level keys about trust.
pub(super) static KEYS: &[Key<Options>] = &[
    key!(
        "operator" | "operators" | "root" | "roots" | "root_operator" | "root_operators",
        "file, JWT or list",
        "none",
        Reload::No,
        "Operators whose accounts and users may connect.",
        trust.operators = setting::texts
    ),
    key!(
        "trusted_keys" | "trusted",
        "public operator key or list",
        "none",
        Reload::No,
        "Keys of operators, instead of their JWTs.",
        trust.trusted_keys = |setting: &Setting<'_>, reading: &mut Reading| {
            let keys = setting::texts(setting, reading)?;
            for key in keys
                .iter()
                .filter(|key| !is_public_key(key, Kind::Operator))
            {
                reading.bad(
                    setting,
                    format!("trust key {key:?} required to be a valid public operator nkey"),
                );
            }
            Some(keys)
        }
    ),
    with_rows(
        key!(
            "resolver" | "account_resolver" | "accounts_resolver",
            "MEMORY, URL(url) or map",
            "that of the operator",
            Reload::Rule {
                words: "only to another one",
                permits: |old, new| old.trust.resolver.is_some() == new.trust.resolver.is_some(),
                apply: Apply::Accounts,
            },
            "Where account JWTs come from.",
            trust.resolver = resolver
        ),
        || rows(RESOLVER_KEYS),
    ),
    key!(
        "resolver_tls",
        "tls",
        "none",
        Reload::Yes(Apply::Accounts),
        "TLS towards a resolver by URL.",
        trust.resolver_tls = tls_keys::tls
    ),
    Key {
        name: "resolver_preload",
        aliases: &[],
        kind: "map from account keys to JWTs",
        default: "none",
        reload: Reload::Yes(Apply::Accounts),
        doc: "Account JWTs by public key.",
        read: |options, setting, reading| {
            options.trust.resolver_preload =
                setting::text_map(setting, reading).unwrap_or_default();
            for account in options.trust.resolver_preload.values() {
                if nats_jwt::claims_peek::peek(account).is_err() {
                    reading.bad(setting, "invalid account JWT");
                }
            }
        },
        change: |old, new| change_unseen(&old.trust.resolver_preload, &new.trust.resolver_preload),
        inner: Vec::new,
    },
    key!(
        "resolver_pinned_accounts",
        "account key or list",
        "all",
        Reload::Yes(Apply::Accounts),
        "Only these accounts may log in.",
        trust.resolver_pinned_accounts = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::texts(setting, reading).map(|accounts| accounts.into_iter().collect())
        }
    ),
    Key {
        name: "default_sentinel",
        aliases: &[],
        kind: "JWT",
        default: "none",
        reload: Reload::Yes(Apply::WhenRead),
        doc: "JWT of a bearer user for connections that bring none.",
        read: |options, setting, reading| {
            options.trust.default_sentinel =
                setting::secret(setting, reading).filter(|jwt| !jwt.is_empty());
        },
        change: |old, new| change_unseen(&old.trust.default_sentinel, &new.trust.default_sentinel),
        inner: Vec::new,
    },
    with_rows(
        key!(
            "ocsp",
            "boolean or {mode, url, urls}",
            "auto when the certificate asks for it",
            Reload::Yes(Apply::Ocsp),
            "OCSP stapling: auto, always, must, never.",
            ocsp = ocsp
        ),
        || rows(OCSP_KEYS),
    ),
    with_rows(
        key!(
            "ocsp_cache",
            "boolean or map",
            "local",
            Reload::Yes(Apply::Ocsp),
            "Cache of OCSP answers.",
            ocsp_cache = ocsp_cache
        ),
        || rows(OCSP_CACHE_KEYS),
    ),
];

/// A map of a resolver while it is read.
#[derive(Default)]
struct ResolverDraft {
    kind: String,
    dir: Option<PathBuf>,
    allow_delete: bool,
    hard_delete: Option<bool>,
    limit: Option<u64>,
    ttl: Option<Duration>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
}

static RESOLVER_KEYS: &[Key<ResolverDraft>] = &[
    key!(
        "type",
        "full, cache or memory",
        "required",
        Reload::Inside,
        "Kind of resolver.",
        kind = setting::text
    ),
    key!(
        "dir",
        "folder",
        "required",
        Reload::Inside,
        "Folder with JWTs.",
        dir = setting::path
    ),
    key!(
        "allow_delete",
        "boolean",
        "false",
        Reload::Inside,
        "Accept deletions (full).",
        allow_delete = setting::truth
    ),
    key!(
        "hard_delete",
        "boolean",
        "false",
        Reload::Inside,
        "Really delete instead of renaming (full).",
        hard_delete =
            |setting: &Setting<'_>, reading: &mut Reading| setting::truth(setting, reading)
                .map(Some)
    ),
    key!(
        "limit",
        "number",
        "unlimited, cache 1000",
        Reload::Inside,
        "JWTs at most.",
        limit = setting::bound
    ),
    key!(
        "ttl",
        "duration",
        "none",
        Reload::Inside,
        "How long a JWT is kept (cache).",
        ttl = some_duration
    ),
    key!(
        "interval",
        "duration",
        "1m",
        Reload::Inside,
        "How often servers compare (full).",
        interval = some_duration
    ),
    key!(
        "timeout",
        "duration",
        "1.9s",
        Reload::Inside,
        "How long a lookup may take.",
        timeout = some_duration
    ),
];

fn some_duration(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Duration>> {
    setting::strict_duration(setting, reading)
        .map(|duration| Some(duration).filter(|duration| !duration.is_zero()))
}

fn resolver(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Resolver>> {
    let resolver = match &setting.node.value {
        Value::String(text) => resolver_text(text, setting, reading)?,
        Value::Map(_) => resolver_map(setting, reading)?,
        other => {
            reading.bad(
                setting,
                format!(
                    "error parsing operator resolver, wrong type {}",
                    other.kind()
                ),
            );
            return None;
        }
    };
    Some(Some(resolver))
}

/// `MEM`, `MEMORY` or `URL(…)`, the URL with or without quotes.
fn resolver_text(text: &str, setting: &Setting<'_>, reading: &mut Reading) -> Option<Resolver> {
    let upper = text.trim().to_uppercase();
    if upper.contains("MEM") {
        return Some(Resolver {
            kind: ResolverKind::Memory,
            timeout: None,
        });
    }
    let inside = upper
        .find("URL(")
        .and_then(|at| text.trim().get(at + 4..))
        .and_then(|rest| rest.split(')').next());
    let Some(url) = inside.map(|url| url.trim().trim_matches('"').trim().to_owned()) else {
        let forms =
            "should be MEM or URL(\"url\") or a map containing dir and type state=[FULL|CACHE])";
        reading.bad(setting, format!("error parsing account resolver, {forms}"));
        return None;
    };
    if let Err(why) = ServerUrl::parse(&url) {
        reading.bad(
            setting,
            format!("error parsing account resolver url: {why}"),
        );
        return None;
    }
    Some(Resolver {
        kind: ResolverKind::Url(url),
        timeout: None,
    })
}

fn resolver_map(setting: &Setting<'_>, reading: &mut Reading) -> Option<Resolver> {
    let known_errors = reading.errors.len();
    let mut draft = ResolverDraft::default();
    read_map(&mut draft, RESOLVER_KEYS, setting, reading);
    let mut refuse = |wrong: bool, text: &str| {
        if wrong {
            reading.bad(setting, text);
        }
    };
    let kind = match draft.kind.to_uppercase().as_str() {
        "MEM" | "MEMORY" => ResolverKind::Memory,
        "FULL" => {
            refuse(
                draft.dir.is_none(),
                "dir has no value and needs to point to a directory",
            );
            refuse(draft.ttl.is_some(), "FULL does not accept ttl");
            refuse(
                draft.hard_delete.is_some() && !draft.allow_delete,
                "hard_delete has no effect without delete",
            );
            ResolverKind::Full {
                dir: draft.dir.unwrap_or_default(),
                allow_delete: draft.allow_delete,
                hard_delete: draft.hard_delete.unwrap_or(false),
                limit: draft.limit,
                interval: draft.interval,
            }
        }
        "CACHE" => {
            refuse(
                draft.dir.is_none(),
                "dir has no value and needs to point to a directory",
            );
            refuse(draft.interval.is_some(), "CACHE does not accept sync");
            refuse(draft.allow_delete, "CACHE does not accept allow_delete");
            refuse(
                draft.hard_delete.is_some(),
                "CACHE does not accept hard_delete",
            );
            ResolverKind::Cache {
                dir: draft.dir.unwrap_or_default(),
                limit: draft.limit,
                ttl: draft.ttl,
            }
        }
        _ => {
            let forms = "should be MEM or URL(\"url\") or a map containing dir and type state=[FULL|CACHE])";
            reading.bad(setting, format!("error parsing account resolver, {forms}"));
            return None;
        }
    };
    (reading.errors.len() == known_errors).then_some(Resolver {
        kind,
        timeout: draft.timeout,
    })
}

static OCSP_KEYS: &[Key<Ocsp>] = &[
    key!(
        "mode",
        "auto, always, must or never",
        "auto",
        Reload::Inside,
        "When to staple.",
        mode = |setting: &Setting<'_>, reading: &mut Reading| {
            let mode = setting::text(setting, reading)?;
            match mode.to_lowercase().as_str() {
                "auto" => Some(OcspMode::Auto),
                "always" => Some(OcspMode::Always),
                "must" => Some(OcspMode::Must),
                "never" => Some(OcspMode::Never),
                _ => {
                    reading.bad(
                        setting,
                        format!("error parsing ocsp config: unsupported ocsp mode {mode:?}"),
                    );
                    None
                }
            }
        }
    ),
    key!(
        "url" | "urls",
        "url or list of urls",
        "those of the certificate",
        Reload::Inside,
        "Responders.",
        urls = setting::texts
    ),
];

fn ocsp(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Ocsp>> {
    let mut ocsp = Ocsp::default();
    match setting.node.value {
        Value::Bool(true) => {}
        Value::Bool(false) => ocsp.mode = OcspMode::Never,
        _ => {
            read_map(&mut ocsp, OCSP_KEYS, setting, reading).then_some(())?;
        }
    }
    Some(Some(ocsp))
}

static OCSP_CACHE_KEYS: &[Key<OcspCache>] = &[
    key!(
        "type",
        "local or none",
        "local",
        Reload::Inside,
        "Kind of cache.",
        kind = |setting: &Setting<'_>, reading: &mut Reading| {
            let kind = setting::text(setting, reading)?;
            match kind.to_lowercase().as_str() {
                "local" => Some(OcspCacheKind::Local),
                "none" => Some(OcspCacheKind::None),
                _ => {
                    reading.bad(
                        setting,
                        format!("error parsing ocsp_cache: unknown cache type {kind:?}"),
                    );
                    None
                }
            }
        }
    ),
    key!(
        "local_store",
        "folder",
        "_rc_",
        Reload::Inside,
        "Folder of the cache.",
        local_store =
            |setting: &Setting<'_>, reading: &mut Reading| setting::text(setting, reading)
                .map(PathBuf::from)
    ),
    key!(
        "preserve_revoked",
        "boolean",
        "false",
        Reload::Inside,
        "Keep revocations although newer answers come.",
        preserve_revoked = setting::truth
    ),
    key!(
        "save_interval",
        "seconds or duration",
        "5m",
        Reload::Inside,
        "How often it is saved.",
        save_interval = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::seconds(setting, reading).map(|interval| interval.max(SAVE_INTERVAL_MIN))
        }
    ),
];

fn ocsp_cache(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<OcspCache>> {
    let mut cache = OcspCache::default();
    match setting.node.value {
        Value::Bool(true) => {}
        Value::Bool(false) => cache.kind = OcspCacheKind::None,
        _ => {
            read_map(&mut cache, OCSP_CACHE_KEYS, setting, reading).then_some(())?;
        }
    }
    Some(Some(cache))
}
