//! What OCSP wants to know of certificates: who issued one, whom to ask about it, how to name it in events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use nats_api::system::events::CertificateInfo;
use rustls_pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};
use x509_cert::der::Decode;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::signature::is_signed_by;
use crate::auth::name_as_text;
use crate::limits::{OCSP_CHAIN_LINKS_MAX, OCSP_CHAIN_LOOKS_MAX, OCSP_CHAINS_MAX};

/// Why a certificate cannot be asked about.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CertificateError {
    #[error("error parsing certificate: it is not X.509")]
    NotX509,
    #[error("no issuers found")]
    NoIssuer,
    #[error("{0} invalid ca basic constraints: is not ca")]
    NotAuthority(String),
}

/// A certificate and the one of its issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub leaf: CertificateDer<'static>,
    pub issuer: CertificateDer<'static>,
}

impl Link {
    /// The first certificate of a file and its issuer: the second one of the file, or one among `authorities`.
    ///
    /// # Errors
    /// See [`CertificateError`]. A second certificate that is not the issuer's is an error: the file is not what it should be.
    pub fn of_chain(
        chain: &[CertificateDer<'static>],
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, CertificateError> {
        let leaf = chain.first().ok_or(CertificateError::NotX509)?;
        let issuer = match chain.get(1) {
            Some(next) => Some(next).filter(|next| is_signed_by(leaf, next)),
            None => authorities.iter().find(|a| issued(a, leaf)),
        };
        let issuer = issuer.ok_or(CertificateError::NoIssuer)?;
        let (_, parsed) =
            X509Certificate::from_der(issuer).map_err(|_| CertificateError::NotX509)?;
        if !parsed.is_ca() {
            let name = name_as_text(parsed.subject());
            return Err(CertificateError::NotAuthority(name));
        }
        Ok(Self {
            leaf: leaf.clone(),
            issuer: issuer.clone(),
        })
    }

    /// The responders that the certificate names: addresses for HTTP, others are left out.
    pub fn responders(&self) -> Vec<String> {
        let mut responders = responders(&self.leaf);
        responders.retain(|url| {
            let uri = url.parse::<Uri>().ok();
            uri.is_some_and(|uri| {
                uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https"))
            })
        });
        responders
    }
}

/// The OCSP responders in the authority information access extension.
fn responders(certificate: &CertificateDer<'_>) -> Vec<String> {
    const OCSP: &str = "1.3.6.1.5.5.7.48.1";
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for extension in certificate.extensions() {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            continue;
        };
        for description in &access.accessdescs {
            if description.access_method.to_id_string() == OCSP
                && let GeneralName::URI(uri) = &description.access_location
            {
                found.push((*uri).to_owned());
            }
        }
    }
    found
}

/// Whether clients are to insist on a stapled answer: the feature `status_request` of RFC 7633.
pub fn must_staple(certificate: &CertificateDer<'_>) -> bool {
    const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";
    const STATUS_REQUEST: u32 = 5;
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let mut extensions = certificate.extensions().iter();
    extensions
        .find(|e| e.oid.to_id_string() == TLS_FEATURE)
        .and_then(|e| <Vec<u32> as Decode>::from_der(e.value).ok())
        .is_some_and(|features| features.contains(&STATUS_REQUEST))
}

/// A certificate in words, for logs and events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    pub subject: String,
    pub issuer: String,
    /// SHA-256 of the certificate in base64.
    pub fingerprint: String,
    raw: Vec<u8>,
}

impl Described {
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let names = X509Certificate::from_der(certificate).ok();
        let (subject, issuer) = names
            .map(|(_, c)| (name_as_text(c.subject()), name_as_text(c.issuer())))
            .unwrap_or_default();
        Self {
            subject,
            issuer,
            fingerprint: STANDARD.encode(Sha256::digest(certificate)),
            raw: certificate.to_vec(),
        }
    }
}

impl From<&Described> for CertificateInfo {
    fn from(described: &Described) -> Self {
        Self {
            subject: described.subject.clone(),
            issuer: described.issuer.clone(),
            fingerprint: described.fingerprint.clone(),
            raw: STANDARD.encode(&described.raw),
        }
    }
}

fn issued(issuer: &CertificateDer<'_>, certificate: &CertificateDer<'_>) -> bool {
    let names_fit = || {
        let (_, issuer) = X509Certificate::from_der(issuer).ok()?;
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        Some(issuer.subject().as_raw() == certificate.issuer().as_raw())
    };
    names_fit() == Some(true) && is_signed_by(certificate, issuer)
}

/// The chains from a client's certificate to an authority, each from the leaf to the authority. `presented` is what the client
/// showed, leaf first; the TLS library has found one of these chains before.
pub fn chains(
    presented: &[CertificateDer<'static>],
    authorities: &[CertificateDer<'static>],
) -> Vec<Vec<CertificateDer<'static>>> {
    let Some((leaf, others)) = presented.split_first() else {
        return Vec::new();
    };
    let mut search = Search {
        others,
        authorities,
        found: Vec::new(),
        looks_left: OCSP_CHAIN_LOOKS_MAX,
    };
    search.lengthen(&mut vec![leaf.clone()]);
    search.found
}

struct Search<'a> {
    others: &'a [CertificateDer<'static>],
    authorities: &'a [CertificateDer<'static>],
    found: Vec<Vec<CertificateDer<'static>>>,
    /// Clients choose what they show: what a search costs is bounded.
    looks_left: usize,
}

impl Search<'_> {
    fn lengthen(&mut self, chain: &mut Vec<CertificateDer<'static>>) {
        let Some(last) = chain.last().cloned() else {
            return;
        };
        if self.authorities.contains(&last) {
            self.found.push(chain.clone());
            return;
        }
        if chain.len() >= OCSP_CHAIN_LINKS_MAX {
            return;
        }
        let (others, authorities) = (self.others.iter(), self.authorities);
        let others = others.filter(|other| !authorities.contains(other));
        for next in authorities.iter().chain(others) {
            if self.found.len() >= OCSP_CHAINS_MAX || self.looks_left == 0 {
                return;
            }
            self.looks_left = self.looks_left.saturating_sub(1);
            if !chain.contains(next) && issued(next, &last) {
                chain.push(next.clone());
                self.lengthen(chain);
                chain.pop();
            }
        }
    }
}
