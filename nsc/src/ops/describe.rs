//! What a token says, as tables in the reference's form, as JSON, as the token itself, or one field of it.

use nats_jwt::claims::{
    AccountClaims, ActivationClaims, AnyClaims, Claims, Export, ExportType, Import,
    JetStreamLimits, Limits, OperatorClaims, Payload, Permissions, ResponseType, Sampling, Tags,
    TimeRange, UserClaims, UserPermissionLimits, UserScope,
};
use serde_json::Value;

use super::Outcome;
use crate::text;
use crate::workspace::Workspace;
use nats_term::Table;

/// How it is shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Form {
    /// The token itself
    #[arg(short = 'R', long, global = true)]
    pub raw: bool,
    /// One field, such as nats.limits.conn or nats.exports[0].subject
    #[arg(short = 'F', long, global = true, value_name = "PATH")]
    pub field: Option<String>,
    /// Long ids in tables of imports
    #[arg(short = 'W', long, global = true)]
    pub long_ids: bool,
    /// Where to write; standard output when not given
    #[arg(short, long, global = true, value_name = "FILE")]
    pub output_file: Option<String>,
}

/// Names of accounts by their keys.
pub type Names = std::collections::BTreeMap<String, String>;

/// The names of the accounts of the operator in use.
pub fn names(workspace: &mut Workspace) -> Names {
    let mut names = Names::new();
    for name in workspace.accounts().unwrap_or_default() {
        if let Ok(account) = workspace.account(&name) {
            names.insert(account.subject, name);
        }
    }
    names
}

/// Describes a token that was decoded to `claims`.
pub fn describe(
    token: &str,
    claims: &AnyClaims,
    form: &Form,
    names: &Names,
    scope: Option<&UserScope>,
) -> Outcome {
    let json = document(claims);
    if form.raw {
        return Outcome::text(format!("{token}\n"));
    }
    if let Some(path) = &form.field {
        // Fields without a value are left out of tokens: what is not there is null, as in the reference.
        let found = field(&json, path).cloned().unwrap_or_default();
        return Outcome::text(format!("{found}\n")).with_json(found);
    }
    let mut text = match claims {
        AnyClaims::Operator(claims) => operator(claims, names),
        AnyClaims::Account(claims) => account(claims, names, form.long_ids),
        AnyClaims::User(claims) => user(claims),
        AnyClaims::Activation(claims) => activation(claims),
        other => pretty(&document(other)),
    };
    if let Some(scope) = scope {
        text.push('\n');
        text.push_str(&scoped(scope));
    }
    Outcome::text(format!("{text}\n")).with_json(json)
}

/// The claims as a document whose keys are sorted, as the reference prints it.
pub fn document(claims: &AnyClaims) -> Value {
    let value: Value = serde_json::from_str(&claims.to_pretty_json()).unwrap_or_default();
    sorted(value)
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let ordered: std::collections::BTreeMap<_, _> = members.into_iter().collect();
            Value::Object(
                ordered
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// JSON with one blank per level, as the reference prints it.
pub fn pretty(value: &Value) -> String {
    use serde::Serialize as _;
    let mut text = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, form);
    // A value in memory can always be written to memory.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(text).unwrap_or_default()
}

/// The value at a path such as `nats.exports[0].name`; numbers count from 0.
fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = value;
    let path = path
        .trim_start_matches('$')
        .replace('[', ".")
        .replace(']', "");
    for part in path.split('.').filter(|part| !part.is_empty()) {
        value = match value {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            other => other.get(part.trim_matches('"'))?,
        };
    }
    Some(value)
}

fn standard<N: Payload>(
    table: &mut Table,
    claims: &Claims<N>,
    label: &str,
    issuer_account: &str,
    tags: &Tags,
) {
    if !claims.name.is_empty() {
        table.pair("Name", &claims.name);
    }
    table.pair(label, &claims.subject);
    table.pair("Issuer ID", &claims.issuer);
    if !issuer_account.is_empty() {
        table.pair("Issuer Account", issuer_account);
    }
    table.pair("Issued", text::date(claims.issued_at));
    if claims.not_before > 0 {
        table.pair("Valid From", text::date(claims.not_before));
    }
    table.pair("Expires", text::date(claims.expires));
    table.pairs("Tags", tags.iter());
}

