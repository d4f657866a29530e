//! Reading and verifying tokens.
//!
//! Strict, because everything here is decided by whoever sends a token: three parts, unpadded base64url in its one spelling, one of
//! the two header algorithms and each only with the version of claims that it belongs to, no repeated keys, no header that
//! demands what we do not know (`crit`). The signature is checked before the payload is looked at closer than for its issuer
//! and type.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::version1::Version1;
use super::{AnyClaims, ClaimType, Claims, GenericClaims, Payload, TOKEN_LEN_MAX, VERSION};
use super::{json, objects};
use crate::nkey::{Kind, PublicKey};

/// The three parts of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Header,
    Claims,
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Signature => "signature",
        })
    }
}

/// Why a token is not accepted. No message holds any of the token but the words that stand in it for types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("token is larger than {TOKEN_LEN_MAX} bytes")]
    TooLarge,
    #[error("token does not have three parts")]
    NotThreeParts,
    #[error("{0} of the token is not base64url")]
    NotBase64(Part),
    #[error("{0} of the token is not a JSON object of the expected form")]
    NotJson(Part),
    #[error("token has type {0:?}, JWT is needed")]
    NotJwt(String),
    #[error("token has algorithm {0:?}, ed25519-nkey is needed")]
    Algorithm(String),
    #[error("header of the token demands extensions")]
    Critical,
    #[error("algorithm of the token does not belong to version {0} of its claims")]
    AlgorithmOfOtherVersion(i64),
    #[error("token was made by a newer version ({0}), {VERSION} is known")]
    TooNew(i64),
    #[error("token has claims of version {0}, {VERSION} or 1 are needed")]
    BadVersion(i64),
    #[error("tokens of type {0} are no longer supported")]
    Gone(&'static str),
    #[error("token is of type {found}, {wanted} is needed")]
    WrongType { found: ClaimType, wanted: ClaimType },
    #[error("issuer of the token is not a public key")]
    NoIssuer,
    #[error("a key of kind {found} may not issue tokens of type {claims}")]
    WrongIssuer { found: Kind, claims: ClaimType },
    #[error("subject of the token is not a public key of kind {0}")]
    WrongSubject(Kind),
    #[error("signature of the token does not verify")]
    BadSignature,
    #[error("claims of type {claims} have a field of the wrong form: {reason}")]
    BadClaims { claims: ClaimType, reason: String },
}

/// Reads a token of any type and checks its signature.
///
/// # Errors
/// When it is not a genuine token of its issuer, or that kind of issuer may not issue such tokens.
pub fn decode(token: &str) -> Result<AnyClaims, DecodeError> {
    let opened = Opened::new(token)?;
    Ok(match opened.kind {
        ClaimType::Operator => AnyClaims::Operator(opened.read()?),
        ClaimType::Account => AnyClaims::Account(opened.read()?),
        ClaimType::User => AnyClaims::User(opened.read()?),
        ClaimType::Activation => AnyClaims::Activation(opened.read()?),
        ClaimType::AuthorizationRequest => AnyClaims::AuthorizationRequest(opened.read()?),
        ClaimType::AuthorizationResponse => AnyClaims::AuthorizationResponse(opened.read()?),
        ClaimType::Generic => AnyClaims::Generic(opened.read()?),
    })
}

/// Reads a token of whatever type as a free map, and checks its signature.
///
/// # Errors
/// When it is not a genuine token of its issuer.
pub fn decode_generic(token: &str) -> Result<GenericClaims, DecodeError> {
    let mut opened = Opened::new(token)?;
    opened.kind = ClaimType::Generic;
    opened.read()
}

impl<N: Payload> Claims<N> {
    /// Reads a token of this type and checks its signature.
    ///
    /// # Errors
    /// As [`decode`], and when it is of another type.
    pub fn decode(token: &str) -> Result<Self, DecodeError> {
        let opened = Opened::new(token)?;
        if opened.kind != N::TYPE {
            return Err(DecodeError::WrongType {
                found: opened.kind,
                wanted: N::TYPE,
            });
        }
        opened.read()
    }
}

/// A token whose signature was checked and whose payload was not read yet.
pub(super) struct Opened {
    kind: ClaimType,
    version: i64,
    issuer: PublicKey,
    pub(super) all: Map<String, Value>,
}

