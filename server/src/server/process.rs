//! A server as a process: files that tell others about it, signals that tell it what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::start::announce_reload;
use super::{Server, StartError, VERSION, build_label};
use crate::log::Log;
use crate::options::Options;

/// Why the process ends other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("could not write {what} file {path}: {source}")]
    File {
        what: &'static str,
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("signals cannot be received: {0}")]
    Signals(#[from] io::Error),
}

/// Reads the options anew, flags included.
pub type ReadOptions = Box<dyn Fn() -> Result<Options, String> + Send + Sync>;

/// Runs a server until a signal ends it.
///
/// # Errors
/// See [`RunError`].
pub async fn run(options: Options, read_again: ReadOptions, log: Log) -> Result<(), RunError> {
    let mut signals = Signals::new()?;
    allow_all_descriptors();
    let files = Files::of(&options);
    announce(&options);
    let server = Arc::new(
        Server::builder()
            .options(options)
            .reload_with(read_again, log.clone())
            .start()
            .await?,
    );
    files.write(&server)?;
    crate::memory::give_back_code();
    let mut lame_duck: Option<JoinHandle<()>> = None;
    loop {
        let told = tokio::select! {
            told = signals.next() => told,
            () = server.gives_up() => Told::Stop,
            () = finished(&mut lame_duck) => break,
        };
        match told {
            Told::Stop => break,
            // Already leaving, gently.
            Told::Terminate if lame_duck.is_some() => {}
            Told::Terminate => break,
            Told::Reload => reload(&server).await,
            Told::ReopenLog => match log.reopen() {
                Ok(()) => tracing::info!("File log re-opened"),
                Err(e) => tracing::error!("error re-opening log file: {e}"),
            },
            Told::LameDuck if lame_duck.is_none() => {
                let leaving = server.clone();
                lame_duck = Some(tokio::spawn(async move { leaving.lame_duck().await }));
            }
            Told::LameDuck => {}
        }
    }
    server.shutdown().await;
    files.remove();
    Ok(())
}

/// Takes as many file descriptors as the system allows this process: shells and service managers hand out 1,024 unless asked, and
/// each connection needs one. The reference does the same.
pub fn allow_all_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(e) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!("the limit of open files stays at its default: {e}");
    }
}

/// The first lines of the log: who starts here, and with what.
fn announce(options: &Options) {
    tracing::info!("Starting nats-server");
    tracing::info!("  Version:  {VERSION} ({})", build_label());
    if let Some(path) = &options.source.config_file {
        let digest = &options.source.config_digest;
        tracing::info!("Using configuration file: {} ({digest})", path.display());
    }
}

/// Ends when the task does; never when there is none.
async fn finished(task: &mut Option<JoinHandle<()>>) {
    match task {
        Some(task) => drop(task.await),
        None => std::future::pending().await,
    }
}

async fn reload(server: &Server) {
    match server.reload().await {
        Ok(changes) => announce_reload(&server.core, &changes),
        Err(e) => tracing::error!("Failed to reload server configuration: {e}"),
    }
}

/// What a signal says.
enum Told {
    Stop,
    Terminate,
    Reload,
    ReopenLog,
    LameDuck,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Terminate,
            _ = self.hangup.recv() => Told::Reload,
            _ = self.user1.recv() => Told::ReopenLog,
            _ = self.user2.recv() => Told::LameDuck,
        }
    }
}

/// The files by which others find this process.
struct Files {
    pid: Option<PathBuf>,
    ports_dir: Option<PathBuf>,
    ports: Option<PathBuf>,
}

impl Files {
    fn of(options: &Options) -> Self {
        let ports_dir = options.ports_file_dir.clone();
        let ports = ports_dir.as_ref().map(|dir| dir.join(ports_file_name()));
        Self {
            pid: options.pid_file.clone(),
            ports_dir,
            ports,
        }
    }

    fn write(&self, server: &Server) -> Result<(), RunError> {
        if let Some(path) = &self.pid {
            put("pid", path, &std::process::id().to_string())?;
        }
        if let (Some(path), Some(_)) = (&self.ports, &self.ports_dir) {
            put("ports", path, &server.ports_document())?;
        }
        Ok(())
    }

    /// The pid file stays, as the reference leaves it.
    fn remove(&self) {
        if let Some(path) = &self.ports {
            // Gone already is as good.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// `<program>_<pid>.ports`
fn ports_file_name() -> String {
    let program = std::env::current_exe()
        .ok()
        .and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "nats-server".to_owned());
    format!("{program}_{}.ports", std::process::id())
}

/// Whole or not at all: readers poll for these files.
fn put(what: &'static str, path: &Path, text: &str) -> Result<(), RunError> {
    let failed = |source| RunError::File {
        what,
        path: path.display().to_string(),
        source,
    };
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    std::fs::write(&draft, text).map_err(failed)?;
    std::fs::rename(&draft, path).map_err(failed)
}
