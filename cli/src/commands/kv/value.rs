//! The argument that names a key, and where a value comes from.

use std::io::IsTerminal;

use clap_complete::engine::ArgValueCompleter;

use crate::error::{CliError, Result};
use crate::input;

/// A key of a bucket.
#[derive(Debug, Clone, clap::Args)]
pub struct KeyOf {
    /// Name of the bucket
    #[arg(add = ArgValueCompleter::new(crate::complete::buckets))]
    pub bucket: String,

    /// The key
    pub key: String,
}

pub fn not_found(bucket: &str, key: &str) -> CliError {
    CliError::new(format!("key {key:?} was not found"))
        .next_step(format!("see which there are: nats kv ls {bucket}"))
}

/// The argument, or standard input when something is piped into it.
pub fn value_or_stdin(argument: Option<&str>) -> Result<Vec<u8>> {
    if let Some(value) = argument.filter(|value| !value.is_empty()) {
        return Ok(value.as_bytes().to_vec());
    }
    match std::io::stdin().is_terminal() {
        true => Ok(Vec::new()),
        false => Ok(input::standard_input()?),
    }
}
