//! May a user do something, and which rule says so: decided from the tokens alone, in the order in which servers decide.

use nats_jwt::chain;
use nats_jwt::claims::{AccountClaims, ExportType, Import, Permission, UserClaims};
use nats_proto::subject;
use serde::Serialize;

use crate::error::Result;
use crate::refuse;
use crate::workspace::Workspace;

/// What the user wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Publish,
    Subscribe,
}

/// Whether it may, and what decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    pub allowed: bool,
    /// The rule that decides.
    pub rule: String,
    /// What else happens: where the message goes, what will not be delivered.
    pub notes: Vec<String>,
}

impl Verdict {
    fn denied(rule: impl Into<String>) -> Self {
        Self {
            allowed: false,
            rule: rule.into(),
            notes: Vec::new(),
        }
    }

    fn allowed(rule: impl Into<String>) -> Self {
        Self {
            allowed: true,
            ..Self::denied(rule)
        }
    }
}

/// Decides for a user of the account named `account`.
///
/// # Errors
/// When the subject is none, or the store cannot be read.
pub fn simulate(
    workspace: &mut Workspace,
    account: &str,
    user: &UserClaims,
    action: Action,
    on: &str,
) -> Result<Verdict> {
    let (name, queue) = on
        .split_once(' ')
        .map_or((on, None), |(name, queue)| (name, Some(queue)));
    if !subject::is_valid(name.as_bytes())
        || action == Action::Publish && (queue.is_some() || subject::has_wildcard(name.as_bytes()))
    {
        refuse!("{on:?} is no subject for this");
    }
    let operator = workspace.operator()?;
    let claims = workspace.account(account)?;
    if !operator.did_sign(&claims) && !workspace.store()?.is_managed() {
        return Ok(Verdict::denied(format!(
            "account {account:?} is not signed by the operator {:?}",
            operator.name
        )));
    }
    let strict = operator.nats.strict_signing_key_usage;
    let limits = match claims.admit(user, strict, workspace.now()) {
        Ok(limits) => limits,
        Err(error) => {
            return Ok(Verdict::denied(format!(
                "the user may not connect: {error}"
            )));
        }
    };
    let scope = claims.nats.signing_keys.scope(&user.issuer);
    let default = &claims.nats.default_permissions;
    let (permissions, whose) = if !limits.permissions.is_empty() {
        match scope {
            Some(scope) => (&limits.permissions, format!("role {:?}", scope.role)),
            None => (&limits.permissions, "the user's permissions".to_owned()),
        }
    } else if !default.is_empty() {
        (
            default,
            format!("the default permissions of account {account:?}"),
        )
    } else {
        let mut verdict = Verdict::allowed(
            "neither user, role nor account have permissions: everything is allowed",
        );
        follow(workspace, &claims, action, name, &mut verdict)?;
        return Ok(verdict);
    };
    let (permission, word) = match action {
        Action::Publish => (&permissions.publish, "pub"),
        Action::Subscribe => (&permissions.subscribe, "sub"),
    };
    let mut verdict = decide(permission, word, &whose, name, queue);
    if verdict.allowed {
        follow(workspace, &claims, action, name, &mut verdict)?;
    } else if action == Action::Publish && permissions.response.is_some() {
        verdict.notes.push(
            "as an answer to a request that it received it may be published (allow responses)"
                .to_owned(),
        );
    }
    Ok(verdict)
}

/// Whether `entry`, a subject with or without a queue, covers the subject and queue.
fn covers(entry: &str, name: &str, queue: Option<&str>) -> bool {
    match entry.split_once(' ') {
        Some((pattern, group)) => {
            subject::is_subset(name.as_bytes(), pattern.as_bytes())
                && queue.is_some_and(|queue| subject::is_subset(queue.as_bytes(), group.as_bytes()))
        }
        None => subject::is_subset(name.as_bytes(), entry.as_bytes()),
    }
}

fn decide(
    permission: &Permission,
    word: &str,
    whose: &str,
    name: &str,
    queue: Option<&str>,
) -> Verdict {
    if let Some(entry) = permission
        .deny
        .iter()
        .find(|entry| covers(entry, name, queue))
    {
        return Verdict::denied(format!("{whose}: deny {word} {entry:?}"));
    }
    let mut verdict = if permission.allow.is_empty() {
        Verdict::allowed(format!("{whose}: {word} has no list of what is allowed"))
    } else {
        match permission
            .allow
            .iter()
            .find(|entry| covers(entry, name, queue))
        {
            Some(entry) => Verdict::allowed(format!("{whose}: allow {word} {entry:?}")),
            None => {
                return Verdict::denied(format!(
                    "{whose}: {name:?} is in none of allow {word} {:?}",
                    permission.allow
                ));
            }
        }
    };
    for entry in &permission.deny {
        let pattern = entry.split(' ').next().unwrap_or_default();
        if subject::collides(name.as_bytes(), pattern.as_bytes()) {
            verdict.notes.push(format!(
                "messages on {entry:?} will not be delivered: {whose}: deny {word}"
            ));
        }
    }
    verdict
}

