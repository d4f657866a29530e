//! The resolver that the options ask for.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{OnceLock, Weak};
use std::time::{Duration, Instant};

use nats_api::system::subjects;
use nats_jwt::claims::{AccountClaims, TOKEN_LEN_MAX};
use parking_lot::Mutex;

use super::operators::Rules;
use super::{Core, SetupError};
use crate::account::resolver::{
    Deletion, Directory, DirectorySettings, FetchError, Memory, Resolver, StoreError, Url,
};
use crate::front::tls;
use crate::interest::Sub;
use crate::options::{Options, ResolverKind, Trust};
use crate::router::{Cycle, Handler, Message, Origin, Service as Hook};
use crate::system::Outlet as _;

/// Tokens that a cache keeps when nothing is configured.
const CACHE_LIMIT: u64 = 1000;
/// How long a lookup may take when nothing is configured.
const LOOKUP_TIMEOUT: Duration = Duration::from_millis(1900);

/// Where a resolver that asks others finds the server, once that is made.
pub type Me = Arc<OnceLock<Weak<Core>>>;

/// What `options` say about the accounts of operators. Requests by URL run on `runtime`.
///
/// # Errors
/// When the resolver cannot work.
pub fn rules(
    options: &Options,
    me: &Me,
    runtime: &tokio::runtime::Handle,
) -> Result<Rules, SetupError> {
    let trust = &options.trust;
    let configured = trust.resolver.as_ref();
    let configured = configured.ok_or_else(|| SetupError::Resolver("there is none".into()))?;
    check_preload(trust)?;
    let resolver: Arc<dyn Resolver> = match &configured.kind {
        ResolverKind::Memory => Arc::new(Memory::new(trust.resolver_preload.clone())),
        ResolverKind::Url(url) => {
            let tls = trust.resolver_tls.as_ref();
            let authorities = tls.and_then(|tls| tls.ca_file.as_deref());
            let identity = tls.and_then(|tls| tls.certificates.first());
            let config = tls::client_config(authorities, identity)?;
            Arc::new(Url::new(url, configured.timeout, config, runtime.clone()))
        }
        ResolverKind::Full {
            dir,
            allow_delete,
            hard_delete,
            limit,
            ..
        } => Arc::new(open(
            dir,
            DirectorySettings {
                deletion: match (allow_delete, hard_delete) {
                    (false, _) => Deletion::Refused,
                    (true, false) => Deletion::Renamed,
                    (true, true) => Deletion::Removed,
                },
                limit: *limit,
                evict: false,
                ttl: None,
            },
        )?),
        ResolverKind::Cache { dir, limit, ttl } => Arc::new(Cache {
            directory: open(
                dir,
                DirectorySettings {
                    deletion: Deletion::Removed,
                    limit: Some(limit.unwrap_or(CACHE_LIMIT)),
                    evict: true,
                    ttl: *ttl,
                },
            )?,
            timeout: configured.timeout.unwrap_or(LOOKUP_TIMEOUT),
            me: me.clone(),
        }),
    };
    if let Some(directory) = resolver.directory() {
        preload(directory, trust)?;
    }
    Ok(Rules {
        pinned: trust.resolver_pinned_accounts.clone(),
        sentinel: trust.default_sentinel.clone(),
        resolver,
        kind: configured.kind.clone(),
    })
}

fn open(dir: &Path, settings: DirectorySettings) -> Result<Directory, SetupError> {
    Directory::open(dir, settings)
        .map_err(|e| SetupError::Resolver(format!("{}: {e}", dir.display())))
}

/// Every token that the configuration brings must be that of the account beside it.
fn check_preload(trust: &Trust) -> Result<(), SetupError> {
    let is_url = matches!(
        trust.resolver.as_ref().map(|resolver| &resolver.kind),
        Some(ResolverKind::Url(_))
    );
    if is_url && !trust.resolver_preload.is_empty() {
        let text =
            "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR";
        return Err(SetupError::Resolver(text.into()));
    }
    for (account, token) in &trust.resolver_preload {
        let claims = AccountClaims::decode(token);
        if !claims.is_ok_and(|claims| claims.subject == *account) {
            let text =
                format!("preload account error for {account:?}: the token is not this account's");
            return Err(SetupError::Resolver(text));
        }
    }
    Ok(())
}

/// Tokens of the configuration that are newer than those in the folder.
fn preload(directory: &Directory, trust: &Trust) -> Result<(), SetupError> {
    let lines: Vec<String> = trust
        .resolver_preload
        .iter()
        .map(|(account, token)| format!("{account}|{token}"))
        .collect();
    let merged = directory.merge(lines.iter().map(String::as_str), &|_| true);
    if let Some((account, error)) = merged.refused.first() {
        let text = format!("preload account error for {account:?}: {error}");
        return Err(SetupError::Resolver(text));
    }
    Ok(())
}

/// Some tokens in a folder; the others are asked of other servers, over the system account.
struct Cache {
    directory: Directory,
    timeout: Duration,
    me: Me,
}

impl Resolver for Cache {
    fn fetch(&self, account: &str) -> Result<String, FetchError> {
        self.directory.expire(Instant::now());
        match self.directory.fetch(account) {
            Err(FetchError::NotFound) => {}
            found => return found,
        }
        let core = self.me.get().and_then(Weak::upgrade);
        let token = core
            .ok_or(FetchError::NotFound)?
            .lookup(account, self.timeout)?;
        // A full cache or disk does not make the token worse.
        if let Err(error) = self.directory.store(account, &token) {
            tracing::warn!("token of account {account} is not cached: {error}");
        }
        Ok(token)
    }

    fn store(&self, account: &str, token: &str) -> Result<bool, StoreError> {
        self.directory.store(account, token)
    }

    fn directory(&self) -> Option<&Directory> {
        Some(&self.directory)
    }
}

impl Core {
    /// Asks whoever answers for the token of an account. Blocks.
    fn lookup(&self, account: &str, timeout: Duration) -> Result<String, FetchError> {
        let Some(system) = self.accounts.system() else {
            return Err(FetchError::NotFound);
        };
        let subject = subjects::account_request(account, "CLAIMS.LOOKUP");
        if !self.is_wanted(&system.name, &subject) {
            return Err(FetchError::NotFound);
        }
        let reply = format!("$SYS._INBOX.{}", nats_proto::nuid::next().as_str());
        let (sender, answers) = sync_channel(1);
        let target = Handler::target(Arc::new(FirstAnswer(Mutex::new(sender))));
        let sub = Arc::new(Sub::new(reply.as_bytes(), None, b"", target));
        system.interest.insert(sub.clone());
        self.publish(&system.name, &subject, Some(&reply), &[], &[]);
        let answer = answers.recv_timeout(timeout);
        system.interest.remove(&sub);
        let answer = answer.map_err(|_| FetchError::TimedOut)?;
        let text = String::from_utf8(answer).map_err(|_| FetchError::NotFound)?;
        match text.trim() {
            "" => Err(FetchError::NotFound),
            token => Ok(token.to_owned()),
        }
    }
}

struct FirstAnswer(Mutex<SyncSender<Vec<u8>>>);

impl Hook for FirstAnswer {
    fn receive(&self, _: &mut Cycle, _: &Origin<'_>, _: &Arc<Sub>, msg: &Message<'_>) -> bool {
        if msg.body().len() <= TOKEN_LEN_MAX {
            // There is room for one; later answers are of no use.
            let _ = self.0.lock().try_send(msg.body().to_vec());
        }
        true
    }
}
