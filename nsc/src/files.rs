//! Reading files, and writing several of them as one.
//!
//! An operation reads and writes through [`Files`]: what it writes stays in memory, where its own later reads find it, until
//! [`Files::commit`]. That writes everything beside its place first and syncs it, so that a full disk or a missing permission is
//! found before anything changed, and then renames in the order of the writes. An error in between is undone. What a
//! crash in between leaves is a prefix of the writes: operations therefore write keys before the tokens that name them, and
//! tokens before those that depend on them. A file that somebody else changed after it was read here is not overwritten.
//!
//! All files are readable by their owner only, all directories accessible by their owner only.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::{Error, Reason, Result};
use crate::limits::{FILE_BYTES_MAX, LEFT_OVER_AFTER};

/// Content of a file: possibly a secret, wiped when dropped.
pub type Content = Zeroizing<Vec<u8>>;

/// Files as this process sees them, with its own changes.
#[derive(Debug, Default)]
pub struct Files {
    /// What was on disk when it was first looked at.
    seen: BTreeMap<PathBuf, Option<Content>>,
    pending: Vec<Change>,
    /// Where the last change of each file stands in `pending`.
    latest: BTreeMap<PathBuf, usize>,
    /// Directories that shall be there, with or without files.
    folders: Vec<PathBuf>,
    made: Vec<PathBuf>,
    /// How many changes a test lets through before the disk fails.
    #[cfg(test)]
    fails_after: Option<usize>,
    /// How many changes a test lets through before the process is gone: nothing is undone.
    #[cfg(test)]
    pub(crate) dies_after: Option<usize>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(PathBuf, Content),
    Remove(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Write(path, _) | Self::Remove(path) => path,
        }
    }
}

/// What a commit would do, for showing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Planned {
    Write(PathBuf),
    Remove(PathBuf),
}

impl Files {
    /// The content of a file; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is larger than [`FILE_BYTES_MAX`].
    pub fn read(&mut self, path: &Path) -> Result<Option<Content>> {
        if let Some(change) = self.last(path) {
            return Ok(match change {
                Change::Write(_, content) => Some(content.clone()),
                Change::Remove(_) => None,
            });
        }
        if let Some(content) = self.seen.get(path) {
            return Ok(content.clone());
        }
        let content = from_disk(path)?;
        self.seen.insert(path.to_owned(), content.clone());
        Ok(content)
    }

    /// The last change of a file that is pending.
    fn last(&self, path: &Path) -> Option<&Change> {
        self.pending.get(*self.latest.get(path)?)
    }

    fn push(&mut self, change: Change) {
        self.latest
            .insert(change.path().to_owned(), self.pending.len());
        self.pending.push(change);
    }

    /// Whether there is a file.
    pub fn exists(&self, path: &Path) -> bool {
        match self.last(path) {
            Some(Change::Write(..)) => true,
            Some(Change::Remove(_)) => false,
            None => path.is_file(),
        }
    }

    /// Writes a file when committed.
    pub fn write(&mut self, path: &Path, content: &[u8]) {
        let content = Zeroizing::new(content.to_vec());
        self.push(Change::Write(path.to_owned(), content));
    }

    /// Makes a directory when committed, though there may be nothing in it.
    pub fn make_folder(&mut self, path: &Path) {
        self.folders.push(path.to_owned());
    }

    /// Removes a file when committed; no matter whether it is there. Directories that become empty go as well.
    pub fn remove(&mut self, path: &Path) {
        self.push(Change::Remove(path.to_owned()));
    }

