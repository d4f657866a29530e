//! Tokens from elsewhere: import an account or a user, move a store's accounts under another operator, rebuild a store from loose files,
//! write tokens of version 1 as version 2.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nats_jwt::claims::{Account, AccountClaims, AnyClaims, OperatorClaims, User, UserClaims};
use nats_jwt::nkey::PublicKey;
use nats_jwt::secret::Secret;

use super::Outcome;
use super::keys::{read_seed, search};
use super::request::check_claims;
use crate::error::{Error, Result};
use crate::limits::{FILE_BYTES_MAX, SEARCH_DEPTH_MAX};
use crate::name;
use crate::refuse;
use crate::report::{Report, Status};
use crate::store::{self, Store};
use crate::workspace::{self, Workspace};

/// What is taken all the same.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Taking {
    /// Take it also when it does not validate
    #[arg(long)]
    pub skip: bool,
    /// Replace what is there
    #[arg(long)]
    pub overwrite: bool,
}

/// `import account`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ImportAccount {
    /// The account's token
    #[arg(
        short = 'j',
        long,
        value_name = "FILE",
        required_unless_present = "interactive"
    )]
    pub file: Option<String>,
    #[command(flatten)]
    pub taking: Taking,
    /// Take one that another operator signed, and sign it
    #[arg(long)]
    pub force: bool,
}

/// Takes an account from a file.
///
/// # Errors
/// When it is not of this operator, does not validate, or is there already.
pub fn import_account(workspace: &mut Workspace, request: &ImportAccount) -> Result<Outcome> {
    let (token, claims) = read_token::<Account>(workspace, request.file.as_deref())?;
    let mut report = Report::counted();
    checked(
        &claims.validate(workspace.now()),
        request.taking.skip,
        &mut report,
    )?;
    place_account(
        workspace,
        &token,
        &claims,
        request.taking.overwrite,
        request.force,
        &mut report,
    )?;
    report.ok(format!("account {} was successfully imported", claims.name));
    Ok(report.into())
}

fn read_token<N: nats_jwt::claims::Payload>(
    workspace: &Workspace,
    file: Option<&str>,
) -> Result<(String, nats_jwt::claims::Claims<N>)> {
    let file = file.unwrap_or_default();
    let path = workspace.places.expanded(file);
    let content = crate::files::read_named(&path, FILE_BYTES_MAX)?;
    workspace::decode(&content, file)
}

fn checked(findings: &nats_jwt::validate::Findings, skip: bool, report: &mut Report) -> Result {
    for finding in findings.iter() {
        report.warn(format!("validation resulted in: {finding}"));
    }
    if findings.is_blocking(true) && !skip {
        return Err(
            Error::refused("validation is blocking, skip with --skip").with_report(report.clone())
        );
    }
    Ok(())
}

fn place_account(
    workspace: &mut Workspace,
    token: &str,
    claims: &AccountClaims,
    overwrite: bool,
    force: bool,
    report: &mut Report,
) -> Result {
    name::checked("account", &claims.name)?;
    let store = workspace.store()?;
    if store.has_account(&workspace.files, &claims.name) && !overwrite {
        return Err(
            Error::exists(format!("account {:?} already exists", claims.name))
                .hint("overwrite with --overwrite"),
        );
    }
    let operator = workspace.operator()?;
    if operator.did_sign(claims) || store.is_managed() && claims.is_self_signed() {
        return workspace.store_account(&claims.name, &claims.subject, token);
    }
    if !claims.is_self_signed() && !force {
        return Err(Error::refused(
            "can only import account signed by same operator. Possibly update your operator",
        )
        .hint("--force signs it with this operator's key"));
    }
    store::check_known(token, "the token")?;
    let signer = workspace.signer_of_account(claims)?;
    workspace.put_account(claims, &signer)?;
    report.ok(format!(
        "account {:?} was signed by this operator",
        claims.name
    ));
    Ok(())
}

/// `import user`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ImportUser {
    /// The user's token or credentials
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present = "interactive"
    )]
    pub file: Option<String>,
    #[command(flatten)]
    pub taking: Taking,
}

