//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{Core, ServerIdentity, SetupError, lifecycle};
use crate::front::{ListenError, Listening};
use crate::options::Options;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("no keys for this server: {0}")]
    Keys(#[from] nats_jwt::nkey::NkeyError),
}

/// Collects what a server starts with.
#[derive(Default)]
pub struct Builder {
    options: Options,
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

    /// Opens the ports and runs in the background of the current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(self) -> Result<Server, StartError> {
        let options = self.options;
        let identity = ServerIdentity::new(options.server_name.as_deref())?;
        let clients = Listening::open(&options.listen.host, options.listen.port).await?;
        let core = Arc::new(Core::new(options, identity, clients.address)?);
        tracing::info!("Listening for client connections on {}", clients.address);
        let accepting = tokio::spawn(clients.serve(core.clone()));
        tracing::info!("Server is ready");
        Ok(Server {
            core,
            accepting: Mutex::new(vec![accepting]),
        })
    }
}

/// A running server. Dropping it does not stop it; [`Server::shutdown`] does.
pub struct Server {
    pub core: Arc<Core>,
    accepting: Mutex<Vec<JoinHandle<()>>>,
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

    /// Stops accepting, tells and closes every client, and returns when all are gone.
    pub async fn shutdown(&self) {
        tracing::info!("Initiating Shutdown...");
        self.stop_accepting().await;
        lifecycle::close_all(&self.core).await;
        tracing::info!("Server Exiting..");
    }

    /// Leaves gently: tells clients to go elsewhere, waits, closes them one by one, then returns.
    pub async fn lame_duck(&self) {
        tracing::info!("Entering lame duck mode, stop accepting new clients");
        self.stop_accepting().await;
        lifecycle::lame_duck(&self.core).await;
        self.shutdown().await;
    }

    async fn stop_accepting(&self) {
        for task in self.accepting.lock().await.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}
