//! Operators: add, edit, reissue.

use nats_jwt::claims::{
    AccountClaims, Export, ExportType, OperatorClaims, ResponseType, UserClaims,
};
use nats_jwt::nkey::{Kind, PublicKey};

use super::Outcome;
use super::request::{TagChanges, Times, check_claims};
use super::user;
use crate::error::{Error, Result};
use crate::name;
use crate::refuse;
use crate::report::Report;
use crate::signer::Key;
use crate::store::{self, Store};
use crate::workspace::{self, Workspace};

/// The name of the system account, unless another is wanted.
const SYSTEM: &str = "SYS";
/// Its first user.
const SYSTEM_USER: &str = "sys";

/// `add operator`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Add {
    /// Name of the operator; * makes one up
    #[arg(value_name = "NAME")]
    pub positional: Option<String>,
    /// Name of the operator; * makes one up
    #[arg(short, long, conflicts_with = "positional")]
    pub name: Option<String>,
    /// Import an operator: a file, a URL, or the name of a known operator
    #[arg(short, long, value_name = "URL")]
    pub url: Option<String>,
    /// Make a signing key, which then signs the accounts
    #[arg(long)]
    pub generate_signing_key: bool,
    /// Make a system account with a user
    #[arg(short, long)]
    pub sys: bool,
    /// Another name of the system account
    #[arg(skip)]
    pub system_name: Option<&'static str>,
    /// With --url: replace an operator that is there
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub times: Times,
}

/// What a new system account has.
#[derive(Debug, Clone)]
pub struct System {
    pub name: &'static str,
    pub account: String,
    pub user: String,
    pub creds: std::path::PathBuf,
}

/// Makes an operator. For an import the caller has fetched the token.
///
/// # Errors
/// When there is one of that name already, or keys are missing.
pub fn add(workspace: &mut Workspace, request: &Add, imported: Option<&[u8]>) -> Result<Outcome> {
    let given = request.positional.as_deref().or(request.name.as_deref());
    if let Some(content) = imported {
        return import(workspace, request, given, content);
    }
    if request.force {
        refuse!("force only works with -u");
    }
    let name = name::or_random(given.unwrap_or_default());
    name::checked("operator", &name)?;
    let root = workspace.config.store_root();
    if store::operators(&mut workspace.files, &root)?.contains(&name) {
        return Err(
            Error::exists(format!("operator named {name} exists already"))
                .hint("choose another name, or look at it: nsc describe operator"),
        );
    }
    let generated = workspace.signing.key.is_none();
    let signer = identity(workspace)?;
    let store = Store::create(&mut workspace.files, &root, &name, false)?;
    workspace.use_store(store);
    let mut report = Report::list();
    let mut claims = OperatorClaims::new(signer.text());
    claims.name.clone_from(&name);
    request.times.set(&mut claims, workspace.now())?;
    let mut accounts_signer = None;
    if request.generate_signing_key {
        let key = workspace.new_key(Kind::Operator)?.to_string();
        claims.nats.signing_keys.push(key.clone());
        accounts_signer = workspace.signing_key(&key)?;
    }
    // The operator is stored first, so that its accounts find it.
    workspace.put_operator(&claims, &signer)?;
    if generated {
        report.ok(format!(
            "generated and stored operator key {:?}",
            signer.text()
        ));
    }
    report.ok(format!("added operator {name:?}"));
    report.ok("When running your own nats-server, make sure they run at least version 2.2.0");
    if let Some(key) = claims.nats.signing_keys.first() {
        report.ok(format!("created operator signing key: {key}"));
    }
    if request.sys {
        let accounts_signer = accounts_signer.as_ref().unwrap_or(&signer);
        let system = add_system_account(workspace, accounts_signer, request.system_name)?;
        claims.nats.system_account.clone_from(&system.account);
        workspace.put_operator(&claims, &signer)?;
        report_system(workspace, &system, &mut report);
        workspace.config.account = system.name.to_owned();
    }
    workspace
        .config
        .save(&mut workspace.files, &workspace.places);
    Ok(report.into())
}

