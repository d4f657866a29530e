//! What the command-line programs have in common before a user: tables, colours, questions, completions, manual pages.
//!
//! What lives here: [`Table`] in all its forms, [`color`], [`prompt`], signals that have to wait ([`interrupt`]), what shells get to know of
//! a clap tree ([`completion`]), and the manual page of one ([`manual`]). Who may call: `nats`, `nsc`, and their tests. What never happens
//! here: anything that knows a subject, a stream, a token or a file of NATS. Locks: none.
//!
//! Where to start reading: [`table`] for what results look like, [`prompt`] for how a program asks.

#![forbid(unsafe_code)]

pub mod color;
pub mod completion;
pub mod examples;
pub mod interrupt;
pub mod manual;
pub mod prompt;
pub mod table;

use std::io::{IsTerminal as _, stdout};

pub use table::Table;

/// Columns of the terminal on standard output; `None` when it is not a terminal.
pub fn width() -> Option<u16> {
    if !stdout().is_terminal() {
        return None;
    }
    crossterm::terminal::size().ok().map(|(width, _)| width)
}

/// True when documentation tools for language models asked for markdown (`LLMFORMAT=1`).
pub fn markdown_wanted() -> bool {
    std::env::var_os("LLMFORMAT").is_some_and(|v| v == "1")
}
