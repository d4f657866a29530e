//! Requests about the tokens of accounts: update, lookup, list, pack, delete.

use std::time::{Duration, SystemTime};

use nats_api::system::subjects;
use nats_api::system::{
    ClaimList, ClaimUpdateError, ClaimUpdateReply, ClaimUpdateStatus, ServerInfo,
};
use nats_jwt::claims::{AccountClaims, GenericClaims, decode_generic};
use nats_jwt::nkey::{Kind, PublicKey, is_public_key};
use serde::Serialize;
use serde_json::Value;

use super::Core;
use super::operators::Operators;
use crate::account::resolver::{Directory, FetchError};
use crate::auth::unix_seconds;
use crate::conn::Round;
use crate::limits;
use crate::options::ResolverKind;
use crate::system::{ClaimsAsk, ClaimsScope, Outlet as _, Request};

/// What became of a request: who it was about and what to say.
struct Outcome {
    account: String,
    result: Result<String, (String, String)>,
}

impl Outcome {
    fn done(account: &str, message: &str) -> Self {
        Self {
            account: account.to_owned(),
            result: Ok(message.to_owned()),
        }
    }

    fn failed(account: &str, message: &str, reason: impl ToString) -> Self {
        Self {
            account: account.to_owned(),
            result: Err((message.to_owned(), reason.to_string())),
        }
    }

    fn into_reply(self, server: ServerInfo) -> ClaimUpdateReply {
        let account = self.account;
        match self.result {
            Ok(message) => {
                tracing::debug!("{message} - {account}");
                ClaimUpdateReply {
                    server,
                    data: Some(ClaimUpdateStatus {
                        account,
                        code: 200,
                        message,
                    }),
                    error: None,
                }
            }
            Err((message, reason)) => {
                tracing::error!("{message} - {account} - {reason}");
                ClaimUpdateReply {
                    server,
                    data: None,
                    error: Some(ClaimUpdateError {
                        account,
                        code: 500,
                        description: format!("{message} - {reason}"),
                    }),
                }
            }
        }
    }
}

/// The words of the answers: a cache says so.
struct Words {
    failed: &'static str,
    invalid: &'static str,
    skipped: &'static str,
    updated: &'static str,
}

const WORDS: Words = Words {
    failed: "jwt update resulted in error",
    invalid: "jwt validation failed",
    skipped: "jwt update skipped",
    updated: "jwt updated",
};
const CACHE_WORDS: Words = Words {
    failed: "jwt update cache resulted in error",
    invalid: "jwt update cache validation failed",
    skipped: "jwt update cache skipped",
    updated: "jwt updated cache",
};

impl Core {
    /// Which of these requests this server answers.
    pub(super) fn claims_scope(&self) -> ClaimsScope {
        match self.operators.as_ref().map(|operators| operators.rules()) {
            None => ClaimsScope::Nothing,
            Some(rules) => match rules.kind {
                ResolverKind::Memory | ResolverKind::Url(_) => ClaimsScope::Updates,
                ResolverKind::Cache { .. } => ClaimsScope::Cache,
                ResolverKind::Full { .. } => ClaimsScope::Full,
            },
        }
    }

    /// The answers to one request, in their order.
    pub(super) fn claims(
        &self,
        ask: ClaimsAsk,
        request: &Request,
        server: ServerInfo,
    ) -> Vec<Vec<u8>> {
        let Some(operators) = &self.operators else {
            return Vec::new();
        };
        let now = unix_seconds(SystemTime::now());
        match ask {
            ClaimsAsk::Update => {
                let about = about(&request.subject);
                let outcome = self.update(operators, about, &request.body, now);
                vec![json(&outcome.into_reply(server))]
            }
            ClaimsAsk::Delete => {
                let outcome = self.delete(operators, &request.body, now);
                vec![json(&outcome.into_reply(server))]
            }
            ClaimsAsk::List => {
                let rules = operators.rules();
                let directory = rules.resolver.directory();
                let data = directory.map(|d| d.accounts()).unwrap_or_default();
                vec![json(&ClaimList { data, server })]
            }
            ClaimsAsk::Lookup => {
                let rules = operators.rules();
                let account = about(&request.subject).unwrap_or_default();
                match rules.resolver.fetch(account) {
                    Ok(token) => vec![token.into_bytes()],
                    // An empty answer says that it is not here; keys of another kind never are.
                    Err(FetchError::NotFound) => vec![Vec::new()],
                    Err(FetchError::BadKey) if PublicKey::parse(account).is_ok() => {
                        vec![Vec::new()]
                    }
                    Err(error) => {
                        tracing::error!("Error looking up account {account:?}: {error}");
                        Vec::new()
                    }
                }
            }
            ClaimsAsk::Pack => self.pack(operators, &request.body, now),
            ClaimsAsk::Merge => {
                self.merge(operators, &request.body, now);
                Vec::new()
            }
        }
    }

