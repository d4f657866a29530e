//! Everything for a start in one step: an operator with a system account, an account, a user and credentials.

use super::Outcome;
use super::operator::{self, add_system_account, identity, report_system};
use super::{account, user};
use crate::error::{Error, Result};
use crate::name;
use crate::report::Report;
use crate::store::{self, Store};
use crate::workspace::Workspace;

use nats_jwt::claims::OperatorClaims;

/// `init`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Init {
    /// Name of operator, account and user; one is made up when not given
    #[arg(short, long)]
    pub name: Option<String>,
    /// Directory of the store, when it is not the usual one
    #[arg(short, long)]
    pub dir: Option<String>,
    /// Where accounts are pushed to: nats://, tls://, ws:// or wss://; with http:// or https://, where the operator to work for is
    #[arg(short, long, conflicts_with = "remote_operator", value_name = "URL")]
    pub url: Option<String>,
    /// Work for this operator instead: a file, a URL, or the name of a known operator
    #[arg(short = 'o', long, value_name = "URL")]
    pub remote_operator: Option<String>,
}

/// Makes it all. For a remote operator the caller has fetched its token.
///
/// # Errors
/// When there are things of these names already.
pub fn init(workspace: &mut Workspace, request: &Init, remote: Option<&[u8]>) -> Result<Outcome> {
    let name = name::or_random(request.name.as_deref().unwrap_or("*"));
    name::checked("operator", &name)?;
    if let Some(directory) = &request.dir {
        workspace.config.store_root = workspace.places.expanded(directory).display().to_string();
    }
    let mut report = Report::counted();
    let root = workspace.config.store_root();
    match remote {
        Some(content) => {
            let request = operator::Add {
                url: request.remote_operator.clone(),
                force: true,
                ..operator::Add::default()
            };
            operator::add(workspace, &request, Some(content))?;
            report.ok(format!(
                "add managed operator {}",
                workspace.config.operator
            ));
        }
        None => {
            if store::operators(&mut workspace.files, &root)?.contains(&name) {
                return Err(
                    Error::exists(format!("an operator named {name:?} already exists")).hint(
                        "choose another name: --name, or add accounts to it: nsc add account",
                    ),
                );
            }
            own_operator(workspace, &name, request.url.as_deref(), &mut report)?;
        }
    }
    let store = workspace.store()?;
    if store.has_account(&workspace.files, &name) {
        return Err(Error::exists(format!(
            "an account named {name:?} already exists"
        )));
    }
    let request = account::Add {
        name: Some(name.clone()),
        ..account::Add::default()
    };
    account::add(workspace, &request)?;
    report.ok(format!("created account {name}"));
    let request = user::Add {
        name: Some(name.clone()),
        account: Some(name.clone()),
        ..user::Add::default()
    };
    user::add(workspace, &request)?;
    report.ok(format!("created user {name:?}"));
    report.ok(format!(
        "project jwt files created in `{}`",
        workspace.places.shown(&root)
    ));
    let creds = workspace.keystore.creds_path(store.name(), &name, &name)?;
    report.ok(format!(
        "user creds file stored in `{}`",
        workspace.places.shown(&creds)
    ));
    if remote.is_none() {
        report.ok("to run a local server using this configuration, enter:\n  \
             nsc generate config --mem-resolver --config-file <path/server.conf>\n\
             then start a nats-server using the generated config:\n  \
             nats-server -c <path/server.conf>");
    }
    Ok(report.into())
}

fn own_operator(
    workspace: &mut Workspace,
    name: &str,
    url: Option<&str>,
    report: &mut Report,
) -> Result {
    let root = workspace.config.store_root();
    let store = Store::create(&mut workspace.files, &root, name, false)?;
    let signer = identity(workspace)?;
    workspace.use_store(store);
    let mut claims = OperatorClaims::new(signer.text());
    claims.name = name.to_owned();
    claims
        .nats
        .operator_service_urls
        .push("nats://localhost:4222".to_owned());
    if let Some(url) = url {
        nats_jwt::validate::account_server_url(url).map_err(Error::refused)?;
        claims.nats.account_server_url = url.to_owned();
    }
    workspace.put_operator(&claims, &signer)?;
    let system = add_system_account(workspace, &signer, None)?;
    claims.nats.system_account.clone_from(&system.account);
    workspace.put_operator(&claims, &signer)?;
    report.ok(format!("created operator {name}"));
    report_system(workspace, &system, report);
    Ok(())
}
