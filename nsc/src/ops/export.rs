//! Exports: add, edit, delete.

use nats_jwt::claims::{AccountClaims, Export, ExportType, Latency, ResponseType, Sampling};

use super::Outcome;
use super::request::check_account;
use crate::error::{Error, Result};
use crate::refuse;
use crate::report::Report;
use crate::text;
use crate::workspace::Workspace;

/// `add export`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Add {
    /// Name of the export; the subject when not given
    #[arg(short, long)]
    pub name: Option<String>,
    /// What is exported
    #[arg(short, long)]
    pub subject: Option<String>,
    /// A service rather than a stream
    #[arg(short = 'r', long)]
    pub service: bool,
    /// Importers need an activation token
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub private: Option<bool>,
    /// Subject for measurements of the service
    #[arg(long, value_name = "SUBJECT")]
    pub latency: Option<String>,
    /// Which requests are measured: 1-100 percent, or header
    #[arg(long, value_name = "RATE")]
    pub sampling: Option<String>,
    /// How long the service may take
    #[arg(long, value_name = "DURATION")]
    pub response_threshold: Option<String>,
    /// How the service answers: Singleton, Stream or Chunked
    #[arg(long, value_name = "TYPE")]
    pub response_type: Option<String>,
    /// Message traces go on in this account (services only)
    #[arg(long)]
    pub allow_trace: bool,
    /// The token of the subject (from 1) that is the importer's account
    #[arg(long, value_name = "POSITION")]
    pub account_token_position: Option<u64>,
    /// Announce the export
    #[arg(long)]
    pub advertise: bool,
    /// What the export is for
    #[arg(long)]
    pub description: Option<String>,
    /// Where to read more about it
    #[arg(long, value_name = "URL")]
    pub info_url: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

impl Add {
    /// The export that is asked for.
    ///
    /// # Errors
    /// When parts do not go together.
    pub fn build(&self) -> Result<Export> {
        let Some(subject) = self.subject.clone().filter(|subject| !subject.is_empty()) else {
            return Err(
                Error::refused("a subject is required").hint("nsc add export --subject 'orders.>'")
            );
        };
        let private = self.private.unwrap_or(false);
        if private && self.account_token_position.unwrap_or(0) != 0 {
            refuse!("account token position is only valid for public exports");
        }
        if !self.service {
            let given = [
                ("response type", self.response_type.is_some()),
                ("response threshold", self.response_threshold.is_some()),
                ("latency", self.latency.is_some()),
                ("allow trace", self.allow_trace),
            ];
            if let Some((what, _)) = given.iter().find(|(_, given)| *given) {
                refuse!("{what} can only be specified in conjunction with service");
            }
        }
        let mut export = Export {
            name: self.name.clone().unwrap_or_else(|| subject.clone()),
            subject,
            kind: if self.service {
                ExportType::Service
            } else {
                ExportType::Stream
            },
            token_required: private,
            account_token_position: self.account_token_position.unwrap_or(0),
            advertise: self.advertise,
            allow_trace: self.allow_trace,
            description: self.description.clone().unwrap_or_default(),
            info_url: self.info_url.clone().unwrap_or_default(),
            ..Export::default()
        };
        if self.service {
            export.response_type =
                response_type(self.response_type.as_deref().unwrap_or("Singleton"))?;
            export.response_threshold_ns = threshold(self.response_threshold.as_deref())?;
        }
        if let Some(results) = &self.latency {
            export.latency = Some(Latency {
                sampling: sampling(self.sampling.as_deref().unwrap_or("header"))?,
                results: results.clone(),
            });
        } else if self.sampling.is_some() {
            refuse!("sampling needs a subject for the measurements: --latency");
        }
        Ok(export)
    }
}

fn threshold(text: Option<&str>) -> Result<i64> {
    text.map_or(Ok(0), |text| {
        text::duration_ns(text).map_err(Error::refused)
    })
}

