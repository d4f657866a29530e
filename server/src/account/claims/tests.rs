use std::collections::HashMap;

use nats_jwt::claims::{Activation, ActivationClaims, ExportType, Import, Payload as _};
use nats_jwt::nkey::{KeyPair, Kind};
use proptest::prelude::*;

use super::*;
use crate::options::ImportKind;

#[derive(Default)]
struct Table {
    claims: HashMap<String, Arc<AccountClaims>>,
    definitions: HashMap<String, Arc<Definition>>,
}

impl Known for Table {
    fn claims(&self, account: &str) -> Option<Arc<AccountClaims>> {
        self.claims.get(account).cloned()
    }

    fn definition(&self, account: &str) -> Option<Arc<Definition>> {
        self.definitions.get(account).cloned()
    }
}

impl Table {
    fn add(&mut self, claims: AccountClaims) {
        self.claims.insert(claims.subject.clone(), Arc::new(claims));
    }

    fn define(&mut self, account: &str, now: i64) -> Arc<Definition> {
        let claims = self.claims[account].clone();
        let definition = Arc::new(define(&claims, self, now));
        self.definitions
            .insert(account.to_owned(), definition.clone());
        definition
    }
}

fn key() -> KeyPair {
    KeyPair::generate(Kind::Account).expect("randomness")
}

fn claims_of(key: &KeyPair) -> AccountClaims {
    AccountClaims::new(key.public_key().to_string())
}

fn import(from: &str, subject: &str, local: &str, kind: ExportType) -> Import {
    Import {
        subject: subject.into(),
        account: from.into(),
        local_subject: local.into(),
        kind,
        ..Import::default()
    }
}

fn export_of(subject: &str, kind: ExportType) -> claims::Export {
    claims::Export {
        subject: subject.into(),
        kind,
        ..claims::Export::default()
    }
}

#[test]
fn limits_become_those_of_an_account() {
    let mut claims = claims_of(&key());
    claims.nats.limits.conn = 5;
    claims.nats.limits.payload = 0;
    claims.nats.limits.jetstream.disk_storage = -1;
    claims.nats.limits.jetstream.mem_storage = 100;
    let made = define(&claims, &Table::default(), 0).account;
    assert_eq!(made.limits.max_connections, Some(5));
    assert_eq!(
        (made.limits.max_payload, made.limits.max_subscriptions),
        (Some(0), None)
    );
    let jetstream = made.jetstream.expect("on");
    assert_eq!(
        (jetstream.max_store, jetstream.max_memory),
        (None, Some(100))
    );
    assert_eq!(jetstream.max_streams, Some(0));
    let tier = claims::JetStreamLimits {
        disk_storage: 7,
        ..claims::JetStreamLimits::default()
    };
    claims.nats.limits.tiered_limits.insert("R3".into(), tier);
    let made = define(&claims, &Table::default(), 0).account;
    assert!(made.jetstream.is_none());
    assert_eq!(made.jetstream_tiers["R3"].max_store, Some(7));
    assert!(
        define(&claims_of(&key()), &Table::default(), 0)
            .account
            .jetstream
            .is_none()
    );
}

#[test]
fn imports_keep_their_direction_in_both_spellings() {
    let (e, i) = (key(), key());
    let (mut exporter, mut importer) = (claims_of(&e), claims_of(&i));
    exporter.nats.exports = vec![
        export_of("s.*", ExportType::Stream),
        export_of("q", ExportType::Service),
    ];
    let from = exporter.subject.clone();
    importer.nats.imports = vec![
        import(&from, "s.*", "here.$1", ExportType::Stream),
        Import {
            to: "pre.".into(),
            ..import(&from, "s.a", "", ExportType::Stream)
        },
        import(&from, "q", "ask", ExportType::Service),
        // The old way: `to` is the exporter's subject.
        Import {
            to: "q".into(),
            ..import(&from, "old", "", ExportType::Service)
        },
    ];
    let mut table = Table::default();
    table.add(exporter);
    table.add(importer.clone());
    let made = table.define(&importer.subject, 0);
    assert_eq!(made.missing, [""; 0]);
    let shown: Vec<_> = made
        .account
        .imports
        .iter()
        .map(|i| match &i.kind {
            ImportKind::Stream { prefix, to, .. } => format!("{} {prefix:?} {to:?}", i.subject),
            ImportKind::Service { to, .. } => format!("{} <- {to}", i.subject),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "s.* None Some(\"here.$1\")",
            "s.a Some(\"pre\") None",
            "q <- ask",
            "q <- old"
        ]
    );
}

