//! What can be done: one file per noun, one function per verb. Each takes the workspace and the request, and yields an [`Outcome`]; it
//! changes claims and files in the workspace only, and whoever called decides whether that is committed.
//!
//! Requests are structs that a command line can fill (`clap::Args`) and a program as well (`Default`).

pub mod account;
pub mod authcallout;
pub mod backup;
pub mod describe;
pub mod expirations;
pub mod export;
pub mod generate;
pub mod import;
pub mod init;
pub mod keys;
pub mod list;
pub mod mapping;
pub mod operator;
pub mod rename;
pub mod repair;
pub mod request;
pub mod revocations;
pub mod select;
pub mod signing_key;
pub mod simulate;
pub mod user;
pub mod validate;

use serde_json::Value;

use crate::report::Report;

/// What an operation has to say.
#[derive(Debug, Default)]
pub struct Outcome {
    pub report: Report,
    /// The result itself, where that is text.
    pub text: Option<String>,
    /// The result as a document, where there is one.
    pub json: Option<Value>,
}

impl Outcome {
    /// A result to print; what is reported about it goes elsewhere.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with_json(mut self, json: Value) -> Self {
        self.json = Some(json);
        self
    }

    #[must_use]
    pub fn with_report(mut self, report: Report) -> Self {
        self.report = report;
        self
    }
}

impl From<Report> for Outcome {
    fn from(report: Report) -> Self {
        Self {
            report,
            ..Self::default()
        }
    }
}
