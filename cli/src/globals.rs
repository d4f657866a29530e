//! What every command gets: the global flags, merged with environment and context.
//!
//! Precedence: defaults < context < environment = flags (a variable is nothing but the default of its flag).
//! [`GlobalArgs`] is what was typed; [`Globals`] is what commands use.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::error::Result;
use crate::output::color::Scheme;
use crate::parse;

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
}
