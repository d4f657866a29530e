//! Limits, JetStream and circles of imports: what simulate says of them against what servers do.

use nats_interop::Launch;
use nats_interop::dice::Dice;
use nats_interop::trust::{Account, Operator, User, key, public};
use nats_jwt::claims::{Export, ExportType, Import, UserClaims, UserScope};
use nats_jwt::nkey::Kind;
use nats_nsc::ops::simulate::{Action, Circumstances, Verdict, simulate};

use super::{Stage, World, before_pong, stored};

/// A limit as tokens may have it: none, nothing, something, and what makes no sense.
const NUMBERS: [i64; 6] = [-1, -1, 0, -2, 1, 3];

/// An account and its users with random limits, some by a role.
fn limited(n: usize, dice: &mut Dice) -> World {
    let mut world = World {
        a: Account::new(&format!("A{n}")),
        e: Account::new(&format!("E{n}")),
        users: Vec::new(),
        streams: Vec::new(),
    };
    let limits = &mut world.a.claims.nats.limits;
    limits.conn = dice.of(&[-1, -1, -1, 0, -2, 50]);
    (limits.subs, limits.payload) = (dice.of(&NUMBERS), dice.of(&NUMBERS));
    let scoped = key(Kind::Account);
    let mut scope = UserScope::new(public(&scoped));
    scope.role = "role".into();
    let template = &mut scope.template.limits;
    (template.subs, template.payload) = (dice.of(&NUMBERS), dice.of(&NUMBERS));
    world.a.claims.nats.signing_keys.add_scoped(scope);
    for at in 0..3 {
        let name = format!("u{at}");
        let (subs, payload) = (dice.of(&NUMBERS), dice.of(&NUMBERS));
        world.users.push(match at {
            0 => world
                .a
                .user_by(&scoped, &name, |claims| claims.nats.set_scoped(true)),
            _ => world.a.user_with(&name, |claims| {
                claims.nats.limits.limits.subs = subs;
                claims.nats.limits.limits.payload = payload;
            }),
        });
    }
    world
}

fn says(
    stage: &mut Stage<'_>,
    world: &World,
    user: &User,
    (action, on): (Action, &str),
    circumstances: &Circumstances,
) -> Verdict {
    let claims = UserClaims::decode(&user.token).expect("a user");
    let account = &world.a.claims.name;
    let verdict = simulate(&mut stage.work, account, &claims, action, on, circumstances);
    verdict.unwrap_or_else(|e| panic!("simulate {on:?}: {e:?}"))
}

/// The number in the note that says how large messages may be.
fn largest(verdict: &Verdict) -> Option<usize> {
    let notes = verdict.notes.iter();
    let mut numbers = notes.filter_map(|note| {
        let rest = note.strip_prefix("messages of at most ")?;
        rest.split(' ').next()?.parse().ok()
    });
    numbers.next()
}

