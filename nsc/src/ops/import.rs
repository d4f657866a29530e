//! Imports: add, delete; and the activation tokens that permit them.

use nats_jwt::claims::{AccountClaims, Activation, ActivationClaims, Export, ExportType, Import};
use nats_jwt::nkey::Kind;

use super::Outcome;
use super::request::{Times, check_account};
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::signer::Key;
use crate::workspace::{self, Workspace};

/// `add import`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Add {
    /// Activation token: a file or URL
    #[arg(short = 'u', long, value_name = "FILE", conflicts_with_all = ["src_account", "remote_subject", "service"])]
    pub token: Option<String>,
    /// Name of the import; the remote subject when not given
    #[arg(short, long)]
    pub name: Option<String>,
    /// The subject in this account; the remote subject when not given
    #[arg(short = 's', long, value_name = "SUBJECT")]
    pub local_subject: Option<String>,
    /// The exporter's subject
    #[arg(long, value_name = "SUBJECT")]
    pub remote_subject: Option<String>,
    /// A service rather than a stream
    #[arg(long)]
    pub service: bool,
    /// Tell the service who asks
    #[arg(long)]
    pub share: bool,
    /// Message traces go on in this account (streams only)
    #[arg(long)]
    pub allow_trace: bool,
    /// The exporter: name or public key
    #[arg(long, value_name = "ACCOUNT")]
    pub src_account: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Makes an import. For `--token` the caller has read the token.
///
/// # Errors
/// When it makes no sense beside the others.
pub fn add(workspace: &mut Workspace, request: &Add, token: Option<&[u8]>) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let mut report = Report::list();
    let import = match token {
        Some(content) => activated(request, &account, content)?,
        None => direct(workspace, request, &account, &mut report)?,
    };
    if import.account == account.subject {
        refuse!("export issuer is this account");
    }
    if import.kind == ExportType::Stream && import.share {
        refuse!("only services can set the share property");
    }
    if import.kind == ExportType::Service && import.allow_trace {
        refuse!("only streams can be imported with allow-trace");
    }
    let same = |there: &&Import| {
        there.kind == import.kind
            && there.account == import.account
            && there.subject == import.subject
    };
    if let Some(there) = account.nats.imports.iter().find(same) {
        return Err(Error::exists(format!(
            "account already imports {} {:?} from {}",
            there.kind, there.subject, there.account
        )));
    }
    let words = format!("added {} import {:?}", import.kind, import.subject);
    account.nats.imports.push(import);
    store(workspace, &account)?;
    report.ok(words);
    Ok(report.into())
}

/// What changes of an import; only what is mentioned.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// The exporter's subject.
    pub subject: String,
    pub account: Option<String>,
    /// Empty for the exporter's subject.
    pub local_subject: Option<String>,
    pub share: Option<bool>,
    pub allow_trace: Option<bool>,
}

/// Changes an import; yields it.
///
/// # Errors
/// When there is none such, or several, or the change makes no sense.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Import> {
    if request.local_subject.is_none() && request.share.is_none() && request.allow_trace.is_none() {
        return Err(Error::refused("specify an edit option")
            .hint("a local subject, sharing, or tracing can change"));
    }
    let name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&name)?;
    let fits = |import: &Import| import.exporter_subject() == request.subject;
    if account
        .nats
        .imports
        .iter()
        .filter(|import| fits(import))
        .count()
        > 1
    {
        refuse!(
            "account {name:?} imports {:?} from several accounts",
            request.subject
        );
    }
    let Some(import) = account.nats.imports.iter_mut().find(|import| fits(import)) else {
        return Err(Error::missing(format!(
            "account {name:?} does not import {:?}",
            request.subject
        ))
        .hint(format!("see which there are: nsc describe account {name}")));
    };
    if let Some(local) = &request.local_subject {
        if !import.to.is_empty() {
            // The deprecated form of the same; both together are refused.
            import.subject = import.exporter_subject().to_owned();
            import.to.clear();
        }
        import.local_subject.clone_from(local);
    }
    if let Some(share) = request.share {
        import.share = share;
    }
    if let Some(trace) = request.allow_trace {
        import.allow_trace = trace;
    }
    if import.kind == ExportType::Stream && import.share {
        refuse!("only services can set the share property");
    }
    if import.kind == ExportType::Service && import.allow_trace {
        refuse!("only streams can be imported with allow-trace");
    }
    let edited = import.clone();
    store(workspace, &account)?;
    Ok(edited)
}

