//! Authentication, permissions and TLS of an embedded server, end to end over real sockets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nats_jwt::nkey::{KeyPair, Kind};
use nats_server::Server;
use nats_server::options::{
    Account, CertificatePair, HandshakeFirst, NkeyUser, Options, Permissions, ResponsePermission,
    SubjectGrant, SubjectPermission, Tls, User,
};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair as TlsKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long anything here may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

trait Bytes: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytes for T {}

/// A client that speaks the protocol by hand.
struct Wire {
    stream: BufReader<Box<dyn Bytes>>,
    info: serde_json::Value,
}

impl Wire {
    async fn open(server: &Server) -> Self {
        Self::over(Box::new(tcp(server).await)).await
    }

    async fn over(stream: Box<dyn Bytes>) -> Self {
        let mut wire = Self {
            stream: BufReader::new(stream),
            info: serde_json::Value::Null,
        };
        let line = wire.line().await;
        let json = line.strip_prefix("INFO ").expect("INFO comes first");
        wire.info = serde_json::from_str(json).expect("INFO is JSON");
        wire
    }

    /// INFO, then TLS as this client, in the usual order.
    async fn open_tls(server: &Server, tls: &Arc<rustls::ClientConfig>) -> std::io::Result<Self> {
        let plain = Self::open(server).await;
        assert_eq!(plain.info["tls_required"], true);
        let info = plain.info;
        let stream = shake(tls, plain.stream.into_inner()).await?;
        Ok(Self {
            stream: BufReader::new(Box::new(stream)),
            info,
        })
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("sent");
        self.stream.flush().await.expect("sent");
    }

    async fn connect(&mut self, fields: serde_json::Value) {
        let mut connect = serde_json::json!({"verbose": false, "pedantic": false, "headers": true});
        for (key, value) in fields.as_object().expect("an object") {
            connect[key] = value.clone();
        }
        self.send(&format!("CONNECT {connect}\r\n")).await;
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
        read.expect("a line in time").expect("a readable stream");
        line.trim_end().to_owned()
    }

    /// Everything that arrives up to the answer to a PING.
    async fn until_pong(&mut self) -> Vec<String> {
        self.send("PING\r\n").await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            assert!(!line.is_empty(), "closed after {lines:?}");
            match line.as_str() {
                "PONG" => return lines,
                "PING" => self.send("PONG\r\n").await,
                _ => lines.push(line),
            }
        }
    }

    /// What arrives before the server closes.
    async fn until_closed(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, self.stream.read_line(&mut line)).await;
            match read.expect("closed in time") {
                Ok(0) | Err(_) => return lines,
                Ok(_) if line == "PING\r\n" => {}
                Ok(_) => lines.push(line.trim_end().to_owned()),
            }
        }
    }
}

async fn tcp(server: &Server) -> TcpStream {
    TcpStream::connect(server.client_address())
        .await
        .expect("connected")
}

async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
    tls: &Arc<rustls::ClientConfig>,
    stream: S,
) -> std::io::Result<tokio_rustls::client::TlsStream<S>> {
    let name = ServerName::try_from("localhost").expect("a name");
    TlsConnector::from(tls.clone()).connect(name, stream).await
}

async fn start(options: Options) -> Server {
    Server::builder()
        .options(options)
        .listen("127.0.0.1", 0)
        .start()
        .await
        .expect("started")
}

/// Takes on other options, as a reload does.
async fn apply(server: &Server, options: Options) {
    let core = server.core.clone();
    let options = Options {
        listen: core.options().listen.clone(),
        ..options
    };
    let applied = tokio::task::spawn_blocking(move || core.apply(options)).await;
    let round = applied.expect("no panic").expect("sound options");
    let waited = tokio::task::spawn_blocking(move || round.wait(Duration::from_secs(60))).await;
    assert!(waited.expect("no panic"), "connections took them on");
}

fn user(name: &str, password: &str) -> User {
    User {
        name: name.to_owned(),
        password: password.into(),
        permissions: None,
        allowed_connection_types: Default::default(),
        proxy_required: false,
    }
}

