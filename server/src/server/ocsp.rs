//! OCSP over the life of a server: staples are fetched before the first client comes and kept fresh, answers about clients are kept on
//! disk, and a certificate of ours that its issuer took back ends the server where the options say so.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Core, SetupError};
use crate::front::tls::{self, Revocation, TlsSetupError};
use crate::front::{Admit as _, Door};
use crate::http::Client;
use crate::ocsp::{Cache, Next, Staple, Stapling};
use crate::options::Options;
use nats_api::monitor::varz::OcspCacheVarz;

/// What is kept up for OCSP.
#[derive(Default)]
pub struct Upkeep {
    cache: Mutex<Option<Arc<Cache>>>,
    /// One for each staple, one for the cache. They end when this is dropped.
    tasks: Mutex<JoinSet<()>>,
    gives_up: Arc<Notify>,
}

impl Upkeep {
    /// What `options` ask for; the cache is the one at hand if it suits. Nothing changes until [`Self::follow`]. Blocks on the disk.
    pub fn revocation(&self, options: &Options) -> Revocation {
        let checks_clients = options.tls.as_ref().is_some_and(|tls| {
            let peer = tls.ocsp_peer.as_ref();
            peer.is_some_and(|peer| peer.verify)
        });
        let settings = options.ocsp_cache.clone().unwrap_or_default();
        let at_hand = self.cache.lock().clone();
        let at_hand = at_hand.filter(|cache| *cache.settings() == settings);
        Revocation {
            stapling: Stapling {
                ocsp: options.ocsp.clone(),
                store_dir: options.store_dir.clone(),
            },
            cache: checks_clients
                .then(|| at_hand.unwrap_or_else(|| Arc::new(Cache::load(&settings)))),
        }
    }

    /// A server that begins: the cache is there before its upkeep.
    pub fn adopt(&self, cache: Option<Arc<Cache>>) {
        *self.cache.lock() = cache;
    }

    /// Keeps up what `door` needs, and no longer what the door before needed. Blocks on the disk.
    fn follow(&self, door: &Door, cache: Option<Arc<Cache>>, runtime: Option<&Handle>) {
        let mut tasks = self.tasks.lock();
        tasks.abort_all();
        let former = std::mem::replace(&mut *self.cache.lock(), cache.clone());
        if let Some(former) = former.filter(|f| cache.as_ref().is_none_or(|c| !Arc::ptr_eq(f, c))) {
            former.save();
        }
        let Some(runtime) = runtime else { return };
        if let Some(cache) = cache {
            tasks.spawn_on(save_now_and_then(cache), runtime);
        }
        for staple in door.tls.iter().flat_map(|tls| tls.staples()) {
            tracing::info!("OCSP Stapling enabled for Client connections");
            let gives_up = self.gives_up.clone();
            tasks.spawn_on(keep_fresh(staple, gives_up), runtime);
        }
    }

    fn stop(&self) {
        self.tasks.lock().abort_all();
        if let Some(cache) = self.cache.lock().take() {
            tracing::debug!("Stopping OCSP peer cache");
            cache.save();
        }
    }
}

async fn save_now_and_then(cache: Arc<Cache>) {
    loop {
        tokio::time::sleep(cache.settings().save_interval).await;
        tracing::debug!("OCSP peer cache save timer expired");
        let cache = cache.clone();
        let _ = tokio::task::spawn_blocking(move || cache.save()).await;
    }
}

async fn keep_fresh(staple: Arc<Staple>, gives_up: Arc<Notify>) {
    let client = match client() {
        Ok(client) => client,
        Err(error) => return tracing::error!("OCSP staples are not kept fresh: {error}"),
    };
    let mut next = staple.begin(SystemTime::now());
    loop {
        match next {
            Next::Stop => return gives_up.notify_one(),
            Next::Wait(pause) => tokio::time::sleep(pause).await,
        }
        next = staple.refresh(&client, SystemTime::now()).await;
    }
}

/// Asks responders. For `https` the authorities of the operating system count, as in the reference.
fn client() -> Result<Client, TlsSetupError> {
    Ok(Client::new(tls::client_config(None, None)?))
}

/// Gets a staple for every certificate of `door` that is to have one.
///
/// # Errors
/// When one is not to be had: the server does not show such a certificate.
async fn obtain(door: &Door) -> Result<(), SetupError> {
    let staples = door.tls.iter().flat_map(|tls| tls.staples());
    for staple in staples {
        staple.obtain(&client()?, SystemTime::now()).await?;
    }
    Ok(())
}

/// The staples of `former` that are about the same certificates go over to `door`.
fn hand_over(former: &Door, door: &Door) {
    let of = |door: &Door| {
        door.tls
            .iter()
            .flat_map(|tls| tls.staples())
            .collect::<Vec<_>>()
    };
    for staple in of(door) {
        for former in of(former) {
            staple.succeed(&former);
        }
    }
}

impl Core {
    /// Before clients come: gets the staples, and keeps them fresh from now on.
    pub(super) async fn begin_ocsp(&self) -> Result<(), SetupError> {
        let door = self.door();
        obtain(&door).await?;
        let cache = self.ocsp.cache.lock().clone();
        self.keep_up_ocsp(&door, cache);
        Ok(())
    }

    /// Gets the staples for a door that is to take the place of the present one. Blocks.
    pub(super) fn staple_anew(&self, door: &Door) -> Result<(), SetupError> {
        if door.tls.iter().all(|tls| tls.staples().is_empty()) {
            return Ok(());
        }
        hand_over(&self.door(), door);
        let runtime = self.runtime.as_ref().ok_or(SetupError::NoRuntime)?;
        runtime.block_on(obtain(door))
    }

    pub(super) fn keep_up_ocsp(&self, door: &Door, cache: Option<Arc<Cache>>) {
        self.ocsp.follow(door, cache, self.runtime.as_ref());
    }

    /// Ends when a certificate of ours was taken back and the options say that the server is to stop then.
    pub(super) async fn gives_up(&self) {
        self.ocsp.gives_up.notified().await;
    }

    /// Blocks on the disk.
    pub(super) fn stop_ocsp(&self) {
        self.ocsp.stop();
    }

    /// Figures of the cache; `None` when there is none.
    pub(super) fn ocsp_cache(&self) -> Option<OcspCacheVarz> {
        self.ocsp.cache.lock().as_ref()?.figures()
    }
}
