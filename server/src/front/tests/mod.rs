//! Certificates made at run time, and TLS clients over pipes in memory.

mod policy;
mod transport;
mod welcome;

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tls::{Revocation, TlsPolicy};
use crate::options::{CertificatePair, Tls};

/// A certificate authority and the folder with what it issued.
struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its key, as files.
#[derive(Clone)]
struct Issued {
    pair: CertificatePair,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("written");
        Self {
            folder,
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, &KeyPair::generate().expect("a key"))
    }

    fn issue_with(&self, name: &str, key: &KeyPair) -> Issued {
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        self.issue_params(params, name, key)
    }

    fn issue_params(&self, params: CertificateParams, name: &str, key: &KeyPair) -> Issued {
        let certificate = params.signed_by(key, &self.issuer).expect("a certificate");
        let file = |ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let pair = CertificatePair {
            cert_file: file("crt"),
            key_file: file("key"),
        };
        std::fs::write(&pair.cert_file, certificate.pem()).expect("written");
        std::fs::write(&pair.key_file, key.serialize_pem()).expect("written");
        Issued { pair }
    }
}

impl Issued {
    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.pair.cert_file).expect("a certificate")
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(&self.pair.key_file).expect("a key")
    }
}

/// A `tls` block with one certificate.
fn block(issued: &Issued) -> Tls {
    Tls {
        certificates: vec![issued.pair.clone()],
        ..Tls::default()
    }
}

/// A `tls` block that asks for certificates of `authority`.
fn block_for_clients_of(authority: &Authority, issued: &Issued) -> Tls {
    Tls {
        verify: true,
        ca_file: Some(authority.ca_file()),
        ..block(issued)
    }
}

fn policy(tls: &Tls) -> Arc<TlsPolicy> {
    Arc::new(TlsPolicy::load(tls, false, &Revocation::default()).expect("a sound tls block"))
}

/// The TLS side of a client. Keeps its sessions from one connection to the next.
#[derive(Clone)]
struct TlsClient {
    config: Arc<ClientConfig>,
}

impl TlsClient {
    fn new(trusts: &Authority) -> Self {
        Self::with(
            trusts,
            None,
            aws_lc_rs::default_provider(),
            rustls::ALL_VERSIONS,
        )
    }

    fn with_certificate(trusts: &Authority, own: &Issued) -> Self {
        let provider = aws_lc_rs::default_provider();
        Self::with(trusts, Some(own), provider, rustls::ALL_VERSIONS)
    }

    fn with(
        trusts: &Authority,
        own: Option<&Issued>,
        provider: CryptoProvider,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusts.certificate.clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match own {
            Some(own) => builder
                .with_client_auth_cert(vec![own.certificate()], own.key())
                .expect("a pair"),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(16);
        Self {
            config: Arc::new(config),
        }
    }

    async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        name: &str,
        stream: S,
    ) -> std::io::Result<TlsStream<S>> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        TlsConnector::from(self.config.clone())
            .connect(name, stream)
            .await
    }
}
