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
        let seed = self.key.seed();
        let (kind, jwt, seed) = (
            kind_label(self.key.kind()),
            self.jwt.reveal(),
            seed.reveal(),
        );
        let len = jwt.len().saturating_add(640);
        // One allocation, so that no half-built copy stays behind in memory.
        let mut out = String::with_capacity(len);
        for line in [
            &format!("-----BEGIN NATS {kind} JWT-----"),
            jwt,
            &format!("------END NATS {kind} JWT------"),
            "",
            "************************* IMPORTANT *************************",
            "The seed below is a secret: whoever has it can act as this",
            "identity. Keep this file private.",
            "",
            &format!("-----BEGIN {kind} NKEY SEED-----"),
            seed,
            &format!("------END {kind} NKEY SEED------"),
            "",
            "*************************************************************",
        ] {
            out.push_str(line);
            out.push('\n');
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

/// Writes beside `path` and renames, so that a reader sees the old file or the new one.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
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
        .and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // The error that matters is the one we have.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests;
