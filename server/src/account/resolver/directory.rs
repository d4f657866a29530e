//! A folder of tokens: `<account>.jwt`, the reference's layout.
//!
//! All names are checked to be public keys of accounts before a path is made of them. Files are written beside and renamed, so that a
//! crash leaves the old token or the new one. The hash over the folder is the XOR of the SHA-256 of every token, so two folders are
//! equal when their hashes are; a pack is `<account>|<token>` lines.

mod files;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use nats_jwt::claims::{AccountClaims, TOKEN_LEN_MAX};
use nats_jwt::claims_peek::peek;
use nats_jwt::nkey::{Kind, is_public_key};
use parking_lot::Mutex;

use super::{FetchError, Resolver, StoreError};
use crate::limits;
use files::Beside;

/// Length of a public key.
const NAMED_MAX: usize = 56;
const EXTENSION: &str = ".jwt";
/// What a deleted token's file ends with.
const DELETED: &str = ".jwt.deleted";

/// What happens to a token that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    Refused,
    /// The file gets another name.
    Renamed,
    Removed,
}

/// How a folder is kept.
#[derive(Debug, Clone)]
pub struct DirectorySettings {
    pub deletion: Deletion,
    /// Tokens at most.
    pub limit: Option<u64>,
    /// At the limit, the token that was used least recently makes room (a cache); otherwise the new one is refused.
    pub evict: bool,
    /// How long a token counts after it was written (a cache).
    pub ttl: Option<Duration>,
}

/// Why a pack cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error("line in package didn't contain 2 entries")]
    Malformed,
    #[error("key to merge is not a valid public account key")]
    BadKey,
    #[error("jwt subject nkey and provided nkey do not match")]
    OtherSubject,
    #[error("jwt cannot be read: {0}")]
    Token(#[from] nats_jwt::claims::DecodeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a pack.
#[derive(Debug, Default)]
pub struct Merged {
    /// The accounts whose tokens changed.
    pub changed: Vec<String>,
    /// Lines that could not be taken over, by what they name as the account. The others were.
    pub refused: Vec<(String, PackError)>,
}

/// A token that another folder has.
struct Offer<'a> {
    claims: AccountClaims,
    token: &'a str,
}

/// Names a line by its account, or by its beginning when that is none.
fn refusal(line: &str, error: PackError) -> (String, PackError) {
    let named = line.split('|').next().unwrap_or_default();
    (named.chars().take(NAMED_MAX).collect(), error)
}

/// A folder of tokens.
pub struct Directory {
    path: PathBuf,
    settings: DirectorySettings,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    tokens: HashMap<String, Entry>,
    /// XOR over the tokens' hashes.
    hash: [u8; 32],
    /// Counts uses.
    clock: u64,
}

struct Entry {
    hash: [u8; 32],
    used: u64,
    written: Instant,
}

impl Known {
    fn track(&mut self, account: &str, hash: [u8; 32]) {
        self.forget(account);
        self.clock = self.clock.saturating_add(1);
        let used = self.clock;
        xor(&mut self.hash, &hash);
        let entry = Entry {
            hash,
            used,
            written: Instant::now(),
        };
        self.tokens.insert(account.to_owned(), entry);
    }

    fn forget(&mut self, account: &str) -> bool {
        let Some(old) = self.tokens.remove(account) else {
            return false;
        };
        xor(&mut self.hash, &old.hash);
        true
    }

    fn touch(&mut self, account: &str) {
        self.clock = self.clock.saturating_add(1);
        let used = self.clock;
        if let Some(entry) = self.tokens.get_mut(account) {
            entry.used = used;
        }
    }

    fn oldest(&self) -> Option<String> {
        let oldest = self.tokens.iter().min_by_key(|(_, entry)| entry.used);
        oldest.map(|(account, _)| account.clone())
    }
}