fn response_type(word: &str) -> Result<ResponseType> {
    let known = ["Singleton", "Stream", "Chunked"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(word));
    match known {
        Some(known) => Ok(ResponseType::from(known)),
        None => Err(Error::refused(format!("unknown response type {word:?}"))
            .hint("known are Singleton, Stream and Chunked")),
    }
}

/// Which requests are measured, in words: `header`, or a percentage.
///
/// # Errors
/// Anything else.
pub fn sampling(text: &str) -> Result<Sampling> {
    if text.eq_ignore_ascii_case("header") || text.eq_ignore_ascii_case("headers") {
        return Ok(Sampling::Headers);
    }
    match text.trim_end_matches('%').parse() {
        Ok(percent @ 1..=100) => Ok(Sampling::Percent(percent)),
        _ => Err(Error::refused(
            "sampling must be between 1 and 100 inclusive, or header",
        )),
    }
}

/// Makes an export.
///
/// # Errors
/// When it makes no sense beside the others.
pub fn add(workspace: &mut Workspace, request: &Add) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let export = request.build()?;
    let visibility = if export.token_required {
        "private"
    } else {
        "public"
    };
    let words = format!(
        "added {visibility} {} export {:?}",
        export.kind, export.name
    );
    if let Some(there) = account
        .nats
        .exports
        .iter()
        .find(|there| there.subject == export.subject && there.kind == export.kind)
    {
        return Err(Error::exists(format!(
            "account {account_name:?} exports {:?} already as {:?}",
            there.subject, there.name
        ))
        .hint("change it with: nsc edit export"));
    }
    account.nats.exports.push(export);
    store(workspace, &account)?;
    let mut report = Report::list();
    report.ok(words);
    Ok(report.into())
}

fn store(workspace: &mut Workspace, account: &AccountClaims) -> Result {
    check_account(workspace, account)?;
    let signer = workspace.signer_of_account(account)?;
    workspace.put_account(account, &signer)?;
    Ok(())
}

/// `edit export`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Edit {
    /// The export's subject, when there is more than one export
    #[arg(short, long)]
    pub subject: Option<String>,
    /// Which of them, when a stream and a service have the same subject
    #[arg(long = "type", value_name = "KIND", value_parser = KINDS)]
    pub kind: Option<String>,
    /// Another subject
    #[arg(long, value_name = "SUBJECT")]
    pub new_subject: Option<String>,
    /// Another name
    #[arg(short, long)]
    pub name: Option<String>,
    /// A service rather than a stream
    #[arg(short = 'r', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub service: Option<bool>,
    /// Importers need an activation token
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub private: Option<bool>,
    /// Subject for measurements of the service
    #[arg(long, value_name = "SUBJECT")]
    pub latency: Option<String>,
    /// Which requests are measured: 1-100 percent, or header
    #[arg(long, value_name = "RATE")]
    pub sampling: Option<String>,
    /// Measure no longer
    #[arg(long, conflicts_with_all = ["latency", "sampling"])]
    pub rm_latency_sampling: bool,
    /// How long the service may take
    #[arg(long, value_name = "DURATION")]
    pub response_threshold: Option<String>,
    /// How the service answers: Singleton, Stream or Chunked
    #[arg(long, value_name = "TYPE")]
    pub response_type: Option<String>,
    /// Message traces go on in this account (services only)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub allow_trace: Option<bool>,
    /// The token of the subject (from 1) that is the importer's account; 0 for none
    #[arg(long, value_name = "POSITION")]
    pub account_token_position: Option<u64>,
    /// Announce the export
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub advertise: Option<bool>,
    /// What the export is for
    #[arg(long)]
    pub description: Option<String>,
    /// Where to read more about it
    #[arg(long, value_name = "URL")]
    pub info_url: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Changes an export: only what is mentioned.
