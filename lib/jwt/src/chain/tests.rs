use super::*;
use crate::claims::{Activation, ExportType};
use crate::nkey::{KeyPair, Kind};

fn key(kind: Kind) -> KeyPair {
    KeyPair::generate(kind).expect("randomness")
}

fn text(key: &KeyPair) -> String {
    key.public_key().to_string()
}

/// An account with a plain and a scoped signing key.
struct Fixture {
    account: KeyPair,
    plain: KeyPair,
    scoped: KeyPair,
    claims: AccountClaims,
}

fn fixture() -> Fixture {
    let [account, plain, scoped] = std::array::from_fn(|_| key(Kind::Account));
    let mut claims = AccountClaims::new(text(&account));
    claims.nats.signing_keys.add(text(&plain));
    let mut scope = UserScope::new(text(&scoped));
    scope.template.permissions.publish.allow = vec!["for.{{name()}}".into()];
    scope.template.bearer_token = true;
    claims.nats.signing_keys.add_scoped(scope);
    Fixture {
        account,
        plain,
        scoped,
        claims,
    }
}

impl Fixture {
    fn user(&self, signer: &KeyPair, change: impl FnOnce(&mut UserClaims)) -> UserClaims {
        let mut user = UserClaims::new(text(&key(Kind::User)));
        user.name = "bob".into();
        user.nats.issuer_account = text(&self.account);
        change(&mut user);
        let token = user.encode(signer, 1000).expect("signed");
        UserClaims::decode(&token).expect("genuine")
    }
}

#[test]
fn operators_are_trusted_with_their_signing_keys_and_strict_ones_with_those_only() {
    let [own, signing] = std::array::from_fn(|_| key(Kind::Operator));
    let mut operator = OperatorClaims::new(text(&own));
    operator.nats.signing_keys.push(text(&signing));
    for strict in [false, true] {
        operator.nats.strict_signing_key_usage = strict;
        let trust = Trust::in_operators([&operator]);
        assert_eq!(trust.accepts(&text(&own)), !strict);
        assert!(trust.accepts(&text(&signing)));
        assert_eq!(trust.is_strict(&text(&signing)), strict);
        assert!(!trust.accepts(&text(&key(Kind::Operator))));
        let signed = |signer: &KeyPair| {
            let account = AccountClaims::new(text(&key(Kind::Account)));
            AccountClaims::decode(&account.encode(signer, 1).expect("signed")).expect("genuine")
        };
        assert_eq!(operator.did_sign(&signed(&own)), !strict);
        assert!(operator.did_sign(&signed(&signing)));
        let token = operator.encode(&own, 1).expect("signed");
        let itself = OperatorClaims::decode(&token).expect("genuine");
        assert!(operator.did_sign(&itself));
    }
}

/// S3.
#[test]
fn users_are_admitted_by_the_accounts_keys_in_time_and_unless_revoked() {
    let f = fixture();
    let stranger = key(Kind::Account);
    let admit = |user: &UserClaims, strict, now| f.claims.admit(user, strict, now);
    let own = f.user(&f.account, |_| {});
    assert!(admit(&own, false, 1000).is_ok());
    assert_eq!(admit(&own, true, 1000), Err(ChainError::UnknownIssuer));
    assert!(admit(&f.user(&f.plain, |_| {}), true, 1000).is_ok());
    assert_eq!(
        admit(&f.user(&stranger, |_| {}), false, 1000),
        Err(ChainError::UnknownIssuer)
    );
    let timed = f.user(&f.plain, |user| {
        user.expires = 2000;
        user.not_before = 1500;
    });
    assert_eq!(admit(&timed, false, 1499), Err(ChainError::Early));
    assert!(admit(&timed, false, 1500).is_ok() && admit(&timed, false, 2000).is_ok());
    assert_eq!(admit(&timed, false, 2001), Err(ChainError::Expired));
    for who in [own.subject.as_str(), "*"] {
        let mut claims = f.claims.clone();
        claims.nats.revocations.revoke(who, 999);
        assert!(claims.admit(&own, false, 1000).is_ok());
        claims.nats.revocations.revoke(who, 1000);
        assert_eq!(claims.admit(&own, false, 1000), Err(ChainError::Revoked));
    }
    let mut expired = f.claims.clone();
    expired.expires = 1500;
    assert_eq!(expired.admit(&own, false, 1501), Err(ChainError::Expired));
}