    /// Names in a directory, sorted; none when it does not exist. Of what is pending, files directly in it and directories on
    /// the way to files.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let mut names = std::collections::BTreeSet::new();
        match std::fs::read_dir(directory) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|e| Error::file("reading", directory, e))?;
                    // Nothing of ours has a name that is no text.
                    if let Ok(name) = entry.file_name().into_string() {
                        names.insert(name);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("reading", directory, error)),
        }
        // Paths below a directory follow it.
        let below = self
            .latest
            .range(directory.to_owned()..)
            .take_while(|(path, _)| path.starts_with(directory));
        for (path, at) in below {
            let (Ok(rest), Some(change)) = (path.strip_prefix(directory), self.pending.get(*at))
            else {
                continue;
            };
            let mut parts = rest.components();
            let first = parts.next().and_then(|part| part.as_os_str().to_str());
            let (Some(first), deeper) = (first, parts.next().is_some()) else {
                continue;
            };
            match change {
                Change::Write(..) => {
                    names.insert(first.to_owned());
                }
                Change::Remove(_) if !deeper => {
                    names.remove(first);
                }
                Change::Remove(_) => {}
            }
        }
        Ok(names.into_iter().collect())
    }

    /// What a commit would do.
    pub fn planned(&self) -> Vec<Planned> {
        let last = |at: usize, path: &Path| self.latest.get(path) == Some(&at);
        self.pending
            .iter()
            .enumerate()
            .filter(|(at, change)| last(*at, change.path()))
            .map(|(_, change)| match change {
                Change::Write(path, _) => Planned::Write(path.clone()),
                Change::Remove(path) => Planned::Remove(path.clone()),
            })
            .collect()
    }

    /// Forgets what was not committed.
    pub fn discard(&mut self) {
        self.pending.clear();
        self.latest.clear();
        self.folders.clear();
    }

    /// Makes the pending changes true.
    ///
    /// # Errors
    /// When something cannot be written, or was changed by others since it was read here. Then everything is as it was before.
    pub fn commit(&mut self) -> Result {
        let changes = self.last_words()?;
        for folder in std::mem::take(&mut self.folders) {
            if let Err(error) = self.make_directory(&folder) {
                self.drop_made();
                return Err(error);
            }
        }
        let mut staged = Vec::new();
        for change in &changes {
            if let Change::Write(path, content) = change {
                match self.stage(path, content) {
                    Ok(beside) => staged.push(beside),
                    Err(error) => {
                        drop_staged(&staged);
                        self.drop_made();
                        return Err(error);
                    }
                }
            }
        }
        let mut done: Vec<(PathBuf, Option<PathBuf>)> = Vec::new();
        let mut beside = staged.iter();
        for change in &changes {
            #[cfg(test)]
            if self.dies_after == Some(done.len()) {
                return Err(Error::refused("the process is gone"));
            }
            let kept = keep(change.path());
            let result = match change {
                _ if self.fails(done.len()) => Err(io::ErrorKind::StorageFull.into()),
                Change::Write(path, _) => match beside.next() {
                    Some(from) => std::fs::rename(from, path).and_then(|()| sync_parent(path)),
                    None => Ok(()),
                },
                Change::Remove(path) => remove(path),
            };
            done.push((change.path().to_owned(), kept));
            if let Err(error) = result {
                let failed = not_written(change.path(), error);
                self.undo(&done);
                drop_staged(&staged);
                self.drop_made();
                return Err(failed);
            }
        }
        drop_kept(&done);
        self.made.clear();
        self.discard();
        for change in changes {
            match change {
                Change::Write(path, content) => self.seen.insert(path, Some(content)),
                Change::Remove(path) => self.seen.insert(path, None),
            };
        }
        Ok(())
    }

    /// The last change of each file, in the order of the first; those that change nothing are left out. Checks that the files
    /// are as they were seen.
    fn last_words(&mut self) -> Result<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        let mut first: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for change in &self.pending {
            match first.get(change.path()).and_then(|at| changes.get_mut(*at)) {
                Some(other) => other.clone_from(change),
                None => {
                    first.insert(change.path().to_owned(), changes.len());
                    changes.push(change.clone());
                }
            }
        }
        let mut needed = Vec::new();
        for change in changes {
            let path = change.path();
            let now = from_disk(path)?;
            let seen = self
                .seen
                .entry(path.to_owned())
                .or_insert_with(|| now.clone());
            if *seen != now {
                return Err(Error::from(Reason::Conflict(path.to_owned()))
                    .hint("look at what changed, and run the command again"));
            }
            match &change {
                Change::Write(_, content) if now.as_ref() == Some(content) => {}
                Change::Remove(_) if now.is_none() => {}
                _ => needed.push(change),
            }
        }
        // What depends on others is removed last: tokens are written before anything goes.
        needed.sort_by_key(|change| matches!(change, Change::Remove(_)));
        Ok(needed)
    }

    /// Writes the content beside its place and syncs it.
    fn stage(&mut self, path: &Path, content: &[u8]) -> Result<PathBuf> {
        if let Some(parent) = path.parent() {
            self.make_directory(parent)?;
        }
        drop_leftovers(path);
        let beside = beside(path);
        let written = private(&beside).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        match written {
            Ok(()) => Ok(beside),
            Err(error) => {
                // The error that matters is the one we have.
                let _ = std::fs::remove_file(&beside);
                Err(not_written(path, error))
            }
        }
    }

    fn make_directory(&mut self, path: &Path) -> Result {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.make_directory(parent)?;
        }
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Ok(()) => {
                self.made.push(path.to_owned());
                sync_parent(path).map_err(|e| Error::file("creating", path, e))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Error::file("creating", path, error)),
        }
    }

    /// Puts back what was there before. On a full disk too: what has a second name is not written again.
    fn undo(&self, done: &[(PathBuf, Option<PathBuf>)]) {
        for (path, kept) in done.iter().rev() {
            // Whatever fails here, the error that led here is told.
            let _ = match (kept, self.seen.get(path)) {
                (Some(kept), _) => put_back(kept, path),
                (None, Some(Some(content))) => nats_jwt::creds::write_private(path, content),
                (None, _) => std::fs::remove_file(path),
            };
        }
    }

    #[cfg(test)]
    fn fails(&self, done: usize) -> bool {
        self.fails_after == Some(done)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self)]
    fn fails(&self, _done: usize) -> bool {
        false
    }

    /// Removes the directories that were made for nothing.
    fn drop_made(&mut self) {
        for path in self.made.drain(..).rev() {
            let _ = std::fs::remove_dir(path);
        }
    }
}

