//! What `tls` blocks amount to.

use std::time::{Duration, SystemTime};

use rcgen::PublicKeyData as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::UnixTime;
use rustls::version::{TLS12, TLS13};
use rustls::{DigitallySignedStruct, HandshakeKind, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::super::tls::{CertificateError, TlsFacts, TlsSetupError};
use super::*;
use crate::options::{CipherSuite, Curve, OcspPeer, TlsVersion};

/// What both ends know after a handshake, or why there was none.
struct Shaken {
    server: TlsFacts,
    kind: HandshakeKind,
    served: CertificateDer<'static>,
}

async fn shake(policy: &TlsPolicy, client: &TlsClient, name: &str) -> Result<Shaken, String> {
    let (near, far) = duplex(16 * 1024);
    let serve = async {
        let acceptor = tokio_rustls::TlsAcceptor::from(policy.config());
        let mut stream = acceptor.accept(far).await.map_err(|e| e.to_string())?;
        // One byte, so that the tickets of TLS 1.3 reach the client, too.
        stream.write_all(b".").await.map_err(|e| e.to_string())?;
        stream.flush().await.map_err(|e| e.to_string())?;
        Ok::<_, String>(TlsFacts::of(stream.get_ref().1, false))
    };
    let connect = async {
        let mut stream = client
            .connect(name, near)
            .await
            .map_err(|e| e.to_string())?;
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .await
            .map_err(|e| e.to_string())?;
        let connection = stream.get_ref().1;
        let served = connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .cloned();
        Ok::<_, String>((connection.handshake_kind(), served))
    };
    let (server, client) = tokio::join!(serve, connect);
    let (server, (kind, served)) = (server?, client?);
    Ok(Shaken {
        server,
        kind: kind.expect("done"),
        served: served.expect("servers have certificates"),
    })
}

fn suite(name: &'static str, id: u16) -> CipherSuite {
    CipherSuite {
        name,
        id,
        insecure: false,
    }
}

#[tokio::test]
async fn a_handshake_says_version_and_suite() {
    let ca = Authority::new();
    let policy = policy(&block(&ca.issue("localhost")));
    let shaken = shake(&policy, &TlsClient::new(&ca), "localhost")
        .await
        .expect("shaken");
    assert_eq!(shaken.server.version, "1.3");
    assert!(
        shaken.server.cipher_suite.starts_with("TLS_"),
        "{}",
        shaken.server.cipher_suite
    );
    assert!(!shaken.server.cipher_suite.contains("TLS13"));
    assert_eq!(shaken.server.certificates, []);
    let old = TlsClient::with(&ca, None, aws_lc_rs::default_provider(), &[&TLS12]);
    let shaken = shake(&policy, &old, "localhost").await.expect("shaken");
    assert_eq!(shaken.server.version, "1.2");
}

#[tokio::test]
async fn the_lowest_version_is_kept() {
    let ca = Authority::new();
    let policy = policy(&Tls {
        min_version: TlsVersion::V1_3,
        ..block(&ca.issue("localhost"))
    });
    let old = TlsClient::with(&ca, None, aws_lc_rs::default_provider(), &[&TLS12]);
    assert!(shake(&policy, &old, "localhost").await.is_err());
    let new = TlsClient::with(&ca, None, aws_lc_rs::default_provider(), &[&TLS13]);
    assert!(shake(&policy, &new, "localhost").await.is_ok());
}

#[tokio::test]
async fn a_client_certificate_is_required_and_verified() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let policy = policy(&block_for_clients_of(&ours, &ours.issue("localhost")));
    let known = ours.issue("client");
    let client = TlsClient::with_certificate(&ours, &known);
    let shaken = shake(&policy, &client, "localhost").await.expect("shaken");
    assert_eq!(shaken.server.certificates, [known.certificate()]);
    assert!(
        shake(&policy, &TlsClient::new(&ours), "localhost")
            .await
            .is_err()
    );
    let stranger = TlsClient::with_certificate(&ours, &theirs.issue("client"));
    assert!(shake(&policy, &stranger, "localhost").await.is_err());
}

#[tokio::test]
async fn without_verify_nobody_is_asked_for_a_certificate() {
    let ca = Authority::new();
    let tls = Tls {
        ca_file: Some(ca.ca_file()),
        ..block(&ca.issue("localhost"))
    };
    let client = TlsClient::with_certificate(&ca, &ca.issue("client"));
    let shaken = shake(&policy(&tls), &client, "localhost")
        .await
        .expect("shaken");
    assert_eq!(shaken.server.certificates, []);
}