/// Takes a user from a file, with its key when that is in there.
///
/// # Errors
/// When its account is not here, it does not validate, or is there already.
pub fn import_user(workspace: &mut Workspace, request: &ImportUser) -> Result<Outcome> {
    let (token, claims) = read_token::<User>(workspace, request.file.as_deref())?;
    let mut report = Report::counted();
    checked(
        &claims.validate(workspace.now()),
        request.taking.skip,
        &mut report,
    )?;
    name::checked("user", &claims.name)?;
    let owner = owner(&claims);
    let store = workspace.store()?;
    let Some(account) = store.account_of_key(&mut workspace.files, owner)? else {
        return Err(Error::missing(format!(
            "referenced Account {owner} not found, import first"
        )));
    };
    if !workspace
        .account(&account)?
        .did_sign(&AnyClaims::User(claims.clone()))
    {
        refuse!("can only import user signed by existing account. Possibly update your account");
    }
    if store.has_user(&workspace.files, &account, &claims.name) {
        let there = workspace.user(&account, &claims.name)?;
        if there.subject != claims.subject {
            refuse!(
                "existing User has a name collision only and does not reference the same entity ({} and not {})",
                there.subject,
                claims.subject
            );
        }
        if !request.taking.overwrite {
            return Err(Error::exists("user already exists").hint("overwrite with --overwrite"));
        }
    }
    workspace
        .files
        .write(&store.user_path(&account, &claims.name)?, token.as_bytes());
    if let Ok((key, seed)) = read_seed(
        &workspace
            .places
            .expanded(request.file.as_deref().unwrap_or_default()),
    ) {
        if key.to_string() == claims.subject {
            let path = workspace
                .keystore
                .store_seed(&mut workspace.files, &key, &seed)?;
            report.ok(format!("key stored {}", workspace.places.shown(&path)));
            workspace.put_creds(&account, &claims.name)?;
        } else {
            report.warn("the key in the file is not that of the user; it was left out");
        }
    }
    report.ok(format!("user {} was successfully imported", claims.name));
    Ok(report.into())
}

/// `migrate`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Migrate {
    /// An account's token: file or URL
    #[arg(
        short,
        long,
        value_name = "FILE",
        required_unless_present_any = ["operator_dir", "interactive"],
        conflicts_with = "operator_dir"
    )]
    pub url: Option<String>,
    /// The store of an operator: all its accounts
    #[arg(long, value_name = "DIR")]
    pub operator_dir: Option<String>,
    /// Replace accounts that are there
    #[arg(short = 'F', long)]
    pub force: bool,
}

/// Takes accounts (with users, when a store is given) under the operator in use. For a URL the caller has fetched the token.
///
/// # Errors
/// When an account is there already, or its key is missing.
pub fn migrate(
    workspace: &mut Workspace,
    request: &Migrate,
    fetched: Option<&[u8]>,
) -> Result<Outcome> {
    let mut report = Report::counted();
    if let Some(content) = fetched {
        let what = request.url.as_deref().unwrap_or("account");
        let (token, claims) = workspace::decode::<Account>(content, what)?;
        report.add(migrate_one(workspace, &token, &claims, &[], request.force)?);
        return Ok(report.into());
    }
    let directory = workspace
        .places
        .expanded(request.operator_dir.as_deref().unwrap_or_default());
    let from = Store::open(&mut workspace.files, &directory)?;
    if from.directory() == workspace.store()?.directory() {
        refuse!("cannot migrate {} onto itself", directory.display());
    }
    for name in from.accounts(&mut workspace.files)? {
        let token = from.account_token(&mut workspace.files, &name)?;
        let claims = from.account(&mut workspace.files, &name)?;
        let mut users = Vec::new();
        for user in from.users(&workspace.files, &name)? {
            users.push((
                from.user_token(&mut workspace.files, &name, &user)?,
                from.user(&mut workspace.files, &name, &user)?,
            ));
        }
        report.add(migrate_one(
            workspace,
            &token,
            &claims,
            &users,
            request.force,
        )?);
    }
    Ok(report.into())
}

fn migrate_one(
    workspace: &mut Workspace,
    token: &str,
    claims: &AccountClaims,
    users: &[(String, UserClaims)],
    force: bool,
) -> Result<Report> {
    let mut report = Report::line(Status::Ok, format!("migrated account {:?}", claims.name));
    let same = workspace
        .account(&claims.name)
        .is_ok_and(|there| there.subject == claims.subject);
    place_account(workspace, token, claims, force || same, true, &mut report)?;
    let store = workspace.store()?;
    for (token, user) in users {
        workspace.files.write(
            &store.user_path(&claims.name, &user.name)?,
            token.as_bytes(),
        );
        workspace.put_creds(&claims.name, &user.name)?;
        report.ok(format!("migrated user {:?}", user.name));
    }
    Ok(report)
}

