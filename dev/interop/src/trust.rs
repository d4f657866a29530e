//! Operators, accounts and users with their tokens, and how they log in.

use std::time::{SystemTime, UNIX_EPOCH};

use nats_jwt::claims::{AccountClaims, AnyClaims, OperatorClaims, UserClaims};
use nats_jwt::nkey::{KeyPair, Kind};
use serde_json::{Value, json};

use crate::{Link, Server, Wire};

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.expect("after 1970").as_secs()).expect("before the end of time")
}

/// A new key.
pub fn key(kind: Kind) -> KeyPair {
    KeyPair::generate(kind).expect("the system has randomness")
}

/// The text of a public key.
pub fn public(key: &KeyPair) -> String {
    key.public_key().to_string()
}

/// An operator with a system account.
pub struct Operator {
    pub key: KeyPair,
    pub claims: OperatorClaims,
    pub system: Account,
    /// When its token was made: another second is another token, with which no server reloads.
    issued: i64,
}

/// An account and its key. `claims` may be changed before a token is made.
pub struct Account {
    pub key: KeyPair,
    pub claims: AccountClaims,
}

/// A user, its key and its token.
pub struct User {
    pub key: KeyPair,
    pub token: String,
}

impl Operator {
    #[expect(clippy::new_without_default, reason = "makes keys")]
    pub fn new() -> Self {
        let key = key(Kind::Operator);
        let system = Account::new("SYS");
        let mut claims = OperatorClaims::new(public(&key));
        claims.name = "OP".into();
        claims.nats.system_account = system.id();
        Self {
            key,
            claims,
            system,
            issued: now(),
        }
    }

    /// The operator's own token. The same at all times, as long as nobody changes the claims.
    pub fn token(&self) -> String {
        self.claims
            .encode(&self.key, self.issued)
            .expect("a sound operator")
    }

    /// The token of an account.
    pub fn sign(&self, account: &Account) -> String {
        account.signed_by(&self.key)
    }

    /// A configuration with these accounts in memory.
    pub fn in_memory(&self, accounts: &[&Account]) -> String {
        self.preloaded("MEMORY", accounts)
    }

    /// A configuration with this resolver, and tokens that it starts with.
    pub fn preloaded(&self, resolver: &str, accounts: &[&Account]) -> String {
        let all = accounts.iter().copied().chain([&self.system]);
        let lines: Vec<_> = all
            .map(|account| format!("  {}: {}", account.id(), self.sign(account)))
            .collect();
        format!(
            "operator: {}\nresolver: {resolver}\nresolver_preload: {{\n{}\n}}\n",
            self.token(),
            lines.join("\n")
        )
    }

    /// A connection in the system account.
    pub fn system_wire(&self, server: &Server) -> Wire {
        self.system.user("sys").open(server)
    }

    /// Pushes the token of an account, and expects that it is taken.
    #[track_caller]
    pub fn push(&self, system: &mut Wire, account: &Account) {
        let answer = push_token(system, &account.id(), &self.sign(account));
        assert_eq!(answer["data"]["code"], 200, "{answer}");
    }
}

/// Pushes a token for an account; yields the answer.
#[track_caller]
pub fn push_token(system: &mut Wire, account: &str, token: &str) -> Value {
    let subject = format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.UPDATE");
    ask(system, &subject, token)
}

/// A request whose answer is JSON.
#[track_caller]
pub fn ask(wire: &mut Wire, subject: &str, body: &str) -> Value {
    let answer = ask_text(wire, subject, body);
    serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{subject}: {e}: {answer}"))
}

/// A request whose answer is text.
#[track_caller]
pub fn ask_text(wire: &mut Wire, subject: &str, body: &str) -> String {
    wire.subscribe("answers", "77");
    wire.publish_request(subject, "answers", body);
    let (_, payload) = wire.read_msg();
    wire.line("UNSUB 77");
    wire.flush();
    payload
}

impl Account {
    pub fn new(name: &str) -> Self {
        let key = key(Kind::Account);
        let mut claims = AccountClaims::new(public(&key));
        claims.name = name.to_owned();
        Self { key, claims }
    }

    pub fn id(&self) -> String {
        public(&self.key)
    }

    pub fn signed_by(&self, operator: &KeyPair) -> String {
        self.claims
            .encode(operator, now())
            .expect("a sound account")
    }

    /// A user with no limits, signed by the account itself.
    pub fn user(&self, name: &str) -> User {
        self.user_with(name, |_| {})
    }

    /// A user with whatever `change` makes of it.
    pub fn user_with(&self, name: &str, change: impl FnOnce(&mut UserClaims)) -> User {
        self.user_by(&self.key, name, change)
    }

    /// The same, signed by a signing key of the account.
    pub fn user_by(
        &self,
        signer: &KeyPair,
        name: &str,
        change: impl FnOnce(&mut UserClaims),
    ) -> User {
        let key = key(Kind::User);
        let mut claims = UserClaims::new(public(&key));
        claims.name = name.to_owned();
        if public(signer) != self.id() {
            claims.nats.issuer_account = self.id();
        }
        change(&mut claims);
        let token = claims.encode(signer, now()).expect("a sound user");
        User { key, token }
    }
}

impl User {
    /// The public key.
    pub fn id(&self) -> String {
        public(&self.key)
    }

    /// Fields of CONNECT: the token, and the signed nonce of this connection.
    pub fn fields(&self, wire: &Wire) -> String {
        let nonce = wire.info()["nonce"].as_str().expect("a nonce").to_owned();
        let sig = self.key.sign_text(nonce.as_bytes());
        format!(r#""jwt":"{}","sig":"{sig}""#, self.token)
    }

    /// A client of JetStream as this user.
    #[track_caller]
    pub fn link(&self, server: &Server) -> Link {
        let linked = Link::open_by(server.addr(), |info| {
            let nonce = info["nonce"].as_str().expect("a nonce");
            json!({"jwt": self.token, "sig": self.key.sign_text(nonce.as_bytes())})
        });
        linked.expect("the server lets the user in")
    }

    /// A connection as this user.
    #[track_caller]
    pub fn open(&self, server: &Server) -> Wire {
        let mut wire = Wire::connect(server);
        let fields = self.fields(&wire);
        wire.login(&fields);
        wire
    }

    /// The server does not want this user.
    #[track_caller]
    pub fn is_refused(&self, server: &Server) {
        let mut wire = Wire::connect(server);
        let fields = self.fields(&wire);
        wire.send_connect(&fields);
        wire.expect_err_and_close("Authorization Violation");
    }

    /// The token alone, as a bearer shows it.
    pub fn bearer_fields(&self) -> String {
        format!(r#""jwt":"{}""#, self.token)
    }
}

/// What a token says, for messages of tests.
pub fn shown(token: &str) -> String {
    nats_jwt::claims::decode(token)
        .map_or_else(|e| e.to_string(), |c: AnyClaims| c.to_pretty_json())
}
