//! Checks between settings, of files that settings name, and of what this build can do.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use nats_conf::Position;

use super::setting::Problem;
use super::sharing_check;
use super::{
    CipherSuite, DEFAULT_SYSTEM_ACCOUNT, ExportKind, GLOBAL_ACCOUNT, ImportKind, Mqtt, Options,
    SimpleAuthorization, Tls, WebSocket,
};

impl Options {
    /// Settings that cannot go together, each with the place of one of them.
    ///
    /// The reference finds most of these only when it starts; here `-t` finds them too.
    pub fn contradictions(&self) -> Vec<Problem> {
        let mut found = Found {
            places: &self.source.places,
            problems: Vec::new(),
        };
        check_limits(self, &mut found);
        check_access(self, &mut found);
        check_sharing(self, &mut found);
        check_links(self, &mut found);
        found.problems
    }

    /// Settings that are in order as such and with which the server cannot start all the same.
    pub fn obstacles(&self) -> Vec<Problem> {
        let mut found = Found {
            places: &self.source.places,
            problems: Vec::new(),
        };
        check_ports(self, &mut found);
        found.problems
    }

    /// All names and keys of configured users.
    pub fn all_users(&self) -> impl Iterator<Item = &str> {
        let accounts = self.accounts.iter();
        let names = self
            .authorization
            .users
            .iter()
            .chain(accounts.clone().flat_map(|account| &account.users));
        let keys = self
            .authorization
            .nkeys
            .iter()
            .chain(accounts.flat_map(|account| &account.nkeys));
        names
            .map(|user| user.name.as_str())
            .chain(keys.map(|user| user.nkey.as_str()))
    }

    /// Files that settings name and that cannot be read. What is in them is for those who use them to judge.
    pub fn unreadable_files(&self) -> Vec<Problem> {
        let mut found = Found {
            places: &self.source.places,
            problems: Vec::new(),
        };
        for (path, tls) in self.tls_blocks() {
            check_tls_files(path, tls, &mut found);
        }
        // An operator stands there as a file or as the JWT itself.
        for operator in self
            .trust
            .operators
            .iter()
            .filter(|operator| nats_jwt::claims_peek::peek(operator).is_err())
        {
            if let Some(why) = unreadable(Path::new(operator)) {
                found.at(&["operator"], format!("error parsing operator JWT: {why}"));
            }
        }
        found.problems
    }

    /// Configured features that this build does not have, in the order of the manual. The server must not start with any.
    pub fn unavailable(&self) -> Vec<FeatureError> {
        let mut errors = Vec::new();
        for absent in ABSENT {
            if (absent.used)(self) {
                let at = self.source.places.get(absent.key).cloned();
                errors.push(FeatureError {
                    at,
                    key: absent.key.to_owned(),
                    feature: absent.feature,
                });
            }
        }
        for (path, tls) in self.tls_blocks() {
            let at = |key: &str| self.source.places.get(&format!("{path}.{key}")).cloned();
            let mut absent = |key: &str, feature| {
                errors.push(FeatureError {
                    at: at(key),
                    key: format!("{path}.{key}"),
                    feature,
                })
            };
            if path != "tls" && tls.ocsp_peer.as_ref().is_some_and(|peer| peer.verify) {
                absent("ocsp_peer", "checking for revoked certificates (OCSP) here");
            }
            if tls.certificate_store.is_some() {
                absent("cert_store", "the certificate store of Windows");
            }
            if !tls.cipher_suites.is_empty()
                && !tls.cipher_suites.iter().any(CipherSuite::is_supported)
            {
                absent(
                    "cipher_suites",
                    "any of these cipher suites (those with CBC, RC4, 3DES or without ephemeral keys)",
                );
            }
        }
        errors
    }

