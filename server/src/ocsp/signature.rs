//! Signatures over DER: who signed a certificate or an answer.
//!
//! The algorithms are those that the TLS library accepts in certificates: no SHA-1, no RSA below 2,048 bits.

use rustls::crypto::aws_lc_rs;
use rustls_pki_types::SignatureVerificationAlgorithm;
use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::{self, Decode as _, Reader as _, SliceReader};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What certificates and OCSP answers have in common: something, an algorithm, a signature over the something's bytes as they are.
struct Signed<'a> {
    body: &'a [u8],
    /// Content of the algorithm's identifier.
    algorithm: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn parse(bytes: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(AnyRef::from_der(bytes)?.value())?;
        let body = reader.tlv_bytes()?;
        let algorithm = AnyRef::decode(&mut reader)?.value();
        let signature = BitStringRef::decode(&mut reader)?;
        let signature = signature.as_bytes().ok_or(der::ErrorKind::Value {
            tag: der::Tag::BitString,
        })?;
        Ok(Self {
            body,
            algorithm,
            signature,
        })
    }
}

/// Whether `signed` (a certificate or an OCSP answer, as DER) bears a signature by the key of `signer` (a certificate, as DER).
pub(super) fn is_signed_by(signed: &[u8], signer: &[u8]) -> bool {
    let Ok(signed) = Signed::parse(signed) else {
        return false;
    };
    let Ok((_, signer)) = X509Certificate::from_der(signer) else {
        return false;
    };
    let Ok(kind) = key_algorithm(signer.public_key().raw) else {
        return false;
    };
    let key = signer.public_key().subject_public_key.data.as_ref();
    let known = aws_lc_rs::default_provider()
        .signature_verification_algorithms
        .all;
    let fits = |algorithm: &&&dyn SignatureVerificationAlgorithm| {
        algorithm.public_key_alg_id().as_ref() == kind
            && algorithm.signature_alg_id().as_ref() == signed.algorithm
    };
    known.iter().filter(fits).any(|algorithm| {
        let verified = algorithm.verify_signature(key, signed.body, signed.signature);
        verified.is_ok()
    })
}

/// Content of the algorithm's identifier in a public key.
fn key_algorithm(key: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(AnyRef::from_der(key)?.value())?;
    Ok(AnyRef::decode(&mut reader)?.value())
}