    fn update(&self, operators: &Operators, about: Option<&str>, body: &[u8], now: i64) -> Outcome {
        let rules = operators.rules();
        let is_cache = matches!(rules.kind, ResolverKind::Cache { .. });
        let words = if is_cache { CACHE_WORDS } else { WORDS };
        let unknown = about.unwrap_or("n/a");
        if body.is_empty() {
            return Outcome::failed(unknown, "jwt update error", "request body is empty");
        }
        let Ok(token) = std::str::from_utf8(body).map(str::trim) else {
            return Outcome::failed(unknown, words.failed, "the token is not text");
        };
        let claims = match AccountClaims::decode(token) {
            Ok(claims) => claims,
            Err(error) => return Outcome::failed(unknown, words.failed, error),
        };
        let account = claims.subject.as_str();
        if about.is_some_and(|about| about != account) {
            let reason = "subject does not match jwt content";
            return Outcome::failed(unknown, words.failed, reason);
        }
        let findings = claims.validate(now);
        if findings.is_blocking(false) {
            let errors: Vec<_> = findings.errors().collect();
            let reason = format!("validation errors: [{}]", errors.join(" "));
            return Outcome::failed(account, words.invalid, reason);
        }
        // Also in a store, where it would lie until somebody trusts it.
        if let Err(error) = operators.check(account, &claims, now) {
            return Outcome::failed(account, words.failed, error);
        }
        let keeps = match rules.kind {
            ResolverKind::Full { .. } => true,
            // What it holds of an account that nobody is in would be out of date.
            ResolverKind::Cache { .. } => {
                let holds = |d: &Directory| d.holds(account);
                operators.known(account).is_some() || rules.resolver.directory().is_some_and(holds)
            }
            ResolverKind::Memory | ResolverKind::Url(_) => false,
        };
        if keeps && let Err(error) = rules.resolver.store(account, token) {
            return Outcome::failed(account, words.failed, error);
        }
        operators.lookups().pushed(account);
        if operators.known(account).is_some() {
            let changed = operators.update_to(&self.accounts, token, &claims, now);
            let round = Round::default();
            self.claims_changed(&changed, &round);
            round.wait(limits::REVALIDATION_WAIT_MAX);
        } else if !keeps {
            return Outcome::done(account, words.skipped);
        } else if operators.is_imported(account)
            && let Err(error) = self.load_account(account)
        {
            tracing::error!("Account {account}, from which others import: {error}");
        }
        Outcome::done(account, words.updated)
    }

    fn delete(&self, operators: &Operators, body: &[u8], now: i64) -> Outcome {
        let token = std::str::from_utf8(body).unwrap_or_default().trim();
        let claims = decode_generic(token);
        let by = claims.as_ref().map_or("", |claims| claims.subject.as_str());
        let failed = format!("delete accounts request by {by} failed");
        let rules = operators.rules();
        let list = claims
            .as_ref()
            .map_err(ToString::to_string)
            .and_then(|claims| to_delete(operators, claims, now));
        let (list, directory) = match (list, rules.resolver.directory()) {
            (Err(reason), _) => return Outcome::failed("", &failed, reason),
            (Ok(_), None) => {
                return Outcome::failed("", &failed, "delete must be enabled in server config");
            }
            (Ok(_), Some(directory)) if !directory.may_delete() => {
                return Outcome::failed("", &failed, "delete must be enabled in server config");
            }
            (Ok(list), Some(directory)) => (list, directory),
        };
        let (mut deleted, mut errors) = (0usize, Vec::new());
        let round = Round::default();
        for account in &list {
            match directory.delete(account) {
                Err(error) => errors.push(error.to_string()),
                Ok(_) => {
                    deleted = deleted.saturating_add(1);
                    operators.lookups().pushed(account);
                    let changed = operators.remove(account);
                    self.claims_changed(&changed, &round);
                }
            }
        }
        round.wait(limits::REVALIDATION_WAIT_MAX);
        if errors.is_empty() {
            return Outcome::done("", &format!("deleted {deleted} accounts"));
        }
        let message = format!("deleted {deleted} accounts, failed for {}", errors.len());
        Outcome::failed("", &message, errors.join("\n"))
    }

