//! The JetStream error table: what every API error means, by number.
//!
//! [`table`] holds the rows as constants; [`by_code`] and [`by_constant`] find one; [`Entry::error`] makes the document
//! that is sent. The rows are also constants of [`ApiError`], so that a server says `ApiError::STREAM_NOT_FOUND.error()` (or
//! `.into()`, or `.error_with(..)` when the text has placeholders) and a client asks `error == *ApiError::STREAM_NOT_FOUND`,
//! or matches on [`ApiError::err_code`] with the numbers in [`code`]. `nats errors` prints the same rows.

pub mod table;

use serde::{Deserialize, Serialize};

use crate::json::is_default;
pub use table::{ALL, code};

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique number of the error.
    pub err_code: u16,
    /// The class of the error, as HTTP numbers it.
    pub code: u16,
    /// The name under which documentation and tools know the error.
    pub constant: &'static str,
    /// What the user reads. `{name}` stands for something that is filled in.
    pub description: &'static str,
}

impl Entry {
    /// The error with its description as it stands.
    pub fn error(&self) -> ApiError {
        ApiError {
            code: self.code,
            err_code: self.err_code,
            description: self.description.to_owned(),
        }
    }

    /// The error with its placeholders filled in, each given as `(name without braces, value)`.
    ///
    /// A value is never searched for placeholders, so text from a peer cannot change the rest of the description. A
    /// placeholder without a value stays as it is.
    pub fn error_with(&self, values: &[(&str, &dyn std::fmt::Display)]) -> ApiError {
        let mut description = String::with_capacity(self.description.len() + 32);
        let mut rest = self.description;
        while let Some((before, after)) = rest.split_once('{') {
            description.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                description.push('{');
                rest = after;
                continue;
            };
            match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => description.push_str(&value.to_string()),
                None => {
                    description.push('{');
                    description.push_str(name);
                    description.push('}');
                }
            }
            rest = tail;
        }
        description.push_str(rest);
        ApiError {
            code: self.code,
            err_code: self.err_code,
            description,
        }
    }
}

impl From<&'static Entry> for ApiError {
    fn from(entry: &'static Entry) -> Self {
        entry.error()
    }
}

impl PartialEq<Entry> for ApiError {
    /// Whether this is the error that the row describes, whatever its text says.
    fn eq(&self, entry: &Entry) -> bool {
        self.err_code == entry.err_code
    }
}

/// The row with this error code.
pub fn by_code(err_code: u16) -> Option<&'static Entry> {
    ALL.binary_search_by_key(&err_code, |entry| entry.err_code)
        .ok()
        .map(|row| ALL[row])
}

/// The row with this constant name, in any case.
pub fn by_constant(constant: &str) -> Option<&'static Entry> {
    ALL.iter()
        .copied()
        .find(|entry| entry.constant.eq_ignore_ascii_case(constant))
}

/// The error part of a reply: JetStream API replies carry `err_code`, `$SYS` replies do not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(default)]
#[error("{description} ({})", if *err_code != 0 { err_code } else { code })]
pub struct ApiError {
    pub code: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub err_code: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub description: String,
}

impl ApiError {
    /// An error of the system account's services: a class and a text, no error code.
    pub fn plain(code: u16, description: impl Into<String>) -> Self {
        Self {
            code,
            err_code: 0,
            description: description.into(),
        }
    }

    /// The row of the table that this error is an instance of.
    pub fn entry(&self) -> Option<&'static Entry> {
        by_code(self.err_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named_made_and_matched_by_the_same_constant() {
        let made: ApiError = ApiError::STREAM_NOT_FOUND.into();
        assert!(made == *ApiError::STREAM_NOT_FOUND);
        assert!(made != *ApiError::CONSUMER_NOT_FOUND);
        assert_eq!(made.entry(), Some(ApiError::STREAM_NOT_FOUND));
        assert_eq!(made.err_code, code::STREAM_NOT_FOUND);
        assert_eq!(ApiError::plain(404, "gone").entry(), None);
    }

    #[test]
    fn codes_rise_without_a_gap_and_names_are_unique() {
        for (row, entry) in ALL.iter().enumerate() {
            assert_eq!(
                usize::from(entry.err_code),
                10_002 + row,
                "{}",
                entry.constant
            );
            assert_eq!(by_code(entry.err_code), Some(*entry));
            assert_eq!(by_constant(&entry.constant.to_lowercase()), Some(*entry));
        }
        assert_eq!(by_code(0), None);
        assert_eq!(by_code(u16::MAX), None);
    }

    #[test]
    fn the_table_says_what_the_reference_table_says() {
        #[derive(Deserialize)]
        struct Row {
            constant: String,
            code: u16,
            error_code: u16,
            description: String,
        }
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/reference/jetstream-errors.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            assert!(
                std::env::var_os("NATS_REQUIRE_ALL").is_none(),
                "reference table is missing"
            );
            eprintln!(
                "SKIPPED: error table against the reference table (reference data is not here)"
            );
            return;
        };
        let rows: Vec<Row> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), ALL.len());
        for row in rows {
            let ours =
                by_code(row.error_code).unwrap_or_else(|| panic!("{} is missing", row.constant));
            assert_eq!(
                (ours.code, ours.constant, ours.description),
                (row.code, &*row.constant, &*row.description)
            );
        }
    }

    #[test]
    fn placeholders_are_filled_once_and_values_are_left_alone() {
        let error = table::STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS
            .error_with(&[("prefix", &"{subject}"), ("subject", &"foo.>")]);
        assert_eq!(
            error.description,
            "stream external delivery prefix {subject} overlaps with stream subject foo.>"
        );
        assert_eq!(error.err_code, 10_022);
        let bare = table::STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS.error_with(&[]);
        assert_eq!(
            bare.description,
            table::STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS.description
        );
    }

    #[test]
    fn system_errors_carry_no_error_code() {
        let error = ApiError::plain(400, "bad");
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"code":400,"description":"bad"}"#
        );
        let full = table::STREAM_NOT_FOUND.error();
        assert_eq!(
            serde_json::to_string(&full).unwrap(),
            r#"{"code":404,"err_code":10059,"description":"stream not found"}"#
        );
        assert_eq!(full.to_string(), "stream not found (10059)");
    }
}
