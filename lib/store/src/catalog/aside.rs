//! Quarantine: out of the way, not out of the world. Nothing here is ever removed.
//!
//! A stream that is put aside keeps its name, at every start: a client that makes its streams when they are missing would else go on with an empty
//! one, and nobody would notice. Whoever deletes it frees the name; its files stay in quarantine.

use std::path::Path;

use super::names::{asset_in, file_name, name_in};
use super::open::{Found, Quarantined};
use super::{Assets, Catalog, CatalogError};
use crate::catalog::assets::QUARANTINE_DIR;
use crate::error::StoreError;

/// Between the names of account and stream in the name of a directory whose name is not free. Neither has it.
const OWNED: char = '~';

impl Catalog {
    /// Moves what belongs to no stream, or to one that runs.
    pub(super) fn quarantine(
        &self,
        path: &Path,
        why: &str,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.move_aside(path, &name, why, None, found)
    }

    /// Moves a whole stream that nobody can read, and closes its name.
    pub(super) fn put_stream_aside(
        &self,
        dir: &Path,
        why: &str,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let last = |path: Option<&Path>| {
            let name = path.and_then(Path::file_name).unwrap_or_default();
            name.to_string_lossy().into_owned()
        };
        let (account, asset) = (last(dir.parent()), last(Some(dir)));
        let owner = Some((name_in(&account), name_in(asset_in(&asset))));
        self.move_aside(dir, &format!("{account}{OWNED}{asset}"), why, owner, found)
    }

    fn move_aside(
        &self,
        path: &Path,
        name: &str,
        why: &str,
        owner: Option<(String, String)>,
        found: &mut Found,
    ) -> Result<(), CatalogError> {
        let dir = self.dir.join(QUARANTINE_DIR);
        let mut to = dir.join(name);
        let mut number = 1_u32;
        while self.exists(&to)? {
            to = dir.join(format!("{name}.{number}"));
            number = number.saturating_add(1);
        }
        let io = |e: &std::io::Error| StoreError::io("moving", path, e);
        self.disk().rename(path, &to).map_err(|e| io(&e))?;
        for above in [path.parent(), Some(&*dir)].into_iter().flatten() {
            self.disk().sync_dir(above).map_err(|e| io(&e))?;
        }
        found.quarantined.push(Quarantined {
            place: to,
            why: why.to_owned(),
            is_known: false,
            owner,
        });
        Ok(())
    }

    /// What earlier starts put aside; and the names that are closed from now on.
    pub(super) fn list_quarantine(&self, found: &mut Found) -> Result<(), CatalogError> {
        let dir = self.dir.join(QUARANTINE_DIR);
        for name in self.list(&dir)? {
            let place = dir.join(&name);
            if !found.quarantined.iter().any(|q| q.place == place) {
                found.quarantined.push(Quarantined {
                    place,
                    why: "kept from an earlier start".to_owned(),
                    is_known: true,
                    owner: owner_in(&name),
                });
            }
        }
        let mut assets = self.assets.lock();
        for aside in &mut found.quarantined {
            let runs = |owner: &(String, String)| {
                let mut streams = found.streams.iter();
                streams.any(|stream| (&stream.account, &stream.name) == (&owner.0, &owner.1))
            };
            // A copy, or one that was made before this was as it is.
            aside.owner.take_if(|owner| runs(owner));
            if let Some((account, stream)) = &aside.owner {
                let id = (file_name(account), file_name(stream));
                assets
                    .aside
                    .entry(id)
                    .or_default()
                    .push(aside.place.clone());
            }
        }
        Ok(())
    }

    /// Frees the name of a stream that was put aside; its files stay where they are, under another name. False when there is none.
    ///
    /// # Errors
    /// The disk; nothing is changed then, or a part that does not matter.
    pub fn release(&self, account: &str, stream: &str) -> Result<bool, CatalogError> {
        let id = (file_name(account), file_name(stream));
        let mut assets = self.assets.lock();
        let Some(places) = assets.aside.get(&id).cloned() else {
            return Ok(false);
        };
        let dir = self.dir.join(QUARANTINE_DIR);
        for place in places {
            let io = |e: &std::io::Error| StoreError::io("renaming", &place, e);
            let name = place.file_name().unwrap_or_default().to_string_lossy();
            let free = name.split_once(OWNED).map_or(&*name, |(_, asset)| asset);
            let mut to = dir.join(free);
            let mut number = 1_u32;
            while self.exists(&to)? {
                to = dir.join(format!("{free}.{number}"));
                number = number.saturating_add(1);
            }
            if self.exists(&place)? {
                self.disk().rename(&place, &to).map_err(|e| io(&e))?;
            }
            self.disk().sync_dir(&dir).map_err(|e| io(&e))?;
        }
        assets.aside.remove(&id);
        Ok(true)
    }
}

impl Assets {
    /// Whether the name is free of a stream that was put aside.
    pub(super) fn check_not_aside(&self, id: &(String, String)) -> Result<(), CatalogError> {
        let Some(place) = self.aside.get(id).and_then(|places| places.first()) else {
            return Ok(());
        };
        Err(CatalogError::Aside(place.clone()))
    }
}

/// Account and stream in the name of a directory in quarantine.
fn owner_in(name: &str) -> Option<(String, String)> {
    let (account, asset) = name.split_once(OWNED)?;
    let (stream, _) = asset.split_once('.')?;
    Some((name_in(account), name_in(stream)))
}
