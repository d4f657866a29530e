use data_encoding::BASE32_NOPAD;
use proptest::prelude::*;

use super::*;

fn vectors() -> Option<Vec<serde_json::Value>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/reference/vectors/nkeys.json"
    );
    match std::fs::read(path) {
        Ok(text) => Some(serde_json::from_slice(&text).expect("vectors are JSON")),
        Err(e) if std::env::var_os("NATS_REQUIRE_ALL").is_some() => panic!("{path}: {e}"),
        Err(_) => {
            eprintln!("SKIPPED: reference/vectors/nkeys.json is not here");
            None
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Spells any bytes like a key, with a right checksum.
fn spell(body: &[u8]) -> String {
    let crc = encoding::crc16(body).to_le_bytes();
    BASE32_NOPAD.encode(&[body, &crc].concat())
}

#[test]
fn reference_vectors_hold() {
    let Some(rows) = vectors() else { return };
    assert!(!rows.is_empty());
    for row in rows {
        let text = |name: &str| row[name].as_str().expect("text");
        let (kind, raw) = encoding::decode_seed(text("seed")).expect("valid seed");
        assert_eq!(kind.to_string(), text("type"));
        assert_eq!(hex(&*raw), text("raw_seed_hex"));
        assert_eq!(seed_kind(text("seed")), Ok(kind));
        let (public, seed) = match kind {
            Kind::Curve => {
                assert_eq!(
                    KeyPair::from_seed(text("seed")).err(),
                    Some(NkeyError::CurveCannotSign)
                );
                let key = CurveKey::from_seed(text("seed")).expect("curve seed");
                (key.public_key(), key.seed())
            }
            _ => {
                assert!(CurveKey::from_seed(text("seed")).is_err());
                let key = KeyPair::from_seed(text("seed")).expect("signing seed");
                (key.public_key(), key.seed())
            }
        };
        assert_eq!(public.to_string(), text("public"));
        assert_eq!(hex(public.as_bytes()), text("raw_public_hex"));
        assert_eq!(seed.reveal(), text("seed"));
        assert_eq!(PublicKey::parse(text("public")), Ok(public));
        assert!(is_public_key(text("public"), kind));
        assert_eq!(PublicKey::parse(text("seed")), Err(NkeyError::IsSeed));
        assert_eq!(seed_kind(text("public")), Err(NkeyError::NotSeed));
    }
}

#[test]
fn what_is_signed_verifies_and_nothing_else_does() {
    for kind in Kind::ALL {
        if kind == Kind::Curve {
            assert!(KeyPair::generate(kind).is_err());
            continue;
        }
        let key = KeyPair::generate(kind).expect("randomness");
        let public = key.public_key();
        assert!(public.to_string().starts_with(kind.letter()));
        let signature = key.sign(b"nonce");
        assert_eq!(public.verify(b"nonce", &signature), Ok(()));
        assert!(public.verify(b"other", &signature).is_err());
        for len in 0..SIGNATURE_LEN {
            assert!(public.verify(b"nonce", &signature[..len]).is_err());
        }
        let other = KeyPair::generate(kind).expect("randomness");
        assert!(other.verify(b"nonce", &signature).is_err());
    }
}

#[test]
fn signatures_are_accepted_in_both_base64_spellings() {
    let key = KeyPair::generate(Kind::User).expect("randomness");
    let public = key.public_key();
    assert_eq!(public.verify_text(b"n", &key.sign_text(b"n")), Ok(()));
    let standard = STANDARD.encode(key.sign(b"n"));
    assert_eq!(public.verify_text(b"n", &standard), Ok(()));
    for bad in ["", "*", "AAAA", &"A".repeat(86), &"A".repeat(100_000)] {
        assert_eq!(public.verify_text(b"n", bad), Err(NkeyError::BadSignature));
    }
}

/// RFC 8032, section 7.1, tests 1 and 2.
#[test]
fn signatures_are_those_of_the_standard() {
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ] {
        let bytes = |text: &str| {
            data_encoding::HEXLOWER
                .decode(text.as_bytes())
                .expect("hex")
        };
        let seed = <[u8; 32]>::try_from(bytes(seed)).expect("32 bytes");
        let key = KeyPair::from_raw(Kind::User, seed.into()).expect("seed");
        assert_eq!(hex(key.public_key().as_bytes()), public);
        assert_eq!(hex(&key.sign(&bytes(message))), signature);
    }
}

/// S12: sealed messages made by an independent NaCl (PyNaCl over libsodium) open.
#[test]
fn sealed_messages_of_another_implementation_open() {
    for (sender, sender_public, receiver, receiver_public, message, sealed) in [
        (
            "SXAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IC6WE",
            "XAD2G7F4CQQJHSFXKXOBWEHINS2CMN2K2FVKQU7NBPP4BMVYNUOHZWPX",
            "SXAGKZTHNBUWU23MNVXG64DROJZXI5LWO54HS6T3PR6X474AQGBIHBH67I",
            "XBLRI5U5CFV7OZBWVZ2LY6J5FQYK2GIDYWNMKJZYAXD6E2MLIEGDMZ4H",
            "this is super secret",
            "786b763100070e151c232a31383f464d545b626970777e858c939aa108af796f042ef503c10e650c3de8b9f96fdb73474a3513ae7f37c3dd79ea55547b6f7883",
        ),
        (
            "SXAAOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBZ6RQ",
            "XAJ34T7K5LZAJR75GNMPZHAAOIMIDULUE6ASQIT6YZ2PG7375F5W23BG",
            "SXACAHY6DUOBWGQZDALRMFIUCMJBCEAPBYGQYCYKBEEAOBQFAQBQEAPYTI",
            "XAGXTFQA63725YXBEHTLR55ALXDGQ5FVDWZRALINOH3ZTIE4WTCGC2T3",
            "",
            "786b76311f262d343b424950575e656c737a81888f969da4abb2b9c0412bc186c5a0f4b365084359c800e531",
        ),
    ] {
        let sender = CurveKey::from_seed(sender).expect("seed");
        let receiver = CurveKey::from_seed(receiver).expect("seed");
        assert_eq!(sender.public_key().to_string(), sender_public);
        assert_eq!(receiver.public_key().to_string(), receiver_public);
        let sealed = data_encoding::HEXLOWER
            .decode(sealed.as_bytes())
            .expect("hex");
        let opened = receiver.open(&sealed, &sender.public_key());
        assert_eq!(opened.as_deref(), Ok(message.as_bytes()));
    }
}

/// S12: no third key opens, no changed byte passes, keys without a secret are refused.
#[test]
fn sealed_messages_open_for_the_addressee_alone() {
    let [a, b, c] = std::array::from_fn(|_| CurveKey::generate().expect("randomness"));
    let sealed = a.seal(b"secret", &b.public_key()).expect("sealed");
    let again = a.seal(b"secret", &b.public_key()).expect("sealed");
    assert_ne!(sealed, again, "nonces must differ");
    assert_eq!(
        b.open(&sealed, &a.public_key()).as_deref(),
        Ok(&b"secret"[..])
    );
    assert_eq!(c.open(&sealed, &a.public_key()), Err(NkeyError::CannotOpen));
    assert_eq!(b.open(&sealed, &c.public_key()), Err(NkeyError::CannotOpen));
    for at in 0..sealed.len() {
        assert!(b.open(&sealed[..at], &a.public_key()).is_err());
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(b.open(&changed, &a.public_key()).is_err(), "byte {at}");
    }
    for weak in [[0u8; 32], std::array::from_fn(|i| u8::from(i == 0))] {
        let weak = PublicKey::parse(&spell(&[&[Kind::Curve.prefix()][..], &weak].concat()));
        let weak = weak.expect("well spelled");
        assert_eq!(a.seal(b"x", &weak), Err(NkeyError::CannotSeal));
        assert_eq!(a.open(&sealed, &weak), Err(NkeyError::CannotOpen));
    }
    let user = KeyPair::generate(Kind::User).expect("randomness");
    assert!(a.seal(b"x", &user.public_key()).is_err());
}

/// S28: every prefix byte, every length around the right ones, right and wrong checksums.
#[test]
fn every_prefix_length_and_checksum_is_judged_without_panic() {
    for prefix in 0..=u8::MAX {
        for len in 0..=40 {
            let mut body = vec![prefix];
            body.resize(len.max(1), 0x5a);
            let right = spell(&body);
            let known = Kind::ALL.into_iter().find(|k| k.prefix() == prefix);
            let expected = known.filter(|_| body.len() == 33);
            assert_eq!(PublicKey::parse(&right).ok().map(|k| k.kind()), expected);
            let mut wrong = right.into_bytes();
            wrong[0] = if wrong[0] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).expect("ascii");
            assert!(PublicKey::parse(&wrong).is_err());
            assert!(seed_kind(&wrong).is_err());
        }
    }
    for first in 0..=u8::MAX {
        for second in 0..=u8::MAX {
            let mut body = vec![first, second];
            body.resize(34, 0xa5);
            let expected = Kind::ALL
                .into_iter()
                .find(|k| first == 18 << 3 | k.prefix() >> 5 && second == (k.prefix() & 31) << 3);
            assert_eq!(seed_kind(&spell(&body)).ok(), expected, "{first} {second}");
        }
    }
}