/// Removes what processes that were killed left beside a file. It may be a secret.
fn drop_leftovers(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let start = format!("{}.", name.to_string_lossy());
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.starts_with(&start) && name.ends_with(".tmp");
        let age = entry.metadata().and_then(|it| it.modified()).ok();
        let age = age.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if is_ours && age > LEFT_OVER_AFTER {
            // Whoever removes it first is as good.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Says of a full disk that nothing happened; all other errors speak for themselves.
fn not_written(path: &Path, error: io::Error) -> Error {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    );
    let error = Error::file("writing", path, error);
    match full {
        true => error.hint("nothing was changed: make room, and run the command again"),
        false => error,
    }
}

/// A second name of what is at a path, under which it can be put back without writing anything; `None` when there is nothing, or the
/// file system has no such names.
fn keep(path: &Path) -> Option<PathBuf> {
    let kept = beside(path);
    std::fs::hard_link(path, &kept).is_ok().then_some(kept)
}

/// A name in the same directory that nobody else uses.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    // Process numbers repeat themselves: in a container it is always the same one.
    beside.push(format!(
        ".{}-{:x}.tmp",
        std::process::id(),
        fastrand::u64(..)
    ));
    PathBuf::from(beside)
}

fn drop_staged(staged: &[PathBuf]) {
    for path in staged {
        // Gone where it was renamed already.
        let _ = std::fs::remove_file(path);
    }
}

