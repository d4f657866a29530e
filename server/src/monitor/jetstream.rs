//! `/jsz`, and what varz and statsz say of JetStream.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nats_api::errors::ApiError;
use nats_api::jetstream::ClusterInfo;
use nats_api::monitor::jsz::{
    AccountDetail, ApiStats, JetStreamConfig, JetStreamLimits, JetStreamStats, JetStreamVarz,
    StreamDetail,
};
use nats_api::monitor::{HealthzError, HealthzOptions, Jsz, JszOptions};
use nats_api::time::Nanos;
use nats_store::{Storage, StoreError};

use super::healthz::Illness;
use super::view::View;
use crate::jetstream::account::{JsAccount, StreamEntry};
use crate::jetstream::{API_LEVEL, DAMAGE_TOLD, JetStream, Lost, default_max_consumers};
use crate::options::{Options, SyncPolicy};

/// Accounts on one page when the question does not say.
const LIMIT: usize = 1024;
const SYNC_INTERVAL_DEFAULT: Nanos = Nanos(120_000_000_000);

/// `None` when only the leader was asked and there is none.
pub fn jsz(view: &dyn View, options: &JszOptions) -> Option<Jsz> {
    let Some(js) = view.jetstream() else {
        return (!options.leader_only).then(|| Jsz {
            server_id: view.facts().id.clone(),
            now: view.now(),
            disabled: true,
            ..Jsz::default()
        });
    };
    let stats = stats(&js);
    let accounts = js.accounts();
    let mut page = Jsz {
        memory: stats.memory,
        storage: stats.storage,
        reserved_memory: stats.reserved_memory,
        reserved_storage: stats.reserved_storage,
        accounts: stats.accounts,
        api: stats.api,
        server_id: view.facts().id.clone(),
        now: view.now(),
        config: config(&js),
        limits: Some(limits(&view.options())),
        total: accounts.len() as i64,
        ..Jsz::default()
    };
    for entry in accounts.iter().flat_map(|a| a.all()) {
        let state = entry.lane.with(|seat, _, _| seat.stream.state());
        page.streams = page.streams.saturating_add(1);
        page.messages = page.messages.saturating_add(state.messages);
        page.bytes = page.bytes.saturating_add(state.bytes);
        page.consumers = page
            .consumers
            .saturating_add(entry.public_consumers() as i64);
    }
    if options.raft {
        // One server leads all of them.
        page.streams_leader = page.streams;
        page.consumers_leader = page.consumers;
    }
    let shown = shown(accounts, options);
    page.account_details = shown
        .iter()
        .map(|a| account(a, &js.settings.server_name, options))
        .collect();
    Some(page)
}

/// `$SYS.REQ.ACCOUNT.<account>.JSZ`: JetStream of one account, whatever account the options name.
pub fn jsz_account(
    view: &dyn View,
    name: &str,
    options: &JszOptions,
) -> Result<AccountDetail, String> {
    let js = view.jetstream().ok_or("jetstream not enabled")?;
    if view.account(name).is_none() {
        return Err(format!("account {name:?} not found"));
    }
    match js.account(name) {
        Some(found) => Ok(account(&found, &js.settings.server_name, options)),
        None => Err(format!("account {name:?} not jetstream enabled")),
    }
}

/// The accounts that a question is about.
fn shown(mut accounts: Vec<Arc<JsAccount>>, options: &JszOptions) -> Vec<Arc<JsAccount>> {
    let named = accounts.iter().any(|a| *a.account.name == *options.account);
    if named {
        accounts.retain(|a| *a.account.name == *options.account);
        return accounts;
    }
    let streams = options.streams || options.consumer;
    let all = options.accounts || (streams && options.account.is_empty());
    if !all {
        return Vec::new();
    }
    let limit = match options.limit {
        0 => LIMIT,
        // Below zero is no page at all, so that it does not begin anywhere either.
        n => match usize::try_from(n) {
            Ok(n) => n,
            Err(_) => return accounts,
        },
    };
    let offset = usize::try_from(options.offset).unwrap_or(0);
    accounts.into_iter().skip(offset).take(limit).collect()
}

