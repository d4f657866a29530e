//! `generate profile`: what a tool needs to know about `nsc://operator/account/user`; and `generate context` for the `nats` command line.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::Outcome;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::refuse;
use crate::workspace::{self, Workspace};

/// The document.
#[derive(Debug, Default, Serialize)]
pub struct Profile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_creds: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Details>,
}

/// Of an operator, account or user.
#[derive(Debug, Default, Serialize)]
pub struct Details {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    #[serde(rename = "id", skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Details {
    fn or_nothing(self) -> Option<Self> {
        let empty = self.service.is_empty()
            && self.name.is_none()
            && self.seed.is_none()
            && self.key.is_none();
        (!empty).then_some(self)
    }
}

/// `nsc://operator[/account[/user]][?what=is&wanted]`.
struct Address {
    path: Vec<String>,
    wants: BTreeMap<String, String>,
}

impl Address {
    fn parse(text: &str) -> Result<Self> {
        let is_nsc = text
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("nsc://"));
        let Some(rest) = text.get(6..).filter(|_| is_nsc) else {
            refuse!("invalid nsc url: expecting 'nsc://'");
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decoded)
            .collect();
        if path.is_empty() || path.len() > 3 {
            return Err(
                Error::refused("invalid nsc url: expecting an operator name")
                    .hint("nsc://operator/account/user"),
            );
        }
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (key.to_lowercase(), decoded(value))
            });
        Ok(Self {
            wants: pairs.collect(),
            path,
        })
    }

    /// Whether `what` (name, key, seed) is wanted of the level: for all, for this one, or because it is the last one.
    fn wants(&self, what: &str, level: usize) -> Option<&str> {
        let kind = ["operator", "account", "user"].get(level)?;
        let own = self.wants.get(&format!("{kind}{what}"));
        let last = if level + 1 == self.path.len() {
            self.wants.get(what)
        } else {
            None
        };
        let all = self.wants.get(&format!("{what}s"));
        own.or(last).or(all).map(String::as_str)
    }
}

fn decoded(text: &str) -> String {
    let query = format!("x={}", text.replace('+', "%2B"));
    let url = url::Url::parse("nsc://x").ok().map(|mut url| {
        url.set_query(Some(&query));
        url
    });
    let value = url.and_then(|url| {
        url.query_pairs()
            .next()
            .map(|(_, value)| value.into_owned())
    });
    value.unwrap_or_else(|| text.to_owned())
}

/// What is asked for at the address.
///
/// # Errors
/// When something of it is not there.
pub fn profile(workspace: &mut Workspace, address: &str) -> Result<Profile> {
    let address = Address::parse(address)?;
    if let Some(directory) = address.wants.get("store") {
        workspace.config.store_root = workspace.places.expanded(directory).display().to_string();
    }
    if let Some(directory) = address.wants.get("keystore") {
        workspace.places.keystore = workspace.places.expanded(directory);
        workspace.keystore = crate::keystore::Keystore::new(&workspace.places);
        workspace.files = Files::default();
    }
    let name = operator_name(workspace, &address.path[0])?;
    workspace.use_operator(&name)?;
    let operator = workspace.operator()?;
    let mut profile = Profile::default();
    let mut details = of_level(workspace, &address, 0, &operator.name, &operator.subject)?;
    details
        .service
        .clone_from(&operator.nats.operator_service_urls);
    profile.operator = details.or_nothing();
    let Some(account) = address.path.get(1) else {
        return Ok(profile);
    };
    let account = workspace.account_name(Some(account))?;
    let claims = workspace.account(&account)?;
    profile.account = of_level(workspace, &address, 1, &claims.name, &claims.subject)?.or_nothing();
    let Some(user) = address.path.get(2) else {
        return Ok(profile);
    };
    let user = user_name(workspace, &account, user)?;
    let claims = workspace.user(&account, &user)?;
    profile.user = of_level(workspace, &address, 2, &claims.name, &claims.subject)?.or_nothing();
    let store = workspace.store()?;
    let path = workspace
        .keystore
        .creds_path(store.name(), &account, &user)?;
    if !workspace.files.exists(&path) {
        return Err(
            Error::missing(format!("there is no credentials file {}", path.display()))
                .hint(format!("nsc generate creds -a {account} -n {user} -o FILE")),
        );
    }
    profile.user_creds = Some(path.display().to_string());
    Ok(profile)
}

