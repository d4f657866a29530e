//! What accounts share: the keys of `exports` and `imports`.

use std::time::Duration;

use nats_conf::Value;
use nats_proto::subject;

use super::accounts::{
    Export, ExportKind, Import, ImportKind, LatencySampling, ResponseType, ServiceLatency,
};
use super::setting::{self, Reading, Setting};
use super::table::{Key, Reload, Row, key, read_map, rows};

/// An export while it is read.
#[derive(Default)]
struct ExportDraft {
    stream: Option<String>,
    service: Option<String>,
    accounts: Option<Vec<String>>,
    account_token_position: Option<u32>,
    response: Option<ResponseType>,
    threshold: Option<Duration>,
    latency: Option<ServiceLatency>,
    allow_trace: Option<bool>,
}

static EXPORT_KEYS: &[Key<ExportDraft>] = &[
    key!(
        "stream",
        "subject",
        "this or `service`",
        Reload::Inside,
        "Messages on this subject may be imported.",
        stream = |setting: &Setting<'_>, reading: &mut Reading| exported(setting, reading)
    ),
    key!(
        "service",
        "subject",
        "this or `stream`",
        Reload::Inside,
        "Requests on this subject are answered here.",
        service = |setting: &Setting<'_>, reading: &mut Reading| exported(setting, reading)
    ),
    key!(
        "accounts",
        "list of accounts",
        "everybody",
        Reload::Inside,
        "Who may import it.",
        accounts =
            |setting: &Setting<'_>, reading: &mut Reading| setting::list_of_texts(setting, reading)
                .map(Some)
    ),
    key!(
        "account_token_position",
        "number",
        "none",
        Reload::Inside,
        "Which token of the subject must be the importing account's name, counted from 1.",
        account_token_position = setting::bound
    ),
    key!(
        "response" | "response_type",
        "single, stream or chunked",
        "single",
        Reload::Inside,
        "How many answers a request has.",
        response = response
    ),
    key!(
        "threshold" | "response_threshold" | "response_max_time" | "response_time",
        "duration",
        "2m",
        Reload::Inside,
        "How long an answer may take.",
        threshold = |setting: &Setting<'_>, reading: &mut Reading| setting::strict_duration(
            setting, reading
        )
        .map(Some)
    ),
    key!(
        "latency",
        "subject or {subject, sampling}",
        "none",
        Reload::Inside,
        "Where measurements of latency are published.",
        latency = latency
    ),
    key!(
        "allow_trace",
        "boolean",
        "false",
        Reload::Inside,
        "Message traces may cross into this account.",
        allow_trace =
            |setting: &Setting<'_>, reading: &mut Reading| setting::truth(setting, reading)
                .map(Some)
    ),
];

/// An import while it is read.
#[derive(Default)]
struct ImportDraft {
    stream: Option<Origin>,
    service: Option<Origin>,
    prefix: Option<String>,
    to: Option<String>,
    share: bool,
    allow_trace: Option<bool>,
}

/// Where an import comes from.
#[derive(Clone, Debug, Default, PartialEq)]
struct Origin {
    account: String,
    subject: String,
}

static IMPORT_KEYS: &[Key<ImportDraft>] = &[
    key!(
        "stream",
        "{account, subject}",
        "this or `service`",
        Reload::Inside,
        "Messages that come from there.",
        stream = |setting: &Setting<'_>, reading: &mut Reading| origin(setting, reading, "Stream")
    ),
    key!(
        "service",
        "{account, subject}",
        "this or `stream`",
        Reload::Inside,
        "Requests that go there.",
        service =
            |setting: &Setting<'_>, reading: &mut Reading| origin(setting, reading, "Service")
    ),
    key!(
        "prefix",
        "subject",
        "none",
        Reload::Inside,
        "Put before the subject here (streams).",
        prefix = setting::optional_text
    ),
    key!(
        "to",
        "subject",
        "the same subject",
        Reload::Inside,
        "Subject here.",
        to = setting::optional_text
    ),
    key!(
        "share",
        "boolean",
        "false",
        Reload::Inside,
        "Tell the service who asks.",
        share = setting::truth
    ),
    key!(
        "allow_trace",
        "boolean",
        "false",
        Reload::Inside,
        "Message traces may cross from the exporter (streams).",
        allow_trace =
            |setting: &Setting<'_>, reading: &mut Reading| setting::truth(setting, reading)
                .map(Some)
    ),
];

