//! Who gets in, with which credentials, and as whom.

use nats_jwt::nkey::{KeyPair, Kind};

use super::*;
use crate::options::ConnectionTypes;

#[test]
fn without_configuration_everybody_is_in_the_global_account() {
    let options = Options::default();
    assert_eq!(nobody().asks(&options), accepted("$G/-"));
    // What it says about itself is shown, and believed by nobody.
    assert_eq!(with_password("bob", "x").asks(&options), accepted("$G/bob"));
    assert_eq!(with_token("t").asks(&options), accepted("$G/[REDACTED]"));
    let auth = authenticator(&options);
    assert!(!auth.announced_as_required() && !auth.is_required() && !auth.nonce_required());
    assert!(auth.admits_before_connect());
}

#[test]
fn a_single_user_needs_name_and_password() {
    let mut options = Options::default();
    options.authorization.user = Some("derek".into());
    options.authorization.password = "porkchop".into();
    assert_eq!(
        with_password("derek", "porkchop").asks(&options),
        accepted("$G/derek")
    );
    for (name, password, refusal) in [
        ("derek", "", AuthError::WrongPassword),
        ("derek", "porkchoP", AuthError::WrongPassword),
        ("Derek", "porkchop", AuthError::UnknownUser),
        ("", "porkchop", AuthError::NoCredentials),
        ("", "", AuthError::NoCredentials),
    ] {
        assert_eq!(with_password(name, password).asks(&options), Err(refusal));
    }
    assert_eq!(
        with_token("porkchop").asks(&options),
        Err(AuthError::NoCredentials)
    );
    assert!(!authenticator(&options).admits_before_connect());
}

#[test]
fn a_token_is_a_token_and_no_password() {
    for stored in ["s3cret".to_owned(), bcrypt_of("s3cret")] {
        let mut options = Options::default();
        options.authorization.token = stored.into();
        assert_eq!(
            with_token("s3cret").asks(&options),
            accepted("$G/[REDACTED]")
        );
        assert!(with_token("S3cret").asks(&options).is_err());
        assert!(with_token("").asks(&options).is_err());
        assert!(with_password("s3cret", "s3cret").asks(&options).is_err());
    }
}

#[test]
fn users_belong_to_the_account_that_lists_them() {
    let mut options = with_users(vec![user("a", "1")]);
    options.accounts = vec![account("B", vec![user("b", "2")])];
    assert_eq!(with_password("a", "1").asks(&options), accepted("$G/a"));
    assert_eq!(with_password("b", "2").asks(&options), accepted("B/b"));
    assert_eq!(
        with_password("b", "1").asks(&options),
        Err(AuthError::WrongPassword)
    );
    assert_eq!(
        with_password("c", "1").asks(&options),
        Err(AuthError::UnknownUser)
    );
    assert_eq!(nobody().asks(&options), Err(AuthError::NoCredentials));
}

#[test]
fn a_bcrypt_comparison_is_left_to_another_thread() {
    let auth = authenticator(&with_users(vec![user("a", &bcrypt_of("pw"))]));
    let good = with_password("a", "pw");
    assert!(matches!(good.verdict(&auth), Verdict::Slow(_)));
    assert!(good.ask(&auth).is_ok());
    let bad = with_password("a", "pW");
    assert_eq!(bad.ask(&auth).err(), Some(AuthError::WrongPassword));
    // The hash itself is no password.
    let hash = bcrypt_of("pw");
    let auth = authenticator(&with_users(vec![user("a", &hash)]));
    assert!(with_password("a", &hash).ask(&auth).is_err());
}

#[test]
fn s33_an_unknown_user_costs_the_work_of_a_known_one() {
    let mut users = vec![user("hashed", &bcrypt_of("pw")), user("plain", "pw")];
    users[1].allowed_connection_types = ConnectionTypes::Only(vec![ConnectionType::Mqtt]);
    users.push(user("text", "pw"));
    let auth = authenticator(&with_users(users));
    for (name, refusal) in [
        ("nobody", AuthError::UnknownUser),
        ("plain", AuthError::ConnectionTypeNotAllowed),
        ("text", AuthError::WrongPassword),
        ("hashed", AuthError::WrongPassword),
    ] {
        match with_password(name, "guess").verdict(&auth) {
            Verdict::Slow(check) => assert_eq!(run(check).err(), Some(refusal), "{name}"),
            other => panic!("{name} is answered at once: {other:?}"),
        }
    }
    // Where no hash is configured there is nothing to imitate.
    let auth = authenticator(&with_users(vec![user("text", "pw")]));
    for name in ["nobody", "text"] {
        let verdict = with_password(name, "guess").verdict(&auth);
        assert!(matches!(verdict, Verdict::Refused(_)), "{name}");
    }
}

