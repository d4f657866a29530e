//! What goes wrong, with the next step.

use std::io;
use std::path::{Path, PathBuf};

use crate::report::Report;

/// What an operation returns.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The request makes no sense as it stands.
    #[error("{0}")]
    Refused(String),
    /// Something that was named is not there.
    #[error("{0}")]
    Missing(String),
    /// Something is there already.
    #[error("{0}")]
    Exists(String),
    /// A key that has to sign is nowhere to be found.
    #[error("{0}")]
    NoKey(String),
    #[error("{action} {}: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{}: {source}", path.display())]
    Token {
        path: PathBuf,
        source: nats_jwt::claims::DecodeError,
    },
    #[error("{} was changed by somebody else in the meantime; nothing was written", .0.display())]
    Conflict(PathBuf),
    #[error("{0}")]
    Sign(#[from] nats_jwt::claims::EncodeError),
    #[error("{0}")]
    Key(#[from] nats_jwt::nkey::NkeyError),
    #[error("{0}")]
    Remote(String),
    /// Nobody answered a question.
    #[error("{0}")]
    Unanswered(#[from] nats_term::prompt::Unanswered),
    /// Everything was said in the report.
    #[error("{0}")]
    Reported(String),
}

/// A reason, and what to do about it.
#[derive(Debug)]
pub struct Error {
    reason: Box<Reason>,
    hint: Option<String>,
    report: Option<Box<Report>>,
}

impl Error {
    pub fn refused(text: impl Into<String>) -> Self {
        Reason::Refused(text.into()).into()
    }

    pub fn missing(text: impl Into<String>) -> Self {
        Reason::Missing(text.into()).into()
    }

    pub fn exists(text: impl Into<String>) -> Self {
        Reason::Exists(text.into()).into()
    }

    pub fn no_key(text: impl Into<String>) -> Self {
        Reason::NoKey(text.into()).into()
    }

    pub fn remote(text: impl Into<String>) -> Self {
        Reason::Remote(text.into()).into()
    }

    pub fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Reason::File {
            action,
            path,
            source,
        }
        .into()
    }

    /// Says what the user can do about it.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }

    /// What was done, and not done, until here.
    #[must_use]
    pub fn with_report(mut self, report: Report) -> Self {
        self.report = Some(Box::new(report));
        self
    }

    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    pub fn next_step(&self) -> Option<&str> {
        let question = match &*self.reason {
            Reason::Unanswered(question) => question.next_step(),
            _ => None,
        };
        self.hint.as_deref().or(question)
    }

    pub fn report(&self) -> Option<&Report> {
        self.report.as_deref()
    }

    pub fn is_missing(&self) -> bool {
        matches!(*self.reason, Reason::Missing(_))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reason.fmt(f)
    }
}

impl std::error::Error for Error {}

impl<R: Into<Reason>> From<R> for Error {
    fn from(reason: R) -> Self {
        Self {
            reason: Box::new(reason.into()),
            hint: None,
            report: None,
        }
    }
}

/// Returns with a refusal in these words.
#[macro_export]
macro_rules! refuse {
    ($($arg:tt)*) => { return Err($crate::error::Error::refused(format!($($arg)*))) };
}