fn store(workspace: &mut Workspace, account: &AccountClaims) -> Result {
    check_account(workspace, account)?;
    let signer = workspace.signer_of_account(account)?;
    workspace.put_account(account, &signer)?;
    Ok(())
}

/// The import that a request asks for, fitted to the export.
///
/// # Errors
/// When it makes no sense.
pub fn resolved(
    workspace: &mut Workspace,
    account: &AccountClaims,
    request: &Add,
) -> Result<Import> {
    direct(workspace, request, account, &mut Report::list())
}

/// From an activation token.
fn activated(request: &Add, account: &AccountClaims, content: &[u8]) -> Result<Import> {
    let what = request.token.as_deref().unwrap_or("activation token");
    let (token, claims) = workspace::decode::<Activation>(content, what)?;
    if claims.subject != "public" && claims.subject != account.subject {
        refuse!(
            "activation is not intended for this account - it is for {:?}",
            claims.subject
        );
    }
    let issuer = if claims.nats.issuer_account.is_empty() {
        &claims.issuer
    } else {
        &claims.nats.issuer_account
    };
    let remote = claims.nats.import_subject.clone();
    let is_service = claims.nats.import_type == ExportType::Service;
    let is_url = what.starts_with("http://") || what.starts_with("https://");
    Ok(Import {
        name: request.name.clone().unwrap_or(claims.name),
        account: issuer.clone(),
        token: if is_url { what.to_owned() } else { token },
        local_subject: request.local_subject.clone().unwrap_or(if is_service {
            remote.clone()
        } else {
            String::new()
        }),
        subject: remote,
        kind: claims.nats.import_type,
        share: request.share,
        allow_trace: request.allow_trace,
        ..Import::default()
    })
}

/// From an export, which may be one of this store.
fn direct(
    workspace: &mut Workspace,
    request: &Add,
    account: &AccountClaims,
    report: &mut Report,
) -> Result<Import> {
    let (Some(source), Some(remote)) = (&request.src_account, &request.remote_subject) else {
        return Err(Error::refused("public imports require src-account, remote-subject")
            .hint("nsc add import --src-account ACCOUNT --remote-subject SUBJECT, or --token FILE for a private one"));
    };
    let store = workspace.store()?;
    let (source_key, source_name) = if nats_jwt::nkey::is_public_key(source, Kind::Account) {
        (
            source.clone(),
            store.account_of_key(&mut workspace.files, source)?,
        )
    } else {
        let name = workspace.account_name(Some(source))?;
        (workspace.account(&name)?.subject, Some(name))
    };
    let kind = if request.service {
        ExportType::Service
    } else {
        ExportType::Stream
    };
    let mut import = Import {
        name: request.name.clone().unwrap_or_else(|| remote.clone()),
        subject: remote.clone(),
        account: source_key,
        local_subject: request.local_subject.clone().unwrap_or_default(),
        kind,
        share: request.share,
        allow_trace: request.allow_trace,
        ..Import::default()
    };
    if let Some(source_name) = source_name {
        fit(workspace, &mut import, account, &source_name, report)?;
    }
    Ok(import)
}

