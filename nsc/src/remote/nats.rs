//! Connections to `nats-server`, as a temporary user of the system account or as one that is in the store.

use std::path::PathBuf;
use std::time::Duration;

use nats_client::{Client, Options, RequestManyOptions, Secret};
use nats_jwt::claims::UserClaims;
use nats_jwt::nkey::{KeyPair, Kind};
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::limits::PUSH_USER_SECONDS;
use crate::refuse;
use crate::report::Report;
use crate::workspace::{self, Workspace};

/// TLS of a connection.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Tls {
    /// Do the TLS handshake before the server's INFO
    #[arg(long, global = true)]
    pub tls_first: bool,
    /// Certificates of authorities to trust
    #[arg(
        long,
        global = true,
        env = "NATS_CA",
        value_name = "FILE",
        hide_env_values = true
    )]
    pub ca_cert: Option<PathBuf>,
    /// Certificate to show
    #[arg(
        long,
        global = true,
        env = "NATS_CERT",
        value_name = "FILE",
        hide_env_values = true,
        requires = "client_key"
    )]
    pub client_cert: Option<PathBuf>,
    /// Key of the certificate
    #[arg(
        long,
        global = true,
        env = "NATS_KEY",
        value_name = "FILE",
        hide_env_values = true,
        requires = "client_cert"
    )]
    pub client_key: Option<PathBuf>,
    /// Curves for the handshake, the preferred one first - comma separated
    #[arg(long, global = true, value_delimiter = ',', value_parser = ["X25519", "P256", "P384", "X25519MLKEM768"], ignore_case = true, value_name = "CURVE")]
    pub tls_curves: Vec<String>,
}

/// Who connects.
#[derive(Debug)]
pub struct User {
    pub jwt: Secret,
    pub seed: Secret,
    /// The account's name.
    pub account: String,
}

/// Which user of the system account.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SystemUser {
    /// Name of the system account, when it is not the operator's
    #[arg(long, value_name = "NAME")]
    pub system_account: Option<String>,
    /// Name of a user of the system account; a temporary one is made when not given
    #[arg(long, value_name = "NAME")]
    pub system_user: Option<String>,
}

/// A user of the system account that may publish on `subjects`: a temporary one when a key of the account is at hand, else one that
/// is in the store.
///
/// # Errors
/// When there is no system account, or no key.
pub fn system_user(
    workspace: &mut Workspace,
    request: &SystemUser,
    subjects: &[&str],
) -> Result<User> {
    let operator = workspace.operator()?;
    let store = workspace.store()?;
    let account = match &request.system_account {
        Some(name) => workspace.account_name(Some(name))?,
        None if operator.nats.system_account.is_empty() => {
            return Err(Error::missing("the operator has no system account")
                .hint("set it: nsc edit operator --system-account NAME"));
        }
        None => {
            let key = &operator.nats.system_account;
            let name = store.account_of_key(&mut workspace.files, key)?;
            name.ok_or_else(|| Error::missing(format!("system account {key:?} not found")))?
        }
    };
    let claims = workspace.account(&account)?;
    if let Some(user) = &request.system_user {
        return stored_user(workspace, &account, user);
    }
    let strict = operator.nats.strict_signing_key_usage;
    for key in Workspace::account_signers(&claims, strict, None) {
        if claims.nats.signing_keys.scope(&key).is_some() {
            continue;
        }
        if let Some(signer) = workspace.signing_key(&key)? {
            let pair = KeyPair::generate(Kind::User)?;
            let mut user = UserClaims::new(pair.public_key().to_string());
            user.name = "nsc temporary push user".to_owned();
            user.expires = workspace.now().saturating_add(PUSH_USER_SECONDS);
            user.nats.issuer_account.clone_from(&claims.subject);
            let permissions = &mut user.nats.limits.permissions;
            permissions.publish.allow =
                subjects.iter().map(|&subject| subject.to_owned()).collect();
            permissions.subscribe.allow = vec!["_INBOX.>".to_owned()];
            return Ok(User {
                jwt: Secret::new(user.encode(&signer, workspace.now())?),
                seed: pair.seed(),
                account,
            });
        }
    }
    for user in workspace.users(&account)? {
        if let Ok(user) = stored_user(workspace, &account, &user) {
            return Ok(user);
        }
    }
    Err(
        Error::no_key("no system account user with corresponding nkey found").hint(
            "import a key of the system account, or name a user whose key is here: --system-user",
        ),
    )
}

