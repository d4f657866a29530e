//! From a configuration file to options: everything that is wrong comes back in one go.

use std::fmt;
use std::path::Path;

use nats_conf::{Document, Errors, Outside, System, parse_file, parse_text};

use super::setting::{Problem, Reading};
use super::table::read_block;
use super::{Options, top};

/// Options from a file, and what is odd about the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The options.
    pub options: Options,
    /// What does not stop the server. `-t` refuses a file with warnings, as the reference does.
    pub warnings: Vec<Problem>,
}

/// Why a configuration is refused. Displays one problem per line: warnings first, then errors, as the reference does.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigError {
    /// The file cannot be read, or its text breaks the grammar.
    Text(Errors),
    /// Its settings are wrong; at least one error.
    Settings {
        /// What alone would not have stopped the server.
        warnings: Vec<Problem>,
        /// What is wrong.
        errors: Vec<Problem>,
    },
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(errors) => errors.fmt(f),
            Self::Settings { warnings, errors } => {
                let lines: Vec<String> = warnings
                    .iter()
                    .chain(errors)
                    .map(Problem::to_string)
                    .collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl Options {
    /// Reads a configuration file and what it includes. Files that settings name (certificates, …) are not touched.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_file(path: &Path) -> Result<Loaded, ConfigError> {
        Self::from_file_outside(path, &System)
    }

    /// As [`Options::from_file`], with files and environment of the caller's.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_file_outside(path: &Path, outside: &dyn Outside) -> Result<Loaded, ConfigError> {
        let document = parse_file(path, outside).map_err(ConfigError::Text)?;
        let mut loaded = Self::from_document(&document, &path.display().to_string())?;
        loaded.options.source.config_file = Some(path.to_path_buf());
        loaded.options.source.config_digest = document.digest();
        Ok(loaded)
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_text(text: &str) -> Result<Loaded, ConfigError> {
        let document = parse_text(text, "(configuration)", &System).map_err(ConfigError::Text)?;
        Self::from_document(&document, "(configuration)")
    }

    fn from_document(document: &Document, name: &str) -> Result<Loaded, ConfigError> {
        let mut reading = Reading::default();
        if document.root.is_empty() {
            reading.warnings.push(Problem {
                at: None,
                text: format!("{name}: config has no values or is empty"),
            });
        }
        let tables: Vec<_> = top::TABLES.iter().map(|(_, keys)| *keys).collect();
        let mut options = Self::default();
        read_block(&mut options, &tables, &document.root, &mut reading);
        let Reading {
            mut errors,
            warnings,
            places,
            ..
        } = reading;
        options.source.places = places;
        // Contradictions between settings that are themselves wrong would only confuse.
        if errors.is_empty() {
            errors = options.contradictions();
        }
        if errors.is_empty() {
            Ok(Loaded { options, warnings })
        } else {
            Err(ConfigError::Settings { warnings, errors })
        }
    }
}
