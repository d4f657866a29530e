//! A log file that is put aside when it has grown, with old ones purged.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// An open log file.
pub struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    /// Bytes after which the file is put aside; 0 is never.
    limit: u64,
    /// Files kept, the current one included; 0 is all.
    max_files: usize,
}

impl LogFile {
    pub fn open(path: &Path, limit: u64, max_files: u32) -> io::Result<Self> {
        let (file, size) = append_to(path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            limit,
            max_files: max_files as usize,
        })
    }

    pub fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.size) = append_to(&self.path)?;
        Ok(())
    }

    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.size = self.size.saturating_add(line.len() as u64);
        if self.limit > 0 && self.size > self.limit {
            self.rotate()?;
        }
        Ok(())
    }

    /// `<file>.YYYY.MM.DD.hh.mm.ss.nnnnnnnnn` holds what was written so far.
    fn rotate(&mut self) -> io::Result<()> {
        let now = jiff::Timestamp::now().to_zoned(super::zone::local());
        let suffix = now.strftime("%Y.%m.%d.%H.%M.%S.%9f");
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".{suffix}"));
        std::fs::rename(&self.path, aside)?;
        self.reopen()?;
        self.purge()
    }

    fn purge(&self) -> io::Result<()> {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(());
        };
        if self.max_files == 0 {
            return Ok(());
        }
        let prefix = format!("{}.", name.to_string_lossy());
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        let mut old: Vec<PathBuf> = std::fs::read_dir(folder)?
            .filter_map(Result::ok)
            .filter(|e| is_rotated(&e.file_name().to_string_lossy(), &prefix))
            .map(|e| e.path())
            .collect();
        old.sort();
        // The current file counts, too.
        let keep = self.max_files.saturating_sub(1);
        let surplus = old.len().saturating_sub(keep);
        for path in old.into_iter().take(surplus) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Only names that a rotation makes are ever purged.
fn is_rotated(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| {
        let parts: Vec<_> = rest.split('.').collect();
        parts.len() == 7 && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grown_file_is_put_aside_and_only_as_many_as_wanted_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nats.log");
        std::fs::write(dir.path().join("nats.log.keep"), "mine").unwrap();
        let mut log = LogFile::open(&path, 100, 3).unwrap();
        for _ in 0..50 {
            log.write(&[b'x'; 60]).unwrap();
        }
        let names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.contains(&"nats.log.keep".to_owned()));
        assert_eq!(names.len(), 4, "{names:?}");
    }
}
