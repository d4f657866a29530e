//! `nats auth simulate` against servers: what it says of random users, permissions, roles, mappings and imports is what happens.
//!
//! All worlds of one test are in one server, two accounts each: `A<n>` with users, mappings and imports, and `E<n>`, which exports. What
//! simulate says comes from the library behind the command, which reads the same tokens from a store. Start reading at [`World::new`].
//! `NATS_SIMULATE_WORLDS` makes more worlds than CI has time for, `NATS_SIMULATE_SEED` other ones.

use std::collections::BTreeMap;

use nats_interop::binary::is_reference;
use nats_interop::dice::{Dice, matches, universe};
use nats_interop::trust::{Account, Operator, User, ask_text, key, now, public};
use nats_interop::{Launch, Server, Wire};
use nats_jwt::claims::{
    Activation, ActivationClaims, Export, ExportType, Import, Permissions, ResponsePermission,
    UserClaims, UserScope, WeightedMapping,
};
use nats_jwt::nkey::Kind;
use nats_nsc::ops::simulate::{Action, Circumstances, Verdict, let_servers_count, simulate};
use nats_nsc::places::{Directories, Surroundings};
use nats_nsc::workspace::Workspace;
use tempfile::TempDir;

#[path = "simulate_properties/limits.rs"]
mod limits;

const WORLDS: usize = 30;
const USERS: usize = 4;
const QUESTIONS: usize = 8;

const LETTERS: [&str; 3] = ["a", "b", "m"];

fn list(dice: &mut Dice, with_queues: bool) -> Vec<String> {
    let count = dice.of(&[0, 0, 1, 2, 3]);
    let entry = |dice: &mut Dice| match with_queues && dice.once_in(4) {
        true => format!(
            "{} {}",
            dice.pattern(&LETTERS),
            dice.of(&["q", "w", "*", ">", "q.x"])
        ),
        false => dice.pattern(&LETTERS),
    };
    (0..count).map(|_| entry(dice)).collect()
}

fn permissions(dice: &mut Dice) -> Permissions {
    let mut permissions = Permissions::default();
    permissions.publish.allow = list(dice, false);
    permissions.publish.deny = list(dice, false);
    permissions.subscribe.allow = list(dice, true);
    permissions.subscribe.deny = list(dice, true);
    if dice.once_in(4) {
        permissions.response = Some(ResponsePermission {
            max_messages: 1,
            expires_ns: 0,
        });
    }
    permissions
}

struct World {
    a: Account,
    e: Account,
    users: Vec<User>,
    /// Subject in `E` and in `A` of each import of a stream.
    streams: Vec<(String, String)>,
}

impl World {
    fn new(n: usize, dice: &mut Dice) -> Self {
        let (mut a, mut e) = (
            Account::new(&format!("A{n}")),
            Account::new(&format!("E{n}")),
        );
        let scoped = key(Kind::Account);
        let mut scope = UserScope::new(public(&scoped));
        scope.role = "role".into();
        scope.template.permissions = permissions(dice);
        a.claims.nats.signing_keys.add_scoped(scope);
        if dice.once_in(3) {
            a.claims.nats.default_permissions = permissions(dice);
        }
        a.claims.nats.mappings = mappings(dice);
        let streams = share(&mut a, &mut e, dice);
        let users = (0..USERS).map(|at| {
            let name = format!("u{at}");
            let permissions = permissions(dice);
            match dice.roll(4) {
                0 => a.user_by(&scoped, &name, |claims| claims.nats.set_scoped(true)),
                1 => a.user(&name),
                _ => a.user_with(&name, |claims| {
                    claims.nats.limits.permissions = permissions;
                }),
            }
        });
        Self {
            users: users.collect(),
            a,
            e,
            streams,
        }
    }
}

fn mappings(dice: &mut Dice) -> BTreeMap<String, Vec<WeightedMapping>> {
    let choices = [
        ("m", "a"),
        ("m.a", "a.b"),
        ("m.*", "b.{{wildcard(1)}}"),
        ("m.>", "a.>"),
        ("m.*.*", "a.$2.$1"),
    ];
    let mut all: BTreeMap<String, Vec<WeightedMapping>> = BTreeMap::new();
    for (from, to) in choices {
        // Of several that match, the reference takes any.
        let overlaps = all
            .keys()
            .any(|other| matches(other, from) || matches(from, other));
        if !overlaps && dice.once_in(4) {
            let to = WeightedMapping {
                subject: to.to_owned(),
                weight: dice.of(&[0, 100, 100, 50]),
                ..WeightedMapping::default()
            };
            let mut to = vec![to];
            // The rest is lost when the source stands among the destinations, which a `*` cannot.
            if dice.once_in(6) && to[0].weight == 50 && !from.contains('*') {
                to.push(WeightedMapping {
                    subject: from.to_owned(),
                    weight: 30,
                    ..WeightedMapping::default()
                });
            }
            all.insert(from.to_owned(), to);
        }
    }
    all
}

