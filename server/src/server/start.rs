//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::process::ReadOptions;
use super::{
    Core, Reloader, ServerIdentity, SetupError, Side, SideError, VERSION, jetstream, lifecycle,
};
use crate::front::{Bound, ListenError};
use crate::jetstream::JetStreamError;
use crate::limits;
use crate::log::{Log, LogError};
use crate::options::{self, Change, Effect, Options};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Side(#[from] SideError),
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
    #[error("no keys for this server: {0}")]
    Keys(#[from] nats_jwt::nkey::NkeyError),
}

/// Collects what a server starts with.
#[derive(Default)]
pub struct Builder {
    options: Options,
    reload: Option<Arc<Reload>>,
}

/// How to read the options again, and the log that follows them.
struct Reload {
    read: ReadOptions,
    log: Log,
}

impl Reload {
    /// Reads the options again and takes them on as a whole, or not at all. May block for some time.
    fn run(&self, core: &Core) -> Result<Vec<Change>, ReloadError> {
        let new = (self.read)().map_err(ReloadError::Read)?;
        let new = new.with_operators(VERSION).map_err(SetupError::from)?;
        let changes = options::diff(&core.options(), &new);
        let refused: Vec<String> = changes
            .iter()
            .filter(|c| c.effect == Effect::NeedsRestart)
            .map(ToString::to_string)
            .collect();
        if !refused.is_empty() {
            return Err(ReloadError::NotSupported(refused.join("; ")));
        }
        self.log.apply(&new.logging)?;
        let round = core.apply(new)?;
        jetstream::follow(core)?;
        if !round.wait(limits::REVALIDATION_WAIT_MAX) {
            tracing::warn!(
                "Connections are busy: some of them take on the new configuration later"
            );
        }
        Ok(changes)
    }
}

/// What a reload did, in the log.
pub(super) fn announce_reload(core: &Core, changes: &[Change]) {
    for change in changes {
        tracing::info!("{change}");
    }
    match &*core.options().source.config_digest {
        "" => tracing::info!("Reloaded server configuration"),
        digest => tracing::info!("Reloaded server configuration ({digest})"),
    }
}

/// The same for whoever asks over the system account.
fn reloader(reload: Arc<Reload>) -> Reloader {
    Arc::new(move |core| {
        let changes = reload.run(core).map_err(|e| e.to_string())?;
        announce_reload(core, &changes);
        Ok(())
    })
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error("this server was started without a configuration that could be read again")]
    NoSource,
    #[error("{0}")]
    Read(String),
    #[error("{0}")]
    NotSupported(String),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    JetStream(#[from] JetStreamError),
}

impl Builder {
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Listen for clients here; port 0 is any free one.
    pub fn listen(mut self, host: &str, port: u16) -> Self {
        host.clone_into(&mut self.options.listen.host);
        self.options.listen.port = port;
        self
    }

    /// Where a reload gets its options from.
    pub fn reload_with(mut self, read: ReadOptions, log: Log) -> Self {
        self.reload = Some(Arc::new(Reload { read, log }));
        self
    }

    /// Opens the ports and runs in the background of the current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Server, StartError> {
        let options = self.options;
        let identity = ServerIdentity::new(options.server_name.as_deref())?;
        tracing::info!("  Name:     {}", identity.name);
        tracing::info!("  ID:       {}", identity.id);
        let clients = Bound::open(&options.listen.host, options.listen.port).await?;
        let core = Arc::new(Core::new(options, identity, clients.address)?);
        core.remember_me();
        core.begin_ocsp().await?;
        let system = core.clone();
        let loaded = tokio::task::spawn_blocking(move || system.load_system_account()).await;
        loaded.map_err(|e| SetupError::Resolver(e.to_string()))??;
        // The pages first: whoever watches sees how far the streams are.
        let side = Side::start(&core, self.reload.clone().map(reloader)).await?;
        let address = clients.address;
        let listening = match follow_jetstream(&core).await {
            Ok(()) => clients.listen().map_err(StartError::from),
            Err(error) => Err(error.into()),
        };
        let listening = match listening {
            Ok(listening) => listening,
            Err(error) => {
                side.stop().await;
                return Err(error);
            }
        };
        tracing::info!("Listening for client connections on {address}");
        let accepting = tokio::spawn(listening.serve(core.clone()));
        core.accepting.store(true, Ordering::Relaxed);
        let sweeping = tokio::spawn(lifecycle::sweep(core.clone()));
        let expiring = tokio::spawn(lifecycle::expire_accounts(core.clone()));
        if core.options().tls.is_some() {
            // The first use of the crypto library's generator takes 50 ms: not in somebody's first handshake.
            tokio::task::spawn_blocking(|| aws_lc_rs::rand::fill(&mut [0; 1]));
        }
        tracing::info!("Server is ready");
        Ok(Server {
            core,
            side,
            accepting: Mutex::new(vec![accepting, sweeping, expiring]),
            reload: self.reload,
        })
    }
}