/// An operator as a table.
pub fn operator(claims: &OperatorClaims, names: &Names) -> String {
    let mut table = Table::ascii("Operator Details");
    let nats = &claims.nats;
    standard(&mut table, claims, "Operator ID", "", &nats.tags);
    if !nats.account_server_url.is_empty() {
        table.pair("Account JWT Server", &nats.account_server_url);
    }
    table.pairs("Operator Service URLs", &nats.operator_service_urls);
    if !nats.system_account.is_empty() {
        let name = names
            .get(&nats.system_account)
            .map(|name| format!(" / {name}"))
            .unwrap_or_default();
        table.pair("System Account", format!("{}{name}", nats.system_account));
    }
    table.pair(
        "Require Signing Keys",
        nats.strict_signing_key_usage.to_string(),
    );
    if !nats.signing_keys.is_empty() {
        table.separator();
        table.pairs("Signing Keys", &nats.signing_keys);
    }
    table.render()
}

fn yes(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

fn limit(table: &mut Table, label: &str, value: i64, in_bytes: bool) {
    table.pair(
        label,
        match value {
            ..0 => "Unlimited".to_owned(),
            _ if in_bytes => format!("{} ({value} bytes)", text::bytes(value)),
            _ => value.to_string(),
        },
    );
}

/// An account as tables.
pub fn account(claims: &AccountClaims, names: &Names, long_ids: bool) -> String {
    let nats = &claims.nats;
    let mut table = Table::ascii("Account Details");
    standard(&mut table, claims, "Account ID", "", &nats.tags);
    table.separator();
    if !nats.description.is_empty() {
        table.pair("Description", nats.description.replace('\n', " "));
    }
    if !nats.info_url.is_empty() {
        table.pair("Info Url", &nats.info_url);
    }
    table.separator();
    table.pairs("Signing Keys", nats.signing_keys.iter().map(|(key, _)| key));
    table.separator();
    if nats.authorization.is_enabled() {
        table.pairs("Auth Callout Users", &nats.authorization.auth_users);
        table.pairs("Allowed Accounts", &nats.authorization.allowed_accounts);
        if !nats.authorization.xkey.is_empty() {
            table.pair("Encrypt For", &nats.authorization.xkey);
        }
        table.separator();
    }
    account_limits(&mut table, claims);
    table.separator();
    if nats.imports.is_empty() {
        table.pair("Imports", "None");
    }
    if nats.exports.is_empty() {
        table.pair("Exports", "None");
    }
    if !nats.revocations.is_empty() {
        table.separator();
        table.pair("Revocations", nats.revocations.len().to_string());
    }
    table.separator();
    match &nats.trace {
        None => table.pair("Tracing Context", "Disabled"),
        Some(trace) => {
            table.pair("Tracing Context", "Enabled");
            table.pair("Subject", &trace.destination);
            let percent = if trace.sampling == 0 {
                100
            } else {
                trace.sampling
            };
            table.pair("Sampling", format!("{percent}%"));
        }
    }
    let mut parts = vec![table.render()];
    if !nats.exports.is_empty() {
        parts.push(exports(&nats.exports));
    }
    if !nats.imports.is_empty() {
        parts.push(imports(&nats.imports, names, long_ids));
    }
    if !nats.mappings.is_empty() {
        parts.push(mappings(claims));
    }
    parts.extend(
        nats.signing_keys
            .iter()
            .filter_map(|(_, scope)| scope)
            .map(scoped),
    );
    parts.join("\n")
}

fn account_limits(table: &mut Table, claims: &AccountClaims) {
    let limits = &claims.nats.limits;
    limit(table, "Max Connections", limits.conn, false);
    if limits.leaf == 0 {
        table.pair("Max Leaf Node Connections", "Not Allowed");
    } else {
        limit(table, "Max Leaf Node Connections", limits.leaf, false);
    }
    limit(table, "Max Data", limits.data, true);
    limit(table, "Max Exports", limits.exports, false);
    limit(table, "Max Imports", limits.imports, false);
    limit(table, "Max Msg Payload", limits.payload, true);
    limit(table, "Max Subscriptions", limits.subs, false);
    let word = |value: bool| if value { "True" } else { "False" };
    table.pair("Exports Allows Wildcards", word(limits.wildcards));
    table.pair("Disallow Bearer Token", word(limits.disallow_bearer));
    permissions(table, &claims.nats.default_permissions);
    table.separator();
    if !limits.has_jetstream() {
        table.pair("Jetstream", "Disabled");
    } else if limits.tiered_limits.is_empty() {
        table.pair("Jetstream", "Enabled");
        jetstream(table, &limits.jetstream);
    } else {
        for (tier, limits) in &limits.tiered_limits {
            table.separator();
            table.pair("Jetstream Tier", tier);
            jetstream(table, limits);
        }
    }
}

fn jetstream(table: &mut Table, limits: &JetStreamLimits) {
    for (label, value) in [
        ("Max Disk Storage", limits.disk_storage),
        ("Max Mem Storage", limits.mem_storage),
    ] {
        table.pair(
            label,
            match value {
                0 => "Disabled".to_owned(),
                1.. => text::bytes(value),
                _ => "Unlimited".to_owned(),
            },
        );
    }
    let or = |value: i64, words: &str| {
        if value > 0 {
            value.to_string()
        } else {
            words.to_owned()
        }
    };
    table.pair("Max Streams", or(limits.streams, "Unlimited"));
    table.pair("Max Consumers", or(limits.consumer, "Unlimited"));
    table.pair(
        "Max Ack Pending",
        or(limits.max_ack_pending, "Consumer Setting"),
    );
    let required = if limits.max_bytes_required {
        "required"
    } else {
        "optional"
    };
    table.pair("Max Bytes", format!("{required} (Stream setting)"));
    for (label, value) in [
        ("Max Memory Stream", limits.mem_max_stream_bytes),
        ("Max Disk Stream", limits.disk_max_stream_bytes),
    ] {
        limit(table, label, if value == 0 { -1 } else { value }, true);
    }
}

fn exports(exports: &[Export]) -> String {
    let mut table = Table::ascii("Exports").header([
        "Name",
        "Type",
        "Subject",
        "Account Token Position",
        "Public",
        "Revocations",
        "Tracking",
        "Allow Trace",
    ]);
    let mut words =
        Table::ascii("Exports - Descriptions").header(["Name", "Description", "Info Url"]);
    for export in exports {
        let is_service = export.kind == ExportType::Service;
        let tracking = match &export.latency {
            _ if !is_service => "N/A".to_owned(),
            None => "-".to_owned(),
            Some(latency) => match latency.sampling {
                Sampling::Headers => format!("{} (headers)", latency.results),
                Sampling::Percent(percent) => format!("{} ({percent}%)", latency.results),
            },
        };
        let kind = match export.response_type {
            ResponseType::Stream | ResponseType::Chunked if is_service => {
                format!("Service [{}]", export.response_type.as_str())
            }
            _ => title(export.kind).to_owned(),
        };
        let position = match export.account_token_position {
            0 => "-".to_owned(),
            position => position.to_string(),
        };
        table.row([
            export.name.clone(),
            kind,
            export.subject.clone(),
            position,
            yes(!export.token_required).to_owned(),
            export.revocations.len().to_string(),
            tracking,
            if is_service {
                yes(export.allow_trace)
            } else {
                "N/A"
            }
            .to_owned(),
        ]);
        if !export.description.is_empty() || !export.info_url.is_empty() {
            words.row([
                export.name.clone(),
                export.description.replace('\n', " "),
                export.info_url.clone(),
            ]);
        }
    }
    if words.is_empty() {
        return table.render();
    }
    format!("{}\n{}", table.render(), words.render())
}

fn title(kind: ExportType) -> &'static str {
    match kind {
        ExportType::Stream => "Stream",
        ExportType::Service => "Service",
        ExportType::Unknown => "Unknown",
    }
}

