//! Who we are, as CONNECT says it.
//!
//! Forms add up, as servers allow: a token beside a user, TLS beside everything. A key or a JWT is proved by signing the
//! nonce of the server's INFO. Everything that is a file is read at every connect, so that renewed credentials are used
//! without a restart.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use nats_jwt::creds::{self, Creds};
use nats_jwt::nkey::{KeyPair, signature_text};
use nats_jwt::secret::Secret;
use nats_proto::info::{ConnectOptions, ServerInfo};

use crate::error::ConnectError;
use crate::server_url::{ServerUrl, UserInfo};

/// Where the credentials come from.
#[derive(Clone, Default)]
pub(crate) struct Auth {
    pub user: Option<(String, Secret)>,
    pub token: Option<Secret>,
    pub proof: Proof,
    pub callback: Option<AuthCallback>,
}

/// What is proved with a signature.
#[derive(Clone, Default)]
pub(crate) enum Proof {
    #[default]
    Nothing,
    NKey(Key),
    Jwt {
        jwt: JwtSource,
        /// `None` for a bearer token.
        key: Option<Key>,
    },
    CredsFile(PathBuf),
    Creds(Secret),
}

/// What signs the nonce.
#[derive(Clone)]
pub(crate) enum Key {
    Seed(Secret),
    SeedFile(PathBuf),
    Callback { public: String, sign: SignCallback },
}

#[derive(Clone)]
pub(crate) enum JwtSource {
    Text(Secret),
    Callback(Arc<dyn Fn() -> Result<Secret, String> + Send + Sync>),
}

pub(crate) type SignCallback = Arc<dyn Fn(&[u8]) -> Result<Vec<u8>, String> + Send + Sync>;

type CredentialsFuture = Pin<Box<dyn Future<Output = Result<Credentials, String>> + Send>>;
pub(crate) type AuthCallback = Arc<dyn Fn(Challenge) -> CredentialsFuture + Send + Sync>;

/// What a server wants to be convinced with; see [`Options::auth_callback`](crate::Options::auth_callback).
#[derive(Debug, Clone)]
pub struct Challenge {
    /// Address of the server, without credentials.
    pub url: String,
    /// What a key has to sign; empty when the server asks for no signature.
    pub nonce: String,
    /// The server's INFO.
    pub info: ServerInfo,
}

/// Credentials for one connection, made by an [`Options::auth_callback`](crate::Options::auth_callback). What is `None` is
/// not sent.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub token: Option<Secret>,
    /// Public key of a user.
    pub nkey: Option<String>,
    pub jwt: Option<Secret>,
    /// Signature over the nonce, as bytes.
    pub signature: Option<Vec<u8>>,
}

impl Auth {
    /// Fills the credentials for `server` into `connect`.
    pub(crate) async fn fill(
        &self,
        connect: &mut ConnectOptions,
        server: &ServerUrl,
        info: &ServerInfo,
    ) -> Result<(), ConnectError> {
        if let Some((user, password)) = &self.user {
            connect.user = user.clone();
            connect.pass = password.reveal().to_owned();
        }
        if let Some(token) = &self.token {
            connect.auth_token = token.reveal().to_owned();
        }
        match &server.user_info {
            Some(UserInfo::Token(token)) => connect.auth_token = token.reveal().to_owned(),
            Some(UserInfo::Password { user, password }) => {
                connect.user = user.clone();
                connect.pass = password.reveal().to_owned();
            }
            None => {}
        }
        self.proof.fill(connect, info)?;
        if let Some(callback) = &self.callback {
            let challenge = Challenge {
                url: server.to_string(),
                nonce: info.nonce.clone(),
                info: info.clone(),
            };
            let credentials = callback(challenge)
                .await
                .map_err(|problem| failed("the callback", problem))?;
            credentials.fill(connect);
        }
        Ok(())
    }

    /// Says early what could never work.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        match &self.proof {
            Proof::NKey(Key::Seed(seed))
            | Proof::Jwt {
                key: Some(Key::Seed(seed)),
                ..
            } => seed_pair(seed).map(drop),
            Proof::Creds(text) => Creds::parse(text.reveal().as_bytes())
                .map(drop)
                .map_err(|error| failed("credentials", error)),
            _ => Ok(()),
        }
    }
}