#[tokio::test]
async fn the_certificate_that_suits_the_client_is_served() {
    let ca = Authority::new();
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("a key");
    let (a, b, r) = (
        ca.issue("a.test"),
        ca.issue("b.test"),
        ca.issue_with("r.test", &rsa),
    );
    let tls = Tls {
        certificates: [&a, &b, &r].map(|issued| issued.pair.clone()).into(),
        ..Tls::default()
    };
    let policy = policy(&tls);
    let client = TlsClient::new(&ca);
    for (name, issued) in [("a.test", &a), ("b.test", &b), ("r.test", &r)] {
        let shaken = shake(&policy, &client, name).await.expect("shaken");
        assert_eq!(shaken.served, issued.certificate(), "{name}");
    }
    // Nobody has this name: the first is served, which this client then refuses.
    assert!(shake(&policy, &client, "c.test").await.is_err());
    // A client that cannot verify ECDSA gets the certificate with the other kind of key, whatever name it asks for.
    let shaken = shake(&policy, &rsa_only(), "a.test").await.expect("shaken");
    assert_eq!(shaken.served, r.certificate());
}

#[test]
fn keys_that_do_not_fit_are_errors_that_name_the_files() {
    let ca = Authority::new();
    let (a, b) = (ca.issue("a"), ca.issue("b"));
    let load =
        |tls: &Tls| TlsPolicy::load(tls, false, &Revocation::default()).expect_err("not sound");
    let crossed = CertificatePair {
        cert_file: a.pair.cert_file.clone(),
        key_file: b.pair.key_file.clone(),
    };
    let error = load(&Tls {
        certificates: vec![crossed],
        ..Tls::default()
    });
    assert!(matches!(
        error,
        TlsSetupError::Certificate(CertificateError::Pair { .. })
    ));
    assert!(error.to_string().contains("b.key"), "{error}");
    let missing = CertificatePair {
        cert_file: "/nowhere/x.crt".into(),
        key_file: b.pair.key_file.clone(),
    };
    let error = load(&Tls {
        certificates: vec![missing],
        ..Tls::default()
    });
    assert!(error.to_string().contains("/nowhere/x.crt"), "{error}");
    let empty = CertificatePair {
        cert_file: a.pair.key_file.clone(),
        key_file: a.pair.key_file.clone(),
    };
    let error = load(&Tls {
        certificates: vec![empty],
        ..Tls::default()
    });
    assert!(matches!(
        error,
        TlsSetupError::Certificate(CertificateError::NoCertificate(_))
    ));
    assert!(matches!(
        load(&Tls::default()),
        TlsSetupError::NoCertificate
    ));
    let error = load(&Tls {
        ca_file: Some(a.pair.key_file.clone()),
        verify: true,
        ..block(&a)
    });
    assert!(matches!(error, TlsSetupError::BadAuthorities(_)), "{error}");
}

#[test]
fn clients_can_only_be_asked_about_when_they_show_a_certificate() {
    let ca = Authority::new();
    let tls = |verify| Tls {
        ocsp_peer: Some(OcspPeer {
            verify: true,
            ..OcspPeer::default()
        }),
        verify,
        ..block_for_clients_of(&ca, &ca.issue("localhost"))
    };
    let load = |tls: &Tls| TlsPolicy::load(tls, false, &Revocation::default());
    let error = load(&tls(false)).expect_err("nobody to ask about");
    assert!(error.to_string().contains("requires TLS verify"), "{error}");
    assert!(load(&tls(true)).expect("a policy").peers().is_some());
}

