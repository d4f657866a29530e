//! Keys, credentials files and tokens: refused, or spelled the same again.
//!
//! The first byte chooses: the rest as text, or as the bytes behind a key with a right checksum (which a fuzzer would not
//! find by itself), or that key inside a credentials file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use nats_jwt::claims_peek;
use nats_jwt::creds::{self, Creds};
use nats_jwt::nkey::{self, CurveKey, KeyPair, Kind, PublicKey};

pub fn check(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else {
        return;
    };
    match mode % 4 {
        0 => check_text(rest),
        1 => check_key(&spell(rest)),
        2 => check_creds(&around(rest)),
        _ => check_claims(rest),
    }
}

fn check_text(bytes: &[u8]) {
    check_creds(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        check_key(text);
        let _ = claims_peek::peek(text);
    }
}

fn check_key(text: &str) {
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(key.to_string(), text);
        assert!(text.starts_with(key.kind().letter()));
        assert!(nkey::is_public_key(text, key.kind()));
        assert!(key.verify(text.as_bytes(), &[7; 64]).is_err());
        assert!(key.verify_text(text.as_bytes(), text).is_err());
    }
    let kind = nkey::seed_kind(text);
    let (pair, curve) = (KeyPair::from_seed(text), CurveKey::from_seed(text));
    assert_eq!(pair.is_ok() || curve.is_ok(), kind.is_ok());
    if let Ok(pair) = pair {
        assert_eq!(pair.seed().reveal(), text);
        assert_eq!(kind, Ok(pair.kind()));
        let signature = pair.sign_text(b"nonce");
        assert!(pair.public_key().verify_text(b"nonce", &signature).is_ok());
    }
    if let Ok(curve) = curve {
        assert_eq!(curve.seed().reveal(), text);
        assert_eq!(kind, Ok(Kind::Curve));
        let sealed = curve.seal(b"x", &curve.public_key()).expect("own key");
        let opened = curve.open(&sealed, &curve.public_key());
        assert_eq!(opened.as_deref(), Ok(&b"x"[..]));
    }
}

fn check_creds(bytes: &[u8]) {
    let both = Creds::parse(bytes);
    let (jwt, seed) = (creds::parse_jwt(bytes), creds::parse_seed(bytes));
    let Ok(both) = both else { return };
    assert_eq!(jwt.ok(), Some(both.jwt.clone()));
    let seed = seed.expect("the same seed");
    assert_eq!(seed.public_key(), both.key.public_key());
    if let Ok(written) = both.encode() {
        let again = Creds::parse(written.reveal().as_bytes()).expect("what we wrote");
        assert_eq!(again.jwt, both.jwt);
        assert_eq!(again.key.public_key(), both.key.public_key());
    }
}

fn check_claims(json: &[u8]) {
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(json));
    let _ = claims_peek::peek(&token);
}

/// Base32 of `body` with a right checksum behind it.
fn spell(body: &[u8]) -> String {
    let crc = body.iter().fold(0u16, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    });
    BASE32_NOPAD.encode(&[body, &crc.to_le_bytes()].concat())
}

/// A credentials file: the first 34 bytes as a key, the rest around it, with a token for that key when it is one.
fn around(bytes: &[u8]) -> Vec<u8> {
    let (key, text) = bytes.split_at(bytes.len().min(34));
    let seed = spell(key);
    let subject = KeyPair::from_seed(&seed).map(|k| k.public_key().to_string());
    let claims = format!("{{\"sub\":\"{}\"}}", subject.unwrap_or_default());
    let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    let mut out = format!("---jwt---\n{token}\n---jwt---\n").into_bytes();
    out.extend_from_slice(text);
    out.extend_from_slice(format!("\n---seed---\n{seed}\n---seed---\n").as_bytes());
    out
}
