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

use crate::ocsp::{Staple, Stapling};
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
    #[error("OCSP stapling of certificate {cert:?}: {source}")]
    Issuer {
        cert: PathBuf,
        source: crate::ocsp::CertificateError,
    },
}

/// The certificates of a listener, in the order of the configuration.
#[derive(Debug)]
pub struct Certificates {
    own: Vec<Own>,
    /// When the first one expires.
    not_after: Option<SystemTime>,
}

#[derive(Debug)]
struct Own {
    key: Arc<CertifiedKey>,
    /// What its issuer says of it, if that is to be shown.
    staple: Option<Arc<Staple>>,
}

impl Certificates {
    /// Reads all pairs and checks that each key belongs to its certificate. Staples are empty at first; `authorities` are where
    /// an issuer is looked for that is not in a certificate's file.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn load(
        pairs: &[CertificatePair],
        provider: &CryptoProvider,
        stapling: &Stapling,
        authorities: impl Fn() -> Vec<CertificateDer<'static>>,
    ) -> Result<Self, CertificateError> {
        let mut certificates = Self {
            own: Vec::new(),
            not_after: None,
        };
        for pair in pairs {
            let chain = read_chain(&pair.cert_file)?;
            let leaf = chain.first();
            let leaf =
                leaf.ok_or_else(|| CertificateError::NoCertificate(pair.cert_file.clone()))?;
            let not_after =
                not_after(leaf).ok_or_else(|| CertificateError::NotX509(pair.cert_file.clone()))?;
            let staple = stapling.staple(&pair.cert_file, &chain, &authorities);
            let staple = staple.map_err(|source| CertificateError::Issuer {
                cert: pair.cert_file.clone(),
                source,
            })?;
            let key = read_key(pair, chain, provider)?;
            certificates.own.push(Own { key, staple });
            certificates.not_after.get_or_insert(not_after);
        }
        Ok(certificates)
    }

    /// When the first certificate expires: `tls_cert_not_after` of `/varz`.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.not_after
    }

    /// The staples to be kept fresh.
    pub fn staples(&self) -> Vec<Arc<Staple>> {
        let staples = self.own.iter().filter_map(|own| own.staple.clone());
        staples.collect()
    }
}

fn read_key(
    pair: &CertificatePair,
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    let key =
        PrivateKeyDer::from_pem_file(&pair.key_file).map_err(|source| CertificateError::Key {
            file: pair.key_file.clone(),
            source,
        })?;
    let key =
        CertifiedKey::from_der(chain, key, provider).map_err(|source| CertificateError::Pair {
            cert: pair.cert_file.clone(),
            key: pair.key_file.clone(),
            source,
        })?;
    Ok(Arc::new(key))
}

impl Own {
    /// As it is shown now. One that is to have a staple and has none is not shown, as in the reference: clients that insist on the
    /// staple would refuse it, and others would not hear that its issuer took it back.
    fn shown(&self) -> Option<Arc<CertifiedKey>> {
        let Some(staple) = &self.staple else {
            return Some(self.key.clone());
        };
        Some(Arc::new(CertifiedKey {
            cert: self.key.cert.clone(),
            key: self.key.key.clone(),
            ocsp: Some(staple.shown(SystemTime::now())?),
        }))
    }
}

/// Takes the first certificate that bears the name the client asks for and can sign in a way the client understands, else the
/// first that can sign, else the first.
impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello
            .server_name()
            .and_then(|name| ServerName::try_from(name).ok());
        let signs = |own: &&Own| {
            let schemes = hello.signature_schemes();
            own.key.key.choose_scheme(schemes).is_some()
        };
        let suits =
            |own: &&Own| signs(own) && name.as_ref().is_none_or(|name| bears(&own.key, name));
        let own = || self.own.iter();
        own()
            .find(suits)
            .or_else(|| own().find(signs))
            .or_else(|| own().next())?
            .shown()
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