impl Opened {
    pub(super) fn new(token: &str) -> Result<Self, DecodeError> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(DecodeError::TooLarge);
        }
        let (header, claims, signature) = split(token)?;
        let algorithm = algorithm(header)?;
        let all = object(claims, Part::Claims)?;
        let (kind, version) = identify(&all)?;
        match algorithm {
            Algorithm::Version2 if version >= VERSION => {}
            // A free map need not say which version it is.
            Algorithm::Version2 if kind == ClaimType::Generic && version == 0 => {}
            Algorithm::Version1 if version <= 1 => {}
            _ => return Err(DecodeError::AlgorithmOfOtherVersion(version)),
        }
        let issuer = all.get("iss").and_then(Value::as_str);
        let issuer = issuer.and_then(|issuer| PublicKey::parse(issuer).ok());
        let issuer = issuer.ok_or(DecodeError::NoIssuer)?;
        let signed = match algorithm {
            Algorithm::Version1 => claims,
            Algorithm::Version2 => {
                let len = header.len().saturating_add(1).saturating_add(claims.len());
                token.get(..len).ok_or(DecodeError::NotThreeParts)?
            }
        };
        let signature = bytes(signature, Part::Signature)?;
        issuer
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| DecodeError::BadSignature)?;
        Ok(Self {
            kind,
            version,
            issuer,
            all,
        })
    }

    /// The claims as those of `N`.
    fn read<N: Payload>(self) -> Result<Claims<N>, DecodeError> {
        let found = self.issuer.kind();
        if !N::ISSUERS.is_empty() && !N::ISSUERS.contains(&found) {
            let claims = N::TYPE;
            return Err(DecodeError::WrongIssuer { found, claims });
        }
        let claims = if self.version == 1 {
            self.read_version1()
        } else {
            Self::typed(self.all)
        }
        .map_err(|error| bad_claims(N::TYPE, &error))?;
        match N::SUBJECT {
            Some(kind) if PublicKey::parse_kind(&claims.subject, kind).is_err() => {
                Err(DecodeError::WrongSubject(kind))
            }
            _ => Ok(claims),
        }
    }

    fn typed<N: Payload>(mut all: Map<String, Value>) -> Result<Claims<N>, serde_json::Error> {
        let nats = all
            .shift_remove("nats")
            .unwrap_or_else(|| Value::Object(Map::new()));
        // Nulls count as absent, except in a map whose meaning is not ours.
        let nats = match N::TYPE {
            ClaimType::Generic => nats,
            _ => json::without_nulls(nats),
        };
        let mut common = json::without_nulls(Value::Object(all));
        if let Some(common) = common.as_object_mut() {
            common.insert("nats".into(), nats);
        }
        objects::read(&common)
    }

    fn read_version1<N: Payload>(self) -> Result<Claims<N>, serde_json::Error> {
        let mut all = match json::without_nulls(Value::Object(self.all)) {
            Value::Object(all) => all,
            _ => Map::new(),
        };
        let old = Version1::take(&mut all)?;
        all.insert("nats".into(), Value::Object(Map::new()));
        let common: Claims<N> = objects::read(&Value::Object(all))?;
        Ok(Claims {
            nats: N::from_version1(old)?,
            ..common
        })
    }
}

/// A request holds passwords, which the library's words would quote.
fn bad_claims(claims: ClaimType, error: &serde_json::Error) -> DecodeError {
    let reason = match claims {
        ClaimType::AuthorizationRequest => "not shown".to_owned(),
        _ => error.to_string(),
    };
    DecodeError::BadClaims { claims, reason }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Version1,
    Version2,
}

fn split(token: &str) -> Result<(&str, &str, &str), DecodeError> {
    let mut parts = token.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(claims), Some(signature), None) => Ok((header, claims, signature)),
        _ => Err(DecodeError::NotThreeParts),
    }
}

fn bytes(text: &str, part: Part) -> Result<Vec<u8>, DecodeError> {
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| DecodeError::NotBase64(part))
}

fn object(text: &str, part: Part) -> Result<Map<String, Value>, DecodeError> {
    match json::from_slice(&bytes(text, part)?) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(DecodeError::NotJson(part)),
    }
}

fn algorithm(header: &str) -> Result<Algorithm, DecodeError> {
    let header = object(header, Part::Header)?;
    let text = |name: &str| match header.get(name) {
        None => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(DecodeError::NotJson(Part::Header)),
    };
    if header.contains_key("crit") {
        return Err(DecodeError::Critical);
    }
    // Version 1 wrote the type in small letters.
    let kind = text("typ")?;
    if !kind.eq_ignore_ascii_case("JWT") {
        return Err(DecodeError::NotJwt(shortened(kind)));
    }
    match text("alg")? {
        "ed25519-nkey" => Ok(Algorithm::Version2),
        "ed25519" => Ok(Algorithm::Version1),
        other => Err(DecodeError::Algorithm(shortened(other))),
    }
}

/// A word of the sender's for a message: not more than a word.
fn shortened(word: &str) -> String {
    const WORD_CHARS_MAX: usize = 32;
    word.chars().take(WORD_CHARS_MAX).collect()
}

/// Type and version. Version 1 has its type beside the payload instead of in it.
fn identify(all: &Map<String, Value>) -> Result<(ClaimType, i64), DecodeError> {
    let bad = || DecodeError::NotJson(Part::Claims);
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(bad()),
    };
    let top = text(all.get("type"))?;
    let nats = match all.get("nats") {
        None | Some(Value::Null) => None,
        Some(Value::Object(map)) => Some(map),
        Some(_) => return Err(bad()),
    };
    let (word, version) = if top.is_empty() {
        let version = match nats.and_then(|nats| nats.get("version")) {
            None | Some(Value::Null) => 0,
            // Free maps were written with floats by some.
            Some(value) => value
                .as_i64()
                .or_else(|| {
                    value
                        .as_f64()
                        .filter(|v| v.fract() == 0.0)
                        .map(|v| v as i64)
                })
                .ok_or_else(bad)?,
        };
        (text(nats.and_then(|nats| nats.get("type")))?, version)
    } else {
        (top, 1)
    };
    if version > VERSION {
        return Err(DecodeError::TooNew(version));
    }
    let kind = match word.as_str() {
        "operator" => ClaimType::Operator,
        "account" => ClaimType::Account,
        "user" => ClaimType::User,
        "activation" => ClaimType::Activation,
        "authorization_request" => ClaimType::AuthorizationRequest,
        "authorization_response" => ClaimType::AuthorizationResponse,
        "cluster" => return Err(DecodeError::Gone("cluster")),
        "server" => return Err(DecodeError::Gone("server")),
        _ => ClaimType::Generic,
    };
    if !(1..=VERSION).contains(&version) && kind != ClaimType::Generic {
        return Err(DecodeError::BadVersion(version));
    }
    Ok((kind, version))
}
