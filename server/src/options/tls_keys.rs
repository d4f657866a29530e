//! The keys of a `tls` block.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use nats_conf::Value;

use super::setting::{self, Reading, Setting};
use super::table::{Key, Reload, Row, key, read_map, rows};
use super::tls::{
    CertificatePair, CertificateStore, CipherSuite, Curve, HandshakeFirst, OcspPeer, Tls,
    TlsVersion,
};

/// How long `auto` waits for a client to begin with TLS before INFO is sent.
const HANDSHAKE_FIRST_FALLBACK: Duration = Duration::from_millis(50);

/// A block while it is read: what belongs together may stand apart.
#[derive(Default)]
struct Draft {
    tls: Tls,
    pair: Pair,
    store: CertificateStore,
}

#[derive(Default)]
struct Pair {
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
}

static KEYS: &[Key<Draft>] = &[
    key!(
        "cert_file",
        "file",
        "none",
        Reload::Inside,
        "Certificate chain in PEM.",
        pair.cert_file = setting::path
    ),
    key!(
        "key_file",
        "file",
        "none",
        Reload::Inside,
        "Key of the certificate in PEM.",
        pair.key_file = setting::path
    ),
    key!(
        "certs" | "certificates",
        "list of {cert_file, key_file}",
        "none",
        Reload::Inside,
        "Several certificates instead of one; the client's wishes decide.",
        tls.certificates = certificates
    ),
    key!(
        "ca_file",
        "file",
        "none",
        Reload::Inside,
        "Authorities in PEM that the other side's certificate must come from.",
        tls.ca_file = setting::path
    ),
    key!(
        "insecure",
        "boolean",
        "false",
        Reload::Inside,
        "As a client: do not check the server's certificate.",
        tls.insecure = setting::truth
    ),
    key!(
        "verify",
        "boolean",
        "false",
        Reload::Inside,
        "Require a certificate of the other side; routes and gateways always do.",
        tls.verify =
            |setting: &Setting<'_>, reading: &mut Reading| setting::truth(setting, reading)
    ),
    key!(
        "verify_and_map",
        "boolean",
        "false",
        Reload::Inside,
        "As `verify`, and take the user from the certificate.",
        tls.verify_and_map = setting::truth
    ),
    key!(
        "verify_cert_and_check_known_urls",
        "boolean",
        "false",
        Reload::Inside,
        "As `verify`, and accept only certificates that name a configured URL. Only in `cluster` and `gateway`.",
        tls.check_known_urls = |setting: &Setting<'_>, reading: &mut Reading| {
            let check = setting::truth(setting, reading)?;
            if check && !reading.inside("cluster") && !reading.inside("gateway") {
                reading.bad(
                    setting,
                    "verify_cert_and_check_known_urls not supported in this context",
                );
                return None;
            }
            Some(check)
        }
    ),
    key!(
        "cipher_suites",
        "list of names",
        "all that are safe",
        Reload::Inside,
        "Suites of TLS 1.2 in order of preference, by their IANA names.",
        tls.cipher_suites = cipher_suites
    ),
    key!(
        "allow_insecure_cipher_suites",
        "boolean",
        "false",
        Reload::Inside,
        "Permit suites that are known to be weak.",
        tls.allow_insecure_cipher_suites = setting::truth
    ),
    key!(
        "curve_preferences",
        "list of names",
        "all that are safe",
        Reload::Inside,
        "Key-exchange groups in order of preference.",
        tls.curve_preferences = curves
    ),
    key!(
        "timeout",
        "seconds or duration",
        "2s",
        Reload::Inside,
        "How long a handshake may take.",
        tls.timeout = |setting: &Setting<'_>, reading: &mut Reading| {
            setting::or_default(setting::seconds(setting, reading), Duration::from_secs(2))
        }
    ),
    key!(
        "connection_rate_limit",
        "number",
        "unlimited",
        Reload::Inside,
        "Handshakes per second; connections above are turned away.",
        tls.connection_rate_limit = setting::bound
    ),
    key!(
        "pinned_certs",
        "list of SHA-256 in hex",
        "all",
        Reload::Inside,
        "SHA-256 of the SubjectPublicKeyInfo of the certificates that are accepted.",
        tls.pinned_certs = pinned
    ),
    key!(
        "handshake_first" | "first" | "immediate",
        "boolean, auto or duration",
        "false",
        Reload::Inside,
        "TLS before INFO. `auto` (or a duration) sends INFO to a client that has not begun with TLS after 50 ms (or so long).",
        tls.handshake_first = handshake_first
    ),
    key!(
        "min_version",
        "1.2 or 1.3",
        "1.2",
        Reload::Inside,
        "Lowest version.",
        tls.min_version = min_version
    ),
    key!(
        "ocsp_peer",
        "boolean or map",
        "false",
        Reload::Inside,
        "Check whether the other side's certificate was revoked.",
        tls.ocsp_peer = ocsp_peer
    ),
    key!(
        "cert_store",
        "WindowsCurrentUser or WindowsLocalMachine",
        "none",
        Reload::Inside,
        "Certificate from the store of Windows.",
        store.store = |setting: &Setting<'_>, reading: &mut Reading| {
            let name = setting::text(setting, reading)?;
            let known = ["windowscurrentuser", "windowslocalmachine"]
                .contains(&name.to_lowercase().as_str());
            if !known {
                reading.bad(setting, "cert_store type not implemented");
                return None;
            }
            Some(name)
        }
    ),
    store_row(
        "cert_match_by",
        "Subject, Issuer or Thumbprint",
        "How a certificate of the store is found.",
        |draft, setting, reading| {
            draft.store.match_by = setting::text(setting, reading).unwrap_or_default();
        },
    ),
    store_row(
        "cert_match",
        "text",
        "What it is found by.",
        |draft, setting, reading| {
            draft.store.matching = setting::text(setting, reading).unwrap_or_default();
        },
    ),
    store_row(
        "ca_certs_match",
        "text or list",
        "What authorities of the store are found by.",
        |draft, setting, reading| {
            draft.store.ca_matching = setting::texts(setting, reading).unwrap_or_default();
        },
    ),
    store_row(
        "cert_match_skip_invalid",
        "boolean",
        "Leave out certificates that are not valid.",
        |draft, setting, reading| {
            draft.store.skip_invalid = setting::truth(setting, reading).unwrap_or_default();
        },
    ),
];