/// `fix`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Fix {
    /// Directories with tokens, keys and credentials - comma separated, or several times
    #[arg(
        long = "in",
        value_delimiter = ',',
        required = true,
        value_name = "DIR"
    )]
    pub input: Vec<String>,
    /// Where the stores are built: `operators` and `keys` below it
    #[arg(long, value_name = "DIR")]
    pub out: String,
    /// Make credentials for all users whose keys are found
    #[arg(long)]
    pub creds: bool,
}

/// What lies around: the newest token of each key, and all seeds.
#[derive(Default)]
struct Found {
    operators: BTreeMap<String, (String, OperatorClaims)>,
    accounts: BTreeMap<String, (String, AccountClaims)>,
    users: BTreeMap<String, (String, UserClaims)>,
    seeds: BTreeMap<String, (PublicKey, Secret)>,
    /// Keys of the users of each account.
    users_of: BTreeMap<String, Vec<String>>,
}

/// Builds stores and a keystore from loose files, into an empty directory.
///
/// # Errors
/// When there is no operator, or the directory is not empty.
pub fn fix(workspace: &mut Workspace, request: &Fix) -> Result<Outcome> {
    let out = workspace.places.expanded(&request.out);
    if !workspace.files.list(&out)?.is_empty() {
        return Err(
            Error::exists(format!("{} is not empty", out.display())).hint("name a new directory")
        );
    }
    let mut report = Report::counted();
    let found = look(workspace, request, &mut report)?;
    if found.operators.is_empty() {
        return Err(Error::missing("no operator found").with_report(report));
    }
    let root = out.join("operators");
    workspace.places.keystore = out.join("keys");
    workspace.keystore = crate::keystore::Keystore::new(&workspace.places);
    for (key, seed) in found.seeds.values() {
        workspace
            .keystore
            .store_seed(&mut workspace.files, key, seed)?;
    }
    let mut names = Vec::new();
    for (token, operator) in found.operators.values() {
        let mut name = operator.name.clone();
        name::checked("operator", &name)?;
        while names.contains(&name) {
            name.push('_');
        }
        names.push(name.clone());
        let managed = !found.seeds.contains_key(&operator.subject);
        let store = Store::create(&mut workspace.files, &root, &name, managed)?;
        workspace.use_store(store);
        workspace.store_operator(token)?;
        report.add(fix_operator(workspace, operator, &found, request.creds)?);
    }
    found.left_over(&mut report);
    Ok(report.into())
}

fn look(workspace: &Workspace, request: &Fix, report: &mut Report) -> Result<Found> {
    let mut found = Found::default();
    let mut files: Vec<PathBuf> = Vec::new();
    for input in &request.input {
        files.extend(search(&workspace.places.expanded(input), SEARCH_DEPTH_MAX)?);
    }
    for path in files {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if matches!(extension, "nk" | "creds")
            && let Ok((key, seed)) = read_seed(&path)
        {
            found.seeds.insert(key.to_string(), (key, seed));
        }
        if !matches!(extension, "jwt" | "creds") {
            continue;
        }
        let content = match crate::files::read_named(&path, FILE_BYTES_MAX) {
            Ok(content) => content,
            Err(error) => {
                report.warn(format!("error loading {}: {error}", path.display()));
                continue;
            }
        };
        let none = || "it holds no token".to_owned();
        let token = nats_jwt::creds::parse_jwt(&content).map_err(|_| none());
        let token = token.and_then(|token| {
            let claims = nats_jwt::claims::decode(token.reveal()).map_err(|e| e.to_string())?;
            Ok((token.reveal().to_owned(), claims))
        });
        match token {
            Ok((token, claims)) => found.add(token, claims),
            Err(error) => report.warn(format!("error loading {}: {error}", path.display())),
        }
    }
    found.sort_users();
    Ok(found)
}

/// The account that a user belongs to.
fn owner(user: &UserClaims) -> &str {
    match user.nats.issuer_account.as_str() {
        "" => &user.issuer,
        owner => owner,
    }
}

impl Found {
    fn sort_users(&mut self) {
        for (key, (_, user)) in &self.users {
            let of = self.users_of.entry(owner(user).to_owned()).or_default();
            of.push(key.clone());
        }
    }

    fn users_of(&self, account: &AccountClaims) -> impl Iterator<Item = &(String, UserClaims)> {
        let keys = self.users_of.get(&account.subject).into_iter().flatten();
        let users = keys.filter_map(|key| self.users.get(key));
        users.filter(|(_, user)| account.did_sign(&AnyClaims::User(user.clone())))
    }

