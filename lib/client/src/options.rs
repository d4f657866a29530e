//! How to connect, and how to behave while connected.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Auth, Challenge, Credentials, JwtSource, Key, Proof};
use crate::client::Client;
use crate::dial::Proxy;
use crate::error::ConnectError;
use crate::events::{self, Event};
use crate::limits;
use crate::registry::PendingLimits;
use crate::server_url::ServerUrl;
use crate::tls::{ClientCertificate, Tls};
use crate::trace::{Direction, TraceCallback};
use nats_jwt::secret::Secret;

/// Computes the wait before the next round through the pool, from the number of rounds made since the connection was
/// lost (1 for the first).
pub(crate) type Backoff = Arc<dyn Fn(usize) -> Duration + Send + Sync>;

/// How to connect. Every setting has the default that the official clients use, where they agree.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// let client = nats_client::Options::new()
///     .name("billing")
///     .user_and_password("bill", "s3cr3t")
///     .ping_interval(Duration::from_secs(20))
///     .max_reconnects(None)
///     .connect("nats://a.example,nats://b.example")
///     .await?;
/// client.publish("hello", "world").await?;
/// client.flush().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Options {
    pub(crate) name: String,
    pub(crate) auth: Auth,
    pub(crate) tls: Tls,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) echo: bool,
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) randomize: bool,
    pub(crate) ignore_discovered: bool,
    pub(crate) retry_on_initial_connect: bool,
    pub(crate) reconnect: bool,
    pub(crate) max_reconnects: Option<usize>,
    pub(crate) reconnect_wait: Duration,
    pub(crate) jitter: Duration,
    pub(crate) jitter_tls: Duration,
    pub(crate) backoff: Option<Backoff>,
    pub(crate) ignore_auth_error_abort: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) pings_outstanding_max: u32,
    pub(crate) drain_timeout: Duration,
    pub(crate) inbox_prefix: String,
    pub(crate) write_buffer: usize,
    pub(crate) pending_buffer: usize,
    pub(crate) pending_limits: PendingLimits,
    pub(crate) on_event: Option<events::Callback>,
    pub(crate) trace: Option<TraceCallback>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: String::new(),
            auth: Auth::default(),
            tls: Tls::default(),
            proxy: None,
            echo: true,
            verbose: false,
            pedantic: false,
            randomize: true,
            ignore_discovered: false,
            retry_on_initial_connect: false,
            reconnect: true,
            max_reconnects: Some(limits::RECONNECTS_MAX),
            reconnect_wait: limits::RECONNECT_WAIT,
            jitter: limits::RECONNECT_JITTER,
            jitter_tls: limits::RECONNECT_JITTER_TLS,
            backoff: None,
            ignore_auth_error_abort: false,
            connect_timeout: limits::CONNECT_TIMEOUT,
            ping_interval: limits::PING_INTERVAL,
            pings_outstanding_max: limits::PINGS_OUTSTANDING_MAX,
            drain_timeout: limits::DRAIN_TIMEOUT,
            inbox_prefix: "_INBOX".to_owned(),
            write_buffer: limits::WRITE_BUFFER_BYTES,
            pending_buffer: limits::PENDING_BUFFER_BYTES,
            pending_limits: PendingLimits::default(),
            on_event: None,
            trace: None,
        }
    }
}

impl Options {
    pub fn new() -> Self {
        Self::default()
    }

    /// Connects to the first server of the list that lets us in.
    ///
    /// `servers` is one address or several separated by commas, in the forms that [`ServerUrl`] describes.
    ///
    /// # Errors
    /// When no server let us in: the refusal of our credentials if there was one, else what happened last. With
    /// [`Options::retry_on_initial_connect`] only for settings that cannot work.
    pub async fn connect(self, servers: impl AsRef<str>) -> Result<Client, ConnectError> {
        self.connect_to(ServerUrl::parse_list(servers.as_ref())?)
            .await
    }

    /// As [`Options::connect`], with addresses that are already read.
    ///
    /// # Errors
    /// As [`Options::connect`].
    pub async fn connect_to(self, servers: Vec<ServerUrl>) -> Result<Client, ConnectError> {
        Client::connect(self, servers).await
    }