/// A user of the store whose key is here.
///
/// # Errors
/// When it is not.
pub fn stored_user(workspace: &mut Workspace, account: &str, user: &str) -> Result<User> {
    let store = workspace.store()?;
    let jwt = store.user_token(&mut workspace.files, account, user)?;
    let key = workspace::public(&workspace.user(account, user)?.subject)?;
    match workspace.keystore.seed(&mut workspace.files, &key)? {
        Some(seed) => Ok(User {
            jwt: Secret::new(jwt),
            seed,
            account: account.to_owned(),
        }),
        None => Err(
            Error::no_key(format!("the key of user {user:?} is not in the keystore"))
                .hint("import it: nsc import keys"),
        ),
    }
}

/// What a user of the system account can do about a refusal.
pub const SYSTEM_USER_REFUSED: &str =
    "does the server run with this operator and system account? see: nsc generate config";
/// What any other user can do.
pub const USER_REFUSED: &str = "is the account on the server (nsc push), and is the user neither revoked nor expired (nsc validate)? does the server run with this operator?";

/// Connects. `refused` says what to do when the server does not let the user in.
///
/// # Errors
/// When that fails.
pub async fn connect(
    url: &str,
    name: &str,
    user: &User,
    tls: &Tls,
    refused: &str,
) -> Result<Client> {
    let mut options = Options::new()
        .name(name)
        .jwt(user.jwt.clone(), user.seed.clone())
        .connect_timeout(Duration::from_secs(5))
        .no_reconnect();
    if tls.tls_first {
        options = options.tls_first();
    }
    if let Some(ca) = &tls.ca_cert {
        options = options.ca_file(ca);
    }
    if let (Some(certificate), Some(key)) = (&tls.client_cert, &tls.client_key) {
        options = options.client_certificate(certificate, key);
    }
    if !tls.tls_curves.is_empty() {
        options = options
            .tls_curves(&tls.tls_curves)
            .map_err(Error::refused)?;
    }
    options.connect(url).await.map_err(|e| {
        let hint = if e.is_authentication() {
            refused
        } else {
            "is the server running, and is the URL right? see: nsc describe operator"
        };
        Error::remote(format!("failed to connect to {url}: {e}")).hint(hint)
    })
}

/// What a server answers.
#[derive(Debug, Deserialize)]
struct Envelope {
    server: Option<ServerName>,
    data: Option<Value>,
    error: Option<ServerError>,
}

#[derive(Debug, Deserialize)]
struct ServerName {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct ServerError {
    #[serde(default)]
    description: String,
}

/// Asks all servers; answers that are errors go to `report`.
///
/// # Errors
/// When the request cannot be sent.
pub async fn ask(
    client: &Client,
    subject: &str,
    body: &[u8],
    wait: Duration,
    report: &mut Report,
) -> Result<Vec<(String, Value)>> {
    let options = RequestManyOptions::within(wait);
    let answers = client.request_many(subject, None, body, options).await;
    let answers = answers.map_err(|e| Error::remote(format!("{subject}: {e}")))?;
    read_answers(answers, subject, report).await
}

/// Reads answers until their time is over.
pub async fn read_answers(
    mut answers: nats_client::Responses,
    what: &str,
    report: &mut Report,
) -> Result<Vec<(String, Value)>> {
    let mut good = Vec::new();
    let mut any = false;
    while let Some(answer) = answers.next().await {
        any = true;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                report.error(format!("failed to get response to {what}: {error}"));
                break;
            }
        };
        let read: Envelope = match serde_json::from_slice(answer.payload()) {
            Ok(read) => read,
            Err(error) => {
                report.error(format!("failed to parse response: {error}"));
                continue;
            }
        };
        let name = read.server.map(|server| server.name).unwrap_or_default();
        match (read.error, read.data) {
            (Some(error), _) => report.error(format!(
                "server {name} responded with error: {}",
                error.description
            )),
            (None, Some(data)) => good.push((name, data)),
            (None, None) => report.error(format!("server {name} responded without data")),
        }
    }
    if !any {
        report.error(format!(
            "failed to get response to {what}: no server answered in time"
        ));
    }
    Ok(good)
}

/// The first URL at which servers are: as given, else as the operator has it.
///
/// # Errors
/// When there is none.
pub fn service_url(workspace: &mut Workspace, given: Option<&str>) -> Result<String> {
    if let Some(url) = given {
        return Ok(url.to_owned());
    }
    let urls = workspace.operator()?.nats.operator_service_urls;
    if urls.is_empty() {
        refuse!(
            "the operator has no service urls; pass --nats URL, or set one: nsc edit operator --service-url nats://localhost:4222"
        );
    }
    Ok(urls.join(","))
}
