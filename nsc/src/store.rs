//! A store on disk: an operator's token, `accounts/<account>/<account>.jwt`, `accounts/<account>/users/<user>.jwt`, and `.nsc` that says
//! whose it is. As the reference has it.

use std::path::{Path, PathBuf};

use nats_jwt::claims::{self, AccountClaims, Claims, OperatorClaims, Payload, UserClaims};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Reason, Result};
use crate::files::Files;
use crate::name;

/// `.nsc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The operator's key is somebody else's; accounts are signed by themselves and handed over.
    #[serde(default)]
    pub managed: bool,
    pub name: String,
    pub kind: String,
    pub version: String,
}

impl Info {
    /// Of a new store.
    pub fn new(name: &str, managed: bool) -> Self {
        Self {
            managed,
            name: name.to_owned(),
            kind: "operator".to_owned(),
            version: "1".to_owned(),
        }
    }

    /// Reads the file in `directory`; `None` when that is no store.
    ///
    /// # Errors
    /// When the file is no such document.
    pub fn read(directory: &Path) -> Result<Option<Self>> {
        Self::read_in(&mut Files::default(), directory)
    }

    fn read_in(files: &mut Files, directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(".nsc");
        if !files.exists(&path) {
            return Ok(None);
        }
        let Some(content) = files.read(&path)? else {
            return Ok(None);
        };
        let info: Self = serde_json::from_slice(&content)
            .map_err(|error| Error::refused(format!("{}: {error}", path.display())))?;
        // It becomes the name of a file.
        name::checked("operator", &info.name)?;
        Ok((info.kind == "operator").then_some(info))
    }
}

/// Names of the stores below `root`.
///
/// # Errors
/// When it cannot be read.
pub fn operators(files: &mut Files, root: &Path) -> Result<Vec<String>> {
    let mut names = files.list(root)?;
    names.retain(|name| files.exists(&root.join(name).join(".nsc")));
    Ok(names)
}

/// Names of the accounts in the store at `directory`.
///
/// # Errors
/// When it cannot be read.
pub fn accounts(files: &mut Files, directory: &Path) -> Result<Vec<String>> {
    let accounts = directory.join("accounts");
    let mut names = files.list(&accounts)?;
    names.retain(|name| files.exists(&accounts.join(name).join(format!("{name}.jwt"))));
    Ok(names)
}

/// One operator's store.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    info: Info,
}

