//! Whether an import is offered, and what it is.

use nats_jwt::chain::check_import;
use nats_jwt::claims::{self, AccountClaims, ExportType};

use super::{Definition, Known};
use crate::options::{Import, ImportKind, import_cycle};

/// Takes `import` over into `definition`, or says there why not.
pub(super) fn add(
    definition: &mut Definition,
    import: &claims::Import,
    importer: &AccountClaims,
    known: &dyn Known,
    now: i64,
) {
    match made(definition, import, importer, known, now) {
        Ok((import, until)) => {
            definition.account.imports.push(import);
            definition.until = [definition.until, until].into_iter().flatten().min();
        }
        Err(reason) => definition.missing.push(format!(
            "{} import of {:?} from {}: {reason}",
            import.kind, import.subject, import.account
        )),
    }
}

fn made(
    definition: &Definition,
    import: &claims::Import,
    importer: &AccountClaims,
    known: &dyn Known,
    now: i64,
) -> Result<(Import, Option<i64>), String> {
    let exporter = known
        .claims(&import.account)
        .ok_or("the account is not known")?;
    let until =
        check_import(import, &importer.subject, &exporter, now).map_err(|e| e.to_string())?;
    let made = as_option(import)?;
    // A stream comes once, wherever it goes; a service may have several names.
    let twin = |other: &Import| {
        let same_kind = match (&other.kind, &made.kind) {
            (ImportKind::Stream { .. }, ImportKind::Stream { .. }) => true,
            (other, made) => other == made,
        };
        other.account == made.account && other.subject == made.subject && same_kind
    };
    if definition.account.imports.iter().any(twin) {
        return Err("it is imported already".into());
    }
    let find = |name: &str| known.definition(name).map(|known| known.account.clone());
    if import_cycle(&definition.account.name, &made, &find) {
        return Err("import forms a cycle".into());
    }
    Ok((made, until))
}

fn as_option(import: &claims::Import) -> Result<Import, String> {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let kind = match import.kind {
        ExportType::Unknown => return Err("it is neither stream nor service".into()),
        ExportType::Stream => ImportKind::Stream {
            prefix: match import.local_subject.is_empty() {
                true => text(import.to.trim_end_matches('.')),
                false => None,
            },
            to: text(&import.local_subject),
            allow_trace: import.allow_trace,
        },
        ExportType::Service => ImportKind::Service {
            to: match import.local_subject.is_empty() {
                true => import.subject.clone(),
                false => import.local_subject.clone(),
            },
            share: import.share,
        },
    };
    Ok(Import {
        account: import.account.clone(),
        subject: import.exporter_subject().to_owned(),
        kind,
    })
}
