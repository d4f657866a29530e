//! JetStream's life in the server: started with it or by a reload, given to the accounts that the options name, stopped with it.

use nats_api::jetstream::AccountLimits;

use super::{Core, VERSION};
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
            let jetstream = JetStream::start(settings)?;
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
    for account in core.accounts.all() {
        match limits_of(options, &account.name) {
            Some(limits) => jetstream.enable(&account, limits)?,
            None => {
                jetstream.disable(&account.name);
                jetstream.answer_stranger(&account);
            }
        }
    }
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

/// What an account may use; `None` when it has no JetStream. Without accounts of their own, everybody is in the global one and may
/// use it all.
fn limits_of(options: &Options, account: &str) -> Option<AccountLimits> {
    let system = options.system_account_name();
    if account == GLOBAL_ACCOUNT {
        let others = options.accounts.iter();
        let alone = others.filter(|a| Some(a.name.as_str()) != system).count() == 0;
        return alone.then(|| limits(&AccountJetStream::default()));
    }
    let configured = options.accounts.iter().find(|a| a.name == account)?;
    configured.jetstream.as_ref().map(limits)
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
