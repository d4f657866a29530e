//! Keys of the keystore: list, export, import, move to the present layout.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use nats_jwt::nkey::{Kind, PublicKey};
use serde::Serialize;
use serde_json::json;

use super::Outcome;
use crate::error::{Error, Result};
use crate::limits::{FILE_BYTES_MAX, FOUND_FILES_MAX, SEARCH_DEPTH_MAX};
use crate::refuse;
use crate::report::Report;
use crate::workspace::{self, Workspace};
use nats_term::Table;

/// Which keys.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Which {
    /// Keys of the operator
    #[arg(short, long)]
    pub operator: bool,
    /// Keys of accounts
    #[arg(short, long)]
    pub accounts: bool,
    /// Keys of users
    #[arg(short, long)]
    pub users: bool,
    /// Curve keys; each command has a flag of its own for them.
    #[arg(skip)]
    pub curves: bool,
    /// Only this key.
    #[arg(skip)]
    pub key: Option<String>,
    /// Keys of the operator, of all accounts and all users
    #[arg(short = 'A', long)]
    pub all: bool,
    /// Keys whose text holds this
    #[arg(short, long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Only of this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Only of this user
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Keys that belong to nothing of the operator
    #[arg(long)]
    pub not_referenced: bool,
}

impl Which {
    fn any_kind(&self) -> bool {
        self.operator || self.accounts || self.users || self.curves
    }

    fn kinds(&self) -> Vec<Kind> {
        let all = self.all || !self.any_kind();
        [
            (self.operator, Kind::Operator),
            (self.accounts, Kind::Account),
            (self.users, Kind::User),
            (self.curves, Kind::Curve),
        ]
        .into_iter()
        .filter_map(|(wanted, kind)| (wanted || all).then_some(kind))
        .collect()
    }

    /// The account whose keys are meant, when it is only one. Who asks for kinds of keys means those of all accounts.
    fn account_meant(&self, workspace: &Workspace) -> Option<String> {
        if self.all {
            return None;
        }
        let chosen = Some(workspace.config.account.clone())
            .filter(|name| !name.is_empty() && (!self.any_kind() || self.user.is_some()));
        self.account.clone().or(chosen)
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub name: String,
    #[serde(rename = "pub")]
    pub key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent: String,
    pub signing: bool,
    pub curve: bool,
    /// The role of a scoped signing key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_path: Option<PathBuf>,
    pub invalid: bool,
    /// The token that is about the key, in base64 as the reference has it.
    #[serde(rename = "jwt", skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub expected_kind: String,
    /// How deep below the operator.
    #[serde(skip)]
    pub depth: usize,
}

impl Listed {
    fn new(workspace: &Workspace, name: &str, key: &str, kind: Kind, depth: usize) -> Self {
        let path = PublicKey::parse(key)
            .ok()
            .map(|key| workspace.keystore.key_path(&key));
        Self {
            name: name.to_owned(),
            key: key.to_owned(),
            parent: String::new(),
            signing: false,
            curve: kind == Kind::Curve,
            role: String::new(),
            key_path: path.filter(|path| workspace.files.exists(path)),
            invalid: !nats_jwt::nkey::is_public_key(key, kind),
            token: None,
            expected_kind: kind.to_string(),
            depth,
        }
    }

    fn of_token(mut self, token: &str) -> Self {
        self.token = Some(BASE64.encode(token.as_bytes()));
        self
    }
}

/// A token that says nothing of its keys: it cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// `account "A"`, or `user "u" of account "A"`.
    pub what: String,
    pub error: String,
}

impl Damaged {
    fn line(&self) -> String {
        format!("the keys of {} are not known: {}", self.what, self.error)
    }
}