fn imports(imports: &[Import], names: &Names, long_ids: bool) -> String {
    let mut table = Table::ascii("Imports").header([
        "Name",
        "Type",
        "Remote",
        "Local",
        "Expires",
        "From Account",
        "Public",
        "Allow Trace",
    ]);
    for import in imports {
        let is_service = import.kind == ExportType::Service;
        let (remote, local) = match import.to.as_str() {
            "" => (&import.subject, &import.local_subject),
            to if is_service => (
                &import.to,
                if to.is_empty() {
                    &import.local_subject
                } else {
                    &import.subject
                },
            ),
            _ => (&import.subject, &import.to),
        };
        let expires = if import.token.is_empty() {
            String::new()
        } else if import.token.starts_with("http") {
            import.token.clone()
        } else {
            match ActivationClaims::decode(&import.token) {
                Ok(claims) => text::date(claims.expires),
                Err(error) => format!("error decoding: {error}"),
            }
        };
        let from = match names.get(&import.account) {
            Some(name) if !long_ids => name.clone(),
            _ => import.account.clone(),
        };
        table.row([
            import.name.clone(),
            title(import.kind).to_owned(),
            remote.clone(),
            local.clone(),
            expires,
            from,
            yes(import.token.is_empty()).to_owned(),
            if is_service {
                "N/A"
            } else {
                yes(import.allow_trace)
            }
            .to_owned(),
        ]);
    }
    table.render()
}

