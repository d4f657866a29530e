//! A tar file, entry by entry, as strictly as our writers need it: regular files with names and sizes, in plain, PAX or old GNU dress.

use std::io::Read;

use super::ArchiveError;
use super::frames::exactly;
use crate::limits::{ARCHIVE_NAME_MAX, ARCHIVE_PAX_MAX};

const BLOCK: usize = 512;

/// The next regular file.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub size: u64,
}

/// What PAX headers said about the file that follows.
#[derive(Default)]
struct Said {
    name: Option<String>,
    size: Option<u64>,
}

/// Reads up to the beginning of the next file's bytes. `None` at the end of the archive, which has to be marked.
pub fn next(source: &mut dyn Read) -> Result<Option<File>, ArchiveError> {
    let mut said = Said::default();
    loop {
        let mut block = [0; BLOCK];
        exactly(source, &mut block)?;
        if block.iter().all(|byte| *byte == 0) {
            return the_end(source);
        }
        let header = Header::check(&block)?;
        match header.kind {
            b'0' | 0 => {
                return Ok(Some(File {
                    name: match said.name {
                        Some(name) => name,
                        None => header.name()?,
                    },
                    size: said.size.unwrap_or(header.size),
                }));
            }
            b'x' => said = read_pax(source, header.size)?,
            // Links, devices, directories: nothing of that is in a stream.
            other => {
                return Err(ArchiveError::Unexpected(format!(
                    "an entry of kind {:?}, {:?}",
                    char::from(other),
                    header.name().unwrap_or_default()
                )));
            }
        }
    }
}

/// Passes over what fills the last block of a file.
pub fn pad(source: &mut dyn Read, size: u64) -> Result<(), ArchiveError> {
    let over = size.checked_rem(BLOCK as u64).unwrap_or_default();
    if over == 0 {
        return Ok(());
    }
    let mut rest = [0; BLOCK];
    let len = usize::try_from((BLOCK as u64).saturating_sub(over)).unwrap_or(BLOCK);
    exactly(source, rest.get_mut(..len).unwrap_or_default())?;
    Ok(())
}

/// A second block of zeros, and then nothing but zeros.
fn the_end(source: &mut dyn Read) -> Result<Option<File>, ArchiveError> {
    let mut block = [0; BLOCK];
    exactly(source, &mut block)?;
    loop {
        if block.iter().any(|byte| *byte != 0) {
            return Err(ArchiveError::Damaged("bytes behind its end".to_owned()));
        }
        if super::frames::fill(source, &mut block)? == 0 {
            return Ok(None);
        }
    }
}

struct Header<'a> {
    block: &'a [u8; BLOCK],
    kind: u8,
    size: u64,
}

impl<'a> Header<'a> {
    fn check(block: &'a [u8; BLOCK]) -> Result<Self, ArchiveError> {
        let damaged = |what: &str| ArchiveError::Damaged(format!("a tar header: {what}"));
        let field = |from: usize, len: usize| {
            block
                .get(from..from.saturating_add(len))
                .unwrap_or_default()
        };
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| match at {
                148..156 => u64::from(b' '),
                _ => u64::from(*byte),
            })
            .sum();
        if octal(field(148, 8)) != Some(sum) {
            return Err(damaged("its checksum does not hold"));
        }
        Ok(Self {
            block,
            kind: block.get(156).copied().unwrap_or_default(),
            size: number(field(124, 12)).ok_or_else(|| damaged("its size"))?,
        })
    }

    fn name(&self) -> Result<String, ArchiveError> {
        let text = |from: usize, len: usize| {
            let field = self.block.get(from..from.saturating_add(len));
            let field = field.unwrap_or_default();
            let end = field.iter().position(|byte| *byte == 0);
            field.get(..end.unwrap_or(field.len())).unwrap_or_default()
        };
        let is_ustar = text(257, 5) == b"ustar";
        let prefix = if is_ustar { text(345, 155) } else { b"" };
        let whole = match prefix {
            b"" => text(0, 100).to_vec(),
            prefix => [prefix, b"/", text(0, 100)].concat(),
        };
        String::from_utf8(whole)
            .map_err(|_| ArchiveError::Unexpected("a name that is no text".to_owned()))
    }
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches([' ', '\0']);
    match digits {
        "" => Some(0),
        _ => u64::from_str_radix(digits, 8).ok(),
    }
}

/// Octal digits, or with the first bit set a number to the base of 256.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    let mut value = u64::from(first & 0x7f);
    for byte in rest {
        value = value.checked_mul(256)?.checked_add(u64::from(*byte))?;
    }
    Some(value)
}

/// Records `<length> <key>=<value>\n`.
fn read_pax(source: &mut dyn Read, size: u64) -> Result<Said, ArchiveError> {
    if size > ARCHIVE_PAX_MAX {
        return Err(ArchiveError::TooLarge {
            what: "a PAX header",
            size,
            max: ARCHIVE_PAX_MAX,
        });
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    exactly(source, &mut bytes)?;
    pad(source, size)?;
    parse_pax(&bytes).ok_or_else(|| ArchiveError::Damaged("a PAX header".to_owned()))
}

fn parse_pax(mut bytes: &[u8]) -> Option<Said> {
    let mut said = Said::default();
    while !bytes.is_empty() {
        let blank = bytes.iter().position(|byte| *byte == b' ')?;
        let (digits, _) = bytes.split_at_checked(blank)?;
        let len: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        let record = bytes.get(blank.checked_add(1)?..len)?.strip_suffix(b"\n")?;
        bytes = bytes.get(len..)?;
        let record = std::str::from_utf8(record).ok()?;
        let (key, value) = record.split_once('=')?;
        match key {
            "path" if value.len() as u64 <= ARCHIVE_NAME_MAX => said.name = Some(value.to_owned()),
            "path" => return None,
            "size" => said.size = Some(value.parse().ok()?),
            _ => {}
        }
    }
    Some(said)
}
