//! `nats auth account imports` and `exports`.

use nats_jwt::claims::{ExportType, Import};
use nats_nsc::ops::{export, import};

use super::Session;
use super::session::confirmed;
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Columns, Table};

#[derive(Debug, clap::Subcommand)]
pub enum Imports {
    /// Add an import
    #[command(aliases = ["new", "a", "n"], after_help = "Example:\n  nats auth account imports add prices 'price.*' SHOP --source PRICES --service")]
    Add(AddImport),
    /// Show an import
    #[command(visible_alias = "i", aliases = ["show", "view"], after_help = "Example:\n  nats auth account imports info 'price.*' SHOP")]
    Info(Info),
    /// List imports
    #[command(
        name = "ls",
        alias = "list",
        after_help = "Example:\n  nats auth account imports ls SHOP"
    )]
    List(List),
    /// Remove an import
    #[command(
        name = "rm",
        after_help = "Example:\n  nats auth account imports rm 'price.*' SHOP"
    )]
    Remove(Remove),
}

#[derive(Debug, clap::Subcommand)]
pub enum Exports {
    /// Add an export
    #[command(aliases = ["new", "a", "n"], after_help = "Example:\n  nats auth account exports add prices 'price.*' PRICES --service")]
    Add(AddExport),
    /// Show an export
    #[command(visible_alias = "i", aliases = ["show", "view"], after_help = "Example:\n  nats auth account exports info 'price.*' PRICES")]
    Info(Info),
    /// Edit an export: only what is mentioned
    #[command(
        alias = "update",
        after_help = "Example:\n  nats auth account exports edit 'price.*' PRICES --description 'what things cost'"
    )]
    Edit(EditExport),
    /// List exports
    #[command(
        name = "ls",
        alias = "list",
        after_help = "Example:\n  nats auth account exports ls PRICES"
    )]
    List(List),
    /// Remove an export
    #[command(
        name = "rm",
        after_help = "Example:\n  nats auth account exports rm 'price.*' PRICES"
    )]
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
pub struct AddImport {
    /// Name of the import
    name: String,
    /// The exporter's subject
    subject: String,
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The exporter: name or public key
    #[arg(long, value_name = "ACCOUNT")]
    source: String,
    /// The subject in this account
    #[arg(long, value_name = "SUBJECT")]
    local: Option<String>,
    /// Tell the service who asks
    #[arg(long)]
    share: bool,
    /// Message traces go on in this account
    #[arg(long)]
    traceable: bool,
    /// A service rather than a stream
    #[arg(long)]
    service: bool,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct AddExport {
    /// Name of the export
    name: String,
    /// What is exported
    subject: String,
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Where to read more about it
    #[arg(long)]
    url: Option<String>,
    /// The token of the subject that is the importer's account
    #[arg(long, value_name = "POSITION")]
    token_position: Option<u64>,
    /// Announce the export
    #[arg(long)]
    advertise: bool,
    /// A service rather than a stream
    #[arg(long)]
    service: bool,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct EditExport {
    /// What is exported
    subject: String,
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Where to read more about it
    #[arg(long)]
    url: Option<String>,
    /// The token of the subject that is the importer's account
    #[arg(long, value_name = "POSITION")]
    token_position: Option<u64>,
    /// Announce the export
    #[arg(long, overrides_with = "no_advertise")]
    advertise: bool,
    /// Do not announce it
    #[arg(long, overrides_with = "advertise")]
    no_advertise: bool,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    /// The subject, when there is more than one
    subject: Option<String>,
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Print JSON
    #[arg(short, long)]
    json: bool,
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
    /// The subject
    subject: String,
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

fn begin(operator: Option<&str>, account: Option<&str>) -> Result<(Session, String)> {
    let mut session = Session::with_operator(operator)?;
    let account = session.account(account)?;
    Ok((session, account))
}

fn not_found(what: &str, account: &str) -> CliError {
    CliError::new(format!("account {account} has no such {what}")).next_step(format!(
        "see which there are: nats auth account {what}s ls {account}"
    ))
}

/// The one that is meant: with this subject, or the only one.
fn pick<'a, T>(all: &'a [T], subject: Option<&str>, of: impl Fn(&T) -> &str) -> Option<&'a T> {
    match (subject, all) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(subject), all) => all.iter().find(|one| of(one) == subject),
    }
}

pub fn imports(globals: &Globals, command: Imports) -> Result {
    match command {
        Imports::Add(args) => add_import(globals, args),
        Imports::Info(args) => {
            let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
            let claims = session.work.account(&account)?;
            let import = pick(&claims.nats.imports, args.subject.as_deref(), |import| {
                &import.subject
            });
            let import = import.ok_or_else(|| not_found("import", &account))?;
            if args.json {
                return output::json(import);
            }
            show_import(globals, &mut session, import)
        }
        Imports::List(args) => list_imports(globals, args),
        Imports::Remove(args) => {
            let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
            if !confirmed(
                args.force,
                &format!("Really remove the import {}", args.subject),
            )? {
                return Ok(());
            }
            let request = import::Delete {
                subject: Some(args.subject.clone()),
                account: Some(account),
                ..import::Delete::default()
            };
            import::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Removed import {}", args.subject)
        }
    }
}

