//! What every command gets: the global flags, merged with environment and context.
//!
//! Precedence: defaults < context < environment = flags (a variable is nothing but the default of its flag).
//! [`GlobalArgs`] is what was typed; [`Globals`] is what commands use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use nats_client::context::{Context, ContextError, Store};
use nats_client::{Client, Event, Options, ServerUrl};
use tokio::sync::OnceCell;

use crate::error::{CliError, Result};
use crate::output::color::Scheme;
use crate::parse;

/// How long to wait for responses unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The context `NAME_sys` holds the system account's user for the servers of the context `NAME`.
pub const SYSTEM_SUFFIX: &str = "_sys";

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
    #[arg(long, value_name = "DURATION", global = true, env = "NATS_TIMEOUT", hide_env_values = true, default_value = "5s", value_parser = timeout)]
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

    /// Colour scheme [env: NATS_COLOR]
    #[arg(long, value_name = "SCHEME", global = true, hide_short_help = true)]
    pub colors: Option<Scheme>,

    /// Configuration context: a name, or a path that ends in .json
    #[arg(
        long,
        value_name = "NAME",
        global = true,
        env = "NATS_CONTEXT",
        hide_env_values = true,
        add = ArgValueCompleter::new(crate::complete::contexts)
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

/// An empty variable is as good as none.
fn timeout(text: &str) -> std::result::Result<Duration, parse::ParseError> {
    if text.is_empty() {
        Ok(TIMEOUT)
    } else {
        parse::duration(text)
    }
}

fn existing_file(text: &str) -> std::result::Result<PathBuf, String> {
    let path = Path::new(text);
    // An empty variable is as good as none.
    if text.is_empty() || path.is_file() {
        return Ok(path.to_path_buf());
    }
    Err(format!("the file {text:?} does not exist or is no file"))
}

impl GlobalArgs {
    /// `context` with everything that the flags and variables say instead.
    ///
    /// A kind of credentials that is given replaces the kind that the context holds: `--creds` beside a context with a
    /// user means the credentials file. (The reference tool would go on using the user.)
    pub fn override_settings(&self, mut context: Context) -> Context {
        let settings = &mut context.settings;
        let user = given(&self.user);
        let password = given(&self.password);
        let identities = [
            user.filter(|_| password.is_some()),
            given(&self.creds),
            given(&self.nkey),
            given(&self.jwt),
        ];
        if identities.iter().any(Option::is_some) {
            for field in [
                &mut settings.user,
                &mut settings.password,
                &mut settings.creds,
                &mut settings.nkey,
                &mut settings.nsc,
                &mut settings.user_jwt,
                &mut settings.user_seed,
            ] {
                field.clear();
            }
        }
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map(|path| path.display().to_string())
                .filter(|path| !path.is_empty())
        };
        let (cert, key, ca) = (path(&self.tlscert), path(&self.tlskey), path(&self.tlsca));
        for (field, value) in [
            (&mut settings.url, given(&self.servers)),
            (&mut settings.password, password),
            (&mut settings.token, given(&self.token)),
            (&mut settings.creds, given(&self.creds)),
            (&mut settings.nkey, given(&self.nkey)),
            (&mut settings.user_jwt, given(&self.jwt)),
            (&mut settings.user_seed, given(&self.seed)),
            (&mut settings.cert, cert.as_deref()),
            (&mut settings.key, key.as_deref()),
            (&mut settings.ca, ca.as_deref()),
            (&mut settings.socks_proxy, given(&self.socks_proxy)),
            (
                &mut settings.jetstream_api_prefix,
                given(&self.js_api_prefix),
            ),
            (
                &mut settings.jetstream_event_prefix,
                given(&self.js_event_prefix),
            ),
            (&mut settings.jetstream_domain, given(&self.js_domain)),
            (&mut settings.inbox_prefix, given(&self.inbox_prefix)),
        ] {
            if let Some(value) = value {
                value.clone_into(field);
            }
        }
        match (user, password) {
            (Some(user), Some(_)) => user.clone_into(&mut settings.user),
            // A user without password is a token.
            (Some(token), None) => token.clone_into(&mut settings.token),
            (None, _) => {}
        }
        if let Some(scheme) = self.colors {
            scheme.name().clone_into(&mut settings.color_scheme);
        }
        if self.tlsfirst || self.no_tlsfirst {
            settings.tls_first = self.tlsfirst;
        }
        context
    }
}

/// A value that was given; an empty variable is as good as none.
fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}