#[test]
fn only_the_one_spelling_of_a_key_is_accepted() {
    let key = KeyPair::generate(Kind::Account).expect("randomness");
    let (public, seed) = (key.public_key().to_string(), key.seed());
    for change in [
        str::to_lowercase as fn(&str) -> String,
        |text| format!(" {text}"),
        |text| format!("{text}\n"),
        |text| format!("{text}="),
        |text| text[1..].to_owned(),
        |text| text[..text.len() - 1].to_owned(),
        |_| String::new(),
        |text| "ü".repeat(text.len() / 2),
    ] {
        assert!(PublicKey::parse(&change(&public)).is_err());
        assert!(KeyPair::from_seed(&change(seed.reveal())).is_err());
    }
    // 58 characters hold two bits more than 36 bytes: four spellings would decode alike if nobody looked.
    let last = seed.reveal().as_bytes()[57];
    let other_spellings = (b'A'..=b'Z').chain(b'2'..=b'7').filter(|&b| b != last);
    for other in other_spellings {
        let text = format!("{}{}", &seed.reveal()[..57], char::from(other));
        assert!(KeyPair::from_seed(&text).is_err());
    }
}

#[test]
fn debug_output_shows_no_seed() {
    let key = KeyPair::generate(Kind::User).expect("randomness");
    let curve = CurveKey::generate().expect("randomness");
    let shown = format!("{key:?} {curve:?} {:?}", key.seed());
    assert!(!shown.contains(key.seed().reveal()) && !shown.contains(curve.seed().reveal()));
    assert!(shown.contains(&key.public_key().to_string()));
}

proptest! {
    #[test]
    fn any_text_is_refused_or_spelled_the_same_again(text in "[A-Z2-7]{54,60}|\\PC{0,70}") {
        if let Ok(key) = PublicKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text.clone());
        }
        if let Ok(key) = KeyPair::from_seed(&text) {
            let seed = key.seed();
            prop_assert_eq!(seed.reveal(), text.as_str());
        }
        let _ = CurveKey::from_seed(&text);
    }

    #[test]
    fn one_changed_character_is_always_noticed(raw in any::<[u8; 32]>(), at in 0usize..56, letter in "[A-Z2-7]") {
        let public = encoding::encode_public(Kind::User, &raw);
        let mut changed = public.clone();
        changed.replace_range(at..=at, &letter);
        prop_assert_eq!(PublicKey::parse(&changed).is_ok(), changed == public);
    }
}
