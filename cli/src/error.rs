//! Errors as users see them: what went wrong, what to do next, and the exit code.

use std::fmt;
use std::io;

/// The exit codes of `nats`. They are stable: scripts depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that has no code of its own, wrong usage included. The reference tool uses 1 for these as well.
    Failure = 1,
    /// `nats request` and `nats service request`: nobody listens on the subject. The reference tool exits 0 here, so that
    /// scripts cannot tell an answer from its absence; this is a deliberate difference.
    NoResponders = 2,
    /// `nats request` and `nats service request`: no reply came within `--timeout`. Told apart from other failures, because retrying makes
    /// sense here.
    Timeout = 3,
}

/// What a command returns.
pub type Result<T = ()> = std::result::Result<T, CliError>;

/// An error that ends the program: a message, optionally the next step, and the exit code.
#[derive(Debug, Clone)]
pub struct CliError {
    message: String,
    next_step: Option<String>,
    code: u8,
    quiet: bool,
}

impl CliError {
    /// An error with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            next_step: None,
            code: Exit::Failure as u8,
            quiet: false,
        }
    }

    /// Ends the program with `code` and without a message: everything worth saying is already printed.
    pub fn exit(code: u8) -> Self {
        Self {
            message: String::new(),
            next_step: None,
            code,
            quiet: true,
        }
    }

    /// A flag or command whose server-side feature this build does not have yet.
    pub fn not_available(what: &str, feature: &str) -> Self {
        Self::new(format!(
            "{what} needs {feature}, which this build of nats does not support yet"
        ))
        .next_step("leave it out, or use a release that supports it; nothing was sent")
    }

    /// Says what the user can do about it; printed on a line of its own.
    pub fn next_step(mut self, text: impl Into<String>) -> Self {
        self.next_step = Some(text.into());
        self
    }

    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.code = exit as u8;
        self
    }

    /// Puts what was attempted in front of the message.
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub fn code(&self) -> u8 {
        self.code
    }

    /// True when nothing is to be printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn hint(&self) -> Option<&str> {
        self.next_step.as_deref()
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// A reader that went away (`nats sub … | head`) is no error: the program ends quietly with exit code 0.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::exit(0);
        }
        Self::new(error.to_string())
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        if error.io_error_kind() == Some(io::ErrorKind::BrokenPipe) {
            return Self::exit(0);
        }
        Self::new(format!("invalid JSON: {error}"))
    }
}

/// Nobody answered; a script passes what was asked for.
impl From<nats_term::prompt::Unanswered> for CliError {
    fn from(unanswered: nats_term::prompt::Unanswered) -> Self {
        let error = Self::new(unanswered.to_string());
        match unanswered.next_step() {
            Some(step) => error.next_step(step),
            None => error,
        }
    }
}

/// Why no connection came about, and what can be done about it.
impl From<nats_client::ConnectError> for CliError {
    fn from(error: nats_client::ConnectError) -> Self {
        use nats_client::ConnectError;
        let hint = match &error {
            ConnectError::Io { source, .. }
                if source.kind() == io::ErrorKind::ConnectionRefused =>
            {
                "is the server running? start one with: nats up; or name another with --server or --context"
            }
            ConnectError::Io { .. } | ConnectError::TimedOut { .. } => {
                "check the address given with --server or in the context, and the network"
            }
            error if error.is_authentication() => {
                "pass --user and --password, --creds, --nkey or --token, or choose a context: nats context select"
            }
            _ => return Self::new(error.to_string()),
        };
        Self::new(error.to_string()).next_step(hint)
    }
}

impl From<nats_client::context::ContextError> for CliError {
    fn from(error: nats_client::context::ContextError) -> Self {
        use nats_client::context::ContextError;
        match error {
            ContextError::Connect(error) => error.into(),
            ContextError::NotFound(_) => {
                Self::new(error.to_string()).next_step("see which there are: nats context ls")
            }
            ContextError::Selected { .. } => {
                Self::new(error.to_string()).next_step("nats context select, or unselect")
            }
            ContextError::ManyCredentials(_) => {
                Self::new(error.to_string()).next_step("remove what is not used: nats context edit")
            }
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<nats_client::PublishError> for CliError {
    fn from(error: nats_client::PublishError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<nats_client::SubscribeError> for CliError {
    fn from(error: nats_client::SubscribeError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<nats_client::FlushError> for CliError {
    fn from(error: nats_client::FlushError) -> Self {
        Self::new(error.to_string())
    }
}

/// No responders and timeouts keep their exit codes wherever they come from.
impl From<nats_client::RequestError> for CliError {
    fn from(error: nats_client::RequestError) -> Self {
        use nats_client::RequestError;
        let exit = match &error {
            RequestError::NoResponders { .. } => Exit::NoResponders,
            RequestError::TimedOut(_) => Exit::Timeout,
            _ => Exit::Failure,
        };
        Self::new(error.to_string()).with_exit(exit)
    }
}

/// A user's mistake in a value that he typed.
impl From<crate::expression::ExpressionError> for CliError {
    fn from(error: crate::expression::ExpressionError) -> Self {
        Self::new(format!("the expression has no answer: {error}"))
            .next_step("look at the fields with --json, then compare like with like")
    }
}

impl From<crate::parse::ParseError> for CliError {
    fn from(error: crate::parse::ParseError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_ends_quietly_and_successfully() {
        let error = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(error.is_quiet());
        assert_eq!(error.code(), 0);
    }

    #[test]
    fn the_context_stands_before_the_message_and_the_hint_stays() {
        let error = CliError::new("no such file")
            .next_step("create it")
            .context("reading a.conf");
        assert_eq!(error.to_string(), "reading a.conf: no such file");
        assert_eq!(error.hint(), Some("create it"));
        assert_eq!(error.code(), 1);
    }
}
