//! The store, the keys and the configuration in use, and all changes to them until they are committed.
//!
//! Everything an operation needs from outside comes in here: where files lie, which operator and account are meant, who signs, what
//! time it is. Operations read and write through a workspace; nothing is on disk before [`Workspace::commit`].

use std::path::PathBuf;

use nats_jwt::claims::{AccountClaims, Claims, OperatorClaims, Payload, UserClaims};
use nats_jwt::creds::Creds;
use nats_jwt::nkey::{CurveKey, KeyPair, Kind, PublicKey};
use nats_jwt::secret::Secret;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::Files;
use crate::keystore::Keystore;
use crate::limits::FILE_BYTES_MAX;
use crate::name;
use crate::places::{Directories, Places, Surroundings};
use crate::signer::{Key, Program};
use crate::store::{self, Store};

/// Who signs, from the command line.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    /// `-K`: role, public key, seed, or the path of a file with a seed.
    pub key: Option<String>,
    /// `--signer`.
    pub program: Option<Program>,
}

/// See the room.
#[derive(Debug)]
pub struct Workspace {
    pub places: Places,
    pub config: Config,
    pub files: Files,
    pub keystore: Keystore,
    pub signing: Signing,
    around: Surroundings,
    now: i64,
    store: Option<Store>,
    /// Accounts whose tokens were written, for those who have to hand them on.
    written: Vec<String>,
}