    /// Every `tls` block with the path of its key.
    fn tls_blocks(&self) -> impl Iterator<Item = (&'static str, &Tls)> {
        let cluster = self.cluster.as_ref().and_then(|block| block.tls.as_ref());
        let gateway = self.gateway.as_ref().and_then(|block| block.tls.as_ref());
        let leafnodes = self.leafnodes.as_ref().and_then(|block| block.tls.as_ref());
        let websocket = self.websocket.as_ref().and_then(|block| block.tls.as_ref());
        let mqtt = self.mqtt.as_ref().and_then(|block| block.tls.as_ref());
        let single = [
            ("tls", self.tls.as_ref()),
            ("resolver_tls", self.trust.resolver_tls.as_ref()),
            ("cluster.tls", cluster),
            ("gateway.tls", gateway),
            ("leafnodes.tls", leafnodes),
            ("websocket.tls", websocket),
            ("mqtt.tls", mqtt),
        ];
        let gateways = self
            .gateway
            .iter()
            .flat_map(|block| &block.gateways)
            .map(|remote| ("gateway.gateways.tls", remote.tls.as_ref()));
        let leafs = self
            .leafnodes
            .iter()
            .flat_map(|block| &block.remotes)
            .map(|remote| ("leafnodes.remotes.tls", remote.tls.as_ref()));
        single
            .into_iter()
            .chain(gateways)
            .chain(leafs)
            .filter_map(|(path, tls)| tls.map(|tls| (path, tls)))
    }
}

/// A configured feature that this build does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureError {
    /// Where it is configured; `None` for a flag.
    pub at: Option<Position>,
    /// Path of the key.
    pub key: String,
    /// The feature, in words.
    pub feature: &'static str,
}

impl std::error::Error for FeatureError {}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        write!(
            f,
            "{:?} is configured, but this build does not have {} yet; remove the key to start without it",
            self.key, self.feature
        )
    }
}

/// A feature that does not exist yet.
struct Absent {
    key: &'static str,
    feature: &'static str,
    used: fn(&Options) -> bool,
}

/// What does not exist yet. Whoever builds one of these removes its line.
static ABSENT: &[Absent] = &[
    Absent {
        key: "prof_port",
        feature: "a profiling port",
        used: |options| options.profiling.port.is_some(),
    },
    Absent {
        key: "jetstream.tpm",
        feature: "keys in a trusted platform module",
        used: |options| options.jetstream.tpm.is_some(),
    },
    Absent {
        key: "cluster",
        feature: "clustering",
        used: |options| {
            options
                .cluster
                .as_ref()
                .is_some_and(|cluster| cluster.listen.port.is_some() || !cluster.routes.is_empty())
        },
    },
    Absent {
        key: "gateway",
        feature: "gateways",
        used: |options| {
            options
                .gateway
                .as_ref()
                .is_some_and(|gateway| gateway.listen.port.is_some())
        },
    },
    Absent {
        key: "leafnodes",
        feature: "leaf nodes",
        used: |options| {
            options
                .leafnodes
                .as_ref()
                .is_some_and(|leafs| leafs.listen.port.is_some() || !leafs.remotes.is_empty())
        },
    },
    Absent {
        key: "websocket",
        feature: "WebSocket",
        used: |options| {
            options
                .websocket
                .as_ref()
                .is_some_and(|block| block.listen.port.is_some())
        },
    },
    Absent {
        key: "mqtt",
        feature: "MQTT",
        used: |options| {
            options
                .mqtt
                .as_ref()
                .is_some_and(|block| block.listen.port.is_some())
        },
    },
];

/// Problems found so far.
struct Found<'a> {
    places: &'a BTreeMap<String, Position>,
    problems: Vec<Problem>,
}

impl Found<'_> {
    /// Notes a problem at the first of these keys that is configured.
    fn at(&mut self, keys: &[&str], text: impl Into<String>) {
        let at = keys.iter().find_map(|key| self.places.get(*key)).cloned();
        self.problems.push(Problem {
            at,
            text: text.into(),
        });
    }
}

fn check_limits(options: &Options, found: &mut Found<'_>) {
    let (grace, duration) = (options.lame_duck.grace_period, options.lame_duck.duration);
    if grace >= duration {
        let text = format!(
            "lame duck grace period ({grace:?}) should be strictly lower than lame duck duration ({duration:?})"
        );
        found.at(&["lame_duck_grace_period", "lame_duck_duration"], text);
    }
    let limits = &options.limits;
    if let Some(payload) = limits
        .max_payload
        .filter(|payload| u64::from(*payload) > limits.max_pending)
    {
        let text = format!(
            "max_payload ({payload}) cannot be higher than max_pending ({})",
            limits.max_pending
        );
        found.at(&["max_payload", "max_pending"], text);
    }
}