/// Says what a system account has.
pub fn report_system(workspace: &Workspace, system: &System, report: &mut Report) {
    report.ok(format!(
        "created system_account: name:{} id:{}",
        system.name, system.account
    ));
    report.ok(format!(
        "created system account user: name:{SYSTEM_USER} id:{}",
        system.user
    ));
    report.ok(format!(
        "system account user creds file stored in `{}`",
        workspace.places.shown(&system.creds)
    ));
}

/// The key of a new operator: what `-K` gives, or a new one.
pub fn identity(workspace: &mut Workspace) -> Result<Key> {
    if workspace.signing.key.is_some() {
        let key = workspace.signer(&[])?;
        if PublicKey::parse_kind(&key.text(), Kind::Operator).is_err() {
            refuse!("specified key is not a valid operator nkey");
        }
        if let Key::Pair(pair) = &key {
            workspace.keystore.store(&mut workspace.files, pair)?;
        }
        return Ok(key);
    }
    let key = workspace.new_key(Kind::Operator)?.to_string();
    workspace
        .signing_key(&key)?
        .ok_or_else(|| Error::no_key("the new operator key is gone"))
}

/// Makes the system account of an operator, with a signing key, a user and credentials.
///
/// # Errors
/// When keys cannot be made.
pub fn add_system_account(
    workspace: &mut Workspace,
    signer: &Key,
    name: Option<&'static str>,
) -> Result<System> {
    let name = name.unwrap_or(SYSTEM);
    let account = workspace.new_key(Kind::Account)?.to_string();
    let signing = workspace.new_key(Kind::Account)?.to_string();
    let user = workspace.new_key(Kind::User)?.to_string();
    let mut claims = AccountClaims::new(&account);
    claims.name = name.to_owned();
    claims.nats.signing_keys.add(&signing);
    claims.nats.exports = system_exports();
    workspace.put_account(&claims, signer)?;
    let mut user_claims = UserClaims::new(&user);
    user_claims.name = SYSTEM_USER.to_owned();
    user_claims.nats.issuer_account.clone_from(&account);
    let key = workspace
        .signing_key(&signing)?
        .ok_or_else(|| Error::no_key("the new signing key is gone"))?;
    workspace.put_user(name, &user_claims, &key)?;
    let creds = workspace.put_creds(name, SYSTEM_USER)?;
    let creds = creds.ok_or_else(|| Error::no_key("the new user key is gone"))?;
    Ok(System {
        name,
        account,
        user,
        creds,
    })
}

fn system_exports() -> Vec<Export> {
    let info_url = "https://docs.nats.io/nats-server/configuration/sys_accounts".to_owned();
    vec![
        Export {
            name: "account-monitoring-services".to_owned(),
            subject: "$SYS.REQ.ACCOUNT.*.*".to_owned(),
            kind: ExportType::Service,
            response_type: ResponseType::Stream,
            account_token_position: 4,
            description: "Request account specific monitoring services for: SUBSZ, CONNZ, LEAFZ, JSZ and INFO".to_owned(),
            info_url: info_url.clone(),
            ..Export::default()
        },
        Export {
            name: "account-monitoring-streams".to_owned(),
            subject: "$SYS.ACCOUNT.*.>".to_owned(),
            kind: ExportType::Stream,
            account_token_position: 3,
            description: "Account specific monitoring stream".to_owned(),
            info_url,
            ..Export::default()
        },
    ]
}

