//! TLS of a client connection.
//!
//! rustls with aws-lc-rs, TLS 1.2 and 1.3. Files are read at every connect, so that renewed certificates are used without
//! a restart; the roots of the operating system are read once per process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::crypto::{
    CryptoProvider, SupportedKxGroup, verify_tls12_signature, verify_tls13_signature,
};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How to secure a connection.
#[derive(Clone, Default)]
pub(crate) struct Tls {
    /// Refuse servers that do not offer TLS.
    pub required: bool,
    /// Start with the handshake instead of waiting for INFO.
    pub first: bool,
    /// Roots to trust instead of those of the operating system.
    pub ca_files: Vec<PathBuf>,
    /// The same as PEM text.
    pub ca_pem: Vec<Vec<u8>>,
    pub client_certificate: Option<ClientCertificate>,
    /// Curves to offer, the preferred one first; those of rustls when empty.
    pub curves: Vec<&'static dyn SupportedKxGroup>,
    /// Name to expect in the certificate instead of the host of the address.
    pub server_name: Option<String>,
    pub danger_accept_any_certificate: bool,
    /// Replaces everything above except `required`, `first` and `server_name`.
    pub config: Option<Arc<ClientConfig>>,
}

#[derive(Clone)]
pub(crate) enum ClientCertificate {
    Files { certificate: PathBuf, key: PathBuf },
    Pem { certificate: Vec<u8>, key: Vec<u8> },
}

impl Tls {
    /// Whether the settings make no sense without TLS.
    pub(crate) fn is_wanted(&self) -> bool {
        self.required
            || self.first
            || !self.ca_files.is_empty()
            || !self.ca_pem.is_empty()
            || self.client_certificate.is_some()
            || self.config.is_some()
    }

    /// Handshake over `stream` with the server that calls itself `name`.
    pub(crate) async fn handshake(
        &self,
        stream: TcpStream,
        name: &str,
    ) -> Result<TlsStream<TcpStream>, String> {
        let config = match &self.config {
            Some(config) => Arc::clone(config),
            None => Arc::new(self.client_config()?),
        };
        let name = self.server_name.as_deref().unwrap_or(name);
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| {
            format!("{name:?} is no name that a certificate can be checked against")
        })?;
        TlsConnector::from(config)
            .connect(server_name, stream)
            .await
            .map_err(|error| explain(&error, name))
    }

    fn client_config(&self) -> Result<ClientConfig, String> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        if !self.curves.is_empty() {
            provider.kx_groups.clone_from(&self.curves);
        }
        let provider = Arc::new(provider);
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if self.danger_accept_any_certificate {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        match &self.client_certificate {
            None => Ok(builder.with_no_client_auth()),
            Some(client) => {
                let (chain, key) = client.load()?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("client certificate: {error}"))
            }
        }
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, String> {
        if self.ca_files.is_empty() && self.ca_pem.is_empty() {
            return native_roots();
        }
        let mut roots = RootCertStore::empty();
        for path in &self.ca_files {
            let pem = read(path)?;
            add_roots(&mut roots, &pem, &path.display().to_string())?;
        }
        for pem in &self.ca_pem {
            add_roots(&mut roots, pem, "CA certificates")?;
        }
        Ok(Arc::new(roots))
    }
}

/// A curve of the handshake by its usual name.
pub(crate) fn curve(name: &str) -> Option<&'static dyn SupportedKxGroup> {
    match name.to_ascii_uppercase().as_str() {
        "X25519" => Some(kx_group::X25519),
        "P256" => Some(kx_group::SECP256R1),
        "P384" => Some(kx_group::SECP384R1),
        "X25519MLKEM768" => Some(kx_group::X25519MLKEM768),
        _ => None,
    }
}

impl ClientCertificate {
    fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let (certificate, key, names) = match self {
            Self::Files { certificate, key } => (
                read(certificate)?,
                read(key)?,
                (certificate.display().to_string(), key.display().to_string()),
            ),
            Self::Pem { certificate, key } => (
                certificate.clone(),
                key.clone(),
                ("client certificate".to_owned(), "client key".to_owned()),
            ),
        };
        let chain = certificates(&certificate, &names.0)?;
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|error| format!("{}: no private key: {error}", names.1))?;
        Ok((chain, key))
    }
}

fn certificates(pem: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{name}: {error}"))?;
    if all.is_empty() {
        return Err(format!("{name}: no PEM certificate in it"));
    }
    Ok(all)
}

fn add_roots(roots: &mut RootCertStore, pem: &[u8], name: &str) -> Result<(), String> {
    for certificate in certificates(pem, name)? {
        roots
            .add(certificate)
            .map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}

fn native_roots() -> Result<Arc<RootCertStore>, String> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some systems carry certificates that are no roots; the others are good all the same.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found
            .errors
            .first()
            .map(|error| format!(": {error}"))
            .unwrap_or_default();
        return Err(format!(
            "the operating system has no certificate authorities{reason}; name a CA file"
        ));
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn explain(error: &std::io::Error, name: &str) -> String {
    let text = error.to_string();
    if text.contains("UnknownIssuer") {
        format!(
            "the certificate of {name} is signed by an unknown authority; name its CA file ({text})"
        )
    } else if text.contains("not valid for name") {
        format!("the certificate is not for {name} ({text})")
    } else {
        text
    }
}

/// Accepts every certificate: for tests against servers without a proper one. The handshake is still checked against
/// the key in it.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
