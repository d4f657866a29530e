//! Signing claims.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::BASE32_NOPAD;
use serde::Serialize;

use super::json::{is_default, to_string};
use super::{Claims, Payload, TOKEN_LEN_MAX};
use crate::nkey::{KeyPair, Kind, PublicKey};

/// Exactly what the reference writes, since some readers compare text.
const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// Why claims were not signed.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    #[error("the subject {found:?} is not a public key of kind {wanted}")]
    BadSubject { found: String, wanted: Kind },
    #[error("the subject is not set")]
    NoSubject,
    #[error("a key of kind {found} cannot sign claims of type {claims}")]
    WrongSigner {
        found: Kind,
        claims: super::ClaimType,
    },
    #[error("{0}")]
    Refused(String),
    #[error("claims cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the token would be larger than {TOKEN_LEN_MAX} bytes")]
    TooLarge,
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// Why a signer did not sign.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SignError(pub String);

/// Whoever can sign: a [`KeyPair`] here, or something that keeps its key elsewhere.
pub trait Signer {
    fn public_key(&self) -> PublicKey;

    /// The 64 bytes of the signature over `message`.
    ///
    /// # Errors
    /// When there is none; in the signer's words.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

impl Signer for KeyPair {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(Self::sign(self, message).to_vec())
    }
}

impl<N: Payload> Claims<N> {
    /// The token in which `signer` says this at `issued_at` (seconds since 1970). Sets id, issuer, type and version; sorts
    /// imports and exports. These claims stay as they are.
    ///
    /// # Errors
    /// When the subject is no key of the right kind, the signer may not sign such claims, or does not.
    pub fn encode<S: Signer + ?Sized>(
        &self,
        signer: &S,
        issued_at: i64,
    ) -> Result<String, EncodeError> {
        if self.subject.is_empty() {
            return Err(EncodeError::NoSubject);
        }
        if let Some(wanted) = N::SUBJECT
            && PublicKey::parse_kind(&self.subject, wanted).is_err()
        {
            let found = self.subject.clone();
            return Err(EncodeError::BadSubject { found, wanted });
        }
        let issuer = signer.public_key();
        if !N::ISSUERS.is_empty() && !N::ISSUERS.contains(&issuer.kind()) {
            return Err(EncodeError::WrongSigner {
                found: issuer.kind(),
                claims: N::TYPE,
            });
        }
        if let Some(reason) = self.nats.refusal() {
            return Err(EncodeError::Refused(reason));
        }
        let mut claims = self.clone();
        claims.issuer = issuer.to_string();
        claims.issued_at = issued_at;
        claims.id = claims.hash()?;
        claims.nats.prepare();
        let payload = to_string(&claims)?;
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(HEADER),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let signature = signer.sign(signed.as_bytes())?;
        // A signer elsewhere may answer anything; a token that nobody accepts is better not handed out.
        issuer
            .verify(signed.as_bytes(), &signature)
            .map_err(|e| SignError(e.to_string()))?;
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        if token.len() > TOKEN_LEN_MAX {
            return Err(EncodeError::TooLarge);
        }
        Ok(token)
    }

    /// The id of the token: a hash over the fields that all types have, without the id itself.
    fn hash(&self) -> Result<String, serde_json::Error> {
        let text = to_string(&Hashed {
            audience: &self.audience,
            expires: self.expires,
            issued_at: self.issued_at,
            issuer: &self.issuer,
            name: &self.name,
            not_before: self.not_before,
            subject: &self.subject,
        })?;
        let hash = digest::digest(&digest::SHA512_256, text.as_bytes());
        Ok(BASE32_NOPAD.encode(hash.as_ref()))
    }

    /// Whether the id is the hash of the other fields, as the reference makes it. Other writers choose other ids.
    pub fn has_standard_id(&self) -> bool {
        self.hash().is_ok_and(|id| id == self.id)
    }
}

#[derive(Serialize)]
struct Hashed<'a> {
    #[serde(rename = "aud", skip_serializing_if = "str::is_empty")]
    audience: &'a str,
    #[serde(rename = "exp", skip_serializing_if = "is_default")]
    expires: i64,
    #[serde(rename = "iat", skip_serializing_if = "is_default")]
    issued_at: i64,
    #[serde(rename = "iss", skip_serializing_if = "str::is_empty")]
    issuer: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(rename = "nbf", skip_serializing_if = "is_default")]
    not_before: i64,
    #[serde(rename = "sub", skip_serializing_if = "str::is_empty")]
    subject: &'a str,
}
