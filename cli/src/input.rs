//! What commands read from files and from standard input: never more than a limit, and in words when it should be text and is none.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::Path;

use crate::error::{CliError, Result};

/// Largest document that is read, in bytes: configurations, answers, schemas' subjects; also the largest message, which no server takes larger.
pub const DOCUMENT_BYTES_MAX: u64 = 64 << 20;

/// The text of a file; `-` is standard input.
pub fn text(path: &Path) -> Result<String> {
    let named = |error: CliError| match path.as_os_str() == "-" {
        true => error.context("standard input"),
        false => error.context(path.display()),
    };
    let read = match path.as_os_str() == "-" {
        true => limited(io::stdin().lock(), DOCUMENT_BYTES_MAX),
        false => File::open(path)
            .map_err(CliError::from)
            .and_then(|file| limited(file, DOCUMENT_BYTES_MAX)),
    };
    read.map_err(named)
}

/// The bytes of a file.
///
/// # Errors
/// It cannot be read, or is too large; without its name.
pub fn file(path: &Path) -> io::Result<Vec<u8>> {
    bounded(File::open(path)?, DOCUMENT_BYTES_MAX)
}

/// Everything that comes in on standard input.
///
/// # Errors
/// It cannot be read, or is too much.
pub fn standard_input() -> io::Result<Vec<u8>> {
    bounded(io::stdin().lock(), DOCUMENT_BYTES_MAX)
}

/// The next line, without its end; `None` when there is none.
///
/// # Errors
/// It cannot be read, or is too long.
pub fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let most = DOCUMENT_BYTES_MAX;
    let read = input
        .take(most.saturating_add(2))
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    check_size(&line, most)?;
    Ok(Some(line))
}

fn bounded(input: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    check_size(&bytes, most)?;
    Ok(bytes)
}

fn check_size(bytes: &[u8], most: u64) -> io::Result<()> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        let what = format!("it is larger than the {most} bytes that are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(())
}

fn limited(input: impl Read, most: u64) -> Result<String> {
    let bytes = bounded(input, most).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            CliError::from(error).next_step("look whether it is the right file")
        }
        _ => error.into(),
    })?;
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
    fn lines_come_without_their_ends() {
        let mut input = &b"a\r\n\nb\r"[..];
        let mut next = || line(&mut input).unwrap();
        assert_eq!(next().unwrap(), b"a");
        assert_eq!(next().unwrap(), b"");
        assert_eq!(next().unwrap(), b"b\r");
        assert_eq!(next(), None);
    }

    #[test]
    fn a_line_without_an_end_is_not_read_for_ever() {
        let mut endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let error = line(&mut endless).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

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
        assert!(large.hint().is_some());
        assert_eq!(limited(&b"1234"[..], 4).unwrap(), "1234");
        let missing = text(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(
            missing.message().starts_with("/nowhere/at/all: "),
            "{missing}"
        );
    }
}
