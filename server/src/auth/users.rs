//! The configured users, compiled: found by name, by key, or by the names in a certificate.

use std::sync::Arc;

use hashbrown::HashMap;
use nats_jwt::nkey::{Kind, PublicKey};

use super::certificate::CertificateNames;
use super::distinguished_name::DistinguishedName;
use super::password::StoredPassword;
use super::{AuthError, AuthSetupError, Permissions};
use crate::options::{self, ConnectionType, ConnectionTypes, GLOBAL_ACCOUNT, Options};

/// All users of all accounts.
#[derive(Debug, Default)]
pub struct Users {
    by_name: HashMap<Arc<str>, User>,
    by_key: HashMap<Arc<str>, NkeyUser>,
    /// Users whose names are distinguished names, in the order of the file.
    distinguished: Vec<(DistinguishedName, Arc<str>)>,
}

/// A user with a name.
#[derive(Debug)]
pub struct User {
    pub name: Arc<str>,
    pub password: Arc<StoredPassword>,
    pub rights: Rights,
}

/// A user with a key.
#[derive(Debug)]
pub struct NkeyUser {
    pub text: Arc<str>,
    pub key: PublicKey,
    pub rights: Rights,
}

/// Where a user belongs, what it may do and how it must come.
#[derive(Debug)]
pub struct Rights {
    pub account: Arc<str>,
    pub permissions: Option<Arc<Permissions>>,
    allowed_connection_types: ConnectionTypes,
    proxy_required: bool,
}

impl Users {
    /// Compiles the users of the `authorization` block and of the accounts.
    pub fn new(options: &Options) -> Result<Self, AuthSetupError> {
        let mut users = Self::default();
        let authorization = &options.authorization;
        let global: Arc<str> = GLOBAL_ACCOUNT.into();
        users.add(&global, &authorization.users, &authorization.nkeys)?;
        for account in &options.accounts {
            users.add(
                &account.name.as_str().into(),
                &account.users,
                &account.nkeys,
            )?;
        }
        Ok(users)
    }

    pub fn has_names(&self) -> bool {
        !self.by_name.is_empty()
    }

    pub fn has_keys(&self) -> bool {
        !self.by_key.is_empty()
    }

    pub fn by_name(&self, name: &str) -> Option<&User> {
        self.by_name.get(name)
    }

    pub fn by_key(&self, key: &str) -> Option<&NkeyUser> {
        self.by_key.get(key)
    }

    /// All users with a name, in no order.
    pub fn named(&self) -> impl Iterator<Item = &User> {
        self.by_name.values()
    }

    /// The user that a certificate stands for: e-mail addresses, host names, URIs, the distinguished name, the same in another
    /// order, the subject as Go prints it with domain components, and without. Users that may not come by this kind of
    /// connection are not there.
    pub fn by_certificate(
        &self,
        names: &CertificateNames,
        connection_type: ConnectionType,
    ) -> Result<&User, AuthError> {
        let find = |name: &str| {
            self.by_name(name)
                .filter(|user| !name.is_empty() && user.rights.permits(connection_type))
        };
        let mut alternatives = names.alternatives.iter();
        if let Some(user) = alternatives.find_map(|name| find(name.as_str())) {
            return Ok(user);
        }
        if let Some(user) = self.by_distinguished_name(names, &find)? {
            return Ok(user);
        }
        let domain = names.subject_and_domain.as_deref();
        domain
            .and_then(find)
            .or_else(|| find(&names.subject))
            .ok_or_else(|| AuthError::CertificateUnknown(names.subject.clone()))
    }

    /// Two users for one certificate are a mistake in the configuration; the reference picks either at random, we pick none.
    fn by_distinguished_name<'a>(
        &'a self,
        names: &CertificateNames,
        find: &impl Fn(&str) -> Option<&'a User>,
    ) -> Result<Option<&'a User>, AuthError> {
        let Some(wanted) = &names.distinguished else {
            return Ok(None);
        };
        let those = |matches: fn(&DistinguishedName, &DistinguishedName) -> bool| {
            self.distinguished
                .iter()
                .filter(|(name, _)| matches(name, wanted))
                .filter_map(|(_, user)| find(user))
                .collect::<Vec<_>>()
        };
        for found in [those(|a, b| a == b), those(DistinguishedName::is_reordered)] {
            match found.as_slice() {
                [] => {}
                [user] => return Ok(Some(user)),
                _ => return Err(AuthError::CertificateAmbiguous(names.subject.clone())),
            }
        }
        Ok(None)
    }

    fn add(
        &mut self,
        account: &Arc<str>,
        users: &[options::User],
        nkeys: &[options::NkeyUser],
    ) -> Result<(), AuthSetupError> {
        for user in users {
            let name: Arc<str> = user.name.as_str().into();
            if let Some(distinguished) = DistinguishedName::parse(&name) {
                self.distinguished.push((distinguished, name.clone()));
            }
            let entry = User {
                name: name.clone(),
                password: Arc::new(StoredPassword::new(&user.password)),
                rights: Rights::new(
                    account,
                    user.permissions.as_ref(),
                    &user.allowed_connection_types,
                    user.proxy_required,
                ),
            };
            if self.by_name.insert(name, entry).is_some() {
                return Err(AuthSetupError::DuplicateUser(user.name.clone()));
            }
        }
        for user in nkeys {
            let text: Arc<str> = user.nkey.as_str().into();
            let key = PublicKey::parse_kind(&text, Kind::User)
                .map_err(|why| AuthSetupError::BadNkey(user.nkey.clone(), why))?;
            let entry = NkeyUser {
                text: text.clone(),
                key,
                rights: Rights::new(
                    account,
                    user.permissions.as_ref(),
                    &user.allowed_connection_types,
                    user.proxy_required,
                ),
            };
            if self.by_key.insert(text, entry).is_some() {
                return Err(AuthSetupError::DuplicateUser(user.nkey.clone()));
            }
        }
        Ok(())
    }
}

impl Rights {
    fn new(
        account: &Arc<str>,
        permissions: Option<&options::Permissions>,
        allowed_connection_types: &ConnectionTypes,
        proxy_required: bool,
    ) -> Self {
        Self {
            account: account.clone(),
            permissions: permissions.map(|p| Arc::new(Permissions::new(p))),
            allowed_connection_types: allowed_connection_types.clone(),
            proxy_required,
        }
    }

    /// Whether a connection of this kind may be this user.
    pub fn permits(&self, connection_type: ConnectionType) -> bool {
        match &self.allowed_connection_types {
            ConnectionTypes::Any => true,
            ConnectionTypes::Only(types) => types.contains(&connection_type),
        }
    }

    /// Whether a connection of this kind, through a trusted proxy or not, may be this user.
    pub fn check(&self, connection_type: ConnectionType, proxied: bool) -> Result<(), AuthError> {
        if !self.permits(connection_type) {
            return Err(AuthError::ConnectionTypeNotAllowed);
        }
        if self.proxy_required && !proxied {
            return Err(AuthError::ProxyRequired);
        }
        Ok(())
    }
}