/// All keys of the operator in use, and the tokens that do not tell theirs.
///
/// # Errors
/// When the store cannot be read, or the operator's token is damaged.
pub fn referenced(workspace: &mut Workspace) -> Result<(Vec<Listed>, Vec<Damaged>)> {
    let mut damaged = Vec::new();
    let operator = workspace.operator()?;
    let name = workspace.config.operator.clone();
    let store = workspace.store()?;
    let token = store.operator_token(&mut workspace.files)?;
    let listed = Listed::new(workspace, &name, &operator.subject, Kind::Operator, 0);
    let mut all = vec![listed.of_token(&token)];
    for key in &operator.nats.signing_keys {
        let mut listed = Listed::new(workspace, &name, key, Kind::Operator, 0);
        listed.signing = true;
        all.push(listed);
    }
    for account_name in workspace.accounts()? {
        let account = match workspace.account(&account_name) {
            Ok(account) => account,
            Err(error) => {
                damaged.push(Damaged {
                    what: format!("account {account_name:?} and its users"),
                    error: error.to_string(),
                });
                continue;
            }
        };
        let mut listed = Listed::new(workspace, &account_name, &account.subject, Kind::Account, 1);
        listed.parent.clone_from(&operator.subject);
        let token = store.account_token(&mut workspace.files, &account_name)?;
        all.push(listed.of_token(&token));
        for (key, scope) in account.nats.signing_keys.iter() {
            let mut listed = Listed::new(workspace, &account_name, key, Kind::Account, 1);
            listed.signing = true;
            listed.role = scope.map(|scope| scope.role.clone()).unwrap_or_default();
            all.push(listed);
        }
        if !account.nats.authorization.xkey.is_empty() {
            all.push(Listed::new(
                workspace,
                &account_name,
                &account.nats.authorization.xkey,
                Kind::Curve,
                1,
            ));
        }
        for user_name in workspace.users(&account_name)? {
            let user = match workspace.user(&account_name, &user_name) {
                Ok(user) => user,
                Err(error) => {
                    damaged.push(Damaged {
                        what: format!("user {user_name:?} of account {account_name:?}"),
                        error: error.to_string(),
                    });
                    continue;
                }
            };
            let mut listed = Listed::new(workspace, &user_name, &user.subject, Kind::User, 2);
            listed.parent.clone_from(&account.subject);
            let token = store.user_token(&mut workspace.files, &account_name, &user_name)?;
            all.push(listed.of_token(&token));
        }
    }
    Ok((all, damaged))
}

/// The keys that are asked for, and the tokens that do not tell theirs.
///
/// # Errors
/// When the store cannot be read; when keys are to be found that belong to nothing, and a token does not tell its own.
pub fn find(workspace: &mut Workspace, which: &Which) -> Result<(Vec<Listed>, Vec<Damaged>)> {
    let (known, damaged) = if which.not_referenced && workspace.config.operator.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        referenced(workspace)?
    };
    if which.not_referenced && !damaged.is_empty() {
        let lines: Vec<String> = damaged.iter().map(Damaged::line).collect();
        return Err(Error::refused(format!(
            "which keys belong to nothing cannot be said: {}",
            lines.join("; ")
        ))
        .hint(crate::store::DAMAGED));
    }
    let kinds = which.kinds();
    let mut found = known;
    if which.not_referenced {
        let keys = workspace.keystore.keys(&workspace.files)?;
        let known: BTreeSet<String> = found.into_iter().map(|known| known.key).collect();
        let rest = keys
            .into_iter()
            .filter(|key| !known.contains(&key.to_string()));
        let rest: Vec<_> = rest
            .map(|key| Listed::new(workspace, "?", &key.to_string(), key.kind(), 0))
            .collect();
        found = rest;
    } else if let Some(account) = which.account_meant(workspace) {
        let name = workspace.account_name(Some(&account))?;
        // Of one that is damaged nothing is listed.
        let key = workspace.account(&name).map(|account| account.subject);
        found.retain(|one| {
            one.depth == 0
                || one.name == name && one.depth == 1
                || key.as_ref().is_ok_and(|key| one.parent == *key)
        });
    }
    if let Some(user) = &which.user
        && !found.iter().any(|one| one.depth == 2 && one.name == *user)
    {
        return Err(
            Error::missing(format!("user {user} does not exist in the current account"))
                .hint("see which there are: nsc list users"),
        );
    }
    found.retain(|one| {
        let kind = PublicKey::parse(&one.key).map(|key| key.kind());
        kind.is_ok_and(|kind| kinds.contains(&kind))
            && which.filter.as_ref().is_none_or(|text| {
                one.key.contains(&text.to_uppercase()) || one.name.contains(text)
            })
            && which.key.as_ref().is_none_or(|key| one.key == *key)
            && which
                .user
                .as_ref()
                .is_none_or(|user| one.depth == 2 && one.name == *user)
    });
    Ok((found, damaged))
}

/// `list keys`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct List {
    #[command(flatten)]
    pub which: Which,
    /// Curve keys
    #[arg(short = 'x', long = "curve", alias = "curves")]
    pub curves: bool,
    /// Show seeds
    #[arg(short = 'S', long, conflicts_with = "not_referenced")]
    pub show_seeds: bool,
}

