//! Whether what accounts import is exported to them, can be mapped, and forms no cycle.

use nats_proto::subject;
use nats_proto::transform::{Transform, numbered_wildcards, placeholders};

use super::accounts::{Account, ExportKind, Import, ImportKind};

/// Everything that is wrong with the imports of these accounts, which all name accounts among these.
pub(super) fn import_problems(accounts: &[Account]) -> Vec<String> {
    let mut problems = Vec::new();
    for account in accounts {
        for (n, import) in account.imports.iter().enumerate() {
            let what = kind_word(import);
            let Some(exporter) = accounts.iter().find(|other| other.name == import.account) else {
                continue;
            };
            let problem = if !is_exported_to(exporter, import, &account.name) {
                Some(format!("{what} import not authorized"))
            } else if is_twin(account.imports.get(..n).unwrap_or_default(), import) {
                Some(format!("{what} import already exists"))
            } else if let Some(problem) = mapping_problem(import) {
                Some(problem)
            } else {
                let find = |name: &str| accounts.iter().find(|other| other.name == name).cloned();
                import_cycle(&account.name, import, &find)
                    .then(|| "import forms a cycle".to_owned())
            };
            problems.extend(problem.map(|problem| {
                format!("Error adding {what} import {:?}: {problem}", import.subject)
            }));
        }
    }
    problems
}

/// Whether an import before this one brings the same stream: each message would come twice.
fn is_twin(before: &[Import], import: &Import) -> bool {
    let same = |other: &Import| other.account == import.account && other.subject == import.subject;
    let is_stream = |import: &Import| matches!(import.kind, ImportKind::Stream { .. });
    is_stream(import) && before.iter().any(|other| is_stream(other) && same(other))
}

fn kind_word(import: &Import) -> &'static str {
    match import.kind {
        ImportKind::Stream { .. } => "stream",
        ImportKind::Service { .. } => "service",
    }
}

/// Whether some export covers the import and permits this importer.
fn is_exported_to(exporter: &Account, import: &Import, importer: &str) -> bool {
    exporter.exports.iter().any(|export| {
        let same_kind = matches!(
            (&export.kind, &import.kind),
            (ExportKind::Stream, ImportKind::Stream { .. })
                | (ExportKind::Service { .. }, ImportKind::Service { .. })
        );
        let permitted = export
            .accounts
            .as_ref()
            .is_none_or(|accounts| accounts.iter().any(|account| account == importer));
        let own_token = export.account_token_position.is_none_or(|position| {
            let index = usize::try_from(position)
                .unwrap_or(usize::MAX)
                .saturating_sub(1);
            subject::token_at(import.subject.as_bytes(), index) == Some(importer.as_bytes())
        });
        same_kind
            && permitted
            && own_token
            && subject::is_subset(import.subject.as_bytes(), export.subject.as_bytes())
    })
}

/// Why the subjects on both sides cannot be mapped to each other.
fn mapping_problem(import: &Import) -> Option<String> {
    let exported = &import.subject;
    match &import.kind {
        ImportKind::Service { to, .. }
            if to != exported && subject::has_wildcard(exported.as_bytes()) =>
        {
            let error =
                Transform::new_strict(&placeholders(exported).0, &numbered_wildcards(to)).err()?;
            let subjects = format!("from {to:?} to {exported:?}");
            Some(format!(
                "failed to create mapping transform for service import subject {subjects}: {error}"
            ))
        }
        ImportKind::Stream { to: Some(to), .. } if to != exported => {
            let error = Transform::new_strict(exported, &numbered_wildcards(to)).err()?;
            let subjects = format!("from {exported:?} to {to:?}");
            Some(format!(
                "failed to create mapping transform for stream import subject {subjects}: {error}"
            ))
        }
        ImportKind::Stream {
            prefix: Some(prefix),
            ..
        } if !subject::is_valid_literal(prefix.trim_end_matches('.').as_bytes()) => {
            Some("stream import prefix can not contain wildcard tokens".to_owned())
        }
        _ => None,
    }
}

/// Whether what this import brings would come back to the importing account by imports of the exporter, directly or not.
pub fn import_cycle(
    importer: &str,
    import: &Import,
    find: &dyn Fn(&str) -> Option<Account>,
) -> bool {
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut next = vec![import.clone()];
    while let Some(import) = next.pop() {
        let place = (import.account.clone(), import.subject.clone());
        if seen.contains(&place) {
            continue;
        }
        seen.push(place);
        let Some(exporter) = find(&import.account) else {
            continue;
        };
        for further in exporter
            .imports
            .into_iter()
            .filter(|further| kind_word(further) == kind_word(&import))
        {
            if subject::collides(
                local_subject(&further).as_bytes(),
                import.subject.as_bytes(),
            ) {
                if further.account == importer {
                    return true;
                }
                next.push(further);
            }
        }
    }
    false
}

/// The subject of an import in the importing account, `>` at its end when a prefix changes it.
fn local_subject(import: &Import) -> String {
    match &import.kind {
        ImportKind::Service { to, .. } => placeholders(to).0,
        ImportKind::Stream { to: Some(to), .. } => placeholders(to).0,
        ImportKind::Stream {
            prefix: Some(prefix),
            ..
        } => format!("{}.{}", prefix.trim_end_matches('.'), import.subject),
        ImportKind::Stream { .. } => import.subject.clone(),
    }
}
