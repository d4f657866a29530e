//! `nats auth account imports` and `exports`.

use nats_jwt::claims::{ExportType, Import};
use nats_nsc::ops::{export, import};

use super::Session;
use super::session::{Form, ListForm, Listed, Of, OfAccount, confirmed, document};
use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Columns};

#[derive(Debug, clap::Subcommand)]
pub enum Imports {
    /// Add an import
    #[command(
        after_help = "Example:\n  nats auth account imports add prices 'price.*' SHOP --source PRICES --service"
    )]
    Add(AddImport),
    /// Show an import
    #[command(after_help = "Example:\n  nats auth account imports info 'price.*' SHOP")]
    Info(Info),
    /// Edit an import: only what is mentioned
    #[command(
        after_help = "Example:\n  nats auth account imports edit 'price.*' SHOP --local 'shop.price.*'"
    )]
    Edit(EditImport),
    /// List imports
    #[command(after_help = "Example:\n  nats auth account imports ls SHOP")]
    Ls(ListImports),
    /// Remove an import
    #[command(after_help = "Example:\n  nats auth account imports rm 'price.*' SHOP --force")]
    Rm(Remove),
}

#[derive(Debug, clap::Subcommand)]
pub enum Exports {
    /// Add an export
    #[command(
        after_help = "Example:\n  nats auth account exports add prices 'price.*' PRICES --service"
    )]
    Add(AddExport),
    /// Show an export
    #[command(after_help = "Example:\n  nats auth account exports info 'price.*' PRICES")]
    Info(Info),
    /// Edit an export: only what is mentioned
    #[command(
        after_help = "Example:\n  nats auth account exports edit 'price.*' PRICES --description 'what things cost'"
    )]
    Edit(EditExport),
    /// List exports
    #[command(after_help = "Example:\n  nats auth account exports ls PRICES")]
    Ls(List),
    /// Remove an export
    #[command(after_help = "Example:\n  nats auth account exports rm 'price.*' PRICES --force")]
    Rm(Remove),
}

switches! {
    /// What an import passes on.
    Passing {
        /// Tell the service who asks
        share: "share",
        /// Message traces go on in this account
        traceable: "traceable",
    }
}

switches! {
    /// Who gets to know of an export.
    Advertising {
        /// Announce the export
        advertise: "advertise",
    }
}

#[derive(Debug, clap::Args)]
pub struct AddImport {
    /// Name of the import
    name: String,
    /// The exporter's subject
    subject: String,
    #[command(flatten)]
    at: OfAccount,
    /// The exporter: name or public key
    #[arg(long, value_name = "ACCOUNT")]
    source: String,
    /// The subject in this account
    #[arg(long, value_name = "SUBJECT")]
    local: Option<String>,
    #[command(flatten)]
    passing: Passing,
    /// A service rather than a stream
    #[arg(long)]
    service: bool,
}

#[derive(Debug, clap::Args)]
pub struct EditImport {
    /// The exporter's subject
    subject: String,
    #[command(flatten)]
    at: OfAccount,
    /// The subject in this account; empty for the exporter's
    #[arg(long, value_name = "SUBJECT")]
    local: Option<String>,
    #[command(flatten)]
    passing: Passing,
}

/// What there is to know about an export.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct About {
    /// What it is for
    #[arg(long)]
    description: Option<String>,
    /// Where to read more about it
    #[arg(long)]
    url: Option<String>,
    /// The token of the subject that is the importer's account
    #[arg(long, value_name = "POSITION")]
    token_position: Option<u64>,
    #[command(flatten)]
    advertising: Advertising,
}

#[derive(Debug, clap::Args)]
pub struct AddExport {
    /// Name of the export
    name: String,
    /// What is exported
    subject: String,
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    about: About,
    /// A service rather than a stream
    #[arg(long)]
    service: bool,
}

#[derive(Debug, clap::Args)]
pub struct EditExport {
    /// What is exported
    subject: String,
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    about: About,
}

#[derive(Debug, clap::Args)]
pub struct Info {
    /// The subject, when there is more than one
    subject: Option<String>,
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    at: OfAccount,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct ListImports {
    /// The account, when it is not the chosen one
    account: Option<String>,
    /// The operator, when it is not the selected one
    #[arg(value_name = "OPERATOR", conflicts_with = "operator")]
    of_operator: Option<String>,
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The subject
    subject: String,
    #[command(flatten)]
    at: OfAccount,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
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
            let (mut session, account) = args.at.open()?;
            let imports = session.work.account(&account)?.nats.imports;
            let import = pick(&imports, args.subject.as_deref(), |import| &import.subject);
            let import = import.ok_or_else(|| not_found("import", &account))?;
            if args.form.json {
                return output::json(import);
            }
            show_import(globals, &mut session, import)
        }
        Imports::Edit(args) => edit_import(globals, args),
        Imports::Ls(args) => list_imports(globals, args),
        Imports::Rm(args) => remove(args, "import", |session, subject, account| {
            let request = import::Delete {
                subject: Some(subject),
                account: Some(account),
                ..import::Delete::default()
            };
            import::delete(&mut session.work, &request).map(drop)
        }),
    }
}

