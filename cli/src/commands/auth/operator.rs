//! `nats auth operator`.

use std::path::{Path, PathBuf};

use nats_jwt::claims::AnyClaims;
use nats_jwt::nkey::Kind;
use nats_nsc::ops::request::TagChanges;
use nats_nsc::ops::{backup, list, operator};
use nats_nsc::{files, limits};

use super::Session;
use super::session::{Form, ListForm, Listed, confirmed, document, given, print_claims};
use crate::error::Result;
use crate::globals::Globals;
use crate::output::{self, Columns};

#[derive(Debug, clap::Subcommand)]
pub enum Operator {
    /// Add an operator with a system account
    #[command(
        after_help = "Example:\n  nats auth operator add OPS --service nats://localhost:4222"
    )]
    Add(Add),
    /// Show an operator
    #[command(after_help = "Example:\n  nats auth operator info OPS")]
    Info(Info),
    /// List the operators
    #[command(after_help = "Example:\n  nats auth operator ls --names")]
    Ls(List),
    /// Edit an operator
    #[command(
        after_help = "Example:\n  nats auth operator edit OPS --account-server nats://localhost:4222"
    )]
    Edit(Edit),
    /// Import an operator and its keys
    #[command(
        after_help = "Example:\n  nats auth operator import operator.jwt operator.nk signing.nk"
    )]
    Import(Import),
    /// Choose the operator that is meant
    #[command(after_help = "Example:\n  nats auth operator select OPS")]
    Select {
        /// The operator
        name: Option<String>,
    },
    /// Write an operator with its accounts, users and keys to a file
    #[command(after_help = "Examples:\n  \
        nats auth operator backup OPS OPS.backup\n  \
        nats auth operator backup OPS OPS.sealed --key backup.nk")]
    Backup {
        /// The operator
        name: String,
        /// The file
        output: String,
        /// Seal the file for the owner of this curve key: a file with its seed
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Make an operator again from a file that backup wrote
    #[command(
        after_help = "Example:\n  nats auth operator restore COPY OPS.sealed --key backup.nk"
    )]
    Restore {
        /// Name of the operator in the store
        name: String,
        /// The file
        input: PathBuf,
        /// The curve key for whose owner the file is sealed
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Manage signing keys of operators
    #[command(subcommand, visible_alias = "sk", alias = "s")]
    Keys(Keys),
}

#[derive(Debug, clap::Args)]
pub struct Add {
    /// Name of the operator
    name: Option<String>,
    /// URLs at which its servers are
    #[arg(long, value_name = "URL")]
    service: Vec<String>,
    /// Where accounts are pushed to
    #[arg(long, value_name = "URL")]
    account_server: Option<String>,
    /// Make no signing key
    #[arg(long)]
    no_signing_key: bool,
    /// Make a signing key (default)
    #[arg(long, hide = true, conflicts_with = "no_signing_key")]
    signing_key: bool,
    /// Tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tags: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    /// Name of the operator, when it is not the selected one
    name: Option<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    form: ListForm,
}