static ORIGIN_KEYS: &[Key<Origin>] = &[
    key!(
        "account",
        "account",
        "required",
        Reload::Inside,
        "The exporting account.",
        account = setting::text
    ),
    key!(
        "subject",
        "subject",
        "required",
        Reload::Inside,
        "The exported subject.",
        subject = setting::text
    ),
];

/// A latency block while it is read.
#[derive(Default)]
struct LatencyDraft {
    subject: Option<String>,
    sampling: Option<LatencySampling>,
}

static LATENCY_KEYS: &[Key<LatencyDraft>] = &[
    key!(
        "subject",
        "subject",
        "required",
        Reload::Inside,
        "Where measurements are published.",
        subject = setting::optional_text
    ),
    key!(
        "sampling",
        "1 to 100 or headers",
        "100",
        Reload::Inside,
        "Percentage of the requests that are measured, or those whose headers ask for it.",
        sampling = sampling
    ),
];

/// The rows of exports and imports for the manual.
pub(super) fn manual() -> Vec<Row> {
    let mut all = Vec::new();
    for (parent, inner) in [
        ("exports", rows(EXPORT_KEYS)),
        ("exports.latency", rows(LATENCY_KEYS)),
        ("imports", rows(IMPORT_KEYS)),
        ("imports.stream", rows(ORIGIN_KEYS)),
        ("imports.service", rows(ORIGIN_KEYS)),
    ] {
        all.extend(inner.into_iter().map(|row| Row {
            path: format!("{parent}.{}", row.path),
            ..row
        }));
    }
    all
}

