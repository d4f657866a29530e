//! How results look: numbers, sizes, durations and times ([`format`]), tables ([`Table`]), label/value columns
//! ([`Columns`]), JSON documents ([`json`]), and log lines.
//!
//! Results go to standard output, everything said about them (log lines, errors, progress) to standard error, so that a
//! pipe carries results only. A reader that goes away ends the program quietly: use `out!` and `outln!`, which return an
//! error, rather than `println!`, which panics.

mod columns;
pub mod format;
pub mod graph;
pub mod plots;
pub mod screen;

use std::fmt;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::error::Result;

pub use columns::Columns;
pub use nats_term::{Table, color, markdown_wanted};

/// Prints to standard output; the value is a `Result` that must be passed on with `?`.
#[macro_export]
macro_rules! out {
    ($($arg:tt)*) => { $crate::output::print(format_args!($($arg)*)) };
}

/// Prints a line to standard output; the value is a `Result` that must be passed on with `?`.
#[macro_export]
macro_rules! outln {
    () => { $crate::output::print(format_args!("\n")) };
    ($($arg:tt)*) => { $crate::output::print_line(format_args!($($arg)*)) };
}

/// Says something about what happens, with the time, on standard error.
#[macro_export]
macro_rules! log_line {
    ($($arg:tt)*) => { $crate::output::log(format_args!($($arg)*)) };
}

pub fn print(text: fmt::Arguments<'_>) -> Result {
    io::stdout().lock().write_fmt(text)?;
    Ok(())
}

pub fn print_line(text: fmt::Arguments<'_>) -> Result {
    let mut out = io::stdout().lock();
    out.write_fmt(text)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// `HH:MM:SS text` on standard error. A closed standard error is nobody's problem.
pub fn log(text: fmt::Arguments<'_>) {
    let line = format!("{} {text}\n", jiff::Zoned::now().strftime("%H:%M:%S"));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Prints a document as indented JSON.
pub fn json<T: Serialize + ?Sized>(document: &T) -> Result {
    let text = serde_json::to_string_pretty(document)?;
    outln!("{text}")
}

pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