fn account(js: &JsAccount, server_name: &str, options: &JszOptions) -> AccountDetail {
    let limits = js.usage.tiers().whole().copied().unwrap_or_default();
    let settings = js.account.settings();
    let name = settings.name_tag.as_ref().unwrap_or(&js.account.name);
    let mut detail = AccountDetail {
        name: name.to_string(),
        id: js.account.name.to_string(),
        memory: js.usage.used.get(Storage::Memory),
        storage: js.usage.used.get(Storage::File),
        // The reference shows its -1 as an unsigned number.
        reserved_memory: limits.max_memory as u64,
        reserved_storage: limits.max_storage as u64,
        api: ApiStats {
            total: js.api_total.load(Ordering::Relaxed),
            errors: js.api_errors.load(Ordering::Relaxed),
            ..ApiStats::default()
        },
        ..AccountDetail::default()
    };
    if options.streams || options.consumer {
        detail.stream_detail = js
            .all()
            .iter()
            .map(|s| stream(s, server_name, options))
            .collect();
    }
    detail
}

fn stream(entry: &Arc<StreamEntry>, server_name: &str, options: &JszOptions) -> StreamDetail {
    let (info, consumers) = entry.lane.with(|seat, cx, out| {
        let consumers = match options.consumer {
            true => seat.stream.consumer_infos(cx, out),
            false => Vec::new(),
        };
        (seat.stream.listed_info(cx.now), consumers)
    });
    let (mut plain, mut direct) = (Vec::new(), Vec::new());
    for (is_direct, mut consumer) in consumers {
        if !options.config {
            consumer.config = None;
        }
        match is_direct {
            true => direct.push(consumer),
            false => plain.push(consumer),
        }
    }
    StreamDetail {
        name: info.config.name.clone(),
        created: info.created,
        config: options.config.then(|| info.config.clone()),
        state: info.state,
        consumer_detail: plain,
        direct_consumer_detail: match options.direct_consumer {
            true => direct,
            false => Vec::new(),
        },
        cluster: Some(ClusterInfo {
            leader: server_name.to_owned(),
            ..ClusterInfo::default()
        }),
        mirror: info.mirror,
        sources: info.sources,
        ..StreamDetail::default()
    }
}

/// What is wrong with JetStream, as far as the question goes.
pub(super) fn health(view: &dyn View, options: &HealthzOptions) -> Option<Illness> {
    if options.js_server_only {
        return None;
    }
    // Who configured no JetStream misses none: probes that ask for it must not restart such a server.
    if !view.options().jetstream.enabled {
        return None;
    }
    let Some(js) = view.jetstream() else {
        let off = HealthzError {
            error_type: "JETSTREAM".into(),
            error: ApiError::NOT_ENABLED.error().to_string(),
            ..HealthzError::default()
        };
        return Some(unavailable(vec![off]));
    };
    if options.js_enabled || options.js_enabled_only {
        return None;
    }
    if !options.account.is_empty() {
        return absent(&js, options).map(|error| Illness {
            status_code: 404,
            status: "unavailable",
            errors: vec![error],
        });
    }
    let mut errors: Vec<HealthzError> = js.lost().into_iter().map(lost).collect();
    errors.extend(js.fault().map(|error| HealthzError {
        error_type: "JETSTREAM".into(),
        error: format!("JetStream store write error: {error}"),
        ..HealthzError::default()
    }));
    errors.extend(
        js.damage()
            .iter()
            .take(DAMAGE_TOLD)
            .map(|damage| HealthzError {
                error_type: "JETSTREAM".into(),
                error: format!("JetStream store recovery: {damage}"),
                ..HealthzError::default()
            }),
    );
    errors.extend(js.accounts().iter().flat_map(|account| faults(account)));
    (!errors.is_empty()).then(|| unavailable(errors))
}

fn unavailable(errors: Vec<HealthzError>) -> Illness {
    Illness {
        status_code: 503,
        status: "unavailable",
        errors,
    }
}

/// The account, stream or consumer that is asked about and is not there.
fn absent(js: &JetStream, options: &HealthzOptions) -> Option<HealthzError> {
    let (account, stream, consumer) = (&options.account, &options.stream, &options.consumer);
    let Some(found) = js.account(account) else {
        return Some(HealthzError {
            error_type: "ACCOUNT".into(),
            account: account.clone(),
            error: format!("JetStream account {account:?} not found"),
            ..HealthzError::default()
        });
    };
    if stream.is_empty() {
        return None;
    }
    let Some(entry) = found.find(stream) else {
        return Some(HealthzError {
            error_type: "STREAM".into(),
            account: account.clone(),
            stream: stream.clone(),
            error: format!("JetStream stream {stream:?} not found on account {account:?}"),
            ..HealthzError::default()
        });
    };
    if consumer.is_empty() || entry.has_consumer(consumer) {
        return None;
    }
    Some(HealthzError {
        error_type: "CONSUMER".into(),
        account: account.clone(),
        stream: stream.clone(),
        consumer: consumer.clone(),
        error: format!(
            "JetStream consumer {consumer:?} not found for stream {stream:?} on account {account:?}"
        ),
    })
}

