//! Where things lie: the configuration, the stores of the operators, the keys. As the reference has it, so that both tools work on
//! the same directories.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What the surroundings say; taken from the process once, or made by a test.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    variables: BTreeMap<String, String>,
    directory: PathBuf,
}

/// The variables that matter here, besides `NSC_<NAME>_OPERATOR`.
const VARIABLES: [&str; 12] = [
    "HOME",
    "USERPROFILE",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "NSC_HOME",
    "NKEYS_PATH",
    "NSC_CWD_ONLY",
    "NSC_NO_GIT_IGNORE",
    "NSC_SIGNER_TIMEOUT",
    "NATS_CA",
    "NATS_KEY",
    "NATS_CERT",
];

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let matters = |name: &str| {
            VARIABLES.contains(&name) || name.starts_with("NSC_") && name.ends_with("_OPERATOR")
        };
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, _)| matters(name))
                .collect(),
            directory: std::env::current_dir().unwrap_or_default(),
        }
    }

    /// All below one directory; nothing of the process counts.
    pub fn below(home: &Path) -> Self {
        let mut all = Self {
            directory: home.to_owned(),
            ..Self::default()
        };
        all.set("HOME", &home.display().to_string());
        all
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether a variable is set at all.
    pub fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Operators that were made known by `NSC_<NAME>_OPERATOR`: name and URL.
    pub fn known_operators(&self) -> impl Iterator<Item = (String, &str)> {
        self.variables.iter().filter_map(|(name, url)| {
            let name = name.strip_prefix("NSC_")?.strip_suffix("_OPERATOR")?;
            (!name.is_empty()).then(|| (name.to_lowercase(), url.as_str()))
        })
    }

    fn home(&self) -> PathBuf {
        PathBuf::from(
            self.get("HOME")
                .or_else(|| self.get("USERPROFILE"))
                .unwrap_or_default(),
        )
    }
}

/// Directories from the command line.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Directories {
    /// Directory of the configuration
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global Options"
    )]
    pub config_dir: Option<String>,
    /// Directory of the stores
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global Options"
    )]
    pub data_dir: Option<String>,
    /// Directory of the keys
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global Options"
    )]
    pub keystore_dir: Option<String>,
    /// Sets --config-dir, --data-dir and --keystore-dir to the same value
    #[arg(
        short = 'H',
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global Options"
    )]
    pub all_dirs: Option<String>,
}

/// Where things lie.
#[derive(Debug, Clone)]
pub struct Places {
    pub home: PathBuf,
    /// Holds `nsc.json`.
    pub config: PathBuf,
    /// Holds a directory per operator, unless the configuration says otherwise.
    pub stores: PathBuf,
    /// The stores were named by a flag, which counts more than the configuration.
    pub stores_given: bool,
    /// Holds `keys` and `creds`.
    pub keystore: PathBuf,
    /// Holds the contexts of the `nats` command line.
    pub nats_config: PathBuf,
    /// Write a `.gitignore` for secrets.
    pub git_ignore: bool,
}

