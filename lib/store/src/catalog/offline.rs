//! Streams that are there and cannot be read: they stay where they are, closed, until a start can read them.
//!
//! Nothing that the log has for them may go meanwhile. So while there is one, entries of groups that nobody knows stay in the log instead of going to
//! quarantine, and so do documents.

use std::path::Path;

use super::names::{asset_in, file_name, name_in};
use super::open::Found;
use super::{Assets, Catalog, CatalogError};
use crate::error::StoreError;

/// A stream that is on disk and cannot be opened now.
#[derive(Debug, Clone)]
pub struct Offline {
    pub account: String,
    /// From the name of its directory: a very long name is cut.
    pub stream: String,
    pub why: StoreError,
}

impl Catalog {
    /// Leaves a stream's directory alone, if the disk is what stands in the way; any other error goes on.
    pub(super) fn leave_offline(
        &self,
        dir: &Path,
        error: CatalogError,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let CatalogError::Store(why) = error else {
            return Err(error);
        };
        let name = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name).unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let (account, stream) = (name(dir.parent()), name(Some(dir)));
        let stream = asset_in(&stream);
        let id = (account.clone(), stream.to_owned());
        self.assets.lock().offline.insert(id, why.clone());
        found.offline.push(Offline {
            account: name_in(&account),
            stream: name_in(stream),
            why,
        });
        Ok(())
    }
}

impl Assets {
    /// Whether the name is free of a stream that cannot be read.
    pub(super) fn check_online(&self, account: &str, stream: &str) -> Result<(), CatalogError> {
        let id = (file_name(account), file_name(stream));
        match self.offline.get(&id) {
            Some(why) => Err(CatalogError::Offline(why.clone())),
            None => self.check_not_aside(&id),
        }
    }
}
