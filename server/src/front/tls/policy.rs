//! A `tls` block with its files read: what the handshakes of one listener go by.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::ClientCertVerifier;
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;

use super::certificates::Certificates;
use super::facts::{TlsFacts, spki_sha256};
use super::rate::RateLimit;
use super::{CertificateError, clients, suites};
use crate::http::Client;
use crate::ocsp::{Cache, PeerCheck, Staple, Stapling, chains};
use crate::options::{HandshakeFirst, Tls};

/// How one listener does TLS. Immutable; a reload makes another. Handshakes under way finish with the one they began with.
pub struct TlsPolicy {
    config: Arc<ServerConfig>,
    /// How long a handshake may take.
    pub timeout: Duration,
    /// Whether TLS comes before INFO.
    pub handshake_first: HandshakeFirst,
    /// Clients without TLS are welcome too.
    pub allow_non_tls: bool,
    rate_limit: Option<RateLimit>,
    pinned: BTreeSet<[u8; 32]>,
    versions: Vec<&'static SupportedProtocolVersion>,
    certificates: Arc<Certificates>,
    /// Whether clients' certificates are still good.
    peers: Option<Arc<PeerCheck>>,
    /// From whom clients' certificates have to be; empty when none are asked for.
    authorities: Vec<CertificateDer<'static>>,
    dump: PolicyDump,
}

/// What a policy needs for OCSP.
#[derive(Debug, Clone, Default)]
pub struct Revocation {
    pub stapling: Stapling,
    /// Where answers about clients are kept; `None` keeps none.
    pub cache: Option<Arc<Cache>>,
}

/// A policy in words, equal for equal policies whatever way they came: file, command line or reload, and on any listener.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PolicyDump {
    /// Versions, the highest first.
    pub versions: Vec<&'static str>,
    /// Suites in the order in which they are considered.
    pub cipher_suites: Vec<String>,
    /// Key-exchange groups in the order of preference.
    pub groups: Vec<String>,
    /// A client certificate is required.
    pub client_certificate: bool,
    /// The user comes from the certificate.
    pub map_user: bool,
    /// Number of pinned keys.
    pub pinned: usize,
    /// Sessions can be resumed.
    pub resumption: bool,
    /// Configured suites and groups that do not exist here.
    pub left_out: Vec<String>,
}

/// Why a `tls` block cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("tls: a listener needs a certificate: set 'cert_file' and 'key_file', or 'certs'")]
    NoCertificate,
    #[error("failed to parse root ca certificate {0:?}")]
    BadAuthorities(PathBuf),
    #[error("tls: 'verify' needs authorities: set 'ca_file', for the operating system has none")]
    NoAuthorities,
    #[error(
        "tls: none of the configured cipher_suites exists in this server, which has no suite with CBC, RC4 or RSA key exchange: {}; available are {}",
        .missing.join(", "), .available.join(", ")
    )]
    NoCipherSuite {
        missing: Vec<String>,
        available: Vec<String>,
    },
    #[error(
        "tls: none of the configured curve_preferences exists in this server: {}; available are X25519MLKEM768, SecP256r1MLKEM768, X25519, CurveP256, CurveP384",
        .missing.join(", ")
    )]
    NoCurve { missing: Vec<String> },
    #[error("tls: {0} is not part of this build yet")]
    NotBuilt(&'static str),
    #[error(
        "OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled"
    )]
    OcspWithoutVerify,
    #[error("tls: {0}")]
    Rustls(#[from] rustls::Error),
}

impl TlsPolicy {
    /// Reads the files of a `tls` block and checks that they fit together. Blocks for some milliseconds.
    ///
    /// # Errors
    /// See [`TlsSetupError`]. Nothing is left out silently; what is left out is in [`PolicyDump::left_out`] and
    /// [`TlsPolicy::warnings`].
    pub fn load(
        tls: &Tls,
        allow_non_tls: bool,
        revocation: &Revocation,
    ) -> Result<Self, TlsSetupError> {
        if tls.certificate_store.is_some() {
            return Err(TlsSetupError::NotBuilt("cert_store"));
        }
        let suites = suites::choose(tls)?;
        let provider = Arc::new(suites.provider);
        let ca_file = tls.ca_file.as_deref();
        let known = || clients::authorities(ca_file).unwrap_or_default();
        let stapling = &revocation.stapling;
        let certificates = Arc::new(Certificates::load(
            &tls.certificates,
            &provider,
            stapling,
            known,
        )?);
        if certificates.not_after().is_none() {
            return Err(TlsSetupError::NoCertificate);
        }
        let verify = tls.verify || tls.verify_and_map || tls.check_known_urls;
        let peers = peer_check(tls, verify, revocation)?;
        let authorities = match verify {
            true => clients::authorities(ca_file)?,
            false => Vec::new(),
        };
        let verifier = match verify {
            true => Some(clients::verifier(ca_file, &provider)?),
            false => None,
        };
        let mut config = server_config(&provider, &suites.versions, verifier, &certificates)?;
        config.ignore_client_order = !tls.cipher_suites.is_empty();
        let dump = PolicyDump {
            versions: suites.versions.iter().map(|v| version(v)).collect(),
            cipher_suites: provider
                .cipher_suites
                .iter()
                .map(|s| suites::name(s.suite()))
                .collect(),
            groups: provider
                .kx_groups
                .iter()
                .map(|group| format!("{:?}", group.name()))
                .collect(),
            client_certificate: verify,
            map_user: tls.verify_and_map,
            pinned: tls.pinned_certs.len(),
            resumption: !verify,
            left_out: suites.left_out,
        };
        Ok(Self {
            config: Arc::new(config),
            timeout: tls.timeout,
            handshake_first: tls.handshake_first,
            allow_non_tls,
            rate_limit: tls.connection_rate_limit.map(RateLimit::new),
            pinned: tls.pinned_certs.clone(),
            versions: suites.versions,
            certificates,
            peers,
            authorities,
            dump,
        })
    }

