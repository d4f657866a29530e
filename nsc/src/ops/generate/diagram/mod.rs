//! `generate diagram`: who exports what to whom, and what there is at all, as PlantUML text.
//!
//! What lives here: [`component`], the exports and imports of accounts; [`object`], every token with what it says and which key signed it.
//! Who may call: the program. What never happens here: a name or description becomes anything but text in the picture. Locks: none.

mod object;

use nats_jwt::claims::{AccountClaims, Export, ExportType, Import};

use crate::error::Result;
use crate::text;
use crate::workspace::Workspace;

pub use object::{Object, object};

/// Columns of a note.
const NOTE_WIDTH: usize = 40;

/// How what is not there is drawn, and what arrows mean.
const COMPONENT_STYLE: &str = "\
skinparam component {
  ArrowFontColor #636363
}
skinparam interface {
  backgroundColor<<not-found stream>> Red
  backgroundColor<<not-found service>> Red
}";
const COMPONENT_LEGEND: &str = "\
legend
stream: the arrow goes to the importer, as messages do
service: the dotted arrow goes to the exporter, as requests do
<&resize-width>X: X is the subject in the importing account
<&key>: with an activation token
end legend";

/// `generate diagram component`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Component {
    /// Descriptions of accounts and exports as well
    #[arg(long)]
    pub detail: bool,
    /// Where to write; -- is standard output
    #[arg(short, long, default_value = "--", value_name = "FILE")]
    pub output_file: String,
}

/// What PlantUML would read as something else is left out, and what would end a line or a quotation.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || c == '"' { ' ' } else { c })
        .collect()
}

/// A note beside something, wrapped; with a link to where more is said.
fn note(id: &str, description: &str, url: &str, lines: &mut Vec<String>) {
    if description.is_empty() && url.is_empty() {
        return;
    }
    lines.push(format!("note right of {id}"));
    let mut line = String::new();
    for word in description.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= NOTE_WIDTH {
            lines.push(plain(&std::mem::take(&mut line)));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        // A line of these two words would end the note.
        line.push_str(if word == "end" { "end\u{a0}" } else { word });
    }
    if !line.is_empty() {
        lines.push(plain(&line));
    }
    if !url.is_empty() {
        let url: String = plain(url)
            .chars()
            .filter(|c| !c.is_whitespace() && *c != ']')
            .collect();
        lines.push(format!("[[{url} info]]"));
    }
    lines.push("end note".to_owned());
}

/// The name of an export in the text: that of a subject may hold anything.
fn id(account: &str, at: usize) -> String {
    format!("{account}_{at}")
}

/// Which export of which account an import is about.
fn find<'a>(
    accounts: &'a [AccountClaims],
    import: &Import,
) -> Option<(&'a AccountClaims, usize, &'a Export)> {
    let exporter = accounts
        .iter()
        .find(|account| account.subject == import.account)?;
    let subject = import.exporter_subject();
    let fits = |export: &Export| {
        export.kind == import.kind
            && nats_proto::subject::is_subset(subject.as_bytes(), export.subject.as_bytes())
    };
    let exports = exporter.nats.exports.iter().enumerate();
    exports
        .filter(|(_, export)| fits(export))
        .map(|(at, export)| (exporter, at, export))
        .next()
}

/// Accounts as components, exports as interfaces, imports as arrows.
///
/// # Errors
/// When the store cannot be read.
pub fn component(workspace: &mut Workspace, request: &Component) -> Result<String> {
    let operator = workspace.operator()?.name;
    let mut accounts = Vec::new();
    let mut lines = vec![
        "@startuml".to_owned(),
        COMPONENT_STYLE.to_owned(),
        String::new(),
        format!(
            "title Component Diagram of Accounts - Operator {}",
            plain(&operator)
        ),
    ];
    for (at, name) in workspace.accounts()?.into_iter().enumerate() {
        match workspace.account(&name) {
            Ok(account) => accounts.push(account),
            Err(_) => lines.push(format!(
                "component [{}] as damaged_{at} <<damaged>> #Red",
                plain(&name)
            )),
        }
    }
    for account in &accounts {
        lines.push(String::new());
        exports(account, request.detail, &mut lines);
    }
    lines.push(String::new());
    for account in &accounts {
        for (at, import) in account.nats.imports.iter().enumerate() {
            draw_import(&accounts, account, at, import, &mut lines);
        }
    }
    lines.push(COMPONENT_LEGEND.to_owned());
    finish(workspace, lines)
}

fn exports(account: &AccountClaims, detail: bool, lines: &mut Vec<String>) {
    let key = &account.subject;
    lines.push(format!(
        "component [{}] as {key} <<account>>",
        plain(&account.name)
    ));
    if detail {
        let about = &account.nats;
        note(key, &about.description, &about.info_url, lines);
    }
    for (at, export) in account.nats.exports.iter().enumerate() {
        let id = id(key, at);
        let visibility = if export.token_required {
            "private"
        } else {
            "public"
        };
        let name = if export.name.is_empty() {
            &export.subject
        } else {
            &export.name
        };
        lines.push(format!(
            "interface \"{}\" <<{visibility} {}>> as {id}",
            plain(name),
            export.kind
        ));
        lines.push(format!("{id} -- {key} : \"{}\"", plain(&export.subject)));
        if detail {
            note(&id, &export.description, &export.info_url, lines);
        }
    }
}

fn draw_import(
    accounts: &[AccountClaims],
    account: &AccountClaims,
    at: usize,
    import: &Import,
    lines: &mut Vec<String>,
) {
    let subject = import.exporter_subject();
    let target = match find(accounts, import) {
        Some((exporter, at, _)) => id(&exporter.subject, at),
        None => {
            let id = format!("{}_missing_{at}", account.subject);
            lines.push(format!(
                "interface \"{}\" <<not-found {}>> as {id}",
                plain(subject),
                import.kind
            ));
            if accounts.iter().all(|other| other.subject != import.account) {
                note(&id, &format!("of account {}", import.account), "", lines);
            }
            id
        }
    };
    let arrow = if import.kind == ExportType::Service {
        "..>"
    } else {
        "<--"
    };
    let mut label = plain(subject);
    if !import.local_subject.is_empty() && import.local_subject != subject {
        label.push_str(&format!(" <&resize-width>{}", plain(&import.local_subject)));
    }
    if !import.token.is_empty() {
        label.push_str(" <&key>");
    }
    lines.push(format!(
        "{} {arrow} {target} : \"{label}\"",
        account.subject
    ));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_wrapped_and_cannot_be_ended_from_within() {
        let mut lines = Vec::new();
        let words = "end note \"x\" and more words than a line of a note has room for";
        note("A", words, "https://x.y/z]] w", &mut lines);
        assert_eq!(lines.first().map(String::as_str), Some("note right of A"));
        assert_eq!(lines.iter().filter(|line| *line == "end note").count(), 1);
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= NOTE_WIDTH + 16)
        );
        assert!(
            lines.contains(&"[[https://x.y/zw info]]".to_owned()),
            "{lines:?}"
        );
    }
}
