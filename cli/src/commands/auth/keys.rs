//! `nats auth account keys`: scoped signing keys.

use nats_nsc::ops::request::{PermissionChanges, UserLimits};
use nats_nsc::ops::{describe, signing_key};

use super::Session;
use super::session::confirmed;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::Table;
use crate::parse;

#[derive(Debug, clap::Subcommand)]
pub enum Keys {
    /// Make a signing key with a role
    #[command(aliases = ["new", "a", "n"], after_help = "Example:\n  nats auth account keys add ORDERS till --pub-allow 'orders.{{name()}}'")]
    Add(Add),
    /// Show a signing key
    #[command(visible_alias = "i", aliases = ["show", "view"], after_help = "Example:\n  nats auth account keys info ORDERS till")]
    Info(Info),
    /// List signing keys
    #[command(
        name = "ls",
        alias = "list",
        after_help = "Example:\n  nats auth account keys ls ORDERS"
    )]
    List(List),
    /// Remove a signing key
    #[command(
        name = "rm",
        after_help = "Example:\n  nats auth account keys rm ORDERS --key till"
    )]
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// The account
    account: String,
    /// Name of the role
    role: String,
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
    /// Kinds of connections: nats, ws, leaf, wsleaf, mqtt
    #[arg(long, value_parser = ["nats", "ws", "leaf", "wsleaf", "mqtt"], value_name = "KIND")]
    connection: Vec<String>,
    /// Allow publishing on subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub_allow: Vec<String>,
    /// Deny publishing on subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub_deny: Vec<String>,
    /// Allow subscribing to subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    sub_allow: Vec<String>,
    /// Deny subscribing to subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    sub_deny: Vec<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    /// The account
    account: String,
    /// Role or public key
    key: String,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// Role or public key
    #[arg(long)]
    key: String,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Do not ask, and leave users as they are that the key signed; servers will refuse them
    #[arg(short, long)]
    force: bool,
}

pub fn run(globals: &Globals, command: Keys) -> Result {
    match command {
        Keys::Add(args) => add(&args),
        Keys::Info(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(Some(&args.account))?;
            let claims = session.work.account(&account)?;
            let keys = &claims.nats.signing_keys;
            let scope = keys.role(&args.key).or_else(|| keys.scope(&args.key));
            match scope {
                Some(scope) => out!("{}", describe::scoped(scope)),
                None if keys.contains(&args.key) => {
                    outln!("{} is a signing key without a role", args.key)
                }
                None => Err(CliError::new(format!(
                    "account {account} has no signing key {:?}",
                    args.key
                ))
                .next_step(format!(
                    "see which there are: nats auth account keys ls {account}"
                ))),
            }
        }
        Keys::List(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(args.account.as_deref())?;
            let claims = session.work.account(&account)?;
            if claims.nats.signing_keys.is_empty() {
                return outln!("No Signing Keys defined");
            }
            let mut table = Table::new(
                format!("Signing Keys of account {account}"),
                globals.scheme(),
            )
            .header(["Role", "Key", "Scoped", "Users"]);
            for (key, scope) in claims.nats.signing_keys.iter() {
                let users = signing_key::issued(&mut session.work, &account, key)?.len();
                let role = scope.map(|scope| scope.role.clone()).unwrap_or_default();
                table.row([
                    role,
                    key.to_owned(),
                    scope.is_some().to_string(),
                    users.to_string(),
                ]);
            }
            out!("{}", table.render())
        }
        Keys::Remove(args) => {
            let mut session = Session::with_operator(args.operator.as_deref())?;
            let account = session.account(args.account.as_deref())?;
            if !confirmed(
                args.force,
                &format!("Really remove the signing key {}", args.key),
            )? {
                return Ok(());
            }
            let request = signing_key::Delete {
                key: args.key.clone(),
                keep_users: args.force,
                account: Some(account),
                ..signing_key::Delete::default()
            };
            signing_key::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Removed signing key {}", args.key)
        }
    }
}

fn add(args: &Add) -> Result {
    let mut session = Session::with_operator(args.operator.as_deref())?;
    let account = session.account(Some(&args.account))?;
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
        role: Some(args.role.clone()),
        description: args.description.clone(),
        account: Some(account.clone()),
        limits: UserLimits {
            subs: args.subscriptions,
            payload: args.payload,
            bearer: args.bearer.then_some(true),
            locale: args.locale.clone(),
            conn_type: kinds.collect(),
            permissions: PermissionChanges {
                allow_pub: args.pub_allow.clone(),
                allow_sub: args.sub_allow.clone(),
                deny_pub: args.pub_deny.clone(),
                deny_sub: args.sub_deny.clone(),
                ..PermissionChanges::default()
            },
            ..UserLimits::default()
        },
        ..signing_key::Edit::default()
    };
    signing_key::add(&mut session.work, &request)?;
    session.commit()?;
    let claims = session.work.account(&account)?;
    match claims.nats.signing_keys.role(&args.role) {
        Some(scope) => out!("{}", describe::scoped(scope)),
        None => Ok(()),
    }
}