    /// Name of the connection, as monitoring shows it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// User and password. Credentials in a server address take precedence for that server.
    pub fn user_and_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<Secret>,
    ) -> Self {
        self.auth.user = Some((user.into(), password.into()));
        self
    }

    /// Token.
    pub fn token(mut self, token: impl Into<Secret>) -> Self {
        self.auth.token = Some(token.into());
        self
    }

    /// The seed of a user's nkey (`SU…`). It never leaves the process: the server gets a signature.
    pub fn nkey_seed(mut self, seed: impl Into<Secret>) -> Self {
        self.auth.proof = Proof::NKey(Key::Seed(seed.into()));
        self
    }

    /// A file with the seed of a user's nkey, read at every connect.
    pub fn nkey_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth.proof = Proof::NKey(Key::SeedFile(path.into()));
        self
    }

    /// An nkey whose seed is somewhere else: `sign` signs what the server sends, with the key of `public` (`U…`).
    pub fn nkey(
        mut self,
        public: impl Into<String>,
        sign: impl Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        self.auth.proof = Proof::NKey(Key::Callback {
            public: public.into(),
            sign: Arc::new(sign),
        });
        self
    }

    /// A user JWT and the seed that proves it.
    pub fn jwt(mut self, jwt: impl Into<Secret>, seed: impl Into<Secret>) -> Self {
        self.auth.proof = Proof::Jwt {
            jwt: JwtSource::Text(jwt.into()),
            key: Some(Key::Seed(seed.into())),
        };
        self
    }

    /// A user JWT that needs no proof.
    pub fn bearer_jwt(mut self, jwt: impl Into<Secret>) -> Self {
        self.auth.proof = Proof::Jwt {
            jwt: JwtSource::Text(jwt.into()),
            key: None,
        };
        self
    }

    /// A user JWT and a signature, both asked for at every connect.
    pub fn jwt_callback(
        mut self,
        jwt: impl Fn() -> Result<Secret, String> + Send + Sync + 'static,
        sign: impl Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        self.auth.proof = Proof::Jwt {
            jwt: JwtSource::Callback(Arc::new(jwt)),
            key: Some(Key::Callback {
                public: String::new(),
                sign: Arc::new(sign),
            }),
        };
        self
    }

    /// A credentials file, read at every connect, so that a renewed one is used.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth.proof = Proof::CredsFile(path.into());
        self
    }

    /// The content of a credentials file.
    pub fn credentials(mut self, content: impl Into<Secret>) -> Self {
        self.auth.proof = Proof::Creds(content.into());
        self
    }

    /// Asks for credentials at every connect, with what the server said before. They replace those of the other
    /// settings, field by field.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use nats_client::{Credentials, Options};
    /// let client = Options::new()
    ///     .auth_callback(|challenge| async move {
    ///         println!("{} asks who we are", challenge.url);
    ///         Ok(Credentials { token: Some("s3cr3t".into()), ..Credentials::default() })
    ///     })
    ///     .connect("nats://127.0.0.1")
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn auth_callback<F>(
        mut self,
        callback: impl Fn(Challenge) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Credentials, String>> + Send + 'static,
    {
        self.auth.callback = Some(Arc::new(move |challenge| Box::pin(callback(challenge))));
        self
    }

    /// Refuse servers that do not offer TLS. The same as `tls://` in every address; implied by the other TLS settings.
    pub fn require_tls(mut self) -> Self {
        self.tls.required = true;
        self
    }

    /// Begin with the TLS handshake, for servers with `handshake_first`.
    pub fn tls_first(mut self) -> Self {
        self.tls.first = true;
        self
    }

    /// Trust the certificate authorities in this PEM file instead of those of the operating system. May be called
    /// several times.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.ca_files.push(path.into());
        self
    }

    /// As [`Options::ca_file`], with the PEM text itself.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls.ca_pem.push(pem.into());
        self
    }

    /// Show this certificate to servers that ask for one: PEM files, read at every connect.
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.tls.client_certificate = Some(ClientCertificate::Files {
            certificate: certificate.into(),
            key: key.into(),
        });
        self
    }

    /// As [`Options::client_certificate`], with the PEM texts themselves.
    pub fn client_certificate_pem(
        mut self,
        certificate: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.tls.client_certificate = Some(ClientCertificate::Pem {
            certificate: certificate.into(),
            key: key.into(),
        });
        self
    }

    /// Name to expect in the server's certificate, instead of the host of its address.
    pub fn tls_server_name(mut self, name: impl Into<String>) -> Self {
        self.tls.server_name = Some(name.into());
        self
    }

    /// Curves to offer in the handshake, the preferred one first: `X25519`, `P256`, `P384`, `X25519MLKEM768`.
    ///
    /// # Errors
    /// Names the one that is not known.
    pub fn tls_curves<S: AsRef<str>>(mut self, names: &[S]) -> Result<Self, String> {
        self.tls.curves = names
            .iter()
            .map(|name| {
                let name = name.as_ref();
                crate::tls::curve(name).ok_or_else(|| format!("{name:?} is no curve known here"))
            })
            .collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// A TLS configuration made by the caller, instead of one made from the other settings.
    pub fn tls_config(mut self, config: Arc<rustls::ClientConfig>) -> Self {
        self.tls.config = Some(config);
        self
    }

    /// Accept whatever certificate the server shows. Anybody on the way can then read and change everything: for tests
    /// only.
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.tls.danger_accept_any_certificate = true;
        self
    }

    /// Connect through a SOCKS5 proxy: `socks5://[user:password@]host[:port]`. The proxy resolves server names.
    ///
    /// # Errors
    /// When `proxy` is no such address.
    pub fn socks_proxy(mut self, proxy: &str) -> Result<Self, ConnectError> {
        self.proxy = Some(Proxy::parse(proxy)?);
        Ok(self)
    }

    /// Do not receive what this connection publishes itself.
    pub fn no_echo(mut self) -> Self {
        self.echo = false;
        self
    }

    /// Let the server confirm every line with +OK. For tests of servers.
    pub fn verbose(mut self, verbose: bool) -> Self {
        self.verbose = verbose;
        self
    }

    /// Let the server check the subjects of published messages.
    pub fn pedantic(mut self, pedantic: bool) -> Self {
        self.pedantic = pedantic;
        self
    }

    /// Try the servers in the given order instead of a random one.
    pub fn keep_server_order(mut self) -> Self {
        self.randomize = false;
        self
    }

    /// Stay with the given servers: ignore those that the cluster announces.
    pub fn ignore_discovered_servers(mut self) -> Self {
        self.ignore_discovered = true;
        self
    }

    /// Return from `connect` at once and go on trying in the background when no server can be reached.
    pub fn retry_on_initial_connect(mut self) -> Self {
        self.retry_on_initial_connect = true;
        self
    }

    /// Close the client when the connection is lost, instead of looking for another server.
    pub fn no_reconnect(mut self) -> Self {
        self.reconnect = false;
        self
    }

    /// Attempts in a row after which a server leaves the pool; `None` tries forever. 60 by default.
    pub fn max_reconnects(mut self, attempts: impl Into<Option<usize>>) -> Self {
        self.max_reconnects = attempts.into();
        self
    }

    /// Wait between two rounds through the pool. 2 s by default, plus jitter.
    pub fn reconnect_wait(mut self, wait: Duration) -> Self {
        self.reconnect_wait = wait.min(limits::WAIT_MAX);
        self
    }

    /// Largest random addition to the wait, so that clients do not come back in step: without and with TLS.
    pub fn reconnect_jitter(mut self, plain: Duration, tls: Duration) -> Self {
        self.jitter = plain.min(limits::WAIT_MAX);
        self.jitter_tls = tls.min(limits::WAIT_MAX);
        self
    }

    /// Computes the wait instead, from the number of rounds through the pool since the connection was lost.
    pub fn reconnect_backoff(
        mut self,
        wait: impl Fn(usize) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.backoff = Some(Arc::new(wait));
        self
    }

    /// Go on when a server refuses our credentials twice in a row while reconnecting. By default the client closes
    /// then, as nothing suggests that a third time helps.
    pub fn ignore_auth_error_abort(mut self) -> Self {
        self.ignore_auth_error_abort = true;
        self
    }

    /// Bound of one attempt at one server, from name resolution to its first answer. 2 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Interval of our pings. 2 minutes by default; at least 1 ms, at most a year.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.clamp(Duration::from_millis(1), limits::WAIT_MAX);
        self
    }

    /// Pings in a row without a sign of life from the server before the connection counts as lost. 2 by default.
    pub fn max_pings_outstanding(mut self, pings: u32) -> Self {
        self.pings_outstanding_max = pings;
        self
    }

    /// Bound of [`Client::drain`]. 30 s by default.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// First tokens of reply subjects, for users who may subscribe to their own prefix only. `_INBOX` by default.
    /// `connect` refuses a prefix that is not a literal subject.
    pub fn inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.inbox_prefix = prefix.into();
        self
    }

    /// Unsent bytes above which publishers wait while connected. 512 KiB by default.
    pub fn write_buffer(mut self, bytes: usize) -> Self {
        self.write_buffer = bytes.max(1);
        self
    }

    /// Unsent bytes above which publishing fails while disconnected. 8 MiB by default; 0 refuses at once.
    pub fn pending_buffer(mut self, bytes: usize) -> Self {
        self.pending_buffer = bytes;
        self
    }

    /// What may wait in each subscription that names no limits of its own.
    pub fn pending_limits(mut self, limits: PendingLimits) -> Self {
        self.pending_limits = limits;
        self
    }

    /// Calls `callback` with every event, on the connection task: it must not block.
    pub fn on_event(mut self, callback: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(callback));
        self
    }

    /// Calls `callback` with every protocol line in both directions, on the connection task: it must not block.
    /// Payloads are left out, and so are the secrets in CONNECT.
    pub fn trace_protocol(
        mut self,
        callback: impl Fn(Direction, &str) + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(Arc::new(callback));
        self
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("auth", &self.auth)
            .finish_non_exhaustive()
    }
}
