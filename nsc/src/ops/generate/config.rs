//! `generate config`: the part of a server's configuration that makes it trust the operator.

use crate::error::{Error, Result};
use crate::refuse;
use crate::workspace::Workspace;

/// `generate config`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Config {
    /// Accounts stand in the configuration
    #[arg(long)]
    pub mem_resolver: bool,
    /// The server keeps accounts that are pushed to it
    #[arg(long, conflicts_with = "mem_resolver")]
    pub nats_resolver: bool,
    /// The server caches accounts that other servers keep
    #[arg(long, conflicts_with_all = ["mem_resolver", "nats_resolver"])]
    pub nats_resolver_cache: bool,
    /// Where to write; -- is standard output
    #[arg(long, default_value = "--", value_name = "FILE")]
    pub config_file: String,
    /// Replace the file
    #[arg(short = 'F', long)]
    pub force: bool,
    /// Name of the system account, when the operator names none
    #[arg(long, value_name = "NAME")]
    pub sys_account: Option<String>,
    /// Directory in which the server keeps accounts
    #[arg(long, default_value = "./jwt", value_name = "DIR")]
    pub resolver_dir: String,
    /// Let accounts be deleted by nsc push --prune and --account-removal
    #[arg(long)]
    pub allow_delete: bool,
}

/// The text of the configuration.
///
/// # Errors
/// When no kind is named, or the system account is not known.
pub fn config(workspace: &mut Workspace, request: &Config) -> Result<String> {
    if request.mem_resolver {
        return in_memory(workspace, request);
    }
    if request.nats_resolver || request.nats_resolver_cache {
        return resolver(workspace, request);
    }
    Err(
        Error::refused("the type of the server configuration was not specified")
            .hint("use one of --mem-resolver, --nats-resolver, --nats-resolver-cache"),
    )
}

/// Name and key of the system account, if there is one.
fn system_account(workspace: &mut Workspace, request: &Config) -> Result<Option<(String, String)>> {
    if let Some(name) = &request.sys_account {
        let name = workspace.account_name(Some(name))?;
        let key = workspace.account(&name)?.subject;
        return Ok(Some((name, key)));
    }
    let key = workspace.operator()?.nats.system_account;
    if key.is_empty() {
        return Ok(None);
    }
    let store = workspace.store()?;
    match store.account_of_key(&mut workspace.files, &key)? {
        Some(name) => Ok(Some((name, key))),
        None => refuse!("the operator's system account {key} is not in the store"),
    }
}

fn in_memory(workspace: &mut Workspace, request: &Config) -> Result<String> {
    let store = workspace.store()?;
    let token = store.operator_token(&mut workspace.files)?;
    let mut text = format!(
        "// Operator {:?}\noperator: {token}\n\n",
        workspace.operator()?.name
    );
    let system = system_account(workspace, request)?;
    if let Some((_, key)) = &system {
        text.push_str(&format!("system_account: {key}\n\n"));
    }
    text.push_str("resolver: MEMORY\n\nresolver_preload: {\n");
    let mut names = workspace.accounts()?;
    // The system account first, as people look for it there.
    names.sort_by_key(|name| system.as_ref().is_none_or(|(system, _)| system != name));
    for name in names {
        let account = workspace.account(&name)?;
        let token = store.account_token(&mut workspace.files, &name)?;
        text.push_str(&format!(
            "  // Account {name:?}\n  {}: {token}\n\n",
            account.subject
        ));
    }
    text.push_str("}\n");
    Ok(text)
}

fn resolver(workspace: &mut Workspace, request: &Config) -> Result<String> {
    let store = workspace.store()?;
    let token = store.operator_token(&mut workspace.files)?;
    let Some((name, key)) = system_account(workspace, request)? else {
        return Err(Error::refused(
            "nats-resolver needs a system account and the operator names none",
        )
        .hint("set it: nsc edit operator --system-account NAME; or name it: --sys-account NAME"));
    };
    let preload = store.account_token(&mut workspace.files, &name)?;
    let operator = workspace.operator()?.name;
    let directory = request.resolver_dir.replace('\'', "");
    let body = if request.nats_resolver {
        format!(
            "    type: full\n    \
             # where the server keeps the accounts\n    \
             dir: '{directory}'\n    \
             # with true, accounts can be deleted (nsc push --prune); the file is renamed to *.delete and can be restored\n    \
             allow_delete: {}\n    \
             # how often the server compares its accounts with those of another one\n    \
             interval: \"2m\"\n    \
             # how long it looks for an account that it does not have\n    \
             timeout: \"1.9s\"\n",
            request.allow_delete
        )
    } else {
        format!(
            "    type: cache\n    \
             # where the server keeps the accounts that it looked up\n    \
             dir: '{directory}'\n    \
             # for how long\n    \
             ttl: \"1h\"\n    \
             # how long it looks for an account that it does not have\n    \
             timeout: \"1.9s\"\n"
        )
    };
    Ok(format!(
        "# Operator named {operator}\n\
         operator: {token}\n\
         # System Account named {name}\n\
         system_account: {key}\n\
         \n\
         resolver {{\n{body}}}\n\
         \n\
         # The system account, so that the server can be talked to from the start. All others are pushed:\n\
         #   nsc edit operator --account-jwt-server-url nats://localhost:4222\n\
         #   nsc push --all\n\
         # A later token of the system account takes precedence over this one.\n\
         resolver_preload: {{\n  {key}: {preload},\n}}\n"
    ))
}
