//! The world outside of the text: files and environment.

use std::io::{self, Read as _};
use std::path::Path;

use crate::limits::FILE_BYTES_MAX;

/// Files and environment, so that tests can bring their own.
pub trait Outside {
    /// The bytes of a file. More than [`FILE_BYTES_MAX`] bytes may be cut after one more byte than that.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The real files and the real environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Outside for System {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(FILE_BYTES_MAX)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        std::fs::File::open(path)?
            .take(limit)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
