//! `nats up`: a server in this process, ready for use from other terminals.
//!
//! What lives here: the command, and in `operator` what a server in operator mode needs. Who may call: the root registry. What never
//! happens here: a context or an operator of the user's is overwritten with another meaning. Locks: none.

mod operator;

use std::io::Write as _;
use std::path::PathBuf;

use nats_client::context::{Context, Store};
use nats_server::options::{Logging, Options};
use nats_server::server::StartError;
use nats_server::{Server, log};

use crate::error::{CliError, Result};
use crate::globals::{Globals, SYSTEM_SUFFIX};
use crate::signals;
use crate::template::random_text;

/// Start a local server and select it
///
/// The server runs in this process until Ctrl-C. A context for it is saved and selected, so that `nats` in other
/// terminals needs no flags; the context selected before is selected again at the end. Without --config the server has a
/// user of the system account as well, saved as a second context, which `nats server list` and its like use by themselves;
/// and it has JetStream, whose streams are there again the next time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats up\n  \
        nats up --port 4333 --name test --store-dir /tmp/streams\n  \
        nats up --operator\n  \
        nats up --config ./nats-server.conf")]
pub struct Args {
    /// Configuration file of the server
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Operator mode: an operator of the context's name with a system account, and an account with JetStream and a user, in the
    /// stores of nsc; both users' credentials are in the contexts
    #[arg(long, conflicts_with = "config")]
    operator: bool,

    /// Address to listen on; 127.0.0.1 unless the configuration says otherwise
    #[arg(long)]
    host: Option<String>,

    /// Port to listen on; 4222 unless the configuration says otherwise, 0 for any free one
    #[arg(short, long)]
    port: Option<u16>,

    /// Name of the server
    #[arg(long)]
    name: Option<String>,

    /// Name of the context to save and select
    #[arg(long, default_value = "local", value_name = "NAME")]
    context_name: String,

    /// Folder for streams; beside the contexts when neither this nor a configuration is given
    #[arg(long, value_name = "FOLDER")]
    store_dir: Option<PathBuf>,