/// Keys as a table and as a document.
///
/// # Errors
/// As [`find`].
pub fn list(workspace: &mut Workspace, request: &List) -> Result<Outcome> {
    let which = Which {
        curves: request.curves,
        ..request.which.clone()
    };
    let (found, damaged) = find(workspace, &which)?;
    let mut report = Report::list();
    for one in &damaged {
        report.warn(one.line());
    }
    let mut json = serde_json::to_value(&found).unwrap_or_default();
    if let Some(entries) = json.as_array_mut() {
        entries.extend(
            damaged
                .iter()
                .map(|one| json!({"name": one.what, "error": one.error})),
        );
    }
    if found.is_empty() {
        let outcome = Outcome::text("no keys matched query\n").with_json(json);
        return Ok(outcome.with_report(report));
    }
    let indented = |one: &Listed| format!("{}{}", " ".repeat(one.depth), one.name);
    let mark = |is: bool| if is { "*".to_owned() } else { String::new() };
    let any_role = found.iter().any(|one| !one.role.is_empty());
    let mut table = if request.show_seeds {
        Table::ascii("Seeds Keys").header(["Entity", "Private Key", "Signing Key"])
    } else if any_role {
        Table::ascii("Keys").header(["Entity", "Key", "Signing Key", "Stored", "Role"])
    } else {
        Table::ascii("Keys").header(["Entity", "Key", "Signing Key", "Stored"])
    };
    for (at, one) in found.iter().enumerate() {
        if request.show_seeds {
            let key = workspace::public(&one.key)?;
            let seed = workspace.keystore.seed(&mut workspace.files, &key)?;
            let seed = seed.map_or_else(
                || format!("{} [!]", one.key),
                |seed| seed.reveal().to_owned(),
            );
            if let Some(entry) = json.get_mut(at) {
                entry["seed"] = seed.clone().into();
            }
            table.row([indented(one), seed, mark(one.signing)]);
            continue;
        }
        let mut cells = vec![
            indented(one),
            format!("{}{}", one.key, if one.curve { " [ T ]" } else { "" }),
            mark(one.signing),
            if one.invalid {
                "BAD".to_owned()
            } else {
                mark(one.key_path.is_some())
            },
        ];
        if any_role {
            cells.push(one.role.clone());
        }
        table.row(cells);
    }
    let mut text = table.render();
    if found.iter().any(|one| one.curve) {
        text.push_str("[ T ] auth callout encryption target\n");
    }
    let outcome = Outcome::text(format!("{text}\n")).with_json(json);
    Ok(outcome.with_report(report))
}

/// `export keys`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Export {
    #[command(flatten)]
    pub which: Which,
    /// Curve keys
    #[arg(short = 'x', long)]
    pub curves: bool,
    /// Only this curve key
    #[arg(long, value_name = "KEY")]
    pub curve: Option<String>,
    /// Directory to which they are copied
    #[arg(short, long, value_name = "DIR")]
    pub dir: String,
    /// Replace files
    #[arg(short = 'F', long)]
    pub force: bool,
    /// Remove them from the keystore
    #[arg(short = 'R', long)]
    pub remove: bool,
    /// The tokens as well
    #[arg(long)]
    pub include_jwts: bool,
}

/// Copies keys to a directory.
///
/// # Errors
/// When there are none, or files are there already.
pub fn export(workspace: &mut Workspace, request: &Export) -> Result<Outcome> {
    let which = Which {
        curves: request.curves || request.curve.is_some(),
        key: request.curve.clone(),
        ..request.which.clone()
    };
    let (found, damaged) = find(workspace, &which)?;
    let directory = workspace.places.expanded(&request.dir);
    let mut report = Report::counted();
    for one in &damaged {
        report.error(one.line());
    }
    let write = |workspace: &mut Workspace, name: String, content: &[u8]| -> Result {
        let path = directory.join(&name);
        if workspace.files.exists(&path) && !request.force {
            return Err(Error::exists(format!(
                "{} already exists - specify --force to overwrite",
                path.display()
            )));
        }
        workspace.files.write(&path, content);
        Ok(())
    };
    let mut any = false;
    for one in &found {
        let key = workspace::public(&one.key)?;
        let Some(seed) = workspace.keystore.seed(&mut workspace.files, &key)? else {
            report.warn(format!("skipped {:?} - no seed available", one.key));
            continue;
        };
        any = true;
        write(
            workspace,
            format!("{}.nk", one.key),
            seed.reveal().as_bytes(),
        )?;
        if request.remove {
            workspace.files.remove(&workspace.keystore.key_path(&key));
            report.ok(format!("moved {:?}", one.key));
        } else {
            report.ok(format!("exported {:?}", one.key));
        }
    }
    if request.include_jwts {
        let store = workspace.store()?;
        for one in found.iter().filter(|one| !one.signing) {
            let token = match one.depth {
                0 => store.operator_token(&mut workspace.files)?,
                1 if one.curve => continue,
                1 => store.account_token(&mut workspace.files, &one.name)?,
                _ => {
                    let Some(account) = store.account_of_key(&mut workspace.files, &one.parent)?
                    else {
                        continue;
                    };
                    store.user_token(&mut workspace.files, &account, &one.name)?
                }
            };
            write(workspace, format!("{}.jwt", one.key), token.as_bytes())?;
            report.ok(format!("exported the token of {:?}", one.name));
            any = true;
        }
    }
    if !any {
        refuse!("no keys found to export");
    }
    Ok(report.into())
}

