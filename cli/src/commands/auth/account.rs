//! `nats auth account`.

use std::path::PathBuf;
use std::time::Duration;

use nats_client::RequestManyOptions;
use nats_jwt::claims::{AccountClaims, AnyClaims, ExportType, JetStreamLimits};
use nats_nsc::ops::account::{self, JetStream, Limits};
use nats_nsc::ops::request::{TagChanges, Times};
use serde_json::Value;

use super::session::{Form, ListForm, Listed, Of, OfAccount};
use super::session::{confirmed, document, given, print_claims};
use super::{Session, keys, mappings, share};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{Columns, format};
use crate::parse;

#[derive(Debug, clap::Subcommand)]
pub enum Account {
    /// Add an account
    #[command(after_help = "Example:\n  nats auth account add STOCK --connections 100 --jetstream")]
    Add(Add),
    /// Show an account
    #[command(after_help = "Example:\n  nats auth account info ORDERS")]
    Info(Info),
    /// Edit an account: only what is mentioned
    #[command(after_help = "Example:\n  nats auth account edit ORDERS --payload 1MB")]
    Edit(Edit),
    /// List the accounts
    #[command(after_help = "Example:\n  nats auth account ls")]
    Ls(List),
    /// Remove an account and its users
    #[command(after_help = "Example:\n  nats auth account rm ORDERS --force")]
    Rm(Remove),
    /// Hand an account to the servers
    #[command(after_help = "Example:\n  nats auth account push ORDERS --context system")]
    Push(Push),
    /// Ask the servers for an account
    #[command(
        alias = "pull",
        after_help = "Example:\n  nats auth account query ORDERS ORDERS.jwt --context system"
    )]
    Query(Query),
    /// Manage imports
    #[command(subcommand, visible_alias = "imp", aliases = ["import"])]
    Imports(share::Imports),
    /// Manage exports
    #[command(subcommand, visible_alias = "exp", aliases = ["e", "export"])]
    Exports(share::Exports),
    /// Manage scoped signing keys
    #[command(subcommand, visible_alias = "sk", alias = "s")]
    Keys(keys::Keys),
    /// Manage mappings
    #[command(subcommand, visible_alias = "mapping", aliases = ["m", "map"])]
    Mappings(mappings::Mappings),
}

switches! {
    /// What accounts may and have.
    Switches {
        /// Users may have bearer tokens
        bearer: "bearer",
        /// The account has JetStream
        jetstream: "jetstream",
    }
}

/// Limits of an account.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitFlags {
    #[command(flatten)]
    switches: Switches,
    /// Most connections; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    connections: Option<i64>,
    /// How long the account is valid
    #[arg(long, value_parser = parse::duration, value_name = "DURATION")]
    expiry: Option<Duration>,
    /// Most exports; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    exports: Option<i64>,
    /// Most imports; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    imports: Option<i64>,
    /// Most consumers; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    js_consumers: Option<i64>,
    /// Bytes in files
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    js_disk: Option<i64>,
    /// Largest stream in files
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    js_disk_stream: Option<i64>,
    /// Most unacknowledged messages of a consumer
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    js_max_pending: Option<i64>,
    /// Bytes in memory
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    js_memory: Option<i64>,
    /// Largest stream in memory
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    js_memory_stream: Option<i64>,
    /// Streams must say how large they may become
    #[arg(long)]
    js_stream_size_required: bool,
    /// Most streams; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    js_streams: Option<i64>,
    /// In which account the cluster's traffic for JetStream goes
    #[arg(long, value_parser = ["owner", "system"], value_name = "WHOSE")]
    js_cluster_traffic: Option<String>,
    /// Most connections of leaf nodes; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    leafnodes: Option<i64>,
    /// Largest message
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    payload: Option<i64>,
    /// Most subscriptions of a connection; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    subscriptions: Option<i64>,
    /// Add tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tags: Vec<String>,
}