/// Reads a list of exports.
pub(super) fn exports(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<Export>> {
    let items = setting::list(setting, reading)?;
    let one = |node| {
        export(
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        )
    };
    Some(items.iter().filter_map(one).collect())
}

fn refuse<T>(what: String, setting: &Setting<'_>, reading: &mut Reading) -> Option<T> {
    reading.bad(setting, what);
    None
}

fn export(setting: &Setting<'_>, reading: &mut Reading) -> Option<Export> {
    let mut draft = ExportDraft::default();
    let known_errors = reading.errors.len();
    if !read_map(&mut draft, EXPORT_KEYS, setting, reading) || reading.errors.len() > known_errors {
        return None;
    }
    let ExportDraft {
        stream,
        service,
        accounts,
        account_token_position,
        response,
        threshold,
        latency,
        allow_trace,
        ..
    } = draft;
    // What only a service can have.
    let directive = match () {
        () if response.is_some() || threshold.is_some() => Some("response"),
        () if latency.is_some() => Some("latency"),
        () if allow_trace.is_some() => Some("allow_trace"),
        () => None,
    };
    let (subject, kind) = match (stream, service, directive) {
        (Some(stream), Some(_), _) => {
            let what = format!("Detected stream {stream:?} but already saw a service");
            return refuse(what, setting, reading);
        }
        (None, None, _) => {
            let what = "an export needs a stream or a service".to_owned();
            return refuse(what, setting, reading);
        }
        (Some(_), None, Some(directive)) => {
            let what = format!("Detected {directive} directive on non-service");
            return refuse(what, setting, reading);
        }
        (Some(stream), None, None) => (stream, ExportKind::Stream),
        (None, Some(service), _) => {
            let kind = ExportKind::Service {
                response: response.unwrap_or_default(),
                threshold: threshold.filter(|threshold| !threshold.is_zero()),
                latency,
                allow_trace: allow_trace.unwrap_or(false),
            };
            (service, kind)
        }
    };
    if let Some(position) = account_token_position {
        let index = usize::try_from(position)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        if subject::token_at(subject.as_bytes(), index) != Some(b"*") {
            reading.bad(
                setting,
                format!(
                    "account_token_position {position} of {subject:?} must be the wildcard '*'"
                ),
            );
            return None;
        }
    }
    Some(Export {
        subject,
        accounts: accounts.filter(|accounts| !accounts.is_empty()),
        account_token_position,
        kind,
    })
}

/// Reads a list of imports.
pub(super) fn imports(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<Import>> {
    let mut imports: Vec<Import> = Vec::new();
    for node in setting::list(setting, reading)? {
        let item = Setting {
            name: setting.name,
            node,
        };
        let Some(import) = import(&item, reading) else {
            continue;
        };
        match same_service(&imports, &import) {
            Some((to, twin)) => reading.bad(
                &item,
                format!(
                    "Duplicate service import subject {to:?}, previously used in import for account {:?}, subject {:?}",
                    twin.account, twin.subject
                ),
            ),
            None => imports.push(import),
        }
    }
    Some(imports)
}

/// An import of a service of the same account under the same subject.
fn same_service<'a>(imports: &'a [Import], import: &'a Import) -> Option<(&'a String, &'a Import)> {
    let ImportKind::Service { to, .. } = &import.kind else {
        return None;
    };
    let same = |other: &&Import| {
        matches!(&other.kind, ImportKind::Service { to: other_to, .. } if other_to == to)
            && other.account == import.account
    };
    imports.iter().find(same).map(|twin| (to, twin))
}

fn import(setting: &Setting<'_>, reading: &mut Reading) -> Option<Import> {
    let mut draft = ImportDraft::default();
    let known_errors = reading.errors.len();
    if !read_map(&mut draft, IMPORT_KEYS, setting, reading) || reading.errors.len() > known_errors {
        return None;
    }
    let ImportDraft {
        stream,
        service,
        prefix,
        to,
        share,
        allow_trace,
    } = draft;
    match (stream, service) {
        (Some(_), Some(_)) => {
            reading.bad(setting, "Detected service but already saw a stream");
            None
        }
        (None, None) => {
            reading.bad(setting, "an import needs a stream or a service");
            None
        }
        (Some(_), None) if prefix.is_some() && to.is_some() => {
            reading.bad(
                setting,
                "Stream import can not have a 'prefix' and a 'to' property",
            );
            None
        }
        (Some(Origin { account, subject }), None) => {
            let kind = ImportKind::Stream {
                prefix,
                to,
                allow_trace: allow_trace.unwrap_or(false),
            };
            Some(Import {
                account,
                subject,
                kind,
            })
        }
        (None, Some(_)) if allow_trace.is_some() => {
            reading.bad(setting, "Detected allow_trace directive on a non-stream");
            None
        }
        (None, Some(Origin { account, subject })) => {
            let to = to.unwrap_or_else(|| subject.clone());
            Some(Import {
                account,
                subject,
                kind: ImportKind::Service { to, share },
            })
        }
    }
}

/// An exported subject, wildcards allowed.
fn exported(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<String>> {
    let text = setting::text(setting, reading)?;
    if !subject::is_valid(text.as_bytes()) {
        reading.bad(
            setting,
            format!(
                "Error adding {} export {text:?}: invalid subject",
                setting.name
            ),
        );
        return None;
    }
    Some(Some(text))
}

fn origin(setting: &Setting<'_>, reading: &mut Reading, what: &str) -> Option<Option<Origin>> {
    let mut origin = Origin::default();
    if !matches!(setting.node.value, Value::Map(_)) {
        reading.bad(
            setting,
            format!(
                "{what} entry should be an account map, got {}",
                setting.node.value.kind()
            ),
        );
        return None;
    }
    read_map(&mut origin, ORIGIN_KEYS, setting, reading);
    if origin.account.is_empty() || origin.subject.is_empty() {
        reading.bad(setting, "Expect an account name and a subject");
        return None;
    }
    Some(Some(origin))
}

fn response(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<ResponseType>> {
    let word = setting::text(setting, reading)?;
    match word.to_lowercase().as_str() {
        "single" | "singleton" => Some(Some(ResponseType::Single)),
        "stream" => Some(Some(ResponseType::Stream)),
        "chunk" | "chunked" => Some(Some(ResponseType::Chunked)),
        _ => {
            reading.bad(setting, format!("Unknown response type: {word:?}"));
            None
        }
    }
}

fn latency(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<ServiceLatency>> {
    let mut draft = LatencyDraft::default();
    match &setting.node.value {
        Value::String(subject) => draft.subject = Some(subject.clone()),
        _ => {
            read_map(&mut draft, LATENCY_KEYS, setting, reading);
        }
    }
    let Some(subject) = draft.subject else {
        reading.bad(setting, "Latency subject required, but missing");
        return None;
    };
    if !subject::is_valid_publish(subject.as_bytes()) {
        reading.bad(
            setting,
            format!("latency subject {subject:?} is not a valid subject to publish to"),
        );
        return None;
    }
    let sampling = draft.sampling.unwrap_or(LatencySampling::Percent(100));
    Some(Some(ServiceLatency { subject, sampling }))
}

fn sampling(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<LatencySampling>> {
    if matches!(&setting.node.value, Value::String(word) if word.trim().eq_ignore_ascii_case("headers"))
    {
        return Some(Some(LatencySampling::Headers));
    }
    let percent = super::mappings::percent(setting, reading)?;
    if percent == 0 {
        reading.bad(setting, "bad sampling percentage, should be 1-100");
        return None;
    }
    Some(Some(LatencySampling::Percent(percent)))
}
