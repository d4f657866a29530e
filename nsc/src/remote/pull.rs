//! `pull`: accounts from servers into the store. What comes is from outside: it is taken only when it is genuine, of this operator, and
//! newer than what is there.

use std::time::Duration;

use nats_client::RequestManyOptions;
use nats_jwt::claims::{AccountClaims, AnyClaims, OperatorClaims};

use super::{http, is_http, is_nats, nats};
use crate::error::{Error, Result};
use crate::limits::PULLED_ACCOUNTS_MAX;
use crate::name;
use crate::refuse;
use crate::report::{Report, Status};
use crate::workspace::Workspace;

const PACK: &str = "$SYS.REQ.CLAIMS.PACK";

/// `pull`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Pull {
    /// All accounts (and from account servers the operator)
    #[arg(short = 'A', long, conflicts_with = "account")]
    pub all: bool,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    /// Replace also what is newer in the store
    #[arg(short = 'F', long)]
    pub overwrite_newer: bool,
    #[command(flatten)]
    pub system: nats::SystemUser,
    #[command(flatten)]
    pub tls: nats::Tls,
}

/// Everything a pull needs of the workspace.
pub struct Prepared {
    url: String,
    user: Option<nats::User>,
    tls: nats::Tls,
    /// What to ask an account server for: label, and path below its base.
    wanted: Vec<(String, Vec<String>)>,
}

/// What came: a label, and a token or why there is none.
pub type Pulled = Vec<(String, std::result::Result<String, String>)>;

/// Finds out what is to be pulled from where.
///
/// # Errors
/// When the operator names no server.
pub fn prepare(workspace: &mut Workspace, request: &Pull) -> Result<Prepared> {
    let operator = workspace.operator()?;
    let url = operator.nats.account_server_url.clone();
    if url.is_empty() {
        return Err(Error::refused(format!(
            "operator {:?} doesn't set account server url - unable to pull",
            operator.name
        ))
        .hint("nsc edit operator --account-jwt-server-url nats://HOST:4222"));
    }
    if is_nats(&url) {
        if !request.all {
            return Err(Error::refused(format!(
                "operator {:?} can only pull all jwt - unable to pull by account",
                operator.name
            ))
            .hint("nsc pull --all"));
        }
        let user = nats::system_user(workspace, &request.system, &[PACK])?;
        return Ok(Prepared {
            url,
            user: Some(user),
            tls: request.tls.clone(),
            wanted: Vec::new(),
        });
    }
    if !is_http(&url) {
        refuse!("{url:?} is no account server");
    }
    let mut wanted = Vec::new();
    let names = if request.all {
        wanted.push((operator.name.clone(), vec!["operator".to_owned()]));
        workspace.accounts()?
    } else {
        vec![workspace.account_name(request.account.as_deref())?]
    };
    for name in names {
        let key = workspace.account(&name)?.subject;
        wanted.push((name, vec!["accounts".to_owned(), key]));
    }
    Ok(Prepared {
        url,
        user: None,
        tls: request.tls.clone(),
        wanted,
    })
}

/// Asks.
///
/// # Errors
/// When the server is not to be had.
pub async fn pull(prepared: &Prepared) -> Result<Pulled> {
    match &prepared.user {
        Some(user) => by_nats(prepared, user).await,
        None => by_http(prepared).await,
    }
}

async fn by_http(prepared: &Prepared) -> Result<Pulled> {
    let mut pulled = Pulled::new();
    for (label, path) in &prepared.wanted {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let url = http::below(&prepared.url, &path)?;
        let token = match http::get(&url).await {
            Ok(answer) if answer.code == 200 => nats_jwt::creds::parse_jwt(&answer.body)
                .map(|token| token.reveal().to_owned())
                .map_err(|e| e.to_string()),
            Ok(answer) => Err(format!(
                "the account server says {}: {}",
                answer.code,
                answer.text().trim()
            )),
            Err(error) => Err(error.to_string()),
        };
        pulled.push((label.clone(), token));
    }
    Ok(pulled)
}