impl LimitFlags {
    /// As a request to change an account.
    fn edit(&self, name: &str, now: i64) -> account::Edit {
        let expiry = self.expiry.map(|expiry| {
            let seconds = i64::try_from(expiry.as_secs()).unwrap_or(i64::MAX);
            nats_nsc::text::date(now.saturating_add(seconds))
        });
        let mut jetstream = JetStream {
            js_mem_storage: self.js_memory,
            js_disk_storage: self.js_disk,
            js_streams: self.js_streams,
            js_consumer: self.js_consumers,
            js_max_mem_stream: self.js_memory_stream,
            js_max_disk_stream: self.js_disk_stream,
            js_max_bytes_required: self.js_stream_size_required.then_some(true),
            js_max_ack_pending: self.js_max_pending,
            ..JetStream::default()
        };
        match self.switches.jetstream {
            Some(false) => jetstream.js_disable = true,
            Some(true) if jetstream == JetStream::default() => jetstream.js_enable = Some(0),
            _ => {}
        }
        account::Edit {
            name: Some(name.to_owned()),
            tags: TagChanges {
                tag: self.tags.clone(),
                rm_tag: Vec::new(),
            },
            times: Times {
                start: None,
                expiry,
            },
            limits: Limits {
                conns: self.connections,
                leaf_conns: self.leafnodes,
                exports: self.exports,
                imports: self.imports,
                payload: self.payload,
                subscriptions: self.subscriptions,
                disallow_bearer: self.switches.bearer.map(|allowed| !allowed),
                ..Limits::default()
            },
            jetstream,
            host_cluster_traffic: self
                .js_cluster_traffic
                .as_ref()
                .map(|whose| whose == "owner"),
            ..account::Edit::default()
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// Name of the account
    account: Option<String>,
    #[command(flatten)]
    limits: LimitFlags,
    #[command(flatten)]
    of: Of,
    /// Key of the operator to sign with
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Ask nothing
    #[arg(long)]
    defaults: bool,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct Edit {
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    limits: LimitFlags,
    /// Remove tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    no_tags: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct List {
    /// The operator, when it is not the selected one
    operator: Option<String>,
    #[command(flatten)]
    form: ListForm,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The account
    name: String,
    #[command(flatten)]
    of: Of,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub struct Push {
    #[command(flatten)]
    at: OfAccount,
    /// Show the account as well
    #[arg(long)]
    show: bool,
}

#[derive(Debug, clap::Args)]
pub struct Query {
    /// The account: name or public key
    account: String,
    /// Write the token to a file
    output: Option<PathBuf>,
    #[command(flatten)]
    of: Of,
}

pub async fn run(globals: &Globals, command: Account) -> Result {
    match command {
        Account::Add(args) => add(globals, args),
        Account::Info(args) => {
            let (mut session, name) = args.at.open()?;
            let claims = session.work.account(&name)?;
            if args.form.json {
                return print_claims(&AnyClaims::Account(claims));
            }
            show(globals, &mut session, &claims)
        }
        Account::Edit(args) => edit(globals, &args),
        Account::Ls(args) => list(globals, &args),
        Account::Rm(args) => remove(&args),
        Account::Push(args) => push(globals, &args).await,
        Account::Query(args) => query(globals, &args).await,
        Account::Imports(command) => share::imports(globals, command),
        Account::Exports(command) => share::exports(globals, command),
        Account::Keys(command) => keys::run(globals, command),
        Account::Mappings(command) => mappings::run(globals, command),
    }
}

fn add(globals: &Globals, args: Add) -> Result {
    let name = given(args.account, "Account Name", "ACCOUNT")?;
    let mut session = args.of.open()?;
    session.work.signing.key.clone_from(&args.key);
    let request = account::Add {
        name: Some(name.clone()),
        ..account::Add::default()
    };
    account::add(&mut session.work, &request)?;
    let mut request = args.limits.edit(&name, session.work.now());
    // A new account has no bearer tokens unless it is said.
    let bearer = args.limits.switches.bearer.unwrap_or_default();
    request.limits.disallow_bearer = Some(!bearer);
    account::edit(&mut session.work, &request)?;
    session.commit()?;
    let claims = session.work.account(&name)?;
    show(globals, &mut session, &claims)
}

fn edit(globals: &Globals, args: &Edit) -> Result {
    let (mut session, name) = args.at.open()?;
    let mut request = args.limits.edit(&name, session.work.now());
    request.tags.rm_tag.clone_from(&args.no_tags);
    // Nothing to change is no error, as in the reference tool: it is shown as it is.
    if !request.is_empty() {
        account::edit(&mut session.work, &request)?;
        session.commit()?;
    }
    let claims = session.work.account(&name)?;
    show(globals, &mut session, &claims)
}

fn remove(args: &Remove) -> Result {
    let mut session = args.of.open()?;
    let question = format!("Really remove the Account {}", args.name);
    if !confirmed(args.force, &question)? {
        return Ok(());
    }
    let request = account::Delete {
        name: Some(args.name.clone()),
        rm_creds: true,
        ..account::Delete::default()
    };
    account::delete(&mut session.work, &request)?;
    session.commit()?;
    outln!("Removed account {}", args.name)
}

fn list(globals: &Globals, args: &List) -> Result {
    let mut session = Session::with_operator(args.operator.as_deref())?;
    let system = session.work.operator()?.nats.system_account;
    let mark = |is: bool| if is { "true" } else { "" }.to_owned();
    let mut rows = Vec::new();
    for name in session.work.accounts()? {
        let claims = session.work.account(&name)?;
        let users = session.work.users(&name)?.len();
        rows.push(vec![
            name,
            claims.subject.clone(),
            users.to_string(),
            mark(claims.nats.limits.has_jetstream()),
            mark(claims.subject == system),
        ]);
    }
    let listed = Listed {
        title: "Accounts".to_owned(),
        none: "No Accounts found",
        header: &["Name", "Subject", "Users", "JetStream", "System"],
        rows,
        document: document(&nats_nsc::ops::list::accounts(&mut session.work)?),
    };
    listed.print(globals, args.form)
}

/// An account, for people.
fn show(globals: &Globals, session: &mut Session, claims: &AccountClaims) -> Result {
    let nats = &claims.nats;
    let count = |kind: ExportType| {
        nats.exports
            .iter()
            .filter(|export| export.kind == kind)
            .count()
    };
    let imported = |kind: ExportType| {
        nats.imports
            .iter()
            .filter(|import| import.kind == kind)
            .count()
    };
    let operator = session.work.operator()?;
    let users = session.work.users(&claims.name)?.len();
    let heading = format!("Account {} ({})", claims.name, claims.subject);
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Configuration");
    columns.row("Name", claims.name.as_str());
    columns.row("Issuer", claims.issuer.as_str());
    columns.row("Operator", operator.name.as_str());
    columns.row(
        "System Account",
        operator.nats.system_account == claims.subject,
    );
    columns.rows("Tags", nats.tags.iter());
    columns.row("JetStream", nats.limits.has_jetstream());
    columns.row_unless_empty("Expiry", &nats_nsc::text::date(claims.expires));
    columns.row("Users", users);
    columns.row("Revocations", nats.revocations.len());
    columns.row("Service Exports", count(ExportType::Service));
    columns.row("Stream Exports", count(ExportType::Stream));
    columns.row("Service Imports", imported(ExportType::Service));
    columns.row("Stream Imports", imported(ExportType::Stream));
    columns.section("Limits");
    let limits = &nats.limits;
    columns.row("Bearer Tokens Allowed", !limits.disallow_bearer);
    columns.row_limit("Subscriptions", limits.subs);
    columns.row_limit("Connections", limits.conn);
    columns.row("Maximum Payload", bytes(limits.payload).as_str());
    columns.row_limit("Leafnodes", limits.leaf);
    columns.row_limit("Imports", limits.imports);
    columns.row_limit("Exports", limits.exports);
    if limits.has_jetstream() {
        columns.indent(2);
        columns.section("JetStream Settings");
        let traffic = nats.cluster_traffic.as_str();
        columns.row(
            "Cluster Traffic",
            if traffic.is_empty() {
                "system"
            } else {
                traffic
            },
        );
        columns.indent(4);
        if limits.tiered_limits.is_empty() {
            columns.section("Account Default Limits");
            jetstream(&mut columns, &limits.jetstream);
        }
        for (tier, limits) in &limits.tiered_limits {
            columns.section(format!("Tier {}", tier.trim_start_matches('R')));
            jetstream(&mut columns, limits);
        }
        columns.indent(0);
    }
    out!("{}", columns.render())
}

fn bytes(value: i64) -> String {
    match u64::try_from(value) {
        Ok(value) if value > 0 => format::bytes(value),
        _ => "unlimited".to_owned(),
    }
}

fn jetstream(columns: &mut Columns, limits: &JetStreamLimits) {
    let unlimited = [
        limits.disk_storage,
        limits.mem_storage,
        limits.streams,
        limits.consumer,
    ]
    .iter()
    .all(|limit| *limit == -1);
    if unlimited && !limits.max_bytes_required && limits.max_ack_pending <= 0 {
        columns.indent(6);
        columns.text("Unlimited");
        columns.indent(4);
        return;
    }
    let storage = |value: i64| match value {
        0 => "none".to_owned(),
        value => bytes(value),
    };
    let positive = |value: i64| if value > 0 { value } else { -1 };
    columns.row_limit("Max Ack Pending", positive(limits.max_ack_pending));
    columns.row_limit("Maximum Streams", limits.streams);
    columns.row_limit("Max Consumers Per Stream", limits.consumer);
    columns.row("Max Stream Size Required", limits.max_bytes_required);
    columns.row("Max File Storage", storage(limits.disk_storage).as_str());
    columns.row_if(
        limits.disk_max_stream_bytes > 0,
        "Max File Storage Stream Size",
        bytes(limits.disk_max_stream_bytes).as_str(),
    );
    columns.row("Max Memory Storage", storage(limits.mem_storage).as_str());
    columns.row_if(
        limits.mem_max_stream_bytes > 0,
        "Max Memory Storage Stream Size",
        bytes(limits.mem_max_stream_bytes).as_str(),
    );
}

async fn push(globals: &Globals, args: &Push) -> Result {
    let (mut session, name) = args.at.open()?;
    let claims = session.work.account(&name)?;
    let store = session.work.store()?;
    let token = store.account_token(&mut session.work.files, &name)?;
    if args.show {
        show(globals, &mut session, &claims)?;
    }
    let client = globals.connect_system().await?;
    outln!(
        "Updating account {name} ({}) on server {}",
        claims.subject,
        client.connected_url().unwrap_or_default()
    )?;
    let options = RequestManyOptions::within(globals.timeout()).stall(Duration::from_millis(500));
    let mut answers = client
        .request_many("$SYS.REQ.CLAIMS.UPDATE", None, token.as_bytes(), options)
        .await?;
    let (mut good, mut bad) = (0, 0);
    while let Some(answer) = answers.next().await {
        let answer = answer.map_err(|e| {
            CliError::from(e).next_step(
                "connect as a user of the system account, to servers with a full resolver",
            )
        })?;
        let said: Value = serde_json::from_slice(answer.payload())?;
        let server = said["server"]["name"].as_str().unwrap_or("?");
        match said["error"]["description"].as_str() {
            Some(error) => {
                bad += 1;
                outln!("Update failed on {server}: {error}")?;
            }
            None => {
                good += 1;
                outln!("Update completed on {server}")?;
            }
        }
    }
    outln!("Success {good} Failed {bad}")?;
    if bad > 0 || good == 0 {
        return Err(CliError::new("the account was not taken by all servers"));
    }
    Ok(())
}

async fn query(globals: &Globals, args: &Query) -> Result {
    let mut session = Session::open()?;
    session.use_operator(args.of.operator.as_deref()).ok();
    let key = session.key_of(&args.account)?;
    let client = globals.connect_system().await?;
    let subject = format!("$SYS.REQ.ACCOUNT.{key}.CLAIMS.LOOKUP");
    let answer = client
        .request(&subject, None, "", globals.timeout())
        .await?;
    if answer.payload().is_empty() {
        return Err(
            CliError::new(format!("the servers do not have account {key}"))
                .next_step("push it: nats auth account push"),
        );
    }
    let token = answer.text();
    let claims = AccountClaims::decode(&token).map_err(|e| CliError::new(e.to_string()))?;
    if claims.subject != key {
        return Err(CliError::new("the server answered with another account"));
    }
    match &args.output {
        Some(path) => {
            nats_jwt::creds::write_private(path, token.as_bytes())
                .map_err(|e| CliError::from(e).context(path.display()))?;
            outln!("Wrote account {} to {}", claims.name, path.display())
        }
        None => print_claims(&AnyClaims::Account(claims)),
    }
}