#[test]
fn an_nkey_user_signs_the_nonce() {
    let (key, other) = (key(), key());
    let mut options = Options::default();
    options.authorization.nkeys = vec![nkey_user(&key)];
    let auth = authenticator(&options);
    assert!(auth.nonce_required());
    let identity = with_key(&key).ask(&auth).expect("the signature is good");
    assert_eq!(identity.nkey(), Some(key.public_key().to_string().as_str()));
    assert_eq!(identity.user(), identity.nkey());

    let mut client = with_key(&key);
    client.connect.sig = base64_standard(&key.sign(NONCE));
    assert!(
        client.ask(&auth).is_ok(),
        "standard base64 is accepted, too"
    );

    let refusal = |change: fn(&mut Client, &KeyPair)| {
        let mut client = with_key(&key);
        change(&mut client, &other);
        client.ask(&auth).err()
    };
    use AuthError::{SignatureMissing, SignatureNotVerified, UnknownNkey};
    assert_eq!(
        refusal(|c, _| c.connect.sig.clear()),
        Some(SignatureMissing)
    );
    assert_eq!(
        refusal(|c, other| c.connect.sig = other.sign_text(NONCE)),
        Some(SignatureNotVerified)
    );
    assert_eq!(
        refusal(|c, other| c.connect.nkey = other.public_key().to_string()),
        Some(UnknownNkey)
    );
    assert_eq!(
        refusal(|c, _| c.nonce = b"another".to_vec()),
        Some(SignatureNotVerified)
    );
    assert_eq!(nobody().ask(&auth).err(), Some(AuthError::NoCredentials));
}

#[test]
fn a_signature_over_an_empty_nonce_is_worth_nothing() {
    let key = key();
    let mut options = Options::default();
    options.authorization.nkeys = vec![nkey_user(&key)];
    let mut client = with_key(&key);
    client.nonce.clear();
    client.connect.sig = key.sign_text(b"");
    assert_eq!(client.asks(&options), Err(AuthError::SignatureNotVerified));
}

#[test]
fn s28_no_nkey_or_signature_of_whatever_form_breaks_anything() {
    let key = key();
    let mut options = Options::default();
    options.authorization.nkeys = vec![nkey_user(&key)];
    options.trusted_proxies = vec![key.public_key().to_string()];
    let auth = authenticator(&options);
    let good = with_key(&key).connect;
    let (nkey, sig) = (good.nkey, good.sig);
    let long = "A".repeat(100_000);
    for cut in 0..=sig.len() {
        let mut client = nobody();
        client.connect.nkey = nkey[..cut.min(nkey.len())].to_owned();
        client.connect.sig = sig[..cut].to_owned();
        client.connect.proxy_sig = sig[..cut].to_owned();
        assert_eq!(client.ask(&auth).is_ok(), cut == sig.len(), "{cut}");
    }
    for bad in ["=", "%%%", "\u{0}", "你好", long.as_str()] {
        let mut client = with_key(&key);
        client.connect.sig = bad.to_owned();
        assert_eq!(
            client.ask(&auth).err(),
            Some(AuthError::SignatureNotVerified)
        );
        client.connect.proxy_sig = bad.to_owned();
        assert_eq!(client.ask(&auth).err(), Some(AuthError::ProxyNotTrusted));
        client.connect.proxy_sig.clear();
        client.connect.nkey = bad.to_owned();
        assert_eq!(client.ask(&auth).err(), Some(AuthError::UnknownNkey));
    }
}

#[test]
fn only_the_allowed_kinds_of_connections_may_be_a_user() {
    let key = key();
    let mut bob = user("bob", "pw");
    let mut signer = nkey_user(&key);
    let only = ConnectionTypes::Only(vec![ConnectionType::WebSocket, ConnectionType::Mqtt]);
    bob.allowed_connection_types = only.clone();
    signer.allowed_connection_types = only;
    let mut options = with_users(vec![bob]);
    options.authorization.nkeys = vec![signer];
    for (connection_type, welcome) in [
        (ConnectionType::Standard, false),
        (ConnectionType::WebSocket, true),
        (ConnectionType::Mqtt, true),
        (ConnectionType::MqttWs, false),
        (ConnectionType::InProcess, false),
        (ConnectionType::LeafNode, false),
        (ConnectionType::LeafNodeWs, false),
    ] {
        for mut client in [with_password("bob", "pw"), with_key(&key)] {
            client.connection_type = connection_type;
            let refusal = (!welcome).then_some(AuthError::ConnectionTypeNotAllowed);
            assert_eq!(client.asks(&options).err(), refusal, "{connection_type:?}");
        }
    }
}