fn mappings(claims: &AccountClaims) -> String {
    let any_cluster = claims
        .nats
        .mappings
        .values()
        .flatten()
        .any(|to| !to.cluster.is_empty());
    let mut table = Table::ascii("Mappings");
    table = if any_cluster {
        table.header(["From", "To", "Weight (%)", "Cluster"])
    } else {
        table.header(["From", "To", "Weight (%)"])
    };
    for (from, all) in &claims.nats.mappings {
        let mut sum: u32 = 0;
        for (at, to) in all.iter().enumerate() {
            sum = sum.saturating_add(u32::from(to.percent()));
            let mut cells = vec![
                if at == 0 { from.clone() } else { String::new() },
                to.subject.clone(),
                to.percent().to_string(),
            ];
            if any_cluster {
                cells.push(to.cluster.clone());
            }
            table.row(cells);
        }
        table.row(["".to_owned(), String::new(), format!("sum={sum}")]);
    }
    table.render()
}

fn permissions(table: &mut Table, permissions: &Permissions) {
    let (publish, subscribe) = (&permissions.publish, &permissions.subscribe);
    if !publish.is_empty() || !subscribe.is_empty() {
        table.separator();
        table.pairs("Pub Allow", &publish.allow);
        table.pairs("Pub Deny", &publish.deny);
        table.pairs("Sub Allow", &subscribe.allow);
        table.pairs("Sub Deny", &subscribe.deny);
    }
    match &permissions.response {
        None => table.pair("Response Permissions", "Not Set"),
        Some(response) => {
            table.pair("Max Responses", response.max_messages.to_string());
            table.pair(
                "Response Permission TTL",
                text::duration(response.expires_ns),
            );
        }
    }
}

fn limits(table: &mut Table, limits: &UserPermissionLimits) {
    let Limits {
        subs,
        data,
        payload,
    } = limits.limits;
    let size = |value: i64| {
        if value > 0 {
            format!("{value} bytes (≈{})", text::bytes(value))
        } else {
            "Unlimited".to_owned()
        }
    };
    table.pair("Max Msg Payload", size(payload));
    table.pair("Max Data", size(data));
    table.pair(
        "Max Subs",
        if subs > 0 {
            subs.to_string()
        } else {
            "Unlimited".to_owned()
        },
    );
    if limits.src.is_empty() {
        table.pair("Network Src", "Any");
    } else {
        table.pairs("Network Src", &limits.src);
    }
    if limits.times.is_empty() {
        table.pair("Time", "Any");
    } else {
        let range = |range: &TimeRange| format!("{}-{}", range.start, range.end);
        table.pairs("Time", limits.times.iter().map(range));
        if !limits.times_location.is_empty() {
            table.pair("Locale", &limits.times_location);
        }
    }
}

/// A scope as a table.
pub fn scoped(scope: &UserScope) -> String {
    let mut table = Table::ascii("Scoped Signing Key - Details");
    table.pair("Key", &scope.key);
    table.pair("Role", &scope.role);
    table.pair("Description", &scope.description);
    table.separator();
    permissions(&mut table, &scope.template.permissions);
    limits(&mut table, &scope.template);
    table.pair("Bearer Token", yes(scope.template.bearer_token));
    connection_types(&mut table, &scope.template);
    table.render()
}

fn connection_types(table: &mut Table, limits: &UserPermissionLimits) {
    if !limits.allowed_connection_types.is_empty() {
        table.separator();
        table.pairs("Allowed Connection Types", &limits.allowed_connection_types);
    }
}

/// A user as a table.
pub fn user(claims: &UserClaims) -> String {
    let mut table = Table::ascii("User");
    let nats = &claims.nats;
    standard(
        &mut table,
        claims,
        "User ID",
        &nats.issuer_account,
        &nats.tags,
    );
    if nats.limits.is_nothing() {
        table.pair("Issuer Scoped", "Yes");
        return table.render();
    }
    table.pair("Bearer Token", yes(nats.limits.bearer_token));
    permissions(&mut table, &nats.limits.permissions);
    table.separator();
    limits(&mut table, &nats.limits);
    connection_types(&mut table, &nats.limits);
    table.render()
}

/// An activation as a table.
pub fn activation(claims: &ActivationClaims) -> String {
    let mut table = Table::ascii("Activation");
    let nats = &claims.nats;
    standard(
        &mut table,
        claims,
        "Account ID",
        &nats.issuer_account,
        &nats.tags,
    );
    table.separator();
    table.pair("Hash ID", claims.hash_id().unwrap_or_default());
    table.separator();
    table.pair("Import Type", title(nats.import_type));
    table.pair("Import Subject", &nats.import_subject);
    table.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_path() {
        let value =
            serde_json::json!({"nats": {"exports": [{"name": "a"}], "limits": {"conn": -1}}});
        assert_eq!(field(&value, "nats.limits.conn"), Some(&Value::from(-1)));
        assert_eq!(
            field(&value, "nats.exports[0].name"),
            Some(&Value::from("a"))
        );
        assert_eq!(field(&value, "$.nats.exports[1]"), None);
        assert_eq!(field(&value, "nope"), None);
    }
}
