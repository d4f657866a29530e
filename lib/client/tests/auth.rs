//! Every way of saying who we are, and TLS, against any real server.

mod support;

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nats_client::{Client, ConnectError, Credentials, Options};
use nats_jwt::creds::Creds;
use nats_jwt::nkey::{KeyPair, Kind};
use serde_json::json;
use support::real::RealServer;
use support::soon;

async fn works(server: &RealServer, options: Options) -> Client {
    let client = soon("connect", options.connect(server.url()))
        .await
        .expect("let in");
    let mut sub = client.subscribe("t").await.unwrap();
    client.publish("t", "x").await.unwrap();
    assert!(soon("a message", sub.next()).await.is_some());
    client
}

async fn refused(server: &RealServer, options: Options) -> ConnectError {
    soon("the refusal", options.connect(server.url()))
        .await
        .expect_err("refused")
}

fn key(kind: Kind) -> KeyPair {
    KeyPair::generate(kind).expect("randomness")
}

#[tokio::test]
async fn user_and_password_from_options_or_from_the_address() {
    let Some(server) = RealServer::start("authorization { user: joe, password: \"p@ss:w/rd\" }")
    else {
        return;
    };
    works(
        &server,
        Options::new().user_and_password("joe", "p@ss:w/rd"),
    )
    .await;
    let error = refused(&server, Options::new().user_and_password("joe", "wrong")).await;
    assert!(error.is_authentication(), "{error}");
    let url = format!("nats://joe:p%40ss%3Aw%2Frd@{}", server.address());
    soon("connect", nats_client::connect(url)).await.unwrap();
    let url = format!("nats://joe:wr0ng@{}", server.address());
    let error = nats_client::connect(url).await.unwrap_err().to_string();
    assert!(!error.contains("wr0ng"), "{error}");
}

#[tokio::test]
async fn token_from_options_from_the_address_or_from_a_callback() {
    let Some(server) = RealServer::start("authorization { token: s3cret }") else {
        return;
    };
    works(&server, Options::new().token("s3cret")).await;
    refused(&server, Options::new()).await;
    let url = format!("s3cret@{}", server.address());
    soon("connect", nats_client::connect(url)).await.unwrap();
    let callback = Options::new().auth_callback(|challenge| async move {
        assert!(challenge.url.starts_with("nats://127.0.0.1:"));
        Ok(Credentials {
            token: Some("s3cret".into()),
            ..Credentials::default()
        })
    });
    works(&server, callback).await;
    let failing = Options::new().auth_callback(|_| async { Err("vault is sealed".to_owned()) });
    let error = refused(&server, failing).await.to_string();
    assert!(error.contains("vault is sealed"), "{error}");
}

#[tokio::test]
async fn nkey_by_seed_by_file_and_by_signature() {
    let pair = key(Kind::User);
    let config = format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        pair.public_key()
    );
    let Some(server) = RealServer::start(&config) else {
        return;
    };
    works(&server, Options::new().nkey_seed(pair.seed())).await;
    let file = server.folder().join("user.nk");
    std::fs::write(&file, format!("{}\n", pair.seed().reveal())).unwrap();
    works(&server, Options::new().nkey_file(&file)).await;
    let public = pair.public_key().to_string();
    let signer = move |nonce: &[u8]| Ok(pair.sign(nonce).to_vec());
    works(&server, Options::new().nkey(public, signer)).await;
    refused(&server, Options::new().nkey_seed(key(Kind::User).seed())).await;
    let nonsense = refused(&server, Options::new().nkey_seed("SUNONSENSE")).await;
    assert!(
        matches!(nonsense, ConnectError::Credentials(_)),
        "{nonsense}"
    );
    assert!(!nonsense.to_string().contains("SUNONSENSE"));
}

#[tokio::test]
async fn an_nkey_without_a_challenge_says_what_is_wrong() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let error = refused(&server, Options::new().nkey_seed(key(Kind::User).seed())).await;
    assert!(error.to_string().contains("no nkeys configured"), "{error}");
}