async fn by_nats(prepared: &Prepared, user: &nats::User) -> Result<Pulled> {
    let client = nats::connect(
        &prepared.url,
        "nsc_pull",
        user,
        &prepared.tls,
        nats::SYSTEM_USER_REFUSED,
    )
    .await?;
    // The end is a message without content; silence means that a server went away.
    let options = RequestManyOptions::within(Duration::from_secs(60))
        .stall(Duration::from_secs(2))
        .sentinel();
    let answers = client.request_many(PACK, None, "", options).await;
    let mut answers =
        answers.map_err(|e| Error::remote(format!("failed to pull accounts: {e}")))?;
    let mut pulled = Pulled::new();
    while let Some(answer) = answers.next().await {
        let answer = answer.map_err(|e| Error::remote(format!("failed to pull accounts: {e}")))?;
        let text = answer.text().into_owned();
        match text.split_once('|') {
            Some((key, token)) => {
                let same = AccountClaims::decode(token).is_ok_and(|claims| claims.subject == key);
                let token = if same {
                    Ok(token.to_owned())
                } else {
                    Err(format!("the answer for {key} holds another token"))
                };
                pulled.push((key.to_owned(), token));
            }
            None => pulled.push(("server".to_owned(), Err("pull response bad".to_owned()))),
        }
        if pulled.len() > PULLED_ACCOUNTS_MAX {
            return Err(Error::remote(format!(
                "the server sends more than {PULLED_ACCOUNTS_MAX} accounts"
            )));
        }
    }
    client.close().await;
    Ok(pulled)
}

/// Takes what came into the store.
///
/// # Errors
/// When the store cannot be read.
pub fn store(workspace: &mut Workspace, request: &Pull, pulled: Pulled) -> Result<Report> {
    let mut report = Report::counted();
    // The operator first: it says who signs the accounts.
    let (operators, others): (Vec<_>, Vec<_>) = pulled.into_iter().partition(|(_, token)| {
        token
            .as_deref()
            .is_ok_and(|token| OperatorClaims::decode(token).is_ok())
    });
    for (label, token) in operators.into_iter().chain(others) {
        let mut line = Report::line(
            Status::Ok,
            format!("pull {label:?} from the account server"),
        );
        match token {
            Ok(token) => match store_one(workspace, request, &token) {
                Ok((kind, name)) => {
                    line.ok(format!("stored {kind} {name:?}"));
                    line.relabel(format!("pulled {name:?} from the account server"));
                }
                Err(error) => line.error(error.to_string()),
            },
            Err(error) => line.error(error),
        }
        report.add(line);
    }
    Ok(report)
}

fn store_one(
    workspace: &mut Workspace,
    request: &Pull,
    token: &str,
) -> Result<(&'static str, String)> {
    let operator = workspace.operator()?;
    match nats_jwt::claims::decode(token)
        .map_err(|e| Error::refused(format!("error decoding remote token: {e}")))?
    {
        AnyClaims::Operator(claims) => {
            if claims.subject != operator.subject {
                refuse!(
                    "the server's operator is {}, and not {}",
                    claims.subject,
                    operator.subject
                );
            }
            if operator.issued_at > claims.issued_at && !request.overwrite_newer {
                refuse!(
                    "local jwt for {:?} is newer than remote version - specify --overwrite-newer to overwrite",
                    claims.name
                );
            }
            workspace.store_operator(token)?;
            Ok(("operator", claims.name))
        }
        AnyClaims::Account(claims) => {
            name::checked("account", &claims.name)?;
            let managed = workspace.store()?.is_managed();
            let own = managed && claims.is_self_signed();
            if !own && !operator.did_sign(&claims) {
                refuse!(
                    "account {:?} is not signed by the operator {:?}",
                    claims.name,
                    operator.name
                );
            }
            if let Ok(local) = workspace.account(&claims.name)
                && local.issued_at > claims.issued_at
                && !request.overwrite_newer
            {
                refuse!(
                    "local jwt for {:?} is newer than remote version - specify --overwrite-newer to overwrite",
                    claims.name
                );
            }
            workspace.store_account(&claims.name, &claims.subject, token)?;
            Ok(("account", claims.name))
        }
        other => refuse!("unsupported token type: {:?}", other.claim_type().as_str()),
    }
}
