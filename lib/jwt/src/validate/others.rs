//! Operators, users, and the conversation with an authorization service.

use super::subject::check_permissions;
use super::url::{account_server_url, operator_service_url, parse_server_version};
use super::{Findings, Validate};
use crate::cidr::Cidr;
use crate::claims::{
    AuthorizationRequest, AuthorizationResponse, Claims, Generic, Operator, User,
    UserPermissionLimits,
};
use crate::nkey::{Kind, is_public_key};
use crate::times;

impl Validate for Operator {
    fn check(claims: &Claims<Self>, findings: &mut Findings) {
        let operator = &claims.nats;
        if let Err(reason) = account_server_url(&operator.account_server_url) {
            findings.error(reason);
        }
        for url in &operator.operator_service_urls {
            if let Err(reason) = operator_service_url(url) {
                findings.error(reason);
            }
        }
        for key in &operator.signing_keys {
            if !is_public_key(key, Kind::Operator) {
                findings.error(format!("{key} is not an operator public key"));
            }
        }
        let account = &operator.system_account;
        if !account.is_empty() && !is_public_key(account, Kind::Account) {
            findings.error(format!("{account} is not an account public key"));
        }
        if let Err(reason) = parse_server_version(&operator.assert_server_version) {
            findings.error(format!("assert server version error: {reason}"));
        }
    }
}

impl Validate for User {
    fn check(claims: &Claims<Self>, findings: &mut Findings) {
        check_limits(&claims.nats.limits, findings);
        let account = &claims.nats.issuer_account;
        if !account.is_empty() && !is_public_key(account, Kind::Account) {
            findings.error("account_id is not an account public key");
        }
    }
}

fn check_limits(limits: &UserPermissionLimits, findings: &mut Findings) {
    check_permissions(&limits.permissions, findings);
    for network in &limits.src {
        if network.parse::<Cidr>().is_err() {
            findings.error(format!("invalid cidr {network:?} in user src limits"));
        }
    }
    for range in &limits.times {
        for (end, text) in [("start", &range.start), ("end", &range.end)] {
            if text.is_empty() {
                findings.error(format!("time ranges {end} must contain {}", a(end)));
            } else if times::parse_time(text).is_none() {
                findings.error(format!("{end} in time range is invalid {text:?}"));
            }
        }
    }
    if !limits.times_location.is_empty() && !times::is_time_zone(&limits.times_location) {
        findings.error(format!(
            "could not parse iana time zone by name: unknown time zone {}",
            limits.times_location
        ));
    }
}

fn a(word: &str) -> String {
    let article = if word.starts_with('e') { "an" } else { "a" };
    format!("{article} {word}")
}

impl Validate for AuthorizationRequest {
    fn check(claims: &Claims<Self>, findings: &mut Findings) {
        let user = &claims.nats.user_nkey;
        if user.is_empty() {
            findings.error("User nkey is required");
        } else if !is_public_key(user, Kind::User) {
            findings.error(format!("User nkey {user:?} is not a valid user public key"));
        }
    }
}

impl Validate for AuthorizationResponse {
    fn check(claims: &Claims<Self>, findings: &mut Findings) {
        let response = &claims.nats;
        if !is_public_key(&claims.subject, Kind::User) {
            findings.error("Subject must be a user public key");
        }
        if !is_public_key(&claims.audience, Kind::Server) {
            findings.error("Audience must be a server public key");
        }
        match (response.error.is_empty(), response.jwt.is_empty()) {
            (true, true) => findings.error("Error or Jwt is required"),
            (false, false) => findings.error("Only Error or Jwt can be set"),
            _ => {}
        }
        let account = &response.issuer_account;
        if !account.is_empty() && !is_public_key(account, Kind::Account) {
            findings.error("issuer_account is not an account public key");
        }
    }
}

impl Validate for Generic {
    fn check(_: &Claims<Self>, _: &mut Findings) {}
}
