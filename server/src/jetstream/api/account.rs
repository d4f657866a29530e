//! `$JS.API.INFO`, and what the system account may ask about an account.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use nats_api::errors::ApiError;
use nats_api::jetstream::{AccountInfo, AccountPurgeResponse, Tier};
use nats_api::monitor::jsz::ApiStats;
use nats_store::Storage;

use super::super::account::JsAccount;
use super::super::usage::{Tiers, tier_name};
use super::super::{API_LEVEL, JetStream};
use super::Serving;

impl Serving<'_> {
    pub(super) fn account_info(&self) -> Result<AccountInfo, ApiError> {
        let account = self.account()?;
        Ok(account_info(self.jetstream, account))
    }

    /// `$JS.API.ACCOUNT.PURGE.<account>`, asked in the system account: all streams of an account go, also when it has no JetStream any
    /// more or is not known. What is on disk and cannot be read is not deleted; the answer names it.
    pub(super) fn account_purge(&self, name: &str) -> Result<AccountPurgeResponse, ApiError> {
        let refused =
            |why: &dyn std::fmt::Display| ApiError::STREAM_GENERAL.error_with(&[("err", &why)]);
        if name.contains(['/', '\\']) {
            return Err(refused(&"account name can not contain path separators"));
        }
        self.jetstream.purge_account(name)?;
        if let [first, ..] = &*self.jetstream.lost_of(name) {
            let (stream, why) = (&first.stream, &first.why);
            return Err(refused(&format_args!(
                "stream {stream} is not deleted, because it cannot be read: {why}"
            )));
        }
        Ok(AccountPurgeResponse { initiated: true })
    }
}

/// Use and limits by number of replicas: of what there is, and of what there may be.
fn by_tier(account: &JsAccount, tiers: &Tiers) -> BTreeMap<String, Tier> {
    let unused = tiers.iter().map(|(name, limits)| {
        let limits = *limits;
        let tier = Tier {
            limits,
            ..Tier::default()
        };
        (name.to_owned(), tier)
    });
    let mut all: BTreeMap<String, Tier> = unused.collect();
    for stream in account.all() {
        let replicas = stream.config().num_replicas;
        let tier = all.entry(tier_name(replicas)).or_default();
        tier.streams += 1;
        tier.consumers += stream.consumers() as i64;
        let (used, reserved) = (&account.usage.used, &account.usage.reserved);
        tier.memory = used.of(replicas).get(Storage::Memory);
        tier.storage = used.of(replicas).get(Storage::File);
        tier.reserved_memory = reserved.of(replicas).get(Storage::Memory);
        tier.reserved_storage = reserved.of(replicas).get(Storage::File);
    }
    all
}

/// What an account uses and may use.
pub fn account_info(jetstream: &JetStream, account: &JsAccount) -> AccountInfo {
    let usage = &account.usage;
    let tiers = usage.tiers();
    AccountInfo {
        memory: usage.used.get(Storage::Memory),
        storage: usage.used.get(Storage::File),
        reserved_memory: usage.reserved.get(Storage::Memory),
        reserved_storage: usage.reserved.get(Storage::File),
        streams: account.all().len() as i64,
        consumers: account.consumers() as i64,
        limits: tiers.whole().copied().unwrap_or_default(),
        tiers: match tiers.whole() {
            Some(_) => BTreeMap::new(),
            None => by_tier(account, &tiers),
        },
        domain: jetstream.settings.domain.clone().unwrap_or_default(),
        api: ApiStats {
            level: API_LEVEL as _,
            total: account.api_total.load(Ordering::Relaxed),
            errors: account.api_errors.load(Ordering::Relaxed),
            ..ApiStats::default()
        },
    }
}