#[test]
fn scoped_users_have_the_scopes_permissions_and_none_of_their_own() {
    let f = fixture();
    let scoped = f.user(&f.scoped, |user| user.nats.set_scoped(true));
    let limits = f.claims.admit(&scoped, true, 1000).expect("admitted");
    assert_eq!(limits.permissions.publish.allow, ["for.bob"]);
    assert!(limits.bearer_token);
    let own = f.user(&f.scoped, |_| {});
    assert_eq!(f.claims.admit(&own, true, 1000), Err(ChainError::NotEmpty));
    let mut claims = f.claims.clone();
    claims.nats.limits.disallow_bearer = true;
    assert_eq!(claims.admit(&scoped, true, 1000), Err(ChainError::Bearer));
    claims.nats.signing_keys.remove(&text(&f.scoped));
    assert_eq!(
        claims.admit(&scoped, true, 1000),
        Err(ChainError::UnknownIssuer)
    );
}

#[test]
fn accounts_know_what_they_signed() {
    let f = fixture();
    let signed = |signer: &KeyPair| AnyClaims::User(f.user(signer, |_| {}));
    assert!(f.claims.did_sign(&signed(&f.account)));
    assert!(f.claims.did_sign(&signed(&f.plain)));
    assert!(!f.claims.did_sign(&signed(&key(Kind::Account))));
    let other = AnyClaims::User(f.user(&f.plain, |user| {
        user.nats.issuer_account = text(&key(Kind::Account));
    }));
    assert!(!f.claims.did_sign(&other));
}

/// S5: every way in which a token is not for this import.
#[test]
fn activation_tokens_count_for_their_account_subject_type_and_time_only() {
    let f = fixture();
    let importer = text(&key(Kind::Account));
    let made = |signer: &KeyPair, change: &dyn Fn(&mut ActivationClaims)| {
        let mut token = ActivationClaims::new(importer.clone());
        token.nats = Activation {
            import_subject: "priv.>".into(),
            import_type: ExportType::Stream,
            ..Activation::default()
        };
        change(&mut token);
        token.encode(signer, 1000).expect("signed")
    };
    let mut export = Export::default();
    let check = |token: String, subject: &str, export: &Export, now| {
        let import = Import {
            subject: subject.into(),
            account: text(&f.account),
            kind: ExportType::Stream,
            token,
            ..Import::default()
        };
        check_activation(&import, &importer, &f.claims, export, now).err()
    };
    let same = |_: &mut ActivationClaims| {};
    let for_account = |token: &mut ActivationClaims| token.nats.issuer_account = text(&f.account);
    assert_eq!(
        check(made(&f.account, &same), "priv.x", &export, 1000),
        None
    );
    assert_eq!(
        check(made(&f.plain, &for_account), "priv.>", &export, 1000),
        None
    );
    for (token, subject, now, error) in [
        (String::new(), "priv.x", 1000, ActivationError::Missing),
        (
            made(&f.account, &same),
            "other",
            1000,
            ActivationError::OtherSubject,
        ),
        (
            made(&f.account, &same),
            ">",
            1000,
            ActivationError::OtherSubject,
        ),
        (
            made(&f.plain, &same),
            "priv.x",
            1000,
            ActivationError::OtherExporter,
        ),
        (
            made(&key(Kind::Account), &same),
            "priv.x",
            1000,
            ActivationError::OtherExporter,
        ),
        (
            made(&key(Kind::Account), &for_account),
            "priv.x",
            1000,
            ActivationError::UnknownIssuer,
        ),
        (
            made(&f.account, &|t| t.nats.issuer_account = importer.clone()),
            "priv.x",
            1000,
            ActivationError::OtherExporter,
        ),
        (
            made(&f.account, &|t| t.subject = text(&f.plain)),
            "priv.x",
            1000,
            ActivationError::OtherImporter,
        ),
        (
            made(&f.account, &|t| t.nats.import_type = ExportType::Service),
            "priv.x",
            1000,
            ActivationError::OtherType,
        ),
        (
            made(&f.account, &|t| t.expires = 1100),
            "priv.x",
            1100,
            ActivationError::Expired,
        ),
        (
            made(&f.account, &|t| t.not_before = 1100),
            "priv.x",
            1099,
            ActivationError::Early,
        ),
    ] {
        assert_eq!(check(token, subject, &export, now), Some(error));
    }
    assert!(matches!(
        check("x".into(), "priv.x", &export, 1000),
        Some(ActivationError::Token(_))
    ));
    export.revocations.revoke("*", 1000);
    assert_eq!(
        check(made(&f.account, &same), "priv.x", &export, 1000),
        Some(ActivationError::Revoked)
    );
}
