//! Imports that lead back to where they came from: servers leave such an import out, so that it would be in the token and not work.

use nats_jwt::claims::{ExportType, Import};
use nats_proto::subject;

use super::document::Document;
use crate::error::{Error, Result};
use crate::workspace::Workspace;

/// How many accounts an import is followed through.
const STEPS_MAX: usize = 64;

/// Refuses a document whose imports lead back to an account of it.
///
/// # Errors
/// Names the accounts on the way.
pub fn refuse(workspace: &mut Workspace, document: &Document) -> Result {
    for (name, wanted) in &document.accounts {
        if wanted.imports.is_none() {
            continue;
        }
        for import in workspace.account(name)?.nats.imports {
            let mut way = vec![name.clone()];
            if leads_back(workspace, &import, &mut way)? {
                way.push(name.clone());
                return Err(Error::refused(format!(
                    "account {name}: importing {:?} leads back to it, and servers would leave the import out: {}",
                    import.subject,
                    way.join(" -> ")
                ))
                .hint("import from the account where the subject comes from"));
            }
        }
    }
    Ok(())
}

/// Follows an import; `way` begins with the account whose it is, and gains those on the way.
fn leads_back(workspace: &mut Workspace, import: &Import, way: &mut Vec<String>) -> Result<bool> {
    let store = workspace.store()?;
    let Some(exporter) = store.account_of_key(&mut workspace.files, &import.account)? else {
        return Ok(false);
    };
    if way.first() == Some(&exporter) {
        return Ok(way.len() > 1);
    }
    if way.len() > STEPS_MAX || way.contains(&exporter) {
        return Ok(false);
    }
    way.push(exporter.clone());
    let wanted = import.exporter_subject().to_owned();
    for next in workspace.account(&exporter)?.nats.imports {
        let meets = subject::collides(wanted.as_bytes(), local_name(&next).as_bytes());
        if next.kind == import.kind && meets && leads_back(workspace, &next, way)? {
            return Ok(true);
        }
    }
    way.pop();
    Ok(false)
}

/// Under which subject the importing account has it.
fn local_name(import: &Import) -> String {
    let local = match (import.to.as_str(), import.local_subject.as_str()) {
        ("", "") => import.subject.clone(),
        ("", local) => local.to_owned(),
        (to, _) if import.kind == ExportType::Stream => format!("{to}.{}", import.subject),
        (..) => import.subject.clone(),
    };
    // `$1` stands for a wildcard.
    let tokens: Vec<&str> = local
        .split('.')
        .map(|token| if token.starts_with('$') { "*" } else { token })
        .collect();
    tokens.join(".")
}