static OCSP_PEER_KEYS: &[Key<OcspPeer>] = &[
    key!(
        "verify",
        "boolean",
        "false",
        Reload::Inside,
        "Check at all.",
        verify = setting::truth
    ),
    key!(
        "ca_timeout",
        "seconds or duration",
        "2s",
        Reload::Inside,
        "How long to wait for the responder.",
        ca_timeout = setting::seconds
    ),
    key!(
        "allowed_clockskew",
        "seconds or duration",
        "30s",
        Reload::Inside,
        "Difference of clocks that is tolerated.",
        allowed_clockskew = setting::seconds
    ),
    key!(
        "warn_only",
        "boolean",
        "false",
        Reload::Inside,
        "Only warn.",
        warn_only = setting::truth
    ),
    key!(
        "unknown_is_good",
        "boolean",
        "false",
        Reload::Inside,
        "Accept what the responder does not know.",
        unknown_is_good = setting::truth
    ),
    key!(
        "allow_when_ca_unreachable",
        "boolean",
        "false",
        Reload::Inside,
        "Accept when the responder does not answer.",
        allow_when_ca_unreachable = setting::truth
    ),
    key!(
        "cache_ttl_when_next_update_unset",
        "seconds or duration",
        "1h",
        Reload::Inside,
        "How long an answer without an end is kept.",
        cache_ttl_when_next_update_unset = setting::seconds
    ),
];