/// Exports and imports; yields those of streams that are meant to work.
fn share(a: &mut Account, e: &mut Account, dice: &mut Dice) -> Vec<(String, String)> {
    let mut streams = Vec::new();
    // What E offers, and how A may call it.
    let offers = [
        ("e.*", "e.*"),
        ("e.*", "a.$1"),
        ("e.x", "b.b"),
        ("e.*.*", "b.$2.$1"),
        ("e.>", "a.>"),
        ("f.a", "m.a"),
        ("f.*", "f.*"),
    ];
    for (at, (remote, local)) in offers.into_iter().enumerate() {
        let kind = match dice.roll(4) {
            0 => ExportType::Stream,
            1 => ExportType::Service,
            _ => continue,
        };
        let token_required = dice.once_in(3);
        let is_exported = !dice.once_in(6);
        let exports = &mut e.claims.nats.exports;
        let overlaps = exports.iter().any(|x| {
            x.kind == kind && (matches(&x.subject, remote) || matches(remote, &x.subject))
        });
        // Servers refuse accounts whose services are in each other's way.
        let place = local.replace("$1", "*").replace("$2", "*");
        let is_in_the_way = a.claims.nats.imports.iter().any(|other| {
            let other = other.local_subject.replace("$1", "*").replace("$2", "*");
            matches(&other, &place) || matches(&place, &other)
        });
        if overlaps || is_in_the_way {
            continue;
        }
        if is_exported {
            exports.push(Export {
                name: format!("x{at}"),
                subject: remote.to_owned(),
                kind,
                token_required,
                ..Export::default()
            });
        }
        let mut import = Import {
            name: format!("i{at}"),
            subject: remote.to_owned(),
            account: e.id(),
            kind,
            local_subject: local.to_owned(),
            ..Import::default()
        };
        let has_token = token_required && !dice.once_in(3);
        if has_token {
            let mut claims = ActivationClaims::new(a.id());
            claims.nats = Activation {
                import_subject: remote.to_owned(),
                import_type: kind,
                ..Activation::default()
            };
            import.token = claims.encode(&e.key, now()).expect("signed");
        }
        if kind == ExportType::Stream {
            streams.push((remote.to_owned(), local.to_owned()));
        }
        a.claims.nats.imports.push(import);
    }
    streams
}

/// The tokens in somebody's store.
fn stored(operator: &Operator, world: &World) -> (TempDir, Workspace) {
    let home = TempDir::with_prefix("nats-simulate-").expect("a directory");
    let around = Surroundings::below(home.path());
    let mut work = Workspace::open(&Directories::default(), around, now()).expect("a workspace");
    let root = home.path().join(".local/share/nats/nsc/stores");
    let store = nats_nsc::store::Store::create(&mut work.files, &root, "OP", false);
    work.use_store(store.expect("a store"));
    work.store_operator(&operator.token())
        .expect("the operator");
    for account in [&world.a, &world.e] {
        let token = operator.sign(account);
        work.store_account(&account.claims.name, &account.id(), &token)
            .expect("an account");
    }
    (home, work)
}

fn count() -> usize {
    let given = std::env::var("NATS_SIMULATE_WORLDS").ok();
    given.map_or(WORLDS, |n| n.parse().expect("a number of worlds"))
}

fn seed() -> u64 {
    let given = std::env::var("NATS_SIMULATE_SEED").ok();
    given.map_or(1, |n| n.parse().expect("a seed"))
}

/// The server, and the store in which one world is.
struct Stage<'s> {
    server: &'s Server,
    work: Workspace,
    _home: TempDir,
}

fn says(stage: &mut Stage<'_>, world: &World, user: &User, action: Action, on: &str) -> Verdict {
    let claims = UserClaims::decode(&user.token).expect("a user");
    let account = &world.a.claims.name;
    let verdict = simulate(
        &mut stage.work,
        account,
        &claims,
        action,
        on,
        &Circumstances::default(),
    );
    verdict.unwrap_or_else(|e| panic!("simulate {on:?}: {e:?}"))
}

