//! `$JS.API.INFO`.

use std::sync::atomic::Ordering;

use nats_api::errors::ApiError;
use nats_api::jetstream::AccountInfo;
use nats_api::monitor::jsz::ApiStats;
use nats_store::Storage;

use super::super::account::JsAccount;
use super::super::{API_LEVEL, JetStream};
use super::Serving;

impl Serving<'_> {
    pub(super) fn account_info(&self) -> Result<AccountInfo, ApiError> {
        let account = self.account()?;
        self.no_body()?;
        Ok(account_info(self.jetstream, account))
    }
}

/// What an account uses and may use.
pub fn account_info(jetstream: &JetStream, account: &JsAccount) -> AccountInfo {
    let usage = &account.usage;
    AccountInfo {
        memory: usage.used.get(Storage::Memory),
        storage: usage.used.get(Storage::File),
        reserved_memory: usage.reserved.get(Storage::Memory),
        reserved_storage: usage.reserved.get(Storage::File),
        streams: account.all().len() as i64,
        consumers: account.consumers() as i64,
        limits: *usage.limits(),
        domain: jetstream.settings.domain.clone().unwrap_or_default(),
        api: ApiStats {
            level: API_LEVEL as _,
            total: account.api_total.load(Ordering::Relaxed),
            errors: account.api_errors.load(Ordering::Relaxed),
            ..ApiStats::default()
        },
        ..AccountInfo::default()
    }
}
