use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::nkey::KeyPair;

/// Tokens that the reference's `nsc` made, one of each type that it makes, with every field that it can set.
fn tokens_of_nsc() -> Vec<(String, String)> {
    let rows: Vec<Value> =
        serde_json::from_str(include_str!("../../tests/data/nsc.json")).expect("JSON");
    rows.iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().expect("text").to_owned();
            (text("name"), text("token"))
        })
        .collect()
}

fn samples() -> Vec<Value> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/vectors/jwt-samples.json"
    );
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).expect("JSON"),
        Err(e) if std::env::var_os("NATS_REQUIRE_ALL").is_some() => panic!("{path}: {e}"),
        Err(_) => {
            eprintln!("SKIPPED: reference/vectors/jwt-samples.json is not here");
            Vec::new()
        }
    }
}

fn key(kind: Kind) -> KeyPair {
    KeyPair::generate(kind).expect("randomness")
}

fn payload_text(token: &str) -> String {
    let part = token.split('.').nth(1).expect("payload");
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("text")
}

/// A token with any header and claims, signed as the reference would.
fn forge(header: &Value, claims: &Value, signer: &KeyPair) -> String {
    forge_text(&header.to_string(), &claims.to_string(), signer)
}

fn forge_text(header: &str, claims: &str, signer: &KeyPair) -> String {
    let (header, claims) = (
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims),
    );
    let signed = format!("{header}.{claims}");
    let signature = signer.sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn header() -> Value {
    json!({"typ": "JWT", "alg": "ed25519-nkey"})
}

#[test]
fn tokens_of_the_reference_are_written_again_byte_for_byte() {
    let tokens = tokens_of_nsc();
    assert!(tokens.len() >= 9);
    for (name, token) in tokens {
        let claims = decode(&token).expect("genuine");
        assert_eq!(
            claims.name(),
            if name == "activation" {
                "priv.>"
            } else {
                &name
            }
        );
        let text = each!(&claims, claims => {
            assert!(claims.has_standard_id(), "{name}");
            super::json::to_string(claims).expect("JSON")
        });
        assert_eq!(text, payload_text(&token), "{name}");
        let edit = decode_for_edit(&token).expect("genuine");
        assert_eq!(edit.unknown, [""; 0], "{name}");
    }
}

#[test]
fn samples_of_both_versions_are_read() {
    for row in samples() {
        let token = row["token"].as_str().expect("token");
        let read = decode(token);
        if row["signature_valid"] == Value::Bool(false) {
            assert_eq!(read, Err(DecodeError::BadSignature));
            continue;
        }
        let read = read.expect("genuine");
        let claims = &row["claims"];
        assert_eq!(read.subject(), claims["sub"].as_str().expect("sub"));
        assert_eq!(Some(read.issued_at()), claims["iat"].as_i64());
        let kind = claims["type"].as_str().or(claims["nats"]["type"].as_str());
        assert_eq!(Some(read.claim_type().as_str()), kind);
        assert_eq!(decode_for_edit(token).expect("genuine").unknown, [""; 0]);
        if row["header"]["alg"] == "ed25519-nkey" {
            each!(&read, claims => assert!(claims.has_standard_id()));
        }
        if let AnyClaims::Operator(operator) = &read {
            let count = claims["nats"]["signing_keys"]
                .as_array()
                .map_or(0, Vec::len);
            assert_eq!(operator.nats.signing_keys.len(), count);
        }
        if let (AnyClaims::Activation(activation), Some("service")) =
            (&read, claims["nats"]["type"].as_str())
        {
            assert_eq!(activation.nats.import_type, ExportType::Service);
            assert_eq!(activation.nats.import_subject, "foo");
        }
    }
}