#[test]
fn who_must_come_through_a_proxy_comes_through_a_trusted_one() {
    let (proxy, stranger, key) = (server_key(), server_key(), key());
    let mut bob = user("bob", "pw");
    bob.proxy_required = true;
    let mut signer = nkey_user(&key);
    signer.proxy_required = true;
    let mut options = with_users(vec![bob, user("eve", "pw")]);
    options.authorization.nkeys = vec![signer];
    options.trusted_proxies = vec![proxy.public_key().to_string()];

    let through = |client: &Client, proxy: &KeyPair| {
        let mut client = client.clone();
        client.connect.proxy_sig = proxy.sign_text(NONCE);
        client
    };
    for client in [with_password("bob", "pw"), with_key(&key)] {
        assert_eq!(client.asks(&options), Err(AuthError::ProxyRequired));
        assert_eq!(
            through(&client, &stranger).asks(&options),
            Err(AuthError::ProxyNotTrusted)
        );
        let identity = through(&client, &proxy).ask(&authenticator(&options));
        let via = identity.expect("both are known").proxy;
        assert_eq!(via, Some(arc(&proxy.public_key().to_string())));
    }
    // A false proxy keeps out whomever it brings; without trusted proxies nobody looks.
    let eve = with_password("eve", "pw");
    assert_eq!(
        through(&eve, &stranger).asks(&options),
        Err(AuthError::ProxyNotTrusted)
    );
    assert_eq!(eve.asks(&options), accepted("$G/eve"));
    options.trusted_proxies.clear();
    assert_eq!(through(&eve, &stranger).asks(&options), accepted("$G/eve"));
    assert_eq!(
        AuthError::ProxyNotTrusted.closed_reason(),
        "Proxy Not Trusted"
    );
}

#[test]
fn the_whole_server_may_ask_for_a_proxy() {
    let proxy = server_key();
    let mut options = Options::default();
    options.authorization.token = "t".into();
    options.authorization.proxy_required = true;
    options.trusted_proxies = vec![proxy.public_key().to_string()];
    let mut client = with_token("t");
    assert_eq!(client.asks(&options), Err(AuthError::ProxyRequired));
    client.connect.proxy_sig = proxy.sign_text(NONCE);
    assert_eq!(client.asks(&options), accepted("$G/[REDACTED]"));
}

#[test]
fn no_auth_user_is_who_shows_nothing() {
    let key = key();
    for stored in ["pw".to_owned(), bcrypt_of("pw")] {
        let mut options = with_users(vec![user("a", "1")]);
        options.accounts = vec![account("B", vec![user("guest", &stored)])];
        options.no_auth_user = Some("guest".into());
        let auth = authenticator(&options);
        assert!(
            !auth.announced_as_required() && auth.is_required() && auth.admits_before_connect()
        );
        assert_eq!(nobody().asks(&options), accepted("B/guest"));
        assert_eq!(with_password("a", "1").asks(&options), accepted("$G/a"));
        assert_eq!(
            with_password("guest", "pw").asks(&options),
            accepted("B/guest")
        );
        assert_eq!(
            with_password("guest", "x").asks(&options),
            Err(AuthError::WrongPassword)
        );
        assert!(with_token("x").asks(&options).is_err());
        assert!(with_password("", "x").asks(&options).is_err());
    }
    let mut options = Options::default();
    options.authorization.nkeys = vec![nkey_user(&key)];
    options.no_auth_user = Some(key.public_key().to_string());
    let auth = authenticator(&options);
    assert_eq!(
        nobody().ask(&auth).expect("guest").nkey(),
        auth.no_auth_user()
    );
    assert!(
        !auth.admits_before_connect(),
        "as in the reference: only a user with a name"
    );
}

#[test]
fn s26_no_auth_user_passes_the_checks_that_everybody_passes() {
    let mut guest = user("guest", "");
    guest.allowed_connection_types = ConnectionTypes::Only(vec![ConnectionType::WebSocket]);
    let mut options = with_users(vec![guest.clone()]);
    options.no_auth_user = Some("guest".into());
    assert_eq!(
        nobody().asks(&options),
        Err(AuthError::ConnectionTypeNotAllowed)
    );
    guest.allowed_connection_types = ConnectionTypes::Any;
    guest.proxy_required = true;
    options.authorization.users = vec![guest];
    assert_eq!(nobody().asks(&options), Err(AuthError::ProxyRequired));
}

