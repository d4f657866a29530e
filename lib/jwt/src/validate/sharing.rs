use std::collections::{BTreeMap, BTreeSet};

use super::subject::{check, check_renaming, has_wildcards, renamed_pattern};
use super::url::check_info;
use super::{Findings, Validate};
use crate::chain::is_contained_in;
use crate::claims::{
    Activation, ActivationClaims, Claims, Export, ExportType, Import, Latency, ResponseType,
    Sampling,
};
use crate::nkey::{Kind, is_public_key};

pub(super) fn check_exports(exports: &[Export], findings: &mut Findings) {
    for export in exports {
        check_export(export, findings);
    }
    for kind in [ExportType::Service, ExportType::Stream] {
        // What is no service counts as a stream here, as in the reference.
        let wanted = |export: &&Export| {
            (export.kind == ExportType::Service) == (kind == ExportType::Service)
        };
        let subjects: Vec<_> = exports
            .iter()
            .filter(wanted)
            .map(|e| e.subject.as_str())
            .collect();
        check_overlaps(kind, &subjects, findings);
    }
}

fn check_overlaps(kind: ExportType, subjects: &[&str], findings: &mut Findings) {
    let mut outer = BTreeMap::new();
    for (i, subject) in subjects.iter().enumerate() {
        for (j, other) in subjects.iter().enumerate() {
            if i != j && is_contained_in(subject, other) {
                outer.entry(*other).or_insert(*subject);
            }
        }
    }
    for (other, subject) in outer {
        findings.error(format!(
            "{kind} export subject {other:?} already exports {subject:?}"
        ));
    }
}

fn check_export(export: &Export, findings: &mut Findings) {
    let is_service = export.kind == ExportType::Service;
    if export.kind == ExportType::Unknown {
        findings.error("invalid export type: \"unknown\"");
    }
    let word = export.response_type.as_str();
    if is_service && matches!(export.response_type, ResponseType::Unknown(_)) {
        findings.error(format!("invalid response type for service: {word:?}"));
    }
    if export.kind == ExportType::Stream {
        if !word.is_empty() {
            findings.error(format!("invalid response type for stream: {word:?}"));
        }
        if export.allow_trace {
            findings.error("AllowTrace only valid for service export");
        }
    }
    if let Some(latency) = &export.latency {
        if !is_service {
            findings.error("latency tracking only permitted for services");
        }
        check_latency(latency, findings);
    }
    if export.response_threshold_ns < 0 {
        findings.error("negative response threshold is invalid");
    }
    if export.response_threshold_ns > 0 && !is_service {
        findings.error("response threshold only valid for services");
    }
    check(&export.subject, findings);
    check_token_position(export, findings);
    check_info(&export.description, &export.info_url, findings);
}

fn check_latency(latency: &Latency, findings: &mut Findings) {
    if !matches!(
        latency.sampling,
        Sampling::Headers | Sampling::Percent(1..=100)
    ) {
        findings.error("sampling percentage needs to be between 1-100");
    }
    check(&latency.results, findings);
    if has_wildcards(&latency.results) {
        findings.error("results subject can not contain wildcards");
    }
}

fn check_token_position(export: &Export, findings: &mut Findings) {
    let (position, subject) = (export.account_token_position, &export.subject);
    if position == 0 {
        return;
    }
    if !has_wildcards(subject) {
        findings.error(format!(
            "Account Token Position can only be used with wildcard subjects: {subject}"
        ));
        return;
    }
    let index = usize::try_from(position.saturating_sub(1)).unwrap_or(usize::MAX);
    match subject.split('.').nth(index) {
        None => findings.error(format!(
            "Account Token Position {position} exceeds length of subject '{subject}'"
        )),
        Some("*") => {}
        Some(token) => findings.error(format!(
            "Account Token Position {position} matches '{token}' but must match a * in: {subject}"
        )),
    }
}

pub(super) fn check_imports(imports: &[Import], importer: &str, findings: &mut Findings) {
    let mut services: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for import in imports {
        if import.kind == ExportType::Service {
            let local = local_pattern(import);
            let account = &import.account;
            let known = services.entry(account).or_default();
            for other in known.iter() {
                if is_contained_in(&local, other) || is_contained_in(other, &local) {
                    findings.error(format!(
                        "overlapping subject namespace for {local:?} and {other:?} in same account {account:?}"
                    ));
                }
            }
            if !known.insert(local.clone()) {
                findings.error(format!(
                    "overlapping subject namespace for {local:?} in account {account:?}"
                ));
            }
        }
        check_import(import, importer, findings);
    }
}

/// Under which subjects a service is reached in the importing account.
fn local_pattern(import: &Import) -> String {
    if !import.to.is_empty() {
        import.to.clone()
    } else if !import.local_subject.is_empty() {
        renamed_pattern(&import.local_subject)
    } else {
        import.subject.clone()
    }
}

fn check_import(import: &Import, importer: &str, findings: &mut Findings) {
    let subject = &import.subject;
    let is_service = import.kind == ExportType::Service;
    if import.kind == ExportType::Unknown {
        findings.error("invalid import type: \"unknown\"");
    }
    if is_service && import.allow_trace {
        findings.error("AllowTrace only valid for stream import");
    }
    if import.account.is_empty() {
        findings.error("account to import from is not specified");
    }
    if !import.to.is_empty() {
        findings.warning("the field to has been deprecated (use LocalSubject instead)");
    }
    check(subject, findings);
    if !import.local_subject.is_empty() {
        check_renaming(&import.local_subject, subject, findings);
        if !import.to.is_empty() {
            findings.error("Local Subject replaces To");
        }
    }
    if import.share && !is_service {
        findings.error(format!(
            "sharing information (for latency tracking) is only valid for services: {subject:?}"
        ));
    }
    if import.token.is_empty() {
        return;
    }
    match ActivationClaims::decode(&import.token) {
        Ok(token) => check_token(import, importer, &token, findings),
        Err(_) => findings.error(format!(
            "import {subject:?} contains an invalid activation token"
        )),
    }
}

fn check_token(import: &Import, importer: &str, token: &ActivationClaims, findings: &mut Findings) {
    let subject = &import.subject;
    if token.issuer != import.account && token.nats.issuer_account != import.account {
        findings.error(format!(
            "activation token doesn't match account for import {subject:?}"
        ));
    }
    if token.subject != importer {
        findings.error(format!(
            "activation token doesn't match account it is being included in, {subject:?}"
        ));
    }
    if token.nats.import_type != import.kind {
        findings.error(format!(
            "mismatch between token import type {} and type of import {}",
            token.nats.import_type, import.kind
        ));
    }
    Activation::check(token, findings);
    if !is_contained_in(import.exporter_subject(), &token.nats.import_subject) {
        findings.error(format!(
            "activation token import subject {:?} doesn't match import {subject:?}",
            token.nats.import_subject
        ));
    }
}

impl Validate for Activation {
    fn check(claims: &Claims<Self>, findings: &mut Findings) {
        let activation = &claims.nats;
        if activation.import_type == ExportType::Unknown {
            findings.error("invalid import type: \"unknown\"");
        }
        check(&activation.import_subject, findings);
        let account = &activation.issuer_account;
        if !account.is_empty() && !is_public_key(account, Kind::Account) {
            findings.error("account_id is not an account public key");
        }
    }
}