/// Where it leads: mappings, imports.
fn follow(
    workspace: &mut Workspace,
    account: &AccountClaims,
    action: Action,
    name: &str,
    verdict: &mut Verdict,
) -> Result {
    if action == Action::Publish {
        for (from, all) in &account.nats.mappings {
            if subject::is_subset(name.as_bytes(), from.as_bytes()) {
                let to: Vec<_> = all
                    .iter()
                    .map(|to| format!("{} ({}%)", to.subject, to.percent()))
                    .collect();
                verdict
                    .notes
                    .push(format!("mapping {from:?} sends it to {}", to.join(", ")));
            }
        }
    }
    let wanted = if action == Action::Publish {
        ExportType::Service
    } else {
        ExportType::Stream
    };
    for import in account
        .nats
        .imports
        .iter()
        .filter(|import| import.kind == wanted)
    {
        let local = match (
            import.kind,
            import.to.as_str(),
            import.local_subject.as_str(),
        ) {
            (ExportType::Service, "", "") | (_, "", "") => import.subject.clone(),
            (_, "", local) => local.to_owned(),
            (ExportType::Service, ..) => import.subject.clone(),
            (_, to, _) => format!("{to}.{}", import.subject),
        };
        // `$1` stands for a wildcard.
        let local: Vec<&str> = local
            .split('.')
            .map(|token| if token.starts_with('$') { "*" } else { token })
            .collect();
        if !subject::collides(name.as_bytes(), local.join(".").as_bytes()) {
            continue;
        }
        let note = other_side(workspace, account, import)?;
        let way = if action == Action::Publish {
            "leads to"
        } else {
            "brings from"
        };
        verdict
            .notes
            .push(format!("import {:?} {way} {note}", import.name));
    }
    Ok(())
}

/// The exporter of an import, and whether the import works.
fn other_side(
    workspace: &mut Workspace,
    account: &AccountClaims,
    import: &Import,
) -> Result<String> {
    let store = workspace.store()?;
    Ok(
        match store.account_of_key(&mut workspace.files, &import.account)? {
            None => format!("account {}, which is not in this store", import.account),
            Some(exporter) => {
                let claims = workspace.account(&exporter)?;
                let remote = import.exporter_subject().to_owned();
                let export = claims.nats.exports.iter().find(|export| {
                    export.kind == import.kind
                        && subject::is_subset(remote.as_bytes(), export.subject.as_bytes())
                });
                match export {
                    None => format!(
                        "account {exporter:?}, which does not export {remote:?}: the import does not work"
                    ),
                    Some(export) if export.token_required => {
                        match chain::check_activation(
                            import,
                            &account.subject,
                            &claims,
                            export,
                            workspace.now(),
                        ) {
                            Ok(_) => format!("account {exporter:?} as {remote:?}"),
                            Err(error) => format!(
                                "account {exporter:?}, but the import does not work: {error}"
                            ),
                        }
                    }
                    Some(_) => format!("account {exporter:?} as {remote:?}"),
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(allow: &[&str], deny: &[&str]) -> Permission {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        Permission {
            allow: texts(allow),
            deny: texts(deny),
        }
    }

    #[test]
    fn the_rule_that_decides_is_named() {
        for (allow, deny, on, queue, allowed, rule) in [
            (
                &["a.>"][..],
                &[][..],
                "a.b",
                None,
                true,
                "allow pub \"a.>\"",
            ),
            (&["a.>"], &["a.b"], "a.b", None, false, "deny pub \"a.b\""),
            (&["a.>"], &[], "b", None, false, "none of allow pub"),
            (&[], &["x"], "b", None, true, "no list"),
            (&["q w"], &[], "q", Some("w"), true, "allow pub \"q w\""),
            (&["q w"], &[], "q", None, false, "none of"),
            (&["q *"], &[], "q", Some("any"), true, "allow pub \"q *\""),
            (&[], &["q w"], "q", Some("w"), false, "deny pub \"q w\""),
        ] {
            let verdict = decide(&permission(allow, deny), "pub", "r", on, queue);
            assert_eq!(verdict.allowed, allowed, "{on}");
            assert!(verdict.rule.contains(rule), "{}", verdict.rule);
        }
    }

    #[test]
    fn what_a_wildcard_will_not_get_is_noted() {
        let verdict = decide(&permission(&[], &["a.secret"]), "sub", "r", "a.*", None);
        assert!(verdict.allowed);
        assert_eq!(verdict.notes.len(), 1);
    }
}