#[test]
fn what_is_encoded_is_decoded_as_it_was() {
    let (operator, account, user) = (key(Kind::Operator), key(Kind::Account), key(Kind::User));
    let mut claims = AccountClaims::new(account.public_key().to_string());
    claims.name = "a<b>&c".into();
    for subject in ["z", "a", "m"] {
        claims.nats.exports.push(Export {
            subject: subject.into(),
            kind: ExportType::Stream,
            ..Export::default()
        });
    }
    let token = claims.encode(&operator, 1_700_000_000).expect("signed");
    let read = AccountClaims::decode(&token).expect("genuine");
    assert_eq!(read.issuer, operator.public_key().to_string());
    assert_eq!((read.issued_at, read.nats.version), (1_700_000_000, 2));
    assert!(read.has_standard_id() && payload_text(&token).contains(r"a\u003cb\u003e\u0026c"));
    let order: Vec<_> = read
        .nats
        .exports
        .iter()
        .map(|e| e.subject.as_str())
        .collect();
    assert_eq!(order, ["a", "m", "z"]);
    let mut user_claims = UserClaims::new(user.public_key().to_string());
    user_claims.nats.set_scoped(true);
    user_claims.nats.issuer_account = account.public_key().to_string();
    let token = user_claims.encode(&account, 7).expect("signed");
    let text = payload_text(&token);
    assert!(
        text.contains(r#""nats":{"pub":{},"sub":{},"issuer_account":"#),
        "{text}"
    );
    assert!(
        UserClaims::decode(&token)
            .expect("genuine")
            .nats
            .limits
            .is_nothing()
    );
    assert_eq!(
        AccountClaims::decode(&token),
        Err(DecodeError::WrongType {
            found: ClaimType::User,
            wanted: ClaimType::Account
        })
    );
}

#[test]
fn only_the_right_kinds_of_keys_sign_and_are_signed() {
    let keys = [
        Kind::Operator,
        Kind::Account,
        Kind::User,
        Kind::Server,
        Kind::Cluster,
    ]
    .map(key);
    for signer in &keys {
        for subject in &keys {
            let (s, k) = (signer.kind(), subject.kind());
            let about = subject.public_key().to_string();
            let right = |result: Result<String, EncodeError>| result.is_ok();
            assert_eq!(
                right(OperatorClaims::new(&*about).encode(signer, 1)),
                s == Kind::Operator && k == Kind::Operator
            );
            let by_a_or_o = matches!(s, Kind::Operator | Kind::Account) && k == Kind::Account;
            assert_eq!(
                right(AccountClaims::new(&*about).encode(signer, 1)),
                by_a_or_o
            );
            assert_eq!(
                right(ActivationClaims::new(&*about).encode(signer, 1)),
                by_a_or_o
            );
            assert_eq!(
                right(UserClaims::new(&*about).encode(signer, 1)),
                s == Kind::Account && k == Kind::User
            );
            assert_eq!(
                right(AuthorizationRequestClaims::new(&*about).encode(signer, 1)),
                s == Kind::Server
            );
            assert_eq!(
                right(AuthorizationResponseClaims::new(&*about).encode(signer, 1)),
                s == Kind::Account
            );
            assert!(right(GenericClaims::new(&*about).encode(signer, 1)));
            // The same on reading, where somebody else signed.
            let forged = json!({"iss": signer.public_key(), "sub": subject.public_key(),
                "nats": {"type": "user", "version": 2}});
            let read = UserClaims::decode(&forge(&header(), &forged, signer));
            assert_eq!(
                read.is_ok(),
                s == Kind::Account && k == Kind::User,
                "{s} {k}"
            );
        }
    }
}

/// S34: one algorithm for each version, nothing else, nothing mixed.
#[test]
fn only_the_algorithm_of_the_version_is_accepted() {
    let (account, user) = (key(Kind::Account), key(Kind::User));
    let version2 = json!({"iss": account.public_key(), "sub": user.public_key(),
        "nats": {"type": "user", "version": 2}});
    let version1 =
        json!({"iss": account.public_key(), "sub": user.public_key(), "type": "user", "nats": {}});
    let with =
        |header: Value, claims: &Value| UserClaims::decode(&forge(&header, claims, &account));
    assert!(with(header(), &version2).is_ok());
    for alg in [
        "none",
        "HS256",
        "EdDSA",
        "Ed25519-nkey",
        "ed25519-nkey ",
        "ed25519-nkeys",
        "",
    ] {
        let read = with(json!({"typ": "JWT", "alg": alg}), &version2);
        assert!(matches!(read, Err(DecodeError::Algorithm(_))), "{alg}");
    }
    for (header, claims) in [
        (json!({"typ": "JWT", "alg": "ed25519"}), &version2),
        (json!({"typ": "JWT", "alg": "ed25519-nkey"}), &version1),
    ] {
        let read = with(header, claims);
        assert!(
            matches!(read, Err(DecodeError::AlgorithmOfOtherVersion(_))),
            "{read:?}"
        );
    }
    for bad in [
        json!({"alg": "ed25519-nkey"}),
        json!({"typ": "JWE", "alg": "ed25519-nkey"}),
        json!({"typ": "JWT"}),
        json!({"typ": "JWT", "alg": 1}),
        json!({"typ": "JWT", "alg": "ed25519-nkey", "crit": ["b64"]}),
        json!([]),
    ] {
        assert!(with(bad.clone(), &version2).is_err(), "{bad}");
    }
    // Version 1 signs the payload alone: a signature over both parts is no signature of it, and the reverse.
    let old_header = URL_SAFE_NO_PAD.encode(json!({"typ": "jwt", "alg": "ed25519"}).to_string());
    let payload = URL_SAFE_NO_PAD.encode(version1.to_string());
    let signature = URL_SAFE_NO_PAD.encode(account.sign(payload.as_bytes()));
    let read = UserClaims::decode(&format!("{old_header}.{payload}.{signature}")).expect("genuine");
    assert_eq!(
        (read.nats.version, read.nats.limits.limits),
        (1, Limits::UNLIMITED)
    );
    let both = with(json!({"typ": "jwt", "alg": "ed25519"}), &version1);
    assert_eq!(both, Err(DecodeError::BadSignature));
}

/// S2 and S34: shapes that are refused.
#[test]
fn malformed_tokens_are_refused() {
    let account = key(Kind::Account);
    let subject = key(Kind::User).public_key();
    let read = |claims: Value| UserClaims::decode(&forge(&header(), &claims, &account));
    let with =
        |nats: Value| read(json!({"iss": account.public_key(), "sub": subject, "nats": nats}));
    assert!(with(json!({"type": "user", "version": 2})).is_ok());
    assert!(
        with(json!({"type": "user", "version": 2, "pub": null, "src": null, "tags": null})).is_ok()
    );
    assert_eq!(
        with(json!({"type": "user", "version": 3})),
        Err(DecodeError::TooNew(3))
    );
    assert_eq!(
        with(json!({"type": "user"})),
        Err(DecodeError::BadVersion(0))
    );
    for nats in [
        Value::Null,
        json!(7),
        json!([]),
        json!({"type": 1, "version": 2}),
        json!({"type": "server", "version": 2}),
        json!({"type": "user", "version": "2"}),
        json!({"type": "user", "version": 2, "pub": []}),
        json!({"type": "user", "version": 2, "pub": {"allow": "x"}}),
        json!({"type": "user", "version": 2, "pub": {"allow": [null]}}),
        json!({"type": "user", "version": 2, "subs": 1.5}),
        json!({"type": "user", "version": 2, "subs": "1"}),
        json!({"type": "user", "version": 2, "times": {}}),
        json!({"type": "user", "version": 2, "src": [1]}),
    ] {
        assert!(with(nats.clone()).is_err(), "{nats}");
    }
    assert!(read(json!({"sub": subject, "nats": {"type": "user", "version": 2}})).is_err());
    assert!(
        read(json!({"iss": account.public_key(), "nats": {"type": "user", "version": 2}})).is_err()
    );
    assert!(
        read(
            json!({"iss": account.public_key(), "sub": "U", "nats": {"type": "user", "version": 2}})
        )
        .is_err()
    );
    let twice = format!(
        r#"{{"iss":"{}","sub":"{subject}","exp":1,"exp":9999999999,"nats":{{"type":"user","version":2}}}}"#,
        account.public_key()
    );
    let twice = forge_text(&header().to_string(), &twice, &account);
    assert_eq!(
        UserClaims::decode(&twice),
        Err(DecodeError::NotJson(Part::Claims))
    );
    assert_eq!(decode("a.b"), Err(DecodeError::NotThreeParts));
    assert_eq!(
        decode(&"a".repeat(TOKEN_LEN_MAX + 1)),
        Err(DecodeError::TooLarge)
    );
}

#[test]
fn every_changed_character_is_noticed() {
    let (_, token) = tokens_of_nsc().remove(0);
    for at in 0..token.len() {
        for other in [b'A', b'b', b'-'] {
            let mut changed = token.clone().into_bytes();
            if changed[at] == other {
                continue;
            }
            changed[at] = other;
            let changed = String::from_utf8(changed).expect("ascii");
            assert!(decode(&changed).is_err(), "byte {at}");
        }
    }
    for padded in [
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
    ] {
        assert!(decode(&padded).is_err());
    }
}

#[test]
fn what_a_change_would_lose_is_said() {
    let account = key(Kind::Account);
    let claims = json!({"iss": account.public_key(), "sub": account.public_key(), "zzz": 1, "nats": {
        "type": "account", "version": 2, "new": {"a": 1}, "empty": [],
        "limits": {"subs": 0, "new_limit": 5},
        "signing_keys": ["Z", {"kind": "user_scope", "key": "B", "template": {"novel": true}}],
        "exports": [{"subject": "a", "type": "stream", "future": "x"}]}});
    let edit = decode_for_edit(&forge(&header(), &claims, &account)).expect("genuine");
    let mut unknown = edit.unknown;
    unknown.sort();
    assert_eq!(
        unknown,
        [
            "nats.exports[0].future",
            "nats.limits.new_limit",
            "nats.new",
            "nats.signing_keys[1].template.novel",
            "zzz"
        ]
    );
}

#[test]
fn scopes_have_no_limit_where_they_say_nothing() {
    let account = key(Kind::Account);
    let claims = json!({"iss": account.public_key(), "sub": account.public_key(), "nats": {
        "type": "account", "version": 2,
        "signing_keys": ["APLAIN", {"kind": "user_scope", "key": "ASCOPED", "role": "r", "template": {"subs": 5}}]}});
    let read = AccountClaims::decode(&forge(&header(), &claims, &account)).expect("genuine");
    let keys = &read.nats.signing_keys;
    assert!(keys.contains("APLAIN") && keys.scope("APLAIN").is_none());
    let limits = keys.scope("ASCOPED").expect("scope").template.limits;
    assert_eq!(
        (limits.subs, limits.data, limits.payload),
        (5, NO_LIMIT, NO_LIMIT)
    );
    for wrong in [
        json!([1]),
        json!([{"key": "A"}]),
        json!([{"kind": "other", "key": "A"}]),
        json!("A"),
    ] {
        let claims = json!({"iss": account.public_key(), "sub": account.public_key(),
            "nats": {"type": "account", "version": 2, "signing_keys": wrong}});
        assert!(AccountClaims::decode(&forge(&header(), &claims, &account)).is_err());
    }
}

#[test]
fn networks_are_read_as_a_list_or_as_one_text() {
    for src in [json!(["10.0.0.0/8", "::/0"]), json!("10.0.0.0/8, ::/0,")] {
        let user: User = serde_json::from_value(json!({"src": src})).expect("user");
        assert_eq!(user.limits.src, ["10.0.0.0/8", "::/0"]);
    }
}

#[test]
fn revocations_only_move_forward_and_everybody_counts() {
    let mut list = Revocations::default();
    list.revoke("U1", 100);
    list.revoke("U1", 50);
    assert_eq!(list.get("U1"), Some(100));
    assert!(list.is_revoked("U1", 100) && !list.is_revoked("U1", 101) && !list.is_revoked("U2", 1));
    list.revoke(EVERYBODY, 200);
    assert!(list.is_revoked("U2", 200) && !list.is_revoked("U2", 201));
    list.revoke("U3", 300);
    assert_eq!(list.compact(), [("U1".to_owned(), 100)]);
    assert!(list.is_revoked("U3", 300) && list.len() == 2);
    assert!(list.clear("U3") && !list.clear("U3"));
}

#[test]
fn tags_are_small_trimmed_and_there_once() {
    let mut tags: Tags = [" One ", "one", "", "TWO"].iter().collect();
    assert_eq!(tags.iter().collect::<Vec<_>>(), ["one", "two"]);
    assert!(tags.contains("Two ") && tags.remove("ONE") && !tags.remove("one"));
}

#[test]
fn activations_have_a_name_that_stays() {
    let mut claims = ActivationClaims::new("AIMPORTER");
    claims.issuer = "AEXPORTER".into();
    assert_eq!(claims.hash_id(), None);
    let mut hash = |subject: &str| {
        claims.nats.import_subject = subject.into();
        claims.hash_id().expect("hash")
    };
    // SHA-256 of "AEXPORTER.AIMPORTER.foo", made with coreutils.
    assert_eq!(hash("foo"), hash("foo.*"));
    assert_eq!(hash("foo.bar.>"), hash("foo.bar"));
    assert_eq!(hash(">"), hash("_"));
    assert_ne!(hash("foo"), hash("bar"));
    assert_eq!(hash("foo").len(), 56);
}

#[test]
fn a_request_for_authorization_shows_no_secret_when_printed() {
    let mut claims = AuthorizationRequestClaims::new("x");
    claims.nats.connect.pass = "hunter2".into();
    claims.nats.connect.auth_token = "hunter2".into();
    claims.nats.connect.jwt = "hunter2".into();
    claims.nats.connect.sig = "hunter2".into();
    assert!(!format!("{claims:?}").contains("hunter2"));
    let server = key(Kind::Server);
    let claims = json!({"iss": server.public_key(), "sub": "x", "nats": {"type": "authorization_request",
        "version": 2, "connect_opts": {"pass": "hunter2", "protocol": "hunter2"}}});
    let error = decode(&forge(&header(), &claims, &server)).expect_err("wrong type");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z.*>]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            "type|version|pub|sub|resp|allow|deny|limits|imports|exports|signing_keys|kind|template",
            "mappings|authorization|trace|tiered_limits|subject|token|src|times|tags|name|max|ttl"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    /// S2: whatever a valid key signs is read or refused, never worse.
    #[test]
    fn any_signed_json_is_read_or_refused(
        mut nats in any_json(),
        kind in "operator|account|user|activation|authorization_response|other",
    ) {
        let signer = key(Kind::Account);
        if let Some(members) = nats.as_object_mut() {
            members.insert("type".into(), kind.into());
            members.insert("version".into(), 2.into());
        }
        let claims = json!({"iss": signer.public_key(), "sub": signer.public_key(), "nats": nats});
        let token = forge(&header(), &claims, &signer);
        if let Ok(claims) = decode(&token) {
            let _ = claims.validate(1);
            let _ = decode_for_edit(&token);
            let text = each!(&claims, claims => super::json::to_string(claims));
            // What was read is what is written and read again, except rates that the format cannot say.
            if let Ok(text) = text {
                let again = forge_text(&header().to_string(), &text, &signer);
                prop_assert_eq!(decode(&again).expect("written by us"), claims);
            }
        }
    }

    #[test]
    fn any_text_is_no_token(text in "\\PC{0,80}|[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,90}") {
        prop_assert!(decode(&text).is_err());
    }
}

#[test]
fn a_limit_of_nothing_in_a_template_does_not_become_no_limit() {
    let (operator, account) = (key(Kind::Operator), key(Kind::Account));
    let mut claims = AccountClaims::new(account.public_key().to_string());
    let mut scope = UserScope::new(key(Kind::Account).public_key().to_string());
    scope.template.limits.payload = 0;
    claims.nats.signing_keys.add_scoped(scope.clone());
    let token = claims.encode(&operator, 1).expect("signed");
    let read = AccountClaims::decode(&token).expect("just signed");
    assert_eq!(read.nats.signing_keys.scope(&scope.key), Some(&scope));
}