impl Directory {
    /// Opens the folder, which is made if it is not there, and looks at what is in it.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(path: &Path, settings: DirectorySettings) -> io::Result<Self> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true);
        // What accounts may do is nobody's business but the operator's.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.create(path)?;
        let directory = Self {
            path: path.to_owned(),
            settings,
            known: Mutex::default(),
        };
        directory.rescan()?;
        Ok(directory)
    }

    /// Looks at the folder again; yields the accounts whose tokens are other ones than before.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn rescan(&self) -> io::Result<Vec<String>> {
        let mut found = Known::default();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some(account) = name.to_str().and_then(|name| name.strip_suffix(EXTENSION)) else {
                continue;
            };
            if !is_public_key(account, Kind::Account) {
                continue;
            }
            match self.read(account) {
                Ok(token) => found.track(account, hash(&token)),
                Err(error) => tracing::warn!("token of account {account} is left out: {error}"),
            }
        }
        let mut known = self.known.lock();
        let other = |account: &&String| {
            let hash = |known: &Known| known.tokens.get(*account).map(|entry| entry.hash);
            hash(&known) != hash(&found)
        };
        let changed: Vec<String> = found
            .tokens
            .keys()
            .chain(
                known
                    .tokens
                    .keys()
                    .filter(|a| !found.tokens.contains_key(*a)),
            )
            .filter(other)
            .cloned()
            .collect();
        *known = found;
        Ok(changed)
    }

    /// The accounts that have a token here, sorted.
    pub fn accounts(&self) -> Vec<String> {
        let mut accounts: Vec<_> = self.known.lock().tokens.keys().cloned().collect();
        accounts.sort_unstable();
        accounts
    }

    /// The hash over all tokens.
    pub fn hash(&self) -> [u8; 32] {
        self.known.lock().hash
    }

    /// One line of a pack for each token that has not expired at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// When a token cannot be read.
    pub fn pack(&self, now: i64) -> Result<Vec<String>, FetchError> {
        let mut lines = Vec::new();
        for account in self.accounts() {
            let token = match self.read(&account) {
                Err(FetchError::NotFound) => continue,
                read => read?,
            };
            // What lies here was verified before; its signature costs more than all the rest of the line.
            let expired = peek(&token).is_ok_and(|c| c.expires > 0 && now > c.expires);
            if !token.is_empty() && !expired {
                lines.push(format!("{account}|{token}"));
            }
        }
        Ok(lines)
    }

    /// Takes over the tokens of a pack that are newer than those here and that `trusted` accepts.
    pub fn merge<'a>(
        &self,
        lines: impl Iterator<Item = &'a str>,
        trusted: &dyn Fn(&AccountClaims) -> bool,
    ) -> Merged {
        let mut merged = Merged::default();
        let mut newer = HashMap::new();
        for line in lines.filter(|line| !line.is_empty()) {
            match self.newer(line, &newer, trusted) {
                Ok(None) => {}
                Ok(Some(offer)) => {
                    newer.insert(offer.claims.subject.clone(), offer);
                }
                Err(error) => merged.refused.push(refusal(line, error)),
            }
        }
        self.store_all(&newer, &mut merged);
        merged
    }

    /// What a line of a pack offers, if it is newer than what is here and what came before in the same pack.
    fn newer<'a>(
        &self,
        line: &'a str,
        before: &HashMap<String, Offer<'a>>,
        trusted: &dyn Fn(&AccountClaims) -> bool,
    ) -> Result<Option<Offer<'a>>, PackError> {
        let mut parts = line.split('|');
        let (Some(account), Some(token), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(PackError::Malformed);
        };
        if !is_public_key(account, Kind::Account) {
            return Err(PackError::BadKey);
        }
        // Nearly all of a pack is what is here already.
        if self.hash_of(account) == Some(hash(token)) {
            return Ok(None);
        }
        let claims = AccountClaims::decode(token)?;
        if claims.subject != account {
            return Err(PackError::OtherSubject);
        }
        let is_newer =
            |than: &AccountClaims| than.id != claims.id && than.issued_at <= claims.issued_at;
        let is_newer = match before.get(account) {
            Some(offer) => is_newer(&offer.claims),
            None => {
                let here = self.read(account).ok();
                let here = here.and_then(|token| AccountClaims::decode(&token).ok());
                here.is_none_or(|here| is_newer(&here))
            }
        };
        Ok((is_newer && trusted(&claims)).then_some(Offer { claims, token }))
    }

    fn store_all(&self, offers: &HashMap<String, Offer<'_>>, merged: &mut Merged) {
        let offers: Vec<_> = offers.iter().collect();
        for together in offers.chunks(limits::TOKENS_TOGETHER_MAX) {
            self.store_together(together, merged);
        }
    }

    fn store_together(&self, offers: &[(&String, &Offer<'_>)], merged: &mut Merged) {
        let mut known = self.known.lock();
        let mut files = Beside::new(&self.path);
        let mut changed = Vec::new();
        for (account, offer) in offers {
            match self.write_beside(&mut known, &mut files, account, offer.token) {
                Ok(()) => changed.push(account.to_string()),
                Err(error) => merged.refused.push((account.to_string(), error.into())),
            }
        }
        // A cache may have made room by what came just before.
        match files.put_in_place(|account| known.tokens.contains_key(account)) {
            Ok(()) => merged.changed.append(&mut changed),
            Err(error) => {
                for account in changed {
                    self.look_again(&mut known, &account);
                    let error = io::Error::new(error.kind(), error.to_string());
                    let error = StoreError::from(error).into();
                    merged.refused.push((account, error));
                }
            }
        }
    }

    fn write_beside(
        &self,
        known: &mut Known,
        files: &mut Beside<'_>,
        account: &str,
        token: &str,
    ) -> Result<(), StoreError> {
        let path = self.path_of(account).ok_or(StoreError::BadKey)?;
        if !known.tokens.contains_key(account) {
            self.make_room(known)?;
        }
        files.write(account, path, token)?;
        known.track(account, hash(token));
        Ok(())
    }

    /// What stands in the file of this account now, whatever was meant to.
    fn look_again(&self, known: &mut Known, account: &str) {
        match self.read(account) {
            Ok(token) => known.track(account, hash(&token)),
            Err(_) => drop(known.forget(account)),
        }
    }

    /// Whether a token of `account` is here.
    pub fn holds(&self, account: &str) -> bool {
        self.hash_of(account).is_some()
    }

    fn hash_of(&self, account: &str) -> Option<[u8; 32]> {
        let known = self.known.lock();
        known.tokens.get(account).map(|entry| entry.hash)
    }

    /// Deletes the token of `account`, if there is one. Whether there was.
    ///
    /// # Errors
    /// When that is not permitted, or fails.
    pub fn delete(&self, account: &str) -> Result<bool, StoreError> {
        let path = self.path_of(account).ok_or(StoreError::BadKey)?;
        let mut known = self.known.lock();
        let done = match self.settings.deletion {
            Deletion::Refused => return Err(StoreError::NoDelete),
            Deletion::Renamed => fs::rename(&path, self.path.join(format!("{account}{DELETED}"))),
            Deletion::Removed => fs::remove_file(&path),
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
            Ok(()) => {
                known.forget(account);
                Ok(true)
            }
        }
    }

    /// Whether tokens may be deleted by whoever the operator trusts.
    pub fn may_delete(&self) -> bool {
        self.settings.deletion != Deletion::Refused
    }

    /// Removes what was written longer ago than its time to live (a cache).
    pub fn expire(&self, now: Instant) {
        let Some(ttl) = self.settings.ttl else { return };
        let mut known = self.known.lock();
        let old: Vec<String> = known
            .tokens
            .iter()
            .filter(|(_, entry)| now.saturating_duration_since(entry.written) >= ttl)
            .map(|(account, _)| account.clone())
            .collect();
        for account in old {
            if let Some(path) = self.path_of(&account) {
                // One that is gone already is as good.
                let _ = fs::remove_file(path);
            }
            known.forget(&account);
        }
    }

    fn path_of(&self, account: &str) -> Option<PathBuf> {
        is_public_key(account, Kind::Account)
            .then(|| self.path.join(format!("{account}{EXTENSION}")))
    }

    fn read(&self, account: &str) -> Result<String, FetchError> {
        let path = self.path_of(account).ok_or(FetchError::BadKey)?;
        let not_found = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => FetchError::NotFound,
            _ => error.into(),
        };
        let len = fs::metadata(&path).map_err(not_found)?.len();
        if usize::try_from(len).map_or(true, |len| len > TOKEN_LEN_MAX.saturating_add(1024)) {
            return Err(FetchError::TooLarge);
        }
        let text = fs::read_to_string(&path).map_err(not_found)?;
        Ok(text.trim().to_owned())
    }

    fn make_room(&self, known: &mut Known) -> Result<(), StoreError> {
        let limit = self.settings.limit.unwrap_or(u64::MAX);
        let len = |known: &Known| u64::try_from(known.tokens.len()).unwrap_or(u64::MAX);
        while len(known) >= limit {
            if !self.settings.evict {
                return Err(StoreError::Full);
            }
            let Some(oldest) = known.oldest() else {
                return Err(StoreError::Full);
            };
            if let Some(path) = self.path_of(&oldest) {
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error.into());
                    }
                    _ => {}
                }
            }
            known.forget(&oldest);
        }
        Ok(())
    }
}

impl Resolver for Directory {
    fn fetch(&self, account: &str) -> Result<String, FetchError> {
        let token = self.read(account)?;
        self.known.lock().touch(account);
        Ok(token)
    }

    fn store(&self, account: &str, token: &str) -> Result<bool, StoreError> {
        let path = self.path_of(account).ok_or(StoreError::BadKey)?;
        let new = hash(token);
        let mut known = self.known.lock();
        match known.tokens.get(account) {
            Some(entry) if entry.hash == new => {
                known.touch(account);
                return Ok(false);
            }
            Some(_) => {}
            None => self.make_room(&mut known)?,
        }
        let mut files = Beside::new(&self.path);
        files.write(account, path, token)?;
        files.put_in_place(|_| true)?;
        known.track(account, new);
        Ok(true)
    }

    fn directory(&self) -> Option<&Directory> {
        Some(self)
    }
}

fn hash(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    let mut out = [0; 32];
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}

fn xor(into: &mut [u8; 32], other: &[u8; 32]) {
    for (to, from) in into.iter_mut().zip(other) {
        *to ^= from;
    }
}
