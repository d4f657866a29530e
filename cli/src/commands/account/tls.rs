//! `nats account tls`.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::error::{CliError, Result};
use crate::globals::Globals;
use crate::output::format;
use crate::parse;

/// Show the certificates of the server that one is connected to
///
/// Exits with 1 when a certificate has expired or is about to. Everything but the PEM blocks stands in lines that start with
/// a #, so that the output is a PEM file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
        nats account tls\n  \
        nats account tls --no-pem --expire-warn 30d")]
pub struct Args {
    /// Warn about certificates that expire within this time; 0 turns it off
    #[arg(long, value_name = "DURATION", default_value = "1w", value_parser = parse::duration)]
    expire_warn: Duration,

    /// Show no PEM blocks
    #[arg(long, overrides_with = "pem")]
    no_pem: bool,

    /// Show PEM blocks (default)
    #[arg(long, overrides_with = "no_pem", hide = true)]
    pem: bool,

    /// Show OCSP information; not available
    #[arg(long, hide = true)]
    ocsp: bool,
}

pub async fn run(globals: &Globals, args: Args) -> Result {
    if args.ocsp {
        return Err(CliError::not_available("--ocsp", "OCSP staples"));
    }
    let client = globals.connect().await?;
    let session = client.tls_session().ok_or_else(|| {
        CliError::new("the connection does not use TLS")
            .next_step("name a server that does: --server tls://…")
    })?;
    let verified = if session.verified { "" } else { "not " };
    outln!(
        "# TLS {} using {}, {verified}verified for {:?}",
        session.version,
        session.cipher_suite,
        session.server_name
    )?;
    outln!(
        "# Certificates sent by the server: {}\n",
        session.certificates.len()
    )?;
    let now = jiff::Timestamp::now().as_second();
    let mut problems = Vec::new();
    for (index, der) in session.certificates.iter().enumerate() {
        let report = describe(der, index + 1, now, args.expire_warn)?;
        outln!("{}", report.lines.join("\n"))?;
        problems.extend(report.problem);
        if !args.no_pem {
            out!("{}", pem(der))?;
        }
    }
    match problems.into_iter().next() {
        Some(problem) => Err(CliError::new(problem)),
        None => Ok(()),
    }
}

/// Who signed a certificate.
pub fn issuer(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.issuer().to_string())
}

#[derive(Debug)]
struct Report {
    lines: Vec<String>,
    problem: Option<String>,
}

/// `now` is in seconds since 1970.
fn describe(der: &[u8], number: usize, now: i64, warn: Duration) -> Result<Report> {
    let (_, certificate) = X509Certificate::from_der(der)
        .map_err(|e| CliError::new(format!("certificate {number} cannot be read: {e}")))?;
    let subject = certificate.subject().to_string();
    let end = certificate.validity().not_after.timestamp();
    let end_text = time(end);
    let mut lines = vec![format!(
        "# cert={number} isCA={} Subject={subject:?}",
        certificate.is_ca()
    )];
    let mut problem = None;
    let warn_before = now.saturating_add(i64::try_from(warn.as_secs()).unwrap_or(i64::MAX));
    if end < now {
        lines.push(format!("# EXPIRED after {end_text}"));
        problem = Some(format!(
            "expired cert={number} expiration={end_text:?} subject={subject:?}"
        ));
    } else if !warn.is_zero() && end < warn_before {
        let within = format::duration(warn);
        lines.push(format!("# EXPIRING SOON: within {within} of {end_text}"));
        problem = Some(format!(
            "cert expiring soon cert={number} expiration={end_text:?} subject={subject:?}"
        ));
    }
    // In the same form whether or not it was said above: something to search for.
    lines.push(format!("#   Expiration: {end_text}"));
    lines.extend(names(&certificate));
    lines.push(format!("#   Issuer: {}", certificate.issuer()));
    lines.push(format!("#   Serial: {}", certificate.serial));
    lines.push(format!("#   Signed-with: {}", algorithm(&certificate)));
    Ok(Report { lines, problem })
}