impl Workspace {
    /// Opens what flags and surroundings name; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn open(flags: &Directories, around: Surroundings, now: i64) -> Result<Self> {
        let places = Places::find(flags, &around)?;
        let mut files = Files::default();
        let config = Config::load(&mut files, &places, &around, now)?;
        Ok(Self {
            keystore: Keystore::new(&places),
            places,
            config,
            files,
            signing: Signing::default(),
            around,
            now,
            store: None,
            written: Vec::new(),
        })
    }

    pub fn now(&self) -> i64 {
        self.now
    }

    pub fn around(&self) -> &Surroundings {
        &self.around
    }

    /// Makes all changes true.
    ///
    /// # Errors
    /// As [`Files::commit`]; nothing is changed then.
    pub fn commit(&mut self) -> Result {
        self.files.commit()
    }

    /// Accounts that were written since this was asked last.
    pub fn take_written(&mut self) -> Vec<String> {
        std::mem::take(&mut self.written)
    }

    // --- which store

    /// The store of the operator in use.
    ///
    /// # Errors
    /// When none was chosen.
    pub fn store(&mut self) -> Result<Store> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        if self.config.operator.is_empty() {
            self.config.settle(&mut self.files);
        }
        if self.config.operator.is_empty() {
            let none = store::operators(&mut self.files, &self.config.store_root())?.is_empty();
            let error = Error::missing("set an operator -- 'nsc env -o operatorName'");
            return Err(error.hint(if none {
                "there is none yet; make one: nsc add operator NAME --sys, or nsc init"
            } else {
                "see which there are: nsc list operators"
            }));
        }
        let directory = self.config.store_root().join(&self.config.operator);
        let store = Store::open(&mut self.files, &directory)?;
        self.store = Some(store.clone());
        Ok(store)
    }

    /// Uses another operator from now on; the configuration on disk stays as it is.
    ///
    /// # Errors
    /// When there is no such operator.
    pub fn use_operator(&mut self, operator: &str) -> Result {
        let root = self.config.store_root();
        if !store::operators(&mut self.files, &root)?
            .iter()
            .any(|name| name == operator)
        {
            return Err(
                Error::missing(format!("operator {operator:?} not in {}", root.display()))
                    .hint("see which there are: nsc list operators"),
            );
        }
        if self.config.operator != operator {
            self.config.operator = operator.to_owned();
            self.config.account.clear();
        }
        self.store = None;
        let mut config = self.config.clone();
        config.settle(&mut self.files);
        if config.operator == operator {
            self.config = config;
        }
        Ok(())
    }

    /// Uses a store that was just made.
    pub fn use_store(&mut self, store: Store) {
        self.config.operator = store.name().to_owned();
        self.config.account.clear();
        self.store = Some(store);
    }

    /// The name of the account that is meant: the given name or public key, else the chosen one.
    ///
    /// # Errors
    /// When none is given or chosen, or there is no such account.
    pub fn account_name(&mut self, given: Option<&str>) -> Result<String> {
        let store = self.store()?;
        let Some(given) = given.filter(|given| !given.is_empty()) else {
            if self.config.account.is_empty() {
                let accounts = store.accounts(&mut self.files)?;
                if let [only] = accounts.as_slice() {
                    return Ok(only.clone());
                }
                return Err(Error::refused("an account is required")
                    .hint("pass --account NAME, or choose one: nsc select account NAME"));
            }
            return Ok(self.config.account.clone());
        };
        if nats_jwt::nkey::is_public_key(given, Kind::Account) {
            return match store.account_of_key(&mut self.files, given)? {
                Some(name) => Ok(name),
                None => Err(Error::missing(format!(
                    "no account found with public key {given}"
                ))),
            };
        }
        if !store.has_account(&self.files, name::checked("account", given)?) {
            return Err(Error::missing(format!(
                "{given:?} not in accounts for operator {:?} in {}",
                store.name(),
                self.config.store_root().display()
            ))
            .hint("see which there are: nsc list accounts"));
        }
        Ok(given.to_owned())
    }

    /// The user that is meant: the given one, or the only one of the account.
    ///
    /// # Errors
    /// When none is given and there is not exactly one.
    pub fn user_name(&mut self, account: &str, given: Option<&str>) -> Result<String> {
        if let Some(given) = given.filter(|given| !given.is_empty()) {
            return Ok(given.to_owned());
        }
        match self.users(account)?.as_slice() {
            [only] => Ok(only.clone()),
            _ => Err(Error::refused("a user is required")
                .hint("pass the user's name with --name, or as argument")),
        }
    }

    // --- reading

    pub fn operator(&mut self) -> Result<OperatorClaims> {
        self.store()?.operator(&mut self.files)
    }

    pub fn account(&mut self, account: &str) -> Result<AccountClaims> {
        self.store()?.account(&mut self.files, account)
    }

    pub fn user(&mut self, account: &str, user: &str) -> Result<UserClaims> {
        self.store()?.user(&mut self.files, account, user)
    }

    pub fn accounts(&mut self) -> Result<Vec<String>> {
        self.store()?.accounts(&mut self.files)
    }

    pub fn users(&mut self, account: &str) -> Result<Vec<String>> {
        self.store()?.users(&self.files, account)
    }

    /// An operator's claims that will be changed and signed again.
    ///
    /// # Errors
    /// Also when signing would lose something.
    pub fn edit_operator(&mut self) -> Result<OperatorClaims> {
        let token = self.store()?.operator_token(&mut self.files)?;
        store::check_known(&token, "the operator's token")?;
        self.operator()
    }

    /// An account's claims that will be changed and signed again.
    ///
    /// # Errors
    /// Also when signing would lose something.
    pub fn edit_account(&mut self, account: &str) -> Result<AccountClaims> {
        let token = self.store()?.account_token(&mut self.files, account)?;
        store::check_known(&token, &format!("account {account:?}"))?;
        self.account(account)
    }

    /// A user's claims that will be changed and signed again.
    ///
    /// # Errors
    /// Also when signing would lose something.
    pub fn edit_user(&mut self, account: &str, user: &str) -> Result<UserClaims> {
        let token = self.store()?.user_token(&mut self.files, account, user)?;
        store::check_known(&token, &format!("user {user:?}"))?;
        self.user(account, user)
    }

    // --- writing

    /// Signs and stores; yields the token.
    ///
    /// # Errors
    /// When the signer does not sign.
    pub fn put_operator(&mut self, claims: &OperatorClaims, signer: &Key) -> Result<String> {
        let token = claims.encode(signer, self.now)?;
        self.store_operator(&token)?;
        Ok(token)
    }

    pub fn store_operator(&mut self, token: &str) -> Result {
        let path = self.store()?.operator_path();
        self.files.write(&path, token.as_bytes());
        Ok(())
    }

    /// Signs and stores; yields the token.
    ///
    /// # Errors
    /// When the signer does not sign, or the name is one of another account.
    pub fn put_account(&mut self, claims: &AccountClaims, signer: &Key) -> Result<String> {
        let token = claims.encode(signer, self.now)?;
        self.store_account(&claims.name, &claims.subject, &token)?;
        Ok(token)
    }

    /// Stores a token of an account as it is.
    ///
    /// # Errors
    /// When the name is one of another account.
    pub fn store_account(&mut self, account: &str, key: &str, token: &str) -> Result {
        let store = self.store()?;
        let path = store.account_path(account)?;
        if store.has_account(&self.files, account) {
            let there = self
                .account(account)
                .map(|there| there.subject)
                .unwrap_or_default();
            if !there.is_empty() && there != key {
                return Err(Error::exists(format!(
                    "account {account:?} in the store is {there}, and not {key}"
                ))
                .hint("rename one of the two: nsc rename account"));
            }
        }
        self.files.write(&path, token.as_bytes());
        if !self.written.iter().any(|name| name == account) {
            self.written.push(account.to_owned());
        }
        Ok(())
    }

    /// Signs and stores; yields the token.
    ///
    /// # Errors
    /// When the signer does not sign.
    pub fn put_user(&mut self, account: &str, claims: &UserClaims, signer: &Key) -> Result<String> {
        let token = claims.encode(signer, self.now)?;
        let path = self.store()?.user_path(account, &claims.name)?;
        self.files.write(&path, token.as_bytes());
        Ok(token)
    }

    /// Writes the credentials of a user whose key is here; yields where.
    ///
    /// # Errors
    /// When token or key cannot be read.
    pub fn put_creds(&mut self, account: &str, user: &str) -> Result<Option<PathBuf>> {
        let Some(creds) = self.creds(account, user)? else {
            return Ok(None);
        };
        let store = self.store()?;
        let who = [store.name(), account, user];
        Ok(Some(self.keystore.store_creds(
            &mut self.files,
            who,
            &creds,
        )?))
    }

    /// The credentials of a user; `None` when the key is not here.
    ///
    /// # Errors
    /// When token or key cannot be read.
    pub fn creds(&mut self, account: &str, user: &str) -> Result<Option<Secret>> {
        let token = self.store()?.user_token(&mut self.files, account, user)?;
        self.creds_with(token)
    }

    /// Credentials of a user that end at `expires`, in seconds since 1970. The user in the store stays as it is.
    ///
    /// # Errors
    /// When token or key cannot be read, or the key that signed the user is not here.
    pub fn creds_until(
        &mut self,
        account: &str,
        user: &str,
        expires: i64,
    ) -> Result<Option<Secret>> {
        let mut claims = self.edit_user(account, user)?;
        let account = self.account(account)?;
        let signer = self.signer_for_account(&account, Some(&claims.issuer))?;
        if signer.text() != claims.issuer {
            return Err(no_key_of(&[claims.issuer]));
        }
        if claims.expires == 0 || claims.expires > expires {
            claims.expires = expires;
        }
        let token = claims.encode(&signer, self.now)?;
        self.creds_with(token)
    }

    fn creds_with(&mut self, token: String) -> Result<Option<Secret>> {
        let claims: UserClaims =
            Claims::decode(&token).map_err(|e| Error::refused(e.to_string()))?;
        let key = public(&claims.subject)?;
        let Some(key) = self.keystore.pair(&mut self.files, &key)? else {
            return Ok(None);
        };
        let jwt = Secret::new(token);
        let creds = Creds { jwt, key };
        creds
            .encode()
            .map(Some)
            .map_err(|e| Error::refused(e.to_string()))
    }

    // --- keys

    /// Makes and stores a key.
    ///
    /// # Errors
    /// Without randomness.
    pub fn new_key(&mut self, kind: Kind) -> Result<PublicKey> {
        if kind == Kind::Curve {
            let key = CurveKey::generate()?;
            self.keystore
                .store_seed(&mut self.files, &key.public_key(), &key.seed())?;
            return Ok(key.public_key());
        }
        let pair = KeyPair::generate(kind)?;
        self.keystore.store(&mut self.files, &pair)?;
        Ok(pair.public_key())
    }

    /// A key from what a user gave: `generate`, a public key, a seed (which is stored), or a file with one of these.
    ///
    /// # Errors
    /// When it is none of these, or of another kind.
    pub fn given_key(&mut self, text: &str, kind: Kind) -> Result<PublicKey> {
        if text.eq_ignore_ascii_case("generate") {
            return self.new_key(kind);
        }
        let text = match self.text_or_file(text) {
            Some(text) => text,
            None => {
                return Err(Error::refused(format!(
                    "{text:?} is not a valid {kind} key"
                )));
            }
        };
        let text = text.reveal().trim();
        if let Ok(key) = PublicKey::parse(text) {
            return of_kind(key, kind);
        }
        let (key, seed) = seed(text)?;
        let key = of_kind(key, kind)?;
        self.keystore.store_seed(&mut self.files, &key, &seed)?;
        Ok(key)
    }

    /// Whether [`given_key`](Self::given_key) would take a text; nothing is made or stored.
    ///
    /// # Errors
    /// Why not.
    pub fn check_given_key(&self, text: &str, kind: Kind) -> Result {
        if text.eq_ignore_ascii_case("generate") {
            return Ok(());
        }
        let Some(text) = self.text_or_file(text) else {
            return Err(Error::refused(format!(
                "it is no {kind} key, and no file with one"
            )));
        };
        let text = text.reveal().trim();
        let key = match PublicKey::parse(text) {
            Ok(key) => key,
            Err(_) => seed(text)?.0,
        };
        of_kind(key, kind).map(drop)
    }

    /// The text itself when it is a key, else what the file holds that it names.
    pub(crate) fn text_or_file(&self, text: &str) -> Option<Secret> {
        let is_key =
            |text: &str| PublicKey::parse(text).is_ok() || nats_jwt::nkey::seed_kind(text).is_ok();
        if is_key(text.trim()) {
            return Some(Secret::new(text));
        }
        let path = self.places.expanded(text);
        let content = crate::files::read_named(&path, FILE_BYTES_MAX).ok()?;
        let content = std::str::from_utf8(&content).ok()?;
        if is_key(content.trim()) {
            return Some(Secret::new(content.trim()));
        }
        nats_jwt::creds::parse_seed(content.as_bytes())
            .ok()
            .map(|pair| pair.seed())
    }

    /// The signing form of a key, from the keystore or the program that signs.
    ///
    /// # Errors
    /// When the keystore or the program fails.
    pub fn signing_key(&mut self, key: &str) -> Result<Option<Key>> {
        let Ok(key) = PublicKey::parse(key) else {
            return Ok(None);
        };
        if let Some(pair) = self.keystore.pair(&mut self.files, &key)? {
            return Ok(Some(Key::Pair(pair)));
        }
        let Some(program) = self.signing.program.clone() else {
            return Ok(None);
        };
        let there = program.keys()?.contains(&key);
        Ok(there.then_some(Key::Elsewhere { key, program }))
    }

    /// Who signs among `candidates` (public keys, the best first): what `-K` names, else the first whose key is at hand. A key that
    /// `-K` gives as a seed must be one of them.
    ///
    /// # Errors
    /// When no key is at hand, or the given one may not sign here.
    pub fn signer(&mut self, candidates: &[String]) -> Result<Key> {
        if let Some(given) = self.signing.key.clone() {
            return self.given_signer(&given, candidates);
        }
        for candidate in candidates {
            if let Some(key) = self.signing_key(candidate)? {
                return Ok(key);
            }
        }
        Err(no_key_of(candidates))
    }

    fn given_signer(&mut self, given: &str, candidates: &[String]) -> Result<Key> {
        let key = if PublicKey::parse(given).is_ok() {
            self.signing_key(given)?
        } else {
            match self.text_or_file(given) {
                Some(text) if PublicKey::parse(text.reveal()).is_ok() => {
                    self.signing_key(text.reveal())?
                }
                Some(text) => KeyPair::from_seed(text.reveal()).ok().map(Key::Pair),
                None => None,
            }
        };
        let Some(key) = key else {
            // Also a mistyped seed is a secret.
            let is_secret = given.starts_with('S')
                && given.len() > 40
                && given.bytes().all(|b| b.is_ascii_alphanumeric());
            let shown = if is_secret { "the seed" } else { given };
            return Err(Error::no_key(format!("no signing key is found for {shown:?} of --private-key"))
                .hint("pass a role, a public key whose seed is in the keystore, a seed, or the path of a file with one"));
        };
        if !candidates.is_empty() && !candidates.contains(&key.text()) {
            return Err(Error::no_key(format!(
                "{} is none of the keys that may sign this: {}",
                key.text(),
                candidates.join(", ")
            )));
        }
        Ok(key)
    }

    /// The keys that may sign for the operator, the one of `prefer` first.
    pub fn operator_signers(operator: &OperatorClaims, prefer: Option<&str>) -> Vec<String> {
        let mut keys = Vec::new();
        if !operator.nats.strict_signing_key_usage {
            keys.push(operator.subject.clone());
        }
        keys.extend(operator.nats.signing_keys.iter().cloned());
        preferred(keys, prefer)
    }

    /// The keys that may sign for an account, the one of `prefer` first.
    pub fn account_signers(
        account: &AccountClaims,
        strict: bool,
        prefer: Option<&str>,
    ) -> Vec<String> {
        let mut keys = Vec::new();
        if !strict {
            keys.push(account.subject.clone());
        }
        keys.extend(
            account
                .nats
                .signing_keys
                .iter()
                .map(|(key, _)| key.to_owned()),
        );
        preferred(keys, prefer)
    }

    /// Who signs the token of an account: the operator; in a managed store the account itself.
    ///
    /// # Errors
    /// When the key is not at hand.
    pub fn signer_of_account(&mut self, account: &AccountClaims) -> Result<Key> {
        let operator = self.operator()?;
        let mut keys = Self::operator_signers(&operator, Some(&account.issuer));
        if self.store()?.is_managed() {
            keys.push(account.subject.clone());
            keys.extend(
                account
                    .nats
                    .signing_keys
                    .iter()
                    .map(|(key, _)| key.to_owned()),
            );
        }
        if keys.is_empty() {
            return Err(
                Error::no_key("the operator requires signing keys and has none")
                    .hint("add one: nsc edit operator --sk generate"),
            );
        }
        // A role among the account's own keys is meant for its users.
        let role = self
            .signing
            .key
            .take_if(|key| account.nats.signing_keys.role(key).is_some());
        let signer = self.signer(&keys);
        if role.is_some() {
            self.signing.key = role;
        }
        signer
    }

    /// Who signs what an account says about its users and importers. `-K` may also name a role.
    ///
    /// # Errors
    /// When the key is not at hand.
    pub fn signer_for_account(
        &mut self,
        account: &AccountClaims,
        prefer: Option<&str>,
    ) -> Result<Key> {
        let strict = self.operator()?.nats.strict_signing_key_usage;
        if strict && account.nats.signing_keys.is_empty() {
            return Err(Error::no_key(
                "unable to issue users when operator requires signing keys and the account has none",
            )
            .hint(format!("add one: nsc edit account {} --sk generate", account.name)));
        }
        if let Some(role) = self.signing.key.clone()
            && let Some(scope) = account.nats.signing_keys.role(&role)
        {
            let key = scope.key.clone();
            return match self.signing_key(&key)? {
                Some(key) => Ok(key),
                None => Err(no_key_of(&[key])),
            };
        }
        let keys = Self::account_signers(account, strict, prefer);
        self.signer(&keys)
    }
}