/// Fits an import to an export of this store: the importer's account stands where the export wants it, and a private export gets an
/// activation token when the exporter's key is at hand.
fn fit(
    workspace: &mut Workspace,
    import: &mut Import,
    account: &AccountClaims,
    source_name: &str,
    report: &mut Report,
) -> Result {
    let source = workspace.account(source_name)?;
    let covers = |export: &&Export| {
        export.kind == import.kind && is_within(&import.subject, &export.subject)
    };
    let Some(export) = source.nats.exports.iter().find(covers) else {
        report.warn(format!(
            "account {source_name:?} does not export {} {:?} - servers ignore this import until it does",
            import.kind, import.subject
        ));
        return Ok(());
    };
    if let Some(at) = usize::try_from(export.account_token_position)
        .ok()
        .and_then(|at| at.checked_sub(1))
    {
        let mut tokens: Vec<&str> = import.subject.split('.').collect();
        match tokens.get_mut(at) {
            Some(token) if *token == "*" => *token = &account.subject,
            Some(token) if *token == account.subject => {}
            _ => refuse!(
                "token {} of the subject has to be the importer's public key {}, or *",
                at + 1,
                account.subject
            ),
        }
        let subject = tokens.join(".");
        if import.local_subject.is_empty()
            && !tokens.iter().any(|token| matches!(*token, "*" | ">"))
        {
            tokens.remove(at);
            import.local_subject = tokens.join(".");
        }
        import.subject = subject;
    }
    if export.token_required {
        match signer_of_activation(workspace, &source) {
            Ok(signer) => {
                let mut claims = activation(&account.subject, &import.subject, export);
                if signer.text() != source.subject {
                    claims.nats.issuer_account.clone_from(&source.subject);
                }
                import.token = claims.encode(&signer, workspace.now())?;
                report.ok(format!(
                    "generated the activation token of private export {:?}",
                    export.name
                ));
            }
            Err(_) => {
                return Err(
                    Error::refused(format!("export {:?} is private", export.name)).hint(
                        "get an activation token from its owner and pass it with --token FILE",
                    ),
                );
            }
        }
    }
    Ok(())
}

/// `-K` names who signs the importer, which is most often the operator; it may be a key or role of the exporter as well.
fn signer_of_activation(workspace: &mut Workspace, source: &AccountClaims) -> Result<Key> {
    if let Ok(signer) = workspace.signer_for_account(source, None) {
        return Ok(signer);
    }
    let given = workspace.signing.key.take();
    let signer = workspace.signer_for_account(source, None);
    workspace.signing.key = given;
    signer
}

pub fn is_within(subject: &str, other: &str) -> bool {
    let bytes = subject.as_bytes();
    nats_proto::subject::is_valid(bytes) && nats_proto::subject::is_subset(bytes, other.as_bytes())
}

fn activation(target: &str, subject: &str, export: &Export) -> ActivationClaims {
    let mut claims = ActivationClaims::new(target);
    claims.name = subject.to_owned();
    claims.nats.import_subject = subject.to_owned();
    claims.nats.import_type = export.kind;
    claims
}

/// `generate activation`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Activate {
    /// What may be imported; the export's subject when there is only one private export
    #[arg(short, long)]
    pub subject: Option<String>,
    /// Who may import: public key, or name of an account of this operator
    #[arg(short, long, value_name = "ACCOUNT")]
    pub target_account: Option<String>,
    /// Where to write the token; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
    /// Hand the token to the account server
    #[arg(long)]
    pub push: bool,
    /// Name or public key of the exporting account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
    #[command(flatten)]
    pub times: Times,
}

