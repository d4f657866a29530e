//! Where bodies come from: the command line, or standard input.

use std::io::IsTerminal;

use tokio::sync::mpsc;

use super::SendOn;
use crate::error::{CliError, Result};
use crate::input;

/// Lines read ahead of the publisher.
const LINES_AHEAD: usize = 1_024;

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body(Vec<u8>);

/// Yields one body after the other.
#[derive(Debug)]
pub enum BodySource {
    /// The argument, once.
    Argument(Option<Body>),
    Stdin(mpsc::Receiver<std::io::Result<Body>>),
}

impl BodySource {
    /// The argument when there is one; otherwise, or when forced, standard input. A terminal on standard input with
    /// standard output redirected is nobody who types: the body is empty then.
    pub fn new(argument: Option<&str>, force_stdin: bool, send_on: SendOn) -> Self {
        let typed_or_piped = !std::io::stdin().is_terminal() || std::io::stdout().is_terminal();
        match argument {
            Some(body) if !force_stdin => Self::Argument(Some(Body::from(body))),
            None if !force_stdin && !typed_or_piped => Self::Argument(Some(Body::from(""))),
            _ => Self::stdin(send_on),
        }
    }

    fn stdin(send_on: SendOn) -> Self {
        let (sender, receiver) = mpsc::channel(LINES_AHEAD);
        // A thread of its own, because a read from a terminal cannot be cancelled.
        std::thread::spawn(move || match send_on {
            SendOn::Eof => {
                let _ = sender.blocking_send(input::standard_input().map(Body));
            }
            SendOn::Newline => {
                let mut lines = std::io::stdin().lock();
                while let Some(line) = input::line(&mut lines).transpose() {
                    let ends = line.is_err();
                    if sender.blocking_send(line.map(Body)).is_err() || ends {
                        return;
                    }
                }
            }
        });
        Self::Stdin(receiver)
    }

    pub fn is_stdin(&self) -> bool {
        matches!(self, Self::Stdin(_))
    }

    /// The next body; `None` when there are no more.
    pub async fn next(&mut self) -> Result<Option<Body>> {
        match self {
            Self::Argument(body) => Ok(body.take()),
            Self::Stdin(bodies) => match bodies.recv().await {
                Some(Ok(body)) => Ok(Some(body)),
                Some(Err(error)) => Err(CliError::from(error).context("reading standard input")),
                None => Ok(None),
            },
        }
    }
}

impl Body {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The body as text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}