/// Starts JetStream if the options ask for it, without holding up this thread while streams come back from disk.
async fn follow_jetstream(core: &Arc<Core>) -> Result<(), JetStreamError> {
    if !core.options().jetstream.enabled {
        return Ok(());
    }
    let core = core.clone();
    match tokio::task::spawn_blocking(move || jetstream::follow(&core)).await {
        Ok(followed) => followed,
        Err(e) => Err(JetStreamError::Threads(std::io::Error::other(e))),
    }
}

/// A running server. Dropping it does not stop it; [`Server::shutdown`] does.
pub struct Server {
    pub core: Arc<Core>,
    /// The monitoring pages and the system account.
    pub side: Arc<Side>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
    reload: Option<Arc<Reload>>,
}

impl Server {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect to.
    pub fn client_address(&self) -> SocketAddr {
        self.core.listen
    }

    /// `nats://host:port` of the client port, reachable from this machine.
    pub fn client_url(&self) -> String {
        match self.core.listen {
            a if a.ip().is_unspecified() => format!("nats://127.0.0.1:{}", a.port()),
            a => format!("nats://{a}"),
        }
    }

    /// The ports file: what is listened on, as URLs.
    pub fn ports_document(&self) -> String {
        let scheme = if self.core.options().tls.is_some() {
            "tls"
        } else {
            "nats"
        };
        let nats = reachable(self.core.listen)
            .into_iter()
            .map(|a| format!("{scheme}://{a}"))
            .collect::<Vec<_>>();
        let mut ports = serde_json::json!({ "nats": nats });
        let pages = self.side.monitor_urls();
        if !pages.is_empty() {
            ports["monitoring"] = pages.into();
        }
        ports.to_string()
    }

    /// Reads the options again and takes them on as a whole, or not at all.
    ///
    /// # Errors
    /// See [`ReloadError`]; nothing has changed then.
    pub async fn reload(&self) -> Result<Vec<Change>, ReloadError> {
        let reload = self.reload.clone().ok_or(ReloadError::NoSource)?;
        let core = self.core.clone();
        // Passwords may have to be compared with new hashes, which takes its time.
        let run = tokio::task::spawn_blocking(move || reload.run(&core)).await;
        let changes = run.map_err(|e| ReloadError::Read(format!("reload was cut off: {e}")))??;
        self.side.serve_accounts();
        Ok(changes)
    }

    /// Ends when the server has a reason of its own to stop: its certificate was taken back and the options say so. Whoever runs it
    /// is to call [`Self::shutdown`] then.
    pub async fn gives_up(&self) {
        self.core.gives_up().await;
    }

    /// Stops accepting, tells and closes every client, and returns when all are gone.
    pub async fn shutdown(&self) {
        tracing::info!("Initiating Shutdown...");
        self.stop_accepting().await;
        self.side.say_goodbye().await;
        lifecycle::close_all(&self.core).await;
        if let Some(jetstream) = self.core.jetstream() {
            // It waits for its threads and for the disk.
            let _ = tokio::task::spawn_blocking(move || jetstream.stop()).await;
            self.core.set_jetstream(None);
        }
        self.side.stop().await;
        let core = self.core.clone();
        let _ = tokio::task::spawn_blocking(move || core.stop_ocsp()).await;
        tracing::info!("Server Exiting..");
    }

    /// Leaves gently: tells clients to go elsewhere, waits, closes them one by one, then returns.
    pub async fn lame_duck(&self) {
        tracing::info!("Entering lame duck mode, stop accepting new clients");
        self.side.lame_duck();
        self.stop_accepting().await;
        lifecycle::lame_duck(&self.core).await;
        self.shutdown().await;
    }

    async fn stop_accepting(&self) {
        self.core.accepting.store(false, Ordering::Relaxed);
        for task in self.accepting.lock().await.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}

/// The addresses at which a listener on `listen` can be reached.
pub(super) fn reachable(listen: SocketAddr) -> Vec<SocketAddr> {
    if !listen.ip().is_unspecified() {
        return vec![listen];
    }
    vec![SocketAddr::from(([127, 0, 0, 1], listen.port()))]
}
