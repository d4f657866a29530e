//! Contexts: named connection settings in the files that every NATS tool shares.
//!
//! What lives here: the document ([`Settings`]), the folder with its selection ([`Store`]), and what a context means for a
//! connection ([`Context::apply`]), including secrets that are only named in it (`reference`). Who may call: programs.
//! What never happens here: a prompt, a secret in an error or in `Debug`, a half-written file. There are no locks; files
//! are replaced as a whole, the last writer wins, as with the other tools.
//!
//! ```text
//! $XDG_CONFIG_HOME/nats  or  ~/.config/nats        (folders 0700, files 0600)
//!   context/<name>.json     one document per context
//!   context.txt             name of the selected one
//!   previous-context.txt    name of the one selected before
//! ```
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use nats_client::{Options, context::Store};
//! let store = Store::open_default()?;
//! let context = store.load("production")?;
//! let client = context.connect(Options::new().name("my tool")).await?;
//! # Ok(()) }
//! ```
//!
//! Source: jsm.go `natscontext`, inventory tools.md section 1.3. Where to start reading: [`Context`].

mod expand;
mod reference;
mod store;

use std::path::{Path, PathBuf};

use nats_jwt::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::error::ConnectError;
use crate::options::Options;
use crate::server_url::DEFAULT_URL;

pub use reference::embed_file;
pub use store::Store;

/// The document of a context, field by field in the order of the file. What is empty is not set.
///
/// `creds`, `nkey`, `user_jwt`, `user_seed`, `password` and `token` hold a value or name where it is:
/// `file://path`, `env://NAME`, `op://vault/item/field` (1Password), `nsc://operator/account/user`, `data:;base64,…`.
/// A bare `creds` or `nkey` is a path. `~` and `$VARIABLES` are expanded in `creds`, `nkey`, `cert`, `key` and `ca` when a
/// connection is made; the document keeps them as written.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub description: String,
    /// Servers, separated by commas.
    pub url: String,
    pub socks_proxy: String,
    pub token: String,
    pub user: String,
    pub password: String,
    pub creds: String,
    pub nkey: String,
    pub cert: String,
    pub key: String,
    pub ca: String,
    /// Deprecated form of `creds` with `nsc://`; rewritten by [`Store::save`].
    pub nsc: String,
    pub jetstream_domain: String,
    pub jetstream_api_prefix: String,
    pub jetstream_event_prefix: String,
    pub inbox_prefix: String,
    pub user_jwt: String,
    pub user_seed: String,
    pub color_scheme: String,
    pub tls_first: bool,
    pub windows_cert_store: String,
    pub windows_cert_match_by: String,
    pub windows_cert_match: String,
    pub windows_ca_certs_match: Option<Vec<String>>,
}

/// Connection settings with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Empty when it was made from nothing.
    pub name: String,
    /// The file it was read from.
    pub path: Option<PathBuf>,
    pub settings: Settings,
}

/// Why a context is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    #[error(
        "invalid context name {0:?}: it must not be empty nor hold \"..\", a slash or a backslash"
    )]
    Name(String),
    #[error("unknown context {0:?}")]
    NotFound(String),
    #[error("context {name:?} is the selected one; select another before removing it")]
    Selected { name: String },
    #[error("cannot find the home directory: set HOME or XDG_CONFIG_HOME")]
    NoHome,
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}: not a context: {source}")]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error(
        "too many kinds of credentials ({0}): choose one of user, creds, nkey, nsc and user_jwt"
    )]
    ManyCredentials(String),
    #[error("{field}: {problem}")]
    Field {
        field: &'static str,
        problem: String,
    },
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// What a context proves its user with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthKind {
    None,
    User,
    Creds,
    NKey,
    Jwt,
    Token,
}

impl std::fmt::Display for AuthKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::User => "user/password",
            Self::Creds => "creds",
            Self::NKey => "nkey",
            Self::Jwt => "user_jwt",
            Self::Token => "token",
        })
    }
}

