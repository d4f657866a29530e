//! A look at the claims of a token, without any verification: for showing, never for deciding.
//!
//! Clients display whose credentials they use and when those expire. Whether the token is genuine is the server's business.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use zeroize::Zeroizing;

/// Largest token that is looked at, in bytes, as in the reference's JWT library.
pub const TOKEN_LEN_MAX: usize = 1 << 20;

/// base64url, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a token cannot be looked into. No message holds any of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeekError {
    #[error("token is larger than {TOKEN_LEN_MAX} bytes")]
    TooLarge,
    #[error("token does not have three parts")]
    NotThreeParts,
    #[error("claims are not base64url")]
    NotBase64,
    #[error("claims are not a JSON object of the expected form")]
    NotJson,
}

/// What stands in a token. UNVERIFIED: anybody can write a token that says anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UnverifiedClaims {
    /// The name that was given to the identity; often empty.
    pub name: String,
    /// Public key of the identity.
    #[serde(rename = "sub")]
    pub subject: String,
    /// Public key of the issuer.
    #[serde(rename = "iss")]
    pub issuer: String,
    /// When it was issued, in seconds since 1970; 0 when it does not say.
    #[serde(rename = "iat")]
    pub issued_at: i64,
    /// From when it counts, in seconds since 1970; 0 for always.
    #[serde(rename = "nbf")]
    pub not_before: i64,
    /// Until when it counts, in seconds since 1970; 0 for ever.
    #[serde(rename = "exp")]
    pub expires: i64,
    pub nats: NatsClaims,
}

/// The NATS part of the claims, as far as clients show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NatsClaims {
    /// For example `user`; empty in tokens of version 1, which say it elsewhere.
    #[serde(rename = "type")]
    pub kind: String,
    /// Public key of the account when the issuer is one of its signing keys.
    pub issuer_account: String,
    /// Whether the token alone, without a signed nonce, is enough to connect.
    pub bearer_token: bool,
}

/// Reads the claims of `token` without verifying anything.
///
/// # Errors
/// When the token is too large or not of the form of a JWT.
pub fn peek(token: &str) -> Result<UnverifiedClaims, PeekError> {
    if token.len() > TOKEN_LEN_MAX {
        return Err(PeekError::TooLarge);
    }
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(PeekError::NotThreeParts);
    };
    let json = Zeroizing::new(BASE64.decode(claims).map_err(|_| PeekError::NotBase64)?);
    // An array would be read as the fields in order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err(PeekError::NotJson);
    }
    serde_json::from_slice(&json).map_err(|_| PeekError::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", BASE64.encode(claims))
    }

    #[test]
    fn shown_fields_are_read() {
        let claims = peek(&token(
            r#"{"sub":"U1","name":"me","iss":"A1","exp":99,"nats":{"type":"user","bearer_token":true}}"#,
        ))
        .expect("claims");
        assert_eq!(
            (claims.subject.as_str(), claims.name.as_str()),
            ("U1", "me")
        );
        assert_eq!((claims.expires, claims.issued_at), (99, 0));
        assert!(claims.nats.bearer_token && claims.nats.kind == "user");
    }

    #[test]
    fn bad_tokens_are_refused_without_showing_them() {
        assert_eq!(peek(""), Err(PeekError::NotThreeParts));
        assert_eq!(peek("a.b.c.d"), Err(PeekError::NotThreeParts));
        assert_eq!(peek("a.!.c"), Err(PeekError::NotBase64));
        assert_eq!(peek(&token("[]")), Err(PeekError::NotJson));
        assert_eq!(peek(&token("{}x")), Err(PeekError::NotJson));
        assert_eq!(peek(&token(r#"{"exp":"soon"}"#)), Err(PeekError::NotJson));
        assert_eq!(
            peek(&"a".repeat(TOKEN_LEN_MAX + 1)),
            Err(PeekError::TooLarge)
        );
    }

    #[test]
    fn reference_samples_are_read() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/reference/vectors/jwt-samples.json"
        );
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if std::env::var_os("NATS_REQUIRE_ALL").is_some() => panic!("{path}: {e}"),
            Err(_) => {
                eprintln!("SKIPPED: reference/vectors/jwt-samples.json is not here");
                return;
            }
        };
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&text).expect("JSON");
        assert!(!rows.is_empty());
        for row in rows {
            let claims = peek(row["token"].as_str().expect("token")).expect("claims");
            let text = |name: &str| row["claims"][name].as_str().unwrap_or_default().to_owned();
            assert_eq!(claims.subject, text("sub"));
            assert_eq!(claims.issuer, text("iss"));
            assert_eq!(claims.name, text("name"));
            assert_eq!(claims.expires, row["claims"]["exp"].as_i64().unwrap_or(0));
        }
    }
}
