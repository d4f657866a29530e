//! Tokens: whatever a valid key signs is read or refused, and what was read is written and read again as the same.
//!
//! The first byte chooses: the rest as a whole token, as the claims of a signed one, or as a template of a scoped key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nats_jwt::claims::{
    AnyClaims, Tags, UserPermissionLimits, decode, decode_for_edit, decode_generic,
};
use nats_jwt::nkey::{KeyPair, Kind};
use nats_jwt::template::{self, Values};
use zeroize::Zeroizing;

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

pub fn check(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else {
        return;
    };
    match mode % 4 {
        0 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                check_token(text);
            }
        }
        1 => check_token(&signed(rest, Kind::Account)),
        2 => check_token(&signed(rest, Kind::Operator)),
        _ => check_template(rest),
    }
}

/// The bytes as claims, signed by a key that is always the same. `$ME` in them stands for that key.
fn signed(claims: &[u8], kind: Kind) -> String {
    let key = KeyPair::from_raw(kind, Zeroizing::new([7; 32])).expect("a signing key");
    let text = String::from_utf8_lossy(claims).replace("$ME", &key.public_key().to_string());
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(HEADER),
        URL_SAFE_NO_PAD.encode(text)
    );
    format!("{signed}.{}", key.sign_text(signed.as_bytes()))
}

fn check_token(token: &str) {
    let _ = decode_generic(token);
    let read = decode(token);
    let edit = decode_for_edit(token);
    assert_eq!(read.is_ok(), edit.is_ok());
    let Ok(claims) = read else { return };
    let _ = claims.validate(1_700_000_000);
    let key = KeyPair::from_raw(Kind::Account, Zeroizing::new([7; 32])).expect("a signing key");
    // Not everything that is read may be written; what is, is read again.
    if let Ok(again) = claims.encode(&key, claims.issued_at()) {
        let again = decode(&again).expect("just signed");
        assert_eq!(again.claim_type(), claims.claim_type());
        assert_eq!(again.subject(), claims.subject());
        if let (AnyClaims::User(a), AnyClaims::User(b)) = (&again, &claims) {
            assert_eq!(a.nats.limits, b.nats.limits);
        }
    }
}

fn check_template(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let tags: Tags = lines.by_ref().take(4).collect();
    let mut limits = UserPermissionLimits::nothing();
    for (at, line) in lines.enumerate() {
        let permissions = &mut limits.permissions;
        match at % 4 {
            0 => permissions.publish.allow.push(line.to_owned()),
            1 => permissions.publish.deny.push(line.to_owned()),
            2 => permissions.subscribe.allow.push(line.to_owned()),
            _ => permissions.subscribe.deny.push(line.to_owned()),
        }
    }
    let values = Values {
        name: "n",
        subject: "U",
        tags: &tags,
        account_name: "a",
        account_subject: "A",
        account_tags: &tags,
    };
    let Ok(made) = template::expand(&limits, &values) else {
        return;
    };
    for (from, to) in [
        (&limits.permissions.publish, &made.permissions.publish),
        (&limits.permissions.subscribe, &made.permissions.subscribe),
    ] {
        assert!(to.allow.len() <= template::SUBJECTS_MAX);
        // Nothing left to allow is nothing allowed.
        assert!(from.allow.is_empty() || !to.allow.is_empty() || to.deny.iter().any(|s| s == ">"));
        // A denial never disappears.
        assert!(to.deny.len() >= from.deny.len());
    }
}