fn listener(account: &Account, server: &Server) -> Wire {
    let user = account.user_with("all", |claims| {
        claims.nats.limits.permissions.publish.allow = vec![">".into()];
    });
    let mut wire = user.open(server);
    wire.subscribe(">", "1");
    wire.flush();
    wire
}

/// Sends a ping, and yields what came before its answer.
fn before_pong(wire: &mut Wire) -> String {
    wire.line("PING");
    wire.read_through("PONG\r\n")
}

/// The subjects of the messages with this text.
fn subjects(said: &str, text: &str) -> Vec<String> {
    let (mut subjects, mut subject) = (Vec::new(), "");
    for line in said.split("\r\n") {
        match line.split_once(' ') {
            // Services get their messages with a header.
            Some(("MSG" | "HMSG", rest)) => subject = rest.split(' ').next().unwrap_or(""),
            _ if line == text => subjects.push(subject.to_owned()),
            _ => {}
        }
    }
    subjects.sort_unstable();
    subjects
}

/// What became of one publish: refused or not, and where it was seen.
fn publish(
    wire: &mut Wire,
    in_a: &mut Wire,
    in_e: &mut Wire,
    on: &str,
    text: &str,
) -> (bool, [Vec<String>; 2]) {
    wire.publish(on, text);
    let allowed = !before_pong(wire).contains("Permissions Violation");
    let seen = [in_a, in_e].map(|wire| subjects(&before_pong(wire), text));
    (allowed, seen)
}

fn check_publish(stage: &mut Stage<'_>, world: &World, dice: &mut Dice, context: &str) -> usize {
    let mut in_a = listener(&world.a, stage.server);
    let mut in_e = listener(&world.e, stage.server);
    let mut allowed_ones = 0;
    for (n, user) in world.users.iter().enumerate() {
        let mut wire = user.open(stage.server);
        for question in 0..QUESTIONS {
            let on = match dice.once_in(5) {
                true => dice.of(&["e.a", "e.x", "f.a", "f.b", "e.a.b"]).to_owned(),
                false => dice.literal(&LETTERS),
            };
            let verdict = says(stage, world, user, Action::Publish, &on);
            let text = format!("p{n}-{question}");
            let (allowed, seen) = publish(&mut wire, &mut in_a, &mut in_e, &on, &text);
            let context = format!("{context} user {n} pub {on}: {verdict:?}, seen {seen:?}");
            let partly = is_partly(&verdict);
            if partly {
                continue;
            }
            assert_eq!(verdict.allowed, allowed, "{context}");
            allowed_ones += usize::from(allowed);
            for (account, seen) in [&world.a, &world.e].into_iter().zip(&seen) {
                let places = verdict.places.iter();
                let here: Vec<_> = places
                    .filter(|p| p.account == account.claims.name)
                    .collect();
                for subject in seen {
                    assert!(here.iter().any(|p| p.subject == *subject), "{context}");
                }
                for place in here.iter().filter(|place| place.always) {
                    assert!(seen.contains(&place.subject), "{context}");
                }
            }
        }
    }
    allowed_ones
}

/// What a stream's subject becomes with an import.
fn local_of(remote: &str, local: &str, subject: &str) -> String {
    if let (Some(head), Some(to)) = (remote.strip_suffix('>'), local.strip_suffix('>')) {
        return format!("{to}{}", subject.strip_prefix(head).expect("a match"));
    }
    let tokens = remote.split('.').zip(subject.split('.'));
    let wild: Vec<_> = tokens.filter(|(r, _)| *r == "*").map(|(_, s)| s).collect();
    let mut stars = wild.iter();
    let tokens = local.split('.').map(|token| match token {
        "*" => stars.next().expect("a token"),
        "$1" => wild[0],
        "$2" => wild[1],
        other => other,
    });
    tokens.collect::<Vec<_>>().join(".")
}