fn import(
    workspace: &mut Workspace,
    request: &Add,
    given: Option<&str>,
    content: &[u8],
) -> Result<Outcome> {
    if request.sys {
        refuse!("importing an operator is not compatible with system account generation");
    }
    let what = request.url.as_deref().unwrap_or("operator");
    let (token, claims) = workspace::decode::<nats_jwt::claims::Operator>(content, what)?;
    if claims.nats.version != nats_jwt::claims::VERSION {
        refuse!(
            "the operator jwt (v{}) is incompatible with this version of nsc",
            claims.nats.version
        );
    }
    let name = given.map_or_else(|| claims.name.clone(), name::or_random);
    name::checked("operator", &name)?;
    let mut report = Report::list();
    let root = workspace.config.store_root();
    if store::operators(&mut workspace.files, &root)?.contains(&name) {
        if !request.force {
            return Err(
                Error::exists(format!("operator named {name} exists already"))
                    .hint("please inspect and use --force to overwrite"),
            );
        }
        let there = Store::open(&mut workspace.files, &root.join(&name))?;
        if there
            .operator(&mut workspace.files)
            .is_ok_and(|there| there.subject != claims.subject)
        {
            report
                .warn("existing and new operator represent different entities, forced to continue");
        }
        workspace.use_store(there);
    } else {
        let store = Store::create(&mut workspace.files, &root, &name, true)?;
        workspace.use_store(store);
    }
    workspace.store_operator(&token)?;
    workspace
        .config
        .save(&mut workspace.files, &workspace.places);
    report.ok(format!("imported operator {name:?}"));
    report.ok("When running your own nats-server, make sure they run at least version 2.2.0");
    Ok(report.into())
}

/// `edit operator`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Edit {
    /// Name of the operator, when it is not the chosen one
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Add signing keys: generate, public keys, seeds or files - comma separated, or several times
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    pub sk: Vec<String>,
    /// Remove signing keys
    #[arg(long, value_delimiter = ',', value_name = "KEY")]
    pub rm_sk: Vec<String>,
    /// With --rm-sk, --require-signing-keys: sign accounts again whose signer no longer counts
    #[arg(long)]
    pub resign: bool,
    /// Where accounts are pushed to and pulled from: nats://, tls://, ws://, wss://, http:// or https://
    #[arg(short = 'u', long, value_name = "URL")]
    pub account_jwt_server_url: Option<String>,
    /// Forget where accounts are pushed to
    #[arg(long, conflicts_with = "account_jwt_server_url")]
    pub rm_account_jwt_server_url: bool,
    /// The system account: name or public key
    #[arg(long, value_name = "ACCOUNT")]
    pub system_account: Option<String>,
    /// Add URLs of servers - comma separated, or several times
    #[arg(short = 'n', long, value_delimiter = ',', value_name = "URL")]
    pub service_url: Vec<String>,
    /// Remove URLs of servers
    #[arg(long, value_delimiter = ',', value_name = "URL")]
    pub rm_service_url: Vec<String>,
    /// Accounts and users must be signed by signing keys
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub require_signing_keys: Option<bool>,
    #[command(flatten)]
    pub tags: TagChanges,
    #[command(flatten)]
    pub times: Times,
}

impl Edit {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        let lists = [
            &self.sk,
            &self.rm_sk,
            &self.service_url,
            &self.rm_service_url,
        ];
        lists.iter().all(|list| list.is_empty())
            && self.account_jwt_server_url.is_none()
            && !self.rm_account_jwt_server_url
            && self.system_account.is_none()
            && self.require_signing_keys.is_none()
            && self.tags.is_empty()
            && self.times.is_empty()
    }
}

