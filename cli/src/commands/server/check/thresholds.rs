//! Thresholds of the JetStream checks: from flags, or from the metadata of what is checked.
//!
//! Whoever owns a stream or a consumer may write its limits into its metadata (`io.nats.monitor.<flag>`), so that one
//! monitoring rule serves all. The metadata wins over the flags, as in the reference tool.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use crate::error::{CliError, Result};
use crate::parse;

/// Before the name of a flag.
const PREFIX: &str = "io.nats.monitor.";

/// What the metadata says about limits.
pub struct Metadata<'a>(pub &'a BTreeMap<String, String>);

impl Metadata<'_> {
    fn text(&self, flag: &str) -> Option<&str> {
        self.0.get(&format!("{PREFIX}{flag}")).map(String::as_str)
    }

    /// Replaces a limit that the metadata sets.
    pub fn number<T: FromStr>(&self, flag: &str, limit: &mut Option<T>) -> Result {
        if let Some(text) = self.text(flag) {
            let number = text.parse().map_err(|_| invalid(flag, text))?;
            *limit = Some(number);
        }
        Ok(())
    }

    pub fn duration(&self, flag: &str, limit: &mut Option<Duration>) -> Result {
        if let Some(text) = self.text(flag) {
            let length = parse::duration(text).map_err(|_| invalid(flag, text))?;
            *limit = Some(length);
        }
        Ok(())
    }

    pub fn switch(&self, flag: &str, on: &mut bool) -> Result {
        if let Some(text) = self.text(flag) {
            *on = text.parse().map_err(|_| invalid(flag, text))?;
        }
        Ok(())
    }
}

fn invalid(flag: &str, text: &str) -> CliError {
    CliError::new(format!(
        "could not configure based on metadata: {PREFIX}{flag} is {text:?}"
    ))
}

/// A limit that is set; 0 and less stand for none, as in the reference tool.
pub fn set<T: PartialOrd + Default + Copy>(limit: Option<T>) -> Option<T> {
    limit.filter(|limit| *limit > T::default())
}

/// A limit as the threshold of a figure in seconds.
pub fn seconds(limit: Option<Duration>) -> f64 {
    limit.map_or(0.0, |limit| limit.as_secs_f64())
}