fn check_access(options: &Options, found: &mut Found<'_>) {
    let authorization = &options.authorization;
    let account_users = options
        .accounts
        .iter()
        .any(|account| !account.users.is_empty() || !account.nkeys.is_empty());
    if account_users && authorization.user.is_some() {
        found.at(
            &["accounts.users", "accounts"],
            "Can not have a single user/pass and accounts",
        );
    }
    if account_users && !authorization.token.is_empty() {
        found.at(
            &["accounts.users", "accounts"],
            "Can not have a token and accounts",
        );
    }
    if let Some(name) = &options.no_auth_user {
        check_no_auth_user(options, name, "no_auth_user", found);
    }
    let named = |account: &str| options.accounts.iter().any(|known| known.name == account);
    for account in authorization
        .auth_callout
        .iter()
        .flat_map(|callout| &callout.allowed_accounts)
        .filter(|account| !named(account))
    {
        let text =
            format!("auth_callout allowed account {account:?} not found in configured accounts");
        found.at(&["authorization.auth_callout"], text);
    }
    let trust = &options.trust;
    if trust.operators.is_empty() {
        if trust.default_sentinel.is_some() {
            found.at(
                &["default_sentinel"],
                "default sentinel requires operators and accounts",
            );
        }
        return;
    }
    if !options.accounts.is_empty() {
        found.at(
            &["accounts"],
            "operators do not allow Accounts to be configured directly",
        );
    }
    if options.all_users().next().is_some() {
        found.at(
            &["authorization.users", "accounts.users"],
            "operators do not allow users to be configured directly",
        );
    }
    if !trust.trusted_keys.is_empty() {
        found.at(
            &["trusted_keys"],
            "conflicting options for 'TrustedKeys' and 'TrustedOperators'",
        );
    }
    if authorization.auth_callout.is_some() {
        let text = "operators do not allow authorization callouts to be configured directly";
        found.at(&["authorization.auth_callout"], text);
    }
}

fn check_no_auth_user(options: &Options, name: &str, key: &str, found: &mut Found<'_>) {
    if !options.trust.operators.is_empty() {
        found.at(&[key], "no_auth_user not compatible with Trusted Operator");
    } else if options.all_users().next().is_none() {
        found.at(
            &[key],
            format!("no_auth_user: {name:?} present, but users/nkeys are not defined"),
        );
    } else if !options.all_users().any(|user| user == name) {
        let text = format!(
            "no_auth_user: {name:?} not present as user or nkey in authorization block or account configuration"
        );
        found.at(&[key], text);
    }
}

/// Imports and exports name accounts that exist, and services are measured only with a system account.
fn check_sharing(options: &Options, found: &mut Found<'_>) {
    let known = |name: &str| {
        options.accounts.iter().any(|account| account.name == name)
            || name == GLOBAL_ACCOUNT && !options.mappings.is_empty()
    };
    for account in &options.accounts {
        for export in &account.exports {
            let (what, latency) = match &export.kind {
                ExportKind::Stream => ("stream", false),
                ExportKind::Service { latency, .. } => ("service", latency.is_some()),
            };
            for name in export.accounts.iter().flatten().filter(|name| !known(name)) {
                found.at(
                    &["accounts.exports"],
                    format!("{name:?} account not defined for {what} export"),
                );
            }
            if latency && options.no_system_account {
                let text = format!(
                    "Error adding service latency sampling for {:?}: system account not setup",
                    export.subject
                );
                found.at(&["accounts.exports"], text);
            }
        }
        for import in account
            .imports
            .iter()
            .filter(|import| !known(&import.account))
        {
            let what = match import.kind {
                ImportKind::Stream { .. } => "stream",
                ImportKind::Service { .. } => "service",
            };
            found.at(
                &["accounts.imports"],
                format!("{:?} account not defined for {what} import", import.account),
            );
        }
    }
    for problem in sharing_check::import_problems(&options.accounts) {
        found.at(&["accounts.imports"], problem);
    }
    for name in options.default_js_domain.keys() {
        if name
            == options
                .system_account
                .as_deref()
                .unwrap_or(DEFAULT_SYSTEM_ACCOUNT)
        {
            found.at(
                &["default_js_domain"],
                format!("system account {name:?} can not be in default_js_domain"),
            );
        } else if options.trust.operators.is_empty() && !known(name) && name != GLOBAL_ACCOUNT {
            let text = format!(
                "in non operator mode, `default_js_domain` references non existing account {name:?}"
            );
            found.at(&["default_js_domain"], text);
        }
    }
}

