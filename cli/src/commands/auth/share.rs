//! `nats auth account imports` and `exports`.

use nats_jwt::claims::{Export, ExportType, Import};
use nats_nsc::ops::{export, import};

use super::Session;
use super::session::{Form, ListForm, ListOf, Listed, Of, OfAccount, confirmed, document};
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
    Ls(ListOf),
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
    /// The subject in this account, or the exporter's
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

/// The import that is meant: known under this subject here, else by the exporter, or the only one.
fn pick_import<'a>(all: &'a [Import], subject: Option<&str>) -> Option<&'a Import> {
    let Some(subject) = subject else {
        return match all {
            [only] => Some(only),
            _ => None,
        };
    };
    let here = all.iter().find(|import| local(import) == subject);
    here.or_else(|| all.iter().find(|import| import.subject == subject))
}

/// The subject of an import in the account that has it.
fn local(import: &Import) -> &str {
    match import.local_subject.as_str() {
        "" => import.exporter_subject(),
        local => local,
    }
}

/// The export with this subject, or the only one.
fn pick_export<'a>(all: &'a [Export], subject: Option<&str>) -> Option<&'a Export> {
    match (subject, all) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(subject), all) => all.iter().find(|export| export.subject == subject),
    }
}

/// `Stream` or `Service`.
fn kind(kind: ExportType) -> &'static str {
    match kind {
        ExportType::Service => "Service",
        _ => "Stream",
    }
}

pub fn imports(globals: &Globals, command: Imports) -> Result {
    match command {
        Imports::Add(args) => add_import(globals, args),
        Imports::Info(args) => {
            let (mut session, account) = args.at.open()?;
            let imports = session.work.account(&account)?.nats.imports;
            let import = pick_import(&imports, args.subject.as_deref());
            let import = import.ok_or_else(|| not_found("import", &account))?;
            if args.form.json {
                return output::json(import);
            }
            show_import(globals, &mut session, import)
        }
        Imports::Edit(args) => edit_import(globals, args),
        Imports::Ls(args) => list_imports(globals, args),
        Imports::Rm(args) => remove_import(args),
    }
}

pub fn exports(globals: &Globals, command: Exports) -> Result {
    match command {
        Exports::Add(args) => add_export(globals, args),
        Exports::Info(args) => {
            let (mut session, account) = args.at.open()?;
            let exports = session.work.account(&account)?.nats.exports;
            let export = pick_export(&exports, args.subject.as_deref());
            let export = export.ok_or_else(|| not_found("export", &account))?;
            if args.form.json {
                return output::json(export);
            }
            show_export(globals, &mut session, &account, &export.subject)
        }
        Exports::Edit(args) => edit_export(globals, args),
        Exports::Ls(args) => list_exports(globals, &args),
        Exports::Rm(args) => remove_export(args),
    }
}

fn remove_import(args: Remove) -> Result {
    let (mut session, account) = args.at.open()?;
    let imports = session.work.account(&account)?.nats.imports;
    let import = pick_import(&imports, Some(&args.subject));
    let import = import.ok_or_else(|| not_found("import", &account))?;
    let question = format!("Really remove the {} import", local(import));
    if !confirmed(args.force, &question)? {
        return Ok(());
    }
    let request = import::Delete {
        subject: Some(import.subject.clone()),
        src_account: Some(import.account.clone()),
        account: Some(account),
        ..import::Delete::default()
    };
    import::delete(&mut session.work, &request)?;
    session.commit()?;
    outln!(
        "Removed {} import for local subject {:?} from account {:?}",
        import.kind,
        local(import),
        import.account
    )
}

fn remove_export(args: Remove) -> Result {
    let (mut session, account) = args.at.open()?;
    let exports = session.work.account(&account)?.nats.exports;
    let export = pick_export(&exports, Some(&args.subject));
    let export = export.ok_or_else(|| not_found("export", &account))?;
    let question = format!("Really remove the {} Export", export.subject);
    if !confirmed(args.force, &question)? {
        return Ok(());
    }
    let request = export::Delete {
        subject: Some(args.subject.clone()),
        account: Some(account),
        ..export::Delete::default()
    };
    export::delete(&mut session.work, &request)?;
    session.commit()?;
    outln!(
        "Removed {} export for subject {:?}",
        export.kind,
        args.subject
    )
}

fn show_import(globals: &Globals, session: &mut Session, import: &Import) -> Result {
    let heading = format!(
        "Import info for import {:?} importing {:?}",
        import.name,
        local(import)
    );
    let from = match session.name_of(&import.account) {
        name if name == import.account => name,
        name => format!("{name} ({})", import.account),
    };
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Configuration");
    columns.row("Name", import.name.as_str());
    columns.row("From Account", from.as_str());
    columns.row("Local Subject", local(import));
    columns.row("Kind", kind(import.kind));
    columns.row("Remote Subject", import.exporter_subject());
    columns.row("Sharing Connection Info", import.share);
    columns.row_if(!import.token.is_empty(), "Activation Token", true);
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
    let heading = format!(
        "Export info for {} exporting {}",
        export.name, export.subject
    );
    let mut columns = Columns::new(heading, globals.scheme());
    columns.section("Configuration");
    columns.row("Name", export.name.as_str());
    columns.row_unless_empty("Description", &export.description);
    columns.row("Kind", kind(export.kind));
    columns.row_unless_empty("Info", &export.info_url);
    columns.row("Subject", export.subject.as_str());
    columns.row("Activation Required", export.token_required);
    columns.row(
        "Account Token Position",
        export.account_token_position.to_string().as_str(),
    );
    columns.row("Advertised", export.advertise);
    columns.section("Revocations");
    if export.revocations.is_empty() {
        columns.text("");
        columns.text("No revocations found");
    }
    for (key, at) in export.revocations.iter() {
        columns.row(&nats_nsc::text::date(at), key);
    }
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
    let imports = session.work.account(&account)?.nats.imports;
    let import = pick_import(&imports, Some(&args.subject));
    let import = import.ok_or_else(|| not_found("import", &account))?;
    let request = import::Edit {
        subject: import.subject.clone(),
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
            kind(import.kind).to_owned(),
            session.name_of(&import.account),
            local(import).to_owned(),
            import.exporter_subject().to_owned(),
            match import.kind {
                ExportType::Stream => import.allow_trace.to_string(),
                _ => String::new(),
            },
            import.share.to_string(),
        ]
    });
    let listed = Listed {
        title: format!("Imports for account {account}"),
        none: "No Imports defined",
        header: &[
            "Name",
            "Kind",
            "Source",
            "Local Subject",
            "Remote Subject",
            "Allows Tracing",
            "Sharing Connection Info",
        ],
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

fn list_exports(globals: &Globals, args: &ListOf) -> Result {
    let (mut session, account) = args.at.open()?;
    let exports = session.work.account(&account)?.nats.exports;
    let rows = exports.iter().map(|export| {
        vec![
            export.name.clone(),
            kind(export.kind).to_owned(),
            export.subject.clone(),
            export.token_required.to_string(),
            export.advertise.to_string(),
            export.account_token_position.to_string(),
            export.revocations.len().to_string(),
        ]
    });
    let listed = Listed {
        title: format!("Exports for account {account}"),
        none: "No Exports defined",
        header: &[
            "Name",
            "Kind",
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
