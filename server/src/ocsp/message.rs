//! The question about a certificate and the answer to it, as DER.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use x509_cert::der::asn1::{Null, ObjectIdentifier, OctetString};
use x509_cert::der::{self, Any, Decode as _, Encode as _};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspGeneralizedTime, OcspRequest, OcspResponse,
    OcspResponseStatus, Request, SingleResponse, TbsRequest, Version,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Link;
use super::signature::is_signed_by;

/// What the issuer says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Good,
    Revoked,
    Unknown,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// An answer whose signature and subject were checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub status: Status,
    /// From when on it holds.
    pub this_update: SystemTime,
    /// When there will be a newer one; `None` if there may be one at any time.
    pub next_update: Option<SystemTime>,
}

/// Why an answer does not count.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AnswerError {
    #[error("not an OCSP response: {0}")]
    Malformed(String),
    #[error("ocsp: error from server: {0}")]
    Refused(&'static str),
    #[error("bad OCSP response type")]
    Type,
    #[error("no response matching the supplied certificate")]
    OfAnotherCertificate,
    #[error("bad OCSP signature")]
    Signature,
    #[error("bad signature on embedded certificate")]
    Signer,
    #[error("the issuer did not authorize the responder to sign for it")]
    NotDelegated,
    #[error("unsupported critical extension")]
    CriticalExtension,
}

impl From<der::Error> for AnswerError {
    fn from(error: der::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

const BASIC_RESPONSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA1_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// How certificates are named in questions and answers: by SHA-1 in practice, which is no signature and does not have to resist.
static HASHES: [(ObjectIdentifier, &digest::Algorithm); 4] = [
    (SHA1_ID, &SHA1_FOR_LEGACY_USE_ONLY),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"),
        &SHA256,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"),
        &SHA384,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"),
        &SHA512,
    ),
];

/// The question whether the link's leaf is good, as DER.
///
/// # Errors
/// When a certificate is none.
pub fn request(link: &Link) -> Result<Vec<u8>, AnswerError> {
    let hash_algorithm = AlgorithmIdentifierOwned {
        oid: SHA1_ID,
        parameters: Some(Any::from(Null)),
    };
    let question = OcspRequest {
        tbs_request: TbsRequest {
            version: Version::default(),
            requestor_name: None,
            request_list: vec![Request {
                req_cert: name_of(link, hash_algorithm, &SHA1_FOR_LEGACY_USE_ONLY)?,
                single_request_extensions: None,
            }],
            request_extensions: None,
        },
        optional_signature: None,
    };
    Ok(question.to_der()?)
}

/// The link's leaf as questions and answers name it.
fn name_of(
    link: &Link,
    hash_algorithm: AlgorithmIdentifierOwned,
    hash: &'static digest::Algorithm,
) -> Result<CertId, AnswerError> {
    let malformed = |_| AnswerError::Malformed("the certificate is not X.509".to_owned());
    let (_, issuer) = X509Certificate::from_der(&link.issuer).map_err(malformed)?;
    let (_, leaf) = X509Certificate::from_der(&link.leaf).map_err(malformed)?;
    let hashed = |bytes: &[u8]| OctetString::new(digest::digest(hash, bytes).as_ref());
    let serial = Any::new(der::Tag::Integer, leaf.raw_serial())?.to_der()?;
    Ok(CertId {
        hash_algorithm,
        issuer_name_hash: hashed(issuer.subject().as_raw())?,
        issuer_key_hash: hashed(&issuer.public_key().subject_public_key.data)?,
        serial_number: SerialNumber::from_der(&serial)?,
    })
}

/// Reads an answer about the link's leaf. Times are not looked at.
///
/// # Errors
/// See [`AnswerError`].
pub fn read(raw: &[u8], link: &Link) -> Result<Answer, AnswerError> {
    let response = OcspResponse::from_der(raw)?;
    if let Some(refusal) = refusal(response.response_status) {
        return Err(AnswerError::Refused(refusal));
    }
    let bytes = response.response_bytes.ok_or(AnswerError::Type)?;
    if bytes.response_type != BASIC_RESPONSE {
        return Err(AnswerError::Type);
    }
    let basic = BasicOcspResponse::from_der(bytes.response.as_bytes())?;
    check_signer(bytes.response.as_bytes(), &basic, link)?;
    let responses = &basic.tbs_response_data.responses;
    let about = responses
        .iter()
        .find(|response| is_about(response, link))
        .ok_or(AnswerError::OfAnotherCertificate)?;
    if has_critical_extension(about) {
        return Err(AnswerError::CriticalExtension);
    }
    Ok(Answer {
        status: match about.cert_status {
            CertStatus::Good(_) => Status::Good,
            CertStatus::Revoked(_) => Status::Revoked,
            CertStatus::Unknown(_) => Status::Unknown,
        },
        this_update: moment(about.this_update),
        next_update: about.next_update.map(moment),
    })
}

/// The words of the reference for a responder that does not answer.
const fn refusal(status: OcspResponseStatus) -> Option<&'static str> {
    match status {
        OcspResponseStatus::Successful => None,
        OcspResponseStatus::MalformedRequest => Some("malformed"),
        OcspResponseStatus::InternalError => Some("internal error"),
        OcspResponseStatus::TryLater => Some("try later"),
        OcspResponseStatus::SigRequired => Some("signature required"),
        OcspResponseStatus::Unauthorized => Some("unauthorized"),
    }
}