/// Changes an operator.
///
/// # Errors
/// When the change makes no sense, or the operator's key is missing.
pub fn edit(workspace: &mut Workspace, request: &Edit) -> Result<Outcome> {
    if request.is_empty() {
        return Err(Error::refused("specify an edit option").hint("see: nsc edit operator --help"));
    }
    if let Some(name) = &request.name {
        workspace.use_operator(name)?;
    }
    let mut claims = workspace.edit_operator()?;
    let signer = workspace.signer(std::slice::from_ref(&claims.subject))?;
    let mut report = Report::list();
    for key in &request.sk {
        let key = workspace.given_key(key, Kind::Operator)?.to_string();
        if !claims.nats.signing_keys.contains(&key) {
            claims.nats.signing_keys.push(key.clone());
        }
        report.ok(format!("added signing key {key:?}"));
    }
    for key in &request.rm_sk {
        if !claims.nats.signing_keys.contains(key) {
            refuse!("the operator has no signing key {key}");
        }
        claims.nats.signing_keys.retain(|other| other != key);
        report.ok(format!("removed signing key {key:?}"));
    }
    if let Some(strict) = request.require_signing_keys {
        claims.nats.strict_signing_key_usage = strict;
        report.ok(format!("strict signing key usage set to: {strict}"));
    }
    request.tags.apply(&mut claims.nats.tags, &mut report);
    let now = workspace.now();
    request.times.apply(&mut claims, now, &mut report)?;
    urls(request, &mut claims, &mut report)?;
    if let Some(account) = &request.system_account {
        claims.nats.system_account = system_account(workspace, account)?;
        report.ok(format!(
            "set system account {:?}",
            claims.nats.system_account
        ));
    }
    if claims.nats.strict_signing_key_usage && claims.nats.signing_keys.is_empty() {
        return Err(Error::refused("operator requires at least one signing key")
            .hint("add one: --sk generate"));
    }
    resign(workspace, request, &claims, &mut report)?;
    check_claims(&claims, now)?;
    workspace.put_operator(&claims, &signer)?;
    report.ok(format!("edited operator {:?}", claims.name));
    Ok(report.into())
}

fn urls(request: &Edit, claims: &mut OperatorClaims, report: &mut Report) -> Result {
    if let Some(url) = &request.account_jwt_server_url {
        nats_jwt::validate::account_server_url(url).map_err(Error::refused)?;
        claims.nats.account_server_url.clone_from(url);
        report.ok(format!("set account jwt server url to {url:?}"));
    }
    if request.rm_account_jwt_server_url {
        claims.nats.account_server_url.clear();
        report.ok("removed account server url");
    }
    let urls = &mut claims.nats.operator_service_urls;
    for url in &request.service_url {
        nats_jwt::validate::operator_service_url(url).map_err(Error::refused)?;
        if !urls.contains(url) {
            urls.push(url.clone());
        }
        report.ok(format!("added service url {url:?}"));
    }
    for url in &request.rm_service_url {
        urls.retain(|other| other != url);
        report.ok(format!("removed service url {url:?}"));
    }
    Ok(())
}

fn system_account(workspace: &mut Workspace, account: &str) -> Result<String> {
    let key = if nats_jwt::nkey::is_public_key(account, Kind::Account) {
        account.to_owned()
    } else {
        let name = workspace.account_name(Some(account))?;
        workspace.account(&name)?.subject
    };
    let store = workspace.store()?;
    if let Some(name) = store.account_of_key(&mut workspace.files, &key)?
        && workspace.account(&name)?.nats.limits.has_jetstream()
    {
        refuse!(
            "system accounts cannot have JetStream limits - run \"nsc edit account {name} --js-disable\" first"
        );
    }
    Ok(key)
}