#[test]
fn limits_are_told_as_servers_keep_them() {
    let mut dice = Dice::new(super::seed().wrapping_add(2_000));
    let operator = Operator::new();
    let worlds: Vec<_> = (0..super::count()).map(|n| limited(n, &mut dice)).collect();
    let server = super::start(&operator, &worlds);
    let (mut closed, mut silent, mut bounded) = (0, 0, 0);
    for (n, world) in worlds.iter().enumerate() {
        let (home, work) = stored(&operator, world);
        let mut stage = Stage {
            server: &server,
            work,
            _home: home,
        };
        for (at, user) in world.users.iter().enumerate() {
            let plain = Circumstances::default();
            let publish = says(&mut stage, world, user, (Action::Publish, "a"), &plain);
            let subscribe = says(&mut stage, world, user, (Action::Subscribe, "a"), &plain);
            let context = format!("world {n} user {at}: {publish:?} {subscribe:?}");
            let mut wire = nats_interop::Wire::connect(&server);
            let fields = user.fields(&wire);
            wire.send_connect(&fields);
            assert_eq!(publish.allowed, subscribe.allowed, "{context}");
            if !publish.allowed {
                let (said, rule) = (wire.read_to_close(), &publish.rule);
                let full = rule.contains(" connections");
                let wanted = match full {
                    true => "maximum account active connections exceeded",
                    false => "maximum subscriptions exceeded",
                };
                assert!(said.contains(wanted), "{context}: {said}");
                closed += usize::from(full);
                silent += usize::from(!full);
                continue;
            }
            wire.line("SUB a 1");
            assert_eq!(before_pong(&mut wire), "PONG\r\n", "{context}");
            let most = largest(&publish);
            let text = "x".repeat(most.unwrap_or(10));
            if most == Some(0) && nats_interop::binary::is_reference() {
                // A negative limit refuses even what is empty there.
                bounded += 1;
                continue;
            }
            wire.publish("b", &text);
            assert_eq!(before_pong(&mut wire), "PONG\r\n", "{context}");
            if let Some(most) = most {
                wire.publish("b", &"x".repeat(most + 1));
                let said = wire.read_to_close();
                assert!(said.contains("Maximum Payload Violation"), "{context}");
                bounded += 1;
            }
        }
    }
    assert!(
        closed > 0 && silent > 0 && bounded > 0,
        "{closed} closed, {silent} silent, {bounded} bounded: that proves nothing"
    );
}

/// `--js`: allowed means that an answer of JetStream comes.
#[test]
fn with_js_the_answer_has_to_arrive() {
    let mut dice = Dice::new(super::seed().wrapping_add(3_000));
    let operator = Operator::new();
    let subjects = ["$JS.API.>", "$JS.API.INFO", "$JS.*.INFO", ">", "other"];
    let inboxes = ["_INBOX.>", "_INBOX.mine.>", "_INBOX.*", ">", "$JS.>"];
    let mut worlds = Vec::new();
    for n in 0..super::count() {
        let mut world = limited(n, &mut dice);
        let limits = &mut world.a.claims.nats.limits;
        (limits.conn, limits.subs, limits.payload) = (-1, -1, -1);
        (limits.jetstream.mem_storage, limits.jetstream.disk_storage) =
            dice.of(&[(0, 0), (1024, 0), (0, 2048), (-1, -1)]);
        world.users.clear();
        for at in 0..4 {
            let lists = [&subjects, &subjects, &inboxes, &inboxes]
                .map(|from| dice.several(2, |dice| dice.of(from).to_owned()));
            world
                .users
                .push(world.a.user_with(&format!("u{at}"), |claims| {
                    let [publish, unpublished, subscribe, unheard] = lists;
                    let permissions = &mut claims.nats.limits.permissions;
                    permissions.publish.allow = publish;
                    permissions.subscribe.allow = subscribe;
                    if at > 1 {
                        permissions.publish.deny = unpublished;
                        permissions.subscribe.deny = unheard;
                    }
                }));
        }
        worlds.push(world);
    }
    let accounts: Vec<&Account> = worlds.iter().flat_map(|w| [&w.a, &w.e]).collect();
    let config = format!(
        "{}\njetstream {{ store_dir: '$DIR/js', max_memory_store: 1GB, max_file_store: 1GB }}",
        operator.in_memory(&accounts)
    );
    let server = Launch::new(&config).allow_log(".*").start();
    let js = Circumstances {
        jetstream_inbox: Some("_INBOX".into()),
        ..Circumstances::default()
    };
    let (mut answered, mut not) = (0, 0);
    for (n, world) in worlds.iter().enumerate() {
        let (home, work) = stored(&operator, world);
        let mut stage = Stage {
            server: &server,
            work,
            _home: home,
        };
        for (at, user) in world.users.iter().enumerate() {
            let verdict = says(
                &mut stage,
                world,
                user,
                (Action::Publish, "$JS.API.INFO"),
                &js,
            );
            let mut wire = user.open(&server);
            wire.line("SUB _INBOX.mine.* 1");
            let hears = !before_pong(&mut wire).contains("Permissions Violation");
            wire.publish_request("$JS.API.INFO", "_INBOX.mine.1", "");
            let said = before_pong(&mut wire);
            let arrives =
                hears && !said.contains("Permissions Violation") && is_enabled(said, &mut wire);
            let context = format!("world {n} user {at}: {verdict:?}");
            // Whoever hears some inboxes only is not told that it hears all.
            if hears_all(user) {
                assert_eq!(verdict.allowed, arrives, "{context}");
            } else if verdict.allowed && !arrives {
                let note = "will not be delivered";
                assert!(verdict.notes.iter().any(|n| n.contains(note)), "{context}");
            }
            answered += usize::from(verdict.allowed);
            not += usize::from(!verdict.allowed);
        }
    }
    assert!(answered > 5 && not > 5, "{answered} answered, {not} not");
}

