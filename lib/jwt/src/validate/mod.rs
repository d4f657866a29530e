//! Does what a token says make sense? The reference's findings in the reference's words, since tools show them and people search
//! for them.
//!
//! A finding is an error (the token is of no use), a warning, or a matter of time (expired, not valid yet), which counts as an
//! error where a token is used and not where it is made. [`Claims::validate`] finds all of them; nothing here fails.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod account;
mod others;
mod sharing;
mod subject;
mod url;

use std::fmt;

use crate::claims::{AnyClaims, Claims, Payload, each};

pub use url::{account_server_url, info_url, operator_service_url, parse_server_version};

/// Longest description and information URL, in bytes.
pub const INFO_LEN_MAX: usize = 8 * 1024;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    /// Expired or not valid yet.
    TimeCheck,
    Error,
}

/// One thing that is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// All that is not right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is an error, or with `include_time_checks` something expired or not valid yet.
    pub fn is_blocking(&self, include_time_checks: bool) -> bool {
        self.0.iter().any(|finding| match finding.severity {
            Severity::Error => true,
            Severity::TimeCheck => include_time_checks,
            Severity::Warning => false,
        })
    }

    /// The texts of the errors.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        self.texts(|severity| severity == Severity::Error)
    }

    /// The texts of everything that is no error.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.texts(|severity| severity != Severity::Error)
    }

    fn texts(&self, wanted: impl Fn(Severity) -> bool) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |finding| wanted(finding.severity))
            .map(|finding| finding.text.as_str())
    }

    fn add(&mut self, severity: Severity, text: impl Into<String>) {
        let text = text.into();
        self.0.push(Finding { severity, text });
    }

    fn error(&mut self, text: impl Into<String>) {
        self.add(Severity::Error, text);
    }

    fn warning(&mut self, text: impl Into<String>) {
        self.add(Severity::Warning, text);
    }

    fn time_check(&mut self, text: impl Into<String>) {
        self.add(Severity::TimeCheck, text);
    }
}

/// What a type of token is asked.
pub trait Validate: Payload {
    /// Adds what is wrong with `claims` besides their time.
    fn check(claims: &Claims<Self>, findings: &mut Findings);
}

impl<N: Validate> Claims<N> {
    /// All findings at `now`, in seconds since 1970.
    pub fn validate(&self, now: i64) -> Findings {
        let mut findings = Findings::default();
        if self.is_expired(now) {
            findings.time_check("claim is expired");
        }
        if self.is_early(now) {
            findings.time_check("claim is not yet valid");
        }
        N::check(self, &mut findings);
        findings
    }
}

impl AnyClaims {
    /// See [`Claims::validate`].
    pub fn validate(&self, now: i64) -> Findings {
        each!(self, claims => claims.validate(now))
    }
}

#[cfg(test)]
mod tests;
