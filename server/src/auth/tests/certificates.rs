//! S24: users from certificates, over a corpus of names.

use rcgen::{CertificateParams, DnType, DnValue, KeyPair as CertificateKey, SanType};

use super::*;
use crate::options::Tls;

/// A subject in the order of the certificate, and alternative names.
fn certificate(subject: &[(DnType, &str)], alternatives: Vec<SanType>) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        let value = DnValue::Utf8String((*value).to_owned());
        params.distinguished_name.push(kind.clone(), value);
    }
    params.subject_alt_names = alternatives;
    let key = CertificateKey::generate().expect("a key");
    params
        .self_signed(&key)
        .expect("a certificate")
        .der()
        .clone()
}

fn with_certificate(certificate: CertificateDer<'static>) -> Client {
    let mut client = nobody();
    client.tls = true;
    client.certificates = vec![certificate];
    client
}

fn mapping(names: &[&str]) -> Options {
    let mut options = with_users(names.iter().map(|name| user(name, "")).collect());
    options.tls = Some(Tls {
        verify: true,
        verify_and_map: true,
        ..Tls::default()
    });
    options
}

fn email(name: &str) -> SanType {
    SanType::Rfc822Name(name.try_into().expect("ASCII"))
}

fn host(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().expect("ASCII"))
}

fn bob() -> Vec<(DnType, &'static str)> {
    vec![
        (DnType::CountryName, "US"),
        (DnType::OrganizationName, "Acme"),
        (DnType::OrganizationalUnitName, "Dev"),
        (DnType::CommonName, "bob"),
    ]
}

#[test]
fn names_are_tried_in_their_order() {
    let all = certificate(
        &bob(),
        vec![
            uri("spiffe://acme/bob"),
            host("bob.acme"),
            email("bob@acme"),
            email("b@acme"),
        ],
    );
    let order = [
        "bob@acme",
        "b@acme",
        "bob.acme",
        "spiffe://acme/bob",
        "CN=bob,OU=Dev,O=Acme,C=US",
        "C=US,O=Acme,OU=Dev,CN=bob",
    ];
    for from in 0..order.len() {
        let options = mapping(&order[from..]);
        let got = with_certificate(all.clone()).asks(&options);
        assert_eq!(got, accepted(&format!("$G/{}", order[from])));
    }
}

#[test]
fn a_distinguished_name_matches_exactly_or_reordered_and_not_otherwise() {
    let client = with_certificate(certificate(&bob(), vec![]));
    for (name, found) in [
        ("CN=bob,OU=Dev,O=Acme,C=US", true),
        ("cn=bob, ou=Dev, o=Acme, c=US", true),
        ("C=US,CN=bob,O=Acme,OU=Dev", true),
        ("CN=Bob,OU=Dev,O=Acme,C=US", false),
        ("CN=bob,OU=Dev,O=Acme", false),
        ("CN=bob", false),
        ("bob", false),
        ("CN=*,OU=Dev,O=Acme,C=US", false),
        ("CN=bob,OU=Dev,O=Acme,C=US,C=US", false),
        ("CN=bob+OU=Dev,O=Acme,C=US", false),
        ("CN=bob,OU=Dev,O=Acme,C=US,DC=x", false),
        ("CN=bob,OU=,O=Acme,C=US", false),
    ] {
        assert_eq!(client.asks(&mapping(&[name])).is_ok(), found, "{name}");
    }
}

#[test]
fn special_characters_are_compared_after_their_escapes() {
    let subject = [
        (DnType::OrganizationName, "Smith, Bob + Sons; \"<#>\\"),
        (DnType::CommonName, " x "),
    ];
    let client = with_certificate(certificate(&subject, vec![]));
    for name in [
        r#"CN=\ x\ ,O=Smith\, Bob \+ Sons\; \"\<#\>\\"#,
        r#"CN=\20x\20,O=Smith\2c Bob \2b Sons\3b \22\3c\23\3e\5c"#,
    ] {
        assert_eq!(
            client.asks(&mapping(&[name])),
            accepted(&format!("$G/{name}"))
        );
    }
    assert!(client.asks(&mapping(&["CN=x,O=Smith"])).is_err());
}

