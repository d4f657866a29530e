//! Which operator and account are meant from now on: `select`, `env`.

use serde_json::json;

use super::Outcome;
use crate::config::Here;
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::workspace::Workspace;
use nats_term::Table;

/// `select operator`.
///
/// # Errors
/// When there is none such.
pub fn operator(workspace: &mut Workspace, name: &str) -> Result<Outcome> {
    changeable(workspace)?;
    workspace.use_operator(name)?;
    workspace
        .config
        .save(&mut workspace.files, &workspace.places);
    let mut report = Report::list();
    report.ok(format!("selected operator {name:?}"));
    Ok(report.into())
}

/// `select account`.
///
/// # Errors
/// When there is none such.
pub fn account(workspace: &mut Workspace, name: &str) -> Result<Outcome> {
    changeable(workspace)?;
    let name = workspace.account_name(Some(name))?;
    workspace.config.account.clone_from(&name);
    workspace
        .config
        .save(&mut workspace.files, &workspace.places);
    let mut report = Report::list();
    report.ok(format!("selected account {name:?}"));
    Ok(report.into())
}

fn changeable(workspace: &Workspace) -> Result {
    if workspace.around().has("NSC_CWD_ONLY") {
        refuse!("$NSC_CWD_ONLY is set - change your cwd to change context");
    }
    Ok(())
}

/// `env`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Env {
    /// Set the directory of the stores
    #[arg(short, long, value_name = "DIR")]
    pub store: Option<String>,
    /// Set the operator
    #[arg(short, long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Set the account
    #[arg(short, long, value_name = "NAME")]
    pub account: Option<String>,
}

/// Sets what is given, and shows what holds.
///
/// # Errors
/// When there is no such directory, operator or account.
pub fn env(workspace: &mut Workspace, request: &Env) -> Result<Outcome> {
    if request.store.is_some() || request.operator.is_some() || request.account.is_some() {
        changeable(workspace)?;
    }
    if let Some(directory) = &request.store {
        let path = workspace.places.expanded(directory);
        if !path.is_dir() {
            return Err(Error::missing(format!(
                "{} is no directory",
                path.display()
            )));
        }
        workspace.config.store_root = path.display().to_string();
        workspace.config.operator.clear();
        workspace.config.account.clear();
        let mut config = workspace.config.clone();
        config.settle(&mut workspace.files);
        workspace.config = config;
    }
    if let Some(name) = &request.operator {
        workspace.use_operator(name)?;
    }
    if let Some(name) = &request.account {
        workspace.config.account = workspace.account_name(Some(name))?;
    }
    if request.store.is_some() || request.operator.is_some() || request.account.is_some() {
        workspace
            .config
            .save(&mut workspace.files, &workspace.places);
    }
    Ok(show(workspace))
}

fn show(workspace: &Workspace) -> Outcome {
    let around = workspace.around();
    let places = &workspace.places;
    let mut table = Table::ascii("NSC Environment").header(["Setting", "Set", "Effective Value"]);
    variables(workspace, &mut table);
    table.separator();
    let from_here = Here::find(around.directory()).is_some();
    let yes = |value: bool| if value { "Yes" } else { "No" };
    let config = &workspace.config;
    let root = workspace.config.store_root();
    for (label, value) in [
        ("From CWD", yes(from_here).to_owned()),
        ("Default Stores Dir", places.shown(&places.stores)),
        ("Current Store Dir", places.shown(&root)),
        ("Current Operator", config.operator.clone()),
        ("Current Account", config.account.clone()),
    ] {
        table.row([label.to_owned(), String::new(), value]);
    }
    let cas = around
        .get("NATS_CA")
        .map_or("Default: System Trust Store".to_owned(), |file| {
            format!("File: {file}")
        });
    table.row(["Root CAs to trust".to_owned(), String::new(), cas]);
    let document = json!({
        "store_root": config.store_root,
        "operator": config.operator,
        "account": config.account,
        "config_dir": places.config,
        "stores_dir": places.stores,
        "keystore_dir": places.keystore,
        "from_cwd": from_here,
    });
    Outcome::text(format!("{}\n", table.render())).with_json(document)
}

/// The variables that matter, and what they make of it.
fn variables(workspace: &Workspace, table: &mut Table) {
    let around = workspace.around();
    let places = &workspace.places;
    for (name, note, value) in [
        (
            "XDG_CONFIG_HOME",
            "",
            around.get("XDG_CONFIG_HOME").unwrap_or_default(),
        ),
        (
            "XDG_DATA_HOME",
            "",
            around.get("XDG_DATA_HOME").unwrap_or_default(),
        ),
        (
            "NSC_CWD_ONLY",
            "",
            "If set, default operator/account from cwd only",
        ),
        (
            "NSC_NO_GIT_IGNORE",
            "",
            "If set, no .gitignore files written",
        ),
        (
            "NKEYS_PATH",
            " (deprecated)",
            &places.shown(&places.keystore),
        ),
        ("NSC_HOME", " (deprecated)", &places.shown(&places.config)),
        (
            "NATS_CA",
            "",
            "If set, root CAs in the referenced file will be used for nats connections",
        ),
        ("", "", "If not set, will default to the system trust store"),
        (
            "NATS_KEY",
            "",
            "If set, the tls key in the referenced file will be used for nats connections",
        ),
        (
            "NATS_CERT",
            "",
            "If set, the tls cert in the referenced file will be used for nats connections",
        ),
    ] {
        let set = match around.has(name) {
            _ if name.is_empty() => "",
            true => "Yes",
            false => "No",
        };
        let mark = if name.is_empty() { "" } else { "$" };
        table.row([
            format!("{mark}{name}{note}"),
            set.to_owned(),
            value.to_owned(),
        ]);
    }
}