pub fn exports(globals: &Globals, command: Exports) -> Result {
    match command {
        Exports::Add(args) => add_export(globals, args),
        Exports::Info(args) => {
            let (mut session, account) = args.at.open()?;
            let exports = session.work.account(&account)?.nats.exports;
            let export = pick(&exports, args.subject.as_deref(), |export| &export.subject);
            let export = export.ok_or_else(|| not_found("export", &account))?;
            if args.form.json {
                return output::json(export);
            }
            show_export(globals, &mut session, &account, &export.subject)
        }
        Exports::Edit(args) => edit_export(globals, args),
        Exports::Ls(args) => list_exports(globals, &args),
        Exports::Rm(args) => remove(args, "export", |session, subject, account| {
            let request = export::Delete {
                subject: Some(subject),
                account: Some(account),
                ..export::Delete::default()
            };
            export::delete(&mut session.work, &request).map(drop)
        }),
    }
}

fn remove(
    args: Remove,
    what: &str,
    delete: impl FnOnce(&mut Session, String, String) -> nats_nsc::error::Result,
) -> Result {
    let (mut session, account) = args.at.open()?;
    let subject = args.subject;
    if !confirmed(args.force, &format!("Really remove the {what} {subject}"))? {
        return Ok(());
    }
    delete(&mut session, subject.clone(), account)?;
    session.commit()?;
    outln!("Removed {what} {subject}")
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
    let (mut session, account) = args.at.open()?;
    let request = import::Add {
        name: Some(args.name.clone()),
        remote_subject: Some(args.subject),
        local_subject: args.local,
        src_account: Some(args.source),
        service: args.service,
        share: args.passing.share.unwrap_or_default(),
        allow_trace: args.passing.traceable.unwrap_or_default(),
        account: Some(account.clone()),
        token: None,
    };
    import::add(&mut session.work, &request, None)?;
    session.commit()?;
    let imports = session.work.account(&account)?.nats.imports;
    let import = imports.iter().find(|import| import.name == args.name);
    let import = import.ok_or_else(|| not_found("import", &account))?;
    show_import(globals, &mut session, import)
}

fn edit_import(globals: &Globals, args: EditImport) -> Result {
    let (mut session, account) = args.at.open()?;
    let request = import::Edit {
        subject: args.subject,
        account: Some(account),
        local_subject: args.local,
        share: args.passing.share,
        allow_trace: args.passing.traceable,
    };
    let import = import::edit(&mut session.work, &request)?;
    session.commit()?;
    show_import(globals, &mut session, &import)
}

fn list_imports(globals: &Globals, args: ListImports) -> Result {
    let operator = args.of_operator.or(args.of.operator);
    let account = args.account;
    let of = Of { operator };
    let (mut session, account) = OfAccount { account, of }.open()?;
    let imports = session.work.account(&account)?.nats.imports;
    let rows = imports.iter().map(|import| {
        vec![
            import.name.clone(),
            import.kind.to_string(),
            session.name_of(&import.account),
            import.exporter_subject().to_owned(),
            import.local_subject.clone(),
        ]
    });
    let listed = Listed {
        title: format!("Imports of account {account}"),
        none: "No imports defined",
        header: &["Name", "Type", "Source", "Subject", "Local Subject"],
        rows: rows.collect(),
        document: document(&imports),
    };
    let form = args.form;
    listed.print(globals, ListForm { names: false, form })
}

fn add_export(globals: &Globals, args: AddExport) -> Result {
    let (mut session, account) = args.at.open()?;
    let request = export::Add {
        name: Some(args.name),
        subject: Some(args.subject.clone()),
        service: args.service,
        account_token_position: args.about.token_position,
        advertise: args.about.advertising.advertise.unwrap_or_default(),
        description: args.about.description,
        info_url: args.about.url,
        account: Some(account.clone()),
        ..export::Add::default()
    };
    export::add(&mut session.work, &request)?;
    session.commit()?;
    show_export(globals, &mut session, &account, &args.subject)
}

fn list_exports(globals: &Globals, args: &List) -> Result {
    let (mut session, account) = args.at.open()?;
    let exports = session.work.account(&account)?.nats.exports;
    let rows = exports.iter().map(|export| {
        vec![
            export.name.clone(),
            export.kind.to_string(),
            export.subject.clone(),
            export.token_required.to_string(),
            export.advertise.to_string(),
            export.account_token_position.to_string(),
            export.revocations.len().to_string(),
        ]
    });
    let listed = Listed {
        title: format!("Exports of account {account}"),
        none: "No exports defined",
        header: &[
            "Name",
            "Type",
            "Subject",
            "Activation Required",
            "Advertised",
            "Token Position",
            "Revocations",
        ],
        rows: rows.collect(),
        document: document(&exports),
    };
    let form = args.form;
    listed.print(globals, ListForm { names: false, form })
}

fn edit_export(globals: &Globals, args: EditExport) -> Result {
    let (mut session, account) = args.at.open()?;
    let request = export::Edit {
        subject: Some(args.subject.clone()),
        description: args.about.description,
        info_url: args.about.url,
        account_token_position: args.about.token_position,
        advertise: args.about.advertising.advertise,
        account: Some(account.clone()),
        ..export::Edit::default()
    };
    export::edit(&mut session.work, &request)?;
    session.commit()?;
    show_export(globals, &mut session, &account, &args.subject)
}
