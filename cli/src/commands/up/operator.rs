//! What a server in operator mode needs: an operator, its system account, an account with JetStream and a user, in the stores of `nsc`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use nats_nsc::ops::{account, operator, user};
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::store;
use nats_nsc::workspace::Workspace;

use crate::error::{CliError, Result};

/// The account that applications use, and its user.
const APPLICATIONS: (&str, &str) = ("APP", "app");
/// The system account, and its user.
const SYSTEM: (&str, &str) = ("SYS", "sys");

/// What there is now.
pub struct Trusted {
    /// The part of the configuration that makes a server trust the operator.
    pub config: String,
    /// Credentials of the applications' user.
    pub user: PathBuf,
    /// Credentials of the system account's user.
    pub system: PathBuf,
}

fn open() -> Result<Workspace> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Ok(Workspace::open(
        &Directories::default(),
        Surroundings::of_process(),
        now,
    )?)
}

/// Makes what is missing of the operator `name`. The server keeps accounts that are pushed to it in `resolver`.
pub fn trusted(name: &str, resolver: &Path) -> Result<Trusted> {
    let mut work = open()?;
    let before = work.config.clone();
    let root = work.config.store_root();
    if store::operators(&mut work.files, &root)?
        .iter()
        .any(|there| there == name)
    {
        work.use_operator(name)?;
    } else {
        make(&mut work, name)?;
        // Whoever works with another operator goes on with that one.
        if !before.operator.is_empty() {
            before.save(&mut work.files, &work.places);
        }
        work.commit()?;
    }
    let store = work.store()?;
    let mut accounts = Vec::new();
    for account in work.accounts()? {
        let token = store.account_token(&mut work.files, &account)?;
        accounts.push(format!("  {}: {token}", work.account(&account)?.subject));
    }
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: {{ type: full, dir: {:?}, allow_delete: true }}\nresolver_preload: {{\n{}\n}}\n",
        store.operator_token(&mut work.files)?,
        work.operator()?.nats.system_account,
        resolver.display().to_string(),
        accounts.join("\n")
    );
    let creds = |who: (&str, &str)| -> Result<PathBuf> {
        let path = work.keystore.creds_path(name, who.0, who.1)?;
        if path.is_file() {
            return Ok(path);
        }
        Err(CliError::new(format!(
            "operator {name:?} is there, but not the credentials {}",
            path.display()
        ))
        .next_step("choose another name for the operator: --context-name"))
    };
    Ok(Trusted {
        user: creds(APPLICATIONS)?,
        system: creds(SYSTEM)?,
        config,
    })
}

fn make(work: &mut Workspace, name: &str) -> Result {
    let request = operator::Add {
        name: Some(name.to_owned()),
        sys: true,
        ..operator::Add::default()
    };
    operator::add(work, &request, None)?;
    let request = account::Add {
        name: Some(APPLICATIONS.0.to_owned()),
        ..account::Add::default()
    };
    account::add(work, &request)?;
    let mut request = account::Edit {
        name: Some(APPLICATIONS.0.to_owned()),
        ..account::Edit::default()
    };
    request.jetstream.js_enable = Some(0);
    account::edit(work, &request)?;
    let request = user::Add {
        name: Some(APPLICATIONS.1.to_owned()),
        account: Some(APPLICATIONS.0.to_owned()),
        ..user::Add::default()
    };
    user::add(work, &request)?;
    Ok(())
}

/// Tells the operator where its servers are, for `nsc push` and `nsc tool`.
pub fn tell_url(name: &str, url: &str) -> Result {
    let mut work = open()?;
    work.use_operator(name)?;
    let there = work.operator()?.nats;
    if there.account_server_url == url && there.operator_service_urls == [url] {
        return Ok(());
    }
    let request = operator::Edit {
        account_jwt_server_url: Some(url.to_owned()),
        service_url: vec![url.to_owned()],
        rm_service_url: there
            .operator_service_urls
            .into_iter()
            .filter(|other| other != url)
            .collect(),
        ..operator::Edit::default()
    };
    operator::edit(&mut work, &request)?;
    Ok(work.commit()?)
}
