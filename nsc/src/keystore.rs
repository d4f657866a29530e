//! Keys and credentials on disk: `keys/<letter>/<two characters>/<public key>.nk` holds a seed, `creds/<operator>/<account>/<user>.creds`
//! credentials. As the reference has it.

use std::path::{Path, PathBuf};

use nats_jwt::nkey::{CurveKey, KeyPair, Kind, PublicKey};
use nats_jwt::secret::Secret;

use crate::error::{Error, Result};
use crate::files::Files;
use crate::name;
use crate::places::Places;

const GIT_IGNORE: &str = "# ignore all nk files \n**/*.nk\n# ignore all creds files\n**/*.creds\n";

/// The keystore.
#[derive(Debug, Clone)]
pub struct Keystore {
    root: PathBuf,
    git_ignore: bool,
}

impl Keystore {
    pub fn new(places: &Places) -> Self {
        Self {
            root: places.keystore.clone(),
            git_ignore: places.git_ignore,
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a key lies, or would.
    pub fn key_path(&self, key: &PublicKey) -> PathBuf {
        let text = key.to_string();
        let kind = text.get(..1).unwrap_or_default();
        let shard = text.get(1..3).unwrap_or_default();
        self.root
            .join("keys")
            .join(kind)
            .join(shard)
            .join(format!("{text}.nk"))
    }

    /// Where the credentials of a user lie, or would.
    ///
    /// # Errors
    /// When a name would lead elsewhere.
    pub fn creds_path(&self, operator: &str, account: &str, user: &str) -> Result<PathBuf> {
        let file = format!("{}.creds", name::checked("user", user)?);
        Ok(self.creds_folder(operator, account)?.join(file))
    }

    /// Where the credentials of an account's users lie.
    ///
    /// # Errors
    /// When a name would lead elsewhere.
    pub fn creds_folder(&self, operator: &str, account: &str) -> Result<PathBuf> {
        let operator = name::checked("operator", operator)?;
        let account = name::checked("account", account)?;
        Ok(self.root.join("creds").join(operator).join(account))
    }

    /// Whether the seed of a key is here.
    pub fn has(&self, files: &Files, key: &PublicKey) -> bool {
        files.exists(&self.key_path(key))
    }

    /// The seed of a key.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else than this key.
    pub fn seed(&self, files: &mut Files, key: &PublicKey) -> Result<Option<Secret>> {
        let path = self.key_path(key);
        let Some(content) = files.read(&path)? else {
            return Ok(None);
        };
        let wrong = || {
            Error::refused(format!(
                "{} does not hold the seed of {key}",
                path.display()
            ))
            .hint("restore the file from a backup, or remove it when the key is lost")
        };
        let text = std::str::from_utf8(&content).map_err(|_| wrong())?.trim();
        let found = match key.kind() {
            Kind::Curve => CurveKey::from_seed(text).map(|pair| pair.public_key()),
            _ => KeyPair::from_seed(text).map(|pair| pair.public_key()),
        };
        match found {
            Ok(found) if found == *key => Ok(Some(Secret::new(text))),
            // The file may hold just the public key.
            _ if PublicKey::parse(text) == Ok(*key) => Ok(None),
            _ => Err(wrong()),
        }
    }

    /// A key that signs.
    ///
    /// # Errors
    /// As [`Keystore::seed`].
    pub fn pair(&self, files: &mut Files, key: &PublicKey) -> Result<Option<KeyPair>> {
        match self.seed(files, key)? {
            Some(seed) if key.kind() != Kind::Curve => Ok(Some(KeyPair::from_seed(seed.reveal())?)),
            _ => Ok(None),
        }
    }

    /// Stores a key with the next commit; yields where.
    ///
    /// # Errors
    /// When another key is stored under its name.
    pub fn store(&self, files: &mut Files, pair: &KeyPair) -> Result<PathBuf> {
        self.store_seed(files, &pair.public_key(), &pair.seed())
    }

    /// Stores a seed whose key is known.
    ///
    /// # Errors
    /// As [`Keystore::store`].
    pub fn store_seed(&self, files: &mut Files, key: &PublicKey, seed: &Secret) -> Result<PathBuf> {
        let path = self.key_path(key);
        match files.read(&path)? {
            Some(there) if there.as_slice() == seed.reveal().as_bytes() => {}
            Some(there)
                if there.trim_ascii() != seed.reveal().as_bytes()
                    && self.seed(files, key)?.is_some() =>
            {
                return Err(Error::exists(format!(
                    "key {} already exists and is different",
                    path.display()
                )));
            }
            _ => files.write(&path, seed.reveal().as_bytes()),
        }
        self.ignore(files)?;
        Ok(path)
    }

    /// Writes credentials with the next commit.
    ///
    /// # Errors
    /// When a name would lead elsewhere.
    pub fn store_creds(
        &self,
        files: &mut Files,
        who: [&str; 3],
        creds: &Secret,
    ) -> Result<PathBuf> {
        let [operator, account, user] = who;
        let path = self.creds_path(operator, account, user)?;
        files.write(&path, creds.reveal().as_bytes());
        self.ignore(files)?;
        Ok(path)
    }

    fn ignore(&self, files: &mut Files) -> Result {
        let path = self.root.join(".gitignore");
        if self.git_ignore && files.read(&path)?.is_none() {
            files.write(&path, GIT_IGNORE.as_bytes());
        }
        Ok(())
    }

    /// All keys whose files have the names of keys.
    ///
    /// # Errors
    /// When directories cannot be read.
    pub fn keys(&self, files: &Files) -> Result<Vec<PublicKey>> {
        let root = self.root.join("keys");
        let mut keys = Vec::new();
        for kind in files.list(&root)? {
            let kind = root.join(kind);
            if !kind.is_dir() {
                continue;
            }
            for shard in files.list(&kind)? {
                let shard = kind.join(shard);
                if !shard.is_dir() {
                    continue;
                }
                for file in files.list(&shard)? {
                    let key = file
                        .strip_suffix(".nk")
                        .and_then(|key| PublicKey::parse(key).ok());
                    keys.extend(key);
                }
            }
        }
        keys.sort_by_key(ToString::to_string);
        Ok(keys)
    }
}
