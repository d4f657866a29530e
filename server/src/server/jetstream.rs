//! JetStream's life in the server: started with it or by a reload, given to the accounts that the options name, stopped with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use nats_api::jetstream::AccountLimits;

use super::{Core, VERSION};
use crate::account::Account;
use crate::jetstream::usage::Tiers;
use crate::jetstream::{JetStream, JetStreamError, Settings};
use crate::options::{AccountJetStream, GLOBAL_ACCOUNT, Options};

/// Starts, stops or changes JetStream so that it is as the options say. Blocks: streams are brought back from disk.
///
/// # Errors
/// See [`JetStreamError`].
pub fn follow(core: &Core) -> Result<(), JetStreamError> {
    let options = core.options();
    let running = core.jetstream();
    if !options.jetstream.enabled {
        if let Some(jetstream) = running {
            core.set_jetstream(None);
            jetstream.stop();
        }
        return Ok(());
    }
    let jetstream = match running {
        Some(jetstream) => jetstream,
        None => {
            tracing::info!("Starting JetStream");
            let identity = &core.identity;
            let settings = Settings::new(&options, &identity.name, &identity.id, VERSION);
            announce(&settings);
            let jetstream = JetStream::start(settings, &core.recovery)?;
            core.set_jetstream(Some(jetstream.clone()));
            jetstream
        }
    };
    serve_accounts(core, &options, &jetstream)
}

fn serve_accounts(
    core: &Core,
    options: &Options,
    jetstream: &JetStream,
) -> Result<(), JetStreamError> {
    jetstream.tell_system(core.accounts.system());
    load_owners(core, jetstream);
    let mut refused = Ok(());
    for account in core.accounts.all() {
        match serve(core, options, jetstream, &account) {
            // Whoever wrote a token did not write the configuration: the others are served, and the server starts.
            Err(error) if core.operators.is_some() => tracing::error!("{error}"),
            Err(error) => refused = refused.and(Err(error)),
            Ok(()) => {}
        }
    }
    refused?;
    for account in jetstream.unclaimed() {
        tracing::warn!(
            "JetStream: there are streams of account {account:?}, which has no JetStream; they stay on disk"
        );
    }
    let gone = jetstream.accounts();
    let gone = gone
        .iter()
        .filter(|js| core.accounts.find(&js.account.name).is_none());
    for js in gone {
        jetstream.disable(&js.account.name);
    }
    jetstream.start_upstreams();
    Ok(())
}

/// In operator mode accounts come when they are needed; those that have streams on disk are needed now.
fn load_owners(core: &Core, jetstream: &JetStream) {
    if core.operators.is_none() {
        return;
    }
    for owner in jetstream.unclaimed() {
        if let Err(error) = core.load_account(&owner) {
            tracing::warn!(
                "JetStream: account {owner} has streams on disk and is not known: {error}"
            );
        }
    }
}

/// The claims of these accounts have changed, or are known for the first time: they get, keep or lose JetStream. Blocks while streams are
/// brought back.
pub fn claims_changed(core: &Core, names: &[Arc<str>]) {
    let Some(jetstream) = core.jetstream() else {
        return;
    };
    for account in names.iter().filter_map(|name| core.accounts.find(name)) {
        if let Err(error) = serve(core, &core.options(), &jetstream, &account) {
            tracing::error!("{error}");
        }
    }
    jetstream.start_upstreams();
}

fn serve(
    core: &Core,
    options: &Options,
    jetstream: &JetStream,
    account: &Arc<Account>,
) -> Result<(), JetStreamError> {
    let tiers = tiers_of(core, options, account);
    let served = match tiers.is_empty() {
        false => jetstream.enable(account, tiers),
        true => {
            jetstream.disable(&account.name);
            Ok(())
        }
    };
    if jetstream.account(&account.name).is_none() {
        jetstream.answer_stranger(account);
    }
    served
}

/// What an account may use; nothing when it has no JetStream. Without accounts of their own, everybody is in the global one and may
/// use it all.
fn tiers_of(core: &Core, options: &Options, account: &Account) -> Tiers {
    if *account.name == *GLOBAL_ACCOUNT {
        let system = options.system_account_name();
        let others = options.accounts.iter();
        let has_others = others.filter(|a| Some(a.name.as_str()) != system).count() > 0;
        if has_others || core.operators.is_some() {
            return Tiers::default();
        }
        let all = limits(&AccountJetStream::default());
        return Tiers::new(BTreeMap::from([(String::new(), all)]));
    }
    let settings = account.settings();
    let tiers = settings.jetstream.iter();
    Tiers::new(
        tiers
            .map(|(name, given)| (name.clone(), limits(given)))
            .collect(),
    )
}

fn limits(configured: &AccountJetStream) -> AccountLimits {
    let number = |n: Option<u64>| n.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
    AccountLimits {
        max_memory: number(configured.max_memory),
        max_storage: number(configured.max_store),
        max_streams: number(configured.max_streams),
        max_consumers: number(configured.max_consumers),
        max_ack_pending: number(configured.max_ack_pending),
        memory_max_stream_bytes: number(configured.memory_max_stream_bytes),
        storage_max_stream_bytes: number(configured.disk_max_stream_bytes),
        max_bytes_required: configured.max_bytes_required,
    }
}

fn announce(settings: &Settings) {
    tracing::info!("  Max Memory:      {} bytes", settings.max_memory);
    tracing::info!("  Max Storage:     {} bytes", settings.max_file);
    tracing::info!("  Store Directory: \"{}\"", settings.store_dir.display());
    if let Some(domain) = &settings.domain {
        tracing::info!("  Domain:          {domain}");
    }
    tracing::info!("  API Level:       {}", crate::jetstream::API_LEVEL);
}