impl Context {
    /// An empty context.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            path: None,
            settings: Settings::default(),
        }
    }

    /// Reads a context from a file anywhere; its name is that of the file without the extension.
    ///
    /// # Errors
    /// When the file cannot be read or is no context.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ContextError> {
        let path = path.as_ref();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        store::read_context(path, &name)
    }

    /// The servers, separated by commas; the local one when none is set. A context that only names an `nsc` user learns
    /// its servers in [`Context::connect`].
    pub fn server_url(&self) -> &str {
        match self.settings.url.as_str() {
            "" => DEFAULT_URL,
            url => url,
        }
    }

    /// What the user is proved with, in the order in which settings take precedence.
    pub fn auth_kind(&self) -> AuthKind {
        let s = &self.settings;
        if !s.user.is_empty() {
            AuthKind::User
        } else if !s.creds.is_empty() || !s.nsc.is_empty() {
            AuthKind::Creds
        } else if !s.nkey.is_empty() {
            AuthKind::NKey
        } else if !s.user_jwt.is_empty() {
            AuthKind::Jwt
        } else if !s.token.is_empty() {
            AuthKind::Token
        } else {
            AuthKind::None
        }
    }

    /// Checks what must hold before a context is saved.
    ///
    /// # Errors
    /// A bad name, several kinds of credentials, half a certificate store.
    pub fn validate(&self) -> Result<(), ContextError> {
        store::check_name(&self.name)?;
        let s = &self.settings;
        let kinds: Vec<&str> = [
            ("user", &s.user),
            ("creds", &s.creds),
            ("nkey", &s.nkey),
            ("nsc", &s.nsc),
            ("user_jwt", &s.user_jwt),
        ]
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(kind, _)| *kind)
        .collect();
        if kinds.len() > 1 {
            return Err(ContextError::ManyCredentials(kinds.join(", ")));
        }
        self.check_certificate_store()
    }

    fn check_certificate_store(&self) -> Result<(), ContextError> {
        let s = &self.settings;
        let stores = [
            "user",
            "windowscurrentuser",
            "machine",
            "windowslocalmachine",
        ];
        let store = s.windows_cert_store.to_lowercase();
        let field = |field, problem: &str| {
            Err(ContextError::Field {
                field,
                problem: problem.to_owned(),
            })
        };
        if !store.is_empty() && !stores.contains(&store.as_str()) {
            return field("windows_cert_store", "must be user or machine");
        }
        let by = s.windows_cert_match_by.to_lowercase();
        if !by.is_empty() && !["issuer", "subject", "thumbprint"].contains(&by.as_str()) {
            return field(
                "windows_cert_match_by",
                "must be subject, issuer or thumbprint",
            );
        }
        if !store.is_empty() && s.windows_cert_match.is_empty() {
            return field("windows_cert_match", "must be set with windows_cert_store");
        }
        Ok(())
    }

    /// Puts the settings of this context into `options`, looking up the secrets that it names.
    ///
    /// # Errors
    /// When a secret cannot be found or the context asks for what this client cannot do.
    pub async fn apply(&self, options: Options) -> Result<Options, ContextError> {
        Ok(self.resolve(options).await?.0)
    }

    /// Connects to the servers of this context.
    ///
    /// # Errors
    /// As [`Context::apply`] and [`Options::connect`].
    pub async fn connect(&self, options: Options) -> Result<Client, ContextError> {
        let (options, url) = self.resolve(options).await?;
        Ok(options.connect(url).await?)
    }

    /// The options and the servers.
    async fn resolve(&self, options: Options) -> Result<(Options, String), ContextError> {
        let s = &self.settings;
        let mut url = self.server_url().to_owned();
        let mut options = match self.auth_kind() {
            AuthKind::User => {
                let password = secret("password", &s.password).await?;
                options.user_and_password(s.user.clone(), password)
            }
            AuthKind::Creds if s.creds.is_empty() => {
                let profile = reference::nsc_profile(&s.nsc)
                    .await
                    .map_err(in_field("nsc"))?;
                if s.url.is_empty() && !profile.servers.is_empty() {
                    url = profile.servers.join(",");
                }
                options.credentials_file(profile.creds)
            }
            AuthKind::Creds => match reference::as_path(&s.creds) {
                Some(path) => options.credentials_file(path),
                None => options.credentials(secret("creds", &s.creds).await?),
            },
            AuthKind::NKey => match reference::as_path(&s.nkey) {
                Some(path) => options.nkey_file(path),
                None => {
                    let found = secret("nkey", &s.nkey).await?;
                    let pair = nats_jwt::creds::parse_seed(found.reveal().as_bytes())
                        .map_err(|error| in_field("nkey")(error.to_string()))?;
                    options.nkey_seed(pair.seed())
                }
            },
            AuthKind::Jwt => {
                let jwt = secret("user_jwt", &s.user_jwt).await?;
                match s.user_seed.as_str() {
                    "" => options.bearer_jwt(jwt),
                    seed => options.jwt(jwt, secret("user_seed", seed).await?),
                }
            }
            AuthKind::Token | AuthKind::None => options,
        };
        if !s.token.is_empty() {
            options = options.token(secret("token", &s.token).await?);
        }
        Ok((self.apply_transport(options)?, url))
    }

    fn apply_transport(&self, mut options: Options) -> Result<Options, ContextError> {
        let s = &self.settings;
        if !s.windows_cert_store.is_empty() {
            return Err(in_field("windows_cert_store")(
                "certificate stores are not supported; use cert, key and ca with files".to_owned(),
            ));
        }
        if !s.cert.is_empty() && !s.key.is_empty() {
            options =
                options.client_certificate(file_only("cert", &s.cert)?, file_only("key", &s.key)?);
        }
        if !s.ca.is_empty() {
            options = options.ca_file(file_only("ca", &s.ca)?);
        }
        if !s.socks_proxy.is_empty() {
            options = options.socks_proxy(&s.socks_proxy)?;
        }
        if !s.inbox_prefix.is_empty() {
            options = options.inbox_prefix(s.inbox_prefix.clone());
        }
        if s.tls_first {
            options = options.tls_first();
        }
        Ok(options)
    }
}

async fn secret(field: &'static str, value: &str) -> Result<Secret, ContextError> {
    reference::resolve(value).await.map_err(in_field(field))
}

fn in_field(field: &'static str) -> impl Fn(String) -> ContextError {
    move |problem| ContextError::Field { field, problem }
}

fn file_only(field: &'static str, value: &str) -> Result<PathBuf, ContextError> {
    reference::as_path(value)
        .ok_or_else(|| in_field(field)("only a path or file:// can be used here".to_owned()))
}

/// Secrets may stand in the document in clear text.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
