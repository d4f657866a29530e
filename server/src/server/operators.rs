//! Operator mode: accounts by their tokens, loaded when they are needed and kept in line with what is pushed.
//!
//! States of an account: unknown -> live (claims applied) -> expired or removed -> live again with new claims. The token comes from
//! the resolver and counts only when a trusted key signed it. Everything that changes the table happens under `updating`, one
//! change at a time, on a thread that may block; nothing is fetched under it. Looking up a live account takes a read lock. Start
//! reading at [`Operators::account`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use nats_api::system::subjects;
use nats_jwt::chain::Trust;
use nats_jwt::claims::{AccountClaims, DecodeError, Export, ExportType, ResponseType};
use nats_jwt::nkey::{Kind, is_public_key};
use nats_jwt::secret::Secret;
use nats_proto::subject;
use parking_lot::{Mutex, RwLock};

use super::Accounts;
use super::lookups::{Lookups, Ticket};
use crate::account::claims::{Definition, Known, define};
use crate::account::resolver::{FetchError, Resolver};
use crate::options::{Options, ResolverKind};

/// Least time between two fetches for an account that is not live.
const FETCH_PAUSE: Duration = Duration::from_secs(1);
/// How often a fetch begins again because something newer was pushed meanwhile.
const FETCHES_MAX: usize = 8;

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{0}")]
    Token(#[from] DecodeError),
    #[error("account jwt is for another account")]
    OtherAccount,
    #[error("account jwt is not signed by a trusted operator")]
    NotTrusted,
    #[error("account jwt has validation errors: {0}")]
    Invalid(String),
    #[error("account expired")]
    Expired,
    #[error("account jwt was not found a moment ago")]
    NotFoundLately,
    #[error("account jwt changes faster than it can be fetched")]
    Restless,
}

/// One account as its token describes it.
pub struct Live {
    pub claims: Arc<AccountClaims>,
    pub definition: Arc<Definition>,
    pub token: Arc<str>,
    fetched: Instant,
    /// Deleted from the resolver: nobody may be in it.
    removed: bool,
}

impl Live {
    /// Whether users may be in it at `now`, in seconds since 1970.
    pub fn is_open(&self, now: i64) -> bool {
        !self.removed && (self.claims.expires == 0 || self.claims.expires > now)
    }
}

/// What a reload may change.
pub struct Rules {
    pub pinned: BTreeSet<String>,
    pub sentinel: Option<Secret>,
    pub resolver: Arc<dyn Resolver>,
    pub kind: ResolverKind,
}

#[derive(Default)]
struct State {
    live: HashMap<Arc<str>, Arc<Live>>,
    /// Who imports from an account.
    importers: BTreeMap<String, BTreeSet<Arc<str>>>,
}

impl Known for State {
    fn claims(&self, account: &str) -> Option<Arc<AccountClaims>> {
        self.live.get(account).map(|live| live.claims.clone())
    }

    fn definition(&self, account: &str) -> Option<Arc<Definition>> {
        self.live.get(account).map(|live| live.definition.clone())
    }
}

/// The trusted operators and the accounts that are in use.
pub struct Operators {
    trust: Trust,
    /// Keys by which the first operator signs, for deletions.
    operator_keys: BTreeSet<String>,
    system: Option<String>,
    rules: ArcSwap<Rules>,
    state: RwLock<State>,
    updating: Mutex<()>,
    lookups: Lookups,
    /// When, in seconds since 1970, something expires that must be acted on.
    deadline: AtomicI64,
}

/// A token that may be installed.
struct Verified<'a> {
    token: String,
    claims: AccountClaims,
    /// Of the fetch that brought it; `None` when it was pushed.
    ticket: Option<Ticket<'a>>,
}

impl Verified<'_> {
    fn is_fresh(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_fresh)
    }
}

impl Operators {
    /// `options` are those with the operators read in.
    pub fn new(options: &Options, rules: Rules) -> Self {
        let trust = &options.trust;
        let operator_keys = trust.claims.first().map_or_else(BTreeSet::new, |operator| {
            let own = (!operator.nats.strict_signing_key_usage).then(|| operator.subject.clone());
            own.into_iter()
                .chain(operator.nats.signing_keys.iter().cloned())
                .collect()
        });
        Self {
            trust: match trust.claims.is_empty() {
                true => Trust::in_keys(trust.trusted_keys.iter().cloned()),
                false => Trust::in_operators(&trust.claims),
            },
            operator_keys,
            system: options.system_account.clone(),
            rules: ArcSwap::from_pointee(rules),
            state: RwLock::default(),
            updating: Mutex::default(),
            lookups: Lookups::default(),
            deadline: AtomicI64::new(i64::MAX),
        }
    }

    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// Whether an account of `issuer` must sign with its signing keys.
    pub fn is_strict(&self, issuer: &str) -> bool {
        self.trust.is_strict(issuer)
    }

