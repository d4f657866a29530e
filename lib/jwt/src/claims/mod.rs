//! Claims: what tokens say, as types. One struct per document, with the reference's JSON.
//!
//! A token is a [`Claims`] around what is particular to its type: [`Operator`], [`Account`], [`User`], [`Activation`],
//! [`AuthorizationRequest`], [`AuthorizationResponse`] or a free map ([`Generic`]). [`decode`] reads and verifies one of any
//! type, [`Claims::decode`] one of a known type; [`Claims::encode`] signs. What is decoded was signed by the key in its `iss`;
//! whether that key may say such things is the business of [`crate::chain`], whether the content makes sense of
//! [`crate::validate`].
//!
//! Tokens of version 1 are read and turned into those of version 2; they are never written.
//!
//! The fields have the names of the reference's JSON or, where those are abbreviations, the word itself.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod account;
mod activation;
mod authorization;
mod decode;
mod encode;
mod generic;
mod json;
mod objects;
mod operator;
mod permissions;
mod revocations;
mod sharing;
mod signing_keys;
mod tags;
mod unknown;
mod user;
mod version1;

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::nkey::Kind;
use json::is_default;

pub use account::{
    Account, AccountLimits, ClusterTraffic, ExternalAuthorization, JetStreamLimits, MessageTrace,
    WeightedMapping,
};
pub use activation::Activation;
pub use authorization::{
    AuthorizationRequest, AuthorizationResponse, CallerInfo, CallerTls, ConnectOptions, ServerId,
};
pub use decode::{DecodeError, Part, decode, decode_generic};
pub use encode::{EncodeError, SignError, Signer};
pub use generic::Generic;
pub use operator::Operator;
pub use permissions::{Limits, Permission, Permissions, ResponsePermission, TimeRange};
pub use revocations::{EVERYBODY, Revocations};
pub use sharing::{Export, ExportType, Import, Latency, ResponseType, Sampling};
pub use signing_keys::{SigningKeys, UserScope};
pub use tags::Tags;
pub use unknown::{Editable, decode_for_edit};
pub use user::{User, UserPermissionLimits};

/// Largest token that is read or written, in bytes.
pub const TOKEN_LEN_MAX: usize = 1 << 20;
/// The version of tokens that is written.
pub const VERSION: i64 = 2;
/// As a limit: none.
pub const NO_LIMIT: i64 = -1;

/// Claims of an operator.
pub type OperatorClaims = Claims<Operator>;
/// Claims of an account.
pub type AccountClaims = Claims<Account>;
/// Claims of a user.
pub type UserClaims = Claims<User>;
/// A permission to import.
pub type ActivationClaims = Claims<Activation>;
/// What a server asks an authorization service.
pub type AuthorizationRequestClaims = Claims<AuthorizationRequest>;
/// What an authorization service answers.
pub type AuthorizationResponseClaims = Claims<AuthorizationResponse>;
/// Claims of no known type.
pub type GenericClaims = Claims<Generic>;

/// The types of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimType {
    Operator,
    Account,
    User,
    Activation,
    AuthorizationRequest,
    AuthorizationResponse,
    Generic,
}

impl ClaimType {
    /// The word of the documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Account => "account",
            Self::User => "user",
            Self::Activation => "activation",
            Self::AuthorizationRequest => "authorization_request",
            Self::AuthorizationResponse => "authorization_response",
            Self::Generic => "generic",
        }
    }
}

impl fmt::Display for ClaimType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a token says: the fields that all have, and those of its type in `nats`.
///
/// Times are in seconds since 1970; 0 stands for "not set". `id`, `issued_at` and `issuer` are what [`Claims::encode`] set:
/// changing them here changes nothing in the next token.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claims<N> {
    #[serde(rename = "aud", skip_serializing_if = "is_default")]
    pub audience: String,
    #[serde(rename = "exp", skip_serializing_if = "is_default")]
    pub expires: i64,
    #[serde(rename = "jti", skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(rename = "iat", skip_serializing_if = "is_default")]
    pub issued_at: i64,
    /// Public key of the signer.
    #[serde(rename = "iss", skip_serializing_if = "is_default")]
    pub issuer: String,
    #[serde(skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(rename = "nbf", skip_serializing_if = "is_default")]
    pub not_before: i64,
    /// Public key of the identity that this is about.
    #[serde(rename = "sub", skip_serializing_if = "is_default")]
    pub subject: String,
    pub nats: N,
}