/// The issuer signs, or somebody whose certificate comes along, is from the issuer and says that it may.
///
/// Source: RFC 6960 section 4.2.2.2. As in the reference, of several certificates that come along only the first counts.
fn check_signer(signed: &[u8], basic: &BasicOcspResponse, link: &Link) -> Result<(), AnswerError> {
    let companion = basic.certs.as_ref().and_then(|certs| certs.first());
    let Some(companion) = companion.map(|c| c.to_der()).transpose()? else {
        return match is_signed_by(signed, &link.issuer) {
            true => Ok(()),
            false => Err(AnswerError::Signature),
        };
    };
    if !is_signed_by(signed, &companion) {
        return Err(AnswerError::Signature);
    }
    if companion == link.issuer.as_ref() {
        return Ok(());
    }
    if !is_signed_by(&companion, &link.issuer) {
        return Err(AnswerError::Signer);
    }
    let (_, companion) = X509Certificate::from_der(&companion)
        .map_err(|_| AnswerError::Malformed("the responder's certificate is not X.509".into()))?;
    let usage = companion.extended_key_usage().ok().flatten();
    let may = usage.is_some_and(|usage| usage.value.ocsp_signing);
    match may && companion.validity().is_valid() {
        true => Ok(()),
        false => Err(AnswerError::NotDelegated),
    }
}

fn is_about(response: &SingleResponse, link: &Link) -> bool {
    let said = &response.cert_id;
    let hash = HASHES
        .iter()
        .find(|(id, _)| *id == said.hash_algorithm.oid)
        .map(|(_, hash)| *hash);
    let asked = hash.and_then(|hash| name_of(link, said.hash_algorithm.clone(), hash).ok());
    asked.is_some_and(|asked| asked == *said)
}

fn has_critical_extension(response: &SingleResponse) -> bool {
    let extensions = response.single_extensions.as_ref();
    extensions.is_some_and(|extensions| extensions.iter().any(|e| e.critical))
}

fn moment(time: OcspGeneralizedTime) -> SystemTime {
    let since = time.0.to_unix_duration();
    let moment = SystemTime::UNIX_EPOCH.checked_add(since);
    moment.unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Answer {
    /// Whether a staple with this answer may be shown at `now`. Clocks that differ are the business of whoever reads it.
    ///
    /// # Errors
    /// The words of the reference.
    pub fn check_staple(&self, now: SystemTime) -> Result<(), String> {
        if let Some(next) = self.next_update.filter(|next| *next < now) {
            let next = nats_api::time::Timestamp::from(next);
            return Err(format!("invalid ocsp NextUpdate, is past time: {next}"));
        }
        if self.this_update > now {
            let this = nats_api::time::Timestamp::from(self.this_update);
            return Err(format!("invalid ocsp ThisUpdate, is future time: {this}"));
        }
        Ok(())
    }

    /// Whether the answer speaks of `now`, give or take `skew`. Without an end it holds for `unset`.
    pub fn is_current(&self, now: SystemTime, skew: Duration, unset: Duration) -> bool {
        let end = self
            .next_update
            .or_else(|| self.this_update.checked_add(unset));
        let last = end.and_then(|end| end.checked_add(skew));
        let first = now.checked_add(skew);
        last.is_none_or(|last| last >= now) && first.is_none_or(|first| self.this_update <= first)
    }
}