    /// Whether this key may delete accounts.
    pub fn may_delete(&self, key: &str) -> bool {
        self.operator_keys.contains(key)
    }

    pub fn is_system(&self, account: &str) -> bool {
        self.system.as_deref() == Some(account)
    }

    /// The account, if it is live and open at `now`. Never blocks for long.
    pub fn live(&self, account: &str, now: i64) -> Option<Arc<Live>> {
        self.known(account).filter(|live| live.is_open(now))
    }

    /// The account as it is known, open or not.
    pub fn known(&self, account: &str) -> Option<Arc<Live>> {
        self.state.read().live.get(account).cloned()
    }

    /// The account, fetched if it is not live. Blocks. Also yields the accounts that changed.
    ///
    /// # Errors
    /// When there is no such account that counts at `now`.
    pub fn account(
        &self,
        accounts: &Accounts,
        account: &str,
        now: i64,
    ) -> Result<(Arc<Live>, Vec<Arc<str>>), LookupError> {
        if let Some(live) = self.live(account, now) {
            return Ok((live, Vec::new()));
        }
        if let Some(known) = self.known(account)
            && known.fetched.elapsed() < FETCH_PAUSE
        {
            return Err(LookupError::Expired);
        }
        for _ in 0..FETCHES_MAX {
            let first = self.fetch(account, now)?;
            let all = self.with_exporters(first, now);
            let _one_at_a_time = self.updating.lock();
            if let Some(live) = self.live(account, now) {
                return Ok((live, Vec::new()));
            }
            if all.iter().all(Verified::is_fresh) {
                let changed = self.install(accounts, all, now);
                let live = self.live(account, now).ok_or(LookupError::Expired)?;
                return Ok((live, changed));
            }
        }
        Err(LookupError::Restless)
    }

    /// Who waits for an account waits here for others who do.
    pub fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Whether an account that is known imports from this one.
    pub fn is_imported(&self, account: &str) -> bool {
        let state = self.state.read();
        state
            .importers
            .get(account)
            .is_some_and(|by| !by.is_empty())
    }