#[test]
fn a_cycle_is_left_out_by_whoever_comes_second() {
    let (a, b) = (key(), key());
    let (mut one, mut two) = (claims_of(&a), claims_of(&b));
    for claims in [&mut one, &mut two] {
        claims.nats.exports = vec![export_of("x", ExportType::Service)];
    }
    one.nats.imports = vec![import(&two.subject, "x", "", ExportType::Service)];
    two.nats.imports = vec![import(&one.subject, "x", "", ExportType::Service)];
    let mut table = Table::default();
    table.add(one.clone());
    table.add(two.clone());
    assert_eq!(table.define(&one.subject, 0).missing, [""; 0]);
    let second = table.define(&two.subject, 0);
    assert_eq!(second.account.imports.len(), 0);
    assert!(second.missing[0].contains("cycle"), "{:?}", second.missing);
}

/// A random tree: a few accounts, what they export and import, and the tokens that go with it.
#[derive(Debug, Clone)]
struct Wish {
    importer: usize,
    exporter: usize,
    subject: &'static str,
    token: Option<Token>,
}

#[derive(Debug, Clone)]
struct Token {
    signer: usize,
    by_signing_key: bool,
    claims_issuer: Option<usize>,
    recipient: usize,
    subject: &'static str,
    kind: ExportType,
    issued_at: i64,
    expires: i64,
}

#[derive(Debug, Clone)]
struct Offer {
    subject: &'static str,
    private: bool,
    revoked_at: Option<i64>,
    everybody_revoked_at: Option<i64>,
}

const SUBJECTS: [&str; 5] = ["a", "a.b", "a.*", "a.>", "c.d"];
const NOW: i64 = 1_000;
const ACCOUNTS: usize = 3;

fn offers() -> impl Strategy<Value = Vec<Vec<Offer>>> {
    let offer = (
        0..SUBJECTS.len(),
        any::<bool>(),
        prop::option::of(80i64..120),
        prop::option::weighted(0.2, 80i64..120),
    )
        .prop_map(
            |(subject, private, revoked_at, everybody_revoked_at)| Offer {
                subject: SUBJECTS[subject],
                private,
                revoked_at,
                everybody_revoked_at,
            },
        );
    // One export for each subject at most, as validation demands.
    let list = prop::collection::vec(offer, 0..3).prop_map(|mut list: Vec<Offer>| {
        list.sort_by_key(|offer| offer.subject);
        list.dedup_by_key(|offer| offer.subject);
        list
    });
    prop::collection::vec(list, ACCOUNTS)
}

fn wishes() -> impl Strategy<Value = Vec<Wish>> {
    let account = 0..ACCOUNTS;
    let token = (
        account.clone(),
        any::<bool>(),
        prop::option::of(account.clone()),
        account.clone(),
        0..SUBJECTS.len(),
        any::<bool>(),
        80i64..120,
        prop_oneof![Just(0i64), 990i64..1010],
    )
        .prop_map(
            |(
                signer,
                by_signing_key,
                claims_issuer,
                recipient,
                subject,
                stream,
                issued_at,
                expires,
            )| Token {
                signer,
                by_signing_key,
                claims_issuer,
                recipient,
                subject: SUBJECTS[subject],
                kind: if stream {
                    ExportType::Stream
                } else {
                    ExportType::Service
                },
                issued_at,
                expires,
            },
        );
    let wish = (
        account.clone(),
        account,
        0..SUBJECTS.len(),
        prop::option::of(token),
    )
        .prop_map(|(importer, exporter, subject, token)| Wish {
            importer,
            exporter,
            subject: SUBJECTS[subject],
            token,
        });
    prop::collection::vec(wish, 1..5)
}

/// Whether `inner` lies in `outer`, by looking at every literal subject that these subjects can tell apart.
fn lies_in(inner: &str, outer: &str) -> bool {
    let literals = ["a", "a.b", "a.c", "a.b.c", "c", "c.d", "c.e"];
    let matches = |pattern: &str, literal: &str| {
        let (pattern, literal): (Vec<_>, Vec<_>) =
            (pattern.split('.').collect(), literal.split('.').collect());
        match pattern.as_slice() {
            [head @ .., ">"] => {
                literal.len() > head.len()
                    && head.iter().zip(&literal).all(|(p, l)| *p == "*" || p == l)
            }
            all => {
                all.len() == literal.len()
                    && all.iter().zip(&literal).all(|(p, l)| *p == "*" || p == l)
            }
        }
    };
    literals
        .iter()
        .all(|literal| !matches(inner, literal) || matches(outer, literal))
}