#[test]
fn s7_nobody_chooses_an_account_in_connect() {
    let mut options = with_users(vec![user("a", "1")]);
    options.accounts = vec![account("$SYS", vec![user("sys", "1")])];
    for options in [options, Options::default()] {
        for name in ["$SYS", "$G", "B", " ", "\u{0}"] {
            let mut client = with_password("a", "1");
            client.connect.account = name.to_owned();
            assert_eq!(client.asks(&options), Err(AuthError::AccountRequested));
            client.connect.account.clear();
            client.connect.new_account = true;
            assert_eq!(client.asks(&options), Err(AuthError::AccountRequested));
        }
    }
}

#[test]
fn a_jwt_means_nothing_outside_of_operator_mode() {
    let mut client = with_password("a", "1");
    client.connect.jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.c2ln".into();
    client.connect.sig = "c2ln".into();
    assert_eq!(
        client.asks(&with_users(vec![user("a", "1")])),
        accepted("$G/a")
    );
    client.connect.user.clear();
    client.connect.pass.clear();
    assert_eq!(
        client.asks(&with_users(vec![user("a", "1")])),
        Err(AuthError::NoCredentials)
    );
}

#[test]
fn settings_that_cannot_be_honoured_are_errors() {
    let mut options = Options::default();
    options.authorization.users = vec![user("a", "1"), user("a", "2")];
    assert_eq!(
        Authenticator::new(&options).err(),
        Some(AuthSetupError::DuplicateUser("a".into()))
    );
    let options = Options {
        no_auth_user: Some("ghost".into()),
        ..Options::default()
    };
    assert_eq!(
        Authenticator::new(&options).err(),
        Some(AuthSetupError::NoSuchNoAuthUser("ghost".into()))
    );
    let mut options = Options::default();
    options.authorization.nkeys = vec![nkey_user(&server_key())];
    assert!(matches!(
        Authenticator::new(&options),
        Err(AuthSetupError::BadNkey(_, _))
    ));
    let options = Options {
        trusted_proxies: vec!["NOTAKEY".into()],
        ..Options::default()
    };
    assert!(matches!(
        Authenticator::new(&options),
        Err(AuthSetupError::BadProxyKey(_, _))
    ));
}

#[test]
fn the_operator_hears_of_plain_and_of_malformed_passwords() {
    let warnings = |users| authenticator(&with_users(users)).warnings();
    assert_eq!(warnings(vec![user("a", &bcrypt_of("x"))]), [""; 0]);
    assert_eq!(
        warnings(vec![user("a", "x")]),
        ["Plaintext passwords detected, use nkeys or bcrypt"]
    );
    let malformed = warnings(vec![user("a", "$2a$11$short")]);
    assert!(
        malformed.len() == 1 && malformed[0].contains("\"a\""),
        "{malformed:?}"
    );
}

#[test]
fn s19_no_secret_is_in_any_debug_text_or_error() {
    let planted = "hunter2-hunter2";
    let mut options = with_users(vec![user("a", planted)]);
    options.accounts = vec![account("B", vec![user("b", &bcrypt_of(planted))])];
    let auth = authenticator(&options);
    let mut shown = format!("{auth:?} {options:?}");
    for client in [
        with_password("a", planted),
        with_password("b", planted),
        with_password("c", planted),
        with_token(planted),
    ] {
        let verdict = client.verdict(&auth);
        shown += &format!("{verdict:?} {:?}", client.connect);
        if let Verdict::Slow(check) = verdict {
            shown += &format!("{:?}", run(check));
        }
        shown += &format!(
            "{} {:?}",
            Who::claimed(&client.connect),
            client.ask(&auth).err()
        );
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn identities_are_shown_as_the_reference_shows_them() {
    for (who, shown, label, logged) in [
        (Who::Anonymous, None, "", "User \"N/A\""),
        (
            Who::User(arc("b\"b")),
            Some("b\"b"),
            "user:b\"b",
            "User \"b\\\"b\"",
        ),
        (Who::Nkey(arc("UA")), Some("UA"), "nkey:UA", "Nkey \"UA\""),
        (
            Who::Token,
            Some("[REDACTED]"),
            "token",
            "Token \"[REDACTED]\"",
        ),
    ] {
        assert_eq!(who.shown(), shown);
        assert_eq!(who.label(), label);
        assert_eq!(who.to_string(), logged);
    }
}

fn server_key() -> KeyPair {
    KeyPair::generate(Kind::Server).expect("random bytes")
}

fn base64_standard(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