fn preferred(mut keys: Vec<String>, prefer: Option<&str>) -> Vec<String> {
    if let Some(at) = prefer.and_then(|prefer| keys.iter().position(|key| key == prefer)) {
        let key = keys.remove(at);
        keys.insert(0, key);
    }
    keys
}

fn no_key_of(candidates: &[String]) -> Error {
    Error::no_key(format!(
        "unable to resolve any of the following signing keys in the keystore: {}",
        candidates.join(", ")
    ))
    .hint("pass one with -K, import it with 'nsc import keys', or name who signs with --signer")
}

fn of_kind(key: PublicKey, kind: Kind) -> Result<PublicKey> {
    if key.kind() != kind {
        return Err(Error::refused(format!(
            "{key} is not a valid {kind} key, but one of kind {}",
            key.kind()
        )));
    }
    Ok(key)
}

/// A public key that stands in a token.
///
/// # Errors
/// When it is none.
pub fn public(text: &str) -> Result<PublicKey> {
    PublicKey::parse(text).map_err(|e| Error::refused(format!("{text:?}: {e}")))
}

/// A seed of any kind, and its public key.
///
/// # Errors
/// When it is none.
pub fn seed(text: &str) -> Result<(PublicKey, Secret)> {
    let key = match nats_jwt::nkey::seed_kind(text)? {
        Kind::Curve => CurveKey::from_seed(text)?.public_key(),
        _ => KeyPair::from_seed(text)?.public_key(),
    };
    Ok((key, Secret::new(text)))
}

/// Claims from a token in a file or an answer, decorated or bare.
///
/// # Errors
/// When it is no genuine token of this type.
pub fn decode<N: Payload>(content: &[u8], what: &str) -> Result<(String, Claims<N>)> {
    let token =
        nats_jwt::creds::parse_jwt(content).map_err(|e| Error::refused(format!("{what}: {e}")))?;
    let claims =
        Claims::decode(token.reveal()).map_err(|e| Error::refused(format!("{what}: {e}")))?;
    Ok((token.reveal().to_owned(), claims))
}
