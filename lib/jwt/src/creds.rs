//! Credentials files: a user's JWT and the seed that proves it, between dashed lines.
//!
//! ```text
//! -----BEGIN NATS USER JWT-----
//! eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ…
//! ------END NATS USER JWT------
//!
//! -----BEGIN USER NKEY SEED-----
//! SU…
//! ------END USER NKEY SEED------
//! ```
//!
//! Reading looks at the shape only, as every tool in the field does: a line between two lines of the form `---…---` (three
//! dashes or more at both ends, CRLF or LF) is an item, whatever the labels say and whatever text stands around. Which
//! item is which is told by its content, so their order does not matter. Files with a bare seed or a bare JWT are read
//! too, by [`parse_seed`] and [`parse_jwt`].

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::claims::ClaimType;
use crate::claims_peek;
use crate::nkey::{KeyPair, Kind, NkeyError, PublicKey};
use crate::secret::Secret;

/// Largest file that is read, in bytes: the largest JWT is 1 MiB, the rest is short.
pub const FILE_LEN_MAX: u64 = 2 << 20;

/// Why a credentials file is of no use. No message holds any of the file's content.
#[derive(Debug, thiserror::Error)]
pub enum CredsError {
    #[error("cannot read credentials file {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write credentials file {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("credentials are larger than {FILE_LEN_MAX} bytes")]
    TooLarge,
    #[error("credentials are not text")]
    NotText,
    #[error("credentials hold no user JWT: it stands between two lines of dashes")]
    NoJwt,
    #[error(
        "credentials hold no nkey seed: it stands between two lines of dashes and starts with SU"
    )]
    NoSeed,
    #[error("seed in the credentials: {0}")]
    BadSeed(#[from] NkeyError),
    #[error("the JWT was issued for another key than the seed's")]
    ForeignSeed,
    #[error("the JWT cannot be read: {0}")]
    BadJwt(#[from] claims_peek::PeekError),
}

/// What a user needs to connect in operator mode: a JWT to show and a key to sign the server's nonce with.
#[derive(Debug)]
pub struct Creds {
    /// As it is sent in CONNECT. A secret too: for a bearer token it is all that is needed.
    pub jwt: Secret,
    pub key: KeyPair,
}

impl Creds {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`CredsError::Read`] and everything that [`Creds::parse`] may say.
    pub fn read(path: &Path) -> Result<Self, CredsError> {
        Self::parse(&read_file(path)?)
    }

    /// Reads the content of a file; both items must be there. The seed may be a user's, account's or operator's.
    ///
    /// # Errors
    /// [`CredsError::TooLarge`], [`CredsError::NotText`], [`CredsError::NoJwt`], [`CredsError::NoSeed`],
    /// [`CredsError::BadSeed`].
    pub fn parse(content: &[u8]) -> Result<Self, CredsError> {
        let text = as_text(content)?;
        let jwt = items(text).find(|item| looks_like_jwt(item));
        let jwt = Secret::new(jwt.ok_or(CredsError::NoJwt)?);
        let key = find_seed(text)?;
        Ok(Self { jwt, key })
    }

    /// The content of a file with these credentials.
    ///
    /// # Errors
    /// When the JWT is no JWT or was issued for another key.
    pub fn encode(&self) -> Result<Secret, CredsError> {
        let claims = claims_peek::peek(self.jwt.reveal())?;
        if PublicKey::parse(&claims.subject) != Ok(self.key.public_key()) {
            return Err(CredsError::ForeignSeed);
        }
        let jwt = decorated(
            &format!("NATS {} JWT", kind_label(self.key.kind())),
            self.jwt.reveal(),
        );
        let seed = decorate_seed(&self.key);
        let len = jwt
            .reveal()
            .len()
            .saturating_add(seed.reveal().len())
            .saturating_add(1);
        // One allocation, so that no half-built copy stays behind in memory.
        let mut out = String::with_capacity(len);
        for part in [jwt.reveal(), "\n", seed.reveal()] {
            out.push_str(part);
        }
        Ok(Secret::new(out))
    }

    /// Writes the file at `path`, readable for its owner only, replacing an older one as a whole.
    ///
    /// # Errors
    /// [`CredsError::Write`] and what [`Creds::encode`] may say; an older file is then untouched.
    pub fn write(&self, path: &Path) -> Result<(), CredsError> {
        let content = self.encode()?;
        write_private(path, content.reveal().as_bytes()).map_err(|source| CredsError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

/// A token of any type as it stands in a file: between two lines that say what it is.
pub fn decorate_jwt(kind: ClaimType, token: &str) -> Secret {
    let label = kind.as_str().to_uppercase();
    decorated(&format!("NATS {label} JWT"), token)
}

/// A seed as it stands in a file: with a warning, between two lines that say what it is.
pub fn decorate_seed(key: &KeyPair) -> Secret {
    let seed = decorated(
        &format!("{} NKEY SEED", kind_label(key.kind())),
        key.seed().reveal(),
    );
    let mut out = String::with_capacity(seed.reveal().len().saturating_add(320));
    out.push_str("************************* IMPORTANT *************************\n");
    out.push_str("The seed below is a secret: whoever has it can act as this\n");
    out.push_str("identity. Keep this file private.\n\n");
    out.push_str(seed.reveal());
    out.push_str("\n*************************************************************\n");
    Secret::new(out)
}

fn decorated(label: &str, item: &str) -> Secret {
    let len = item
        .len()
        .saturating_add(label.len().saturating_mul(2))
        .saturating_add(64);
    let mut out = String::with_capacity(len);
    for line in [
        &*format!("-----BEGIN {label}-----"),
        item,
        &*format!("------END {label}------"),
    ] {
        out.push_str(line);
        out.push('\n');
    }
    Secret::new(out)
}

/// The JWT in `content`: the first item that looks like one, or all of a file without items.
///
/// # Errors
/// [`CredsError::TooLarge`], [`CredsError::NotText`], [`CredsError::NoJwt`].
pub fn parse_jwt(content: &[u8]) -> Result<Secret, CredsError> {
    let text = as_text(content)?;
    let bare = Some(text.trim());
    items(text)
        .chain(bare)
        .find(|item| looks_like_jwt(item))
        .map(Secret::new)
        .ok_or(CredsError::NoJwt)
}

/// The signing key in `content`: the first item that looks like a seed, or the first line that does.
///
/// # Errors
/// [`CredsError::TooLarge`], [`CredsError::NotText`], [`CredsError::NoSeed`], [`CredsError::BadSeed`].
pub fn parse_seed(content: &[u8]) -> Result<KeyPair, CredsError> {
    find_seed(as_text(content)?)
}

/// Reads a file with a JWT, decorated or bare.
///
/// # Errors
/// [`CredsError::Read`] and those of [`parse_jwt`].
pub fn read_jwt(path: &Path) -> Result<Secret, CredsError> {
    parse_jwt(&read_file(path)?)
}

/// Reads a file with a seed, decorated or bare, such as `user.nk` or a credentials file.
///
/// # Errors
/// [`CredsError::Read`] and those of [`parse_seed`].
pub fn read_seed(path: &Path) -> Result<KeyPair, CredsError> {
    parse_seed(&read_file(path)?)
}

fn find_seed(text: &str) -> Result<KeyPair, CredsError> {
    let bare = text.lines().map(str::trim);
    let seed = items(text).chain(bare).find(|item| looks_like_seed(item));
    Ok(KeyPair::from_seed(seed.ok_or(CredsError::NoSeed)?)?)
}

fn as_text(content: &[u8]) -> Result<&str, CredsError> {
    if u64::try_from(content.len()).is_ok_and(|len| len > FILE_LEN_MAX) {
        return Err(CredsError::TooLarge);
    }
    std::str::from_utf8(content).map_err(|_| CredsError::NotText)
}

/// The lines that stand between two lines of dashes; blank lines in between do not count.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut opened = false;
    std::iter::from_fn(move || {
        loop {
            let line = lines.next()?;
            if is_dashes(line) {
                opened = true;
                continue;
            }
            if !opened {
                continue;
            }
            opened = false;
            if lines.next().is_some_and(is_dashes) {
                return Some(line);
            }
        }
    })
}

/// Three dashes or more at both ends.
fn is_dashes(line: &str) -> bool {
    line.len() >= 6
        && line.ends_with("---")
        && line.contains("---")
        && line
            .find("---")
            .is_some_and(|at| at.saturating_add(6) <= line.len())
}

fn looks_like_jwt(item: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'='))
    };
    item.split('.').count() == 3 && item.split('.').all(part)
}

fn looks_like_seed(item: &str) -> bool {
    ["SU", "SA", "SO"]
        .iter()
        .any(|start| item.starts_with(start))
        && item.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn kind_label(kind: Kind) -> String {
    kind.to_string().to_uppercase()
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, CredsError> {
    let failed = |source| CredsError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut content = Zeroizing::new(Vec::new());
    file.take(FILE_LEN_MAX.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(failed)?;
    Ok(content)
}

/// Writes a file that only its owner may read: beside `path`, then renamed, so that a reader sees the old file or the new one.
///
/// # Errors
/// When it cannot be written; an older file is then untouched.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = PathBuf::from(beside);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&beside, path))
        .and_then(|()| sync_directory(path));
    if written.is_err() {
        // The error that matters is the one we have.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// Makes the new name of a file durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) if cfg!(unix) => std::fs::File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
