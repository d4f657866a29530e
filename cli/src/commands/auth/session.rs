//! The store in use, with this tool's own choice of operator.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use nats_jwt::nkey::Kind;
use nats_nsc::ops::request::PermissionChanges;
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::workspace::Workspace;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::{self, Table};
use nats_term::prompt::{Prompt, Terminal};

/// Of which operator.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Of {
    /// The operator, when it is not the selected one
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
}

impl Of {
    pub fn open(&self) -> Result<Session> {
        Session::with_operator(self.operator.as_deref())
    }
}

/// Of which account, as the last words of a command.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct OfAccount {
    /// The account, when it is not the chosen one
    pub account: Option<String>,
    #[command(flatten)]
    pub of: Of,
}

impl OfAccount {
    /// The store, and the account's name.
    pub fn open(&self) -> Result<(Session, String)> {
        let mut session = self.of.open()?;
        let account = session.account(self.account.as_deref())?;
        Ok((session, account))
    }
}

/// How something is shown.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Form {
    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
}

/// Of which account a list is, and how it is shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListOf {
    #[command(flatten)]
    pub at: OfAccount,
    #[command(flatten)]
    pub form: Form,
}

/// How a list is shown.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct ListForm {
    /// Names only
    #[arg(long)]
    pub names: bool,
    #[command(flatten)]
    pub form: Form,
}

/// Who publishes and subscribes where.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PermissionFlags {
    /// Allow publishing on subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub_allow: Vec<String>,
    /// Deny publishing on subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    pub_deny: Vec<String>,
    /// Allow subscribing to subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    sub_allow: Vec<String>,
    /// Deny subscribing to subjects
    #[arg(long, value_delimiter = ',', value_name = "SUBJECT")]
    sub_deny: Vec<String>,
}

impl PermissionFlags {
    pub fn changes(&self) -> PermissionChanges {
        PermissionChanges {
            allow_pub: self.pub_allow.clone(),
            allow_sub: self.sub_allow.clone(),
            deny_pub: self.pub_deny.clone(),
            deny_sub: self.sub_deny.clone(),
            ..PermissionChanges::default()
        }
    }
}

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
        let path = self.choice_path();
        let read = nats_nsc::files::read_named(&path, nats_nsc::limits::FILE_BYTES_MAX).ok();
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

    /// The operator that the user picks.
    pub fn pick_operator(&mut self) -> Result<String> {
        let all = nats_nsc::ops::list::operators(&mut self.work)?;
        let names: Vec<String> = all.into_iter().map(|one| one.name).collect();
        let at = Terminal.select("Select an Operator", &names, "NAME")?;
        Ok(names.get(at).cloned().unwrap_or_default())
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
        let hint = error.next_step().and_then(in_these_words);
        let error = Self::new(message_in_these_words(&error.to_string()));
        match hint {
            Some(hint) => error.next_step(hint),
            None => error,
        }
    }
}

/// What `nsc` says, without commands that this tool has not.
fn message_in_these_words(message: &str) -> String {
    message.replace(
        "set an operator -- 'nsc env -o operatorName'",
        "no operator is selected",
    )
}