    /// The configuration for the TLS library; also for listeners that do no NATS handshake (HTTPS pages).
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// When the first certificate expires: `tls_cert_not_after` of `/varz`.
    pub fn not_after(&self) -> Option<SystemTime> {
        self.certificates.not_after()
    }

    /// The staples of the certificates: empty until somebody fetches them.
    pub fn staples(&self) -> Vec<Arc<Staple>> {
        self.certificates.staples()
    }

    /// The check of clients' certificates that comes after the handshake, if there is one.
    pub fn peers(&self) -> Option<&Arc<PeerCheck>> {
        self.peers.as_ref()
    }

    /// The chains from a certificate that was accepted to the authorities, leaf first. `presented` is what the client showed.
    pub fn verified_chains(
        &self,
        presented: &[CertificateDer<'static>],
    ) -> Vec<Vec<CertificateDer<'static>>> {
        chains(presented, &self.authorities)
    }

    /// The configuration for pages that browsers and scrapers read. They have no certificates, so none is asked for; unless clients
    /// are asked about, then the reference wants one here, too.
    ///
    /// # Errors
    /// When the TLS library has no key for tickets.
    pub fn config_of_pages(&self) -> Result<Arc<ServerConfig>, TlsSetupError> {
        if self.peers.is_some() || !self.dump.client_certificate {
            return Ok(self.config());
        }
        let provider = self.config.crypto_provider();
        let mut config = server_config(provider, &self.versions, None, &self.certificates)?;
        config.ignore_client_order = self.config.ignore_client_order;
        Ok(Arc::new(config))
    }

    /// The policy in words.
    pub fn dump(&self) -> &PolicyDump {
        &self.dump
    }

    /// The limit on handshakes, if there is one.
    pub fn rate_limit(&self) -> Option<&RateLimit> {
        self.rate_limit.as_ref()
    }

    /// What the operator should hear about at start and reload.
    pub fn warnings(&self, now: SystemTime) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.dump.left_out.is_empty() {
            let names = self.dump.left_out.join(", ");
            warnings.push(format!(
                "TLS: not offered, because this server does not have them: {names}"
            ));
        }
        if self.not_after().is_some_and(|end| end <= now) {
            warnings.push("TLS: the server's certificate has expired".to_owned());
        }
        warnings
    }

    /// Whether a client with these certificates may stay after its handshake (`pinned_certs`).
    pub fn accepts_pinned(&self, facts: &TlsFacts) -> bool {
        self.pinned.is_empty()
            || facts
                .certificates
                .first()
                .and_then(spki_sha256)
                .is_some_and(|fingerprint| self.pinned.contains(&fingerprint.0))
    }
}

impl fmt::Debug for TlsPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsPolicy")
            .field("timeout", &self.timeout)
            .field("handshake_first", &self.handshake_first)
            .field("allow_non_tls", &self.allow_non_tls)
            .field("dump", &self.dump)
            .finish_non_exhaustive()
    }
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    certificates: &Arc<Certificates>,
) -> Result<ServerConfig, TlsSetupError> {
    let asks = verifier.is_some();
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions)?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(certificates.clone());
    // No session is kept here; it lives in the ticket, under a key that only this configuration has.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = usize::from(!asks);
    if !asks {
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    }
    Ok(config)
}

/// The check that `ocsp_peer` asks for.
fn peer_check(
    tls: &Tls,
    verify: bool,
    revocation: &Revocation,
) -> Result<Option<Arc<PeerCheck>>, TlsSetupError> {
    let Some(settings) = tls.ocsp_peer.as_ref().filter(|peer| peer.verify) else {
        return Ok(None);
    };
    if !verify {
        return Err(TlsSetupError::OcspWithoutVerify);
    }
    tracing::debug!("Plugging TLS OCSP peer for [Client]");
    Ok(Some(Arc::new(PeerCheck::new(
        settings.clone(),
        clients::authorities(tls.ca_file.as_deref())?,
        revocation.cache.clone().unwrap_or_default(),
        Client::new(clients::client_config(None, None)?),
    ))))
}

fn version(version: &rustls::SupportedProtocolVersion) -> &'static str {
    match version.version {
        rustls::ProtocolVersion::TLSv1_2 => "1.2",
        _ => "1.3",
    }
}
