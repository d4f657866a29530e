//! Whether an import is offered, and what it is.

use nats_jwt::chain::check_activation;
use nats_jwt::claims::{self, AccountClaims, ExportType};
use nats_proto::subject;

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
    let until = authorized(import, importer, &exporter, now)?;
    let made = as_option(import)?;
    let twin = |other: &Import| {
        other.account == made.account && other.subject == made.subject && other.kind == made.kind
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

/// Whether the exporter offers this to the importer; until when, if an activation token says so.
fn authorized(
    import: &claims::Import,
    importer: &AccountClaims,
    exporter: &AccountClaims,
    now: i64,
) -> Result<Option<i64>, String> {
    let wanted = import.exporter_subject();
    if !subject::is_valid(wanted.as_bytes()) {
        return Err("the subject is not valid".into());
    }
    let offers = || {
        let same_kind = |export: &&claims::Export| export.kind == import.kind;
        exporter.nats.exports.iter().filter(same_kind)
    };
    let covers =
        |export: &&claims::Export| subject::is_subset(wanted.as_bytes(), export.subject.as_bytes());
    // The export of exactly this subject decides before wider ones.
    let export = offers()
        .find(|export| export.subject == wanted)
        .or_else(|| offers().find(covers))
        .ok_or("it is not exported")?;
    if export.account_token_position > 0 {
        let index = export.account_token_position.saturating_sub(1);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let token = subject::token_at(wanted.as_bytes(), index);
        return if token == Some(importer.subject.as_bytes()) {
            Ok(None)
        } else {
            Err("the subject does not name this account".into())
        };
    }
    if !export.token_required {
        return Ok(None);
    }
    let token = check_activation(import, &importer.subject, exporter, export, now)
        .map_err(|e| e.to_string())?;
    Ok((token.expires > 0).then_some(token.expires))
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
