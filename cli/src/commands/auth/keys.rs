//! `nats auth account keys`: scoped signing keys.

use nats_jwt::claims::{Permission, Permissions};
use nats_nsc::ops::request::UserLimits;
use nats_nsc::ops::signing_key;

use super::session::{Form, ListForm, ListOf, Listed, Of, OfAccount, PermissionFlags};
use super::session::{confirmed, document, given};
use super::view;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::{output, parse};

#[derive(Debug, clap::Subcommand)]
pub enum Keys {
    /// Make a signing key with a role
    #[command(
        after_help = "Example:\n  nats auth account keys add ORDERS cashier --pub-allow 'orders.{{name()}}'"
    )]
    Add(Add),
    /// Show a signing key
    #[command(after_help = "Example:\n  nats auth account keys info ORDERS cashier")]
    Info(Info),
    /// List signing keys
    #[command(after_help = "Example:\n  nats auth account keys ls ORDERS")]
    Ls(ListOf),
    /// Remove a signing key
    #[command(after_help = "Example:\n  nats auth account keys rm ORDERS --key cashier --force")]
    Rm(Remove),
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// Name of the role
    role: Option<String>,
    /// What the role is for
    #[arg(long)]
    description: Option<String>,
    /// Most subscriptions; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    subscriptions: Option<i64>,
    /// Largest message
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    payload: Option<i64>,
    /// The token alone is enough, nothing has to be signed
    #[arg(long)]
    bearer: bool,
    /// Time zone of times
    #[arg(long, value_name = "ZONE")]
    locale: Option<String>,
    /// Kinds of connections
    #[arg(long, value_parser = ["nats", "ws", "leaf", "wsleaf", "mqtt"], value_name = "KIND")]
    connection: Vec<String>,
    #[command(flatten)]
    permissions: PermissionFlags,
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// Role or public key
    key: Option<String>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    #[command(flatten)]
    at: OfAccount,
    /// Role or public key
    #[arg(long)]
    key: Option<String>,
    /// Do not ask, and leave users as they are that the key signed; servers will refuse them
    #[arg(short, long)]
    force: bool,
}

pub fn run(globals: &Globals, command: Keys) -> Result {
    match command {
        Keys::Add(args) => add(globals, args),
        Keys::Info(args) => info(globals, args),
        Keys::Ls(args) => list(globals, &args),
        Keys::Rm(args) => {
            let (mut session, account) = args.at.open()?;
            let key = given(args.key, "Role or public key", "--key")?;
            if !confirmed(args.force, &format!("Really remove the signing key {key}"))? {
                return Ok(());
            }
            let request = signing_key::Delete {
                key: key.clone(),
                keep_users: args.force,
                account: Some(account),
                ..signing_key::Delete::default()
            };
            signing_key::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Removed signing key {key}")
        }
    }
}

fn info(globals: &Globals, args: Info) -> Result {
    let mut session = args.of.open()?;
    let account = session.account(args.account.as_deref())?;
    let keys = session.work.account(&account)?.nats.signing_keys;
    let mut all = keys.iter().map(|(key, _)| key);
    let key = match (args.key, all.next(), all.next()) {
        (None, Some(only), None) => only.to_owned(),
        (key, ..) => given(key, "Role or public key", "KEY")?,
    };
    match keys.role(&key).or_else(|| keys.scope(&key)) {
        Some(scope) if args.form.json => {
            let all = document(&keys);
            let mut all = all.as_array().into_iter().flatten();
            output::json(&all.find(|one| one["key"] == scope.key))
        }
        Some(scope) => out!("{}", view::role(globals, scope)),
        None if keys.contains(&key) && args.form.json => {
            output::json(&serde_json::json!({"key": key}))
        }
        None if keys.contains(&key) => outln!("{key} is a signing key without a role"),
        None => Err(
            CliError::new(format!("account {account} has no signing key {key:?}")).next_step(
                format!("see which there are: nats auth account keys ls {account}"),
            ),
        ),
    }
}

fn list(globals: &Globals, args: &ListOf) -> Result {
    let (mut session, account) = args.at.open()?;
    let keys = session.work.account(&account)?.nats.signing_keys;
    let mut rows = Vec::new();
    for (key, scope) in keys.iter() {
        let users = signing_key::issued(&mut session.work, &account, key)?.len();
        let template = scope.map(|scope| &scope.template);
        let perms = |of: fn(&Permissions) -> &Permission| {
            let all = template.map(|template| of(&template.permissions));
            all.map_or(0, |one| one.allow.len() + one.deny.len())
        };
        rows.push(vec![
            scope.map(|scope| scope.role.clone()).unwrap_or_default(),
            key.to_owned(),
            scope
                .map(|scope| scope.description.clone())
                .unwrap_or_default(),
            template
                .map_or(-1, |template| template.limits.subs)
                .to_string(),
            perms(|all| &all.publish).to_string(),
            perms(|all| &all.subscribe).to_string(),
            users.to_string(),
        ]);
    }
    let listed = Listed {
        title: "Scoped Signing Keys".to_owned(),
        none: "No Scoped Signing Keys or Roles defined",
        header: &[
            "Role",
            "Key",
            "Description",
            "Max Subscriptions",
            "Pub Perms",
            "Sub Perms",
            "Users",
        ],
        rows,
        document: document(&keys),
    };
    let form = args.form;
    listed.print(globals, ListForm { names: false, form })
}

fn add(globals: &Globals, args: Add) -> Result {
    let mut session = args.of.open()?;
    let account = session.account(args.account.as_deref())?;
    let role = given(args.role, "Role Name", "ROLE")?;
    let kinds = args.connection.iter().map(|kind| {
        match kind.as_str() {
            "ws" => "WEBSOCKET",
            "leaf" => "LEAFNODE",
            "wsleaf" => "LEAFNODE_WS",
            "mqtt" => "MQTT",
            _ => "STANDARD",
        }
        .to_owned()
    });
    let request = signing_key::Edit {
        role: Some(role.clone()),
        description: args.description,
        account: Some(account.clone()),
        limits: UserLimits {
            subs: args.subscriptions,
            payload: args.payload,
            bearer: args.bearer.then_some(true),
            locale: args.locale,
            conn_type: kinds.collect(),
            permissions: args.permissions.changes(),
            ..UserLimits::default()
        },
        ..signing_key::Edit::default()
    };
    signing_key::add(&mut session.work, &request)?;
    session.commit()?;
    let claims = session.work.account(&account)?;
    match claims.nats.signing_keys.role(&role) {
        Some(scope) => out!("{}", view::role(globals, scope)),
        None => Ok(()),
    }
}