#[test]
fn domain_components_count_in_the_name_and_in_the_plain_text() {
    let dc = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]);
    // rcgen keeps one value per kind: one domain component is what it can write.
    let subject = [
        (dc, "acme"),
        (DnType::OrganizationName, "Acme"),
        (DnType::CommonName, "bob"),
    ];
    let client = with_certificate(certificate(&subject, vec![]));
    for name in [
        "CN=bob,O=Acme,DC=acme",
        "DC=acme,O=Acme,CN=bob",
        "CN=bob,O=Acme",
    ] {
        assert_eq!(
            client.asks(&mapping(&[name])),
            accepted(&format!("$G/{name}"))
        );
    }
    // The last of them is the subject without its domain: found after the name with it.
    let options = mapping(&["CN=bob,O=Acme", "CN=bob,O=Acme,DC=acme"]);
    assert_eq!(client.asks(&options), accepted("$G/CN=bob,O=Acme,DC=acme"));
}

#[test]
fn two_users_for_one_certificate_are_none() {
    let client = with_certificate(certificate(&bob(), vec![]));
    let exact = "CN=bob,OU=Dev,O=Acme,C=US";
    let (one, two) = ("C=US,O=Acme,OU=Dev,CN=bob", "OU=Dev,O=Acme,C=US,CN=bob");
    assert!(matches!(
        client.asks(&mapping(&[one, two])),
        Err(AuthError::CertificateAmbiguous(_))
    ));
    assert_eq!(
        client.asks(&mapping(&[one, exact, two])),
        accepted(&format!("$G/{exact}"))
    );
    let spaced = "CN=bob, OU=Dev,O=Acme,C=US";
    assert!(matches!(
        client.asks(&mapping(&[exact, spaced])),
        Err(AuthError::CertificateAmbiguous(_))
    ));
}

#[test]
fn an_empty_subject_is_found_by_its_alternative_names_only() {
    let client = with_certificate(certificate(&[], vec![email("bob@acme")]));
    assert_eq!(
        client.asks(&mapping(&["bob@acme"])),
        accepted("$G/bob@acme")
    );
    // An empty user name is nobody's.
    assert!(client.asks(&mapping(&["", "CN=", "other"])).is_err());
    let nameless = with_certificate(certificate(&[], vec![]));
    assert_eq!(
        nameless.asks(&mapping(&[""])),
        Err(AuthError::NoNameInCertificate)
    );
}

#[test]
fn without_a_certificate_nobody_is_mapped() {
    let options = mapping(&["bob"]);
    let mut client = with_password("bob", "");
    assert_eq!(client.asks(&options), Err(AuthError::NoTls));
    client.tls = true;
    assert_eq!(client.asks(&options), Err(AuthError::NoCertificate));
    client.certificates = vec![CertificateDer::from(vec![0x30, 0x03, 1, 2, 3])];
    assert_eq!(client.asks(&options), Err(AuthError::UnreadableCertificate));
}

#[test]
fn the_certificate_decides_whatever_user_connect_names() {
    let options = mapping(&["bob@acme", "eve"]);
    let mut client = with_certificate(certificate(&bob(), vec![email("bob@acme")]));
    client.connect.user = "eve".into();
    assert_eq!(client.asks(&options), accepted("$G/bob@acme"));
    // A password that is configured counts all the same.
    let mut options = options;
    options.authorization.users[0].password = "pw".into();
    assert_eq!(client.asks(&options), Err(AuthError::WrongPassword));
    client.connect.pass = "pw".into();
    assert_eq!(client.asks(&options), accepted("$G/bob@acme"));
}

#[test]
fn a_user_not_allowed_on_this_connection_is_passed_over() {
    let mut options = mapping(&["bob@acme", "bob.acme"]);
    options.authorization.users[0].allowed_connection_types =
        ConnectionTypes::Only(vec![ConnectionType::Mqtt]);
    let client = with_certificate(certificate(
        &bob(),
        vec![email("bob@acme"), host("bob.acme")],
    ));
    assert_eq!(client.asks(&options), accepted("$G/bob.acme"));
}

