//! A server that trusts an operator and keeps the accounts that are pushed to it.

use std::path::Path;

use nats_nsc::ops::list;

use super::Rendered;
use super::form::{Form, Question, quoted};
use super::parts::{self, Listen};
use super::target::File;
use crate::commands::auth::Session;
use crate::error::{CliError, Result};
use nats_term::prompt::{Prompt as _, Terminal};

/// What a server has to know of an operator. Tokens are no secrets: servers show them to who asks.
pub struct Trusted {
    pub operator: String,
    pub operator_token: String,
    pub system_account: String,
    pub system_name: String,
    pub system_token: String,
}

impl Trusted {
    /// The named operator, else the selected one, else the only one, else the one that the user picks.
    pub fn of(name: Option<&str>) -> Result<Self> {
        let mut session = Session::open()?;
        let names: Vec<String> = list::operators(&mut session.work)?
            .into_iter()
            .map(|one| one.name)
            .collect();
        if names.is_empty() {
            return Err(CliError::new("no operator found")
                .next_step("make one: nats auth operator add NAME"));
        }
        session.use_operator(name)?;
        if session.work.store().is_err() {
            let only = match names.as_slice() {
                [only] => only.clone(),
                _ => {
                    let at = Terminal.select("Select an Operator", &names, "--operator NAME")?;
                    names.get(at).cloned().unwrap_or_default()
                }
            };
            session.use_operator(Some(&only))?;
        }
        let work = &mut session.work;
        let store = work.store()?;
        let operator = work.operator()?;
        let system = operator.nats.system_account.clone();
        let name = store.account_of_key(&mut work.files, &system)?;
        let Some(system_name) = name.filter(|_| !system.is_empty()) else {
            return Err(CliError::new(format!(
                "operator {} has no system account in this store, and a server that keeps accounts needs one",
                operator.name
            ))
            .next_step("choose one: nsc edit operator --system-account NAME"));
        };
        Ok(Self {
            operator_token: store.operator_token(&mut work.files)?,
            system_token: store.account_token(&mut work.files, &system_name)?,
            operator: operator.name,
            system_account: system,
            system_name,
        })
    }
}

/// How the server keeps accounts.
pub struct Resolver {
    pub allow_delete: bool,
    pub limit: u32,
}

impl Resolver {
    pub fn ask(form: &mut Form<'_>) -> Result<Self> {
        Ok(Self {
            allow_delete: form.yes(
                "resolver.allow_delete",
                "May accounts be deleted from the server?",
                true,
            )?,
            limit: form.number(
                &Question {
                    name: "resolver.limit",
                    text: "How many accounts the server keeps at most",
                    default: "1000",
                },
                1,
                i32::MAX as u32,
            )?,
        })
    }
}

pub fn render(form: &mut Form<'_>, operator: Option<&str>, target: &Path) -> Result<Rendered> {
    let trusted = Trusted::of(operator)?;
    let name = parts::server_name(form)?;
    let listen = Listen::ask(form, "8222")?;
    let jetstream = parts::jetstream(form)?;
    let folder = form.text(&Question {
        name: "resolver.dir",
        text: "Directory of the accounts' tokens",
        default: "/var/lib/nats/resolver",
    })?;
    let resolver = Resolver::ask(form)?;
    let config = format!(
        "# A server of the operator {operator}\n\n\
         server_name: {name}\n\n\
         {listen}\n\
         # Operator {operator}\n\
         operator: {operator_token}\n\n\
         # System account {system_name}\n\
         system_account: {system_account}\n\
         {jetstream}\n\
         # Accounts that are pushed are kept here, and compared with what other servers have\n\
         resolver {{\n  \
           type: full\n  \
           dir: {folder}\n  \
           allow_delete: {allow_delete}\n  \
           interval: \"2m\"\n  \
           limit: {limit}\n\
         }}\n\n\
         # So that accounts can be pushed to a new server\n\
         resolver_preload {{\n  {system_account}: {system_token}\n}}\n",
        operator = trusted.operator,
        name = quoted(&name),
        listen = listen.config(),
        operator_token = trusted.operator_token,
        system_name = trusted.system_name,
        system_account = trusted.system_account,
        system_token = trusted.system_token,
        folder = quoted(&folder),
        allow_delete = resolver.allow_delete,
        limit = resolver.limit,
    );
    let file = target.join("server.conf");
    let afterwards = format!(
        "Start the server, and push accounts to it as a user of {system}:\n\n  \
         nats-server -c {}\n  \
         nats auth user credential system.creds USER {system}\n  \
         nats auth account push ACCOUNT --server {} --creds system.creds\n",
        file.display(),
        listen.url(),
        system = trusted.system_name,
    );
    Ok(Rendered {
        files: vec![File::open("server.conf", parts::checked(config)?)],
        afterwards,
    })
}