fn private(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Where both names are of one file, renaming does nothing at all.
fn put_back(kept: &Path, path: &Path) -> io::Result<()> {
    std::fs::rename(kept, path)?;
    match std::fs::remove_file(kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_parent(path),
    }
}

/// Removes the second names, and the directories that are empty then.
fn drop_kept(done: &[(PathBuf, Option<PathBuf>)]) {
    for (path, kept) in done {
        let Some(kept) = kept else { continue };
        // Left behind, it goes with the next write to the file.
        let _ = std::fs::remove_file(kept);
        if let Some(parent) = path.parent().filter(|_| !path.exists()) {
            // Not empty, most of the time.
            let _ = std::fs::remove_dir(parent);
        }
    }
}

/// Removes a file, and its directory if that is empty then.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    sync_parent(path)?;
    if let Some(parent) = path.parent() {
        // Not empty, most of the time.
        let _ = std::fs::remove_dir(parent);
    }
    Ok(())
}

/// Makes a new name durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) if cfg!(unix) => std::fs::File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn from_disk(path: &Path) -> Result<Option<Content>> {
    let failed = |error| Error::file("reading", path, error);
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    limited(file, path, FILE_BYTES_MAX).map(Some)
}

/// What a file holds that a user names, which is no part of the store; `most` bytes of it.
///
/// # Errors
/// When it cannot be read, or is larger.
pub fn read_named(path: &Path, most: u64) -> Result<Content> {
    let file = std::fs::File::open(path).map_err(|e| Error::file("reading", path, e))?;
    limited(file, path, most)
}

/// The same as text.
///
/// # Errors
/// When it cannot be read, is larger, or is no text.
pub fn read_named_text(path: &Path, most: u64) -> Result<Zeroizing<String>> {
    let content = read_named(path, most)?;
    match std::str::from_utf8(&content) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(error) => Err(Error::refused(format!(
            "{} is no text: byte {} is no UTF-8",
            path.display(),
            error.valid_up_to().saturating_add(1)
        ))
        .hint("name a file of text; one in another encoding has to be converted first")),
    }
}

