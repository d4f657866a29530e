//! Cipher suites, key-exchange groups and versions: from their configured names to what the TLS library has.

use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::TlsSetupError;
use crate::options::{CipherSuite, Curve, Tls, TlsVersion};

/// What a handshake may use.
pub struct Suites {
    pub provider: CryptoProvider,
    pub versions: Vec<&'static SupportedProtocolVersion>,
    /// Configured names that the TLS library does not have, while there are others that it has.
    pub left_out: Vec<String>,
}

/// Groups in order of preference when none are configured: as in the reference, the hybrid ones first.
static DEFAULT_GROUPS: [&dyn SupportedKxGroup; 5] = [
    kx_group::X25519MLKEM768,
    kx_group::SECP256R1MLKEM768,
    kx_group::X25519,
    kx_group::SECP256R1,
    kx_group::SECP384R1,
];

/// Chooses suites, groups and versions for a `tls` block.
///
/// As in the reference, configured suites are those of TLS 1.2; those of TLS 1.3 are always there.
///
/// # Errors
/// Not one of the configured suites, or groups, exists in the TLS library.
pub fn choose(tls: &Tls) -> Result<Suites, TlsSetupError> {
    let mut provider = aws_lc_rs::default_provider();
    let mut left_out = Vec::new();
    if !tls.cipher_suites.is_empty() {
        let (found, missing) = suites(&tls.cipher_suites, &provider.cipher_suites);
        if found.is_empty() {
            return Err(TlsSetupError::NoCipherSuite {
                missing,
                available: names(&provider.cipher_suites),
            });
        }
        left_out.extend(missing);
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some());
        provider
            .cipher_suites
            .extend(found.iter().filter(|s| s.tls13().is_none()));
    }
    if tls.curve_preferences.is_empty() {
        provider.kx_groups = DEFAULT_GROUPS.to_vec();
    } else {
        let mut found = Vec::new();
        for curve in &tls.curve_preferences {
            match group(*curve) {
                Ok(group) => found.push(group),
                Err(missing) => left_out.push(missing.to_owned()),
            }
        }
        if found.is_empty() {
            return Err(TlsSetupError::NoCurve { missing: left_out });
        }
        provider.kx_groups = found;
    }
    let has_tls12 = provider.cipher_suites.iter().any(|s| s.tls13().is_none());
    let versions = match tls.min_version {
        TlsVersion::V1_2 if has_tls12 => vec![&TLS13, &TLS12],
        _ => vec![&TLS13],
    };
    Ok(Suites {
        provider,
        versions,
        left_out,
    })
}

/// The name by which a suite is configured and shown: TLS 1.3 suites without the number that the library puts into theirs.
pub fn name(suite: rustls::CipherSuite) -> String {
    match suite.as_str() {
        Some(name) => name.replacen("TLS13_", "TLS_", 1),
        None => format!("Unknown [0x{:x}]", u16::from(suite)),
    }
}

fn suites(
    wanted: &[CipherSuite],
    available: &[SupportedCipherSuite],
) -> (Vec<SupportedCipherSuite>, Vec<String>) {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for wanted in wanted {
        match available.iter().find(|s| u16::from(s.suite()) == wanted.id) {
            Some(suite) => found.push(*suite),
            None => missing.push(wanted.name.to_owned()),
        }
    }
    (found, missing)
}

fn names(suites: &[SupportedCipherSuite]) -> Vec<String> {
    suites.iter().map(|suite| name(suite.suite())).collect()
}

/// The group, or the name of one that the TLS library does not have.
fn group(curve: Curve) -> Result<&'static dyn SupportedKxGroup, &'static str> {
    match curve {
        Curve::X25519 => Ok(kx_group::X25519),
        Curve::P256 => Ok(kx_group::SECP256R1),
        Curve::P384 => Ok(kx_group::SECP384R1),
        Curve::X25519MlKem768 => Ok(kx_group::X25519MLKEM768),
        Curve::P256MlKem768 => Ok(kx_group::SECP256R1MLKEM768),
        Curve::P384MlKem1024 => Err("SecP384r1MLKEM1024"),
        Curve::P521 => Err("CurveP521"),
    }
}