fn with_users(users: Vec<User>) -> Options {
    let mut options = Options::default();
    options.authorization.defined = true;
    options.authorization.users = users;
    options
}

fn limited(name: &str, permissions: Permissions) -> User {
    User {
        permissions: Some(permissions),
        ..user(name, "pw")
    }
}

fn list(texts: &[&str]) -> Vec<SubjectGrant> {
    let grant = |text: &&str| match text.split_once(' ') {
        Some((subject, queue)) => (subject.to_string(), Some(queue.to_owned())),
        None => (text.to_string(), None),
    };
    let grants = texts.iter().map(grant);
    grants
        .map(|(subject, queue)| SubjectGrant { subject, queue })
        .collect()
}

fn subscribe(allow: Option<&[&str]>, deny: &[&str]) -> Permissions {
    Permissions {
        subscribe: Some(SubjectPermission {
            allow: allow.map(list),
            deny: list(deny),
        }),
        ..Permissions::default()
    }
}

fn publish(allow: &[&str]) -> Permissions {
    Permissions {
        publish: Some(SubjectPermission {
            allow: Some(list(allow)),
            deny: Vec::new(),
        }),
        ..Permissions::default()
    }
}

fn login(name: &str) -> serde_json::Value {
    serde_json::json!({"user": name, "pass": "pw"})
}