///
/// # Errors
/// When there is none such, or the change makes no sense.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let at = find(
        &account,
        &account_name,
        request.subject.as_deref(),
        request.kind.as_deref(),
    )?;
    let mut report = Report::list();
    check_free(&account, at, request)?;
    let export = &mut account.nats.exports[at];
    if let Some(name) = &request.name {
        export.name.clone_from(name);
        report.ok(format!("changed export name to {name}"));
    }
    nature(request, export, &mut report);
    measure(request, export, &mut report)?;
    if let Some(kind) = &request.response_type {
        export.response_type = response_type(kind)?;
        report.ok(format!(
            "changed response type to {}",
            export.response_type.as_str()
        ));
    }
    if let Some(text) = &request.response_threshold {
        export.response_threshold_ns = threshold(Some(text))?;
        report.ok(format!(
            "changed response threshold to {}",
            text::duration(export.response_threshold_ns)
        ));
    }
    attributes(request, export, &mut report);
    if report.details().is_empty() {
        return Err(
            Error::refused("please specify some options").hint("see: nsc edit export --help")
        );
    }
    if export.kind == ExportType::Stream {
        if export.response_threshold_ns != 0 || export.response_type != ResponseType::Unset {
            refuse!("response type and threshold are only applicable to services");
        }
        if export.allow_trace {
            refuse!("allow trace is only applicable to services");
        }
    }
    let words = format!("edited {} export {:?}", export.kind, export.name);
    store(workspace, &account)?;
    report.ok(words);
    Ok(report.into())
}

/// An export keeps its subject for itself, among those of its kind.
fn check_free(account: &AccountClaims, at: usize, request: &Edit) -> Result {
    let Some(subject) = &request.new_subject else {
        return Ok(());
    };
    if subject.is_empty() {
        refuse!("an export needs a subject");
    }
    let kind = account.nats.exports[at].kind;
    let kind = match request.service {
        Some(true) => ExportType::Service,
        Some(false) => ExportType::Stream,
        None => kind,
    };
    let taken = |(other, export): (usize, &Export)| {
        other != at && export.kind == kind && export.subject == *subject
    };
    if account.nats.exports.iter().enumerate().any(taken) {
        return Err(Error::exists(format!(
            "account {:?} exports {subject:?} already",
            account.name
        )));
    }
    Ok(())
}

/// Subject, public or private, stream or service.
fn nature(request: &Edit, export: &mut Export, report: &mut Report) {
    if let Some(subject) = &request.new_subject
        && *subject != export.subject
    {
        if export.name == export.subject && request.name.is_none() {
            // It was named after its subject.
            export.name.clone_from(subject);
        }
        export.subject.clone_from(subject);
        report.warn(format!(
            "changed subject to {subject:?} - this will break importers"
        ));
    }
    if let Some(private) = request.private
        && private != export.token_required
    {
        export.token_required = private;
        if private {
            report.warn("changed export to be private - this will break importers");
        } else {
            report.ok("changed export to be public");
        }
    }
    if let Some(service) = request.service {
        let kind = if service {
            ExportType::Service
        } else {
            ExportType::Stream
        };
        if kind != export.kind {
            export.kind = kind;
            report.warn(format!(
                "changed export type to {:?} - this will break importers",
                kind.as_str()
            ));
            if service {
                export.response_type = ResponseType::Singleton;
            } else {
                (export.response_type, export.response_threshold_ns) = (ResponseType::Unset, 0);
                (export.latency, export.allow_trace) = (None, false);
            }
        }
    }
}

fn measure(request: &Edit, export: &mut Export, report: &mut Report) -> Result {
    if request.rm_latency_sampling {
        report.ok(if export.latency.take().is_some() {
            "removed latency tracking"
        } else {
            "no need to remove latency tracking as it was not set"
        });
    }
    if request.latency.is_none() && request.sampling.is_none() {
        return Ok(());
    }
    let latency = export.latency.get_or_insert_with(Latency::default);
    if let Some(rate) = &request.sampling {
        latency.sampling = sampling(rate)?;
        let unit = if rate.parse::<u64>().is_ok() { "%" } else { "" };
        report.ok(format!("changed service latency to {rate}{unit}"));
    }
    if let Some(results) = &request.latency {
        let moved = !latency.results.is_empty() && latency.results != *results;
        latency.results.clone_from(results);
        report.ok(format!("changed service latency subject to {results}"));
        if moved {
            report.warn("changed latency subject will break consumers of the report");
        }
    }
    if latency.results.is_empty() {
        refuse!("sampling needs a subject for the measurements: --latency");
    }
    Ok(())
}

