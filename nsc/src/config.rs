//! `nsc.json`: which store, operator and account are meant when nothing is said. And what the current directory says instead.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::Files;
use crate::places::{Places, Surroundings};
use crate::store::{self, Info};

/// The document, with the reference's fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    pub store_root: String,
    pub operator: String,
    pub account: String,
    pub github_updates: String,
    pub last_update: i64,
}

impl Config {
    /// Reads the file; what is not there is made up and written with the next commit.
    ///
    /// # Errors
    /// When the file is no such document.
    pub fn load(
        files: &mut Files,
        places: &Places,
        around: &Surroundings,
        now: i64,
    ) -> Result<Self> {
        let path = Self::path(places);
        let read = match files.read(&path)? {
            None => None,
            Some(content) => Some(serde_json::from_slice::<Self>(&content).map_err(|error| {
                Error::refused(format!("{}: {error}", path.display()))
                    .hint("repair or remove the file")
            })?),
        };
        let mut config = read.clone().unwrap_or_default();
        if config.store_root.is_empty() {
            config.store_root = places.stores.display().to_string();
        }
        if config == Self::default() || read.is_none() {
            config.github_updates = "nats-io/nsc".to_owned();
            config.last_update = now;
        }
        if around.has("NSC_CWD_ONLY") {
            (config.operator, config.account) = Default::default();
        }
        if let Some(here) = Here::find(around.directory()) {
            config.store_root = here.store_root.display().to_string();
            if let Some(operator) = here.operator {
                config.operator = operator;
            }
            if let Some(account) = here.account {
                config.account = account;
            }
        }
        if places.stores_given {
            config.store_root = places.stores.display().to_string();
        }
        config.settle(files);
        Ok(config)
    }

    pub fn path(places: &Places) -> PathBuf {
        places.config.join("nsc.json")
    }

    /// Writes the file with the next commit.
    pub fn save(&self, files: &mut Files, places: &Places) {
        let text = serde_json::to_string(self).unwrap_or_default();
        files.write(&Self::path(places), text.as_bytes());
    }

    pub fn store_root(&self) -> PathBuf {
        PathBuf::from(&self.store_root)
    }

    /// Chooses the only operator and account where there is only one, and forgets those that are not there.
    pub fn settle(&mut self, files: &mut Files) {
        let operators = store::operators(files, &self.store_root()).unwrap_or_default();
        self.operator = sane(&self.operator, &operators);
        if self.operator.is_empty() {
            self.account.clear();
            return;
        }
        let accounts = store::accounts(files, &self.store_root().join(&self.operator));
        self.account = sane(&self.account, &accounts.unwrap_or_default());
    }
}

fn sane(current: &str, choices: &[String]) -> String {
    match choices {
        [only] => only.clone(),
        many if many.iter().any(|choice| choice == current) => current.to_owned(),
        _ => String::new(),
    }
}

/// What the current directory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    pub store_root: PathBuf,
    pub operator: Option<String>,
    pub account: Option<String>,
}

impl Here {
    /// The directory is a store or inside of one, or holds stores.
    pub fn find(directory: &Path) -> Option<Self> {
        if directory.as_os_str().is_empty() {
            return None;
        }
        let at = |path: &Path| Info::read(path).ok().flatten();
        if at(directory).is_none() {
            let mut below = std::fs::read_dir(directory).ok()?.flatten();
            if below.any(|entry| at(&entry.path()).is_some()) {
                return Some(Self {
                    store_root: directory.to_owned(),
                    operator: None,
                    account: None,
                });
            }
        }
        let store = directory.ancestors().find(|path| at(path).is_some())?;
        let inside = directory.strip_prefix(store.join("accounts")).ok();
        let account = inside.and_then(|rest| rest.components().next());
        Some(Self {
            store_root: store.parent()?.to_owned(),
            operator: store.file_name()?.to_str().map(str::to_owned),
            account: account
                .and_then(|part| part.as_os_str().to_str())
                .map(str::to_owned),
        })
    }
}