/// A row about the store of Windows. Its keys have a meaning only beside `cert_store`; here they are only read.
const fn store_row(
    name: &'static str,
    kind: &'static str,
    doc: &'static str,
    read: fn(&mut Draft, &Setting<'_>, &mut Reading),
) -> Key<Draft> {
    Key {
        name,
        aliases: &[],
        kind,
        default: "none",
        reload: Reload::Inside,
        doc,
        read,
        change: |_, _| Vec::new(),
        inner: Vec::new,
    }
}

/// The rows of a `tls` block for the manual.
pub(super) fn manual() -> Vec<Row> {
    let mut all = rows(KEYS);
    all.extend(rows(OCSP_PEER_KEYS).into_iter().map(|row| Row {
        path: format!("ocsp_peer.{}", row.path),
        ..row
    }));
    all
}

/// Reads a `tls` block. Files are not touched.
pub(super) fn tls(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<Tls>> {
    let known_errors = reading.errors.len();
    let mut draft = Draft::default();
    if !read_map(&mut draft, KEYS, setting, reading) {
        return None;
    }
    let Draft {
        mut tls,
        pair,
        store,
    } = draft;
    tls.certificate_store = Some(store).filter(|store| !store.store.is_empty());
    tls.verify |= tls.verify_and_map
        || tls.check_known_urls
        || reading.inside("cluster")
        || reading.inside("gateway");
    match (pair.cert_file, pair.key_file) {
        (Some(_), _) if !tls.certificates.is_empty() => {
            reading.bad(
                setting,
                "error parsing tls config, cannot combine 'cert_file' option with 'certs' option",
            );
        }
        (Some(_), _) if tls.certificate_store.is_some() => {
            reading.bad(
                setting,
                "'cert_file' and 'cert_store' may not both be configured",
            );
        }
        (Some(cert_file), Some(key_file)) => tls.certificates.push(CertificatePair {
            cert_file,
            key_file,
        }),
        (Some(_), None) => reading.bad(setting, "missing 'key_file' in TLS configuration"),
        (None, Some(_)) => reading.bad(setting, "missing 'cert_file' in TLS configuration"),
        (None, None) => {}
    }
    let weak: Vec<_> = tls
        .cipher_suites
        .iter()
        .filter(|suite| suite.insecure)
        .map(|suite| suite.name)
        .collect();
    if !weak.is_empty() && !tls.allow_insecure_cipher_suites {
        let names = weak.join(", ");
        let option = "'allow_insecure_cipher_suites' option set";
        reading.bad(
            setting,
            format!("insecure cipher suites configured without {option}: {names}"),
        );
    }
    (reading.errors.len() == known_errors).then_some(Some(tls))
}

fn certificates(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<CertificatePair>> {
    static PAIR_KEYS: &[Key<Pair>] = &[
        key!(
            "cert_file",
            "file",
            "",
            Reload::Inside,
            "Certificate chain in PEM.",
            cert_file = setting::path
        ),
        key!(
            "key_file",
            "file",
            "",
            Reload::Inside,
            "Its key in PEM.",
            key_file = setting::path
        ),
    ];
    let mut pairs = Vec::new();
    for node in setting::list(setting, reading)? {
        let mut pair = Pair::default();
        let item = Setting {
            name: setting.name,
            node,
        };
        if !read_map(&mut pair, PAIR_KEYS, &item, reading) {
            continue;
        }
        match (pair.cert_file, pair.key_file) {
            (Some(cert_file), Some(key_file)) => pairs.push(CertificatePair { cert_file, key_file }),
            _ => reading.bad(&item, "error parsing certificates config: both 'cert_file' and 'key_file' options are required"),
        }
    }
    Some(pairs)
}

fn cipher_suites(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<CipherSuite>> {
    let names = named_list(setting, reading)?;
    let find = |(name, at): (String, nats_conf::Position), reading: &mut Reading| {
        let suite = CipherSuite::ALL
            .iter()
            .find(|suite| suite.name == name)
            .copied();
        if suite.is_none() {
            reading.error(&at, format!("unrecognized cipher {name}"));
        }
        suite
    };
    Some(
        names
            .into_iter()
            .filter_map(|name| find(name, reading))
            .collect(),
    )
}

fn curves(setting: &Setting<'_>, reading: &mut Reading) -> Option<Vec<Curve>> {
    let names = named_list(setting, reading)?;
    let find = |(name, at): (String, nats_conf::Position), reading: &mut Reading| {
        let curve = Curve::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, curve)| *curve);
        if curve.is_none() {
            reading.error(&at, format!("unrecognized curve preference {name}"));
        }
        curve
    };
    Some(
        names
            .into_iter()
            .filter_map(|name| find(name, reading))
            .collect(),
    )
}

/// A list of names that must not be empty, with their positions.
fn named_list(
    setting: &Setting<'_>,
    reading: &mut Reading,
) -> Option<Vec<(String, nats_conf::Position)>> {
    let items = setting::list(setting, reading)?;
    if items.is_empty() {
        reading.bad(
            setting,
            format!(
                "error parsing tls config, '{}' cannot be empty",
                setting.name
            ),
        );
    }
    let read = |node| {
        setting::text(
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        )
        .map(|name| (name, node.at.clone()))
    };
    Some(items.iter().filter_map(read).collect())
}

fn pinned(setting: &Setting<'_>, reading: &mut Reading) -> Option<BTreeSet<[u8; 32]>> {
    let mut pins = BTreeSet::new();
    for node in setting::list(setting, reading)? {
        let Some(text) = setting::text(
            &Setting {
                name: setting.name,
                node,
            },
            reading,
        ) else {
            continue;
        };
        match sha256(&text) {
            Some(pin) => {
                pins.insert(pin);
            }
            None => {
                let form = "hex-encoded sha256 of DER encoded SubjectPublicKeyInfo";
                reading.error(&node.at, format!("error parsing tls config, 'pinned_certs' key {text} does not look like {form}"));
            }
        }
    }
    Some(pins)
}

fn sha256(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = hex
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    if digits.len() == 64 {
        bytes.try_into().ok()
    } else {
        None
    }
}

fn handshake_first(setting: &Setting<'_>, reading: &mut Reading) -> Option<HandshakeFirst> {
    let text = match &setting.node.value {
        Value::Bool(true) => return Some(HandshakeFirst::On),
        Value::Bool(false) => return Some(HandshakeFirst::Off),
        Value::String(text) => text,
        _ => {
            reading.wrong_type(setting, "a boolean, \"auto\" or a duration");
            return None;
        }
    };
    match text.to_lowercase().as_str() {
        "true" | "on" => Some(HandshakeFirst::On),
        "false" | "off" => Some(HandshakeFirst::Off),
        "auto" | "auto_fallback" => Some(HandshakeFirst::Auto(HANDSHAKE_FIRST_FALLBACK)),
        _ => {
            let delay = super::duration::parse_duration(text)
                .ok()
                .and_then(|nanos| u64::try_from(nanos).ok());
            if delay.is_none() {
                reading.bad(
                    setting,
                    format!("field {:?}'s value {text:?} is invalid", setting.name),
                );
            }
            // No time to fall back means never to fall back.
            delay.map(|nanos| {
                if nanos == 0 {
                    HandshakeFirst::On
                } else {
                    HandshakeFirst::Auto(Duration::from_nanos(nanos))
                }
            })
        }
    }
}

fn min_version(setting: &Setting<'_>, reading: &mut Reading) -> Option<TlsVersion> {
    match setting::text(setting, reading)?.as_str() {
        "1.2" => Some(TlsVersion::V1_2),
        "1.3" => Some(TlsVersion::V1_3),
        "1.0" | "1.1" => {
            reading.bad(
                setting,
                "error parsing tls config: unsupported TLS version; use \"1.2\" or \"1.3\"",
            );
            None
        }
        other => {
            reading.bad(
                setting,
                format!("error parsing tls config: unknown version {other:?}"),
            );
            None
        }
    }
}

fn ocsp_peer(setting: &Setting<'_>, reading: &mut Reading) -> Option<Option<OcspPeer>> {
    let mut peer = OcspPeer::default();
    match setting.node.value {
        Value::Bool(verify) => peer.verify = verify,
        _ => {
            read_map(&mut peer, OCSP_PEER_KEYS, setting, reading);
        }
    }
    Some(Some(peer))
}