fn lost(lost: Lost) -> HealthzError {
    HealthzError {
        error_type: "STREAM".into(),
        error: format!(
            "JetStream stream '{} > {}' could not be recovered: {}",
            lost.account, lost.stream, lost.why
        ),
        account: lost.account,
        stream: lost.stream,
        ..HealthzError::default()
    }
}

/// Streams that take no writes, or of which something is damaged.
fn faults(account: &JsAccount) -> Vec<HealthzError> {
    let name = &account.account.name;
    let sick = |entry: Arc<StreamEntry>| {
        let fault = entry.lane.with(|seat, _, _| seat.stream.fault())?;
        Some(HealthzError {
            error_type: "STREAM".into(),
            account: name.to_string(),
            stream: entry.name.to_string(),
            error: format!(
                "JetStream stream '{name} > {}' {}{fault}",
                entry.name,
                kind_of(&fault)
            ),
            ..HealthzError::default()
        })
    };
    account.all().into_iter().filter_map(sick).collect()
}

/// What the disk could not do, where the fault does not say it. The reference only knows of writes.
fn kind_of(fault: &StoreError) -> &'static str {
    match fault {
        StoreError::Frozen(_) => "is ",
        StoreError::Damaged { .. } => "read error: ",
        _ => "write error: ",
    }
}

/// JetStream as varz shows it; empty when it is off.
pub fn varz(view: &dyn View) -> JetStreamVarz {
    view.jetstream()
        .map_or_else(JetStreamVarz::default, |js| JetStreamVarz {
            config: Some(config(&js)),
            stats: Some(stats(&js)),
            limits: Some(limits(&view.options())),
            meta: None,
        })
}

fn stats(js: &JetStream) -> JetStreamStats {
    let accounts = js.accounts();
    let sum = |count: fn(&JsAccount) -> u64| accounts.iter().map(|a| count(a)).sum();
    JetStreamStats {
        memory: js.usage.used.get(Storage::Memory),
        storage: js.usage.used.get(Storage::File),
        reserved_memory: js.usage.reserved.get(Storage::Memory),
        reserved_storage: js.usage.reserved.get(Storage::File),
        accounts: accounts.len() as i64,
        ha_assets: 0,
        api: ApiStats {
            level: API_LEVEL as i32,
            total: sum(|a| a.api_total.load(Ordering::Relaxed)),
            errors: sum(|a| a.api_errors.load(Ordering::Relaxed)),
            inflight: js.inflight(),
        },
    }
}

fn config(js: &JetStream) -> JetStreamConfig {
    let settings = &js.settings;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    JetStreamConfig {
        max_memory: signed(settings.max_memory),
        max_storage: signed(settings.max_file),
        store_dir: settings.store_dir.display().to_string(),
        sync_interval: match settings.sync {
            SyncPolicy::Every(every) => Nanos(i64::try_from(every.as_nanos()).unwrap_or(i64::MAX)),
            // What the reference shows beside `sync_always`.
            _ => SYNC_INTERVAL_DEFAULT,
        },
        sync_always: !matches!(settings.sync, SyncPolicy::Every(_)),
        domain: settings.domain.clone().unwrap_or_default(),
        // The reference says so only when its sizes are configured.
        compress_ok: settings.is_sized,
        strict: settings.strict,
        ..JetStreamConfig::default()
    }
}

fn limits(options: &Options) -> JetStreamLimits {
    let given = &options.jetstream.limits;
    let nanos = |d: Option<std::time::Duration>| {
        let nanos = d.unwrap_or_default().as_nanos();
        Nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    };
    JetStreamLimits {
        max_request_batch: given.max_request_batch.unwrap_or(0),
        max_ack_pending: given.max_ack_pending.unwrap_or(0),
        max_ha_assets: given.max_ha_assets.unwrap_or(0),
        max_duplicate_window: nanos(given.duplicate_window),
        default_max_consumers: default_max_consumers(given),
        max_batch_inflight_per_stream: given.batch.max_inflight_per_stream.unwrap_or(0),
        max_batch_inflight_total: given.batch.max_inflight_total.unwrap_or(0),
        max_batch_size: given.batch.max_msgs.unwrap_or(0),
        max_batch_timeout: nanos(given.batch.timeout),
    }
}