/// A certificate authority, its files, and clients that trust it.
struct Pki {
    folder: TempDir,
    issuer: Issuer<'static, TlsKey>,
    root: CertificateDer<'static>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = TlsKey::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), root.pem()).expect("written");
        Self {
            folder,
            root: root.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A pair under this file name, in the name of `subject` (an e-mail address or host).
    fn issue(&self, name: &str, subject: &str) -> CertificatePair {
        let mut params = CertificateParams::default();
        let alternative = match subject.contains('@') {
            true => rcgen::SanType::Rfc822Name(subject.try_into().expect("ASCII")),
            false => rcgen::SanType::DnsName(subject.try_into().expect("ASCII")),
        };
        params.subject_alt_names = vec![alternative];
        let key = TlsKey::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let pair = CertificatePair {
            cert_file: self.file(&format!("{name}.crt")),
            key_file: self.file(&format!("{name}.key")),
        };
        std::fs::write(&pair.cert_file, certificate.pem()).expect("written");
        std::fs::write(&pair.key_file, key.serialize_pem()).expect("written");
        pair
    }

    fn block(&self) -> Tls {
        Tls {
            certificates: vec![self.issue("server", "localhost")],
            timeout: PATIENCE,
            ..Tls::default()
        }
    }

    fn client(&self, own: Option<&CertificatePair>) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.root.clone()).expect("a root");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match own {
            Some(pair) => {
                let chain = CertificateDer::from_pem_file(&pair.cert_file).expect("a certificate");
                let key = PrivateKeyDer::from_pem_file(&pair.key_file).expect("a key");
                builder
                    .with_client_auth_cert(vec![chain], key)
                    .expect("a pair")
            }
            None => builder.with_no_client_auth(),
        };
        Arc::new(config)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_decide_who_gets_in() {
    let key = KeyPair::generate(Kind::User).expect("random bytes");
    let hash = bcrypt::hash("pw", 4).expect("cost 4 is allowed");
    let mut options = with_users(vec![user("plain", "pw"), user("hashed", &hash)]);
    options.authorization.nkeys = vec![NkeyUser {
        nkey: key.public_key().to_string(),
        permissions: None,
        allowed_connection_types: Default::default(),
        proxy_required: false,
    }];
    let server = start(options).await;
    for name in ["plain", "hashed"] {
        let mut good = Wire::open(&server).await;
        assert_eq!(good.info["auth_required"], true);
        good.connect(login(name)).await;
        assert_eq!(good.until_pong().await, [""; 0]);
        let mut bad = Wire::open(&server).await;
        bad.connect(serde_json::json!({"user": name, "pass": "no"}))
            .await;
        assert_eq!(bad.until_closed().await, ["-ERR 'Authorization Violation'"]);
    }
    let mut signer = Wire::open(&server).await;
    let nonce = signer.info["nonce"].as_str().expect("a nonce").to_owned();
    let sign = |nonce: &str| {
        serde_json::json!({
            "nkey": key.public_key().to_string(),
            "sig": key.sign_text(nonce.as_bytes()),
        })
    };
    signer.connect(sign(&nonce)).await;
    assert_eq!(signer.until_pong().await, [""; 0]);
    // The signature of one connection is worth nothing on another.
    let mut thief = Wire::open(&server).await;
    thief.connect(sign(&nonce)).await;
    assert_eq!(
        thief.until_closed().await,
        ["-ERR 'Authorization Violation'"]
    );
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_before_connect_the_rules_of_no_auth_user_hold() {
    let mut options = with_users(vec![limited("guest", publish(&["ok"])), user("boss", "pw")]);
    options.no_auth_user = Some("guest".into());
    let server = start(options).await;
    let mut boss = Wire::open(&server).await;
    assert_eq!(boss.info["auth_required"], serde_json::Value::Null);
    boss.connect(login("boss")).await;
    boss.send("SUB > 1\r\n").await;
    assert_eq!(boss.until_pong().await, [""; 0]);

    let mut guest = Wire::open(&server).await;
    guest.send("PUB no 1\r\nx\r\nPUB ok 1\r\ny\r\n").await;
    assert_eq!(
        guest.until_pong().await,
        ["-ERR 'Permissions Violation for Publish to \"no\"'", "+OK"]
    );
    assert_eq!(boss.until_pong().await, ["MSG ok 1 1", "y"]);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_what_is_denied_inside_a_wide_subscription_does_not_arrive() {
    let readers = [
        limited("deny", subscribe(None, &["foo.secret", "foo.*.secret"])),
        limited("allow", subscribe(Some(&["foo.*"]), &["foo.secret"])),
        limited("queue", subscribe(Some(&["foo.>"]), &["foo.secret q"])),
    ];
    let mut users = vec![user("writer", "pw")];
    users.extend(readers);
    let server = start(with_users(users)).await;
    let mut deny = Wire::open(&server).await;
    deny.connect(login("deny")).await;
    deny.send("SUB foo.> 1\r\nSUB foo.* q 2\r\nSUB foo.secret 3\r\n")
        .await;
    assert_eq!(
        deny.until_pong().await,
        ["-ERR 'Permissions Violation for Subscription to \"foo.secret\"'"]
    );
    let mut allow = Wire::open(&server).await;
    allow.connect(login("allow")).await;
    allow.send("SUB foo.> 1\r\nSUB foo.* 2\r\n").await;
    assert_eq!(
        allow.until_pong().await,
        ["-ERR 'Permissions Violation for Subscription to \"foo.>\"'"]
    );
    let mut queue = Wire::open(&server).await;
    queue.connect(login("queue")).await;
    queue
        .send("SUB foo.* q 1\r\nSUB foo.* r 2\r\nSUB foo.a _sys_ 3\r\n")
        .await;
    assert_eq!(
        queue.until_pong().await,
        ["-ERR 'Permissions Violation for Subscription to \"foo.a\" using queue \"_sys_\"'"]
    );

    let mut writer = Wire::open(&server).await;
    writer.connect(login("writer")).await;
    writer
        .send("PUB foo.secret 1\r\ns\r\nPUB foo.a.secret 1\r\ns\r\nPUB foo.open 1\r\no\r\n")
        .await;
    writer.until_pong().await;
    let subjects = |lines: Vec<String>| {
        let heads = lines.into_iter().filter(|line| line.starts_with("MSG"));
        let mut heads: Vec<_> = heads.collect();
        heads.sort();
        heads
    };
    let got = subjects(deny.until_pong().await);
    assert_eq!(
        got.iter().filter(|l| l.contains("secret")).count(),
        0,
        "{got:?}"
    );
    assert!(got.contains(&"MSG foo.open 1 1".to_owned()), "{got:?}");
    assert_eq!(subjects(allow.until_pong().await), ["MSG foo.open 2 1"]);
    // In group q nothing secret; in group r, where nobody denies it, yes.
    let got = subjects(queue.until_pong().await);
    assert!(got.contains(&"MSG foo.secret 2 1".to_owned()), "{got:?}");
    assert!(!got.contains(&"MSG foo.secret 1 1".to_owned()), "{got:?}");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_may_be_sent_as_often_as_allowed() {
    let service = Permissions {
        publish: Some(SubjectPermission {
            allow: Some(Vec::new()),
            deny: Vec::new(),
        }),
        allow_responses: Some(ResponsePermission {
            max_msgs: Some(2),
            expires: None,
        }),
        ..Permissions::default()
    };
    let server = start(with_users(vec![
        limited("service", service),
        user("asker", "pw"),
    ]))
    .await;
    let mut service = Wire::open(&server).await;
    service.connect(login("service")).await;
    service.send("SUB req 1\r\nPUB _INBOX.1 1\r\nx\r\n").await;
    let denied = "-ERR 'Permissions Violation for Publish to \"_INBOX.1\"'";
    assert_eq!(service.until_pong().await, [denied]);
    let mut asker = Wire::open(&server).await;
    asker.connect(login("asker")).await;
    asker
        .send("SUB _INBOX.1 1\r\nPUB req _INBOX.1 1\r\nq\r\n")
        .await;
    asker.until_pong().await;
    assert_eq!(service.line().await, "MSG req 1 _INBOX.1 1");
    assert_eq!(service.line().await, "q");
    for _ in 0..3 {
        service.send("PUB _INBOX.1 1\r\na\r\n").await;
    }
    assert_eq!(service.until_pong().await, [denied]);
    let answers = ["MSG _INBOX.1 1 1", "a", "MSG _INBOX.1 1 1", "a"];
    assert_eq!(asker.until_pong().await, answers);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_from_live_connections_what_they_may_no_longer() {
    let before = with_users(vec![
        user("stays", "pw"),
        user("narrowed", "pw"),
        user("gone", "pw"),
    ]);
    let server = start(before).await;
    let mut clients = Vec::new();
    for name in ["stays", "narrowed", "gone"] {
        let mut client = Wire::open(&server).await;
        client.connect(login(name)).await;
        client.send("SUB a 1\r\nSUB b 2\r\n").await;
        assert_eq!(client.until_pong().await, [""; 0]);
        clients.push(client);
    }
    let narrowed = limited("narrowed", subscribe(Some(&["b"]), &[]));
    apply(&server, with_users(vec![user("stays", "pw"), narrowed])).await;
    let [stays, narrowed, gone] = clients.as_mut_slice() else {
        unreachable!("three clients")
    };
    assert_eq!(
        gone.until_closed().await,
        ["-ERR 'Authorization Violation'"]
    );
    assert_eq!(
        narrowed.line().await,
        "-ERR 'Permissions Violation for Subscription to \"a\" (sid \"1\")'"
    );
    stays.send("PUB a 1\r\nx\r\nPUB b 1\r\ny\r\n").await;
    let both = ["MSG a 1 1", "x", "MSG b 2 1", "y"];
    assert_eq!(stays.until_pong().await, both);
    assert_eq!(narrowed.until_pong().await, ["MSG b 2 1", "y"]);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn when_a_reload_is_over_no_connection_lives_by_the_old_rules() {
    const CLIENTS: usize = 100;
    let users = |subjects: &[&str]| {
        let narrowed = limited("narrowed", subscribe(Some(subjects), &[]));
        with_users(vec![narrowed, user("gone", "pw")])
    };
    let server = start(users(&["a", "b"])).await;
    let mut clients = Vec::new();
    for at in 0..CLIENTS {
        let mut client = Wire::open(&server).await;
        client.connect(login(["narrowed", "gone"][at % 2])).await;
        client.send("SUB a 1\r\nSUB b 2\r\n").await;
        assert_eq!(client.until_pong().await, [""; 0]);
        clients.push(client);
    }
    // It has not said who it is and holds up nobody.
    let _silent = Wire::open(&server).await;
    let mut options = users(&["b"]);
    options.authorization.users.pop();
    options.listen = server.core.options().listen.clone();
    let core = server.core.clone();
    let reloaded = tokio::task::spawn_blocking(move || {
        let account = core.accounts.find("$G").expect("the global account");
        let hold = |subject: &[u8]| account.interest.matches(subject).plain().len();
        let before = (hold(b"a"), hold(b"b"));
        let round = core.apply(options).expect("sound options");
        let is_over = round.wait(Duration::from_secs(60));
        (before, is_over, (hold(b"a"), hold(b"b")))
    });
    let (before, is_over, after) = reloaded.await.expect("no panic");
    assert_eq!(before, (CLIENTS, CLIENTS));
    assert!(is_over, "nobody is stuck");
    assert_eq!(after, (0, CLIENTS / 2));
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn turning_authentication_on_sends_away_who_showed_nothing() {
    let server = start(Options::default()).await;
    let mut silent = Wire::open(&server).await;
    silent.send("SUB a 1\r\n").await;
    assert_eq!(silent.until_pong().await, ["+OK"]);
    let mut named = Wire::open(&server).await;
    named.connect(login("bob")).await;
    assert_eq!(named.until_pong().await, [""; 0]);
    apply(&server, with_users(vec![user("bob", "pw")])).await;
    assert_eq!(
        silent.until_closed().await,
        ["-ERR 'Authorization Violation'"]
    );
    assert_eq!(named.until_pong().await, [""; 0]);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_hashed_passwords_do_not_stop_those_who_are_in() {
    let hash = bcrypt::hash("pw", 8).expect("cost 8 is allowed");
    let server = start(with_users(vec![user("a", &hash), user("in", "pw")])).await;
    let mut inside = Wire::open(&server).await;
    inside.connect(login("in")).await;
    inside.send("SUB a 1\r\n").await;
    assert_eq!(inside.until_pong().await, [""; 0]);
    let mut guessers = Vec::new();
    for guess in 0..64 {
        let mut wire = Wire::open(&server).await;
        let name = ["a", "nobody"][guess % 2];
        wire.connect(serde_json::json!({"user": name, "pass": guess.to_string()}))
            .await;
        guessers.push(wire);
    }
    for n in 0..50 {
        inside.send(&format!("PUB a 2\r\n{n:02}\r\n")).await;
        assert_eq!(
            inside.until_pong().await,
            ["MSG a 1 2".to_owned(), format!("{n:02}")]
        );
    }
    for wire in &mut guessers {
        assert_eq!(
            wire.until_closed().await,
            ["-ERR 'Authorization Violation'"]
        );
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_makes_the_user() {
    let pki = Pki::new();
    let acme = Account {
        name: "ACME".into(),
        users: vec![User {
            permissions: Some(publish(&["ok"])),
            ..user("bob@acme", "")
        }],
        ..Account::default()
    };
    let tls = Tls {
        verify: true,
        verify_and_map: true,
        ca_file: Some(pki.file("ca.pem")),
        ..pki.block()
    };
    let options = Options {
        accounts: vec![acme],
        tls: Some(tls),
        ..Options::default()
    };
    let server = start(options).await;
    let bob = pki.client(Some(&pki.issue("bob", "bob@acme")));
    let mut wire = Wire::open_tls(&server, &bob).await.expect("shaken");
    assert_eq!(wire.info["tls_verify"], true);
    wire.connect(serde_json::json!({})).await;
    wire.send("PUB ok 1\r\nx\r\nPUB no 1\r\nx\r\n").await;
    assert_eq!(
        wire.until_pong().await,
        ["-ERR 'Permissions Violation for Publish to \"no\"'"]
    );
    let eve = pki.client(Some(&pki.issue("eve", "eve@acme")));
    let mut wire = Wire::open_tls(&server, &eve).await.expect("shaken");
    wire.connect(serde_json::json!({"user": "bob@acme"})).await;
    assert_eq!(
        wire.until_closed().await,
        ["-ERR 'Authorization Violation'"]
    );
    // Without a certificate, or with that of somebody else's authority, there is no connection to speak of.
    let elsewhere = Pki::new();
    let stranger = elsewhere.issue("bob", "bob@acme");
    for client in [pki.client(None), pki.client(Some(&stranger))] {
        if let Ok(mut wire) = Wire::open_tls(&server, &client).await {
            assert_eq!(wire.until_closed().await, [""; 0]);
        }
    }
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_brings_new_certificates_and_leaves_open_connections_alone() {
    let pki = Pki::new();
    let mut options = Options {
        tls: Some(pki.block()),
        ..Options::default()
    };
    let server = start(options.clone()).await;
    let served = async |server: &Server| {
        let plain = Wire::open(server).await.stream.into_inner();
        let stream = shake(&pki.client(None), plain).await.expect("shaken");
        let chain = stream.get_ref().1.peer_certificates().expect("a chain");
        chain.first().expect("a leaf").clone()
    };
    let before = served(&server).await;
    let mut open = Wire::open_tls(&server, &pki.client(None))
        .await
        .expect("shaken");
    open.connect(serde_json::json!({})).await;
    open.until_pong().await;

    // The same files with another certificate in them, and nothing else changed.
    pki.issue("server", "localhost");
    apply(&server, options.clone()).await;
    let after = served(&server).await;
    assert_ne!(before, after);
    assert_eq!(open.until_pong().await, [""; 0]);

    // A block that cannot be used changes nothing.
    std::fs::write(pki.file("server.key"), "garbage").expect("written");
    options.authorization.token = "t".into();
    let core = server.core.clone();
    assert!(core.apply(options).is_err());
    assert_eq!(served(&server).await, after);
    assert_eq!(open.until_pong().await, [""; 0]);
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_may_come_before_info() {
    let pki = Pki::new();
    let options = Options {
        tls: Some(Tls {
            handshake_first: HandshakeFirst::On,
            ..pki.block()
        }),
        ..Options::default()
    };
    let server = start(options).await;
    let stream = shake(&pki.client(None), tcp(&server).await)
        .await
        .expect("shaken");
    let mut wire = Wire::over(Box::new(stream)).await;
    assert_eq!(wire.info["tls_required"], true);
    wire.connect(serde_json::json!({})).await;
    assert_eq!(wire.until_pong().await, [""; 0]);
    server.shutdown().await;
}

/// The last bytes of a burst wait inside of the TLS library when the socket is full; nothing but the socket wakes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_under_tls_gets_everything_to_the_last_byte() {
    const MESSAGES: usize = 200;
    const SIZE: usize = 60_000;
    let pki = Pki::new();
    let options = Options {
        tls: Some(pki.block()),
        allow_non_tls: true,
        ..Options::default()
    };
    let server = start(options).await;
    let client = pki.client(None);
    for round in 0..5 {
        let plain = Wire::open(&server).await;
        let stream = shake(&client, plain.stream.into_inner())
            .await
            .expect("shaken");
        let mut reader = Wire {
            stream: BufReader::new(Box::new(stream)),
            info: plain.info,
        };
        reader.connect(serde_json::json!({})).await;
        reader.send(&format!("SUB burst.{round} 1\r\n")).await;
        reader.until_pong().await;
        let mut writer = Wire::open(&server).await;
        writer.connect(serde_json::json!({})).await;
        let payload = "x".repeat(SIZE);
        for _ in 0..MESSAGES {
            writer
                .send(&format!("PUB burst.{round} {SIZE}\r\n{payload}\r\n"))
                .await;
        }
        writer.until_pong().await;
        // Everything is on its way now, and nobody sends anything any more.
        let head = format!("MSG burst.{round} 1 {SIZE}\r\n");
        let mut left = MESSAGES * (head.len() + SIZE + 2);
        let mut some = [0; 2048];
        while left > 0 {
            let room = left.min(some.len());
            let read = timeout(PATIENCE, reader.stream.read(&mut some[..room])).await;
            let n = read.unwrap_or_else(|_| panic!("{left} bytes of round {round} stay behind"));
            left -= n.expect("readable");
            tokio::task::yield_now().await;
        }
    }
    server.shutdown().await;
}