    /// Tells of tokens that belong to nothing that was found.
    fn left_over(&self, report: &mut Report) {
        let mut placed: Vec<&AccountClaims> = Vec::new();
        for (_, account) in self.accounts.values() {
            let mut operators = self.operators.values();
            if operators.any(|(_, operator)| operator.did_sign(account)) {
                placed.push(account);
            } else {
                report.warn(format!(
                    "account {} [{}] was left out: no operator that was found signed it",
                    account.name, account.subject
                ));
            }
        }
        let users = placed.iter().flat_map(|account| self.users_of(account));
        let kept: BTreeSet<&str> = users.map(|(_, user)| user.subject.as_str()).collect();
        for (key, (_, user)) in &self.users {
            if !kept.contains(key.as_str()) {
                report.warn(format!(
                    "user {} [{key}] was left out: no account that was found signed it",
                    user.name
                ));
            }
        }
    }

    /// The newest wins.
    fn add(&mut self, token: String, claims: AnyClaims) {
        fn keep<N>(
            map: &mut BTreeMap<String, (String, nats_jwt::claims::Claims<N>)>,
            token: String,
            claims: nats_jwt::claims::Claims<N>,
        ) {
            let newer = map
                .get(&claims.subject)
                .is_none_or(|(_, there)| there.issued_at <= claims.issued_at);
            if newer {
                map.insert(claims.subject.clone(), (token, claims));
            }
        }
        match claims {
            AnyClaims::Operator(claims) => keep(&mut self.operators, token, claims),
            AnyClaims::Account(claims) => keep(&mut self.accounts, token, claims),
            AnyClaims::User(claims) => keep(&mut self.users, token, claims),
            _ => {}
        }
    }
}

fn fix_operator(
    workspace: &mut Workspace,
    operator: &OperatorClaims,
    found: &Found,
    creds: bool,
) -> Result<Report> {
    let mut report = Report::line(
        Status::Ok,
        format!("operator {} [{}]", operator.name, operator.subject),
    );
    let store = workspace.store()?;
    for (token, account) in found.accounts.values() {
        if !operator.did_sign(account) {
            continue;
        }
        let mut line = Report::line(
            Status::Ok,
            format!("account {} [{}]", account.name, account.subject),
        );
        workspace.store_account(&account.name, &account.subject, token)?;
        for (token, user) in found.users_of(account) {
            workspace.files.write(
                &store.user_path(&account.name, &user.name)?,
                token.as_bytes(),
            );
            let made = creds && workspace.put_creds(&account.name, &user.name)?.is_some();
            let more = if made { ", with credentials" } else { "" };
            line.ok(format!(
                "stored user {} [{}]{more}",
                user.name, user.subject
            ));
        }
        line.ok("stored account");
        report.add(line);
    }
    report.ok("stored operator");
    Ok(report)
}

/// `upgrade-jwt`: tokens of version 1 are written again as version 2, by those who signed them. Run it on a copy, or keep one.
///
/// # Errors
/// When a key is missing.
pub fn upgrade(workspace: &mut Workspace) -> Result<Outcome> {
    let mut report = Report::counted();
    let operator = workspace.operator()?;
    if operator.nats.version >= nats_jwt::claims::VERSION {
        report.ok(format!(
            "Operator {} is already upgraded to version {}. No change was applied",
            operator.name, operator.nats.version
        ));
        return Ok(report.into());
    }
    if workspace.store()?.is_managed() {
        return Err(
            Error::refused("the store is managed: its operator has to upgrade it")
                .hint("then: nsc add operator --force --url URL"),
        );
    }
    let signer = workspace.signer(std::slice::from_ref(&operator.subject))?;
    workspace.put_operator(&operator, &signer)?;
    report.ok(format!("upgraded operator {:?}", operator.name));
    for name in workspace.accounts()? {
        let account = workspace.account(&name)?;
        let signer = workspace.signer_of_account(&account)?;
        workspace.put_account(&account, &signer)?;
        report.ok(format!("upgraded account {name:?}"));
        for user in workspace.users(&name)? {
            let claims = workspace.user(&name, &user)?;
            let signer = workspace.signer_for_account(&account, Some(&claims.issuer))?;
            check_claims(&claims, workspace.now())?;
            workspace.put_user(&name, &claims, &signer)?;
            workspace.put_creds(&name, &user)?;
            report.ok(format!("upgraded user {user:?}"));
        }
    }
    Ok(report.into())
}
