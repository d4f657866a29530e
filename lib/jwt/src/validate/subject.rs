use super::Findings;
use crate::claims::{Permission, Permissions};

/// The findings about a subject, which may have wildcards. The reference knows these four.
pub(super) fn check(subject: &str, findings: &mut Findings) {
    if subject.is_empty() {
        findings.error("subject cannot be empty");
        return;
    }
    if subject.contains(' ') {
        findings.error(format!("subject {subject:?} cannot have spaces"));
    }
    if subject.starts_with('.') || subject.ends_with('.') {
        findings.error(format!(
            "subject {subject:?} cannot start or end with a `.`"
        ));
    }
    if subject.contains("..") {
        findings.error(format!(
            "subject {subject:?} cannot contain consecutive `.`"
        ));
    }
    if subject.contains(['\t', '\r', '\n', '\u{c}', '\0']) {
        findings.error(format!(
            "subject {subject:?} cannot have control characters"
        ));
    }
}

/// Whether any token is a wildcard.
pub(super) fn has_wildcards(subject: &str) -> bool {
    nats_proto::subject::has_wildcard(subject.as_bytes())
}

/// The findings about `local`, the name that `from` gets.
pub(super) fn check_renaming(local: &str, from: &str, findings: &mut Findings) {
    check(local, findings);
    if from.is_empty() {
        findings.error("subject cannot be empty");
    }
    if ends_in_tail(local) != ends_in_tail(from) {
        findings.error("both, renaming subject and subject, need to end or not end in >");
    }
    let wildcards = from.split('.').filter(|token| *token == "*").count();
    let mut references: usize = 0;
    for token in local.split('.') {
        if token == "*" {
            references = references.saturating_add(1);
        }
        let Some(number) = reference(token) else {
            continue;
        };
        if number > 0 && usize::try_from(number).is_ok_and(|number| number > wildcards) {
            findings.error(format!(
                "Reference ${number} in {local:?} reference * in {from:?} that do not exist"
            ));
        } else {
            references = references.saturating_add(1);
        }
    }
    if references != wildcards {
        findings.error("subject does not contain enough * or reference wildcards $[0-9]");
    }
}

/// `local` with `*` for every `$n`.
pub(super) fn renamed_pattern(local: &str) -> String {
    let tokens: Vec<_> = local
        .split('.')
        .map(|token| reference(token).map_or(token, |_| "*"))
        .collect();
    tokens.join(".")
}

fn ends_in_tail(subject: &str) -> bool {
    subject == ">" || subject.ends_with(".>")
}

/// The number of `$n`.
fn reference(token: &str) -> Option<i64> {
    token.strip_prefix('$')?.parse().ok()
}

pub(super) fn check_permissions(permissions: &Permissions, findings: &mut Findings) {
    check_permission(&permissions.subscribe, true, findings);
    check_permission(&permissions.publish, false, findings);
}

fn check_permission(permission: &Permission, may_queue: bool, findings: &mut Findings) {
    for text in permission.allow.iter().chain(&permission.deny) {
        let words: Vec<_> = text.split(' ').collect();
        match words.as_slice() {
            [subject] => check(subject, findings),
            [subject, queue] => {
                check(subject, findings);
                check(queue, findings);
                if !may_queue {
                    findings.error(format!(
                        "Permission Subject \"{text}\" is not allowed to contain queue"
                    ));
                }
            }
            _ => findings.error(format!(
                "Permission Subject \"{text}\" contains too many spaces"
            )),
        }
    }
}