/// `import keys`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Import {
    /// Directory (or file) to import from
    #[arg(short, long, value_name = "DIR")]
    pub dir: String,
    /// Directories inside of it as well
    #[arg(short = 'R', long)]
    pub recurse: bool,
}

/// Takes all seeds in the `.nk` files of a directory into the keystore.
///
/// # Errors
/// When there are none.
pub fn import(workspace: &mut Workspace, request: &Import) -> Result<Outcome> {
    let start = workspace.places.expanded(&request.dir);
    let depth = if request.recurse { SEARCH_DEPTH_MAX } else { 1 };
    let mut report = Report::counted();
    for path in search(&start, depth)? {
        if path.extension().is_none_or(|extension| extension != "nk") && path != start {
            continue;
        }
        match read_seed(&path) {
            Ok((key, seed)) => {
                workspace
                    .keystore
                    .store_seed(&mut workspace.files, &key, &seed)?;
                report.ok(format!("{key} was added to the keystore"));
            }
            Err(error) => report.error(format!("failed to import {}: {error}", path.display())),
        }
    }
    if report.details().is_empty() {
        return Err(
            Error::missing(format!("no keys found in {}", start.display()))
                .hint("keys are files whose names end with .nk; --recurse looks into directories"),
        );
    }
    Ok(report.into())
}

/// The seed in a file, bare or decorated.
pub fn read_seed(path: &Path) -> Result<(PublicKey, nats_jwt::secret::Secret)> {
    let content = crate::files::read_named(path, FILE_BYTES_MAX)?;
    let text = std::str::from_utf8(&content).map_err(|_| Error::refused("it is no text"))?;
    if let Ok(found) = workspace::seed(text.trim()) {
        return Ok(found);
    }
    let pair = nats_jwt::creds::parse_seed(&content).map_err(|e| Error::refused(e.to_string()))?;
    Ok((pair.public_key(), pair.seed()))
}

/// Files below a path, up to `depth` directories deep; links are not followed.
pub fn search(start: &Path, depth: usize) -> Result<Vec<PathBuf>> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| Error::file("reading", &path, error)
    };
    if start.is_file() {
        return Ok(vec![start.to_owned()]);
    }
    let mut found = Vec::new();
    let mut waiting = vec![(start.to_owned(), depth)];
    while let Some((directory, depth)) = waiting.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(&directory)
            .map_err(failed(&directory))?
            .collect::<std::io::Result<_>>()
            .map_err(failed(&directory))?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type().map_err(failed(&entry.path()))?;
            if kind.is_dir() && depth > 1 {
                waiting.push((entry.path(), depth - 1));
            } else if kind.is_file() {
                found.push(entry.path());
            }
            if found.len() > FOUND_FILES_MAX {
                refuse!(
                    "there are more than {FOUND_FILES_MAX} files in {}",
                    start.display()
                );
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `keys migrate`: keys and credentials of the layout of old versions go to where they lie now. The old files stay.
///
/// # Errors
/// When the keystore cannot be read.
pub fn migrate(workspace: &mut Workspace) -> Result<Outcome> {
    let root = workspace.keystore.root().to_owned();
    let mut report = Report::counted();
    if !root.is_dir() {
        refuse!("keystore {} does not exist", root.display());
    }
    let current = [root.join("keys"), root.join("creds")];
    for path in search(&root, SEARCH_DEPTH_MAX)? {
        if current.iter().any(|current| path.starts_with(current)) {
            continue;
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("nk") => {
                let (key, seed) = read_seed(&path)?;
                workspace
                    .keystore
                    .store_seed(&mut workspace.files, &key, &seed)?;
                report.ok(format!("migrated key {key}"));
            }
            // Of old, creds lay in `<operator>/accounts/<account>/users/<user>.creds`.
            Some("creds") => {
                let parts: Vec<&str> = path
                    .strip_prefix(&root)
                    .ok()
                    .into_iter()
                    .flat_map(Path::components)
                    .filter_map(|part| part.as_os_str().to_str())
                    .collect();
                let [operator, "accounts", account, "users", file] = parts.as_slice() else {
                    report.warn(format!(
                        "{} is not where credentials were; left as it is",
                        path.display()
                    ));
                    continue;
                };
                let user = file.trim_end_matches(".creds");
                let target = workspace.keystore.creds_path(operator, account, user)?;
                if let Some(content) = workspace.files.read(&path)? {
                    workspace.files.write(&target, &content);
                    report.ok(format!(
                        "migrated credentials of {operator}/{account}/{user}"
                    ));
                }
            }
            _ => {}
        }
    }
    if report.details().is_empty() {
        report.ok("keystore does not need migration");
    }
    Ok(report.into())
}
