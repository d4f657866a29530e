use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

/// A user key and a token issued for it (the signature is not looked at here).
fn user() -> (KeyPair, String) {
    let key = KeyPair::generate(Kind::User).expect("randomness");
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let token = format!(
        "{}.{}.{}",
        part(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#),
        part(&format!(r#"{{"sub":"{}","name":"n"}}"#, key.public_key())),
        part("signature")
    );
    (key, token)
}

fn check(content: &str, key: &KeyPair, token: &str) {
    let creds = Creds::parse(content.as_bytes()).unwrap_or_else(|e| panic!("{e}: {content:?}"));
    assert_eq!(creds.jwt.reveal(), token);
    assert_eq!(creds.key.public_key(), key.public_key());
}

#[test]
fn every_shape_in_the_field_is_read() {
    let (key, token) = user();
    let seed = key.seed();
    let seed = seed.reveal();
    let plain = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\nwords - and -- more\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n\n*****\n"
    );
    check(&plain, &key, &token);
    check(&plain.replace('\n', "\r\n"), &key, &token);
    check(plain.trim_end_matches(['*', '\n']), &key, &token);
    check(&format!("text before\n{plain}"), &key, &token);
    check(
        &format!("--- a ---\n{token}\n--- b ---\n---x---\n{seed}\n---y---"),
        &key,
        &token,
    );
    check(
        &format!("---s---\n{seed}\n---s---\n---j---\n{token}\n---j---\n"),
        &key,
        &token,
    );
    check(
        &format!("---j---\n\n  {token}  \n\n---j---\n  {seed}\n"),
        &key,
        &token,
    );
}

#[test]
fn what_is_missing_is_named() {
    let (key, token) = user();
    let seed = key.seed();
    let seed = seed.reveal();
    let error = |content: &str| Creds::parse(content.as_bytes()).expect_err("no credentials");
    assert!(matches!(error(""), CredsError::NoJwt));
    assert!(matches!(
        error(&format!("---\n{token}\n---")),
        CredsError::NoJwt
    ));
    assert!(matches!(
        error(&format!("---j---\n{token}\n---j---")),
        CredsError::NoSeed
    ));
    let cut = &seed[..50];
    let with_cut_seed = format!("---j---\n{token}\n---j---\n---s---\n{cut}\n---s---\n");
    assert!(matches!(error(&with_cut_seed), CredsError::BadSeed(_)));
    assert!(!error(&with_cut_seed).to_string().contains(cut));
    assert!(matches!(Creds::parse(b"\xff"), Err(CredsError::NotText)));
    let huge = vec![b'-'; 3 << 20];
    assert!(matches!(Creds::parse(&huge), Err(CredsError::TooLarge)));
}

#[test]
fn bare_files_are_read() {
    let (key, token) = user();
    let seed = key.seed();
    for content in [
        format!("{}\n", seed.reveal()),
        format!("# my key\r\n  {}\r\n", seed.reveal()),
    ] {
        let read = parse_seed(content.as_bytes()).expect("seed");
        assert_eq!(read.public_key(), key.public_key());
    }
    let read = parse_jwt(format!("{token}\n").as_bytes()).expect("jwt");
    assert_eq!(read.reveal(), token);
    assert!(matches!(parse_jwt(b"no token"), Err(CredsError::NoJwt)));
}

#[test]
fn what_is_written_is_read_again_and_private() {
    let (key, token) = user();
    let creds = Creds {
        jwt: Secret::new(token.clone()),
        key,
    };
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("u.creds");
    creds.write(&path).expect("written");
    creds.write(&path).expect("replaced");
    let read = Creds::read(&path).expect("readable");
    assert_eq!(read.key.public_key(), creds.key.public_key());
    assert_eq!(read.jwt, creds.jwt);
    assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).expect("file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let missing = Creds::read(&folder.path().join("none")).expect_err("no file");
    assert!(missing.to_string().contains("none"), "{missing}");
}

#[test]
fn a_seed_of_somebody_else_is_not_written() {
    let (_, token) = user();
    let (key, _) = user();
    let creds = Creds {
        jwt: Secret::new(token),
        key,
    };
    assert!(matches!(creds.encode(), Err(CredsError::ForeignSeed)));
}

#[test]
fn debug_output_of_credentials_shows_nothing() {
    let (key, token) = user();
    let seed = key.seed();
    let creds = Creds {
        jwt: Secret::new(token.clone()),
        key,
    };
    let shown = format!("{creds:?}");
    assert!(
        !shown.contains(&token) && !shown.contains(seed.reveal()),
        "{shown}"
    );
}

#[test]
fn reference_sample_files_are_read() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/server-configs/server/one.creds"
    );
    match Creds::read(Path::new(folder)) {
        Ok(creds) => {
            let claims = claims_peek::peek(creds.jwt.reveal()).expect("claims");
            assert_eq!(claims.name, "one");
            assert_eq!(claims.subject, creds.key.public_key().to_string());
        }
        Err(CredsError::Read { .. }) if std::env::var_os("NATS_REQUIRE_ALL").is_none() => {
            eprintln!("SKIPPED: reference/server-configs is not here");
        }
        Err(e) => panic!("{e}"),
    }
}

proptest! {
    #[test]
    fn any_content_is_judged(pieces in prop::collection::vec(prop::sample::select(vec![
        "---", "-----BEGIN X-----", "\n", "\r\n", "a.b.c", "SUAA", "SU", " ", "ü", "------END X------", "-"]), 0..20))
    {
        let content = pieces.concat();
        let _ = Creds::parse(content.as_bytes());
        let _ = parse_jwt(content.as_bytes());
        let _ = parse_seed(content.as_bytes());
    }
}

#[test]
fn tokens_and_seeds_in_a_file_of_their_own_are_read_again() {
    let key = KeyPair::generate(Kind::Account).expect("randomness");
    let claims = crate::claims::AccountClaims::new(key.public_key().to_string());
    let token = claims.encode(&key, 1).expect("signed");
    let file = decorate_jwt(ClaimType::Account, &token);
    assert!(
        file.reveal()
            .starts_with("-----BEGIN NATS ACCOUNT JWT-----\n")
    );
    assert!(
        file.reveal()
            .ends_with("\n------END NATS ACCOUNT JWT------\n")
    );
    let read = parse_jwt(file.reveal().as_bytes()).expect("token");
    assert_eq!(read.reveal(), token);
    let file = decorate_seed(&key);
    assert!(
        file.reveal()
            .contains("-----BEGIN ACCOUNT NKEY SEED-----\nSA")
    );
    let read = parse_seed(file.reveal().as_bytes()).expect("seed");
    assert_eq!(read.public_key(), key.public_key());
}