/// Whether every inbox, and not only that of the test, is heard.
fn hears_all(user: &User) -> bool {
    let claims = UserClaims::decode(&user.token).expect("a user");
    let subscribe = &claims.nats.limits.permissions.subscribe;
    let mine = |list: &[String]| list.iter().any(|entry| entry.contains("mine"));
    let wide = |entry: &String| entry == "_INBOX.>" || entry == ">";
    let allowed = subscribe.allow.is_empty() || subscribe.allow.iter().any(wide);
    allowed && !mine(&subscribe.deny)
}

/// Whether JetStream answers the request that was sent, and with something other than that it is off.
fn is_enabled(mut said: String, wire: &mut nats_interop::Wire) -> bool {
    // Where nobody may hear there is nothing to wait for but time.
    for _ in 0..10 {
        if said.contains("account_info_response") || said.contains(" 503") {
            break;
        }
        said.push_str(&wire.read_for(std::time::Duration::from_millis(20)));
    }
    said.contains("account_info_response") && !said.contains("10039") && !said.contains("503")
}

/// A request that goes round ends, and simulate says that it may not get all the way.
#[test]
fn circles_of_imports_are_named() {
    let operator = Operator::new();
    for kind in [ExportType::Service, ExportType::Stream] {
        let mut world = World::new(0, &mut Dice::new(5));
        for account in [&mut world.a, &mut world.e] {
            account.claims.nats.exports = vec![Export {
                subject: "loop.>".into(),
                kind,
                ..Export::default()
            }];
            account.claims.nats.imports.clear();
            account.claims.nats.mappings.clear();
        }
        let (a, e) = (world.a.id(), world.e.id());
        for (account, from) in [(&mut world.a, e), (&mut world.e, a)] {
            account.claims.nats.imports.push(Import {
                name: "round".into(),
                subject: "loop.>".into(),
                account: from,
                kind,
                ..Import::default()
            });
        }
        let user = world.a.user_with("u", |claims| {
            claims.nats.limits.permissions.publish.allow = vec![">".into()];
        });
        let (home, work) = stored(&operator, &world);
        let server = super::start(&operator, std::slice::from_ref(&world));
        let mut stage = Stage {
            server: &server,
            work,
            _home: home,
        };
        let action = match kind {
            ExportType::Service => Action::Publish,
            _ => Action::Subscribe,
        };
        let plain = Circumstances::default();
        let verdict = says(&mut stage, &world, &user, (action, "loop.x"), &plain);
        let context = format!("{kind}: {verdict:?}");
        assert!(verdict.allowed, "{context}");
        assert!(
            verdict.notes.iter().any(|note| note.contains("circle")),
            "{context}"
        );
        let there = verdict.places.iter().find(|p| p.account == "E0");
        assert!(there.is_some_and(|place| !place.always), "{context}");
        // And the server is there afterwards.
        let mut wire = user.open(&server);
        wire.line("SUB loop.x 1");
        wire.publish("loop.x", "round and round");
        before_pong(&mut wire);
        user.open(&server);
    }
}