impl<N: Payload> Claims<N> {
    /// New claims about `subject` with the reference's defaults for the type.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            audience: String::new(),
            expires: 0,
            id: String::new(),
            issued_at: 0,
            issuer: String::new(),
            name: String::new(),
            not_before: 0,
            subject: subject.into(),
            nats: N::initial(),
        }
    }

    /// Signed by the identity that it is about.
    pub fn is_self_signed(&self) -> bool {
        self.issuer == self.subject
    }

    /// Whether the token is past its time at `now`, in seconds since 1970. It is still good in the second that it names.
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires > 0 && now > self.expires
    }

    /// Whether the token's time has not come at `now`, in seconds since 1970.
    pub fn is_early(&self, now: i64) -> bool {
        self.not_before > 0 && self.not_before > now
    }

    /// The claims as indented JSON, for people.
    pub fn to_pretty_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// What is particular to a type of token.
pub trait Payload: Clone + PartialEq + Default + Serialize + DeserializeOwned {
    /// The type's word.
    const TYPE: ClaimType;
    /// The kind of key that the subject must be; anything when `None`.
    const SUBJECT: Option<Kind>;
    /// The kinds of keys that may issue; any when empty.
    const ISSUERS: &'static [Kind];

    /// What new claims hold.
    fn initial() -> Self;

    /// Puts lists into the order in which they are written, and sets type and version.
    fn prepare(&mut self);

    /// Why this must not be written, if so. Only what the reference refuses to encode.
    fn refusal(&self) -> Option<String> {
        None
    }

    /// Reads the payload of a token of version 1.
    ///
    /// # Errors
    /// When fields have the wrong type.
    fn from_version1(old: version1::Version1) -> Result<Self, serde_json::Error>;
}

/// Claims of any type.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyClaims {
    Operator(OperatorClaims),
    Account(AccountClaims),
    User(UserClaims),
    Activation(ActivationClaims),
    AuthorizationRequest(AuthorizationRequestClaims),
    AuthorizationResponse(AuthorizationResponseClaims),
    Generic(GenericClaims),
}

/// The same expression for whichever type it is.
macro_rules! each {
    ($any:expr, $claims:ident => $body:expr) => {
        match $any {
            $crate::claims::AnyClaims::Operator($claims) => $body,
            $crate::claims::AnyClaims::Account($claims) => $body,
            $crate::claims::AnyClaims::User($claims) => $body,
            $crate::claims::AnyClaims::Activation($claims) => $body,
            $crate::claims::AnyClaims::AuthorizationRequest($claims) => $body,
            $crate::claims::AnyClaims::AuthorizationResponse($claims) => $body,
            $crate::claims::AnyClaims::Generic($claims) => $body,
        }
    };
}
pub(crate) use each;

impl AnyClaims {
    pub fn claim_type(&self) -> ClaimType {
        match self {
            Self::Operator(_) => ClaimType::Operator,
            Self::Account(_) => ClaimType::Account,
            Self::User(_) => ClaimType::User,
            Self::Activation(_) => ClaimType::Activation,
            Self::AuthorizationRequest(_) => ClaimType::AuthorizationRequest,
            Self::AuthorizationResponse(_) => ClaimType::AuthorizationResponse,
            Self::Generic(_) => ClaimType::Generic,
        }
    }

    /// Public key of the identity.
    pub fn subject(&self) -> &str {
        each!(self, claims => &claims.subject)
    }

    /// Public key of the signer.
    pub fn issuer(&self) -> &str {
        each!(self, claims => &claims.issuer)
    }

    pub fn name(&self) -> &str {
        each!(self, claims => &claims.name)
    }

    /// In seconds since 1970.
    pub fn issued_at(&self) -> i64 {
        each!(self, claims => claims.issued_at)
    }

    /// In seconds since 1970; 0 for never.
    pub fn expires(&self) -> i64 {
        each!(self, claims => claims.expires)
    }

    /// In seconds since 1970; 0 for always.
    pub fn not_before(&self) -> i64 {
        each!(self, claims => claims.not_before)
    }

    /// The account for which a signing key spoke, if the type has such a field and it is set.
    pub fn issuer_account(&self) -> Option<&str> {
        let account = match self {
            Self::User(claims) => &claims.nats.issuer_account,
            Self::Activation(claims) => &claims.nats.issuer_account,
            Self::AuthorizationResponse(claims) => &claims.nats.issuer_account,
            _ => return None,
        };
        (!account.is_empty()).then_some(account)
    }

    /// See [`Claims::to_pretty_json`].
    pub fn to_pretty_json(&self) -> String {
        each!(self, claims => claims.to_pretty_json())
    }

    /// See [`Claims::encode`].
    ///
    /// # Errors
    /// As there.
    pub fn encode(&self, signer: &dyn Signer, issued_at: i64) -> Result<String, EncodeError> {
        each!(self, claims => claims.encode(signer, issued_at))
    }
}

#[cfg(test)]
mod tests;
