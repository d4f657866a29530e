//! `nats auth user`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nats_jwt::claims::{AnyClaims, NO_LIMIT, UserClaims, UserPermissionLimits};
use nats_nsc::ops::generate;
use nats_nsc::ops::request::{TagChanges, UserLimits};
use nats_nsc::ops::{list, user};

use super::Session;
use super::session::{Form, ListForm, Listed, OfAccount, PermissionFlags};
use super::session::{confirmed, document, print_claims};
use super::view;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::Columns;
use crate::parse;

/// What a new user's messages may measure, as the reference has it.
const PAYLOAD_DEFAULT: i64 = 1 << 20;

#[derive(Debug, clap::Subcommand)]
pub enum User {
    /// Add a user
    #[command(
        after_help = "Example:\n  nats auth user add kiosk ORDERS --pub-allow 'orders.>' --credential kiosk.creds"
    )]
    Add(Add),
    /// Show a user
    #[command(after_help = "Example:\n  nats auth user info till ORDERS")]
    Info(Info),
    /// Edit a user: only what is mentioned
    #[command(after_help = "Example:\n  nats auth user edit till ORDERS --sub-allow 'news.>'")]
    Edit(Edit),
    /// List the users of an account
    #[command(after_help = "Example:\n  nats auth user ls ORDERS")]
    Ls(List),
    /// Remove a user
    #[command(after_help = "Example:\n  nats auth user rm till ORDERS --revoke --force")]
    Rm(Remove),
    /// Write a credentials file
    #[command(
        visible_alias = "creds",
        alias = "cred",
        after_help = "Example:\n  nats auth user credential till.creds till ORDERS --expire 30d"
    )]
    Credential(Credential),
}

/// Permissions and limits.
#[derive(Debug, Clone, clap::Args)]
pub struct LimitFlags {
    /// The token alone is enough, nothing has to be signed
    #[arg(long, overrides_with = "no_bearer")]
    bearer: bool,
    /// The server's nonce has to be signed
    #[arg(long, overrides_with = "bearer")]
    no_bearer: bool,
    /// Most bytes in all; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "BYTES")]
    data: Option<i64>,
    /// Time zone of times
    #[arg(long, value_name = "ZONE")]
    locale: Option<String>,
    /// Largest message; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_parser = parse::byte_size, value_name = "BYTES")]
    payload: Option<i64>,
    #[command(flatten)]
    permissions: PermissionFlags,
    /// Most subscriptions; -1 for no limit
    #[arg(long, allow_hyphen_values = true, value_name = "COUNT")]
    subscriptions: Option<i64>,
    /// Add tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tags: Vec<String>,
}

