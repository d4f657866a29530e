//! Certificates of clients: from whom they are accepted.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsSetupError;
use super::certificates::read_chain;
use crate::options::CertificatePair;

/// A verifier that requires a certificate from one of the authorities in `ca_file`, or, without one, from those that the
/// operating system trusts, as the reference does.
///
/// # Errors
/// The file cannot be read, or there is no authority at all.
pub fn verifier(
    ca_file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let roots = roots(ca_file)?;
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    if ca_file.is_none() {
        // The names of all public authorities would be kilobytes in every handshake.
        builder = builder.clear_root_hint_subjects();
    }
    builder.build().map_err(|_| TlsSetupError::NoAuthorities)
}

/// The settings of a client of ours: whom it trusts as a server, by the same rule.
///
/// `identity` is what it shows if it is asked to: a chain and its key.
///
/// # Errors
/// As [`verifier`], and when chain or key cannot be read.
pub fn client_config(
    ca_file: Option<&Path>,
    identity: Option<&CertificatePair>,
) -> Result<Arc<rustls::ClientConfig>, TlsSetupError> {
    let roots = roots(ca_file)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsSetupError::NoAuthorities)?;
    let builder = builder.with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let unusable = || TlsSetupError::BadAuthorities(pair.key_file.clone());
            let key = PrivateKeyDer::from_pem_file(&pair.key_file).map_err(|_| unusable())?;
            builder
                .with_client_auth_cert(read_chain(&pair.cert_file)?, key)
                .map_err(|_| unusable())?
        }
    };
    Ok(Arc::new(config))
}

/// The certificates of the authorities in `ca_file`, or of those that the operating system trusts.
///
/// # Errors
/// The file cannot be read.
pub fn authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsSetupError> {
    match ca_file {
        Some(file) => Ok(read_chain(file)?),
        None => Ok(rustls_native_certs::load_native_certs().certs),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(authorities(ca_file)?);
    match (added, ca_file) {
        (0, Some(file)) => Err(TlsSetupError::BadAuthorities(file.to_owned())),
        _ => Ok(roots),
    }
}