/// Accounts must not be left with a signer that no longer counts: they are signed again where that is asked for, and the edit is
/// refused where it is not.
fn resign(
    workspace: &mut Workspace,
    request: &Edit,
    claims: &OperatorClaims,
    report: &mut Report,
) -> Result {
    if request.rm_sk.is_empty() && request.require_signing_keys != Some(true) {
        if request.resign {
            return Err(Error::refused("nothing has to be signed again")
                .hint("--resign goes with --rm-sk or --require-signing-keys"));
        }
        return Ok(());
    }
    let accepted = Workspace::operator_signers(claims, None);
    let managed = workspace.store()?.is_managed();
    let mut refused = Vec::new();
    for name in workspace.accounts()? {
        let account = workspace.account(&name)?;
        if !accepted.contains(&account.issuer) && !managed {
            if request.resign {
                let account = workspace.edit_account(&name)?;
                let signer = first_at_hand(workspace, &accepted)?;
                workspace.put_account(&account, &signer)?;
                report.ok(format!("account {name:?} re-signed"));
            } else if request.rm_sk.contains(&account.issuer) {
                refused.push(format!(
                    "account {name:?} was issued by the removed key {}",
                    account.issuer
                ));
            } else {
                refused.push(format!(
                    "account {name:?} needs to be issued with a signing key first"
                ));
            }
        }
        if claims.nats.strict_signing_key_usage && request.require_signing_keys == Some(true) {
            refused.extend(resign_users(workspace, request, &name, &account, report)?);
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let hint = match request.resign {
        true => {
            "give those accounts a signing key: nsc edit account NAME --sk generate; then run this again"
        }
        false => "add --resign to issue again what servers would refuse",
    };
    Err(Error::refused(refused.join("\n")).hint(hint))
}

/// Users whose account's own key signed them; yields a line for each that remains so.
fn resign_users(
    workspace: &mut Workspace,
    request: &Edit,
    name: &str,
    account: &AccountClaims,
    report: &mut Report,
) -> Result<Vec<String>> {
    let mut refused = Vec::new();
    for user in workspace.users(name)? {
        if workspace.user(name, &user)?.issuer != account.subject {
            continue;
        }
        if request.resign && user::issue_again(workspace, name, &user, account)?.is_some() {
            report.ok(format!("user {user:?} in account {name:?} re-signed"));
            continue;
        }
        refused.push(format!(
            "user {user:?} in account {name:?} needs to be issued with a signing key first"
        ));
    }
    Ok(refused)
}

fn first_at_hand(workspace: &mut Workspace, keys: &[String]) -> Result<Key> {
    for key in keys {
        if let Some(key) = workspace.signing_key(key)? {
            return Ok(key);
        }
    }
    Err(Error::no_key(format!(
        "none of these keys is at hand: {}",
        keys.join(", ")
    )))
}

/// `reissue operator`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Reissue {
    /// Name of the operator, when it is not the chosen one
    #[arg(short, long)]
    pub name: Option<String>,
    /// Keep the old key as a signing key: accounts stay as they are
    #[arg(long)]
    pub convert_to_signing_key: bool,
}

/// Gives an operator a new key, and signs its accounts with it where they need that.
///
/// # Errors
/// When a key is missing.
pub fn reissue(workspace: &mut Workspace, request: &Reissue) -> Result<Outcome> {
    if let Some(name) = &request.name {
        workspace.use_operator(name)?;
    }
    if workspace.store()?.is_managed() {
        refuse!("resign is only supported in non managed stores");
    }
    let mut claims = workspace.edit_operator()?;
    if claims.nats.strict_signing_key_usage && claims.nats.signing_keys.is_empty() {
        refuse!("resign of strict operator is only supported with signing keys present");
    }
    let old = claims.subject.clone();
    let signer = identity(workspace)?;
    claims.subject = signer.text();
    let mut report = Report::counted();
    report.ok(format!(
        "operator {:?} successfully changed identity to: {}",
        claims.name, claims.subject
    ));
    if request.convert_to_signing_key {
        if !claims.nats.signing_keys.contains(&old) {
            claims.nats.signing_keys.push(old.clone());
        }
        report.ok(format!("old operator key {old:?} turned into signing key"));
    }
    workspace.put_operator(&claims, &signer)?;
    let accepted = Workspace::operator_signers(&claims, None);
    for name in workspace.accounts()? {
        if accepted.contains(&workspace.account(&name)?.issuer) {
            report.ok(format!("account {name:?} already signed properly"));
            continue;
        }
        let account = workspace.edit_account(&name)?;
        let key = first_at_hand(workspace, &accepted)?;
        workspace.put_account(&account, &key)?;
        report.ok(format!("account {name:?} re-signed"));
    }
    Ok(report.into())
}