fn check_links(options: &Options, found: &mut Found<'_>) {
    let cluster = options.cluster.as_ref();
    let cluster_name = cluster.and_then(|cluster| cluster.name.as_ref());
    if let Some(gateway) = options
        .gateway
        .as_ref()
        .filter(|gateway| gateway.name.is_some() || gateway.listen.port.is_some())
    {
        match (&gateway.name, gateway.listen.port) {
            (None, _) => found.at(&["gateway"], "gateway has no name"),
            (Some(name), None) => {
                found.at(
                    &["gateway"],
                    format!("gateway {name:?} has no port specified (select -1 for random port)"),
                );
            }
            (Some(name), Some(_)) if cluster_name.is_some_and(|cluster| cluster != name) => {
                found.at(
                    &["cluster.name"],
                    "cluster name conflicts between cluster and gateway definitions",
                );
            }
            _ => {}
        }
        for (index, remote) in gateway.gateways.iter().enumerate() {
            if remote.name.is_empty() {
                found.at(
                    &["gateway.gateways"],
                    format!("gateway in the list {index} has no name"),
                );
            } else if remote.urls.is_empty() {
                found.at(
                    &["gateway.gateways"],
                    format!("gateway {:?} has no URL", remote.name),
                );
            }
        }
    }
    if let Some(cluster) = cluster {
        if cluster.pool_size == Some(0) && !cluster.pinned_accounts.is_empty() {
            found.at(
                &["cluster.pool_size"],
                "pool_size cannot be negative if pinned accounts are specified",
            );
        }
        for (index, account) in cluster.pinned_accounts.iter().enumerate() {
            if cluster
                .pinned_accounts
                .iter()
                .take(index)
                .any(|other| other == account)
            {
                found.at(
                    &["cluster.accounts"],
                    format!("found duplicate account name {account:?} in pinned accounts list"),
                );
            }
        }
    }
    check_leafnodes(options, found);
    check_client_ports(options, found);
}

fn check_leafnodes(options: &Options, found: &mut Found<'_>) {
    let Some(leafnodes) = options
        .leafnodes
        .as_ref()
        .filter(|_| options.trust.operators.is_empty())
    else {
        return;
    };
    let known = |name: &str| {
        let system = options.system_account.is_none()
            && !options.no_system_account
            && name == DEFAULT_SYSTEM_ACCOUNT;
        name == GLOBAL_ACCOUNT
            || system
            || options.accounts.iter().any(|account| account.name == name)
    };
    let authorization = &leafnodes.authorization;
    let users = authorization
        .users
        .iter()
        .filter_map(|user| user.account.as_ref());
    for account in authorization
        .account
        .iter()
        .chain(users)
        .filter(|account| !known(account))
    {
        let text =
            format!("cannot find local account {account:?} specified in leafnode authorization");
        found.at(&["leafnodes.authorization"], text);
    }
    for account in leafnodes
        .remotes
        .iter()
        .filter_map(|remote| remote.account.as_ref())
        .filter(|account| !known(account))
    {
        let text = format!("cannot find local account {account:?} specified in leafnode remote");
        found.at(&["leafnodes.remotes"], text);
    }
    let gateway = options
        .gateway
        .as_ref()
        .is_some_and(|gateway| gateway.name.is_some());
    if leafnodes.listen.port.is_some() && gateway && options.system_account.is_none() {
        let text = "leaf nodes and gateways (both being defined) require a system account to also be configured";
        found.at(&["leafnodes"], text);
    }
}

/// The ports for other kinds of clients.
fn check_client_ports(options: &Options, found: &mut Found<'_>) {
    let websocket = options.websocket.as_ref();
    if let Some(websocket) = websocket.filter(|block| block.listen.port.is_some()) {
        check_websocket(options, websocket, found);
    }
    let mqtt = options.mqtt.as_ref();
    if let Some(mqtt) = mqtt.filter(|block| block.listen.port.is_some()) {
        check_mqtt(options, mqtt, found);
    }
}

