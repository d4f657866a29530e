//! A whole operator in one file: backup, restore. The document is the one that the reference's `nats auth operator backup` writes.
//!
//! ```text
//! {"name", "key": {"key": SEED}|null, "token", "signingKeys": [{"key": SEED}]|null, "accounts": [
//!   {"name", "key", "token", "signingKeys", "users": [{"name", "key", "token"}]|null}]|null}
//! ```
//! Keys that are not in the keystore are null. `managed` and `curveKeys` are ours, and left out where they say nothing: the reference
//! passes over them. With a curve key the whole is sealed for that key's owner and written in base64.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use nats_jwt::claims::{Account, AccountClaims, Operator, OperatorClaims, User, UserClaims};
use nats_jwt::nkey::{CurveKey, PublicKey};
use nats_jwt::secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::Outcome;
use crate::error::{Error, Result};
use crate::limits::BACKUP_BYTES_MAX;
use crate::name;
use crate::refuse;
use crate::report::Report;
use crate::store::Store;
use crate::workspace::{self, Workspace};

/// `backup`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Backup {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Name of the operator, when it is not the chosen one
    #[arg(short, long)]
    pub name: Option<String>,
    /// Seal the file for the owner of this curve key: a seed, a file with one, or a public key whose seed is in the keystore
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Replace the file
    #[arg(short = 'F', long)]
    pub force: bool,
}

/// `restore`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Restore {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: String,
    /// Name of the operator in the store, when it is not its own
    #[arg(short, long)]
    pub name: Option<String>,
    /// The curve key for whose owner the file is sealed
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

/// A seed in the document.
#[derive(Debug, Serialize, Deserialize)]
struct Seed {
    #[serde(serialize_with = "reveal", deserialize_with = "conceal")]
    key: Secret,
}

fn reveal<S: Serializer>(secret: &Secret, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}

