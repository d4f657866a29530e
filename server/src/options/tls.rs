//! `tls` blocks as data. Certificates are neither read nor looked for here.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A `tls` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates with their keys. One from `cert_file` and `key_file`, or those of `certs`.
    pub certificates: Vec<CertificatePair>,
    /// Authorities, in PEM.
    pub ca_file: Option<PathBuf>,
    /// As a client: do not check the server's certificate.
    pub insecure: bool,
    /// Require a certificate of the other side. Always true for routes and gateways.
    pub verify: bool,
    /// Take the user from the certificate. Implies `verify`.
    pub verify_and_map: bool,
    /// Accept only certificates that name a configured URL. Implies `verify`; routes and gateways only.
    pub check_known_urls: bool,
    /// Suites in order of preference; empty for the defaults.
    pub cipher_suites: Vec<CipherSuite>,
    /// Permit suites that are known to be weak.
    pub allow_insecure_cipher_suites: bool,
    /// Curves in order of preference; empty for the defaults.
    pub curve_preferences: Vec<Curve>,
    /// How long a handshake may take.
    pub timeout: Duration,
    /// Handshakes per second; `None` is unlimited.
    pub connection_rate_limit: Option<u64>,
    /// SHA-256 of the SubjectPublicKeyInfo of the certificates that are accepted; empty accepts all.
    pub pinned_certs: BTreeSet<[u8; 32]>,
    /// Whether TLS begins before INFO.
    pub handshake_first: HandshakeFirst,
    /// Lowest version.
    pub min_version: TlsVersion,
    /// Revocation checks of the other side's certificate.
    pub ocsp_peer: Option<OcspPeer>,
    /// Certificate from the store of the operating system.
    pub certificate_store: Option<CertificateStore>,
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificates: Vec::new(),
            ca_file: None,
            insecure: false,
            verify: false,
            verify_and_map: false,
            check_known_urls: false,
            cipher_suites: Vec::new(),
            allow_insecure_cipher_suites: false,
            curve_preferences: Vec::new(),
            timeout: Duration::from_secs(2),
            connection_rate_limit: None,
            pinned_certs: BTreeSet::new(),
            handshake_first: HandshakeFirst::Off,
            min_version: TlsVersion::V1_2,
            ocsp_peer: None,
            certificate_store: None,
        }
    }
}

/// A certificate chain and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePair {
    /// Chain, in PEM.
    pub cert_file: PathBuf,
    /// Key, in PEM.
    pub key_file: PathBuf,
}

/// Whether TLS begins before INFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandshakeFirst {
    /// INFO first.
    #[default]
    Off,
    /// TLS first, always.
    On,
    /// TLS first if the client begins within this time, else INFO.
    Auto(Duration),
}

/// A protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// A cipher suite, by its IANA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSuite {
    /// IANA name, `TLS_…`.
    pub name: &'static str,
    /// IANA number.
    pub id: u16,
    /// Whether it is known to be weak.
    pub insecure: bool,
}

impl CipherSuite {
    /// Every suite that a configuration may name.
    pub const ALL: &'static [Self] = &[
        Self::strong("TLS_AES_128_GCM_SHA256", 0x1301),
        Self::strong("TLS_AES_256_GCM_SHA384", 0x1302),
        Self::strong("TLS_CHACHA20_POLY1305_SHA256", 0x1303),
        Self::strong("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xc009),
        Self::strong("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", 0xc00a),
        Self::strong("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xc013),
        Self::strong("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xc014),
        Self::strong("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b),
        Self::strong("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c),
        Self::strong("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f),
        Self::strong("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030),
        Self::strong("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8),
        Self::strong("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9),
        // Older names of the two above.
        Self::strong("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", 0xcca8),
        Self::strong("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", 0xcca9),
        Self::weak("TLS_RSA_WITH_RC4_128_SHA", 0x0005),
        Self::weak("TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a),
        Self::weak("TLS_RSA_WITH_AES_128_CBC_SHA", 0x002f),
        Self::weak("TLS_RSA_WITH_AES_256_CBC_SHA", 0x0035),
        Self::weak("TLS_RSA_WITH_AES_128_CBC_SHA256", 0x003c),
        Self::weak("TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c),
        Self::weak("TLS_RSA_WITH_AES_256_GCM_SHA384", 0x009d),
        Self::weak("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", 0xc007),
        Self::weak("TLS_ECDHE_RSA_WITH_RC4_128_SHA", 0xc011),
        Self::weak("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", 0xc012),
        Self::weak("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xc023),
        Self::weak("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xc027),
    ];

    const fn strong(name: &'static str, id: u16) -> Self {
        Self {
            name,
            id,
            insecure: false,
        }
    }

    const fn weak(name: &'static str, id: u16) -> Self {
        Self {
            name,
            id,
            insecure: true,
        }
    }

    /// Whether our TLS library can speak it: those with authenticated encryption and ephemeral keys.
    pub fn is_supported(&self) -> bool {
        matches!(
            self.id,
            0x1301..=0x1303 | 0xc02b | 0xc02c | 0xc02f | 0xc030 | 0xcca8 | 0xcca9
        )
    }
}

/// A key-exchange group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// `X25519`
    X25519,
    /// `CurveP256`
    P256,
    /// `CurveP384`
    P384,
    /// `CurveP521`
    P521,
    /// `X25519MLKEM768`
    X25519MlKem768,
    /// `SecP256r1MLKEM768`
    P256MlKem768,
    /// `SecP384r1MLKEM1024`
    P384MlKem1024,
}

impl Curve {
    /// Every group that a configuration may name.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("X25519", Self::X25519),
        ("CurveP256", Self::P256),
        ("CurveP384", Self::P384),
        ("CurveP521", Self::P521),
        ("X25519MLKEM768", Self::X25519MlKem768),
        ("SecP256r1MLKEM768", Self::P256MlKem768),
        ("SecP384r1MLKEM1024", Self::P384MlKem1024),
    ];
}

/// Revocation checks of the other side's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspPeer {
    /// Check at all.
    pub verify: bool,
    /// How long to wait for the responder.
    pub ca_timeout: Duration,
    /// Difference of clocks that is tolerated.
    pub allowed_clockskew: Duration,
    /// Only warn.
    pub warn_only: bool,
    /// Accept what the responder does not know.
    pub unknown_is_good: bool,
    /// Accept when the responder does not answer.
    pub allow_when_ca_unreachable: bool,
    /// How long an answer without an end is kept.
    pub cache_ttl_when_next_update_unset: Duration,
}

impl Default for OcspPeer {
    fn default() -> Self {
        Self {
            verify: false,
            ca_timeout: Duration::from_secs(2),
            allowed_clockskew: Duration::from_secs(30),
            warn_only: false,
            unknown_is_good: false,
            allow_when_ca_unreachable: false,
            cache_ttl_when_next_update_unset: Duration::from_secs(3600),
        }
    }
}

/// Certificate from the store of the operating system (Windows).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateStore {
    /// `WindowsCurrentUser` or `WindowsLocalMachine`.
    pub store: String,
    /// `Subject`, `Issuer` or `Thumbprint`.
    pub match_by: String,
    /// What to look for.
    pub matching: String,
    /// Authorities to look for.
    pub ca_matching: Vec<String>,
    /// Leave out certificates that are not valid.
    pub skip_invalid: bool,
}