fn attributes(request: &Edit, export: &mut Export, report: &mut Report) {
    if let Some(allow) = request.allow_trace {
        export.allow_trace = allow;
        report.ok(format!("changed allowed trace to {allow}"));
    }
    if let Some(position) = request.account_token_position {
        export.account_token_position = position;
        report.ok(format!("changed account token position to {position}"));
    }
    if let Some(advertise) = request.advertise {
        export.advertise = advertise;
        report.ok(format!("changed advertise to {advertise}"));
    }
    if let Some(description) = &request.description {
        export.description.clone_from(description);
        report.ok(format!("changed description to {description:?}"));
    }
    if let Some(url) = &request.info_url {
        export.info_url.clone_from(url);
        report.ok(format!("changed info url to {url:?}"));
    }
}

/// The kinds of exports, in words.
const KINDS: [&str; 2] = ["stream", "service"];

/// The export with this subject, or the only one.
fn find(
    account: &AccountClaims,
    name: &str,
    subject: Option<&str>,
    kind: Option<&str>,
) -> Result<usize> {
    let exports = &account.nats.exports;
    if exports.is_empty() {
        refuse!("account {name:?} doesn't have exports");
    }
    let all: Vec<_> = exports
        .iter()
        .map(|export| export.subject.as_str())
        .collect();
    let all = format!("exports are: {}", all.join(", "));
    let fits = |export: &Export| {
        subject.is_none_or(|subject| export.subject == subject)
            && kind.is_none_or(|kind| export.kind.as_str() == kind)
    };
    let found: Vec<usize> = (0..exports.len())
        .filter(|at| fits(&exports[*at]))
        .collect();
    match (found.as_slice(), subject) {
        ([only], _) => Ok(*only),
        ([], _) => Err(Error::missing(format!(
            "no export with subject {:?} found",
            subject.unwrap_or_default()
        ))
        .hint(all)),
        (_, None) => Err(Error::refused("a subject is required").hint(all)),
        (_, Some(subject)) => Err(Error::refused(format!(
            "account {name:?} exports {subject:?} as a stream and as a service"
        ))
        .hint("say which: --type stream, or --type service")),
    }
}

/// `delete export`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Delete {
    /// The export's subject, when there is more than one export
    #[arg(value_name = "SUBJECT")]
    pub positional: Option<String>,
    /// The export's subject, when there is more than one export
    #[arg(short, long, conflicts_with = "positional")]
    pub subject: Option<String>,
    /// Which of them, when a stream and a service have the same subject
    #[arg(long = "type", value_name = "KIND", value_parser = KINDS)]
    pub kind: Option<String>,
    /// Name or public key of the account, when it is not the chosen one
    #[arg(short, long)]
    pub account: Option<String>,
}

/// Deletes an export.
///
/// # Errors
/// When there is none such.
pub fn delete(workspace: &mut Workspace, request: &Delete) -> Result<Outcome> {
    let account_name = workspace.account_name(request.account.as_deref())?;
    let mut account = workspace.edit_account(&account_name)?;
    let given = request.positional.as_deref().or(request.subject.as_deref());
    let at = find(&account, &account_name, given, request.kind.as_deref())?;
    let gone = account.nats.exports.remove(at);
    store(workspace, &account)?;
    let mut report = Report::counted();
    report.ok(format!("deleted {} export {:?}", gone.kind, gone.subject));
    Ok(report.into())
}
