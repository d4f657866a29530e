//! What every foreign client does: log in with each form of credentials, exchange messages, survive a restart.

use std::path::Path;

use nats_jwt::creds::Creds;

use crate::peer::Peer;
use crate::server::{Launch, Server};
use crate::tls::Authority;
use crate::trust::{Account, Operator, User, now};

/// One form of credentials: the server that asks for it, and what the client is told, right and wrong.
pub struct Form {
    pub name: &'static str,
    pub server: Server,
    /// JSON for `NATS_LOGIN`.
    pub right: String,
    /// JSON for `NATS_LOGIN` that must be refused, where there is such a thing.
    pub wrong: Option<String>,
}

/// Every form of credentials.
pub fn forms() -> Vec<Form> {
    let mut forms = vec![none(), password(), token(), nkey(), credentials_file()];
    forms.extend(encrypted());
    forms
}

fn none() -> Form {
    Form {
        name: "no credentials",
        server: Server::start(""),
        right: "{}".to_owned(),
        wrong: None,
    }
}

fn password() -> Form {
    Form {
        name: "user and password",
        server: Server::start("authorization { users: [ { user: alice, password: \"s3cr3t\" } ] }"),
        right: r#"{"user":"alice","pass":"s3cr3t"}"#.to_owned(),
        wrong: Some(r#"{"user":"alice","pass":"other"}"#.to_owned()),
    }
}

fn token() -> Form {
    Form {
        name: "token",
        server: Server::start("authorization { token: \"t0ken\" }"),
        right: r#"{"token":"t0ken"}"#.to_owned(),
        wrong: Some(r#"{"token":"other"}"#.to_owned()),
    }
}

/// Two published test keys: the first is configured.
const PUBLIC: &str = "UCSTG5CRF5GEJERAFKUUYRODGABTBVWY2NPE4GGKRQVQOH74PIAKTVKO";
const SEED: &str = "SUACJN3OSKWWPQXME4JUNFJ3PARXPO657GGNWNU7PK7G3AUQQYHLW26XH4";
const OTHER_SEED: &str = "SUADZTYQAKTY5NQM7XRB5XR3C24M6ROGZLBZ6P5HJJSSOFUGC5YXOOECOM";

fn nkey() -> Form {
    Form {
        name: "nkey",
        server: Server::start(&format!(
            "authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}"
        )),
        right: format!(r#"{{"seed":"{SEED}"}}"#),
        wrong: Some(format!(r#"{{"seed":"{OTHER_SEED}"}}"#)),
    }
}

/// A `.creds` file as we write them, of a user of an operator's account; and one of a user whom the account revoked.
fn credentials_file() -> Form {
    let operator = Operator::new();
    let mut account = Account::new("A");
    let (user, revoked) = (account.user("u"), account.user("revoked"));
    account.claims.nats.revocations.revoke(&revoked.id(), now());
    let launch = Launch::new(&operator.in_memory(&[&account]));
    let login = |name: &str, user: User| {
        let path = launch.dir().join(format!("{name}.creds"));
        let creds = Creds {
            jwt: user.token.into(),
            key: user.key,
        };
        creds.write(&path).expect("the folder can be written");
        format!(r#"{{"creds":"{}"}}"#, path.display())
    };
    Form {
        name: "credentials file",
        right: login("u", user),
        wrong: Some(login("revoked", revoked)),
        server: launch.start(),
    }
}

fn encrypted() -> [Form; 2] {
    let authority = Authority::new("test authority");
    let pems = "cert_file: '$DIR/server-cert.pem', key_file: '$DIR/server-key.pem'";
    let launch = |extra: &str| {
        let launch =
            Launch::new(&format!("tls {{ {pems}{extra} }}")).file("ca.pem", &authority.pem());
        authority.server().write(launch.dir(), "server");
        authority.client("peer").write(launch.dir(), "client");
        launch.start()
    };
    let (plain, mutual) = (launch(""), launch(", ca_file: '$DIR/ca.pem', verify: true"));
    let file = |dir: &Path, name: &str| dir.join(name).display().to_string();
    let authority_of = |dir: &Path| format!(r#"{{"ca":"{}"}}"#, file(dir, "ca.pem"));
    let mutual_login = format!(
        r#"{{"ca":"{}","cert":"{}","key":"{}"}}"#,
        file(mutual.dir(), "ca.pem"),
        file(mutual.dir(), "client-cert.pem"),
        file(mutual.dir(), "client-key.pem")
    );
    [
        Form {
            name: "TLS",
            right: authority_of(plain.dir()),
            // The other server's folder holds the same authority: an empty login trusts nobody.
            wrong: Some("{}".to_owned()),
            server: plain,
        },
        Form {
            name: "TLS with a client certificate",
            right: mutual_login,
            wrong: Some(authority_of(mutual.dir())),
            server: mutual,
        },
    ]
}

/// Logs in with every form of credentials, and is refused with wrong ones.
#[track_caller]
pub fn log_in_with_every_form(peer: &Peer) {
    for form in forms() {
        eprintln!("log in: {}", form.name);
        peer.run("login", &form.server, &form.right);
        if let Some(wrong) = &form.wrong {
            peer.run("refused", &form.server, wrong);
        }
    }
}

/// Publishes, subscribes, requests, with headers, in queue groups, and drains.
#[track_caller]
pub fn exchange_messages(peer: &Peer) {
    peer.run("messaging", &Server::start(""), "{}");
}

/// Comes back after the server was killed and started again on the same port.
#[track_caller]
pub fn survive_a_restart(peer: &Peer) {
    let first = Server::start("");
    let port = first.client_port();
    let mut task = peer.start("reconnect", &first, "{}");
    task.wait_until_ready();
    first.kill();
    let _second = Launch::new("").port(port).start();
    task.finish();
}

const JETSTREAM: &str = "jetstream { store_dir: '$DIR/data' }";

/// Works with streams, key-value buckets and object stores.
#[track_caller]
pub fn store_things(peer: &Peer) {
    for task in ["streams", "buckets", "objects"] {
        eprintln!("store things: {task}");
        peer.run(task, &Server::start(JETSTREAM), "{}");
    }
}

/// Goes on with a stream after the server was killed and started again on the same port and in the same folder.
#[track_caller]
pub fn find_stored_things_after_a_kill(peer: &Peer) {
    let port = Server::start("").client_port();
    let mut server = Launch::new(JETSTREAM)
        .port(port)
        .allow_log("JetStream|[Cc]onsumer|[Ss]tream")
        .start();
    let mut task = peer.start("stored_restart", &server, "{}");
    task.wait_until_ready();
    server.restart();
    task.finish();
}
