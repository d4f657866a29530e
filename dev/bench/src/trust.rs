//! An operator with accounts and users: what a server in operator mode is set up with, and how its clients log in.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use nats_jwt::claims::{AccountClaims, OperatorClaims, UserClaims};
use nats_jwt::nkey::{KeyPair, Kind};

/// When all tokens were issued: both servers get the same.
const ISSUED: i64 = 1_700_000_000;
/// Where the server keeps the accounts' tokens.
const FOLDER: &str = "jwt";

/// An operator, its system account and its other accounts, with a user each.
#[derive(Debug)]
pub struct Trusted {
    operator: String,
    pub system: Member,
    pub members: Vec<Member>,
}

/// An account and a user of it.
#[derive(Debug)]
pub struct Member {
    /// Public key of the account.
    pub account: String,
    pub token: String,
    pub user: User,
}

/// A user and its token.
#[derive(Debug)]
pub struct User {
    key: KeyPair,
    token: String,
}

impl Trusted {
    pub fn new(accounts: usize) -> Result<Trusted> {
        let operator = KeyPair::generate(Kind::Operator)?;
        let system = Member::new(&operator, "SYS")?;
        let mut claims = OperatorClaims::new(operator.public_key().to_string());
        claims.name = "BENCH".to_owned();
        claims.nats.system_account.clone_from(&system.account);
        let members = (0..accounts).map(|n| Member::new(&operator, &format!("A{n}")));
        Ok(Trusted {
            operator: claims.encode(&operator, ISSUED)?,
            members: members.collect::<Result<_>>()?,
            system,
        })
    }

    /// What the configuration says about it.
    pub fn configuration(&self, interval: &str) -> String {
        let (operator, system) = (&self.operator, &self.system);
        format!(
            "operator: {operator}\nresolver: {{ type: full, dir: \"{FOLDER}\", interval: \"{interval}\" }}\nresolver_preload: {{ {}: {} }}\n",
            system.account, system.token
        )
    }

    /// Puts the tokens of all accounts where the server looks for them.
    pub fn write_tokens(&self, dir: &Path) -> Result<()> {
        let folder = dir.join(FOLDER);
        fs::create_dir(&folder)?;
        for member in &self.members {
            let path = folder.join(format!("{}.jwt", member.account));
            fs::write(&path, &member.token).with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

impl Member {
    fn new(operator: &KeyPair, name: &str) -> Result<Member> {
        let key = KeyPair::generate(Kind::Account)?;
        let account = key.public_key().to_string();
        let mut claims = AccountClaims::new(account.clone());
        claims.name = name.to_owned();
        let token = claims.encode(operator, ISSUED)?;
        let user = KeyPair::generate(Kind::User)?;
        let mut claims = UserClaims::new(user.public_key().to_string());
        claims.name = "u".to_owned();
        let user = User {
            token: claims.encode(&key, ISSUED)?,
            key: user,
        };
        Ok(Member {
            account,
            token,
            user,
        })
    }
}

impl User {
    /// Fields of CONNECT: the token, and the signed nonce of this INFO.
    pub fn login(&self, info: &[u8]) -> Result<String> {
        let json = info.strip_prefix(b"INFO ").context("no INFO")?;
        let info: serde_json::Value = serde_json::from_slice(json)?;
        let nonce = info["nonce"].as_str().context("INFO without a nonce")?;
        let signature = self.key.sign_text(nonce.as_bytes());
        Ok(format!(
            "\"jwt\":\"{}\",\"sig\":\"{signature}\",",
            self.token
        ))
    }
}