/// What the certificate may be used for, by kind.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let mut kinds: [(&str, Vec<String>); 4] = [
        ("DNS Names", Vec::new()),
        ("IP Addresses", Vec::new()),
        ("URIs", Vec::new()),
        ("Email Addresses", Vec::new()),
    ];
    let [(_, dns), (_, ips), (_, uris), (_, emails)] = &mut kinds;
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => dns.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => ips.extend(address(bytes)),
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::RFC822Name(email) => emails.push((*email).to_owned()),
            _ => {}
        }
    }
    let named = kinds.into_iter().filter(|(_, names)| !names.is_empty());
    named
        .map(|(kind, names)| format!("#   SAN: {kind}: [{}]", names.join(" ")))
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let address: IpAddr = match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
        16 => <[u8; 16]>::try_from(bytes).ok()?.into(),
        _ => return None,
    };
    Some(address.to_string())
}

/// The usual ones by name, the others by their number.
fn algorithm(certificate: &X509Certificate<'_>) -> String {
    let number = certificate.signature_algorithm.algorithm.to_id_string();
    let name = match number.as_str() {
        "1.2.840.10045.4.3.2" => "ECDSA-SHA256",
        "1.2.840.10045.4.3.3" => "ECDSA-SHA384",
        "1.2.840.10045.4.3.4" => "ECDSA-SHA512",
        "1.2.840.113549.1.1.5" => "SHA1-RSA",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.113549.1.1.11" => "SHA256-RSA",
        "1.2.840.113549.1.1.12" => "SHA384-RSA",
        "1.2.840.113549.1.1.13" => "SHA512-RSA",
        "1.3.101.112" => "Ed25519",
        _ => return number,
    };
    name.to_owned()
}

/// `2026-01-02 15:04:05 +0000 UTC`.
fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| format!("{seconds} seconds after 1970"),
        |time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
    )
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        // Base64 is ASCII: every place is between two characters.
        let (line, tail) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = tail;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    /// 2030-01-01.
    const END: i64 = 1_893_456_000;

    fn certificate() -> rcgen::Certificate {
        let names = vec!["nats.example".to_owned(), "127.0.0.1".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        params
            .self_signed(&rcgen::KeyPair::generate().unwrap())
            .unwrap()
    }

    #[test]
    fn a_certificate_is_described_and_its_end_is_watched() {
        let certificate = certificate();
        let week = Duration::from_secs(7 * DAY as u64);
        let fine = describe(certificate.der(), 1, END - 8 * DAY, week).unwrap();
        assert_eq!(fine.problem, None);
        for line in [
            "#   Expiration: 2030-01-01 00:00:00 +0000 UTC",
            "#   SAN: DNS Names: [nats.example]",
            "#   SAN: IP Addresses: [127.0.0.1]",
            "#   Signed-with: ECDSA-SHA256",
        ] {
            assert!(fine.lines.iter().any(|l| l == line), "{line}: {fine:#?}");
        }
        let soon = describe(certificate.der(), 1, END - 6 * DAY, week).unwrap();
        let problem = soon.problem.unwrap_or_default();
        assert!(
            problem.starts_with("cert expiring soon cert=1"),
            "{problem}"
        );
        let off = describe(certificate.der(), 1, END - 6 * DAY, Duration::ZERO).unwrap();
        assert_eq!(off.problem, None);
        let late = describe(certificate.der(), 2, END + 1, Duration::ZERO).unwrap();
        let problem = late.problem.unwrap_or_default();
        assert!(problem.starts_with("expired cert=2"), "{problem}");
        assert!(describe(b"nonsense", 1, 0, week).is_err());
    }

    #[test]
    fn a_pem_block_is_the_one_that_others_write() {
        let certificate = certificate();
        let theirs = certificate.pem().replace("\r\n", "\n");
        assert_eq!(pem(certificate.der()), theirs);
    }
}
