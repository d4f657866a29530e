use std::collections::BTreeMap;

use super::sharing::{check_exports, check_imports};
use super::subject::{check, check_permissions, has_wildcards};
use super::url::check_info;
use super::{Findings, Validate};
use crate::claims::{
    Account, AccountLimits, Claims, ClusterTraffic, ExternalAuthorization, JetStreamLimits,
    MessageTrace, NO_LIMIT, SigningKeys, WeightedMapping,
};
use crate::nkey::{Kind, is_public_key};

impl Validate for Account {
    fn check(claims: &Claims<Self>, findings: &mut Findings) {
        let account = &claims.nats;
        check_imports(&account.imports, &claims.subject, findings);
        check_exports(&account.exports, findings);
        check_limits(&account.limits, findings);
        check_permissions(&account.default_permissions, findings);
        for (from, to) in &account.mappings {
            check_mapping(from, to, findings);
        }
        check_authorization(&account.authorization, findings);
        if let Some(trace) = &account.trace {
            check_trace(trace, findings);
        }
        check_counts(account, findings);
        check_signing_keys(&account.signing_keys, findings);
        check_info(&account.description, &account.info_url, findings);
        if let ClusterTraffic::Unknown(word) = &account.cluster_traffic {
            findings.error(format!("unknown cluster traffic option: {word:?}"));
        }
        if is_public_key(&claims.issuer, Kind::Account) && !account.limits.is_empty() {
            findings.warning("self-signed account JWTs shouldn't contain operator limits");
        }
    }
}

fn check_limits(limits: &AccountLimits, findings: &mut Findings) {
    if limits.tiered_limits.is_empty() {
        return;
    }
    if limits.jetstream != JetStreamLimits::default() {
        findings.error("JetStream Limits and tiered JetStream Limits are mutually exclusive");
    }
    if limits.tiered_limits.contains_key("") {
        findings.error("Tiered JetStream Limits can not contain a blank \"\" tier name");
    }
}

fn check_counts(account: &Account, findings: &mut Findings) {
    let limits = &account.limits;
    let exceeds = |count: usize, limit: i64| i64::try_from(count).is_ok_and(|count| count > limit);
    let too_many_imports = "the account contains more imports than allowed by the operator";
    if exceeds(account.imports.len(), limits.imports) {
        // The reference says it twice for accounts that have limits at all.
        if !limits.is_empty() && limits.imports >= 0 {
            findings.error(too_many_imports);
        }
        if limits.imports != NO_LIMIT {
            findings.error(too_many_imports);
        }
    }
    if limits.exports == NO_LIMIT {
        return;
    }
    if exceeds(account.exports.len(), limits.exports) {
        findings.error("the account contains more exports than allowed by the operator");
    }
    if !limits.wildcards {
        for export in &account.exports {
            if has_wildcards(&export.subject) {
                findings.error(
                    "the account contains wildcard exports that are not allowed by the operator",
                );
            }
        }
    }
}

fn check_mapping(from: &str, to: &[WeightedMapping], findings: &mut Findings) {
    check(from, findings);
    let mut total: u32 = 0;
    let mut in_cluster: BTreeMap<&str, u32> = BTreeMap::new();
    for mapping in to {
        check(&mapping.subject, findings);
        let percent = mapping.percent();
        if percent > 100 {
            findings.error(format!(
                "Mapping {from:?} has a weight {percent} that exceeds 100"
            ));
        }
        if mapping.cluster.is_empty() {
            total = total.saturating_add(percent.into());
            continue;
        }
        let sum = in_cluster.entry(&mapping.cluster).or_default();
        *sum = sum.saturating_add(percent.into());
        if *sum > 100 {
            findings.error(format!(
                "Mapping {from:?} in cluster {:?} exceeds 100% among all of it's weighted to mappings",
                mapping.cluster
            ));
        }
    }
    if total > 100 {
        findings.error(format!(
            "Mapping {from:?} exceeds 100% among all of it's weighted to mappings"
        ));
    }
}

fn check_authorization(authorization: &ExternalAuthorization, findings: &mut Findings) {
    let accounts = &authorization.allowed_accounts;
    if !accounts.is_empty() && authorization.auth_users.is_empty() {
        findings.error("External authorization cannot have accounts without users specified");
    }
    for user in &authorization.auth_users {
        if !is_public_key(user, Kind::User) {
            findings.error(format!("AuthUser {user:?} is not a valid user public key"));
        }
    }
    for account in accounts {
        if account == "*" && accounts.len() > 1 {
            findings.error("AllowedAccounts can only be a list of accounts or \"*\"");
        } else if account != "*" && !is_public_key(account, Kind::Account) {
            findings.error(format!(
                "Account {account:?} is not a valid account public key"
            ));
        }
    }
    let xkey = &authorization.xkey;
    if !xkey.is_empty() && !is_public_key(xkey, Kind::Curve) {
        findings.error(format!("XKey {xkey:?} is not a valid public xkey"));
    }
}

fn check_trace(trace: &MessageTrace, findings: &mut Findings) {
    let destination = &trace.destination;
    let mut about_subject = Findings::default();
    check(destination, &mut about_subject);
    if let Some(first) = about_subject.iter().next() {
        findings.error(format!("the account Trace.Destination {first}"));
    }
    if has_wildcards(destination) {
        findings.error(format!(
            "the account Trace.Destination subject {destination:?} is not a valid publish subject"
        ));
    }
    if !(0..=100).contains(&trace.sampling) {
        findings.error(format!(
            "the account Trace.Sampling value '{}' is not valid, should be in the range [1..100]",
            trace.sampling
        ));
    }
}

fn check_signing_keys(keys: &SigningKeys, findings: &mut Findings) {
    for (key, scope) in keys.iter() {
        if is_public_key(key, Kind::Account) {
            continue;
        }
        findings.error(match scope {
            Some(_) => format!("{key} is not an account public key"),
            None => format!("{key:?} is not a valid account signing key"),
        });
    }
}