/// What a command knows about the world around it.
#[derive(Debug, Clone)]
pub struct Globals {
    pub args: GlobalArgs,
    /// The context with the flags over it. An error is kept until somebody wants to connect: commands that repair contexts must
    /// work with a broken one selected.
    context: Result<Context>,
    /// The connection of [`Globals::connect_system`]: a report that repeats itself asks over the same one.
    system: Arc<OnceCell<Client>>,
    /// Say nothing about the connection.
    silent: bool,
}

impl Globals {
    /// Merges what was typed with the context.
    pub fn load(mut args: GlobalArgs) -> Result<Self> {
        args.colors = args.colors.or(color_of_environment()?);
        let context = chosen_context(&args).map(|context| args.override_settings(context));
        let system = Arc::new(OnceCell::new());
        Ok(Self {
            args,
            context,
            system,
            silent: false,
        })
    }

    /// As [`Globals::load`] for a shell that completes a word: nothing is said on standard error.
    pub fn quiet(args: GlobalArgs) -> Result<Self> {
        let mut globals = Self::load(args)?;
        globals.silent = true;
        Ok(globals)
    }

    /// The settings that commands connect with.
    pub fn context(&self) -> Result<&Context> {
        self.context.as_ref().map_err(Clone::clone)
    }

    /// The context that `--context` names: a file that ends in `.json`, or one of the store's.
    pub fn context_named(&self, store: &Store, name: &str) -> Result<Context> {
        named_context(store, name)
    }

    /// The colour scheme of tables.
    pub fn scheme(&self) -> Scheme {
        let named = |context: &Context| Scheme::from_name(&context.settings.color_scheme);
        self.context
            .as_ref()
            .ok()
            .and_then(named)
            .unwrap_or_default()
    }

    /// How long to wait for a response.
    pub fn timeout(&self) -> Duration {
        self.args.timeout
    }

    /// True with `--trace`.
    pub fn trace(&self) -> bool {
        self.args.trace
    }

    /// Prefix of the reply subjects.
    pub fn inbox_prefix(&self) -> &str {
        let prefix = self
            .context
            .as_ref()
            .map_or("", |context| context.settings.inbox_prefix.as_str());
        if prefix.is_empty() { "_INBOX" } else { prefix }
    }

    /// Connects to the servers of the flags or the context.
    pub async fn connect(&self) -> Result<Client> {
        Ok(self.context()?.connect(self.options()).await?)
    }

    /// Connects as a user of the system account, for questions to servers; once, however often it is called.
    ///
    /// When the user is only implied by the selected context `NAME`, and there is a context `NAME_sys` for the same
    /// server, that one is used: `nats up` saves such a pair. Whoever says who he is (by flags, variables or
    /// `--context`) gets what he says.
    pub async fn connect_system(&self) -> Result<Client> {
        let client = self.system.get_or_try_init(|| async {
            match self.system_sibling() {
                Some(context) => Ok::<_, CliError>(context.connect(self.options()).await?),
                None => self.connect().await,
            }
        });
        Ok(client.await?.clone())
    }

    fn system_sibling(&self) -> Option<Context> {
        let args = &self.args;
        let said = [
            &args.context,
            &args.servers,
            &args.user,
            &args.token,
            &args.creds,
            &args.nkey,
            &args.jwt,
        ];
        if args.no_context || said.iter().any(|value| given(value).is_some()) {
            return None;
        }
        let selected = self.context.as_ref().ok()?;
        if selected.name.is_empty() {
            return None;
        }
        let store = Store::open_default().ok()?;
        let sibling = store
            .load(&format!("{}{SYSTEM_SUFFIX}", selected.name))
            .ok()?;
        let same_server = sibling.settings.url == selected.settings.url;
        same_server.then(|| args.override_settings(sibling))
    }

    /// Connects to other servers with the same credentials.
    pub async fn connect_to(&self, servers: &str) -> Result<Client> {
        let mut context = self.context()?.clone();
        servers.clone_into(&mut context.settings.url);
        Ok(context.connect(self.options()).await?)
    }

    /// Connects to one address of a server, whose name (in certificates) and credentials stay those of `server`.
    pub async fn connect_to_address(&self, server: &ServerUrl, host: &str) -> Result<Client> {
        let options = self.context()?.apply(self.options()).await?;
        let options = if host == server.host() {
            options
        } else {
            options.tls_server_name(server.host())
        };
        Ok(options.connect_to(vec![server.with_host(host)]).await?)
    }

    /// How this tool behaves while connected. Credentials and servers come from the context.
    pub fn options(&self) -> Options {
        let trace = self.args.trace;
        let silent = self.silent;
        Options::new()
            .name(self.args.connection_name.trim())
            .connect_timeout(self.args.timeout)
            .max_reconnects(None)
            .ignore_auth_error_abort()
            .reconnect_backoff(backoff)
            .on_event(move |event| {
                if !silent {
                    log_event(event, trace);
                }
            })
    }
}