impl LimitFlags {
    fn limits(&self) -> UserLimits {
        UserLimits {
            subs: self.subscriptions,
            data: self.data,
            payload: self.payload,
            bearer: (self.bearer || self.no_bearer).then_some(self.bearer),
            locale: self.locale.clone(),
            permissions: self.permissions.changes(),
            ..UserLimits::default()
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// Name of the user
    name: String,
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    limits: LimitFlags,
    /// Key to sign with: a role, or a key of the account
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Write credentials to a file
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
    /// Replace the file
    #[arg(short, long)]
    force: bool,
    /// Ask nothing
    #[arg(long)]
    defaults: bool,
}

/// Which user, as the first words of a command.
#[derive(Debug, clap::Args)]
pub struct Whose {
    /// The user, when there is more than one
    name: Option<String>,
    #[command(flatten)]
    at: OfAccount,
}

impl Whose {
    /// The store, the account's name and the user's.
    fn open(&self) -> Result<(Session, String, String)> {
        let (mut session, account) = self.at.open()?;
        let name = session.user(&account, self.name.as_deref())?;
        Ok((session, account, name))
    }
}

#[derive(Debug, clap::Args)]
pub struct Info {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct Edit {
    #[command(flatten)]
    whose: Whose,
    #[command(flatten)]
    limits: LimitFlags,
    /// Remove tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    no_tags: Vec<String>,
    /// Write credentials to a file
    #[arg(long, value_name = "FILE")]
    credential: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    form: ListForm,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    #[command(flatten)]
    whose: Whose,
    /// Revoke it as well, so that servers refuse its credentials
    #[arg(long)]
    revoke: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
pub struct Credential {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    whose: Whose,
    /// How long the credentials are good; the user is issued again with this end
    #[arg(long, value_parser = parse::duration, value_name = "DURATION")]
    expire: Option<Duration>,
    /// Replace the file
    #[arg(short, long)]
    force: bool,
}

pub fn run(globals: &Globals, command: User) -> Result {
    match command {
        User::Add(args) => add(globals, &args),
        User::Info(args) => {
            let (mut session, account, name) = args.whose.open()?;
            let claims = session.work.user(&account, &name)?;
            if args.form.json {
                return print_claims(&AnyClaims::User(claims));
            }
            show(globals, &mut session, &account, &claims)
        }
        User::Edit(args) => edit(globals, &args),
        User::Ls(args) => ls(globals, &args),
        User::Rm(args) => remove(&args),
        User::Credential(args) => credential(&args),
    }
}

fn add(globals: &Globals, args: &Add) -> Result {
    let (mut session, account) = args.at.open()?;
    refuse_existing(args.credential.as_deref(), args.force)?;
    session.work.signing.key.clone_from(&args.key);
    let request = user::Add {
        name: Some(args.name.clone()),
        account: Some(account.clone()),
        tag: args.limits.tags.clone(),
        ..user::Add::default()
    };
    user::add(&mut session.work, &request)?;
    let mut limits = args.limits.limits();
    let scoped = session
        .work
        .user(&account, &args.name)?
        .nats
        .limits
        .is_nothing();
    if !scoped && limits.payload.is_none() {
        limits.payload = Some(PAYLOAD_DEFAULT);
    }
    if !limits.is_empty() {
        let request = user::Edit {
            name: Some(args.name.clone()),
            account: Some(account.clone()),
            limits,
            ..user::Edit::default()
        };
        user::edit(&mut session.work, &request)?;
    }
    write_creds(
        &mut session,
        &account,
        &args.name,
        args.credential.as_deref(),
        None,
    )?;
    session.commit()?;
    let claims = session.work.user(&account, &args.name)?;
    show(globals, &mut session, &account, &claims)
}

fn refuse_existing(file: Option<&Path>, force: bool) -> Result {
    match file {
        Some(path) if path.exists() && !force => Err(CliError::new(format!(
            "file {} already exists",
            path.display()
        ))
        .next_step("replace it with --force")),
        _ => Ok(()),
    }
}

fn write_creds(
    session: &mut Session,
    account: &str,
    name: &str,
    file: Option<&Path>,
    expires: Option<i64>,
) -> Result {
    let Some(path) = file else { return Ok(()) };
    let request = generate::Creds {
        name: Some(name.to_owned()),
        account: Some(account.to_owned()),
        expires,
        ..generate::Creds::default()
    };
    let creds = generate::creds(&mut session.work, &request)?
        .text
        .unwrap_or_default();
    let path = session.work.places.expanded(&path.display().to_string());
    session.work.files.read(&path)?;
    session.work.files.write(&path, creds.as_bytes());
    Ok(())
}

fn edit(globals: &Globals, args: &Edit) -> Result {
    let (mut session, account, name) = args.whose.open()?;
    let mut limits = args.limits.limits();
    // As in the reference tool, where nsc adds to what there is.
    limits.permissions.replace = true;
    let request = user::Edit {
        name: Some(name.clone()),
        account: Some(account.clone()),
        tags: TagChanges {
            tag: args.limits.tags.clone(),
            rm_tag: args.no_tags.clone(),
        },
        limits,
        ..user::Edit::default()
    };
    // Nothing to change is no error, as in the reference tool: it is shown as it is.
    if !request.is_empty() {
        user::edit(&mut session.work, &request)?;
    }
    write_creds(
        &mut session,
        &account,
        &name,
        args.credential.as_deref(),
        None,
    )?;
    session.commit()?;
    let claims = session.work.user(&account, &name)?;
    show(globals, &mut session, &account, &claims)
}

/// What counts for a user: its own limits, or those of its role; and the role.
fn effective(
    session: &mut Session,
    account: &str,
    claims: &UserClaims,
) -> Result<(UserPermissionLimits, Option<String>)> {
    let account = session.work.account(account)?;
    Ok(match account.nats.signing_keys.scope(&claims.issuer) {
        Some(scope) => (scope.template.clone(), Some(scope.role.clone())),
        None => (claims.nats.limits.clone(), None),
    })
}

fn show(globals: &Globals, session: &mut Session, account: &str, claims: &UserClaims) -> Result {
    let (limits, role) = effective(session, account, claims)?;
    let heading = format!("User {} ({})", claims.name, claims.subject);
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Configuration");
    let key = match claims.nats.issuer_account.as_str() {
        "" => claims.issuer.as_str(),
        key => key,
    };
    columns.row("Account", format!("{account} ({key})").as_str());
    columns.row("Issuer", claims.issuer.as_str());
    columns.row("Scoped", role.is_some());
    columns.row_unless_empty("Role", role.as_deref().unwrap_or_default());
    columns.row_unless_empty("Expiry", &nats_nsc::text::date(claims.expires));
    columns.rows("Tags", claims.nats.tags.iter());
    view::limits(&mut columns, &limits);
    out!("{}", columns.render())
}

fn ls(globals: &Globals, args: &List) -> Result {
    let (mut session, account) = args.at.open()?;
    let mut rows = Vec::new();
    for name in session.work.users(&account)? {
        let claims = session.work.user(&account, &name)?;
        let (limits, role) = effective(&mut session, &account, &claims)?;
        let mark = |is: bool| if is { "✓" } else { "" }.to_owned();
        let subs = if limits.limits.subs == NO_LIMIT {
            "Unlimited".to_owned()
        } else {
            limits.limits.subs.to_string()
        };
        rows.push(vec![
            name,
            claims.subject,
            role.is_some().to_string(),
            mark(!limits.permissions.subscribe.is_empty()),
            mark(!limits.permissions.publish.is_empty()),
            subs,
        ]);
    }
    let listed = Listed {
        title: format!("Users in account {account}"),
        none: "No users found",
        header: &[
            "Name",
            "Subject",
            "Scoped",
            "Sub Perms",
            "Pub Perms",
            "Max Subscriptions",
        ],
        rows,
        document: document(&list::users(&mut session.work, Some(&account))?),
    };
    listed.print(globals, args.form)
}

fn remove(args: &Remove) -> Result {
    let (mut session, account, name) = args.whose.open()?;
    if !confirmed(args.force, &format!("Really remove the User {name}"))? {
        return Ok(());
    }
    let request = user::Delete {
        name: vec![name.clone()],
        account: Some(account),
        revoke: Some(args.revoke),
        rm_nkey: true,
        rm_creds: true,
        ..user::Delete::default()
    };
    user::delete(&mut session.work, &request)?;
    session.commit()?;
    outln!("Removed user {name}")
}

fn credential(args: &Credential) -> Result {
    refuse_existing(Some(&args.file), args.force)?;
    let (mut session, account, name) = args.whose.open()?;
    let expires = args.expire.map(|expire| {
        let seconds = i64::try_from(expire.as_secs()).unwrap_or(i64::MAX);
        session.work.now().saturating_add(seconds)
    });
    write_creds(&mut session, &account, &name, Some(&args.file), expires)?;
    session.commit()?;
    outln!("Wrote credential for {name} to {}", args.file.display())
}