fn show_import(globals: &Globals, session: &mut Session, import: &Import) -> Result {
    let mut columns = Columns::new(format!("Import {}", import.name), globals.scheme());
    columns.row("From", session.name_of(&import.account).as_str());
    columns.row("Type", import.kind.as_str());
    columns.row("Subject", import.exporter_subject());
    columns.row_unless_empty("Local Subject", &import.local_subject);
    columns.row("Activation Token", !import.token.is_empty());
    columns.row_if(
        import.kind == ExportType::Service,
        "Sharing Connection Info",
        import.share,
    );
    columns.row_if(
        import.kind == ExportType::Stream,
        "Allows Message Tracing",
        import.allow_trace,
    );
    out!("{}", columns.render())
}

pub fn exports(globals: &Globals, command: Exports) -> Result {
    match command {
        Exports::Add(args) => add_export(globals, args),
        Exports::Info(args) => {
            let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
            let claims = session.work.account(&account)?;
            let export = pick(&claims.nats.exports, args.subject.as_deref(), |export| {
                &export.subject
            });
            let export = export.ok_or_else(|| not_found("export", &account))?;
            if args.json {
                return output::json(export);
            }
            show_export(globals, &mut session, &account, &export.subject)
        }
        Exports::Edit(args) => edit_export(globals, args),
        Exports::List(args) => list_exports(globals, args),
        Exports::Remove(args) => {
            let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
            if !confirmed(
                args.force,
                &format!("Really remove the export {}", args.subject),
            )? {
                return Ok(());
            }
            let request = export::Delete {
                subject: Some(args.subject.clone()),
                account: Some(account),
                ..export::Delete::default()
            };
            export::delete(&mut session.work, &request)?;
            session.commit()?;
            outln!("Removed export {}", args.subject)
        }
    }
}

fn show_export(globals: &Globals, session: &mut Session, account: &str, subject: &str) -> Result {
    let claims = session.work.account(account)?;
    let export = claims
        .nats
        .exports
        .iter()
        .find(|export| export.subject == subject);
    let export = export.ok_or_else(|| not_found("export", account))?;
    let mut columns = Columns::new(format!("Export {}", export.name), globals.scheme());
    columns.row("Type", export.kind.as_str());
    columns.row("Subject", export.subject.as_str());
    columns.row("Activation Required", export.token_required);
    columns.row(
        "Account Token Position",
        export.account_token_position.to_string().as_str(),
    );
    columns.row("Advertised", export.advertise);
    columns.row_unless_empty("Description", &export.description);
    columns.row_unless_empty("Information", &export.info_url);
    columns.row("Revocations", export.revocations.len());
    out!("{}", columns.render())
}

fn add_import(globals: &Globals, args: AddImport) -> Result {
    let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
    let request = import::Add {
        name: Some(args.name.clone()),
        remote_subject: Some(args.subject.clone()),
        local_subject: args.local,
        src_account: Some(args.source),
        service: args.service,
        share: args.share,
        allow_trace: args.traceable,
        account: Some(account.clone()),
        token: None,
    };
    import::add(&mut session.work, &request, None)?;
    session.commit()?;
    let claims = session.work.account(&account)?;
    let import = claims
        .nats
        .imports
        .iter()
        .find(|import| import.name == args.name);
    show_import(
        globals,
        &mut session,
        import.ok_or_else(|| not_found("import", &account))?,
    )
}

fn list_imports(globals: &Globals, args: List) -> Result {
    let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
    let claims = session.work.account(&account)?;
    if claims.nats.imports.is_empty() {
        return outln!("No imports defined");
    }
    let mut table = Table::new(format!("Imports of account {account}"), globals.scheme()).header([
        "Name",
        "Type",
        "Source",
        "Subject",
        "Local Subject",
    ]);
    for import in &claims.nats.imports {
        table.row([
            import.name.clone(),
            import.kind.to_string(),
            session.name_of(&import.account),
            import.exporter_subject().to_owned(),
            import.local_subject.clone(),
        ]);
    }
    out!("{}", table.render())
}

fn add_export(globals: &Globals, args: AddExport) -> Result {
    let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
    let request = export::Add {
        name: Some(args.name),
        subject: Some(args.subject.clone()),
        service: args.service,
        account_token_position: args.token_position,
        advertise: args.advertise,
        description: args.description,
        info_url: args.url,
        account: Some(account.clone()),
        ..export::Add::default()
    };
    export::add(&mut session.work, &request)?;
    session.commit()?;
    show_export(globals, &mut session, &account, &args.subject)
}

fn list_exports(globals: &Globals, args: List) -> Result {
    let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
    let claims = session.work.account(&account)?;
    if claims.nats.exports.is_empty() {
        return outln!("No exports defined");
    }
    let mut table = Table::new(format!("Exports of account {account}"), globals.scheme()).header([
        "Name",
        "Type",
        "Subject",
        "Activation Required",
        "Advertised",
        "Token Position",
        "Revocations",
    ]);
    for export in &claims.nats.exports {
        table.row([
            export.name.clone(),
            export.kind.to_string(),
            export.subject.clone(),
            export.token_required.to_string(),
            export.advertise.to_string(),
            export.account_token_position.to_string(),
            export.revocations.len().to_string(),
        ]);
    }
    out!("{}", table.render())
}

fn edit_export(globals: &Globals, args: EditExport) -> Result {
    let (mut session, account) = begin(args.operator.as_deref(), args.account.as_deref())?;
    let request = export::Edit {
        subject: Some(args.subject.clone()),
        description: args.description,
        info_url: args.url,
        account_token_position: args.token_position,
        advertise: (args.advertise || args.no_advertise).then_some(args.advertise),
        account: Some(account.clone()),
        ..export::Edit::default()
    };
    export::edit(&mut session.work, &request)?;
    session.commit()?;
    show_export(globals, &mut session, &account, &args.subject)
}