/// By the name of the store, the name in the token, or the key.
fn operator_name(workspace: &mut Workspace, given: &str) -> Result<String> {
    let root = workspace.config.store_root();
    let names = crate::store::operators(&mut workspace.files, &root)?;
    if names.iter().any(|name| name == given) {
        return Ok(given.to_owned());
    }
    for name in names {
        let store = crate::store::Store::open(&mut workspace.files, &root.join(&name))?;
        if let Ok(claims) = store.operator(&mut workspace.files)
            && (claims.name == given || claims.subject == given)
        {
            return Ok(name);
        }
    }
    Err(Error::missing(format!("invalid operator {given:?}"))
        .hint("see which there are: nsc list operators"))
}

fn user_name(workspace: &mut Workspace, account: &str, given: &str) -> Result<String> {
    for name in workspace.users(account)? {
        if name == given
            || workspace
                .user(account, &name)
                .is_ok_and(|user| user.subject == given)
        {
            return Ok(name);
        }
    }
    Err(Error::missing(format!("invalid user {given:?}"))
        .hint(format!("see which there are: nsc list users -a {account}")))
}

fn of_level(
    workspace: &mut Workspace,
    address: &Address,
    level: usize,
    name: &str,
    key: &str,
) -> Result<Details> {
    let mut details = Details::default();
    if address.wants("name", level).is_some() {
        details.name = Some(name.to_owned());
    }
    if address.wants("key", level).is_some() {
        details.key = Some(key.to_owned());
    }
    if let Some(wanted) = address.wants("seed", level) {
        let wanted = if wanted.is_empty() {
            key.to_owned()
        } else {
            wanted.to_uppercase()
        };
        let public = workspace::public(&wanted)?;
        match workspace.keystore.seed(&mut workspace.files, &public)? {
            Some(seed) => details.seed = Some(seed.reveal().to_owned()),
            None => return Err(Error::no_key(format!("no seed was found for {wanted}"))),
        }
    }
    Ok(details)
}

/// `generate context`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Context {
    /// Name of the context
    #[arg(long, value_name = "NAME")]
    pub context: String,
    /// Name of the user, when there is more than one
    #[arg(short, long)]
    pub user: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Writes a context for the `nats` command line.
///
/// # Errors
/// When there is no such user.
pub fn context(workspace: &mut Workspace, request: &Context) -> Result<Outcome> {
    let account = workspace.account_name(request.account.as_deref())?;
    let user = workspace.user_name(&account, request.user.as_deref())?;
    let store = workspace.store()?;
    let creds = workspace
        .keystore
        .creds_path(store.name(), &account, &user)?;
    if !workspace.files.exists(&creds) && workspace.put_creds(&account, &user)?.is_none() {
        return Err(Error::missing(format!(
            "creds file {} does not exist, nor is the user's key here",
            creds.display()
        )));
    }
    let name = request.context.trim_end_matches(".json");
    let mut context = nats_client::context::Context::new(name);
    let urls = workspace.operator()?.nats.operator_service_urls;
    context.settings.url = urls.join(",");
    context.settings.creds = creds.display().to_string();
    context.settings.description =
        format!("{user} of account {account}, operator {}", store.name());
    let root = workspace
        .places
        .nats_config
        .parent()
        .unwrap_or(&workspace.places.nats_config)
        .to_owned();
    let contexts = nats_client::context::Store::at(root);
    let path = contexts
        .path_of(name)
        .map_err(|e| Error::refused(e.to_string()))?;
    context
        .validate()
        .map_err(|e| Error::refused(e.to_string()))?;
    let document = serde_json::to_vec_pretty(&context.settings).unwrap_or_default();
    workspace.files.write(&path, &document);
    let mut report = crate::report::Report::list();
    if urls.is_empty() {
        report.warn("the operator has no service url: the context means nats://localhost:4222");
    }
    report.ok(format!(
        "wrote nats cli context file to `{}`",
        workspace.places.shown(&path)
    ));
    Ok(report.into())
}