fn color_of_environment() -> Result<Option<Scheme>> {
    match std::env::var("NATS_COLOR") {
        Ok(name) if !name.is_empty() => match Scheme::from_name(&name) {
            Some(scheme) => Ok(Some(scheme)),
            None => Err(
                CliError::new(format!("NATS_COLOR: unknown colour scheme {name:?}")).next_step(
                    "choose one of blue, cyan, double, green, magenta, red, rounded and yellow",
                ),
            ),
        },
        _ => Ok(None),
    }
}

fn chosen_context(args: &GlobalArgs) -> Result<Context> {
    if args.no_context {
        return Ok(Context::new(""));
    }
    if let Some(name) = given(&args.context) {
        return match Path::new(name).extension() {
            Some(extension) if extension == "json" => Ok(Context::from_file(name)?),
            _ => named_context(&Store::open_default()?, name),
        };
    }
    // Without a home there are no contexts, and nobody asked for one.
    let Ok(store) = Store::open_default() else {
        return Ok(Context::new(""));
    };
    match store.load_selected() {
        Ok(selected) => Ok(selected.unwrap_or_else(|| Context::new(""))),
        Err(ContextError::NotFound(name)) => {
            // As the reference tool does: the next command shall work.
            store.unselect()?;
            Err(CliError::new(format!(
                "the selected context {name:?} was not found; it is no longer selected"
            ))
            .next_step("select another one: nats context select"))
        }
        Err(error) => Err(error.into()),
    }
}

fn named_context(store: &Store, name: &str) -> Result<Context> {
    let path = Path::new(name);
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
        && path.is_file()
    {
        return Ok(Context::from_file(path)?);
    }
    Ok(store.load(name)?)
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

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        globals: GlobalArgs,
    }

    fn effective(context: Context, flags: &[&str]) -> nats_client::context::Settings {
        // The variables of whoever runs the tests must not matter; every flag that has one is given or empty.
        let quiet = [
            "--server=",
            "--user=",
            "--password=",
            "--token=",
            "--creds=",
            "--nkey=",
            "--jwt=",
            "--seed=",
        ];
        let given: Vec<_> = flags
            .iter()
            .map(|flag| flag.split('=').next().unwrap_or(flag))
            .collect();
        let quiet = quiet
            .iter()
            .filter(|flag| !given.contains(&flag.trim_end_matches('=')));
        let line = ["nats"].iter().chain(quiet).chain(flags);
        let line = <Line as clap::Parser>::try_parse_from(line).unwrap();
        line.globals.override_settings(context).settings
    }

    fn context() -> Context {
        let mut context = Context::new("test");
        context.settings.url = "nats://context".into();
        context.settings.user = "ctx".into();
        context.settings.password = "secret".into();
        context.settings.description = "kept".into();
        context
    }

    #[test]
    fn flags_override_single_settings_of_the_context() {
        let settings = effective(context(), &["--server=nats://flag", "--inbox-prefix=_ME"]);
        assert_eq!(
            (settings.url.as_str(), settings.user.as_str()),
            ("nats://flag", "ctx")
        );
        assert_eq!(
            (
                settings.inbox_prefix.as_str(),
                settings.description.as_str()
            ),
            ("_ME", "kept")
        );
        assert_eq!(effective(context(), &[]).url, "nats://context");
    }

    #[test]
    fn credentials_that_are_given_replace_those_of_another_kind() {
        let settings = effective(context(), &["--creds=/a.creds"]);
        assert_eq!(
            (
                settings.creds.as_str(),
                settings.user.as_str(),
                settings.password.as_str()
            ),
            ("/a.creds", "", "")
        );
    }

    #[test]
    fn a_user_without_password_is_a_token() {
        let settings = effective(Context::new(""), &["--user=sesame"]);
        assert_eq!(
            (settings.token.as_str(), settings.user.as_str()),
            ("sesame", "")
        );
        let settings = effective(Context::new(""), &["--user=joe", "--password=x"]);
        assert_eq!(
            (
                settings.token.as_str(),
                settings.user.as_str(),
                settings.password.as_str()
            ),
            ("", "joe", "x")
        );
    }

    #[test]
    fn tls_first_can_be_switched_on_and_off() {
        let mut first = context();
        first.settings.tls_first = true;
        assert!(effective(context(), &["--tlsfirst"]).tls_first);
        assert!(effective(context(), &["--tls-first"]).tls_first);
        assert!(effective(first.clone(), &[]).tls_first);
        assert!(!effective(first, &["--no-tlsfirst"]).tls_first);
    }
}