impl Store {
    /// Opens the store at `directory`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(files: &mut Files, directory: &Path) -> Result<Self> {
        match Info::read_in(files, directory)? {
            Some(info) => Ok(Self {
                directory: directory.to_owned(),
                info,
            }),
            None => Err(Error::missing(format!(
                "{} is not a valid data directory",
                directory.display()
            ))),
        }
    }

    /// Makes a store with the next commit.
    ///
    /// # Errors
    /// When the directory holds something already.
    pub fn create(files: &mut Files, root: &Path, name: &str, managed: bool) -> Result<Self> {
        let directory = root.join(name::checked("operator", name)?);
        if !files.list(&directory)?.is_empty() {
            return Err(Error::exists(format!(
                "operator {name:?} already exists in {}",
                root.display()
            )));
        }
        let info = Info::new(name, managed);
        let text = serde_json::to_string(&info).unwrap_or_default();
        files.write(&directory.join(".nsc"), text.as_bytes());
        // As in the reference: its lists want the folder.
        files.make_folder(&directory.join("accounts"));
        Ok(Self { directory, info })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The operator's name.
    pub fn name(&self) -> &str {
        &self.info.name
    }

    pub fn is_managed(&self) -> bool {
        self.info.managed
    }

    pub fn operator_path(&self) -> PathBuf {
        self.directory.join(format!("{}.jwt", self.info.name))
    }

    pub fn account_folder(&self, account: &str) -> Result<PathBuf> {
        let account = name::checked("account", account)?;
        Ok(self.directory.join("accounts").join(account))
    }

    pub fn account_path(&self, account: &str) -> Result<PathBuf> {
        Ok(self.account_folder(account)?.join(format!("{account}.jwt")))
    }

    pub fn user_path(&self, account: &str, user: &str) -> Result<PathBuf> {
        let user = name::checked("user", user)?;
        let users = self.account_folder(account)?.join("users");
        Ok(users.join(format!("{user}.jwt")))
    }

    /// Names of the accounts.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn accounts(&self, files: &mut Files) -> Result<Vec<String>> {
        accounts(files, &self.directory)
    }

    /// Names of the users of an account.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn users(&self, files: &Files, account: &str) -> Result<Vec<String>> {
        let users = self.account_folder(account)?.join("users");
        let names = files.list(&users)?;
        Ok(names
            .iter()
            .filter_map(|name| name.strip_suffix(".jwt"))
            .map(str::to_owned)
            .collect())
    }

    pub fn operator_token(&self, files: &mut Files) -> Result<String> {
        let missing = || format!("operator {} does not exist", self.info.name);
        token(files, &self.operator_path())?.ok_or_else(|| Error::missing(missing()))
    }

    pub fn account_token(&self, files: &mut Files, account: &str) -> Result<String> {
        let missing = || format!("account {account} does not exist in the current operator");
        token(files, &self.account_path(account)?)?
            .ok_or_else(|| Error::missing(missing()).hint("see which there are: nsc list accounts"))
    }

    pub fn user_token(&self, files: &mut Files, account: &str, user: &str) -> Result<String> {
        let missing = || format!("user {user} does not exist in the current account");
        token(files, &self.user_path(account, user)?)?.ok_or_else(|| {
            Error::missing(missing())
                .hint(format!("see which there are: nsc list users -a {account}"))
        })
    }

    pub fn operator(&self, files: &mut Files) -> Result<OperatorClaims> {
        let text = self.operator_token(files)?;
        decoded(&text, &self.operator_path())
    }

    pub fn account(&self, files: &mut Files, account: &str) -> Result<AccountClaims> {
        let text = self.account_token(files, account)?;
        decoded(&text, &self.account_path(account)?)
    }

    pub fn user(&self, files: &mut Files, account: &str, user: &str) -> Result<UserClaims> {
        let text = self.user_token(files, account, user)?;
        decoded(&text, &self.user_path(account, user)?)
    }

    pub fn has_account(&self, files: &Files, account: &str) -> bool {
        self.account_path(account)
            .is_ok_and(|path| files.exists(&path))
    }

    pub fn has_user(&self, files: &Files, account: &str, user: &str) -> bool {
        self.user_path(account, user)
            .is_ok_and(|path| files.exists(&path))
    }

    /// The name under which an account is stored.
    ///
    /// # Errors
    /// When accounts cannot be read.
    pub fn account_of_key(&self, files: &mut Files, key: &str) -> Result<Option<String>> {
        for name in self.accounts(files)? {
            // One that is damaged is not the one.
            if self
                .account(files, &name)
                .is_ok_and(|account| account.subject == key)
            {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

/// What can be done about a file that is no token.
pub const DAMAGED: &str = "restore the file from a backup, fetch accounts that servers have with 'nsc pull', or remove the file";

fn token(files: &mut Files, path: &Path) -> Result<Option<String>> {
    let Some(content) = files.read(path)? else {
        return Ok(None);
    };
    let text = nats_jwt::creds::parse_jwt(&content)
        .map_err(|_| Error::refused(format!("{} holds no token", path.display())).hint(DAMAGED))?;
    Ok(Some(text.reveal().to_owned()))
}

fn decoded<N: Payload>(token: &str, path: &Path) -> Result<Claims<N>> {
    Claims::decode(token).map_err(|source| {
        let path = path.to_owned();
        Error::from(Reason::Token { path, source }).hint(DAMAGED)
    })
}

/// Refuses a token that says more than we understand: signing it again would lose that.
///
/// # Errors
/// When there is something unknown in it.
pub fn check_known(token: &str, what: &str) -> Result {
    let editable =
        claims::decode_for_edit(token).map_err(|e| Error::refused(format!("{what}: {e}")))?;
    if editable.unknown.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{what} holds fields that this nsc does not know and would lose: {}",
        editable.unknown.join(", ")
    ))
    .hint("edit it with the version of nsc that wrote them"))
}
