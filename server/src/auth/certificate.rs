//! The names in a client's certificate, in the order in which `verify_and_map` tries them.
//!
//! Source: reference behaviour (`server/auth.go`, Go's `crypto/x509/pkix` for the two plain texts of a subject).

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::AuthError;
use super::distinguished_name::{DistinguishedName, RelativeName};

/// What a certificate calls its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// E-mail addresses, host names and URIs among the alternative names, in this order.
    pub alternatives: Vec<AlternativeName>,
    /// The subject, if all its attributes are of kinds that we know by name.
    pub(super) distinguished: Option<DistinguishedName>,
    /// The subject as Go prints it, followed by its domain components.
    pub(super) subject_and_domain: Option<String>,
    /// The subject as Go prints it.
    pub(super) subject: String,
}

/// A subject alternative name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlternativeName {
    Email(String),
    Host(String),
    Uri(String),
}

impl AlternativeName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(name) | Self::Host(name) | Self::Uri(name) => name,
        }
    }
}

impl CertificateNames {
    /// Reads the names of a verified certificate.
    ///
    /// # Errors
    /// The certificate cannot be read, or names nobody.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, AuthError> {
        let (_, certificate) =
            X509Certificate::from_der(certificate).map_err(|_| AuthError::UnreadableCertificate)?;
        Self::new(certificate.subject(), alternatives(&certificate)?)
    }

    /// Names of a certificate whose subject is this DER and which has no others.
    #[cfg(test)]
    pub(super) fn of_subject(der: &[u8]) -> Result<Self, AuthError> {
        let (_, subject) = X509Name::from_der(der).map_err(|_| AuthError::UnreadableCertificate)?;
        Self::new(&subject, Vec::new())
    }

    fn new(subject: &X509Name<'_>, alternatives: Vec<AlternativeName>) -> Result<Self, AuthError> {
        let levels = levels(subject);
        if alternatives.is_empty() && levels.is_empty() {
            return Err(AuthError::NoNameInCertificate);
        }
        let subject = go_subject(&levels);
        let domain = domain_components(&levels);
        Ok(Self {
            alternatives,
            distinguished: distinguished(&levels),
            subject_and_domain: (!domain.is_empty()).then(|| format!("{subject},{domain}")),
            subject,
        })
    }

    /// The subject for a log line.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// A name as Go prints it, for logs and events. Two names that look alike may differ.
pub fn name_as_text(name: &X509Name<'_>) -> String {
    go_subject(&levels(name))
}

/// The kinds of attributes that have a name here.
const KINDS: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// Kinds in the order in which Go prints a subject, each with all its values joined by `+`.
const GO_ORDER: [&str; 9] = [
    "SERIALNUMBER",
    "CN",
    "POSTALCODE",
    "STREET",
    "ST",
    "L",
    "OU",
    "O",
    "C",
];

/// An attribute: name of its kind and value, each if we can read it.
struct Attribute {
    kind: Option<&'static str>,
    value: Option<String>,
}

fn alternatives(certificate: &X509Certificate<'_>) -> Result<Vec<AlternativeName>, AuthError> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| AuthError::UnreadableCertificate)?;
    let mut names = [Vec::new(), Vec::new(), Vec::new()];
    let [emails, hosts, uris] = &mut names;
    for name in extension.iter().flat_map(|e| &e.value.general_names) {
        match name {
            GeneralName::RFC822Name(name) => emails.push(AlternativeName::Email((*name).into())),
            GeneralName::DNSName(name) => hosts.push(AlternativeName::Host((*name).into())),
            GeneralName::URI(name) => uris.push(AlternativeName::Uri((*name).into())),
            _ => {}
        }
    }
    Ok(names.into_iter().flatten().collect())
}

/// The relative names of a subject in the order of the certificate (the least specific first), without empty ones.
fn levels(subject: &X509Name<'_>) -> Vec<Vec<Attribute>> {
    subject
        .iter_rdn()
        .map(|level| level.iter().map(attribute).collect::<Vec<_>>())
        .filter(|level| !level.is_empty())
        .collect()
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> Attribute {
    let id = attribute.attr_type().to_id_string();
    Attribute {
        kind: KINDS.iter().find(|(k, _)| *k == id).map(|(_, name)| *name),
        value: text_of(attribute),
    }
}

/// The value, if it is of a string type. T.61 is taken as UTF-8, as everybody who still writes it means it.
fn text_of(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    use x509_parser::asn1_rs::Tag;
    let value = attribute.attr_value();
    match value.tag() {
        Tag::PrintableString
        | Tag::NumericString
        | Tag::Ia5String
        | Tag::T61String
        | Tag::Utf8String => String::from_utf8(value.data.to_vec()).ok(),
        Tag::BmpString => {
            let (units, rest) = value.data.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        _ => None,
    }
}

fn distinguished(levels: &[Vec<Attribute>]) -> Option<DistinguishedName> {
    let relative = |level: &Vec<Attribute>| {
        let attributes: Option<Vec<_>> = level
            .iter()
            .map(|a| Some((a.kind?.to_owned(), a.value.clone()?)))
            .collect();
        attributes.map(RelativeName::new)
    };
    let levels: Option<Vec<_>> = levels.iter().rev().map(relative).collect();
    DistinguishedName::new(levels?)
}

fn go_subject(levels: &[Vec<Attribute>]) -> String {
    let values = |kind: &str| {
        levels
            .iter()
            .flatten()
            .filter(|a| a.kind == Some(kind))
            .filter_map(|a| a.value.clone())
            .collect::<Vec<_>>()
    };
    let mut parts = Vec::new();
    for kind in GO_ORDER {
        let mut values = values(kind);
        if matches!(kind, "CN" | "SERIALNUMBER") {
            // One value each: the last, unless it is empty.
            values = values.pop().filter(|v| !v.is_empty()).into_iter().collect();
        }
        if !values.is_empty() {
            let texts: Vec<_> = values
                .iter()
                .map(|v| format!("{kind}={}", escape(v)))
                .collect();
            parts.push(texts.join("+"));
        }
    }
    parts.join(",")
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for (at, c) in value.char_indices() {
        let special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at + 1 == value.len(),
            '#' => at == 0,
            _ => false,
        };
        if special {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn domain_components(levels: &[Vec<Attribute>]) -> String {
    let components: Vec<_> = levels
        .iter()
        .flatten()
        .filter(|a| a.kind == Some("DC"))
        .filter_map(|a| Some(format!("DC={}", a.value.as_ref()?)))
        .collect();
    components.join(",")
}