    /// File for the server's log; beside the contexts when not given
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

pub async fn run(_globals: &Globals, args: Args) -> Result {
    let store = Store::open_default().map_err(|e| CliError::new(e.to_string()))?;
    let login = Login::of(&args, &store)?;
    let options = options(&args, &store, &login)?;
    let log_file = options.logging.logfile.clone().unwrap_or_default();
    log::install(&options.logging).map_err(|e| {
        CliError::new(e.to_string()).next_step("name a file that can be written with --log")
    })?;
    nats_server::server::allow_all_descriptors();
    let streams = options.jetstream.enabled.then(|| options.store_dir.clone());
    let streams = streams.flatten();
    let (host, port) = (options.listen.host.clone(), options.listen.port);
    let server = Server::builder()
        .options(options)
        .start()
        .await
        .map_err(|e| start_error(&e, &host, port))?;
    let url = server.client_url();
    let selection = Selection::begin(&store, &args.context_name, &url, &login)?;
    if args.operator {
        operator::tell_url(&args.context_name, &url)?;
    }
    let mut rows = vec![
        ("URL", url.clone()),
        (
            "Context",
            format!(
                "{} (selected: other terminals need no flags)",
                args.context_name
            ),
        ),
        ("Log", log_file.display().to_string()),
    ];
    if let Some(folder) = &streams {
        rows.push(("Streams", folder.display().to_string()));
    }
    let text = welcome(
        &server.core.identity.name,
        &rows,
        streams.is_some(),
        !matches!(login, Login::Configured),
    );
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    tokio::select! {
        () = signals::interrupted() => {}
        () = server.gives_up() => {}
    }
    eprintln!("\nStopping ...");
    server.shutdown().await;
    selection.end(&store)
}

/// How users of the server prove who they are.
enum Login {
    /// As its configuration says.
    Configured,
    /// Not at all; the system account's user has a password.
    Open { system_password: String },
    /// With credentials.
    Operator(operator::Trusted),
}

impl Login {
    fn of(args: &Args, store: &Store) -> Result<Self> {
        if args.operator {
            let resolver = store.folder().join(format!("{}.jwt", args.context_name));
            return Ok(Self::Operator(operator::trusted(
                &args.context_name,
                &resolver,
            )?));
        }
        Ok(if args.config.is_some() {
            Self::Configured
        } else {
            Self::Open {
                system_password: random_text(22),
            }
        })
    }
}

/// The system account's user. Everybody else is the one user of the global account, without credentials.
const SYSTEM_USER: &str = "sys";

/// Clients need no credentials, and are alone with each other; the system account has a user.
fn open_server(system_password: &str) -> Result<Options> {
    let text = format!(
        "authorization {{ users: [{{ user: local, password: {open:?} }}] }}\n\
         no_auth_user: local\n\
         accounts {{ $SYS {{ users: [{{ user: {SYSTEM_USER}, password: {system_password:?} }}] }} }}",
        open = random_text(22),
    );
    local_server(&text)
}

/// A server of this machine with JetStream.
fn local_server(text: &str) -> Result<Options> {
    let loaded = Options::from_text(text).map_err(|e| CliError::new(e.to_string()))?;
    let mut options = loaded.options;
    "127.0.0.1".clone_into(&mut options.listen.host);
    options.jetstream.enabled = true;
    Ok(options)
}

fn options(args: &Args, store: &Store, login: &Login) -> Result<Options> {
    let mut options = match &args.config {
        Some(file) => {
            let loaded = Options::from_file(file).map_err(|e| {
                CliError::new(format!("the configuration is refused\n{e}"))
                    .next_step("correct the lines above; `nats server config check` looks at the file without starting anything")
            })?;
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
            if let Some(missing) = loaded.options.unavailable().first() {
                return Err(CliError::new(missing.to_string()));
            }
            loaded.options
        }
        None => match login {
            Login::Operator(trusted) => local_server(&trusted.config)?,
            Login::Open { system_password } => open_server(system_password)?,
            Login::Configured => local_server("")?,
        },
    };
    if let Some(host) = &args.host {
        options.listen.host.clone_from(host);
    }
    if let Some(port) = args.port {
        options.listen.port = port;
    }
    if args.name.is_some() {
        options.server_name.clone_from(&args.name);
    }
    if let Some(folder) = &args.store_dir {
        options.jetstream.enabled = true;
        options.store_dir = Some(folder.clone());
    } else if args.config.is_none() {
        let folder = format!("{}.data", args.context_name);
        options.store_dir = Some(store.folder().join(folder));
    }
    if options.logging.logfile.is_none() || args.log.is_some() {
        options.logging = Logging {
            logfile: Some(log_file(args, store)?),
            ..options.logging
        };
    }
    Ok(options)
}

fn log_file(args: &Args, store: &Store) -> Result<PathBuf> {
    if let Some(path) = &args.log {
        return Ok(path.clone());
    }
    let folder = store.folder();
    std::fs::create_dir_all(&folder).map_err(|e| {
        CliError::new(format!("cannot create {}: {e}", folder.display()))
            .next_step("name a log file with --log")
    })?;
    Ok(folder.join(format!("{}.log", args.context_name)))
}

fn start_error(error: &StartError, host: &str, port: u16) -> CliError {
    let taken =
        matches!(error, StartError::Listen(e) if e.source.kind() == std::io::ErrorKind::AddrInUse);
    if taken {
        return CliError::new(format!("port {port} of {host} is taken")).next_step(
            "another server is running there: use it, stop it, or choose another port with --port",
        );
    }
    CliError::new(error.to_string())
}

fn welcome(name: &str, rows: &[(&str, String)], streams: bool, system_user: bool) -> String {
    let mut text = format!("NATS server {name} is ready\n\n");
    for (label, value) in rows {
        text += &format!("  {label:<9}{value}\n");
    }
    text += "\nTry in another terminal:\n\n  \
        nats sub 'greet.>'\n  \
        nats pub greet.world hello\n\n  \
        nats reply time 'it is {{Time}}'\n  \
        nats request time ''\n\n";
    if streams {
        text += "  nats stream add ORDERS --subjects 'orders.>' --defaults\n  \
            nats pub orders.new 'two coffees' --jetstream\n  \
            nats sub --stream ORDERS\n\n";
    }
    if system_user {
        text += "  nats server list\n\n";
    }
    text + "Ctrl-C stops the server.\n"
}

/// The selected context while the server runs, and the one to return to.
struct Selection {
    name: String,
    before: Option<String>,
}

impl Selection {
    fn begin(store: &Store, name: &str, url: &str, login: &Login) -> Result<Self> {
        let failed = |e: nats_client::context::ContextError| CliError::new(e.to_string());
        let mut context = Context::new(name);
        context.settings.description = "local server started by nats up".to_owned();
        context.settings.url = url.to_owned();
        if let Login::Operator(trusted) = login {
            context.settings.creds = trusted.user.display().to_string();
        }
        store.save(&mut context).map_err(failed)?;
        if !matches!(login, Login::Configured) {
            let mut context = Context::new(format!("{name}{SYSTEM_SUFFIX}"));
            context.settings.description =
                "system account of the local server started by nats up".to_owned();
            context.settings.url = url.to_owned();
            match login {
                Login::Operator(trusted) => {
                    context.settings.creds = trusted.system.display().to_string();
                }
                Login::Open { system_password } => {
                    context.settings.user = SYSTEM_USER.to_owned();
                    context.settings.password.clone_from(system_password);
                }
                Login::Configured => {}
            }
            store.save(&mut context).map_err(failed)?;
        }
        let before = store.select(name).map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            before: before.filter(|b| b != name),
        })
    }

    /// Selects what was selected before, unless the user chose something else in the meantime.
    fn end(self, store: &Store) -> Result {
        if store.selected().as_deref() != Some(&self.name) {
            return Ok(());
        }
        match &self.before {
            Some(before) if store.exists(before) => {
                store
                    .select(before)
                    .map_err(|e| CliError::new(e.to_string()))?;
            }
            _ => {
                store.unselect().map_err(|e| CliError::new(e.to_string()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Login {
        Login::Open {
            system_password: "s3cret".to_owned(),
        }
    }

    #[test]
    fn the_selection_before_comes_back_unless_the_user_chose_another() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::at(folder.path());
        for name in ["mine", "other"] {
            store.save(&mut Context::new(name)).unwrap();
        }
        store.select("mine").unwrap();
        let selection = Selection::begin(&store, "local", "nats://127.0.0.1:1", &open()).unwrap();
        assert_eq!(store.load("local_sys").unwrap().settings.password, "s3cret");
        assert_eq!(store.selected().as_deref(), Some("local"));
        assert_eq!(
            store.load("local").unwrap().settings.url,
            "nats://127.0.0.1:1"
        );
        selection.end(&store).unwrap();
        assert_eq!(store.selected().as_deref(), Some("mine"));

        let selection =
            Selection::begin(&store, "local", "nats://127.0.0.1:1", &Login::Configured).unwrap();
        store.select("other").unwrap();
        selection.end(&store).unwrap();
        assert_eq!(store.selected().as_deref(), Some("other"));
    }
}