/// A JWT with these claims, signed by `issuer`.
fn token(issuer: &KeyPair, subject: &KeyPair, nats: serde_json::Value) -> String {
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let claims = json!({
        "jti": "TEST", "iat": 1_700_000_000, "iss": issuer.public_key().to_string(), "name": "test",
        "sub": subject.public_key().to_string(), "nats": nats,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[tokio::test]
async fn jwt_with_seed_with_callbacks_as_credentials_and_as_bearer() {
    let (operator, account, user) = (key(Kind::Operator), key(Kind::Account), key(Kind::User));
    let limits = json!({"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1});
    let operator_jwt = token(
        &operator,
        &operator,
        json!({"type": "operator", "version": 2}),
    );
    let account_jwt = token(
        &operator,
        &account,
        json!({"type": "account", "version": 2, "limits": limits}),
    );
    let user_claims = |bearer: bool| {
        json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
            "bearer_token": bearer})
    };
    let user_jwt = token(&account, &user, user_claims(false));
    let bearer_jwt = token(&account, &user, user_claims(true));
    let config = format!(
        "operator: {operator_jwt}\nresolver: MEMORY\nresolver_preload {{ {}: {account_jwt} }}",
        account.public_key()
    );
    let Some(server) = RealServer::start(&config) else {
        return;
    };

    works(&server, Options::new().jwt(user_jwt.as_str(), user.seed())).await;
    works(&server, Options::new().bearer_jwt(bearer_jwt)).await;
    let error = refused(&server, Options::new().bearer_jwt(user_jwt.as_str())).await;
    assert!(error.is_authentication(), "{error}");
    refused(
        &server,
        Options::new().jwt(user_jwt.as_str(), key(Kind::User).seed()),
    )
    .await;

    let creds = Creds {
        jwt: user_jwt.as_str().into(),
        key: KeyPair::from_seed(user.seed().reveal()).unwrap(),
    };
    let file = server.folder().join("user.creds");
    creds.write(&file).unwrap();
    works(&server, Options::new().credentials_file(&file)).await;
    works(&server, Options::new().credentials(creds.encode().unwrap())).await;
    let callbacks = Options::new().jwt_callback(
        move || Ok(user_jwt.as_str().into()),
        move |nonce| Ok(user.sign(nonce).to_vec()),
    );
    works(&server, callbacks).await;

    let missing = refused(&server, Options::new().credentials_file("/no/such.creds")).await;
    assert!(missing.to_string().contains("/no/such.creds"), "{missing}");
    // The file is read at every connect: one that changed is used.
    std::fs::write(&file, "nothing useful").unwrap();
    refused(&server, Options::new().credentials_file(&file)).await;
}

/// A certificate authority with a server and a client certificate, as files.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority_key = rcgen::KeyPair::generate().expect("a key");
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = authority.self_signed(&authority_key).expect("a CA").pem();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        std::fs::write(folder.path().join("ca.pem"), pem).expect("ca.pem");
        for name in ["server", "client"] {
            let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            let key = rcgen::KeyPair::generate().expect("a key");
            let mut params = rcgen::CertificateParams::new(names).expect("parameters");
            params.extended_key_usages = vec![
                rcgen::ExtendedKeyUsagePurpose::ServerAuth,
                rcgen::ExtendedKeyUsagePurpose::ClientAuth,
            ];
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            let path = |end: &str| folder.path().join(format!("{name}.{end}"));
            std::fs::write(path("pem"), certificate.pem()).expect("certificate");
            std::fs::write(path("key"), key.serialize_pem()).expect("key");
        }
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn block(&self, more: &str) -> String {
        let text = |path: &Path| path.display().to_string();
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\", ca_file: \"{}\", {more} }}",
            text(&self.file("server.pem")),
            text(&self.file("server.key")),
            text(&self.file("ca.pem"))
        )
    }
}

#[tokio::test]
async fn tls_needs_a_trusted_authority_or_the_dangerous_switch() {
    let certificates = Certificates::new();
    let Some(server) = RealServer::start(&certificates.block("")) else {
        return;
    };
    let trusting = || Options::new().ca_file(certificates.file("ca.pem"));
    works(&server, trusting()).await;
    let pem = std::fs::read(certificates.file("ca.pem")).unwrap();
    works(&server, Options::new().ca_pem(pem)).await;
    works(&server, Options::new().danger_accept_any_certificate()).await;
    works(&server, trusting().tls_server_name("localhost")).await;

    let wrong_name = refused(&server, trusting().tls_server_name("other.example")).await;
    assert!(
        wrong_name.to_string().contains("other.example"),
        "{wrong_name}"
    );
    let untrusted = refused(&server, Options::new()).await;
    assert!(matches!(untrusted, ConnectError::Tls { .. }), "{untrusted}");
    let missing = refused(&server, Options::new().ca_file("/no/ca.pem")).await;
    assert!(missing.to_string().contains("/no/ca.pem"), "{missing}");
    let url = format!("tls://{}", server.address());
    soon("connect", trusting().connect(url)).await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_the_server_asks() {
    let certificates = Certificates::new();
    let Some(server) = RealServer::start(&certificates.block("verify: true")) else {
        return;
    };
    let trusting = || Options::new().ca_file(certificates.file("ca.pem"));
    let files = (
        certificates.file("client.pem"),
        certificates.file("client.key"),
    );
    works(&server, trusting().client_certificate(&files.0, &files.1)).await;
    let pem = |path| std::fs::read(path).unwrap();
    let in_memory = trusting().client_certificate_pem(pem(&files.0), pem(&files.1));
    works(&server, in_memory).await;
    refused(&server, trusting()).await;
    let swapped = refused(&server, trusting().client_certificate(&files.1, &files.0)).await;
    assert!(matches!(swapped, ConnectError::Tls { .. }), "{swapped}");
}

#[tokio::test]
async fn the_handshake_can_come_first() {
    let certificates = Certificates::new();
    let Some(server) = RealServer::start(&certificates.block("handshake_first: true")) else {
        return;
    };
    let trusting = || Options::new().ca_file(certificates.file("ca.pem"));
    works(&server, trusting().tls_first()).await;
    refused(
        &server,
        trusting().connect_timeout(std::time::Duration::from_millis(300)),
    )
    .await;
}

#[tokio::test]
async fn tls_that_is_wanted_is_never_left_out() {
    let Some(server) = RealServer::start("") else {
        return;
    };
    let error = refused(&server, Options::new().require_tls()).await;
    assert!(
        matches!(error, ConnectError::TlsNotOffered { .. }),
        "{error}"
    );
    let error = nats_client::connect(format!("tls://{}", server.address())).await;
    assert!(matches!(error, Err(ConnectError::TlsNotOffered { .. })));
}

#[tokio::test]
async fn large_messages_pass_through_tls() {
    let certificates = Certificates::new();
    let Some(server) = RealServer::start(&certificates.block("")) else {
        return;
    };
    let client = works(&server, Options::new().ca_file(certificates.file("ca.pem"))).await;
    let mut sub = client.subscribe("large").await.unwrap();
    for size in [1, 100_000, 1_000_000] {
        client.publish("large", vec![7; size]).await.unwrap();
        let message = soon("the message", sub.next()).await.unwrap();
        assert_eq!(message.payload().len(), size);
    }
    client.close().await;
}
