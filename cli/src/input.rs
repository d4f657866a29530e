//! Documents that commands read from files and from standard input: never more than a limit, and in words when they are no text.

use std::io::Read;
use std::path::Path;

use crate::error::{CliError, Result};

/// Largest document that is read, in bytes: configurations, answers, schemas' subjects.
pub const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// The text of a file; `-` is standard input.
pub fn text(path: &Path) -> Result<String> {
    let named = |error: CliError| match path.as_os_str() == "-" {
        true => error.context("standard input"),
        false => error.context(path.display()),
    };
    let read = match path.as_os_str() == "-" {
        true => limited(std::io::stdin().lock(), DOCUMENT_BYTES_MAX),
        false => std::fs::File::open(path)
            .map_err(CliError::from)
            .and_then(|file| limited(file, DOCUMENT_BYTES_MAX)),
    };
    read.map_err(named)
}

fn limited(input: impl Read, most: u64) -> Result<String> {
    let mut bytes = Vec::new();
    input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(CliError::new(format!(
            "it is larger than the {most} bytes that a document may have"
        ))
        .next_step("look whether it is the right file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to().saturating_add(1);
        CliError::new(format!("it is no text: byte {at} is no UTF-8"))
            .next_step("unpack or convert it first: documents are UTF-8 text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_or_too_large_is_said_with_a_next_step() {
        let packed = limited(&b"{\"a\":\xff}"[..], 100).unwrap_err();
        assert_eq!(packed.message(), "it is no text: byte 6 is no UTF-8");
        assert!(packed.hint().is_some());
        let large = limited(&b"12345"[..], 4).unwrap_err();
        assert!(
            large.message().contains("larger than the 4 bytes"),
            "{large}"
        );
        assert_eq!(limited(&b"1234"[..], 4).unwrap(), "1234");
        let missing = text(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(
            missing.message().starts_with("/nowhere/at/all: "),
            "{missing}"
        );
    }
}
