//! A terminal that is drawn again and again: graphs and live tables.

use std::io::Write;

use super::stdout_is_terminal;
use crate::error::{CliError, Result};

/// Erases the terminal and starts at its top.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Columns and lines of the terminal, at least so many of each; an error when there is none, or it is too small.
pub fn size(what: &str, columns_min: u16, lines_min: u16) -> Result<(usize, usize)> {
    if !stdout_is_terminal() {
        return Err(CliError::new(format!(
            "{what} needs a terminal on standard output"
        )));
    }
    let (columns, lines) = crossterm::terminal::size()?;
    if columns < columns_min || lines < lines_min {
        return Err(CliError::new(format!(
            "the terminal has {columns} columns and {lines} lines, {what} needs {columns_min} and {lines_min}"
        ))
        .next_step("make the window larger"));
    }
    Ok((columns.into(), lines.into()))
}

/// Puts `text` on an empty screen. Without a terminal it is printed below what is there.
pub fn draw(text: &str) -> Result {
    clear()?;
    crate::out!("{text}")?;
    std::io::stdout().flush()?;
    Ok(())
}

/// Empties the screen, if there is one.
pub fn clear() -> Result {
    if stdout_is_terminal() {
        crate::out!("{CLEAR}")?;
    }
    Ok(())
}
