//! The server's own certificates: read from files, and the one that suits a client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::options::CertificatePair;

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("error reading certificate file {file:?}: {source}", file = .file)]
    Certificate { file: PathBuf, source: pem::Error },
    #[error("error reading private key file {file:?}: {source}", file = .file)]
    Key { file: PathBuf, source: pem::Error },
    #[error("certificate file {0:?} holds no certificate")]
    NoCertificate(PathBuf),
    #[error("error parsing certificate {0:?}: it is not X.509")]
    NotX509(PathBuf),
    #[error("error parsing X509 certificate/key pair {cert:?}, {key:?}: {source}")]
    Pair {
        cert: PathBuf,
        key: PathBuf,
        source: rustls::Error,
    },
}

/// The certificates of a listener, in the order of the configuration.
#[derive(Debug)]
pub struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
    /// When the first one expires.
    not_after: Option<SystemTime>,
    /// Those whose clients are to insist on a stapled OCSP response.
    must_staple: Vec<PathBuf>,
}

/// The extension by which a certificate asks for features of TLS; stapling is the only one in use (RFC 7633).
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

impl Certificates {
    /// Reads all pairs and checks that each key belongs to its certificate.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn load(
        pairs: &[CertificatePair],
        provider: &CryptoProvider,
    ) -> Result<Self, CertificateError> {
        let mut certificates = Self {
            keys: Vec::new(),
            not_after: None,
            must_staple: Vec::new(),
        };
        for pair in pairs {
            let chain = read_chain(&pair.cert_file)?;
            let leaf = chain.first();
            let leaf =
                leaf.ok_or_else(|| CertificateError::NoCertificate(pair.cert_file.clone()))?;
            let not_after =
                not_after(leaf).ok_or_else(|| CertificateError::NotX509(pair.cert_file.clone()))?;
            if must_staple(leaf) {
                certificates.must_staple.push(pair.cert_file.clone());
            }
            let key = PrivateKeyDer::from_pem_file(&pair.key_file).map_err(|source| {
                CertificateError::Key {
                    file: pair.key_file.clone(),
                    source,
                }
            })?;
            let key = CertifiedKey::from_der(chain, key, provider).map_err(|source| {
                CertificateError::Pair {
                    cert: pair.cert_file.clone(),
                    key: pair.key_file.clone(),
                    source,
                }
            })?;
            certificates.keys.push(Arc::new(key));
            certificates.not_after.get_or_insert(not_after);
        }
        Ok(certificates)
    }

    /// When the first certificate expires: `tls_cert_not_after` of `/varz`.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }

    /// The files of the certificates whose clients are to insist on a stapled OCSP response.
    pub fn must_staple(&self) -> &[PathBuf] {
        &self.must_staple
    }
}

/// Takes the first certificate that bears the name the client asks for and can sign in a way the client understands, else the
/// first that can sign, else the first.
impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let signs =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let suits = |key: &&Arc<CertifiedKey>| {
            signs(key) && name.as_ref().is_none_or(|name| bears(key, name))
        };
        let keys = || self.keys.iter();
        keys()
            .find(suits)
            .or_else(|| keys().find(signs))
            .or_else(|| keys().next())
            .cloned()
    }
}

fn bears(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    key.end_entity_cert()
        .and_then(ParsedCertificate::try_from)
        .and_then(|leaf| rustls::client::verify_server_name(&leaf, name))
        .is_ok()
}

/// All certificates of a PEM file.
pub fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let failed = |source| CertificateError::Certificate {
        file: file.to_owned(),
        source,
    };
    CertificateDer::pem_file_iter(file)
        .map_err(failed)?
        .collect::<Result<_, _>>()
        .map_err(failed)
}

fn not_after(leaf: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, leaf) = X509Certificate::from_der(leaf).ok()?;
    let seconds = leaf.validity().not_after.timestamp();
    let since_epoch = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

fn must_staple(leaf: &CertificateDer<'_>) -> bool {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
        return false;
    };
    let mut extensions = leaf.extensions().iter();
    extensions.any(|e| e.oid.to_id_string() == TLS_FEATURE)
}