/// Makes an activation token; yields it, and what is said about it.
///
/// # Errors
/// When there is no such private export, or the exporter's key is missing.
pub fn activate(workspace: &mut Workspace, request: &Activate) -> Result<(String, Report)> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let account = workspace.account(&account_name)?;
    let private: Vec<&Export> = account
        .nats
        .exports
        .iter()
        .filter(|export| export.token_required)
        .collect();
    let subject = match (&request.subject, private.as_slice()) {
        (_, []) => refuse!(
            "account {account_name:?} doesn't have exports that require an activation token"
        ),
        (Some(subject), _) => subject.clone(),
        (None, [only]) => only.subject.clone(),
        (None, _) => return Err(Error::refused("a subject is required").hint("pass --subject")),
    };
    let Some(export) = private
        .iter()
        .find(|export| is_within(&subject, &export.subject))
    else {
        refuse!("a private export for {subject:?} was not found in account {account_name:?}");
    };
    let Some(target) = &request.target_account else {
        return Err(Error::refused("a target account is required")
            .hint("pass --target-account with the importer's public key"));
    };
    let target = if nats_jwt::nkey::is_public_key(target, Kind::Account) {
        target.clone()
    } else {
        let name = workspace.account_name(Some(target))?;
        workspace.account(&name)?.subject
    };
    let signer = workspace.signer_for_account(&account, None)?;
    let mut claims = activation(&target, &subject, export);
    if signer.text() != account.subject {
        claims.nats.issuer_account.clone_from(&account.subject);
    }
    let now = workspace.now();
    request.times.set(&mut claims, now)?;
    let token = claims.encode(&signer, now)?;
    let mut report = Report::list();
    report.ok(format!(
        "generated {:?} activation for account {target:?}",
        export.name
    ));
    let words = |when: i64| {
        format!(
            "{} - {}",
            crate::text::date(when),
            crate::text::distance(when, now)
        )
    };
    if claims.not_before > 0 {
        report.ok(format!("token valid {}", words(claims.not_before)));
    }
    if claims.expires > 0 {
        report.ok(format!("token expires {}", words(claims.expires)));
    }
    Ok((token, report))
}

/// `delete import`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Delete {
    /// The import's remote subject, when there is more than one import
    #[arg(value_name = "SUBJECT")]
    pub positional: Option<String>,
    /// The import's remote subject, when there is more than one import
    #[arg(short, long, conflicts_with = "positional")]
    pub subject: Option<String>,
    /// Name or public key of the exporter, when several export the subject
    #[arg(long, value_name = "ACCOUNT")]
    pub src_account: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Deletes an import.
///
/// # Errors
/// When there is none such, or more than one.
pub fn delete(workspace: &mut Workspace, request: &Delete) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let imports = &account.nats.imports;
    if imports.is_empty() {
        refuse!("account {account_name:?} doesn't have imports");
    }
    let subject = request.positional.as_deref().or(request.subject.as_deref());
    let source = match &request.src_account {
        Some(given) if !nats_jwt::nkey::is_public_key(given, Kind::Account) => {
            let name = workspace.account_name(Some(given))?;
            Some(workspace.account(&name)?.subject)
        }
        given => given.clone(),
    };
    let fits = |import: &Import| {
        subject.is_none_or(|subject| import.subject == subject)
            && source
                .as_ref()
                .is_none_or(|source| import.account == *source)
    };
    let found: Vec<usize> = (0..imports.len())
        .filter(|at| fits(&imports[*at]))
        .collect();
    let at = match (found.as_slice(), subject) {
        ([only], _) => *only,
        ([], _) => {
            let all: Vec<_> = imports
                .iter()
                .map(|import| import.subject.as_str())
                .collect();
            return Err(Error::missing(format!(
                "no import matching {:?} found",
                subject.unwrap_or_default()
            ))
            .hint(format!("imports are: {}", all.join(", "))));
        }
        (_, None) => return Err(Error::refused("subject is required").hint("pass --subject")),
        (several, Some(subject)) => {
            let sources: Vec<_> = several
                .iter()
                .map(|at| imports[*at].account.as_str())
                .collect();
            refuse!(
                "more than one import {subject:?} found - specify --src-account with one of {}",
                sources.join(", ")
            );
        }
    };
    let gone = account.nats.imports.remove(at);
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(format!("deleted {} import {:?}", gone.kind, gone.subject));
    Ok(report.into())
}
