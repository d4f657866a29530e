//! Answers: which of them count.

use std::time::{Duration, SystemTime};

use nats_interop::ocsp::{Says, Signer, Word, insist_on_staple, name_responder};
use nats_interop::tls::{Authority, Identity};
use proptest::prelude::*;
use rcgen::ExtendedKeyUsagePurpose;
use rustls_pki_types::CertificateDer;

use super::certificate::chains;
use super::{AnswerError, CertificateError, Link, Status, must_staple, read, request};

fn der(bytes: &[u8]) -> CertificateDer<'static> {
    CertificateDer::from(bytes.to_vec())
}

fn link(authority: &Authority, identity: &Identity) -> Link {
    Link {
        leaf: der(&identity.certificate_der),
        issuer: der(&authority.der()),
    }
}

fn answer_of(signer: &Signer, link: &Link, says: Says) -> Vec<u8> {
    signer.answer(&request(link).expect("a request"), says)
}

fn status_of(signer: &Signer, link: &Link) -> Result<Status, AnswerError> {
    read(&answer_of(signer, link, Says::word(Word::Good)), link).map(|answer| answer.status)
}

#[test]
fn what_the_issuer_says_counts() {
    let ca = Authority::new("ca");
    let link = link(&ca, &ca.client("a"));
    let signer = Signer::issuer(&ca);
    for (word, status) in [
        (Word::Good, Status::Good),
        (Word::Revoked, Status::Revoked),
        (Word::Unknown, Status::Unknown),
    ] {
        let raw = answer_of(&signer, &link, Says::word(word));
        assert_eq!(read(&raw, &link).map(|a| a.status), Ok(status));
    }
}

#[test]
fn an_answer_about_another_certificate_does_not_count() {
    let ca = Authority::new("ca");
    let (mine, other) = (link(&ca, &ca.client("a")), link(&ca, &ca.client("b")));
    let raw = answer_of(&Signer::issuer(&ca), &other, Says::word(Word::Good));
    assert_eq!(read(&raw, &mine), Err(AnswerError::OfAnotherCertificate));
}

#[test]
fn whoever_signs_must_be_the_issuer_or_authorized_by_it() {
    let (ca, stranger) = (Authority::new("ca"), Authority::new("stranger"));
    let link = link(&ca, &ca.client("a"));
    assert_eq!(
        status_of(&Signer::issuer(&stranger), &link),
        Err(AnswerError::Signature)
    );
    let ocsp_signing = |issuer: &Authority| {
        issuer.issue("responder", &[], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        })
    };
    let delegate = |identity: &Identity| status_of(&Signer::delegate(identity), &link);
    assert_eq!(delegate(&ocsp_signing(&ca)), Ok(Status::Good));
    assert_eq!(delegate(&ca.client("c")), Err(AnswerError::NotDelegated));
    assert_eq!(delegate(&ocsp_signing(&stranger)), Err(AnswerError::Signer));
    let expired = ca.issue("responder", &[], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    assert_eq!(delegate(&expired), Err(AnswerError::NotDelegated));
}

#[test]
fn a_changed_answer_does_not_count() {
    let ca = Authority::new("ca");
    let link = link(&ca, &ca.client("a"));
    let raw = answer_of(&Signer::issuer(&ca), &link, Says::word(Word::Good));
    for at in 0..raw.len() {
        let mut changed = raw.clone();
        changed[at] ^= 1;
        let read = read(&changed, &link);
        assert!(read.is_err(), "byte {at}: {read:?}");
    }
}

#[test]
fn times_are_read_and_judged() {
    let ca = Authority::new("ca");
    let link = link(&ca, &ca.client("a"));
    let now = SystemTime::now();
    let (skew, unset) = (Duration::from_secs(30), Duration::from_secs(100));
    // this_update, next_update, counts as a staple, is current for a peer
    let table = [
        (-5, Some(60), true, true),
        (-50, Some(-10), false, true),
        (-90, Some(-60), false, false),
        (20, Some(60), false, true),
        (60, Some(90), false, false),
        (-90, None, true, true),
        (-200, None, true, false),
    ];
    for (this_update, next_update, staple, current) in table {
        let says = Says {
            word: Word::Good,
            this_update,
            next_update,
        };
        let raw = answer_of(&Signer::issuer(&ca), &link, says);
        let answer = read(&raw, &link).expect("an answer");
        assert_eq!(answer.check_staple(now).is_ok(), staple, "{says:?}");
        assert_eq!(answer.is_current(now, skew, unset), current, "{says:?}");
    }
}

#[test]
fn a_certificate_names_its_responders_and_whether_it_wants_a_staple() {
    let ca = Authority::new("ca");
    let plain = ca.client("a");
    assert!(!must_staple(&der(&plain.certificate_der)));
    assert!(link(&ca, &plain).responders().is_empty());
    let rich = ca.issue("b", &[], |params| {
        name_responder(params, "http://127.0.0.1:1/ocsp");
        insist_on_staple(params);
    });
    assert!(must_staple(&der(&rich.certificate_der)));
    assert_eq!(link(&ca, &rich).responders(), ["http://127.0.0.1:1/ocsp"]);
    let odd = ca.issue("c", &[], |params| name_responder(params, "ldap://there"));
    assert!(link(&ca, &odd).responders().is_empty());
}

#[test]
fn the_issuer_comes_from_the_chain_or_the_authorities() {
    let (ca, stranger) = (Authority::new("ca"), Authority::new("ca"));
    let leaf = der(&ca.client("a").certificate_der);
    let (ca, stranger) = (der(&ca.der()), der(&stranger.der()));
    let of = |chain: &[&CertificateDer<'static>], authorities: &[&CertificateDer<'static>]| {
        let owned = |list: &[&CertificateDer<'static>]| list.iter().map(|c| (*c).clone()).collect();
        let (chain, authorities): (Vec<_>, Vec<_>) = (owned(chain), owned(authorities));
        Link::of_chain(&chain, &authorities).map(|link| link.issuer)
    };
    assert_eq!(of(&[&leaf, &ca], &[]), Ok(ca.clone()));
    assert_eq!(of(&[&leaf], &[&stranger, &ca]), Ok(ca.clone()));
    assert_eq!(of(&[&leaf], &[&stranger]), Err(CertificateError::NoIssuer));
    // The file is not what it should be, although the authorities would do.
    let wrong = of(&[&leaf, &stranger], &[&ca]);
    assert_eq!(wrong, Err(CertificateError::NoIssuer));
}

#[test]
fn chains_end_at_an_authority() {
    let (ca, other) = (Authority::new("ca"), Authority::new("other"));
    let leaf = der(&ca.client("a").certificate_der);
    let (ca, other) = (der(&ca.der()), der(&other.der()));
    let found = chains(&[leaf.clone(), ca.clone()], &[other.clone(), ca.clone()]);
    assert_eq!(found, [vec![leaf.clone(), ca.clone()]]);
    assert_eq!(chains(&[leaf], &[other]), Vec::<Vec<_>>::new());
    let of_itself = chains(std::slice::from_ref(&ca), std::slice::from_ref(&ca));
    assert_eq!(of_itself, [vec![ca]]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let link = Link { leaf: der(&bytes), issuer: der(&bytes) };
        let _ = read(&bytes, &link);
        let _ = request(&link);
        let _ = link.responders();
        let _ = must_staple(&link.leaf);
    }
}