    /// Checks a token that is to be `account`'s.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn verify(
        &self,
        account: &str,
        token: &str,
        now: i64,
    ) -> Result<AccountClaims, LookupError> {
        let claims = AccountClaims::decode(token)?;
        self.check(account, &claims, now)?;
        Ok(claims)
    }

    /// The same for claims that were decoded, so that their issuer signed them.
    ///
    /// # Errors
    /// Why they do not count.
    pub fn check(
        &self,
        account: &str,
        claims: &AccountClaims,
        now: i64,
    ) -> Result<(), LookupError> {
        if claims.subject != account {
            return Err(LookupError::OtherAccount);
        }
        if !self.trust.accepts(&claims.issuer) {
            return Err(LookupError::NotTrusted);
        }
        let findings = claims.validate(now);
        if findings.is_blocking(true) {
            let texts: Vec<_> = findings.iter().map(ToString::to_string).collect();
            return Err(LookupError::Invalid(texts.join("; ")));
        }
        Ok(())
    }

    /// A live account got another token. Blocks; yields the accounts that changed.
    ///
    /// # Errors
    /// Why the token does not count.
    pub fn update(
        &self,
        accounts: &Accounts,
        account: &str,
        token: &str,
        now: i64,
    ) -> Result<Vec<Arc<str>>, LookupError> {
        let claims = self.verify(account, token, now)?;
        Ok(self.update_to(accounts, token, &claims, now))
    }

    /// The same with claims that were verified.
    pub fn update_to(
        &self,
        accounts: &Accounts,
        token: &str,
        claims: &AccountClaims,
        now: i64,
    ) -> Vec<Arc<str>> {
        let mut fetches = FETCHES_MAX;
        loop {
            let first = Verified {
                token: token.to_owned(),
                claims: claims.clone(),
                ticket: None,
            };
            let all = self.with_exporters(first, now);
            fetches = fetches.saturating_sub(1);
            let _one_at_a_time = self.updating.lock();
            let same = |live: &Live| {
                &*live.token == token && !live.removed && live.definition.missing.is_empty()
            };
            if self.known(&claims.subject).is_some_and(|live| same(&live)) {
                return Vec::new();
            }
            if fetches == 0 || all.iter().all(Verified::is_fresh) {
                return self.install(accounts, all, now);
            }
        }
    }

    /// The account's token was deleted: nobody may be in it any more.
    pub fn remove(&self, account: &str) -> Vec<Arc<str>> {
        let _one_at_a_time = self.updating.lock();
        let mut state = self.state.write();
        let Some(live) = state.live.get_mut(account) else {
            return Vec::new();
        };
        *live = Arc::new(Live {
            claims: live.claims.clone(),
            definition: live.definition.clone(),
            token: live.token.clone(),
            fetched: Instant::now(),
            removed: true,
        });
        vec![account.into()]
    }

    /// Takes on new rules; tokens are looked at again where they can be had at once. Blocks.
    pub fn reload(&self, accounts: &Accounts, rules: Rules, now: i64) -> Vec<Arc<str>> {
        let is_url = matches!(rules.kind, ResolverKind::Url(_));
        self.rules.store(Arc::new(rules));
        self.lookups.forget_missing();
        if is_url {
            return Vec::new();
        }
        let known: Vec<Arc<str>> = self.state.read().live.keys().cloned().collect();
        let mut changed = Vec::new();
        for account in known {
            let token = match self.rules().resolver.fetch(&account) {
                Ok(token) => token,
                // What is gone from a resolver without being deleted stays as it is, as in the reference.
                Err(_) => continue,
            };
            match self.update(accounts, &account, &token, now) {
                Ok(more) => changed.extend(more),
                Err(error) => tracing::error!("token of account {account} after reload: {error}"),
            }
        }
        changed
    }

    /// Whether something has expired by `now`, so that [`Self::tick`] has to be called.
    pub fn is_due(&self, now: i64) -> bool {
        now >= self.deadline.load(Ordering::Relaxed)
    }

    /// Acts on what has expired by `now`; yields the accounts that changed. Waits for changes under way.
    pub fn tick(&self, accounts: &Accounts, now: i64) -> Vec<Arc<str>> {
        if !self.is_due(now) {
            return Vec::new();
        }
        let _one_at_a_time = self.updating.lock();
        let due = |live: &Live| {
            let token = live.claims.expires;
            (token > 0 && token <= now) || live.definition.until.is_some_and(|at| at <= now)
        };
        let due: BTreeSet<Arc<str>> = {
            let state = self.state.read();
            let due = state.live.iter().filter(|(_, live)| due(live));
            due.map(|(name, _)| name.clone()).collect()
        };
        self.redefine(accounts, &due, now);
        self.set_deadline(now);
        due.into_iter().collect()
    }

    /// The token of an account, unless it was not to be had a moment ago.
    fn fetch(&self, account: &str, now: i64) -> Result<Verified<'_>, LookupError> {
        if !is_public_key(account, Kind::Account) {
            return Err(FetchError::BadKey.into());
        }
        let begin = Instant::now();
        if self.lookups.is_missing(account, begin) {
            return Err(LookupError::NotFoundLately);
        }
        let ticket = self.lookups.fetching(account);
        let fetched = self.fetch_now(account, now);
        if fetched.is_err() && ticket.is_fresh() {
            self.lookups.note_missing(account, Instant::now());
        }
        let (token, claims) = fetched?;
        Ok(Verified {
            token,
            claims,
            ticket: Some(ticket),
        })
    }

    fn fetch_now(&self, account: &str, now: i64) -> Result<(String, AccountClaims), LookupError> {
        let begin = Instant::now();
        let fetched = self.rules().resolver.fetch(account);
        let took = begin.elapsed();
        if took > Duration::from_secs(1) {
            tracing::warn!("Account [{account}] fetch took {took:?}");
        }
        let token = fetched.inspect_err(|e| tracing::warn!("Account fetch failed: {e}"))?;
        let claims = self.verify(account, &token, now)?;
        Ok((token, claims))
    }

    /// The account of a token, first, and behind it those that it imports from and that are not known yet. Not under `updating`.
    fn with_exporters<'a>(&'a self, first: Verified<'a>, now: i64) -> Vec<Verified<'a>> {
        let mut tried = BTreeSet::from([first.claims.subject.clone()]);
        let mut all = Vec::new();
        let mut pending = vec![first];
        while let Some(verified) = pending.pop() {
            for import in &verified.claims.nats.imports {
                let exporter = &import.account;
                if self.known(exporter).is_some() || !tried.insert(exporter.clone()) {
                    continue;
                }
                match self.fetch(exporter, now) {
                    Ok(verified) => pending.push(verified),
                    Err(error) => tracing::error!(
                        "Can't locate account [{exporter}] for import of [{}] {} (err={error})",
                        import.subject,
                        import.kind
                    ),
                }
            }
            all.push(verified);
        }
        all
    }

    /// Puts accounts into the table and defines anew whoever is concerned. Of exporters that are known by now, the known ones stay.
    /// Under `updating`.
    fn install(&self, accounts: &Accounts, all: Vec<Verified<'_>>, now: i64) -> Vec<Arc<str>> {
        let mut touched = BTreeSet::new();
        for (at, verified) in all.into_iter().enumerate() {
            let name: Arc<str> = verified.claims.subject.as_str().into();
            if at > 0 && (self.known(&name).is_some() || !verified.is_fresh()) {
                continue;
            }
            self.put(&name, verified.token, verified.claims);
            touched.insert(name);
        }
        let concerned: BTreeSet<Arc<str>> = {
            let state = self.state.read();
            let importers = touched
                .iter()
                .filter_map(|name| state.importers.get(&**name));
            touched.iter().chain(importers.flatten()).cloned().collect()
        };
        let redefined = self.redefine(accounts, &concerned, now);
        self.bring_deadline_forward(touched.union(&redefined), now);
        touched.union(&redefined).cloned().collect()
    }

    fn put(&self, name: &Arc<str>, token: String, mut claims: AccountClaims) {
        if self.is_system(name) {
            offer_own_figures(&mut claims);
        }
        let mut state = self.state.write();
        let state = &mut *state;
        let old = state.live.get(name).cloned();
        for import in old.iter().flat_map(|old| &old.claims.nats.imports) {
            if let Some(importers) = state.importers.get_mut(&import.account) {
                importers.remove(name);
            }
        }
        for import in &claims.nats.imports {
            let importers = state.importers.entry(import.account.clone()).or_default();
            importers.insert(name.clone());
        }
        let nothing = || {
            Arc::new(Definition {
                account: crate::options::Account::default(),
                name_tag: String::new(),
                missing: Vec::new(),
                until: None,
            })
        };
        let live = Live {
            claims: Arc::new(claims),
            definition: old.map_or_else(nothing, |old| old.definition.clone()),
            token: token.into(),
            fetched: Instant::now(),
            removed: false,
        };
        state.live.insert(name.clone(), Arc::new(live));
    }

    /// Defines these accounts anew and applies what is different. Yields those.
    fn redefine(
        &self,
        accounts: &Accounts,
        names: &BTreeSet<Arc<str>>,
        now: i64,
    ) -> BTreeSet<Arc<str>> {
        let mut definitions = Vec::new();
        let mut different = BTreeSet::new();
        let mut state = self.state.write();
        for name in names {
            let Some(live) = state.live.get(name).cloned() else {
                continue;
            };
            let definition = define(&live.claims, &*state, now);
            if definition == *live.definition {
                continue;
            }
            for missing in &definition.missing {
                tracing::debug!("account {name}: {missing}");
            }
            let definition = Arc::new(definition);
            let live = Live {
                claims: live.claims.clone(),
                definition: definition.clone(),
                token: live.token.clone(),
                fetched: live.fetched,
                removed: live.removed,
            };
            state.live.insert(name.clone(), Arc::new(live));
            definitions.push(definition);
            different.insert(name.clone());
        }
        drop(state);
        if !definitions.is_empty() {
            accounts.define(&definitions, self.system.as_deref());
        }
        different
    }

    /// Something of these accounts may expire before anything else. Looks at no others, since there may be many.
    fn bring_deadline_forward<'a>(&self, names: impl Iterator<Item = &'a Arc<str>>, now: i64) {
        let state = self.state.read();
        let next = names
            .filter_map(|name| state.live.get(name))
            .flat_map(|live| [Some(live.claims.expires), live.definition.until])
            .flatten()
            .filter(|at| *at > now)
            .min();
        if let Some(next) = next {
            self.deadline.fetch_min(next, Ordering::Relaxed);
        }
    }

    fn set_deadline(&self, now: i64) {
        let state = self.state.read();
        let next = state
            .live
            .values()
            .flat_map(|live| [Some(live.claims.expires), live.definition.until])
            .flatten()
            .filter(|at| *at > now)
            .min();
        self.deadline
            .store(next.unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// The system account offers every account what there is about itself, unless its token offers that in another way.
fn offer_own_figures(claims: &mut AccountClaims) {
    for what in ["CONNZ", "STATZ"] {
        let subject = subjects::account_request("*", what);
        let exports = &mut claims.nats.exports;
        let is_offered = exports.iter().any(|export| {
            export.kind == ExportType::Service
                && subject::is_subset(subject.as_bytes(), export.subject.as_bytes())
        });
        if !is_offered {
            exports.push(Export {
                subject,
                kind: ExportType::Service,
                response_type: ResponseType::Stream,
                account_token_position: 4,
                ..Export::default()
            });
        }
    }
}
