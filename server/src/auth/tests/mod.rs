//! Builders for the tests of this room.

mod admission;
mod certificates;
mod matrix;
mod permissions;
mod reload;

use std::sync::Arc;

use nats_jwt::nkey::{KeyPair, Kind};
use nats_proto::info::ConnectOptions;
use rustls_pki_types::CertificateDer;

use super::*;
use crate::options::{self, Account, ConnectionType, ConnectionTypes, NkeyUser, Options, User};

const NONCE: &[u8] = b"PXoWU7zWAMt75FY";

fn user(name: &str, password: &str) -> User {
    User {
        name: name.to_owned(),
        password: password.into(),
        permissions: None,
        allowed_connection_types: ConnectionTypes::Any,
        proxy_required: false,
    }
}

fn nkey_user(key: &KeyPair) -> NkeyUser {
    NkeyUser {
        nkey: key.public_key().to_string(),
        permissions: None,
        allowed_connection_types: ConnectionTypes::Any,
        proxy_required: false,
    }
}

fn account(name: &str, users: Vec<User>) -> Account {
    Account {
        name: name.to_owned(),
        users,
        ..Account::default()
    }
}

fn key() -> KeyPair {
    KeyPair::generate(Kind::User).expect("random bytes")
}

fn with_users(users: Vec<User>) -> Options {
    let mut options = Options::default();
    options.authorization.defined = true;
    options.authorization.users = users;
    options
}

fn authenticator(options: &Options) -> Authenticator {
    Authenticator::new(options).expect("the options are sound")
}

/// A client: what it sends, and how it is connected.
#[derive(Clone)]
struct Client {
    connect: ConnectOptions,
    nonce: Vec<u8>,
    certificates: Vec<CertificateDer<'static>>,
    tls: bool,
    connection_type: ConnectionType,
}

fn nobody() -> Client {
    Client {
        connect: ConnectOptions::default(),
        nonce: NONCE.to_vec(),
        certificates: Vec::new(),
        tls: false,
        connection_type: ConnectionType::Standard,
    }
}

fn with_password(user: &str, password: &str) -> Client {
    let mut client = nobody();
    client.connect.user = user.to_owned();
    client.connect.pass = password.to_owned();
    client
}

fn with_token(token: &str) -> Client {
    let mut client = nobody();
    client.connect.auth_token = token.to_owned();
    client
}

fn with_key(key: &KeyPair) -> Client {
    let mut client = nobody();
    client.connect.nkey = key.public_key().to_string();
    client.connect.sig = key.sign_text(NONCE);
    client
}

fn run(check: SlowCheck) -> Result<Identity, AuthError> {
    match check.into_work() {
        Work::Compare(comparison) => comparison.run(),
        Work::Wait(_) => panic!("nobody else is asked here"),
    }
}

impl Client {
    fn verdict(&self, authenticator: &Authenticator) -> Verdict {
        authenticator.check(&Credentials {
            connect: &self.connect,
            nonce: &self.nonce,
            certificates: &self.certificates,
            tls: self.tls,
            connection_type: self.connection_type,
            remote: None,
        })
    }

    /// The final answer, slow comparisons included.
    fn ask(&self, authenticator: &Authenticator) -> Result<Identity, AuthError> {
        match self.verdict(authenticator) {
            Verdict::Accepted(identity) => Ok(identity),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::Slow(check) => run(check),
        }
    }

    /// `account/user` or the refusal.
    fn asks(&self, options: &Options) -> Result<String, AuthError> {
        let identity = self.ask(&authenticator(options))?;
        Ok(format!(
            "{}/{}",
            identity.account,
            identity.user().unwrap_or("-")
        ))
    }
}

fn accepted(as_whom: &str) -> Result<String, AuthError> {
    Ok(as_whom.to_owned())
}

fn bcrypt_of(password: &str) -> String {
    bcrypt::hash(password, 4).expect("cost 4 is allowed")
}

/// `allow` and `deny` in the spelling of the configuration: `subject` or `subject queue`.
fn subjects(allow: Option<&[&str]>, deny: &[&str]) -> options::SubjectPermission {
    let grant = |text: &&str| {
        let (subject, queue) = match text.split_once(' ') {
            Some((subject, queue)) => (subject, Some(queue.to_owned())),
            None => (*text, None),
        };
        options::SubjectGrant {
            subject: subject.to_owned(),
            queue,
        }
    };
    options::SubjectPermission {
        allow: allow.map(|list| list.iter().map(grant).collect()),
        deny: deny.iter().map(grant).collect(),
    }
}

fn publish(allow: Option<&[&str]>, deny: &[&str]) -> options::Permissions {
    options::Permissions {
        publish: Some(subjects(allow, deny)),
        ..options::Permissions::default()
    }
}

fn subscribe(allow: Option<&[&str]>, deny: &[&str]) -> options::Permissions {
    options::Permissions {
        subscribe: Some(subjects(allow, deny)),
        ..options::Permissions::default()
    }
}

fn arc(text: &str) -> Arc<str> {
    text.into()
}
