//! `generate diagram`: who exports what to whom, and what there is at all, as PlantUML text.

use nats_jwt::claims::{AccountClaims, Export, ExportType, Import};

use crate::error::Result;
use crate::text;
use crate::workspace::Workspace;

/// `generate diagram component|object`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Diagram {
    /// Descriptions of accounts and exports as well
    #[arg(long)]
    pub detail: bool,
    /// Public keys as well (object)
    #[arg(long)]
    pub show_keys: bool,
    /// Users as well (object)
    #[arg(long)]
    pub users: bool,
    /// Where to write; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
}

fn accounts(workspace: &mut Workspace) -> Result<Vec<AccountClaims>> {
    let mut all = Vec::new();
    for name in workspace.accounts()? {
        all.push(workspace.account(&name)?);
    }
    Ok(all)
}

/// What PlantUML would read as something else is left out.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || c == '"' { ' ' } else { c })
        .collect()
}

/// A name that PlantUML takes for one.
fn id(account: &str, export: &Export) -> String {
    let word: String = export
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{account}_{word}_{}", export.kind)
}

fn finds(accounts: &[AccountClaims], import: &Import) -> Option<String> {
    let exporter = accounts
        .iter()
        .find(|account| account.subject == import.account)?;
    let subject = import.exporter_subject();
    let fits = |export: &&Export| {
        export.kind == import.kind
            && nats_proto::subject::is_subset(subject.as_bytes(), export.subject.as_bytes())
    };
    exporter
        .nats
        .exports
        .iter()
        .find(fits)
        .map(|export| id(&exporter.subject, export))
}

/// Accounts as components, exports as interfaces, imports as arrows.
///
/// # Errors
/// When the store cannot be read.
pub fn component(workspace: &mut Workspace, request: &Diagram) -> Result<String> {
    let operator = workspace.operator()?.name;
    let accounts = accounts(workspace)?;
    let mut lines = vec![
        "@startuml".to_owned(),
        format!(
            "title Component Diagram of Accounts - Operator {}",
            plain(&operator)
        ),
    ];
    for account in &accounts {
        describe_exports(account, request.detail, &mut lines);
    }
    for account in &accounts {
        for import in &account.nats.imports {
            let target = finds(&accounts, import).unwrap_or_else(|| {
                let id = format!("missing_{}_{}", import.account, lines.len());
                lines.push(format!(
                    "interface \"{} (not found)\" <<{}>> as {id} #red",
                    plain(&import.subject),
                    import.kind
                ));
                id
            });
            let local = if import.local_subject.is_empty() {
                &import.subject
            } else {
                &import.local_subject
            };
            let arrow = if import.kind == ExportType::Service {
                "..>"
            } else {
                "<.."
            };
            lines.push(format!(
                "{} {arrow} {target} : \"{}\"",
                account.subject,
                plain(local)
            ));
        }
    }
    finish(workspace, lines)
}

fn describe_exports(account: &AccountClaims, detail: bool, lines: &mut Vec<String>) {
    lines.push(format!(
        "component [{}] as {} <<account>>",
        plain(&account.name),
        account.subject
    ));
    if detail && !account.nats.description.is_empty() {
        lines.push(format!(
            "note right of {}\n{}\nend note",
            account.subject,
            plain(&account.nats.description)
        ));
    }
    for export in &account.nats.exports {
        let id = id(&account.subject, export);
        let visibility = if export.token_required {
            "private"
        } else {
            "public"
        };
        lines.push(format!(
            "interface \"{}\" <<{visibility} {}>> as {id}",
            plain(&export.name),
            export.kind
        ));
        lines.push(format!(
            "{id} -- {} : \"{}\"",
            account.subject,
            plain(&export.subject)
        ));
        if detail && !export.description.is_empty() {
            lines.push(format!(
                "note right of {id}\n{}\nend note",
                plain(&export.description)
            ));
        }
    }
}

/// Operator, accounts, keys and users as objects.
///
/// # Errors
/// When the store cannot be read.
pub fn object(workspace: &mut Workspace, request: &Diagram) -> Result<String> {
    let operator = workspace.operator()?;
    let accounts = accounts(workspace)?;
    let mut lines = vec![
        "@startuml".to_owned(),
        format!("title Object Diagram - Operator {}", plain(&operator.name)),
        format!(
            "object \"{}\" as {} <<operator>>",
            plain(&operator.name),
            operator.subject
        ),
    ];
    if request.show_keys {
        field(
            &mut lines,
            &operator.subject,
            "identity key",
            operator.subject.clone(),
        );
        for key in &operator.nats.signing_keys {
            field(&mut lines, &operator.subject, "signing key", key.clone());
        }
    }
    for account in &accounts {
        lines.push(format!(
            "object \"{}\" as {} <<account>>",
            plain(&account.name),
            account.subject
        ));
        lines.push(format!("{} *-- {}", operator.subject, account.subject));
        describe_account(account, request, &mut lines);
        if !request.users {
            continue;
        }
        for user in workspace.users(&account.name)? {
            let claims = workspace.user(&account.name, &user)?;
            lines.push(format!(
                "object \"{}\" as {} <<user>>",
                plain(&user),
                claims.subject
            ));
            lines.push(format!("{} *-- {}", account.subject, claims.subject));
            if request.show_keys {
                field(&mut lines, &claims.subject, "key", claims.subject.clone());
                field(&mut lines, &claims.subject, "issuer", claims.issuer.clone());
            }
        }
    }
    finish(workspace, lines)
}

fn field(lines: &mut Vec<String>, owner: &str, name: &str, value: String) {
    lines.push(format!("{owner} : {name} = {}", plain(&value)));
}

fn describe_account(account: &AccountClaims, request: &Diagram, lines: &mut Vec<String>) {
    if request.show_keys {
        field(
            lines,
            &account.subject,
            "identity key",
            account.subject.clone(),
        );
        for (key, scope) in account.nats.signing_keys.iter() {
            let role = scope
                .map(|scope| format!(" ({})", scope.role))
                .unwrap_or_default();
            field(
                lines,
                &account.subject,
                "signing key",
                format!("{key}{role}"),
            );
        }
    }
    let limits = &account.nats.limits;
    for (name, value) in [
        ("connections", limits.conn),
        ("leaf nodes", limits.leaf),
        ("payload", limits.payload),
        ("subscriptions", limits.subs),
    ] {
        if value >= 0 || request.detail {
            let value = if value < 0 {
                "unlimited".to_owned()
            } else {
                value.to_string()
            };
            field(lines, &account.subject, name, value);
        }
    }
    if limits.has_jetstream() {
        field(lines, &account.subject, "jetstream", "enabled".to_owned());
    }
}

fn finish(workspace: &mut Workspace, mut lines: Vec<String>) -> Result<String> {
    let directory = workspace.store()?.directory().display().to_string();
    lines.push(format!(
        "footer generated by nsc - store dir: {} - date: {}",
        plain(&directory),
        text::date(workspace.now())
    ));
    lines.push("@enduml".to_owned());
    Ok(format!("{}\n", lines.join("\n")))
}