/// What a port with an authorization of its own may not have beside users.
fn check_own_authorization(
    options: &Options,
    port: &str,
    authorization: &SimpleAuthorization,
    no_auth_user: Option<&String>,
    found: &mut Found<'_>,
) {
    if let Some(name) = no_auth_user {
        check_no_auth_user(options, name, &format!("{port}.no_auth_user"), found);
    }
    if options.all_users().next().is_none() {
        return;
    }
    let mut clash = |what: &str| {
        found.at(
            &[&format!("{port}.authorization")],
            format!("{port} authentication {what} not compatible with presence of users/nkeys"),
        );
    };
    if authorization.user.is_some() {
        clash("username");
    }
    if !authorization.token.is_empty() {
        clash("token");
    }
}

fn check_websocket(options: &Options, websocket: &WebSocket, found: &mut Found<'_>) {
    if websocket.tls.is_none() && !websocket.no_tls {
        found.at(&["websocket"], "websocket requires TLS configuration");
    }
    let (authorization, no_auth_user) = (&websocket.authorization, websocket.no_auth_user.as_ref());
    check_own_authorization(options, "websocket", authorization, no_auth_user, found);
    let trusted = !options.trust.operators.is_empty() || !options.trust.trusted_keys.is_empty();
    if let Some(cookie) = websocket.jwt_cookie.as_ref().filter(|_| !trusted) {
        let what = "trusted operators or trusted keys configuration is required for JWT authentication via cookie";
        found.at(&["websocket.jwt_cookie"], format!("{what} {cookie:?}"));
    }
    let reserved = [
        "host",
        "content-length",
        "connection",
        "upgrade",
        "nats-no-masking",
    ];
    for name in websocket.headers.keys() {
        let lower = name.to_lowercase();
        if reserved.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
            found.at(
                &["websocket.headers"],
                format!("websocket: invalid header {name:?} not allowed"),
            );
        }
    }
}

fn check_mqtt(options: &Options, mqtt: &Mqtt, found: &mut Found<'_>) {
    let cluster = options.cluster.as_ref();
    let clustered = cluster.is_some_and(|cluster| cluster.listen.port.is_some());
    if options.server_name.is_none() && (clustered || options.gateway.is_some()) {
        found.at(&["mqtt"], "mqtt requires server name to be explicitly set");
    }
    let (authorization, no_auth_user) = (&mqtt.authorization, mqtt.no_auth_user.as_ref());
    check_own_authorization(options, "mqtt", authorization, no_auth_user, found);
    if !options.jetstream.enabled
        && !clustered
        && options.gateway.is_none()
        && options.leafnodes.is_none()
    {
        found.at(
            &["mqtt"],
            "mqtt requires JetStream to be enabled if running in standalone mode",
        );
    }
}

fn check_ports(options: &Options, found: &mut Found<'_>) {
    let monitoring = &options.monitoring;
    if monitoring.https_port.is_some() && options.tls.is_none() {
        found.at(
            &["https_port", "https"],
            "TLS cert and key required for HTTPS",
        );
    }
    if monitoring.https_port.is_some() && monitoring.http_port.is_some() {
        let keys = ["https_port", "https"];
        found.at(&keys, "can't specify both HTTP and HTTPs ports");
    }
}

fn check_tls_files(path: &str, tls: &Tls, found: &mut Found<'_>) {
    for pair in &tls.certificates {
        let broken = [&pair.cert_file, &pair.key_file]
            .into_iter()
            .find_map(|file| unreadable(file));
        if let Some(why) = broken {
            found.at(
                &[path],
                format!("error parsing X509 certificate/key pair: {why}"),
            );
        }
    }
    if let Some(why) = tls.ca_file.as_deref().and_then(unreadable) {
        found.at(&[path], why);
    }
}

/// Why a file cannot be read.
fn unreadable(path: &Path) -> Option<String> {
    let error = std::fs::File::open(path).err()?;
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    Some(format!("open {}: {why}", path.display()))
}