impl Places {
    /// From flags, variables and what is there.
    ///
    /// # Errors
    /// Without a home directory and anything in its place.
    pub fn find(flags: &Directories, around: &Surroundings) -> Result<Self> {
        let home = around.home();
        let base = |name: &str, below: &[&str]| {
            around.get(name).map_or_else(
                || {
                    below
                        .iter()
                        .fold(home.clone(), |path, part| path.join(part))
                },
                PathBuf::from,
            )
        };
        let config_base = base("XDG_CONFIG_HOME", &[".config"]);
        let data_base = base("XDG_DATA_HOME", &[".local", "share"]);
        let given = |own: &Option<String>, variable: &str| {
            flags
                .all_dirs
                .as_deref()
                .or(own.as_deref())
                .or_else(|| around.get(variable))
                .map(|text| expanded(text, &home, around.directory()))
        };
        let data = |sub: &str, old: PathBuf| {
            let new = data_base.join("nats").join("nsc").join(sub);
            if !new.exists() && old.exists() {
                old
            } else {
                new
            }
        };
        let config = given(&flags.config_dir, "NSC_HOME").unwrap_or_else(|| {
            let new = config_base.join("nats").join("nsc");
            let old = home.join(".nsc");
            let is_old = !new.join("nsc.json").exists() && old.join("nsc.json").exists();
            if is_old { old } else { new }
        });
        let stores_given = given(&flags.data_dir, "");
        let is_given = stores_given.is_some();
        let stores = stores_given.unwrap_or_else(|| data("stores", home.join(".nsc").join("nats")));
        let keystore = given(&flags.keystore_dir, "NKEYS_PATH")
            .unwrap_or_else(|| data("keys", home.join(".nkeys")));
        if [&config, &stores, &keystore]
            .iter()
            .any(|path| !path.is_absolute())
        {
            return Err(Error::refused("no home directory is known")
                .hint("set HOME, or pass --all-dirs DIR"));
        }
        Ok(Self {
            config,
            stores,
            stores_given: is_given,
            keystore,
            nats_config: config_base.join("nats"),
            git_ignore: !around.has("NSC_NO_GIT_IGNORE"),
            home,
        })
    }

    /// A path for people: the home directory is `~`.
    pub fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.home) {
            Ok(rest) if !self.home.as_os_str().is_empty() => format!("~/{}", rest.display()),
            _ => path.display().to_string(),
        }
    }

    /// A path as a user writes it.
    pub fn expanded(&self, text: &str) -> PathBuf {
        let here = std::env::current_dir().unwrap_or_default();
        expanded(text, &self.home, &here)
    }
}

/// `~` is the home directory; everything else begins where we are.
fn expanded(text: &str, home: &Path, here: &Path) -> PathBuf {
    let path = match text.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(text),
    };
    here.join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_before_variables_and_variables_before_the_home_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut around = Surroundings::below(dir.path());
        let find = |flags: &Directories, around: &Surroundings| {
            Places::find(flags, around).expect("places")
        };
        let plain = find(&Directories::default(), &around);
        assert_eq!(plain.config, dir.path().join(".config/nats/nsc"));
        assert_eq!(
            plain.stores,
            dir.path().join(".local/share/nats/nsc/stores")
        );
        assert_eq!(
            plain.keystore,
            dir.path().join(".local/share/nats/nsc/keys")
        );
        around.set("XDG_DATA_HOME", "/data");
        around.set("NSC_HOME", "~/conf");
        around.set("NKEYS_PATH", "/keys");
        let set = find(&Directories::default(), &around);
        assert_eq!(set.config, dir.path().join("conf"));
        assert_eq!(set.stores, Path::new("/data/nats/nsc/stores"));
        assert_eq!(set.keystore, Path::new("/keys"));
        let flags = Directories {
            all_dirs: Some("here".into()),
            ..Directories::default()
        };
        let all = find(&flags, &around);
        for path in [&all.config, &all.stores, &all.keystore] {
            assert_eq!(*path, dir.path().join("here"));
        }
        assert_eq!(all.shown(&dir.path().join("a/b")), "~/a/b");
    }

    #[test]
    fn old_directories_are_used_where_there_are_no_new_ones() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join(".nsc/nats")).expect("made");
        std::fs::create_dir_all(dir.path().join(".nkeys")).expect("made");
        std::fs::write(dir.path().join(".nsc/nsc.json"), "{}").expect("written");
        let places = Places::find(&Directories::default(), &Surroundings::below(dir.path()))
            .expect("places");
        assert_eq!(places.config, dir.path().join(".nsc"));
        assert_eq!(places.stores, dir.path().join(".nsc/nats"));
        assert_eq!(places.keystore, dir.path().join(".nkeys"));
    }
}
