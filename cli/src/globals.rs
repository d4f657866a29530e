//! What every command gets: the global flags, merged with environment and context.
//!
//! Precedence: defaults < context < environment = flags (a variable is nothing but the default of its flag).
//! [`GlobalArgs`] is what was typed; [`Globals`] is what commands use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use nats_client::{Client, ConnectError, Event, Options, ServerUrl};

use crate::error::{CliError, Result};
use crate::output::color::Scheme;
use crate::parse;

/// Where a server listens when nobody says otherwise.
const DEFAULT_SERVER: &str = "nats://127.0.0.1:4222";

/// The environment variables that override parts of a context; `nats context info` warns about those that are set.
pub const OVERRIDES: [&str; 11] = [
    "NATS_URL",
    "NATS_USER",
    "NATS_PASSWORD",
    "NATS_CREDS",
    "NATS_NKEY",
    "NATS_CERT",
    "NATS_KEY",
    "NATS_CA",
    "NATS_TIMEOUT",
    "NATS_SOCKS_PROXY",
    "NATS_COLOR",
];

/// The flags that stand on every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global Flags")]
pub struct GlobalArgs {
    /// NATS server URLs, separated by commas
    #[arg(
        short = 's',
        long = "server",
        value_name = "URL",
        global = true,
        env = "NATS_URL",
        hide_env_values = true
    )]
    pub servers: Option<String>,

    /// Username, or token when no password is given
    #[arg(
        long,
        value_name = "USER",
        global = true,
        env = "NATS_USER",
        hide_env_values = true
    )]
    pub user: Option<String>,

    /// Password
    #[arg(
        long,
        value_name = "PASSWORD",
        global = true,
        env = "NATS_PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<String>,

    /// Token
    #[arg(
        long,
        value_name = "TOKEN",
        global = true,
        env = "NATS_TOKEN",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub token: Option<String>,

    /// Name of the connection that the server shows
    #[arg(long, value_name = "NAME", global = true, hide_short_help = true, default_value_t = default_connection_name(), hide_default_value = true)]
    pub connection_name: String,

    /// User credentials
    #[arg(
        long,
        value_name = "LOCATION",
        global = true,
        env = "NATS_CREDS",
        hide_env_values = true
    )]
    pub creds: Option<String>,

    /// User NKey
    #[arg(
        long,
        value_name = "LOCATION",
        global = true,
        env = "NATS_NKEY",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub nkey: Option<String>,

    /// User JWT
    #[arg(
        long,
        value_name = "LOCATION",
        global = true,
        env = "NATS_JWT",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub jwt: Option<String>,

    /// User seed
    #[arg(
        long,
        value_name = "LOCATION",
        global = true,
        env = "NATS_SEED",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub seed: Option<String>,

    /// TLS client certificate
    #[arg(long, value_name = "FILE", global = true, env = "NATS_CERT", hide_env_values = true, hide_short_help = true, value_parser = existing_file)]
    pub tlscert: Option<PathBuf>,

    /// TLS private key
    #[arg(long, value_name = "FILE", global = true, env = "NATS_KEY", hide_env_values = true, hide_short_help = true, value_parser = existing_file)]
    pub tlskey: Option<PathBuf>,

    /// TLS certificate authorities
    #[arg(long, value_name = "FILE", global = true, env = "NATS_CA", hide_env_values = true, hide_short_help = true, value_parser = existing_file)]
    pub tlsca: Option<PathBuf>,

    /// Begin the TLS handshake before the server's greeting
    #[arg(
        long,
        alias = "tls-first",
        global = true,
        hide_short_help = true,
        overrides_with = "no_tlsfirst"
    )]
    pub tlsfirst: bool,

    /// Wait for the server's greeting before the TLS handshake, whatever the context says
    #[arg(
        long,
        alias = "no-tls-first",
        global = true,
        hide = true,
        overrides_with = "tlsfirst"
    )]
    pub no_tlsfirst: bool,

    /// Time to wait for responses
    #[arg(long, value_name = "DURATION", global = true, env = "NATS_TIMEOUT", hide_env_values = true, default_value = "5s", value_parser = parse::duration)]
    pub timeout: Duration,

    /// SOCKS5 proxy to connect through
    #[arg(
        long,
        value_name = "PROXY",
        global = true,
        env = "NATS_SOCKS_PROXY",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub socks_proxy: Option<String>,

    /// Subject prefix of the JetStream API
    #[arg(long, value_name = "PREFIX", global = true, hide_short_help = true)]
    pub js_api_prefix: Option<String>,

    /// Subject prefix of JetStream advisories
    #[arg(long, value_name = "PREFIX", global = true, hide_short_help = true)]
    pub js_event_prefix: Option<String>,

    /// JetStream domain
    #[arg(
        long,
        alias = "domain",
        value_name = "DOMAIN",
        global = true,
        hide_short_help = true
    )]
    pub js_domain: Option<String>,

    /// Prefix of inboxes
    #[arg(long, value_name = "PREFIX", global = true, hide_short_help = true)]
    pub inbox_prefix: Option<String>,

    /// Colour scheme
    #[arg(
        long,
        value_name = "SCHEME",
        global = true,
        env = "NATS_COLOR",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub colors: Option<Scheme>,

    /// Configuration context: a name, or a path that ends in .json
    #[arg(
        long,
        value_name = "NAME",
        global = true,
        env = "NATS_CONTEXT",
        hide_env_values = true
    )]
    pub context: Option<String>,

    /// Show API interactions and connection events
    #[arg(long, global = true, hide_short_help = true)]
    pub trace: bool,

    /// Use no context, not even the selected one
    #[arg(long, global = true, hide_short_help = true)]
    pub no_context: bool,
}

