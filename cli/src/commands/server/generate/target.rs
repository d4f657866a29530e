//! The directory that is made: all of it or nothing.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::error::{CliError, Result};

/// A file of a bundle.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Below the target, with `/` between its parts.
    pub path: String,
    pub content: String,
    /// Holds passwords: nobody else may read it.
    pub secret: bool,
}

impl File {
    pub fn open(path: impl Into<String>, content: String) -> Self {
        Self {
            path: path.into(),
            content,
            secret: false,
        }
    }

    pub fn secret(path: impl Into<String>, content: String) -> Self {
        Self {
            secret: true,
            ..Self::open(path, content)
        }
    }
}

/// There must be nothing where the target shall be.
pub fn refuse_existing(target: &Path) -> Result {
    // Not `exists`: a broken link is there as well.
    match target.symlink_metadata() {
        Ok(_) => Err(CliError::new(format!(
            "target directory {} already exists",
            target.display()
        ))
        .next_step("name a directory that does not exist; nothing is overwritten")),
        Err(_) => Ok(()),
    }
}

/// Writes the files beside the target, and moves them to it when all are there.
pub fn write(target: &Path, files: &[File]) -> Result {
    let at = |path: &Path, error: std::io::Error| CliError::from(error).context(path.display());
    refuse_existing(target)?;
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(|e| at(parent, e))?;
    // Removed again unless it is moved.
    let folder = tempfile::Builder::new()
        .prefix(".nats-generate-")
        .tempdir_in(parent)
        .map_err(|e| at(parent, e))?;
    for file in files {
        let path = folder.path().join(&file.path);
        write_file(&path, file).map_err(|e| at(&target.join(&file.path), e))?;
    }
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755))
        .map_err(|e| at(target, e))?;
    refuse_existing(target)?;
    std::fs::rename(folder.path(), target).map_err(|e| at(target, e))?;
    // It is no longer there to be removed.
    let _ = folder.keep();
    Ok(())
}

fn write_file(path: &Path, file: &File) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(folder)?;
    }
    let mode = if file.secret { 0o600 } else { 0o644 };
    let mut output = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    output.write_all(file.content.as_bytes())?;
    output.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_for_their_owner_and_nothing_is_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a/b");
        let files = [
            File::secret("server.conf", "x".to_owned()),
            File::open("cli/context.txt", "y".to_owned()),
        ];
        write(&target, &files).unwrap();
        let mode = |path: &str| target.join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("server.conf"), 0o600);
        assert_eq!(
            mode("cli/context.txt"),
            0o644 & mode("cli/context.txt") | 0o600
        );
        let error = write(&target, &files).unwrap_err();
        assert!(error.message().contains("already exists"), "{error}");
    }

    #[test]
    fn what_cannot_be_written_whole_is_not_there_at_all() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("a");
        // The second file wants a directory where the first one is.
        let files = [
            File::open("x", String::new()),
            File::open("x/y", String::new()),
        ];
        assert!(write(&target, &files).is_err());
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
    }
}
