//! Random trees of an operator, accounts, users, exports, imports and tokens: what a server lets happen is what a naive oracle says.
//!
//! A [`Tree`] says in plain words what is right and wrong with each token; the oracle reads those words and never a token. The same
//! trees go through the chain of trust of the library by the hundred, and through a running server by the dozen. A seed that fails is
//! named by the panic. Start reading at [`Tree::grow`].

use nats_interop::dice::Dice;
use nats_interop::trust::{Account, Operator, User, key, now, public};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::chain::{Trust, check_activation};
use nats_jwt::claims::{
    Activation, ActivationClaims, Export, ExportType, Import, UserClaims, UserPermissionLimits,
    UserScope,
};
use nats_jwt::nkey::{KeyPair, Kind};

const ACCOUNTS: usize = 3;
const USERS: usize = 8;
const IMPORTS: usize = 6;
const TREES_OF_LOGIC: u64 = 400;
const TREES_OF_SERVERS: u64 = 20;

#[derive(Debug, Clone, Copy, PartialEq)]
enum AccountSigner {
    Operator,
    OperatorsSigningKey,
    Stranger,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum UserSigner {
    Account,
    SigningKey,
    ScopedKey,
    AnotherAccount,
    Stranger,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Nothing,
    Expired,
    Early,
    Revoked,
    /// It has permissions of its own.
    Permissions,
}

#[derive(Debug)]
struct UserSpec {
    account: usize,
    signer: UserSigner,
    wrong: Wrong,
}

#[derive(Debug)]
struct AccountSpec {
    signer: AccountSigner,
    /// What users without permissions may publish.
    has_defaults: bool,
    token_required: bool,
    all_revoked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TokenSpec {
    None,
    Good,
    GoodBySigningKey,
    /// For a wider subject than the import's.
    GoodWider,
    OtherImporter,
    OtherExporter,
    OtherSubject,
    OtherKind,
    Expired,
    Revoked,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Offer {
    /// `p<exporter>.open.*`
    Open,
    /// `p<exporter>.closed.*`, which needs a token when the exporter says so.
    Closed,
    /// `p<exporter>.for.*.x`, where the importer's account stands.
    Own,
    /// The same with another account.
    Foreign,
    /// Nothing that is exported.
    Secret,
}

#[derive(Debug)]
struct ImportSpec {
    importer: usize,
    exporter: usize,
    is_service: bool,
    offer: Offer,
    token: TokenSpec,
}

impl ImportSpec {
    fn is_same(&self, other: &Self) -> bool {
        matches!(self.offer, Offer::Own | Offer::Foreign)
            && (self.offer, self.importer, self.exporter, self.is_service)
                == (
                    other.offer,
                    other.importer,
                    other.exporter,
                    other.is_service,
                )
    }
}

#[derive(Debug)]
struct Tree {
    strict: bool,
    accounts: Vec<AccountSpec>,
    users: Vec<UserSpec>,
    imports: Vec<ImportSpec>,
}

impl Tree {
    fn grow(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let strict = dice.once_in(3);
        let accounts = (0..ACCOUNTS).map(|_| AccountSpec {
            signer: match dice.roll(7) {
                0 => AccountSigner::Stranger,
                1..=3 => AccountSigner::Operator,
                _ => AccountSigner::OperatorsSigningKey,
            },
            has_defaults: dice.once_in(3),
            token_required: !dice.once_in(4),
            all_revoked: dice.once_in(8),
        });
        let accounts = accounts.collect();
        let users = (0..USERS).map(|_| UserSpec {
            account: dice.roll(ACCOUNTS),
            signer: [
                UserSigner::Account,
                UserSigner::SigningKey,
                UserSigner::ScopedKey,
                UserSigner::ScopedKey,
                UserSigner::AnotherAccount,
                UserSigner::Stranger,
            ][dice.roll(6)],
            wrong: [
                Wrong::Nothing,
                Wrong::Nothing,
                Wrong::Nothing,
                Wrong::Expired,
                Wrong::Early,
                Wrong::Revoked,
                Wrong::Permissions,
                Wrong::Permissions,
            ][dice.roll(8)],
        });
        let users = users.collect();
        let imports = (0..IMPORTS).map(|_| {
            // From a lower account to a higher one: cycles have tests of their own.
            let exporter = dice.roll(ACCOUNTS - 1);
            let offers = [Offer::Open, Offer::Own, Offer::Foreign, Offer::Secret];
            let offer = match dice.roll(8) {
                at @ 0..=3 => offers[at],
                _ => Offer::Closed,
            };
            let tokens = [
                TokenSpec::None,
                TokenSpec::Good,
                TokenSpec::GoodBySigningKey,
                TokenSpec::GoodWider,
                TokenSpec::OtherImporter,
                TokenSpec::OtherExporter,
                TokenSpec::OtherSubject,
                TokenSpec::OtherKind,
                TokenSpec::Expired,
                TokenSpec::Revoked,
            ];
            let token = match offer {
                Offer::Closed => tokens[dice.roll(tokens.len())],
                _ => TokenSpec::None,
            };
            ImportSpec {
                importer: exporter + 1 + dice.roll(ACCOUNTS - 1 - exporter),
                exporter,
                is_service: dice.once_in(2),
                offer,
                token,
            }
        });
        let mut imports: Vec<ImportSpec> = imports.collect();
        // The same subject twice is one import, or an error.
        for import in std::mem::take(&mut imports) {
            if !imports.iter().any(|other| other.is_same(&import)) {
                imports.push(import);
            }
        }
        Self {
            strict,
            accounts,
            users,
            imports,
        }
    }

    // --- the oracle

    fn accepts(&self, account: usize) -> bool {
        match self.accounts[account].signer {
            AccountSigner::Operator => !self.strict,
            AccountSigner::OperatorsSigningKey => true,
            AccountSigner::Stranger => false,
        }
    }

    fn admits(&self, user: &UserSpec) -> bool {
        let signed = match user.signer {
            UserSigner::Account => !self.strict,
            UserSigner::SigningKey => true,
            UserSigner::ScopedKey => user.wrong != Wrong::Permissions,
            UserSigner::AnotherAccount | UserSigner::Stranger => false,
        };
        let in_order = match user.wrong {
            Wrong::Nothing | Wrong::Permissions => true,
            Wrong::Expired | Wrong::Early | Wrong::Revoked => false,
        };
        signed && in_order && !self.accounts[user.account].all_revoked && self.accepts(user.account)
    }

    /// Whether an admitted user may publish on the subject with this first token.
    fn may_publish(&self, user: &UserSpec, first: &str) -> bool {
        if user.signer == UserSigner::ScopedKey {
            return first == "role";
        }
        if user.wrong == Wrong::Permissions {
            return first == "own";
        }
        !self.accounts[user.account].has_defaults || first == "default"
    }

    fn token_counts(&self, import: &ImportSpec) -> bool {
        matches!(
            import.token,
            TokenSpec::Good | TokenSpec::GoodBySigningKey | TokenSpec::GoodWider
        )
    }

    fn works(&self, import: &ImportSpec) -> bool {
        match import.offer {
            Offer::Open | Offer::Own => true,
            Offer::Closed => {
                !self.accounts[import.exporter].token_required || self.token_counts(import)
            }
            Offer::Foreign | Offer::Secret => false,
        }
    }

    /// Whether servers may refuse the whole account for what it imports: tokens that are wrong by themselves.
    fn may_be_refused(&self, account: usize) -> bool {
        let wrong = |import: &ImportSpec| {
            import.importer == account
                && !matches!(import.token, TokenSpec::None | TokenSpec::Revoked)
                && !self.token_counts(import)
        };
        self.imports.iter().any(wrong)
    }
}

/// A tree with keys and tokens.
struct Grown {
    operator: Operator,
    /// Signs accounts for the operator.
    signing: KeyPair,
    stranger: KeyPair,
    accounts: Vec<Account>,
    /// Plain and scoped signing keys of the accounts.
    keys: Vec<(KeyPair, KeyPair)>,
    users: Vec<User>,
}

fn allow(subject: &str) -> UserPermissionLimits {
    let mut limits = UserPermissionLimits::unlimited();
    limits.permissions.publish.allow = vec![subject.to_owned()];
    limits
}

fn grown(tree: &Tree) -> Grown {
    let mut operator = Operator::new();
    let (signing, stranger) = (key(Kind::Operator), key(Kind::Operator));
    operator.claims.nats.signing_keys.push(public(&signing));
    operator.claims.nats.strict_signing_key_usage = tree.strict;
    let mut accounts: Vec<Account> = (0..ACCOUNTS)
        .map(|n| Account::new(&format!("A{n}")))
        .collect();
    let keys: Vec<_> = (0..ACCOUNTS)
        .map(|_| (key(Kind::Account), key(Kind::Account)))
        .collect();
    for (n, (account, spec)) in accounts.iter_mut().zip(&tree.accounts).enumerate() {
        let nats = &mut account.claims.nats;
        nats.signing_keys.add(public(&keys[n].0));
        let mut scope = UserScope::new(public(&keys[n].1));
        scope.role = "role".into();
        scope.template = allow("role.{{name()}}");
        nats.signing_keys.add_scoped(scope);
        if spec.has_defaults {
            nats.default_permissions.publish.allow = vec!["default.>".into()];
        }
        if spec.all_revoked {
            nats.revocations.revoke("*", now() + 5);
        }
        for kind in [ExportType::Stream, ExportType::Service] {
            let exports = [
                ("open.*", false, 0),
                ("closed.*", spec.token_required, 0),
                ("for.*.x", false, 3),
            ];
            nats.exports
                .extend(exports.map(|(subject, token_required, position)| Export {
                    subject: format!("p{n}.{subject}"),
                    kind,
                    token_required,
                    account_token_position: position,
                    ..Export::default()
                }));
        }
    }
    let users = tree.users.iter().enumerate();
    let users = users
        .map(|(n, spec)| user(tree, &mut accounts, &keys, n, spec))
        .collect();
    for (n, spec) in tree.imports.iter().enumerate() {
        let import = import(&mut accounts, &keys, n, spec);
        accounts[spec.importer].claims.nats.imports.push(import);
    }
    Grown {
        operator,
        signing,
        stranger,
        accounts,
        keys,
        users,
    }
}

fn user(
    tree: &Tree,
    accounts: &mut [Account],
    keys: &[(KeyPair, KeyPair)],
    n: usize,
    spec: &UserSpec,
) -> User {
    let other = (spec.account + 1) % tree.accounts.len();
    let stranger = key(Kind::Account);
    let signer = match spec.signer {
        UserSigner::Account => {
            KeyPair::from_seed(accounts[spec.account].key.seed().reveal()).expect("a seed")
        }
        UserSigner::SigningKey => {
            KeyPair::from_seed(keys[spec.account].0.seed().reveal()).expect("a seed")
        }
        UserSigner::ScopedKey => {
            KeyPair::from_seed(keys[spec.account].1.seed().reveal()).expect("a seed")
        }
        UserSigner::AnotherAccount => {
            KeyPair::from_seed(accounts[other].key.seed().reveal()).expect("a seed")
        }
        UserSigner::Stranger => stranger,
    };
    let made = accounts[spec.account].user_by(&signer, &format!("u{n}"), |claims| {
        if spec.signer == UserSigner::ScopedKey {
            claims.nats.set_scoped(true);
        }
        match spec.wrong {
            Wrong::Expired => claims.expires = now() - 10,
            Wrong::Early => claims.not_before = now() + 1000,
            Wrong::Permissions => {
                claims.nats.limits.permissions.publish.allow = vec!["own.>".into()];
            }
            Wrong::Nothing | Wrong::Revoked => {}
        }
    });
    let revocations = &mut accounts[spec.account].claims.nats.revocations;
    if spec.wrong == Wrong::Revoked {
        revocations.revoke(&made.id(), now() + 5);
    }
    made
}

fn remote_subject(accounts: &[Account], n: usize, spec: &ImportSpec) -> String {
    let p = spec.exporter;
    match spec.offer {
        Offer::Open => format!("p{p}.open.i{n}"),
        Offer::Closed => format!("p{p}.closed.i{n}"),
        Offer::Own => format!("p{p}.for.{}.x", accounts[spec.importer].id()),
        Offer::Foreign => format!("p{p}.for.{}.x", accounts[spec.exporter].id()),
        Offer::Secret => format!("p{p}.secret.i{n}"),
    }
}

fn kind_of(is_service: bool) -> ExportType {
    if is_service {
        ExportType::Service
    } else {
        ExportType::Stream
    }
}

fn import(
    accounts: &mut [Account],
    keys: &[(KeyPair, KeyPair)],
    n: usize,
    spec: &ImportSpec,
) -> Import {
    let subject = remote_subject(accounts, n, spec);
    let mut made = Import {
        name: format!("i{n}"),
        subject: subject.clone(),
        account: accounts[spec.exporter].id(),
        kind: kind_of(spec.is_service),
        local_subject: format!("local.i{n}"),
        ..Import::default()
    };
    if spec.token == TokenSpec::None {
        return made;
    }
    let importer = match spec.token {
        TokenSpec::OtherImporter => public(&key(Kind::Account)),
        _ => accounts[spec.importer].id(),
    };
    let mut claims = ActivationClaims::new(importer.clone());
    claims.nats = Activation {
        import_subject: match spec.token {
            TokenSpec::GoodWider => format!("p{}.closed.*", spec.exporter),
            TokenSpec::OtherSubject => format!("p{}.closed.other", spec.exporter),
            _ => subject,
        },
        import_type: kind_of(spec.is_service != (spec.token == TokenSpec::OtherKind)),
        ..Activation::default()
    };
    if spec.token == TokenSpec::Expired {
        claims.expires = now() - 10;
    }
    let other = key(Kind::Account);
    let signer = match spec.token {
        TokenSpec::GoodBySigningKey => {
            claims.nats.issuer_account = accounts[spec.exporter].id();
            &keys[spec.exporter].0
        }
        TokenSpec::OtherExporter => &other,
        _ => &accounts[spec.exporter].key,
    };
    let revoked = spec.token == TokenSpec::Revoked;
    let issued = if revoked { now() - 20 } else { now() };
    made.token = claims.encode(signer, issued).expect("signed");
    if revoked {
        // Only what was issued before that time.
        let exports = &mut accounts[spec.exporter].claims.nats.exports;
        let closed = |e: &&mut Export| e.kind == made.kind && e.subject.contains("closed");
        let export = exports.iter_mut().find(closed).expect("the closed export");
        export.revocations.revoke(&importer, now() - 10);
    }
    made
}

impl Grown {
    fn account_token(&self, tree: &Tree, n: usize) -> String {
        let signer = match tree.accounts[n].signer {
            AccountSigner::Operator => &self.operator.key,
            AccountSigner::OperatorsSigningKey => &self.signing,
            AccountSigner::Stranger => &self.stranger,
        };
        self.accounts[n].signed_by(signer)
    }

    fn start(&self, tree: &Tree) -> Server {
        let mut lines = String::new();
        for n in 0..ACCOUNTS {
            let token = self.account_token(tree, n);
            lines.push_str(&format!("  {}: {token}\n", self.accounts[n].id()));
        }
        let system = &self.operator.system;
        let token = system.signed_by(&self.signing);
        let config = format!(
            "operator: {}\nresolver: MEMORY\nresolver_preload: {{\n{lines}  {}: {token}\n}}\n",
            self.operator.token(),
            system.id(),
        );
        Launch::new(&config).allow_log(".*").start()
    }
}

#[test]
fn the_chain_of_trust_agrees_with_the_oracle() {
    let (mut admitted, mut refused, mut good, mut bad) = (0, 0, 0, 0);
    for seed in 0..TREES_OF_LOGIC {
        let tree = Tree::grow(seed);
        let grown = grown(&tree);
        let trust = Trust::in_operators([&grown.operator.claims]);
        for (spec, user) in tree.users.iter().zip(&grown.users) {
            let claims = UserClaims::decode(&user.token).expect("a user");
            let account = &grown.accounts[spec.account].claims;
            let issuer = match tree.accounts[spec.account].signer {
                AccountSigner::Operator => public(&grown.operator.key),
                AccountSigner::OperatorsSigningKey => public(&grown.signing),
                AccountSigner::Stranger => public(&grown.stranger),
            };
            let verdict = account.admit(&claims, trust.is_strict(&issuer), now());
            let allowed = trust.accepts(&issuer) && verdict.is_ok();
            assert_eq!(
                allowed,
                tree.admits(spec),
                "seed {seed}: {spec:?}: {verdict:?}"
            );
            let count = if allowed { &mut admitted } else { &mut refused };
            *count += 1;
        }
        let closed =
            |import: &&ImportSpec| import.offer == Offer::Closed && import.token != TokenSpec::None;
        for (n, spec) in tree
            .imports
            .iter()
            .enumerate()
            .filter(|(_, spec)| closed(spec))
        {
            let exporter = &grown.accounts[spec.exporter].claims;
            let importer = &grown.accounts[spec.importer];
            let name = format!("i{n}");
            let import = importer.claims.nats.imports.iter().find(|i| i.name == name);
            let import = import.expect("the import");
            let closed = |e: &&Export| e.kind == import.kind && e.subject.contains("closed");
            let export = exporter
                .nats
                .exports
                .iter()
                .find(closed)
                .expect("the export");
            let verdict = check_activation(import, &importer.id(), exporter, export, now());
            assert_eq!(
                verdict.is_ok(),
                tree.token_counts(spec),
                "seed {seed}: {spec:?}: {verdict:?}"
            );
            let count = if verdict.is_ok() { &mut good } else { &mut bad };
            *count += 1;
        }
    }
    // Trees in which everything is refused would prove nothing.
    for (what, count) in [
        ("admitted", admitted),
        ("refused", refused),
        ("good", good),
        ("bad", bad),
    ] {
        assert!(count > 200, "only {count} {what}");
    }
}

#[test]
fn a_server_agrees_with_the_oracle() {
    let (mut admitted, mut crossed) = (0, 0);
    for seed in 0..TREES_OF_SERVERS {
        let tree = Tree::grow(seed);
        let grown = grown(&tree);
        let server = grown.start(&tree);
        for (n, (spec, user)) in tree.users.iter().zip(&grown.users).enumerate() {
            let context = format!("seed {seed}: {spec:?}");
            let wire = enter(user, &server);
            if tree.may_be_refused(spec.account) && wire.is_none() {
                continue;
            }
            assert_eq!(wire.is_some(), tree.admits(spec), "{context}");
            let Some(mut wire) = wire else { continue };
            admitted += 1;
            for first in ["own", "role", "default", "free"] {
                let subject = if first == "role" {
                    format!("role.u{n}")
                } else {
                    format!("{first}.x")
                };
                wire.publish(&subject, "x");
                wire.line("PING");
                let denied = wire
                    .read_through("PONG\r\n")
                    .contains("Permissions Violation");
                assert_eq!(
                    !denied,
                    tree.may_publish(spec, first),
                    "{context}: {subject}"
                );
            }
        }
        // A user of each account that is in order whatever else is.
        let probe = |n: usize| {
            let key = key(Kind::User);
            let mut claims = UserClaims::new(public(&key));
            claims.nats.issuer_account = grown.accounts[n].id();
            claims.nats.limits.permissions.publish.allow = vec![">".into()];
            // Later than any revocation.
            let token = claims.encode(&grown.keys[n].0, now() + 10);
            let token = token.expect("signed");
            enter(&User { key, token }, &server)
        };
        let mut probes: Vec<Option<Wire>> = (0..ACCOUNTS).map(probe).collect();
        for (n, spec) in tree.imports.iter().enumerate() {
            let context = format!("seed {seed}: {spec:?}");
            let subject = remote_subject(&grown.accounts, n, spec);
            let Some((from, to)) = ends(&mut probes, spec) else {
                continue;
            };
            let (sends, receives) = match spec.is_service {
                true => (format!("local.i{n}"), subject),
                false => (subject, format!("local.i{n}")),
            };
            let text = format!("probe-{n}-");
            to.subscribe(&receives, &format!("{}", 100 + n));
            to.flush();
            from.publish(&sends, &text);
            from.flush();
            to.line("PING");
            let came = to.read_through("PONG\r\n").contains(&text);
            if tree.may_be_refused(spec.importer) {
                assert!(!came || tree.works(spec), "{context}");
            } else {
                assert_eq!(came, tree.works(spec), "{context}");
            }
            crossed += usize::from(came);
            to.line(&format!("UNSUB {}", 100 + n));
        }
    }
    assert!(
        admitted > 8 && crossed > 8,
        "{admitted} admitted, {crossed} crossed"
    );
}

/// Who sends and who receives, when both are there.
fn ends<'a>(
    probes: &'a mut [Option<Wire>],
    spec: &ImportSpec,
) -> Option<(&'a mut Wire, &'a mut Wire)> {
    let (low, high) = probes.split_at_mut(spec.importer);
    let exporter = low.get_mut(spec.exporter)?.as_mut()?;
    let importer = high.first_mut()?.as_mut()?;
    Some(match spec.is_service {
        true => (importer, exporter),
        false => (exporter, importer),
    })
}

/// A connection, if the server lets the user in.
fn enter(user: &User, server: &Server) -> Option<Wire> {
    let mut wire = Wire::connect(server);
    let fields = user.fields(&wire);
    wire.send_connect(&fields);
    wire.line("PING");
    match wire.read_line().trim() {
        "PONG" => Some(wire),
        refusal => {
            assert!(
                refusal.contains("Authorization Violation") || refusal.contains("Expired"),
                "{refusal}"
            );
            None
        }
    }
}
