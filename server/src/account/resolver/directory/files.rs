//! Tokens on their way into files: written beside, made durable, renamed, and the folder made durable.
//!
//! Many tokens at once (a pack, a preload) share their syncs: two for all of them instead of two for each.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// From so many files on, one sync of the file system is less work than one of each.
const SYNC_TOGETHER_FROM: usize = 4;

/// Files that are written beside the names that they are to have.
pub struct Beside<'a> {
    folder: &'a Path,
    written: Vec<Written>,
}

struct Written {
    account: String,
    file: File,
    beside: PathBuf,
    path: PathBuf,
}

impl<'a> Beside<'a> {
    pub fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            written: Vec::new(),
        }
    }

    /// Writes the token that is to stand at `path`.
    pub fn write(&mut self, account: &str, path: PathBuf, token: &str) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        if let Err(error) = file.write_all(token.as_bytes()) {
            // Half a token is none; what stands under its name stays.
            let _ = fs::remove_file(&beside);
            return Err(error);
        }
        self.written.push(Written {
            account: account.to_owned(),
            file,
            beside,
            path,
        });
        Ok(())
    }

    /// Gives those of the files their names that are still wanted, in the order in which they were written. After a crash each
    /// of the names has the old token or the new one.
    ///
    /// # Errors
    /// Any of the names may have the old token or the new one.
    pub fn put_in_place(self, is_wanted: impl Fn(&str) -> bool) -> io::Result<()> {
        let folder = File::open(self.folder)?;
        if self.written.len() < SYNC_TOGETHER_FROM || !sync_together(&folder)? {
            for written in &self.written {
                written.file.sync_all()?;
            }
        }
        for written in &self.written {
            match is_wanted(&written.account) {
                true => fs::rename(&written.beside, &written.path)?,
                false => fs::remove_file(&written.beside)?,
            }
        }
        folder.sync_all()
    }
}

/// Makes everything of the folder's file system durable. False where the system has no such thing.
#[cfg(target_os = "linux")]
fn sync_together(folder: &File) -> io::Result<bool> {
    rustix::fs::syncfs(folder)?;
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
fn sync_together(_: &File) -> io::Result<bool> {
    Ok(false)
}