/// A next step of `nsc` where this tool has the same command under another name; the others are those of `nsc`, which works on the
/// same store. A way that needs a flag which is not there is left out.
fn in_these_words(hint: &str) -> Option<String> {
    const COMMANDS: [(&str, &str); 23] = [
        (
            "nsc add operator NAME --sys, or nsc init",
            "nats auth operator add NAME",
        ),
        (
            "see which there are: nsc list operators",
            "see which there are: nats auth operator ls; select one: nats auth operator select NAME",
        ),
        ("nsc list accounts", "nats auth account ls"),
        ("nsc list users -a ", "nats auth user ls "),
        ("nsc list users", "nats auth user ls"),
        ("nsc describe operator", "nats auth operator info"),
        ("nsc describe account ", "nats auth account info "),
        ("nsc edit operator --help", "nats auth operator edit --help"),
        ("nsc edit account --help", "nats auth account edit --help"),
        ("nsc edit user --help", "nats auth user edit --help"),
        (
            "nsc edit operator --sk generate",
            "nats auth operator keys add",
        ),
        ("nsc edit export", "nats auth account exports edit"),
        ("nsc add export --subject", "nats auth account exports add"),
        ("nsc add account", "nats auth account add"),
        (
            "nsc add signing-key ROLE",
            "nats auth account keys add ACCOUNT ROLE",
        ),
        (
            "nsc add user NAME -K ROLE",
            "nats auth user add NAME --key ROLE",
        ),
        ("sign with another key: -K", "sign with another key: --key"),
        (
            "pass --account NAME, or choose one: nsc select account NAME",
            "name the account",
        ),
        (
            "pass the user's name with --name, or as argument",
            "name the user",
        ),
        ("pass one with -K, import it", "import it"),
        (", or name who signs with --signer", ""),
        ("nsc delete user NAME", "nats auth user rm NAME"),
        ("nsc push --all", "nats auth account push ACCOUNT"),
    ];
    let mut text = hint.to_owned();
    for (theirs, ours) in COMMANDS {
        text = text.replace(theirs, ours);
    }
    let ways = text.split("; ").filter(|way| !way.contains("-K"));
    let ways: Vec<&str> = ways.collect();
    (!ways.is_empty()).then(|| ways.join("; "))
}

/// Asks before something is removed, unless `force`.
pub fn confirmed(force: bool, question: &str) -> Result<bool> {
    if force {
        return Ok(true);
    }
    Ok(Terminal.confirm(question, false, "--force")?)
}

/// Prints claims as a document.
pub fn print_claims(claims: &nats_jwt::claims::AnyClaims) -> Result {
    crate::output::json(&nats_nsc::ops::describe::document(claims))
}

/// A list, whose entries have a column each per word of its header.
pub struct Listed<'a> {
    pub title: String,
    /// What is said instead of an empty table.
    pub none: &'a str,
    pub header: &'a [&'a str],
    /// The first cell is the name.
    pub rows: Vec<Vec<String>>,
    /// The same for programs.
    pub document: Value,
}

impl Listed<'_> {
    pub fn print(self, globals: &Globals, form: ListForm) -> Result {
        if form.form.json {
            return output::json(&self.document);
        }
        if self.rows.is_empty() {
            return outln!("{}", self.none);
        }
        if form.names {
            for row in &self.rows {
                outln!("{}", row.first().map_or("", String::as_str))?;
            }
            return Ok(());
        }
        let mut table =
            Table::new(self.title, globals.scheme()).header(self.header.iter().copied());
        for row in self.rows {
            table.row(row);
        }
        out!("{}", table.render())
    }
}

/// What a user leaves out is asked for.
pub fn given(text: Option<String>, question: &str, instead: &str) -> Result<String> {
    match text {
        Some(text) => Ok(text),
        None => Ok(nats_term::prompt::required(
            &mut Terminal,
            question,
            instead,
        )?),
    }
}

/// A document of something that can be one.
pub fn document<T: Serialize + ?Sized>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_what_can_be_typed_here() {
        for (theirs, ours) in [
            (
                "there is none yet; make one: nsc add operator NAME --sys, or nsc init",
                Some("there is none yet; make one: nats auth operator add NAME"),
            ),
            (
                "import the key A1: nsc import keys; or name who signs: -K",
                Some("import the key A1: nsc import keys"),
            ),
            ("name a key with a role that fits: -K ROLE", None),
            (
                "take them away first, or make another user with the role: nsc add user NAME -K ROLE",
                Some(
                    "take them away first, or make another user with the role: nats auth user add NAME --key ROLE",
                ),
            ),
            (
                "pass one with -K, import it with 'nsc import keys', or name who signs with --signer",
                Some("import it with 'nsc import keys'"),
            ),
        ] {
            assert_eq!(in_these_words(theirs).as_deref(), ours, "{theirs}");
        }
    }
}