#[test]
fn a_reload_looks_at_the_certificate_again() {
    let client = with_certificate(certificate(&bob(), vec![email("bob@acme")]));
    let before = mapping(&["bob@acme"]);
    let identity = client.ask(&authenticator(&before)).expect("admitted");
    let after = |options: &Options| authenticator(options).still_valid(&identity);
    assert_eq!(after(&before), Revalidated::Same);
    assert!(matches!(
        after(&mapping(&["eve"])),
        Revalidated::Gone(AuthError::CertificateUnknown(_))
    ));
    assert_eq!(
        after(&mapping(&["CN=bob,OU=Dev,O=Acme,C=US"])),
        Revalidated::Moved
    );
}

/// Names that rcgen cannot write, as DER by hand: levels of (kind, tag, bytes).
fn name_der(levels: &[&[(&str, u8, &[u8])]]) -> Vec<u8> {
    let levels = levels.iter().map(|level| {
        let attributes = level.iter().map(|(kind, tag, value)| {
            der(0x30, &[der(0x06, &oid(kind)), der(*tag, value)].concat())
        });
        der(0x31, &attributes.collect::<Vec<_>>().concat())
    });
    der(0x30, &levels.collect::<Vec<_>>().concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("short");
    let header = if length < 128 {
        vec![tag, length]
    } else {
        vec![tag, 0x81, length]
    };
    [header, content.to_vec()].concat()
}

fn oid(kind: &str) -> Vec<u8> {
    match kind {
        "CN" => vec![0x55, 4, 3],
        "O" => vec![0x55, 4, 10],
        "OU" => vec![0x55, 4, 11],
        "SN" => vec![0x55, 4, 5],
        "DC" => vec![0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25],
        "EMAIL" => vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1],
        other => panic!("{other}"),
    }
}

fn names(levels: &[&[(&str, u8, &[u8])]]) -> CertificateNames {
    CertificateNames::of_subject(&name_der(levels)).expect("a name")
}

const UTF8: u8 = 12;
const IA5: u8 = 22;

#[test]
fn levels_with_several_values_stay_together() {
    let multi = names(&[
        &[("O", UTF8, b"Acme")],
        &[("CN", UTF8, b"bob"), ("SN", UTF8, b"7")],
    ]);
    let parse = |text: &str| super::super::distinguished_name::DistinguishedName::parse(text);
    assert_eq!(multi.distinguished, parse("CN=bob+SERIALNUMBER=7,O=Acme"));
    assert_eq!(multi.distinguished, parse("SERIALNUMBER=7+CN=bob,O=Acme"));
    assert_ne!(multi.distinguished, parse("SERIALNUMBER=7,CN=bob,O=Acme"));
    assert_eq!(multi.subject(), "SERIALNUMBER=7,CN=bob,O=Acme");
}

#[test]
fn the_plain_text_is_that_of_go() {
    let name = names(&[
        &[("DC", IA5, b"com")],
        &[("DC", IA5, b"acme")],
        &[("OU", UTF8, b"a"), ("OU", UTF8, b"b,c")],
        &[("OU", UTF8, b"d")],
        &[("CN", UTF8, b"first")],
        &[("CN", UTF8, b"#last ")],
    ]);
    let text = r"CN=\#last\ ,OU=a+OU=b\,c+OU=d";
    assert_eq!(name.subject(), text);
    assert_eq!(
        name.subject_and_domain.as_deref(),
        Some(&*format!("{text},DC=com,DC=acme"))
    );
}

#[test]
fn attributes_without_a_name_or_text_leave_the_plain_text_only() {
    let email = names(&[&[("CN", UTF8, b"bob")], &[("EMAIL", IA5, b"bob@acme")]]);
    assert_eq!(email.distinguished, None);
    assert_eq!(email.subject(), "CN=bob");
    let number = names(&[&[("CN", 2, &[5])], &[("O", UTF8, b"x")]]);
    assert_eq!(number.distinguished, None);
    assert_eq!(number.subject(), "O=x");
    let wide = names(&[&[("CN", 30, &[0, b'b', 0x4f, 0x60])]]);
    assert_eq!(wide.subject(), "CN=b你");
    for odd in [&[0_u8][..], &[0xd8, 0x00]] {
        assert_eq!(
            names(&[&[("CN", 30, odd)], &[("O", UTF8, b"x")]]).distinguished,
            None
        );
    }
}