fn check_subscribe(stage: &mut Stage<'_>, world: &World, dice: &mut Dice, context: &str) -> usize {
    let talker = |account: &Account| {
        account.user_with("talker", |claims| {
            claims.nats.limits.permissions.publish.allow = vec![">".into()];
        })
    };
    let mut in_a = talker(&world.a).open(stage.server);
    let mut in_e = talker(&world.e).open(stage.server);
    let mut came = 0;
    for (n, user) in world.users.iter().enumerate() {
        let mut wire = user.open(stage.server);
        for question in 0..QUESTIONS {
            let pattern = dice.pattern(&LETTERS);
            let queue = dice
                .once_in(3)
                .then(|| dice.of(&["q", "w", "q.x", "_sys_"]));
            let on = queue.map_or_else(|| pattern.clone(), |queue| format!("{pattern} {queue}"));
            let verdict = says(stage, world, user, Action::Subscribe, &on);
            let sid = format!("{}", 100 * n + question + 10);
            wire.line(&format!("SUB {on} {sid}"));
            let allowed = !before_pong(&mut wire).contains("Permissions Violation");
            let context = format!("{context} user {n} sub {on}: {verdict:?}");
            if leaks(&on) && !verdict.allowed && allowed {
                wire.line(&format!("UNSUB {sid}"));
                continue;
            }
            assert_eq!(verdict.allowed, allowed, "{context}");
            if !allowed {
                continue;
            }
            let sent: Vec<(usize, String)> = universe(&["a", "b"])
                .into_iter()
                .map(|subject| (0, subject))
                .chain(
                    ["e.a", "e.x", "e.a.b", "e.b.a", "f.a", "f.b", "e.a.b.c"]
                        .map(|subject| (1, subject.to_owned())),
                )
                .collect();
            for (at, (whose, subject)) in sent.iter().enumerate() {
                let from = if *whose == 0 { &mut in_a } else { &mut in_e };
                from.publish(subject, &format!("s{at}-{sid}"));
            }
            in_a.flush();
            in_e.flush();
            let said = before_pong(&mut wire);
            for (at, (whose, subject)) in sent.iter().enumerate() {
                let account = [&world.a, &world.e][*whose];
                let arrived = subjects(&said, &format!("s{at}-{sid}"));
                came += arrived.len();
                let context = format!("{context}: {subject} of {whose} came as {arrived:?}");
                let comes = verdict.places.iter().any(|place| {
                    place.account == account.claims.name && matches(&place.subject, subject)
                });
                let withheld = |local: &str| verdict.withheld.iter().any(|w| matches(w, local));
                for local in &arrived {
                    assert!(comes && matches(&pattern, local), "{context}");
                    assert!(!withheld(local), "{context}");
                }
                let locals: Vec<String> = match whose {
                    0 => vec![subject.clone()],
                    _ => {
                        let fitting = world.streams.iter();
                        fitting
                            .filter(|(remote, _)| matches(remote, subject))
                            .map(|(remote, local)| local_of(remote, local, subject))
                            .collect()
                    }
                };
                let reasons = locals.iter().any(|l| withheld(l) || !matches(&pattern, l));
                assert!(!comes || !arrived.is_empty() || reasons, "{context}");
            }
            wire.line(&format!("UNSUB {sid}"));
            wire.flush();
        }
    }
    came
}

/// What mappings make of it depends on chance. The reference refuses messages that are mapped away when the user has an allow list.
fn is_partly(verdict: &Verdict) -> bool {
    let any = |text: &str| verdict.notes.iter().any(|note| note.contains(text));
    any("of the messages") || is_reference() && any("nowhere")
}

/// The reference lets a wildcard subscription pass under a narrower allow list.
fn leaks(on: &str) -> bool {
    is_reference() && (on.contains('*') || on.contains('>'))
}

/// The permissions that count for a user of this world, as its tokens have them.
fn effective(world: &World, user: &User) -> Permissions {
    let claims = UserClaims::decode(&user.token).expect("a user");
    let account = &world.a.claims.nats;
    let own = match account.signing_keys.scope(&claims.issuer) {
        Some(scope) => scope.template.permissions.clone(),
        None => claims.nats.limits.permissions,
    };
    if own.is_empty() {
        return account.default_permissions.clone();
    }
    own
}

/// The same permissions in the words of a configuration.
fn configured(permissions: &Permissions) -> String {
    let list = |word: &str, entries: &[String]| match entries {
        [] => String::new(),
        entries => format!("{word}: {entries:?}, "),
    };
    let side = |word: &str, allow: &[String], deny: &[String]| {
        if allow.is_empty() && deny.is_empty() {
            return String::new();
        }
        let (allow, deny) = (list("allow", allow), list("deny", deny));
        format!("{word}: {{ {allow}{deny} }}, ")
    };
    let (publish, subscribe) = (&permissions.publish, &permissions.subscribe);
    let publish = side("publish", &publish.allow, &publish.deny);
    let subscribe = side("subscribe", &subscribe.allow, &subscribe.deny);
    let answers = match permissions.response {
        Some(_) => "allow_responses: { max: 1 }",
        None => "",
    };
    format!("{{ {publish}{subscribe}{answers} }}")
}

