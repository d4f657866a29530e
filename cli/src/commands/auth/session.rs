//! The store in use, with this tool's own choice of operator.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use nats_jwt::nkey::Kind;
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::workspace::Workspace;
use serde::{Deserialize, Serialize};

use crate::error::{CliError, Result};
use crate::prompt::{Prompt, Terminal};

/// `nats/cli/config.json` below the configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Choice {
    #[serde(skip_serializing_if = "String::is_empty")]
    select_operator: String,
}

/// A workspace, and who is asked.
pub struct Session {
    pub work: Workspace,
}

impl Session {
    /// Opens the stores of whoever runs this.
    pub fn open() -> Result<Self> {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let work = Workspace::open(&Directories::default(), Surroundings::of_process(), now)?;
        Ok(Self { work })
    }

    /// Opens them with the named operator, else with the one that was selected.
    pub fn with_operator(given: Option<&str>) -> Result<Self> {
        let mut session = Self::open()?;
        session.use_operator(given)?;
        Ok(session)
    }

    pub fn use_operator(&mut self, given: Option<&str>) -> Result {
        let chosen = self.selected();
        if let Some(name) = given {
            self.work.use_operator(name)?;
        } else if !chosen.is_empty() && self.work.use_operator(&chosen).is_err() {
            // Gone since: nsc's own choice counts.
            self.work.store()?;
        }
        Ok(())
    }

    fn choice_path(&self) -> PathBuf {
        self.work.places.nats_config.join("cli").join("config.json")
    }

    fn selected(&self) -> String {
        let read = std::fs::read(self.choice_path()).ok();
        let choice = read.and_then(|content| serde_json::from_slice::<Choice>(&content).ok());
        choice.unwrap_or_default().select_operator
    }

    /// Uses an operator from now on, in this tool.
    pub fn select(&mut self, name: &str) -> Result {
        self.work.use_operator(name)?;
        let choice = Choice {
            select_operator: name.to_owned(),
        };
        let path = self.choice_path();
        self.work.files.read(&path)?;
        self.work
            .files
            .write(&path, &serde_json::to_vec_pretty(&choice)?);
        Ok(())
    }

    /// The named account, else the chosen one, else the one that the user picks.
    pub fn account(&mut self, given: Option<&str>) -> Result<String> {
        if given.is_some() || !self.work.config.account.is_empty() {
            return Ok(self.work.account_name(given)?);
        }
        let names = self.work.accounts()?;
        let [only] = names.as_slice() else {
            let at = Terminal.select("Select an Account", &names, "ACCOUNT")?;
            return Ok(names.get(at).cloned().unwrap_or_default());
        };
        Ok(only.clone())
    }

    /// The named user, else the only one, else the one that the user picks.
    pub fn user(&mut self, account: &str, given: Option<&str>) -> Result<String> {
        let names = self.work.users(account)?;
        match (given, names.as_slice()) {
            (Some(given), _) => Ok(given.to_owned()),
            (None, [only]) => Ok(only.clone()),
            (None, []) => Err(CliError::new(format!("account {account} has no users"))
                .next_step("add one: nats auth user add")),
            (None, _) => {
                let at = Terminal.select("Select a User", &names, "NAME")?;
                Ok(names.get(at).cloned().unwrap_or_default())
            }
        }
    }

    /// The name of an account in this store, for a key.
    pub fn name_of(&mut self, key: &str) -> String {
        let store = self.work.store();
        let name = store.and_then(|store| store.account_of_key(&mut self.work.files, key));
        name.ok().flatten().unwrap_or_else(|| key.to_owned())
    }

    /// The public key of an account: of this store by its name, or as given.
    pub fn key_of(&mut self, account: &str) -> Result<String> {
        if nats_jwt::nkey::is_public_key(account, Kind::Account) {
            return Ok(account.to_owned());
        }
        let name = self.work.account_name(Some(account))?;
        Ok(self.work.account(&name)?.subject)
    }

    /// Makes changes true.
    pub fn commit(&mut self) -> Result {
        Ok(self.work.commit()?)
    }
}

/// What `nsc` could not do, with its next step.
impl From<nats_nsc::error::Error> for CliError {
    fn from(error: nats_nsc::error::Error) -> Self {
        let hint = error.next_step().map(str::to_owned);
        let error = Self::new(error.to_string());
        match hint {
            Some(hint) => error.next_step(hint),
            None => error,
        }
    }
}

/// Asks before something is removed, unless `force`.
pub fn confirmed(force: bool, question: &str) -> Result<bool> {
    if force {
        return Ok(true);
    }
    Terminal.confirm(question, false, "--force")
}

/// Prints claims as a document.
pub fn print_claims(claims: &nats_jwt::claims::AnyClaims) -> Result {
    crate::output::json(&nats_nsc::ops::describe::document(claims))
}