/// Length is not asked for beforehand: pipes and devices have none.
fn limited(file: std::fs::File, path: &Path, most: u64) -> Result<Content> {
    let mut content = Zeroizing::new(Vec::new());
    file.take(most.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|e| Error::file("reading", path, e))?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > most {
        return Err(Error::refused(format!(
            "{} is larger than the {most} bytes that are read of such a file",
            path.display()
        ))
        .hint("look whether it is the right file"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &mut Files, path: &Path) -> Option<String> {
        let content = files.read(path).expect("readable")?;
        Some(String::from_utf8(content.to_vec()).expect("text"))
    }

    #[test]
    fn nothing_is_on_disk_before_the_commit_and_all_after_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("x/a"), dir.path().join("y/z/b"));
        let mut files = Files::default();
        files.write(&a, b"1");
        files.write(&b, b"2");
        files.write(&a, b"3");
        assert_eq!(text(&mut files, &a).as_deref(), Some("3"));
        assert_eq!(files.list(dir.path()).expect("a list"), ["x", "y"]);
        assert!(!a.exists() && files.exists(&a));
        files.commit().expect("a commit");
        assert_eq!(std::fs::read_to_string(&a).expect("a"), "3");
        assert_eq!(std::fs::read_to_string(&b).expect("b"), "2");
        files.remove(&a);
        files.commit().expect("a commit");
        assert!(!a.exists() && !dir.path().join("x").exists());
    }

    #[cfg(unix)]
    #[test]
    fn files_and_directories_are_their_owners_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("d/secret");
        let mut files = Files::default();
        files.write(&path, b"s");
        files.commit().expect("a commit");
        let mode =
            |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(&dir.path().join("d")), 0o700);
    }

    #[test]
    fn what_others_changed_in_the_meantime_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        std::fs::write(&path, "1").expect("written");
        let mut files = Files::default();
        assert_eq!(text(&mut files, &path).as_deref(), Some("1"));
        std::fs::write(&path, "theirs").expect("written");
        files.write(&path, b"ours");
        files.commit().expect_err("a conflict");
        assert_eq!(std::fs::read_to_string(&path).expect("a"), "theirs");
    }

    #[test]
    fn a_failure_leaves_everything_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("new/b"));
        std::fs::write(&a, "old").expect("written");
        let obstacle = dir.path().join("file");
        std::fs::write(&obstacle, "").expect("written");
        let mut files = Files::default();
        files.write(&a, b"new");
        files.write(&b, b"new");
        // No directory can be made where a file stands.
        files.write(&obstacle.join("c"), b"new");
        files.commit().expect_err("no such directory");
        assert_eq!(std::fs::read_to_string(&a).expect("a"), "old");
        let names: Vec<_> = std::fs::read_dir(dir.path())
            .expect("listed")
            .flatten()
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn a_rename_that_fails_is_undone_for_those_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "old").expect("written");
        let mut files = Files::default();
        files.read(&a).expect("read");
        files.read(&b).expect("read");
        files.write(&a, b"new");
        files.write(&b, b"new");
        // A directory with something in it cannot be replaced by a file, and cannot be read as one.
        std::fs::create_dir_all(b.join("full")).expect("made");
        files.commit().expect_err("a directory is in the way");
        assert_eq!(std::fs::read_to_string(&a).expect("a"), "old");
    }

    #[cfg(unix)]
    #[test]
    fn a_disk_that_fails_between_two_files_leaves_both_as_they_were_without_writing_them_again() {
        use std::os::unix::fs::MetadataExt as _;

        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let (changed, new, gone) = (at("changed"), at("made/new"), at("below/gone"));
        std::fs::create_dir(at("below")).expect("made");
        for path in [&changed, &gone] {
            std::fs::write(path, "old").expect("written");
        }
        let inode = |path: &Path| std::fs::metadata(path).expect("there").ino();
        let before = (inode(&changed), inode(&gone));
        let mut files = Files::default();
        for after in 0..3 {
            files.discard();
            files.write(&changed, b"new");
            files.write(&new, b"new");
            files.remove(&gone);
            files.fails_after = Some(after);
            let error = files.commit().expect_err("no space");
            assert!(
                error
                    .next_step()
                    .is_some_and(|step| step.contains("nothing was changed")),
                "{error}"
            );
            assert_eq!((inode(&changed), inode(&gone)), before, "after {after}");
            assert!(!at("made").exists(), "after {after}");
            let names = std::fs::read_dir(dir.path()).expect("listed").count();
            assert_eq!(names, 2, "after {after}");
            assert_eq!(std::fs::read_dir(at("below")).expect("listed").count(), 1);
        }
        files.fails_after = None;
        files.commit().expect("there is room");
        assert!(new.is_file() && !at("below").exists());
        assert_eq!(std::fs::read_to_string(&changed).expect("read"), "new");
        assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 2);
    }

    #[test]
    fn what_a_killed_process_left_behind_is_removed_and_what_lives_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.nk");
        let (old, new) = (
            dir.path().join("a.nk.7-1.tmp"),
            dir.path().join("a.nk.8-2.tmp"),
        );
        let other = dir.path().join("b.nk.7-1.tmp");
        for file in [&old, &new, &other] {
            std::fs::write(file, "secret").expect("written");
        }
        let long_ago = std::time::SystemTime::now() - LEFT_OVER_AFTER * 2;
        for file in [&old, &other] {
            let file = std::fs::File::options()
                .write(true)
                .open(file)
                .expect("opened");
            file.set_modified(long_ago).expect("aged");
        }
        let mut files = Files::default();
        files.write(&path, b"x");
        files.commit().expect("committed");
        assert!(!old.exists() && new.exists() && other.exists());
    }
}
