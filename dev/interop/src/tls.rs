//! Certificates made at run time, and TLS clients that use them.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};

/// A certificate authority of one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, in PEM.
pub struct Identity {
    pub certificate_pem: String,
    pub key_pem: String,
    /// The certificate in DER.
    pub certificate_der: Vec<u8>,
    /// Subject public key info in DER, whose SHA-256 is what `pinned_certs` lists.
    pub public_key_der: Vec<u8>,
}

/// Which TLS versions a client offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    All,
    Only12,
    Only13,
}

impl Authority {
    /// A new authority with this common name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = common_name(name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer }
    }

    /// The authority's certificate in PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's certificate in DER.
    pub fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// The authority's key, to sign other things with.
    pub fn key(&self) -> KeyPair {
        KeyPair::from_pem(&self.issuer.key().serialize_pem()).expect("our own key is valid")
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn server(&self) -> Identity {
        self.server_with(|_| {})
    }

    /// The same, with parameters that the test sets.
    pub fn server_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        self.issue("localhost server", &["localhost"], |params| {
            params
                .subject_alt_names
                .push(SanType::IpAddress([127, 0, 0, 1].into()));
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            change(params);
        })
    }

    /// A client certificate with this common name and no alternative names.
    pub fn client(&self, name: &str) -> Identity {
        self.issue(name, &[], |_| {})
    }

    /// A client certificate whose parameters the test sets.
    pub fn issue(
        &self,
        name: &str,
        dns_names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<String> = dns_names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("valid names");
        params.distinguished_name = common_name(name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            certificate_der: certificate.der().to_vec(),
            public_key_der: key.subject_public_key_info(),
        }
    }

    /// A TLS client that trusts this authority and shows this identity.
    pub fn client_config(
        &self,
        identity: Option<&Identity>,
        versions: Versions,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.issuer.der().clone())
            .expect("our own certificate is valid");
        let versions: &[&rustls::SupportedProtocolVersion] = match versions {
            Versions::All => &[&rustls::version::TLS13, &rustls::version::TLS12],
            Versions::Only12 => &[&rustls::version::TLS12],
            Versions::Only13 => &[&rustls::version::TLS13],
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("supported versions")
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = vec![CertificateDer::from(identity.certificate_der.clone())];
                let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())
                    .expect("our own key is valid");
                builder
                    .with_client_auth_cert(chain, key)
                    .expect("key and certificate agree")
            }
        };
        Arc::new(config)
    }
}

impl Identity {
    /// Writes `<name>-cert.pem` and `<name>-key.pem` into a folder.
    pub fn write(&self, dir: &Path, name: &str) {
        let write = |file: String, text: &str| {
            std::fs::write(dir.join(file), text).expect("the folder is writable")
        };
        write(format!("{name}-cert.pem"), &self.certificate_pem);
        write(format!("{name}-key.pem"), &self.key_pem);
    }
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