#[tokio::test]
async fn configured_suites_are_those_of_tls_1_2() {
    let ca = Authority::new();
    let cbc = suite("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009);
    let gcm = suite("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c);
    let tls = |suites: &[CipherSuite]| Tls {
        cipher_suites: suites.to_vec(),
        ..block(&ca.issue("localhost"))
    };
    let mixed = policy(&tls(&[cbc, gcm]));
    assert_eq!(mixed.dump().left_out, [cbc.name]);
    assert_eq!(
        mixed.dump().cipher_suites,
        [
            "TLS_AES_256_GCM_SHA384",
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            gcm.name
        ]
    );
    let warnings = mixed.warnings(SystemTime::now());
    assert!(
        warnings.len() == 1 && warnings[0].contains(cbc.name),
        "{warnings:?}"
    );
    let old = TlsClient::with(&ca, None, aws_lc_rs::default_provider(), &[&TLS12]);
    let shaken = shake(&mixed, &old, "localhost").await.expect("shaken");
    assert_eq!(shaken.server.cipher_suite, gcm.name);

    let error =
        TlsPolicy::load(&tls(&[cbc]), false, &Revocation::default()).expect_err("nothing is left");
    let text = error.to_string();
    assert!(text.contains(cbc.name) && text.contains(gcm.name), "{text}");

    let only_new = policy(&tls(&[suite("TLS_AES_128_GCM_SHA256", 0x1301)]));
    assert_eq!(only_new.dump().versions, ["1.3"]);
}

#[test]
fn configured_curves_are_those_that_exist() {
    let ca = Authority::new();
    let tls = |curves: &[Curve]| Tls {
        curve_preferences: curves.to_vec(),
        ..block(&ca.issue("localhost"))
    };
    let policy = policy(&tls(&[Curve::P384, Curve::P521, Curve::X25519]));
    assert_eq!(policy.dump().groups, ["secp384r1", "X25519"]);
    assert_eq!(policy.dump().left_out, ["CurveP521"]);
    let error = TlsPolicy::load(&tls(&[Curve::P521]), false, &Revocation::default())
        .expect_err("nothing is left");
    assert!(error.to_string().contains("CurveP521"), "{error}");
}

#[test]
fn s6_one_block_is_one_policy_however_often_it_is_read() {
    let ca = Authority::new();
    let tls = block_for_clients_of(&ca, &ca.issue("localhost"));
    let once = policy(&tls);
    assert_eq!(once.dump(), policy(&tls.clone()).dump());
    let json = serde_json::to_value(once.dump()).expect("a document");
    assert_eq!(json["versions"], serde_json::json!(["1.3", "1.2"]));
    assert_eq!(json["client_certificate"], true);
    assert_eq!(json["resumption"], false);
    let weaker = Tls {
        verify: false,
        ..tls
    };
    assert_ne!(once.dump(), policy(&weaker).dump());
}

#[tokio::test]
async fn s15_a_session_of_one_listener_is_worth_nothing_at_another() {
    let ca = Authority::new();
    let tls = block(&ca.issue("localhost"));
    // Two listeners with the very same block, and one that came out of a reload.
    let (one, other) = (policy(&tls), policy(&tls));
    for versions in [&[&TLS13][..], &[&TLS12][..]] {
        let client = TlsClient::with(&ca, None, aws_lc_rs::default_provider(), versions);
        let kind = async |policy: &TlsPolicy| {
            shake(policy, &client, "localhost")
                .await
                .expect("shaken")
                .kind
        };
        assert_eq!(kind(&one).await, HandshakeKind::Full);
        assert_eq!(kind(&one).await, HandshakeKind::Resumed);
        assert_eq!(kind(&other).await, HandshakeKind::Full, "{versions:?}");
    }
}

#[tokio::test]
async fn s15_who_asks_for_certificates_resumes_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let here = policy(&block_for_clients_of(&ours, &ours.issue("localhost")));
    let there = policy(&block_for_clients_of(&theirs, &ours.issue("localhost")));
    for versions in [&[&TLS13][..], &[&TLS12][..]] {
        let provider = aws_lc_rs::default_provider();
        let client = TlsClient::with(&ours, Some(&ours.issue("client")), provider, versions);
        for _ in 0..2 {
            let shaken = shake(&here, &client, "localhost").await.expect("shaken");
            assert_eq!(shaken.kind, HandshakeKind::Full);
            assert!(shake(&there, &client, "localhost").await.is_err());
        }
    }
}

#[tokio::test]
async fn pinned_certificates_are_known_by_their_keys() {
    let ca = Authority::new();
    let key = KeyPair::generate().expect("a key");
    let pinned = ca.issue_with("client", &key);
    let digest: [u8; 32] = Sha256::digest(key.subject_public_key_info()).into();
    let policy = policy(&Tls {
        pinned_certs: [digest].into(),
        ..block_for_clients_of(&ca, &ca.issue("localhost"))
    });
    for (own, accepted) in [
        (pinned, true),
        (ca.issue_with("renewed", &key), true),
        (ca.issue("other"), false),
    ] {
        let client = TlsClient::with_certificate(&ca, &own);
        let shaken = shake(&policy, &client, "localhost").await.expect("shaken");
        assert_eq!(policy.accepts_pinned(&shaken.server), accepted);
    }
    let anonymous = TlsFacts {
        version: "1.3",
        cipher_suite: String::new(),
        certificates: Vec::new(),
        first: false,
    };
    assert!(!policy.accepts_pinned(&anonymous));
}

#[test]
fn the_end_of_the_first_certificate_is_known() {
    let ca = Authority::new();
    let policy = policy(&block(&ca.issue("localhost")));
    let end = policy.not_after().expect("certificates end");
    assert!(end > SystemTime::now());
    assert_eq!(policy.warnings(SystemTime::now()), [""; 0]);
    let later = policy.warnings(end + Duration::from_secs(1));
    assert!(
        later.len() == 1 && later[0].contains("expired"),
        "{later:?}"
    );
}

/// A client that understands RSA signatures alone, and believes everybody.
fn rsa_only() -> TlsClient {
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelievesRsa))
        .with_no_client_auth();
    TlsClient {
        config: Arc::new(config),
    }
}

#[derive(Debug)]
struct BelievesRsa;

impl ServerCertVerifier for BelievesRsa {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::RSA_PSS_SHA256]
    }
}

#[test]
fn a_certificate_that_wants_its_status_stapled_gets_a_staple() {
    use rcgen::{CertificateParams, CustomExtension, KeyPair};
    let ca = Authority::new();
    let staples = |issued: &Issued| {
        let tls = Tls {
            ca_file: Some(ca.ca_file()),
            ..block(issued)
        };
        let policy = TlsPolicy::load(&tls, false, &Revocation::default());
        policy.expect("a policy").staples().len()
    };
    assert_eq!(staples(&ca.issue("localhost")), 0);

    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    // A sequence with the one feature `status_request`.
    let feature = vec![0x30, 3, 2, 1, 5];
    let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 24], feature);
    params.custom_extensions.push(extension);
    assert_eq!(staples(&ca.issue_params(params, "stapled", &key)), 1);
}
