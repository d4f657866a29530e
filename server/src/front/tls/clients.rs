//! Certificates of clients: from whom they are accepted.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::TlsSetupError;
use super::certificates::read_chain;

/// A verifier that requires a certificate from one of the authorities in `ca_file`, or, without one, from those that the
/// operating system trusts, as the reference does.
///
/// # Errors
/// The file cannot be read, or there is no authority at all.
pub fn verifier(
    ca_file: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsSetupError> {
    let roots = match ca_file {
        Some(file) => from_file(file)?,
        None => from_system(),
    };
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    if ca_file.is_none() {
        // The names of all public authorities would be kilobytes in every handshake.
        builder = builder.clear_root_hint_subjects();
    }
    builder.build().map_err(|_| TlsSetupError::NoAuthorities)
}

fn from_file(file: &Path) -> Result<RootCertStore, TlsSetupError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(read_chain(file)?);
    match added {
        0 => Err(TlsSetupError::BadAuthorities(file.to_owned())),
        _ => Ok(roots),
    }
}

fn from_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