#[derive(Debug, clap::Args)]
pub struct Edit {
    /// Name of the operator, when it is not the selected one
    name: Option<String>,
    /// Where accounts are pushed to
    #[arg(long, value_name = "URL")]
    account_server: Option<String>,
    /// Add URLs at which its servers are
    #[arg(long, value_name = "URL")]
    service: Vec<String>,
    /// Add tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    tags: Vec<String>,
    /// Remove tags
    #[arg(long, value_delimiter = ',', value_name = "TAG")]
    no_tags: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub struct Import {
    /// File with the operator's token
    // Not `token`: that is a global flag.
    #[arg(value_name = "TOKEN")]
    file: PathBuf,
    /// Files with keys of the operator
    key: Vec<PathBuf>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Keys {
    /// List signing keys
    #[command(after_help = "Example:\n  nats auth operator keys ls OPS")]
    Ls {
        /// Name of the operator, when it is not the selected one
        name: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// Make a signing key
    #[command(after_help = "Example:\n  nats auth operator keys add OPS")]
    Add {
        /// Name of the operator, when it is not the selected one
        name: Option<String>,
    },
    /// Remove a signing key, and sign again what it signed
    #[command(after_help = "Example:\n  nats auth operator keys rm OPS $KEY --force")]
    Rm {
        /// Name of the operator
        name: String,
        /// The key
        key: String,
        /// Do not ask
        #[arg(short, long)]
        force: bool,
    },
}

pub fn run(globals: &Globals, command: Operator) -> Result {
    match command {
        Operator::Add(args) => add(globals, args),
        Operator::Info(args) => {
            let mut session = Session::with_operator(args.name.as_deref())?;
            if args.form.json {
                return print_claims(&AnyClaims::Operator(session.work.operator()?));
            }
            show(globals, &mut session)
        }
        Operator::Ls(args) => ls(globals, &args),
        Operator::Edit(args) => edit(globals, args),
        Operator::Import(args) => import(globals, &args),
        Operator::Select { name } => {
            let mut session = Session::open()?;
            let name = match name {
                Some(name) => name,
                None => session.pick_operator()?,
            };
            session.select(&name)?;
            session.commit()?;
            outln!("Selected operator {name:?} as default")
        }
        Operator::Backup { name, output, key } => {
            let mut session = Session::open()?;
            let request = backup::Backup {
                file: output,
                name: Some(name),
                key,
                // The reference replaces it, too.
                force: true,
            };
            let outcome = backup::backup(&mut session.work, &request)?;
            session.commit()?;
            outln!("{}", outcome.report.render())
        }
        Operator::Restore { name, input, key } => restore(name, &input, key),
        Operator::Keys(command) => keys(command),
    }
}

fn restore(name: String, input: &Path, key: Option<String>) -> Result {
    let mut session = Session::open()?;
    let content = files::read_named(input, limits::BACKUP_BYTES_MAX)?;
    let request = backup::Restore {
        file: input.display().to_string(),
        name: Some(name),
        key,
    };
    let outcome = backup::restore(&mut session.work, &request, &content)?;
    session.commit()?;
    outln!("{}", outcome.report.render())
}

fn add(globals: &Globals, args: Add) -> Result {
    let mut session = Session::open()?;
    let name = given(args.name, "Operator Name", "NAME")?;
    let request = operator::Add {
        name: Some(name),
        sys: true,
        // As the reference tool names it; nsc says SYS.
        system_name: Some("SYSTEM"),
        generate_signing_key: !args.no_signing_key,
        ..operator::Add::default()
    };
    operator::add(&mut session.work, &request, None)?;
    let request = operator::Edit {
        account_jwt_server_url: args.account_server,
        service_url: args.service,
        tags: TagChanges {
            tag: args.tags,
            rm_tag: Vec::new(),
        },
        ..operator::Edit::default()
    };
    if !request.is_empty() {
        operator::edit(&mut session.work, &request)?;
    }
    session.commit()?;
    show(globals, &mut session)
}

/// An operator, for people.
fn show(globals: &Globals, session: &mut Session) -> Result {
    let claims = session.work.operator()?;
    let accounts = session.work.accounts()?.len();
    let managed = session.work.store()?.is_managed();
    let nats = &claims.nats;
    let system = if nats.system_account.is_empty() {
        "not set".to_owned()
    } else {
        format!(
            "{} ({})",
            session.name_of(&nats.system_account),
            nats.system_account
        )
    };
    let heading = format!("Operator {} ({})", claims.name, claims.subject);
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Configuration");
    columns.row("Name", claims.name.as_str());
    columns.row("Subject", claims.subject.as_str());
    columns.rows("Tags", nats.tags.iter());
    columns.rows(
        "Service URL(s)",
        nats.operator_service_urls.iter().map(String::as_str),
    );
    columns.row_unless_empty("Account Server", &nats.account_server_url);
    columns.row("Accounts", accounts);
    columns.row("System Account", system.as_str());
    // Beyond the reference tool, where it is out of the ordinary.
    let strict = nats.strict_signing_key_usage;
    columns.row_if(strict, "Requires Signing Keys", strict);
    columns.row_if(managed, "Managed Elsewhere", managed);
    let mut keys: Vec<&str> = nats.signing_keys.iter().map(String::as_str).collect();
    keys.sort_unstable();
    columns.rows("Signing Keys", keys);
    out!("{}", columns.render())
}

fn ls(globals: &Globals, args: &List) -> Result {
    let mut session = Session::open()?;
    let all = list::operators(&mut session.work)?;
    let mut rows = Vec::new();
    for one in &all {
        session.work.use_operator(&one.name)?;
        let accounts = session.work.accounts()?.len();
        let nats = session.work.operator()?.nats;
        rows.push(vec![
            one.name.clone(),
            one.public_key.clone(),
            accounts.to_string(),
            nats.account_server_url,
            nats.signing_keys.len().to_string(),
        ]);
    }
    let listed = Listed {
        title: "Operators".to_owned(),
        none: "No Operators found",
        header: &[
            "Name",
            "Subject",
            "Accounts",
            "Account Server",
            "Signing Keys",
        ],
        rows,
        document: document(&all),
    };
    listed.print(globals, args.form)
}

fn edit(globals: &Globals, args: Edit) -> Result {
    let mut session = Session::with_operator(args.name.as_deref())?;
    // What is named takes the place of what there is, as in the reference tool; nsc adds.
    let mut gone = Vec::new();
    if !args.service.is_empty() {
        gone = session.work.operator()?.nats.operator_service_urls;
        gone.retain(|url| !args.service.contains(url));
    }
    let request = operator::Edit {
        account_jwt_server_url: args.account_server,
        service_url: args.service,
        rm_service_url: gone,
        tags: TagChanges {
            tag: args.tags,
            rm_tag: args.no_tags,
        },
        ..operator::Edit::default()
    };
    // Nothing to change is no error, as in the reference tool: it is shown as it is.
    if !request.is_empty() {
        operator::edit(&mut session.work, &request)?;
        session.commit()?;
    }
    show(globals, &mut session)
}

fn import(globals: &Globals, args: &Import) -> Result {
    let mut session = Session::open()?;
    let content = files::read_named(&args.file, limits::FILE_BYTES_MAX)?;
    let request = operator::Add {
        url: Some(args.file.display().to_string()),
        ..operator::Add::default()
    };
    operator::add(&mut session.work, &request, Some(&content))?;
    for path in &args.key {
        let text = path.display().to_string();
        session.work.given_key(&text, Kind::Operator)?;
    }
    session.commit()?;
    show(globals, &mut session)
}

fn keys(command: Keys) -> Result {
    match command {
        Keys::Ls { name, form } => {
            let session = &mut Session::with_operator(name.as_deref())?;
            let keys = session.work.operator()?.nats.signing_keys;
            if form.json {
                return output::json(&keys);
            }
            for key in keys {
                outln!("{key}")?;
            }
            Ok(())
        }
        Keys::Add { name } => {
            let mut session = Session::with_operator(name.as_deref())?;
            let request = operator::Edit {
                sk: vec!["generate".to_owned()],
                ..operator::Edit::default()
            };
            operator::edit(&mut session.work, &request)?;
            session.commit()?;
            let claims = session.work.operator()?;
            outln!(
                "{}",
                claims.nats.signing_keys.last().cloned().unwrap_or_default()
            )
        }
        Keys::Rm { name, key, force } => {
            let mut session = Session::with_operator(Some(&name))?;
            if !confirmed(force, &format!("Really remove the signing key {key}"))? {
                return Ok(());
            }
            let request = operator::Edit {
                rm_sk: vec![key.clone()],
                resign: true,
                ..operator::Edit::default()
            };
            operator::edit(&mut session.work, &request)?;
            session.commit()?;
            outln!(
                "Removed signing key {key}; push the accounts that it had signed: nats auth account push"
            )
        }
    }
}