impl Proof {
    fn fill(&self, connect: &mut ConnectOptions, info: &ServerInfo) -> Result<(), ConnectError> {
        match self {
            Self::Nothing => {}
            Self::NKey(key) => {
                if info.nonce.is_empty() {
                    let problem = "the server asks for no signature: it has no nkeys configured";
                    return Err(failed("nkey", problem));
                }
                let (public, signature) = key.sign(info.nonce.as_bytes())?;
                connect.nkey = public;
                connect.sig = signature;
            }
            Self::Jwt { jwt, key } => {
                connect.jwt = jwt.read()?.reveal().to_owned();
                if let Some(key) = key.as_ref().filter(|_| !info.nonce.is_empty()) {
                    connect.sig = key.sign(info.nonce.as_bytes())?.1;
                }
            }
            Self::CredsFile(path) => {
                let creds = Creds::read(path).map_err(|error| failed("credentials file", error))?;
                fill_creds(&creds, connect, info);
            }
            Self::Creds(text) => {
                let creds = Creds::parse(text.reveal().as_bytes())
                    .map_err(|error| failed("credentials", error))?;
                fill_creds(&creds, connect, info);
            }
        }
        Ok(())
    }
}

fn fill_creds(creds: &Creds, connect: &mut ConnectOptions, info: &ServerInfo) {
    connect.jwt = creds.jwt.reveal().to_owned();
    if !info.nonce.is_empty() {
        connect.sig = creds.key.sign_text(info.nonce.as_bytes());
    }
}

impl Key {
    /// The public key and the signature, both as CONNECT spells them.
    fn sign(&self, nonce: &[u8]) -> Result<(String, String), ConnectError> {
        let with_pair = |pair: KeyPair| (pair.public_key().to_string(), pair.sign_text(nonce));
        match self {
            Self::Seed(seed) => seed_pair(seed).map(with_pair),
            Self::SeedFile(path) => read_seed(path).map(with_pair),
            Self::Callback { public, sign } => {
                let signature = sign(nonce).map_err(|problem| failed("signature", problem))?;
                Ok((public.clone(), signature_text(&signature)))
            }
        }
    }
}

impl JwtSource {
    fn read(&self) -> Result<Secret, ConnectError> {
        match self {
            Self::Text(jwt) => Ok(jwt.clone()),
            Self::Callback(read) => read().map_err(|problem| failed("JWT", problem)),
        }
    }
}

impl Credentials {
    fn fill(self, connect: &mut ConnectOptions) {
        let text = |secret: Secret| secret.reveal().to_owned();
        let set = |field: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        set(&mut connect.user, self.user);
        set(&mut connect.pass, self.password.map(text));
        set(&mut connect.auth_token, self.token.map(text));
        set(&mut connect.nkey, self.nkey);
        set(&mut connect.jwt, self.jwt.map(text));
        set(&mut connect.sig, self.signature.map(|s| signature_text(&s)));
    }
}

fn seed_pair(seed: &Secret) -> Result<KeyPair, ConnectError> {
    KeyPair::from_seed(seed.reveal().trim()).map_err(|error| failed("nkey seed", error))
}

fn read_seed(path: &Path) -> Result<KeyPair, ConnectError> {
    creds::read_seed(path).map_err(|error| failed("nkey seed file", error))
}

fn failed(what: &str, problem: impl std::fmt::Display) -> ConnectError {
    ConnectError::Credentials(format!("{what}: {problem}"))
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let proof = match &self.proof {
            Proof::Nothing => "none",
            Proof::NKey(_) => "nkey",
            Proof::Jwt { .. } => "jwt",
            Proof::CredsFile(_) | Proof::Creds(_) => "creds",
        };
        f.debug_struct("Auth")
            .field("user", &self.user.is_some())
            .field("token", &self.token.is_some())
            .field("proof", &proof)
            .field("callback", &self.callback.is_some())
            .finish()
    }
}