/// What the rules of the documentation say, each asked by itself.
fn oracle(wish: &Wish, offers: &[Vec<Offer>]) -> bool {
    let offers = &offers[wish.exporter];
    let exact = offers.iter().find(|offer| offer.subject == wish.subject);
    let Some(offer) = exact.or_else(|| offers.iter().find(|o| lies_in(wish.subject, o.subject)))
    else {
        return false;
    };
    if !offer.private {
        return true;
    }
    let Some(token) = &wish.token else {
        return false;
    };
    let speaks_for_exporter = match token.claims_issuer {
        Some(account) => account == wish.exporter && token.signer == wish.exporter,
        None => token.signer == wish.exporter && !token.by_signing_key,
    };
    let revoked = [offer.revoked_at, offer.everybody_revoked_at]
        .into_iter()
        .flatten()
        .any(|at| at >= token.issued_at);
    speaks_for_exporter
        && token.recipient == wish.importer
        && token.kind == ExportType::Stream
        && lies_in(wish.subject, token.subject)
        && (token.expires == 0 || token.expires > NOW)
        && !revoked
}

proptest! {
    /// S5: random trees of accounts, exports, imports and tokens give the same answer as the rules, one by one.
    #[test]
    fn an_import_is_there_exactly_when_the_rules_allow_it(offers in offers(), wishes in wishes()) {
        let keys: Vec<_> = (0..ACCOUNTS).map(|_| (key(), key())).collect();
        let id = |at: usize| keys[at].0.public_key().to_string();
        let mut accounts: Vec<_> = keys.iter().map(|(own, _)| claims_of(own)).collect();
        for (at, claims) in accounts.iter_mut().enumerate() {
            claims.nats.signing_keys.add(keys[at].1.public_key().to_string());
            for offer in &offers[at] {
                let mut export = claims::Export {
                    token_required: offer.private,
                    ..export_of(offer.subject, ExportType::Stream)
                };
                if let Some(revoked) = offer.revoked_at {
                    for other in 0..ACCOUNTS {
                        export.revocations.revoke(&id(other), revoked);
                    }
                }
                if let Some(revoked) = offer.everybody_revoked_at {
                    export.revocations.revoke("*", revoked);
                }
                claims.nats.exports.push(export);
            }
        }
        for wish in &wishes {
            let mut made = import(&id(wish.exporter), wish.subject, "", ExportType::Stream);
            if let Some(token) = &wish.token {
                let mut activation = ActivationClaims::new(id(token.recipient));
                activation.expires = token.expires;
                activation.nats = Activation {
                    import_subject: token.subject.into(),
                    import_type: token.kind,
                    issuer_account: token.claims_issuer.map(id).unwrap_or_default(),
                    ..Activation::initial()
                };
                let (own, signing) = &keys[token.signer];
                let signer = if token.by_signing_key { signing } else { own };
                made.token = activation.encode(signer, token.issued_at).expect("signed");
            }
            // One import at a time: what others import does not matter then, and there are no cycles.
            let mut table = Table::default();
            for (at, claims) in accounts.iter().enumerate() {
                let mut claims = claims.clone();
                if at == wish.importer {
                    claims.nats.imports = vec![made.clone()];
                }
                table.add(claims);
            }
            let definition = table.define(&id(wish.importer), NOW);
            let allowed = definition.account.imports.len() == 1;
            prop_assert_eq!(allowed, oracle(wish, &offers), "{:?} {:?}", wish, definition.missing);
        }
    }

    /// S4: whatever graph of imports there is, defining ends, and no cycle is left among what is defined.
    #[test]
    fn random_graphs_of_imports_are_defined_without_cycles(
        edges in prop::collection::vec((0usize..6, 0usize..6, any::<bool>()), 0..30),
        order in Just((0usize..6).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let keys: Vec<_> = (0..6).map(|_| key()).collect();
        let id = |at: usize| keys[at].public_key().to_string();
        let mut accounts: Vec<_> = keys.iter().map(claims_of).collect();
        for claims in &mut accounts {
            claims.nats.exports = vec![export_of("x", ExportType::Stream), export_of("x", ExportType::Service)];
        }
        for (importer, exporter, stream) in edges {
            let kind = if stream { ExportType::Stream } else { ExportType::Service };
            accounts[importer].nats.imports.push(import(&id(exporter), "x", "", kind));
        }
        let mut table = Table::default();
        for claims in accounts {
            table.add(claims);
        }
        for at in order {
            table.define(&id(at), 0);
        }
        for stream in [true, false] {
            let edges: HashMap<String, Vec<String>> = table.definitions.iter().map(|(name, definition)| {
                let to = definition.account.imports.iter()
                    .filter(|i| matches!(i.kind, ImportKind::Stream { .. }) == stream)
                    .filter(|i| i.account != *name)
                    .map(|i| i.account.clone());
                (name.clone(), to.collect())
            }).collect();
            for start in edges.keys() {
                let (mut seen, mut next) = (Vec::new(), edges[start].clone());
                while let Some(at) = next.pop() {
                    prop_assert_ne!(&at, start, "a cycle is left");
                    if !seen.contains(&at) {
                        next.extend(edges[&at].iter().cloned());
                        seen.push(at);
                    }
                }
            }
        }
    }
}