fn conceal<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Secret, D::Error> {
    Ok(Secret::new(String::deserialize(deserializer)?))
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperatorEntry {
    name: String,
    key: Option<Seed>,
    token: String,
    #[serde(default)]
    signing_keys: Option<Vec<Seed>>,
    #[serde(default)]
    accounts: Option<Vec<AccountEntry>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    managed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountEntry {
    name: String,
    key: Option<Seed>,
    token: String,
    #[serde(default)]
    signing_keys: Option<Vec<Seed>>,
    #[serde(default)]
    users: Option<Vec<UserEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    curve_keys: Option<Vec<Seed>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct UserEntry {
    name: String,
    key: Option<Seed>,
    token: String,
}

/// Writes the operator in use, with all accounts, users and the keys that are in the keystore, to a file.
///
/// # Errors
/// When the file is there already, or a token cannot be read.
pub fn backup(workspace: &mut Workspace, request: &Backup) -> Result<Outcome> {
    if let Some(name) = &request.name {
        workspace.use_operator(name)?;
    }
    let path = workspace.places.expanded(&request.file);
    if path.exists() && !request.force {
        return Err(
            Error::exists(format!("{} already exists", path.display())).hint("--force replaces it")
        );
    }
    let mut missing = 0;
    let document = collect(workspace, &mut missing)?;
    let text = serde_json::to_string_pretty(&document)
        .map(Zeroizing::new)
        .map_err(|e| Error::refused(format!("the backup cannot be written: {e}")))?;
    let content = match &request.key {
        Some(given) => {
            let key = workspace.curve_key(given)?;
            let sealed = key.seal(text.as_bytes(), &key.public_key())?;
            Zeroizing::new(BASE64.encode(&sealed))
        }
        None => text,
    };
    workspace.files.read(&path)?;
    workspace.files.write(&path, content.as_bytes());
    let mut report = Report::list();
    report.ok(format!(
        "wrote operator {:?} with {} accounts to `{}`",
        document.name,
        document.accounts.as_deref().unwrap_or_default().len(),
        path.display()
    ));
    if missing > 0 {
        report.warn(format!(
            "{missing} keys are not in the keystore, and not in the backup"
        ));
    }
    if request.key.is_none() {
        report.warn("the file holds secrets in the clear: keep it safe, or seal it with --key");
    }
    Ok(report.into())
}

fn collect(workspace: &mut Workspace, missing: &mut usize) -> Result<OperatorEntry> {
    let store = workspace.store()?;
    let claims = workspace.operator()?;
    let mut accounts = Vec::new();
    for name in workspace.accounts()? {
        let claims = workspace.account(&name)?;
        let mut users = Vec::new();
        for user in workspace.users(&name)? {
            let subject = workspace.user(&name, &user)?.subject;
            users.push(UserEntry {
                token: store.user_token(&mut workspace.files, &name, &user)?,
                key: seed(workspace, &subject, missing)?,
                name: user,
            });
        }
        let signing: Vec<String> = claims
            .nats
            .signing_keys
            .iter()
            .map(|(key, _)| key.to_owned())
            .collect();
        let curves: Vec<String> = Some(claims.nats.authorization.xkey.clone())
            .filter(|key| !key.is_empty())
            .into_iter()
            .collect();
        accounts.push(AccountEntry {
            token: store.account_token(&mut workspace.files, &name)?,
            key: seed(workspace, &claims.subject, missing)?,
            signing_keys: seeds(workspace, &signing, missing)?,
            curve_keys: seeds(workspace, &curves, missing)?,
            users: Some(users).filter(|users| !users.is_empty()),
            name,
        });
    }
    Ok(OperatorEntry {
        name: store.name().to_owned(),
        key: seed(workspace, &claims.subject, missing)?,
        token: store.operator_token(&mut workspace.files)?,
        signing_keys: seeds(workspace, &claims.nats.signing_keys, missing)?,
        accounts: Some(accounts).filter(|accounts| !accounts.is_empty()),
        managed: store.is_managed(),
    })
}

fn seed(workspace: &mut Workspace, key: &str, missing: &mut usize) -> Result<Option<Seed>> {
    let key = workspace::public(key)?;
    let found = workspace.keystore.seed(&mut workspace.files, &key)?;
    if found.is_none() {
        *missing += 1;
    }
    Ok(found.map(|key| Seed { key }))
}

fn seeds(
    workspace: &mut Workspace,
    keys: &[String],
    missing: &mut usize,
) -> Result<Option<Vec<Seed>>> {
    let mut found = Vec::new();
    for key in keys {
        found.extend(seed(workspace, key, missing)?);
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// Makes a store of an operator from a backup; `content` is what the file holds.
///
/// # Errors
/// When there is an operator of that name, or the file is no backup, or its tokens do not belong together. Nothing is written then.
pub fn restore(workspace: &mut Workspace, request: &Restore, content: &[u8]) -> Result<Outcome> {
    let document = read(workspace, request, content)?;
    let name = request
        .name
        .clone()
        .unwrap_or_else(|| document.name.clone());
    name::checked("operator", &name)?;
    let (token, operator) =
        workspace::decode::<Operator>(document.token.as_bytes(), "the operator's token")?;
    let root = workspace.config.store_root();
    let store = Store::create(&mut workspace.files, &root, &name, document.managed)?;
    workspace.use_store(store);
    workspace.store_operator(&token)?;
    let mut report = Report::list();
    let mut keys = Keys::default();
    keys.take(workspace, document.key.as_ref(), &operator.subject)?;
    for seed in document.signing_keys.iter().flatten() {
        keys.take_any(workspace, seed, &operator.nats.signing_keys, &mut report)?;
    }
    let mut names = BTreeSet::new();
    let mut users = 0;
    for account in document.accounts.iter().flatten() {
        if !names.insert(account.name.clone()) {
            refuse!("account {:?} is in the backup twice", account.name);
        }
        users += place(workspace, &operator, account, &mut keys, &mut report)?;
    }
    workspace
        .config
        .save(&mut workspace.files, &workspace.places);
    report.ok(format!(
        "restored operator {name:?}: {} accounts, {users} users, {} keys",
        names.len(),
        keys.count
    ));
    Ok(report.into())
}

/// The document in a file: as it is, or sealed.
fn read(workspace: &mut Workspace, request: &Restore, content: &[u8]) -> Result<OperatorEntry> {
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > BACKUP_BYTES_MAX {
        refuse!("{} is larger than any backup", request.file);
    }
    let opened = match &request.key {
        None => Zeroizing::new(content.to_vec()),
        Some(given) => {
            let key = workspace.curve_key(given)?;
            let packed: Vec<u8> = content
                .iter()
                .copied()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            let sealed = BASE64.decode(&packed).map_err(|_| {
                Error::refused(format!("{} is not sealed", request.file)).hint("leave out --key")
            })?;
            let opened = key.open(&sealed, &key.public_key());
            Zeroizing::new(opened.map_err(|e| {
                Error::refused(format!("{}: {e}", request.file))
                    .hint("was it sealed for the owner of this key?")
            })?)
        }
    };
    serde_json::from_slice(&opened).map_err(|e| {
        // Never the words of serde on values: they quote what they read.
        let error = Error::refused(format!(
            "{} is no backup of an operator (line {}, column {})",
            request.file,
            e.line(),
            e.column()
        ));
        match &request.key {
            Some(_) => error,
            None => error.hint("is it sealed? pass the key with --key"),
        }
    })
}

/// An account with its users; yields how many.
fn place(
    workspace: &mut Workspace,
    operator: &OperatorClaims,
    entry: &AccountEntry,
    keys: &mut Keys,
    report: &mut Report,
) -> Result<usize> {
    name::checked("account", &entry.name)?;
    let what = format!("the token of account {:?}", entry.name);
    let (token, claims) = workspace::decode::<Account>(entry.token.as_bytes(), &what)?;
    if claims.name != entry.name {
        refuse!("{what} is one of account {:?}", claims.name);
    }
    let managed = workspace.store()?.is_managed();
    if !(operator.did_sign(&claims) || managed && claims.is_self_signed()) {
        report.warn(format!(
            "account {:?} is signed by {}, which is no key of the operator: servers will refuse it",
            entry.name, claims.issuer
        ));
    }
    workspace.store_account(&entry.name, &claims.subject, &token)?;
    keys.take(workspace, entry.key.as_ref(), &claims.subject)?;
    let signing: Vec<String> = claims
        .nats
        .signing_keys
        .iter()
        .map(|(key, _)| key.to_owned())
        .collect();
    for seed in entry.signing_keys.iter().flatten() {
        keys.take_any(workspace, seed, &signing, report)?;
    }
    let curves = [claims.nats.authorization.xkey.clone()];
    for seed in entry.curve_keys.iter().flatten() {
        keys.take_any(workspace, seed, &curves, report)?;
    }
    let mut names = BTreeSet::new();
    for user in entry.users.iter().flatten() {
        if !names.insert(&user.name) {
            refuse!("user {:?} is in account {:?} twice", user.name, entry.name);
        }
        place_user(workspace, &claims, user, keys, report)?;
    }
    Ok(names.len())
}

fn place_user(
    workspace: &mut Workspace,
    account: &AccountClaims,
    entry: &UserEntry,
    keys: &mut Keys,
    report: &mut Report,
) -> Result {
    name::checked("user", &entry.name)?;
    let what = format!("the token of user {:?}", entry.name);
    let (token, claims) = workspace::decode::<User>(entry.token.as_bytes(), &what)?;
    if claims.name != entry.name {
        refuse!("{what} is one of user {:?}", claims.name);
    }
    if !issued_by(account, &claims) {
        report.warn(format!(
            "user {:?} is signed by {}, which is no key of account {:?}: servers will refuse it",
            entry.name, claims.issuer, account.name
        ));
    }
    let path = workspace.store()?.user_path(&account.name, &entry.name)?;
    workspace.files.write(&path, token.as_bytes());
    keys.take(workspace, entry.key.as_ref(), &claims.subject)?;
    workspace.put_creds(&account.name, &entry.name)?;
    Ok(())
}

fn issued_by(account: &AccountClaims, user: &UserClaims) -> bool {
    user.issuer == account.subject || account.nats.signing_keys.contains(&user.issuer)
}

/// Seeds on their way into the keystore.
#[derive(Default)]
struct Keys {
    count: usize,
}

impl Keys {
    /// The seed of one thing.
    fn take(&mut self, workspace: &mut Workspace, seed: Option<&Seed>, of: &str) -> Result {
        let Some((key, seed)) = parsed(seed)? else {
            return Ok(());
        };
        if key.to_string() != of {
            refuse!("the seed of {key} stands where that of {of} should");
        }
        self.store(workspace, &key, &seed)
    }

    /// The seed of one of several keys.
    fn take_any(
        &mut self,
        workspace: &mut Workspace,
        seed: &Seed,
        of: &[String],
        report: &mut Report,
    ) -> Result {
        let Some((key, seed)) = parsed(Some(seed))? else {
            return Ok(());
        };
        if !of.contains(&key.to_string()) {
            report.warn(format!(
                "the key {key} is in the backup, and no token names it; it is in the keystore now"
            ));
        }
        self.store(workspace, &key, &seed)
    }

    fn store(&mut self, workspace: &mut Workspace, key: &PublicKey, seed: &Secret) -> Result {
        workspace
            .keystore
            .store_seed(&mut workspace.files, key, seed)?;
        self.count += 1;
        Ok(())
    }
}

fn parsed(seed: Option<&Seed>) -> Result<Option<(PublicKey, Secret)>> {
    match seed {
        Some(seed) if !seed.key.is_empty() => workspace::seed(seed.key.reveal()).map(Some),
        _ => Ok(None),
    }
}

impl Workspace {
    /// A curve key from what a user gave: a seed, a file with one, or a public key whose seed is in the keystore.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn curve_key(&mut self, given: &str) -> Result<CurveKey> {
        let none = || {
            Error::no_key("no seed of a curve key is found for --key")
                .hint("make one: nsc generate nkey --curve --store; its public key will do")
        };
        let text = self.text_or_file(given).ok_or_else(none)?;
        if let Ok(key) = CurveKey::from_seed(text.reveal()) {
            return Ok(key);
        }
        let key = PublicKey::parse(text.reveal()).map_err(|_| none())?;
        let seed = self.keystore.seed(&mut self.files, &key)?;
        CurveKey::from_seed(seed.ok_or_else(none)?.reveal()).map_err(|_| none())
    }
}
