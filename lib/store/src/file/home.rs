//! A stream's directory, and the document that says whose it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, replace};
use crate::error::StoreError;

/// Where a stream's files are. Its document stands in the log first; nothing that is in the directory counts before the document and the names
/// above it are durable there. Shared by the catalog, which knows the document, and by the stream's checkpoints, which need it.
#[derive(Debug)]
pub struct Home {
    disk: Arc<dyn Disk>,
    document: PathBuf,
    /// Content of the document's file, as long as it is not there.
    missing: Mutex<Option<Vec<u8>>>,
}

impl Home {
    /// `document` is the path of its file, in the stream's directory; `missing` its content, when the log has it and the file has not.
    pub fn new(disk: Arc<dyn Disk>, document: PathBuf, missing: Option<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self {
            disk,
            document,
            missing: Mutex::new(missing),
        })
    }

    /// The document changed, in the log.
    pub fn change(&self, content: Vec<u8>) {
        *self.missing.lock() = Some(content);
    }

    /// Puts the document in its place, and makes it and the directories above it durable, if that was not done yet. Blocks.
    ///
    /// # Errors
    /// The disk cannot; the log still has the document.
    pub fn settle(&self) -> Result<(), StoreError> {
        let mut missing = self.missing.lock();
        let Some(content) = &*missing else {
            return Ok(());
        };
        let fail = |path: &Path, e: &std::io::Error| StoreError::io("writing", path, e);
        replace(&*self.disk, &self.document, content).map_err(|e| fail(&self.document, &e))?;
        // The stream's directory in its account's, and that one in the root.
        for above in self.document.ancestors().skip(2).take(2) {
            self.disk.sync_dir(above).map_err(|e| fail(above, &e))?;
        }
        *missing = None;
        Ok(())
    }
}