/// A server in configuration mode with the same users and mappings.
fn start_configured(worlds: &[World]) -> Server {
    let mut accounts = String::new();
    for world in worlds {
        let name = &world.a.claims.name;
        let mut users = String::new();
        for (n, user) in world.users.iter().enumerate() {
            let permissions = effective(world, user);
            let permissions = match permissions.is_empty() {
                true => String::new(),
                false => format!(", permissions: {}", configured(&permissions)),
            };
            users.push_str(&format!(
                "{{ user: {name}u{n}, password: p{permissions} }}\n"
            ));
        }
        let mut mappings = String::new();
        for (from, to) in &world.a.claims.nats.mappings {
            let to = to.iter().map(|to| {
                format!(
                    "{{ destination: \"{}\", weight: \"{}%\" }}",
                    to.subject,
                    to.percent()
                )
            });
            let to: Vec<_> = to.collect();
            mappings.push_str(&format!("\"{from}\": [ {} ]\n", to.join(", ")));
        }
        accounts.push_str(&format!(
            "{name} {{ users: [ {users} ], mappings {{ {mappings} }} }}\n"
        ));
    }
    Launch::new(&format!("accounts {{ {accounts} }}"))
        .allow_log(".*")
        .start()
}

fn check_configured(stage: &mut Stage<'_>, world: &World, dice: &mut Dice, context: &str) {
    let name = &world.a.claims.name;
    for (n, user) in world.users.iter().enumerate() {
        let fields = format!(r#""user":"{name}u{n}","pass":"p""#);
        let mut wire = Wire::open_with(stage.server, &fields);
        for sid in 1..=QUESTIONS {
            let on = dice.literal(&LETTERS);
            let verdict = says(stage, world, user, Action::Publish, &on);
            wire.publish(&on, "x");
            let allowed = !before_pong(&mut wire).contains("Permissions Violation");
            let partly = is_partly(&verdict);
            assert!(
                partly || verdict.allowed == allowed,
                "{context} user {n} pub {on}: {verdict:?}"
            );
            let on = match dice.once_in(3) {
                true => format!("{} {}", dice.pattern(&LETTERS), dice.of(&["q", "w", "q.x"])),
                false => dice.pattern(&LETTERS),
            };
            let verdict = says(stage, world, user, Action::Subscribe, &on);
            wire.line(&format!("SUB {on} {sid}"));
            let allowed = !before_pong(&mut wire).contains("Permissions Violation");
            assert!(
                leaks(&on) || verdict.allowed == allowed,
                "{context} user {n} sub {on}: {verdict:?}"
            );
            wire.line(&format!("UNSUB {sid}"));
        }
    }
}

/// Whoever may answer, may; and simulate says so.
fn check_answers(stage: &mut Stage<'_>, world: &World, context: &str) -> usize {
    let mut asker = listener(&world.a, stage.server);
    let mut answers = 0;
    for (n, user) in world.users.iter().enumerate() {
        let on = "a.b";
        let may_hear = says(stage, world, user, Action::Subscribe, on);
        let may_say = says(stage, world, user, Action::Publish, "b.answer");
        if !may_hear.allowed {
            continue;
        }
        let mut wire = user.open(stage.server);
        wire.subscribe(on, "1");
        wire.flush();
        asker.publish_request(on, "b.answer", "question");
        before_pong(&mut asker);
        let said = before_pong(&mut wire);
        let context = format!("{context} user {n}: {may_hear:?} {may_say:?}");
        assert!(said.contains("question"), "{context}");
        let noted = may_say
            .notes
            .iter()
            .any(|note| note.contains("as an answer"));
        wire.publish("b.answer", "answer");
        let allowed = !before_pong(&mut wire).contains("Permissions Violation");
        assert_eq!(allowed, may_say.allowed || noted, "{context}");
        answers += usize::from(allowed && !may_say.allowed);
        before_pong(&mut asker);
    }
    answers
}

fn start(operator: &Operator, worlds: &[World]) -> Server {
    let accounts: Vec<&Account> = worlds.iter().flat_map(|w| [&w.a, &w.e]).collect();
    Launch::new(&operator.in_memory(&accounts))
        .allow_log(".*")
        .start()
}

#[test]
fn what_simulate_says_is_what_servers_do() {
    let seed = seed();
    let mut dice = Dice::new(seed);
    let operator = Operator::new();
    let worlds: Vec<_> = (0..count()).map(|n| World::new(n, &mut dice)).collect();
    let server = start(&operator, &worlds);
    let (mut published, mut came, mut answers) = (0, 0, 0);
    for (n, world) in worlds.iter().enumerate() {
        let context = format!("seed {seed} world {n}");
        let (home, work) = stored(&operator, world);
        let mut stage = Stage {
            server: &server,
            work,
            _home: home,
        };
        published += check_publish(&mut stage, world, &mut dice, &context);
        came += check_subscribe(&mut stage, world, &mut dice, &context);
        answers += check_answers(&mut stage, world, &context);
    }
    let enough = worlds.len();
    assert!(
        published > enough && came > enough && answers > 0,
        "{published} published, {came} came, {answers} answers: that proves nothing"
    );
}

/// The same users in configuration mode: the rules are the same.
#[test]
fn servers_in_configuration_mode_decide_the_same() {
    let seed = seed();
    let mut dice = Dice::new(seed.wrapping_add(1_000));
    let operator = Operator::new();
    let worlds: Vec<_> = (0..count()).map(|n| World::new(n, &mut dice)).collect();
    let server = start_configured(&worlds);
    for (n, world) in worlds.iter().enumerate() {
        let (home, work) = stored(&operator, world);
        let mut stage = Stage {
            server: &server,
            work,
            _home: home,
        };
        check_configured(
            &mut stage,
            world,
            &mut dice,
            &format!("seed {seed} world {n}"),
        );
    }
}

/// `--live`: what the servers have decides, not what the store has.
#[test]
fn with_live_the_accounts_of_the_servers_decide() {
    let mut dice = Dice::new(7);
    let operator = Operator::new();
    let mut world = World::new(0, &mut dice);
    let user = world.a.user("plain");
    world.a.claims.nats.default_permissions = Permissions::default();
    world.a.claims.nats.mappings.clear();
    let (home, work) = stored(&operator, &world);
    world.a.claims.nats.default_permissions.publish.deny = vec!["a.b".into()];
    let config = operator.preloaded("{ type: full, dir: '$DIR/jwt' }", &[&world.a, &world.e]);
    let server = Launch::new(&config).allow_log(".*").start();
    let mut stage = Stage {
        server: &server,
        work,
        _home: home,
    };
    assert!(says(&mut stage, &world, &user, Action::Publish, "a.b").allowed);
    let mut system = operator.system_wire(&server);
    let lookup = format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.LOOKUP", world.a.id());
    let token = ask_text(&mut system, &lookup, "");
    let pulled = vec![(world.a.claims.name.clone(), Ok(token))];
    let count = let_servers_count(&mut stage.work, &pulled).expect("one account");
    assert_eq!(count, 1);
    let live = says(&mut stage, &world, &user, Action::Publish, "a.b");
    assert!(!live.allowed && live.rule.contains("default"), "{live:?}");
    let mut wire = user.open(&server);
    wire.publish("a.b", "");
    wire.expect_err("Permissions Violation for Publish to \"a.b\"");
}

/// An account whose token servers refuse has no users.
#[test]
fn who_is_in_an_account_that_servers_refuse_may_do_nothing() {
    let operator = Operator::new();
    let mut world = World::new(0, &mut Dice::new(3));
    for (subject, local) in [("one", "a.>"), ("two", "a.*")] {
        world.e.claims.nats.exports.push(Export {
            subject: subject.into(),
            kind: ExportType::Service,
            ..Export::default()
        });
        world.a.claims.nats.imports.push(Import {
            name: subject.into(),
            subject: subject.into(),
            account: world.e.id(),
            kind: ExportType::Service,
            local_subject: local.into(),
            ..Import::default()
        });
    }
    let user = world.a.user("u");
    let server = start(&operator, std::slice::from_ref(&world));
    user.is_refused(&server);
    let (home, work) = stored(&operator, &world);
    let mut stage = Stage {
        server: &server,
        work,
        _home: home,
    };
    let verdict = says(&mut stage, &world, &user, Action::Publish, "x");
    assert!(!verdict.allowed, "{verdict:?}");
    assert!(verdict.rule.contains("overlapping"), "{verdict:?}");
}