fn default_connection_name() -> String {
    format!("NATS CLI Version {}", env!("CARGO_PKG_VERSION"))
}

fn existing_file(text: &str) -> std::result::Result<PathBuf, String> {
    let path = Path::new(text);
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    Err(format!("the file {text:?} does not exist or is no file"))
}

/// What a command knows about the world around it.
#[derive(Debug, Clone)]
pub struct Globals {
    pub args: GlobalArgs,
}

impl Globals {
    /// Merges what was typed with the context.
    pub fn load(args: GlobalArgs) -> Result<Self> {
        Ok(Self { args })
    }

    /// The colour scheme of tables.
    pub fn scheme(&self) -> Scheme {
        self.args.colors.unwrap_or_default()
    }

    /// How long to wait for a response.
    pub fn timeout(&self) -> Duration {
        self.args.timeout
    }

    /// True with `--trace`.
    pub fn trace(&self) -> bool {
        self.args.trace
    }

    /// The servers to connect to, separated by commas.
    pub fn servers(&self) -> &str {
        self.args
            .servers
            .as_deref()
            .filter(|s| !s.is_empty())
            .unwrap_or(DEFAULT_SERVER)
    }

    /// Connects to the servers of the flags or the context.
    pub async fn connect(&self) -> Result<Client> {
        self.connect_to(self.servers()).await
    }

    /// Connects to other servers with the same credentials.
    pub async fn connect_to(&self, servers: &str) -> Result<Client> {
        let options = self.options()?;
        options.connect(servers).await.map_err(connect_error)
    }

    /// Connects to one address of a server, whose name and credentials stay those of `server`.
    pub async fn connect_to_address(&self, server: &ServerUrl, host: &str) -> Result<Client> {
        let options = self.options()?;
        options
            .connect_to(vec![server.with_host(host)])
            .await
            .map_err(connect_error)
    }

    /// Connection settings, for commands that connect in their own way.
    pub fn options(&self) -> Result<Options> {
        let args = &self.args;
        let mut options = Options::new()
            .name(args.connection_name.trim())
            .connect_timeout(args.timeout)
            .max_reconnects(None)
            .ignore_auth_error_abort()
            .reconnect_backoff(backoff);
        match (&args.user, &args.password) {
            (Some(user), Some(password)) => {
                options = options.user_and_password(user, password.clone())
            }
            // A user without password is a token.
            (Some(user), None) => options = options.token(user.clone()),
            (None, _) => {}
        }
        if let Some(token) = &args.token {
            options = options.token(token.clone());
        }
        if let Some(prefix) = &args.inbox_prefix {
            options = options.inbox_prefix(prefix);
        }
        let trace = args.trace;
        Ok(options.on_event(move |event| log_event(event, trace)))
    }
}

/// Waits before the next round of connection attempts: rising to 20 s, and spread by half so that the clients of a server
/// that restarts do not come all at once.
fn backoff(round: usize) -> Duration {
    const MILLIS: [u64; 8] = [500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 5_000];
    const LONGEST: u64 = 20_000;
    let extra = round.saturating_sub(MILLIS.len()) as u64;
    let base = match MILLIS.get(round.saturating_sub(1)) {
        Some(millis) => *millis,
        None => extra
            .saturating_mul(2_500)
            .saturating_add(5_000)
            .min(LONGEST),
    };
    Duration::from_millis(fastrand::u64(base / 2..=base + base / 2))
}

/// What happens to the connection, on standard error. Without `--trace` only what a user must know.
fn log_event(event: &Event, trace: bool) {
    match event {
        Event::Disconnected { reason, .. } => {
            log_line!(">>> Disconnected due to: {reason}, will attempt reconnect");
        }
        Event::SlowConsumer { .. } | Event::ServerError(_) | Event::LameDuck { .. } => {
            log_line!(">>> {event}")
        }
        Event::Closed { .. } => {}
        _ if trace => log_line!(">>> {event}"),
        _ => {}
    }
}

fn connect_error(error: ConnectError) -> CliError {
    let hint = match &error {
        ConnectError::Io { source, .. }
            if source.kind() == std::io::ErrorKind::ConnectionRefused =>
        {
            "is the server running? start one with: nats up; or name another with --server or --context"
        }
        ConnectError::Io { .. } | ConnectError::TimedOut { .. } => {
            "check the address given with --server or in the context, and the network"
        }
        error if error.is_authentication() => {
            "pass --user and --password, --creds, --nkey or --token, or choose a context: nats context select"
        }
        _ => return CliError::new(error.to_string()),
    };
    CliError::new(error.to_string()).next_step(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_between_connection_attempts_grow_to_twenty_seconds() {
        for (round, base) in [
            (1, 500),
            (8, 5_000),
            (9, 7_500),
            (14, 20_000),
            (10_000, 20_000),
        ] {
            for _ in 0..20 {
                let wait = backoff(round).as_millis() as u64;
                assert!(
                    (base / 2..=base + base / 2).contains(&wait),
                    "round {round}: {wait} ms"
                );
            }
        }
    }
}