    /// Nothing but the end for a server that has all that we have.
    fn pack(&self, operators: &Operators, their_hash: &[u8], now: i64) -> Vec<Vec<u8>> {
        let rules = operators.rules();
        let Some(directory) = rules.resolver.directory() else {
            return Vec::new();
        };
        if their_hash == directory.hash() {
            return vec![Vec::new()];
        }
        match directory.pack(now) {
            Ok(lines) => {
                let lines = lines.into_iter().map(String::into_bytes);
                lines.chain([Vec::new()]).collect()
            }
            Err(error) => {
                tracing::error!("Pack request error: {error}");
                Vec::new()
            }
        }
    }

    /// How often full directories are compared, if this server keeps one and says so.
    pub(super) fn compare_pause(&self) -> Option<Duration> {
        match &self.operators.as_ref()?.rules().kind {
            ResolverKind::Full { interval, .. } => *interval,
            _ => None,
        }
    }

    /// Asks the other servers for tokens that we may not have.
    pub(super) fn ask_for_tokens(&self) {
        let Some(rules) = self.operators.as_ref().map(|operators| operators.rules()) else {
            return;
        };
        let (Some(directory), ResolverKind::Full { .. }, Some(system)) = (
            rules.resolver.directory(),
            &rules.kind,
            self.accounts.system(),
        ) else {
            return;
        };
        let inbox = subjects::claims_pack_inbox(&self.identity.id);
        let hash = directory.hash();
        self.publish(
            &system.name,
            subjects::CLAIMS_PACK,
            Some(&inbox),
            &[],
            &hash,
        );
    }

    fn merge(&self, operators: &Operators, pack: &[u8], now: i64) {
        let rules = operators.rules();
        let Some(directory) = rules.resolver.directory() else {
            return;
        };
        let lines = pack.split(|byte| *byte == b'\n');
        let lines = lines.filter_map(|line| std::str::from_utf8(line).ok());
        // Whoever sent it is in the system account, and still not the operator.
        let trusted = |claims: &AccountClaims| match operators.check(&claims.subject, claims, now) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!("Token of account {} in a pack: {error}", claims.subject);
                false
            }
        };
        let merged = directory.merge(lines, &trusted);
        for (account, error) in &merged.refused {
            tracing::error!("Merging resulted in error: {error} ({account:?})");
        }
        let changed = merged.changed;
        for account in &changed {
            operators.lookups().pushed(account);
        }
        for account in changed.iter().filter(|a| operators.known(a).is_some()) {
            let token = rules.resolver.fetch(account).map_err(|e| e.to_string());
            let updated = token.and_then(|token| {
                let updated = operators.update(&self.accounts, account, &token, now);
                updated.map_err(|e| e.to_string())
            });
            match updated {
                Ok(changed) => self.claims_changed(&changed, &Round::default()),
                Err(error) => tracing::error!("Update of account {account}: {error}"),
            }
        }
    }
}

/// The accounts that a request by the operator names.
fn to_delete(
    operators: &Operators,
    claims: &GenericClaims,
    now: i64,
) -> Result<Vec<String>, String> {
    if claims.subject != claims.issuer {
        return Err("not self signed".into());
    }
    if !operators.may_delete(&claims.issuer) {
        return Err("not trusted".into());
    }
    if claims.is_expired(now) || claims.is_early(now) {
        return Err("not valid at this time".into());
    }
    let malformed = || "malformed request".to_owned();
    let list = claims.nats.data.get("accounts").and_then(Value::as_array);
    let mut accounts = Vec::new();
    for entry in list.ok_or_else(malformed)? {
        let account = entry.as_str().ok_or_else(malformed)?;
        if !is_public_key(account, Kind::Account) {
            return Err(malformed());
        }
        if operators.is_system(account) {
            return Err("not allowed to delete system account".into());
        }
        accounts.push(account.to_owned());
    }
    Ok(accounts)
}

/// The account in `$SYS.REQ.ACCOUNT.<account>.CLAIMS.<verb>` and `$SYS.ACCOUNT.<account>.CLAIMS.UPDATE`.
fn about(subject: &str) -> Option<&str> {
    let mut tokens = subject.split('.').skip_while(|token| *token != "ACCOUNT");
    tokens.nth(1)
}

fn json<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}
